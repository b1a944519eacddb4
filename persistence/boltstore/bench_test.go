package boltstore

import (
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence/storetest"
)

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, open(Options{})) }

// BenchmarkRatio compares commits of 1000 sessions through a Store with the same bytes through a
// bare bbolt group commit, and with the same commits through a Store that flushes for each.
//
//	go test -run '^$' -bench Ratio -benchtime 1x ./persistence/boltstore
func BenchmarkRatio(b *testing.B) {
	const sessions = 1000
	store := func(batch int) *Store {
		s, err := Open(filepath.Join(b.TempDir(), "store.db"), &Options{MaxBatch: batch})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, s.Close()) })
		return s
	}
	storetest.Compare(b,
		storetest.Commits("store", store(0), sessions, 20_000),
		storetest.Contender{Name: "bare", Callers: sessions, Calls: 20_000, Steps: bare(b, sessions)},
		storetest.Commits("single", store(1), sessions, 2000))
}

// bare writes the bytes of a commit under as few keys as do, to other sessions in each round, as
// Commits does.
func bare(b *testing.B, sessions int) func(*testing.B, int) func(int) error {
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoStatistics: true})
	require.NoError(b, err)
	require.NoError(b, db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("row"))
		return err
	}))
	type request struct {
		session int
		done    chan error
	}
	queue, ended := make(chan request, 512), make(chan struct{})
	b.Cleanup(func() {
		close(queue)
		<-ended
		require.NoError(b, db.Close())
	})
	go func() {
		defer close(ended)
		group := make([]request, 0, 512)
		for first := range queue {
			group = append(group[:0], first)
		fill:
			for len(group) < cap(group) {
				select {
				case r, ok := <-queue:
					if !ok {
						break fill
					}
					group = append(group, r)
				default:
					break fill
				}
			}
			err := db.Update(func(tx *bbolt.Tx) error {
				for _, r := range group {
					if err := bareCommit(tx, r.session); err != nil {
						return err
					}
				}
				return nil
			})
			for _, r := range group {
				r.done <- err
			}
		}
	}()
	done := make([]chan error, sessions)
	for i := range done {
		done[i] = make(chan error, 1)
	}
	return func(_ *testing.B, round int) func(int) error {
		return func(i int) error {
			queue <- request{round*sessions + i, done[i]}
			return <-done[i]
		}
	}
}

var (
	snapshot = make([]byte, 4096)
	small    = make([]byte, 200)
)

func bareCommit(tx *bbolt.Tx, session int) error {
	rows := tx.Bucket([]byte("row"))
	for kind, value := range [][]byte{snapshot, small, small} {
		key := binary.BigEndian.AppendUint32(nil, uint32(session))
		if err := rows.Put(append(key, byte(kind)), value); err != nil {
			return err
		}
	}
	return nil
}
