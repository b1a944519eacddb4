package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// Data copies the variables of a live session that its document declares by <data>, for
// a person or a program that looks on: ids that no script has given a value yet, and data
// that cannot be copied (a function, a cycle), are left out. A session in the middle of a
// macrostep is waited for. One that is not in memory is read from the store, where it stays;
// before it begins it has no variables. The errors are ErrNotFound, also for a session that
// has ended, that of ctx, an *UnreadableError for a session that cannot be brought back, and
// those of the store.
func (e *Engine) Data(ctx context.Context, id string) (*datamodel.Object, error) {
	for {
		s, sl := e.sessions.find(id)
		switch {
		case sl != nil && sl.err != nil:
			return nil, sl.err
		case sl != nil:
			o, err := e.durable.data(id)
			if errors.Is(err, errNotStored) {
				break // it has woken up and ended
			}
			return o, err
		case s == nil || s.ended.Load():
			return nil, fmt.Errorf("%w: %q", ErrNotFound, id)
		default:
			if o, ok, err := s.data(ctx); ok || err != nil {
				return o, err
			}
		}
	}
}

// data copies the variables when no worker has s; false when it has left memory.
func (s *session) data(ctx context.Context) (o *datamodel.Object, ok bool, err error) {
	// The wait is that of Query; a worker that takes s in between is waited for again.
	for {
		if _, ok, err = s.settled(ctx); !ok || err != nil {
			return nil, ok, err
		}
		s.mu.Lock()
		if s.phase != running && !s.cold && !s.gone.Load() {
			break
		}
		s.mu.Unlock()
	}
	defer s.mu.Unlock()
	if s.machine == nil || s.ended.Load() {
		return datamodel.NewObject(), true, nil
	}
	return variables(s.doc, s.machine), true, nil
}

// variables copies what a document declares by <data>.
func variables(doc *scxml.Document, m *scxml.Machine) *datamodel.Object {
	o := datamodel.NewObject()
	for _, name := range doc.DataIDs() {
		if v, err := m.Get(name); err == nil {
			o.Set(name, v)
		}
	}
	return o
}

// data copies the variables of a session that is not in memory, by a Machine that lives
// for as long.
func (d *durable) data(id string) (*datamodel.Object, error) {
	s, _, rec, err := d.peek(id)
	switch {
	case err != nil && unreadable(err) && !errors.Is(err, errNotStored):
		return nil, &UnreadableError{Session: id, Err: err}
	case err != nil:
		return nil, err
	case rec.ended:
		return nil, fmt.Errorf("%w: %q", ErrNotFound, id)
	case !rec.begun:
		return datamodel.NewObject(), nil
	}
	e := d.engine // no hooks: nothing happens to the session
	m, err := scxml.RestoreMachine(s.doc, rec.machine, &scxml.MachineOptions{
		SessionID: id, IOProcessors: e.locations(s), Now: e.clock.Now, Random: e.opts.Random, X: s.x, Limits: e.opts.Machine,
	})
	if err != nil {
		return nil, &UnreadableError{Session: id, Err: err}
	}
	o := variables(s.doc, m)
	return o, m.Close()
}
