package linktest

import (
	"sync"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// Clock is a telephony.Clock for tests that involve real connections. Its time stands still
// until Advance moves it; functions that are due are called by a goroutine of its own, one
// at a time, in order of time and then of AfterFunc. Make one with NewClock, and close it.
// It is safe for concurrent use.
type Clock struct {
	mu      sync.Mutex
	now     time.Time
	seq     int
	alarms  []*alarm // any order
	running bool     // a function is being called
	closed  bool
	change  *sync.Cond
	done    chan struct{}

	// rest, when not nil, waits until what goes on elsewhere at the present time has come to
	// an end. Set it before the first Advance.
	rest func()
}

type alarm struct {
	due time.Time
	seq int
	f   func()
}

var _ telephony.Clock = (*Clock)(nil)

// NewClock returns a clock that shows start.
func NewClock(start time.Time) *Clock {
	c := &Clock{now: start, done: make(chan struct{})}
	c.change = sync.NewCond(&c.mu)
	go c.run()
	return c
}

// Now returns the time to which the clock has been moved.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc implements telephony.Clock. A d that is not positive counts as zero.
func (c *Clock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	a := &alarm{c.now.Add(max(d, 0)), c.seq, f}
	c.alarms = append(c.alarms, a)
	c.change.Broadcast()
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.remove(a)
	}
}

func (c *Clock) remove(a *alarm) bool {
	for i := range c.alarms {
		if c.alarms[i] == a {
			last := len(c.alarms) - 1
			c.alarms[i], c.alarms[last] = c.alarms[last], nil
			c.alarms = c.alarms[:last]
			c.change.Broadcast()
			return true
		}
	}
	return false
}

// next returns the alarm that comes first; nil when there is none.
func (c *Clock) next() *alarm {
	var first *alarm
	for _, a := range c.alarms {
		if first == nil || a.due.Before(first.due) || a.due.Equal(first.due) && a.seq < first.seq {
			first = a
		}
	}
	return first
}

// run calls what is due.
func (c *Clock) run() {
	defer close(c.done)
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.closed {
		a := c.next()
		if a == nil || a.due.After(c.now) {
			c.change.Wait()
			continue
		}
		c.remove(a)
		c.running = true
		c.mu.Unlock()
		a.f()
		c.mu.Lock()
		c.running = false
		c.change.Broadcast()
	}
}

// Advance moves the clock by d, from one function that falls due to the next, and waits for
// each of them, including those that are newly scheduled meanwhile. In a Simulation it also waits,
// before time moves on, until connections that are being opened are open or lost and requests
// that the server answers at once are answered. It must not be called by such a
// function.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	end := c.now.Add(max(d, 0))
	for !c.closed {
		c.settle()
		a := c.next()
		if a == nil || a.due.After(end) {
			c.now = end
			return
		}
		c.now = a.due
		c.change.Broadcast()
	}
}

// settle waits until nothing is due and nothing goes on elsewhere.
func (c *Clock) settle() {
	for rested := false; !c.closed; {
		a := c.next()
		switch {
		case c.running || a != nil && !a.due.After(c.now):
			c.change.Wait()
			rested = false
		case rested || c.rest == nil:
			return
		default:
			before := c.seq
			c.mu.Unlock()
			c.rest()
			c.mu.Lock()
			rested = c.seq == before
		}
	}
}

// Close ends the clock: nothing is called any more. It waits for a function that is being
// called, and must not be called by one.
func (c *Clock) Close() {
	c.mu.Lock()
	c.closed = true
	c.change.Broadcast()
	c.mu.Unlock()
	<-c.done
}
