package inspect_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/inspect"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/persistence/storetest"
)

// bySnapshot: the sessions of these tests name one further document each, whose text is their snapshot.
func bySnapshot(s *persistence.Session) ([]persistence.Digest, error) {
	if len(s.Snapshot) == 0 {
		return nil, errors.New("no snapshot")
	}
	return []persistence.Digest{persistence.DigestOf(s.Snapshot)}, nil
}

// aged returns a store with two sessions, the four documents that they name and two that nobody does, all of them a day
// old, and one document that nobody names and that is not.
func aged(t *testing.T) (s *memstore.Store, needed, old []persistence.Digest, epoch uint64) {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s, err := memstore.New(&memstore.Options{Buckets: 2, Now: func() time.Time { return now }})
	require.NoError(t, err)
	put := func(body string) persistence.Digest {
		d, err := s.PutDocument(t.Context(), []byte(body))
		require.NoError(t, err)
		return d
	}
	leases, err := s.Acquire(t.Context(), "owner", 100*time.Hour, 0, 1)
	require.NoError(t, err)
	for i, l := range leases {
		p := &persistence.Session{ID: name(i, i), Document: put(fmt.Sprint("document ", i)), Snapshot: fmt.Append(nil, "other ", i)}
		needed = append(needed, p.Document, put(string(p.Snapshot)))
		require.NoError(t, s.Create(t.Context(), l.Epoch, p))
	}
	old = []persistence.Digest{put("old"), put("older")}
	now = now.Add(24 * time.Hour)
	put("new")
	return s, needed, old, leases[0].Epoch
}

// has checks which documents a store has.
func has(t *testing.T, s persistence.Store, want ...persistence.Digest) {
	t.Helper()
	var got []persistence.Digest
	for info, err := range s.Documents(t.Context(), 0) {
		require.NoError(t, err)
		got = append(got, info.Digest)
	}
	require.ElementsMatch(t, want, got)
}

func TestPrune(t *testing.T) {
	s, needed, old, _ := aged(t)
	done, err := inspect.Prune(t.Context(), s, bySnapshot, nil)
	require.NoError(t, err)
	require.Equal(t, 4, done.Kept)
	require.Len(t, done.Dropped, 2)
	for _, info := range done.Dropped {
		require.Contains(t, old, info.Digest)
		require.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), info.Put)
	}
	has(t, s, append(needed, persistence.DigestOf([]byte("new")))...)

	done, err = inspect.Prune(t.Context(), s, bySnapshot, nil)
	require.NoError(t, err)
	require.Equal(t, inspect.Pruned{Kept: 4}, done, "nothing is left to be removed")
}

func TestPruneAge(t *testing.T) {
	s, needed, old, _ := aged(t)
	for _, age := range []time.Duration{-time.Hour, 1, inspect.MinAge - 1} {
		_, err := inspect.Prune(t.Context(), s, bySnapshot, &inspect.PruneOptions{Age: age})
		require.ErrorIs(t, err, persistence.ErrInvalid)
	}
	asked := 0
	done, err := inspect.Prune(t.Context(), s, func(*persistence.Session) ([]persistence.Digest, error) {
		asked++
		return nil, nil
	}, &inspect.PruneOptions{Age: 25 * time.Hour})
	require.NoError(t, err)
	require.Empty(t, done)
	require.Zero(t, asked, "nothing is old enough, so no session is read")
	has(t, s, append(append(needed, old...), persistence.DigestOf([]byte("new")))...)
	done, err = inspect.Prune(t.Context(), s, bySnapshot, &inspect.PruneOptions{Age: inspect.MinAge})
	require.NoError(t, err)
	require.Len(t, done.Dropped, 2)
}

// TestPruneUnknownNames: a session of which nobody knows what it names keeps all documents.
func TestPruneUnknownNames(t *testing.T) {
	s, needed, old, epoch := aged(t)
	id := name(9, 0)
	require.NoError(t, s.Create(t.Context(), epoch, &persistence.Session{ID: id}))
	done, err := inspect.Prune(t.Context(), s, bySnapshot, nil)
	require.ErrorContains(t, err, id)
	require.ErrorContains(t, err, "nothing was removed")
	require.Empty(t, done)
	has(t, s, append(append(needed, old...), persistence.DigestOf([]byte("new")))...)

	// It can be deleted, once no engine has its bucket; so prune goes on.
	require.ErrorIs(t, inspect.Delete(t.Context(), s, id), inspect.ErrHeld)
	require.NoError(t, s.Release(t.Context(), persistence.Lease{Bucket: 0, Owner: "owner", Epoch: epoch}))
	require.NoError(t, inspect.Delete(t.Context(), s, id))
	require.ErrorIs(t, inspect.Delete(t.Context(), s, id), persistence.ErrNotFound)
	leases, err := s.Acquire(t.Context(), "another", time.Hour, 0)
	require.NoError(t, err)
	require.Len(t, leases, 1, "the bucket is free again")
	done, err = inspect.Prune(t.Context(), s, bySnapshot, nil)
	require.NoError(t, err)
	require.Len(t, done.Dropped, 2)
	require.Equal(t, 4, done.Kept)
}

// TestPruneFaults lets each operation of the store fail, in each way. What sessions need stays, and the next time does the
// rest.
func TestPruneFaults(t *testing.T) {
	for _, point := range []storetest.Point{storetest.Before, storetest.Lost, storetest.After} {
		for n := 1; ; n++ {
			s, needed, _, _ := aged(t)
			faulty := storetest.Fail(s, n, point)
			done, err := inspect.Prune(t.Context(), faulty, bySnapshot, nil)
			if faulty.Hit() == "" {
				require.NoError(t, err)
				require.Greater(t, n, 6)
				break
			}
			require.ErrorIs(t, err, storetest.ErrInjected, faulty.Hit())
			if faulty.Hit() != "DropDocument" {
				require.Empty(t, done)
				require.ErrorContains(t, err, "nothing was removed")
			}
			_, err = inspect.Prune(t.Context(), s, bySnapshot, nil)
			require.NoError(t, err)
			has(t, s, append(needed, persistence.DigestOf([]byte("new")))...)
		}
	}
}

// TestPruneMeanwhile: others may prune, and end sessions, while sessions are looked through.
func TestPruneMeanwhile(t *testing.T) {
	s, needed, _, epoch := aged(t)
	first := true
	done, err := inspect.Prune(t.Context(), s, func(p *persistence.Session) ([]persistence.Digest, error) {
		if first {
			first = false
			inner, err := inspect.Prune(t.Context(), s, bySnapshot, nil)
			require.NoError(t, err)
			require.Len(t, inner.Dropped, 2)
			require.NoError(t, s.Delete(t.Context(), epoch, p.ID))
		}
		return bySnapshot(p)
	}, nil)
	require.NoError(t, err)
	require.Equal(t, inspect.Pruned{Kept: 4}, done)
	has(t, s, append(needed, persistence.DigestOf([]byte("new")))...)
}

// TestExportTakesEveryDocument: those that stand in snapshots alone, too. A session of which they are not known is taken as
// it is.
func TestExportTakesEveryDocument(t *testing.T) {
	from, needed, _, epoch := aged(t)
	require.NoError(t, from.Create(t.Context(), epoch, &persistence.Session{ID: name(9, 0)}))
	var file bytes.Buffer
	n, err := inspect.Export(t.Context(), &file, from, bySnapshot, nil)
	require.NoError(t, err)
	require.Equal(t, inspect.Counts{Documents: 4, Sessions: 3}, n)
	to := memory(t)
	_, err = inspect.Import(t.Context(), to, bytes.NewReader(file.Bytes()), nil)
	require.NoError(t, err)
	has(t, to, needed...)
}
