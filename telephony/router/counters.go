package router

import (
	"fmt"
	"slices"
	"time"
)

// What is counted.
const (
	entered     = iota // requests that came
	distributed        // got a target
	abandoned          // were cancelled while they waited
	timedOut
	answered    // calls that were sent to a target and answered
	notAnswered // rang in vain
	completed   // ended after they had been answered
	kinds
)

// IntervalKind says over which time a statistic counts.
type IntervalKind uint8

// The kinds of intervals.
const (
	Total      IntervalKind = iota // as long as the router remembers the object
	Growing                        // since the day began; see Options.Location
	Sliding                        // the last Length
	SinceLogin                     // of agents: since they logged in
)

var intervalNames = [...]string{"Total", "Growing", "Sliding", "SinceLogin"}

func (k IntervalKind) String() string {
	if int(k) < len(intervalNames) {
		return intervalNames[k]
	}
	return fmt.Sprintf("IntervalKind(%d)", k)
}

// Interval is the time that a statistic is about. The zero Interval is Total.
type Interval struct {
	Kind   IntervalKind
	Length time.Duration // of Sliding, at most Options.Window
}

// windowParts is into how many parts the longest sliding interval is cut.
const windowParts = 360

// cell is what was counted in some time.
type cell struct {
	n      [kinds]int32
	within int32         // distributed within the service objective
	wait   time.Duration // of those that were distributed
}

func (c *cell) add(x *cell) {
	for i := range c.n {
		c.n[i] += x.n[i]
	}
	c.within += x.within
	c.wait += x.wait
}

// part is what was counted in a part of the window.
type part struct {
	number int64 // since 1970
	cell
}

// counters is what is counted about an object. Nothing is held for times
// without events.
type counters struct {
	total, login, day cell
	dayNumber         int64
	parts             []part
}

func (r *Router) count(c *counters, what int) {
	var x cell
	x.n[what] = 1
	r.addCell(c, &x)
}

func (r *Router) countWait(c *counters, wait time.Duration, within bool) {
	x := cell{wait: wait}
	x.n[distributed] = 1
	if within {
		x.within = 1
	}
	r.addCell(c, &x)
}

func (r *Router) addCell(c *counters, x *cell) {
	day, number := r.times()
	c.total.add(x)
	c.login.add(x)
	if c.dayNumber != day {
		c.dayNumber, c.day = day, cell{}
	}
	c.day.add(x)
	if n := len(c.parts); n == 0 || c.parts[n-1].number != number {
		if n > 0 && c.parts[0].number <= number-windowParts {
			old := slices.IndexFunc(c.parts, func(p part) bool { return p.number > number-windowParts })
			if old < 0 {
				old = n
			}
			c.parts = slices.Delete(c.parts, 0, old)
		}
		c.parts = append(c.parts, part{number: number})
	}
	c.parts[len(c.parts)-1].add(x)
}

// times returns the number of the day and of the part of the window.
func (r *Router) times() (day, number int64) {
	now := r.clock.Now()
	_, offset := now.In(r.opts.Location).Zone()
	return (now.Unix() + int64(offset)) / 86400, now.UnixNano() / r.partLength()
}

func (r *Router) partLength() int64 { return int64(r.opts.Window) / windowParts }

// over returns what was counted in an interval.
func (r *Router) over(c *counters, in Interval) cell {
	day, number := r.times()
	switch in.Kind {
	case Growing:
		if c.dayNumber != day {
			return cell{}
		}
		return c.day
	case SinceLogin:
		return c.login
	case Sliding:
		var sum cell
		from := number - (int64(in.Length)+r.partLength()-1)/r.partLength()
		for i := len(c.parts) - 1; i >= 0 && c.parts[i].number > from; i-- {
			sum.add(&c.parts[i].cell)
		}
		return sum
	}
	return c.total
}

func duration(nanoseconds int64) time.Duration { return time.Duration(nanoseconds) }
