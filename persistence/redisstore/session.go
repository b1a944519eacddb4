package redisstore

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/seed-ff723688/ors/persistence"
)

// args collects the arguments of a script.
type args []string

func (a *args) text(s ...string) { *a = append(*a, s...) }

func (a *args) bytes(b []byte) { *a = append(*a, rueidis.BinaryString(b)) }

func (a *args) number(n uint64) { *a = append(*a, strconv.FormatUint(n, 10)) }

// mark writes where the arguments end into argument i, as Lua counts, which is from 1.
func (a args) mark(i int) { a[i-1] = strconv.Itoa(len(a)) }

// schedule adds the times of timers and the members that stand for them.
func (a *args) schedule(session string, timers []persistence.Timer) {
	for i := range timers {
		a.number(uint64(timers[i].At.UnixMilli()))
		a.text(member(session, timers[i].ID))
	}
}

// member is what stands for a timer in the order of times.
func member(session, timer string) string { return session + "\x00" + timer }

// timers adds fields and values of timers.
func (a *args) timers(timers []persistence.Timer) {
	for i := range timers {
		t := &timers[i]
		v := append(strconv.AppendInt(make([]byte, 0, 20+len(t.Data)), t.At.UnixMilli(), 10), ':')
		a.text("@" + t.ID)
		a.bytes(append(v, t.Data...))
	}
}

// effects adds fields and values of the effects that come with a revision.
func (a *args) effects(rev uint64, effects []persistence.Effect) {
	for i := range effects {
		e := &effects[i]
		v := append(strconv.AppendUint(make([]byte, 0, 28+len(e.Data)), rev, 10), ':')
		v = append(strconv.AppendInt(v, int64(i), 10), ':')
		a.text(">" + e.ID)
		a.bytes(append(v, e.Data...))
	}
}

// entry is an event in the inbox.
func entry(e *persistence.Event) string {
	return rueidis.BinaryString(append(append(append(make([]byte, 0, len(e.Key)+1+len(e.Data)), e.Key...), 0), e.Data...))
}

// argsOf begins the arguments of a write to a session.
func (s *Store) argsOf(epoch uint64, id string) args {
	return append(make(args, 0, 32), strconv.FormatUint(epoch, 10), id, s.ttl)
}

// refused turns the answer of a script into an error of the contract.
func (s *Store) refused(err error, id string, epoch, rev uint64, claim string) error {
	var no *refusal
	if !errors.As(err, &no) {
		return err
	}
	first, _ := no.more.text(0)
	n, _ := strconv.ParseUint(first, 10, 64)
	switch no.word {
	case "FENCED":
		return &persistence.FencedError{Bucket: persistence.BucketOf(id, s.buckets), Epoch: epoch, Current: n}
	case "CONFLICT":
		return &persistence.ConflictError{Session: id, Rev: rev, Current: n}
	case "CLAIMED":
		return &persistence.ClaimedError{Claim: claim, Session: first}
	case "POSITION":
		tail, _ := no.more.text(1)
		return fmt.Errorf("%w: inbox position outside %s to %s", persistence.ErrInvalid, first, tail)
	case "EFFECT":
		return fmt.Errorf("%w: effect %q is in the outbox already", persistence.ErrInvalid, first)
	case "FULL":
		return fmt.Errorf("%w: %s events wait unhandled, Options.MaxInbox is %d", persistence.ErrFull, first, s.opts.MaxInbox)
	}
	return err
}

// Create adds a session.
func (s *Store) Create(ctx context.Context, epoch uint64, p *persistence.Session) error {
	if err := s.create(ctx, epoch, p); err != nil {
		return fmt.Errorf("redisstore: create session %q: %w", p.ID, err)
	}
	return nil
}

func (s *Store) create(ctx context.Context, epoch uint64, p *persistence.Session) error {
	if err := p.Validate(s.buckets); err != nil {
		return err
	}
	if n := s.opts.MaxInbox; n > 0 && len(p.Inbox) > n {
		return fmt.Errorf("%w: an inbox of %d events, Options.MaxInbox is %d", persistence.ErrFull, len(p.Inbox), n)
	}
	rev, ready := max(p.Rev, 1), "0"
	if len(p.Inbox)+len(p.Outbox) > 0 {
		ready = "1"
	}
	a := s.argsOf(epoch, p.ID)
	a.number(p.Acked)
	a.text(p.Claim, ready, "", "")
	for i := range p.Inbox {
		a.text(p.Inbox[i].Key, entry(&p.Inbox[i]))
	}
	a.mark(7)
	a.schedule(p.ID, p.Timers)
	a.mark(8)
	a.text("d", p.Document.String(), "c", p.Claim, "r")
	a.number(rev)
	a.text("a")
	a.number(p.Acked)
	a.text("n")
	a.number(p.Acked + uint64(len(p.Inbox)))
	a.text("o")
	a.number(uint64(len(p.Outbox)))
	a.text("b")
	a.bytes(p.Snapshot)
	a.timers(p.Timers)
	a.effects(rev, p.Outbox)
	_, err := s.write(ctx, scriptCreate, s.keysOf(p.ID), a)
	return s.refused(err, p.ID, epoch, 0, p.Claim)
}

// Append adds an event to a session's inbox.
func (s *Store) Append(ctx context.Context, id string, e persistence.Event) (uint64, error) {
	n, err := s.append(ctx, id, e)
	if err != nil {
		return 0, fmt.Errorf("redisstore: append to session %q: %w", id, err)
	}
	return n, nil
}

func (s *Store) append(ctx context.Context, id string, e persistence.Event) (uint64, error) {
	if err := e.Validate(); err != nil {
		return 0, err
	}
	a := s.argsOf(0, id)
	a.text(e.Key, entry(&e), strconv.Itoa(max(s.opts.MaxInbox, 0)))
	a.number(persistence.KeyWindow)
	r, err := s.write(ctx, scriptAppend, s.keysOf(id), a)
	if err != nil {
		return 0, s.refused(err, id, 0, 0, "")
	}
	return r.number(0)
}

// Commit writes a step of a session.
func (s *Store) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	if err := s.commit(ctx, epoch, c); err != nil {
		return fmt.Errorf("redisstore: commit session %q: %w", c.ID, err)
	}
	return nil
}

func (s *Store) commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	if err := c.Validate(); err != nil {
		return err
	}
	const head = 3
	a := make(args, head, head+3*len(c.Effects)+len(c.Confirmed)+2*len(c.ClearTimers)+4*len(c.SetTimers)+2)
	ends := make([]int, 0, 5)
	for i := range c.Effects {
		if id := c.Effects[i].ID; !slices.Contains(c.Confirmed, id) {
			a.text(">" + id)
		}
	}
	ends = append(ends, len(a))
	for _, id := range c.Confirmed {
		a.text(">" + id)
	}
	ends = append(ends, len(a))
	for _, id := range c.ClearTimers {
		a.text("@" + id)
	}
	ends = append(ends, len(a))
	for _, id := range c.ClearTimers {
		a.text(member(c.ID, id))
	}
	ends = append(ends, len(a))
	a.schedule(c.ID, c.SetTimers)
	ends = append(ends, len(a))
	if len(c.Snapshot) > 0 {
		a.text("b")
		a.bytes(c.Snapshot)
	}
	a.timers(c.SetTimers)
	a.effects(c.Rev+1, c.Effects)
	a[0], a[1] = strconv.FormatUint(epoch, 10), strconv.FormatUint(c.Rev, 10)
	a[2] = packed(c.Acked, uint64(s.opts.TTL.Milliseconds()), uint64(len(c.Effects)), ends)
	_, err := s.write(ctx, scriptCommit, s.commitKeys(c.ID), a)
	return s.refused(err, c.ID, epoch, c.Rev, "")
}

// packed are numbers as scriptCommit reads them, exact up to 2^53.
func packed(acked, ttl, effects uint64, ends []int) string {
	b := make([]byte, 0, 8*8)
	for _, n := range [...]uint64{acked, ttl, effects} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(n)))
	}
	for _, n := range ends {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(n)))
	}
	return rueidis.BinaryString(b)
}

// Confirm removes effects from a session's outbox.
func (s *Store) Confirm(ctx context.Context, epoch uint64, id string, effects ...string) error {
	a := s.argsOf(epoch, id)
	for _, effect := range effects {
		a.text(">" + effect)
	}
	_, err := s.write(ctx, scriptConfirm, s.keysOf(id), a)
	if err = s.refused(err, id, epoch, 0, ""); err != nil {
		return fmt.Errorf("redisstore: confirm effects of session %q: %w", id, err)
	}
	return nil
}

// Delete removes a session.
func (s *Store) Delete(ctx context.Context, epoch uint64, id string) error {
	_, err := s.write(ctx, scriptDelete, s.keysOf(id), s.argsOf(epoch, id))
	if err = s.refused(err, id, epoch, 0, ""); err != nil {
		return fmt.Errorf("redisstore: delete session %q: %w", id, err)
	}
	return nil
}

// Load returns a session.
func (s *Store) Load(ctx context.Context, id string) (*persistence.Session, error) {
	var r reply
	var err error
	if s.opts.Level == LevelReplicated {
		r, err = s.write(ctx, scriptLoadReplicated, s.keysOf(id), nil)
	} else {
		r, err = s.read(ctx, scriptLoad, s.keysOf(id), nil)
	}
	var p *persistence.Session
	if err == nil {
		p, err = readSession(id, r)
	}
	if err != nil {
		return nil, fmt.Errorf("redisstore: load session %q: %w", id, err)
	}
	return p, nil
}

// readSession reads the answer of scriptLoad.
func readSession(id string, r reply) (*persistence.Session, error) {
	fields, err1 := r.list(0)
	inbox, err2 := r.list(1)
	if err1 != nil || err2 != nil || len(fields)%2 != 0 {
		return nil, errUnexpected
	}
	p := &persistence.Session{ID: id}
	var outbox, timers []pair
	for i := 0; i < len(fields); i += 2 {
		name, err := fields.text(i)
		if err != nil || name == "" {
			return nil, errUnexpected
		}
		switch name[0] {
		case 'r':
			p.Rev, err = fields.number(i + 1)
		case 'a':
			p.Acked, err = fields.number(i + 1)
		case 'b':
			p.Snapshot, err = fields.bytes(i + 1)
		case 'c':
			p.Claim, err = fields.text(i + 1)
		case 'd':
			var digest string
			if digest, err = fields.text(i + 1); err == nil {
				err = p.Document.UnmarshalText([]byte(digest))
			}
		case '>':
			outbox, err = fields.appendPair(outbox, name[1:], i+1, 2)
		case '@':
			timers, err = fields.appendPair(timers, name[1:], i+1, 1)
		}
		if err != nil {
			return nil, err
		}
	}
	var err error
	if p.Inbox, err = readEvents(inbox, p.Acked); err != nil {
		return nil, err
	}
	slices.SortFunc(outbox, func(x, y pair) int { return slices.Compare(x.numbers[:], y.numbers[:]) })
	for _, e := range outbox {
		p.Outbox = append(p.Outbox, persistence.Effect{ID: e.name, Data: e.data})
	}
	slices.SortFunc(timers, func(x, y pair) int {
		return cmp.Or(cmp.Compare(x.numbers[0], y.numbers[0]), cmp.Compare(x.name, y.name))
	})
	for _, t := range timers {
		p.Timers = append(p.Timers, persistence.Timer{ID: t.name, At: time.UnixMilli(t.numbers[0]).UTC(), Data: t.data})
	}
	return p, nil
}

// pair is an effect or a timer: a field whose value are one or two numbers and data, with colons between them.
type pair struct {
	name    string
	numbers [2]int64
	data    []byte
}

func (r reply) appendPair(pairs []pair, name string, i, numbers int) ([]pair, error) {
	p := pair{name: name}
	value, err := r.text(i)
	if err != nil {
		return nil, err
	}
	for n := range numbers {
		digits, rest, ok := strings.Cut(value, ":")
		if p.numbers[n], err = strconv.ParseInt(digits, 10, 64); err != nil || !ok {
			return nil, errUnexpected
		}
		value = rest
	}
	p.data = content(value)
	return append(pairs, p), nil
}

// readEvents reads an inbox whose first event has the number after acked.
func readEvents(l reply, acked uint64) ([]persistence.Event, error) {
	var out []persistence.Event
	for i := range l {
		text, err := l.text(i)
		key, data, ok := strings.Cut(text, "\x00")
		if err != nil || !ok {
			return nil, errUnexpected
		}
		out = append(out, persistence.Event{Number: acked + uint64(i) + 1, Key: key, Data: content(data)})
	}
	return out, nil
}

func content(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// Inbox returns unhandled events of a session.
func (s *Store) Inbox(ctx context.Context, id string, after uint64, limit int) ([]persistence.Event, error) {
	// Lua's numbers are exact up to 2^53.
	r, err := s.read(ctx, scriptInbox, s.keysOf(id), []string{strconv.FormatUint(min(after, 1<<53), 10), strconv.Itoa(max(limit, 0))})
	var events []persistence.Event
	if err == nil {
		first, err1 := r.number(0)
		l, err2 := r.list(1)
		if err = errors.Join(err1, err2); err == nil {
			events, err = readEvents(l, first)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("redisstore: inbox of session %q: %w", id, err)
	}
	return events, nil
}

// Lookup returns the session that holds a claim.
func (s *Store) Lookup(ctx context.Context, claim string) (string, error) {
	b := s.bucket(persistence.BucketOf(claim, s.buckets))
	r, err := s.read(ctx, scriptLookup, []string{b.claims()}, []string{claim, b.session("")})
	var id string
	if err == nil {
		id, err = r.text(0)
	}
	if err != nil {
		return "", fmt.Errorf("redisstore: look up claim %q: %w", claim, err)
	}
	return id, nil
}
