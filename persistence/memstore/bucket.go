package memstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// bucket is one bucket with its sessions. Its maps are made when first needed.
type bucket struct {
	mu       sync.Mutex
	lease    persistence.Lease // Bucket is not kept
	sessions map[string]*record
	claims   map[string]*record
	ready    map[*record]struct{}
	timers   timerHeap
}

// fence returns a FencedError unless epoch is the bucket's.
func (b *bucket) fence(n int, epoch uint64) error {
	if epoch == 0 || epoch != b.lease.Epoch {
		return &persistence.FencedError{Bucket: n, Epoch: epoch, Current: b.lease.Epoch}
	}
	return nil
}

// Acquire takes buckets for an owner.
func (s *Store) Acquire(ctx context.Context, owner string, lease time.Duration, buckets ...int) ([]persistence.Lease, error) {
	err := persistence.CheckNames("owner", owner)
	if err == nil {
		err = persistence.CheckLease(lease)
	}
	if err == nil {
		err = persistence.CheckBuckets(len(s.buckets), buckets...)
	}
	if err != nil {
		return nil, fmt.Errorf("memstore: acquire: %w", err)
	}
	granted := make([]persistence.Lease, 0, len(buckets))
	for _, n := range buckets {
		b, err := s.enter(ctx, n)
		if err != nil {
			return granted, fmt.Errorf("memstore: acquire bucket %d: %w", n, err)
		}
		now := s.opts.Now()
		if b.lease.Owner == "" || b.lease.Owner == owner || !now.Before(b.lease.Until) {
			b.lease = persistence.Lease{Owner: owner, Epoch: b.lease.Epoch + 1, Until: until(now, lease)}
			granted = append(granted, b.leaseOf(n))
		}
		b.mu.Unlock()
	}
	return granted, nil
}

// Renew prolongs leases.
func (s *Store) Renew(ctx context.Context, lease time.Duration, leases ...persistence.Lease) ([]persistence.Lease, error) {
	if err := persistence.CheckLease(lease); err != nil {
		return nil, fmt.Errorf("memstore: renew: %w", err)
	}
	renewed := make([]persistence.Lease, 0, len(leases))
	err := s.eachLease(ctx, leases, func(n int, b *bucket) {
		b.lease.Until = until(s.opts.Now(), lease)
		renewed = append(renewed, b.leaseOf(n))
	})
	if err != nil {
		return renewed, fmt.Errorf("memstore: renew: %w", err)
	}
	return renewed, nil
}

// Release gives leases up.
func (s *Store) Release(ctx context.Context, leases ...persistence.Lease) error {
	err := s.eachLease(ctx, leases, func(_ int, b *bucket) {
		b.lease = persistence.Lease{Epoch: b.lease.Epoch + 1}
	})
	if err != nil {
		return fmt.Errorf("memstore: release: %w", err)
	}
	return nil
}

// Leases returns the state of all buckets.
func (s *Store) Leases(ctx context.Context) ([]persistence.Lease, error) {
	all := make([]persistence.Lease, 0, len(s.buckets))
	for n := range s.buckets {
		b, err := s.enter(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("memstore: leases: %w", err)
		}
		all = append(all, b.leaseOf(n))
		b.mu.Unlock()
	}
	return all, nil
}

// eachLease calls do, under the bucket's lock, for the leases that still hold.
func (s *Store) eachLease(ctx context.Context, leases []persistence.Lease, do func(int, *bucket)) error {
	for _, l := range leases {
		if err := persistence.CheckBuckets(len(s.buckets), l.Bucket); err != nil {
			return err
		}
	}
	if len(leases) == 0 && s.closed.Load() {
		return persistence.ErrClosed
	}
	for _, l := range leases {
		b, err := s.enter(ctx, l.Bucket)
		if err != nil {
			return fmt.Errorf("bucket %d: %w", l.Bucket, err)
		}
		if b.lease.Owner != "" && b.lease.Owner == l.Owner && b.lease.Epoch == l.Epoch {
			do(l.Bucket, b)
		}
		b.mu.Unlock()
	}
	return nil
}

func (b *bucket) leaseOf(n int) persistence.Lease {
	l := b.lease
	l.Bucket = n
	return l
}

func until(now time.Time, lease time.Duration) time.Time {
	return now.Add(lease).UTC().Round(0)
}
