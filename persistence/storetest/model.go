package storetest

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-ff723688/ors/persistence"
)

// model is the contract in its plainest form: one goroutine, no limits, everything
// copied. Its errors are bare sentinels.
type model struct {
	buckets  int
	sessions map[string]*modelSession
	leases   map[int]persistence.Lease // with the epochs that the store gave

	documents map[persistence.Digest][]byte
}

type modelSession struct {
	persistence.Session
	keys map[string]uint64
}

func newModel(buckets int) *model {
	return &model{buckets: buckets, sessions: make(map[string]*modelSession), leases: make(map[int]persistence.Lease),
		documents: make(map[persistence.Digest][]byte)}
}

// owned finds a session for a writer.
func (m *model) owned(epoch uint64, id string) (*modelSession, error) {
	if l := m.leases[persistence.BucketOf(id, m.buckets)]; l.Owner == "" || l.Epoch != epoch {
		return nil, persistence.ErrFenced
	}
	s := m.sessions[id]
	if s == nil {
		return nil, persistence.ErrNotFound
	}
	return s, nil
}

func (m *model) create(epoch uint64, p *persistence.Session) error {
	if p.Validate(m.buckets) != nil {
		return persistence.ErrInvalid
	}
	switch s, err := m.owned(epoch, p.ID); {
	case s != nil:
		return persistence.ErrExists
	case err != persistence.ErrNotFound:
		return err
	}
	if m.lookup(p.Claim) != "" {
		return persistence.ErrClaimed
	}
	s := &modelSession{Session: *p, keys: make(map[string]uint64)}
	s.Rev = max(1, p.Rev)
	s.Inbox = slices.Clone(p.Inbox)
	for i := range s.Inbox {
		s.Inbox[i].Number = s.Acked + uint64(i) + 1
		s.keys[s.Inbox[i].Key] = s.Inbox[i].Number
	}
	s.Outbox = slices.Clone(p.Outbox)
	s.Timers = nil
	s.set(p.Timers)
	m.sessions[p.ID] = s
	return nil
}

func (m *model) append(id string, e persistence.Event) (uint64, error) {
	s := m.sessions[id]
	if s == nil {
		return 0, persistence.ErrNotFound
	}
	if n := s.keys[e.Key]; n != 0 && e.Key != "" {
		return n, nil
	}
	e.Number = s.Acked + uint64(len(s.Inbox)) + 1
	s.keys[e.Key] = e.Number
	s.Inbox = append(s.Inbox, e)
	return e.Number, nil
}

func (m *model) commit(epoch uint64, c *persistence.Commit) error {
	if c.Validate() != nil {
		return persistence.ErrInvalid
	}
	s, err := m.owned(epoch, c.ID)
	if err != nil {
		return err
	}
	if c.Rev != s.Rev {
		return persistence.ErrConflict
	}
	if c.Acked < s.Acked || c.Acked > s.Acked+uint64(len(s.Inbox)) {
		return persistence.ErrInvalid
	}
	outbox := without(s.Outbox, c.Confirmed)
	for _, e := range c.Effects {
		if slices.ContainsFunc(outbox, func(o persistence.Effect) bool { return o.ID == e.ID }) {
			return persistence.ErrInvalid
		}
	}
	s.Rev++
	if len(c.Snapshot) > 0 {
		s.Snapshot = c.Snapshot
	}
	s.Inbox = s.Inbox[c.Acked-s.Acked:]
	s.Acked = c.Acked
	s.Outbox = append(outbox, c.Effects...)
	s.Timers = slices.DeleteFunc(s.Timers, func(t persistence.Timer) bool { return slices.Contains(c.ClearTimers, t.ID) })
	s.set(c.SetTimers)
	return nil
}

func (m *model) confirm(epoch uint64, id string, effects []string) error {
	s, err := m.owned(epoch, id)
	if err == nil {
		s.Outbox = without(s.Outbox, effects)
	}
	return err
}

func (m *model) delete(epoch uint64, id string) error {
	_, err := m.owned(epoch, id)
	if err == nil {
		delete(m.sessions, id)
	}
	return err
}

func (m *model) lookup(claim string) string {
	for id, s := range m.sessions {
		if claim != "" && s.Claim == claim {
			return id
		}
	}
	return ""
}

// set sets timers and brings all of them in order.
func (s *modelSession) set(timers []persistence.Timer) {
	for _, t := range timers {
		s.Timers = slices.DeleteFunc(s.Timers, func(old persistence.Timer) bool { return old.ID == t.ID })
		s.Timers = append(s.Timers, t)
	}
	slices.SortFunc(s.Timers, func(a, b persistence.Timer) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
}

func without(effects []persistence.Effect, ids []string) []persistence.Effect {
	var out []persistence.Effect
	for _, e := range effects {
		if !slices.Contains(ids, e.ID) {
			out = append(out, e)
		}
	}
	return out
}

// list returns the sessions of a bucket by id.
func (m *model) list(bucket int, ready bool) []persistence.Info {
	var out []persistence.Info
	for id, s := range m.sessions {
		if persistence.BucketOf(id, m.buckets) != bucket || ready && len(s.Inbox)+len(s.Outbox) == 0 {
			continue
		}
		out = append(out, persistence.Info{ID: id, Claim: s.Claim, Document: s.Document, Rev: s.Rev, Acked: s.Acked,
			Tail: s.Acked + uint64(len(s.Inbox)), Timers: len(s.Timers), Effects: len(s.Outbox)})
	}
	slices.SortFunc(out, byID)
	return out
}

func byID(a, b persistence.Info) int { return cmp.Compare(a.ID, b.ID) }

func (m *model) due(bucket int, until time.Time) []persistence.Due {
	var out []persistence.Due
	for id, s := range m.sessions {
		for _, t := range s.Timers {
			if persistence.BucketOf(id, m.buckets) == bucket && !t.At.After(until) {
				out = append(out, persistence.Due{Session: id, Timer: t.ID, At: t.At})
			}
		}
	}
	slices.SortFunc(out, byTime)
	return out
}

func byTime(a, b persistence.Due) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Session, b.Session), cmp.Compare(a.Timer, b.Timer))
}

// drop removes a document, if its time, which the store knows, is early enough.
func (m *model) drop(d persistence.Digest, early bool) (bool, error) {
	if _, ok := m.documents[d]; !ok {
		return false, persistence.ErrNotFound
	}
	if early {
		delete(m.documents, d)
	}
	return early, nil
}

// listed returns the documents by digest, without times.
func (m *model) listed() []persistence.DocumentInfo {
	var out []persistence.DocumentInfo
	for d, body := range m.documents {
		out = append(out, persistence.DocumentInfo{Digest: d, Size: int64(len(body))})
	}
	slices.SortFunc(out, byDigest)
	return out
}
