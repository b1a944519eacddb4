package goja

import (
	"slices"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
	"github.com/dop251/goja/token"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// Names finds the names of the global scope in a program.
func (*engine) Names(u ecmascript.Unit) (*ecmascript.Names, error) {
	tree, err := parser.ParseFile(nil, u.Name, u.Text, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, syntaxError(err)
	}
	n := &nameCollector{text: u.Text, marks: map[file.Idx]mark{}}
	for _, d := range tree.DeclarationList {
		for _, b := range d.List {
			targets(b, n.declare)
		}
	}
	for _, s := range tree.Body {
		n.topLevel(s)
	}
	a := &analyzer{strict: u.Strict, numeric: numericNames(tree), names: n}
	a.open()
	visit(a, tree.Body...)
	return &n.Names, nil
}

// nameCollector takes down the names of the global scope that an analyzer meets.
type nameCollector struct {
	ecmascript.Names
	text  string
	marks map[file.Idx]mark // what is known of a place before it is met

	// declaration is the function statement that is met next: its name belongs to
	// the scope around it.
	declaration *ast.FunctionLiteral
}

type mark uint8

const (
	shorthand mark = 1 << iota
	written
)

func (n *nameCollector) declare(name string) {
	if !slices.Contains(n.Declared, name) {
		n.Declared = append(n.Declared, name)
	}
}

// topLevel notes what a statement at the top level declares.
func (n *nameCollector) topLevel(s ast.Statement) {
	switch s := s.(type) {
	case *ast.FunctionDeclaration:
		if id := s.Function.Name; id != nil {
			n.declare(id.Name.String())
			n.use(id)
		}
	case *ast.LexicalDeclaration:
		for _, b := range s.List {
			targets(b, n.declare)
		}
		length := len("let")
		if s.Token == token.CONST {
			length = len("const")
		}
		n.Lexical = append(n.Lexical, ecmascript.Edit{Offset: int(s.Idx) - 1, Length: length, Text: "var"})
	case *ast.ClassDeclaration:
		name := s.Class.Name.Name.String()
		n.declare(name)
		n.Lexical = append(n.Lexical, ecmascript.Edit{Offset: int(s.Class.Class) - 1, Text: "var ", Name: name, After: " = "},
			ecmascript.Edit{Offset: int(s.Class.RightBrace), Text: ";"})
	}
}

func (n *nameCollector) use(id *ast.Identifier) {
	m := n.marks[id.Idx]
	n.Uses = append(n.Uses, ecmascript.Use{Name: id.Name.String(), Offset: int(id.Idx) - 1, Shorthand: m&shorthand != 0, Assigned: m&written != 0})
}

// node marks the places of names whose meaning their parent knows.
func (n *nameCollector) node(x any) {
	switch x := x.(type) {
	case *ast.FunctionDeclaration:
		n.declaration = x.Function
	case *ast.PropertyShort:
		n.marks[x.Name.Idx] |= shorthand
	case *ast.AssignExpression:
		n.write(x.Left)
	case *ast.UnaryExpression:
		if x.Operator == token.INCREMENT || x.Operator == token.DECREMENT {
			n.write(x.Operand)
		}
	case *ast.ForIntoExpression:
		n.write(x.Expression)
	}
}

func (n *nameCollector) write(t ast.Node) {
	switch t := t.(type) {
	case *ast.Identifier:
		n.marks[t.Idx] |= written
	case *ast.AssignExpression:
		n.write(t.Left)
	case *ast.ArrayPattern:
		for _, e := range t.Elements {
			if e != nil {
				n.write(e)
			}
		}
		if t.Rest != nil {
			n.write(t.Rest)
		}
	case *ast.ObjectPattern:
		for _, p := range t.Properties {
			switch p := p.(type) {
			case *ast.PropertyShort:
				n.marks[p.Name.Idx] |= written
			case *ast.PropertyKeyed:
				n.write(p.Value)
			}
		}
		if t.Rest != nil {
			n.write(t.Rest)
		}
	}
}
