package strategytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony/fm"
)

// Action is an element of a functional module that a session executes.
type Action struct {
	Name      string // "dialog:play"
	Session   string // id
	RequestID string
	Args      datamodel.Value // attributes by name; children by their name, each a list
	Number    int             // how often the session has executed this element so far, with this one
}

// Arg returns an argument as text; empty when it is not there. name may be a path:
// "prompts.prompt.intid" (scxmltest.Lookup).
func (a Action) Arg(name string) string {
	v, ok := scxmltest.Lookup(a.Args, name)
	if !ok || v == nil {
		return ""
	}
	return plain(v)
}

// Reply is the scripted outcome of an action. The zero value is success at once,
// without data.
type Reply struct {
	// Data are the members of the done event, or of the error event, beside requestid.
	Data map[string]any

	// Error is the code of an error event; empty: the action is done.
	Error any

	// Description is that of the error event.
	Description string

	// After is when the answer comes.
	After time.Duration

	// Never keeps the answer back for ever.
	Never bool
}

// Answer makes a function for Options.Answers: these replies one after the other, the last
// one for all that follow. Without replies it leaves the action alone.
func Answer(replies ...Reply) func(Action) *Reply {
	return func(a Action) *Reply {
		if len(replies) == 0 {
			return nil
		}
		r := replies[min(a.Number, len(replies))-1]
		return &r
	}
}

// prefixes are the usual names of the modules' namespaces.
func prefixes() map[string]string {
	m := map[string]string{}
	for _, s := range fm.Specs() {
		m[s.Namespace], m[strings.TrimPrefix(s.Namespace, "http://")] = s.Prefix, s.Prefix
	}
	return m
}

// checkAnswers reports names of actions that do not exist.
func checkAnswers(answers map[string]func(Action) *Reply) error {
	var known []string
	for _, s := range fm.Specs() {
		for _, e := range s.Elements {
			if e.Event != "" {
				known = append(known, s.Prefix+":"+e.Name)
			}
		}
	}
	for name := range answers {
		if slices.Contains(known, name) {
			continue
		}
		if near := scxml.Nearest(name, known); near != "" {
			return fmt.Errorf("Options.Answers: there is no action %q; did you mean %q?", name, near)
		}
		return fmt.Errorf("Options.Answers: there is no action %q; telephony/fm/MODULES.md lists them", name)
	}
	return nil
}

// script puts the scripted answers before the modules.
func (c *Centre) script(o *session.Options) {
	if len(c.opts.Answers) == 0 {
		return
	}
	for _, s := range fm.Specs() {
		for _, namespace := range []string{s.Namespace, strings.TrimPrefix(s.Namespace, "http://")} {
			o.Modules[namespace] = &scripted{c: c, spec: s, next: o.Modules[namespace], counts: map[string]int{}}
		}
	}
}

// scripted is a session.ModuleHandler. It is called by the one worker of the engine.
type scripted struct {
	c      *Centre
	spec   *fm.Spec
	next   session.ModuleHandler
	counts map[string]int
}

// Call implements session.ModuleHandler.
func (h *scripted) Call(ctx context.Context, call *session.ModuleCall) error {
	name := h.spec.Prefix + ":" + call.Name
	answer := h.c.opts.Answers[name]
	i := slices.IndexFunc(h.spec.Elements, func(e fm.ElementSpec) bool { return e.Name == call.Name })
	if answer == nil || i < 0 {
		return h.next.Call(ctx, call)
	}
	key := call.Session.ID + " " + name
	h.counts[key]++
	reply := answer(Action{Name: name, Session: call.Session.ID, RequestID: call.RequestID, Args: scxmltest.Arguments(call.Args), Number: h.counts[key]})
	if reply == nil {
		return h.next.Call(ctx, call)
	}
	return h.reply(&h.spec.Elements[i], call, reply)
}

func (h *scripted) reply(e *fm.ElementSpec, call *session.ModuleCall, r *Reply) error {
	var id datamodel.Value = call.RequestID
	if e.Numeric {
		if n, err := strconv.ParseFloat(call.RequestID[strings.LastIndexByte(call.RequestID, '.')+1:], 64); err == nil {
			id = n
		}
	}
	data := datamodel.NewObject(datamodel.Member{Name: "requestid", Value: id})
	if v, ok := call.Args.Get("interactionid"); ok {
		data.Set("interactionid", v)
	}
	if e.Accepted {
		h.send(call.Session.ID, e.Event+".requestid", data)
	}
	if r.Never {
		return nil
	}
	more, err := datamodel.From(r.Data)
	if err != nil {
		return fmt.Errorf("strategytest: reply to %s: %w", call.Name, err)
	}
	event := e.Event + ".done"
	out := datamodel.NewObject(data.Members()...)
	if r.Error != nil {
		event = "error." + e.Event
		code, err := datamodel.From(r.Error)
		if err != nil {
			return fmt.Errorf("strategytest: reply to %s: %w", call.Name, err)
		}
		out.Set("error", code)
		out.Set("description", r.Description)
	}
	if o, ok := more.(*datamodel.Object); ok {
		for _, m := range o.Members() {
			out.Set(m.Name, m.Value)
		}
	}
	h.c.clock.AfterFunc(r.After, func() { h.send(call.Session.ID, event, out) })
	return nil
}

func (h *scripted) send(id, name string, data *datamodel.Object) {
	ev := &scxml.Event{Name: name, Origin: "fm:" + h.spec.Name, OriginType: "fm", Data: data}
	err := h.c.engine.Send(context.Background(), id, ev)
	if err != nil && !errors.Is(err, session.ErrNotFound) && !errors.Is(err, session.ErrClosed) {
		h.c.Recorder().Note(scxmltest.Step{Who: "answers", Kind: scxmltest.StepDiagnostic, Name: name, Detail: err.Error()})
	}
}
