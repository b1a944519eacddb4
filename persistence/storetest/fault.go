package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// ErrInjected is in the chain of every error that Fail makes.
var ErrInjected = errors.New("injected fault")

// Point says where an operation fails.
type Point int

const (
	// Before: the operation is not carried out, and its error says so.
	Before Point = iota
	// Lost: a write is not carried out, and its error is persistence.ErrOutcomeUnknown,
	// as when the request was lost on its way.
	Lost
	// After: a write is carried out, and its error is persistence.ErrOutcomeUnknown, as
	// when the answer was lost on its way.
	After
)

// Faulty is a store of which one operation fails; see Fail. It is safe for concurrent use.
type Faulty struct {
	persistence.Store
	n     int
	point Point

	mu   sync.Mutex
	seen int
	hit  string
}

// Fail wraps a store so that its n-th operation, counted from 1, fails at a point; all
// others are passed on. Every call of a method that takes a context is an operation;
// lists count when their loop begins. To a read all points are the same: it fails.
//
// A test of what uses a store runs for n = 1, 2, … until Hit says that no operation was
// left to fail.
func Fail(s persistence.Store, n int, point Point) *Faulty {
	return &Faulty{Store: s, n: n, point: point}
}

// Hit returns the name of the method that failed, "" as long as none did.
func (f *Faulty) Hit() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hit
}

// Seen returns the number of operations so far.
func (f *Faulty) Seen() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// due counts an operation and reports whether it is the one to fail.
func (f *Faulty) due(op string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen++
	if f.seen != f.n {
		return false
	}
	f.hit = op
	return true
}

// write carries an operation out or lets it fail.
func (f *Faulty) write(op string, do func() error) error {
	if !f.due(op) {
		return do()
	}
	switch f.point {
	case Lost:
	case After:
		if err := do(); err != nil {
			return err
		}
	default:
		return f.read(op)
	}
	return fmt.Errorf("storetest: %s, operation %d: %w: %w", op, f.n, persistence.ErrOutcomeUnknown, ErrInjected)
}

// read is the error of a read that fails.
func (f *Faulty) read(op string) error {
	return fmt.Errorf("storetest: %s, operation %d: %w", op, f.n, ErrInjected)
}

// value is write for operations that return something, which is lost on an error.
func value[T any](f *Faulty, op string, do func() (T, error)) (T, error) {
	var v T
	err := f.write(op, func() (err error) {
		v, err = do()
		return err
	})
	if errors.Is(err, ErrInjected) {
		var none T
		return none, err
	}
	return v, err
}

// fetch is value for reads.
func fetch[T any](f *Faulty, op string, do func() (T, error)) (T, error) {
	if f.due(op) {
		var none T
		return none, f.read(op)
	}
	return do()
}

// faultyList is fetch for lists.
func faultyList[T any](f *Faulty, op string, list iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if f.due(op) {
			var none T
			yield(none, f.read(op))
			return
		}
		list(yield)
	}
}

// Acquire is the store's Acquire, unless it is the operation to fail; so are the
// methods that follow.
func (f *Faulty) Acquire(ctx context.Context, owner string, lease time.Duration, buckets ...int) ([]persistence.Lease, error) {
	return value(f, "Acquire", func() ([]persistence.Lease, error) { return f.Store.Acquire(ctx, owner, lease, buckets...) })
}

// Renew may fail.
func (f *Faulty) Renew(ctx context.Context, lease time.Duration, leases ...persistence.Lease) ([]persistence.Lease, error) {
	return value(f, "Renew", func() ([]persistence.Lease, error) { return f.Store.Renew(ctx, lease, leases...) })
}

// Release may fail.
func (f *Faulty) Release(ctx context.Context, leases ...persistence.Lease) error {
	return f.write("Release", func() error { return f.Store.Release(ctx, leases...) })
}

// Leases may fail.
func (f *Faulty) Leases(ctx context.Context) ([]persistence.Lease, error) {
	return fetch(f, "Leases", func() ([]persistence.Lease, error) { return f.Store.Leases(ctx) })
}

// Create may fail.
func (f *Faulty) Create(ctx context.Context, epoch uint64, s *persistence.Session) error {
	return f.write("Create", func() error { return f.Store.Create(ctx, epoch, s) })
}

// Append may fail.
func (f *Faulty) Append(ctx context.Context, id string, e persistence.Event) (uint64, error) {
	return value(f, "Append", func() (uint64, error) { return f.Store.Append(ctx, id, e) })
}

// Commit may fail.
func (f *Faulty) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	return f.write("Commit", func() error { return f.Store.Commit(ctx, epoch, c) })
}

// Confirm may fail.
func (f *Faulty) Confirm(ctx context.Context, epoch uint64, id string, effects ...string) error {
	return f.write("Confirm", func() error { return f.Store.Confirm(ctx, epoch, id, effects...) })
}

// Delete may fail.
func (f *Faulty) Delete(ctx context.Context, epoch uint64, id string) error {
	return f.write("Delete", func() error { return f.Store.Delete(ctx, epoch, id) })
}

// Load may fail.
func (f *Faulty) Load(ctx context.Context, id string) (*persistence.Session, error) {
	return fetch(f, "Load", func() (*persistence.Session, error) { return f.Store.Load(ctx, id) })
}

// Inbox may fail.
func (f *Faulty) Inbox(ctx context.Context, id string, after uint64, limit int) ([]persistence.Event, error) {
	return fetch(f, "Inbox", func() ([]persistence.Event, error) { return f.Store.Inbox(ctx, id, after, limit) })
}

// Lookup may fail.
func (f *Faulty) Lookup(ctx context.Context, claim string) (string, error) {
	return fetch(f, "Lookup", func() (string, error) { return f.Store.Lookup(ctx, claim) })
}

// Ready may fail.
func (f *Faulty) Ready(ctx context.Context, bucket int) iter.Seq2[persistence.Info, error] {
	return faultyList(f, "Ready", f.Store.Ready(ctx, bucket))
}

// Due may fail.
func (f *Faulty) Due(ctx context.Context, bucket int, until time.Time) iter.Seq2[persistence.Due, error] {
	return faultyList(f, "Due", f.Store.Due(ctx, bucket, until))
}

// List may fail.
func (f *Faulty) List(ctx context.Context, bucket int, after string) iter.Seq2[persistence.Info, error] {
	return faultyList(f, "List", f.Store.List(ctx, bucket, after))
}

// PutDocument may fail.
func (f *Faulty) PutDocument(ctx context.Context, body []byte) (persistence.Digest, error) {
	return value(f, "PutDocument", func() (persistence.Digest, error) { return f.Store.PutDocument(ctx, body) })
}

// Document may fail.
func (f *Faulty) Document(ctx context.Context, d persistence.Digest) ([]byte, error) {
	return fetch(f, "Document", func() ([]byte, error) { return f.Store.Document(ctx, d) })
}

// Documents may fail.
func (f *Faulty) Documents(ctx context.Context, idle time.Duration) iter.Seq2[persistence.DocumentInfo, error] {
	return faultyList(f, "Documents", f.Store.Documents(ctx, idle))
}

// DropDocument may fail.
func (f *Faulty) DropDocument(ctx context.Context, d persistence.Digest, put time.Time) (bool, error) {
	return value(f, "DropDocument", func() (bool, error) { return f.Store.DropDocument(ctx, d, put) })
}
