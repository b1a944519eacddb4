package session

import (
	"context"
	"fmt"

	"github.com/seed-ff723688/ors/datamodel"
)

// Data copies the variables of a live session that its document declares by <data>, for
// a person or a program that looks on: ids that no script has given a value yet, and data
// that cannot be copied (a function, a cycle), are left out. A session in the middle of a
// macrostep is waited for. One that is not in memory stays where it is and gives nil. The errors
// are ErrNotFound, also for a session that has ended, and that of ctx.
func (e *Engine) Data(ctx context.Context, id string) (*datamodel.Object, error) {
	for {
		s, passive := e.sessions.find(id)
		switch {
		case passive != nil:
			return nil, nil
		case s == nil || s.ended.Load():
			return nil, fmt.Errorf("%w: %q", ErrNotFound, id)
		}
		o, ok, err := s.data(ctx)
		if ok || err != nil {
			return o, err
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
	o = datamodel.NewObject()
	if s.machine == nil || s.ended.Load() {
		return o, true, nil
	}
	for _, name := range s.doc.DataIDs() {
		if v, err := s.machine.Get(name); err == nil {
			o.Set(name, v)
		}
	}
	return o, true, nil
}
