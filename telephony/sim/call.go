package sim

import (
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

type callState uint8

const (
	waiting callState = iota // at a routing point
	ringing                  // at an extension
	talking
	gone
)

// call is one call. Its methods are called with the switch locked.
type call struct {
	sw        *Switch
	conn      telephony.ConnID
	number    int
	uuid      telephony.CallUUID
	ani, dnis string
	digits    string // collected so far by the last treatment
	data      telephony.KVList

	state callState
	at    string // the DN where it is
	from  string // the routing point that it came through; empty for none

	// Timers; nil when they do not run.
	patience func() bool // of the caller
	routing  func() bool // of the routing point
	ending   func() bool // of the treatment
	agent    func() bool // until the agent answers, or hangs up
	noAnswer func() bool
}

// after runs f later, unless the call is gone by then.
func (k *call) after(d time.Duration, f func()) (stop func() bool) {
	s := k.sw
	return s.clock.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if k.state != gone {
			f()
		}
	})
}

// timer is after for a timer kept in *at: f runs only while it is still the
// timer set there, so that one that was stopped too late does nothing.
func (k *call) timer(at *func() bool, d time.Duration, f func()) {
	cancelled := false
	stop := k.after(d, func() {
		if !cancelled {
			*at = nil
			f()
		}
	})
	*at = func() bool {
		cancelled = true
		return stop()
	}
}

func halt(at *func() bool) {
	if *at != nil {
		(*at)()
		*at = nil
	}
}

// about returns the attributes of an event of this call at a DN.
func (k *call) about(dn string) telephony.CallAttributes {
	a := telephony.CallAttributes{
		ConnID: k.conn, CallID: k.number, CallUUID: k.uuid, CallType: telephony.CallTypeInbound,
		ThisDN: dn, ThisQueue: k.from, ThisDNRole: telephony.DNRoleDestination,
		OtherDN: k.ani, ANI: k.ani, DNIS: k.dnis, UserData: k.data,
	}
	if k.ani != "" {
		a.OtherDNRole = telephony.DNRoleOrigination
	}
	if k.sw.points[dn] != nil {
		a.ThisQueue = dn
		a.CollectedDigits = k.digits
		if n := len(k.digits); n > 0 {
			a.LastCollectedDigit = k.digits[n-1:]
		}
	}
	if e := k.sw.exts[dn]; e != nil {
		a.AgentID = e.AgentID
	}
	return a
}

// arrive puts the call at a routing point.
func (k *call) arrive(dn string) {
	s, p := k.sw, k.sw.points[dn]
	k.state, k.at, k.from, k.digits = waiting, dn, dn, ""
	s.announce(&telephony.EventQueued{EventHeader: s.header(0), CallAttributes: k.about(dn)})
	s.announce(&telephony.EventRouteRequest{EventHeader: s.header(0), CallAttributes: k.about(dn)})
	if p.Timeout > 0 {
		k.timer(&k.routing, p.Timeout, func() { k.routeByDefault(nil, 0) })
	}
}

// destination tells whether the switch can take the call to a DN.
func (k *call) destination(dn string) *refusal {
	e := k.sw.exts[dn]
	switch {
	case e == nil && k.sw.points[dn] == nil:
		return &refusal{CodeUnknownDN, "no such DN " + dn}
	case e != nil && e.call != nil:
		return &refusal{CodeBusy, "DN " + dn + " is busy"}
	}
	return nil
}

// route carries out RequestRouteCall, or the switch's own routing when ref is 0,
// and returns the EventRouteUsed. The destination has been checked; an empty one
// releases the call.
func (k *call) route(dest string, by *Link, ref int, reasons telephony.KVList) telephony.Event {
	s, rp := k.sw, k.at
	halt(&k.routing)
	halt(&k.ending)
	a := k.about(rp)
	a.Reasons = reasons
	if dest != "" {
		a.ThirdPartyDN, a.ThirdPartyRole = dest, telephony.DNRoleDestination
	}
	used := &telephony.EventRouteUsed{EventHeader: s.header(0), CallAttributes: a}
	confirmed := s.confirm(used, by, ref)
	if dest == "" {
		s.announce(&telephony.EventReleased{EventHeader: s.header(0), CallAttributes: k.about(rp)})
		k.end()
		return confirmed
	}
	s.announce(&telephony.EventDiverted{EventHeader: s.header(0), CallAttributes: a})
	if e := s.exts[dest]; e != nil {
		k.ring(dest, e)
	} else {
		k.arrive(dest)
	}
	return confirmed
}

// routeByDefault does what the switch does when nobody tells it where to go.
func (k *call) routeByDefault(by *Link, ref int) telephony.Event {
	dest := k.sw.points[k.at].Default
	if dest == k.at || k.destination(dest) != nil {
		dest = ""
	}
	return k.route(dest, by, ref, nil)
}

// ring puts the call at an extension.
func (k *call) ring(dn string, e *extension) {
	s := k.sw
	k.state, k.at = ringing, dn
	e.call = k
	s.announce(&telephony.EventRinging{EventHeader: s.header(0), CallAttributes: k.about(dn)})
	switch {
	case e.AnswerAfter == 0:
		k.answer(e)
	case e.AnswerAfter > 0:
		k.timer(&k.agent, e.AnswerAfter, func() { k.answer(e) })
	}
	if p := s.points[k.from]; k.state == ringing && p != nil && p.RingTimeout > 0 {
		k.timer(&k.noAnswer, p.RingTimeout, k.comeBack)
	}
}

func (k *call) answer(e *extension) {
	s := k.sw
	k.state = talking
	halt(&k.noAnswer)
	halt(&k.patience)
	s.announce(&telephony.EventEstablished{EventHeader: s.header(0), CallAttributes: k.about(k.at)})
	if e.TalkTime > 0 {
		k.timer(&k.agent, e.TalkTime, k.releaseAgent)
	}
}

// comeBack returns an unanswered call to its routing point.
func (k *call) comeBack() {
	k.leave(telephony.CallStateNoAnswer)
	k.arrive(k.from)
}

// leave takes the call away from its extension.
func (k *call) leave(why telephony.CallState) {
	s := k.sw
	halt(&k.agent)
	halt(&k.noAnswer)
	a := k.about(k.at)
	a.CallState = why
	s.announce(&telephony.EventReleased{EventHeader: s.header(0), CallAttributes: a})
	s.exts[k.at].call = nil
}

// hangUp is the caller's end of the call.
func (k *call) hangUp() {
	s := k.sw
	if k.state == talking {
		k.leave(telephony.CallStateOk)
		k.end()
		return
	}
	s.announce(&telephony.EventAbandoned{EventHeader: s.header(0), CallAttributes: k.about(k.at)})
	if e := s.exts[k.at]; e != nil {
		e.call = nil
	}
	k.end()
}

// releaseAgent is the agent's end of the call; at a routing point there is none.
func (k *call) releaseAgent() {
	if k.state == ringing || k.state == talking {
		k.leave(telephony.CallStateOk)
		k.end()
	}
}

func (k *call) end() {
	k.state = gone
	for _, t := range []*func() bool{&k.patience, &k.routing, &k.ending, &k.agent, &k.noAnswer} {
		halt(t)
	}
	delete(k.sw.calls, k.conn)
}

// treat carries out RequestApplyTreatment.
func (k *call) treat(r *telephony.RequestApplyTreatment, by *Link, ref int) (telephony.Event, *refusal) {
	s := k.sw
	t := s.treat(r)
	a := k.about(k.at)
	a.Reasons = r.Reasons
	if t.Refuse != "" {
		no := &telephony.EventTreatmentNotApplied{EventHeader: s.header(ref), CallAttributes: a,
			TreatmentType: r.TreatmentType, ErrorCode: CodeTreatment, ErrorMessage: t.Refuse}
		s.post(by, no)
		return no, &refusal{CodeTreatment, t.Refuse}
	}
	halt(&k.ending)
	done := s.confirm(&telephony.EventTreatmentApplied{EventHeader: s.header(0), CallAttributes: a,
		TreatmentType: r.TreatmentType}, by, ref)
	if t.Duration >= 0 {
		k.timer(&k.ending, t.Duration, func() {
			k.digits = t.Digits
			s.announce(&telephony.EventTreatmentEnd{EventHeader: s.header(0), CallAttributes: k.about(k.at),
				TreatmentType: r.TreatmentType})
		})
	}
	return done, nil
}

// attach changes the user data. Messages already sent keep the old list.
func (k *call) attach(dn string, by *Link, ref int, change func(*telephony.KVList)) telephony.Event {
	s := k.sw
	data := k.data.Clone()
	change(&data)
	k.data = data
	a := k.about(k.at)
	a.ThirdPartyDN = dn
	return s.confirm(&telephony.EventAttachedDataChanged{EventHeader: s.header(0), CallAttributes: a}, by, ref)
}
