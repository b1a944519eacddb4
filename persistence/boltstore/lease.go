package boltstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
)

func leaseKey(bucket int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(bucket)) }

func encodeLease(l persistence.Lease) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 16+len(l.Owner)), l.Epoch)
	until := uint64(0)
	if l.Owner != "" {
		until = uint64(l.Until.UnixMilli())
	}
	return append(binary.BigEndian.AppendUint64(b, until), l.Owner...)
}

// leaseOf reads the lease of a bucket from its tree.
func leaseOf(tree *bbolt.Bucket, bucket int) (persistence.Lease, error) {
	l := persistence.Lease{Bucket: bucket}
	v := tree.Get(leaseKey(bucket))
	if v == nil {
		return l, nil
	}
	if len(v) < 16 {
		return l, errShort
	}
	l.Epoch, l.Owner = binary.BigEndian.Uint64(v), string(v[16:])
	if l.Owner != "" {
		l.Until = time.UnixMilli(int64(binary.BigEndian.Uint64(v[8:]))).UTC()
	}
	return l, nil
}

// endLeases ends the leases of a process that is gone.
func endLeases(tx *bbolt.Tx) error {
	tree := tx.Bucket(treeLease)
	var held []persistence.Lease
	err := tree.ForEach(func(k, _ []byte) error {
		if len(k) != 2 {
			return errShort
		}
		l, err := leaseOf(tree, int(binary.BigEndian.Uint16(k)))
		if err == nil && l.Owner != "" {
			held = append(held, l)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range held {
		if err := tree.Put(leaseKey(l.Bucket), encodeLease(persistence.Lease{Epoch: l.Epoch + 1})); err != nil {
			return err
		}
	}
	return nil
}

// fence returns a FencedError unless epoch is the bucket's.
func (t *txn) fence(bucket int, epoch uint64) error {
	v := t.leases.Get(leaseKey(bucket))
	var current uint64
	if len(v) >= 8 {
		current = binary.BigEndian.Uint64(v)
	}
	if epoch == 0 || epoch != current {
		return &persistence.FencedError{Bucket: bucket, Epoch: epoch, Current: current}
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
		err = persistence.CheckBuckets(s.buckets, buckets...)
	}
	if err != nil {
		return nil, fmt.Errorf("boltstore: acquire: %w", err)
	}
	want := slices.Clone(buckets)
	var granted []persistence.Lease
	err = s.do(ctx, func(t *txn) error {
		granted = make([]persistence.Lease, 0, len(want))
		now := s.opts.Now()
		for _, n := range want {
			l, err := leaseOf(t.leases.Bucket, n)
			if err != nil {
				return &treeError{err}
			}
			if l.Owner != "" && l.Owner != owner && now.Before(l.Until) {
				continue
			}
			l = persistence.Lease{Bucket: n, Owner: owner, Epoch: l.Epoch + 1, Until: until(now, lease)}
			if err := t.leases.Put(leaseKey(n), encodeLease(l)); err != nil {
				return err
			}
			granted = append(granted, l)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("boltstore: acquire %d buckets: %w", len(want), err)
	}
	return granted, nil
}

// Renew prolongs leases.
func (s *Store) Renew(ctx context.Context, lease time.Duration, leases ...persistence.Lease) ([]persistence.Lease, error) {
	if err := persistence.CheckLease(lease); err != nil {
		return nil, fmt.Errorf("boltstore: renew: %w", err)
	}
	var renewed []persistence.Lease
	err := s.eachLease(ctx, leases, func() { renewed = make([]persistence.Lease, 0, len(leases)) },
		func(l persistence.Lease) persistence.Lease {
			l.Until = until(s.opts.Now(), lease)
			renewed = append(renewed, l)
			return l
		})
	if err != nil {
		return nil, fmt.Errorf("boltstore: renew: %w", err)
	}
	return renewed, nil
}

// Release gives leases up.
func (s *Store) Release(ctx context.Context, leases ...persistence.Lease) error {
	err := s.eachLease(ctx, leases, func() {}, func(l persistence.Lease) persistence.Lease {
		return persistence.Lease{Epoch: l.Epoch + 1}
	})
	if err != nil {
		return fmt.Errorf("boltstore: release: %w", err)
	}
	return nil
}

// eachLease replaces the leases that still hold by what change makes of them. begin runs
// before.
func (s *Store) eachLease(ctx context.Context, leases []persistence.Lease, begin func(), change func(persistence.Lease) persistence.Lease) error {
	for _, l := range leases {
		if err := persistence.CheckBuckets(s.buckets, l.Bucket); err != nil {
			return err
		}
	}
	held := slices.Clone(leases)
	return s.do(ctx, func(t *txn) error {
		begin()
		for _, want := range held {
			l, err := leaseOf(t.leases.Bucket, want.Bucket)
			if err != nil {
				return &treeError{err}
			}
			if l.Owner == "" || l.Owner != want.Owner || l.Epoch != want.Epoch {
				continue
			}
			if err := t.leases.Put(leaseKey(want.Bucket), encodeLease(change(l))); err != nil {
				return err
			}
		}
		return nil
	})
}

// Leases returns the state of all buckets.
func (s *Store) Leases(ctx context.Context) ([]persistence.Lease, error) {
	all := make([]persistence.Lease, 0, s.buckets)
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		for n := range s.buckets {
			l, err := leaseOf(tx.Bucket(treeLease), n)
			if err != nil {
				return err
			}
			all = append(all, l)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("boltstore: leases: %w", err)
	}
	return all, nil
}

// until is the end of a lease, to the millisecond above.
func until(now time.Time, lease time.Duration) time.Time {
	return time.UnixMilli(now.Add(lease + time.Millisecond - 1).UnixMilli()).UTC()
}
