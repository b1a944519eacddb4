package redisstore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
)

// BenchmarkRatio runs, in turn, commits of 512 sessions through a Store and a bare loop of one
// script call that writes the same bytes, both over the same server and the same number of
// connections. It reports each as commits a second with its 99th percentile, and the ratios; medians
// of five rounds.
//
//	cd persistence/redisstore && go test -run '^$' -bench Ratio -benchtime 1x .
func BenchmarkRatio(b *testing.B) {
	const callers, n = 512, 20_000
	server := startServer(b, appendOnly...)
	s, err := Open(b.Context(), []string{server.address}, nil)
	require.NoError(b, err)
	defer func() { require.NoError(b, s.Close()) }()
	for b.Loop() {
		var store, bare, storeP99, bareP99 []float64
		for round := range 5 {
			rate, p99 := measure(b, callers, n, storeStep(b, s, callers, round))
			store, storeP99 = append(store, rate), append(storeP99, p99)
			rate, p99 = measure(b, callers, n, bareStep(s, round))
			bare, bareP99 = append(bare, rate), append(bareP99, p99)
		}
		b.ReportMetric(median(store), "store/s")
		b.ReportMetric(median(bare), "bare/s")
		b.ReportMetric(median(store)/median(bare), "store/bare")
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

// bareStep writes the same bytes with the commands that such a commit needs at least.
func bareStep(s *Store, round int) func(int) error {
	l := script(header + `
redis.call('HSET', KEYS[1], 'snapshot', ARGV[1])
redis.call('HSET', KEYS[1], 'effect', ARGV[2])
redis.call('HSET', KEYS[1], 'timer', ARGV[2])
redis.call('ZADD', KEYS[2], 1, KEYS[1])
return {'OK'}
`)
	args := []string{rueidis.BinaryString(snapshot), rueidis.BinaryString(small)}
	return func(i int) error {
		_, err := answer(s.eval(context.Background(), s.client, l, []string{fmt.Sprintf("{bare}%d:%d", round, i), "{bare}due"}, args))
		return err
	}
}
