package main

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// shortest is a strategy that does nothing but find an agent with one of 20 skills.
const shortest = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
  xmlns:queue="http://www.genesyslab.com/modules/queue">
<datamodel><data id="ixn"/><data id="req"/></datamodel>
<state id="arriving">
  <transition event="interaction.onrouterequest" target="waiting"><assign location="ixn" expr="_event.data.interactionid"/></transition>
  <transition event="interaction.deleted" target="over"/>
</state>
<state id="waiting">
  <onentry><queue:submit requestid="req" interactionid="ixn" queue="'VQ'" timeout="60">
    <queue:targets><queue:targetid expr="'?:(Skill' + (_genesys.ixn.interactions[ixn].voice.ani % 20) + ' &gt; 0)@.GA'"/></queue:targets>
  </queue:submit></onentry>
  <transition event="queue.submit.done" target="over"/>
  <transition event="error.queue.submit" target="over"/>
  <transition event="interaction.deleted" target="over"/>
</state>
<final id="over"/></scxml>`

// BenchmarkCall is a call from end to end in real time: the switch asks for a route, a
// session of the strategy starts and asks the router, which knows 2,000 agents with two of 20 skills each; the
// call is routed. The engine time is from EventRouteRequest to EventRouteUsed, both as the switch
// notes them.
//
// sustained makes calls as fast as 64 of them at a time are routed; paced makes 1,000 in a second.
func BenchmarkCall(b *testing.B) {
	b.Run("sustained", func(b *testing.B) { benchmarkCalls(b, 0) })
	b.Run("paced", func(b *testing.B) { benchmarkCalls(b, 1000) })
}

func benchmarkCalls(b *testing.B, rate float64) {
	const agents, inFlight = 2000, 64
	var mu sync.Mutex
	asked := map[telephony.ConnID]time.Time{}
	var took []time.Duration
	routed := make(chan struct{}, inFlight)
	for range inFlight {
		routed <- struct{}{}
	}
	finished := make(chan struct{}, 1)
	n, done := 0, 0
	c, err := newCentre(settings{
		clock: session.SystemClock{}, agents: agents,
		strategy: "app:/shortest.scxml", files: fs.FS(fstest.MapFS{"shortest.scxml": {Data: []byte(shortest)}}),
		skills: func(i int) map[string]int {
			return map[string]int{fmt.Sprint("Skill", i%20): 5, fmt.Sprint("Skill", (i*7+1)%20): 3}
		},
		habits: sim.Habits{Answer: sim.Constant(20 * time.Millisecond), Talk: sim.Constant(200 * time.Millisecond),
			AfterCallWork: sim.Constant(50 * time.Millisecond)},
		rand: rand.New(rand.NewPCG(1, 1)),
		trace: func(e telephony.Event) {
			a, ok := telephony.CallOf(e)
			if !ok {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			switch e.(type) {
			case *telephony.EventRouteRequest:
				asked[a.ConnID] = e.Header().Time
			case *telephony.EventRouteUsed:
				took = append(took, e.Header().Time.Sub(asked[a.ConnID]))
				delete(asked, a.ConnID)
				if done++; rate == 0 {
					routed <- struct{}{}
				}
				select {
				case finished <- struct{}{}:
				default:
				}
			}
		},
	})
	require.NoError(b, err)
	defer c.close()
	require.NoError(b, c.ready(context.Background()))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	begin := time.Now()
	for b.Loop() {
		if rate == 0 {
			<-routed
		} else {
			for float64(n) >= time.Since(begin).Seconds()*rate {
				<-tick.C
			}
		}
		if _, err := c.sw.Call(entry, sim.Caller{ANI: strconv.Itoa(n)}); err != nil {
			b.Fatal(err)
		}
		n++
	}
	for {
		mu.Lock()
		over := done == n
		mu.Unlock()
		if over {
			break
		}
		<-finished
	}
	b.ReportMetric(float64(n)/time.Since(begin).Seconds(), "calls/s")
	slices.Sort(took)
	b.ReportMetric(milliseconds(took[len(took)/2]), "p50-ms")
	b.ReportMetric(milliseconds(took[len(took)*99/100]), "p99-ms")
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
