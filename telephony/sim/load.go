package sim

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// Distribution draws durations, none of them negative: how long agents talk, how
// long callers wait, how far apart calls are. What it draws depends on the generator
// alone: with a seed of its own, everybody draws the same in every run.
type Distribution func(*rand.Rand) time.Duration

// Constant is always d.
func Constant(d time.Duration) Distribution {
	return func(*rand.Rand) time.Duration { return max(d, 0) }
}

// Uniform is anything from least up to, and without, most.
func Uniform(least, most time.Duration) Distribution {
	return func(r *rand.Rand) time.Duration {
		return max(least+time.Duration(r.Float64()*float64(most-least)), 0)
	}
}

// Exponential has the given mean. Calls that are so far apart form a Poisson
// process: they come independently of each other.
func Exponential(mean time.Duration) Distribution {
	return func(r *rand.Rand) time.Duration { return max(time.Duration(r.ExpFloat64()*float64(mean)), 0) }
}

// LogNormal has the given mean and standard deviation: many values below the mean
// and a few far above it, as in times of conversation and of patience. The mean has to be positive.
func LogNormal(mean, deviation time.Duration) Distribution {
	ratio := float64(deviation) / float64(mean)
	variance := math.Log1p(ratio * ratio)
	mu, sigma := math.Log(float64(mean))-variance/2, math.Sqrt(variance)
	return func(r *rand.Rand) time.Duration {
		return time.Duration(min(math.Exp(mu+sigma*r.NormFloat64()), float64(math.MaxInt64/2)))
	}
}

// draw is zero without a distribution.
func (d Distribution) draw(r *rand.Rand) time.Duration {
	if d == nil {
		return 0
	}
	return d(r)
}

// Habits are how agents handle calls, as distributions. Those that are nil are always zero.
type Habits struct {
	Answer        Distribution // rings until the agent answers
	Talk          Distribution // until the agent hangs up; zero: never
	AfterCallWork Distribution
	Refuse        float64 // part of the calls that are refused, 0 to 1
	NoAnswer      float64 // part of the calls that are not answered, 0 to 1
}

// Handle makes the function Agent.Handle. It draws from r, which nobody else may
// use at the same time; agents of one switch may share it.
func (h Habits) Handle(r *rand.Rand) func(*telephony.CallAttributes) Handling {
	return func(*telephony.CallAttributes) Handling {
		how := Handling{AnswerAfter: h.Answer.draw(r), TalkTime: h.Talk.draw(r), AfterCallWork: h.AfterCallWork.draw(r)}
		switch x := r.Float64(); {
		case x < h.NoAnswer:
			how.AnswerAfter = -1
		case x < h.NoAnswer+h.Refuse:
			how.Refuse = true
		}
		return how
	}
}

// Load is a stream of callers.
type Load struct {
	// DN is where they dial; mandatory.
	DN string
	// Every is the time between two calls; mandatory. The first one comes after such
	// a time.
	Every Distribution
	// Calls is how many there are; 0: no end before Stop.
	Calls int
	// Caller makes the caller with the number n, from 0; nil: Caller{}. It is called
	// by the clock, without locks.
	Caller func(n int, r *rand.Rand) Caller
	// Made is told of each call and of each that could not be made (Switch.Call);
	// nil: nobody. It is called like Caller.
	Made func(id telephony.ConnID, err error)
}

// Arrivals is a Load under way. It is safe for concurrent use.
type Arrivals struct {
	sw   *Switch
	load Load
	rand *rand.Rand

	// Guarded by the switch.
	made, lost int
	stop       func() bool
	stopped    bool
}

// Generate lets callers dial in, one after the other, as r draws them; nobody else may use
// r at the same time.
func (s *Switch) Generate(l Load, r *rand.Rand) (*Arrivals, error) {
	switch {
	case l.DN == "" || l.Every == nil || r == nil:
		return nil, errors.New("sim: a load needs DN, Every and a generator")
	case l.Caller == nil:
		l.Caller = func(int, *rand.Rand) Caller { return Caller{} }
	}
	if l.Made == nil {
		l.Made = func(telephony.ConnID, error) {}
	}
	a := &Arrivals{sw: s, load: l, rand: r}
	s.mu.Lock()
	defer s.mu.Unlock()
	a.next()
	return a, nil
}

// next waits for the next caller. The switch is locked.
func (a *Arrivals) next() {
	if !a.stopped && (a.load.Calls <= 0 || a.made+a.lost < a.load.Calls) {
		a.stop = a.sw.clock.AfterFunc(a.load.Every(a.rand), a.call)
	}
}

func (a *Arrivals) call() {
	s := a.sw
	s.mu.Lock()
	n, stopped := a.made+a.lost, a.stopped
	s.mu.Unlock()
	if stopped {
		return
	}
	id, err := s.Call(a.load.DN, a.load.Caller(n, a.rand))
	s.mu.Lock()
	if err != nil {
		a.lost++
	} else {
		a.made++
	}
	s.mu.Unlock()
	a.load.Made(id, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	a.next()
}

// Stop ends the stream; calls that were made go on. It may be called more than once.
func (a *Arrivals) Stop() {
	s := a.sw
	s.mu.Lock()
	defer s.mu.Unlock()
	a.stopped = true
	if a.stop != nil {
		a.stop()
	}
}

// Count returns how many calls have been made, and how many could not be.
func (a *Arrivals) Count() (made, lost int) {
	s := a.sw
	s.mu.Lock()
	defer s.mu.Unlock()
	return a.made, a.lost
}
