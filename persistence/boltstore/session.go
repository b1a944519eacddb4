package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
)

// place is where a session is stored.
type place struct {
	bucket int
	id     string
	rows   []byte // see rowsOf
}

func (s *Store) place(id string) place {
	bucket := persistence.BucketOf(id, s.buckets)
	return place{bucket, id, rowsOf(bucket, id)}
}

// mark is the session's key in the tree ready.
func (p place) mark() []byte { return p.rows[:len(p.rows)-1] }

// packer copies what a caller has given into one piece of memory.
type packer []byte

func (p *packer) bytes(b []byte) []byte {
	start := len(*p)
	*p = append(*p, b...)
	return (*p)[start:len(*p):len(*p)]
}

func (p *packer) entry(kind byte, number uint64, name string, data []byte) entry {
	start := len(*p)
	*p = append(append(append(*p, byte(len(name))), name...), data...)
	return entry{kind, number, (*p)[start:len(*p):len(*p)]}
}

func (p *packer) events(in []persistence.Event) []entry {
	out := make([]entry, len(in))
	for i := range in {
		out[i] = p.entry(0, 0, in[i].Key, in[i].Data)
	}
	return out
}

func (p *packer) timers(in []persistence.Timer) []entry {
	out := make([]entry, len(in))
	for i := range in {
		out[i] = p.entry(rowTimer, uint64(in[i].At.UnixMilli()), in[i].ID, in[i].Data)
	}
	return out
}

func (p *packer) effects(in []persistence.Effect) []entry {
	out := make([]entry, len(in))
	for i := range in {
		out[i] = p.entry(rowEffect, 0, in[i].ID, in[i].Data)
	}
	return out
}

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
	at := s.place(p.ID)
	var pack packer
	claim, snapshot := pack.bytes([]byte(p.Claim)), pack.bytes(p.Snapshot)
	events, timers, effects := pack.events(p.Inbox), pack.timers(p.Timers), pack.effects(p.Outbox)
	first := head{rev: max(p.Rev, 1), acked: p.Acked, document: p.Document, claim: claim, tail: p.Acked}

	return s.do(ctx, func(t *txn) error {
		if err := t.fence(at.bucket, epoch); err != nil {
			return err
		}
		if t.rows.Get(row(at.rows, rowHead)) != nil {
			return persistence.ErrExists
		}
		if len(claim) > 0 {
			if other := t.claims.Get(claim); other != nil {
				return &persistence.ClaimedError{Claim: string(claim), Session: string(other)}
			}
		}
		if s.opts.MaxSessions > 0 && t.count >= uint64(s.opts.MaxSessions) {
			return fmt.Errorf("%w: Options.MaxSessions is %d", persistence.ErrFull, s.opts.MaxSessions)
		}

		h := first // the group may be run again
		t.count++
		if len(claim) > 0 {
			if err := t.claims.Put(claim, []byte(at.id)); err != nil {
				return err
			}
		}
		if err := t.rows.Put(row(at.rows, rowSnapshot), snapshot); err != nil {
			return err
		}
		for _, e := range events {
			if err := t.push(at, &h, e); err != nil {
				return err
			}
		}
		if err := t.setTimers(at, &h, timers); err != nil {
			return err
		}
		if err := t.addEffects(at, &h, effects); err != nil {
			return err
		}
		return t.putAll(at, &h)
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
	at := s.place(id)
	var pack packer
	kept := pack.entry(0, 0, e.Key, e.Data)
	var result uint64
	err := s.do(ctx, func(t *txn) error {
		h, err := t.readMarked(at)
		if err != nil {
			return err
		}
		if len(kept.name()) > 0 {
			if n, ok := number(t.keys.Get(nameRow(at.rows, rowKey, kept.name()))); ok {
				result = n
				return nil
			}
		}
		waiting := h.tail - h.acked
		if n := s.opts.MaxInbox; n > 0 && waiting >= uint64(n) {
			return fmt.Errorf("%w: %d events wait unhandled, Options.MaxInbox is %d", persistence.ErrFull, waiting, n)
		}
		if err := t.push(at, h, kept); err != nil {
			return err
		}
		result = h.tail
		return t.putMark(at, h)
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
	at := s.place(c.ID)
	rev, acked := c.Rev, c.Acked
	w := s.newWrite()
	snapshot, timers, effects := w.pack.bytes(c.Snapshot), w.pack.timers(c.SetTimers), w.pack.effects(c.Effects)
	clears, confirmed := slices.Clone(c.ClearTimers), newNames(c.Confirmed)

	w.run = func(t *txn) error {
		if err := t.fence(at.bucket, epoch); err != nil {
			return err
		}
		h, err := t.readMarked(at)
		if err != nil {
			return err
		}
		if rev != h.rev {
			return &persistence.ConflictError{Session: at.id, Rev: rev, Current: h.rev}
		}
		if acked < h.acked || acked > h.tail {
			return fmt.Errorf("%w: inbox position %d, outside %d to %d", persistence.ErrInvalid, acked, h.acked, h.tail)
		}
		gone, err := t.outbox(at, h, confirmed, effects)
		if err != nil {
			return err
		}

		h.rev++
		if len(snapshot) > 0 {
			if err := t.rows.Put(row(at.rows, rowSnapshot), snapshot); err != nil {
				return err
			}
		}
		if err := t.handled(at, h, acked); err != nil {
			return err
		}
		if err := t.removeEffects(h, confirmed, gone); err != nil {
			return err
		}
		if err := t.addEffects(at, h, effects); err != nil {
			return err
		}
		for _, timer := range clears {
			if err := t.clearTimer(at, h, timer); err != nil {
				return err
			}
		}
		if err := t.setTimers(at, h, timers); err != nil {
			return err
		}
		return t.putAll(at, h)
	}
	return s.carryOut(ctx, w)
}

// Confirm removes effects from a session's outbox.
func (s *Store) Confirm(ctx context.Context, epoch uint64, id string, effects ...string) error {
	at := s.place(id)
	confirmed := newNames(effects)
	err := s.do(ctx, func(t *txn) error {
		if err := t.fence(at.bucket, epoch); err != nil {
			return err
		}
		h, err := t.readMarked(at)
		if err != nil {
			return err
		}
		gone, err := t.outbox(at, h, confirmed, nil)
		if err != nil {
			return err
		}
		before := h.effects
		if err := t.removeEffects(h, confirmed, gone); err != nil || len(gone) == 0 && h.effects == before {
			return err
		}
		return t.putAll(at, h)
	})
	if err != nil {
		return fmt.Errorf("boltstore: confirm effects of session %q: %w", id, err)
	}
	return nil
}

// Delete removes a session.
func (s *Store) Delete(ctx context.Context, epoch uint64, id string) error {
	at := s.place(id)
	err := s.do(ctx, func(t *txn) error {
		if err := t.fence(at.bucket, epoch); err != nil {
			return err
		}
		h, err := t.readMarked(at)
		if err != nil {
			return err
		}
		err = eachRow(t.rows.Bucket, at, func(e entry) {
			if e.kind == rowTimer {
				h.entries = append(h.entries, e)
			}
		})
		if err != nil {
			return err
		}
		for _, e := range h.entries {
			if e.kind == rowTimer {
				if err := t.due.Delete(dueKey(at.bucket, e.number, id, e.name())); err != nil {
					return err
				}
			}
		}
		if len(h.claim) > 0 {
			if err := t.claims.Delete(h.claim); err != nil {
				return err
			}
		}
		if h.marked {
			if err := t.ready.Delete(at.mark()); err != nil {
				return err
			}
		}
		t.count--
		return t.deleteAll(at)
	})
	if err != nil {
		return fmt.Errorf("boltstore: delete session %q: %w", id, err)
	}
	return nil
}

// deleteAll removes the rows of a session.
func (t *txn) deleteAll(at place) error {
	for _, tree := range []tree{t.rows, t.inbox, t.keys} {
		var gone [][]byte
		c := tree.Cursor()
		for k, _ := c.Seek(at.rows); k != nil && bytes.HasPrefix(k, at.rows); k, _ = c.Next() {
			gone = append(gone, bytes.Clone(k))
		}
		for _, k := range gone {
			if err := tree.Delete(k); err != nil {
				return err
			}
		}
	}
	return nil
}

// names is a set of names.
type names struct {
	few  []string
	many map[string]struct{}
}

func newNames(list []string) names {
	if len(list) <= 8 {
		return names{few: slices.Clone(list)}
	}
	n := names{many: make(map[string]struct{}, len(list))}
	for _, name := range list {
		n.many[name] = struct{}{}
	}
	return n
}

func (n names) has(name []byte) bool {
	for _, s := range n.few {
		if s == string(name) {
			return true
		}
	}
	_, ok := n.many[string(name)]
	return ok
}

// read reads the head of a session. It is good until the next one is read.
func (t *txn) read(at place) (*head, error) {
	if err := t.head.read(t.rows.Bucket, at.rows); err != nil {
		return nil, err
	}
	return &t.head, nil
}

// readMarked reads the head of a session and its entry in ready.
func (t *txn) readMarked(at place) (*head, error) {
	h, err := t.read(at)
	if err != nil {
		return nil, err
	}
	return h, h.readMark(t.ready.Bucket, at.mark())
}

// putAll writes the head of a session and its entry in ready.
func (t *txn) putAll(at place, h *head) error {
	start := len(t.heads)
	t.heads = h.append(t.heads)
	if err := t.rows.Put(row(at.rows, rowHead), t.heads[start:len(t.heads):len(t.heads)]); err != nil {
		return err
	}
	return t.putMark(at, h)
}

// putMark enters a session into ready as long as events or effects wait.
func (t *txn) putMark(at place, h *head) error {
	switch wanted := h.acked < h.tail || h.owes(); {
	case wanted && (!h.marked || h.mark != h.tail):
		return t.ready.Put(at.mark(), binary.BigEndian.AppendUint64(nil, h.tail))
	case !wanted && h.marked:
		return t.ready.Delete(at.mark())
	}
	return nil
}

// keep stores an entry, in the head where it fits.
func (t *txn) keep(at place, h *head, e entry) error {
	if h.size+e.size() <= t.s.headRoom {
		h.add(e)
		return nil
	}
	if e.kind == rowEffect {
		h.effectRows++
		return t.rows.Put(numberRow(at.rows, rowEffect, e.number), e.value)
	}
	h.timerRows++
	v := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(e.value)), e.number)
	return t.rows.Put(nameRow(at.rows, rowTimer, e.name()), append(v, e.value...))
}

// push adds an event to the inbox, remembers its key, and forgets up to two old ones.
func (t *txn) push(at place, h *head, e entry) error {
	h.tail++
	if err := t.inbox.Put(eventKey(at.rows, h.tail), e.value); err != nil || len(e.name()) == 0 {
		return err
	}
	if err := t.keys.Put(nameRow(at.rows, rowKey, e.name()), binary.BigEndian.AppendUint64(nil, h.tail)); err != nil {
		return err
	}
	if err := t.keys.Put(numberRow(at.rows, rowNumber, h.tail), e.name()); err != nil {
		return err
	}
	for range 2 {
		prefix := bytes.Clone(row(at.rows, rowNumber))
		k, key := t.keys.Cursor().Seek(prefix)
		if !bytes.HasPrefix(k, prefix) || len(k) != len(prefix)+8 {
			return nil
		}
		n := binary.BigEndian.Uint64(k[len(prefix):])
		if n > h.acked || n+persistence.KeyWindow >= h.tail {
			return nil
		}
		if err := t.keys.Delete(nameRow(at.rows, rowKey, string(key))); err != nil {
			return err
		}
		if err := t.keys.Delete(numberRow(at.rows, rowNumber, n)); err != nil {
			return err
		}
	}
	return nil
}

// handled removes the events up to acked.
func (t *txn) handled(at place, h *head, acked uint64) error {
	for ; h.acked < acked; h.acked++ {
		if err := t.inbox.Delete(eventKey(at.rows, h.acked+1)); err != nil {
			return err
		}
	}
	return nil
}

// takeTimer removes a timer and returns its time, but leaves it in the order of times.
func (t *txn) takeTimer(at place, h *head, name []byte) (time uint64, there bool, err error) {
	if i := h.find(rowTimer, name); i >= 0 {
		e := h.entries[i]
		h.count(&e, -1)
		h.entries = slices.Delete(h.entries, i, i+1)
		return e.number, true, nil
	}
	if h.timerRows == 0 {
		return 0, false, nil
	}
	v := t.rows.Get(nameRow(at.rows, rowTimer, name))
	if v == nil {
		return 0, false, nil
	}
	e, err := readRow(append([]byte{rowTimer}, name...), v)
	if err != nil {
		return 0, false, &treeError{err}
	}
	h.timerRows--
	return e.number, true, t.rows.Delete(nameRow(at.rows, rowTimer, name))
}

func (t *txn) clearTimer(at place, h *head, name string) error {
	time, there, err := t.takeTimer(at, h, []byte(name))
	if err != nil || !there {
		return err
	}
	return t.due.Delete(dueKey(at.bucket, time, at.id, name))
}

func (t *txn) setTimers(at place, h *head, timers []entry) error {
	for _, e := range timers {
		time, there, err := t.takeTimer(at, h, e.name())
		if err == nil && there && time != e.number {
			err = t.due.Delete(dueKey(at.bucket, time, at.id, e.name()))
		}
		if err == nil && (!there || time != e.number) {
			err = t.due.Put(dueKey(at.bucket, e.number, at.id, e.name()), nil)
		}
		if err == nil {
			err = t.keep(at, h, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// outbox returns the keys of the rows of effects that are confirmed. It fails where an effect that is to be
// added is there and stays.
func (t *txn) outbox(at place, h *head, confirmed names, added []entry) (gone [][]byte, err error) {
	stays := func(name []byte) error {
		return fmt.Errorf("%w: effect %q is in the outbox already", persistence.ErrInvalid, name)
	}
	for i := range added {
		if name := added[i].name(); h.find(rowEffect, name) >= 0 && !confirmed.has(name) {
			return nil, stays(name)
		}
	}
	if h.effectRows == 0 {
		return nil, nil
	}
	ids := make([]string, len(added))
	for i := range added {
		ids[i] = string(added[i].name())
	}
	isAdded := newNames(ids)
	prefix := bytes.Clone(row(at.rows, rowEffect))
	c := t.rows.Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		name, _, err := readNamed(v)
		if err != nil {
			return nil, err
		}
		switch {
		case confirmed.has(name):
			gone = append(gone, bytes.Clone(k))
		case isAdded.has(name):
			return nil, stays(name)
		}
	}
	return gone, nil
}

// removeEffects removes those that are confirmed from the head, and the rows that outbox found.
func (t *txn) removeEffects(h *head, confirmed names, gone [][]byte) error {
	h.remove(func(e *entry) bool { return e.kind == rowEffect && confirmed.has(e.name()) })
	for _, k := range gone {
		if err := t.rows.Delete(k); err != nil {
			return err
		}
	}
	h.effectRows -= uint64(len(gone))
	return nil
}

func (t *txn) addEffects(at place, h *head, effects []entry) error {
	for _, e := range effects {
		h.sequence++
		e.number = h.sequence
		if err := t.keep(at, h, e); err != nil {
			return err
		}
	}
	return nil
}

// readRow reads the row of an entry; its key begins with the kind.
func readRow(key, v []byte) (entry, error) {
	e := entry{kind: key[0], value: v}
	number8 := key[1:]
	if e.kind == rowTimer {
		if len(v) < 8 {
			return e, errShort
		}
		number8, e.value = v[:8], v[8:]
	}
	if _, _, err := readNamed(e.value); err != nil || len(number8) != 8 {
		return e, errShort
	}
	e.number = binary.BigEndian.Uint64(number8)
	return e, nil
}

// eachRow calls do for each row of a session that holds an entry.
func eachRow(tree *bbolt.Bucket, at place, do func(entry)) error {
	c := tree.Cursor()
	for k, v := c.Seek(row(at.rows, rowEffect)); k != nil && bytes.HasPrefix(k, at.rows); k, v = c.Next() {
		e, err := readRow(k[len(at.rows):], v)
		if err != nil {
			return err
		}
		do(e)
	}
	return nil
}
