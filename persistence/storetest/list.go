package storetest

import (
	"fmt"
	"slices"

	"github.com/seed-ff723688/ors/persistence"
)

var listTests = []test{
	{"info", func(f *fixture) {
		s := full(f, 0)
		s.Acked = 5
		f.put(s)
		want := []persistence.Info{{ID: s.ID, Claim: s.Claim, Document: s.Document, Rev: 1, Acked: 5, Tail: 8, Timers: 2, Effects: 2}}
		f.same(all(f, f.s.List(f.ctx, 0, "")), want)
		f.same(all(f, f.s.Ready(f.ctx, 0)), want)
		f.commit(&persistence.Commit{ID: s.ID, Rev: 1, Acked: 8, ClearTimers: []string{"late"}, Confirmed: []string{"a", "z"}})
		want = []persistence.Info{{ID: s.ID, Claim: s.Claim, Document: s.Document, Rev: 2, Acked: 8, Tail: 8, Timers: 1}}
		f.same(all(f, f.s.List(f.ctx, 0, "")), want)
		f.same(all(f, f.s.Ready(f.ctx, 0)), []persistence.Info{})
	}},
	{"ready", func(f *fixture) {
		id, rev := f.create(0), uint64(0)
		ready := func(why string, want bool) {
			f.Helper()
			if got := len(all(f, f.s.Ready(f.ctx, 0))) == 1; got != want {
				f.Fatalf("%s: ready is %t, want %t", why, got, want)
			}
		}
		commit := func(c persistence.Commit) {
			f.Helper()
			rev++
			c.ID, c.Rev = id, rev
			f.commit(&c)
		}
		ready("new", false)
		f.append(id, "", "1")
		f.append(id, "", "2")
		ready("two events", true)
		commit(persistence.Commit{Acked: 1})
		ready("one event", true)
		commit(persistence.Commit{Acked: 2, Effects: []persistence.Effect{{ID: "e"}}})
		ready("an effect", true)
		f.check(f.s.Confirm(f.ctx, f.epoch(id), id, "other"))
		ready("an effect still", true)
		f.check(f.s.Confirm(f.ctx, f.epoch(id), id, "e"))
		ready("nothing", false)
		commit(persistence.Commit{Acked: 2, Effects: []persistence.Effect{{ID: "e2"}}})
		f.append(id, "", "3")
		f.check(f.s.Confirm(f.ctx, f.epoch(id), id, "e2"))
		ready("an event after the effect", true)
		commit(persistence.Commit{Acked: 3, SetTimers: []persistence.Timer{{ID: "t", At: at(0)}}})
		ready("a timer", false)
		f.append(id, "", "4")
		f.check(f.s.Delete(f.ctx, f.epoch(id), id))
		ready("deleted", false)
	}},
	{"pages", func(f *fixture) {
		const n = 600
		var ids []string
		for i := range n {
			id := f.name(0)
			f.put(&persistence.Session{ID: id, Inbox: make([]persistence.Event, i%2)})
			ids = append(ids, id)
		}
		slices.Sort(ids)
		var got []string
		for after := ""; ; {
			page := 0
			for info, err := range f.s.List(f.ctx, 0, after) {
				f.check(err)
				got = append(got, info.ID)
				after = info.ID
				if page++; page == 97 {
					break
				}
			}
			if page < 97 {
				break
			}
		}
		if !slices.Equal(got, ids) {
			f.Fatalf("%d sessions listed in pages, want %d, by id in byte order", len(got), n)
		}
		ready := make(map[string]bool)
		for _, info := range all(f, f.s.Ready(f.ctx, 0)) {
			if ready[info.ID] {
				f.Fatalf("%s appears twice", info.ID)
			}
			ready[info.ID] = true
		}
		if len(ready) != n/2 {
			f.Fatalf("%d sessions ready, want %d", len(ready), n/2)
		}
	}},
	{"by bucket", func(f *fixture) {
		if f.s.Buckets() < 2 {
			f.Skip("the store has one bucket")
		}
		zero, one := f.create(0), f.create(1)
		f.append(zero, "", "x")
		f.append(one, "", "x")
		for b, id := range []string{zero, one} {
			for _, got := range [][]persistence.Info{all(f, f.s.List(f.ctx, b, "")), all(f, f.s.Ready(f.ctx, b))} {
				if len(got) != 1 || got[0].ID != id {
					f.Fatalf("bucket %d lists %s", b, show(got))
				}
			}
		}
	}},
	{"calls within the loop", func(f *fixture) {
		for i := range 300 {
			id := f.create(0)
			f.append(id, "", "x")
			f.commit(&persistence.Commit{ID: id, Rev: 1, SetTimers: []persistence.Timer{{ID: "t", At: at(int64(i))}}})
		}
		e := f.epochs[0]
		n := 0
		for info, err := range f.s.Ready(f.ctx, 0) {
			f.check(err)
			n++
			f.check(f.s.Commit(f.ctx, e, &persistence.Commit{ID: info.ID, Rev: info.Rev, Acked: info.Tail, Effects: []persistence.Effect{{ID: fmt.Sprint(n)}}}))
		}
		for due, err := range f.s.Due(f.ctx, 0, at(1000)) {
			f.check(err)
			n++
			f.check(f.s.Commit(f.ctx, e, &persistence.Commit{ID: due.Session, Rev: 3, Acked: 1, ClearTimers: []string{due.Timer}}))
		}
		for info, err := range f.s.List(f.ctx, 0, "") {
			f.check(err)
			n++
			f.check(f.s.Delete(f.ctx, e, info.ID))
		}
		if n != 900 {
			f.Fatalf("%d entries in three lists of 300", n)
		}
		f.same(all(f, f.s.List(f.ctx, 0, "")), []persistence.Info{})
	}},
	{"run twice", func(f *fixture) {
		list := f.s.List(f.ctx, 0, "")
		f.create(0)
		f.same(all(f, list), all(f, list))
	}},
}

var byteTests = []test{
	{"kept apart", func(f *fixture) {
		buf := []byte("snapshot")
		event, effect, timer, body := []byte("event"), []byte("effect"), []byte("timer"), []byte("body")
		spoil := func(all ...[]byte) {
			for _, b := range all {
				for i := range b {
					b[i] = 'X'
				}
			}
		}
		s := &persistence.Session{ID: f.name(0), Snapshot: buf, Inbox: []persistence.Event{{Data: event}},
			Timers: []persistence.Timer{{ID: "t", At: at(0), Data: timer}}, Outbox: []persistence.Effect{{ID: "e", Data: effect}}}
		f.put(s)
		_, err := f.s.PutDocument(f.ctx, body)
		f.check(err)
		spoil(buf, event, effect, timer, body)
		s.Inbox[0].Key, s.Timers[0].ID, s.Outbox[0].ID = "X", "X", "X"
		want := &persistence.Session{ID: s.ID, Rev: 1, Snapshot: []byte("snapshot"), Inbox: []persistence.Event{{Number: 1, Data: []byte("event")}},
			Timers: []persistence.Timer{{ID: "t", At: at(0), Data: []byte("timer")}}, Outbox: []persistence.Effect{{ID: "e", Data: []byte("effect")}}}
		f.stored(want)

		// What was handed out may be changed as well.
		got := f.load(s.ID)
		spoil(got.Snapshot, got.Inbox[0].Data, got.Timers[0].Data, got.Outbox[0].Data)
		inbox, err := f.s.Inbox(f.ctx, s.ID, 0, 0)
		f.check(err)
		spoil(inbox[0].Data)
		back, err := f.s.Document(f.ctx, persistence.DigestOf([]byte("body")))
		f.check(err)
		spoil(back)
		f.stored(want)
		back, err = f.s.Document(f.ctx, persistence.DigestOf([]byte("body")))
		f.check(err)
		f.same(string(back), "body")

		snapshot, data := []byte("second"), []byte("appended")
		_, err = f.s.Append(f.ctx, s.ID, persistence.Event{Data: data})
		f.check(err)
		effect, timer = []byte("effect"), []byte("timer")
		f.commit(&persistence.Commit{ID: s.ID, Rev: 1, Snapshot: snapshot,
			SetTimers: []persistence.Timer{{ID: "t", At: at(1), Data: timer}}, Effects: []persistence.Effect{{ID: "f", Data: effect}}})
		spoil(snapshot, data, effect, timer)
		want.Rev, want.Snapshot = 2, []byte("second")
		want.Inbox = append(want.Inbox, persistence.Event{Number: 2, Data: []byte("appended")})
		want.Timers[0].At = at(1)
		want.Outbox = append(want.Outbox, persistence.Effect{ID: "f", Data: []byte("effect")})
		f.stored(want)
	}},
	{"large snapshot", func(f *fixture) {
		big := make([]byte, 2<<20)
		for i := range big {
			big[i] = byte(i * 31 >> 3)
		}
		s := &persistence.Session{ID: f.name(0), Snapshot: big}
		f.put(s)
		s.Rev = 1
		f.stored(s)
		f.commit(&persistence.Commit{ID: s.ID, Rev: 1, Snapshot: []byte("small")})
		f.stored(&persistence.Session{ID: s.ID, Rev: 2, Snapshot: []byte("small")})
	}},
}
