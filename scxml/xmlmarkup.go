package scxml

import (
	"bytes"
	"strings"

	"github.com/antchfx/xmlquery"
)

// fragment returns the markup of an element with all namespaces in force
// declared on it, so that it can be read on its own.
func (t *xmlTree) fragment(n *xmlquery.Node) string {
	raw := t.markup(n)
	declared := map[string]bool{"xml": true}
	for _, b := range declarations(n) {
		declared[b.prefix] = true
	}
	var extra strings.Builder
	add := func(list []binding) {
		for _, b := range list {
			if declared[b.prefix] {
				continue
			}
			declared[b.prefix] = true
			if b.uri == "" {
				continue
			}
			extra.WriteString(" xmlns")
			if b.prefix != "" {
				extra.WriteString(":" + b.prefix)
			}
			extra.WriteString(`="` + escapeAttr(b.uri) + `"`)
		}
	}
	for p := n; p != nil; p = p.Parent {
		if p != n {
			add(declarations(p))
		}
		if inherited, ok := t.inherited[p]; ok {
			add(inherited)
			break // what is around it was declared in another file
		}
	}
	if extra.Len() == 0 {
		return raw
	}
	name := len("<") + len(qname(n))
	return raw[:name] + extra.String() + raw[name:]
}

// declarations returns the namespaces that an element declares.
func declarations(n *xmlquery.Node) []binding {
	var out []binding
	for _, a := range n.Attr {
		switch {
		case a.Name.Space == "xmlns":
			out = append(out, binding{a.Name.Local, a.Value})
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			out = append(out, binding{"", a.Value})
		}
	}
	return out
}

// inForce returns the namespaces that are declared around an element, the
// innermost declaration of each prefix first.
func (t *xmlTree) inForce(n *xmlquery.Node) []binding {
	var out []binding
	for p := n.Parent; p != nil; p = p.Parent {
		out = append(out, declarations(p)...)
	}
	return out
}

// markup returns an element as it stands in its file, with what was included.
func (t *xmlTree) markup(n *xmlquery.Node) string {
	s := t.spans[n]
	if !t.rewritten[n] {
		return string(t.text[s.start:s.end])
	}
	return string(t.text[s.start:s.open]) + t.inner(n) + "</" + qname(n) + ">"
}

// inner returns the markup between the tags of an element.
func (t *xmlTree) inner(n *xmlquery.Node) string {
	if t.rewritten[n] {
		var b strings.Builder
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			_, included := t.inherited[c]
			switch {
			case c.Type != xmlquery.ElementNode:
				b.WriteString(textEscaper.Replace(c.Data))
			case included:
				b.WriteString(t.fragment(c))
			default:
				b.WriteString(t.markup(c))
			}
		}
		return b.String()
	}
	s := t.spans[n]
	body := t.text[s.open:s.end]
	if i := bytes.LastIndex(body, []byte("</")); i >= 0 {
		body = body[:i]
	}
	return string(body)
}

var (
	attrEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\n", "&#10;", "\t", "&#9;", "\r", "&#13;")
	textEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#13;")
)

func escapeAttr(s string) string { return attrEscaper.Replace(s) }

// clone copies an element with all that is in it. The places stay those of the
// original.
func (t *xmlTree) clone(n *xmlquery.Node) *xmlquery.Node {
	c := &xmlquery.Node{Type: n.Type, Data: n.Data, Prefix: n.Prefix, NamespaceURI: n.NamespaceURI, LineNumber: n.LineNumber,
		Attr: append([]xmlquery.Attr(nil), n.Attr...)}
	t.spans[c] = t.spans[n]
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		xmlquery.AddChild(c, t.clone(child))
	}
	return c
}

// insertBefore puts n, which stands by itself, before its new sibling.
func insertBefore(sibling, n *xmlquery.Node) {
	n.Parent, n.PrevSibling, n.NextSibling = sibling.Parent, sibling.PrevSibling, sibling
	if n.PrevSibling != nil {
		n.PrevSibling.NextSibling = n
	} else {
		n.Parent.FirstChild = n
	}
	sibling.PrevSibling = n
}
