package scxml_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// chart wraps states into an <scxml> of the null data model.
func chart(states string) string {
	return `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null">` + states + `</scxml>`
}

func machine(t testing.TB, source string, opts *scxml.MachineOptions) *scxml.Machine {
	t.Helper()
	m, err := scxml.NewMachine(parse(t, source, nil), opts)
	require.NoError(t, err)
	return m
}

func TestMachineLife(t *testing.T) {
	m := machine(t, chart(`<state id="a"><transition event="go.*" target="b"/></state><final id="b"/>`), nil)
	_, err := m.Handle(&scxml.Event{Name: "go"})
	require.ErrorIs(t, err, scxml.ErrNotStarted)
	require.Empty(t, m.Active())

	_, err = m.Start()
	require.NoError(t, err)
	_, err = m.Start()
	require.ErrorIs(t, err, scxml.ErrStarted)
	require.True(t, m.In("a"))
	require.False(t, m.In("b"))
	require.False(t, m.In("no such state"))

	for _, ignored := range []string{"gone", "GO", "", "g", "other.go"} {
		_, err = m.Handle(&scxml.Event{Name: ignored})
		require.NoError(t, err)
		require.Equal(t, []string{"a"}, m.Configuration(), ignored)
	}
	_, err = m.Handle(&scxml.Event{Name: "go.now"})
	require.NoError(t, err)
	require.True(t, m.Done())
	require.Equal(t, []string{"b"}, m.Configuration(), "the last configuration stays visible")
	require.False(t, m.In("b"), "nothing is active any more")
	_, err = m.Handle(&scxml.Event{Name: "go"})
	require.ErrorIs(t, err, scxml.ErrDone)
	effects, err := m.Stop()
	require.NoError(t, err)
	require.Empty(t, effects)
	require.NoError(t, m.Close())
	require.NoError(t, m.Close())
}

func TestMachineStopBeforeStart(t *testing.T) {
	m := machine(t, chart(`<state id="a"><onexit><raise event="x"/></onexit></state>`), nil)
	_, err := m.Stop()
	require.NoError(t, err)
	require.True(t, m.Done())
}

// Hitting a limit ends the session with an error that names it, and nothing else.
func TestMachineLimits(t *testing.T) {
	raise := strings.Repeat(`<raise event="x"/>`, 8)
	send := strings.Repeat(`<send event="x"/>`, 8)
	for name, c := range map[string]struct {
		states string
		limits scxml.Limits
		limit  string
	}{
		"eventless loop":  {`<state id="a"><transition event="go" target="b"/></state><state id="b"><transition target="c"/></state><state id="c"><transition target="b"/></state>`, scxml.Limits{}, "state entries"},
		"targetless loop": {`<state id="a"><transition event="go" target="b"/></state><state id="b"><transition cond="In('b')"/></state>`, scxml.Limits{}, "microsteps"},
		"raise loop":      {`<state id="a"><transition event="go x"><raise event="x"/></transition></state>`, scxml.Limits{}, "microsteps"},
		"raise storm":     {`<state id="a"><transition event="go x">` + raise + `</transition></state>`, scxml.Limits{Queue: 100}, "internal queue"},
		"send storm":      {`<state id="a"><transition event="go">` + send + `</transition></state>`, scxml.Limits{Effects: 7}, "effects"},
		"done loop":       {`<state id="a"><transition event="go" target="p"/></state><state id="p" initial="f"><final id="f"/><transition event="done.state.p" target="p"/></state>`, scxml.Limits{StateEntries: 20}, "state entries"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := &scxml.MachineOptions{Limits: c.limits}
			m, other := machine(t, chart(c.states), opts), machine(t, chart(c.states), opts)
			for _, m := range []*scxml.Machine{m, other} {
				_, err := m.Start()
				require.NoError(t, err)
			}
			_, err := m.Handle(&scxml.Event{Name: "go"})
			var limit *scxml.LimitError
			require.ErrorAs(t, err, &limit)
			require.ErrorIs(t, err, scxml.ErrLimit)
			require.Equal(t, c.limit, limit.Limit)
			require.Contains(t, err.Error(), c.limit)
			require.True(t, m.Done())
			require.Equal(t, err, m.Err())
			_, again := m.Handle(&scxml.Event{Name: "go"})
			require.Equal(t, err, again)
			_, err = m.Snapshot(nil)
			require.ErrorIs(t, err, scxml.ErrLimit, "a failed session is not saved")
			_, err = other.Handle(&scxml.Event{Name: "unknown"})
			require.NoError(t, err, "another session of the same document goes on")
		})
	}
}

// A negative limit is no limit.
func TestMachineWithoutLimit(t *testing.T) {
	raise := strings.Repeat(`<raise event="x"/>`, 20)
	m := machine(t, chart(`<state id="a"><transition event="go">`+raise+`</transition></state>`), &scxml.MachineOptions{Limits: scxml.Limits{Queue: -1}})
	_, err := m.Start()
	require.NoError(t, err)
	_, err = m.Handle(&scxml.Event{Name: "go"})
	require.NoError(t, err)
}

// What was invoked is cancelled when a session fails.
func TestMachineFailureCancelsInvocations(t *testing.T) {
	m := machine(t, chart(`<state id="a"><invoke id="child" src="x.scxml"/><transition event="go"><raise event="go"/></transition></state>`), nil)
	effects, err := m.Start()
	require.NoError(t, err)
	require.Len(t, effects, 1)
	effects, err = m.Handle(&scxml.Event{Name: "go"})
	require.ErrorIs(t, err, scxml.ErrLimit)
	require.Equal(t, []scxml.Effect{&scxml.CancelInvoke{ID: "child", Serial: 1}}, effects)
}

func TestParseDelay(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1s": time.Second, ".5s": time.Second / 2, "1.5s": 1500 * time.Millisecond, "500ms": 500 * time.Millisecond,
		" 2s ": 2 * time.Second, "+1s": time.Second, "0s": 0, "0.25ms": 250 * time.Microsecond, "365000000s": 365000000 * time.Second, "2m": 2 * time.Minute, "1.5h": 90 * time.Minute, "7d": 7 * 24 * time.Hour,
	} {
		got, err := scxml.ParseDelay(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "s", "ms", "1", "1w", "-1s", "1.2.3s", "1e9s", "NaNs", "Infs", "1 s s", "99999999999s", "0x10s", "1_0s", ".s"} {
		_, err := scxml.ParseDelay(text)
		var delay *scxml.DelayError
		require.ErrorAs(t, err, &delay, text)
		require.Contains(t, err.Error(), "1.5s", "the error shows how to write it")
	}
}

func TestRestoreRefuses(t *testing.T) {
	source := chart(`<state id="a"><history id="h"><transition target="b"/></history><state id="b"/><state id="c"/><invoke id="i" src="x"/><transition event="go" target="h"/></state>`)
	m := machine(t, source, nil)
	_, err := m.Start()
	require.NoError(t, err)
	_, err = m.Handle(&scxml.Event{Name: "go", InvokeID: "i", Data: datamodel.NewObject(datamodel.Member{Name: "k", Value: "v"})})
	require.NoError(t, err)
	snapshot, err := m.Snapshot(nil)
	require.NoError(t, err)

	_, err = scxml.RestoreMachine(parse(t, chart(`<state id="other"/>`), nil), snapshot, nil)
	require.ErrorIs(t, err, scxml.ErrDocument)
	newer := append([]byte{}, snapshot...)
	newer[0]++
	_, err = scxml.RestoreMachine(m.Document(), newer, nil)
	require.ErrorIs(t, err, scxml.ErrSnapshot)
	for n := range snapshot {
		_, err := scxml.RestoreMachine(m.Document(), snapshot[:n], nil)
		require.ErrorIs(t, err, scxml.ErrSnapshot, "cut after %d bytes", n)
	}
	_, err = scxml.RestoreMachine(m.Document(), append(newer[:0:0], append(snapshot, 0)...), nil)
	require.ErrorIs(t, err, scxml.ErrSnapshot)
	for i := 33; i < len(snapshot); i++ {
		for bit := range 8 {
			damaged := append([]byte{}, snapshot...)
			damaged[i] ^= 1 << bit
			again, err := scxml.RestoreMachine(m.Document(), damaged, nil)
			if err != nil {
				require.ErrorIs(t, err, scxml.ErrSnapshot)
				continue
			}
			// It reads as another state: running it may fail, but never panic.
			_, _ = again.Handle(&scxml.Event{Name: "go"})
			_, _ = again.Stop()
		}
	}
}

// Names of events from outside do not gather in a document.
func TestManyEventNames(t *testing.T) {
	m := machine(t, chart(`<state id="a"><transition event="known" target="b"/></state><state id="b"><transition event="known" target="a"/></state>`), nil)
	_, err := m.Start()
	require.NoError(t, err)
	long := strings.Repeat("x", 1<<16)
	before := heap()
	for i := range 10_000 {
		_, err := m.Handle(&scxml.Event{Name: fmt.Sprintf("known.%d", i)})
		require.NoError(t, err)
		_, err = m.Handle(&scxml.Event{Name: long[:i] + "y"})
		require.NoError(t, err)
	}
	require.Equal(t, []string{"a"}, m.Active())
	require.Less(t, int64(heap())-int64(before), int64(1<<20))
}

func ExampleMachine() {
	doc, err := scxml.Parse(context.Background(), []byte(`
<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null">
  <state id="ringing"><transition event="answer" target="talking"/></state>
  <state id="talking">
    <onentry><send event="reminder" delay="30s"/></onentry>
    <transition event="hangup" target="over"/>
  </state>
  <final id="over"/>
</scxml>`), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := scxml.NewMachine(doc, nil)
	if err == nil {
		_, err = m.Start()
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	effects, err := m.Handle(&scxml.Event{Name: "answer"})
	if errors.Is(err, scxml.ErrLimit) {
		fmt.Println("the session ran away")
	}
	fmt.Println(m.Active())
	for _, e := range effects {
		send := e.(*scxml.Send)
		fmt.Println("in", send.Delay, "send", send.Event.Name)
	}
	// Output:
	// [talking]
	// in 30s send reminder
}
