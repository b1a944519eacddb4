package cassandrastore

import (
	"context"
	"errors"
	"fmt"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/seed-ff723688/ors/persistence"
)

// head is what there is once about a session: its first row. Each write reads it, decides, and takes effect
// only if ver is still the same.
type head struct {
	born int64 // tells the session from another of its id; 0 where there is none
	ver  int64 // a new random number with each write
	live bool  // false while it is being created

	epoch            int64 // the highest under which it was seen
	rev, acked, tail int64
	claim            string
	document         []byte
	timers, effects  int

	waiting bool  // it has unhandled events or unconfirmed effects, and is hinted at
	ready   int64 // number of its last hint in ready
	due     int64 // number of its last hint in due
	dueAt   int64 // time of that hint, no later than any timer; none where there is no hint

	// Blobs; not read by all.
	timerSet, outbox, snapshot []byte
}

const none = -1

func (h *head) columns() []any {
	return []any{&h.born, &h.ver, &h.live, &h.epoch, &h.rev, &h.acked, &h.tail, &h.claim, &h.document,
		&h.timers, &h.effects, &h.ready, &h.waiting, &h.due, &h.dueAt}
}

func (h *head) info(id string) persistence.Info {
	return persistence.Info{
		ID: id, Claim: h.claim, Document: digest(h.document), Rev: uint64(h.rev), Acked: uint64(h.acked), Tail: uint64(h.tail),
		Timers: h.timers, Effects: h.effects,
	}
}

func digest(b []byte) (d persistence.Digest) {
	copy(d[:], b)
	return d
}

// headOf reads the head of a session: the zero one where there is none.
func (s *Store) headOf(ctx context.Context, cql, id string, more func(*head) []any) (*head, error) {
	h := new(head)
	dest := h.columns()
	if more != nil {
		dest = append(dest, more(h)...)
	}
	err := s.session.Query(cql, s.opts.Cluster, id).ScanContext(ctx, dest...)
	if errors.Is(err, gocql.ErrNotFound) {
		return new(head), nil
	}
	return h, err
}

// What is read of a session beside its head.
func (s *Store) plain(ctx context.Context, id string) (*head, error) {
	return s.headOf(ctx, s.cql.head, id, nil)
}

func (s *Store) withTimers(ctx context.Context, id string) (*head, error) {
	return s.headOf(ctx, s.cql.headTimers, id, func(h *head) []any { return []any{&h.timerSet} })
}

func (s *Store) withAll(ctx context.Context, id string) (*head, error) {
	return s.headOf(ctx, s.cql.headAll, id, func(h *head) []any { return []any{&h.timerSet, &h.outbox} })
}

// look reads a session and the epoch of its bucket.
func (s *Store) look(ctx context.Context, id string, read func(context.Context, string) (*head, error)) (h *head, epoch int64, err error) {
	err = together(func() (err error) {
		h, err = read(ctx, id)
		return err
	}, func() error {
		l, err := s.leaseOf(ctx, persistence.BucketOf(id, s.buckets))
		epoch = l.epoch
		return err
	})
	return h, epoch, err
}

// observe reads a session for somebody who will act on it. What it returns cannot be changed any more
// by an owner that had been replaced when observe began: the session has the present epoch then.
// It returns ErrNotFound where there is none.
func (s *Store) observe(ctx context.Context, id string, read func(context.Context, string) (*head, error)) (*head, error) {
	for try := 0; ; try++ {
		h, epoch, err := s.look(ctx, id, read)
		if err != nil {
			return nil, err
		}
		ok, err := s.fence(ctx, id, h, epoch)
		if err != nil {
			return nil, err
		}
		if ok && !h.live {
			return nil, persistence.ErrNotFound
		}
		if ok {
			return h, nil
		}
		if err := again(ctx, try); err != nil {
			return nil, err
		}
	}
}

// fence raises a session's epoch to that of its bucket. One that an earlier owner has begun to
// create is removed. It returns false where the session has changed.
func (s *Store) fence(ctx context.Context, id string, h *head, epoch int64) (bool, error) {
	if h.born == 0 || h.epoch >= epoch {
		return true, nil
	}
	if !h.live {
		return s.erase(ctx, id, h)
	}
	raised := *h
	raised.epoch = epoch
	ok, err := s.update(ctx, id, h, &raised)
	h.epoch, h.ver = raised.epoch, raised.ver
	return ok, silent(err)
}

// silent takes the outcome out of an error: who only reads has nothing to repeat.
func silent(err error) error {
	if errors.Is(err, persistence.ErrOutcomeUnknown) {
		return fmt.Errorf("raising the epoch of the session: %v", err)
	}
	return err
}

// update writes what differs in a session's head, with more statements about its partition. It returns
// false, and has written nothing, where the session has changed since it was read.
func (s *Store) update(ctx context.Context, id string, from, to *head, more ...stmt) (bool, error) {
	to.ver = fresh()
	u := stmt{s.cql.update, []any{
		to.ver, changed(from.epoch, to.epoch), changed(from.rev, to.rev), changed(from.acked, to.acked), changed(from.tail, to.tail),
		changed(from.timers, to.timers), changed(from.effects, to.effects), changed(from.ready, to.ready), changed(from.waiting, to.waiting),
		changed(from.due, to.due), changed(from.dueAt, to.dueAt), replaced(from.snapshot, to.snapshot), replaced(from.timerSet, to.timerSet),
		replaced(from.outbox, to.outbox), s.opts.Cluster, id, from.ver,
	}}
	return s.swap(ctx, to.ver, append([]stmt{u}, more...)...)
}

func changed[T comparable](from, to T) any {
	if from == to {
		return gocql.UnsetValue
	}
	return to
}

func replaced(from, to []byte) any {
	if len(from) == len(to) && (len(to) == 0 || &from[0] == &to[0]) {
		return gocql.UnsetValue
	}
	return to
}

// erase removes a session's partition. It returns false where the session has changed.
func (s *Store) erase(ctx context.Context, id string, h *head) (bool, error) {
	return s.swap(ctx, fresh(),
		stmt{s.cql.remove, []any{s.opts.Cluster, id, h.ver}},
		stmt{s.cql.removeRest, []any{s.opts.Cluster, id}})
}

// Load returns a session.
func (s *Store) Load(ctx context.Context, id string) (*persistence.Session, error) {
	p, err := s.load(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("cassandrastore: load session %q: %w", id, err)
	}
	return p, nil
}

func (s *Store) load(ctx context.Context, id string) (*persistence.Session, error) {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var inbox []persistence.Event
	h, err := s.observe(ctx, id, func(ctx context.Context, id string) (h *head, err error) {
		h, inbox, err = s.readAll(ctx, id)
		return h, err
	})
	if err != nil {
		return nil, err
	}
	timers, err := decodeTimers(h.timerSet)
	if err != nil {
		return nil, err
	}
	outbox, err := decodeEffects(h.outbox)
	if err != nil {
		return nil, err
	}
	return &persistence.Session{
		ID: id, Claim: h.claim, Document: digest(h.document), Rev: uint64(h.rev), Snapshot: h.snapshot, Acked: uint64(h.acked),
		Inbox: inbox, Timers: timers, Outbox: outbox,
	}, nil
}

// readAll reads all of a session but the keys, at the serial level, and in one answer: pages
// would show it at different times.
func (s *Store) readAll(ctx context.Context, id string) (*head, []persistence.Event, error) {
	h := new(head)
	var inbox []persistence.Event
	iter := s.session.Query(s.cql.all, s.opts.Cluster, id).Consistency(s.serial).PageSize(0).IterContext(ctx)
	for {
		var row head
		var kind int8
		var e persistence.Event
		if !iter.Scan(append(row.columns(), &row.timerSet, &row.outbox, &row.snapshot, &kind, &e.Number, &e.Key, &e.Data)...) {
			break
		}
		if kind == kindHead {
			h = &row
		} else {
			inbox = append(inbox, e)
		}
	}
	if err := iter.Close(); err != nil {
		return nil, nil, err
	}
	if h.live && int64(len(inbox)) != h.tail-h.acked {
		return nil, nil, errDamaged
	}
	return h, inbox, nil
}

// Inbox returns unhandled events of a session.
func (s *Store) Inbox(ctx context.Context, id string, after uint64, limit int) ([]persistence.Event, error) {
	events, err := s.inbox(ctx, id, after, limit)
	if err != nil {
		return nil, fmt.Errorf("cassandrastore: inbox of session %q: %w", id, err)
	}
	return events, nil
}

func (s *Store) inbox(ctx context.Context, id string, after uint64, limit int) ([]persistence.Event, error) {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	for try := 0; ; try++ {
		h, err := s.observe(ctx, id, s.plain)
		if err != nil {
			return nil, err
		}
		if after >= uint64(h.tail) || h.acked == h.tail {
			return nil, nil
		}
		from := max(int64(after), h.acked)
		most := int(h.tail - from)
		if limit > 0 {
			most = min(most, limit)
		}
		var events []persistence.Event
		iter := s.session.Query(s.cql.events, s.opts.Cluster, id, from, most).PageSize(0).IterContext(ctx)
		for {
			var e persistence.Event
			if !iter.Scan(&e.Number, &e.Key, &e.Data) {
				break
			}
			events = append(events, e)
		}
		if err := iter.Close(); err != nil {
			return nil, err
		}
		// Events that were handled since the head was read are gone; the first ones go first.
		if len(events) == most && events[0].Number == uint64(from)+1 {
			return events, nil
		}
		if err := again(ctx, try); err != nil {
			return nil, err
		}
	}
}
