package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// This file is the writing side of durable: what a step of a session comes to in its store.

// snapshotError says that a session holds what cannot be saved. Nothing has
// been written, and trying again would not help.
type snapshotError struct{ err error }

func (e *snapshotError) Error() string { return "session: " + e.err.Error() }
func (e *snapshotError) Unwrap() error { return e.err }

// commit writes the outcome of a macrostep.
func (d *durable) commit(s *session, effects []scxml.Effect) (to []string, err error) {
	if d.strays(s) {
		return d.planOffline(s, effects), nil
	}
	machine, err := s.machine.Snapshot(s.saved.revision[:0])
	if err != nil {
		return nil, &snapshotError{err}
	}
	s.saved.revision = machine
	if s.saved.digest == (persistence.Digest{}) {
		switch err := d.strayed(s, d.keepDocument(s)); {
		case err != nil:
			return nil, err
		case d.strays(s):
			return d.planOffline(s, effects), nil
		}
	}
	c := d.newCommit(s)
	children := slices.Clone(s.children)
	to = d.plan(s, c, effects)
	d.mark(s, c)
	rec := d.record(s)
	rec.begun, rec.machine = true, machine
	c.Snapshot = rec.append(nil)
	return to, d.strayed(s, d.writeOrKeep(s, c, children))
}

// writeOrKeep is write for a step that has changed the list of invoked sessions. When it
// is refused for good they are as before: they have to be stopped with the session.
func (d *durable) writeOrKeep(s *session, c *persistence.Commit, children []child) error {
	err := d.write(s, c)
	if permanent(err) {
		s.mu.Lock()
		s.children = children
		s.mu.Unlock()
	}
	return err
}

// mark brings the marks of a session up to date.
func (d *durable) mark(s *session, c *persistence.Commit) {
	var end time.Time
	if age := s.maxAge(); age > 0 {
		end = wholeMillisecond(time.Unix(0, s.born).Add(age))
	}
	if !end.Equal(s.saved.alarm) {
		setMark(c, alarmMark, !end.IsZero(), end)
		s.saved.alarm = end
	}
	if wanted := s.machine.Residence() == scxml.MustStay || s.machine.Followed(); wanted != s.saved.resident {
		setMark(c, residentMark, wanted, time.Unix(0, 0))
		s.saved.resident = wanted
	}
}

func setMark(c *persistence.Commit, mark string, set bool, at time.Time) {
	if set {
		c.SetTimers = append(c.SetTimers, persistence.Timer{ID: mark, At: at})
	} else {
		c.ClearTimers = append(c.ClearTimers, mark)
	}
}

// wholeMillisecond rounds a time up to what a store keeps, so that nothing comes before
// its time.
func wholeMillisecond(t time.Time) time.Time {
	if r := t.Truncate(time.Millisecond); !r.Equal(t) {
		return r.Add(time.Millisecond)
	}
	return t
}

// commitEnd writes the last macrostep of a session.
func (d *durable) commitEnd(s *session, effects []scxml.Effect, r *Result) (to []string, errands []errand, err error) {
	c := d.newCommit(s)
	children := slices.Clone(s.children)
	to = d.plan(s, c, effects)
	errands = d.engine.endErrands(s, len(effects), r)
	for i := range errands {
		c.Effects = append(c.Effects, persistence.Effect{ID: errands[i].id.local(), Data: appendErrand(nil, &errands[i])})
	}
	setMark(c, residentMark, true, time.Unix(0, 0)) // so that it does not stay when nobody deletes it
	rec := d.record(s)
	rec.ended, rec.result = true, *r
	c.Snapshot = rec.append(nil)
	if d.strays(s) {
		s.stray()
		return to, errands, nil
	}
	return to, errands, d.strayed(s, d.writeOrKeep(s, c, children))
}

// fireStored is the step that takes a delayed send, whose time has come, off
// the list of timers and puts it into the outbox.
func (e *Engine) fireStored(s *session, t *delayedSend) {
	d := e.durable
	t.send.Delay = 0
	x := errand{id: t.effect, effect: &t.send, due: true}
	if isSCXML(t.send.Type) {
		x.to, _ = e.resolve(s, t.send.Target) // without a target it fails when it is carried out
	}
	c := d.newCommit(s)
	c.ClearTimers = []string{t.effect.local()}
	c.Effects = []persistence.Effect{{ID: t.effect.local(), Data: appendErrand(nil, &x)}}
	if d.strays(s) {
		s.stray()
	} else if err := d.strayed(s, d.write(s, c)); err != nil {
		e.uncommitted(s, err)
		return
	}
	e.carryOut(s, x)
}

// uncommitted deals with a step that could not be written. Where the store will never take
// it the session fails: it would come to the same again and again. Otherwise it is
// taken out of memory, and does it once more.
func (e *Engine) uncommitted(s *session, err error) {
	var unsavable *snapshotError
	if errors.As(err, &unsavable) || permanent(err) {
		e.fail(s, err)
		return
	}
	e.lose(s, err)
}

func (d *durable) newCommit(s *session) *persistence.Commit {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &persistence.Commit{ID: s.id, Rev: s.saved.rev, Acked: s.saved.handled, Confirmed: s.saved.confirmed}
	s.saved.confirmed = nil
	return c
}

// plan turns effects into entries of the outbox and the list of timers, settles
// which sessions they are about, and brings the list of invoked sessions up to
// date.
func (d *durable) plan(s *session, c *persistence.Commit, effects []scxml.Effect) (to []string) {
	e := d.engine
	now := e.clock.Now()
	to = make([]string, len(effects))
	sendIDs := make(map[string][]string) // timers set here, by sendid
	timers := e.timers.count(s)
	for i, effect := range effects {
		x := errand{id: EffectID{Session: s.id, Macrostep: s.step, Index: i}, effect: effect}
		switch v := effect.(type) {
		case *scxml.Send:
			if v.Delay > 0 {
				if timers++; timers <= e.opts.Timers {
					c.SetTimers = append(c.SetTimers, persistence.Timer{ID: x.id.local(), At: wholeMillisecond(now.Add(v.Delay)), Data: appendErrand(nil, &x)})
					sendIDs[v.ID] = append(sendIDs[v.ID], x.id.local())
				}
				continue
			}
			if isSCXML(v.Type) {
				x.to, _ = e.resolve(s, v.Target) // without a target it fails when it is carried out
			}
		case *scxml.Cancel:
			pending := e.timers.ids(s, v.SendID)
			c.ClearTimers = append(c.ClearTimers, pending...)
			c.SetTimers = slices.DeleteFunc(c.SetTimers, func(t persistence.Timer) bool {
				return slices.Contains(sendIDs[v.SendID], t.ID)
			})
			dropped := len(pending) + len(sendIDs[v.SendID])
			timers -= dropped
			delete(sendIDs, v.SendID)
			if !v.Answer {
				continue
			}
			if dropped > 0 {
				to[i] = s.id
			}
			x = errand{id: x.id, own: cancelAnswer(v.SendID, dropped > 0)}
			c.Effects = append(c.Effects, persistence.Effect{ID: x.id.local(), Data: appendErrand(nil, &x)})
			continue
		case *scxml.Invoke:
			if invokesSCXML(v.Type) {
				x.to = e.newID(s.id)
				s.addChild(v, x.to)
			}
		case *scxml.CancelInvoke:
			if x.to = s.uncouple(v); x.to == "" {
				continue
			}
		case *scxml.Forward:
			s.mu.Lock()
			x.to = s.childByInvoke(v.InvokeID, v.Serial)
			s.mu.Unlock()
			if x.to == "" {
				continue
			}
		}
		to[i] = x.to
		c.Effects = append(c.Effects, persistence.Effect{ID: x.id.local(), Data: appendErrand(nil, &x)})
	}
	return to
}

// write carries a commit out, whatever it takes to know what came of it.
func (d *durable) write(s *session, c *persistence.Commit) error {
	unknown := false
	err := d.try(func(ctx context.Context) error {
		err := d.store.Commit(ctx, d.epoch(s.id), c)
		var conflict *persistence.ConflictError
		if unknown && errors.As(err, &conflict) && conflict.Current == c.Rev+1 {
			return nil // an earlier try took effect
		}
		unknown = unknown || errors.Is(err, persistence.ErrOutcomeUnknown)
		return err
	})
	if err != nil {
		err = fmt.Errorf("session: storing session %q: %w", s.id, err)
	} else {
		s.saved.rev++
	}
	s.tracePersist(false, len(c.Snapshot), err)
	return err
}

// confirm notes that an effect has been carried out.
func (s *session) confirm(id EffectID) {
	if s.saved == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saved.owed[id] == 0 {
		s.saved.confirmed = append(s.saved.confirmed, id.local())
	}
}

// keep puts an event that the engine has made, and for which the store has no room, into the
// inbox of s in memory. The effect that brought it about stays in the outbox until the
// step is written that handles the event, so that a crash before brings it about again.
// A session that lets too many of them gather is ended. It reports false when s is
// not in memory.
func (s *session) keep(q *queuedEvent, effect EffectID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saved == nil || s.cold || s.ended.Load() {
		return false
	}
	if len(s.saved.owed) >= s.engine.opts.Inbox+turnEvents {
		s.halt(Failed)
		return true
	}
	if s.saved.owed == nil {
		s.saved.owed = make(map[EffectID]int)
	}
	s.saved.owed[effect]++
	q.rare().owed = effect
	s.insert(q)
	return true
}

// settle confirms the effect to which an event of keep belongs, one of those that it has brought
// about. The step that handles the event follows.
func (s *session) settle(owed EffectID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saved.owed[owed]--; s.saved.owed[owed] <= 0 {
		delete(s.saved.owed, owed)
		s.saved.confirmed = append(s.saved.confirmed, owed.local())
	}
}

// flush tells the store of what no commit has told it at the end of a turn: effects that have been
// confirmed, and void entries of the inbox.
func (e *Engine) flush(s *session) {
	d := e.durable
	if !s.saved.voided {
		d.flush(s)
		return
	}
	s.saved.voided = false
	if d.strays(s) {
		return // all is written when it catches up
	}
	if err := d.strayed(s, d.write(s, d.newCommit(s))); err != nil {
		e.uncommitted(s, err)
	}
}

// flush confirms effects for which no commit follows at once.
func (d *durable) flush(s *session) {
	s.mu.Lock()
	ids := s.saved.confirmed
	s.saved.confirmed = nil
	if len(ids) == 0 {
		s.mu.Unlock()
		return
	}
	if s.saved.away != nil || d.offline() {
		s.astray()
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	err := d.try(func(ctx context.Context) error { return d.store.Confirm(ctx, d.epoch(s.id), s.id, ids...) })
	if err = d.strayed(s, err); err != nil && !errors.Is(err, persistence.ErrNotFound) {
		d.engine.logger.Warn("effects not confirmed; they may be repeated", "session", s.id, "effects", ids, "error", err)
	}
}

// delete removes a session that has ended, once none of its messages is under
// way any more.
func (d *durable) delete(s *session) {
	s.mu.Lock()
	wait := s.out != nil || s.undone.Load() || s.result != nil && (s.result.Reason == Lost || s.result.Reason == ShutDown)
	s.mu.Unlock()
	if wait {
		return
	}
	d.remove(s.id)
}

// remove deletes a session from the store, now or when that answers again.
func (d *durable) remove(id string) {
	err := persistence.ErrOutcomeUnknown
	if !d.offline() {
		err = d.try(func(ctx context.Context) error { return d.store.Delete(ctx, d.epoch(id), id) })
	}
	switch {
	case err == nil, errors.Is(err, persistence.ErrNotFound):
	case !final(err) && d.lost.Load():
		d.mu.Lock()
		d.dead = append(d.dead, id)
		d.mu.Unlock()
	case !final(err):
		d.engine.logger.Warn("ended session not removed from the store; it is tried again", "session", id, "error", err)
		d.engine.clock.AfterFunc(reloadPause, func() {
			if !d.engine.closed.Load() {
				d.engine.perform(0, func(context.Context) { d.remove(id) })
			}
		})
	default:
		d.engine.logger.Warn("ended session not removed from the store", "session", id, "error", err)
	}
}
