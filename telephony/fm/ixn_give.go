package fm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed-ff723688/ors/session"
)

// gift is an interaction that <ixn:associate> gives to another session. That it is there shows when it
// has taken interaction.added. Until then the interaction stays where it is, and what else is asked for
// it waits.
type gift struct {
	k      *call
	owner  string // the session that has it; empty: none
	p      *pending
	target string
}

// give begins to give an interaction away. c.mu is held.
func (c *Connector) give(g *gift) {
	added := g.k.event("interaction.added", focus(g.k.device()))
	added.Context = contextOf(g.k.id, g.k.stateFor(g.target), 0) // the new session has changed nothing yet
	c.gifts = append(c.gifts, g)
	g.k.giving = true
	if c.starting[g.target] != nil {
		c.emit(g.target, added)
		c.given(g, nil)
		return
	}
	c.post(g.target, &letter{ev: added, outcome: func(err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.given(g, err)
	}})
}

// given is the end of give: the first call for a gift. c.mu is held.
func (c *Connector) given(g *gift, err error) {
	i := slices.Index(c.gifts, g)
	if i < 0 { // the other session was lost, and has come back from its store
		if err == nil {
			c.emit(g.target, g.k.last("interaction.deleted"))
		}
		return
	}
	c.gifts = slices.Delete(c.gifts, i, i+1)
	g.k.giving = false
	k, p := g.k.now(), g.p
	switch old := k.session; {
	case c.ids[k.id] != k: // it is over, and its session has heard of that
		if err == nil {
			c.emit(g.target, k.last("interaction.deleted"))
		}
	case errors.Is(err, session.ErrNotFound):
		c.fail(k, p, codeUnknown, fmt.Sprintf("there is no session %.80q", g.target))
	case err != nil:
		c.fail(k, p, codeUnknown, err.Error())
	case k.routing != nil, old != g.owner && old != "":
		c.fail(k, p, codeBadState, "the interaction has gone elsewhere meanwhile")
		c.emit(g.target, k.last("interaction.deleted"))
	default:
		if old != "" {
			c.cancelTreatment(k, "the interaction was given to another session")
		}
		c.done(k, p)
		if old != "" {
			c.emit(old, k.last("interaction.deleted", resultOf("associate")))
			c.emit(old, k.last("interaction.notcontrolled"))
			c.unbind(k)
		}
		c.bind(k, g.target)
		c.attach(k)
		c.emit(g.target, k.event("interaction.present"))
		if k.waiting != "" {
			c.emit(g.target, k.event("interaction.onrouterequest"))
		}
	}
	c.repeat(g.k)
}

// refuseGifts ends the gifts for a session that has ended. c.mu is held.
func (c *Connector) refuseGifts(target string) {
	for _, g := range slices.Clone(c.gifts) {
		if g.target == target {
			c.given(g, session.ErrNotFound)
		}
	}
}
