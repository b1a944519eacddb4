package session

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
)

// TestLeaseAfterRelease: leases that come when the engine has given back the others are not its own.
func TestLeaseAfterRelease(t *testing.T) {
	store, err := memstore.New(&memstore.Options{Buckets: 4})
	require.NoError(t, err)
	e, err := New(&Options{Store: store, Owner: "e"})
	require.NoError(t, err)
	leases, err := store.Acquire(t.Context(), "e", time.Hour, 0, 1)
	require.NoError(t, err)
	require.True(t, e.durable.hold(leases[:1]))
	require.NoError(t, e.Shutdown(t.Context()))
	assert.False(t, e.durable.hold(leases), "nobody would give them back")
	held := func() (buckets []int) {
		all, err := store.Leases(t.Context())
		require.NoError(t, err)
		for _, l := range all {
			if l.Owner != "" {
				buckets = append(buckets, l.Bucket)
			}
		}
		return buckets
	}
	assert.Equal(t, []int{1}, held())
	require.ErrorIs(t, e.durable.acquire(t.Context(), []int{0, 2}), ErrClosed)
	assert.Equal(t, []int{1}, held())
	require.NoError(t, store.Release(t.Context(), persistence.Lease{Bucket: 1, Owner: "e", Epoch: leases[1].Epoch}))
}
