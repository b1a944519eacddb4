package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// Open returns a new, empty store for one test or benchmark, and ends it with tb.Fatal
// where it cannot. The suite closes the store; what else has to be cleared away,
// open leaves to tb.Cleanup.
type Open func(tb testing.TB) persistence.Store

// Run runs the conformance suite. Each test opens a store of its own.
func Run(t *testing.T, open Open) {
	t.Helper()
	for _, theme := range []struct {
		name  string
		tests []test
	}{
		{"Create", createTests},
		{"Append", appendTests},
		{"Commit", commitTests},
		{"Outbox", outboxTests},
		{"Timers", timerTests},
		{"Claims", claimTests},
		{"Leases", leaseTests},
		{"Fencing", fencingTests},
		{"Documents", documentTests},
		{"Lists", listTests},
		{"Bytes", byteTests},
		{"Context", contextTests},
		{"Concurrency", concurrencyTests},
		{"Random", randomTests},
	} {
		t.Run(theme.name, func(t *testing.T) {
			for _, test := range theme.tests {
				t.Run(test.name, func(t *testing.T) {
					test.run(newFixture(t, open))
				})
			}
		})
	}
}

// test is one test of a theme.
type test struct {
	name string
	run  func(f *fixture)
}

// lease is long enough for any test.
const lease = time.Hour

// fixture is a store under test with shorthands that end the test on an error.
type fixture struct {
	testing.TB
	s      persistence.Store
	ctx    context.Context
	epochs map[int]uint64 // of the buckets acquired
	names  int
}

func newFixture(tb testing.TB, open Open) *fixture {
	tb.Helper()
	s := open(tb)
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("closing the store: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	tb.Cleanup(cancel)
	if n := s.Buckets(); n < 1 || n > persistence.MaxBuckets {
		tb.Fatalf("Buckets() = %d, want 1 to %d", n, persistence.MaxBuckets)
	}
	return &fixture{TB: tb, s: s, ctx: ctx, epochs: make(map[int]uint64)}
}

// name returns a new session id or claim in a bucket.
func (f *fixture) name(bucket int) string {
	f.names++
	return string(persistence.AppendBucket(fmt.Appendf(nil, "~17~%029d", f.names), bucket))
}

// bucket returns the bucket of a name.
func (f *fixture) bucket(name string) int { return persistence.BucketOf(name, f.s.Buckets()) }

// epoch returns the epoch under which to write a session, acquiring its bucket first
// where that was not done yet.
func (f *fixture) epoch(id string) uint64 {
	f.Helper()
	b := f.bucket(id)
	if e, ok := f.epochs[b]; ok {
		return e
	}
	return f.acquire("owner", b).Epoch
}

// acquire takes a bucket.
func (f *fixture) acquire(owner string, bucket int) persistence.Lease {
	f.Helper()
	got, err := f.s.Acquire(f.ctx, owner, lease, bucket)
	f.check(err)
	if len(got) != 1 {
		f.Fatalf("Acquire of bucket %d for %q gave %v", bucket, owner, got)
	}
	f.epochs[bucket] = got[0].Epoch
	return got[0]
}

// create adds a session with a snapshot and returns its id.
func (f *fixture) create(bucket int) string {
	f.Helper()
	id := f.name(bucket)
	f.put(&persistence.Session{ID: id, Snapshot: []byte("start")})
	return id
}

func (f *fixture) put(s *persistence.Session) {
	f.Helper()
	f.check(f.s.Create(f.ctx, f.epoch(s.ID), s))
}

func (f *fixture) append(id, key, data string) uint64 {
	f.Helper()
	n, err := f.s.Append(f.ctx, id, persistence.Event{Key: key, Data: []byte(data)})
	f.check(err)
	return n
}

func (f *fixture) commit(c *persistence.Commit) {
	f.Helper()
	f.check(f.s.Commit(f.ctx, f.epoch(c.ID), c))
}

func (f *fixture) load(id string) *persistence.Session {
	f.Helper()
	s, err := f.s.Load(f.ctx, id)
	f.check(err)
	return s
}

// stored checks that a session is stored exactly as want.
func (f *fixture) stored(want *persistence.Session) {
	f.Helper()
	f.same(f.load(want.ID), want)
}

// check ends the test on an error.
func (f *fixture) check(err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("unexpected error: %v", err)
	}
}

// is ends the test unless err is target.
func (f *fixture) is(err, target error) {
	f.Helper()
	if !errors.Is(err, target) {
		f.Fatalf("error is %v, want %v", err, target)
	}
}

// same ends the test unless two records are equal. Empty and nil slices are the same,
// as are times in different zones.
func (f *fixture) same(got, want any) {
	f.Helper()
	if g, w := show(got), show(want); g != w {
		f.Fatalf("got  %s\nwant %s", g, w)
	}
}

// all collects a list.
func all[T any](f *fixture, list iter.Seq2[T, error]) []T {
	f.Helper()
	var out []T
	for item, err := range list {
		f.check(err)
		out = append(out, item)
	}
	return out
}

// last returns the error at which a list ends.
func last[T any](list iter.Seq2[T, error]) error {
	var last error
	for _, err := range list {
		last = err
	}
	return last
}

// show renders records for comparison and for people.
func show(v any) string {
	switch v := v.(type) {
	case *persistence.Session:
		c := *v
		c.Snapshot = plain(c.Snapshot)
		c.Inbox = plainEvents(c.Inbox)
		c.Timers, c.Outbox = nil, nil
		for _, t := range v.Timers {
			c.Timers = append(c.Timers, persistence.Timer{ID: t.ID, At: t.At.UTC(), Data: plain(t.Data)})
		}
		for _, e := range v.Outbox {
			c.Outbox = append(c.Outbox, persistence.Effect{ID: e.ID, Data: plain(e.Data)})
		}
		return encode(&c)
	case []persistence.Event:
		return encode(plainEvents(v))
	case []persistence.Due:
		var out []persistence.Due
		for _, d := range v {
			d.At = d.At.UTC()
			out = append(out, d)
		}
		return encode(out)
	case []persistence.Info:
		if len(v) == 0 {
			return "null"
		}
	}
	return encode(v)
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%+v (%v)", v, err)
	}
	return string(text)
}

func plain(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func plainEvents(in []persistence.Event) []persistence.Event {
	var out []persistence.Event
	for _, e := range in {
		e.Data = plain(e.Data)
		out = append(out, e)
	}
	return out
}

// at is a point in time ms milliseconds after a fixed one.
func at(ms int64) time.Time { return time.UnixMilli(1_900_000_000_000 + ms).UTC() }
