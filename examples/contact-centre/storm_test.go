package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
)

var stormSeed = flag.Uint64("storm.seed", 1, "of the random storm; 0: another one in each run")

// TestRandomStorm lets callers, agents, transfers and faults of all kinds happen at random. Afterwards
// nothing is left: no call, no session, no request, no reservation, no goroutine (the bubble
// would wait for it).
func TestRandomStorm(t *testing.T) {
	seed := *stormSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("go test ./examples/contact-centre -run TestRandomStorm -storm.seed=%d", seed)
	synctest.Test(t, func(t *testing.T) { newStorm(t, seed).run() })
}

// letters is a strategy that delivers e-mails, and puts one back that nobody takes in time. A session
// ends with its interaction, as that of a call.
const letters = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
  xmlns:queue="http://www.genesyslab.com/modules/queue" xmlns:ixn="http://www.genesyslab.com/modules/interaction">
<datamodel><data id="ixn"/></datamodel>
<state id="present">
  <transition event="interaction.present" target="waiting"><assign location="ixn" expr="_event.data.interactionid"/></transition>
  <transition event="interaction.deleted" target="over"/>
</state>
<state id="waiting">
  <onentry><queue:submit interactionid="ixn" queue="'VQ_Mail'" timeout="30">
    <queue:targets><queue:targetid expr="'?:Sales&gt;0@.GA'"/></queue:targets>
  </queue:submit></onentry>
  <transition event="interaction.deleted" target="over"/>
  <transition event="error.queue.submit"><ixn:placeinqueue interactionid="ixn" queue="'inbox'"/></transition>
  <transition event="error.interaction.placeinqueue" target="waiting"/>
</state>
<final id="over"/></scxml>`

// storm is a contact centre and those who trouble it.
type storm struct {
	*testing.T
	mail    *sim.InteractionServer
	clock   *session.VirtualClock
	rand    *rand.Rand
	c       *centre
	desks   telephony.Link  // what agents do with their telephones
	count   map[string]int  // of what happened
	letters []string        // ids of e-mails, those that are over among them
	strange map[string]bool // agents who were removed from the router and of whose login it has not heard since
	over    bool
}

func newStorm(t *testing.T, seed uint64) *storm {
	s := &storm{T: t, clock: session.NewVirtualClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)),
		rand: rand.New(rand.NewPCG(seed, 0)), count: map[string]int{}, strange: map[string]bool{}}
	ids := 0
	s.mail = sim.NewInteractionServer(&sim.InteractionServerOptions{Clock: s.clock})
	s.mail.AddQueue("inbox", sim.InteractionQueue{Strategy: true})
	voice, err := fs.ReadFile(strategies, "strategy.scxml")
	require.NoError(t, err)
	s.c, err = newCentre(settings{
		files:        fstest.MapFS{"strategy.scxml": {Data: voice}, "letters.scxml": {Data: []byte(letters)}},
		interactions: s.mail,
		configure: func(o *config.Objects) {
			o.DNs = append(o.DNs, &config.DN{Number: "inbox", Switch: "Main", Type: config.InteractionQueue,
				Annex: config.Options{}.Set("Orchestration", "application", "script:Letters")})
			o.Scripts = append(o.Scripts, &config.Script{Name: "Letters", Annex: config.Options{}.Set("Application", "url", "app:/letters.scxml")})
		},
		clock: s.clock, workers: 1, agents: 40, skills: skillsOf, rand: rand.New(rand.NewPCG(seed, 1)),
		point: sim.RoutePoint{RingTimeout: 10 * time.Second, Timeout: 20 * time.Minute},
		newID: func() string { ids++; return fmt.Sprint("s", ids) },
		habits: sim.Habits{Answer: sim.Uniform(0, 8*time.Second), Talk: sim.LogNormal(time.Minute, time.Minute),
			AfterCallWork: sim.Uniform(0, 10*time.Second), Refuse: 0.05, NoAnswer: 0.05},
		link: func(sw *sim.Switch) (telephony.Link, error) {
			if err := sw.AddBackup("Backup"); err != nil {
				return nil, err
			}
			return telephony.Open(sw, []telephony.Endpoint{{Address: "Main"}, {Address: "Backup"}}, &telephony.LinkOptions{
				Clock: s.clock, Standby: telephony.StandbyHot, Random: func() float64 { return 0 },
			})
		},
	})
	require.NoError(t, err)
	s.clock.Advance(time.Second)
	require.NoError(t, s.c.ready(t.Context()))
	s.desks, err = telephony.Open(s.c.sw, []telephony.Endpoint{{Address: "Main"}, {Address: "Backup"}}, &telephony.LinkOptions{
		Clock: s.clock, Standby: telephony.StandbyHot, Random: func() float64 { return 0 },
	})
	require.NoError(t, err)
	s.desks.Subscribe(s.desk)
	s.c.link.Subscribe(func(e telephony.Event) { // after the router
		if e, ok := e.(*telephony.EventAgentLogin); ok {
			if _, err := s.c.router.AgentState(e.AgentID); err == nil {
				delete(s.strange, e.AgentID)
			}
		}
	})
	s.clock.Advance(0)
	for i, id := range s.c.agents {
		s.mail.AddAgent(id, s.reader())
		require.NoError(t, s.c.router.SetMediaState(id, "email", router.Ready))
		s.desks.Send(&telephony.RequestRegisterAddress{ThisDN: dnOf(i)}, nil)
	}
	s.clock.Advance(time.Second)
	return s
}

func (s *storm) run() {
	a, err := s.c.sw.Generate(sim.Load{DN: entry, Every: sim.Exponential(time.Second), Calls: 1500, Caller: s.caller}, s.rand)
	require.NoError(s, err)
	disturb := sim.Disturbances{LostAnswers: 0.01, LateAnswers: 0.02, TwiceAnswers: 0.02, TwiceEvents: 0.02, LateEvents: 0.01,
		Late: sim.Exponential(time.Second)}.Decide(s.rand)
	for _, name := range []string{"Main", "Backup"} {
		s.c.sw.Server(name).SetFate(disturb)
	}
	s.later(sim.Exponential(20*time.Second), s.fault)
	s.later(sim.Exponential(2*time.Second), s.agent)
	s.later(sim.Exponential(5*time.Second), s.letter)
	for made, lost := 0, 0; made+lost < 1500; made, lost = a.Count() {
		s.clock.Advance(time.Minute)
	}

	// The storm is over.
	s.over = true
	for _, name := range []string{"Main", "Backup"} {
		srv := s.c.sw.Server(name)
		srv.Start()
		srv.SetConnected(true)
		srv.SetFate(nil)
	}
	s.clock.Advance(time.Minute)
	s.agree()
	for i, id := range s.c.agents {
		s.mail.AddAgent(id, sim.InteractionAgent{AcceptAfter: time.Second, HandleTime: time.Minute})
		s.restore(i)
	}
	s.clock.Advance(time.Hour)
	for _, k := range s.c.sw.List() {
		if !k.Outside { // an agent has dialled another one, who does not answer
			require.NoError(s, s.c.sw.HangUp(k.ConnID))
		}
	}
	s.clock.Advance(2 * time.Hour)
	s.Logf("what happened: %v", s.count)
	assert.Empty(s, s.c.sw.List(), "calls")
	assert.Zero(s, s.mail.Interactions(), "e-mails")
	assert.Empty(s, s.c.engine.Sessions(), "sessions")
	stats := s.c.router.Stats()
	assert.Zero(s, stats.Waiting, "requests that wait")
	assert.Zero(s, stats.Reserved, "targets that are reserved")
	for _, what := range []string{"transfer", "conference", "switch-over", "stopped", "dropped", "link lost", "agent removed", "e-mail", "RequestPull", "RequestStopProcessing"} {
		assert.NotZero(s, s.count[what], what)
	}

	// And the centre works: a call finds an agent.
	id, err := s.c.sw.Call(entry, sim.Caller{ANI: "last", Patience: time.Hour, Keys: sim.KeyInTurn("1")})
	require.NoError(s, err)
	s.clock.Advance(3 * time.Hour)
	require.ErrorIs(s, s.c.sw.HangUp(id), sim.ErrNoCall)
	assert.Positive(s, s.count["last answered"])
	require.NoError(s, s.desks.Close())
	s.c.close()
}

// later lets f happen again and again.
func (s *storm) later(every sim.Distribution, f func()) {
	s.clock.AfterFunc(every(s.rand), func() {
		if !s.over {
			f()
			s.later(every, f)
		}
	})
}

func (s *storm) note(what string) { s.count[what]++ }

func dnOf(i int) string { return fmt.Sprint(70000 + i) }

// any returns an agent.
func (s *storm) any() int { return s.rand.IntN(len(s.c.agents)) }

func (s *storm) caller(n int, r *rand.Rand) sim.Caller {
	c := caller(n, r)
	c.Patience = sim.Exponential(time.Minute)(r) + time.Second
	return c
}

// letter is an e-mail that arrives, or something that becomes of one.
func (s *storm) letter() {
	if s.rand.IntN(3) > 0 {
		s.note("e-mail")
		id, err := s.mail.Submit(telephony.Interaction{MediaType: "email", Queue: "inbox"})
		require.NoError(s, err)
		s.letters = append(s.letters, id)
		return
	}
	if len(s.letters) == 0 {
		return
	}
	id := s.letters[s.rand.IntN(len(s.letters))]
	var req telephony.InteractionRequest = &telephony.RequestPull{InteractionID: id} // away from whoever has it
	if s.rand.IntN(2) == 0 {
		req = &telephony.RequestStopProcessing{InteractionID: id}
	}
	s.mail.Send(req, func(_ telephony.Interaction, err error) {
		if err != nil {
			s.note(req.Name() + " failed")
			return
		}
		s.note(req.Name())
	})
	s.mail.AddAgent(s.c.agents[s.any()], s.reader())
}

// reader draws an agent who reads e-mails, or does not.
func (s *storm) reader() sim.InteractionAgent {
	return sim.InteractionAgent{AcceptAfter: sim.Exponential(15 * time.Second)(s.rand), Reject: s.rand.IntN(5) == 0,
		HandleTime: time.Second + sim.Exponential(time.Minute)(s.rand)}
}

// fault is something that goes wrong with a server.
func (s *storm) fault() {
	srv := s.c.sw.Server([]string{"Main", "Backup"}[s.rand.IntN(2)])
	back := sim.Exponential(20 * time.Second)(s.rand)
	switch s.rand.IntN(4) {
	case 0:
		s.note("switch-over")
		s.c.sw.SwitchOver()
	case 1:
		s.note("stopped")
		srv.Stop()
		s.clock.AfterFunc(back, srv.Start)
	case 2:
		s.note("dropped")
		srv.Drop(errors.New("cable cut"))
	case 3:
		s.note("link lost")
		srv.SetConnected(false)
		s.clock.AfterFunc(back, func() { srv.SetConnected(true) })
	}
}

// agent is something that an agent does, or that is done to him.
func (s *storm) agent() {
	i := s.any()
	id := s.c.agents[i]
	switch s.rand.IntN(6) {
	case 0:
		s.note("agent not ready")
		_ = s.c.sw.NotReady(id, telephony.WorkModeAuxWork, nil) // if he is logged in
	case 1:
		s.note("agent logged out")
		_ = s.c.sw.Logout(id)
	case 2:
		s.note("agent removed")
		if s.c.router.RemoveAgent(id) == nil {
			s.strange[id] = true
		}
		if s.rand.IntN(2) == 0 {
			require.NoError(s, s.c.sw.RemoveAgent(id))
			require.NoError(s, s.c.sw.AddAgent(sim.Agent{ID: id, Handle: s.c.handle}))
		}
	default:
		s.restore(i)
	}
}

// agree sees to it that the router knows of the agents what the switch knows.
func (s *storm) agree() {
	states := map[sim.AgentState]router.AgentState{sim.AgentLoggedOut: router.LoggedOut, sim.AgentNotReady: router.NotReady,
		sim.AgentAfterCallWork: router.AfterCallWork, sim.AgentReady: router.Ready}
	for _, id := range s.c.agents {
		if s.strange[id] {
			continue
		}
		known, err := s.c.router.AgentState(id)
		require.NoError(s, err)
		is, err := s.c.sw.Agent(id)
		require.NoError(s, err)
		assert.Equal(s, states[is.State], known, "what the router knows of %s", id)
	}
}

// restore brings an agent back, whatever has become of him.
func (s *storm) restore(i int) {
	id := s.c.agents[i]
	require.NoError(s, s.c.router.SetAgent(router.Agent{ID: id, DN: dnOf(i), Switch: "Main", Skills: skillsOf(i)}))
	require.NoError(s, s.c.router.SetMediaState(id, "email", router.Ready))
	_ = s.c.sw.Logout(id)
	require.NoError(s, s.c.sw.Login(id, dnOf(i)))
	require.NoError(s, s.c.sw.Ready(id))
}

// desk is an agent with a call: now and then something becomes of it.
func (s *storm) desk(e telephony.Event) {
	x, ok := e.(*telephony.EventEstablished)
	if !ok {
		return
	}
	if x.ANI == "last" {
		s.note("last answered")
	}
	if s.over || s.rand.IntN(3) > 0 {
		return
	}
	dn, id := x.ThisDN, x.ConnID
	do := func(after sim.Distribution, f func()) { s.clock.AfterFunc(after(s.rand), f) }
	soon := sim.Exponential(5 * time.Second)
	to := dnOf(s.any())
	if s.rand.IntN(2) == 0 {
		to = entry
	}
	send := func(what string, req telephony.Request, then func(telephony.Event)) {
		s.desks.Send(req, func(e telephony.Event, err error) {
			if err != nil {
				s.note(what + " failed")
				return
			}
			s.note(what)
			if then != nil {
				then(e)
			}
		})
	}
	do(soon, func() {
		switch s.rand.IntN(7) {
		case 0:
			send("single-step transfer", &telephony.RequestSingleStepTransfer{ThisDN: dn, ConnID: id, Destination: to}, nil)
		case 1:
			send("single-step conference", &telephony.RequestSingleStepConference{ThisDN: dn, ConnID: id, Destination: dnOf(s.any())}, nil)
		case 2:
			send("hold", &telephony.RequestHoldCall{ThisDN: dn, ConnID: id}, func(telephony.Event) {
				do(soon, func() { send("retrieve", &telephony.RequestRetrieveCall{ThisDN: dn, ConnID: id}, nil) })
			})
		case 3:
			send("conference begun", &telephony.RequestInitiateConference{ThisDN: dn, ConnID: id, Destination: to}, func(e telephony.Event) {
				second := e.(*telephony.EventDialing).ConnID
				do(soon, func() {
					send("conference", &telephony.RequestCompleteConference{ThisDN: dn, ConnID: second, ConferenceConnID: id}, nil)
				})
			})
		case 4:
			send("mute transfer", &telephony.RequestMuteTransfer{ThisDN: dn, ConnID: id, Destination: to}, nil)
		default:
			send("transfer begun", &telephony.RequestInitiateTransfer{ThisDN: dn, ConnID: id, Destination: to}, func(e telephony.Event) {
				second := e.(*telephony.EventDialing).ConnID
				do(soon, func() {
					if s.rand.IntN(4) == 0 {
						send("consultation given up", &telephony.RequestReconnectCall{ThisDN: dn, CurrentConnID: second, HeldConnID: id}, nil)
						return
					}
					send("transfer", &telephony.RequestCompleteTransfer{ThisDN: dn, ConnID: second, TransferConnID: id}, nil)
				})
			})
		}
	})
}
