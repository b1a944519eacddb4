package cassandrastore

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence/storetest"
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
	s, err := Open(t.Context(), []string{server.address()}, options(Options{Timeout: 3 * time.Second}))
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	storetest.Outages(t, s, func(goOn func()) {
		for range kills {
			goOn()
			server.kill()
			server.start(t)
		}
		goOn()
	})
}
