package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"

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
	decided  func(router.Explanation) // told of the decisions of the router; nil: nobody
	started  func(session.Info)
	ended    func(session.Info, session.Result)
	logger   *slog.Logger
	// link opens the link to the switch; default Switch.Connect.
	link  func(*sim.Switch) (telephony.Link, error)
	point sim.RoutePoint // entry
	newID func() string  // of sessions; default as session.Options
	// interactions keeps multimedia interactions, whose queues are added to the configuration.
	interactions telephony.InteractionServer
	configure    func(*config.Objects)
}

// centre is a contact centre: a simulated switch, a router with agents, and an engine
// that runs the strategy.
type centre struct {
	sw        *sim.Switch
	link      telephony.Link
	router    *router.Router
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
	c.router = router.New(&router.Options{Clock: s.clock, Decided: s.decided})
	objects := &config.Objects{
		Switches: []*config.Switch{{Name: "Main"}},
		DNs: []*config.DN{{Number: entry, Switch: "Main", Type: config.RoutingPoint,
			Annex: config.Options{}.Set("Orchestration", "application", "script:Strategy")}},
		Scripts: []*config.Script{{Name: "Strategy", Annex: config.Options{}.Set("Application", "url", s.strategy).
			Set("ApplicationParms", "level", "5").Set("ApplicationParms", "patience", "20")}},
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
		objects.DNs = append(objects.DNs, &config.DN{Number: dn, Switch: "Main", Type: config.Extension})
	}
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": s.files}})
	if err != nil {
		return nil, err
	}
	if s.configure != nil {
		s.configure(objects)
	}
	site, err := config.NewSite(objects, nil)
	if err != nil {
		return nil, err
	}
	c.connector = fm.NewConnector(site, &fm.Options{DNs: site.Numbers(), Clock: s.clock, Targets: c.router, Interactions: s.interactions, Logger: s.logger})
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
	return c, c.connector.Open(c.engine, c.link)
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
