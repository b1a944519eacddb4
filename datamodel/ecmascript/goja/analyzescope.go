package goja

import (
	"reflect"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
)

// scope treats the nodes that open a scope; false for others.
func (a *analyzer) scope(n any) bool {
	switch n := n.(type) {
	case *ast.FunctionLiteral:
		a.author(n.Source, n.Function)
		if n.Generator {
			a.limits |= limitOf["function*"]
		}
		var params []ast.Node
		if n.ParameterList != nil {
			for _, b := range n.ParameterList.List {
				params = append(params, b)
			}
			if n.ParameterList.Rest != nil {
				params = append(params, n.ParameterList.Rest)
			}
		}
		name := ""
		if n.Name != nil && (a.names == nil || a.names.declaration != n) {
			name = n.Name.Name.String()
		}
		var body []ast.Statement
		if n.Body != nil {
			body = n.Body.List
		}
		a.function(n, n.Source, n.Function, name, false, params, n.DeclarationList, body, nil)
	case *ast.ArrowFunctionLiteral:
		a.author(n.Source, n.Start)
		var params []ast.Node
		for _, b := range n.ParameterList.List {
			params = append(params, b)
		}
		if n.ParameterList.Rest != nil {
			params = append(params, n.ParameterList.Rest)
		}
		switch b := n.Body.(type) {
		case *ast.BlockStatement:
			a.function(nil, n.Source, n.Start, "", true, params, n.DeclarationList, b.List, nil)
		case *ast.ExpressionBody:
			a.function(nil, n.Source, n.Start, "", true, params, n.DeclarationList, nil, b.Expression)
		}
	case *ast.BlockStatement:
		a.block(n.List)
	case *ast.SwitchStatement:
		visit(a, n.Discriminant)
		a.open()
		for _, c := range n.Body {
			a.declareLexical(c.Consequent)
		}
		for _, c := range n.Body {
			if c.Test != nil {
				visit(a, c.Test)
			}
			visit(a, c.Consequent...)
		}
		a.close()
	case *ast.CatchStatement:
		a.open()
		if n.Parameter != nil {
			targets(n.Parameter, a.declare)
			visit(a, n.Parameter)
		}
		a.block(n.Body.List)
		a.close()
	case *ast.ForStatement:
		a.open()
		if d, ok := n.Initializer.(*ast.ForLoopInitializerLexicalDecl); ok {
			for _, b := range d.LexicalDeclaration.List {
				targets(b, a.declare)
			}
		}
		a.fields(n)
		a.close()
	case *ast.ForInStatement:
		a.forInto(n.Into, n)
	case *ast.ForOfStatement:
		a.forInto(n.Into, n)
	default:
		return false
	}
	return true
}

func (a *analyzer) block(list []ast.Statement) {
	a.open()
	a.declareLexical(list)
	visit(a, list...)
	a.close()
}

func (a *analyzer) forInto(into ast.ForInto, n any) {
	a.open()
	if d, ok := into.(*ast.ForDeclaration); ok {
		targets(d.Target, a.declare)
	}
	a.fields(n)
	a.close()
}

// fields walks the children of a node.
func (a *analyzer) fields(n any) { a.walk(reflect.ValueOf(n).Elem()) }

func (a *analyzer) function(node *ast.FunctionLiteral, source string, at file.Idx, name string, arrow bool, params []ast.Node, vars []*ast.VariableDeclaration, body []ast.Statement, result ast.Expression) {
	outside := a.strict
	if len(body) > 0 && isUseStrict(body[0]) {
		a.strict = true
	}
	fact := &functionFact{strict: outside}
	a.inside = append(a.inside, function{fact, arrow, len(a.scopes)})
	a.open()
	if name != "" {
		a.declare(name)
	}
	if !arrow {
		a.declare("arguments")
	}
	for _, p := range params {
		targets(p, a.declare)
	}
	a.hoist(vars)
	a.declareLexical(body)
	visit(a, params...)
	visit(a, body...)
	if result != nil {
		visit(a, result)
	}
	a.close()
	a.inside = a.inside[:len(a.inside)-1]
	a.strict = outside
	if source == "" {
		return
	}
	if a.functions == nil {
		a.functions = map[string]functionFact{}
	}
	if known, ok := a.functions[source]; ok && known.capture != "" {
		fact.capture = known.capture
	}
	a.functions[source] = *fact
	a.made = append(a.made, madeFunction{source, at, a.statements[node], *fact})
}

func isUseStrict(s ast.Statement) bool {
	e, ok := s.(*ast.ExpressionStatement)
	if !ok {
		return false
	}
	l, ok := e.Expression.(*ast.StringLiteral)
	return ok && l.Value.String() == "use strict"
}
