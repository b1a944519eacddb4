package session

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// turnEvents is how many entries of its inbox a session may handle before others
// have a turn.
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
	e.hire()
}

// hire starts a worker, if there may be one more. e.mu is held.
func (e *Engine) hire() {
	if e.workers < e.opts.StoreParallel && !e.aborted {
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

// compute runs what takes processor time and waits for nothing, a macrostep, as one of
// Options.Workers at the same time.
func (e *Engine) compute(run func()) {
	if e.computing != nil {
		e.computing <- struct{}{}
		defer func() { <-e.computing }()
	}
	run()
}

// turn lets s handle what waits for it, up to turnEvents entries of its inbox.
func (e *Engine) turn(s *session) {
	s.mu.Lock()
	s.phase = running
	for left := turnEvents; !s.ended.Load(); {
		t := task{stopping: s.stopping, begin: s.begin, resume: s.revival, cold: s.cold}
		if t.begin != nil && t.begin.never {
			t.begin = nil
		}
		switch {
		case t.stopping == ShutDown || t.stopping == Failed || t.stopping == Lost:
		case t.cold:
		case t.resume != nil:
			s.revival = nil
		case t.begin != nil:
			// Also a session that is to end begins first: it was started, and its
			// onexit handlers run.
			s.begin = nil
		case t.stopping != 0:
		case s.mayCatchUp():
			t.catchUp = true
		case s.inbox.len() == 0:
			if s.saved == nil {
				s.release(idle)
				s.mu.Unlock()
				return
			}
			if len(s.saved.confirmed) == 0 && !s.saved.voided {
				e.endStoredTurn(s)
				return
			}
			t.flush = true
		case left == 0:
			s.release(queued)
			s.mu.Unlock()
			e.mu.Lock()
			e.enqueue(s)
			e.mu.Unlock()
			return
		default:
			// Several at once, so that senders and the worker seldom meet.
			var n int
			t.entries, n = s.inbox.take(min(left, e.atOnce))
			left -= n
		}
		s.mu.Unlock()
		if e.do(s, t) {
			return
		}
		if e.passivateEachStep && (t.entries != nil || t.begin != nil) {
			e.passivateNow(s)
		}
		s.mu.Lock()
	}
	s.inbox = inbox{}
	s.release(idle)
	s.mu.Unlock()
}

// endStoredTurn is the end of a turn of a stored session that has nothing left to do.
// s.mu is held, and let go.
func (e *Engine) endStoredTurn(s *session) {
	leaves := e.opts.Resident < 0 || s.machine != nil && s.machine.Residence() == scxml.MustLeave
	s.release(idle)
	s.mu.Unlock()
	if leaves {
		e.passivate(s)
	} else {
		e.rested(s)
	}
}

// passivateNow takes a session out of memory in the middle of a turn, with all that
// waits for it, and brings it back. It is for tests.
func (e *Engine) passivateNow(s *session) {
	if s.saved == nil || s.ended.Load() {
		return
	}
	e.flush(s)
	s.mu.Lock()
	if !s.canLeave() {
		s.mu.Unlock()
		return
	}
	waiting := s.inbox.len() > 0
	machine := s.fallAsleep()
	s.mu.Unlock()
	e.left(s, machine)
	if waiting {
		e.wake(s.id)
	}
}

// task is one thing that a turn does: the first of these that is set, but that
// a session which is to end is loaded, begins or resumes first.
type task struct {
	cold     bool
	resume   *revival
	begin    *beginning
	stopping EndReason
	catchUp  bool
	flush    bool
	entries  *queuedEvent // linked
}

// release ends a turn. s.mu is held.
func (s *session) release(next phase) {
	s.phase = next
	if s.watch != nil && s.watch.idle != nil {
		close(s.watch.idle)
		s.watch.idle = nil
	}
}

// do does one thing of a turn. It reports whether the session is in other hands now. A
// panic ends the session.
func (e *Engine) do(s *session, t task) (left bool) {
	defer func() {
		if v := recover(); v != nil {
			e.fail(s, &PanicError{Where: "session " + s.id, Value: v, Stack: debug.Stack()})
		}
	}()
	switch {
	case t.stopping == Failed:
		err := fmt.Errorf("events that cannot be refused: %w", ErrInboxFull)
		if e.virtual != nil && e.virtual.spent(s) {
			err = e.virtual.endless(s)
		}
		e.fail(s, err)
	case t.stopping == Lost && e.durable.epoch(s.id) == 0:
		e.lose(s, ErrNotOwner)
	case t.stopping == Lost:
		e.lose(s, errAway)
	case t.stopping == ShutDown:
		e.stop(s, ShutDown)
	case t.cold:
		e.thaw(s)
	case t.resume != nil:
		return e.resume(s, t.resume)
	case t.begin != nil:
		e.start(s, t.begin)
	case t.stopping != 0:
		e.stop(s, t.stopping)
	case t.catchUp:
		e.catchUp(s)
	case t.flush:
		e.flush(s)
	default:
		// What is left when the session ends, or is to end, is dropped.
		for q := t.entries; q != nil && !s.ended.Load() && !s.urgent.Load() && !s.drained; {
			next := q.next
			q.next = nil // an event may live on as _event; what came after it should not
			e.handle(s, q)
			q = next
		}
	}
	return false
}

// start makes the Machine and runs the initial macrostep.
func (e *Engine) start(s *session, begin *beginning) {
	s.chain = begin.chain
	s.born = e.clock.Now().UnixNano()
	if f := e.opts.Observer.SessionStarted; f != nil {
		f(s.info())
	}
	opts := s.machineOptions()
	opts.Params = begin.params
	if t := opts.Trace; t != nil && t.Document != nil && begin.document.URL != "" {
		t.Document(begin.document)
	}
	m, err := scxml.NewMachine(s.doc, opts)
	if err != nil {
		e.fail(s, err)
		return
	}
	s.setMachine(m)
	e.live(s)
	var effects []scxml.Effect
	e.compute(func() { effects, err = m.Start() })
	e.macrostep(s, effects, err)
}

// handle works on one entry of the inbox: for an event it runs a macrostep.
func (e *Engine) handle(s *session, q *queuedEvent) {
	if f := e.opts.Observer.EventWaited; f != nil && q.since != 0 {
		f(s.id, time.Duration(e.clock.Now().UnixNano()-q.since))
	}
	if q.number != 0 {
		s.saved.handled = q.number
		if s.saved.voided = q.void; q.void {
			return // the place in the inbox is given back at the end of the turn
		}
	} else if s.saved != nil {
		if owed := q.owed(); owed.Session != "" {
			s.settle(owed)
		}
		s.handledOffline(q)
	}
	s.chain = q.chain
	if q.stop != 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.drained, s.inbox = true, inbox{}
		return
	}
	if t := q.timer(); t != nil {
		e.fireStored(s, t)
		return
	}
	var effects []scxml.Effect
	var err error
	e.compute(func() {
		if q.forwarded {
			effects, err = s.machine.HandleForwarded(&q.event)
		} else {
			effects, err = s.machine.Handle(&q.event)
		}
	})
	e.macrostep(s, effects, err)
}

// macrostep is what follows a macrostep: its outcome is committed, then its
// effects are carried out.
func (e *Engine) macrostep(s *session, effects []scxml.Effect, err error) {
	switch {
	case err != nil:
		e.logFailure(s, err)
		e.finish(s, effects, Result{Reason: Failed, Err: err})
	case s.machine.Done():
		e.finish(s, effects, Result{Reason: Finished, Data: s.machine.DoneData()})
	default:
		if err := s.checkChain(effects); err != nil {
			e.fail(s, err)
			return
		}
		to, err := e.commit(s, effects)
		if err != nil {
			e.uncommitted(s, err)
			return
		}
		e.dispatch(s, effects, to)
		if e.restoreEachStep {
			e.restore(s)
		}
	}
}

// commit is the one place through which the outcome of a macrostep passes
// before any effect leaves the session. Of a stored session it writes snapshot, inbox
// position, timers and outbox in one step; in memory there is nothing to write
// and nothing is serialised.
func (e *Engine) commit(s *session, effects []scxml.Effect) (to []string, err error) {
	s.step++
	if s.saved == nil {
		return nil, nil
	}
	return e.durable.commit(s, effects)
}

// finish ends s after its last macrostep: the outcome is committed together with
// the end, the effects are carried out, everybody who wants to know is told.
func (e *Engine) finish(s *session, effects []scxml.Effect, r Result) {
	if s.machine != nil {
		r.Configuration, r.Active = s.machine.Configuration(), s.machine.Active()
	}
	s.step++
	if r.Reason == Finished || r.Reason == Failed {
		s.finishing.Store(true)
	}
	var errands []errand
	if s.saved == nil {
		e.dispatch(s, effects, nil)
		errands = e.endErrands(s, len(effects), &r)
	} else {
		to, more, err := e.durable.commitEnd(s, effects, &r)
		if permanent(err) && r.Reason != Failed {
			e.fail(s, err) // with nothing that belongs to the step
			return
		}
		if permanent(err) {
			// Not even that: it goes from the store without a trace there.
			e.logger.Error("end of a session not stored; it is removed", "session", s.id, "error", err)
		} else if err != nil {
			e.lose(s, err)
			return
		}
		errands = more
		e.dispatch(s, effects, to)
	}
	for _, x := range errands {
		e.carryOut(s, x)
	}
	if s.undone.Load() {
		e.lose(s, errAway) // its end is stored, and so is what is left to do
		return
	}
	e.end(s, r)
	if s.saved != nil {
		e.durable.delete(s)
	}
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
	var effects []scxml.Effect
	if s.saved != nil && reason == ShutDown {
		if s.saved.away != nil {
			e.logger.Error("session ended in memory without having caught up with the store", "session", s.id)
		}
		e.durable.flush(s)
		e.end(s, Result{Reason: reason}) // it lives on in the store
		return
	}
	if reason == Expired {
		e.logger.Warn("session ended: it has lived too long", "session", s.id, "age", s.maxAge())
	}
	if s.machine != nil {
		var err error
		if e.compute(func() { effects, err = s.machine.Stop() }); err != nil {
			e.logger.Warn("session could not be stopped in order", "session", s.id, "error", err)
		}
	}
	e.finish(s, effects, Result{Reason: reason})
}

// fail ends s because of an error outside of its macrosteps.
func (e *Engine) fail(s *session, err error) {
	e.logFailure(s, err)
	if !s.ended.Load() {
		e.finish(s, nil, Result{Reason: Failed, Err: err})
	}
}

func (e *Engine) logFailure(s *session, err error) {
	attrs := []any{"session", s.id, "error", err}
	var p *PanicError
	if errors.As(err, &p) {
		attrs = append(attrs, "stack", string(p.Stack))
	}
	e.logger.Error("session failed", attrs...)
}

// endErrands is what has to be done when s ends, beside the effects of its last
// macrostep: children that are left are stopped, and the parent is told. When
// the session reached a final state that is done.invoke.ID (section 6.4.3). The
// standard says nothing of a service that breaks down: the parent gets
// error.platform, with what is known in the data, so that it does not wait for
// ever. One that was cancelled says nothing.
func (e *Engine) endErrands(s *session, index int, r *Result) []errand {
	var errands []errand
	add := func(x errand) {
		x.id = EffectID{Session: s.id, Macrostep: s.step, Index: index + len(errands)}
		x.chain = s.chain
		errands = append(errands, x)
	}
	for _, id := range s.childIDs() {
		add(errand{to: id})
	}
	if s.lineage == nil {
		return errands
	}
	ev := &scxml.Event{Name: errorPlatform, Type: datamodel.Platform, InvokeID: s.lineage.invokeID, InvokeSerial: s.lineage.serial}
	reason := datamodel.Member{Name: "reason", Value: r.Reason.String()}
	switch r.Reason {
	case Finished:
		ev.Name, ev.Data = "done.invoke."+s.lineage.invokeID, r.Data
	case Failed:
		ev.Data = errorData(r.Err, reason)
	case Terminated, Expired:
		ev.Data = datamodel.NewObject(reason)
	default:
		return errands
	}
	add(errand{to: s.lineage.parent, last: ev})
	return errands
}

// tell sends the last event of an invoked session to its parent.
func (e *Engine) tell(s *session, x errand) {
	q := &queuedEvent{event: *x.last, seldom: &seldom{from: s.id}, last: true}
	err := e.post(s, x.to, q, true, x, "")
	if permanent(err) { // its data, most likely
		ev := &scxml.Event{Name: errorPlatform, Type: datamodel.Platform, InvokeID: x.last.InvokeID, InvokeSerial: x.last.InvokeSerial}
		ev.Data = errorData(fmt.Errorf("%s cannot be delivered: %w", x.last.Name, err))
		err = e.post(s, x.to, &queuedEvent{event: *ev, seldom: &seldom{from: s.id}, last: true}, true, x, "")
	}
	if err != nil && !errors.Is(err, ErrNotFound) && !e.postpone(s, err) {
		e.logger.Warn("parent not told of the end of a session", "session", s.id, "error", err)
	}
}

// end closes s and tells those who wait for it.
func (e *Engine) end(s *session, r Result) {
	e.timers.removeAll(s)
	s.mu.Lock()
	machine := s.machine
	known := !s.cold && (s.begin == nil || !s.begin.at.IsZero() && s.phase == running)
	info := s.info()
	s.machine, s.children, s.begin, s.inbox = nil, nil, nil, inbox{}
	s.result = &r
	s.ended.Store(true)
	s.tellEnd()
	s.mu.Unlock()
	if s.saved != nil {
		e.durable.forget(s.id)
		e.idlers.mu.Lock()
		e.idlers.remove(s)
		e.idlers.mu.Unlock()
		if s.saved.backlog { // it was not even loaded
			s.saved.backlog = false
			e.durable.next()
		}
	}
	if machine != nil {
		if err := machine.Close(); err != nil {
			e.logger.Warn("closing the data model failed", "session", s.id, "error", err)
		}
	}
	e.sessions.retire(s)
	if f := e.opts.Observer.SessionEnded; f != nil && known {
		f(info, r)
	}
}

// push appends an entry to the inbox. One that must not be refused, since the
// session could not learn that it is missing, may go beyond the limit; a session
// that lets too many of them gather is ended.
func (s *session) push(q *queuedEvent, must bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(q, must)
}

// pushOnce is push for an event with a key, unless that is empty.
func (s *session) pushOnce(q *queuedEvent, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key != "" && !s.full() && s.repeated(key) {
		return nil
	}
	return s.add(q, false)
}

// full reports whether events from outside are refused. s.mu is held.
func (s *session) full() bool { return s.inbox.len() >= s.most }

// add is push; s.mu is held.
func (s *session) add(q *queuedEvent, must bool) error {
	if s.ended.Load() {
		return ErrNotFound
	}
	if s.full() {
		if !must {
			return fmt.Errorf("%w: %d events wait", ErrInboxFull, s.inbox.len())
		}
		if s.inbox.len() >= 2*max(s.most, s.engine.opts.Inbox)+turnEvents {
			s.halt(Failed)
			return ErrInboxFull
		}
	}
	s.insert(q)
	return nil
}

// halt asks for the session's end, unless that has been done. s.mu is held.
func (s *session) halt(reason EndReason) {
	if s.stopping != 0 || s.ended.Load() {
		return
	}
	s.stopping = reason
	s.urgent.Store(true)
	if s.phase == waiting {
		s.leave(idle)
		s.begin.never = true
	}
	s.engine.schedule(s)
}

// insert puts an entry into the inbox, unless it is of an invoked session that
// has been cancelled: such events are not inserted any more, while those that
// stand in the queue already are handled (section 6.4.3). s.mu is held.
func (s *session) insert(q *queuedEvent) {
	if q.from() != "" {
		switch {
		case s.hears(q):
			if q.last {
				s.removeChild(q.from())
			}
		case q.number == 0:
			return
		default:
			q.void = true
		}
	}
	if s.drained {
		return
	}
	if s.engine.opts.Observer.EventWaited != nil && s.inbox.measured() {
		q.since = s.engine.clock.Now().UnixNano()
	}
	s.inbox.push(q)
	s.engine.schedule(s)
}
