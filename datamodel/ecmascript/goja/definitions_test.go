package goja

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// spy is the engine with the runtime that was made last.
type spy struct {
	ecmascript.Engine
	made *realm
}

func (s *spy) NewRuntime(cfg ecmascript.Config) (ecmascript.Runtime, error) {
	r, err := s.Engine.NewRuntime(cfg)
	s.made, _ = r.(*realm)
	return r, err
}

// TestSnapshotMakesNoFunctions: functions of libraries that nobody has called do not
// exist after a snapshot, and not after it was restored.
func TestSnapshotMakesNoFunctions(t *testing.T) {
	engine := &spy{Engine: Engine()}
	l := ecmascript.New(engine, nil)
	document := mustCompile(t, l, datamodel.Script, "function a() { return 'a' } function b() { return 'b' } function both() { return a() + b() } function other() {} function more() {}")
	call := mustCompile(t, l, datamodel.ValueExpression, "both()")
	unmade := func() (names []string) {
		for _, name := range []string{"a", "b", "both", "other", "more"} {
			if engine.made.Unmade(name) {
				names = append(names, name)
			}
		}
		return names
	}
	m := newModel(t, l)
	require.NoError(t, m.Exec(document))
	var first []byte
	for range 3 {
		snapshot, err := m.Snapshot(nil)
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b", "both", "other", "more"}, unmade())
		v, err := m.Eval(call)
		require.NoError(t, err)
		assert.Equal(t, "ab", v)
		assert.Equal(t, []string{"other", "more"}, unmade())
		again, err := m.Snapshot(nil)
		require.NoError(t, err)
		assert.Equal(t, snapshot, again, "functions that were only called")
		if first != nil {
			assert.Equal(t, first, snapshot)
		}
		first = snapshot
		m = newModel(t, l)
		require.NoError(t, m.Restore(snapshot))
	}
	runtime.KeepAlive(document)
}

// TestSnapshotsOfFunctions: what scripts do to declared functions is kept, and what
// they do not is not written.
func TestSnapshotsOfFunctions(t *testing.T) {
	const four = "function one() { return 1 } function two() { return 2 } function three() { return one() + two() } function four() {}\n"
	for _, c := range []struct {
		name    string
		scripts []string
		holds   string
		most    int // bytes
	}{
		{"nothing", []string{four}, "three() === 3", 12},
		{"fewer than a library", []string{"function f(n) { return n < 2 ? 1 : n * f(n - 1) } function g() { return f(3) }"}, "g() === 6", 12},
		{"alias", []string{four, "var a = one, b = {f: one, g: [two, one]}"}, "a === one && b.f === a && b.g[0] === two && b.g[1] === one && a() === 1", 80},
		{"assigned", []string{four, "one = two; var old = three; three = 5"}, "one === two && three === 5 && old.toString().indexOf('one() + two()') > 0", 80},
		{"assigned the same text", []string{four, "var old = one; one = eval('(' + String(one) + ')')"}, "one() === 1 && old() === 1", 90},
		{"property", []string{four, "one.count = 1; two.self = two; var o = {f: one}"}, "o.f === one && one.count === 1 && two.self === two && two() === 2", 90},
		{"twice", []string{four, "function one() { return 'again' }"}, "one() === 'again' && three() === 'again2'", 24},
		{"twice in one", []string{four + "function one() { return 'b' } var x = one();"}, "one() === 'b' && x === 'b' && three() === 'b2'", 24},
		{"back and forth", []string{four, "function one() { return 'b' }", four}, "one() === 1 && three() === 3", 40},
		{"variable first", []string{"var one = 5;", four}, "one() === 1", 24},
		{"variable after", []string{four, "var one; var two = 7;"}, "one() === 1 && two === 7", 40},
		{"names of built-ins", []string{"function escape(x) { return 'e' + x } function toString() { return 't' } function valueOf() {} function isNaN() { return 'n' }", "var e = escape; isNaN = escape"},
			"escape(1) === 'e1' && e === escape && isNaN === e && toString() === 't'", 60},
		{"failed", []string{four, "function five() { return 5 } throw 1"}, "five() === 5 && three() === 3", 24},
		{"not declared", []string{"let five = 'let';", four, "function five() {} function six() {}"}, "five === 'let' && typeof six === 'undefined' && one() === 1", 60},
		{"strict", []string{"'use strict'; function f() { return this === undefined } var o = {f: function () { return this }}, g = o.f;"}, "f.call() && f() && (0, g)() === undefined", 60},
		{"strict library", []string{"'use strict';" + four + "function f() { undeclared = 1 }"}, "(function () { try { f() } catch (e) { return e.name === 'ReferenceError' } return false })()", 24},
		{"kinds", []string{"async function later() {} function* steps() { yield 1 } var o = {m(x) { return x }, async n() { return 1 }, *g() { yield 2 }, a: x => x * 2, b: async x => x}; async function last() {}"},
			"[...steps()][0] === 1 && o.m(1) === 1 && [...o.g()][0] === 2 && o.a(2) === 4 && typeof o.n().then === 'function' && typeof o.b(1).then === 'function' && typeof later().then === 'function' && last.name === 'last'", 90},
		{"constructor", []string{"function P(x) { this.x = x } var p = new P(1), proto = P.prototype;"}, "p instanceof P && P.prototype === proto && p.x === 1", 60},
		{"prototype", []string{"function P(x) { this.x = x } P.prototype.m = function () { return this.x }; var p = new P(1), q = P;"}, "p instanceof q && p.m() === 1 && new P(2).m() === 2", 80},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := New(nil)
			m := newModel(t, l)
			var document []datamodel.Program
			for _, text := range c.scripts {
				p := mustCompile(t, l, datamodel.Script, text)
				document = append(document, p)
				if err := m.Exec(p); err != nil && c.name != "failed" && c.name != "not declared" {
					require.NoError(t, err)
				}
			}
			holds := mustCompile(t, l, datamodel.ConditionalExpression, c.holds)
			snapshot, err := m.Snapshot(nil)
			require.NoError(t, err)
			assert.LessOrEqual(t, len(snapshot), c.most)
			again := newModel(t, l)
			require.NoError(t, again.Restore(snapshot))
			second, err := again.Snapshot(nil)
			require.NoError(t, err)
			assert.Equal(t, snapshot, second)
			third := newModel(t, l)
			require.NoError(t, third.Restore(second))
			for _, m := range []datamodel.Model{m, again, third} {
				ok, err := m.Cond(holds)
				require.NoError(t, err)
				assert.True(t, ok)
			}
			runtime.KeepAlive(document)
		})
	}
}

// TestProgramMissing: a function whose script has not been compiled is an error that
// names its path; programs that nobody uses are forgotten.
func TestProgramMissing(t *testing.T) {
	for script, path := range map[string]string{
		"var api = {list: [1, {'a b': function () {}}]}": `api.list[1]["a b"]`,
		"function f() {}": "the functions that the document declares",
	} {
		l := New(nil)
		m := newModel(t, l)
		require.NoError(t, m.Exec(mustCompile(t, l, datamodel.Script, script)))
		snapshot, err := m.Snapshot(nil)
		require.NoError(t, err)
		err = newModel(t, New(nil)).Restore(snapshot)
		require.ErrorIs(t, err, datamodel.ErrProgramMissing)
		var ee *datamodel.EvalError
		require.ErrorAs(t, err, &ee)
		assert.Equal(t, path, ee.Text)
		require.NoError(t, newModel(t, l).Restore(snapshot))
		runtime.KeepAlive(m)
	}
}
