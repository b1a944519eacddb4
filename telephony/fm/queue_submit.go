package fm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
)

// submission is a <queue:submit> under way. Guarded by Connector.mu.
type submission struct {
	p           *pending
	key         string // of Connector.submissions: the request id as scripts see it
	k           *call  // nil without an interaction
	id          router.ID
	interaction string
	queue       string
	given       int    // priority of the element
	priority    int    // of the request
	reached     string // "Agent", "Place" or "DN": how the target is told; empty: as it is
	route       bool
	selected    bool // and the target is the session's to use
	extensions  telephony.KVList
	busy        *busyList
	expire      func() // stops the wait for the end of the reservation; nil without
}

// defaultReserved is how long a target is taken to be reserved when the selector
// does not say.
const defaultReserved = 10 * time.Second

// submit is <queue:submit>.
func (c *Connector) submit(p *pending, args *datamodel.Object) {
	interaction := text(args, "interactionid")
	s := &submission{p: p, key: asText(p.id()), interaction: interaction, route: interaction != "", extensions: extensions(args)}
	if c.submissions[p.session][s.key] != nil {
		return // the effect was carried out before
	}
	if route, ok := args.Get("route"); ok && route != nil {
		s.route = s.route && truth(route)
	}
	if interaction != "" {
		s.k = c.callOf(p.session, interaction)
		p.on = s.k
	}
	c.emit(p.session, c.answer(s.k, p, "queue.submit.requestid", datamodel.Member{Name: "interactionid", Value: interaction}))
	if interaction != "" && s.k == nil {
		c.fail(nil, p, codeState+"null", "the session has no such interaction")
		return
	}
	req, err := c.request(s, args)
	if err == nil && s.k != nil {
		s.busy, err = newBusyList(s.k, args)
	}
	switch {
	case err != nil:
		c.fail(s.k, p, codeAttribute, err.Error())
	case s.route && !s.k.routable() && (s.k.due == "" || s.k.routing != nil):
		c.fail(s.k, p, codeState+s.k.at(), "the interaction does not wait to be routed")
	case s.k != nil && s.k.media == nil && hasWorkbin(req.Targets):
		c.fail(s.k, p, codeAttribute, "<workbin>: calls have no place in workbins")
	case s.route && s.k.media == nil && !c.link.Capabilities().Has(telephony.CanRoute):
		c.fail(s.k, p, codeUnknown, "the link cannot route calls")
	case s.busy != nil && !c.link.Capabilities().Has(telephony.CanTreat):
		c.fail(s.k, p, codeUnknown, "the link cannot apply treatments")
	default:
		taken := c.services.stopwatch("urs-request-time")
		s.id, err = c.targets.Submit(req, func(sel router.Selection, err error) { c.decided(s, sel, err) })
		taken()
		switch {
		case errors.Is(err, router.ErrTooMany):
			c.fail(s.k, p, codeUnknown, err.Error())
		case err != nil:
			c.fail(s.k, p, codeAttribute, err.Error())
		default:
			if c.submissions[p.session] == nil {
				c.submissions[p.session] = map[string]*submission{}
			}
			c.submissions[p.session][s.key] = s
			if s.busy != nil && !c.postpone(s.k, func(*call) { c.resume(s.busy) }) {
				c.step(s.busy)
			}
		}
	}
}

func hasWorkbin(targets []router.Target) bool {
	return slices.ContainsFunc(targets, func(t router.Target) bool { return t.Workbin != "" })
}

// request reads the attributes of a submit.
func (c *Connector) request(s *submission, args *datamodel.Object) (router.Request, error) {
	req := router.Request{
		Interaction: s.interaction, Queue: text(args, "queue"), Statistic: text(args, "orderstat"),
	}
	if req.Queue == "" {
		req.Queue = router.NoQueue
	}
	s.queue = req.Queue
	if s.k != nil {
		req.ConnID = s.k.conn
	}
	keep, _ := args.Get("clearontimeout")
	req.KeepOnTimeout = !truth(keep)
	fresh, _ := args.Get("clearqueue")
	req.Fresh = truth(fresh)
	var err error
	if req.Priority, _, err = integerOf(args, "priority"); err != nil {
		return req, err
	}
	if req.Order, err = router.ParseOrder(text(args, "ordertype")); err != nil {
		return req, fmt.Errorf("attribute ordertype: %w", err)
	}
	seconds, _, err := number(args, "timeout")
	if err == nil && seconds < 0 {
		err = fmt.Errorf("attribute timeout: %g is negative", seconds)
	}
	if err != nil {
		return req, err
	}
	req.Timeout = duration(seconds).Round(time.Millisecond)
	for _, targets := range childrenOf(args, elementTargets) {
		for _, o := range childrenOf(targets, "") {
			if text(o, argElement) == elementWorkbin {
				continue // it is about the others
			}
			more, err := targetsOf(targets, o)
			if err != nil {
				return req, err
			}
			req.Targets = append(req.Targets, more...)
		}
		if err := inWorkbin(req.Targets, targets); err != nil {
			return req, err
		}
	}
	usecap, _ := args.Get("usecap")
	return req, c.tune(s, &req, usecap)
}

// targetsOf reads a child of <targets>.
func targetsOf(parent, o *datamodel.Object) ([]router.Target, error) {
	name := text(o, argElement)
	switch name {
	case elementTargetID:
		expr, _ := o.Get("expr")
		list, ok := expr.([]datamodel.Value)
		if !ok {
			return router.ParseTargets(asText(expr))
		}
		var all []router.Target
		for _, v := range list {
			more, err := router.ParseTargets(asText(v))
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
		return all, nil
	case elementActivity:
		t := router.Target{Type: router.TypeActivity, Name: firstText(o, "name", "id", "expr"), Server: text(parent, "statserver")}
		if t.Name == "" {
			return nil, errors.New("<activity>: attribute name is empty")
		}
		return []router.Target{t}, nil
	}
	t, err := targetOf(parent, o)
	return []router.Target{t}, err
}

// inWorkbin applies a <workbin> to targets: it is theirs that is meant.
func inWorkbin(targets []router.Target, parent *datamodel.Object) error {
	for _, o := range childrenOf(parent, elementWorkbin) {
		name := firstText(o, "name", "expr")
		if name == "" {
			return errors.New("<workbin>: attribute name is empty")
		}
		for i := range targets {
			targets[i].Workbin = name
		}
	}
	return nil
}

func firstText(o *datamodel.Object, names ...string) string {
	for _, name := range names {
		if s := text(o, name); s != "" {
			return s
		}
	}
	return ""
}

// targetOf reads a <target>.
func targetOf(parent, o *datamodel.Object) (t router.Target, err error) {
	inherited := func(name string) string {
		if s := text(o, name); s != "" {
			return s
		}
		return text(parent, name)
	}
	t.Name, t.Server = text(o, "name"), inherited("statserver")
	typ, skill := inherited("type"), text(o, "skillexpr")
	if skill == "" && strings.EqualFold(typ, "skill") {
		skill, t.Name = t.Name, ""
	}
	switch {
	case skill != "":
		t.Type = router.TypeAgentGroup
		if t.Skill, err = router.ParseExpression(skill); err != nil {
			return t, fmt.Errorf("attribute skillexpr: %w", err)
		}
	case typ == "":
		return t, errors.New("attribute type is missing in <target> and <targets>")
	case t.Name == "":
		return t, errors.New("attribute name is empty")
	default:
		if t.Type, err = router.ParseTargetType(typ); err != nil {
			return t, fmt.Errorf("attribute type: %w", err)
		}
	}
	if threshold := text(o, "threshold"); threshold != "" {
		if t.Threshold, err = router.ParseThreshold(threshold); err != nil {
			return t, fmt.Errorf("attribute threshold: %w", err)
		}
	}
	t.Weight, _, err = integerOf(o, "weight")
	if err == nil && t.Weight < 0 {
		err = fmt.Errorf("attribute weight: %d is negative", t.Weight)
	}
	return t, err
}

// decided takes the outcome of a request.
func (c *Connector) decided(s *submission, sel router.Selection, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := s.k
	if err == nil {
		c.logger.Debug("target selected", "session", s.p.session, "interactionid", s.interaction, "queue", s.queue, "why", sel.Why)
	}
	switch {
	case c.submissions[s.p.session][s.key] != s:
		c.targets.Cancel(s.id) // nobody wants it any more
	case errors.Is(err, router.ErrTimeout):
		c.forgetSubmission(s)
		c.fail(k, s.p, codeTimeout, "no target in time")
	case err != nil:
		c.forgetSubmission(s)
		c.fail(k, s.p, codeUnknown, err.Error())
	case !s.route:
		s.selected = true
		s.busy.end()
		if sel.Reserved <= 0 {
			sel.Reserved = defaultReserved
		}
		s.expire = c.after(sel.Reserved, func() { c.forgetSubmission(s) })
		c.submitDone(s, &sel)
	case !c.postpone(k, func(*call) { c.routeSelected(s, &sel) }):
		c.routeSelected(s, &sel)
	}
}

// routeSelected routes an interaction for which a target has been found.
func (c *Connector) routeSelected(s *submission, sel *router.Selection) {
	switch k := s.k; {
	case c.submissions[s.p.session][s.key] != s:
		c.targets.Cancel(s.id) // nobody wants it any more
	case !k.routable():
		c.forgetSubmission(s)
		c.targets.Cancel(s.id)
		c.fail(k, s.p, codeState+k.at(), "the interaction does not wait to be routed")
	case c.loops(k) != "":
		c.forgetSubmission(s)
		c.targets.Cancel(s.id)
		c.fail(k, s.p, codeDestination, c.loops(k))
	default:
		c.routeTo(s, sel)
	}
}

// routable reports whether an interaction waits to be routed.
func (k *call) routable() bool {
	if k.media != nil {
		return k.present && k.routing == nil
	}
	return k.waiting != "" && k.routing == nil
}

// routeTo sends an interaction to its target.
func (c *Connector) routeTo(s *submission, sel *router.Selection) {
	k := s.k
	s.p.routed = c.services.stopwatch("redirect-time")
	if k.media == nil {
		k.routing = s.p
		c.link.Send(&telephony.RequestRouteCall{
			ThisDN: k.waiting, ConnID: k.conn, Destination: sel.DN, Location: sel.Switch, Extensions: s.extensions,
		}, func(_ telephony.Event, err error) { c.submitRouted(s, sel, err) })
		return
	}
	var req telephony.InteractionRequest
	switch {
	case c.server == nil:
	case sel.Workbin != "":
		req = &telephony.RequestPlaceInWorkbin{InteractionID: k.id, Workbin: sel.Workbin, Owner: sel.Target.Name}
	case sel.Target.Type == router.TypePlace || sel.Target.Type == router.TypePlaceGroup:
		req = &telephony.RequestDeliver{InteractionID: k.id, PlaceID: sel.Place}
	case sel.Agent != "":
		req = &telephony.RequestDeliver{InteractionID: k.id, AgentID: sel.Agent}
	case sel.Target.Type == router.TypeQueue || sel.Target.Type == router.TypeQueueGroup:
		req = &telephony.RequestPlaceInQueue{InteractionID: k.id, Queue: sel.DN}
	}
	if req == nil {
		c.forgetSubmission(s)
		c.targets.Cancel(s.id)
		c.fail(k, s.p, codeUnknown, fmt.Sprintf("a multimedia interaction cannot be sent to %s", &sel.Target))
		return
	}
	k.routing = s.p
	c.server.Send(req, func(_ telephony.Interaction, err error) { c.submitRouted(s, sel, err) })
}

// submitRouted takes the outcome of routing to a selected target.
func (c *Connector) submitRouted(s *submission, sel *router.Selection, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := s.k
	if k.routing == s.p {
		k.routing = nil
	}
	wanted := c.submissions[s.p.session][s.key] == s
	var refused *telephony.RequestError
	switch {
	case err == nil:
		k.waiting, k.handed = "", true
		c.hop(k)
		c.forgetSubmission(s)
		if wanted {
			c.submitDone(s, sel)
		}
		c.routed(k)
	case !wanted:
		c.targets.Cancel(s.id)
	case errors.As(err, &refused) && c.ids[k.id] == k && c.targets.Return(s.id) == nil:
		c.logger.Info("target is given back: the switch refused it", "connid", k.conn, "dn", sel.DN, "error", err)
		if s.busy != nil {
			c.resume(s.busy)
		}
	default:
		c.forgetSubmission(s)
		c.targets.Cancel(s.id)
		c.refuse(k, s.p, err)
	}
}

// submitDone tells of a selected target.
func (c *Connector) submitDone(s *submission, sel *router.Selection) {
	t := &sel.Target
	object := *t
	object.Text, object.Weight, object.Threshold = "", 0, nil
	dn := fmt.Sprintf("%s@%s.%s", sel.DN, sel.Switch, router.TypeDN)
	component, kind := dn, "DN"
	switch {
	case sel.Workbin != "":
		dn = fmt.Sprintf("%s@%s.%s", t.Name, t.Server, t.Type)
		component, kind = dn, "Workbin"
	case s.reached == "DN" && sel.Agent != "":
	case s.reached == "Place" || s.reached == "" && (t.Type == router.TypePlace || t.Type == router.TypePlaceGroup):
		component, kind = fmt.Sprintf("%s@%s.%s", sel.Place, t.Server, router.TypePlace), "Place"
	case sel.Agent != "":
		component, kind = fmt.Sprintf("%s@%s.%s", sel.Agent, t.Server, router.TypeAgent), "Agent"
	case t.Type != router.TypeDN:
		dn = fmt.Sprintf("%s@%s.%s", sel.DN, sel.Switch, t.Type)
		component = dn
	}
	member := func(name string, v datamodel.Value) datamodel.Member { return datamodel.Member{Name: name, Value: v} }
	c.emit(s.p.session, c.answer(s.k, s.p, "queue.submit.done",
		member("interactionid", s.interaction),
		member("targetselected", dn),
		member("targetcomponentselected", component),
		member("targetobjectselected", object.String()),
		member("vqselected", sel.Queue),
		member("resource", datamodel.NewObject(member("dn", sel.DN), member("switch", sel.Switch),
			member("agent", sel.Agent), member("place", sel.Place), member("workbin", textOrUndefined(sel.Workbin)), member("type", kind))),
		member("access", datamodel.NewObject(member("prefix", ""), member("rtype", float64(telephony.RouteTypeUnknown)),
			member("destination", sel.DN), member("location", sel.Switch), member("dnis", ""))),
	))
}

// submissionsOf returns the requests of a session, in the order of their ids.
func (c *Connector) submissionsOf(id string) []*submission {
	all := make([]*submission, 0, len(c.submissions[id]))
	for _, s := range c.submissions[id] {
		all = append(all, s)
	}
	slices.SortFunc(all, func(x, y *submission) int {
		if len(x.key) != len(y.key) {
			return len(x.key) - len(y.key)
		}
		return strings.Compare(x.key, y.key)
	})
	return all
}

// forgetSubmission ends the following of a request.
func (c *Connector) forgetSubmission(s *submission) {
	s.busy.end()
	if s.expire != nil {
		s.expire()
	}
	list := c.submissions[s.p.session]
	delete(list, s.key)
	if len(list) == 0 {
		delete(c.submissions, s.p.session)
	}
}

// dropSubmissions cancels the requests of a call for which no target is of use
// any more. A target that the session has been told of stays reserved: the call may be on its way there.
func (c *Connector) dropSubmissions(k *call, why string) {
	for _, s := range c.submissionsOf(k.session) {
		if s.k != k || k.routing == s.p {
			continue
		}
		c.forgetSubmission(s)
		if !s.selected {
			c.targets.Cancel(s.id)
			c.fail(k, s.p, codeCancelled, why)
		}
	}
}

// moveSubmissions gives the requests of a call to the one that it has become part
// of.
func (c *Connector) moveSubmissions(from, to *call) {
	for _, s := range c.submissionsOf(from.session) {
		if s.k == from {
			s.k = to
			if s.busy != nil {
				s.busy.k = to
			}
		}
	}
}

// dropCall cancels the requests of a call that is over. The session hears of the
// end of the call, not of them.
func (c *Connector) dropCall(k *call) {
	for _, s := range c.submissionsOf(k.session) {
		if s.k == k {
			c.forgetSubmission(s)
			c.targets.Cancel(s.id)
		}
	}
	if c.targets != nil {
		c.targets.Forget(k.id)
	}
}

// dropSession cancels the requests of a session that has ended.
func (c *Connector) dropSession(id string) {
	for _, s := range c.submissionsOf(id) {
		c.forgetSubmission(s)
		c.targets.Cancel(s.id)
	}
	delete(c.settings, id)
}
