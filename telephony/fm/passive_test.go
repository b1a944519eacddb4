package fm_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/session"
)

// passive is the kind of store by which sessions are out of memory whenever they have nothing to
// do; "": they stay in memory. TestMain sets it.
var passive string

// runPassive runs the tests once more, with memstore, and under CI=true with boltstore, which
// writes to the disk a thousand times.
func runPassive(m *testing.M) int {
	if slices.ContainsFunc([]string{"test.bench", "test.fuzz", "test.list"}, given) {
		return 0
	}
	stores := []string{"memstore"}
	if os.Getenv("CI") == "true" {
		stores = append(stores, "boltstore")
	}
	for _, passive = range stores {
		fmt.Println("with sessions out of memory over", passive)
		if code := m.Run(); code != 0 {
			return code
		}
	}
	return 0
}

// passivate gives the engine that is about to be made a store, if the tests run in that mode.
func passivate(t testing.TB, o *session.Options) {
	t.Helper()
	if passive == "" {
		return
	}
	o.Resident, o.Lease = -1, 100_000*time.Hour // no renewals between what tests look at
	if o.Store == nil {
		o.Store = passiveStore(t, o.Clock)
	}
}

func passiveStore(t testing.TB, clock session.Clock) persistence.Store {
	t.Helper()
	if passive == "memstore" {
		store, err := memstore.New(&memstore.Options{Buckets: 4, Now: clock.Now})
		require.NoError(t, err)
		return store
	}
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "sessions.db"), &boltstore.Options{Buckets: 4, Now: clock.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// recoverPassive is Engine.Recover, if the tests run in that mode.
func recoverPassive(t testing.TB, e *session.Engine) {
	t.Helper()
	if passive != "" {
		_, err := e.Recover(context.Background())
		require.NoError(t, err)
	}
}
