package boltstore

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/seed-ff723688/ors/persistence"
)

// A session is two rows that stand side by side in one tree, so that a step writes one page: its head
// and its snapshot. What waits in its outbox and the timers that are set stand in the head as long as there
// is room (see head.go), and else in rows of their own:
//
//	bucket(2) id 0 kind rest
//
// with the bucket and all numbers in big-endian order. Names hold no control character, so
// the 0 ends the id, and the rows are in the order of bucket and id.
//
//	'a'                head
//	'b'                snapshot
//	'e' sequence(8)    effect: id length(1), id, data
//	't' id             timer: time(8) in Unix milliseconds, id length(1), id, data
//
// Beside it, in trees of their own:
//
//	inbox   bucket(2) id 0 number(8)       → event: key length(1), key, data
//	ready   bucket(2) session id           → number(8) of the last event accepted, as long as events or effects wait
//	key     bucket(2) id 0 'k' key         → number(8) of the event of that key
//	        bucket(2) id 0 'n' number(8)   → key of the event of that number, as long as it is remembered
//	due     bucket(2) time(8) session id 0 timer id
//	claim   claim → session id
//	lease   bucket(2) → epoch(8) until(8) owner
//	doc     digest → body
//
// Events that wait lie together, whatever session they are for, and not beside that: with many sessions, what is
// appended at the same time shares pages, and a session's own page is written once, by the step that handles the event.
const (
	rowHead     = 'a'
	rowSnapshot = 'b'
	rowEffect   = 'e'
	rowTimer    = 't'

	rowKey    = 'k'
	rowNumber = 'n'
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

func nameRow[T string | []byte](rows []byte, kind byte, name T) []byte {
	return append(append(rows, kind), name...)
}

func eventKey(rows []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(rows, n) }

func dueKey[T string | []byte](bucket int, at uint64, session string, timer T) []byte {
	k := make([]byte, 0, 2+8+len(session)+1+len(timer))
	k = binary.BigEndian.AppendUint16(k, uint16(bucket))
	k = binary.BigEndian.AppendUint64(k, at)
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

// readNamed reads a name with data: length(1), name, data. The parts are those of v.
func readNamed(v []byte) (name, data []byte, err error) {
	if len(v) < 1 || len(v) < 1+int(v[0]) {
		return nil, nil, errShort
	}
	return v[1 : 1+int(v[0])], v[1+int(v[0]):], nil
}

var (
	errShort = fmt.Errorf("a row is too short: the file is damaged")
	errMark  = fmt.Errorf("what stands in \"ready\" contradicts the session: the file is damaged")
)
