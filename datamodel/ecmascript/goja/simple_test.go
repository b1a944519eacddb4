package goja

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/dop251/goja"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// engineOnly is the engine without closures.
type engineOnly struct{ *engine }

func (e engineOnly) Compile(u ecmascript.Unit) (ecmascript.Code, error) {
	c, err := e.engine.Compile(u)
	if c, ok := c.(*code); ok {
		c.cond, c.value, c.store = nil, nil, nil
	}
	return c, err
}

var simpleValues = []datamodel.Value{nil, datamodel.Null{}, true, false, 0.0, math.Copysign(0, -1), 1.0, -1.0, 255.0, 256.0, 1.5, math.NaN(), math.Inf(1), float64(1 << 53), -1e300,
	"", "a", "b", "10", "9", "1", "grün", "\xed\xa0\x80", "true", []datamodel.Value{1.0}, datamodel.NewObject(datamodel.Member{Name: "k", Value: 2.0})}

func randomExpr(r *rand.Rand, depth int) string {
	leaves := []string{"a", "b", "c", "o", "o.k", "o.s", "o.none", "o.deep.x", "_event.data.x", "_event.data.deep.y", "_event.name", "_event.data", "_event.none", "_sessionid", "1", "0", "-1", "2.5",
		"'a'", "''", "'10'", "true", "false", "null", "undefined", "nowhere", "NaN", "In('s1')", "In('s2')", "a.length", "o.k.x", "-0"}
	if depth == 0 || r.IntN(4) == 0 {
		return leaves[r.IntN(len(leaves))]
	}
	ops := []string{"<", ">", "<=", ">=", "==", "!=", "===", "!==", "+", "-", "*", "&&", "||"}
	switch r.IntN(8) {
	case 0:
		return "!(" + randomExpr(r, depth-1) + ")"
	case 1:
		return "(" + randomExpr(r, depth-1) + ")"
	}
	return "(" + randomExpr(r, depth-1) + ") " + ops[r.IntN(len(ops))] + " (" + randomExpr(r, depth-1) + ")"
}

// TestSimpleAgainstEngine evaluates random expressions as closures and in the
// engine, on the same data.
func TestSimpleAgainstEngine(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	fast, slow := New(nil), ecmascript.New(engineOnly{&engine{}}, nil)
	closures := 0
	for round := range 60 {
		pick := func() datamodel.Value { return simpleValues[r.IntN(len(simpleValues))] }
		data := map[string]datamodel.Value{"a": pick(), "b": pick(), "c": pick(), "o": datamodel.NewObject(datamodel.Member{Name: "k", Value: pick()},
			datamodel.Member{Name: "s", Value: "text"}, datamodel.Member{Name: "deep", Value: datamodel.NewObject(datamodel.Member{Name: "x", Value: pick()})})}
		ev := &datamodel.Event{Name: "e", Data: datamodel.NewObject(datamodel.Member{Name: "x", Value: pick()}, datamodel.Member{Name: "deep", Value: datamodel.NewObject(datamodel.Member{Name: "y", Value: pick()})})}
		if round%7 == 0 {
			ev.Data = pick()
		}
		var models []datamodel.Model
		for _, l := range []datamodel.Language{fast, slow} {
			m := newModel(t, l)
			for _, k := range []string{"a", "b", "c", "o"} {
				must(t, m.Declare(k))
				must(t, m.Set(k, data[k]))
			}
			if round%5 != 0 {
				m.SetEvent(ev)
			}
			if round%9 == 0 {
				must(t, m.Exec(mustCompile(t, l, datamodel.Script, "var o2 = Object.defineProperty(this, 'c', {get: function () { return 3 }, set: function () {}})")))
			}
			models = append(models, m)
		}
		for range 250 {
			text := randomExpr(r, 3)
			results := [2]string{}
			for i, l := range []datamodel.Language{fast, slow} {
				cond := mustCompile(t, l, datamodel.ConditionalExpression, text)
				ok, err := models[i].Cond(cond)
				value, err2 := models[i].Eval(mustCompile(t, l, datamodel.ValueExpression, text))
				store := models[i].Exec(mustAssign(t, l, "b", text))
				after, err3 := models[i].Get("b")
				statement, err4 := l.Compile(datamodel.Source{Text: "d = " + text, Statements: true})
				must(t, err4)
				sloppy, err4 := models[i].Eval(statement)
				results[i] = fmt.Sprintf("%v %v | %#v %v | %v | %#v %v | %#v %v", ok, err, canon(value), err2, store, canon(after), err3, canon(sloppy), err4)
			}
			if results[0] != results[1] {
				t.Fatalf("%s with %v, event %v:\nclosure %s\nengine  %s", text, data, ev.Data, results[0], results[1])
			}
			c, err := compile("", "("+text+"\n)", true)
			if err == nil && c.cond != nil {
				closures++
			}
		}
	}
	if closures < 2000 {
		t.Errorf("only %d expressions were closures", closures)
	}
}

func canon(v datamodel.Value) string { return string(datamodel.AppendValue(nil, v)) }

// TestSimpleForms names forms that have to run as closures.
func TestSimpleForms(t *testing.T) {
	for _, text := range []string{"n >= 0", "n", "!n", "_event.data.x === 'y'", "In('s1') && n < 10", "a.b.c == null", "n + 1 > m - 2", "_event.name == 'a'", "true"} {
		c, err := compile("", "("+text+"\n)", true)
		if err != nil || c.cond == nil {
			t.Errorf("%s: no closure, %v", text, err)
		}
	}
	for _, text := range []string{"n++", "f()", "a[i]", "n = 1", "n / 2", "new X", "In(n)", "x => 1"} {
		c, err := compile("", "("+text+"\n)", true)
		if err != nil || c.cond != nil {
			t.Errorf("%s: a closure, or %v", text, err)
		}
	}
	c, err := compile("", "(n\n) = (n + 1\n)", true)
	if err != nil || c.store == nil {
		t.Errorf("no closure for an assignment, %v", err)
	}
}

// TestClosuresBelongToNoRuntime shares one closure among goroutines.
func TestClosuresBelongToNoRuntime(t *testing.T) {
	l := New(nil)
	p := mustCompile(t, l, datamodel.ConditionalExpression, "s === 'grün' && n === 1000 && t !== 'ascii text that is rather long'")
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			m := newModel(t, l)
			must(t, m.Declare("s"))
			must(t, m.Declare("n"))
			must(t, m.Declare("t"))
			must(t, m.Set("s", "grün"))
			must(t, m.Set("n", 1000.0))
			must(t, m.Set("t", "x"))
			for range 100 {
				if ok, err := m.Cond(p); !ok || err != nil {
					t.Fatal(ok, err)
				}
			}
		})
	}
}

// TestBuiltinsStayUnmade checks that a plain session makes no built-ins.
func TestBuiltinsStayUnmade(t *testing.T) {
	l := New(nil)
	m := newModel(t, l)
	must(t, m.Declare("n"))
	must(t, m.Exec(mustAssign(t, l, "n", "[1, 2]")))
	must(t, m.Exec(mustCompile(t, l, datamodel.Script, "function f(a) { return a.x + 1 } var y = f({x: 2})")))
	_, err := m.Snapshot(nil)
	must(t, err)
	if a := analyzeText(t, "function f(a) { return a.x + 1 } var y = [1, 'a', true]; for (var i = 0; i < 3; i++) { y = i }"); a.limits != 0 || a.shapes || a.system != pauseBit {
		t.Errorf("%+v", a)
	}
}

func analyzeText(t *testing.T, text string) facts {
	t.Helper()
	c, err := compile("", text, false)
	if err != nil {
		t.Fatal(err)
	}
	return c.facts
}

// TestReplacements checks that each entry of the table does something, and that
// ordinary use of what it replaces works.
func TestReplacements(t *testing.T) {
	if len(replacements) > 64 {
		t.Fatal("more entries than bits")
	}
	r := &realm{vm: goja.New()}
	must(t, r.limit(allLimits))
	for _, text := range []string{
		"[3, 1, 2].sort().map(function (v) { return v * 2 }).join('-') === '2-4-6'", "[1, [2, [3]]].flat(Infinity).length === 3", "[].concat([1], 2, [[3]]).length === 3",
		"[...[1, 2]].length === 2", "new Array(3).length === 3", "Array(1, 2).length === 2", "Array.isArray([])", "[] instanceof Array", "[].constructor === Array",
		"Array.from('abc').join('') === 'abc'", "Array.of(1, 2).length === 2", "JSON.stringify({a: [1, {b: 'x'}]}) === '{\"a\":[1,{\"b\":\"x\"}]}'", "JSON.parse('{\"a\":[\"]\"]}').a[0] === ']'",
		"'ab'.repeat(2) === 'abab'", "'a'.padStart(3, '-') === '--a'", "'a'.padEnd(2) === 'a '", "'a'.concat('b', 1) === 'ab1'", "'aXa'.replace(/a/g, 'b') === 'bXb'",
		"'aa'.replaceAll('a', 'b') === 'bb'", "'a,b'.split(',').length === 2", "'abc'.match(/b/)[0] === 'b'", "'abc'.search('c') === 2", "new RegExp('a+', 'g').test('aa')", "RegExp('a') instanceof RegExp",
		"/a{3}/.test('aaa')", "String.raw`a\\n` === 'a\\\\n'", "Math.max.apply(null, [1, 3, 2]) === 3", "Reflect.apply(Math.max, null, [1, 2]) === 2", "Reflect.construct(Date, [0]).getTime() === 0",
		"new ArrayBuffer(8).byteLength === 8", "new Uint8Array([1, 2]).length === 2", "new Float64Array(4).length === 4", "typeof BigInt === 'undefined'", "eval('1 + 1') === 2",
		"new Function('a', 'b', 'return a + b')(1, 2) === 3", "Function('return 5')() === 5", "(function () {}).constructor === Function", "(function () {}) instanceof Function",
		"[...(function* () { yield 1; yield 2 })()].length === 2", "new Map([[1, 2]]).get(1) === 2", "Object.fromEntries([['a', 1]]).a === 1", "String([1, [2]]) === '1,2'",
		"[].map.name === 'map' && [].concat.length === 1", "class extends Array {}.from([1]).length === 1", "var a = [1]; a.a = a; [a, a].join.call([1, 2], '') === '12'",
		"[1, 2, 3].indexOf(2) === 1", "Array.prototype.slice.call({0: 'x', length: 1})[0] === 'x'", "Object.keys(Array.prototype).length === 0",
	} {
		v, err := r.vm.RunString(text)
		if err != nil {
			if v, err = r.vm.RunString("(" + text + ")"); err != nil {
				t.Errorf("%s: %v", text, err)
				continue
			}
		}
		if !v.ToBoolean() {
			t.Errorf("%s is not true", text)
		}
	}
}

func FuzzCompileAndRun(f *testing.F) {
	for _, s := range []string{"n >= 0", "a.b = 1", "var f = function (x) { return x * n }", "`${a}`", "for (let i of [1]) {}", "/(a)/g", "({get x() { return 1 }})", "class A { #p = 1 }", "a?.b ?? c"} {
		f.Add(s)
	}
	l := New(nil)
	f.Fuzz(func(t *testing.T, text string) {
		hang := time.AfterFunc(8*time.Second, func() { panic(fmt.Sprintf("%q hangs", text)) })
		defer hang.Stop()
		m, err := l.New(datamodel.Host{In: func(string) bool { return false }, Limits: datamodel.Limits{Time: 100e6, Memory: 32 << 20, CallDepth: 100}})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []datamodel.Kind{datamodel.ValueExpression, datamodel.ConditionalExpression, datamodel.LocationExpression, datamodel.Script} {
			p, err := l.Compile(datamodel.Source{Text: text, Kind: k})
			if err != nil {
				continue
			}
			switch k {
			case datamodel.ConditionalExpression:
				_, _ = m.Cond(p)
			case datamodel.LocationExpression:
				_ = m.Assign(p, "x")
			case datamodel.Script:
				_ = m.Exec(p)
			default:
				_, _ = m.Eval(p)
			}
		}
		snap, err := m.Snapshot(nil)
		if err != nil {
			return
		}
		again, err := l.New(datamodel.Host{In: func(string) bool { return false }})
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Restore(snap); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if second, err := again.Snapshot(nil); err != nil || string(second) != string(snap) {
			t.Fatalf("%q: %v\n%q\n%q", text, err, snap, second)
		}
	})
}
