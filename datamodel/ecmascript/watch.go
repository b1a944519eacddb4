package ecmascript

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

// watchTick is how often a running macrostep is looked at.
const watchTick = 5 * time.Millisecond

// watch limits time and memory of a macrostep. It costs a timer while a script
// may be running and nothing otherwise: no goroutine waits.
//
// Memory is that of the whole process, since Go keeps no account by goroutine.
// So a macrostep is only suspected when the heap has grown while it ran, a
// collection then tells live data from garbage, and only data that stayed alive
// counts.
type watch struct {
	limits    datamodel.Limits
	interrupt func(error)

	mu       sync.Mutex
	alarm    *alarm // of the running macrostep, or the last one
	running  bool
	begun    time.Time // zero until the first tick
	base     uint64    // live bytes to compare with
	based    bool      // base comes from a collection within this macrostep
	suspect  uint64    // heap size at which to look closer
	ceiling  uint64    // heap size at which to stop without looking
	exceeded error
}

// alarm is a timer with an identity, so that one that fires late does no harm.
type alarm struct{ timer *time.Timer }

func newWatch(limits datamodel.Limits, interrupt func(error)) *watch {
	return &watch{limits: limits, interrupt: interrupt}
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
	now := time.Now()
	if w.begun.IsZero() {
		w.begun = now.Add(-w.tick())
		w.based, w.base = false, 0
		w.suspect = heapBytes()
		w.ceiling = w.suspect + 8*uint64(max(w.limits.Memory, 0))
		w.suspect += uint64(max(w.limits.Memory, 0)) / 2
	}
	if w.limits.Time > 0 && now.Sub(w.begun) >= w.limits.Time {
		w.exceed(fmt.Errorf("%w: evaluation took longer than %v", datamodel.ErrLimit, w.limits.Time))
		return
	}
	if w.limits.Memory > 0 && w.grown() {
		w.exceed(fmt.Errorf("%w: evaluation needed more than %d bytes of memory", datamodel.ErrLimit, w.limits.Memory))
		return
	}
	a.timer.Reset(w.tick())
}

func (w *watch) exceed(err error) {
	w.exceeded = err
	w.interrupt(err)
}

// grown reports whether the macrostep has taken too much memory. Collecting
// takes a while; the macrostep goes on meanwhile.
func (w *watch) grown() bool {
	size := heapBytes()
	if size < w.suspect {
		return false
	}
	if size > w.ceiling {
		return true
	}
	half := uint64(w.limits.Memory) / 2
	runtime.GC()
	live := heapBytes()
	if !w.based {
		w.based, w.base = true, live
	} else if live > w.base+half {
		return true
	}
	w.suspect = live + half
	return false
}

// heapBytes is the size of all objects on the heap, dead ones that have not
// been collected included.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
