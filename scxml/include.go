package scxml

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/antchfx/xmlquery"
)

// includer carries out the elements of XInclude 1.0 in the tree of a document,
// before the document is built of it. ORS has added resolveid: the ids of the
// states that are included get a prefix, and so does what names them, by way of
// prefixToken.
type includer struct {
	p     *parser
	parts map[string]*part         // XML documents by URL
	texts map[textKey]*includeText // texts by URL and encoding

	count    int   // <xi:include> so far
	fetched  int64 // bytes of all resources
	bytes    int64 // bytes of what was included, repetitions counted
	elements int   // of the document, with what was included
	steps    int   // left for xpointers
	stopped  bool  // a limit was reached: nothing more is included
}

// prefixToken stands in attributes for the prefix of the part.
const prefixToken = "$$_MY_PREFIX_$$"

// place is what holds for an element that is being expanded.
type place struct {
	prefix string // of the ids; empty without
	tokens bool   // prefixToken is replaced
	data   bool   // inside of data, which is left as it is
	chain  *link
}

// link is one document of a chain of inclusions.
type link struct {
	url, pointer string
	depth        int
	from         *link // the one that includes it; nil for the document itself
}

// part is an XML document that is included.
type part struct {
	root *xmlquery.Node // nil: broken, which has been reported
	err  error          // it could not be fetched
}

type textKey struct{ url, encoding string }

type includeText struct {
	text  string
	start int // offset
	err   error
	fatal bool // err is no matter of the resource being there
}

// includeProblem is why something cannot be included.
type includeProblem struct {
	offset        int
	message, hint string
	resource      bool // <xi:fallback> takes its place
	reported      bool
}

// expand carries out all inclusions. The error is that of ctx.
func (p *parser) expand(ctx context.Context) error {
	if !p.tree.includes && !(p.ors() && bytes.Contains(p.tree.text, []byte(prefixToken))) {
		return nil
	}
	x := &includer{p: p, parts: map[string]*part{}, texts: map[textKey]*includeText{}, steps: maxPointerSteps}
	x.elements, _ = measure(p.tree.root)
	return x.walk(ctx, p.tree.root, place{tokens: p.ors(), chain: &link{url: p.doc.url}})
}

// measure counts the elements of a tree and how deep they are nested.
func measure(n *xmlquery.Node) (elements, height int) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xmlquery.ElementNode {
			e, h := measure(c)
			elements, height = elements+e, max(height, h)
		}
	}
	return elements + 1, height + 1
}

// walk expands what is in an element.
func (x *includer) walk(ctx context.Context, n *xmlquery.Node, at place) error {
	if at.tokens && !at.data {
		at.rewrite(n)
	}
	if e := x.p.dialect.elements[n.Data]; n.NamespaceURI == scxmlNS && e != nil && e.content == anything {
		at.data = true
	}
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		switch {
		case c.Type != xmlquery.ElementNode:
		case c.NamespaceURI == xincludeNS:
			if err := x.xinclude(ctx, c, at); err != nil {
				return err
			}
		default:
			if err := x.walk(ctx, c, at); err != nil {
				return err
			}
		}
		c = next
	}
	return nil
}

// rewrite puts the prefix into the attributes of an element.
func (at place) rewrite(n *xmlquery.Node) {
	for i := range n.Attr {
		a := &n.Attr[i]
		switch {
		case strings.Contains(a.Value, prefixToken):
			a.Value = at.replace(a.Value)
		case at.prefix != "" && a.NamespaceURI == "" && a.Name.Local == "id" && isState(n):
			if id := trimSpace(a.Value); id != "" {
				a.Value = at.prefix + "." + id
			}
		}
	}
}

// replace replaces prefixToken. Without a prefix the point behind it goes with it.
func (at place) replace(s string) string {
	if at.prefix == "" {
		s = strings.ReplaceAll(s, prefixToken+".", "")
	}
	return strings.ReplaceAll(s, prefixToken, at.prefix)
}

// isState reports whether the id of an element is that of a state.
func isState(n *xmlquery.Node) bool {
	if n.NamespaceURI != scxmlNS {
		return false
	}
	switch n.Data {
	case "state", "parallel", "final", "history", "initial":
		return true
	}
	return false
}

// xinclude carries out an element of the XInclude namespace and removes it.
func (x *includer) xinclude(ctx context.Context, n *xmlquery.Node, at place) error {
	x.markRewritten(n.Parent)
	defer xmlquery.RemoveFromTree(n)
	if x.stopped || x.p.found.full() {
		return nil
	}
	if n.Data != "include" {
		message, hint := fmt.Sprintf("unknown element <%s> of XInclude", qname(n)), fmt.Sprintf("did you mean <%s>?", withPrefix(n, "include"))
		if n.Data == "fallback" {
			message, hint = fmt.Sprintf("<%s> cannot stand here", qname(n)), fmt.Sprintf("it belongs in <%s>", withPrefix(n, "include"))
		}
		x.p.report(Error, x.p.at(n), "", message, hint)
		return nil
	}
	problem, err := x.include(ctx, n, at)
	if problem == nil || err != nil {
		return err
	}
	if fallback := x.fallback(n); fallback != nil && problem.resource {
		for c := fallback.FirstChild; c != nil; c = fallback.FirstChild {
			xmlquery.RemoveFromTree(c)
			insertBefore(n, c)
			var err error
			if c.Type == xmlquery.ElementNode && c.NamespaceURI == xincludeNS {
				err = x.xinclude(ctx, c, at)
			} else if c.Type == xmlquery.ElementNode {
				err = x.walk(ctx, c, at)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if !problem.reported {
		x.p.report(Error, problem.offset, "", problem.message, problem.hint)
	}
	return nil
}

func withPrefix(n *xmlquery.Node, name string) string {
	if n.Prefix == "" {
		return name
	}
	return n.Prefix + ":" + name
}

// markRewritten notes that an element is not any more as it stands in its file.
func (x *includer) markRewritten(n *xmlquery.Node) {
	t := x.p.tree
	if t.rewritten == nil {
		t.rewritten = map[*xmlquery.Node]bool{}
	}
	for ; n != nil && !t.rewritten[n]; n = n.Parent {
		t.rewritten[n] = true
	}
}

// fallback returns the <xi:fallback> of an <xi:include>; nil without one.
func (x *includer) fallback(n *xmlquery.Node) *xmlquery.Node {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xmlquery.ElementNode && c.NamespaceURI == xincludeNS && c.Data == "fallback" {
			return c
		}
	}
	return nil
}

// includeRequest is what the attributes of an <xi:include> say.
type includeRequest struct {
	node      *xmlquery.Node
	href, url string
	text      bool
	encoding  string
	pointer   string
	resolveID string
}

// include puts what an <xi:include> refers to before it.
func (x *includer) include(ctx context.Context, n *xmlquery.Node, at place) (*includeProblem, error) {
	limits := &x.p.opts.Limits
	if x.count++; x.count > limits.Includes {
		return x.stop(n, fmt.Sprintf("more than %d inclusions", limits.Includes), "ParseLimits.Includes"), nil
	}
	r, problem := x.request(n, at)
	if problem != nil {
		return problem, nil
	}
	if r.text {
		return x.includeText(ctx, r)
	}
	inner := &link{url: r.url, pointer: r.pointer, depth: at.chain.depth + 1, from: at.chain}
	for l := at.chain; l != nil; l = l.from {
		if l.url == r.url && l.pointer == r.pointer {
			return x.problem(n, "href", "the inclusion leads back to itself: "+inner.String(), "an included part may not include itself, neither directly nor through others"), nil
		}
	}
	if inner.depth > limits.IncludeDepth {
		return x.stop(n, fmt.Sprintf("inclusions are nested more than %d deep: %s", limits.IncludeDepth, inner), "ParseLimits.IncludeDepth"), nil
	}
	return x.includeXML(ctx, r, at, inner)
}

// String renders the chain from the document to the innermost part.
func (l *link) String() string {
	var names []string
	for ; l != nil; l = l.from {
		name := l.url
		if l.pointer != "" {
			name += "#" + shortened(l.pointer, 60)
		}
		names = append(names, name)
	}
	slices.Reverse(names)
	return strings.Join(names, " → ")
}

func shortened(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// problem places a problem at an attribute of n.
func (x *includer) problem(n *xmlquery.Node, attr, message, hint string) *includeProblem {
	return &includeProblem{offset: x.p.atAttr(n, attr), message: message, hint: hint}
}

// stop ends all inclusion.
func (x *includer) stop(n *xmlquery.Node, message, limit string) *includeProblem {
	x.stopped = true
	return x.problem(n, "href", message, "raise "+limit+" when such documents are meant to be accepted")
}

// request reads the attributes of an <xi:include>.
func (x *includer) request(n *xmlquery.Node, at place) (includeRequest, *includeProblem) {
	p := x.p
	r := includeRequest{node: n}
	for i, a := range n.Attr {
		if !isPlain(a) {
			continue
		}
		value := a.Value
		if at.tokens && !at.data {
			value = at.replace(value)
		}
		switch a.Name.Local {
		case "href":
			r.href = strings.ReplaceAll(trimSpace(value), `\`, "/")
		case "parse":
			switch trimSpace(value) {
			case "text":
				r.text = true
			case "xml":
			default:
				return r, x.problem(n, "parse", fmt.Sprintf("parse=%q of <%s> is neither xml nor text", a.Value, qname(n)), `parse="text" includes a script, parse="xml" a part of a document`)
			}
		case "encoding":
			r.encoding = strings.ToLower(trimSpace(value))
		case "xpointer":
			r.pointer = trimSpace(value)
		case "resolveid":
			r.resolveID = trimSpace(value)
			if r.resolveID != "" && !legalID(r.resolveID) {
				return r, x.problem(n, "resolveid", fmt.Sprintf("resolveid=%q cannot be the beginning of an id", a.Value), "an id begins with a letter or _ and goes on with letters, digits, '-', '_' and '.'")
			}
			if at.prefix != "" && r.resolveID != "" && !strings.Contains(a.Value, prefixToken) {
				r.resolveID = at.prefix + "." + r.resolveID
			}
		case "accept", "accept-language":
		default:
			known := []string{"href", "parse", "xpointer", "resolveid", "encoding"}
			p.report(Warning, p.tree.attrStart(n, i), "", fmt.Sprintf("<%s> has no attribute %s; it is ignored", qname(n), joinName(a.Name)),
				didYouMean(a.Name.Local, known, fmt.Sprintf("attributes of <%s> are %s", n.Data, list(known, "", ""))))
		}
	}
	if r.text && (r.pointer != "" || r.resolveID != "") {
		p.report(Warning, p.at(n), "", fmt.Sprintf("<%s> of a text has xpointer or resolveid, which mean nothing there", qname(n)), `remove them, or write parse="xml"`)
		r.pointer, r.resolveID = "", ""
	}
	if strings.Contains(r.href, "#") {
		return r, x.problem(n, "href", fmt.Sprintf("the href %q has a fragment", r.href), "name a part of the document by xpointer")
	}
	base := p.tree.fileAt(p.at(n)).name
	if r.href == "" {
		if r.pointer == "" || r.text {
			return r, x.problem(n, "href", fmt.Sprintf("<%s> has no href", qname(n)), `add href="…": the document to include from`)
		}
		r.url = base
		return r, nil
	}
	var err error
	if r.url, err = ResolveURL(base, r.href); err != nil {
		return r, x.problem(n, "href", strings.TrimPrefix(err.Error(), "scxml: "), "write a URL, or a path that is relative to "+base)
	}
	return r, nil
}

// fetch reads a resource, within the limits of all.
func (x *includer) fetch(ctx context.Context, url string) ([]byte, error) {
	limits := &x.p.opts.Limits
	body, err := x.p.fetch(ctx, url, min(limits.FetchBytes, limits.IncludeBytes-x.fetched))
	if err != nil {
		return nil, err
	}
	x.fetched += int64(len(body))
	return body, nil
}

// missing is the problem of a resource that is not there.
func (x *includer) missing(r includeRequest, err error) *includeProblem {
	hint := "add <" + withPrefix(r.node, "fallback") + "> for what takes its place"
	if r.href != r.url {
		hint = fmt.Sprintf("it was looked for at %s; correct href, or %s", r.url, hint)
	}
	problem := x.problem(r.node, "href", fmt.Sprintf("%q cannot be included: %v", r.href, err), hint)
	problem.resource = true
	return problem
}

// grow counts what is going to be included.
func (x *includer) grow(n *xmlquery.Node, bytes int64, elements int) *includeProblem {
	limits := &x.p.opts.Limits
	x.bytes += bytes
	x.elements += elements
	switch {
	case x.bytes > limits.IncludeBytes:
		return x.stop(n, fmt.Sprintf("what is included has more than %d bytes", limits.IncludeBytes), "ParseLimits.IncludeBytes")
	case x.elements > limits.Elements:
		return x.stop(n, fmt.Sprintf("the document has more than %d elements with what it includes", limits.Elements), "ParseLimits.Elements")
	}
	return nil
}

// includeText includes a text, which is fetched once.
func (x *includer) includeText(ctx context.Context, r includeRequest) (*includeProblem, error) {
	t := x.p.tree
	key := textKey{r.url, r.encoding}
	known := x.texts[key]
	if known == nil {
		known = &includeText{}
		x.texts[key] = known
		body, err := x.fetch(ctx, r.url)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if known.err = err; err == nil {
			text, guessed, err := textToUTF8(body, r.encoding)
			if guessed {
				x.p.report(Warning, x.p.atAttr(r.node, "href"), "", fmt.Sprintf("%q is not valid UTF-8; it is read as windows-1252", r.href), `save it as UTF-8, or add encoding="…"`)
			}
			if known.err, known.fatal = err, err != nil; err == nil {
				known.text, known.start = string(text), t.addFile(r.url, text)
			}
		}
	}
	if known.err != nil {
		problem := x.missing(r, known.err)
		if known.fatal {
			problem.resource, problem.hint = false, "correct the encoding attribute"
		}
		return problem, nil
	}
	if problem := x.grow(r.node, int64(len(known.text)), 0); problem != nil {
		return problem, nil
	}
	n := &xmlquery.Node{Type: xmlquery.TextNode, Data: known.text}
	t.spans[n] = span{start: known.start, end: known.start + len(known.text)}
	insertBefore(r.node, n)
	return nil, nil
}

// includeXML includes elements of a document, which is read once.
func (x *includer) includeXML(ctx context.Context, r includeRequest, at place, chain *link) (*includeProblem, error) {
	p, t := x.p, x.p.tree
	source, err := x.part(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case source.err != nil:
		return x.missing(r, source.err), nil
	case source.root == nil:
		return &includeProblem{reported: true}, nil
	}
	found := []*xmlquery.Node{source.root}
	if r.pointer != "" {
		namespaces := map[string]string{}
		for _, b := range slices.Backward(append(t.inForce(r.node), declarations(r.node)...)) {
			namespaces[b.prefix] = b.uri
		}
		if found, err = selectElements(source.root, r.pointer, namespaces, &x.steps); err != nil {
			return x.problem(r.node, "xpointer", fmt.Sprintf("illegal xpointer %q: %v", shortened(r.pointer, 120), err), `write an id, element(id/1/2), or xpointer(…) with an XPath expression in it`), nil
		}
		if len(found) == 0 {
			return x.noElement(r, source.root), nil
		}
	}
	depth := 0
	for n := r.node.Parent; n != nil; n = n.Parent {
		if n.Type == xmlquery.ElementNode {
			depth++
		}
	}
	at.chain = chain
	at.tokens = at.tokens || r.resolveID != ""
	if r.resolveID != "" {
		at.prefix = r.resolveID
	}
	for _, n := range found {
		elements, height := measure(n)
		s := t.spans[n]
		if problem := x.grow(r.node, int64(s.end-s.start), elements); problem != nil {
			return problem, nil
		}
		if depth+height > p.opts.Limits.Depth {
			return x.stop(r.node, fmt.Sprintf("elements are nested more than %d deep with what is included", p.opts.Limits.Depth), "ParseLimits.Depth"), nil
		}
		if known := p.dialect.elements[n.Data]; n.NamespaceURI == "" && known != nil && !at.data {
			p.report(Error, p.at(n), "", fmt.Sprintf("the included <%s> is in no namespace", qname(n)), `add xmlns="`+scxmlNS+`" to the root of its file`)
			return &includeProblem{reported: true}, nil
		}
		c := t.clone(n)
		if t.inherited == nil {
			t.inherited = map[*xmlquery.Node][]binding{}
		}
		t.inherited[c] = t.inForce(n)
		if r.resolveID != "" {
			p.prefixes[c] = r.resolveID
		}
		insertBefore(r.node, c)
		if c.NamespaceURI == xincludeNS {
			err = x.xinclude(ctx, c, at)
		} else {
			err = x.walk(ctx, c, at)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// part reads the document that r refers to. The error is that of ctx.
func (x *includer) part(ctx context.Context, r includeRequest) (*part, error) {
	if known := x.parts[r.url]; known != nil {
		return known, nil
	}
	p := x.p
	source := &part{}
	x.parts[r.url] = source
	from := p.tree.position(p.at(r.node))
	report := func(d Diagnostic) {
		if !p.found.room(d.Severity) {
			return
		}
		if d.Hint != "" {
			d.Hint += "; "
		}
		d.Hint += "the file is included by " + from.String()
		p.found.add(d)
	}
	var err error
	if main := p.tree.files[0]; r.url == main.name {
		// The document itself. Its tree is being changed, so that it is read again.
		source.root, err = p.tree.build(ctx, r.url, slices.Clone(p.tree.text[:main.end]), p.opts.Limits, report)
		return source, err
	}
	var body []byte
	if body, source.err = x.fetch(ctx, r.url); source.err != nil {
		return source, ctx.Err()
	}
	source.root, err = p.tree.read(ctx, r.url, body, p.opts.Limits, report)
	return source, err
}

// noElement is the problem of an xpointer that names nothing.
func (x *includer) noElement(r includeRequest, root *xmlquery.Node) *includeProblem {
	name := r.href
	if name == "" {
		name = "the document"
	}
	hint := ""
	message := fmt.Sprintf("%s has nothing at the xpointer %q", name, shortened(r.pointer, 120))
	if !strings.Contains(r.pointer, "(") {
		message = fmt.Sprintf("%s has no element with the id %q", name, r.pointer)
		ids := idsOf(root)
		otherwise := "it has no element with an id"
		if len(ids) > 0 {
			shown := ids[:min(len(ids), 5)]
			otherwise = "ids in it are " + list(shown, "", "")
		}
		hint = didYouMean(r.pointer, ids, otherwise)
	}
	problem := x.problem(r.node, "xpointer", message, hint)
	problem.resource = true
	return problem
}

// idsOf lists the ids of all elements of a tree.
func idsOf(n *xmlquery.Node) []string {
	var ids []string
	for _, a := range n.Attr {
		if isID(a) && a.Value != "" {
			ids = append(ids, a.Value)
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xmlquery.ElementNode {
			ids = append(ids, idsOf(c)...)
		}
	}
	return ids
}

// isID reports whether an attribute is id or xml:id.
func isID(a xmlquery.Attr) bool {
	return a.Name.Local == "id" && (a.NamespaceURI == "" || a.NamespaceURI == xmlNS)
}
