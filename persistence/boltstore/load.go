package boltstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
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
		if h.effectRows > 0 || h.timerRows > 0 || h.acked < h.tail {
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
			case rowEvent:
				p.Inbox = append(p.Inbox, e.event())
			case rowTimer:
				p.Timers = append(p.Timers, persistence.Timer{ID: string(e.name()), At: time.UnixMilli(int64(e.number)).UTC(), Data: e.data()})
			case rowEffect:
				p.Outbox = append(p.Outbox, persistence.Effect{ID: string(e.name()), Data: e.data()})
			}
		}
		return nil
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

func (e *entry) event() persistence.Event {
	return persistence.Event{Number: e.number, Key: string(e.name()), Data: e.data()}
}

// Inbox returns unhandled events of a session.
func (s *Store) Inbox(ctx context.Context, id string, after uint64, limit int) ([]persistence.Event, error) {
	var events []persistence.Event
	at := s.place(id)
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		tree := tx.Bucket(treeRow)
		var h head
		if err := h.read(tree, at.rows); err != nil || after >= h.tail {
			return err
		}
		h.remove(func(e *entry) bool { return e.kind != rowEvent || e.number <= after })
		// Those in rows of their own, no more than are asked for.
		prefix := bytes.Clone(row(at.rows, rowEvent))
		c := tree.Cursor()
		k, v := c.Seek(numberRow(at.rows, rowEvent, after+1))
		for n := 0; k != nil && bytes.HasPrefix(k, prefix) && (limit < 1 || n < limit); n++ {
			e, err := readRow(k[len(at.rows):], v)
			if err != nil {
				return err
			}
			h.entries = append(h.entries, e)
			k, v = c.Next()
		}
		slices.SortFunc(h.entries, inOrder)
		for i := range h.entries {
			if events = append(events, h.entries[i].event()); len(events) == limit {
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("boltstore: inbox of session %q: %w", id, err)
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
