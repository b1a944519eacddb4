package scxml

import "slices"

// element describes one element of the SCXML namespace.
type element struct {
	section  string
	attrs    []string // in no namespace
	required []string
	children []string // elements of the SCXML namespace
	content  contentModel
}

// contentModel says what else may stand in an element.
type contentModel uint8

const (
	onlyElements contentModel = iota
	executable                // executable content, of any namespace
	anything                  // text and markup of any kind
	onlyText
)

// executables are the elements that executable content consists of (section 4).
var executables = []string{"raise", "if", "foreach", "log", "assign", "script", "send", "cancel"}

// elements is the vocabulary of SCXML 1.0.
var elements = map[string]*element{
	"scxml": {section: "3.2", attrs: []string{"initial", "name", "version", "datamodel", "binding"},
		children: []string{"state", "parallel", "final", "datamodel", "script"}},
	"state": {section: "3.3", attrs: []string{"id", "initial"},
		children: []string{"onentry", "onexit", "transition", "initial", "state", "parallel", "final", "history", "datamodel", "invoke"}},
	"parallel": {section: "3.4", attrs: []string{"id"},
		children: []string{"onentry", "onexit", "transition", "state", "parallel", "history", "datamodel", "invoke"}},
	"transition": {section: "3.5", attrs: []string{"event", "cond", "target", "type"},
		children: executables, content: executable},
	"initial": {section: "3.6", children: []string{"transition"}},
	"final":   {section: "3.7", attrs: []string{"id"}, children: []string{"onentry", "onexit", "donedata"}},
	"onentry": {section: "3.8", children: executables, content: executable},
	"onexit":  {section: "3.9", children: executables, content: executable},
	"history": {section: "3.10", attrs: []string{"id", "type"}, children: []string{"transition"}},

	"raise": {section: "4.2", attrs: []string{"event"}, required: []string{"event"}},
	"if": {section: "4.3", attrs: []string{"cond"}, required: []string{"cond"},
		children: append([]string{"elseif", "else"}, executables...), content: executable},
	"elseif": {section: "4.4", attrs: []string{"cond"}, required: []string{"cond"}},
	"else":   {section: "4.5"},
	"foreach": {section: "4.6", attrs: []string{"array", "item", "index"}, required: []string{"array", "item"},
		children: executables, content: executable},
	"log": {section: "4.7", attrs: []string{"label", "expr"}},

	"datamodel": {section: "5.2", children: []string{"data"}},
	"data":      {section: "5.3", attrs: []string{"id", "src", "expr"}, required: []string{"id"}, content: anything},
	"assign":    {section: "5.4", attrs: []string{"location", "expr"}, required: []string{"location"}, content: anything},
	"donedata":  {section: "5.5", children: []string{"content", "param"}},
	"content":   {section: "5.6", attrs: []string{"expr"}, content: anything},
	"param":     {section: "5.7", attrs: []string{"name", "expr", "location"}, required: []string{"name"}},
	"script":    {section: "5.8", attrs: []string{"src"}, content: onlyText},

	"send": {section: "6.2", attrs: []string{"event", "eventexpr", "target", "targetexpr", "type", "typeexpr", "id", "idlocation", "delay", "delayexpr", "namelist"},
		children: []string{"content", "param"}},
	"cancel": {section: "6.3", attrs: []string{"sendid", "sendidexpr"}},
	"invoke": {section: "6.4", attrs: []string{"type", "typeexpr", "src", "srcexpr", "id", "idlocation", "namelist", "autoforward"},
		children: []string{"param", "finalize", "content"}},
	"finalize": {section: "6.5", children: executables, content: executable},
}

// parentsOf lists the elements in which name may stand, for hints.
func (d *dialect) parentsOf(name string) []string {
	var out []string
	for parent, e := range d.elements {
		if slices.Contains(e.children, name) {
			out = append(out, parent)
		}
	}
	slices.Sort(out)
	return out
}

// elementNames returns the names of all elements, in order.
func (d *dialect) elementNames() []string {
	out := make([]string, 0, len(d.elements))
	for name := range d.elements {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
