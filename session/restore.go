package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// revival is what a session that was loaded from a store begins with.
type revival struct {
	outbox []errand
	ended  *Result // the session has ended; what is left are the errands
}

// errAway: the store could not be reached when it was needed.
var errAway = errors.New("session: an effect could not be carried out yet; it is when the session has been loaded again")

// errNotStored: the session has gone from the store.
var errNotStored = fmt.Errorf("session: not in the store any more: %w", persistence.ErrNotFound)

// unreadable reports whether an error of load says that the session itself is bad;
// trying again would not help.
func unreadable(err error) bool {
	var problems *scxml.ParseError
	var migrate *migrateError
	return errors.As(err, &migrate) || errors.Is(err, ErrRecord) || errors.Is(err, scxml.ErrSnapshot) || errors.Is(err, scxml.ErrDocument) ||
		errors.As(err, &problems) || errors.Is(err, persistence.ErrNotFound)
}

// load fills a cold session from the store. A worker has it.
func (d *durable) load(s *session) error {
	stored, rec, err := d.read(s.id)
	if err != nil {
		return err
	}
	if err := d.fill(s, stored, rec); err != nil {
		return err
	}
	if err := d.migrate(s, rec); err != nil {
		return err
	}
	if rec.begun && !rec.ended {
		m, err := scxml.RestoreMachine(s.doc, rec.machine, s.machineOptions())
		s.tracePersist(true, len(rec.machine), err)
		if err != nil {
			return err
		}
		s.setMachine(m)
		d.engine.live(s)
	}
	if err := d.restoreTimers(s, stored); err != nil {
		return err
	}
	if err := s.acceptAll(stored.Inbox); err != nil {
		return err
	}
	s.mu.Lock()
	s.cold = false
	after, late := s.saved.tail, s.saved.awaited > s.saved.tail
	s.mu.Unlock()
	if late {
		s.fetch(after)
	}
	return nil
}

// migrate asks the host for another document.
func (d *durable) migrate(s *session, rec *record) error {
	hook := d.engine.opts.Migrate
	if hook == nil || s.doc == nil {
		return nil
	}
	var doc *scxml.Document
	err := contain("Options.Migrate", func() (err error) {
		doc, err = hook(s.id, s.doc)
		return err
	})
	if err == nil && (doc == nil || doc.Digest() == s.doc.Digest()) {
		return nil
	}
	if err == nil && rec.begun {
		rec.machine, err = scxml.MigrateSnapshot(s.doc, doc, rec.machine)
	}
	if err != nil {
		return &migrateError{err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setDocument(doc)
	s.saved.url, s.saved.digest = doc.URL(), persistence.Digest{} // stored with the next commit
	return nil
}

// migrateError is an error of Options.Migrate, or of what it asked for.
type migrateError struct{ err error }

func (e *migrateError) Error() string { return "session: Options.Migrate: " + e.err.Error() }
func (e *migrateError) Unwrap() error { return e.err }

// read reads a session from the store.
func (d *durable) read(id string) (stored *persistence.Session, rec *record, err error) {
	err = d.try(func(ctx context.Context) (err error) {
		stored, err = d.store.Load(ctx, id)
		return err
	})
	if errors.Is(err, persistence.ErrNotFound) {
		return nil, nil, errNotStored
	}
	if err != nil {
		return nil, nil, err
	}
	rec, err = readRecord(stored.Snapshot)
	return stored, rec, err
}

// fill gives a session what the store has of it, but for its Machine, its timers and
// its inbox.
func (d *durable) fill(s *session, stored *persistence.Session, rec *record) error {
	r := &revival{}
	if rec.ended {
		r.ended = &rec.result
	}
	for _, o := range stored.Outbox {
		x, err := readErrand(o.Data)
		if err != nil {
			return fmt.Errorf("effect %q: %w", o.ID, err)
		}
		if x.id, err = effectID(s.id, o.ID); err != nil {
			return err
		}
		r.outbox = append(r.outbox, x)
	}
	var doc *scxml.Document
	if !rec.ended && (rec.content != "" || rec.digest != (persistence.Digest{})) {
		var err error
		if doc, err = d.document(rec); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lineage, s.children, s.step, s.x = rec.lineage, rec.children, rec.macrosteps, rec.x
	s.value, s.born = rec.value, rec.born
	v := s.saved
	v.url, v.digest, v.content = rec.url, rec.digest, rec.content
	v.rev, v.handled, v.tail = stored.Rev, stored.Acked, stored.Acked
	s.revival = r
	if !rec.begun && !rec.ended {
		s.begin = &beginning{params: rec.params, at: rec.at, url: rec.url}
	}
	if doc != nil {
		s.setDocument(doc)
	}
	return nil
}

// restoreTimers starts the delayed sends of a stored session.
func (d *durable) restoreTimers(s *session, stored *persistence.Session) error {
	sends, err := readTimers(s.saved, stored)
	if err != nil {
		return err
	}
	for _, x := range sends {
		d.engine.timers.restore(s, x.send, x.id, x.At)
	}
	return nil
}

// storedSend is a delayed send as a store has it.
type storedSend struct {
	send *scxml.Send
	id   EffectID
	persistence.Timer
}

// readTimers returns the delayed sends of a stored session in order, and notes the
// marks that stand among them.
func readTimers(v *saved, stored *persistence.Session) ([]storedSend, error) {
	var sends []storedSend
	for _, t := range stored.Timers {
		switch t.ID {
		case alarmMark:
			v.alarm = t.At
			continue
		case residentMark:
			v.resident = true
			continue
		}
		x, err := readErrand(t.Data)
		if err != nil {
			return nil, fmt.Errorf("timer %q: %w", t.ID, err)
		}
		send, ok := x.effect.(*scxml.Send)
		if !ok {
			return nil, fmt.Errorf("%w: timer %q is no send", ErrRecord, t.ID)
		}
		id, err := effectID(stored.ID, t.ID)
		if err != nil {
			return nil, err
		}
		sends = append(sends, storedSend{send, id, t})
	}
	// In order of time and, where that is the same, that in which they were executed.
	slices.SortFunc(sends, func(a, b storedSend) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.id.Macrostep, b.id.Macrostep), cmp.Compare(a.id.Index, b.id.Index))
	})
	return sends, nil
}

// document returns the document of a stored session.
func (d *durable) document(rec *record) (*scxml.Document, error) {
	documents := d.engine.documents
	if rec.content != "" {
		return documents.compiled(rec.url, rec.content)
	}
	if doc := documents.stored(rec.url, rec.digest); doc != nil {
		return doc, nil
	}
	var body []byte
	err := d.try(func(ctx context.Context) (err error) {
		body, err = d.store.Document(ctx, rec.digest)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("session: document %s, %v: %w", rec.url, rec.digest, err)
	}
	return documents.compiled(rec.url, string(body))
}

// resume lets a loaded session do first what it had left. It reports whether the
// session is in other hands now.
func (e *Engine) resume(s *session, r *revival) (left bool) {
	for _, x := range r.outbox {
		// An <invoke> whose session is there has been carried out.
		if _, ok := x.effect.(*scxml.Invoke); ok && e.sessions.alive(x.to) {
			s.confirm(x.id)
			continue
		}
		if e.durable.isPending(x.id) {
			continue // its handler is at work
		}
		x.repeat = true
		e.carryOut(s, x)
	}
	switch {
	case s.undone.Load():
		e.lose(s, errAway)
	case r.ended != nil:
		e.end(s, *r.ended)
		e.durable.delete(s)
	case s.begin != nil && !s.begin.at.IsZero():
		s.mu.Lock()
		s.release(loading)
		s.mu.Unlock()
		e.await(s)
		return true
	case s.doc == nil:
		// It was invoked by URL and has not begun.
		s.mu.Lock()
		s.release(loading)
		s.mu.Unlock()
		e.loadInvoked(s, e.documents.request(s.saved.url, ""), errand{id: EffectID{Session: s.id}})
		return true
	}
	return false
}

// peek makes a session of what the store has, which nobody else knows and which does
// nothing.
func (d *durable) peek(id string) (*session, *persistence.Session, *record, error) {
	stored, rec, err := d.read(id)
	if err != nil {
		return nil, nil, nil, err
	}
	s := newSession(d.engine, id)
	s.saved = &saved{}
	if err := d.fill(s, stored, rec); err != nil {
		return nil, nil, nil, err
	}
	return s, stored, rec, nil
}

// query describes a session that is not in memory.
func (d *durable) query(id string) (Status, error) {
	s, stored, rec, err := d.peek(id)
	if err != nil {
		if unreadable(err) && !errors.Is(err, errNotStored) {
			err = &UnreadableError{Session: id, Err: err}
		}
		return Status{}, err
	}
	if s.begin != nil && !s.begin.at.IsZero() {
		s.phase = waiting
	}
	st := s.status()
	st.Passive, st.Queued = true, len(stored.Inbox)
	if rec.begun && !rec.ended {
		if st.Configuration, st.Active, err = scxml.SnapshotStates(s.doc, rec.machine); err != nil {
			return Status{}, &UnreadableError{Session: id, Err: err}
		}
	}
	sends, err := readTimers(s.saved, stored)
	if err != nil {
		return Status{}, &UnreadableError{Session: id, Err: err}
	}
	for _, x := range sends {
		t := PendingTimer{SendID: x.send.ID, Target: x.send.Target, Due: x.At}
		if x.send.Event != nil {
			t.Event = x.send.Event.Name
		}
		st.Timers = append(st.Timers, t)
	}
	return st, nil
}

// The marks are timers of a stored session that are no delayed sends. They tell Recover
// what it need not load a session for.
const (
	alarmMark    = "alarm"    // when it is to begin, or when its life ends
	residentMark = "resident" // in the past: it has to be brought back, or has ended
)
