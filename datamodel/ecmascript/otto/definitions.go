package otto

import (
	"errors"
	"strings"
	"sync"

	js "github.com/robertkrimen/otto"
	"github.com/robertkrimen/otto/ast"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// Snapshots refer to the functions of programs. Each can be made without running its
// program.

// piece is a function of a program.
type piece struct {
	ecmascript.FunctionText
	made, declared part
}

// part is a piece of the text of a program as a program of its own: an expression,
// or a statement. It is compiled when it is needed for the first time.
type part struct {
	once sync.Once
	code *code
	err  error
}

// madeFunction is a function at its place.
type madeFunction struct {
	literal    *ast.FunctionLiteral
	start, end int // in the text
}

// gather makes a list of the functions that can be made by themselves.
func (c *code) gather(u ecmascript.Unit, program *ast.Program) {
	names := map[*ast.FunctionLiteral]string{}
	last := map[string]*ast.FunctionLiteral{}
	for _, s := range program.Body {
		if f, ok := s.(*ast.FunctionStatement); ok && f.Function.Name != nil {
			name := f.Function.Name.Name
			names[last[name]] = "" // of several the last one counts
			names[f.Function] = name
			last[name] = f.Function
		}
	}
	made := c.made
	c.made = nil
	var list []ecmascript.FunctionText
	for _, f := range made {
		text := f.literal.Source
		if f.start < 0 || f.end > len(u.Text) || c.captures[text] != "" || !strings.HasPrefix(u.Text[f.start:f.end], "function") {
			continue
		}
		strict := strings.Contains(text, "use strict")
		if strict {
			var err error
			if strict, err = strictFunction(text); err != nil {
				continue
			}
		}
		list = append(list, ecmascript.FunctionText{Start: f.start, End: f.end, Text: text, Strict: strict, Name: names[f.literal]})
	}
	if len(list) == 0 {
		return
	}
	c.unit = u
	c.pieces = make([]piece, len(list))
	for i, f := range list {
		c.pieces[i].FunctionText = f
	}
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

// run makes the function.
func (p *part) run(r *runtime, c *code, f *ecmascript.FunctionText, before, after string) (js.Value, error) {
	p.once.Do(func() {
		u := c.unit
		u.Text = before + u.Text[f.Start:f.End] + after
		u.Strict = f.Strict
		if written := c.unit.Written; written != nil {
			shift := f.Start - len(before)
			u.Written = func(start, end int) string { return written(start+shift, end+shift) }
		}
		p.code, p.err = r.engine.compile(u, false)
	})
	if p.err != nil {
		return js.Value{}, p.err
	}
	if err := r.prepare(p.code); err != nil {
		return js.Value{}, err
	}
	return r.must(r.vm.Run(p.code.source())), nil
}

// Define declares the functions of programs.
func (r *runtime) Define(programs []ecmascript.Code, except []string) error {
	latest := map[string]*piece{}
	for _, p := range programs {
		c, ok := p.(*code)
		if !ok {
			return errProgram
		}
		for i := range c.pieces {
			if f := &c.pieces[i]; f.Name != "" {
				latest[f.Name] = f
			}
		}
	}
	for _, name := range except {
		delete(latest, name)
	}
	for _, p := range programs {
		c := p.(*code)
		for i := range c.pieces {
			f := &c.pieces[i]
			if f.Name == "" || latest[f.Name] != f {
				continue
			}
			if _, err := f.declared.run(r, c, &f.FunctionText, "", ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// Unmade is always false: function statements make their functions.
func (r *runtime) Unmade(string) bool { return false }

var errProgram = errors.New("otto: not a program with functions of this engine")

// buildPiece makes a function of a program.
func (r *runtime) buildPiece(s *ecmascript.Shape) (ecmascript.Value, error) {
	c, ok := s.Program.(*code)
	if !ok || s.Index < 0 || s.Index >= len(c.pieces) {
		return nil, errProgram
	}
	f := &c.pieces[s.Index]
	v, err := f.made.run(r, c, &f.FunctionText, "(", "\n)")
	if err == nil && !v.IsFunction() {
		err = errors.New("the text of a function makes something else")
	}
	return v, err
}
