package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// post is a processor whose deliveries a test decides.
type post struct {
	mu     sync.Mutex
	sent   []string
	answer func(ctx context.Context, m *session.Message) error
	closed bool
}

func (p *post) Types() []string             { return []string{"post"} }
func (p *post) Location(id string) string   { return "post:" + id }
func (p *post) Open(session.Receiver) error { return nil }
func (p *post) Close() error                { p.closed = true; return nil }
func (p *post) Check(send *scxml.Send) error {
	if send.Target == "" {
		return fmt.Errorf("%w: none", scxml.ErrSendTarget)
	}
	return nil
}

func (p *post) Send(ctx context.Context, m *session.Message) error {
	p.mu.Lock()
	p.sent = append(p.sent, m.Effect.String()+" "+m.Event.Name)
	p.mu.Unlock()
	if p.answer != nil {
		return p.answer(ctx, m)
	}
	return nil
}

const posting = `<state id="a"><onentry>
		<send type="post" event="one" target="x"/><send event="other"/><send type="post" event="two" target="x"/></onentry>
	<transition event="go"><send type="post" event="three" target="x" delay="1s"/></transition>
	<transition event="error.communication"><log label="communication"/></transition>
	<transition event="error.execution"><log label="execution"/></transition></state>`

func TestProcessor(t *testing.T) {
	p := &post{}
	b := newBench(t, &session.Options{Processors: []session.IOProcessor{p}})
	id := b.start(chart(posting))
	assert.Empty(t, b.logged())
	assert.Equal(t, []string{"s1.1.0 one", "s1.1.2 two"}, p.sent)
	b.send(id, "go")
	b.clock.Advance(time.Second)
	assert.Equal(t, "s1.3.0 three", p.sent[2])

	p.answer = func(_ context.Context, m *session.Message) error {
		if m.Event.Name == "one" {
			panic("in a processor")
		}
		return errors.New("no")
	}
	b.start(chart(posting))
	assert.Equal(t, []string{"s2: communication", "s2: communication"}, b.logged())
	b.start(chart(`<state id="a"><onentry><send type="post" event="e"/></onentry><onentry><send type="parcel" event="e" target="x"/></onentry>
		<transition event="error.execution"><log label="execution"/></transition></state>`))
	assert.Equal(t, []string{"s3: execution", "s3: execution"}, b.logged())
	require.NoError(t, b.Shutdown(deadline(t)))
	assert.True(t, p.closed)

	_, err := session.New(&session.Options{Processors: []session.IOProcessor{p, p}})
	assert.ErrorContains(t, err, "two event I/O processors")
}

// TestSlowProcessor: a session goes on while its message is under way, and the
// message has its time only.
func TestSlowProcessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{answer: func(ctx context.Context, _ *session.Message) error { <-ctx.Done(); return ctx.Err() }}
		var mu sync.Mutex
		failed := 0
		e, err := session.New(&session.Options{
			Processors: []session.IOProcessor{p}, Outgoing: 1, OutgoingTimeout: time.Minute,
			Log: func(string, scxml.LogEntry) { mu.Lock(); failed++; mu.Unlock() },
		})
		require.NoError(t, err)
		doc := parse(t, chart(posting))
		id, err := e.Start(t.Context(), session.StartRequest{Document: doc})
		require.NoError(t, err)
		synctest.Wait()
		st, err := e.Query(t.Context(), id)
		require.NoError(t, err)
		assert.EqualValues(t, 2, st.Macrosteps, "start and the event it sent itself")
		_, err = e.Start(t.Context(), session.StartRequest{Document: doc})
		require.NoError(t, err)
		began := time.Now()
		require.NoError(t, e.Settle(t.Context()))
		assert.Equal(t, 4*time.Minute, time.Since(began), "one at a time")
		assert.Equal(t, 4, failed)
		require.NoError(t, e.Shutdown(t.Context()))
	})
}

func TestShutdownAbandonsMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{answer: func(ctx context.Context, _ *session.Message) error { <-ctx.Done(); return ctx.Err() }}
		e, err := session.New(&session.Options{Processors: []session.IOProcessor{p}, OutgoingTimeout: time.Hour})
		require.NoError(t, err)
		_, err = e.Start(t.Context(), session.StartRequest{Document: parse(t, chart(posting))})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, e.Shutdown(ctx), context.DeadlineExceeded)
	})
}
