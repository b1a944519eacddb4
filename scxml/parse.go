package scxml

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"

	"github.com/seed-ff723688/ors/datamodel"
)

// Default limits of ParseLimits, and the bound of its Depth.
const (
	defaultBytes       = 8 << 20
	defaultDepth       = 256
	defaultElements    = 200_000
	defaultDiagnostics = 100
	defaultFetches     = 100
	defaultFetchBytes  = 4 << 20
	defaultExpression  = 1 << 20
	defaultIncludes    = 500
	defaultIncludeDeep = 16
	defaultIncludeSize = 16 << 20
	maxDepth           = 10_000
)

// Parse reads, checks and compiles an SCXML document. nil options mean the
// defaults. ctx bounds the fetching of what the document refers to.
//
// The error is a *ParseError, which has every problem that was found, or the
// error of ctx. Problems that the standard lets a processor accept are in
// Document.Warnings; among them are expressions that do not compile, which
// raise error.execution when they are evaluated (section 5.9). Parse does not
// panic and needs time and memory in proportion to the size of the document.
//
// Parse does not read the documents that <invoke> refers to.
func Parse(ctx context.Context, source []byte, opts *ParseOptions) (*Document, error) {
	p := newParser(opts)
	source, p.bundled = unbundle(source)
	source, err := p.inUTF8(source)
	if err != nil {
		return nil, err
	}
	if err := p.parse(ctx, source); err != nil {
		return nil, err
	}
	diagnostics := p.found.sorted(p.doc.url)
	if len(p.found.errors) > 0 {
		return nil, &ParseError{URL: p.doc.url, Diagnostics: diagnostics}
	}
	p.doc.warnings = diagnostics
	p.doc.source = bundle(source, p.resources)
	p.doc.digest = sha256.Sum256([]byte(p.doc.source))
	p.doc.link()
	return p.doc, nil
}

func (l ParseLimits) withDefaults() ParseLimits {
	set := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&l.Bytes, defaultBytes)
	set(&l.Depth, defaultDepth)
	set(&l.Elements, defaultElements)
	set(&l.Diagnostics, defaultDiagnostics)
	set(&l.Fetches, defaultFetches)
	set(&l.Expression, defaultExpression)
	set(&l.Includes, defaultIncludes)
	set(&l.IncludeDepth, defaultIncludeDeep)
	if l.IncludeBytes <= 0 {
		l.IncludeBytes = defaultIncludeSize
	}
	if l.FetchBytes <= 0 {
		l.FetchBytes = defaultFetchBytes
	}
	l.Depth = min(l.Depth, maxDepth)
	return l
}

// parser turns the XML tree into a Document. A parser is used once.
type parser struct {
	opts    ParseOptions
	doc     *Document
	dialect *dialect
	tree    *xmlTree
	found   collector
	modules map[string]Module

	nodes      []*xmlquery.Node // the element of each state
	ids        map[string]int32 // states by the ids that the document gives
	dataIDs    map[string]Position
	references []reference                   // state ids to be looked up
	fetches    []fetch                       // resources to be fetched
	scope      int32                         // the innermost state around what is being read
	prefixes   map[*xmlquery.Node]string     // of the ids in an included element (resolveid)
	bundled    map[string][]byte             // resources that came with the document, by URL
	resources  []resource                    // what was fetched or came with the document
	compiled   map[datamodel.Source]compiled // what stands in included files, which may be included again
	inFinalize bool

	expressions []*expression // all, where states have scopes of their own
}

func newParser(opts *ParseOptions) *parser {
	p := &parser{doc: &Document{}, dialect: w3cDialect, ids: map[string]int32{}, dataIDs: map[string]Position{}, modules: map[string]Module{}, prefixes: map[*xmlquery.Node]string{}}
	if opts != nil {
		p.opts = *opts
	}
	if p.opts.URL == "" {
		p.opts.URL = "document.scxml"
	}
	p.opts.Limits = p.opts.Limits.withDefaults()
	p.found.limit = p.opts.Limits.Diagnostics
	p.doc.url = p.opts.URL
	p.doc.modules = slices.Clone(p.opts.Modules)
	for _, m := range p.opts.Modules {
		for _, ns := range m.Namespaces() {
			p.modules[ns] = m
		}
	}
	return p
}

// parse fills p.doc. The error is that of ctx; problems of the document are in
// p.found.
func (p *parser) parse(ctx context.Context, source []byte) error {
	var err error
	p.tree, err = parseXML(ctx, p.doc.url, source, p.opts.Limits, p.found.add)
	if err != nil {
		return err
	}
	if p.tree.root == nil || !p.isRoot(p.tree.root) {
		return nil
	}
	p.dialect = p.chooseDialect(p.tree.root)
	if err := p.expand(ctx); err != nil || len(p.found.errors) > 0 {
		return err // what is missing would only cause further complaints
	}
	p.root(p.tree.root)
	if err := p.fetchAll(ctx); err != nil {
		return err
	}
	if !p.found.full() {
		p.resolve()
		p.nameStates()
		p.scopeVariables()
		if p.doc.rules.legacy {
			p.doc.legacy = p.legacy()
		}
		p.check()
	}
	return ctx.Err()
}

// isRoot checks that n is an <scxml> of this standard.
func (p *parser) isRoot(n *xmlquery.Node) bool {
	const fix = `the root of a document is <scxml xmlns="` + scxmlNS + `" version="1.0">`
	switch {
	case n.NamespaceURI == scxmlNS && n.Data == "scxml":
		return true
	case n.Data == "scxml" && n.NamespaceURI == "":
		p.report(Error, p.at(n), "3.2", "<scxml> is in no namespace", fix)
	case n.Data == "scxml":
		p.report(Error, p.at(n), "3.2", fmt.Sprintf("<scxml> is in the namespace %q", n.NamespaceURI), fix)
	default:
		p.report(Error, p.at(n), "3.2", fmt.Sprintf("the root element is <%s>", qname(n)), fix)
	}
	return false
}

// root reads <scxml> and all that is in it.
func (p *parser) root(n *xmlquery.Node) {
	p.checkAttributes(n)
	d := p.doc
	d.name, _ = p.attr(n, "name")
	d.late = p.enum(n, "binding", "early", "late") == "late"
	if v, ok := p.attr(n, "version"); !ok {
		p.report(Warning, p.at(n), "3.2", "<scxml> has no version", `add version="1.0"`)
	} else if trimSpace(v) != "1.0" {
		p.report(Error, p.atAttr(n, "version"), "3.2", fmt.Sprintf("unknown version %q", v), `this processor runs version="1.0"`)
	}
	d.language = p.chooseLanguage(n)
	s := &state{kind: rootState, parent: -1, pos: p.pos(n), noID: true, attrs: p.extraAttributes(n)}
	d.attrs = s.attrs
	d.dialect, d.sendTarget, d.rules = p.dialect.name, p.dialect.sendTarget, p.dialect.rules
	d.settings = p.settings(d.attrs)
	d.draft = d.settings.TransitionStyle == legacyStyle
	d.states = append(d.states, s)
	p.nodes = append(p.nodes, n)
	p.preload(n)
	p.stateContent(n, s)
	if len(s.children) == 0 && !p.found.full() {
		p.report(Error, p.at(n), "3.2", "the document has no state", "add at least one <state>, <parallel> or <final> to <scxml>")
	}
}

// chooseLanguage finds the data model of the document.
func (p *parser) chooseLanguage(n *xmlquery.Node) datamodel.Language {
	null := datamodel.Language(datamodel.NullLanguage{})
	name, ok := p.attr(n, "datamodel")
	if !ok {
		if p.ors() {
			return p.orsLanguage(n)
		}
		if len(p.opts.Languages) > 0 {
			return p.opts.Languages[0]
		}
		return null
	}
	known := []string{null.Name()}
	for _, l := range p.opts.Languages {
		if l.Name() == name {
			return l
		}
		known = append(known, l.Name())
	}
	if name != null.Name() {
		hint := "put its language into ParseOptions.Languages; there is " + list(known, `"`, `"`)
		if name == "ecmascript" {
			hint = "put goja.New(nil) of datamodel/ecmascript/goja into ParseOptions.Languages"
		}
		p.report(Error, p.atAttr(n, "datamodel"), "3.2", fmt.Sprintf("unknown data model %q", name), didYouMean(name, known, hint))
	}
	return null
}

// nameStates makes up the ids that the document does not give, different from
// all that it gives.
func (p *parser) nameStates() {
	d := p.doc
	d.byID = make(map[string]int32, len(d.states))
	for id, i := range p.ids {
		d.byID[id] = i
	}
	for _, s := range d.states {
		if !s.noID {
			continue
		}
		id := fmt.Sprintf("_state%d", s.index)
		if s.index == 0 {
			id = "_scxml"
		}
		for {
			if _, taken := d.byID[id]; !taken {
				break
			}
			id += "_"
		}
		s.id = id
		d.byID[id] = s.index
	}
}

// --- places and problems

func (p *parser) report(s Severity, offset int, section, message, hint string) {
	p.reportAt(s, p.tree.position(offset), section, message, hint)
}

// reportAt is report for a position, possibly in another file.
func (p *parser) reportAt(s Severity, pos Position, section, message, hint string) {
	if !p.found.room(s) {
		return
	}
	d := p.tree.diagnosticAt(pos)
	d.Severity, d.Section, d.Message, d.Hint = s, section, message, hint
	p.found.add(d)
}

// at returns the offset of an element.
func (p *parser) at(n *xmlquery.Node) int { return p.tree.spans[n].start }

func (p *parser) pos(n *xmlquery.Node) Position { return p.tree.position(p.at(n)) }

// atAttr returns the offset of the value of an attribute, or that of the element
// when there is no such attribute.
func (p *parser) atAttr(n *xmlquery.Node, name string) int {
	for i, a := range n.Attr {
		if a.NamespaceURI == "" && a.Name.Local == name {
			return p.tree.attrStart(n, i)
		}
	}
	return p.at(n)
}

// atWord returns the offset of one word of a list in an attribute. Where the
// value is written with character references it is that of the value.
func (p *parser) atWord(n *xmlquery.Node, attr string, w word) int {
	start := p.atAttr(n, attr)
	end := start + w.offset + len(w.text)
	if end <= len(p.tree.text) && string(p.tree.text[start+w.offset:end]) == w.text {
		return start + w.offset
	}
	return start
}

func (p *parser) attrPos(n *xmlquery.Node, name string) Position {
	return p.tree.position(p.atAttr(n, name))
}

// --- attributes

// attr returns an attribute in no namespace.
func (p *parser) attr(n *xmlquery.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.NamespaceURI == "" && a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

func (p *parser) has(n *xmlquery.Node, name string) bool {
	_, ok := p.attr(n, name)
	return ok
}

// enum returns an attribute with a fixed set of values. The first is the default.
func (p *parser) enum(n *xmlquery.Node, name string, values ...string) string {
	v, ok := p.attr(n, name)
	if !ok {
		return values[0]
	}
	v = trimSpace(v)
	if !slices.Contains(values, v) {
		p.report(Error, p.atAttr(n, name), p.dialect.elements[n.Data].section, fmt.Sprintf("%s=%q of <%s> is not one of %s", name, v, qname(n), list(values, `"`, `"`)),
			didYouMean(v, values, ""))
		return values[0]
	}
	return v
}

// exclusive reports when more than one of the attributes is given.
func (p *parser) exclusive(n *xmlquery.Node, names ...string) {
	var given []string
	for _, name := range names {
		if p.has(n, name) {
			given = append(given, name)
		}
	}
	if len(given) > 1 {
		p.report(Error, p.atAttr(n, given[1]), p.dialect.elements[n.Data].section, fmt.Sprintf("<%s> has both %s", qname(n), list(given, "", "")), "keep one of them")
	}
}

// checkAttributes reports missing and unknown attributes of an SCXML element.
func (p *parser) checkAttributes(n *xmlquery.Node) {
	e := p.dialect.elements[n.Data]
	for _, name := range e.required {
		if !p.has(n, name) {
			p.report(Error, p.at(n), e.section, fmt.Sprintf("<%s> has no %s", qname(n), name), fmt.Sprintf(`add %s="…"`, name))
		}
	}
	for i, a := range n.Attr {
		if !isPlain(a) || a.NamespaceURI == "" && slices.Contains(e.attrs, a.Name.Local) {
			continue
		}
		if n.Data == "parallel" && a.Name.Local == "initial" {
			continue // settleKind explains
		}
		message := fmt.Sprintf("<%s> has no attribute %s; it is ignored", qname(n), joinName(a.Name))
		otherwise := ""
		switch {
		case a.NamespaceURI != "":
			otherwise = "attributes of SCXML have no prefix"
		case len(e.attrs) > 0:
			otherwise = fmt.Sprintf("attributes of <%s> are %s", n.Data, list(e.attrs, "", ""))
		}
		p.report(Warning, p.tree.attrStart(n, i), e.section, message, didYouMean(a.Name.Local, e.attrs, otherwise))
	}
}

// isPlain reports whether an attribute is one that SCXML has to know: not a
// namespace declaration, not of a foreign namespace, not with an underscore.
func isPlain(a xmlquery.Attr) bool {
	switch {
	case a.NamespaceURI == xmlnsNS, a.NamespaceURI == "" && a.Name.Local == "xmlns":
		return false
	case a.NamespaceURI == scxmlNS:
		return true
	}
	return a.NamespaceURI == "" && !strings.HasPrefix(a.Name.Local, "_")
}

// extraAttributes returns the attributes that are kept for others.
func (p *parser) extraAttributes(n *xmlquery.Node) []Attr {
	var out []Attr
	for i, a := range n.Attr {
		if isPlain(a) || a.NamespaceURI == xmlnsNS || a.NamespaceURI == "" && a.Name.Local == "xmlns" {
			continue
		}
		out = append(out, Attr{Space: a.NamespaceURI, Name: a.Name.Local, Value: a.Value, Pos: p.tree.position(p.tree.attrStart(n, i))})
	}
	return out
}

// --- children

// children checks what stands in an SCXML element and calls each for the child
// elements that may stand there: those of SCXML, and in executable content those
// of other namespaces. It stops when enough errors were found.
func (p *parser) children(n *xmlquery.Node, each func(child *xmlquery.Node)) {
	e := p.dialect.elements[n.Data]
	textSeen := false
	for c := n.FirstChild; c != nil && !p.found.full(); c = c.NextSibling {
		switch {
		case c.Type == xmlquery.TextNode || c.Type == xmlquery.CharDataNode:
			if trimSpace(c.Data) != "" && !textSeen {
				textSeen = true
				blank := len(c.Data) - len(strings.TrimLeft(c.Data, " \t\r\n"))
				p.report(Warning, p.at(c)+blank, e.section, fmt.Sprintf("text in <%s> is ignored", qname(n)), "remove it, or make it a comment: <!-- … -->")
			}
		case c.Type != xmlquery.ElementNode:
		case c.NamespaceURI == scxmlNS:
			if p.mayContain(n, e, c) {
				p.checkAttributes(c)
				each(c)
			}
		case e.content == executable:
			each(c)
		}
	}
}

// mayContain checks the name and place of an SCXML element.
func (p *parser) mayContain(n *xmlquery.Node, e *element, c *xmlquery.Node) bool {
	if slices.Contains(e.children, c.Data) {
		return true
	}
	if _, known := p.dialect.elements[c.Data]; !known {
		hint := ""
		if near := nearest(c.Data, e.children); near != "" {
			hint = fmt.Sprintf("did you mean <%s>?", near)
		} else if near := nearest(c.Data, p.dialect.elementNames()); near != "" {
			hint = fmt.Sprintf("did you mean <%s>?", near)
		} else {
			hint = "elements of extensions need a namespace of their own"
		}
		p.report(Error, p.at(c), e.section, fmt.Sprintf("unknown element <%s> in <%s>", qname(c), qname(n)), hint)
		return false
	}
	hint := ""
	if parents := p.dialect.parentsOf(c.Data); len(parents) > 0 {
		hint = fmt.Sprintf("<%s> belongs in %s", c.Data, list(parents, "<", ">"))
	}
	p.report(Error, p.at(c), p.dialect.elements[c.Data].section, fmt.Sprintf("<%s> cannot stand in <%s>", qname(c), qname(n)), hint)
	return false
}

// empty reports what stands in an element that has no content.
func (p *parser) empty(n *xmlquery.Node) {
	p.children(n, func(*xmlquery.Node) {})
}
