package router

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// pool is everybody whom a target means, shared by the requests that name it.
// It exists while one of them waits.
type pool struct {
	key     string
	target  Target    // without threshold and weight
	single  *resource // of a target that is no agent
	members []*resource
	ready   []*resource // of members, by turn
	waiting []*request
}

// poolKey is the same for targets that mean the same.
func poolKey(t *Target) string {
	var b strings.Builder
	b.WriteString(string(t.Type))
	b.WriteByte(0)
	b.WriteString(t.Name)
	b.WriteByte(0)
	switch {
	case t.Skill != nil:
		b.WriteString(t.Skill.String())
	case !hasAgents(t.Type):
		b.WriteString(t.Server)
	}
	return b.String()
}

// hasAgents reports whether targets of a type mean agents.
func hasAgents(t TargetType) bool {
	switch t {
	case TypeAgent, TypePlace, TypeAgentGroup, TypePlaceGroup:
		return true
	}
	return false
}

// pool returns the pool of a target, which is made when it is first named.
func (r *Router) pool(t *Target) *pool {
	key := poolKey(t)
	if p := r.pools[key]; p != nil {
		return p
	}
	p := &pool{key: key, target: Target{Type: t.Type, Name: t.Name, Server: t.Server, Skill: t.Skill}}
	r.pools[key] = p
	if hasAgents(t.Type) {
		r.fill(p)
		return p
	}
	res := r.dns[key]
	if res == nil {
		r.order++
		res = &resource{typ: t.Type, dn: t.Name, sw: t.Server, shared: t.Type != TypeDN, order: r.order}
		r.dns[key] = res
		if !res.shared {
			r.joinLine(res)
		}
	}
	r.update(res)
	res.pools = append(res.pools, p)
	p.single, p.members = res, []*resource{res}
	p.setReady(res, res.ready)
	return p
}

// fill finds the agents of a pool.
func (r *Router) fill(p *pool) {
	if p.target.Type == TypeAgent {
		if res := r.agents[p.target.Name]; res != nil {
			p.members = append(p.members, res)
		}
	} else {
		for _, res := range r.agents {
			if r.belongs(res, &p.target) {
				p.members = append(p.members, res)
			}
		}
	}
	for _, res := range p.members {
		res.pools = append(res.pools, p)
		if res.ready {
			p.ready = append(p.ready, res)
		}
	}
	slices.SortFunc(p.ready, byTurn)
}

func byTurn(x, y *resource) int {
	switch {
	case x.turn < y.turn:
		return -1
	case x.turn > y.turn:
		return 1
	}
	return 0
}

// setReady adds res to the ready ones, or removes it.
func (p *pool) setReady(res *resource, ready bool) {
	if !ready {
		// Its turn may have changed since: look for the resource itself.
		if i := slices.Index(p.ready, res); i >= 0 {
			p.ready = slices.Delete(p.ready, i, i+1)
		}
		return
	}
	if i, found := slices.BinarySearchFunc(p.ready, res, byTurn); !found {
		p.ready = slices.Insert(p.ready, i, res)
	}
}

// tidy forgets a pool that nobody waits for.
func (r *Router) tidy(p *pool) {
	if len(p.waiting) > 0 {
		return
	}
	delete(r.pools, p.key)
	for _, res := range p.members {
		res.pools = slices.DeleteFunc(res.pools, func(x *pool) bool { return x == p })
	}
	if p.single != nil {
		r.forgetDN(p.single)
	}
}

// forgetDN forgets a DN that is no one's target any more.
func (r *Router) forgetDN(res *resource) {
	if res.agent != nil || len(res.pools) > 0 {
		return
	}
	if l := res.line; l != nil && len(l.users) == 1 && (l.holder != nil || len(l.calls) > 0) {
		return // it is needed to know that the DN is taken
	}
	delete(r.dns, poolKey(&Target{Type: res.typ, Name: res.dn, Server: res.sw}))
	r.leaveLine(res)
}

// allowed reports whether a request may get a resource, thresholds apart.
func (q *request) allowed(res *resource) bool {
	if version, ok := q.avoid[res]; ok {
		if version == res.version {
			return false
		}
		delete(q.avoid, res)
	}
	return res.agent == nil || !slices.Contains(q.Exclude, res.agent.ID)
}

// offer gives what is free to the request that is first to have it. Several
// resources are those of one line, of which one is taken.
func (r *Router) offer(list ...*resource) {
	var best *request
	var winner *resource
	target := 0
	for _, res := range list {
		if !res.ready {
			continue
		}
		for _, p := range res.pools {
			for _, q := range p.waiting {
				if best != nil && before(best, q) <= 0 {
					break
				}
				if i := r.target(q, p); i >= 0 && q.allowed(res) {
					best, winner, target = q, res, i
					break
				}
			}
		}
	}
	if best != nil {
		r.choose(best, target, winner, "first in line for it")
	}
}

// target returns the first target of q whose pool is p and whose threshold is
// true, or -1.
func (r *Router) target(q *request, p *pool) int {
	for i := range q.pools {
		if q.pools[i] == p && r.passes(&q.Targets[i], p) {
			return i
		}
	}
	return -1
}

// search chooses among the targets of q that are free.
func (r *Router) search(q *request) {
	best, why, shares := -1, "", map[string]float64(nil)
	if q.Order == OrderPercentage {
		shares = r.shares[q.shareKey()]
	}
	var winner *resource
	var value float64
	for i, p := range q.pools {
		t := &q.Targets[i]
		if len(p.ready) == 0 || !r.passes(t, p) {
			continue
		}
		for _, res := range p.ready {
			if !q.allowed(res) {
				continue
			}
			v, better := r.rank(q, t, p, res, shares)
			if best < 0 || better(v, value) {
				best, winner, value = i, res, v
			}
			if q.Order == OrderAny || q.Order == OrderPercentage {
				break // the one that is ready for longest stands first
			}
		}
		if best >= 0 && q.Order == OrderAny {
			break
		}
	}
	if best < 0 {
		return
	}
	switch q.Order {
	case OrderMax, OrderMin:
		why = fmt.Sprintf("%s of %s: %g", q.Order, q.Statistic, value)
	case OrderPercentage:
		why = fmt.Sprintf("percentage: %g calls per weight so far", value)
	default:
		why = "the first target in the list that is free"
	}
	r.choose(q, best, winner, why)
}

// rank gives a candidate its value, and how values compare. shares are the calls
// that the targets have had.
func (r *Router) rank(q *request, t *Target, p *pool, res *resource, shares map[string]float64) (value float64, better func(x, y float64) bool) {
	less := func(x, y float64) bool { return x < y }
	switch q.Order {
	case OrderMax:
		return r.valueFor(q.Statistic, p, res), func(x, y float64) bool { return x > y }
	case OrderMin:
		return r.valueFor(q.Statistic, p, res), less
	case OrderPercentage:
		return shares[p.key] / float64(max(t.Weight, 1)), less
	}
	return 0, less
}

// shareKey names the distribution that a request takes part in: its queue and
// its targets with their weights.
func (q *request) shareKey() string {
	var b strings.Builder
	b.WriteString(q.Queue)
	for i := range q.Targets {
		fmt.Fprintf(&b, "\x00%d\x00%s", q.Targets[i].Weight, q.pools[i].key)
	}
	return b.String()
}

// choose reserves a resource for a request and tells it.
func (r *Router) choose(q *request, i int, res *resource, why string) {
	now := r.clock.Now()
	if q.Order == OrderPercentage {
		r.count(q.shareKey(), q.pools[i].key)
	}
	t := q.Targets[i]
	s := Selection{
		Target: t, Queue: q.Queue, DN: res.dn, Switch: res.sw, Resource: t.Type, Waited: now.Sub(q.since), Reserved: r.reservation,
	}
	if res.agent != nil {
		s.Agent, s.Place, s.Resource = res.agent.ID, res.agent.Place, TypeAgent
	}
	ready := time.Duration(now.UnixNano() - res.readyAt).Round(time.Millisecond)
	s.Why = fmt.Sprintf("%s, ready for %s, from %s with %d ready: %s", res.name(), ready, t.String(), len(q.pools[i].ready), why)
	q.chosen = res
	v := q.queue
	if v.served > 0 {
		gap := now.Sub(v.last)
		if v.interval == 0 {
			v.interval = gap
		} else {
			v.interval += (gap - v.interval) / 5 // a moving mean
		}
	}
	v.served++
	v.last = now
	// Reserve first: leaving may forget pools, and with them a DN.
	if q.held = res.line; q.held != nil {
		q.held.holder = q
	}
	r.leave(q)
	if q.held != nil {
		r.refreshLine(q.held)
	} else {
		r.refresh(res)
	}
	r.timer(q, r.reservation, r.drop)
	r.logger.Debug("target chosen", "request", q.id, "interaction", q.Interaction, "queue", q.Queue,
		"dn", res.dn, "waited", s.Waited, "why", s.Why)
	r.post(func() {
		r.mu.Lock()
		notify := q.notify
		r.mu.Unlock()
		if notify != nil {
			notify(s, nil)
		}
	})
}

// count keeps account of a distribution by percentage.
func (r *Router) count(key, target string) {
	if r.shares[key] == nil {
		if len(r.shares) >= maxShares {
			clear(r.shares) // the distributions begin again
		}
		r.shares[key] = map[string]float64{}
	}
	r.shares[key][target]++
}
