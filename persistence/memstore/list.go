package memstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// pageSize is how many sessions a list looks at under one lock.
const pageSize = 256

// Ready iterates over the sessions of a bucket with unhandled events or unconfirmed
// effects.
func (s *Store) Ready(ctx context.Context, n int) iter.Seq2[persistence.Info, error] {
	return s.infos(ctx, "ready sessions", n, func(b *bucket) []string {
		ids := make([]string, 0, len(b.ready))
		for r := range b.ready {
			ids = append(ids, r.id)
		}
		return ids
	}, func(r *record) bool { return len(r.inbox)+len(r.outbox) > 0 })
}

// List iterates over the sessions of a bucket by id.
func (s *Store) List(ctx context.Context, n int, after string) iter.Seq2[persistence.Info, error] {
	return s.infos(ctx, "sessions", n, func(b *bucket) []string {
		ids := make([]string, 0, len(b.sessions))
		for id := range b.sessions {
			if id > after {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return ids
	}, func(*record) bool { return true })
}

// infos yields the sessions that choose names, as long as keep agrees. The lock is
// taken for a page at a time, never while yield runs.
func (s *Store) infos(ctx context.Context, what string, n int, choose func(*bucket) []string, keep func(*record) bool) iter.Seq2[persistence.Info, error] {
	return func(yield func(persistence.Info, error) bool) {
		fail := func(err error) {
			yield(persistence.Info{}, fmt.Errorf("memstore: %s of bucket %d: %w", what, n, err))
		}
		if err := persistence.CheckBuckets(len(s.buckets), n); err != nil {
			fail(err)
			return
		}
		b, err := s.enter(ctx, n)
		if err != nil {
			fail(err)
			return
		}
		ids := choose(b)
		b.mu.Unlock()
		page := make([]persistence.Info, 0, min(len(ids), pageSize))
		for chunk := range slices.Chunk(ids, pageSize) {
			b, err := s.enter(ctx, n)
			if err != nil {
				fail(err)
				return
			}
			page = page[:0]
			for _, id := range chunk {
				if r := b.sessions[id]; r != nil && keep(r) {
					page = append(page, r.info())
				}
			}
			b.mu.Unlock()
			for _, info := range page {
				if err := ctx.Err(); err != nil {
					fail(err)
					return
				}
				if !yield(info, nil) {
					return
				}
			}
		}
	}
}

// Due iterates over the timers of a bucket set to until or earlier.
func (s *Store) Due(ctx context.Context, n int, until time.Time) iter.Seq2[persistence.Due, error] {
	return func(yield func(persistence.Due, error) bool) {
		err := persistence.CheckBuckets(len(s.buckets), n)
		var due []persistence.Due
		if err == nil {
			due, err = s.due(ctx, n, until)
		}
		for i := 0; err == nil && i < len(due); i++ {
			if err = ctx.Err(); err == nil && !yield(due[i], nil) {
				return
			}
		}
		if err != nil {
			yield(persistence.Due{}, fmt.Errorf("memstore: due timers of bucket %d: %w", n, err))
		}
	}
}

func (s *Store) due(ctx context.Context, n int, until time.Time) ([]persistence.Due, error) {
	b, err := s.enter(ctx, n)
	if err != nil {
		return nil, err
	}
	defer b.mu.Unlock()
	due := b.timers.due(until.UnixMilli())
	slices.SortFunc(due, func(x, y persistence.Due) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Session, y.Session), cmp.Compare(x.Timer, y.Timer))
	})
	return due, nil
}
