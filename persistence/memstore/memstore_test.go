package memstore

import (
	"fmt"
	"iter"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/storetest"
)

func open(opts Options) storetest.Open {
	return func(tb testing.TB) persistence.Store {
		s, err := New(&opts)
		require.NoError(tb, err)
		return s
	}
}

func TestStore(t *testing.T)     { storetest.Run(t, open(Options{})) }
func TestOneBucket(t *testing.T) { storetest.Run(t, open(Options{Buckets: 1})) }

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, open(Options{})) }

const id = "004BUJ1C0KBHF8NIG7HNK2LAES000000" // of bucket 0

func start(t *testing.T, opts Options) (*Store, uint64) {
	s, err := New(&opts)
	require.NoError(t, err)
	leases, err := s.Acquire(t.Context(), "owner", time.Second, 0)
	require.NoError(t, err)
	require.Len(t, leases, 1)
	return s, leases[0].Epoch
}

func TestOptionsAreChecked(t *testing.T) {
	for _, n := range []int{-1, persistence.MaxBuckets + 1} {
		_, err := New(&Options{Buckets: n})
		require.ErrorIs(t, err, persistence.ErrInvalid)
	}
	s, err := New(nil)
	require.NoError(t, err)
	require.Equal(t, persistence.DefaultBuckets, s.Buckets())
}

func TestMaxSessions(t *testing.T) {
	ctx := t.Context()
	s, e := start(t, Options{Buckets: 1, MaxSessions: 2})
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: "a"}))
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: "b"}))
	err := s.Create(ctx, e, &persistence.Session{ID: "c"})
	require.ErrorIs(t, err, persistence.ErrFull)
	require.EqualError(t, err, `memstore: create session "c": store full: Options.MaxSessions is 2`)
	require.NoError(t, s.Delete(ctx, e, "a"))
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: "c"}))
}

func TestMaxInbox(t *testing.T) {
	ctx := t.Context()
	s, e := start(t, Options{MaxInbox: 2})
	require.ErrorIs(t, s.Create(ctx, e, &persistence.Session{ID: id, Inbox: make([]persistence.Event, 3)}), persistence.ErrFull)
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: id, Inbox: make([]persistence.Event, 1)}))
	_, err := s.Append(ctx, id, persistence.Event{Key: "k"})
	require.NoError(t, err)
	_, err = s.Append(ctx, id, persistence.Event{})
	require.EqualError(t, err, `memstore: append to session "`+id+`": store full: 2 events wait unhandled, Options.MaxInbox is 2`)
	n, err := s.Append(ctx, id, persistence.Event{Key: "k"})
	require.NoError(t, err, "a repeat needs no room")
	require.EqualValues(t, 2, n)
	require.NoError(t, s.Commit(ctx, e, &persistence.Commit{ID: id, Rev: 1, Acked: 1}))
	_, err = s.Append(ctx, id, persistence.Event{})
	require.NoError(t, err)
}

func TestMaxBytes(t *testing.T) {
	ctx := t.Context()
	s, e := start(t, Options{MaxBytes: 1000})
	data := func(n int) []byte { return make([]byte, n) }
	require.ErrorIs(t, s.Create(ctx, e, &persistence.Session{ID: id, Snapshot: data(2000)}), persistence.ErrFull)
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: id, Snapshot: data(500)}))
	_, err := s.PutDocument(ctx, data(500))
	require.ErrorIs(t, err, persistence.ErrFull)
	_, err = s.Append(ctx, id, persistence.Event{Data: data(500)})
	require.ErrorIs(t, err, persistence.ErrFull)
	_, err = s.Append(ctx, id, persistence.Event{Data: data(400)})
	require.NoError(t, err)

	full := &persistence.Commit{ID: id, Rev: 1, Snapshot: data(500), Effects: []persistence.Effect{{ID: "e", Data: data(500)}}}
	require.ErrorIs(t, s.Commit(ctx, e, full), persistence.ErrFull)
	got, err := s.Load(ctx, id)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Rev)
	require.Empty(t, got.Outbox)

	// What a commit frees makes room for what it adds.
	full.Acked = 1
	full.Effects[0].Data = data(300)
	full.SetTimers = []persistence.Timer{{ID: "t", At: time.Unix(1, 0), Data: data(100)}}
	require.NoError(t, s.Commit(ctx, e, full))
	require.NoError(t, s.Commit(ctx, e, &persistence.Commit{ID: id, Rev: 2, Acked: 1, ClearTimers: []string{"t"}}))
	require.NoError(t, s.Confirm(ctx, e, id, "e"))
	require.EqualValues(t, len(id)+500, s.bytes.Load())
	require.NoError(t, s.Delete(ctx, e, id))
	require.Zero(t, s.bytes.Load(), "all that came is gone")
}

func TestLeasesFollowTheClock(t *testing.T) {
	ctx := t.Context()
	now := time.Unix(1000, 0)
	s, _ := start(t, Options{Now: func() time.Time { return now }})
	now = now.Add(time.Second - 1)
	got, err := s.Acquire(ctx, "other", time.Second, 0)
	require.NoError(t, err)
	require.Empty(t, got)
	now = now.Add(1)
	got, err = s.Acquire(ctx, "other", time.Second, 0)
	require.NoError(t, err)
	require.Equal(t, []persistence.Lease{{Owner: "other", Epoch: 2, Until: time.Unix(1002, 0).UTC()}}, got)
}

func TestKeysAreForgotten(t *testing.T) {
	ctx := t.Context()
	s, e := start(t, Options{})
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: id}))
	for i := range uint64(10_000) {
		n, err := s.Append(ctx, id, persistence.Event{Key: fmt.Sprint(i)})
		require.NoError(t, err)
		require.Equal(t, i+1, n)
		require.NoError(t, s.Commit(ctx, e, &persistence.Commit{ID: id, Rev: n, Acked: n}))
	}
	require.LessOrEqual(t, len(s.buckets[0].sessions[id].keys), 2*persistence.KeyWindow)
}

func TestIdleSessionIsLean(t *testing.T) {
	const n = 50_000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	s, err := New(nil)
	require.NoError(t, err)
	leases, err := s.Acquire(t.Context(), "owner", time.Hour, slices.Collect(seq(s.Buckets()))...)
	require.NoError(t, err)
	before := heap()
	for i := range n {
		b := i % s.Buckets()
		p := &persistence.Session{ID: string(persistence.AppendBucket(fmt.Appendf(nil, "%029d", i), b)), Snapshot: make([]byte, 64)}
		require.NoError(t, s.Create(t.Context(), leases[b].Epoch, p))
	}
	perSession := int64(heap()-before)/n - 64 - 32
	t.Logf("%d bytes a session beside its id and snapshot", perSession)
	require.Less(t, perSession, int64(400))
	require.NoError(t, s.Close())
}

func seq(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// TestDocumentTimes: a put renews the time of a document when it is an hour old, and only then.
func TestDocumentTimes(t *testing.T) {
	now := time.UnixMilli(1_900_000_000_123).UTC()
	s, _ := start(t, Options{Now: func() time.Time { return now.Add(999) }})
	storetest.DocumentTimes(t, s, func(d time.Duration) { now = now.Add(d) })
}

// TestDroppedDocumentMakesRoom: the bytes of a document are free again when it is gone.
func TestDroppedDocumentMakesRoom(t *testing.T) {
	s, _ := start(t, Options{MaxBytes: 1000})
	for i := range 5 {
		d, err := s.PutDocument(t.Context(), make([]byte, 900+i))
		require.NoError(t, err)
		_, err = s.PutDocument(t.Context(), []byte(fmt.Sprint("another one, for which there is no room: ", make([]byte, 100))))
		require.ErrorIs(t, err, persistence.ErrFull)
		dropped, err := s.DropDocument(t.Context(), d, time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.True(t, dropped)
	}
	require.Zero(t, s.bytes.Load())
}
