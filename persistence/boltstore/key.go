package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/seed-ff723688/ors/persistence"
)

// The rows of a session stand side by side in one tree, so that a write touches few pages:
//
//	bucket(2) id 0 kind rest
//
// with the bucket and all numbers in big-endian order. Names hold no control character, so
// the 0 ends the id, and the rows are in the order of bucket and id.
//
//	'a'                head
//	'e' sequence(8)    effect: id length(1), id, data
//	'i' number(8)      event: key length(1), key, data
//	'k' key            number(8) of the event of that key
//	'n' number(8)      key of the event of that number, as long as it is remembered
//	's'                snapshot
//	't' id             timer: time(8) in Unix milliseconds, data
//
// Beside it:
//
//	due     bucket(2) time(8) session id 0 timer id
//	ready   bucket(2) session id
//	claim   claim → session id
//	lease   bucket(2) → epoch(8) until(8) owner
//	doc     digest → body
const (
	rowHead     = 'a'
	rowEffect   = 'e'
	rowEvent    = 'i'
	rowKey      = 'k'
	rowNumber   = 'n'
	rowSnapshot = 's'
	rowTimer    = 't'
)

// rowsOf is what the keys of a session's rows begin with, up to the kind. There is room for the
// longest key behind it.
func rowsOf(bucket int, id string) []byte {
	p := make([]byte, 0, 2+len(id)+1+1+persistence.MaxName)
	p = binary.BigEndian.AppendUint16(p, uint16(bucket))
	p = append(p, id...)
	return append(p, 0)
}

// Each of the following functions returns a key in the spare room of rows, valid until the next one.
func row(rows []byte, kind byte) []byte { return append(rows, kind) }

func numberRow(rows []byte, kind byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(rows, kind), n)
}

func nameRow(rows []byte, kind byte, name string) []byte {
	return append(append(rows, kind), name...)
}

func dueKey(bucket int, at int64, session, timer string) []byte {
	k := make([]byte, 0, 2+8+len(session)+1+len(timer))
	k = binary.BigEndian.AppendUint16(k, uint16(bucket))
	k = binary.BigEndian.AppendUint64(k, uint64(at))
	k = append(k, session...)
	k = append(k, 0)
	return append(k, timer...)
}

// readDue reads the session and the timer out of a dueKey.
func readDue(k []byte) (at int64, session, timer string, ok bool) {
	if len(k) < 2+8+1 {
		return 0, "", "", false
	}
	names := k[10:]
	i := bytes.IndexByte(names, 0)
	if i < 0 {
		return 0, "", "", false
	}
	return int64(binary.BigEndian.Uint64(k[2:])), string(names[:i]), string(names[i+1:]), true
}

func readyKey(bucket int, id string) []byte {
	return append(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(id)), uint16(bucket)), id...)
}

// named is the value of a row with a name of its own and data.
func named(name string, data []byte) []byte {
	v := make([]byte, 0, 1+len(name)+len(data))
	v = append(v, byte(len(name)))
	v = append(v, name...)
	return append(v, data...)
}

// readNamed reads it; the parts are those of v.
func readNamed(v []byte) (name, data []byte, err error) {
	if len(v) < 1 || len(v) < 1+int(v[0]) {
		return nil, nil, errShort
	}
	return v[1 : 1+int(v[0])], v[1+int(v[0]):], nil
}

var errShort = fmt.Errorf("a row is too short: the file is damaged")

// head is the first row of a session.
type head struct {
	rev, acked, tail uint64
	timers, effects  uint64 // how many there are
	sequence         uint64 // of the last effect
	document         persistence.Digest
	claim            string
}

func (h *head) encode() []byte {
	b := make([]byte, 0, 6*4+1+len(h.document)+len(h.claim))
	for _, n := range []uint64{h.rev, h.acked, h.tail, h.timers, h.effects, h.sequence} {
		b = binary.AppendUvarint(b, n)
	}
	if h.document == (persistence.Digest{}) {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		b = append(b, h.document[:]...)
	}
	return append(b, h.claim...)
}

func decodeHead(b []byte) (*head, error) {
	h := &head{}
	for _, n := range []*uint64{&h.rev, &h.acked, &h.tail, &h.timers, &h.effects, &h.sequence} {
		v, size := binary.Uvarint(b)
		if size <= 0 {
			return nil, errShort
		}
		*n, b = v, b[size:]
	}
	if len(b) == 0 || b[0] == 1 && len(b) < 1+len(h.document) {
		return nil, errShort
	}
	if b[0] == 1 {
		b = b[1+copy(h.document[:], b[1:]):]
	} else {
		b = b[1:]
	}
	h.claim = string(b)
	return h, nil
}

func (h *head) info(id string) persistence.Info {
	return persistence.Info{
		ID: id, Claim: h.claim, Document: h.document, Rev: h.rev,
		Acked: h.acked, Tail: h.tail, Timers: int(h.timers), Effects: int(h.effects),
	}
}
