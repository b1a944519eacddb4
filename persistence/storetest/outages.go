package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// Outages writes to 24 sessions without a pause, as an engine does, while disturb takes servers away
// and brings them back. Nothing that was answered may be missing afterwards, and nothing may be there
// twice; an outcome that was not known is found out by repeating. disturb gets a function that
// waits until every session has made ten steps more, which has to happen within two minutes.
func Outages(t *testing.T, s persistence.Store, disturb func(goOn func())) {
	t.Helper()
	buckets := make([]int, min(12, s.Buckets()))
	for n := range buckets {
		buckets[n] = n
	}
	leases, err := s.Acquire(t.Context(), "owner", lease, buckets...)
	if err != nil || len(leases) != len(buckets) {
		t.Fatalf("acquired %d buckets of %d: %v", len(leases), len(buckets), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stop atomic.Bool
	var wg sync.WaitGroup
	writers := make([]*writer, 24)
	for i := range writers {
		l := leases[i%len(leases)]
		w := &writer{s: s, epoch: l.Epoch, id: string(persistence.AppendBucket(fmt.Appendf(nil, "%029d", i), l.Bucket))}
		writers[i] = w
		if err := s.Create(ctx, w.epoch, &persistence.Session{ID: w.id}); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for !stop.Load() {
				if err := w.event(ctx); err != nil {
					w.failed.Store(&err)
					return
				}
			}
		})
	}
	disturb(func() { goOn(t, writers) })
	stop.Store(true)
	wg.Wait()
	steps, open := uint64(0), 0
	for _, w := range writers {
		if err := w.failed.Load(); err != nil {
			t.Fatalf("session %s: %v", w.id, *err)
		}
		got, err := s.Load(ctx, w.id)
		if err != nil {
			t.Fatal(err)
		}
		if n := w.steps.Load(); got.Rev != n+1 || got.Acked != n || len(got.Inbox) != 0 {
			t.Errorf("session %s has made %d steps; stored are revision %d, position %d and %d events", w.id, n, got.Rev, got.Acked, len(got.Inbox))
		}
		steps += w.steps.Load()
		open += w.open
	}
	t.Logf("%d steps, %d outcomes found out by repeating", steps, open)
}

// goOn waits until every writer has made ten steps more.
func goOn(t *testing.T, writers []*writer) {
	t.Helper()
	before := make([]uint64, len(writers))
	for i, w := range writers {
		before[i] = w.steps.Load()
	}
	deadline := time.Now().Add(2 * time.Minute)
	for i, w := range writers {
		for w.steps.Load() < before[i]+10 {
			if err := w.failed.Load(); err != nil {
				t.Fatalf("session %s: %v", w.id, *err)
			}
			if time.Now().After(deadline) {
				t.Fatalf("session %s has made %d steps of 10 in two minutes", w.id, w.steps.Load()-before[i])
			}
			<-time.After(10 * time.Millisecond)
		}
	}
}

// writer appends an event and commits its step, again and again.
type writer struct {
	s      persistence.Store
	id     string
	epoch  uint64
	steps  atomic.Uint64 // answered
	open   int           // outcomes that were not known
	failed atomic.Pointer[error]
}

func (w *writer) event(ctx context.Context) error {
	n := w.steps.Load() + 1
	var number uint64
	err := w.until(ctx, func() (err error) {
		number, err = w.s.Append(ctx, w.id, persistence.Event{Key: fmt.Sprint(n)})
		return err
	})
	if err == nil && number != n {
		err = fmt.Errorf("event %d got number %d: one was lost, or is there twice", n, number)
	}
	if err != nil {
		return err
	}
	unknown := false
	err = w.until(ctx, func() error {
		err := w.s.Commit(ctx, w.epoch, &persistence.Commit{ID: w.id, Rev: n, Acked: n, Snapshot: []byte(fmt.Sprint(n))})
		var conflict *persistence.ConflictError
		if unknown && errors.As(err, &conflict) && conflict.Current == n+1 {
			return nil
		}
		unknown = unknown || errors.Is(err, persistence.ErrOutcomeUnknown)
		return err
	})
	if err == nil {
		w.steps.Store(n)
	}
	return err
}

// until repeats try as long as the server is at fault.
func (w *writer) until(ctx context.Context, try func() error) error {
	for {
		err := try()
		unknown := errors.Is(err, persistence.ErrOutcomeUnknown)
		for _, fatal := range []error{persistence.ErrNotFound, persistence.ErrConflict, persistence.ErrFenced, persistence.ErrInvalid, persistence.ErrFull, context.Canceled} {
			if errors.Is(err, fatal) && !unknown {
				return err
			}
		}
		if err == nil {
			return nil
		}
		if unknown {
			w.open++
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
