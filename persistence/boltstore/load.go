package boltstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
)

// Load returns a session.
func (s *Store) Load(ctx context.Context, id string) (*persistence.Session, error) {
	var p *persistence.Session
	at := s.place(id)
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		tree := tx.Bucket(treeRow)
		var h head
		if err := h.read(tree, at.rows); err != nil {
			return err
		}
		if h.effectRows > 0 || h.timerRows > 0 {
			if err := eachRow(tree, at, func(e entry) { h.entries = append(h.entries, e) }); err != nil {
				return err
			}
		}
		p = &persistence.Session{
			ID: id, Claim: string(h.claim), Document: h.document, Rev: h.rev, Acked: h.acked,
			Snapshot: clone(tree.Get(row(at.rows, rowSnapshot))),
		}
		slices.SortFunc(h.entries, inOrder)
		for i := range h.entries {
			switch e := &h.entries[i]; e.kind {
			case rowTimer:
				p.Timers = append(p.Timers, persistence.Timer{ID: string(e.name()), At: time.UnixMilli(int64(e.number)).UTC(), Data: e.data()})
			case rowEffect:
				p.Outbox = append(p.Outbox, persistence.Effect{ID: string(e.name()), Data: e.data()})
			}
		}
		var err error
		p.Inbox, err = readInbox(tx.Bucket(treeInbox), at, 0, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("boltstore: load session %q: %w", id, err)
	}
	return p, nil
}

// inOrder compares entries of one kind.
func inOrder(x, y entry) int {
	return cmp.Or(cmp.Compare(x.number, y.number), bytes.Compare(x.name(), y.name()))
}

// Inbox returns unhandled events of a session.
func (s *Store) Inbox(ctx context.Context, id string, after uint64, limit int) ([]persistence.Event, error) {
	var events []persistence.Event
	at := s.place(id)
	err := s.view(ctx, func(tx *bbolt.Tx) (err error) {
		if tx.Bucket(treeRow).Get(row(at.rows, rowHead)) == nil {
			return persistence.ErrNotFound
		}
		events, err = readInbox(tx.Bucket(treeInbox), at, after, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("boltstore: inbox of session %q: %w", id, err)
	}
	return events, nil
}

// readInbox reads the events of a session behind after, at most limit of them where that is above 0.
func readInbox(tree *bbolt.Bucket, at place, after uint64, limit int) (events []persistence.Event, err error) {
	if after == math.MaxUint64 {
		return nil, nil
	}
	c := tree.Cursor()
	for k, v := c.Seek(eventKey(at.rows, after+1)); bytes.HasPrefix(k, at.rows); k, v = c.Next() {
		n, ok := number(k[len(at.rows):])
		name, data, err := readNamed(v)
		if err != nil || !ok {
			return nil, errShort
		}
		events = append(events, persistence.Event{Number: n, Key: string(name), Data: clone(data)})
		if len(events) == limit {
			break
		}
	}
	return events, nil
}

// Lookup returns the session that holds a claim.
func (s *Store) Lookup(ctx context.Context, claim string) (string, error) {
	var id string
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		id = string(tx.Bucket(treeClaim).Get([]byte(claim)))
		if id == "" {
			return persistence.ErrNotFound
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("boltstore: look up claim %q: %w", claim, err)
	}
	return id, nil
}
