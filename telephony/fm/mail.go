package fm

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// mail gives events to sessions, to each in the order in which they were put in. The store of the
// engine may take its time over an event: whoever holds a lock only puts it in, and one session does not
// wait for another. What a session, or its store, has no room for at the moment is given again until it
// is taken: a switch tells of nothing twice.
type mail struct {
	clock  session.Clock
	logger *slog.Logger

	mu     sync.Mutex
	boxes  map[string]*box // by session
	closed bool            // nothing is given again
}

// box are the letters that a session has yet to take, in order. It goes when it is empty: a session with
// nothing on its way has none, nor a goroutine or a timer.
type box struct {
	engine  *session.Engine
	letters []*letter
	begun   bool          // somebody gives them, or a timer will
	trying  bool          // the first is being given
	stop    func() bool   // of the timer; nil while there is none
	gone    chan struct{} // closed when the box is; nil: nobody waits for that
}

// letter is an event on its way.
type letter struct {
	ev      *scxml.Event     // nil: the effect is done when all letters before have been taken
	effect  session.EffectID // that it answers; zero: none
	outcome func(error)      // told once of what the first try has come to; nil: it is given until it is taken
	key     string           // drops the repeat when it is not known whether the event was taken
	tries   int

	replaced bool // ev stands for one that was refused
	last     bool // it is not given again: the session has ended, or been lost
}

// name is that of the event.
func (l *letter) name() string {
	if l.ev == nil {
		return ""
	}
	return l.ev.Name
}

const (
	mailPause  = time.Second
	maxLetters = 1000 // of one session
	maxTries   = 3600 // of one letter
)

func newMail(clock session.Clock, logger *slog.Logger) *mail {
	return &mail{clock: clock, logger: logger, boxes: map[string]*box{}}
}

// put has an event given to a session soon, on a goroutine of the clock. Then the effect that it answers is done. put
// does not wait, so that locks may be held.
func (m *mail) put(engine *session.Engine, id string, l *letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.add(engine, id, l); !b.begun {
		m.later(id, b, 0)
	}
}

// hold is put without the goroutine: the caller uses give, without locks.
func (m *mail) hold(engine *session.Engine, id string, l *letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(engine, id, l)
}

// give gives a session what is held for it, unless somebody is at it. It may take as long as the
// store does.
func (m *mail) give(id string) {
	m.mu.Lock()
	b := m.boxes[id]
	mine := b != nil && !b.begun
	if mine {
		b.begun = true
	}
	m.mu.Unlock()
	if mine {
		m.run(id, b)
	}
}

// add puts a letter behind those that are on their way. m.mu is held.
func (m *mail) add(engine *session.Engine, id string, l *letter) *box {
	b := m.boxes[id]
	if b == nil {
		b = &box{engine: engine}
		m.boxes[id] = b
	}
	if l.key = rand.Text(); len(b.letters) < maxLetters {
		b.letters = append(b.letters, l)
		return b
	}
	m.logger.Error("event lost: the session takes none", "session", id, "event", l.name())
	if l.outcome != nil {
		m.clock.AfterFunc(0, func() { l.outcome(session.ErrInboxFull) })
	}
	return b
}

// holds reports whether the answer to an effect is on its way.
func (m *mail) holds(effect session.EffectID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxes[effect.Session]
	return b != nil && slices.ContainsFunc(b.letters, func(l *letter) bool { return l.effect == effect })
}

// later sets the timer of a box. m.mu is held.
func (m *mail) later(id string, b *box, pause time.Duration) {
	b.begun = true
	b.stop = m.clock.AfterFunc(pause, func() { m.run(id, b) })
}

// run gives what is in a box, until something is refused.
func (m *mail) run(id string, b *box) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b.stop = nil
	for len(b.letters) > 0 {
		l := b.letters[0]
		b.trying = true
		m.mu.Unlock()
		done := m.try(b.engine, id, l)
		m.mu.Lock()
		b.trying = false
		switch {
		case done || l.last:
			b.letters[0] = nil
			b.letters = b.letters[1:]
		case m.closed:
			m.logger.Error("events not delivered: the connector is closed", "session", id, "event", l.name(), "events", len(b.letters))
			b.letters = nil
		default:
			m.later(id, b, mailPause)
			return
		}
	}
	m.remove(id, b)
}

// remove is the end of a box that is empty. m.mu is held.
func (m *mail) remove(id string, b *box) {
	delete(m.boxes, id)
	if b.gone != nil {
		close(b.gone)
	}
}

// try gives a letter once. It reports whether that is done with.
func (m *mail) try(engine *session.Engine, id string, l *letter) bool {
	if l.ev == nil {
		engine.Confirm(l.effect)
		return true
	}
	// The context bounds nothing here.
	err := engine.SendOnce(context.Background(), id, l.key, l.ev)
	switch l.tries++; {
	case l.outcome != nil:
		l.outcome(err)
		return true
	case err == nil, errors.Is(err, session.ErrNotFound):
		engine.Confirm(l.effect)
		return true
	case errors.Is(err, session.ErrClosed):
		return true // the effect stays in the store
	case refused(err) && l.effect.Session != "" && !l.replaced:
		m.logger.Error("answer of an action cannot be delivered", "session", id, "event", l.ev.Name, "error", err)
		l.ev, l.replaced = refusal(l.ev, err), true
		return m.try(engine, id, l)
	case refused(err), errors.Is(err, session.ErrNotOwner), l.tries >= maxTries:
		m.logger.Error("event lost", "session", id, "event", l.ev.Name, "error", err)
		return true
	}
	if l.tries == 1 {
		m.logger.Warn("event not accepted; it is sent again", "session", id, "event", l.ev.Name, "error", err)
	}
	return false
}

// refused reports whether an event will never be accepted.
func refused(err error) bool {
	var unreadable *session.UnreadableError
	return errors.Is(err, session.ErrTooLarge) || errors.Is(err, datamodel.ErrDepth) || errors.As(err, &unreadable)
}

// refusal is what a session gets in the place of an answer that it cannot be given.
func refusal(ev *scxml.Event, err error) *scxml.Event {
	data, _ := ev.Data.(*datamodel.Object)
	id, _ := data.Get("requestid")
	return &scxml.Event{
		Name: "error." + strings.TrimPrefix(strings.TrimSuffix(ev.Name, ".done"), "error."), Origin: ev.Origin, OriginType: ev.OriginType,
		Data: datamodel.NewObject(datamodel.Member{Name: "requestid", Value: id}, datamodel.Member{Name: "error", Value: codeUnknown},
			datamodel.Member{Name: "description", Value: err.Error()}),
	}
}

// drop forgets what is on its way to a session that has ended, or been lost. The letter that is being given
// keeps its place: should the session come back from its store, it hears of nothing new before.
func (m *mail) drop(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.boxes[id]
	switch {
	case b == nil:
	case b.trying:
		clear(b.letters[1:])
		b.letters[0].last, b.letters = true, b.letters[:1]
	default:
		b.letters = nil
		if b.stop != nil && b.stop() {
			m.remove(id, b)
		}
	}
}

// close gives everything once more and waits for that, as long as the store takes. What is put
// in afterwards is given once.
func (m *mail) close() {
	m.mu.Lock()
	m.closed = true
	var boxes []*box
	for id, b := range m.boxes {
		if b.gone == nil {
			b.gone = make(chan struct{})
		}
		boxes = append(boxes, b)
		if !b.begun || b.stop != nil && b.stop() {
			b.begun = true
			go m.run(id, b)
		}
	}
	m.mu.Unlock()
	for _, b := range boxes {
		<-b.gone
	}
}
