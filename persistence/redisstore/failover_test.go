package redisstore

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

// A master of a cluster is killed while sessions are written at LevelReplicated, and comes back as
// a replica of the one that took over. Every write that
// was answered is there on the replica that takes over, every open outcome is found out by
// repeating, and no event is handled twice. REDISSTORE_KILLS sets how many masters are killed, one
// after the other
// (default 2).
func TestMasterIsKilled(t *testing.T) {
	kills := 2
	if text := os.Getenv("REDISSTORE_KILLS"); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	nodes := startCluster(t, appendOnly...)
	s, err := Open(t.Context(), addresses(nodes), &Options{Level: LevelReplicated, Buckets: 12, Timeout: 2 * time.Second})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	var buckets []int
	for n := range 12 {
		buckets = append(buckets, n)
	}
	leases, err := s.Acquire(t.Context(), "owner", time.Hour, buckets...)
	require.NoError(t, err)
	require.Len(t, leases, 12)

	var stop atomic.Bool
	var wg sync.WaitGroup
	writers := make([]*writer, 24)
	for i := range writers {
		w := &writer{s: s, epoch: leases[i%12].Epoch, id: string(persistence.AppendBucket(fmt.Appendf(nil, "%029d", i), i%12))}
		writers[i] = w
		require.NoError(t, s.Create(t.Context(), w.epoch, &persistence.Session{ID: w.id}))
		wg.Go(func() {
			for !stop.Load() {
				if err := w.event(t.Context()); err != nil {
					w.err = err
					return
				}
			}
		})
	}
	for range kills {
		before := progress(writers)
		eventually(t, time.Minute, func() error { return moreThan(writers, before, 20) })
		master := aMaster(t, nodes)
		master.kill()
		eventually(t, time.Minute, func() error { // until its replica has taken over
			masters := 0
			for _, n := range nodes {
				if n.isMaster() {
					masters++
				}
			}
			if masters != 3 {
				return fmt.Errorf("%d masters", masters)
			}
			return nil
		})
		master.start(t) // without it the new master has no replica, and nothing is answered
		before = progress(writers)
		eventually(t, time.Minute, func() error { return moreThan(writers, before, 20) })
	}
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
	t.Logf("%d events, %d outcomes found out by repeating, %d masters killed", events, open, kills)
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
	w.rev.Store(n)
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

// progress returns how many steps each writer has made.
func progress(writers []*writer) (steps []uint64) {
	for _, w := range writers {
		steps = append(steps, w.rev.Load())
	}
	return steps
}

// moreThan fails unless every writer has made so many steps more than before.
func moreThan(writers []*writer, before []uint64, steps uint64) error {
	for i, w := range writers {
		if n := w.rev.Load(); n < before[i]+steps {
			return fmt.Errorf("session %s has made %d steps of %d", w.id, n-before[i], steps)
		}
	}
	return nil
}

func aMaster(t *testing.T, nodes []*server) *server {
	for _, n := range nodes {
		if n.isMaster() {
			return n
		}
	}
	t.Fatal("no master")
	return nil
}
