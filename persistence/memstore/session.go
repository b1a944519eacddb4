package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/seed-ff723688/ors/persistence"
)

// record is a session as it is kept.
type record struct {
	id, claim string
	document  persistence.Digest
	rev       uint64
	acked     uint64
	snapshot  []byte
	inbox     []persistence.Event
	outbox    []persistence.Effect
	timers    []*timer
	keys      map[string]uint64 // event keys remembered, with their numbers
}

func (r *record) tail() uint64 { return r.acked + uint64(len(r.inbox)) }

func (r *record) info() persistence.Info {
	return persistence.Info{
		ID: r.id, Claim: r.claim, Document: r.document, Rev: r.rev,
		Acked: r.acked, Tail: r.tail(), Timers: len(r.timers), Effects: len(r.outbox),
	}
}

// size is what the record counts for against MaxBytes.
func (r *record) size() int {
	n := len(r.id) + len(r.claim) + len(r.snapshot)
	for i := range r.inbox {
		n += eventSize(&r.inbox[i])
	}
	for i := range r.outbox {
		n += effectSize(&r.outbox[i])
	}
	for _, t := range r.timers {
		n += len(t.id) + len(t.data)
	}
	return n
}

func eventSize(e *persistence.Event) int   { return len(e.Key) + len(e.Data) }
func effectSize(e *persistence.Effect) int { return len(e.ID) + len(e.Data) }

// at enters the bucket of a session and finds it. On an error the bucket is not locked.
func (s *Store) at(ctx context.Context, id string) (*bucket, *record, error) {
	b, err := s.enter(ctx, persistence.BucketOf(id, len(s.buckets)))
	if err != nil {
		return nil, nil, err
	}
	r := b.sessions[id]
	if r == nil {
		b.mu.Unlock()
		return nil, nil, persistence.ErrNotFound
	}
	return b, r, nil
}

// owned is at for a writer, who has to hold the bucket's epoch.
func (s *Store) owned(ctx context.Context, epoch uint64, id string) (*bucket, *record, error) {
	n := persistence.BucketOf(id, len(s.buckets))
	b, err := s.enter(ctx, n)
	if err != nil {
		return nil, nil, err
	}
	err = b.fence(n, epoch)
	r := b.sessions[id]
	if err == nil && r == nil {
		err = persistence.ErrNotFound
	}
	if err != nil {
		b.mu.Unlock()
		return nil, nil, err
	}
	return b, r, nil
}

// Create adds a session.
func (s *Store) Create(ctx context.Context, epoch uint64, p *persistence.Session) error {
	if err := s.create(ctx, epoch, p); err != nil {
		return fmt.Errorf("memstore: create session %q: %w", p.ID, err)
	}
	return nil
}

func (s *Store) create(ctx context.Context, epoch uint64, p *persistence.Session) error {
	if err := p.Validate(len(s.buckets)); err != nil {
		return err
	}
	r := &record{
		id: p.ID, claim: p.Claim, document: p.Document, rev: max(p.Rev, 1), acked: p.Acked,
		snapshot: clone(p.Snapshot),
	}
	for _, e := range p.Inbox {
		r.push(e)
	}
	r.addEffects(p.Outbox)
	for _, t := range p.Timers {
		r.timers = append(r.timers, newTimer(r, t))
	}
	if n := s.opts.MaxInbox; n > 0 && len(r.inbox) > n {
		return fmt.Errorf("%w: an inbox of %d events, Options.MaxInbox is %d", persistence.ErrFull, len(r.inbox), n)
	}

	n := persistence.BucketOf(p.ID, len(s.buckets))
	b, err := s.enter(ctx, n)
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	if err := b.fence(n, epoch); err != nil {
		return err
	}
	if b.sessions[r.id] != nil {
		return persistence.ErrExists
	}
	if other := b.claims[r.claim]; other != nil {
		return &persistence.ClaimedError{Claim: r.claim, Session: other.id}
	}
	if err := s.grow(r.size()); err != nil {
		return err
	}
	if n := s.sessions.Add(1); s.opts.MaxSessions > 0 && n > int64(s.opts.MaxSessions) {
		s.sessions.Add(-1)
		s.bytes.Add(int64(-r.size()))
		return fmt.Errorf("%w: Options.MaxSessions is %d", persistence.ErrFull, s.opts.MaxSessions)
	}
	if b.sessions == nil {
		b.sessions = make(map[string]*record)
	}
	b.sessions[r.id] = r
	if r.claim != "" {
		if b.claims == nil {
			b.claims = make(map[string]*record)
		}
		b.claims[r.claim] = r
	}
	for _, t := range r.timers {
		b.timers.add(t)
	}
	b.mark(r)
	return nil
}

// Append adds an event to a session's inbox.
func (s *Store) Append(ctx context.Context, id string, e persistence.Event) (uint64, error) {
	n, err := s.append(ctx, id, e)
	if err != nil {
		return 0, fmt.Errorf("memstore: append to session %q: %w", id, err)
	}
	return n, nil
}

func (s *Store) append(ctx context.Context, id string, e persistence.Event) (uint64, error) {
	if err := e.Validate(); err != nil {
		return 0, err
	}
	b, r, err := s.at(ctx, id)
	if err != nil {
		return 0, err
	}
	defer b.mu.Unlock()
	if n, ok := r.keys[e.Key]; ok {
		return n, nil
	}
	if n := s.opts.MaxInbox; n > 0 && len(r.inbox) >= n {
		return 0, fmt.Errorf("%w: %d events wait unhandled, Options.MaxInbox is %d", persistence.ErrFull, len(r.inbox), n)
	}
	if err := s.grow(eventSize(&e)); err != nil {
		return 0, err
	}
	r.push(e)
	b.mark(r)
	return r.tail(), nil
}

// push adds an event to the inbox and remembers its key.
func (r *record) push(e persistence.Event) {
	e.Number = r.tail() + 1
	e.Data = clone(e.Data)
	r.inbox = append(r.inbox, e)
	if e.Key == "" {
		return
	}
	if r.keys == nil {
		r.keys = make(map[string]uint64)
	}
	if len(r.keys) >= persistence.KeyWindow*5/4+len(r.inbox) {
		for k, n := range r.keys {
			if n <= r.acked && n+persistence.KeyWindow < e.Number {
				delete(r.keys, k)
			}
		}
	}
	r.keys[e.Key] = e.Number
}

func (r *record) addEffects(effects []persistence.Effect) {
	for _, e := range effects {
		e.Data = clone(e.Data)
		r.outbox = append(r.outbox, e)
	}
}

// Commit writes a step of a session.
func (s *Store) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	if err := s.commit(ctx, epoch, c); err != nil {
		return fmt.Errorf("memstore: commit session %q: %w", c.ID, err)
	}
	return nil
}

func (s *Store) commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	if err := c.Validate(); err != nil {
		return err
	}
	b, r, err := s.owned(ctx, epoch, c.ID)
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	if c.Rev != r.rev {
		return &persistence.ConflictError{Session: c.ID, Rev: c.Rev, Current: r.rev}
	}
	if c.Acked < r.acked || c.Acked > r.tail() {
		return fmt.Errorf("%w: inbox position %d, outside %d to %d", persistence.ErrInvalid, c.Acked, r.acked, r.tail())
	}
	confirmed := among(len(c.Confirmed), func(i int) string { return c.Confirmed[i] })
	added := among(len(c.Effects), func(i int) string { return c.Effects[i].ID })
	for i := range r.outbox {
		if id := r.outbox[i].ID; added(id) && !confirmed(id) {
			return fmt.Errorf("%w: effect %q is in the outbox already", persistence.ErrInvalid, id)
		}
	}

	// What goes and what comes, in bytes; after it nothing can fail.
	delta := 0
	if len(c.Snapshot) > 0 {
		delta += len(c.Snapshot) - len(r.snapshot)
	}
	handled := int(c.Acked - r.acked)
	for i := range r.inbox[:handled] {
		delta -= eventSize(&r.inbox[i])
	}
	for i := range r.outbox {
		if confirmed(r.outbox[i].ID) {
			delta -= effectSize(&r.outbox[i])
		}
	}
	for i := range c.Effects {
		delta += effectSize(&c.Effects[i])
	}
	cleared := among(len(c.ClearTimers)+len(c.SetTimers), func(i int) string {
		if i < len(c.ClearTimers) {
			return c.ClearTimers[i]
		}
		return c.SetTimers[i-len(c.ClearTimers)].ID
	})
	for _, t := range r.timers {
		if cleared(t.id) {
			delta -= len(t.id) + len(t.data)
		}
	}
	for _, t := range c.SetTimers {
		delta += len(t.ID) + len(t.Data)
	}
	if err := s.grow(delta); err != nil {
		return err
	}

	r.rev++
	if len(c.Snapshot) > 0 {
		r.snapshot = clone(c.Snapshot)
	}
	r.drop(handled)
	r.confirm(confirmed)
	r.addEffects(c.Effects)
	r.timers = slices.DeleteFunc(r.timers, func(t *timer) bool {
		if !cleared(t.id) {
			return false
		}
		b.timers.remove(t)
		return true
	})
	for _, p := range c.SetTimers {
		t := newTimer(r, p)
		r.timers = append(r.timers, t)
		b.timers.add(t)
	}
	b.mark(r)
	return nil
}

// drop removes the first n events of the inbox.
func (r *record) drop(n int) {
	r.acked += uint64(n)
	if n == len(r.inbox) {
		r.inbox = nil
		return
	}
	clear(r.inbox[:n])
	r.inbox = r.inbox[n:] // the next growth leaves the free part behind
}

// confirm removes effects from the outbox.
func (r *record) confirm(confirmed func(string) bool) {
	r.outbox = slices.DeleteFunc(r.outbox, func(e persistence.Effect) bool { return confirmed(e.ID) })
	if len(r.outbox) == 0 {
		r.outbox = nil
	}
}

// Confirm removes effects from a session's outbox.
func (s *Store) Confirm(ctx context.Context, epoch uint64, id string, effects ...string) error {
	b, r, err := s.owned(ctx, epoch, id)
	if err != nil {
		return fmt.Errorf("memstore: confirm effects of session %q: %w", id, err)
	}
	defer b.mu.Unlock()
	before := 0
	confirmed := among(len(effects), func(i int) string { return effects[i] })
	for i := range r.outbox {
		if confirmed(r.outbox[i].ID) {
			before += effectSize(&r.outbox[i])
		}
	}
	r.confirm(confirmed)
	b.mark(r)
	return s.grow(-before)
}

// Delete removes a session.
func (s *Store) Delete(ctx context.Context, epoch uint64, id string) error {
	b, r, err := s.owned(ctx, epoch, id)
	if err != nil {
		return fmt.Errorf("memstore: delete session %q: %w", id, err)
	}
	defer b.mu.Unlock()
	delete(b.sessions, id)
	if r.claim != "" {
		delete(b.claims, r.claim)
	}
	delete(b.ready, r)
	for _, t := range r.timers {
		b.timers.remove(t)
	}
	s.sessions.Add(-1)
	return s.grow(-r.size())
}

// Load returns a session.
func (s *Store) Load(ctx context.Context, id string) (*persistence.Session, error) {
	b, r, err := s.at(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("memstore: load session %q: %w", id, err)
	}
	defer b.mu.Unlock()
	p := &persistence.Session{
		ID: r.id, Claim: r.claim, Document: r.document, Rev: r.rev, Acked: r.acked,
		Snapshot: clone(r.snapshot), Inbox: events(r.inbox),
	}
	for _, e := range r.outbox {
		p.Outbox = append(p.Outbox, persistence.Effect{ID: e.ID, Data: clone(e.Data)})
	}
	for _, t := range r.timers {
		p.Timers = append(p.Timers, persistence.Timer{ID: t.id, At: t.time(), Data: clone(t.data)})
	}
	slices.SortFunc(p.Timers, func(x, y persistence.Timer) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID))
	})
	return p, nil
}

// Inbox returns unhandled events of a session.
func (s *Store) Inbox(ctx context.Context, id string, after uint64, limit int) ([]persistence.Event, error) {
	b, r, err := s.at(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("memstore: inbox of session %q: %w", id, err)
	}
	defer b.mu.Unlock()
	if after >= r.tail() {
		return nil, nil
	}
	inbox := r.inbox
	if after > r.acked {
		inbox = inbox[after-r.acked:]
	}
	if limit > 0 && limit < len(inbox) {
		inbox = inbox[:limit]
	}
	return events(inbox), nil
}

// Lookup returns the session that holds a claim.
func (s *Store) Lookup(ctx context.Context, claim string) (string, error) {
	b, err := s.enter(ctx, persistence.BucketOf(claim, len(s.buckets)))
	if err != nil {
		return "", fmt.Errorf("memstore: look up claim %q: %w", claim, err)
	}
	defer b.mu.Unlock()
	r := b.claims[claim]
	if r == nil {
		return "", fmt.Errorf("memstore: look up claim %q: %w", claim, persistence.ErrNotFound)
	}
	return r.id, nil
}

// mark notes whether a session is ready.
func (b *bucket) mark(r *record) {
	if len(r.inbox) == 0 && len(r.outbox) == 0 {
		delete(b.ready, r)
		return
	}
	if b.ready == nil {
		b.ready = make(map[*record]struct{})
	}
	b.ready[r] = struct{}{}
}

func events(inbox []persistence.Event) []persistence.Event {
	var out []persistence.Event
	for _, e := range inbox {
		e.Data = clone(e.Data)
		out = append(out, e)
	}
	return out
}

// among returns a test for membership in n names.
func among(n int, name func(int) string) func(string) bool {
	if n <= 8 {
		return func(s string) bool {
			for i := range n {
				if name(i) == s {
					return true
				}
			}
			return false
		}
	}
	set := make(map[string]struct{}, n)
	for i := range n {
		set[name(i)] = struct{}{}
	}
	return func(s string) bool { _, ok := set[s]; return ok }
}
