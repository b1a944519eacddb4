package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-ff723688/ors/persistence"
)

// together runs work in n goroutines that start at the same moment.
func together(n int, work func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			work(i)
		})
	}
	close(start)
	wg.Wait()
}

var concurrencyTests = []test{
	{"appends", func(f *fixture) {
		const workers, each = 8, 50
		id := f.create(0)
		numbers := make([][]uint64, workers)
		together(workers, func(w int) {
			for i := range each {
				n, err := f.s.Append(f.ctx, id, persistence.Event{Data: fmt.Appendf(nil, "%d/%d", w, i)})
				if err != nil {
					f.Errorf("append: %v", err)
					return
				}
				numbers[w] = append(numbers[w], n)
			}
		})
		inbox := f.load(id).Inbox
		if len(inbox) != workers*each {
			f.Fatalf("%d events in the inbox, want %d", len(inbox), workers*each)
		}
		for w, got := range numbers {
			if !slices.IsSorted(got) {
				f.Errorf("numbers given to one writer do not rise: %v", got)
			}
			for i, n := range got {
				if want := fmt.Sprintf("%d/%d", w, i); n < 1 || n > workers*each || string(inbox[n-1].Data) != want || inbox[n-1].Number != n {
					f.Errorf("event %s was given number %d, but is not there", want, n)
				}
			}
		}
	}},
	{"one key", func(f *fixture) {
		id := f.create(0)
		numbers := make([]uint64, 16)
		together(len(numbers), func(i int) {
			n, err := f.s.Append(f.ctx, id, persistence.Event{Key: "same"})
			if err != nil {
				f.Errorf("append: %v", err)
			}
			numbers[i] = n
		})
		if got := slices.Compact(numbers); len(got) != 1 || got[0] != 1 || len(f.load(id).Inbox) != 1 {
			f.Fatalf("one event was taken more than once: numbers %v, inbox %s", got, show(f.load(id).Inbox))
		}
	}},
	{"one claim", func(f *fixture) {
		for range 10 {
			call := f.name(0)
			var ids []string
			for range 8 {
				ids = append(ids, f.name(0))
			}
			e := f.epoch(call)
			winners := make([]string, len(ids))
			together(len(ids), func(i int) {
				err := f.s.Create(f.ctx, e, &persistence.Session{ID: ids[i], Claim: call})
				var claimed *persistence.ClaimedError
				switch {
				case err == nil:
					winners[i] = ids[i]
				case errors.As(err, &claimed):
					winners[i] = claimed.Session
				default:
					f.Errorf("create: %v", err)
				}
			})
			if got := slices.Compact(winners); len(got) != 1 {
				f.Fatalf("several sessions for one call: %v", got)
			}
		}
	}},
	{"one id", func(f *fixture) {
		id := f.name(0)
		e := f.epoch(id)
		var won atomic.Int32
		together(8, func(i int) {
			err := f.s.Create(f.ctx, e, &persistence.Session{ID: id, Snapshot: fmt.Append(nil, i)})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, persistence.ErrExists) {
				f.Errorf("create: %v", err)
			}
		})
		if won.Load() != 1 {
			f.Fatalf("%d of 8 creations of one session succeeded", won.Load())
		}
	}},
	{"one revision", func(f *fixture) {
		id := f.create(0)
		e := f.epoch(id)
		for rev := range uint64(20) {
			var winner atomic.Int32
			together(8, func(i int) {
				err := f.s.Commit(f.ctx, e, &persistence.Commit{
					ID: id, Rev: rev + 1, Snapshot: fmt.Append(nil, i), Effects: []persistence.Effect{{ID: fmt.Sprintf("%d-%d", rev, i)}},
				})
				if err == nil {
					if !winner.CompareAndSwap(0, int32(i+1)) {
						f.Errorf("two commits on revision %d", rev+1)
					}
				} else if !errors.Is(err, persistence.ErrConflict) {
					f.Errorf("commit: %v", err)
				}
			})
			got, want := f.load(id), fmt.Sprint(winner.Load()-1)
			if string(got.Snapshot) != want || got.Rev != rev+2 || got.Outbox[len(got.Outbox)-1].ID != fmt.Sprintf("%d-%s", rev, want) {
				f.Fatalf("the winner on revision %d was %s, but stored is %s", rev+1, want, show(got))
			}
		}
	}},
	{"one bucket", func(f *fixture) {
		var granted atomic.Int32
		together(8, func(i int) {
			got, err := f.s.Acquire(f.ctx, fmt.Sprint("node", i), lease, 0)
			if err != nil {
				f.Errorf("acquire: %v", err)
			}
			granted.Add(int32(len(got)))
		})
		if granted.Load() != 1 {
			f.Fatalf("%d of 8 nodes got the bucket", granted.Load())
		}
	}},
	{"one owner many times", func(f *fixture) {
		var mu sync.Mutex
		epochs := make(map[uint64]bool)
		together(8, func(int) {
			for range 10 {
				got, err := f.s.Acquire(f.ctx, "owner", lease, 0)
				if err != nil || len(got) != 1 {
					f.Errorf("acquire: %v, %v", got, err)
					return
				}
				mu.Lock()
				if epochs[got[0].Epoch] {
					f.Errorf("epoch %d was given twice", got[0].Epoch)
				}
				epochs[got[0].Epoch] = true
				mu.Unlock()
			}
		})
	}},
	{"takeover", takeover},
	{"every event once", everyEventOnce},
	{"lists meanwhile", func(f *fixture) {
		stay := f.create(0)
		f.append(stay, "", "x")
		f.commit(&persistence.Commit{ID: stay, Rev: 1, SetTimers: []persistence.Timer{{ID: "t", At: at(0)}}})
		e := f.epochs[0]
		var ids []string
		for range 4 {
			ids = append(ids, f.name(0))
		}
		together(len(ids)+2, func(i int) {
			if i < len(ids) {
				for range 30 {
					s := &persistence.Session{ID: ids[i], Inbox: make([]persistence.Event, 1), Timers: []persistence.Timer{{ID: "t", At: at(1)}}}
					if err := errors.Join(f.s.Create(f.ctx, e, s), f.s.Delete(f.ctx, e, s.ID)); err != nil {
						f.Errorf("create and delete: %v", err)
						return
					}
				}
				return
			}
			for range 30 {
				seen := 0
				for _, list := range []func(func(persistence.Info, error) bool){f.s.List(f.ctx, 0, ""), f.s.Ready(f.ctx, 0)} {
					for info, err := range list {
						if err != nil {
							f.Errorf("list: %v", err)
						}
						if info.ID == stay {
							seen++
						}
					}
				}
				for due, err := range f.s.Due(f.ctx, 0, at(1)) {
					if err != nil {
						f.Errorf("due: %v", err)
					}
					if due.Session == stay {
						seen++
					}
				}
				if seen != 3 {
					f.Errorf("a session that was there all the time appeared %d times in 3 lists", seen)
				}
			}
		})
	}},
}

// takeover lets an owner commit as fast as it can while another takes its bucket. Once
// Acquire has returned nothing of the old owner may come through.
func takeover(f *fixture) {
	id := f.create(0)
	old := f.epochs[0]
	var done atomic.Uint64 // revisions that the old owner was told are written
	together(2, func(i int) {
		if i == 0 {
			for rev := uint64(1); ; rev++ {
				err := f.s.Commit(f.ctx, old, &persistence.Commit{ID: id, Rev: rev, Snapshot: fmt.Append(nil, rev)})
				if errors.Is(err, persistence.ErrFenced) {
					return
				}
				if err != nil {
					f.Errorf("commit of the old owner: %v", err)
					return
				}
				done.Store(rev + 1)
			}
		}
		for done.Load() < 20 && !f.Failed() {
			if _, err := f.s.Load(f.ctx, id); err != nil {
				f.Errorf("load: %v", err)
				return
			}
		}
		got, err := f.s.Acquire(f.ctx, "owner", lease, 0)
		if err != nil || len(got) != 1 {
			f.Errorf("acquire: %v, %v", got, err)
			return
		}
		s, err := f.s.Load(f.ctx, id)
		if err != nil {
			f.Errorf("load: %v", err)
			return
		}
		for rev := s.Rev; rev < s.Rev+20; rev++ {
			if err := f.s.Commit(f.ctx, got[0].Epoch, &persistence.Commit{ID: id, Rev: rev}); err != nil {
				f.Errorf("commit of the new owner: %v", err)
				return
			}
		}
		if d := done.Load(); d > s.Rev {
			f.Errorf("the old owner wrote revision %d after the new one had read %d", d, s.Rev)
		}
	})
}

// everyEventOnce lets several nodes append to several sessions, and lose their answers
// now and then, while the owner handles the events and adds them up in the snapshot.
func everyEventOnce(f *fixture) {
	const writers, each, sessions = 4, 60, 3
	var ids []string
	for b := range sessions {
		id := f.name(b % f.s.Buckets())
		f.put(&persistence.Session{ID: id, Snapshot: []byte("0")})
		ids = append(ids, id)
	}
	var wg sync.WaitGroup
	var writing atomic.Int32
	writing.Store(writers)
	for w := range writers {
		wg.Go(func() {
			defer writing.Add(-1)
			for i := range each {
				e := persistence.Event{Key: fmt.Sprintf("%d/%d", w, i), Data: []byte("1")}
				for range 1 + i%3 {
					if _, err := f.s.Append(f.ctx, ids[i%sessions], e); err != nil {
						f.Errorf("append: %v", err)
						return
					}
				}
			}
		})
	}
	for _, id := range ids {
		epoch := f.epoch(id)
		wg.Go(func() {
			for {
				over := writing.Load() == 0
				s, err := f.s.Load(f.ctx, id)
				if err != nil {
					f.Errorf("load: %v", err)
					return
				}
				if len(s.Inbox) == 0 {
					if over {
						return
					}
					continue
				}
				var sum int
				if _, err := fmt.Sscan(string(s.Snapshot), &sum); err != nil {
					f.Errorf("snapshot %q: %v", s.Snapshot, err)
					return
				}
				c := &persistence.Commit{ID: id, Rev: s.Rev, Acked: s.Inbox[0].Number, Snapshot: fmt.Append(nil, sum+1)}
				if err := f.s.Commit(f.ctx, epoch, c); err != nil {
					f.Errorf("commit: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		if got := f.load(id); string(got.Snapshot) != fmt.Sprint(writers*each/sessions) || len(got.Inbox) != 0 {
			f.Errorf("want %d events handled once each, stored is %s", writers*each/sessions, show(got))
		}
	}
}
