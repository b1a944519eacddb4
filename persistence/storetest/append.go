package storetest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/seed-ff723688/ors/persistence"
)

var appendTests = []test{
	{"numbers", func(f *fixture) {
		id := f.create(0)
		var want []persistence.Event
		for i := range 20 {
			data := fmt.Sprintf("event %d", i)
			if n := f.append(id, "", data); n != uint64(i+1) {
				f.Fatalf("number %d, want %d", n, i+1)
			}
			want = append(want, persistence.Event{Number: uint64(i + 1), Data: []byte(data)})
		}
		f.stored(&persistence.Session{ID: id, Rev: 1, Snapshot: []byte("start"), Inbox: want})

		for _, c := range []struct {
			after    uint64
			limit    int
			from, to int
		}{{0, 0, 0, 20}, {0, -1, 0, 20}, {0, 5, 0, 5}, {7, 3, 7, 10}, {18, 10, 18, 20}, {20, 0, 20, 20}, {99, 1, 20, 20}} {
			got, err := f.s.Inbox(f.ctx, id, c.after, c.limit)
			f.check(err)
			f.same(got, want[c.from:c.to])
		}

		// Handled events are gone, and the numbers go on.
		f.commit(&persistence.Commit{ID: id, Rev: 1, Acked: 18})
		got, err := f.s.Inbox(f.ctx, id, 3, 0)
		f.check(err)
		f.same(got, want[18:])
		f.commit(&persistence.Commit{ID: id, Rev: 2, Acked: 20})
		if n := f.append(id, "", "more"); n != 21 {
			f.Fatalf("number %d after all were handled, want 21", n)
		}
	}},
	{"needs no epoch", func(f *fixture) {
		id := f.create(0)
		f.check(f.s.Release(f.ctx, persistence.Lease{Bucket: 0, Owner: "owner", Epoch: f.epochs[0]}))
		if n := f.append(id, "", "from elsewhere"); n != 1 {
			f.Fatalf("number %d, want 1", n)
		}
	}},
	{"repeat of an unhandled event", func(f *fixture) {
		id := f.create(0)
		f.append(id, "a", "first")
		f.append(id, "", "no key")
		f.append(id, "b", "second")
		for range 2 {
			if n := f.append(id, "a", "again"); n != 1 {
				f.Fatalf("number %d of a repeat, want 1", n)
			}
			if n := f.append(id, "b", "again"); n != 3 {
				f.Fatalf("number %d of a repeat, want 3", n)
			}
		}
		if got := f.load(id).Inbox; len(got) != 3 || string(got[0].Data) != "first" {
			f.Fatalf("repeats changed the inbox: %s", show(got))
		}
	}},
	{"keys belong to one session", func(f *fixture) {
		a, b := f.create(0), f.create(0)
		f.append(a, "", "x")
		f.append(a, "key", "x")
		if n := f.append(b, "key", "x"); n != 1 {
			f.Fatalf("number %d, want 1: a key of another session counts", n)
		}
	}},
	{"repeat of a handled event", func(f *fixture) {
		id := f.create(0)
		f.append(id, "a", "first")
		f.commit(&persistence.Commit{ID: id, Rev: 1, Acked: 1})
		for i := range uint64(persistence.KeyWindow - 1) {
			f.append(id, fmt.Sprint("other ", i), "x")
		}
		f.commit(&persistence.Commit{ID: id, Rev: 2, Acked: persistence.KeyWindow})
		if n := f.append(id, "a", "again"); n != 1 {
			f.Fatalf("number %d of a repeat within the window, want 1", n)
		}
		if got := f.load(id).Inbox; len(got) != 0 {
			f.Fatalf("a repeat was added: %s", show(got))
		}
	}},
	{"repeats in a long life", func(f *fixture) {
		// Many keys are forgotten by now; what has to be remembered is.
		const window = persistence.KeyWindow
		id := f.create(0)
		var rev, n uint64 // n events so far
		add := func(key string) uint64 {
			n++
			if got := f.append(id, key, "x"); got != n {
				f.Fatalf("number %d, want %d", got, n)
			}
			return n
		}
		handle := func(acked uint64) {
			rev++
			f.commit(&persistence.Commit{ID: id, Rev: rev, Acked: acked})
		}
		repeat := func(key string, want uint64) {
			f.Helper()
			if got := f.append(id, key, "again"); got != want {
				f.Fatalf("number %d of a repeat of %s, want %d", got, key, want)
			}
		}
		for range 40 {
			for range 10 {
				add(fmt.Sprint("other ", n))
			}
			handle(n)
		}
		handled := add("handled")
		for range window - 1 {
			handle(add(fmt.Sprint("other ", n)))
		}
		repeat("handled", handled)

		for range 2 * window {
			add(fmt.Sprint("other ", n))
		}
		waiting := add("waiting")
		for range 2 * window {
			add(fmt.Sprint("other ", n))
		}
		handle(waiting - 1)
		for range 10 {
			add(fmt.Sprint("other ", n))
		}
		repeat("waiting", waiting)
	}},
	{"empty and large", func(f *fixture) {
		id := f.create(0)
		big := strings.Repeat("\x00large\xff", 40_000)
		f.append(id, "", "")
		f.append(id, "", big)
		got := f.load(id).Inbox
		if len(got) != 2 || len(got[0].Data) != 0 || string(got[1].Data) != big {
			f.Fatal("an empty or a large event did not come back as it was")
		}
	}},
	{"invalid", func(f *fixture) {
		id := f.create(0)
		for _, key := range []string{"a\nb", "\xff", strings.Repeat("x", persistence.MaxName+1)} {
			if _, err := f.s.Append(f.ctx, id, persistence.Event{Key: key}); !errors.Is(err, persistence.ErrInvalid) {
				f.Errorf("key %.20q: error is %v, want %v", key, err, persistence.ErrInvalid)
			}
		}
		f.stored(&persistence.Session{ID: id, Rev: 1, Snapshot: []byte("start")})
	}},
}
