package telephony

// AgentStatusKey and AgentIDKey are the keys under which the Extensions of EventRegistered and of
// EventAddressInfo carry the state of the agent at a DN, an integer (AgentStatus), and his login.
const (
	AgentStatusKey = "AgentStatus"
	AgentIDKey     = "AgentID"
)

// AgentStatus is the state of an agent as AgentStatusKey has it.
type AgentStatus int

// The states of an agent.
const (
	AgentStatusLoggedOut AgentStatus = iota // nobody is logged in
	AgentStatusNotReady
	AgentStatusAfterCallWork
	AgentStatusReady
)

var agentStatusNames = []string{"LoggedOut", "NotReady", "AfterCallWork", "Ready"}

func (s AgentStatus) String() string { return enumString(agentStatusNames, "AgentStatus", int(s)) }

// AgentAt returns the agent at a DN under AgentStatusKey and AgentIDKey; ok is false when the server
// did not say.
func AgentAt(extensions KVList) (id string, status AgentStatus, ok bool) {
	v, _ := extensions.Get(AgentStatusKey)
	n, ok := v.Int()
	if status = AgentStatus(n); !ok || status < AgentStatusLoggedOut || status > AgentStatusReady {
		return "", AgentStatusLoggedOut, false
	}
	return extensions.Text(AgentIDKey), status, true
}

// seated is what the events have told of the agent at a DN.
type seated struct {
	id     string
	status AgentStatus
	seq    uint64 // of the last event
}

// sit takes note of an event of an agent at a DN.
func (m *callModel) sit(e Event, seq uint64) {
	of, ok := e.(interface{ Agent() *AgentAttributes })
	if !ok || of.Agent().ThisDN == "" {
		return
	}
	a := of.Agent()
	s := m.seats[a.ThisDN]
	s.seq = max(s.seq, seq)
	switch e.(type) {
	case *EventAgentLogin:
		s.id, s.status = a.AgentID, max(s.status, AgentStatusNotReady)
	case *EventAgentLogout:
		s.id, s.status = "", AgentStatusLoggedOut
	case *EventAgentReady:
		s.status = AgentStatusReady
	case *EventAgentNotReady:
		s.status = AgentStatusNotReady
		if a.WorkMode == WorkModeAfterCallWork {
			s.status = AgentStatusAfterCallWork
		}
	case *EventAgentAfterCallWork:
		s.status = AgentStatusAfterCallWork
	default:
		return
	}
	m.seats[a.ThisDN] = s
}

// compareAgent tells what has become of the agent at a DN, where the server says so in an answer,
// unless an event has told of it since.
func (c *Client) compareAgent(h *connection, dn string, answer *EventHeader, extensions KVList) {
	id, status, ok := AgentAt(extensions)
	was := c.calls.seats[dn]
	if !ok || answer.Sequence > 0 && answer.Sequence < was.seq {
		return
	}
	about := AgentAttributes{ThisDN: dn, AgentID: id}
	if was.status != AgentStatusLoggedOut && (status == AgentStatusLoggedOut || id != was.id && was.id != "") {
		left := AgentAttributes{ThisDN: dn, AgentID: was.id}
		c.happened(&EventAgentLogout{EventHeader: c.synthetic(h), AgentAttributes: left})
		was = seated{}
	}
	if status == was.status {
		return
	}
	if was.status == AgentStatusLoggedOut {
		c.happened(&EventAgentLogin{EventHeader: c.synthetic(h), AgentAttributes: about})
	}
	switch status {
	case AgentStatusNotReady:
		if was.status != AgentStatusLoggedOut {
			c.happened(&EventAgentNotReady{EventHeader: c.synthetic(h), AgentAttributes: about})
		}
	case AgentStatusAfterCallWork:
		about.WorkMode = WorkModeAfterCallWork
		c.happened(&EventAgentNotReady{EventHeader: c.synthetic(h), AgentAttributes: about})
	case AgentStatusReady:
		c.happened(&EventAgentReady{EventHeader: c.synthetic(h), AgentAttributes: about})
	}
}
