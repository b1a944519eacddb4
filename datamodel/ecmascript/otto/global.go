package otto

import (
	"fmt"
	"slices"

	js "github.com/robertkrimen/otto"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// natives are built-ins as they were before any script ran.
type natives struct {
	defineProperty, descriptor, ownNames, prototypeOf, extensible, preventExtensions, freeze, create, remove, in, hasOwn js.Value
	functionText, getTime, boolValue, numberValue, textValue                                                             js.Value

	object, array js.Value            // constructors
	constructors  map[string]js.Value // by name
	prototypes    map[string]js.Value // by name of the constructor
	builtins      []js.Value          // by index in builtinNames

	data     js.Value // a property descriptor, reused
	variable js.Value // the descriptor of a declared variable
	hidden   js.Value // a descriptor for what is not enumerable, reused
	make     js.Value // function (constructor, number of arguments, a, b); made when it is needed
	invoke   js.Value // calls a function and notes what it throws; see harden.go
}

// builtinNames are the global names of ECMAScript 5 that a script can replace.
var builtinNames = []string{"eval", "parseInt", "parseFloat", "isNaN", "isFinite", "decodeURI", "decodeURIComponent",
	"encodeURI", "encodeURIComponent", "escape", "unescape", "Object", "Function", "Array", "String", "Boolean", "Number",
	"Math", "Date", "RegExp", "Error", "EvalError", "TypeError", "RangeError", "ReferenceError", "SyntaxError", "URIError", "JSON"}

var errorNames = []string{"Error", "EvalError", "TypeError", "RangeError", "ReferenceError", "SyntaxError", "URIError"}

// init fills an empty global scope: the read-only names, and not otto's console,
// which writes to the output of the process.
func (r *runtime) init() error {
	self, err := r.vm.Run("delete this.console; this")
	if err != nil {
		return fmt.Errorf("ecmascript: otto: %w", err)
	}
	r.global = self.Object()
	if err := r.Protect(r.fill); err != nil {
		return fmt.Errorf("ecmascript: otto: %w", err)
	}
	return nil
}

func (r *runtime) fill() error {
	n := &r.native
	object := r.member(r.global, "Object")
	proto := func(constructor string) *js.Object {
		return r.member(r.member(r.global, constructor).Object(), "prototype").Object()
	}
	n.object, n.array = object, r.member(r.global, "Array")
	n.defineProperty = r.member(object.Object(), "defineProperty")
	n.descriptor = r.member(object.Object(), "getOwnPropertyDescriptor")
	n.ownNames = r.member(object.Object(), "getOwnPropertyNames")
	n.prototypeOf = r.member(object.Object(), "getPrototypeOf")
	n.extensible = r.member(object.Object(), "isExtensible")
	n.freeze = r.member(object.Object(), "freeze")
	n.preventExtensions = r.member(object.Object(), "preventExtensions")
	n.remove = r.own("(function () { return function (o, k) { return delete o[k] } })")
	n.in = r.own("(function () { return function (k, o) { return k in o } })")
	n.hasOwn = r.member(proto("Object"), "hasOwnProperty")
	n.functionText = r.member(proto("Function"), "toString")
	n.getTime = r.member(proto("Date"), "getTime")
	n.boolValue = r.member(proto("Boolean"), "valueOf")
	n.numberValue = r.member(proto("Number"), "valueOf")
	n.textValue = r.member(proto("String"), "valueOf")
	n.constructors, n.prototypes = map[string]js.Value{}, map[string]js.Value{}
	for _, name := range append([]string{"Object", "Array", "Function", "Date", "RegExp", "Boolean", "Number", "String"}, errorNames...) {
		n.constructors[name] = r.member(r.global, name)
		n.prototypes[name] = proto(name).Value()
	}
	r.captureBuiltins()

	n.create = r.member(object.Object(), "create")
	descriptor := func(enumerable, configurable bool) js.Value {
		d := r.bare()
		r.set(d.Object(), "value", js.Value{})
		r.set(d.Object(), "writable", js.TrueValue())
		r.set(d.Object(), "enumerable", boolean(enumerable))
		r.set(d.Object(), "configurable", boolean(configurable))
		return d
	}
	n.data, n.variable, n.hidden = descriptor(true, true), descriptor(true, false), descriptor(false, true)

	r.setter = r.function(func(call js.FunctionCall) js.Value {
		if h := r.holderOf(call.This); h != nil && h.lenient() {
			return js.Value{} // strict mode code does not come here
		}
		panic(r.vm.MakeTypeError("the name or member is read-only"))
	})
	// Every conversion of an array to a string goes through join.
	r.SetHidden(n.prototypes["Array"], "join", r.function(r.join))
	r.readOnly = map[string]bool{}
	for _, name := range r.cfg.Scope.Names() {
		r.readOnly[name] = false
	}
	return nil
}

// offer puts a read-only name into the global object.
func (r *runtime) offer(name string) {
	if there, ok := r.readOnly[name]; ok && !there {
		r.readOnly[name] = true
		r.define(r.global, name, r.accessor(func(js.FunctionCall) js.Value { return r.lookup(name) }, false, false))
	}
}

// help puts a function for rewritten code into the global object.
func (r *runtime) help(name string) {
	if r.helpers[name] {
		return
	}
	if r.helpers == nil {
		r.helpers = map[string]bool{}
	}
	r.helpers[name] = true
	d := r.bare()
	r.set(d.Object(), "value", r.function(map[string]func(js.FunctionCall) js.Value{
		fnCaught: r.caught, fnNote: r.note, fnIn: r.in, fnDelete: r.remove, fnSet: r.strictSet, fnPut: r.strictPut, fnLong: r.checkLong,
	}[name]))
	r.define(r.global, name, d)
}

func (r *runtime) captureBuiltins() {
	r.native.builtins = make([]js.Value, len(builtinNames))
	for i, name := range builtinNames {
		r.native.builtins[i] = r.member(r.global, name)
	}
}

// member reads a property.
func (r *runtime) member(o *js.Object, key string) js.Value { return r.must(o.Get(key)) }

// set writes a property.
func (r *runtime) set(o *js.Object, key string, v js.Value) {
	if err := o.Set(key, v); err != nil {
		r.throw(err)
	}
}

// define defines a property by a descriptor.
func (r *runtime) define(o *js.Object, key string, descriptor js.Value) {
	r.must(r.native.defineProperty.Call(js.Value{}, o.Value(), key, descriptor))
}

// accessor makes the descriptor of a read-only accessor.
func (r *runtime) accessor(get func(js.FunctionCall) js.Value, enumerable, configurable bool) js.Value {
	d := r.bare()
	r.set(d.Object(), "get", r.function(get))
	r.set(d.Object(), "set", r.setter)
	r.set(d.Object(), "enumerable", boolean(enumerable))
	r.set(d.Object(), "configurable", boolean(configurable))
	return d
}

func (r *runtime) function(f func(js.FunctionCall) js.Value) js.Value {
	return r.must(r.vm.ToValue(f))
}

func boolean(b bool) js.Value {
	if b {
		return js.TrueValue()
	}
	return js.FalseValue()
}

// lookup reads a read-only name.
func (r *runtime) lookup(name string) js.Value {
	v, ok := r.cfg.Scope.Lookup(name)
	if !ok {
		return js.Value{}
	}
	return r.fresh(value(v))
}

// caught looks at an exception that a script has caught. The one for calls that
// are nested too deep is not for scripts.
func (r *runtime) caught(call js.FunctionCall) js.Value {
	e := call.Argument(0)
	if r.halted.Load() == nil && e.Class() == "Error" {
		if m, err := e.Object().Get("message"); err != nil || !m.IsString() || "RangeError: "+m.String() != overflowed {
			return js.Value{}
		}
		r.overflow()
	}
	if r.halted.Load() != nil {
		panic(haltValue)
	}
	return js.Value{}
}

// strictSet checks name = value in strict code: name must exist.
func (r *runtime) strictSet(call js.FunctionCall) js.Value {
	name := call.Argument(0).String()
	if !r.isReadOnly(name) && !r.has(name) {
		panic(r.exception("ReferenceError", name+" is not defined"))
	}
	return call.Argument(1)
}

// strictPut does object[key] = value in strict code.
func (r *runtime) strictPut(call js.FunctionCall) js.Value {
	base, v := call.Argument(0), call.Argument(2)
	key := r.text(call.Argument(1))
	if base.IsUndefined() || base.IsNull() {
		panic(r.vm.MakeTypeError(fmt.Sprintf("cannot set %q of %s", key, base.String())))
	}
	o := base.Object()
	if o == nil {
		panic(r.vm.MakeTypeError(fmt.Sprintf("cannot set %q of a %s", key, "primitive value")))
	}
	if key == "length" {
		r.checkLength(base)
	}
	if h := r.holder(base); h != nil && !h.writable() {
		panic(r.vm.MakeTypeError(fmt.Sprintf("%q is read-only", key)))
	}
	r.set(o, key, v)
	return v
}

func (r *runtime) isReadOnly(name string) bool {
	_, ok := r.readOnly[name]
	return ok
}

// has reports whether the global scope has a name.
func (r *runtime) has(name string) bool {
	if v, err := r.global.Get(name); err != nil || v.IsDefined() {
		return true
	}
	return truth(r.must(r.native.hasOwn.Call(r.global.Value(), name)))
}

// Declare creates a variable.
func (r *runtime) Declare(name string) error {
	return r.Protect(func() error {
		if err := r.variable(name); err != nil || r.has(name) {
			return err
		}
		r.define(r.global, name, r.native.variable)
		return nil
	})
}

// variable checks the name of a variable that is made from outside.
func (r *runtime) variable(name string) error {
	if r.isReadOnly(name) {
		return &ecmascript.Exception{Message: "TypeError: " + name + " is read-only"}
	}
	return r.harden(sensitive[name])
}

// SetGlobal sets a variable.
func (r *runtime) SetGlobal(name string, v ecmascript.Value) error {
	return r.Protect(func() error {
		if err := r.variable(name); err != nil {
			return err
		}
		if !r.has(name) {
			r.define(r.global, name, r.native.variable)
		}
		r.set(r.global, name, value(v))
		return nil
	})
}

// Global returns a global binding.
func (r *runtime) Global(name string) (v ecmascript.Value, ok bool) {
	if r.isReadOnly(name) {
		return r.cfg.Scope.Lookup(name)
	}
	err := r.Protect(func() error {
		if ok = r.has(name); ok {
			v = r.member(r.global, name)
		}
		return nil
	})
	return v, ok && err == nil
}

// GlobalNames lists what the document made.
func (r *runtime) GlobalNames() []ecmascript.Binding {
	var out []ecmascript.Binding
	for _, name := range r.global.Keys() {
		out = append(out, ecmascript.Binding{Name: name})
	}
	for i, name := range builtinNames {
		if v, err := r.global.Get(name); err == nil && v != r.native.builtins[i] &&
			!slices.ContainsFunc(out, func(b ecmascript.Binding) bool { return b.Name == name }) {
			out = append(out, ecmascript.Binding{Name: name})
		}
	}
	return out
}

// Bind recreates a binding. ECMAScript 5 has variables only.
func (r *runtime) Bind(b ecmascript.Binding, v ecmascript.Value) error {
	return r.SetGlobal(b.Name, v)
}
