package router_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
)

// floor is a router under virtual time, and what it has told.
type floor struct {
	testing.TB
	*router.Router
	clock *session.VirtualClock
	log   []string
}

func newFloor(t testing.TB, opts router.Options) *floor {
	f := &floor{TB: t, clock: session.NewVirtualClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))}
	opts.Clock = f.clock
	f.Router = router.New(&opts)
	return f
}

func (f *floor) agent(id, dn string, skills map[string]int) {
	f.Helper()
	require.NoError(f, f.SetAgent(router.Agent{ID: id, DN: dn, Switch: "sw", Place: "place-" + id, Skills: skills}))
	f.state(id, router.Ready)
	f.clock.Advance(time.Second) // so that the next one is ready for less long
}

func (f *floor) state(id string, s router.AgentState) {
	f.Helper()
	require.NoError(f, f.SetAgentState(id, s))
}

func (f *floor) submit(name, targets string, change func(*router.Request)) router.ID {
	f.Helper()
	list, err := router.ParseTargets(targets)
	require.NoError(f, err)
	req := router.Request{Targets: list}
	if change != nil {
		change(&req)
	}
	id, err := f.Submit(req, func(s router.Selection, err error) {
		if err != nil {
			f.log = append(f.log, name+": "+err.Error())
			return
		}
		who := s.Agent
		if who == "" {
			who = s.DN
		}
		f.log = append(f.log, name+": "+who)
	})
	require.NoError(f, err)
	return id
}

func (f *floor) rings(dn string, id telephony.ConnID) {
	f.Receive(&telephony.EventRinging{CallAttributes: telephony.CallAttributes{ThisDN: dn, ConnID: id}})
}

func (f *floor) released(dn string, id telephony.ConnID) {
	f.Receive(&telephony.EventReleased{CallAttributes: telephony.CallAttributes{ThisDN: dn, ConnID: id}})
}

func (f *floor) expect(lines ...string) {
	f.Helper()
	f.clock.Advance(0)
	assert.Equal(f, lines, f.log)
	f.log = nil
}

func TestSkillExpressions(t *testing.T) {
	skills := map[string]int{"English": 7, "Loan": 2, "Two Words": 3, "Zoë": 1, "v2.1": 4}
	for text, want := range map[string]bool{
		"English > 5":                         true,
		"English>=7&Loan=2":                   true,
		"English < 7 | Loan != 2":             false,
		"(English > 9 | Loan > 1) & Loan < 3": true,
		"Loan > 1 | English > 9 & Loan > 9":   false, // left before right
		"English = Loan + 5":                  true,
		"English - 3 = Loan * 2":              true,
		"English / 2 = 3":                     true,
		"English / (Loan - 2) = 0":            false, // division by zero
		"-Loan = 0 - 2":                       true,
		"'Two Words' = 3 & \"Zoë\" = 1":       true,
		"Zoë = 1 & v2.1 = 4":                  true,
		"Unknown > 0":                         false,
		"Unknown < 1":                         true,
		"north = north & north != south":      true,
		"English":                             true,
		"Unknown":                             false,
		"((((English))))":                     true,
	} {
		e, err := router.ParseExpression(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, e.Match(skills), text)
		assert.Equal(t, text, e.String())
	}
}

func TestFaultsOfExpressionsAndTargets(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "the end where a name or a number was expected at character 1",
		"English >":             "the end where a name or a number was expected at character 10",
		"English 5":             `"5" where an operator was expected at character 9`,
		"(English > 5":          "a ) is missing for the ( at character 1 at character 13",
		"Zoë > 'x":              "a quote that is not closed at character 7",
		"a && b":                `"&" where a name or a number was expected at character 4`,
		"a == 1":                `"=" where a name or a number was expected at character 4`,
		"a ! 1":                 `"!" where an operator was expected at character 3`,
		"a > 99999999999":       "number 99999999999 is too large at character 5",
		"acfgdata(a, b)":        "function acfgdata is not known here at character 1",
		"a > --1":               "two signs in a row at character 6",
		"a ; b":                 `";" where an operator was expected at character 3`,
		fmt.Sprint(nested(200)): "more than 100 parentheses inside of one another at character 101",
	} {
		_, err := router.ParseExpression(text)
		var se *router.SyntaxError
		require.ErrorAs(t, err, &se, text)
		assert.Contains(t, err.Error(), want)
	}
	for text, want := range map[string]string{
		"":                      "an empty target at character 1",
		"a@.A, ":                "an empty target at character 7",
		"ann":                   "a target without type; its form is name@server.type at character 4",
		"ann@stat":              "a target without type; its form is name@server.type at character 9",
		"ann@stat.XX":           `"XX", which is no type of target, at character 10`,
		"a@.A, ?:(Eng > )@s.GA": `")" where a name or a number was expected at character 16`,
		"?:Eng > 1@s.A":         "a target by skill whose type is not GA at character 1",
		"?Eng@s.GA":             "a target by skill without a colon",
		"[x]a@.A":               "a weight that is no integer",
		"[-1]a@.A":              "a weight that is no integer",
		"{CallsEntered <}a@.A":  "the end where a name or a number was expected at character 16",
		"{StatMood = 0}a@.A":    `"StatMood", which is no statistic of the router, at character 2`,
		"{sdata(VQ, Mood)}a@.A": `"Mood", which is no statistic of the router, at character 2`,
		"{run[] = 1}a@.A":       "run without the name of a subroutine at character 5",
		"{callage[] = 1}a@.A":   "which is no statistic",
		"{a < 1 a@.A":           `'{' without its counterpart at character 1`,
		"a)@.A":                 `')' without its counterpart at character 2`,
		"{sdata(x) < 1}a@.A":    "sdata takes 2 arguments, not 1 at character 7",
		"@.A":                   "a target without a name at character 1",
	} {
		_, err := router.ParseTargets(text)
		var se *router.SyntaxError
		require.ErrorAs(t, err, &se, text)
		assert.Contains(t, err.Error(), want)
	}
}

func nested(n int) string {
	b := make([]byte, 0, 2*n+1)
	for range n {
		b = append(b, '(')
	}
	return string(b)
}

func TestTargetStrings(t *testing.T) {
	targets, err := router.ParseTargets(` {StatCallsInQueue<10}[20]Sales@Stat.Server.GA, ?:(English > 5, ...`[:48] + `?Team:(English > 5)@Stat.GA,7001@Switch.DN,O'Brien@.A`)
	require.NoError(t, err)
	require.Len(t, targets, 4)
	assert.Equal(t, router.TypeAgentGroup, targets[0].Type)
	assert.Equal(t, "Sales", targets[0].Name)
	assert.Equal(t, "Stat.Server", targets[0].Server)
	assert.Equal(t, 20, targets[0].Weight)
	assert.Equal(t, "StatCallsInQueue<10", targets[0].Threshold.String())
	assert.Equal(t, "Team", targets[1].Name)
	assert.Equal(t, "(English > 5)", targets[1].Skill.String())
	assert.Equal(t, router.TypeDN, targets[2].Type)
	assert.Equal(t, "O'Brien", targets[3].Name)
	made := router.Target{Type: router.TypeAgentGroup, Name: "T", Server: "s", Skill: targets[1].Skill, Weight: 3}
	again, err := router.ParseTargets(made.String())
	require.NoError(t, err)
	assert.Equal(t, "[3]?T:(English > 5)@s.GA", again[0].Text)
	for name, want := range map[string]router.TargetType{"agentgroup": "GA", "AP": "AP", "skill": "GA", "dn": "DN", "Label": "DL"} {
		got, err := router.ParseTargetType(name)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

func TestSelection(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", map[string]int{"English": 7})
	f.agent("bob", "7002", map[string]int{"English": 4, "Loan": 9})
	f.agent("cy", "7003", map[string]int{"English": 9})
	require.NoError(t, f.SetGroup(router.Group{Name: "Sales", Members: []string{"bob"}}))
	loan, err := router.ParseExpression("Loan > 5")
	require.NoError(t, err)
	require.NoError(t, f.SetGroup(router.Group{Name: "Lenders", Script: loan}))
	require.NoError(t, f.SetGroup(router.Group{Type: router.TypePlaceGroup, Name: "Hall", Members: []string{"place-bob", "place-cy"}}))

	for targets, want := range map[string]string{
		"?:English > 5@.GA":                  "ann", // ready for longest
		"?:English > 7@.GA":                  "cy",
		"Sales@Stat.GA":                      "bob",
		"Lenders@Stat.GA":                    "bob",
		"?Sales:English > 1@Stat.GA":         "bob",
		"cy@.A, ann@.A":                      "cy", // the first in the list
		"nobody@.A, ann@.A":                  "ann",
		"place-cy@.AP":                       "cy",
		"Hall@.GP":                           "bob",
		"7002@sw.DN":                         "7002",
		"5001@sw.RP":                         "5001",
		"8000@.Q":                            "8000",
		"out@.DL":                            "out",
		"{StatAgentsReady>1}Sales@.GA,cy@.A": "cy",
	} {
		id := f.submit(targets, targets, nil)
		f.expect(targets + ": " + want)
		assert.True(t, f.Cancel(id))
	}
	id := f.submit("x", "?:English > 1@.GA", func(r *router.Request) { r.Exclude = []string{"ann"} })
	f.expect("x: bob")
	f.Cancel(id)
	f.state("bob", router.NotReady)
	f.state("bob", router.Ready)
	f.clock.Advance(time.Second)
	id = f.submit("min", "?:English > 1@.GA", func(r *router.Request) { r.Order, r.Statistic = router.OrderMin, "StatTimeInReadyState" })
	f.expect("min: bob") // ready for less long than the others
	f.Cancel(id)
	assert.Equal(t, router.Stats{Queues: 1}, f.Stats())
}

func TestTheOldestOfTheHighestPriorityGoesFirst(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", map[string]int{"English": 7})
	f.state("ann", router.NotReady)
	f.submit("old", "ann@.A", nil)
	f.clock.Advance(time.Second)
	f.submit("young", "?:English>1@.GA", func(r *router.Request) { r.Queue = "VQ" })
	vip := f.submit("vip", "?:English>2@.GA", func(r *router.Request) { r.Queue, r.Priority = "VQ", 5 })
	late := f.submit("late", "ann@.A", nil)
	p, err := f.Query(vip)
	require.NoError(t, err)
	assert.Equal(t, router.Position{Queue: "VQ", Priority: 5, Position: 1}, p)
	require.NoError(t, f.Update(late, 3))
	f.state("ann", router.Ready)
	for i, who := range []string{"vip", "late", "old", "young"} {
		f.expect(who + ": ann")
		f.rings("7001", telephony.ConnID(i+1))
		f.expect()
		f.clock.Advance(20 * time.Second)
		f.released("7001", telephony.ConnID(i+1))
	}
	assert.Zero(t, f.Stats().Reserved)
	n, err := f.Statistic("VQ", "StatExpectedWaitingTime")
	require.NoError(t, err)
	assert.InDelta(t, 30, n, 0.1) // two selections, one after 0 s and one after 60 s
}

func TestReservation(t *testing.T) {
	f := newFloor(t, router.Options{Reservation: 5 * time.Second})
	f.agent("ann", "7001", nil)
	first := f.submit("first", "ann@.A", func(r *router.Request) { r.ConnID = 7 })
	f.submit("dn", "7001@sw.DN", nil)
	f.submit("second", "ann@.A", nil)
	f.expect("first: ann")

	// A call of somebody else does not end it; its own time does.
	f.rings("7001", 8)
	f.released("7001", 8)
	f.expect()
	require.NoError(t, f.Return(first)) // the call could not be sent there
	f.expect("dn: 7001")
	f.clock.Advance(5 * time.Second) // the reservation is over, and nothing has changed at the agent
	f.expect("second: ann")
	f.rings("7001", 9)
	f.released("7001", 9)
	f.expect("first: ann")
	f.clock.Advance(5 * time.Second)
	assert.Equal(t, router.Stats{Queues: 1}, f.Stats())
	assert.ErrorIs(t, f.Return(first), router.ErrNotFound)
	assert.False(t, f.Cancel(first))
	assert.ErrorIs(t, f.Update(first, 1), router.ErrNotFound)
	_, err := f.Query(first)
	assert.ErrorIs(t, err, router.ErrNotFound)
}

func TestRemovedAgentLeavesNoReservation(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", nil)
	f.submit("first", "ann@.A", nil)
	f.submit("second", "ann@.A", func(r *router.Request) { r.Timeout = time.Minute })
	require.NoError(t, f.RemoveAgent("ann"))
	assert.ErrorIs(t, f.RemoveAgent("ann"), router.ErrNoAgent)
	f.clock.Advance(time.Minute)
	f.expect("second: router: no target in time") // the first was not told yet, and waits again
	assert.Equal(t, router.Stats{Queues: 1, Waiting: 1, Pools: 1}, f.Stats())
	f.agent("ann", "7001", nil)
	f.expect("first: ann")
	require.NoError(t, f.RemoveAgent("ann")) // now it was told
	assert.Equal(t, router.Stats{Queues: 1}, f.Stats())
	f.clock.Advance(time.Minute)
	assert.Equal(t, router.Stats{Queues: 1}, f.Stats())
	assert.Error(t, f.SetAgentState("ann", router.Ready))
}

func TestTimeoutAndWhatItLeaves(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", nil)
	f.agent("bob", "7002", nil)
	f.state("ann", router.NotReady)
	f.state("bob", router.NotReady)
	keep := func(r *router.Request) {
		r.Interaction, r.Timeout, r.KeepOnTimeout, r.Queue = "call", 10*time.Second, true, "VQ"
	}
	f.submit("one", "ann@.A", keep)
	f.clock.Advance(10 * time.Second)
	f.expect("one: router: no target in time")
	f.state("ann", router.Ready) // nobody waits
	f.expect()
	f.state("ann", router.NotReady)
	id := f.submit("two", "bob@.A", keep)
	f.clock.Advance(time.Second)
	p, err := f.Query(id)
	require.NoError(t, err)
	assert.Equal(t, 11*time.Second, p.Waited)
	f.state("ann", router.Ready)
	f.expect("two: ann")
	f.Cancel(id)

	f.state("ann", router.NotReady)
	f.submit("three", "ann@.A", keep)
	f.clock.Advance(10 * time.Second)
	f.submit("four", "bob@.A", func(r *router.Request) { keep(r); r.Fresh, r.KeepOnTimeout = true, false })
	f.state("ann", router.Ready)
	f.clock.Advance(10 * time.Second)
	f.expect("three: router: no target in time", "four: router: no target in time")
	f.Forget("call")
}

func TestPercentage(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", nil)
	f.agent("bob", "7002", nil)
	for range 20 {
		id := f.submit("", "[30]ann@.A, [10]bob@.A", func(r *router.Request) { r.Order = router.OrderPercentage })
		f.clock.Advance(0)
		f.Cancel(id)
	}
	n := map[string]int{}
	for _, who := range f.log {
		n[who]++
	}
	assert.Equal(t, map[string]int{": ann": 15, ": bob": 5}, n)
}

func TestThresholdIsLookedAtAgain(t *testing.T) {
	f := newFloor(t, router.Options{Recheck: 2 * time.Second})
	f.agent("ann", "7001", nil)
	block := f.submit("block", "nobody@.A", func(r *router.Request) { r.Queue = "VQ" })
	f.submit("guarded", "{sdata(VQ, CallsWaiting) < 1}ann@.A", nil)
	f.expect()
	f.Cancel(block)
	f.clock.Advance(2 * time.Second)
	f.expect("guarded: ann")
}

func TestLimitsAndRefusals(t *testing.T) {
	f := newFloor(t, router.Options{MaxRequests: 1, MaxQueues: 1, MaxAgents: 1})
	f.agent("ann", "7001", nil)
	f.state("ann", router.NotReady)
	assert.ErrorIs(t, f.SetAgent(router.Agent{ID: "bob", DN: "1"}), router.ErrTooMany)
	assert.Error(t, f.SetAgent(router.Agent{DN: "1"}))
	assert.Error(t, f.SetGroup(router.Group{}))
	assert.Error(t, f.SetGroup(router.Group{Type: router.TypePlaceGroup}))
	nothing := func(router.Selection, error) {}
	_, err := f.Submit(router.Request{}, nothing)
	assert.ErrorContains(t, err, "names no target")
	target := []router.Target{{Type: router.TypeAgent, Name: "ann"}}
	_, err = f.Submit(router.Request{Targets: target, Order: router.OrderMax, Statistic: "StatMood"}, nothing)
	assert.ErrorIs(t, err, router.ErrStatistic)
	_, err = f.Submit(router.Request{Targets: target}, nothing)
	require.NoError(t, err)
	_, err = f.Submit(router.Request{Targets: target}, nothing)
	assert.ErrorIs(t, err, router.ErrTooMany)
}

func TestStatistics(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", map[string]int{"English": 7})
	f.agent("bob", "7002", nil)
	f.rings("7002", 1)
	f.submit("w", "nobody@.A", func(r *router.Request) { r.Queue = "VQ" })
	for _, c := range []struct {
		object, name string
		want         float64
	}{
		{"R", "StatAgentsTotal", 2}, {"R", "StatAgentsBusy", 1}, {"R", "StatAgentsReady", 1}, {"R", "StatCallsInQueue", 1},
		{"R", "StatLoadBalance", 0.5}, {"?:English>1@.GA", "StatTimeInReadyState", 2}, {"bob@.A", "StatAgentLoading", 1},
		{"VQ", "CallsEntered", 1}, {"R", "CallsEntered", 1}, {"RP", "CallsEntered", 0}, {"VQ", "CallsWaiting", 1}, {"VQ@sw.Q", "CallsWaiting", 1}, {"VQ", "StatAgentsTotal", 0}, {"none@.GA", "StatLoadBalance", 0},
	} {
		got, err := f.Statistic(c.object, c.name)
		require.NoError(t, err, c)
		assert.InDelta(t, c.want, got, 0.001, "%v", c)
	}
	_, err := f.Statistic("R", "StatMood")
	assert.ErrorIs(t, err, router.ErrStatistic)
	none, err := f.Statistic("VQ2", "CallsWaiting")
	require.NoError(t, err)
	assert.Zero(t, none)
	_, err = f.Statistic("VQ2@x.Y", "CallsWaiting")
	assert.Error(t, err)
	assert.Equal(t, map[string]int{"VQ": 1}, f.Queues())

}
