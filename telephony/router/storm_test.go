package router_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
)

// storm is everything at once.
type storm struct {
	*floor
	rnd   *rand.Rand
	voice map[string]holding // who has the DN
	other map[router.ID]router.Selection
	live  map[router.ID]bool
	calls map[string][]telephony.ConnID // by DN
	works map[string][]string           // by agent
	last  telephony.ConnID
}

// holding is a reservation.
type holding struct {
	id    router.ID
	until time.Time
}

const stormAgents = 20

func (s *storm) who() string { return fmt.Sprintf("a%d", s.rnd.IntN(stormAgents)) }

func (s *storm) setAgent(id string) {
	a := router.Agent{ID: id, DN: "70" + id[1:], Switch: "sw", Place: "P" + id[1:], Skills: map[string]int{"S": s.rnd.IntN(5), "T": s.rnd.IntN(3)}}
	if id == "a7" || id == "a8" {
		a.DN = "7078" // two at one telephone
	}
	if s.rnd.IntN(3) == 0 {
		a.Capacity = router.Capacity{Total: 3, Media: map[string]int{router.Voice: 1, "email": 3, "chat": 2}}
	}
	require.NoError(s, s.SetAgent(a))
}

func (s *storm) submitOne(t *testing.T) {
	targets := []string{"?:S>2@.GA", "?:T>1@.GA, a3@.A", "a1@.A", "701@sw.DN", "{StatAgentsReady>1}?:S>0@.GA", "[3]a4@.A,[1]a5@.A",
		"Hall@.GP", "Virtual@.GA", "Camp@.GC", "Queues@.GQ", "P2@.AP,5000@.RP", "{CallsWaiting<3 & callage() < 5}?Team:S>0@.GA"}
	list, err := router.ParseTargets(targets[s.rnd.IntN(len(targets))])
	require.NoError(t, err)
	if s.rnd.IntN(20) == 0 {
		list = append(list, router.Target{Type: router.TypeAgent, Name: s.who(), Workbin: "drafts"})
	}
	media := []string{"", "", "", "email", "chat"}[s.rnd.IntN(5)]
	var id router.ID
	req := router.Request{
		Targets: list, Priority: s.rnd.IntN(3), Order: router.Order(s.rnd.IntN(4)), Media: media,
		Statistic: []string{"", "StatAgentLoading", "RStatCost", "StatAgentsReady"}[s.rnd.IntN(4)], Ideal: map[string]int{"S": 3},
		Queue: fmt.Sprint("VQ", s.rnd.IntN(4)), Timeout: time.Duration(s.rnd.IntN(20)) * time.Second,
		Interaction: fmt.Sprint(s.rnd.IntN(50)), KeepOnTimeout: s.rnd.IntN(2) == 0, IgnoreState: s.rnd.IntN(15) == 0,
		Tuning:  router.Tuning{Age: s.rnd.IntN(4) == 0, PredictedWait: s.rnd.IntN(4) == 0, ServiceObjective: time.Duration(s.rnd.IntN(3)) * time.Second},
		Created: s.clock.Now().Add(-time.Minute), Exclude: []string{s.who()},
	}
	id, err = s.Submit(req, func(sel router.Selection, err error) {
		if err != nil {
			assert.ErrorIs(t, err, router.ErrTimeout)
			delete(s.live, id)
			return
		}
		if media == "" && sel.Resource != router.TypeQueue && sel.Resource != router.TypeRoutePoint && sel.Resource != router.TypeQueueGroup && sel.Workbin == "" {
			now := s.clock.Now()
			assert.False(t, now.Before(s.voice[sel.DN].until), "%s is given away twice", sel.DN)
			s.voice[sel.DN] = holding{id, now.Add(sel.Reserved)}
		} else {
			s.other[id] = sel
		}
	})
	require.NoError(t, err)
	s.live[id] = true
}

// faults are what happens beside the requests.
func (s *storm) fault() {
	id := s.who()
	switch s.rnd.IntN(14) {
	case 0:
		if s.RemoveAgent(id) == nil {
			delete(s.works, id)
			delete(s.voice, "70"+id[1:])
			if id == "a7" || id == "a8" {
				delete(s.voice, "7078")
			}
		}
	case 1, 2:
		s.setAgent(id)
	case 3, 4, 5:
		_ = s.SetAgentState(id, router.AgentState(s.rnd.IntN(4)))
	case 6, 7:
		_ = s.SetAgentState(id, router.Ready)
	case 8:
		_ = s.SetMediaState(id, "chat", router.AgentState(s.rnd.IntN(4)))
	case 9:
		_ = s.Login(id, router.Login{Place: fmt.Sprint("P", s.rnd.IntN(5)), Queues: []string{"8000@sw"}})
	case 10:
		require.NoError(s, s.SetVirtualQueue(router.VirtualQueue{Name: "VQ1", Priority: s.rnd.IntN(3)}))
	case 11:
		require.NoError(s, s.SetGroup(router.Group{Name: "Team", Members: []string{s.who(), s.who(), s.who()}}))
	case 12: // calls that the router has not sent
		s.last++
		s.rings("70"+id[1:], s.last)
		s.calls["70"+id[1:]] = append(s.calls["70"+id[1:]], s.last)
	case 13:
		x := fmt.Sprint("w", s.rnd.IntN(1000))
		if s.AddInteraction(id, "email", x) == nil {
			s.works[id] = append(s.works[id], x)
		}
	}
}

// endings are what becomes of selections and calls.
func (s *storm) endings() {
	for _, dn := range slices.Sorted(maps.Keys(s.voice)) {
		holds := s.voice[dn].id
		delete(s.voice, dn)
		s.last++
		switch s.rnd.IntN(6) {
		case 0:
			_ = s.Return(holds)
		case 1:
			s.Cancel(holds)
		case 2:
			s.rings(dn, s.last)
			s.Receive(&telephony.EventReleased{CallAttributes: telephony.CallAttributes{ThisDN: dn, ConnID: s.last, CallState: telephony.CallStateNoAnswer}})
		case 3:
			s.clock.Advance(10 * time.Second) // nothing comes: the reservation ends
		case 4:
			_ = s.Reserve(holds, 3*time.Second)
			s.clock.Advance(3 * time.Second)
		default:
			s.rings(dn, s.last)
			s.Receive(&telephony.EventEstablished{CallAttributes: telephony.CallAttributes{ThisDN: dn, ConnID: s.last}})
			s.calls[dn] = append(s.calls[dn], s.last)
		}
		s.clock.Advance(0)
	}
	for _, id := range slices.Sorted(maps.Keys(s.other)) {
		sel := s.other[id]
		delete(s.other, id)
		if s.rnd.IntN(2) == 0 {
			s.Cancel(id)
		} else if s.rnd.IntN(2) == 0 {
			_ = s.Return(id)
		} else {
			_ = s.AddInteraction(sel.Agent, "chat", fmt.Sprint(id))
			s.works[sel.Agent] = append(s.works[sel.Agent], fmt.Sprint(id))
		}
	}
	for _, dn := range slices.Sorted(maps.Keys(s.calls)) {
		list := s.calls[dn]
		if s.rnd.IntN(3) > 0 {
			s.released(dn, list[0])
			if s.calls[dn] = list[1:]; len(list) == 1 {
				delete(s.calls, dn)
			}
		}
	}
	for _, agent := range slices.Sorted(maps.Keys(s.works)) {
		list := s.works[agent]
		if s.rnd.IntN(3) > 0 {
			_ = s.RemoveInteraction(agent, list[0])
			if s.works[agent] = list[1:]; len(list) == 1 {
				delete(s.works, agent)
			}
		}
	}
}

// Nobody is given away twice, what the router keeps agrees with what is, and in the
// end nothing is left.
func TestStorm(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := &storm{rnd: rand.New(rand.NewPCG(seed, 1)), voice: map[string]holding{}, other: map[router.ID]router.Selection{}, live: map[router.ID]bool{},
		calls: map[string][]telephony.ConnID{}, works: map[string][]string{}}
	decided := 0
	s.floor = newFloor(t, router.Options{NotReadyOnNoAnswer: seed%2 == 0, Decided: func(e router.Explanation) {
		assert.Equal(t, e.Trigger == router.Expired, e.Chosen == nil)
		assert.NotEmpty(t, e.String())
		assert.NotContains(t, e.Brief(), "\n")
		decided++
	}})
	for i := range stormAgents {
		s.setAgent(fmt.Sprint("a", i))
		s.state(fmt.Sprint("a", i), router.Ready)
	}
	script, err := router.ParseScript(`Skill("S") > 1 & LoggedIn("sw") & ~LoggedIn("8000@sw")`)
	require.NoError(t, err)
	for _, g := range []router.Group{
		{Name: "Team", Members: []string{"a1", "a2", "a3"}}, {Name: "Virtual", Script: script},
		{Type: router.TypePlaceGroup, Name: "Hall", Members: []string{"P1", "P2", "P3"}},
		{Type: router.TypeCampaignGroup, Name: "Camp", Members: []string{"Team", "Virtual"}},
		{Type: router.TypeQueueGroup, Name: "Queues", Members: []string{"8000@sw", "8001@sw"}},
	} {
		require.NoError(t, s.SetGroup(g))
	}
	for i := range 4000 {
		s.submitOne(t)
		s.clock.Advance(time.Duration(s.rnd.IntN(2000)) * time.Millisecond)
		s.fault()
		s.endings()
		if i%20 == 0 {
			require.NoError(t, s.Audit(), "step %d", i)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.live)) {
		s.Cancel(id)
	}
	s.clock.Advance(time.Hour)
	stats := s.Stats()
	assert.Zero(t, stats.Waiting)
	assert.Zero(t, stats.Reserved)
	assert.Zero(t, stats.Pools)
	assert.NotZero(t, decided)
	require.NoError(t, s.Audit())
	for i := range stormAgents {
		id := fmt.Sprint("a", i)
		if a, err := s.AgentStatus(id); err == nil {
			assert.Zero(t, a.Reserved, id)
		}
	}
}
