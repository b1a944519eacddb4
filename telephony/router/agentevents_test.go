package router_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
)

func TestAgentsSpeakAtTheirTelephones(t *testing.T) {
	f := newFloor(t, router.Options{})
	require.NoError(t, f.SetAgent(router.Agent{ID: "ann", Switch: "sw", Place: "p1", Logins: []string{"4711"}, Capacity: router.Capacity{Total: 2}}))
	at := telephony.AgentAttributes{ThisDN: "7001", ThisQueue: "8000", AgentID: "4711"}
	here := telephony.AgentAttributes{ThisDN: "7001"}
	state := func(want router.AgentState) {
		t.Helper()
		s, err := f.AgentState("ann")
		require.NoError(t, err)
		assert.Equal(t, want, s)
	}
	require.NoError(t, f.SetQueue(router.Queue{Number: "8000", Switch: "sw"}))
	f.submit("call", "ann@.A", nil)
	f.Receive(&telephony.EventAgentLogin{AgentAttributes: at})
	state(router.NotReady)
	assert.Equal(t, 1.0, f.statistic("8000@sw.Q", "StatAgentsInQueueLogin"))
	f.Receive(&telephony.EventAgentNotReady{AgentAttributes: telephony.AgentAttributes{ThisDN: "7001", WorkMode: telephony.WorkModeAfterCallWork}})
	state(router.AfterCallWork)
	f.Receive(&telephony.EventDNDOn{ThisDN: "7001"})
	f.Receive(&telephony.EventAgentReady{AgentAttributes: here})
	f.expect()
	f.Receive(&telephony.EventDNOutOfService{ThisDN: "7001"})
	f.Receive(&telephony.EventDNDOff{ThisDN: "7001"})
	f.expect()
	f.Receive(&telephony.EventDNBackInService{ThisDN: "7001"})
	f.Receive(&telephony.EventDNDOn{ThisDN: "nobody's"})
	f.expect("call: ann")
	f.Receive(&telephony.EventAgentAfterCallWork{AgentAttributes: here})
	state(router.AfterCallWork)

	// An Interaction Server speaks of other media.
	mail := func(r *router.Request) { r.Media = "email" }
	f.submit("mail", "ann@.A", mail)
	f.expect()
	f.Receive(&telephony.EventAgentLogin{AgentAttributes: telephony.AgentAttributes{PlaceID: "p2", AgentID: "ann"}})
	f.Receive(&telephony.EventAgentReady{AgentAttributes: telephony.AgentAttributes{PlaceID: "p2"}})
	f.expect("mail: ann")
	state(router.AfterCallWork)
	s, err := f.AgentStatus("ann")
	require.NoError(t, err)
	assert.Equal(t, "p2 7001", s.Place+" "+s.DN)

	f.Receive(&telephony.EventAgentLogout{AgentAttributes: at})
	state(router.LoggedOut)
	f.Receive(&telephony.EventAgentLogout{AgentAttributes: telephony.AgentAttributes{PlaceID: "p2"}})
	s, err = f.AgentStatus("ann")
	require.NoError(t, err)
	assert.Equal(t, "p1 ", s.Place+" "+s.DN) // where he is configured to be
	for _, e := range []telephony.Event{&telephony.EventAgentLogin{}, &telephony.EventAgentLogout{}, &telephony.EventAgentReady{}} {
		f.Receive(e) // of nobody
	}
	require.NoError(t, f.Audit())
}
