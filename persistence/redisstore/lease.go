package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// parallel is how many buckets a call about many of them is working on at a time.
const parallel = 64

// Acquire takes buckets for an owner.
func (s *Store) Acquire(ctx context.Context, owner string, lease time.Duration, buckets ...int) ([]persistence.Lease, error) {
	err := persistence.CheckNames("owner", owner)
	if err == nil {
		err = persistence.CheckLease(lease)
	}
	if err == nil {
		err = persistence.CheckBuckets(s.buckets, buckets...)
	}
	if err != nil {
		return nil, fmt.Errorf("redisstore: acquire: %w", err)
	}
	granted, err := s.eachBucket(ctx, len(buckets), func(i int) (persistence.Lease, error) {
		r, err := s.write(ctx, scriptAcquire, []string{s.bucket(buckets[i]).own()}, []string{owner, milliseconds(lease)})
		return readLease(buckets[i], owner, r, err)
	})
	if err != nil {
		return granted, fmt.Errorf("redisstore: acquire: %w", err)
	}
	return granted, nil
}

// Renew prolongs leases.
func (s *Store) Renew(ctx context.Context, lease time.Duration, leases ...persistence.Lease) ([]persistence.Lease, error) {
	err := persistence.CheckLease(lease)
	if err == nil {
		err = s.checkLeases(leases)
	}
	var renewed []persistence.Lease
	if err == nil {
		renewed, err = s.eachBucket(ctx, len(leases), func(i int) (persistence.Lease, error) {
			l := leases[i]
			r, err := s.write(ctx, scriptRenew, []string{s.bucket(l.Bucket).own()}, []string{l.Owner, strconv.FormatUint(l.Epoch, 10), milliseconds(lease)})
			return readLease(l.Bucket, l.Owner, r, err)
		})
	}
	if err != nil {
		return renewed, fmt.Errorf("redisstore: renew: %w", err)
	}
	return renewed, nil
}

// Release gives leases up.
func (s *Store) Release(ctx context.Context, leases ...persistence.Lease) error {
	err := s.checkLeases(leases)
	if err == nil {
		_, err = s.eachBucket(ctx, len(leases), func(i int) (persistence.Lease, error) {
			l := leases[i]
			_, err := s.write(ctx, scriptRelease, []string{s.bucket(l.Bucket).own()}, []string{l.Owner, strconv.FormatUint(l.Epoch, 10)})
			var held *refusal
			if errors.As(err, &held) {
				err = nil
			}
			return persistence.Lease{}, err
		})
	}
	if err != nil {
		return fmt.Errorf("redisstore: release: %w", err)
	}
	return nil
}

// Leases returns the state of all buckets.
func (s *Store) Leases(ctx context.Context) ([]persistence.Lease, error) {
	all := make([]persistence.Lease, s.buckets)
	_, err := s.eachBucket(ctx, s.buckets, func(n int) (persistence.Lease, error) {
		r, err := s.read(ctx, scriptLease, []string{s.bucket(n).own()}, nil)
		if err != nil {
			return persistence.Lease{}, err
		}
		epoch, err1 := r.number(0)
		owner, err2 := r.text(1)
		until, err3 := r.number(2)
		all[n] = persistence.Lease{Bucket: n, Owner: owner, Epoch: epoch}
		if owner != "" {
			all[n].Until = time.UnixMilli(int64(until)).UTC()
		}
		return all[n], errors.Join(err1, err2, err3)
	})
	if err != nil {
		return nil, fmt.Errorf("redisstore: leases: %w", err)
	}
	return all, nil
}

// eachBucket calls do for 0 to n-1, several at a time, and returns the leases that were got, in
// order, and the first error. After an error no further calls are begun.
func (s *Store) eachBucket(ctx context.Context, n int, do func(int) (persistence.Lease, error)) ([]persistence.Lease, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	got := make([]persistence.Lease, n)
	var mu sync.Mutex
	var next int
	var first error
	take := func(err error) (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil && first == nil {
			first = err
		}
		if first != nil || next == n {
			return 0, false
		}
		next++
		return next - 1, true
	}
	var wg sync.WaitGroup
	for range min(n, parallel) {
		wg.Go(func() {
			var err error
			for {
				i, ok := take(err)
				if !ok {
					return
				}
				got[i], err = do(i)
			}
		})
	}
	wg.Wait()
	leases := got[:0]
	for _, l := range got {
		if l.Epoch != 0 {
			leases = append(leases, l)
		}
	}
	return leases, first
}

// readLease reads the answer of scriptAcquire and scriptRenew. The zero Lease says that another
// has the bucket.
func readLease(bucket int, owner string, r reply, err error) (persistence.Lease, error) {
	var held *refusal
	if errors.As(err, &held) {
		return persistence.Lease{}, nil
	}
	if err != nil {
		return persistence.Lease{}, err
	}
	epoch, err1 := r.number(0)
	until, err2 := r.number(1)
	if err := errors.Join(err1, err2); err != nil {
		return persistence.Lease{}, err
	}
	return persistence.Lease{Bucket: bucket, Owner: owner, Epoch: epoch, Until: time.UnixMilli(int64(until)).UTC()}, nil
}

func (s *Store) checkLeases(leases []persistence.Lease) error {
	for _, l := range leases {
		if err := persistence.CheckBuckets(s.buckets, l.Bucket); err != nil {
			return err
		}
	}
	return nil
}

// milliseconds rounds up.
func milliseconds(d time.Duration) string {
	return strconv.FormatInt((d + time.Millisecond - 1).Milliseconds(), 10)
}
