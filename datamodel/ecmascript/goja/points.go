package goja

import (
	"reflect"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/token"
	"github.com/dop251/goja/unistring"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// A script cannot be looked at from outside while it runs, and goja has no place
// where it would stand still. So every turn of a loop, functions that call
// functions, and additions that may double strings again and again call a
// function of ours, which costs about 30 ns.

// pauseFunction is its name, which no script can write.
const pauseFunction = "[[pause]]"

// longText is the length of a string that is looked at before it is added.
const longText = 1 << 20

// pauseBit is its bit beside those of the system variables.
const pauseBit = 1 << 30

// definePause makes the function.
func (r *realm) definePause() error {
	f := r.vm.ToValue(r.point)
	if err := r.defineCaught(); err != nil {
		return err
	}
	return r.vm.GlobalObject().DefineDataProperty(pauseFunction, f, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE)
}

// point is the function.
func (r *realm) point(call goja.FunctionCall) goja.Value {
	if len(call.Arguments) == 0 {
		r.pause()
		return goja.Undefined()
	}
	operand := call.Arguments[0]
	if s, ok := operand.(goja.String); ok && s.Length() >= longText {
		r.cfg.Look()
	}
	r.pause()
	return operand
}

// Pause has f called when the script next comes to a place.
func (r *realm) Pause(f func()) { r.paused.Store(&f) }

// pause is such a place.
func (r *realm) pause() {
	if r.paused.Load() != nil {
		if f := r.paused.Swap(nil); f != nil {
			(*f)()
		}
	}
}

// poll is one in a built-in, which ends there when it has been interrupted.
func (r *realm) poll() {
	r.pause()
	if r.cause.Load() != nil {
		panic(&goja.InterruptedError{})
	}
}

// Root is where all data of a session hang.
func (r *realm) Root() (any, reflect.Type) { return r.vm, reflect.TypeFor[goja.Program]() }

// pointer puts the calls into a tree.
type pointer struct {
	sums []*ast.Expression // operands of what may double a string
	made bool
}

// addPoints reports whether there are any.
func addPoints(tree *ast.Program) bool {
	p := &pointer{}
	p.walk(reflect.ValueOf(tree.Body))
	if len(p.sums) > 1 || p.made {
		for _, e := range p.sums {
			call := p.call((*e).Idx0())
			call.ArgumentList = []ast.Expression{*e}
			*e = call
		}
	}
	return p.made
}

// sum notes an addition.
func (p *pointer) sum(left ast.Expression, right *ast.Expression) {
	if !p.small(left) && !p.small(*right) {
		p.sums = append(p.sums, right)
	}
}

// small reports whether an operand is surely short.
func (p *pointer) small(e ast.Expression) bool {
	switch e.(type) {
	case *ast.StringLiteral, *ast.NumberLiteral, *ast.BooleanLiteral, *ast.NullLiteral:
		return true
	}
	return numeric(nil).is(e, "")
}

// call is the call of the function.
func (p *pointer) call(at file.Idx) *ast.CallExpression {
	p.made = true
	return &ast.CallExpression{Callee: &ast.Identifier{Name: unistring.String(pauseFunction), Idx: at}, LeftParenthesis: at, RightParenthesis: at}
}

// test puts a call before the condition of a loop.
func (p *pointer) test(test ast.Expression, at file.Idx) ast.Expression {
	if test == nil {
		test = &ast.BooleanLiteral{Idx: at, Literal: "true", Value: true}
	}
	return &ast.SequenceExpression{Sequence: []ast.Expression{p.call(at), test}}
}

// walk goes through a tree and reports whether there are calls in it, outside of
// functions in it.
func (p *pointer) walk(v reflect.Value) (calls bool) {
	switch v.Kind() {
	case reflect.Interface:
		return !v.IsNil() && p.walk(v.Elem())
	case reflect.Pointer:
		if v.IsNil() {
			return false
		}
		calls = p.walk(v.Elem())
		if v.CanInterface() {
			return p.node(v.Interface(), calls)
		}
	case reflect.Slice:
		for i := range v.Len() {
			calls = p.walk(v.Index(i)) || calls
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "DeclarationList" && f.Name != "File" {
				calls = p.walk(v.Field(i)) || calls
			}
		}
	}
	return calls
}

// node treats a node whose children have been gone through.
func (p *pointer) node(n any, calls bool) bool {
	switch n := n.(type) {
	case *ast.ForStatement:
		n.Test = p.test(n.Test, n.For)
	case *ast.WhileStatement:
		n.Test = p.test(n.Test, n.While)
	case *ast.DoWhileStatement:
		n.Test = p.test(n.Test, n.Do)
	case *ast.ForOfStatement:
		n.Body = &ast.BlockStatement{LeftBrace: n.For, RightBrace: n.For, List: []ast.Statement{&ast.ExpressionStatement{Expression: p.call(n.For)}, n.Body}}
	case *ast.CallExpression, *ast.NewExpression, *ast.YieldExpression, *ast.AwaitExpression:
		return true
	case *ast.TemplateLiteral:
		if len(n.Expressions) > 1 {
			p.sums = append(p.sums, &n.Expressions[0])
		}
		return calls || n.Tag != nil
	case *ast.CatchStatement:
		p.caught(n)
	case *ast.AssignExpression:
		if n.Operator == token.PLUS {
			p.sum(n.Left, &n.Right)
		}
	case *ast.BinaryExpression:
		if n.Operator == token.PLUS {
			p.sum(n.Left, &n.Right)
		}
	case *ast.FunctionLiteral:
		if calls && n.Body != nil {
			p.begin(n.Body)
		}
		return false
	case *ast.ArrowFunctionLiteral:
		if !calls {
			return false
		}
		switch b := n.Body.(type) {
		case *ast.BlockStatement:
			p.begin(b)
		case *ast.ExpressionBody:
			b.Expression = &ast.SequenceExpression{Sequence: []ast.Expression{p.call(b.Expression.Idx0()), b.Expression}}
		}
		return false
	}
	return calls
}

// begin puts a call at the beginning of a function, after its directives.
func (p *pointer) begin(b *ast.BlockStatement) {
	n := 0
	for n < len(b.List) {
		e, ok := b.List[n].(*ast.ExpressionStatement)
		if !ok {
			break
		}
		if _, ok := e.Expression.(*ast.StringLiteral); !ok {
			break
		}
		n++
	}
	list := append([]ast.Statement{}, b.List[:n]...)
	list = append(list, &ast.ExpressionStatement{Expression: p.call(b.LeftBrace)})
	b.List = append(list, b.List[n:]...)
}

var _ ecmascript.Runtime = (*realm)(nil)
