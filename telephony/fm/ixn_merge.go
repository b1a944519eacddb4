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

func merge(from, to *call) []datamodel.Member {
	return []datamodel.Member{{Name: "frominteractionid", Value: from.id}, {Name: "tointeractionid", Value: to.id}}
}
