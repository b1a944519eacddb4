package scxmltest

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// Options are the settings of Start. All fields may be zero.
type Options struct {
	// Params override <data> of the same name, as datamodel.From takes them.
	Params map[string]any

	// Languages are the data models; default ECMAScript on goja.
	Languages []datamodel.Language

	// Time is when virtual time begins; default Epoch.
	Time time.Time

	// MaxTimers is how many timers one Advance may fire; default DefaultMaxTimers.
	MaxTimers int

	// Coverage collects what was entered and taken; nil: nobody does.
	Coverage *Coverage

	// Prefixes are the names of module namespaces in actions: "crm" makes "crm:look"; default
	// what is behind the last slash of the namespace.
	Prefixes map[string]string

	// Engine may change the options of the engine before it is made: modules,
	// processors, limits. Clock, Workers and NewID are the kit's.
	Engine func(*session.Options)
}

// Chart is a chart under test: its session, and virtual time.
type Chart struct {
	*Session
	*Run
	engine *session.Engine
}

// Start loads a chart and starts a session of it under virtual time. What the
// first macrostep does has happened when it returns. A document that cannot be loaded ends the
// test with its diagnostics. The end of the test ends the session. opts may be nil.
func Start(tb testing.TB, source Source, opts *Options) *Chart {
	tb.Helper()
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Languages == nil {
		o.Languages = []datamodel.Language{goja.New(nil)}
	}
	if o.Time.IsZero() {
		o.Time = Epoch()
	}
	clock := session.NewVirtualClock(o.Time)
	rec := NewRecorder(clock, o.Coverage, o.Prefixes)
	eo := &session.Options{Loader: source}
	eo.Parse.Languages = o.Languages
	if o.Engine != nil {
		o.Engine(eo)
	}
	eo.Clock, eo.Workers, eo.NewID = clock, 1, SessionIDs()
	rec.Install(eo)
	engine, err := session.New(eo)
	if err != nil {
		tb.Fatalf("scxmltest: %v", err)
	}
	c := &Chart{Run: NewRun(tb, clock, rec, o.MaxTimers), engine: engine}
	tb.Cleanup(func() {
		rec.CheckFailures(tb)
		if err := engine.Shutdown(background()); err != nil {
			tb.Errorf("scxmltest: %v", err)
		}
	})
	if err := source.Check(); err != nil {
		tb.Fatalf("scxmltest: %s", LoadError(err))
	}
	doc, err := engine.Load(background(), source.Address())
	if err != nil {
		tb.Fatalf("scxmltest: %s", LoadError(err))
	}
	params, err := datamodel.From(o.Params)
	if err != nil {
		tb.Fatalf("scxmltest: parameters: %v", err)
	}
	request := session.StartRequest{Document: doc}
	request.Params, _ = params.(*datamodel.Object)
	id, err := engine.Start(background(), request)
	if err != nil {
		tb.Fatalf("scxmltest: %v", err)
	}
	c.Session = rec.Session(tb, func() string { return id })
	c.Settle()
	return c
}

// Send gives the session an event, and lets it come to rest. data is as
// datamodel.From takes it, nil for none. A session that has ended drops it.
func (c *Chart) Send(event string, data any) {
	c.Session.tb.Helper()
	v, err := datamodel.From(data)
	if err != nil {
		c.Failf("data of event %q: %v", event, err)
		return
	}
	in := sendInput{Event: event}
	if v != nil {
		in.Data = datamodel.EncodeJSON(v)
	}
	c.Input("send", in)
	err = c.engine.Send(background(), c.ID(), &scxml.Event{Name: event, Data: v})
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		c.Failf("event %q: %v", event, err)
	}
	c.Settle()
}

// sendInput is an event as a golden trace has it.
type sendInput struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data,omitempty"`
}

// Invoked returns the sessions that were invoked so far, in the order in which
// they began.
func (c *Chart) Invoked() []*Session {
	var children []*Session
	for _, id := range c.rec.Sessions() {
		if id != c.ID() {
			children = append(children, c.rec.Session(c.Session.tb, func() string { return id }))
		}
	}
	return children
}
