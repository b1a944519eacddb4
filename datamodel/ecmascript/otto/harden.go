package otto

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	js "github.com/robertkrimen/otto"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// Built-in functions run in Go and cannot be interrupted, so that they must not
// run for long: what they work on is limited. Hardening replaces the ones that
// need it, and the ones that reach the outside or behave differently from run to
// run (Date, JSON.parse). It happens before the first program runs that mentions
// one of them, or that computes the name of a property.
const (
	maxItems   = 1 << 20  // elements that a built-in function goes through or makes
	maxPattern = 16 << 10 // bytes of the pattern of a regular expression made at run time
	maxMatched = 1 << 20  // bytes of a string that is searched for all matches
	maxResult  = 32 << 20 // bytes of a string that a built-in function makes
	maxSparse  = 10 << 20 // length of an array that .length and computed keys may write to
)

// prelude replaces built-ins; h has the functions of this package. It returns
// what calls a function and notes what it throws.
const prelude = `(function (h) {
	var G = this, AP = Array.prototype, SP = String.prototype, FP = Function.prototype;
	var RE = RegExp, D = Date, O = Object, F = Function, text = String, TooLong = RangeError, i;
	var apply = FP.bind.call(FP.call, FP.apply), call = FP.bind.call(FP.call, FP.call);

	function guard(name, f) {
		AP[name] = function () { h.length(this); return apply(f, this, arguments); };
	}
	var names = ["reverse", "shift", "unshift", "slice", "splice", "indexOf", "lastIndexOf", "every", "some",
		"forEach", "map", "filter", "reduce", "reduceRight", "toLocaleString"];
	for (i = 0; i < names.length; i++) guard(names[i], AP[names[i]]);
	var concat = AP.concat;
	AP.concat = function () { h.total(this, arguments); return apply(concat, this, arguments); };
	AP.join = h.join;
	AP.sort = h.sort;

	var applyTo = FP.apply;
	FP.apply = function (that, list) {
		if (list !== undefined && list !== null) h.length(list);
		return call(applyTo, this, that, list);
	};

	function pattern(p) { if (!(p instanceof RE)) h.pattern(p); }
	var search = SP.search, match = SP.match, split = SP.split, replace = SP.replace;
	SP.search = function (p) { pattern(p); return call(search, this, p); };
	SP.match = function (p) {
		pattern(p);
		if (p instanceof RE && p.global) h.matched(this);
		var r = call(match, this, p);
		return r === undefined ? null : r;
	};
	SP.split = function (separator, limit) {
		if (separator instanceof RE) h.matched(this);
		var n = limit === undefined ? h.items + 1 : limit >>> 0;
		var r = call(split, this, separator, n > h.items ? h.items + 1 : n);
		if (r.length > h.items) throw new TooLong("split makes too many elements");
		return r;
	};
	SP.replace = function (p, r) {
		var s = text(this), all = p instanceof RE && p.global;
		if (all) h.matched(s);
		if (typeof r !== "function") {
			r = text(r);
			if (h.expands(s, r, all)) r = h.expander(r);
		}
		return call(replace, s, p, r);
	};

	var NewRegExp = function RegExp(p, f) {
		if (p instanceof RE && f === undefined) {
			if (!(this instanceof RegExp)) return p;
			return new RE(p.source, (p.global ? "g" : "") + (p.ignoreCase ? "i" : "") + (p.multiline ? "m" : ""));
		}
		h.pattern(p);
		return f === undefined ? new RE(p) : new RE(p, f);
	};
	NewRegExp.prototype = RE.prototype;
	RE.prototype.constructor = NewRegExp;
	h.legacy(NewRegExp, RE);
	G.RegExp = NewRegExp;

	var NewDate = function Date(y, m, d, hour, min, s, ms) {
		if (!(this instanceof Date)) return new D(h.now()).toString();
		switch (arguments.length) {
		case 0: return new D(h.now());
		case 1: return new D(y);
		case 2: return new D(y, m);
		case 3: return new D(y, m, d);
		case 4: return new D(y, m, d, hour);
		case 5: return new D(y, m, d, hour, min);
		case 6: return new D(y, m, d, hour, min, s);
		}
		return new D(y, m, d, hour, min, s, ms);
	};
	NewDate.prototype = D.prototype;
	D.prototype.constructor = NewDate;
	h.hide(NewDate, "parse", D.parse);
	h.hide(NewDate, "UTC", D.UTC);
	h.hide(NewDate, "now", h.now);
	G.Date = NewDate;

	h.compile.prototype = FP;
	FP.constructor = h.compile;
	G.Function = h.compile;
	G.eval = h.evaluate;
	G.parseFloat = h.parseFloat;
	JSON.parse = h.parse;
	JSON.stringify = h.stringify;

	var define = O.defineProperty, keys = O.keys;
	O.defineProperty = function (o, key, d) { h.defining(o, key); return define(o, key, d); };
	O.defineProperties = function (o, list) {
		var k = keys(list);
		for (var i = 0; i < k.length; i++) {
			h.defining(o, k[i]);
			define(o, k[i], list[k[i]]);
		}
		return o;
	};

	return function (f, that, list) {
		try { return apply(f, that, list); } catch (e) { h.note(e); throw e; }
	};
})`

// harden replaces built-ins.
func (r *runtime) harden() error {
	script, err := r.engine.hardening()
	if err != nil {
		return fmt.Errorf("ecmascript: otto: %w", err)
	}
	r.hardened = true
	return r.Protect(func() error {
		install := r.must(r.vm.Run(script))
		h := r.newObject().Object()
		for name, f := range map[string]func(js.FunctionCall) js.Value{
			"length": r.checkItems, "total": r.checkTotal, "join": r.join, "sort": r.sort,
			"pattern": r.checkPattern, "matched": r.checkMatched, "expands": r.expands, "expander": r.expander,
			"legacy": r.legacy, "hide": r.hide, "now": r.now, "compile": r.compileFunction, "evaluate": r.evaluate,
			"parseFloat": r.parseFloat, "parse": r.parseJSON, "stringify": r.stringify, "defining": r.checkDefining,
			"note": r.note,
		} {
			r.set(h, name, r.function(f))
		}
		r.set(h, "items", fromNumber(maxItems))
		r.native.invoke = r.must(install.Call(js.Value{}, h.Value()))
		r.captureBuiltins()
		return nil
	})
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
	f := number(n)
	if math.IsNaN(f) {
		return 0
	}
	// As an unsigned number of 32 bits, which is how otto takes it.
	return float64(uint32(int64(math.Mod(math.Trunc(f), 1<<32))))
}

func (r *runtime) checkItems(call js.FunctionCall) js.Value {
	if n := r.items(call.Argument(0)); n > maxItems {
		r.rangeError("the length %.0f is beyond the limit of %d of built-in functions", n, maxItems)
	}
	return js.Value{}
}

// checkTotal checks concat.
func (r *runtime) checkTotal(call js.FunctionCall) js.Value {
	total := r.items(call.Argument(0))
	args := call.Argument(1)
	for i := range int(r.items(args)) {
		if e := r.get(args, strconv.Itoa(i)); e.Class() == "Array" {
			total += r.items(e)
		}
	}
	if total > maxItems {
		r.rangeError("the result would have %.0f elements, the limit is %d", total, maxItems)
	}
	return js.Value{}
}

// checkLong checks the target of a write through .length or a computed key.
func (r *runtime) checkLong(call js.FunctionCall) js.Value {
	v := call.Argument(0)
	r.checkLength(v)
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
func (r *runtime) checkDefining(call js.FunctionCall) js.Value {
	if o := call.Argument(0); o.Class() == "Array" && r.items(o) > maxSparse && r.text(call.Argument(1)) == "length" {
		r.checkLength(o)
	}
	return js.Value{}
}

func (r *runtime) checkPattern(call js.FunctionCall) js.Value {
	if v := call.Argument(0); v.IsDefined() {
		if n := len(r.text(v)); n > maxPattern {
			panic(r.vm.MakeSyntaxError(fmt.Sprintf("a regular expression of %d characters, the limit is %d", n, maxPattern)))
		}
	}
	return js.Value{}
}

func (r *runtime) checkMatched(call js.FunctionCall) js.Value {
	if n := len(r.text(call.Argument(0))); n > maxMatched {
		r.rangeError("a string of %d bytes cannot be searched for all matches, the limit is %d", n, maxMatched)
	}
	return js.Value{}
}

// expands reports whether the result of replace could be too long to be made
// without looking.
func (r *runtime) expands(call js.FunctionCall) js.Value {
	text, by := len(call.Argument(0).String()), call.Argument(1).String()
	each := float64(len(by)) + float64(strings.Count(by, "$"))*float64(text)
	if truth(call.Argument(2)) {
		each *= float64(text) + 1
	}
	return boolean(each+float64(text) > maxResult)
}

// expander makes the function that replace calls for each match in place of a
// text with $ in it. It counts what it returns.
func (r *runtime) expander(call js.FunctionCall) js.Value {
	e := &expansion{by: call.Argument(0).String()}
	total := 0
	return r.function(func(call js.FunctionCall) js.Value {
		out := e.expand(call.ArgumentList, maxResult-total)
		if total += len(out); total > maxResult {
			r.rangeError("the result of replace is longer than the limit of %d bytes", maxResult)
		}
		r.poll()
		return fromText(out)
	})
}

var dollar = regexp.MustCompile("\\$(?:[$&'`]|[1-9][0-9]|0[1-9]|[1-9])")

// expansion is a text with $ in it. Matches come in order, so that it keeps the
// place up to which it has counted characters.
type expansion struct {
	by           string
	chars, bytes int
}

// expand expands the text (ECMAScript 5.1, table 22). args are the match, its
// groups, its position in characters and the whole string. Beyond the limit the
// result is not complete.
func (e *expansion) expand(args []js.Value, limit int) string {
	if len(args) < 3 {
		return e.by
	}
	match, groups := args[0].String(), args[1:len(args)-2]
	whole := args[len(args)-1].String()
	for at := int(number(args[len(args)-2])); e.chars < at && e.bytes < len(whole); e.chars++ {
		_, size := utf8.DecodeRuneInString(whole[e.bytes:])
		e.bytes += size
	}
	var b strings.Builder
	rest := e.by
	for b.Len() <= limit {
		at := dollar.FindStringIndex(rest)
		if at == nil {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:at[0]])
		switch s := rest[at[0]+1 : at[1]]; s {
		case "$":
			b.WriteByte('$')
		case "&":
			b.WriteString(match)
		case "`":
			b.WriteString(whole[:e.bytes])
		case "'":
			b.WriteString(whole[min(e.bytes+len(match), len(whole)):])
		default:
			if n, _ := strconv.Atoi(s); n <= len(groups) && groups[n-1].IsDefined() {
				b.WriteString(groups[n-1].String())
			}
		}
		rest = rest[at[1]:]
	}
	return b.String()
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
// the order, and equal elements stay in place.
func (r *runtime) sort(call js.FunctionCall) js.Value {
	this, compare := call.This, call.Argument(0)
	o := this.Object()
	if o == nil {
		panic(r.vm.MakeTypeError("sort of something that is not an object"))
	}
	if compare.IsDefined() && !compare.IsFunction() {
		panic(r.vm.MakeTypeError("the comparison of sort is not a function"))
	}
	r.checkItems(js.FunctionCall{ArgumentList: []js.Value{this}})
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
		switch f := number(r.call(compare, js.Value{}, a.v, b.v)); {
		case f < 0:
			return -1
		case f > 0:
			return 1
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

// now is Date.now.
func (r *runtime) now(js.FunctionCall) js.Value { return fromNumber(float64(r.cfg.Now().UnixMilli())) }

// hide defines a property that is not enumerable.
func (r *runtime) hide(call js.FunctionCall) js.Value {
	r.SetHidden(call.Argument(0), call.Argument(1).String(), call.Argument(2))
	return js.Value{}
}

// legacy forwards RegExp.$1 and the like to the constructor that has them.
func (r *runtime) legacy(call js.FunctionCall) js.Value {
	from := call.Argument(1).Object()
	for _, name := range []string{"$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$_", "input"} {
		r.define(call.Argument(0).Object(), name, r.accessor(func(js.FunctionCall) js.Value { return r.member(from, name) }, false, true))
	}
	return js.Value{}
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
	return r.runText("(function (" + strings.Join(params, ",") + "\n) {\n" + body + "\n})")
}

// evaluate is eval; it is always indirect.
func (r *runtime) evaluate(call js.FunctionCall) js.Value {
	v := call.Argument(0)
	if !v.IsString() {
		return v
	}
	return r.runText(v.String())
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

// floats is the part of a string that parseFloat takes.
var floats = regexp.MustCompile(`^[+-]?(Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)`)

// parseFloat is the global function; otto's needs quadratic time.
func (r *runtime) parseFloat(call js.FunctionCall) js.Value {
	s := strings.TrimLeft(r.text(call.Argument(0)), "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff")
	f, err := strconv.ParseFloat(floats.FindString(s), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		f = math.NaN()
	}
	return fromNumber(f)
}
