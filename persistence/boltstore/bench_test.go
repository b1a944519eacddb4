package boltstore

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/storetest"
)

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, open(Options{})) }

// BenchmarkRatio compares commits of 1000 sessions through a Store with a bare bbolt group commit, and with the
// same commits through a Store that flushes for each. The file holds these sessions alone, or nine idle ones for
// each of them.
//
//	go test -run '^$' -bench Ratio -benchtime 1x ./persistence/boltstore
func BenchmarkRatio(b *testing.B) {
	const sessions = 1000
	for _, idle := range []int{0, 9} {
		b.Run(fmt.Sprintf("idle=%d", idle*sessions), func(b *testing.B) {
			store := func(batch int) *Store {
				s, err := Open(filepath.Join(b.TempDir(), "store.db"), &Options{MaxBatch: batch})
				require.NoError(b, err)
				b.Cleanup(func() { require.NoError(b, s.Close()) })
				return s
			}
			storetest.Compare(b,
				storetest.Commits("store", store(0), sessions, idle, 30_000),
				storetest.Contender{Name: "bare", Callers: sessions, Calls: 30_000, Steps: bare(b, sessions, idle)},
				storetest.Commits("single", store(1), sessions, idle, 2000))
		})
	}
}

// bare is a loop around bbolt and nothing else: one goroutine puts what callers have sent it into transactions, in files
// with the options of a Store. It does the work that is in such a commit whatever a store is like: it writes the same rows,
// with keys and values of the same length, and keeps the order of timers. It decides nothing: it reads no row,
// compares no epoch and no revision, finds no effect to remove, checks and copies no argument.
func bare(b *testing.B, sessions, idle int) func(*testing.B, int) func(int) error {
	o, err := (*Options)(nil).withDefaults()
	require.NoError(b, err)
	db, err := openFile(filepath.Join(b.TempDir(), "bare.db"), &o)
	require.NoError(b, err)
	require.NoError(b, db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket(treeRow)
		require.NoError(b, err)
		_, err = tx.CreateBucket(treeDue)
		return err
	}))
	type request struct {
		session, step int
		done          chan error
	}
	queue, ended := make(chan request, o.MaxBatch), make(chan struct{})
	b.Cleanup(func() {
		close(queue)
		<-ended
		require.NoError(b, db.Close())
	})
	go func() {
		defer close(ended)
		group := make([]request, 0, o.MaxBatch)
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
				rows, due := tx.Bucket(treeRow), tx.Bucket(treeDue)
				for _, r := range group {
					if err := bareCommit(rows, due, r.session, r.step); err != nil {
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
	for _, i := range rand.Perm(sessions * (1 + idle)) {
		done := make(chan error, 1)
		queue <- request{i, 0, done}
		if i%100 == 0 {
			require.NoError(b, <-done)
		}
	}
	done, steps := make([]chan error, sessions), make([]int, sessions)
	for i := range done {
		done[i] = make(chan error, 1)
	}
	return func(*testing.B, int) func(int) error {
		return func(i int) error {
			steps[i]++
			queue <- request{i * (1 + idle), steps[i], done[i]}
			return <-done[i]
		}
	}
}

var (
	bareSnapshot = make([]byte, 4096)
	bareHead     = make([]byte, 460) // with an effect and a timer of 200 bytes each
)

func bareCommit(rows, due *bbolt.Bucket, session, step int) error {
	id := storetest.SessionID(session, 1000)
	bucket := persistence.BucketOf(id, persistence.DefaultBuckets)
	key := rowsOf(bucket, id)
	if err := rows.Put(row(key, rowSnapshot), bareSnapshot); err != nil {
		return err
	}
	if step%2 == 1 {
		if err := due.Delete(dueKey(bucket, uint64(step-1), id, "timer")); err != nil {
			return err
		}
		return rows.Put(row(key, rowHead), bareHead[:240])
	}
	if err := due.Put(dueKey(bucket, uint64(step), id, "timer"), nil); err != nil {
		return err
	}
	return rows.Put(row(key, rowHead), bareHead)
}
