package ecmatest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

func language(t *testing.T, s *suite) {
	if s.lang.Name() != "ecmascript" {
		t.Error(s.lang.Name())
	}
	small := ecmascript.New(s.engine, &ecmascript.Options{MaxScript: 100, MaxExpression: 10})
	for _, c := range []struct {
		kind datamodel.Kind
		text string
		ok   bool
	}{{datamodel.Script, strings.Repeat("x;", 50), true}, {datamodel.Script, strings.Repeat("x;", 51), false},
		{datamodel.ValueExpression, "1234567890", true}, {datamodel.ValueExpression, "12345678901", false}} {
		if _, err := small.Compile(source(c.kind, c.text)); (err == nil) != c.ok {
			t.Errorf("%d bytes: %v", len(c.text), err)
		}
	}
}

func snapshots(t *testing.T, s *suite) {
	v := s.new(t, datamodel.Host{}).declare("z", "undef").set("n", 1.5).set("data", obj("b", list(1.0, datamodel.Null{}, nil), "a", "grün 😀"))
	v.script(`
		var inf = -1 / 0, nan = NaN, negzero = -0, big = 9007199254740991, nul = null;
		var shared = {deep: {x: 1}}, same = shared, inner = shared.deep;
		var cyc = {name: 'c', list: []}; cyc.self = cyc; cyc.list.push(cyc, shared);
		var sparse = []; sparse[3] = 'x'; var huge = []; huge[100000] = 1; var extra = [1, 2]; extra.name = 'n';
		var date = new Date(86400000), never = new Date(NaN);
		var re = /a+/gi; re.exec('xaay');
		var err = new TypeError('bad'); err.code = 7;
		var bo = new Boolean(true), no = new Number(3), so = new String('str');
		var f = function (a) { return a + n }; f.tag = 'mark';
		function twice(x) { return f(x) * 2 }
		var api = {go: function () { return this.v }, v: 9};
		var bare = Object.create(null); bare.k = 1;
		var keys = {'a b': 1, '__x': 2, 'é': 3, '10': 4, '9': 5};
	`)
	v.m.SetEvent(&datamodel.Event{Name: "kept", Data: obj("p", list(1.0))})
	v.script("var ev = _event, ev2 = _event, evData = _event.data")
	check := func(w *session) {
		w.holds("typeof z === 'undefined'", "'undef' in this", "n === 1.5", "data.b.length === 3", "data.b[1] === null", "data.b[2] === undefined", "data.a === 'grün 😀'",
			"inf === -Infinity", "nan !== nan", "1 / negzero === -Infinity", "big === 9007199254740991", "nul === null",
			"same === shared", "inner === shared.deep", "cyc.self === cyc", "cyc.list[0] === cyc", "cyc.list[1] === shared",
			"sparse.length === 4", "!(0 in sparse)", "sparse[3] === 'x'", "huge.length === 100001", "huge[100000] === 1", "extra.name === 'n'", "extra.length === 2",
			"date.getTime() === 86400000", "date instanceof Date", "isNaN(never.getTime())", "re.lastIndex === 3", "re.global", "re.ignoreCase", "re.source === 'a+'",
			"err instanceof TypeError", "err.message === 'bad'", "err.code === 7", "bo instanceof Boolean", "bo.valueOf() === true", "no + 1 === 4", "so + '' === 'str'", "so.length === 3",
			"f(1) === 2.5", "f.tag === 'mark'", "twice(1) === 5", "api.go() === 9", "bare.k === 1", "bare.toString === undefined", "keys['a b'] === 1", "keys.é === 3",
			"ev === ev2", "ev.name === 'kept'", "ev.data === evData", "evData.p[0] === 1", "ev.sendid === undefined", "'sendid' in ev", "[].concat(sparse).length === 4")
		if s.features.KeyOrder {
			w.is("(function () { var k = []; for (var n in data) k.push(n); return k.join() })()", "b,a")
		}
		w.script("n = 2").holds("f(1) === 3").script("n = 1.5; re.lastIndex = 3")
	}
	v.script("this.undef = undefined")
	check(v)
	r := v.restored(datamodel.Host{})
	check(r)
	check(r.restored(datamodel.Host{}))
	r.scriptFails("ev.name = 'mine'").assignFails("evData.q", "1").assignFails("evData.p[0]", "2").holds("ev2.name === 'kept'", "evData.p.length === 1", "Array.isArray(evData.p)")
	r.assign("n", "5").assignFails("undeclared", "1")

	// The order of variables does not depend on anything but the order in which
	// they were made, and nothing else is saved.
	a := s.new(t, datamodel.Host{}).declare("b", "a")
	first, _ := a.m.Snapshot(nil)
	a.m.SetEvent(&datamodel.Event{Name: "e"})
	a.m.BeginStep()
	a.holds("_event.name === 'e'", "In('s1')", "_sessionid === ''", "Math.max(1, 2) === 2")
	a.m.EndStep()
	second, _ := a.m.Snapshot([]byte("prefix"))
	if "prefix"+string(first) != string(second) {
		t.Errorf("%q\n%q", first, second)
	}
	if s.features.ES2015 {
		w := s.new(t, datamodel.Host{}).script(`
			let l = 1; const c = {x: 1}; let arrow = (a, b = 2) => a + b + l;
			var m = new Map([['k', {v: 1}], [c, 'obj']]), st = new Set([1, 'a', c]);
			var buf = new Uint8Array([1, 2, 3]).buffer, u8 = new Uint8Array(buf, 1, 2), f64 = new Float64Array([1.5, -2]), dv = new DataView(buf);
			var meth = {go(x) { return x * l }}, gen = function* () { yield 1; yield 2 };
		`)
		r := w.restored(datamodel.Host{})
		r.holds("l === 1", "arrow(1) === 4", "m.get('k').v === 1", "m.get(c) === 'obj'", "st.has(c)", "[...st].length === 3", "u8.buffer === buf", "u8.length === 2", "u8[0] === 2",
			"f64[1] === -2", "dv.getUint8(2) === 3", "meth.go(3) === 3", "[...gen()].join() === '1,2'")
		r.script("l = 5; u8[0] = 9").holds("arrow(1) === 8", "new Uint8Array(buf)[1] === 9").assignFails("c", "1")
		r.restored(datamodel.Host{}).holds("l === 5", "c.x === 1").assignFails("c", "1")
	}
	if s.features.UTF16 {
		w := s.new(t, datamodel.Host{}).script(`var lone = '\ud800x', o = {}; o.k = '\udfff'`)
		w.restored(datamodel.Host{}).holds("lone.charCodeAt(0) === 0xd800", "lone.length === 2", "o.k.charCodeAt(0) === 0xdfff")
	}
}

func refusals(t *testing.T, s *suite) {
	type refusal struct{ script, path string }
	cases := []refusal{
		{"var a = {}; Object.defineProperty(a, 'x', {get: function () { return 1 }, enumerable: true}); var b = {deep: [a]}", "a"},
		{"var o = {list: [0, {get x() { return 1 }}]}", "o.list[1]"},
		{"var o = {}; Object.defineProperty(o, 'hidden', {value: 1})", "o"},
		{"var o = Object.freeze({a: 1})", "o"},
		{"var o = Object.seal({a: 1})", "o"},
		{"var o = {a: Object.create(Array.prototype)}", "o.a"},
		{"function outer() { var local = 1; return function () { return local } } var f = outer()", "f"},
		{"var o = {'a b': (function (x) { return {m: function () { return x }} })(1)}", `o["a b"].m`},
		{"var m = Math.max", "m"},
		{"var m = Math", "m"},
		{"var b = (function () {}).bind(null)", "b"},
		{"var g = this", "g"},
		{"var made = new Function('return 1')", "made"},
	}
	if !s.features.Instances {
		cases = append(cases, refusal{"function P() {} P.prototype.m = function () {}; var p = new P()", "P"}, refusal{"function P() {} var p = new P()", "p"},
			refusal{"var o = {a: Object.create({inherited: 1})}", "o.a"})
	}
	if s.features.ES2015 {
		cases = append(cases, refusal{"var s = Symbol('x')", "s"}, refusal{"var o = {[Symbol('x')]: 1}", "o"}, refusal{"class K {}", "K"}, refusal{"var k = new (class {})()", "k"},
			refusal{"var p = Promise.resolve(1)", "p"}, refusal{"var p = new Proxy({}, {})", "p"}, refusal{"var it = (function* () { yield 1 })()", "it"},
			refusal{"var fs = []; for (let i = 0; i < 2; i++) fs.push(() => i)", "fs[0]"}, refusal{"{ let inner = 1; var f = () => inner }", "f"}, refusal{"var w = new WeakMap()", "w"},
			refusal{"function mk() { return () => this.x } var f = mk.call({x: 1})", "f"})
	}
	for _, c := range cases {
		v := s.new(t, datamodel.Host{}).script(c.script)
		_, err := v.m.Snapshot(nil)
		var ee *datamodel.EvalError
		if !errors.Is(err, datamodel.ErrNotSerializable) || !errors.As(err, &ee) {
			t.Errorf("%s: %v", c.script, err)
			continue
		}
		if !strings.HasPrefix(ee.Message, c.path+" ") {
			t.Errorf("%s: %v does not begin with %s", c.script, ee.Message, c.path)
		}
		// The session goes on.
		v.is("1 + 1", 2.0)
	}
	// A function with a name of the document is no closure, nor is one whose local
	// variables are its own.
	s.new(t, datamodel.Host{}).script(`
		var lib = {add: function (a, b) { var sum = a + b; function inner() { return sum } return inner() }};
		function later() { return declaredLater }
		function each(list) { for (var i = 0; i < list.length; i++) { try { list[i]() } catch (e) { lib.last = e } } }
	`).restored(datamodel.Host{}).is("lib.add(1, 2)", 3.0)
	deep := s.new(t, datamodel.Host{}).script("var d = null; for (var i = 0; i < 20000; i++) d = {d: d}")
	if _, err := deep.m.Snapshot(nil); !errors.Is(err, datamodel.ErrNotSerializable) {
		t.Error(err)
	}
	h := &host{}
	v := s.new(t, datamodel.Host{Globals: map[string]datamodel.Value{"_h": datamodel.Func(func([]datamodel.Value) (datamodel.Value, error) { return h, nil })}}).script("var kept = _h()")
	if _, err := v.m.Snapshot(nil); !errors.Is(err, datamodel.ErrNotSerializable) {
		t.Error(err)
	}
}

func damaged(t *testing.T, s *suite) {
	v := s.new(t, datamodel.Host{}).script("var o = {a: [1, 'x', null], f: function (x) { return x }, d: new Date(0), r: /x/g, e: new Error('m')}; o.self = o; var n = 1").set("x", datamodel.XML{Text: "<a><b/></a>"})
	v.script("var b = x.getElementsByTagName('b')[0]")
	snap, err := v.m.Snapshot(nil)
	if err != nil {
		t.Fatal(err)
	}
	restore := func(b []byte) error {
		m, err := s.lang.New(datamodel.Host{In: func(string) bool { return false }})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		return m.Restore(b)
	}
	for n := range snap {
		if restore(snap[:n]) == nil {
			t.Errorf("cut off at byte %d of %d: accepted", n, len(snap))
		}
	}
	if restore(append(append([]byte{}, snap...), 0)) == nil {
		t.Error("a byte too many is accepted")
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		b := append([]byte{}, snap...)
		for range 1 + r.IntN(4) {
			b[r.IntN(len(b))] = byte(r.IntN(256))
		}
		_ = restore(b) // an error or not, but neither a panic nor a hang
	}
	for range 300 {
		b := make([]byte, r.IntN(60))
		for i := range b {
			b[i] = byte(r.IntN(40))
		}
		if len(b) > 0 {
			b[0] = byte(1 + r.IntN(2))
		}
		_ = restore(b)
	}
}

// snapshotProperty saves and restores random object graphs.
func snapshotProperty(t *testing.T, s *suite) {
	r := rand.New(rand.NewPCG(7, 9))
	for i := range 60 {
		text := randomGraph(r, s.features)
		v := s.new(t, datamodel.Host{}).script(text)
		w := v.restored(datamodel.Host{})
		if t.Failed() {
			t.Fatalf("graph %d: %s", i, text)
		}
		for _, name := range []string{"v0", "v1", "v2"} {
			a, errA := v.m.Get(name)
			b, errB := w.m.Get(name)
			if (errA == nil) != (errB == nil) || errA == nil && !datamodel.Equal(a, b) {
				t.Fatalf("graph %d, %s: %v %v\n%s", i, name, errA, errB, text)
			}
		}
	}
}

// randomGraph is a script that makes variables v0, v1, … with references among
// what they hold.
func randomGraph(r *rand.Rand, f ecmascript.Features) string {
	leaves := []string{"1", "-0", "1.5", "NaN", "Infinity", "'x'", "''", "'é'", "null", "undefined", "true", "new Date(5)", "/a/g", "[]", "{}", "[,1]", "new Error('e')", "new String('s')",
		"function (a) { return a }", "Object.create(null)", "9007199254740991"}
	if f.ES2015 {
		leaves = append(leaves, "new Map()", "new Set([1])", "new Uint8Array(3)", "x => x + 1")
	}
	var b strings.Builder
	n := 3 + r.IntN(8)
	for i := range n {
		fmt.Fprintf(&b, "var v%d = %s;\n", i, []string{"{}", "[]", "{a: {b: [1]}}", leaves[r.IntN(len(leaves))]}[r.IntN(4)])
	}
	for range r.IntN(30) {
		value := leaves[r.IntN(len(leaves))]
		if r.IntN(2) == 0 {
			value = fmt.Sprintf("v%d", r.IntN(n))
		}
		key := []string{"k", "a", "z", "length2", "0", "7", "a b"}[r.IntN(7)]
		i := r.IntN(n)
		fmt.Fprintf(&b, "if (typeof v%d === 'object' && v%d !== null) v%d['%s'] = %s;\n", i, i, i, key, value)
	}
	return b.String()
}
