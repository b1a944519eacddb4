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

// This file is what happens while the store does not answer, and how sessions that went
// on without it catch up.

// StorePolicy is what an engine does while its store does not answer: when an operation has failed five
// times with an error that is none of the package persistence, and the renewal of the leases fails, too. When
// the leases can be renewed the failure is that of one session, as where its database has a limit that the
// store does not report as persistence.ErrTooLarge: with both policies that session alone is taken out of memory
// (Lost) and tried again from its last commit, after a second each time, while the others go on.
type StorePolicy uint8

const (
	// RefuseWork: nothing goes on without the store. Start, Send and Terminate return
	// its errors; a session that cannot be committed is taken out of memory (Lost) and
	// goes on from its last commit when the store is back.
	RefuseWork StorePolicy = iota

	// ContinueInMemory: sessions that are in memory go on, and new ones begin there, at
	// the risk of what happens meanwhile: until the store is back it is gone when the
	// process dies or another engine takes the buckets over, while its effects have left.
	// Sessions that are in the store alone cannot be reached (ErrStoreLost). When the
	// store answers again everything that has changed is written. A session for which it has no
	// room then, or which it refuses while it takes others, goes on in memory, and takes nothing from outside
	// (ErrInboxFull), until it is written; the keys of SendOnce for which there is no room are forgotten.
	ContinueInMemory
)

// ErrStoreLost: the store does not answer, and the session is not in memory.
var ErrStoreLost = errors.New("session: the store does not answer")

// straying is what a session that has gone on without the store knows beside its state. It
// is guarded by session.mu.
type straying struct {
	absent   bool                    // the store has never had the session
	keys     map[*queuedEvent]string // of entries that wait
	doubtful map[string]bool         // keys of entries that the store may have; true: handled
	recent   []string                // keys of the last entries that were handled
	refused  bool                    // the store did not take the session; it is tried again in a while
}

// offline reports whether sessions go on without the store now.
func (d *durable) offline() bool {
	return d.lost.Load() && d.engine.opts.StoreLost == ContinueInMemory
}

// strays reports whether s goes on without the store, or has yet to catch up.
func (d *durable) strays(s *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved.away != nil || d.offline()
}

// stray notes that the store does not have the state of s any more.
func (s *session) stray() *straying {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.astray()
}

// astray is stray; s.mu is held.
func (s *session) astray() *straying {
	if s.saved.away == nil {
		s.saved.away = &straying{keys: make(map[*queuedEvent]string), doubtful: make(map[string]bool)}
	}
	return s.saved.away
}

// answers is asked when an operation has failed storeTries times with an error that the contract of a
// store does not name. It tells whether that is the operation's own failure, as of a value that is too
// large for a database: the store answers at once when the leases are renewed. That is done at most once
// in reloadPause, however many sessions fail; a store that goes meanwhile is found out by the next.
func (d *durable) answers() bool {
	d.probing.Lock()
	defer d.probing.Unlock()
	now := d.engine.clock.Now()
	switch {
	case d.lost.Load():
		return false
	case !d.answered.IsZero() && now.Sub(d.answered) < reloadPause:
		return true
	}
	d.mu.Lock()
	leases := d.leases
	d.mu.Unlock()
	if len(leases) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	// What it does not get back the next renewal finds out.
	if _, err := d.store.Renew(ctx, d.engine.opts.Lease, leases...); err != nil {
		return false
	}
	d.answered = now
	return true
}

// fault is told of an error of the store that says nothing but that it does not work.
func (d *durable) fault(err error) {
	if d.lost.Swap(true) {
		return
	}
	e := d.engine
	e.logger.Error("the store does not answer", "error", err, "continue", e.opts.StoreLost == ContinueInMemory)
	if f := e.opts.Observer.Store; f != nil {
		f(err)
	}
	d.probeLater()
}

func (d *durable) probeLater() {
	e := d.engine
	e.clock.AfterFunc(reloadPause, func() {
		e.perform(storeTimeout, func(ctx context.Context) {
			if e.closed.Load() {
				return
			}
			if err := d.renew(ctx); err != nil {
				d.probeLater()
				return
			}
			d.back()
		})
	})
}

// back is called when the store answers again.
func (d *durable) back() {
	e := d.engine
	if !d.lost.Swap(false) {
		return
	}
	e.logger.Warn("the store answers again")
	if f := e.opts.Observer.Store; f != nil {
		f(nil)
	}
	d.mu.Lock()
	dead := d.dead
	d.dead = nil
	d.mu.Unlock()
	for _, s := range e.sessions.all() {
		s.mu.Lock()
		if s.saved != nil && s.saved.away != nil {
			e.schedule(s)
		}
		s.mu.Unlock()
	}
	for _, id := range dead {
		d.remove(id)
	}
}

// acceptOffline is append without the store, which may have the entry nevertheless if
// doubtful is true.
func (d *durable) acceptOffline(id string, q *queuedEvent, must bool, key string, doubtful bool) error {
	s := d.engine.sessions.getLive(id)
	if s == nil {
		if !d.engine.sessions.alive(id) {
			return ErrNotFound
		}
		return ErrStoreLost
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.cold || s.gone.Load():
		return ErrStoreLost
	case s.ended.Load():
		return ErrNotFound
	case !s.full() && s.repeated(key):
		return nil
	}
	a := s.astray()
	if a.refused && !must {
		return fmt.Errorf("%w: the store has yet to take what the session has done without it", ErrInboxFull)
	}
	if q.stop != 0 {
		s.halt(q.stop)
		return nil
	}
	if err := s.add(q, must); err != nil {
		return err
	}
	a.keys[q] = key
	if doubtful {
		a.doubtful[key] = false
	}
	return nil
}

// handledOffline notes that an entry that the store may have by now is done with.
func (s *session) handledOffline(q *queuedEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.saved.away
	if a == nil || a.keys[q] == "" {
		return
	}
	key := a.keys[q]
	delete(a.keys, q)
	if _, ok := a.doubtful[key]; ok {
		a.doubtful[key] = true
	}
	if len(a.recent) >= persistence.KeyWindow {
		a.recent = a.recent[1:]
	}
	a.recent = append(a.recent, key)
}

// planOffline is commit without the store: it settles which sessions the effects are
// about.
func (d *durable) planOffline(s *session, effects []scxml.Effect) (to []string) {
	s.stray()
	return d.plan(s, d.newCommit(s), effects)
}

// strayed turns an error of a commit into nil if the session goes on without the store.
func (d *durable) strayed(s *session, err error) error {
	if err == nil || final(err) || !d.offline() {
		return err
	}
	s.stray()
	return nil
}

// mayCatchUp reports whether s is to be written as a whole. s.mu is held.
func (s *session) mayCatchUp() bool {
	return s.saved != nil && s.saved.away != nil && !s.saved.away.refused && s.machine != nil && s.out == nil && !s.engine.durable.offline()
}

// catchUp writes everything about a session that has gone on without the store. The
// effects that the store still has in its outbox have been carried out. When the store
// has no room, or does not take this session alone, that goes on in memory, and takes nothing from
// outside, until it does.
func (e *Engine) catchUp(s *session) {
	d := e.durable
	var refused *refusedError
	switch err := d.catchUp(s); {
	case err == nil, d.offline():
	case errors.Is(err, persistence.ErrFull), errors.As(err, &refused):
		e.logger.Warn("the store does not take a session that has to catch up; it is tried again", "session", s.id, "error", err)
		s.mu.Lock()
		s.saved.away.refused = true
		s.mu.Unlock()
		e.clock.AfterFunc(reloadPause, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.saved.away != nil && !s.ended.Load() {
				s.saved.away.refused = false
				e.schedule(s)
			}
		})
	default:
		e.uncommitted(s, err)
	}
}

func (d *durable) catchUp(s *session) error {
	machine, err := s.machine.Snapshot(nil)
	if err != nil {
		return &snapshotError{err}
	}
	// A document that was stored before is stored again, as there may be no record yet that names it. A full
	// store has to have it still: the commit makes room.
	before := s.saved.digest
	err = d.keepDocument(s)
	if errors.Is(err, persistence.ErrFull) && before != (persistence.Digest{}) {
		err = d.try(func(ctx context.Context) error {
			_, err := d.store.Document(ctx, before)
			return err
		})
	}
	if err != nil {
		return err
	}
	rec := d.record(s)
	rec.begun, rec.machine = true, machine
	c := &persistence.Commit{ID: s.id, Acked: s.saved.handled, Snapshot: rec.append(nil)}
	s.saved.alarm, s.saved.resident = time.Time{}, false // all marks are set again
	d.mark(s, c)
	c.ClearTimers = nil
	c.SetTimers = append(c.SetTimers, d.engine.timers.stored(s)...)
	if err := d.createAbsent(s); err != nil {
		return err
	}
	stored, err := d.loadStored(s.id)
	if err != nil {
		return err
	}
	c.Rev = stored.Rev
	kept := make(map[string]bool)
	for _, t := range c.SetTimers {
		kept[t.ID] = true
	}
	for _, t := range stored.Timers {
		if !kept[t.ID] {
			c.ClearTimers = append(c.ClearTimers, t.ID)
		}
	}
	pending := d.pendingOf(s.id)
	for _, x := range stored.Outbox {
		if pending[x.ID] == nil {
			c.Confirmed = append(c.Confirmed, x.ID)
		}
		delete(pending, x.ID)
	}
	for id, call := range pending {
		c.Effects = append(c.Effects, persistence.Effect{ID: id, Data: appendErrand(nil, &errand{effect: call})})
	}
	s.saved.rev = c.Rev
	// First the state: it makes room for what comes next.
	if err := d.write(s, c); err != nil {
		return err
	}
	stored, ours, err := d.reconcile(s)
	if err != nil {
		return err
	}
	return s.joinInbox(stored.Inbox, ours)
}

// createAbsent creates a session that the store has never had.
func (d *durable) createAbsent(s *session) error {
	s.mu.Lock()
	absent := s.saved.away.absent
	s.mu.Unlock()
	if !absent {
		return nil
	}
	first := &persistence.Session{ID: s.id, Document: s.saved.digest, Snapshot: d.record(s).append(nil)}
	err := d.try(func(ctx context.Context) error { return d.store.Create(ctx, d.epoch(s.id), first) })
	if err != nil && !errors.Is(err, persistence.ErrExists) {
		return err
	}
	s.mu.Lock()
	s.saved.away.absent = false
	s.mu.Unlock()
	return nil
}

func (d *durable) loadStored(id string) (stored *persistence.Session, err error) {
	err = d.try(func(ctx context.Context) (err error) {
		stored, err = d.store.Load(ctx, id)
		return err
	})
	return stored, err
}

// reconcile brings the entries that a session has accepted without the store into that, and
// reads what it has now. ours are these entries by number.
func (d *durable) reconcile(s *session) (stored *persistence.Session, ours map[uint64]*queuedEvent, err error) {
	s.mu.Lock()
	recent := slices.Clone(s.saved.away.recent)
	keys := make(map[*queuedEvent]string)
	var waiting []*queuedEvent
	for q := s.inbox.head; q != nil; q = q.next {
		if q.timer() == nil {
			waiting = append(waiting, q)
			if q.number == 0 && s.saved.away.keys[q] == "" {
				s.saved.away.keys[q] = randomID() // one of session.keep
			}
			keys[q] = s.saved.away.keys[q]
		}
	}
	s.mu.Unlock()
	put := func(key string, q *queuedEvent) (n uint64, err error) {
		err = d.try(func(ctx context.Context) (err error) {
			n, err = d.store.Append(ctx, s.id, persistence.Event{Key: key, Data: appendItem(nil, q)})
			return err
		})
		return n, err
	}
	ours = make(map[uint64]*queuedEvent)
	for _, q := range waiting {
		n := q.number
		if n == 0 {
			if n, err = put(keys[q], q); err != nil {
				return nil, nil, err
			}
			s.mayBeStored(keys[q])
		}
		ours[n] = q
	}
	// So that repeats are dropped from now on, too: the latest, as many as there is room for.
	for _, key := range slices.Backward(recent) {
		if _, err := put(key, &queuedEvent{void: true}); errors.Is(err, persistence.ErrFull) {
			break
		} else if err != nil {
			return nil, nil, err
		}
	}
	stored, err = d.loadStored(s.id)
	return stored, ours, err
}

// mayBeStored notes that the store has the entry with a key: handled before the session has
// caught up, it is not to be handled again.
func (s *session) mayBeStored(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.saved.away.doubtful[key]; !ok {
		s.saved.away.doubtful[key] = false
	}
}

// joinInbox makes the inbox that of the store, from which on the session has caught up,
// unless more has come in meanwhile.
func (s *session) joinInbox(stored []persistence.Event, ours map[uint64]*queuedEvent) error {
	known := make(map[*queuedEvent]bool, len(ours))
	for _, q := range ours {
		known[q] = true
	}
	var others []*queuedEvent
	for _, ev := range stored {
		if ours[ev.Number] == nil {
			q, err := readItem(ev.Data)
			if err != nil {
				return fmt.Errorf("entry %d: %w", ev.Number, err)
			}
			others = append(others, q)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.inbox
	for q := old.head; q != nil; q = q.next {
		if q.timer() == nil && !known[q] {
			return nil // it is tried again
		}
	}
	s.inbox = inbox{}
	for q := old.head; q != nil; {
		next := q.next
		if q.next = nil; q.timer() != nil {
			s.inbox.push(q)
		}
		q = next
	}
	for _, ev := range stored {
		q := ours[ev.Number]
		if q == nil {
			q, others = others[0], others[1:]
			q.void = q.void || s.saved.away.doubtful[ev.Key]
		}
		q.number = ev.Number
		s.saved.tail = ev.Number
		if q.stop != 0 {
			s.halt(q.stop)
		} else {
			s.inbox.push(q)
		}
	}
	if len(stored) == 0 {
		s.saved.tail = max(s.saved.tail, s.saved.handled)
	}
	s.saved.away = nil
	return nil
}
