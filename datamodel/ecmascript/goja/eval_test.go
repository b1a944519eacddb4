package goja

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
)

// TestEvalIsLookedAt: a program that mentions eval gets the limits of the texts
// that it evaluates, when it evaluates them.
func TestEvalIsLookedAt(t *testing.T) {
	assert.Equal(t, limitOf["eval"], analyzeText(t, "eval('(' + text + ')')").limits)
	for text, short := range map[string]string{
		`eval("'x'.repeat(1e9)")`:                                       "length of 1000000000 exceeds the limit",
		`(0, eval)("'x'.repeat(1e9)")`:                                  "length of 1000000000 exceeds the limit",
		`var e = eval; e("'x'.repeat(1e9)")`:                            "length of 1000000000 exceeds the limit",
		`eval("var k = 're' + 'peat'; 'x'[k](1e9)")`:                    "length of 1000000000 exceeds the limit",
		`eval("eval(\"'x'.repeat(1e9)\")")`:                             "length of 1000000000 exceeds the limit",
		`eval("var {['re' + 'peat']: f} = 'x'; f.call('x', 1e9)")`:      "length of 1000000000 exceeds the limit",
		`eval("'x'.at(0).constructor.prototype.repeat.call('x', 1e9)")`: "length of 1000000000 exceeds the limit",
	} {
		t.Run(text, func(t *testing.T) {
			l := New(nil)
			m, err := l.New(datamodel.Host{In: func(string) bool { return false }})
			require.NoError(t, err)
			defer m.Close()
			p, err := l.Compile(datamodel.Source{Text: text, Kind: datamodel.Script})
			require.NoError(t, err)
			assert.ErrorContains(t, m.Exec(p), short)
		})
	}
}

// TestDirectEval: the text sees the variables of the function around it, and
// nobody gets at the eval without limits.
func TestDirectEval(t *testing.T) {
	deep := `new Array(5000).join("[") + "'x'"`
	for text, want := range map[string]string{
		"(function (a, b) { var c = 3; return eval('a + b' + ' + c') })(1, 2)":                               "6",
		"(function (o) { eval('o.x = ' + 'o.y + 1'); return o.x })({y: 1})":                                  "2",
		"(function () { eval('var made = 7'); return made })()":                                              "7",
		"(function (o) { return [1, 2].map(function (n) { return eval('o[n] + n') }).join() })([0, 10, 20])": "11,22",
		"(function (a) { return eval('eval(\"typeof a\") + eval(\"1\")') })(1)":                              "undefined1",
		"(a => eval('a * 2'))(4)":                                                                                                              "8",
		"(function () { return eval(5) + eval('') })()":                                                                                        "NaN",
		"(function (a) { return (0, eval)('typeof a') })(1)":                                                                                   "undefined",
		"(function (a) { var e = eval; return e('typeof a') })(1)":                                                                             "undefined",
		"(function (a) { return eval(eval('\"a\"') + '+ 1') })(1)":                                                                             "2",
		"(function (eval) { return eval('x') })(function (s) { return s + s })":                                                                "xx",
		"(function () { 'use strict'; eval('var v = 1'); return typeof v })()":                                                                 "undefined",
		"typeof eval('(function () { return 1 })')":                                                                                            "function",
		"eval = 5; (function () { try { return eval('1') } catch (e) { return e.name } })()":                                                   "TypeError",
		"typeof this['%put'] + typeof globalThis['%take']":                                                                                     "undefinedundefined",
		"(function (a) { try { return eval(" + deep + ") } catch (e) { return e.name } })(1)":                                                  "RangeError",
		"(function () { with ({get eval() { return this.x }, x: null}) { try { return eval(" + deep + ") } catch (e) { return e.name } } })()": "TypeError",
		// what is looked at while it runs says nothing of it
		"(function (s) { return eval('var r = \"\"; for (var i = 0; i < 3; i++) { r += s + i } r') })('x')":                                     "x0x1x2",
		"(function (s) { return eval('var r = s; for (;;) if ((r += (r, r)).length > 5) break; r') })('ab')":                                    "abababab",
		"(function (s) { return eval('var i = 0; while (i < 3) s += (s) + i++; s') })('a')":                                                     "aa0aa01aa0aa012",
		"(function (a) { return eval('(function f(x) { return x + a + (x + a) })').toString() })(1)":                                            "function f(x) { return x + a + (x + a) }",
		"(function (a) { return eval('(function f(x) { for (var k in x) { a += x[k] } return a + x.n })')({n: 2}) })(1)":                        "5",
		"(function (a) { return Object.getOwnPropertyNames(this).join().indexOf('_$') + eval('var b = a + a; b + a + b') })(1)":                 "4",
		"(function (o) { return eval('o.f(1) + o[\"g\"](2) + (o.n ? o.f(3) : 0)') })({n: 1, f: function (x) { return this.n + x }, g: x => x})": "8",
		"(function (a) { return eval('`${a}${a + a}` + a + [a + a, a]') })('x')":                                                                "xxxxxx,x",
		// whoever is asked in between has the eval with limits
		"(function () { var e; try { eval((e = globalThis.eval, '1')); return e(" + deep + ") } catch (x) { return x.name } })()":              "RangeError",
		"(function (eval) { eval('1'); return globalThis.eval('typeof eval') })(function () {})":                                               "function",
		"(function () { try { eval({toString: function () { return '1' }}); return (0, eval)(" + deep + ") } catch (x) { return x.name } })()": "RangeError",
	} {
		t.Run(text, func(t *testing.T) {
			l := New(nil)
			m, err := l.New(datamodel.Host{In: func(string) bool { return false }, Legacy: &datamodel.Legacy{}})
			require.NoError(t, err)
			defer m.Close()
			p, err := l.Compile(datamodel.Source{Text: text, Kind: datamodel.ValueExpression, Statements: true})
			require.NoError(t, err)
			s, err := m.EvalString(p)
			require.NoError(t, err)
			assert.Equal(t, want, s)
		})
	}
}
