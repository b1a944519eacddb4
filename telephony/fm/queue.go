package fm

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
)

// QueueNamespace is the namespace of <queue:…>. Documents may leave "http://"
// out.
const QueueNamespace = "http://www.genesyslab.com/modules/queue"

const queueOrigin = "fm:queue"

// TargetSelector finds targets for <queue:submit>. *router.Router is one; its
// methods say what is expected. Methods are called with locks of the Connector held and must not wait;
// notify must be called without them, after Submit has returned. A selection that is not told how
// long it is Reserved can be cancelled for 10 s.
type TargetSelector interface {
	Submit(req router.Request, notify func(router.Selection, error)) (router.ID, error)
	Cancel(id router.ID) bool
	Return(id router.ID) error
	Update(id router.ID, priority int) error
	Query(id router.ID) (router.Position, error)
	Forget(interaction string)

	// Receive and ReceiveInteraction are told of every event of the link and of the interaction
	// server before sessions are.
	Receive(e telephony.Event)
	ReceiveInteraction(e telephony.InteractionEvent)
}

// AgentStates is a TargetSelector that knows what agents do, for
// _genesys.queue.checkAgentState. It is called inside of a macrostep and answers at once.
type AgentStates interface {
	AgentStatus(id string) (router.AgentStatus, error)
}

// queueModule is <queue:…> and _genesys.queue.
type queueModule struct {
	spec *Spec
	c    *Connector // nil: only for parsing
}

// Namespaces implements scxml.Module.
func (m queueModule) Namespaces() []string { return m.spec.namespaces() }

// NewState implements scxml.Module.
func (m queueModule) NewState(c *scxml.ModuleContext) scxml.ModuleState {
	return &queueState{c: m.c, context: c}
}

// Compile implements scxml.Module.
func (m queueModule) Compile(e *scxml.Element, c *scxml.Compiler) scxml.Action {
	n := m.spec.compile(e, c)
	if n == nil {
		return nil
	}
	checkPrompts(e, c)
	for _, targets := range e.Children {
		if targets.Name == "targets" {
			checkTargets(targets, c)
		}
	}
	return n
}

// The names of what is inside of <submit>.
const (
	elementTargets  = "targets"
	elementTarget   = "target"
	elementTargetID = "targetid"
	elementActivity = "activity"
	elementWorkbin  = "workbin"
)

// targetTypes are the values of the attribute type.
func targetTypes() []string {
	return []string{"agent", "place", "agentgroup", "placegroup", "queue", "dn", "skill", "campaigngroup", "routepoint", "label"}
}

// queueSpec is the table of the queue module.
func queueSpec() *Spec {
	targetType := AttributeSpec{Name: "type", Kind: TokenKind, Values: targetTypes()}
	targets := ElementSpec{
		Name: elementTargets, Min: 1, Max: 1,
		Attributes: []AttributeSpec{targetType, {Name: "statserver", Note: "default of the targets inside"}},
		Children: []ElementSpec{
			{Name: elementTarget, Attributes: append(values("name", "statserver", "skillexpr", "threshold"), targetType,
				AttributeSpec{Name: "weight", Note: "for ordertype percentage"})},
			{Name: elementTargetID, Attributes: []AttributeSpec{
				{Name: "expr", Required: true, Note: "targets in the form {threshold}[weight]name@server.type, separated by commas"}}},
			{Name: elementActivity, Max: 1, Attributes: append(values("name"), AttributeSpec{Name: "id", Note: "in place of name"},
				AttributeSpec{Name: "expr", Note: "in place of name"}), Note: "The agents of an activity of workforce management."},
			{Name: elementWorkbin, Max: 1, Attributes: append(values("name"), AttributeSpec{Name: "expr", Note: "in place of name"},
				AttributeSpec{Name: "type", Status: Ignored, Note: "the targets say whose it is"}),
				Note: "The interaction goes into this workbin of the targets beside it, which are agents, places or groups of them."},
		},
	}
	which := AttributeSpec{Name: "requestid", Required: true, Note: "the id of the submit"}
	return &Spec{
		Name: "queue", Prefix: "queue", Namespace: QueueNamespace, Root: "_genesys.queue",
		Needs: "Options.Targets, a router.Router for example; without it the actions fail with the code unknown.",
		Elements: []ElementSpec{
			{
				Name: "submit", Event: "queue.submit", Accepted: true, Numeric: true,
				Data: []string{"interactionid", "targetselected", "targetcomponentselected", "targetobjectselected",
					"vqselected", "resource", "access"},
				Errors: append([]string{codeAttribute, codeTimeout, codeCancelled, codeDestination}, callErrors()...),
				Attributes: []AttributeSpec{
					requestID(),
					{Name: "interactionid", Default: "a target is selected for no interaction"},
					{Name: "queue", Default: "'none'", Note: "virtual queue"},
					{Name: "priority", Default: "0", Note: "the higher goes first"},
					{Name: "ordertype", Default: "any", Note: "any, max, min or percentage"},
					{Name: "orderstat", Default: "StatTimeInReadyState", Note: "statistic for max and min"},
					{Name: "timeout", Default: "no time-out", Note: "seconds"},
					{Name: "clearontimeout", Default: "false", Note: "false: after a time-out the targets are added to those of the next submit"},
					{Name: "clearqueue", Default: "false", Note: "true: drops the targets of earlier submits first"},
					{Name: "route", Default: "true", Note: "false: the target is selected only. Multimedia interactions go to agents, places and queues"},
					{Name: "hints", Note: "{extensions: {…}} goes to the switch with the route"},
					{Name: "language", Note: "of the treatments inside that have none"},
					{Name: "usecap", Default: "what useCapacity has set", Note: "one of usecapcond"},
				},
				Children: []ElementSpec{targets, runSpec(DialogNamespace)},
			},
			{
				Name: "cancel", Event: "queue.cancel", Numeric: true, Errors: []string{codeAttribute, codeUnknown},
				Data: []string{"interactionid"},
				Attributes: []AttributeSpec{
					{Name: "requestid", Note: "the id of the submit; without it all of the interaction"},
					{Name: "interactionid"}, {Name: "queue", Default: "all virtual queues"},
				},
				Note: "Each submit that is cancelled is told of by an event with its id.",
			},
			{
				Name: "query", Event: "queue.query", Numeric: true, Errors: []string{codeUnknown},
				Data:       []string{"priority", "positioninqueue", "invqwaittime", "queue", "waited"},
				Attributes: []AttributeSpec{which},
				Note:       "Tells where the request stands. invqwaittime is the wait still expected, in seconds.",
			},
			{
				Name: "update", Event: "queue.update", Numeric: true, Errors: []string{codeAttribute, codeUnknown},
				Attributes: []AttributeSpec{which, {Name: "priority"}}, Children: []ElementSpec{runSpec(DialogNamespace)},
				Note: "Changes the priority of a submit or its treatments.",
			},
		},
		Members: queueMembers(),
	}
}

// checkTargets reports targets that name nothing.
func checkTargets(targets *scxml.Element, c *scxml.Compiler) {
	if len(targets.Children) == 0 {
		c.Problem(scxml.Error, targets.Pos, "<targets> names no target", "put <target> or <targetid> inside")
	}
	for _, t := range targets.Children {
		_, name := t.Attr("name")
		_, skill := t.Attr("skillexpr")
		if t.Name == elementTarget && !name && !skill {
			c.Problem(scxml.Error, t.Pos, "<target> needs the attribute name or skillexpr", "their values are expressions")
		}
	}
}

// numberOfID is the number at the end of a request id, which is unique in its
// session.
func numberOfID(id string) datamodel.Value {
	n, err := strconv.ParseFloat(id[strings.LastIndexByte(id, '.')+1:], 64)
	if err != nil {
		return id
	}
	return n
}

// queue carries out the effect of an action or function of the queue module.
func (c *Connector) queue(effect *session.ModuleCall) error {
	p := &pending{
		session: effect.Session.ID, requestID: effect.RequestID, origin: queueOrigin, prefix: "queue." + effect.Name, numeric: true,
	}
	switch effect.Name {
	case effectSettings:
		c.setQueue(p.session, effect.Args)
		return nil
	case "submit", "cancel", "query", "update":
	default:
		return fmt.Errorf("fm: no action %s", effect.Name)
	}
	if effect.Name != "submit" || c.submissions[p.session][asText(p.id())] == nil { // else it is under way
		c.track(p, effect)
	}
	if c.closed || c.targets == nil {
		if effect.Name == "submit" {
			c.emit(p.session, c.answer(nil, p, p.prefix+".requestid"))
		} else if id := text(effect.Args, argRequest); id != "" {
			p.requestID = id
		}
		c.fail(nil, p, codeUnknown, "no router is connected")
		return nil
	}
	switch effect.Name {
	case "submit":
		c.submit(p, effect.Args)
	case "cancel":
		c.cancelSubmits(p, effect.Args)
		c.concluded(p)
	case "query":
		c.query(p, effect.Args)
	case "update":
		c.update(p, effect.Args)
	}
	return nil
}

// submitted finds the request that an attribute requestid names; p takes over
// its id.
func (c *Connector) submitted(p *pending, args *datamodel.Object) *submission {
	p.requestID = text(args, argRequest)
	return c.submissions[p.session][p.requestID]
}

// cancelSubmits is <queue:cancel>.
func (c *Connector) cancelSubmits(p *pending, args *datamodel.Object) {
	interaction, queue := text(args, "interactionid"), text(args, "queue")
	switch {
	case text(args, argRequest) != "":
		s := c.submitted(p, args)
		if s == nil {
			c.fail(nil, p, codeUnknown, noSubmit)
			return
		}
		if !c.cancelOne(s) {
			c.fail(s.k, p, codeUnknown, noSubmit)
		}
		return
	case interaction == "":
		c.fail(nil, p, codeAttribute, "one of the attributes requestid and interactionid is needed")
		return
	}
	found := false
	for _, s := range c.submissionsOf(p.session) {
		if s.interaction == interaction && (queue == "" || s.queue == queue) {
			if c.cancelOne(s) {
				found = true
			} else if s.k != nil && s.k.routing == s.p {
				found = true
				c.fail(s.k, &pending{session: p.session, requestID: s.p.requestID, origin: p.origin, prefix: p.prefix, numeric: true}, codeUnknown, noSubmit)
			}
		}
	}
	if queue == "" {
		c.targets.Forget(interaction)
	}
	if !found {
		c.emit(p.session, c.answer(nil, p, "queue.cancel.done", datamodel.Member{Name: "interactionid", Value: interaction}))
	}
}

// noSubmit describes the failure to cancel a request that is none any more.
const noSubmit = "there is no such request, or it has its target already"

// cancelOne ends a request and tells of it. It reports false when that is over: the
// target that it found is not reserved any more, or the switch is routing the call there.
func (c *Connector) cancelOne(s *submission) bool {
	if s.k != nil && s.k.routing == s.p {
		return false
	}
	c.forgetSubmission(s)
	if reserved := c.targets.Cancel(s.id); s.selected && !reserved {
		return false
	}
	p := *s.p
	p.prefix = "queue.cancel"
	c.emit(p.session, c.answer(s.k, &p, "queue.cancel.done", datamodel.Member{Name: "interactionid", Value: s.interaction}))
	return true
}

// query is <queue:query>.
func (c *Connector) query(p *pending, args *datamodel.Object) {
	s := c.submitted(p, args)
	if s == nil {
		c.fail(nil, p, codeUnknown, "there is no such request")
		return
	}
	at, err := c.targets.Query(s.id)
	if err != nil {
		c.fail(s.k, p, codeUnknown, err.Error())
		return
	}
	c.emit(p.session, c.answer(s.k, p, "queue.query.done",
		datamodel.Member{Name: "priority", Value: float64(at.Priority)},
		datamodel.Member{Name: "positioninqueue", Value: float64(at.Position)},
		datamodel.Member{Name: "invqwaittime", Value: at.Expected.Seconds()},
		datamodel.Member{Name: "queue", Value: at.Queue},
		datamodel.Member{Name: "waited", Value: at.Waited.Seconds()},
	))
}

// update is <queue:update>.
func (c *Connector) update(p *pending, args *datamodel.Object) {
	s := c.submitted(p, args)
	if s == nil {
		c.fail(nil, p, codeUnknown, "there is no such request")
		return
	}
	priority, given, err := integerOf(args, "priority")
	var busy *busyList
	if err == nil && s.k != nil {
		busy, err = newBusyList(s.k, args)
	}
	switch {
	case err != nil:
		c.fail(s.k, p, codeAttribute, err.Error())
		return
	case given:
		if err := c.targets.Update(s.id, priority); err != nil {
			c.fail(s.k, p, codeUnknown, err.Error())
			return
		}
		s.given, s.priority = priority, priority
	}
	if busy != nil {
		s.busy.end()
		s.busy = busy
		c.step(busy)
	}
	c.emit(p.session, c.answer(s.k, p, "queue.update.done"))
}

// integerOf reads an attribute that holds an integer of 32 bits.
func integerOf(args *datamodel.Object, name string) (n int, given bool, err error) {
	f, given, err := number(args, name)
	if err == nil && f != float64(int32(f)) {
		err = fmt.Errorf("attribute %s: %g is no integer", name, f)
	}
	return int(f), given, err
}
