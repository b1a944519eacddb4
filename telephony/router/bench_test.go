package router_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony/router"
)

// The floor of the benchmarks: 10,000 agents with 20 of 40 skills each.
const benchAgents = 10_000

func benchSkills(rnd *rand.Rand) map[string]int {
	skills := make(map[string]int, 20)
	for _, s := range rnd.Perm(40)[:20] {
		skills[fmt.Sprint("S", s)] = 1 + rnd.IntN(10)
	}
	return skills
}

func benchExpression(rnd *rand.Rand) string {
	a, b, c := rnd.IntN(40), rnd.IntN(40), rnd.IntN(40)
	switch rnd.IntN(3) {
	case 0:
		return fmt.Sprintf("S%d > %d", a, 4+rnd.IntN(5))
	case 1:
		return fmt.Sprintf("S%d >= %d & S%d > %d", a, 1+rnd.IntN(5), b, rnd.IntN(5))
	}
	return fmt.Sprintf("S%d > %d & (S%d > 5 | S%d > 7)", a, 1+rnd.IntN(4), b, c)
}

type benchFloor struct {
	*router.Router
	clock       *session.VirtualClock
	rnd         *rand.Rand
	expressions [][]router.Target
	agents      []string
	plain       plain
	served      []router.ID
}

func newBenchFloor(b *testing.B, expressions int) *benchFloor {
	f := &benchFloor{clock: session.NewVirtualClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), rnd: rand.New(rand.NewPCG(1, 2))}
	f.Router = router.New(&router.Options{Clock: f.clock, Reservation: time.Hour})
	for i := range benchAgents {
		a := router.Agent{ID: fmt.Sprint("a", i), DN: fmt.Sprint(i), Skills: benchSkills(f.rnd)}
		require.NoError(b, f.SetAgent(a))
		f.agents = append(f.agents, a.ID)
		f.plain.agents = append(f.plain.agents, &plainAgent{id: a.ID, skills: a.Skills})
	}
	for range expressions {
		list, err := router.ParseTargets("?:" + benchExpression(f.rnd) + "@Stat.GA")
		require.NoError(b, err)
		f.expressions = append(f.expressions, list)
	}
	return f
}

func (f *benchFloor) submit(b *testing.B) {
	list, priority := f.expressions[f.rnd.IntN(len(f.expressions))], f.rnd.IntN(7)
	var id router.ID
	id, err := f.Submit(router.Request{Targets: list, Priority: priority}, func(router.Selection, error) { f.served = append(f.served, id) })
	require.NoError(b, err)
}

// BenchmarkDecision measures what it takes to give an agent who becomes free to
// the first of 5,000 waiting requests of 500 expressions, and of more, and to find an agent among those of 10,000 who are free for a
// new request; then the same by a plain scan.
func BenchmarkDecision(b *testing.B) {
	b.Run("agent", func(b *testing.B) { benchAgent(b, 5_000, 500) })
	b.Run("agent among 50000 requests", func(b *testing.B) { benchAgent(b, 50_000, 500) })
	b.Run("agent among 5000 expressions", func(b *testing.B) { benchAgent(b, 5_000, 5_000) })
	b.Run("request", benchRequest)
}

func benchAgent(b *testing.B, requests, expressions int) {
	f := newBenchFloor(b, expressions)
	for i := range requests {
		f.submit(b)
		f.plain.waiting = append(f.plain.waiting, &plainRequest{id: i, skill: f.expressions[f.rnd.IntN(len(f.expressions))][0].Skill, priority: f.rnd.IntN(7), since: int64(i), objective: 1})
	}
	times := make([]time.Duration, 0, 1<<16)
	for b.Loop() {
		id := f.agents[f.rnd.IntN(len(f.agents))]
		begun := time.Now()
		_ = f.SetAgentState(id, router.Ready)
		times = append(times, time.Since(begun))
		f.clock.Advance(0)
		for _, q := range f.served {
			f.Cancel(q)
			f.submit(b)
		}
		f.served = f.served[:0]
		_ = f.SetAgentState(id, router.NotReady)
	}
	scans := make([]time.Duration, 51)
	for i := range scans {
		begun := time.Now()
		f.plain.first(f.plain.agents[f.rnd.IntN(len(f.plain.agents))], 0)
		scans[i] = time.Since(begun)
	}
	report(b, times, scans)
}

func benchRequest(b *testing.B) {
	f := newBenchFloor(b, 500)
	for turn, i := range f.rnd.Perm(len(f.agents))[:benchAgents/2] {
		require.NoError(b, f.SetAgentState(f.agents[i], router.Ready))
		f.plain.agents[i].ready, f.plain.agents[i].turn = true, int64(turn)
	}
	times := make([]time.Duration, 0, 1<<16)
	for b.Loop() {
		begun := time.Now()
		f.submit(b)
		times = append(times, time.Since(begun))
		f.clock.Advance(0)
		for _, q := range f.served {
			f.Cancel(q)
		}
		f.served = f.served[:0]
	}
	scans := make([]time.Duration, 51)
	for i := range scans {
		begun := time.Now()
		f.plain.find(&plainRequest{skill: f.expressions[f.rnd.IntN(len(f.expressions))][0].Skill})
		scans[i] = time.Since(begun)
	}
	report(b, times, scans)
}

func report(b *testing.B, times, scans []time.Duration) {
	slices.Sort(times)
	slices.Sort(scans)
	median, scan := times[len(times)/2], scans[len(scans)/2]
	b.ReportMetric(float64(median.Nanoseconds())/1e3, "µs/median")
	b.ReportMetric(float64(times[len(times)*99/100].Nanoseconds())/1e3, "µs/p99")
	b.ReportMetric(float64(scan.Nanoseconds())/1e3, "µs/scan")
	b.ReportMetric(float64(scan)/float64(max(median, 1)), "scan/median")
}
