package router_test

import (
	"slices"

	"github.com/seed-ff723688/ors/telephony/router"
)

// plain is target selection written down as plainly as possible: every decision
// looks at all agents and all requests. It is the oracle of the differential test and what the benchmark
// compares with.
type plain struct {
	agents  []*plainAgent
	waiting []*plainRequest
}

type plainAgent struct {
	id     string
	skills map[string]int
	ready  bool  // and not reserved
	turn   int64 // of becoming ready
}

type plainRequest struct {
	id       int
	skill    *router.Expression
	agents   []string // with no skill: agents by name, in order
	exclude  []string
	priority int
	since    int64
	// objective divides the wait, in nanoseconds.
	objective float64
}

// means reports whether the request may have the agent.
func (q *plainRequest) means(a *plainAgent) bool {
	if slices.Contains(q.exclude, a.id) {
		return false
	}
	if q.skill != nil {
		return q.skill.Match(a.skills)
	}
	return slices.Contains(q.agents, a.id)
}

// first returns the request that is first to have an agent; nil: none.
func (p *plain) first(a *plainAgent, now int64) *plainRequest {
	var best *plainRequest
	for _, q := range p.waiting {
		if q.means(a) && (best == nil || q.before(best, now)) {
			best = q
		}
	}
	return best
}

func (q *plainRequest) before(x *plainRequest, now int64) bool {
	if q.priority != x.priority {
		return q.priority > x.priority
	}
	if q.objective != x.objective {
		if mine, its := float64(now-q.since)/q.objective, float64(now-x.since)/x.objective; mine != its {
			return mine > its
		}
	}
	return q.since < x.since || q.since == x.since && q.id < x.id
}

// find returns the ready agent whom a request gets; nil: none.
func (p *plain) find(q *plainRequest) *plainAgent {
	var best *plainAgent
	for _, a := range p.agents {
		switch {
		case !q.means(a) || !a.ready:
		case best == nil:
			best = a
		case q.skill == nil && slices.Index(q.agents, a.id) < slices.Index(q.agents, best.id):
			best = a
		case q.skill != nil && a.turn < best.turn:
			best = a
		}
	}
	return best
}
