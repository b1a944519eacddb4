package scxml

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/seed-ff723688/ors/datamodel"
)

// text reads an attribute that has a twin with an expression, such as target
// and targetexpr.
func (p *parser) text(n *xmlquery.Node, name string) text {
	exprName := name + "expr"
	p.exclusive(n, name, exprName)
	if v, ok := p.attr(n, name); ok {
		return text{literal: trimSpace(v), given: true}
	}
	if e := p.attrExpression(n, exprName, datamodel.ValueExpression); e != nil {
		return text{expr: e, given: true}
	}
	return text{}
}

const (
	scxmlProcessor      = "http://www.w3.org/TR/scxml/#SCXMLEventProcessor"
	scxmlProcessorShort = "scxml"
)

// send reads <send> (section 6.2).
func (p *parser) send(n *xmlquery.Node) action {
	p.forbiddenInFinalize(n)
	a := &sendAction{
		event: p.text(n, "event"), target: p.text(n, "target"), typ: p.text(n, "type"), delay: p.text(n, "delay"),
		pos: p.pos(n),
	}
	a.id, a.idlocation = p.identifier(n)
	p.children(n, func(c *xmlquery.Node) { p.payloadChild(c, &a.payload) })
	p.namelist(n, &a.payload)
	p.contentOrParams(n, &a.payload)

	if event, ok := p.attr(n, "event"); ok {
		p.checkEventName(n, "event", event)
	}
	scxmlType := !a.typ.given || a.typ.expr == nil && (a.typ.literal == scxmlProcessor || a.typ.literal == scxmlProcessorShort)
	if !a.event.given {
		switch {
		case a.payload.content == nil && scxmlType:
			p.report(Error, p.at(n), "6.2", fmt.Sprintf("<%s> has neither event nor eventexpr", qname(n)), `add event="…"`)
		case scxmlType:
			p.report(Warning, p.at(n), "6.2", fmt.Sprintf("<%s> to an SCXML session has no event", qname(n)), `add event="…"`)
		}
	}
	if a.delay.given && a.delay.expr == nil {
		d, err := ParseDelay(a.delay.literal)
		if err != nil {
			p.report(Error, p.atAttr(n, "delay"), "6.2", fmt.Sprintf("%q is no delay", a.delay.literal), `write a number and a unit, such as "1.5s" or "200ms"; at most 100 years`)
		}
		a.literalDelay = d
	}
	if a.delay.given && a.target.expr == nil && a.target.literal == "#_internal" && (a.delay.expr != nil || a.literalDelay > 0) {
		at := p.atAttr(n, "delay")
		if a.delay.expr != nil {
			at = p.atAttr(n, "delayexpr")
		}
		p.report(Error, at, "6.2", "an event to #_internal cannot be delayed", "remove the delay, or the target")
	}
	return a
}

// identifier reads id and idlocation of <send> and <invoke>.
func (p *parser) identifier(n *xmlquery.Node) (string, *expression) {
	p.exclusive(n, "id", "idlocation")
	id, given := p.attr(n, "id")
	if given && trimSpace(id) == "" {
		p.report(Warning, p.atAttr(n, "id"), p.dialect.elements[n.Data].section, fmt.Sprintf("the id of <%s> is empty; one is made up", qname(n)), "remove the attribute, or give a name")
	}
	return trimSpace(id), p.attrExpression(n, "idlocation", datamodel.LocationExpression)
}

func (p *parser) cancel(n *xmlquery.Node) action {
	p.empty(n)
	a := &cancelAction{sendID: p.text(n, "sendid"), pos: p.pos(n)}
	if !a.sendID.given {
		p.report(Error, p.at(n), "6.3", fmt.Sprintf("<%s> has neither sendid nor sendidexpr", qname(n)), `add sendid="…": the id of the <send> to cancel`)
	}
	return a
}

// invoke reads <invoke> (section 6.4).
func (p *parser) invoke(n *xmlquery.Node, s *state) {
	v := &invoke{
		index: int32(len(p.doc.invokes)), state: s.index, pos: p.pos(n),
	}
	p.doc.invokes = append(p.doc.invokes, v)
	s.invokes = append(s.invokes, v)
	if p.ors() {
		p.orsInvoke(n, v)
	} else {
		v.typ, v.src = p.text(n, "type"), p.text(n, "src")
		v.id, v.idlocation = p.identifier(n)
	}
	if file := p.tree.fileAt(p.at(n)).name; file != p.doc.url && v.src.given && v.src.expr == nil {
		if url, err := ResolveURL(file, v.src.literal); err == nil {
			v.src.literal = url // the interpreter knows the URL of the document only
		}
	}
	if af, ok := p.attr(n, "autoforward"); ok {
		switch trimSpace(af) {
		case "1":
			v.autoforward = true
		case "0":
		default:
			v.autoforward = p.enum(n, "autoforward", "false", "true") == "true"
		}
	}
	p.children(n, func(c *xmlquery.Node) {
		if c.Data != "finalize" {
			p.payloadChild(c, &v.payload)
			return
		}
		if v.hasFinalize {
			p.report(Error, p.at(c), "6.4", "<invoke> has two <finalize>", "keep one of them")
		}
		p.inFinalize = true
		v.finalize, v.hasFinalize = p.block(c), true
		p.inFinalize = false
	})
	if len(v.payload.params) > 0 && p.has(n, "namelist") {
		p.report(Warning, p.atAttr(n, "namelist"), "6.4", "<invoke> has both namelist and <param>; both are passed", "the standard allows one of them")
	}
	p.namelist(n, &v.payload)
	if v.payload.content != nil && v.src.given {
		p.reportAt(Error, v.payload.content.pos, "6.4", "<invoke> has both src and <content>", "keep one of them")
	}
}

// donedata reads <donedata> (section 5.5).
func (p *parser) donedata(n *xmlquery.Node) *payload {
	d := &payload{}
	p.children(n, func(c *xmlquery.Node) { p.payloadChild(c, d) })
	p.contentOrParams(n, d)
	if d.content == nil && len(d.params) == 0 && !p.ors() && !p.found.full() { // ORS has templates with an empty one
		p.report(Warning, p.at(n), "5.5", "<donedata> is empty", "add <content> or <param>, or remove it")
	}
	return d
}

// payloadChild reads a <content> or <param>.
func (p *parser) payloadChild(c *xmlquery.Node, to *payload) {
	if c.Data == "param" {
		p.empty(c)
		to.params = append(to.params, p.param(c))
		return
	}
	if to.content != nil {
		p.report(Error, p.at(c), p.dialect.elements[c.Parent.Data].section, fmt.Sprintf("<%s> has two <content>", qname(c.Parent)), "keep one of them")
		return
	}
	to.content = p.content(c)
}

// contentOrParams reports what has both.
func (p *parser) contentOrParams(n *xmlquery.Node, d *payload) {
	if d.content == nil {
		return
	}
	other := ""
	switch {
	case len(d.params) > 0:
		other = "<param>"
	case len(d.namelist) > 0:
		other = "namelist"
	default:
		return
	}
	p.reportAt(Error, d.content.pos, p.dialect.elements[n.Data].section, fmt.Sprintf("<%s> has both <content> and %s", qname(n), other), "keep one of them")
}

// content reads <content> (section 5.6).
func (p *parser) content(n *xmlquery.Node) *content {
	c := &content{pos: p.pos(n)}
	body, raw, hasBody := p.body(n)
	c.expr = p.attrExpression(n, "expr", datamodel.ValueExpression)
	if c.expr == nil && p.ors() {
		c.expr = p.attrExpression(n, "_expr", datamodel.ValueExpression)
	}
	switch {
	case c.expr != nil && hasBody:
		p.report(Error, p.at(n), "5.6", "<content> has both expr and content", "keep one of them")
	case c.expr == nil && hasBody:
		c.body, c.text = body, raw
	case c.expr == nil:
		c.body = ""
	}
	return c
}

// param reads <param> (section 5.7).
func (p *parser) param(n *xmlquery.Node) *parameter {
	v := &parameter{pos: p.pos(n)}
	v.name, _ = p.attr(n, "name")
	p.exclusive(n, "expr", "location")
	location, hasLocation := p.attr(n, "location")
	switch {
	case p.has(n, "expr"):
		v.expr = p.attrExpression(n, "expr", datamodel.ValueExpression)
	case hasLocation:
		p.located(v, location, p.attrPos(n, "location"), n)
	default:
		p.report(Error, p.at(n), "5.7", fmt.Sprintf("<%s> has neither expr nor location", qname(n)), `add expr="…": the value`)
		v.expr = p.newExpression("", v.pos)
	}
	return v
}

// located fills a parameter that is given by a location. It can be read only
// when it is a legal location.
func (p *parser) located(v *parameter, location string, pos Position, n *xmlquery.Node) {
	v.location = p.compile(location, datamodel.LocationExpression, pos, n)
	v.expr = p.compileQuietly(location, datamodel.ValueExpression, pos, n)
	if v.location.err != nil {
		v.expr.err = v.location.err
	}
}

// namelist reads the namelist attribute of <send> and <invoke>.
func (p *parser) namelist(n *xmlquery.Node, to *payload) {
	value, ok := p.attr(n, "namelist")
	if !ok {
		return
	}
	for _, w := range words(value) {
		pos := p.tree.position(p.atWord(n, "namelist", w))
		v := &parameter{name: w.text, pos: pos}
		p.located(v, w.text, pos, n)
		to.namelist = append(to.namelist, v)
	}
}

// datamodel reads <datamodel>, the count-th of its parent (section 5.2).
func (p *parser) datamodel(n *xmlquery.Node, s *state, count int) {
	if count > 1 {
		p.report(Warning, p.at(n), "5.2", fmt.Sprintf("<%s> has more than one <datamodel>; all count", qname(n.Parent)), "put the data into one")
	}
	p.children(n, func(c *xmlquery.Node) {
		if d := p.data(c); d != nil {
			d.parameter = s.index == 0 || p.ors()
			s.data = append(s.data, d)
		}
	})
}

// data reads <data> (section 5.3).
func (p *parser) data(n *xmlquery.Node) *data {
	value, ok := p.attr(n, "id")
	id := trimSpace(value)
	if !ok || id == "" {
		if ok {
			p.report(Error, p.atAttr(n, "id"), "5.3", "the id of <data> is empty", "give a name")
		}
		return nil
	}
	if p.ors() && !identifier(id) {
		p.report(Error, p.atAttr(n, "id"), "5.3", fmt.Sprintf("the id %q of <data> is not the name of a variable", id), "a name begins with a letter, _ or $ and goes on with those and digits; scripts see it as _data.name")
		return nil
	}
	if first, ok := p.dataIDs[id]; ok {
		if p.ors() && first == p.pos(n) {
			return nil // of a part that is included more than once
		}
		p.report(Error, p.atAttr(n, "id"), "5.3", fmt.Sprintf("the data %q is declared twice", id), fmt.Sprintf("the first is at %s; all data of a document share one scope", p.lineOf(first)))
		return nil
	}
	p.dataIDs[id] = p.pos(n)
	d := &data{id: id, pos: p.pos(n), attrs: p.extraAttributes(n)}
	body, _, hasBody := p.body(n)
	src, hasSrc := p.attr(n, "src")
	expr, hasExpr := p.attr(n, "expr")
	p.exclusive(n, "src", "expr")
	if !hasExpr {
		p.compileProblem(p.compileQuietly(id, datamodel.LocationExpression, p.attrPos(n, "id"), n), "5.3", "data id")
	}
	switch {
	case hasBody && (hasSrc || hasExpr):
		other := "expr"
		if hasSrc {
			other = "src"
		}
		p.report(Error, p.at(n), "5.3", fmt.Sprintf("<data> has both %s and content", other), "keep one of them")
	case hasSrc:
		p.fetches = append(p.fetches, fetch{offset: p.atAttr(n, "src"), ref: src, data: d})
	case hasExpr:
		d.init = p.compileAssign(n, "id", id, expr)
	case hasBody:
		d.body, d.hasBody = body, true
	}
	return d
}

// body reads the content of <data>, <assign> or <content> by the rules of
// appendix B.2: JSON, else one XML element, else text with its white space
// normalized. raw is the text or markup. ok is false for a body without
// anything but white space and comments.
func (p *parser) body(n *xmlquery.Node) (value datamodel.Value, raw string, ok bool) {
	var root *xmlquery.Node
	roots := 0
	var text strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case xmlquery.ElementNode:
			root = c
			roots++
		case xmlquery.TextNode, xmlquery.CharDataNode:
			text.WriteString(c.Data)
		}
	}
	raw = text.String()
	blank := trimSpace(raw) == ""
	switch {
	case roots == 0 && blank:
		return nil, "", false
	case roots == 0:
		return datamodel.ParseContent(raw), raw, true
	case roots == 1 && blank:
		raw = p.tree.fragment(root)
		return datamodel.XML{Text: raw}, raw, true
	default:
		raw = p.tree.inner(n)
		p.report(Warning, p.at(n), "B.2", fmt.Sprintf("the content of <%s> is neither text nor one element; it is taken as text", qname(n)), "put a single element around it")
		return normalizeSpace(raw), raw, true
	}
}

// fetch is a resource that <script> or <data> refers to.
type fetch struct {
	offset int
	ref    string
	scope  int32 // of the script
	script *scriptAction
	data   *data
}

// fetchAll fetches what the document refers to. The error is that of ctx.
func (p *parser) fetchAll(ctx context.Context) error {
	if n := p.opts.Limits.Fetches; len(p.fetches) > n {
		p.report(Error, p.fetches[n].offset, "5.3", fmt.Sprintf("the document refers to more than %d resources", n), "raise ParseLimits.Fetches when such documents are meant to be accepted")
		return nil
	}
	budget := fetchedTotal * p.opts.Limits.FetchBytes
	for _, f := range p.fetches {
		if p.found.full() {
			return nil
		}
		var body []byte
		url, err := ResolveURL(p.tree.fileAt(f.offset).name, f.ref)
		if err == nil {
			body, err = p.fetch(ctx, url, min(p.opts.Limits.FetchBytes, budget))
		}
		budget -= int64(len(body))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case f.script != nil && err != nil:
			p.report(Error, f.offset, "5.8", fmt.Sprintf("the script %q cannot be fetched: %v", f.ref, err), "a document without its scripts is rejected")
		case f.script != nil:
			pos := Position{File: url, Line: 1, Column: 1}
			p.scope = f.scope
			f.script.script = p.compile(string(body), datamodel.Script, pos, p.tree.root)
		case err != nil:
			f.data.err = err
			p.report(Warning, f.offset, "5.3", fmt.Sprintf("the data %q cannot be fetched: %v", f.ref, err), "the data stays undefined and error.execution is raised when it is initialized")
		default:
			f.data.body, f.data.hasBody = p.fetchedValue(ctx, url, body), true
		}
	}
	return nil
}

// fetchedTotal is how many times ParseLimits.FetchBytes all resources of a
// document may have together.
const fetchedTotal = 8

var errNoFetch = errors.New("nothing is set up for fetching (ParseOptions.Fetch)")

// fetch reads the resource at an absolute URL.
func (p *parser) fetch(ctx context.Context, url string, limit int64) ([]byte, error) {
	body, ok := p.bundled[url]
	switch {
	case ok:
	case p.opts.Fetch == nil:
		return nil, errNoFetch
	default:
		var err error
		if body, err = p.opts.Fetch(ctx, url, limit); err != nil {
			return nil, err
		}
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("it has more than %d bytes", limit)
	}
	if !slices.ContainsFunc(p.resources, func(r resource) bool { return r.url == url }) {
		p.resources = append(p.resources, resource{url, body})
	}
	return body, nil
}

// fetchedValue is body for a fetched resource: JSON, XML or text.
func (p *parser) fetchedValue(ctx context.Context, url string, content []byte) datamodel.Value {
	utf8, err := toUTF8(content)
	if err != nil {
		utf8 = []byte(strings.ToValidUTF8(string(content), "\uFFFD"))
	}
	s := trimSpace(string(utf8))
	if strings.HasPrefix(s, "<") {
		limits := p.opts.Limits
		limits.Bytes = len(s)
		if t, err := parseXML(ctx, url, []byte(s), limits, func(Diagnostic) {}); err == nil && t.root != nil {
			return datamodel.XML{Text: t.fragment(t.root)}
		}
	}
	return datamodel.ParseContent(s)
}
