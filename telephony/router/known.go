package router

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// UnknownError reports a target that names what the router does not know.
type UnknownError struct {
	Target int    // position in the list, from 1
	Kind   string // "skill", "agent", "place", or the type of a group
	Name   string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("router: target %d: there is no %s %.100q", e.Target, e.Kind, e.Name)
}

// Check reports what targets name that the router does not know: skills that no
// agent ever had, agents, places and groups. The error joins an *UnknownError for each; nil when all is known.
// Such targets mean nobody as long as that is so.
func (r *Router) Check(targets []Target) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known(targets)
}

func (r *Router) known(targets []Target) error {
	var all []error
	for i := range targets {
		t := &targets[i]
		unknown := func(kind, name string) {
			if len(all) < 20 {
				all = append(all, &UnknownError{Target: i + 1, Kind: kind, Name: name})
			}
		}
		if t.Skill != nil {
			t.Skill.skillNames(func(name string) {
				if r.skills[name] == nil {
					unknown("skill", name)
				}
			})
			if t.Name == "" {
				continue
			}
		}
		switch t.Type {
		case TypeAgent:
			if r.agents[t.Name] == nil {
				unknown("agent", t.Name)
			}
		case TypePlace:
			if len(r.places[t.Name]) == 0 {
				unknown("place", t.Name)
			}
		case TypeAgentGroup, TypePlaceGroup, TypeCampaign, TypeCampaignGroup, TypeQueueGroup, TypeActivity:
			if r.groups[groupKey{t.Type, t.Name}] == nil {
				unknown("group of type "+string(t.Type), t.Name)
			}
		}
	}
	return errors.Join(all...)
}

// skillNames calls f for the names that can only be meant as skills: a
// comparison of two names may be one of texts.
func (e *Expression) skillNames(f func(name string)) {
	var walk func(n *node)
	walk = func(n *node) {
		if n.op == opName {
			f(n.name)
			return
		}
		if n.op == opCall || isComparison(n.op) && n.args[0].op == opName && n.args[1].op == opName {
			return
		}
		for _, a := range n.args {
			walk(a)
		}
	}
	walk(e.root)
}

// asNumber reads the value of an option.
func asNumber(s string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return v, err == nil && v == v
}
