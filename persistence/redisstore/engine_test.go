package redisstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/inspect"
	"github.com/seed-ff723688/ors/persistence/memstore"
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

// Sessions that were exported from another store are the same here, and go from here to the next.
func TestImport(t *testing.T) {
	from, err := memstore.New(nil)
	require.NoError(t, err)
	leases, err := from.Acquire(t.Context(), "owner", time.Hour, 2)
	require.NoError(t, err)
	d, err := from.PutDocument(t.Context(), []byte("<scxml/>"))
	require.NoError(t, err)
	want := &persistence.Session{
		ID: string(persistence.AppendBucket(fmt.Appendf(nil, "%029d", 1), 2)), Claim: string(persistence.AppendBucket(fmt.Appendf(nil, "%029d", 2), 2)),
		Document: d, Rev: 9, Snapshot: []byte("s\x00\xff"), Acked: 4,
		Inbox:  []persistence.Event{{Number: 5, Key: "k", Data: []byte("five")}, {Number: 6, Data: []byte("six")}},
		Timers: []persistence.Timer{{ID: "1.0", At: time.UnixMilli(1_900_000_000_123).UTC(), Data: []byte("t")}},
		Outbox: []persistence.Effect{{ID: "9.1", Data: []byte("e")}, {ID: "9.0", Data: []byte("f")}},
	}
	require.NoError(t, from.Create(t.Context(), leases[0].Epoch, want))
	var file, again bytes.Buffer
	none := func(*persistence.Session) ([]persistence.Digest, error) { return nil, nil }
	_, err = inspect.Export(t.Context(), &file, from, none, nil)
	require.NoError(t, err)

	to := open(Options{}, startServer(t, appendOnly...).address)(t)
	defer func() { require.NoError(t, to.Close()) }()
	n, err := inspect.Import(t.Context(), to, bytes.NewReader(file.Bytes()), nil)
	require.NoError(t, err)
	require.Equal(t, inspect.Counts{Documents: 1, Sessions: 1}, n)
	got, err := to.Load(t.Context(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = inspect.Export(t.Context(), &again, to, none, nil)
	require.NoError(t, err)
	require.Equal(t, file.String(), again.String())
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
