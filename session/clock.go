package session

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Clock is where time comes from. Implementations are safe for concurrent use.
type Clock interface {
	// Now returns the current time.
	Now() time.Time

	// AfterFunc calls f once, when d has passed; at once when d is not positive,
	// but never before AfterFunc has returned to its caller's goroutine. stop
	// prevents the call; it returns false when f has been called or is about to be.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// SystemClock is the clock of the machine. Its zero value is ready for use. In
// a testing/synctest bubble it is the bubble's clock.
type SystemClock struct{}

// Now returns time.Now.
func (SystemClock) Now() time.Time { return time.Now() }

// AfterFunc is time.AfterFunc.
func (SystemClock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	return time.AfterFunc(d, f).Stop
}

// VirtualClock is a clock that stands still until Advance moves it. Engines
// made with it attach themselves, so that Advance can let them come to rest
// between two timers: a chart that waits for a week is tested in a millisecond,
// and with Options.Workers = 1 every run is the same.
//
// One Advance delivers MaxTimers delayed sends of a session. One that goes on after
// that, as by a delay of a nanosecond before the next, ends with the reason Failed
// and ErrEndless, so that a test ends.
//
// It is safe for concurrent use. Advance must not be called from a callback of
// an engine or from a function given to AfterFunc: both would wait for themselves.
type VirtualClock struct {
	// MaxTimers is the number of delayed sends of one session that one Advance
	// delivers; default 1,000,000, negative: no limit. It is set before the clock is
	// used.
	MaxTimers int

	advance sync.Mutex // held during Advance

	mu      sync.Mutex
	fired   map[string]int // delayed sends delivered by this Advance, by session id
	now     time.Time
	seq     uint64
	pending heap[*alarm]
	parties []party
}

// party is somebody who works on its own goroutines and takes the clock's time.
type party interface {
	// Settle waits until nothing is being done.
	Settle(ctx context.Context) error
	// activity changes whenever something has been done.
	activity() uint64
}

// alarm is one pending call of AfterFunc.
type alarm struct {
	due   time.Time
	seq   uint64
	f     func()
	index int // in the heap; -1 outside
}

func (a *alarm) before(b *alarm) bool {
	if !a.due.Equal(b.due) {
		return a.due.Before(b.due)
	}
	return a.seq < b.seq
}

func (a *alarm) place(i int) { a.index = i }

// NewVirtualClock returns a clock that shows start. It holds nothing that has
// to be closed.
func NewVirtualClock(start time.Time) *VirtualClock {
	return &VirtualClock{now: start}
}

// Now returns the time to which the clock has been moved.
func (c *VirtualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc arranges for f to be called by Advance. A d that is not positive
// counts as zero: f is called by the next or the present Advance, even Advance(0).
func (c *VirtualClock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	a := &alarm{due: c.now.Add(max(d, 0)), seq: c.seq, f: f}
	c.pending.push(a)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.pending.remove(a.index, a)
	}
}

// Next returns when the next function is due; false when none is pending.
func (c *VirtualClock) Next() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending.len() == 0 {
		return time.Time{}, false
	}
	return c.pending.items[0].due, true
}

// Advance moves the clock by d, which must not be negative. It calls everything
// that falls due, in order of time and, for the same time, in the order of
// AfterFunc, including what is newly scheduled meanwhile. Before the first call,
// after each one and at the end it waits until all attached engines are idle;
// a session that never is, such as one that keeps sending events to itself without
// a delay, ends by Options.Chain.
func (c *VirtualClock) Advance(d time.Duration) {
	c.advance.Lock()
	defer c.advance.Unlock()
	c.recount()
	end := c.Now().Add(max(d, 0))
	for c.step(end) {
	}
}

// Step calls the next function that falls due by end, with the clock set to its
// time, and reports whether there was one; when there is none it sets the clock to
// end, unless that is past. It waits as Advance does. It is Advance for whoever wants to look
// at things between two timers, or to give up after so many.
func (c *VirtualClock) Step(end time.Time) bool {
	c.advance.Lock()
	defer c.advance.Unlock()
	c.recount()
	return c.step(end)
}

// recount begins the count of MaxTimers anew.
func (c *VirtualClock) recount() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.fired)
}

func (c *VirtualClock) step(end time.Time) bool {
	c.settle()
	a := c.take(end)
	if a == nil {
		return false
	}
	a.f()
	c.settle()
	return true
}

// take sets the clock to the next alarm that is due by end and returns it, or
// sets it to end and returns nil.
func (c *VirtualClock) take(end time.Time) *alarm {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending.len() == 0 || c.pending.items[0].due.After(end) {
		if end.After(c.now) {
			c.now = end
		}
		return nil
	}
	a := c.pending.items[0]
	c.pending.remove(0, a)
	if a.due.After(c.now) {
		c.now = a.due
	}
	return a
}

const defaultMaxTimers = 1_000_000

func (c *VirtualClock) maxTimers() int {
	switch {
	case c.MaxTimers < 0:
		return int(^uint(0) >> 1)
	case c.MaxTimers == 0:
		return defaultMaxTimers
	}
	return c.MaxTimers
}

// mayFire counts a delayed send and reports whether it is to be delivered.
func (c *VirtualClock) mayFire(s *session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fired == nil {
		c.fired = map[string]int{}
	}
	c.fired[s.id]++
	return c.fired[s.id] <= c.maxTimers()
}

// spent reports whether a delayed send was not delivered.
func (c *VirtualClock) spent(s *session) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fired[s.id] > c.maxTimers()
}

func (c *VirtualClock) endless(s *session) error {
	return fmt.Errorf("%w: session %q wants more than %d delayed sends in one Advance of the virtual clock; give them longer delays, advance in smaller steps, or raise VirtualClock.MaxTimers",
		ErrEndless, s.id, c.maxTimers())
}

// settle waits until one round over all parties found none active.
func (c *VirtualClock) settle() {
	for {
		c.mu.Lock()
		parties := append([]party(nil), c.parties...)
		c.mu.Unlock()
		var before, after uint64
		for _, p := range parties {
			before += p.activity()
		}
		for _, p := range parties {
			// The error of Settle is that of its context, which has no end here.
			_ = p.Settle(context.Background())
		}
		for _, p := range parties {
			after += p.activity()
		}
		if before == after {
			return
		}
	}
}

// attach adds a party; detach takes it away.
func (c *VirtualClock) attach(p party) (detach func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parties = append(c.parties, p)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, q := range c.parties {
			if q == p {
				c.parties = append(c.parties[:i:i], c.parties[i+1:]...)
				return
			}
		}
	}
}
