package storetest

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

var contextTests = []test{
	{"ended before", func(f *fixture) {
		id := f.create(0)
		e := f.epochs[0]
		d, err := f.s.PutDocument(f.ctx, []byte("body"))
		f.check(err)
		want := show(f.load(id))

		cancelled, cancel := context.WithCancel(f.ctx)
		cancel()
		for name, err := range everyOperation(f, cancelled, id, e, d) {
			if !errors.Is(err, context.Canceled) {
				f.Errorf("%s: error is %v, want %v", name, err, context.Canceled)
			}
		}
		late, cancel := context.WithDeadline(f.ctx, time.Unix(1, 0))
		defer cancel()
		for name, err := range everyOperation(f, late, id, e, d) {
			if !errors.Is(err, context.DeadlineExceeded) {
				f.Errorf("%s: error is %v, want %v", name, err, context.DeadlineExceeded)
			}
		}
		if got := show(f.load(id)); got != want {
			f.Errorf("operations whose context had ended changed the session\ngot  %s\nwant %s", got, want)
		}
		if got := all(f, f.s.List(f.ctx, 0, "")); len(got) != 1 {
			f.Errorf("operations whose context had ended made sessions: %s", show(got))
		}
		if err := f.s.Commit(f.ctx, e, &persistence.Commit{ID: id, Rev: 1}); err != nil {
			f.Errorf("the epoch is gone: %v", err)
		}
		if _, err := f.s.Document(f.ctx, persistence.DigestOf([]byte("new"))); !errors.Is(err, persistence.ErrNotFound) {
			f.Errorf("the document was put: %v", err)
		}
	}},
	{"ends during a list", func(f *fixture) {
		for range 3 {
			f.append(f.create(0), "", "x")
		}
		for _, list := range []func(context.Context) iter.Seq2[persistence.Info, error]{
			func(ctx context.Context) iter.Seq2[persistence.Info, error] { return f.s.List(ctx, 0, "") },
			func(ctx context.Context) iter.Seq2[persistence.Info, error] { return f.s.Ready(ctx, 0) },
		} {
			ctx, cancel := context.WithCancel(f.ctx)
			var items, errs int
			for _, err := range list(ctx) {
				if err != nil {
					f.is(err, context.Canceled)
					errs++
					continue
				}
				items++
				cancel()
			}
			cancel()
			if items != 1 || errs != 1 {
				f.Errorf("%d items and %d errors after the context ended at the first item, want 1 and 1", items, errs)
			}
		}
	}},
}

// everyOperation calls all methods that take a context, with arguments that are right
// for a session, and yields their errors. Those that write would leave a trace.
func everyOperation(f *fixture, ctx context.Context, id string, epoch uint64, d persistence.Digest) iter.Seq2[string, error] {
	held := persistence.Lease{Bucket: f.bucket(id), Owner: "owner", Epoch: epoch}
	calls := []struct {
		name string
		call func() error
	}{
		{"Acquire", func() error { _, err := f.s.Acquire(ctx, "owner", lease, held.Bucket); return err }},
		{"Renew", func() error { _, err := f.s.Renew(ctx, lease, held); return err }},
		{"Release", func() error { return f.s.Release(ctx, held) }},
		{"Leases", func() error { _, err := f.s.Leases(ctx); return err }},
		{"Create", func() error { return f.s.Create(ctx, epoch, &persistence.Session{ID: f.name(held.Bucket)}) }},
		{"Append", func() error { _, err := f.s.Append(ctx, id, persistence.Event{Key: "k"}); return err }},
		{"Commit", func() error {
			return f.s.Commit(ctx, epoch, &persistence.Commit{ID: id, Rev: 1, Snapshot: []byte("x")})
		}},
		{"Confirm", func() error { return f.s.Confirm(ctx, epoch, id, "effect") }},
		{"Delete", func() error { return f.s.Delete(ctx, epoch, id) }},
		{"Load", func() error { _, err := f.s.Load(ctx, id); return err }},
		{"Inbox", func() error { _, err := f.s.Inbox(ctx, id, 0, 0); return err }},
		{"Lookup", func() error { _, err := f.s.Lookup(ctx, "claim"); return err }},
		{"Ready", func() error { return last(f.s.Ready(ctx, held.Bucket)) }},
		{"Due", func() error { return last(f.s.Due(ctx, held.Bucket, at(0))) }},
		{"List", func() error { return last(f.s.List(ctx, held.Bucket, "")) }},
		{"PutDocument", func() error { _, err := f.s.PutDocument(ctx, []byte("new")); return err }},
		{"Document", func() error { _, err := f.s.Document(ctx, d); return err }},
		{"Documents", func() error { return last(f.s.Documents(ctx, 0)) }},
		{"DropDocument", func() error { _, err := f.s.DropDocument(ctx, d, later()); return err }},
	}
	return func(yield func(string, error) bool) {
		for _, c := range calls {
			if !yield(c.name, c.call()) {
				return
			}
		}
	}
}
