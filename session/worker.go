package session

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// turnEvents is how many events a session may handle before others have a turn.
const turnEvents = 64

// schedule puts s into the run queue if it is idle. s.mu is held.
func (e *Engine) schedule(s *session) {
	if s.phase != idle {
		return
	}
	s.phase = queued
	e.mu.Lock()
	defer e.mu.Unlock()
	e.enqueue(s)
	if e.workers < e.opts.Workers && !e.aborted {
		e.workers++
		go e.work()
	}
}

// enqueue appends s to the run queue. e.mu is held.
func (e *Engine) enqueue(s *session) {
	if e.tail == nil {
		e.head = s
	} else {
		e.tail.next = s
	}
	e.tail = s
	e.rounds++
}

// work gives sessions turns until the run queue is empty.
func (e *Engine) work() {
	for {
		e.mu.Lock()
		s := e.head
		if s == nil || e.aborted {
			e.workers--
			e.rest()
			e.mu.Unlock()
			return
		}
		e.head = s.next
		if e.head == nil {
			e.tail = nil
		}
		s.next = nil
		e.mu.Unlock()
		e.turn(s)
	}
}

// turn lets s handle what waits for it, up to turnEvents events.
func (e *Engine) turn(s *session) {
	s.mu.Lock()
	s.phase = running
turn:
	for n := 0; ; n++ {
		if s.ended.Load() {
			s.inbox = inbox{}
			break
		}
		var q *queuedEvent
		stopping, begin := s.stopping, s.begin
		switch {
		case begin != nil && stopping != ShutDown && stopping != Failed:
			// Also a session that is to end begins first: it was started, and its
			// onexit handlers run.
			stopping, s.begin = 0, nil
		case stopping != 0:
		default:
			if n >= turnEvents && s.inbox.len() > 0 {
				s.release(queued)
				s.mu.Unlock()
				e.mu.Lock()
				e.enqueue(s)
				e.mu.Unlock()
				return
			}
			if q = s.inbox.pop(); q == nil {
				break turn
			}
			if q.from != "" && !s.accepts(q) {
				continue turn
			}
		}
		s.mu.Unlock()
		e.guard(s, stopping, begin, q)
		s.mu.Lock()
	}
	s.release(idle)
	s.mu.Unlock()
}

// accepts reports whether an event of an invoked session still counts: not when
// the invocation has been cancelled meanwhile (section 6.4.3). s.mu is held.
func (s *session) accepts(q *queuedEvent) bool {
	if !s.hasChild(q.from) {
		return false
	}
	if q.last {
		s.removeChild(q.from)
	}
	return true
}

// release ends a turn. s.mu is held.
func (s *session) release(next phase) {
	s.phase = next
	if s.watch != nil && s.watch.idle != nil {
		close(s.watch.idle)
		s.watch.idle = nil
	}
}

// guard does one thing of a turn: stopping, beginning or handling an event. A
// panic ends the session.
func (e *Engine) guard(s *session, stopping EndReason, begin *beginning, q *queuedEvent) {
	defer func() {
		if v := recover(); v != nil {
			e.fail(s, &PanicError{Where: "session " + s.id, Value: v, Stack: debug.Stack()})
		}
	}()
	switch {
	case stopping == Failed:
		e.fail(s, fmt.Errorf("events that cannot be refused: %w", ErrInboxFull))
	case stopping != 0:
		e.stop(s, stopping)
	case begin != nil:
		e.start(s, begin)
	default:
		e.handle(s, q)
	}
}

// start makes the Machine and runs the initial macrostep.
func (e *Engine) start(s *session, begin *beginning) {
	if f := e.opts.Observer.SessionStarted; f != nil {
		f(s.info())
	}
	opts := s.machineOptions()
	opts.Params, opts.X = begin.params, begin.x
	m, err := scxml.NewMachine(s.doc, opts)
	if err != nil {
		e.fail(s, err)
		return
	}
	s.setMachine(m)
	effects, err := m.Start()
	e.macrostep(s, effects, err)
}

// handle runs the macrostep of one event.
func (e *Engine) handle(s *session, q *queuedEvent) {
	var effects []scxml.Effect
	var err error
	if q.forwarded {
		effects, err = s.machine.HandleForwarded(&q.event)
	} else {
		effects, err = s.machine.Handle(&q.event)
	}
	e.macrostep(s, effects, err)
}

// macrostep is what follows a macrostep: its outcome is committed, then its
// effects are carried out.
func (e *Engine) macrostep(s *session, effects []scxml.Effect, err error) {
	if err := e.commit(s, effects); err != nil {
		e.fail(s, err)
		return
	}
	e.dispatch(s, effects)
	if err != nil {
		e.fail(s, err)
		return
	}
	if s.machine.Done() {
		e.end(s, Result{Reason: Finished, Data: s.machine.DoneData()})
		return
	}
	if e.restoreEachStep {
		e.restore(s)
	}
}

// commit is the one place through which the outcome of a macrostep passes
// before any effect leaves the session. Here a durable engine writes snapshot,
// inbox position, timers and outbox in one step; in memory there is nothing to
// write and nothing is serialised.
func (e *Engine) commit(s *session, _ []scxml.Effect) error {
	s.mu.Lock()
	s.step++
	s.mu.Unlock()
	return nil
}

// restore goes on with a Machine made from a snapshot of the present one.
func (e *Engine) restore(s *session) {
	snapshot, err := s.machine.Snapshot(nil)
	if err != nil {
		e.fail(s, err)
		return
	}
	m, err := scxml.RestoreMachine(s.doc, snapshot, s.machineOptions())
	if err != nil {
		e.fail(s, err)
		return
	}
	old := s.machine
	s.setMachine(m)
	if err := old.Close(); err != nil {
		e.fail(s, err)
	}
}

// setMachine changes the Machine under the lock that Query takes.
func (s *session) setMachine(m *scxml.Machine) {
	s.mu.Lock()
	s.machine = m
	s.mu.Unlock()
}

// stop ends s from outside: its onexit handlers run and their effects leave.
func (e *Engine) stop(s *session, reason EndReason) {
	if s.machine != nil {
		effects, err := s.machine.Stop()
		if err == nil {
			err = e.commit(s, effects)
		}
		if err != nil {
			e.logger.Warn("session could not be stopped in order", "session", s.id, "error", err)
		} else {
			e.dispatch(s, effects)
		}
	}
	e.end(s, Result{Reason: reason})
}

// fail ends s because of an error.
func (e *Engine) fail(s *session, err error) {
	if s.ended.Load() {
		e.logger.Error("panic at the end of a session", "session", s.id, "error", err)
		return
	}
	attrs := []any{"session", s.id, "error", err}
	var p *PanicError
	if errors.As(err, &p) {
		attrs = append(attrs, "stack", string(p.Stack))
	}
	e.logger.Error("session failed", attrs...)
	e.end(s, Result{Reason: Failed, Err: err})
}

// end closes s, tells everybody who wants to know, and cancels its children.
func (e *Engine) end(s *session, r Result) {
	e.timers.removeAll(s)
	if s.machine != nil {
		r.Configuration = append([]string(nil), s.machine.Configuration()...)
	}

	s.mu.Lock()
	machine, children, watch, begun := s.machine, s.children, s.watch, s.begin == nil
	s.machine, s.children, s.begin, s.inbox = nil, nil, nil, inbox{}
	s.result = &r
	s.ended.Store(true)
	if watch != nil && watch.done != nil {
		close(watch.done)
		watch.done = nil
	}
	s.mu.Unlock()

	if machine != nil {
		if err := machine.Close(); err != nil {
			e.logger.Warn("closing the data model failed", "session", s.id, "error", err)
		}
	}
	for _, c := range children {
		e.stopByID(c.id, Cancelled)
	}
	e.sessions.retire(s)
	e.tellParent(s, &r)
	if f := e.opts.Observer.SessionEnded; f != nil && begun {
		f(s.info(), r)
	}
}

// tellParent sends the parent the last event of an invoked session. When it
// reached a final state that is done.invoke.ID (section 6.4.3). The standard
// says nothing of a service that breaks down: the parent gets error.platform,
// with what is known in the data, so that it does not wait for ever. One that
// was cancelled says nothing.
func (e *Engine) tellParent(s *session, r *Result) {
	if s.lineage == nil {
		return
	}
	ev := scxml.Event{Type: datamodel.Platform, InvokeID: s.lineage.invokeID}
	switch r.Reason {
	case Finished:
		ev.Name, ev.Data = "done.invoke."+s.lineage.invokeID, r.Data
	case Failed:
		ev.Name = "error.platform"
		ev.Data = datamodel.NewObject(
			datamodel.Member{Name: "reason", Value: r.Reason.String()},
			datamodel.Member{Name: "description", Value: r.Err.Error()})
	case Terminated:
		ev.Name = "error.platform"
		ev.Data = datamodel.NewObject(datamodel.Member{Name: "reason", Value: r.Reason.String()})
	default:
		return
	}
	q := &queuedEvent{event: ev, from: s.id, last: true}
	if err := e.deliver(s.lineage.parent, q, true); err != nil && !errors.Is(err, ErrNotFound) {
		e.logger.Warn("parent not told of the end of a session", "session", s.id, "error", err)
	}
}

// deliver hands an event to the session with the given id.
func (e *Engine) deliver(id string, q *queuedEvent, must bool) error {
	s := e.sessions.getLive(id)
	if s == nil {
		return ErrNotFound
	}
	return s.push(q, must)
}

// push appends an event to the inbox. An event that must not be refused, since
// the session could not learn that it is missing, may go beyond the limit; a
// session that lets too many of them gather is ended.
func (s *session) push(q *queuedEvent, must bool) error {
	e := s.engine
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended.Load() {
		return ErrNotFound
	}
	if n := s.inbox.len(); n >= e.opts.Inbox {
		if !must {
			return ErrInboxFull
		}
		if n >= 2*e.opts.Inbox+turnEvents {
			if s.stopping == 0 {
				s.stopping = Failed
				e.schedule(s)
			}
			return ErrInboxFull
		}
	}
	s.inbox.push(q)
	e.schedule(s)
	return nil
}
