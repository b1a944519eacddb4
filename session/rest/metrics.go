package rest

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// exposition writes the text form of Prometheus, version 0.0.4.
type exposition struct {
	strings.Builder
	m    *Monitor
	mask func(string) string
	now  time.Time
}

func (e *exposition) family(name, kind, help string) {
	fmt.Fprintf(e, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

func (e *exposition) one(name, kind, help string, value any) {
	e.family(name, kind, help)
	fmt.Fprintf(e, "%s %v\n", name, value)
}

// times writes durations: how many, their sum and their moving average, in milliseconds.
func (e *exposition) times(metric, help, label string, readings []reading) {
	name := metric + "_milliseconds"
	labels := func(r reading) string {
		if label == "" {
			return ""
		}
		return "{" + label + `="` + labelText(e.mask(r.parameter)) + `"}`
	}
	e.family(name, "summary", help)
	for _, r := range readings {
		sum := float64(r.total.sum) / float64(time.Millisecond)
		fmt.Fprintf(e, "%s_sum%s %g\n%s_count%s %d\n", name, labels(r), sum, name, labels(r), r.total.count)
	}
	average := metric + "_average_milliseconds"
	e.family(average, "gauge", help+" Moving average; 0 when there was none lately.")
	for _, r := range readings {
		fmt.Fprintf(e, "%s%s %g\n", average, labels(r), r.window.millis())
	}
}

// counter writes a counter of Orchestration Server.
func (e *exposition) counter(c *counter) {
	switch readings := c.read(e.m.slot, e.now); {
	case c.id == activeSessions:
		e.one(c.metric, "gauge", c.help, e.m.sessions())
	case c.id == pendingSessions:
		e.one(c.metric, "gauge", c.help, e.m.pending.Load())
	case c.kind == isRate:
		e.one(c.total, "counter", c.help+".", readings[0].total.count)
		e.one(c.metric, "gauge", c.help+", per second lately.", e.m.rate(readings[0].window, e.now))
	default:
		e.times(c.metric, c.help, c.label, readings)
	}
}

// alarms writes the performance alarms: those that have a threshold.
func (e *exposition) alarms() {
	thresholds := e.m.alarms.thresholds.Load()
	if thresholds == nil {
		return
	}
	up := map[string]int{}
	for _, a := range e.m.Alarms() {
		up[a.Counter] = 1
	}
	e.family("ors_performance_alarm", "gauge", "Whether a counter is above its threshold.")
	for _, id := range sortedKeys(*thresholds) {
		fmt.Fprintf(e, "ors_performance_alarm{counter=\"%s\"} %d\n", id, up[id])
	}
	e.family("ors_performance_alarm_threshold", "gauge", "Threshold of a counter, in its unit.")
	for _, id := range sortedKeys(*thresholds) {
		fmt.Fprintf(e, "ors_performance_alarm_threshold{counter=\"%s\"} %g\n", id, (*thresholds)[id])
	}
}

// labelText escapes the value of a label.
func labelText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}

// metrics writes the counters of Orchestration Server (active-sessions is
// ors_active_sessions), and some of the handler.
func (h *Handler) metrics(w *answer, _ *http.Request) *problem {
	m := h.opts.Monitor
	e := exposition{m: m, mask: h.opts.Masking.Text, now: m.opts.Clock.Now()}
	for i := range counterSpecs {
		e.counter(m.counters[counterSpecs[i].id])
	}
	e.alarms()
	e.one("ors_session_start_errors_total", "counter", "Starts that have failed.", m.startErrors.Load())
	m.mu.Lock()
	requests, endings := maps.Clone(m.requests), maps.Clone(m.endings)
	m.mu.Unlock()
	e.family("ors_sessions_ended_total", "counter", "Sessions that have ended, by reason.")
	for _, reason := range sortedKeys(endings) {
		fmt.Fprintf(&e, "ors_sessions_ended_total{reason=\"%s\"} %d\n", labelText(reason), endings[reason])
	}
	var served reading
	served.total, served.window = m.requestTime.read(m.slot, e.now)
	e.times("ors_http_request_time", "Time of a request to this interface.", "", []reading{served})
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
