package fm

import (
	"slices"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/session"
)

// An action is an effect that the engine keeps in its store until it has been answered. When
// the process dies before, the engine calls for it again after the restart (Repeated), and it is
// begun anew, under the same id; what must not be done twice is answered by an error. Actions
// on an interaction wait until it is known that this is still there.

// track notes that p is an action that has to be answered. c.mu is held.
func (c *Connector) track(p *pending, effect *session.ModuleCall) {
	p.effect = effect.Effect
	list := c.unanswered[p.session]
	if list == nil {
		list = map[session.EffectID]*pending{}
		c.unanswered[p.session] = list
	}
	list[p.effect] = p
}

// answered takes an action off the list. c.mu is held.
func (c *Connector) answered(p *pending) {
	list := c.unanswered[p.session]
	if delete(list, p.effect); len(list) == 0 {
		delete(c.unanswered, p.session)
	}
}

// call carries out an effect, or keeps it until the interaction that it is about has been
// found, or given to another session. c.mu is held.
func (c *Connector) call(effect *session.ModuleCall, perform func(*Connector, *session.ModuleCall) error) error {
	if k := c.about(effect); k != nil && (k.giving || effect.Repeated && (k.unsure || k.probing)) {
		p := &pending{session: effect.Session.ID, requestID: effect.RequestID, on: k, waits: true}
		c.track(p, effect)
		k.again = append(k.again, func() {
			err := perform(c, effect)
			if err != nil {
				c.logger.Error("action that had to wait not carried out", "session", p.session, "action", effect.Name, "error", err)
			}
			if c.unanswered[p.session][p.effect] == p { // it has no answer
				c.answered(p)
				c.engine.Confirm(p.effect)
			}
		})
		return nil
	}
	return perform(c, effect)
}

// about returns the interaction for which an effect may have to wait: that of the action whose id it has as an
// attribute, while that waits; else its own. c.mu is held.
func (c *Connector) about(effect *session.ModuleCall) *call {
	if id := text(effect.Args, argRequest); id != "" {
		for _, p := range c.unanswered[effect.Session.ID] {
			if p.waits && (p.requestID == id || asText(numberOfID(p.requestID)) == id) {
				return p.on
			}
		}
	}
	return c.callOf(effect.Session.ID, text(effect.Args, "interactionid"))
}

// owes reports whether an action has no answer yet, or one that has yet to be delivered.
func (c *Connector) owes(effect session.EffectID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unanswered[effect.Session][effect] != nil || c.mail.holds(effect) {
		return true
	}
	st := c.starting[effect.Session]
	return st != nil && slices.ContainsFunc(st.held, func(l *letter) bool { return l.effect == effect })
}

// concluded is told that p has been answered, by events that answer other actions as well: it is
// done when the session has taken them. c.mu is held.
func (c *Connector) concluded(p *pending) {
	if c.unanswered[p.session][p.effect] == p {
		c.answered(p)
		c.post(p.session, &letter{effect: p.effect})
	}
}

// repeat begins the actions on an interaction anew, in order. c.mu is held.
func (c *Connector) repeat(k *call) {
	again := k.again
	k.again = nil
	for _, run := range again {
		run()
	}
}

// dropActions ends the actions on an interaction that is over: the session hears of that, and
// not of them. c.mu is held.
func (c *Connector) dropActions(k *call) {
	k.again = nil
	for _, p := range c.unanswered[k.session] {
		if p.on != nil && p.on.now() == k {
			c.answered(p)
			c.engine.Confirm(p.effect)
		}
	}
}

// once are the actions of the interaction module that make something new, or act on whatever is
// there at the moment: nobody can tell whether they had been carried out.
func once() map[string]bool {
	names := map[string]bool{}
	for _, name := range []string{
		"createcall", "createmessage", "sendmessage", "sendsignal", "singlesteptransfer", "singlestepconference", "initiatetransfer",
		"completetransfer", "initiateconference", "completeconference", "alternate", "merge",
	} {
		names[name] = true
	}
	return names
}

const outcomeUnknown = "the process ended while the action was under way: it may have been carried out"

// failRepeated answers an action that must not be carried out twice.
func (c *Connector) failRepeated(p *pending, args *datamodel.Object) {
	c.fail(c.callOf(p.session, text(args, "interactionid")), p, codeUnknown, outcomeUnknown)
}
