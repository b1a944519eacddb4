package sim_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestDistributions(t *testing.T) {
	mean := func(d sim.Distribution) (mean, deviation time.Duration) {
		const n = 40_000
		r := rand.New(rand.NewPCG(1, 2))
		var sum, squares float64
		for range n {
			x := d(r).Seconds()
			if x < 0 {
				t.Fatalf("drew %g", x)
			}
			sum, squares = sum+x, squares+x*x
		}
		variance := squares/n - (sum/n)*(sum/n)
		return time.Duration(sum / n * 1e9), time.Duration(math.Sqrt(variance) * 1e9)
	}
	near := func(want, got time.Duration) {
		t.Helper()
		assert.InEpsilon(t, want.Seconds(), got.Seconds(), 0.03)
	}
	m, _ := mean(sim.Constant(time.Second))
	assert.InDelta(t, 1, m.Seconds(), 1e-6)
	m, _ = mean(sim.Constant(-time.Second))
	assert.Zero(t, m)
	m, _ = mean(sim.Uniform(time.Second, 3*time.Second))
	near(2*time.Second, m)
	m, dev := mean(sim.Exponential(5 * time.Second))
	near(5*time.Second, m)
	near(5*time.Second, dev)
	m, dev = mean(sim.LogNormal(4*time.Minute, 2*time.Minute))
	near(4*time.Minute, m)
	near(2*time.Minute, dev)
}

// The same seed gives the same calls; the stream ends where it should.
func TestGenerate(t *testing.T) {
	run := func(seed uint64) (lines []string) {
		clock := session.NewVirtualClock(noon)
		sw := sim.New(&sim.Options{Clock: clock, MaxCalls: 5})
		require.NoError(t, sw.AddRoutePoint("5000", sim.RoutePoint{}))
		a, err := sw.Generate(sim.Load{
			DN: "5000", Every: sim.Exponential(time.Second), Calls: 20,
			Caller: func(n int, r *rand.Rand) sim.Caller {
				return sim.Caller{ANI: strconv.Itoa(n), Patience: sim.Uniform(time.Second, 9*time.Second)(r)}
			},
			Made: func(id telephony.ConnID, err error) {
				text := id.String()
				if err != nil {
					require.ErrorIs(t, err, sim.ErrTooManyCalls)
					text = "lost"
				}
				lines = append(lines, clock.Now().Sub(noon).String()+" "+text)
			},
		}, rand.New(rand.NewPCG(seed, 0)))
		require.NoError(t, err)
		clock.Advance(time.Hour)
		made, lost := a.Count()
		require.Equal(t, 20, made+lost)
		require.NotZero(t, lost)
		require.Zero(t, sw.Calls())
		return lines
	}
	first := run(7)
	assert.Equal(t, first, run(7))
	assert.NotEqual(t, first, run(8))

	clock := session.NewVirtualClock(noon)
	sw := sim.New(&sim.Options{Clock: clock})
	require.NoError(t, sw.AddRoutePoint("5000", sim.RoutePoint{}))
	a, err := sw.Generate(sim.Load{DN: "5000", Every: sim.Constant(time.Second)}, rand.New(rand.NewPCG(1, 1)))
	require.NoError(t, err)
	clock.Advance(3500 * time.Millisecond)
	a.Stop()
	a.Stop()
	clock.Advance(time.Hour)
	made, _ := a.Count()
	assert.Equal(t, 3, made)
	_, err = sw.Generate(sim.Load{DN: "5000"}, nil)
	require.ErrorContains(t, err, "needs")
}

// One operation is a minute of a switch with 100 calls in a second and 21,000
// agents: each caller keys a digit, hears music, is routed, talks for three minutes, and the agent
// works after the call. The program that routes is as simple as can be. speed is simulated time by
// real time: an hour takes 3600/speed seconds, and as many operations as minutes.
func BenchmarkHundredCallsPerSecond(b *testing.B) {
	const agents = 21_000
	clock := session.NewVirtualClock(noon)
	sw := sim.New(&sim.Options{Clock: clock})
	require.NoError(b, sw.AddRoutePoint("5000", sim.RoutePoint{Timeout: time.Minute, RingTimeout: 15 * time.Second}))
	r := rand.New(rand.NewPCG(1, 1))
	handle := sim.Habits{Answer: sim.Uniform(time.Second, 5*time.Second), Talk: sim.LogNormal(3*time.Minute, 2*time.Minute),
		AfterCallWork: sim.Constant(15 * time.Second)}.Handle(r)
	link := sw.Connect()
	var free []string
	link.Subscribe(func(e telephony.Event) {
		switch e := e.(type) {
		case *telephony.EventAgentReady:
			free = append(free, e.ThisDN)
		case *telephony.EventRouteRequest:
			link.Send(&telephony.RequestApplyTreatment{ThisDN: e.ThisDN, ConnID: e.ConnID, TreatmentType: telephony.TreatmentCollectDigits}, nil)
		case *telephony.EventTreatmentEnd:
			link.Send(&telephony.RequestApplyTreatment{ThisDN: e.ThisDN, ConnID: e.ConnID, TreatmentType: telephony.TreatmentMusic}, nil)
			link.Send(&telephony.RequestRouteCall{ThisDN: e.ThisDN, ConnID: e.ConnID, Destination: free[0]}, nil)
			free = free[1:]
		}
	})
	clock.Advance(0)
	link.Send(&telephony.RequestRegisterAddress{ThisDN: "5000"}, nil)
	for i := range agents {
		id, dn := strconv.Itoa(i), strconv.Itoa(100_000+i)
		require.NoError(b, sw.AddExtension(dn, sim.Extension{}))
		require.NoError(b, sw.AddAgent(sim.Agent{ID: id, Handle: handle}))
		link.Send(&telephony.RequestRegisterAddress{ThisDN: dn}, nil)
		clock.Advance(0)
		require.NoError(b, sw.Login(id, dn))
		require.NoError(b, sw.Ready(id))
	}
	clock.Advance(0)
	require.Len(b, free, agents)
	arrivals, err := sw.Generate(sim.Load{DN: "5000", Every: sim.Exponential(10 * time.Millisecond),
		Caller: func(int, *rand.Rand) sim.Caller { return sim.Caller{Patience: time.Minute, Keys: sim.KeyInTurn("1")} },
	}, r)
	require.NoError(b, err)
	clock.Advance(10 * time.Minute) // as many calls as there will ever be
	before, _ := arrivals.Count()
	b.ReportAllocs()
	for b.Loop() {
		clock.Advance(time.Minute)
	}
	made, lost := arrivals.Count()
	require.Zero(b, lost)
	b.ReportMetric(float64(made-before)/float64(b.N)/60, "calls/s-simulated")
	b.ReportMetric(float64(sw.Calls()), "calls-at-once")
	b.ReportMetric(60*float64(b.N)/b.Elapsed().Seconds(), "speed")
	require.NoError(b, link.Close())
}
