package scxml

import (
	"maps"
	"slices"
	"strconv"

	"github.com/seed-ff723688/ors/datamodel"
)

// In the ORS dialect each state has a scope of its own for what its scripts
// declare with var, function, let, const and class. Names are looked up from the
// state of an expression outwards to the document and the session. This is
// settled here, once. So a data model has one flat scope, and nothing is paid when
// an event comes.
//
// A variable of the document keeps its name. One of a state s is called x$s, with
// the number of the state, when x is declared by more than one state or by the
// document too, when x belongs to the language or the system, and when x occurs
// anywhere from where the declaration cannot be seen: there it is a variable of
// the session. Otherwise it keeps its name. Text for eval is renamed when it is run,
// in the scope of the script or expression that has the call; a name that a function
// in there declares too is the function's. new Function, this.x and globalThis.x do
// not know changed names.
//
// let, const and class are turned into var everywhere, those of the document as
// well: scripts may be run again, and libraries may be included twice.
//
// Data items belong to the document, wherever they stand. Scripts of the document
// that only read a name of exactly one state see that state's variable.

// prefixVariable is the constant that holds the prefix of an included part.
const prefixVariable = "_my_prefix"

// resolver finds out which variable each name stands for.
type resolver struct {
	p      *parser
	scoper datamodel.Scoper

	known map[datamodel.Program]*datamodel.Variables
	// declared has the names that the scripts of each state declare, in order.
	declared map[int32][]string
	scopes   map[string][]int32 // states that declare a name; 0 is the document
	names    map[string]bool    // all names that occur
	rename   map[string]bool    // names that more than one variable has
	given    map[variable]string
	lent     map[string]int32 // names that scripts of the document read in a state
}

type variable struct {
	name  string
	state int32
}

// scopeVariables gives each state its variables.
func (p *parser) scopeVariables() {
	scoper, ok := p.doc.language.(datamodel.Scoper)
	if !ok || len(p.expressions) == 0 {
		return
	}
	r := &resolver{
		p: p, scoper: scoper,
		known:    map[datamodel.Program]*datamodel.Variables{},
		declared: map[int32][]string{},
		scopes:   map[string][]int32{},
		names:    map[string]bool{},
		rename:   map[string]bool{},
		given:    map[variable]string{},
		lent:     map[string]int32{},
	}
	r.collect()
	r.judge()
	for _, e := range p.expressions {
		r.resolve(e)
	}
	for state, names := range r.declared {
		if state == 0 {
			continue
		}
		s := p.doc.states[state]
		for _, name := range names {
			s.variables = append(s.variables, r.nameOf(variable{name, state}))
		}
	}
}

// variables returns the names of an expression; nil when it has none.
func (r *resolver) variables(e *expression) *datamodel.Variables {
	if e.program == nil || e.err != nil {
		return nil
	}
	v, ok := r.known[e.program]
	if !ok {
		var err error
		if v, err = r.scoper.Variables(e.program); err != nil {
			r.p.reportAt(Warning, e.pos, "5.8", "the variables cannot be told apart: "+err.Error(), "they belong to the whole session")
		}
		r.known[e.program] = v
	}
	return v
}

// collect finds the declarations.
func (r *resolver) collect() {
	for _, s := range r.p.doc.states {
		for _, d := range s.data {
			r.declare(d.id, 0)
		}
	}
	for _, e := range r.p.expressions {
		v := r.variables(e)
		if v == nil {
			continue
		}
		for _, name := range v.Declared {
			r.declare(name, e.state)
		}
		for _, name := range v.Used {
			r.names[name] = true
		}
	}
}

func (r *resolver) declare(name string, state int32) {
	if slices.Contains(r.scopes[name], state) {
		return
	}
	r.scopes[name] = append(r.scopes[name], state)
	r.declared[state] = append(r.declared[state], name)
}

// judge decides which names have to be renamed.
func (r *resolver) judge() {
	for name, scopes := range r.scopes {
		switch {
		case len(scopes) > 1 || scopes[0] != 0 && r.scoper.Reserved(name):
			r.rename[name] = true
		case scopes[0] != 0:
			r.lent[name] = scopes[0]
		}
	}
	for _, e := range r.p.expressions {
		if v := r.variables(e); v != nil && e.state == 0 {
			for _, name := range v.Assigned {
				delete(r.lent, name)
			}
		}
	}
	for _, e := range r.p.expressions {
		v := r.variables(e)
		if v == nil {
			continue
		}
		for _, name := range v.Used {
			// A use of another variable of that name, which nobody declares.
			if _, found := r.find(name, e.state); !found && len(r.scopes[name]) > 0 {
				r.rename[name] = true
			}
		}
	}
}

// find returns the state whose variable a name is in the scope of a state.
func (r *resolver) find(name string, state int32) (scope int32, found bool) {
	scopes := r.scopes[name]
	if len(scopes) == 0 {
		return 0, false
	}
	for s := state; s >= 0; s = r.p.doc.states[s].parent {
		if slices.Contains(scopes, s) {
			return s, true
		}
	}
	if state == 0 {
		scope, found = r.lent[name]
	}
	return scope, found
}

// nameOf returns the name that a variable has in the data model.
func (r *resolver) nameOf(v variable) string {
	if v.state == 0 || !r.rename[v.name] {
		return v.name
	}
	name, ok := r.given[v]
	if !ok {
		name = v.name + "$" + strconv.Itoa(int(v.state))
		for r.names[name] {
			name += "$"
		}
		r.names[name] = true
		r.given[v] = name
	}
	return name
}

// resolve compiles an expression anew when a name in it has to be another one.
func (r *resolver) resolve(e *expression) {
	v := r.variables(e)
	if v == nil {
		return
	}
	to := map[string]string{}
	for _, name := range v.Used {
		scope, found := r.find(name, e.state)
		switch {
		case found:
			if given := r.nameOf(variable{name, scope}); given != name {
				to[name] = given
			}
		case name == prefixVariable && !slices.Contains(v.Assigned, name):
			to[name] = strconv.Quote(r.prefix(e.state))
		}
	}
	if slices.Contains(v.Used, "eval") {
		r.addVisible(to, v, e.state)
	}
	if len(to) == 0 && !v.Lexical {
		return
	}
	program, err := r.scoper.Rename(e.program, to)
	if err != nil {
		e.err = err
		r.p.compileProblem(e, "5.8", "use of a variable")
		return
	}
	e.program = program
}

// addVisible adds the other names that text for eval may have in the scope of a state.
func (r *resolver) addVisible(to map[string]string, v *datamodel.Variables, state int32) {
	for _, name := range slices.Sorted(maps.Keys(r.rename)) {
		if scope, found := r.find(name, state); found {
			if given := r.nameOf(variable{name, scope}); given != name {
				to[name] = given
			}
		}
	}
	if !slices.Contains(v.Assigned, prefixVariable) && len(r.scopes[prefixVariable]) == 0 {
		to[prefixVariable] = strconv.Quote(r.prefix(state))
	}
}

// prefix returns that of the innermost included part around a state.
func (r *resolver) prefix(state int32) string {
	for s := state; s >= 0; s = r.p.doc.states[s].parent {
		if prefix := r.p.doc.states[s].prefix; prefix != "" {
			return prefix
		}
	}
	return ""
}

// openScope makes the variables of a state that is entered.
func (m *Machine) openScope(s *state) {
	for _, name := range s.variables {
		if err := m.model.Declare(name); err != nil {
			m.raiseError(errorExecution, "", "script", s.pos, err)
		}
	}
}

// closeScopes destroys the variables of the states that have been left. It comes
// after the content of the transitions, which runs in the scope of their source.
func (m *Machine) closeScopes() {
	for _, s := range m.left {
		for _, name := range s.variables {
			_ = m.model.Set(name, nil) // fails in a session that is over
		}
	}
	m.left = m.left[:0]
}
