package session_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// pair is a store and two engines on it, under one clock.
type pair struct {
	*testing.T
	clock *session.VirtualClock
	store *memstore.Store

	mu    sync.Mutex
	lines []string
}

const pairLease = 15 * time.Second

func newPair(t *testing.T, buckets int) *pair {
	p := &pair{T: t, clock: session.NewVirtualClock(noon)}
	store, err := memstore.New(&memstore.Options{Buckets: buckets, Now: p.clock.Now})
	require.NoError(t, err)
	p.store = store
	return p
}

// open makes an engine that has found what is there.
func (p *pair) open(name string, store persistence.Store, opts session.Options) *session.Engine {
	p.Helper()
	opts.Store, opts.Owner, opts.Lease, opts.Clock, opts.Workers = store, name, pairLease, p.clock, 1
	opts.Log = func(id string, entry scxml.LogEntry) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lines = append(p.lines, name+": "+entry.Label)
	}
	e, err := session.New(&opts)
	require.NoError(p, err)
	_, err = e.Recover(p.Context())
	require.NoError(p, err)
	return e
}

// logged counts the lines since the last call.
func (p *pair) logged() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	count := make(map[string]int)
	for _, line := range p.lines {
		count[line]++
	}
	p.lines = nil
	return count
}

// bell rings after a minute, and ends with end.
const bell = `<state id="a"><onentry><send event="ring" delay="60s"/></onentry>
	<transition event="ring"><log label="ring"/></transition>
	<transition event="hello"><log label="hello"/></transition>
	<transition event="end" target="f"/></state><final id="f"/>`

// TestBucketsChangeHandsByThemselves: nobody calls Recover again. An engine whose lease has run
// out is replaced, and has the buckets again when the other one has left them.
func TestBucketsChangeHandsByThemselves(t *testing.T) { synctest.Test(t, testBucketsChangeHands) }

func testBucketsChangeHands(t *testing.T) {
	const sessions = 100
	p := newPair(t, 200) // more than are asked for at a time
	cable := &cut{Store: p.store}
	first := p.open("first", cable, session.Options{})
	second := p.open("second", p.store, session.Options{})
	var ids []string
	for range sessions {
		id, err := first.Start(t.Context(), session.StartRequest{Document: parse(t, chart(bell))})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	p.clock.Advance(10 * time.Second)
	require.Equal(t, sessions, first.Len())
	require.Zero(t, second.Len(), "the first renews its leases")
	require.ErrorIs(t, second.Send(t.Context(), ids[0], &scxml.Event{Name: "hello"}), session.ErrNotOwner)

	cable.off.Store(true)
	p.clock.Advance(pairLease + pairLease/3)
	require.Equal(t, sessions, second.Len(), "its lease has run out")
	require.NoError(t, second.Send(t.Context(), ids[0], &scxml.Event{Name: "hello"}))
	require.NoError(t, second.Settle(t.Context()))
	require.Equal(t, map[string]int{"second: hello": 1}, p.logged())

	// It is shut out, and learns it.
	cable.off.Store(false)
	require.NoError(t, first.Send(t.Context(), ids[1], &scxml.Event{Name: "hello"}), "the event is stored, for whoever has the bucket")
	require.NoError(t, first.Settle(t.Context()))
	require.NotContains(t, p.logged(), "second: hello", "the second has not looked yet")
	p.clock.Advance(pairLease / 3)
	require.Zero(t, first.Len())
	require.Equal(t, 1, p.logged()["second: hello"])
	p.clock.Advance(30 * time.Second)
	require.Equal(t, map[string]int{"second: ring": sessions}, p.logged())

	require.NoError(t, second.Shutdown(t.Context()))
	p.clock.Advance(pairLease / 3)
	require.Equal(t, sessions, first.Len(), "the buckets are free")
	for _, id := range ids {
		require.NoError(t, first.Send(t.Context(), id, &scxml.Event{Name: "end"}))
		r, err := first.Wait(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, session.Finished, r.Reason)
	}
	require.NoError(t, first.Shutdown(t.Context()))
}

// TestClaim: the host says which buckets an engine takes.
func TestClaim(t *testing.T) {
	p := newPair(t, 6)
	var all atomic.Bool
	even := p.open("even", p.store, session.Options{Claim: func(bucket int) bool { return bucket%2 == 0 || all.Load() }})
	odd := p.open("odd", p.store, session.Options{Claim: func(bucket int) bool { return bucket%2 == 1 }})
	held := func(e *session.Engine) (n int) {
		leases, err := p.store.Leases(t.Context())
		require.NoError(t, err)
		for _, l := range leases {
			if l.Owner == map[*session.Engine]string{even: "even", odd: "odd"}[e] {
				n++
			}
		}
		return n
	}
	require.Equal(t, 3, held(even))
	require.Equal(t, 3, held(odd))
	id, err := odd.Start(t.Context(), session.StartRequest{Document: parse(t, chart(bell))})
	require.NoError(t, err)
	bucket := persistence.BucketOf(id, 6)
	require.Equal(t, 1, bucket%2)
	require.EqualError(t, even.Send(t.Context(), id, &scxml.Event{Name: "hello"}),
		fmt.Sprintf("session: the engine does not hold the session's bucket: bucket %d is not one that Options.Claim wants: %q, event %q", bucket, id, "hello"))
	require.NoError(t, odd.Shutdown(t.Context()))
	p.clock.Advance(time.Hour)
	require.Equal(t, 3, held(even), "the other buckets are somebody else's to take")

	all.Store(true)
	n, err := even.Recover(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, 6, held(even))
	p.clock.Advance(time.Second)
	require.Equal(t, map[string]int{"even: ring": 1}, p.logged())
	all.Store(false)
	p.clock.Advance(time.Hour)
	require.Equal(t, 6, held(even), "it keeps what it has")
	require.NoError(t, even.Shutdown(t.Context()))
}

// TestClaimPanics: a panic of the host's callback leaves the bucket alone.
func TestClaimPanics(t *testing.T) {
	p := newPair(t, 1)
	e := p.open("e", p.store, session.Options{Claim: func(int) bool { panic("host") }})
	_, err := e.Start(t.Context(), session.StartRequest{Document: parse(t, chart(bell))})
	require.ErrorIs(t, err, session.ErrNotOwner)
	require.NoError(t, e.Shutdown(t.Context()))
}

// TestErrNotOwnerSaysWhatToDo: the two reasons have two texts.
func TestErrNotOwnerSaysWhatToDo(t *testing.T) {
	p := newPair(t, 1)
	early, err := session.New(&session.Options{Store: p.store})
	require.NoError(t, err)
	_, err = early.Start(t.Context(), session.StartRequest{SessionID: "s", Document: parse(t, chart(bell))})
	require.EqualError(t, err, `session: the engine does not hold the session's bucket: it holds none yet; call Recover after New: session "s"`)
	require.EqualError(t, early.Terminate(t.Context(), "s"), `session: the engine does not hold the session's bucket: it holds none yet; call Recover after New: "s"`)
	first := p.open("first", p.store, session.Options{})
	_, err = early.Recover(t.Context())
	require.NoError(t, err)
	require.EqualError(t, early.Send(t.Context(), "s", &scxml.Event{Name: "hello"}),
		`session: the engine does not hold the session's bucket: bucket 0 is held by another engine, or was until its lease ran out: "s", event "hello"`)
	require.NoError(t, early.Shutdown(t.Context()))
	require.NoError(t, first.Shutdown(t.Context()))
}

// thief lets another engine take and leave the buckets while a commit is on its way.
type thief struct {
	persistence.Store
	steal atomic.Pointer[func()]
}

func (s *thief) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	if steal := s.steal.Swap(nil); steal != nil {
		(*steal)()
	}
	return s.Store.Commit(ctx, epoch, c)
}

// TestBucketLostAndRegainedDuringACommit: the commit is refused, and the session, which was at
// work when the buckets were listed again, goes on from the store.
func TestBucketLostAndRegainedDuringACommit(t *testing.T) {
	p := newPair(t, 1)
	store := &thief{Store: p.store}
	e := p.open("e", store, session.Options{})
	id, err := e.Start(t.Context(), session.StartRequest{Document: parse(t, chart(bell))})
	require.NoError(t, err)
	require.NoError(t, e.Settle(t.Context()))
	stolen := 0
	steal := func() {
		leases, err := p.store.Leases(t.Context())
		assert.NoError(t, err)
		assert.NoError(t, p.store.Release(t.Context(), leases...))
		assert.NoError(t, session.Renew(t.Context(), e)) // it has lost the bucket, and finds it free
		stolen++
	}
	store.steal.Store(&steal)
	require.NoError(t, e.Send(t.Context(), id, &scxml.Event{Name: "hello"}))
	require.NoError(t, e.Settle(t.Context()))
	require.Equal(t, 1, stolen)
	p.clock.Advance(time.Second)
	require.Equal(t, 1, e.Len())
	p.clock.Advance(time.Minute)
	require.Equal(t, 1, p.logged()["e: ring"], "nobody has told it of anything since")
	require.NoError(t, e.Send(t.Context(), id, &scxml.Event{Name: "end"}))
	r, err := e.Wait(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, session.Finished, r.Reason)
	require.NoError(t, e.Shutdown(t.Context()))
}
