package scxml

import (
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/seed-ff723688/ors/datamodel"
)

// Compiler is what Module.Compile works with: it compiles expressions in the
// document's data model and takes problems. It is valid during the call only.
type Compiler struct {
	p *parser
	n *xmlquery.Node // the module's element
}

// Expression compiles the value of an attribute. An expression that does not
// compile is a warning, and an error when it is evaluated.
func (c *Compiler) Expression(a Attr, kind datamodel.Kind) *Expression {
	return &Expression{e: c.p.compile(a.Value, kind, a.Pos, c.n)}
}

// Location compiles the value of an attribute that names a place to assign to.
func (c *Compiler) Location(a Attr) *Expression {
	return c.Expression(a, datamodel.LocationExpression)
}

// Problem reports a problem of the document. An Error rejects it. hint may be
// empty.
func (c *Compiler) Problem(severity Severity, pos Position, message, hint string) {
	c.p.reportAt(severity, pos, "", message, hint)
}

// Allowed warns of each attribute of e without a namespace that is not in
// attrs, and names the nearest that is. Names that begin with an underscore are
// left alone.
func (c *Compiler) Allowed(e *Element, attrs ...string) {
	for _, a := range e.Attrs {
		if a.Space != "" || strings.HasPrefix(a.Name, "_") || slices.Contains(attrs, a.Name) {
			continue
		}
		otherwise := ""
		if len(attrs) > 0 {
			otherwise = fmt.Sprintf("attributes of <%s> are %s", e.Name, list(attrs, "", ""))
		}
		c.Problem(Warning, a.Pos, fmt.Sprintf("<%s> has no attribute %s; it is ignored", e.Name, a.Name), didYouMean(a.Name, attrs, otherwise))
	}
}

// Suggest returns a hint that names the candidate that looks most like a misspelt
// name, or otherwise when none does.
func (c *Compiler) Suggest(name string, candidates []string, otherwise string) string {
	return didYouMean(name, candidates, otherwise)
}

// extension reads an element of another namespace in executable content
// (section 4.10).
func (p *parser) extension(n *xmlquery.Node) action {
	module, ok := p.modules[n.NamespaceURI]
	if !ok {
		p.report(Warning, p.at(n), "4.10", fmt.Sprintf("nothing is registered for <%s>", qname(n)),
			fmt.Sprintf("it raises error.execution when it is reached; its namespace is %q", n.NamespaceURI))
		return &unsupportedAction{namespace: n.NamespaceURI, name: n.Data, pos: p.pos(n)}
	}
	errors := len(p.found.errors)
	a := module.Compile(p.element(n), &Compiler{p, n})
	if a == nil {
		if len(p.found.errors) == errors {
			p.report(Error, p.at(n), "4.10", fmt.Sprintf("<%s> is not known in the namespace %q", qname(n), n.NamespaceURI), "")
		}
		return nil
	}
	return &moduleAction{namespace: n.NamespaceURI, name: n.Data, action: a, pos: p.pos(n)}
}

// element returns what a module gets to see.
func (p *parser) element(n *xmlquery.Node) *Element {
	e := &Element{Namespace: n.NamespaceURI, Name: n.Data, Pos: p.pos(n)}
	for i, a := range n.Attr {
		if a.NamespaceURI == xmlnsNS || a.NamespaceURI == "" && a.Name.Local == "xmlns" {
			continue
		}
		e.Attrs = append(e.Attrs, Attr{Space: a.NamespaceURI, Name: a.Name.Local, Value: a.Value, Pos: p.tree.position(p.tree.attrStart(n, i))})
	}
	var text strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case xmlquery.ElementNode:
			e.Children = append(e.Children, p.element(c))
		case xmlquery.TextNode, xmlquery.CharDataNode:
			text.WriteString(c.Data)
		}
	}
	e.Text = trimSpace(text.String())
	return e
}
