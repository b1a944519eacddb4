package storetest

import (
	"errors"
	"strings"

	"github.com/seed-ff723688/ors/persistence"
)

var createTests = []test{
	{"missing session", func(f *fixture) {
		id := f.name(0)
		e := f.epoch(id)
		_, err := f.s.Load(f.ctx, id)
		f.is(err, persistence.ErrNotFound)
		_, err = f.s.Inbox(f.ctx, id, 0, 0)
		f.is(err, persistence.ErrNotFound)
		_, err = f.s.Append(f.ctx, id, persistence.Event{Data: []byte("x")})
		f.is(err, persistence.ErrNotFound)
		f.is(f.s.Commit(f.ctx, e, &persistence.Commit{ID: id, Rev: 1}), persistence.ErrNotFound)
		f.is(f.s.Confirm(f.ctx, e, id, "effect"), persistence.ErrNotFound)
		f.is(f.s.Delete(f.ctx, e, id), persistence.ErrNotFound)
	}},
	{"smallest", func(f *fixture) {
		id := f.name(0)
		f.put(&persistence.Session{ID: id})
		f.stored(&persistence.Session{ID: id, Rev: 1})
	}},
	{"everything", func(f *fixture) {
		s := full(f, 0)
		f.put(s)
		want := *s
		want.Rev = 1
		want.Timers = []persistence.Timer{s.Timers[1], s.Timers[0]}
		f.stored(&want)
	}},
	{"moved from another store", func(f *fixture) {
		s := full(f, 0)
		s.Rev, s.Acked = 7, 40
		s.Inbox[0].Number, s.Inbox[1].Number, s.Inbox[2].Number = 41, 42, 43
		s.Timers[0], s.Timers[1] = s.Timers[1], s.Timers[0]
		f.put(s)
		f.stored(s)
		if n := f.append(s.ID, "key", "repeat"); n != 42 {
			f.Fatalf("the key of a moved event was taken again: number %d, want 42", n)
		}
		if n := f.append(s.ID, "", "next"); n != 44 {
			f.Fatalf("number %d after a moved inbox, want 44", n)
		}
		f.commit(&persistence.Commit{ID: s.ID, Rev: 7, Acked: 44})
	}},
	{"twice", func(f *fixture) {
		s := full(f, 0)
		f.put(s)
		other := &persistence.Session{ID: s.ID, Snapshot: []byte("other")}
		f.is(f.s.Create(f.ctx, f.epoch(s.ID), other), persistence.ErrExists)
		if got := f.load(s.ID); string(got.Snapshot) != string(s.Snapshot) {
			f.Fatalf("a refused Create changed the session: %s", show(got))
		}
	}},
	{"any form of id", func(f *fixture) {
		for _, id := range []string{"s", "~4665~029I4G7KGCET96MLCCSH5B5AES01M138", "004BUJ1C0KBHF8NIG7HNK2LAES000008",
			"a:b{c}*?[d]", "Grüße/%2e", "with spaces and 'quotes\"", strings.Repeat("x", persistence.MaxName)} {
			f.put(&persistence.Session{ID: id, Snapshot: []byte(id)})
			f.stored(&persistence.Session{ID: id, Rev: 1, Snapshot: []byte(id)})
		}
	}},
	{"invalid", func(f *fixture) {
		good := f.name(0)
		for name, s := range map[string]*persistence.Session{
			"no id":           {},
			"control":         {ID: "a\x00b"},
			"not UTF-8":       {ID: "a\xff"},
			"too long":        {ID: strings.Repeat("x", persistence.MaxName+1)},
			"timer without":   {ID: good, Timers: []persistence.Timer{{At: at(0)}}},
			"timer at zero":   {ID: good, Timers: []persistence.Timer{{ID: "t"}}},
			"timer twice":     {ID: good, Timers: []persistence.Timer{{ID: "t", At: at(0)}, {ID: "t", At: at(0)}}},
			"effect without":  {ID: good, Outbox: []persistence.Effect{{}}},
			"effect twice":    {ID: good, Outbox: []persistence.Effect{{ID: "e"}, {ID: "e"}}},
			"event key twice": {ID: good, Inbox: []persistence.Event{{Key: "k"}, {Key: "k"}}},
		} {
			err := f.s.Create(f.ctx, f.epoch(good), s)
			if !errors.Is(err, persistence.ErrInvalid) {
				f.Errorf("%s: error is %v, want %v", name, err, persistence.ErrInvalid)
			}
		}
		_, err := f.s.Load(f.ctx, good)
		f.is(err, persistence.ErrNotFound)
	}},
	{"delete and again", func(f *fixture) {
		s := full(f, 0)
		f.put(s)
		e := f.epoch(s.ID)
		f.check(f.s.Delete(f.ctx, e, s.ID))
		_, err := f.s.Load(f.ctx, s.ID)
		f.is(err, persistence.ErrNotFound)
		f.is(f.s.Delete(f.ctx, e, s.ID), persistence.ErrNotFound)
		f.same(all(f, f.s.List(f.ctx, 0, "")), []persistence.Info{})
		f.same(all(f, f.s.Ready(f.ctx, 0)), []persistence.Info{})
		f.same(all(f, f.s.Due(f.ctx, 0, at(1<<40))), []persistence.Due{})
		_, err = f.s.Lookup(f.ctx, s.Claim)
		f.is(err, persistence.ErrNotFound)

		// Nothing of the first life shines through into a second one.
		f.put(&persistence.Session{ID: s.ID})
		f.stored(&persistence.Session{ID: s.ID, Rev: 1})
		if n := f.append(s.ID, "key", "x"); n != 1 {
			f.Fatalf("first number of a session made anew is %d, want 1", n)
		}
	}},
	{"after close", func(f *fixture) {
		id := f.create(0)
		e := f.epoch(id)
		d, err := f.s.PutDocument(f.ctx, []byte("body"))
		f.check(err)
		f.check(f.s.Close())
		f.check(f.s.Close())
		for name, err := range everyOperation(f, f.ctx, id, e, d) {
			if !errors.Is(err, persistence.ErrClosed) {
				f.Errorf("%s after Close: error is %v, want %v", name, err, persistence.ErrClosed)
			}
		}
	}},
}

// full is a session that has everything.
func full(f *fixture, bucket int) *persistence.Session {
	return &persistence.Session{
		ID: f.name(bucket), Claim: f.name(bucket), Document: persistence.DigestOf([]byte("<scxml/>")),
		Snapshot: []byte{0, 1, 2, 0xff, '\n', 0},
		Inbox:    []persistence.Event{{Number: 1, Data: []byte("one")}, {Number: 2, Key: "key", Data: []byte("two")}, {Number: 3}},
		Timers:   []persistence.Timer{{ID: "late", At: at(2000), Data: []byte("l")}, {ID: "soon", At: at(1000)}},
		Outbox:   []persistence.Effect{{ID: "z", Data: []byte("first")}, {ID: "a", Data: []byte("second")}},
	}
}
