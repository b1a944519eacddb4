package rest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// hostCounters are the counters that Monitor.Measure takes, and what they measure.
var hostCounters = map[string]string{
	"http-fetch-time":          "Time of a fetch by HTTP.",
	"esp-fetch-time":           "Time of a fetch by ESP.",
	"urs-fetch-time":           "Time of a fetch from the router.",
	"urs-request-time":         "Time from a request to the router to its first answer.",
	"openstat-time":            "Time from the request to open a statistic until it was open.",
	"cassandra-latency":        "Time of an operation of the store.",
	"func-execution-time":      "Time of a function.",
	"scxml-event-queuing-time": "Time that an event waits in a queue.",
	"redirect-time":            "Time of a redirect.",
}

// exposition writes the text form of Prometheus, version 0.0.4.
type exposition struct{ strings.Builder }

func (e *exposition) family(name, kind, help string) {
	fmt.Fprintf(e, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (e *exposition) one(name, kind, help string, value any) {
	e.family(name, kind, help)
	fmt.Fprintf(e, "%s %v\n", name, value)
}

// times writes a counter of durations: how many, and their sum in milliseconds.
func (e *exposition) times(counter, help string, s *stat) {
	name := metricName(counter) + "_milliseconds"
	e.family(name, "summary", help)
	e.sample(name, "", s)
}

func (e *exposition) sample(name, labels string, s *stat) {
	fmt.Fprintf(e, "%s_sum%s %g\n%s_count%s %d\n", name, labels, float64(s.micros.Load())/1000, name, labels, s.count.Load())
}

func metricName(counter string) string { return "ors_" + strings.ReplaceAll(counter, "-", "_") }

// label escapes the value of a label.
func label(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}

// metrics writes the counters of Orchestration Server (active-sessions is
// ors_active_sessions), and some of the handler.
func (h *Handler) metrics(w *answer, _ *http.Request) *problem {
	m := h.opts.Monitor
	var e exposition
	e.one("ors_active_sessions", "gauge", "Sessions that are alive on this node.", h.engine.Len())
	e.one("ors_pending_sessions", "gauge", "Starts that are under way.", m.pending.Load())
	e.times("create-session-time", "Time to create a session.", &m.creating)
	e.times("document-processing-time", "Time to load and compile a document.", &m.documents)
	e.one("ors_sessions_started_total", "counter", "Sessions that have begun or were recovered; its rate is creation-session-rate.", m.started.Load())
	e.one("ors_session_start_errors_total", "counter", "Starts that have failed.", m.startErrors.Load())
	e.one("ors_state_exits_total", "counter", "States that were left; its rate is state-rate.", m.stateExits.Load())
	e.one("ors_function_calls_total", "counter", "Calls of functions of modules; its rate is func-execution-rate.", m.functions.Load())
	e.one("ors_fetches_total", "counter", "Executed fetch actions; its rate is fetch-rate.", m.fetches.Load())
	m.mu.Lock()
	states, measured, requests, endings := maps.Clone(m.states), maps.Clone(m.measured), maps.Clone(m.requests), maps.Clone(m.endings)
	m.mu.Unlock()
	e.family("ors_sessions_ended_total", "counter", "Sessions that have ended, by reason.")
	for _, reason := range slices.Sorted(maps.Keys(endings)) {
		fmt.Fprintf(&e, "ors_sessions_ended_total{reason=\"%s\"} %d\n", label(reason), endings[reason])
	}
	e.family("ors_state_time_milliseconds", "summary", "Time in a state.")
	for _, id := range slices.Sorted(maps.Keys(states)) {
		e.sample("ors_state_time_milliseconds", `{state="`+label(h.opts.Masking.Text(id))+`"}`, states[id])
	}
	for _, counter := range slices.Sorted(maps.Keys(measured)) {
		e.times(counter, hostCounters[counter], measured[counter])
	}
	e.times("http-request-time", "Time of a request to this interface.", &m.requestTime)
	e.family("ors_http_requests_total", "counter", "Requests to this interface, by operation and status.")
	keys := slices.SortedFunc(maps.Keys(requests), func(a, b requestKey) int {
		return cmp.Or(strings.Compare(a.op, b.op), cmp.Compare(a.status, b.status))
	})
	for _, k := range keys {
		fmt.Fprintf(&e, "ors_http_requests_total{operation=\"%s\",status=\"%d\"} %d\n", k.op, k.status, requests[k])
	}
	e.one("ors_http_held_requests", "gauge", "Requests that wait for a session.", len(h.held))
	e.one("ors_http_streams", "gauge", "Open event streams.", len(h.streams))
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write([]byte(e.String())) // a client that has gone needs no answer
	return nil
}
