package session_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

func TestVirtualClockRunsInOrder(t *testing.T) {
	c := session.NewVirtualClock(noon)
	var got []string
	note := func(name string) func() {
		return func() { got = append(got, fmt.Sprintf("%s@%s", name, c.Now().Sub(noon))) }
	}
	c.AfterFunc(3*time.Second, note("c"))
	c.AfterFunc(time.Second, func() {
		note("a")()
		c.AfterFunc(time.Second, note("nested"))
		c.AfterFunc(-time.Hour, note("at once"))
	})
	c.AfterFunc(time.Second, note("b"))
	stop := c.AfterFunc(2*time.Second, note("stopped"))
	assert.True(t, stop())
	assert.False(t, stop())
	late := c.AfterFunc(time.Hour, note("late"))

	next, ok := c.Next()
	require.True(t, ok)
	assert.Equal(t, noon.Add(time.Second), next)
	c.Advance(10 * time.Second)
	assert.Equal(t, []string{"a@1s", "b@1s", "at once@1s", "nested@2s", "c@3s"}, got)
	assert.Equal(t, noon.Add(10*time.Second), c.Now())
	assert.True(t, late())
	_, ok = c.Next()
	assert.False(t, ok)
}

// TestVirtualClockManyAlarms compares the clock with a sorted list.
func TestVirtualClockManyAlarms(t *testing.T) {
	c := session.NewVirtualClock(noon)
	random := rand.New(rand.NewPCG(1, 2))
	type alarm struct{ due, seq int }
	var want, got []alarm
	var stops []func() bool
	for seq := range 5000 {
		a := alarm{random.IntN(1000), seq}
		want = append(want, a)
		stops = append(stops, c.AfterFunc(time.Duration(a.due), func() { got = append(got, a) }))
	}
	for _, i := range random.Perm(len(stops))[:2500] {
		require.True(t, stops[i]())
		want[i].due = -1
	}
	want = slices.DeleteFunc(want, func(a alarm) bool { return a.due < 0 })
	slices.SortFunc(want, func(a, b alarm) int {
		if a.due != b.due {
			return a.due - b.due
		}
		return a.seq - b.seq
	})
	c.Advance(1000)
	assert.Equal(t, want, got)
}

const weekly = `<state id="work">
	<onentry><send event="home" delay="604800s"/><send event="tick" delay="86400s" id="t"/></onentry>
	<transition event="tick"><log label="tick"/><send event="tick" delay="86400s"/></transition>
	<transition event="home" target="end"/>
</state><final id="end"/>`

func TestAWeekUnderAVirtualClock(t *testing.T) {
	b := newBench(t, nil)
	id := b.start(chart(weekly))
	assert.Equal(t, []string{"work"}, b.active(id))
	st, err := b.Query(deadline(t), id)
	require.NoError(t, err)
	require.Len(t, st.Timers, 2)
	assert.Equal(t, session.PendingTimer{SendID: "t", Event: "tick", Due: noon.Add(24 * time.Hour)}, st.Timers[0])
	assert.Equal(t, "home", st.Timers[1].Event)

	b.clock.Advance(7*24*time.Hour - time.Second)
	assert.Len(t, b.logged(), 6)
	b.clock.Advance(time.Second)
	assert.Equal(t, session.Finished, b.result(id).Reason)
	_, pending := b.clock.Next()
	assert.False(t, pending, "the timers of a session end with it")
}

// TestSystemClock runs the same chart in a bubble in which time is not real.
func TestSystemClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ticks := 0
		e, err := session.New(&session.Options{Log: func(string, scxml.LogEntry) { ticks++ }})
		require.NoError(t, err)
		id, err := e.Start(t.Context(), session.StartRequest{Document: parse(t, chart(weekly))})
		require.NoError(t, err)
		began := time.Now()
		r, err := e.Wait(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, session.Finished, r.Reason)
		assert.Equal(t, 7*24*time.Hour, time.Since(began))
		assert.Contains(t, []int{6, 7}, ticks, "the seventh tick and the end have the same time")
		require.NoError(t, e.Shutdown(t.Context()))
	})
}

// TestOneOrder checks that with one worker a run can be repeated exactly.
func TestOneOrder(t *testing.T) {
	run := func() []string {
		b := newBench(t, nil)
		doc := parse(t, chart(`<state id="a">
			<onentry><send event="t" delay="1s"/><log label="in"/></onentry>
			<transition event="t"><log label="t"/><send event="u"/><send event="t" delay="700ms"/></transition>
			<transition event="u"><log label="u"/></transition>
		</state>`))
		for range 20 {
			_, err := b.Start(deadline(t), session.StartRequest{Document: doc})
			require.NoError(t, err)
		}
		b.clock.Advance(10 * time.Second)
		return b.logged()
	}
	want := run()
	assert.Len(t, want, 20+20*13*2)
	for range 5 {
		assert.Equal(t, want, run())
	}
}

// tickingClock shows a later time whenever it is looked at.
type tickingClock struct {
	session.SystemClock
	ticks atomic.Int64
}

func (c *tickingClock) Now() time.Time {
	return noon.Add(time.Duration(c.ticks.Add(1)) * time.Millisecond)
}

// TestOneTimeForAMacrostep: delayed sends with the same delay keep their order.
func TestOneTimeForAMacrostep(t *testing.T) {
	for _, durably := range []bool{false, true} {
		o := &session.Options{Clock: &tickingClock{}}
		if durably {
			store, err := memstore.New(nil)
			require.NoError(t, err)
			o.Store = store
		}
		e, err := session.New(o)
		require.NoError(t, err)
		if durably {
			_, err = e.Recover(t.Context())
			require.NoError(t, err)
		}
		id, err := e.Start(t.Context(), session.StartRequest{Document: parse(t, chart(
			`<state id="s"><onentry><send event="a" delay="1h"/><log label="x"/><send event="b" delay="1h"/></onentry></state>`))})
		require.NoError(t, err)
		require.NoError(t, e.Settle(deadline(t)))
		st, err := e.Query(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, st.Timers, 2)
		assert.Equal(t, st.Timers[0].Due, st.Timers[1].Due)
		assert.Equal(t, "a", st.Timers[0].Event)
		require.NoError(t, e.Shutdown(deadline(t)))
	}
}
