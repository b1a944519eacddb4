package redisstore

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence/storetest"
)

// A master of a cluster is killed while sessions are written at LevelReplicated, and comes back as
// a replica of the one that took over. Every write that was answered is there, every open outcome is
// found out by repeating, and no event is handled twice. REDISSTORE_KILLS sets how many masters are
// killed, one after the other (default 2).
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
	storetest.Outages(t, s, func(goOn func()) {
		for range kills {
			goOn()
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
			goOn()
		}
	})
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
