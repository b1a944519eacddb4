package otto

import (
	goruntime "runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
)

func BenchmarkGuard(b *testing.B) {
	s := start(b, datamodel.Limits{})
	s.SetEvent(&datamodel.Event{Name: "e", Data: datamodel.NewObject(datamodel.Member{Name: "x", Value: 4.0})})
	p, err := s.lang.Compile(datamodel.Source{Text: "_event.data.x > 3 && In('on')", Kind: datamodel.ConditionalExpression})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		s.BeginStep()
		ok, err := s.Cond(p)
		s.EndStep()
		if !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkAssign(b *testing.B) {
	for name, before := range map[string]string{"plain": "count = 0", "watched": "count = 0; function f() {}"} {
		b.Run(name, func(b *testing.B) {
			s := start(b, datamodel.Limits{})
			require.NoError(b, s.Declare("count"))
			require.NoError(b, s.exec("var "+before))
			p, err := s.lang.CompileAssign(datamodel.Source{Text: "count"}, datamodel.Source{Text: "count + 1"})
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				s.BeginStep()
				err := s.Exec(p)
				s.EndStep()
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEvent(b *testing.B) {
	s := start(b, datamodel.Limits{})
	ev := &datamodel.Event{Name: "e", Data: datamodel.NewObject(datamodel.Member{Name: "x", Value: 4.0})}
	p, err := s.lang.Compile(datamodel.Source{Text: "_event.name == 'e'", Kind: datamodel.ConditionalExpression})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		s.SetEvent(ev)
		if ok, err := s.Cond(p); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// BenchmarkSession reports the time and heap of a session, without hardened
// built-ins, with those of arrays, and with all.
func BenchmarkSession(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"plain", "var n = 1"}, {"arrays", "var n = [1, 2].map(String)"}, {"hardened", "var n = [1]; n[n[0]] = 2"},
	} {
		b.Run(c.name, func(b *testing.B) {
			lang := New(nil)
			p, err := lang.Compile(datamodel.Source{Text: c.text, Kind: datamodel.Script})
			require.NoError(b, err)
			var before, after goruntime.MemStats
			goruntime.GC()
			goruntime.ReadMemStats(&before)
			var all []datamodel.Model
			for b.Loop() {
				m, err := lang.New(datamodel.Host{In: func(string) bool { return false }})
				require.NoError(b, err)
				require.NoError(b, m.Exec(p))
				all = append(all, m)
			}
			goruntime.GC()
			goruntime.ReadMemStats(&after)
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(all)), "heap-B/session")
			goruntime.KeepAlive(all)
		})
	}
}
