package cassandrastore

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/storetest"
)

var clusters atomic.Int64

// options are those for the server of the tests, with a cluster of their own.
func options(opts Options) *Options {
	opts.Cluster = fmt.Sprintf("test%d", clusters.Add(1))
	opts.Username, opts.Password = "cassandra", "cassandra"
	opts.StrategyOptions = "replication_factor:1"
	return &opts
}

// open opens stores that share tables and nothing else.
func open(s *server, opts Options) storetest.Open {
	return func(tb testing.TB) persistence.Store {
		st, err := Open(context.Background(), []string{s.address()}, options(opts))
		require.NoError(tb, err)
		return st
	}
}

func TestStore(t *testing.T) {
	storetest.Run(t, open(startServer(t), Options{}))
}
