package boltstore

import (
	"encoding/binary"

	"go.etcd.io/bbolt"

	"github.com/seed-ff723688/ors/persistence"
)

// headRoom is how many bytes of effects and timers the head of a session holds; what is more
// gets rows of its own. An entry stays where it was put.
const headRoom = 2 << 10

// entry is an effect or a timer, or an event, which is not in a head.
type entry struct {
	kind   byte   // rowEffect or rowTimer
	number uint64 // sequence or time; of an event, its number
	value  []byte // the name with the data; see readNamed
}

// name returns the effect's id, the event's key or the timer's id.
func (e *entry) name() []byte { return e.value[1 : 1+e.value[0]] }

// data returns a copy of what the entry carries.
func (e *entry) data() []byte { return clone(e.value[1+e.value[0]:]) }

// size is how much of the head the entry takes, at most.
func (e *entry) size() int { return 1 + 2*binary.MaxVarintLen64 + len(e.value) }

// head is the first row of a session.
type head struct {
	rev, acked            uint64
	sequence              uint64 // of the last effect
	effectRows, timerRows uint64 // how many have rows of their own
	document              persistence.Digest
	claim                 []byte
	entries               []entry // in no particular order, the timers apart those of one kind by number
	effects, timers, size int     // how many of the entries are effects, are timers; the size of all

	tail   uint64 // number of the last event accepted
	mark   uint64 // what the tree ready has for it
	marked bool   // there is such an entry
}

// append adds the head to b, as it is stored.
func (h *head) append(b []byte) []byte {
	for _, n := range [...]uint64{h.rev, h.acked, h.sequence, h.effectRows, h.timerRows} {
		b = binary.AppendUvarint(b, n)
	}
	if h.document == (persistence.Digest{}) {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		b = append(b, h.document[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(h.claim)))
	b = append(b, h.claim...)
	for i := range h.entries {
		e := &h.entries[i]
		b = append(b, e.kind)
		b = binary.AppendUvarint(b, e.number)
		b = binary.AppendUvarint(b, uint64(len(e.value)))
		b = append(b, e.value...)
	}
	return b
}

// decode reads what append wrote, into parts of b.
func (h *head) decode(b []byte) error {
	*h = head{entries: h.entries[:0]}
	r := reader{b: b}
	for _, n := range [...]*uint64{&h.rev, &h.acked, &h.sequence, &h.effectRows, &h.timerRows} {
		*n = r.number()
	}
	if r.byte() == 1 {
		copy(h.document[:], r.take(uint64(len(h.document))))
	}
	h.claim = r.take(r.number())
	for len(r.b) > 0 && !r.short {
		e := entry{kind: r.byte(), number: r.number()}
		e.value = r.take(r.number())
		if _, _, err := readNamed(e.value); err != nil {
			return err
		}
		h.add(e)
	}
	if r.short {
		return errShort
	}
	return nil
}

// reader reads what a head is made of; short is set when there is less than it was asked for.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.b, r.short = nil, true
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) byte() byte {
	b := r.take(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.b, r.short = nil, true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// add adds an entry to the head.
func (h *head) add(e entry) {
	h.entries = append(h.entries, e)
	h.count(&e, 1)
}

func (h *head) count(e *entry, by int) {
	h.size += by * e.size()
	switch e.kind {
	case rowEffect:
		h.effects += by
	case rowTimer:
		h.timers += by
	}
}

// remove removes the entries for which gone is true.
func (h *head) remove(gone func(*entry) bool) {
	kept := h.entries[:0]
	for i := range h.entries {
		e := h.entries[i]
		if gone(&e) {
			h.count(&e, -1)
		} else {
			kept = append(kept, e)
		}
	}
	h.entries = kept
}

// find returns the place of an entry, or -1.
func (h *head) find(kind byte, name []byte) int {
	for i := range h.entries {
		if e := &h.entries[i]; e.kind == kind && string(e.name()) == string(name) {
			return i
		}
	}
	return -1
}

// owes reports whether effects wait.
func (h *head) owes() bool { return h.effects > 0 || h.effectRows > 0 }

func (h *head) info(id string) persistence.Info {
	return persistence.Info{
		ID: id, Claim: string(h.claim), Document: h.document, Rev: h.rev, Acked: h.acked, Tail: h.tail,
		Timers: h.timers + int(h.timerRows), Effects: h.effects + int(h.effectRows),
	}
}

// read reads the head of a session.
func (h *head) read(tree *bbolt.Bucket, rows []byte) error {
	v := tree.Get(row(rows, rowHead))
	if v == nil {
		return persistence.ErrNotFound
	}
	return h.decode(v)
}

// readMark reads what the tree ready has of a session. Where it has nothing all events are handled.
func (h *head) readMark(tree *bbolt.Bucket, key []byte) error {
	h.tail, h.marked = h.acked, false
	v := tree.Get(key)
	if v == nil {
		return nil
	}
	return h.decodeMark(v)
}

func (h *head) decodeMark(v []byte) error {
	n, ok := number(v)
	if !ok || n < h.acked {
		return errMark
	}
	h.tail, h.mark, h.marked = n, n, true
	return nil
}
