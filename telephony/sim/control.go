package sim

import (
	"fmt"

	"github.com/seed-ff723688/ors/telephony"
)

// control carries out the requests of call control.
func (l *Link) control(req telephony.Request, ref int) (telephony.Event, *refusal) {
	switch r := req.(type) {
	case *telephony.RequestMakeCall:
		return l.makeCall(r, ref)
	case *telephony.RequestAnswerCall:
		return l.onLeg(r.ThisDN, r.ConnID, func(x *leg) telephony.Event { return x.answer(l, ref) }, ringing)
	case *telephony.RequestReleaseCall:
		return l.release(r, ref)
	case *telephony.RequestHoldCall:
		return l.onLeg(r.ThisDN, r.ConnID, func(x *leg) telephony.Event { return x.hold(l, ref) }, talking)
	case *telephony.RequestRetrieveCall:
		return l.onLeg(r.ThisDN, r.ConnID, func(x *leg) telephony.Event { return x.retrieve(telephony.CallStateOk, l, ref) }, held)
	case *telephony.RequestSendDTMF:
		return l.onLeg(r.ThisDN, r.ConnID, func(x *leg) telephony.Event {
			s := l.sw
			return s.confirm(&telephony.EventDTMFSent{EventHeader: s.header(0), CallAttributes: x.call.about(x.dn)}, l, ref)
		}, talking)
	case *telephony.RequestAlternateCall:
		return l.alternate(r, ref)
	case *telephony.RequestInitiateTransfer:
		return l.consult(r.ThisDN, r.ConnID, r.Destination, r.Location, r.UserData, ref)
	case *telephony.RequestInitiateConference:
		return l.consult(r.ThisDN, r.ConnID, r.Destination, r.Location, r.UserData, ref)
	case *telephony.RequestCompleteTransfer:
		return l.complete(r.ThisDN, r.ConnID, r.TransferConnID, true, (*Link).transfer, ref)
	case *telephony.RequestCompleteConference:
		return l.complete(r.ThisDN, r.ConnID, r.ConferenceConnID, true, (*Link).conference, ref)
	case *telephony.RequestMergeCalls:
		join := (*Link).transfer
		if r.MergeType == telephony.MergeForConference {
			join = (*Link).conference
		}
		return l.complete(r.ThisDN, r.CurrentConnID, r.HeldConnID, false, join, ref)
	case *telephony.RequestSingleStepTransfer:
		return l.singleStepTransfer(r, ref)
	case *telephony.RequestSingleStepConference:
		return l.singleStepConference(r, ref)
	}
	return nil, &refusal{0, "the simulated switch does not know " + req.Name()}
}

// leg finds the part of an extension in a call, which has to be in one of the
// given states.
func (l *Link) leg(dn string, id telephony.ConnID, states ...legState) (*leg, *refusal) {
	k, no := l.find(dn, id, false)
	if no != nil {
		return nil, no
	}
	x := k.leg(dn)
	if x != nil {
		for _, s := range states {
			if x.state == s {
				return x, nil
			}
		}
	}
	return nil, &refusal{CodeState, fmt.Sprintf("call %s is not in the right state at DN %s", id, dn)}
}

func (l *Link) onLeg(dn string, id telephony.ConnID, f func(*leg) telephony.Event, states ...legState) (telephony.Event, *refusal) {
	x, no := l.leg(dn, id, states...)
	if no != nil {
		return nil, no
	}
	return f(x), nil
}

// reach tells whether a call can be made to a DN.
func (l *Link) reach(dn, location string) *refusal {
	s := l.sw
	switch {
	case location != "" && location != s.name:
		return &refusal{CodeUnknownLocation, "no such location " + location}
	case len(s.calls) >= s.maxCalls:
		return &refusal{CodeResources, "too many calls"}
	}
	return s.destination(dn)
}

func (l *Link) makeCall(r *telephony.RequestMakeCall, ref int) (telephony.Event, *refusal) {
	s := l.sw
	e := s.exts[r.ThisDN]
	switch {
	case e == nil:
		return nil, &refusal{CodeUnknownDN, "no such extension " + r.ThisDN}
	case !l.dns[r.ThisDN]:
		return nil, &refusal{CodeUnregistered, "DN " + r.ThisDN + " is not registered"}
	case e.active() != nil:
		return nil, &refusal{CodeBusy, "DN " + r.ThisDN + " is busy"}
	}
	if no := l.reach(r.Destination, r.Location); no != nil {
		return nil, no
	}
	k := s.newCall(telephony.CallTypeInternal, r.ThisDN, r.Destination, r.UserData)
	return l.dial(k, r.ThisDN, e, ref), nil
}

// active returns the part of the extension in a call that is not on hold, or nil.
func (e *extension) active() *leg {
	for _, x := range e.legs {
		if x.state != held {
			return x
		}
	}
	return nil
}

// dial has an extension call the number k.dnis and returns the EventDialing.
func (l *Link) dial(k *call, dn string, e *extension, ref int) telephony.Event {
	s := l.sw
	k.origin = dn
	k.join(dn, e, dialing)
	done := s.confirm(&telephony.EventDialing{EventHeader: s.header(0), CallAttributes: k.about(dn)}, l, ref)
	k.goTo(k.dnis)
	return done
}

func (l *Link) release(r *telephony.RequestReleaseCall, ref int) (telephony.Event, *refusal) {
	k, no := l.find(r.ThisDN, r.ConnID, false)
	if no != nil {
		return nil, no
	}
	s := l.sw
	if x := k.leg(r.ThisDN); x != nil {
		done := x.leave(telephony.CallStateOk, l, ref)
		k.settle(r.ThisDN)
		return done, nil
	}
	done := s.confirm(&telephony.EventReleased{EventHeader: s.header(0), CallAttributes: k.about(r.ThisDN)}, l, ref)
	k.at = ""
	k.end()
	return done, nil
}

func (x *leg) hold(by *Link, ref int) telephony.Event {
	s := x.call.sw
	x.state = held
	return s.confirm(&telephony.EventHeld{EventHeader: s.header(0), CallAttributes: x.call.about(x.dn)}, by, ref)
}

func (x *leg) retrieve(why telephony.CallState, by *Link, ref int) telephony.Event {
	s := x.call.sw
	x.state = talking
	a := x.call.about(x.dn)
	a.CallState = why
	return s.confirm(&telephony.EventRetrieved{EventHeader: s.header(0), CallAttributes: a}, by, ref)
}

func (l *Link) alternate(r *telephony.RequestAlternateCall, ref int) (telephony.Event, *refusal) {
	current, no := l.leg(r.ThisDN, r.CurrentConnID, talking)
	if no != nil {
		return nil, no
	}
	other, no := l.leg(r.ThisDN, r.HeldConnID, held)
	if no != nil {
		return nil, no
	}
	current.hold(nil, 0)
	return other.retrieve(telephony.CallStateOk, l, ref), nil
}

// consult makes a second call from an extension, whose first one goes on hold.
func (l *Link) consult(dn string, id telephony.ConnID, dest, location string, data telephony.KVList, ref int) (telephony.Event, *refusal) {
	x, no := l.leg(dn, id, talking, held)
	if no == nil && x.state == held && x.ext.active() != nil {
		no = &refusal{CodeBusy, "DN " + dn + " is busy"}
	}
	if no == nil {
		no = l.reach(dest, location)
	}
	if no != nil {
		return nil, no
	}
	if data == nil {
		data = x.call.data
	}
	k := l.sw.newCall(telephony.CallTypeConsult, dn, dest, data)
	k.parent = x.call
	if x.state == talking {
		x.hold(nil, 0)
	}
	return l.dial(k, dn, x.ext, ref), nil
}

// complete joins two calls of an extension: second, which is its active one, and first, on
// hold. They may be named the other way round.
func (l *Link) complete(dn string, second, first telephony.ConnID, consultation bool,
	join func(l *Link, second, first *leg, ref int) telephony.Event, ref int,
) (telephony.Event, *refusal) {
	x, no := l.leg(dn, second, dialing, talking, held)
	if no != nil {
		return nil, no
	}
	y, no := l.leg(dn, first, dialing, talking, held)
	if no != nil {
		return nil, no
	}
	if y.call.parent == x.call || !consultation && x.state == held && y.state != held {
		x, y = y, x
	}
	if x == y || consultation && x.call.parent != y.call {
		return nil, &refusal{CodeState, fmt.Sprintf("call %s is no consultation of call %s", second, first)}
	}
	return join(l, x, y, ref), nil
}

// transfer joins two calls; the extension leaves.
func (l *Link) transfer(second, first *leg, ref int) telephony.Event {
	dn, x, y := second.dn, second.call, first.call
	done := second.leave(telephony.CallStateTransferred, l, ref)
	first.leave(telephony.CallStateTransferred, nil, 0)
	previous := x.conn
	if l.sw.keepConsult {
		previous = y.conn
	}
	x.absorb(y, l.sw.keepConsult)
	x.changed(previous, telephony.CallStateTransferred, dn, "")
	return done
}

// conference joins two calls; the extension stays.
func (l *Link) conference(second, first *leg, ref int) telephony.Event {
	s, dn, x, y := l.sw, second.dn, second.call, first.call
	joined, _ := x.other(dn)
	second.leave(telephony.CallStateConferenced, nil, 0)
	if first.state != talking {
		first.retrieve(telephony.CallStateConferenced, nil, 0)
	}
	old := map[string]bool{}
	for _, leg := range y.legs {
		old[leg.dn] = true
	}
	previous := x.conn
	x.absorb(y, false)
	added := func(to string) telephony.Event {
		a := x.about(to)
		a.CallState = telephony.CallStateConferenced
		a.OtherDN, a.OtherDNRole, a.ThirdPartyDN, a.ThirdPartyRole = joined, telephony.DNRoleNewParty, dn, telephony.DNRoleConferencedBy
		return &telephony.EventPartyAdded{EventHeader: s.header(0), CallAttributes: a}
	}
	done := s.confirm(added(dn), l, ref)
	for _, leg := range x.legs {
		if leg.dn != dn && old[leg.dn] {
			s.announce(added(leg.dn))
		}
	}
	x.changedFor(previous, telephony.CallStateConferenced, dn, func(at string) bool { return !old[at] })
	return done
}

// absorb makes k the call y: with its caller and its extensions, and its identity
// unless k keeps its own. The user data of both are merged; y's own counts. y is gone.
func (k *call) absorb(y *call, keep bool) {
	s := k.sw
	y.stop()
	if keep {
		delete(s.calls, y.conn)
	} else {
		delete(s.calls, k.conn)
		k.conn, k.number, k.uuid = y.conn, y.number, y.uuid
	}
	k.typ = y.typ
	k.ani, k.dnis, k.outside, k.origin, k.parent = y.ani, y.dnis, k.outside || y.outside, y.origin, y.parent
	data := y.data.Clone()
	for _, p := range k.data {
		if _, ok := data.Get(p.Key); !ok {
			data.Add(p.Key, p.Value)
		}
	}
	k.data = data
	for _, x := range y.legs {
		x.call = k
	}
	k.legs = append(y.legs, k.legs...)
	if k.from == "" {
		k.from = y.from
	}
	s.calls[k.conn] = k
	for _, c := range s.calls {
		if c.parent == y {
			c.parent = k
		}
	}
}

// changed sends EventPartyChanged to everybody in the call.
func (k *call) changed(previous telephony.ConnID, why telephony.CallState, by, other string) {
	k.changedFor(previous, why, by, func(dn string) bool { return dn != other })
}

func (k *call) changedFor(previous telephony.ConnID, why telephony.CallState, by string, to func(dn string) bool) {
	s := k.sw
	tell := func(dn string) {
		if dn == "" || dn == by || !to(dn) {
			return
		}
		a := k.about(dn)
		a.PreviousConnID, a.CallState = previous, why
		a.ThirdPartyDN, a.ThirdPartyRole = by, telephony.DNRoleTransferredBy
		if why == telephony.CallStateConferenced {
			a.ThirdPartyRole = telephony.DNRoleConferencedBy
		}
		s.announce(&telephony.EventPartyChanged{EventHeader: s.header(0), CallAttributes: a})
	}
	for _, x := range k.legs {
		tell(x.dn)
	}
	tell(k.at)
}

func (l *Link) singleStepTransfer(r *telephony.RequestSingleStepTransfer, ref int) (telephony.Event, *refusal) {
	x, no := l.leg(r.ThisDN, r.ConnID, talking, held)
	if no == nil {
		no = l.reach(r.Destination, r.Location)
	}
	if no != nil {
		return nil, no
	}
	k := x.call
	done := x.leave(telephony.CallStateTransferred, l, ref)
	k.from = ""
	for _, p := range r.UserData {
		k.data = k.data.Clone()
		k.data.Set(p.Key, p.Value)
	}
	k.goTo(r.Destination)
	k.changed(0, telephony.CallStateTransferred, r.ThisDN, r.Destination)
	return done, nil
}

func (l *Link) singleStepConference(r *telephony.RequestSingleStepConference, ref int) (telephony.Event, *refusal) {
	s := l.sw
	x, no := l.leg(r.ThisDN, r.ConnID, talking)
	if no == nil {
		no = l.reach(r.Destination, r.Location)
	}
	if no == nil && s.exts[r.Destination] == nil {
		no = &refusal{CodeState, "a routing point cannot join a conference: DN " + r.Destination}
	}
	if no != nil {
		return nil, no
	}
	k := x.call
	added := func(to string) telephony.Event {
		a := k.about(to)
		a.CallState = telephony.CallStateConferenced
		a.OtherDN, a.OtherDNRole = r.Destination, telephony.DNRoleNewParty
		a.ThirdPartyDN, a.ThirdPartyRole = r.ThisDN, telephony.DNRoleAddedBy
		return &telephony.EventPartyAdded{EventHeader: s.header(0), CallAttributes: a}
	}
	done := s.confirm(added(r.ThisDN), l, ref)
	for _, y := range k.legs {
		if y != x {
			s.announce(added(y.dn))
		}
	}
	k.from = ""
	k.ring(r.Destination, s.exts[r.Destination])
	return done, nil
}
