package scxmltest

import (
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// The kinds of a Step. Those of sessions have the names of METRIC lines.
const (
	StepInput       = "input"           // what the test did
	StepBegin       = "appl_begin"      // Name is the document
	StepEvent       = "event_queued"    // an event is handled; Data is its data
	StepUnmatched   = "event_processed" // no transition took it
	StepCondition   = "eval_condition"  // Name is the condition, Detail its result
	StepTransition  = "transition"      // Name is the source, Detail the targets
	StepExit        = "state_exit"
	StepEnter       = "state_enter"
	StepExtension   = "extension"  // an element of a module; Data are its arguments
	StepFunction    = "function"   // what a function of a module brought about
	StepSend        = "send"       // Name is the event, Detail type, target and delay
	StepInvoke      = "invoke"     // Name is the invokeid
	StepLog         = "log"        // Name is the label, Detail the text
	StepError       = "exec_error" // Name is the event, Detail the description
	StepEnd         = "appl_end"   // Name is the reason, Detail the last states
	StepDiagnostic  = "diagnostic" // what the engine logs: Detail
	stepUnnamedText = "(no name)"
)

// Step is something that happened in a run.
type Step struct {
	At     time.Duration // virtual time since the beginning
	Who    string        // id of the session, or another party
	Kind   string
	Name   string
	Detail string
	Data   datamodel.Value // nil without
	Pos    scxml.Position  // zero where it has none
}

// maxSteps is what a Recorder keeps; beyond it the first half is dropped.
const maxSteps = 200_000

// Recorder notes what the sessions of an engine do, and collects coverage. Make it
// with NewRecorder and give it the options of the engine (Install). It is safe for
// concurrent use; with a virtual clock and one worker the steps are the same in every run.
//
// Start and package strategytest have one; others need it only to build a kit of their own.
type Recorder struct {
	clock    session.Clock
	start    time.Time
	folder   string // URL of the folder of the test
	prefixes map[string]string
	coverage *Coverage
	models   models

	mu       sync.Mutex
	steps    []Step
	dropped  int // steps that are not kept
	order    []string
	sessions map[string]*record
}

// record is what is known of a session.
type record struct {
	info    session.Info
	doc     *scxml.Document
	places  map[string]scxml.Position // of the states
	active  []string                  // in order of entry
	ended   bool
	result  session.Result
	claimed bool // a test has said that it should fail
}

// NewRecorder makes a Recorder whose time begins now. coverage may be nil.
// prefixes are how the namespaces of modules are called; others go by what is behind their
// last slash.
func NewRecorder(clock session.Clock, coverage *Coverage, prefixes map[string]string) *Recorder {
	return &Recorder{clock: clock, start: clock.Now(), folder: workingFolder(), coverage: coverage, prefixes: prefixes, sessions: map[string]*record{}}
}

// Install adds the Recorder to the options of an engine that is about to be made: to
// Parse.Languages, Trace, Log, Logger and Observer. What is there is called as well.
func (r *Recorder) Install(o *session.Options) {
	o.Parse.Languages = r.models.wrap(o.Parse.Languages)
	trace, log, observer := o.Trace, o.Log, o.Observer
	o.Trace = func(id string, doc *scxml.Document) *scxml.Trace {
		own := r.trace(id, doc)
		if trace != nil {
			if other := trace(id, doc); other != nil {
				return both(own, other)
			}
		}
		return own
	}
	o.Log = func(id string, e scxml.LogEntry) {
		if log != nil {
			log(id, e)
		}
	}
	o.Observer.SessionStarted = func(info session.Info) {
		r.started(info)
		if observer.SessionStarted != nil {
			observer.SessionStarted(info)
		}
	}
	o.Observer.SessionEnded = func(info session.Info, result session.Result) {
		r.ended(info, result)
		if observer.SessionEnded != nil {
			observer.SessionEnded(info, result)
		}
	}
	var next slog.Handler
	if o.Logger != nil {
		next = o.Logger.Handler()
	}
	o.Logger = r.Logger("engine", next)
}

// Note adds a step at the present time.
func (r *Recorder) Note(s Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(s)
}

func (r *Recorder) note(s Step) {
	if len(r.steps) >= maxSteps {
		r.dropped += maxSteps / 2
		r.steps = slices.Delete(r.steps, 0, maxSteps/2)
	}
	s.At = r.clock.Now().Sub(r.start)
	r.steps = append(r.steps, s)
}

// completeInput gives the last input its arguments.
func (r *Recorder) completeInput(detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.steps) - 1; i >= 0; i-- {
		if r.steps[i].Kind == StepInput {
			r.steps[i].Detail = detail
			return
		}
	}
}

// Steps returns what has happened so far.
func (r *Recorder) Steps() []Step {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.steps)
}

// Sessions returns the ids of the sessions in the order in which they began.
func (r *Recorder) Sessions() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.order)
}

func (r *Recorder) started(info session.Info) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.session(info.ID)
	rec.info = info
	r.order = append(r.order, info.ID)
	r.note(Step{Who: info.ID, Kind: StepBegin, Name: info.URL})
}

func (r *Recorder) ended(info session.Info, result session.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.session(info.ID)
	rec.ended, rec.result = true, result
	s := Step{Who: info.ID, Kind: StepEnd, Name: result.Reason.String(), Detail: strings.Join(result.Active, " "), Data: result.Data}
	if result.Err != nil {
		s.Detail = strings.TrimSpace(s.Detail + ": " + result.Err.Error())
	}
	r.note(s)
}

func (r *Recorder) session(id string) *record {
	rec := r.sessions[id]
	if rec == nil {
		rec = &record{places: map[string]scxml.Position{}}
		r.sessions[id] = rec
	}
	return rec
}

// prefix is how a namespace is called.
func (r *Recorder) prefix(namespace string) string {
	if p := r.prefixes[namespace]; p != "" {
		return p
	}
	return path.Base(namespace)
}

// trace makes the hooks of a session.
func (r *Recorder) trace(id string, doc *scxml.Document) *scxml.Trace {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec := r.session(id)
	rec.doc = doc
	for _, s := range doc.States() {
		rec.places[s.ID] = s.Pos
	}
	covered := r.coverage.chart(doc)
	extension := -1 // step of the element that is being executed
	note := func(s Step) {
		r.mu.Lock()
		defer r.mu.Unlock()
		s.Who = id
		r.note(s)
	}
	return &scxml.Trace{
		EventTaken: func(ev *scxml.Event) { note(Step{Kind: StepEvent, Name: ev.Name, Data: ev.Data}) },
		EventDone: func(ev *scxml.Event, matched bool) {
			if !matched {
				note(Step{Kind: StepUnmatched, Name: ev.Name, Detail: "no transition"})
			}
		},
		Eval: func(e scxml.EvalTrace) {
			if e.Kind == datamodel.ConditionalExpression && e.Err == nil {
				note(Step{Kind: StepCondition, Name: strings.Join(strings.Fields(e.Text), " "), Detail: text(e.Result), Pos: e.Pos})
			}
		},
		Transition: func(t scxml.TransitionTrace) {
			covered.take(t)
			detail := "-> " + strings.Join(t.Targets, " ")
			if len(t.Targets) == 0 {
				detail = "without a target"
			}
			note(Step{Kind: StepTransition, Name: t.Source, Detail: detail, Pos: t.Pos})
		},
		Exit: func(state string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			rec.active = slices.DeleteFunc(rec.active, func(s string) bool { return s == state })
			r.note(Step{Who: id, Kind: StepExit, Name: state})
		},
		Enter: func(state string) {
			covered.enter(state)
			r.mu.Lock()
			defer r.mu.Unlock()
			rec.active = append(rec.active, state)
			r.note(Step{Who: id, Kind: StepEnter, Name: state, Pos: rec.places[state]})
		},
		Extension: func(e scxml.ExtensionTrace) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.note(Step{Who: id, Kind: StepExtension, Name: r.prefix(e.Namespace) + ":" + e.Name, Pos: e.Pos})
			extension = len(r.steps) - 1
		},
		Effect: func(e scxml.Effect) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if call, ok := e.(*scxml.ModuleCall); ok {
				name, args := r.prefix(call.Namespace)+":"+call.Name, Arguments(call.Args)
				if extension == len(r.steps)-1 && extension >= 0 && r.steps[extension].Name == name {
					r.steps[extension].Data = args
				} else {
					r.note(Step{Who: id, Kind: StepFunction, Name: name, Data: args})
				}
				extension = -1
				return
			}
			if s, ok := effectStep(e); ok {
				s.Who = id
				r.note(s)
			}
		},
		Log: func(e scxml.LogEntry) { note(Step{Kind: StepLog, Name: e.Label, Detail: e.Text, Pos: e.Pos}) },
		Error: func(ev *scxml.Event, err error) {
			data, _ := ev.Data.(*datamodel.Object)
			file, _ := data.Get("document")
			line, _ := data.Get("linenumber")
			pos := scxml.Position{Column: 1}
			pos.File, _ = file.(string)
			n, _ := line.(float64)
			pos.Line = int(n)
			note(Step{Kind: StepError, Name: ev.Name, Detail: err.Error(), Pos: pos})
		},
	}
}

// effectStep is how an effect is noted.
func effectStep(e scxml.Effect) (Step, bool) {
	switch e := e.(type) {
	case *scxml.Send:
		detail := ""
		for _, part := range []struct{ name, value string }{{"type", e.Type}, {"target", e.Target}} {
			if part.value != "" {
				detail += " " + part.name + "=" + part.value
			}
		}
		if e.Delay > 0 {
			detail += " delay=" + e.Delay.String()
		}
		name := e.Event.Name
		if name == "" {
			name = stepUnnamedText
		}
		return Step{Kind: StepSend, Name: name, Detail: strings.TrimSpace(detail), Data: e.Event.Data}, true
	case *scxml.Invoke:
		s := Step{Kind: StepInvoke, Name: e.ID, Detail: strings.TrimSpace(e.Type + " " + e.Src)}
		if e.Params != nil {
			s.Data = e.Params
		}
		return s, true
	}
	return Step{}, false
}

// Arguments brings the arguments of a module's element into the form in which
// expectations name them: children are members by their name, each a list.
func Arguments(args *datamodel.Object) datamodel.Value {
	if args == nil {
		return nil
	}
	out := datamodel.NewObject()
	for _, m := range args.Members() {
		list, ok := m.Value.([]datamodel.Value)
		if m.Name != "children" || !ok {
			if m.Name != "element" {
				out.Set(m.Name, m.Value)
			}
			continue
		}
		for _, v := range list {
			child, _ := v.(*datamodel.Object)
			name, _ := child.Get("element")
			key, _ := name.(string)
			before, _ := out.Get(key)
			items, _ := before.([]datamodel.Value)
			out.Set(key, append(items, Arguments(child)))
		}
	}
	return out
}

// both makes a trace of two.
func both(a, b *scxml.Trace) *scxml.Trace {
	return &scxml.Trace{
		Started:     join(a.Started, b.Started),
		EventQueued: join(a.EventQueued, b.EventQueued),
		EventTaken:  join(a.EventTaken, b.EventTaken),
		EventDone:   join2(a.EventDone, b.EventDone),
		Transition:  join(a.Transition, b.Transition),
		Exit:        join(a.Exit, b.Exit),
		Enter:       join(a.Enter, b.Enter),
		OnEntry:     join(a.OnEntry, b.OnEntry),
		OnExit:      join(a.OnExit, b.OnExit),
		Eval:        join(a.Eval, b.Eval),
		Effect:      join(a.Effect, b.Effect),
		Log:         join(a.Log, b.Log),
		Extension:   join(a.Extension, b.Extension),
		Error:       join2(a.Error, b.Error),
		Done:        join(a.Done, b.Done),
	}
}

func join[T any](f, g func(T)) func(T) {
	if f == nil || g == nil {
		if f == nil {
			return g
		}
		return f
	}
	return func(v T) {
		f(v)
		g(v)
	}
}

func join2[T, U any](f, g func(T, U)) func(T, U) {
	if f == nil || g == nil {
		if f == nil {
			return g
		}
		return f
	}
	return func(v T, u U) {
		f(v, u)
		g(v, u)
	}
}
