package fm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/sim"
)

const waits = `<state id="s">
  <transition event="interaction.deleted" target="end"/></state><final id="end"/>`

// registrations counts what reaches the switch.
type registrations struct {
	*telephony.Client
	made, ended []string
}

func (r *registrations) Send(req telephony.Request, outcome func(telephony.Event, error)) {
	switch req := req.(type) {
	case *telephony.RequestRegisterAddress:
		r.made = append(r.made, req.ThisDN)
	case *telephony.RequestUnregisterAddress:
		r.ended = append(r.ended, req.ThisDN)
	}
	r.Client.Send(req, outcome)
}

func TestSetDNs(t *testing.T) {
	w := newWorld(t, strategy(waits))
	require.NoError(t, w.sw.AddRoutePoint("5003", sim.RoutePoint{}))
	w.apps["5003"] = w.apps["5000"]
	link := &registrations{Client: w.sw.Connect()}
	require.NoError(t, w.conn.Close())
	w.open(link, "5000", "7001")
	assert.Equal(t, []string{"5000", "7001"}, link.made)

	// One that comes: its calls have sessions.
	w.conn.SetDNs([]string{"5000", "7001", "5003", "5003"})
	w.clock.Advance(0)
	assert.Equal(t, []string{"5000", "7001", "5003"}, link.made)
	_, err := w.sw.Call("5003", sim.Caller{})
	require.NoError(t, err)
	w.clock.Advance(0)
	require.Equal(t, 1, w.engine.Len())

	// One that goes is followed until its calls are over.
	w.conn.SetDNs([]string{"5000", "7001"})
	w.clock.Advance(time.Minute)
	assert.Empty(t, link.ended)
	for _, call := range w.sw.List() {
		require.NoError(t, w.sw.HangUp(call.ConnID))
	}
	w.clock.Advance(time.Minute)
	assert.Zero(t, w.engine.Len(), "the session has heard of the end")
	assert.Equal(t, []string{"5003"}, link.ended)

	// One that comes back in time is not registered again.
	_, err = w.sw.Call("5000", sim.Caller{})
	require.NoError(t, err)
	w.clock.Advance(0)
	w.conn.SetDNs([]string{"7001"})
	w.conn.SetDNs([]string{"7001", "5000"})
	w.clock.Advance(time.Minute)
	assert.Equal(t, []string{"5003"}, link.ended)
	assert.Len(t, link.made, 3)
	assert.Equal(t, 1, w.engine.Len())
}

// What changes while the link is down is registered when it is up.
func TestSetDNsWithoutLink(t *testing.T) {
	w := newWorld(t, strategy(waits))
	link := &registrations{Client: w.sw.Connect()}
	require.NoError(t, w.conn.Close())
	w.open(link, "5000", "7001")
	w.sw.SetConnected(false)
	w.clock.Advance(0)
	w.conn.SetDNs([]string{"5001"})
	assert.Equal(t, []string{"5000", "7001"}, link.made)
	w.sw.SetConnected(true)
	w.clock.Advance(0)
	assert.Equal(t, []string{"5000", "7001", "5001"}, link.made)
	assert.Equal(t, []string{"5000", "7001"}, link.ended)

	// Before Open there is nothing to give up, after Close nothing is done.
	c := fm.NewConnector(w, &fm.Options{DNs: []string{"1"}, Clock: w.clock})
	assert.False(t, c.IsReady())
	c.SetDNs([]string{"2"})
	other := &registrations{Client: w.sw.Connect()}
	require.NoError(t, c.Open(w.engine, other))
	w.clock.Advance(0)
	assert.Equal(t, []string{"2"}, other.made)
	assert.True(t, c.IsReady())
	require.ErrorContains(t, c.Ready(t.Context()), "registering DN 2")
	require.NoError(t, c.Close())
	c.SetDNs([]string{"3"})
	w.clock.Advance(0)
	assert.Equal(t, []string{"2"}, other.made)
	assert.Empty(t, other.ended)
	require.NoError(t, other.Close())
}
