package goja

import (
	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// Programs of a simple form run as closures over the values of the engine. A
// closure reads variables, events and literals and computes with numbers,
// strings and booleans. Whenever it meets anything else it gives up, and the
// program runs in the engine: a closure has no effect before its last step, so
// nothing happens twice. It runs only in a runtime in which no property can be
// an accessor.

// valueFunc returns nil to give up.
type valueFunc func(r *realm) goja.Value

type condFunc func(r *realm) truth

type truth int8

const (
	unknown truth = iota
	no
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// storeFunc is an assignment to a variable.
type storeFunc struct {
	name  string
	value valueFunc
}

// maxSimple bounds the nesting of closures.
const maxSimple = 20

// simplify finds the closure of a program, if it is of a simple form.
func (c *code) simplify(tree *ast.Program) {
	if len(tree.Body) != 1 || c.shapes || c.functions != nil || len(tree.DeclarationList) > 0 {
		return
	}
	s, ok := tree.Body[0].(*ast.ExpressionStatement)
	if !ok {
		return
	}
	if a, ok := s.Expression.(*ast.AssignExpression); ok {
		id, ok := a.Left.(*ast.Identifier)
		if !ok || a.Operator != token.ASSIGN || lazyBits[id.Name.String()] != 0 {
			return
		}
		if v := simpleValue(a.Right, maxSimple); v != nil {
			c.store = &storeFunc{id.Name.String(), v}
		}
		return
	}
	c.value = simpleValue(s.Expression, maxSimple)
	c.cond = simpleCond(s.Expression, maxSimple)
}

// simple evaluates a closure; nil means that the engine has to.
func (r *realm) simple(f valueFunc) (v goja.Value) {
	defer func() {
		if recover() != nil {
			v = nil // the engine will fail in the same way, and say how
		}
	}()
	return f(r)
}

func (r *realm) simpleCond(f condFunc) (t truth) {
	defer func() {
		if recover() != nil {
			t = unknown
		}
	}()
	return f(r)
}

// simpleStore assigns, and returns the value.
func (r *realm) simpleStore(s *storeFunc) (v goja.Value) {
	defer func() {
		if recover() != nil {
			v = nil
		}
	}()
	v = s.value(r)
	if v == nil || r.vm.Get(s.name) == nil || r.vm.Set(s.name, v) != nil {
		return nil
	}
	return v
}

// simpleCond compiles a condition.
func simpleCond(e ast.Expression, depth int) condFunc {
	if depth == 0 {
		return nil
	}
	switch e := e.(type) {
	case *ast.BooleanLiteral:
		t := truthOf(e.Value)
		return func(*realm) truth { return t }
	case *ast.UnaryExpression:
		if e.Operator != token.NOT {
			return nil
		}
		f := simpleCond(e.Operand, depth-1)
		if f == nil {
			return nil
		}
		return func(r *realm) truth {
			switch f(r) {
			case yes:
				return no
			case no:
				return yes
			}
			return unknown
		}
	case *ast.CallExpression:
		return simpleIn(e)
	case *ast.BinaryExpression:
		switch e.Operator {
		case token.LOGICAL_AND, token.LOGICAL_OR:
			return simpleLogic(e, depth)
		case token.LESS, token.GREATER, token.LESS_OR_EQUAL, token.GREATER_OR_EQUAL,
			token.EQUAL, token.NOT_EQUAL, token.STRICT_EQUAL, token.STRICT_NOT_EQUAL:
			return simpleCompare(e, depth)
		}
	}
	v := simpleValue(e, depth)
	if v == nil {
		return nil
	}
	return func(r *realm) truth {
		x := v(r)
		if x == nil {
			return unknown
		}
		return truthOf(x.ToBoolean())
	}
}

func simpleLogic(e *ast.BinaryExpression, depth int) condFunc {
	f, g := simpleCond(e.Left, depth-1), simpleCond(e.Right, depth-1)
	if f == nil || g == nil {
		return nil
	}
	stop := no
	if e.Operator == token.LOGICAL_OR {
		stop = yes
	}
	return func(r *realm) truth {
		if t := f(r); t == stop || t == unknown {
			return t
		}
		return g(r)
	}
}

// simpleIn compiles In('id').
func simpleIn(e *ast.CallExpression) condFunc {
	callee, ok := e.Callee.(*ast.Identifier)
	if !ok || callee.Name != "In" || len(e.ArgumentList) != 1 {
		return nil
	}
	arg, ok := e.ArgumentList[0].(*ast.StringLiteral)
	if !ok {
		return nil
	}
	id := arg.Value.String()
	return func(r *realm) truth { return truthOf(r.cfg.In(id)) }
}

// number returns the value of a number literal.
func number(l *ast.NumberLiteral) (float64, bool) {
	switch n := l.Value.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func simpleCompare(e *ast.BinaryExpression, depth int) condFunc {
	left := simpleValue(e.Left, depth-1)
	if left == nil {
		return nil
	}
	op := e.Operator
	if l, ok := e.Right.(*ast.NumberLiteral); ok {
		if n, ok := number(l); ok {
			return func(r *realm) truth {
				v := left(r)
				if v == nil || !goja.IsNumber(v) {
					return compare(op, v, r.vm.ToValue(n))
				}
				return compareNumbers(op, v.ToFloat(), n)
			}
		}
	}
	right := simpleValue(e.Right, depth-1)
	if right == nil {
		return nil
	}
	return func(r *realm) truth {
		v := left(r)
		if v == nil {
			return unknown
		}
		return compare(op, v, right(r))
	}
}

func compareNumbers(op token.Token, a, b float64) truth {
	switch op {
	case token.LESS:
		return truthOf(a < b)
	case token.GREATER:
		return truthOf(a > b)
	case token.LESS_OR_EQUAL:
		return truthOf(a <= b)
	case token.GREATER_OR_EQUAL:
		return truthOf(a >= b)
	case token.EQUAL, token.STRICT_EQUAL:
		return truthOf(a == b)
	}
	return truthOf(a != b)
}

// compare compares two values of which neither is an object that may have to be
// converted.
func compare(op token.Token, a, b goja.Value) truth {
	if a == nil || b == nil {
		return unknown
	}
	if goja.IsNumber(a) && goja.IsNumber(b) {
		return compareNumbers(op, a.ToFloat(), b.ToFloat())
	}
	switch op {
	case token.STRICT_EQUAL:
		return truthOf(a.StrictEquals(b))
	case token.STRICT_NOT_EQUAL:
		return truthOf(!a.StrictEquals(b))
	}
	if isObject(a) || isObject(b) {
		return unknown
	}
	switch op {
	case token.EQUAL:
		return truthOf(a.Equals(b))
	case token.NOT_EQUAL:
		return truthOf(!a.Equals(b))
	}
	s, ok := a.(goja.String)
	if !ok {
		return unknown
	}
	t, ok := b.(goja.String)
	if !ok {
		return unknown
	}
	return compareNumbers(op, float64(s.CompareTo(t)), 0)
}

func isObject(v goja.Value) bool {
	_, ok := v.(*goja.Object)
	return ok
}

// simpleValue compiles a value.
func simpleValue(e ast.Expression, depth int) valueFunc {
	if depth == 0 {
		return nil
	}
	switch e := e.(type) {
	case *ast.NumberLiteral:
		if n, ok := number(e); ok {
			return constant(primitive(n))
		}
	case *ast.StringLiteral:
		return constant(wide(e.Value.String()))
	case *ast.BooleanLiteral:
		return constant(primitive(e.Value))
	case *ast.NullLiteral:
		return constant(goja.Null())
	case *ast.Identifier:
		return simpleName(e.Name.String())
	case *ast.DotExpression:
		return simpleMember(e, depth)
	case *ast.BinaryExpression:
		return simpleArithmetic(e, depth)
	case *ast.UnaryExpression:
		if l, ok := e.Operand.(*ast.NumberLiteral); ok && e.Operator == token.MINUS {
			if n, ok := number(l); ok {
				return constant(primitive(-n))
			}
		}
	}
	return nil
}

// primitive makes a number or boolean, which belong to no runtime.
func primitive(v any) goja.Value {
	var none *goja.Runtime
	return none.ToValue(v)
}

func constant(v goja.Value) valueFunc { return func(*realm) goja.Value { return v } }

// simpleName compiles the reading of a variable.
func simpleName(name string) valueFunc {
	switch name {
	case "undefined":
		return constant(goja.Undefined())
	case "In", "_assigned":
		return nil
	}
	if lazyBits[name] != 0 {
		return func(r *realm) goja.Value {
			v, ok := r.cfg.Scope.Lookup(name)
			if !ok {
				return nil
			}
			return js(v)
		}
	}
	return func(r *realm) goja.Value { return r.vm.Get(name) }
}

func simpleMember(e *ast.DotExpression, depth int) valueFunc {
	base := simpleValue(e.Left, depth-1)
	if base == nil {
		return nil
	}
	name := e.Identifier.Name.String()
	read := func(r *realm) goja.Value {
		o, ok := base(r).(*goja.Object)
		if !ok {
			return nil
		}
		if v := o.Get(name); v != nil {
			return v
		}
		return goja.Undefined()
	}
	path := memberPath(e)
	if path == nil || path[0] != "_event" {
		return read
	}
	return func(r *realm) goja.Value {
		if p, ok := r.cfg.Scope.(ecmascript.Peeker); ok {
			if v, ok := p.Peek(path); ok {
				return js(v)
			}
		}
		return read(r)
	}
}

// memberPath is the names of a.b.c; nil for other expressions.
func memberPath(e ast.Expression) []string {
	switch e := e.(type) {
	case *ast.Identifier:
		return []string{e.Name.String()}
	case *ast.DotExpression:
		if path := memberPath(e.Left); path != nil {
			return append(path, e.Identifier.Name.String())
		}
	}
	return nil
}

func simpleArithmetic(e *ast.BinaryExpression, depth int) valueFunc {
	op := e.Operator
	if op != token.PLUS && op != token.MINUS && op != token.MULTIPLY {
		return nil
	}
	left, right := simpleValue(e.Left, depth-1), simpleValue(e.Right, depth-1)
	if left == nil || right == nil {
		return nil
	}
	return func(r *realm) goja.Value {
		a := left(r)
		if a == nil {
			return nil
		}
		b := right(r)
		if b == nil {
			return nil
		}
		if goja.IsNumber(a) && goja.IsNumber(b) {
			x, y := a.ToFloat(), b.ToFloat()
			switch op {
			case token.PLUS:
				x += y
			case token.MINUS:
				x -= y
			default:
				x *= y
			}
			return r.vm.ToValue(x)
		}
		if op != token.PLUS {
			return nil
		}
		s, ok := a.(goja.String)
		if !ok {
			return nil
		}
		t, ok := b.(goja.String)
		if !ok {
			return nil
		}
		return s.Concat(t)
	}
}
