package router

import (
	"fmt"
	"slices"
)

// Audit compares what the router keeps with what it would find by looking at
// everything.
func (r *Router) Audit() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.auditReservations(); err != nil {
		return err
	}
	if err := r.auditAgents(); err != nil {
		return err
	}
	return r.auditWaits()
}

func (r *Router) auditReservations() error {
	holders := 0
	for _, l := range r.linesInOrder() {
		holders += len(l.holders)
	}
	for _, res := range r.agents {
		holders += len(res.held)
	}
	kept, shared := 0, 0
	for _, q := range r.requests {
		if q.state != reserved {
			continue
		}
		kept++
		switch {
		case q.chosen.shared:
			shared++
		case q.line != nil && !slices.Contains(q.line.holders, q), q.line == nil && !slices.Contains(q.chosen.held, q):
			return fmt.Errorf("request %d is not held where it should be", q.id)
		}
	}
	if kept != r.reserved || holders+shared != kept {
		return fmt.Errorf("%d reserved requests, %d holders, %d shared, counted %d", kept, holders, shared, r.reserved)
	}
	return nil
}

func (r *Router) auditAgents() error {
	for _, res := range r.agents {
		for _, m := range r.media {
			idle, ready := m.idle.has(res.slot), m.ready.has(res.slot)
			r.updateFor(res, m)
			if idle != m.idle.has(res.slot) || ready != m.ready.has(res.slot) {
				return fmt.Errorf("agent %s is not up to date for %q", res.agent.ID, m.name)
			}
			if kept := res.kept(m); ready && kept > 0 && res.agent.Capacity.Total == 0 && res.agent.Capacity.Media == nil {
				return fmt.Errorf("agent %s is free and kept", res.agent.ID)
			}
		}
		for _, p := range r.pools {
			if p.has(res) != r.belongs(res, p) {
				return fmt.Errorf("agent %s in pool %v: %t", res.agent.ID, p.key, p.has(res))
			}
		}
	}
	for _, p := range r.pools {
		if !p.wide {
			continue
		}
		kept := slices.Clone(p.members)
		r.fill(p)
		if kept.common(kept) != p.members.common(p.members) || kept.common(p.members) != kept.common(kept) {
			return fmt.Errorf("pool %v is not what filling makes", p.key)
		}
	}
	return nil
}

func (r *Router) auditWaits() error {
	waits := map[*class]int{}
	for _, q := range r.requests {
		if q.state != waiting {
			continue
		}
		waits[q.class]++
		for i, p := range q.pools {
			if !p.hasWaiting(q) {
				return fmt.Errorf("request %d does not stand at its target %d", q.id, i)
			}
			// Nobody waits for somebody who is free.
			if !q.guarded && r.longest(q, p) != nil {
				return fmt.Errorf("request %d waits and %s is free", q.id, r.longest(q, p).name())
			}
		}
	}
	for _, m := range r.media {
		for _, c := range m.classes {
			if waits[c] != c.requests {
				return fmt.Errorf("a class of %d has %d requests", c.requests, waits[c])
			}
			for w := range c.heads.all() {
				if first, _ := w.list.first(); first != w.head {
					return fmt.Errorf("pool %v has a wrong head", w.pool.key)
				}
			}
		}
	}
	return nil
}

func (p *pool) hasWaiting(q *request) bool {
	for _, w := range p.waits {
		for x := range w.list.all() {
			if x == q {
				return true
			}
		}
	}
	return false
}
