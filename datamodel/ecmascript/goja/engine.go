// Package goja is the default ECMAScript engine: github.com/dop251/goja, which
// has ECMAScript 2015 and most of what came later. Each session has a runtime
// of its own; compiled programs are shared by all sessions of a document.
//
//	language := goja.New(nil)
//	doc, err := scxml.Parse(text, &scxml.ParseOptions{Languages: []datamodel.Language{language}})
//
// # Speed
//
// Guards and assignments of a simple form, such as n >= 0, _event.data.x === 'y'
// or In('s1') && n < 10, run as Go closures over the engine's values, without
// its virtual machine. Where a value is not a plain number, string or boolean
// the program runs in the engine, so that the result is always the engine's.
//
// # Containment
//
// Time, call depth and memory of an evaluation are limited by the package
// above. What no interrupt reaches is limited here: the depth of JSON text and
// of source text given to eval and Function, the length of strings and arrays
// that one call of a built-in makes or goes through, and the time of one match
// of a regular expression that needs backtracking. For this, built-ins are
// replaced in the runtimes of documents that mention them.
//
// Importing the package sets regexp2.DefaultMatchTimeout, a setting of the whole
// process, to datamodel.DefaultTime. A match that is ended by it counts as no
// match, but by then the limit of evaluation time, if it is not set higher, has
// ended the session.
package goja

import (
	"errors"
	"fmt"

	"github.com/dlclark/regexp2/v2"
	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// boundMatches runs while packages are initialized, when no other goroutine can
// be compiling an expression.
var _ = boundMatches()

func boundMatches() bool {
	regexp2.DefaultMatchTimeout = datamodel.DefaultTime
	return true
}

// New returns the language "ecmascript" on goja. nil options mean the defaults.
func New(opts *ecmascript.Options) datamodel.Language { return ecmascript.New(Engine(), opts) }

// Engine returns the engine itself, for ecmascript.New.
func Engine() ecmascript.Engine { return engine{} }

type engine struct{}

// Features says what goja can do.
func (engine) Features() ecmascript.Features {
	return ecmascript.Features{Name: "goja", ES2015: true, Strict: true, UTF16: true, Lookahead: true, KeyOrder: true}
}

// code is a compiled program and what is known of it.
type code struct {
	facts
	prog *goja.Program

	cond  condFunc   // nil when the program is not of a simple form
	value valueFunc  // likewise
	store *storeFunc // likewise, of an assignment
}

// Compile compiles a program.
func (engine) Compile(u ecmascript.Unit) (ecmascript.Code, error) {
	c, err := compile(u.Name, u.Text, u.Strict)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func compile(name, text string, strict bool) (c *code, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &ecmascript.SyntaxError{Message: fmt.Sprintf("the compiler failed: %v", p)}
		}
	}()
	tree, err := parser.ParseFile(nil, name, text, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, syntaxError(err)
	}
	c = &code{facts: analyze(tree, strict)}
	if c.bigInt {
		return nil, &ecmascript.SyntaxError{Message: "BigInt is not available"}
	}
	if err := checkPatterns(c.patterns); err != nil {
		return nil, &ecmascript.SyntaxError{Message: err.Error()}
	}
	if c.prog, err = goja.CompileAST(tree, strict); err != nil {
		return nil, syntaxError(err)
	}
	if strict {
		c.simplify(tree)
	}
	return c, nil
}

func syntaxError(err error) error {
	var list parser.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return &ecmascript.SyntaxError{Message: list[0].Message, Line: list[0].Position.Line, Column: list[0].Position.Column}
	}
	var ce *goja.CompilerSyntaxError
	if errors.As(err, &ce) {
		se := &ecmascript.SyntaxError{Message: ce.Message}
		if ce.File != nil {
			pos := ce.File.Position(ce.Offset)
			se.Line, se.Column = pos.Line, pos.Column
		}
		return se
	}
	return &ecmascript.SyntaxError{Message: err.Error()}
}
