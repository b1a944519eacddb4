package scxmltest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// Session is one session as a test sees it: what it has done, and what it
// should have done. Methods whose names begin with Expect mark the test as failed, with the trace and
// the place in the document, and go on; they report whether all was well. The others
// return what there is, for assertions of other packages.
type Session struct {
	tb       testing.TB
	r        *Recorder
	id       func() string
	reported bool
}

// Session returns the session with the id that the function returns, asked anew
// each time; an empty id is a session that has not begun.
func (r *Recorder) Session(tb testing.TB, id func() string) *Session {
	return &Session{tb: tb, r: r, id: id}
}

// traceShown is the number of steps that a failure shows.
const traceShown = 40

// Failf marks the test as failed, in the form of the expectations: with the place that was
// reached and the end of the trace, which is left out from the second failure on.
func (s *Session) Failf(format string, args ...any) {
	s.tb.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, format, args...)
	b.WriteByte('\n')
	id := s.id()
	b.WriteString(s.r.lastTaken(id))
	if rec := s.record(); rec != nil {
		if rec.result.Err != nil {
			fmt.Fprintf(&b, "  the session has failed: %v\n", rec.result.Err)
		}
	} else {
		b.WriteString("  no session has begun\n")
	}
	if s.reported {
		b.WriteString("  trace: see the failure before\n")
	} else {
		s.reported = true
		b.WriteString("  trace:\n" + s.r.tail(traceShown))
	}
	s.tb.Errorf("%s", strings.TrimRight(b.String(), "\n"))
}

// record returns a copy of what is known of the session; nil when it has not begun.
func (s *Session) record() *record {
	id := s.id()
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	rec := s.r.sessions[id]
	if rec == nil {
		return nil
	}
	c := *rec
	c.active = slices.Clone(rec.active)
	return &c
}

// ID returns the id of the session; empty when it has not begun.
func (s *Session) ID() string { return s.id() }

// Steps returns what the session has done.
func (s *Session) Steps() []Step {
	id := s.id()
	return slices.DeleteFunc(s.r.Steps(), func(x Step) bool { return x.Who != id })
}

// Result tells how the session ended; false while it has not.
func (s *Session) Result() (session.Result, bool) {
	rec := s.record()
	if rec == nil {
		return session.Result{}, false
	}
	return rec.result, rec.ended
}

// Configuration returns the active states, those around others before them; after
// the end the last ones.
func (s *Session) Configuration() []string {
	rec := s.record()
	switch {
	case rec == nil:
		return nil
	case rec.ended:
		return rec.result.Configuration
	}
	return rec.active
}

// Entered returns the states that were entered, in order, repetitions included.
func (s *Session) Entered() []string { return s.names(StepEnter) }

// Logs returns the texts of <log>, in order.
func (s *Session) Logs() []string {
	var texts []string
	for _, x := range s.Steps() {
		if x.Kind == StepLog {
			texts = append(texts, x.Detail)
		}
	}
	return texts
}

func (s *Session) names(kind string) []string {
	var names []string
	for _, x := range s.Steps() {
		if x.Kind == kind {
			names = append(names, x.Name)
		}
	}
	return names
}

// Data returns a variable of the data model, or a part of it: "customer.name"
// (Lookup). It is false when there is no such thing.
func (s *Session) Data(path string) (datamodel.Value, bool) {
	v, problem := s.data(path)
	return v, problem == ""
}

func (s *Session) data(path string) (v datamodel.Value, problem string) {
	name, rest, _ := strings.Cut(path, ".")
	v, known, ok, err := s.r.models.get(s.id(), name)
	switch {
	case err != nil:
		return nil, fmt.Sprintf("variable %q: %v", name, err)
	case !ok && len(known) == 0:
		return nil, fmt.Sprintf("there is no variable %q", name)
	case !ok:
		return nil, fmt.Sprintf("there is no variable %q%s", name, suggestion(name, known))
	case rest == "":
		return v, ""
	}
	part, ok := Lookup(v, rest)
	if !ok {
		return nil, fmt.Sprintf("%s has no %q; it is %s", name, rest, oneLine(text(v), longestShown))
	}
	return part, ""
}

// suggestion is a hint for a name that does not exist.
func suggestion(name string, known []string) string {
	if near := scxml.Nearest(name, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	const most = 20
	if len(known) > most {
		return fmt.Sprintf("; there are %d others", len(known))
	}
	return "; there are " + strings.Join(known, ", ")
}

// checkStates reports states that the document does not have.
func (s *Session) checkStates(states []string) bool {
	s.tb.Helper()
	rec := s.record()
	if rec == nil || rec.doc == nil {
		s.Failf("the session has not begun")
		return false
	}
	var known []string
	for _, info := range rec.doc.States() {
		if !info.Generated {
			known = append(known, info.ID)
		}
	}
	ok := true
	for _, id := range states {
		if rec.places[id] == (scxml.Position{}) {
			ok = false
			s.Failf("%s has no state %q%s", shorten(rec.doc.URL(), s.r.folder), id, suggestion(id, known))
		}
	}
	return ok
}

// ExpectActive expects that all of these states are active; after the end, that they were at last.
func (s *Session) ExpectActive(states ...string) bool {
	s.tb.Helper()
	if !s.checkStates(states) {
		return false
	}
	active := s.Configuration()
	for _, id := range states {
		if !slices.Contains(active, id) {
			s.Failf("state %q is not active\n  active: %s", id, list(active))
			return false
		}
	}
	return true
}

// ExpectConfiguration expects that exactly these states are active, those around
// others included, in any order.
func (s *Session) ExpectConfiguration(states ...string) bool {
	s.tb.Helper()
	if !s.checkStates(states) {
		return false
	}
	got := s.Configuration()
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(states))) {
		s.Failf("wrong configuration\n  expected: %s\n  active:   %s", list(states), list(got))
		return false
	}
	return true
}

// ExpectEntered expects that these states were entered in this order, others in
// between allowed.
func (s *Session) ExpectEntered(states ...string) bool {
	s.tb.Helper()
	return s.checkStates(states) && s.inOrder("state", "entered", states, s.Entered())
}

// inOrder expects names to be found in that order.
func (s *Session) inOrder(what, verb string, want, got []string) bool {
	s.tb.Helper()
	rest := got
	for i, name := range want {
		at := slices.Index(rest, name)
		if at < 0 {
			after := ""
			if i > 0 {
				after = fmt.Sprintf(" after %q", want[i-1])
			}
			s.Failf("%s %q was not %s%s\n  %s: %s", what, name, verb, after, verb, list(got))
			return false
		}
		rest = rest[at+1:]
	}
	return true
}

// ExpectNotEntered expects that none of these states was ever entered.
func (s *Session) ExpectNotEntered(states ...string) bool {
	s.tb.Helper()
	if !s.checkStates(states) {
		return false
	}
	got := s.Entered()
	for _, id := range states {
		if slices.Contains(got, id) {
			s.Failf("state %q was entered\n  entered: %s", id, list(got))
			return false
		}
	}
	return true
}

// ExpectFinal expects that the session has reached this final state at the top
// of the document.
func (s *Session) ExpectFinal(state string) bool {
	s.tb.Helper()
	if !s.checkStates([]string{state}) {
		return false
	}
	result, ended := s.Result()
	switch {
	case !ended:
		s.Failf("the session has not ended\n  expected: %s\n  active:   %s", state, list(s.Configuration()))
	case result.Reason != session.Finished:
		s.Failf("the session has not reached %q: it was %s", state, result.Reason)
	case !slices.Equal(result.Active, []string{state}):
		s.Failf("the session ended in %s, not in %q", list(result.Active), state)
	default:
		return true
	}
	return false
}

// ExpectFailed expects that the session broke down, with an error that contains
// the text: a limit that was exceeded, for example. Without it, a session
// that has failed fails the test at its end.
func (s *Session) ExpectFailed(text string) bool {
	s.tb.Helper()
	result, ended := s.Result()
	switch {
	case !ended || result.Reason != session.Failed:
		s.Failf("the session has not failed\n  active: %s", list(s.Configuration()))
		return false
	case result.Err == nil || !strings.Contains(result.Err.Error(), text):
		s.Failf("the session has failed in another way\n  expected: %s", text)
		return false
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.sessions[s.id()].claimed = true
	return true
}

// ExpectData expects a value in the data model, named as in Data. want is anything that
// datamodel.From takes: numbers of any type, maps, slices. Members may be in any order.
func (s *Session) ExpectData(path string, want any) bool {
	s.tb.Helper()
	v, err := datamodel.From(want)
	if err != nil {
		s.Failf("expected value of %s: %v", path, err)
		return false
	}
	got, problem := s.data(path)
	switch {
	case problem != "":
		s.Failf("%s", problem)
		return false
	case !equal(got, v):
		s.Failf("wrong value of %s\n  expected: %s\n  is:       %s", path, text(v), text(got))
		return false
	}
	return true
}

// ExpectSent expects that an event was sent by <send> to a session or processor (not the
// internal queue). data is what its data has, as in ExpectEvent.
func (s *Session) ExpectSent(event string, data any) bool {
	s.tb.Helper()
	return s.find(StepSend, "event", "sent", event, data)
}

// ExpectEvent expects that the session has handled such an event. Of data that is a map
// the members that it names have to be there, paths as in Lookup; other data has to
// be equal; nil is any.
func (s *Session) ExpectEvent(event string, data any) bool {
	s.tb.Helper()
	return s.find(StepEvent, "event", "handled", event, data)
}

// ExpectAction expects that an element of a module was executed, such as
// "dialog:play", with these arguments, as in ExpectEvent. Children of an element are members by
// their name: "prompts.prompt.intid".
func (s *Session) ExpectAction(action string, args any) bool {
	s.tb.Helper()
	return s.find(StepExtension, "action", "executed", action, args)
}

// ExpectActions expects that these elements of modules were executed in this order, others in
// between allowed.
func (s *Session) ExpectActions(actions ...string) bool {
	s.tb.Helper()
	return s.inOrder("action", "executed", actions, s.names(StepExtension))
}

// ExpectNoAction expects that an element of a module was never executed.
func (s *Session) ExpectNoAction(action string) bool {
	s.tb.Helper()
	if slices.Contains(s.names(StepExtension), action) {
		s.Failf("action %q was executed", action)
		return false
	}
	return true
}

// find expects a step of some kind.
func (s *Session) find(kind, what, verb, name string, data any) bool {
	s.tb.Helper()
	want, err := datamodel.From(data)
	if err != nil {
		s.Failf("expected data of %s: %v", name, err)
		return false
	}
	var names, others []string
	for _, x := range s.Steps() {
		if x.Kind != kind {
			continue
		}
		if x.Name == name {
			if want == nil || matches(x.Data, want) {
				return true
			}
			others = append(others, oneLine(text(x.Data), longestShown))
			continue
		}
		if !slices.Contains(names, x.Name) {
			names = append(names, x.Name)
		}
	}
	if len(others) > 0 {
		s.Failf("%s %q was %s with other data\n  expected: %s\n  were:     %s", what, name, verb, text(want), strings.Join(others, "\n            "))
		return false
	}
	hint := ""
	if near := scxml.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	s.Failf("%s %q was not %s%s\n  %s: %s", what, name, verb, hint, verb, list(names))
	return false
}

// ExpectLog expects a <log> whose text contains this one.
func (s *Session) ExpectLog(part string) bool {
	s.tb.Helper()
	logs := s.Logs()
	if !slices.ContainsFunc(logs, func(l string) bool { return strings.Contains(l, part) }) {
		s.Failf("nothing was logged that contains %q\n  logged: %s", part, strings.Join(logs, "\n          "))
		return false
	}
	return true
}

// ExpectNoErrors expects that no error event was handled or raised.
func (s *Session) ExpectNoErrors() bool {
	s.tb.Helper()
	for _, x := range s.Steps() {
		if x.Kind == StepError || x.Kind == StepEvent && strings.HasPrefix(x.Name, "error.") {
			s.Failf("there was an error\n%s", s.r.line(x, longestShown))
			return false
		}
	}
	return true
}

func list(names []string) string {
	if len(names) == 0 {
		return "(nothing)"
	}
	return strings.Join(names, ", ")
}

// CheckFailures marks the test as failed for each session that has failed and that no
// ExpectFailed was about. Kits call it at the end of a test.
func (r *Recorder) CheckFailures(tb testing.TB) {
	tb.Helper()
	for _, id := range r.Sessions() {
		s := r.Session(tb, func() string { return id })
		if rec := s.record(); rec.ended && rec.result.Reason == session.Failed && !rec.claimed {
			s.Failf("session %s has failed", id)
		}
	}
}
