package fm_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// A strategy that sends its call to its own routing point is stopped, and the
// session in hand keeps the call.
func TestRedirectLoop(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, strategy(`<state id="s">
  <transition event="interaction.onrouterequest"><ixn:redirect to="'5000'" detach="true"/></transition>
  <transition event="interaction.deleted" target="end"/>
  <transition event="error.interaction.redirect"><log expr="_event.data.error + ' ' + _event.data.description"/></transition>
  <transition event="later"><ixn:redirect to="'7001'"/></transition>
</state><final id="end"/>`))
	w.reopen(func(o *fm.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	w.call(sim.Caller{})
	w.expect("s51: invaliddestination the interaction has been routed 50 times within 10s")
	assert.Equal(t, 1, w.engine.Len())
	assert.Equal(t, 1, strings.Count(log.String(), "send it in circles"))
	w.clock.Advance(10 * time.Second) // then it may be routed again
	require.NoError(t, w.engine.Send(t.Context(), "s51", &scxml.Event{Name: "later"}))
	w.clock.Advance(time.Hour)
	assert.Zero(t, w.engine.Len())
	w.expect()
}

// So is one that puts a multimedia interaction into its own queue.
func TestPlaceInQueueLoop(t *testing.T) {
	w := newMail(t, map[string]string{
		"interaction.present":       `<ixn:placeinqueue queue="'inbox'"/>`,
		"interaction.notcontrolled": `<log expr="'away'"/>`,
	})
	w.submit(mail("m1"))
	assert.Equal(t, 51, w.ids)
	assert.Contains(t, w.log[len(w.log)-1], `"error":"invaliddestination"`)
	kept, ok := w.server.Interaction("m1")
	assert.True(t, ok)
	assert.Equal(t, "inbox", kept.Queue)
}

// The call for which there is no room is told of once.
func TestTooManyCalls(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, strategy(`<state id="s"/>`))
	w.reopen(func(o *fm.Options) { o.Logger, o.MaxCalls = slog.New(slog.NewTextHandler(&log, nil)), 1 })
	w.call(sim.Caller{})
	for range 2 {
		id := w.call(sim.Caller{})
		assert.Equal(t, 1, w.engine.Len())
		require.NoError(t, w.sw.HangUp(id))
		w.clock.Advance(0)
	}
	assert.Equal(t, 2, strings.Count(log.String(), "too many calls"))
}
