package router

import (
	"slices"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// resource is what calls can be sent to: an agent, or a target that is none.
type resource struct {
	agent   *Agent  // nil for a target that is no agent
	slot    int     // of an agent
	key     poolKey // of a target that is no agent
	shared  bool    // takes any number of calls: a queue, a routing point, a label, a workbin
	dn, sw  string
	place   string
	queues  []string // ACD queues of the agent
	workbin string

	state      AgentState
	mediaState map[string]AgentState // where it differs
	stateSince time.Time
	works      map[string]string // media by interaction, apart from the calls of the line

	version uint64     // counts the changes after which a refused request may try again
	line    *line      // nil for one that is shared, and for agents without a DN
	held    []*request // for which the agent is kept, apart from those of the line
	narrow  []*pool    // that list the resource one by one
	counters
}

// identity tells resources apart, also when a target has been forgotten and is
// named again.
type identity struct {
	agent  *resource
	target poolKey
}

func (res *resource) identity() identity {
	if res.agent != nil {
		return identity{agent: res}
	}
	return identity{target: res.key}
}

// line is a DN and the calls there. It is what a voice request reserves: several
// agents, and targets that name the DN, may share it.
type line struct {
	dn, sw  string // sw is empty as long as nobody has named the switch
	closed  closure
	calls   map[telephony.ConnID]*visit
	holders []*request
	users   []*resource
}

// visit is a call at a line.
type visit struct {
	res         *resource // that was chosen for it; nil when the router did not send it
	queue       *queue
	interaction string
	answered    bool
}

func (r *Router) joinLine(res *resource) {
	l := r.lineOf(res.dn, res.sw)
	switch {
	case l == nil:
		l = &line{dn: res.dn, sw: res.sw, calls: map[telephony.ConnID]*visit{}}
		r.lines[res.dn] = append(r.lines[res.dn], l)
	case l.sw == "":
		l.sw = res.sw
	}
	l.users = append(l.users, res)
	res.line = l
}

// lineOf returns the line with a number at a switch; where one of the two names no switch,
// the number decides.
func (r *Router) lineOf(dn, sw string) *line {
	var found *line
	for _, l := range r.lines[dn] {
		switch {
		case l.sw == sw:
			return l
		case found == nil && (l.sw == "" || sw == ""):
			found = l
		}
	}
	return found
}

// at reports whether an event from a switch may be about something at another; an
// empty name is any of them.
func at(sw, of string) bool { return sw == "" || of == "" || sw == of }

// linesAt returns the lines that an event from a switch is about.
func (r *Router) linesAt(dn, sw string) []*line {
	var all []*line
	for _, l := range r.lines[dn] {
		if at(sw, l.sw) {
			all = append(all, l)
		}
	}
	return all
}

func (r *Router) leaveLine(res *resource) {
	l := res.line
	if l == nil {
		return
	}
	l.users = slices.DeleteFunc(l.users, func(u *resource) bool { return u == res })
	res.line = nil
	r.forgetLine(l)
}

// forgetLine forgets a DN that is no one's. While it is taken it has to be known
// to those who may come to it.
func (r *Router) forgetLine(l *line) {
	if len(l.users) == 0 && len(l.holders) == 0 && len(l.calls) == 0 {
		r.lines[l.dn] = slices.DeleteFunc(r.lines[l.dn], func(x *line) bool { return x == l })
		if len(r.lines[l.dn]) == 0 {
			delete(r.lines, l.dn)
		}
	}
}

// name is how logs and explanations call it.
func (res *resource) name() string {
	if res.agent != nil {
		return res.agent.ID
	}
	return res.dn
}

func (res *resource) stateFor(media string) AgentState {
	if s, ok := res.mediaState[media]; ok {
		return s
	}
	if s, ok := res.mediaState[OtherMedia]; ok && media != Voice {
		return s
	}
	return res.state
}

func (res *resource) loggedIn() bool {
	if res.state != LoggedOut {
		return true
	}
	for _, s := range res.mediaState {
		if s != LoggedOut {
			return true
		}
	}
	return false
}

// load returns how many interactions of a media an agent has.
func (res *resource) load(media string) int {
	n := 0
	if media == Voice && res.line != nil {
		n = len(res.line.calls)
	}
	for _, m := range res.works {
		if m == media {
			n++
		}
	}
	return n
}

// total returns how many interactions an agent has, and for how many more he is kept.
func (res *resource) total() (load, kept int) {
	load, kept = len(res.works), len(res.held)
	if res.line != nil {
		load += len(res.line.calls)
		kept += len(res.line.holders)
	}
	return load, kept
}

// kept returns for how many interactions of a media an agent is kept.
func (res *resource) kept(m *media) int {
	n := 0
	for _, q := range res.held {
		if q.media == m {
			n++
		}
	}
	if m.name == Voice && res.line != nil {
		n += len(res.line.holders)
	}
	return n
}

// open reports whether a target that is no agent can be chosen. One that was
// forgotten has no line.
func (res *resource) open() bool {
	return res.shared || res.line != nil && res.line.closed == 0 && len(res.line.calls) == 0 && len(res.line.holders) == 0
}

// media is an index of who is free for one media.
type media struct {
	name    string
	any     bool     // for requests that do not look at states
	ready   bitset   // agents who can be chosen
	turn    []uint64 // by slot: the order of becoming idle
	since   []int64  // by slot: when; Unix nanoseconds
	idle    bitset   // agents whom nothing but a reservation keeps
	load    []int32  // by slot: interactions of all media
	classes []*class
}

func (m *media) grow(slots int) {
	if n := slots - len(m.turn); n > 0 {
		m.turn, m.since, m.load = append(m.turn, make([]uint64, n)...), append(m.since, make([]int64, n)...), append(m.load, make([]int32, n)...)
	}
}

func (m *media) forget(slot int) {
	m.ready.set(slot, false)
	m.idle.set(slot, false)
}

// mediaOf returns the index of a media, which is made when it is first named.
// any asks for the one that does not look at states.
func (r *Router) mediaOf(name string, any bool) (*media, error) {
	if name == "" || any {
		name = Voice
	}
	if any {
		name = ""
	}
	if m := r.mediaNames[name]; m != nil {
		return m, nil
	}
	named := len(r.media)
	if r.mediaNames[""] != nil {
		named--
	}
	if !any && named >= r.opts.MaxMedia {
		return nil, tooMany("media", r.opts.MaxMedia)
	}
	return r.addMedia(name), nil
}

func (r *Router) addMedia(name string) *media {
	m := &media{name: name, any: name == ""}
	r.mediaNames[name] = m
	r.media = append(r.media, m)
	for _, res := range r.slots {
		if res != nil {
			r.updateFor(res, m)
		}
	}
	return m
}

// update brings the indexes up to date after a change of an agent.
func (r *Router) update(res *resource) {
	if res.agent == nil {
		return
	}
	in := res.loggedIn()
	load, _ := res.total()
	r.logged.set(res.slot, in)
	r.busy.set(res.slot, in && load > 0)
	for _, m := range r.media {
		r.updateFor(res, m)
	}
}

func (r *Router) updateFor(res *resource, m *media) {
	slot := res.slot
	m.grow(len(r.slots))
	load, kept := res.total()
	var idle, free bool
	switch {
	case m.any:
		idle = res.loggedIn() && res.line != nil
		free = idle && kept == 0
	case m.name == Voice && (res.line == nil || res.line.closed != 0):
	case res.stateFor(m.name) == Ready:
		ofMedia, total := res.agent.Capacity.limits(m.name)
		has := res.load(m.name)
		idle = has < ofMedia && load < total
		free = idle && has+res.kept(m) < ofMedia && load+kept < total
	}
	if idle && (!m.idle.has(slot) || int(m.load[slot]) != load) {
		r.turns++
		m.turn[slot], m.since[slot] = r.turns, r.clock.Now().UnixNano()
	}
	m.load[slot] = int32(load)
	m.idle.set(slot, idle)
	m.ready.set(slot, free)
}

// refresh brings the indexes up to date after a change of res, and offers it to
// those who wait.
func (r *Router) refresh(res *resource) {
	r.update(res)
	r.offer(res)
}

// refreshLine does so for everybody at a line.
func (r *Router) refreshLine(l *line) {
	for _, res := range l.users {
		r.update(res)
	}
	r.offer(slices.Clone(l.users)...)
	r.forgetLine(l)
}

// changed is a refresh of a line after which refused requests may try again.
func (r *Router) changed(l *line) {
	for _, res := range l.users {
		res.version++
	}
	r.refreshLine(l)
}
