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

	f.Receive(&telephony.EventAgentLogout{AgentAttributes: telephony.AgentAttributes{ThisDN: "7002", AgentID: "ann"}})
	state(router.AfterCallWork) // that was before he came here
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

// TestTwoSwitches has the same numbers at two switches.
func TestTwoSwitches(t *testing.T) {
	f := newFloor(t, router.Options{})
	for id, sw := range map[string]string{"ann": "Berlin", "bob": "Rome"} {
		require.NoError(t, f.SetAgent(router.Agent{ID: id, DN: "7001", Switch: sw, Capacity: router.Capacity{Media: map[string]int{router.Voice: 1, "email": 1}}}))
		require.NoError(t, f.SetQueue(router.Queue{Number: "8000", Switch: sw}))
	}
	berlin, rome := f.AtSwitch("Berlin"), f.AtSwitch("Rome")
	ready := &telephony.EventAgentReady{AgentAttributes: telephony.AgentAttributes{ThisDN: "7001"}}
	login := func(id string) telephony.Event {
		return &telephony.EventAgentLogin{AgentAttributes: telephony.AgentAttributes{ThisDN: "7001", AgentID: id}}
	}
	berlin.Receive(login("ann"))
	rome.Receive(login("bob"))
	rome.Receive(ready)
	berlin.Receive(ready)
	rome.Receive(&telephony.EventRinging{CallAttributes: telephony.CallAttributes{ThisDN: "7001", ConnID: 1}})
	f.submit("a", "bob@.A, ann@.A", nil)
	f.expect("a: ann")
	berlin.Receive(&telephony.EventRinging{CallAttributes: telephony.CallAttributes{ThisDN: "7001", ConnID: 2}})
	f.submit("b", "7001@Rome.DN", nil)
	f.submit("c", "7001@Berlin.DN", nil)
	f.expect()
	rome.Receive(&telephony.EventReleased{CallAttributes: telephony.CallAttributes{ThisDN: "7001", ConnID: 1}})
	f.expect("b: 7001")
	berlin.Receive(&telephony.EventDNDOn{ThisDN: "7001"})
	berlin.Receive(&telephony.EventReleased{CallAttributes: telephony.CallAttributes{ThisDN: "7001", ConnID: 2}})
	f.expect()
	rome.Receive(&telephony.EventLinkConnected{}) // says nothing of Berlin
	f.expect()
	berlin.Receive(&telephony.EventLinkConnected{})
	f.expect("c: 7001")

	rome.Receive(&telephony.EventQueued{CallAttributes: telephony.CallAttributes{ThisDN: "8000", ThisQueue: "8000", ConnID: 3}})
	assert.Equal(t, 0.0, f.statistic("8000@Berlin.Q", "CallsWaiting"))
	assert.Equal(t, 1.0, f.statistic("8000@Rome.Q", "CallsWaiting"))

	// An Interaction Server with a link of its own says nothing of telephones.
	ixn := f.AtSwitch("IxnServer")
	ixn.Receive(&telephony.EventLinkConnected{})
	ixn.Receive(&telephony.EventAgentLogin{AgentAttributes: telephony.AgentAttributes{PlaceID: "p1", AgentID: "ann"}})
	ixn.Receive(&telephony.EventAgentReady{AgentAttributes: telephony.AgentAttributes{PlaceID: "p1"}})
	there, err := f.AgentStatus("ann")
	require.NoError(t, err)
	assert.Equal(t, "p1 7001 Berlin", there.Place+" "+there.DN+" "+there.Switch)
	f.submit("mail", "ann@.A", func(r *router.Request) { r.Media = "email" })
	f.expect("mail: ann")

	// She moves to the other switch, to the same number.
	require.NoError(t, f.Login("ann", router.Login{Switch: "Rome"}))
	s, err := f.AgentStatus("ann")
	require.NoError(t, err)
	assert.Equal(t, "7001 Rome", s.DN+" "+s.Switch)
	require.NoError(t, f.Audit())
}

// What is configured of an agent changes while he sits elsewhere: he stays there, unless
// it is his seat that changes.
func TestAgentChangesWhereHeSits(t *testing.T) {
	f := newFloor(t, router.Options{})
	ann := router.Agent{ID: "ann", DN: "7001", Switch: "Main", Place: "p1"}
	require.NoError(t, f.SetAgent(ann))
	require.NoError(t, f.Login("ann", router.Login{Place: "p2", DN: "7002", Switch: "Main", Queues: []string{"8000@Main"}}))
	seat := func() string {
		s, err := f.AgentStatus("ann")
		require.NoError(t, err)
		require.NoError(t, f.Audit())
		return s.Place + " " + s.DN
	}
	ann.Skills = map[string]int{"English": 7}
	require.NoError(t, f.SetAgent(ann))
	assert.Equal(t, "p2 7002", seat())
	ann.Place, ann.DN = "p3", "7003"
	require.NoError(t, f.SetAgent(ann))
	assert.Equal(t, "p3 7003", seat())
}
