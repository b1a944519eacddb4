package rest

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// MonitorOptions are the settings of a Monitor.
type MonitorOptions struct {
	// Trace counts and tells states, transitions and events, too: state-time,
	// state-rate, func-execution-time, func-execution-rate, fetch-rate. It costs each of
	// them a lock and an entry of a map, 1 µs or less. The time of a state in which a session
	// left memory is not counted. Default: false.
	Trace bool

	// States is the number of states that state-time tells apart, by id, and of functions,
	// of func-execution-time; default 500. The others are counted together as "other".
	States int

	// Events is the number of events that are kept for streams that fall behind or come
	// back; default 4,096.
	Events int

	// Average is the window of moving averages and of rates; default 1 min.
	Average time.Duration

	// Alarm is told of each performance alarm that rises or clears (SetAlarms), one after
	// the other, and must return quickly. It may call the Monitor. nil: nobody is.
	Alarm func(Alarm)

	// StoreOperation is told of each operation of the store that is measured, with its name, as in the
	// label of ors_store_latency, and the time that it took. It is called concurrently, by whoever
	// waits for the operation, and must return quickly. nil: nobody is.
	StoreOperation func(operation string, d time.Duration)

	// Logger gets a line for each performance alarm that rises and clears; nil is silent.
	// Values can be named by states: Masking.Handler hides what is not to be seen.
	Logger *slog.Logger

	// Clock is the clock of the engine; default session.SystemClock.
	Clock session.Clock
}

const (
	defaultStates  = 500
	defaultEvents  = 4096
	defaultAverage = time.Minute
)

// Monitor has the counters of Orchestration Server (self-monitoring): it counts what the
// sessions of an engine do, for Prometheus, raises performance alarms, and tells event streams.
// It is made before the engine, installed in its options, and given to the Handler
// (Options.Monitor). It is safe for concurrent use and holds nothing that has to be closed.
type Monitor struct {
	opts MonitorOptions
	slot time.Duration // of moving averages
	born time.Time

	counters map[string]*counter // all of them, by id
	creating, documents, queuing, store,
	functions, states, began, exits, calls, fetches *counter

	pending     atomic.Int64
	startErrors atomic.Uint64
	requestTime meter
	active      atomic.Pointer[func() int] // number of live sessions

	mu       sync.Mutex
	requests map[requestKey]uint64
	endings  map[string]uint64

	alarms alarms
	ring   ring
}

type requestKey struct {
	op     string
	status int
}

// NewMonitor makes a Monitor. nil options are fine.
func NewMonitor(opts *MonitorOptions) *Monitor {
	m := &Monitor{counters: map[string]*counter{}, requests: map[requestKey]uint64{}, endings: map[string]uint64{}}
	if opts != nil {
		m.opts = *opts
	}
	positive(&m.opts.States, defaultStates)
	positive(&m.opts.Events, defaultEvents)
	positive(&m.opts.Average, defaultAverage)
	if m.opts.Clock == nil {
		m.opts.Clock = session.SystemClock{}
	}
	if m.opts.Logger == nil {
		m.opts.Logger = slog.New(slog.DiscardHandler)
	}
	m.slot = max(m.opts.Average/averageSlots, time.Millisecond)
	m.born = m.opts.Clock.Now()
	for i := range counterSpecs {
		m.counters[counterSpecs[i].id] = &counter{counterSpec: &counterSpecs[i], limit: m.opts.States, meters: map[string]*meter{}}
	}
	m.creating, m.documents, m.queuing, m.store = m.counters[createSessionTime], m.counters[documentTime], m.counters[queuingTime], m.counters[storeTime]
	m.functions, m.states = m.counters[functionTime], m.counters[stateTime]
	m.began, m.exits, m.calls, m.fetches = m.counters[creationRate], m.counters[stateRate], m.counters[functionRate], m.counters[fetchRate]
	m.ring.init(m.opts.Events)
	return m
}

// Install registers the Monitor in the options of an engine that is about to be made: in
// Observer, Trace and, to measure it, in Store, which therefore has to be set already. What
// is there is kept and called, too.
func (m *Monitor) Install(o *session.Options) {
	b := &o.Observer
	b.SessionStarted = then(b.SessionStarted, func(info session.Info) {
		m.add(m.began, "", m.opts.Clock.Now(), 0)
		m.tell(StreamEvent{Type: "session.started", Session: info.ID, Name: info.Name})
	})
	ended := b.SessionEnded
	b.SessionEnded = func(info session.Info, r session.Result) {
		m.ended(info, &r)
		if ended != nil {
			ended(info, r)
		}
	}
	begins, ends, waited := b.StartBegins, b.StartEnds, b.EventWaited
	b.StartBegins = func() {
		m.pending.Add(1)
		m.touch()
		if begins != nil {
			begins()
		}
	}
	b.StartEnds = func(d time.Duration, err error) {
		m.startEnds(d, err)
		if ends != nil {
			ends(d, err)
		}
	}
	b.EventWaited = func(id string, d time.Duration) {
		m.add(m.queuing, "", m.opts.Clock.Now(), d)
		if waited != nil {
			waited(id, d)
		}
	}
	if o.Store != nil {
		o.Store = &timedStore{o.Store, m}
	}
	host := o.Trace
	o.Trace = func(id string, doc *scxml.Document) *scxml.Trace {
		var t scxml.Trace
		if host != nil {
			if given := host(id, doc); given != nil {
				t = *given
			}
		}
		m.trace(id, &t)
		return &t
	}
}

// add counts a duration.
func (m *Monitor) add(c *counter, parameter string, now time.Time, d time.Duration) {
	c.meter(parameter).add(m.slot, now, d)
	m.touch()
}

func (m *Monitor) ended(info session.Info, r *session.Result) {
	reason := r.Reason.String()
	m.mu.Lock()
	m.endings[reason]++
	m.mu.Unlock()
	m.touch()
	m.tell(StreamEvent{Type: "session.ended", Session: info.ID, Name: info.Name, Reason: reason})
}

func (m *Monitor) startEnds(d time.Duration, err error) {
	m.pending.Add(-1)
	if err != nil {
		m.startErrors.Add(1)
		return
	}
	m.add(m.creating, "", m.opts.Clock.Now(), d)
}

// trace adds the hooks of the Monitor to those of the host.
func (m *Monitor) trace(id string, t *scxml.Trace) {
	t.Document = then(t.Document, func(d scxml.DocumentTrace) {
		if !d.Cached {
			m.add(m.documents, "", m.opts.Clock.Now(), d.Duration)
		}
	})
	if !m.opts.Trace {
		return
	}
	entered := map[string]time.Time{} // one goroutine at a time has the session
	t.Enter = then(t.Enter, func(state string) {
		entered[state] = m.opts.Clock.Now()
		m.tell(StreamEvent{Type: "state.enter", Session: id, Name: state})
	})
	t.Exit = then(t.Exit, func(state string) {
		now := m.opts.Clock.Now()
		m.add(m.exits, "", now, 0)
		if at, ok := entered[state]; ok { // not when it was entered before the session was last loaded
			delete(entered, state)
			m.add(m.states, state, now, now.Sub(at))
		}
		m.tell(StreamEvent{Type: "state.exit", Session: id, Name: state})
	})
	t.EventTaken = then(t.EventTaken, func(ev *scxml.Event) {
		m.tell(StreamEvent{Type: "event", Session: id, Name: ev.Name})
	})
	var calls []time.Time // that have not returned
	t.Function = then(t.Function, func(string) { calls = append(calls, m.opts.Clock.Now()) })
	t.FunctionDone = then(t.FunctionDone, func(function string) {
		began, now := calls[len(calls)-1], m.opts.Clock.Now()
		calls = calls[:len(calls)-1]
		m.add(m.calls, "", now, 0)
		m.add(m.functions, function, now, now.Sub(began))
	})
	t.Extension = then(t.Extension, func(x scxml.ExtensionTrace) {
		if x.Name == "fetch" {
			m.add(m.fetches, "", m.opts.Clock.Now(), 0)
		}
	})
}

// then calls one function after the other; the first may be nil.
func then[T any](first, second func(T)) func(T) {
	if first == nil {
		return second
	}
	return func(v T) {
		first(v)
		second(v)
	}
}

// Measure counts a duration that only the host sees, or the modules, to which it is given
// (fm.ServicesOptions.Measure): "http-fetch-time", "esp-fetch-time", "urs-fetch-time",
// "urs-request-time", "openstat-time", "redirect-time"; a host without Install may measure
// every other counter of durations, too. parameter is the operation of cassandra-latency, the function
// of func-execution-time, the state of state-time; others have none. What is no counter of
// durations is logged and not counted.
func (m *Monitor) Measure(counter, parameter string, d time.Duration) {
	c := m.counters[counter]
	if c == nil || c.kind != isTime {
		m.opts.Logger.Warn("measured what is no counter of durations", "counter", counter)
		return
	}
	m.add(c, parameter, m.opts.Clock.Now(), d)
}

func (m *Monitor) requestDone(op string, status int, d time.Duration) {
	m.requestTime.add(m.slot, m.opts.Clock.Now(), d)
	m.mu.Lock()
	m.requests[requestKey{op, status}]++ // few statuses, each ours or from 200 to 599
	m.mu.Unlock()
}

func (m *Monitor) tell(ev StreamEvent) {
	if m.ring.listeners.Load() == 0 {
		return
	}
	ev.Time = m.opts.Clock.Now().UTC()
	m.ring.add(ev)
}

// sessions is the number of live sessions; 0 where the Monitor has no Handler.
func (m *Monitor) sessions() int {
	if f := m.active.Load(); f != nil {
		return (*f)()
	}
	return 0
}

// rate is how many there were per second within the window.
func (m *Monitor) rate(window sample, now time.Time) float64 {
	covered := m.slot*(averageSlots-1) + time.Duration(now.UnixNano()%int64(m.slot))
	covered = max(min(covered, now.Sub(m.born)), m.slot)
	return float64(window.count) / covered.Seconds()
}
