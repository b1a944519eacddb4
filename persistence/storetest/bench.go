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

// Benchmark measures a store with 1, 64 and 1000 callers at once, each on sessions of
// its own:
//
//	Step     one commit of a 4 KB snapshot that adds an effect of 200 bytes, removes the
//	         one before it and sets or clears a timer
//	Event    the whole life of an event: append (200 bytes), commit as above, confirm
//	Append   an event of 200 bytes
//	Create   a session with a 4 KB snapshot and a claim
//	Load     a session as Step leaves it
//
// Beside the mean it reports the 50th and 99th percentile of the time a call takes, in
// microseconds.
func Benchmark(b *testing.B, open Open) {
	for _, bench := range []struct {
		name string
		op   func(c *caller) error
	}{
		{"Step", (*caller).step},
		{"Event", (*caller).event},
		{"Append", (*caller).append},
		{"Create", (*caller).create},
		{"Load", (*caller).load},
	} {
		for _, callers := range []int{1, 64, 1000} {
			b.Run(fmt.Sprintf("%s/%d", bench.name, callers), func(b *testing.B) {
				f := newFixture(b, open)
				all := make([]*caller, callers)
				for i := range all {
					all[i] = newCaller(f, i)
				}
				b.ReportAllocs()
				b.ResetTimer()
				var next atomic.Int64
				var wg sync.WaitGroup
				for _, c := range all {
					wg.Go(func() {
						for next.Add(1) <= int64(b.N) {
							start := time.Now()
							if err := bench.op(c); err != nil {
								b.Error(err)
								return
							}
							c.times = append(c.times, time.Since(start))
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				var times []time.Duration
				for _, c := range all {
					times = append(times, c.times...)
				}
				if len(times) == 0 {
					return
				}
				slices.Sort(times)
				b.ReportMetric(float64(times[len(times)/2].Nanoseconds())/1e3, "p50-µs")
				b.ReportMetric(float64(times[len(times)*99/100].Nanoseconds())/1e3, "p99-µs")
			})
		}
	}
}

// caller is one goroutine of a benchmark with its session.
type caller struct {
	*fixture
	id       string
	owner    uint64
	rev      uint64
	acked    uint64
	created  int
	snapshot []byte
	small    []byte
	times    []time.Duration
}

func newCaller(f *fixture, i int) *caller {
	c := prepareCaller(f, f.name(i%f.s.Buckets()), i)
	f.put(&persistence.Session{ID: c.id, Snapshot: c.snapshot})
	return c
}

func prepareCaller(f *fixture, id string, i int) *caller {
	c := &caller{fixture: f, id: id, owner: f.epoch(id), rev: 1, snapshot: make([]byte, 4096), small: make([]byte, 200)}
	for j := range c.snapshot {
		c.snapshot[j] = byte(j * (i + 7) >> 2)
	}
	return c
}

func (c *caller) next(acked uint64, confirmed ...string) error {
	commit := &persistence.Commit{
		ID: c.id, Rev: c.rev, Snapshot: c.snapshot, Acked: acked, Confirmed: confirmed,
		Effects: []persistence.Effect{{ID: fmt.Sprint(c.rev), Data: c.small}},
	}
	if c.rev%2 == 0 {
		commit.ClearTimers = []string{"timer"}
	} else {
		commit.SetTimers = []persistence.Timer{{ID: "timer", At: at(int64(c.rev)), Data: c.small}}
	}
	if err := c.s.Commit(c.ctx, c.owner, commit); err != nil {
		return err
	}
	c.rev++
	return nil
}

func (c *caller) step() error { return c.next(c.acked, fmt.Sprint(c.rev-1)) }

func (c *caller) event() error {
	n, err := c.s.Append(c.ctx, c.id, persistence.Event{Data: c.small})
	if err != nil {
		return err
	}
	if err := c.next(n); err != nil {
		return err
	}
	c.acked = n
	return c.s.Confirm(c.ctx, c.owner, c.id, fmt.Sprint(c.rev-1))
}

// append empties the inbox now and then, so that no store's limit is met.
func (c *caller) append() error {
	n, err := c.s.Append(c.ctx, c.id, persistence.Event{Data: c.small})
	if err != nil || n-c.acked < 1000 {
		return err
	}
	c.acked = n
	if err := c.s.Commit(c.ctx, c.owner, &persistence.Commit{ID: c.id, Rev: c.rev, Acked: n}); err != nil {
		return err
	}
	c.rev++
	return nil
}

// create deletes what it made a hundred sessions ago.
func (c *caller) create() error {
	bucket := c.bucket(c.id)
	name := func(n int, kind string) string {
		return string(persistence.AppendBucket(fmt.Appendf(nil, "%s%s%015d", c.id[len(c.id)-13:], kind, n), bucket))
	}
	c.created++
	s := &persistence.Session{ID: name(c.created, "S"), Claim: name(c.created, "C"), Snapshot: c.snapshot}
	if err := c.s.Create(c.ctx, c.owner, s); err != nil || c.created <= 100 {
		return err
	}
	return c.s.Delete(c.ctx, c.owner, name(c.created-100, "S"))
}

func (c *caller) load() error {
	_, err := c.s.Load(c.ctx, c.id)
	return err
}
