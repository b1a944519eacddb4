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

// mail gives events to sessions. What a session, or its store, has no room for at the moment is
// given again, in order, until it is taken: a switch tells of nothing twice.
type mail struct {
	clock  session.Clock
	logger *slog.Logger

	mu     sync.Mutex
	late   map[string]*backlog // by session; none is empty
	closed bool
}

// backlog are the letters that a session has yet to take, in order. One timer, or one goroutine
// that gives them, belongs to it.
type backlog struct{ letters []*letter }

// letter is an event on its way.
type letter struct {
	ev     *scxml.Event
	effect session.EffectID // that it answers; zero: none
	key    string           // drops the repeat when it is not known whether the event was taken
	tries  int

	replaced bool // ev stands for one that was refused
}

const (
	mailPause = time.Second
	maxLate   = 1000 // letters of one session
	maxTries  = 3600 // of one letter
)

func newMail(clock session.Clock, logger *slog.Logger) *mail {
	return &mail{clock: clock, logger: logger, late: map[string]*backlog{}}
}

// send gives an event to a session. Then the effect that it answers is done.
func (m *mail) send(engine *session.Engine, id string, ev *scxml.Event, effect session.EffectID) {
	l := &letter{ev: ev, effect: effect, key: rand.Text()}
	m.mu.Lock()
	joined := m.join(id, l)
	m.mu.Unlock()
	if joined || m.try(engine, id, l) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.join(id, l) {
		return
	}
	b := &backlog{[]*letter{l}}
	m.late[id] = b
	m.later(engine, id, b)
}

// join puts a letter behind those that are late, if there are any. m.mu is held.
func (m *mail) join(id string, l *letter) bool {
	b := m.late[id]
	switch {
	case b == nil:
		return false
	case len(b.letters) >= maxLate:
		m.logger.Error("event lost: the session takes none", "session", id, "event", l.ev.Name)
	default:
		b.letters = append(b.letters, l)
	}
	return true
}

// holds reports whether the answer to an effect is late.
func (m *mail) holds(effect session.EffectID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.late[effect.Session]
	return b != nil && slices.ContainsFunc(b.letters, func(l *letter) bool { return l.effect == effect })
}

// later sets the timer of a backlog.
func (m *mail) later(engine *session.Engine, id string, b *backlog) {
	m.clock.AfterFunc(mailPause, func() { m.again(engine, id, b) })
}

// again gives what is late, until something is refused once more.
func (m *mail) again(engine *session.Engine, id string, b *backlog) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.late[id] == b { // else the session has ended
		l := b.letters[0]
		m.mu.Unlock()
		done := m.try(engine, id, l)
		m.mu.Lock()
		switch {
		case m.late[id] != b:
		case !done:
			m.later(engine, id, b)
			return
		default:
			if b.letters = b.letters[1:]; len(b.letters) == 0 {
				delete(m.late, id)
			}
		}
	}
}

// try gives a letter once. It reports whether that is done with.
func (m *mail) try(engine *session.Engine, id string, l *letter) bool {
	// The context bounds nothing here.
	err := engine.SendOnce(context.Background(), id, l.key, l.ev)
	switch l.tries++; {
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

// drop forgets what is late for a session.
func (m *mail) drop(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.late, id)
}

func (m *mail) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	clear(m.late)
}
