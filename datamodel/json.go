package datamodel

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// JSONLimits bound the decoding of untrusted JSON text. A zero field means its
// default, a negative one no limit.
type JSONLimits struct {
	Bytes  int // length of the text; default 4 MiB
	Depth  int // nesting of arrays and objects; default 200, at most MaxDepth
	Values int // number of values, members of objects included; default 1,000,000
}

// Default limits of DecodeJSON.
const (
	DefaultJSONBytes  = 4 << 20
	DefaultJSONDepth  = 200
	DefaultJSONValues = 1_000_000
)

func (l *JSONLimits) withDefaults() JSONLimits {
	var d JSONLimits
	if l != nil {
		d = *l
	}
	d.Bytes = limit(d.Bytes, DefaultJSONBytes)
	d.Depth = min(limit(d.Depth, DefaultJSONDepth), MaxDepth)
	d.Values = limit(d.Values, DefaultJSONValues)
	return d
}

func limit(n, def int) int {
	switch {
	case n == 0:
		return def
	case n < 0:
		return math.MaxInt
	}
	return n
}

// JSONError says where a text stops being acceptable JSON.
type JSONError struct {
	Offset  int // in bytes
	Message string
	Err     error // ErrDepth or nil
}

func (e *JSONError) Error() string {
	return fmt.Sprintf("datamodel: JSON text, byte %d: %s", e.Offset, e.Message)
}

// Unwrap returns the cause.
func (e *JSONError) Unwrap() error { return e.Err }

// DecodeJSON decodes JSON text (RFC 8259) under limits; nil means the defaults.
// Members keep their order; of two with the same name the last value counts, in
// the place of the first. Lone surrogates in \u escapes are kept in the manner
// of WTF-8; bytes that are not UTF-8 become U+FFFD. A number too large for a
// float64 becomes an infinity, as JSON.parse has it. The error is a *JSONError.
func DecodeJSON(text []byte, limits *JSONLimits) (Value, error) {
	d := jsonDecoder{text: text, limits: limits.withDefaults()}
	if len(text) > d.limits.Bytes {
		return nil, d.fail(d.limits.Bytes, "longer than the limit of %d bytes", d.limits.Bytes)
	}
	d.space()
	v, err := d.value(0)
	if err != nil {
		return nil, err
	}
	d.space()
	if d.pos < len(text) {
		return nil, d.fail(d.pos, "unexpected %s after the value", d.here())
	}
	return v, nil
}

type jsonDecoder struct {
	text   []byte
	pos    int
	values int
	limits JSONLimits
}

func (d *jsonDecoder) fail(at int, format string, args ...any) error {
	return &JSONError{Offset: at, Message: fmt.Sprintf(format, args...)}
}

func (d *jsonDecoder) here() string {
	if d.pos >= len(d.text) {
		return "end of text"
	}
	r, _ := utf8.DecodeRune(d.text[d.pos:])
	return strconv.QuoteRune(r)
}

func (d *jsonDecoder) space() {
	for d.pos < len(d.text) {
		switch d.text[d.pos] {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return
		}
	}
}

func (d *jsonDecoder) count() error {
	d.values++
	if d.values > d.limits.Values {
		return d.fail(d.pos, "more than the limit of %d values", d.limits.Values)
	}
	return nil
}

// value decodes the value that begins at pos.
func (d *jsonDecoder) value(depth int) (Value, error) {
	if err := d.count(); err != nil {
		return nil, err
	}
	if d.pos >= len(d.text) {
		return nil, d.fail(d.pos, "a value is missing")
	}
	switch c := d.text[d.pos]; {
	case c == '{' || c == '[':
		if depth >= d.limits.Depth {
			return nil, &JSONError{Offset: d.pos, Message: fmt.Sprintf("nested deeper than the limit of %d", d.limits.Depth), Err: ErrDepth}
		}
		if c == '{' {
			return d.object(depth + 1)
		}
		return d.array(depth + 1)
	case c == '"':
		return d.str()
	case c == '-' || '0' <= c && c <= '9':
		return d.number()
	case d.word("true"):
		return true, nil
	case d.word("false"):
		return false, nil
	case d.word("null"):
		return Null{}, nil
	}
	return nil, d.fail(d.pos, "unexpected %s where a value should begin", d.here())
}

func (d *jsonDecoder) word(w string) bool {
	if !bytes.HasPrefix(d.text[d.pos:], []byte(w)) {
		return false
	}
	d.pos += len(w)
	return true
}

func (d *jsonDecoder) byte(c byte) bool {
	if d.pos < len(d.text) && d.text[d.pos] == c {
		d.pos++
		return true
	}
	return false
}

func (d *jsonDecoder) array(depth int) (Value, error) {
	d.pos++
	out := []Value{}
	d.space()
	if d.byte(']') {
		return out, nil
	}
	for {
		d.space()
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		d.space()
		switch {
		case d.byte(','):
		case d.byte(']'):
			return out, nil
		default:
			return nil, d.fail(d.pos, "unexpected %s, want ',' or ']'", d.here())
		}
	}
}

func (d *jsonDecoder) object(depth int) (Value, error) {
	d.pos++
	out := &Object{}
	d.space()
	if d.byte('}') {
		return out, nil
	}
	for {
		d.space()
		if d.pos >= len(d.text) || d.text[d.pos] != '"' {
			return nil, d.fail(d.pos, "unexpected %s where a member's name should begin", d.here())
		}
		name, err := d.str()
		if err != nil {
			return nil, err
		}
		d.space()
		if !d.byte(':') {
			return nil, d.fail(d.pos, "unexpected %s, want ':'", d.here())
		}
		d.space()
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		out.Set(name, v)
		d.space()
		switch {
		case d.byte(','):
		case d.byte('}'):
			return out, nil
		default:
			return nil, d.fail(d.pos, "unexpected %s, want ',' or '}'", d.here())
		}
	}
}

func (d *jsonDecoder) number() (Value, error) {
	start := d.pos
	d.byte('-')
	switch {
	case d.byte('0'):
	case d.digits() == 0:
		return nil, d.fail(d.pos, "unexpected %s in a number", d.here())
	}
	if d.byte('.') && d.digits() == 0 {
		return nil, d.fail(d.pos, "unexpected %s in a number", d.here())
	}
	if d.byte('e') || d.byte('E') {
		if !d.byte('+') {
			d.byte('-')
		}
		if d.digits() == 0 {
			return nil, d.fail(d.pos, "unexpected %s in a number", d.here())
		}
	}
	f, _ := strconv.ParseFloat(string(d.text[start:d.pos]), 64) // out of range gives ±Inf or 0
	return f, nil
}

func (d *jsonDecoder) digits() int {
	start := d.pos
	for d.pos < len(d.text) && '0' <= d.text[d.pos] && d.text[d.pos] <= '9' {
		d.pos++
	}
	return d.pos - start
}

func (d *jsonDecoder) str() (string, error) {
	d.pos++
	start := d.pos
	for d.pos < len(d.text) {
		switch c := d.text[d.pos]; {
		case c == '"':
			s := string(d.text[start:d.pos])
			d.pos++
			return s, nil
		case c < ' ':
			return "", d.fail(d.pos, "control character in a string")
		case c == '\\' || c >= utf8.RuneSelf:
			return d.longStr(start)
		}
		d.pos++
	}
	return "", d.fail(d.pos, "unterminated string")
}

var jsonEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// longStr goes on with a string that has an escape or is not ASCII.
func (d *jsonDecoder) longStr(start int) (string, error) {
	out := append([]byte(nil), d.text[start:d.pos]...)
	for d.pos < len(d.text) {
		c := d.text[d.pos]
		switch {
		case c == '"':
			d.pos++
			return string(out), nil
		case c < ' ':
			return "", d.fail(d.pos, "control character in a string")
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(d.text[d.pos:])
			out = utf8.AppendRune(out, r)
			d.pos += n
		case c != '\\':
			out = append(out, c)
			d.pos++
		case d.pos+1 < len(d.text) && d.text[d.pos+1] == 'u':
			u, ok := d.hex(d.pos + 2)
			if !ok {
				return "", d.fail(d.pos, `malformed \u escape`)
			}
			d.pos += 6
			if utf16.IsSurrogate(rune(u)) && u < 0xdc00 && bytes.HasPrefix(d.text[d.pos:], []byte(`\u`)) {
				if low, ok := d.hex(d.pos + 2); ok && 0xdc00 <= low && low <= 0xdfff {
					out = utf8.AppendRune(out, utf16.DecodeRune(rune(u), rune(low)))
					d.pos += 6
					continue
				}
			}
			out = AppendUnit(out, u)
		default:
			if d.pos+1 >= len(d.text) {
				return "", d.fail(d.pos, "unterminated string")
			}
			e, ok := jsonEscapes[d.text[d.pos+1]]
			if !ok {
				return "", d.fail(d.pos, `unknown escape`)
			}
			out = append(out, e)
			d.pos += 2
		}
	}
	return "", d.fail(d.pos, "unterminated string")
}

func (d *jsonDecoder) hex(at int) (uint16, bool) {
	if at+4 > len(d.text) {
		return 0, false
	}
	var u uint16
	for _, c := range d.text[at : at+4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		u = u<<4 | uint16(c)
	}
	return u, true
}

// AppendUnit appends a 16-bit unit that is not half of a pair, in the manner of
// WTF-8: a surrogate takes the three bytes that UTF-8 forbids.
func AppendUnit(dst []byte, u uint16) []byte {
	if utf16.IsSurrogate(rune(u)) {
		return append(dst, 0xe0|byte(u>>12), 0x80|byte(u>>6)&0x3f, 0x80|byte(u)&0x3f)
	}
	return utf8.AppendRune(dst, rune(u))
}

// DecodeUnit decodes the first character of s, which may be a surrogate in the
// manner of WTF-8; it works like utf8.DecodeRuneInString otherwise.
func DecodeUnit(s string) (rune, int) {
	if len(s) >= 3 && s[0] == 0xed && 0xa0 <= s[1] && s[1] <= 0xbf && 0x80 <= s[2] && s[2] <= 0xbf {
		return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), 3
	}
	return utf8.DecodeRuneInString(s)
}

// EncodeJSON returns v as JSON text; see AppendJSON. A caller bounds the value: a
// text that occurs more than once is written each time. What a data model gives
// out is bounded by it.
func EncodeJSON(v Value) []byte { return AppendJSON(nil, v) }

// AppendJSON appends v as JSON text in the way of JSON.stringify: undefined,
// functions and host objects are left out of objects and are null elsewhere,
// NaN and infinities are null, a time is an ISO 8601 string in UTC with
// milliseconds, XML is its text.
func AppendJSON(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(dst, v)
	case float64:
		return appendNumber(dst, v)
	case string:
		return appendString(dst, v)
	case XML:
		return appendString(dst, v.Text)
	case time.Time:
		dst = append(dst, '"')
		dst = v.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
		return append(dst, '"')
	case []Value:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendJSON(dst, e)
		}
		return append(dst, ']')
	case *Object:
		dst = append(dst, '{')
		first := true
		for _, m := range v.Members() {
			switch m.Value.(type) {
			case nil, Func, HostObject:
				continue
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = appendString(dst, m.Name)
			dst = append(dst, ':')
			dst = AppendJSON(dst, m.Value)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

// appendNumber writes a number as ECMAScript's Number.prototype.toString does.
func appendNumber(dst []byte, f float64) []byte {
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(dst, "null"...)
	case f == 0:
		return append(dst, '0')
	}
	if a := math.Abs(f); a >= 1e-6 && a < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	// e-07 is written e-7.
	if n := len(dst); n-start > 4 && dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') {
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

const hexDigits = "0123456789abcdef"

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		n := 1
		var esc []byte
		switch {
		case c == '"' || c == '\\':
			esc = []byte{'\\', c}
		case c == '\n':
			esc = []byte(`\n`)
		case c == '\r':
			esc = []byte(`\r`)
		case c == '\t':
			esc = []byte(`\t`)
		case c < ' ':
			esc = []byte{'\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15]}
		default:
			var r rune
			r, n = DecodeUnit(s[i:])
			switch {
			case utf16.IsSurrogate(r):
				esc = []byte{'\\', 'u', 'd', hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15]}
			case r == utf8.RuneError && n == 1:
				esc = []byte("\ufffd")
			}
		}
		if esc != nil {
			dst = append(dst, s[start:i]...)
			dst = append(dst, esc...)
			start = i + n
		}
		i += n
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
