package fm

import (
	"errors"
	"fmt"
	"strconv"

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

// act carries out the effect of an action.
func (c *Connector) act(effect *session.ModuleCall) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == nil {
		return errors.New("fm: the connector is not open")
	}
	p := &pending{session: effect.Session.ID, requestID: effect.RequestID}
	var perform func(*call, *pending, *datamodel.Object)
	switch effect.Name {
	case "redirect":
		p.prefix, p.origin, perform = "interaction.redirect", interactionOrigin, c.redirect
	case "play":
		p.prefix, p.origin, perform = "dialog.play", dialogOrigin, c.play
	default:
		return fmt.Errorf("fm: no action %s", effect.Name)
	}
	k := c.callOf(p.session, text(effect.Args, "interactionid"))
	switch {
	case c.closed:
		c.fail(k, p, codeUnknown, "there is no link to a switch")
	case k == nil:
		c.fail(k, p, codeState+"null", "the session has no such interaction")
	default:
		perform(k, p, effect.Args)
	}
	return nil
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

// play is <dialog:play>: RequestApplyTreatment.
func (c *Connector) play(k *call, p *pending, args *datamodel.Object) {
	c.emit(k, p.session, c.answer(k, p, p.prefix+".requestid"))
	device := text(args, "device")
	params, err := announcement(args)
	switch {
	case err != nil:
		c.fail(k, p, codeAttribute, err.Error())
	case k.waiting == "" || k.routing != nil:
		c.fail(k, p, codeState+k.at(), "the call does not wait at a routing point")
	case device != "" && device != k.waiting:
		c.fail(k, p, codeAttribute, fmt.Sprintf("the call waits at %s, not at the device %s", k.waiting, device))
	case !c.link.Capabilities().Has(telephony.CanTreat):
		c.fail(k, p, codeUnknown, "the link cannot apply treatments")
	default:
		c.link.Send(&telephony.RequestApplyTreatment{
			ThisDN: k.waiting, ConnID: k.conn, TreatmentType: telephony.TreatmentPlayAnnouncement, Parameters: params,
			Extensions: extensions(args),
		}, func(_ telephony.Event, err error) { c.played(k, p, err) })
	}
}

func (c *Connector) played(k *call, p *pending, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.refuse(k, p, err)
		return
	}
	c.cancelTreatment(k, "another treatment took its place")
	k.treatment = p
}

// announcement makes the parameters of TreatmentPlayAnnouncement: LANGUAGE, and
// PROMPT with a list for each prompt under the keys 1, 2, ….
func announcement(args *datamodel.Object) (telephony.KVList, error) {
	var params, prompts telephony.KVList
	if language := text(args, "language"); language != "" {
		params.Add("LANGUAGE", telephony.String(language))
	}
	list, _ := args.Get("prompts")
	given, _ := list.([]datamodel.Value)
	for i, v := range given {
		o, _ := v.(*datamodel.Object)
		interrupt, _ := o.Get("interrupt")
		var prompt telephony.KVList
		prompt.Add("INTERRUPT", telephony.Int(0))
		if truth(interrupt) {
			prompt.Set("INTERRUPT", telephony.Int(1))
		}
		key, value, err := promptOf(o)
		if err != nil {
			return nil, fmt.Errorf("prompt %d: %w", i+1, err)
		}
		prompt.Add(key, value)
		prompts.Add(strconv.Itoa(i+1), telephony.List(prompt))
	}
	params.Add("PROMPT", telephony.List(prompts))
	return params, nil
}

func promptOf(o *datamodel.Object) (key string, value telephony.Value, err error) {
	for _, m := range o.Members() {
		s := asText(m.Value)
		switch m.Name {
		case "intid":
			n, ok := telephony.String(s).Int()
			if !ok {
				return "", value, fmt.Errorf("intid %q is not an integer", s)
			}
			return "ID", telephony.Int(n), nil
		case "number":
			key = "DIGITS"
		case "userannid":
			key = "USER_ANN_ID"
		case "text":
			key = "TEXT"
		default:
			continue
		}
		if s == "" {
			return "", value, errors.New(m.Name + " is empty")
		}
		return key, telephony.String(s), nil
	}
	return "", value, errors.New("there is nothing to play")
}

// cancelTreatment tells that a treatment ended before its time.
func (c *Connector) cancelTreatment(k *call, why string) {
	if t := k.treatment; t != nil {
		k.treatment = nil
		c.fail(k, t, codeCancelled, why)
	}
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
