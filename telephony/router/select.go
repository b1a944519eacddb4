package router

import (
	"slices"
	"strconv"
	"strings"
)

// allowed reports whether a request may get a resource, thresholds apart.
func (q *request) allowed(res *resource) bool {
	if q.refused(res) || res.agent != nil && !q.meets(res) {
		return false
	}
	if q.exclude != nil && res.agent != nil {
		_, out := q.exclude[res.agent.ID]
		return !out
	}
	return true
}

// refused reports whether a resource was given back and nothing has changed
// there since.
func (q *request) refused(res *resource) bool {
	if len(q.avoid) == 0 {
		return false
	}
	version, ok := q.avoid[res.identity()]
	return ok && version == res.version
}

// contest finds the request that is first to have one of several resources.
type contest struct {
	r      *Router
	now    int64
	best   *request
	winner *resource
	target int
}

// offer gives what is free to the requests that are first to have it.
func (r *Router) offer(list ...*resource) {
	for {
		c := contest{r: r, now: r.clock.Now().UnixNano()}
		for _, res := range list {
			c.enter(res)
		}
		if c.best == nil {
			break
		}
		r.choose(c.best, c.target, c.winner, Reason{Trigger: AgentFree})
	}
	for _, res := range list {
		r.forgetTarget(res)
	}
}

// enter puts up a resource.
func (c *contest) enter(res *resource) {
	if res.agent == nil {
		if res.open() {
			for _, p := range res.narrow {
				for _, w := range p.waits {
					c.look(w, res)
				}
			}
		}
		return
	}
	for _, m := range c.r.media {
		if len(m.classes) == 0 || !m.ready.has(res.slot) {
			continue
		}
		for _, k := range m.classes {
			for w := range k.heads.all() {
				if c.best != nil && c.r.ahead(c.best, w.head, c.now) <= 0 {
					break
				}
				if w.pool.members.has(res.slot) {
					c.look(w, res)
				}
			}
		}
		for _, p := range res.narrow {
			for _, w := range p.waits {
				if w.class.key.media == m {
					c.look(w, res)
				}
			}
		}
	}
}

// look finds the first request of a list that may have the resource.
func (c *contest) look(w *wait, res *resource) {
	for q := range w.list.all() {
		if c.best != nil && c.r.ahead(c.best, q, c.now) <= 0 {
			return
		}
		if !q.allowed(res) {
			continue
		}
		if i := c.r.targetOf(q, w.pool); i >= 0 {
			c.best, c.winner, c.target = q, res, i
			return
		}
	}
}

// targetOf returns the first target of q whose pool is p and whose threshold is
// true, or -1.
func (r *Router) targetOf(q *request, p *pool) int {
	for i := range q.pools {
		if q.pools[i] == p && r.passes(q, i) {
			return i
		}
	}
	return -1
}

// search chooses among the targets of q that are free.
func (r *Router) search(q *request, trigger Trigger) {
	best := -1
	var winner *resource
	var value float64
	var shares map[poolKey]float64
	if q.Order == OrderPercentage {
		shares = r.shares[q.shareKey()]
	}
	for i, p := range q.pools {
		if !r.passes(q, i) {
			continue
		}
		var res *resource
		var v float64
		better := false
		switch q.Order {
		case OrderMax, OrderMin:
			res, v = r.extreme(q, p)
			better = q.Order == OrderMax && v > value || q.Order == OrderMin && v < value
		case OrderPercentage:
			res = r.longest(q, p)
			v = shares[p.key] / float64(max(q.Targets[i].Weight, 1))
			better = v < value
		default:
			res = r.longest(q, p)
		}
		if res != nil && (best < 0 || better) {
			best, winner, value = i, res, v
		}
		if best >= 0 && q.Order == OrderAny {
			break
		}
	}
	if best >= 0 {
		r.choose(q, best, winner, Reason{Trigger: trigger, Value: value})
	}
}

// longest returns the free resource of a pool that is ready for longest, or
// nil.
func (r *Router) longest(q *request, p *pool) *resource {
	m := q.media
	var best *resource
	if !p.wide {
		for _, res := range p.list {
			if res.agent == nil {
				if res.open() && q.allowed(res) {
					return res
				}
			} else if m.ready.has(res.slot) && (best == nil || m.turn[res.slot] < m.turn[best.slot]) && q.allowed(res) {
				best = res
			}
		}
		return best
	}
	simple := q.exclude == nil && len(q.avoid) == 0 && !q.demanding()
	at, turn := -1, uint64(0)
	p.members.both(m.ready, func(slot int) {
		if t := m.turn[slot]; (at < 0 || t < turn) && (simple || q.allowed(r.slots[slot])) {
			at, turn = slot, t
		}
	})
	if at < 0 {
		return nil
	}
	return r.slots[at]
}

// extreme returns the free resource of a pool with the greatest or the smallest
// value of the statistic; of equal ones that which is ready for longest.
func (r *Router) extreme(q *request, p *pool) (best *resource, value float64) {
	m := q.media
	if q.Statistic == timeInReadyState && q.Order == OrderMax || !r.ofAgents(q.Statistic) && (p.wide || hasAgents(p.key.typ)) {
		if best = r.longest(q, p); best != nil {
			value = r.valueFor(q, p, best)
		}
		return best, value
	}
	take := func(res *resource) {
		if !q.allowed(res) {
			return
		}
		v := r.valueFor(q, p, res)
		switch {
		case best == nil, q.Order == OrderMax && v > value, q.Order == OrderMin && v < value:
		case v != value || res.agent == nil || m.turn[res.slot] > m.turn[best.slot]:
			return
		}
		best, value = res, v
	}
	r.each(p, m.ready, take)
	for _, res := range p.list {
		if res.agent == nil && res.open() {
			take(res)
		}
	}
	return best, value
}

// shareKey names the distribution that a request takes part in: its queue and
// its targets with their weights.
func (q *request) shareKey() string {
	var b strings.Builder
	b.WriteString(q.Queue)
	for i := range q.Targets {
		k := &q.pools[i].key
		b.WriteByte(0)
		b.WriteString(strconv.Itoa(q.Targets[i].Weight))
		for _, s := range []string{string(k.typ), k.name, k.server, k.skill, k.workbin} {
			b.WriteByte(0)
			b.WriteString(s)
		}
	}
	return b.String()
}

// share keeps account of a distribution by percentage.
func (r *Router) share(q *request, i int) {
	key := q.shareKey()
	if r.shares[key] == nil {
		if len(r.shares) >= maxShares {
			clear(r.shares) // the distributions begin again
		}
		r.shares[key] = map[poolKey]float64{}
	}
	r.shares[key][q.pools[i].key]++
}

// choose keeps a resource for a request and tells it.
func (r *Router) choose(q *request, i int, res *resource, why Reason) {
	now := r.clock.Now()
	t := q.Targets[i]
	why.Order, why.Statistic, why.Name, why.Target = q.Order, q.Statistic, res.name(), t.String()
	s := Selection{
		Target: t, Queue: q.Queue, DN: res.dn, Switch: res.sw, Resource: t.Type, Workbin: t.Workbin,
		Waited: now.Sub(q.since), Reserved: r.opts.Reservation,
	}
	if q.Reserve > 0 {
		s.Reserved = q.Reserve
	}
	switch {
	case res.agent != nil:
		s.DN, s.Agent, s.Place, s.Resource = q.number(res), res.agent.ID, res.place, TypeAgent
		why.ReadyFor = readyFor(now, q.media.since[res.slot])
	case t.Workbin != "":
		s.DN, s.Switch = "", ""
		switch t.Type {
		case TypeAgent:
			s.Agent = t.Name
		case TypePlace:
			s.Place = t.Name
		}
	}
	s.Why = why
	if q.Order == OrderPercentage {
		r.share(q, i)
	}
	if decided := r.opts.Decided; decided != nil {
		e := r.explain(q, why.Trigger, i, res, nil)
		r.post(func() { decided(e) })
	}
	r.hold(q, res)
	q.queue.chose(now)
	wait := now.Sub(q.since)
	within := wait <= r.objective(q.queue)
	r.countWait(&q.queue.counters, wait, within)
	r.countWait(&r.totals, wait, within)
	r.leave(q)
	r.timer(q, s.Reserved, r.drop)
	r.opts.Logger.Debug("target chosen", "request", q.id, "interaction", q.Interaction, "queue", q.Queue,
		"dn", res.dn, "waited", s.Waited, "why", why)
	q.round++
	round := q.round
	r.post(func() {
		r.mu.Lock()
		current := q.state == reserved && q.round == round
		q.told = q.told || current
		r.mu.Unlock()
		if current {
			q.notify(s, nil)
		}
	})
}

// hold keeps a resource for a request, which still is among those that wait.
func (r *Router) hold(q *request, res *resource) {
	q.state, q.chosen, q.told = reserved, res, false
	r.reserved++
	switch {
	case res.shared:
	case res.agent == nil, q.media.any, q.media.name == Voice:
		q.line = res.line
		q.line.holders = append(q.line.holders, q)
		for _, u := range q.line.users {
			r.update(u)
		}
	default:
		res.held = append(res.held, q)
		r.update(res)
	}
}

// unhold gives back what is kept for a request, and returns what is free then.
// The caller has to offer it.
func (r *Router) unhold(q *request) []*resource {
	res := q.chosen
	r.reserved--
	q.chosen = nil
	gone := func(x *request) bool { return x == q }
	switch l := q.line; {
	case l != nil:
		q.line = nil
		l.holders = slices.DeleteFunc(l.holders, gone)
		for _, u := range l.users {
			r.update(u)
		}
		r.forgetLine(l)
		return slices.Clone(l.users)
	case res.agent != nil:
		res.held = slices.DeleteFunc(res.held, gone)
		if r.agents[res.agent.ID] != res {
			return nil // he is gone
		}
		r.update(res)
	}
	return []*resource{res}
}

// lose ends reservations of an agent who is gone. Requests that have not been
// told wait again.
func (r *Router) lose(all []*request) {
	for _, q := range all {
		if q.state != reserved {
			continue
		}
		told := q.told
		free := r.unhold(q)
		q.state = lost
		if !told {
			r.stop(q)
			r.begin(q, Returned)
		}
		r.offer(free...)
	}
}
