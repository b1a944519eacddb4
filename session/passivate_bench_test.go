package session_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// fill makes a file with sessions of a chart that are out of memory, and returns the
// engine that has it and their ids.
func fill(b *testing.B, chart string, sessions int, opts session.Options) (*session.Engine, []string) {
	b.Helper()
	dir, err := os.MkdirTemp(os.Getenv("ORS_BENCH_DIR"), "ors")
	require.NoError(b, err)
	store, err := boltstore.Open(filepath.Join(dir, "sessions.db"), nil)
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, store.Close())
		require.NoError(b, os.RemoveAll(dir))
	})
	doc := benchChart(b, chart)
	opts.Store = store
	opts.MaxSessions = 2 * sessions
	opts.Parse.Languages = []datamodel.Language{goja.New(nil)}
	e := benchEngine(b, &opts)
	ctx := context.Background()
	_, err = e.Recover(ctx)
	require.NoError(b, err)
	ids := make([]string, sessions)
	inParallel(sessions, func(i int) {
		id, err := e.Start(ctx, session.StartRequest{Document: doc})
		if err != nil {
			b.Error(err)
		}
		ids[i] = id
	})
	require.NoError(b, e.Settle(ctx))
	return e, ids
}

// inParallel calls f with 0 to n-1, many at a time, since each waits for the disk.
func inParallel(n int, f func(i int)) {
	const lanes = 500
	var all sync.WaitGroup
	for lane := range lanes {
		all.Go(func() {
			for i := lane; i < n; i += lanes {
				f(i)
			}
		})
	}
	all.Wait()
}

// passive are the sessions of the benchmarks below: one without data, and one with
// ECMAScript data on goja.
var passive = []struct {
	name, chart string
	event       *scxml.Event
}{
	{"null", "pingpong.null.scxml", &scxml.Event{Name: "t"}},
	{"goja", "session.scxml", &scxml.Event{Name: "add", Data: addition}},
}

// BenchmarkPassive has sessions in a file and not in memory: bytes/session is the heap
// that each holds, wakes/s how many a second come back for an event, handle it, are
// committed and leave again.
func BenchmarkPassive(b *testing.B) { benchPassive(b, 20_000) }

// BenchmarkPassiveMillion is BenchmarkPassive with a million sessions.
func BenchmarkPassiveMillion(b *testing.B) { benchPassive(b, 1_000_000) }

func benchPassive(b *testing.B, sessions int) {
	for _, p := range passive {
		b.Run(p.name, func(b *testing.B) {
			ctx := context.Background()
			before := heapBytes()
			e, ids := fill(b, p.chart, sessions, session.Options{Resident: -1})
			heap := (heapBytes() - before) / float64(sessions)
			require.Equal(b, sessions, e.Len())
			next := 0
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				const batch = 10_000
				inParallel(batch, func(i int) {
					if err := e.Send(ctx, ids[(next+i)%sessions], p.event); err != nil {
						b.Error(err)
					}
				})
				next += batch
				require.NoError(b, e.Settle(ctx))
			}
			b.ReportMetric(heap, "bytes/session")
			b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "wakes/s")
		})
	}
}

// BenchmarkLoad is what it takes to bring sessions back, alone: they are loaded and
// leave again.
func BenchmarkLoad(b *testing.B) {
	for _, p := range passive {
		b.Run(p.name, func(b *testing.B) {
			e, ids := fill(b, p.chart, 20_000, session.Options{Resident: -1})
			next := 0
			for b.Loop() {
				for i := range 10_000 {
					session.Wake(e, ids[(next+i)%len(ids)])
				}
				next += 10_000
				require.NoError(b, e.Settle(context.Background()))
			}
			b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "wakes/s")
		})
	}
}

// BenchmarkRecover takes over a file with 100,000 sessions, a delayed send pending in
// each: recover-s until Recover returns, first-ms from then until an event has been
// handled.
func BenchmarkRecover(b *testing.B) {
	for _, due := range []bool{false, true} {
		b.Run(fmt.Sprintf("due=%v", due), func(b *testing.B) {
			ctx := context.Background()
			dir, err := os.MkdirTemp(os.Getenv("ORS_BENCH_DIR"), "ors")
			require.NoError(b, err)
			defer os.RemoveAll(dir)
			store, err := boltstore.Open(filepath.Join(dir, "sessions.db"), nil)
			require.NoError(b, err)
			defer store.Close()
			doc, err := scxml.Parse(ctx, []byte(chart(`<state id="a"><onentry><send event="late" delay="3600s"/></onentry><transition event="go" target="b"/></state><state id="b"/>`)), nil)
			require.NoError(b, err)
			e := recoverEngine(b, store, session.NewVirtualClock(noon))
			ids := make([]string, 100_000)
			inParallel(len(ids), func(i int) {
				ids[i], err = e.Start(ctx, session.StartRequest{Document: doc})
				if err != nil {
					b.Error(err)
				}
			})
			require.NoError(b, e.Settle(ctx))
			require.NoError(b, e.Shutdown(ctx))
			now := noon
			if due {
				now = now.Add(2 * time.Hour)
			}
			for b.Loop() {
				began := time.Now()
				e := recoverEngine(b, store, session.NewVirtualClock(now))
				b.ReportMetric(time.Since(began).Seconds(), "recover-s")
				began = time.Now()
				require.NoError(b, e.Send(ctx, ids[77], &scxml.Event{Name: "go"}))
				for {
					st, err := e.Query(ctx, ids[77])
					require.NoError(b, err)
					if len(st.Active) > 0 && st.Active[0] == "b" {
						break
					}
				}
				b.ReportMetric(float64(time.Since(began).Milliseconds()), "first-ms")
				require.NoError(b, e.Settle(ctx))
				b.ReportMetric(time.Since(began).Seconds(), "all-s")
				require.NoError(b, e.Shutdown(ctx))
			}
		})
	}
}

func recoverEngine(b *testing.B, store persistence.Store, clock session.Clock) *session.Engine {
	e := benchEngine(b, &session.Options{Store: store, Clock: clock, Lease: 10000 * time.Hour, IdleTime: -1})
	_, err := e.Recover(context.Background())
	require.NoError(b, err)
	return e
}
