package router

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const timeInReadyState = "StatTimeInReadyState"

// statistic is a kind of statistic.
type statistic uint8

const (
	ofAgents   statistic = iota + 1 // what agents do now; apart for each agent
	ofNumbers                       // how many agents do what
	ofWaiting                       // who waits now
	ofCounters                      // what happened in an interval
)

// statistics are those that the router keeps.
var statistics = map[string]statistic{
	timeInReadyState: ofAgents, "StatAgentLoading": ofAgents, "RStatCost": ofAgents,
	"StatAgentsAvailable": ofNumbers, "StatAgentsReady": ofNumbers, "StatAgentsInQueueReady": ofNumbers,
	"StatAgentsTotal": ofNumbers, "StatAgentsInQueueLogin": ofNumbers, "StatAgentsBusy": ofNumbers, "StatLoadBalance": ofNumbers,
	"StatCallsInQueue": ofWaiting, "RStatCallsInQueue": ofWaiting, "CallsWaiting": ofWaiting,
	"StatExpectedWaitingTime": ofWaiting, "StatEstimatedWaitingTime": ofWaiting, "StatAge": ofWaiting,
	"CallsEntered": ofCounters, "CallsDistributed": ofCounters, "CallsAbandoned": ofCounters, "CallsTimedOut": ofCounters,
	"CallsAnswered": ofCounters, "StatCallsAnswered": ofCounters, "CallsCompleted": ofCounters, "StatCallsCompleted": ofCounters,
	"CallsNotAnswered": ofCounters, "DistributedPercentage": ofCounters, "NotDistributedPercentage": ofCounters,
	"DistributedWaitingTime": ofCounters, "StatServiceFactor": ofCounters,
}

func (r *Router) ofAgents(name string) bool { return statistics[name] == ofAgents }

// Statistic returns the present value of a statistic. object is a target as in
// target strings, "name@server.type" or "?name:skills@server.GA", the name of a virtual
// queue, or "R" for the router as a whole. A virtual queue that nobody has waited in is an empty one.
// The statistics of agents are
//
//	StatTimeInReadyState        seconds; of a group the greatest
//	StatAgentsAvailable, StatAgentsReady, StatAgentsInQueueReady
//	                            agents to whom a call could be sent
//	StatAgentsTotal, StatAgentsInQueueLogin   agents who are logged in
//	StatAgentsBusy              of them, those with a call or another interaction
//	StatAgentLoading            part of his capacity that an agent uses, 0 to 1; of a group the mean
//	StatLoadBalance             part of those who are logged in that is busy, 0 to 1
//	RStatCost                   how far an agent is from Request.Ideal; only in requests
//
// Those of virtual queues, of targets, and of queues of [Router.SetQueue] are
//
//	StatCallsInQueue, RStatCallsInQueue, CallsWaiting   requests or calls that wait
//	StatAge                     seconds that the one waits who waits for longest
//	StatExpectedWaitingTime, StatEstimatedWaitingTime
//	                            seconds until a new request in the virtual queue would be served
//
// and, over the time of the Interval of [Router.StatisticOver],
//
//	CallsEntered                requests that came
//	CallsDistributed            of them, those that got a target
//	CallsAbandoned              those that were cancelled while they waited
//	CallsTimedOut               those that found no target in time
//	CallsAnswered, StatCallsAnswered       calls that a target answered
//	CallsNotAnswered            calls that rang in vain
//	CallsCompleted, StatCallsCompleted     calls that ended after that
//	DistributedPercentage, NotDistributedPercentage   of those that did not wait any more
//	DistributedWaitingTime      mean wait until a target was found, in seconds
//	StatServiceFactor           service level: percentage of those that did not wait any more that
//	                            had found a target within the service objective
//
// A percentage or mean of nothing is 0, a service level of nothing 100. Of agents and groups the answered, not answered and completed
// calls are counted. The error matches ErrStatistic for another name, and is a *SyntaxError for a target that
// does not parse.
func (r *Router) Statistic(object, name string) (float64, error) {
	return r.StatisticOver(object, name, Interval{})
}

// StatisticOver is Statistic for an interval. Statistics of the present are the
// same for all.
func (r *Router) StatisticOver(object, name string, in Interval) (float64, error) {
	if statistics[name] == 0 {
		return 0, fmt.Errorf("%w: %.100q", ErrStatistic, name)
	}
	switch {
	case in.Kind == Sliding && (in.Length <= 0 || in.Length > r.opts.Window):
		return 0, fmt.Errorf("%w: a sliding interval has up to %s, not %s", ErrStatistic, r.opts.Window, in.Length)
	case int(in.Kind) >= len(intervalNames):
		return 0, fmt.Errorf("%w: %s", ErrStatistic, in.Kind)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.statistic(object, name, in)
}

func (r *Router) statistic(object, name string, in Interval) (float64, error) {
	if v := r.queues[object]; v != nil {
		return r.ofQueue(v, name, in), nil
	}
	if object == "R" {
		return r.ofAll(name, in), nil
	}
	targets, err := ParseTargets(object)
	switch {
	case err != nil && !strings.ContainsAny(object, "@?"):
		return r.ofQueue(&queue{}, name, in), nil // a virtual queue that nobody has waited in
	case err != nil:
		return 0, err
	}
	t := &targets[0]
	if !hasAgents(t.Type) {
		if v := r.queues[t.Name]; v != nil {
			return r.ofQueue(v, name, in), nil
		}
		if d := r.deviceNamed(t.Name, t.Server); d != nil {
			return r.ofDevice(d, name, in), nil
		}
	}
	p := r.pool(t)
	v := r.ofPool(p, r.media[0], name, in)
	r.rest(p)
	return v, nil
}

// ofAll is a statistic of the router as a whole.
func (r *Router) ofAll(name string, in Interval) float64 {
	switch statistics[name] {
	case ofWaiting:
		sum := 0.0
		for _, v := range r.queues {
			if x := r.ofQueue(v, name, in); name == "StatCallsInQueue" || name == "RStatCallsInQueue" || name == "CallsWaiting" {
				sum += x
			} else {
				sum = max(sum, x)
			}
		}
		return sum
	case ofCounters:
		return r.counted(r.over(&r.totals, in), name)
	}
	return r.ofPool(&pool{wide: true, members: r.everyone}, r.media[0], name, in)
}

// ofQueue is a statistic of a virtual queue.
func (r *Router) ofQueue(v *queue, name string, in Interval) float64 {
	now := r.clock.Now()
	switch statistics[name] {
	case ofCounters:
		return r.counted(r.over(&v.counters, in), name)
	case ofWaiting:
		switch name {
		case "StatExpectedWaitingTime", "StatEstimatedWaitingTime":
			return v.expected(now).Seconds()
		case "StatAge":
			return oldest(&v.waiting, now).Seconds()
		}
		return float64(v.waiting.n)
	}
	return 0
}

// oldest is the longest wait of a list.
func oldest(list *sorted[*request], now time.Time) time.Duration {
	var age time.Duration
	for q := range list.all() {
		age = max(age, now.Sub(q.since))
	}
	return age
}

// ofDevice is a statistic of a queue of the switch.
func (r *Router) ofDevice(d *device, name string, in Interval) float64 {
	switch statistics[name] {
	case ofWaiting:
		switch name {
		case "StatExpectedWaitingTime", "StatEstimatedWaitingTime":
			return 0
		case "StatAge":
			var age time.Duration
			now := r.clock.Now().UnixNano()
			for _, since := range d.calls {
				age = max(age, duration(now-since))
			}
			return age.Seconds()
		}
		return float64(len(d.calls))
	case ofCounters:
		return r.counted(r.over(&d.counters, in), name)
	}
	var set bitset
	for _, res := range r.slots {
		if res != nil && slices.Contains(res.queues, d.Number+"@"+d.Switch) {
			set.set(res.slot, true)
		}
	}
	return r.ofPool(&pool{wide: true, members: set}, r.media[0], name, in)
}

// counted is a statistic of what was counted.
func (r *Router) counted(c cell, name string) float64 {
	n := func(what int) float64 { return float64(c.n[what]) }
	left := n(distributed) + n(abandoned) + n(timedOut)
	part := func(x, of, nothing float64) float64 {
		if of == 0 {
			return nothing
		}
		return x / of
	}
	switch name {
	case "CallsEntered":
		return n(entered)
	case "CallsDistributed":
		return n(distributed)
	case "CallsAbandoned":
		return n(abandoned)
	case "CallsTimedOut":
		return n(timedOut)
	case "CallsNotAnswered":
		return n(notAnswered)
	case "CallsCompleted", "StatCallsCompleted":
		return n(completed)
	case "DistributedPercentage":
		return part(100*n(distributed), left, 0)
	case "NotDistributedPercentage":
		return part(100*(left-n(distributed)), left, 0)
	case "DistributedWaitingTime":
		return part(c.wait.Seconds(), n(distributed), 0)
	case "StatServiceFactor":
		return part(100*float64(c.within), left, 100)
	}
	return n(answered)
}

// ofPool is a statistic of those whom a target means.
func (r *Router) ofPool(p *pool, m *media, name string, in Interval) float64 {
	switch name {
	case timeInReadyState:
		longest := time.Duration(0)
		now := r.clock.Now().UnixNano()
		r.each(p, m.ready, func(res *resource) { longest = max(longest, duration(now-m.since[res.slot])) })
		return longest.Seconds()
	case "StatAgentLoading":
		sum, n := 0.0, 0
		r.each(p, r.logged, func(res *resource) {
			sum += res.loading(m)
			n++
		})
		return sum / float64(max(n, 1))
	case "StatAgentsAvailable", "StatAgentsReady", "StatAgentsInQueueReady":
		return float64(p.count(m.ready))
	case "StatAgentsTotal", "StatAgentsInQueueLogin":
		return float64(p.count(r.logged))
	case "StatAgentsBusy":
		return float64(p.count(r.busy))
	case "StatLoadBalance":
		return float64(p.count(r.busy)) / float64(max(p.count(r.logged), 1))
	case "StatCallsInQueue", "RStatCallsInQueue", "CallsWaiting":
		n := 0
		for _, w := range p.waits {
			n += w.list.n
		}
		return float64(n)
	case "StatAge":
		var age time.Duration
		for _, w := range p.waits {
			age = max(age, oldest(&w.list, r.clock.Now()))
		}
		return age.Seconds()
	}
	if statistics[name] != ofCounters {
		return 0
	}
	var sum cell
	r.each(p, r.everyone, func(res *resource) {
		c := r.over(&res.counters, in)
		sum.add(&c)
	})
	return r.counted(sum, name)
}

// loading is the part of his capacity that an agent uses.
func (res *resource) loading(m *media) float64 {
	load, _ := res.total()
	ofMedia, total := res.agent.Capacity.limits(m.name)
	switch {
	case load == 0:
		return 0
	case min(ofMedia, total) <= 0:
		return 1
	}
	return min(1, max(float64(res.load(m.name))/float64(ofMedia), float64(load)/float64(total)))
}

// valueFor is the value of a candidate in a pool: statistics of agents are
// about the agent, the others about the target.
func (r *Router) valueFor(q *request, p *pool, res *resource) float64 {
	if res.agent == nil {
		if v := r.queues[res.dn]; v != nil {
			return r.ofQueue(v, q.Statistic, Interval{})
		}
		if d := r.deviceNamed(res.dn, res.sw); d != nil {
			return r.ofDevice(d, q.Statistic, Interval{})
		}
		return r.ofQueue(&queue{}, q.Statistic, Interval{}) // nobody waits there
	}
	switch q.Statistic {
	case timeInReadyState:
		return duration(r.clock.Now().UnixNano() - q.media.since[res.slot]).Seconds()
	case "StatAgentLoading":
		return res.loading(q.media)
	case "RStatCost":
		cost := 0
		for skill, level := range q.Ideal {
			d := res.agent.Skills[skill] - level
			cost += max(d, -d)
		}
		return float64(cost)
	}
	return r.ofPool(p, q.media, q.Statistic, Interval{})
}

// passes evaluates the threshold of a target of a request that waits.
func (r *Router) passes(q *request, i int) bool {
	t := &q.Targets[i]
	if t.Threshold == nil {
		return true
	}
	p := q.pools[i]
	return t.Threshold.match(&scope{
		lookup: func(name string) (float64, bool) {
			switch name {
			case "PositionInQueue":
				return float64(q.queue.waiting.rank(q) + 1), true
			case "InVQWaitTime":
				return (time.Duration(q.queue.waiting.rank(q)+1) * q.queue.pace(r.clock.Now())).Seconds(), true
			}
			if statistics[name] == 0 {
				return 0, false
			}
			if !hasAgents(t.Type) {
				if v := r.queues[t.Name]; v != nil {
					return r.ofQueue(v, name, Interval{}), true
				}
				if d := r.deviceNamed(t.Name, t.Server); d != nil {
					return r.ofDevice(d, name, Interval{}), true
				}
			}
			return r.ofPool(p, q.media, name, Interval{}), true
		},
		call: func(n *node) (float64, bool) { return r.thresholdCall(q, n) },
	})
}

// thresholdCall is a function of a threshold.
func (r *Router) thresholdCall(q *request, n *node) (float64, bool) {
	arg := func(i int) string { return n.args[i].name }
	switch n.name {
	case "sdata":
		if statistics[arg(1)] == 0 {
			return 0, false
		}
		v, err := r.statistic(arg(0), arg(1), Interval{})
		return v, err == nil
	case "callage":
		begun := q.since
		if !q.Created.IsZero() {
			begun = q.Created
		}
		return r.clock.Now().Sub(begun).Seconds(), true
	}
	if n.name == "run" {
		if r.opts.Subroutine == nil {
			return 0, false
		}
		args := make([]string, 0, len(n.args)-1)
		for _, a := range n.args[1:] {
			args = append(args, a.name)
		}
		return r.opts.Subroutine(arg(0), args)
	}
	value, ok := arg(3), false
	if r.opts.Property != nil {
		if value, ok = r.opts.Property(arg(0), arg(1), arg(2)); !ok {
			value = arg(3)
		}
	}
	return asNumber(value)
}
