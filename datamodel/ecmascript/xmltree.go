package ecmascript

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
)

// nodeKind is the nodeType of the DOM.
type nodeKind int

const (
	elementNode   nodeKind = 1
	attributeNode nodeKind = 2
	textNode      nodeKind = 3
	documentNode  nodeKind = 9
)

// domNode is a node of an XML tree, and the object that scripts see of it.
type domNode struct {
	m        *model
	doc      *domNode // the document node; of a document itself
	kind     nodeKind
	name     string // qualified name of an element or attribute
	space    string // its namespace
	text     string // of a text or attribute; of a document, its source
	parent   *domNode
	children []*domNode
	attrs    []*domNode
	value    Value // made when a script reads it
}

// document makes the object of an XML text.
func (m *model) document(text string) (Value, error) {
	doc, err := m.parseXML(text)
	if err != nil {
		return nil, err
	}
	return doc.object(), nil
}

// parseXML reads an XML text into a tree. Comments, processing instructions and
// the document type are left out.
func (m *model) parseXML(text string) (*domNode, error) {
	doc := &domNode{m: m, kind: documentNode, text: text}
	doc.doc = doc
	d := xml.NewDecoder(strings.NewReader(text))
	at, depth := doc, 0
	for {
		tok, err := d.RawToken()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("XML: %w", err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if depth++; depth > datamodel.MaxDepth {
				return nil, fmt.Errorf("XML: %w: more than %d levels", datamodel.ErrDepth, datamodel.MaxDepth)
			}
			e := at.add(&domNode{kind: elementNode, name: qualified(tok.Name)})
			for _, a := range tok.Attr {
				e.attrs = append(e.attrs, &domNode{m: m, doc: doc, kind: attributeNode, name: qualified(a.Name), text: a.Value, parent: e})
			}
			e.resolve()
			at = e
		case xml.EndElement:
			if at == doc || qualified(tok.Name) != at.name {
				return nil, fmt.Errorf("XML: unexpected </%s>", qualified(tok.Name))
			}
			at = at.parent
			depth--
		case xml.CharData:
			switch n := len(at.children); {
			case at == doc:
				if strings.TrimSpace(string(tok)) != "" {
					return nil, errors.New("XML: text outside of the root element")
				}
			case n > 0 && at.children[n-1].kind == textNode:
				at.children[n-1].text += string(tok)
			default:
				at.add(&domNode{kind: textNode, text: string(tok)})
			}
		}
	}
	if at != doc || len(doc.children) != 1 {
		return nil, errors.New("XML: not one complete root element")
	}
	return doc, nil
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

func (n *domNode) add(child *domNode) *domNode {
	child.m, child.doc, child.parent = n.m, n.doc, n
	n.children = append(n.children, child)
	return child
}

// resolve sets the namespaces of an element and its attributes.
func (n *domNode) resolve() {
	n.space = n.lookup(n.prefix())
	for _, a := range n.attrs {
		if p := a.prefix(); p != "" && p != "xmlns" {
			a.space = n.lookup(p)
		}
	}
}

// lookup returns the namespace that a prefix stands for.
func (n *domNode) lookup(prefix string) string {
	name := "xmlns"
	if prefix != "" {
		name += ":" + prefix
	}
	for e := n; e != nil; e = e.parent {
		if a := e.attr(name); a != nil {
			return a.text
		}
	}
	if prefix == "xml" {
		return "http://www.w3.org/XML/1998/namespace"
	}
	return ""
}

func (n *domNode) prefix() string {
	if i := strings.IndexByte(n.name, ':'); i >= 0 {
		return n.name[:i]
	}
	return ""
}

func (n *domNode) local() string { return n.name[strings.IndexByte(n.name, ':')+1:] }

func (n *domNode) attr(name string) *domNode {
	for _, a := range n.attrs {
		if a.name == name {
			return a
		}
	}
	return nil
}

// content is the textContent of the DOM.
func (n *domNode) content(b *strings.Builder) {
	if n.kind == textNode || n.kind == attributeNode {
		b.WriteString(n.text)
		return
	}
	for _, c := range n.children {
		c.content(b)
	}
}

// descendants appends the elements below n that match, in document order.
func (n *domNode) descendants(list []*domNode, match func(*domNode) bool) []*domNode {
	for _, c := range n.children {
		if c.kind == elementNode {
			if match(c) {
				list = append(list, c)
			}
			list = c.descendants(list, match)
		}
	}
	return list
}

// xml is the text of the node as XML, with the namespaces declared that it
// takes from around it.
func (n *domNode) xml() string {
	switch n.kind {
	case documentNode:
		return n.text
	case elementNode:
		var b strings.Builder
		n.write(&b, true)
		return b.String()
	}
	return n.text
}

func (n *domNode) write(b *strings.Builder, top bool) {
	if n.kind == textNode {
		textEscaper.WriteString(b, n.text)
		return
	}
	b.WriteByte('<')
	b.WriteString(n.name)
	for _, a := range n.attrs {
		writeAttr(b, a)
	}
	if top {
		seen := map[string]bool{}
		for _, a := range n.attrs {
			seen[a.name] = true
		}
		for e := n.parent; e != nil; e = e.parent {
			for _, a := range e.attrs {
				if (a.name == "xmlns" || strings.HasPrefix(a.name, "xmlns:")) && !seen[a.name] {
					seen[a.name] = true
					writeAttr(b, a)
				}
			}
		}
	}
	if len(n.children) == 0 {
		b.WriteString("/>")
		return
	}
	b.WriteByte('>')
	for _, c := range n.children {
		c.write(b, false)
	}
	b.WriteString("</")
	b.WriteString(n.name)
	b.WriteByte('>')
}

func writeAttr(b *strings.Builder, a *domNode) {
	b.WriteByte(' ')
	b.WriteString(a.name)
	b.WriteString(`="`)
	attrEscaper.WriteString(b, a.text)
	b.WriteByte('"')
}

var (
	textEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;")
	attrEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;")
)

// path is the way from the document to a node: the position among the children
// at each level; of an attribute, the last number is -1 - its position.
func (n *domNode) path() []int {
	var path []int
	for e := n; e.parent != nil; e = e.parent {
		i := indexOf(e.parent.children, e)
		if e.kind == attributeNode {
			i = -1 - indexOf(e.parent.attrs, e)
		}
		path = append(path, i)
	}
	for i, j := 0, len(path)-1; i < j; i, j = i+1, j-1 {
		path[i], path[j] = path[j], path[i]
	}
	return path
}

func indexOf(list []*domNode, n *domNode) int {
	for i, c := range list {
		if c == n {
			return i
		}
	}
	return -1
}

// at finds the node that path leads to; nil when there is none.
func (n *domNode) at(path []int) *domNode {
	for _, i := range path {
		list := n.children
		if i < 0 {
			list, i = n.attrs, -1-i
		}
		if i < 0 || i >= len(list) {
			return nil
		}
		n = list[i]
	}
	return n
}
