package goja

import (
	"reflect"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"
	"github.com/dop251/goja/unistring"
)

// A call of eval inside a function sees the variables of the function only when
// the engine meets its own eval there, which knows no limits. So such a call,
//
//	eval(text)
//
// is compiled as
//
//	(%put(text), eval(%take()))
//
// where %put judges the text and lets the next look at the name eval find the
// engine's own. Everybody else finds the one with limits. %put and %take are
// constants of the global scope with names that no program can write; between the
// two no code of a program runs, except in a with statement, and programs with
// one keep the eval with limits.
const (
	putName  = "%put"
	takeName = "%take"
)

// directEval rewrites the calls of eval inside functions.
func directEval(tree *ast.Program) {
	if !strings.Contains(tree.File.Source(), "eval") {
		return
	}
	w := evalRewriter{}
	for _, s := range tree.Body {
		w.walk(reflect.ValueOf(s), false)
	}
	if w.with {
		return
	}
	for _, v := range w.calls {
		call := v.Interface().(*ast.CallExpression)
		named := func(name string) *ast.Identifier {
			return &ast.Identifier{Name: unistring.String(name), Idx: call.Idx0()}
		}
		of := func(callee *ast.Identifier, args ...ast.Expression) *ast.CallExpression {
			return &ast.CallExpression{Callee: callee, LeftParenthesis: call.LeftParenthesis, ArgumentList: args, RightParenthesis: call.RightParenthesis}
		}
		v.Set(reflect.ValueOf(&ast.SequenceExpression{Sequence: []ast.Expression{
			of(named(putName), call.ArgumentList[0]),
			of(call.Callee.(*ast.Identifier), of(named(takeName))),
		}}))
	}
}

// evalRewriter looks for calls of eval with one argument. The inner ones come first.
type evalRewriter struct {
	calls []reflect.Value // where a call stands
	with  bool
}

func (w *evalRewriter) walk(v reflect.Value, inside bool) {
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		w.walk(v.Elem(), inside)
		if call, ok := v.Interface().(*ast.CallExpression); ok && inside && v.CanSet() && isEval(call) {
			w.calls = append(w.calls, v)
		}
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		switch v.Interface().(type) {
		case *ast.FunctionLiteral, *ast.ArrowFunctionLiteral:
			inside = true
		case *ast.WithStatement:
			w.with = true
		}
		if t := v.Type().Elem(); t.Kind() == reflect.Struct && strings.HasSuffix(t.PkgPath(), "/goja/ast") {
			w.walk(v.Elem(), inside)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "DeclarationList" { // which repeats what is in the body
				w.walk(v.Field(i), inside)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			w.walk(v.Index(i), inside)
		}
	}
}

func isEval(call *ast.CallExpression) bool {
	callee, ok := call.Callee.(*ast.Identifier)
	if !ok || callee.Name != "eval" || len(call.ArgumentList) != 1 {
		return false
	}
	_, spread := call.ArgumentList[0].(*ast.SpreadElement)
	return !spread
}

// offerDirectEval makes the runtime fit for rewritten calls. original is the engine's own
// eval, limited the one that has taken its place.
func (r *realm) offerDirectEval(original, limited goja.Value) error {
	var text goja.Value
	open := false
	global := r.vm.GlobalObject()
	put := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		text = call.Argument(0)
		if s, ok := text.(goja.String); ok {
			source := s.String()
			if err := r.judge(source); err != nil {
				r.throwRange(err)
			}
			now, err := r.pointed(r.evalText(source))
			if err != nil {
				panic(err)
			}
			if now != source {
				text = r.vm.ToValue(now)
			}
		}
		open = true
		return goja.Undefined()
	})
	take := r.vm.ToValue(func(goja.FunctionCall) goja.Value {
		v := text
		text, open = nil, false
		return v
	})
	get := r.vm.ToValue(func(goja.FunctionCall) goja.Value {
		if open {
			open = false
			return original
		}
		return limited
	})
	set := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		if err := global.DefineDataProperty("eval", call.Argument(0), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
			panic(err)
		}
		return goja.Undefined()
	})
	if err := global.DefineAccessorProperty("eval", get, set, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
		return err
	}
	return r.constants(map[string]goja.Value{putName: put, takeName: take})
}

// constants declares constants of the global scope, whose names may be any text.
func (r *realm) constants(values map[string]goja.Value) error {
	global := r.vm.GlobalObject()
	for name, v := range values {
		tree, err := parser.ParseFile(nil, "", "const name = this['name']", 0)
		if err != nil {
			return err
		}
		list := tree.Body[0].(*ast.LexicalDeclaration).List
		list[0].Target = &ast.Identifier{Name: unistring.String(name), Idx: list[0].Target.Idx0()}
		list[0].Initializer.(*ast.BracketExpression).Member = &ast.StringLiteral{Literal: name, Value: unistring.String(name)}
		prog, err := goja.CompileAST(tree, false)
		if err != nil {
			return err
		}
		if err := global.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
			return err
		}
		if _, err := r.vm.RunProgram(prog); err != nil {
			return err
		}
		if err := global.Delete(name); err != nil {
			return err
		}
	}
	return nil
}
