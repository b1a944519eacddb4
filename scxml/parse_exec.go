package scxml

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/seed-ff723688/ors/datamodel"
)

// block reads the executable content of an element (section 4).
func (p *parser) block(n *xmlquery.Node) block {
	var b block
	p.children(n, func(c *xmlquery.Node) {
		if a := p.action(c); a != nil {
			b = append(b, a)
		}
	})
	return b
}

// action reads one element of executable content. It returns nil for what has
// been reported as an error.
func (p *parser) action(n *xmlquery.Node) action {
	if n.NamespaceURI != scxmlNS {
		return p.extension(n)
	}
	if read := p.dialect.actions[n.Data]; read != nil {
		return read(p, n)
	}
	switch n.Data {
	case "raise":
		return p.raise(n)
	case "if":
		return p.ifElement(n)
	case "foreach":
		return p.foreach(n)
	case "log":
		return p.log(n)
	case "assign":
		return p.assign(n)
	case "script":
		return p.script(n)
	case "send":
		return p.send(n)
	case "cancel":
		return p.cancel(n)
	default: // <elseif> and <else> are read by ifElement
		return nil
	}
}

func (p *parser) log(n *xmlquery.Node) *logAction {
	p.empty(n)
	a := &logAction{pos: p.pos(n)}
	a.label, _ = p.attr(n, "label")
	if a.expr = p.attrExpression(n, "expr", datamodel.ValueExpression); a.expr != nil && a.expr.text == "" {
		a.expr = nil // expr="" logs the label alone
	}
	return a
}

func (p *parser) raise(n *xmlquery.Node) action {
	p.empty(n)
	p.forbiddenInFinalize(n)
	event, ok := p.attr(n, "event")
	if ok {
		p.checkEventName(n, "event", event)
	}
	return &raiseAction{event: trimSpace(event), pos: p.pos(n)}
}

// checkEventName judges the name of an event that is sent or raised, which the
// attribute attr gives.
func (p *parser) checkEventName(n *xmlquery.Node, attr, event string) {
	section := p.dialect.elements[n.Data].section
	switch w := words(event); {
	case len(w) == 0:
		p.report(Error, p.atAttr(n, attr), section, fmt.Sprintf("the event of <%s> is empty", qname(n)), "give a name")
	case len(w) > 1:
		p.report(Error, p.atAttr(n, attr), section, fmt.Sprintf("<%s> sends one event, but %q are several names", qname(n), event), "use one element for each event")
	case !legalEventName(w[0].text):
		p.report(Warning, p.atAttr(n, attr), "3.12.1", fmt.Sprintf("%q is not a legal event name", event), `names are words joined by "."; patterns such as "a.*" belong in the event of <transition>`)
	}
}

// ifElement reads <if> with its <elseif> and <else> (sections 4.3 to 4.5).
func (p *parser) ifElement(n *xmlquery.Node) action {
	a := &ifAction{pos: p.pos(n)}
	cond, ok := p.attr(n, "cond")
	current := branch{}
	if ok {
		current.cond = p.condition(n, cond)
	}
	elseSeen := false
	p.children(n, func(c *xmlquery.Node) {
		if c.NamespaceURI == scxmlNS && (c.Data == "elseif" || c.Data == "else") {
			if elseSeen {
				p.report(Error, p.at(c), p.dialect.elements[c.Data].section, fmt.Sprintf("<%s> after <else>", qname(c)), "<else> is the last part of <if>")
			}
			p.partition(c)
			a.branches = append(a.branches, current)
			current = branch{}
			if c.Data == "else" {
				elseSeen = true
			} else if cond, ok := p.attr(c, "cond"); ok {
				current.cond = p.condition(c, cond)
			}
			return
		}
		if x := p.action(c); x != nil {
			current.content = append(current.content, x)
		}
	})
	a.branches = append(a.branches, current)
	return a
}

// partition checks that <elseif> or <else> is empty: what belongs to it follows it.
func (p *parser) partition(n *xmlquery.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xmlquery.ElementNode || (c.Type == xmlquery.TextNode || c.Type == xmlquery.CharDataNode) && trimSpace(c.Data) != "" {
			p.report(Error, p.at(c), p.dialect.elements[n.Data].section, fmt.Sprintf("<%s> has content", qname(n)), fmt.Sprintf("write <%s/> and put the content behind it", qname(n)))
			return
		}
	}
}

func (p *parser) foreach(n *xmlquery.Node) action {
	a := &foreachAction{pos: p.pos(n)}
	array, ok1 := p.attr(n, "array")
	item, ok2 := p.attr(n, "item")
	index, _ := p.attr(n, "index")
	if ok1 && ok2 {
		src := p.source(n, "array", array, datamodel.ValueExpression)
		a.head = p.newExpression(array, p.attrPos(n, "array"))
		if p.fits(a.head, n) {
			a.head.program, a.head.err = p.doc.language.CompileForeach(src,
				p.source(n, "item", item, datamodel.LocationExpression), p.source(n, "index", index, datamodel.LocationExpression))
			p.compileProblem(a.head, "4.6", "foreach")
		}
	}
	a.content = p.block(n)
	return a
}

// assign reads <assign> (section 5.4).
func (p *parser) assign(n *xmlquery.Node) action {
	a := &assignAction{pos: p.pos(n)}
	location, ok := p.attr(n, "location")
	if !ok {
		return a
	}
	expr, hasExpr := p.attr(n, "expr")
	body, _, hasBody := p.body(n)
	switch {
	case hasExpr && hasBody:
		p.report(Error, p.at(n), "5.4", "<assign> has both expr and content", "keep one of them")
	case hasExpr:
		a.assign = p.compileAssign(n, "location", location, expr)
	case hasBody:
		a.location = p.compile(location, datamodel.LocationExpression, p.attrPos(n, "location"), n)
		a.body = body
	default:
		p.report(Error, p.at(n), "5.4", "<assign> has neither expr nor content", `add expr="…": the value to assign`)
	}
	return a
}

// compileAssign compiles the assignment of the expr attribute to a location,
// which is the value of the attribute name.
func (p *parser) compileAssign(n *xmlquery.Node, name, location, expr string) *expression {
	e := p.newExpression(expr, p.attrPos(n, "expr"))
	if p.fits(e, n) {
		e.program, e.err = p.doc.language.CompileAssign(p.source(n, name, location, datamodel.LocationExpression),
			p.source(n, "expr", expr, datamodel.ValueExpression))
		p.compileProblem(e, "5.4", "assignment")
	}
	return e
}

// script reads <script> (section 5.8).
func (p *parser) script(n *xmlquery.Node) *scriptAction {
	a := &scriptAction{pos: p.pos(n)}
	text, at := p.scriptText(n)
	src, ok := p.attr(n, "src")
	switch {
	case ok && trimSpace(text) != "":
		p.report(Error, p.at(n), "5.8", "<script> has both src and content", "keep one of them")
	case ok:
		p.fetches = append(p.fetches, fetch{offset: p.atAttr(n, "src"), ref: src, scope: p.scope, script: a})
	default:
		a.script = p.compile(text, datamodel.Script, p.tree.position(at), n)
	}
	return a
}

// scriptText returns the text of a script and its offset in the document.
func (p *parser) scriptText(n *xmlquery.Node) (text string, offset int) {
	offset = -1
	end := 0 // of the text before
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case xmlquery.TextNode, xmlquery.CharDataNode:
			s, blank := p.tree.spans[c], trimSpace(text) == ""
			switch {
			case offset < 0 || blank && c.Type == xmlquery.CharDataNode || blank && p.tree.rewritten[n]:
				text, offset = "", s.start // blanks before <![CDATA[ and <xi:include> do not count
			case p.tree.rewritten[n] && trimSpace(c.Data) == "":
				continue // nor those behind
			case p.ors() && s.start > end && p.tree.fileAt(end) == p.tree.fileAt(s.start):
				// The lines of a comment count, so that later ones keep their numbers.
				text += strings.Repeat("\n", bytes.Count(p.tree.text[end:s.start], []byte("\n")))
			}
			text += c.Data
			end = s.end
		case xmlquery.ElementNode:
			p.report(Error, p.at(c), "5.8", fmt.Sprintf("<%s> in <script>", qname(c)), "write < as &lt;, or put the script into <![CDATA[ … ]]>")
		}
	}
	if offset < 0 {
		offset = p.at(n)
	}
	return text, offset
}

// forbiddenInFinalize warns of what may not stand in <finalize> (section 6.5).
func (p *parser) forbiddenInFinalize(n *xmlquery.Node) {
	if p.inFinalize {
		p.report(Warning, p.at(n), "6.5", fmt.Sprintf("<%s> in <finalize>", qname(n)), "<finalize> is for bringing data up to date; send events from transitions")
	}
}

// --- expressions

func (p *parser) source(n *xmlquery.Node, attr, text string, kind datamodel.Kind) datamodel.Source {
	return p.sourceAt(text, kind, p.attrPos(n, attr))
}

func (p *parser) sourceAt(text string, kind datamodel.Kind, pos Position) datamodel.Source {
	return datamodel.Source{Text: text, Kind: kind, File: pos.File, Line: pos.Line, Column: pos.Column,
		Statements: p.dialect.statements}
}

// newExpression returns an expression that is not compiled yet, in the scope of
// the state that is being read.
func (p *parser) newExpression(text string, pos Position) *expression {
	e := &expression{text: text, pos: pos, state: p.scope}
	if p.dialect.statements {
		p.expressions = append(p.expressions, e)
	}
	return e
}

func (p *parser) condition(n *xmlquery.Node, text string) *expression {
	return p.compile(text, datamodel.ConditionalExpression, p.attrPos(n, "cond"), n)
}

// attrExpression compiles an attribute; nil when it is not given.
func (p *parser) attrExpression(n *xmlquery.Node, name string, kind datamodel.Kind) *expression {
	v, ok := p.attr(n, name)
	if !ok {
		return nil
	}
	return p.compile(v, kind, p.attrPos(n, name), n)
}

// compile compiles an expression. An illegal one is a warning; it raises
// error.execution when it is evaluated.
func (p *parser) compile(text string, kind datamodel.Kind, pos Position, n *xmlquery.Node) *expression {
	e := p.compileQuietly(text, kind, pos, n)
	p.compileProblem(e, expressionSections[kind], kind.String())
	return e
}

var expressionSections = [...]string{
	datamodel.ValueExpression:       "5.9.3",
	datamodel.ConditionalExpression: "5.9.1",
	datamodel.LocationExpression:    "5.9.2",
	datamodel.Script:                "5.8",
}

func (p *parser) compileQuietly(text string, kind datamodel.Kind, pos Position, n *xmlquery.Node) *expression {
	e := p.newExpression(text, pos)
	if p.fits(e, n) {
		e.program, e.err = p.compileOnce(p.sourceAt(text, kind, pos))
	}
	return e
}

// compiled is the result of Language.Compile.
type compiled struct {
	program datamodel.Program
	err     error
}

// compileOnce compiles an expression. What stands in an included file is compiled
// once, however often it is included.
func (p *parser) compileOnce(src datamodel.Source) (datamodel.Program, error) {
	if src.File == p.doc.url {
		return p.doc.language.Compile(src)
	}
	c, ok := p.compiled[src]
	if !ok {
		c.program, c.err = p.doc.language.Compile(src)
		if p.compiled == nil {
			p.compiled = map[datamodel.Source]compiled{}
		}
		p.compiled[src] = c
	}
	return c.program, c.err
}

// fits reports an expression that is too long.
func (p *parser) fits(e *expression, n *xmlquery.Node) bool {
	if len(e.text) <= p.opts.Limits.Expression {
		return true
	}
	p.reportAt(Error, e.pos, "5.9", fmt.Sprintf("an expression of <%s> has %d bytes, more than the limit of %d", qname(n), len(e.text), p.opts.Limits.Expression),
		"raise ParseLimits.Expression when such expressions are meant to be accepted")
	return false
}

// compileProblem warns of an expression that does not compile.
func (p *parser) compileProblem(e *expression, section, what string) {
	if e.err == nil {
		return
	}
	message, pos := e.err.Error(), e.pos
	var ce *datamodel.CompileError
	if errors.As(e.err, &ce) {
		message = ce.Message
		if ce.Line > 0 && ce.Source.File == e.pos.File {
			pos = p.tree.inAttribute(e.pos, Position{File: e.pos.File, Line: ce.Line, Column: max(ce.Column, 1)})
		}
	}
	p.reportAt(Warning, pos, section, fmt.Sprintf("illegal %s: %s", what, message), "it raises error.execution when it is evaluated")
}
