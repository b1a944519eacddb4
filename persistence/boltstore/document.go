package boltstore

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
)

// PutDocument keeps the body of a document.
func (s *Store) PutDocument(ctx context.Context, body []byte) (persistence.Digest, error) {
	d := persistence.DigestOf(body)
	fail := func(err error) (persistence.Digest, error) {
		return persistence.Digest{}, fmt.Errorf("boltstore: put document of %d bytes: %w", len(body), err)
	}
	known := false
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		known = tx.Bucket(treeDoc).Get(d[:]) != nil
		return nil
	})
	if err != nil {
		return fail(err)
	}
	if known {
		return d, nil
	}
	body = append(make([]byte, 0, len(body)), body...)
	if err := s.do(ctx, func(t *txn) error { return t.docs.Put(d[:], body) }); err != nil {
		return fail(err)
	}
	return d, nil
}

// Document returns the body of a document.
func (s *Store) Document(ctx context.Context, d persistence.Digest) ([]byte, error) {
	var body []byte
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		got := tx.Bucket(treeDoc).Get(d[:])
		if got == nil {
			return persistence.ErrNotFound
		}
		body = clone(got)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("boltstore: document %s: %w", d, err)
	}
	return body, nil
}
