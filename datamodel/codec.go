package datamodel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrCodec: bytes that AppendValue or AppendEvent did not write.
var ErrCodec = errors.New("datamodel: damaged binary data")

// The tags of the binary form. They never change their meaning; who stores the
// bytes keeps a version number beside them.
const (
	tagUndefined byte = iota
	tagNull
	tagFalse
	tagTrue
	tagInt   // zigzag varint
	tagFloat // 8 bytes, little endian
	tagString
	tagTime // zigzag varint seconds, uvarint nanoseconds
	tagArray
	tagObject
	tagXML
)

// AppendValue appends v in a compact binary form. Equal values give equal
// bytes. A Func or HostObject is written as undefined, a time without its
// location.
func AppendValue(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case Null:
		return append(dst, tagNull)
	case bool:
		if v {
			return append(dst, tagTrue)
		}
		return append(dst, tagFalse)
	case float64:
		if i := int64(v); float64(i) == v && i > -1<<53 && i < 1<<53 && (i != 0 || !math.Signbit(v)) {
			return binary.AppendVarint(append(dst, tagInt), i)
		}
		bits := math.Float64bits(v)
		if v != v {
			bits = math.Float64bits(math.NaN())
		}
		return binary.LittleEndian.AppendUint64(append(dst, tagFloat), bits)
	case string:
		return appendText(append(dst, tagString), v)
	case XML:
		return appendText(append(dst, tagXML), v.Text)
	case time.Time:
		dst = binary.AppendVarint(append(dst, tagTime), v.Unix())
		return binary.AppendUvarint(dst, uint64(v.Nanosecond()))
	case []Value:
		dst = binary.AppendUvarint(append(dst, tagArray), uint64(len(v)))
		for _, e := range v {
			dst = AppendValue(dst, e)
		}
		return dst
	case *Object:
		dst = binary.AppendUvarint(append(dst, tagObject), uint64(v.Len()))
		for _, m := range v.Members() {
			dst = AppendValue(appendText(dst, m.Name), m.Value)
		}
		return dst
	}
	return append(dst, tagUndefined)
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// ReadValue reads what AppendValue wrote at the start of b and returns the
// rest. Any input is safe; what is not well formed gives an error that matches
// ErrCodec, or ErrDepth beyond MaxDepth levels.
func ReadValue(b []byte) (v Value, rest []byte, err error) {
	r := reader{b: b, size: len(b)}
	v = r.value(0)
	if r.err != nil {
		return nil, nil, r.err
	}
	return v, r.b, nil
}

// reader reads from the front of b; after the first error everything is zero.
type reader struct {
	b    []byte
	size int
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: byte %d: %s", ErrCodec, r.size-len(r.b), fmt.Sprintf(format, args...))
	}
	r.b = nil
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail("unexpected end")
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	u, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("malformed number")
		return 0
	}
	r.b = r.b[n:]
	return u
}

func (r *reader) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// count reads a number of things that take at least size bytes each.
func (r *reader) count(size int) int {
	u := r.uvarint()
	if u > uint64(len(r.b)/size) {
		r.fail("count %d is larger than the data", u)
		return 0
	}
	return int(u)
}

func (r *reader) text() string {
	n := r.count(1)
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reader) value(depth int) Value {
	if depth > MaxDepth {
		if r.err == nil {
			r.err = fmt.Errorf("%w: more than %d levels", ErrDepth, MaxDepth)
		}
		r.b = nil
		return nil
	}
	switch tag := r.byte(); tag {
	case tagUndefined:
	case tagNull:
		return Null{}
	case tagFalse:
		return false
	case tagTrue:
		return true
	case tagInt:
		return float64(r.varint())
	case tagFloat:
		if len(r.b) < 8 {
			r.fail("unexpected end")
			return nil
		}
		f := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
		r.b = r.b[8:]
		return f
	case tagString:
		return r.text()
	case tagXML:
		return XML{r.text()}
	case tagTime:
		sec := r.varint()
		ns := r.uvarint()
		if ns >= 1e9 {
			r.fail("malformed time")
			return nil
		}
		return time.Unix(sec, int64(ns)).UTC()
	case tagArray:
		n := r.count(1)
		out := make([]Value, 0, min(n, 4096))
		for range n {
			v := r.value(depth + 1)
			if r.err != nil {
				return nil
			}
			out = append(out, v)
		}
		return out
	case tagObject:
		n := r.count(2)
		o := &Object{members: make([]Member, 0, min(n, 4096))}
		for range n {
			name := r.text()
			v := r.value(depth + 1)
			if r.err != nil {
				return nil
			}
			if o.find(name) >= 0 {
				r.fail("member %q twice", shorten(name, 40))
				return nil
			}
			o.Set(name, v)
		}
		return o
	default:
		r.fail("unknown tag %d", tag)
	}
	return nil
}
