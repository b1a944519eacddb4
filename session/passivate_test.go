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

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/storetest"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// passive reports whether a session is out of memory.
func (b *bench) passive(id string) bool {
	b.t.Helper()
	require.NoError(b.t, b.Settle(deadline(b.t)))
	for _, i := range b.Sessions() {
		if i.ID == id {
			return i.Passive
		}
	}
	require.Fail(b.t, "no such session", id)
	return false
}

// waiting waits for go, and for a time of its own.
const waiting = `<state id="a"><onentry><send event="late" id="l" delay="3600s"/></onentry>
	<transition event="go" target="b"/></state>
	<state id="b"><transition event="late" target="f"/></state><final id="f"/>`

// TestIdleSessionsLeaveMemory: after IdleTime a session is in the store alone, and
// returns for events, for its delayed sends and for its end.
func TestIdleSessionsLeaveMemory(t *testing.T) {
	store := memory(t)
	b := node(t, store, session.Options{IdleTime: time.Minute})
	id, other := b.start(chart(waiting)), b.start(chart(waiting))
	assert.False(t, b.passive(id))
	b.clock.Advance(59 * time.Second)
	b.send(other, "go")
	b.clock.Advance(time.Second)
	assert.True(t, b.passive(id))
	assert.False(t, b.passive(other), "it had an event")
	assert.Equal(t, 2, b.Len())

	st, err := b.Query(deadline(t), id)
	require.NoError(t, err)
	assert.True(t, st.Passive)
	assert.Equal(t, []string{"a"}, st.Active)
	assert.Equal(t, []session.PendingTimer{{SendID: "l", Event: "late", Due: noon.Add(time.Hour)}}, st.Timers)
	assert.EqualValues(t, 1, st.Macrosteps)
	assert.True(t, b.passive(id), "Query leaves it where it is")

	ended := make(chan session.Result, 1)
	go func() { ended <- b.result(id) }()
	b.send(id, "go")
	assert.False(t, b.passive(id))
	assert.Equal(t, []string{"b"}, b.active(id))
	b.clock.Advance(2 * time.Minute)
	assert.True(t, b.passive(id))
	assert.True(t, b.passive(other))
	b.clock.Advance(noon.Add(time.Hour).Sub(b.clock.Now()) - 1)
	assert.Equal(t, 2, b.Len())
	b.clock.Advance(1)
	assert.Equal(t, session.Finished, b.result(id).Reason)
	assert.Equal(t, session.Finished, (<-ended).Reason, "told to who had waited before")
	assert.Equal(t, session.Finished, b.result(other).Reason)
	assert.Zero(t, b.Len())

	third := b.start(chart(waiting))
	b.clock.Advance(time.Minute)
	assert.True(t, b.passive(third))
	_, err = b.Start(deadline(t), session.StartRequest{Document: parse(t, chart(waiting)), SessionID: third})
	require.ErrorIs(t, err, session.ErrExists)
	require.NoError(t, b.Terminate(deadline(t), third))
	assert.Equal(t, session.Terminated, b.result(third).Reason)
	require.NoError(t, b.Settle(deadline(t))) // it is deleted after its end has been told
	assert.Empty(t, stored(t, store))
}

// TestResident: beyond the limit the sessions that have rested longest leave.
func TestResident(t *testing.T) {
	b := node(t, memory(t), session.Options{Resident: 2})
	var ids []string
	for range 4 {
		ids = append(ids, b.start(chart(waiting)))
		require.NoError(t, b.Settle(deadline(t)))
	}
	assert.Equal(t, []bool{true, true, false, false}, []bool{b.passive(ids[0]), b.passive(ids[1]), b.passive(ids[2]), b.passive(ids[3])})
	b.send(ids[0], "go")
	assert.Equal(t, []bool{false, true, true, false}, []bool{b.passive(ids[0]), b.passive(ids[1]), b.passive(ids[2]), b.passive(ids[3])})

	none := node(t, memory(t), session.Options{Resident: -1})
	id := none.start(chart(waiting))
	assert.True(t, none.passive(id))
	none.send(id, "go")
	assert.True(t, none.passive(id))
	assert.Equal(t, []string{"b"}, none.active(id))

	// What it is brought back for keeps it there.
	none.clock.Advance(2 * time.Hour)
	assert.Equal(t, session.Finished, none.result(id).Reason)

	never := node(t, memory(t), session.Options{IdleTime: -1})
	id = never.start(chart(waiting))
	never.clock.Advance(50 * time.Minute)
	assert.False(t, never.passive(id))
}

// TestDeactivateHints: _deactivate of the active states decides, in the ORS dialect.
func TestDeactivateHints(t *testing.T) {
	parse := scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}
	store := memory(t)
	b := node(t, store, session.Options{IdleTime: time.Minute, Parse: parse})
	doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" profile="ecmascript" initial="stay">
		<state id="stay" _deactivate="mustnot"><state id="inner"><transition event="go" target="leave"/></state></state>
		<state id="leave" _deactivate="must"><transition event="go" target="may"/></state>
		<state id="may" _deactivate="may"><transition event="go" target="stay"/></state></scxml>`), &parse)
	require.NoError(t, err)
	id, err := b.Start(deadline(t), session.StartRequest{Document: doc})
	require.NoError(t, err)
	for range 2 {
		b.clock.Advance(10 * time.Minute)
		assert.False(t, b.passive(id), "mustnot")
		b.send(id, "go")
		assert.True(t, b.passive(id), "must")
		b.send(id, "go")
		assert.False(t, b.passive(id), "may")
		b.clock.Advance(time.Minute)
		assert.True(t, b.passive(id), "may")
		b.send(id, "go")
		assert.False(t, b.passive(id))
	}
	b = b.restart(store, 0, session.Options{Parse: parse})
	assert.False(t, b.passive(id), "it is to be in memory after a restart, too")
}

// TestPassiveFamily: an invoked session and the one that invoked it leave memory each
// for itself, and reach each other.
func TestPassiveFamily(t *testing.T) {
	store := memory(t)
	b := node(t, store, session.Options{Resident: -1})
	id := b.start(chart(`<state id="a"><invoke type="scxml" id="kid"><content>` +
		`<scxml version="1.0" datamodel="null"><state id="x"><transition event="poke"><send target="#_parent" event="poked"/></transition>
			<transition event="end" target="f"/></state><final id="f"/></scxml>` +
		`</content></invoke>
		<transition event="go"><send target="#_kid" event="poke"/></transition>
		<transition event="end"><send target="#_kid" event="end"/></transition>
		<transition event="poked"><log label="poked"/></transition>
		<transition event="done.invoke.kid" target="f"/></state><final id="f"/>`))
	assert.True(t, b.passive(id))
	assert.True(t, b.passive("s2"))
	b.send(id, "go")
	assert.Equal(t, []string{id + ": poked"}, b.logged())
	st, err := b.Query(deadline(t), id)
	require.NoError(t, err)
	assert.Equal(t, []string{"s2"}, st.Children)
	b.send(id, "end")
	assert.Equal(t, session.Finished, b.result(id).Reason)
	require.NoError(t, b.Settle(deadline(t)))
	assert.Empty(t, stored(t, store))
}

// TestPassiveUnderLoad: many senders, many sessions that leave memory whenever they
// can; every event is handled once.
func TestPassiveUnderLoad(t *testing.T) {
	const sessions, events, senders = 20, 100, 4
	b := node(t, memory(t), session.Options{Resident: -1, Workers: 8, Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}})
	doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
		<datamodel><data id="n" expr="0"/></datamodel><state id="a"><transition event="add"><assign location="n" expr="n+1"/></transition>
		<transition event="end" target="f"/></state><final id="f"><donedata><content expr="n"/></donedata></final></scxml>`),
		&scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}})
	require.NoError(t, err)
	var ids []string
	for range sessions {
		id, err := b.Start(deadline(t), session.StartRequest{Document: doc})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	ctx := deadline(t)
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for range events {
				for _, id := range ids {
					assert.NoError(t, b.Send(ctx, id, &scxml.Event{Name: "add"}))
				}
				_, err := b.Query(ctx, ids[0])
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		require.NoError(t, b.Settle(ctx))
		assert.True(t, b.passive(id))
		b.send(id, "end")
		assert.EqualValues(t, events*senders, b.result(id).Data)
	}
}

// TestRecoverLoadsNothing: a restart lists the sessions and leaves those where they are
// that have nothing to do.
func TestRecoverLoadsNothing(t *testing.T) {
	store := memory(t)
	loads := &loadCounter{Store: store}
	b := node(t, store, session.Options{})
	idle, due := b.start(chart(waiting)), b.start(chart(`<state id="a"><onentry><send event="soon" delay="10s"/></onentry><transition event="soon" target="f"/></state><final id="f"/>`))
	b = b.restart(loads, 20*time.Second, session.Options{})
	require.NoError(t, b.Settle(deadline(t)))
	assert.EqualValues(t, 1, loads.loads.Load(), "the one whose delayed send is due")
	b.clock.Advance(0)
	assert.Equal(t, session.Finished, b.result(due).Reason)
	assert.True(t, b.passive(idle))
	b.send(idle, "go")
	b.clock.Advance(time.Hour)
	assert.Equal(t, session.Finished, b.result(idle).Reason)
}

type loadCounter struct {
	persistence.Store
	loads atomic.Int64
}

func (c *loadCounter) Load(ctx context.Context, id string) (*persistence.Session, error) {
	c.loads.Add(1)
	return c.Store.Load(ctx, id)
}

// TestEventsFromElsewhere: what another engine has put into an inbox is found when the
// leases are renewed.
func TestEventsFromElsewhere(t *testing.T) {
	store := memory(t)
	b := node(t, store, session.Options{})
	asleep, awake := b.start(chart(ab)), b.start(chart(ab))
	b.clock.Advance(6 * time.Minute)
	b.send(awake, "unknown")
	assert.True(t, b.passive(asleep))
	for _, id := range []string{asleep, awake} {
		n := uint64(1)
		if id == awake {
			n = 2
		}
		got, err := store.Append(t.Context(), id, persistence.Event{Key: "elsewhere", Data: session.StoredEvent("go")})
		require.NoError(t, err)
		require.Equal(t, n, got)
	}
	b.clock.Advance(400 * time.Hour)
	assert.Equal(t, []string{"b"}, b.active(awake))
	assert.Equal(t, []string{"b"}, b.active(asleep))
}

// TestLostBucket: an engine that has lost its buckets forgets the sessions in them, those
// too that are not in memory; who waits is told.
func TestLostBucket(t *testing.T) { synctest.Test(t, testLostBucket) }

func testLostBucket(t *testing.T) {
	store := memory(t)
	b := newBench(t, &session.Options{Store: store, Owner: "first", Lease: 3 * time.Hour, IdleTime: time.Minute})
	_, err := b.Recover(deadline(t))
	require.NoError(t, err)
	asleep := b.start(chart(waiting))
	b.clock.Advance(time.Minute)
	require.True(t, b.passive(asleep))
	awake := b.start(chart(waiting))
	require.NoError(t, b.Settle(deadline(t)))
	ends := make(chan session.Result, 2)
	for _, id := range []string{asleep, awake} {
		go func() { ends <- b.result(id) }()
	}
	synctest.Wait() // for both to wait
	// Somebody has released the leases in its name, and taken the buckets.
	leases, err := store.Leases(t.Context())
	require.NoError(t, err)
	require.NoError(t, store.Release(t.Context(), leases...))
	leases, err = store.Acquire(t.Context(), "second", time.Hour, 0)
	require.NoError(t, err)
	require.Len(t, leases, 1)

	assert.Equal(t, 2, b.Len())
	b.clock.Advance(59 * time.Minute) // the leases are renewed, before anything is due
	require.NoError(t, b.Settle(deadline(t)))
	assert.Zero(t, b.Len())
	assert.ErrorIs(t, b.Send(deadline(t), asleep, &scxml.Event{Name: "go"}), session.ErrNotOwner)
	for _, id := range []string{asleep, awake} {
		s, err := store.Load(t.Context(), id)
		require.NoError(t, err, "the sessions are the second engine's")
		assert.Empty(t, s.Inbox)
	}
	for range 2 {
		assert.Equal(t, session.Lost, (<-ends).Reason)
	}
	require.NoError(t, b.Shutdown(deadline(t)))
}

// TestBadRecords: a session that cannot be brought back is told of, and left as it is;
// others are not touched.
func TestBadRecords(t *testing.T) {
	store := memory(t)
	b := node(t, store, session.Options{})
	good, bad := b.start(chart(ab)), map[string]string{}
	for _, kind := range []string{"truncated", "newer", "other document", "no document"} {
		bad[kind] = b.start(chart(ab))
	}
	require.NoError(t, b.Shutdown(deadline(t)))
	leases, err := store.Acquire(t.Context(), "vandal", time.Hour, 0)
	require.NoError(t, err)
	for kind, id := range bad {
		s, err := store.Load(t.Context(), id)
		require.NoError(t, err)
		snapshot, err := session.Spoil(s.Snapshot, kind)
		require.NoError(t, err)
		require.NoError(t, store.Commit(t.Context(), leases[0].Epoch, &persistence.Commit{ID: id, Rev: s.Rev, Snapshot: snapshot}))
		bad[kind] = id
	}
	require.NoError(t, store.Release(t.Context(), leases...))

	causes := map[string]error{"truncated": session.ErrRecord, "newer": session.ErrRecord, "other document": scxml.ErrDocument, "no document": persistence.ErrNotFound}
	b = b.restart(store, 0, session.Options{})
	for kind, id := range bad {
		require.NoError(t, b.Send(deadline(t), id, &scxml.Event{Name: "go"}), "it is not known yet")
		require.NoError(t, b.Settle(deadline(t)))
		var unreadable *session.UnreadableError
		for _, err := range []error{
			b.Send(deadline(t), id, &scxml.Event{Name: "go"}),
			b.Terminate(deadline(t), id),
			second(b.Query(deadline(t), id)),
			second(b.Wait(deadline(t), id)),
		} {
			require.ErrorAs(t, err, &unreadable, kind)
			assert.Equal(t, id, unreadable.Session)
			assert.ErrorIs(t, err, causes[kind])
		}
	}
	b.send(good, "go")
	assert.Equal(t, []string{"b"}, b.active(good))
	listed := 0
	for _, i := range b.Sessions() {
		if i.Err != nil {
			listed++
		}
	}
	assert.Equal(t, len(bad), listed)
	assert.Len(t, stored(t, store), 5)
}

func second[T any](_ T, err error) error { return err }

// TestKilledWhilePassive is TestKilledAtEveryWrite with every session out of memory
// after every macrostep.
func TestKilledWhilePassive(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			var done bool
			t.Run(fmt.Sprintf("after=%v/%d", after, n), func(t *testing.T) {
				f, doc := newFamily(t)
				f.passive = true
				f.boot(n, after)
				f.live(doc, 1)
				done = !f.store.dead() && f.store.left.Load() < 1<<29
				require.NoError(t, f.engine.Shutdown(deadline(t)))
			})
			if done || t.Failed() {
				break
			}
		}
	}
}

// TestHiccupsWhilePassive is TestStoreHiccups likewise, over a store in memory and one in a
// file.
func TestHiccupsWhilePassive(t *testing.T) {
	for name, open := range map[string]func(testing.TB) persistence.Store{"memstore": nil, "boltstore": openBolt} {
		t.Run(name, func(t *testing.T) {
			for _, point := range []storetest.Point{storetest.Before, storetest.Lost, storetest.After} {
				step := 1
				if open != nil {
					step = 7 // it pauses in earnest
				}
				for n, hit := 1+int(point), true; hit && !t.Failed(); n += step {
					run := func(t *testing.T) {
						f, doc := newFamily(t)
						f.passive = true
						if open != nil {
							f.under = open(t)
						}
						faulty := storetest.Fail(f.under, n, point)
						under := f.under
						f.under = faulty
						f.boot(1<<30, false)
						f.under = under
						f.live(doc, 1)
						require.NoError(t, f.engine.Shutdown(deadline(t)))
						hit = faulty.Hit() != ""
					}
					if open == nil {
						synctest.Test(t, run) // the engine pauses before it tries again
					} else {
						run(t)
					}
				}
			}
		})
	}
}
