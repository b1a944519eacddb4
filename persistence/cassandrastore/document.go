package cassandrastore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/seed-ff723688/ors/persistence"
)

// documentRow is a document without its body, as it is stored.
type documentRow struct {
	ver, put int64 // zero: there is none
	now      int64 // of the server that answered
}

// documentRow reads the row of a document.
func (s *Store) documentRow(ctx context.Context, d persistence.Digest) (r documentRow, err error) {
	err = s.session.Query(s.cql.documentTime, s.opts.Cluster, d[:]).ScanContext(ctx, &r.ver, &r.put, &r.now)
	if errors.Is(err, gocql.ErrNotFound) {
		r.now, err = s.now(ctx)
	}
	return r, err
}

// lockDocument has the writers of this process to one document wait for each other, as locks has those to a session; no
// session has such an id.
func (s *Store) lockDocument(ctx context.Context, d persistence.Digest) (func(), error) {
	return s.locks.lock(ctx, "\x00"+d.String())
}

// PutDocument keeps the body of a document.
func (s *Store) PutDocument(ctx context.Context, body []byte) (persistence.Digest, error) {
	d := persistence.DigestOf(body)
	if err := s.putDocument(ctx, d, body); err != nil {
		return persistence.Digest{}, fmt.Errorf("cassandrastore: put document of %d bytes: %w", len(body), err)
	}
	return d, nil
}

func (s *Store) putDocument(ctx context.Context, d persistence.Digest, body []byte) error {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := s.fits(len(body)); err != nil {
		return err
	}
	if body == nil {
		body = []byte{}
	}
	unlock, err := s.lockDocument(ctx, d)
	if err != nil {
		return err
	}
	defer unlock()
	for try := 0; ; try++ {
		r, err := s.documentRow(ctx, d)
		if err != nil {
			return err
		}
		if r.ver != 0 && r.now-r.put < persistence.DocumentRefresh.Milliseconds() {
			return nil
		}
		ver := fresh()
		put := stmt{s.cql.renewDocument, []any{ver, r.now, s.opts.Cluster, d[:], r.ver}}
		if r.ver == 0 {
			put = stmt{s.cql.addDocument, []any{ver, r.now, int64(len(body)), body, s.opts.Cluster, d[:], nil}}
		}
		if ok, err := s.swap(ctx, ver, put); ok || err != nil {
			return err
		}
		if err := again(ctx, try); err != nil {
			return err
		}
	}
}

// Document returns the body of a document.
func (s *Store) Document(ctx context.Context, d persistence.Digest) ([]byte, error) {
	body, err := s.document(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("cassandrastore: document %s: %w", d, err)
	}
	return body, nil
}

func (s *Store) document(ctx context.Context, d persistence.Digest) ([]byte, error) {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var body []byte
	err = s.session.Query(s.cql.document, s.opts.Cluster, d[:]).ScanContext(ctx, &body)
	if errors.Is(err, gocql.ErrNotFound) {
		return nil, persistence.ErrNotFound
	}
	return body, err
}

// Documents iterates over the documents. It reads the digests of all clusters of engines in the keyspace.
func (s *Store) Documents(ctx context.Context, idle time.Duration) iter.Seq2[persistence.DocumentInfo, error] {
	return func(yield func(persistence.DocumentInfo, error) bool) {
		err := persistence.CheckIdle(idle)
		var next []byte
		for err == nil {
			var page []persistence.DocumentInfo
			page, next, err = s.documentPage(ctx, next, idle)
			for i := 0; err == nil && i < len(page); i++ {
				if err = ctx.Err(); err == nil && !yield(page[i], nil) {
					return
				}
			}
			if err == nil && len(next) == 0 {
				return
			}
		}
		yield(persistence.DocumentInfo{}, fmt.Errorf("cassandrastore: documents: %w", err))
	}
}

// documentPage reads a page of documents, and returns where the next one begins; nil where there is none.
func (s *Store) documentPage(ctx context.Context, from []byte, idle time.Duration) (page []persistence.DocumentInfo, next []byte, err error) {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	iter := s.session.Query(s.cql.documents).PageSize(pageSize).PageState(from).IterContext(ctx)
	next = iter.PageState()
	var cluster string
	var digest []byte
	var size, put, now int64
	for iter.Scan(&cluster, &digest, &size, &put, &now) {
		if cluster != s.opts.Cluster || idle > 0 && now-put < idle.Milliseconds() {
			continue
		}
		if len(digest) != len(persistence.Digest{}) {
			return nil, nil, errors.Join(errDamaged, iter.Close())
		}
		page = append(page, persistence.DocumentInfo{Digest: persistence.Digest(digest), Size: size, Put: time.UnixMilli(put).UTC()})
	}
	return page, next, iter.Close()
}

// DropDocument removes a document that has not been put since.
func (s *Store) DropDocument(ctx context.Context, d persistence.Digest, put time.Time) (bool, error) {
	dropped, err := s.dropDocument(ctx, d, put.UnixMilli())
	if err != nil {
		return false, fmt.Errorf("cassandrastore: drop document %s: %w", d, err)
	}
	return dropped, nil
}

func (s *Store) dropDocument(ctx context.Context, d persistence.Digest, put int64) (bool, error) {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	unlock, err := s.lockDocument(ctx, d)
	if err != nil {
		return false, err
	}
	defer unlock()
	for try := 0; ; try++ {
		r, err := s.documentRow(ctx, d)
		if err != nil {
			return false, err
		}
		if r.ver == 0 {
			return false, persistence.ErrNotFound
		}
		if r.put > put {
			return false, nil
		}
		dropped, err := s.swap(ctx, fresh(), stmt{s.cql.dropDocument, []any{s.opts.Cluster, d[:], r.ver}})
		if dropped || err != nil {
			return dropped, err
		}
		if err := again(ctx, try); err != nil {
			return false, err
		}
	}
}
