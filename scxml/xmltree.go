package scxml

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/antchfx/xmlquery"
)

const (
	scxmlNS = "http://www.w3.org/2005/07/scxml"
	xmlNS   = "http://www.w3.org/XML/1998/namespace"
	xmlnsNS = "http://www.w3.org/2000/xmlns/"
)

// span is where an element stands in the UTF-8 text: from its "<" to the end of
// its start tag, and to the end of its end tag.
type span struct{ start, open, end int }

// xmlTree is a document as a tree, with the place of everything in the source.
type xmlTree struct {
	file  string
	text  []byte // UTF-8
	lines []int  // offset of the first byte of each line
	root  *xmlquery.Node
	spans map[*xmlquery.Node]span // of elements; start only for text

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
	t := &xmlTree{file: file, text: source, spans: map[*xmlquery.Node]span{}}
	fail := func(e *xmlError) {
		t.root = nil
		d := t.diagnostic(e.offset)
		d.Severity, d.Message, d.Hint = Error, e.message, e.hint
		report(d)
	}
	if len(source) > limits.Bytes {
		report(Diagnostic{Severity: Error, Pos: Position{File: file},
			Message: fmt.Sprintf("the document has %d bytes, more than the limit of %d", len(source), limits.Bytes),
			Hint:    "raise ParseLimits.Bytes when such documents are meant to be accepted"})
		return t, nil
	}
	text, err := toUTF8(source)
	if errors.Is(err, errInvalidUTF8) {
		t.setText(text)
		fail(&xmlError{invalidUTF8(text), err.Error(), "save the document as UTF-8, or name its encoding in the XML declaration"})
		return t, nil
	}
	if err != nil {
		report(Diagnostic{Severity: Error, Pos: Position{File: file}, Message: err.Error(),
			Hint: "save the document as UTF-8"})
		return t, nil
	}
	t.setText(text)
	b := &treeBuilder{t: t, limits: limits}
	problem, err := b.build(ctx)
	if err != nil {
		t.root = nil
		return t, err
	}
	if problem != nil {
		fail(problem)
	}
	return t, nil
}

func (t *xmlTree) setText(text []byte) {
	t.text = text
	t.lines = append(t.lines[:0], 0)
	for i, c := range text {
		if c == '\n' {
			t.lines = append(t.lines, i+1)
		}
	}
}

// treeBuilder turns the tokens of encoding/xml into a tree. It resolves
// namespaces and matches end tags itself: encoding/xml would let an undeclared
// prefix and a repeated attribute pass.
type treeBuilder struct {
	t        *xmlTree
	limits   ParseLimits
	node     *xmlquery.Node // the open element
	depth    int
	elements int
	scopes   []binding // namespace declarations in force, innermost last
	marks    []int     // length of scopes before each open element
}

// binding is one namespace declaration.
type binding struct{ prefix, uri string }

func (b *treeBuilder) build(ctx context.Context) (*xmlError, error) {
	t := b.t
	d := xml.NewDecoder(bytes.NewReader(t.text))
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
		start := int(d.InputOffset())
		token, err := d.RawToken()
		end := int(d.InputOffset())
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
			problem = b.chars(tok, start)
		case xml.Directive:
			problem = b.directive(tok, start)
		case xml.ProcInst:
			if tok.Target == "xml" && start != 0 {
				problem = &xmlError{start, "the XML declaration must be the very first thing of the document", "remove what stands before it"}
			}
		}
		if problem != nil {
			return problem, nil
		}
	}
	switch {
	case b.node != doc:
		s := t.spans[b.node]
		return &xmlError{s.start, fmt.Sprintf("<%s> is never closed", qname(b.node)), fmt.Sprintf("add </%s>", qname(b.node))}, nil
	case t.root == nil:
		return &xmlError{0, "the document has no element", "an SCXML document is one <scxml> element"}, nil
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
	offset := max(end-1, 0)
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
	if b.node.Type == xmlquery.DocumentNode && t.root != nil {
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
	if t.root == nil {
		t.root = n
	}
	var ok bool
	if n.NamespaceURI, ok = b.lookup(n.Prefix); !ok {
		return &xmlError{start, fmt.Sprintf("the prefix of <%s> is not declared", qname(n)), fmt.Sprintf(`add xmlns:%s="…"`, n.Prefix)}
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

func (b *treeBuilder) chars(tok xml.CharData, start int) *xmlError {
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
	}
	xmlquery.AddChild(b.node, n)
	t.spans[n] = span{start: start}
	return nil
}

// directive accepts a plain <!DOCTYPE> and refuses declarations: entities are
// how a small document becomes a huge one.
func (b *treeBuilder) directive(tok xml.Directive, start int) *xmlError {
	if bytes.ContainsRune(tok, '[') || !bytes.HasPrefix(bytes.ToUpper(tok[:min(len(tok), 7)]), []byte("DOCTYPE")) {
		return &xmlError{start, "a DTD with declarations is not accepted", "remove the part in [ ] and write the entities out"}
	}
	if b.t.root != nil {
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

// line returns the number of the line of an offset, from 0.
func (t *xmlTree) line(offset int) int {
	return max(sort.SearchInts(t.lines, offset+1)-1, 0)
}

func (t *xmlTree) position(offset int) Position {
	if len(t.lines) == 0 {
		return Position{File: t.file}
	}
	line := t.line(offset)
	return Position{File: t.file, Line: line + 1, Column: offset - t.lines[line] + 1}
}

// diagnostic returns a Diagnostic with the place filled in.
func (t *xmlTree) diagnostic(offset int) Diagnostic {
	return t.diagnosticAt(t.position(offset))
}

// diagnosticAt does the same for a position, which may be in another file.
func (t *xmlTree) diagnosticAt(pos Position) Diagnostic {
	d := Diagnostic{Pos: pos}
	if pos.File != t.file || pos.Line < 1 || pos.Line > len(t.lines) {
		return d
	}
	from, to := t.lines[pos.Line-1], len(t.text)
	if pos.Line < len(t.lines) {
		to = t.lines[pos.Line]
	}
	d.Line, d.Caret = excerpt(bytes.TrimRight(t.text[from:to], "\r\n"), pos.Column-1)
	return d
}

// attrStart returns the offset of the value of the i-th attribute of n.
func (t *xmlTree) attrStart(n *xmlquery.Node, i int) int {
	if t.attrNode != n {
		t.attrNode, t.attrStarts = n, scanAttributes(t.text, t.spans[n], t.attrStarts[:0])
	}
	if i < len(t.attrStarts) {
		return t.attrStarts[i]
	}
	return t.spans[n].start
}

// scanAttributes finds the values in a start tag that is known to be well-formed.
func scanAttributes(text []byte, s span, starts []int) []int {
	for i := s.start; i < s.open; i++ {
		quote := text[i]
		if quote != '"' && quote != '\'' {
			continue
		}
		starts = append(starts, i+1)
		n := bytes.IndexByte(text[i+1:s.open], quote)
		if n < 0 {
			return starts
		}
		i += 1 + n
	}
	return starts
}

// inAttribute corrects a position that was counted in the value of an attribute
// beginning at start: a character reference is longer in the source than in the
// value.
func (t *xmlTree) inAttribute(start, pos Position) Position {
	if start.File != t.file || pos.Line != start.Line || start.Line > len(t.lines) {
		return pos
	}
	offset := t.lines[start.Line-1] + start.Column - 1
	if offset < 1 || offset > len(t.text) || t.text[offset-1] != '"' && t.text[offset-1] != '\'' {
		return pos // text of a <script>
	}
	i := offset
	for n := pos.Column - start.Column; n > 0 && i < len(t.text) && t.text[i] != '\n'; n-- {
		if t.text[i] != '&' {
			i++
			continue
		}
		end := bytes.IndexByte(t.text[i:], ';')
		if end < 0 {
			break
		}
		if ref := string(t.text[i+1 : i+end]); strings.HasPrefix(ref, "#") {
			r, _ := strconv.ParseInt("0"+ref[1:], 0, 32)
			n -= max(utf8.RuneLen(rune(r)), 1) - 1
		}
		i += end + 1
	}
	pos.Column = start.Column + i - offset
	return pos
}

// fragment returns the markup of an element with all namespaces in force
// declared on it, so that it can be read on its own.
func (t *xmlTree) fragment(n *xmlquery.Node) string {
	s := t.spans[n]
	raw := string(t.text[s.start:s.end])
	declared := map[string]bool{"xml": true}
	mark := func(n *xmlquery.Node, add func(prefix, uri string)) {
		for _, a := range n.Attr {
			prefix := a.Name.Local
			if a.Name.Space == "" && a.Name.Local == "xmlns" {
				prefix = ""
			} else if a.Name.Space != "xmlns" {
				continue
			}
			if !declared[prefix] {
				declared[prefix] = true
				add(prefix, a.Value)
			}
		}
	}
	mark(n, func(string, string) {})
	var extra strings.Builder
	for p := n.Parent; p != nil; p = p.Parent {
		mark(p, func(prefix, uri string) {
			if prefix == "" && uri == "" {
				return
			}
			extra.WriteString(" xmlns")
			if prefix != "" {
				extra.WriteString(":" + prefix)
			}
			extra.WriteString(`="` + escapeAttr(uri) + `"`)
		})
	}
	if extra.Len() == 0 {
		return raw
	}
	name := len("<") + len(qname(n))
	return raw[:name] + extra.String() + raw[name:]
}

// inner returns the markup between the tags of an element.
func (t *xmlTree) inner(n *xmlquery.Node) string {
	s := t.spans[n]
	body := t.text[s.open:s.end]
	if i := bytes.LastIndex(body, []byte("</")); i >= 0 {
		body = body[:i]
	}
	return string(body)
}

var attrEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\n", "&#10;", "\t", "&#9;", "\r", "&#13;")

func escapeAttr(s string) string { return attrEscaper.Replace(s) }
