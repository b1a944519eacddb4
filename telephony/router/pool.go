package router

import (
	"container/list"
	"slices"
)

// poolKey is the same for targets that mean the same.
type poolKey struct {
	typ          TargetType
	name, server string // the server of targets that are no agents
	skill        string // key of the expression
	workbin      string
}

func keyOf(t *Target) poolKey {
	k := poolKey{typ: t.Type, name: t.Name, workbin: t.Workbin}
	if t.Skill != nil {
		k.skill = t.Skill.key
	}
	if !hasAgents(t.Type) {
		k.server = t.Server
	}
	return k
}

// hasAgents reports whether targets of a type mean agents.
func hasAgents(t TargetType) bool {
	switch t {
	case TypeAgent, TypePlace, TypeAgentGroup, TypePlaceGroup, TypeCampaign, TypeCampaignGroup, TypeActivity:
		return true
	}
	return false
}

// pool is everybody whom a target means, shared by the requests that name it.
//
// A pool of a group is wide: it knows its agents as a set, and agents do not know it. The others are narrow:
// they list a few resources, which know the pool.
type pool struct {
	key     poolKey
	number  uint64 // of making
	skill   *Expression
	wide    bool
	members bitset      // of a wide pool
	list    []*resource // of a narrow pool
	waits   []*wait
	resting *list.Element // nil while somebody waits
	mark    uint64
}

// wait is the requests of a class that wait for a pool.
type wait struct {
	pool  *pool
	class *class
	list  sorted[*request]
	head  *request // the first of list while the class has the wait among its heads
}

// pool returns the pool of a target, which is made when it is first named.
func (r *Router) pool(t *Target) *pool {
	key := keyOf(t)
	if p := r.pools[key]; p != nil {
		return p
	}
	r.marks++
	p := &pool{key: key, number: r.marks, skill: t.Skill, mark: r.marks}
	p.wide = hasAgents(t.Type) && t.Type != TypeAgent && t.Type != TypePlace && t.Workbin == ""
	r.pools[key] = p
	p.resting = r.resting.PushFront(p)
	r.fill(p)
	if p.skill != nil && !r.opts.Strict {
		p.skill.skillNames(func(name string) {
			if r.skills[name] == nil {
				r.opts.Logger.Debug("nobody has the skill of a target", "skill", name, "target", t)
			}
		})
	}
	return p
}

// fill finds the resources of a pool.
func (r *Router) fill(p *pool) {
	k := &p.key
	switch {
	case p.wide:
		if p.members = nil; p.skill != nil {
			p.members = r.matching(p.skill)
			if k.name != "" {
				p.members.and(r.membersOf(TypeAgentGroup, k.name))
			}
		} else {
			p.members = r.membersOf(k.typ, k.name)
		}
		delete(r.dynamic, p)
		if r.usesLogin(k) || p.skill != nil && p.skill.login {
			r.dynamic[p] = struct{}{}
		}
		return
	case k.workbin != "":
		r.list(p, r.target(*k))
	case k.typ == TypeAgent:
		if res := r.agents[k.name]; res != nil {
			r.list(p, res)
		}
	case k.typ == TypePlace:
		for _, res := range r.places[k.name] {
			r.list(p, res)
		}
	case k.typ == TypeQueueGroup:
		for _, res := range slices.Clone(p.list) {
			r.unlist(p, res)
		}
		if g := r.groups[groupKey{k.typ, k.name}]; g != nil {
			for _, q := range g.queuesOf() {
				r.list(p, r.target(poolKey{typ: TypeQueue, name: q[0], server: q[1]}))
			}
		}
	default:
		r.list(p, r.target(*k))
	}
}

// setMember adds an agent to a pool or takes him out.
func (r *Router) setMember(p *pool, res *resource, in bool) {
	switch {
	case p.wide:
		p.members.set(res.slot, in)
	case in:
		r.list(p, res)
	default:
		r.unlist(p, res)
	}
}

func (r *Router) list(p *pool, res *resource) {
	if !slices.Contains(p.list, res) {
		p.list = append(p.list, res)
		res.narrow = append(res.narrow, p)
	}
}

func (r *Router) unlist(p *pool, res *resource) {
	if i := slices.Index(p.list, res); i >= 0 {
		p.list = slices.Delete(p.list, i, i+1)
		res.narrow = slices.DeleteFunc(res.narrow, func(x *pool) bool { return x == p })
		r.forgetTarget(res)
	}
}

// target returns the resource of a target that is no agent.
func (r *Router) target(k poolKey) *resource {
	res := r.targets[k]
	if res == nil {
		res = &resource{key: k, dn: k.name, sw: k.server, shared: k.typ != TypeDN, workbin: k.workbin}
		r.targets[k] = res
		if !res.shared {
			r.joinLine(res)
		}
	}
	return res
}

// forgetTarget forgets a target that nobody names any more.
func (r *Router) forgetTarget(res *resource) {
	if res.agent != nil || len(res.narrow) > 0 || r.targets[res.key] != res {
		return
	}
	delete(r.targets, res.key)
	r.leaveLine(res)
}

// rest puts a pool aside that nobody waits for. Wide ones are kept for a while:
// finding their agents is work.
func (r *Router) rest(p *pool) {
	if len(p.waits) > 0 {
		return
	}
	if p.resting == nil {
		p.resting = r.resting.PushFront(p)
	} else {
		r.resting.MoveToFront(p.resting)
	}
	switch {
	case !p.wide:
		r.forgetPool(p)
	case r.resting.Len() > maxResting:
		r.forgetPool(r.resting.Back().Value.(*pool))
	}
}

// wake takes a pool back that somebody waits for.
func (r *Router) wake(p *pool) {
	if p.resting != nil {
		r.resting.Remove(p.resting)
		p.resting = nil
	}
}

func (r *Router) forgetPool(p *pool) {
	r.wake(p)
	delete(r.pools, p.key)
	delete(r.dynamic, p)
	for len(p.list) > 0 {
		r.unlist(p, p.list[0])
	}
}

// forgetResting forgets the pools that nobody waits for.
func (r *Router) forgetResting() {
	for r.resting.Len() > 0 {
		r.forgetPool(r.resting.Back().Value.(*pool))
	}
}

// has reports whether a resource is in the pool.
func (p *pool) has(res *resource) bool {
	if p.wide {
		return res.agent != nil && p.members.has(res.slot)
	}
	return slices.Contains(p.list, res)
}

// count returns how many agents of the pool are in a set.
func (p *pool) count(set bitset) int {
	if p.wide {
		return p.members.common(set)
	}
	n := 0
	for _, res := range p.list {
		if res.agent != nil && set.has(res.slot) {
			n++
		}
	}
	return n
}

// each calls f for the agents of the pool that are in a set.
func (r *Router) each(p *pool, set bitset, f func(res *resource)) {
	if p.wide {
		p.members.both(set, func(slot int) { f(r.slots[slot]) })
		return
	}
	for _, res := range p.list {
		if res.agent != nil && set.has(res.slot) {
			f(res)
		}
	}
}
