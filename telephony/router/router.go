package router

import (
	"container/list"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
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

	// Strict has Submit refuse targets that name a skill, an agent, a place or a group that
	// the router does not know, with an *UnknownError. Without it such targets
	// mean nobody, until they are known.
	Strict bool

	// NotReadyOnNoAnswer makes an agent NotReady who lets a routed call ring
	// until the switch takes it back.
	NotReadyOnNoAnswer bool

	// Objective is the service objective of virtual queues that have no other,
	// and of requests without one where it is compared; default 20 s.
	Objective time.Duration

	// Window is the longest sliding interval of statistics, default 1 h. Sliding
	// intervals are exact to 1/360 of it.
	Window time.Duration

	// Location says when the day begins, with which growing intervals begin
	// anew; default UTC.
	Location *time.Location

	// Property is what acfgdata asks in thresholds: the option of a section of an
	// application. It is called with locks held and must not call the Router. nil: every
	// acfgdata has its default.
	Property func(application, section, option string) (value string, ok bool)

	// Subroutine is what run[name, …] asks in thresholds; 0 keeps the target from being used. It is
	// called with locks held, at each look at the threshold, and must not call the Router. Where it is
	// nil, or ok is false, the whole threshold is false.
	Subroutine func(name string, args []string) (value float64, ok bool)

	// Decided is told why every request got the target that it got, or found none in time
	// (Explanation.Chosen is nil then). It is called by the clock, before the one who
	// submitted the request. nil costs nothing.
	Decided func(Explanation)

	// MaxRequests is the number of requests that may exist at the same time,
	// default 100,000; MaxQueues that of virtual queues and of queues, default 10,000; MaxAgents that of
	// agents and of groups, default 100,000; MaxMedia that of media, default 32. Beyond them there is
	// ErrTooMany.
	MaxRequests, MaxQueues, MaxAgents, MaxMedia int

	// Logger is told of decisions, at debug level; nil is silent.
	Logger *slog.Logger
}

// Errors that callers branch on.
var (
	// ErrTooMany: a limit of Options is reached.
	ErrTooMany = errors.New("too many at the same time")

	// ErrNotFound: the request does not exist, or not any more, or is not in the
	// state that the method needs.
	ErrNotFound = errors.New("router: there is no such request")

	// ErrNoAgent: the router has no such agent.
	ErrNoAgent = errors.New("router: there is no such agent")

	// ErrTimeout is the outcome of a request that found no target in time.
	ErrTimeout = errors.New("router: no target in time")

	// ErrStatistic: the router does not keep such a statistic, or not over
	// such an interval.
	ErrStatistic = errors.New("router: no such statistic")
)

// Router chooses targets for requests. Make it with New; it holds nothing that
// has to be closed. All methods are safe for concurrent use.
type Router struct {
	opts  Options
	clock Clock

	mu       sync.Mutex
	agents   map[string]*resource
	logins   map[string]*resource
	slots    []*resource // agents by slot; nil for a slot that is not used
	unused   []int       // slots
	everyone bitset
	logged   bitset // agents who are logged in
	busy     bitset // of them, those who have a call or another interaction
	places   map[string][]*resource
	skills   map[string]*skill // every skill that was ever set
	groups   map[groupKey]*Group
	lines    map[string][]*line     // by number
	targets  map[poolKey]*resource  // that are no agents
	works    map[string][]*resource // who has an interaction
	devices  map[Queue]*device      // queues of the switches

	media      []*media
	mediaNames map[string]*media
	pools      map[poolKey]*pool
	resting    *list.List // pools that nobody waits for, the latest first
	dynamic    map[*pool]struct{}

	queues   map[string]*queue
	requests map[ID]*request
	left     map[string]*remainder // by interaction
	missed   map[string]map[identity]uint64
	shares   map[string]map[poolKey]float64
	guarded  sorted[*request] // that wait and have thresholds
	checking bool
	reserved int
	totals   counters
	lastID   ID
	turns    uint64
	marks    uint64
	box      []func()
}

const (
	maxShares  = 10_000 // distributions by percentage
	maxResting = 2_000  // pools
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
	if o.Location == nil {
		o.Location = time.UTC
	}
	o.Reservation = positive(o.Reservation, 10*time.Second)
	o.Recheck = positive(o.Recheck, time.Second)
	o.Objective = positive(o.Objective, 20*time.Second)
	o.Window = max(positive(o.Window, time.Hour), windowParts)
	o.MaxRequests = positive(o.MaxRequests, 100_000)
	o.MaxQueues = positive(o.MaxQueues, 10_000)
	o.MaxAgents = positive(o.MaxAgents, 100_000)
	o.MaxMedia = positive(o.MaxMedia, 32)
	r := &Router{
		opts: o, clock: o.Clock,
		agents: map[string]*resource{}, logins: map[string]*resource{}, places: map[string][]*resource{}, skills: map[string]*skill{}, groups: map[groupKey]*Group{},
		lines: map[string][]*line{}, targets: map[poolKey]*resource{}, works: map[string][]*resource{}, devices: map[Queue]*device{},
		mediaNames: map[string]*media{}, pools: map[poolKey]*pool{}, resting: list.New(), dynamic: map[*pool]struct{}{},
		queues: map[string]*queue{}, requests: map[ID]*request{}, left: map[string]*remainder{},
		missed: map[string]map[identity]uint64{}, shares: map[string]map[poolKey]float64{},
		guarded: sorted[*request]{compare: before},
	}
	r.addMedia(Voice)
	return r
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
	s := Stats{Reserved: r.reserved, Pools: len(r.pools) - r.resting.Len(), Queues: len(r.queues)}
	for _, q := range r.requests {
		if q.state == waiting {
			s.Waiting++
		}
	}
	return s
}

// tooMany makes the error of a limit.
func tooMany(what string, limit int) error {
	return fmt.Errorf("router: %w: %d %s", ErrTooMany, limit, what)
}
