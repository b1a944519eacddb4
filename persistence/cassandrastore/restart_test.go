package cassandrastore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
)

// The node is killed while sessions are written, and started again. Everything that was answered is
// there, every open outcome is found out by repeating, and no event is handled twice. CASSANDRASTORE_KILLS sets
// how often it is killed (default 1).
func TestNodeIsKilled(t *testing.T) {
	kills := 1
	if text := os.Getenv("CASSANDRASTORE_KILLS"); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	server := startServer(t)
	s, epoch := start(t, options(Options{Timeout: 3 * time.Second}))
	var stop atomic.Bool
	var wg sync.WaitGroup
	writers := make([]*writer, 12)
	for i := range writers {
		w := &writer{s: s, epoch: epoch, id: fmt.Sprintf("%029d000", i)}
		writers[i] = w
		require.NoError(t, s.Create(t.Context(), epoch, &persistence.Session{ID: w.id}))
		wg.Go(func() {
			for !stop.Load() && w.err == nil {
				w.err = w.event(t.Context())
			}
		})
	}
	for range kills {
		moreSteps(t, writers)
		server.kill()
		server.start(t)
	}
	moreSteps(t, writers)
	stop.Store(true)
	wg.Wait()
	events, open := uint64(0), 0
	for _, w := range writers {
		require.NoError(t, w.err, w.id)
		got, err := s.Load(t.Context(), w.id)
		require.NoError(t, err)
		require.Equal(t, w.rev.Load()+1, got.Rev, "session %s", w.id)
		require.Equal(t, w.rev.Load(), got.Acked)
		require.Empty(t, got.Inbox)
		events += w.rev.Load()
		open += w.open
	}
	t.Logf("%d events, %d outcomes found out by repeating, %d kills", events, open, kills)
}

// moreSteps waits until every writer has made ten steps more.
func moreSteps(t *testing.T, writers []*writer) {
	t.Helper()
	var before []uint64
	for _, w := range writers {
		before = append(before, w.rev.Load())
	}
	eventually(t, 2*time.Minute, func() error {
		for i, w := range writers {
			if n := w.rev.Load(); n < before[i]+10 {
				return fmt.Errorf("session %s has made %d steps of 10", w.id, n-before[i])
			}
		}
		return nil
	})
}

// writer appends an event and commits its step, again and again.
type writer struct {
	s     *Store
	id    string
	epoch uint64
	rev   atomic.Uint64 // steps answered
	open  int           // outcomes that were not known
	err   error
}

func (w *writer) event(ctx context.Context) error {
	n := w.rev.Load() + 1
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
		w.rev.Store(n)
	}
	return err
}

// until repeats try as long as the server is at fault.
func (w *writer) until(ctx context.Context, try func() error) error {
	for {
		err := try()
		for _, fatal := range []error{persistence.ErrNotFound, persistence.ErrConflict, persistence.ErrFenced, persistence.ErrInvalid, persistence.ErrFull, context.Canceled} {
			if errors.Is(err, fatal) && !errors.Is(err, persistence.ErrOutcomeUnknown) {
				return err
			}
		}
		if err == nil {
			return nil
		}
		if errors.Is(err, persistence.ErrOutcomeUnknown) {
			w.open++
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
