package router

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Group is a group of agents, of places or of queues, or a campaign.
type Group struct {
	// Type says what the group is; default TypeAgentGroup.
	//
	//	TypeAgentGroup     Members are ids of agents; Script adds those whom it matches
	//	TypePlaceGroup     names of places
	//	TypeCampaign       names of the agent groups that work for the campaign
	//	TypeCampaignGroup  likewise
	//	TypeQueueGroup     queues, "number@switch"
	//	TypeActivity       a workforce activity: as an agent group
	Type TargetType
	Name string

	Members []string
	// Script makes the group virtual: agents belong to it while they match; see
	// ParseScript.
	Script *Expression
}

type groupKey struct {
	typ  TargetType
	name string
}

const maxMembers = 100_000 // of a group

// SetGroup adds or replaces a group. The error is a *ConfigError or matches
// ErrTooMany.
func (r *Router) SetGroup(g Group) error {
	if g.Type == "" {
		g.Type = TypeAgentGroup
	}
	object := fmt.Sprintf("group %s of type %s", g.Name, g.Type)
	switch g.Type {
	case TypeAgentGroup, TypeActivity:
	case TypePlaceGroup, TypeCampaign, TypeCampaignGroup, TypeQueueGroup:
		if g.Script != nil {
			return &ConfigError{object, "only groups of agents can have a script"}
		}
	default:
		return &ConfigError{object, "there are no groups of this type"}
	}
	if g.Name == "" {
		return &ConfigError{object, "the name is missing"}
	}
	if len(g.Members) > maxMembers {
		return &ConfigError{object, fmt.Sprintf("more than %d members", maxMembers)}
	}
	g.Members = slices.Clone(g.Members)
	slices.Sort(g.Members)
	g.Members = slices.Compact(g.Members)
	r.mu.Lock()
	defer r.mu.Unlock()
	key := groupKey{g.Type, g.Name}
	if r.groups[key] == nil && len(r.groups) >= r.opts.MaxAgents {
		return tooMany("groups", r.opts.MaxAgents)
	}
	r.groups[key] = &g
	r.regroupAll()
	return nil
}

// RemoveGroup forgets a group, and reports whether there was one. Requests that
// name it wait on.
func (r *Router) RemoveGroup(t TargetType, name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := groupKey{t, name}
	if r.groups[key] == nil {
		return false
	}
	delete(r.groups, key)
	r.regroupAll()
	return true
}

// regroupAll fills the pools anew that groups have part in.
func (r *Router) regroupAll() {
	r.forgetResting()
	r.refill(func(p *pool) bool { return p.key.name != "" && p.key.typ != TypeAgent && p.key.typ != TypePlace })
}

// refill fills pools anew, and offers the agents to those who wait.
func (r *Router) refill(which func(*pool) bool) {
	all := make([]*pool, 0, len(r.pools))
	for _, p := range r.pools {
		if which(p) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(x, y *pool) int { return cmp.Compare(x.number, y.number) })
	for _, p := range all {
		r.fill(p)
	}
	if len(all) == 0 {
		return
	}
	for _, res := range slices.Clone(r.slots) {
		if res != nil {
			r.offer(res)
		}
	}
	for _, p := range all {
		r.offer(slices.Clone(p.list)...)
	}
}

// regroup finds the pools of one agent anew.
func (r *Router) regroup(res *resource) {
	for _, p := range r.pools {
		r.setMember(p, res, r.belongs(res, p))
	}
}

// regroupDynamic does so where it matters who is logged in.
func (r *Router) regroupDynamic(res *resource) {
	for p := range r.dynamic {
		r.setMember(p, res, r.belongs(res, p))
	}
}

// belongs reports whether an agent is among those whom a target means.
func (r *Router) belongs(res *resource, p *pool) bool {
	k := &p.key
	switch {
	case k.workbin != "":
		return false
	case p.skill != nil:
		return (k.name == "" || r.inGroup(res, TypeAgentGroup, k.name)) && p.skill.matchAgent(r, res)
	case k.typ == TypeAgent:
		return res.agent.ID == k.name
	case k.typ == TypePlace:
		return res.place == k.name
	case k.typ == TypePlaceGroup:
		g := r.groups[groupKey{k.typ, k.name}]
		return g != nil && res.place != "" && contains(g.Members, res.place)
	case k.typ == TypeCampaign, k.typ == TypeCampaignGroup:
		g := r.groups[groupKey{k.typ, k.name}]
		return g != nil && slices.ContainsFunc(g.Members, func(name string) bool { return r.inGroup(res, TypeAgentGroup, name) })
	}
	return hasAgents(k.typ) && r.inGroup(res, k.typ, k.name)
}

func (r *Router) inGroup(res *resource, t TargetType, name string) bool {
	g := r.groups[groupKey{t, name}]
	return g != nil && (contains(g.Members, res.agent.ID) || g.Script != nil && g.Script.matchAgent(r, res))
}

// membersOf makes the set of the agents of a group.
func (r *Router) membersOf(t TargetType, name string) bitset {
	g := r.groups[groupKey{t, name}]
	if g == nil {
		return nil
	}
	var set bitset
	switch t {
	case TypeCampaign, TypeCampaignGroup:
		for _, m := range g.Members {
			set.or(r.membersOf(TypeAgentGroup, m))
		}
	case TypePlaceGroup:
		for _, m := range g.Members {
			for _, res := range r.places[m] {
				set.set(res.slot, true)
			}
		}
	default:
		if g.Script != nil {
			set = r.matching(g.Script)
		}
		for _, m := range g.Members {
			if res := r.agents[m]; res != nil {
				set.set(res.slot, true)
			}
		}
	}
	return set
}

// usesLogin reports whether it matters to a target who is logged in.
func (r *Router) usesLogin(k *poolKey) bool {
	names := []string{k.name}
	if k.typ == TypeCampaign || k.typ == TypeCampaignGroup {
		if g := r.groups[groupKey{k.typ, k.name}]; g != nil {
			names = g.Members
		}
	}
	for _, name := range names {
		for _, t := range []TargetType{TypeAgentGroup, TypeActivity} {
			if g := r.groups[groupKey{t, name}]; g != nil && g.Script != nil && g.Script.login {
				return true
			}
		}
	}
	return false
}

func contains(sorted []string, s string) bool {
	_, ok := slices.BinarySearch(sorted, s)
	return ok
}

// queuesOf returns the queues of a group: number and switch of each.
func (g *Group) queuesOf() [][2]string {
	all := make([][2]string, len(g.Members))
	for i, m := range g.Members {
		all[i][0], all[i][1], _ = strings.Cut(m, "@")
	}
	return all
}
