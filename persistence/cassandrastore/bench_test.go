package cassandrastore

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/storetest"
)

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, open(startServer(b), Options{}))
}

// BenchmarkRatio runs, in turn, commits of 64 sessions through a Store and a bare loop of one lightweight
// transaction on a partition that writes the same bytes, over the same connections. It reports
// each as commits a second with its 99th percentile, and the ratios; medians of five rounds.
//
//	cd persistence/cassandrastore && go test -run '^$' -bench Ratio -benchtime 1x .
func BenchmarkRatio(b *testing.B) {
	const callers, n = 64, 2000
	s, err := Open(b.Context(), []string{startServer(b).address()}, options(Options{}))
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	for b.Loop() {
		var store, bare, storeP99, bareP99 []float64
		for round := range 6 {
			rate, p99 := measure(b, callers, n, storeStep(b, s, callers, round))
			bareRate, bareLast := measure(b, callers, n, bareStep(b, s, callers, round))
			if round == 0 {
				continue // the server warms up
			}
			store, storeP99 = append(store, rate), append(storeP99, p99)
			bare, bareP99 = append(bare, bareRate), append(bareP99, bareLast)
		}
		b.ReportMetric(median(store), "store/s")
		b.ReportMetric(median(bare), "bare/s")
		b.ReportMetric(median(store)/median(bare), "store/bare")
		b.ReportMetric(median(storeP99)*1e3, "p99-ms")
		b.ReportMetric(median(storeP99)/median(bareP99), "p99/p99")
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// measure returns calls a second and the 99th percentile of a call, in seconds.
func measure(b *testing.B, callers, n int, step func(caller int) error) (rate, p99 float64) {
	times := make([][]time.Duration, callers)
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				start := time.Now()
				if err := step(i); err != nil {
					b.Error(err)
					return
				}
				times[i] = append(times[i], time.Since(start))
			}
		})
	}
	wg.Wait()
	rate = float64(n) / time.Since(begin).Seconds()
	all := slices.Concat(times...)
	slices.Sort(all)
	return rate, all[len(all)*99/100].Seconds()
}

var (
	snapshot = make([]byte, 4096)
	small    = make([]byte, 200)
)

func storeStep(b *testing.B, s *Store, sessions, round int) func(int) error {
	leases, err := s.Acquire(b.Context(), "owner", time.Hour, 0)
	require.NoError(b, err)
	name := func(i int) string { return fmt.Sprintf("%09d%020d000", round, i) }
	for i := range sessions {
		require.NoError(b, s.Create(b.Context(), leases[0].Epoch, &persistence.Session{ID: name(i), Snapshot: snapshot}))
	}
	revs := make([]uint64, sessions)
	return func(i int) error {
		revs[i]++
		rev := revs[i]
		c := &persistence.Commit{
			ID: name(i), Rev: rev, Snapshot: snapshot,
			Confirmed: []string{fmt.Sprint(rev - 1)}, Effects: []persistence.Effect{{ID: fmt.Sprint(rev), Data: small}},
		}
		if rev%2 == 0 {
			c.ClearTimers = []string{"timer"}
		} else {
			c.SetTimers = []persistence.Timer{{ID: "timer", At: time.UnixMilli(int64(rev)), Data: small}}
		}
		return s.Commit(b.Context(), leases[0].Epoch, c)
	}
}

// bareStep writes the same bytes in one conditional update, and reads nothing.
func bareStep(b *testing.B, s *Store, sessions, round int) func(int) error {
	vers := make([]int64, sessions)
	table := `"` + s.opts.Keyspace + `".session`
	create := `INSERT INTO ` + table + ` (store, id, kind, n, name, ver) VALUES ('bare', ?, 0, 0, '', 0)`
	update := `UPDATE ` + table + ` SET ver = ?, rev = ?, snapshot = ?, outbox = ?, timer_set = ? WHERE store = 'bare' AND id = ? AND kind = 0 AND n = 0 AND name = '' IF ver = ?`
	name := func(i int) string { return fmt.Sprintf("%s%d-%d", s.opts.Cluster, round, i) }
	for i := range sessions {
		require.NoError(b, s.put(b.Context(), create, name(i)))
	}
	return func(i int) error {
		ver := vers[i]
		vers[i]++
		applied, err := s.session.Query(update, ver+1, ver, snapshot, small, small, name(i), ver).Consistency(s.write).
			MapScanCASContext(b.Context(), make(map[string]any))
		if err == nil && !applied {
			err = fmt.Errorf("not applied")
		}
		return err
	}
}
