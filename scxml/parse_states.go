package scxml

import (
	"fmt"

	"github.com/antchfx/xmlquery"
)

// reference is a list of state ids that is looked up when all states are known.
type reference struct {
	role  referenceRole
	tr    *transition
	owner int32 // the state that tr starts from
	node  *xmlquery.Node
	attr  string
	value string
}

type referenceRole uint8

const (
	plainTarget   referenceRole = iota // of a <transition>
	initialTarget                      // default entry of a compound state or the root
	historyTarget                      // default of a <history>
)

// state reads <state>, <parallel>, <final> or <history>.
func (p *parser) state(n *xmlquery.Node, parent *state) {
	s := &state{index: int32(len(p.doc.states)), parent: parent.index, pos: p.pos(n), attrs: p.extraAttributes(n), prefix: p.prefixes[n]}
	p.stateHints(s)
	switch n.Data {
	case "state":
		s.kind = atomicState // until a child is seen
	case "parallel":
		s.kind = parallelState
	case "final":
		s.kind = finalState
	case "history":
		s.kind = shallowHistory
		if p.enum(n, "type", "shallow", "deep") == "deep" {
			s.kind = deepHistory
		}
	}
	p.doc.states = append(p.doc.states, s)
	p.nodes = append(p.nodes, n)
	parent.children = append(parent.children, s.index)
	p.stateID(n, s)
	if s.kind == shallowHistory || s.kind == deepHistory {
		p.historyContent(n, s)
		s.last = s.index
		return
	}
	p.stateContent(n, s)
}

// stateID reads the id attribute.
func (p *parser) stateID(n *xmlquery.Node, s *state) {
	value, given := p.attr(n, "id")
	id := trimSpace(value)
	section := p.dialect.elements[n.Data].section
	switch {
	case !given:
		s.noID = true
		return
	case id == "":
		s.noID = true
		p.report(Error, p.atAttr(n, "id"), section, fmt.Sprintf("the id of <%s> is empty", qname(n)), "remove the attribute or give a name")
		return
	case len(words(id)) > 1:
		p.report(Error, p.atAttr(n, "id"), section, fmt.Sprintf("the id %q has white space in it", id), "no transition could name it: use a single word")
	case !legalID(id):
		p.report(Warning, p.atAttr(n, "id"), "3.14", fmt.Sprintf("%q is no legal id", id), "an id begins with a letter or _ and goes on with letters, digits, '-', '_' and '.'")
	}
	if first, ok := p.ids[id]; ok {
		p.report(Error, p.atAttr(n, "id"), "3.14", fmt.Sprintf("the id %q is given twice", id),
			p.sameID(p.doc.states[first].pos, s.pos))
		s.noID = true
		return
	}
	s.id = id
	p.ids[id] = s.index
}

// sameID is what to do about an id that is given at two places.
func (p *parser) sameID(first, second Position) string {
	if first.File != p.doc.url || second.File != p.doc.url {
		return fmt.Sprintf("the first is at %s; an <xi:include> gives the ids a prefix of their own with resolveid", p.lineOf(first))
	}
	return fmt.Sprintf("the first is at %s; ids are unique in a document", p.lineOf(first))
}

// lineOf names the line of a position in a hint.
func (p *parser) lineOf(pos Position) string {
	if pos.File != p.doc.url {
		return fmt.Sprintf("line %d of %s", pos.Line, pos.File)
	}
	return fmt.Sprintf("line %d", pos.Line)
}

// stateContent reads what stands in <scxml>, <state>, <parallel> and <final>.
func (p *parser) stateContent(n *xmlquery.Node, s *state) {
	defer func(around int32) { p.scope = around }(p.scope)
	p.scope = s.index
	var initial *xmlquery.Node
	count := map[string]int{}
	p.children(n, func(c *xmlquery.Node) {
		count[c.Data]++
		switch c.Data {
		case "state", "parallel", "final", "history":
			p.state(c, s)
		case "transition":
			t := p.transition(c, s)
			t.index = int32(len(p.doc.transitions))
			p.doc.transitions = append(p.doc.transitions, t)
			s.transitions = append(s.transitions, t)
		case "onentry":
			s.onentry = append(s.onentry, p.block(c))
		case "onexit":
			s.onexit = append(s.onexit, p.block(c))
		case "initial":
			initial = p.initialElement(c, s, initial)
		case "datamodel":
			p.datamodel(c, s, count[c.Data])
		case "invoke":
			p.invoke(c, s)
		case "donedata":
			if count[c.Data] > 1 {
				p.report(Error, p.at(c), "3.7", "<final> has two <donedata>", "keep one of them")
			}
			s.donedata = p.donedata(c)
		case "script":
			if count[c.Data] > 1 && !p.ors() {
				p.report(Warning, p.at(c), "3.2", "<scxml> has more than one <script>; they run in document order", "put them into one")
			}
			p.doc.scripts = append(p.doc.scripts, p.script(c))
		}
	})
	s.last = int32(len(p.doc.states) - 1)
	p.settleKind(n, s, initial)
}

// settleKind decides what a state is once its children are known, and reads its
// default entry.
func (p *parser) settleKind(n *xmlquery.Node, s *state, initial *xmlquery.Node) {
	first := int32(-1)
	for _, c := range s.children {
		if k := p.doc.states[c].kind; k != shallowHistory && k != deepHistory {
			first = c
			break
		}
	}
	switch {
	case s.kind == atomicState && first >= 0:
		s.kind = compoundState
	case s.kind == parallelState && first < 0 && !p.found.full():
		s.kind = atomicState
		p.report(Warning, p.at(n), "3.4", fmt.Sprintf("<%s> has no regions; it is taken as an atomic state", qname(n)), "add a <state> for each region, or make it a <state>")
	}
	value, given := p.attr(n, "initial")
	switch s.kind {
	case parallelState:
		if given {
			p.report(Error, p.atAttr(n, "initial"), "3.4", "<parallel> has no initial: all its regions are entered", "remove the attribute; give the regions an initial")
		}
	case atomicState:
		if given || initial != nil {
			at := p.atAttr(n, "initial")
			if initial != nil {
				at = p.at(initial)
			}
			p.report(Error, at, "3.3", fmt.Sprintf("an initial state is given, but <%s> has no child states", qname(n)), "remove it, or add the states")
			s.initial = nil
		}
	case rootState, compoundState:
		p.defaultEntry(n, s, first, value, given, initial)
	}
}

// defaultEntry sets the initial transition of the root or a compound state.
func (p *parser) defaultEntry(n *xmlquery.Node, s *state, first int32, value string, given bool, initial *xmlquery.Node) {
	if given && initial != nil {
		p.report(Error, p.at(initial), "3.3", "<state> has both an initial attribute and <initial>", "keep one of them")
	}
	switch {
	case initial != nil:
	case given:
		s.initial = &transition{index: -1, source: s.index, pos: p.attrPos(n, "initial")}
		p.references = append(p.references, reference{initialTarget, s.initial, s.index, n, "initial", value})
	case first >= 0:
		s.initial = &transition{index: -1, source: s.index, targets: []int32{first}, pos: s.pos}
	}
}

// initialElement reads <initial>; before is an earlier one of the same state.
func (p *parser) initialElement(n *xmlquery.Node, s *state, before *xmlquery.Node) *xmlquery.Node {
	if before != nil {
		p.report(Error, p.at(n), "3.3", fmt.Sprintf("<%s> has two <initial>", qname(n.Parent)), "keep one of them")
		return before
	}
	if t := p.onlyTransition(n, s, initialTarget); t != nil {
		s.initial = t
	}
	return n
}

// historyContent reads what stands in <history>.
func (p *parser) historyContent(n *xmlquery.Node, s *state) {
	s.initial = p.onlyTransition(n, s, historyTarget)
}

// onlyTransition reads the one <transition> of <initial> or <history>.
func (p *parser) onlyTransition(n *xmlquery.Node, s *state, role referenceRole) *transition {
	section := p.dialect.elements[n.Data].section
	var only *transition
	p.children(n, func(c *xmlquery.Node) {
		if only != nil {
			p.report(Error, p.at(c), section, fmt.Sprintf("<%s> has more than one <transition>", qname(n)), "keep one of them; a target may name several states")
			return
		}
		only = &transition{index: -1, source: s.index, pos: p.pos(c)}
		for _, name := range []string{"event", "cond"} {
			if p.has(c, name) {
				p.report(Error, p.atAttr(c, name), section, fmt.Sprintf("the <transition> of <%s> has %s", qname(n), name), "remove it: the default is taken without event and condition")
			}
		}
		value, ok := p.attr(c, "target")
		if !ok || trimSpace(value) == "" {
			p.report(Error, p.at(c), section, fmt.Sprintf("the <transition> of <%s> has no target", qname(n)), `add target="…"`)
		} else {
			p.references = append(p.references, reference{role, only, s.index, c, "target", value})
		}
		only.content = p.block(c)
	})
	if only == nil && !p.found.full() {
		hint := `add <transition target="…"/>`
		if role == historyTarget {
			hint += ": the states to enter before any were recorded"
		}
		p.report(Error, p.at(n), section, fmt.Sprintf("<%s> has no <transition>", qname(n)), hint)
	}
	return only
}

// transition reads a <transition> of a state.
func (p *parser) transition(n *xmlquery.Node, s *state) *transition {
	t := &transition{source: s.index, pos: p.pos(n)}
	t.internal = p.enum(n, "type", "external", "internal") == "internal"
	if _, given := p.attr(n, "type"); !given && p.ors() && s.prefix != "" {
		t.internal = true // an exception of a workflow keeps the variables of the workflow
	}
	t.events = p.descriptors(n)
	if cond, ok := p.attr(n, "cond"); ok {
		t.cond = p.condition(n, cond)
	}
	target, hasTarget := p.attr(n, "target")
	if hasTarget && trimSpace(target) == "" {
		p.report(Warning, p.atAttr(n, "target"), "3.5", "the target is empty; the transition changes no state", "remove the attribute, or name a state")
		hasTarget = false
	}
	if hasTarget {
		p.references = append(p.references, reference{plainTarget, t, s.index, n, "target", target})
	}
	if len(t.events) == 0 && t.cond == nil && !hasTarget {
		p.report(Error, p.at(n), "3.5", "<transition> has neither event nor cond nor target", "give at least one of them")
	}
	t.content = p.block(n)
	return t
}

// descriptors reads the event attribute of a transition (section 3.12.1).
func (p *parser) descriptors(n *xmlquery.Node) []string {
	value, ok := p.attr(n, "event")
	if !ok {
		return nil
	}
	var events []string
	for _, w := range words(value) {
		d, problem := eventDescriptor(w.text)
		if problem != "" {
			p.report(Warning, p.atWord(n, "event", w), "3.12.1", problem, `a descriptor is a name, a name followed by ".*", or "*"`)
		}
		events = append(events, d)
	}
	if len(events) == 0 {
		p.report(Warning, p.atAttr(n, "event"), "3.5", "the event is empty; the transition needs no event", "remove the attribute, or name an event")
	}
	return events
}
