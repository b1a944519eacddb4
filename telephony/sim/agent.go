package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// Agent is somebody who logs in at an extension or an ACD position and takes calls there. What
// he does by himself is answer, talk, hang up and do after-call work; everything else is
// told by methods of the Switch and by requests.
type Agent struct {
	ID string // mandatory
	// Handling is what he does with each call.
	Handling
	// Handle, when not nil, decides for each call that rings, in place of Handling
	// (Habits.Handle for one). It must be quick and must not call the switch.
	Handle func(call *telephony.CallAttributes) Handling
}

// Handling is what an agent does with a call.
type Handling struct {
	// AnswerAfter is the time that it rings; a negative one: it is not answered.
	AnswerAfter time.Duration
	// Refuse has the agent hang up after that time in place of answering: a call
	// that was routed goes back to its routing point or queue, another one ends.
	Refuse bool
	// TalkTime is the time from the answer until the agent hangs up; 0: he never
	// does.
	TalkTime time.Duration
	// AfterCallWork is how long the agent is not ready after the call; 0: no time.
	AfterCallWork time.Duration
}

// AgentState is what an agent has told about himself. Whether he is in a call is
// known apart from it.
type AgentState uint8

// The states of an agent.
const (
	AgentLoggedOut AgentState = iota
	AgentNotReady
	AgentAfterCallWork
	AgentReady
)

var agentStateNames = [...]string{"LoggedOut", "NotReady", "AfterCallWork", "Ready"}

func (s AgentState) String() string {
	if int(s) < len(agentStateNames) {
		return agentStateNames[s]
	}
	return fmt.Sprintf("AgentState(%d)", s)
}

// AgentStatus is how things stand with an agent.
type AgentStatus struct {
	State AgentState
	Since time.Time // when he came to this state
	DN    string    // where he is logged in; empty when he is not
	Calls int       // in which he is, ringing ones included
}

// NoAnswerAction is what becomes of an agent who does not answer.
type NoAnswerAction uint8

// The actions.
const (
	NoAnswerNone     NoAnswerAction = iota // he stays as he is
	NoAnswerNotReady                       // he is not ready any more
	NoAnswerLogout                         // he is logged out
)

type agent struct {
	Agent
	state  AgentState
	since  time.Time
	mode   telephony.AgentWorkMode
	turn   uint64 // of becoming available; the lower is first
	ext    *extension
	queues []*acdQueue
	rest   func() bool // ends the after-call work
}

// available reports whether a queue may give the agent a call.
func (a *agent) available() bool {
	return a.state == AgentReady && len(a.ext.legs) == 0
}

// AddAgent adds an agent, who is logged out.
func (s *Switch) AddAgent(a Agent) error {
	if a.ID == "" {
		return errors.New("sim: an agent needs an id")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.agents[a.ID] != nil {
		return fmt.Errorf("sim: agent %s %w", a.ID, ErrExists)
	}
	s.agents[a.ID] = &agent{Agent: a, since: s.clock.Now()}
	return nil
}

// RemoveAgent forgets an agent, who is logged out first. A call that he is in goes on
// without an end of his.
func (s *Switch) RemoveAgent(id string) error {
	return s.withAgent(id, func(a *agent) error {
		if a.state != AgentLoggedOut {
			s.logout(a, nil, 0)
		}
		delete(s.agents, id)
		return nil
	})
}

// Login has an agent log in at an extension or ACD position, for calls of the given ACD queues
// too. He is not ready yet. One who is logged in already, and a DN where somebody else is, are an
// error that matches ErrAgentState.
func (s *Switch) Login(id, dn string, queues ...string) error {
	return s.withAgent(id, func(a *agent) error {
		if no := s.mayLogin(a, dn, queues); no != nil {
			if no.code == CodeUnknownDN {
				return fmt.Errorf("%w: %s", ErrUnknownDN, no.message)
			}
			return fmt.Errorf("%w: %s", ErrAgentState, no.message)
		}
		s.login(a, dn, queues, telephony.WorkModeUnknown, nil, 0)
		return nil
	})
}

// Logout has an agent log out. A call that he is in goes on.
func (s *Switch) Logout(id string) error {
	return s.loggedIn(id, func(a *agent) { s.logout(a, nil, 0) })
}

// Ready has an agent who is logged in say that he is ready for calls.
func (s *Switch) Ready(id string) error {
	return s.loggedIn(id, func(a *agent) { s.ready(a, telephony.WorkModeUnknown, nil, nil, 0) })
}

// NotReady has an agent who is logged in say that he is not ready, in a work mode
// (telephony.WorkModeUnknown for none) and for reasons that may be nil.
func (s *Switch) NotReady(id string, mode telephony.AgentWorkMode, reasons telephony.KVList) error {
	return s.loggedIn(id, func(a *agent) { s.notReady(a, mode, reasons, nil, 0) })
}

// Agent tells how things stand with an agent.
func (s *Switch) Agent(id string) (AgentStatus, error) {
	var status AgentStatus
	err := s.withAgent(id, func(a *agent) error {
		status = AgentStatus{State: a.state, Since: a.since}
		if a.ext != nil {
			status.DN, status.Calls = a.ext.dn, len(a.ext.legs)
		}
		return nil
	})
	return status, err
}

func (s *Switch) withAgent(id string, f func(*agent) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[id]
	if a == nil {
		return fmt.Errorf("%w: %s", ErrUnknownAgent, id)
	}
	return f(a)
}

func (s *Switch) loggedIn(id string, f func(*agent)) error {
	return s.withAgent(id, func(a *agent) error {
		if a.state == AgentLoggedOut {
			return fmt.Errorf("%w: agent %s is not logged in", ErrAgentState, id)
		}
		f(a)
		return nil
	})
}

// mayLogin tells whether an agent can log in.
func (s *Switch) mayLogin(a *agent, dn string, queues []string) *refusal {
	e := s.exts[dn]
	switch {
	case e == nil:
		return &refusal{CodeUnknownDN, "no such extension or ACD position " + dn}
	case a.state != AgentLoggedOut:
		return &refusal{CodeAgent, "agent " + a.ID + " is logged in at DN " + a.ext.dn}
	case e.agent != nil:
		return &refusal{CodeAgent, "agent " + e.agent.ID + " is logged in at DN " + dn}
	}
	for _, q := range queues {
		if s.queues[q] == nil {
			return &refusal{CodeUnknownDN, "no such ACD queue " + q}
		}
	}
	return nil
}

// login logs an agent in, where it has been checked; in WorkModeAutoIn he is ready at once.
func (s *Switch) login(a *agent, dn string, queues []string, mode telephony.AgentWorkMode, by *conn, ref int) {
	a.ext = s.exts[dn]
	a.ext.agent = a
	for _, q := range queues {
		a.queues = append(a.queues, s.queues[q])
		s.queues[q].agents = append(s.queues[q].agents, a)
	}
	a.become(s, AgentNotReady, mode)
	s.confirm(&telephony.EventAgentLogin{EventHeader: s.header(0), AgentAttributes: a.about(nil)}, by, ref)
	if mode == telephony.WorkModeAutoIn {
		s.ready(a, mode, nil, nil, 0)
	}
}

func (s *Switch) logout(a *agent, by *conn, ref int) {
	about := a.about(nil)
	about.WorkMode = telephony.WorkModeUnknown
	a.become(s, AgentLoggedOut, telephony.WorkModeUnknown)
	for _, q := range a.queues {
		q.agents = slices.DeleteFunc(q.agents, func(x *agent) bool { return x == a })
	}
	a.queues = nil
	a.ext.agent = nil
	a.ext = nil
	s.confirm(&telephony.EventAgentLogout{EventHeader: s.header(0), AgentAttributes: about}, by, ref)
}

func (s *Switch) ready(a *agent, mode telephony.AgentWorkMode, reasons telephony.KVList, by *conn, ref int) {
	a.become(s, AgentReady, mode)
	s.confirm(&telephony.EventAgentReady{EventHeader: s.header(0), AgentAttributes: a.about(reasons)}, by, ref)
	s.offer(a)
}

func (s *Switch) notReady(a *agent, mode telephony.AgentWorkMode, reasons telephony.KVList, by *conn, ref int) {
	state := AgentNotReady
	if mode == telephony.WorkModeAfterCallWork {
		state = AgentAfterCallWork
	}
	a.become(s, state, mode)
	s.confirm(&telephony.EventAgentNotReady{EventHeader: s.header(0), AgentAttributes: a.about(reasons)}, by, ref)
}

// become changes the state; whatever it was to become by itself is off.
func (a *agent) become(s *Switch, state AgentState, mode telephony.AgentWorkMode) {
	halt(&a.rest)
	a.state, a.mode, a.since = state, mode, s.clock.Now()
	s.turns++
	a.turn = s.turns
}

// about returns the attributes of an event of the agent.
func (a *agent) about(reasons telephony.KVList) telephony.AgentAttributes {
	about := telephony.AgentAttributes{ThisDN: a.ext.dn, AgentID: a.ID, WorkMode: a.mode, Reasons: reasons}
	if len(a.queues) > 0 {
		about.ThisQueue = a.queues[0].dn
	}
	return about
}

// handling is what happens to a call that rings at an extension.
func (e *extension) handling(call *telephony.CallAttributes) Handling {
	switch a := e.agent; {
	case a == nil:
		return Handling{AnswerAfter: e.AnswerAfter, TalkTime: e.TalkTime}
	case a.Handle != nil:
		return a.Handle(call)
	default:
		return a.Handling
	}
}

// wrapUp is called before the last call leaves an extension. After-call work begins before
// the call is told to be over, so that nobody takes the agent for free in between.
func (s *Switch) wrapUp(e *extension) {
	a, work := e.agent, e.work
	e.work = 0
	if a == nil || a.state != AgentReady || work <= 0 {
		return
	}
	a.become(s, AgentAfterCallWork, telephony.WorkModeAfterCallWork)
	s.announce(&telephony.EventAgentAfterCallWork{EventHeader: s.header(0), AgentAttributes: a.about(nil)})
	s.timer(&a.rest, work, func() { s.ready(a, telephony.WorkModeUnknown, nil, nil, 0) })
}

// idle is called after a call has left an extension for good.
func (s *Switch) idle(e *extension) {
	if a := e.agent; a != nil && len(e.legs) == 0 {
		s.turns++
		a.turn = s.turns
		s.offer(a)
	}
}

// unanswered is called after an agent has let a call ring for too long.
func (s *Switch) unanswered(e *extension) {
	a := e.agent
	switch {
	case a == nil || a.state == AgentLoggedOut:
		return
	case s.noAnswer == NoAnswerNotReady:
		s.notReady(a, telephony.WorkModeUnknown, telephony.KVList{{Key: "ReasonCode", Value: telephony.String("NoAnswer")}}, nil, 0)
	case s.noAnswer == NoAnswerLogout:
		s.logout(a, nil, 0)
	default:
		s.turns++
		a.turn = s.turns // others first
	}
}
