package session_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/persistence/storetest"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// TestRecoverAgain: the buckets of an engine that was killed are taken over when its
// lease has run out, by the engine that has found them held before.
func TestRecoverAgain(t *testing.T) {
	var late atomic.Int64
	store, err := memstore.New(&memstore.Options{Buckets: 4, Now: func() time.Time { return noon.Add(time.Duration(late.Load())) }})
	require.NoError(t, err)
	killed := newBench(t, &session.Options{Store: store, Lease: time.Hour})
	_, err = killed.Recover(deadline(t))
	require.NoError(t, err)
	id := killed.start(chart(ab))

	b := newBench(t, &session.Options{Store: store, Lease: time.Hour})
	n, err := b.Recover(deadline(t))
	require.NoError(t, err)
	assert.Zero(t, n)
	assert.ErrorIs(t, b.Send(deadline(t), id, &scxml.Event{Name: "go"}), session.ErrNotOwner)

	late.Store(int64(2 * time.Hour))
	n, err = b.Recover(deadline(t))
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	b.clock.Advance(time.Hour) // the leases are renewed
	b.send(id, "go")
	assert.Equal(t, []string{"b"}, b.active(id))

	n, err = b.Recover(deadline(t))
	require.NoError(t, err)
	assert.Zero(t, n, "there is nothing else")
	b.send(id, "end")
	assert.Equal(t, session.Finished, b.result(id).Reason)
}

// TestRecoverAfterAnError: what was begun is neither lost nor done twice.
func TestRecoverAfterAnError(t *testing.T) {
	store := memory(t)
	b := node(t, store, session.Options{})
	id := b.start(chart(ab))
	require.NoError(t, b.Shutdown(deadline(t)))

	const list = 2 // the second operation, behind Acquire
	renewals := &renewCounter{Store: storetest.Fail(store, list, storetest.Before)}
	b = newBench(t, &session.Options{Store: renewals, Lease: 3 * time.Hour})
	_, err := b.Recover(deadline(t))
	require.ErrorIs(t, err, storetest.ErrInjected)
	n, err := b.Recover(deadline(t))
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	b.clock.Advance(time.Hour)
	assert.EqualValues(t, 1, renewals.n.Load(), "renewals in a third of the lease")
	b.send(id, "go")
	assert.Equal(t, []string{"b"}, b.active(id))
}

type renewCounter struct {
	persistence.Store
	n atomic.Int64
}

func (c *renewCounter) Renew(ctx context.Context, lease time.Duration, leases ...persistence.Lease) ([]persistence.Lease, error) {
	c.n.Add(1)
	return c.Store.Renew(ctx, lease, leases...)
}

// slowAcquire is a store whose Acquire waits, whatever becomes of its context.
type slowAcquire struct {
	persistence.Store
	reached, ready chan struct{}
}

func (s *slowAcquire) Acquire(_ context.Context, owner string, lease time.Duration, buckets ...int) ([]persistence.Lease, error) {
	close(s.reached)
	<-s.ready
	return s.Store.Acquire(context.Background(), owner, lease, buckets...)
}

// network is a store whose answer to Acquire is not waited for when the context ends; it has taken
// effect nevertheless.
type network struct{ slowAcquire }

func (n *network) Acquire(ctx context.Context, owner string, lease time.Duration, buckets ...int) ([]persistence.Lease, error) {
	leases, err := n.Store.Acquire(context.Background(), owner, lease, buckets...)
	close(n.reached)
	select {
	case <-n.ready:
		return leases, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestLeaseOnTheWay: what the store gives when Shutdown has given up waiting is given back.
func TestLeaseOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &network{slowAcquire{Store: memory(t), reached: make(chan struct{}), ready: make(chan struct{})}}
		e, err := session.New(&session.Options{Store: store, Clock: session.NewVirtualClock(noon), Lease: time.Hour})
		require.NoError(t, err)
		recovered := make(chan error, 1)
		go func() {
			_, err := e.Recover(t.Context())
			recovered <- err
		}()
		<-store.reached
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, e.Shutdown(ctx), context.Canceled)
		synctest.Wait()
		close(store.ready)
		assert.ErrorIs(t, <-recovered, session.ErrClosed)
		leases, err := store.Leases(t.Context())
		require.NoError(t, err)
		for _, l := range leases {
			assert.Empty(t, l.Owner, "of bucket %d", l.Bucket)
		}
	})
}

// TestShutdownDuringRecover: no lease is left that nobody gives back, whether Shutdown waits for
// Recover or not.
func TestShutdownDuringRecover(t *testing.T) {
	for _, waits := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			under := memory(t)
			first := node(t, under, session.Options{})
			first.start(chart(ab))
			require.NoError(t, first.Shutdown(t.Context()))

			store := &slowAcquire{Store: under, reached: make(chan struct{}), ready: make(chan struct{})}
			e, err := session.New(&session.Options{Store: store, Clock: session.NewVirtualClock(noon), Lease: time.Hour})
			require.NoError(t, err)
			recovered, closed := make(chan error, 1), make(chan error, 1)
			go func() {
				_, err := e.Recover(context.Background())
				recovered <- err
			}()
			<-store.reached
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go func() { closed <- e.Shutdown(ctx) }()
			if !waits {
				cancel()
				assert.ErrorIs(t, <-closed, context.Canceled)
				close(store.ready)
			} else {
				synctest.Wait()
				close(store.ready)
				assert.NoError(t, <-closed)
			}
			assert.ErrorIs(t, <-recovered, session.ErrClosed)
			leases, err := under.Leases(t.Context())
			require.NoError(t, err)
			assert.Empty(t, leases[0].Owner)
			assert.Zero(t, e.Len())
		})
	}
}
