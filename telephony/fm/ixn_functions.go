package fm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
)

// mediaNames are the media types, at their numbers. Those from
// TMediaOutboundPreview on have no documented number; they follow in the documented order.
var mediaNames = [...]string{"TMediaVoice", "TMediaVoIP", "TMediaEMail", "TMediaVMail", "TMediaSMail", "TMediaChat", "TMediaVideo",
	"TMediaCobrowsing", "TMediaWhiteboard", "TMediaAppSharing", "TMediaWebform", "TMediaWorkItem", "TMediaCallback",
	"TMediaFax", "TMediaIMChat", "TMediaBusinessEvent", "TMediaAlert", "TMediaSMS",
	"TMediaOutboundPreview", "TMediaOpenMedia", "TMediaNativeSMS", "TMediaAny"}

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
			if strings.EqualFold(asText(args[0]), name) {
				return float64(i), nil
			}
		}
	}
	return float64(-1), nil
}

// The effects of functions, and the members of their arguments.
const (
	callSetData    = "setudata"
	callDeleteData = "deleteudata"

	argID     = "interactionid"
	argData   = "udata"  // what setuData sets
	argKey    = "key"    // what deleteuData deletes; missing: everything
	argNumber = "number" // of the change
)

// current returns the interaction that a function is about: the one whose id is
// argument i, or the first one when that is missing.
func (s *interactions) current(function string, args []datamodel.Value, i int) (*interaction, error) {
	if len(args) > i && args[i] != nil {
		if _, null := args[i].(datamodel.Null); !null {
			if x := s.find(asText(args[i])); x != nil {
				return x, nil
			}
			return nil, fmt.Errorf("%s: the session has no interaction %.80q", function, asText(args[i]))
		}
	}
	if len(s.list) == 0 {
		return nil, errors.New(function + ": the session has no interaction")
	}
	return s.list[0], nil
}

// userData is getuData(key [, interactionid]).
func (s *interactions) userData(args []datamodel.Value) (datamodel.Value, error) {
	if len(args) == 0 {
		return nil, errors.New("getuData needs a key")
	}
	x, err := s.current("getuData", args, 1)
	if err != nil {
		return nil, err
	}
	data, _ := x.view.Get("udata")
	if v, ok := data.(*view); ok {
		got, _ := v.Get(asText(args[0]))
		return got, nil
	}
	return nil, nil
}

// setUserData is setuData(object [, interactionid]). It takes effect at once for
// the session; interaction.udata.changed confirms it.
func (s *interactions) setUserData(args []datamodel.Value) (datamodel.Value, error) {
	if len(args) == 0 {
		return nil, errors.New("setuData needs an object of keys and values")
	}
	given, ok := args[0].(*datamodel.Object)
	if !ok {
		return nil, errors.New("setuData needs an object of keys and values")
	}
	x, err := s.current("setuData", args, 1)
	if err != nil {
		return nil, err
	}
	data := toList(given)
	if err := data.Validate(); err != nil {
		return nil, fmt.Errorf("setuData: %w", err)
	}
	if len(data) > 0 {
		s.write(callSetData, x, datamodel.Member{Name: argData, Value: fromList(data)})
	}
	return nil, nil
}

// deleteUserData is deleteuData([key [, interactionid]]).
func (s *interactions) deleteUserData(args []datamodel.Value) (datamodel.Value, error) {
	x, err := s.current("deleteuData", args, 1)
	if err != nil {
		return nil, err
	}
	if len(args) > 0 && asText(args[0]) != "" {
		s.write(callDeleteData, x, datamodel.Member{Name: argKey, Value: asText(args[0])})
	} else {
		s.write(callDeleteData, x)
	}
	return nil, nil
}

// write changes the user data of an interaction, here and by an effect.
func (s *interactions) write(name string, x *interaction, what ...datamodel.Member) {
	s.last++
	args := datamodel.NewObject(append(what, datamodel.Member{Name: argID, Value: x.id}, datamodel.Member{Name: argNumber, Value: s.last})...)
	s.writes = append(s.writes, write{x.id, s.last, args})
	s.show(x)
	s.c.Call(name, s.c.NewID(name), args)
}

// changed returns the state with a change of user data. The session id is not
// the script's to delete with everything else.
func changed(state, args *datamodel.Object) *datamodel.Object {
	given, _ := state.Get("udata")
	old, _ := given.(*datamodel.Object)
	given, sets := args.Get(argData)
	set, _ := given.(*datamodel.Object)
	key, one := args.Get(argKey)
	data := datamodel.NewObject()
	for _, m := range old.Members() {
		if sets || one && m.Name != key || !one && m.Name == SessionKey {
			data.Set(m.Name, m.Value)
		}
	}
	for _, m := range set.Members() {
		data.Set(m.Name, m.Value)
	}
	fresh := datamodel.NewObject(state.Members()...)
	fresh.Set("udata", data)
	return fresh
}
