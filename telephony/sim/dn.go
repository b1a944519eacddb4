package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// RoutePoint is a DN where calls wait to be routed.
type RoutePoint struct {
	// Timeout is how long a call waits for RequestRouteCall before the switch
	// routes it to Default; 0 waits for ever.
	Timeout time.Duration
	// Default is the DN of default routing, also that of RouteTypeDefault without
	// a destination. Where there is none, or it is busy, the call is released instead.
	Default string
	// RingTimeout is how long a destination may ring before the call comes back to
	// the routing point; 0 rings for ever.
	RingTimeout time.Duration
}

// routePoint is a RoutePoint and the calls that wait there, by arrival.
type routePoint struct {
	RoutePoint
	waiting []*call
}

// Extension is a DN with a telephone. As long as no agent is logged in there
// (Switch.Login), somebody sits at it who does the following with each call.
type Extension struct {
	// AgentID is what events of the DN say; may be empty.
	AgentID string
	// AnswerAfter is the time that it rings before somebody answers; a negative
	// one: nobody does.
	AnswerAfter time.Duration
	// TalkTime is the time until he hangs up; 0: he never does.
	TalkTime time.Duration
}

// extension is an Extension or an ACD position and its part in calls.
type extension struct {
	Extension
	dn       string
	position bool
	agent    *agent // logged in there, or nil
	legs     []*leg
	work     time.Duration // after the call that is answered there
}

// agentID is the agent that events tell of.
func (e *extension) agentID() string {
	if e.agent != nil {
		return e.agent.ID
	}
	return e.AgentID
}

// AddRoutePoint adds a routing point. Here and below, a DN that exists is an error that
// matches ErrExists.
func (s *Switch) AddRoutePoint(dn string, p RoutePoint) error {
	return s.addDN(dn, func() { s.points[dn] = &routePoint{RoutePoint: p} })
}

// AddExtension adds an extension.
func (s *Switch) AddExtension(dn string, e Extension) error {
	return s.addDN(dn, func() { s.exts[dn] = &extension{Extension: e, dn: dn} })
}

// AddACDPosition adds a DN where nobody answers but agents who are logged in.
func (s *Switch) AddACDPosition(dn string) error {
	return s.addDN(dn, func() {
		s.exts[dn] = &extension{Extension: Extension{AnswerAfter: -1}, dn: dn, position: true}
	})
}

// AddACDQueue adds a queue whose calls the switch distributes.
func (s *Switch) AddACDQueue(dn string, q ACDQueue) error {
	return s.addDN(dn, func() { s.queues[dn] = &acdQueue{ACDQueue: q, dn: dn} })
}

// AddVirtualQueue adds a DN where no call can be sent. It is there to be
// registered: clients tell of it by RequestDistributeEvent.
func (s *Switch) AddVirtualQueue(dn string) error {
	return s.addDN(dn, func() { s.virtual[dn] = true })
}

func (s *Switch) addDN(dn string, add func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case dn == "":
		return errors.New("sim: a DN needs a number")
	case s.exists(dn) || s.outside[dn] != nil:
		return fmt.Errorf("sim: DN %s %w", dn, ErrExists)
	}
	add()
	return nil
}

func (s *Switch) exists(dn string) bool { return s.addressType(dn) != telephony.AddressTypeUnknown }

// addressType is the type of a DN; AddressTypeUnknown where there is none.
func (s *Switch) addressType(dn string) telephony.AddressType {
	e := s.exts[dn]
	switch {
	case e != nil && e.position:
		return telephony.AddressTypePosition
	case e != nil:
		return telephony.AddressTypeDN
	case s.points[dn] != nil:
		return telephony.AddressTypeRouteDN
	case s.queues[dn] != nil || s.virtual[dn]:
		return telephony.AddressTypeQueue
	}
	return telephony.AddressTypeUnknown
}

// destination tells whether the switch can take a call to a DN.
func (s *Switch) destination(dn string) *refusal {
	e, q := s.exts[dn], s.queues[dn]
	switch {
	case e == nil && q == nil && s.points[dn] == nil:
		return &refusal{CodeUnknownDN, "no such DN " + dn}
	case e != nil && len(e.legs) > 0:
		return &refusal{CodeBusy, "DN " + dn + " is busy"}
	case q != nil && q.MaxCalls > 0 && len(q.waiting) >= q.MaxCalls:
		return &refusal{CodeQueueFull, "queue " + dn + " is full"}
	}
	return nil
}
