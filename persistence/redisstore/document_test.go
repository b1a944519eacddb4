package redisstore

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/storetest"
)

// TestDocumentTimes: a put renews the time of a document when it is an hour old, and only then.
func TestDocumentTimes(t *testing.T) {
	server := startServer(t, appendOnly...)
	s, err := Open(t.Context(), []string{server.address}, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	d := persistence.DigestOf([]byte("body"))
	storetest.DocumentTimes(t, s, func(by time.Duration) {
		_, err := command(server.address, "ZINCRBY", s.documentBucket(d).docs(), strconv.FormatInt(-by.Milliseconds(), 10), d.String())
		require.NoError(t, err)
	})
	n, err := command(server.address, "DBSIZE")
	require.NoError(t, err)
	require.Equal(t, "1", n, "what stays is the store's format")
}
