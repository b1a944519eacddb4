package fm

import (
	"errors"
	"fmt"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
)

// pending is an action under way.
type pending struct {
	session   string
	requestID string
	prefix    string // of its events: "interaction.redirect"
	origin    string
}

// The codes of failed actions.
const (
	codeUnknown     = "unknown"
	codeRemote      = "remote"
	codeCancelled   = "cancelled"
	codeAttribute   = "invalidattribute"
	codeSource      = "invalidsource"
	codeDestination = "invaliddestination"
	codeState       = "invalidstate."
)

// interaction carries out the effect of an action of the interaction module.
func (c *Connector) interaction(effect *session.ModuleCall) error {
	p := &pending{session: effect.Session.ID, requestID: effect.RequestID, origin: interactionOrigin}
	var perform func(*call, *pending, *datamodel.Object)
	switch effect.Name {
	case "redirect":
		p.prefix, perform = "interaction.redirect", c.redirect
	default:
		return fmt.Errorf("fm: no action %s", effect.Name)
	}
	c.onCall(p, effect.Args, perform)
	return nil
}

// onCall performs an action on the call that its attribute interactionid names.
// c.mu is held.
func (c *Connector) onCall(p *pending, args *datamodel.Object, perform func(*call, *pending, *datamodel.Object)) {
	k := c.callOf(p.session, text(args, "interactionid"))
	switch {
	case c.closed:
		c.fail(k, p, codeUnknown, "there is no link to a switch")
	case k == nil:
		c.fail(k, p, codeState+"null", "the session has no such interaction")
	default:
		perform(k, p, args)
	}
}

// callOf finds a call of a session, the first one when id is empty.
func (c *Connector) callOf(sessionID, id string) *call {
	for _, k := range c.sessions[sessionID] {
		if id == "" || k.id == id {
			return k
		}
	}
	return nil
}

// redirect is <ixn:redirect>: RequestRouteCall.
func (c *Connector) redirect(k *call, p *pending, args *datamodel.Object) {
	dest, location := destination(args)
	from := text(args, "from")
	routeType, err := routeTypeOf(args)
	switch {
	case k.waiting == "" || k.routing != nil:
		c.fail(k, p, codeState+k.at(), "the call does not wait at a routing point")
	case from != "" && from != k.waiting:
		c.fail(k, p, codeSource, fmt.Sprintf("the call waits at %s, not at %s", k.waiting, from))
	case dest == "" && routeType != telephony.RouteTypeDefault && routeType != telephony.RouteTypeCallDisconnect:
		c.fail(k, p, codeDestination, "attribute to names no DN")
	case err != nil:
		c.fail(k, p, codeUnknown, err.Error())
	case !c.link.Capabilities().Has(telephony.CanRoute):
		c.fail(k, p, codeUnknown, "the link cannot route calls")
	default:
		detach, _ := args.Get("detach")
		k.routing = p
		c.link.Send(&telephony.RequestRouteCall{
			ThisDN: k.waiting, ConnID: k.conn, Destination: dest, Location: location, RouteType: routeType,
			Extensions: extensions(args),
		}, func(_ telephony.Event, err error) { c.redirected(k, p, truth(detach), err) })
	}
}

func (c *Connector) redirected(k *call, p *pending, detach bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k.routing == p {
		k.routing = nil
	}
	if err != nil {
		c.refuse(k, p, err)
		return
	}
	k.waiting = ""
	c.cancelTreatment(k, "the call was routed")
	c.done(k, p)
	if detach && k.session == p.session {
		c.emit(k, k.session, k.last("interaction.deleted", datamodel.Member{Name: "resultof", Value: "detach"}))
		c.unbind(k)
	}
}

// destination reads the attribute to: a DN, or a resource object.
func destination(args *datamodel.Object) (dn, location string) {
	to, _ := args.Get("to")
	if o, ok := to.(*datamodel.Object); ok {
		return text(o, "dn"), text(o, "switch")
	}
	return asText(to), ""
}

// routeTypeOf reads the attribute type: the name or number of a route type.
func routeTypeOf(args *datamodel.Object) (telephony.RouteType, error) {
	s := text(args, "type")
	if s == "" {
		return telephony.RouteTypeUnknown, nil
	}
	return telephony.ParseRouteType(s)
}

func extensions(args *datamodel.Object) telephony.KVList {
	hints, _ := args.Get("hints")
	o, _ := hints.(*datamodel.Object)
	ext, _ := o.Get("extensions")
	e, _ := ext.(*datamodel.Object)
	return toList(e)
}

// answer makes an event that answers an action. k may be nil.
func (c *Connector) answer(k *call, p *pending, name string, data ...datamodel.Member) *scxml.Event {
	ev := &scxml.Event{Name: name, Origin: p.origin, OriginType: originType,
		Data: datamodel.NewObject(append([]datamodel.Member{{Name: "requestid", Value: p.requestID}}, data...)...)}
	if k != nil && k.session == p.session && c.calls[k.conn] == k {
		ev.Context = contextOf(k.id, k.state())
	}
	return ev
}

// done reports the success of an action.
func (c *Connector) done(k *call, p *pending) {
	c.emit(k, p.session, c.answer(k, p, p.prefix+".done", datamodel.Member{Name: "interactionid", Value: k.id}))
}

// refuse reports the error of a request.
func (c *Connector) refuse(k *call, p *pending, err error) {
	var re *telephony.RequestError
	if errors.As(err, &re) {
		c.fail(k, p, codeRemote, re.Message)
		return
	}
	c.fail(k, p, codeUnknown, err.Error())
}

// fail reports the failure of an action.
func (c *Connector) fail(k *call, p *pending, code, description string) {
	c.emit(k, p.session, c.answer(k, p, "error."+p.prefix,
		datamodel.Member{Name: "error", Value: code},
		datamodel.Member{Name: "description", Value: description}))
}
