package otto

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	js "github.com/robertkrimen/otto"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// Built-in functions run in Go and cannot be interrupted, so that they must not
// run for long: what they work on is limited. Hardening replaces the ones that
// need it, and the ones that reach the outside or behave differently from run to
// run (Date, JSON.parse). A replacement costs memory in each session, so that it
// is made before the first program runs that mentions the name. Programs that
// compute the names of properties get all of them.
const (
	maxItems   = 1 << 20  // elements that a built-in function goes through
	maxMade    = 1 << 18  // elements that split and JSON.parse make
	maxPattern = 16 << 10 // bytes of the pattern of a regular expression made at run time
	maxMatched = 1 << 20  // bytes of a string that is searched for all matches
	maxResult  = 32 << 20 // bytes of a string that a built-in function makes
	maxSparse  = 10 << 20 // length of an array that .length and computed keys may write to
)

// groups is a set of built-ins that are replaced together, a bit for each entry
// of hardenings.
type groups uint8

// The sets that other code asks for.
const (
	arrays  groups = 1 << iota // what goes through arrays
	texts                      // what searches strings
	legacy                     // RegExp.$1 and the like
	dates                      // Date
	codes                      // what runs source text
	json                       // JSON
	objects                    // what changes the attributes of properties

	all = 1<<iota - 1
)

// groupNames are the names that make a program need a group, by bit.
var groupNames = [...]string{
	"Array apply concat sort " + arrayMethods,
	"RegExp exec test match search replace split parseFloat",
	legacyNames,
	"Date",
	"eval Function constructor",
	"JSON",
	"Object",
}

const legacyNames = "$1 $2 $3 $4 $5 $6 $7 $8 $9 $_ input"

// arrayMethods are the methods of arrays whose only danger is the length.
const arrayMethods = "reverse shift unshift slice splice indexOf lastIndexOf every some forEach map filter reduce reduceRight toLocaleString"

// sensitive are the names that need a hardening.
var sensitive = sensitiveNames()

func sensitiveNames() map[string]groups {
	m := map[string]groups{}
	for i, names := range groupNames {
		for name := range strings.FieldsSeq(names) {
			m[name] |= 1 << i
		}
	}
	// RegExp.$1 is forwarded to the constructor that was replaced.
	for name, g := range m {
		if g&legacy != 0 {
			m[name] |= texts
		}
	}
	return m
}

// careful reports whether a script may have changed the attributes of properties
// or the prototypes of built-in objects.
func (r *runtime) careful() bool { return r.hardened&(objects|codes) != 0 }

// harden replaces groups of built-ins.
func (r *runtime) harden(which groups) error {
	which &^= r.hardened
	if which == 0 {
		return nil
	}
	r.hardened |= which
	return r.Protect(func() error {
		r.makeInvoke()
		for i, install := range []func(){
			r.hardenArrays, r.hardenTexts, r.hardenLegacy, r.hardenDates, r.hardenCodes, r.hardenJSON, r.hardenObjects,
		} {
			if which>>i&1 != 0 {
				install()
			}
		}
		r.captureBuiltins()
		return nil
	})
}

// invoker makes the function that calls a function and notes what it throws. It
// uses nothing that a script can change.
const invoker = `(function (note) {
	var apply = Function.prototype.bind.call(Function.prototype.call, Function.prototype.apply);
	return function (f, that, list) {
		try { return apply(f, that, list); } catch (e) { note(e); throw e; }
	};
})`

// own runs a program of this package, which is a function, and calls it.
func (r *runtime) own(text string, args ...js.Value) js.Value {
	script, err := r.engine.own(text)
	if err != nil {
		r.throw(err)
	}
	return r.must(r.must(r.vm.Run(script)).Call(js.Value{}, args))
}

// prototype is the prototype property of a built-in constructor.
func (r *runtime) prototype(name string) *js.Object { return r.native.prototypes[name].Object() }

// replace replaces a method. f is given the one that was there.
func (r *runtime) replace(o *js.Object, name string, f func(old js.Value, call js.FunctionCall) js.Value) {
	old := r.member(o, name)
	r.SetHidden(o.Value(), name, r.function(func(call js.FunctionCall) js.Value { return f(old, call) }))
}

// pass calls the method that was replaced.
func (r *runtime) pass(old js.Value, call js.FunctionCall) js.Value {
	return r.call(old, call.This, call.ArgumentList...)
}

func (r *runtime) hardenArrays() {
	proto := r.prototype("Array")
	for name := range strings.FieldsSeq(arrayMethods) {
		r.replace(proto, name, func(old js.Value, call js.FunctionCall) js.Value {
			r.checkItems(call.This)
			return r.pass(old, call)
		})
	}
	r.replace(proto, "concat", func(old js.Value, call js.FunctionCall) js.Value {
		r.checkTotal(call)
		return r.pass(old, call)
	})
	r.replace(proto, "sort", func(_ js.Value, call js.FunctionCall) js.Value { return r.sort(call) })
	r.replace(r.prototype("Function"), "apply", func(old js.Value, call js.FunctionCall) js.Value {
		r.checkItems(call.Argument(1))
		return r.pass(old, call)
	})
}

// replaceConstructor puts a function in the place of a constructor.
func (r *runtime) replaceConstructor(name string, f js.Value) {
	r.set(f.Object(), "prototype", r.native.prototypes[name])
	r.SetHidden(r.native.prototypes[name], "constructor", f)
	r.SetHidden(r.global.Value(), name, f)
}

func (r *runtime) hardenDates() {
	now := r.function(func(js.FunctionCall) js.Value { return fromNumber(float64(r.cfg.Now().UnixMilli())) })
	date := r.own(`(function (D, now) {
	return function Date(y, m, d, hour, min, s, ms) {
		if (!(this instanceof Date)) return new D(now()).toString();
		switch (arguments.length) {
		case 0: return new D(now());
		case 1: return new D(y);
		case 2: return new D(y, m);
		case 3: return new D(y, m, d);
		case 4: return new D(y, m, d, hour);
		case 5: return new D(y, m, d, hour, min);
		case 6: return new D(y, m, d, hour, min, s);
		}
		return new D(y, m, d, hour, min, s, ms);
	};
})`, r.native.constructors["Date"], now)
	for _, name := range []string{"parse", "UTC"} {
		r.SetHidden(date, name, r.get(r.native.constructors["Date"], name))
	}
	r.SetHidden(date, "now", now)
	r.replaceConstructor("Date", date)
}

func (r *runtime) hardenCodes() {
	r.replaceConstructor("Function", r.function(r.compileFunction))
	r.SetHidden(r.global.Value(), "eval", r.function(r.evaluate))
}

func (r *runtime) hardenJSON() {
	o := r.member(r.global, "JSON").Object()
	r.SetHidden(o.Value(), "parse", r.function(r.parseJSON))
	r.SetHidden(o.Value(), "stringify", r.function(r.stringify))
}

func (r *runtime) hardenObjects() {
	o := r.native.object.Object()
	r.replace(o, "defineProperty", func(old js.Value, call js.FunctionCall) js.Value {
		r.checkDefining(call.Argument(0), call.Argument(1))
		return r.pass(old, call)
	})
	r.replace(o, "defineProperties", func(old js.Value, call js.FunctionCall) js.Value {
		if list := call.Argument(1).Object(); list != nil {
			for _, key := range list.Keys() {
				r.checkDefining(call.Argument(0), fromText(key))
			}
		}
		return r.pass(old, call)
	})
}

// makeInvoke makes what call needs.
func (r *runtime) makeInvoke() {
	if r.native.invoke.IsUndefined() {
		r.native.invoke = r.own(invoker, r.function(r.note))
	}
}

// call calls a function of a script from a built-in one. What it throws goes
// through unchanged.
func (r *runtime) call(f, this js.Value, args ...js.Value) js.Value {
	r.thrown = js.Value{}
	v, err := r.native.invoke.Call(js.Value{}, []js.Value{f, this, r.newArray(args)})
	if r.halted.Load() != nil {
		panic(haltValue)
	}
	if err != nil {
		if e := r.thrown; e.IsDefined() {
			r.thrown = js.Value{}
			panic(e)
		}
		r.throw(err)
	}
	return v
}

func (r *runtime) note(call js.FunctionCall) js.Value {
	r.thrown = call.Argument(0)
	return js.Value{}
}

func (r *runtime) rangeError(format string, args ...any) {
	panic(r.vm.MakeRangeError(fmt.Sprintf(format, args...)))
}

// items is the length of an array, or of what is used like one.
func (r *runtime) items(v js.Value) float64 {
	if !v.IsObject() {
		if v.IsString() {
			return float64(len(v.String()))
		}
		return 0
	}
	n := r.get(v, "length")
	if n.IsObject() { // its conversion is the script's
		n = fromText(r.text(n))
	}
	return unsigned(number(n))
}

// unsigned converts to an unsigned number of 32 bits (ECMAScript 5.1, 9.6).
func unsigned(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return float64(uint32(int64(math.Mod(math.Trunc(f), 1<<32))))
}

func (r *runtime) checkItems(v js.Value) {
	if n := r.items(v); n > maxItems {
		r.rangeError("the length %.0f is beyond the limit of %d of built-in functions", n, maxItems)
	}
}

// checkTotal checks concat.
func (r *runtime) checkTotal(call js.FunctionCall) {
	total := r.items(call.This)
	for _, e := range call.ArgumentList {
		if e.Class() == "Array" {
			total += r.items(e)
		}
	}
	if total > maxItems {
		r.rangeError("the result would have %.0f elements, the limit is %d", total, maxItems)
	}
}

// checkLong checks the target of a write through .length or a computed key.
func (r *runtime) checkLong(call js.FunctionCall) js.Value {
	v := call.Argument(0)
	r.checkLength(v)
	if h := r.holder(v); h != nil && !h.writable() && !h.lenient() {
		panic(r.vm.MakeTypeError("the members of the object are read-only"))
	}
	return v
}

func (r *runtime) checkLength(v js.Value) {
	if v.Class() == "Array" {
		if n := r.items(v); n > maxSparse {
			r.rangeError("an array of length %.0f cannot be written to in this way, the limit is %d", n, maxSparse)
		}
	}
}

// checkDefining checks Object.defineProperty, which can set the length of an
// array.
func (r *runtime) checkDefining(o, key js.Value) {
	if o.Class() == "Array" && r.items(o) > maxSparse && r.text(key) == "length" {
		r.checkLength(o)
	}
}

// join is Array.prototype.join with a limit of the result.
func (r *runtime) join(call js.FunctionCall) js.Value {
	this, separator := call.This, ","
	if this.Object() == nil {
		panic(r.vm.MakeTypeError("join of something that is not an object"))
	}
	if s := call.Argument(0); s.IsDefined() {
		separator = r.text(s)
	}
	n := r.items(this)
	if n > maxItems {
		r.rangeError("the length %.0f is beyond the limit of %d of built-in functions", n, maxItems)
	}
	if slices.Contains(r.joining, this) { // a cycle
		return fromText("")
	}
	r.poll()
	r.joining = append(r.joining, this)
	defer func() { r.joining = r.joining[:len(r.joining)-1] }()
	var b strings.Builder
	for i := range int(n) {
		if i > 0 {
			b.WriteString(separator)
		}
		if e := r.get(this, strconv.Itoa(i)); e.IsDefined() && !e.IsNull() {
			b.WriteString(r.text(e))
		}
		if b.Len() > maxResult {
			r.rangeError("the result of join is longer than the limit of %d bytes", maxResult)
		}
		if i&0xfff == 0xfff {
			r.poll()
		}
	}
	return fromText(b.String())
}

// poll ends a built-in function when the evaluation has been interrupted.
func (r *runtime) poll() {
	if r.halted.Load() != nil {
		panic(haltValue)
	}
}

// sort is Array.prototype.sort; unlike otto's it takes the same time whatever
// the order, and equal elements stay in place. Comparisons that give a boolean,
// such as a > b, sort as well.
func (r *runtime) sort(call js.FunctionCall) js.Value {
	this, compare := call.This, call.Argument(0)
	o := this.Object()
	if o == nil {
		panic(r.vm.MakeTypeError("sort of something that is not an object"))
	}
	if compare.IsDefined() && !compare.IsFunction() {
		panic(r.vm.MakeTypeError("the comparison of sort is not a function"))
	}
	r.checkItems(this)
	n := int(r.items(this))
	type element struct {
		v    js.Value
		text string
	}
	var list []element
	undefined := 0
	for i := range n {
		key := strconv.Itoa(i)
		v := r.member(o, key)
		switch {
		case v.IsDefined() && compare.IsDefined():
			list = append(list, element{v: v})
		case v.IsDefined():
			list = append(list, element{v, r.text(v)})
		case truth(r.must(r.native.hasOwn.Call(this, key))):
			undefined++
		}
	}
	slices.SortStableFunc(list, func(a, b element) int {
		r.poll()
		if !compare.IsDefined() {
			return strings.Compare(a.text, b.text)
		}
		order := r.call(compare, js.Value{}, a.v, b.v)
		switch f := number(order); {
		case f < 0:
			return -1
		case f > 0:
			return 1
		}
		if order.IsBoolean() && truth(r.call(compare, js.Value{}, b.v, a.v)) {
			return -1
		}
		return 0
	})
	for i := range n {
		key := strconv.Itoa(i)
		switch {
		case i < len(list):
			r.set(o, key, list[i].v)
		case i < len(list)+undefined:
			r.set(o, key, js.Value{})
		default:
			r.must(r.native.remove.Call(js.Value{}, this, key))
		}
	}
	return this
}

// compileFunction is the constructor Function.
func (r *runtime) compileFunction(call js.FunctionCall) js.Value {
	var params []string
	body := ""
	for i, a := range call.ArgumentList {
		if i == len(call.ArgumentList)-1 {
			body = r.text(a)
		} else {
			params = append(params, r.text(a))
		}
	}
	f := r.runText("(function (" + strings.Join(params, ",") + "\n) {\n" + body + "\n})")
	if f.IsFunction() {
		r.capture(r.text(r.must(r.native.functionText.Call(f))), "it was made by Function")
	}
	return f
}

// evaluate is eval; it is always indirect.
func (r *runtime) evaluate(call js.FunctionCall) js.Value {
	v := call.Argument(0)
	if !v.IsString() {
		return v
	}
	text := v.String()
	if r.cfg.Eval != nil {
		text = r.cfg.Eval(text)
	}
	return r.runText(text)
}

// runText runs text that a script has made.
func (r *runtime) runText(text string) js.Value {
	err := ecmascript.CheckSource(text, maxSource)
	var c *code
	if err == nil {
		c, err = r.engine.compile(ecmascript.Unit{Text: text, Name: "eval"}, true)
	}
	var se *ecmascript.SyntaxError
	if errors.As(err, &se) {
		panic(r.vm.MakeSyntaxError(se.Message))
	}
	if err == nil {
		err = r.prepare(c)
	}
	if err != nil {
		r.throw(err)
	}
	r.thrown = js.Value{}
	v, err := r.vm.Run(c.source())
	r.poll()
	if err != nil {
		if e := r.thrown; e.IsDefined() {
			r.thrown = js.Value{}
			panic(e)
		}
		r.throw(err)
	}
	return v
}
