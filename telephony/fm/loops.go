package fm

import (
	"fmt"
	"time"
)

// redirectWindow is the time in which Options.MaxRedirects counts.
const redirectWindow = 10 * time.Second

// loops says why an interaction is not routed any further: it has been too often
// within redirectWindow. Empty: it may go on.
func (c *Connector) loops(k *call) string {
	n := c.hops[k.id]
	if n < c.maxRedirects {
		return ""
	}
	if n == c.maxRedirects {
		c.hops[k.id]++ // told once
		c.logger.Error("interaction is not routed any further: its strategies send it in circles",
			"interaction", k.id, "dn", k.attachAt, "session", k.session, "max", c.maxRedirects, "within", redirectWindow)
	}
	return fmt.Sprintf("the interaction has been routed %d times within %s", c.maxRedirects, redirectWindow)
}

// hop counts one redirect. The count outlives what is known of the interaction,
// which may come back at once.
func (c *Connector) hop(k *call) {
	c.hops[k.id]++
	if id := k.id; c.hops[id] == 1 {
		c.after(redirectWindow, func() { delete(c.hops, id) })
	}
}
