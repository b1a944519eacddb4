package ecmatest_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/otto"
)

func engines() map[string]ecmascript.Engine {
	return map[string]ecmascript.Engine{"goja": goja.Engine(), "otto": otto.Engine()}
}

func eachEngine(t *testing.T, f func(t *testing.T, engine ecmascript.Engine)) {
	for name, engine := range engines() {
		t.Run(name, func(t *testing.T) { f(t, engine) })
	}
}

func legacy(text string, kind datamodel.Kind) datamodel.Source {
	return datamodel.Source{Text: text, Kind: kind, File: "test.scxml", Line: 1, Column: 1, Statements: true}
}

// legacySession is a session of the ORS dialect.
type legacySession struct {
	t testing.TB
	l datamodel.Language
	m datamodel.Model
}

func newLegacy(t testing.TB, engine ecmascript.Engine, data ...string) *legacySession {
	return legacyOf(t, ecmascript.New(engine, nil), data...)
}

func legacyOf(t testing.TB, l datamodel.Language, data ...string) *legacySession {
	m, err := l.New(datamodel.Host{
		In:     func(string) bool { return false },
		Legacy: &datamodel.Legacy{Data: data},
		Globals: map[string]datamodel.Value{
			"_genesys": numbers{},
			"fail":     datamodel.Func(func([]datamodel.Value) (datamodel.Value, error) { return nil, errHost }),
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { m.Close() })
	for _, id := range data {
		require.NoError(t, m.Declare(id))
	}
	return &legacySession{t, l, m}
}

var errHost = errors.New("the host is out")

type numbers struct{}

func (numbers) Get(name string) (datamodel.Value, bool) { return 7.0, name == "n" }
func (numbers) Names() []string                         { return []string{"n"} }

func (s *legacySession) run(text string) {
	s.t.Helper()
	p, err := s.l.Compile(legacy(text, datamodel.Script))
	require.NoError(s.t, err, text)
	require.NoError(s.t, s.m.Exec(p), text)
}

func (s *legacySession) eval(text string) datamodel.Value {
	s.t.Helper()
	p, err := s.l.Compile(legacy(text, datamodel.ValueExpression))
	require.NoError(s.t, err, text)
	v, err := s.m.Eval(p)
	require.NoError(s.t, err, text)
	return v
}

func TestStatements(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine ecmascript.Engine) {
		s := newLegacy(t, engine)
		for _, c := range []struct {
			text string
			want datamodel.Value
		}{
			{"1 + 1", 2.0},
			{"1 + 1;", 2.0},
			{"a = 1; b = a + 1", 2.0},
			{"a = 5", 5.0},
			{"a = a + 1", 6.0},
			{"var c = 3", nil},
			{"caller: a", 6.0},
			{"if (a > 1) { 'big' } else { 'small' }", "big"},
			{"'x'; // comment", "x"},
			{"{a: 1}", datamodel.NewObject(datamodel.Member{Name: "a", Value: 1.0})},
		} {
			assert.Equal(t, c.want, s.eval(c.text), c.text)
		}
		for _, bad := range []string{"1 +", "", "a) + (b", "}{"} {
			_, err := s.l.Compile(legacy(bad, datamodel.ValueExpression))
			var ce *datamodel.CompileError
			require.ErrorAs(t, err, &ce, bad)
		}
		for _, a := range []struct{ location, expr, read string }{
			{"x", "1", "x"},
			{"x", "y = 2; y + 1;", "x"},
			{"o['requestid']", "'r'", "o.requestid"},
			{"o.deep", "p = [1]; p", "o.deep[0]"},
		} {
			s.run("var o = o || {}")
			p, err := s.l.CompileAssign(legacy(a.location, datamodel.LocationExpression), legacy(a.expr, datamodel.ValueExpression))
			require.NoError(t, err)
			require.NoError(t, s.m.Exec(p), a)
			assert.NotNil(t, s.eval(a.read), a)
		}
		assert.Equal(t, true, s.eval("o.deep === p"), "identity is kept")
		p, err := s.l.Compile(legacy("fresh", datamodel.LocationExpression))
		require.NoError(t, err)
		require.NoError(t, s.m.Assign(p, "v"))
		assert.Equal(t, "v", s.eval("fresh"))
	})
}

func TestData(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine ecmascript.Engine) {
		s := newLegacy(t, engine, "system", "n")
		assert.Equal(t, true, s.eval("_data.n === undefined && 'n' in _data && !('m' in _data)"))
		s.run("system = {}; _data.n = 4; _data.system.x = n; _data['extra'] = {of: system}; delete _data.none")
		assert.Equal(t, 4.0, s.eval("system.x"))
		assert.Equal(t, 4.0, s.eval("n"))
		assert.Equal(t, true, s.eval("_data.extra.of === system && _data.system === system && typeof extra === 'undefined'"))
		assert.Equal(t, "system,n,extra", s.eval("var k = [], i; for (i in _data) k.push(i); k.join()"))
		p, err := s.l.CompileAssign(legacy("_data.n", datamodel.LocationExpression), legacy("9", datamodel.ValueExpression))
		require.NoError(t, err)
		require.NoError(t, s.m.Exec(p))
		assert.Equal(t, 9.0, s.eval("n"))
		p, err = s.l.Compile(legacy("_data = 1", datamodel.Script))
		require.NoError(t, err)
		require.Error(t, s.m.Exec(p))

		s.run("var kept = _data; var f = function () { return _data.toSource() }")
		before, err := s.m.Snapshot(nil)
		require.NoError(t, err)
		again := legacyOf(t, s.l, "system", "n")
		require.NoError(t, again.m.Restore(before))
		assert.Equal(t, true, again.eval("kept === _data && _data.extra.of === system && n === 9 && _data.n === 9"))
		assert.Equal(t, "({system:{x:4}, n:9, extra:{of:{x:4}}})", again.eval("f()"))
		after, err := again.m.Snapshot(nil)
		require.NoError(t, err)
		assert.Equal(t, before, after)
	})
}

// TestLegacyEvent: in the dialect _event behaves as a frozen object does.
func TestLegacyEvent(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine ecmascript.Engine) {
		s := newLegacy(t, engine)
		data, err := datamodel.From(map[string]any{"a": 1, "o": map[string]any{"k": "v"}, "l": []any{1, map[string]any{"k": "v"}}})
		require.NoError(t, err)
		s.m.SetEvent(&datamodel.Event{Name: "e", Data: data})
		s.run("var before = JSON.stringify(_event), ev = _event, d = _event.data, l = d.l, deleted = []")
		for _, target := range []string{"_event.name", "_event.fresh", "ev.data", "_event.data.a", "_event.data.fresh", "d.o.k", "d.o['fresh']", "l[0]", "l[5]", "l.length", "d.l[1].k"} {
			s.run(target + " = 'changed'")
			s.run("deleted.push(delete " + target + ")")
			assert.Equal(t, true, s.eval("JSON.stringify(_event) === before && _event === ev && _event.data === d && d.l === l"), target)
			p, err := s.l.Compile(legacy("(function () { 'use strict'; "+target+" = 'changed' })()", datamodel.Script))
			require.NoError(t, err)
			require.ErrorContains(t, s.m.Exec(p), "TypeError", target)
		}
		for _, text := range []string{"l.push(1)", "l.sort()", "l.reverse()", "l.shift()", "l.splice(0, 1)", "_event = 1"} {
			p, err := s.l.Compile(legacy(text, datamodel.Script))
			require.NoError(t, err)
			require.Error(t, s.m.Exec(p), text)
		}
		assert.Equal(t, true, s.eval("JSON.stringify(_event) === before && l.length === 2 && l.concat(1).length === 3 && Array.isArray(l)"))
		assert.Equal(t, "({a:1, l:[1, {k:\"v\"}], o:{k:\"v\"}})", s.eval("d.toSource()"))
		assert.Equal(t, "ak", s.eval("var copy = JSON.parse(JSON.stringify(d)); copy.o.k = 'a' + 'k'; copy.l.push(copy); copy.o.k"))
	})
}

// TestLegacyGlobals: so do the objects of modules.
func TestLegacyGlobals(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine ecmascript.Engine) {
		s := newLegacy(t, engine)
		s.run("_genesys.n = 8; _genesys['fresh'] = 9; delete _genesys.n")
		assert.Equal(t, 7.0, s.eval("_genesys.n"))
		assert.Equal(t, "undefined", s.eval("typeof _genesys.fresh"))
	})
}

func TestToSource(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine ecmascript.Engine) {
		s := newLegacy(t, engine)
		s.m.SetEvent(&datamodel.Event{Name: "e", Data: datamodel.NewObject(datamodel.Member{Name: "a", Value: 1.0})})
		for text, want := range map[string]string{
			`({a: 1, b: "x"})`:                `({a:1, b:"x"})`,
			`({})`:                            `({})`,
			`[1, [2, "a'b"], {c: null}]`:      `[1, [2, "a'b"], {c:null}]`,
			`[,1,,]`:                          `[, 1, ,]`,
			`({"a-b": undefined, 3: true})`:   `({3:true, 'a-b':(void 0)})`,
			`"q\"\n\u00e9\u20ac"`:             `(new String("q\"\n\xE9\u20AC"))`,
			`(5)`:                             `(new Number(5))`,
			`true`:                            `(new Boolean(true))`,
			`new Date(5)`:                     `(new Date(5))`,
			`/a+/g`:                           `/a+/g`,
			`new TypeError("t")`:              `(new TypeError("t"))`,
			`(function f(a) { return a; })`:   `(function f(a) { return a; })`,
			`({f: function () { return 1 }})`: `({f:function () { return 1 }})`,
			`_genesys`:                        `({n:7})`,
			`_event.data`:                     `({a:1})`,
			`_event`:                          `({name:"e", type:"external", sendid:(void 0), origin:(void 0), origintype:(void 0), invokeid:(void 0), data:{a:1}})`,
			`(function () { var o = {x: 1}; o.self = o; return o })()`: `({x:1, self:{}})`,
		} {
			assert.Equal(t, want, s.eval("("+text+").toSource()"), text)
		}
		assert.Equal(t, "", s.eval("var s = '', k; for (k in {}) s += k; s"), "not enumerable")
		w3c, err := ecmascript.New(engine, nil).Compile(datamodel.Source{Text: "({}).toSource()"})
		require.NoError(t, err)
		m := newLegacy(t, engine).m
		_, err = m.Eval(w3c)
		require.Error(t, err, "not without Statements")
	})
}

func TestRename(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine ecmascript.Engine) {
		l := ecmascript.New(engine, nil).(datamodel.Scoper)
		for text, want := range map[string]struct {
			declared, used, assigned []string
			read                     string // after the renaming of x and f: an expression and what it must give
		}{
			"var x = 1; x++; r = x":                                        {[]string{"x"}, []string{"x", "r"}, []string{"x", "r"}, "r === 2 && typeof x === 'undefined' && x$1 === 2"},
			"r = (function (x) { return x })(3)":                           {nil, []string{"r"}, []string{"r"}, "r === 3"},
			"x = 4; r = {x: x, y: {}.x}.x":                                 {nil, []string{"x", "r"}, []string{"x", "r"}, "r === 4"},
			"function f(n) { return n ? n * f(n - 1) : 1 } r = f(4)":       {[]string{"f"}, []string{"f", "r"}, []string{"r"}, "r === 24 && typeof f === 'undefined'"},
			"r = (function f(n) { return n ? n * f(n - 1) : 1 })(4)":       {nil, []string{"r"}, []string{"r"}, "r === 24"},
			"x = 1; r = (function () { var x = 5; return x })() + x":       {nil, []string{"x", "r"}, []string{"x", "r"}, "r === 6"},
			"x = 1; r = (function () { return x })()":                      {nil, []string{"x", "r"}, []string{"x", "r"}, "r === 1"},
			"try { throw 1 } catch (x) { r = x }":                          {nil, []string{"r"}, []string{"r"}, "r === 1"},
			"x: for (;;) { break x } r = 'x'":                              {nil, []string{"r"}, []string{"r"}, "r === 'x'"},
			"for (var x in {a: 1}) r = x":                                  {[]string{"x"}, []string{"x", "r"}, []string{"r"}, "r === 'a' && x$1 === 'a'"},
			"x = 0; for (x in {a: 1});\nif (typeof x) { var y = x } r = y": {[]string{"y"}, []string{"y", "x", "r"}, []string{"x", "r"}, "r === 'a'"},
			"x = {f: 1}; f = 'f'; r = x.f + x[f] + x['f']":                 {nil, []string{"x", "f", "r"}, []string{"x", "f", "r"}, "r === 3"},
		} {
			p, err := l.Compile(legacy(text, datamodel.Script))
			require.NoError(t, err, text)
			v, err := l.Variables(p)
			require.NoError(t, err, text)
			assert.Equal(t, want.declared, v.Declared, text)
			assert.ElementsMatch(t, want.used, v.Used, text)
			assert.ElementsMatch(t, want.assigned, v.Assigned, text)
			q, err := l.Rename(p, map[string]string{"x": "x$1", "f": "f$1"})
			require.NoError(t, err, text)
			s := newLegacy(t, engine)
			require.NoError(t, s.m.Exec(q), text)
			assert.Equal(t, true, s.eval(want.read), text)
		}
		same, err := l.Compile(legacy("a + b", datamodel.ValueExpression))
		require.NoError(t, err)
		q, err := l.Rename(same, map[string]string{"x": "y"})
		require.NoError(t, err)
		require.Equal(t, same, q)

		for text, want := range map[string]datamodel.Value{
			"_my_prefix":             "P",
			"(_my_prefix) + ')'":     "P)",
			"y = _my_prefix; y;":     "P",
			"[{a: _my_prefix}][0].a": "P",
		} {
			p, err := l.Compile(legacy(text, datamodel.ValueExpression))
			require.NoError(t, err)
			q, err := l.Rename(p, map[string]string{"_my_prefix": `"P"`})
			require.NoError(t, err, text)
			v, err := newLegacy(t, engine).m.Eval(q)
			require.NoError(t, err)
			require.Equal(t, want, v, text)
		}
		if !engine.Features().ES2015 {
			return
		}
		for text, read := range map[string]string{
			"const x = 1; let y = 2; class f { static g() { return x + y } } r = f.g()": "r === 3",
			"var o = {}; x = 2; ({x} = {x: 5}); r = {x}.x":                              "r === 5",
			"var {x, z = x} = {x: 1}; r = z":                                            "r === 1",
			"x = 'k'; r = {[x]: 3}.k; r += `${x}`.length":                               "r === 4",
			"x = 1; { let x = 2 } r = (x => x * 2)(4) + x":                              "r === 9",
			"[x, ...r] = [1, 2]; r = r[0] + x":                                          "r === 3",
			"for (const x of [1, 2]) { r = x }":                                         "r === 2",
		} {
			p, err := l.Compile(legacy(text, datamodel.Script))
			require.NoError(t, err, text)
			q, err := l.Rename(p, map[string]string{"x": "x$1", "f": "f$1"})
			require.NoError(t, err, text)
			s := newLegacy(t, engine)
			for range 2 {
				require.NoError(t, s.m.Exec(q), "twice: %s", text)
			}
			assert.Equal(t, true, s.eval(read), text)
			assert.Equal(t, true, s.eval("typeof x === 'undefined' && typeof f === 'undefined'"), text)
		}
	})
}

// TestRenamedFunctions: scripts do not see that variables have other names.
func TestRenamedFunctions(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine ecmascript.Engine) {
		s := newLegacy(t, engine)
		text := "var x = 1; function f(a) { return a + x }\nvar g = function (a) { return f(a) * x };\nvar t = '' + f, u = g.toString(), w = f.toSource(), o = {h: g};"
		compiled := func(l datamodel.Language) datamodel.Program {
			p, err := l.Compile(legacy(text, datamodel.Script))
			require.NoError(t, err)
			q, err := l.(datamodel.Scoper).Rename(p, map[string]string{"x": "x$1", "f": "f$1", "g": "g$1"})
			require.NoError(t, err)
			return q
		}
		require.NoError(t, s.m.Exec(compiled(s.l)))
		check := func(s *legacySession) {
			assert.Equal(t, "function f(a) { return a + x }", s.eval("t"))
			assert.Equal(t, "function (a) { return f(a) * x }", s.eval("u"))
			assert.Equal(t, "(function f(a) { return a + x })", s.eval("w"))
			assert.Equal(t, true, s.eval("f$1.toString() === t && String(g$1) === u && Function.prototype.toString.call(g$1) === u && f$1.toSource() === w && g$1(2) === 3"))
			assert.Equal(t, "({h:function (a) { return f(a) * x }})", s.eval("o.toSource()"))
			if engine.Features().ES2015 {
				assert.Equal(t, "f", s.eval("f$1.name"))
			}
		}
		check(s)
		if engine.Features().ES2015 {
			assert.Equal(t, "g", s.eval("g$1.name"))
		}
		snapshot, err := s.m.Snapshot(nil)
		require.NoError(t, err)
		for _, other := range engines() {
			restored := newLegacy(t, other)
			document := compiled(restored.l)
			require.NoError(t, restored.m.Restore(snapshot))
			runtime.KeepAlive(document)
			if other.Features() == engine.Features() {
				check(restored)
			}
			again, err := restored.m.Snapshot(nil)
			require.NoError(t, err)
			assert.Equal(t, snapshot, again)
		}
	})
}

// TestHostErrors: what a function of the host throws is an Error as scripts know it,
// and stays one in a snapshot.
func TestHostErrors(t *testing.T) {
	eachEngine(t, func(t *testing.T, engine ecmascript.Engine) {
		s := newLegacy(t, engine)
		s.run("var e, again; try { fail() } catch (x) { e = x } try { fail() } catch (x) { again = x }")
		check := func(s *legacySession) {
			for _, text := range []string{"e", "again"} {
				assert.Equal(t, true, s.eval(text+" instanceof Error"), text)
				assert.Equal(t, "Error", s.eval(text+".name"), text)
				assert.Equal(t, true, s.eval(text+".constructor === Error"), text)
				assert.Equal(t, true, s.eval("String("+text+") === 'Error: ' + "+text+".message && "+text+".message !== ''"), text)
			}
		}
		check(s)
		snapshot, err := s.m.Snapshot(nil)
		require.NoError(t, err)
		restored := newLegacy(t, engine)
		require.NoError(t, restored.m.Restore(snapshot))
		check(restored)
		p, err := s.l.Compile(legacy("fail()", datamodel.Script))
		require.NoError(t, err)
		err = s.m.Exec(p)
		require.ErrorIs(t, err, errHost)
		require.NotContains(t, err.Error(), "GoError")
	})
}

// FuzzRename: after all names of a program have been changed it has the new ones,
// in the same order.
func FuzzRename(f *testing.F) {
	for _, text := range []string{"x + 1", "var x = 1; x", "{a: x}", "a) + (b", "f(x, function (x) { return x })", "x = {x: x, get x() { return x }}", "`${x}`",
		"({x, y: [z = x]} = q)", "for (let x of y) x", "class x extends y { x() { return x } }", "x: for (;;) break x", "var {x, ...y} = z", "a?.x ?? x", "async x => await x",
		"try {} catch { x }", "function* x() { yield x }", "if (x) function f() { x }", "<!-- x", "x\n/*\n*/x", "new.target", "\\u0078 = 1", "(x)\n(y)", "switch (x) { case x: let y }",
		"for each (var x in y) x", "try {} catch (x if x > y) { x } catch (y if x) {} catch (z) { z }", "let (x = y) { x }", "x\n--> y", "<!-- x\n-->y\nx", "for each (x in for each (y in z", "catch (e if (catch (f if"} {
		f.Add(text)
	}
	l := ecmascript.New(goja.Engine(), nil).(datamodel.Scoper)
	f.Fuzz(func(t *testing.T, text string) {
		hang := time.AfterFunc(8*time.Second, func() { panic(fmt.Sprintf("%q hangs", text)) })
		defer hang.Stop()
		for _, kind := range []datamodel.Kind{datamodel.Script, datamodel.ValueExpression} {
			p, err := l.Compile(legacy(text, kind))
			if err != nil {
				continue
			}
			v, err := l.Variables(p)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			to := map[string]string{}
			for _, name := range v.Used {
				to[name] = name + "$7"
			}
			q, err := l.Rename(p, to)
			if err != nil {
				continue // an escape, or a keyword that only looks like a name
			}
			again, err := l.Variables(q)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			if len(again.Used) != len(v.Used) {
				t.Fatalf("%q: %v became %v", text, v.Used, again.Used)
			}
			for i, name := range v.Used {
				if again.Used[i] != name+"$7" && name != "undefined" {
					t.Fatalf("%q: %v became %v", text, v.Used, again.Used)
				}
			}
		}
	})
}
