package router

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-ff723688/ors/telephony"
)

// Receive takes the events of a link: they tell which DNs are in calls, what agents say
// at their DNs or places, and what becomes of the calls in the queues of [Router.SetQueue].
// Events of other DNs and agents are passed over. DNs are told apart by their number; with more than
// one switch let each link tell its events to [Router.AtSwitch].
//
// Calls stay known while the link is down: after EventLinkConnected a [telephony.Client] tells
// what has become of them meanwhile, and only that. That a DN does not disturb or is out of
// service is forgotten then, because nobody tells of its end: a DN taken for open refuses the
// call, one taken for closed would stay so for ever.
func (r *Router) Receive(e telephony.Event) { r.receive("", e) }

// Switch is a Router as the link to one switch sees it: what it receives is about DNs of that
// switch, also where another has the same number. It is given to the connector of that link in
// place of the Router.
type Switch struct {
	*Router
	name string
}

// AtSwitch returns the router as the switch of this name, that of Agent.Switch and of
// targets, sees it. The link to an Interaction Server of its own is given one too, under the name of that
// server, so that agents can log in there: link.Subscribe(r.AtSwitch("IxnServer").Receive).
func (r *Router) AtSwitch(name string) *Switch { return &Switch{r, name} }

// Receive takes the events of the link to the switch; see Router.Receive.
func (s *Switch) Receive(e telephony.Event) { s.receive(s.name, e) }

// receive takes an event of a switch; an empty name is any of them.
func (r *Router) receive(sw string, e telephony.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := e.(*telephony.EventLinkConnected); ok {
		for _, l := range r.linesInOrder() {
			if at(sw, l.sw) {
				l.closed = 0
				r.changed(l)
			}
		}
		return
	}
	if r.atAgent(sw, e) {
		return
	}
	a, ok := telephony.CallOf(e)
	if !ok {
		return
	}
	if d := r.deviceOf(a.ThisDN, sw); d != nil {
		r.atQueue(d, e, a)
	}
	for _, l := range r.linesAt(a.ThisDN, sw) {
		r.atLine(l, e, a)
	}
}

// atLine takes an event of a DN where calls are answered.
func (r *Router) atLine(l *line, e telephony.Event, a *telephony.CallAttributes) {
	v := l.calls[a.ConnID]
	switch x := e.(type) {
	case *telephony.EventRinging, *telephony.EventDialing:
		l.arrive(r, a)
	case *telephony.EventEstablished:
		v = l.arrive(r, a)
		if !v.answered {
			v.answered = true
			r.visited(v, answered)
			delete(r.missed, v.interaction)
		}
	case *telephony.EventPartyChanged:
		if a.PreviousConnID == 0 || l.calls[a.PreviousConnID] == nil {
			return
		}
		l.arrive(r, a)
	case *telephony.EventPartyInfo:
		if v == nil || !x.Synthetic || x.PartyState != telephony.PartyStateNull {
			return
		}
		delete(l.calls, a.ConnID)
	case *telephony.EventReleased, *telephony.EventAbandoned, *telephony.EventDiverted:
		if v == nil {
			return
		}
		delete(l.calls, a.ConnID)
		_, gone := e.(*telephony.EventAbandoned)
		switch {
		case v.answered:
			r.visited(v, completed)
		case !gone && v.res != nil && (a.CallState == telephony.CallStateNoAnswer || a.CallState == telephony.CallStateRedirected):
			r.notAnswered(l, v)
			return
		}
	default:
		return
	}
	r.changed(l)
}

// arrive notes a call, and ends the reservation for it.
func (l *line) arrive(r *Router, a *telephony.CallAttributes) *visit {
	v := l.calls[a.ConnID]
	if v == nil {
		if v = l.calls[a.PreviousConnID]; v == nil {
			v = &visit{}
		}
		delete(l.calls, a.PreviousConnID)
		l.calls[a.ConnID] = v
	}
	i := slices.IndexFunc(l.holders, func(q *request) bool { return q.ConnID == a.ConnID })
	if i < 0 {
		i = slices.IndexFunc(l.holders, func(q *request) bool { return q.ConnID == 0 })
	}
	if i >= 0 {
		q := l.holders[i]
		v.res, v.queue, v.interaction = q.chosen, q.queue, q.Interaction
		r.drop(q) // the call is there: the reservation has done its work
	}
	return v
}

// visited counts what became of a call.
func (r *Router) visited(v *visit, what int) {
	r.count(&r.totals, what)
	if v.queue != nil {
		r.count(&v.queue.counters, what)
	}
	if v.res != nil {
		r.count(&v.res.counters, what)
	}
}

// notAnswered is the end of a call that rang in vain.
func (r *Router) notAnswered(l *line, v *visit) {
	r.visited(v, notAnswered)
	for _, res := range l.users {
		res.version++
	}
	res := v.res
	if res.agent != nil && r.agents[res.agent.ID] == res && r.opts.NotReadyOnNoAnswer && res.stateFor(Voice) == Ready {
		r.tell(res, Voice, NotReady)
	}
	if v.interaction != "" {
		if r.missed[v.interaction] == nil && len(r.missed) < r.opts.MaxRequests {
			r.missed[v.interaction] = map[identity]uint64{}
		}
		if m := r.missed[v.interaction]; m != nil {
			m[res.identity()] = res.version
		}
	}
	r.refreshLine(l)
}

func (r *Router) linesInOrder() []*line {
	all := make([]*line, 0, len(r.lines))
	for _, lines := range r.lines {
		all = append(all, lines...)
	}
	slices.SortFunc(all, func(x, y *line) int {
		return cmp.Or(strings.Compare(x.dn, y.dn), strings.Compare(x.sw, y.sw))
	})
	return all
}

// Queue is an ACD queue, a virtual queue of the switch or a routing point whose calls are
// counted.
type Queue struct {
	Number string
	Switch string
}

// device is a queue of the switch.
type device struct {
	Queue
	calls map[telephony.ConnID]int64 // since when; Unix nanoseconds
	counters
}

// SetQueue has the calls of a queue counted for statistics. Its DN has to be
// registered on the link. The error is a *ConfigError or matches ErrTooMany.
func (r *Router) SetQueue(q Queue) error {
	if q.Number == "" {
		return &ConfigError{"a queue", "the number is missing"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.deviceOf(q.Number, q.Switch); d != nil {
		if q.Switch != "" && d.Switch == "" {
			delete(r.devices, d.Queue)
			d.Queue, r.devices[q] = q, d
		}
		return nil
	}
	if len(r.devices) >= r.opts.MaxQueues {
		return tooMany("queues", r.opts.MaxQueues)
	}
	r.devices[q] = &device{Queue: q, calls: map[telephony.ConnID]int64{}}
	return nil
}

// deviceOf returns the queue with a number at a switch; where one of the two names no switch,
// the number decides.
func (r *Router) deviceOf(number, sw string) *device {
	if d := r.devices[Queue{number, sw}]; d != nil || sw != "" {
		if d == nil {
			d = r.devices[Queue{Number: number}]
		}
		return d
	}
	var found *device
	for q, d := range r.devices {
		if q.Number == number && (found == nil || q.Switch < found.Switch) {
			found = d
		}
	}
	return found
}

// deviceNamed returns the queue that a target means, whose server may be a Stat Server and not the
// switch.
func (r *Router) deviceNamed(number, server string) *device {
	if d := r.deviceOf(number, server); d != nil {
		return d
	}
	return r.deviceOf(number, "")
}

// atQueue takes an event of a queue.
func (r *Router) atQueue(d *device, e telephony.Event, a *telephony.CallAttributes) {
	since, there := d.calls[a.ConnID]
	now := r.clock.Now().UnixNano()
	switch e := e.(type) {
	case *telephony.EventQueued, *telephony.EventRouteRequest:
		if since, moved := d.calls[a.PreviousConnID]; moved && a.PreviousConnID != 0 {
			delete(d.calls, a.PreviousConnID)
			d.calls[a.ConnID] = since
		} else if !there && len(d.calls) < r.opts.MaxRequests {
			d.calls[a.ConnID] = now
			r.count(&d.counters, entered)
		}
	case *telephony.EventDiverted, *telephony.EventRouteUsed:
		if there {
			delete(d.calls, a.ConnID)
			wait := duration(now - since)
			r.countWait(&d.counters, wait, wait <= r.opts.Objective)
		}
	case *telephony.EventAbandoned, *telephony.EventReleased:
		if there {
			delete(d.calls, a.ConnID)
			r.count(&d.counters, abandoned)
		}
	case *telephony.EventPartyInfo:
		if e.Synthetic && e.PartyState == telephony.PartyStateNull {
			delete(d.calls, a.ConnID)
		}
	}
}

// AddInteraction tells that an agent has taken an interaction of some media, by
// which his load grows. What was reserved for the interaction is not any more. The errors match ErrNoAgent and
// ErrTooMany.
func (r *Router) AddInteraction(agent, media, interaction string) error {
	if media == "" {
		media = Voice
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.agents[agent]
	if res == nil {
		return fmt.Errorf("%w: %.100q", ErrNoAgent, agent)
	}
	if _, err := r.mediaOf(media, false); err != nil {
		return err
	}
	if _, has := res.works[interaction]; has {
		return nil
	}
	if len(res.works) >= r.opts.MaxRequests {
		return tooMany("interactions of an agent", r.opts.MaxRequests)
	}
	if res.works == nil {
		res.works = map[string]string{}
	}
	res.works[interaction] = media
	r.works[interaction] = append(r.works[interaction], res)
	res.version++
	kept := slices.Clone(res.held)
	if res.line != nil {
		kept = append(kept, res.line.holders...)
	}
	r.update(res)
	for _, q := range kept {
		if q.Interaction == interaction && q.chosen == res {
			r.visited(&visit{res: res, queue: q.queue}, answered)
			delete(r.missed, interaction)
			r.drop(q)
		}
	}
	r.refresh(res)
	return nil
}

// RemoveInteraction tells that an agent has done with an interaction. One that
// he does not have is passed over. The error matches ErrNoAgent.
func (r *Router) RemoveInteraction(agent, interaction string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.agents[agent]
	if res == nil {
		return fmt.Errorf("%w: %.100q", ErrNoAgent, agent)
	}
	r.done(res, interaction)
	return nil
}

func (r *Router) done(res *resource, interaction string) {
	if _, has := res.works[interaction]; !has {
		return
	}
	delete(res.works, interaction)
	r.works[interaction] = slices.DeleteFunc(r.works[interaction], func(x *resource) bool { return x == res })
	if len(r.works[interaction]) == 0 {
		delete(r.works, interaction)
	}
	res.version++
	r.visited(&visit{res: res}, completed)
	r.refresh(res)
}

// ReceiveInteraction takes the events of an Interaction Server: they tell which
// agents have which interactions. Events of others are passed over, and so is what goes
// beyond Options.MaxMedia.
func (r *Router) ReceiveInteraction(e telephony.InteractionEvent) {
	id := e.Interaction.ID
	switch e.Type {
	case telephony.InteractionPartyAdded, telephony.InteractionPartyRemoved:
		agent := r.party(e.Party)
		if agent == "" {
			return
		}
		var err error
		if e.Type == telephony.InteractionPartyAdded {
			err = r.AddInteraction(agent, e.Interaction.MediaType, id)
		} else {
			err = r.RemoveInteraction(agent, id)
		}
		if err != nil {
			r.opts.Logger.Debug("event of an interaction is passed over", "interaction", id, "error", err)
		}
	case telephony.InteractionStopped:
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, res := range slices.Clone(r.works[id]) {
			r.done(res, id)
		}
	}
}

// party returns the agent who is meant by his id or his place.
func (r *Router) party(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.agents[name] != nil {
		return name
	}
	for _, res := range r.places[name] {
		if res.loggedIn() {
			return res.agent.ID
		}
	}
	return ""
}
