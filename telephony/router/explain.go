package router

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Trigger says what led to a decision.
type Trigger uint8

// The triggers.
const (
	Submitted Trigger = iota // the request came
	AgentFree                // the target became free
	Rechecked                // a threshold became true
	Returned                 // an earlier target was of no use
	Asked                    // there is no decision; somebody asked
	Expired                  // nothing was found in time
)

var triggerNames = [...]string{"the request came", "the target became free", "thresholds were looked at", "an earlier target was of no use", "asked", "no target in time"}

func (t Trigger) String() string {
	if int(t) < len(triggerNames) {
		return triggerNames[t]
	}
	return fmt.Sprintf("Trigger(%d)", t)
}

// Reason is a decision in short.
type Reason struct {
	Trigger   Trigger
	Name      string        // of the agent, or the DN
	Target    string        // as in the request
	ReadyFor  time.Duration // of an agent
	Order     Order
	Statistic string
	Value     float64 // that was the best: of the statistic, or calls per weight so far
}

func (w Reason) String() string {
	var b strings.Builder
	b.WriteString(w.Name)
	if w.ReadyFor > 0 {
		fmt.Fprintf(&b, ", ready for %s,", w.ReadyFor.Round(time.Millisecond))
	}
	fmt.Fprintf(&b, " from %s: %s, ", w.Target, w.Trigger)
	switch {
	case w.Trigger == AgentFree:
		b.WriteString("the request is first in line for it")
	case w.Order == OrderMax || w.Order == OrderMin:
		fmt.Fprintf(&b, "%s of %s is %g", w.Order, w.Statistic, w.Value)
	case w.Order == OrderPercentage:
		fmt.Fprintf(&b, "percentage: %g calls per weight so far", w.Value)
	default:
		b.WriteString("the first target in the list that is free")
	}
	return b.String()
}

// LogValue implements slog.LogValuer: the text is made when it is logged.
func (w Reason) LogValue() slog.Value { return slog.StringValue(w.String()) }

// Verdict says why a candidate is chosen or not.
type Verdict uint8

// The verdicts.
const (
	Chosen       Verdict = iota
	Behind               // free, but another one goes before
	OutOfReach           // not among those whom the target means
	Excluded             // by the request
	Refused              // was given back or did not answer, and nothing has changed since
	IsLoggedOut          // and so on: the state of the agent
	IsNotReady           //
	IsAfterCall          //
	Busy                 // has as many interactions as he takes
	Kept                 // is reserved for another request
	NoDN                 // has no DN for calls, or the switch takes none for it
	TargetClosed         // free, but the threshold of the target is false
)

var verdictNames = [...]string{"chosen", "free, but another goes before", "not meant by the target", "excluded", "refused before", "logged out",
	"not ready", "after-call work", "busy", "reserved", "no DN that takes calls", "free, but the threshold is false"}

func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return fmt.Sprintf("Verdict(%d)", v)
}

// Explanation tells why a request got its target, why it waits, or why it ended without
// one. It has a long form (String) and a short one (Brief).
type Explanation struct {
	Time        time.Time
	Request     ID
	Interaction string
	Queue       string
	Media       string // empty: states were not looked at
	Priority    int
	Waited      time.Duration
	Order       Order
	Statistic   string
	Trigger     Trigger
	Chosen      *Candidate // nil: it waits
	Targets     []TargetExplanation
	// Rivals are requests that could have had the target too, the first ones; not
	// more than 10. There are none unless the target became free.
	Rivals []Rival
}

// TargetExplanation is about one target of a request.
type TargetExplanation struct {
	Target     string
	Members    int  // whom it means
	Free       int  // of them
	Closed     bool // the threshold is false
	Candidates []Candidate
	Omitted    int // candidates beyond the first 100
}

// Candidate is somebody who could have been chosen.
type Candidate struct {
	Name     string // of the agent, or the DN
	Verdict  Verdict
	ReadyFor time.Duration // of agents who are free
	Value    float64       // of the statistic, with OrderMax and OrderMin
	Holder   ID            // the request that he is kept for
}

// Rival is a request that went without.
type Rival struct {
	Request  ID
	Queue    string
	Priority int
	Waited   time.Duration
	Why      string
}

const (
	maxCandidates = 100
	maxRivals     = 10
)

// Explain tells why a request still waits. Agents that are named are spoken of
// in any case. The error is ErrNotFound.
func (r *Router) Explain(id ID, agents ...string) (Explanation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.requests[id]
	if q == nil || q.state != waiting {
		return Explanation{}, ErrNotFound
	}
	return r.explain(q, Asked, -1, nil, agents), nil
}

// explain makes an explanation before the target is kept for the request.
func (r *Router) explain(q *request, trigger Trigger, target int, winner *resource, named []string) Explanation {
	now := r.clock.Now()
	e := Explanation{
		Time: now, Request: q.id, Interaction: q.Interaction, Queue: q.Queue, Media: q.media.name, Priority: q.Priority,
		Waited: now.Sub(q.since), Order: q.Order, Statistic: q.Statistic, Trigger: trigger,
	}
	for i, p := range q.pools {
		t := TargetExplanation{Target: q.Targets[i].String(), Closed: !r.passes(q, i), Free: p.count(q.media.ready)}
		speak := func(res *resource) {
			c := r.judge(q, p, res, now)
			switch {
			case res == winner && i == target:
				c.Verdict = Chosen
				e.Chosen = &c
			case c.Verdict == Behind && t.Closed:
				c.Verdict = TargetClosed
			}
			t.Candidates = append(t.Candidates, c)
		}
		if target == i {
			speak(winner)
		}
		look := func(res *resource) {
			t.Members++
			switch {
			case res == winner && i == target, slices.Contains(named, res.name()):
			case len(t.Candidates) < maxCandidates:
				speak(res)
			default:
				t.Omitted++
			}
		}
		r.each(p, r.everyone, look)
		for _, res := range p.list {
			if res.agent == nil {
				look(res)
				if res.open() {
					t.Free++
				}
			}
		}
		for _, id := range named {
			if res := r.agents[id]; res != nil {
				speak(res)
			}
		}
		e.Targets = append(e.Targets, t)
	}
	if trigger == AgentFree {
		e.Rivals = r.rivals(q, winner, now)
	}
	return e
}

// judge says why a resource is not chosen.
func (r *Router) judge(q *request, p *pool, res *resource, now time.Time) Candidate {
	c := Candidate{Name: res.name(), Verdict: Behind}
	m := q.media
	free := res.agent == nil && res.open() || res.agent != nil && m.ready.has(res.slot)
	if free && res.agent != nil {
		c.ReadyFor = readyFor(now, m.since[res.slot])
	}
	if q.Order == OrderMax || q.Order == OrderMin {
		c.Value = r.valueFor(q, p, res)
	}
	_, kept := res.total()
	switch {
	case !p.has(res):
		c.Verdict = OutOfReach
	case (q.exclude != nil || q.demanding()) && !q.allowed(res) && !q.refused(res):
		c.Verdict = Excluded
	case free && q.refused(res):
		c.Verdict = Refused
	case free:
	case res.agent == nil && kept > 0, res.agent != nil && m.idle.has(res.slot):
		c.Verdict = Kept
		if res.line != nil && len(res.line.holders) > 0 {
			c.Holder = res.line.holders[0].id
		} else if len(res.held) > 0 {
			c.Holder = res.held[0].id
		}
	case res.agent == nil:
		c.Verdict = Busy
	case !res.loggedIn():
		c.Verdict = IsLoggedOut
	case m.any && res.line == nil, m.name == Voice && (res.line == nil || res.line.closed != 0):
		c.Verdict = NoDN
	default:
		c.Verdict = [...]Verdict{LoggedOut: IsLoggedOut, NotReady: IsNotReady, AfterCallWork: IsAfterCall, Ready: Busy}[res.stateFor(m.name)]
	}
	return c
}

// rivals lists the requests that come after q for a resource.
func (r *Router) rivals(q *request, res *resource, now time.Time) []Rival {
	var all []*request
	for _, p := range r.pools {
		if !p.has(res) {
			continue
		}
		for _, w := range p.waits {
			n := 0
			for x := range w.list.all() {
				if x != q && x.media == q.media && x.allowed(res) {
					all = append(all, x)
				}
				if n++; n > maxRivals {
					break
				}
			}
		}
	}
	slices.SortFunc(all, func(x, y *request) int { return r.ahead(x, y, now.UnixNano()) })
	all = slices.Compact(all)
	rivals := make([]Rival, min(len(all), maxRivals))
	for i := range rivals {
		x := all[i]
		v := Rival{Request: x.id, Queue: x.Queue, Priority: x.Priority, Waited: now.Sub(x.since), Why: "came later"}
		switch {
		case r.ahead(x, q, now.UnixNano()) < 0:
			v.Why = "a threshold is false"
		case x.rank != q.rank:
			v.Why = "the priority of its virtual queue is lower"
		case x.Priority != q.Priority:
			v.Why = "its priority is lower"
		case x.class != q.class:
			v.Why = "its wait counts for less"
		case x.from != q.from:
			v.Why = "it has waited for less long"
		}
		rivals[i] = v
	}
	return rivals
}

func readyFor(now time.Time, since int64) time.Duration { return duration(now.UnixNano() - since) }

// String returns the explanation as a text of several lines.
func (e Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "request %d", e.Request)
	if e.Interaction != "" {
		fmt.Fprintf(&b, " of %s", e.Interaction)
	}
	fmt.Fprintf(&b, " in %s, priority %d, waited %s, order %s", e.Queue, e.Priority, e.Waited.Round(time.Millisecond), e.Order)
	if e.Order == OrderMax || e.Order == OrderMin {
		fmt.Fprintf(&b, " of %s", e.Statistic)
	}
	switch {
	case e.Chosen != nil:
		fmt.Fprintf(&b, ": %s, because %s\n", e.Chosen.Name, e.Trigger)
	case e.Trigger == Expired:
		b.WriteString(": no target in time\n")
	default:
		b.WriteString(": waits\n")
	}
	for _, t := range e.Targets {
		fmt.Fprintf(&b, "  %s: %d of %d free", t.Target, t.Free, t.Members)
		if t.Closed {
			b.WriteString(", the threshold is false")
		}
		b.WriteByte('\n')
		for _, c := range t.Candidates {
			fmt.Fprintf(&b, "    %s: %s", c.Name, c.Verdict)
			if c.ReadyFor > 0 {
				fmt.Fprintf(&b, ", ready for %s", c.ReadyFor.Round(time.Millisecond))
			}
			if e.Order == OrderMax || e.Order == OrderMin {
				fmt.Fprintf(&b, ", %g", c.Value)
			}
			if c.Holder != 0 {
				fmt.Fprintf(&b, " for request %d", c.Holder)
			}
			b.WriteByte('\n')
		}
		if t.Omitted > 0 {
			fmt.Fprintf(&b, "    and %d more\n", t.Omitted)
		}
	}
	for _, v := range e.Rivals {
		fmt.Fprintf(&b, "  before request %d in %s: %s\n", v.Request, v.Queue, v.Why)
	}
	return b.String()
}

// Brief returns the explanation on one line: who was chosen and why, and what keeps the
// others, by name where a target means up to five, else counted.
func (e Explanation) Brief() string {
	var b strings.Builder
	if e.Chosen != nil {
		b.WriteString(e.Chosen.Name)
		if e.Chosen.ReadyFor > 0 {
			fmt.Fprintf(&b, ", ready for %s", e.Chosen.ReadyFor.Round(time.Millisecond))
		}
		b.WriteString(", because ")
	}
	b.WriteString(e.Trigger.String())
	for _, t := range e.Targets {
		fmt.Fprintf(&b, "; %s: %s", t.Target, t.brief(e.Chosen))
	}
	if n := len(e.Rivals); n > 0 {
		v := e.Rivals[0]
		fmt.Fprintf(&b, "; before request %d, %s", v.Request, v.Why)
		switch {
		case n == maxRivals:
			b.WriteString(", and others")
		case n > 1:
			fmt.Fprintf(&b, ", and %d more", n-1)
		}
	}
	return b.String()
}

// brief tells of those whom the target means, without the chosen one.
func (t *TargetExplanation) brief(chosen *Candidate) string {
	const named = 5
	var parts []string
	var counts [len(verdictNames)]int
	others := 0
	for _, c := range t.Candidates {
		if c.Verdict == Chosen {
			continue
		}
		others++
		counts[c.Verdict]++
		parts = append(parts, c.Name+" "+c.Verdict.String())
	}
	switch {
	case t.Members == 0:
		return "means nobody"
	case others == 0 && chosen != nil:
		return "nobody else"
	case others+t.Omitted > named:
		parts = parts[:0]
		for v, n := range counts {
			if n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, Verdict(v)))
			}
		}
		if t.Omitted > 0 {
			parts = append(parts, fmt.Sprintf("%d more", t.Omitted))
		}
	}
	if t.Closed {
		parts = append([]string{"the threshold is false"}, parts...)
	}
	return strings.Join(parts, ", ")
}

// LogValue implements slog.LogValuer: the text is made when it is logged.
func (e Explanation) LogValue() slog.Value { return slog.StringValue(e.String()) }
