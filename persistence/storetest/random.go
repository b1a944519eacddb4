package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

var randomTests = []test{
	{"operations", func(f *fixture) {
		seed := setting(f, "STORETEST_SEED", uint64(time.Now().UnixNano()))
		steps := setting(f, "STORETEST_STEPS", 3000)
		w := &walk{fixture: f, rng: rand.New(rand.NewPCG(seed, 0)), model: newModel(f.s.Buckets()), old: make(map[int][]persistence.Lease)}
		defer func() {
			if f.Failed() {
				f.Logf("again with STORETEST_SEED=%d; the last operations were\n  %s", seed, strings.Join(w.log[max(0, len(w.log)-15):], "\n  "))
			}
		}()
		w.buckets = []int{0, f.s.Buckets() - 1}
		for _, b := range slices.Compact(w.buckets) {
			for range 4 {
				w.ids = append(w.ids, f.name(b))
			}
			for range 2 {
				w.claims = append(w.claims, f.name(b))
			}
		}
		for i := range steps {
			w.step()
			if i%20 == 0 || i == steps-1 {
				w.compare()
			}
		}
	}},
}

// setting reads a number from the environment.
func setting(f *fixture, name string, otherwise uint64) uint64 {
	f.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		f.Fatalf("environment variable %s: %v", name, err)
	}
	return n
}

// walk does the same random operations on a store and on the model.
type walk struct {
	*fixture
	rng     *rand.Rand
	model   *model
	buckets []int
	ids     []string
	claims  []string
	old     map[int][]persistence.Lease // all that were given
	log     []string
	n       int // makes effect ids and payloads new
}

func (w *walk) step() {
	w.Helper()
	id := pick(w, w.ids)
	switch p := w.rng.IntN(100); {
	case p < 30:
		e := persistence.Event{Data: w.data()}
		if w.rng.IntN(2) == 0 {
			e.Key = fmt.Sprint("key", w.rng.IntN(30))
		}
		got, err := w.s.Append(w.ctx, id, e)
		want, wantErr := w.model.append(id, e)
		w.agree(err, wantErr, "append %s %+v = %d", id, e, got)
		if got != want {
			w.Fatalf("number %d, want %d", got, want)
		}
	case p < 60:
		c, e := w.commitOf(id), w.epochOf(id)
		w.agree(w.s.Commit(w.ctx, e, c), w.model.commit(e, c), "commit at epoch %d: %s", e, encode(c))
	case p < 72:
		s, e := w.sessionOf(id), w.epochOf(id)
		w.agree(w.s.Create(w.ctx, e, s), w.model.create(e, s), "create at epoch %d: %s", e, show(s))
	case p < 80:
		e, ids := w.epochOf(id), w.effects(id)
		w.agree(w.s.Confirm(w.ctx, e, id, ids...), w.model.confirm(e, id, ids), "confirm %s at epoch %d: %q", id, e, ids)
	case p < 86:
		e := w.epochOf(id)
		w.agree(w.s.Delete(w.ctx, e, id), w.model.delete(e, id), "delete %s at epoch %d", id, e)
	case p < 90:
		w.stepLease(pick(w, w.buckets))
	case p < 93:
		claim := pick(w, w.claims)
		got, err := w.s.Lookup(w.ctx, claim)
		want := w.model.lookup(claim)
		var wantErr error
		if want == "" {
			wantErr = persistence.ErrNotFound
		}
		w.agree(err, wantErr, "lookup %s = %s", claim, got)
		if got != want {
			w.Fatalf("the claim is held by %q, want %q", got, want)
		}
	case p < 96:
		w.stepDocument(fmt.Appendf(nil, "document %d", w.rng.IntN(5)))
	default:
		after, limit := w.rng.Uint64N(40), w.rng.IntN(5)
		got, err := w.s.Inbox(w.ctx, id, after, limit)
		var want []persistence.Event
		wantErr := persistence.ErrNotFound
		if s := w.model.sessions[id]; s != nil {
			wantErr = nil
			for _, e := range s.Inbox {
				if e.Number > after && (limit == 0 || len(want) < limit) {
					want = append(want, e)
				}
			}
		}
		w.agree(err, wantErr, "inbox of %s after %d, at most %d", id, after, limit)
		w.same(got, want)
	}
}

// stepDocument puts or drops a document.
func (w *walk) stepDocument(body []byte) {
	w.Helper()
	d := persistence.DigestOf(body)
	if w.rng.IntN(2) == 0 {
		_, err := w.s.PutDocument(w.ctx, body)
		w.agree(err, nil, "put %s", body)
		w.model.documents[d] = body
		return
	}
	early := w.rng.IntN(3) > 0
	var put time.Time
	if early {
		put = later()
	}
	got, err := w.s.DropDocument(w.ctx, d, put)
	want, wantErr := w.model.drop(d, early)
	w.agree(err, wantErr, "drop %s, put up to %v = %t", body, put, got)
	if got != want {
		w.Fatalf("dropped is %t, want %t", got, want)
	}
}

// stepLease acquires, renews or releases a bucket.
func (w *walk) stepLease(bucket int) {
	w.Helper()
	held := w.model.leases[bucket]
	some := held
	if old := w.old[bucket]; len(old) > 0 && w.rng.IntN(3) == 0 {
		some = pick(w, old)
	}
	valid := held.Owner != "" && some.Epoch == held.Epoch && some.Owner == held.Owner
	switch w.rng.IntN(6) {
	case 0:
		some.Bucket = bucket
		err := w.s.Release(w.ctx, some)
		w.agree(err, nil, "release %+v", some)
		if valid {
			w.model.leases[bucket] = persistence.Lease{Bucket: bucket, Epoch: held.Epoch}
		}
	case 1:
		some.Bucket = bucket
		got, err := w.s.Renew(w.ctx, lease, some)
		w.agree(err, nil, "renew %+v", some)
		if (len(got) == 1) != valid {
			w.Fatalf("renewed are %+v; %+v holds", got, held)
		}
	default:
		owner := pick(w, []string{"ann", "bob"})
		got, err := w.s.Acquire(w.ctx, owner, lease, bucket)
		w.agree(err, nil, "acquire %d for %s = %+v", bucket, owner, got)
		if want := held.Owner == "" || held.Owner == owner; want != (len(got) == 1) {
			w.Fatalf("acquired are %+v; %+v holds", got, held)
		}
		if len(got) == 1 {
			if got[0].Epoch <= held.Epoch {
				w.Fatalf("the epoch went from %d to %d", held.Epoch, got[0].Epoch)
			}
			w.model.leases[bucket] = got[0]
			w.old[bucket] = append(w.old[bucket], got[0])
		}
	}
}

// agree checks that the store's error is of the model's kind.
func (w *walk) agree(got, want error, format string, args ...any) {
	w.Helper()
	line := fmt.Sprintf(format, args...)
	if want != nil {
		line += ": " + want.Error()
	}
	w.log = append(w.log, line)
	if want == nil && got != nil || !errors.Is(got, want) {
		w.Fatalf("error is %v, want %v", got, want)
	}
}

// compare checks all that can be read.
func (w *walk) compare() {
	w.Helper()
	for _, id := range w.ids {
		got, err := w.s.Load(w.ctx, id)
		if want := w.model.sessions[id]; want != nil {
			w.check(err)
			w.same(got, &want.Session)
		} else {
			w.is(err, persistence.ErrNotFound)
		}
	}
	documents := w.documents()
	for i := range documents {
		documents[i].Put = time.Time{}
	}
	w.same(documents, w.model.listed())
	for _, b := range w.buckets {
		w.same(all(w.fixture, w.s.List(w.ctx, b, "")), w.model.list(b, false))
		ready := all(w.fixture, w.s.Ready(w.ctx, b))
		slices.SortFunc(ready, byID)
		w.same(ready, w.model.list(b, true))
		due := all(w.fixture, w.s.Due(w.ctx, b, at(50)))
		if !slices.IsSortedFunc(due, func(x, y persistence.Due) int { return x.At.Compare(y.At) }) {
			w.Fatalf("due timers are not in order: %s", show(due))
		}
		slices.SortFunc(due, byTime)
		w.same(due, w.model.due(b, at(50)))
	}
}

// epochOf returns mostly the right epoch.
func (w *walk) epochOf(id string) uint64 {
	b := w.bucket(id)
	l := w.model.leases[b]
	switch w.rng.IntN(20) {
	case 0:
		if old := w.old[b]; len(old) > 0 {
			return pick(w, old).Epoch
		}
	case 1:
		return l.Epoch + uint64(w.rng.IntN(2))*1000
	}
	return l.Epoch
}

func (w *walk) sessionOf(id string) *persistence.Session {
	s := &persistence.Session{ID: id, Snapshot: w.data(), Timers: w.timers(), Outbox: w.newEffects(), Document: persistence.DigestOf(w.data())}
	if w.rng.IntN(2) == 0 {
		s.Claim = pick(w, w.claims)
	}
	if w.rng.IntN(4) == 0 {
		s.Rev, s.Acked = w.rng.Uint64N(10), w.rng.Uint64N(10)
	}
	for i := range w.rng.IntN(3) {
		e := persistence.Event{Data: w.data()}
		if w.rng.IntN(2) == 0 {
			e.Key = fmt.Sprint("key", i)
		}
		s.Inbox = append(s.Inbox, e)
	}
	return s
}

func (w *walk) commitOf(id string) *persistence.Commit {
	c := &persistence.Commit{ID: id, Rev: 1, SetTimers: w.timers(), Effects: w.newEffects(), Confirmed: w.effects(id)}
	if s := w.model.sessions[id]; s != nil {
		c.Rev, c.Acked = s.Rev, s.Acked
		if len(s.Inbox) > 0 {
			c.Acked += uint64(w.rng.IntN(len(s.Inbox) + 1))
		}
	}
	if w.rng.IntN(2) == 0 {
		c.Snapshot = w.data()
	}
	for range w.rng.IntN(3) {
		c.ClearTimers = append(c.ClearTimers, fmt.Sprint("timer", w.rng.IntN(6)))
	}
	switch w.rng.IntN(20) {
	case 0:
		c.Rev += w.rng.Uint64N(3)
	case 1:
		c.Acked += 1000
	case 2:
		c.Acked /= 2
	case 3:
		for _, e := range w.effects(id) {
			c.Effects = append(c.Effects, persistence.Effect{ID: e})
		}
	}
	return c
}

func (w *walk) timers() []persistence.Timer {
	var out []persistence.Timer
	for i := range 6 {
		if w.rng.IntN(4) == 0 {
			out = append(out, persistence.Timer{ID: fmt.Sprint("timer", i), At: at(w.rng.Int64N(100)), Data: w.data()})
		}
	}
	return out
}

func (w *walk) newEffects() []persistence.Effect {
	var out []persistence.Effect
	for range w.rng.IntN(4) {
		w.n++
		out = append(out, persistence.Effect{ID: fmt.Sprintf("%x-%d", w.rng.IntN(16), w.n), Data: w.data()})
	}
	return out
}

// effects returns ids of effects that a session has, and one it has not.
func (w *walk) effects(id string) []string {
	var out []string
	if s := w.model.sessions[id]; s != nil {
		for _, e := range s.Outbox {
			if w.rng.IntN(2) == 0 {
				out = append(out, e.ID)
			}
		}
	}
	if w.rng.IntN(4) == 0 {
		out = append(out, "never there")
	}
	return out
}

func (w *walk) data() []byte {
	w.n++
	return fmt.Appendf(nil, "payload %d", w.n)
}

func pick[T any](w *walk, from []T) T { return from[w.rng.IntN(len(from))] }
