package telephony

// AgentKey is the key under which the Extensions of EventRegistered and of EventAddressInfo
// say who is logged in at a DN and what he has told: see AgentAt.
const AgentKey = "agent"

// AgentState is what an agent has told of himself at a DN.
type AgentState int

// The states of an agent.
const (
	AgentStateUnknown AgentState = iota
	AgentStateLoggedOut
	AgentStateNotReady
	AgentStateAfterCallWork
	AgentStateReady
)

var agentStateNames = []string{"Unknown", "LoggedOut", "NotReady", "AfterCallWork", "Ready"}

func (s AgentState) String() string { return enumString(agentStateNames, "AgentState", int(s)) }

// ParseAgentState reads a state: "Ready", "AgentStateReady" or "4".
func ParseAgentState(s string) (AgentState, error) {
	return enumParse[AgentState](agentStateNames, "agent state", "AgentState", s)
}

// AgentAt is what is under AgentKey: who is logged in at a DN, the ACD queue that he serves, which may be
// empty, and his state. ok is false when the server did not say, AgentStateLoggedOut means that
// nobody is logged in.
func AgentAt(extensions KVList) (agent, queue string, s AgentState, ok bool) {
	v, ok := extensions.Get(AgentKey)
	if !ok || v.Kind() != KindList {
		return "", "", AgentStateUnknown, false
	}
	l := v.List()
	s, err := ParseAgentState(l.Text("state"))
	return l.Text("id"), l.Text("queue"), s, err == nil && s != AgentStateUnknown
}

// AgentValue makes the value for AgentKey: a list of the state, by its name, and, where they are not
// empty, the id and the queue.
func AgentValue(agent, queue string, s AgentState) Value {
	l := KVList{{"state", String(s.String())}}
	if agent != "" {
		l.Add("id", String(agent))
	}
	if queue != "" {
		l.Add("queue", String(queue))
	}
	return List(l)
}

// seat is what has been told of the agent at a DN.
type seat struct {
	agent string
	state AgentState // AgentStateUnknown: nobody is there
	seq   uint64     // of the last event
}

// noteAgent keeps what an event tells of an agent at a registered DN. c.mu is held.
func (c *Client) noteAgent(e Event) {
	about, ok := e.(interface{ Agent() *AgentAttributes })
	if !ok {
		return
	}
	a := about.Agent()
	if c.wanted.by[a.ThisDN] == nil {
		return
	}
	now := seat{agent: a.AgentID, seq: max(c.seats[a.ThisDN].seq, e.Header().Sequence)}
	switch e.(type) {
	case *EventAgentReady:
		now.state = AgentStateReady
	case *EventAgentAfterCallWork:
		now.state = AgentStateAfterCallWork
	case *EventAgentLogin, *EventAgentNotReady:
		if now.state = AgentStateNotReady; a.WorkMode == WorkModeAfterCallWork {
			now.state = AgentStateAfterCallWork
		}
	default:
		c.seats[a.ThisDN] = seat{seq: now.seq}
		return
	}
	if now.agent == "" {
		now.agent = c.seats[a.ThisDN].agent
	}
	c.seats[a.ThisDN] = now
}

// compareAgent tells what has become of the agent at a DN, unless an event that is newer than
// the answer has told of it. c.mu is held.
func (c *Client) compareAgent(h *connection, dn string, answer *EventHeader, extensions KVList) {
	agent, queue, state, ok := AgentAt(extensions)
	was := c.seats[dn]
	if !ok || answer.Sequence > 0 && answer.Sequence < was.seq {
		return
	}
	a := AgentAttributes{ThisDN: dn, ThisQueue: queue, AgentID: agent}
	tell := func(e Event) {
		c.noteAgent(e)
		c.emit(e)
	}
	if was.state != AgentStateUnknown && (state == AgentStateLoggedOut || was.agent != agent) {
		tell(&EventAgentLogout{c.synthetic(h), AgentAttributes{ThisDN: dn, AgentID: was.agent}})
		was = seat{}
	}
	if state == AgentStateLoggedOut {
		return
	}
	if was.state == AgentStateUnknown {
		tell(&EventAgentLogin{c.synthetic(h), a})
		was.state = AgentStateNotReady
	}
	switch {
	case state == was.state:
	case state == AgentStateReady:
		tell(&EventAgentReady{c.synthetic(h), a})
	case state == AgentStateAfterCallWork:
		tell(&EventAgentAfterCallWork{c.synthetic(h), a})
	default:
		tell(&EventAgentNotReady{c.synthetic(h), a})
	}
}
