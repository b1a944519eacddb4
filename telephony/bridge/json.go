package bridge

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxNesting is the deepest nesting of JSON objects and arrays in a frame: lists
// nested as deeply as telephony.MaxDepth allows take two levels each.
const maxNesting = 80

// FormatError reports a frame that is not what PROTOCOL.md says.
type FormatError struct {
	Offset  int    // byte of the frame's text where the fault was found
	Problem string // what is wrong there
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("bridge: bad frame: byte %d: %s", e.Offset, e.Problem)
}

// parser reads JSON (RFC 8259) from memory. It is stricter than the standard
// library: text must be valid UTF-8, and escaped surrogates must come in pairs.
type parser struct {
	data   []byte
	pos    int
	depth  int // of the objects and arrays around pos
	values int // values that may still be read
}

func newParser(data []byte, maxValues int) *parser {
	return &parser{data: data, values: maxValues}
}

func (p *parser) fail(format string, args ...any) error {
	return &FormatError{Offset: p.pos, Problem: fmt.Sprintf(format, args...)}
}

// peek skips white space and returns the next byte, 0 at the end.
func (p *parser) peek() byte {
	for p.pos < len(p.data) {
		switch c := p.data[p.pos]; c {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return c
		}
	}
	return 0
}

// value counts a value that begins here.
func (p *parser) value() (byte, error) {
	c := p.peek()
	if p.values--; p.values < 0 {
		return 0, p.fail("more values than the limit allows")
	}
	if c == 0 {
		return 0, p.fail("the text ends too early")
	}
	return c, nil
}

// end reports anything but white space behind the value.
func (p *parser) end() error {
	if p.peek(); p.pos < len(p.data) {
		return p.fail("text after the end of the object")
	}
	return nil
}

func (p *parser) open(bracket byte, what string) error {
	c, err := p.value()
	if err != nil {
		return err
	}
	if c != bracket {
		return p.fail("want %s", what)
	}
	if p.depth++; p.depth > maxNesting {
		return p.fail("nested deeper than %d", maxNesting)
	}
	p.pos++
	return nil
}

// more steps over the comma between elements. It returns false, behind the
// closing bracket, when there is no further element.
func (p *parser) more(closing byte, first bool) (bool, error) {
	switch c := p.peek(); {
	case c == closing:
		p.pos++
		p.depth--
		return false, nil
	case first:
		return true, nil
	case c == ',':
		p.pos++
		return true, nil
	}
	return false, p.fail("want a comma or %q", string(closing))
}

// object calls member for each name, at the position of its value, which member
// has to read.
func (p *parser) object(member func(name string) error) error {
	if err := p.open('{', "an object"); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := p.more('}', first)
		if err != nil || !more {
			return err
		}
		if c := p.peek(); c != '"' {
			return p.fail("want the name of a member")
		}
		name, err := p.quoted()
		if err != nil {
			return err
		}
		if p.peek() != ':' {
			return p.fail("want a colon")
		}
		p.pos++
		if err := member(name); err != nil {
			return err
		}
	}
}

// array calls element for each element, at its position, which element has to
// read.
func (p *parser) array(element func(i int) error) error {
	if err := p.open('[', "an array"); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := p.more(']', i == 0)
		if err != nil || !more {
			return err
		}
		if err := element(i); err != nil {
			return err
		}
	}
}

func (p *parser) text() (string, error) {
	c, err := p.value()
	if err != nil {
		return "", err
	}
	if c != '"' {
		return "", p.fail("want a string")
	}
	return p.quoted()
}

// quoted reads the string whose opening quote is at pos.
func (p *parser) quoted() (string, error) {
	p.pos++
	start, ascii := p.pos, true
	for p.pos < len(p.data) {
		switch c := p.data[p.pos]; {
		case c == '"':
			raw := p.data[start:p.pos]
			if !ascii && !utf8.Valid(raw) {
				return "", p.fail("the string is not valid UTF-8")
			}
			p.pos++
			return string(raw), nil
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			return "", p.fail("control character in a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
		p.pos++
	}
	return "", p.fail("the string has no end")
}

// escaped reads a string on from its first escape.
func (p *parser) escaped(start int) (string, error) {
	buf := append([]byte(nil), p.data[start:p.pos]...)
	for p.pos < len(p.data) {
		c := p.data[p.pos]
		p.pos++
		switch {
		case c == '"':
			if !utf8.Valid(buf) {
				return "", p.fail("the string is not valid UTF-8")
			}
			return string(buf), nil
		case c == '\\':
			var err error
			if buf, err = p.escape(buf); err != nil {
				return "", err
			}
		case c < ' ':
			p.pos--
			return "", p.fail("control character in a string")
		default:
			buf = append(buf, c)
		}
	}
	return "", p.fail("the string has no end")
}

func (p *parser) escape(buf []byte) ([]byte, error) {
	if p.pos == len(p.data) {
		return nil, p.fail("the string has no end")
	}
	c := p.data[p.pos]
	p.pos++
	switch c {
	case '"', '\\', '/':
		return append(buf, c), nil
	case 'b':
		return append(buf, '\b'), nil
	case 'f':
		return append(buf, '\f'), nil
	case 'n':
		return append(buf, '\n'), nil
	case 'r':
		return append(buf, '\r'), nil
	case 't':
		return append(buf, '\t'), nil
	case 'u':
		r, err := p.hex4()
		if err != nil {
			return nil, err
		}
		if utf16.IsSurrogate(r) {
			if p.pos+1 >= len(p.data) || p.data[p.pos] != '\\' || p.data[p.pos+1] != 'u' {
				return nil, p.fail("a surrogate without its other half")
			}
			p.pos += 2
			low, err := p.hex4()
			if err != nil {
				return nil, err
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				return nil, p.fail("a surrogate without its other half")
			}
		}
		return utf8.AppendRune(buf, r), nil
	}
	p.pos--
	return nil, p.fail("unknown escape")
}

func (p *parser) hex4() (rune, error) {
	var r rune
	for range 4 {
		if p.pos == len(p.data) {
			return 0, p.fail("the string has no end")
		}
		c := p.data[p.pos]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, p.fail("want a hexadecimal digit")
		}
		r = r<<4 | rune(c)
		p.pos++
	}
	return r, nil
}

// number reads an integer between -2^53 and 2^53, exclusive.
func (p *parser) number() (int64, error) {
	c, err := p.value()
	if err != nil {
		return 0, err
	}
	start := p.pos
	if c != '-' && (c < '0' || c > '9') {
		return 0, p.fail("want an integer")
	}
	if err := p.digits(); err != nil {
		return 0, err
	}
	text := p.data[start:p.pos]
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || n <= -1<<53 || n >= 1<<53 {
		p.pos = start
		return 0, p.fail("want an integer of at most 53 bits")
	}
	return n, nil
}

// digits steps over a number of any kind.
func (p *parser) digits() error {
	run := func() bool {
		from := p.pos
		for p.pos < len(p.data) && '0' <= p.data[p.pos] && p.data[p.pos] <= '9' {
			p.pos++
		}
		return p.pos > from
	}
	at := func(set string) bool {
		for i := range len(set) {
			if p.pos < len(p.data) && p.data[p.pos] == set[i] {
				p.pos++
				return true
			}
		}
		return false
	}
	at("-")
	if !at("0") && !run() {
		return p.fail("want a digit")
	}
	if at(".") && !run() {
		return p.fail("want a digit")
	}
	if at("eE") {
		at("+-")
		if !run() {
			return p.fail("want a digit")
		}
	}
	return nil
}

func (p *parser) flag() (bool, error) {
	c, err := p.value()
	switch {
	case err != nil:
		return false, err
	case c == 't':
		return true, p.word("true")
	case c == 'f':
		return false, p.word("false")
	}
	return false, p.fail("want true or false")
}

func (p *parser) word(w string) error {
	if len(p.data)-p.pos < len(w) || string(p.data[p.pos:p.pos+len(w)]) != w {
		return p.fail("want a JSON value")
	}
	p.pos += len(w)
	return nil
}

// skip steps over a value of any kind.
func (p *parser) skip() error {
	switch c := p.peek(); c {
	case '{':
		return p.object(func(string) error { return p.skip() })
	case '[':
		return p.array(func(int) error { return p.skip() })
	case 't', 'f':
		_, err := p.flag()
		return err
	case '"':
		_, err := p.text()
		return err
	case 'n':
		if _, err := p.value(); err != nil {
			return err
		}
		return p.word("null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if _, err := p.value(); err != nil {
			return err
		}
		return p.digits()
	case 0:
		_, err := p.value()
		if err == nil {
			err = p.fail("want a JSON value")
		}
		return err
	}
	return p.fail("want a JSON value")
}

// appendText appends s as a JSON string. What is not valid UTF-8 becomes U+FFFD.
func appendText(dst []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[from:i]...), "\ufffd"...)
				from = i + 1
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			dst = append(dst, s[from:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			from = i + 1
		}
		i++
	}
	return append(append(dst, s[from:]...), '"')
}
