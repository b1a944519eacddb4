package ecmascript

import "github.com/seed-ff723688/ors/datamodel"

// Members is implemented by a Dynamic whose names are not all in Keys or change.
// Engines that see every access do without it; one that has to give an object
// its names in advance needs it.
type Members interface {
	Dynamic

	// Hidden lists the names that Get knows and Keys does not have.
	Hidden() []string
	// Fixed reports that Keys and Hidden never change.
	Fixed() bool
}

var _ = []Members{(*domNode)(nil), (*domList)(nil), (*hostDynamic)(nil), (*treeNode)(nil)}

// The names of the DOM that are not enumerable.
var (
	everyNode    = []string{"ownerDocument", "parentNode", "firstChild", "lastChild", "nextSibling", "previousSibling", "hasChildNodes"}
	parentNode   = []string{"getElementsByTagName", "getElementsByTagNameNS", "children", "firstElementChild", "lastElementChild", "childElementCount"}
	documentOnly = append(append([]string{"documentElement"}, everyNode...), parentNode...)
	elementOnly  = append(append([]string{"tagName", "localName", "prefix", "namespaceURI", "hasAttributes", "getAttribute",
		"getAttributeNS", "getAttributeNode", "hasAttribute"}, everyNode...), parentNode...)
	attributeOnly = append([]string{"name", "localName", "prefix", "namespaceURI", "value", "specified", "ownerElement"}, everyNode...)
	textOnly      = append([]string{"data", "wholeText", "length"}, everyNode...)
	listOnly      = []string{"length", "item", "getNamedItem"}
)

func (n *domNode) Hidden() []string {
	switch n.kind {
	case documentNode:
		return documentOnly
	case elementNode:
		return elementOnly
	case attributeNode:
		return attributeOnly
	}
	return textOnly
}

func (n *domNode) Fixed() bool { return true }

func (l *domList) Hidden() []string { return listOnly }

func (l *domList) Fixed() bool { return true }

func (h *hostDynamic) Hidden() []string { return nil }

func (h *hostDynamic) Fixed() bool { return false }

func (n *treeNode) Hidden() []string { return nil }

func (n *treeNode) Fixed() bool {
	_, host := n.value.(datamodel.HostObject)
	return !host
}
