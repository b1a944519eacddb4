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
	machine []byte // snapshot; nil when the session had not begun or has ended
	outbox  []errand
	ended   *Result // the session has ended; what is left are the errands
}

// Recover takes hold of all buckets of Options.Store that no other engine
// holds, and brings the sessions in them back: each goes on after its last
// committed macrostep, with the events and delayed sends that were accepted.
// Effects that had not been confirmed are carried out, perhaps a second time. It
// is called once, after New, and returns the number of sessions; after an error
// it may be called again.
//
// A session that cannot be brought back, as when
// its document does not compile any more, is logged and stays in the store.
func (e *Engine) Recover(ctx context.Context) (n int, err error) {
	d := e.durable
	if d == nil {
		return 0, errors.New("session: Options.Store is not set")
	}
	if e.closed.Load() {
		return 0, ErrClosed
	}
	if e.recovered.Swap(true) {
		return 0, errors.New("session: Recover was called before")
	}
	var sessions []*session
	defer func() {
		if err != nil { // it may be tried again
			for _, s := range sessions {
				e.forget(s, err)
			}
			e.recovered.Store(false)
		}
	}()
	if err := d.acquire(ctx); err != nil {
		return 0, err
	}
	for bucket := range d.epochs {
		if d.epochs[bucket].Load() == 0 {
			continue
		}
		for info, err := range d.store.List(ctx, bucket, "") {
			if err != nil {
				return 0, fmt.Errorf("session: listing the store: %w", err)
			}
			s, err := d.load(ctx, info.ID)
			if err != nil {
				if ctx.Err() != nil {
					return 0, err
				}
				e.logger.Error("session not recovered", "session", info.ID, "error", err)
				continue
			}
			sessions = append(sessions, s)
		}
	}
	// An <invoke> whose session is there has been carried out. This has to be
	// settled before any of them runs.
	for _, s := range sessions {
		s.revival.outbox = slices.DeleteFunc(s.revival.outbox, func(x errand) bool {
			if _, ok := x.effect.(*scxml.Invoke); !ok || e.sessions.get(x.to) == nil {
				return false
			}
			s.confirm(x.id)
			return true
		})
	}
	for _, s := range sessions {
		d.wake(s)
	}
	return len(sessions), nil
}

// acquire takes the buckets and keeps them from now on.
func (d *durable) acquire(ctx context.Context) error {
	buckets := make([]int, len(d.epochs))
	for i := range buckets {
		buckets[i] = i
	}
	leases, err := d.store.Acquire(ctx, d.engine.opts.Owner, d.engine.opts.Lease, buckets...)
	d.hold(leases)
	d.scheduleRenewal()
	if err != nil {
		return fmt.Errorf("session: acquiring buckets: %w", err)
	}
	return nil
}

// hold notes the leases that the engine has. Sessions of other buckets are
// taken out of memory.
func (d *durable) hold(leases []persistence.Lease) {
	d.mu.Lock()
	d.leases = leases
	d.mu.Unlock()
	held := make([]bool, len(d.epochs))
	for _, l := range leases {
		held[l.Bucket] = true
		d.epochs[l.Bucket].Store(l.Epoch)
	}
	lost := false
	for i := range held {
		if !held[i] && d.epochs[i].Swap(0) != 0 {
			lost = true
			d.engine.logger.Warn("bucket lost to another engine", "bucket", i)
		}
	}
	if !lost {
		return
	}
	for _, s := range d.engine.sessions.all() {
		if s.saved != nil && d.epoch(s.id) == 0 {
			d.engine.stopSession(s, Lost)
		}
	}
}

func (d *durable) scheduleRenewal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.released {
		return
	}
	d.stopRenew = d.engine.clock.AfterFunc(d.engine.opts.Lease/3, func() {
		d.engine.perform(d.engine.opts.Lease, func(ctx context.Context) {
			d.renew(ctx)
			d.scheduleRenewal()
		})
	})
}

// renew prolongs the leases. When the store cannot be reached they are kept:
// it is the store that refuses what an owner that was replaced writes.
func (d *durable) renew(ctx context.Context) {
	d.mu.Lock()
	leases := d.leases
	d.mu.Unlock()
	renewed, err := d.store.Renew(ctx, d.engine.opts.Lease, leases...)
	if err != nil {
		d.engine.logger.Warn("leases not renewed", "error", err)
		return
	}
	d.hold(renewed)
}

// release gives the buckets up.
func (d *durable) release() error {
	d.mu.Lock()
	d.released = true
	if d.stopRenew != nil {
		d.stopRenew()
	}
	leases := d.leases
	d.leases = nil
	d.mu.Unlock()
	if len(leases) == 0 {
		return nil
	}
	if err := d.try(func(ctx context.Context) error { return d.store.Release(ctx, leases...) }); err != nil {
		return fmt.Errorf("session: releasing buckets: %w", err)
	}
	return nil
}

// load brings a session from the store into memory, where it waits for wake.
func (d *durable) load(ctx context.Context, id string) (*session, error) {
	e := d.engine
	stored, err := d.store.Load(ctx, id)
	if err != nil {
		return nil, err
	}
	rec, err := readRecord(stored.Snapshot)
	if err != nil {
		return nil, err
	}
	s := newSession(e, stored.ID)
	s.phase = loading
	s.lineage, s.children, s.step, s.x = rec.lineage, rec.children, rec.macrosteps, rec.x
	s.value, s.born = rec.value, rec.born
	s.saved = &saved{
		url: rec.url, digest: rec.digest, content: rec.content,
		rev: stored.Rev, handled: stored.Acked, tail: stored.Acked,
	}
	s.revival = &revival{machine: rec.machine}
	switch {
	case rec.ended:
		s.revival.ended = &rec.result
	case !rec.begun:
		s.begin = &beginning{params: rec.params, at: rec.at, url: rec.url}
	}
	for _, o := range stored.Outbox {
		x, err := readErrand(o.Data)
		if err != nil {
			return nil, err
		}
		if x.id, err = effectID(s.id, o.ID); err != nil {
			return nil, err
		}
		s.revival.outbox = append(s.revival.outbox, x)
	}
	if err := sortTimers(stored); err != nil {
		return nil, err
	}
	for _, t := range stored.Timers {
		x, err := readErrand(t.Data)
		if err != nil {
			return nil, err
		}
		send, ok := x.effect.(*scxml.Send)
		if !ok {
			return nil, fmt.Errorf("%w: timer %q is no send", ErrRecord, t.ID)
		}
		if x.id, err = effectID(s.id, t.ID); err != nil {
			return nil, err
		}
		e.timers.restore(s, send, x.id, t.At)
	}
	if !rec.ended && (rec.content != "" || rec.digest != (persistence.Digest{})) {
		doc, err := d.document(ctx, rec)
		if err != nil {
			e.timers.removeAll(s)
			return nil, err
		}
		s.setDocument(doc)
	}
	if err := e.admit(s); err != nil {
		e.timers.removeAll(s)
		return nil, err
	}
	s.known = true
	if err := s.acceptAll(stored.Inbox); err != nil {
		e.forget(s, err)
		return nil, err
	}
	return s, nil
}

// sortTimers brings delayed sends into the order of their times and, where these
// are the same, that in which they were executed.
func sortTimers(stored *persistence.Session) (err error) {
	slices.SortFunc(stored.Timers, func(a, b persistence.Timer) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		x, err1 := effectID(stored.ID, a.ID)
		y, err2 := effectID(stored.ID, b.ID)
		err = errors.Join(err, err1, err2)
		return cmp.Or(cmp.Compare(x.Macrostep, y.Macrostep), cmp.Compare(x.Index, y.Index))
	})
	return err
}

// document compiles the document of a stored session.
func (d *durable) document(ctx context.Context, rec *record) (*scxml.Document, error) {
	source := rec.content
	if source == "" {
		body, err := d.store.Document(ctx, rec.digest)
		if err != nil {
			return nil, fmt.Errorf("session: document %s: %w", rec.url, err)
		}
		source = string(body)
	}
	r := d.engine.documents.request(rec.url, source)
	if doc := r.cached(); doc != nil {
		return doc, nil
	}
	return r.get(ctx)
}

// wake lets a loaded session go on.
func (d *durable) wake(s *session) {
	if s.begin != nil && !s.begin.at.IsZero() {
		s.revival = nil
		d.engine.await(s)
		return
	}
	if s.doc == nil && s.revival.ended == nil {
		// It was invoked by URL and has not begun.
		s.revival = nil
		d.engine.loadInvoked(s, d.engine.documents.request(s.saved.url, ""), errand{id: EffectID{Session: s.id}})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase = idle
	d.engine.schedule(s)
}

// reload brings a session that is in the store alone back into memory, now or
// when the store can be reached.
func (d *durable) reload(id string) {
	e := d.engine
	e.perform(loadTimeout, func(ctx context.Context) {
		s, err := d.load(ctx, id)
		switch {
		case err == nil:
			d.wake(s)
		case errors.Is(err, persistence.ErrNotFound), errors.Is(err, ErrExists), e.closed.Load(), d.epoch(id) == 0:
		default:
			e.logger.Error("session not loaded; it will be tried again", "session", id, "error", err)
			e.clock.AfterFunc(reloadPause, func() { d.reload(id) })
		}
	})
}

// resume lets a loaded session do first what it had left.
func (e *Engine) resume(s *session, r *revival) {
	if r.machine != nil && r.ended == nil && s.begin == nil {
		m, err := scxml.RestoreMachine(s.doc, r.machine, s.machineOptions())
		s.tracePersist(true, len(r.machine), err)
		if err != nil {
			e.logger.Error("session not restored; it stays in the store", "session", s.id, "error", err)
			e.forget(s, err)
			return
		}
		s.setMachine(m)
		e.live(s)
	}
	for _, x := range r.outbox {
		e.carryOut(s, x)
	}
	if r.ended != nil {
		e.end(s, *r.ended)
		e.durable.delete(s)
	}
}

// lose takes a session out of memory because the store cannot be written. What
// it did since the last commit is forgotten, and is done again when it has been
// loaded again, by this engine or by the one that has taken its bucket.
func (e *Engine) lose(s *session, err error) {
	e.forget(s, err)
	if e.durable == nil || errors.Is(err, persistence.ErrNotFound) || errors.Is(err, persistence.ErrFenced) || errors.Is(err, ErrNotOwner) {
		return
	}
	id := s.id
	e.clock.AfterFunc(reloadPause, func() { e.durable.reload(id) })
}

// forget takes a session out of memory as if the engine had never had it.
func (e *Engine) forget(s *session, err error) {
	e.logger.Warn("session taken out of memory", "session", s.id, "error", err)
	e.end(s, Result{Reason: Lost, Err: err})
}
