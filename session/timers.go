package session

import (
	"errors"
	"sort"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// timers holds the delayed sends of all sessions, the times when they are to begin
// and when their life ends, the times when those that are not in memory are needed
// next, and has one alarm of the clock set, for the earliest.
type timers struct {
	clock  Clock
	limit  int // of one session
	fire   func(*timer)
	single bool // one timer per alarm, so that a virtual clock can settle in between
	epoch  time.Time

	mu     sync.Mutex
	heap   heap[*timer]
	seq    uint64
	armed  time.Duration // when the alarm is set for, since epoch
	disarm func() bool   // nil: no alarm is set
	fires  bool          // somebody is firing what is due, and sets the alarm afterwards
	closed bool
}

// timer is a time at which something happens to a session.
type timer struct {
	due     time.Duration // since timers.epoch
	seq     uint64
	index   int // in the heap; -1 outside
	session *session
	send    *delayedSend // whose timer it is; nil: it is session.alarm
	sleeper *sleeper     // whose timer it is, in place of a session
}

// delayedSend is a timer with its send.
type delayedSend struct {
	timer
	prev, next *delayedSend // of the same session
	effect     EffectID
	send       scxml.Send
	event      scxml.Event
}

func (t *timer) before(u *timer) bool {
	if t.due != u.due {
		return t.due < u.due
	}
	return t.seq < u.seq
}

func (t *timer) place(i int) { t.index = i }

func (ts *timers) init(clock Clock, limit int, fire func(*timer)) {
	ts.clock, ts.limit, ts.fire, ts.epoch = clock, limit, fire, clock.Now()
}

var errTooManyTimers = errors.New("session: too many delayed sends are pending")

// add starts a delayed send of a macrostep that ended at the time now. It keeps
// copies of the send and its event.
func (ts *timers) add(s *session, send *scxml.Send, effect EffectID, now time.Time) error {
	t := newDelayedSend(s, send, effect)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.closed {
		return nil
	}
	if s.timerCount >= ts.limit {
		return errTooManyTimers
	}
	t.due = now.Sub(ts.epoch) + send.Delay
	if t.due < send.Delay { // overflow: some 290 years
		t.due = 1<<63 - 1
	}
	ts.link(&t.timer)
	return nil
}

func newDelayedSend(s *session, send *scxml.Send, effect EffectID) *delayedSend {
	t := &delayedSend{effect: effect, send: *send}
	if send.Event != nil {
		t.event = *send.Event
	}
	t.send.Event = &t.event
	t.timer.session, t.timer.send = s, t
	return t
}

// restore starts a delayed send that was loaded from a store.
func (ts *timers) restore(s *session, send *scxml.Send, effect EffectID, at time.Time) {
	t := newDelayedSend(s, send, effect)
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if ts.closed {
		return
	}
	t.due = at.Sub(ts.epoch)
	ts.link(&t.timer)
}

// alarm sets the time of the session's next phase of life, in place of the one
// that is set.
func (ts *timers) alarm(s *session, at time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if s.alarm != nil {
		ts.unlink(s.alarm)
	}
	if !ts.closed {
		ts.link(&timer{session: s, due: at.Sub(ts.epoch)})
	}
}

// link adds a timer whose time is known. ts.mu is held.
func (ts *timers) link(t *timer) {
	s := t.session
	ts.seq++
	t.seq = ts.seq
	ts.heap.push(t)
	switch {
	case t.sleeper != nil:
	case t.send == nil:
		s.alarm = t
	default:
		s.timerCount++
		x := t.send
		x.next = s.timers
		if x.next != nil {
			x.next.prev = x
		}
		s.timers = x
	}
	ts.arm()
}

// count returns the number of pending sends of a session.
func (ts *timers) count(s *session) int {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return s.timerCount
}

// ids returns the names, in a store, of a session's pending sends with the
// given sendid.
func (ts *timers) ids(s *session, sendID string) []string {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var list []string
	for x := s.timers; x != nil; x = x.next {
		if x.send.ID == sendID {
			list = append(list, x.effect.local())
		}
	}
	return list
}

// arm sets the alarm when the earliest timer needs an earlier one. ts.mu is held.
func (ts *timers) arm() {
	if ts.heap.len() == 0 || ts.fires {
		return
	}
	first := ts.heap.items[0].due
	if ts.disarm != nil {
		if ts.armed <= first {
			return
		}
		ts.disarm()
	}
	ts.armed = first
	ts.disarm = ts.clock.AfterFunc(first-ts.clock.Now().Sub(ts.epoch), ts.ring)
}

// ring is called by the clock. An alarm that was set for a timer cancelled
// meanwhile finds nothing due, which does no harm. The next alarm is set when all
// that was due has been fired, so that nothing overtakes it.
func (ts *timers) ring() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.disarm = nil
	if ts.fires {
		return // an alarm that could not be stopped any more
	}
	ts.fires = true
	now := ts.clock.Now().Sub(ts.epoch)
	for ts.heap.len() > 0 && ts.heap.items[0].due <= now {
		t := ts.heap.items[0]
		ts.unlink(t)
		ts.mu.Unlock()
		ts.fire(t)
		ts.mu.Lock()
		if ts.single {
			break
		}
	}
	ts.fires = false
	ts.arm()
}

// unlink takes t out of the heap and out of its session's list. ts.mu is held.
func (ts *timers) unlink(t *timer) {
	ts.heap.remove(t.index, t)
	x := t.send
	switch {
	case t.sleeper != nil:
		t.sleeper.timer = nil
		return
	case x == nil:
		t.session.alarm = nil
		return
	}
	if x.prev != nil {
		x.prev.next = x.next
	} else {
		t.session.timers = x.next
	}
	if x.next != nil {
		x.next.prev = x.prev
	}
	x.prev, x.next = nil, nil
	t.session.timerCount--
}

// cancel drops the session's pending sends with the given id and reports whether
// there were any.
func (ts *timers) cancel(s *session, sendID string) (dropped bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for x := s.timers; x != nil; {
		next := x.next
		if x.send.ID == sendID {
			ts.unlink(&x.timer)
			dropped = true
		}
		x = next
	}
	return dropped
}

// removeAll drops all timers of a session.
func (ts *timers) removeAll(s *session) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.unlinkAll(s)
}

// unlinkAll is removeAll; ts.mu is held.
func (ts *timers) unlinkAll(s *session) {
	for s.timers != nil {
		ts.unlink(&s.timers.timer)
	}
	if s.alarm != nil {
		ts.unlink(s.alarm)
	}
}

// hand takes the timers of a session that leaves memory; in their place sl gets one, for
// the earliest of them.
func (ts *timers) hand(s *session, sl *sleeper) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	first := s.alarm
	for x := s.timers; x != nil; x = x.next {
		if first == nil || x.before(first) {
			first = &x.timer
		}
	}
	ts.unlinkAll(s)
	if first != nil {
		ts.set(sl, first.due)
	}
}

// due reports whether a timer of the session is about to fire.
func (ts *timers) due(s *session) bool {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	now := ts.clock.Now().Sub(ts.epoch)
	for x := s.timers; x != nil; x = x.next {
		if x.due <= now {
			return true
		}
	}
	return s.alarm != nil && s.alarm.due <= now
}

// rouse sets the time when a session that is not in memory is needed next.
func (ts *timers) rouse(sl *sleeper, at time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.set(sl, at.Sub(ts.epoch))
}

// set is rouse; ts.mu is held.
func (ts *timers) set(sl *sleeper, due time.Duration) {
	if sl.timer != nil {
		ts.unlink(sl.timer)
	}
	if !ts.closed {
		sl.timer = &timer{sleeper: sl, due: due}
		ts.link(sl.timer)
	}
}

// take drops the timer of a session that is about to be in memory again.
func (ts *timers) take(sl *sleeper) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if sl.timer != nil {
		ts.unlink(sl.timer)
	}
}

// pending lists the delayed sends of a session in order of time.
func (ts *timers) pending(s *session) []PendingTimer {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var list []*delayedSend
	for x := s.timers; x != nil; x = x.next {
		list = append(list, x)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].before(&list[j].timer) })
	var out []PendingTimer
	for _, x := range list {
		out = append(out, PendingTimer{SendID: x.send.ID, Event: x.event.Name, Target: x.send.Target, Due: ts.epoch.Add(x.due)})
	}
	return out
}

// stored returns the delayed sends of a session for the store.
func (ts *timers) stored(s *session) []persistence.Timer {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var list []persistence.Timer
	for x := s.timers; x != nil; x = x.next {
		list = append(list, persistence.Timer{
			ID: x.effect.local(), At: wholeMillisecond(ts.epoch.Add(x.due)), Data: appendErrand(nil, &errand{effect: &x.send}),
		})
	}
	return list
}

// close drops all timers and takes no new ones.
func (ts *timers) close() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.closed = true
	if ts.disarm != nil {
		ts.disarm()
		ts.disarm = nil
	}
	for ts.heap.len() > 0 {
		ts.unlink(ts.heap.items[0])
	}
}
