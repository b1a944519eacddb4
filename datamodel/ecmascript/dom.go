package ecmascript

import (
	"slices"
	"strconv"
	"strings"
)

// The part of the DOM, level 2 core, that scripts can read. Nothing can be
// changed.

var _ = []Dynamic{(*domNode)(nil), (*domList)(nil)}

var nodeKeys = []string{"nodeName", "nodeType", "nodeValue", "textContent", "childNodes", "attributes"}

// object returns the one object that stands for the node.
func (n *domNode) object() Value {
	if n.value == nil {
		n.value = n.m.rt.NewDynamic(n)
	}
	return n.value
}

// orNull is the object of a node that may be missing.
func (m *model) orNull(n *domNode) Value {
	if n == nil {
		return m.rt.Null()
	}
	return n.object()
}

func (n *domNode) Keys() []string { return nodeKeys }

// Get returns a property or method of the DOM interfaces Node, Document,
// Element, Attr and Text.
func (n *domNode) Get(name string) (Value, bool) {
	rt := n.m.rt
	switch name {
	case "nodeType":
		return rt.FromNumber(float64(n.kind)), true
	case "nodeName":
		return rt.FromText(n.nodeName()), true
	case "nodeValue":
		if n.kind != textNode && n.kind != attributeNode {
			return rt.Null(), true
		}
		return rt.FromText(n.text), true
	case "textContent":
		if n.kind == documentNode {
			return rt.Null(), true
		}
		var b strings.Builder
		n.content(&b)
		return rt.FromText(b.String()), true
	case "ownerDocument":
		if n.kind == documentNode {
			return rt.Null(), true
		}
		return n.doc.object(), true
	case "parentNode":
		if n.kind == attributeNode {
			return rt.Null(), true
		}
		return n.m.orNull(n.parent), true
	case "childNodes":
		return n.m.list(n.children), true
	case "firstChild":
		return n.m.orNull(edge(n.children, false)), true
	case "lastChild":
		return n.m.orNull(edge(n.children, true)), true
	case "nextSibling":
		return n.m.orNull(n.sibling(1)), true
	case "previousSibling":
		return n.m.orNull(n.sibling(-1)), true
	case "hasChildNodes":
		return n.method(name, func([]Value) Value { return rt.FromBool(len(n.children) > 0) }), true
	}
	switch n.kind {
	case documentNode:
		return n.documentMember(name)
	case elementNode:
		return n.elementMember(name)
	case attributeNode:
		return n.attributeMember(name)
	}
	switch name {
	case "data", "wholeText":
		return rt.FromText(n.text), true
	case "length":
		return rt.FromNumber(float64(len(n.text))), true
	}
	return nil, false
}

func (n *domNode) nodeName() string {
	switch n.kind {
	case documentNode:
		return "#document"
	case textNode:
		return "#text"
	}
	return n.name
}

func (n *domNode) documentMember(name string) (Value, bool) {
	if name == "documentElement" {
		return n.children[0].object(), true
	}
	return n.parentMember(name)
}

// parentMember is what documents and elements have in common.
func (n *domNode) parentMember(name string) (Value, bool) {
	rt := n.m.rt
	switch name {
	case "getElementsByTagName":
		return n.method(name, func(args []Value) Value {
			want := argument(rt, args, 0)
			return n.m.list(n.descendants(nil, func(e *domNode) bool { return want == "*" || e.name == want }))
		}), true
	case "getElementsByTagNameNS":
		return n.method(name, func(args []Value) Value {
			space, want := argument(rt, args, 0), argument(rt, args, 1)
			return n.m.list(n.descendants(nil, func(e *domNode) bool {
				return (space == "*" || e.space == space) && (want == "*" || e.local() == want)
			}))
		}), true
	case "children":
		return n.m.list(n.elements()), true
	case "firstElementChild":
		return n.m.orNull(edge(n.elements(), false)), true
	case "lastElementChild":
		return n.m.orNull(edge(n.elements(), true)), true
	case "childElementCount":
		return rt.FromNumber(float64(len(n.elements()))), true
	}
	return nil, false
}

func (n *domNode) elementMember(name string) (Value, bool) {
	rt := n.m.rt
	switch name {
	case "tagName":
		return rt.FromText(n.name), true
	case "localName":
		return rt.FromText(n.local()), true
	case "prefix":
		return orNullText(rt, n.prefix()), true
	case "namespaceURI":
		return orNullText(rt, n.space), true
	case "attributes":
		return n.m.list(n.attrs), true
	case "hasAttributes":
		return n.method(name, func([]Value) Value { return rt.FromBool(len(n.attrs) > 0) }), true
	case "getAttribute":
		return n.method(name, func(args []Value) Value {
			if a := n.attr(argument(rt, args, 0)); a != nil {
				return rt.FromText(a.text)
			}
			return rt.Null()
		}), true
	case "getAttributeNS":
		return n.method(name, func(args []Value) Value {
			if a := n.attrNS(argument(rt, args, 0), argument(rt, args, 1)); a != nil {
				return rt.FromText(a.text)
			}
			return rt.Null()
		}), true
	case "getAttributeNode":
		return n.method(name, func(args []Value) Value { return n.m.orNull(n.attr(argument(rt, args, 0))) }), true
	case "hasAttribute":
		return n.method(name, func(args []Value) Value { return rt.FromBool(n.attr(argument(rt, args, 0)) != nil) }), true
	}
	return n.parentMember(name)
}

func (n *domNode) attributeMember(name string) (Value, bool) {
	rt := n.m.rt
	switch name {
	case "name":
		return rt.FromText(n.name), true
	case "localName":
		return rt.FromText(n.local()), true
	case "prefix":
		return orNullText(rt, n.prefix()), true
	case "namespaceURI":
		return orNullText(rt, n.space), true
	case "value":
		return rt.FromText(n.text), true
	case "specified":
		return rt.FromBool(true), true
	case "ownerElement":
		return n.parent.object(), true
	}
	return nil, false
}

func (n *domNode) attrNS(space, local string) *domNode {
	for _, a := range n.attrs {
		if a.space == space && a.local() == local {
			return a
		}
	}
	return nil
}

func (n *domNode) elements() []*domNode {
	var out []*domNode
	for _, c := range n.children {
		if c.kind == elementNode {
			out = append(out, c)
		}
	}
	return out
}

func (n *domNode) sibling(step int) *domNode {
	if n.parent == nil || n.kind == attributeNode {
		return nil
	}
	i := indexOf(n.parent.children, n) + step
	if i < 0 || i >= len(n.parent.children) {
		return nil
	}
	return n.parent.children[i]
}

func edge(list []*domNode, last bool) *domNode {
	switch {
	case len(list) == 0:
		return nil
	case last:
		return list[len(list)-1]
	}
	return list[0]
}

func (n *domNode) method(name string, f func(args []Value) Value) Value {
	return n.m.rt.NewFunc(name, func(args []Value) (Value, error) { return f(args), nil })
}

func argument(rt Runtime, args []Value, i int) string {
	if i >= len(args) {
		return ""
	}
	if c := rt.Class(args[i]); c == Null || c == Undefined {
		return ""
	}
	return rt.ToString(args[i])
}

func orNullText(rt Runtime, s string) Value {
	if s == "" {
		return rt.Null()
	}
	return rt.FromText(s)
}

// domList is a NodeList or NamedNodeMap.
type domList struct {
	m     *model
	nodes []*domNode
}

func (m *model) list(nodes []*domNode) Value { return m.rt.NewDynamic(&domList{m, nodes}) }

// Get returns length, item, getNamedItem, or the node of an index.
func (l *domList) Get(name string) (Value, bool) {
	rt := l.m.rt
	switch name {
	case "length":
		return rt.FromNumber(float64(len(l.nodes))), true
	case "item":
		return rt.NewFunc(name, func(args []Value) (Value, error) {
			i, err := strconv.Atoi(argument(rt, args, 0))
			if err != nil || i < 0 || i >= len(l.nodes) {
				return rt.Null(), nil
			}
			return l.nodes[i].object(), nil
		}), true
	case "getNamedItem":
		return rt.NewFunc(name, func(args []Value) (Value, error) {
			want := argument(rt, args, 0)
			i := slices.IndexFunc(l.nodes, func(n *domNode) bool { return n.name == want })
			if i < 0 {
				return rt.Null(), nil
			}
			return l.nodes[i].object(), nil
		}), true
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(l.nodes) && strconv.Itoa(i) == name {
		return l.nodes[i].object(), true
	}
	return nil, false
}

func (l *domList) Keys() []string {
	keys := make([]string, len(l.nodes))
	for i := range keys {
		keys[i] = strconv.Itoa(i)
	}
	return keys
}
