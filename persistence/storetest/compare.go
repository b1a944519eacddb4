package storetest

import (
	"fmt"
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

// Commits is a contender: commits of 4 KB to as many sessions as there are callers, which replace an
// effect of 200 bytes and set or clear a timer.
func Commits(name string, s persistence.Store, callers, calls int) Contender {
	rounds := 0
	return Contender{Name: name, Callers: callers, Calls: calls, Steps: func(b *testing.B, _ int) func(int) error {
		rounds++
		f := &fixture{TB: b, s: s, ctx: b.Context(), epochs: make(map[int]uint64), names: rounds * 1_000_000}
		sessions := make([]*caller, callers)
		for i := range sessions {
			sessions[i] = newCaller(f, i)
		}
		return func(i int) error { return sessions[i].step() }
	}}
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
