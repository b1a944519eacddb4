package cassandrastore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/seed-ff723688/ors/persistence"
)

// leaseRow is the lease of a bucket as it is stored.
type leaseRow struct {
	ver, epoch, until int64
	owner             string
}

func (r leaseRow) lease(bucket int) persistence.Lease {
	l := persistence.Lease{Bucket: bucket, Owner: r.owner, Epoch: uint64(r.epoch)}
	if r.owner != "" {
		l.Until = time.UnixMilli(r.until).UTC()
	}
	return l
}

// leaseOf reads the lease of a bucket; where there is none it returns zeros. An Acquire that has
// returned before is seen: it was on a quorum then, and this reads one.
func (s *Store) leaseOf(ctx context.Context, bucket int) (leaseRow, error) {
	var r leaseRow
	err := s.session.Query(s.cql.lease, s.opts.Cluster, bucket).ScanContext(ctx, &r.ver, &r.epoch, &r.owner, &r.until)
	if errors.Is(err, gocql.ErrNotFound) {
		return leaseRow{}, nil
	}
	return r, err
}

// setLease changes a lease from what it was read as.
func (s *Store) setLease(ctx context.Context, bucket int, from, to leaseRow) (bool, error) {
	to.ver = fresh()
	var owner any
	if to.owner != "" {
		owner = to.owner
	}
	return s.swap(ctx, to.ver, stmt{s.cql.setLease, []any{to.ver, to.epoch, owner, to.until, s.opts.Cluster, bucket, orNull(from.ver)}})
}

// now reads the clock of a server, in milliseconds.
func (s *Store) now(ctx context.Context) (int64, error) {
	var now int64
	err := s.session.Query(`SELECT toUnixTimestamp(now()) FROM system.local`).Consistency(gocql.LocalOne).ScanContext(ctx, &now)
	return now, err
}

// changeLeases changes leases, each by itself, to what do says, which returns false to leave one as it is. It returns
// those that were changed, in order.
func (s *Store) changeLeases(ctx context.Context, buckets []int, do func(i int, r leaseRow, now int64) (leaseRow, bool)) ([]persistence.Lease, error) {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if len(buckets) == 0 {
		return nil, nil
	}
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	got := make([]persistence.Lease, len(buckets))
	err = each(len(buckets), func(i int) error {
		for try := 0; ; try++ {
			from, err := s.leaseOf(ctx, buckets[i])
			if err != nil {
				return fmt.Errorf("bucket %d: %w", buckets[i], err)
			}
			to, ok := do(i, from, now)
			if !ok {
				return nil
			}
			ok, err = s.setLease(ctx, buckets[i], from, to)
			if err != nil {
				return fmt.Errorf("bucket %d: %w", buckets[i], err)
			}
			if ok {
				got[i] = to.lease(buckets[i])
				return nil
			}
			if err := again(ctx, try); err != nil {
				return err
			}
		}
	})
	return slices.DeleteFunc(got, func(l persistence.Lease) bool { return l.Epoch == 0 }), err
}

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
		return nil, fmt.Errorf("cassandrastore: acquire: %w", err)
	}
	granted, err := s.changeLeases(ctx, buckets, func(_ int, r leaseRow, now int64) (leaseRow, bool) {
		if r.owner != "" && r.owner != owner && now < r.until {
			return r, false
		}
		return leaseRow{epoch: r.epoch + 1, owner: owner, until: now + milliseconds(lease)}, true
	})
	if err != nil {
		return granted, fmt.Errorf("cassandrastore: acquire: %w", err)
	}
	return granted, nil
}

// Renew prolongs leases.
func (s *Store) Renew(ctx context.Context, lease time.Duration, leases ...persistence.Lease) ([]persistence.Lease, error) {
	buckets, err := s.bucketsOf(leases)
	if err == nil {
		err = persistence.CheckLease(lease)
	}
	var renewed []persistence.Lease
	if err == nil {
		renewed, err = s.changeLeases(ctx, buckets, func(i int, r leaseRow, now int64) (leaseRow, bool) {
			return leaseRow{epoch: r.epoch, owner: r.owner, until: now + milliseconds(lease)}, r.heldAs(leases[i])
		})
	}
	if err != nil {
		return renewed, fmt.Errorf("cassandrastore: renew: %w", err)
	}
	return renewed, nil
}

// Release gives leases up.
func (s *Store) Release(ctx context.Context, leases ...persistence.Lease) error {
	buckets, err := s.bucketsOf(leases)
	if err == nil {
		_, err = s.changeLeases(ctx, buckets, func(i int, r leaseRow, _ int64) (leaseRow, bool) {
			return leaseRow{epoch: r.epoch + 1}, r.heldAs(leases[i])
		})
	}
	if err != nil {
		return fmt.Errorf("cassandrastore: release: %w", err)
	}
	return nil
}

func (r leaseRow) heldAs(l persistence.Lease) bool {
	return r.owner != "" && r.owner == l.Owner && uint64(r.epoch) == l.Epoch
}

// Leases returns the state of all buckets.
func (s *Store) Leases(ctx context.Context) ([]persistence.Lease, error) {
	all, err := s.leases(ctx)
	if err != nil {
		return nil, fmt.Errorf("cassandrastore: leases: %w", err)
	}
	return all, nil
}

func (s *Store) leases(ctx context.Context) ([]persistence.Lease, error) {
	ctx, done, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	all := make([]persistence.Lease, s.buckets)
	for n := range all {
		all[n].Bucket = n
	}
	const chunk = 128
	err = each((len(all)+chunk-1)/chunk, func(i int) error {
		var some []int
		for _, l := range all[i*chunk : min(len(all), (i+1)*chunk)] {
			some = append(some, l.Bucket)
		}
		iter := s.session.Query(s.cql.leases, s.opts.Cluster, some).IterContext(ctx)
		var bucket int
		var r leaseRow
		for iter.Scan(&bucket, &r.epoch, &r.owner, &r.until) {
			all[bucket] = r.lease(bucket)
		}
		return iter.Close()
	})
	return all, err
}

// bucketsOf returns the buckets of leases, after a check.
func (s *Store) bucketsOf(leases []persistence.Lease) ([]int, error) {
	var buckets []int
	for _, l := range leases {
		if err := persistence.CheckBuckets(s.buckets, l.Bucket); err != nil {
			return nil, err
		}
		buckets = append(buckets, l.Bucket)
	}
	return buckets, nil
}

// milliseconds rounds up.
func milliseconds(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }
