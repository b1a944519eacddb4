package goja

import (
	"reflect"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
	"github.com/dop251/goja/unistring"
)

// The names of members that a program mentions are known from its tree, except
// those that it computes: x[k]. Such a key passes through a function of ours,
// which sees to it that the runtime is fit for the name before the member is
// read. Keys that are surely numbers, such as the counter of a loop, do without.

// keyFunction is the name of that function, which no script can write.
const keyFunction = "[[key]]"

// keyBit is its bit beside those of the system variables.
const keyBit = 1 << 31

// guardKey puts the call around the key of a member access.
func guardKey(n *ast.BracketExpression) {
	at := n.Member.Idx0()
	n.Member = &ast.CallExpression{
		Callee:           &ast.Identifier{Name: unistring.String(keyFunction), Idx: at},
		LeftParenthesis:  at,
		ArgumentList:     []ast.Expression{n.Member},
		RightParenthesis: at,
	}
}

// defineKey makes the function.
func (r *realm) defineKey() error {
	f := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		key := call.Argument(0)
		if o, ok := key.(*goja.Object); ok {
			key = o.ToString() // once, so that it cannot change
		}
		switch key := key.(type) {
		case goja.String:
			if key.Length() <= longestName {
				r.key(key.String())
			}
		case *goja.Symbol:
		default:
			if goja.IsNumber(key) && key.ToFloat() >= maxArray {
				r.fit(&facts{limits: arrayLimits})
			}
		}
		return key
	})
	return r.vm.GlobalObject().DefineDataProperty(keyFunction, f, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE)
}

// key makes the runtime fit for a name.
func (r *realm) key(name string) {
	if !interesting(name) {
		return
	}
	a := &analyzer{}
	a.mention(name)
	a.finish()
	if name == "length" {
		a.limits |= arrayLimits
	}
	r.fit(&a.facts)
}

func (r *realm) fit(f *facts) {
	if f.system&^r.system == 0 && f.limits&^r.limits == 0 && (r.shapes || !f.shapes) && (r.hides || !f.hides) {
		return
	}
	if err := r.prepare(f); err != nil {
		panic(r.hostError(err))
	}
}

// longestName is the length of the longest name that means anything.
const longestName = 40

func interesting(name string) bool {
	if name == "length" {
		return true
	}
	if i, digits := 0, len(name) > 0; digits {
		for i < len(name) && '0' <= name[i] && name[i] <= '9' {
			i++
		}
		if i == len(name) {
			return len(name) > 6
		}
	}
	return lazyBits[name] != 0 || limitOf[name] != 0 || reachNames[name] || shapeNames[name]
}

// numeric finds the local variables of a program that only ever hold numbers:
// those whose every declaration and assignment is one. Names are taken
// together, wherever they stand.
type numeric map[string]bool // false: something else is assigned

func numericNames(tree *ast.Program) numeric {
	n := numeric{}
	n.walk(reflect.ValueOf(tree.Body))
	return n
}

func (n numeric) note(name string, ok bool) {
	if old, seen := n[name]; seen {
		ok = ok && old
	}
	n[name] = ok
}

func (n numeric) other(t ast.Node) { targets(t, func(name string) { n.note(name, false) }) }

func (n numeric) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			n.walk(v.Elem())
		}
	case reflect.Pointer:
		if !v.IsNil() {
			if v.CanInterface() {
				n.node(v.Interface())
			}
			n.walk(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			n.walk(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "DeclarationList" && f.Name != "File" {
				n.walk(v.Field(i))
			}
		}
	}
}

func (n numeric) node(x any) {
	switch x := x.(type) {
	case *ast.Binding:
		id, ok := x.Target.(*ast.Identifier)
		if !ok {
			n.other(x.Target)
			return
		}
		n.note(id.Name.String(), x.Initializer == nil || n.is(x.Initializer, id.Name.String()))
	case *ast.AssignExpression:
		id, ok := x.Left.(*ast.Identifier)
		if !ok {
			n.other(x.Left)
			return
		}
		switch x.Operator {
		case token.ASSIGN, token.PLUS:
			n.note(id.Name.String(), n.is(x.Right, id.Name.String()))
		case token.MINUS, token.MULTIPLY, token.SLASH, token.REMAINDER, token.AND, token.OR, token.EXCLUSIVE_OR,
			token.SHIFT_LEFT, token.SHIFT_RIGHT, token.UNSIGNED_SHIFT_RIGHT:
		default:
			n.note(id.Name.String(), false)
		}
	case *ast.ParameterList:
		for _, b := range x.List {
			n.other(b)
		}
		if x.Rest != nil {
			n.other(x.Rest)
		}
	case *ast.ForIntoVar:
		n.other(x.Binding)
	case *ast.ForDeclaration:
		n.other(x.Target)
	case *ast.ForIntoExpression:
		n.other(x.Expression)
	case *ast.CatchStatement:
		if x.Parameter != nil {
			n.other(x.Parameter)
		}
	case *ast.FunctionLiteral:
		if x.Name != nil {
			n.note(x.Name.Name.String(), false)
		}
	case *ast.ClassLiteral:
		if x.Name != nil {
			n.note(x.Name.Name.String(), false)
		}
	}
}

// is reports whether an expression is a number, given that the variable self is.
func (n numeric) is(e ast.Expression, self string) bool {
	switch e := e.(type) {
	case *ast.NumberLiteral:
		f, ok := number(e)
		return ok && f < maxArray
	case *ast.Identifier:
		return self != "" && e.Name.String() == self
	case *ast.UnaryExpression:
		switch e.Operator {
		case token.PLUS, token.MINUS, token.BITWISE_NOT, token.INCREMENT, token.DECREMENT:
			return true
		}
	case *ast.BinaryExpression:
		switch e.Operator {
		case token.MINUS, token.MULTIPLY, token.SLASH, token.REMAINDER, token.AND, token.OR, token.EXCLUSIVE_OR,
			token.SHIFT_LEFT, token.SHIFT_RIGHT, token.UNSIGNED_SHIFT_RIGHT:
			return true
		case token.PLUS:
			return n.is(e.Left, self) && n.is(e.Right, self)
		}
	}
	return false
}

// plainKey reports whether the key of a member access is surely a number.
func (a *analyzer) plainKey(e ast.Expression) bool {
	switch e := e.(type) {
	case *ast.Identifier:
		return a.numeric[e.Name.String()] && a.isLocal(e.Name.String())
	case *ast.BinaryExpression:
		if e.Operator == token.PLUS {
			return a.plainKey(e.Left) && a.plainKey(e.Right)
		}
	}
	return a.numeric.is(e, "")
}

func (a *analyzer) isLocal(name string) bool {
	for i := len(a.scopes) - 1; i > 0; i-- {
		if a.scopes[i][name] {
			return true
		}
	}
	return false
}
