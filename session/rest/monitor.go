package rest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// MonitorOptions are the settings of a Monitor.
type MonitorOptions struct {
	// Trace counts and tells states, transitions and events, too: state-time,
	// state-rate, func-execution-rate, fetch-rate. It costs each of them a lock and an entry
	// of a map. Default: sessions and documents alone.
	Trace bool

	// States is the number of states that state-time tells apart, by id; default 500.
	// The others are counted together as "other".
	States int

	// Events is the number of events that are kept for streams that fall behind or come
	// back; default 4,096.
	Events int

	// Clock is the clock of the engine; default session.SystemClock.
	Clock session.Clock
}

const (
	defaultStates = 500
	defaultEvents = 4096
	otherStates   = "other"
)

// Monitor counts what the sessions of an engine do, for Prometheus, and tells it to event
// streams. It is made before the engine, installed in its options, and given to the
// Handler (Options.Monitor). It is safe for concurrent use.
type Monitor struct {
	opts MonitorOptions

	pending                          atomic.Int64
	started, startErrors             atomic.Uint64
	stateExits, functions, fetches   atomic.Uint64
	creating, documents, requestTime stat

	mu       sync.Mutex
	states   map[string]*stat
	measured map[string]*stat // by the name of the counter
	requests map[requestKey]uint64
	endings  map[string]uint64

	ring ring
}

type requestKey struct {
	op     string
	status int
}

// stat sums durations up.
type stat struct {
	count  atomic.Uint64
	micros atomic.Uint64
}

func (s *stat) add(d time.Duration) {
	s.count.Add(1)
	if d > 0 {
		s.micros.Add(uint64(d.Microseconds()))
	}
}

// NewMonitor makes a Monitor. nil options are fine.
func NewMonitor(opts *MonitorOptions) *Monitor {
	m := &Monitor{states: map[string]*stat{}, measured: map[string]*stat{}, requests: map[requestKey]uint64{}, endings: map[string]uint64{}}
	if opts != nil {
		m.opts = *opts
	}
	positive(&m.opts.States, defaultStates)
	positive(&m.opts.Events, defaultEvents)
	if m.opts.Clock == nil {
		m.opts.Clock = session.SystemClock{}
	}
	m.ring.init(m.opts.Events)
	return m
}

// Install registers the Monitor in the options of an engine that is about to be made:
// in Observer and Trace. What is there is kept and called, too.
func (m *Monitor) Install(o *session.Options) {
	before := o.Observer
	o.Observer.SessionStarted = func(info session.Info) {
		m.started.Add(1)
		m.tell(StreamEvent{Type: "session.started", Session: info.ID, Name: info.Name})
		if before.SessionStarted != nil {
			before.SessionStarted(info)
		}
	}
	o.Observer.SessionEnded = func(info session.Info, r session.Result) {
		reason := r.Reason.String()
		m.mu.Lock()
		m.endings[reason]++
		m.mu.Unlock()
		m.tell(StreamEvent{Type: "session.ended", Session: info.ID, Name: info.Name, Reason: reason})
		if before.SessionEnded != nil {
			before.SessionEnded(info, r)
		}
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

// trace adds the hooks of the Monitor to those of the host.
func (m *Monitor) trace(id string, t *scxml.Trace) {
	t.Document = then(t.Document, func(d scxml.DocumentTrace) {
		if !d.Cached {
			m.documents.add(d.Duration)
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
		m.stateExits.Add(1)
		if at, ok := entered[state]; ok { // not when it was entered before a restart
			delete(entered, state)
			m.state(state).add(m.opts.Clock.Now().Sub(at))
		}
		m.tell(StreamEvent{Type: "state.exit", Session: id, Name: state})
	})
	t.EventTaken = then(t.EventTaken, func(ev *scxml.Event) {
		m.tell(StreamEvent{Type: "event", Session: id, Name: ev.Name})
	})
	t.Function = then(t.Function, func(string) { m.functions.Add(1) })
	t.Extension = then(t.Extension, func(x scxml.ExtensionTrace) {
		if x.Name == "fetch" {
			m.fetches.Add(1)
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

func (m *Monitor) state(id string) *stat {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.states[id]
	if s == nil {
		if len(m.states) >= m.opts.States {
			id = otherStates
			if s = m.states[id]; s != nil {
				return s
			}
		}
		s = &stat{}
		m.states[id] = s
	}
	return s
}

// Measure is for durations that only the host sees. The counters are those of
// Orchestration Server: "http-fetch-time", "esp-fetch-time", "urs-fetch-time",
// "urs-request-time", "openstat-time", "cassandra-latency", "func-execution-time",
// "scxml-event-queuing-time", "redirect-time". Any other name is not counted, and gives
// false.
func (m *Monitor) Measure(counter string, d time.Duration) bool {
	if _, ok := hostCounters[counter]; !ok {
		return false
	}
	m.mu.Lock()
	s := m.measured[counter]
	if s == nil {
		s = &stat{}
		m.measured[counter] = s
	}
	m.mu.Unlock()
	s.add(d)
	return true
}

func (m *Monitor) startBegins() { m.pending.Add(1) }

func (m *Monitor) startEnds(d time.Duration, err error) {
	m.pending.Add(-1)
	if err != nil {
		m.startErrors.Add(1)
		return
	}
	m.creating.add(d)
}

func (m *Monitor) requestDone(op string, status int, d time.Duration) {
	m.requestTime.add(d)
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
