package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
)

// write is a write that waits for the writer. It owns all bytes it refers to.
type write struct {
	run   func(*txn) error // fails before it changes anything, or for reasons of the file
	pack  packer           // may hold what run writes
	state atomic.Uint32
	err   error
	done  chan struct{} // gets one message when the transaction is over
}

// The states of a write. One that waits is either taken by the writer or given up by its caller.
const (
	waiting = iota
	taken
	givenUp
)

// newWrite returns a write that is nobody's. Those that are over are used again: at tens of thousands a second their
// memory is what the garbage collector has to do with.
func (s *Store) newWrite() *write {
	if w, ok := s.writes.Get().(*write); ok {
		return w
	}
	return &write{done: make(chan struct{}, 1)}
}

// end returns the error of a write that is over and keeps the write for others.
func (s *Store) end(w *write) error {
	err := w.err
	w.run, w.err = nil, nil
	w.state.Store(waiting)
	if w.pack = w.pack[:0]; cap(w.pack) > 64<<10 {
		w.pack = nil
	}
	s.writes.Put(w)
	return err
}

// do has the writer carry out a write and waits for it.
func (s *Store) do(ctx context.Context, run func(*txn) error) error {
	w := s.newWrite()
	w.run = run
	return s.carryOut(ctx, w)
}

// carryOut does what do does, with a write whose pack has been filled.
func (s *Store) carryOut(ctx context.Context, w *write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.closed:
		return persistence.ErrClosed
	default:
	}
	select {
	case s.queue <- w:
	case <-s.closed:
		return persistence.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-w.done:
		return s.end(w)
	case <-ctx.Done():
	case <-s.done:
		// The writer has ended; it may have done this one first.
		if w.state.CompareAndSwap(waiting, givenUp) {
			return persistence.ErrClosed
		}
		<-w.done
		return s.end(w)
	}
	if w.state.CompareAndSwap(waiting, givenUp) {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w while the file was being written", persistence.ErrOutcomeUnknown, ctx.Err())
}

// write is the writer: it takes all writes that wait, up to Options.MaxBatch, carries them out
// in one transaction, and answers them.
func (s *Store) write() {
	defer close(s.done)
	group := make([]*write, 0, s.opts.MaxBatch)
	for {
		group = group[:0]
		select {
		case w := <-s.queue:
			group = append(group, w)
		case <-s.closed:
			// Those that came before Close are still done.
			select {
			case w := <-s.queue:
				group = append(group, w)
			default:
				return
			}
		}
	fill:
		for len(group) < cap(group) {
			select {
			case w := <-s.queue:
				group = append(group, w)
			default:
				break fill
			}
		}
		n := 0
		for _, w := range group {
			if w.state.CompareAndSwap(waiting, taken) {
				group[n] = w
				n++
			}
		}
		s.writeGroup(group[:n])
		clear(group)
	}
}

// writeGroup carries writes out and answers them. Where there is no room for all of them,
// those that find some get it.
func (s *Store) writeGroup(group []*write) {
	if len(group) == 0 {
		return
	}
	err := s.transact(group)
	if err != nil && full(err) && len(group) > 1 {
		for _, w := range group {
			s.writeGroup([]*write{w})
		}
		return
	}
	for _, w := range group {
		switch {
		case err == nil:
		case full(err):
			w.err = fmt.Errorf("%w: %w", persistence.ErrFull, err)
		default:
			w.err = err
		}
		w.done <- struct{}{}
	}
}

// transact runs a group in one transaction. An error of a single write is left in it; the
// error returned is that of the whole transaction.
func (s *Store) transact(group []*write) (err error) {
	if failed := s.failed.Load(); failed != nil {
		return *failed
	}
	defer s.damaged(&err)
	began := false
	err = s.db.Update(func(tx *bbolt.Tx) error {
		began = true
		t, err := newTxn(s, tx)
		if err != nil {
			return err
		}
		for _, w := range group {
			w.err = w.run(t)
			var fatal *treeError
			if errors.As(w.err, &fatal) {
				return fatal
			}
		}
		return t.end()
	})
	if err == nil || full(err) {
		return err
	}
	refuse := fmt.Errorf("the file failed earlier (%w): close the store and open it again", err)
	s.failed.CompareAndSwap(nil, &refuse)
	if !began {
		return err
	}
	return fmt.Errorf("%w: %w", persistence.ErrOutcomeUnknown, err)
}

// treeError is an error of the file in the middle of a write, after which the transaction has
// to be given up.
type treeError struct{ err error }

func (e *treeError) Error() string { return e.err.Error() }
func (e *treeError) Unwrap() error { return e.err }

// txn is the transaction in which a group of writes runs.
type txn struct {
	s                                                   *Store
	meta                                                *bbolt.Bucket
	rows, inbox, keys, due, ready, claims, leases, docs tree
	count, counted                                      uint64 // sessions, now and at the beginning
	head                                                head   // of the session that is at work
	heads                                               packer // those that were written; the transaction refers to them
}

// tree is a tree of the file whose errors end the transaction.
type tree struct{ *bbolt.Bucket }

// Put stores a value, which the transaction keeps; the key is copied.
func (t tree) Put(key, value []byte) error {
	if err := t.Bucket.Put(key, value); err != nil {
		return &treeError{err}
	}
	return nil
}

// Delete removes a key.
func (t tree) Delete(key []byte) error {
	if err := t.Bucket.Delete(key); err != nil {
		return &treeError{err}
	}
	return nil
}

func newTxn(s *Store, tx *bbolt.Tx) (*txn, error) {
	t := &txn{
		heads: s.heads[:0],
		s:     s, meta: tx.Bucket(treeMeta),
		rows: tree{tx.Bucket(treeRow)}, inbox: tree{tx.Bucket(treeInbox)}, keys: tree{tx.Bucket(treeKey)}, due: tree{tx.Bucket(treeDue)}, ready: tree{tx.Bucket(treeReady)},
		claims: tree{tx.Bucket(treeClaim)}, leases: tree{tx.Bucket(treeLease)}, docs: tree{tx.Bucket(treeDoc)},
	}
	n, ok := number(t.meta.Get(keyCount))
	if !ok {
		return nil, &FormatError{Path: s.path, Problem: "has no count of its sessions: it is damaged"}
	}
	t.count, t.counted = n, n
	return t, nil
}

func (t *txn) end() error {
	t.s.heads = t.heads
	if t.count == t.counted {
		return nil
	}
	return t.meta.Put(keyCount, binary.BigEndian.AppendUint64(nil, t.count))
}
