package session

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

const (
	errorCommunication = "error.communication"
	errorExecution     = "error.execution"
)

// dispatch carries out the effects of a committed macrostep, in order.
func (e *Engine) dispatch(s *session, effects []scxml.Effect) {
	for i, effect := range effects {
		id := EffectID{Session: s.id, Macrostep: s.step, Index: i}
		switch effect := effect.(type) {
		case *scxml.Send:
			if effect.Delay <= 0 {
				e.transmit(s, effect, id)
			} else if err := e.timers.add(s, effect, id); err != nil {
				e.raise(s, errorExecution, effect.Event.SendID, err)
			}
		case *scxml.Cancel:
			e.timers.cancel(s, effect.SendID)
		case *scxml.Invoke:
			e.invoke(s, effect)
		case *scxml.CancelInvoke:
			e.cancelInvoke(s, effect.ID)
		case *scxml.Forward:
			e.forward(s, effect)
		case *scxml.ModuleCall:
			e.callModule(s, effect, id)
		}
	}
}

// fire sends a delayed send whose time has come.
func (e *Engine) fire(t *timer) {
	if !t.session.ended.Load() {
		e.transmit(t.session, &t.send, t.effect)
	}
}

// transmit delivers a send or hands it to its processor. A failure that shows
// only now, or later, comes back as error.communication in the external queue:
// the macrostep in whose internal queue it belonged is over.
func (e *Engine) transmit(s *session, send *scxml.Send, id EffectID) {
	var err error
	if isSCXML(send.Type) {
		err = e.route(s, send)
	} else {
		err = e.hand(s, send, id)
	}
	if err != nil {
		e.raise(s, errorCommunication, send.Event.SendID, err)
	}
}

// raise puts an error event into the session's own inbox.
func (e *Engine) raise(s *session, name, sendID string, cause error) {
	q := &queuedEvent{event: scxml.Event{
		Name:   name,
		Type:   datamodel.Platform,
		SendID: sendID,
		Data:   errorData(cause),
	}}
	if err := s.push(q, true); err != nil && !errors.Is(err, ErrNotFound) {
		e.logger.Warn("error event lost", "session", s.id, "event", name, "cause", cause, "error", err)
	}
}

// errorData is the data of an error event, in the form that the Machine uses.
func errorData(cause error) datamodel.Value {
	return datamodel.NewObject(datamodel.Member{Name: "description", Value: cause.Error()})
}

// callModule hands an effect to the handler of its namespace.
func (e *Engine) callModule(s *session, call *scxml.ModuleCall, id EffectID) {
	name, err := errorCommunication, error(nil)
	if h := e.opts.Modules[call.Namespace]; h == nil {
		name, err = errorExecution, fmt.Errorf("session: no handler for <%s> of namespace %q", call.Name, call.Namespace)
	} else {
		err = contain("module "+call.Namespace, func() error {
			return h.Call(context.Background(), &ModuleCall{Effect: id, Session: s.info(), ModuleCall: call})
		})
	}
	if err == nil {
		return
	}
	e.logger.Warn("module call failed", "session", s.id, "namespace", call.Namespace, "element", call.Name, "error", err)
	q := &queuedEvent{event: scxml.Event{Name: name, Type: datamodel.Platform, Data: datamodel.NewObject(
		datamodel.Member{Name: "description", Value: err.Error()},
		datamodel.Member{Name: "requestid", Value: call.RequestID})}}
	if err := s.push(q, true); err != nil && !errors.Is(err, ErrNotFound) {
		e.logger.Warn("error event lost", "session", s.id, "event", name, "error", err)
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
