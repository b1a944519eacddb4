package session

import (
	"context"
	"errors"
	"fmt"
)

// Query describes a session, live or retained after its end. A session that is
// in the middle of a macrostep is described when that has ended; one that is not in
// memory, from the store, where it stays. Start and Send
// return before anything has run: until the initial macrostep the configuration is
// empty, and an event that is still in the inbox has had no effect. Whoever has to
// see the effect waits with Settle or Wait, or is told by Options.Observer or Trace.
// The errors are ErrNotFound, that of ctx, an *UnreadableError for a session that
// cannot be brought back, and those of the store.
func (e *Engine) Query(ctx context.Context, id string) (Status, error) {
	for {
		s, sl := e.sessions.find(id)
		switch {
		case sl != nil && sl.err != nil:
			return Status{}, sl.err
		case sl != nil:
			st, err := e.durable.query(id)
			if errors.Is(err, errNotStored) {
				break // it has woken up and ended
			}
			return st, err
		case s == nil:
			return Status{}, fmt.Errorf("%w: %q", ErrNotFound, id)
		default:
			if st, ok, err := s.settled(ctx); ok || err != nil {
				return st, err
			}
		}
	}
}

// settled describes s when no worker has it; false when it has left memory.
func (s *session) settled(ctx context.Context) (st Status, ok bool, err error) {
	s.mu.Lock()
	for (s.phase == running || s.cold) && !s.gone.Load() {
		w := s.watching()
		if w.idle == nil {
			w.idle = make(chan struct{})
		}
		turn := w.idle
		s.mu.Unlock()
		select {
		case <-turn:
		case <-ctx.Done():
			return st, false, ctx.Err()
		}
		s.mu.Lock()
	}
	defer s.mu.Unlock()
	if s.gone.Load() {
		return st, false, nil
	}
	st = s.status()
	st.Timers = s.engine.timers.pending(s)
	return st, true, nil
}

// Wait waits until a session has ended and returns how. A session that ended
// before is known while it is retained (Options.Retain). The errors are
// ErrNotFound, ErrClosed when the engine was shut down before the session could
// end, that of ctx, and an *UnreadableError for a session that cannot be brought back.
func (e *Engine) Wait(ctx context.Context, id string) (Result, error) {
	x, r, err := e.sessions.ending(id)
	if x == nil {
		return r, err
	}
	select {
	case <-x.done:
		return x.result, nil
	case <-e.stopped:
		select {
		case <-x.done:
			return x.result, nil
		default:
			return Result{}, ErrClosed
		}
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
}

// ending returns what tells of a session's end, or its result if it has ended.
func (r *registry) ending(id string) (*ending, Result, error) {
	for {
		sh := r.shard(id)
		sh.mu.Lock()
		s, sl := sh.byID[id], sh.asleep[id]
		if sl != nil {
			defer sh.mu.Unlock()
			if sl.err != nil {
				return nil, Result{}, sl.err
			}
			if sl.ending == nil {
				sl.ending = &ending{done: make(chan struct{})}
			}
			return sl.ending, Result{}, nil
		}
		sh.mu.Unlock()
		if s == nil {
			return nil, Result{}, fmt.Errorf("%w: %q", ErrNotFound, id)
		}
		if x, result := s.end(); x != nil || result != nil {
			if x == nil {
				return nil, *result, nil
			}
			return x, Result{}, nil
		}
	}
}

// end returns what tells of the end of s, or the result; nothing when s has left
// memory.
func (s *session) end() (*ending, *Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended.Load() {
		return nil, s.result
	}
	w := s.watching()
	if w.ending == nil {
		w.ending = &ending{done: make(chan struct{})}
	}
	return w.ending, nil
}
