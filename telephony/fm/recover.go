package fm

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
)

// Sessions that the engine brings back from its store have their interactions in
// their snapshots. The Connector learns of them when the snapshot is read, follows the
// interactions again, and asks the switch whether they are still there: it writes the
// session id into their user data once more. For one that is not, the session gets
// interaction.deleted. Of a session that has only been out of memory the Connector knows
// all that, and more: what has happened meanwhile is on its way as events.

// restored takes the interactions of a session that is being brought back.
func (c *Connector) restored(session string, list []*interaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.recent[session] != nil {
		return
	}
	for _, x := range list {
		k := recall(x.id, x.state)
		known := c.ids[k.id]
		if known == nil && k.conn != 0 {
			known = c.calls[k.conn]
		}
		switch {
		case known != nil && known.session == "":
			k = known
		case known != nil || c.full():
			c.logger.Warn("interaction of a recovered session is not followed", "session", session, "interaction", k.id, "free", known == nil)
			c.after(0, func() { c.emit(session, k.last("interaction.deleted", resultOf("associate"))) })
			continue
		default:
			k.since = c.clock.Now()
			c.know(k)
		}
		c.bind(k, session)
		k.unsure = true
	}
	for _, k := range c.sessions[session] {
		if on := c.ids[k.parent]; on != nil && k.consultOf == 0 && k.attrs.CallType == telephony.CallTypeConsult {
			k.consultOf = on.conn
		}
	}
	c.verify()
}

// recall makes a call of what the scripts of its session saw of it.
func recall(id string, state *datamodel.Object) *call {
	k := &call{id: id, parent: text(state, "parentid"), server: text(member(state, "location"), "media_server")}
	tenant, _ := memberNumber(state, "tenantid")
	k.tenant = int(tenant)
	for _, m := range member(state, "parties").Members() {
		if p, ok := m.Value.(*datamodel.Object); ok {
			k.parties = append(k.parties, party{text(p, "device"), text(p, "devicetype"), text(p, "state"), text(p, "agentid")})
		}
	}
	data := toList(member(state, "udata"))
	if voice := member(state, "voice"); voice != nil {
		k.recallVoice(voice)
		k.attrs.UserData, k.attrs.Extensions = data, toList(member(state, "xdata"))
		return k
	}
	k.present = true
	k.media = &telephony.Interaction{ID: id, ParentID: k.parent, TenantID: k.tenant, Server: k.server, UserData: data,
		View: text(member(state, "xdata"), "ixn_queue_view")}
	message := member(state, "msgbased")
	if message == nil {
		message = member(state, "chat")
	} else {
		k.media.Subtype = text(message, "type")
	}
	k.media.MediaType, k.media.Queue, k.media.ExternalID = mediaType(text(message, "media")), text(message, "queue"), text(message, "externalID")
	k.attachAt = k.media.Queue
	return k
}

func (k *call) recallVoice(voice *datamodel.Object) {
	k.attrs.ANI, k.attrs.DNIS = text(voice, "ani"), text(voice, "dnis")
	callID, _ := memberNumber(voice, "callid")
	k.attrs.CallID = int(callID)
	k.conn, _ = telephony.ParseConnID(text(voice, "connid")) // 0 is asked for in vain
	k.attrs.ConnID = k.conn
	for t := telephony.CallTypeUnknown; t <= telephony.CallTypeConsult; t++ {
		if strings.EqualFold(t.String(), text(voice, "type")) {
			k.attrs.CallType = t
		}
	}
	k.attachAt = k.partyIn(queued, alerting, connected, onHold, dialing)
	if i := slices.IndexFunc(k.parties, func(p party) bool { return p.kind == routePoint && p.state == queued }); i >= 0 {
		k.waiting = k.parties[i].dn
		k.recalled = k.waiting
	}
}

// verify asks for the interactions of which it is not known whether they are
// still there. c.mu is held.
func (c *Connector) verify() {
	if c.link == nil {
		return
	}
	for _, session := range slices.Sorted(maps.Keys(c.sessions)) {
		for _, k := range c.sessions[session] {
			if k.unsure && (k.media != nil || c.linked) {
				k.unsure = false
				c.probe(k)
			}
		}
	}
}

// probe writes the session id into the user data of an interaction, which only one
// that is there takes.
func (c *Connector) probe(k *call) {
	data := telephony.KVList{{Key: SessionKey, Value: telephony.String(k.session)}}
	k.probing = true
	c.change(k, &dataChange{set: data}, func(err error) {
		k.probing = false
		var refused *telephony.RequestError
		switch {
		case c.ids[k.id] != k:
			k.again = nil
		case err == nil:
			c.repeat(k)
		case errors.As(err, &refused):
			c.logger.Info("interaction of a recovered session is gone", "session", k.session, "interaction", k.id, "error", err)
			c.over(k)
		default: // it is asked for again when the link is up, or its events tell
			c.logger.Debug("interaction of a recovered session not looked for", "interaction", k.id, "error", err)
			k.unsure = true
			if c.linked {
				c.repeat(k) // nobody can be asked
			}
		}
	})
}
