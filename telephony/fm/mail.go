package fm

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// mail gives events to sessions. What a session, or its store, has no room for at the moment is
// given again, in order, until it is taken: a switch tells of nothing twice.
type mail struct {
	clock  session.Clock
	logger *slog.Logger

	mu     sync.Mutex
	late   map[string][]letter // by session; each list has its timer
	closed bool
}

// letter is an event on its way.
type letter struct {
	ev     *scxml.Event
	effect session.EffectID // that it answers; zero: none
	tries  int
}

const (
	mailPause = time.Second
	maxLate   = 1000 // letters of one session
	maxTries  = 3600 // of one letter
)

func newMail(clock session.Clock, logger *slog.Logger) *mail {
	return &mail{clock: clock, logger: logger, late: map[string][]letter{}}
}

// send gives an event to a session. Then the effect that it answers is done.
func (m *mail) send(engine *session.Engine, id string, ev *scxml.Event, effect session.EffectID) {
	l := letter{ev: ev, effect: effect}
	m.mu.Lock()
	waits := len(m.late[id])
	switch {
	case waits >= maxLate:
		m.logger.Error("event lost: the session takes none", "session", id, "event", ev.Name)
	case waits > 0:
		m.late[id] = append(m.late[id], l)
	}
	m.mu.Unlock()
	if waits > 0 || m.try(engine, id, &l) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.late[id] = append(m.late[id], l); len(m.late[id]) == 1 {
		m.later(engine, id)
	}
}

// later sets the timer of a list. m.mu is held.
func (m *mail) later(engine *session.Engine, id string) {
	if m.closed {
		delete(m.late, id)
		return
	}
	m.clock.AfterFunc(mailPause, func() { m.again(engine, id) })
}

// again gives what is late, until something is refused once more.
func (m *mail) again(engine *session.Engine, id string) {
	for {
		m.mu.Lock()
		if m.closed || len(m.late[id]) == 0 {
			delete(m.late, id)
			m.mu.Unlock()
			return
		}
		l := m.late[id][0]
		m.mu.Unlock()
		done := m.try(engine, id, &l)
		m.mu.Lock()
		list := m.late[id]
		switch {
		case len(list) == 0 || list[0].ev != l.ev: // the session has ended
		case done:
			m.late[id] = list[1:]
		default:
			list[0] = l
			m.later(engine, id)
			m.mu.Unlock()
			return
		}
		m.mu.Unlock()
	}
}

// try gives a letter once. It reports whether that is done with.
func (m *mail) try(engine *session.Engine, id string, l *letter) bool {
	// The context bounds nothing here.
	err := engine.Send(context.Background(), id, l.ev)
	switch l.tries++; {
	case err == nil, errors.Is(err, session.ErrNotFound):
		engine.Confirm(l.effect)
		return true
	case errors.Is(err, session.ErrClosed):
		return true // the effect stays in the store
	}
	for _, hopeless := range []error{session.ErrNotOwner, session.ErrTooLarge} {
		if errors.Is(err, hopeless) || l.tries >= maxTries {
			m.logger.Error("event lost", "session", id, "event", l.ev.Name, "error", err)
			return true
		}
	}
	if l.tries == 1 {
		m.logger.Warn("event not accepted; it is sent again", "session", id, "event", l.ev.Name, "error", err)
	}
	return false
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
