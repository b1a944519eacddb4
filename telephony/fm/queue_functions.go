package fm

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/router"
)

// queueFunction is a function of _genesys.queue.
type queueFunction struct {
	name, parameters, note string
	call                   func(*queueState, arguments) (datamodel.Value, error)
}

// queueFunctions are the functions of _genesys.queue. Those that set something are
// about all later submits of the session, and return what was set before.
var queueFunctions = []queueFunction{
	{"excludeAgents", "list", "agents, separated by commas, that the session's submits never get; returns the former list", (*queueState).excludeAgents},
	{"priorityTuning", "age, wait, objective",
		"what goes first of requests with one priority: the time waited since the submit, or with age since the interaction came; wait adds the wait that is still expected; " +
			"objective divides by the service objective, which the user data have as ServiceObjective or findServiceObjective has found", (*queueState).priorityTuning},
	{"findServiceObjective", "media, service, segment", "the service objective in seconds, 0 without one; later submits have it", (*queueState).findObjective},
	{"useMediaType", "media", "the media type for which an agent has to be free, such as 'TMediaChat'; '' is that of the interaction", (*queueState).useMediaType},
	{"useCapacity", "condition", "one of usecapcond. Only, the default: capacity rules say what an agent takes beside what he has; " +
		"Never and, as the router always knows who does what, OnStatError: only somebody who has nothing to do gets it", (*queueState).useCapacity},
	{"useCustomAgentType", "target, dntype", "how agents are reached: target 'Agent', 'Place' or 'DN', dntype one of resourceType; agents without such a DN are passed over",
		(*queueState).useCustomAgentType},
	{"checkAgentState", "check", "false: agents need only be logged in, whatever they do; with the id of an agent, his state: LoggedOut, NotReady, AfterCallWork, Ready or Busy", (*queueState).checkAgentState},
	{"setThreshold", "threshold, target", "the threshold of targets that have none; with a target, of that one", (*queueState).setThreshold},
	{"setVQPriority", "queue, priority", "the priority of the session's requests in a virtual queue, in place of the attribute; those that wait get it too", (*queueState).setVQPriority},
	{"reserveTargets", "seconds", "how long a selected target is kept for the session; 0 is Options.Reservation of the router", (*queueState).reserveTargets},
	{"SetIdealAgent", "skills", "the agent who would suit best: of those that are free the nearest is taken, by the statistic RStatCost, where ordertype is any: an object, or 'English:8|Sales:5'", (*queueState).setIdealAgent},
	{"GetIntegerKey", "list, key", "a value of a list as an integer, 0 without one: an object, or 'a:1|b:2'", integerKey},
	{"getRStatCfgOption", "key", "the value of an option of the router, '' for one that is not set; setOption goes before the configuration", (*queueState).routerOption},
	{"setOption", "key, value", "sets an option of the router for the session", (*queueState).setOption},
	{"setDNISOverride", "type", "one of overwriteType: the DNIS that calls have after routes of type RouteTypeOverwriteDNIS", (*queueState).setDNIS},
}

// The members of settings.
const (
	settingExclude    = "exclude"    // ids of agents, separated by commas
	settingAge        = "age"        // true
	settingPredicted  = "predicted"  // true
	settingObjective  = "objective"  // true
	settingSeconds    = "seconds"    // the service objective
	settingMedia      = "media"      // a TMedia name
	settingCapacity   = "capacity"   // a number of usecapcond
	settingReached    = "reached"    // "Agent", "Place", "DN"
	settingDNType     = "dntype"     // a number of resourceType
	settingAnyState   = "anystate"   // true
	settingThresholds = "thresholds" // by target; "" for all
	settingPriorities = "priorities" // by virtual queue
	settingReserve    = "reserve"    // seconds
	settingIdeal      = "ideal"      // level by skill
	settingOptions    = "options"    // by key
	settingDNIS       = "dnis"       // a number of overwriteType
)

const effectSettings = "settings"

// set changes a setting, undefined for none, and returns the former one.
func (s *queueState) set(name string, v datamodel.Value) datamodel.Value {
	old, _ := s.settings.Get(name)
	fresh := datamodel.NewObject(s.settings.Members()...) // the old one may be on its way in an effect
	if v == nil {
		fresh.Delete(name)
	} else {
		fresh.Set(name, v)
	}
	s.settings = fresh
	s.context.Call(effectSettings, s.context.NewID(effectSettings), fresh)
	return old
}

// maxSettings bounds what a session may set of one kind: agents, thresholds, and so on.
const maxSettings = 1000

// setIn changes one entry of a setting that is an object.
func (s *queueState) setIn(name, key string, v datamodel.Value) (datamodel.Value, error) {
	given, _ := s.settings.Get(name)
	entries, _ := given.(*datamodel.Object)
	fresh := datamodel.NewObject(entries.Members()...)
	old, _ := fresh.Get(key)
	if v == nil {
		fresh.Delete(key)
	} else {
		fresh.Set(key, v)
	}
	if fresh.Len() > maxSettings {
		return nil, fmt.Errorf("more than %d of them", maxSettings)
	}
	s.set(name, fresh)
	return old, nil
}

func (s *queueState) excludeAgents(args arguments) (datamodel.Value, error) {
	var given []string
	if list, ok := args.at(0).([]datamodel.Value); ok {
		for _, v := range list {
			given = append(given, agentList(asText(v))...)
		}
	} else {
		given = agentList(asText(args.at(0)))
	}
	if len(given) > maxSettings {
		return nil, fmt.Errorf("more than %d agents", maxSettings)
	}
	var list datamodel.Value
	if len(given) > 0 {
		list = strings.Join(given, ",")
	}
	return asText(s.set(settingExclude, list)), nil
}

// agentList splits a list of agents.
func agentList(s string) []string {
	var list []string
	for id := range strings.SplitSeq(s, ",") {
		if id = strings.TrimSpace(id); id != "" {
			list = append(list, id)
		}
	}
	return list
}

func (s *queueState) priorityTuning(args arguments) (datamodel.Value, error) {
	flag := func(v datamodel.Value) datamodel.Value {
		if truth(v) {
			return true
		}
		return nil
	}
	s.set(settingAge, flag(args.at(0)))
	s.set(settingPredicted, flag(args.at(1)))
	s.set(settingObjective, flag(args.at(2)))
	return nil, nil
}

func (s *queueState) findObjective(args arguments) (datamodel.Value, error) {
	c, err := s.configuration()
	if err != nil {
		return nil, err
	}
	objectives, ok := c.(ServiceObjectives)
	if !ok {
		return nil, errors.New("the configuration has no service objectives")
	}
	seconds := 0.0
	if d, ok := objectives.ServiceObjective(s.c.services.opts.Tenant, asText(args.at(0)), asText(args.at(1)), asText(args.at(2))); ok {
		seconds = d.Seconds()
		s.set(settingSeconds, seconds)
	} else {
		s.set(settingSeconds, nil)
	}
	return seconds, nil
}

func (s *queueState) useMediaType(args arguments) (datamodel.Value, error) {
	given := asText(args.at(0))
	if given == "" {
		return asText(s.set(settingMedia, nil)), nil
	}
	name := mediaName(given)
	if n, ok := args.at(0).(float64); ok && n >= 0 && int(n) < len(mediaNames) {
		name = mediaNames[int(n)]
	}
	if n, _ := mediaNumber([]datamodel.Value{name}); n == -1.0 {
		return nil, fmt.Errorf("%.80q is no media type: want one such as TMediaVoice", given)
	}
	return asText(s.set(settingMedia, name)), nil
}

func (s *queueState) useCapacity(args arguments) (datamodel.Value, error) {
	n, err := oneOf(args.at(0), capacityConditions)
	if err != nil {
		return nil, err
	}
	old := s.set(settingCapacity, n)
	if old == nil {
		only, _ := capacityConditions.Get("Only")
		return only, nil
	}
	return old, nil
}

// oneOf reads a number of an enumeration, or its name.
func oneOf(v datamodel.Value, of *view) (datamodel.Value, error) {
	for _, m := range of.o.Members() {
		if v == m.Value || strings.EqualFold(asText(v), m.Name) {
			return m.Value, nil
		}
	}
	return nil, fmt.Errorf("%.80q is none of %s", asText(v), strings.Join(of.Names(), ", "))
}

func (s *queueState) useCustomAgentType(args arguments) (datamodel.Value, error) {
	reached := asText(args.at(0))
	switch reached {
	case "Agent", "Place", "DN":
	case "":
		s.set(settingDNType, nil)
		return asText(s.set(settingReached, nil)), nil
	default:
		return nil, fmt.Errorf("%.80q: want Agent, Place or DN", reached)
	}
	kind, _ := resourceTypes.Get("any")
	if args.at(1) != nil {
		var err error
		if kind, err = oneOf(args.at(1), resourceTypes); err != nil {
			return nil, err
		}
	}
	if kind == -1.0 {
		kind = nil
	}
	s.set(settingDNType, kind)
	return asText(s.set(settingReached, reached)), nil
}

func (s *queueState) checkAgentState(args arguments) (datamodel.Value, error) {
	if id, ok := args.at(0).(string); ok && id != "true" && id != "false" {
		states, ok := s.selector().(AgentStates)
		if !ok {
			return nil, errors.New("no router is connected that knows the states of agents")
		}
		status, err := states.AgentStatus(id)
		if err != nil {
			return nil, err
		}
		if status.State == router.Ready && status.Calls+status.Interactions > 0 {
			return "Busy", nil
		}
		return status.State.String(), nil
	}
	var any datamodel.Value
	if args.at(0) != nil && !truth(args.at(0)) {
		any = true
	}
	return !truth(s.set(settingAnyState, any)), nil
}

func (s *queueState) setThreshold(args arguments) (datamodel.Value, error) {
	threshold, target := asText(args.at(0)), asText(args.at(1))
	var v datamodel.Value
	if threshold != "" {
		if _, err := router.ParseThreshold(threshold); err != nil {
			return nil, err
		}
		v = threshold
	}
	old, err := s.setIn(settingThresholds, target, v)
	return asText(old), err
}

func (s *queueState) setVQPriority(args arguments) (datamodel.Value, error) {
	queue := asText(args.at(0))
	if queue == "" {
		return nil, errors.New("it needs the name of a virtual queue")
	}
	if args.at(1) == nil {
		return s.setIn(settingPriorities, queue, nil)
	}
	n, err := integer(args.at(1))
	if err != nil {
		return nil, err
	}
	return s.setIn(settingPriorities, queue, n)
}

func (s *queueState) reserveTargets(args arguments) (datamodel.Value, error) {
	n, ok := args.at(0).(float64)
	if args.at(0) != nil && !ok || n < 0 || n > maxReserve {
		return nil, fmt.Errorf("want seconds, from 0 to %d", maxReserve)
	}
	var v datamodel.Value
	if n > 0 {
		v = n
	}
	old, _ := s.set(settingReserve, v).(float64)
	return old, nil
}

// maxReserve is how long a session may have a target kept, in seconds.
const maxReserve = 3600

func (s *queueState) setIdealAgent(args arguments) (datamodel.Value, error) {
	ideal := datamodel.NewObject()
	for _, p := range keyValues(args.at(0)) {
		n, err := integer(p.Value)
		if err != nil {
			return nil, fmt.Errorf("skill %.80q: %w", p.Name, err)
		}
		ideal.Set(p.Name, n)
	}
	var v datamodel.Value
	switch n := ideal.Len(); {
	case n > maxSettings:
		return nil, fmt.Errorf("more than %d skills", maxSettings)
	case n > 0:
		v = ideal
	}
	return s.set(settingIdeal, v), nil
}

// integer reads a whole number, also from text.
func integer(v datamodel.Value) (datamodel.Value, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(asText(v)), 64)
	if err != nil || n != float64(int32(n)) {
		return nil, fmt.Errorf("%.80q is no integer", asText(v))
	}
	return n, nil
}

// keyValues reads a list: an object, also one of the platform, or text with pairs
// "key:value" that bars separate.
func keyValues(v datamodel.Value) []datamodel.Member {
	switch v := v.(type) {
	case *datamodel.Object:
		return v.Members()
	case datamodel.HostObject:
		var members []datamodel.Member
		for _, name := range v.Names() {
			value, _ := v.Get(name)
			members = append(members, datamodel.Member{Name: name, Value: value})
		}
		return members
	}
	var members []datamodel.Member
	for pair := range strings.SplitSeq(asText(v), "|") {
		if key, value, ok := strings.Cut(pair, ":"); ok {
			members = append(members, datamodel.Member{Name: strings.TrimSpace(key), Value: strings.TrimSpace(value)})
		}
	}
	return members
}

// integerKey is GetIntegerKey(list, key).
func integerKey(_ *queueState, args arguments) (datamodel.Value, error) {
	for _, p := range keyValues(args.at(0)) {
		if p.Name == asText(args.at(1)) {
			n, err := strconv.ParseFloat(strings.TrimSpace(asText(p.Value)), 64)
			if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
				return 0.0, nil
			}
			return math.Trunc(n), nil
		}
	}
	return 0.0, nil
}

func (s *queueState) routerOption(args arguments) (datamodel.Value, error) {
	key := asText(args.at(0))
	given, _ := s.settings.Get(settingOptions)
	if own, ok := given.(*datamodel.Object); ok {
		if v, ok := own.Get(key); ok {
			return v, nil
		}
	}
	c, err := s.configuration()
	if err != nil {
		return nil, err
	}
	v, _ := c.Option(s.c.services.opts.Tenant, "", key, telephony.StartFromRouter)
	return v, nil
}

func (s *queueState) setOption(args arguments) (datamodel.Value, error) {
	key := asText(args.at(0))
	if key == "" {
		return nil, errors.New("it needs the name of an option")
	}
	var v datamodel.Value
	if args.at(1) != nil {
		v = asText(args.at(1))
	}
	old, err := s.setIn(settingOptions, key, v)
	return asText(old), err
}

func (s *queueState) setDNIS(args arguments) (datamodel.Value, error) {
	n, err := oneOf(args.at(0), overwriteTypes)
	if err != nil {
		return nil, err
	}
	old, _ := s.set(settingDNIS, n).(float64)
	return old, nil
}

// selector returns the router; nil without one.
func (s *queueState) selector() TargetSelector {
	if s.c == nil {
		return nil
	}
	return s.c.targets
}

func (s *queueState) configuration() (Configuration, error) {
	if s.c != nil && s.c.services.opts.Configuration != nil {
		return s.c.services.opts.Configuration, nil
	}
	return nil, errors.New("no configuration is connected")
}
