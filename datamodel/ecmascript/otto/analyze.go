package otto

import (
	"slices"
	"strconv"

	"github.com/robertkrimen/otto/ast"
	"github.com/robertkrimen/otto/file"
	"github.com/robertkrimen/otto/token"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// Names of the functions that rewritten code calls. They cannot be written in a
// script, and the properties of the global object are not writable.
const (
	fnCaught = "%caught" // fnCaught(e) at the start of a catch block
	fnSet    = "%set"    // name = fnSet("name", value)
	fnPut    = "%put"    // fnPut(object, key, value)
	fnLong   = "%long"   // fnLong(array)[key] = value
	fnNote   = "%note"   // fnNote(e) before e leaves the text of an eval
	fnIn     = "%in"     // fnIn(key, object)
	fnDelete = "%delete" // fnDelete(object, key, strict)
)

// maxLiteralIndex is the largest index that does not count as sensitive.
const maxLiteralIndex = 1 << 20

// Weights of syntax nodes, in units of stackUnit bytes of stack.
const (
	weightExpression = 1
	weightStatement  = 4
)

// A program without calls and loops is watched when it has more nodes, or more
// additions (each of which may double a string), than these.
const (
	smallNodes = 64
	smallAdds  = 8
)

// facts are what an analysis finds out about a program.
type facts struct {
	vars      []string // declared by var and function at the top
	free      []string // names that nothing in it declares
	members   []string // names of members that it mentions
	below     []member // those below free names
	helpers   []string // functions that its rewritten code calls
	functions bool     // function literals, accessors included
	calls     bool     // calls and new, but for In(…)
	loops     bool
	hard      groups // built-ins that it may reach
	rewritten bool   // the tree differs from the text
	nodes     int
	adds      int
	weight    int // greatest nesting, in stack units

	// captures says, by its text, why a function cannot be made anew from it: it
	// uses variables of a function, catch clause or with statement around it.
	captures map[string]string

	// authors has what the author wrote for a function, by its text, where that
	// differs.
	authors map[string]string

	made []madeFunction // the functions, in the order in which they begin
}

// member is the name of a member in a chain that begins with a free name: in
// _x.a().b the name b has the root _x and the depth 2.
type member struct {
	root, name string
	depth      int
}

// analyzer walks a tree, resolves names and rewrites, in place,
//
//   - assignments in strict code, so that they fail where the language says so,
//   - in and delete, which otto does not ask objects of the host about,
//   - catch and finally, so that exceeding the call depth cannot be caught,
//   - writes through .length and computed keys, so that they are not applied to
//     arrays that are long and empty.
type analyzer struct {
	facts
	strict   bool
	scopes   []map[string]bool      // of the functions and catch clauses around
	dynamic  int                    // with statements around
	names    map[string]bool        // free
	mentions map[string]bool        // members
	within   []*ast.FunctionLiteral // functions around, of scopes[1:]; nil for a catch clause
	depth    int
	global   *nameCollector // nil: names of the global scope are not asked for

	written func(start, end int) string // see ecmascript.Unit
}

func analyze(p *ast.Program, u ecmascript.Unit) *analyzer {
	a := &analyzer{strict: u.Strict || directive(p.Body), written: u.Written}
	top := map[string]bool{}
	declare(top, p.DeclarationList, func(name string) {
		a.vars = append(a.vars, name)
		a.hard |= sensitive[name]
	})
	a.scopes = append(a.scopes, top)
	a.list(p.Body)
	return a
}

// note puts the program into a try statement that notes what it throws.
func (a *analyzer) note(p *ast.Program) {
	name := &ast.Identifier{Name: hidden, Idx: 1}
	p.Body = []ast.Statement{&ast.TryStatement{
		Try:  1,
		Body: &ast.BlockStatement{LeftBrace: 1, RightBrace: 1, List: p.Body},
		Catch: &ast.CatchStatement{Catch: 1, Parameter: name, Body: &ast.BlockStatement{LeftBrace: 1, RightBrace: 1, List: []ast.Statement{
			&ast.ExpressionStatement{Expression: a.call(1, fnNote, name)},
			&ast.ThrowStatement{Throw: 1, Argument: name},
		}}},
	}}
}

// directive reports whether a body begins with "use strict".
func directive(body []ast.Statement) bool {
	for _, s := range body {
		e, ok := s.(*ast.ExpressionStatement)
		if !ok {
			return false
		}
		lit, ok := e.Expression.(*ast.StringLiteral)
		if !ok {
			return false
		}
		if lit.Value == "use strict" {
			return true
		}
	}
	return false
}

func declare(scope map[string]bool, list []ast.Declaration, each func(string)) {
	add := func(name string) {
		if !scope[name] {
			scope[name] = true
			if each != nil {
				each(name)
			}
		}
	}
	for _, d := range list {
		switch d := d.(type) {
		case *ast.VariableDeclaration:
			for _, v := range d.List {
				add(v.Name)
			}
		case *ast.FunctionDeclaration:
			if d.Function.Name != nil {
				add(d.Function.Name.Name)
			}
		}
	}
}

// local reports whether a function or catch clause around declares name, and
// whether the program does at all.
func (a *analyzer) local(name string) (local, declared bool) {
	for i := len(a.scopes) - 1; i >= 0; i-- {
		if a.scopes[i][name] {
			return i > 0, true
		}
	}
	return false, false
}

func (a *analyzer) use(name string) {
	if g := sensitive[name]; g != 0 {
		if local, _ := a.local(name); !local {
			a.hard |= g
		}
	}
	if _, declared := a.local(name); !declared && !a.names[name] {
		if a.names == nil {
			a.names = map[string]bool{}
		}
		a.names[name] = true
		a.free = append(a.free, name)
	}
	a.mark(name)
}

func mention(list []string, name string) []string {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

// mark notes the functions that take name from a function or catch clause around
// them.
func (a *analyzer) mark(name string) {
	home := len(a.scopes) - 1
	for home > 0 && !a.scopes[home][name] {
		home--
	}
	if home == 0 && a.dynamic == 0 {
		return
	}
	for _, f := range a.within[home:] {
		if f == nil {
			continue
		}
		if a.captures == nil {
			a.captures = map[string]string{}
		}
		a.captures[f.Source] = "it uses " + name + ", a variable of what is around it"
	}
}

func (a *analyzer) enter(weight int) func() {
	a.nodes++
	a.depth += weight
	a.weight = max(a.weight, a.depth)
	return func() { a.depth -= weight }
}

func (a *analyzer) list(list []ast.Statement) {
	for _, s := range list {
		a.statement(s)
	}
}

func (a *analyzer) statement(s ast.Statement) {
	defer a.enter(weightStatement)()
	switch s := s.(type) {
	case *ast.BlockStatement:
		a.list(s.List)
	case *ast.ExpressionStatement:
		s.Expression = a.expression(s.Expression)
	case *ast.VariableStatement:
		a.each(s.List)
	case *ast.FunctionStatement:
		if a.global != nil && s.Function.Name != nil {
			a.global.use(a, s.Function.Name.Name, s.Function.Name.Idx)
		}
		a.function(s.Function, false)
	case *ast.IfStatement:
		s.Test = a.expression(s.Test)
		a.statement(s.Consequent)
		if s.Alternate != nil {
			a.statement(s.Alternate)
		}
	case *ast.WhileStatement:
		a.loops = true
		s.Test = a.expression(s.Test)
		a.statement(s.Body)
	case *ast.DoWhileStatement:
		a.loops = true
		a.statement(s.Body)
		s.Test = a.expression(s.Test)
	case *ast.ForStatement:
		a.loops = true
		s.Initializer = a.optional(s.Initializer)
		s.Test = a.optional(s.Test)
		s.Update = a.optional(s.Update)
		a.statement(s.Body)
	case *ast.ForInStatement:
		a.loops = true
		s.Source = a.expression(s.Source)
		if id, ok := s.Into.(*ast.Identifier); ok && a.checked(id.Name) {
			s.Source = a.call(id.Idx, fnSet, literal(id.Idx, id.Name), s.Source)
		}
		s.Into = a.target(s.Into)
		a.statement(s.Body)
	case *ast.ReturnStatement:
		s.Argument = a.optional(s.Argument)
	case *ast.ThrowStatement:
		s.Argument = a.expression(s.Argument)
	case *ast.LabelledStatement:
		a.statement(s.Statement)
	case *ast.SwitchStatement:
		s.Discriminant = a.expression(s.Discriminant)
		for _, c := range s.Body {
			c.Test = a.optional(c.Test)
			a.list(c.Consequent)
		}
	case *ast.TryStatement:
		a.try(s)
	case *ast.WithStatement:
		s.Object = a.expression(s.Object)
		a.hard = all
		a.dynamic++
		a.statement(s.Body)
		a.dynamic--
	}
}

// hidden is the parameter of a catch clause that is not the script's.
const hidden = "%e"

// try makes the catch block report what it caught. A try without catch gets one
// that throws again.
func (a *analyzer) try(s *ast.TryStatement) {
	a.statement(s.Body)
	if s.Catch == nil && s.Finally != nil {
		name := &ast.Identifier{Name: hidden, Idx: s.Try}
		s.Catch = &ast.CatchStatement{Catch: s.Try, Parameter: name, Body: &ast.BlockStatement{LeftBrace: s.Try, RightBrace: s.Try, List: []ast.Statement{
			&ast.ThrowStatement{Throw: s.Try, Argument: name},
		}}}
	}
	if c := s.Catch; c != nil {
		a.scopes = append(a.scopes, map[string]bool{c.Parameter.Name: true})
		a.within = append(a.within, nil)
		a.statement(c.Body)
		a.scopes, a.within = a.scopes[:len(a.scopes)-1], a.within[:len(a.within)-1]
		if b, ok := c.Body.(*ast.BlockStatement); ok {
			report := &ast.ExpressionStatement{Expression: a.call(c.Catch, fnCaught, &ast.Identifier{Name: c.Parameter.Name, Idx: c.Catch})}
			b.List = append([]ast.Statement{report}, b.List...)
		}
	}
	if s.Finally != nil {
		a.statement(s.Finally)
	}
}

func (a *analyzer) optional(e ast.Expression) ast.Expression {
	if e == nil {
		return nil
	}
	return a.expression(e)
}

func (a *analyzer) each(list []ast.Expression) {
	for i, e := range list {
		list[i] = a.optional(e)
	}
}

func (a *analyzer) expression(e ast.Expression) ast.Expression {
	defer a.enter(weightExpression)()
	switch e := e.(type) {
	case *ast.Identifier:
		a.use(e.Name)
		if a.global != nil {
			a.global.use(a, e.Name, e.Idx)
		}
	case *ast.ArrayLiteral:
		a.each(e.Value)
	case *ast.AssignExpression:
		return a.assign(e)
	case *ast.BinaryExpression:
		if e.Operator == token.PLUS {
			a.adds++
		}
		e.Left = a.expression(e.Left)
		e.Right = a.expression(e.Right)
		if e.Operator == token.IN {
			return a.call(e.Left.Idx0(), fnIn, e.Left, e.Right)
		}
	case *ast.BracketExpression:
		a.key(e)
		e.Left = a.expression(e.Left)
		e.Member = a.expression(e.Member)
	case *ast.DotExpression:
		a.named(e.Left, e.Identifier.Name)
		e.Left = a.expression(e.Left)
	case *ast.CallExpression:
		if id, ok := e.Callee.(*ast.Identifier); !ok || id.Name != "In" {
			a.calls = true
		}
		e.Callee = a.expression(e.Callee)
		a.each(e.ArgumentList)
	case *ast.NewExpression:
		a.calls = true
		e.Callee = a.expression(e.Callee)
		a.each(e.ArgumentList)
	case *ast.ConditionalExpression:
		e.Test = a.expression(e.Test)
		e.Consequent = a.expression(e.Consequent)
		e.Alternate = a.expression(e.Alternate)
	case *ast.FunctionLiteral:
		a.function(e, true)
	case *ast.ObjectLiteral:
		for i := range e.Value {
			// With accessors around, snapshots must look at properties with care.
			if e.Value[i].Kind != "value" {
				a.hard |= objects
			}
			e.Value[i].Value = a.expression(e.Value[i].Value)
		}
	case *ast.SequenceExpression:
		a.each(e.Sequence)
	case *ast.UnaryExpression:
		if e.Operator == token.INCREMENT || e.Operator == token.DECREMENT {
			e.Operand = a.target(e.Operand)
			return e
		}
		e.Operand = a.expression(e.Operand)
		if e.Operator == token.DELETE {
			return a.delete(e)
		}
	case *ast.VariableExpression:
		if a.global != nil {
			a.global.use(a, e.Name, e.Idx)
		}
		e.Initializer = a.optional(e.Initializer)
	}
	return e
}

// named looks at the name of a member of an expression.
func (a *analyzer) named(of ast.Expression, name string) {
	a.hard |= sensitive[name]
	if root, depth := rootOf(of); root != "" {
		if _, declared := a.local(root); !declared {
			a.below = append(a.below, member{root, name, depth + 1})
		}
	}
	if a.mentions == nil {
		a.mentions = map[string]bool{}
	}
	if !a.mentions[name] {
		a.mentions[name] = true
		a.members = append(a.members, name)
	}
}

func (a *analyzer) delete(e *ast.UnaryExpression) ast.Expression {
	strict := &ast.BooleanLiteral{Literal: "false", Idx: e.Idx}
	if a.strict {
		strict = &ast.BooleanLiteral{Literal: "true", Value: true, Idx: e.Idx}
	}
	switch o := e.Operand.(type) {
	case *ast.DotExpression:
		return a.call(e.Idx, fnDelete, o.Left, literal(o.Identifier.Idx, o.Identifier.Name), strict)
	case *ast.BracketExpression:
		return a.call(e.Idx, fnDelete, o.Left, o.Member, strict)
	}
	return e
}

// rootOf returns the name at the beginning of a chain of members and the number
// of members; an empty name when there is none.
func rootOf(e ast.Expression) (name string, depth int) {
	for {
		switch o := e.(type) {
		case *ast.Identifier:
			return o.Name, depth
		case *ast.DotExpression:
			e = o.Left
			depth++
		case *ast.BracketExpression:
			e = o.Left
			depth++
		case *ast.CallExpression:
			e = o.Callee
		default:
			return "", 0
		}
	}
}

// key looks at the key of a computed access.
func (a *analyzer) key(e *ast.BracketExpression) {
	switch k := e.Member.(type) {
	case *ast.StringLiteral:
		a.named(e.Left, k.Value)
	case *ast.NumberLiteral:
		n, ok := k.Value.(int64)
		if !ok || n > maxLiteralIndex {
			a.hard |= arrays
		} else if n >= 0 {
			a.named(e.Left, strconv.FormatInt(n, 10))
		}
	default:
		a.hard = all
	}
}

func (a *analyzer) assign(e *ast.AssignExpression) ast.Expression {
	if e.Operator == token.PLUS {
		a.adds++
	}
	plain := e.Operator == token.ASSIGN
	if plain && a.strict && a.dynamic == 0 {
		switch left := e.Left.(type) {
		case *ast.Identifier:
			check := a.checked(left.Name)
			e.Left = a.target(left)
			e.Right = a.expression(e.Right)
			if check {
				e.Right = a.call(left.Idx, fnSet, literal(left.Idx, left.Name), e.Right)
			}
			return e
		case *ast.DotExpression:
			a.member(left)
			object := a.expression(left.Left)
			at := left.Identifier.Idx
			return a.call(at, fnPut, object, literal(at, left.Identifier.Name), a.expression(e.Right))
		case *ast.BracketExpression:
			a.key(left)
			object := a.expression(left.Left)
			key := a.expression(left.Member)
			return a.call(left.LeftBracket, fnPut, object, key, a.expression(e.Right))
		}
	}
	e.Left = a.target(e.Left)
	e.Right = a.expression(e.Right)
	return e
}

// checked reports whether an assignment to name must be checked at run time: in
// strict code, when nothing in the program declares it.
func (a *analyzer) checked(name string) bool {
	_, declared := a.local(name)
	return a.strict && a.dynamic == 0 && !declared
}

// target visits what is assigned to.
func (a *analyzer) target(e ast.Expression) ast.Expression {
	if a.global != nil {
		a.global.write(e)
	}
	switch e := e.(type) {
	case *ast.DotExpression:
		defer a.enter(weightExpression)()
		a.member(e)
		e.Left = a.expression(e.Left)
		if e.Identifier.Name == "length" {
			e.Left = a.call(e.Identifier.Idx, fnLong, e.Left)
		}
		return e
	case *ast.BracketExpression:
		defer a.enter(weightExpression)()
		a.key(e)
		e.Left = a.expression(e.Left)
		e.Member = a.expression(e.Member)
		if _, number := e.Member.(*ast.NumberLiteral); !number {
			e.Left = a.call(e.LeftBracket, fnLong, e.Left)
		}
		return e
	}
	return a.expression(e)
}

func (a *analyzer) member(e *ast.DotExpression) {
	a.named(e.Left, e.Identifier.Name)
	if e.Identifier.Name == "length" {
		a.hard |= arrays
	}
}

func (a *analyzer) function(f *ast.FunctionLiteral, expression bool) {
	a.functions = true
	scope := map[string]bool{"arguments": true}
	if f.Name != nil && (expression || a.global == nil) {
		scope[f.Name.Name] = true
	}
	if f.ParameterList != nil {
		for _, p := range f.ParameterList.List {
			scope[p.Name] = true
		}
	}
	declare(scope, f.DeclarationList, nil)
	a.made = append(a.made, madeFunction{f, int(f.Function) - 1, int(f.Function) - 1 + len(f.Source)})
	if start := int(f.Function) - 1; a.written != nil && start >= 0 {
		if was := a.written(start, start+len(f.Source)); was != "" && was != f.Source {
			if a.authors == nil {
				a.authors = map[string]string{}
			}
			a.authors[f.Source] = was
		}
	}
	strict, depth, dynamic := a.strict, a.depth, a.dynamic
	if b, ok := f.Body.(*ast.BlockStatement); ok && directive(b.List) {
		a.strict = true
	} else if ok && a.strict {
		// The text says by itself that it is strict, for a snapshot.
		if at := int(b.LeftBrace) - int(f.Function) + 1; at > 0 && at <= len(f.Source) && f.Source[at-1] == '{' {
			f.Source = f.Source[:at] + `"use strict";` + f.Source[at:]
			a.rewritten = true
		}
	}
	a.depth = 0 // its body is evaluated when it is called
	a.scopes = append(a.scopes, scope)
	a.within = append(a.within, f)
	a.statement(f.Body)
	a.scopes, a.within = a.scopes[:len(a.scopes)-1], a.within[:len(a.within)-1]
	a.strict, a.depth, a.dynamic = strict, depth, dynamic
}

// call makes the call of a helper that stands at a position of the text.
func (a *analyzer) call(at file.Idx, name string, args ...ast.Expression) ast.Expression {
	a.rewritten = true
	a.helpers = mention(a.helpers, name)
	return &ast.CallExpression{Callee: &ast.Identifier{Name: name, Idx: at}, ArgumentList: args, LeftParenthesis: at, RightParenthesis: at}
}

func literal(at file.Idx, s string) *ast.StringLiteral {
	return &ast.StringLiteral{Literal: s, Value: s, Idx: at}
}
