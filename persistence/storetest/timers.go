package storetest

import (
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

var timerTests = []test{
	{"due", func(f *fixture) {
		a, b := f.name(0), f.name(0)
		f.put(&persistence.Session{ID: a, Timers: []persistence.Timer{{ID: "1", At: at(300)}, {ID: "2", At: at(100)}, {ID: "3", At: at(1 << 40)}}})
		f.put(&persistence.Session{ID: b, Timers: []persistence.Timer{{ID: "1", At: at(200)}}})
		f.put(&persistence.Session{ID: f.name(0)})
		want := []persistence.Due{{Session: a, Timer: "2", At: at(100)}, {Session: b, Timer: "1", At: at(200)}, {Session: a, Timer: "1", At: at(300)}}
		for until, n := range map[int64]int{-1: 0, 99: 0, 100: 1, 101: 1, 299: 2, 300: 3, 1 << 39: 3} {
			got := all(f, f.s.Due(f.ctx, 0, at(until)))
			f.same(got, want[:n])
			f.same(all(f, f.s.Due(f.ctx, 0, at(until).In(time.FixedZone("", 3600)))), got)
		}
	}},
	{"set, replaced, cleared", func(f *fixture) {
		id := f.create(0)
		f.commit(&persistence.Commit{ID: id, Rev: 1, SetTimers: []persistence.Timer{{ID: "x", At: at(100), Data: []byte("1")}, {ID: "y", At: at(200)}}})
		f.commit(&persistence.Commit{ID: id, Rev: 2, SetTimers: []persistence.Timer{{ID: "x", At: at(300), Data: []byte("2")}}})
		f.same(all(f, f.s.Due(f.ctx, 0, at(1000))), []persistence.Due{{Session: id, Timer: "y", At: at(200)}, {Session: id, Timer: "x", At: at(300)}})
		f.stored(&persistence.Session{ID: id, Rev: 3, Snapshot: []byte("start"),
			Timers: []persistence.Timer{{ID: "y", At: at(200)}, {ID: "x", At: at(300), Data: []byte("2")}}})

		// Cleared and set in one commit: set. Cleared and not there: ignored.
		f.commit(&persistence.Commit{ID: id, Rev: 3, ClearTimers: []string{"x", "y", "never"}, SetTimers: []persistence.Timer{{ID: "y", At: at(50)}}})
		f.same(all(f, f.s.Due(f.ctx, 0, at(1000))), []persistence.Due{{Session: id, Timer: "y", At: at(50)}})
		f.commit(&persistence.Commit{ID: id, Rev: 4, ClearTimers: []string{"y"}})
		f.same(all(f, f.s.Due(f.ctx, 0, at(1000))), []persistence.Due{})
		f.stored(&persistence.Session{ID: id, Rev: 5, Snapshot: []byte("start")})
	}},
	{"times", func(f *fixture) {
		s := &persistence.Session{ID: f.name(0), Timers: []persistence.Timer{
			{ID: "a", At: time.UnixMilli(0).UTC()},
			{ID: "b", At: time.Date(2026, 3, 29, 1, 59, 59, 999e6, time.UTC)},
			{ID: "c", At: time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)},
		}}
		f.put(s)
		s.Rev = 1
		f.stored(s)

		fine := &persistence.Session{ID: f.name(0), Timers: []persistence.Timer{{ID: "f", At: at(7).Add(999_999 * time.Nanosecond)}}}
		f.put(fine)
		if got := f.load(fine.ID).Timers[0].At; !got.Equal(at(7)) {
			f.Fatalf("a time finer than the millisecond became %v, want it cut off to %v", got, at(7))
		}
	}},
	{"by bucket", func(f *fixture) {
		if f.s.Buckets() < 2 {
			f.Skip("the store has one bucket")
		}
		for b := range 2 {
			f.put(&persistence.Session{ID: f.name(b), Timers: []persistence.Timer{{ID: "t", At: at(0)}}})
			if got := all(f, f.s.Due(f.ctx, b, at(1))); len(got) != 1 || f.bucket(got[0].Session) != b {
				f.Fatalf("due in bucket %d: %s", b, show(got))
			}
		}
	}},
	{"many", func(f *fixture) {
		const n = 700
		c := &persistence.Commit{ID: f.create(0), Rev: 1}
		for i := range int64(n) {
			c.SetTimers = append(c.SetTimers, persistence.Timer{ID: f.name(0), At: at(i * 7919 % n)})
		}
		f.commit(c)
		got := all(f, f.s.Due(f.ctx, 0, at(499)))
		if len(got) != 500 {
			f.Fatalf("%d timers due, want 500", len(got))
		}
		for i, d := range got {
			if !d.At.Equal(at(int64(i))) {
				f.Fatalf("timer %d is set to %v, want %v", i, d.At, at(int64(i)))
			}
		}
	}},
}
