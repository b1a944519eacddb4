package ecmascript

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-ff723688/ors/datamodel"
)

// Options are the settings of a language. A nil *Options means the defaults; a
// zero field means its default, a negative one no limit.
type Options struct {
	MaxScript     int // bytes of a <script>; default 1 MiB
	MaxExpression int // bytes of any other expression; default 64 KiB

	// MaxCopy bounds a value that leaves a session, as the result of an
	// expression, a variable or an argument of a host function: the bytes of all
	// texts and names in it, each as often as it occurs, and 8 for every value.
	// Strings share their memory in a script, but not in what is written of them.
	// Default 8 MiB. A value beyond it is an error of the evaluation.
	MaxCopy int

	// MaxSnapshot bounds the snapshot of a session; default 64 MiB. Data beyond it
	// is an error that matches datamodel.ErrNotSerializable.
	MaxSnapshot int
}

// Default limits of source text and of what leaves a session.
const (
	DefaultMaxScript     = 1 << 20
	DefaultMaxExpression = 64 << 10
	DefaultMaxCopy       = 8 << 20
	DefaultMaxSnapshot   = 64 << 20
)

// language is the ECMAScript data model on one engine.
type language struct {
	engine                   Engine
	maxScript, maxExpression int
	maxCopy, maxSnapshot     int
	collector                collector
	programs                 registry
}

// New makes the language "ecmascript" of an engine. It is safe for concurrent
// use, and everything it compiles is immutable.
func New(engine Engine, opts *Options) datamodel.Language {
	var o Options
	if opts != nil {
		o = *opts
	}
	bound := func(n int) int {
		if n < 0 {
			return math.MaxInt
		}
		return n
	}
	return &language{
		engine:        engine,
		maxScript:     cmp.Or(o.MaxScript, DefaultMaxScript),
		maxExpression: cmp.Or(o.MaxExpression, DefaultMaxExpression),
		maxCopy:       bound(cmp.Or(o.MaxCopy, DefaultMaxCopy)),
		maxSnapshot:   bound(cmp.Or(o.MaxSnapshot, DefaultMaxSnapshot)),
	}
}

// program is a compiled expression.
type program struct {
	lang *language
	kind datamodel.Kind
	text string
	code Code // of a foreach: the array

	// defines are the programs of code and store that have functions.
	defines []*definitions

	ident       string // location: a plain name, without code
	item, index string // foreach
	foreach     bool

	store   Code     // of an assignment: assigns the value of code; nil: code does it itself
	sloppy  bool     // location: a variable that does not exist is created
	sources *sources // for Rename; nil without Source.Statements

	needs needs // what it may ask for beside the standard (datamodel.Legacy)

	renamed map[string]string // for text that it gives to eval: the new names of variables
}

// Name is "ecmascript".
func (l *language) Name() string { return "ecmascript" }

// Compile compiles one expression. Scripts are sloppy mode code, everything
// else is strict mode code, so that an assignment to an undeclared name fails.
func (l *language) Compile(src datamodel.Source) (datamodel.Program, error) {
	t, err := l.adapt(src)
	if err != nil {
		return nil, err
	}
	return l.compile(t)
}

func (l *language) compile(src *text) (datamodel.Program, error) {
	p := &program{lang: l, kind: src.Kind, text: src.author().Text, sloppy: src.Statements, needs: needsOf(src)}
	if src.Statements {
		p.sources = &sources{form: single, list: []*text{src}}
	}
	var c compiled
	var err error
	switch src.Kind {
	case datamodel.Script:
		c, err = l.script(src)
	case datamodel.LocationExpression:
		if p.ident = strings.TrimSpace(src.Text); isIdentifier(p.ident) {
			_, err = l.wrapped(src, "(", "\n) = "+assigned)
			break
		}
		p.ident = ""
		if _, err = l.expression(src); err == nil {
			c, err = l.wrapped(src, "(", "\n) = "+assigned)
		}
	default:
		c, err = l.valueOf(src)
	}
	if err != nil {
		return nil, err
	}
	p.code = p.keep(c)
	return p, nil
}

// valueOf compiles an expression or, where that is allowed, statements.
func (l *language) valueOf(src *text) (compiled, error) {
	code, err := l.expression(terminated(src))
	if err == nil || !src.Statements || strings.TrimSpace(src.Text) == "" {
		return code, err
	}
	return l.program(src, l.maxExpression)
}

// CompileAssign compiles location = expr.
func (l *language) CompileAssign(location, expr datamodel.Source) (datamodel.Program, error) {
	location.Kind = datamodel.LocationExpression
	location.Statements = location.Statements || expr.Statements
	to, err := l.adapt(location)
	if err != nil {
		return nil, err
	}
	from, err := l.adapt(expr)
	if err != nil {
		return nil, err
	}
	return l.compileAssign(to, from)
}

func (l *language) compileAssign(location, given *text) (datamodel.Program, error) {
	expr := terminated(given)
	p := &program{lang: l, kind: datamodel.Script, text: location.author().Text + " = " + expr.author().Text, needs: needsOf(location, expr)}
	if expr.Statements {
		p.sources = &sources{form: assignment, list: []*text{location, given}}
	}
	if _, err := l.compile(location); err != nil {
		return nil, err
	}
	if _, err := l.expression(expr); err != nil {
		if !expr.Statements {
			return nil, err
		}
		value, err := l.valueOf(given)
		if err != nil {
			return nil, err
		}
		store, err := l.wrapped(location, "(", "\n) = "+assigned)
		if err != nil {
			return nil, err
		}
		p.code, p.store = p.keep(value), p.keep(store)
		return p, nil
	}
	c, err := l.wrapped(location, "(", "\n) = ("+expr.Text+"\n)", place{len("(" + location.Text + "\n) = ("), expr})
	if err != nil {
		return nil, err
	}
	p.code = p.keep(c)
	return p, nil
}

// CompileForeach compiles the head of a <foreach>. The error of an illegal name
// says so.
func (l *language) CompileForeach(array, item, index datamodel.Source) (datamodel.Program, error) {
	t, err := l.adapt(array)
	if err != nil {
		return nil, err
	}
	return l.compileForeach(t, &text{Source: item}, &text{Source: index})
}

func (l *language) compileForeach(array, item, index *text) (datamodel.Program, error) {
	value := *array
	value.Kind = datamodel.ValueExpression
	c, err := l.valueOf(&value)
	if err != nil {
		return nil, err
	}
	p := &program{lang: l, kind: datamodel.Script, text: array.author().Text, foreach: true, needs: needsOf(array)}
	p.code = p.keep(c)
	if array.Statements {
		p.sources = &sources{form: loop, list: []*text{&value, item, index}}
	}
	if p.item, err = l.variable(item); err != nil {
		return nil, err
	}
	if strings.TrimSpace(index.Text) != "" {
		if p.index, err = l.variable(index); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// variable checks the name of a variable.
func (l *language) variable(src *text) (string, error) {
	name := strings.TrimSpace(src.Text)
	if !isIdentifier(name) {
		return "", failAt(src.Source, fmt.Sprintf("%q is not the name of a variable", shorten(name)))
	}
	location := *src
	location.Kind = datamodel.LocationExpression
	if _, err := l.compile(&location); err != nil {
		return "", err
	}
	return name, nil
}

// terminated drops semicolons behind an expression: authors write them, and the
// standard's own tests do.
func terminated(src *text) *text {
	t := *src
	t.Text = strings.TrimRight(src.Text, " \t\r\n;")
	return &t
}

// expression compiles a value expression or condition and checks that it is one
// expression and nothing else.
func (l *language) expression(src *text) (compiled, error) {
	if strings.TrimSpace(src.Text) == "" {
		return compiled{}, failAt(src.Source, "the expression is empty")
	}
	c, err := l.wrapped(src, "(", "\n)")
	if err != nil {
		return compiled{}, err
	}
	// A text such as "a) + (b" fits into the parentheses; within brackets it does
	// not.
	if strings.Contains(src.Text, ")") {
		if _, err := l.wrapped(src, "[", "\n]"); err != nil {
			return compiled{}, err
		}
	}
	return c, nil
}

func (l *language) script(src *text) (compiled, error) { return l.program(src, l.maxScript) }

// program compiles the text as it is, as sloppy mode code.
func (l *language) program(src *text, most int) (compiled, error) {
	if err := CheckSource(src.Text, most); err != nil {
		return compiled{}, compileError(src, 0, err)
	}
	at := place{0, src}
	c, err := l.build(unit(src.Text, src.File, false, at), at)
	if err != nil {
		return compiled{}, compileError(src, 0, err)
	}
	return c, nil
}

// wrapped compiles the text between before and after, as strict mode code unless
// it comes from a document that has statements as expressions.
func (l *language) wrapped(src *text, before, after string, more ...place) (compiled, error) {
	if err := CheckSource(src.Text, l.maxExpression); err != nil {
		return compiled{}, compileError(src, 0, err)
	}
	places := append(more, place{len(before), src})
	c, err := l.build(unit(before+src.Text+after, src.File, !src.Statements, places...), places...)
	if err != nil {
		return compiled{}, compileError(src, len(before), err)
	}
	return c, nil
}

// compileError turns the error of an engine into one with a place in the
// document; shift is the number of characters that were put before the text.
func compileError(src *text, shift int, err error) error {
	var se *SyntaxError
	if !errors.As(err, &se) || se.Line <= 0 {
		message := err.Error()
		if se != nil {
			message = se.Message
		}
		return failAt(src.Source, message)
	}
	line, col := se.Line, se.Column
	if line == 1 {
		col -= shift
	}
	// What is reported behind the text is about its end, and the engine names what
	// was put there.
	message := se.Message
	if lines := 1 + strings.Count(src.Text, "\n"); line > lines {
		line = lines
		col = len(src.Text) - strings.LastIndexByte(src.Text, '\n')
		message = "it ends too early"
	}
	out := &datamodel.CompileError{Source: src.author(), Message: message + hint(src, line), Line: src.Line + line - 1, Column: max(col, 1)}
	if line == 1 {
		out.Column += src.Column - 1
	}
	return out
}

func failAt(src datamodel.Source, message string) error {
	return &datamodel.CompileError{Source: src, Message: message, Line: src.Line, Column: src.Column}
}

// isIdentifier reports whether s has the form of an identifier, without escapes.
func isIdentifier(s string) bool {
	for i, r := range s {
		if r != '_' && r != '$' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && !unicode.Is(unicode.Pc, r)) {
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}

func shorten(s string) string {
	if len(s) <= 60 {
		return s
	}
	return s[:60] + "…"
}

// New makes the data of one session.
func (l *language) New(host datamodel.Host) (datamodel.Model, error) {
	if host.In == nil {
		return nil, errors.New("ecmascript: Host.In is required")
	}
	m := &model{lang: l, host: host}
	m.host.Limits = host.Limits.WithDefaults()
	if m.host.Now == nil {
		m.host.Now = func() time.Time { return time.Time{} }
	}
	if m.host.Random == nil {
		m.host.Random = func() float64 { return 0 }
	}
	if err := m.scope.init(m); err != nil {
		return nil, err
	}
	rt, err := l.engine.NewRuntime(Config{
		CallDepth: m.host.Limits.CallDepth,
		Now:       m.host.Now,
		Random:    m.host.Random,
		Scope:     &m.scope,
		In:        host.In,
		Arm:       m.arm,
		Look:      m.look,
		Eval:      m.evalText,
	})
	if err != nil {
		return nil, err
	}
	m.rt = rt
	return m, nil
}
