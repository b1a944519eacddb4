package fm

import (
	"slices"
	"sort"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
)

// call is an interaction that the connector follows: a call, or with media set a
// multimedia interaction. Guarded by Connector.mu.
type call struct {
	id     string // g_uid: the CallUUID, or the ConnID where there is none; that of the InteractionServer
	parent string // id of the parent interaction; empty: none
	server string // that told of it
	tenant int

	conn      telephony.ConnID         // 0 for multimedia
	consultOf telephony.ConnID         // of a consult call: the call on hold
	attrs     telephony.CallAttributes // the latest of each
	parties   []party                  // where the call is, in the order of arrival
	waiting   string                   // the routing point with a pending route request
	due       string                   // the DN where it is queued and no route request has come yet
	held      []func(*call)            // what has been asked for before the route request, in order
	merged    *call                    // the call that this one has become part of
	former    []telephony.ConnID       // of those that have become part of this one
	moved     map[string]bool          // DNs that came with them, and of which nothing was heard since

	media   *telephony.Interaction // nil for calls
	present bool                   // it is in the hands of strategies
	handed  bool                   // it has been given to somebody else; the news may still be on its way

	session   string     // that it belongs to; empty: none
	since     time.Time  // when it was seen first
	attachAt  string     // the DN at which it was seen first
	refused   string     // the DN at which there was no session for it; empty once it moves on
	applied   float64    // the last change of user data by its session that has been carried out
	own       int        // such changes that are not yet told of
	treatment *treatment // that is running, or being applied
	routing   *pending   // asked for and not answered
	recalled  string     // the routing point of whose route request the session knows from before a restart
	unsure    bool       // it comes from a snapshot, and the switch has not been asked
	probing   bool       // the switch is being asked
	giving    bool       // another session is being told that it gets it
	again     []func()   // actions that wait until that is known
	orphan    func()     // stops the wait for the next DN; nil: it is at one
}

// now returns the call that k is part of.
func (k *call) now() *call {
	for k.merged != nil {
		k = k.merged
	}
	return k
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
	dialing   = "dialing"
	onHold    = "held"
	alerting  = "alerting"
	connected = "connected"
)

// setParty adds or changes a party and reports whether it did.
func (k *call) setParty(p party) bool {
	for i := range k.parties {
		if k.parties[i].dn == p.dn {
			if p.agent == "" {
				p.agent = k.parties[i].agent
			}
			changed := k.parties[i] != p
			k.parties[i] = p
			return changed
		}
	}
	k.parties = append(k.parties, p)
	return true
}

// partyIn returns the DN of the first party in one of the states, "" without one.
func (k *call) partyIn(states ...string) string {
	for _, p := range k.parties {
		if slices.Contains(states, p.state) {
			return p.dn
		}
	}
	return ""
}

// device is a DN by which the switch finds the call.
func (k *call) device() string {
	switch dn := k.partyIn(connected, onHold, alerting, queued, dialing); {
	case k.waiting != "":
		return k.waiting
	case dn != "":
		return dn
	}
	return k.attachAt
}

func (k *call) dropParty(dn string) bool {
	for i := range k.parties {
		if k.parties[i].dn == dn {
			k.parties = append(k.parties[:i], k.parties[i+1:]...)
			return true
		}
	}
	return false
}

// at tells where a call is that does not wait for a route: a state for the
// error code invalidstate.
func (k *call) at() string {
	switch {
	case k.routing != nil:
		return "routed"
	case k.partyIn(alerting) != "":
		return "ringing"
	case k.partyIn(onHold) != "":
		return "hold"
	case k.partyIn(dialing) != "" && k.consultOf != 0:
		return "transferring"
	case len(k.parties) == 0 && k.media == nil:
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
	if c.targets != nil {
		c.targets.Receive(e)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	switch e.(type) {
	case *telephony.EventLinkConnected:
		c.linked = true
		c.refused = nil
		c.register(c.dns)
		c.retire()
		c.verify()
	case *telephony.EventLinkDisconnected:
		if c.linked { // it was there before
			c.logger.Warn("link to the switch is down")
		}
		c.linked = false
	default:
		if a, ok := telephony.CallOf(e); ok && a.ConnID != 0 {
			c.callEvent(e, a)
		}
	}
}

func (c *Connector) callEvent(e telephony.Event, a *telephony.CallAttributes) {
	c.mergeCalls(e, a)
	k := c.calls[a.ConnID]
	if k == nil {
		if e := c.late(e, a); e != nil {
			a, _ := telephony.CallOf(e)
			c.callEvent(e, a)
			return
		}
	}
	fresh := false
	switch e.(type) {
	case *telephony.EventQueued, *telephony.EventRouteRequest, *telephony.EventRinging:
		switch {
		case k.refusedAgain(e, a.ThisDN): // nothing has changed since
		case k == nil || k.session == "":
			k, fresh = c.arrive(k, e, a)
		case c.rerouted(k, e, a):
			c.cancelTreatment(k, "the call has come to another routing point")
			k.held, k.routing = nil, nil
			c.emit(k.session, k.last("interaction.deleted", resultOf("detach")))
			c.unbind(k)
			k, fresh = c.arrive(k, e, a)
		}
	case *telephony.EventDiverted, *telephony.EventReleased, *telephony.EventAbandoned:
		delete(c.turned, a.ConnID)
	}
	if k == nil {
		return
	}
	data := k.attrs.UserData
	delete(k.moved, a.ThisDN)
	k.merge(a)
	k.unsure = false
	moved := k.follow(e, a)
	if fresh {
		c.emit(k.session, k.event("interaction.added", focus(a.ThisDN)))
	}
	c.tell(k, e, a, moved && !fresh, data)
	if k.due == "" {
		c.release(k)
	}
	c.awaitParty(k, e)
	if !k.probing && !k.giving {
		c.repeat(k) // it is there
	}
}

// awaitParty bounds the time for which a call that has left its last DN is expected
// at another one.
func (c *Connector) awaitParty(k *call, e telephony.Event) {
	if len(k.parties) > 0 {
		k.found()
		return
	}
	switch e.(type) {
	case *telephony.EventReleased, *telephony.EventDiverted:
	default:
		return
	}
	if k.orphan != nil || c.calls[k.conn] != k {
		return
	}
	k.orphan = c.after(c.orphanAfter, func() {
		c.logger.Info("call is given up: it left its last DN and has not appeared at another one", "connid", k.conn, "interactionid", k.id)
		c.over(k)
	})
}

// found ends the wait of awaitParty.
func (k *call) found() {
	if k.orphan != nil {
		k.orphan()
		k.orphan = nil
	}
}

// rerouted reports whether a call that has a session gets a new one, since it has come to another
// routing point with an application (Options.NewSessionOnReroute).
func (c *Connector) rerouted(k *call, e telephony.Event, a *telephony.CallAttributes) bool {
	switch e.(type) {
	case *telephony.EventQueued, *telephony.EventRouteRequest:
	default:
		return false
	}
	// It is already there, or was before a restart.
	if c.reroute == nil || k.due == a.ThisDN || k.waiting == a.ThisDN || k.recalled == a.ThisDN || !c.reroute() {
		return false
	}
	app, err := c.apps.Application(a.ThisDN, a)
	return err == nil && len(app.URLs) > 0
}

// refusedAgain reports whether the call has no session since it was queued at
// the routing point whose route request this is. One arrival is tried once. k may be nil.
func (k *call) refusedAgain(e telephony.Event, dn string) bool {
	if k == nil {
		return false
	}
	_, request := e.(*telephony.EventRouteRequest)
	again := request && k.session == "" && k.refused == dn
	k.refused = ""
	return again
}

// arrive looks for the application of a call that has reached a DN and belongs
// to no session. k is nil for a call that is not followed yet.
func (c *Connector) arrive(k *call, e telephony.Event, a *telephony.CallAttributes) (_ *call, fresh bool) {
	app, err := c.apps.Application(a.ThisDN, a)
	switch {
	case err != nil:
		c.logger.Error("call is left to the switch", "connid", a.ConnID, "dn", a.ThisDN, "error", err)
		if _, queued := e.(*telephony.EventQueued); queued && (k != nil || !c.full()) {
			if k == nil {
				k = c.newCall(e, a)
			}
			k.refused = a.ThisDN
		}
		return k, false
	case len(app.URLs) == 0:
		return k, false
	case k == nil && c.full():
		c.turnAway(a)
		return nil, false
	}
	if k == nil {
		k = c.newCall(e, a)
	}
	k.attachAt = a.ThisDN
	c.begin(k, app)
	return k, true
}

// maxTurned bounds what is remembered of the calls that are not followed.
const maxTurned = 1000

// turnAway leaves a call to the switch for which there is no room, and tells of it
// once in an arrival.
func (c *Connector) turnAway(a *telephony.CallAttributes) {
	if c.turned[a.ConnID] {
		return
	}
	if len(c.turned) < maxTurned {
		c.turned[a.ConnID] = true
	}
	c.logger.Error("call is left to the switch: too many calls", "connid", a.ConnID, "dn", a.ThisDN, "max", c.maxCalls)
}

// full reports whether no further interaction can be followed.
func (c *Connector) full() bool { return len(c.ids) >= c.maxCalls }

// newCall begins the following of a call.
func (c *Connector) newCall(e telephony.Event, a *telephony.CallAttributes) *call {
	k := &call{conn: a.ConnID, id: string(a.CallUUID), tenant: c.tenant, server: e.Header().Server, attachAt: a.ThisDN, since: c.clock.Now()}
	if k.id == "" {
		k.id = a.ConnID.String()
	}
	if a.CallType == telephony.CallTypeConsult && a.PreviousConnID != 0 {
		k.consultOf = a.PreviousConnID
		k.parent = a.PreviousConnID.String()
		if on := c.calls[a.PreviousConnID]; on != nil {
			k.parent = on.id
		}
	}
	c.know(k)
	return k
}

// follow keeps account of where the call is and reports whether a party has
// come, gone or changed.
func (k *call) follow(e telephony.Event, a *telephony.CallAttributes) bool {
	kind := unknown
	if a.AgentID != "" {
		kind = agent
	}
	switch e.(type) {
	case *telephony.EventQueued:
		k.due = a.ThisDN
		return k.setParty(party{a.ThisDN, routePoint, queued, ""})
	case *telephony.EventRouteRequest:
		k.waiting, k.due = a.ThisDN, ""
		return k.setParty(party{a.ThisDN, routePoint, queued, ""})
	case *telephony.EventDialing:
		return k.setParty(party{a.ThisDN, kind, dialing, a.AgentID})
	case *telephony.EventRinging:
		return k.setParty(party{a.ThisDN, kind, alerting, a.AgentID})
	case *telephony.EventEstablished, *telephony.EventRetrieved:
		return k.setParty(party{a.ThisDN, kind, connected, a.AgentID})
	case *telephony.EventHeld:
		return k.setParty(party{a.ThisDN, kind, onHold, a.AgentID})
	case *telephony.EventPartyAdded:
		if !slices.ContainsFunc(k.parties, func(p party) bool { return p.dn == a.OtherDN }) {
			return k.setParty(party{a.OtherDN, unknown, connected, ""})
		}
	case *telephony.EventPartyDeleted:
		return k.dropParty(a.OtherDN)
	case *telephony.EventDiverted, *telephony.EventReleased, *telephony.EventAbandoned:
		if k.waiting == a.ThisDN {
			k.waiting, k.recalled = "", ""
		}
		if k.due == a.ThisDN {
			k.due = ""
		}
		return k.dropParty(a.ThisDN)
	case *telephony.EventRouteUsed:
		k.waiting, k.due = "", ""
	}
	return false
}

// tell sends the session of a call the events that follow from one of the link.
func (c *Connector) tell(k *call, e telephony.Event, a *telephony.CallAttributes, moved bool, before telephony.KVList) {
	changed := func(name, dn string) {
		if moved {
			c.emit(k.session, k.event(name, focus(dn)))
		}
	}
	const partyChanged = "interaction.partystatechanged"
	switch e := e.(type) {
	case *telephony.EventQueued, *telephony.EventRinging, *telephony.EventEstablished, *telephony.EventHeld, *telephony.EventRetrieved:
		changed(partyChanged, a.ThisDN)
	case *telephony.EventPartyAdded:
		changed("interaction.partyadded", a.OtherDN)
	case *telephony.EventPartyDeleted:
		changed("interaction.partydeleted", a.OtherDN)
	case *telephony.EventPartyChanged:
		c.emit(k.session, k.event(partyChanged, focus(a.ThisDN)))
	case *telephony.EventRouteRequest:
		if k.recalled != a.ThisDN { // the link tells of it again after a restart
			c.emit(k.session, k.event("interaction.onrouterequest"))
		}
		k.recalled = ""
	case *telephony.EventTreatmentEnd:
		c.treatmentEnded(k, e)
	case *telephony.EventRouteUsed:
		if k.routing == nil { // else the outcome of our own request comes first
			c.routed(k)
		}
	case *telephony.EventDiverted:
		if len(k.parties) == 0 && !c.known[a.ThirdPartyDN] {
			c.over(k) // it goes where we cannot see it
		}
	case *telephony.EventReleased:
		if len(k.parties) == 0 && !c.goesOn(a) {
			c.over(k)
			return
		}
		changed(partyChanged, a.ThisDN)
	case *telephony.EventAbandoned:
		c.emit(k.session, k.event("interaction.abandoned"))
		c.over(k)
	case *telephony.EventAttachedDataChanged:
		if own := k.own > 0 && e.ReferenceID != 0; own || !sameData(before, a.UserData) {
			if own {
				k.own--
			}
			c.emit(k.session, k.event("interaction.udata.changed"))
		}
	}
}

// goesOn reports whether a call that has just left its last DN is expected at
// another one that is registered. The destination is not always told.
func (c *Connector) goesOn(a *telephony.CallAttributes) bool {
	switch a.CallState {
	case telephony.CallStateNoAnswer, telephony.CallStateBusy, telephony.CallStateRedirected,
		telephony.CallStateForwarded, telephony.CallStateTransferred:
		return a.ThirdPartyRole != telephony.DNRoleDestination || c.known[a.ThirdPartyDN]
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
	k.endTreatment() // like its requests without an event: interaction.deleted says it all
	k.held = nil
	c.dropCall(k)
	c.emit(k.session, k.last("interaction.deleted"))
	c.dropActions(k)
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
