package otto

import (
	"errors"
	"fmt"
	"sync"

	js "github.com/robertkrimen/otto"
	"github.com/robertkrimen/otto/ast"
	"github.com/robertkrimen/otto/parser"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// New returns the ECMAScript data model on otto; nil means the defaults. It is
// immutable and safe for concurrent use; one serves a whole program.
func New(opts *ecmascript.Options) datamodel.Language {
	return ecmascript.New(Engine(), opts)
}

// Engine returns otto as an engine for [ecmascript.New].
func Engine() ecmascript.Engine { return &engine{} }

// engine implements ecmascript.Engine.
type engine struct {
	mu       sync.Mutex
	compiler *js.Otto              // made when it is first needed; compiles and runs nothing
	programs map[string]*js.Script // of this package, by text
}

func (*engine) Features() ecmascript.Features {
	return ecmascript.Features{Name: "otto", KeyOrder: true}
}

// code is a compiled program.
type code struct {
	facts
	evaluated bool         // it is the text of an eval
	script    *js.Script   // of the text as it is
	program   *ast.Program // of the text as it was rewritten; script is nil

	unit   ecmascript.Unit // it was compiled from, when it has functions
	pieces []piece         // its functions, by number; see Engine.Functions
}

// source is what an otto runs.
func (c *code) source() any {
	if c.program != nil {
		return c.program
	}
	return c.script
}

// small reports whether the program ends soon whatever the data, as long as no
// function of the document can be called behind its back.
func (c *code) small() bool {
	return !c.functions && !c.calls && !c.loops && c.hard == 0 && c.nodes <= smallNodes && c.adds <= smallAdds
}

func (e *engine) Compile(u ecmascript.Unit) (ecmascript.Code, error) {
	c, err := e.compile(u, false)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// compile compiles a program. With noted set the program notes an exception
// before it throws it: otto's Run would lose its identity.
func (e *engine) compile(u ecmascript.Unit, noted bool) (c *code, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &ecmascript.SyntaxError{Message: fmt.Sprintf("the parser failed: %v", p)}
		}
	}()
	// The line break keeps otto from reading a source map in the last line.
	text := u.Text + "\n"
	program, err := parser.ParseFile(nil, u.Name, text, 0)
	if err != nil {
		return nil, syntaxError(u.Text, err)
	}
	a := analyze(program, u)
	if noted {
		a.note(program)
	}
	c = &code{facts: a.facts, evaluated: noted}
	c.gather(u, program)
	if c.rewritten {
		c.program = program
		return c, nil
	}
	c.script, err = e.script(u.Name, text)
	if err != nil {
		return nil, syntaxError(u.Text, err)
	}
	return c, nil
}

func (e *engine) script(name, text string) (*js.Script, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.compiler == nil {
		e.compiler = js.New()
	}
	return e.compiler.Compile(name, text)
}

// own compiles a program of this package, once.
func (e *engine) own(text string) (*js.Script, error) {
	e.mu.Lock()
	s := e.programs[text]
	e.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := e.script("built-in", text)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.programs == nil {
		e.programs = map[string]*js.Script{}
	}
	e.programs[text] = s
	return s, nil
}

// strictFunction reports whether the text of a function says that it is strict.
// The error is a *ecmascript.SyntaxError.
func strictFunction(text string) (strict bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &ecmascript.SyntaxError{Message: fmt.Sprintf("the parser failed: %v", p)}
		}
	}()
	text = "(" + text + "\n)"
	program, err := parser.ParseFile(nil, "function", text, 0)
	if err != nil {
		return false, syntaxError(text, err)
	}
	if len(program.Body) == 1 {
		if s, ok := program.Body[0].(*ast.ExpressionStatement); ok {
			if f, ok := s.Expression.(*ast.FunctionLiteral); ok {
				b, ok := f.Body.(*ast.BlockStatement)
				return ok && directive(b.List), nil
			}
		}
	}
	return false, &ecmascript.SyntaxError{Message: "not the text of a function"}
}

func syntaxError(text string, err error) error {
	var list *parser.ErrorList
	if !errors.As(err, &list) || len(*list) == 0 {
		return &ecmascript.SyntaxError{Message: err.Error()}
	}
	first := (*list)[0]
	e := &ecmascript.SyntaxError{Message: first.Message, Line: first.Position.Line, Column: first.Position.Column}
	if hint := newer(text, e.Line); hint != "" {
		e.Message += ": " + hint + "; the otto engine runs ECMAScript 5, use the goja engine for this document"
	}
	return e
}
