package router

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/seed-ff723688/ors/telephony"
)

// AgentState is what an agent has told about himself. Whether he is in a call
// is known apart from it.
type AgentState uint8

// The states.
const (
	LoggedOut AgentState = iota
	NotReady
	AfterCallWork
	Ready
)

var stateNames = [...]string{"LoggedOut", "NotReady", "AfterCallWork", "Ready"}

func (s AgentState) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("AgentState(%d)", s)
}

// Agent is somebody who takes calls.
type Agent struct {
	ID     string         // as in target strings; mandatory
	DN     string         // where calls are taken; mandatory
	Switch string         // of the DN; may be empty
	Place  string         // may be empty
	Skills map[string]int // level by name of the skill
}

// Group is an agent group: agents named one by one, and those that match a
// skill expression.
type Group struct {
	Name   string
	Agents []string // ids
	Skill  *Expression
}

// SetAgent adds an agent, who is logged out, or changes one. The state of an
// agent who is there stays.
func (r *Router) SetAgent(a Agent) error {
	if a.ID == "" || a.DN == "" {
		return errors.New("router: an agent needs an id and a DN")
	}
	a.Skills = maps.Clone(a.Skills)
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.agents[a.ID]
	switch {
	case res == nil && len(r.agents) >= r.maxAgents:
		return fmt.Errorf("router: %w: %d agents", ErrTooMany, r.maxAgents)
	case res == nil:
		r.order++
		res = &resource{order: r.order}
		r.agents[a.ID] = res
	case res.dn != a.DN:
		r.leaveLine(res)
	}
	res.agent, res.dn, res.sw = &a, a.DN, a.Switch
	if res.line == nil {
		r.joinLine(res)
	}
	for name := range a.Skills {
		r.skills[name] = 0
	}
	r.regroup(res)
	return nil
}

// RemoveAgent forgets an agent. A reservation of his ends.
func (r *Router) RemoveAgent(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.agents[id]
	if res == nil {
		return
	}
	delete(r.agents, id)
	res.state = LoggedOut
	if q := res.line.holder; q != nil && q.chosen == res {
		r.drop(q)
	}
	r.refresh(res)
	for _, p := range res.pools {
		p.members = slices.DeleteFunc(p.members, func(m *resource) bool { return m == res })
	}
	r.leaveLine(res)
}

// SetAgentState tells the state of an agent.
func (r *Router) SetAgentState(id string, s AgentState) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.agents[id]
	if res == nil {
		return fmt.Errorf("router: there is no agent %.100q", id)
	}
	if res.state != s {
		res.state = s
		res.version++
		r.refresh(res)
	}
	return nil
}

// SetGroup adds or replaces an agent group.
func (r *Router) SetGroup(g Group) error {
	if g.Name == "" {
		return errors.New("router: a group needs a name")
	}
	g.Agents = slices.Clone(g.Agents)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.groups[g.Name] == nil && len(r.groups) >= r.maxAgents {
		return fmt.Errorf("router: %w: %d groups", ErrTooMany, r.maxAgents)
	}
	r.groups[g.Name] = &g
	r.regroupAll()
	return nil
}

// SetPlaceGroup adds or replaces a group of places, given by name.
func (r *Router) SetPlaceGroup(name string, places []string) error {
	if name == "" {
		return errors.New("router: a group needs a name")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.placeGroups[name] == nil && len(r.placeGroups) >= r.maxAgents {
		return fmt.Errorf("router: %w: %d groups of places", ErrTooMany, r.maxAgents)
	}
	r.placeGroups[name] = append([]string{}, places...)
	r.regroupAll()
	return nil
}

// resource is what calls can be sent to: an agent, or a DN.
type resource struct {
	agent  *Agent // nil for a DN
	typ    TargetType
	dn, sw string
	shared bool // takes any number of calls: a queue, a routing point, a label
	order  uint64

	state   AgentState // of the agent
	version uint64     // counts the changes after which a refused request may try again
	line    *line      // nil for one that is shared

	ready   bool   // free, and in the lists of its pools
	wasIdle bool   // the latest of idle
	readyAt int64  // when it became idle; Unix nanoseconds
	turn    uint64 // of becoming idle; orders the pools
	pools   []*pool
}

// line is a DN and the calls there. It is what a request reserves: several
// agents, and targets that name the DN, may share it.
type line struct {
	dn     string
	calls  map[telephony.ConnID]struct{}
	holder *request
	users  []*resource
}

func (r *Router) joinLine(res *resource) {
	l := r.lines[res.dn]
	if l == nil {
		l = &line{dn: res.dn, calls: map[telephony.ConnID]struct{}{}}
		r.lines[res.dn] = l
	}
	l.users = append(l.users, res)
	res.line = l
}

func (r *Router) leaveLine(res *resource) {
	l := res.line
	if l == nil {
		return
	}
	l.users = slices.DeleteFunc(l.users, func(u *resource) bool { return u == res })
	if len(l.users) == 0 {
		delete(r.lines, l.dn)
	}
	res.line = nil
}

// name is how logs and explanations call it.
func (res *resource) name() string {
	if res.agent != nil {
		return res.agent.ID
	}
	return res.dn
}

// idle reports whether nothing but a reservation keeps a call from it.
func (res *resource) idle() bool {
	if res.shared {
		return true
	}
	return res.line != nil && len(res.line.calls) == 0 && (res.agent == nil || res.state == Ready)
}

// free reports whether a call may be sent there.
func (res *resource) free() bool {
	return res.idle() && (res.shared || res.line.holder == nil)
}

// refresh brings the lists up to date after a change of res, and offers it to
// those who wait when it is free.
func (r *Router) refresh(res *resource) {
	r.update(res)
	r.offer(res)
}

// refreshLine does so for everybody at a line.
func (r *Router) refreshLine(l *line) {
	users := slices.Clone(l.users)
	for _, res := range users {
		r.update(res)
	}
	r.offer(users...)
}

func (r *Router) update(res *resource) {
	idle := res.idle()
	if idle && !res.wasIdle {
		r.turns++
		res.turn, res.readyAt = r.turns, r.clock.Now().UnixNano()
	}
	res.wasIdle = idle
	free := res.free()
	if free == res.ready {
		return
	}
	res.ready = free
	for _, p := range res.pools {
		p.setReady(res, free)
	}
}

// regroup finds the pools of an agent anew.
func (r *Router) regroup(res *resource) {
	for _, p := range res.pools {
		p.setReady(res, false)
		p.members = slices.DeleteFunc(p.members, func(m *resource) bool { return m == res })
	}
	res.pools = nil
	for _, key := range r.poolOrder() {
		p := r.pools[key]
		if p.single == nil && r.belongs(res, &p.target) {
			res.pools = append(res.pools, p)
			p.members = append(p.members, res)
			p.setReady(res, res.ready)
		}
	}
	r.refresh(res)
}

func (r *Router) regroupAll() {
	all := slices.Collect(maps.Values(r.agents))
	slices.SortFunc(all, func(x, y *resource) int { return cmp.Compare(x.order, y.order) })
	for _, res := range all {
		r.regroup(res)
	}
}

func (r *Router) poolOrder() []string {
	keys := make([]string, 0, len(r.pools))
	for key := range r.pools {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// belongs reports whether an agent is among those whom a target means.
func (r *Router) belongs(res *resource, t *Target) bool {
	a := res.agent
	switch {
	case t.Skill != nil:
		return (t.Name == "" || r.inGroup(a, t.Name)) && t.Skill.match(r.skillsOf(a))
	case t.Type == TypeAgent:
		return a.ID == t.Name
	case t.Type == TypePlace:
		return a.Place == t.Name
	case t.Type == TypePlaceGroup:
		return a.Place != "" && slices.Contains(r.placeGroups[t.Name], a.Place)
	}
	return r.inGroup(a, t.Name)
}

func (r *Router) inGroup(a *Agent, name string) bool {
	g := r.groups[name]
	if g == nil {
		return false
	}
	return slices.Contains(g.Agents, a.ID) || g.Skill != nil && g.Skill.match(r.skillsOf(a))
}

// skillsOf makes the levels of an agent: 0 for skills that others have.
func (r *Router) skillsOf(a *Agent) *scope {
	return &scope{lookup: func(name string) (float64, bool) {
		if n, ok := a.Skills[name]; ok {
			return float64(n), true
		}
		_, known := r.skills[name]
		return 0, known
	}}
}
