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
	"os"
	"strings"
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
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// site is the configuration: the strategy on the routing point 5000, and an
// extension.
func site() *config.Site {
	return &config.Site{
		Switches: []config.Switch{{Name: "Main", DNs: []config.DN{
			{Number: "5000", Type: config.RoutingPoint,
				Annex: config.Annex{"Orchestration": {"application": "script:Welcome"}}},
			{Number: "7001", Type: config.Extension},
		}}},
		Scripts: []config.Script{{Name: "Welcome", Annex: config.Annex{
			"Application":      {"url": "app:/strategy.scxml"},
			"ApplicationParms": {"agent": "7001"},
		}}},
	}
}

func run(out io.Writer) error {
	ctx := context.Background()
	// Virtual time: the run is instant and prints the same every time.
	start := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	clock := session.NewVirtualClock(start)
	trace := &tracer{out: out, clock: clock, start: start}

	// The switch: a routing point, and Ann at extension 7001, who answers after
	// three seconds and talks for half a minute.
	sw := sim.New(&sim.Options{Clock: clock})
	if err := sw.AddRoutePoint("5000", sim.RoutePoint{}); err != nil {
		return err
	}
	ann := sim.Extension{AgentID: "ann", AnswerAfter: 3 * time.Second, TalkTime: 30 * time.Second}
	if err := sw.AddExtension("7001", ann); err != nil {
		return err
	}
	link := sw.Connect()
	defer link.Close()
	link.Subscribe(trace.event)

	// The engine: it runs the strategies, and the connector brings calls to them.
	site := site()
	connector := fm.NewConnector(site, &fm.Options{DNs: site.Numbers(), Clock: clock})
	defer connector.Close()
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": strategies}})
	if err != nil {
		return err
	}
	opts := &session.Options{
		Parse:    scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}},
		Loader:   loader,
		Clock:    clock,
		Workers:  1, // with virtual time: the same order in every run
		NewID:    func() string { return "session-1" },
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
	if _, err := sw.Call("5000", sim.Caller{ANI: "+49 30 1234567", DNIS: "0800 5000"}); err != nil {
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

// session prints what a session does.
func (t *tracer) session(string, *scxml.Document) *scxml.Trace {
	return &scxml.Trace{
		EventTaken: func(ev *scxml.Event) { t.line("strategy", "event %s", ev.Name) },
		Enter:      func(state string) { t.line("strategy", "state %s", state) },
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
