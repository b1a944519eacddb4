package router

import (
	"fmt"
	"strings"
	"time"
)

// The statistics that the router keeps. Those of agents are about one agent, or
// the sum or the greatest value over a group.
var statistics = map[string]bool{
	"StatTimeInReadyState": true, "StatAgentsAvailable": true, "StatAgentsReady": true, "StatAgentsInQueueReady": true,
	"StatAgentsTotal": true, "StatAgentsInQueueLogin": true, "StatAgentsBusy": true, "StatAgentLoading": true,
	"StatLoadBalance": true, "StatCallsInQueue": true, "RStatCallsInQueue": true, "CallsWaiting": true,
	"StatExpectedWaitingTime": true, "CallsEntered": true,
}

func knownStatistic(name string) bool { return statistics[name] }

// Statistic returns the present value of a statistic. object is a target as in
// target strings, "name@server.type" or "?name:skills@server.GA", the name of a virtual
// queue, or "R" for the router as a whole. A virtual queue that nobody has waited in is an empty one.
// The statistics are
//
//	StatTimeInReadyState                  seconds; of a group the greatest
//	StatAgentsAvailable, StatAgentsReady, StatAgentsInQueueReady
//	                                      agents to whom a call could be sent
//	StatAgentsTotal, StatAgentsInQueueLogin   agents who are logged in
//	StatAgentsBusy                        of them, those in a call
//	StatAgentLoading, StatLoadBalance     part of them that is busy, 0 to 1
//	StatCallsInQueue, RStatCallsInQueue, CallsWaiting   requests that wait
//	CallsEntered                          requests that have been submitted, as long as the router
//	                                      remembers the queue
//	StatExpectedWaitingTime               seconds until a new request in the queue would be served
//
// The error matches ErrStatistic for another name, and is a *SyntaxError for a target that
// does not parse.
func (r *Router) Statistic(object, statistic string) (float64, error) {
	if !knownStatistic(statistic) {
		return 0, fmt.Errorf("%w: %.100q", ErrStatistic, statistic)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.statistic(object, statistic)
}

func (r *Router) statistic(object, statistic string) (float64, error) {
	if v := r.queues[object]; v != nil {
		return v.value(statistic), nil
	}
	if object == "R" {
		if statistic == "CallsEntered" {
			return float64(r.entered), nil
		}
		all := &pool{}
		for _, id := range names(r.agents) {
			all.members = append(all.members, r.agents[id])
		}
		for _, v := range r.queues {
			all.waiting = append(all.waiting, v.waiting...)
		}
		return r.value(statistic, all), nil
	}
	targets, err := ParseTargets(object)
	switch {
	case err != nil && !strings.ContainsAny(object, "@?"):
		return 0, nil // a virtual queue that nobody has waited in
	case err != nil:
		return 0, err
	}
	t := &targets[0]
	if !hasAgents(t.Type) {
		if v := r.queues[t.Name]; v != nil {
			return v.value(statistic), nil
		}
	}
	if p := r.pools[poolKey(t)]; p != nil {
		return r.value(statistic, p), nil
	}
	p := &pool{target: *t}
	if hasAgents(t.Type) {
		for _, res := range r.agents {
			if r.belongs(res, t) {
				p.members = append(p.members, res)
			}
		}
	}
	return r.value(statistic, p), nil
}

// value is a statistic of a virtual queue.
func (v *queue) value(statistic string) float64 {
	switch statistic {
	case "StatCallsInQueue", "RStatCallsInQueue", "CallsWaiting":
		return float64(len(v.waiting))
	case "CallsEntered":
		return float64(v.entered)
	case "StatExpectedWaitingTime":
		return (time.Duration(len(v.waiting)+1) * v.interval).Seconds()
	}
	return 0
}

// value is a statistic of the members of a pool.
func (r *Router) value(statistic string, p *pool) float64 {
	var login, busy, free, longest float64
	now := r.clock.Now().UnixNano()
	for _, res := range p.members {
		if res.agent != nil && res.state != LoggedOut {
			login++
		}
		if res.line != nil && len(res.line.calls) > 0 {
			busy++
		}
		if res.free() {
			free++
			longest = max(longest, time.Duration(now-res.readyAt).Seconds())
		}
	}
	switch statistic {
	case "StatTimeInReadyState":
		return longest
	case "StatAgentsAvailable", "StatAgentsReady", "StatAgentsInQueueReady":
		return free
	case "StatAgentsTotal", "StatAgentsInQueueLogin":
		return login
	case "StatAgentsBusy":
		return busy
	case "StatAgentLoading", "StatLoadBalance":
		if login == 0 {
			return 0
		}
		return busy / login
	case "StatCallsInQueue", "RStatCallsInQueue", "CallsWaiting":
		return float64(len(p.waiting))
	}
	return 0
}

// valueFor is the value of a candidate in a pool: statistics of agents are
// about the agent, the others about the target.
func (r *Router) valueFor(statistic string, p *pool, res *resource) float64 {
	switch statistic {
	case "StatTimeInReadyState", "StatAgentLoading":
		return r.value(statistic, &pool{members: []*resource{res}})
	case "StatExpectedWaitingTime":
		if v := r.queues[res.dn]; v != nil {
			return v.value(statistic)
		}
	}
	return r.value(statistic, p)
}

// passes evaluates the threshold of a target.
func (r *Router) passes(t *Target, p *pool) bool {
	if t.Threshold == nil {
		return true
	}
	return t.Threshold.match(&scope{
		lookup: func(name string) (float64, bool) {
			if !knownStatistic(name) {
				return 0, false
			}
			if v := r.queues[t.Name]; v != nil && !hasAgents(t.Type) {
				return v.value(name), true
			}
			return r.value(name, p), true
		},
		call: func(_ string, args []string) (float64, bool) {
			if !knownStatistic(args[1]) {
				return 0, false
			}
			v, err := r.statistic(args[0], args[1])
			return v, err == nil
		},
	})
}
