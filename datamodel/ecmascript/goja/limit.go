package goja

import (
	"fmt"
	"strings"

	"github.com/dop251/goja"
)

// Built-ins that work for long without the engine's noticing an interrupt, or
// that take much memory at once, are replaced by ones that check their
// arguments first. A replacement costs memory in every runtime, so it is made
// only in the runtimes of documents that mention the name. Documents that reach
// built-ins in ways that a look at the tree cannot follow get all of them.

// What one call of a built-in may make or go through.
const (
	maxArray      = 4 << 20  // elements of an array
	maxText       = 16 << 20 // 16-bit units of a string
	maxNodes      = 1 << 20  // values that join, flat or stringify visit
	maxArguments  = 100_000  // arguments of apply
	maxEval       = 64 << 10 // bytes of source text
	maxRepeat     = 50_000   // product of the counts in a regular expression
	maxGenerators = 200      // generators that wait for one another
	maxBinary     = 64 << 20 // bytes of an ArrayBuffer
)

// limited is a set of built-ins, a bit for each entry of replacements.
type limited uint64

// replacement is a built-in that has a limit.
type replacement struct {
	names string               // that make a program need it
	array bool                 // it is needed where arrays may be long
	make  func(r *realm) error // nil: limitEval or limitFunction, which use this table

	makers bool // it is limitFunction
}

// matcherNames are those through which a script gets at what methods of strings leave
// to regular expressions without these methods, which see to it themselves.
const matcherNames = "Symbol getOwnPropertySymbols"

// arrayNames are the methods of Array.prototype that go through the array.
const arrayNames = "copyWithin every fill filter find findIndex findLast findLastIndex flatMap forEach includes indexOf lastIndexOf map " +
	"reduce reduceRight reverse shift slice some sort splice toLocaleString toReversed toSorted toSpliced unshift with"

var replacements = append(arrayMethods(), []replacement{
	{names: "join toString String push concat fill unshift splice", array: true, make: method("Array", "join", checkJoin)},
	{names: "concat", make: method("Array", "concat", checkConcat)},
	{names: "flat", make: method("Array", "flat", checkFlat)},
	{names: "values iterator Symbol Set Map from fromEntries all allSettled any race", array: true, make: limitIteration},
	{names: "Array isArray of from", make: limitArray},
	{names: "stringify", make: static("JSON", "stringify", checkStringify)},
	{names: "parse", make: static("JSON", "parse", checkParse)},
	{names: "repeat", make: method("String", "repeat", checkRepeat)},
	{names: "padStart padEnd", make: limitPad},
	{names: "concat", make: method("String", "concat", checkTexts)},
	{names: "replace", make: method("String", "replace", checkReplace)},
	{names: "replaceAll", make: method("String", "replaceAll", checkReplace)},
	{names: "split", make: method("String", "split", checkSplit)},
	{names: "match matchAll search", make: limitMatch},
	{names: matcherNames, make: limitMatchers},
	{names: "exec matchAll", make: limitExec},
	{names: "test", make: limitTest},
	{names: "RegExp compile", make: limitRegExp},
	{names: "raw", make: static("String", "raw", checkRaw)},
	{names: "apply", make: method("Function", "apply", checkApply)},
	{names: "apply construct Reflect", make: limitReflect},
	{names: "ArrayBuffer", make: constructor("ArrayBuffer", maxBinary)},
	{names: "Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array", make: limitTyped},
	{names: "BigInt BigInt64Array BigUint64Array getBigInt64 getBigUint64 asIntN asUintN", make: removeBigInt},
	{names: "function*", make: limitGenerators},
	{names: "eval"},
	{names: "Function constructor", makers: true},
}...)

func arrayMethods() []replacement {
	var list []replacement
	for _, n := range strings.Fields(arrayNames) {
		f := method("Array", n, checkLength)
		if n == "sort" {
			f = limitSort
		}
		list = append(list, replacement{names: n, make: f})
	}
	return list
}

var (
	limitOf     = namedLimits()
	arrayLimits = limitsWhere(func(r replacement) bool { return r.array })
	allLimits   = limitsWhere(func(replacement) bool { return true })
)

func namedLimits() map[string]limited {
	m := map[string]limited{}
	for i, r := range replacements {
		for _, n := range strings.Fields(r.names) {
			m[n] |= 1 << i
		}
	}
	return m
}

func limitsWhere(f func(replacement) bool) (all limited) {
	for i, r := range replacements {
		if f(r) {
			all |= 1 << i
		}
	}
	return all
}

// limit replaces built-ins.
func (r *realm) limit(which limited) error {
	for i, rep := range replacements {
		if which>>i&1 == 0 {
			continue
		}
		f := rep.make
		if f == nil {
			f = limitEval
			if rep.makers {
				f = limitFunction
			}
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

// check judges a call; its error is thrown as a RangeError.
type check func(r *realm, call goja.FunctionCall) error

func tooLong(what string, n float64, limit int) error {
	return fmt.Errorf("%s of %.0f exceeds the limit of %d", what, n, limit)
}

// object returns a property that is an object.
func (r *realm) object(o *goja.Object, name string) *goja.Object {
	p, _ := o.Get(name).(*goja.Object)
	return p
}

// builtin returns a global object, or its prototype property.
func (r *realm) builtin(name string, proto bool) *goja.Object {
	o := r.object(r.vm.GlobalObject(), name)
	if o != nil && proto {
		o = r.object(o, "prototype")
	}
	return o
}

func method(class, name string, c check) func(*realm) error {
	return func(r *realm) error { return r.replace(r.builtin(class, true), name, c) }
}

func static(class, name string, c check) func(*realm) error {
	return func(r *realm) error { return r.replace(r.builtin(class, false), name, c) }
}

// limitSort also has comparisons that give a boolean, such as a > b, sort: the
// standard leaves the order to the engine, and goja's would not change it.
func limitSort(r *realm) error {
	proto := r.builtin("Array", true)
	return r.replaceBy(proto, "sort", func(sort func(goja.FunctionCall) goja.Value, call goja.FunctionCall) goja.Value {
		if err := checkLength(r, call); err != nil {
			r.throwRange(err)
		}
		if compare, ok := goja.AssertFunction(call.Argument(0)); ok {
			call.Arguments = []goja.Value{r.vm.ToValue(func(pair goja.FunctionCall) goja.Value { return r.compare(compare, pair.Argument(0), pair.Argument(1)) })}
		}
		return sort(call)
	})
}

func (r *realm) compare(f goja.Callable, a, b goja.Value) goja.Value {
	v, err := f(goja.Undefined(), a, b)
	if err != nil {
		panic(err)
	}
	if greater, ok := v.Export().(bool); ok && !greater {
		if v, err = f(goja.Undefined(), b, a); err != nil {
			panic(err)
		}
		if less, ok := v.Export().(bool); ok && less {
			return r.vm.ToValue(-1)
		}
	}
	return v
}

// replace puts a check in front of a method.
func (r *realm) replace(o *goja.Object, name string, c check) error {
	return r.replaceBy(o, name, func(f func(goja.FunctionCall) goja.Value, call goja.FunctionCall) goja.Value {
		if err := c(r, call); err != nil {
			r.throwRange(err)
		}
		return f(call)
	})
}

// replaceBy puts by in the place of a method, which by is given.
func (r *realm) replaceBy(o *goja.Object, name string, by func(f func(goja.FunctionCall) goja.Value, call goja.FunctionCall) goja.Value) error {
	if o == nil {
		return nil
	}
	old, ok := o.Get(name).(*goja.Object)
	if !ok {
		return nil
	}
	f, ok := native(old)
	if !ok {
		return nil
	}
	fn := r.vm.ToValue(func(call goja.FunctionCall) goja.Value { return by(f, call) }).(*goja.Object)
	for _, p := range [...]string{"name", "length"} {
		if err := fn.DefineDataProperty(p, old.Get(p), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
			return err
		}
	}
	return o.DefineDataProperty(name, fn, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

// native returns what a built-in does, without its function object: that would take
// half a kilobyte in every runtime.
func native(o *goja.Object) (f func(goja.FunctionCall) goja.Value, ok bool) {
	f, ok = o.Export().(func(goja.FunctionCall) goja.Value)
	return f, ok
}

func (r *realm) throwRange(err error) {
	o, e := r.vm.New(r.vm.Get("RangeError"), r.vm.ToValue(err.Error()))
	if e != nil {
		panic(e)
	}
	panic(o)
}

func checkRaw(_ *realm, call goja.FunctionCall) error {
	if o, ok := call.Argument(0).(*goja.Object); ok {
		if raw, ok := o.Get("raw").(*goja.Object); ok && lengthOf(raw) > maxArguments {
			return tooLong("array length", lengthOf(raw), maxArguments)
		}
	}
	return nil
}

func checkApply(_ *realm, call goja.FunctionCall) error {
	if n := lengthOf(call.Argument(1)); n > maxArguments {
		return tooLong("argument list", n, maxArguments)
	}
	return nil
}

func limitReflect(r *realm) error {
	o := r.builtin("Reflect", false)
	if err := r.replace(o, "apply", func(r *realm, call goja.FunctionCall) error {
		if n := lengthOf(call.Argument(2)); n > maxArguments {
			return tooLong("argument list", n, maxArguments)
		}
		return nil
	}); err != nil {
		return err
	}
	return r.replace(o, "construct", checkApply)
}
