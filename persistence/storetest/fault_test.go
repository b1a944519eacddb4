package storetest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/persistence/storetest"
)

// TestFail lets each operation of a small program fail, at each point, and follows the
// advice of package persistence on how to go on. The end is always the same.
func TestFail(t *testing.T) {
	for _, point := range []storetest.Point{storetest.Before, storetest.Lost, storetest.After} {
		var hits []string
		for n := 1; ; n++ {
			inner, err := memstore.New(&memstore.Options{Buckets: 1})
			require.NoError(t, err)
			s := storetest.Fail(inner, n, point)
			got := program(t, s, point)
			require.Equal(t, &persistence.Session{
				ID: "s", Rev: 2, Acked: 1, Snapshot: []byte("done"),
				Document: persistence.DigestOf([]byte("<scxml/>")),
				Inbox:    []persistence.Event{{Number: 2, Key: "b"}},
			}, got, "operation %d (%s) at point %d", n, s.Hit(), point)
			if s.Hit() == "" {
				require.Equal(t, n-1, s.Seen())
				break
			}
			hits = append(hits, s.Hit())
		}
		require.Equal(t, []string{"Acquire", "PutDocument", "Create", "Append", "Append", "Ready", "Due", "List", "Commit",
			"Confirm", "Inbox", "Lookup", "Renew", "Leases", "Document", "Documents", "DropDocument", "Load", "Release", "Delete"}, hits)
	}
}

// program uses every operation once or twice; each is repeated when it fails.
func program(t *testing.T, s persistence.Store, point storetest.Point) *persistence.Session {
	ctx := t.Context()
	// again repeats an operation; done are errors that tell, after an unknown outcome, that it took effect.
	again := func(op func() error, done ...error) {
		err := op()
		if !errors.Is(err, storetest.ErrInjected) {
			require.NoError(t, err)
			return
		}
		unknown := errors.Is(err, persistence.ErrOutcomeUnknown)
		require.False(t, unknown && point == storetest.Before, "%v", err)
		err = op()
		for _, d := range done {
			if unknown && errors.Is(err, d) {
				require.Equal(t, storetest.After, point)
				return
			}
		}
		require.NoError(t, err)
	}
	var leases []persistence.Lease
	again(func() (err error) { leases, err = s.Acquire(ctx, "owner", time.Hour, 0); return })
	require.Len(t, leases, 1)
	epoch := leases[0].Epoch

	var document persistence.Digest
	again(func() (err error) { document, err = s.PutDocument(ctx, []byte("<scxml/>")); return })
	again(func() error { return s.Create(ctx, epoch, &persistence.Session{ID: "s", Document: document}) }, persistence.ErrExists)
	for _, key := range []string{"a", "b"} {
		again(func() error { _, err := s.Append(ctx, "s", persistence.Event{Key: key}); return err })
	}
	lists := map[string]func() error{
		"Ready": func() error { return ends(s.Ready(ctx, 0)) },
		"Due":   func() error { return ends(s.Due(ctx, 0, time.Now())) },
		"List":  func() error { return ends(s.List(ctx, 0, "")) },
	}
	for _, name := range []string{"Ready", "Due", "List"} {
		again(lists[name])
	}
	again(func() error {
		return s.Commit(ctx, epoch, &persistence.Commit{ID: "s", Rev: 1, Acked: 1, Snapshot: []byte("done"), Effects: []persistence.Effect{{ID: "e"}}})
	}, persistence.ErrConflict)
	again(func() error { return s.Confirm(ctx, epoch, "s", "e") })
	again(func() error { _, err := s.Inbox(ctx, "s", 0, 0); return err })
	again(func() error {
		_, err := s.Lookup(ctx, "nobody's")
		if errors.Is(err, persistence.ErrNotFound) {
			return nil
		}
		return err
	})
	again(func() error { _, err := s.Renew(ctx, time.Hour, leases...); return err })
	again(func() error { _, err := s.Leases(ctx); return err })
	again(func() error { _, err := s.Document(ctx, document); return err })
	again(func() error { return ends(s.Documents(ctx, 0)) })
	again(func() error { _, err := s.DropDocument(ctx, document, time.Now().Add(time.Hour)); return err }, persistence.ErrNotFound)
	var got *persistence.Session
	again(func() (err error) { got, err = s.Load(ctx, "s"); return })

	// A second life, to delete: the first record is the result.
	again(func() error { return s.Release(ctx, leases...) })
	fresh, err := s.(*storetest.Faulty).Store.Acquire(ctx, "owner", time.Hour, 0)
	require.NoError(t, err)
	again(func() error { return s.Delete(ctx, fresh[0].Epoch, "s") }, persistence.ErrNotFound)
	_, err = s.(*storetest.Faulty).Store.Load(context.WithoutCancel(ctx), "s")
	require.ErrorIs(t, err, persistence.ErrNotFound)
	return got
}

func ends[T any](list func(func(T, error) bool)) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}
