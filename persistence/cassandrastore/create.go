package cassandrastore

import (
	"context"
	"errors"
	"fmt"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/seed-ff723688/ors/persistence"
)

// patience is how long a session that somebody else is creating is left alone before it is taken for
// abandoned. Only liveness depends on it: one that is not dead learns of its removal.
const patience = 2 * time.Second

// maxNumber leaves room to count on in a column of 64 bits with a sign.
const maxNumber = 1 << 62

// Create adds a session.
func (s *Store) Create(ctx context.Context, epoch uint64, p *persistence.Session) error {
	if err := s.create(ctx, int64(epoch), p); err != nil {
		return fmt.Errorf("cassandrastore: create session %q: %w", p.ID, err)
	}
	return nil
}

func (s *Store) create(ctx context.Context, epoch int64, p *persistence.Session) error {
	if err := p.Validate(s.buckets); err != nil {
		return err
	}
	if n := s.opts.MaxInbox; n > 0 && len(p.Inbox) > n {
		return fmt.Errorf("%w: an inbox of %d events, Options.MaxInbox is %d", persistence.ErrFull, len(p.Inbox), n)
	}
	if p.Rev > maxNumber || p.Acked > maxNumber {
		return fmt.Errorf("%w: revision %d and inbox position %d, of at most %d", persistence.ErrInvalid, p.Rev, p.Acked, uint64(maxNumber))
	}
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer done()
	unlock, err := s.locks.lock(ctx, p.ID)
	if err != nil {
		return err
	}
	defer unlock()
	h := newHead(p)
	h.epoch = epoch
	work := s.creation(p, h)
	if err := s.fits(size(work)); err != nil {
		return err
	}
	for try := 0; ; try++ {
		made, err := s.tryCreate(ctx, p.ID, h, work)
		if made || err != nil {
			return err
		}
		if err := again(ctx, try); err != nil {
			return err
		}
	}
}

// newHead is the head of a new session.
func newHead(p *persistence.Session) *head {
	timers := append([]persistence.Timer(nil), p.Timers...)
	h := &head{
		live: true, rev: int64(max(p.Rev, 1)), acked: int64(p.Acked), tail: int64(p.Acked) + int64(len(p.Inbox)), claim: p.Claim,
		timers: len(p.Timers), effects: len(p.Outbox), due: 0, dueAt: none,
		timerSet: encodeTimers(timers), outbox: encodeEffects(p.Outbox), snapshot: p.Snapshot,
	}
	if p.Document != (persistence.Digest{}) {
		h.document = p.Document[:]
	}
	if h.waiting = h.tail > h.acked || h.effects > 0; h.waiting {
		h.ready = 1
	}
	if len(timers) > 0 {
		h.due, h.dueAt = 1, timers[0].At.UnixMilli()
	}
	return h
}

// creation is the batch that makes a prepared session one. The first statement gets its birth and
// versions from tryCreate.
func (s *Store) creation(p *persistence.Session, h *head) []stmt {
	work := []stmt{{s.cql.create, []any{
		nil, nil, h.epoch, h.rev, h.acked, h.tail, h.claim, h.document, h.timers, h.effects,
		h.ready, h.waiting, h.due, h.dueAt, h.snapshot, h.timerSet, h.outbox, s.opts.Cluster, p.ID, nil,
	}}}
	for i, e := range p.Inbox {
		work = append(work, s.addition(p.ID, h.acked+int64(i)+1, e)...)
	}
	return work
}

// addition adds an event to an inbox.
func (s *Store) addition(id string, number int64, e persistence.Event) []stmt {
	work := []stmt{{s.cql.addEvent, []any{s.opts.Cluster, id, number, e.Key, e.Data}}}
	if e.Key != "" {
		work = append(work, stmt{s.cql.addKey, []any{s.opts.Cluster, id, number / generation, e.Key, number}})
	}
	return work
}

// size is what statements write, roughly.
func size(work []stmt) int {
	n := 0
	for _, w := range work {
		n += 64
		for _, a := range w.args {
			switch a := a.(type) {
			case []byte:
				n += len(a)
			case string:
				n += len(a)
			}
		}
	}
	return n
}

// tryCreate creates a session in the order that the package comment explains: prepared, claimed,
// hinted at, the epoch compared, made. It returns false where somebody else came between.
func (s *Store) tryCreate(ctx context.Context, id string, h *head, work []stmt) (made bool, err error) {
	there, current, err := s.look(ctx, id, s.plain)
	if err == nil {
		err = s.checkEpoch(id, h.epoch, current)
	}
	if err != nil {
		return false, err
	}
	if there.live {
		return false, s.refuse(ctx, id, h.epoch, persistence.ErrExists)
	}
	if there.born != 0 {
		_, err := s.giveWay(ctx, id, there)
		return false, silent(err)
	}
	h.born, h.ver = fresh(), fresh()
	ok, err := s.swap(ctx, h.ver, stmt{s.cql.prepare, []any{h.born, h.ver, h.epoch, s.opts.Cluster, id, nil}})
	if !ok || err != nil {
		return false, silent(err)
	}
	defer func() {
		if !made && !errors.Is(err, persistence.ErrOutcomeUnknown) {
			prepared := *h
			s.later(func(ctx context.Context) error { return s.abandon(ctx, id, &prepared) })
		}
	}()
	if h.claim != "" {
		err := s.take(ctx, h.claim, id, h.born)
		if errors.Is(err, persistence.ErrClaimed) {
			err = s.refuse(ctx, id, h.epoch, err)
		}
		if err != nil {
			return false, silent(err)
		}
	}
	if err := s.hintAt(ctx, id, h); err != nil {
		return false, err
	}
	l, err := s.leaseOf(ctx, persistence.BucketOf(id, s.buckets))
	if err == nil {
		err = s.checkEpoch(id, h.epoch, l.epoch)
	}
	if err != nil {
		return false, err
	}
	ver := fresh()
	first := &work[0].args
	(*first)[0], (*first)[1], (*first)[len(*first)-1] = h.born, ver, h.ver
	return s.swap(ctx, ver, work...)
}

// checkEpoch returns a FencedError unless epoch is the bucket's present one.
func (s *Store) checkEpoch(id string, epoch, current int64) error {
	if epoch == 0 || epoch != current {
		return &persistence.FencedError{Bucket: persistence.BucketOf(id, s.buckets), Epoch: uint64(epoch), Current: uint64(current)}
	}
	return nil
}

// refuse returns why a write under an epoch is refused, which is first of all that the epoch is not
// the present one: what the writer found may be the work of the owner that has replaced it.
func (s *Store) refuse(ctx context.Context, id string, epoch int64, why error) error {
	l, err := s.leaseOf(ctx, persistence.BucketOf(id, s.buckets))
	if err == nil {
		err = s.checkEpoch(id, epoch, l.epoch)
	}
	if err != nil {
		return err
	}
	return why
}

// giveWay waits for somebody who is creating a session, and removes one that seems abandoned. It returns
// the session if it lives then.
func (s *Store) giveWay(ctx context.Context, id string, prepared *head) (*head, error) {
	for end := time.Now().Add(patience); ; {
		h, err := s.observe(ctx, id, s.plain)
		switch {
		case err == nil && h.born == prepared.born:
			return h, nil
		case err != nil && !errors.Is(err, persistence.ErrNotFound):
			return nil, err
		}
		now, err := s.plain(ctx, id)
		if err != nil || now.born != prepared.born {
			return nil, err
		}
		if !time.Now().Before(end) {
			if ok, err := s.erase(ctx, id, prepared); ok || err != nil {
				return nil, err
			}
		}
		if err := again(ctx, 10); err != nil {
			return nil, err
		}
	}
}

// abandon removes what a creation that failed has left.
func (s *Store) abandon(ctx context.Context, id string, h *head) error {
	if _, err := s.erase(ctx, id, h); err != nil {
		return err
	}
	return s.forget(ctx, id, h)
}

// hintAt writes the hints at a new session.
func (s *Store) hintAt(ctx context.Context, id string, h *head) error {
	bucket := persistence.BucketOf(id, s.buckets)
	calls := []func() error{func() error { return s.put(ctx, s.cql.addListed, s.opts.Cluster, bucket, id, h.born) }}
	if h.waiting {
		calls = append(calls, func() error { return s.put(ctx, s.cql.addReady, s.opts.Cluster, bucket, id, h.born, h.ready) })
	}
	if h.dueAt != none {
		calls = append(calls, func() error { return s.put(ctx, s.cql.addDue, s.opts.Cluster, bucket, h.dueAt, id, h.born, h.due) })
	}
	return together(calls...)
}

// forget removes the claim of a session that is gone, and the hints at it.
func (s *Store) forget(ctx context.Context, id string, h *head) error {
	bucket := persistence.BucketOf(id, s.buckets)
	calls := []func() error{func() error { return s.put(ctx, s.cql.dropListed, s.opts.Cluster, bucket, id, h.born) }}
	if h.claim != "" {
		calls = append(calls, func() error {
			_, err := s.session.Query(s.cql.dropClaim, s.opts.Cluster, h.claim, h.born).Consistency(s.write).MapScanCASContext(ctx, make(map[string]any))
			return err
		})
	}
	if h.waiting {
		calls = append(calls, func() error { return s.put(ctx, s.cql.dropReady, s.opts.Cluster, bucket, id, h.born, h.ready) })
	}
	if h.dueAt != none {
		calls = append(calls, func() error { return s.put(ctx, s.cql.dropDue, s.opts.Cluster, bucket, h.dueAt, id, h.born, h.due) })
	}
	return together(calls...)
}

// claimRow says which session holds a claim, if that session lives.
type claimRow struct {
	ver, born int64
	id        string
}

func (s *Store) claimOf(ctx context.Context, claim string) (r claimRow, err error) {
	err = s.session.Query(s.cql.claim, s.opts.Cluster, claim).ScanContext(ctx, &r.ver, &r.id, &r.born)
	if errors.Is(err, gocql.ErrNotFound) {
		return claimRow{}, nil
	}
	return r, err
}

// take points a claim to a prepared session. It returns a ClaimedError where another session, that lives, holds it.
func (s *Store) take(ctx context.Context, claim, id string, born int64) error {
	for try := 0; ; try++ {
		r, err := s.claimOf(ctx, claim)
		if err != nil {
			return err
		}
		if r.ver != 0 {
			other, err := s.holder(ctx, r)
			if err != nil {
				return err
			}
			if other != nil && r.id != id {
				return &persistence.ClaimedError{Claim: claim, Session: r.id}
			}
		}
		ver := fresh()
		ok, err := s.swap(ctx, ver, stmt{s.cql.setClaim, []any{ver, id, born, s.opts.Cluster, claim, orNull(r.ver)}})
		if ok || err != nil {
			return err
		}
		if err := again(ctx, try); err != nil {
			return err
		}
	}
}

// holder returns the session that a claim points to, where it lives. One that is being created is
// waited for. When holder returns nil, that session never will live.
func (s *Store) holder(ctx context.Context, r claimRow) (*head, error) {
	h, err := s.plain(ctx, r.id)
	if err != nil || h.born != r.born {
		return nil, err
	}
	return s.giveWay(ctx, r.id, h)
}

// Lookup returns the session that holds a claim.
func (s *Store) Lookup(ctx context.Context, claim string) (string, error) {
	id, err := s.lookup(ctx, claim)
	if err != nil {
		return "", fmt.Errorf("cassandrastore: look up claim %q: %w", claim, err)
	}
	return id, nil
}

func (s *Store) lookup(ctx context.Context, claim string) (string, error) {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	if claim == "" {
		return "", persistence.ErrNotFound
	}
	r, err := s.claimOf(ctx, claim)
	if err != nil {
		return "", err
	}
	if r.ver == 0 {
		return "", persistence.ErrNotFound
	}
	h, err := s.observe(ctx, r.id, s.plain)
	if err == nil && h.born != r.born {
		err = persistence.ErrNotFound
	}
	return r.id, err
}

// Delete removes a session.
func (s *Store) Delete(ctx context.Context, epoch uint64, id string) error {
	if err := s.delete(ctx, int64(epoch), id); err != nil {
		return fmt.Errorf("cassandrastore: delete session %q: %w", id, err)
	}
	return nil
}

func (s *Store) delete(ctx context.Context, epoch int64, id string) error {
	return s.change(ctx, id, s.plain, func(ctx context.Context, h *head, current int64) (bool, error) {
		if err := s.checkEpoch(id, epoch, current); err != nil {
			return false, err
		}
		if !h.live {
			return false, s.refuse(ctx, id, epoch, persistence.ErrNotFound)
		}
		ok, err := s.erase(ctx, id, h)
		if ok {
			s.later(func(ctx context.Context) error { return s.forget(ctx, id, h) })
		}
		return ok, err
	})
}
