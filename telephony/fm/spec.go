package fm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// Spec describes a module as data: its elements and their attributes, its
// events and what it offers to scripts. The module compiles documents by it, and the
// reference document is generated from it.
type Spec struct {
	Name      string // "interaction"
	Prefix    string // the usual one: "ixn"
	Namespace string // with "http://"; documents may leave that out
	Root      string // of what scripts see: "_genesys.ixn"; empty: nothing
	Needs     string // what the host has to connect, and what happens without; empty: nothing
	Elements  []ElementSpec
	Members   []MemberSpec // of Root
	Events    []EventSpec  // that answer no action
}

// ElementSpec is an element of a module.
type ElementSpec struct {
	Name       string
	Namespace  string // of a child from another namespace; empty: that of the module
	Attributes []AttributeSpec
	Children   []ElementSpec
	Min, Max   int // as a child: how many there may be; Max 0: any number

	// Event is the stem of the events that answer the action: "interaction.redirect"
	// for interaction.redirect.done and error.interaction.redirect. Empty: none.
	Event    string
	Accepted bool     // Event+".requestid" comes first
	Numeric  bool     // request ids are numbers
	Data     []string // that the done event may carry beside requestid
	Errors   []string // codes that error of the error event may have
	Failed   []string // what the error event may carry beside requestid, error and description

	Status Status
	Note   string // one sentence; may be empty
}

// Kind says what an attribute holds.
type Kind uint8

// The kinds.
const (
	ValueKind    Kind = iota // an expression
	LocationKind             // a place that the platform writes to
	TokenKind                // text that stands for itself
)

var kindNames = [...]string{"value", "location", "token"}

func (k Kind) String() string { return kindNames[k] }

// AttributeSpec is an attribute.
type AttributeSpec struct {
	Name     string
	Kind     Kind
	Required bool
	Values   []string // that a token may have; nil: any
	Default  string   // what its absence means; may be empty
	Note     string
	Status   Status // Supported or Ignored
}

// MemberSpec is a property or a function that scripts see.
type MemberSpec struct {
	Name   string // "getuData(key, interactionid)", "mediaType"
	Status Status
	Note   string
}

// EventSpec is an event that answers no action.
type EventSpec struct {
	Name string
	Data []string
	Note string
}

// Status says how far something is here.
type Status uint8

// The states of an element, a function or a property.
const (
	Supported   Status = iota
	Partial            // the note says what is missing
	Unsupported        // accepted in documents; answered with its error event, or the function throws
	Ignored            // accepted in documents and not looked at
)

var statusNames = [...]string{"works", "works in part", "fails", "not looked at"}

func (s Status) String() string { return statusNames[s] }

// requestID is the attribute that nearly every action has.
func requestID() AttributeSpec {
	return AttributeSpec{Name: "requestid", Kind: LocationKind, Note: "gets the id that the answering events carry"}
}

// values makes attributes that are expressions and may be missing.
func values(names ...string) []AttributeSpec {
	all := make([]AttributeSpec, len(names))
	for i, name := range names {
		all[i] = AttributeSpec{Name: name}
	}
	return all
}

// namespaces returns both spellings of the module's namespace.
func (s *Spec) namespaces() []string {
	return []string{s.Namespace, strings.TrimPrefix(s.Namespace, "http://")}
}

// element returns the action with the given name.
func (s *Spec) element(name string) *ElementSpec {
	i := slices.IndexFunc(s.Elements, func(e ElementSpec) bool { return e.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Elements[i]
}

// compile checks an action against the table. It returns nil when the module has
// no such action, which it reports.
func (s *Spec) compile(e *scxml.Element, c *scxml.Compiler) *node {
	spec := s.element(e.Name)
	if spec == nil {
		names := make([]string, len(s.Elements))
		for i := range s.Elements {
			names[i] = s.Elements[i].Name
		}
		c.Problem(scxml.Error, e.Pos, fmt.Sprintf("<%s> is no action of the %s module", e.Name, s.Name),
			c.Suggest(e.Name, names, "its actions are "+strings.Join(names, ", ")))
		return nil
	}
	return spec.compile(e, c)
}

// node is a compiled element. As an action it evaluates its attributes and
// children, writes requestid and emits the effect.
type node struct {
	name      string
	requestID *scxml.Expression // location; nil without
	numeric   bool              // request ids are numbers
	locations []value           // further ones, which the module writes
	values    []value
	tokens    []datamodel.Member
	children  []*node
}

// value is an attribute whose value is an expression.
type value struct {
	name string
	expr *scxml.Expression
}

func (s *ElementSpec) compile(e *scxml.Element, c *scxml.Compiler) *node {
	n := &node{name: s.Name, numeric: s.Numeric}
	names := make([]string, len(s.Attributes))
	for i, a := range s.Attributes {
		names[i] = a.Name
		n.attribute(e, &a, c)
	}
	c.Allowed(e, names...)
	counts := make([]int, len(s.Children))
	for _, child := range e.Children {
		i := s.child(e, child)
		if i < 0 {
			c.Problem(scxml.Error, child.Pos, fmt.Sprintf("<%s> may not stand inside <%s>", child.Name, e.Name), s.holds(child.Name, c))
			continue
		}
		if counts[i]++; s.Children[i].Max > 0 && counts[i] == s.Children[i].Max+1 {
			c.Problem(scxml.Error, child.Pos, fmt.Sprintf("more than %d <%s> in <%s>", s.Children[i].Max, child.Name, e.Name), "")
		}
		n.children = append(n.children, s.Children[i].compile(child, c))
	}
	for i := range counts {
		if counts[i] < s.Children[i].Min {
			c.Problem(scxml.Error, e.Pos, fmt.Sprintf("<%s> needs %d <%s> inside", e.Name, s.Children[i].Min, s.Children[i].Name), "")
		}
	}
	return n
}

func (n *node) attribute(e *scxml.Element, a *AttributeSpec, c *scxml.Compiler) {
	at, ok := e.Attr(a.Name)
	switch {
	case !ok && a.Required:
		hint := a.Note
		if hint == "" && a.Kind == ValueKind {
			hint = "its value is an expression"
		}
		c.Problem(scxml.Error, e.Pos, fmt.Sprintf("<%s> needs the attribute %s", e.Name, a.Name), hint)
	case !ok:
	case a.Kind == LocationKind && a.Name == argRequest:
		n.requestID = c.Location(at)
	case a.Kind == LocationKind:
		n.locations = append(n.locations, value{a.Name, c.Location(at)})
	case a.Kind == TokenKind:
		if a.Values != nil && !slices.Contains(a.Values, at.Value) {
			c.Problem(scxml.Warning, at.Pos, fmt.Sprintf("%q is no value of the attribute %s", at.Value, a.Name),
				c.Suggest(at.Value, a.Values, "it is one of "+strings.Join(a.Values, ", ")))
		}
		n.tokens = append(n.tokens, datamodel.Member{Name: a.Name, Value: at.Value})
	default:
		n.values = append(n.values, value{a.Name, c.Expression(at, datamodel.ValueExpression)})
	}
}

// child finds the table entry of a child; -1 when it has no place here.
func (s *ElementSpec) child(e, child *scxml.Element) int {
	return slices.IndexFunc(s.Children, func(x ElementSpec) bool {
		if x.Namespace == "" {
			return x.Name == child.Name && child.Namespace == e.Namespace
		}
		return x.Name == child.Name && strings.TrimPrefix(child.Namespace, "http://") == strings.TrimPrefix(x.Namespace, "http://")
	})
}

func (s *ElementSpec) holds(name string, c *scxml.Compiler) string {
	if len(s.Children) == 0 {
		return "put it beside the action"
	}
	names := make([]string, len(s.Children))
	for i := range s.Children {
		names[i] = s.Children[i].Name
	}
	return c.Suggest(name, names, "it holds "+strings.Join(names, ", "))
}

// Execute implements scxml.Action.
func (n *node) Execute(x *scxml.Exec) error {
	args, id, err := n.evaluate(x)
	if err != nil {
		return err
	}
	x.Call(id, args)
	return nil
}

// The members of arguments that stand for the children of an element.
const (
	argElement  = "element"  // name of a child
	argChildren = "children" // its children, in document order
	argRequest  = "requestid"
)

// evaluate returns the attributes by name and the children, each an object of
// the same form with its element name, and writes the request id.
func (n *node) evaluate(x *scxml.Exec) (args *datamodel.Object, id string, err error) {
	if args, err = n.arguments(x); err != nil {
		return nil, "", err
	}
	id, err = n.newRequest(x)
	return args, id, err
}

func (n *node) arguments(x *scxml.Exec) (*datamodel.Object, error) {
	args := datamodel.NewObject(n.tokens...)
	for _, v := range n.values {
		got, err := x.Eval(v.expr)
		if err != nil {
			return nil, err
		}
		args.Set(v.name, got)
	}
	if len(n.children) == 0 {
		return args, nil
	}
	children := make([]datamodel.Value, len(n.children))
	for i, c := range n.children {
		child, err := c.arguments(x)
		if err != nil {
			return nil, err
		}
		child.Set(argElement, c.name)
		if c.requestID != nil {
			id, err := c.newRequest(x)
			if err != nil {
				return nil, err
			}
			child.Set(argRequest, id)
		}
		children[i] = child
	}
	args.Set(argChildren, children)
	return args, nil
}

// newRequest makes up a request id and writes it where the element says.
func (n *node) newRequest(x *scxml.Exec) (string, error) {
	id := x.NewID()
	if n.requestID == nil {
		return id, nil
	}
	var written datamodel.Value = id
	if n.numeric {
		written = numberOfID(id)
	}
	return id, x.Assign(n.requestID, written)
}

// childrenOf returns the children of an element by name, all with an empty one.
func childrenOf(args *datamodel.Object, name string) []*datamodel.Object {
	list, _ := args.Get(argChildren)
	given, _ := list.([]datamodel.Value)
	var found []*datamodel.Object
	for _, v := range given {
		if o, ok := v.(*datamodel.Object); ok && (name == "" || text(o, argElement) == name) {
			found = append(found, o)
		}
	}
	return found
}

// text returns a member as text, empty when it is not there.
func text(o *datamodel.Object, name string) string {
	v, _ := o.Get(name)
	return asText(v)
}
