package session

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// durable is the engine's side of a store. What happens, and in which order, is
// the life of an event as the package persistence has it: Append to the inbox,
// Commit of the macrostep, effects, Confirm.
type durable struct {
	engine *Engine
	store  persistence.Store
	epochs []atomic.Uint64       // of the buckets held; 0: not held
	held   atomic.Pointer[[]int] // the buckets held, for new ids; nil: none so far

	recovery sync.Mutex // held by Recover, before all others
	listed   []uint64   // epochs under which Recover has listed the buckets; guarded by recovery

	sweepFrom int // the bucket with which the next sweep begins; of the one renewal that runs

	leasing sync.Mutex // held while leases are acquired or renewed, before mu

	mu         sync.Mutex
	leases     []persistence.Lease
	documents  map[persistence.Digest]time.Time // when the store was given them; see has
	stopRenew  func() bool
	recovered  bool           // buckets have been asked for, and the store has answered
	jitter     *mathrand.Rand // of renewals
	released   bool
	backlog    []string                             // sessions that Recover has yet to bring back
	recovering int                                  // how many are being brought back at most
	dead       []string                             // sessions that ended while the store did not answer
	pending    map[string]map[EffectID]*pendingCall // effects with the handlers of modules, by session

	lost atomic.Bool // the store does not answer

	probing  sync.Mutex // held while a store is asked whether it answers; before mu
	answered time.Time  // when it last did; guarded by probing
}

// saved is what a session needs beside the Machine to be stored.
type saved struct {
	url      string
	digest   persistence.Digest // of the source in the store; zero: inline content, or not read yet
	content  string
	rev      uint64    // used by the worker alone
	handled  uint64    // number of the last entry taken from the inbox
	revision []byte    // the snapshot's memory, used again
	alarm    time.Time // as alarmMark has it; zero: without
	resident bool      // residentMark is set
	voided   bool      // the entries handled last were void, and the store has yet to be told
	backlog  bool      // it was one of durable.backlog, and has yet to be loaded

	// Guarded by session.mu.
	tail      uint64    // number of the last entry put into the inbox
	away      *straying // it went on without the store, and has not caught up; nil: it did not
	awaited   uint64    // number of an entry of which it was told while it was cold
	confirmed []string
	owed      map[EffectID]int // effects that are not confirmed before the events they brought about have been handled; see session.keep

	rest rest // guarded by idlers.mu
}

// A store operation that failed is tried again, since nothing can go on
// without it: storeTries times, with a pause that doubles each time. After that
// the session is taken out of memory and loaded again after reloadPause.
const (
	storeTimeout = 15 * time.Second
	storeTries   = 5
	storePause   = 20 * time.Millisecond
	reloadPause  = time.Second
)

func newDurable(e *Engine) *durable {
	owner := fnv.New64a()
	_, _ = owner.Write([]byte(e.opts.Owner))
	return &durable{
		jitter:    mathrand.New(mathrand.NewPCG(owner.Sum64(), 0)), // the same in every run of a test
		engine:    e,
		store:     e.opts.Store,
		epochs:    make([]atomic.Uint64, e.opts.Store.Buckets()),
		listed:    make([]uint64, e.opts.Store.Buckets()),
		documents: make(map[persistence.Digest]time.Time),
		pending:   make(map[string]map[EffectID]*pendingCall),
	}
}

// epoch returns the epoch under which a session is written; 0: its bucket is
// not held.
func (d *durable) epoch(id string) uint64 {
	return d.epochs[persistence.BucketOf(id, len(d.epochs))].Load()
}

// notOwner says why the bucket of a session is not held.
func (d *durable) notOwner(id string) error {
	d.mu.Lock()
	recovered := d.recovered
	d.mu.Unlock()
	if !recovered {
		return fmt.Errorf("%w: it holds none yet; call Recover after New", ErrNotOwner)
	}
	bucket := persistence.BucketOf(id, len(d.epochs))
	if !d.wants(bucket) {
		return fmt.Errorf("%w: bucket %d is not one that Options.Claim wants", ErrNotOwner, bucket)
	}
	return fmt.Errorf("%w: bucket %d is held by another engine, or was until its lease ran out", ErrNotOwner, bucket)
}

// try carries out an operation that may be repeated.
func (d *durable) try(op func(ctx context.Context) error) error {
	return d.tryFor(context.Background(), op)
}

// tryFor is try for a caller who may give up.
func (d *durable) tryFor(ctx context.Context, op func(ctx context.Context) error) error {
	pause := storePause
	for n := 1; ; n++ {
		once, cancel := context.WithTimeout(ctx, storeTimeout)
		err := op(once)
		cancel()
		if err == nil || final(err) || ctx.Err() != nil || d.offline() {
			return err
		}
		if n == storeTries {
			if d.answers() {
				return &refusedError{err}
			}
			d.fault(err)
			return err
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return err
		}
		pause *= 2
	}
}

// final reports whether an error stays the same however often one tries.
func final(err error) bool {
	for _, e := range []error{persistence.ErrNotFound, persistence.ErrExists, persistence.ErrClaimed, persistence.ErrFenced,
		persistence.ErrConflict, persistence.ErrFull, persistence.ErrTooLarge, persistence.ErrInvalid, persistence.ErrClosed} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// permanent reports whether the store will never take what it has refused.
func permanent(err error) bool {
	return errors.Is(err, persistence.ErrInvalid) || errors.Is(err, persistence.ErrTooLarge)
}

// awayError says that the store could not do what it was asked to, and may later.
type awayError struct{ err error }

func (e *awayError) Error() string { return e.err.Error() }
func (e *awayError) Unwrap() error { return e.err }

// refusedError says that an operation has failed again and again while the store answered.
type refusedError struct{ err error }

func (e *refusedError) Error() string {
	return "the store answers, and does not do this: " + e.err.Error()
}
func (e *refusedError) Unwrap() error { return e.err }

// markAway marks an error of try as an awayError, unless it would stay the same for ever.
func markAway(err error) error {
	if final(err) && !errors.Is(err, persistence.ErrClosed) {
		return err
	}
	return &awayError{err}
}

// create stores a new session.
func (d *durable) create(ctx context.Context, s *session) error {
	epoch := d.epoch(s.id)
	if epoch == 0 {
		return fmt.Errorf("%w: session %q", d.notOwner(s.id), s.id)
	}
	if d.offline() {
		s.stray().absent = true
		return nil
	}
	if s.doc != nil {
		if err := d.keepDocument(s); err != nil {
			if !final(err) && ctx.Err() == nil && d.offline() {
				s.stray().absent = true
				return nil
			}
			return fmt.Errorf("session: storing document %s: %w", s.doc.URL(), err)
		}
	}
	stored := &persistence.Session{ID: s.id, Document: s.saved.digest, Snapshot: d.record(s).append(nil)}
	if !s.begin.at.IsZero() {
		s.saved.alarm = wholeMillisecond(s.begin.at)
		stored.Timers = []persistence.Timer{{ID: alarmMark, At: s.saved.alarm}}
	}
	unknown := false
	err := d.tryFor(ctx, func(ctx context.Context) error {
		err := d.store.Create(ctx, epoch, stored)
		if unknown && errors.Is(err, persistence.ErrExists) {
			return nil // an earlier try took effect
		}
		unknown = unknown || errors.Is(err, persistence.ErrOutcomeUnknown)
		return err
	})
	if errors.Is(err, persistence.ErrExists) {
		return fmt.Errorf("%w: %q", ErrExists, s.id)
	}
	if err != nil && !final(err) && ctx.Err() == nil && d.offline() {
		s.stray().absent = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("session: storing session %q: %w", s.id, err)
	}
	return nil
}

// keepDocument stores the source of the session's document, where it was not stored lately. It
// comes before each write that names the document for the first time.
func (d *durable) keepDocument(s *session) error {
	if s.saved.content != "" {
		if s.saved.content != s.doc.Source() {
			s.saved.content = s.doc.Source() // inline; it stands in the record, with its files
		}
		return nil
	}
	digest := persistence.Digest(s.doc.Digest())
	if now := d.engine.clock.Now(); !d.has(digest, now) {
		err := d.try(func(ctx context.Context) error {
			_, err := d.store.PutDocument(ctx, []byte(s.doc.Source()))
			return err
		})
		if err != nil {
			return err
		}
		d.mu.Lock()
		maps.DeleteFunc(d.documents, func(_ persistence.Digest, put time.Time) bool { return !recent(put, now) })
		d.documents[digest] = now
		d.mu.Unlock()
		d.engine.documents.remember(s.doc)
	}
	s.saved.digest = digest
	return nil
}

// documentTime is how long an engine relies on a document being in the store that it has put there and no session
// may name yet. Package persistence allows an hour until a session does.
const documentTime = 30 * time.Minute

// has reports whether the store has a document, so far as is known now.
func (d *durable) has(digest persistence.Digest, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	put, ok := d.documents[digest]
	return ok && recent(put, now)
}

// recent reports whether a document was put less than documentTime ago. While a machine sleeps the monotonic clock
// stands still, and the other one may be set: both have to say so.
func recent(put, now time.Time) bool {
	for _, age := range []time.Duration{now.Sub(put), now.Round(0).Sub(put.Round(0))} {
		if age < 0 || age >= documentTime {
			return false
		}
	}
	return true
}

// createInvoked stores a session that s has invoked and confirms the effect;
// only then may it begin. created is false when the store had it already.
func (d *durable) createInvoked(s, c *session, effect EffectID) (created bool, err error) {
	if d.strays(s) {
		c.stray().absent = true
		return true, nil
	}
	rec := d.record(c)
	err = d.try(func(ctx context.Context) error {
		return d.store.Create(ctx, d.epoch(c.id), &persistence.Session{ID: c.id, Snapshot: rec.append(nil)})
	})
	if errors.Is(err, persistence.ErrExists) {
		// The answer to an earlier try was lost.
		err = nil
	}
	if err != nil && !final(err) && d.offline() {
		c.stray().absent = true
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("session: storing invoked session: %w", markAway(err))
	}
	err = d.try(func(ctx context.Context) error {
		return d.store.Confirm(ctx, d.epoch(s.id), s.id, effect.local())
	})
	if err = d.strayed(s, err); err != nil {
		d.engine.lose(c, err)
		return false, nil
	}
	return true, nil
}

// record is the state of s without its Machine.
func (d *durable) record(s *session) *record {
	r := &record{
		url:        s.saved.url,
		digest:     s.saved.digest,
		content:    s.saved.content,
		lineage:    s.lineage,
		children:   s.savedChildren(),
		macrosteps: s.step,
		x:          s.x,
		value:      s.value,
		born:       s.born,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.begun = s.begin == nil; !r.begun {
		r.params, r.at = s.begin.params, s.begin.at
	}
	return r
}

// append puts an entry into a session's stored inbox, and then into memory.
func (d *durable) append(ctx context.Context, id string, q *queuedEvent, must bool, key string) error {
	if d.epoch(id) == 0 {
		return d.notOwner(id)
	}
	s, sl := d.engine.sessions.find(id)
	switch {
	case sl != nil && sl.err != nil:
		return sl.err
	case s != nil && !s.ended.Load() && !must:
		s.mu.Lock()
		full, n := s.full(), s.inbox.len()
		s.mu.Unlock()
		if full {
			return fmt.Errorf("%w: %d events wait", ErrInboxFull, n)
		}
	}
	if d.offline() || s != nil && s.saved != nil && !s.ended.Load() && d.strays(s) {
		return d.acceptOffline(id, q, must, key, false)
	}
	data := appendItem(nil, q)
	err := d.tryFor(ctx, func(ctx context.Context) (err error) {
		q.number, err = d.store.Append(ctx, id, persistence.Event{Key: key, Data: data})
		return err
	})
	switch {
	case errors.Is(err, persistence.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, persistence.ErrFull):
		d.attend(id, math.MaxUint64) // of entries of which it was not told, perhaps
		return fmt.Errorf("%w: %w", ErrInboxFull, err)
	case err != nil && !final(err) && ctx.Err() == nil && d.offline():
		return d.acceptOffline(id, q, must, key, true)
	case err != nil:
		return markAway(err)
	}
	for {
		if s = d.engine.sessions.getLive(id); s == nil {
			// It is in the store alone, and so is the entry now.
			d.engine.wake(id)
			return nil
		}
		if s.accept(q) {
			return nil
		}
	}
}

// accept puts an entry with a number into the inbox. Entries that were stored
// before and have not come yet are fetched. It reports false when the session has left
// memory.
func (s *session) accept(q *queuedEvent) bool {
	s.mu.Lock()
	after := s.saved.tail
	switch {
	case s.ended.Load():
		s.mu.Unlock()
		return !s.gone.Load()
	case s.cold:
		s.saved.awaited = max(s.saved.awaited, q.number)
	case q.number == after+1:
		s.take(q)
	case q.number > after:
		s.mu.Unlock()
		s.fetch(after)
		return true
	}
	s.mu.Unlock()
	return true
}

// fetch reads entries from the stored inbox.
func (s *session) fetch(after uint64) {
	d := s.engine.durable
	var events []persistence.Event
	err := d.try(func(ctx context.Context) (err error) {
		events, err = d.store.Inbox(ctx, s.id, after, 0)
		return err
	})
	if err == nil {
		err = s.acceptAll(events)
	}
	if err != nil && !final(err) && d.offline() {
		s.stray() // they are read when it catches up
	} else if err != nil && !errors.Is(err, persistence.ErrNotFound) {
		d.engine.logger.Warn("inbox not read; the session is loaded again", "session", s.id, "error", err)
		d.engine.stopSession(s, Lost)
	}
}

func (s *session) acceptAll(events []persistence.Event) error {
	for _, ev := range events {
		q, err := readItem(ev.Data)
		if err != nil {
			return fmt.Errorf("entry %d: %w", ev.Number, err)
		}
		q.number = ev.Number
		s.mu.Lock()
		if !s.ended.Load() && q.number == s.saved.tail+1 {
			s.take(q)
		}
		s.mu.Unlock()
	}
	return nil
}

// take puts the next entry into the inbox. s.mu is held.
func (s *session) take(q *queuedEvent) {
	s.saved.tail = q.number
	if q.stop != 0 {
		s.halt(q.stop)
	} else {
		s.insert(q)
	}
}
