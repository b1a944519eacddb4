package session

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// This file has what happens to a session at a time of its own: it begins, or its
// life has been long enough.

// defaultMaxAge is the longest life of a session in the ORS dialect.
const defaultMaxAge = 7 * 24 * time.Hour

// mostPending is what a document may raise the limit of its inbox to where the host
// leaves it at its default.
const mostPending = 1_000_000

// machineLimits are those of Options, with those of the session in their place.
func (s *session) machineLimits() scxml.Limits {
	l := s.engine.opts.Machine
	if s.limits == nil {
		return l
	}
	own := &s.limits.Machine
	for _, f := range []struct {
		own int
		to  *int
	}{
		{own.Microsteps, &l.Microsteps}, {own.StateEntries, &l.StateEntries}, {own.Queue, &l.Queue}, {own.Effects, &l.Effects}, {own.CallDepth, &l.CallDepth},
	} {
		if f.own != 0 {
			*f.to = f.own
		}
	}
	if own.Time != 0 {
		l.Time = own.Time
	}
	if own.Memory != 0 {
		l.Memory = own.Memory
	}
	return l
}

// maxAge is how long a session may live; 0: for ever.
func (s *session) maxAge() time.Duration {
	doc := s.doc
	asked, host := doc.Settings().MaxAge, s.engine.opts.MaxAge
	if s.limits != nil && s.limits.MaxAge != 0 {
		host = s.limits.MaxAge
	}
	switch {
	case asked > 0 && host > 0:
		return min(asked, host)
	case asked > 0:
		return asked
	case host == 0 && doc.Dialect() == scxml.ORS:
		return defaultMaxAge
	}
	return max(host, 0)
}

// inboxLimit is the number of events that may wait for a session: its document may lower the
// limit of the host, and raise the default.
func (s *session) inboxLimit() int {
	asked, host, deflt := s.doc.Settings().PendingEvents, s.engine.opts.Inbox, s.engine.defaultInbox
	if s.limits != nil && s.limits.Inbox > 0 {
		host, deflt = s.limits.Inbox, false
	}
	switch {
	case asked <= 0:
		return host
	case deflt:
		return min(asked, mostPending)
	}
	return min(asked, host)
}

// live sets the end of a life that has begun.
func (e *Engine) live(s *session) {
	if age := s.maxAge(); age > 0 {
		e.timers.alarm(s, time.Unix(0, s.born).Add(age))
	}
}

// alarm is called when a session's time has come, to begin or to end.
func (e *Engine) alarm(s *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == waiting {
		s.leave(loading)
		e.perform(loadTimeout, func(ctx context.Context) { e.launch(ctx, s) })
		return
	}
	if s.begin == nil {
		s.halt(Expired)
	}
	if s.gone.Load() {
		e.wake(s.id)
	}
}

// leave ends the wait of a session for its time. s.mu is held.
func (s *session) leave(next phase) {
	s.phase = next
	s.engine.scheduled.Add(-1)
}

// await lets a session wait for the time when it is to begin. s.mu is not held.
func (e *Engine) await(s *session) {
	s.mu.Lock()
	if s.stopping != 0 {
		// It never begins.
		s.phase, s.begin.never = idle, true
		e.schedule(s)
		s.mu.Unlock()
		return
	}
	s.phase = waiting
	at := s.begin.at
	e.scheduled.Add(1)
	s.mu.Unlock()
	e.timers.alarm(s, at)
}

// launch gives a session whose time has come its document and lets it begin.
func (e *Engine) launch(ctx context.Context, s *session) {
	if s.doc != nil {
		e.loaded(s, s.doc, scxml.DocumentTrace{})
		return
	}
	load := e.documents.request(s.begin.url, "")
	doc, trace, err := load.traced(ctx)
	if err == nil {
		e.loaded(s, doc, trace)
		return
	}
	if e.closed.Load() {
		e.unloaded(s)
		return
	}
	e.logFailure(s, err)
	s.mu.Lock()
	info := s.info()
	s.mu.Unlock()
	r := Result{Reason: Failed, Err: err}
	e.abandon(s, r)
	if f := e.opts.Observer.SessionEnded; f != nil {
		f(info, r)
	}
}

// Reschedule changes the time of a session that was started with StartRequest.At and
// waits for it; a time that has passed means at once. With a store the new time is
// stored when it returns. The errors are ErrNotFound for a session that does not
// wait, ErrClosed and those of the store.
func (e *Engine) Reschedule(ctx context.Context, id string, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.closed.Load() {
		return ErrClosed
	}
	s := e.sessions.getLive(id)
	if s == nil {
		return fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	s.mu.Lock()
	if s.phase != waiting {
		s.mu.Unlock()
		return fmt.Errorf("%w: no session %q waits for its time", ErrNotFound, id)
	}
	s.leave(loading) // nobody else works on it now
	before := s.begin.at
	s.begin.at = at
	s.mu.Unlock()
	var err error
	if s.saved != nil {
		s.saved.alarm = wholeMillisecond(at)
		err = e.durable.write(s, &persistence.Commit{
			ID: s.id, Rev: s.saved.rev, Acked: s.saved.handled, Snapshot: e.durable.record(s).append(nil),
			SetTimers: []persistence.Timer{{ID: alarmMark, At: s.saved.alarm}},
		})
		if err != nil {
			s.mu.Lock()
			s.begin.at = before
			s.mu.Unlock()
		}
	}
	e.await(s)
	return err
}

// errScheduled is ErrTooMany for sessions that wait for their time.
func (e *Engine) errScheduled() error {
	return fmt.Errorf("%w: %d wait for their time (Options.Scheduled)", ErrTooMany, e.opts.Scheduled)
}

// Keys by which Engine.SendOnce drops repeats.

// MaxEventKey is the length of a key, in bytes, that Engine.SendOnce accepts.
const MaxEventKey = persistence.MaxName - len(keyPrefix)

// keyPrefix keeps the keys of the host apart from those of effects.
const keyPrefix = "key:"

// SendOnce is Send for an event that may be given more than once, as when the
// caller does not know whether an earlier call took effect: an event with a key that
// the session remembers is dropped, and the result is nil. A key has 1 to MaxEventKey
// bytes of UTF-8 without control characters. It is remembered, with the session and
// across a restart when that is stored, until persistence.KeyWindow more events have
// been accepted; a store may remember longer. The errors are those of Send, and
// persistence.ErrInvalid for a key that is none.
func (e *Engine) SendOnce(ctx context.Context, id, key string, ev *scxml.Event) error {
	key = keyPrefix + key
	if key == keyPrefix {
		return fmt.Errorf("%w: SendOnce with an empty key", persistence.ErrInvalid)
	}
	if err := persistence.CheckNames("event key", key); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return e.send(ctx, id, ev, key)
}

// recentKeys are the keys of the last events that were accepted with one.
type recentKeys struct {
	keys   [persistence.KeyWindow]string
	oldest int
}

// repeated reports whether a key is remembered, and remembers it. s.mu is held.
func (s *session) repeated(key string) bool {
	if s.keys == nil {
		s.keys = &recentKeys{}
	}
	for _, k := range s.keys.keys {
		if k == key {
			return true
		}
	}
	s.keys.keys[s.keys.oldest] = key
	s.keys.oldest = (s.keys.oldest + 1) % len(s.keys.keys)
	return false
}
