package boltstore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
)

// Create adds a session.
func (s *Store) Create(ctx context.Context, epoch uint64, p *persistence.Session) error {
	if err := s.create(ctx, epoch, p); err != nil {
		return fmt.Errorf("boltstore: create session %q: %w", p.ID, err)
	}
	return nil
}

func (s *Store) create(ctx context.Context, epoch uint64, p *persistence.Session) error {
	if err := p.Validate(s.buckets); err != nil {
		return err
	}
	if n := s.opts.MaxInbox; n > 0 && len(p.Inbox) > n {
		return fmt.Errorf("%w: an inbox of %d events, Options.MaxInbox is %d", persistence.ErrFull, len(p.Inbox), n)
	}
	bucket := persistence.BucketOf(p.ID, s.buckets)
	rows := rowsOf(bucket, p.ID)
	h := &head{rev: max(p.Rev, 1), acked: p.Acked, tail: p.Acked, document: p.Document, claim: p.Claim}
	id, snapshot := p.ID, clone(p.Snapshot)
	events := copyEvents(p.Inbox)
	timers, effects := copyTimers(p.Timers), copyEffects(p.Outbox)

	return s.do(ctx, func(t *txn) error {
		if err := t.fence(bucket, epoch); err != nil {
			return err
		}
		if t.rows.Get(row(rows, rowHead)) != nil {
			return persistence.ErrExists
		}
		if h.claim != "" {
			if other := t.claims.Get([]byte(h.claim)); other != nil {
				return &persistence.ClaimedError{Claim: h.claim, Session: string(other)}
			}
		}
		if s.opts.MaxSessions > 0 && t.count >= uint64(s.opts.MaxSessions) {
			return fmt.Errorf("%w: Options.MaxSessions is %d", persistence.ErrFull, s.opts.MaxSessions)
		}

		h := *h // the group may be run again
		t.count++
		if h.claim != "" {
			if err := t.claims.Put([]byte(h.claim), []byte(id)); err != nil {
				return err
			}
		}
		if err := t.rows.Put(row(rows, rowSnapshot), snapshot); err != nil {
			return err
		}
		for _, e := range events {
			if err := t.push(rows, &h, e); err != nil {
				return err
			}
		}
		if err := t.setTimers(bucket, rows, id, &h, timers); err != nil {
			return err
		}
		if err := t.addEffects(rows, &h, effects); err != nil {
			return err
		}
		return t.putHead(bucket, rows, id, &h, false)
	})
}

// Append adds an event to a session's inbox.
func (s *Store) Append(ctx context.Context, id string, e persistence.Event) (uint64, error) {
	n, err := s.append(ctx, id, e)
	if err != nil {
		return 0, fmt.Errorf("boltstore: append to session %q: %w", id, err)
	}
	return n, nil
}

func (s *Store) append(ctx context.Context, id string, e persistence.Event) (uint64, error) {
	if err := e.Validate(); err != nil {
		return 0, err
	}
	bucket := persistence.BucketOf(id, s.buckets)
	rows := rowsOf(bucket, id)
	kept := keptEvent{key: e.Key, value: named(e.Key, e.Data)}
	var result uint64
	err := s.do(ctx, func(t *txn) error {
		h, err := t.head(rows)
		if err != nil {
			return err
		}
		if e.Key != "" {
			if n, ok := number(t.rows.Get(nameRow(rows, rowKey, e.Key))); ok {
				result = n
				return nil
			}
		}
		waiting := h.tail - h.acked
		if n := s.opts.MaxInbox; n > 0 && waiting >= uint64(n) {
			return fmt.Errorf("%w: %d events wait unhandled, Options.MaxInbox is %d", persistence.ErrFull, waiting, n)
		}
		wasReady := h.ready()
		if err := t.push(rows, h, kept); err != nil {
			return err
		}
		result = h.tail
		return t.putHead(bucket, rows, id, h, wasReady)
	})
	if err != nil {
		return 0, err
	}
	return result, nil
}

// Commit writes a step of a session.
func (s *Store) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	if err := s.commit(ctx, epoch, c); err != nil {
		return fmt.Errorf("boltstore: commit session %q: %w", c.ID, err)
	}
	return nil
}

func (s *Store) commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	if err := c.Validate(); err != nil {
		return err
	}
	id, rev, acked := c.ID, c.Rev, c.Acked
	bucket := persistence.BucketOf(id, s.buckets)
	rows := rowsOf(bucket, id)
	snapshot := clone(c.Snapshot)
	clears, confirmed := slices.Clone(c.ClearTimers), slices.Clone(c.Confirmed)
	timers, effects := copyTimers(c.SetTimers), copyEffects(c.Effects)

	return s.do(ctx, func(t *txn) error {
		if err := t.fence(bucket, epoch); err != nil {
			return err
		}
		h, err := t.head(rows)
		if err != nil {
			return err
		}
		if rev != h.rev {
			return &persistence.ConflictError{Session: id, Rev: rev, Current: h.rev}
		}
		if acked < h.acked || acked > h.tail {
			return fmt.Errorf("%w: inbox position %d, outside %d to %d", persistence.ErrInvalid, acked, h.acked, h.tail)
		}
		gone, err := t.outbox(rows, confirmed, effects)
		if err != nil {
			return err
		}

		wasReady := h.ready()
		h.rev++
		if len(snapshot) > 0 {
			if err := t.rows.Put(row(rows, rowSnapshot), snapshot); err != nil {
				return err
			}
		}
		for n := h.acked + 1; n <= acked; n++ {
			if err := t.rows.Delete(numberRow(rows, rowEvent, n)); err != nil {
				return err
			}
		}
		h.acked = acked
		if err := t.removeEffects(h, gone); err != nil {
			return err
		}
		if err := t.addEffects(rows, h, effects); err != nil {
			return err
		}
		for _, timer := range clears {
			if err := t.clearTimer(bucket, rows, id, h, timer); err != nil {
				return err
			}
		}
		if err := t.setTimers(bucket, rows, id, h, timers); err != nil {
			return err
		}
		return t.putHead(bucket, rows, id, h, wasReady)
	})
}

// Confirm removes effects from a session's outbox.
func (s *Store) Confirm(ctx context.Context, epoch uint64, id string, effects ...string) error {
	bucket := persistence.BucketOf(id, s.buckets)
	rows := rowsOf(bucket, id)
	confirmed := slices.Clone(effects)
	err := s.do(ctx, func(t *txn) error {
		if err := t.fence(bucket, epoch); err != nil {
			return err
		}
		h, err := t.head(rows)
		if err != nil {
			return err
		}
		gone, err := t.outbox(rows, confirmed, nil)
		if err != nil || len(gone) == 0 {
			return err
		}
		wasReady := h.ready()
		if err := t.removeEffects(h, gone); err != nil {
			return err
		}
		return t.putHead(bucket, rows, id, h, wasReady)
	})
	if err != nil {
		return fmt.Errorf("boltstore: confirm effects of session %q: %w", id, err)
	}
	return nil
}

// Delete removes a session.
func (s *Store) Delete(ctx context.Context, epoch uint64, id string) error {
	bucket := persistence.BucketOf(id, s.buckets)
	rows := rowsOf(bucket, id)
	err := s.do(ctx, func(t *txn) error {
		if err := t.fence(bucket, epoch); err != nil {
			return err
		}
		h, err := t.head(rows)
		if err != nil {
			return err
		}
		var gone [][]byte
		c := t.rows.Cursor()
		for k, v := c.Seek(rows); k != nil && bytes.HasPrefix(k, rows); k, v = c.Next() {
			if k[len(rows)] == rowTimer {
				at, _, err := readTimer(v)
				if err != nil {
					return &treeError{err}
				}
				if err := t.due.Delete(dueKey(bucket, at, id, string(k[len(rows)+1:]))); err != nil {
					return err
				}
			}
			gone = append(gone, bytes.Clone(k))
		}
		for _, k := range gone {
			if err := t.rows.Delete(k); err != nil {
				return err
			}
		}
		if h.claim != "" {
			if err := t.claims.Delete([]byte(h.claim)); err != nil {
				return err
			}
		}
		if h.ready() {
			if err := t.ready.Delete(readyKey(bucket, id)); err != nil {
				return err
			}
		}
		t.count--
		return nil
	})
	if err != nil {
		return fmt.Errorf("boltstore: delete session %q: %w", id, err)
	}
	return nil
}

// Load returns a session.
func (s *Store) Load(ctx context.Context, id string) (*persistence.Session, error) {
	var p *persistence.Session
	rows := rowsOf(persistence.BucketOf(id, s.buckets), id)
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		h, err := headOf(tx.Bucket(treeRow), rows)
		if err != nil {
			return err
		}
		p = &persistence.Session{ID: id, Claim: h.claim, Document: h.document, Rev: h.rev, Acked: h.acked}
		c := tx.Bucket(treeRow).Cursor()
		for k, v := c.Seek(rows); k != nil && bytes.HasPrefix(k, rows); k, v = c.Next() {
			if err := addRow(p, k[len(rows):], v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("boltstore: load session %q: %w", id, err)
	}
	slices.SortFunc(p.Timers, func(x, y persistence.Timer) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID))
	})
	return p, nil
}

// addRow adds what a row says to a session. key begins with the kind.
func addRow(p *persistence.Session, key, v []byte) error {
	switch kind, rest := key[0], key[1:]; kind {
	case rowSnapshot:
		p.Snapshot = clone(v)
	case rowEvent:
		e, err := readEvent(rest, v)
		if err != nil {
			return err
		}
		p.Inbox = append(p.Inbox, e)
	case rowEffect:
		name, data, err := readNamed(v)
		if err != nil {
			return err
		}
		p.Outbox = append(p.Outbox, persistence.Effect{ID: string(name), Data: clone(data)})
	case rowTimer:
		at, data, err := readTimer(v)
		if err != nil {
			return err
		}
		p.Timers = append(p.Timers, persistence.Timer{ID: string(rest), At: time.UnixMilli(at).UTC(), Data: clone(data)})
	}
	return nil
}

// Inbox returns unhandled events of a session.
func (s *Store) Inbox(ctx context.Context, id string, after uint64, limit int) ([]persistence.Event, error) {
	var events []persistence.Event
	rows := rowsOf(persistence.BucketOf(id, s.buckets), id)
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		h, err := headOf(tx.Bucket(treeRow), rows)
		if err != nil || after >= h.tail {
			return err
		}
		prefix := bytes.Clone(row(rows, rowEvent))
		c := tx.Bucket(treeRow).Cursor()
		for k, v := c.Seek(numberRow(rows, rowEvent, after+1)); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			e, err := readEvent(k[len(prefix):], v)
			if err != nil {
				return err
			}
			events = append(events, e)
			if len(events) == limit {
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("boltstore: inbox of session %q: %w", id, err)
	}
	return events, nil
}

// Lookup returns the session that holds a claim.
func (s *Store) Lookup(ctx context.Context, claim string) (string, error) {
	var id string
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		id = string(tx.Bucket(treeClaim).Get([]byte(claim)))
		if id == "" {
			return persistence.ErrNotFound
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("boltstore: look up claim %q: %w", claim, err)
	}
	return id, nil
}

// ready reports whether there is anything to do for the session.
func (h *head) ready() bool { return h.acked < h.tail || h.effects > 0 }

func headOf(rows *bbolt.Bucket, prefix []byte) (*head, error) {
	v := rows.Get(row(prefix, rowHead))
	if v == nil {
		return nil, persistence.ErrNotFound
	}
	return decodeHead(v)
}

func (t *txn) head(rows []byte) (*head, error) { return headOf(t.rows.Bucket, rows) }

// putHead writes the head of a session and notes whether it is ready.
func (t *txn) putHead(bucket int, rows []byte, id string, h *head, wasReady bool) error {
	if err := t.rows.Put(row(rows, rowHead), h.encode()); err != nil {
		return err
	}
	switch {
	case h.ready() && !wasReady:
		return t.ready.Put(readyKey(bucket, id), nil)
	case !h.ready() && wasReady:
		return t.ready.Delete(readyKey(bucket, id))
	}
	return nil
}

// keptEvent is an event as it is stored.
type keptEvent struct {
	key   string
	value []byte
}

func copyEvents(in []persistence.Event) []keptEvent {
	out := make([]keptEvent, len(in))
	for i, e := range in {
		out[i] = keptEvent{e.Key, named(e.Key, e.Data)}
	}
	return out
}

func readEvent(number8, v []byte) (persistence.Event, error) {
	key, data, err := readNamed(v)
	if err != nil || len(number8) != 8 {
		return persistence.Event{}, errShort
	}
	return persistence.Event{Number: binary.BigEndian.Uint64(number8), Key: string(key), Data: clone(data)}, nil
}

// push adds an event to the inbox, remembers its key, and forgets up to two old ones.
func (t *txn) push(rows []byte, h *head, e keptEvent) error {
	h.tail++
	if err := t.rows.Put(numberRow(rows, rowEvent, h.tail), e.value); err != nil || e.key == "" {
		return err
	}
	if err := t.rows.Put(nameRow(rows, rowKey, e.key), binary.BigEndian.AppendUint64(nil, h.tail)); err != nil {
		return err
	}
	if err := t.rows.Put(numberRow(rows, rowNumber, h.tail), []byte(e.key)); err != nil {
		return err
	}
	for range 2 {
		prefix := bytes.Clone(row(rows, rowNumber))
		k, key := t.rows.Cursor().Seek(prefix)
		if !bytes.HasPrefix(k, prefix) || len(k) != len(prefix)+8 {
			return nil
		}
		n := binary.BigEndian.Uint64(k[len(prefix):])
		if n > h.acked || n+persistence.KeyWindow >= h.tail {
			return nil
		}
		if err := t.rows.Delete(nameRow(rows, rowKey, string(key))); err != nil {
			return err
		}
		if err := t.rows.Delete(numberRow(rows, rowNumber, n)); err != nil {
			return err
		}
	}
	return nil
}

// keptTimer is a timer as it is stored.
type keptTimer struct {
	id    string
	at    int64
	value []byte
}

func copyTimers(in []persistence.Timer) []keptTimer {
	out := make([]keptTimer, len(in))
	for i, p := range in {
		at := p.At.UnixMilli()
		value := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(p.Data)), uint64(at))
		out[i] = keptTimer{p.ID, at, append(value, p.Data...)}
	}
	return out
}

func readTimer(v []byte) (at int64, data []byte, err error) {
	if len(v) < 8 {
		return 0, nil, errShort
	}
	return int64(binary.BigEndian.Uint64(v)), v[8:], nil
}

func (t *txn) clearTimer(bucket int, rows []byte, session string, h *head, timer string) error {
	if timer == "" || len(timer) > persistence.MaxName {
		return nil
	}
	v := t.rows.Get(nameRow(rows, rowTimer, timer))
	if v == nil {
		return nil
	}
	at, _, err := readTimer(v)
	if err != nil {
		return &treeError{err}
	}
	h.timers--
	if err := t.due.Delete(dueKey(bucket, at, session, timer)); err != nil {
		return err
	}
	return t.rows.Delete(nameRow(rows, rowTimer, timer))
}

func (t *txn) setTimers(bucket int, rows []byte, session string, h *head, timers []keptTimer) error {
	for _, p := range timers {
		if err := t.clearTimer(bucket, rows, session, h, p.id); err != nil {
			return err
		}
		h.timers++
		if err := t.rows.Put(nameRow(rows, rowTimer, p.id), p.value); err != nil {
			return err
		}
		if err := t.due.Put(dueKey(bucket, p.at, session, p.id), nil); err != nil {
			return err
		}
	}
	return nil
}

// keptEffect is an effect as it is stored.
type keptEffect struct {
	id    string
	value []byte
}

func copyEffects(in []persistence.Effect) []keptEffect {
	out := make([]keptEffect, len(in))
	for i, e := range in {
		out[i] = keptEffect{e.ID, named(e.ID, e.Data)}
	}
	return out
}

// outbox returns the keys of the effects that are confirmed. It fails where one that is to be
// added is there and stays.
func (t *txn) outbox(rows []byte, confirmed []string, added []keptEffect) ([][]byte, error) {
	if len(confirmed)+len(added) == 0 {
		return nil, nil
	}
	isConfirmed := among(len(confirmed), func(i int) string { return confirmed[i] })
	isAdded := among(len(added), func(i int) string { return added[i].id })
	var gone [][]byte
	prefix := bytes.Clone(row(rows, rowEffect))
	c := t.rows.Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		name, _, err := readNamed(v)
		if err != nil {
			return nil, err
		}
		switch id := string(name); {
		case isConfirmed(id):
			gone = append(gone, bytes.Clone(k))
		case isAdded(id):
			return nil, fmt.Errorf("%w: effect %q is in the outbox already", persistence.ErrInvalid, id)
		}
	}
	return gone, nil
}

func (t *txn) removeEffects(h *head, keys [][]byte) error {
	for _, k := range keys {
		if err := t.rows.Delete(k); err != nil {
			return err
		}
	}
	h.effects -= uint64(len(keys))
	return nil
}

func (t *txn) addEffects(rows []byte, h *head, effects []keptEffect) error {
	for _, e := range effects {
		h.sequence++
		if err := t.rows.Put(numberRow(rows, rowEffect, h.sequence), e.value); err != nil {
			return err
		}
	}
	h.effects += uint64(len(effects))
	return nil
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
