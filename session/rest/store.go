package rest

import (
	"context"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// timedStore measures the operations of a store that a session waits for. Those on
// leases and lists pass through.
type timedStore struct {
	persistence.Store
	m *Monitor
}

// measure counts an operation that began at the given time, and tells of it.
func (s *timedStore) measure(operation string, began time.Time) {
	now := s.m.opts.Clock.Now()
	d := now.Sub(began)
	s.m.add(s.m.store, operation, now, d)
	if f := s.m.opts.StoreOperation; f != nil {
		f(operation, d)
	}
}

func (s *timedStore) now() time.Time { return s.m.opts.Clock.Now() }

// Create implements persistence.Store, as do the others.
func (s *timedStore) Create(ctx context.Context, epoch uint64, stored *persistence.Session) error {
	defer s.measure("create", s.now())
	return s.Store.Create(ctx, epoch, stored)
}

// Append is measured.
func (s *timedStore) Append(ctx context.Context, id string, e persistence.Event) (uint64, error) {
	defer s.measure("append", s.now())
	return s.Store.Append(ctx, id, e)
}

// Commit is measured.
func (s *timedStore) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	defer s.measure("commit", s.now())
	return s.Store.Commit(ctx, epoch, c)
}

// Confirm is measured.
func (s *timedStore) Confirm(ctx context.Context, epoch uint64, id string, effects ...string) error {
	defer s.measure("confirm", s.now())
	return s.Store.Confirm(ctx, epoch, id, effects...)
}

// Delete is measured.
func (s *timedStore) Delete(ctx context.Context, epoch uint64, id string) error {
	defer s.measure("delete", s.now())
	return s.Store.Delete(ctx, epoch, id)
}

// Load is measured.
func (s *timedStore) Load(ctx context.Context, id string) (*persistence.Session, error) {
	defer s.measure("load", s.now())
	return s.Store.Load(ctx, id)
}

// Inbox is measured.
func (s *timedStore) Inbox(ctx context.Context, id string, after uint64, limit int) ([]persistence.Event, error) {
	defer s.measure("inbox", s.now())
	return s.Store.Inbox(ctx, id, after, limit)
}

// PutDocument is measured.
func (s *timedStore) PutDocument(ctx context.Context, body []byte) (persistence.Digest, error) {
	defer s.measure("putdocument", s.now())
	return s.Store.PutDocument(ctx, body)
}

// Document is measured.
func (s *timedStore) Document(ctx context.Context, d persistence.Digest) ([]byte, error) {
	defer s.measure("document", s.now())
	return s.Store.Document(ctx, d)
}
