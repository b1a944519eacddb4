package fm

import (
	"errors"
	"fmt"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/telephony"
)

// queueState is the session's part of the queue module: _genesys.queue. What
// functions set goes into settings, and from there into every later submit.
type queueState struct {
	c        *Connector // nil: only for parsing
	context  *scxml.ModuleContext
	settings *datamodel.Object // see settingNames; nil: nothing is set
}

// Deliver implements scxml.ModuleState.
func (*queueState) Deliver(*datamodel.Event) {}

// Snapshot implements scxml.ModuleState.
func (s *queueState) Snapshot(dst []byte) ([]byte, error) {
	return datamodel.AppendValue(dst, datamodel.NewObject(s.settings.Members()...)), nil
}

// Restore implements scxml.ModuleState.
func (s *queueState) Restore(snapshot []byte) (err error) {
	if s.settings, err = readSettings(snapshot); err == nil && s.c != nil && s.settings != nil {
		s.c.mu.Lock()
		defer s.c.mu.Unlock()
		s.c.setQueue(s.context.SessionID(), s.settings)
	}
	return err
}

// Resident implements scxml.Resident: who submits is in memory when it does, and hears of
// the outcome by an event.
func (*queueState) Resident() bool { return false }

// readSettings reads a snapshot of the module.
func readSettings(snapshot []byte) (*datamodel.Object, error) {
	v, rest, err := datamodel.ReadValue(snapshot)
	settings, ok := v.(*datamodel.Object)
	switch {
	case err != nil:
		return nil, fmt.Errorf("fm: snapshot of the queue module: %w", err)
	case !ok || len(rest) > 0:
		return nil, errors.New("fm: snapshot of the queue module is damaged")
	case settings.Len() == 0:
		return nil, nil
	}
	return settings, nil
}

// Globals implements scxml.ModuleState.
func (s *queueState) Globals() map[string]datamodel.Value {
	return map[string]datamodel.Value{"_genesys.queue": s}
}

// Names implements datamodel.HostObject.
func (*queueState) Names() []string {
	names := []string{"rType", "overwriteType", "usecapcond"}
	for _, f := range queueFunctions {
		names = append(names, f.name)
	}
	return names
}

// Get implements datamodel.HostObject.
func (s *queueState) Get(name string) (datamodel.Value, bool) {
	switch name {
	case "rType":
		return routeTypes, true
	case "overwriteType":
		return overwriteTypes, true
	case "usecapcond":
		return capacityConditions, true
	}
	for _, f := range queueFunctions {
		if f.name == name {
			return datamodel.Func(func(args []datamodel.Value) (datamodel.Value, error) {
				v, err := f.call(s, args)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
				return v, nil
			}), true
		}
	}
	return nil, false
}

// The enumerations of _genesys.queue.
var (
	routeTypes = func() *view {
		var types []datamodel.Member
		for t := telephony.RouteTypeUnknown; t <= telephony.RouteTypeCallDisconnect; t++ {
			types = append(types, datamodel.Member{Name: "RouteType" + t.String(), Value: float64(t)})
		}
		// It leaves the type to the switch, which knows the DN.
		return viewOf(append(types, datamodel.Member{Name: "RouteTypeGetFromDN", Value: float64(telephony.RouteTypeUnknown)})...)
	}()
	overwriteTypes     = enum(0, "UseNone", "UseANI", "UseDNIS", "UseConfig")
	capacityConditions = enum(0, "Never", "Only", "OnStatError")
)

// queueMembers is the table of _genesys.queue.
func queueMembers() []MemberSpec {
	members := []MemberSpec{
		{Name: "rType", Note: "route types by name; RouteTypeGetFromDN leaves the type to the switch"},
		{Name: "overwriteType", Note: "UseNone, UseANI, UseDNIS, UseConfig: for setDNISOverride"},
		{Name: "usecapcond", Note: "Never, Only, OnStatError: for useCapacity"},
	}
	for _, f := range queueFunctions {
		members = append(members, MemberSpec{Name: f.name + "(" + f.parameters + ")", Note: f.note})
	}
	return members
}
