package session_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

func benchChart(b *testing.B, name string) *scxml.Document {
	b.Helper()
	source, err := os.ReadFile(filepath.Join("..", "scxml", "testdata", "bench", name))
	require.NoError(b, err)
	doc, err := scxml.Parse(context.Background(), source, &scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}})
	require.NoError(b, err)
	return doc
}

func benchEngine(b *testing.B, opts *session.Options) *session.Engine {
	b.Helper()
	e, err := session.New(opts)
	require.NoError(b, err)
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(b, e.Shutdown(ctx))
	})
	return e
}

// BenchmarkSendEvent measures events through an engine, from Send to the end of
// the macrostep. "machine" is the same chart without an engine, for comparison.
func BenchmarkSendEvent(b *testing.B) {
	ctx := context.Background()
	for _, name := range []string{"pingpong.null.scxml", "guarded.scxml"} {
		doc := benchChart(b, name)
		ev := &scxml.Event{Name: "t"}
		b.Run(name+"/machine", func(b *testing.B) {
			m, err := scxml.NewMachine(doc, nil)
			require.NoError(b, err)
			_, err = m.Start()
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Handle(ev); err != nil {
					b.Fatal(err)
				}
			}
		})
		for _, sessions := range []int{1, 1000} {
			b.Run(fmt.Sprintf("%s/sessions=%d", name, sessions), func(b *testing.B) {
				e := benchEngine(b, nil)
				ids := make([]string, sessions)
				for i := range ids {
					id, err := e.Start(ctx, session.StartRequest{Document: doc})
					require.NoError(b, err)
					ids[i] = id
				}
				require.NoError(b, e.Settle(ctx))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					for {
						err := e.Send(ctx, ids[i%sessions], ev)
						if err == nil {
							break
						}
						if !errors.Is(err, session.ErrInboxFull) {
							b.Fatal(err)
						}
						runtime.Gosched()
					}
				}
				require.NoError(b, e.Settle(ctx))
			})
		}
	}
}

// BenchmarkStoredEvent is BenchmarkSendEvent with a store in memory: what the
// writing itself costs, without a disk.
func BenchmarkStoredEvent(b *testing.B) {
	ctx := context.Background()
	doc := benchChart(b, "guarded.scxml")
	store, err := memstore.New(nil)
	require.NoError(b, err)
	e := benchEngine(b, &session.Options{Store: store, Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}})
	_, err = e.Recover(ctx)
	require.NoError(b, err)
	var ids []string
	for range 100 {
		id, err := e.Start(ctx, session.StartRequest{Document: doc})
		require.NoError(b, err)
		ids = append(ids, id)
	}
	require.NoError(b, e.Settle(ctx))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		err := e.Send(ctx, ids[i%len(ids)], &scxml.Event{Name: "e"})
		for errors.Is(err, session.ErrInboxFull) {
			require.NoError(b, e.Settle(ctx))
			err = e.Send(ctx, ids[i%len(ids)], &scxml.Event{Name: "e"})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, e.Settle(ctx))
}

// BenchmarkStart measures starting a session and running its initial macrostep,
// and ending it.
func BenchmarkStart(b *testing.B) {
	ctx := context.Background()
	for _, name := range []string{"pingpong.null.scxml", "session.scxml"} {
		b.Run(name, func(b *testing.B) {
			doc := benchChart(b, name)
			e := benchEngine(b, nil)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := e.Start(ctx, session.StartRequest{Document: doc}); err != nil {
					b.Fatal(err)
				}
				if i%1000 == 999 {
					require.NoError(b, e.Settle(ctx))
					b.StopTimer()
					stopAll(b, e)
					b.StartTimer()
				}
			}
			require.NoError(b, e.Settle(ctx))
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sessions/s")
			b.StopTimer()
			stopAll(b, e)
		})
	}
}

func stopAll(b *testing.B, e *session.Engine) {
	b.Helper()
	ctx := context.Background()
	require.NoError(b, e.Settle(ctx))
	for _, i := range e.Sessions() {
		require.NoError(b, e.Terminate(ctx, i.ID))
	}
	require.NoError(b, e.Settle(ctx))
}

// BenchmarkLiveSessions keeps 100,000 sessions alive at once. bytes/session is
// the heap that one of them holds; sessions/s counts start and, for the
// ECMAScript chart, one event that assigns.
func BenchmarkLiveSessions(b *testing.B) {
	const sessions = 100_000
	ctx := context.Background()
	for _, name := range []string{"pingpong.null.scxml", "session.scxml"} {
		b.Run(name, func(b *testing.B) {
			doc := benchChart(b, name)
			for b.Loop() {
				b.StopTimer()
				e, err := session.New(&session.Options{Inbox: 10})
				require.NoError(b, err)
				before := heapBytes()
				b.StartTimer()
				began := time.Now()
				for range sessions {
					id, err := e.Start(ctx, session.StartRequest{Document: doc})
					if err != nil {
						b.Fatal(err)
					}
					if name == "session.scxml" {
						if err := e.Send(ctx, id, &scxml.Event{Name: "add", Data: addition}); err != nil {
							b.Fatal(err)
						}
					}
				}
				require.NoError(b, e.Settle(ctx))
				took := time.Since(began)
				b.StopTimer()
				require.Equal(b, sessions, e.Len())
				b.ReportMetric((heapBytes()-before)/sessions, "bytes/session")
				b.ReportMetric(sessions/took.Seconds(), "sessions/s")
				stop, cancel := context.WithTimeout(ctx, 2*time.Minute)
				require.NoError(b, e.Shutdown(stop))
				cancel()
				b.StartTimer()
			}
		})
	}
}

var addition = map[string]any{"price": 12}

func heapBytes() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkTimers starts and cancels a delayed send while 100,000 others are
// pending.
func BenchmarkTimers(b *testing.B) {
	ctx := context.Background()
	doc, err := scxml.Parse(ctx, []byte(chart(`<state id="a"><onentry><send event="late" delay="3600s" id="t"/></onentry>
		<onexit><cancel sendid="t"/></onexit><transition event="e" target="a"/></state>`)), nil)
	require.NoError(b, err)
	e := benchEngine(b, nil)
	var id string
	for range 100_000 {
		id, err = e.Start(ctx, session.StartRequest{Document: doc})
		require.NoError(b, err)
	}
	require.NoError(b, e.Settle(ctx))
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Send(ctx, id, &scxml.Event{Name: "e"}); errors.Is(err, session.ErrInboxFull) {
			require.NoError(b, e.Settle(ctx))
		} else if err != nil {
			b.Fatal(err)
		}
	}
	require.NoError(b, e.Settle(ctx))
}
