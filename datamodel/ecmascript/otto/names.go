package otto

import (
	"slices"

	"github.com/robertkrimen/otto/ast"
	"github.com/robertkrimen/otto/file"
	"github.com/robertkrimen/otto/parser"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// Names finds the names of the global scope in a program.
func (*engine) Names(u ecmascript.Unit) (*ecmascript.Names, error) {
	text := u.Text + "\n"
	program, err := parser.ParseFile(nil, u.Name, text, 0)
	if err != nil {
		return nil, syntaxError(u.Text, err)
	}
	n := &nameCollector{}
	declare(map[string]bool{}, program.DeclarationList, func(name string) { n.Declared = append(n.Declared, name) })
	a := &analyzer{strict: u.Strict, global: n, scopes: []map[string]bool{{}}}
	a.list(program.Body)
	return &n.Names, nil
}

// nameCollector takes down the names of the global scope that an analyzer meets.
type nameCollector struct {
	ecmascript.Names
	written []file.Idx
}

// use notes a name, unless a function or catch clause around declares it.
func (n *nameCollector) use(a *analyzer, name string, at file.Idx) {
	for _, s := range a.scopes[1:] {
		if s[name] {
			return
		}
	}
	n.Uses = append(n.Uses, ecmascript.Use{Name: name, Offset: int(at) - 1, Assigned: slices.Contains(n.written, at)})
}

// write marks what is assigned to, before it is met.
func (n *nameCollector) write(e ast.Expression) {
	if id, ok := e.(*ast.Identifier); ok {
		n.written = append(n.written, id.Idx)
	}
}
