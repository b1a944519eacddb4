package ecmatest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// differences are the texts whose value an engine has otherwise than JavaScript
// 1.8, with what it gives.
var differences = map[string]map[string]datamodel.Value{
	"otto": {
		"const k = 1; k = 2; k": 2.0, // a const is a var
		"'a1b2'.replace(/(\\w)(\\d)/g, '$2$1') + RegExp.$1 + RegExp.$2": "1a2b", // replace tells nothing
		"var o = {}; o.__proto__ === Object.prototype":                  false,
	},
	"goja": {},
}

// TestOlderJavaScript: what strategies of the time of JavaScript 1.7 and 1.8 use.
func TestOlderJavaScript(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine ecmascript.Engine) {
		for text, want := range map[string]datamodel.Value{
			// Comments that hide scripts from browsers of old.
			"<!-- hidden\nvar a = 1;\n--> the end\na":                                                         1.0,
			"var a = 3, b = 1; a<!--b\n;a":                                                                    3.0,
			"var a = 3, n = 0; while (a --> 0) n++; n":                                                        3.0,
			"/* x */ --> comment\n'<!-- text' + /<!--/.test('<!--')":                                          "<!-- texttrue",
			"(function () {\n<!-- f\nreturn 5\n--> }\n})()":                                                   5.0,
			"(function () {<!-- f\nreturn 5 }).toString()":                                                    "function () {<!-- f\nreturn 5 }",
			"(function (o) { for each (v in o) return v }).toString()":                                        "function (o) { for each (v in o) return v }",
			"try { throw 1 } catch (e if e == 1) { 'one' }":                                                   "one",
			"(function () { try { throw 2 } catch (e if e == 1) { return 'one' } catch (f) { return f } })()": 2.0,
			"(function () { try { throw 2 } catch (e if e == 1) { return 'one' } catch (f if f == 2) { return 'two' } catch (g) { return g } })()":                               "two",
			"(function () { try { throw 3 } catch (e if e == 1) { return 'one' } catch (f if f == 2) { return 'two' } catch (g) { return g } })()":                               3.0,
			"(function () { try { try { throw 4 } catch (e if e == 1) { return 'one' } catch (f if f == 2) { return 'two' } finally { n = 1 } } catch (x) { return x + n } })()": 5.0,
			// Loops over values.
			"var s = 0; for each (var v in [1, 2, 3]) s += v; s":                                                                                 6.0,
			"var s = ''; for each (v in {a: 'x', b: 'y'}) { s += v } s":                                                                          "xy",
			"var s = 0; for each (var v in null) s++; for each (v in 'x') s += 0; s":                                                             0.0,
			"(function (o) { var s = 0; for each (var p in o) for each (var q in p) { if (q == 2) continue; s += q } return s })([[1, 2], [3]])": 4.0,
			"(function f(o) { var s = 0; for each (var p in o) s += typeof p == 'object' ? f(p) : p; return s })([1, [2, [3]]])":                 6.0,
			"var o = {each: 1}; o.each":              1.0,
			"const k = 1; const m = {a: k}; m.a + k": 2.0,
			"const k = 1; k = 2; k":                  1.0,
			// Functions of constructors.
			"Array.map([1, 2], function (x) { return x * 2 }).join()":                 "2,4",
			"var s = 0; Array.forEach([1, 2], function (x) { s += x }); s":            3.0,
			"(function () { return Array.slice(arguments, 1).join() })(1, 2, 3)":      "2,3",
			"String.trim('  x ') + String.toUpperCase('y') + Array.join('ab', '-')":   "xYa-b",
			"String.replace('aba', /a/g, 'c') + Array.indexOf([1, 2], 2)":             "cbc1",
			"Array.isArray(Array.concat([1], [2])) && typeof Array.prototype.forEach": "function",
			// Comparisons that give a boolean.
			"[3, 1, 2, 10].sort(function (a, b) { return a > b }).join()":                      "1,2,3,10",
			"[3, 1, 2, 10].sort(function (a, b) { return a < b }).join()":                      "10,3,2,1",
			"var f = function (a, b) { return a.k >= b.k }; [{k: 2}, {k: 1}].sort(f)[0].k":     1.0,
			"try { [2, 1].sort(function () { throw 'x' }) } catch (e) { e }":                   "x",
			"try { [2, 1].sort(5) } catch (e) { e instanceof TypeError }":                      true,
			"[3, 1, 2].sort().concat([3, 1, 2].sort(function (a, b) { return b - a })).join()": "1,2,3,3,2,1",
			// The last match.
			"/(b)(x)?/.exec('abc'); [RegExp.$1, RegExp.$2, RegExp.$3].join('|')": "b||",
			"'a1b2'.replace(/(\\w)(\\d)/g, '$2$1') + RegExp.$1 + RegExp.$2":      "1a2bb2",
			"/(q)/.test('q'); /(z)/.test('q'); RegExp.$1 + RegExp.input":         "qq",
			// Text and HTML.
			`'a"b\n'.quote()`: `"a\"b\n"`,
			"'t'.bold() + 't'.link('u') + 't'.fontcolor('red') + 't'.sub()": `<b>t</b><a href="u">t</a><font color="red">t</font><sub>t</sub>`,
			`'x'.anchor('"')`: `<a name="&quot;">x</a>`,
			"'abc'.substr(-2, 1) + escape('a b') + unescape('%41')": "ba%20bA",
			// Sources.
			"uneval({a: [1, 'x']})": "({a:[1, \"x\"]})",
			"uneval('x') + uneval(1) + uneval(null) + uneval(undefined)": "\"x\"1null(void 0)",
			"[1, 'x'].toSource() + 'a'.toSource() + (5).toSource()":      "[1, \"x\"](new String(\"a\"))(new Number(5))",
			"eval(uneval({a: {b: 2}})).a.b":                              2.0,
			// Accessors.
			"var o = {}; o.__defineGetter__('x', function () { return 5 }); o.x":                               5.0,
			"var o = {y: 0}; o.__defineSetter__('x', function (v) { this.y = v }); o.x = 4; o.y":               4.0,
			"var o = {get x() { return 7 }}; o.__lookupGetter__('x').call(o) + typeof o.__lookupSetter__('x')": "7undefined",
			"var o = {}; o.__proto__ === Object.prototype":                                                     true,
			// Dates.
			"new Date(99, 0, 1).getYear() + new Date(2011, 0, 1).getYear()":                                                             210.0,
			"var d = new Date(2011, 5, 6); d.setYear(98); d.getFullYear()":                                                              1998.0,
			"var d = new Date(2011, 5, 6); d.setYear(2012); d.getFullYear()":                                                            2012.0,
			"new Date(0).toGMTString()":                                                                                                 "Thu, 01 Jan 1970 00:00:00 GMT",
			"new Date(2011, 0, 2, 3, 4, 5).toLocaleFormat('%Y-%m-%d %H:%M:%S %a %B %j %% %w %y')":                                       "2011-01-02 03:04:05 Sun January 002 % 0 11",
			"new Date(2011, 0, 2, 15, 4, 5).toLocaleFormat('%I:%M %p %e %D %T')":                                                        "03:04 PM  2 01/02/11 15:04:05",
			"isNaN(new Date(NaN).getYear()) + new Date(NaN).toLocaleFormat('%Y')":                                                       "trueInvalid Date",
			"(function f() { return arguments.callee === f && arguments.length })(1)":                                                   1.0,
			"var s = '', k; for (k in {}) s += k; for (k in []) s += k; for (k in 'a'.quote) s += k; s + {}.toSource() + [].toSource()": "({})[]",
		} {
			if other, ok := differences[engine.Features().Name][text]; ok {
				want = other
			}
			s := newLegacy(t, engine)
			if p, err := s.l.Compile(legacy(text, datamodel.Script)); assert.NoError(t, err, text) && text == "const k = 1; k = 2; k" && engine.Features().ES2015 {
				require.Error(t, s.m.Exec(p))
				continue
			}
			p, err := s.l.Compile(legacy(text, datamodel.ValueExpression))
			if !assert.NoError(t, err, text) {
				continue
			}
			v, err := s.m.Eval(p)
			if assert.NoError(t, err, text) {
				assert.Equal(t, want, v, text)
			}
		}
		if engine.Features().ES2015 {
			s := newLegacy(t, engine)
			assert.Equal(t, 13.0, s.eval("var a = 10, r; let (a = 1, b = 2) { r = a + b } r + a"))
			assert.Equal(t, "function () { let (a = 1) { return a } }", s.eval("(function () { let (a = 1) { return a } }).toString()"))
			assert.Equal(t, "", s.eval("RegExp.$1 + RegExp.lastMatch + RegExp.leftContext + RegExp.rightContext"))
			assert.Equal(t, "12|a12|x|y|12", s.eval("'xa12y'.match(/a(\\d+)/); [RegExp.$1, RegExp.lastMatch, RegExp.leftContext, RegExp.rightContext, RegExp.lastParen].join('|')"))
			snapshot, err := s.m.Snapshot(nil)
			require.NoError(t, err)
			restored := newLegacy(t, engine)
			require.NoError(t, restored.m.Restore(snapshot))
			assert.Equal(t, "b", restored.eval("/(b)/.test('abc'); RegExp.$1"))
		}
	})
}

// TestOlderNames: variables of texts that are written anew can be renamed.
func TestOlderNames(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine ecmascript.Engine) {
		s := newLegacy(t, engine)
		text := "function f(o) { for each (var v in o) x += v; try { throw x } catch (e if e > 9) { return 'big' } catch (e) { return e } }\n<!-- done\nvar r = f([1, 2]) + f([9]), t = f + ''"
		p, err := s.l.Compile(legacy("x = 0; "+text, datamodel.Script))
		require.NoError(t, err)
		q, err := s.l.(datamodel.Scoper).Rename(p, map[string]string{"x": "x$1", "f": "f$1"})
		require.NoError(t, err)
		require.NoError(t, s.m.Exec(q))
		assert.Equal(t, "3big", s.eval("r"))
		assert.Equal(t, text[:len("function f(o) { for each (var v in o) x += v; try { throw x } catch (e if e > 9) { return 'big' } catch (e) { return e } }")], s.eval("t"))
	})
}

// TestOlderRefused: what is not supported is named when the document is loaded.
func TestOlderRefused(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine ecmascript.Engine) {
		l := ecmascript.New(engine, nil)
		for text, hint := range map[string]string{
			"var x = 1;\nvar e = <a b='c'/>": "E4X",
			"var e = x..item":                "E4X",
			"var e = x.@id":                  "E4X",
			"default xml namespace = 'u'":    "E4X",
			"var l = [i * 2 for (i in o)]":   "array comprehensions",
			"var l = [i for each (i in o)]":  "array comprehensions",
			"var f = function (x) x * 2":     "without braces",
			"var x = let (a = 1) a + 1":      "let expressions",
			"function g() {\n yield 1\n}":    "generators of JavaScript 1.7",
			"var o = #1={self: #1#}":         "sharp variables",
		} {
			_, err := l.Compile(legacy(text, datamodel.Script))
			var ce *datamodel.CompileError
			require.ErrorAs(t, err, &ce, text)
			assert.Contains(t, ce.Message, hint, text)
			assert.Equal(t, text, ce.Source.Text)
		}
	})
}
