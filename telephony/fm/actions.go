package fm

import (
	"errors"
	"fmt"
	"strings"

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
	numeric   bool // the module's request ids are numbers

	effect session.EffectID // zero: it is not tracked
	on     *call            // the interaction that it is about; nil: none, or not known yet
	waits  bool             // it has not begun: see Connector.call
	routed func()           // tells of the time that routing took; nil: it is not routed
}

// id is the request id as scripts see it.
func (p *pending) id() datamodel.Value {
	if p.numeric {
		return numberOfID(p.requestID)
	}
	return p.requestID
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

// onCall performs an action on the call that its attribute interactionid names.
// c.mu is held.
func (c *Connector) onCall(p *pending, args *datamodel.Object, perform func(*call, *pending, *datamodel.Object)) {
	k := c.callOf(p.session, text(args, "interactionid"))
	p.on = k
	switch {
	case c.closed:
		c.fail(k, p, codeUnknown, "there is no link to a switch")
	case k == nil:
		c.fail(k, p, codeState+"null", "the session has no such interaction")
	default:
		perform(k, p, args)
	}
}

// callOf finds an interaction of a session, the first one when id is empty. An
// interaction that belongs to no session is found by its id as well.
func (c *Connector) callOf(sessionID, id string) *call {
	if id == "" || id == "0" {
		if list := c.sessions[sessionID]; len(list) > 0 {
			return list[0]
		}
		return nil
	}
	if k := c.ids[id]; k != nil && (k.session == sessionID || k.session == "") {
		return k
	}
	return nil
}

// redirect is <ixn:redirect>: RequestRouteCall.
func (c *Connector) redirect(k *call, p *pending, args *datamodel.Object) {
	if k.media != nil {
		c.redirectMedia(k, p, args)
		return
	}
	if c.postpone(k, func(k *call) { c.redirect(k, p, args) }) {
		return
	}
	to, _ := args.Get("to")
	dest, location := destination(to)
	given, _ := args.Get("from")
	from, _ := destination(given)
	routeType, err := routeTypeOf(args)
	circles := c.loops(k)
	switch {
	case k.waiting == "" || k.routing != nil:
		c.fail(k, p, codeState+k.at(), "the call does not wait at a routing point")
	case from != "" && from != k.waiting && from != k.id:
		c.fail(k, p, codeSource, fmt.Sprintf("the call waits at %s, not at %s", k.waiting, from))
	case dest == "" && routeType != telephony.RouteTypeDefault && routeType != telephony.RouteTypeCallDisconnect:
		c.fail(k, p, codeDestination, "attribute to names no DN")
	case err != nil:
		c.fail(k, p, codeUnknown, err.Error())
	case circles != "":
		c.fail(k, p, codeDestination, circles)
	case !c.link.Capabilities().Has(telephony.CanRoute):
		c.fail(k, p, codeUnknown, "the link cannot route calls")
	default:
		detach, _ := args.Get("detach")
		c.route(k, p, &telephony.RequestRouteCall{
			ThisDN: k.waiting, ConnID: k.conn, Destination: dest, Location: location, RouteType: routeType, DNIS: c.overwriteDNIS(k, p.session, routeType),
			Reasons: reasons(args), Extensions: extensions(args),
		}, truth(detach))
	}
}

// route routes a call that waits, and reports the outcome.
func (c *Connector) route(k *call, p *pending, r *telephony.RequestRouteCall, detach bool) {
	k.routing = p
	p.routed = c.services.stopwatch("redirect-time")
	c.link.Send(r, func(_ telephony.Event, err error) { c.redirected(k, p, detach, err) })
}

func (c *Connector) redirected(k *call, p *pending, detach bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k = k.now()
	if k.routing == p {
		k.routing = nil
	}
	if err != nil {
		c.refuse(k, p, err)
		return
	}
	k.waiting = ""
	c.hop(k)
	c.done(k, p)
	c.routed(k)
	if detach && k.session == p.session {
		c.emit(k.session, k.last("interaction.deleted", resultOf("detach")))
		c.unbind(k)
	}
}

// destination reads an attribute that names a DN: as text, or as a resource object.
func destination(v datamodel.Value) (dn, location string) {
	if o, ok := v.(*datamodel.Object); ok {
		return text(o, "dn"), text(o, "switch")
	}
	return asText(v), ""
}

// routeTypeOf reads the attribute type: the name or number of a route type.
func routeTypeOf(args *datamodel.Object) (telephony.RouteType, error) {
	s := text(args, "type")
	if s == "" {
		return telephony.RouteTypeUnknown, nil
	}
	return telephony.ParseRouteType(s)
}

func extensions(args *datamodel.Object) telephony.KVList { return hint(args, "extensions") }

func reasons(args *datamodel.Object) telephony.KVList { return hint(args, "reasons") }

// hint returns a list of the attribute hints.
func hint(args *datamodel.Object, name string) telephony.KVList {
	return listOf(member(args, "hints"), name)
}

// member returns a member that is an object, or nil.
func member(o *datamodel.Object, name string) *datamodel.Object {
	v, _ := o.Get(name)
	m, _ := v.(*datamodel.Object)
	return m
}

// listOf returns a member that is an object as a list.
func listOf(o *datamodel.Object, name string) telephony.KVList { return toList(member(o, name)) }

// answer makes an event that answers an action. k may be nil.
func (c *Connector) answer(k *call, p *pending, name string, data ...datamodel.Member) *scxml.Event {
	if p.routed != nil {
		p.routed()
		p.routed = nil
	}
	ev := &scxml.Event{Name: name, Origin: p.origin, OriginType: originType,
		Data: datamodel.NewObject(append([]datamodel.Member{{Name: "requestid", Value: p.id()}}, data...)...)}
	if k != nil && k.session == p.session && c.ids[k.id] == k {
		ev.Context = k.context()
	}
	if p.effect.Session != "" && !strings.HasSuffix(name, ".requestid") {
		c.answered(p)
		c.answers[ev] = p.effect
	}
	return ev
}

// done reports the success of an action.
func (c *Connector) done(k *call, p *pending, data ...datamodel.Member) {
	data = append([]datamodel.Member{{Name: "interactionid", Value: k.id}}, data...)
	c.emit(p.session, c.answer(k, p, p.prefix+".done", data...))
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
	c.emit(p.session, c.answer(k, p, "error."+p.prefix,
		datamodel.Member{Name: "error", Value: code},
		datamodel.Member{Name: "description", Value: description}))
}
