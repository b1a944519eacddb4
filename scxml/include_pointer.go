package scxml

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/antchfx/xmlquery"
	"github.com/antchfx/xpath"
)

// Limits of the xpointers of one document. Expressions are short, but what they
// ask for can take the power of the size of the document.
const (
	maxPointer      = 1024
	maxPointerSteps = 5_000_000
)

var errPointerSteps = errors.New("it takes too long; name the element by its id")

// selectElements returns the elements that an xpointer names, in the tree of the
// root: an id, or parts of the schemes element(), xpointer() and xmlns(), of
// which the first that names something counts (XPointer Framework). namespaces
// are those in force where the pointer stands; steps is what is left of
// maxPointerSteps.
func selectElements(root *xmlquery.Node, pointer string, namespaces map[string]string, steps *int) ([]*xmlquery.Node, error) {
	if len(pointer) > maxPointer {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(pointer), maxPointer)
	}
	if !strings.Contains(pointer, "(") {
		if strings.ContainsAny(pointer, " \t\r\n)/") {
			return nil, errors.New("this is no id")
		}
		return one(byID(root, pointer)), nil
	}
	for rest := pointer; rest != ""; {
		scheme, data, after, err := pointerPart(rest)
		if err != nil {
			return nil, err
		}
		rest = after
		var found []*xmlquery.Node
		switch scheme {
		case "element":
			found, err = childSequence(root, data)
		case "xpointer", "xpath1":
			found, err = selectXPath(root, data, namespaces, steps)
		case "xmlns":
			prefix, uri, ok := strings.Cut(data, "=")
			if !ok {
				return nil, fmt.Errorf("xmlns(%s) has no =", data)
			}
			namespaces[trimSpace(prefix)] = trimSpace(uri)
		default:
			return nil, fmt.Errorf("unknown scheme %q; element, xpointer and xmlns are known", scheme)
		}
		if err != nil || len(found) > 0 {
			return found, err
		}
	}
	return nil, nil
}

func one(n *xmlquery.Node) []*xmlquery.Node {
	if n == nil {
		return nil
	}
	return []*xmlquery.Node{n}
}

// pointerPart cuts "scheme(data)" off. Parentheses in data are balanced or
// escaped by a circumflex.
func pointerPart(s string) (scheme, data, rest string, err error) {
	scheme, s, ok := strings.Cut(s, "(")
	scheme = trimSpace(scheme)
	if !ok || scheme == "" {
		return "", "", "", fmt.Errorf("%q is no part of a pointer", shortened(scheme+s, 40))
	}
	var b strings.Builder
	open := 1
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '^':
			if i+1 < len(s) && strings.IndexByte("^()", s[i+1]) >= 0 {
				i++
				b.WriteByte(s[i])
				continue
			}
			return "", "", "", errors.New("a ^ stands before (, ) or ^ only")
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return scheme, b.String(), trimSpace(s[i+1:]), nil
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", "", errors.New("a ) is missing")
}

// byID returns the first element with an id.
func byID(n *xmlquery.Node, id string) *xmlquery.Node {
	for _, a := range n.Attr {
		if isID(a) && trimSpace(a.Value) == id {
			return n
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xmlquery.ElementNode {
			if found := byID(c, id); found != nil {
				return found
			}
		}
	}
	return nil
}

// childSequence follows the element() scheme: "id", "id/1/2" or "/1/2".
func childSequence(root *xmlquery.Node, data string) ([]*xmlquery.Node, error) {
	id, path, hasPath := strings.Cut(trimSpace(data), "/")
	n := root.Parent
	if id != "" {
		if n = byID(root, id); n == nil {
			return nil, nil
		}
	}
	if !hasPath {
		return one(n), nil
	}
	for _, step := range strings.Split(path, "/") {
		count, err := strconv.Atoi(step)
		if err != nil || count < 1 {
			return nil, fmt.Errorf("%q is no number of a child element", step)
		}
		if n = child(n, count); n == nil {
			return nil, nil
		}
	}
	return one(n), nil
}

// child returns the count-th child element, from 1.
func child(n *xmlquery.Node, count int) *xmlquery.Node {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type == xmlquery.ElementNode {
			if count--; count == 0 {
				return c
			}
		}
	}
	return nil
}

// selectXPath evaluates an XPath expression that selects elements. An unprefixed
// name stands for elements without a prefix, whatever their namespace.
func selectXPath(root *xmlquery.Node, expr string, namespaces map[string]string, steps *int) (found []*xmlquery.Node, err error) {
	// The XPath package panics on some expressions that it does not understand,
	// and the navigator does when it has gone too far.
	defer func() {
		if r := recover(); r != nil {
			found, err = nil, fmt.Errorf("%v", r)
		}
	}()
	compiled, err := xpath.CompileWithNS(idFunction(expr), namespaces)
	if err != nil {
		return nil, err
	}
	nav := &navigator{NodeNavigator: xmlquery.CreateXPathNavigator(root.Parent), steps: steps}
	seen := map[*xmlquery.Node]bool{}
	for it := compiled.Select(nav); it.MoveNext(); {
		at := it.Current().(*navigator)
		n := at.NodeNavigator.Current()
		switch at.NodeType() {
		case xpath.RootNode:
			n = root
		case xpath.ElementNode:
		default:
			return nil, errors.New("it selects something that is no element")
		}
		if !seen[n] {
			seen[n] = true
			found = append(found, n)
		}
	}
	return found, nil
}

// idFunction replaces id('x') at the beginning, which the XPath package does not
// have.
func idFunction(expr string) string {
	s := trimSpace(expr)
	rest, ok := strings.CutPrefix(s, "id(")
	if !ok {
		return s
	}
	name, rest, ok := strings.Cut(rest, ")")
	if !ok || len(trimSpace(name)) < 2 {
		return s
	}
	return "//*[@id=" + trimSpace(name) + "]" + rest
}

// navigator counts how far it goes.
type navigator struct {
	*xmlquery.NodeNavigator
	steps *int
}

func (n *navigator) step(cost int) {
	if *n.steps -= cost; *n.steps < 0 {
		panic(errPointerSteps)
	}
}

func (n *navigator) Copy() xpath.NodeNavigator {
	n.step(1)
	return &navigator{n.NodeNavigator.Copy().(*xmlquery.NodeNavigator), n.steps}
}

func (n *navigator) MoveTo(other xpath.NodeNavigator) bool {
	n.step(1)
	o, ok := other.(*navigator)
	return ok && n.NodeNavigator.MoveTo(o.NodeNavigator)
}

func (n *navigator) Value() string {
	v := n.NodeNavigator.Value()
	n.step(1 + len(v)/16)
	return v
}

func (n *navigator) MoveToRoot()        { n.step(1); n.NodeNavigator.MoveToRoot() }
func (n *navigator) MoveToParent() bool { n.step(1); return n.NodeNavigator.MoveToParent() }
func (n *navigator) MoveToNextAttribute() bool {
	n.step(1)
	return n.NodeNavigator.MoveToNextAttribute()
}
func (n *navigator) MoveToChild() bool    { n.step(1); return n.NodeNavigator.MoveToChild() }
func (n *navigator) MoveToFirst() bool    { n.step(1); return n.NodeNavigator.MoveToFirst() }
func (n *navigator) MoveToNext() bool     { n.step(1); return n.NodeNavigator.MoveToNext() }
func (n *navigator) MoveToPrevious() bool { n.step(1); return n.NodeNavigator.MoveToPrevious() }
