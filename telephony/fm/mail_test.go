package fm

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// What a session has no room for is given again, in order.
func TestMailIsGivenAgain(t *testing.T) {
	clock := session.NewVirtualClock(time.Unix(0, 0))
	reached, ready := make(chan struct{}), make(chan struct{})
	var log []string
	engine, err := session.New(&session.Options{Workers: 1, Inbox: 1, Clock: clock, Log: func(_ string, e scxml.LogEntry) {
		if log = append(log, e.Label); e.Label == "busy" {
			close(reached)
			<-ready
		}
	}})
	require.NoError(t, err)
	defer func() { require.NoError(t, engine.Shutdown(t.Context())) }()
	doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null"><state id="s">
		<transition event="busy"><log label="busy"/></transition><transition event="first"><log label="first"/></transition>
		<transition event="second"><log label="second"/></transition><transition event="third"><log label="third"/></transition>
		<transition event="end" target="f"/></state><final id="f"/></scxml>`), nil)
	require.NoError(t, err)
	id, err := engine.Start(t.Context(), session.StartRequest{Document: doc})
	require.NoError(t, err)
	require.NoError(t, engine.Settle(t.Context()))

	m := newMail(clock, slog.New(slog.DiscardHandler))
	send := func(name string) { m.send(engine, id, &scxml.Event{Name: name}, session.EffectID{}) }
	require.NoError(t, engine.Send(t.Context(), id, &scxml.Event{Name: "busy"}))
	<-reached
	require.NoError(t, engine.Send(t.Context(), id, &scxml.Event{Name: "first"}))
	send("second")
	send("third")
	assert.Len(t, m.late[id], 2)
	close(ready)
	require.NoError(t, engine.Settle(t.Context()))
	clock.Advance(mailPause)
	clock.Advance(mailPause)
	require.NoError(t, engine.Settle(t.Context()))
	assert.Equal(t, []string{"busy", "first", "second", "third"}, log)
	assert.Empty(t, m.late)

	require.NoError(t, engine.Send(t.Context(), id, &scxml.Event{Name: "end"}))
	require.NoError(t, engine.Settle(t.Context()))
	send("late")
	assert.Empty(t, m.late, "the session has ended")
}
