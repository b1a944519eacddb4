package strategytest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// Centre is a contact centre with one strategy under test: a switch, agents, a
// router, an engine, and virtual time. Its methods are for the goroutine of the test.
type Centre struct {
	*scxmltest.Run
	tb        testing.TB
	opts      Options
	clock     *session.VirtualClock
	sw        *sim.Switch
	mail      *sim.InteractionServer
	router    *router.Router
	link      *telephony.Client
	engine    *session.Engine
	connector *fm.Connector
	agents    map[string]Agent // by id
	dns       []string
	web       *web

	mu      sync.Mutex
	opened  bool // the agents are at work
	calls   map[telephony.ConnID]*Call
	inOrder []*Call
}

// New opens a contact centre in which the strategy runs. A strategy that cannot be
// loaded ends the test with its diagnostics, as does a centre that makes no sense. The end of the test closes
// it. opts may be nil.
func New(tb testing.TB, strategy scxmltest.Source, opts *Options) *Centre {
	tb.Helper()
	c := &Centre{tb: tb, agents: map[string]Agent{}, calls: map[telephony.ConnID]*Call{}}
	if opts != nil {
		c.opts = *opts
	}
	if err := c.open(strategy); err != nil {
		tb.Fatalf("strategytest: %s", scxmltest.LoadError(err))
	}
	return c
}

func (c *Centre) open(strategy scxmltest.Source) error {
	o := &c.opts
	if o.DN == "" {
		o.DN = DefaultDN
	}
	if o.Time.IsZero() {
		o.Time = scxmltest.Epoch()
	}
	if o.Languages == nil {
		o.Languages = []datamodel.Language{goja.New(nil)}
	}
	if err := strategy.Check(); err != nil {
		return err
	}
	c.clock = session.NewVirtualClock(o.Time)
	rec := scxmltest.NewRecorder(c.clock, o.Coverage, prefixes())
	c.Run = scxmltest.NewRun(c.tb, c.clock, rec, o.MaxTimers)
	c.sw = sim.New(&sim.Options{Clock: c.clock, Name: "Main", Treat: c.treat, Trace: c.event})
	c.mail = sim.NewInteractionServer(&sim.InteractionServerOptions{Clock: c.clock})
	c.router = router.New(&router.Options{Clock: c.clock, Decided: c.decided})
	if err := c.furnish(); err != nil {
		return err
	}
	c.tb.Cleanup(c.close)
	c.link = c.sw.Connect()
	return c.connect(strategy, rec)
}

// furnish adds DNs and agents.
func (c *Centre) furnish() error {
	o := &c.opts
	if err := c.sw.AddRoutePoint(o.DN, o.RoutePoint); err != nil {
		return err
	}
	c.dns = []string{o.DN}
	for _, dn := range slices.Sorted(maps.Keys(o.DNs)) {
		if err := c.sw.AddExtension(dn, o.DNs[dn]); err != nil {
			return err
		}
		c.dns = append(c.dns, dn)
	}
	for i, a := range o.Agents {
		if a.DN == "" {
			a.DN = strconv.Itoa(7001 + i)
		}
		if a.Place == "" {
			a.Place = "Place_" + a.DN
		}
		if _, twice := c.agents[a.ID]; twice || a.ID == "" {
			return fmt.Errorf("agent %d, %q: an agent needs an id of his own", i+1, a.ID)
		}
		c.agents[a.ID] = a
		if err := c.hire(a); err != nil {
			return fmt.Errorf("agent %q: %w", a.ID, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Groups)) {
		for _, id := range o.Groups[name] {
			if err := c.knownAgent(id); err != nil {
				return fmt.Errorf("group %q: %w", name, err)
			}
		}
		if err := c.router.SetGroup(router.Group{Name: name, Members: o.Groups[name]}); err != nil {
			return err
		}
	}
	if o.Queue != "" {
		c.mail.AddQueue(o.Queue, sim.InteractionQueue{Strategy: true})
	}
	for _, q := range o.Queues {
		c.mail.AddQueue(q, sim.InteractionQueue{})
	}
	return nil
}

func (c *Centre) hire(a Agent) error {
	if err := c.router.SetAgent(router.Agent{ID: a.ID, DN: a.DN, Switch: "Main", Place: a.Place, Skills: a.Skills}); err != nil {
		return err
	}
	c.mail.AddAgent(a.ID, sim.InteractionAgent{AcceptAfter: a.AnswerAfter, HandleTime: a.TalkTime})
	if a.Unplugged {
		return nil
	}
	if err := c.sw.AddExtension(a.DN, sim.Extension{AnswerAfter: a.AnswerAfter, TalkTime: a.TalkTime}); err != nil {
		return err
	}
	c.dns = append(c.dns, a.DN)
	return c.sw.AddAgent(sim.Agent{ID: a.ID, Handling: sim.Handling{AnswerAfter: a.AnswerAfter, TalkTime: a.TalkTime, AfterCallWork: a.AfterCallWork}})
}

// begin has the agents come to work, when the link tells of it.
func (c *Centre) begin() error {
	for _, a := range c.opts.Agents {
		state := router.Ready
		if a.NotReady || a.ReadyAfter > 0 {
			state = router.NotReady
		}
		if err := c.become(a.ID, state); err != nil {
			return err
		}
		if a.ReadyAfter > 0 {
			c.clock.AfterFunc(a.ReadyAfter, func() { _ = c.become(a.ID, router.Ready) }) // there is nothing that could refuse it
		}
	}
	c.Settle()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened = true
	return nil
}

// become has an agent tell the switch what he does; its events tell the router. At the desk, where
// other media are handled, nobody logs in: the router is told by hand.
func (c *Centre) become(id string, s router.AgentState) error {
	if err := c.router.SetMediaState(id, router.OtherMedia, s); err != nil {
		return err
	}
	a := c.agents[id]
	if a.Unplugged {
		return c.router.SetMediaState(id, router.Voice, s)
	}
	is, err := c.sw.Agent(id)
	switch {
	case err != nil:
		return err
	case s == router.LoggedOut && is.State == sim.AgentLoggedOut:
		return nil
	case s == router.LoggedOut:
		return c.sw.Logout(id)
	case is.State == sim.AgentLoggedOut:
		if err := c.sw.Login(id, a.DN); err != nil {
			return err
		}
	}
	switch s {
	case router.Ready:
		return c.sw.Ready(id)
	case router.AfterCallWork:
		return c.sw.NotReady(id, telephony.WorkModeAfterCallWork, nil)
	}
	return c.sw.NotReady(id, telephony.WorkModeUnknown, nil)
}

func (c *Centre) connect(strategy scxmltest.Source, rec *scxmltest.Recorder) error {
	o := &c.opts
	if err := checkAnswers(o.Answers); err != nil {
		return err
	}
	c.web = &web{rec: rec, handlers: o.Web}
	so := &fm.ServicesOptions{
		Clock: c.clock, Tenant: o.Tenant, Location: o.Location, Statistics: fm.RouterStatistics{Router: c.router},
		Fetch:  fm.FetchOptions{Allow: slices.Sorted(maps.Keys(o.Web)), Transport: c.web},
		Logger: rec.Logger("services", nil),
	}
	if so.Location == nil {
		so.Location = time.UTC
	}
	if o.Configuration != nil {
		so.Configuration = o.Configuration
	}
	if o.Services != nil {
		o.Services(so)
	}
	services, err := fm.NewServices(so)
	if err != nil {
		return err
	}
	registered := slices.Clone(c.dns)
	for _, a := range o.Agents {
		if a.Unplugged {
			registered = slices.DeleteFunc(registered, func(dn string) bool { return dn == c.agents[a.ID].DN })
		}
	}
	site, err := c.site(strategy.Address())
	if err != nil {
		return err
	}
	c.connector = fm.NewConnector(site, &fm.Options{
		DNs: registered, Clock: c.clock, Targets: c.router, Services: services, Interactions: c.mail, Logger: rec.Logger("connector", nil),
	})
	eo := &session.Options{Loader: strategy}
	eo.Parse.Languages = o.Languages
	if o.Engine != nil {
		o.Engine(eo)
	}
	eo.Clock, eo.Workers, eo.NewID = c.clock, 1, scxmltest.SessionIDs()
	c.connector.Install(eo)
	c.script(eo)
	rec.Install(eo)
	if c.engine, err = session.New(eo); err != nil {
		return err
	}
	if err := c.connector.Open(c.engine, c.link); err != nil {
		return err
	}
	if _, err := c.engine.Load(context.Background(), strategy.Address()); err != nil {
		return err
	}
	c.Settle() // the DNs are registered
	if err := c.connector.Ready(context.Background()); err != nil {
		return err
	}
	return c.begin()
}

// site is the configuration of the switch.
func (c *Centre) site(url string) (*config.Site, error) {
	application := config.Options{}.Set("Orchestration", "application", "script:Strategy")
	objects := &config.Objects{
		Switches: []*config.Switch{{Name: "Main"}},
		DNs:      []*config.DN{{Number: c.opts.DN, Switch: "Main", Type: config.RoutingPoint, Annex: application}},
		Scripts: []*config.Script{{Name: "Strategy",
			Annex: config.Options{}.Set("Application", "url", url).SetAll("ApplicationParms", c.opts.Params)}},
	}
	if c.opts.Queue != "" {
		objects.DNs = append(objects.DNs, &config.DN{Number: c.opts.Queue, Switch: "Main", Type: config.InteractionQueue, Annex: application})
	}
	return config.NewSite(objects, nil)
}

func (c *Centre) close() {
	c.tb.Helper()
	if c.Run != nil {
		c.Recorder().CheckFailures(c.tb)
	}
	if c.connector != nil {
		_ = c.connector.Close() // nothing is left to lose
	}
	if c.engine != nil {
		if err := c.engine.Shutdown(context.Background()); err != nil {
			c.tb.Errorf("strategytest: %v", err)
		}
	}
	if c.link != nil {
		_ = c.link.Close()
	}
}

// Call lets somebody call. What the strategy does at once has happened when it
// returns. A DN that does not exist ends the test.
func (c *Centre) Call(caller Caller) *Call {
	c.tb.Helper()
	c.Input("call", caller)
	to := caller.To
	if to == "" {
		to = c.opts.DN
	}
	data, err := list(caller.UserData)
	if err != nil {
		c.tb.Fatalf("strategytest: %v", err)
	}
	k := &Call{c: c, caller: caller, data: data, at: map[int]int{}}
	k.Session = c.Recorder().Session(c.tb, k.sessionID)
	began := len(c.Recorder().Sessions())
	c.mu.Lock()
	conn, err := c.sw.Call(to, sim.Caller{ANI: caller.ANI, DNIS: caller.DNIS, Patience: caller.Patience, UserData: data})
	if err == nil {
		k.conn = conn
		c.calls[conn] = k
		c.inOrder = append(c.inOrder, k)
	}
	c.mu.Unlock()
	if errors.Is(err, sim.ErrUnknownDN) {
		c.tb.Fatalf("strategytest: %v; the centre has %s", err, strings.Join(c.dns, ", "))
	}
	if err != nil {
		c.tb.Fatalf("strategytest: %v", err)
	}
	c.Settle()
	if ids := c.Recorder().Sessions(); len(ids) > began && k.sessionID() == "" {
		k.setSession(ids[began])
	}
	return k
}

// SetAgentState has an agent log in, be ready, not ready and so on, for calls and all other media: at
// the switch, whose events tell the router.
func (c *Centre) SetAgentState(id string, s router.AgentState) {
	c.tb.Helper()
	c.Input("agent", agentInput{id, s.String()})
	if err := c.knownAgent(id); err != nil {
		c.tb.Fatalf("strategytest: %v", err)
	}
	if err := c.become(id, s); err != nil {
		c.tb.Fatalf("strategytest: %v", err)
	}
	c.Settle()
}

// agentInput is a change of state in a golden trace.
type agentInput struct {
	Agent string `json:"agent"`
	State string `json:"state"`
}

func (c *Centre) knownAgent(id string) error {
	if _, ok := c.agents[id]; ok {
		return nil
	}
	return fmt.Errorf("there is no agent %q%s", id, hint(id, slices.Sorted(maps.Keys(c.agents))))
}

// hint names what was probably meant, or all there is.
func hint(name string, known []string) string {
	if near := scxml.Nearest(name, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if len(known) == 0 {
		return ""
	}
	return "; there are " + strings.Join(known, ", ")
}

// Sessions returns the sessions in the order in which they began: those of calls, and what
// they started or invoked.
func (c *Centre) Sessions() []*scxmltest.Session {
	var all []*scxmltest.Session
	for _, id := range c.Recorder().Sessions() {
		all = append(all, c.Recorder().Session(c.tb, func() string { return id }))
	}
	return all
}

// Switch returns the simulated switch, for what the kit has no method for. What is done
// there is not replayed.
func (c *Centre) Switch() *sim.Switch { return c.sw }

// Router returns the router, for what the kit has no method for. What is done there is
// not replayed.
func (c *Centre) Router() *router.Router { return c.router }

// Requests returns the web requests of the strategy so far, as "GET http://…", with the body
// behind a space if there was one.
func (c *Centre) Requests() []string { return c.web.all() }
