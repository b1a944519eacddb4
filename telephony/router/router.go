package router

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// Clock is the time that a Router lives in; a session.Clock is one.
type Clock interface {
	// Now returns the present time.
	Now() time.Time
	// AfterFunc calls f once, d from now. stop prevents the call and reports
	// whether it did. f is never called inside AfterFunc, nor with
	// locks of the clock held.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// Options are the settings of a Router. A nil *Options and zero fields mean the
// defaults.
type Options struct {
	// Clock is the time that the router lives in; default the real time.
	Clock Clock

	// Reservation is how long a target that was chosen is kept for its request
	// when no call arrives there; default 10 s.
	Reservation time.Duration

	// Recheck is how often the thresholds of waiting requests are looked at;
	// default 1 s.
	Recheck time.Duration

	// MaxRequests is the number of requests that may exist at the same time,
	// default 100,000; MaxQueues that of virtual queues, default 10,000; MaxAgents that of
	// agents and of each kind of group, default 100,000. Beyond them there is ErrTooMany.
	MaxRequests, MaxQueues, MaxAgents int

	// Logger is told of decisions, at debug level; nil is silent.
	Logger *slog.Logger
}

// Errors that callers branch on.
var (
	// ErrTooMany: a limit of Options is reached.
	ErrTooMany = errors.New("too many at the same time")

	// ErrNotFound: the request does not exist, or not any more.
	ErrNotFound = errors.New("router: there is no such request")

	// ErrTimeout is the outcome of a request that found no target in time.
	ErrTimeout = errors.New("router: no target in time")

	// ErrStatistic: the router does not keep such a statistic.
	ErrStatistic = errors.New("router: no such statistic")
)

// Router chooses targets for requests. Make it with New; it holds nothing that
// has to be closed. All methods are safe for concurrent use.
type Router struct {
	clock       Clock
	reservation time.Duration
	recheck     time.Duration
	maxRequests int
	maxQueues   int
	maxAgents   int
	logger      *slog.Logger

	mu          sync.Mutex
	agents      map[string]*resource
	dns         map[string]*resource // targets that are no agents, by the key of their pool
	lines       map[string]*line
	groups      map[string]*Group
	placeGroups map[string][]string
	skills      map[string]int // every skill that was ever set
	pools       map[string]*pool
	queues      map[string]*queue
	entered     int // requests that have been submitted
	requests    map[ID]*request
	left        map[string]*remainder // by interaction
	shares      map[string]map[string]float64
	guarded     []*request // that wait and have thresholds
	checking    bool
	lastID      ID
	order       uint64
	turns       uint64
	box         []func()
}

const (
	defaultReservation = 10 * time.Second
	defaultRecheck     = time.Second
	defaultMaxRequests = 100_000
	defaultMaxQueues   = 10_000
	defaultMaxAgents   = 100_000
	maxShares          = 10_000
)

// New makes a router without agents.
func New(opts *Options) *Router {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Clock == nil {
		o.Clock = realTime{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Router{
		clock: o.Clock, reservation: positive(o.Reservation, defaultReservation), recheck: positive(o.Recheck, defaultRecheck),
		maxRequests: positive(o.MaxRequests, defaultMaxRequests), maxQueues: positive(o.MaxQueues, defaultMaxQueues),
		maxAgents: positive(o.MaxAgents, defaultMaxAgents), logger: o.Logger,
		agents: map[string]*resource{}, dns: map[string]*resource{}, lines: map[string]*line{}, groups: map[string]*Group{},
		placeGroups: map[string][]string{}, skills: map[string]int{}, pools: map[string]*pool{}, queues: map[string]*queue{},
		requests: map[ID]*request{}, left: map[string]*remainder{}, shares: map[string]map[string]float64{},
	}
}

func positive[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// realTime is the clock of the machine.
type realTime struct{}

func (realTime) Now() time.Time { return time.Now() }

func (realTime) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// post has f called by the clock, in order and without the lock.
func (r *Router) post(f func()) {
	r.box = append(r.box, f)
	if len(r.box) == 1 {
		r.clock.AfterFunc(0, r.deliver)
	}
}

func (r *Router) deliver() {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.box[0]
	r.mu.Unlock()
	f()
	r.mu.Lock()
	r.box[0] = nil
	if r.box = r.box[1:]; len(r.box) > 0 {
		r.clock.AfterFunc(0, r.deliver)
	} else {
		r.box = nil
	}
}

// Receive takes the events of a link: they tell which DNs are in calls.
// Events of DNs that are no agent's and no target's are passed over.
func (r *Router) Receive(e telephony.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := e.(*telephony.EventLinkConnected); ok {
		// What happened meanwhile is not known. A DN that is taken for free refuses
		// the call; one that is taken for busy would stay so for ever.
		for _, l := range r.linesInOrder() {
			clear(l.calls)
			r.changed(l)
		}
		return
	}
	a, ok := telephony.CallOf(e)
	if !ok || r.lines[a.ThisDN] == nil {
		return
	}
	l := r.lines[a.ThisDN]
	switch e.(type) {
	case *telephony.EventRinging, *telephony.EventEstablished:
		delete(l.calls, a.PreviousConnID)
		l.calls[a.ConnID] = struct{}{}
		if q := l.holder; q != nil && (q.ConnID == 0 || q.ConnID == a.ConnID) {
			r.drop(q) // the call is there: the reservation has done its work
		}
	case *telephony.EventReleased, *telephony.EventAbandoned, *telephony.EventDiverted:
		delete(l.calls, a.ConnID)
	default:
		return
	}
	r.changed(l)
}

func (r *Router) linesInOrder() []*line {
	all := make([]*line, 0, len(r.lines))
	for _, l := range r.lines {
		all = append(all, l)
	}
	slices.SortFunc(all, func(x, y *line) int { return strings.Compare(x.dn, y.dn) })
	return all
}

// changed brings everybody at a line up to date.
func (r *Router) changed(l *line) {
	for _, res := range l.users {
		res.version++
	}
	r.refreshLine(l)
}

// Stats says how full a Router is.
type Stats struct {
	Waiting  int // requests without a target yet
	Reserved int // requests whose target waits for its call
	Pools    int // different targets of waiting requests
	Queues   int // virtual queues
}

// Stats returns the present numbers.
func (r *Router) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{Pools: len(r.pools), Queues: len(r.queues)}
	for _, q := range r.requests {
		if q.chosen != nil {
			s.Reserved++
		} else {
			s.Waiting++
		}
	}
	return s
}

// tooMany makes the error of a limit.
func tooMany(what string, limit int) error {
	return fmt.Errorf("router: %w: %d %s", ErrTooMany, limit, what)
}
