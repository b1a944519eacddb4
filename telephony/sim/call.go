package sim

import (
	"fmt"
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

	outside   bool          // somebody outside takes part, at the number ani
	legs      []*leg        // in the order in which they joined
	at        string        // the routing point or ACD queue where it waits; empty for none
	from      string        // the one that it came through last; empty for none
	since     time.Time     // when it came to the ACD queue from
	origin    string        // the extension that dialled; empty: the outside
	parent    *call         // of a consult call: the one on hold
	consults  []*call       // of which it is the parent
	treated   bool          // a treatment is playing
	waits     time.Duration // the caller's patience
	calling   *Outside      // who is being dialled
	campaign  string        // of a predictive call: where it goes when it is answered
	defaultTo string        // where default routing takes it, before RoutePoint.Default
	gone      bool

	keys  func(*telephony.RequestApplyTreatment) Keying // of the caller
	again func()                                        // has the caller call back; nil: he does not

	// Timers; nil when they do not run.
	patience func() bool // of the caller
	routing  func() bool // of the routing point, or the ACD queue
	ending   func() bool // of the treatment
}

func (s *Switch) newCall(typ telephony.CallType, ani, dnis string, data telephony.KVList) *call {
	k := &call{
		sw: s, conn: s.nextConn, number: s.nextCall, typ: typ, ani: ani, dnis: dnis, data: data.Clone(),
		uuid: telephony.CallUUID(fmt.Sprintf("%016X%016X", uint64(s.nextConn), s.nextCall)),
	}
	s.nextConn++
	s.nextCall++
	s.calls[k.conn] = k
	return k
}

// timer runs f later, with the switch locked, for a timer kept in *at: only while it is still the
// timer set there, so that one that was stopped too late does nothing.
func (s *Switch) timer(at *func() bool, d time.Duration, f func()) {
	cancelled := false
	stop := s.clock.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
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

func (k *call) timer(at *func() bool, d time.Duration, f func()) { k.sw.timer(at, d, f) }

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
	if k.sw.queues[dn] != nil {
		a.ThisQueue = dn
	}
	if k.sw.points[dn] != nil {
		a.ThisQueue = dn
		a.CollectedDigits = k.digits
		if n := len(k.digits); n > 0 {
			a.LastCollectedDigit = k.digits[n-1:]
		}
	}
	if e := k.sw.exts[dn]; e != nil {
		a.AgentID = e.agentID()
	}
	return a
}

// other returns the other side of the call as a DN sees it: the first of those
// that take part.
func (k *call) other(dn string) (string, telephony.DNRole) {
	switch {
	case k.typ == telephony.CallTypeOutbound && (k.outside || k.calling != nil):
		return k.dnis, telephony.DNRoleDestination
	case k.outside && k.ani == "":
		return "", telephony.DNRoleUnknown
	case k.outside:
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
	s := k.sw
	if e := s.exts[dn]; e != nil {
		k.ring(e)
	} else if q := s.queues[dn]; q != nil {
		k.queue(q)
	} else {
		k.arrive(dn)
	}
	k.wait()
}

// wait has the caller's patience run while nobody talks to him.
func (k *call) wait() {
	if !k.outside || k.gone || k.waits <= 0 || k.patience != nil {
		return
	}
	for _, l := range k.legs {
		if l.state != ringing && l.state != dialing {
			return
		}
	}
	k.timer(&k.patience, k.waits, k.hangUp)
}

// arrive puts the call at a routing point.
func (k *call) arrive(dn string) {
	s, p := k.sw, k.sw.points[dn]
	k.at, k.from, k.digits = dn, dn, ""
	p.waiting = append(p.waiting, k)
	s.announce(&telephony.EventQueued{EventHeader: s.header(0), CallAttributes: k.about(dn)})
	s.announce(&telephony.EventRouteRequest{EventHeader: s.header(0), CallAttributes: k.about(dn)})
	if p.Timeout > 0 {
		k.timer(&k.routing, p.Timeout, func() { k.routeByDefault(nil, 0) })
	}
}

// leaveQueue takes the call out of the queue or routing point where it waits.
func (k *call) leaveQueue() {
	same := func(x *call) bool { return x == k }
	if p := k.sw.points[k.at]; p != nil {
		p.waiting = slices.DeleteFunc(p.waiting, same)
	}
	if q := k.sw.queues[k.at]; q != nil {
		q.waiting = slices.DeleteFunc(q.waiting, same)
	}
	k.at, k.treated = "", false
	halt(&k.routing)
	halt(&k.ending)
}

// routeAsked carries out RequestRouteCall.
func (k *call) routeAsked(r *telephony.RequestRouteCall, by *conn, ref int) *refusal {
	switch {
	case r.RouteType == telephony.RouteTypeCallDisconnect || r.RouteType == telephony.RouteTypeReject:
		k.route("", r.RouteType, by, ref, r.Reasons)
		return nil
	case r.Destination == "":
		k.routeByDefault(by, ref)
		return nil
	case r.Location != "" && r.Location != k.sw.name:
		return &refusal{CodeUnknownLocation, "no such location " + r.Location}
	}
	if no := k.sw.destination(r.Destination); no != nil {
		return no
	}
	if r.RouteType == telephony.RouteTypeOverwriteDNIS && r.DNIS != "" {
		k.dnis = r.DNIS
	}
	k.route(r.Destination, r.RouteType, by, ref, r.Reasons)
	return nil
}

// route takes the call from its routing point, for a client or, when by is nil, by the
// switch's own will, to a destination that has been checked; an empty one releases it.
func (k *call) route(dest string, how telephony.RouteType, by *conn, ref int, reasons telephony.KVList) {
	s, rp := k.sw, k.at
	a := k.about(rp)
	a.Reasons = reasons
	if dest != "" {
		a.ThirdPartyDN, a.ThirdPartyRole = dest, telephony.DNRoleDestination
	}
	s.confirm(&telephony.EventRouteUsed{EventHeader: s.header(0), CallAttributes: a, RouteType: how}, by, ref)
	if dest == "" {
		s.announce(&telephony.EventReleased{EventHeader: s.header(0), CallAttributes: k.about(rp)})
		k.leaveQueue()
		k.end()
		return
	}
	s.announce(&telephony.EventDiverted{EventHeader: s.header(0), CallAttributes: a})
	k.leaveQueue()
	k.goTo(dest)
}

// routeByDefault does what the switch does when nobody tells it where to go.
func (k *call) routeByDefault(by *conn, ref int) {
	dest := k.defaultTo
	if dest == "" {
		dest = k.sw.points[k.at].Default
	}
	if dest == k.at || k.sw.destination(dest) != nil {
		dest = ""
	}
	k.route(dest, telephony.RouteTypeDefault, by, ref, nil)
}

// settle goes on after somebody has left: with the others, or not at all.
func (k *call) settle(left string) {
	s := k.sw
	if !k.alive() {
		k.end()
		return
	}
	for _, l := range k.legs {
		a := k.about(l.dn)
		a.OtherDN, a.OtherDNRole = left, telephony.DNRoleDeletedParty
		s.announce(&telephony.EventPartyDeleted{EventHeader: s.header(0), CallAttributes: a})
	}
	k.wait()
}

// alive reports whether the call goes on: two parties, one of whom does not just ring.
func (k *call) alive() bool {
	calls := k.outside || k.calling != nil ||
		slices.ContainsFunc(k.legs, func(l *leg) bool { return l.state != ringing })
	return calls && k.parties() > 1
}

// parties counts who takes part.
func (k *call) parties() int {
	n := len(k.legs)
	if k.outside || k.calling != nil {
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
		k.leaveQueue()
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

// attach changes the user data. Messages already sent keep the old list. Everybody in
// the call is told, dn first.
func (k *call) attach(dn string, by *conn, ref int, change func(*telephony.KVList)) {
	s := k.sw
	data := k.data.Clone()
	change(&data)
	k.data = data
	event := func(at string) telephony.Event {
		a := k.about(at)
		a.ThirdPartyDN = dn
		return &telephony.EventAttachedDataChanged{EventHeader: s.header(0), CallAttributes: a}
	}
	s.confirm(event(dn), by, ref)
	if k.at != "" && k.at != dn {
		s.announce(event(k.at))
	}
	for _, l := range k.legs {
		if l.dn != dn {
			s.announce(event(l.dn))
		}
	}
}
