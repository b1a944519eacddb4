package datamodel

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
	if bits&^(hasContext<<1-1) != 0 {
		r.fail("unknown fields of an event")
	}
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
	if r.err != nil {
		return nil, nil, r.err
	}
	return ev, r.b, nil
}
