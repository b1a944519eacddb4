package sim

import (
	"fmt"

	"github.com/seed-ff723688/ors/telephony"
)

// control carries out the requests of call control.
func (c *conn) control(req telephony.Request, ref int) *refusal {
	switch r := req.(type) {
	case *telephony.RequestMakeCall:
		return c.makeCall(r, ref)
	case *telephony.RequestMakePredictiveCall:
		return c.predict(r, ref)
	case *telephony.RequestAnswerCall:
		return c.onLeg(r.ThisDN, r.ConnID, func(x *leg) { x.answer(c, ref) }, ringing)
	case *telephony.RequestReleaseCall:
		return c.release(r.ThisDN, r.ConnID, ref)
	case *telephony.RequestClearCall:
		return c.clear(r, ref)
	case *telephony.RequestRedirectCall:
		return c.redirect(r, ref)
	case *telephony.RequestHoldCall:
		return c.onLeg(r.ThisDN, r.ConnID, func(x *leg) { x.hold(c, ref) }, talking)
	case *telephony.RequestRetrieveCall:
		return c.retrieve(r, ref)
	case *telephony.RequestSendDTMF:
		return c.onLeg(r.ThisDN, r.ConnID, func(x *leg) {
			s := c.sw
			s.confirm(&telephony.EventDTMFSent{EventHeader: s.header(0), CallAttributes: x.call.about(x.dn)}, c, ref)
		}, talking)
	case *telephony.RequestAlternateCall:
		return c.alternate(r, ref)
	case *telephony.RequestReconnectCall:
		return c.reconnect(r, ref)
	case *telephony.RequestInitiateTransfer:
		return c.consult(r.ThisDN, r.ConnID, r.Destination, r.Location, r.UserData, ref)
	case *telephony.RequestInitiateConference:
		return c.consult(r.ThisDN, r.ConnID, r.Destination, r.Location, r.UserData, ref)
	case *telephony.RequestCompleteTransfer:
		return c.complete(r.ThisDN, r.ConnID, r.TransferConnID, true, (*conn).transfer, ref)
	case *telephony.RequestCompleteConference:
		return c.complete(r.ThisDN, r.ConnID, r.ConferenceConnID, true, (*conn).conference, ref)
	case *telephony.RequestMergeCalls:
		join := (*conn).transfer
		if r.MergeType == telephony.MergeForConference {
			join = (*conn).conference
		}
		return c.complete(r.ThisDN, r.CurrentConnID, r.HeldConnID, false, join, ref)
	case *telephony.RequestMuteTransfer:
		return c.muteTransfer(r, ref)
	case *telephony.RequestSingleStepTransfer:
		return c.singleStepTransfer(r, ref)
	case *telephony.RequestSingleStepConference:
		return c.singleStepConference(r, ref)
	case *telephony.RequestDeleteFromConference:
		return c.deleteFromConference(r, ref)
	}
	return &refusal{CodeUnsupported, "the simulated switch does not know " + req.Name()}
}

// leg finds the part of an extension in a call, which has to be in one of the
// given states.
func (c *conn) leg(dn string, id telephony.ConnID, states ...legState) (*leg, *refusal) {
	k, no := c.find(dn, id, false)
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

func (c *conn) onLeg(dn string, id telephony.ConnID, f func(*leg), states ...legState) *refusal {
	x, no := c.leg(dn, id, states...)
	if no == nil {
		f(x)
	}
	return no
}

// reach tells whether a call can be made to a DN.
func (c *conn) reach(dn, location string) *refusal {
	s := c.sw
	switch {
	case location != "" && location != s.name:
		return &refusal{CodeUnknownLocation, "no such location " + location}
	case len(s.calls) >= s.maxCalls:
		return &refusal{CodeResources, "too many calls"}
	}
	return s.destination(dn)
}

func (c *conn) makeCall(r *telephony.RequestMakeCall, ref int) *refusal {
	s := c.sw
	if no := c.mayUse(r.ThisDN); no != nil {
		return no
	}
	e := s.exts[r.ThisDN]
	if e.active() != nil {
		return &refusal{CodeBusy, "DN " + r.ThisDN + " is busy"}
	}
	if o := s.outside[r.Destination]; o != nil {
		return c.dialOut(r, o, ref)
	}
	if no := c.reach(r.Destination, r.Location); no != nil {
		return no
	}
	k := s.newCall(telephony.CallTypeInternal, r.ThisDN, r.Destination, r.UserData)
	c.dial(k, e, ref)
	return nil
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

// dial has an extension call the number k.dnis.
func (c *conn) dial(k *call, e *extension, ref int) {
	s := k.sw
	k.origin = e.dn
	k.join(e, dialing)
	s.confirm(&telephony.EventDialing{EventHeader: s.header(0), CallAttributes: k.about(e.dn)}, c, ref)
	k.goTo(k.dnis)
}

// release is RequestReleaseCall: of an extension, or of all that waits at a queue.
func (c *conn) release(dn string, id telephony.ConnID, ref int) *refusal {
	k, no := c.find(dn, id, false)
	if no != nil {
		return no
	}
	if x := k.leg(dn); x != nil {
		x.leave(telephony.CallStateOk, c, ref)
		k.settle(dn)
		return nil
	}
	s := c.sw
	s.confirm(&telephony.EventReleased{EventHeader: s.header(0), CallAttributes: k.about(dn)}, c, ref)
	k.leaveQueue()
	k.end()
	return nil
}

// clear is RequestClearCall.
func (c *conn) clear(r *telephony.RequestClearCall, ref int) *refusal {
	k, no := c.find(r.ThisDN, r.ConnID, false)
	if no != nil {
		return no
	}
	if no := c.release(r.ThisDN, r.ConnID, ref); no != nil {
		return no
	}
	if !k.gone {
		k.end()
	}
	return nil
}

func (c *conn) redirect(r *telephony.RequestRedirectCall, ref int) *refusal {
	x, no := c.leg(r.ThisDN, r.ConnID, ringing)
	if no == nil {
		no = c.reach(r.Destination, r.Location)
	}
	if no != nil {
		return no
	}
	k := x.call
	if no := k.waitsElsewhere(); no != nil && c.sw.exts[r.Destination] == nil {
		return no
	}
	x.leave(telephony.CallStateRedirected, c, ref)
	k.goTo(r.Destination)
	return nil
}

func (x *leg) hold(by *conn, ref int) {
	s := x.call.sw
	x.state = held
	s.confirm(&telephony.EventHeld{EventHeader: s.header(0), CallAttributes: x.call.about(x.dn)}, by, ref)
}

func (c *conn) retrieve(r *telephony.RequestRetrieveCall, ref int) *refusal {
	x, no := c.leg(r.ThisDN, r.ConnID, held)
	switch {
	case no != nil:
		return no
	case x.ext.active() != nil:
		return &refusal{CodeBusy, "DN " + r.ThisDN + " is in another call"}
	}
	x.retrieve(telephony.CallStateOk, c, ref)
	return nil
}

func (x *leg) retrieve(why telephony.CallState, by *conn, ref int) {
	s := x.call.sw
	x.state = talking
	a := x.call.about(x.dn)
	a.CallState = why
	s.confirm(&telephony.EventRetrieved{EventHeader: s.header(0), CallAttributes: a}, by, ref)
}

func (c *conn) alternate(r *telephony.RequestAlternateCall, ref int) *refusal {
	current, no := c.leg(r.ThisDN, r.CurrentConnID, talking)
	if no != nil {
		return no
	}
	other, no := c.leg(r.ThisDN, r.HeldConnID, held)
	if no != nil {
		return no
	}
	current.hold(nil, 0)
	other.retrieve(telephony.CallStateOk, c, ref)
	return nil
}

func (c *conn) reconnect(r *telephony.RequestReconnectCall, ref int) *refusal {
	current, no := c.leg(r.ThisDN, r.CurrentConnID, dialing, talking)
	if no != nil {
		return no
	}
	other, no := c.leg(r.ThisDN, r.HeldConnID, held)
	if no != nil {
		return no
	}
	k := current.call
	current.leave(telephony.CallStateOk, nil, 0)
	k.settle(r.ThisDN)
	if other.call.gone || other.state != held {
		return &refusal{CodeState, "the call on hold is over"} // it was the same call's caller
	}
	other.retrieve(telephony.CallStateOk, c, ref)
	return nil
}

func (c *conn) deleteFromConference(r *telephony.RequestDeleteFromConference, ref int) *refusal {
	x, no := c.leg(r.ThisDN, r.ConnID, talking, held)
	if no != nil {
		return no
	}
	k, s := x.call, c.sw
	other := k.leg(r.OtherDN)
	switch {
	case other == nil || other == x:
		return &refusal{CodeNotHere, "DN " + r.OtherDN + " is not in the conference"}
	case k.parties() < 3:
		return &refusal{CodeState, fmt.Sprintf("call %s is no conference", r.ConnID)}
	}
	other.leave(telephony.CallStateOk, nil, 0)
	deleted := func(to string) telephony.Event {
		a := k.about(to)
		a.OtherDN, a.OtherDNRole = r.OtherDN, telephony.DNRoleDeletedParty
		a.ThirdPartyDN, a.ThirdPartyRole = r.ThisDN, telephony.DNRoleDeletedBy
		return &telephony.EventPartyDeleted{EventHeader: s.header(0), CallAttributes: a}
	}
	s.confirm(deleted(r.ThisDN), c, ref)
	for _, y := range k.legs {
		if y != x {
			s.announce(deleted(y.dn))
		}
	}
	return nil
}
