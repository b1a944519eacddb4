package bridge

import (
	"encoding/base64"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/seed-ff723688/ors/telephony"
)

// The body of a message: PROTOCOL.md, "Messages".

// attribute is one member of a body.
type attribute struct {
	name  string
	index []int // of the field
	form  form
	parts *plan // of a formRecord
}

type form uint8

const (
	formText form = iota
	formNumber
	formCount
	formConnID
	formFlag
	formTime
	formDuration
	formList
	formTexts
	formRecord
	formNumbers // and those that follow: of frames only
	formBytes
	formBody
)

const maxMilliseconds = int64(math.MaxInt64 / time.Millisecond)

// plan is how the values of a type are written: their attributes in order.
type plan struct {
	attributes []attribute
}

// planOf makes the plan of a struct type. The types of messages are fixed, so
// are the kinds of their fields; a test goes through all of them.
func planOf(t reflect.Type) *plan {
	p := &plan{}
	p.add(t, nil)
	return p
}

func (p *plan) add(t reflect.Type, at []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(slices.Clone(at), i)
		if f.Anonymous {
			p.add(f.Type, index)
			continue
		}
		a := attribute{name: f.Name, index: index}
		if name := f.Tag.Get("member"); name != "" {
			a.name = name
		}
		switch f.Type {
		case reflect.TypeFor[telephony.Message]():
			a.form = formBody
		case reflect.TypeFor[[]int]():
			a.form = formNumbers
		case reflect.TypeFor[[]byte]():
			a.form = formBytes
		case reflect.TypeFor[telephony.ConnID]():
			a.form = formConnID
		case reflect.TypeFor[time.Time]():
			a.form = formTime
		case reflect.TypeFor[time.Duration]():
			a.form = formDuration
		case reflect.TypeFor[telephony.KVList]():
			a.form = formList
		case reflect.TypeFor[[]string]():
			a.form = formTexts
		default:
			switch f.Type.Kind() {
			case reflect.Bool:
				a.form = formFlag
			case reflect.String:
				a.form = formText
			case reflect.Uint64:
				a.form = formCount
			case reflect.Struct:
				a.form, a.parts = formRecord, planOf(f.Type)
			default:
				a.form = formNumber
			}
		}
		p.attributes = append(p.attributes, a)
	}
}

// append appends a struct as a JSON object; attributes that are zero are left out.
func (p *plan) append(dst []byte, v reflect.Value) []byte {
	dst = append(dst, '{')
	first := true
	for i := range p.attributes {
		a := &p.attributes[i]
		f := v.FieldByIndex(a.index)
		if f.IsZero() {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(append(dst, '"'), a.name...), '"', ':')
		switch a.form {
		case formText:
			dst = appendText(dst, f.String())
		case formNumber:
			dst = strconv.AppendInt(dst, f.Int(), 10)
		case formCount:
			dst = strconv.AppendUint(dst, f.Uint(), 10)
		case formConnID:
			dst = append(append(append(dst, '"'), telephony.ConnID(f.Uint()).String()...), '"')
		case formFlag:
			dst = strconv.AppendBool(dst, f.Bool())
		case formTime:
			dst = append(dst, '"')
			dst = f.Addr().Interface().(*time.Time).UTC().AppendFormat(dst, time.RFC3339Nano)
			dst = append(dst, '"')
		case formDuration:
			dst = strconv.AppendInt(dst, time.Duration(f.Int()).Milliseconds(), 10)
		case formList:
			dst = appendList(dst, *f.Addr().Interface().(*telephony.KVList))
		case formTexts:
			dst = append(dst, '[')
			for i := range f.Len() {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = appendText(dst, f.Index(i).String())
			}
			dst = append(dst, ']')
		case formRecord:
			dst = a.parts.append(dst, f)
		case formNumbers:
			dst = append(dst, '[')
			for i := range f.Len() {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = strconv.AppendInt(dst, f.Index(i).Int(), 10)
			}
			dst = append(dst, ']')
		case formBytes:
			dst = append(dst, '"')
			dst = base64.StdEncoding.AppendEncode(dst, f.Bytes())
			dst = append(dst, '"')
		case formBody:
			dst = appendMessage(dst, f.Interface().(telephony.Message))
		}
	}
	return append(dst, '}')
}

// read reads a JSON object into a struct. Unknown members are skipped.
func (p *plan) read(in *parser, v reflect.Value) error {
	next := 0
	var seen [4]uint64 // a bit for each attribute; a test counts them
	return in.object(func(name string) error {
		i := p.find(name, next)
		if i < 0 {
			return in.skip()
		}
		if seen[i/64]&(1<<(i%64)) != 0 {
			return in.fail("attribute %s is given twice", name)
		}
		seen[i/64] |= 1 << (i % 64)
		next = i + 1
		return p.attributes[i].read(in, v.FieldByIndex(p.attributes[i].index))
	})
}

// find returns the place of an attribute, which is most often the one at hand
// or a little after it.
func (p *plan) find(name string, next int) int {
	for i := next; i < len(p.attributes); i++ {
		if p.attributes[i].name == name {
			return i
		}
	}
	for i := range next {
		if p.attributes[i].name == name {
			return i
		}
	}
	return -1
}

func (a *attribute) read(in *parser, f reflect.Value) error {
	switch a.form {
	case formText:
		s, err := in.text()
		f.SetString(s)
		return err
	case formNumber:
		n, err := in.number()
		if err == nil && f.OverflowInt(n) {
			err = in.fail("attribute %s is out of range", a.name)
		}
		f.SetInt(n)
		return err
	case formCount:
		n, err := in.number()
		if err == nil && n < 0 {
			err = in.fail("attribute %s is negative", a.name)
		}
		f.SetUint(uint64(n))
		return err
	case formConnID:
		s, err := in.text()
		if err != nil {
			return err
		}
		id, err := telephony.ParseConnID(s)
		if err != nil {
			return in.fail("attribute %s is not a connection id", a.name)
		}
		f.SetUint(uint64(id))
	case formFlag:
		b, err := in.flag()
		f.SetBool(b)
		return err
	case formTime:
		s, err := in.text()
		if err != nil {
			return err
		}
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return in.fail("attribute %s is not a time of RFC 3339", a.name)
		}
		*f.Addr().Interface().(*time.Time) = t.UTC()
	case formDuration:
		n, err := in.number()
		if err == nil && (n < 0 || n > maxMilliseconds) {
			err = in.fail("attribute %s is out of range", a.name)
		}
		f.SetInt(n * int64(time.Millisecond))
		return err
	case formList:
		l, err := readList(in, 1)
		*f.Addr().Interface().(*telephony.KVList) = l
		return err
	case formTexts:
		var all []string
		err := in.array(func(int) error {
			s, err := in.text()
			all = append(all, s)
			return err
		})
		f.Set(reflect.ValueOf(all))
		return err
	case formRecord:
		return a.parts.read(in, f)
	case formNumbers:
		var all []int
		err := in.array(func(int) error {
			n, err := in.number()
			all = append(all, int(n))
			return err
		})
		f.Set(reflect.ValueOf(all))
		return err
	case formBytes:
		s, err := in.text()
		if err != nil {
			return err
		}
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil {
			return in.fail("member %s is not base64", a.name)
		}
		f.SetBytes(b)
	case formBody:
		return in.skip() // the frame reads it when it knows the name
	}
	return nil
}

// appendList appends a list as an array of pairs.
func appendList(dst []byte, l telephony.KVList) []byte {
	dst = append(dst, '[')
	for i := range l {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendAnyText(append(dst, '['), l[i].Key)
		dst = append(dst, ',')
		switch v := l[i].Value; v.Kind() {
		case telephony.KindInt:
			n, _ := v.Int()
			dst = strconv.AppendInt(dst, int64(n), 10)
		case telephony.KindBinary:
			dst = append(dst, `{"bin":"`...)
			dst = base64.StdEncoding.AppendEncode(dst, v.Bytes())
			dst = append(dst, `"}`...)
		case telephony.KindList:
			dst = appendList(dst, v.List())
		default:
			dst = appendAnyText(dst, v.Text())
		}
		dst = append(dst, ']')
	}
	return append(dst, ']')
}

// appendAnyText appends text of a list, which keeps bytes that are not UTF-8.
func appendAnyText(dst []byte, s string) []byte {
	if utf8.ValidString(s) {
		return appendText(dst, s)
	}
	dst = append(dst, `{"raw":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, []byte(s))
	return append(dst, `"}`...)
}

func readList(in *parser, depth int) (telephony.KVList, error) {
	if depth > telephony.MaxDepth {
		return nil, in.fail("lists nested deeper than %d", telephony.MaxDepth)
	}
	var l telephony.KVList
	err := in.array(func(int) error {
		var pair telephony.Pair
		n := 0
		err := in.array(func(i int) error {
			n++
			v, err := readValue(in, depth)
			switch {
			case err != nil:
				return err
			case i == 0 && v.Kind() == telephony.KindString && v.Text() != "":
				pair.Key = v.Text()
			case i == 0:
				return in.fail("a pair needs a key that is text and not empty")
			case i == 1:
				pair.Value = v
			}
			return nil
		})
		if err == nil && n != 2 {
			err = in.fail("a pair has a key and a value, not %d elements", n)
		}
		l = append(l, pair)
		return err
	})
	return l, err
}

func readValue(in *parser, depth int) (telephony.Value, error) {
	switch c := in.peek(); c {
	case '"':
		s, err := in.text()
		return telephony.String(s), err
	case '[':
		l, err := readList(in, depth+1)
		return telephony.List(l), err
	case '{':
		return readBytes(in)
	}
	n, err := in.number()
	if err == nil && (n < math.MinInt32 || n > math.MaxInt32) {
		err = in.fail("an integer in a list has 32 bits")
	}
	return telephony.Int(int32(n)), err
}

// readBytes reads {"bin": base64} and {"raw": base64}.
func readBytes(in *parser) (telephony.Value, error) {
	var v telephony.Value
	n := 0
	err := in.object(func(name string) error {
		if n++; name != "bin" && name != "raw" {
			return in.fail("unknown kind of value %.20q", name)
		}
		s, err := in.text()
		if err != nil {
			return err
		}
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		switch {
		case err != nil:
			return in.fail("%q is not base64", name)
		case name == "bin":
			v = telephony.Binary(b)
		default:
			v = telephony.String(string(b))
		}
		return nil
	})
	if err == nil && n != 1 {
		err = in.fail("want one of bin and raw")
	}
	return v, err
}
