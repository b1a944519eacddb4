//go:build unix

package ecmascript

import (
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

// A session is not silent, and its process does not use up its grace, while others have the processors.
func TestPatienceIsTimeAtWork(t *testing.T) {
	asked := instant{at: time.Unix(0, 0), spent: time.Second, known: true}
	later := func(wall, spent time.Duration, known bool) instant {
		return instant{at: asked.at.Add(wall), spent: asked.spent + spent, known: known}
	}
	for _, c := range []struct {
		name string
		now  instant
		want time.Duration
	}{
		{"a busy machine", later(time.Hour, 30*time.Millisecond, true), 30 * time.Millisecond},
		{"many processors", later(time.Second, 8*time.Second, true), time.Second},
		{"not known", later(time.Second, 0, false), time.Second},
	} {
		if got := c.now.since(asked); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// What a script does counts.
func TestProcessorTime(t *testing.T) {
	begun, ok := processorTime()
	if !ok {
		t.Fatal("not known")
	}
	for {
		if spent, _ := processorTime(); spent > begun {
			return
		}
	}
}

// silent never comes to a place where it can be weighed.
type silent struct {
	Runtime
	ended error
}

func (*silent) Pause(func())          {}
func (r *silent) Interrupt(err error) { r.ended = err }

// One that has not answered is ended at answerBy once the process has been at work for long enough.
func TestSilentSession(t *testing.T) {
	for _, starved := range []bool{true, false} {
		rt := &silent{}
		w := newWatch(datamodel.Limits{Memory: 1 << 20}, rt, &collector{})
		a := &alarm{timer: time.AfterFunc(time.Hour, func() {})}
		runtime.GC()
		w.alarm, w.running, w.low, w.suspect = a, true, heapBytes(), math.MaxUint64
		present := instantNow()
		w.begun = present.at
		w.asked = instant{at: present.at.Add(-time.Hour), spent: present.spent, known: true}
		if !starved {
			w.asked.spent -= 2 * patience
		}
		ballast := make([]byte, (answerBy+2)<<20) // more than answerBy, less than endBy
		w.ring(a)
		a.timer.Stop()
		runtime.KeepAlive(ballast)
		if ended := rt.ended != nil; ended == starved {
			t.Errorf("starved %v: ended with %v", starved, rt.ended)
		}
	}
}
