package router

import (
	"errors"
	"fmt"
	"slices"
	"sort"
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

// NoQueue is the virtual queue of requests that name none.
const NoQueue = "none"

// Request asks for a target.
type Request struct {
	// Interaction is what the target is wanted for; may be empty.
	Interaction string
	// ConnID is its call. A reservation ends when this call reaches the target; with 0
	// any call ends it.
	ConnID telephony.ConnID

	Queue     string // virtual queue; default NoQueue
	Priority  int    // the higher goes first; in one priority the one that waits for longest
	Order     Order
	Statistic string // for OrderMax and OrderMin; default StatTimeInReadyState
	Targets   []Target
	Exclude   []string // ids of agents that are never taken

	// Timeout is how long the request waits; 0: for ever.
	Timeout time.Duration
	// KeepOnTimeout keeps the targets after a time-out: they are added to those of
	// the next request of the same interaction, which waits as if it had come
	// when the first did.
	KeepOnTimeout bool
	// Fresh drops the targets that KeepOnTimeout has kept.
	Fresh bool
}

// Selection is a target that was found.
type Selection struct {
	Target   Target // as in the request
	Queue    string
	DN       string
	Switch   string
	Agent    string // empty for a target that is no agent
	Place    string
	Resource TargetType    // TypeAgent, or the type of the target
	Waited   time.Duration // since the request came
	Reserved time.Duration // how long it is kept, at most; see Options.Reservation
	Why      string        // in words, for logs
}

// request is a Request under way.
type request struct {
	Request
	id      ID
	since   time.Time
	notify  func(Selection, error)
	pools   []*pool // by target
	queue   *queue
	halt    func() bool // the timer of Timeout, later of the reservation
	chosen  *resource   // nil: it waits
	held    *line       // that is reserved; nil for what is shared
	avoid   map[*resource]uint64
	guarded bool // has thresholds
}

// queue is a virtual queue.
type queue struct {
	name     string
	waiting  []*request
	entered  int // requests that have been submitted to it
	served   int
	last     time.Time
	interval time.Duration // mean time between two selections
}

// remainder is what is left of requests that timed out.
type remainder struct {
	queue   string
	since   time.Time
	targets []Target
}

// before orders waiting requests: priority, age, then the order of arrival.
func before(x, y *request) int {
	switch {
	case x.Priority != y.Priority:
		if x.Priority > y.Priority {
			return -1
		}
		return 1
	case !x.since.Equal(y.since):
		return x.since.Compare(y.since)
	case x.id < y.id:
		return -1
	case x.id > y.id:
		return 1
	}
	return 0
}

func insert(list []*request, q *request) []*request {
	i, _ := slices.BinarySearchFunc(list, q, before)
	return slices.Insert(list, i, q)
}

func remove(list []*request, q *request) []*request {
	if i, ok := slices.BinarySearchFunc(list, q, before); ok {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// Submit begins the search for a target. notify is called once, by the clock
// and never before Submit has returned: with the target, which is then reserved for the request, or
// with ErrTimeout. It is not called after Cancel. It must not block, and may
// call the Router.
func (r *Router) Submit(req Request, notify func(Selection, error)) (ID, error) {
	if req.Queue == "" {
		req.Queue = NoQueue
	}
	if req.Order == OrderMax || req.Order == OrderMin {
		if req.Statistic == "" {
			req.Statistic = "StatTimeInReadyState"
		}
		if !knownStatistic(req.Statistic) {
			return 0, fmt.Errorf("%w: %.100q", ErrStatistic, req.Statistic)
		}
	}
	for i := range req.Targets {
		switch t := &req.Targets[i]; t.Type {
		case TypeCampaign, TypeCampaignGroup, TypeQueueGroup:
			return 0, fmt.Errorf("router: target %.200q: targets of type %s are not supported", t.String(), t.Type)
		}
	}
	if len(req.Targets) > maxTargets {
		return 0, fmt.Errorf("router: the request names more than %d targets", maxTargets)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.requests) >= r.maxRequests {
		return 0, tooMany("requests", r.maxRequests)
	}
	v, err := r.virtualQueue(req.Queue)
	if err != nil {
		return 0, err
	}
	q := &request{Request: req, since: r.clock.Now(), notify: notify, queue: v}
	r.takeOver(q)
	if len(q.Targets) == 0 {
		return 0, errors.New("router: the request names no target")
	}
	r.lastID++
	q.id = r.lastID
	r.requests[q.id] = q
	v.entered++
	r.entered++
	r.enter(q)
	if req.Timeout > 0 {
		r.timer(q, req.Timeout, r.expired)
	}
	r.search(q)
	return q.id, nil
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
	q.Targets = slices.Clone(q.Targets)
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

// virtualQueue returns a queue, which is made when it is first named.
func (r *Router) virtualQueue(name string) (*queue, error) {
	if v := r.queues[name]; v != nil {
		return v, nil
	}
	if len(r.queues) >= r.maxQueues {
		for other, v := range r.queues {
			if len(v.waiting) == 0 {
				delete(r.queues, other)
			}
		}
	}
	if len(r.queues) >= r.maxQueues {
		return nil, tooMany("virtual queues", r.maxQueues)
	}
	v := &queue{name: name}
	r.queues[name] = v
	return v, nil
}

// enter puts a request among those that wait.
func (r *Router) enter(q *request) {
	q.chosen = nil
	q.queue.waiting = insert(q.queue.waiting, q)
	q.pools = q.pools[:0]
	q.guarded = false
	for i := range q.Targets {
		p := r.pool(&q.Targets[i])
		if !slices.Contains(q.pools, p) {
			p.waiting = insert(p.waiting, q)
		}
		q.pools = append(q.pools, p)
		q.guarded = q.guarded || q.Targets[i].Threshold != nil
	}
	if q.guarded {
		r.guarded = insert(r.guarded, q)
		r.watch()
	}
}

// leave takes a request from those that wait.
func (r *Router) leave(q *request) {
	q.queue.waiting = remove(q.queue.waiting, q)
	for i, p := range q.pools {
		if !slices.Contains(q.pools[:i], p) {
			p.waiting = remove(p.waiting, q)
			r.tidy(p)
		}
	}
	q.pools = nil
	if q.guarded {
		r.guarded = remove(r.guarded, q)
	}
}

// timer sets the one timer of a request.
func (r *Router) timer(q *request, d time.Duration, f func(*request)) {
	r.stop(q)
	cancelled := false
	halt := r.clock.AfterFunc(d, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !cancelled {
			q.halt = nil
			f(q)
		}
	})
	q.halt = func() bool {
		cancelled = true
		return halt()
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
	if q.KeepOnTimeout && q.Interaction != "" && len(r.left) < r.maxRequests {
		r.left[q.Interaction] = &remainder{queue: q.Queue, since: q.since, targets: q.Targets}
	}
	notify := q.notify
	r.drop(q)
	r.logger.Debug("no target in time", "request", q.id, "interaction", q.Interaction, "queue", q.Queue)
	r.post(func() { notify(Selection{Queue: q.Queue}, ErrTimeout) })
}

// drop forgets a request and what it has reserved.
func (r *Router) drop(q *request) {
	r.stop(q)
	delete(r.requests, q.id)
	if q.chosen == nil {
		r.leave(q)
		return
	}
	r.release(q, q.chosen)
}

// release gives back what a request has reserved.
func (r *Router) release(q *request, res *resource) {
	if l := q.held; l != nil && l.holder == q {
		l.holder = nil
		r.refreshLine(l)
	}
	q.held = nil
	r.forgetDN(res)
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
	q.notify = nil
	r.drop(q)
	return true
}

// Return gives back a selection that was of no use, because the call could not
// be sent there. The request waits again, in its old place; the target is not
// taken for it again before something changes there.
func (r *Router) Return(id ID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.requests[id]
	if q == nil || q.chosen == nil {
		return ErrNotFound
	}
	res := q.chosen
	if q.avoid == nil {
		q.avoid = map[*resource]uint64{}
	}
	q.avoid[res] = res.version
	r.stop(q)
	r.enter(q)
	if q.Timeout > 0 {
		r.timer(q, q.Timeout-r.clock.Now().Sub(q.since), r.expired)
	}
	r.release(q, res)
	if q.chosen == nil {
		r.search(q)
	}
	return nil
}

// Forget drops what is kept of an interaction that is over: the targets left by
// requests that timed out. Requests under way are not touched.
func (r *Router) Forget(interaction string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.left, interaction)
}

// Update changes the priority of a request that waits. A change does not alter
// its age.
func (r *Router) Update(id ID, priority int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.requests[id]
	if q == nil || q.chosen != nil {
		return ErrNotFound
	}
	r.leave(q)
	q.Priority = priority
	r.enter(q)
	return nil
}

// Position is where a waiting request stands.
type Position struct {
	Queue    string
	Priority int
	Position int           // in its virtual queue, from 1
	Waited   time.Duration // so far
	// Expected is how long it will still take at the pace of the last selections from
	// the queue; 0 when there were none.
	Expected time.Duration
}

// Query tells where a request stands that waits.
func (r *Router) Query(id ID) (Position, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.requests[id]
	if q == nil || q.chosen != nil {
		return Position{}, ErrNotFound
	}
	at, _ := slices.BinarySearchFunc(q.queue.waiting, q, before)
	return Position{
		Queue: q.Queue, Priority: q.Priority, Position: at + 1, Waited: r.clock.Now().Sub(q.since),
		Expected: time.Duration(at+1) * q.queue.interval,
	}, nil
}

// Queues lists the virtual queues and how many requests wait in each.
func (r *Router) Queues() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := make(map[string]int, len(r.queues))
	for name, v := range r.queues {
		waiting[name] = len(v.waiting)
	}
	return waiting
}

// watch has thresholds looked at while somebody waits for one.
func (r *Router) watch() {
	if r.checking {
		return
	}
	r.checking = true
	r.clock.AfterFunc(r.recheck, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.checking = false
		for _, q := range slices.Clone(r.guarded) {
			if q.chosen == nil && r.requests[q.id] == q {
				r.search(q)
			}
		}
		if len(r.guarded) > 0 {
			r.watch()
		}
	})
}

// names lists the keys of a map in order.
func names[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}
