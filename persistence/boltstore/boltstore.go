package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
)

// Options are the settings of a Store. The zero value, like a nil pointer, means the
// defaults.
type Options struct {
	// Buckets is the number of buckets of a new file; default persistence.DefaultBuckets, at
	// most persistence.MaxBuckets. Of a file that exists it has to be the number it was
	// created with, or 0.
	Buckets int

	// MaxSessions is the greatest number of sessions; default 10,000,000, negative for no
	// limit.
	MaxSessions int

	// MaxInbox is the greatest number of unhandled events of one session; default 10,000,
	// negative for no limit.
	MaxInbox int

	// MaxSize is the greatest size of the file, in bytes; default 64 GiB, negative for no
	// limit.
	MaxSize int64

	// MaxBatch is the greatest number of writes that share one transaction; default 512.
	MaxBatch int

	// LockTimeout is how long Open waits for a file that is open elsewhere; default 1 s.
	LockTimeout time.Duration

	// Mode is the file mode of a new file; default 0600.
	Mode fs.FileMode

	// Now is the clock by which leases and the times of documents are judged; default time.Now.
	Now func() time.Time
}

func (o *Options) withDefaults() (Options, error) {
	var out Options
	if o != nil {
		out = *o
	}
	if n := out.Buckets; n < 0 || n > persistence.MaxBuckets {
		return out, fmt.Errorf("%w: Options.Buckets is %d, want 1 to %d", persistence.ErrInvalid, n, persistence.MaxBuckets)
	}
	if out.MaxBatch < 0 {
		return out, fmt.Errorf("%w: Options.MaxBatch is %d, want 1 or more", persistence.ErrInvalid, out.MaxBatch)
	}
	if out.LockTimeout < 0 {
		return out, fmt.Errorf("%w: Options.LockTimeout is %v, want more than zero", persistence.ErrInvalid, out.LockTimeout)
	}
	if out.MaxSessions == 0 {
		out.MaxSessions = 10_000_000
	}
	if out.MaxInbox == 0 {
		out.MaxInbox = 10_000
	}
	if out.MaxSize == 0 {
		out.MaxSize = 64 << 30
	}
	if out.MaxBatch == 0 {
		out.MaxBatch = 512
	}
	if out.LockTimeout == 0 {
		out.LockTimeout = time.Second
	}
	if out.Mode == 0 {
		out.Mode = 0o600
	}
	if out.Now == nil {
		out.Now = time.Now
	}
	return out, nil
}

// Store is a persistence.Store in a file. It is safe for concurrent use. Make one with Open and
// end it with Close.
type Store struct {
	opts    Options
	path    string
	db      *bbolt.DB
	buckets int

	headRoom int // as the constant, but in tests

	queue  chan *write
	writes sync.Pool     // of *write
	heads  packer        // the writer's; see txn
	closed chan struct{} // no further writes are taken
	done   chan struct{} // the writer has ended
	close  sync.Once
	err    error                 // of Close
	failed atomic.Pointer[error] // why the file is not written any more
}

var _ persistence.Store = (*Store)(nil)

// Open opens the store in the file at path and makes it where there is none. Its errors are
// a *LockedError, a *FormatError, persistence.ErrInvalid for options, and those of the file
// system.
func Open(path string, opts *Options) (*Store, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("boltstore: open %s: %w", path, err)
	}
	db, err := openFile(path, &o)
	if err != nil {
		return nil, fmt.Errorf("boltstore: open %s: %w", path, err)
	}
	s := &Store{
		opts: o, path: path, db: db, headRoom: headRoom,
		queue: make(chan *write, o.MaxBatch), closed: make(chan struct{}), done: make(chan struct{}),
	}
	if err := s.prepare(); err != nil {
		removeHolder(path)
		return nil, errors.Join(fmt.Errorf("boltstore: open %s: %w", path, err), db.Close())
	}
	go s.write()
	return s, nil
}

// Buckets returns the number of buckets.
func (s *Store) Buckets() int { return s.buckets }

// Close lets the writes under way end and closes the file.
func (s *Store) Close() error {
	s.close.Do(func() {
		close(s.closed)
		<-s.done
		removeHolder(s.path)
		if err := s.db.Close(); err != nil {
			s.err = fmt.Errorf("boltstore: close %s: %w", s.path, err)
		}
	})
	<-s.done
	return s.err
}

// The trees of the file.
var (
	treeMeta   = []byte("meta")
	treeLease  = []byte("lease")
	treeRow    = []byte("row")   // all rows of all sessions; see key.go
	treeInbox  = []byte("inbox") // events that wait
	treeKey    = []byte("key")   // keys of events that are remembered
	treeDue    = []byte("due")   // timers by time
	treeReady  = []byte("ready") // sessions with work
	treeClaim  = []byte("claim")
	treeDoc    = []byte("doc")
	keyFormat  = []byte("format")
	keyBuckets = []byte("buckets")
	keyCount   = []byte("sessions")
)

// format is the version of the layout. Another one is refused. (1 and 2, of no release, had a row for each effect,
// event and timer, and kept events beside their session.)
const format = 3

// prepare makes the trees of a new file, checks those of an old one and ends the leases
// that were left behind.
func (s *Store) prepare() error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(treeMeta) == nil {
			if name, _ := tx.Cursor().First(); name != nil {
				return &FormatError{Path: s.path, Problem: "is a bbolt file, but not a session store"}
			}
			if err := s.initialize(tx); err != nil {
				return err
			}
		}
		meta := tx.Bucket(treeMeta)
		if v, ok := number(meta.Get(keyFormat)); !ok || v == 0 {
			return &FormatError{Path: s.path, Problem: "has no format number: it is not a session store"}
		} else if v != format {
			return &FormatError{Path: s.path, Problem: fmt.Sprintf("has format %d, this version reads %d: use the version that wrote it, to export the sessions where it is an older one", v, format)}
		}
		n, ok := number(meta.Get(keyBuckets))
		if !ok || n < 1 || n > persistence.MaxBuckets {
			return &FormatError{Path: s.path, Problem: fmt.Sprintf("has %d buckets, want 1 to %d: it is damaged", n, persistence.MaxBuckets)}
		}
		s.buckets = int(n)
		if s.opts.Buckets != 0 && s.opts.Buckets != s.buckets {
			return fmt.Errorf("%w: Options.Buckets is %d, the file was created with %d", persistence.ErrInvalid, s.opts.Buckets, s.buckets)
		}
		for _, tree := range [][]byte{treeLease, treeRow, treeInbox, treeKey, treeDue, treeReady, treeClaim, treeDoc} {
			if tx.Bucket(tree) == nil {
				return &FormatError{Path: s.path, Problem: fmt.Sprintf("lacks the tree %q: it is damaged", tree)}
			}
		}
		return endLeases(tx)
	})
}

func (s *Store) initialize(tx *bbolt.Tx) error {
	for _, tree := range [][]byte{treeMeta, treeLease, treeRow, treeInbox, treeKey, treeDue, treeReady, treeClaim, treeDoc} {
		if _, err := tx.CreateBucket(tree); err != nil {
			return err
		}
	}
	buckets := s.opts.Buckets
	if buckets == 0 {
		buckets = persistence.DefaultBuckets
	}
	meta := tx.Bucket(treeMeta)
	return errors.Join(
		meta.Put(keyFormat, binary.BigEndian.AppendUint64(nil, format)),
		meta.Put(keyBuckets, binary.BigEndian.AppendUint64(nil, uint64(buckets))),
		meta.Put(keyCount, binary.BigEndian.AppendUint64(nil, 0)))
}

func number(b []byte) (uint64, bool) {
	if len(b) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}

// view reads in a transaction of its own.
func (s *Store) view(ctx context.Context, read func(*bbolt.Tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.closed:
		return persistence.ErrClosed
	default:
	}
	defer s.damaged(&err)
	err = s.db.View(read)
	if errors.Is(err, errDatabaseNotOpen) {
		return persistence.ErrClosed
	}
	return err
}

// damaged turns a panic, with which bbolt reports pages that contradict each other, into an
// error, and has the store refuse further writes.
func (s *Store) damaged(err *error) {
	if p := recover(); p != nil {
		*err = &FormatError{Path: s.path, Problem: fmt.Sprintf("is damaged (%v): restore it from a copy", p)}
		s.failed.CompareAndSwap(nil, err)
	}
}

func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

// size of the file at path; 0 where there is none.
func size(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
