package crashtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// ledger is the world outside of the process that is killed: it keeps the effects, and drops those
// that it has already.
type ledger struct {
	mu       sync.Mutex
	sessions map[string]*account
	effects  int
	repeats  int
	report   *Report
}

// account is what is known of a session.
type account struct {
	effects  map[string]string // content by id
	steps    map[int]step      // by the number of the event
	late     map[int]bool
	ticks    int
	accepted int // events acknowledged: 1 to this one
	bye      *bye
	gone     chan struct{} // closed when bye has come
}

// step is what a session enters for an event.
type step struct {
	N           int
	Before, Now float64
}

// bye is what a session enters at its end.
type bye struct {
	Seen                        []int
	Echoes, Ticks, Hellos, Kids int
}

func newLedger(r *Report) *ledger {
	return &ledger{sessions: make(map[string]*account), report: r}
}

// open adds a session.
func (l *ledger) open(id string) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := &account{effects: make(map[string]string), steps: make(map[int]step), late: make(map[int]bool), gone: make(chan struct{})}
	l.sessions[id] = a
	return a
}

// accept notes that an event was acknowledged.
func (l *ledger) accept(a *account, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.accepted = n
}

// enter takes an effect, and reports whether it is new.
func (l *ledger) enter(e line) (fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.sessions[e.Session]
	if a == nil {
		l.other("effect %s of a session that was not started", e.Effect)
		return false
	}
	content := e.Event + " " + string(e.Data)
	if old, ok := a.effects[e.Effect]; ok {
		l.repeats++
		if old != content {
			l.twice("effect %s came as %s, and then as %s", e.Effect, old, content)
		}
		return false
	}
	a.effects[e.Effect] = content
	l.effects++
	switch e.Event {
	case "step":
		var s step
		l.read(e, &s)
		if old, ok := a.steps[s.N]; ok {
			l.twice("session %s took the step of event %d twice: %+v, %+v", e.Session, s.N, old, s)
		}
		a.steps[s.N] = s
	case "late":
		var s step
		l.read(e, &s)
		if a.late[s.N] {
			l.twice("session %s: the delayed effect of event %d came under two names", e.Session, s.N)
		}
		a.late[s.N] = true
	case "tick":
		var s step
		l.read(e, &s)
		if a.ticks++; s.N != a.ticks {
			l.twice("session %s: tick %d came as number %d", e.Session, s.N, a.ticks)
		}
	case "bye":
		if a.bye != nil {
			l.twice("session %s ended twice", e.Session)
			return true
		}
		a.bye = &bye{}
		l.read(e, a.bye)
		l.judge(e.Session, a)
		close(a.gone)
	default:
		l.other("effect %s is an unknown %s", e.Effect, content)
	}
	return true
}

func (l *ledger) read(e line, v any) {
	if err := json.Unmarshal(e.Data, v); err != nil {
		l.other("effect %s: %s: %v", e.Effect, e.Data, err)
	}
}

// judge compares what a session has seen with what was accepted, and with what it has entered.
func (l *ledger) judge(id string, a *account) {
	b := a.bye
	for n := 1; n <= a.accepted; n++ {
		if !slices.Contains(b.Seen, n) {
			l.report.Missing = append(l.report.Missing, fmt.Sprintf("session %s knows nothing of event %d, which was accepted", id, n))
		}
	}
	before := 0.0
	for i, n := range b.Seen {
		if slices.Contains(b.Seen[:i], n) {
			l.twice("session %s has seen event %d twice", id, n)
		}
		if i > 0 && n < b.Seen[i-1] {
			l.other("session %s has seen event %d after event %d", id, n, b.Seen[i-1])
		}
		s, ok := a.steps[n]
		if !ok {
			l.lost("session %s: the effect of event %d", id, n)
			continue
		}
		if _, known := a.steps[n-1]; (known || i == 0) && s.Before != before {
			l.twice("session %s: the step of event %d follows on another one of event %d than the ledger has: %v, not %v", id, n, n-1, s.Before, before)
		}
		before = s.Now
		if n%lateEvery == 0 && !a.late[n] {
			l.lost("session %s: the delayed effect of event %d", id, n)
		}
	}
	for _, c := range []struct {
		what      string
		got, want int
	}{
		{"events to itself", b.Echoes, len(b.Seen)}, {"ticks", b.Ticks, ticks}, {"effects of ticks", a.ticks, ticks},
		{"events of the session it invoked", b.Hellos, 1}, {"ends of the session it invoked", b.Kids, 1},
	} {
		switch {
		case c.got < c.want:
			l.lost("session %s: %d %s, want %d", id, c.got, c.what, c.want)
		case c.got > c.want:
			l.twice("session %s: %d %s, want %d", id, c.got, c.what, c.want)
		}
	}
}

// twice, lost and other note a problem; l.mu is held.
func (l *ledger) twice(format string, args ...any) {
	l.report.Twice = append(l.report.Twice, fmt.Sprintf(format, args...))
}

func (l *ledger) lost(format string, args ...any) {
	l.report.Lost = append(l.report.Lost, fmt.Sprintf(format, args...))
}

func (l *ledger) other(format string, args ...any) {
	l.report.Other = append(l.report.Other, fmt.Sprintf(format, args...))
}

// problem is other for those who do not hold l.mu.
func (l *ledger) problem(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.other(format, args...)
}

// wrong reports whether there is a problem.
func (l *ledger) wrong() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.report.Problems() != nil
}

// living names the sessions that have not ended.
func (l *ledger) living() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []string
	for id, a := range l.sessions {
		if a.bye == nil {
			list = append(list, fmt.Sprintf("%s (%d events accepted, %d steps, %d ticks)", id, a.accepted, len(a.steps), a.ticks))
		}
	}
	slices.Sort(list)
	if len(list) > 10 {
		list = append(list[:10], fmt.Sprintf("and %d more", len(list)-10))
	}
	return strings.Join(list, ", ")
}
