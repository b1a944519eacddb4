package fm

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/seed-ff723688/ors/datamodel"
)

// interactions is the session's part of the interaction module: _genesys.ixn.
// It changes only as the result of events, which carry the new state of an
// interaction in their context.
type interactions struct{ list []*interaction }

// interaction is one entry of _genesys.ixn.interactions.
type interaction struct {
	id    string
	state *datamodel.Object // as it came
	view  *view             // what scripts see of it
}

func newInteractions() *interactions { return &interactions{} }

// The members of an event's context.
const (
	contextID    = "interactionid"
	contextState = "interaction" // missing: the interaction is not the session's any more
)

// contextOf makes the context of an event about an interaction.
func contextOf(id string, state *datamodel.Object) datamodel.Value {
	o := datamodel.NewObject(datamodel.Member{Name: contextID, Value: id})
	if state != nil {
		o.Set(contextState, state)
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
	s.set(id, state)
}

// set adds or updates an interaction, or removes it when state is nil.
func (s *interactions) set(id string, state *datamodel.Object) {
	for i, x := range s.list {
		if x.id != id {
			continue
		}
		if state == nil {
			s.list = append(s.list[:i:i], s.list[i+1:]...)
			return
		}
		x.state = state
		x.view.update(state)
		return
	}
	if state != nil {
		x := &interaction{id: id, state: state, view: &view{}}
		x.view.update(state)
		s.list = append(s.list, x)
	}
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
	all := make([]datamodel.Value, len(s.list))
	for i, x := range s.list {
		all[i] = contextOf(x.id, x.state)
	}
	return datamodel.AppendValue(dst, all), nil
}

// Restore implements scxml.ModuleState.
func (s *interactions) Restore(snapshot []byte) error {
	v, rest, err := datamodel.ReadValue(snapshot)
	all, ok := v.([]datamodel.Value)
	switch {
	case err != nil:
		return fmt.Errorf("fm: snapshot of the interactions: %w", err)
	case !ok || len(rest) > 0:
		return errors.New("fm: snapshot of the interactions is damaged")
	}
	s.list = nil
	for _, entry := range all {
		s.Deliver(&datamodel.Event{Context: entry})
	}
	if len(s.list) != len(all) {
		return errors.New("fm: snapshot of the interactions is damaged")
	}
	return nil
}

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
	return []string{"interactions", "firstixnid", "mediaType", "getuData", "getMediaIntValue"}
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
	case "getuData":
		return datamodel.Func(r.userData), true
	case "getMediaIntValue":
		return datamodel.Func(mediaNumber), true
	}
	return nil, false
}

// userData is getuData(key [, interactionid]).
func (r *root) userData(args []datamodel.Value) (datamodel.Value, error) {
	if len(args) == 0 {
		return nil, errors.New("getuData needs a key")
	}
	var x *interaction
	if len(args) > 1 && args[1] != nil {
		x = r.s.find(asText(args[1]))
	} else if len(r.s.list) > 0 {
		x = r.s.list[0]
	}
	if x == nil {
		return nil, errors.New("getuData: the session has no such interaction")
	}
	data, _ := x.view.Get("udata")
	if v, ok := data.(*view); ok {
		got, _ := v.Get(asText(args[0]))
		return got, nil
	}
	return nil, nil
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
	names  []string
	values map[string]datamodel.Value
}

// update makes v show o. Nested views stay the same objects.
func (v *view) update(o *datamodel.Object) {
	old := v.values
	v.names, v.values = make([]string, 0, o.Len()), make(map[string]datamodel.Value, o.Len())
	for _, m := range o.Members() {
		value := m.Value
		if inner, ok := value.(*datamodel.Object); ok {
			nested, ok := old[m.Name].(*view)
			if !ok {
				nested = &view{}
			}
			nested.update(inner)
			value = nested
		}
		v.names = append(v.names, m.Name)
		v.values[m.Name] = value
	}
}

// Names implements datamodel.HostObject.
func (v *view) Names() []string { return v.names }

// Get implements datamodel.HostObject.
func (v *view) Get(name string) (datamodel.Value, bool) {
	value, ok := v.values[name]
	return value, ok
}

// mediaNames are the media types, at their numbers.
var mediaNames = [...]string{"TMediaVoice", "TMediaVoIP", "TMediaEMail", "TMediaVMail", "TMediaSMail", "TMediaChat", "TMediaVideo",
	"TMediaCobrowsing", "TMediaWhiteboard", "TMediaAppSharing", "TMediaWebform", "TMediaWorkItem", "TMediaCallback",
	"TMediaFax", "TMediaIMChat", "TMediaBusinessEvent", "TMediaAlert", "TMediaSMS"}

func mediaTypes() *view {
	o := datamodel.NewObject()
	for i, name := range mediaNames {
		o.Set(name, float64(i))
	}
	v := &view{}
	v.update(o)
	return v
}

// mediaNumber is getMediaIntValue(media): -1 for an unknown name.
func mediaNumber(args []datamodel.Value) (datamodel.Value, error) {
	if len(args) > 0 {
		for i, name := range mediaNames {
			if asText(args[0]) == name {
				return float64(i), nil
			}
		}
	}
	return float64(-1), nil
}
