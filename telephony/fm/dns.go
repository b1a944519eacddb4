package fm

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-ff723688/ors/telephony"
)

// SetDNs changes Options.DNs. New ones are registered, now or when the link is
// connected. Those that are missing are given up, each as soon as no call that is followed
// is there. It does not wait: Logger is told of what the switch refuses.
func (c *Connector) SetDNs(dns []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := make(map[string]bool, len(dns))
	list := make([]string, 0, len(dns))
	var added []string
	for _, dn := range dns {
		if wanted[dn] {
			continue
		}
		wanted[dn] = true
		list = append(list, dn)
		switch {
		case c.retired[dn]: // it is registered still
			delete(c.retired, dn)
		case !c.known[dn]:
			added = append(added, dn)
		}
		c.known[dn] = true
	}
	for _, dn := range c.dns {
		if !wanted[dn] {
			c.retired[dn] = true
		}
	}
	c.dns = list
	if c.linked && !c.closed {
		c.register(added)
	}
	c.retire()
}

// DN returns the DN or queue whose application handles an interaction: where it was seen first, or
// since it was routed again. false when it is not followed.
func (c *Connector) DN(interactionID string) (dn string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.ids[interactionID]; k != nil {
		return k.attachAt, k.attachAt != ""
	}
	return "", false
}

// register asks for the events of DNs. c.mu is held.
func (c *Connector) register(dns []string) {
	c.open += len(dns)
	if c.open == 0 {
		c.registered()
	}
	for _, dn := range dns {
		c.link.Send(&telephony.RequestRegisterAddress{ThisDN: dn}, func(_ telephony.Event, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if err != nil {
				c.refused = errors.Join(c.refused, fmt.Errorf("fm: registering DN %s: %w", dn, err))
				c.logger.Warn("DN is not registered", "dn", dn, "error", err)
			}
			if c.open--; c.open == 0 {
				c.registered()
			}
		})
	}
}

func (c *Connector) registered() {
	if !c.isReady {
		c.isReady = true
		close(c.ready)
	}
}

// retire gives up DNs at which no call is any more, and looks again at the others
// later. c.mu is held.
func (c *Connector) retire() {
	if len(c.retired) == 0 || c.link != nil && !c.linked || c.closed {
		return
	}
	taken := map[string]bool{}
	for _, k := range c.calls {
		for _, p := range k.parties {
			taken[p.dn] = true
		}
	}
	for _, dn := range slices.Sorted(maps.Keys(c.retired)) {
		if taken[dn] {
			continue
		}
		delete(c.retired, dn)
		delete(c.known, dn)
		if c.link == nil {
			continue // it was never registered
		}
		c.link.Send(&telephony.RequestUnregisterAddress{ThisDN: dn}, func(_ telephony.Event, err error) {
			if err != nil {
				c.logger.Debug("DN is not unregistered", "dn", dn, "error", err)
			}
		})
	}
	if len(c.retired) > 0 && !c.retiring {
		c.retiring = true
		c.after(c.orphanAfter, func() {
			c.retiring = false
			c.retire()
		})
	}
}
