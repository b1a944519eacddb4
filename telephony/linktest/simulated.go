package linktest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// Simulation is a simulated site, for a driver to be connected with.
type Simulation struct {
	Clock        *Clock
	Switch       *sim.Switch // a telephony.Driver
	Interactions *sim.InteractionServer

	// Servers are the names of the switch's servers, which are the addresses by which
	// Switch.Dial knows them: one, or two of a hot standby pair.
	Servers []string
}

// Connection is how a driver reaches a Simulation.
type Connection struct {
	Driver    telephony.Driver
	Endpoints []telephony.Endpoint // one for each of Simulation.Servers, in their order

	// Interactions are the interactions of the site; nil: those of the link, where it can
	// interact.
	Interactions telephony.InteractionServer
}

// Simulated makes a Target of a driver that can be put in front of the simulated switch.
// connect brings the two together; it has t.Cleanup take down what it starts.
func Simulated(connect func(t testing.TB, s *Simulation) Connection) Target {
	return Target{Open: func(t testing.TB, site *Site) World {
		t.Helper()
		clock := NewClock(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC))
		t.Cleanup(clock.Close)
		s := &Simulation{Clock: clock, Switch: sim.New(&sim.Options{Clock: clock, Name: "sim"}),
			Interactions: sim.NewInteractionServer(&sim.InteractionServerOptions{Clock: clock}), Servers: []string{"sim"}}
		if err := s.build(site); err != nil {
			t.Fatal(err)
		}
		c := connect(t, s)
		opts := &telephony.LinkOptions{Clock: clock, Random: func() float64 { return 0 }}
		if site.Standby {
			opts.Standby = telephony.StandbyHot
		}
		driver := watch(c.Driver)
		clock.rest = func() {
			ctx, stop := context.WithTimeout(context.Background(), patience)
			defer stop()
			// What hangs shows in what the scenario waits for.
			_ = driver.quiet(ctx)
		}
		link, err := telephony.Open(driver, c.Endpoints, opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { link.Close() })
		return &simulated{Simulation: s, driver: driver, link: link, interactions: c.Interactions}
	}}
}

// build sets a site up.
func (s *Simulation) build(site *Site) error {
	for _, p := range site.RoutingPoints {
		if err := s.Switch.AddRoutePoint(p.DN, sim.RoutePoint{Timeout: p.Timeout, Default: p.Default, RingTimeout: p.Ring}); err != nil {
			return err
		}
	}
	for _, e := range site.Extensions {
		if err := s.Switch.AddExtension(e.DN, sim.Extension{AgentID: e.AgentID, AnswerAfter: e.Answer, TalkTime: e.Talk}); err != nil {
			return err
		}
	}
	for _, q := range site.Queues {
		s.Interactions.AddQueue(q.Name, sim.InteractionQueue{Strategy: q.Strategy})
	}
	for _, a := range site.Agents {
		s.Interactions.AddAgent(a.ID, sim.InteractionAgent{AcceptAfter: a.Accept, Reject: a.Reject})
		how := sim.Handling{AnswerAfter: a.Answer, TalkTime: a.Talk, AfterCallWork: a.Work}
		if err := s.Switch.AddAgent(sim.Agent{ID: a.ID, Handling: how}); err != nil {
			return err
		}
	}
	if site.Standby {
		s.Servers = append(s.Servers, "sim-backup")
		return s.Switch.AddBackup("sim-backup")
	}
	return nil
}

// simulated is the World of a Simulation.
type simulated struct {
	*Simulation
	driver       *connections
	link         telephony.Link
	interactions telephony.InteractionServer
}

func (w *simulated) Link() telephony.Link { return w.link }

func (w *simulated) Interactions() telephony.InteractionServer {
	switch {
	case w.interactions != nil:
		return w.interactions
	case w.link.Capabilities().Has(telephony.CanInteract):
		return telephony.Interactions(w.link)
	}
	return nil
}

func (w *simulated) Ready(ctx context.Context, dns []string) error {
	if err := w.driver.everywhere(ctx, len(w.Servers), dns); err != nil {
		return fmt.Errorf("linktest: not every server has the registrations: %w", err)
	}
	return nil
}

func (w *simulated) Call(dn string, c Caller) (telephony.ConnID, error) {
	caller := sim.Caller{ANI: c.ANI, Patience: c.Patience, UserData: c.UserData}
	if c.Keys != "" {
		caller.Keys = sim.KeyInTurn(c.Keys)
	}
	return w.Switch.Call(dn, caller)
}

func (w *simulated) HangUp(call telephony.ConnID) error  { return w.Switch.HangUp(call) }
func (w *simulated) Release(call telephony.ConnID) error { return w.Switch.Release(call) }

func (w *simulated) Submit(i telephony.Interaction) (string, error) {
	return w.Simulation.Interactions.Submit(i)
}

func (w *simulated) SetAgent(id string, s telephony.AgentState, dn string) error {
	is, err := w.Switch.Agent(id)
	if err == nil && is.State == sim.AgentLoggedOut && s != telephony.AgentStateLoggedOut {
		err = w.Switch.Login(id, dn)
	}
	if err != nil {
		return err
	}
	switch s {
	case telephony.AgentStateReady:
		return w.Switch.Ready(id)
	case telephony.AgentStateNotReady:
		return w.Switch.NotReady(id, telephony.WorkModeUnknown, nil)
	case telephony.AgentStateAfterCallWork:
		return w.Switch.NotReady(id, telephony.WorkModeAfterCallWork, nil)
	}
	return w.Switch.Logout(id)
}

func (w *simulated) SetConnected(connected bool) error {
	w.Switch.SetConnected(connected)
	return nil
}

func (w *simulated) SetServer(up bool) error {
	s := w.Switch.Server(w.Servers[0])
	if up {
		s.Start()
	} else {
		s.Stop()
	}
	return nil
}

func (w *simulated) SwitchOver() error {
	if len(w.Servers) < 2 {
		return fmt.Errorf("%w: there is no standby pair", telephony.ErrUnsupported)
	}
	w.Switch.SwitchOver()
	return nil
}

func (w *simulated) Advance(d time.Duration) error {
	w.Clock.Advance(d)
	return nil
}
