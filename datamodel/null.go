package datamodel

import (
	"fmt"
	"strings"
	"unicode"
)

// NullLanguage is the null data model (appendix B.1): no data, and the In
// predicate as the only condition. The zero value is ready for use. No event
// costs it an allocation.
type NullLanguage struct{}

var _ Language = NullLanguage{}

// nullIn is the compiled condition In(id).
type nullIn struct {
	text, id string
}

// Name is "null".
func (NullLanguage) Name() string { return "null" }

// Compile compiles a condition of the form In('id'), In("id") or In(id), with
// optional white space. Nothing else exists in the null data model.
func (NullLanguage) Compile(src Source) (Program, error) {
	if src.Kind != ConditionalExpression {
		return nil, noSuch(src, "the null data model has no "+src.Kind.String()+"s, only conditions; datamodel=\"ecmascript\" has")
	}
	id, ok := parseIn(src.Text)
	if !ok {
		return nil, noSuch(src, "a condition of the null data model is In('id'), nothing else")
	}
	return &nullIn{src.Text, id}, nil
}

func parseIn(text string) (string, bool) {
	s, ok := strings.CutPrefix(strings.TrimSpace(text), "In")
	if !ok {
		return "", false
	}
	s, ok = strings.CutPrefix(strings.TrimSpace(s), "(")
	if !ok {
		return "", false
	}
	s, ok = strings.CutSuffix(s, ")")
	if !ok {
		return "", false
	}
	s = strings.TrimSpace(s)
	if n := len(s); n >= 2 && (s[0] == '\'' || s[0] == '"') {
		if s[n-1] != s[0] {
			return "", false
		}
		s = s[1 : n-1]
	}
	if s == "" || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(`'"(),;\`, r)
	}) {
		return "", false
	}
	return s, true
}

func noSuch(src Source, message string) error {
	return &CompileError{Source: src, Message: message, Line: src.Line, Column: src.Column}
}

// CompileAssign refuses: there is no data to assign to.
func (NullLanguage) CompileAssign(location, _ Source) (Program, error) {
	return nil, noSuch(location, "the null data model has no data to assign to")
}

// CompileForeach refuses: there is no data to go through.
func (NullLanguage) CompileForeach(array, _, _ Source) (Program, error) {
	return nil, noSuch(array, "the null data model has no data to go through")
}

// New makes the model of one session.
func (NullLanguage) New(host Host) (Model, error) { return &nullModel{host.In}, nil }

type nullModel struct {
	in func(string) bool
}

func (m *nullModel) BeginStep()      {}
func (m *nullModel) EndStep()        {}
func (m *nullModel) SetEvent(*Event) {}
func (m *nullModel) Close() error    { return nil }

func (m *nullModel) Cond(p Program) (bool, error) {
	c, ok := p.(*nullIn)
	if !ok {
		return false, unsupported("condition")
	}
	return m.in(c.id), nil
}

func unsupported(what string) error {
	return &EvalError{Text: what, Message: "the null data model has no data", Err: ErrUnsupported}
}

func (m *nullModel) Declare(id string) error             { return unsupported(id) }
func (m *nullModel) Exec(Program) error                  { return unsupported("script") }
func (m *nullModel) Eval(Program) (Value, error)         { return nil, unsupported("expression") }
func (m *nullModel) EvalString(Program) (string, error)  { return "", unsupported("expression") }
func (m *nullModel) Assign(Program, Value) error         { return unsupported("location") }
func (m *nullModel) Set(id string, _ Value) error        { return unsupported(id) }
func (m *nullModel) Get(id string) (Value, error)        { return nil, unsupported(id) }
func (m *nullModel) Foreach(Program, func() error) error { return unsupported("array") }
func (m *nullModel) Snapshot(dst []byte) ([]byte, error) { return dst, nil }

func (m *nullModel) Restore(snapshot []byte) error {
	if len(snapshot) != 0 {
		return fmt.Errorf("%w: the null data model has no data", ErrSnapshot)
	}
	return nil
}
