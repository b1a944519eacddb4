package ecmascript

import (
	"math"
	"strconv"
	"unicode/utf16"
)

// matchNames are the members of RegExp that tell of the last match: its groups and
// what is around it.
var matchNames = []string{"$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "lastMatch", "lastParen", "leftContext", "rightContext", "input"}

// lastMatch is what RegExp tells. It is not saved.
type lastMatch struct {
	input  Value
	groups []Value // the whole match and its groups
	start  float64
}

// offerMatches has exec, through which test, match and replace go, take down what it
// has found, unless the engine does so itself.
func (m *model) offerMatches() {
	constructor, proto, object := m.builtin("RegExp"), m.proto("RegExp"), m.builtin("Object")
	if constructor == nil || proto == nil || object == nil {
		return
	}
	exec := m.rt.Get(proto, "exec")
	if m.rt.Class(exec) != Function || m.rt.Class(m.rt.Get(constructor, "$1")) != Undefined {
		return
	}
	last := lastMatch{input: m.rt.FromText("")}
	m.rt.SetHidden(proto, "exec", m.rt.NewMethod("exec", func(this Value, args []Value) (Value, error) {
		found := m.rt.Call(exec, this, args)
		if m.rt.Class(found) >= Object {
			last = m.matched(found)
		}
		return found, nil
	}))
	m.rt.SetHidden(proto, "test", m.rt.NewMethod("test", func(this Value, args []Value) (Value, error) {
		return m.rt.FromBool(m.rt.Class(m.call(this, "exec", args...)) >= Object), nil
	}))
	for _, name := range matchNames {
		d := m.rt.NewObject()
		m.rt.SetMember(d, "get", m.rt.NewMethod(name, func(Value, []Value) (Value, error) { return m.ofMatch(&last, name), nil }))
		m.rt.SetMember(d, "configurable", m.rt.FromBool(true))
		m.call(object, "defineProperty", constructor, m.rt.FromText(name), d)
	}
}

// matched copies a result of exec.
func (m *model) matched(found Value) lastMatch {
	last := lastMatch{input: m.rt.Get(found, "input"), start: m.rt.Number(m.rt.Get(found, "index"))}
	n := min(int(m.rt.Number(m.rt.Get(found, "length"))), 1000)
	for i := range n {
		last.groups = append(last.groups, m.rt.Get(found, strconv.Itoa(i)))
	}
	return last
}

// ofMatch returns a member; what there is none of is the empty text.
func (m *model) ofMatch(last *lastMatch, name string) Value {
	group := 0
	switch name {
	case "input":
		return last.input
	case "leftContext":
		return m.piece(last.input, 0, last.start)
	case "rightContext":
		end := last.start
		if len(last.groups) > 0 {
			end += float64(len(utf16.Encode([]rune(m.rt.ToString(last.groups[0])))))
		}
		return m.piece(last.input, end, math.Inf(1))
	case "lastMatch":
	case "lastParen":
		group = len(last.groups) - 1
		if group == 0 {
			return m.rt.FromText("")
		}
	default: // $1 to $9
		group = int(name[1] - '0')
	}
	if group < 0 || group >= len(last.groups) || m.rt.Class(last.groups[group]) != String {
		return m.rt.FromText("")
	}
	return last.groups[group]
}

// piece is a part of a text.
func (m *model) piece(text Value, from, to float64) Value {
	return m.rt.Call(m.rt.Get(m.proto("String"), "substring"), text, []Value{m.rt.FromNumber(from), m.rt.FromNumber(to)})
}
