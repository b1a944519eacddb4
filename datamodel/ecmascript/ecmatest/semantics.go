package ecmatest

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

func compiling(t *testing.T, s *suite) {
	s.illegal(t, datamodel.ValueExpression, "return", "", " ", "1 2", "a b", "1)", "1) + (2", "1); (2", "(1", "{", "'x", "a +", "var x", "x = ", "1 /* open", "[1)", "if (a) b", "a; b", ");evil(")
	s.illegal(t, datamodel.ConditionalExpression, "return", "", "a &&", "1) || (1")
	s.illegal(t, datamodel.LocationExpression, "", "1", "a +", "a b", "'x'", "a = 1; b", "a + b", "this", "continue")
	s.illegal(t, datamodel.Script, "var", "x = ;", "function", "return 1", "if (", "}")
	for _, text := range []string{"1 // comment", "1 /* comment */", "\n1\n", "a\n.b", "{a: 1}", "function () { return 1 }", "/[)]/.test(')')", "')'", "(1)", "a ? b : (c)"} {
		if _, err := s.lang.Compile(source(datamodel.ValueExpression, text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, c := range []struct{ item, index string }{{"'continue'", ""}, {"continue", ""}, {"a.b", ""}, {"", ""}, {"a b", ""}, {"1", ""}, {"a", "1"}, {"a", "if"}} {
		_, err := s.lang.CompileForeach(source(datamodel.ValueExpression, "[]"), source(datamodel.LocationExpression, c.item), source(datamodel.LocationExpression, c.index))
		var ce *datamodel.CompileError
		if !errors.As(err, &ce) {
			t.Errorf("foreach %q %q: %v", c.item, c.index, err)
		}
	}
	for _, c := range []struct{ location, expr string }{{"a", "return"}, {"return", "1"}, {"1", "1"}, {"a", ""}, {"a", "1) + (2"}} {
		if _, err := s.lang.CompileAssign(source(datamodel.LocationExpression, c.location), source(datamodel.ValueExpression, c.expr)); err == nil {
			t.Errorf("%s = %s compiles", c.location, c.expr)
		}
	}

	// The place of an error is that in the document.
	_, err := s.lang.Compile(datamodel.Source{Text: "a +\n  * b", Kind: datamodel.ValueExpression, File: "x.scxml", Line: 10, Column: 20})
	var ce *datamodel.CompileError
	if !errors.As(err, &ce) || ce.Line != 11 || ce.Column < 1 || ce.Column > 5 || ce.Source.File != "x.scxml" {
		t.Errorf("place of an error: %+v", ce)
	}
	_, err = s.lang.Compile(datamodel.Source{Text: "a * * b", Kind: datamodel.ValueExpression, File: "x.scxml", Line: 10, Column: 20})
	if !errors.As(err, &ce) || ce.Line != 10 || ce.Column < 22 || ce.Column > 27 {
		t.Errorf("place of an error: %+v", ce)
	}
	for _, deep := range []string{"(", "[", "!", "function(){", "{a:", "a=", "-"} {
		_, err := s.lang.Compile(source(datamodel.Script, strings.Repeat(deep, 200_000)))
		if !errors.As(err, &ce) {
			t.Errorf("deep %s: %v", deep, err)
		}
	}
	s.illegal(t, datamodel.ValueExpression, "'"+strings.Repeat("x", 1<<17)+"'")
}

func expressions(t *testing.T, s *suite) {
	v := s.new(t, datamodel.Host{})
	v.is("1 + 2", 3.0).is("'a' + 'b'", "ab").is("'a' + 1", "a1").is("1 / 0", math.Inf(1)).is("null", datamodel.Null{}).is("undefined", nil).is("true && 'x'", "x")
	v.is("[1, 'a', null, [true]]", list(1.0, "a", datamodel.Null{}, list(true)))
	v.is("{b: 1, a: {c: [2]}}", obj("b", 1.0, "a", obj("c", list(2.0))))
	v.is("{a: 1, f: function () {}, u: undefined}", obj("a", 1.0, "u", nil))
	v.is("[function () {}, 1]", list(nil, 1.0))
	v.is("'grün'.toUpperCase()", "GRÜN").is("parseInt('12px', 10)", 12.0).is("[3,1,2].sort().join('-')", "1-2-3")
	v.is("JSON.stringify({a: [1, 'x']})", `{"a":[1,"x"]}`).is("JSON.parse('{\"a\": 1}').a", 1.0)
	v.is("'a-b'.replace(/-/, '+')", "a+b").is("/^(\\d+)$/.exec('12')[1]", "12").is("(function (n) { return n * 2 })(4)", 8.0)
	v.is("new Date(0)", time.Unix(0, 0).UTC()).is("new Date(NaN)", datamodel.Null{})
	v.is("new String('x')", "x").is("new Number(2)", 2.0).is("new Boolean(false)", false)
	v.is("-0", math.Copysign(0, -1)).is("NaN", math.NaN()).is("0.5 + 0.25", 0.75).is("9007199254740991", float64(1<<53-1)).is("1e21", 1e21)
	v.exprFails("nowhere", "nowhere.x", "null.x", "undefined.x.y", "(void 0)()", "x = 1", "function () {}", "(function f() { throw new Error('e') })()", "[1].nothing()")
	cyclic := s.new(t, datamodel.Host{}).script("var a = {}; a.a = a; var b = []; b.push(b)")
	cyclic.exprFails("a", "b", "{x: a}")
	if str, err := v.m.EvalString(v.compile(datamodel.ValueExpression, "[1, 2]")); err != nil || str != "1,2" {
		t.Error(str, err)
	}
	for text, want := range map[string]string{"1": "1", "'x'": "x", "null": "null", "undefined": "undefined", "{}": "[object Object]", "1.50": "1.5", "true": "true", "-0": "0"} {
		if str, err := v.m.EvalString(v.compile(datamodel.ValueExpression, text)); err != nil || str != want {
			t.Errorf("EvalString %s: %q, %v", text, str, err)
		}
	}
	if _, err := v.m.EvalString(v.compile(datamodel.ValueExpression, "nowhere")); err == nil {
		t.Error("EvalString of an undeclared name")
	}
	if s.features.ES2015 {
		v.is("[1,2].map(x => x * 2)", list(2.0, 4.0)).is("`a${1}b`", "a1b").is("(() => { let x = 1; const y = 2; return x + y })()", 3.0)
		v.is("Array.from(new Set([1, 1, 2]))", list(1.0, 2.0)).is("new Map([['a', 1]]).get('a')", 1.0).is("((a, b = 2, ...c) => a + b + c.length)(1)", 3.0)
		v.is("(({a, b: [c]}) => a + c)({a: 1, b: [2]})", 3.0).is("new (class { constructor() { this.x = 1 } })().x", 1.0).is("new Uint8Array([1, 2])", list(1.0, 2.0))
	} else {
		s.illegal(t, datamodel.ValueExpression, "x => x", "`a`")
		s.illegal(t, datamodel.Script, "let x = 1", "const y = 1", "class A {}")
	}
	if s.features.Lookahead {
		v.is("/a(?=b)/.test('ab')", true).is(`/(a)\1/.test('aa')`, true)
	}
	if s.features.UTF16 {
		v.is("'😀'.length", 2.0).is(`'\ud83d'`, "\xed\xa0\xbd").is(`'\ud83d' + '\ude00'`, "😀")
	}
	if s.features.KeyOrder {
		v.is("JSON.stringify({z: 1, a: 2})", `{"z":1,"a":2}`)
	}
	if s.features.Strict {
		v.is("(function () { return this === undefined })()", true)
	}
}

func conditions(t *testing.T, s *suite) {
	v := s.new(t, datamodel.Host{}).set("n", 5.0).set("str", "x").set("o", obj("k", 1.0)).set("nul", datamodel.Null{}).declare("undef")
	v.holds("true", "n", "n > 4", "n >= 5", "n < 6", "n <= 5", "n == 5", "n === 5", "n != 4", "n !== '5'", "n == '5'", "str", "str == 'x'", "str < 'y'", "o", "o.k == 1",
		"!nul", "!undef", "undef == null", "undef === undefined", "nul !== undef", "n > 1 && str === 'x'", "n > 9 || str === 'x'", "!(n > 9)", "typeof nowhere === 'undefined'",
		"typeof undef === 'undefined'", "In('s1')", "!In('s2')", "In('s1') && n > 1", "In(str + '') === false", "'false'", "[]", "n + 1 === 6", "n - 1 === 4", "n * 2 === 10",
		"n == -(-5)", "str + 'y' === 'xy'", "n + 'y' === '5y'", "o.missing === undefined", "'abc'.length === 3", "nul == undef", "NaN !== NaN", "0 === -0", "n > -1")
	for _, text := range []string{"false", "0", "''", "null", "undefined", "NaN", "undef", "nul", "n > 5", "n === '5'", "In('nowhere')", "str == 'y'", "undef > 1", "nul > 0", "!n"} {
		ok, err := v.m.Cond(v.compile(datamodel.ConditionalExpression, text))
		if ok || err != nil {
			t.Errorf("%s: %v, %v", text, ok, err)
		}
	}
	for _, text := range []string{"nowhere", "nowhere > 1", "nul.x", "undef.x == 1", "n > 1 && nowhere", "o.f()"} {
		_, err := v.m.Cond(v.compile(datamodel.ConditionalExpression, text))
		v.fails(text, err)
	}
	// Values that are converted by script code.
	v.script("var c = 0; var box = {valueOf: function () { c++; return 7 }, toString: function () { return 'box' }}")
	v.holds("box > 6", "box == 7", "box + 1 === 8", "c === 3")
	v.set("n", "5").holds("n + 1 === '51'", "n * 2 === 10", "n > 4", "n - 1 === 4")
}

func locations(t *testing.T, s *suite) {
	v := s.new(t, datamodel.Host{}).declare("a", "b").set("o", obj("list", list(1.0, 2.0)))
	v.assign("a", "1").assign("b", "a + 1").assign("a", "a + b").is("[a, b]", list(3.0, 2.0))
	v.assign("o.x", "{y: 1}").assign("o.x.y", "o.x.y + 1").assign("o['z']", "'s'").assign("o.list[1]", "'two'").assign(" o.list[0] ", "'one'")
	v.is("o", obj("list", list("one", "two"), "x", obj("y", 2.0), "z", "s"))
	v.assign("a", "o").assign("a.same", "true").holds("o.same === true", "a === o")
	v.assign("a", "function (x) { return x + 1 }").is("a(1)", 2.0)
	v.assign("a", "// nothing\n 5").is("a", 5.0)
	v.assignFails("undeclared", "1").assignFails("foo.bar.baz ", "1").assignFails("o.none.x", "1").assignFails("a", "nowhere").is("a", 5.0)
	v.holds("typeof undeclared === 'undefined'")

	put := func(location string, value datamodel.Value) error {
		return v.m.Assign(v.compile(datamodel.LocationExpression, location), value)
	}
	for _, c := range []struct {
		location string
		value    datamodel.Value
	}{{"a", obj("k", list(1.0))}, {"o.x", "text"}, {"o.list[0]", datamodel.Null{}}, {"o['new']", 7.0}, {"b", nil}} {
		if err := put(c.location, c.value); err != nil {
			t.Errorf("%s: %v", c.location, err)
		}
		v.is(c.location, c.value)
	}
	for _, location := range []string{"undeclared", "nowhere.x", "_sessionid", "_event", "_event.name", "In", "o.none.x"} {
		v.fails(location, put(location, 1.0))
	}
	v.holds("typeof undeclared === 'undefined'", "typeof _assigned === 'undefined'")

	// Set and Get copy.
	arr := list(obj("k", 1.0))
	v.set("copy", arr).script("copy[0].k = 2")
	if !datamodel.Equal(arr[0], obj("k", 1.0)) {
		t.Error("Set does not copy")
	}
	got, err := v.m.Get("copy")
	if err != nil || !datamodel.Equal(got, list(obj("k", 2.0))) {
		t.Error(got, err)
	}
	if _, err := v.m.Get("nowhere"); err == nil {
		t.Error("Get of an undeclared variable")
	}
	v.set("d", 1.0).declare("d").is("d", 1.0)
	for _, id := range []string{"", "a b", "1a", "a.b", "a-b", "_event", "In", "_x"} {
		v.fails("Declare "+id, v.m.Declare(id))
		v.fails("Set "+id, v.m.Set(id, 1.0))
	}
}

func scripts(t *testing.T, s *suite) {
	v := s.new(t, datamodel.Host{})
	v.script("var n = 1; function inc(by) { n += by; return n } loose = 5;")
	v.is("n", 1.0).is("inc(2)", 3.0).is("n", 3.0).is("loose", 5.0).assign("n", "10").is("inc(1)", 11.0)
	v.script("var again = inc(1)", "for (var i = 0, sum = 0; i < 10; i++) { sum += i }", "", "// nothing").is("[again, sum, i]", list(12.0, 45.0, 10.0))
	v.script("this.viaThis = 1").is("viaThis", 1.0)
	v.script("var o = {get x() { return 42 }}").is("o.x", 42.0)
	v.holds("[1] instanceof Array", "new Array(1, 2) instanceof Array", "Array.isArray([])", "!({} instanceof Array)", "[].constructor === Array",
		"/a/ instanceof RegExp", "new RegExp('a') instanceof RegExp", "inc instanceof Function", "!(1 instanceof Array)")
	v.is("1 + 1; ", 2.0).assign("n", "7;\n").is("n;", 7.0)
	v.script("try { nowhere() } catch (e) { var caught = e instanceof ReferenceError } finally { var fin = 1 }").holds("caught", "fin === 1")
	v.scriptFails("throw new Error('boom')", "throw 'text'", "throw null", "nowhere()", "null.x", "throw {toString: function () { return 'own' }}")
	err := v.scriptErr("throw new Error('boom')")
	if err == nil || !strings.Contains(err.Error(), "boom") {
		t.Error(err)
	}
	v.script("n = 99; try { throw 1 } catch (e) {}").is("n", 99.0)
	v.scriptFails("n = 100; throw 1").is("n", 100.0)
	if s.features.ES2015 {
		v.script("let l = 1; const c = 2; class K { m() { return l + c } }").is("new K().m()", 3.0).assign("l", "5").is("l", 5.0).assignFails("c", "3")
		v.script("l = 6").is("l + c", 8.0).holds("l === 6", "l > 5", "c == 2")
		v.script("var p = 0; Promise.resolve(1).then(x => { p = x })").is("p", 1.0)
	}
}

func foreach(t *testing.T, s *suite) {
	run := func(v *session, array, item, index string, body func() error) error {
		v.t.Helper()
		p, err := v.lang.CompileForeach(source(datamodel.ValueExpression, array), source(datamodel.LocationExpression, item), source(datamodel.LocationExpression, index))
		if err != nil {
			v.t.Fatal(err)
		}
		return v.m.Foreach(p, body)
	}
	v := s.new(t, datamodel.Host{}).set("arr", list(1.0, 2.0, 3.0)).set("sum", 0.0)
	add := func() error { return v.assignErr("sum", "sum * 10 + it + ix") }
	if err := run(v, "arr", "it", "ix", add); err != nil {
		t.Fatal(err)
	}
	v.is("[sum, it, ix]", list(135.0, 3.0, 2.0))

	// The copy is shallow: the loop goes through the items that were there.
	v.set("count", 0.0)
	if err := run(v, "arr", "x", "", func() error {
		v.script("arr.push(9); arr = [].concat(arr, [4]); count++")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	v.is("count", 3.0)
	v.set("objs", list(obj("n", 1.0), obj("n", 2.0)))
	if err := run(v, "objs", "each", "", func() error { return v.assignErr("each.n", "each.n + 10") }); err != nil {
		t.Fatal(err)
	}
	v.is("objs[0].n + objs[1].n", 23.0)
	if err := run(v, "[]", "fresh", "freshIndex", add); err != nil {
		t.Fatal(err)
	}
	v.holds("typeof fresh === 'undefined'").assign("fresh", "1").assign("freshIndex", "1")
	if err := run(v, "[undefined, null]", "it", "", func() error { return v.assignErr("count", "count + 1") }); err != nil {
		t.Fatal(err)
	}
	v.is("count", 5.0)

	// An error ends it.
	v.set("count", 0.0)
	boom := errors.New("boom")
	if err := run(v, "[1, 2, 3]", "it", "", func() error { v.assign("count", "count + 1"); return boom }); !errors.Is(err, boom) {
		t.Error(err)
	}
	v.is("count", 1.0)
	never := func() error { t.Error("the body ran"); return nil }
	for _, array := range []string{"7", "'abc'", "null", "undefined", "{length: 1}", "nowhere", "function () {}", "(function () { throw 1 })()"} {
		v.fails("foreach "+array, run(v, array, "it", "", never))
	}
	v.fails("read-only item", run(v, "[1]", "_event", "", never))
	v.fails("read-only index", run(v, "[1]", "it", "_sessionid", never))
	// Nested loops and loops over an item.
	v.set("m", list(list(1.0, 2.0), list(3.0))).set("out", "")
	if err := run(v, "m", "row", "", func() error {
		return run(v, "row", "cell", "", func() error { return v.assignErr("out", "out + cell") })
	}); err != nil {
		t.Fatal(err)
	}
	v.is("out", "123")
}

func systemVariables(t *testing.T, s *suite) {
	v := s.new(t, datamodel.Host{SessionID: "sid-1", Name: "machine", IOProcessors: map[string]string{"scxml": "#_scxml_sid-1", "http://x/y": "http://here"},
		X: obj("a", obj("b", 1.0), "l", list(1.0))})
	v.is("_sessionid", "sid-1").is("_name", "machine").is("_ioprocessors['scxml'].location", "#_scxml_sid-1").is("_ioprocessors['http://x/y'].location", "http://here")
	v.is("_ioprocessors.scxml.location", "#_scxml_sid-1").is("_x.a.b", 1.0).is("_x.l[0]", 1.0).is("typeof _event", "undefined").is("typeof In", "function").is("In('s1')", true)
	v.holds("_x === _x", "_ioprocessors === _ioprocessors", "_ioprocessors.scxml === _ioprocessors.scxml")
	for _, name := range []string{"_sessionid", "_name", "_ioprocessors", "_x", "_event", "In"} {
		v.assignFails(name, "'other'")
		if s.features.Strict || name != "" {
			v.scriptFails(name + " = 'other'")
		}
		v.scriptFails("var " + name + " = 'other'")
	}
	for _, location := range []string{"_ioprocessors.scxml", "_ioprocessors.fresh", "_x.a", "_x.fresh", "_x.a.b", "_ioprocessors.scxml.location"} {
		v.assignFails(location, "1")
		v.scriptFails(location + " = 1")
	}
	v.assignFails("_x.l[0]", "2").is("_sessionid + _name", "sid-1machine").is("_x", obj("a", obj("b", 1.0), "l", list(1.0)))
	empty := s.new(t, datamodel.Host{})
	empty.is("_x", obj()).is("_ioprocessors", obj()).is("_name", "").holds("typeof _x === 'object'")
	// Not among the variables of the session.
	if got := empty.eval("(function () { var n = []; for (var k in {}) n.push(k); return n })()"); !datamodel.Equal(got, list()) {
		t.Error(got)
	}
}

func events(t *testing.T, s *suite) {
	v := s.new(t, datamodel.Host{})
	v.is("typeof _event", "undefined")
	ev := &datamodel.Event{Name: "a.b", Type: datamodel.Internal, SendID: "sid", Origin: "#o", OriginType: "ot", InvokeID: "inv", Data: obj("x", 1.0, "l", list(1.0, 2.0), "d", obj("e", "f"))}
	v.m.SetEvent(ev)
	v.is("_event.name", "a.b").is("_event.type", "internal").is("_event.sendid", "sid").is("_event.origin", "#o").is("_event.origintype", "ot").is("_event.invokeid", "inv")
	v.is("_event.data.x", 1.0).is("_event.data.d.e", "f").is("_event.data.l", list(1.0, 2.0))
	v.holds("_event === _event", "_event.data === _event.data", "_event.data.l === _event.data.l", "_event.data.x === 1", "_event.data.missing === undefined", "_event.name == 'a.b'",
		"typeof _event.raw === 'undefined'", "!('raw' in _event)", "'data' in _event", "_event.data.d.e === 'f'")
	v.is("(function () { var k = []; for (var n in _event) k.push(n); return k.join() })()", "name,type,sendid,origin,origintype,invokeid,data")
	v.assignFails("_event", "1").assignFails("_event.name", "'x'").assignFails("_event.fresh", "1").assignFails("_event.data", "1")
	v.scriptFails("_event = 1", "_event.name = 'x'", "_event.data = 1", "delete _event.name").is("_event.name", "a.b")
	// The data of an event are read-only as well, whoever keeps them.
	for _, text := range []string{"_event.data.x = 7", "_event.data.d.e = 7", "_event.data.fresh = 7", "delete _event.data.d.e", "var mine = _event.data.d; mine.e = 7"} {
		v.scriptFails(text)
	}
	v.assignFails("_event.data.x", "7").assignFails("_event.data.d.e", "7").assignFails("_event.data.l[0]", "7").assignFails("_event.data.l[2]", "7").assignFails("_event.data.l.length", "0")
	v.exprFails("_event.data.l.push(3)", "_event.data.l.sort()", "_event.data.l.reverse()", "_event.data.l.splice(0, 1)").is("_event.data", ev.Data)
	v.holds("_event.data.x === 1", "_event.data.l.length === 2", "Array.isArray(_event.data.l)", "_event.data.l instanceof Array", "JSON.stringify(_event.data.l) === '[1,2]'",
		"_event.data.l.concat([3]).length === 3", "_event.data.l.slice(1)[0] === 2", "_event.data.l.join('-') === '1-2'", "JSON.parse(JSON.stringify(_event.data)).d.e === 'f'")
	v.is("(function () { var c = JSON.parse(JSON.stringify(_event.data)); c.x = 8; c.l.push(3); return c.x + c.l.length })()", 11.0)
	if !datamodel.Equal(ev.Data.(*datamodel.Object).Members()[0].Value, 1.0) {
		t.Error("a script changed the event")
	}
	v.declare("kept", "keptData").assign("kept", "_event").assign("keptData", "_event.data").holds("kept === _event", "kept.data === keptData")
	v.m.SetEvent(&datamodel.Event{Name: "c", Raw: "raw text"})
	v.is("_event.name", "c").is("_event.type", "external").is("_event.raw", "raw text").holds("kept !== _event", "_event.data === undefined", "_event.sendid === undefined", "'sendid' in _event", "'raw' in _event")
	v.is("kept.name", "a.b").is("kept.data.x", 1.0).holds("kept.data === keptData")
	v.exprFails("_event.data.x")
	for _, c := range []struct {
		data datamodel.Value
		cond string
	}{{123.0, "_event.data == 123"}, {"text", "_event.data === 'text'"}, {datamodel.Null{}, "_event.data === null"}, {false, "_event.data === false"}, {list(), "_event.data.length === 0"},
		{noon, "_event.data.getTime() === " + "1770120000000"}, {math.NaN(), "_event.data !== _event.data"}, {obj("__proto__", 1.0, "a b", 2.0), "_event.data['a b'] === 2 && _event.data.x === undefined"}} {
		v.m.SetEvent(&datamodel.Event{Name: "e", Type: datamodel.Platform, Data: c.data})
		v.holds(c.cond, "_event.type === 'platform'")
	}
	v.m.SetEvent(&datamodel.Event{Name: "whole", Data: obj("a", 1.0)})
	v.is("_event", obj("name", "whole", "type", "external", "sendid", nil, "origin", nil, "origintype", nil, "invokeid", nil, "data", obj("a", 1.0)))
}

// host is a HostObject for tests.
type host struct {
	members map[string]datamodel.Value
	names   []string
}

func (h *host) Get(name string) (datamodel.Value, bool) { v, ok := h.members[name]; return v, ok }
func (h *host) Names() []string                         { return h.names }

func globals(t *testing.T, s *suite) {
	inner := &host{members: map[string]datamodel.Value{"id": "i1"}, names: []string{"id"}}
	calls := 0
	h := &host{members: map[string]datamodel.Value{"n": 1.0, "inner": inner, "f": datamodel.Func(func(args []datamodel.Value) (datamodel.Value, error) {
		calls++
		return args, nil
	})}, names: []string{"n", "inner"}}
	boom := errors.New("host says no")
	v := s.new(t, datamodel.Host{Globals: map[string]datamodel.Value{
		"_app": h, "_app.extra": "more", "_tree.a.b": 5.0, "_tree.a.c": h, "_plain": obj("k", obj("l", 1.0)),
		"add":  datamodel.Func(func(a []datamodel.Value) (datamodel.Value, error) { return a[0].(float64) + a[1].(float64), nil }),
		"fail": datamodel.Func(func([]datamodel.Value) (datamodel.Value, error) { return nil, boom }),
		"bad":  datamodel.Func(func([]datamodel.Value) (datamodel.Value, error) { panic("oops") }),
	}})
	v.is("_app.n", 1.0).is("_app.extra", "more").is("_app.inner.id", "i1").is("_tree.a.b", 5.0).is("_tree.a.c.n", 1.0).is("_plain.k.l", 1.0).is("add(1, 2)", 3.0)
	v.holds("_app === _app", "_app.inner === _app.inner", "_tree.a.c.inner === _app.inner", "_app.none === undefined", "typeof _app.f === 'function'", "'n' in _app")
	v.is("_app.f(1, 'x', {a: [1]})", list(1.0, "x", obj("a", list(1.0)))).is("add.call(null, 2, 3)", 5.0)
	h.members["n"] = 2.0
	v.is("_app.n", 2.0).is("(function () { var k = []; for (var n in _app) k.push(n); return k.sort().join() })()", "extra,inner,n")
	v.assignFails("_app", "1").assignFails("_app.n", "1").assignFails("_app.fresh", "1").assignFails("_tree.a", "1").assignFails("add", "1")
	v.scriptFails("_app.n = 1", "_tree.fresh = 1", "_app = 1")
	_, err := v.evalErr("fail()")
	if !errors.Is(err, boom) {
		t.Errorf("%v does not wrap the host's error", err)
	}
	v.script("try { fail() } catch (e) { var message = e.message }").is("message", "host says no")
	_, err = v.evalErr("bad()")
	v.fails("panic of the host", err)
	v.is("add(1, 1)", 2.0)
	if calls != 1 {
		t.Error(calls)
	}
	// A value of the host kept in a variable is the same object after a restore.
	h2 := datamodel.Host{Globals: map[string]datamodel.Value{"_app": h, "_tree.a.c": h}}
	w := s.new(t, h2).declare("keep").assign("keep", "_app").restored(h2)
	w.holds("keep === _app").is("keep.n", 2.0)
	for _, name := range []string{"a b", "", "_event", "a..b"} {
		if _, err := s.lang.New(datamodel.Host{In: func(string) bool { return false }, Globals: map[string]datamodel.Value{name: 1.0}}); err == nil {
			t.Errorf("Globals %q is accepted", name)
		}
	}
}

func values(t *testing.T, s *suite) {
	v := s.new(t, datamodel.Host{})
	for _, value := range []datamodel.Value{nil, datamodel.Null{}, true, false, 0.0, math.Copysign(0, -1), 1.5, -3.0, math.NaN(), math.Inf(-1), 1e300, "", "text", "grün 😀", "a\x00b", noon,
		list(), list(nil, datamodel.Null{}), obj(), obj("b", 1.0, "a", list(obj("c", "d"))), obj("__proto__", obj("x", 1.0)), obj("constructor", 1.0, "toString", "s"), obj("1", "x", "0", "y"), obj("", 1.0), obj("grün", "x")} {
		v.set("x", value)
		got, err := v.m.Get("x")
		if o, ok := value.(*datamodel.Object); ok && o.Len() == 2 && o.Members()[0].Name == "1" {
			value = obj("0", "y", "1", "x") // keys that are indexes come in their order
			if !s.features.KeyOrder {
				continue
			}
		}
		if err != nil || !datamodel.Equal(got, value) {
			t.Errorf("%#v became %#v, %v", value, got, err)
		}
	}
	deep := datamodel.Value(1.0)
	for range 5000 {
		deep = list(deep)
	}
	v.fails("deep", v.m.Set("x", deep))
	v.script("var d = []; for (var i = 0; i < 5000; i++) d = [d]").exprFails("d")
	v.script("var e = [1]; for (i = 0; i < 40; i++) e = [e, e]").exprFails("e")
	v.is("1", 1.0)
}

func xmlData(t *testing.T, s *suite) {
	text := `<books xmlns="" xmlns:p="urn:p"><book title="title1"/> <p:book title="title2" p:n="1">a &amp; <b>c</b></p:book></books>`
	v := s.new(t, datamodel.Host{}).set("x", datamodel.XML{Text: text})
	v.holds("x.getElementsByTagName('book')[0].getAttribute('title') == 'title1'", "x.getElementsByTagName('p:book').length === 1", "x.getElementsByTagName('*').length === 4",
		"x.getElementsByTagNameNS('urn:p', 'book')[0].getAttribute('title') === 'title2'", "x.documentElement.nodeName === 'books'", "x.documentElement.tagName === 'books'",
		"x.documentElement === x.firstChild", "x.nodeType === 9", "x.documentElement.childNodes.length === 3", "x.documentElement.childNodes[1].nodeType === 3",
		"x.documentElement.childNodes.item(2).localName === 'book'", "x.documentElement.childNodes[2].prefix === 'p'", "x.documentElement.lastChild.namespaceURI === 'urn:p'",
		"x.documentElement.lastChild.textContent === 'a & c'", "x.documentElement.lastChild.firstChild.nodeValue === 'a & '", "x.documentElement.lastChild.attributes[0].name === 'title'",
		"x.documentElement.lastChild.attributes.getNamedItem('title').value === 'title2'", "x.documentElement.lastChild.getAttributeNS('urn:p', 'n') === '1'",
		"x.documentElement.firstChild.nextSibling.nextSibling === x.documentElement.lastChild", "x.documentElement.lastChild.previousSibling.nodeName === '#text'",
		"x.documentElement.parentNode === x", "x.parentNode === null", "x.documentElement.firstChild.hasAttribute('title')", "!x.documentElement.firstChild.hasChildNodes()",
		"x.documentElement.firstChild.getAttribute('none') === null", "x.documentElement.children.length === 2", "x.documentElement.ownerDocument === x", "x.none === undefined",
		"x.documentElement.firstElementChild.nodeValue === null")
	v.is("x", datamodel.XML{Text: text})
	v.is("x.getElementsByTagName('b')[0]", datamodel.XML{Text: `<b xmlns="" xmlns:p="urn:p">c</b>`})
	v.is("x.documentElement.childNodes[1]", " ").is("x.documentElement.lastChild.attributes", list("title2", "1"))
	if str, err := v.m.EvalString(v.compile(datamodel.ValueExpression, "x")); err != nil || str != text {
		t.Error(str, err)
	}
	v.assignFails("x.documentElement", "1").scriptFails("x.documentElement.nodeName = 'y'")
	v.fails("broken XML", v.m.Set("x", datamodel.XML{Text: "<a>"}))
	v.m.SetEvent(&datamodel.Event{Name: "e", Data: datamodel.XML{Text: "<r><i>5</i></r>"}})
	v.holds("_event.data.getElementsByTagName('i')[0].textContent == '5'", "_event.data === _event.data")
	v.script("var b0 = x.getElementsByTagName('book')[0], doc = x, all = x.getElementsByTagName('book')")
	r := v.restored(datamodel.Host{})
	r.holds("b0.getAttribute('title') === 'title1'", "doc === x", "b0.parentNode.parentNode === x", "all[0] === b0", "x.getElementsByTagName('book')[0] === b0")
}

func determinism(t *testing.T, s *suite) {
	now := noon
	v := s.new(t, datamodel.Host{Now: func() time.Time { return now }, Random: func() float64 { return 0.25 }})
	v.is("new Date().getTime()", float64(noon.UnixMilli())).is("Date.now()", float64(noon.UnixMilli())).is("Math.random()", 0.25).is("new Date()", noon)
	now = now.Add(time.Hour)
	v.is("Date.now()", float64(now.UnixMilli()))
	z := s.new(t, datamodel.Host{})
	z.is("Math.random()", 0.0).holds("Date.now() === Date.now()")
	for _, name := range []string{"require", "process", "console", "setTimeout", "fetch", "XMLHttpRequest", "window", "load", "print"} {
		z.holds("typeof " + name + " === 'undefined'")
	}
}

func limits(t *testing.T, s *suite) {
	small := datamodel.Limits{Time: 150 * time.Millisecond, CallDepth: 100, Memory: 32 << 20}
	for _, text := range []string{"while (true) {}", "function f() { f() } f()", "var s = 'x'; for (;;) s += s"} {
		v := s.new(t, datamodel.Host{Limits: small})
		v.m.BeginStep()
		err := v.scriptErr(text) // returns at all
		v.m.EndStep()
		if !errors.Is(err, datamodel.ErrLimit) {
			t.Errorf("%s: %v", text, err)
		}
		// The session is at its end.
		if _, err := v.m.Cond(v.compile(datamodel.ConditionalExpression, "true")); !errors.Is(err, datamodel.ErrLimit) {
			t.Errorf("after %s: %v", text, err)
		}
		if _, err := v.m.Snapshot(nil); err == nil {
			t.Errorf("after %s: a snapshot was made", text)
		}
	}
	// The limit is that of a macrostep, not of one evaluation.
	v := s.new(t, datamodel.Host{Limits: small})
	spin := v.compile(datamodel.Script, "for (var i = 0; i < 20000; i++) {}")
	v.m.BeginStep()
	for v.m.Exec(spin) == nil {
		// A macrostep that is not limited would go on for ever.
	}
	v.m.EndStep()
	// Long after the limit, a new macrostep has all of its time again.
	synctest.Test(t, func(t *testing.T) {
		v := s.new(t, datamodel.Host{Limits: small})
		for range 3 {
			v.m.BeginStep()
			v.script("for (var i = 0; i < 50; i++) {}")
			v.m.EndStep()
			v.script("1")
			time.Sleep(small.Time) // of the bubble
		}
	})
	// No limit at all.
	v = s.new(t, datamodel.Host{Limits: datamodel.Limits{Time: -1, CallDepth: -1, Memory: -1}})
	v.script("function f(n) { return n ? f(n - 1) + 1 : 0 } var depth = f(600)").is("depth", 600.0)
	v = s.new(t, datamodel.Host{})
	v.script("function f(n) { return n ? f(n - 1) + 1 : 0 } var depth = f(300)").is("depth", 300.0)
}

// sharing uses one program in many sessions at once.
func sharing(t *testing.T, s *suite) {
	probe := s.new(t, datamodel.Host{})
	inc, err := s.lang.CompileAssign(source(datamodel.LocationExpression, "n"), source(datamodel.ValueExpression, "n + step('x')"))
	if err != nil {
		t.Fatal(err)
	}
	fun := probe.compile(datamodel.Script, "function step(s) { return /x/.test(s) ? 1 : 2 }")
	cond := probe.compile(datamodel.ConditionalExpression, "n < 50 && _event.name === 'e'")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			m, err := s.lang.New(datamodel.Host{In: func(string) bool { return false }})
			if err == nil {
				err = errors.Join(m.Declare("n"), m.Set("n", 0.0), m.Exec(fun))
			}
			if err != nil {
				t.Error(err)
				return
			}
			for range 50 {
				m.BeginStep()
				m.SetEvent(&datamodel.Event{Name: "e"})
				if ok, err := m.Cond(cond); !ok || err != nil {
					t.Error(ok, err)
				}
				if err := m.Exec(inc); err != nil {
					t.Error(err)
				}
				m.EndStep()
			}
			if v, err := m.Get("n"); err != nil || v != 50.0 {
				t.Error(v, err)
			}
		})
	}
	wg.Wait()
}

// bubble runs a session within a synctest bubble, which fails by itself when a
// goroutine is left behind.
func bubble(t *testing.T, s *suite) {
	synctest.Test(t, func(t *testing.T) {
		v := s.new(t, datamodel.Host{Now: time.Now})
		begun := v.eval("Date.now()").(float64)
		for range 3 {
			v.m.BeginStep()
			v.script("var list = []; for (var i = 0; i < 1000; i++) list.push(i)").is("list.length", 1000.0)
			v.m.EndStep()
			time.Sleep(time.Hour)
		}
		if got := v.eval("Date.now()").(float64) - begun; got != 3*3600_000 {
			t.Error(got)
		}

		// Outside of macrosteps nothing goes on being watched.
		v = s.new(t, datamodel.Host{Limits: datamodel.Limits{Time: 50 * time.Millisecond}})
		v.script("var o = {get x() { return 1 }}, key = 'k'; o[key] = 2; function f() { return 1 }")
		for _, f := range []func(){
			func() { v.declare("fresh", "o") },
			func() { v.set("fresh", obj("a", noon)) },
			func() { v.is("o", obj("x", 1.0, "k", 2.0)) },
			func() { _, _ = v.m.Get("o"); _, _ = v.m.Get("none") },
			func() {
				_ = v.m.Assign(v.compile(datamodel.LocationExpression, "fresh"), 1.0)
				_ = v.m.Assign(v.compile(datamodel.LocationExpression, "none"), 1.0)
				_ = v.m.Assign(v.compile(datamodel.LocationExpression, "o.k"), list(1.0))
			},
			func() { v.holds("o.x === 1") },
			func() { _, _ = v.m.EvalString(v.compile(datamodel.ValueExpression, "o")) },
			func() { _, _ = v.m.Snapshot(nil) },
			func() { v.m.SetEvent(&datamodel.Event{Name: "e", Data: obj("x", 1.0)}) },
			func() {
				v.m.BeginStep()
				v.script("f()")
				v.m.EndStep()
			},
		} {
			f()
			time.Sleep(time.Hour)
			v.is("f()", 1.0)
		}
	})
}
