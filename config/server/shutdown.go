package server

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Shutdown ends the server: it takes no new sessions (calls are left to the switch, the REST API
// answers 503), waits for the live ones as Options.Drain says, ends the REST API, has the engine hand
// the buckets of the store back with what is in them, and closes links and store. When ctx ends before
// that, the rest is ended at once, and the error says what was left. A fifth of the time until then, at most
// 5 s, is kept for what comes after draining. A second call waits for the first.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.stopping.Swap(true) {
		select {
		case <-s.stopped:
			return s.stopErr
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.logger.Info("server is shutting down", "sessions", s.engine.Len())
	s.apps.suspended.Store(true)
	if s.handler != nil {
		s.handler.Suspend()
	}
	err := s.drain(ctx)
	s.stopErr = errors.Join(err, s.close(ctx))
	s.logger.Info("server is shut down", "error", s.stopErr)
	s.log.close()
	close(s.stopped)
	return s.stopErr
}

// drainTime is how long a shutdown waits for sessions.
func (s *Server) drainTime() time.Duration {
	switch {
	case s.opts.Drain != 0:
		return max(s.opts.Drain, 0)
	case s.store != nil:
		return 0
	case s.app.Start.ShutdownTimeout > 0:
		return time.Duration(s.app.Start.ShutdownTimeout) * time.Second
	}
	return defaultDrain
}

// drain waits until no session is alive, for the time that there is. Sessions that are left are
// an error where no store has them.
func (s *Server) drain(ctx context.Context) error {
	left := s.drainTime()
	if deadline, ok := ctx.Deadline(); ok {
		until := time.Until(deadline)
		left = min(left, until-min(until/5, maxReserve))
	}
	if left <= 0 {
		return nil
	}
	over := make(chan struct{})
	defer s.opts.Clock.AfterFunc(left, func() { close(over) })()
	for s.engine.Len() > 0 {
		next := make(chan struct{})
		stop := s.opts.Clock.AfterFunc(pollInterval, func() { close(next) })
		select {
		case <-next:
			continue
		case <-over:
		case <-ctx.Done():
		}
		stop()
		break
	}
	if n := s.engine.Len(); n > 0 && s.store == nil {
		return fmt.Errorf("server: sessions that had not ended within %s are ended now: %d", left, n)
	}
	return nil
}

// close ends what has been made, in the order in which nothing is lost: no more requests, the
// engine while its connector still carries effects out, then links and store.
func (s *Server) close(ctx context.Context) error {
	var errs []error
	s.unsubscribe()
	s.updating.Lock() // a change that is being made is made
	s.closed = true
	s.updating.Unlock()
	if s.pruner != nil {
		s.pruner.close()
	}
	errs = append(errs, s.endHTTP(ctx))
	if s.engine != nil {
		errs = append(errs, s.engine.Shutdown(ctx))
	}
	if s.connector != nil {
		errs = append(errs, s.connector.Close())
	}
	for _, l := range s.links {
		errs = append(errs, l.Close())
	}
	if s.ownStore {
		errs = append(errs, s.store.Close())
	}
	if s.sources != nil {
		s.sources.close()
	}
	if s.running {
		<-s.served
	}
	return errors.Join(errs...)
}
