package datamodel

import "encoding/binary"

// The fields of an event that are present, in the order in which they are
// written.
const (
	hasSendID byte = 1 << iota
	hasOrigin
	hasOriginType
	hasInvokeID
	hasData
	hasRaw
	hasContext
	hasInvokeSerial
)

// AppendEvent appends ev in a compact binary form; see AppendValue.
func AppendEvent(dst []byte, ev *Event) []byte {
	texts := [...]struct {
		bit byte
		s   string
	}{{hasSendID, ev.SendID}, {hasOrigin, ev.Origin}, {hasOriginType, ev.OriginType}, {hasInvokeID, ev.InvokeID}, {hasRaw, ev.Raw}}
	var bits byte
	for _, t := range texts {
		if t.s != "" {
			bits |= t.bit
		}
	}
	if ev.Data != nil {
		bits |= hasData
	}
	if ev.Context != nil {
		bits |= hasContext
	}
	if ev.InvokeSerial != 0 {
		bits |= hasInvokeSerial
	}
	dst = append(dst, byte(ev.Type), bits)
	dst = appendText(dst, ev.Name)
	for _, t := range texts {
		if t.s != "" {
			dst = appendText(dst, t.s)
		}
	}
	if ev.Data != nil {
		dst = AppendValue(dst, ev.Data)
	}
	if ev.Context != nil {
		dst = AppendValue(dst, ev.Context)
	}
	if ev.InvokeSerial != 0 {
		dst = binary.AppendUvarint(dst, ev.InvokeSerial)
	}
	return dst
}

// ReadEvent reads what AppendEvent wrote at the start of b and returns the
// rest; see ReadValue.
func ReadEvent(b []byte) (ev *Event, rest []byte, err error) {
	r := reader{b: b, size: len(b)}
	ev = &Event{Type: EventType(r.byte())}
	if ev.Type > Platform {
		r.fail("unknown type of event %d", ev.Type)
	}
	bits := r.byte()
	ev.Name = r.text()
	for _, t := range [...]struct {
		bit byte
		s   *string
	}{{hasSendID, &ev.SendID}, {hasOrigin, &ev.Origin}, {hasOriginType, &ev.OriginType}, {hasInvokeID, &ev.InvokeID}, {hasRaw, &ev.Raw}} {
		if bits&t.bit != 0 {
			*t.s = r.text()
		}
	}
	if bits&hasData != 0 {
		ev.Data = r.value(0)
	}
	if bits&hasContext != 0 {
		ev.Context = r.value(0)
	}
	if bits&hasInvokeSerial != 0 {
		ev.InvokeSerial = r.uvarint()
	}
	if r.err != nil {
		return nil, nil, r.err
	}
	return ev, r.b, nil
}
