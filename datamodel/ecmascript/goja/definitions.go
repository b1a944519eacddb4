package goja

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// Snapshots refer to the functions of programs. Each can be made without running its
// program: function statements at the top level wait, as those of libraries do, and
// all others are compiled by themselves when a snapshot is restored that has them.

// piece is a function of a program.
type piece struct {
	ecmascript.FunctionText
	once sync.Once
	code *code // makes it
	err  error
}

// statement is a function statement at the top level as a program of its own.
type statement struct {
	once sync.Once
	code *code
	err  error
	unit ecmascript.Unit // that code is made from when it is needed
}

// statements are those of a program.
type statements struct {
	library library
	taken   []string // names that built-ins have
}

// gather makes a list of the functions of a program. parts are the functions of a
// library, which gives their facts away to the program.
func (c *code) gather(u ecmascript.Unit, parts []*code) {
	list := c.texts(u)
	for _, p := range parts {
		list = append(list, p.texts(u)...)
		for text, fact := range p.functions {
			if c.functions == nil {
				c.functions = map[string]functionFact{}
			}
			if known, ok := c.functions[text]; !ok || known.capture == "" {
				c.functions[text] = fact
			}
		}
		for text, was := range p.authors {
			if c.authors == nil {
				c.authors = map[string]string{}
			}
			c.authors[text] = was
		}
		p.functions, p.authors, p.made = nil, nil, nil
	}
	c.made = nil
	if len(list) == 0 {
		return
	}
	slices.SortStableFunc(list, func(a, b ecmascript.FunctionText) int { return cmp.Compare(a.Start, b.Start) })
	names := map[string]bool{}
	for i := range slices.Backward(list) {
		if names[list[i].Name] {
			list[i].Name = "" // another one of the name comes after it
		}
		names[list[i].Name] = true
	}
	c.unit = u
	c.pieces = make([]piece, len(list))
	for i, f := range list {
		c.pieces[i].FunctionText = f
	}
	c.statements = sync.OnceValue(c.makeStatements)
}

// maxKeyword is how far a function may begin before the place that its tree tells.
const maxKeyword = len("async") + 20

// texts lists the functions that can be made by themselves.
func (c *code) texts(u ecmascript.Unit) []ecmascript.FunctionText {
	var list []ecmascript.FunctionText
	for _, f := range c.made {
		start := int(f.at) - 1
		for i := 0; i < maxKeyword && start > 0 && !strings.HasPrefix(u.Text[min(start, len(u.Text)):], f.source); i++ {
			start-- // of async and the like the tree tells the place of a later word
		}
		if f.fact.capture != "" || start < 0 || start > len(u.Text) || !strings.HasPrefix(u.Text[start:], f.source) {
			continue
		}
		list = append(list, ecmascript.FunctionText{Start: start, End: start + len(f.source), Text: f.source, Strict: f.fact.strict, Name: f.name})
	}
	return list
}

// Functions lists the functions of a program.
func (*engine) Functions(p ecmascript.Code) []ecmascript.FunctionText {
	c, ok := p.(*code)
	if !ok || len(c.pieces) == 0 {
		return nil
	}
	list := make([]ecmascript.FunctionText, len(c.pieces))
	for i := range c.pieces {
		list[i] = c.pieces[i].FunctionText
	}
	return list
}

// part is a piece of the text of a program as a Unit.
func (c *code) part(f *ecmascript.FunctionText, before, after string) ecmascript.Unit {
	u := c.unit
	u.Text = before + u.Text[f.Start:f.End] + after
	u.Strict = f.Strict
	if written := c.unit.Written; written != nil {
		shift := f.Start - len(before)
		u.Written = func(start, end int) string { return written(start+shift, end+shift) }
	}
	return u
}

// compilePart compiles a part of a program, which keeps the facts of its functions.
func compilePart(u ecmascript.Unit) (c *code, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &ecmascript.SyntaxError{Message: "the compiler failed: " + failure(p)}
		}
	}()
	tree, err := parser.ParseFile(nil, u.Name, u.Text, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, syntaxError(err)
	}
	if c, err = compileTree(tree, u); err != nil {
		return nil, err
	}
	c.functions, c.authors, c.made = nil, nil, nil
	return c, nil
}

// compiled compiles the statement when it is needed for the first time.
func (s *statement) compiled() (*code, error) {
	s.once.Do(func() {
		if s.code == nil {
			s.code, s.err = compilePart(s.unit)
		}
	})
	return s.code, s.err
}

func (c *code) makeStatements() *statements {
	s := &statements{library: library{}}
	global := goja.New().GlobalObject()
	for i := range c.pieces {
		f := &c.pieces[i].FunctionText
		if f.Name == "" {
			continue
		}
		if s.library[f.Name] = c.library[f.Name]; s.library[f.Name] == nil {
			s.library[f.Name] = &statement{unit: c.part(f, "", "")}
		}
		if global.Get(f.Name) != nil {
			s.taken = append(s.taken, f.Name)
		}
	}
	return s
}

// Define declares the functions of programs.
func (r *realm) Define(programs []ecmascript.Code, except []string) error {
	if err := r.wait(); err != nil {
		return err
	}
	w := r.waiting
	var taken []string
	for _, p := range programs {
		c, ok := p.(*code)
		if !ok || c.statements == nil {
			return errProgram
		}
		s := c.statements()
		r.remember(c)
		w.libraries = append(w.libraries, s.library)
		taken = append(taken, s.taken...)
	}
	for _, name := range except {
		w.done(name)
	}
	for _, name := range taken {
		s := w.find(name)
		if s == nil {
			continue
		}
		w.done(name)
		if err := r.make(s); err != nil {
			return r.failed(err)
		}
	}
	return nil
}

// Unmade reports whether a function waits.
func (r *realm) Unmade(name string) bool { return r.waiting != nil && r.waiting.Has(name) }

var errProgram = errors.New("goja: not a program with functions of this engine")

// buildPiece makes a function of a program.
func (r *realm) buildPiece(s *ecmascript.Shape) (ecmascript.Value, error) {
	c, ok := s.Program.(*code)
	if !ok || s.Index < 0 || s.Index >= len(c.pieces) {
		return nil, errProgram
	}
	p := &c.pieces[s.Index]
	p.once.Do(func() {
		if p.code, p.err = compilePart(c.part(&p.FunctionText, "(", "\n)")); p.err != nil {
			if p.code, p.err = compilePart(c.part(&p.FunctionText, "({", "\n})")); p.err == nil {
				p.code.method = true
			}
		}
	})
	if p.err != nil {
		return nil, p.err
	}
	r.remember(c)
	name := ""
	if c.unit.Written != nil {
		name = ecmascript.NameOf(c.unit.Written(p.Start, p.End))
	}
	return r.makeFunction(p.code, name)
}

// statementNames names the functions that are statements at the top level of a tree.
func statementNames(tree *ast.Program) map[*ast.FunctionLiteral]string {
	var names map[*ast.FunctionLiteral]string
	for _, s := range tree.Body {
		if f, ok := s.(*ast.FunctionDeclaration); ok && f.Function.Name != nil {
			if names == nil {
				names = map[*ast.FunctionLiteral]string{}
			}
			names[f.Function] = f.Function.Name.Name.String()
		}
	}
	return names
}
