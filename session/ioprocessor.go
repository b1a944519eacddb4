package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// SCXMLProcessor is the type of the SCXML event I/O processor (appendix C.1),
// which every engine has. "scxml" is its short name.
const SCXMLProcessor = scxml.SCXMLProcessor

// IOProcessor is an event I/O processor (section 6.2, appendix C) beside the
// SCXML one: a way to send events to, and get them from, the outside world. All
// methods but Open and Close are called concurrently.
type IOProcessor interface {
	// Types lists the values of <send type> that it answers for, such as a URI and
	// a short name. They are also its names in _ioprocessors.
	Types() []string

	// Location returns the address at which the outside reaches a session; "" when
	// there is none. Scripts find it as _ioprocessors[type].location. It is a pure
	// function.
	Location(sessionID string) string

	// Check judges a <send> inside the macrostep, quickly and without I/O. An error
	// that matches scxml.ErrSendTarget raises error.execution, any other
	// error.communication.
	Check(send *scxml.Send) error

	// Send delivers a message. It may block until ctx ends; the messages of one
	// session come one after the other. An error gives the session
	// error.communication.
	Send(ctx context.Context, m *Message) error

	// Open is called once, by New; from then on the processor may hand events to r.
	Open(r Receiver) error

	// Close is called once, by Shutdown, after the last Send has ended or its
	// context has.
	Close() error
}

// Receiver takes events from the outside. An *Engine is one; see Engine.Send
// for the errors.
type Receiver interface {
	Send(ctx context.Context, sessionID string, ev *scxml.Event) error
}

// Message is a send on its way to an IOProcessor. It must not be changed.
type Message struct {
	Effect EffectID
	*scxml.Send

	chain chain // of the macrostep that it comes from
}

// immediate is what a processor adds to IOProcessor when it can deliver some
// messages without waiting. Those are delivered in order with the other effects
// of the macrostep.
type immediate interface {
	// sendNow reports whether m was such a message.
	sendNow(m *Message) (done bool, err error)
}

func isSCXML(typ string) bool {
	return typ == "" || typ == SCXMLProcessor || typ == "scxml"
}

// locations is the value of _ioprocessors of a session.
func (e *Engine) locations(s *session) map[string]string {
	m := make(map[string]string, 2+len(e.processors))
	m[SCXMLProcessor] = s.location
	m["scxml"] = s.location
	for typ, p := range e.processors {
		if l := p.Location(s.id); l != "" {
			m[typ] = l
		}
	}
	return m
}

var (
	errNoParent  = noSession("session: #_parent: no session that invoked this one is alive")
	errNoSession = noSession("session: no such session")
	errNoInvoke  = noSession("session: no such invoked session")
)

// noSession is an error that matches scxml.ErrNoSession.
type noSession string

func (e noSession) Error() string        { return string(e) }
func (e noSession) Is(target error) bool { return target == scxml.ErrNoSession }

// checkSend is MachineOptions.CheckSend: it runs inside the macrostep.
func (s *session) checkSend(send *scxml.Send) error {
	if !isSCXML(send.Type) {
		p := s.engine.processors[send.Type]
		if p == nil {
			return fmt.Errorf("%w: %q", scxml.ErrSendType, send.Type)
		}
		return p.Check(send)
	}
	target := send.Target
	if target == "" || target == s.location {
		return nil
	}
	if id, ok := sessionOfTarget(target); ok {
		if send.Delay <= 0 && !s.engine.sessions.alive(id) {
			return fmt.Errorf("%w: %q", errNoSession, id)
		}
		return nil
	}
	invokeID, ok := strings.CutPrefix(target, "#_")
	switch {
	case !ok || invokeID == "":
		return fmt.Errorf("%w: %q", scxml.ErrSendTarget, target)
	case invokeID == "parent" && (s.lineage == nil || !s.engine.sessions.alive(s.lineage.parent)):
		return errNoParent
	case invokeID == "parent" || send.Delay > 0 || s.machine.Invoked(invokeID):
		return nil
	}
	return fmt.Errorf("%w: %q", errNoInvoke, invokeID)
}

// route delivers a send by the SCXML event I/O processor (appendix C.1).
func (e *Engine) route(s *session, send *scxml.Send, x errand) error {
	target := x.to
	if target == "" {
		var err error
		if target, err = e.resolve(s, send.Target); err != nil {
			return err
		}
	}
	q := &queuedEvent{event: *send.Event}
	q.event.Origin = s.location
	q.event.OriginType = SCXMLProcessor
	if repeats(send.Params) {
		var err error
		if q.event.Raw, err = formBody("", send.Params, defaultSendBody); err != nil {
			return fmt.Errorf("_event.raw: %w", err)
		}
	}
	if s.lineage != nil && target == s.lineage.parent {
		q.event.InvokeID, q.event.InvokeSerial = s.lineage.invokeID, s.lineage.serial
		q.rare().from = s.id
	}
	late := x.due && target == s.id // like an alarm, which cannot be refused
	switch err := e.post(s, target, q, late, x, ""); {
	case late && errors.Is(err, ErrInboxFull) && s.keep(q, x.id):
		return nil
	case errors.Is(err, ErrNotFound) && x.repeat && !x.due:
		// It was alive when the send was executed. It has ended since, with the event or
		// before it could handle it.
		return nil
	case errors.Is(err, ErrNotFound):
		return fmt.Errorf("%w: %q", errNoSession, target)
	case err != nil:
		return fmt.Errorf("%w: %q", err, target)
	}
	return nil
}

// repeats reports whether a name stands in the list twice. Then the data of the
// event cannot hold all values, and _event.raw does.
func repeats(params []datamodel.Member) bool {
	for i := 1; i < len(params); i++ {
		for j := range i {
			if params[i].Name == params[j].Name {
				return true
			}
		}
	}
	return false
}

// resolve returns the id of the session that a target names.
func (e *Engine) resolve(s *session, target string) (string, error) {
	if target == "" || target == s.location {
		return s.id, nil
	}
	if id, ok := sessionOfTarget(target); ok {
		return id, nil
	}
	invokeID, ok := strings.CutPrefix(target, "#_")
	if !ok {
		return "", fmt.Errorf("%w: %q", scxml.ErrSendTarget, target)
	}
	if invokeID == "parent" {
		if s.lineage == nil {
			return "", errNoParent
		}
		return s.lineage.parent, nil
	}
	s.mu.Lock()
	id := s.childByInvoke(invokeID, 0)
	s.mu.Unlock()
	if id == "" {
		return "", fmt.Errorf("%w: %q", errNoInvoke, invokeID)
	}
	return id, nil
}

// outgoing is the queue of a session's sends to processors. A goroutine works
// on it as long as it is not empty.
type outgoing struct{ queue []outgoingMessage }

type outgoingMessage struct {
	processor IOProcessor
	message   *Message
}

// hand gives a send to its processor. done is false when it is under way.
func (e *Engine) hand(s *session, send *scxml.Send, x errand) (done bool, err error) {
	p := e.processors[send.Type]
	if p == nil {
		return true, fmt.Errorf("%w: %q", scxml.ErrSendType, send.Type)
	}
	m := &Message{Effect: x.id, Send: send, chain: x.chain}
	if now, ok := p.(immediate); ok {
		if done, err := now.sendNow(m); done {
			return true, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out != nil {
		if len(s.out.queue) >= e.opts.Inbox {
			return true, fmt.Errorf("session: %d messages wait for their processors", len(s.out.queue))
		}
		s.out.queue = append(s.out.queue, outgoingMessage{p, m})
		return false, nil
	}
	s.out = &outgoing{queue: []outgoingMessage{{p, m}}}
	e.perform(0, func(ctx context.Context) { e.workOff(ctx, s) })
	return false, nil
}

// workOff sends what is in s.out.
func (e *Engine) workOff(ctx context.Context, s *session) {
	for {
		s.mu.Lock()
		if len(s.out.queue) == 0 {
			s.out = nil
			ended := s.ended.Load()
			if s.mayCatchUp() {
				e.schedule(s)
			}
			s.mu.Unlock()
			if s.saved != nil && ended {
				e.durable.delete(s)
			}
			return
		}
		next := s.out.queue[0]
		s.out.queue = s.out.queue[1:]
		s.mu.Unlock()
		err := e.sendOne(ctx, next)
		if s.saved != nil && ctx.Err() != nil {
			return // the engine is shut down; the message stays in the store
		}
		if err != nil {
			e.logPanic(s, err)
			e.raise(s, sendFailure(errorCommunication, next.message.Send, err), e.later(next.message))
		}
		if s.saved != nil && (err == nil || !s.undone.Load()) {
			s.confirm(next.message.Effect)
			e.durable.flush(s)
		}
	}
}

// later is the errand that brings the outcome of a message. What took time
// begins a new chain, but no time passes on a virtual clock.
func (e *Engine) later(m *Message) errand {
	x := errand{id: m.Effect}
	if e.virtual != nil {
		x.chain = m.chain
	}
	return x
}

func (e *Engine) sendOne(ctx context.Context, next outgoingMessage) error {
	select {
	case e.slots <- struct{}{}:
		defer func() { <-e.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, e.opts.OutgoingTimeout)
	defer cancel()
	return contain("event I/O processor "+next.message.Type, func() error {
		return next.processor.Send(ctx, next.message)
	})
}
