package sim

import (
	"fmt"

	"github.com/seed-ff723688/ors/telephony"
)

// Error codes of this switch, in EventError and EventTreatmentNotApplied. They
// are its own; real switches have theirs.
const (
	CodeUnknownDN       = 1  // the DN, or the destination, does not exist
	CodeUnknownCall     = 2  // the call does not exist, or not any more
	CodeNotHere         = 3  // the call is not at the DN, or not waiting there
	CodeBusy            = 4  // the destination is busy
	CodeUnknownLocation = 5  // the location is another switch
	CodeTreatment       = 6  // the treatment was refused
	CodeUnregistered    = 7  // the DN is not registered on this link
	CodeState           = 8  // the call is not in the state that the request needs
	CodeResources       = 9  // there are too many calls
	CodeRegistered      = 10 // the DN is registered on this link already
	CodeQueueFull       = 11 // the queue takes no further call
	CodeAgent           = 12 // the agent is unknown, or logged in elsewhere, or not logged in
	CodeLinkDown        = 13 // the server has lost its switch
	CodeBackup          = 14 // the server is the backup of its pair
	CodeUnsupported     = 15 // the switch does not know the request
)

// refusal is why a request is not carried out.
type refusal struct {
	code    int
	message string
}

// carryOut carries a request out and sends its answer, or returns why not.
func (c *conn) carryOut(req telephony.Request, ref int) *refusal {
	s := c.sw
	switch r := req.(type) {
	case *telephony.RequestQueryServer:
		c.send(&telephony.EventServerInfo{EventHeader: s.header(ref), ServerRole: c.server.role, LinkUp: c.server.connected})
		return nil
	case *telephony.RequestRegisterAddress, *telephony.RequestUnregisterAddress, *telephony.RequestQueryAddress,
		*telephony.RequestQueryCall:
		if !c.server.connected {
			break
		}
		return c.look(r, ref)
	}
	switch {
	case !c.server.connected:
		return &refusal{CodeLinkDown, "server " + c.server.name + " has lost its switch"}
	case c.server.role == telephony.ServerRoleBackup:
		return &refusal{CodeBackup, "server " + c.server.name + " is the backup"}
	}
	switch r := req.(type) {
	case *telephony.RequestRouteCall:
		k, no := c.find(r.ThisDN, r.ConnID, true)
		if no == nil {
			no = k.routeAsked(r, c, ref)
		}
		return no
	case *telephony.RequestApplyTreatment:
		k, no := c.find(r.ThisDN, r.ConnID, true)
		if no == nil {
			k.treat(r, c, ref)
		}
		return no
	case *telephony.RequestAttachUserData:
		return c.attach(r.ThisDN, r.ConnID, ref, func(d *telephony.KVList) { *d = append(*d, r.UserData...) })
	case *telephony.RequestUpdateUserData:
		return c.attach(r.ThisDN, r.ConnID, ref, func(d *telephony.KVList) {
			for _, p := range r.UserData {
				d.Set(p.Key, p.Value)
			}
		})
	case *telephony.RequestDeletePair:
		return c.attach(r.ThisDN, r.ConnID, ref, func(d *telephony.KVList) { d.Delete(r.Key) })
	case *telephony.RequestDeleteUserData:
		return c.attach(r.ThisDN, r.ConnID, ref, func(d *telephony.KVList) { *d = nil })
	case *telephony.RequestAgentLogin, *telephony.RequestAgentLogout, *telephony.RequestAgentReady,
		*telephony.RequestAgentNotReady:
		return c.agentRequest(r, ref)
	case *telephony.RequestDistributeEvent, *telephony.RequestSendUserEvent:
		return c.distribute(r, ref)
	}
	return c.control(req, ref)
}

// find returns the call that a request is about, which has to be at dn, and on
// demand has to wait there to be routed.
func (c *conn) find(dn string, id telephony.ConnID, toRoute bool) (*call, *refusal) {
	s := c.sw
	k := s.calls[id]
	switch {
	case !s.exists(dn):
		return nil, &refusal{CodeUnknownDN, "no such DN " + dn}
	case !c.registered(dn):
		return nil, unregistered(dn)
	case k == nil:
		return nil, &refusal{CodeUnknownCall, "no such call " + id.String()}
	case toRoute && (k.at != dn || s.points[dn] == nil):
		return nil, &refusal{CodeNotHere, fmt.Sprintf("call %s does not wait at DN %s", id, dn)}
	case k.at != dn && k.leg(dn) == nil:
		return nil, &refusal{CodeNotHere, fmt.Sprintf("call %s is not at DN %s", id, dn)}
	}
	return k, nil
}

func (c *conn) registered(dn string) bool { return c.dns[dn] }

func unregistered(dn string) *refusal {
	return &refusal{CodeUnregistered, "DN " + dn + " is not registered"}
}

// look carries out requests that change nothing in the switch.
func (c *conn) look(req telephony.Request, ref int) *refusal {
	s := c.sw
	switch r := req.(type) {
	case *telephony.RequestRegisterAddress:
		switch {
		case !s.exists(r.ThisDN):
			return &refusal{CodeUnknownDN, "no such DN " + r.ThisDN}
		case c.dns[r.ThisDN]:
			return &refusal{CodeRegistered, "DN " + r.ThisDN + " is registered already"}
		}
		c.dns[r.ThisDN] = true
		c.send(&telephony.EventRegistered{EventHeader: s.header(ref), ThisDN: r.ThisDN,
			AddressType: s.addressType(r.ThisDN), Extensions: s.status(r.ThisDN)})
	case *telephony.RequestUnregisterAddress:
		if !c.dns[r.ThisDN] {
			return unregistered(r.ThisDN)
		}
		delete(c.dns, r.ThisDN)
		c.send(&telephony.EventUnregistered{EventHeader: s.header(ref), ThisDN: r.ThisDN})
	case *telephony.RequestQueryAddress:
		if !s.exists(r.ThisDN) {
			return &refusal{CodeUnknownDN, "no such DN " + r.ThisDN}
		}
		info := &telephony.EventAddressInfo{EventHeader: s.header(ref), ThisDN: r.ThisDN,
			AddressType: s.addressType(r.ThisDN), Extensions: s.status(r.ThisDN)}
		if e := s.exts[r.ThisDN]; e != nil {
			info.AgentID = e.agentID()
			if e.agent != nil {
				info.WorkMode = e.agent.mode
			}
		}
		c.send(info)
	case *telephony.RequestQueryCall:
		if !s.exists(r.ThisDN) {
			return &refusal{CodeUnknownDN, "no such DN " + r.ThisDN}
		}
		info := &telephony.EventPartyInfo{EventHeader: s.header(ref),
			CallAttributes: telephony.CallAttributes{ConnID: r.ConnID, ThisDN: r.ThisDN}}
		if k := s.calls[r.ConnID]; k != nil {
			if info.PartyState = k.partyState(r.ThisDN); info.PartyState != telephony.PartyStateNull {
				info.CallAttributes = k.about(r.ThisDN)
			}
		}
		c.send(info)
	}
	return nil
}

// status is what events tell of a DN: the calls that are there, and the state of
// the agent.
func (s *Switch) status(dn string) telephony.KVList {
	var at []telephony.ConnID
	var status telephony.KVList
	if e := s.exts[dn]; e != nil {
		for _, l := range e.legs {
			at = append(at, l.call.conn)
		}
		agent, queue, state := "", "", telephony.AgentStateLoggedOut
		if a := e.agent; a != nil {
			agent, queue = a.ID, a.about(nil).ThisQueue
			state = [...]telephony.AgentState{AgentNotReady: telephony.AgentStateNotReady,
				AgentAfterCallWork: telephony.AgentStateAfterCallWork, AgentReady: telephony.AgentStateReady}[a.state]
		}
		status.Add(telephony.AgentKey, telephony.AgentValue(agent, queue, state))
	}
	if p := s.points[dn]; p != nil {
		for _, k := range p.waiting {
			at = append(at, k.conn)
		}
	}
	if q := s.queues[dn]; q != nil {
		for _, k := range q.waiting {
			at = append(at, k.conn)
		}
	}
	status.Add(telephony.CallsKey, telephony.CallsValue(at))
	return status
}

// partyState is what a DN does in the call.
func (k *call) partyState(dn string) telephony.PartyState {
	if k.at == dn {
		switch {
		case k.sw.points[dn] == nil:
			return telephony.PartyStateQueued
		case k.treated:
			return telephony.PartyStateTreatment
		}
		return telephony.PartyStateRouting
	}
	l := k.leg(dn)
	if l == nil {
		return telephony.PartyStateNull
	}
	switch l.state {
	case dialing:
		return telephony.PartyStateDialing
	case ringing:
		return telephony.PartyStateAlerting
	case held:
		return telephony.PartyStateHeld
	}
	return telephony.PartyStateConnected
}

// attach changes the user data of a call.
func (c *conn) attach(dn string, id telephony.ConnID, ref int, change func(*telephony.KVList)) *refusal {
	k, no := c.find(dn, id, false)
	if no == nil {
		k.attach(dn, c, ref, change)
	}
	return no
}

// distribute sends what a client has made to those who have registered its DN.
func (c *conn) distribute(req telephony.Request, ref int) *refusal {
	s := c.sw
	var e telephony.Event
	switch r := req.(type) {
	case *telephony.RequestDistributeEvent:
		m, err := telephony.NewMessage(r.EventName)
		if err != nil {
			return &refusal{CodeUnsupported, err.Error()}
		}
		e = m.(telephony.Event) // of calls: the request is valid
		about, _ := telephony.CallOf(e)
		*about = r.CallAttributes
	case *telephony.RequestSendUserEvent:
		e = &telephony.EventUserEvent{CallAttributes: telephony.CallAttributes{ConnID: r.ConnID, ThisDN: r.ThisDN,
			UserData: r.UserData, Reasons: r.Reasons, Extensions: r.Extensions}}
	}
	dn := dnOf(e)
	if !s.exists(dn) {
		return &refusal{CodeUnknownDN, "no such DN " + dn}
	}
	c.send(&telephony.EventAck{EventHeader: s.header(ref)})
	*e.Header() = s.header(0)
	s.announce(e)
	return nil
}

// agentRequest carries out the requests of agents.
func (c *conn) agentRequest(req telephony.Request, ref int) *refusal {
	s := c.sw
	if r, ok := req.(*telephony.RequestAgentLogin); ok {
		var queues []string
		if r.ThisQueue != "" {
			queues = []string{r.ThisQueue}
		}
		a := s.agents[r.AgentID]
		if a == nil {
			return &refusal{CodeAgent, "no such agent " + r.AgentID}
		}
		no := c.mayUse(r.ThisDN)
		if no == nil {
			no = s.mayLogin(a, r.ThisDN, queues)
		}
		if no != nil {
			return no
		}
		s.login(a, r.ThisDN, queues, r.WorkMode, c, ref)
		return nil
	}
	var dn string
	var carryOut func(a *agent)
	switch r := req.(type) {
	case *telephony.RequestAgentLogout:
		dn, carryOut = r.ThisDN, func(a *agent) { s.logout(a, c, ref) }
	case *telephony.RequestAgentReady:
		dn, carryOut = r.ThisDN, func(a *agent) { s.ready(a, r.WorkMode, r.Reasons, c, ref) }
	case *telephony.RequestAgentNotReady:
		dn, carryOut = r.ThisDN, func(a *agent) { s.notReady(a, r.WorkMode, r.Reasons, c, ref) }
	}
	if no := c.mayUse(dn); no != nil {
		return no
	}
	a := s.exts[dn].agent
	if a == nil {
		return &refusal{CodeAgent, "nobody is logged in at DN " + dn}
	}
	carryOut(a)
	return nil
}

// mayUse tells whether the client has registered an extension.
func (c *conn) mayUse(dn string) *refusal {
	switch {
	case c.sw.exts[dn] == nil:
		return &refusal{CodeUnknownDN, "no such extension or ACD position " + dn}
	case !c.registered(dn):
		return unregistered(dn)
	}
	return nil
}
