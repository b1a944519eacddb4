package goja

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// Limits of constructors and of what makes code from text.

func limitArray(r *realm) error { return r.guard("Array", maxArray) }

func limitTyped(r *realm) error {
	for _, n := range []string{"Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "Float32Array", "Float64Array"} {
		if err := r.guard(n, maxArray); err != nil {
			return err
		}
	}
	return nil
}

func constructor(name string, limit int) func(*realm) error {
	return func(r *realm) error { return r.guard(name, limit) }
}

// guard limits the length that a constructor is given.
func (r *realm) guard(name string, limit int) error {
	return r.proxy(name, func(args []goja.Value) error {
		if len(args) == 0 {
			return nil
		}
		n := lengthOf(args[0])
		if len(args) == 1 && goja.IsNumber(args[0]) {
			n = args[0].ToFloat()
		}
		if n > float64(limit) {
			return tooLong("length", n, limit)
		}
		return nil
	}, nil)
}

// proxy puts a check in front of a constructor, or something in its place that may
// return nil.
func (r *realm) proxy(name string, c func(args []goja.Value) error, instead func(args []goja.Value) goja.Value) error {
	target := r.builtin(name, false)
	if target == nil {
		return nil
	}
	call, ok := goja.AssertFunction(target)
	if !ok {
		return nil
	}
	construct, ok := goja.AssertConstructor(target)
	if !ok {
		return nil
	}
	test := func(args []goja.Value) goja.Value {
		if instead != nil {
			return instead(args)
		}
		if err := c(args); err != nil {
			r.throwRange(err)
		}
		return nil
	}
	var p *goja.Object
	instanceOf := r.vm.ToValue(r.hasInstance)
	p = r.vm.ToValue(r.vm.NewProxy(target, &goja.ProxyTrapConfig{
		GetSym: func(target *goja.Object, property *goja.Symbol, _ goja.Value) goja.Value {
			if property == goja.SymHasInstance {
				return instanceOf // goja's own does not take a proxy for a function
			}
			return target.GetSymbol(property)
		},
		Apply: func(_ *goja.Object, this goja.Value, args []goja.Value) goja.Value {
			if v := test(args); v != nil {
				return v
			}
			v, err := call(this, args...)
			if err != nil {
				panic(err)
			}
			return v
		},
		Construct: func(_ *goja.Object, args []goja.Value, newTarget *goja.Object) *goja.Object {
			if o, ok := test(args).(*goja.Object); ok && newTarget == p {
				return o
			}
			o, err := construct(newTarget, args...)
			if err != nil {
				panic(err)
			}
			return o
		},
	})).(*goja.Object)
	if proto := r.object(target, "prototype"); proto != nil {
		if err := proto.DefineDataProperty("constructor", p, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
			return err
		}
	}
	return r.vm.GlobalObject().DefineDataProperty(name, p, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

// hasInstance is Function.prototype[Symbol.hasInstance] for a constructor that
// is a proxy, or a class that extends one.
func (r *realm) hasInstance(call goja.FunctionCall) goja.Value {
	constructor, ok := call.This.(*goja.Object)
	o, isObject := call.Argument(0).(*goja.Object)
	if !ok || !isObject {
		return r.vm.ToValue(false)
	}
	proto, ok := constructor.Get("prototype").(*goja.Object)
	for p := o.Prototype(); ok && p != nil; p = p.Prototype() {
		if p.StrictEquals(proto) {
			return r.vm.ToValue(true)
		}
	}
	return r.vm.ToValue(false)
}

// removeBigInt takes away big integers, whose operators work for as long as
// they like.
func removeBigInt(r *realm) error {
	g := r.vm.GlobalObject()
	for _, n := range []string{"BigInt", "BigInt64Array", "BigUint64Array"} {
		if err := g.Delete(n); err != nil {
			return err
		}
	}
	if view := r.builtin("DataView", true); view != nil {
		for _, n := range []string{"getBigInt64", "getBigUint64"} {
			if err := view.Delete(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// limitGenerators bounds how deep generators call one another, which goja does
// not count as calls.
func limitGenerators(r *realm) error {
	v, err := r.vm.RunString("(function*(){})")
	if err != nil {
		return r.failed(err)
	}
	own := r.object(v.(*goja.Object), "prototype")
	if own == nil {
		return nil
	}
	proto := own.Prototype()
	next, ok := goja.AssertFunction(proto.Get("next"))
	if !ok {
		return nil
	}
	depth := 0
	fn := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		if depth >= maxGenerators {
			r.throwRange(fmt.Errorf("generators nested deeper than the limit of %d", maxGenerators))
		}
		depth++
		defer func() { depth-- }()
		v, err := next(call.This, call.Arguments...)
		if err != nil {
			panic(err)
		}
		return v
	})
	return proto.DefineDataProperty("next", fn, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

// source compiles text that becomes code, with all that programs of documents are
// given, and makes the runtime fit for it. Without a result the built-in is to
// report what is wrong.
func (r *realm) source(text string) (*code, error) {
	if err := ecmascript.CheckSource(text, maxEval); err != nil {
		return nil, err
	}
	tree, err := parser.ParseFile(nil, "", text, 0, parser.WithDisableSourceMaps)
	if err == nil {
		enclose(tree)
		var c *code
		if c, err = compileTree(tree, ecmascript.Unit{}); err == nil {
			return c, r.prepare(&c.facts)
		}
	}
	return nil, r.prepare(&everything) // it may think otherwise
}

// judge makes the runtime fit for text that the engine's own eval runs.
func (r *realm) judge(text string) error {
	c, err := r.source(text)
	if err == nil && c != nil && c.system&keyBit != 0 {
		// It compiles the text as it is, with keys that nobody looks at.
		err = r.prepare(&everything)
	}
	return err
}

// everything is what is known of text that nobody has understood.
var everything = facts{system: allLazy, shapes: true, hides: true, limits: allLimits}

// enclose puts what eval declares with let, const and class into a block, since it
// is the text's own.
func enclose(tree *ast.Program) {
	if !slices.ContainsFunc(tree.Body, func(s ast.Statement) bool {
		switch s.(type) {
		case *ast.LexicalDeclaration, *ast.ClassDeclaration:
			return true
		}
		return false
	}) {
		return
	}
	var outside, inside []ast.Statement
	for _, s := range tree.Body {
		if _, ok := s.(*ast.FunctionDeclaration); ok {
			outside = append(outside, s)
		} else {
			inside = append(inside, s)
		}
	}
	tree.Body = append(outside, &ast.BlockStatement{LeftBrace: tree.Body[0].Idx0(), List: inside, RightBrace: tree.Body[len(tree.Body)-1].Idx1()})
}

// runSource runs text; nil when the built-in is to do it.
func (r *realm) runSource(text string) goja.Value {
	c, err := r.source(text)
	if err != nil {
		r.throwRange(err)
	}
	if c == nil {
		return nil
	}
	v, err := r.vm.RunProgram(c.prog)
	if err != nil {
		panic(err)
	}
	return v
}

// limitEval runs what eval is given as a program. Direct calls inside functions
// are left to the engine's own.
func limitEval(r *realm) error {
	g := r.vm.GlobalObject()
	original := g.Get("eval")
	native, ok := goja.AssertFunction(original)
	if !ok {
		return nil
	}
	fn := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		if s, ok := call.Argument(0).(goja.String); ok {
			if v := r.runSource(r.evalText(r.Text(s))); v != nil {
				return v
			}
		}
		v, err := native(call.This, call.Arguments...)
		if err != nil {
			panic(err)
		}
		return v
	}).(*goja.Object)
	for name, v := range map[string]any{"name": "eval", "length": 1} {
		if err := fn.DefineDataProperty(name, r.vm.ToValue(v), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
			return err
		}
	}
	return r.offerDirectEval(original, fn)
}

// evalText is what eval runs in place of a text.
func (r *realm) evalText(text string) string {
	if r.cfg.Eval == nil {
		return text
	}
	return r.cfg.Eval(text)
}

// functionMaker makes the functions of a constructor; nil when the built-in is to
// do it.
func (r *realm) functionMaker(word string) func(args []goja.Value) goja.Value {
	return func(args []goja.Value) goja.Value {
		texts := make([]string, len(args))
		for i, a := range args {
			texts[i] = r.Text(str(a))
		}
		body := ""
		if n := len(texts); n > 0 {
			body, texts = texts[n-1], texts[:n-1]
		}
		return r.runSource("(" + word + " anonymous(" + strings.Join(texts, ",") + "\n) {\n" + body + "\n})")
	}
}

// limitFunction has the function constructors make functions of our programs.
func limitFunction(r *realm) error {
	if err := r.proxy("Function", nil, r.functionMaker("function")); err != nil {
		return err
	}
	// The constructors that have no name are reached by way of an instance.
	for _, word := range []string{"function*", "async function"} {
		v, err := r.vm.RunString("(" + word + "(){})")
		if err != nil {
			return r.failed(err)
		}
		proto := v.(*goja.Object).Prototype()
		if proto == nil {
			continue
		}
		ctor := r.object(proto, "constructor")
		if ctor == nil {
			continue
		}
		f, ok := goja.AssertFunction(ctor)
		if !ok {
			continue
		}
		instead := r.functionMaker(word)
		p := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
			if v := instead(call.Arguments); v != nil {
				return v
			}
			v, err := f(goja.Undefined(), call.Arguments...)
			if err != nil {
				panic(err)
			}
			return v
		})
		if err := proto.DefineDataProperty("constructor", p, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
			return err
		}
	}
	return nil
}
