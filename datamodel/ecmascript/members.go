package ecmascript

import "github.com/seed-ff723688/ors/datamodel"

// Listed is implemented by a Dynamic that knows more of its names than Keys
// tells. It is for engines that have to give an object its members in advance;
// others ask the Dynamic at every access.
type Listed interface {
	Dynamic
	// Fixed reports that Keys and Hidden never change.
	Fixed() bool
	// Hidden lists the names that Get knows and Keys does not have.
	Hidden() []string
}

var _ = []Listed{(*eventObject)(nil), (*dataObject)(nil), (*domNode)(nil), (*domList)(nil), (*treeNode)(nil)}

// The names of the DOM that are not enumerable.
var (
	ofEveryNode      = []string{"ownerDocument", "parentNode", "firstChild", "lastChild", "nextSibling", "previousSibling", "hasChildNodes"}
	ofParents        = []string{"getElementsByTagName", "getElementsByTagNameNS", "children", "firstElementChild", "lastElementChild", "childElementCount"}
	hiddenOfDocument = append(append([]string{"documentElement"}, ofEveryNode...), ofParents...)
	hiddenOfElement  = append(append([]string{"tagName", "localName", "prefix", "namespaceURI", "hasAttributes", "getAttribute",
		"getAttributeNS", "getAttributeNode", "hasAttribute"}, ofEveryNode...), ofParents...)
	hiddenOfAttribute = append([]string{"name", "localName", "prefix", "namespaceURI", "value", "specified", "ownerElement"}, ofEveryNode...)
	hiddenOfText      = append([]string{"data", "wholeText", "length"}, ofEveryNode...)
	hiddenOfList      = []string{"length", "item", "getNamedItem"}
)

func (o *eventObject) Fixed() bool      { return true }
func (o *eventObject) Hidden() []string { return nil }
func (o *dataObject) Fixed() bool       { return true }
func (o *dataObject) Hidden() []string  { return nil }
func (l *domList) Fixed() bool          { return true }
func (l *domList) Hidden() []string     { return hiddenOfList }
func (n *domNode) Fixed() bool          { return true }

func (n *domNode) Hidden() []string {
	switch n.kind {
	case documentNode:
		return hiddenOfDocument
	case elementNode:
		return hiddenOfElement
	case attributeNode:
		return hiddenOfAttribute
	}
	return hiddenOfText
}

func (n *treeNode) Fixed() bool {
	_, host := n.value.(datamodel.HostObject)
	return !host
}

func (n *treeNode) Hidden() []string { return nil }
