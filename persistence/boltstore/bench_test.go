package boltstore

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
)

// BenchmarkRatio runs, in turn and in the same run, commits of 1000 sessions through a Store,
// the same bytes through a bare bbolt group commit, and the same commits through a Store that
// flushes for each of them. It reports each as commits a second and the first as ratios of
// the others, medians of five rounds.
//
//	go test -run '^$' -bench Ratio ./persistence/boltstore
func BenchmarkRatio(b *testing.B) {
	const sessions = 1000
	for b.Loop() {
		var store, bare, single []float64
		for range 5 {
			store = append(store, rate(b, sessions, 20_000, storeStep(b, sessions, 0)))
			bare = append(bare, rate(b, sessions, 20_000, bareStep(b, sessions)))
			single = append(single, rate(b, sessions, 2000, storeStep(b, sessions, 1)))
		}
		b.ReportMetric(median(store), "store/s")
		b.ReportMetric(median(bare), "bare/s")
		b.ReportMetric(median(single), "single/s")
		b.ReportMetric(median(store)/median(bare), "store/bare")
		b.ReportMetric(median(store)/median(single), "store/single")
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// rate returns how many calls of step a second callers make, n in all.
func rate(b *testing.B, callers, n int, step func(caller int) error) float64 {
	var left atomic.Int64
	left.Store(int64(n))
	start := time.Now()
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := step(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(start).Seconds()
}

var (
	snapshot = make([]byte, 4096)
	small    = make([]byte, 200)
)

// storeStep is a commit of 4 KB that replaces an effect of 200 bytes and sets or clears a timer.
func storeStep(b *testing.B, sessions, batch int) func(int) error {
	s, err := Open(filepath.Join(b.TempDir(), "store.db"), &Options{MaxBatch: batch})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	leases, err := s.Acquire(b.Context(), "owner", time.Hour, 0)
	require.NoError(b, err)
	revs := make([]uint64, sessions)
	var wg sync.WaitGroup
	for i := range sessions {
		wg.Go(func() {
			p := &persistence.Session{ID: fmt.Sprintf("%029d000", i), Snapshot: snapshot}
			if err := s.Create(b.Context(), leases[0].Epoch, p); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	return func(i int) error {
		revs[i]++
		rev := revs[i]
		id := fmt.Sprintf("%029d000", i)
		c := &persistence.Commit{
			ID: id, Rev: rev, Snapshot: snapshot,
			Confirmed: []string{fmt.Sprint(rev - 1)}, Effects: []persistence.Effect{{ID: fmt.Sprint(rev), Data: small}},
		}
		if rev%2 == 0 {
			c.ClearTimers = []string{"timer"}
		} else {
			c.SetTimers = []persistence.Timer{{ID: "timer", At: time.UnixMilli(int64(rev)), Data: small}}
		}
		return s.Commit(b.Context(), leases[0].Epoch, c)
	}
}

// bareStep writes the same bytes under as few keys as do.
func bareStep(b *testing.B, sessions int) func(int) error {
	db := bare(b)
	type request struct {
		session int
		done    chan error
	}
	queue := make(chan request, 512)
	b.Cleanup(func() { close(queue) })
	go func() {
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
	return func(i int) error {
		queue <- request{i, done[i]}
		return <-done[i]
	}
}

func bare(b *testing.B) *bbolt.DB {
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoStatistics: true})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	require.NoError(b, db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("row"))
		return err
	}))
	return db
}

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
