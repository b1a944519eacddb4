package scxml

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/antchfx/xmlquery"
)

const (
	scxmlNS = "http://www.w3.org/2005/07/scxml"
	xmlNS   = "http://www.w3.org/XML/1998/namespace"
	xmlnsNS = "http://www.w3.org/2000/xmlns/"

	xincludeNS = "http://www.w3.org/2001/XInclude"
)

// span is where an element stands in the UTF-8 text: from its "<" to the end of
// its start tag, and to the end of its end tag. Text has start and end only.
type span struct{ start, open, end int }

// xmlTree is a document as a tree, with the place of everything in the source.
// Offsets count over all files: that of the document and those it includes.
type xmlTree struct {
	files []sourceFile // in the order of their offsets; the document is the first
	text  []byte       // of all files, in UTF-8
	lines []int        // offset of the first byte of each line
	root  *xmlquery.Node
	spans map[*xmlquery.Node]span // of elements and text

	includes  bool                         // there is an element of XInclude
	rewritten map[*xmlquery.Node]bool      // elements in which something was included: the source has not all of their content
	inherited map[*xmlquery.Node][]binding // of an included element: the namespaces declared around it in its file

	attrNode   *xmlquery.Node // whose attribute offsets attrStarts holds
	attrStarts []int
}

// xmlError is a place and what is wrong there.
type xmlError struct {
	offset        int
	message, hint string
}

// parseXML builds the tree. The error is that of ctx. With problems, which are
// reported to report, the tree has no root.
func parseXML(ctx context.Context, file string, source []byte, limits ParseLimits, report func(Diagnostic)) (*xmlTree, error) {
	t := &xmlTree{spans: map[*xmlquery.Node]span{}}
	var err error
	t.root, err = t.read(ctx, file, source, limits, report)
	return t, err
}

// read adds a file and returns the root of its tree, which stands by itself.
// The root is nil after a problem, which was reported, and an error, which is
// that of ctx.
func (t *xmlTree) read(ctx context.Context, file string, source []byte, limits ParseLimits, report func(Diagnostic)) (*xmlquery.Node, error) {
	if len(source) > limits.Bytes {
		report(Diagnostic{Severity: Error, Pos: Position{File: file},
			Message: fmt.Sprintf("the document has %d bytes, more than the limit of %d", len(source), limits.Bytes),
			Hint:    "raise ParseLimits.Bytes when such documents are meant to be accepted"})
		return nil, nil
	}
	text, err := toUTF8(source)
	if err != nil && !errors.Is(err, errInvalidUTF8) {
		report(Diagnostic{Severity: Error, Pos: Position{File: file}, Message: err.Error(), Hint: "save the document as UTF-8"})
		return nil, nil
	}
	return t.build(ctx, file, text, limits, report)
}

// build is read for a text in UTF-8.
func (t *xmlTree) build(ctx context.Context, file string, text []byte, limits ParseLimits, report func(Diagnostic)) (*xmlquery.Node, error) {
	b := &treeBuilder{t: t, limits: limits, base: t.addFile(file, text)}
	var problem *xmlError
	if i := invalidUTF8(text); i < len(text) {
		problem = &xmlError{b.base + i, errInvalidUTF8.Error(), "save the document as UTF-8, or name its encoding in the XML declaration"}
	} else {
		var err error
		if problem, err = b.build(ctx); err != nil {
			return nil, err
		}
	}
	if problem != nil {
		d := t.diagnosticAt(t.position(problem.offset))
		d.Severity, d.Message, d.Hint = Error, problem.message, problem.hint
		report(d)
		return nil, nil
	}
	return b.root, nil
}

// treeBuilder turns the tokens of encoding/xml into a tree. It resolves
// namespaces and matches end tags itself: encoding/xml would let an undeclared
// prefix and a repeated attribute pass.
type treeBuilder struct {
	t        *xmlTree
	limits   ParseLimits
	base     int // offset of the file
	root     *xmlquery.Node
	node     *xmlquery.Node // the open element
	depth    int
	elements int
	scopes   []binding // namespace declarations in force, innermost last
	marks    []int     // length of scopes before each open element
}

// binding is one namespace declaration.
type binding struct{ prefix, uri string }

func (b *treeBuilder) build(ctx context.Context) (*xmlError, error) {
	d := xml.NewDecoder(bytes.NewReader(b.t.text[b.base:]))
	d.Strict = true
	// The text has been decoded; whatever the declaration says is no news.
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	doc := &xmlquery.Node{Type: xmlquery.DocumentNode}
	b.node = doc
	for n := 0; ; n++ {
		if n%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		start := b.base + int(d.InputOffset())
		token, err := d.RawToken()
		end := b.base + int(d.InputOffset())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return b.broken(start, end, err), nil
		}
		var problem *xmlError
		switch tok := token.(type) {
		case xml.StartElement:
			problem = b.open(tok, start, end)
		case xml.EndElement:
			problem = b.close(tok, start, end)
		case xml.CharData:
			problem = b.chars(tok, start, end)
		case xml.Directive:
			problem = b.directive(tok, start)
		case xml.ProcInst:
			if tok.Target == "xml" && start != b.base {
				problem = &xmlError{start, "the XML declaration must be the very first thing of the document", "remove what stands before it"}
			}
		}
		if problem != nil {
			return problem, nil
		}
	}
	switch {
	case b.node != doc:
		s := b.t.spans[b.node]
		return &xmlError{s.start, fmt.Sprintf("<%s> is never closed", qname(b.node)), fmt.Sprintf("add </%s>", qname(b.node))}, nil
	case b.root == nil:
		return &xmlError{b.base, "the document has no element", "an SCXML document is one <scxml> element"}, nil
	}
	return nil, nil
}

// broken explains an error of the tokenizer.
func (b *treeBuilder) broken(start, end int, err error) *xmlError {
	message, hint := err.Error(), ""
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		message = syntax.Msg
	}
	message = strings.TrimPrefix(message, "xml: ")
	offset := max(end-1, b.base)
	switch {
	case strings.Contains(message, "invalid character entity"):
		hint = "only &lt; &gt; &amp; &apos; &quot; and character numbers such as &#10; exist; write & as &amp;"
		if i := bytes.LastIndexByte(b.t.text[start:min(end, len(b.t.text))], '&'); i >= 0 {
			offset = start + i
		}
	case strings.Contains(message, "unescaped <"):
		hint = "write < as &lt; in an attribute"
	case strings.Contains(message, "unexpected EOF"):
		message = "the document ends in the middle"
		if b.node.Type == xmlquery.ElementNode {
			hint = fmt.Sprintf("<%s> is still open there", qname(b.node))
		}
		if text := b.t.text[start:min(end, len(b.t.text))]; len(text) > 1 && text[0] == '<' {
			offset = start
		}
	case strings.Contains(message, "expected element name"):
		if rest := b.t.text[min(start+1, len(b.t.text)):]; len(rest) > 0 && (rest[0] >= 'a' && rest[0] <= 'z' || rest[0] >= 'A' && rest[0] <= 'Z') {
			return &xmlError{start, "broken XML: this is no legal element name", "a name has at most one colon, between prefix and name"}
		}
		hint = "write < as &lt; in text, or put scripts into <![CDATA[ … ]]>"
		offset = start
	case strings.Contains(message, "unquoted or missing attribute value"),
		strings.Contains(message, "attribute name without = in element"):
		hint = `attributes are written name="value"`
	}
	return &xmlError{offset, "broken XML: " + message, hint}
}

func (b *treeBuilder) open(tok xml.StartElement, start, end int) *xmlError {
	t := b.t
	if b.node.Type == xmlquery.DocumentNode && b.root != nil {
		return &xmlError{start, "a document has one root element; this is a second one", "put everything inside one <scxml>"}
	}
	b.depth++
	b.elements++
	if b.depth > b.limits.Depth {
		return &xmlError{start, fmt.Sprintf("elements are nested more than %d deep", b.limits.Depth), "raise ParseLimits.Depth when such documents are meant to be accepted"}
	}
	if b.elements > b.limits.Elements {
		return &xmlError{start, fmt.Sprintf("the document has more than %d elements", b.limits.Elements), "raise ParseLimits.Elements when such documents are meant to be accepted"}
	}
	if !legalName(tok.Name) {
		return &xmlError{start, fmt.Sprintf("broken XML: %q is no legal element name", joinName(tok.Name)), ""}
	}
	n := &xmlquery.Node{
		Type: xmlquery.ElementNode, Data: tok.Name.Local, Prefix: tok.Name.Space,
		LineNumber: t.line(start) + 1,
	}
	b.marks = append(b.marks, len(b.scopes))
	for _, a := range tok.Attr {
		switch {
		case a.Name.Space == "xmlns":
			if a.Value == "" {
				return &xmlError{start, fmt.Sprintf("broken XML: the namespace of prefix %q is empty", a.Name.Local), ""}
			}
			b.scopes = append(b.scopes, binding{a.Name.Local, a.Value})
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			b.scopes = append(b.scopes, binding{"", a.Value})
		}
	}
	xmlquery.AddChild(b.node, n)
	b.node = n
	t.spans[n] = span{start: start, open: end}
	if b.root == nil {
		b.root = n
	}
	var ok bool
	if n.NamespaceURI, ok = b.lookup(n.Prefix); !ok {
		return &xmlError{start, fmt.Sprintf("the prefix of <%s> is not declared", qname(n)), fmt.Sprintf(`add xmlns:%s="…"`, n.Prefix)}
	}
	if n.NamespaceURI == xincludeNS {
		t.includes = true
	}
	return b.attributes(n, tok.Attr)
}

// attributes adds the attributes to n.
func (b *treeBuilder) attributes(n *xmlquery.Node, attrs []xml.Attr) *xmlError {
	if len(attrs) == 0 {
		return nil
	}
	n.Attr = make([]xmlquery.Attr, len(attrs))
	for i, a := range attrs {
		n.Attr[i] = xmlquery.Attr{Name: a.Name, Value: a.Value}
	}
	seen := make(map[xml.Name]bool, len(attrs))
	for i := range n.Attr {
		a := &n.Attr[i]
		at := func() int { return b.t.attrStart(n, i) }
		if !legalName(a.Name) {
			return &xmlError{at(), fmt.Sprintf("broken XML: %q is no legal attribute name", joinName(a.Name)), ""}
		}
		switch a.Name.Space {
		case "":
		case "xmlns":
			a.NamespaceURI = xmlnsNS
		default:
			uri, ok := b.lookup(a.Name.Space)
			if !ok {
				return &xmlError{at(), fmt.Sprintf("the prefix of attribute %s is not declared", joinName(a.Name)), fmt.Sprintf(`add xmlns:%s="…"`, a.Name.Space)}
			}
			a.NamespaceURI = uri
		}
		key := xml.Name{Space: a.NamespaceURI, Local: a.Name.Local}
		if seen[key] {
			return &xmlError{at(), fmt.Sprintf("broken XML: <%s> has two attributes %s", qname(n), joinName(a.Name)), "remove one of them"}
		}
		seen[key] = true
	}
	return nil
}

func (b *treeBuilder) lookup(prefix string) (string, bool) {
	if prefix == "xml" {
		return xmlNS, true
	}
	for i := len(b.scopes) - 1; i >= 0; i-- {
		if b.scopes[i].prefix == prefix {
			return b.scopes[i].uri, true
		}
	}
	return "", prefix == ""
}

func (b *treeBuilder) close(tok xml.EndElement, start, end int) *xmlError {
	t := b.t
	if b.node.Type == xmlquery.DocumentNode {
		return &xmlError{start, fmt.Sprintf("broken XML: </%s> closes nothing", joinName(tok.Name)), "remove it"}
	}
	if b.node.Data != tok.Name.Local || b.node.Prefix != tok.Name.Space {
		open := t.position(t.spans[b.node].start)
		return &xmlError{start, fmt.Sprintf("broken XML: </%s> stands where <%s> of line %d has to be closed", joinName(tok.Name), qname(b.node), open.Line), fmt.Sprintf("add </%s> before it, or correct the name", qname(b.node))}
	}
	s := t.spans[b.node]
	s.end = end
	t.spans[b.node] = s
	b.scopes = b.scopes[:b.marks[len(b.marks)-1]]
	b.marks = b.marks[:len(b.marks)-1]
	b.node = b.node.Parent
	b.depth--
	return nil
}

func (b *treeBuilder) chars(tok xml.CharData, start, end int) *xmlError {
	t := b.t
	cdata := bytes.HasPrefix(t.text[start:], []byte("<![CDATA["))
	if b.node.Type == xmlquery.DocumentNode {
		if i := len(tok) - len(bytes.TrimLeft(tok, " \t\r\n")); i < len(tok) || cdata {
			return &xmlError{min(start+i, len(t.text)), "broken XML: text outside of the root element", "remove it"}
		}
		return nil
	}
	n := &xmlquery.Node{Type: xmlquery.TextNode, Data: string(tok)}
	if cdata {
		n.Type = xmlquery.CharDataNode
		start += len("<![CDATA[")
		end -= len("]]>")
	}
	xmlquery.AddChild(b.node, n)
	t.spans[n] = span{start: start, end: end}
	return nil
}

// directive accepts a plain <!DOCTYPE> and refuses declarations: entities are
// how a small document becomes a huge one.
func (b *treeBuilder) directive(tok xml.Directive, start int) *xmlError {
	if bytes.ContainsRune(tok, '[') || !bytes.HasPrefix(bytes.ToUpper(tok[:min(len(tok), 7)]), []byte("DOCTYPE")) {
		return &xmlError{start, "a DTD with declarations is not accepted", "remove the part in [ ] and write the entities out"}
	}
	if b.root != nil {
		return &xmlError{start, "broken XML: <!DOCTYPE> after the root element", "remove it"}
	}
	return nil
}

// legalName refuses what encoding/xml lets pass: names with two colons, or one
// at the border.
func legalName(n xml.Name) bool { return n.Local != "" && !strings.Contains(n.Local, ":") }

func joinName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

func qname(n *xmlquery.Node) string {
	if n.Prefix == "" {
		return n.Data
	}
	return n.Prefix + ":" + n.Data
}
