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

// Programs may be given with other names for their variables than the author's, and
// with some of the syntax written anew. Scripts see neither: toString of a function
// gives what the author wrote, name what the author called it.

// authorBit says that a program has functions that were changed.
const authorBit = 1 << 13

// namedFunction is the function that gives functions their names. No script can
// write it.
const namedFunction = "[[named]]"

// author notes what the author wrote for a function or class.
func (a *analyzer) author(source string, at file.Idx) {
	start := int(at) - 1
	if a.written == nil || source == "" || start < 0 {
		return
	}
	if was := a.written(start, start+len(source)); was != "" && was != source {
		if a.authors == nil {
			a.authors = map[string]string{}
		}
		a.authors[source] = was
		a.system |= authorBit
	}
}

// functionText is the source of a function as the engine has it.
func (r *realm) functionText(o *goja.Object) string {
	if r.textOf != nil {
		if v, err := r.textOf(o); err == nil {
			return v.String()
		}
	}
	return o.String()
}

// authorOf returns what the author wrote for the source of a function; empty when
// it is the same.
func (r *realm) authorOf(source string) string {
	for _, p := range r.ran {
		if was, ok := p.authors[source]; ok {
			return was
		}
	}
	return ""
}

// offerAuthors replaces Function.prototype.toString.
func (r *realm) offerAuthors() error {
	proto := r.builtin("Function", true)
	if proto == nil {
		return nil
	}
	old, ok := proto.Get("toString").(*goja.Object)
	if !ok {
		return nil
	}
	text, ok := goja.AssertFunction(old)
	if !ok {
		return nil
	}
	r.textOf = text
	f := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		v, err := text(call.This)
		if err != nil {
			panic(err)
		}
		if was := r.authorOf(v.String()); was != "" {
			return r.vm.ToValue(was)
		}
		return v
	}).(*goja.Object)
	if err := f.DefineDataProperty("name", r.vm.ToValue("toString"), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
		return err
	}
	if err := proto.DefineDataProperty("toString", f, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
		return err
	}
	named := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		if o, ok := call.Argument(0).(*goja.Object); ok {
			r.rename(o, call.Argument(1))
		}
		return call.Argument(0)
	})
	return r.vm.GlobalObject().DefineDataProperty(namedFunction, named, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE)
}

// rename gives a function its name, unless it has a member of its own in its place.
func (r *realm) rename(f *goja.Object, name goja.Value) {
	if class(f) == ecmascript.Function {
		_ = f.DefineDataProperty("name", name, goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	}
}

// nameFunctions has the functions of a program take the names that the author gave
// to the variables. It reports whether there are any.
func nameFunctions(tree *ast.Program, names map[string]string) bool {
	if len(names) == 0 {
		return false
	}
	n := functionNamer{names: names}
	n.walk(reflect.ValueOf(tree.Body))
	var first []ast.Statement
	for _, s := range tree.Body {
		f, ok := s.(*ast.FunctionDeclaration)
		if !ok || f.Function.Name == nil {
			continue
		}
		id := f.Function.Name
		if was, ok := names[id.Name.String()]; ok {
			call := n.call(&ast.Identifier{Name: id.Name, Idx: id.Idx}, was, id.Idx)
			first = append(first, &ast.VariableStatement{Var: id.Idx, List: []*ast.Binding{{Target: &ast.Identifier{Name: id.Name, Idx: id.Idx}, Initializer: call}}})
		}
	}
	if len(first) > 0 {
		tree.Body = append(first, tree.Body...)
	}
	return n.made
}

type functionNamer struct {
	names map[string]string
	made  bool
}

func (n *functionNamer) call(f ast.Expression, name string, at file.Idx) ast.Expression {
	n.made = true
	return &ast.CallExpression{Callee: &ast.Identifier{Name: namedFunction, Idx: at}, LeftParenthesis: at, RightParenthesis: at,
		ArgumentList: []ast.Expression{f, &ast.StringLiteral{Idx: at, Literal: name, Value: unistring.NewFromString(name)}}}
}

// assigned treats what is assigned to a variable.
func (n *functionNamer) assigned(target ast.Node, value *ast.Expression) {
	id, ok := target.(*ast.Identifier)
	if !ok {
		return
	}
	was, ok := n.names[id.Name.String()]
	if !ok {
		return
	}
	switch f := (*value).(type) {
	case *ast.FunctionLiteral:
		ok = f.Name == nil
	case *ast.ArrowFunctionLiteral:
	case *ast.ClassLiteral:
		ok = f.Name == nil
	default:
		ok = false
	}
	if ok {
		*value = n.call(*value, was, (*value).Idx0())
	}
}

func (n *functionNamer) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			n.walk(v.Elem())
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		n.walk(v.Elem())
		if !v.CanInterface() {
			return
		}
		switch x := v.Interface().(type) {
		case *ast.Binding:
			if x.Initializer != nil {
				n.assigned(x.Target, &x.Initializer)
			}
		case *ast.AssignExpression:
			if x.Operator == token.ASSIGN {
				n.assigned(x.Left, &x.Right)
			}
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
