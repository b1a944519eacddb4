package server_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
)

// Documents that no session needs leave the store once a day; the others stay.
func TestDocumentsThatNobodyNeeds(t *testing.T) {
	w := newWorld(t)
	w.durable()
	var store persistence.Store
	w.opts.Stores["bolt"] = func(context.Context, *config.Settings) (_ persistence.Store, err error) {
		store, err = memstore.New(&memstore.Options{Now: w.clock.Now})
		return store, err
	}
	srv := w.start()
	status, _ := w.request(srv, "POST", "/scxml/session/start", "src=app:/strategies/first.scxml")
	require.Equal(t, 200, status)
	old, err := store.PutDocument(t.Context(), []byte("<scxml/>"))
	require.NoError(t, err)
	documents := func() (all []persistence.Digest) {
		for info, err := range store.Documents(t.Context(), 0) {
			require.NoError(t, err)
			all = append(all, info.Digest)
		}
		return all
	}
	require.Len(t, documents(), 2)
	w.clock.Advance(23 * time.Hour)
	assert.Contains(t, documents(), old)
	w.clock.Advance(time.Hour + time.Minute)
	left := documents()
	assert.Len(t, left, 1, "that of the session")
	assert.NotContains(t, left, old)
	assert.Equal(t, 1, srv.Engine().Len())

	require.NoError(t, srv.Shutdown(t.Context()))
	w.clock.Advance(48 * time.Hour) // nothing looks at the closed store
	assert.NotContains(t, w.log.String(), "until tomorrow")
}
