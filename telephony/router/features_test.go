package router_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
)

func (f *floor) statistic(object, name string) float64 {
	f.Helper()
	v, err := f.Statistic(object, name)
	require.NoError(f, err)
	return v
}

func (f *floor) over(object, name string, in router.Interval) float64 {
	f.Helper()
	v, err := f.StatisticOver(object, name, in)
	require.NoError(f, err)
	return v
}

func TestGroups(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", map[string]int{"English": 7})
	f.agent("bob", "7002", map[string]int{"English": 4, "Loan": 9})
	f.agent("cy", "7003", nil)
	script, err := router.ParseScript(`(Skill("Loan") > 5 & LoggedIn("sw")) | (LoggedIn("8000@sw") & ~SkillExists("English"))`)
	require.NoError(t, err)
	for _, g := range []router.Group{
		{Name: "Team", Members: []string{"bob", "bob", "nobody"}}, {Name: "Virtual", Script: script},
		{Type: router.TypeCampaign, Name: "Spring", Members: []string{"Virtual", "Team"}},
		{Type: router.TypeCampaignGroup, Name: "Spring@Team", Members: []string{"Team"}},
		{Type: router.TypeActivity, Name: "Calls", Members: []string{"ann"}},
		{Type: router.TypeQueueGroup, Name: "Overflow", Members: []string{"8001@sw", "8002@sw"}},
	} {
		require.NoError(t, f.SetGroup(g))
	}
	wait := f.submit("wait", "Later@.GA", nil)
	for targets, want := range map[string]string{
		"Virtual@.GA": "bob", "Spring@.C": "bob", "Spring@Team@stat.GC": "bob", "Overflow@.GQ": "8001",
	} {
		id := f.submit(targets, targets, nil)
		f.expect(targets + ": " + want)
		f.Cancel(id)
	}
	f.submit("activity", "x@.A", func(r *router.Request) { r.Targets = []router.Target{{Type: router.TypeActivity, Name: "Calls"}} })
	f.expect("activity: ann")

	f.submit("v", "Virtual@.GA", nil)
	f.expect("v: bob")
	f.submit("w", "Virtual@.GA", nil)
	require.NoError(t, f.Login("cy", router.Login{Queues: []string{"8000@sw"}})) // belongs to it now
	f.expect("w: cy")
	f.Cancel(wait)
	later := f.submit("later", "Later@.GA", nil)
	f.agent("dan", "7004", nil)
	require.NoError(t, f.SetGroup(router.Group{Name: "Later", Members: []string{"dan"}})) // a group that comes
	f.expect("later: dan")
	f.Cancel(later)
	assert.True(t, f.RemoveGroup(router.TypeAgentGroup, "Later"))
	assert.False(t, f.RemoveGroup(router.TypeAgentGroup, "Later"))
	f.submit("gone", "Later@.GA", nil)
	f.expect()
	require.NoError(t, f.Audit())
}

func TestScriptsOfGroups(t *testing.T) {
	for text, want := range map[string]string{
		`Skill(English) >`:            "the end where",
		`Skills("English") > 1`:       "function Skills is not known here at character 1",
		`LoggedIn()`:                  "LoggedIn takes 1 arguments, not 0",
		`LoggedIn("a", "b")`:          "LoggedIn takes 1 arguments, not 2",
		`LoggedIn("a"`:                "a ) is missing at character 9",
		strings.Repeat("~", 200):      "too many signs in a row",
		`sdata(VQ, CallsWaiting) < 1`: "function sdata is not known here",
	} {
		_, err := router.ParseScript(text)
		var se *router.SyntaxError
		require.ErrorAs(t, err, &se, text)
		assert.Contains(t, err.Error(), want)
	}
	_, err := router.ParseExpression("~English")
	assert.Error(t, err)
}

func TestCapacity(t *testing.T) {
	f := newFloor(t, router.Options{})
	require.NoError(t, f.SetAgent(router.Agent{ID: "ann", DN: "7001", Capacity: router.Capacity{Total: 3, Media: map[string]int{router.Voice: 1, "chat": 2, "email": 1}}}))
	f.state("ann", router.Ready)
	chat := func(r *router.Request) { r.Media, r.Interaction = "chat", fmt.Sprint("c", len(r.Exclude)) }
	one := f.submit("one", "ann@.A", chat)
	two := f.submit("two", "ann@.A", func(r *router.Request) { r.Media, r.Interaction = "chat", "c2" })
	f.submit("three", "ann@.A", chat)
	call := f.submit("call", "ann@.A", nil)
	mail := f.submit("mail", "ann@.A", func(r *router.Request) { r.Media = "email" })
	f.expect("one: ann", "two: ann", "call: ann") // two chats at most, three in all
	require.NoError(t, f.AddInteraction("ann", "chat", "c2"))
	assert.Equal(t, 1.0, f.statistic("ann@.A", "StatAgentLoading")+f.statistic("ann@.A", "StatAgentsBusy")-1.0/3)
	assert.False(t, f.Cancel(two)) // has done its work
	f.Cancel(call)
	f.expect("mail: ann")
	f.Cancel(mail)
	require.NoError(t, f.RemoveInteraction("ann", "c2"))
	f.expect("three: ann")
	f.Cancel(one)
	s, err := f.AgentStatus("ann")
	require.NoError(t, err)
	assert.Equal(t, router.MediaStatus{State: router.Ready, Limit: 2, Free: true}, s.Media["chat"])
	require.NoError(t, f.SetMediaState("ann", "chat", router.NotReady))
	f.submit("no", "ann@.A", chat)
	f.expect()
	require.NoError(t, f.SetMediaState("ann", "chat", router.Ready))
	f.expect("no: ann")
	assert.ErrorIs(t, f.SetMediaState("bob", "chat", router.Ready), router.ErrNoAgent)
	assert.ErrorIs(t, f.AddInteraction("bob", "chat", "x"), router.ErrNoAgent)
	assert.ErrorIs(t, f.RemoveInteraction("bob", "x"), router.ErrNoAgent)
	require.NoError(t, f.Audit())
}

func TestInteractionServerTellsTheLoad(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", nil)
	event := func(typ telephony.InteractionEventType, party string) {
		f.ReceiveInteraction(telephony.InteractionEvent{Type: typ, Interaction: telephony.Interaction{ID: "m1", MediaType: "email"}, Party: party})
	}
	f.submit("mail", "ann@.A", func(r *router.Request) { r.Media, r.Interaction = "email", "m1" })
	f.expect("mail: ann")
	event(telephony.InteractionPartyAdded, "place-ann")
	event(telephony.InteractionPartyAdded, "nobody")
	assert.Equal(t, router.Stats{Queues: 1}, f.Stats())
	f.submit("call", "ann@.A", nil)
	f.expect() // one interaction at a time
	event(telephony.InteractionStopped, "")
	f.expect("call: ann")
	event(telephony.InteractionPartyAdded, "ann")
	event(telephony.InteractionPartyRemoved, "ann")
	assert.Equal(t, 2.0, f.statistic("ann@.A", "CallsCompleted"))
	assert.Equal(t, 1.0, f.statistic("ann@.A", "CallsAnswered"))
}

func TestWorkbins(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", nil)
	f.state("ann", router.LoggedOut)
	var got []router.Selection
	for _, target := range []router.Target{
		{Type: router.TypeAgent, Name: "ann", Workbin: "drafts"}, {Type: router.TypePlace, Name: "p", Workbin: "drafts"}, {Type: router.TypeAgentGroup, Name: "g", Workbin: "drafts"},
	} {
		_, err := f.Submit(router.Request{Media: "email", Targets: []router.Target{target}}, func(s router.Selection, err error) {
			assert.NoError(t, err)
			got = append(got, s)
		})
		require.NoError(t, err)
	}
	f.clock.Advance(0)
	require.Len(t, got, 3)
	assert.Equal(t, "ann drafts p drafts g drafts", strings.Join([]string{got[0].Agent, got[0].Workbin, got[1].Place, got[1].Workbin, got[2].Target.Name, got[2].Workbin}, " "))
	f.clock.Advance(time.Minute)
	assert.Equal(t, router.Stats{Queues: 1}, f.Stats())
}

func TestTuning(t *testing.T) {
	f := newFloor(t, router.Options{Objective: 60 * time.Second})
	begun := f.clock.Now()
	f.agent("ann", "7001", nil)
	f.state("ann", router.NotReady)
	objective := func(d time.Duration) func(*router.Request) {
		return func(r *router.Request) { r.Tuning.ServiceObjective = d }
	}
	f.submit("lax", "ann@.A", objective(240*time.Second))
	f.clock.Advance(30 * time.Second)
	f.submit("plain", "ann@.A", nil)
	f.submit("group", "?:None<1@.GA", nil)
	f.clock.Advance(10 * time.Second)
	f.submit("strict", "ann@.A", objective(20*time.Second))
	f.submit("aged", "ann@.A", func(r *router.Request) { r.Tuning.Age, r.Created = true, begun.Add(-200*time.Second) })
	f.submit("low", "ann@.A", func(r *router.Request) { r.Priority, r.Tuning.ServiceObjective = -1, time.Millisecond })
	f.submit("important", "ann@.A", func(r *router.Request) { r.Queue = "VIP" })
	require.NoError(t, f.SetVirtualQueue(router.VirtualQueue{Name: "VIP", Priority: 1}))
	f.clock.Advance(10 * time.Second)
	f.state("ann", router.Ready)
	// 50/240, 20/60, 10/20, 251/60
	for i, who := range []string{"important", "aged", "strict", "plain", "group", "lax", "low"} {
		f.expect(who + ": ann")
		f.rings("7001", telephony.ConnID(i+1))
		f.released("7001", telephony.ConnID(i+1))
	}

	// A queue that is slow counts with what is still to wait.
	f.state("ann", router.NotReady)
	predicted := func(r *router.Request) { r.Queue, r.Tuning.PredictedWait = "Slow", true }
	f.submit("fast", "ann@.A", func(r *router.Request) { r.Queue, r.Tuning.PredictedWait = "Fast", true })
	f.clock.Advance(time.Second)
	f.submit("slow1", "ann@.A", predicted)
	f.submit("slow2", "ann@.A", predicted)
	f.clock.Advance(time.Minute)
	f.state("ann", router.Ready)
	f.expect("slow1: ann")
	require.NoError(t, f.Audit())
}

func TestOrderByStatistic(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", map[string]int{"English": 9, "Loan": 1})
	f.agent("bob", "7002", map[string]int{"English": 5, "Loan": 5})
	f.agent("cy", "7003", map[string]int{"English": 5, "Loan": 4})
	require.NoError(t, f.SetGroup(router.Group{Name: "Small", Members: []string{"ann"}}))
	require.NoError(t, f.SetGroup(router.Group{Name: "Large", Members: []string{"bob", "cy"}}))
	try := func(want string, change func(*router.Request)) {
		t.Helper()
		id := f.submit("x", "Small@.GA,Large@.GA", change)
		f.expect("x: " + want)
		f.Cancel(id)
	}
	try("bob", func(r *router.Request) { r.Order, r.Statistic = router.OrderMax, "StatAgentsReady" })
	try("ann", func(r *router.Request) { r.Order, r.Statistic = router.OrderMin, "StatAgentsReady" })
	try("ann", func(r *router.Request) { r.Order = router.OrderMax })
	try("cy", func(r *router.Request) { r.Order = router.OrderMin })
	try("bob", func(r *router.Request) {
		r.Order, r.Statistic, r.Ideal = router.OrderMin, "RStatCost", map[string]int{"English": 5, "Loan": 6}
	})
	f.submit("w", "nobody@.A", func(r *router.Request) { r.Queue = "8000" })
	f.submit("queues", "8000@.Q, 8001@.Q", func(r *router.Request) { r.Order, r.Statistic = router.OrderMin, "CallsWaiting" })
	f.expect("queues: 8001")
}

func TestNoAnswer(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", nil)
	f.agent("bob", "7002", nil)
	of := func(r *router.Request) { r.Interaction, r.ConnID, r.Queue = "call", 5, "VQ" }
	inVain := func(dn string) {
		f.rings(dn, 5)
		f.Receive(&telephony.EventReleased{CallAttributes: telephony.CallAttributes{ThisDN: dn, ConnID: 5, CallState: telephony.CallStateNoAnswer}})
	}
	f.submit("first", "?:English<1@.GA", of)
	f.expect("first: ann")
	inVain("7001")
	f.submit("again", "?:English<1@.GA", of) // the call came back
	f.expect("again: bob")
	inVain("7002")
	f.submit("third", "?:English<1@.GA", of)
	f.expect()
	f.submit("other", "?:English<1@.GA", nil) // somebody else may have them
	f.expect("other: ann")
	f.state("bob", router.NotReady)
	f.state("bob", router.Ready)
	f.expect("third: bob")
	assert.Equal(t, 2.0, f.statistic("VQ", "CallsNotAnswered"))
	assert.Equal(t, 1.0, f.statistic("bob@.A", "CallsNotAnswered"))
	f.Forget("call")

	f = newFloor(t, router.Options{NotReadyOnNoAnswer: true})
	f.agent("ann", "7001", nil)
	f.submit("first", "ann@.A", of)
	f.expect("first: ann")
	inVain("7001")
	state, err := f.AgentState("ann")
	require.NoError(t, err)
	assert.Equal(t, router.NotReady, state)
	_, err = f.AgentState("bob")
	assert.ErrorIs(t, err, router.ErrNoAgent)
}

func TestReturnAndReserve(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", nil)
	id := f.submit("x", "ann@.A", func(r *router.Request) { r.Reserve, r.Timeout = time.Minute, 20*time.Second })
	f.expect("x: ann")
	f.clock.Advance(30 * time.Second)
	assert.Equal(t, 1, f.Stats().Reserved)
	require.NoError(t, f.Reserve(id, 2*time.Minute))
	f.clock.Advance(100 * time.Second)
	assert.Equal(t, 1, f.Stats().Reserved)
	require.NoError(t, f.Return(id))
	assert.ErrorIs(t, f.Reserve(id, time.Minute), router.ErrNotFound)
	f.expect("x: router: no target in time") // its time is long over
	assert.Error(t, f.Reserve(id, 0))
	assert.Equal(t, router.Stats{Queues: 1}, f.Stats())

	// The agent goes while the call is on its way: it can still be given back.
	id = f.submit("y", "ann@.A, bob@.A", nil)
	f.expect("y: ann")
	require.NoError(t, f.RemoveAgent("ann"))
	assert.Zero(t, f.Stats().Reserved)
	f.agent("bob", "7002", nil)
	f.expect()
	require.NoError(t, f.Return(id))
	f.expect("y: bob")
	// He moves to another telephone: the old one is of no use.
	require.NoError(t, f.SetAgent(router.Agent{ID: "bob", DN: "7003"}))
	assert.Zero(t, f.Stats().Reserved)
	require.NoError(t, f.Return(id))
	f.expect("y: bob")
	require.NoError(t, f.Audit())
}

// Targets that are refused are not tried in turn for ever.
func TestRefusedTargets(t *testing.T) {
	f := newFloor(t, router.Options{})
	id := f.submit("x", "9998@sw.DN, 9999@sw.DN, 8000@.Q, out@.DL", nil)
	for _, want := range []string{"x: 9998", "x: 9999", "x: 8000", "x: out"} {
		f.expect(want)
		require.NoError(t, f.Return(id))
	}
	f.expect()
	f.rings("9998", 1)
	f.released("9998", 1)
	f.expect("x: 9998") // something has changed there
	require.NoError(t, f.Audit())
}

func TestStatesAreIgnored(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", nil)
	f.state("ann", router.NotReady)
	any := func(r *router.Request) { r.IgnoreState = true }
	f.submit("one", "ann@.A", any)
	two := f.submit("two", "ann@.A", any)
	f.expect("one: ann")
	f.state("ann", router.Ready)
	f.expect()
	f.rings("7001", 1)
	f.expect("two: ann")
	f.Cancel(two)
	f.state("ann", router.LoggedOut)
	f.submit("three", "ann@.A", any)
	f.expect()
	require.NoError(t, f.Login("ann", router.Login{}))
	f.expect("three: ann")
}

func TestThresholdFunctions(t *testing.T) {
	f := newFloor(t, router.Options{Property: func(app, section, option string) (string, bool) {
		return "3", app+section+option == "URSdefaultlimit"
	}, Subroutine: func(name string, args []string) (float64, bool) {
		return float64(len(args)), name == "count"
	}})
	f.agent("ann", "7001", nil)
	for threshold, want := range map[string]bool{
		"acfgdata(URS, default, limit, 5) = 3":            true,
		"acfgdata(URS, default, other, 5) = 5":            true,
		"acfgdata(URS, default, other, x) = 5":            false,
		"callage() >= 60":                                 true,
		"callage() > 61":                                  false,
		"PositionInQueue = 1 & InVQWaitTime >= 0":         true,
		"sdata(?:English<1@.GA, StatAgentsReady) = 1":     true,
		"sdata('?:(English<1)@.GA', StatAgentsReady) = 1": true,
		"run[count, a, 'b, c'] = 2 & CallsEntered = 0":    true,
		"run[count]":                      false,
		"run[none] = 0":                   false,
		"sdata(x@y.ZZ, CallsWaiting) = 0": false,
		"StatServiceFactor = 100 & CallsEntered = 0 & StatAge = 0": true,
	} {
		id := f.submit("x", "{"+threshold+"}ann@.A", func(r *router.Request) { r.Created = f.clock.Now().Add(-60500 * time.Millisecond) })
		if want {
			f.expect("x: ann")
		} else {
			f.clock.Advance(0)
			assert.Empty(t, f.log, threshold)
		}
		f.log = nil
		f.Cancel(id)
	}
}

func TestIntervals(t *testing.T) {
	f := newFloor(t, router.Options{Location: time.FixedZone("", -3*3600), Objective: 5 * time.Second})
	require.NoError(t, f.SetQueue(router.Queue{Number: "5000", Switch: "sw"}))
	require.NoError(t, f.SetQueue(router.Queue{Number: "5000", Switch: "sw"}))
	f.agent("ann", "7001", nil) // 3:04:05 and 0:04:05 there
	serve := func(id telephony.ConnID) {
		call := telephony.CallAttributes{ThisDN: "5000", ConnID: id}
		f.Receive(&telephony.EventQueued{CallAttributes: call})
		f.Receive(&telephony.EventRouteRequest{CallAttributes: call})
		f.submit("x", "ann@.A", func(r *router.Request) { r.Queue, r.ConnID = "VQ", id })
		f.clock.Advance(0)
		f.Receive(&telephony.EventRouteUsed{CallAttributes: call})
		f.Receive(&telephony.EventDiverted{CallAttributes: call})
		f.rings("7001", id)
		f.Receive(&telephony.EventEstablished{CallAttributes: telephony.CallAttributes{ThisDN: "7001", ConnID: id}})
		f.clock.Advance(10 * time.Second)
		f.released("7001", id)
	}
	late := f.submit("late", "nobody@.A", func(r *router.Request) { r.Queue, r.Timeout = "VQ", 20*time.Second })
	_ = late
	serve(1)
	f.clock.Advance(10 * time.Second) // the other one finds nobody
	f.Cancel(f.submit("gone", "nobody@.A", func(r *router.Request) { r.Queue = "VQ" }))
	f.clock.Advance(30 * time.Minute)
	serve(2)
	for _, c := range []struct {
		object, name string
		in           router.Interval
		want         float64
	}{
		{"VQ", "CallsEntered", router.Interval{}, 4}, {"R", "CallsEntered", router.Interval{}, 4},
		{"VQ", "CallsDistributed", router.Interval{}, 2}, {"VQ", "CallsTimedOut", router.Interval{}, 1}, {"VQ", "CallsAbandoned", router.Interval{}, 1},
		{"VQ", "DistributedPercentage", router.Interval{}, 50}, {"VQ", "NotDistributedPercentage", router.Interval{}, 50},
		{"VQ", "StatServiceFactor", router.Interval{}, 50}, {"VQ", "DistributedWaitingTime", router.Interval{}, 0},
		{"VQ", "CallsEntered", router.Interval{Kind: router.Sliding, Length: 10 * time.Minute}, 1},
		{"VQ", "StatServiceFactor", router.Interval{Kind: router.Sliding, Length: 10 * time.Minute}, 100},
		{"VQ", "CallsEntered", router.Interval{Kind: router.Sliding, Length: time.Hour}, 4},
		{"VQ", "CallsEntered", router.Interval{Kind: router.Growing}, 4},
		{"ann@.A", "StatCallsAnswered", router.Interval{}, 2}, {"ann@.A", "StatCallsCompleted", router.Interval{Kind: router.Sliding, Length: time.Minute}, 1},
		{"?:English<1@.GA", "CallsAnswered", router.Interval{}, 2}, {"ann@.A", "CallsAnswered", router.Interval{Kind: router.SinceLogin}, 2},
		{"5000@sw.RP", "CallsEntered", router.Interval{}, 2}, {"5000@sw.RP", "CallsDistributed", router.Interval{}, 2},
	} {
		assert.Equal(t, c.want, f.over(c.object, c.name, c.in), "%v", c)
	}
	f.log = nil
	f.clock.Advance(24 * time.Hour)
	assert.Zero(t, f.over("VQ", "CallsEntered", router.Interval{Kind: router.Growing}))
	assert.Zero(t, f.over("VQ", "CallsEntered", router.Interval{Kind: router.Sliding, Length: time.Hour}))
	serve(3)
	assert.Equal(t, 1.0, f.over("VQ", "CallsEntered", router.Interval{Kind: router.Growing}))
	assert.Equal(t, 5.0, f.over("VQ", "CallsEntered", router.Interval{}))
	f.state("ann", router.LoggedOut)
	f.state("ann", router.Ready)
	assert.Zero(t, f.over("ann@.A", "CallsAnswered", router.Interval{Kind: router.SinceLogin}))

	f.Receive(&telephony.EventQueued{CallAttributes: telephony.CallAttributes{ThisDN: "5000", ConnID: 9}})
	f.clock.Advance(7 * time.Second)
	assert.Equal(t, 1.0, f.statistic("5000@sw.RP", "StatCallsInQueue"))
	assert.Equal(t, 7.0, f.statistic("5000@sw.RP", "StatAge"))
	f.Receive(&telephony.EventAbandoned{CallAttributes: telephony.CallAttributes{ThisDN: "5000", ConnID: 9}})
	assert.Equal(t, 1.0, f.statistic("5000@sw.RP", "CallsAbandoned"))
	require.NoError(t, f.Login("ann", router.Login{Queues: []string{"5000@sw"}}))
	assert.Equal(t, 1.0, f.statistic("5000@sw.Q", "StatAgentsInQueueLogin"))
	assert.Equal(t, 1.0, f.statistic("5000@sw.Q", "StatAgentsInQueueReady"))
	for _, in := range []router.Interval{{Kind: router.Sliding}, {Kind: router.Sliding, Length: 2 * time.Hour}, {Kind: 9}} {
		_, err := f.StatisticOver("VQ", "CallsEntered", in)
		assert.ErrorIs(t, err, router.ErrStatistic)
	}
}

func TestExplanations(t *testing.T) {
	var told []router.Explanation
	f := newFloor(t, router.Options{Decided: func(e router.Explanation) { told = append(told, e) }})
	for i, id := range []string{"ann", "bob", "cy", "dan", "eve", "fay", "gus", "hal"} {
		f.agent(id, fmt.Sprint(7001+i), map[string]int{"English": 5})
	}
	f.agent("ida", "7020", nil)
	f.state("bob", router.NotReady)
	f.state("cy", router.AfterCallWork)
	f.state("dan", router.LoggedOut)
	f.rings("7005", 1) // eve
	f.submit("fay", "fay@.A", nil)
	f.expect("fay: fay")
	told = nil
	f.submit("x", "?:English>1@.GA", func(r *router.Request) { r.Exclude = []string{"gus"} })
	f.expect("x: ann")
	require.Len(t, told, 1)
	verdicts := map[string]router.Verdict{}
	for _, c := range told[0].Targets[0].Candidates {
		verdicts[c.Name] = c.Verdict
	}
	assert.Equal(t, map[string]router.Verdict{"ann": router.Chosen, "bob": router.IsNotReady, "cy": router.IsAfterCall, "dan": router.IsLoggedOut,
		"eve": router.Busy, "fay": router.Kept, "gus": router.Excluded, "hal": router.Behind}, verdicts)
	assert.Equal(t, "ann", told[0].Chosen.Name)
	assert.Contains(t, told[0].String(), "fay: reserved for request 1")
	assert.Equal(t, 3, told[0].Targets[0].Free)

	id := f.submit("y", "{StatAgentsReady > 99}?:English>1@.GA, nobody@.A", nil)
	f.expect()
	e, err := f.Explain(id, "ida")
	require.NoError(t, err)
	assert.Nil(t, e.Chosen)
	assert.True(t, e.Targets[0].Closed)
	assert.Contains(t, e.String(), "ida: not meant by the target")
	assert.Contains(t, e.String(), "hal: free, but the threshold is false")
	f.Cancel(id)

	// Who went without when an agent became free.
	f.submit("a", "bob@.A", nil)
	f.clock.Advance(time.Second)
	f.submit("b", "bob@.A", nil)
	f.submit("c", "?:English>1@.GA", func(r *router.Request) { r.Priority, r.Exclude = -1, []string{"ann", "gus", "hal"} })
	told = nil
	f.state("bob", router.Ready)
	f.expect("a: bob")
	require.Len(t, told, 1)
	require.Len(t, told[0].Rivals, 2)
	assert.Equal(t, "it has waited for less long", told[0].Rivals[0].Why)
	assert.Equal(t, "its priority is lower", told[0].Rivals[1].Why)
	assert.Equal(t, router.AgentFree, told[0].Trigger)
	assert.Equal(t, "bob, because the target became free; bob@.A: nobody else; before request 5, it has waited for less long, and 1 more", told[0].Brief())

	// Nobody in time: what keeps whom.
	f.state("ida", router.LoggedOut)
	f.state("fay", router.NotReady)
	told = nil
	f.submit("d", "?:English>1@.GA, ida@.A, nobody@.A", func(r *router.Request) {
		r.Timeout, r.Exclude = 5*time.Second, []string{"ann", "gus", "hal"}
	})
	f.clock.Advance(5 * time.Second)
	require.NotEmpty(t, told)
	last := told[len(told)-1]
	assert.Equal(t, router.Expired, last.Trigger)
	assert.Nil(t, last.Chosen)
	assert.Contains(t, last.String(), "waited 5s, order any: no target in time\n")
	assert.Equal(t, "no target in time; ?:English>1@.GA: 3 excluded, 1 logged out, 1 not ready, 1 after-call work, 1 busy, 1 reserved; "+
		"ida@.A: ida logged out; nobody@.A: means nobody", last.Brief())
	_, err = f.Explain(999)
	assert.ErrorIs(t, err, router.ErrNotFound)
}

func TestBadInput(t *testing.T) {
	f := newFloor(t, router.Options{Strict: true, MaxMedia: 2})
	f.agent("ann", "7001", map[string]int{"English": 5})
	nothing := func(router.Selection, error) {}
	var refused *router.RequestError
	one := []router.Target{{Type: router.TypeAgent, Name: "ann"}}
	for name, r := range map[string]router.Request{
		"target 1, [-1]ann@.A: the weight -1 is not from 0 to 1000000": {Targets: []router.Target{{Type: router.TypeAgent, Name: "ann", Weight: -1}}},
		"there are no targets of type":                                 {Targets: []router.Target{{Name: "ann"}}},
		"the name is missing":                                          {Targets: []router.Target{{Type: router.TypeAgent}}},
		"have workbins":                                                {Targets: []router.Target{{Type: router.TypeDN, Name: "1", Workbin: "x"}}},
		"more than 1000 targets":                                       {Targets: make([]router.Target, 1001)},
		"a time is negative":                                           {Targets: one, Timeout: -1},
		"there is no Order(9)":                                         {Targets: one, Order: 9},
		"agents are excluded":                                          {Targets: one, Exclude: make([]string, 10_001)},
		"it names no target":                                           {},
	} {
		_, err := f.Submit(r, nothing)
		require.ErrorAs(t, err, &refused, name)
		assert.Contains(t, err.Error(), name)
	}
	_, err := f.Submit(router.Request{Targets: one}, nil)
	assert.ErrorAs(t, err, &refused)
	for i, media := range []string{"email", "chat"} {
		_, err = f.Submit(router.Request{Targets: one, Media: media}, nothing)
		assert.Equal(t, i == 1, err != nil, media)
	}
	assert.ErrorIs(t, err, router.ErrTooMany)

	list, err := router.ParseTargets("?Team:(French > 5 & north = south | English > 1)@.GA, bob@.A, p@.AP, ann@.A, 1@.DN")
	require.NoError(t, err)
	_, err = f.Submit(router.Request{Targets: list}, nothing)
	var unknown *router.UnknownError
	require.ErrorAs(t, err, &unknown)
	assert.Equal(t, &router.UnknownError{Target: 1, Kind: "skill", Name: "French"}, unknown)
	assert.Equal(t, 4, strings.Count(f.Check(list).Error(), "there is no"))
	assert.NoError(t, f.Check(one))

	var config *router.ConfigError
	for _, err := range []error{
		f.SetAgent(router.Agent{}), f.SetAgent(router.Agent{ID: "x", Capacity: router.Capacity{Total: -1}}),
		f.SetAgent(router.Agent{ID: "x", Capacity: router.Capacity{Media: map[string]int{"chat": -1}}}),
		f.SetAgent(router.Agent{ID: "x", Skills: map[string]int{"": 1}}), f.SetAgentState("ann", 9),
		f.SetGroup(router.Group{}), f.SetGroup(router.Group{Type: "DN", Name: "x"}), f.SetGroup(router.Group{Name: "x", Members: make([]string, 100_001)}),
		f.SetGroup(router.Group{Type: router.TypePlaceGroup, Name: "x", Script: list[0].Skill}),
		f.SetQueue(router.Queue{}), f.SetVirtualQueue(router.VirtualQueue{}),
	} {
		assert.ErrorAs(t, err, &config)
	}
	assert.ErrorIs(t, f.Login("bob", router.Login{}), router.ErrNoAgent)
	_, err = f.AgentStatus("bob")
	assert.ErrorIs(t, err, router.ErrNoAgent)
}

func TestCallsThatTheRouterDidNotSend(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", nil)
	f.Receive(&telephony.EventDialing{CallAttributes: telephony.CallAttributes{ThisDN: "7001", ConnID: 1}})
	f.submit("x", "ann@.A", nil)
	f.expect()
	f.Receive(&telephony.EventPartyChanged{CallAttributes: telephony.CallAttributes{ThisDN: "7001", ConnID: 2, PreviousConnID: 1}})
	f.Receive(&telephony.EventPartyChanged{CallAttributes: telephony.CallAttributes{ThisDN: "7001", ConnID: 4, PreviousConnID: 3}})
	f.released("7001", 1) // is 2 now
	f.expect()
	f.released("7001", 2)
	f.released("7001", 2)
	f.expect("x: ann")
}
