package fm

import (
	"errors"
	"slices"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
)

// voiceElements are the actions on calls.
func voiceElements() []ElementSpec {
	const prefix = "voice"
	states := callErrors()
	destinations := append(slices.Clone(states), codeDestination)
	device := optional("device", "the DN that acts; default the party in the state that the action needs")
	consult := optional("consultid", "the consult call; default the one of this call")
	to := required("to", "an expression that gives the destination: a DN or a resource object")
	udata := optional("udata", "an object: user data of the new call")
	reason := optional("reason", "goes into the request")
	hints := optional("hints", "an object; its members extensions and reasons go into the request")
	initiate := func(name, note string) ElementSpec {
		e := ixnElement(name, prefix, note, destinations, interactionID(), device, to, udata, reason, hints)
		e.Data = append(e.Data, "consultid")
		return e
	}
	createcall := ixnElement("createcall", prefix, "makes a call, which becomes one of the session; a predictive one comes to from when it is answered",
		[]string{codeSource, codeDestination, codeServer, codeUnknown},
		required("from", "the DN that calls, or a resource object; for type predictive the queue or routing point"), to,
		AttributeSpec{Name: "type", Kind: TokenKind, Default: "regular",
			Values: []string{"regular", "agent", "supervisor", "priority", "agentpriority", typePredictive}},
		AttributeSpec{Name: "timeout", Default: "as the switch has it", Note: "seconds for which to ring, for type predictive"},
		udata, reason, hints)
	return []ElementSpec{
		createcall,
		ixnElement("hold", prefix, "puts a call on hold", states, interactionID(), device, reason, hints),
		ixnElement("retrieve", prefix, "ends hold", states, interactionID(), device, reason, hints),
		ixnElement("sendsignal", prefix, "sends tones into a call", states, interactionID(), device,
			required("signal", "an expression that gives the tones: 0 to 9, A to D, * and #"), reason, hints),
		ixnElement("singlesteptransfer", prefix, "sends a call from a party to another DN", destinations,
			interactionID(), device, to, udata, reason, hints),
		ixnElement("singlestepconference", prefix, "adds a DN to a call", destinations, interactionID(), device, to, udata, reason, hints),
		initiate("initiatetransfer", "puts a call on hold and makes a consult call from there"),
		ixnElement("completetransfer", prefix, "joins a call and its consult call; the party in both leaves", states,
			interactionID(), device, consult, reason, hints),
		initiate("initiateconference", "like initiatetransfer, for a conference"),
		ixnElement("completeconference", prefix, "joins a call and its consult call; the party in both stays", states,
			interactionID(), device, consult, reason, hints),
		ixnElement("alternate", prefix, "swaps the call on hold and the other one of a party", states,
			interactionID(), device, consult, reason, hints),
		ixnElement("merge", prefix, "joins two calls of a party, which stays with type conference", states,
			interactionID(), device, consult, reason, hints,
			AttributeSpec{Name: "type", Kind: TokenKind, Default: "transfer", Values: []string{"transfer", "conference"}}),
	}
}

// codeServer is the code of actions for which no server is connected.
const codeServer = "invalidserver"

// hinted is what the attributes reason and hints give a request.
func hinted(args *datamodel.Object) (why, extension telephony.KVList) {
	why = reasons(args)
	if reason := text(args, "reason"); reason != "" {
		why.Set("reason", telephony.String(reason))
	}
	return why, extensions(args)
}

// control sends a request of call control for an action and reports the outcome.
// done takes the place of the done event.
func (c *Connector) control(k *call, p *pending, need telephony.Capabilities, req telephony.Request, done func(*call, telephony.Event)) {
	if !c.link.Capabilities().Has(need) {
		c.fail(k, p, codeUnknown, "the link cannot do it: it can "+c.link.Capabilities().String())
		return
	}
	c.link.Send(req, func(e telephony.Event, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		k := k.now()
		switch {
		case err != nil:
			c.refuse(k, p, err)
		case done != nil:
			done(k, e)
		default:
			c.done(k, p)
		}
	})
}

// acting finds the DN that acts: the one given, or the first party in one of the
// states. Without one the action has failed and "" is returned.
func (c *Connector) acting(k *call, p *pending, args *datamodel.Object, states ...string) string {
	given, _ := args.Get("device")
	dn, _ := destination(given)
	if dn == "" && k.media == nil {
		dn = k.partyIn(states...)
	}
	if dn == "" {
		c.fail(k, p, codeState+k.at(), "no party of the call is in the right state")
	}
	return dn
}

func (c *Connector) hold(k *call, p *pending, args *datamodel.Object) {
	if dn := c.acting(k, p, args, connected); dn != "" {
		why, ext := hinted(args)
		c.control(k, p, telephony.CanControl, &telephony.RequestHoldCall{ThisDN: dn, ConnID: k.conn, Reasons: why, Extensions: ext}, nil)
	}
}

func (c *Connector) retrieve(k *call, p *pending, args *datamodel.Object) {
	if dn := c.acting(k, p, args, onHold); dn != "" {
		why, ext := hinted(args)
		c.control(k, p, telephony.CanControl, &telephony.RequestRetrieveCall{ThisDN: dn, ConnID: k.conn, Reasons: why, Extensions: ext}, nil)
	}
}

func (c *Connector) sendSignal(k *call, p *pending, args *datamodel.Object) {
	if dn := c.acting(k, p, args, connected); dn != "" {
		why, ext := hinted(args)
		c.control(k, p, telephony.CanControl, &telephony.RequestSendDTMF{ThisDN: dn, ConnID: k.conn, DTMFDigits: text(args, "signal"),
			Reasons: why, Extensions: ext}, nil)
	}
}

// target reads the attribute to. Without one the action has failed.
func (c *Connector) target(k *call, p *pending, args *datamodel.Object) (dn, location string) {
	to, _ := args.Get("to")
	if dn, location = destination(to); dn == "" {
		c.fail(k, p, codeDestination, "attribute to names no DN")
	}
	return dn, location
}

func (c *Connector) singleStepTransfer(k *call, p *pending, args *datamodel.Object) {
	to, location := c.target(k, p, args)
	if to == "" {
		return
	}
	if dn := c.acting(k, p, args, connected, onHold); dn != "" {
		why, ext := hinted(args)
		c.control(k, p, telephony.CanTransfer, &telephony.RequestSingleStepTransfer{ThisDN: dn, ConnID: k.conn, Destination: to,
			Location: location, UserData: listOf(args, "udata"), Reasons: why, Extensions: ext}, nil)
	}
}

func (c *Connector) singleStepConference(k *call, p *pending, args *datamodel.Object) {
	to, location := c.target(k, p, args)
	if to == "" {
		return
	}
	if dn := c.acting(k, p, args, connected); dn != "" {
		why, ext := hinted(args)
		c.control(k, p, telephony.CanConference, &telephony.RequestSingleStepConference{ThisDN: dn, ConnID: k.conn, Destination: to,
			Location: location, UserData: listOf(args, "udata"), Reasons: why, Extensions: ext}, nil)
	}
}

func (c *Connector) initiateTransfer(k *call, p *pending, args *datamodel.Object) {
	c.initiate(k, p, args, telephony.CanTransfer, func(r telephony.RequestInitiateTransfer) telephony.Request { return &r })
}

func (c *Connector) initiateConference(k *call, p *pending, args *datamodel.Object) {
	c.initiate(k, p, args, telephony.CanConference, func(r telephony.RequestInitiateTransfer) telephony.Request {
		x := telephony.RequestInitiateConference(r)
		return &x
	})
}

// initiate makes a consult call, which becomes one of the session.
func (c *Connector) initiate(k *call, p *pending, args *datamodel.Object, need telephony.Capabilities,
	request func(telephony.RequestInitiateTransfer) telephony.Request,
) {
	to, location := c.target(k, p, args)
	if to == "" {
		return
	}
	dn := c.acting(k, p, args, connected, onHold)
	if dn == "" {
		return
	}
	why, ext := hinted(args)
	c.control(k, p, need, request(telephony.RequestInitiateTransfer{ThisDN: dn, ConnID: k.conn, Destination: to, Location: location,
		UserData: listOf(args, "udata"), Reasons: why, Extensions: ext}), func(k *call, e telephony.Event) {
		made, err := c.made(e, p)
		if err != nil {
			c.fail(k, p, codeUnknown, err.Error())
			return
		}
		c.done(k, p, datamodel.Member{Name: "consultid", Value: made.id})
	})
}

// made takes up a call that an action has made: its EventDialing.
func (c *Connector) made(e telephony.Event, p *pending) (*call, error) {
	a, ok := telephony.CallOf(e)
	if !ok || a.ConnID == 0 {
		return nil, errors.New("the switch does not tell which call it has made")
	}
	k := c.calls[a.ConnID]
	if k == nil {
		k = c.newCall(e, a)
	}
	k.merge(a)
	k.follow(e, a)
	c.bindNew(k, p, a.ThisDN)
	return k, nil
}

// consultOf finds the consult call of a call: the one that the attribute consultid names, or that
// came from it. Without one the action has failed.
func (c *Connector) consultOf(k *call, p *pending, args *datamodel.Object) *call {
	id := text(args, "consultid")
	for _, x := range c.sessions[p.session] {
		if x != k && x.media == nil && (x.id == id || id == "" && (x.consultOf == k.conn || k.consultOf == x.conn) && k.conn != 0) {
			return x
		}
	}
	if id != "" {
		if x := c.callOf(p.session, id); x != nil && x != k {
			return x
		}
	}
	c.fail(k, p, codeState+k.at(), "the call has no consult call in this session")
	return nil
}

// both finds the consult call of k and the DN that is in both.
func (c *Connector) both(k *call, p *pending, args *datamodel.Object) (first, second *call, dn string) {
	x := c.consultOf(k, p, args)
	if x == nil {
		return nil, nil, ""
	}
	first, second = k, x
	if k.consultOf == x.conn {
		first, second = x, k
	}
	given, _ := args.Get("device")
	if dn, _ = destination(given); dn == "" {
		for _, one := range first.parties {
			for _, other := range second.parties {
				if one.dn == other.dn {
					return first, second, one.dn
				}
			}
		}
		c.fail(k, p, codeState+k.at(), "no party is in both calls")
	}
	return first, second, dn
}

func (c *Connector) completeTransfer(k *call, p *pending, args *datamodel.Object) {
	if first, second, dn := c.both(k, p, args); dn != "" {
		why, ext := hinted(args)
		c.control(k, p, telephony.CanTransfer, &telephony.RequestCompleteTransfer{ThisDN: dn, ConnID: second.conn,
			TransferConnID: first.conn, Reasons: why, Extensions: ext}, nil)
	}
}

func (c *Connector) completeConference(k *call, p *pending, args *datamodel.Object) {
	if first, second, dn := c.both(k, p, args); dn != "" {
		why, ext := hinted(args)
		c.control(k, p, telephony.CanConference, &telephony.RequestCompleteConference{ThisDN: dn, ConnID: second.conn,
			ConferenceConnID: first.conn, Reasons: why, Extensions: ext}, nil)
	}
}

// heldAt tells whether a party has put the call on hold.
func (k *call) heldAt(dn string) bool {
	return slices.ContainsFunc(k.parties, func(p party) bool { return p.dn == dn && p.state == onHold })
}

func (c *Connector) alternate(k *call, p *pending, args *datamodel.Object) {
	if first, second, dn := c.both(k, p, args); dn != "" {
		if second.heldAt(dn) {
			first, second = second, first
		}
		why, ext := hinted(args)
		c.control(k, p, telephony.CanControl, &telephony.RequestAlternateCall{ThisDN: dn, CurrentConnID: second.conn,
			HeldConnID: first.conn, Reasons: why, Extensions: ext}, nil)
	}
}

func (c *Connector) mergeTwo(k *call, p *pending, args *datamodel.Object) {
	if first, second, dn := c.both(k, p, args); dn != "" {
		if second.heldAt(dn) {
			first, second = second, first
		}
		need, typ := telephony.CanTransfer, telephony.MergeForTransfer
		if text(args, "type") == "conference" {
			need, typ = telephony.CanConference, telephony.MergeForConference
		}
		why, ext := hinted(args)
		c.control(k, p, need, &telephony.RequestMergeCalls{ThisDN: dn, CurrentConnID: second.conn, HeldConnID: first.conn,
			MergeType: typ, Reasons: why, Extensions: ext}, nil)
	}
}

// makeCallTypes are the values of the attribute type of createcall.
func makeCallTypes() map[string]telephony.MakeCallType {
	return map[string]telephony.MakeCallType{
		"": telephony.MakeCallRegular, "regular": telephony.MakeCallRegular, "agent": telephony.MakeCallDirectAgent,
		"supervisor": telephony.MakeCallSupervisorAssist, "priority": telephony.MakeCallPriority,
		"agentpriority": telephony.MakeCallDirectPriority,
	}
}

// createCall is <ixn:createcall>. The session needs no interaction.
func (c *Connector) createCall(_ *call, p *pending, args *datamodel.Object) {
	given, _ := args.Get("from")
	from, _ := destination(given)
	given, _ = args.Get("to")
	to, location := destination(given)
	typ, ok := makeCallTypes()[text(args, "type")]
	predictive := text(args, "type") == typePredictive
	seconds, _, err := number(args, "timeout")
	switch {
	case from == "":
		c.fail(nil, p, codeSource, "attribute from names no DN")
	case to == "":
		c.fail(nil, p, codeDestination, "attribute to names no DN")
	case err != nil:
		c.fail(nil, p, codeUnknown, err.Error())
	case !ok && !predictive:
		c.fail(nil, p, codeUnknown, "calls of type "+text(args, "type")+" cannot be made")
	case !c.link.Capabilities().Has(telephony.CanMakeCall):
		c.fail(nil, p, codeServer, "the link cannot make calls")
	case c.full():
		c.fail(nil, p, codeUnknown, "there are too many interactions")
	default:
		why, ext := hinted(args)
		var req telephony.Request = &telephony.RequestMakeCall{ThisDN: from, Destination: to, Location: location, MakeCallType: typ,
			UserData: listOf(args, "udata"), Reasons: why, Extensions: ext}
		if predictive {
			req = &telephony.RequestMakePredictiveCall{ThisDN: from, Destination: to, Location: location, Timeout: duration(seconds),
				UserData: listOf(args, "udata"), Reasons: why, Extensions: ext}
		}
		c.link.Send(req, func(e telephony.Event, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if err != nil {
				c.refuseNew(p, err)
				return
			}
			k, err := c.made(e, p)
			if err != nil {
				c.fail(nil, p, codeUnknown, err.Error())
				return
			}
			c.done(k, p)
		})
	}
}

// typePredictive is the type of calls that the switch makes for a queue or a routing
// point. Not every link can: it answers with ErrUnsupported.
const typePredictive = "predictive"

// refuseNew reports why something new could not be made: those actions have no
// code for what the switch refuses.
func (c *Connector) refuseNew(p *pending, err error) {
	code, description := codeUnknown, err.Error()
	var re *telephony.RequestError
	switch {
	case errors.As(err, &re):
		description = re.Message
	case errors.Is(err, telephony.ErrLinkDown), errors.Is(err, telephony.ErrUnsupported), errors.Is(err, telephony.ErrClosed):
		code = codeServer
	}
	c.fail(nil, p, code, description)
}
