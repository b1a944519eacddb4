package cassandrastore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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

// The levels above local differ in the words sent to the servers; a few themes show that they are
// understood.
func TestLevels(t *testing.T) {
	for _, level := range []Level{LevelReplicated, LevelEach} {
		t.Run(level.String(), func(t *testing.T) {
			opts := Options{Level: level, Buckets: 7, Keyspace: "levels", StrategyClass: "NetworkTopologyStrategy"}
			o := options(opts)
			o.StrategyOptions, o.DataCentre = "datacenter1:1", "datacenter1"
			s, e := start(t, o)
			claim := "0123456789ABCDEF0123456789ABC000"
			require.NoError(t, s.Create(t.Context(), e, &persistence.Session{ID: id, Claim: claim}))
			n, err := s.Append(t.Context(), id, persistence.Event{Key: "k"})
			require.NoError(t, err)
			require.EqualValues(t, 1, n)
			require.NoError(t, s.Commit(t.Context(), e, &persistence.Commit{ID: id, Rev: 1, Acked: 1}))
			got, err := s.Load(t.Context(), id)
			require.NoError(t, err)
			require.EqualValues(t, 2, got.Rev)
			require.NoError(t, s.Delete(t.Context(), e, id))
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, opts := range []Options{
		{Buckets: -1}, {Buckets: persistence.MaxBuckets + 1}, {Level: 3}, {Timeout: -1}, {Cluster: "a\n"}, {Port: 70000}, {MaxWrite: -1},
		{Keyspace: "a-b"}, {Keyspace: strings.Repeat("k", 49)}, {StrategyClass: "LocalStrategy"}, {StrategyOptions: "DC1:3"},
		{StrategyOptions: "replication_factor"}, {StrategyOptions: "replication_factor:0"}, {StrategyClass: "NetworkTopologyStrategy"},
		{StrategyClass: "NetworkTopologyStrategy", StrategyOptions: "D'C:1"},
	} {
		_, err := Open(t.Context(), []string{"127.0.0.1:1"}, &opts)
		require.ErrorIs(t, err, persistence.ErrInvalid, "%+v", opts)
	}
	_, err := Open(t.Context(), nil, nil)
	require.ErrorIs(t, err, persistence.ErrInvalid)
	cql, err := replication("NetworkTopologyStrategy", "DC1:2; DC2:3")
	require.NoError(t, err)
	require.Equal(t, "{'class': 'NetworkTopologyStrategy', 'DC1': 2, 'DC2': 3}", cql)
	for _, l := range []Level{LevelLocal, LevelReplicated, LevelEach} {
		got, err := ParseLevel(l.String())
		require.NoError(t, err)
		require.Equal(t, l, got)
	}
	_, err = ParseLevel("x")
	require.ErrorIs(t, err, persistence.ErrInvalid)
}

func TestNobodyAnswers(t *testing.T) {
	_, err := Open(t.Context(), []string{fmt.Sprintf("127.0.0.1:%d", freePort(t))}, &Options{Timeout: time.Second})
	require.ErrorContains(t, err, "127.0.0.1")
	require.ErrorContains(t, err, "connection refused")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Open(ended, []string{"127.0.0.1:1"}, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestPassword(t *testing.T) {
	server := startServer(t)
	opts := options(Options{})
	opts.Password = "wrong-word"
	_, err := Open(t.Context(), []string{server.address()}, opts)
	require.ErrorContains(t, err, "username cassandra and/or password are incorrect")
	require.NotContains(t, err.Error(), "wrong-word")
	_, err = Open(t.Context(), []string{server.address()}, nil)
	require.Error(t, err)
}

func TestTLS(t *testing.T) {
	server := startServer(t)
	opts := options(Options{})
	opts.TLS = &tls.Config{}
	_, err := Open(t.Context(), []string{server.address()}, opts)
	require.ErrorContains(t, err, "certificate")
	pem, err := os.ReadFile(filepath.Join(server.dir, "ca.pem"))
	require.NoError(t, err)
	opts.TLS.RootCAs = x509.NewCertPool()
	require.True(t, opts.TLS.RootCAs.AppendCertsFromPEM(pem))
	s, err := Open(t.Context(), []string{server.address()}, opts)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestSchema(t *testing.T) {
	server := startServer(t)
	opts := options(Options{Keyspace: "Schema_1", Buckets: 3, Port: server.port})
	s, err := Open(t.Context(), []string{"127.0.0.1"}, opts)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	opts.Buckets = 4
	_, err = Open(t.Context(), []string{"127.0.0.1"}, opts)
	require.ErrorIs(t, err, persistence.ErrInvalid)
	require.ErrorContains(t, err, "created with 3")
	opts.Buckets = 0
	s, err = Open(t.Context(), []string{"127.0.0.1"}, opts)
	require.NoError(t, err)
	require.Equal(t, 3, s.Buckets())
	require.NoError(t, s.Close())
	server.command(t, `UPDATE "Schema_1".meta SET version = 3 WHERE name = 'schema' IF EXISTS`)
	_, err = Open(t.Context(), []string{"127.0.0.1"}, opts)
	require.ErrorContains(t, err, "schema version 3, this program reads 2")
}

// A keyspace that wants more replicas than there are nodes says how to make it otherwise.
func TestTooFewNodes(t *testing.T) {
	opts := options(Options{Keyspace: "three"})
	opts.StrategyOptions = ""
	_, err := Open(t.Context(), []string{startServer(t).address()}, opts)
	require.ErrorContains(t, err, "1 of the 2 replicas needed are there")
	require.ErrorContains(t, err, "Options.StrategyOptions")
}

const id = "004BUJ1C0KBHF8NIG7HNK2LAES000000" // of bucket 0

// start opens a store and takes its bucket 0.
func start(t *testing.T, opts *Options, addresses ...string) (*Store, uint64) {
	t.Helper()
	if len(addresses) == 0 {
		addresses = []string{startServer(t).address()}
	}
	s, err := Open(t.Context(), addresses, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	leases, err := s.Acquire(t.Context(), "owner", time.Hour, 0)
	require.NoError(t, err)
	require.Len(t, leases, 1)
	return s, leases[0].Epoch
}

func TestLimits(t *testing.T) {
	ctx := t.Context()
	s, e := start(t, options(Options{MaxInbox: 2, MaxWrite: 10_000}))
	big := make([]byte, 10_001)
	require.ErrorIs(t, s.Create(ctx, e, &persistence.Session{ID: id, Snapshot: big}), persistence.ErrTooLarge)
	require.ErrorIs(t, s.Create(ctx, e, &persistence.Session{ID: id, Inbox: make([]persistence.Event, 3)}), persistence.ErrFull)
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: id, Inbox: make([]persistence.Event, 1)}))
	require.ErrorIs(t, s.Commit(ctx, e, &persistence.Commit{ID: id, Rev: 1, Snapshot: big}), persistence.ErrTooLarge)
	_, err := s.Append(ctx, id, persistence.Event{Data: big})
	require.ErrorIs(t, err, persistence.ErrTooLarge)
	_, err = s.PutDocument(ctx, big)
	require.ErrorIs(t, err, persistence.ErrTooLarge)
	_, err = s.Append(ctx, id, persistence.Event{})
	require.NoError(t, err)
	_, err = s.Append(ctx, id, persistence.Event{})
	require.ErrorIs(t, err, persistence.ErrFull)
	require.ErrorContains(t, err, "Options.MaxInbox is 2")

	// Above what the server takes, it is the server that refuses, and nothing is written.
	s.opts.MaxWrite = 1 << 30
	err = s.Commit(ctx, e, &persistence.Commit{ID: id, Rev: 1, Snapshot: make([]byte, 20<<20)})
	require.ErrorIs(t, err, persistence.ErrTooLarge)
	require.ErrorContains(t, err, "Options.MaxWrite")
	require.NoError(t, s.Commit(ctx, e, &persistence.Commit{ID: id, Rev: 1}))
}

// An answer that is lost leaves the outcome open; the repeat tells it.
func TestLostAnswer(t *testing.T) {
	ctx := t.Context()
	server := startServer(t)
	opts := options(Options{Timeout: time.Second, Connections: 1})
	relay := newRelay(t, server.address())
	opts.Port = relay.port // the driver learns the node's address from the node, its port from us
	s, e := start(t, opts, "127.0.0.1")
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: id}))
	require.NoError(t, s.Commit(ctx, e, &persistence.Commit{ID: id, Rev: 1})) // the statements are known now
	lost := &persistence.Commit{ID: id, Rev: 2, Snapshot: []byte("3")}

	// The steps of Commit, the last of which gets no answer.
	inside, done, err := s.enter(ctx)
	require.NoError(t, err)
	h, _, err := s.look(inside, id, s.withAll)
	require.NoError(t, err)
	to, err := h.step(lost)
	require.NoError(t, err)
	relay.mute.Store(true)
	_, err = s.store(inside, int64(e), id, h, to)
	done()
	require.ErrorIs(t, err, persistence.ErrOutcomeUnknown)
	relay.cut()
	relay.mute.Store(false)
	eventually(t, 30*time.Second, func() error {
		err = s.Commit(ctx, e, lost)
		if err == nil || strings.Contains(err.Error(), "revision conflict") {
			return nil
		}
		return err
	})
	got, err2 := s.Load(ctx, id)
	require.NoError(t, err2)
	require.EqualValues(t, 3, got.Rev)
	require.ErrorIs(t, err, persistence.ErrConflict, "the first one took effect")
	require.Equal(t, "3", string(got.Snapshot))
}

// relay hands bytes on between the store and a server, and can swallow the answers.
type relay struct {
	port  int
	mute  atomic.Bool
	conns chan net.Conn
}

func newRelay(t *testing.T, server string) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{port: l.Addr().(*net.TCPAddr).Port, conns: make(chan net.Conn, 1000)}
	t.Cleanup(func() {
		_ = l.Close()
		r.cut()
	})
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", server)
			if err != nil {
				_ = in.Close()
				continue
			}
			r.conns <- in
			r.conns <- out
			go r.pipe(out, in, false)
			go r.pipe(in, out, true)
		}
	}()
	return r
}

func (r *relay) pipe(dst, src net.Conn, answers bool) {
	buf := make([]byte, 1<<16)
	for {
		n, err := src.Read(buf)
		if err == nil && (!answers || !r.mute.Load()) {
			_, err = dst.Write(buf[:n])
		}
		if err != nil {
			_, _ = dst.Close(), src.Close()
			return
		}
	}
}

// cut breaks all connections.
func (r *relay) cut() {
	for {
		select {
		case c := <-r.conns:
			_ = c.Close()
		default:
			return
		}
	}
}
