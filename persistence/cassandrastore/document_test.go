package cassandrastore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/storetest"
)

// TestDocumentTimes: a put renews the time of a document when it is an hour old, and only then.
func TestDocumentTimes(t *testing.T) {
	s, _ := start(t, options(Options{}))
	d := persistence.DigestOf([]byte("body"))
	storetest.DocumentTimes(t, s, func(by time.Duration) {
		ctx, done, err := s.enter(t.Context())
		require.NoError(t, err)
		defer done()
		r, err := s.documentRow(ctx, d)
		require.NoError(t, err)
		ver := fresh()
		ok, err := s.swap(ctx, ver, stmt{s.cql.renewDocument, []any{ver, r.put - by.Milliseconds(), s.opts.Cluster, d[:], r.ver}})
		require.NoError(t, err)
		require.True(t, ok)
	})
}

// TestDocumentsOfAnotherCluster: two clusters of engines in one keyspace see nothing of each other's documents.
func TestDocumentsOfAnotherCluster(t *testing.T) {
	one, _ := start(t, options(Options{}))
	two, _ := start(t, options(Options{}))
	d, err := one.PutDocument(t.Context(), []byte("body"))
	require.NoError(t, err)
	for info := range two.Documents(t.Context(), 0) {
		require.Fail(t, "another cluster lists it", info.Digest)
	}
	_, err = two.DropDocument(t.Context(), d, time.Now().Add(time.Hour))
	require.ErrorIs(t, err, persistence.ErrNotFound)
	_, err = one.Document(t.Context(), d)
	require.NoError(t, err)
}
