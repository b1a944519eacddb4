// Command contact-centre runs an hour of a contact centre in virtual time: 500
// callers, 50 agents with three skills, an SCXML strategy that finds agents for callers. It prints
// the service level, how many gave up, how long they waited, and the story of one call with the
// router's explanation.
//
//	go run ./examples/contact-centre
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

func main() {
	agents := flag.Int("agents", 50, "how many agents there are")
	calls := flag.Int("calls", 500, "how many callers there are")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	flag.Parse()
	if err := run(os.Stdout, os.Stderr, *agents, *calls, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "contact-centre:", err)
		os.Exit(1)
	}
}

// run plays the centre and prints the report to out, and to problems what an operator
// has to know.
func run(out, problems io.Writer, agents, calls int, seed uint64) error {
	ctx := context.Background()
	begin := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	clock := session.NewVirtualClock(begin)
	report := newReport(begin)
	c, err := newCentre(settings{
		clock: clock, workers: 1, // with virtual time: the same order in every run
		agents: agents,
		skills: skillsOf,
		habits: sim.Habits{
			Answer:        sim.Uniform(time.Second, 6*time.Second),
			Talk:          sim.LogNormal(4*time.Minute, 2*time.Minute),
			AfterCallWork: sim.Uniform(10*time.Second, 40*time.Second),
			NoAnswer:      0.01,
		},
		point:   sim.RoutePoint{RingTimeout: 15 * time.Second},
		rand:    rand.New(rand.NewPCG(seed, 1)),
		trace:   report.event,
		decided: report.decided,
		logger:  slog.New(slog.NewTextHandler(problems, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	defer c.close()
	clock.Advance(0) // the DNs are registered
	if err := c.ready(ctx); err != nil {
		return err
	}
	clock.Advance(time.Minute)

	arrivals, err := c.sw.Generate(sim.Load{
		DN: entry, Calls: calls,
		Every:  sim.Exponential(6 * time.Second),
		Caller: caller,
	}, rand.New(rand.NewPCG(seed, 2)))
	if err != nil {
		return err
	}
	for {
		clock.Advance(time.Minute)
		if made, lost := arrivals.Count(); made+lost == calls && c.sw.Calls() == 0 {
			break
		}
	}
	clock.Advance(time.Hour) // callers who call back
	report.print(out, agents, arrivals)
	return nil
}

// skillsOf are the skills of agent i: every one has one of them well, every other one a
// second one a little.
func skillsOf(i int) map[string]int {
	levels := map[string]int{skills[i%3]: 6 + i%4}
	if i%2 == 0 {
		levels[skills[(i/2+1)%3]] += 2
	}
	return levels
}

// caller draws a caller: what the call is about, how patient, how important.
func caller(n int, r *rand.Rand) sim.Caller {
	c := sim.Caller{
		ANI:      "+4930" + strconv.Itoa(1000000+n),
		Patience: sim.LogNormal(3*time.Minute, 2*time.Minute)(r) + 10*time.Second,
		CallBack: 10 * time.Minute,
	}
	segment := "standard"
	if r.IntN(10) == 0 {
		segment = "gold"
	}
	c.UserData = telephony.KVList{{Key: "segment", Value: telephony.String(segment)}}
	if about := r.IntN(10); about < 9 { // the others key nothing
		c.Keys = sim.KeyInTurn(strconv.Itoa(about%3 + 1))
	}
	if r.IntN(2) == 0 {
		c.Retries = 1
	}
	return c
}
