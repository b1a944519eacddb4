package linktest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
)

// verdict is a testing.TB that takes down what becomes of a test.
type verdict struct {
	testing.TB
	text string
}

func (v *verdict) Fatalf(format string, args ...any) {
	v.text = "FAIL " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (v *verdict) Fatal(args ...any) { v.Fatalf("%s", fmt.Sprint(args...)) }

func (v *verdict) Skipf(format string, args ...any) {
	v.text = "SKIP " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func inProcess(t testing.TB, s *Simulation) Connection {
	c := Connection{Driver: s.Switch, Interactions: s.Interactions}
	for _, name := range s.Servers {
		c.Endpoints = append(c.Endpoints, telephony.Endpoint{Address: name})
	}
	return c
}

// judge runs a scenario and returns what becomes of it; empty when it passes.
func judge(t *testing.T, target Target, text string) string {
	t.Helper()
	s, err := parse("test.txt", text)
	require.NoError(t, err)
	v := &verdict{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run(v, target, 50*time.Millisecond)
	}()
	<-done
	return v.text
}

// The suite must be able to fail: with each line that is wrong, and with each event too
// many or missing.
func TestFailures(t *testing.T) {
	const setting = `needs Monitor Route
routing-point 5000
extension 7001 answer=2s
queue q strategy
register 5000 7001
* call $c 5000 ANI=030
< EventQueued ThisDN=5000 ConnID=$c
`
	const request = "< EventRouteRequest ThisDN=5000 ConnID=$c\n"
	const routed = setting + request + "> RequestRouteCall ThisDN=5000 ConnID=$c Destination=7001\n"
	for _, c := range []struct{ text, verdict string }{
		{setting + request, ""},
		{setting, "test.txt:6: event that was not promised"},
		{setting + "< EventRouteRequest ThisDN=5000 ConnID=$c ANI=031\n", "test.txt:8: ANI is 030, want 031"},
		{setting + "< EventRouteRequest ThisDN=5000 ANI=-\n", "test.txt:8: ANI is 030, want none"},
		{setting + "< EventRouteRequest ThisDN=5000 AgentID=$a\n", "test.txt:8: AgentID is missing"},
		{setting + "< EventRouteRequest ThisDN=5000 Novel=1\n", "test.txt:8: EventRouteRequest has no attribute Novel"},
		{setting + "< EventRouteRequest ThisDN=5000 CallType=Novel\n", "test.txt:8: telephony: text"},
		{setting + "< EventRinging ThisDN=5000\n", "test.txt:8: want EventRinging, not EventRouteRequest"},
		{setting + request + "< EventRinging ThisDN=7001\n", "test.txt:9: the event does not come: EventRinging"},
		{setting + "< EventRouteRequest ThisDN=7001\n", "not promised, or not now"},
		{routed + "! refused\n", "test.txt:9: RequestRouteCall: the error is \"none\""},
		{routed + "= EventRouteUsed ThirdPartyDN=7002\n", "test.txt:9: outcome EventRouteUsed"},
		{setting + request + "> RequestRouteCall ThisDN=5000 ConnID=$c Destination=1\n= EventRouteUsed\n", "test.txt:9: telephony: RequestRouteCall refused"},
		{setting + request + "> RequestRouteCall ConnID=$c\n= EventRouteUsed\n", "ThisDN is missing"},
		{setting + request + "> EventQueued ThisDN=5000\n= EventRouteUsed\n", "EventQueued is no request"},
		{setting + request + "> RequestNovel\n= EventRouteUsed\n", "test.txt:9: telephony: text"},
		{setting + request + "* novel\n", "test.txt:9: what is \"novel\""},
		{setting + request + "* hang-up $d\n", "connection id"},
		{setting + request + "* call $d 9999\n", "no such DN"},
		{setting + request + "* call $d 5000 patience=x\n", "invalid duration"},
		{setting + request + "* call $d 5000 UserData={x}\n", "text at byte"},
		{setting + request + "* call $d 5000 novel=x\n", "unknown attribute"},
		{setting + request + "* advance x\n", "invalid duration"},
		{setting + request + "* submit $i Queue=novel MediaType=email\n", "no such queue"},
		{setting + request + "* submit $i Novel=1\n", "text at byte"},
		{setting + request + "* switch-over\n", "SKIP the other end cannot do"},
		{"register 1\n* switch down\n< EventLinkDisconnected\n", "no such DN"},
		{"needs Interact\n* switch down\n< EventLinkDisconnected\n", ""},
	} {
		got := judge(t, Simulated(inProcess), c.text)
		if c.verdict == "" {
			assert.Empty(t, got, c.text)
		} else {
			assert.Contains(t, got, c.verdict, c.text)
		}
	}
}

// What a driver does not declare is skipped, and a link that does not come up is a failure.
func TestCapabilities(t *testing.T) {
	less := Simulated(func(t testing.TB, s *Simulation) Connection {
		c := inProcess(t, s)
		c.Driver, c.Interactions = limited{c.Driver}, nil
		return c
	})
	assert.Contains(t, judge(t, less, "needs Transfer\n* switch down\n"), "SKIP the scenario needs Transfer, the driver declares Monitor")
	assert.Contains(t, judge(t, less, "needs Interact\n* switch down\n"), "SKIP")
	lost := Simulated(func(t testing.TB, s *Simulation) Connection {
		s.Switch.Server("").Stop()
		return inProcess(t, s)
	})
	assert.Contains(t, judge(t, lost, "* switch down\n"), "the link does not come up: it is Connecting")
}

type limited struct{ telephony.Driver }

func (limited) Capabilities() telephony.Capabilities { return telephony.CanMonitor }

func (l limited) Dial(e telephony.Endpoint, h telephony.Handler) (telephony.Conn, error) {
	return l.Driver.Dial(e, less{h})
}

type less struct{ telephony.Handler }

func (l less) Opened(info telephony.ConnInfo) {
	info.Capabilities = telephony.CanMonitor
	l.Handler.Opened(info)
}

func TestBadFiles(t *testing.T) {
	for _, c := range []struct{ text, problem string }{
		{"", "there are no steps"},
		{"needs Novel", "test.txt:1: no capability is called"},
		{"\n\nnovel", "test.txt:3: what is"},
		{"novel x", "what is"},
		{"routing-point 5000 novel=1", "unknown attribute"},
		{"routing-point 5000 timeout=1", "missing unit"},
		{"extension 7001 agent=\"ann", "not closed"},
		{"= EventRinging", "no step before"},
		{"* switch down\n= EventRinging", "test.txt:2: one outcome"},
		{"> RequestPull\n! refused\n! refused", "test.txt:3: one outcome"},
		{"* switch down\nneeds Route", "before the first step"},
		{"*", "empty"},
	} {
		_, err := parse("test.txt", c.text)
		assert.ErrorContains(t, err, c.problem, c.text)
	}
}

func TestSplit(t *testing.T) {
	words, err := split(`a  b="x y" c={"k": "v \" }", "l": {"m": 1}} d=[e, f] `)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", `b="x y"`, `c={"k": "v \" }", "l": {"m": 1}}`, "d=[e, f]"}, words)
}

func TestClock(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := NewClock(start)
	var log []string
	note := func(s string) func() {
		return func() { log = append(log, fmt.Sprint(s, " ", c.Now().Sub(start))) }
	}
	c.AfterFunc(3*time.Second, note("c"))
	c.AfterFunc(time.Second, func() {
		note("a")()
		c.AfterFunc(0, note("a2"))
		c.AfterFunc(time.Second, note("b"))
	})
	stop := c.AfterFunc(2*time.Second, note("never"))
	assert.True(t, stop())
	assert.False(t, stop())
	c.AfterFunc(-time.Hour, note("now"))
	c.Advance(0)
	assert.Equal(t, []string{"now 0s"}, log)
	c.Advance(2500 * time.Millisecond)
	c.Advance(10 * time.Second)
	assert.Equal(t, "now 0s, a 1s, a2 1s, b 2s, c 3s", strings.Join(log, ", "))
	assert.Equal(t, start.Add(12500*time.Millisecond), c.Now())
	c.AfterFunc(time.Second, note("closed"))
	c.Close()
	c.Advance(time.Minute)
	assert.Len(t, log, 5)
}
