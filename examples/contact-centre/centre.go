package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
)

//go:embed strategy.scxml
var strategies embed.FS

// entry is the routing point where calls arrive.
const entry = "5000"

var skills = []string{"Sales", "Service", "Technical"}

// settings say what a centre is like.
type settings struct {
	clock    session.Clock
	workers  int                        // of the engine
	strategy string                     // URL; default app:/strategy.scxml
	files    fs.FS                      // where app: is; default strategy.scxml of this folder
	agents   int                        // how many
	habits   sim.Habits                 // of the agents
	skills   func(i int) map[string]int // of agent i
	rand     *rand.Rand
	trace    func(telephony.Event)
	chosen   func(id telephony.ConnID, now time.Time, queue, why string) // told of decisions of the router; nil: nobody
	started  func(session.Info)
	ended    func(session.Info, session.Result)
	logger   *slog.Logger
	// link opens the link to the switch; default Switch.Connect.
	link  func(*sim.Switch) (telephony.Link, error)
	point sim.RoutePoint // entry
	newID func() string  // of sessions; default as session.Options
}

// centre is a contact centre: a simulated switch, a router with agents, and an engine
// that runs the strategy.
type centre struct {
	sw        *sim.Switch
	link      telephony.Link
	router    *explained
	connector *fm.Connector
	engine    *session.Engine
	agents    []string // ids
	handle    func(*telephony.CallAttributes) sim.Handling
}

// newCentre opens a centre. Nobody is ready yet (ready).
func newCentre(s settings) (c *centre, err error) {
	if s.strategy == "" {
		s.strategy = "app:/strategy.scxml"
	}
	if s.files == nil {
		s.files = strategies
	}
	if s.link == nil {
		s.link = func(sw *sim.Switch) (telephony.Link, error) { return sw.Connect(), nil }
	}
	c = &centre{sw: sim.New(&sim.Options{Clock: s.clock, Name: "Main", Trace: s.trace, NoAnswer: sim.NoAnswerNotReady})}
	c.router = &explained{Router: router.New(&router.Options{Clock: s.clock}), clock: s.clock, chosen: s.chosen}
	site := &config.Site{
		Switches: []config.Switch{{Name: "Main", DNs: []config.DN{{Number: entry, Type: config.RoutingPoint,
			Annex: config.Annex{"Orchestration": {"application": "script:Strategy"}}}}}},
		Scripts: []config.Script{{Name: "Strategy", Annex: config.Annex{
			"Application":      {"url": s.strategy},
			"ApplicationParms": {"level": "5", "patience": "20"},
		}}},
	}
	if err := c.sw.AddRoutePoint(entry, s.point); err != nil {
		return nil, err
	}
	c.handle = s.habits.Handle(s.rand)
	for i := range s.agents {
		id, dn := fmt.Sprintf("agent%04d", i), fmt.Sprint(70000+i)
		if err := c.sw.AddACDPosition(dn); err != nil {
			return nil, err
		}
		if err := c.sw.AddAgent(sim.Agent{ID: id, Handle: c.handle}); err != nil {
			return nil, err
		}
		if err := c.router.SetAgent(router.Agent{ID: id, DN: dn, Switch: "Main", Skills: s.skills(i)}); err != nil {
			return nil, err
		}
		c.agents = append(c.agents, id)
		site.Switches[0].DNs = append(site.Switches[0].DNs, config.DN{Number: dn, Type: config.Extension})
	}
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": s.files}})
	if err != nil {
		return nil, err
	}
	c.connector = fm.NewConnector(site, &fm.Options{DNs: site.Numbers(), Clock: s.clock, Targets: c.router, Logger: s.logger})
	opts := &session.Options{
		Parse:    scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}},
		Loader:   loader,
		Clock:    s.clock,
		Workers:  s.workers,
		NewID:    s.newID,
		Logger:   s.logger,
		Observer: session.Observer{SessionStarted: s.started, SessionEnded: s.ended},
	}
	c.connector.Install(opts)
	if c.engine, err = session.New(opts); err != nil {
		return nil, err
	}
	if c.link, err = s.link(c.sw); err != nil {
		return nil, err
	}
	c.link.Subscribe(c.states)
	return c, c.connector.Open(c.engine, c.link)
}

// states tells the router what agents say.
func (c *centre) states(e telephony.Event) {
	var id string
	var state router.AgentState
	switch e := e.(type) {
	case *telephony.EventAgentLogin:
		id, state = e.AgentID, router.NotReady
	case *telephony.EventAgentLogout:
		id, state = e.AgentID, router.LoggedOut
	case *telephony.EventAgentReady:
		id, state = e.AgentID, router.Ready
	case *telephony.EventAgentNotReady:
		id, state = e.AgentID, router.NotReady
	case *telephony.EventAgentAfterCallWork:
		id, state = e.AgentID, router.AfterCallWork
	default:
		return
	}
	_ = c.router.SetAgentState(id, state) // an agent who has left the router meanwhile
}

// ready has all agents log in and be ready, once the DNs are registered.
func (c *centre) ready(ctx context.Context) error {
	if err := c.connector.Ready(ctx); err != nil {
		return err
	}
	for i, id := range c.agents {
		if err := c.sw.Login(id, fmt.Sprint(70000+i)); err != nil {
			return err
		}
		if err := c.sw.Ready(id); err != nil {
			return err
		}
	}
	return nil
}

func (c *centre) close() {
	_ = c.connector.Close() // nothing is left to lose
	_ = c.engine.Shutdown(context.Background())
	_ = c.link.Close()
}

// explained is a router that tells why it chose whom.
type explained struct {
	*router.Router
	clock  session.Clock
	chosen func(id telephony.ConnID, now time.Time, queue, why string)
}

// Submit implements fm.TargetSelector.
func (x *explained) Submit(req router.Request, notify func(router.Selection, error)) (router.ID, error) {
	if x.chosen == nil {
		return x.Router.Submit(req, notify)
	}
	return x.Router.Submit(req, func(s router.Selection, err error) {
		why := fmt.Sprint(s.Why)
		if err != nil {
			why = err.Error()
		}
		x.chosen(req.ConnID, x.clock.Now(), s.Queue, why)
		notify(s, err)
	})
}
