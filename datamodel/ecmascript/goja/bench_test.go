package goja

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-ff723688/ors/datamodel"
)

func mustCompile(b testing.TB, l datamodel.Language, kind datamodel.Kind, text string) datamodel.Program {
	b.Helper()
	p, err := l.Compile(datamodel.Source{Text: text, Kind: kind, File: "b.scxml", Line: 1, Column: 1})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func mustAssign(b testing.TB, l datamodel.Language, location, expr string) datamodel.Program {
	b.Helper()
	p, err := l.CompileAssign(datamodel.Source{Text: location}, datamodel.Source{Text: expr})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func newModel(b testing.TB, l datamodel.Language) datamodel.Model {
	b.Helper()
	m, err := l.New(datamodel.Host{SessionID: "s", Name: "n", In: func(s string) bool { return s == "s1" }})
	if err != nil {
		b.Fatal(err)
	}
	return m
}

func must(b testing.TB, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

var event = &datamodel.Event{Name: "t", Data: datamodel.NewObject(datamodel.Member{Name: "x", Value: 5.0}, datamodel.Member{Name: "name", Value: "abc"})}

func BenchmarkGuard(b *testing.B) {
	for _, bc := range []struct{ name, text string }{
		{"simple", "n >= 0"},
		{"In", "n >= 0 && In('s1')"},
		{"event", "_event.data.x > 3 && In('s1')"},
		{"engine", "(n | 0) >= 0"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			l := New(nil)
			m := newModel(b, l)
			must(b, m.Declare("n"))
			must(b, m.Set("n", 1.0))
			p := mustCompile(b, l, datamodel.ConditionalExpression, bc.text)
			m.SetEvent(event)
			b.ReportAllocs()
			m.BeginStep()
			for b.Loop() {
				ok, err := m.Cond(p)
				if !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
			m.EndStep()
		})
	}
}

func BenchmarkAssign(b *testing.B) {
	for _, bc := range []struct{ name, location, expr string }{
		{"simple", "n", "n + 1"},
		{"engine", "o.n", "o.n + 1"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			l := New(nil)
			m := newModel(b, l)
			must(b, m.Declare("n"))
			must(b, m.Declare("o"))
			must(b, m.Set("n", 0.0))
			must(b, m.Set("o", datamodel.NewObject(datamodel.Member{Name: "n", Value: 0.0})))
			p := mustAssign(b, l, bc.location, bc.expr)
			b.ReportAllocs()
			m.BeginStep()
			for b.Loop() {
				must(b, m.Exec(p))
			}
			m.EndStep()
		})
	}
}

// BenchmarkGuardAssignStep is what an event of a chart with a guard and an
// assignment costs in the data model.
func BenchmarkGuardAssignStep(b *testing.B) {
	for _, bc := range []struct{ name, cond, expr string }{
		{"simple", "n >= 0", "n + 1"},
		{"engine", "(n | 0) >= 0", "(n | 0) + 1"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			l := New(nil)
			m := newModel(b, l)
			must(b, m.Declare("n"))
			must(b, m.Set("n", 0.0))
			cond := mustCompile(b, l, datamodel.ConditionalExpression, bc.cond)
			assign := mustAssign(b, l, "n", bc.expr)
			b.ReportAllocs()
			for b.Loop() {
				m.BeginStep()
				m.SetEvent(event)
				if ok, err := m.Cond(cond); !ok || err != nil {
					b.Fatal(ok, err)
				}
				must(b, m.Exec(assign))
				m.EndStep()
			}
		})
	}
}

func BenchmarkSetEventRead(b *testing.B) {
	l := New(nil)
	m := newModel(b, l)
	p := mustCompile(b, l, datamodel.ConditionalExpression, "_event.data.name === 'abc'")
	b.ReportAllocs()
	for b.Loop() {
		m.BeginStep()
		m.SetEvent(event)
		if ok, err := m.Cond(p); !ok || err != nil {
			b.Fatal(ok, err)
		}
		m.EndStep()
	}
}

// BenchmarkNewModel makes sessions with three data items, evaluates a guard and
// an assignment in each, and reports the heap that one keeps.
func BenchmarkNewModel(b *testing.B) {
	l := New(nil)
	list := mustCompile(b, l, datamodel.ValueExpression, "[]")
	_ = list
	init := []datamodel.Program{mustAssign(b, l, "id", "0"), mustAssign(b, l, "total", "0"), mustAssign(b, l, "items", "[]")}
	assign := mustAssign(b, l, "total", "total + _event.data.x")
	cond := mustCompile(b, l, datamodel.ConditionalExpression, "total < 1000")
	var keep []datamodel.Model
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ReportAllocs()
	for b.Loop() {
		m := newModel(b, l)
		for _, id := range []string{"id", "total", "items"} {
			must(b, m.Declare(id))
		}
		m.BeginStep()
		for _, p := range init {
			must(b, m.Exec(p))
		}
		m.SetEvent(event)
		must(b, m.Exec(assign))
		if _, err := m.Cond(cond); err != nil {
			b.Fatal(err)
		}
		m.EndStep()
		keep = append(keep, m)
	}
	b.StopTimer()
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(keep)), "heap-B/session")
	runtime.KeepAlive(keep)
}

func BenchmarkSnapshot(b *testing.B) {
	l := New(nil)
	m := newModel(b, l)
	must(b, m.Exec(mustCompile(b, l, datamodel.Script,
		`var a = 1, b = 'text', c = [1, 2, 3, 'x'], d = {k: 'v', n: null, o: {p: true}}, e = 2.5, f = true, g = null, h = [], i = {}, j = 'another text';`)))
	snap, err := m.Snapshot(nil)
	must(b, err)
	b.Run("save", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			if buf, err = m.Snapshot(buf[:0]); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(snap)), "bytes")
	})
	b.Run("restore", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(b, newModel(b, l).Restore(snap))
		}
	})
}

// BenchmarkSnapshotFunctions saves and restores a session whose document has a
// library of 100 functions.
func BenchmarkSnapshotFunctions(b *testing.B) {
	l := New(nil)
	var library strings.Builder
	for i := range 100 {
		fmt.Fprintf(&library, "function lib%d(a, b) { var sum = 0; for (var i = 0; i < a.length; i++) { if (a[i].price > b) { sum += a[i].price * %d } } return sum }\n", i, i)
	}
	m := newModel(b, l)
	document := mustCompile(b, l, datamodel.Script, library.String())
	must(b, m.Exec(document))
	snap, err := m.Snapshot(nil)
	must(b, err)
	b.Run("save", func(b *testing.B) {
		var buf []byte
		for b.Loop() {
			if buf, err = m.Snapshot(buf[:0]); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(snap)), "bytes")
	})
	b.Run("restore", func(b *testing.B) {
		for b.Loop() {
			must(b, newModel(b, l).Restore(snap))
		}
	})
	runtime.KeepAlive(document)
}

// BenchmarkSnapshotFirst is the first snapshot of a session that has come back from
// one, as when a session out of memory takes an event.
func BenchmarkSnapshotFirst(b *testing.B) {
	l := New(nil)
	m := newModel(b, l)
	must(b, m.Exec(mustCompile(b, l, datamodel.Script,
		`var a = 1, b = 'text', c = [1, 2, 3, 'x'], d = {k: 'v', n: null, o: {p: true}}, e = 2.5, f = true, g = null, h = [], i = {}, j = 'another text';`)))
	snap, err := m.Snapshot(nil)
	must(b, err)
	assign := mustAssign(b, l, "a", "a + _event.data.x")
	b.ReportAllocs()
	buf := make([]byte, 0, 1024)
	for b.Loop() {
		m := newModel(b, l)
		must(b, m.Restore(snap))
		m.BeginStep()
		m.SetEvent(event)
		must(b, m.Exec(assign))
		m.EndStep()
		if buf, err = m.Snapshot(buf[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
