package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
)

// The value of a document is the time of its put, in milliseconds and 8 bytes, and its body.

// errDocument is a value of another form.
var errDocument = errors.New("the document is damaged: its time is missing")

func readDocument(v []byte) (put time.Time, body []byte, err error) {
	if len(v) < 8 {
		return time.Time{}, nil, errDocument
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(v))).UTC(), v[8:], nil
}

// isFresh reports whether a document is there whose time need not be renewed.
func (s *Store) isFresh(v []byte) bool {
	put, _, err := readDocument(v)
	return err == nil && s.opts.Now().Sub(put) < persistence.DocumentRefresh
}

// PutDocument keeps the body of a document.
func (s *Store) PutDocument(ctx context.Context, body []byte) (persistence.Digest, error) {
	d := persistence.DigestOf(body)
	fail := func(err error) (persistence.Digest, error) {
		return persistence.Digest{}, fmt.Errorf("boltstore: put document of %d bytes: %w", len(body), err)
	}
	fresh := false
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		fresh = s.isFresh(tx.Bucket(treeDoc).Get(d[:]))
		return nil
	})
	if err != nil {
		return fail(err)
	}
	if fresh {
		return d, nil
	}
	value := append(make([]byte, 8, 8+len(body)), body...)
	err = s.do(ctx, func(t *txn) error {
		if s.isFresh(t.docs.Get(d[:])) {
			return nil
		}
		binary.BigEndian.PutUint64(value, uint64(s.opts.Now().UnixMilli()))
		return t.docs.Put(d[:], value)
	})
	if err != nil {
		return fail(err)
	}
	return d, nil
}

// Document returns the body of a document.
func (s *Store) Document(ctx context.Context, d persistence.Digest) ([]byte, error) {
	var body []byte
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		v := tx.Bucket(treeDoc).Get(d[:])
		if v == nil {
			return persistence.ErrNotFound
		}
		_, got, err := readDocument(v)
		body = clone(got)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("boltstore: document %s: %w", d, err)
	}
	return body, nil
}

// Documents iterates over the documents.
func (s *Store) Documents(ctx context.Context, idle time.Duration) iter.Seq2[persistence.DocumentInfo, error] {
	return func(yield func(persistence.DocumentInfo, error) bool) {
		err := persistence.CheckIdle(idle)
		var after []byte
		for err == nil {
			var page []persistence.DocumentInfo
			page, after, err = s.documentsAfter(ctx, after, idle)
			for i := 0; err == nil && i < len(page); i++ {
				if err = ctx.Err(); err == nil && !yield(page[i], nil) {
					return
				}
			}
			if err == nil && after == nil {
				return
			}
		}
		yield(persistence.DocumentInfo{}, fmt.Errorf("boltstore: documents: %w", err))
	}
}

// documentsAfter reads a page of documents, and returns the key of its last, nil where there are no more.
func (s *Store) documentsAfter(ctx context.Context, after []byte, idle time.Duration) (page []persistence.DocumentInfo, last []byte, err error) {
	err = s.view(ctx, func(tx *bbolt.Tx) error {
		now := s.opts.Now()
		c := tx.Bucket(treeDoc).Cursor()
		k, v := c.Seek(after)
		if after != nil && string(k) == string(after) {
			k, v = c.Next()
		}
		for ; k != nil && len(page) < pageSize; k, v = c.Next() {
			put, body, err := readDocument(v)
			if err != nil || len(k) != len(persistence.Digest{}) {
				return fmt.Errorf("document %x: %w", k, errors.Join(err, errDocument))
			}
			last = append(last[:0], k...)
			if idle == 0 || now.Sub(put) >= idle {
				page = append(page, persistence.DocumentInfo{Digest: persistence.Digest(k), Size: int64(len(body)), Put: put})
			}
		}
		if k == nil {
			last = nil
		}
		return nil
	})
	return page, last, err
}

// DropDocument removes a document that has not been put since.
func (s *Store) DropDocument(ctx context.Context, d persistence.Digest, put time.Time) (bool, error) {
	var dropped bool
	err := s.do(ctx, func(t *txn) error {
		v := t.docs.Get(d[:])
		if v == nil {
			return persistence.ErrNotFound
		}
		is, _, err := readDocument(v)
		if err != nil {
			return err
		}
		if dropped = !is.After(put); !dropped {
			return nil
		}
		return t.docs.Delete(d[:])
	})
	if err != nil {
		return false, fmt.Errorf("boltstore: drop document %s: %w", d, err)
	}
	return dropped, nil
}
