package fm

import (
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
)

// mergeCalls follows a change of ConnID: EventPartyChanged with PreviousConnID
// says that one call has become part of another. c.mu is held.
func (c *Connector) mergeCalls(e telephony.Event, a *telephony.CallAttributes) {
	if _, ok := e.(*telephony.EventPartyChanged); !ok || a.PreviousConnID == 0 || a.PreviousConnID == a.ConnID {
		return
	}
	from, to := c.calls[a.PreviousConnID], c.calls[a.ConnID]
	switch {
	case from == nil:
	case to == nil:
		// The other call was never seen: this one goes on under the new ConnID.
		delete(c.calls, from.conn)
		c.renamed(from.conn, from, from, "")
		from.conn, from.consultOf = a.ConnID, 0
		c.calls[from.conn] = from
		from.merge(a)
		c.emit(from.session, from.event("interaction.onmerge", merge(from, from)...))
	default:
		c.mergeInto(to, from, a)
	}
}

// mergeInto makes one call part of another. When no session has the other one, it
// becomes one of the first one's; otherwise its own session keeps it. Both are told.
func (c *Connector) mergeInto(to, from *call, a *telephony.CallAttributes) {
	owner, heard := to.session, from.session
	for _, p := range from.parties {
		if p.dn != a.ThirdPartyDN {
			to.setParty(p)
		}
	}
	c.renamed(from.conn, from, to, a.ThirdPartyDN)
	moved := from.waiting != ""
	if moved {
		to.waiting = from.waiting
	}
	if from.due != "" && to.waiting == "" {
		to.due = from.due
	}
	to.held, from.held = append(to.held, from.held...), nil
	to.merge(a)
	if owner == "" && heard != "" {
		c.bind(to, heard)
		c.attach(to)
	}
	if heard == to.session {
		// What is under way goes on.
		c.moveSubmissions(from, to)
		if from.treatment != nil && to.treatment == nil {
			to.treatment, from.treatment = from.treatment, nil
		}
		to.routing, from.routing = from.routing, nil
	}
	from.merged = to
	if heard != "" {
		ev := to.event("interaction.onmerge", merge(from, to)...)
		if heard != to.session {
			ev.Context = nil
			c.cancelTreatment(from, "the call has become part of another one")
		}
		c.emit(heard, ev)
		c.emit(heard, from.last("interaction.deleted", resultOf("merge")))
		c.unbind(from)
	}
	c.forget(from)
	if owner != "" && owner != heard {
		c.emit(owner, to.event("interaction.onmerge", merge(from, to)...))
		if moved {
			c.emit(owner, to.event("interaction.onrouterequest"))
		}
	}
}

// renamed notes that the parties of a call, apart from the one that has joined it to another, are
// known as those of that call from now on. Not all of them are told so by the switch: one may have
// left before, and the event that tells of it may come late, under the old ConnID. c.mu is held.
func (c *Connector) renamed(old telephony.ConnID, from, to *call, by string) {
	if to.moved == nil {
		to.moved = map[string]bool{}
	}
	for _, p := range from.parties {
		if p.dn != by {
			to.moved[p.dn] = true
		}
	}
	if from != to {
		to.former, from.former = append(to.former, from.former...), nil
	}
	to.former = append(to.former, old)
	for _, id := range to.former {
		c.former[id] = to
	}
}

// late translates an event that ends a party under the ConnID that its call had before a
// merge. It returns nil for all others. c.mu is held.
func (c *Connector) late(e telephony.Event, a *telephony.CallAttributes) telephony.Event {
	k := c.former[a.ConnID]
	if k == nil || !k.moved[a.ThisDN] || c.calls[k.conn] != k {
		return nil
	}
	now := k.attrs
	now.ConnID, now.ThisDN, now.PreviousConnID, now.CallState = k.conn, a.ThisDN, 0, a.CallState
	now.ThirdPartyDN, now.ThirdPartyRole = a.ThirdPartyDN, a.ThirdPartyRole
	switch e.(type) {
	case *telephony.EventRouteUsed, *telephony.EventDiverted:
		return &telephony.EventDiverted{EventHeader: *e.Header(), CallAttributes: now}
	case *telephony.EventReleased, *telephony.EventAbandoned:
		return &telephony.EventReleased{EventHeader: *e.Header(), CallAttributes: now}
	}
	return nil
}

func merge(from, to *call) []datamodel.Member {
	return []datamodel.Member{{Name: "frominteractionid", Value: from.id}, {Name: "tointeractionid", Value: to.id}}
}
