package scxml

import (
	"fmt"
	"strings"

	"github.com/antchfx/xmlquery"
)

// resolve looks up the states that transitions name, and judges each list.
func (p *parser) resolve() {
	ids := make([]string, 0, len(p.ids))
	for _, s := range p.doc.states {
		if s.id != "" {
			ids = append(ids, s.id)
		}
	}
	for i := range p.references {
		if p.found.full() {
			return
		}
		p.resolveOne(&p.references[i], ids)
	}
}

func (p *parser) resolveOne(r *reference, ids []string) {
	section := p.dialect.elements[r.node.Data].section
	list := words(r.value)
	if len(list) == 0 {
		p.report(Error, p.atAttr(r.node, r.attr), section, fmt.Sprintf("the %s of <%s> is empty", r.attr, qname(r.node)), "name a state, or remove the attribute")
		return
	}
	known := true
	seen := make(map[int32]bool, len(list))
	for _, w := range list {
		target, ok := p.ids[w.text]
		if !ok {
			known = false
			p.report(Error, p.atWord(r.node, r.attr, w), section, fmt.Sprintf("there is no state %q", w.text), p.otherState(r.node, w.text, ids))
			continue
		}
		if seen[target] {
			p.report(Warning, p.atWord(r.node, r.attr, w), section, fmt.Sprintf("the state %q is named twice", w.text), "once is enough")
			continue
		}
		seen[target] = true
		if !p.allowedTarget(r, w, target) {
			known = false
			continue
		}
		r.tr.targets = append(r.tr.targets, target)
	}
	if known {
		p.legalSpecification(r)
	}
}

// otherState is the hint for a state that does not exist.
func (p *parser) otherState(n *xmlquery.Node, id string, ids []string) string {
	if strings.Contains(id, prefixToken) {
		return prefixToken + " has a meaning in what an <xi:include> with resolveid includes"
	}
	for ; n != nil; n = n.Parent {
		if prefix, ok := p.prefixes[n]; ok {
			if _, ok := p.ids[prefix+"."+id]; ok {
				return fmt.Sprintf("the ids of an included part have a prefix; write %q", prefixToken+"."+id)
			}
			break
		}
	}
	return didYouMean(id, ids, "")
}

// allowedTarget checks that a default entry leads down into its own state.
func (p *parser) allowedTarget(r *reference, w word, target int32) bool {
	d := p.doc
	owner := d.states[r.owner]
	at := func() int { return p.atWord(r.node, r.attr, w) }
	switch r.role {
	case initialTarget:
		if !d.isDescendant(target, r.owner) {
			p.report(Error, at(), p.dialect.elements[r.node.Data].section, fmt.Sprintf("the initial state %q is not inside of %s", w.text, d.called(owner)), "name a state inside, or move the state")
			return false
		}
	case historyTarget:
		parent := d.states[owner.parent]
		if !d.isDescendant(target, owner.parent) {
			p.report(Error, at(), "3.10", fmt.Sprintf("the default %q of %s is not inside of %s", w.text, d.called(owner), d.called(parent)), "a history leads to states inside of its parent")
			return false
		}
		if owner.kind == shallowHistory && d.states[target].parent != owner.parent {
			p.report(Warning, at(), "3.10", fmt.Sprintf("the default %q of the shallow %s is not a child of %s", w.text, d.called(owner), d.called(parent)), `a shallow history records children; use type="deep" to record all descendants`)
		}
	}
	return true
}

// called names a state in a message.
func (d *Document) called(s *state) string {
	name := ""
	switch s.kind {
	case rootState:
		return "<scxml>"
	case parallelState:
		name = "<parallel>"
	case finalState:
		name = "<final>"
	case shallowHistory, deepHistory:
		name = "<history>"
	default:
		name = "<state>"
	}
	if s.noID || s.id == "" {
		return fmt.Sprintf("the %s of line %d", name, s.pos.Line)
	}
	return fmt.Sprintf("%s %q", name, s.id)
}

// legalSpecification checks that all targets can be active together: no compound
// state may have to be in two of its children (section 3.11). A history counts
// as a child of its own, since nobody knows where it leads.
func (p *parser) legalSpecification(r *reference) {
	if len(r.tr.targets) < 2 {
		return
	}
	d := p.doc
	type choice struct{ child, target int32 }
	chosen := map[int32]choice{}
	for _, target := range r.tr.targets {
		for s := target; s > 0; s = d.states[s].parent {
			parent := d.states[d.states[s].parent]
			if parent.kind == parallelState {
				continue
			}
			c, seen := chosen[parent.index]
			if !seen {
				chosen[parent.index] = choice{s, target}
				continue
			}
			if c.child == s {
				break
			}
			p.report(Error, p.atAttr(r.node, r.attr), "3.11", fmt.Sprintf("%s and %s cannot be active together: both are inside of %s, which is in one child state at a time",
				d.called(d.states[c.target]), d.called(d.states[target]), d.called(parent)), "name states of different regions of a <parallel>")
			return
		}
	}
}

// check judges the chart as a whole.
func (p *parser) check() {
	if len(p.found.errors) > 0 {
		return // what is missing would only cause further complaints
	}
	p.checkHistoryCycles()
	if len(p.found.errors) == 0 {
		p.checkReachable()
	}
}

// checkHistoryCycles refuses histories whose defaults lead to each other: to
// enter one would never end.
func (p *parser) checkHistoryCycles() {
	d := p.doc
	const (
		unseen = iota
		open
		done
	)
	mark := map[int32]uint8{}
	type step struct {
		state int32
		next  int
	}
	for _, s := range d.states {
		if !s.isHistory() || mark[s.index] != unseen {
			continue
		}
		stack := []step{{state: s.index}}
		mark[s.index] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			targets := d.states[top.state].initial.targets
			if top.next == len(targets) {
				mark[top.state] = done
				stack = stack[:len(stack)-1]
				continue
			}
			target := targets[top.next]
			top.next++
			if !d.states[target].isHistory() {
				continue
			}
			switch mark[target] {
			case open:
				p.reportAt(Error, d.states[top.state].initial.pos, "3.10", fmt.Sprintf("the default of %s leads back to %s", d.called(d.states[top.state]), d.called(d.states[target])), "name a state that is no history")
				mark[target] = done
			case unseen:
				mark[target] = open
				stack = append(stack, step{state: target})
			}
		}
	}
}

// checkReachable warns of states that nothing leads to. A state counts as
// reachable when some chain of transitions leads there, conditions and events
// left aside.
func (p *parser) checkReachable() {
	d := p.doc
	r := reach{d: d, active: make([]bool, len(d.states)), entered: make([]bool, len(d.states))}
	r.enter(d.states[0])
	r.run()
	unreached := func(s *state) bool {
		if s.isHistory() {
			return !r.entered[s.index]
		}
		return !r.active[s.index]
	}
	for i := 1; i < len(d.states); i++ {
		s := d.states[i]
		if !unreached(s) {
			if p.ors() && s.prefix != "" {
				i = int(s.last) // generated workflows are full of steps and blocks that are switched off
			}
			continue
		}
		p.reportAt(Warning, s.pos, p.dialect.elements[p.nodes[i].Data].section, fmt.Sprintf("%s can never be entered", d.called(s)), "no transition leads there, and it is no initial state")
		i = int(s.last) // what is inside goes without saying
	}
}

// reach computes which states can be active.
type reach struct {
	d       *Document
	active  []bool // can be active; its transitions can be taken
	entered []bool // can be entered by default: its own initial counts
	work    []int32
}

// enter notes that a state is a target, or entered by default.
func (r *reach) enter(s *state) {
	if r.entered[s.index] {
		return
	}
	r.entered[s.index] = true
	r.work = append(r.work, s.index)
}

func (r *reach) run() {
	for len(r.work) > 0 {
		s := r.d.states[r.work[len(r.work)-1]]
		r.work = r.work[:len(r.work)-1]
		if s.isHistory() {
			r.targets(s.initial)
			r.activate(r.d.states[s.parent])
			continue
		}
		r.activate(s)
		switch s.kind {
		case rootState, compoundState:
			r.targets(s.initial)
		}
	}
}

// activate notes that a state can be active, and with it its ancestors.
func (r *reach) activate(s *state) {
	for !r.active[s.index] {
		r.active[s.index] = true
		for _, t := range s.transitions {
			r.targets(t)
		}
		if s.kind == parallelState {
			for _, c := range s.children {
				if !r.d.states[c].isHistory() {
					r.enter(r.d.states[c])
				}
			}
		}
		if s.parent < 0 {
			return
		}
		s = r.d.states[s.parent]
	}
}

func (r *reach) targets(t *transition) {
	if t == nil {
		return
	}
	for _, target := range t.targets {
		r.enter(r.d.states[target])
	}
}
