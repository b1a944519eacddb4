package storetest

import (
	"errors"
	"runtime"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

var leaseTests = []test{
	{"never acquired", func(f *fixture) {
		got, err := f.s.Leases(f.ctx)
		f.check(err)
		if len(got) != f.s.Buckets() {
			f.Fatalf("%d leases of %d buckets", len(got), f.s.Buckets())
		}
		for i, l := range got {
			if l != (persistence.Lease{Bucket: i}) {
				f.Fatalf("lease %d of a new store is %+v", i, l)
			}
		}
	}},
	{"acquire", func(f *fixture) {
		before := time.Now()
		l := f.acquire("ann", 0)
		if l.Bucket != 0 || l.Owner != "ann" || l.Epoch == 0 {
			f.Fatalf("lease is %+v", l)
		}
		// The store's clock may differ from ours, but hardly by half a lease.
		if d := l.Until.Sub(before); d < lease/2 || d > 2*lease {
			f.Errorf("a lease of %v ends in %v", lease, d)
		}
		all, err := f.s.Leases(f.ctx)
		f.check(err)
		if got := all[0]; got.Owner != "ann" || got.Epoch != l.Epoch || !got.Until.Equal(l.Until) {
			f.Fatalf("Leases shows %+v, Acquire gave %+v", got, l)
		}
	}},
	{"held by another", func(f *fixture) {
		l := f.acquire("ann", 0)
		got, err := f.s.Acquire(f.ctx, "bob", lease, 0)
		f.check(err)
		if len(got) != 0 {
			f.Fatalf("bob got ann's bucket: %+v", got)
		}
		renewed, err := f.s.Renew(f.ctx, lease, l)
		f.check(err)
		if len(renewed) != 1 || renewed[0].Epoch != l.Epoch {
			f.Fatalf("an attempt of another changed the lease: %+v", renewed)
		}
	}},
	{"again by the owner", func(f *fixture) {
		first := f.acquire("ann", 0)
		second := f.acquire("ann", 0)
		if second.Epoch <= first.Epoch {
			f.Fatalf("the epoch went from %d to %d", first.Epoch, second.Epoch)
		}
		got, err := f.s.Renew(f.ctx, lease, first)
		f.check(err)
		if len(got) != 0 {
			f.Fatalf("a lease of an old epoch was renewed: %+v", got)
		}
	}},
	{"several", func(f *fixture) {
		if f.s.Buckets() < 4 {
			f.Skip("the store has fewer than four buckets")
		}
		f.acquire("bob", 1)
		got, err := f.s.Acquire(f.ctx, "ann", lease, 3, 1, 0)
		f.check(err)
		if len(got) != 2 || got[0].Bucket != 3 || got[1].Bucket != 0 {
			f.Fatalf("ann got %+v, want 3 and 0", got)
		}
		renewed, err := f.s.Renew(f.ctx, 2*lease, got[1], persistence.Lease{Bucket: 1, Owner: "ann", Epoch: 1}, got[0])
		f.check(err)
		if len(renewed) != 2 || renewed[0].Bucket != 0 || renewed[1].Bucket != 3 {
			f.Fatalf("renewed are %+v, want 0 and 3", renewed)
		}
		if !renewed[0].Until.After(got[1].Until) {
			f.Errorf("a renewed lease ends at %v, before at %v", renewed[0].Until, got[1].Until)
		}
		none, err := f.s.Acquire(f.ctx, "ann", lease)
		f.check(err)
		if len(none) != 0 {
			f.Fatalf("got %+v without asking", none)
		}
	}},
	{"release", func(f *fixture) {
		l := f.acquire("ann", 0)
		f.check(f.s.Release(f.ctx, l))
		f.check(f.s.Release(f.ctx, l))
		all, err := f.s.Leases(f.ctx)
		f.check(err)
		if got := all[0]; got.Owner != "" || got.Epoch <= l.Epoch || !got.Until.IsZero() {
			f.Fatalf("after Release the bucket is %+v", got)
		}
		renewed, err := f.s.Renew(f.ctx, lease, l)
		f.check(err)
		if len(renewed) != 0 {
			f.Fatalf("a released lease was renewed: %+v", renewed)
		}
		next := f.acquire("bob", 0)
		if next.Epoch <= l.Epoch {
			f.Fatalf("the epoch went from %d to %d", l.Epoch, next.Epoch)
		}
		f.check(f.s.Release(f.ctx, l)) // a lease that is lost
		renewed, err = f.s.Renew(f.ctx, lease, next)
		f.check(err)
		if len(renewed) != 1 {
			f.Fatal("a lost lease released the one that followed it")
		}
	}},
	{"lapse", func(f *fixture) {
		id := f.create(0)
		old := f.short("ann")
		next := f.acquireLapsed("bob")
		if next.Epoch <= old.Epoch {
			f.Fatalf("the epoch went from %d to %d", old.Epoch, next.Epoch)
		}
		renewed, err := f.s.Renew(f.ctx, lease, old)
		f.check(err)
		if len(renewed) != 0 {
			f.Fatalf("a lease that was taken was renewed: %+v", renewed)
		}
		f.is(f.s.Commit(f.ctx, old.Epoch, &persistence.Commit{ID: id, Rev: 1}), persistence.ErrFenced)
		f.commit(&persistence.Commit{ID: id, Rev: 1})
	}},
	{"lapsed but not taken", func(f *fixture) {
		// Whether it has lapsed by the store's clock when we go on does not matter: the
		// contract is the same.
		id := f.create(0)
		old := f.short("ann")
		for time.Since(old.Until) < 5*time.Millisecond {
			runtime.Gosched()
		}
		f.check(f.s.Commit(f.ctx, old.Epoch, &persistence.Commit{ID: id, Rev: 1}))
		renewed, err := f.s.Renew(f.ctx, lease, old)
		f.check(err)
		if len(renewed) != 1 || renewed[0].Epoch != old.Epoch {
			f.Fatalf("renewed are %+v, want %+v", renewed, old)
		}
		got, err := f.s.Acquire(f.ctx, "bob", lease, 0)
		f.check(err)
		if len(got) != 0 {
			f.Fatalf("bob got a bucket whose lease was renewed: %+v", got)
		}
	}},
	{"invalid", func(f *fixture) {
		n := f.s.Buckets()
		try := func(name string, err error) {
			f.Helper()
			if !errors.Is(err, persistence.ErrInvalid) {
				f.Errorf("%s: error is %v, want %v", name, err, persistence.ErrInvalid)
			}
		}
		acquire := func(owner string, d time.Duration, buckets ...int) error {
			_, err := f.s.Acquire(f.ctx, owner, d, buckets...)
			return err
		}
		try("no owner", acquire("", lease, 0))
		try("bad owner", acquire("a\x00", lease, 0))
		try("long owner", acquire(strings.Repeat("a", 256), lease, 0))
		try("no time", acquire("ann", 0, 0))
		try("less than no time", acquire("ann", -1, 0))
		try("bucket too high", acquire("ann", lease, 0, n))
		try("bucket below zero", acquire("ann", lease, -1))
		try("bucket twice", acquire("ann", lease, 0, 0))
		_, err := f.s.Renew(f.ctx, 0, persistence.Lease{Owner: "ann", Epoch: 1})
		try("renew for no time", err)
		_, err = f.s.Renew(f.ctx, lease, persistence.Lease{Bucket: n, Owner: "ann", Epoch: 1})
		try("renew a bucket too high", err)
		try("release a bucket too high", f.s.Release(f.ctx, persistence.Lease{Bucket: n, Owner: "ann", Epoch: 1}))
		try("ready", last(f.s.Ready(f.ctx, n)))
		try("due", last(f.s.Due(f.ctx, -1, at(0))))
		try("list", last(f.s.List(f.ctx, n, "")))
		all, err := f.s.Leases(f.ctx)
		f.check(err)
		if all[0] != (persistence.Lease{}) {
			f.Errorf("refused calls left %+v", all[0])
		}
	}},
}

// short takes bucket 0 for an owner, ahead of whoever has it, for a millisecond.
func (f *fixture) short(owner string) persistence.Lease {
	f.Helper()
	f.free(0)
	got, err := f.s.Acquire(f.ctx, owner, time.Millisecond, 0)
	f.check(err)
	if len(got) != 1 {
		f.Fatalf("Acquire gave %v", got)
	}
	f.epochs[0] = got[0].Epoch
	return got[0]
}

// acquireLapsed takes bucket 0 as soon as the store allows.
func (f *fixture) acquireLapsed(owner string) persistence.Lease {
	f.Helper()
	for start := time.Now(); time.Since(start) < 10*time.Second; runtime.Gosched() {
		got, err := f.s.Acquire(f.ctx, owner, lease, 0)
		f.check(err)
		if len(got) == 1 {
			f.epochs[0] = got[0].Epoch
			return got[0]
		}
	}
	f.Fatal("a lease of one millisecond has not lapsed after ten seconds")
	return persistence.Lease{}
}

// free releases a bucket, whoever has it.
func (f *fixture) free(bucket int) {
	f.Helper()
	all, err := f.s.Leases(f.ctx)
	f.check(err)
	f.check(f.s.Release(f.ctx, all[bucket]))
	delete(f.epochs, bucket)
}

var fencingTests = []test{
	{"before the first owner", func(f *fixture) {
		id := f.name(0)
		for _, epoch := range []uint64{0, 1, 7} {
			f.fenced(epoch, id)
			err := f.s.Create(f.ctx, epoch, &persistence.Session{ID: id})
			f.is(err, persistence.ErrFenced)
		}
	}},
	{"old and wrong epochs", func(f *fixture) {
		s := full(f, 0)
		f.put(s)
		old := f.epochs[0]
		now := f.acquire("owner", 0).Epoch
		want := show(f.load(s.ID))
		for _, epoch := range []uint64{0, old, now + 1, now + 1<<40} {
			f.fenced(epoch, s.ID)
			err := f.s.Create(f.ctx, epoch, &persistence.Session{ID: f.name(0)})
			f.is(err, persistence.ErrFenced)
			var fenced *persistence.FencedError
			if !errors.As(err, &fenced) || fenced.Bucket != 0 || fenced.Epoch != epoch || fenced.Current != now {
				f.Fatalf("want a *FencedError of bucket 0 with epochs %d and %d, got %#v", epoch, now, err)
			}
		}
		if got := show(f.load(s.ID)); got != want {
			f.Fatalf("fenced writes changed the session\ngot  %s\nwant %s", got, want)
		}
		if got := all(f, f.s.List(f.ctx, 0, "")); len(got) != 1 {
			f.Fatalf("fenced writes made sessions: %s", show(got))
		}
		f.commit(&persistence.Commit{ID: s.ID, Rev: 1})
		f.check(f.s.Delete(f.ctx, now, s.ID))
	}},
	{"after release", func(f *fixture) {
		id := f.create(0)
		old := f.epochs[0]
		f.free(0)
		f.fenced(old, id)
	}},
	{"ahead of other errors", func(f *fixture) {
		id := f.create(0)
		e := f.epochs[0] + 1
		f.is(f.s.Create(f.ctx, e, &persistence.Session{ID: id}), persistence.ErrFenced)
		f.is(f.s.Commit(f.ctx, e, &persistence.Commit{ID: id, Rev: 99}), persistence.ErrFenced)
		f.is(f.s.Delete(f.ctx, e, f.name(0)), persistence.ErrFenced)
	}},
	{"by bucket", func(f *fixture) {
		if f.s.Buckets() < 2 {
			f.Skip("the store has one bucket")
		}
		f.acquire("ann", 0)
		f.acquire("ann", 0)
		f.acquire("bob", 1)
		id := f.create(1)
		f.fenced(f.epochs[0], id)
		f.commit(&persistence.Commit{ID: id, Rev: 1})
	}},
}

// fenced checks that no write of a session comes through under an epoch.
func (f *fixture) fenced(epoch uint64, id string) {
	f.Helper()
	f.is(f.s.Commit(f.ctx, epoch, &persistence.Commit{
		ID: id, Rev: 1, Snapshot: []byte("stale"),
		SetTimers: []persistence.Timer{{ID: "stale", At: at(0)}}, Effects: []persistence.Effect{{ID: "stale"}},
	}), persistence.ErrFenced)
	f.is(f.s.Confirm(f.ctx, epoch, id, "a"), persistence.ErrFenced)
	f.is(f.s.Delete(f.ctx, epoch, id), persistence.ErrFenced)
}
