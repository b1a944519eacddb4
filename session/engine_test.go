package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

const ab = `<state id="a"><transition event="go" target="b"/><onexit><log label="left a"/></onexit></state>
	<state id="b"><transition event="end" target="f"/></state><final id="f"/>`

func TestLifeOfASession(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	note := func(s string) { mu.Lock(); seen = append(seen, s); mu.Unlock() }
	b := newBench(t, &session.Options{Observer: session.Observer{
		SessionStarted: func(i session.Info) { note("started " + i.ID + " " + i.Name + fmt.Sprint(i.Value)) },
		SessionEnded:   func(i session.Info, r session.Result) { note("ended " + i.ID + " " + r.Reason.String()) },
	}})
	doc := parse(t, `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null" name="n">`+ab+`</scxml>`)
	id, err := b.Start(deadline(t), session.StartRequest{Document: doc, SessionID: "mine", Value: 7})
	require.NoError(t, err)
	assert.Equal(t, "mine", id)
	assert.Equal(t, []string{"a"}, b.active("mine"))
	assert.Equal(t, 1, b.Len())
	assert.Equal(t, []session.Info{{ID: "mine", Root: "mine", URL: "document.scxml", Name: "n", Value: 7}}, b.Sessions())

	_, err = b.Start(deadline(t), session.StartRequest{Document: doc, SessionID: "mine"})
	assert.ErrorIs(t, err, session.ErrExists)

	b.send("mine", "go")
	assert.Equal(t, []string{"mine: left a"}, b.logged())
	st, err := b.Query(deadline(t), "mine")
	require.NoError(t, err)
	assert.Equal(t, []string{"b"}, st.Configuration)
	assert.EqualValues(t, 2, st.Macrosteps)
	assert.False(t, st.Ended)

	b.send("mine", "end")
	r := b.result("mine")
	assert.Equal(t, session.Result{Reason: session.Finished, Configuration: []string{"f"}, Active: []string{"f"}}, r)
	assert.ErrorIs(t, b.Send(deadline(t), "mine", &scxml.Event{Name: "x"}), session.ErrNotFound)
	assert.ErrorIs(t, b.Terminate(deadline(t), "mine"), session.ErrNotFound)
	st, err = b.Query(deadline(t), "mine")
	require.NoError(t, err)
	assert.True(t, st.Ended)
	assert.Equal(t, r, st.Result)
	assert.Equal(t, 0, b.Len())

	_, err = b.Start(deadline(t), session.StartRequest{Document: doc, SessionID: "mine"})
	require.NoError(t, err, "the id of an ended session may be used again")
	require.NoError(t, b.Settle(deadline(t)))
	require.NoError(t, b.Terminate(deadline(t), "mine"))
	assert.Equal(t, session.Terminated, b.result("mine").Reason)
	require.NoError(t, b.Settle(deadline(t)))
	assert.Equal(t, []string{"started mine n7", "ended mine finished", "started mine n<nil>", "ended mine terminated"}, seen)
}

func TestTerminateRunsExitHandlers(t *testing.T) {
	b := newBench(t, nil)
	id := b.start(chart(ab))
	b.active(id)
	require.NoError(t, b.Terminate(deadline(t), id))
	assert.Equal(t, []string{"s1: left a"}, b.logged())
	_, err := b.Wait(deadline(t), "nobody")
	assert.ErrorIs(t, err, session.ErrNotFound)
	_, err = b.Query(deadline(t), "nobody")
	assert.ErrorIs(t, err, session.ErrNotFound)
}

func TestRetain(t *testing.T) {
	b := newBench(t, &session.Options{Retain: 2})
	for range 3 {
		b.start(chart(`<final id="f"/>`))
	}
	require.NoError(t, b.Settle(deadline(t)))
	_, err := b.Query(deadline(t), "s1")
	assert.ErrorIs(t, err, session.ErrNotFound)
	assert.Equal(t, session.Finished, b.result("s2").Reason)
	assert.Equal(t, session.Finished, b.result("s3").Reason)
}

// blocker is a trace that stops a worker until it is let go.
func blocker() (trace func(string, *scxml.Document) *scxml.Trace, entered, release chan struct{}) {
	entered, release = make(chan struct{}), make(chan struct{})
	return func(id string, _ *scxml.Document) *scxml.Trace {
		if id != "blocked" {
			return nil
		}
		return &scxml.Trace{Enter: func(string) { close(entered); <-release }}
	}, entered, release
}

func TestInboxIsBounded(t *testing.T) {
	trace, entered, release := blocker()
	b := newBench(t, &session.Options{Inbox: 3, Trace: trace})
	_, err := b.Start(deadline(t), session.StartRequest{Document: parse(t, chart(`<state id="a"><transition event="e"><log label="e"/></transition></state>`)), SessionID: "blocked"})
	require.NoError(t, err)
	<-entered
	for range 3 {
		b.send("blocked", "e")
	}
	err = b.Send(deadline(t), "blocked", &scxml.Event{Name: "e"})
	assert.ErrorIs(t, err, session.ErrInboxFull)
	assert.ErrorContains(t, err, `"blocked"`)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = b.Query(ctx, "blocked")
	assert.ErrorIs(t, err, context.Canceled)
	assert.ErrorIs(t, b.Settle(ctx), context.Canceled)
	_, err = b.Wait(ctx, "blocked")
	assert.ErrorIs(t, err, context.Canceled)
	close(release)
	assert.Len(t, b.logged(), 3)
	b.send("blocked", "e")
	assert.Len(t, b.logged(), 1)
}

// TestSendToItselfWithoutEnd: a session whose inbox overflows by its own doing
// gets errors, and ends when it does not stop; others do not notice.
func TestSendToItselfWithoutEnd(t *testing.T) {
	b := newBench(t, &session.Options{Inbox: 10})
	other := b.start(chart(ab))
	id := b.start(chart(`<state id="a"><onentry><send event="e"/></onentry><transition event="*"><send event="e"/><send event="e"/></transition></state>`))
	r := b.result(id)
	assert.Equal(t, session.Failed, r.Reason)
	assert.ErrorIs(t, r.Err, session.ErrInboxFull)
	b.send(other, "go")
	assert.Equal(t, []string{"b"}, b.active(other))
}

func TestFairness(t *testing.T) {
	b := newBench(t, &session.Options{Inbox: 100_000, Chain: -1})
	busy := b.start(chart(`<state id="a"><transition event="e"><send event="e"/></transition></state>`))
	b.send(busy, "e") // never ends
	calm := b.start(chart(ab))
	b.send(calm, "go")
	b.send(calm, "end")
	assert.Equal(t, session.Finished, b.result(calm).Reason)
	require.NoError(t, b.Terminate(deadline(t), busy))
	assert.Equal(t, session.Terminated, b.result(busy).Reason)
}

func TestOneSessionOneWorker(t *testing.T) {
	var inside, most, total atomic.Int32
	trace := &scxml.Trace{EventTaken: func(*scxml.Event) {
		n := inside.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		runtime.Gosched()
		inside.Add(-1)
		total.Add(1)
	}}
	b := newBench(t, &session.Options{Workers: 8, Inbox: 1 << 20, Trace: func(string, *scxml.Document) *scxml.Trace { return trace }})
	id := b.start(chart(`<state id="a"><transition event="e" target="a"/></state>`))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				b.send(id, "e")
			}
		})
	}
	wg.Wait()
	require.NoError(t, b.Settle(deadline(t)))
	assert.EqualValues(t, 4000, total.Load())
	assert.EqualValues(t, 1, most.Load())
}

func TestSendCopies(t *testing.T) {
	data := make(chan datamodel.Value, 1)
	trace := func(string, *scxml.Document) *scxml.Trace {
		return &scxml.Trace{EventTaken: func(ev *scxml.Event) { data <- ev.Data }}
	}
	b := newBench(t, &session.Options{Trace: trace})
	id := b.start(chart(ab))
	m := map[string]any{"list": []int{1}}
	ev := &scxml.Event{Name: "x", Data: m}
	require.NoError(t, b.Send(deadline(t), id, ev))
	m["list"].([]int)[0] = 2
	ev.Name = "y"
	want := datamodel.NewObject(datamodel.Member{Name: "list", Value: []datamodel.Value{1.0}})
	assert.True(t, datamodel.Equal(want, <-data))

	err := b.Send(deadline(t), id, &scxml.Event{Name: "x", Data: make(chan int)})
	assert.ErrorContains(t, err, `data of event "x"`)
}

func TestMaxSessions(t *testing.T) {
	b := newBench(t, &session.Options{MaxSessions: 1})
	first := b.start(chart(ab))
	_, err := b.Start(deadline(t), session.StartRequest{Document: parse(t, chart(ab))})
	assert.ErrorIs(t, err, session.ErrTooMany)
	require.NoError(t, b.Terminate(deadline(t), first))
	b.result(first)
	b.start(chart(ab))
}

func TestLimitsEndOneSession(t *testing.T) {
	var out bytes.Buffer
	b := newBench(t, &session.Options{Logger: slog.New(slog.NewTextHandler(&out, nil)), Machine: scxml.Limits{Microsteps: 100}})
	good := b.start(chart(ab))
	bad := b.start(chart(`<state id="a"><transition target="b"/></state><state id="b"><transition target="a"/></state>`))
	r := b.result(bad)
	assert.Equal(t, session.Failed, r.Reason)
	var limit *scxml.LimitError
	assert.ErrorAs(t, r.Err, &limit)
	b.send(good, "go")
	assert.Equal(t, []string{"b"}, b.active(good))
	assert.Contains(t, out.String(), "session failed")
}

func TestPanicsAreContained(t *testing.T) {
	var out bytes.Buffer
	cause := errors.New("boom")
	b := newBench(t, &session.Options{
		Logger: slog.New(slog.NewTextHandler(&out, nil)),
		Trace: func(id string, _ *scxml.Document) *scxml.Trace {
			return &scxml.Trace{EventTaken: func(ev *scxml.Event) {
				if ev.Name == "panic" {
					panic(cause)
				}
			}}
		},
	})
	bad, good := b.start(chart(ab)), b.start(chart(ab))
	b.send(bad, "panic")
	r := b.result(bad)
	assert.Equal(t, session.Failed, r.Reason)
	var p *session.PanicError
	require.ErrorAs(t, r.Err, &p)
	assert.Equal(t, cause, p.Value)
	assert.ErrorIs(t, r.Err, cause)
	assert.NotEmpty(t, p.Stack)
	b.send(good, "go")
	assert.Equal(t, []string{"b"}, b.active(good))
	assert.Contains(t, out.String(), "boom")
}

func TestShutdown(t *testing.T) {
	trace, entered, release := blocker()
	b := newBench(t, &session.Options{Trace: trace})
	_, err := b.Start(deadline(t), session.StartRequest{SessionID: "blocked", Document: parse(t, chart(`<state id="a"/>`))})
	require.NoError(t, err)
	<-entered
	id := b.start(chart(`<state id="a"><onentry><send event="late" delay="3600s"/></onentry>
		<transition event="e"><log label="e"/><send event="e"/></transition>
		<onexit><log label="left"/></onexit></state>`))
	b.send(id, "e")
	b.send(id, "e")
	down := make(chan error)
	ctx := deadline(t)
	go func() { down <- b.Shutdown(ctx) }()
	for { // until Shutdown has seen it
		st, err := b.Query(ctx, id)
		require.NoError(t, err)
		if st.Queued == 3 {
			break
		}
		runtime.Gosched()
	}
	close(release)
	require.NoError(t, <-down)
	assert.Equal(t, []string{"s1: e", "s1: e", "s1: left"}, b.logged(), "waiting events are handled, not what they bring about, then onexit runs")
	assert.Equal(t, session.ShutDown, b.result(id).Reason)
	assert.ErrorIs(t, b.Send(deadline(t), id, &scxml.Event{Name: "e"}), session.ErrClosed)
	_, err = b.Start(deadline(t), session.StartRequest{Document: parse(t, chart(ab))})
	assert.ErrorIs(t, err, session.ErrClosed)
	_, pending := b.clock.Next()
	assert.False(t, pending)
	require.NoError(t, b.Shutdown(deadline(t)))
}

func TestShutdownDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trace, entered, release := blocker()
		e, err := session.New(&session.Options{Trace: trace})
		require.NoError(t, err)
		id, err := e.Start(t.Context(), session.StartRequest{Document: parse(t, chart(ab)), SessionID: "blocked"})
		require.NoError(t, err)
		<-entered
		waited := make(chan error)
		go func() { _, err := e.Wait(t.Context(), id); waited <- err }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = e.Shutdown(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "1 sessions left")
		assert.ErrorIs(t, <-waited, session.ErrClosed)
		close(release) // the worker ends; the bubble would report it otherwise
	})
}

func TestNoGoroutineWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := session.New(nil)
		require.NoError(t, err)
		doc := parse(t, chart(`<state id="a"><onentry><send event="e" delay="3600s"/></onentry></state>`))
		for range 100 {
			_, err := e.Start(t.Context(), session.StartRequest{Document: doc})
			require.NoError(t, err)
		}
		synctest.Wait()
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		assert.Contains(t, string(stacks), "TestNoGoroutineWhenIdle")
		assert.NotContains(t, string(stacks), "session.(*Engine)", "a goroutine of the engine is left")
		require.NoError(t, e.Shutdown(t.Context()))
	})
}

func TestTooManyTimers(t *testing.T) {
	b := newBench(t, &session.Options{Timers: 2})
	id := b.start(chart(`<state id="a"><onentry><send event="t" delay="1s"/><send event="t" delay="1s" id="x"/><send event="t" delay="1s" id="y"/></onentry>
		<transition event="error.execution"><log label="refused"/><cancel sendid="x"/></transition>
		<transition event="t"><log label="t"/></transition></state>`))
	assert.Equal(t, []string{"s1: refused"}, b.logged())
	b.clock.Advance(time.Hour)
	assert.Equal(t, []string{"s1: t"}, b.logged())
	_ = id
}
