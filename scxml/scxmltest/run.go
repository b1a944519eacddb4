package scxmltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// Epoch is when virtual time begins unless Options say otherwise: Monday, 5 January
// 2026, 09:00 UTC.
func Epoch() time.Time { return time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC) }

// DefaultMaxTimers is how many timers one Advance may fire.
const DefaultMaxTimers = 50_000

// Run moves the time of a test. It is part of Chart, and of the kits that are
// built on this package.
type Run struct {
	tb        testing.TB
	clock     *session.VirtualClock
	rec       *Recorder
	maxTimers int
}

// NewRun makes a Run. maxTimers bounds each Advance; default DefaultMaxTimers.
func NewRun(tb testing.TB, clock *session.VirtualClock, rec *Recorder, maxTimers int) *Run {
	if maxTimers <= 0 {
		maxTimers = DefaultMaxTimers
	}
	return &Run{tb: tb, clock: clock, rec: rec, maxTimers: maxTimers}
}

// Recorder returns what has been recorded.
func (r *Run) Recorder() *Recorder { return r.rec }

// Trace returns the trace so far (Recorder.Trace).
func (r *Run) Trace() string { return r.rec.Trace() }

// Now returns the virtual time.
func (r *Run) Now() time.Time { return r.clock.Now() }

// Elapsed returns the virtual time since the beginning.
func (r *Run) Elapsed() time.Duration { return r.clock.Now().Sub(r.rec.start) }

// Input notes what the test does: a verb and arguments that can be written as JSON. Nothing
// but inputs is needed to replay a run.
func (r *Run) Input(verb string, args any) {
	detail := ""
	if args != nil {
		b, err := json.Marshal(args)
		if err != nil {
			detail = fmt.Sprint(args)
		} else {
			detail = string(b)
		}
	}
	r.rec.Note(Step{Kind: StepInput, Name: verb, Detail: detail})
}

// Advance moves virtual time by d and carries out everything that falls due. A run that
// fires more timers than Options allow ends the test: it is a loop.
func (r *Run) Advance(d time.Duration) {
	r.tb.Helper()
	r.rec.Note(Step{Kind: StepInput, Name: "advance", Detail: d.String()})
	r.advance(d, func() bool { return false })
}

// Settle carries out what is to be done at once.
func (r *Run) Settle() {
	r.tb.Helper()
	r.advance(0, func() bool { return false })
}

// AdvanceUntil moves virtual time until done returns true, which it is asked after each timer, but no
// further than limit; it returns the time that has passed. A condition that is not met by then
// fails the test with what, and with the trace.
func (r *Run) AdvanceUntil(limit time.Duration, what string, done func() bool) time.Duration {
	r.tb.Helper()
	from := r.clock.Now()
	r.Input("advance", nil)
	ok := r.advance(0, done) || r.advance(limit, done)
	r.advance(0, func() bool { return false }) // the rest of this moment
	passed := r.clock.Now().Sub(from)
	r.rec.completeInput(passed.String())
	if !ok {
		pending := "nothing is pending any more: it would never come"
		if due, more := r.clock.Next(); more {
			pending = fmt.Sprintf("the next timer is due in %v", due.Sub(r.clock.Now()))
		}
		r.whole().Failf("%s: not within %v of virtual time\n  %s", what, limit, pending)
	}
	return passed
}

// advance returns true as soon as done does.
func (r *Run) advance(d time.Duration, done func() bool) bool {
	r.tb.Helper()
	end := r.clock.Now().Add(max(d, 0))
	for fired := 0; ; fired++ {
		if done() {
			return true
		}
		if fired > r.maxTimers {
			r.whole().Failf("more than %d timers fired in %v of virtual time: is it a loop? Options.MaxTimers allows more", r.maxTimers, d)
			r.tb.FailNow()
			return false
		}
		if !r.clock.Step(end) {
			return done()
		}
	}
}

// whole is for failures of no single session: the last one is shown.
func (r *Run) whole() *Session {
	return r.rec.Session(r.tb, func() string {
		ids := r.rec.Sessions()
		if len(ids) == 0 {
			return ""
		}
		return ids[len(ids)-1]
	})
}

// LoadError renders the error of a document that could not be loaded, with all
// diagnostics.
func LoadError(err error) string {
	var problems *scxml.ParseError
	if errors.As(err, &problems) {
		return shorten(problems.Detail(), workingFolder())
	}
	return shorten(err.Error(), workingFolder())
}

// background is for calls that do not wait.
func background() context.Context { return context.Background() }
