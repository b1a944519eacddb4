package telephony

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxDepth is the deepest nesting of lists that KVList.Validate accepts.
const MaxDepth = 32

// ValueKind is the type of a Value.
type ValueKind uint8

// The types of a value in a KVList.
const (
	KindString ValueKind = iota
	KindInt
	KindBinary
	KindList
)

var kindNames = []string{"str", "int", "bin", "list"}

func (k ValueKind) String() string { return enumString(kindNames, "ValueKind", int(k)) }

// Value is one value of a KVList: a string, an integer, bytes or a nested list.
// It is immutable; the zero value is the empty string.
type Value struct {
	kind ValueKind
	num  int32
	str  string // of a string; the bytes of a binary value
	list KVList
}

// String makes a Value that holds text.
func String(s string) Value { return Value{str: s} }

// Int makes a Value that holds an integer of 32 bits, the size that the
// T-Library documents.
func Int(n int32) Value { return Value{kind: KindInt, num: n} }

// Binary makes a Value that holds a copy of b.
func Binary(b []byte) Value { return Value{kind: KindBinary, str: string(b)} }

// List makes a Value that holds a nested list. The list must not be changed
// afterwards.
func List(l KVList) Value { return Value{kind: KindList, list: l} }

// Number makes a Value of a number: an integer where 32 bits hold it exactly,
// else its decimal text.
func Number(f float64) Value {
	if f == math.Trunc(f) && f >= math.MinInt32 && f <= math.MaxInt32 {
		return Int(int32(f))
	}
	return String(strconv.FormatFloat(f, 'g', -1, 64))
}

// Kind returns the type of the value.
func (v Value) Kind() ValueKind { return v.kind }

// Text returns the value as text: a string as it is, an integer in decimal,
// bytes in hexadecimal, a list as KVList.String prints it.
func (v Value) Text() string {
	switch v.kind {
	case KindInt:
		return strconv.Itoa(int(v.num))
	case KindBinary:
		return hex.EncodeToString([]byte(v.str))
	case KindList:
		return v.list.String()
	}
	return v.str
}

// Int returns the number of an integer value, or of a string that is a decimal
// integer of 32 bits.
func (v Value) Int() (int32, bool) {
	switch v.kind {
	case KindInt:
		return v.num, true
	case KindString:
		n, err := strconv.ParseInt(strings.TrimSpace(v.str), 10, 32)
		return int32(n), err == nil
	}
	return 0, false
}

// Bytes returns a copy of the bytes of a binary value; nil for others.
func (v Value) Bytes() []byte {
	if v.kind != KindBinary {
		return nil
	}
	return []byte(v.str)
}

// List returns the nested list; nil for other kinds. It must not be changed.
func (v Value) List() KVList { return v.list }

// Equal reports whether two values have the same kind and content.
func (v Value) Equal(w Value) bool {
	return v.kind == w.kind && v.num == w.num && v.str == w.str && v.list.Equal(w.list)
}

// Pair is one key and value of a KVList.
type Pair struct {
	Key   string
	Value Value
}

// KVList is an ordered list of keys and values. A key may occur more than once.
// The zero value is an empty list. Methods that change a list need exclusive
// use of it; a list that is part of a message is not changed any more.
type KVList []Pair

// Get returns the first value with the given key.
func (l KVList) Get(key string) (Value, bool) {
	for i := range l {
		if l[i].Key == key {
			return l[i].Value, true
		}
	}
	return Value{}, false
}

// Text returns the first value with the given key as text; empty without one.
func (l KVList) Text(key string) string {
	v, _ := l.Get(key)
	return v.Text()
}

// Add appends a pair, whether or not the key is there.
func (l *KVList) Add(key string, v Value) { *l = append(*l, Pair{key, v}) }

// Set replaces the first value with the given key and drops further ones; it
// appends a pair where there is none.
func (l *KVList) Set(key string, v Value) {
	for i := range *l {
		if (*l)[i].Key == key {
			(*l)[i].Value = v
			rest := (*l)[i+1:]
			rest.Delete(key)
			*l = (*l)[:i+1+len(rest)]
			return
		}
	}
	l.Add(key, v)
}

// Delete drops every pair with the given key and reports how many there were.
func (l *KVList) Delete(key string) int {
	kept := (*l)[:0]
	for _, p := range *l {
		if p.Key != key {
			kept = append(kept, p)
		}
	}
	n := len(*l) - len(kept)
	clear((*l)[len(kept):])
	*l = kept
	return n
}

// Clone returns a list that can be changed without changing l. Values are
// immutable and shared.
func (l KVList) Clone() KVList {
	if l == nil {
		return nil
	}
	return append(make(KVList, 0, len(l)), l...)
}

// Equal reports whether two lists hold the same pairs in the same order.
func (l KVList) Equal(m KVList) bool {
	if len(l) != len(m) {
		return false
	}
	for i := range l {
		if l[i].Key != m[i].Key || !l[i].Value.Equal(m[i].Value) {
			return false
		}
	}
	return true
}

// Validate reports an empty key, or lists nested deeper than MaxDepth.
func (l KVList) Validate() error { return l.validate(1) }

func (l KVList) validate(depth int) error {
	if depth > MaxDepth {
		return fmt.Errorf("telephony: lists nested deeper than %d", MaxDepth)
	}
	for i, p := range l {
		if p.Key == "" {
			return fmt.Errorf("telephony: pair %d of a list has no key", i+1)
		}
		if p.Value.kind == KindList {
			if err := p.Value.list.validate(depth + 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// String prints the list on one line: {"key": "text", "n": 5, "bin": 0x00ff,
// "list": {…}}.
func (l KVList) String() string { return string(l.append(nil, 0)) }

func (l KVList) append(dst []byte, depth int) []byte {
	if depth >= MaxDepth {
		return append(dst, "{…}"...)
	}
	dst = append(dst, '{')
	for i, p := range l {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = strconv.AppendQuote(dst, p.Key)
		dst = append(dst, ": "...)
		switch p.Value.kind {
		case KindInt:
			dst = strconv.AppendInt(dst, int64(p.Value.num), 10)
		case KindBinary:
			dst = append(dst, "0x"...)
			dst = hex.AppendEncode(dst, []byte(p.Value.str))
		case KindList:
			dst = p.Value.list.append(dst, depth+1)
		default:
			dst = strconv.AppendQuote(dst, p.Value.str)
		}
	}
	return append(dst, '}')
}
