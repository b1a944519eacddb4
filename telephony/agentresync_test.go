package telephony_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	. "github.com/seed-ff723688/ors/telephony"
)

// Who is logged in where, and how, is told like calls: when a DN is registered, and what has
// changed over a reconnect.
func TestResynchronisationOfAgents(t *testing.T) {
	r := newRig(t, "A", LinkOptions{})
	at := map[string]KVList{}
	sits := func(dn, id string, status AgentStatus) {
		at[dn] = KVList{{Key: AgentStatusKey, Value: Int(int32(status))}, {Key: AgentIDKey, Value: String(id)}}
	}
	r.answers = func(c *scriptConn, ref int, req Request) {
		switch req := req.(type) {
		case *RequestRegisterAddress:
			e := &EventRegistered{EventHeader: EventHeader{ReferenceID: ref}, ThisDN: req.ThisDN, Extensions: at[req.ThisDN]}
			c.h.Event(e)
		case *RequestQueryAddress:
			c.h.Event(&EventAddressInfo{EventHeader: EventHeader{ReferenceID: ref}, ThisDN: req.ThisDN, Extensions: at[req.ThisDN]})
		}
	}
	var told []string
	r.client.Subscribe(func(e Event) {
		if a, ok := e.(interface{ Agent() *AgentAttributes }); ok {
			s := e.Name() + " " + a.Agent().AgentID + "@" + a.Agent().ThisDN
			if a.Agent().WorkMode == WorkModeAfterCallWork {
				s += " AfterCallWork"
			}
			if e.Header().Synthetic {
				s += " synthetic"
			}
			told = append(told, s)
		}
	})
	expect := func(want ...string) {
		t.Helper()
		r.clock.Advance(0)
		assert.ElementsMatch(t, want, told)
		told, r.log = nil, nil
	}
	again := func() {
		r.last().h.Event(&EventLinkDisconnected{})
		r.last().h.Event(&EventLinkConnected{})
	}
	r.last().up()
	sits("1", "ann", AgentStatusReady)
	sits("2", "", AgentStatusLoggedOut)
	sits("3", "cal", AgentStatusNotReady)
	for _, dn := range []string{"1", "2", "3", "4"} {
		r.send(register(dn))
	}
	expect("EventAgentLogin ann@1 synthetic", "EventAgentReady ann@1 synthetic", "EventAgentLogin cal@3 synthetic")
	r.last().h.Event(numbered(5, &EventAgentLogin{AgentAttributes: AgentAttributes{ThisDN: "2", AgentID: "bob"}}))
	r.last().h.Event(numbered(6, &EventAgentAfterCallWork{AgentAttributes: AgentAttributes{ThisDN: "2"}}))
	r.last().h.Event(numbered(7, &EventAgentNotReady{AgentAttributes: AgentAttributes{ThisDN: "1", WorkMode: WorkModeAfterCallWork}}))
	expect("EventAgentLogin bob@2", "EventAgentAfterCallWork @2", "EventAgentNotReady @1 AfterCallWork")
	sits("1", "ann", AgentStatusAfterCallWork)
	sits("2", "bob", AgentStatusAfterCallWork)
	again()
	expect()

	// Ann is not ready, dan sits where bob was, cal has gone; of 4 nothing is said, and at last nonsense.
	sits("1", "ann", AgentStatusNotReady)
	sits("2", "dan", AgentStatusAfterCallWork)
	sits("3", "", AgentStatusLoggedOut)
	sits("4", "eve", 17)
	again()
	expect("EventAgentNotReady ann@1 synthetic", "EventAgentLogout bob@2 synthetic", "EventAgentLogin dan@2 synthetic",
		"EventAgentNotReady dan@2 AfterCallWork synthetic", "EventAgentLogout cal@3 synthetic")
	assert.Equal(t, "AfterCallWork", AgentStatusAfterCallWork.String())

	// An answer that is older than an event is too late.
	r.answers = nil
	again()
	r.clock.Advance(0)
	sent := r.last().take()
	r.last().h.Event(numbered(20, &EventAgentLogout{AgentAttributes: AgentAttributes{ThisDN: "1", AgentID: "ann"}}))
	for i, s := range cutNumbers(sent)[len(sent)-4:] {
		if s == "RequestRegisterAddress ThisDN=1" {
			var ref int
			for _, d := range sent[len(sent)-4+i] {
				if d == ' ' {
					break
				}
				ref = 10*ref + int(d-'0')
			}
			r.last().h.Event(numbered(19, &EventRegistered{EventHeader: EventHeader{ReferenceID: ref}, ThisDN: "1", Extensions: at["1"]}))
		}
	}
	expect("EventAgentLogout ann@1")
}
