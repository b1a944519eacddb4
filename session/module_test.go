package session_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// bells is a module with one element, <ring>.
type bells struct{}

func (bells) Namespaces() []string                                     { return []string{"urn:bells", "urn:gongs"} }
func (bells) Compile(e *scxml.Element, c *scxml.Compiler) scxml.Action { return ring{} }
func (bells) NewState(*scxml.ModuleContext) scxml.ModuleState          { return nil }

type ring struct{}

func (ring) Execute(x *scxml.Exec) error {
	x.Call(x.NewID(), datamodel.NewObject(datamodel.Member{Name: "loud", Value: true}))
	return nil
}

type handler func(ctx context.Context, call *session.ModuleCall) error

func (h handler) Call(ctx context.Context, call *session.ModuleCall) error { return h(ctx, call) }

func TestModuleCalls(t *testing.T) {
	var b *bench
	answer := error(nil)
	b = newBench(t, &session.Options{
		Parse: scxml.ParseOptions{Modules: []scxml.Module{bells{}}},
		Modules: map[string]session.ModuleHandler{"urn:bells": handler(func(ctx context.Context, c *session.ModuleCall) error {
			b.note(fmt.Sprint(c.Effect, " ", c.Name, " ", c.RequestID, " ", c.Session.Value, " ", c.Session.Root))
			if answer != nil {
				if answer.Error() == "panic" {
					panic(answer)
				}
				return answer
			}
			return c.Engine.Send(ctx, c.Session.ID, &scxml.Event{Name: "rung"})
		})},
	})
	source := func(ns string) string {
		return `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null" xmlns:b="` + ns + `"><state id="a">
			<onentry><b:ring/></onentry>
			<transition event="rung"><log label="rung"/></transition>
			<transition event="error.communication"><log label="communication"/></transition>
			<transition event="error.execution"><log label="execution"/></transition></state></scxml>`
	}
	start := func(ns string) string {
		doc, err := scxml.Parse(t.Context(), []byte(source(ns)), &scxml.ParseOptions{Modules: []scxml.Module{bells{}}})
		require.NoError(t, err)
		id, err := b.Start(deadline(t), session.StartRequest{Document: doc, Value: "call 7"})
		require.NoError(t, err)
		return id
	}
	start("urn:bells")
	assert.Equal(t, []string{"s1.1.0 ring ring.1 call 7 s1", "s1: rung"}, b.logged())
	answer = errors.New("no")
	start("urn:bells")
	assert.Equal(t, []string{"s2.1.0 ring ring.1 call 7 s2", "s2: communication"}, b.logged())
	answer = errors.New("panic")
	start("urn:bells")
	assert.Equal(t, []string{"s3.1.0 ring ring.1 call 7 s3", "s3: communication"}, b.logged())
	start("urn:gongs")
	assert.Equal(t, []string{"s4: execution"}, b.logged(), "no handler")
}

// TestPendingModuleCalls: an effect for which a handler has returned ErrPending is carried out again
// after a restart, until it has been confirmed; passivation repeats nothing.
func TestPendingModuleCalls(t *testing.T) {
	for _, when := range []string{"at once", "awake", "asleep", "never"} {
		t.Run(when, func(t *testing.T) {
			store := memory(t)
			var b *bench
			var calls []*session.ModuleCall
			opts := func() session.Options {
				return session.Options{
					Parse: scxml.ParseOptions{Modules: []scxml.Module{bells{}}}, IdleTime: time.Minute,
					Modules: map[string]session.ModuleHandler{"urn:bells": handler(func(_ context.Context, c *session.ModuleCall) error {
						calls = append(calls, c)
						if when == "at once" {
							b.Confirm(c.Effect)
						}
						return session.ErrPending
					})},
				}
			}
			b = node(t, store, opts())
			doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null" xmlns:b="urn:bells">
				<state id="a"><onentry><b:ring/></onentry><transition event="go" target="b"/></state><state id="b"/></scxml>`), &scxml.ParseOptions{Modules: []scxml.Module{bells{}}})
			require.NoError(t, err)
			id, err := b.Start(deadline(t), session.StartRequest{Document: doc})
			require.NoError(t, err)
			require.NoError(t, b.Settle(deadline(t)))
			effects := func() int {
				s, err := store.Load(t.Context(), id)
				require.NoError(t, err)
				return len(s.Outbox)
			}
			require.Len(t, calls, 1)
			assert.False(t, calls[0].Repeated)
			if when == "awake" {
				assert.Equal(t, 1, effects())
				b.Confirm(calls[0].Effect)
			}
			b.clock.Advance(time.Minute)
			require.True(t, b.passive(id))
			if when == "asleep" {
				assert.Equal(t, 1, effects())
				b.Confirm(calls[0].Effect)
				require.NoError(t, b.Settle(deadline(t)))
			}
			b.clock.Advance(400 * time.Hour) // the store is looked through
			assert.True(t, b.passive(id))
			b.send(id, "go")
			assert.Equal(t, []string{"b"}, b.active(id))
			require.Len(t, calls, 1)
			open := 0
			if when == "never" {
				open = 1
			}
			assert.Equal(t, open, effects())
			b = b.restart(store, 0, opts())
			require.NoError(t, b.Settle(deadline(t)))
			require.Len(t, calls, 1+open)
			if open > 0 {
				assert.True(t, calls[1].Repeated)
				assert.Equal(t, calls[0].Effect, calls[1].Effect)
				assert.Equal(t, calls[0].RequestID, calls[1].RequestID)
				b.Confirm(calls[1].Effect)
				b.Confirm(calls[1].Effect)
				require.NoError(t, b.Settle(deadline(t)))
			}
			assert.Zero(t, effects())
			b.Confirm(session.EffectID{Session: "nobody"})
		})
	}
}

// TestConfirmedWhileLoading: an effect that is confirmed after the session was read from the store, and
// before it goes on, is not repeated.
func TestConfirmedWhileLoading(t *testing.T) {
	store := &loads{Store: memory(t)}
	var calls []*session.ModuleCall
	b := node(t, store, session.Options{
		Parse: scxml.ParseOptions{Modules: []scxml.Module{bells{}}}, IdleTime: time.Minute,
		Modules: map[string]session.ModuleHandler{"urn:bells": handler(func(_ context.Context, c *session.ModuleCall) error {
			calls = append(calls, c)
			return session.ErrPending
		})},
	})
	doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null" xmlns:b="urn:bells">
		<state id="a"><onentry><b:ring/></onentry><transition event="go" target="b"/></state><state id="b"/></scxml>`), &scxml.ParseOptions{Modules: []scxml.Module{bells{}}})
	require.NoError(t, err)
	id, err := b.Start(deadline(t), session.StartRequest{Document: doc})
	require.NoError(t, err)
	require.NoError(t, b.Settle(deadline(t)))
	require.Len(t, calls, 1)
	b.clock.Advance(time.Minute)
	require.True(t, b.passive(id))
	store.loaded = func() {
		store.loaded = nil
		b.Confirm(calls[0].Effect)
		for session.Underway(b.Engine, id) > 0 {
			runtime.Gosched()
		}
	}
	b.send(id, "go")
	assert.Equal(t, []string{"b"}, b.active(id))
	require.Nil(t, store.loaded, "it has been loaded")
	assert.Len(t, calls, 1)
}

// loads is a store that tells when a session has been read.
type loads struct {
	persistence.Store
	loaded func()
}

func (l *loads) Load(ctx context.Context, id string) (*persistence.Session, error) {
	s, err := l.Store.Load(ctx, id)
	if l.loaded != nil {
		l.loaded()
	}
	return s, err
}

// TestPendingOffline: what a handler has under way is written when the store is back, too.
func TestPendingOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &cut{Store: memory(t)}
		var calls []*session.ModuleCall
		opts := session.Options{
			Parse: scxml.ParseOptions{Modules: []scxml.Module{bells{}}}, StoreLost: session.ContinueInMemory,
			Modules: map[string]session.ModuleHandler{"urn:bells": handler(func(_ context.Context, c *session.ModuleCall) error {
				calls = append(calls, c)
				return session.ErrPending
			})},
		}
		b := node(t, store, opts)
		ctx := context.Background()
		doc, err := scxml.Parse(ctx, []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null" xmlns:b="urn:bells">
			<state id="a"><transition event="ring"><b:ring/></transition></state></scxml>`), &scxml.ParseOptions{Modules: []scxml.Module{bells{}}})
		require.NoError(t, err)
		id, err := b.Start(ctx, session.StartRequest{Document: doc})
		require.NoError(t, err)
		require.NoError(t, b.Settle(ctx))
		b.send(id, "ring") // before, and confirmed meanwhile
		require.NoError(t, b.Settle(ctx))
		store.off.Store(true)
		b.send(id, "ring")
		b.send(id, "ring")
		require.NoError(t, b.Settle(ctx))
		require.Len(t, calls, 3)
		b.Confirm(calls[0].Effect)
		b.Confirm(calls[2].Effect)
		require.NoError(t, b.Settle(ctx))
		store.off.Store(false)
		b.clock.Advance(2 * time.Second)
		require.NoError(t, b.Settle(ctx))
		s, err := store.Load(ctx, id)
		require.NoError(t, err)
		require.Len(t, s.Outbox, 1)
		b = b.restart(store, 0, opts)
		require.NoError(t, b.Settle(ctx))
		require.Len(t, calls, 4)
		assert.Equal(t, calls[1].Effect, calls[3].Effect)
		require.NoError(t, b.Shutdown(ctx))
	})
}
