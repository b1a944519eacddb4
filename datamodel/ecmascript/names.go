package ecmascript

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
)

// Namer is implemented by an Engine that can tell the names of a program apart.
// On an engine without it variables belong to the whole session.
type Namer interface {
	// Names finds the names of the global scope in a program that compiles.
	Names(u Unit) (*Names, error)
}

// Names are the names of the global scope in a program.
type Names struct {
	Declared []string // by var, function, let, const, class at the top level
	Uses     []Use    // declarations included
	Lexical  []Edit   // that turn let, const and class at the top level into var
	Inner    []string // declared by functions and blocks inside; names may repeat
}

// Use is a place where a name of the global scope stands.
type Use struct {
	Name      string
	Offset    int  // in bytes
	Shorthand bool // it is the name of a member, too: {a}
	Assigned  bool // it is written, other than by its declaration
}

// Edit replaces a piece of a text by Text, Name and After, where Name is a name of
// the global scope or empty.
type Edit struct {
	Offset, Length    int
	Text, Name, After string
}

// sources are the texts that a program was compiled from.
type sources struct {
	form form
	list []*text
}

// form says what the texts are.
type form uint8

const (
	single     form = iota
	assignment      // location, expression
	loop            // array, item, index
)

// part is one of the texts with its names.
type part struct {
	src   *text
	names *Names
}

// parts finds the names of a program.
func (l *language) parts(p datamodel.Program) (*program, []part, error) {
	q, ok := p.(*program)
	if !ok || q.sources == nil {
		return nil, nil, errors.New("ecmascript: the program was not compiled for this")
	}
	namer, ok := l.engine.(Namer)
	if !ok {
		return q, nil, nil
	}
	var out []part
	for i, src := range q.sources.list {
		if q.sources.form == loop && i > 0 {
			out = append(out, part{src, nameAlone(src.Text)})
			continue
		}
		names, err := l.names(namer, src)
		if err != nil {
			return nil, nil, err
		}
		out = append(out, part{src, names})
	}
	return q, out, nil
}

// names finds the names of one text in the form in which it compiles.
func (l *language) names(namer Namer, src *text) (*Names, error) {
	if src.Kind == datamodel.LocationExpression && isIdentifier(strings.TrimSpace(src.Text)) {
		return nameAlone(src.Text), nil
	}
	if src.Kind != datamodel.Script {
		n, err := namer.Names(Unit{Text: "(" + terminated(src).Text + "\n)", Name: src.File})
		if err == nil && onlyParentheses(namer, src) {
			for i := range n.Uses {
				n.Uses[i].Offset--
			}
			return n, nil
		}
	}
	return namer.Names(Unit{Text: src.Text, Name: src.File})
}

// onlyParentheses reports whether a text that compiles within parentheses is one
// expression; see language.expression.
func onlyParentheses(namer Namer, src *text) bool {
	if !strings.Contains(src.Text, ")") {
		return true
	}
	_, err := namer.Names(Unit{Text: "[" + terminated(src).Text + "\n]", Name: src.File})
	return err == nil
}

// nameAlone is the names of a text that is nothing but a variable to be written.
func nameAlone(text string) *Names {
	name := strings.TrimSpace(text)
	if name == "" {
		return &Names{}
	}
	return &Names{Uses: []Use{{Name: name, Offset: strings.Index(text, name), Assigned: true}}}
}

// Variables tells the names of the session's scope that a program deals with.
func (l *language) Variables(p datamodel.Program) (*datamodel.Variables, error) {
	_, parts, err := l.parts(p)
	if err != nil {
		return nil, err
	}
	v := &datamodel.Variables{}
	add := func(to *[]string, seen map[string]bool, name string) {
		if !seen[name] {
			seen[name] = true
			*to = append(*to, name)
		}
	}
	declared, used, written := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, part := range parts {
		for _, name := range part.names.Declared {
			add(&v.Declared, declared, name)
			add(&v.Used, used, name)
		}
		for _, u := range part.names.Uses {
			add(&v.Used, used, u.Name)
			if u.Assigned {
				add(&v.Assigned, written, u.Name)
			}
		}
		v.Lexical = v.Lexical || len(part.names.Lexical) > 0
	}
	return v, nil
}

// Rename compiles a program with other names for its variables.
func (l *language) Rename(p datamodel.Program, to map[string]string) (datamodel.Program, error) {
	q, parts, err := l.parts(p)
	if err != nil {
		return nil, err
	}
	changed, evals := false, false
	list := make([]*text, len(parts))
	for i, part := range parts {
		var err error
		if list[i], err = renamed(part.src, part.names, to); err != nil {
			return nil, failAt(part.src.Source, err.Error())
		}
		changed = changed || list[i] != part.src
		evals = evals || slices.ContainsFunc(part.names.Uses, func(u Use) bool { return u.Name == "eval" })
	}
	if !changed && !(evals && len(to) > 0) {
		return p, nil
	}
	var out datamodel.Program
	switch q.sources.form {
	case assignment:
		out, err = l.compileAssign(list[0], list[1])
	case loop:
		out, err = l.compileForeach(list[0], list[1], list[2])
	default:
		out, err = l.compile(list[0])
	}
	if err != nil {
		return nil, err
	}
	next := out.(*program)
	next.text = q.text // for messages
	if evals {
		next.renamed = maps.Clone(to)
		for _, part := range parts {
			for _, name := range part.names.Inner { // eval sees these
				delete(next.renamed, name)
			}
		}
	}
	return next, nil
}

// maxRenamed is the length of a text for eval that is looked at for variables with
// other names.
const maxRenamed = 64 << 10

// evalText puts the new names of variables into a text that the running program
// gives to eval. What does not compile is left to the engine.
func (m *model) evalText(src string) string {
	namer, ok := m.lang.engine.(Namer)
	if !ok || len(src) > maxRenamed || CheckSource(src, maxRenamed) != nil {
		return src
	}
	for name := range m.renamed {
		if !strings.Contains(src, name) {
			continue
		}
		names, err := namer.Names(Unit{Text: src, Name: "eval"})
		if err != nil {
			break
		}
		names.Lexical = nil // they belong to the text
		t, err := renamed(&text{Source: datamodel.Source{Text: src}}, names, m.renamed)
		if err != nil {
			break
		}
		return t.Text
	}
	return src
}

// renamed puts the new names into a text. Lines stay where they are.
func renamed(src *text, names *Names, to map[string]string) (*text, error) {
	edits := slices.Clone(names.Lexical)
	was := map[string]string{}
	for _, u := range names.Uses {
		name, ok := to[u.Name]
		if !ok {
			continue
		}
		if !strings.HasPrefix(src.Text[min(u.Offset, len(src.Text)):], u.Name) {
			return nil, fmt.Errorf("the variable %s is written with escapes", shorten(u.Name))
		}
		was[name] = u.Name
		if u.Shorthand {
			name = u.Name + ":" + name
		}
		edits = append(edits, Edit{Offset: u.Offset, Length: len(u.Name), Text: name})
	}
	for i, e := range edits {
		if name, ok := to[e.Name]; ok {
			edits[i].Name = name
		}
	}
	t := src.edited(edits)
	if t != src {
		t.names = was
	}
	return t, nil
}

// edited returns the text with changes.
func (t *text) edited(edits []Edit) *text {
	if len(edits) == 0 {
		return t
	}
	slices.SortStableFunc(edits, func(a, b Edit) int { return cmp.Compare(a.Offset, b.Offset) })
	var out strings.Builder
	next := &text{Source: t.Source, from: t, needs: t.needs}
	at := 0
	for _, e := range edits {
		if e.Offset < at {
			continue // the same place, seen twice
		}
		out.WriteString(t.Text[at:e.Offset])
		now := e.Text + e.Name + e.After
		next.moves = append(next.moves, move{at: out.Len(), length: len(now), fromAt: e.Offset, fromLength: e.Length})
		out.WriteString(now)
		at = e.Offset + e.Length
	}
	out.WriteString(t.Text[at:])
	next.Text = out.String()
	return next
}

// builtIn are the names that every program finds in the global scope.
var builtIn = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(`undefined NaN Infinity eval parseInt parseFloat isNaN isFinite decodeURI decodeURIComponent
		encodeURI encodeURIComponent escape unescape Object Function Array String Boolean Number Math Date RegExp Error AggregateError
		EvalError TypeError RangeError ReferenceError SyntaxError URIError JSON Symbol Promise Proxy Reflect Map Set WeakMap WeakSet
		ArrayBuffer DataView Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array
		Float64Array BigInt globalThis arguments`) {
		m[name] = true
	}
	return m
}()

// Reserved reports whether a name belongs to the language or the system.
func (l *language) Reserved(name string) bool {
	return builtIn[name] || name == dataName || slices.Contains(systemNames, name)
}

var _ datamodel.Scoper = (*language)(nil)
