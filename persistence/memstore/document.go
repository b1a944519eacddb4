package memstore

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// document is a document that is kept.
type document struct {
	body []byte
	put  time.Time // in whole milliseconds
}

// PutDocument keeps the body of a document.
func (s *Store) PutDocument(ctx context.Context, body []byte) (persistence.Digest, error) {
	d := persistence.DigestOf(body)
	fail := func(err error) (persistence.Digest, error) {
		return persistence.Digest{}, fmt.Errorf("memstore: put document of %d bytes: %w", len(body), err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	s.docMu.Lock()
	defer s.docMu.Unlock()
	if s.closed.Load() {
		return fail(persistence.ErrClosed)
	}
	now := s.documentTime()
	doc, ok := s.docs[d]
	if ok && now.Sub(doc.put) < persistence.DocumentRefresh {
		return d, nil
	}
	if !ok {
		if err := s.grow(len(d) + len(body)); err != nil {
			return fail(err)
		}
		doc.body = clone(body)
	}
	doc.put = now
	s.docs[d] = doc
	return d, nil
}

// documentTime is the time as it is kept of a document.
func (s *Store) documentTime() time.Time { return time.UnixMilli(s.opts.Now().UnixMilli()).UTC() }

// Document returns the body of a document.
func (s *Store) Document(ctx context.Context, d persistence.Digest) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("memstore: document %s: %w", d, err)
	}
	s.docMu.RLock()
	defer s.docMu.RUnlock()
	if s.closed.Load() {
		return nil, fmt.Errorf("memstore: document %s: %w", d, persistence.ErrClosed)
	}
	doc, ok := s.docs[d]
	if !ok {
		return nil, fmt.Errorf("memstore: document %s: %w", d, persistence.ErrNotFound)
	}
	return clone(doc.body), nil
}

// Documents iterates over the documents.
func (s *Store) Documents(ctx context.Context, idle time.Duration) iter.Seq2[persistence.DocumentInfo, error] {
	return func(yield func(persistence.DocumentInfo, error) bool) {
		list, err := s.documentsIdle(ctx, idle)
		for i := 0; err == nil && i < len(list); i++ {
			if err = ctx.Err(); err == nil && !yield(list[i], nil) {
				return
			}
		}
		if err != nil {
			yield(persistence.DocumentInfo{}, fmt.Errorf("memstore: documents: %w", err))
		}
	}
}

func (s *Store) documentsIdle(ctx context.Context, idle time.Duration) ([]persistence.DocumentInfo, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := persistence.CheckIdle(idle); err != nil {
		return nil, err
	}
	s.docMu.RLock()
	defer s.docMu.RUnlock()
	if s.closed.Load() {
		return nil, persistence.ErrClosed
	}
	var list []persistence.DocumentInfo
	now := s.documentTime()
	for d, doc := range s.docs {
		if idle == 0 || now.Sub(doc.put) >= idle {
			list = append(list, persistence.DocumentInfo{Digest: d, Size: int64(len(doc.body)), Put: doc.put})
		}
	}
	return list, nil
}

// DropDocument removes a document that has not been put since.
func (s *Store) DropDocument(ctx context.Context, d persistence.Digest, put time.Time) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("memstore: drop document %s: %w", d, err)
	}
	s.docMu.Lock()
	defer s.docMu.Unlock()
	if s.closed.Load() {
		return false, fmt.Errorf("memstore: drop document %s: %w", d, persistence.ErrClosed)
	}
	doc, ok := s.docs[d]
	if !ok {
		return false, fmt.Errorf("memstore: drop document %s: %w", d, persistence.ErrNotFound)
	}
	if doc.put.After(put) {
		return false, nil
	}
	delete(s.docs, d)
	return true, s.grow(-len(d) - len(doc.body))
}
