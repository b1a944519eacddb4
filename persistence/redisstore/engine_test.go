package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/session/crashtest"
)

// onServers is a store on servers that start with the test. The place is their addresses.
func onServers(opts Options, start func(testing.TB) []*server) crashtest.Target {
	return crashtest.Target{
		Place: func(tb testing.TB) string { return strings.Join(addresses(start(tb)), " ") },
		Open: func(place string) (persistence.Store, error) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			o := opts
			return Open(ctx, strings.Fields(place), &o)
		},
	}
}

// The process of an engine is killed again and again; the server stays.
func TestEngineIsKilled(t *testing.T) {
	one := func(tb testing.TB) []*server { return []*server{startServer(tb, appendOnly...)} }
	crashtest.Run(t, onServers(Options{Buckets: 16}, one), &crashtest.Options{Kills: 40})
}

// Masters of a cluster are killed, one after the other, while an engine is at work at LevelReplicated.
func TestMasterIsKilledUnderAnEngine(t *testing.T) {
	var nodes []*server
	start := func(tb testing.TB) []*server {
		nodes = startCluster(tb, appendOnly...)
		return nodes
	}
	crashtest.Run(t, onServers(Options{Buckets: 12, Level: LevelReplicated, Timeout: 2 * time.Second}, start), &crashtest.Options{
		Kills: 2,
		Disturb: func(int) error {
			return failOver(t, nodes)
		},
	})
}

// failOver kills a master, waits until its replica has taken over, and lets it come back as a
// replica of that one: without it the new master has none, and nothing is answered.
func failOver(tb testing.TB, nodes []*server) error {
	for _, n := range nodes {
		if !n.isMaster() {
			continue
		}
		n.kill()
		for deadline := time.Now().Add(time.Minute); masters(nodes) != 3; <-time.After(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				return fmt.Errorf("%d masters", masters(nodes))
			}
		}
		n.start(tb)
		return nil
	}
	return errors.New("no master")
}

func masters(nodes []*server) (n int) {
	for _, s := range nodes {
		if s.isMaster() {
			n++
		}
	}
	return n
}
