package crashtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/session"
)

// Target is a store under test.
type Target struct {
	// Place makes what outlives the process, such as a folder or a server, and returns what
	// Open finds it by. It is called once, in the process of the test, and ends the test with
	// tb.Fatal where it cannot.
	Place func(tb testing.TB) string

	// Open opens the store, in every process anew. It must work at once when the process that had
	// the store before was killed.
	Open func(place string) (persistence.Store, error)

	// Engine changes the settings of the engine; nil: none. Store, Owner, Parse and Processors are
	// set already.
	Engine func(*session.Options)
}

// Options are the settings of a run. nil, like the zero value, means the defaults; a variable of the
// environment takes precedence.
type Options struct {
	Sessions int // default 200; CRASHTEST_SESSIONS
	Events   int // for each session; default 50; CRASHTEST_EVENTS
	Kills    int // default 100; CRASHTEST_KILLS

	// Seed of the random points; default from the clock. CRASHTEST_SEED.
	Seed uint64

	// Patience is how long nothing may happen before the run ends with a problem; default
	// 60 s.
	Patience time.Duration

	// Disturb is called at the random points in place of killing the process, with the number of
	// the call, from 0. It returns when the next may follow; an error ends the run. nil: the process is
	// killed.
	Disturb func(n int) error
}

func (o *Options) withDefaults() (Options, error) {
	var r Options
	if o != nil {
		r = *o
	}
	for _, v := range []struct {
		value *int
		name  string
		def   int
	}{
		{&r.Sessions, "CRASHTEST_SESSIONS", 200},
		{&r.Events, "CRASHTEST_EVENTS", 50},
		{&r.Kills, "CRASHTEST_KILLS", 100},
	} {
		if *v.value <= 0 {
			*v.value = v.def
		}
		if text := os.Getenv(v.name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return r, fmt.Errorf("crashtest: %s=%q is no number", v.name, text)
			}
			*v.value = n
		}
	}
	if text := os.Getenv("CRASHTEST_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return r, fmt.Errorf("crashtest: CRASHTEST_SEED=%q is no number", text)
		}
		r.Seed = n
	}
	if r.Seed == 0 {
		r.Seed = rand.Uint64()
	}
	if r.Patience <= 0 {
		r.Patience = time.Minute
	}
	return r, nil
}

// Report is the outcome of a run. The texts name session and event.
type Report struct {
	Sessions, Events int // how many there were; Events is the sum over all sessions
	Kills            int // or disturbances
	Resent           int // events that were sent again, as the answer did not come
	Effects          int // in the ledger
	Repeats          int // effects that came again, and were dropped
	Elapsed          time.Duration

	Missing []string // accepted events of which nothing is known
	Twice   []string // steps taken twice
	Lost    []string // effects, timers and events between sessions that did not happen
	Other   []string // what kept the run from its end
}

// Problems returns all that is wrong, nil when nothing is.
func (r *Report) Problems() []string {
	var all []string
	for _, kind := range []struct {
		name string
		list []string
	}{{"missing", r.Missing}, {"twice", r.Twice}, {"lost", r.Lost}, {"other", r.Other}} {
		for _, text := range kind.list {
			all = append(all, kind.name+": "+text)
		}
	}
	return all
}

// String sums the run up in a line.
func (r *Report) String() string {
	return fmt.Sprintf("%d sessions, %d events, %d kills in %.1fs: %d events sent again, %d effects, %d of them repeated; missing %d, twice %d, lost %d",
		r.Sessions, r.Events, r.Kills, r.Elapsed.Seconds(), r.Resent, r.Effects, r.Repeats, len(r.Missing), len(r.Twice), len(r.Lost))
}

// Run plays a run and fails the test when anything is missing, lost or there twice. It is called once in a
// test or subtest, before anything that need not be done in the second process too: there
// it does not return.
func Run(t *testing.T, target Target, opts *Options) {
	t.Helper()
	r := Play(t, target, opts)
	if problems := r.Problems(); len(problems) > 0 {
		t.Errorf("%s", strings.Join(problems, "\n"))
	}
}

// Play is Run without a verdict: for tests that expect problems. The run ends early at the first
// one.
func Play(t *testing.T, target Target, opts *Options) *Report {
	t.Helper()
	if place, ok := os.LookupEnv(placeVariable); ok {
		os.Exit(serve(target, place))
	}
	o, err := opts.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("CRASHTEST_SEED=%d", o.Seed)
	d := newDriver(t.Name(), target.Place(t), &o)
	r := d.run(target)
	t.Logf("%s", r)
	return r
}
