package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// Contender is one of the things that Compare measures against each other.
type Contender struct {
	Name    string // in the names of the metrics
	Callers int    // how many goroutines call step at once
	Calls   int    // how many calls a round has

	// Steps prepares a round and returns what a caller, 0 to Callers-1, does again and
	// again.
	Steps func(b *testing.B, round int) (step func(caller int) error)
}

// Commits is a contender: commits of 4 KB, which replace an effect of 200 bytes and set or clear a timer, each
// caller's to a session of its own. The store, which has to be empty, holds idle more sessions of that kind for
// each of these, among which they lie.
func Commits(name string, s persistence.Store, callers, idle, calls int) Contender {
	var sessions []*caller
	return Contender{Name: name, Callers: callers, Calls: calls, Steps: func(b *testing.B, _ int) func(int) error {
		if sessions == nil {
			sessions = newCallers(b, s, callers, idle)
		}
		return func(i int) error { return sessions[i].step() }
	}}
}

// newCallers makes the sessions, in an order that has nothing to do with that of their ids.
func newCallers(b *testing.B, s persistence.Store, callers, idle int) []*caller {
	f := &fixture{TB: b, s: s, ctx: b.Context(), epochs: make(map[int]uint64)}
	buckets := make([]int, min(callers, s.Buckets()))
	for i := range buckets {
		buckets[i] = i
	}
	leases, err := s.Acquire(f.ctx, "owner", lease, buckets...)
	f.check(err)
	for _, l := range leases {
		f.epochs[l.Bucket] = l.Epoch
	}
	all := make([]*caller, callers*(1+idle))
	var wg sync.WaitGroup
	for _, i := range rand.Perm(len(all)) {
		id := SessionID(i, len(buckets))
		c := prepareCaller(f, id, i)
		all[i] = c
		wg.Go(func() {
			err := s.Create(f.ctx, c.owner, &persistence.Session{ID: c.id, Snapshot: c.snapshot})
			for range 2 {
				err = errors.Join(err, c.step())
			}
			if err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	active := make([]*caller, callers)
	for i := range active {
		active[i] = all[i*(1+idle)]
	}
	return active
}

// SessionID is the id of session i of those that Commits makes, in one of the first buckets of a store.
func SessionID(i, buckets int) string {
	return string(persistence.AppendBucket(fmt.Appendf(nil, "~17~%029d", i), i%buckets))
}

// Compare lets the contenders run in turn, in five rounds after one to warm up, and reports the
// median of calls a second of each, as "NAME/s", and the first one's ratio to each of the others, as
// "FIRST/NAME"; "p99:FIRST/NAME" is the ratio of the 99th percentiles of the time a call takes.
func Compare(b *testing.B, contenders ...Contender) {
	for b.Loop() {
		rates, p99s := make([][]float64, len(contenders)), make([][]float64, len(contenders))
		for round := range 6 {
			for i, c := range contenders {
				rate, p99 := c.measure(b, round)
				if round > 0 {
					rates[i], p99s[i] = append(rates[i], rate), append(p99s[i], p99)
				}
			}
		}
		first := contenders[0].Name
		for i, c := range contenders {
			b.ReportMetric(median(rates[i]), c.Name+"/s")
			if i > 0 {
				b.ReportMetric(median(rates[0])/median(rates[i]), first+"/"+c.Name)
				b.ReportMetric(median(p99s[0])/median(p99s[i]), fmt.Sprintf("p99:%s/%s", first, c.Name))
			}
		}
	}
}

// measure runs one round and returns the calls a second and the 99th percentile of a call, in seconds.
func (c *Contender) measure(b *testing.B, round int) (rate, p99 float64) {
	step := c.Steps(b, round)
	times := make([][]time.Duration, c.Callers)
	var left atomic.Int64
	left.Store(int64(c.Calls))
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range c.Callers {
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
	rate = float64(c.Calls) / time.Since(begin).Seconds()
	all := slices.Concat(times...)
	slices.Sort(all)
	if len(all) == 0 {
		return rate, 0
	}
	return rate, all[len(all)*99/100].Seconds()
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
