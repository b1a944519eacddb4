package fm

import (
	"sort"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/telephony"
)

// call is a call that the connector follows. Guarded by Connector.mu.
type call struct {
	conn    telephony.ConnID
	id      string                   // g_uid: the CallUUID, or the ConnID where there is none
	attrs   telephony.CallAttributes // the latest of each
	parties []party                  // where the call is, in the order of arrival
	waiting string                   // the routing point with a pending route request

	session   string // that it belongs to; empty: none
	starting  bool   // the session is being started
	attachAt  string // the DN at which the session id is attached
	held      []heldEvent
	treatment *pending // that is running
	routing   *pending // asked for and not answered
}

type heldEvent struct {
	session string
	event   *scxml.Event
}

// party is a DN that the call is at.
type party struct {
	dn, kind, state, agent string
}

// The kinds and states of a party, as scripts see them.
const (
	routePoint = "routepoint"
	agent      = "agent"
	unknown    = "unknown"

	queued    = "queued"
	alerting  = "alerting"
	connected = "connected"
)

func (k *call) setParty(p party) {
	for i := range k.parties {
		if k.parties[i].dn == p.dn {
			k.parties[i] = p
			return
		}
	}
	k.parties = append(k.parties, p)
}

func (k *call) dropParty(dn string) {
	for i := range k.parties {
		if k.parties[i].dn == dn {
			k.parties = append(k.parties[:i], k.parties[i+1:]...)
			return
		}
	}
}

// at tells where a call is that does not wait for a route: a state for the
// error code invalidstate.
func (k *call) at() string {
	for _, p := range k.parties {
		if p.state == alerting {
			return "ringing"
		}
	}
	if len(k.parties) == 0 && k.routing == nil {
		return "null"
	}
	return "routed"
}

// merge takes over what an event tells of the call.
func (k *call) merge(a *telephony.CallAttributes) {
	keep := k.attrs
	k.attrs = *a
	if a.ANI == "" {
		k.attrs.ANI = keep.ANI
	}
	if a.DNIS == "" {
		k.attrs.DNIS = keep.DNIS
	}
	if a.CallType == telephony.CallTypeUnknown {
		k.attrs.CallType = keep.CallType
	}
	if a.CallID == 0 {
		k.attrs.CallID = keep.CallID
	}
}

// state is the call as scripts see it, under _genesys.ixn.interactions.
func (k *call) state() *datamodel.Object {
	parties := datamodel.NewObject()
	for _, p := range k.parties {
		parties.Set(p.dn, datamodel.NewObject(
			datamodel.Member{Name: "device", Value: p.dn},
			datamodel.Member{Name: "devicetype", Value: p.kind},
			datamodel.Member{Name: "state", Value: p.state},
			datamodel.Member{Name: "agentid", Value: p.agent},
		))
	}
	a := &k.attrs
	return datamodel.NewObject(
		datamodel.Member{Name: "g_uid", Value: k.id},
		datamodel.Member{Name: "parentid", Value: ""},
		datamodel.Member{Name: "udata", Value: fromList(a.UserData)},
		datamodel.Member{Name: "xdata", Value: fromList(a.Extensions)},
		datamodel.Member{Name: "parties", Value: parties},
		datamodel.Member{Name: "voice", Value: datamodel.NewObject(
			datamodel.Member{Name: "ani", Value: a.ANI},
			datamodel.Member{Name: "dnis", Value: a.DNIS},
			datamodel.Member{Name: "callid", Value: float64(a.CallID)},
			datamodel.Member{Name: "connid", Value: k.conn.String()},
			datamodel.Member{Name: "type", Value: strings.ToLower(a.CallType.String())},
			datamodel.Member{Name: "media", Value: "TMediaVoice"},
		)},
	)
}

// event makes an event about the call that carries its state.
func (k *call) event(name string, data ...datamodel.Member) *scxml.Event {
	return &scxml.Event{
		Name: name, Origin: interactionOrigin, OriginType: originType, Context: contextOf(k.id, k.state()),
		Data: datamodel.NewObject(append([]datamodel.Member{{Name: "interactionid", Value: k.id}}, data...)...),
	}
}

// last makes an event that takes the interaction away from the session.
func (k *call) last(name string, data ...datamodel.Member) *scxml.Event {
	ev := k.event(name, data...)
	ev.Context = contextOf(k.id, nil)
	return ev
}

// The origin of events that come from a module.
const (
	originType        = "fm"
	interactionOrigin = "fm:interaction"
	dialogOrigin      = "fm:dialog"
)

func focus(dn string) datamodel.Member {
	return datamodel.Member{Name: "focusdeviceid", Value: dn}
}

// receive takes the events of the link, one at a time.
func (c *Connector) receive(e telephony.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	switch e.(type) {
	case *telephony.EventLinkConnected:
		c.register()
	case *telephony.EventLinkDisconnected:
		c.logger.Warn("link to the switch is down")
	default:
		if a, ok := telephony.CallOf(e); ok && a.ConnID != 0 {
			c.callEvent(e, a)
		}
	}
}

func (c *Connector) callEvent(e telephony.Event, a *telephony.CallAttributes) {
	k := c.calls[a.ConnID]
	fresh := false
	switch e.(type) {
	case *telephony.EventQueued, *telephony.EventRouteRequest, *telephony.EventRinging:
		if k == nil || k.session == "" {
			k, fresh = c.arrive(k, a)
		}
	}
	if k == nil {
		return
	}
	data := k.attrs.UserData
	k.merge(a)
	c.follow(k, e, a)
	if fresh {
		c.emit(k, k.session, k.event("interaction.added", focus(a.ThisDN)))
	}
	c.tell(k, e, a, fresh, data)
}

// arrive looks for the application of a call that has reached a DN and belongs
// to no session. k is nil for a call that is not followed yet.
func (c *Connector) arrive(k *call, a *telephony.CallAttributes) (_ *call, fresh bool) {
	urls, params, err := c.apps.Application(a.ThisDN, a)
	switch {
	case err != nil:
		c.logger.Error("call is left to the switch", "connid", a.ConnID, "dn", a.ThisDN, "error", err)
		return k, false
	case len(urls) == 0:
		return k, false
	case k == nil && len(c.calls) >= c.maxCalls:
		c.logger.Error("call is left to the switch: too many calls", "connid", a.ConnID, "dn", a.ThisDN, "max", c.maxCalls)
		return nil, false
	}
	if k == nil {
		k = &call{conn: a.ConnID, id: string(a.CallUUID)}
		if k.id == "" {
			k.id = a.ConnID.String()
		}
		c.calls[k.conn] = k
	}
	k.attachAt = a.ThisDN
	c.begin(k, urls, params)
	return k, true
}

// follow keeps account of where the call is.
func (c *Connector) follow(k *call, e telephony.Event, a *telephony.CallAttributes) {
	kind := unknown
	if a.AgentID != "" {
		kind = agent
	}
	switch e.(type) {
	case *telephony.EventQueued:
		k.setParty(party{a.ThisDN, routePoint, queued, ""})
	case *telephony.EventRouteRequest:
		k.setParty(party{a.ThisDN, routePoint, queued, ""})
		k.waiting = a.ThisDN
	case *telephony.EventRinging:
		k.setParty(party{a.ThisDN, kind, alerting, a.AgentID})
	case *telephony.EventEstablished:
		k.setParty(party{a.ThisDN, kind, connected, a.AgentID})
	case *telephony.EventDiverted, *telephony.EventReleased, *telephony.EventAbandoned:
		k.dropParty(a.ThisDN)
		if k.waiting == a.ThisDN {
			k.waiting = ""
		}
	case *telephony.EventRouteUsed:
		k.waiting = ""
	}
}

// tell sends the session of a call the events that follow from one of the link.
func (c *Connector) tell(k *call, e telephony.Event, a *telephony.CallAttributes, fresh bool, before telephony.KVList) {
	changed := func() {
		if !fresh {
			c.emit(k, k.session, k.event("interaction.partystatechanged", focus(a.ThisDN)))
		}
	}
	switch e := e.(type) {
	case *telephony.EventQueued, *telephony.EventRinging, *telephony.EventEstablished:
		changed()
	case *telephony.EventRouteRequest:
		c.emit(k, k.session, k.event("interaction.onrouterequest"))
	case *telephony.EventTreatmentEnd:
		if t := k.treatment; t != nil {
			k.treatment = nil
			c.done(k, t)
		}
	case *telephony.EventRouteUsed:
		c.cancelTreatment(k, "the call was routed")
	case *telephony.EventDiverted:
		if len(k.parties) == 0 && !c.known[a.ThirdPartyDN] {
			c.over(k) // it goes where we cannot see it
		}
	case *telephony.EventReleased:
		if len(k.parties) == 0 && !goesOn(e.CallState) {
			c.over(k)
			return
		}
		changed()
	case *telephony.EventAbandoned:
		c.cancelTreatment(k, "the caller hung up")
		c.emit(k, k.session, k.event("interaction.abandoned"))
		c.over(k)
	case *telephony.EventAttachedDataChanged:
		if !sameData(before, a.UserData) {
			c.emit(k, k.session, k.event("interaction.udata.changed"))
		}
	}
}

// goesOn reports whether a call whose last party was released in this state is
// expected at another DN.
func goesOn(s telephony.CallState) bool {
	switch s {
	case telephony.CallStateNoAnswer, telephony.CallStateBusy, telephony.CallStateRedirected,
		telephony.CallStateForwarded, telephony.CallStateTransferred:
		return true
	}
	return false
}

// sameData compares user data but for the session id, which the connector
// writes itself.
func sameData(x, y telephony.KVList) bool {
	x, y = x.Clone(), y.Clone()
	x.Delete(SessionKey)
	y.Delete(SessionKey)
	return x.Equal(y)
}

// over is the end of a call, or of our seeing it.
func (c *Connector) over(k *call) {
	c.cancelTreatment(k, "the call is over")
	c.emit(k, k.session, k.last("interaction.deleted"))
	if k.starting {
		// The session is told when it has started; begun needs the binding.
		c.forget(k)
		return
	}
	c.unbind(k)
	c.forget(k)
}

// parameters makes the parameters of a session, in the order of their names.
func parameters(params map[string]string) *datamodel.Object {
	if len(params) == 0 {
		return nil
	}
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	sort.Strings(names)
	o := datamodel.NewObject()
	for _, name := range names {
		o.Set(name, params[name])
	}
	return o
}
