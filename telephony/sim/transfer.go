package sim

import (
	"fmt"
	"slices"

	"github.com/seed-ff723688/ors/telephony"
)

// consult makes a second call from an extension, whose first one goes on hold.
func (c *conn) consult(dn string, id telephony.ConnID, dest, location string, data telephony.KVList, ref int) *refusal {
	x, no := c.leg(dn, id, talking, held)
	if no == nil && x.state == held && x.ext.active() != nil {
		no = &refusal{CodeBusy, "DN " + dn + " is busy"}
	}
	if no == nil {
		no = c.reach(dest, location)
	}
	if no != nil {
		return no
	}
	c.consultation(x, dest, data, ref)
	return nil
}

// consultation makes the consult call of a leg, where it has been checked. The answer goes
// to the client unless ref is 0.
func (c *conn) consultation(x *leg, dest string, data telephony.KVList, ref int) *call {
	if data == nil {
		data = x.call.data
	}
	k := c.sw.newCall(telephony.CallTypeConsult, x.dn, dest, data)
	k.parent = x.call
	x.call.consults = append(x.call.consults, k)
	if x.state == talking {
		x.hold(nil, 0)
	}
	by := c
	if ref == 0 {
		by = nil
	}
	by.dial(k, x.ext, ref)
	return k
}

// complete joins two calls of an extension: second, which is its active one, and first, on
// hold. They may be named the other way round.
func (c *conn) complete(dn string, second, first telephony.ConnID, consultation bool,
	join func(c *conn, second, first *leg, ref int), ref int,
) *refusal {
	x, no := c.leg(dn, second, dialing, talking, held)
	if no != nil {
		return no
	}
	y, no := c.leg(dn, first, dialing, talking, held)
	if no != nil {
		return no
	}
	if y.call.parent == x.call || !consultation && x.state == held && y.state != held {
		x, y = y, x
	}
	if x == y || consultation && x.call.parent != y.call {
		return &refusal{CodeState, fmt.Sprintf("call %s is no consultation of call %s", second, first)}
	}
	if no := y.call.waitsElsewhere(); no != nil {
		return no
	}
	join(c, x, y, ref)
	return nil
}

// waitsElsewhere tells whether a call with extensions in it waits at a queue or routing point too, as
// one does whose consultation was joined to it there: it cannot wait at a second one.
func (k *call) waitsElsewhere() *refusal {
	if k.at == "" {
		return nil
	}
	return &refusal{CodeState, fmt.Sprintf("call %s waits at DN %s", k.conn, k.at)}
}

// transfer joins two calls; the extension leaves.
func (c *conn) transfer(second, first *leg, ref int) {
	dn, x, y := second.dn, second.call, first.call
	previous := x.conn
	if c.sw.keepConsult {
		previous = y.conn
	}
	transferred := func(l *leg, other telephony.ConnID, by *conn, ref int) {
		s, a := c.sw, l.call.about(dn)
		a.CallState, a.TransferConnID = telephony.CallStateTransferred, other
		l.remove()
		s.confirm(&telephony.EventReleased{EventHeader: s.header(0), CallAttributes: a}, by, ref)
	}
	transferred(second, y.conn, c, ref)
	transferred(first, x.conn, nil, 0)
	x.absorb(y, c.sw.keepConsult)
	x.changed(previous, telephony.CallStateTransferred, dn, "")
	if !x.alive() {
		x.end()
	}
	c.sw.idle(first.ext)
}

// conference joins two calls; the extension stays.
func (c *conn) conference(second, first *leg, ref int) {
	s, dn, x, y := c.sw, second.dn, second.call, first.call
	joined, _ := x.other(dn)
	a := x.about(dn)
	a.CallState = telephony.CallStateConferenced
	second.remove()
	s.announce(&telephony.EventReleased{EventHeader: s.header(0), CallAttributes: a})
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
	s.confirm(added(dn), c, ref)
	for _, leg := range x.legs {
		if leg.dn != dn && old[leg.dn] {
			s.announce(added(leg.dn))
		}
	}
	x.changedFor(previous, telephony.CallStateConferenced, dn, func(at string) bool { return !old[at] })
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
	k.keys, k.again = y.keys, y.again
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
	k.waits = y.waits
	k.wait()
	for _, other := range y.consults {
		if other != k {
			other.parent = k
			k.consults = append(k.consults, other)
		}
	}
	if k.parent != nil {
		i := slices.Index(k.parent.consults, y)
		if i >= 0 {
			k.parent.consults[i] = k
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

// muteTransfer is a consultation that is completed at once.
func (c *conn) muteTransfer(r *telephony.RequestMuteTransfer, ref int) *refusal {
	x, no := c.leg(r.ThisDN, r.ConnID, talking)
	if no == nil {
		no = c.reach(r.Destination, r.Location)
	}
	if no == nil {
		no = x.call.waitsElsewhere()
	}
	if no != nil {
		return no
	}
	k := c.consultation(x, r.Destination, r.UserData, 0)
	c.transfer(k.leg(r.ThisDN), x, ref)
	return nil
}

func (c *conn) singleStepTransfer(r *telephony.RequestSingleStepTransfer, ref int) *refusal {
	x, no := c.leg(r.ThisDN, r.ConnID, talking, held)
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
	if !k.outside && !slices.ContainsFunc(k.legs, func(l *leg) bool { return l != x && l.state != ringing }) {
		return &refusal{CodeState, fmt.Sprintf("nobody in call %s has answered whom DN %s could transfer", r.ConnID, r.ThisDN)}
	}
	x.leave(telephony.CallStateTransferred, c, ref)
	k.from = ""
	for _, p := range r.UserData {
		k.data = k.data.Clone()
		k.data.Set(p.Key, p.Value)
	}
	k.goTo(r.Destination)
	k.changed(0, telephony.CallStateTransferred, r.ThisDN, r.Destination)
	return nil
}

func (c *conn) singleStepConference(r *telephony.RequestSingleStepConference, ref int) *refusal {
	s := c.sw
	x, no := c.leg(r.ThisDN, r.ConnID, talking)
	if no == nil {
		no = c.reach(r.Destination, r.Location)
	}
	if no == nil && s.exts[r.Destination] == nil {
		no = &refusal{CodeState, "no queue and no routing point can join a conference: DN " + r.Destination}
	}
	if no != nil {
		return no
	}
	k := x.call
	added := func(to string) telephony.Event {
		a := k.about(to)
		a.CallState = telephony.CallStateConferenced
		a.OtherDN, a.OtherDNRole = r.Destination, telephony.DNRoleNewParty
		a.ThirdPartyDN, a.ThirdPartyRole = r.ThisDN, telephony.DNRoleAddedBy
		return &telephony.EventPartyAdded{EventHeader: s.header(0), CallAttributes: a}
	}
	s.confirm(added(r.ThisDN), c, ref)
	for _, y := range k.legs {
		if y != x {
			s.announce(added(y.dn))
		}
	}
	k.from = ""
	k.ring(s.exts[r.Destination])
	return nil
}
