package inspect

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// version is that of the form of the file.
const version = 1

// Counts say how much was exported or imported.
type Counts struct {
	Documents int `json:"documents"`
	Sessions  int `json:"sessions"`
}

// entry is a line of the file: one of its members is set.
type entry struct {
	Header   *header   `json:"ors-sessions,omitempty"`
	Document *document `json:"document,omitempty"`
	Session  *stored   `json:"session,omitempty"`
	End      *Counts   `json:"end,omitempty"`
}

type header struct {
	Version int `json:"version"`
	Buckets int `json:"buckets"`
}

type document struct {
	Digest persistence.Digest `json:"digest"`
	Body   []byte             `json:"body"`
}

// stored is persistence.Session in JSON.
type stored struct {
	ID       string   `json:"id"`
	Claim    string   `json:"claim,omitempty"`
	Document string   `json:"document,omitempty"`
	Rev      uint64   `json:"rev"`
	Snapshot []byte   `json:"snapshot,omitempty"`
	Acked    uint64   `json:"acked,omitempty"`
	Inbox    []event  `json:"inbox,omitempty"`
	Timers   []timer  `json:"timers,omitempty"`
	Outbox   []effect `json:"outbox,omitempty"`
}

type event struct {
	Key  string `json:"key,omitempty"`
	Data []byte `json:"data,omitempty"`
}

type timer struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	Data []byte    `json:"data,omitempty"`
}

type effect struct {
	ID   string `json:"id"`
	Data []byte `json:"data,omitempty"`
}

// Sessions iterates over all sessions of a store, bucket by bucket and by id in each. An error is
// yielded once and ends the loop. The rules of persistence for lists hold.
func Sessions(ctx context.Context, s persistence.Store) iter.Seq2[persistence.Info, error] {
	return func(yield func(persistence.Info, error) bool) {
		for bucket := range s.Buckets() {
			for info, err := range s.List(ctx, bucket, "") {
				if !yield(info, err) || err != nil {
					return
				}
			}
		}
	}
}

// Names returns the digests of the documents in the store that a session names; the one of its record may be left
// out. Of an engine's sessions it is session.StoredDocuments.
type Names func(*persistence.Session) ([]persistence.Digest, error)

// Export writes sessions of a store to w, with the documents that they name: all of them, or those for which choose
// returns true. A session that is deleted meanwhile is left out. One of which names returns an error is exported as it is, with the
// document of its record. The last line is written when nothing has failed.
func Export(ctx context.Context, w io.Writer, s persistence.Store, names Names, choose func(persistence.Info) bool) (Counts, error) {
	var n Counts
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	err := lines.Encode(entry{Header: &header{version, s.Buckets()}})
	if err != nil {
		return n, fmt.Errorf("inspect: export: %w", err)
	}
	written := make(map[persistence.Digest]bool)
	for info, err := range Sessions(ctx, s) {
		if err != nil {
			return n, fmt.Errorf("inspect: export: %w", err)
		}
		if choose != nil && !choose(info) {
			continue
		}
		p, err := s.Load(ctx, info.ID)
		if errors.Is(err, persistence.ErrNotFound) {
			continue
		}
		if err != nil {
			return n, fmt.Errorf("inspect: export: %w", err)
		}
		named, err := names(p)
		if err != nil {
			named = nil // nobody can read it, here or there
		}
		for _, d := range append(named, p.Document) {
			if d == (persistence.Digest{}) || written[d] {
				continue
			}
			body, err := s.Document(ctx, d)
			if err != nil {
				return n, fmt.Errorf("inspect: export of session %q: %w", p.ID, err)
			}
			if err := lines.Encode(entry{Document: &document{d, body}}); err != nil {
				return n, fmt.Errorf("inspect: export: %w", err)
			}
			written[d] = true
			n.Documents++
		}
		if err := lines.Encode(entry{Session: toStored(p)}); err != nil {
			return n, fmt.Errorf("inspect: export: %w", err)
		}
		n.Sessions++
	}
	if err := errors.Join(lines.Encode(entry{End: &n}), out.Flush()); err != nil {
		return n, fmt.Errorf("inspect: export: %w", err)
	}
	return n, nil
}

func toStored(p *persistence.Session) *stored {
	s := &stored{ID: p.ID, Claim: p.Claim, Document: p.Document.String(), Rev: p.Rev, Snapshot: p.Snapshot, Acked: p.Acked}
	for _, e := range p.Inbox {
		s.Inbox = append(s.Inbox, event{e.Key, e.Data})
	}
	for _, t := range p.Timers {
		s.Timers = append(s.Timers, timer{t.ID, t.At.UTC(), t.Data})
	}
	for _, e := range p.Outbox {
		s.Outbox = append(s.Outbox, effect{e.ID, e.Data})
	}
	return s
}

// session is toStored the other way round.
func (s *stored) session() (*persistence.Session, error) {
	p := &persistence.Session{ID: s.ID, Claim: s.Claim, Rev: s.Rev, Snapshot: s.Snapshot, Acked: s.Acked}
	if err := p.Document.UnmarshalText([]byte(s.Document)); err != nil {
		return nil, err
	}
	for _, e := range s.Inbox {
		p.Inbox = append(p.Inbox, persistence.Event{Key: e.Key, Data: e.Data})
	}
	for _, t := range s.Timers {
		p.Timers = append(p.Timers, persistence.Timer{ID: t.ID, At: t.At, Data: t.Data})
	}
	for _, e := range s.Outbox {
		p.Outbox = append(p.Outbox, persistence.Effect{ID: e.ID, Data: e.Data})
	}
	return p, nil
}
