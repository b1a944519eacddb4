package redisstore

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/storetest"
)

var clusters atomic.Int64

// open opens stores that share servers and nothing else.
func open(opts Options, addresses ...string) storetest.Open {
	return func(tb testing.TB) persistence.Store {
		o := opts
		o.Cluster = fmt.Sprintf("test%d", clusters.Add(1))
		s, err := Open(context.Background(), addresses, &o)
		require.NoError(tb, err)
		return s
	}
}

var appendOnly = []string{"--appendonly", "yes", "--appendfsync", "everysec"}

func addresses(nodes []*server) (out []string) {
	for _, n := range nodes {
		out = append(out, n.address)
	}
	return out
}

func TestStore(t *testing.T) {
	s := startServer(t, appendOnly...)
	storetest.Run(t, open(Options{}, s.address))
}

func TestTTLStore(t *testing.T) {
	s := startServer(t)
	storetest.Run(t, open(Options{Level: LevelMemory, TTL: time.Hour, Buckets: 7}, s.address))
}

func TestClusterStore(t *testing.T) {
	nodes := startCluster(t, appendOnly...)
	t.Run("local", func(t *testing.T) { storetest.Run(t, open(Options{}, addresses(nodes)[:1]...)) })
	t.Run("replicated", func(t *testing.T) {
		storetest.Run(t, open(Options{Level: LevelReplicated}, addresses(nodes)...))
	})
}

func TestOptionsAreChecked(t *testing.T) {
	for _, opts := range []Options{
		{Buckets: -1}, {Buckets: persistence.MaxBuckets + 1}, {Level: 3}, {Connections: 3}, {Timeout: -1}, {Cluster: "a{b}"}, {Prefix: "a\n"},
	} {
		_, err := Open(t.Context(), []string{"127.0.0.1:1"}, &opts)
		require.ErrorIs(t, err, persistence.ErrInvalid, "%+v", opts)
	}
	_, err := Open(t.Context(), nil, nil)
	require.ErrorIs(t, err, persistence.ErrInvalid)
	_, err = Open(t.Context(), []string{"127.0.0.1:1"}, nil)
	require.ErrorContains(t, err, "127.0.0.1:1")
	for _, l := range []Level{LevelMemory, LevelLocal, LevelReplicated} {
		got, err := ParseLevel(l.String())
		require.NoError(t, err)
		require.Equal(t, l, got)
	}
	_, err = ParseLevel("x")
	require.ErrorIs(t, err, persistence.ErrInvalid)
}

func TestServersThatWouldLoseSessions(t *testing.T) {
	plain := startServer(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	_, err := Open(t.Context(), []string{plain.address}, &Options{Level: LevelMemory})
	require.ErrorContains(t, err, "set maxmemory-policy from allkeys-lru to noeviction")
	_, err = command(plain.address, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	require.NoError(t, err)
	_, err = Open(t.Context(), []string{plain.address}, nil)
	require.ErrorContains(t, err, "no append-only file, as level local needs")
	s, err := Open(t.Context(), []string{plain.address}, &Options{Level: LevelMemory, Buckets: 3})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	_, err = Open(t.Context(), []string{plain.address}, &Options{Level: LevelMemory, Buckets: 4})
	require.ErrorIs(t, err, persistence.ErrInvalid)
	require.ErrorContains(t, err, "created with 3")
	_, err = command(plain.address, "HSET", "ORS:default:meta", "format", "2")
	require.NoError(t, err)
	_, err = Open(t.Context(), []string{plain.address}, &Options{Level: LevelMemory})
	require.ErrorContains(t, err, "format 2, this version reads 3")
}

func TestPassword(t *testing.T) {
	s := startServer(t, "--requirepass", "secret-word")
	_, err := Open(t.Context(), []string{s.address}, &Options{Level: LevelMemory, Password: "wrong-word"})
	require.ErrorContains(t, err, "WRONGPASS")
	require.NotContains(t, err.Error(), "wrong-word")
	st, err := Open(t.Context(), []string{s.address}, &Options{Level: LevelMemory, Password: "secret-word"})
	require.NoError(t, err)
	require.NoError(t, st.Close())
}

const id = "004BUJ1C0KBHF8NIG7HNK2LAES000000" // of bucket 0

func start(t *testing.T, opts Options, addresses ...string) (*Store, uint64) {
	t.Helper()
	s, err := Open(t.Context(), addresses, &opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	leases, err := s.Acquire(t.Context(), "owner", time.Hour, 0)
	require.NoError(t, err)
	require.Len(t, leases, 1)
	return s, leases[0].Epoch
}

// A full server refuses what it cannot keep, and still takes what makes room.
func TestFullServer(t *testing.T) {
	ctx := t.Context()
	server := startServer(t, "--maxmemory", "20mb", "--maxmemory-policy", "noeviction")
	s, e := start(t, Options{Level: LevelMemory}, server.address)
	name := func(i int) string { return fmt.Sprintf("%029d000", i) }
	doc, err := s.PutDocument(ctx, []byte("body"))
	require.NoError(t, err)
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = s.Create(ctx, e, &persistence.Session{ID: name(n), Snapshot: make([]byte, 1<<18), Outbox: []persistence.Effect{{ID: "e"}}})
	}
	require.ErrorIs(t, err, persistence.ErrFull)
	_, err = s.Load(ctx, name(n-1))
	require.ErrorIs(t, err, persistence.ErrNotFound)
	for i := 1000; ; i++ { // until nothing fits any more
		require.Less(t, i, 100_000)
		if err := s.Create(ctx, e, &persistence.Session{ID: name(i), Snapshot: make([]byte, 1000)}); err != nil {
			require.ErrorIs(t, err, persistence.ErrFull)
			break
		}
	}
	require.ErrorIs(t, s.Commit(ctx, e, &persistence.Commit{ID: name(0), Rev: 1}), persistence.ErrFull)
	require.NoError(t, s.Confirm(ctx, e, name(0), "e"))
	got, err := s.Load(ctx, name(0))
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Rev)
	require.Empty(t, got.Outbox)
	_, err = s.PutDocument(ctx, []byte("another"))
	require.ErrorIs(t, err, persistence.ErrFull)
	dropped, err := s.DropDocument(ctx, doc, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.True(t, dropped)
	for i := range 10 {
		require.NoError(t, s.Delete(ctx, e, name(i)))
	}
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: name(n), Snapshot: make([]byte, 1<<18)}))
}

// A server that dies comes back with what it answered; while it is away, writes end with an
// error and none hangs.
func TestServerDiesAndComesBack(t *testing.T) {
	ctx := t.Context()
	server := startServer(t, "--appendonly", "yes", "--appendfsync", "always")
	s, e := start(t, Options{Timeout: time.Second}, server.address)
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: id, Snapshot: []byte("state")}))
	n, err := s.Append(ctx, id, persistence.Event{Key: "k", Data: []byte("event")})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	server.kill()
	require.Error(t, s.Commit(ctx, e, &persistence.Commit{ID: id, Rev: 1, Acked: 1}))
	_, err = s.Load(ctx, id)
	require.Error(t, err)
	server.start(t)
	eventually(t, 10*time.Second, func() error {
		_, err := s.Load(ctx, id)
		return err
	})
	eventually(t, 10*time.Second, func() error { // each connection finds out for itself
		n, err = s.Append(ctx, id, persistence.Event{Key: "k"})
		return err
	})
	require.EqualValues(t, 1, n, "the event was kept, and its key")
	got, err := s.Load(ctx, id)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Rev, "what ended with an error and could not arrive was not written")
	require.Len(t, got.Inbox, 1)
}

// An answer that is lost leaves the outcome open; the repeat tells it.
func TestLostAnswer(t *testing.T) {
	ctx := t.Context()
	server := startServer(t)
	relay := newRelay(t, server.address)
	s, e := start(t, Options{Level: LevelMemory, Timeout: 500 * time.Millisecond, Connections: 1}, relay.address)
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: id}))
	require.NoError(t, s.Commit(ctx, e, &persistence.Commit{ID: id, Rev: 1})) // the server knows the script now
	relay.mute.Store(true)
	lost := &persistence.Commit{ID: id, Rev: 2, Snapshot: []byte("3")}
	err := s.Commit(ctx, e, lost)
	require.ErrorIs(t, err, persistence.ErrOutcomeUnknown)
	relay.cut()
	relay.mute.Store(false)
	eventually(t, 10*time.Second, func() error {
		err = s.Commit(ctx, e, lost)
		if strings.Contains(fmt.Sprint(err), "unknown") {
			return err
		}
		return nil
	})
	require.ErrorIs(t, err, persistence.ErrConflict, "the first one took effect")
	got, err := s.Load(ctx, id)
	require.NoError(t, err)
	require.EqualValues(t, 3, got.Rev)
}

// relay hands bytes on between the store and a server, and can swallow the answers.
type relay struct {
	address string
	mute    atomic.Bool
	conns   chan net.Conn
}

func newRelay(t *testing.T, server string) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{address: l.Addr().String(), conns: make(chan net.Conn, 1000)}
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

func TestLevelReplicatedNeedsAReplica(t *testing.T) {
	server := startServer(t, appendOnly...)
	_, err := Open(t.Context(), []string{server.address}, &Options{Level: LevelReplicated, ReplicaTimeout: 50 * time.Millisecond})
	require.ErrorIs(t, err, persistence.ErrOutcomeUnknown)
	require.ErrorContains(t, err, "no replica had the write")
}

func TestExpiredSessionsLeaveTheLists(t *testing.T) {
	ctx := t.Context()
	server := startServer(t)
	s, e := start(t, Options{Level: LevelMemory, TTL: time.Millisecond}, server.address)
	claim := "0123456789ABCDEF0123456789ABC000"
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: id, Claim: claim}))
	eventually(t, 10*time.Second, func() error {
		if _, err := s.Load(ctx, id); err == nil {
			return fmt.Errorf("it is still there")
		}
		return nil
	})
	for info, err := range s.List(ctx, 0, "") {
		t.Fatalf("%v %v", info, err)
	}
	_, err := s.Lookup(ctx, claim)
	require.ErrorIs(t, err, persistence.ErrNotFound)
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: "1" + id[1:], Claim: claim}), "the claim is free")
}

func TestEpochsAreNeverUsedTwice(t *testing.T) {
	server := startServer(t)
	s, e := start(t, Options{Level: LevelMemory}, server.address)
	_, err := command(server.address, "FLUSHALL") // as if a fail-over had lost it all
	require.NoError(t, err)
	leases, err := s.Acquire(t.Context(), "other", time.Hour, 0)
	require.NoError(t, err)
	require.Greater(t, leases[0].Epoch, e)
}

// TestManyEffects: a commit may add all effects that the engine lets a macrostep have.
func TestManyEffects(t *testing.T) {
	s := open(Options{Buckets: 1}, startServer(t, appendOnly...).address)(t)
	defer func() { require.NoError(t, s.Close()) }()
	leases, err := s.Acquire(t.Context(), "owner", time.Hour, 0)
	require.NoError(t, err)
	epoch := leases[0].Epoch
	require.NoError(t, s.Create(t.Context(), epoch, &persistence.Session{ID: "a", Snapshot: []byte("s")}))
	c := &persistence.Commit{ID: "a", Rev: 1}
	for i := range 12_000 {
		c.Effects = append(c.Effects, persistence.Effect{ID: fmt.Sprint("e", i), Data: []byte("d")})
	}
	require.NoError(t, s.Commit(t.Context(), epoch, c))
	got, err := s.Load(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, c.Effects, got.Outbox)

	again := &persistence.Commit{ID: "a", Rev: 2}
	for _, e := range c.Effects {
		again.Effects = append(again.Effects, persistence.Effect{ID: "new " + e.ID})
	}
	for _, i := range []int{0, 4994, 4995, 9995, 11_999} { // at the edges of what is asked for in one call
		id := again.Effects[i].ID
		again.Effects[i].ID = c.Effects[7].ID
		err := s.Commit(t.Context(), epoch, again)
		require.ErrorIs(t, err, persistence.ErrInvalid)
		require.ErrorContains(t, err, `"e7"`)
		again.Effects[i].ID = id
	}
	again.Effects = nil
	for _, e := range c.Effects {
		again.Confirmed = append(again.Confirmed, e.ID)
	}
	require.NoError(t, s.Commit(t.Context(), epoch, again))
	got, err = s.Load(t.Context(), "a")
	require.NoError(t, err)
	require.Empty(t, got.Outbox)
}
