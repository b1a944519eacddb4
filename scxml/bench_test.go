package scxml_test

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// The charts of testdata/bench, on which other engines have been measured, one
// external event "t" per macrostep.
//
//	go test -bench Event -benchmem ./scxml
func BenchmarkEvent(b *testing.B) {
	for _, chart := range []string{"pingpong", "ring500", "deep10", "deep10up", "par10", "par10one"} {
		b.Run(chart+"/null", func(b *testing.B) { benchmarkEvents(b, chart+".null", nil) })
	}
	for _, language := range languages() {
		for _, chart := range []string{"pingpong", "guarded"} {
			b.Run(chart+"/"+language.engine, func(b *testing.B) { benchmarkEvents(b, chart, language.Language) })
		}
	}
}

func readChart(t testing.TB, name string) string {
	source, err := os.ReadFile("testdata/bench/" + name + ".scxml")
	require.NoError(t, err)
	return string(source)
}

func benchmarkEvents(b *testing.B, chart string, language datamodel.Language) {
	m, err := scxml.NewMachine(parse(b, readChart(b, chart), language), nil)
	require.NoError(b, err)
	_, err = m.Start()
	require.NoError(b, err)
	ev := &scxml.Event{Name: "t"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Handle(ev); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkMachine makes and starts sessions of session.scxml, each with one
// event, and keeps them all.
func BenchmarkMachine(b *testing.B) {
	for _, language := range languages() {
		b.Run("session/"+language.engine, func(b *testing.B) {
			doc := parse(b, readChart(b, "session"), language.Language)
			add := &scxml.Event{Name: "add", Data: datamodel.NewObject(datamodel.Member{Name: "price", Value: 3.0})}
			var alive []*scxml.Machine
			before := heap()
			b.ReportAllocs()
			for b.Loop() {
				m, err := scxml.NewMachine(doc, nil)
				if err == nil {
					_, err = m.Start()
				}
				if err == nil {
					_, err = m.Handle(add)
				}
				if err != nil {
					b.Fatal(err)
				}
				alive = append(alive, m)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sessions/s")
			b.ReportMetric(float64(heap()-before)/float64(len(alive)), "heap-bytes/session")
			runtime.KeepAlive(alive)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// BenchmarkParse loads documents.
func BenchmarkParse(b *testing.B) {
	for _, language := range languages() {
		for _, chart := range []string{"session", "ring500"} {
			source := readChart(b, chart)
			b.Run(chart+"/"+language.engine, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(source)))
				for b.Loop() {
					parse(b, source, language.Language)
				}
			})
		}
	}
}

// TestEventAllocations holds the promise that an event of a null-model chart
// allocates nothing.
func TestEventAllocations(t *testing.T) {
	if raceEnabled {
		t.Log("the race detector makes sync.Pool drop items at random: the count is not checked")
		return
	}
	for _, chart := range []string{"pingpong", "ring500", "deep10", "deep10up", "par10", "par10one"} {
		m, err := scxml.NewMachine(parse(t, readChart(t, chart+".null"), nil), nil)
		require.NoError(t, err)
		_, err = m.Start()
		require.NoError(t, err)
		before := strings.Join(m.Active(), " ")
		ev := &scxml.Event{Name: "t"}
		allocs := testing.AllocsPerRun(1001, func() {
			if _, err := m.Handle(ev); err != nil {
				t.Error(err)
			}
		})
		require.Zero(t, allocs, chart)
		if chart == "pingpong" {
			require.Equal(t, before, strings.Join(m.Active(), " "), "1,002 events swap the two states an even number of times")
		}
	}
}
