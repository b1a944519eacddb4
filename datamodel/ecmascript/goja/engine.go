package goja

import (
	"errors"
	"slices"
	"sync"

	"github.com/dlclark/regexp2/v2"
	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
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
func Engine() ecmascript.Engine { return &engine{} }

// engine keeps the functions that were restored from snapshots last, since the
// sessions of a document have the same ones.
type engine struct {
	mu        sync.Mutex
	functions map[functionKey]*code
	size      int // bytes of text
}

// maxFunctions is the number of bytes of source text that are kept compiled.
const maxFunctions = 4 << 20

type functionKey struct {
	text   string
	strict bool
}

// function compiles the source of a function, or takes it from the last time.
func (e *engine) function(text string, strict bool) (*code, error) {
	key := functionKey{text, strict}
	e.mu.Lock()
	c := e.functions[key]
	e.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := compileFunction(text, strict)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.functions == nil || e.size+len(text) > maxFunctions {
		e.functions, e.size = map[functionKey]*code{}, 0
	}
	e.functions[key] = c
	e.size += len(text)
	return c, nil
}

// Features says what goja can do.
func (*engine) Features() ecmascript.Features {
	return ecmascript.Features{Name: "goja", ES2015: true, Strict: true, UTF16: true, Lookahead: true, KeyOrder: true, Instances: true}
}

// code is a compiled program and what is known of it.
type code struct {
	facts
	prog   *goja.Program
	method bool // the source of a function, as a method of an object

	declared []string // names that the program declares in the global scope
	library  library  // its functions, when it is one

	unit       ecmascript.Unit // it was compiled from, when it has functions
	pieces     []piece         // its functions, by number; see Engine.Functions
	statements func() *statements

	cond  condFunc   // nil when the program is not of a simple form
	value valueFunc  // likewise
	store *storeFunc // likewise, of an assignment
}

// Compile compiles a program.
func (*engine) Compile(u ecmascript.Unit) (ecmascript.Code, error) {
	c, err := compileUnit(u)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func compile(name, text string, strict bool) (c *code, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &ecmascript.SyntaxError{Message: "the compiler failed: " + failure(p)}
		}
	}()
	tree, err := parser.ParseFile(nil, name, text, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, syntaxError(err)
	}
	return compileTree(tree, ecmascript.Unit{Strict: strict})
}

// compileUnit compiles a program, and the functions of a library each by itself.
func compileUnit(u ecmascript.Unit) (c *code, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &ecmascript.SyntaxError{Message: "the compiler failed: " + failure(p)}
		}
	}()
	tree, err := parser.ParseFile(nil, u.Name, u.Text, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, syntaxError(err)
	}
	if len(tree.Body) > 0 && isUseStrict(tree.Body[0]) {
		u.Strict = true
	}
	declared := declaredNames(tree)
	functions := library{}
	var parts []*code
	for _, f := range takeFunctions(tree) {
		part, err := compileTree(&ast.Program{Body: []ast.Statement{f}, File: tree.File}, u)
		if err != nil {
			return nil, err
		}
		name := f.Function.Name.Name.String()
		functions[name] = &statement{code: part}
		parts = append(parts, part)
		declared = slices.DeleteFunc(declared, func(n string) bool { return n == name })
	}
	if c, err = compileTree(tree, u); err != nil {
		return nil, err
	}
	c.declared = declared
	if len(functions) > 0 {
		c.library = functions
	}
	c.gather(u, parts)
	return c, nil
}

// compileTree compiles a tree. Text and Name of the Unit are not used.
func compileTree(tree *ast.Program, u ecmascript.Unit) (c *code, err error) {
	c = &code{facts: analyze(tree, u)}
	if c.bigInt {
		return nil, &ecmascript.SyntaxError{Message: "BigInt is not available"}
	}
	if err := checkPatterns(c.patterns); err != nil {
		return nil, &ecmascript.SyntaxError{Message: err.Error()}
	}
	c.simplify(tree)
	if nameFunctions(tree, u.Names) {
		c.system |= authorBit
	}
	if addPoints(tree) {
		c.system |= pauseBit
	}
	directEval(tree)
	if c.prog, err = goja.CompileAST(tree, u.Strict); err != nil {
		return nil, syntaxError(err)
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
