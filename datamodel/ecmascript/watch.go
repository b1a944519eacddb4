package ecmascript

import (
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

// How often a running macrostep is looked at: ordinarily, and while the heap
// grows.
const (
	watchTick = 5 * time.Millisecond
	haste     = time.Millisecond
)

// watch limits time and memory of a macrostep. It costs a timer while a script
// may be running and nothing otherwise: no goroutine waits.
//
// Go keeps no account of memory by goroutine, so that the heap of the process is
// only a reason to look: when it has grown by half of the limit while a script
// was running, the session is weighed. This happens on its own goroutine, at a
// place where its data are at rest. What it has gained from one weighing to a
// later one within the macrostep is evidence, and nothing else is, up to the
// bounds answerBy and endBy.
type watch struct {
	limits    datamodel.Limits
	rt        Runtime
	collector *collector

	mu       sync.Mutex
	alarm    *alarm // of the running macrostep, or the last one
	running  bool
	begun    time.Time // zero until the first tick
	low      uint64    // smallest size of the heap since
	suspect  uint64    // size at which to weigh
	collect  uint64    // size at which to collect
	asked    instant   // zero unless a weighing has been asked for
	rested   time.Time // no weighing before
	doomed   instant   // zero unless endBy was reached
	weighing bool      // the script stands still
	weighed  bool
	base     int64 // what the first weighing gave
	exceeded error
}

// The bounds at which a session is ended without having been weighed heavy, in
// multiples of the limit by which the live heap of the process has grown while
// its script was running. The first is for sessions that have been asked and do
// not come to a place where they can be weighed, which is what a hog without a
// loop would do; the second for all, because a weighing does not see everything.
// patience and grace are time in which the process had a processor (instant.since): on a busy machine a session
// may be silent only because it is not its turn.
const (
	answerBy = 4
	endBy    = 8
	patience = 200 * time.Millisecond // to answer: goroutines get turns of 10 ms
	grace    = 100 * time.Millisecond // for another session to be found guilty
	mostRest = 500 * time.Millisecond // after a weighing; otherwise twice its length
)

// instant is a point of time, and what the process had had of the processors by then.
type instant struct {
	at    time.Time
	spent time.Duration
	known bool // spent is
}

func instantNow() instant {
	i := instant{at: time.Now()}
	i.spent, i.known = processorTime()
	return i
}

func (i instant) isZero() bool { return i.at.IsZero() }

// since is the time from an earlier instant, and not more than the process was at work meanwhile.
func (i instant) since(earlier instant) time.Duration {
	d := i.at.Sub(earlier.at)
	if i.known && earlier.known {
		d = min(d, i.spent-earlier.spent)
	}
	return d
}

// alarm is a timer with an identity, so that one that fires late does no harm.
type alarm struct{ timer *time.Timer }

func newWatch(limits datamodel.Limits, rt Runtime, c *collector) *watch {
	return &watch{limits: limits, rt: rt, collector: c}
}

func (w *watch) tick() time.Duration {
	if w.limits.Time > 0 {
		return min(watchTick, w.limits.Time)
	}
	return watchTick
}

// start begins to watch.
func (w *watch) start() {
	if w.limits.Time < 0 && w.limits.Memory < 0 {
		return
	}
	w.mu.Lock()
	w.running, w.begun = true, time.Time{}
	if w.alarm != nil {
		w.alarm.timer.Reset(w.tick())
	} else {
		a := &alarm{}
		w.alarm = a
		a.timer = time.AfterFunc(w.tick(), func() { w.ring(a) })
	}
	w.mu.Unlock()
}

// stop ends watching and returns the limit that was exceeded, if one was.
func (w *watch) stop() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
	if w.alarm != nil && !w.alarm.timer.Stop() {
		w.alarm = nil // it rings at this moment, and then belongs to nobody
	}
	return w.exceeded
}

// ring looks at the macrostep that runs.
func (w *watch) ring(a *alarm) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.alarm != a || !w.running || w.exceeded != nil {
		return
	}
	present := instantNow()
	now := present.at
	size, budget := heapBytes(), uint64(max(w.limits.Memory, 0))
	if w.begun.IsZero() {
		w.begun = now.Add(-w.tick())
		w.asked, w.rested, w.doomed, w.weighed = instant{}, time.Time{}, instant{}, false
		w.low, w.suspect, w.collect = size, math.MaxUint64, 0
	}
	if w.limits.Time > 0 && now.Sub(w.begun) >= w.limits.Time {
		w.exceed(fmt.Errorf("%w: evaluation took longer than %v", datamodel.ErrLimit, w.limits.Time))
		return
	}
	next := w.tick()
	if w.limits.Memory > 0 && !w.weighing {
		w.low = min(w.low, size)
		w.suspect = min(w.suspect, size+budget/2)
		if size > w.low+budget/8 {
			next = min(next, haste)
		}
		if w.asked.isZero() && size >= w.suspect && now.After(w.rested) {
			w.asked = present
			w.rt.Pause(func() { w.weigh(a) })
		}
		silent := !w.asked.isZero() && present.since(w.asked) > patience
		if bound := max(w.low+endBy*budget, w.collect); size > bound || silent && size > bound-(endBy-answerBy)*budget {
			if w.grown(a, silent) {
				return
			}
		}
	}
	a.timer.Reset(next)
}

// grown reports whether the macrostep is to be ended because the live heap of
// the process has grown. The lock is released meanwhile.
func (w *watch) grown(a *alarm, silent bool) (over bool) {
	w.mu.Unlock()
	live := w.collector.live()
	w.mu.Lock()
	if w.alarm != a || !w.running || w.exceeded != nil {
		return true
	}
	budget := uint64(w.limits.Memory)
	bound := endBy * budget
	if silent && !w.asked.isZero() {
		bound = answerBy * budget
	}
	w.low = min(w.low, live)
	if live-w.low < bound {
		w.collect, w.doomed = live+bound, instant{} // it was garbage
		return false
	}
	if !silent {
		present := instantNow()
		if w.doomed.isZero() {
			w.doomed = present
		}
		if present.since(w.doomed) < grace {
			return false
		}
	}
	w.exceedMemory()
	return true
}

// look looks at the macrostep at once, for what may take much memory before the
// timer rings. It is called on the goroutine of the session.
func (w *watch) look() {
	w.mu.Lock()
	a := w.alarm
	w.mu.Unlock()
	if a != nil {
		w.ring(a)
	}
}

// weigh judges the session. It runs on its goroutine.
func (w *watch) weigh(a *alarm) {
	ended := func() bool { return w.alarm != a || !w.running || w.exceeded != nil }
	w.mu.Lock()
	if ended() {
		w.mu.Unlock()
		return
	}
	w.weighing = true
	w.mu.Unlock()
	over := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return ended()
	}
	begun := time.Now()
	root, skip := w.rt.Root()
	most := endBy * w.limits.Memory
	if w.weighed {
		most = w.base + w.limits.Memory/2
	}
	weight := weigh(root, skip, most, over)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.weighing = false
	if w.exceeded != nil {
		w.rt.Interrupt(w.exceeded)
	}
	if ended() {
		return
	}
	now := time.Now()
	w.asked, w.rested = instant{}, now.Add(min(2*now.Sub(begun), mostRest))
	w.suspect = heapBytes() + uint64(w.limits.Memory)/2
	switch {
	case !w.weighed:
		w.weighed, w.base = true, weight
	case weight > most:
		w.exceedMemory()
	}
}

func (w *watch) exceedMemory() {
	w.exceed(fmt.Errorf("%w: evaluation needed more than %d bytes of memory", datamodel.ErrLimit, w.limits.Memory))
}

// exceed ends the macrostep. An interruption writes what a weighing reads, so that
// it waits for the end of one.
func (w *watch) exceed(err error) {
	w.exceeded = err
	if !w.weighing {
		w.rt.Interrupt(err)
	}
}

// over returns the limit that has been exceeded, for what goes on for long
// without the engine.
func (w *watch) over() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.exceeded
}

// collector collects garbage for all sessions of a language.
type collector struct {
	mu   sync.Mutex
	at   time.Time
	size uint64
}

// live returns the size of what is alive on the heap, as of a moment ago.
func (c *collector) live() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || time.Since(c.at) > 50*time.Millisecond {
		runtime.GC()
		c.at, c.size = time.Now(), heapBytes()
	}
	return c.size
}

// heapBytes is the size of all objects on the heap, dead ones that have not
// been collected included.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
