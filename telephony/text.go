package telephony

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The text form of messages, for logs and replay. Its grammar, in the notation of
// the Go specification:
//
//	message   = name { " " attribute "=" value } .
//	name      = the name of a message .
//	attribute = the name of a field, "Outer.Inner" for a field of a field .
//	value     = text | number | flag | id | name | time | duration | list | texts .
//	text      = word | quoted .                  // Go strings in quotes
//	word      = one or more printable ASCII characters other than space, " = { } [ ] and comma .
//	number    = decimal digits, with a minus sign where negative .
//	flag      = "true" | "false" .
//	id        = 1 to 16 hexadecimal digits .     // ConnID
//	name      = a name of an enumeration, or its number .
//	time      = RFC 3339, with up to nanoseconds .
//	duration  = as time.Duration prints: 1m30s .
//	list      = "{" [ pair { "," pair } ] "}" .  // KVList
//	pair      = quoted ":" ( quoted | number | "0x" hex digits | list ) .
//	texts     = "[" [ text { "," text } ] "]" .
//
// Attributes without a value are left out, and so are those that are secret.
// Their order does not matter to ParseMessage; none may occur twice. There may
// be more than one space between attributes, and spaces after "," and ":".

// SyntaxError reports text that is not the text form of a message or a list.
type SyntaxError struct {
	Offset  int    // of the byte at fault, from 0
	Problem string // what is wrong there
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("telephony: text at byte %d: %s", e.Offset, e.Problem)
}

// maxText is the longest text that ParseMessage and ParseKVList read.
const maxText = 1 << 20

// enumeration is how the values of an integer type print.
type enumeration struct {
	names []string
	parse func(string) (int64, error)
}

func enumOf[T ~int](names []string, parse func(string) (T, error)) (reflect.Type, enumeration) {
	return reflect.TypeFor[T](), enumeration{names, func(s string) (int64, error) {
		v, err := parse(s)
		return int64(v), err
	}}
}

// enumerations are those that occur in messages.
var enumerations = func() map[reflect.Type]enumeration {
	m := map[reflect.Type]enumeration{}
	add := func(t reflect.Type, e enumeration) { m[t] = e }
	add(enumOf(routeTypeNames, ParseRouteType))
	add(enumOf(treatmentTypeNames, ParseTreatmentType))
	add(enumOf(callTypeNames, ParseCallType))
	add(enumOf(callStateNames, ParseCallState))
	add(enumOf(dnRoleNames, ParseDNRole))
	add(enumOf(addressTypeNames, ParseAddressType))
	add(enumOf(registerModeNames, ParseRegisterMode))
	add(enumOf(controlModeNames, ParseControlMode))
	add(enumOf(makeCallTypeNames, ParseMakeCallType))
	add(enumOf(mergeTypeNames, ParseMergeType))
	add(enumOf(workModeNames, ParseAgentWorkMode))
	add(enumOf(networkCallStateNames, ParseNetworkCallState))
	add(enumOf(partyStateNames, ParsePartyState))
	add(enumOf(serverRoleNames, ParseServerRole))
	add(enumOf(clientTypeNames, ParseClientType))
	add(enumOf(interactionEventNames, ParseInteractionEventType))
	return m
}()

// kind is how an attribute prints.
type kind uint8

const (
	kindText kind = iota
	kindNumber
	kindUnsigned
	kindFlag
	kindConnID
	kindEnum
	kindTime
	kindDuration
	kindList
	kindTexts
)

// attribute is a field of a message.
type attribute struct {
	name  string
	index []int
	kind  kind
	enum  enumeration
}

// plans are the attributes of all messages.
var plans = sync.OnceValue(func() map[reflect.Type][]attribute {
	m := make(map[reflect.Type][]attribute, len(messageTypes))
	for _, mt := range messageTypes {
		t := reflect.TypeOf(mt.make()).Elem()
		m[t] = attributesOf(t, "", nil)
	}
	return m
})

func attributesOf(t reflect.Type, prefix string, at []int) []attribute {
	var list []attribute
	for i := range t.NumField() {
		f := t.Field(i)
		a := attribute{name: prefix + f.Name, index: append(slices.Clone(at), i)}
		var is bool
		switch a.enum, is = enumerations[f.Type]; {
		case is:
			a.kind = kindEnum
		case f.Anonymous:
			list = append(list, attributesOf(f.Type, prefix, a.index)...)
			continue
		case f.Type == reflect.TypeFor[Secret]():
			continue
		case f.Type == reflect.TypeFor[time.Time]():
			a.kind = kindTime
		case f.Type == reflect.TypeFor[time.Duration]():
			a.kind = kindDuration
		case f.Type == reflect.TypeFor[ConnID]():
			a.kind = kindConnID
		case f.Type == reflect.TypeFor[KVList]():
			a.kind = kindList
		case f.Type == reflect.TypeFor[[]string]():
			a.kind = kindTexts
		case f.Type.Kind() == reflect.Struct:
			list = append(list, attributesOf(f.Type, a.name+".", a.index)...)
			continue
		case f.Type.Kind() == reflect.Bool:
			a.kind = kindFlag
		case f.Type.Kind() == reflect.Uint64:
			a.kind = kindUnsigned
		case f.Type.Kind() == reflect.Int:
			a.kind = kindNumber
		}
		list = append(list, a)
	}
	return list
}

// render prints a message: its fields in order, those of embedded structs in
// their place, zero ones left out.
func render(m Message) string {
	v := reflect.ValueOf(m).Elem()
	dst := append(make([]byte, 0, 256), m.Name()...)
	for _, a := range plans()[v.Type()] {
		if f := v.FieldByIndex(a.index); !f.IsZero() {
			dst = append(append(append(dst, ' '), a.name...), '=')
			dst = a.append(dst, f)
		}
	}
	return string(dst)
}

func (a *attribute) append(dst []byte, f reflect.Value) []byte {
	switch a.kind {
	case kindNumber:
		return strconv.AppendInt(dst, f.Int(), 10)
	case kindUnsigned:
		return strconv.AppendUint(dst, f.Uint(), 10)
	case kindFlag:
		return strconv.AppendBool(dst, f.Bool())
	case kindConnID:
		return append(dst, ConnID(f.Uint()).String()...)
	case kindEnum:
		if n := f.Int(); n < 0 || n >= int64(len(a.enum.names)) {
			return strconv.AppendInt(dst, n, 10)
		}
		return append(dst, a.enum.names[f.Int()]...)
	case kindTime:
		return f.Interface().(time.Time).AppendFormat(dst, time.RFC3339Nano)
	case kindDuration:
		return append(dst, time.Duration(f.Int()).String()...)
	case kindList:
		return f.Interface().(KVList).append(dst, 0)
	case kindTexts:
		dst = append(dst, '[')
		for i, s := range f.Interface().([]string) {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendText(dst, s)
		}
		return append(dst, ']')
	}
	return appendText(dst, f.String())
}

func isWord(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte("\"={}[],", c) < 0
}

// appendText appends s, quoted unless it is a plain word.
func appendText(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, `""`...)
	}
	for i := range len(s) {
		if !isWord(s[i]) {
			return strconv.AppendQuote(dst, s)
		}
	}
	return append(dst, s...)
}

// ParseMessage reads the text form of a message, as String prints it. It does not
// validate the message. Errors are a *SyntaxError.
//
// The grammar is told in the file text.go: the name of the message, then Name=value
// for each attribute that is set. Text is quoted like a Go string unless it is a plain
// word; lists are {"key": "text", "n": 5, "bin": 0x00ff, "list": {}}; enumerations are
// names or numbers.
func ParseMessage(text string) (Message, error) {
	p := &textParser{text: text}
	if len(text) > maxText {
		return nil, &SyntaxError{maxText, fmt.Sprintf("longer than %d bytes", maxText)}
	}
	p.spaces()
	start := p.pos
	m, err := NewMessage(p.word())
	if err != nil {
		return nil, p.fail(start, "%s", strings.TrimPrefix(err.Error(), "telephony: "))
	}
	v := reflect.ValueOf(m).Elem()
	attributes := plans()[v.Type()]
	seen := make([]bool, len(attributes))
	for {
		gap := p.pos
		if p.spaces(); p.pos == len(text) {
			return m, nil
		}
		start := p.pos
		if start == gap {
			return nil, p.fail(start, "want a space before %.20q", text[start:])
		}
		name := p.word()
		i := slices.IndexFunc(attributes, func(a attribute) bool { return a.name == name })
		switch {
		case name == "":
			return nil, p.fail(start, "want the name of an attribute, not %.20q", text[start:])
		case i < 0:
			return nil, p.fail(start, "%s has no attribute %.60q", m.Name(), name)
		case seen[i]:
			return nil, p.fail(start, "attribute %s is there twice", name)
		case !p.take('='):
			return nil, p.fail(p.pos, "want = after %s", name)
		}
		seen[i] = true
		if err := attributes[i].read(p, v.FieldByIndex(attributes[i].index)); err != nil {
			return nil, err
		}
	}
}

// ParseKVList reads a list as KVList.String prints it. Errors are a *SyntaxError.
func ParseKVList(text string) (KVList, error) {
	if len(text) > maxText {
		return nil, &SyntaxError{maxText, fmt.Sprintf("longer than %d bytes", maxText)}
	}
	p := &textParser{text: text}
	p.spaces()
	l, err := p.list(1)
	if err != nil {
		return nil, err
	}
	if p.spaces(); p.pos < len(text) {
		return nil, p.fail(p.pos, "text after the end of the list")
	}
	return l, nil
}

// read reads the value of an attribute into a field.
func (a *attribute) read(p *textParser, f reflect.Value) error {
	start := p.pos
	bad := func(err error) error {
		return p.fail(start, "%s: %s", a.name, strings.TrimPrefix(err.Error(), "telephony: "))
	}
	switch a.kind {
	case kindText:
		s, err := p.string()
		if err != nil {
			return err
		}
		f.SetString(s)
		return nil
	case kindList:
		l, err := p.list(1)
		if err != nil {
			return err
		}
		f.Set(reflect.ValueOf(l))
		return nil
	case kindTexts:
		l, err := p.texts()
		if err != nil {
			return err
		}
		f.Set(reflect.ValueOf(l))
		return nil
	}
	s := p.word()
	switch a.kind {
	case kindNumber:
		n, err := strconv.Atoi(s)
		if err != nil {
			return bad(fmt.Errorf("%.40q is no number", s))
		}
		f.SetInt(int64(n))
	case kindUnsigned:
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return bad(fmt.Errorf("%.40q is no number from 0 to 2^64-1", s))
		}
		f.SetUint(n)
	case kindFlag:
		if s != "true" && s != "false" {
			return bad(fmt.Errorf("%.40q is neither true nor false", s))
		}
		f.SetBool(s == "true")
	case kindConnID:
		id, err := ParseConnID(s)
		if err != nil {
			return bad(err)
		}
		f.SetUint(uint64(id))
	case kindEnum:
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			if n, err = a.enum.parse(s); err != nil {
				return bad(err)
			}
		}
		f.SetInt(n)
	case kindTime:
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return bad(fmt.Errorf("%.40q is no time of RFC 3339", s))
		}
		f.Set(reflect.ValueOf(t))
	case kindDuration:
		d, err := time.ParseDuration(s)
		if err != nil {
			return bad(fmt.Errorf("%.40q is no duration such as 1m30s", s))
		}
		f.SetInt(int64(d))
	}
	return nil
}
