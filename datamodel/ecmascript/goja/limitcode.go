package goja

import (
	"fmt"
	"strings"

	"github.com/dop251/goja"

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
	})
}

// proxy puts a check in front of a constructor.
func (r *realm) proxy(name string, c func(args []goja.Value) error) error {
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
	test := func(args []goja.Value) {
		if err := c(args); err != nil {
			r.throwRange(err)
		}
	}
	instanceOf := r.vm.ToValue(r.hasInstance)
	p := r.vm.ToValue(r.vm.NewProxy(target, &goja.ProxyTrapConfig{
		GetSym: func(target *goja.Object, property *goja.Symbol, _ goja.Value) goja.Value {
			if property == goja.SymHasInstance {
				return instanceOf // goja's own does not take a proxy for a function
			}
			return target.GetSymbol(property)
		},
		Apply: func(_ *goja.Object, this goja.Value, args []goja.Value) goja.Value {
			test(args)
			v, err := call(this, args...)
			if err != nil {
				panic(err)
			}
			return v
		},
		Construct: func(_ *goja.Object, args []goja.Value, newTarget *goja.Object) *goja.Object {
			test(args)
			o, err := construct(newTarget, args...)
			if err != nil {
				panic(err)
			}
			return o
		},
	}))
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

// source judges text that becomes code, and makes the runtime fit for it.
func (r *realm) source(text string) error {
	if err := ecmascript.CheckSource(text, maxEval); err != nil {
		return err
	}
	everything := facts{system: allLazy, shapes: true, limits: allLimits}
	c, err := compile("", text, false)
	switch {
	case err != nil:
		return r.prepare(&everything) // the built-in reports it, or thinks otherwise
	case c.system&keyBit != 0:
		// The built-in compiles the text as it is, with keys that nobody looks at.
		return r.prepare(&everything)
	}
	return r.prepare(&c.facts)
}

// limitEval checks what eval is given.
func limitEval(r *realm) error {
	global := r.vm.GlobalObject()
	original := global.Get("eval")
	err := r.replace(global, "eval", func(r *realm, call goja.FunctionCall) error {
		if s, ok := call.Argument(0).(goja.String); ok {
			return r.source(s.String())
		}
		return nil
	})
	if err != nil || original == nil {
		return err
	}
	return r.offerDirectEval(original, global.Get("eval"))
}

// limitFunction checks what the function constructors are given.
func limitFunction(r *realm) error {
	check := func(word string) func(args []goja.Value) error {
		return func(args []goja.Value) error {
			texts := make([]string, len(args))
			for i, a := range args {
				texts[i] = a.String()
			}
			body := ""
			if n := len(texts); n > 0 {
				body, texts = texts[n-1], texts[:n-1]
			}
			return r.source("(" + word + " anonymous(" + strings.Join(texts, ",") + "\n) {\n" + body + "\n})")
		}
	}
	if err := r.proxy("Function", check("function")); err != nil {
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
		test := check(word)
		p := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
			if err := test(call.Arguments); err != nil {
				r.throwRange(err)
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
