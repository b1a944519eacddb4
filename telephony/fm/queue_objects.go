package fm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/telephony"
)

// queueState is the session's part of the queue module: _genesys.queue.
type queueState struct {
	context  *scxml.ModuleContext
	excluded []string
	root     *queueRoot
}

// Deliver implements scxml.ModuleState.
func (*queueState) Deliver(*datamodel.Event) {}

// Snapshot implements scxml.ModuleState.
func (s *queueState) Snapshot(dst []byte) ([]byte, error) {
	return datamodel.AppendValue(dst, strings.Join(s.excluded, ",")), nil
}

// Restore implements scxml.ModuleState.
func (s *queueState) Restore(snapshot []byte) error {
	v, rest, err := datamodel.ReadValue(snapshot)
	list, ok := v.(string)
	switch {
	case err != nil:
		return fmt.Errorf("fm: snapshot of the queue module: %w", err)
	case !ok || len(rest) > 0:
		return errors.New("fm: snapshot of the queue module is damaged")
	}
	s.excluded = agentList(list)
	return nil
}

// Globals implements scxml.ModuleState.
func (s *queueState) Globals() map[string]datamodel.Value {
	s.root = &queueRoot{state: s, enums: map[string]*view{}}
	return map[string]datamodel.Value{"_genesys.queue": s.root}
}

// queueRoot is _genesys.queue.
type queueRoot struct {
	state *queueState
	enums map[string]*view // made when they are first asked for
}

const effectExclude = "excludeagents"

// The names of functions of _genesys.queue that do something.
const (
	functionExclude  = "excludeAgents"
	functionPriority = "priorityTuning"
)

// unsupportedQueueFunctions fail when they are called.
func unsupportedQueueFunctions() []string {
	return []string{"SetIdealAgent", "GetIntegerKey", "reserveTargets", "setVQPriority", "useMediaType", "useCapacity",
		"useCustomAgentType", "setThreshold", "findServiceObjective", "checkAgentState", "getRStatCfgOption", "setOption"}
}

// queueEnums are the enumerations of _genesys.queue, by name.
func queueEnums(name string) []datamodel.Member {
	numbered := func(names ...string) []datamodel.Member {
		members := make([]datamodel.Member, len(names))
		for i, name := range names {
			members[i] = datamodel.Member{Name: name, Value: float64(i)}
		}
		return members
	}
	switch name {
	case "rType":
		var types []datamodel.Member
		for t := telephony.RouteTypeUnknown; t <= telephony.RouteTypeCallDisconnect; t++ {
			types = append(types, datamodel.Member{Name: "RouteType" + t.String(), Value: float64(t)})
		}
		// It leaves the type to the switch, which knows the DN.
		return append(types, datamodel.Member{Name: "RouteTypeGetFromDN", Value: float64(telephony.RouteTypeUnknown)})
	case "overwriteType":
		return numbered("UseNone", "UseANI", "UseDNIS", "UseConfig")
	case "usecapcond":
		return numbered("Never", "Only", "OnStatError")
	}
	return nil
}

// queueMembers is the table of _genesys.queue.
func queueMembers() []MemberSpec {
	members := []MemberSpec{
		{Name: "rType", Note: "route types by name; RouteTypeGetFromDN leaves the type to the switch"},
		{Name: "overwriteType", Note: "UseNone, UseANI, UseDNIS, UseConfig"},
		{Name: "usecapcond", Note: "Never, Only, OnStatError"},
		{Name: functionExclude + "(list)", Note: "agents, separated by commas, that the session's submits never get; returns the former list"},
		{Name: functionPriority + "(age, wait, objective)", Status: Partial,
			Note: "only the order by age is there: true, false, false"},
	}
	for _, name := range unsupportedQueueFunctions() {
		members = append(members, MemberSpec{Name: name + "()", Status: Unsupported, Note: "throws"})
	}
	return members
}

// Names implements datamodel.HostObject.
func (*queueRoot) Names() []string {
	return append([]string{"rType", "overwriteType", "usecapcond", functionExclude, functionPriority}, unsupportedQueueFunctions()...)
}

// Get implements datamodel.HostObject.
func (r *queueRoot) Get(name string) (datamodel.Value, bool) {
	if v := r.enums[name]; v != nil {
		return v, true
	}
	if members := queueEnums(name); members != nil {
		v := &view{}
		v.update(datamodel.NewObject(members...))
		r.enums[name] = v
		return v, true
	}
	switch name {
	case functionExclude:
		return datamodel.Func(r.excludeAgents), true
	case functionPriority:
		return datamodel.Func(priorityTuning), true
	}
	for _, f := range unsupportedQueueFunctions() {
		if f == name {
			return datamodel.Func(func([]datamodel.Value) (datamodel.Value, error) {
				return nil, fmt.Errorf("_genesys.queue.%s is not supported by the router", name)
			}), true
		}
	}
	return nil, false
}

// maxExcluded bounds the agents that a session may exclude.
const maxExcluded = 1000

// excludeAgents is excludeAgents(list): it returns the former list.
func (r *queueRoot) excludeAgents(args []datamodel.Value) (datamodel.Value, error) {
	s := r.state
	old := strings.Join(s.excluded, ",")
	var given []string
	if len(args) > 0 {
		list, ok := args[0].([]datamodel.Value)
		for _, v := range list {
			given = append(given, agentList(asText(v))...)
		}
		if !ok {
			given = agentList(asText(args[0]))
		}
	}
	if len(given) > maxExcluded {
		return nil, fmt.Errorf("excludeAgents: more than %d agents", maxExcluded)
	}
	s.excluded = given
	s.context.Call(effectExclude, s.context.NewID(effectExclude),
		datamodel.NewObject(datamodel.Member{Name: "agents", Value: strings.Join(given, ",")}))
	return old, nil
}

// priorityTuning is priorityTuning(age, wait, objective).
func priorityTuning(args []datamodel.Value) (datamodel.Value, error) {
	for i, v := range args {
		if i > 0 && truth(v) || i == 0 && v != nil && !truth(v) {
			return nil, errors.New("priorityTuning: the router orders requests of one priority by age only")
		}
	}
	return nil, nil
}

// agentList splits a list of agents.
func agentList(s string) []string {
	var list []string
	for _, id := range strings.Split(s, ",") {
		if id = strings.TrimSpace(id); id != "" {
			list = append(list, id)
		}
	}
	return list
}

// exclude carries out what excludeAgents has emitted.
func (c *Connector) exclude(id string, args *datamodel.Object) {
	if list := agentList(text(args, "agents")); len(list) > 0 {
		c.excluded[id] = list
	} else {
		delete(c.excluded, id)
	}
}
