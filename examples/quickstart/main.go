// Command quickstart lets an inbound call arrive at a routing point of a
// simulated switch, where an SCXML strategy greets the caller and routes the call
// to an agent. It prints what the call and the strategy did.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/sim"
)

//go:embed strategy.scxml
var strategies embed.FS

func main() {
	if err := run(os.Stdout, os.Stderr, asUsual()); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// scene is what the simulated switch is to play.
type scene struct {
	point    sim.RoutePoint // 5000, where the call arrives
	ann, bob sim.Extension  // 7001 and 7002
	caller   sim.Caller
}

// asUsual is the scene in which Ann answers after three seconds and talks for half
// a minute. Bob would take the call if Ann did not.
func asUsual() scene {
	return scene{
		point:  sim.RoutePoint{RingTimeout: 5 * time.Second},
		ann:    sim.Extension{AgentID: "ann", AnswerAfter: 3 * time.Second, TalkTime: 30 * time.Second},
		bob:    sim.Extension{AgentID: "bob", AnswerAfter: 2 * time.Second, TalkTime: 30 * time.Second},
		caller: sim.Caller{ANI: "+49 30 1234567", DNIS: "0800 5000"},
	}
}

// site is the configuration: the strategy on the routing point 5000, and two
// extensions.
func site() (*config.Site, error) {
	return config.NewSite(&config.Objects{
		Switches: []*config.Switch{{Name: "Main"}},
		DNs: []*config.DN{
			{Number: "5000", Switch: "Main", Type: config.RoutingPoint,
				Annex: config.Options{}.Set("Orchestration", "application", "script:Welcome")},
			{Number: "7001", Switch: "Main", Type: config.Extension},
			{Number: "7002", Switch: "Main", Type: config.Extension},
		},
		Scripts: []*config.Script{{Name: "Welcome", Annex: config.Options{}.
			Set("Application", "url", "app:/strategy.scxml").
			Set("ApplicationParms", "agent", "7001").
			Set("ApplicationParms", "second", "7002")}},
	}, nil)
}

// run plays a scene. It prints to out what happens, and to problems what an
// operator has to know, such as a strategy that does not compile.
func run(out, problems io.Writer, s scene) error {
	ctx := context.Background()
	// Virtual time: the run is instant and prints the same every time.
	start := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	clock := session.NewVirtualClock(start)
	trace := &tracer{out: out, clock: clock, start: start}
	logger := slog.New(slog.NewTextHandler(problems, &slog.HandlerOptions{Level: slog.LevelWarn}))

	// The switch: a routing point, and two agents at their extensions.
	sw := sim.New(&sim.Options{Clock: clock, Trace: trace.event})
	if err := sw.AddRoutePoint("5000", s.point); err != nil {
		return err
	}
	if err := sw.AddExtension("7001", s.ann); err != nil {
		return err
	}
	if err := sw.AddExtension("7002", s.bob); err != nil {
		return err
	}
	link := sw.Connect()
	defer link.Close()

	// The engine: it runs the strategies, and the connector brings calls to them.
	site, err := site()
	if err != nil {
		return err
	}
	connector := fm.NewConnector(site, &fm.Options{DNs: site.Numbers(), Clock: clock, Logger: logger})
	defer connector.Close()
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": strategies}})
	if err != nil {
		return err
	}
	var sessions atomic.Int64
	opts := &session.Options{
		Parse:    scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}},
		Loader:   loader,
		Clock:    clock,
		Workers:  1, // with virtual time: the same order in every run
		NewID:    func() string { return fmt.Sprintf("session-%d", sessions.Add(1)) },
		Logger:   logger,
		Log:      trace.log,
		Trace:    trace.session,
		Observer: session.Observer{SessionStarted: trace.started, SessionEnded: trace.ended},
	}
	connector.Install(opts)
	engine, err := session.New(opts)
	if err != nil {
		return err
	}
	defer engine.Shutdown(ctx)
	if err := connector.Open(engine, link); err != nil {
		return err
	}
	clock.Advance(0) // the DNs are registered
	if err := connector.Ready(ctx); err != nil {
		return err
	}

	// The call.
	if _, err := sw.Call("5000", s.caller); err != nil {
		return err
	}
	clock.Advance(time.Minute)
	return nil
}

// tracer prints what happens, each line with the time since the start.
type tracer struct {
	out   io.Writer
	clock session.Clock
	start time.Time
}

func (t *tracer) line(who, format string, args ...any) {
	fmt.Fprintf(t.out, "%6.3fs  %-8s  %s\n", t.clock.Now().Sub(t.start).Seconds(), who, fmt.Sprintf(format, args...))
}

// event prints an event of the switch.
func (t *tracer) event(e telephony.Event) {
	c, ok := telephony.CallOf(e)
	if !ok {
		return // about the link, not about a call
	}
	text := fmt.Sprintf("%s at %s", e.Name(), c.ThisDN)
	switch e := e.(type) {
	case *telephony.EventQueued:
		text += fmt.Sprintf(", call %s from %s", c.ConnID, c.ANI)
	case *telephony.EventTreatmentApplied:
		text += ", " + e.TreatmentType.String()
	case *telephony.EventAttachedDataChanged:
		text += ", " + c.UserData.String()
	case *telephony.EventRouteUsed:
		text += " to " + c.ThirdPartyDN
	case *telephony.EventRinging, *telephony.EventEstablished:
		text += ", agent " + c.AgentID
	}
	t.line("switch", "%s", text)
}

// session prints what a session does, each state behind the ones it is in. (With
// <parallel> the active states would be a tree and no path.)
func (t *tracer) session(string, *scxml.Document) *scxml.Trace {
	var path []string
	return &scxml.Trace{
		EventTaken: func(ev *scxml.Event) { t.line("strategy", "event %s", ev.Name) },
		Enter: func(state string) {
			path = append(path, state)
			t.line("strategy", "state %s", strings.Join(path, " > "))
		},
		Exit: func(string) { path = path[:len(path)-1] },
		Effect: func(e scxml.Effect) {
			if call, ok := e.(*scxml.ModuleCall); ok {
				t.line("strategy", "action <%s> %s", call.Name, call.RequestID)
			}
		},
	}
}

func (t *tracer) log(_ string, entry scxml.LogEntry) {
	t.line("strategy", "log %s: %s", entry.Label, entry.Text)
}

func (t *tracer) started(info session.Info) {
	t.line("strategy", "%s starts with %s", info.ID, info.URL)
}

func (t *tracer) ended(info session.Info, r session.Result) {
	t.line("strategy", "%s %s in state %s", info.ID, r.Reason, strings.Join(r.Configuration, ", "))
}
