package telephony_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
)

func TestAgentAt(t *testing.T) {
	var l telephony.KVList
	l.Add(telephony.AgentKey, telephony.AgentValue("ann", "8000", telephony.AgentStateAfterCallWork))
	agent, queue, state, ok := telephony.AgentAt(l)
	assert.True(t, ok)
	assert.Equal(t, "ann 8000 AfterCallWork", agent+" "+queue+" "+state.String())
	for _, text := range []string{`{}`, `{"agent": "ann"}`, `{"agent": {}}`, `{"agent": {"state": "Asleep"}}`, `{"agent": {"state": "Unknown"}}`} {
		l, err := telephony.ParseKVList(text)
		require.NoError(t, err)
		_, _, _, ok := telephony.AgentAt(l)
		assert.False(t, ok, text)
	}
	s, err := telephony.ParseAgentState("AgentStateReady")
	require.NoError(t, err)
	assert.Equal(t, telephony.AgentStateReady, s)
	_, err = telephony.ParseAgentState("Asleep")
	assert.ErrorContains(t, err, "agent state")
}

// An answer about an agent that is older than an event changes nothing, one that is newer does.
func TestAnswersAboutAgentsThatComeTooLate(t *testing.T) {
	r := newRig(t, "A", telephony.LinkOptions{})
	c := r.last()
	c.up()
	r.answers = obliging(nil, nil)
	r.send(register("7001"))
	r.clock.Advance(0)
	about := telephony.AgentAttributes{ThisDN: "7001", AgentID: "ann"}
	c.h.Event(numbered(4, &telephony.EventAgentLogin{AgentAttributes: about}))
	c.h.Event(numbered(5, &telephony.EventAgentReady{AgentAttributes: about}))
	r.clock.Advance(0)
	question := 0
	r.answers = func(c *scriptConn, ref int, req telephony.Request) {
		if _, asks := req.(*telephony.RequestQueryAddress); asks {
			question = ref
			return
		}
		obliging(nil, nil)(c, ref, req)
	}
	// answered asks for the state, tells an event meanwhile, and answers with what was before it
	// or after it.
	answered := func(e telephony.Event, n, answer uint64, state telephony.AgentState) {
		c.h.Event(&telephony.EventLinkDisconnected{})
		c.h.Event(&telephony.EventLinkConnected{})
		r.clock.Advance(0)
		r.log = nil
		c.h.Event(numbered(n, e))
		var l telephony.KVList
		l.Add(telephony.CallsKey, telephony.CallsValue(nil))
		l.Add(telephony.AgentKey, telephony.AgentValue("ann", "", state))
		c.h.Event(numbered(answer, &telephony.EventAddressInfo{EventHeader: telephony.EventHeader{ReferenceID: question}, ThisDN: "7001", Extensions: l}))
	}
	answered(&telephony.EventAgentLogout{AgentAttributes: about}, 7, 6, telephony.AgentStateReady)
	r.expect("EventAgentLogout")
	answered(&telephony.EventAgentLogin{AgentAttributes: about}, 9, 8, telephony.AgentStateLoggedOut)
	r.expect("EventAgentLogin")
	answered(&telephony.EventAgentReady{AgentAttributes: about}, 11, 10, telephony.AgentStateNotReady)
	r.expect("EventAgentReady")
	answered(&telephony.EventAgentNotReady{AgentAttributes: about}, 13, 14, telephony.AgentStateReady)
	r.expect("EventAgentNotReady", "EventAgentReady synthetic")
	answered(&telephony.EventAgentNotReady{AgentAttributes: about}, 15, 16, telephony.AgentStateLoggedOut)
	r.expect("EventAgentNotReady", "EventAgentLogout synthetic")
}
