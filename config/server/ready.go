package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-ff723688/ors/telephony"
)

// Ready returns what keeps the server from handling interactions: links that are not
// connected, DNs that are still being registered, a store that does not answer, a shutdown; nil when nothing
// does. DNs that the switch has refused do not count; WaitReady names them.
func (s *Server) Ready() error {
	var missing []error
	if s.stopping.Load() {
		missing = append(missing, errors.New("server: is shutting down"))
	}
	linked := true
	for _, l := range s.links {
		if state := l.State(); state != telephony.LinkConnected {
			linked = false
			missing = append(missing, fmt.Errorf("server: link to %s is %s", l.app.Name, state))
		}
	}
	if linked && !s.connector.IsReady() {
		missing = append(missing, errors.New("server: DNs are being registered"))
	}
	if s.storeLost.Load() {
		missing = append(missing, errors.New("server: the store does not answer"))
	}
	return errors.Join(missing...)
}

// WaitReady waits until Ready returns nil, and returns which DNs the switch has refused. When ctx
// ends first the error says what is missing; that the server is shut down ends it too. With a clock that has to
// be advanced, so has WaitReady.
func (s *Server) WaitReady(ctx context.Context) error {
	for {
		missing := s.Ready()
		if missing == nil {
			return s.connector.Ready(ctx)
		}
		if s.stopping.Load() {
			return missing
		}
		next := make(chan struct{})
		stop := s.opts.Clock.AfterFunc(pollInterval, func() { close(next) })
		select {
		case <-next:
		case <-s.stopped:
			stop()
			return s.Ready()
		case <-ctx.Done():
			stop()
			return errors.Join(missing, ctx.Err())
		}
	}
}
