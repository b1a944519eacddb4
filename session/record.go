package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// This file is the form in which a session stands in a store. Each piece begins
// with recordVersion; every later version of this package reads it. Version 2 has
// also the value, the times and the position of the <invoke> in a session's record,
// and the position of the element in an errand. Version 3 has up to where the inbox
// counts of invoked sessions that are over.

const recordVersion = 3

// ErrRecord: a store holds bytes that are no record of a session, are damaged,
// or were written by a newer version.
var ErrRecord = errors.New("session: stored record not readable")

// record is what the snapshot of a stored session holds.
type record struct {
	begun, ended bool
	url          string             // of the document, or what inline content is relative to
	digest       persistence.Digest // of the document's source in the store; zero: inline, or not read yet
	content      string             // inline document
	lineage      *lineage
	children     []child
	macrosteps   uint64
	params, x    *datamodel.Object // params only until it has begun
	value        datamodel.Value   // StartRequest.Value
	born         int64             // when it began, in nanoseconds since 1970; 0: not yet
	at           time.Time         // when it is to begin; zero: at once, or it has begun
	machine      []byte            // snapshot of the Machine, when begun and not ended
	result       Result            // when ended
}

const (
	recordBegun = 1 << iota
	recordEnded
	recordInvoked
)

func (r *record) append(dst []byte) []byte {
	flags := byte(0)
	if r.begun {
		flags |= recordBegun
	}
	if r.ended {
		flags |= recordEnded
	}
	if r.lineage != nil {
		flags |= recordInvoked
	}
	dst = append(dst, recordVersion, flags)
	dst = appendText(dst, r.url)
	dst = append(dst, r.digest[:]...)
	dst = appendText(dst, r.content)
	if l := r.lineage; l != nil {
		dst = appendText(dst, l.parent)
		dst = appendText(dst, l.root)
		dst = appendText(dst, l.invokeID)
		dst = binary.AppendUvarint(dst, l.serial)
		dst = binary.AppendUvarint(dst, uint64(l.depth))
		dst = appendPosition(dst, l.pos)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.children)))
	for _, c := range r.children {
		dst = appendText(dst, c.invokeID)
		dst = binary.AppendUvarint(dst, c.serial)
		dst = appendText(dst, c.id)
		until := uint64(0)
		if c.over {
			until = c.until + 1
		}
		dst = binary.AppendUvarint(dst, until)
	}
	dst = binary.AppendUvarint(dst, r.macrosteps)
	dst = appendObject(dst, r.params)
	dst = appendObject(dst, r.x)
	dst = datamodel.AppendValue(dst, r.value)
	dst = binary.AppendVarint(dst, r.born)
	dst = append(dst, flag(!r.at.IsZero()))
	if !r.at.IsZero() {
		dst = binary.AppendVarint(binary.AppendVarint(dst, r.at.Unix()), int64(r.at.Nanosecond()))
	}
	if r.ended {
		dst = append(dst, byte(r.result.Reason))
		dst = datamodel.AppendValue(dst, r.result.Data)
		text := ""
		if r.result.Err != nil {
			text = r.result.Err.Error()
		}
		dst = appendText(dst, text)
		return appendTexts(appendTexts(dst, r.result.Configuration), r.result.Active)
	}
	return append(dst, r.machine...)
}

func readRecord(b []byte) (*record, error) {
	d := newDecoder(b)
	flags := d.byte()
	r := &record{begun: flags&recordBegun != 0, ended: flags&recordEnded != 0}
	r.url = d.text()
	copy(r.digest[:], d.bytes(len(r.digest)))
	r.content = d.text()
	if flags&recordInvoked != 0 {
		r.lineage = &lineage{parent: d.text(), root: d.text(), invokeID: d.text(), serial: d.number(), depth: int(d.number()), pos: d.position()}
	}
	for range d.count() {
		c := child{invokeID: d.text(), serial: d.number(), id: d.text()}
		if d.version > 2 {
			if until := d.number(); until > 0 {
				c.over, c.until = true, until-1
			}
		}
		r.children = append(r.children, c)
	}
	r.macrosteps = d.number()
	r.params, r.x = d.object(), d.object()
	if d.version > 1 {
		r.value, r.born = d.value(), d.signed()
		if d.byte() != 0 {
			r.at = time.Unix(d.signed(), d.signed()).UTC()
		}
	}
	if r.ended {
		r.result.Reason = EndReason(d.byte())
		r.result.Data = d.value()
		if text := d.text(); text != "" {
			r.result.Err = errors.New(text)
		}
		r.result.Configuration, r.result.Active = d.texts(), d.texts()
		return r, d.end()
	}
	r.machine = d.b
	return r, d.err
}

// The kinds of entry in a stored inbox.
const (
	itemEvent byte = iota
	itemStop
	itemVoid // it was handled while the store was away, and keeps its key
)

const (
	itemLast = 1 << iota
	itemForwarded
)

// appendItem appends an entry of an inbox.
func appendItem(dst []byte, q *queuedEvent) []byte {
	switch {
	case q.stop != 0:
		return append(dst, recordVersion, itemStop, byte(q.stop))
	case q.void:
		return append(dst, recordVersion, itemVoid)
	}
	flags := byte(0)
	if q.last {
		flags |= itemLast
	}
	if q.forwarded {
		flags |= itemForwarded
	}
	dst = append(dst, recordVersion, itemEvent, flags)
	dst = appendText(dst, q.from())
	dst = binary.AppendUvarint(dst, uint64(q.chain.all))
	dst = binary.AppendUvarint(dst, uint64(q.chain.own))
	return datamodel.AppendEvent(dst, &q.event)
}

func readItem(b []byte) (*queuedEvent, error) {
	d := newDecoder(b)
	q := &queuedEvent{}
	switch kind := d.byte(); kind {
	case itemStop:
		q.stop = EndReason(d.byte())
	case itemVoid:
		q.void = true
	case itemEvent:
		flags := d.byte()
		q.last, q.forwarded = flags&itemLast != 0, flags&itemForwarded != 0
		if from := d.text(); from != "" {
			q.rare().from = from
		}
		q.chain = chain{all: int32(d.number()), own: int32(d.number())}
		if ev := d.event(); ev != nil {
			q.event = *ev
		}
	default:
		d.fail("inbox entry of kind %d", kind)
	}
	return q, d.end()
}

// The kinds of stored errand.
const (
	errandSend byte = iota
	errandInvoke
	errandStop
	errandForward
	errandModule
	errandLast
	errandOwn
)

// appendErrand appends an errand. Delayed sends are stored as timers, in the
// same form; of cancellations the answers are stored alone.
func appendErrand(dst []byte, x *errand) []byte {
	dst = append(dst, recordVersion)
	switch v := x.effect.(type) {
	case *scxml.Send:
		dst = append(appendText(append(dst, errandSend), x.to), flag(v.HasContent)|flag(x.due)<<1)
		dst = appendText(dst, v.ID)
		dst = appendText(dst, v.Type)
		dst = appendText(dst, v.Target)
		dst = binary.AppendVarint(dst, int64(v.Delay))
		dst = binary.AppendUvarint(dst, uint64(len(v.Params)))
		for _, p := range v.Params {
			dst = datamodel.AppendValue(appendText(dst, p.Name), p.Value)
		}
		return appendPosition(datamodel.AppendEvent(dst, v.Event), v.Pos)
	case *scxml.Invoke:
		dst = append(appendText(append(dst, errandInvoke), x.to), flag(v.Autoforward))
		dst = appendText(dst, v.ID)
		dst = appendText(dst, v.Type)
		dst = appendText(dst, v.Src)
		dst = binary.AppendUvarint(dst, v.Serial)
		return appendPosition(appendObject(datamodel.AppendValue(dst, v.Content), v.Params), v.Pos)
	case *scxml.Forward:
		dst = appendText(append(dst, errandForward), x.to)
		return datamodel.AppendEvent(appendText(dst, v.InvokeID), v.Event)
	case *scxml.ModuleCall:
		dst = appendText(append(dst, errandModule), x.to)
		dst = appendText(dst, v.Namespace)
		dst = appendText(dst, v.Name)
		dst = appendText(dst, v.RequestID)
		return appendPosition(appendObject(dst, v.Args), v.Pos)
	}
	if x.own != nil {
		return datamodel.AppendEvent(appendText(append(dst, errandOwn), x.to), x.own)
	}
	if x.last != nil {
		return datamodel.AppendEvent(appendText(append(dst, errandLast), x.to), x.last)
	}
	return appendText(append(dst, errandStop), x.to) // a *scxml.CancelInvoke, or a child left over
}

func readErrand(b []byte) (errand, error) {
	d := newDecoder(b)
	kind := d.byte()
	x := errand{to: d.text()}
	switch kind {
	case errandSend:
		flags := d.byte()
		x.due = flags&2 != 0
		v := &scxml.Send{HasContent: flags&1 != 0, ID: d.text(), Type: d.text(), Target: d.text(), Delay: time.Duration(d.signed())}
		for range d.count() {
			v.Params = append(v.Params, datamodel.Member{Name: d.text(), Value: d.value()})
		}
		v.Event, v.Pos = d.event(), d.position()
		x.effect = v
	case errandInvoke:
		x.effect = &scxml.Invoke{Autoforward: d.byte() != 0, ID: d.text(), Type: d.text(), Src: d.text(), Serial: d.number(), Content: d.value(), Params: d.object(), Pos: d.position()}
	case errandStop:
	case errandForward:
		x.effect = &scxml.Forward{InvokeID: d.text(), Event: d.event()}
	case errandModule:
		x.effect = &scxml.ModuleCall{Namespace: d.text(), Name: d.text(), RequestID: d.text(), Args: d.object(), Pos: d.position()}
	case errandLast:
		x.last = d.event()
	case errandOwn:
		x.own = d.event()
	default:
		d.fail("effect of kind %d", kind)
	}
	return x, d.end()
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func appendPosition(dst []byte, p scxml.Position) []byte {
	dst = appendText(dst, p.File)
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(p.Line)), uint64(p.Column))
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendTexts(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendText(dst, s)
	}
	return dst
}

// appendObject appends an object or nil.
func appendObject(dst []byte, o *datamodel.Object) []byte {
	if o == nil {
		return datamodel.AppendValue(dst, nil)
	}
	return datamodel.AppendValue(dst, o)
}

// decoder reads what the functions above wrote. After an error it yields zero
// values.
type decoder struct {
	b       []byte
	version byte
	err     error
}

func newDecoder(b []byte) *decoder {
	d := &decoder{b: b}
	if d.version = d.byte(); d.err == nil && (d.version < 1 || d.version > recordVersion) {
		d.fail("version %d", d.version)
	}
	return d
}

// position reads a place in a document; version 1 has none.
func (d *decoder) position() scxml.Position {
	if d.version < 2 {
		return scxml.Position{}
	}
	return scxml.Position{File: d.text(), Line: int(d.number()), Column: int(d.number())}
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrRecord, fmt.Sprintf(format, args...))
	}
	d.b = nil
}

// end returns the error; bytes that are left over are one.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes too many", len(d.b))
	}
	return d.err
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.b) {
		d.fail("cut off")
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) number() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("no number where one was expected")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) signed() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail("no number where one was expected")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count is the length of a list. Each of its elements takes a byte at least.
func (d *decoder) count() int {
	n := d.number()
	if n > uint64(len(d.b)) {
		d.fail("list of %d in %d bytes", n, len(d.b))
		return 0
	}
	return int(n)
}

func (d *decoder) text() string { return string(d.bytes(d.count())) }

func (d *decoder) texts() []string {
	var list []string
	for range d.count() {
		list = append(list, d.text())
	}
	return list
}

func (d *decoder) value() datamodel.Value {
	if d.err != nil {
		return nil
	}
	v, rest, err := datamodel.ReadValue(d.b)
	if err != nil {
		d.fail("%v", err)
		return nil
	}
	d.b = rest
	return v
}

func (d *decoder) object() *datamodel.Object {
	switch v := d.value().(type) {
	case nil:
	case *datamodel.Object:
		return v
	default:
		d.fail("%T where an object was expected", v)
	}
	return nil
}

func (d *decoder) event() *scxml.Event {
	if d.err != nil {
		return nil
	}
	ev, rest, err := datamodel.ReadEvent(d.b)
	if err != nil {
		d.fail("%v", err)
		return nil
	}
	d.b = rest
	return ev
}
