package ecmascript

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
)

// assigned is the name under which a compiled location finds the value that
// Model.Assign assigns to it.
const assigned = "_assigned"

// maxHostObjects is the number of host objects whose identity is kept.
const maxHostObjects = 1000

// The names that every session has (section 5.10), and ours.
var systemNames = []string{"_event", "_sessionid", "_name", "_ioprocessors", "_x", "In", assigned}

// scope serves the read-only global names of a session. Everything is made when
// a script reads it for the first time.
type scope struct {
	m     *model
	event *datamodel.Event

	eventValue Value // the object of event
	sessionID  Value
	name       Value
	processors Value
	x          Value
	in         Value
	data       Value

	globals map[string]*treeNode // the roots of Host.Globals
	names   []string
	hosts   map[datamodel.HostObject]Value
}

func (s *scope) init(m *model) error {
	s.m = m
	s.names = systemNames
	if m.host.Legacy != nil {
		s.names = slices.Concat(systemNames, []string{dataName})
	}
	if len(m.host.Globals) == 0 {
		return nil
	}
	s.globals = map[string]*treeNode{}
	for _, path := range slices.Sorted(maps.Keys(m.host.Globals)) {
		if err := s.addGlobal(path, m.host.Globals[path]); err != nil {
			return err
		}
	}
	s.names = append(slices.Clone(s.names), slices.Sorted(maps.Keys(s.globals))...)
	return nil
}

// addGlobal adds a dotted path. Paths come in the order of their names, so that
// a name comes before those below it.
func (s *scope) addGlobal(path string, v datamodel.Value) error {
	parts := strings.Split(path, ".")
	for _, p := range parts {
		if !isIdentifier(p) {
			return fmt.Errorf("ecmascript: Host.Globals: %q is not a name or a dotted path of names", path)
		}
	}
	if slices.Contains(s.names, parts[0]) {
		return fmt.Errorf("ecmascript: Host.Globals: %q is a system variable", path)
	}
	n := s.globals[parts[0]]
	if n == nil {
		n = &treeNode{m: s.m, path: parts[0]}
		s.globals[parts[0]] = n
	}
	for _, p := range parts[1:] {
		n = n.child(p)
	}
	n.value, n.given = v, true
	return nil
}

// Names lists the read-only names.
func (s *scope) Names() []string { return s.names }

// has reports whether name is read-only.
func (s *scope) has(name string) bool {
	if name == "In" || strings.HasPrefix(name, "_") && slices.Contains(systemNames, name) || name == dataName && s.m.host.Legacy != nil {
		return true
	}
	_, ok := s.globals[name]
	return ok
}

// Lookup returns the value of a read-only name.
func (s *scope) Lookup(name string) (Value, bool) {
	rt := s.m.rt
	switch name {
	case "_event":
		if s.eventValue == nil {
			if s.event == nil {
				return rt.Undefined(), true
			}
			s.eventValue = rt.NewDynamic(&eventObject{m: s.m, event: *s.event})
		}
		return s.eventValue, true
	case "_sessionid":
		if s.sessionID == nil {
			s.sessionID = rt.FromText(s.m.host.SessionID)
		}
		return s.sessionID, true
	case "_name":
		if s.name == nil {
			s.name = rt.FromText(s.m.host.Name)
		}
		return s.name, true
	case "_ioprocessors":
		if s.processors == nil {
			s.processors = s.m.fixed(ioProcessors(s.m.host.IOProcessors))
		}
		return s.processors, true
	case "_x":
		if s.x == nil {
			s.x = rt.NewDynamic(&dataObject{m: s.m, data: s.m.host.X})
		}
		return s.x, true
	case "In":
		if s.in == nil {
			s.in = rt.NewFunc("In", s.callIn)
		}
		return s.in, true
	case dataName:
		if s.m.host.Legacy != nil {
			return s.dataRoot(), true
		}
	case assigned:
		if s.m.staged == nil {
			return rt.Undefined(), true
		}
		return s.m.staged, true
	}
	if n := s.globals[name]; n != nil {
		return n.object(), true
	}
	return nil, false
}

// Peek reads a primitive value inside of _event.
func (s *scope) Peek(path []string) (Value, bool) {
	if len(path) < 2 || path[0] != "_event" || s.event == nil {
		return nil, false
	}
	rt, ev := s.m.rt, s.event
	if len(path) == 2 {
		switch path[1] {
		case "name":
			return rt.FromText(ev.Name), true
		case "type":
			return rt.FromText(ev.Type.String()), true
		}
	}
	if path[1] != "data" {
		return nil, false
	}
	v := ev.Data
	for _, name := range path[2:] {
		o, ok := v.(*datamodel.Object)
		if !ok {
			return nil, false
		}
		if v, ok = o.Get(name); !ok {
			return nil, false
		}
	}
	switch v := v.(type) {
	case datamodel.Null:
		return rt.Null(), true
	case bool:
		return rt.FromBool(v), true
	case float64:
		return rt.FromNumber(v), true
	case string:
		return rt.FromText(v), true
	}
	return nil, false
}

var _ Peeker = (*scope)(nil)

func (s *scope) callIn(args []Value) (Value, error) {
	rt := s.m.rt
	if len(args) == 0 {
		return rt.FromBool(false), nil
	}
	return rt.FromBool(s.m.host.In(rt.ToString(args[0]))), nil
}

// ioProcessors is the value of _ioprocessors (section 5.10): an object with a
// location for each processor.
func ioProcessors(locations map[string]string) *datamodel.Object {
	o := datamodel.NewObject()
	for _, name := range slices.Sorted(maps.Keys(locations)) {
		o.Set(name, datamodel.NewObject(datamodel.Member{Name: "location", Value: locations[name]}))
	}
	return o
}

// eventObject is the value of _event. It keeps the event as it was, also after
// the next one has come.
type eventObject struct {
	m     *model
	event datamodel.Event
	data  Value // converted on the first read
}

var eventFields = []string{"name", "type", "sendid", "origin", "origintype", "invokeid", "data", "raw"}

func (o *eventObject) Get(name string) (Value, bool) {
	ev := &o.event
	switch name {
	case "name":
		return o.m.rt.FromText(ev.Name), true
	case "type":
		return o.m.rt.FromText(ev.Type.String()), true
	case "sendid":
		return o.text(ev.SendID), true
	case "origin":
		return o.text(ev.Origin), true
	case "origintype":
		return o.text(ev.OriginType), true
	case "invokeid":
		return o.text(ev.InvokeID), true
	case "raw":
		return o.text(ev.Raw), ev.Raw != ""
	case "data":
		if o.data == nil {
			o.data = o.m.fixed(ev.Data)
		}
		return o.data, true
	}
	return nil, false
}

func (o *eventObject) text(s string) Value {
	if s == "" {
		return o.m.rt.Undefined()
	}
	return o.m.rt.FromText(s)
}

func (o *eventObject) Lenient() bool { return o.m.lenient() }

func (o *eventObject) Keys() []string {
	if o.event.Raw == "" {
		return eventFields[:len(eventFields)-1]
	}
	return eventFields
}

func memberNames(o *datamodel.Object) []string {
	names := make([]string, o.Len())
	for i, m := range o.Members() {
		names[i] = m.Name
	}
	return names
}

// treeNode is a name of Host.Globals or a part of its path. It may have a value
// of its own, names below it, or both.
type treeNode struct {
	m        *model
	path     string
	value    datamodel.Value
	given    bool
	children []*treeNode
	made     Value
}

func (n *treeNode) name() string { return n.path[strings.LastIndexByte(n.path, '.')+1:] }

func (n *treeNode) child(name string) *treeNode {
	for _, c := range n.children {
		if c.name() == name {
			return c
		}
	}
	c := &treeNode{m: n.m, path: n.path + "." + name}
	n.children = append(n.children, c)
	return c
}

// object is the value that scripts see.
func (n *treeNode) object() Value {
	if n.made != nil {
		return n.made
	}
	if n.given && len(n.children) == 0 {
		switch v := n.value.(type) {
		case datamodel.HostObject:
			n.made = n.m.hostObject(n.path, v)
		case datamodel.Func:
			path := strings.TrimSuffix(strings.TrimSuffix(n.path, n.name()), ".")
			n.made = n.m.function(path, n.name(), v)
		case *datamodel.Object:
			n.made = n.m.fixed(v)
		default:
			v2, err := n.m.in(v)
			if err != nil {
				v2 = n.m.rt.Undefined()
			}
			n.made = v2
		}
		return n.made
	}
	n.made = n.m.rt.NewDynamic(n)
	return n.made
}

func (n *treeNode) Get(name string) (Value, bool) {
	for _, c := range n.children {
		if c.name() == name {
			return c.object(), true
		}
	}
	switch v := n.value.(type) {
	case datamodel.HostObject:
		return (&hostDynamic{n.m, v, n.path}).Get(name)
	case *datamodel.Object:
		return (&dataObject{m: n.m, data: v}).Get(name)
	}
	return nil, false
}

func (n *treeNode) Keys() []string {
	var keys []string
	for _, c := range n.children {
		keys = append(keys, c.name())
	}
	var own []string
	switch v := n.value.(type) {
	case datamodel.HostObject:
		own = v.Names()
	case *datamodel.Object:
		own = memberNames(v)
	}
	for _, k := range own {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

func (n *treeNode) Lenient() bool { return n.m.lenient() }

// hostDynamic is a HostObject as scripts see it.
type hostDynamic struct {
	m    *model
	obj  datamodel.HostObject
	path string // where scripts find it; empty where that is not known
}

func (h *hostDynamic) Get(name string) (Value, bool) {
	v, ok := h.obj.Get(name)
	if !ok {
		return nil, false
	}
	if f, ok := v.(datamodel.Func); ok {
		return h.m.function(h.path, name, f), true
	}
	e, err := h.m.in(v)
	if err != nil {
		return h.m.rt.Undefined(), true
	}
	return e, true
}

func (h *hostDynamic) Keys() []string { return h.obj.Names() }

func (h *hostDynamic) Lenient() bool { return h.m.lenient() }

var (
	_ Lenient = (*treeNode)(nil)
	_ Lenient = (*hostDynamic)(nil)
)

// hostObject returns the one object that stands for a HostObject, which scripts
// find at path.
func (m *model) hostObject(path string, h datamodel.HostObject) Value {
	if !reflect.TypeOf(h).Comparable() {
		return m.rt.NewDynamic(&hostDynamic{m, h, path})
	}
	s := &m.scope
	if v, ok := s.hosts[h]; ok {
		return v
	}
	if s.hosts == nil || len(s.hosts) >= maxHostObjects {
		s.hosts = map[datamodel.HostObject]Value{}
	}
	v := m.rt.NewDynamic(&hostDynamic{m, h, path})
	s.hosts[h] = v
	return v
}
