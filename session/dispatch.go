package session

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

const (
	errorCommunication = "error.communication"
	errorExecution     = "error.execution"
	errorPlatform      = "error.platform"
)

// errand is an effect that is to be carried out: one of the Machine, or one
// that the end of a session brings.
type errand struct {
	id     EffectID
	effect scxml.Effect

	// to is the session that the errand is about, where that was settled before
	// the commit; "" otherwise. Without an effect, that session is told last or, if
	// that is nil, stopped.
	to   string
	last *scxml.Event

	// own is an event for the session that the errand comes from; nil: none.
	own *scxml.Event

	due    bool // a delayed send whose time has come
	repeat bool // it was in the outbox of a session that was loaded from the store

	chain chain     // of the macrostep that it comes from
	now   time.Time // of that macrostep; for delayed sends
}

// dispatch carries out the effects of a committed macrostep, in order. to is
// what commit settled; nil in memory.
func (e *Engine) dispatch(s *session, effects []scxml.Effect, to []string) {
	if len(effects) == 0 {
		return
	}
	now := e.clock.Now() // delayed sends with the same delay keep their order
	for i, effect := range effects {
		x := errand{id: EffectID{Session: s.id, Macrostep: s.step, Index: i}, effect: effect, chain: s.chain, now: now}
		if to != nil {
			x.to = to[i]
		}
		e.carryOut(s, x)
	}
}

func (e *Engine) carryOut(s *session, x errand) {
	if s.undone.Load() {
		return // it stands in the outbox
	}
	done := true
	switch effect := x.effect.(type) {
	case *scxml.Send:
		if effect.Delay > 0 {
			if err := e.timers.add(s, effect, x.id, x.now); err != nil {
				e.raise(s, sendFailure(errorExecution, effect, err), x)
			}
			return
		}
		done = e.transmit(s, effect, x)
	case *scxml.Cancel:
		dropped := e.timers.cancel(s, effect.SendID)
		if !effect.Answer {
			return
		}
		if s.saved != nil {
			dropped = x.to != "" // as commit has it
		}
		e.report(s, &queuedEvent{event: *cancelAnswer(effect.SendID, dropped)}, x)
	case *scxml.Invoke:
		e.invoke(s, effect, x)
	case *scxml.CancelInvoke:
		done = e.cancelInvoke(s, effect, x)
	case *scxml.Forward:
		e.forward(s, effect, x)
	case *scxml.ModuleCall:
		done = e.callModule(s, effect, x)
	default:
		switch {
		case x.own != nil:
			e.report(s, &queuedEvent{event: *x.own}, x)
		case x.last != nil:
			e.tell(s, x)
		case !e.stopByID(s, x.to, Cancelled, x.id):
			e.postpone(s, ErrInboxFull) // until the store says that it has ended
		}
	}
	if done && !s.undone.Load() {
		s.confirm(x.id)
	}
}

// undo deals with an effect that could not be carried out because the store was
// away: it stays in the outbox, with those that follow, and the session is loaded again,
// so that they are carried out then. It reports whether err is of that kind; every
// other one is for the document.
func (e *Engine) undo(s *session, err error) bool {
	var gone *awayError
	if s.saved == nil || !errors.As(err, &gone) {
		return false
	}
	s.undone.Store(true)
	e.stopSession(s, Lost)
	return true
}

// postpone is undo also for an event that the inbox of another session has no room for.
func (e *Engine) postpone(s *session, err error) bool {
	if errors.Is(err, ErrInboxFull) {
		err = &awayError{err}
	}
	return e.undo(s, err)
}

// cancelAnswer is the event that answers a <cancel> of the ORS dialect.
func cancelAnswer(sendID string, dropped bool) *scxml.Event {
	name := "error.notallowed"
	if dropped {
		name = "cancel.successful"
	}
	return &scxml.Event{
		Name:   name,
		Type:   datamodel.Platform,
		SendID: sendID,
		Data:   datamodel.NewObject(datamodel.Member{Name: "sendid", Value: sendID}),
	}
}

// fire is called when the time of a timer has come.
func (e *Engine) fire(due *timer) {
	if sl := due.sleeper; sl != nil {
		e.wake(sl.id)
		return
	}
	s, t := due.session, due.send
	switch {
	case s.gone.Load():
		e.wake(s.id) // the store has the timer
		return
	case s.ended.Load():
		return
	case t == nil:
		e.alarm(s)
		return
	}
	if e.virtual != nil && !e.virtual.mayFire(s) {
		e.stopSession(s, Failed)
		return
	}
	if s.saved == nil {
		t.send.Delay = 0
		e.transmit(s, &t.send, errand{id: t.effect, due: true})
		return
	}
	// Taking it off the list of timers is a step of its own.
	switch err := s.push(&queuedEvent{seldom: &seldom{timer: t}}, true); {
	case errors.Is(err, ErrNotFound):
		if s.gone.Load() {
			e.wake(s.id)
		}
	case err != nil:
		e.logger.Warn("delayed send lost", "session", s.id, "event", t.event.Name, "error", err)
	}
}

// transmit delivers a send or hands it to its processor. A failure that shows
// only now, or later, comes back as error.communication in the external queue:
// the macrostep in whose internal queue it belonged is over. It reports whether
// the send is done with.
func (e *Engine) transmit(s *session, send *scxml.Send, x errand) (done bool) {
	var err error
	if done = true; isSCXML(send.Type) {
		err = e.route(s, send, x)
	} else {
		done, err = e.hand(s, send, x)
	}
	if err != nil {
		if !e.undo(s, err) {
			e.raise(s, sendFailure(errorCommunication, send, err), x)
		}
		return true
	}
	return done
}

func sendFailure(name string, send *scxml.Send, err error) *scxml.Failure {
	return &scxml.Failure{Event: name, Element: "send", Pos: send.Pos, SendID: send.Event.SendID, Target: send.Target, Err: err}
}

// raise puts the event of a failure, which the errand brought about, into the
// session's own inbox.
func (e *Engine) raise(s *session, f *scxml.Failure, x errand) {
	e.report(s, &queuedEvent{event: *s.doc.ErrorEvent(f)}, x)
}

// report puts an event of the platform into the session's own inbox.
func (e *Engine) report(s *session, q *queuedEvent, x errand) {
	err := e.post(s, s.id, q, true, x, "!")
	switch {
	case err == nil, errors.Is(err, ErrNotFound), e.undo(s, err):
	case errors.Is(err, ErrInboxFull) && s.keep(q, x.id):
	default:
		e.logger.Warn("event lost", "session", s.id, "event", q.event.Name, "error", err)
	}
}

// errorData is the data of an error event that is about no element.
func errorData(cause error, more ...datamodel.Member) datamodel.Value {
	return datamodel.NewObject(append([]datamodel.Member{{Name: "description", Value: cause.Error()}}, more...)...)
}

// post hands an event to the session with the id to. Which effect of s it comes
// from, and suffix where an effect gives two, let a store drop repeats.
func (e *Engine) post(s *session, to string, q *queuedEvent, must bool, x errand, suffix string) error {
	q.chain = x.chain.next(to == s.id)
	t := s
	if to != s.id {
		t = e.sessions.getLive(to)
	}
	switch {
	case e.durable != nil && (t == nil || t.saved != nil):
		return e.durable.append(context.Background(), to, q, must, s.key(x.id)+suffix)
	case t == nil:
		return ErrNotFound
	}
	return t.push(q, must)
}

// callModule hands an effect to the handler of its namespace. It reports whether the effect
// is done with.
func (e *Engine) callModule(s *session, call *scxml.ModuleCall, x errand) (done bool) {
	if s.saved != nil {
		e.durable.calling(x.id, call)
	}
	err := e.callHandler(s, call, x)
	return s.saved == nil || e.durable.called(x.id, err)
}

func (e *Engine) callHandler(s *session, call *scxml.ModuleCall, x errand) error {
	name, err := errorCommunication, error(nil)
	if h := e.opts.Modules[call.Namespace]; h == nil {
		name, err = errorExecution, fmt.Errorf("session: no handler for <%s> of namespace %q: %w", call.Name, call.Namespace, scxml.ErrUnsupported)
	} else {
		err = contain("module "+call.Namespace, func() error {
			return h.Call(context.Background(), &ModuleCall{Effect: x.id, Repeated: x.repeat, Session: s.info(), Engine: e, ModuleCall: call})
		})
	}
	if err == nil || errors.Is(err, ErrPending) {
		return err
	}
	e.logPanic(s, err)
	ev := s.doc.ErrorEvent(&scxml.Failure{Event: name, Element: call.Name, Pos: call.Pos, Err: err})
	if data, ok := ev.Data.(*datamodel.Object); ok {
		data.Set("requestid", call.RequestID)
	}
	e.report(s, &queuedEvent{event: *ev}, x)
	return err
}

// logPanic tells the operator of a panic that was contained. Every other failure of
// an effect is an event, and is logged when the document does not handle that.
func (e *Engine) logPanic(s *session, err error) {
	var p *PanicError
	if errors.As(err, &p) {
		e.logger.Error("panic contained", "session", s.id, "error", err, "stack", string(p.Stack))
	}
}

// contain runs code of the host; a panic becomes a *PanicError.
func contain(where string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Where: where, Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}
