package session

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// This file is how stored sessions leave memory and come back (passivation). Since
// each macrostep is committed, one that has nothing to do can leave at any time; what
// stays is a sleeper. Whatever happens to it puts a session that has yet to be loaded,
// which is cold, into the run queue; the worker loads it first.

// sleeper is what the engine keeps of a stored session that is not in memory.
type sleeper struct {
	id     string
	timer  *timer  // when it is needed next; nil: not before something happens; guarded by timers.mu
	ending *ending // somebody waits for its end; guarded by the registry
	err    error   // why it cannot be brought back; nil: it can
}

// UnreadableError says that a session stands in the store in a form that cannot be
// brought back: it is damaged, was written by a newer version, or belongs to another
// document. The session is left as it is. What is wrong is in the chain of errors:
// ErrRecord, scxml.ErrSnapshot, scxml.ErrDocument, *scxml.ParseError, or
// persistence.ErrNotFound for the document.
type UnreadableError struct {
	Session string
	Err     error
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("session: %q stays in the store and cannot be brought back: %v", e.Session, e.Err)
}

// Unwrap returns what is wrong.
func (e *UnreadableError) Unwrap() error { return e.Err }

// idlers are the stored sessions in memory, the one that had its last turn first at
// the head, and the alarm for the time when that has rested for long enough.
type idlers struct {
	mu         sync.Mutex
	head, tail *session
	count      int
	disarm     func() bool // nil: no alarm is set
	closed     bool
}

// rest is a stored session's place among the idlers.
type rest struct {
	in         bool
	since      time.Time
	prev, next *session
}

// push puts s at the tail.
func (l *idlers) push(s *session, now time.Time) {
	l.remove(s)
	r := &s.saved.rest
	r.in, r.since, r.prev, r.next = true, now, l.tail, nil
	if l.tail == nil {
		l.head = s
	} else {
		l.tail.saved.rest.next = s
	}
	l.tail = s
	l.count++
}

func (l *idlers) remove(s *session) {
	r := &s.saved.rest
	if !r.in {
		return
	}
	if r.prev == nil {
		l.head = r.next
	} else {
		r.prev.saved.rest.next = r.next
	}
	if r.next == nil {
		l.tail = r.prev
	} else {
		r.next.saved.rest.prev = r.prev
	}
	*r = rest{}
	l.count--
}

// rested is told that a stored session has ended a turn. It may be at work again.
func (e *Engine) rested(s *session) {
	l := &e.idlers
	now := e.clock.Now()
	l.mu.Lock()
	if l.closed || s.ended.Load() {
		l.mu.Unlock()
		return
	}
	l.push(s, now)
	var surplus *session
	if l.count > e.opts.Resident {
		surplus = l.head
		l.push(surplus, now) // stays there if it is at work
	}
	e.awaitIdle(now)
	l.mu.Unlock()
	if surplus != nil {
		e.passivate(surplus)
	}
}

// awaitIdle sets the alarm for the head of the list. idlers.mu is held.
func (e *Engine) awaitIdle(now time.Time) {
	l := &e.idlers
	if l.disarm != nil || l.head == nil || l.closed || e.opts.IdleTime < 0 {
		return
	}
	l.disarm = e.clock.AfterFunc(e.opts.IdleTime-now.Sub(l.head.saved.rest.since), e.passivateOld)
}

// passivateOld is called by the clock.
func (e *Engine) passivateOld() {
	l := &e.idlers
	now := e.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.disarm = nil
	for l.head != nil && !l.closed && now.Sub(l.head.saved.rest.since) >= e.opts.IdleTime {
		s := l.head
		l.push(s, now) // stays there if it cannot leave
		l.mu.Unlock()
		e.passivate(s)
		l.mu.Lock()
	}
	e.awaitIdle(now)
}

// close stops the alarm.
func (l *idlers) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.disarm != nil {
		l.disarm()
	}
}

// passivate takes a session out of memory if it can leave.
func (e *Engine) passivate(s *session) {
	s.mu.Lock()
	if s.phase != idle || s.inbox.len() > 0 || !s.canLeave() {
		s.mu.Unlock()
		return
	}
	machine := s.fallAsleep()
	s.mu.Unlock()
	e.left(s, machine)
}

// canLeave reports whether everything about s is in the store. s.mu is held and no
// worker has s.
func (s *session) canLeave() bool {
	return s.saved != nil && !s.ended.Load() && s.stopping == 0 && !s.drained && !s.cold &&
		s.begin == nil && s.revival == nil && s.machine != nil && s.out == nil && len(s.saved.confirmed) == 0 && s.saved.away == nil &&
		s.machine.Residence() != scxml.MustStay && !s.engine.timers.due(s)
}

// fallAsleep puts a sleeper in the place of s. s.mu is held, s.canLeave is true.
func (s *session) fallAsleep() *scxml.Machine {
	e, machine := s.engine, s.machine
	sl := &sleeper{id: s.id}
	if s.watch != nil {
		sl.ending, s.watch.ending = s.watch.ending, nil
	}
	s.gone.Store(true)
	s.ended.Store(true)
	e.sessions.sleep(s, sl, func() { e.timers.hand(s, sl) })
	s.machine, s.children, s.inbox = nil, nil, inbox{}
	return machine
}

// left does what is to be done when s has left memory.
func (e *Engine) left(s *session, machine *scxml.Machine) {
	e.idlers.mu.Lock()
	e.idlers.remove(s)
	e.idlers.mu.Unlock()
	if err := machine.Close(); err != nil {
		e.logger.Warn("closing the data model failed", "session", s.id, "error", err)
	}
}

// wake brings a session back that is in the store, unless it is in memory.
func (e *Engine) wake(id string) bool {
	if e.durable.epoch(id) == 0 || e.closed.Load() {
		return false
	}
	if old, _ := e.sessions.find(id); old != nil && old.gone.Load() {
		old.hasLeft()
	}
	s := newSession(e, id)
	s.saved = &saved{}
	return e.rouse(s)
}

// hasLeft waits until a session that is leaving memory has left.
func (s *session) hasLeft() {
	s.mu.Lock() // as fallAsleep has it
	defer s.mu.Unlock()
}

func (e *Engine) rouse(s *session) bool {
	s.cold, s.known, s.phase = true, true, queued
	take := func(sl *sleeper) {
		e.timers.take(sl)
		if sl.ending != nil {
			s.watch = &watch{ending: sl.ending}
		}
	}
	if !e.sessions.rouse(s, take) {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.enqueue(s)
	e.hire()
	return true
}

// thaw loads a cold session.
func (e *Engine) thaw(s *session) {
	d := e.durable
	err := d.load(s)
	if s.saved.backlog {
		s.saved.backlog = false
		d.next()
	}
	if err == nil {
		return
	}
	s.mu.Lock()
	sl := &sleeper{id: s.id}
	if s.watch != nil {
		sl.ending, s.watch.ending = s.watch.ending, nil
	}
	s.gone.Store(true)
	s.ended.Store(true)
	machine := s.machine
	s.machine, s.inbox = nil, inbox{}
	s.mu.Unlock()
	if machine != nil {
		e.left(s, machine)
	}
	e.timers.removeAll(s)
	switch {
	case errors.Is(err, errNotStored), errors.Is(err, persistence.ErrClosed), d.epoch(s.id) == 0, e.closed.Load():
		e.sessions.drop(s)
		sl.ending.tell(&Result{Reason: Lost, Err: err})
		e.lostAsleep(s.id, err)
		return
	case unreadable(err):
		sl.err = &UnreadableError{Session: s.id, Err: err}
		e.logger.Error("session cannot be brought back; it stays in the store", "session", s.id, "error", err)
		sl.ending.tell(&Result{Reason: Lost, Err: sl.err})
		sl.ending = nil
	default:
		e.logger.Warn("session not loaded; it will be tried again", "session", s.id, "error", err)
	}
	e.sessions.sleep(s, sl, func() {
		if sl.err == nil {
			e.timers.rouse(sl, e.clock.Now().Add(reloadPause))
		}
	})
}

// lostAsleep tells of a session that was in the store alone, and is not this engine's any
// more. Handlers forget what they have under way for it, and so does the engine.
func (e *Engine) lostAsleep(id string, err error) {
	e.durable.forget(id)
	if f := e.opts.Observer.SessionEnded; f != nil && !e.closed.Load() {
		f(Info{ID: id, Passive: true}, Result{Reason: Lost, Err: err})
	}
}

// lose takes a session out of memory because the store cannot be written. What
// it did since the last commit is forgotten, and is done again when it has been
// loaded again, by this engine or by the one that has taken its bucket.
func (e *Engine) lose(s *session, err error) {
	e.logger.Warn("session taken out of memory", "session", s.id, "error", err)
	cold := s.cold
	e.end(s, Result{Reason: Lost, Err: err})
	if cold {
		e.lostAsleep(s.id, err)
	}
	held := e.durable.epoch(s.id)
	var fenced *persistence.FencedError
	switch {
	case errors.Is(err, persistence.ErrNotFound), errors.Is(err, persistence.ErrClosed), held == 0:
		return
	case errors.Is(err, persistence.ErrFenced) && (!errors.As(err, &fenced) || fenced.Epoch == held):
		return // another engine has the bucket; the next renewal tells
	}
	if sl := (&sleeper{id: s.id}); !e.closed.Load() && e.sessions.enlist(sl) {
		e.timers.rouse(sl, e.clock.Now().Add(reloadPause))
	}
}
