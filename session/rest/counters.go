package rest

import (
	"sync"
	"time"
)

// The counters of Orchestration Server by their ids, which are also the names of the options
// of the section performance-alarms.
const (
	activeSessions  = "active-sessions"
	pendingSessions = "pending-sessions"

	createSessionTime = "create-session-time"
	documentTime      = "document-processing-time"
	queuingTime       = "scxml-event-queuing-time"
	storeTime         = "cassandra-latency"
	functionTime      = "func-execution-time"
	stateTime         = "state-time"

	creationRate = "creation-session-rate"
	stateRate    = "state-rate"
	functionRate = "func-execution-rate"
	fetchRate    = "fetch-rate"
)

// counterKind is what a counter measures.
type counterKind uint8

const (
	isGauge counterKind = iota // a number at one moment
	isTime                     // durations, in milliseconds
	isRate                     // events per second
)

// counterSpec describes a counter.
type counterSpec struct {
	id     string
	kind   counterKind
	help   string
	metric string // beginning of its names for Prometheus
	total  string // of a rate: the name of its total
	label  string // what tells its parameters apart; empty: it has none
	traced bool   // only with MonitorOptions.Trace
}

// counterSpecs are all counters, in the order in which they are written.
var counterSpecs = []counterSpec{
	{id: activeSessions, metric: "ors_active_sessions", help: "Sessions that are alive on this node."},
	{id: pendingSessions, metric: "ors_pending_sessions", help: "Starts that are under way."},
	{id: createSessionTime, kind: isTime, metric: "ors_create_session_time", help: "Time to create a session."},
	{id: documentTime, kind: isTime, metric: "ors_document_processing_time", help: "Time to load and compile a document."},
	{id: queuingTime, kind: isTime, metric: "ors_scxml_event_queuing_time", help: "Time that an event waits in the queue of its session; in a queue that is not empty, of one in 16."},
	{id: "http-fetch-time", kind: isTime, metric: "ors_http_fetch_time", help: "Time of a fetch by HTTP."},
	{id: "esp-fetch-time", kind: isTime, metric: "ors_esp_fetch_time", help: "Time of a fetch by ESP."},
	{id: "urs-fetch-time", kind: isTime, metric: "ors_urs_fetch_time", help: "Time of a fetch from the router."},
	{id: "urs-request-time", kind: isTime, metric: "ors_urs_request_time", help: "Time from a request to the router to its first answer."},
	{id: "openstat-time", kind: isTime, metric: "ors_openstat_time", help: "Time from the request to open a statistic until it was open."},
	{id: storeTime, kind: isTime, metric: "ors_store_latency", label: "operation", help: "Time of an operation of the store, whichever that is."},
	{id: functionTime, kind: isTime, metric: "ors_func_execution_time", label: "function", traced: true, help: "Time of a call of a module's function."},
	{id: stateTime, kind: isTime, metric: "ors_state_time", label: "state", traced: true, help: "Time in a state."},
	{id: "redirect-time", kind: isTime, metric: "ors_redirect_time", help: "Time from the request to route an interaction to its outcome."},
	{id: creationRate, kind: isRate, metric: "ors_creation_session_rate", total: "ors_sessions_started_total", help: "Sessions that have begun"},
	{id: stateRate, kind: isRate, metric: "ors_state_rate", total: "ors_state_exits_total", traced: true, help: "States that were left"},
	{id: functionRate, kind: isRate, metric: "ors_func_execution_rate", total: "ors_function_calls_total", traced: true, help: "Calls of functions of modules"},
	{id: fetchRate, kind: isRate, metric: "ors_fetch_rate", total: "ors_fetches_total", traced: true, help: "Executed fetch actions"},
}

// averageSlots is the number of parts that the window of a moving average moves by.
const averageSlots = 12

// meter counts durations, or just events, since the beginning and within the window of the
// moving average.
type meter struct {
	mu    sync.Mutex
	total sample
	slots [averageSlots]sample
	last  int64 // number of the slot that was written last, counted from 1970
}

// sample is how many, and their sum.
type sample struct {
	count uint64
	sum   time.Duration
}

func (s *sample) add(d time.Duration) {
	s.count++
	s.sum += max(d, 0)
}

// millis is the mean in milliseconds; 0 of none.
func (s sample) millis() float64 {
	if s.count == 0 {
		return 0
	}
	return float64(s.sum) / float64(s.count) / float64(time.Millisecond)
}

func (t *meter) add(slot time.Duration, now time.Time, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.move(now.UnixNano() / int64(slot))
	t.total.add(d)
	t.slots[t.last%averageSlots].add(d)
}

// move clears the slots between the last one and that of now. A clock that goes back changes
// nothing.
func (t *meter) move(to int64) {
	for n := max(t.last+1, to-averageSlots+1); n <= to; n++ {
		t.slots[n%averageSlots] = sample{}
	}
	t.last = max(t.last, to)
}

// read returns what was counted in all and within the window.
func (t *meter) read(slot time.Duration, now time.Time) (total, window sample) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.move(now.UnixNano() / int64(slot))
	for _, s := range t.slots {
		window.count += s.count
		window.sum += s.sum
	}
	return t.total, window
}

// counter is a counter with what it has counted.
type counter struct {
	*counterSpec
	limit int // of parameters that are told apart

	one meter // without a parameter

	mu     sync.RWMutex
	meters map[string]*meter // by parameter
}

// otherParameters stands for the parameters beyond the limit.
const otherParameters = "other"

// meter returns the meter of a parameter.
func (c *counter) meter(parameter string) *meter {
	if c.label == "" {
		return &c.one
	}
	c.mu.RLock()
	m := c.meters[parameter]
	c.mu.RUnlock()
	if m != nil {
		return m
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if m = c.meters[parameter]; m == nil && len(c.meters) >= c.limit {
		parameter = otherParameters
		m = c.meters[parameter]
	}
	if m == nil {
		m = &meter{}
		c.meters[parameter] = m
	}
	return m
}

// reading is what a meter has counted.
type reading struct {
	parameter     string
	total, window sample
}

// read returns the readings of a counter, by parameter.
func (c *counter) read(slot time.Duration, now time.Time) []reading {
	if c.label == "" {
		r := reading{}
		r.total, r.window = c.one.read(slot, now)
		return []reading{r}
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := make([]reading, 0, len(c.meters))
	for _, parameter := range sortedKeys(c.meters) {
		r := reading{parameter: parameter}
		r.total, r.window = c.meters[parameter].read(slot, now)
		list = append(list, r)
	}
	return list
}
