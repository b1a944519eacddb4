package session_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// orsChart wraps states into a document of the ORS dialect.
func orsChart(attrs, states string) string {
	return `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" profile="ecmascript" ` + attrs + `>` + states + `</scxml>`
}

func parseORS(t testing.TB, source string) *scxml.Document {
	t.Helper()
	doc, err := scxml.Parse(context.Background(), []byte(source), &scxml.ParseOptions{URL: "app:///strategy.scxml", Languages: []datamodel.Language{goja.New(nil)}})
	require.NoError(t, err)
	return doc
}

func (b *bench) startORS(attrs, states string) string {
	b.t.Helper()
	id, err := b.Start(deadline(b.t), session.StartRequest{Document: parseORS(b.t, orsChart(attrs, states))})
	require.NoError(b.t, err)
	return id
}

// node is an engine on a store; a second one takes the place of the first.
func node(t *testing.T, store persistence.Store, opts session.Options) *bench {
	t.Helper()
	opts.Store, opts.Owner, opts.Lease = store, "node", 1000*time.Hour
	opts.Parse.Languages = []datamodel.Language{goja.New(nil)}
	b := newBench(t, &opts)
	_, err := b.Recover(deadline(t))
	require.NoError(t, err)
	return b
}

// restart ends the engine, and makes another one on the store at a later time.
func (b *bench) restart(store persistence.Store, after time.Duration, opts session.Options) *bench {
	b.t.Helper()
	require.NoError(b.t, b.Shutdown(deadline(b.t)))
	t, ok := b.t.(*testing.T)
	require.True(b.t, ok)
	opts.Store, opts.Owner, opts.Lease = store, "node", 1000*time.Hour
	opts.Parse.Languages = []datamodel.Language{goja.New(nil)}
	var n atomic.Int64
	opts.NewID = func() string { return fmt.Sprint("r", n.Add(1)) }
	next := newBench(t, &opts)
	next.clock.Advance(b.clock.Now().Add(after).Sub(next.clock.Now()))
	_, err := next.Recover(deadline(t))
	require.NoError(t, err)
	return next
}

func memory(t *testing.T) persistence.Store {
	t.Helper()
	store, err := memstore.New(&memstore.Options{Buckets: 1})
	require.NoError(t, err)
	return store
}

func stored(t *testing.T, store persistence.Store) (ids []string) {
	t.Helper()
	for info, err := range store.List(t.Context(), 0, "") {
		require.NoError(t, err)
		ids = append(ids, info.ID)
	}
	return ids
}

const waits = `<state id="a"><onexit><log label="exit"/></onexit></state>`

func TestMaxAge(t *testing.T) {
	for _, c := range []struct {
		name string
		host time.Duration
		attr string
		age  time.Duration
	}{
		{"document", 0, `_maxtime="60"`, time.Minute},
		{"document beyond the default", 0, `_maxtime="864000"`, 10 * 24 * time.Hour},
		{"default", 0, ``, 7 * 24 * time.Hour},
		{"host", time.Hour, ``, time.Hour},
		{"document below the host", time.Hour, `_maxtime="60"`, time.Minute},
		{"document above the host", time.Hour, `_maxtime="7200"`, time.Hour},
		{"document, host without limit", -1, `_maxtime="60"`, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, &session.Options{MaxAge: c.host})
			id := b.startORS(c.attr, waits)
			b.clock.Advance(c.age - time.Second)
			require.Equal(t, []string{"a"}, b.active(id))
			b.clock.Advance(time.Second)
			require.Equal(t, session.Expired, b.result(id).Reason)
			require.Equal(t, []string{"s1: exit"}, b.logged())
			_, pending := b.clock.Next()
			require.False(t, pending)
		})
	}
	b := newBench(t, nil)
	id := b.start(chart(waits))
	_, pending := b.clock.Next()
	assert.False(t, pending, "SCXML 1.0 knows no age")
	unlimited := newBench(t, &session.Options{MaxAge: -1})
	unlimited.startORS("", waits)
	_, pending = unlimited.clock.Next()
	assert.False(t, pending)
	require.NoError(t, b.Terminate(deadline(t), id))
}

// TestMaxAgeOfInvoked: whoever has invoked a session is told that it is too old.
func TestMaxAgeOfInvoked(t *testing.T) {
	b := newBench(t, &session.Options{Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}})
	b.startORS("", `<state id="a"><invoke type="scxml" id="kid"><content>`+orsChart(`_maxtime="5"`, waits)+`</content></invoke>
		<transition event="error.platform"><log expr="_event.data.reason + ' ' + _event.invokeid"/></transition></state>`)
	b.clock.Advance(5 * time.Second)
	assert.Equal(t, []string{"s2: exit", "s1: =expired kid"}, b.logged())
}

func TestMaxAgeSurvives(t *testing.T) {
	store := memory(t)
	b := node(t, store, session.Options{})
	id := b.startORS(`_maxtime="60"`, waits)
	b.clock.Advance(40 * time.Second)
	b = b.restart(store, 10*time.Second, session.Options{})
	b.clock.Advance(9 * time.Second)
	require.Equal(t, []string{"a"}, b.active(id))
	b.clock.Advance(time.Second)
	require.Equal(t, session.Expired, b.result(id).Reason)
	require.NoError(t, b.Settle(deadline(t)))
	require.Empty(t, stored(t, store))

	id = b.startORS(`_maxtime="60"`, waits)
	require.NoError(t, b.Settle(deadline(t)))
	b = b.restart(store, time.Hour, session.Options{})
	b.clock.Advance(0)
	require.Equal(t, session.Expired, b.result(id).Reason, "its time passed while nothing ran")
}

func TestMaxPendingEvents(t *testing.T) {
	for _, c := range []struct {
		host, want int
		attr       string
	}{{0, 2, `_maxPendingEvents="2"`}, {3, 3, `_maxPendingEvents="10"`}, {3, 2, `_maxPendingEvents="2"`}, {0, 1500, `_maxPendingEvents="1500"`}, {0, 1000, ``}} {
		b := newBench(t, &session.Options{Inbox: c.host, Scheduled: 1})
		id, err := b.Start(deadline(t), session.StartRequest{Document: parseORS(t, orsChart(c.attr, waits)), At: noon.Add(time.Hour)})
		require.NoError(t, err)
		for range c.want {
			b.send(id, "e")
		}
		err = b.Send(deadline(t), id, &scxml.Event{Name: "e"})
		require.ErrorIs(t, err, session.ErrInboxFull)
		require.ErrorContains(t, err, fmt.Sprint(c.want, " events wait"))
	}
}

// TestNotPersistent: a session of a document with _persist="false" lives beside
// stored ones and talks to them, but is gone after a restart.
func TestNotPersistent(t *testing.T) {
	store := memory(t)
	b := node(t, store, session.Options{})
	kept := b.startORS("", `<state id="a"><onentry><send event="'later'" delay="'10s'"/></onentry>
		<transition event="ask"><send event="'answer'" target="_event.origin"/></transition>
		<transition event="later error.send.nosuchsession"><log expr="_event.name"/></transition>
		<transition event="gone"><send event="'e'" target="'#_scxml_s2'"/></transition></state>`)
	passing := b.startORS(`_persist="false"`, `<state id="a">
		<onentry><send event="'ask'" target="'#_scxml_s1'"/><send event="'tick'" delay="'1s'"/><cancel sendid="'none'"/></onentry>
		<invoke type="scxml" id="kid"><content>`+orsChart("", `<state id="k"><onentry><send event="'hello'" target="'#_parent'"/></onentry></state>`)+`</content></invoke>
		<transition event="*"><log expr="_event.name"/></transition></state>`)
	assert.Equal(t, []string{"s2: =error.notallowed", "s2: =answer", "s2: =hello"}, sorted(b.logged()))
	b.clock.Advance(time.Second)
	assert.Equal(t, []string{"s2: =tick"}, b.logged())
	b.send(passing, "sent")
	require.NoError(t, b.SendOnce(deadline(t), passing, "k", &scxml.Event{Name: "once"}))
	require.NoError(t, b.SendOnce(deadline(t), passing, "k", &scxml.Event{Name: "once"}))
	assert.Equal(t, []string{"s2: =sent", "s2: =once"}, b.logged())
	assert.Equal(t, []string{kept}, stored(t, store))

	b = b.restart(store, time.Minute, session.Options{})
	require.ErrorIs(t, b.Send(deadline(t), passing, &scxml.Event{Name: "e"}), session.ErrNotFound)
	b.clock.Advance(0)
	assert.Equal(t, []string{"s1: =later"}, b.logged())
	b.send(kept, "gone")
	assert.Equal(t, []string{"s1: =error.send.nosuchsession"}, b.logged())

	passing = b.startORS(`_persist="false"`, waits)
	require.NoError(t, b.Terminate(deadline(t), passing))
	assert.Equal(t, session.Terminated, b.result(passing).Reason)
}

func sorted(lines []string) []string {
	for i := range lines {
		for k := i; k > 0 && strings.Contains(lines[k], "error.notallowed"); k-- {
			lines[k], lines[k-1] = lines[k-1], lines[k]
		}
	}
	return lines
}

// TestLateErrors: what fails after the macrostep has the names and data of the
// dialect, and is not logged beside the event.
func TestLateErrors(t *testing.T) {
	var log strings.Builder
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": fstest.MapFS{}}})
	require.NoError(t, err)
	for _, store := range []persistence.Store{nil, memory(t)} {
		opts := session.Options{Timers: 1, Loader: loader, Logger: slog.New(slog.NewTextHandler(&log, nil)), Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}}
		b := newBench(t, &opts)
		if store != nil {
			b = node(t, store, opts)
		}
		b.startORS("", `<state id="a">
 <transition event="delayed"><send event="'e'" target="'#_scxml_gone'" delay="'1s'" id="one"/></transition>
 <transition event="many"><send event="'x'" delay="'1s'" id="two"/><send event="'y'" delay="'1s'" id="three"/></transition>
 <transition event="invoke" target="b"/>
 <transition event="error"><log expr="[_event.name, _event.sendid, _event.data.document, _event.data.element, _event.data.linenumber, _event.data.target].join(' ')"/></transition>
</state>
<state id="b">
 <invoke type="scxml" id="kid" src="missing.scxml"/>
 <transition event="error"><log expr="[_event.name, _event.invokeid, _event.data.document, _event.data.element, _event.data.linenumber, _event.data.target].join(' ')"/></transition>
</state>`)
		b.send("s1", "delayed")
		b.clock.Advance(time.Second)
		assert.Equal(t, []string{"s1: =error.send.nosuchsession one app:///strategy.scxml send 2 #_scxml_gone"}, b.logged())
		b.send("s1", "many")
		assert.Equal(t, []string{"s1: =error.send.failed three app:///strategy.scxml send 3 "}, b.logged())
		b.send("s1", "invoke")
		assert.Equal(t, []string{"s1: =error.badfetch.app.0 kid app:///strategy.scxml invoke 8 app:///missing.scxml"}, b.logged())
	}
	assert.Empty(t, log.String())
}

func TestSendOnce(t *testing.T) {
	for _, store := range []persistence.Store{nil, memory(t)} {
		b := newBench(t, nil)
		if store != nil {
			b = node(t, store, session.Options{})
		}
		id := b.start(chart(`<state id="a"><transition event="*"><log label="event"/></transition></state>`))
		once := func(key string) error {
			return b.SendOnce(deadline(t), id, key, &scxml.Event{Name: "e"})
		}
		require.NoError(t, once("1"))
		require.NoError(t, once("1"))
		require.NoError(t, once("2"))
		assert.Len(t, b.logged(), 2)
		if store != nil {
			b = b.restart(store, 0, session.Options{})
			require.NoError(t, once("1"))
			assert.Empty(t, b.logged(), "the key is stored")
		}
		require.NoError(t, once("2"))
		assert.Empty(t, b.logged())
		for i := range persistence.KeyWindow - 1 {
			require.NoError(t, once(fmt.Sprint("more", i)))
			require.NoError(t, b.Settle(deadline(t)))
		}
		require.NoError(t, once("2"))
		assert.Len(t, b.logged(), persistence.KeyWindow-1, "still remembered")
		require.NoError(t, once(strings.Repeat("k", session.MaxEventKey)))
		require.Error(t, once(""))
		require.ErrorIs(t, once(strings.Repeat("k", session.MaxEventKey+1)), persistence.ErrInvalid)
		require.ErrorIs(t, once("line\nfeed"), persistence.ErrInvalid)
	}
}

// TestAdvanceEnds: a session that sends to itself with a tiny delay ends, and the
// clock goes on.
func TestAdvanceEnds(t *testing.T) {
	for _, store := range []persistence.Store{nil, memory(t)} {
		b := newBench(t, nil)
		if store != nil {
			b = node(t, store, session.Options{})
		}
		b.clock.MaxTimers = 50
		busy := b.start(chart(`<state id="a"><onentry><send event="e" delay="1ms"/></onentry><transition event="e" target="a"/></state>`))
		calm := b.start(chart(`<state id="a"><onentry><send event="e" delay="1h"/></onentry><transition event="e" target="b"/></state><state id="b"/>`))
		b.clock.Advance(50 * time.Millisecond)
		b.clock.Advance(50 * time.Millisecond)
		require.Equal(t, []string{"a"}, b.active(busy), "each Advance counts by itself")
		b.clock.Advance(time.Hour)
		r := b.result(busy)
		require.Equal(t, session.Failed, r.Reason)
		require.ErrorIs(t, r.Err, session.ErrEndless)
		require.ErrorContains(t, r.Err, `session "`+busy+`" wants more than 50`)
		require.Equal(t, []string{"b"}, b.active(calm))
	}
}
