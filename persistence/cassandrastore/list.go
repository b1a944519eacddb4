package cassandrastore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// pageSize is how many hints a list fetches at a time.
const pageSize = 256

// hint is a row that points to a session.
type hint struct {
	id   string
	born int64 // of the session that is meant
	n    int64 // number of the hint
	at   int64 // in due: time
}

// List iterates over the sessions of a bucket by id.
func (s *Store) List(ctx context.Context, n int, after string) iter.Seq2[persistence.Info, error] {
	// Nothing is born as late as this, so the first row comes after all of the id after.
	return s.infos(ctx, "sessions", n, hint{id: after, born: 1<<63 - 1}, s.listedPage, func(ctx context.Context, row hint) (*head, error) {
		h, err := s.observe(ctx, row.id, s.plain)
		if (err == nil || errors.Is(err, persistence.ErrNotFound)) && (h == nil || h.born != row.born) {
			return nil, s.tidy(ctx, row, h, func(h *head) bool { return h.born != row.born }, func(ctx context.Context) error {
				return s.put(ctx, s.cql.dropListed, s.opts.Cluster, n, row.id, row.born)
			})
		}
		return h, err
	})
}

// Ready iterates over the sessions of a bucket with unhandled events or unconfirmed
// effects.
func (s *Store) Ready(ctx context.Context, n int) iter.Seq2[persistence.Info, error] {
	return s.infos(ctx, "ready sessions", n, hint{}, s.readyPage, func(ctx context.Context, row hint) (*head, error) {
		h, err := s.observe(ctx, row.id, s.plain)
		if err != nil && !errors.Is(err, persistence.ErrNotFound) {
			return nil, err
		}
		if h == nil || h.born != row.born || !h.waiting || h.ready != row.n {
			return nil, s.tidy(ctx, row, h, func(h *head) bool {
				return h.born != row.born || h.ready > row.n || h.ready == row.n && !h.waiting && h.live
			}, func(ctx context.Context) error {
				return s.put(ctx, s.cql.dropReady, s.opts.Cluster, n, row.id, row.born, row.n)
			})
		}
		return h, nil
	})
}

// tidy removes a hint that is dead: no write that is under way can make it one that is needed. h is the
// session as it was read, nil for none.
func (s *Store) tidy(ctx context.Context, row hint, h *head, dead func(*head) bool, drop func(context.Context) error) error {
	if h == nil { // there is none, or it is being created
		var err error
		if h, err = s.plain(ctx, row.id); err != nil {
			return err
		}
	}
	if dead(h) {
		s.later(drop)
	}
	return nil
}

func (s *Store) listedPage(ctx context.Context, n int, from hint) ([]hint, error) {
	iter := s.session.Query(s.cql.listed, s.opts.Cluster, n, from.id, from.born, pageSize).IterContext(ctx)
	var page []hint
	var row hint
	for iter.Scan(&row.id, &row.born) {
		page = append(page, row)
	}
	return page, iter.Close()
}

func (s *Store) readyPage(ctx context.Context, n int, from hint) ([]hint, error) {
	iter := s.session.Query(s.cql.ready, s.opts.Cluster, n, from.id, from.born, from.n, pageSize).IterContext(ctx)
	var page []hint
	var row hint
	for iter.Scan(&row.id, &row.born, &row.n) {
		page = append(page, row)
	}
	return page, iter.Close()
}

// infos yields the sessions that hints behind from lead to, and that check returns.
func (s *Store) infos(ctx context.Context, what string, n int, from hint, fetch func(context.Context, int, hint) ([]hint, error),
	check func(context.Context, hint) (*head, error)) iter.Seq2[persistence.Info, error] {
	return func(yield func(persistence.Info, error) bool) {
		from := from
		err := persistence.CheckBuckets(s.buckets, n)
		for err == nil {
			var rows []hint
			var heads []*head
			rows, heads, err = s.page(ctx, n, from, fetch, check)
			for i := 0; err == nil && i < len(rows); i++ {
				if heads[i] == nil {
					continue
				}
				if err = ctx.Err(); err == nil && !yield(heads[i].info(rows[i].id), nil) {
					return
				}
			}
			if err == nil && len(rows) < pageSize {
				return
			}
			if err == nil {
				from = rows[len(rows)-1]
			}
		}
		yield(persistence.Info{}, fmt.Errorf("cassandrastore: %s of bucket %d: %w", what, n, err))
	}
}

// page fetches hints and the sessions they lead to; nil stands for none.
func (s *Store) page(ctx context.Context, n int, from hint, fetch func(context.Context, int, hint) ([]hint, error),
	check func(context.Context, hint) (*head, error)) ([]hint, []*head, error) {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	rows, err := fetch(ctx, n, from)
	if err != nil {
		return nil, nil, err
	}
	heads := make([]*head, len(rows))
	err = each(len(rows), func(i int) (err error) {
		heads[i], err = check(ctx, rows[i])
		return err
	})
	return rows, heads, err
}

// Due iterates over the timers of a bucket set to until or earlier.
func (s *Store) Due(ctx context.Context, n int, until time.Time) iter.Seq2[persistence.Due, error] {
	return func(yield func(persistence.Due, error) bool) {
		err := persistence.CheckBuckets(s.buckets, n)
		var due []persistence.Due
		if err == nil {
			due, err = s.dueIn(ctx, n, until.UnixMilli())
		}
		for i := 0; err == nil && i < len(due); i++ {
			if err = ctx.Err(); err == nil && !yield(due[i], nil) {
				return
			}
		}
		if err != nil {
			yield(persistence.Due{}, fmt.Errorf("cassandrastore: due timers of bucket %d: %w", n, err))
		}
	}
}

// dueIn collects the timers of all sessions with a hint at until or earlier: no timer is earlier than the
// hint at its session. The hints are read in one answer, so that one that moves is not missed.
func (s *Store) dueIn(ctx context.Context, n int, until int64) ([]persistence.Due, error) {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	iter := s.session.Query(s.cql.due, s.opts.Cluster, n, until).PageSize(0).IterContext(ctx)
	bySession := make(map[string][]hint)
	var ids []string
	for row := (hint{}); iter.Scan(&row.at, &row.id, &row.born, &row.n); {
		if bySession[row.id] == nil {
			ids = append(ids, row.id)
		}
		bySession[row.id] = append(bySession[row.id], row)
	}
	if err := iter.Close(); err != nil {
		return nil, err
	}
	found := make([][]persistence.Due, len(ids))
	err = each(len(ids), func(i int) (err error) {
		found[i], err = s.dueOf(ctx, n, ids[i], bySession[ids[i]], until)
		return err
	})
	due := slices.Concat(found...)
	slices.SortFunc(due, func(x, y persistence.Due) int {
		return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Session, y.Session), cmp.Compare(x.Timer, y.Timer))
	})
	return due, err
}

// dueOf returns the due timers of a session, and brings the hints at it in order.
func (s *Store) dueOf(ctx context.Context, n int, id string, rows []hint, until int64) (due []persistence.Due, err error) {
	h, err := s.observe(ctx, id, s.withTimers)
	if err != nil && !errors.Is(err, persistence.ErrNotFound) {
		return nil, err
	}
	for _, row := range rows {
		if h != nil && h.born == row.born && h.due == row.n && h.dueAt == row.at {
			continue
		}
		err := s.tidy(ctx, row, h, func(h *head) bool { return h.born != row.born || h.live && h.due >= row.n }, func(ctx context.Context) error {
			return s.put(ctx, s.cql.dropDue, s.opts.Cluster, n, row.at, id, row.born, row.n)
		})
		if err != nil {
			return nil, err
		}
	}
	if h == nil {
		return nil, nil
	}
	timers, err := decodeTimers(h.timerSet)
	if err != nil {
		return nil, err
	}
	for _, t := range timers {
		if t.At.UnixMilli() <= until {
			due = append(due, persistence.Due{Session: id, Timer: t.ID, At: t.At})
		}
	}
	if len(due) == 0 && h.dueAt != none {
		s.later(func(ctx context.Context) error { return s.moveHint(ctx, n, id, h, timers) })
	}
	return due, nil
}

// moveHint replaces a hint that came too early by one at the first timer, if there is one.
func (s *Store) moveHint(ctx context.Context, n int, id string, h *head, timers []persistence.Timer) error {
	to := *h
	to.dueAt = none
	if len(timers) > 0 {
		to.due, to.dueAt = h.due+1, timers[0].At.UnixMilli()
		if err := s.put(ctx, s.cql.addDue, s.opts.Cluster, n, to.dueAt, id, to.born, to.due); err != nil {
			return err
		}
	}
	ok, err := s.update(ctx, id, h, &to)
	if ok {
		err = s.put(ctx, s.cql.dropDue, s.opts.Cluster, n, h.dueAt, id, h.born, h.due)
	}
	return err
}
