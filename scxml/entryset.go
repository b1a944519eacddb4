package scxml

// entrySet collects the states to enter (computeEntrySet of appendix D). It is
// used once at load, without histories, and by the interpreter for transitions
// that lead through a history.
type entrySet struct {
	d      *Document
	states bitset
	deflt  bitset // statesForDefaultEntry

	// history returns what a history has recorded. It is nil at load.
	history func(h int32) []int32
	// defaults is defaultHistoryContent: what to run after entering a parent.
	defaults []historyDefault

	viaHistory bool  // a history was met
	domain     int32 // of the transition at hand
}

type historyDefault struct {
	parent     int32
	transition *transition
}

func (e *entrySet) addTransition(t *transition, effective []int32) {
	for _, s := range t.targets {
		// A target with another one inside is entered on the way to that one, not by
		// default: appendix D would enter two children of a compound state.
		if !e.d.anyDescendant(t.targets, s) {
			e.addDescendantStatesToEnter(s)
		}
	}
	for _, s := range effective {
		e.addAncestorStatesToEnter(s, e.domain)
	}
}

func (e *entrySet) addDescendantStatesToEnter(i int32) {
	s := e.d.states[i]
	if s.isHistory() {
		e.viaHistory = true
		if e.history == nil {
			return
		}
		targets := e.history(i)
		if targets == nil {
			e.defaults = append(e.defaults, historyDefault{s.parent, s.initial})
			targets = s.initial.targets
		}
		e.addTargets(targets, s.parent)
		return
	}
	e.states.add(i)
	switch s.kind {
	case compoundState:
		e.deflt.add(i)
		e.addTargets(s.initial.targets, i)
	case parallelState:
		e.addRegions(s)
	}
}

func (e *entrySet) addTargets(targets []int32, ancestor int32) {
	for _, t := range targets {
		e.addDescendantStatesToEnter(t)
	}
	for _, t := range targets {
		e.addAncestorStatesToEnter(t, ancestor)
	}
}

// addAncestorStatesToEnter walks up to the ancestor, and never past the domain:
// what lies above it has not been exited. (The pseudo-code walks to the parent
// of a history even when the transition starts inside that parent, and would
// enter active states a second time.)
func (e *entrySet) addAncestorStatesToEnter(i, ancestor int32) {
	for a := e.d.states[i].parent; a > 0 && a != ancestor && a != e.domain; a = e.d.states[a].parent {
		e.states.add(a)
		if s := e.d.states[a]; s.kind == parallelState {
			e.addRegions(s)
		}
	}
}

// addRegions enters by default the regions of a parallel state into which
// nothing leads yet.
func (e *entrySet) addRegions(s *state) {
	for _, c := range s.children {
		child := e.d.states[c]
		if child.isHistory() {
			continue
		}
		if next := e.states.next(c + 1); next < 0 || next > child.last {
			e.addDescendantStatesToEnter(c)
		}
	}
}
