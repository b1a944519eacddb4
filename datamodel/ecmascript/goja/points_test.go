package goja

import (
	"strings"
	"testing"
	"time"

	"github.com/dop251/goja"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// TestPoints checks that the calls which are put into programs change nothing, and
// that each of them comes to a place.
func TestPoints(t *testing.T) {
	for _, text := range []string{
		"var n = 0; for (var i = 0; i < 3; i++) n += i; n",
		"var n = 0; for (;;) { if (n > 3) break; n++ } n",
		"var n = 0; while (n < 5) n++; n",
		"var n = 0; do n++; while (n < 5)",
		"var r = []; for (var v of [1, 2]) r.push(v); r.join()",
		"for (var v of [1, 2]) v",
		"for (var v of [1, 2]) { let w = v * 2; w }",
		"var n = 0; a: for (var i = 0; i < 3; i++) { for (var v of [1, 2, 3]) { if (v == 2) continue a; n += v } } n",
		"a: while (true) { while (true) break a } 5",
		"(function () { 'use strict'; String(1); return this === undefined })()",
		"(function () { 'a'; 'use strict'; String(1); return typeof this })()",
		"var f = x => String(x); f(5)",
		"var f = (x, y = String(x)) => { return y + x }; f(5)",
		"var o = {m() { return String(this.n) }, get g() { return Number('7') }, n: 3}; o.m() + o.g",
		"class A { constructor(n) { this.n = Number(n) } twice() { return Number(this.n) * 2 } } class B extends A { constructor() { super('4'); this.m = Number(1) } } new B().twice()",
		"function* g() { for (var i = 0; i < 3; i++) yield String(i) } [...g()].join()",
		"var a = 'x', b = 'y', c = 'z'; a += b; a += b + c; a = `${a}${b}${c}`; a + b + c",
		"var a = {toString() { return 'a' }}, b = {toString() { return 'b' }}; var r = a + b; r += a; r += b; r",
		"var log = ''; function f(x) { log += x; return x } f(1) + f(2) + f(3) + log",
		"function f() { return String(f.length) } f() + f.toString() + f.name",
		"var s = 0; for (let i = 0, f = () => String(i); i < 3; i++) s += f(); s",
		"(function () { var r = ''; for (const x of [1, 2, 3]) { if (x == 2) continue; r += x } return r })()",
		"function tag(p) { return p.raw[0] + arguments.length } tag`a${1}${2}b`",
		"var s = 'a'; s += s; s += s; s",
	} {
		want, err := goja.New().RunString(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		c, err := compile("", text, false)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if c.system&pauseBit == 0 {
			t.Errorf("%s: without a place", text)
		}
		r := newRealm(t)
		met := false
		r.Pause(func() { met = true })
		got, err := r.Run(c)
		if err != nil || !want.SameAs(got.(goja.Value)) {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
		if !met {
			t.Errorf("%s: no place was met", text)
		}
	}
	for _, text := range []string{"n + 1", "a + b", "'a' + b + 'c' + d", "i * 2 + n / 2 + -i", "f(x => x + 1)", "function leaf(a) { return a.x * 2 }", "for (var k in o) o[0]"} {
		if c, err := compile("", text, false); err != nil || c.system&pauseBit != 0 {
			t.Errorf("%s: %v, with a place", text, err)
		}
	}
}

func newRealm(t *testing.T) *realm {
	t.Helper()
	rt, err := Engine().NewRuntime(ecmascript.Config{Now: time.Now, Random: func() float64 { return 0 }, Scope: noNames{}, Arm: func() {}, Look: func() {}})
	must(t, err)
	return rt.(*realm)
}

// noNames is an empty ecmascript.Scope.
type noNames struct{}

func (noNames) Names() []string                        { return nil }
func (noNames) Lookup(string) (ecmascript.Value, bool) { return nil, false }

// TestEval checks that text which becomes code is run as the built-ins would.
func TestEval(t *testing.T) {
	for _, text := range []string{
		"eval('1; 2')", "eval('var v = 5; v + 1') + v", "eval('let w = 5; const c = 2; w * c') + typeof w + typeof c", "eval('class K {} typeof K') + typeof K",
		"eval('function f() { return 7 } let z = 1') === undefined ? f() : f()", "eval('{a: 1}')", "eval('({a: 1})').a", "eval('')", "eval(5)", "eval()", "typeof eval('this')",
		"var e; try { eval('1 +') } catch (x) { e = x.name } e", "var e; try { eval('throw 8') } catch (x) { e = x } e", "(0, eval)('var q = 3; q') + q", "eval('let u = 1; for (var i = 0; i < 3; i++) u += i; u')",
		"eval('\"use strict\"; 9')", "new Function('a', 'b', 'return a + b')(1, 2)", "new Function('a, b', 'return a * b')(3, 2)", "Function()()", "Function('return this')() === globalThis",
		"new Function('a', 'return a').name + new Function('a', 'return a').length", "new Function('x').toString()", "Function('a', 'b', 'return a').toString()", "(() => 1).constructor('return 4')()",
		"new Function('\"use strict\"; return this')()", "var e; try { new Function('}') } catch (x) { e = x.name } e", "new Function() instanceof Function",
		"Object.getPrototypeOf(function* () {}).constructor('yield 1; yield 2')().next().value", "eval('var \\u00e9 = \"\\ud83d\\ude00\"; \\u00e9')", "class F extends Function {} new F('return 6')() + (new F() instanceof F)",
		"var e; try { null.x } catch (x) { e = x instanceof TypeError } eval('1') && e", "[1, 2].map(eval).join()", "var e; try { eval('null.x') } catch (x) { e = x instanceof TypeError } e",
	} {
		want, err := goja.New().RunString(strings.ReplaceAll(text, " eval('", " (0, eval)('"))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		r := newRealm(t)
		must(t, r.prepare(&facts{limits: allLimits, shapes: true, hides: true}))
		if got, err := r.vm.RunString(text); err != nil || !want.SameAs(got) {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
}
