package goja

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
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
	make  func(r *realm) error // nil: limitEval, which uses this table
}

// arrayNames are the methods of Array.prototype that go through the array.
const arrayNames = "copyWithin every fill filter find findIndex findLast findLastIndex flatMap forEach includes indexOf lastIndexOf map " +
	"reduce reduceRight reverse shift slice some sort splice toLocaleString toReversed toSorted toSpliced unshift with entries keys"

var replacements = []replacement{
	{names: arrayNames, array: true, make: limitArrays},
	{names: "join toString String push concat fill unshift splice", array: true, make: method("Array", "join", checkJoin)},
	{names: "concat", array: true, make: method("Array", "concat", checkConcat)},
	{names: "flat", array: true, make: method("Array", "flat", checkFlat)},
	{names: "values iterator Symbol Set Map from fromEntries all allSettled any race", array: true, make: limitIteration},
	{names: "Array isArray of from", array: true, make: limitArray},
	{names: "stringify", make: static("JSON", "stringify", checkStringify)},
	{names: "parse", make: static("JSON", "parse", checkParse)},
	{names: "repeat", make: method("String", "repeat", checkRepeat)},
	{names: "padStart padEnd", make: limitPad},
	{names: "concat", make: method("String", "concat", checkTexts)},
	{names: "replace", make: method("String", "replace", checkReplace)},
	{names: "replaceAll", make: method("String", "replaceAll", checkReplace)},
	{names: "split", make: method("String", "split", checkSplit)},
	{names: "match matchAll search", make: limitMatch},
	{names: "RegExp compile", make: limitRegExp},
	{names: "raw", make: static("String", "raw", checkRaw)},
	{names: "apply", make: method("Function", "apply", checkApply)},
	{names: "apply construct Reflect", make: limitReflect},
	{names: "ArrayBuffer", make: constructor("ArrayBuffer", maxBinary)},
	{names: "Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array", make: limitTyped},
	{names: "BigInt BigInt64Array BigUint64Array getBigInt64 getBigUint64 asIntN asUintN", make: removeBigInt},
	{names: "function*", make: limitGenerators},
	{names: "eval Function constructor"},
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

// replace puts a check in front of a method.
func (r *realm) replace(o *goja.Object, name string, c check) error {
	if o == nil {
		return nil
	}
	old, ok := o.Get(name).(*goja.Object)
	if !ok {
		return nil
	}
	f, ok := goja.AssertFunction(old)
	if !ok {
		return nil
	}
	fn := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		if err := c(r, call); err != nil {
			r.throwRange(err)
		}
		v, err := f(call.This, call.Arguments...)
		if err != nil {
			panic(err)
		}
		return v
	}).(*goja.Object)
	for _, p := range [...]string{"name", "length"} {
		if err := fn.DefineDataProperty(p, old.Get(p), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
			return err
		}
	}
	return o.DefineDataProperty(name, fn, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

func (r *realm) throwRange(err error) {
	o, e := r.vm.New(r.vm.Get("RangeError"), r.vm.ToValue(err.Error()))
	if e != nil {
		panic(e)
	}
	panic(o)
}

// lengthOf is the length of an array or array-like object; 0 for others.
func lengthOf(v goja.Value) float64 {
	switch v := v.(type) {
	case goja.String:
		return float64(v.Length())
	case *goja.Object:
		if l := v.Get("length"); l != nil {
			if n := l.ToFloat(); n > 0 {
				return n
			}
		}
	}
	return 0
}

func checkLength(_ *realm, call goja.FunctionCall) error {
	if n := lengthOf(call.This); n > maxArray {
		return tooLong("array length", n, maxArray)
	}
	return nil
}

func limitArrays(r *realm) error {
	proto := r.builtin("Array", true)
	for _, n := range strings.Fields(arrayNames) {
		if err := r.replace(proto, n, checkLength); err != nil {
			return err
		}
	}
	return nil
}

func checkConcat(r *realm, call goja.FunctionCall) error {
	n := lengthOf(call.This)
	for _, a := range call.Arguments {
		if o, ok := a.(*goja.Object); ok {
			n += lengthOf(o)
		}
	}
	if n > maxArray {
		return tooLong("array length", n, maxArray)
	}
	return nil
}

// visitor counts what a built-in would go through.
type visitor struct {
	nodes, text float64
	path        []*goja.Object
}

func (v *visitor) over() error {
	if v.nodes > maxNodes {
		return fmt.Errorf("more than the limit of %d values", maxNodes)
	}
	if v.text > maxText {
		return tooLong("text length", v.text, maxText)
	}
	return nil
}

// enter reports whether to go on into o: not into a cycle, which the built-in
// itself reports.
func (v *visitor) enter(o *goja.Object) (bool, error) {
	if slices.Contains(v.path, o) {
		return false, nil
	}
	if len(v.path) > datamodel.MaxDepth {
		return false, fmt.Errorf("nested deeper than the limit of %d", datamodel.MaxDepth)
	}
	v.path = append(v.path, o)
	return true, nil
}

func (v *visitor) leave() { v.path = v.path[:len(v.path)-1] }

func isArray(o *goja.Object) bool { return o.ClassName() == "Array" }

// join counts the elements of an array as join goes through them.
func (v *visitor) join(o *goja.Object, separator float64) error {
	n := lengthOf(o)
	if n > maxArray {
		return tooLong("array length", n, maxArray)
	}
	v.nodes += n
	v.text += n * separator
	ok, err := v.enter(o)
	if !ok || err != nil {
		return err
	}
	defer v.leave()
	for i := range int(n) {
		switch e := o.Get(strconv.Itoa(i)).(type) {
		case goja.String:
			v.text += float64(e.Length())
		case *goja.Object:
			if isArray(e) {
				if err := v.join(e, 1); err != nil {
					return err
				}
			}
		}
		if err := v.over(); err != nil {
			return err
		}
	}
	return v.over()
}

func checkJoin(r *realm, call goja.FunctionCall) error {
	o, ok := call.This.(*goja.Object)
	if !ok {
		return nil
	}
	separator := 1.0
	if s, ok := call.Argument(0).(goja.String); ok {
		separator = float64(s.Length())
	}
	return (&visitor{}).join(o, separator)
}

func (v *visitor) flat(o *goja.Object, depth float64) error {
	n := lengthOf(o)
	v.nodes += n
	if err := v.over(); err != nil || depth < 0 {
		return err
	}
	if len(v.path) > datamodel.MaxDepth {
		return fmt.Errorf("nested deeper than the limit of %d", datamodel.MaxDepth)
	}
	v.path = append(v.path, o)
	defer v.leave()
	for i := range int(n) {
		if e, ok := o.Get(strconv.Itoa(i)).(*goja.Object); ok && isArray(e) {
			if err := v.flat(e, depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkFlat(_ *realm, call goja.FunctionCall) error {
	o, ok := call.This.(*goja.Object)
	if !ok {
		return nil
	}
	depth := 1.0
	if d := call.Argument(0); !goja.IsUndefined(d) {
		depth = d.ToFloat()
	}
	return (&visitor{}).flat(o, depth)
}

func (v *visitor) json(x goja.Value) error {
	v.nodes++
	switch x := x.(type) {
	case goja.String:
		v.text += float64(x.Length())
	case *goja.Object:
		ok, err := v.enter(x)
		if !ok || err != nil {
			return err
		}
		defer v.leave()
		if isArray(x) && lengthOf(x) > maxArray {
			return tooLong("array length", lengthOf(x), maxArray)
		}
		if x.ExportType() == typeDynamic {
			return nil
		}
		for _, k := range x.Keys() {
			v.text += float64(len(k))
			if err := v.json(x.Get(k)); err != nil {
				return err
			}
		}
	}
	return v.over()
}

func checkStringify(_ *realm, call goja.FunctionCall) error {
	return (&visitor{}).json(call.Argument(0))
}

// checkParse judges JSON text: the decoder of goja is recursive.
func checkParse(r *realm, call goja.FunctionCall) error {
	s, ok := call.Argument(0).(goja.String)
	if !ok {
		if o, isObject := call.Argument(0).(*goja.Object); isObject {
			return fmt.Errorf("JSON.parse needs a string, not %s", o.ClassName())
		}
		return nil
	}
	if s.Length() > maxText {
		return tooLong("text length", float64(s.Length()), maxText)
	}
	depth, quoted := 0, false
	t := s.String()
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > datamodel.MaxDepth {
				return fmt.Errorf("JSON text nested deeper than the limit of %d", datamodel.MaxDepth)
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return nil
}

func checkRepeat(_ *realm, call goja.FunctionCall) error {
	n := lengthOf(call.This.ToString()) * call.Argument(0).ToFloat()
	if n > maxText {
		return tooLong("text length", n, maxText)
	}
	return nil
}

func limitPad(r *realm) error {
	c := func(_ *realm, call goja.FunctionCall) error {
		if n := call.Argument(0).ToFloat(); n > maxText {
			return tooLong("text length", n, maxText)
		}
		return nil
	}
	proto := r.builtin("String", true)
	if err := r.replace(proto, "padStart", c); err != nil {
		return err
	}
	return r.replace(proto, "padEnd", c)
}

func checkTexts(_ *realm, call goja.FunctionCall) error {
	n := lengthOf(call.This)
	for _, a := range call.Arguments {
		if s, ok := a.(goja.String); ok {
			n += float64(s.Length())
		}
	}
	if n > maxText {
		return tooLong("text length", n, maxText)
	}
	return nil
}

// checkReplace judges the longest text that a replacement may give.
func checkReplace(r *realm, call goja.FunctionCall) error {
	n := lengthOf(call.This)
	if n > maxText {
		return tooLong("text length", n, maxText)
	}
	replacement, ok := call.Argument(1).(goja.String)
	if !ok {
		return nil
	}
	each := float64(replacement.Length()) + n*float64(strings.Count(replacement.String(), "$"))
	if p, ok := call.Argument(0).(goja.String); ok {
		s := call.This.String()
		if n := float64(strings.Count(s, p.String())); n*each > maxText {
			return tooLong("text length", n*each, maxText)
		}
		return nil
	}
	if n*each > 16*maxText {
		return tooLong("text length", n*each, 16*maxText)
	}
	return nil
}

func checkSplit(_ *realm, call goja.FunctionCall) error {
	if n := lengthOf(call.This); n > maxArray {
		return tooLong("text length", n, maxArray)
	}
	return nil
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

// limitIteration checks the length of an array before it is iterated over.
func limitIteration(r *realm) error {
	proto := r.builtin("Array", true)
	if proto == nil {
		return nil
	}
	if err := r.replace(proto, "values", checkLength); err != nil {
		return err
	}
	if err := proto.DefineDataPropertySymbol(goja.SymIterator, proto.Get("values"), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
		return err
	}
	return r.replace(r.builtin("Array", false), "from", func(_ *realm, call goja.FunctionCall) error {
		if n := lengthOf(call.Argument(0)); n > maxArray {
			return tooLong("array length", n, maxArray)
		}
		return nil
	})
}

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

// limitMatch checks the patterns that methods of strings compile.
func limitMatch(r *realm) error {
	proto := r.builtin("String", true)
	for _, n := range []string{"match", "matchAll", "search"} {
		if err := r.replace(proto, n, func(_ *realm, call goja.FunctionCall) error {
			if n := lengthOf(call.This); n > maxText {
				return tooLong("text length", n, maxText)
			}
			return checkPattern(call.Argument(0))
		}); err != nil {
			return err
		}
	}
	return nil
}

func limitRegExp(r *realm) error {
	if err := r.replace(r.builtin("RegExp", true), "compile", func(_ *realm, call goja.FunctionCall) error {
		return checkPattern(call.Argument(0))
	}); err != nil {
		return err
	}
	return r.proxy("RegExp", func(args []goja.Value) error {
		if len(args) == 0 {
			return nil
		}
		return checkPattern(args[0])
	})
}

func checkPattern(v goja.Value) error {
	if s, ok := v.(goja.String); ok {
		return checkPatterns([]string{s.String()})
	}
	return nil
}

// checkPatterns refuses regular expressions whose counted repetitions multiply:
// an engine that does not backtrack writes them out.
func checkPatterns(patterns []string) error {
	for _, p := range patterns {
		if len(p) > maxEval {
			return tooLong("regular expression", float64(len(p)), maxEval)
		}
		product, depth := 1.0, 0
		for i := 0; i < len(p); i++ {
			switch p[i] {
			case '\\':
				i++
			case '(':
				if depth++; depth > 200 {
					return fmt.Errorf("regular expression nested deeper than the limit of 200")
				}
			case ')':
				depth--
			case '{':
				if n := count(p[i+1:]); n > 1 {
					product *= n
				}
			}
		}
		if product > maxRepeat {
			return tooLong("repetition in a regular expression", product, maxRepeat)
		}
	}
	return nil
}

// count is the larger number of {n,m}.
func count(s string) float64 {
	end := strings.IndexByte(s, '}')
	if end < 0 {
		return 0
	}
	largest := 0.0
	for _, part := range strings.SplitN(s[:end], ",", 2) {
		if n, err := strconv.ParseFloat(part, 64); err == nil {
			largest = math.Max(largest, n)
		}
	}
	return largest
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
	c, err := compile("", text, false)
	if err != nil {
		return nil // the built-in reports it
	}
	return r.prepare(&c.facts)
}

// limitEval checks what eval and the function constructors are given. A direct
// call of eval becomes an indirect one.
func limitEval(r *realm) error {
	if err := r.replace(r.vm.GlobalObject(), "eval", func(r *realm, call goja.FunctionCall) error {
		if s, ok := call.Argument(0).(goja.String); ok {
			return r.source(s.String())
		}
		return nil
	}); err != nil {
		return err
	}
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
