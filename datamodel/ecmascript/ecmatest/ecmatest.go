package ecmatest

import (
	"errors"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// Run runs the suite on an engine.
func Run(t *testing.T, engine ecmascript.Engine) {
	s := &suite{engine: engine, features: engine.Features(), lang: ecmascript.New(engine, nil)}
	if s.features.Name == "" {
		t.Error("Features.Name is empty")
	}
	for _, group := range []struct {
		name string
		f    func(*testing.T, *suite)
	}{
		{"Compile", compiling}, {"Expressions", expressions}, {"Conditions", conditions}, {"Locations", locations}, {"Scripts", scripts},
		{"Foreach", foreach}, {"System", systemVariables}, {"Event", events}, {"Globals", globals}, {"Values", values}, {"XML", xmlData},
		{"Errors", failures}, {"Messages", messages}, {"Determinism", determinism}, {"Snapshot", snapshots}, {"SnapshotInstances", instances}, {"SnapshotRefused", refusals}, {"SnapshotDamaged", damaged},
		{"SnapshotProperty", snapshotProperty}, {"Limits", limits}, {"Copies", copies}, {"Neighbours", neighbours}, {"Sharing", sharing}, {"Bubble", bubble}, {"Language", language},
	} {
		t.Run(group.name, func(t *testing.T) { group.f(t, s) })
	}
}

type suite struct {
	engine   ecmascript.Engine
	features ecmascript.Features
	lang     datamodel.Language
}

// session is a model under test.
type session struct {
	*suite
	t *testing.T
	m datamodel.Model
}

// new makes a session; the fields of host that it needs have defaults.
func (s *suite) new(t *testing.T, host datamodel.Host) *session {
	t.Helper()
	if host.In == nil {
		host.In = func(id string) bool { return id == "s1" }
	}
	if host.Limits.Time == 0 {
		// Whoever tests limits sets them; a slow machine is no failure.
		host.Limits.Time = 5 * time.Minute
	}
	m, err := s.lang.New(host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return &session{s, t, m}
}

func source(kind datamodel.Kind, text string) datamodel.Source {
	return datamodel.Source{Text: text, Kind: kind, File: "test.scxml", Line: 1, Column: 1}
}

func (s *session) compile(kind datamodel.Kind, text string) datamodel.Program {
	s.t.Helper()
	p, err := s.lang.Compile(source(kind, text))
	if err != nil {
		s.t.Fatalf("%s: %v", text, err)
	}
	return p
}

// script runs scripts.
func (s *session) script(texts ...string) *session {
	s.t.Helper()
	for _, text := range texts {
		if err := s.m.Exec(s.compile(datamodel.Script, text)); err != nil {
			s.t.Fatalf("%s: %v", text, err)
		}
	}
	return s
}

func (s *session) scriptErr(text string) error {
	s.t.Helper()
	return s.m.Exec(s.compile(datamodel.Script, text))
}

func (s *session) declare(names ...string) *session {
	s.t.Helper()
	for _, n := range names {
		if err := s.m.Declare(n); err != nil {
			s.t.Fatal(err)
		}
	}
	return s
}

func (s *session) set(name string, v datamodel.Value) *session {
	s.t.Helper()
	s.declare(name)
	if err := s.m.Set(name, v); err != nil {
		s.t.Fatal(err)
	}
	return s
}

func (s *session) assignErr(location, expr string) error {
	s.t.Helper()
	p, err := s.lang.CompileAssign(source(datamodel.LocationExpression, location), source(datamodel.ValueExpression, expr))
	if err != nil {
		s.t.Fatalf("%s = %s: %v", location, expr, err)
	}
	return s.m.Exec(p)
}

func (s *session) assign(location, expr string) *session {
	s.t.Helper()
	if err := s.assignErr(location, expr); err != nil {
		s.t.Fatal(err)
	}
	return s
}

func (s *session) evalErr(text string) (datamodel.Value, error) {
	s.t.Helper()
	return s.m.Eval(s.compile(datamodel.ValueExpression, text))
}

func (s *session) eval(text string) datamodel.Value {
	s.t.Helper()
	v, err := s.evalErr(text)
	if err != nil {
		s.t.Fatalf("%s: %v", text, err)
	}
	return v
}

// is checks the value of an expression.
func (s *session) is(text string, want datamodel.Value) *session {
	s.t.Helper()
	if got := s.eval(text); !datamodel.Equal(got, want) {
		s.t.Errorf("%s: got %s (%#v), want %s (%#v)", text, datamodel.EncodeJSON(got), got, datamodel.EncodeJSON(want), want)
	}
	return s
}

// holds checks conditions, as conditions and as expressions.
func (s *session) holds(texts ...string) *session {
	s.t.Helper()
	for _, text := range texts {
		ok, err := s.m.Cond(s.compile(datamodel.ConditionalExpression, text))
		if err != nil || !ok {
			s.t.Errorf("condition %s: %v, %v", text, ok, err)
		}
	}
	return s
}

// fails checks that an evaluation gives an *EvalError, and not a limit.
func (s *session) fails(what string, err error) {
	s.t.Helper()
	var ee *datamodel.EvalError
	switch {
	case err == nil:
		s.t.Errorf("%s: no error", what)
	case !errors.As(err, &ee):
		s.t.Errorf("%s: %T %v is no *EvalError", what, err, err)
	case errors.Is(err, datamodel.ErrLimit):
		s.t.Errorf("%s: %v", what, err)
	case ee.Text == "" || ee.Message == "":
		s.t.Errorf("%s: incomplete error %#v", what, ee)
	}
}

func (s *session) exprFails(texts ...string) *session {
	s.t.Helper()
	for _, text := range texts {
		_, err := s.evalErr(text)
		s.fails(text, err)
	}
	return s
}

func (s *session) assignFails(location, expr string) *session {
	s.t.Helper()
	s.fails(location+" = "+expr, s.assignErr(location, expr))
	return s
}

func (s *session) scriptFails(texts ...string) *session {
	s.t.Helper()
	for _, text := range texts {
		s.fails(text, s.scriptErr(text))
	}
	return s
}

// illegal checks that texts are compile errors.
func (s *suite) illegal(t *testing.T, kind datamodel.Kind, texts ...string) {
	t.Helper()
	for _, text := range texts {
		_, err := s.lang.Compile(source(kind, text))
		var ce *datamodel.CompileError
		if !errors.As(err, &ce) {
			t.Errorf("%s %q: %v is no *CompileError", kind, text, err)
			continue
		}
		if ce.Line < 1 || ce.Column < 1 || ce.Message == "" {
			t.Errorf("%s %q: incomplete error %#v", kind, text, ce)
		}
	}
}

// restored saves the session and restores it in a new one.
func (s *session) restored(host datamodel.Host) *session {
	s.t.Helper()
	snap, err := s.m.Snapshot(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.new(s.t, host)
	if err := r.m.Restore(snap); err != nil {
		s.t.Fatal(err)
	}
	again, err := r.m.Snapshot(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if string(again) != string(snap) {
		s.t.Errorf("a snapshot of the restored session differs:\n%q\n%q", snap, again)
	}
	return r
}

func obj(pairs ...any) *datamodel.Object {
	o := datamodel.NewObject()
	for i := 0; i < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
	return o
}

func list(items ...datamodel.Value) []datamodel.Value { return items }

var noon = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)
