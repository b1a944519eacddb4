package main

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// BenchmarkSession starts sessions of the frame, which includes the workflow (87
// states), two sub-routines twice each, and eight libraries. "start" is what
// starting costs: the libraries, the data, the frame's first states. "call" goes on to the
// first announcement: a call on the switch, the entry of the workflow, user data, opening
// hours, a treatment. Each reports the memory that a session holds at rest.
func BenchmarkSession(b *testing.B) {
	ctx := context.Background()
	for name, start := range map[string]func(*centre) error{
		"start": func(c *centre) error {
			_, err := c.engine.Start(ctx, session.StartRequest{URL: frameURL})
			return err
		},
		"call": func(c *centre) error {
			_, err := c.sw.Call("5000", sim.Caller{ANI: "+49 30 1234567"})
			c.clock.Advance(0)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			p, _ := find("routed")
			c, err := newCentre(p, settings{url: frameURL})
			require.NoError(b, err)
			defer c.close()
			begin := func() {
				if err := start(c); err != nil {
					b.Fatal(err)
				}
				if err := c.engine.Settle(ctx); err != nil {
					b.Fatal(err)
				}
			}
			begin() // the document is loaded
			const sessions = 200
			before := heap()
			for range sessions {
				begin()
			}
			held := float64(heap()-before) / sessions
			b.ReportAllocs()
			for b.Loop() {
				begin()
				if c.engine.Len() > 2*sessions {
					b.StopTimer()
					end(b, c)
					b.StartTimer()
				}
			}
			b.ReportMetric(held, "heap-bytes/session")
		})
	}
}

// TestSessionIsSmall guards what a session holds after its start.
func TestSessionIsSmall(t *testing.T) {
	p, _ := find("routed")
	c, err := newCentre(p, settings{url: frameURL})
	require.NoError(t, err)
	defer c.close()
	begin := func(n int) {
		for range n {
			_, err := c.engine.Start(context.Background(), session.StartRequest{URL: frameURL})
			require.NoError(t, err)
		}
		require.NoError(t, c.engine.Settle(context.Background()))
	}
	begin(1) // the document is loaded
	const sessions = 100
	before := heap()
	begin(sessions)
	if held := (heap() - before) / sessions; held > 150_000 {
		t.Errorf("a session holds %d bytes", held)
	}
}

// end terminates all sessions.
func end(b *testing.B, c *centre) {
	for _, info := range c.engine.Sessions() {
		require.NoError(b, c.engine.Terminate(context.Background(), info.ID))
	}
	require.NoError(b, c.engine.Settle(context.Background()))
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
