package scxml

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
)

// noDomain marks a transition without targets, dynamicDomain one whose targets
// lead through a history, so that domain and entry set depend on what was
// recorded.
const (
	noDomain      int32 = -1
	dynamicDomain int32 = -2
)

// table is what the interpreter knows of a transition in advance.
type table struct {
	// domain is the state whose active descendants are exited, noDomain or
	// dynamicDomain (getTransitionDomain).
	domain int32

	// entry lists the states that are entered, in document order
	// (computeEntrySet); nil for a dynamic domain.
	entry []entry
}

// entry is one state to enter.
type entry struct {
	state int32
	deflt bool // entered by default: the content of its <initial> runs
}

// links are the tables of a Document.
type links struct {
	atomic    bitset // atomic and final states
	histories []int32
	eventless match
	matches   map[string]*match // of the event names that the document has itself
	seed      maphash.Seed
	recent    [recentMatches]atomic.Pointer[namedMatch] // of other names, by hash
	scratch   sync.Pool                                 // of *scratch
}

// match tells which transitions an event name enables, guards aside.
type match struct {
	transitions bitset
	states      bitset // their sources
}

// namedMatch is the match of an event name that came from outside.
type namedMatch struct {
	name string
	*match
}

// Names from outside are remembered in a table of fixed size, in which a new one
// drives out an old one; long ones are matched anew each time. So nobody can
// fill the memory with names.
const (
	recentMatches = 256 // a power of two
	longestRecent = 128 // bytes
)

// maxMatches bounds the number of the document's own names that are matched in
// advance.
const maxMatches = 4096

// link derives the tables. The document is well-formed by now.
func (d *Document) link() {
	d.atomic = newBitset(len(d.states))
	for _, s := range d.states {
		switch s.kind {
		case atomicState, finalState:
			d.atomic.add(s.index)
		case shallowHistory, deepHistory:
			d.histories = append(d.histories, s.index)
		}
	}
	d.eventless = d.newMatch()
	d.matches = map[string]*match{}
	d.seed = maphash.MakeSeed()
	for _, t := range d.transitions {
		if len(t.events) == 0 {
			d.eventless.add(t)
		}
		for _, e := range t.events {
			if len(d.matches) < maxMatches {
				d.matches[e] = nil
			}
		}
		d.linkTransition(t)
	}
	for _, s := range d.states {
		if s.initial != nil {
			s.initial.domain = s.parent
			if s.kind == rootState || s.kind == compoundState {
				s.initial.domain = s.index
			}
		}
	}
	if root := d.states[0]; root.initial != nil {
		d.linkEntry(root.initial)
	}
	for name := range d.matches {
		d.matches[name] = d.computeMatch(name)
	}
	d.scratch.New = func() any { return d.newScratch() }
}

func (d *Document) linkTransition(t *transition) {
	switch {
	case len(t.targets) == 0:
		t.domain = noDomain
		return
	case d.leadsToHistory(t.targets):
		t.domain = dynamicDomain
		return
	}
	t.domain = d.transitionDomain(t, t.targets)
	d.linkEntry(t)
}

// linkEntry computes the entry set where no history takes part in it.
func (d *Document) linkEntry(t *transition) {
	c := entrySet{d: d, states: newBitset(len(d.states)), deflt: newBitset(len(d.states)), domain: t.domain}
	c.addTransition(t, t.targets)
	if c.viaHistory {
		if t.domain >= 0 && t.index >= 0 {
			t.domain = dynamicDomain
		}
		return
	}
	t.entry = []entry{}
	for i := c.states.next(0); i >= 0; i = c.states.next(i + 1) {
		t.entry = append(t.entry, entry{state: i, deflt: c.deflt.has(i)})
	}
}

func (d *Document) leadsToHistory(targets []int32) bool {
	for _, s := range targets {
		if d.states[s].isHistory() {
			return true
		}
	}
	return false
}

func (s *state) isHistory() bool { return s.kind == shallowHistory || s.kind == deepHistory }

// isDescendant reports whether s lies below ancestor. Indices are in document
// order, so the descendants of a state are an interval.
func (d *Document) isDescendant(s, ancestor int32) bool {
	return s > ancestor && s <= d.states[ancestor].last
}

// transitionDomain is getTransitionDomain of appendix D, for a transition with
// the given effective targets.
func (d *Document) transitionDomain(t *transition, targets []int32) int32 {
	if t.internal && d.states[t.source].kind == compoundState && d.allDescendants(targets, t.source) {
		return t.source
	}
	return d.findLCCA(t.source, targets)
}

// findLCCA returns the innermost <scxml> or compound state that is a proper
// ancestor of all the states.
func (d *Document) findLCCA(first int32, rest []int32) int32 {
	for a := d.states[first].parent; a > 0; a = d.states[a].parent {
		if d.states[a].kind == compoundState && d.allDescendants(rest, a) {
			return a
		}
	}
	return 0
}

func (d *Document) allDescendants(states []int32, ancestor int32) bool {
	for _, s := range states {
		if !d.isDescendant(s, ancestor) {
			return false
		}
	}
	return true
}

func (d *Document) anyDescendant(states []int32, ancestor int32) bool {
	for _, s := range states {
		if d.isDescendant(s, ancestor) {
			return true
		}
	}
	return false
}

func (d *Document) newMatch() match {
	return match{transitions: newBitset(len(d.transitions)), states: newBitset(len(d.states))}
}

func (m *match) add(t *transition) {
	m.transitions.add(t.index)
	m.states.add(t.source)
}

// matchFor returns the transitions that an event name enables.
func (d *Document) matchFor(name string) *match {
	if m := d.matches[name]; m != nil {
		return m
	}
	if len(name) > longestRecent {
		return d.computeMatch(name)
	}
	slot := &d.recent[maphash.String(d.seed, name)%recentMatches]
	if known := slot.Load(); known != nil && known.name == name {
		return known.match
	}
	m := d.computeMatch(name)
	slot.Store(&namedMatch{strings.Clone(name), m})
	return m
}

func (d *Document) computeMatch(name string) *match {
	m := d.newMatch()
	alias := ""
	if d.rules.alias != nil {
		alias = d.rules.alias(name)
	}
	for _, t := range d.transitions {
		for _, descriptor := range t.events {
			if descriptorMatches(descriptor, name) || alias != "" && descriptorMatches(descriptor, alias) {
				m.add(t)
				break
			}
		}
	}
	return &m
}

// descriptorMatches implements section 3.12.1 for a descriptor whose trailing
// ".*" or "." has been removed.
func descriptorMatches(descriptor, name string) bool {
	if descriptor == "*" {
		return true
	}
	return strings.HasPrefix(name, descriptor) &&
		(len(name) == len(descriptor) || name[len(descriptor)] == '.')
}
