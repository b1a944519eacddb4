package session_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// gated is a store whose commits wait at a gate.
type gated struct {
	persistence.Store
	gate    chan struct{}
	waiting atomic.Int32
}

func (g *gated) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	g.waiting.Add(1)
	<-g.gate
	return g.Store.Commit(ctx, epoch, c)
}

// Macrosteps that run are one bound, sessions that wait for the store another.
func TestWorkersAndStoreParallel(t *testing.T) {
	for _, c := range []struct {
		name                   string
		workers, storeParallel int
		computing, waiting     int32
	}{
		{"default", 3, 0, 3, 100},
		{"one", 1, 0, 1, 1},
		{"one of many", 1, 20, 1, 20},
		{"both", 2, 10, 2, 10},
		{"never less", 8, 4, 8, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const sessions = 100
				ctx := context.Background()
				var computing atomic.Int32
				release := make(chan struct{})
				memory, err := memstore.New(nil)
				require.NoError(t, err)
				store := &gated{Store: memory, gate: make(chan struct{})}
				e, err := session.New(&session.Options{
					Store: store, Workers: c.workers, StoreParallel: c.storeParallel, Lease: 1000 * time.Hour, IdleTime: -1,
					Log: func(string, scxml.LogEntry) {
						computing.Add(1)
						<-release
					},
				})
				require.NoError(t, err)
				_, err = e.Recover(ctx)
				require.NoError(t, err)
				doc := parse(t, chart(`<state id="a"><onentry><log label="in"/></onentry></state>`))
				for range sessions {
					_, err := e.Start(ctx, session.StartRequest{Document: doc})
					require.NoError(t, err)
				}
				synctest.Wait()
				require.Equal(t, c.computing, computing.Load(), "macrosteps at the same time")
				require.Zero(t, store.waiting.Load())
				close(release)
				synctest.Wait()
				require.Equal(t, c.waiting, store.waiting.Load(), "sessions that wait for the store")
				close(store.gate)
				require.NoError(t, e.Settle(ctx))
				require.EqualValues(t, sessions, store.waiting.Load())
				require.NoError(t, e.Shutdown(ctx))
			})
		})
	}
}
