package fm

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// interactions is the session's part of the interaction module: _genesys.ixn.
// It changes as the result of events, which carry the new state of an interaction in
// their context, and by setuData and deleteuData. What those have changed stands
// over the state of events until one carries the number of the change, or a later one.
type interactions struct {
	c         *scxml.ModuleContext // for functions
	connector *Connector           // that is told what a snapshot has; nil: only for parsing
	list      []*interaction
	last      float64 // number of the last change
	writes    []write // in order
}

// interaction is one entry of _genesys.ixn.interactions.
type interaction struct {
	id    string
	state *datamodel.Object // as it came
	view  *view             // what scripts see of it
}

// write is a change of user data that has not come back yet.
type write struct {
	id     string
	number float64
	args   *datamodel.Object
}

// The members of an event's context.
const (
	contextID      = "interactionid"
	contextState   = "interaction" // missing: the interaction is not the session's any more
	contextApplied = "applied"     // the last change of user data that is in the state
)

// contextOf makes the context of an event about an interaction.
func contextOf(id string, state *datamodel.Object, applied float64) datamodel.Value {
	o := datamodel.NewObject(datamodel.Member{Name: contextID, Value: id})
	if state != nil {
		o.Set(contextState, state)
		o.Set(contextApplied, applied)
	}
	return o
}

// Deliver implements scxml.ModuleState.
func (s *interactions) Deliver(ev *datamodel.Event) {
	context, ok := ev.Context.(*datamodel.Object)
	if !ok {
		return
	}
	id := text(context, contextID)
	if id == "" {
		return
	}
	given, _ := context.Get(contextState)
	state, _ := given.(*datamodel.Object)
	number, _ := context.Get(contextApplied)
	applied, _ := number.(float64)
	s.writes = slices.DeleteFunc(s.writes, func(w write) bool { return w.id == id && (state == nil || w.number <= applied) })
	s.set(id, state)
}

// set adds or updates an interaction, or removes it when state is nil.
func (s *interactions) set(id string, state *datamodel.Object) {
	x := s.find(id)
	switch {
	case state == nil:
		s.list = slices.DeleteFunc(s.list, func(x *interaction) bool { return x.id == id })
		return
	case x == nil:
		x = &interaction{id: id, view: &view{}}
		s.list = append(s.list, x)
	}
	x.state = state
	s.show(x)
}

// show brings what scripts see up to date.
func (s *interactions) show(x *interaction) {
	state := x.state
	for _, w := range s.writes {
		if w.id == x.id {
			state = changed(state, w.args)
		}
	}
	x.view.update(state)
}

func (s *interactions) find(id string) *interaction {
	for _, x := range s.list {
		if x.id == id {
			return x
		}
	}
	return nil
}

// Snapshot implements scxml.ModuleState.
func (s *interactions) Snapshot(dst []byte) ([]byte, error) {
	list, writes := make([]datamodel.Value, len(s.list)), make([]datamodel.Value, len(s.writes))
	for i, x := range s.list {
		list[i] = contextOf(x.id, x.state, 0)
	}
	for i, w := range s.writes {
		writes[i] = datamodel.NewObject(datamodel.Member{Name: contextID, Value: w.id},
			datamodel.Member{Name: "number", Value: w.number}, datamodel.Member{Name: "args", Value: w.args})
	}
	return datamodel.AppendValue(dst, datamodel.NewObject(
		datamodel.Member{Name: "interactions", Value: list},
		datamodel.Member{Name: "last", Value: s.last},
		datamodel.Member{Name: "writes", Value: writes},
	)), nil
}

// Restore implements scxml.ModuleState.
func (s *interactions) Restore(snapshot []byte) error {
	v, rest, err := datamodel.ReadValue(snapshot)
	if err != nil {
		return fmt.Errorf("fm: snapshot of the interactions: %w", err)
	}
	damaged := errors.New("fm: snapshot of the interactions is damaged")
	all, ok := v.(*datamodel.Object)
	if !ok || len(rest) > 0 {
		return damaged
	}
	given, _ := all.Get("writes")
	writes, okWrites := given.([]datamodel.Value)
	given, _ = all.Get("interactions")
	list, okList := given.([]datamodel.Value)
	given, _ = all.Get("last")
	last, okLast := given.(float64)
	if !okWrites || !okList || !okLast {
		return damaged
	}
	s.list, s.writes, s.last = nil, nil, last
	for _, entry := range writes {
		o, _ := entry.(*datamodel.Object)
		args, _ := o.Get("args")
		number, _ := o.Get("number")
		w := write{id: text(o, contextID)}
		var okNumber, okArgs bool
		if w.number, okNumber = number.(float64); !okNumber {
			return damaged
		}
		if w.args, okArgs = args.(*datamodel.Object); !okArgs {
			return damaged
		}
		s.writes = append(s.writes, w)
	}
	for _, entry := range list {
		s.Deliver(&datamodel.Event{Context: entry})
	}
	if len(s.list) != len(list) {
		return damaged
	}
	if s.connector != nil && len(s.list) > 0 {
		s.connector.restored(s.c.SessionID(), s.list)
	}
	return nil
}

// Resident implements scxml.Resident: what happens to an interaction comes as an event,
// which brings the session back.
func (*interactions) Resident() bool { return false }

// Followed implements scxml.Followed: after a restart the Connector learns of the
// interactions from the snapshot.
func (s *interactions) Followed() bool { return len(s.list) > 0 }

// Globals implements scxml.ModuleState.
func (s *interactions) Globals() map[string]datamodel.Value {
	return map[string]datamodel.Value{"_genesys.ixn": &root{s: s, list: &listView{s}}}
}

// root is _genesys.ixn.
type root struct {
	s     *interactions
	list  *listView
	media *view // made when it is first asked for
}

// Names implements datamodel.HostObject.
func (*root) Names() []string {
	return []string{"interactions", "firstixnid", "mediaType", "getMediaIntValue", "setuData", "getuData", "deleteuData"}
}

// Get implements datamodel.HostObject.
func (r *root) Get(name string) (datamodel.Value, bool) {
	switch name {
	case "interactions":
		return r.list, true
	case "firstixnid":
		if len(r.s.list) == 0 {
			return nil, true
		}
		return r.s.list[0].id, true
	case "mediaType":
		if r.media == nil {
			r.media = mediaTypes()
		}
		return r.media, true
	case "getMediaIntValue":
		return datamodel.Func(mediaNumber), true
	case "setuData":
		return datamodel.Func(r.s.setUserData), true
	case "getuData":
		return datamodel.Func(r.s.userData), true
	case "deleteuData":
		return datamodel.Func(r.s.deleteUserData), true
	}
	return nil, false
}

// listView is _genesys.ixn.interactions: by position, by interaction id, and
// length.
type listView struct{ s *interactions }

// Names implements datamodel.HostObject: the ids.
func (l *listView) Names() []string {
	names := make([]string, len(l.s.list))
	for i, x := range l.s.list {
		names[i] = x.id
	}
	return names
}

// Get implements datamodel.HostObject.
func (l *listView) Get(name string) (datamodel.Value, bool) {
	if x := l.s.find(name); x != nil {
		return x.view, true
	}
	if name == "length" {
		return float64(len(l.s.list)), true
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(l.s.list) {
		return l.s.list[i].view, true
	}
	return nil, false
}

// view is an object as scripts see it: read-only, the same object for as long
// as the interaction lives, while its members change.
type view struct {
	o      *datamodel.Object
	nested map[string]*view // members that are objects, once they have been asked for
}

// update makes v show o. Nested views stay the same objects.
func (v *view) update(o *datamodel.Object) {
	v.o = o
	for name, inner := range v.nested {
		given, _ := o.Get(name)
		if object, ok := given.(*datamodel.Object); ok {
			inner.update(object)
		} else {
			delete(v.nested, name)
		}
	}
}

// Names implements datamodel.HostObject.
func (v *view) Names() []string {
	names := make([]string, v.o.Len())
	for i, m := range v.o.Members() {
		names[i] = m.Name
	}
	return names
}

// Get implements datamodel.HostObject.
func (v *view) Get(name string) (datamodel.Value, bool) {
	value, ok := v.o.Get(name)
	object, isObject := value.(*datamodel.Object)
	if !isObject {
		return value, ok
	}
	inner := v.nested[name]
	if inner == nil {
		if v.nested == nil {
			v.nested = map[string]*view{}
		}
		inner = &view{o: object}
		v.nested[name] = inner
	}
	return inner, true
}
