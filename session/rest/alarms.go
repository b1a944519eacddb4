package rest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Alarm is a performance alarm: a counter that is above its threshold, or is no more.
type Alarm struct {
	Counter   string       // its id: "state-time"
	Threshold float64      // in the unit of the values
	Raised    bool         // false: it has cleared
	Since     time.Time    // when it rose or cleared
	Values    []AlarmValue // what is above, the highest first, at most 15; of one that has cleared the highest
}

// AlarmValue is a value of a counter: milliseconds for durations, a number per second for
// rates, both within MonitorOptions.Average, and the present number of sessions.
type AlarmValue struct {
	Parameter string // state, function or operation; empty for counters without
	Value     float64
}

// String is the line of a log: "state-time (5000): waiting=6012.4, ringing=5100".
func (a Alarm) String() string {
	values := make([]string, len(a.Values))
	for i, v := range a.Values {
		values[i] = alarmNumber(v.Value)
		if v.Parameter != "" {
			values[i] = v.Parameter + "=" + values[i]
		}
	}
	return a.Counter + " (" + alarmNumber(a.Threshold) + "): " + strings.Join(values, ", ")
}

func alarmNumber(v float64) string {
	return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64)
}

const (
	alarmPause  = time.Second // between two looks at the counters
	alarmValues = 15          // in one line
	alarmClear  = 0.9         // of the threshold: an alarm clears when nothing is above it

	// Ids of the log events of Orchestration Server.
	logAlarm        = "23028"
	logAlarmsClear  = "23029"
	alarmsComponent = "SelfMonitoring"
)

// alarms are the thresholds and what is above them.
type alarms struct {
	thresholds atomic.Pointer[map[string]float64] // by counter; never changed once it is here
	pending    atomic.Bool                        // a look has been arranged

	look sync.Mutex // held during a look, callbacks included

	mu     sync.Mutex
	raised map[string]Alarm
}

// SetAlarms sets the thresholds of the performance alarms, all of them anew: by the id of
// the counter, as the section performance-alarms of Orchestration Server has them, a number
// from 0 on. The unit is that of AlarmValue; an empty text is no threshold. It may be called
// at any time.
//
// An alarm rises when the moving average of durations, a rate, or a number of sessions is
// above the threshold, of any state, function or operation of the store where a counter has
// several; it clears when all are at or below nine tenths of it, or when it has no threshold
// any more. Counters are looked at once a second while something is counted or an alarm is
// up. MonitorOptions.Alarm, Logger and the event stream are told.
//
// The error names every entry that is no counter, no number, or wants MonitorOptions.Trace;
// then nothing has changed.
func (m *Monitor) SetAlarms(thresholds map[string]string) error {
	parsed := map[string]float64{}
	var problems []error
	for _, id := range sortedKeys(thresholds) {
		text := strings.TrimSpace(thresholds[id])
		c := m.counters[id]
		v, err := strconv.ParseFloat(text, 64)
		switch {
		case c == nil:
			problems = append(problems, fmt.Errorf("rest: performance-alarms: %q is no counter; want one of %s", id, strings.Join(counterIDs(), ", ")))
		case text == "":
		case err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0:
			problems = append(problems, fmt.Errorf("rest: performance-alarms: %s is %q; want a number from 0 on", id, text))
		case c.traced && !m.opts.Trace:
			problems = append(problems, fmt.Errorf("rest: performance-alarms: %s is counted only with MonitorOptions.Trace", id))
		default:
			parsed[id] = v
		}
	}
	if problems != nil {
		return errors.Join(problems...)
	}
	m.alarms.thresholds.Store(&parsed)
	m.arrange(0)
	return nil
}

func counterIDs() []string {
	ids := make([]string, len(counterSpecs))
	for i := range counterSpecs {
		ids[i] = counterSpecs[i].id
	}
	return ids
}

// Alarms returns the performance alarms that are up, by counter.
func (m *Monitor) Alarms() []Alarm {
	m.alarms.mu.Lock()
	defer m.alarms.mu.Unlock()
	list := make([]Alarm, 0, len(m.alarms.raised))
	for _, id := range sortedKeys(m.alarms.raised) {
		list = append(list, m.alarms.raised[id])
	}
	return list
}

// touch is told that something has been counted.
func (m *Monitor) touch() {
	if t := m.alarms.thresholds.Load(); t != nil && len(*t) > 0 {
		m.arrange(alarmPause)
	}
}

// arrange lets the counters be looked at after d, unless that has been arranged.
func (m *Monitor) arrange(d time.Duration) {
	if !m.alarms.pending.Load() && m.alarms.pending.CompareAndSwap(false, true) {
		m.opts.Clock.AfterFunc(d, m.lookAtAlarms)
	}
}

// lookAtAlarms compares the counters with their thresholds, and tells what has changed.
func (m *Monitor) lookAtAlarms() {
	a := &m.alarms
	a.look.Lock()
	defer a.look.Unlock()
	a.pending.Store(false)
	thresholds, now := *a.thresholds.Load(), m.opts.Clock.Now()
	a.mu.Lock()
	if a.raised == nil {
		a.raised = map[string]Alarm{}
	}
	var changed []Alarm
	for i := range counterSpecs {
		id := counterSpecs[i].id
		threshold, wanted := thresholds[id]
		up, raised := a.raised[id]
		if !wanted && !raised {
			continue
		}
		values := m.values(id, now)
		above := slices.IndexFunc(values, func(v AlarmValue) bool { return !(v.Value > threshold) })
		if above < 0 {
			above = len(values)
		}
		next := Alarm{Counter: id, Threshold: threshold, Since: now}
		switch {
		case raised && (!wanted || len(values) == 0 || values[0].Value <= alarmClear*threshold):
			if !wanted {
				next.Threshold = up.Threshold
			}
			next.Values = values[:min(1, len(values))]
			delete(a.raised, id)
			changed = append(changed, next)
		case raised || above > 0:
			next.Raised, next.Values = true, values[:min(max(1, above), alarmValues)]
			if raised {
				next.Since = up.Since
			} else {
				changed = append(changed, next)
			}
			a.raised[id] = next
		}
	}
	left := len(a.raised)
	a.mu.Unlock()
	for _, x := range changed {
		m.tellAlarm(x)
	}
	if left == 0 && slices.ContainsFunc(changed, func(x Alarm) bool { return !x.Raised }) {
		m.opts.Logger.Info("all performance alarms cleared", "id", logAlarmsClear, "component", alarmsComponent)
	}
	if left > 0 {
		m.arrange(alarmPause)
	}
}

// values are what a counter has now, the highest first.
func (m *Monitor) values(id string, now time.Time) []AlarmValue {
	c := m.counters[id]
	switch {
	case id == activeSessions:
		return []AlarmValue{{Value: float64(m.sessions())}}
	case id == pendingSessions:
		return []AlarmValue{{Value: float64(m.pending.Load())}}
	}
	var list []AlarmValue
	for _, r := range c.read(m.slot, now) {
		v := AlarmValue{Parameter: r.parameter, Value: r.window.millis()}
		if c.kind == isRate {
			v.Value = m.rate(r.window, now)
		}
		list = append(list, v)
	}
	slices.SortStableFunc(list, func(a, b AlarmValue) int { return cmp.Compare(b.Value, a.Value) })
	return list
}

func (m *Monitor) tellAlarm(x Alarm) {
	log, text, kind := m.opts.Logger.Warn, x.String(), "alarm.raised"
	if !x.Raised {
		log, text, kind = m.opts.Logger.Info, x.String()+": cleared", "alarm.cleared"
	}
	log(text, "id", logAlarm, "component", alarmsComponent, "counter", x.Counter)
	m.tell(StreamEvent{Type: kind, Name: x.Counter})
	if m.opts.Alarm == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			m.opts.Logger.Error("panic contained", "callback", "MonitorOptions.Alarm", "panic", v, "stack", string(debug.Stack()))
		}
	}()
	m.opts.Alarm(x)
}
