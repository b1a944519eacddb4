package router

import (
	"fmt"
	"maps"
	"slices"
	"time"
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

// Voice is the media of calls, and of requests that name none. Other media are
// named as on the Interaction Server: "email", "chat", "workitem", ….
const Voice = "voice"

// OtherMedia stands for all media but Voice where a state is told.
const OtherMedia = "*"

// Agent is somebody who takes calls and other interactions.
type Agent struct {
	ID       string         // as in target strings; mandatory
	DN       string         // where calls are taken; without one there are none for him
	Switch   string         // of the DN; may be empty
	Place    string         // may be empty
	Skills   map[string]int // level by name of the skill
	Capacity Capacity       // default: one interaction at a time, of any media
	Logins   []string       // by which events name him beside ID; of one agent only
	DNs      map[int]string // further numbers, by the type of DN that Request.DNType asks for
}

// Capacity is how many interactions an agent takes at the same time. The zero
// Capacity means one.
type Capacity struct {
	// Total bounds the interactions of all media together; 0: no bound but those of
	// Media, or 1 when Media is nil.
	Total int
	// Media is the number by media; a media that is not named is not taken. nil: any media.
	Media map[string]int
}

// limits returns how many interactions there may be of a media, and of all.
func (c *Capacity) limits(media string) (ofMedia, total int) {
	const unbounded = 1 << 30
	ofMedia, total = unbounded, c.Total
	if c.Media != nil {
		ofMedia = c.Media[media]
	}
	if total == 0 {
		total = unbounded
		if c.Media == nil {
			total = 1
		}
	}
	return ofMedia, total
}

// ConfigError reports an agent, a group or a queue that cannot be as given.
type ConfigError struct {
	Object  string // "agent ann"
	Problem string
}

func (e *ConfigError) Error() string { return fmt.Sprintf("router: %.200s: %s", e.Object, e.Problem) }

// The limits of an agent.
const (
	maxSkills = 1000 // skills of one agent
	maxLevel  = 1_000_000_000
)

func (a *Agent) check() error {
	name := "agent " + a.ID
	switch {
	case a.ID == "":
		return &ConfigError{"an agent", "the id is missing"}
	case len(a.Logins) > maxSkills:
		return &ConfigError{name, fmt.Sprintf("more than %d logins", maxSkills)}
	case len(a.Skills) > maxSkills:
		return &ConfigError{name, fmt.Sprintf("more than %d skills", maxSkills)}
	case a.Capacity.Total < 0:
		return &ConfigError{name, "the capacity is negative"}
	}
	for skill, level := range a.Skills {
		if skill == "" || level < -maxLevel || level > maxLevel {
			return &ConfigError{name, fmt.Sprintf("skill %.40q has no name, or a level beyond %d", skill, maxLevel)}
		}
	}
	for media, n := range a.Capacity.Media {
		if n < 0 {
			return &ConfigError{name, fmt.Sprintf("the capacity for %.40q is negative", media)}
		}
	}
	return nil
}

// SetAgent adds an agent, who is logged out, or changes one. The state of an
// agent who is there stays, and so do calls and reservations at an unchanged DN; where DN, Switch and Place
// are as they were, so does where he has logged in. The error is a *ConfigError or matches ErrTooMany.
func (r *Router) SetAgent(a Agent) error {
	if err := a.check(); err != nil {
		return err
	}
	a.Logins = slices.Clone(a.Logins)
	a.Skills, a.Capacity.Media, a.DNs = maps.Clone(a.Skills), maps.Clone(a.Capacity.Media), maps.Clone(a.DNs)
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.agents[a.ID]
	at := Login{Place: a.Place, DN: a.DN, Switch: a.Switch}
	if res != nil && res.agent.Place == a.Place && res.agent.DN == a.DN && res.agent.Switch == a.Switch {
		at = Login{Place: res.place, DN: res.dn, Switch: res.sw} // where he has logged in
	}
	if res == nil {
		if len(r.agents) >= r.opts.MaxAgents {
			return tooMany("agents", r.opts.MaxAgents)
		}
		res = &resource{slot: r.slot(), agent: &Agent{}}
		r.agents[a.ID], r.slots[res.slot] = res, res
		r.everyone.set(res.slot, true)
	}
	r.setLogins(res, a.Logins)
	fresh := r.setSkills(res, a.Skills)
	res.agent = &a
	at.Queues = res.queues
	lost := r.seat(res, at)
	r.forgetResting()
	if fresh {
		r.refill(func(*pool) bool { return true })
	}
	r.regroup(res)
	r.refresh(res)
	r.lose(lost)
	return nil
}

// setLogins replaces the logins of an agent. One that another agent had is his
// now.
func (r *Router) setLogins(res *resource, logins []string) {
	for _, id := range res.agent.Logins {
		if r.logins[id] == res {
			delete(r.logins, id)
		}
	}
	for _, id := range logins {
		r.logins[id] = res
	}
}

// slot finds a slot for a new agent.
func (r *Router) slot() int {
	if n := len(r.unused); n > 0 {
		s := r.unused[n-1]
		r.unused = r.unused[:n-1]
		return s
	}
	r.slots = append(r.slots, nil)
	return len(r.slots) - 1
}

// RemoveAgent forgets an agent. A request that he was chosen for and that has
// not been told waits again. One that has been told has nothing reserved any
// more; [Router.Return] has it wait again.
func (r *Router) RemoveAgent(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.agents[id]
	if res == nil {
		return fmt.Errorf("%w: %.100q", ErrNoAgent, id)
	}
	res.state, res.mediaState = LoggedOut, nil
	r.update(res)
	lost := slices.Clone(res.held)
	delete(r.agents, id)
	r.setLogins(res, nil)
	r.setSkills(res, nil)
	r.forgetResting()
	for _, p := range r.pools {
		r.setMember(p, res, false)
	}
	for id := range res.works {
		r.works[id] = slices.DeleteFunc(r.works[id], func(x *resource) bool { return x == res })
		if len(r.works[id]) == 0 {
			delete(r.works, id)
		}
	}
	for id, misses := range r.missed {
		delete(misses, res.identity())
		if len(misses) == 0 {
			delete(r.missed, id)
		}
	}
	lost = append(lost, r.seat(res, Login{})...)
	r.everyone.set(res.slot, false)
	r.slots[res.slot] = nil
	r.unused = append(r.unused, res.slot)
	for _, m := range r.media {
		m.forget(res.slot)
	}
	r.lose(lost)
	return nil
}

// SetAgentState tells the state of an agent, for all media. LoggedOut ends what
// [Router.Login] has told. The error matches ErrNoAgent.
func (r *Router) SetAgentState(id string, s AgentState) error {
	return r.setState(id, "", s)
}

// SetMediaState tells the state of an agent for one media, or OtherMedia, until SetAgentState
// tells one for all. The errors match ErrNoAgent and ErrTooMany.
func (r *Router) SetMediaState(id, media string, s AgentState) error {
	if media == "" {
		media = Voice
	}
	return r.setState(id, media, s)
}

func (r *Router) setState(id, media string, s AgentState) error {
	if int(s) >= len(stateNames) {
		return &ConfigError{"agent " + id, "there is no " + s.String()}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.agents[id]
	if res == nil {
		return fmt.Errorf("%w: %.100q", ErrNoAgent, id)
	}
	if media != "" && media != OtherMedia {
		if _, err := r.mediaOf(media, false); err != nil {
			return err
		}
	}
	r.tell(res, media, s)
	return nil
}

// tell takes a state; media is empty for all.
func (r *Router) tell(res *resource, media string, s AgentState) {
	was, place := res.loggedIn(), res.place
	var lost []*request
	switch {
	case media == "" && res.state == s && res.mediaState == nil, media != "" && res.stateFor(media) == s:
		return
	case media == "":
		res.state, res.mediaState = s, nil
	default:
		if res.mediaState == nil {
			res.mediaState = map[string]AgentState{}
		}
		res.mediaState[media] = s
	}
	res.version++
	res.stateSince = r.clock.Now()
	if now := res.loggedIn(); now != was {
		res.counters.login = cell{}
		if !now {
			res.queues = nil
			a := res.agent
			lost = r.seat(res, Login{Place: a.Place, DN: a.DN, Switch: a.Switch})
		}
		r.moved(res, place)
	}
	r.refresh(res)
	r.lose(lost)
}

// moved finds the pools of an agent who may have been at another place.
func (r *Router) moved(res *resource, from string) {
	if res.place != from {
		r.regroup(res)
	} else {
		r.regroupDynamic(res)
	}
}

// Login is where an agent sits for a while. Fields that are empty are as in his
// Agent.
type Login struct {
	Place, DN, Switch string
	Queues            []string // ACD queues that he is logged in to: "number@switch"
}

// Login tells where an agent sits until he logs out. One who was logged out is
// NotReady then. The error matches ErrNoAgent.
func (r *Router) Login(id string, at Login) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.agents[id]
	if res == nil {
		return fmt.Errorf("%w: %.100q", ErrNoAgent, id)
	}
	or := func(s, def string) string {
		if s == "" {
			return def
		}
		return s
	}
	a, place := res.agent, res.place
	lost := r.seat(res, Login{Place: or(at.Place, a.Place), DN: or(at.DN, a.DN), Switch: or(at.Switch, a.Switch), Queues: slices.Clone(at.Queues)})
	if !res.loggedIn() {
		r.tell(res, "", NotReady)
	}
	r.moved(res, place)
	r.refresh(res)
	r.lose(lost)
	return nil
}

// seat moves an agent to a place and a DN. It returns the requests that he is
// kept for at another DN, which the caller has to hand to lose.
func (r *Router) seat(res *resource, at Login) (lost []*request) {
	if res.place != at.Place {
		r.places[res.place] = slices.DeleteFunc(r.places[res.place], func(x *resource) bool { return x == res })
		if len(r.places[res.place]) == 0 {
			delete(r.places, res.place)
		}
		if at.Place != "" {
			r.places[at.Place] = append(r.places[at.Place], res)
		}
	}
	elsewhere := res.line != nil && res.line.sw != "" && at.Switch != "" && res.line.sw != at.Switch
	if res.line != nil && (res.dn != at.DN || elsewhere) {
		for _, q := range res.line.holders {
			if q.chosen == res {
				lost = append(lost, q)
			}
		}
		r.leaveLine(res)
	}
	res.place, res.dn, res.sw, res.queues = at.Place, at.DN, at.Switch, at.Queues
	if res.line == nil && at.DN != "" {
		r.joinLine(res)
	}
	return lost
}

// AgentState returns the state that an agent has told for calls. The error
// matches ErrNoAgent.
func (r *Router) AgentState(id string) (AgentState, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.agents[id]
	if res == nil {
		return LoggedOut, fmt.Errorf("%w: %.100q", ErrNoAgent, id)
	}
	return res.stateFor(Voice), nil
}

// AgentStatus is what the router knows of an agent.
type AgentStatus struct {
	ID, Place, DN, Switch string
	State                 AgentState
	Since                 time.Time // of the state; zero: he has never told one
	Calls                 int       // at his DN
	Interactions          int       // of other media
	Reserved              int       // requests that he is kept for
	Media                 map[string]MediaStatus
}

// MediaStatus is what an agent does with one media.
type MediaStatus struct {
	State AgentState
	Load  int  // interactions
	Limit int  // how many he takes at the same time; limits of all media together apart
	Free  bool // he can be chosen now
}

// AgentStatus tells what an agent does. The error matches ErrNoAgent.
func (r *Router) AgentStatus(id string) (AgentStatus, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.agents[id]
	if res == nil {
		return AgentStatus{}, fmt.Errorf("%w: %.100q", ErrNoAgent, id)
	}
	s := AgentStatus{
		ID: id, Place: res.place, DN: res.dn, Switch: res.sw, State: res.state, Since: res.stateSince,
		Interactions: len(res.works), Reserved: len(res.held), Media: map[string]MediaStatus{},
	}
	if res.line != nil {
		s.Calls = len(res.line.calls)
		s.Reserved += len(res.line.holders)
	}
	for _, m := range r.media {
		if m.any {
			continue
		}
		ofMedia, total := res.agent.Capacity.limits(m.name)
		s.Media[m.name] = MediaStatus{
			State: res.stateFor(m.name), Load: res.load(m.name), Limit: min(ofMedia, total), Free: m.ready.has(res.slot),
		}
	}
	return s, nil
}
