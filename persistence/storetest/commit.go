package storetest

import (
	"errors"
	"fmt"

	"github.com/seed-ff723688/ors/persistence"
)

var commitTests = []test{
	{"all at once", func(f *fixture) {
		s := full(f, 0)
		f.put(s)
		f.commit(&persistence.Commit{
			ID: s.ID, Rev: 1, Snapshot: []byte("after"), Acked: 2,
			ClearTimers: []string{"late"},
			SetTimers:   []persistence.Timer{{ID: "new", At: at(500), Data: []byte("n")}},
			Confirmed:   []string{"z"},
			Effects:     []persistence.Effect{{ID: "m", Data: []byte("third")}},
		})
		f.stored(&persistence.Session{
			ID: s.ID, Claim: s.Claim, Document: s.Document, Rev: 2, Snapshot: []byte("after"), Acked: 2,
			Inbox:  s.Inbox[2:],
			Timers: []persistence.Timer{{ID: "new", At: at(500), Data: []byte("n")}, s.Timers[1]},
			Outbox: []persistence.Effect{s.Outbox[1], {ID: "m", Data: []byte("third")}},
		})
	}},
	{"nothing but the revision", func(f *fixture) {
		s := full(f, 0)
		f.put(s)
		f.commit(&persistence.Commit{ID: s.ID, Rev: 1})
		want := *s
		want.Rev = 2
		want.Timers = []persistence.Timer{s.Timers[1], s.Timers[0]}
		f.stored(&want)
	}},
	{"revisions", func(f *fixture) {
		id := f.create(0)
		for rev := range uint64(10) {
			f.commit(&persistence.Commit{ID: id, Rev: rev + 1, Snapshot: fmt.Append(nil, rev)})
		}
		e := f.epoch(id)
		for _, rev := range []uint64{1, 9, 10, 12, 1 << 40} {
			err := f.s.Commit(f.ctx, e, &persistence.Commit{
				ID: id, Rev: rev, Snapshot: []byte("wrong"),
				SetTimers: []persistence.Timer{{ID: "t", At: at(0)}}, Effects: []persistence.Effect{{ID: "e"}},
			})
			f.is(err, persistence.ErrConflict)
			var conflict *persistence.ConflictError
			if !errors.As(err, &conflict) || conflict.Current != 11 || conflict.Rev != rev || conflict.Session != id {
				f.Fatalf("want a *ConflictError with revision 11 and %d, got %#v", rev, err)
			}
		}
		f.stored(&persistence.Session{ID: id, Rev: 11, Snapshot: []byte("9")})
		f.same(all(f, f.s.Ready(f.ctx, 0)), []persistence.Info{})
		f.same(all(f, f.s.Due(f.ctx, 0, at(10))), []persistence.Due{})
	}},
	{"appends leave the revision alone", func(f *fixture) {
		id := f.create(0)
		f.append(id, "", "x")
		f.commit(&persistence.Commit{ID: id, Rev: 1, Acked: 0})
		f.append(id, "", "y")
		f.commit(&persistence.Commit{ID: id, Rev: 2, Acked: 2})
		f.stored(&persistence.Session{ID: id, Rev: 3, Snapshot: []byte("start"), Acked: 2})
	}},
	{"invalid", func(f *fixture) {
		s := full(f, 0)
		s.Acked, s.Inbox[0].Number, s.Inbox[1].Number, s.Inbox[2].Number = 10, 11, 12, 13
		f.put(s)
		want := show(f.load(s.ID))
		e := f.epoch(s.ID)
		for name, c := range map[string]*persistence.Commit{
			"no id":                  {Rev: 1, Acked: 10},
			"revision 0":             {ID: s.ID, Acked: 10},
			"acked before stored":    {ID: s.ID, Rev: 1, Acked: 9},
			"acked after the last":   {ID: s.ID, Rev: 1, Acked: 14},
			"timer without id":       {ID: s.ID, Rev: 1, Acked: 10, SetTimers: []persistence.Timer{{At: at(0)}}},
			"timer without time":     {ID: s.ID, Rev: 1, Acked: 10, SetTimers: []persistence.Timer{{ID: "t"}}},
			"timer twice":            {ID: s.ID, Rev: 1, Acked: 10, SetTimers: []persistence.Timer{{ID: "t", At: at(0)}, {ID: "t", At: at(1)}}},
			"effect without id":      {ID: s.ID, Rev: 1, Acked: 10, Effects: []persistence.Effect{{}}},
			"effect twice":           {ID: s.ID, Rev: 1, Acked: 10, Effects: []persistence.Effect{{ID: "x"}, {ID: "x"}}},
			"effect in the outbox":   {ID: s.ID, Rev: 1, Acked: 10, Effects: []persistence.Effect{{ID: "new"}, {ID: "a"}}},
			"good parts beside":      {ID: s.ID, Rev: 1, Acked: 14, Snapshot: []byte("new"), ClearTimers: []string{"late"}, Confirmed: []string{"a"}},
			"effect of a bad name":   {ID: s.ID, Rev: 1, Acked: 10, Effects: []persistence.Effect{{ID: "a\tb"}}},
			"timer of a broken name": {ID: s.ID, Rev: 1, Acked: 10, SetTimers: []persistence.Timer{{ID: "\xff", At: at(0)}}},
		} {
			if err := f.s.Commit(f.ctx, e, c); !errors.Is(err, persistence.ErrInvalid) {
				f.Errorf("%s: error is %v, want %v", name, err, persistence.ErrInvalid)
			}
			if got := show(f.load(s.ID)); got != want {
				f.Errorf("%s: a refused commit changed the session\ngot  %s\nwant %s", name, got, want)
			}
		}
	}},
}

var outboxTests = []test{
	{"order", func(f *fixture) {
		id := f.create(0)
		var want []persistence.Effect
		for rev := range uint64(5) {
			c := &persistence.Commit{ID: id, Rev: rev + 1}
			for i := range 3 {
				// Ids whose byte order is not the order in which they are added.
				c.Effects = append(c.Effects, persistence.Effect{ID: fmt.Sprintf("%d-%d", 9-rev, 9-i), Data: fmt.Append(nil, rev, i)})
			}
			f.commit(c)
			want = append(want, c.Effects...)
		}
		f.same(f.load(id), &persistence.Session{ID: id, Rev: 6, Snapshot: []byte("start"), Outbox: want})

		f.check(f.s.Confirm(f.ctx, f.epoch(id), id, want[3].ID, want[0].ID, "not there"))
		want = append(want[1:3:3], want[4:]...)
		f.stored(&persistence.Session{ID: id, Rev: 6, Snapshot: []byte("start"), Outbox: want})
	}},
	{"confirm all, and again", func(f *fixture) {
		s := full(f, 0)
		f.put(s)
		e := f.epoch(s.ID)
		for range 2 {
			f.check(f.s.Confirm(f.ctx, e, s.ID, "a", "z"))
			if got := f.load(s.ID); len(got.Outbox) != 0 || got.Rev != 1 || len(got.Inbox) != 3 {
				f.Fatalf("after Confirm: %s", show(got))
			}
		}
		f.check(f.s.Confirm(f.ctx, e, s.ID))
	}},
	{"many at once", func(f *fixture) {
		id := f.create(0)
		c := &persistence.Commit{ID: id, Rev: 1}
		var ids []string
		for i := range 300 {
			c.Effects = append(c.Effects, persistence.Effect{ID: fmt.Sprint(i), Data: fmt.Append(nil, "data ", i)})
			c.SetTimers = append(c.SetTimers, persistence.Timer{ID: fmt.Sprint(i), At: at(int64(i))})
			ids = append(ids, fmt.Sprint(i))
		}
		f.commit(c)
		f.stored(&persistence.Session{ID: id, Rev: 2, Snapshot: []byte("start"), Outbox: c.Effects, Timers: c.SetTimers})
		f.commit(&persistence.Commit{ID: id, Rev: 2, Confirmed: ids[:200], ClearTimers: ids[100:]})
		f.stored(&persistence.Session{ID: id, Rev: 3, Snapshot: []byte("start"), Outbox: c.Effects[200:], Timers: c.SetTimers[:100]})
		f.check(f.s.Confirm(f.ctx, f.epoch(id), id, ids...))
		f.stored(&persistence.Session{ID: id, Rev: 3, Snapshot: []byte("start"), Timers: c.SetTimers[:100]})
	}},
	{"confirmed and added under one id", func(f *fixture) {
		s := full(f, 0)
		f.put(s)
		f.commit(&persistence.Commit{ID: s.ID, Rev: 1, Confirmed: []string{"z"}, Effects: []persistence.Effect{{ID: "z", Data: []byte("anew")}}})
		f.same(f.load(s.ID).Outbox, []persistence.Effect{s.Outbox[1], {ID: "z", Data: []byte("anew")}})
	}},
}
