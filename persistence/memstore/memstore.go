package memstore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// Options are the settings of a Store. The zero value, like a nil pointer, means the
// defaults.
type Options struct {
	// Buckets is the number of buckets; default persistence.DefaultBuckets, at most
	// persistence.MaxBuckets.
	Buckets int

	// MaxSessions is the greatest number of sessions; default 1,000,000, negative for
	// no limit.
	MaxSessions int

	// MaxInbox is the greatest number of unhandled events of one session; default
	// 10,000, negative for no limit.
	MaxInbox int

	// MaxBytes bounds the sum of all snapshots, events, timers, effects and documents,
	// in bytes, their names included; default 4 GiB, negative for no limit.
	MaxBytes int64

	// Now is the clock by which leases and the times of documents are judged; default time.Now.
	Now func() time.Time
}

// Store is a persistence.Store in memory. It is safe for concurrent use. Make one with New.
type Store struct {
	opts     Options
	buckets  []bucket
	sessions atomic.Int64
	bytes    atomic.Int64
	closed   atomic.Bool // set before the locks below are taken by Close

	docMu sync.RWMutex
	docs  map[persistence.Digest]document
}

var _ persistence.Store = (*Store)(nil)

// New returns an empty store. It fails where an option is out of range.
func New(opts *Options) (*Store, error) {
	s := &Store{docs: make(map[persistence.Digest]document)}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.Buckets == 0 {
		s.opts.Buckets = persistence.DefaultBuckets
	}
	if n := s.opts.Buckets; n < 1 || n > persistence.MaxBuckets {
		return nil, fmt.Errorf("memstore: %w: Options.Buckets is %d, want 1 to %d", persistence.ErrInvalid, n, persistence.MaxBuckets)
	}
	if s.opts.MaxSessions == 0 {
		s.opts.MaxSessions = 1_000_000
	}
	if s.opts.MaxInbox == 0 {
		s.opts.MaxInbox = 10_000
	}
	if s.opts.MaxBytes == 0 {
		s.opts.MaxBytes = 4 << 30
	}
	if s.opts.Now == nil {
		s.opts.Now = time.Now
	}
	s.buckets = make([]bucket, s.opts.Buckets)
	return s, nil
}

// Buckets returns the number of buckets.
func (s *Store) Buckets() int { return len(s.buckets) }

// Close drops all that is in the store.
func (s *Store) Close() error {
	s.closed.Store(true)
	for i := range s.buckets {
		b := &s.buckets[i]
		b.mu.Lock()
		b.lease, b.sessions, b.claims, b.ready, b.timers = persistence.Lease{}, nil, nil, nil, nil
		b.mu.Unlock()
	}
	s.docMu.Lock()
	s.docs = nil
	s.docMu.Unlock()
	return nil
}

// enter locks a bucket. On an error it is not locked.
func (s *Store) enter(ctx context.Context, n int) (*bucket, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b := &s.buckets[n]
	b.mu.Lock()
	if s.closed.Load() {
		b.mu.Unlock()
		return nil, persistence.ErrClosed
	}
	return b, nil
}

// grow counts n more bytes (less, where negative) or refuses them.
func (s *Store) grow(n int) error {
	total := s.bytes.Add(int64(n))
	if n > 0 && s.opts.MaxBytes > 0 && total > s.opts.MaxBytes {
		s.bytes.Add(int64(-n))
		return fmt.Errorf("%w: %d bytes are in use, Options.MaxBytes is %d", persistence.ErrFull, total-int64(n), s.opts.MaxBytes)
	}
	return nil
}

// clone copies bytes without spare capacity; none stay nil.
func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	c := make([]byte, len(b))
	copy(c, b)
	return c
}
