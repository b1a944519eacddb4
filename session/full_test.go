package session_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// crowded is a store whose inboxes others fill: that of each session whose commit sets
// an effect, once armed.
type crowded struct {
	persistence.Store
	mu    sync.Mutex
	armed map[string]int // sessions, and how often
}

func newCrowded(t *testing.T) *crowded {
	store, err := memstore.New(&memstore.Options{Buckets: 1, MaxInbox: 5})
	require.NoError(t, err)
	return &crowded{Store: store, armed: make(map[string]int)}
}

func (c *crowded) Commit(ctx context.Context, epoch uint64, x *persistence.Commit) error {
	err := c.Store.Commit(ctx, epoch, x)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && len(x.Effects) > 0 && c.armed[x.ID] > 0 {
		c.armed[x.ID]--
		c.fill(ctx, x.ID)
	}
	return err
}

// fill lets other engines put events into an inbox until that is full.
func (c *crowded) fill(ctx context.Context, id string) {
	for {
		if _, err := c.Append(ctx, id, persistence.Event{Data: session.StoredEvent("noise")}); err != nil {
			return
		}
	}
}

// ownEvents makes an event of each kind that the engine puts into a session's own inbox.
const ownEvents = `<state id="a">
	<transition event="fail"><send target="#_scxml_nobody" event="x" delay="1s"/></transition>
	<transition event="tick"><send event="ticked" delay="1s"/></transition>
	<transition event="error.communication"><log label="failed"/></transition>
	<transition event="ticked"><log label="ticked"/></transition>
	<transition event="noise"><log label="noise"/></transition></state>`

// TestOwnEventsWithoutRoom: an event that the engine makes is not lost when the inbox in the
// store is full.
func TestOwnEventsWithoutRoom(t *testing.T) {
	for event, label := range map[string]string{"fail": "failed", "tick": "ticked"} {
		t.Run(event, func(t *testing.T) {
			store := newCrowded(t)
			b := node(t, store, session.Options{})
			id := b.start(chart(ownEvents))
			b.send(id, event)
			require.NoError(t, b.Settle(deadline(t)))
			store.armed[id] = 1
			b.clock.Advance(time.Second)
			require.Zero(t, store.armed[id])
			noise := id + ": noise"
			assert.Equal(t, []string{noise, noise, noise, noise, noise, id + ": " + label}, b.logged())
			s, err := store.Load(t.Context(), id)
			require.NoError(t, err)
			assert.Empty(t, s.Outbox)
			b.send(id, event)
			b.clock.Advance(time.Second)
			assert.Equal(t, []string{id + ": " + label}, b.logged())
		})
	}
}

// TestOwnEventsWithoutRoomInACrash: nor when the process dies, at whatever write; and it comes once.
func TestOwnEventsWithoutRoomInACrash(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			store := newCrowded(t)
			b := node(t, store, session.Options{})
			id := b.start(chart(`<state id="a"><transition event="fail"><send target="#_scxml_nobody" event="x" delay="1s"/></transition>
				<transition event="error.communication" target="b"/></state>
				<state id="b"><transition event="error.communication" target="c"/></state><state id="c"/>`))
			b.send(id, "fail")
			require.NoError(t, b.Settle(deadline(t)))
			dying := newMortal(store, n, after)
			b = b.restart(dying, 0, session.Options{})
			store.armed[id] = 1
			b.clock.Advance(time.Second)
			require.NoError(t, b.Settle(deadline(t)))
			died := dying.dead()
			_ = b.Shutdown(deadline(t))
			b = b.restart(store, 0, session.Options{})
			b.clock.Advance(time.Second)
			require.Equal(t, []string{"b"}, b.active(id), "after=%v, write %d", after, n)
			if !died {
				break
			}
		}
	}
}

// TestParentWithoutRoom: a session that ends waits for room in its parent's inbox.
func TestParentWithoutRoom(t *testing.T) {
	store := newCrowded(t)
	busy, ready := make(chan struct{}), make(chan struct{})
	lost := make(chan struct{}, 100)
	b := node(t, store, session.Options{
		Workers: 2, Parse: scxml.ParseOptions{Modules: []scxml.Module{bells{}}},
		Modules: map[string]session.ModuleHandler{"urn:bells": handler(func(ctx context.Context, c *session.ModuleCall) error {
			store.fill(ctx, c.Session.ID)
			close(busy)
			<-ready
			return nil
		})},
		Observer: session.Observer{SessionEnded: func(i session.Info, r session.Result) {
			if i.ID == "s2" && r.Reason == session.Lost {
				lost <- struct{}{}
			}
		}},
	})
	doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null" xmlns:b="urn:bells"><state id="a">
		<invoke id="kid"><content><scxml version="1.0" datamodel="null"><state id="x"><transition event="end" target="f"/></state><final id="f"/></scxml></content></invoke>
		<transition event="ring"><b:ring/></transition>
		<transition event="done.invoke.kid"><log label="done"/></transition>
		<transition event="noise"><log label="noise"/></transition></state></scxml>`), &scxml.ParseOptions{Modules: []scxml.Module{bells{}}})
	require.NoError(t, err)
	id, err := b.Start(deadline(t), session.StartRequest{Document: doc})
	require.NoError(t, err)
	require.NoError(t, b.Settle(deadline(t)))
	b.send(id, "ring")
	<-busy
	b.send("s2", "end")
	<-lost
	close(ready)
	require.NoError(t, b.Settle(deadline(t)))
	require.Len(t, b.logged(), 5, "the parent has been told of what waits for it")
	b.clock.Advance(time.Second)
	assert.Equal(t, []string{id + ": done"}, b.logged())
	assert.Equal(t, []string{id}, stored(t, store))
	require.NoError(t, b.Shutdown(deadline(t)))
}

// TestStopWithoutRoom: a session that its parent cancels ends, full or not.
func TestStopWithoutRoom(t *testing.T) {
	for _, passive := range []bool{false, true} {
		for _, event := range []string{"leave", "end"} {
			t.Run(fmt.Sprint(event, passive), func(t *testing.T) {
				store := newCrowded(t)
				opts := session.Options{IdleTime: -1}
				if passive {
					opts.Resident = -1
				}
				b := node(t, store, opts)
				id := b.start(chart(`<state id="a"><invoke id="kid"><content>` +
					`<scxml version="1.0" datamodel="null"><state id="x"><onexit><log label="exit"/></onexit></state></scxml></content></invoke>` +
					`<transition event="leave" target="b"/><transition event="end" target="f"/></state><state id="b"/><final id="f"/>`))
				require.NoError(t, b.Settle(deadline(t)))
				store.fill(t.Context(), "s2")
				b.send(id, event)
				require.NoError(t, b.Settle(deadline(t)))
				b.clock.Advance(time.Second)
				assert.Equal(t, []string{"s2: exit"}, b.logged())
				if event == "end" {
					assert.Equal(t, session.Finished, b.result(id).Reason)
					require.NoError(t, b.Settle(deadline(t)))
					assert.Empty(t, stored(t, store))
					return
				}
				b = b.restart(store, 0, opts)
				require.NoError(t, b.Settle(deadline(t)))
				assert.Equal(t, []string{id}, stored(t, store))
			})
		}
	}
}

// TestLastWordsTooLarge: a parent hears of the end of a session also when its data do not fit.
func TestLastWordsTooLarge(t *testing.T) {
	store := &narrow{Store: memory(t)}
	b := node(t, store, session.Options{})
	id := b.start(chart(`<state id="a"><invoke id="kid"><content>` +
		`<scxml version="1.0" datamodel="null"><final id="f"><donedata><content>` + fmt.Sprintf("%01000d", 0) + `</content></donedata></final></scxml></content></invoke>` +
		`<transition event="error.platform"><log label="told"/></transition></state>`))
	assert.Equal(t, []string{id + ": told"}, b.logged())
	assert.Equal(t, []string{id}, stored(t, store))
}

// narrow is a store that takes no events of more than 900 bytes.
type narrow struct{ persistence.Store }

func (n *narrow) Append(ctx context.Context, id string, e persistence.Event) (uint64, error) {
	if len(e.Data) > 900 {
		return 0, fmt.Errorf("%w: %d bytes", persistence.ErrTooLarge, len(e.Data))
	}
	return n.Store.Append(ctx, id, e)
}

// TestOutsideIsRefused: what comes from outside is refused, with an error that says so.
func TestOutsideIsRefused(t *testing.T) {
	store := newCrowded(t)
	b := node(t, store, session.Options{})
	id := b.start(chart(ab))
	require.NoError(t, b.Settle(deadline(t)))
	store.fill(t.Context(), id)
	err := b.Send(deadline(t), id, &scxml.Event{Name: "go"})
	require.ErrorIs(t, err, session.ErrInboxFull)
	require.ErrorIs(t, err, persistence.ErrFull)
	require.NoError(t, b.Settle(deadline(t)))
	b.send(id, "go")
	require.Equal(t, []string{"b"}, b.active(id), "it was looked after")
}
