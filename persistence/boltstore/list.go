package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"time"

	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
)

// pageSize is how many entries a list reads in one transaction. Long transactions would
// keep pages from being used again.
const pageSize = 256

// Ready iterates over the sessions of a bucket with unhandled events or unconfirmed
// effects.
func (s *Store) Ready(ctx context.Context, n int) iter.Seq2[persistence.Info, error] {
	return pages(ctx, s, "ready sessions", n, "", func(tx *bbolt.Tx, after string) (page []persistence.Info, last string, err error) {
		prefix := bucketKey(n)
		c := tx.Bucket(treeReady).Cursor()
		k, v := c.Seek(next(readyKey(n, after), after))
		for ; len(page) < pageSize && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			id := string(k[len(prefix):])
			var h head
			err := h.read(tx.Bucket(treeRow), rowsOf(n, id))
			if err == nil {
				err = h.decodeMark(v)
			}
			if err != nil {
				return nil, "", fmt.Errorf("session %q: %w", id, err)
			}
			page, last = append(page, h.info(id)), id
		}
		return page, last, nil
	})
}

// List iterates over the sessions of a bucket by id.
func (s *Store) List(ctx context.Context, n int, after string) iter.Seq2[persistence.Info, error] {
	return pages(ctx, s, "sessions", n, after, func(tx *bbolt.Tx, after string) (page []persistence.Info, last string, err error) {
		prefix := bucketKey(n)
		c := tx.Bucket(treeRow).Cursor()
		k, v := c.Seek(behind(n, after))
		for len(page) < pageSize && bytes.HasPrefix(k, prefix) {
			i := bytes.IndexByte(k[len(prefix):], 0)
			if i < 0 || !bytes.Equal(k[len(prefix)+i+1:], []byte{rowHead}) {
				return nil, "", fmt.Errorf("row %q is no session's first: %w", k, errShort)
			}
			id := string(k[len(prefix) : len(prefix)+i])
			var h head
			err := h.decode(v)
			if err == nil {
				err = h.readMark(tx.Bucket(treeReady), readyKey(n, id))
			}
			if err != nil {
				return nil, "", fmt.Errorf("session %q: %w", id, err)
			}
			page, last = append(page, h.info(id)), id
			k, v = c.Seek(behind(n, id))
		}
		return page, last, nil
	})
}

// Due iterates over the timers of a bucket set to until or earlier.
func (s *Store) Due(ctx context.Context, n int, until time.Time) iter.Seq2[persistence.Due, error] {
	limit := until.UnixMilli()
	return pages(ctx, s, "due timers", n, "", func(tx *bbolt.Tx, after string) (page []persistence.Due, last string, err error) {
		prefix := bucketKey(n)
		c := tx.Bucket(treeDue).Cursor()
		k, _ := c.Seek(next(append(bucketKey(n), after...), after))
		for ; len(page) < pageSize && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
			at, session, timer, ok := readDue(k)
			if !ok {
				return nil, "", errShort
			}
			if at > limit {
				break
			}
			page = append(page, persistence.Due{Session: session, Timer: timer, At: time.UnixMilli(at).UTC()})
			last = string(k[len(prefix):])
		}
		return page, last, nil
	})
}

func bucketKey(bucket int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(bucket)) }

// next is the first key behind k, or k itself where there is nothing to be behind.
func next(k []byte, after string) []byte {
	if after == "" {
		return k
	}
	return append(k, 0)
}

// behind is a key behind all rows of a session and before those of the next.
func behind(bucket int, id string) []byte {
	k := append(bucketKey(bucket), id...)
	if id == "" {
		return k
	}
	return append(k, 1)
}

// pages yields what read returns page by page, each from a transaction of its own. read begins
// behind after and returns where the page ends.
func pages[T any](ctx context.Context, s *Store, what string, n int, after string, read func(tx *bbolt.Tx, after string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		after := after
		err := persistence.CheckBuckets(s.buckets, n)
		for err == nil {
			var page []T
			err = s.view(ctx, func(tx *bbolt.Tx) (err error) {
				page, after, err = read(tx, after)
				return err
			})
			for i := 0; err == nil && i < len(page); i++ {
				if err = ctx.Err(); err == nil && !yield(page[i], nil) {
					return
				}
			}
			if err == nil && len(page) < pageSize {
				return
			}
		}
		yield(zero, fmt.Errorf("boltstore: %s of bucket %d: %w", what, n, err))
	}
}
