package router

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// ID names a request of a Router.
type ID uint64

// Order says which of several free targets is taken.
type Order uint8

// The orders.
const (
	OrderAny        Order = iota // the first in the list; in a group the one that is ready for longest
	OrderMax                     // with the greatest value of the statistic
	OrderMin                     // with the smallest
	OrderPercentage              // so that targets get calls in proportion to their weights
)

var orderNames = [...]string{"any", "max", "min", "percentage"}

func (o Order) String() string {
	if int(o) < len(orderNames) {
		return orderNames[o]
	}
	return fmt.Sprintf("Order(%d)", o)
}

// ParseOrder reads "any", "max", "min" or "percentage", in any case; empty is
// OrderAny.
func ParseOrder(s string) (Order, error) {
	if s == "" {
		return OrderAny, nil
	}
	for i, name := range orderNames {
		if strings.EqualFold(s, name) {
			return Order(i), nil
		}
	}
	return 0, fmt.Errorf("router: %.40q is no order: want any, max, min or percentage", s)
}

// Request asks for a target.
type Request struct {
	// Interaction is what the target is wanted for; may be empty.
	Interaction string
	// ConnID is its call. A reservation ends when this call reaches the target; with 0
	// any call ends it.
	ConnID telephony.ConnID
	// Media is that of the interaction; default Voice. Agents have to be ready
	// and to have capacity for it.
	Media string
	// Created is when the interaction began, for Tuning.Age; default: when the
	// request comes.
	Created time.Time

	Queue     string // virtual queue; default NoQueue
	Priority  int    // the higher goes first; in one priority Tuning decides
	Tuning    Tuning // default: the one that waits for longest
	Order     Order
	Statistic string // for OrderMax and OrderMin; default StatTimeInReadyState
	Targets   []Target
	Exclude   []string // ids of agents that are never taken

	// Ideal are the skills of the agent who would suit best. RStatCost says how
	// far an agent is from them: the sum of the differences of the levels. Use it with OrderMin.
	Ideal map[string]int
	// IgnoreState takes agents who are logged in whatever they do, unless they
	// are reserved.
	IgnoreState bool
	// Alone passes over agents who have something to do already, whatever their
	// Capacity.
	Alone bool
	// DNType has agents reached at their number of this type (Agent.DNs), and passes over
	// those who have none; 0: at the DN where they take calls.
	DNType int

	// Timeout is how long the request waits; 0: for ever.
	Timeout time.Duration
	// KeepOnTimeout keeps the targets after a time-out: they are added to those of
	// the next request of the same interaction, which waits as if it had come
	// when the first did.
	KeepOnTimeout bool
	// Fresh drops the targets that KeepOnTimeout has kept.
	Fresh bool
	// Reserve is how long a target that was chosen is kept when no call arrives
	// there; default Options.Reservation.
	Reserve time.Duration
}

// RequestError reports a request that cannot be as given.
type RequestError struct {
	Target  int // position in Targets, from 1; 0: not about one target
	Text    string
	Problem string
}

func (e *RequestError) Error() string {
	if e.Target > 0 {
		return fmt.Sprintf("router: target %d, %.200s: %s", e.Target, e.Text, e.Problem)
	}
	return "router: the request is refused: " + e.Problem
}

// Selection is a target that was found.
type Selection struct {
	Target   Target // as in the request
	Queue    string
	DN       string
	Switch   string
	Agent    string // empty for a target that is no agent
	Place    string
	Workbin  string        // of Target, when that is what was chosen
	Resource TargetType    // TypeAgent, or the type of the target
	Waited   time.Duration // since the request came
	Reserved time.Duration // how long it is kept, at most
	Why      Reason        // for logs
}

const (
	maxExcluded = 10_000 // agents of Request.Exclude
	maxAvoided  = 1_000  // agents who refused a request
)

// state is where a request stands.
type state uint8

const (
	waiting  state = iota
	reserved       // a resource is kept for it
	lost           // the resource is gone that was kept for it
)

// request is a Request under way.
type request struct {
	Request
	id       ID
	since    time.Time
	deadline time.Time // of Timeout; zero without
	notify   func(Selection, error)
	exclude  map[string]struct{}
	avoid    map[identity]uint64 // the versions at which they refused
	media    *media
	queue    *queue
	halt     func() // stops the timer of Timeout, or of the reservation

	// While it waits:
	class   *class
	rank    int   // priority of the queue
	from    int64 // what its wait counts from; Unix nanoseconds
	pools   []*pool
	guarded bool // has thresholds

	state  state
	chosen *resource // while reserved
	line   *line     // that is kept; nil for what has none
	told   bool      // notify has been called for the present choice
	round  int       // counts the choices
}

// remainder is what is left of requests that timed out.
type remainder struct {
	queue   string
	since   time.Time
	targets []Target
}

// Submit begins the search for a target. notify is called once for every
// selection, by the clock and never before Submit has returned: with the target, which is then reserved for the
// request, or with ErrTimeout. It is not called after Cancel. It must not block, and may
// call the Router.
//
// The error is a *RequestError, an *UnknownError with Options.Strict, or matches ErrStatistic or ErrTooMany.
func (r *Router) Submit(req Request, notify func(Selection, error)) (ID, error) {
	if err := req.check(); err != nil {
		return 0, err
	}
	if notify == nil {
		return 0, &RequestError{Problem: "nobody is told of the outcome"}
	}
	if req.Queue == "" {
		req.Queue = NoQueue
	}
	req.Targets, req.Ideal = slices.Clone(req.Targets), maps.Clone(req.Ideal)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.requests) >= r.opts.MaxRequests {
		return 0, tooMany("requests", r.opts.MaxRequests)
	}
	if r.opts.Strict {
		if err := r.known(req.Targets); err != nil {
			return 0, err
		}
	}
	m, err := r.mediaOf(req.Media, req.IgnoreState)
	if err != nil {
		return 0, err
	}
	v, err := r.virtualQueue(req.Queue)
	if err != nil {
		return 0, err
	}
	now := r.clock.Now()
	q := &request{Request: req, since: now, notify: notify, queue: v, media: m}
	if req.Timeout > 0 {
		q.deadline = now.Add(req.Timeout)
	}
	r.takeOver(q)
	if len(q.Targets) == 0 {
		return 0, &RequestError{Problem: "it names no target"}
	}
	if len(req.Exclude) > 0 {
		q.exclude = make(map[string]struct{}, len(req.Exclude))
		for _, id := range req.Exclude {
			q.exclude[id] = struct{}{}
		}
		q.Exclude = nil
	}
	q.avoid = maps.Clone(r.missed[req.Interaction])
	r.lastID++
	q.id = r.lastID
	r.requests[q.id] = q
	r.count(&v.counters, entered)
	r.count(&r.totals, entered)
	r.begin(q, Submitted)
	return q.id, nil
}

// check looks at what can be judged without the router.
func (q *Request) check() error {
	switch {
	case int(q.Order) >= len(orderNames):
		return &RequestError{Problem: "there is no " + q.Order.String()}
	case q.Timeout < 0 || q.Reserve < 0 || q.Tuning.ServiceObjective < 0:
		return &RequestError{Problem: "a time is negative"}
	case len(q.Targets) > maxTargets:
		return &RequestError{Problem: fmt.Sprintf("more than %d targets", maxTargets)}
	case len(q.Exclude) > maxExcluded:
		return &RequestError{Problem: fmt.Sprintf("more than %d agents are excluded", maxExcluded)}
	case len(q.Ideal) > maxSkills:
		return &RequestError{Problem: fmt.Sprintf("the ideal agent has more than %d skills", maxSkills)}
	}
	for i := range q.Targets {
		if problem := q.Targets[i].check(); problem != "" {
			return &RequestError{Target: i + 1, Text: q.Targets[i].String(), Problem: problem}
		}
	}
	if q.Order == OrderMax || q.Order == OrderMin {
		if q.Statistic == "" {
			q.Statistic = timeInReadyState
		}
		if statistics[q.Statistic] == 0 {
			return fmt.Errorf("%w: %.100q", ErrStatistic, q.Statistic)
		}
	}
	return nil
}

// takeOver adds what is left of earlier requests of the interaction.
func (r *Router) takeOver(q *request) {
	rest := r.left[q.Interaction]
	if rest == nil || q.Interaction == "" {
		return
	}
	delete(r.left, q.Interaction)
	if q.Fresh {
		return
	}
	for _, t := range rest.targets {
		same := func(u Target) bool { return u.String() == t.String() }
		if len(q.Targets) < maxTargets && !slices.ContainsFunc(q.Targets, same) {
			q.Targets = append(q.Targets, t)
		}
	}
	if rest.queue == q.Queue {
		q.since = rest.since
	}
}

// begin has a request wait, and takes a target for it that is free.
func (r *Router) begin(q *request, why Trigger) {
	r.enter(q)
	if !q.deadline.IsZero() {
		r.timer(q, q.deadline.Sub(r.clock.Now()), r.expired)
	}
	r.search(q, why)
}

// enter puts a request among those that wait.
func (r *Router) enter(q *request) {
	if v := r.queues[q.Queue]; v != nil {
		q.queue = v
	} else {
		r.queues[q.Queue] = q.queue // it was forgotten meanwhile
	}
	q.state, q.chosen, q.line, q.told = waiting, nil, nil, false
	q.rank, q.from = q.queue.Priority, q.since.UnixNano()
	if q.Tuning.Age && !q.Created.IsZero() {
		q.from = q.Created.UnixNano()
	}
	q.class = r.classOf(q)
	q.class.requests++
	q.queue.waiting.insert(q)
	q.queue.came(r.clock.Now().UnixNano())
	q.pools, q.guarded = q.pools[:0], false
	for i := range q.Targets {
		q.pools = append(q.pools, r.pool(&q.Targets[i]))
		q.guarded = q.guarded || q.Targets[i].Threshold != nil
	}
	r.distinct(q, func(p *pool) { r.waitFor(q, p) })
	if q.guarded {
		r.guarded.insert(q)
		r.watch()
	}
}

// leave takes a request from those that wait.
func (r *Router) leave(q *request) {
	q.queue.waiting.remove(q)
	r.distinct(q, func(p *pool) { r.waitNoMore(q, p) })
	if q.class.requests--; q.class.requests == 0 {
		q.media.classes = slices.DeleteFunc(q.media.classes, func(c *class) bool { return c == q.class })
	}
	q.pools = q.pools[:0]
	if q.guarded {
		r.guarded.remove(q)
	}
}

// distinct calls f once for every pool of q.
func (r *Router) distinct(q *request, f func(p *pool)) {
	r.marks++
	mark := r.marks
	for _, p := range q.pools {
		if p.mark != mark {
			p.mark = mark
			f(p)
		}
	}
}

// timer sets the one timer of a request.
func (r *Router) timer(q *request, d time.Duration, f func(*request)) {
	r.stop(q)
	cancelled := false
	halt := r.clock.AfterFunc(max(d, 0), func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !cancelled {
			q.halt = nil
			f(q)
		}
	})
	q.halt = func() {
		cancelled = true
		halt()
	}
}

func (r *Router) stop(q *request) {
	if q.halt != nil {
		q.halt()
		q.halt = nil
	}
}

// expired is the end of a request that found nothing.
func (r *Router) expired(q *request) {
	if q.KeepOnTimeout && q.Interaction != "" && len(r.left) < r.opts.MaxRequests {
		r.left[q.Interaction] = &remainder{queue: q.Queue, since: q.since, targets: q.Targets}
	}
	r.count(&q.queue.counters, timedOut)
	r.count(&r.totals, timedOut)
	if decided := r.opts.Decided; decided != nil {
		e := r.explain(q, Expired, -1, nil, nil)
		r.post(func() { decided(e) })
	}
	notify := q.notify
	r.drop(q)
	r.opts.Logger.Debug("no target in time", "request", q.id, "interaction", q.Interaction, "queue", q.Queue)
	r.post(func() { notify(Selection{Queue: q.Queue}, ErrTimeout) })
}

// drop forgets a request and what is kept for it.
func (r *Router) drop(q *request) {
	r.stop(q)
	delete(r.requests, q.id)
	switch q.state {
	case waiting:
		r.leave(q)
	case reserved:
		r.offer(r.unhold(q)...)
	}
	q.state = lost
}

// Cancel ends a request that waits, or gives back what it has reserved. It
// reports whether there was one. notify is not called afterwards, unless it
// is being called.
func (r *Router) Cancel(id ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.requests[id]
	if q == nil {
		return false
	}
	if q.state == waiting {
		r.count(&q.queue.counters, abandoned)
		r.count(&r.totals, abandoned)
	}
	found := q.state != lost
	r.drop(q)
	return found
}

// Return gives back a selection that was of no use, because the call could not
// be sent there. The request waits again, in its old place; the target is not
// taken for it again before something changes there. The error is ErrNotFound.
func (r *Router) Return(id ID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.requests[id]
	if q == nil || q.state == waiting {
		return ErrNotFound
	}
	var free []*resource
	if res := q.chosen; res != nil {
		if q.avoid == nil {
			q.avoid = map[identity]uint64{}
		} else if len(q.avoid) >= maxAvoided {
			clear(q.avoid)
		}
		q.avoid[res.identity()] = res.version
		free = r.unhold(q)
	}
	r.stop(q)
	r.enter(q)
	r.offer(free...)
	if q.state == waiting {
		if !q.deadline.IsZero() {
			r.timer(q, q.deadline.Sub(r.clock.Now()), r.expired)
		}
		r.search(q, Returned)
	}
	return nil
}

// Reserve sets how long the target that a request has got is kept for it, from
// now. The error is ErrNotFound, or a *RequestError when d is not positive.
func (r *Router) Reserve(id ID, d time.Duration) error {
	if d <= 0 {
		return &RequestError{Problem: "the time of the reservation is not positive"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.requests[id]
	if q == nil || q.state != reserved {
		return ErrNotFound
	}
	r.timer(q, d, r.drop)
	return nil
}

// Forget drops what is kept of an interaction that is over: the targets left by
// requests that timed out, and the agents who did not answer it. Requests under way are not touched.
func (r *Router) Forget(interaction string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.left, interaction)
	delete(r.missed, interaction)
}

// Update changes the priority of a request that waits. A change does not alter
// its age. The error is ErrNotFound.
func (r *Router) Update(id ID, priority int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.requests[id]
	if q == nil || q.state != waiting {
		return ErrNotFound
	}
	r.leave(q)
	q.Priority = priority
	r.enter(q)
	return nil
}

// watch has thresholds looked at while somebody waits for one.
func (r *Router) watch() {
	if r.checking {
		return
	}
	r.checking = true
	r.clock.AfterFunc(r.opts.Recheck, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.checking = false
		all := make([]*request, 0, r.guarded.n)
		for q := range r.guarded.all() {
			all = append(all, q)
		}
		for _, q := range all {
			if q.state == waiting {
				r.search(q, Rechecked)
			}
		}
		if r.guarded.n > 0 {
			r.watch()
		}
	})
}
