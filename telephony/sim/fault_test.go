package sim_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// client is the bare side of a connection: it notes what comes.
type client struct {
	clock *session.VirtualClock
	conn  telephony.Conn
	lines []string
}

func dial(t *testing.T, sw *sim.Switch, clock *session.VirtualClock, server string) *client {
	t.Helper()
	c := &client{clock: clock}
	conn, err := sw.Dial(telephony.Endpoint{Address: server}, c)
	require.NoError(t, err)
	c.conn = conn
	clock.Advance(0)
	return c
}

func (c *client) Opened(i telephony.ConnInfo) {
	c.lines = append(c.lines, "opened "+i.Server+" "+i.Role.String())
}
func (c *client) Role(r telephony.ServerRole) { c.lines = append(c.lines, "role "+r.String()) }
func (c *client) Writable()                   { c.lines = append(c.lines, "writable") }
func (c *client) Alive()                      { c.lines = append(c.lines, "alive") }
func (c *client) Lost(reason error)           { c.lines = append(c.lines, "lost: "+reason.Error()) }
func (c *client) Event(e telephony.Event) {
	text := c.clock.Now().Sub(noon).String() + " " + e.Name()
	if a, ok := telephony.CallOf(e); ok && a.ThisDN != "" {
		text += " " + a.ThisDN
	}
	switch ref := e.Header().ReferenceID; ref {
	case 0:
	default:
		text += " ref " + string(rune('0'+ref))
	}
	if e, ok := e.(*telephony.EventError); ok {
		text += " " + e.ErrorMessage
	}
	c.lines = append(c.lines, text)
}

func (c *client) expect(t *testing.T, lines ...string) {
	t.Helper()
	c.clock.Advance(0)
	assert.Equal(t, lines, c.lines)
	c.lines = nil
}

func (c *client) send(t *testing.T, ref int, req telephony.Request) {
	t.Helper()
	require.NoError(t, req.Validate())
	require.NoError(t, c.conn.Send(ref, req))
}

func newSwitch(t *testing.T) (*sim.Switch, *session.VirtualClock) {
	t.Helper()
	clock := session.NewVirtualClock(noon)
	sw := sim.New(&sim.Options{Clock: clock, Name: "T1"})
	require.NoError(t, sw.AddRoutePoint("5000", sim.RoutePoint{}))
	require.NoError(t, sw.AddExtension("7001", sim.Extension{AnswerAfter: time.Second}))
	return sw, clock
}

func TestStandbyPair(t *testing.T) {
	sw, clock := newSwitch(t)
	require.NoError(t, sw.AddBackup("T2"))
	require.ErrorIs(t, sw.AddBackup("T3"), sim.ErrExists)
	_, err := sw.Dial(telephony.Endpoint{Address: "T9"}, &client{})
	require.ErrorIs(t, err, sim.ErrUnknownServer)
	first, second := dial(t, sw, clock, "T1"), dial(t, sw, clock, "T2")
	first.expect(t, "opened T1 Primary", "0s EventLinkConnected")
	second.expect(t, "opened T2 Backup", "0s EventLinkConnected")
	for _, c := range []*client{first, second} {
		c.send(t, 1, &telephony.RequestRegisterAddress{ThisDN: "5000"})
		c.send(t, 2, &telephony.RequestRegisterAddress{ThisDN: "5000"})
		c.conn.Ping()
		c.expect(t, "0s EventRegistered ref 1", "0s EventError ref 2 DN 5000 is registered already", "alive")
	}
	id, err := sw.Call("5000", sim.Caller{})
	require.NoError(t, err)
	for _, c := range []*client{first, second} {
		c.expect(t, "0s EventQueued 5000", "0s EventRouteRequest 5000")
	}
	second.send(t, 3, route(id, "7001"))
	second.expect(t, "0s EventError ref 3 server T2 is the backup")
	second.send(t, 4, &telephony.RequestQueryCall{ThisDN: "5000", ConnID: id})
	second.expect(t, "0s EventPartyInfo 5000 ref 4")

	sw.SwitchOver()
	first.expect(t, "role Backup")
	second.expect(t, "role Primary")
	assert.Equal(t, telephony.ServerRolePrimary, sw.Server("T2").Role())
	second.send(t, 5, route(id, "7001"))
	second.expect(t, "0s EventRouteUsed 5000 ref 5", "0s EventDiverted 5000")
	first.expect(t, "0s EventRouteUsed 5000", "0s EventDiverted 5000")

	sw.Server("T2").Stop()
	sw.Server("T2").Stop()
	second.expect(t, "lost: sim: the server is down")
	require.Error(t, second.conn.Send(6, route(id, "7001")))
	first.expect(t, "role Primary")
	dial(t, sw, clock, "T2").expect(t, "lost: sim: the server is down")
	sw.SwitchOver() // there is nobody to take over
	first.expect(t)
	sw.Server("T2").Start()
	dial(t, sw, clock, "T2").expect(t, "opened T2 Backup", "0s EventLinkConnected")
	sw.Server("").Drop(errors.New("cable cut"))
	first.expect(t, "lost: cable cut")
	first.conn.Close()
	first.conn.Close()
}

func TestLinkToTheSwitchIsLost(t *testing.T) {
	sw, clock := newSwitch(t)
	c := dial(t, sw, clock, "")
	c.send(t, 1, &telephony.RequestRegisterAddress{ThisDN: "5000"})
	sw.SetConnected(false)
	id, err := sw.Call("5000", sim.Caller{})
	require.NoError(t, err)
	c.send(t, 2, route(id, "7001"))
	c.send(t, 3, &telephony.RequestQueryServer{})
	c.expect(t, "opened T1 Unknown", "0s EventLinkConnected", "0s EventRegistered ref 1", "0s EventLinkDisconnected",
		"0s EventError ref 2 server T1 has lost its switch", "0s EventServerInfo ref 3")
	sw.SetConnected(true)
	c.send(t, 4, route(id, "7001"))
	c.expect(t, "0s EventLinkConnected", "0s EventError ref 4 DN 5000 is not registered")
}

// Messages are lost, come late, come twice: each as it was decided.
func TestFate(t *testing.T) {
	sw, clock := newSwitch(t)
	c := dial(t, sw, clock, "")
	c.send(t, 1, &telephony.RequestRegisterAddress{ThisDN: "5000"})
	c.send(t, 2, &telephony.RequestRegisterAddress{ThisDN: "7001"})
	clock.Advance(0)
	c.lines = nil
	sw.Server("").SetFate(func(e telephony.Event) sim.Fate {
		switch e.(type) {
		case *telephony.EventQueued:
			return sim.Fate{Copies: 1}
		case *telephony.EventRouteRequest:
			return sim.Fate{Delay: 3 * time.Second}
		case *telephony.EventRouteUsed:
			return sim.Fate{Lost: true}
		case *telephony.EventDiverted:
			return sim.Fate{Copies: 2, Delay: 2 * time.Second}
		}
		return sim.Fate{}
	})
	id, err := sw.Call("5000", sim.Caller{})
	require.NoError(t, err)
	c.send(t, 3, route(id, "7001"))
	clock.Advance(time.Minute)
	c.expect(t, "0s EventQueued 5000", "0s EventQueued 5000", "0s EventDiverted 5000", "0s EventRinging 7001",
		"1s EventEstablished 7001", "2s EventDiverted 5000", "2s EventDiverted 5000", "3s EventRouteRequest 5000")
	sw.Server("").SetFate(nil)
	require.NoError(t, sw.HangUp(id))
	c.expect(t, "1m0s EventReleased 7001")
}

func TestDisturbances(t *testing.T) {
	count := func(seed uint64) (answers, events [4]int) {
		decide := sim.Disturbances{LostAnswers: 0.1, LateAnswers: 0.2, TwiceAnswers: 0.1, TwiceEvents: 0.2, LateEvents: 0.3,
			Late: sim.Constant(time.Second)}.Decide(rand.New(rand.NewPCG(seed, 1)))
		note := func(n *[4]int, f sim.Fate) {
			switch {
			case f.Lost:
				n[1]++
			case f.Copies > 0:
				n[3]++
			case f.Delay > 0:
				n[2]++
			default:
				n[0]++
			}
		}
		for range 10_000 {
			note(&answers, decide(&telephony.EventRouteUsed{EventHeader: telephony.EventHeader{ReferenceID: 1}}))
			note(&events, decide(&telephony.EventRouteUsed{}))
			assert.Zero(t, decide(&telephony.EventLinkConnected{}))
		}
		return answers, events
	}
	answers, events := count(1)
	for i, want := range [4]float64{6000, 1000, 2000, 1000} {
		assert.InDelta(t, want, answers[i], 150)
	}
	for i, want := range [4]float64{5000, 0, 3000, 2000} {
		assert.InDelta(t, want, events[i], 150)
	}
	again, _ := count(1)
	assert.Equal(t, answers, again)
}
