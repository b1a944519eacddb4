package storetest

import (
	"errors"

	"github.com/seed-ff723688/ors/persistence"
)

var claimTests = []test{
	{"one winner", func(f *fixture) {
		call, first, second := f.name(0), f.name(0), f.name(0)
		_, err := f.s.Lookup(f.ctx, call)
		f.is(err, persistence.ErrNotFound)
		f.put(&persistence.Session{ID: first, Claim: call})

		err = f.s.Create(f.ctx, f.epoch(second), &persistence.Session{ID: second, Claim: call, Timers: []persistence.Timer{{ID: "t", At: at(0)}}})
		f.is(err, persistence.ErrClaimed)
		var claimed *persistence.ClaimedError
		if !errors.As(err, &claimed) || claimed.Session != first || claimed.Claim != call {
			f.Fatalf("want a *ClaimedError that names %s, got %#v", first, err)
		}
		_, err = f.s.Load(f.ctx, second)
		f.is(err, persistence.ErrNotFound)
		f.same(all(f, f.s.Due(f.ctx, 0, at(1))), []persistence.Due{})

		got, err := f.s.Lookup(f.ctx, call)
		f.check(err)
		if got != first {
			f.Fatalf("Lookup = %s, want %s", got, first)
		}
		f.stored(&persistence.Session{ID: first, Claim: call, Rev: 1})
	}},
	{"repeat of the winner", func(f *fixture) {
		s := &persistence.Session{ID: f.name(0), Claim: f.name(0)}
		f.put(s)
		f.is(f.s.Create(f.ctx, f.epoch(s.ID), s), persistence.ErrExists)
	}},
	{"ends with the session", func(f *fixture) {
		call, first, second := f.name(0), f.name(0), f.name(0)
		f.put(&persistence.Session{ID: first, Claim: call})
		f.check(f.s.Delete(f.ctx, f.epoch(first), first))
		f.put(&persistence.Session{ID: second, Claim: call})
		got, err := f.s.Lookup(f.ctx, call)
		f.check(err)
		if got != second {
			f.Fatalf("Lookup = %s, want %s", got, second)
		}
	}},
	{"none is not a claim", func(f *fixture) {
		f.put(&persistence.Session{ID: f.name(0)})
		f.put(&persistence.Session{ID: f.name(0)})
	}},
	{"any form", func(f *fixture) {
		claim := "sip:a&b@host;tag={1}"
		s := &persistence.Session{ID: f.name(f.bucket(claim)), Claim: claim}
		f.put(s)
		got, err := f.s.Lookup(f.ctx, claim)
		f.check(err)
		if got != s.ID {
			f.Fatalf("Lookup = %s, want %s", got, s.ID)
		}
	}},
	{"in another bucket", func(f *fixture) {
		if f.s.Buckets() < 2 {
			f.Skip("the store has one bucket")
		}
		s := &persistence.Session{ID: f.name(0), Claim: f.name(1)}
		f.is(f.s.Create(f.ctx, f.epoch(s.ID), s), persistence.ErrInvalid)
	}},
}
