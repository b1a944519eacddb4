package cassandrastore

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-ff723688/ors/persistence"
)

// generation is how many numbers of events share a range of keys, which is forgotten as a whole: single
// rows that go would leave as many tombstones behind.
const generation = 256

// change reads a session and the epoch of its bucket, and has do write it, again where somebody else wrote
// it meanwhile, of which do tells by false.
func (s *Store) change(ctx context.Context, id string, read func(context.Context, string) (*head, error),
	do func(ctx context.Context, h *head, epoch int64) (bool, error)) error {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	unlock, err := s.locks.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	for try := 0; ; try++ {
		h, epoch, err := s.look(ctx, id, read)
		if err != nil {
			return err
		}
		if ok, err := do(ctx, h, epoch); ok || err != nil {
			return err
		}
		if err := again(ctx, try); err != nil {
			return err
		}
	}
}

// store writes a session that has changed, after the hints that it needs now and has not yet, and under
// the epoch of an owner, where that is not 0. It returns false where somebody else changed it.
func (s *Store) store(ctx context.Context, owner int64, id string, from, to *head, more ...stmt) (bool, error) {
	bucket := persistence.BucketOf(id, s.buckets)
	var hints []func() error
	to.waiting = to.tail > to.acked || to.effects > 0
	if to.waiting && !from.waiting {
		to.ready++
		hints = append(hints, func() error { return s.put(ctx, s.cql.addReady, s.opts.Cluster, bucket, id, to.born, to.ready) })
	}
	if to.due != from.due {
		hints = append(hints, func() error { return s.put(ctx, s.cql.addDue, s.opts.Cluster, bucket, to.dueAt, id, to.born, to.due) })
	}
	if len(hints) > 0 {
		if err := together(hints...); err != nil {
			return false, err
		}
	}
	if len(hints) > 0 && owner != 0 { // the epoch is compared after the hints are written
		l, err := s.leaseOf(ctx, bucket)
		if err == nil {
			err = s.checkEpoch(id, owner, l.epoch)
		}
		if err != nil {
			return false, err
		}
	}
	ok, err := s.update(ctx, id, from, to, more...)
	if !ok {
		return false, err
	}
	if from.waiting && !to.waiting {
		s.later(func(ctx context.Context) error {
			return s.put(ctx, s.cql.dropReady, s.opts.Cluster, bucket, id, from.born, from.ready)
		})
	}
	if to.due != from.due && from.dueAt != none {
		s.later(func(ctx context.Context) error {
			return s.put(ctx, s.cql.dropDue, s.opts.Cluster, bucket, from.dueAt, id, from.born, from.due)
		})
	}
	return true, nil
}

// Append adds an event to a session's inbox.
func (s *Store) Append(ctx context.Context, id string, e persistence.Event) (uint64, error) {
	n, err := s.append(ctx, id, e)
	if err != nil {
		return 0, fmt.Errorf("cassandrastore: append to session %q: %w", id, err)
	}
	return uint64(n), nil
}

func (s *Store) append(ctx context.Context, id string, e persistence.Event) (number int64, err error) {
	if err := e.Validate(); err != nil {
		return 0, err
	}
	if err := s.fits(len(e.Data)); err != nil {
		return 0, err
	}
	err = s.change(ctx, id, s.plain, func(ctx context.Context, h *head, epoch int64) (bool, error) {
		if !h.live {
			ok, err := s.fence(ctx, id, h, epoch)
			if ok {
				err = persistence.ErrNotFound
			}
			return false, err
		}
		if e.Key != "" {
			if number, err = s.numberOf(ctx, id, h, e.Key); number != 0 || err != nil {
				return true, err
			}
		}
		if n := s.opts.MaxInbox; n > 0 && h.tail-h.acked >= int64(n) {
			return false, fmt.Errorf("%w: %d events wait unhandled, Options.MaxInbox is %d", persistence.ErrFull, h.tail-h.acked, n)
		}
		to := *h
		to.epoch = max(h.epoch, epoch)
		to.tail++
		number = to.tail
		return s.store(ctx, 0, id, h, &to, s.addition(id, number, e)...)
	})
	if err != nil {
		return 0, err
	}
	return number, nil
}

// firstKey returns the generation of the oldest event whose key has to be remembered.
func (h *head) firstKey() int64 {
	return max(0, min(h.acked, h.tail-persistence.KeyWindow-1)) / generation
}

// numberOf returns the number of the event with a key, 0 where it is not remembered.
func (s *Store) numberOf(ctx context.Context, id string, h *head, key string) (number int64, err error) {
	var generations []int64
	for g := h.firstKey(); g <= h.tail/generation; g++ {
		generations = append(generations, g)
	}
	iter := s.session.Query(s.cql.keys, s.opts.Cluster, id, generations, key).IterContext(ctx)
	var n int64
	for iter.Scan(&n) {
		number = max(number, n)
	}
	return number, iter.Close()
}

// Commit writes a step of a session.
func (s *Store) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	if err := s.commit(ctx, int64(epoch), c); err != nil {
		return fmt.Errorf("cassandrastore: commit session %q: %w", c.ID, err)
	}
	return nil
}

func (s *Store) commit(ctx context.Context, epoch int64, c *persistence.Commit) error {
	if err := c.Validate(); err != nil {
		return err
	}
	return s.change(ctx, c.ID, s.withAll, func(ctx context.Context, h *head, current int64) (bool, error) {
		if err := s.checkEpoch(c.ID, epoch, current); err != nil {
			return false, err
		}
		if !h.live {
			return false, s.refuse(ctx, c.ID, epoch, persistence.ErrNotFound)
		}
		if h.epoch > epoch {
			return false, nil // the bucket has changed hands meanwhile, as the next look will show
		}
		to, err := h.step(c)
		if err != nil {
			return false, err
		}
		to.epoch = epoch
		if err := s.fits(len(to.snapshot) + len(to.timerSet) + len(to.outbox)); err != nil {
			return false, err
		}
		var more []stmt
		if to.acked != h.acked {
			more = append(more, stmt{s.cql.dropEvents, []any{s.opts.Cluster, c.ID, to.acked}})
		}
		if g := to.firstKey(); g != h.firstKey() {
			more = append(more, stmt{s.cql.dropKeys, []any{s.opts.Cluster, c.ID, g}})
		}
		return s.store(ctx, epoch, c.ID, h, to, more...)
	})
}

// step returns what a commit makes of a session.
func (h *head) step(c *persistence.Commit) (*head, error) {
	if c.Rev != uint64(h.rev) {
		return nil, &persistence.ConflictError{Session: c.ID, Rev: c.Rev, Current: uint64(h.rev)}
	}
	if c.Acked < uint64(h.acked) || c.Acked > uint64(h.tail) {
		return nil, fmt.Errorf("%w: inbox position %d, outside %d to %d", persistence.ErrInvalid, c.Acked, h.acked, h.tail)
	}
	to := *h
	to.rev++
	to.acked = int64(c.Acked)
	if len(c.Snapshot) > 0 {
		to.snapshot = c.Snapshot
	}
	if len(c.Effects) > 0 || len(c.Confirmed) > 0 {
		outbox, err := remaining(h, c.Confirmed)
		if err != nil {
			return nil, err
		}
		there := make(map[string]bool)
		for _, e := range outbox {
			there[e.ID] = true
		}
		for _, e := range c.Effects {
			if there[e.ID] {
				return nil, fmt.Errorf("%w: effect %q is in the outbox already", persistence.ErrInvalid, e.ID)
			}
		}
		to.setOutbox(append(outbox, c.Effects...))
	}
	if len(c.ClearTimers) > 0 || len(c.SetTimers) > 0 {
		timers, err := decodeTimers(h.timerSet)
		if err != nil {
			return nil, err
		}
		gone := set(c.ClearTimers)
		for _, t := range c.SetTimers {
			gone[t.ID] = true
		}
		timers = slices.DeleteFunc(timers, func(t persistence.Timer) bool { return gone[t.ID] })
		to.setTimers(append(timers, c.SetTimers...))
	}
	return &to, nil
}

func (h *head) setOutbox(effects []persistence.Effect) {
	h.outbox, h.effects = encodeEffects(effects), len(effects)
}

// setTimers asks for a new hint where the present one is not early enough. One that is too early is
// left until it is due.
func (h *head) setTimers(timers []persistence.Timer) {
	h.timerSet, h.timers = encodeTimers(timers), len(timers)
	if len(timers) == 0 {
		return
	}
	if first := timers[0].At.UnixMilli(); h.dueAt == none || first < h.dueAt {
		h.due++
		h.dueAt = first
	}
}

// remaining returns the outbox without some effects.
func remaining(h *head, confirmed []string) ([]persistence.Effect, error) {
	outbox, err := decodeEffects(h.outbox)
	if err != nil {
		return nil, err
	}
	gone := set(confirmed)
	return slices.DeleteFunc(outbox, func(e persistence.Effect) bool { return gone[e.ID] }), nil
}

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// Confirm removes effects from a session's outbox.
func (s *Store) Confirm(ctx context.Context, epoch uint64, id string, effects ...string) error {
	if err := s.confirm(ctx, int64(epoch), id, effects); err != nil {
		return fmt.Errorf("cassandrastore: confirm effects of session %q: %w", id, err)
	}
	return nil
}

func (s *Store) confirm(ctx context.Context, epoch int64, id string, effects []string) error {
	return s.change(ctx, id, s.withAll, func(ctx context.Context, h *head, current int64) (bool, error) {
		if err := s.checkEpoch(id, epoch, current); err != nil {
			return false, err
		}
		if !h.live {
			return false, s.refuse(ctx, id, epoch, persistence.ErrNotFound)
		}
		if h.epoch > epoch {
			return false, nil
		}
		outbox, err := remaining(h, effects)
		if err != nil || len(outbox) == h.effects {
			return true, err
		}
		to := *h
		to.epoch = epoch
		to.setOutbox(outbox)
		return s.store(ctx, epoch, id, h, &to)
	})
}
