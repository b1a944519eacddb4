package scxml

import (
	"slices"

	"github.com/seed-ff723688/ors/datamodel"
)

// Default limits of a macrostep.
const (
	DefaultMicrosteps   = 10_000
	DefaultStateEntries = 2_000
	DefaultQueue        = 10_000
	DefaultEffects      = 10_000
)

func limit(value, deflt int) int {
	switch {
	case value == 0:
		return deflt
	case value < 0:
		return int(^uint(0) >> 1)
	}
	return value
}

// microstep takes the enabled transitions. ev is nil for eventless ones.
func (m *Machine) microstep(ev *Event) {
	m.microsteps++
	if max := m.microstepLimit(); m.microsteps > max {
		m.fail(&LimitError{Limit: "microsteps", Max: int64(max), State: m.doc.states[m.enabled[0].source].id})
		return
	}
	if len(m.enabled) == 1 {
		switch t := m.enabled[0].transition; {
		case t.domain == noDomain:
			m.executeTransition(t, ev)
			return
		case t.entry != nil:
			m.takeSimple(t, ev)
			return
		}
	}
	m.exitStates()
	for i := 0; i < len(m.enabled) && m.running; i++ {
		m.executeTransition(m.enabled[i].transition, ev)
	}
	if len(m.left) > 0 {
		m.closeScopes()
	}
	if m.running {
		m.computeEntrySet()
		m.enterStates()
	}
}

// takeSimple is microstep for a single transition whose entry set is known.
func (m *Machine) takeSimple(t *transition, ev *Event) {
	d := m.doc
	if len(d.histories) > 0 || m.invoking != nil {
		m.exit.addRange(m.configuration, t.domain+1, d.states[t.domain].last)
		m.exitSet()
	} else {
		for i := m.configuration.prev(d.states[t.domain].last); i > t.domain && m.running; i = m.configuration.prev(i - 1) {
			m.exitState(d.states[i])
		}
	}
	if !m.running {
		return
	}
	m.executeTransition(t, ev)
	if len(m.left) > 0 {
		m.closeScopes()
	}
	m.enterKnown(t)
}

// enterKnown enters the states of an entry set that is known in advance.
func (m *Machine) enterKnown(t *transition) {
	for _, e := range t.entry {
		if m.err != nil {
			return
		}
		m.enterState(m.doc.states[e.state], e.deflt, nil)
	}
}

func (m *Machine) executeTransition(t *transition, ev *Event) {
	if tr := m.opts.Trace; tr != nil && tr.Transition != nil {
		info := TransitionTrace{Source: m.doc.states[t.source].id, Pos: t.pos}
		for _, s := range t.targets {
			info.Targets = append(info.Targets, m.doc.states[s].id)
		}
		if ev != nil {
			info.Event = ev.Name
		}
		if t.cond != nil {
			info.Cond = t.cond.text
		}
		tr.Transition(info)
	}
	if len(t.content) > 0 {
		m.executeBlock(t.content)
	}
}

// exitStates leaves the exit set of the enabled transitions (computeExitSet).
func (m *Machine) exitStates() {
	for _, t := range m.enabled {
		if t.domain >= 0 {
			m.exit.addRange(m.configuration, t.domain+1, m.doc.states[t.domain].last)
		}
	}
	m.exitSet()
}

// exitSet leaves the states of m.exit: histories are recorded first, then the
// states are left in reverse document order.
func (m *Machine) exitSet() {
	d := m.doc
	if m.invoking != nil {
		for i, w := range m.exit {
			m.invoking[i] &^= w
		}
	}
	for _, h := range d.histories {
		if parent := d.states[h].parent; parent > 0 && m.exit.has(parent) {
			m.recordHistory(h, d.states[parent])
		}
	}
	for i := m.exit.prev(int32(len(d.states)) - 1); i >= 0; i = m.exit.prev(i - 1) {
		if !m.running {
			break
		}
		m.exitState(d.states[i])
	}
	m.exit.clear()
}

func (m *Machine) recordHistory(h int32, parent *state) {
	value := m.history[h][:0]
	deep := m.doc.states[h].kind == deepHistory
	for i := m.configuration.next(parent.index + 1); i >= 0 && i <= parent.last; i = m.configuration.next(i + 1) {
		if deep && m.doc.atomic.has(i) || !deep && m.doc.states[i].parent == parent.index {
			value = append(value, i)
		}
	}
	if m.history == nil {
		m.history = map[int32][]int32{}
	}
	m.history[h] = value
}

// exitState runs the onexit handlers of a state, cancels what it invoked and
// leaves it.
func (m *Machine) exitState(s *state) {
	if t := m.opts.Trace; t != nil && t.Exit != nil {
		t.Exit(s.id)
	}
	if t := m.opts.Trace; t != nil && t.OnExit != nil && len(s.onexit) > 0 {
		t.OnExit(s.id)
	}
	for _, b := range s.onexit {
		m.executeBlock(b)
	}
	if len(s.invokes) > 0 {
		m.cancelInvokes(s.index)
	}
	m.configuration.remove(s.index)
	if s.variables != nil {
		m.left = append(m.left, s)
	}
}

func (m *Machine) cancelInvokes(state int32) {
	m.invocations = slices.DeleteFunc(m.invocations, func(v invocation) bool {
		if v.invoke.state != state {
			return false
		}
		m.emit(&CancelInvoke{ID: v.id, Serial: v.serial})
		return true
	})
}

// computeEntrySet collects in m.set what the enabled transitions enter.
func (m *Machine) computeEntrySet() {
	for _, t := range m.enabled {
		if t.domain < 0 {
			continue
		}
		if t.entry != nil {
			for _, e := range t.entry {
				m.set.states.add(e.state)
				if e.deflt {
					m.set.deflt.add(e.state)
				}
			}
			continue
		}
		m.set.history = m.historyValue
		m.set.domain = t.domain
		m.targets = m.effectiveTargets(t.targets, m.targets[:0])
		m.set.addTransition(t.transition, m.targets)
	}
}

func (m *Machine) historyValue(h int32) []int32 { return m.history[h] }

// enterStates enters the states of m.set in document order.
func (m *Machine) enterStates() {
	set := &m.set
	for i := set.states.next(0); i >= 0; i = set.states.next(i + 1) {
		if m.err != nil {
			break
		}
		var defaults *transition
		for _, h := range set.defaults {
			if h.parent == i {
				defaults = h.transition
			}
		}
		m.enterState(m.doc.states[i], set.deflt.has(i), defaults)
	}
	set.states.clear()
	set.deflt.clear()
	set.defaults = set.defaults[:0]
	set.history = nil
}

func (m *Machine) enterInitial() {
	t := m.doc.states[0].initial
	if t.entry != nil {
		m.enterKnown(t)
		return
	}
	m.enabled = append(m.enabled[:0], enabledTransition{t, 0})
	m.computeEntrySet()
	m.enterStates()
}

// enterState enters one state. deflt says that it is entered by default, so that
// the content of its <initial> runs; defaults is the default transition of a
// history of the state that had nothing recorded.
func (m *Machine) enterState(s *state, deflt bool, defaults *transition) {
	if m.microsteps > 0 && !m.countEntry(s) {
		return
	}
	m.configuration.add(s.index)
	if s.variables != nil {
		m.openScope(s)
	}
	if m.invoking != nil && len(s.invokes) > 0 {
		m.invoking.add(s.index)
	}
	if m.entered != nil && !m.entered.has(s.index) {
		m.entered.add(s.index)
		m.initializeData(s.data)
	}
	if t := m.opts.Trace; t != nil && t.Enter != nil {
		t.Enter(s.id)
	}
	if t := m.opts.Trace; t != nil && t.OnEntry != nil && len(s.onentry) > 0 {
		t.OnEntry(s.id)
	}
	for _, b := range s.onentry {
		m.executeBlock(b)
	}
	if deflt && s.initial != nil {
		m.executeInitial(s.initial)
	}
	if defaults != nil {
		m.executeInitial(defaults)
	}
	if s.kind == finalState {
		m.enterFinal(s)
	}
}

func (m *Machine) executeInitial(t *transition) {
	if len(t.content) > 0 {
		m.executeTransition(t, nil)
	}
}

// countEntry guards against a state that is entered again and again.
func (m *Machine) countEntry(s *state) bool {
	max := m.stateEntryLimit()
	if m.microsteps <= max && m.microsteps < 2 {
		return true
	}
	if m.entries == nil {
		m.entries = make([]int32, len(m.doc.states))
	}
	m.counted = true
	m.entries[s.index]++
	if int(m.entries[s.index]) > max {
		m.fail(&LimitError{Limit: "state entries", Max: int64(max), State: s.id})
		return false
	}
	return true
}

// enterFinal raises the done events of a final state, or ends the session.
func (m *Machine) enterFinal(s *state) {
	if s.parent == 0 {
		m.running = false
		return
	}
	parent := m.doc.states[s.parent]
	m.raise(&Event{Name: "done.state." + parent.id, Type: datamodel.Platform, Data: m.finalData(s.donedata)})
	if parent.parent < 0 {
		return
	}
	if grand := m.doc.states[parent.parent]; grand.kind == parallelState && m.isInFinalState(grand) {
		m.raise(&Event{Name: "done.state." + grand.id, Type: datamodel.Platform, Data: m.finalData(nil)})
	}
}

// finalData is the data of a done event; p may be nil.
func (m *Machine) finalData(p *payload) datamodel.Value {
	data := m.payloadData(p)
	if m.doc.rules.doneData != nil {
		data = m.doc.rules.doneData(m, data)
	}
	return data
}

// isInFinalState reports whether a compound state has an active final child, or
// all regions of a parallel state are in final states.
func (m *Machine) isInFinalState(s *state) bool {
	switch s.kind {
	case compoundState:
		for _, c := range s.children {
			if m.doc.states[c].kind == finalState && m.configuration.has(c) {
				return true
			}
		}
	case parallelState:
		for _, c := range s.children {
			if child := m.doc.states[c]; !child.isHistory() && !m.isInFinalState(child) {
				return false
			}
		}
		return true
	}
	return false
}

// exitInterpreter ends the session: handlers run, what was invoked is cancelled,
// the data of the final state is kept.
func (m *Machine) exitInterpreter() {
	d := m.doc
	m.final = slices.Clone(m.configuration)
	m.internal = nil
	for i := m.configuration.prev(int32(len(d.states)) - 1); i >= 0 && m.err == nil; i = m.configuration.prev(i - 1) {
		s := d.states[i]
		m.exitState(s)
		if s.kind == finalState && s.parent == 0 {
			m.doneData = m.finalData(s.donedata)
		}
	}
	if m.err != nil {
		for _, v := range m.invocations {
			m.effects = append(m.effects, &CancelInvoke{ID: v.id, Serial: v.serial})
		}
	}
	m.invocations = nil
	m.internal = nil
	m.done = true
	if t := m.opts.Trace; t != nil && t.Done != nil {
		t.Done(m.doneData)
	}
}
