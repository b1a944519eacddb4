package telephony

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// textParser reads the text form of messages and lists.
type textParser struct {
	text string
	pos  int
}

func (p *textParser) fail(at int, format string, args ...any) error {
	return &SyntaxError{at, fmt.Sprintf(format, args...)}
}

func (p *textParser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *textParser) spaces() {
	for p.peek() == ' ' {
		p.pos++
	}
}

func (p *textParser) take(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

// word reads as much of a word as there is.
func (p *textParser) word() string {
	start := p.pos
	for p.pos < len(p.text) && isWord(p.text[p.pos]) {
		p.pos++
	}
	return p.text[start:p.pos]
}

// string reads a word or a quoted string.
func (p *textParser) string() (string, error) {
	if p.peek() == '"' {
		return p.quoted()
	}
	start := p.pos
	s := p.word()
	if s == "" {
		return "", p.fail(start, "want a word or a quoted string")
	}
	return s, nil
}

func (p *textParser) quoted() (string, error) {
	start := p.pos
	if p.peek() != '"' {
		return "", p.fail(start, "want a quoted string")
	}
	prefix, err := strconv.QuotedPrefix(p.text[start:])
	if err != nil {
		return "", p.fail(start, "the quoted string does not end, or is not one")
	}
	s, err := strconv.Unquote(prefix)
	if err != nil {
		return "", p.fail(start, "not a legal quoted string")
	}
	p.pos += len(prefix)
	return s, nil
}

// elements reads what stands between two brackets, separated by commas.
func (p *textParser) elements(open, end byte, element func() error) error {
	if !p.take(open) {
		return p.fail(p.pos, "want %c", open)
	}
	p.spaces()
	if p.take(end) {
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		p.spaces()
		if p.take(end) {
			return nil
		}
		if !p.take(',') {
			return p.fail(p.pos, "want , or %c", end)
		}
		p.spaces()
	}
}

func (p *textParser) texts() ([]string, error) {
	list := []string{}
	err := p.elements('[', ']', func() error {
		s, err := p.string()
		list = append(list, s)
		return err
	})
	return list, err
}

func (p *textParser) list(depth int) (KVList, error) {
	if depth > MaxDepth {
		return nil, p.fail(p.pos, "lists nested deeper than %d", MaxDepth)
	}
	l := KVList{}
	err := p.elements('{', '}', func() error {
		at := p.pos
		key, err := p.quoted()
		if err != nil {
			return err
		}
		if key == "" {
			return p.fail(at, "the key is empty")
		}
		if p.spaces(); !p.take(':') {
			return p.fail(p.pos, "want : after the key %.40q", key)
		}
		p.spaces()
		v, err := p.value(depth)
		l.Add(key, v)
		return err
	})
	return l, err
}

func (p *textParser) value(depth int) (Value, error) {
	start := p.pos
	switch p.peek() {
	case '"':
		s, err := p.quoted()
		return String(s), err
	case '{':
		l, err := p.list(depth + 1)
		return List(l), err
	}
	s := p.word()
	if digits, ok := strings.CutPrefix(s, "0x"); ok {
		b, err := hex.DecodeString(digits)
		if err != nil {
			return Value{}, p.fail(start, "want pairs of hexadecimal digits after 0x")
		}
		return Binary(b), nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < math.MinInt32 || n > math.MaxInt32 {
		return Value{}, p.fail(start, "want a quoted string, an integer of 32 bits, bytes as 0x… or a list, not %.40q", s)
	}
	return Int(int32(n)), nil
}
