package fm

import (
	"fmt"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
)

// codeBadState is the code of actions that have no states to tell of.
const codeBadState = "invalidstate"

// ixnAction carries out one action of the interaction module.
type ixnAction struct {
	event   string // stem of its events
	free    bool   // it needs no interaction: perform gets none
	perform func(c *Connector, k *call, p *pending, args *datamodel.Object)
}

// ixnActions returns what carries out the actions of the table, by name.
func ixnActions() map[string]ixnAction {
	all := map[string]ixnAction{
		"redirect": {perform: (*Connector).redirect}, "terminate": {perform: (*Connector).terminate},
		"accept": {perform: (*Connector).accept}, "associate": {perform: (*Connector).associate},
		"attach": {free: true, perform: (*Connector).attachTo}, "detach": {perform: (*Connector).detach},

		"createcall": {free: true, perform: (*Connector).createCall},
		"hold":       {perform: (*Connector).hold}, "retrieve": {perform: (*Connector).retrieve},
		"sendsignal":           {perform: (*Connector).sendSignal},
		"singlesteptransfer":   {perform: (*Connector).singleStepTransfer},
		"singlestepconference": {perform: (*Connector).singleStepConference},
		"initiatetransfer":     {perform: (*Connector).initiateTransfer}, "completetransfer": {perform: (*Connector).completeTransfer},
		"initiateconference": {perform: (*Connector).initiateConference}, "completeconference": {perform: (*Connector).completeConference},
		"alternate": {perform: (*Connector).alternate}, "merge": {perform: (*Connector).mergeTwo},

		"createmessage": {free: true, perform: (*Connector).createMessage}, "sendmessage": {perform: (*Connector).sendMessage},
		"placeinqueue": {perform: (*Connector).placeInQueue}, "placeinworkbin": {perform: (*Connector).placeInWorkbin},
		"stop": {perform: (*Connector).stopProcessing}, "getcontent": {perform: (*Connector).getContent},
	}
	for _, e := range interactionSpec().Elements {
		a := all[e.Name]
		a.event = e.Event
		all[e.Name] = a
	}
	return all
}

// interaction carries out an effect of the interaction module. c.mu is held.
func (c *Connector) interaction(effect *session.ModuleCall) error {
	p := &pending{session: effect.Session.ID, requestID: effect.RequestID, origin: interactionOrigin}
	if effect.Name == callSetData || effect.Name == callDeleteData {
		p.prefix = "interaction.setudata"
		c.writeData(p, effect.Name, effect.Args)
		return nil
	}
	a, ok := c.actions[effect.Name]
	if !ok || a.perform == nil {
		return fmt.Errorf("fm: no action %s", effect.Name)
	}
	p.prefix = a.event
	c.track(p, effect)
	switch {
	case effect.Repeated && c.once[effect.Name]:
		c.failRepeated(p, effect.Args)
	case !a.free:
		c.onCall(p, effect.Args, func(k *call, p *pending, args *datamodel.Object) { a.perform(c, k, p, args) })
	case c.closed:
		c.fail(nil, p, codeUnknown, "there is no link to a switch")
	default:
		a.perform(c, nil, p, effect.Args)
	}
	return nil
}

// terminate is <ixn:terminate>.
func (c *Connector) terminate(k *call, p *pending, args *datamodel.Object) {
	if k.media != nil {
		c.stopProcessing(k, p, args)
		return
	}
	resource, _ := args.Get("resource")
	dn, _ := destination(resource)
	if (dn == "" || dn == k.due) && c.postpone(k, func(k *call) { c.terminate(k, p, args) }) {
		return
	}
	if dn == "" {
		dn = k.partyIn(connected, onHold, dialing, alerting)
	}
	why := reasons(args)
	if reason := text(args, "reason"); reason != "" {
		why.Set("reason", telephony.String(reason))
	}
	switch {
	case k.routing != nil:
		c.fail(k, p, codeState+"routed", "the call is being routed")
	case k.waiting != "" && (dn == "" || dn == k.waiting):
		if !c.link.Capabilities().Has(telephony.CanRoute) {
			c.fail(k, p, codeUnknown, "the link cannot route calls")
			return
		}
		c.route(k, p, &telephony.RequestRouteCall{ThisDN: k.waiting, ConnID: k.conn,
			RouteType: telephony.RouteTypeCallDisconnect, Reasons: why, Extensions: extensions(args)}, false)
	case dn == "":
		c.fail(k, p, codeState+k.at(), "the call is at no DN that can be cleared")
	default:
		c.control(k, p, telephony.CanControl, &telephony.RequestReleaseCall{ThisDN: dn, ConnID: k.conn, Reasons: why,
			Extensions: extensions(args)}, nil)
	}
}

// accept is <ixn:accept>.
func (c *Connector) accept(k *call, p *pending, args *datamodel.Object) {
	if k.media != nil {
		c.serve(k, p, &telephony.RequestPull{InteractionID: k.id}, nil)
		return
	}
	resource, _ := args.Get("resource")
	dn, _ := destination(resource)
	if dn == "" {
		dn = k.partyIn(alerting)
	}
	if dn == "" {
		c.fail(k, p, codeState+k.at(), "the call rings nowhere")
		return
	}
	c.control(k, p, telephony.CanControl, &telephony.RequestAnswerCall{ThisDN: dn, ConnID: k.conn, Reasons: reasons(args),
		Extensions: extensions(args)}, nil)
}

// associate is <ixn:associate>: the other session hears interaction.added and
// interaction.present, this one interaction.deleted and interaction.notcontrolled.
func (c *Connector) associate(k *call, p *pending, args *datamodel.Object) {
	target := text(args, "sessionid")
	if target == k.session && target != "" {
		c.done(k, p)
		return
	}
	if k.routing != nil {
		c.fail(k, p, codeBadState, "the call is being routed")
		return
	}
	c.give(&gift{k: k, owner: k.session, p: p, target: target})
}

// attachTo is <ixn:attach>.
func (c *Connector) attachTo(_ *call, p *pending, args *datamodel.Object) {
	id := text(args, "interactionid")
	k := c.ids[id]
	if k == nil {
		k = c.parentCall(p.session, id)
	}
	switch {
	case id == "":
		c.fail(nil, p, codeUnknown, "attribute interactionid names no interaction")
	case k == nil:
		c.fail(nil, p, codeState+"null", "there is no such interaction")
	case k.session != "" && k.session != p.session:
		c.fail(nil, p, codeBadState, "the interaction belongs to another session")
	default:
		if k.session == "" {
			c.bind(k, p.session)
			c.attach(k)
		}
		c.done(k, p)
	}
}

// parentCall begins the following of a call that a consult call of the session
// came from, when it is out of sight: it is seen again when the two merge.
func (c *Connector) parentCall(sessionID, id string) *call {
	for _, child := range c.sessions[sessionID] {
		if id != "" && child.parent == id && child.consultOf != 0 && !c.full() {
			k := &call{conn: child.consultOf, id: id, tenant: c.tenant, server: child.server}
			c.know(k)
			return k
		}
	}
	return nil
}

// detach is <ixn:detach>.
func (c *Connector) detach(k *call, p *pending, _ *datamodel.Object) {
	switch {
	case k.session == "":
		c.fail(k, p, codeBadState, "the interaction belongs to no session")
	case k.routing != nil:
		c.fail(k, p, codeBadState, "the call is being routed")
	default:
		c.cancelTreatment(k, "the session gave the call away")
		c.done(k, p)
		c.emit(p.session, k.last("interaction.deleted", resultOf("detach")))
		c.unbind(k)
		c.change(k, &dataChange{drop: []string{SessionKey}}, func(error) {})
	}
}

// bindNew gives a call that an action has made to the session, and tells it.
func (c *Connector) bindNew(k *call, p *pending, dn string) {
	if k.session != "" {
		return
	}
	c.bind(k, p.session)
	c.emit(p.session, k.event("interaction.added", focus(dn)))
	c.attach(k)
}
