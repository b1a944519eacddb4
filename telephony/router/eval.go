package router

import (
	"math"
	"slices"
	"strings"
)

// Match evaluates the expression for somebody whose skills are given. A name
// that is no key there is a literal text. It counts as 0 beside a number, so
// that a skill that nobody has is one that everybody has at level 0.
// A division by zero makes the whole expression false.
func (e *Expression) Match(skills map[string]int) bool {
	return e.match(&scope{
		lookup: func(name string) (float64, bool) {
			n, ok := skills[name]
			return float64(n), ok
		},
		call: func(n *node) (float64, bool) {
			if _, ok := skills[n.args[0].name]; ok && n.name == "skillexists" {
				return 1, true
			}
			return 0, n.name == "skillexists"
		},
	})
}

func (e *Expression) match(s *scope) bool {
	v := s.eval(e.root)
	return !s.failed && v.truth()
}

// scope is what an expression is evaluated with.
type scope struct {
	lookup func(name string) (float64, bool)
	call   func(n *node) (float64, bool)
	failed bool
}

// operand is a number, or a text.
type operand struct {
	num    float64
	text   string
	isText bool
}

func (o operand) truth() bool { return !o.isText && o.num != 0 }

func number(b bool) operand {
	if b {
		return operand{num: 1}
	}
	return operand{}
}

func (s *scope) eval(n *node) operand {
	switch n.op {
	case opNumber:
		return operand{num: n.num}
	case opName:
		if v, ok := s.lookup(n.name); ok {
			return operand{num: v}
		}
		return operand{text: n.name, isText: true}
	case opCall:
		v, ok := s.call(n)
		if !ok {
			s.failed = true
		}
		return operand{num: v}
	case opNot:
		return number(!s.eval(n.args[0]).truth())
	case "&":
		return number(s.eval(n.args[0]).truth() && s.eval(n.args[1]).truth())
	case "|":
		return number(s.eval(n.args[0]).truth() || s.eval(n.args[1]).truth())
	}
	x, y := s.eval(n.args[0]), s.eval(n.args[1])
	if x.isText && y.isText && isComparison(n.op) {
		return number(compare(n.op, float64(strings.Compare(x.text, y.text)), 0))
	}
	switch n.op {
	case "+":
		return operand{num: x.num + y.num}
	case "-":
		return operand{num: x.num - y.num}
	case "*":
		return operand{num: x.num * y.num}
	case "/":
		if y.num == 0 {
			s.failed = true
			return operand{}
		}
		return operand{num: math.Trunc(x.num / y.num)}
	}
	return number(compare(n.op, x.num, y.num))
}

func isComparison(op string) bool {
	switch op {
	case "=", "!=", "<", "<=", ">", ">=":
		return true
	}
	return false
}

func compare(op string, x, y float64) bool {
	switch op {
	case "=":
		return x == y
	case "!=":
		return x != y
	case "<":
		return x < y
	case "<=":
		return x <= y
	case ">":
		return x > y
	}
	return x >= y
}

// skill is an index of who has a skill, by slot.
type skill struct{ holders []holder }

type holder struct{ slot, level int }

func (s *skill) set(slot int, level int, has bool) {
	i, found := slices.BinarySearchFunc(s.holders, slot, func(h holder, slot int) int { return h.slot - slot })
	switch {
	case found && has:
		s.holders[i].level = level
	case found:
		s.holders = slices.Delete(s.holders, i, i+1)
	case has:
		s.holders = slices.Insert(s.holders, i, holder{slot, level})
	}
}

// setSkills replaces the skills of an agent in the indexes. It reports whether
// there is one that was never set before: expressions may read its name in another way now.
func (r *Router) setSkills(res *resource, skills map[string]int) (fresh bool) {
	for name := range res.agent.Skills {
		if _, still := skills[name]; !still {
			r.skills[name].set(res.slot, 0, false)
		}
	}
	for name, level := range skills {
		s := r.skills[name]
		if s == nil {
			s, fresh = &skill{}, true
			r.skills[name] = s
		}
		s.set(res.slot, level, true)
	}
	return fresh
}

// matchAgent evaluates the expression for an agent.
func (e *Expression) matchAgent(r *Router, res *resource) bool { return e.match(r.scopeOf(res)) }

func (r *Router) scopeOf(res *resource) *scope {
	return &scope{
		lookup: func(name string) (float64, bool) {
			if n, ok := res.agent.Skills[name]; ok {
				return float64(n), true
			}
			_, known := r.skills[name]
			return 0, known
		},
		call: func(n *node) (float64, bool) {
			what, truth := n.args[0].name, false
			if n.name == "skillexists" {
				_, truth = res.agent.Skills[what]
			} else {
				truth = res.loggedIn() && (res.sw == what || slices.Contains(res.queues, what))
			}
			return number(truth).num, true
		},
	}
}

// matching makes the set of the agents whom an expression matches.
func (r *Router) matching(e *Expression) bitset {
	if e.divides {
		return r.oneByOne(e.root) // a division by zero makes all of it false
	}
	return r.matchingNode(e.root)
}

func (r *Router) matchingNode(n *node) bitset {
	switch {
	case n.op == "&":
		set := r.matchingNode(n.args[0])
		set.and(r.matchingNode(n.args[1]))
		return set
	case n.op == "|":
		set := r.matchingNode(n.args[0])
		set.or(r.matchingNode(n.args[1]))
		return set
	case n.op == opName:
		return r.holdersWhere(n.name, "!=", 0)
	case isComparison(n.op) && n.args[0].op == opName && n.args[1].op == opNumber:
		return r.holdersWhere(n.args[0].name, n.op, n.args[1].num)
	}
	return r.oneByOne(n)
}

// holdersWhere makes the set of the agents whose level of a skill compares.
func (r *Router) holdersWhere(name, op string, level float64) bitset {
	var set bitset
	others := compare(op, 0, level)
	if others {
		set = slices.Clone(r.everyone)
	}
	if s := r.skills[name]; s != nil {
		if !others {
			set = make(bitset, len(r.everyone))
		}
		for _, h := range s.holders {
			if in := compare(op, float64(h.level), level); in != others {
				set.set(h.slot, in)
			}
		}
	}
	return set
}

// oneByOne makes the set by looking at every agent.
func (r *Router) oneByOne(n *node) bitset {
	var set bitset
	for _, res := range r.slots {
		if res == nil {
			continue
		}
		if s := r.scopeOf(res); s.eval(n).truth() && !s.failed {
			set.set(res.slot, true)
		}
	}
	return set
}
