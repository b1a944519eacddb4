package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/session"
)

const endless = `<state id="s"><onentry><send event="x"/></onentry><transition event="x" target="s"/><onexit><log label="out"/></onexit></state>`

// TestEndless: whatever keeps itself busy comes to an end, so that Settle and
// Advance return; the others go on.
func TestEndless(t *testing.T) {
	for name, states := range map[string]string{
		"sends to itself": endless,
		"by HTTP": `<state id="s"><onentry><send type="basichttp" target="http://ors.example/bad" event="x"/></onentry>
			<transition event="x" target="s"/></state>`,
		"errors": `<state id="s"><onentry><send type="basichttp" target="http://ors.example/nobody" event="x"/></onentry>
			<transition event="error.communication" target="s"/></state>`,
		"errors from outside": `<state id="s"><onentry><send type="basichttp" target="http://denied.example/" event="x"/></onentry>
			<transition event="error.communication" target="s"/></state>`,
		"delayed sends without room": `<state id="i"><onentry><send event="x" delay="1s"/></onentry><transition target="s"/></state>
			<state id="s"><onentry><send event="x" delay="1s"/></onentry><transition event="error.execution" target="s"/></state>`,
		"invokes": `<state id="s"><invoke id="c">` + child(`<final id="f"/>`) + `</invoke>
			<transition event="done.invoke.c" target="s"/></state>`,
		"invokes in vain": `<state id="s"><invoke id="c" type="other"/><transition event="error.execution" target="s"/></state>`,
		"a child without end": `<state id="s"><invoke id="c">` + child(endless) + `</invoke>
			<transition event="error.platform" target="s"/></state>`,
		"ping-pong": `<state id="s"><invoke id="c">` + child(`<state id="x"><transition event="ping"><send event="pong" target="#_parent"/></transition></state>`) + `</invoke>
			<onentry><send event="go"/></onentry>
			<transition event="go pong"><send event="ping" target="#_c"/></transition>
			<transition event="error.platform" target="s"/></state>`,
	} {
		t.Run(name, func(t *testing.T) {
			p, err := session.NewBasicHTTP(&session.BasicHTTPOptions{URL: "http://ors.example/"})
			require.NoError(t, err)
			b := newBench(t, &session.Options{Chain: 100, Timers: 1, Processors: []session.IOProcessor{p}})
			good := b.start(chart(ab))
			_, err = b.Start(deadline(t), session.StartRequest{SessionID: "bad", Document: parse(t, chart(states))})
			require.NoError(t, err)
			require.NoError(t, b.Settle(deadline(t)))
			b.clock.Advance(0)
			r := b.result("bad")
			assert.Equal(t, session.Failed, r.Reason)
			assert.ErrorIs(t, r.Err, session.ErrEndless)
			assert.ErrorContains(t, r.Err, "Options.Chain")
			b.send(good, "go")
			assert.Equal(t, []string{"b"}, b.active(good))
			assert.Equal(t, 1, b.Len())
		})
	}
}

// TestNotEndless: a delay or an event from outside begins a new chain, and a
// session that only answers one without end survives it.
func TestNotEndless(t *testing.T) {
	b := newBench(t, &session.Options{Chain: 100})
	clock := b.start(chart(`<state id="s"><onentry><send event="x" delay="1s"/></onentry><transition event="x" target="s"/></state>`))
	echo := b.start(chart(`<state id="s"><transition event="e"><send event="again"/></transition></state>`))
	for range 300 {
		b.clock.Advance(time.Second)
		b.send(echo, "e")
	}
	server := b.start(chart(`<state id="s"><transition event="ask"><send event="note"/></transition></state>`))
	_, err := b.Start(deadline(t), session.StartRequest{SessionID: "bad", Document: parse(t, chart(
		`<state id="s"><onentry><send event="x"/><send event="ask" target="#_scxml_`+server+`"/></onentry><transition event="x" target="s"/></state>`))})
	require.NoError(t, err)
	assert.ErrorIs(t, b.result("bad").Err, session.ErrEndless)
	require.NoError(t, b.Settle(deadline(t)))
	for _, id := range []string{clock, echo, server} {
		st, err := b.Query(deadline(t), id)
		require.NoError(t, err)
		assert.False(t, st.Ended, "%s: %v", id, st.Result.Err)
	}
}

// TestShutdownWithEndlessSession: it does not keep Shutdown from stopping it and
// the others in order.
func TestShutdownWithEndlessSession(t *testing.T) {
	b := newBench(t, &session.Options{Chain: -1, Workers: 2})
	var ended [2]session.Result
	bad := b.start(chart(`<state id="s"><onentry><send event="x"/></onentry><transition event="x"><send event="x"/></transition><onexit><log label="out"/></onexit></state>`))
	good := b.start(chart(ab))
	require.NoError(t, b.Shutdown(deadline(t)))
	assert.ElementsMatch(t, []string{bad + ": out", good + ": left a"}, b.logged())
	for i, id := range []string{bad, good} {
		ended[i] = b.result(id)
		assert.Equal(t, session.ShutDown, ended[i].Reason)
	}
}

// TestShutdownKeepsUnhandledEvents: what Shutdown leaves in the inbox stands in
// the store.
func TestShutdownKeepsUnhandledEvents(t *testing.T) {
	store, err := memstore.New(nil)
	require.NoError(t, err)
	first := newBench(t, &session.Options{Store: store, Chain: -1})
	_, err = first.Recover(deadline(t))
	require.NoError(t, err)
	id := first.start(chart(`<state id="s"><onentry><send event="x"/></onentry><transition event="x"><send event="x"/></transition>
		<transition event="end" target="f"/></state><final id="f"/>`))
	require.NoError(t, first.Shutdown(deadline(t)))

	second := newBench(t, &session.Options{Store: store, Chain: 1000})
	n, err := second.Recover(deadline(t))
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	require.NoError(t, second.Settle(deadline(t)))
	assert.ErrorIs(t, second.result(id).Err, session.ErrEndless, "it goes on as before")
}

// TestChainOfManyMacrosteps: the default leaves room for long work.
func TestChainOfManyMacrosteps(t *testing.T) {
	b := newBench(t, nil)
	id := b.start(chart(endless))
	require.NoError(t, b.Settle(deadline(t)))
	st, err := b.Query(deadline(t), id)
	require.NoError(t, err)
	assert.EqualValues(t, 100_001, st.Macrosteps)
	assert.ErrorIs(t, st.Result.Err, session.ErrEndless)
	_, err = b.Start(deadline(t), session.StartRequest{Document: parse(t, chart(ab))})
	require.NoError(t, err)
}
