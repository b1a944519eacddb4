package cassandrastore

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
)

// An owner has compared its epoch and is then replaced, before it writes. These tests do the steps of
// its operation one by one.

// stale is a store, an owner's epoch, and what takes the bucket from it.
type stale struct {
	*Store
	epoch int64
}

func (s *stale) replaced(t *testing.T) uint64 {
	leases, err := s.Acquire(t.Context(), "owner", time.Hour, 0)
	require.NoError(t, err)
	return leases[0].Epoch
}

// commit does all of a commit up to its last step, which it returns.
func (s *stale) commit(t *testing.T, c *persistence.Commit) (last func() (bool, error)) {
	ctx := t.Context()
	h, current, err := s.look(ctx, c.ID, s.withAll)
	require.NoError(t, err)
	require.NoError(t, s.checkEpoch(c.ID, s.epoch, current))
	to, err := h.step(c)
	require.NoError(t, err)
	return func() (bool, error) { return s.update(ctx, c.ID, h, to) }
}

func newStale(t *testing.T) *stale {
	s, e := start(t, options(Options{}))
	return &stale{s, int64(e)}
}

// Whatever looks at the session first settles whether the late write counts.
func TestLateCommitAfterALook(t *testing.T) {
	for name, look := range map[string]func(context.Context, *Store) error{
		"Load":  func(ctx context.Context, s *Store) error { _, err := s.Load(ctx, id); return err },
		"Inbox": func(ctx context.Context, s *Store) error { _, err := s.Inbox(ctx, id, 0, 0); return err },
		"Append": func(ctx context.Context, s *Store) error {
			_, err := s.Append(ctx, id, persistence.Event{})
			return err
		},
		"Lookup": func(ctx context.Context, s *Store) error {
			_, err := s.Lookup(ctx, "0123456789ABCDEF0123456789ABC000")
			return err
		},
		"List": func(ctx context.Context, s *Store) error {
			for _, err := range s.List(ctx, 0, "") {
				return err
			}
			return nil
		},
		"Ready": func(ctx context.Context, s *Store) error {
			for _, err := range s.Ready(ctx, 0) {
				return err
			}
			return nil
		},
		"Due": func(ctx context.Context, s *Store) error {
			for _, err := range s.Due(ctx, 0, time.UnixMilli(100)) {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStale(t)
			require.NoError(t, s.Create(t.Context(), uint64(s.epoch), &persistence.Session{
				ID: id, Claim: "0123456789ABCDEF0123456789ABC000", Inbox: make([]persistence.Event, 1), Timers: []persistence.Timer{{ID: "t", At: time.UnixMilli(1)}},
			}))
			late := s.commit(t, &persistence.Commit{ID: id, Rev: 1, Snapshot: []byte("late")})
			now := s.replaced(t)
			require.NoError(t, look(t.Context(), s.Store))
			ok, err := late()
			require.NoError(t, err)
			require.False(t, ok, "the session was seen without the write")
			require.NoError(t, s.Commit(t.Context(), now, &persistence.Commit{ID: id, Rev: 1}))
		})
	}
}

// Where nobody has looked, the late write counts as one before the take-over.
func TestLateCommitOnAnUnseenSession(t *testing.T) {
	s := newStale(t)
	require.NoError(t, s.Create(t.Context(), uint64(s.epoch), &persistence.Session{ID: id}))
	late := s.commit(t, &persistence.Commit{ID: id, Rev: 1, Snapshot: []byte("late")})
	now := s.replaced(t)
	ok, err := late()
	require.NoError(t, err)
	require.True(t, ok)
	require.ErrorIs(t, s.Commit(t.Context(), uint64(s.epoch), &persistence.Commit{ID: id, Rev: 2}), persistence.ErrFenced)
	got, err := s.Load(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "late", string(got.Snapshot))
	require.NoError(t, s.Commit(t.Context(), now, &persistence.Commit{ID: id, Rev: 2}))
}

// A session that a former owner is about to make does not appear once its absence was seen.
func TestLateCreate(t *testing.T) {
	const claim = "0123456789ABCDEF0123456789ABC000"
	for name, look := range map[string]func(ctx context.Context, s *Store, now uint64) error{
		"Load": func(ctx context.Context, s *Store, _ uint64) error { _, err := s.Load(ctx, id); return err },
		"Append": func(ctx context.Context, s *Store, _ uint64) error {
			_, err := s.Append(ctx, id, persistence.Event{})
			return err
		},
		"Lookup": func(ctx context.Context, s *Store, _ uint64) error { _, err := s.Lookup(ctx, claim); return err },
		"List": func(ctx context.Context, s *Store, _ uint64) error {
			for range s.List(ctx, 0, "") {
				return nil
			}
			return persistence.ErrNotFound
		},
		"Create": func(ctx context.Context, s *Store, now uint64) error {
			if err := s.Create(ctx, now, &persistence.Session{ID: "1" + id[1:], Claim: claim}); err != nil {
				return err
			}
			return persistence.ErrNotFound
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s := newStale(t)
			p := &persistence.Session{ID: id, Claim: claim, Inbox: make([]persistence.Event, 1)}
			h := newHead(p)
			h.epoch, h.born, h.ver = s.epoch, fresh(), fresh()
			work := s.creation(p, h)
			ok, err := s.swap(ctx, h.ver, stmt{s.cql.prepare, []any{h.born, h.ver, h.epoch, s.opts.Cluster, id, nil}})
			require.NoError(t, err)
			require.True(t, ok)
			require.NoError(t, s.take(ctx, claim, id, h.born))
			require.NoError(t, s.hintAt(ctx, id, h))
			_, err = s.Load(ctx, id)
			require.ErrorIs(t, err, persistence.ErrNotFound, "it is not there yet")
			now := s.replaced(t)
			require.ErrorIs(t, look(ctx, s.Store, now), persistence.ErrNotFound)
			args := work[0].args
			ver := fresh()
			args[0], args[1], args[len(args)-1] = h.born, ver, h.ver
			ok, err = s.swap(ctx, ver, work...)
			require.NoError(t, err)
			require.False(t, ok, "its absence was seen")
			_, err = s.Load(ctx, id)
			require.ErrorIs(t, err, persistence.ErrNotFound)
		})
	}
}

// A claim whose session was never made, by somebody who died under the present epoch, is free after a
// while.
func TestAbandonedClaim(t *testing.T) {
	const claim = "0123456789ABCDEF0123456789ABC000"
	ctx := t.Context()
	s := newStale(t)
	born, ver := fresh(), fresh()
	ok, err := s.swap(ctx, ver, stmt{s.cql.prepare, []any{born, ver, s.epoch, s.opts.Cluster, id, nil}})
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, s.take(ctx, claim, id, born))
	_, err = s.Lookup(ctx, claim)
	require.ErrorIs(t, err, persistence.ErrNotFound)
	other := "1" + id[1:]
	require.NoError(t, s.Create(ctx, uint64(s.epoch), &persistence.Session{ID: other, Claim: claim}))
	got, err := s.Lookup(ctx, claim)
	require.NoError(t, err)
	require.Equal(t, other, got)
	require.NoError(t, s.Create(ctx, uint64(s.epoch), &persistence.Session{ID: id}), "the id as well")
}

// Hints that lead nowhere are removed when they are read; those of a write that is under way
// are left.
func TestDeadHints(t *testing.T) {
	ctx := t.Context()
	s := newStale(t)
	e := uint64(s.epoch)
	require.NoError(t, s.Create(ctx, e, &persistence.Session{ID: id, Inbox: make([]persistence.Event, 1), Timers: []persistence.Timer{{ID: "t", At: time.UnixMilli(50)}}}))
	h, err := s.plain(ctx, id)
	require.NoError(t, err)
	for _, born := range []int64{h.born, h.born + 1} {
		for n := range int64(3) {
			require.NoError(t, s.put(ctx, s.cql.addReady, s.opts.Cluster, 0, id, born, n))
			require.NoError(t, s.put(ctx, s.cql.addDue, s.opts.Cluster, 0, int64(60), id, born, n))
		}
		require.NoError(t, s.put(ctx, s.cql.addListed, s.opts.Cluster, 0, id, born))
	}
	ready, due, listed := 0, 0, 0
	for _, err := range s.Ready(ctx, 0) {
		require.NoError(t, err)
		ready++
	}
	for _, err := range s.Due(ctx, 0, time.UnixMilli(100)) {
		require.NoError(t, err)
		due++
	}
	for _, err := range s.List(ctx, 0, "") {
		require.NoError(t, err)
		listed++
	}
	require.Equal(t, []int{1, 1, 1}, []int{ready, due, listed})
	s.cleanup.Wait()
	rows, err := s.readyPage(ctx, 0, hint{})
	require.NoError(t, err)
	require.Equal(t, []hint{{id: id, born: h.born, n: 1}, {id: id, born: h.born, n: 2}}, rows, "the hint, and one that may be needed soon")
	require.Equal(t, []int64{50, 60}, s.dueTimes(t))
	rows, err = s.listedPage(ctx, 0, hint{})
	require.NoError(t, err)
	require.Equal(t, []hint{{id: id, born: h.born}}, rows)

	// A hint that comes too early moves to the first timer, or goes where there is none.
	require.NoError(t, s.Commit(ctx, e, &persistence.Commit{ID: id, Rev: 1, SetTimers: []persistence.Timer{{ID: "t", At: time.UnixMilli(500)}}}))
	require.Equal(t, []int64{50, 60}, s.dueTimes(t))
	for range s.Due(ctx, 0, time.UnixMilli(100)) {
		t.Fatal("nothing is due")
	}
	s.cleanup.Wait()
	for range s.Due(ctx, 0, time.UnixMilli(100)) { // the other one is dead now
		t.Fatal("nothing is due")
	}
	s.cleanup.Wait()
	require.Equal(t, []int64{500}, s.dueTimes(t))
	require.NoError(t, s.Commit(ctx, e, &persistence.Commit{ID: id, Rev: 2, ClearTimers: []string{"t"}}))
	for range s.Due(ctx, 0, time.UnixMilli(1000)) {
		t.Fatal("nothing is due")
	}
	s.cleanup.Wait()
	require.Empty(t, s.dueTimes(t))
	require.NoError(t, s.Delete(ctx, e, id))
	s.cleanup.Wait()
	for _, page := range []func(context.Context, int, hint) ([]hint, error){s.listedPage, s.readyPage} {
		rows, err := page(ctx, 0, hint{})
		require.NoError(t, err)
		require.LessOrEqual(t, len(rows), 1, "only what was left as perhaps needed")
	}
}

func (s *stale) dueTimes(t *testing.T) (times []int64) {
	iter := s.session.Query(s.cql.due, s.opts.Cluster, 0, int64(10_000)).IterContext(t.Context())
	for row := (hint{}); iter.Scan(&row.at, &row.id, &row.born, &row.n); {
		times = append(times, row.at)
	}
	require.NoError(t, iter.Close())
	return times
}
