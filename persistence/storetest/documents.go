package storetest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// later is after every time that a store gives a document, whatever its clock.
func later() time.Time { return time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC) }

var documentTests = []test{
	{"put and get", func(f *fixture) {
		for _, body := range []string{"<scxml/>", "", "\x00\xff", string(make([]byte, 300_000))} {
			d := persistence.DigestOf([]byte(body))
			_, err := f.s.Document(f.ctx, d)
			f.is(err, persistence.ErrNotFound)
			for range 2 {
				got, err := f.s.PutDocument(f.ctx, []byte(body))
				f.check(err)
				if got != d {
					f.Fatalf("digest %s, want %s", got, d)
				}
			}
			back, err := f.s.Document(f.ctx, d)
			f.check(err)
			if string(back) != body {
				f.Fatalf("a document of %d bytes came back with %d", len(body), len(back))
			}
		}
		_, err := f.s.Document(f.ctx, persistence.Digest{})
		f.is(err, persistence.ErrNotFound)
	}},
	{"list", func(f *fixture) {
		f.same(all(f, f.s.Documents(f.ctx, 0)), []persistence.DocumentInfo(nil))
		var want []persistence.DocumentInfo
		for i := range 600 {
			body := fmt.Appendf(nil, "document %d", i)
			d, err := f.s.PutDocument(f.ctx, body)
			f.check(err)
			want = append(want, persistence.DocumentInfo{Digest: d, Size: int64(len(body))})
		}
		slices.SortFunc(want, byDigest)
		got := f.documents()
		for i := range got {
			if y := got[i].Put.Year(); y < 1970 || y > 8999 || got[i].Put.Location() != time.UTC {
				f.Fatalf("put at %v", got[i].Put)
			}
			got[i].Put = time.Time{}
		}
		f.same(got, want)
		f.same(all(f, f.s.Documents(f.ctx, time.Hour)), []persistence.DocumentInfo(nil))
		f.is(last(f.s.Documents(f.ctx, -1)), persistence.ErrInvalid)
		n := 0
		for info, err := range f.s.Documents(f.ctx, 0) {
			f.check(err)
			n++
			dropped, err := f.s.DropDocument(f.ctx, info.Digest, info.Put)
			f.check(err)
			if !dropped {
				f.Fatalf("%s was not dropped within the loop", info.Digest)
			}
		}
		if n != len(want) || len(f.documents()) > 0 {
			f.Fatalf("%d documents of %d in a loop that drops them, %d stay", n, len(want), len(f.documents()))
		}
	}},
	{"time of a put", func(f *fixture) {
		_, err := f.s.PutDocument(f.ctx, []byte("body"))
		f.check(err)
		before := f.documents()
		_, err = f.s.PutDocument(f.ctx, []byte("body"))
		f.check(err)
		f.same(f.documents(), before) // the time is less than persistence.DocumentRefresh ago
	}},
	{"drop", func(f *fixture) {
		d := persistence.DigestOf([]byte("body"))
		_, err := f.s.DropDocument(f.ctx, d, later())
		f.is(err, persistence.ErrNotFound)
		for range 3 {
			_, err := f.s.PutDocument(f.ctx, []byte("body"))
			f.check(err)
			_, err = f.s.PutDocument(f.ctx, []byte("other"))
			f.check(err)
			put := f.putOf(d)
			for _, earlier := range []time.Time{{}, put.Add(-time.Millisecond), put.Add(-time.Hour)} {
				dropped, err := f.s.DropDocument(f.ctx, d, earlier)
				f.check(err)
				if dropped {
					f.Fatal("dropped, though it was put since")
				}
			}
			back, err := f.s.Document(f.ctx, d)
			f.check(err)
			f.same(string(back), "body")
			dropped, err := f.s.DropDocument(f.ctx, d, f.putOf(d))
			f.check(err)
			if !dropped {
				f.Fatal("not dropped, though it was not put since")
			}
			_, err = f.s.Document(f.ctx, d)
			f.is(err, persistence.ErrNotFound)
			_, err = f.s.DropDocument(f.ctx, d, later())
			f.is(err, persistence.ErrNotFound)
			if left := f.documents(); len(left) != 1 || left[0].Digest != persistence.DigestOf([]byte("other")) {
				f.Fatalf("left is %s", show(left))
			}
		}
	}},
	{"drop while it is put", func(f *fixture) {
		body := bytes.Repeat([]byte("body"), 1000)
		d := persistence.DigestOf(body)
		var puts, drops atomic.Int32
		together(6, func(i int) {
			for range 30 {
				if i%2 == 0 {
					if _, err := f.s.PutDocument(f.ctx, body); err != nil {
						f.Errorf("put: %v", err)
					}
					puts.Add(1)
					continue
				}
				dropped, err := f.s.DropDocument(f.ctx, d, later())
				if err != nil && !errors.Is(err, persistence.ErrNotFound) || err == nil && !dropped {
					f.Errorf("drop: %t, %v", dropped, err)
				}
				if dropped {
					drops.Add(1)
				}
				if got, err := f.s.Document(f.ctx, d); err == nil && !bytes.Equal(got, body) || err != nil && !errors.Is(err, persistence.ErrNotFound) {
					f.Errorf("a document of %d bytes has %d, %v", len(body), len(got), err)
				}
			}
		})
		if drops.Load() > puts.Load() {
			f.Errorf("dropped %d times, put %d times", drops.Load(), puts.Load())
		}
		_, err := f.s.PutDocument(f.ctx, body)
		f.check(err)
		got, err := f.s.Document(f.ctx, d)
		f.check(err)
		if list := f.documents(); !bytes.Equal(got, body) || len(list) != 1 || list[0].Digest != d || list[0].Size != int64(len(body)) {
			f.Fatalf("put last are %d bytes; %d came back, listed is %s", len(body), len(got), show(list))
		}
	}},
	{"put while it is dropped too late", func(f *fixture) {
		// Nothing that was put after the time that a drop names may go.
		body := []byte("body")
		d, err := f.s.PutDocument(f.ctx, body)
		f.check(err)
		before := f.putOf(d).Add(-time.Millisecond)
		together(6, func(i int) {
			for range 20 {
				if i%2 == 0 {
					if _, err := f.s.PutDocument(f.ctx, body); err != nil {
						f.Errorf("put: %v", err)
					}
				} else if dropped, err := f.s.DropDocument(f.ctx, d, before); err != nil || dropped {
					f.Errorf("drop: %t, %v", dropped, err)
				}
			}
		})
	}},
}

// documents returns the list of all documents, by digest.
func (f *fixture) documents() []persistence.DocumentInfo {
	f.Helper()
	list := all(f, f.s.Documents(f.ctx, 0))
	slices.SortFunc(list, byDigest)
	return list
}

// putOf returns the time of a document that is there.
func (f *fixture) putOf(d persistence.Digest) time.Time {
	f.Helper()
	for _, info := range f.documents() {
		if info.Digest == d {
			return info.Put
		}
	}
	f.Fatalf("document %s is not listed", d)
	return time.Time{}
}

func byDigest(x, y persistence.DocumentInfo) int {
	return cmp.Compare(x.Digest.String(), y.Digest.String())
}

// DocumentTimes checks when a new store renews the time of a document, which Run cannot: it has no hand on
// the clock. advance moves the store's clock on, or the times of all documents back.
func DocumentTimes(t *testing.T, s persistence.Store, advance func(time.Duration)) {
	t.Helper()
	f := &fixture{TB: t, s: s, ctx: t.Context()}
	body := []byte("body")
	d := persistence.DigestOf(body)
	put := func() time.Time {
		t.Helper()
		_, err := s.PutDocument(f.ctx, body)
		f.check(err)
		return f.putOf(d)
	}
	listed := func(idle time.Duration, want int) {
		t.Helper()
		if got := len(all(f, s.Documents(f.ctx, idle))); got != want {
			t.Fatalf("%d documents are %v old, want %d", got, idle, want)
		}
	}
	put()
	advance(persistence.DocumentRefresh - time.Minute)
	before := f.putOf(d)
	if again := put(); !again.Equal(before) {
		t.Fatalf("put at %v, and again 59 minutes later, at %v: too early to be renewed", before, again)
	}
	listed(50*time.Minute, 1)
	listed(time.Hour, 0)
	advance(time.Minute + 10*time.Second)
	listed(time.Hour, 1)
	before = f.putOf(d)
	renewed := put()
	if by := renewed.Sub(before); by < time.Hour || by > time.Hour+time.Minute {
		t.Fatalf("put at %v, and again an hour later, at %v", before, renewed)
	}
	listed(time.Minute, 0)
	dropped, err := s.DropDocument(f.ctx, d, before)
	f.check(err)
	if dropped {
		t.Fatal("dropped by its old time, though it was renewed since")
	}
	back, err := s.Document(f.ctx, d)
	f.check(err)
	f.same(string(back), "body")
	dropped, err = s.DropDocument(f.ctx, d, renewed)
	f.check(err)
	if !dropped {
		t.Fatal("not dropped by its time")
	}
}
