package router_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// Who is on the phone stays so over a reconnect, until the link tells otherwise.
func TestCallsOutliveTheLink(t *testing.T) {
	f := newFloor(t, router.Options{})
	sw := sim.New(&sim.Options{Clock: f.clock})
	require.NoError(t, sw.AddRoutePoint("5000", sim.RoutePoint{}))
	for _, dn := range []string{"7001", "7002", "7003"} {
		require.NoError(t, sw.AddExtension(dn, sim.Extension{}))
	}
	f.agent("ann", "7001", nil)
	f.agent("bob", "7002", nil)
	f.agent("cal", "7003", nil)
	require.NoError(t, f.SetQueue(router.Queue{Number: "5000", Switch: "sw"}))
	link := sw.Connect()
	defer link.Close()
	link.Subscribe(f.Receive)
	f.clock.Advance(0)
	for _, dn := range []string{"5000", "7001", "7002", "7003"} {
		link.Send(&telephony.RequestRegisterAddress{ThisDN: dn}, nil)
	}
	f.clock.Advance(0)
	call := func(dn string) telephony.ConnID {
		id, err := sw.Call(dn, sim.Caller{})
		require.NoError(t, err)
		f.clock.Advance(0)
		return id
	}
	calls := func(id string) int {
		s, err := f.AgentStatus(id)
		require.NoError(t, err)
		return s.Calls
	}
	waits := func() float64 { return f.statistic("5000@sw.Q", "CallsWaiting") }
	call("7001")
	over := call("7002")
	call("5000")
	f.clock.Advance(time.Minute)
	assert.Equal(t, []int{1, 1, 0}, []int{calls("ann"), calls("bob"), calls("cal")})
	assert.Equal(t, 1.0, waits())

	srv := sw.Server("")
	srv.SetConnected(false)
	f.clock.Advance(0)
	require.NoError(t, sw.HangUp(over))
	call("7003")
	srv.SetConnected(true)
	f.clock.Advance(time.Minute)
	assert.Equal(t, []int{1, 0, 1}, []int{calls("ann"), calls("bob"), calls("cal")})
	assert.Equal(t, 1.0, waits())
	f.submit("call", "ann@.A,bob@.A,cal@.A", nil)
	f.expect("call: bob")

	// Where the server cannot tell, the link says so.
	gone := func(dn string, id telephony.ConnID, synthetic bool) {
		f.Receive(&telephony.EventPartyInfo{EventHeader: telephony.EventHeader{Synthetic: synthetic},
			CallAttributes: telephony.CallAttributes{ThisDN: dn, ConnID: id}})
	}
	gone("7001", over, true)
	for _, k := range sw.List() {
		gone("7001", k.ConnID, false)
	}
	assert.Equal(t, 1, calls("ann"), "of another call, or an answer")
	for _, k := range sw.List() {
		gone("7001", k.ConnID, true)
		gone("5000", k.ConnID, true)
	}
	assert.Zero(t, calls("ann"))
	assert.Zero(t, waits())
	require.NoError(t, f.Audit())
}
