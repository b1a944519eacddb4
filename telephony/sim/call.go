package sim

import (
	"slices"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// call is one call. Its methods are called with the switch locked.
//
// Who takes part: somebody outside, extensions (legs), and the routing point
// where the call waits. It exists while there are two of them.
type call struct {
	sw   *Switch
	conn telephony.ConnID

	number    int
	uuid      telephony.CallUUID
	typ       telephony.CallType
	ani, dnis string
	digits    string // collected so far by the last treatment
	data      telephony.KVList

	outside bool   // somebody outside takes part, at the number ani
	legs    []*leg // in the order in which they joined
	at      string // the routing point where it waits; empty for none
	from    string // the routing point that it came through last; empty for none
	origin  string // the extension that dialled; empty: the outside
	parent  *call  // of a consult call: the one on hold
	gone    bool

	// Timers; nil when they do not run.
	patience func() bool // of the caller
	routing  func() bool // of the routing point
	ending   func() bool // of the treatment
}

// after runs f later, unless the call is gone by then.
func (k *call) after(d time.Duration, f func()) (stop func() bool) {
	s := k.sw
	return s.clock.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !k.gone {
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
		ConnID: k.conn, CallID: k.number, CallUUID: k.uuid, CallType: k.typ,
		ThisDN: dn, ThisQueue: k.from, ThisDNRole: telephony.DNRoleDestination,
		ANI: k.ani, DNIS: k.dnis, UserData: k.data,
	}
	if k.parent != nil {
		a.PreviousConnID = k.parent.conn
	}
	if dn == k.origin {
		a.ThisDNRole, a.ThisQueue = telephony.DNRoleOrigination, ""
	}
	a.OtherDN, a.OtherDNRole = k.other(dn)
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

// other returns the other side of the call as a DN sees it: the first of those
// that take part.
func (k *call) other(dn string) (string, telephony.DNRole) {
	if k.outside {
		if k.ani == "" {
			return "", telephony.DNRoleUnknown
		}
		return k.ani, telephony.DNRoleOrigination
	}
	for _, l := range k.legs {
		switch {
		case l.dn == dn:
		case l.dn == k.origin:
			return l.dn, telephony.DNRoleOrigination
		default:
			return l.dn, telephony.DNRoleDestination
		}
	}
	if k.at != "" && k.at != dn {
		return k.at, telephony.DNRoleDestination
	}
	return k.dnis, telephony.DNRoleDestination
}

// goTo takes the call to a DN that has been checked.
func (k *call) goTo(dn string) {
	if e := k.sw.exts[dn]; e != nil {
		k.ring(dn, e)
	} else {
		k.arrive(dn)
	}
}

// arrive puts the call at a routing point.
func (k *call) arrive(dn string) {
	s, p := k.sw, k.sw.points[dn]
	k.at, k.from, k.digits = dn, dn, ""
	s.announce(&telephony.EventQueued{EventHeader: s.header(0), CallAttributes: k.about(dn)})
	s.announce(&telephony.EventRouteRequest{EventHeader: s.header(0), CallAttributes: k.about(dn)})
	if p.Timeout > 0 {
		k.timer(&k.routing, p.Timeout, func() { k.routeByDefault(nil, 0) })
	}
}

// destination tells whether the switch can take a call to a DN.
func (s *Switch) destination(dn string) *refusal {
	e := s.exts[dn]
	switch {
	case e == nil && s.points[dn] == nil:
		return &refusal{CodeUnknownDN, "no such DN " + dn}
	case e != nil && len(e.legs) > 0:
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
		k.at = ""
		k.end()
		return confirmed
	}
	s.announce(&telephony.EventDiverted{EventHeader: s.header(0), CallAttributes: a})
	k.at = ""
	k.goTo(dest)
	return confirmed
}

// routeByDefault does what the switch does when nobody tells it where to go.
func (k *call) routeByDefault(by *Link, ref int) telephony.Event {
	dest := k.sw.points[k.at].Default
	if dest == k.at || k.sw.destination(dest) != nil {
		dest = ""
	}
	return k.route(dest, by, ref, nil)
}

// hangUp is the end of the call for the one who began it.
func (k *call) hangUp() {
	s := k.sw
	if !k.outside {
		if l := k.leg(k.origin); l != nil {
			l.leave(telephony.CallStateOk, nil, 0)
			k.settle(l.dn)
		}
		return
	}
	l := k.ringing()
	switch {
	case l != nil && len(k.legs) == 1:
		s.announce(&telephony.EventAbandoned{EventHeader: s.header(0), CallAttributes: k.about(l.dn)})
		l.remove()
		k.end()
	case k.at != "" && len(k.legs) == 0:
		s.announce(&telephony.EventAbandoned{EventHeader: s.header(0), CallAttributes: k.about(k.at)})
		k.at = ""
		k.end()
	case k.parties() < 3:
		k.end()
	default:
		k.outside = false
		k.settle(k.ani)
	}
}

// releaseAgent is the agent's end of the call; at a routing point there is none.
func (k *call) releaseAgent() {
	if len(k.legs) > 0 {
		l := k.legs[len(k.legs)-1]
		l.leave(telephony.CallStateOk, nil, 0)
		k.settle(l.dn)
	}
}

// settle goes on after somebody has left: with the others, or not at all.
func (k *call) settle(left string) {
	s := k.sw
	if k.parties() < 2 {
		k.end()
		return
	}
	for _, l := range k.legs {
		a := k.about(l.dn)
		a.OtherDN, a.OtherDNRole = left, telephony.DNRoleDeletedParty
		s.announce(&telephony.EventPartyDeleted{EventHeader: s.header(0), CallAttributes: a})
	}
}

// parties counts who takes part.
func (k *call) parties() int {
	n := len(k.legs)
	if k.outside {
		n++
	}
	if k.at != "" {
		n++
	}
	return n
}

// end lets go of everybody who is left.
func (k *call) end() {
	s := k.sw
	for len(k.legs) > 0 {
		k.legs[0].leave(telephony.CallStateOk, nil, 0)
	}
	if k.at != "" {
		s.announce(&telephony.EventAbandoned{EventHeader: s.header(0), CallAttributes: k.about(k.at)})
	}
	k.stop()
	delete(s.calls, k.conn)
}

// stop ends all timers of the call itself.
func (k *call) stop() {
	k.gone = true
	for _, t := range []*func() bool{&k.patience, &k.routing, &k.ending} {
		halt(t)
	}
}

// leg returns the leg at an extension, or nil.
func (k *call) leg(dn string) *leg {
	i := slices.IndexFunc(k.legs, func(l *leg) bool { return l.dn == dn })
	if i < 0 {
		return nil
	}
	return k.legs[i]
}

// ringing returns the leg that rings, or nil.
func (k *call) ringing() *leg {
	i := slices.IndexFunc(k.legs, func(l *leg) bool { return l.state == ringing })
	if i < 0 {
		return nil
	}
	return k.legs[i]
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

// attach changes the user data. Messages already sent keep the old list. Everybody in
// the call is told, dn first.
func (k *call) attach(dn string, by *Link, ref int, change func(*telephony.KVList)) telephony.Event {
	s := k.sw
	data := k.data.Clone()
	change(&data)
	k.data = data
	event := func(at string) telephony.Event {
		a := k.about(at)
		a.ThirdPartyDN = dn
		return &telephony.EventAttachedDataChanged{EventHeader: s.header(0), CallAttributes: a}
	}
	done := s.confirm(event(dn), by, ref)
	if k.at != "" && k.at != dn {
		s.announce(event(k.at))
	}
	for _, l := range k.legs {
		if l.dn != dn {
			s.announce(event(l.dn))
		}
	}
	return done
}
