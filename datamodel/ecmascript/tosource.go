package ecmascript

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-ff723688/ors/datamodel"
)

// maxSource is the length of the longest text that toSource makes.
const maxSource = 4 << 20

// source is what toSource returns: an expression that makes the value again, in
// the form of SpiderMonkey. What refers back to an object around it is {}. At the
// top (see value) it is what the method gives.
func (m *model) source(v Value, top bool) (string, error) {
	w := &sourceWriter{rt: m.rt}
	if err := w.value(v, top); err != nil {
		return "", err
	}
	return w.out.String(), nil
}

type sourceWriter struct {
	rt     Runtime
	out    strings.Builder
	around []Value
}

// value writes a value. At the top objects and functions stand in parentheses,
// and primitive values are the objects that toSource is called on.
func (w *sourceWriter) value(v Value, top bool) error {
	if w.out.Len() > maxSource {
		return fmt.Errorf("toSource: the text is longer than %d bytes", maxSource)
	}
	class := w.rt.Class(v)
	switch class {
	case Undefined:
		w.out.WriteString("(void 0)")
	case Null:
		w.out.WriteString("null")
	case Boolean, Number, String:
		text := ""
		switch class {
		case Boolean:
			text = strconv.FormatBool(w.rt.Bool(v))
		case Number:
			text = w.number(v)
		default:
			text = quoteSource(w.rt.Text(v), '"')
		}
		if top {
			text = "(new " + map[Class]string{Boolean: "Boolean", Number: "Number", String: "String"}[class] + "(" + text + "))"
		}
		w.out.WriteString(text)
	case BigInt:
		w.out.WriteString(w.rt.Text(v) + "n")
	case Symbol:
		w.out.WriteString("Symbol(" + quoteSource(w.rt.Text(v), '"') + ")")
	default:
		return w.object(v, class, top)
	}
	return nil
}

func (w *sourceWriter) number(v Value) string {
	if f := w.rt.Number(v); f == 0 && 1/f < 0 {
		return "-0"
	}
	return w.rt.ToString(v)
}

func (w *sourceWriter) object(v Value, class Class, top bool) error {
	switch class {
	case Function:
		w.parenthesized(w.rt.ToString(v), top)
		return nil
	case Date:
		w.out.WriteString("(new Date(" + w.rt.ToString(w.rt.FromNumber(w.rt.Time(v))) + "))")
		return nil
	case RegExp:
		w.out.WriteString(w.rt.ToString(v))
		return nil
	case Error:
		name := w.rt.ToString(w.rt.Get(v, "name"))
		w.out.WriteString("(new " + name + "(" + quoteSource(w.rt.ToString(w.rt.Get(v, "message")), '"') + "))")
		return nil
	case BooleanObject, NumberObject, StringObject:
		text := w.rt.ToString(v)
		name := "Boolean"
		switch class {
		case NumberObject:
			name = "Number"
		case StringObject:
			name, text = "String", quoteSource(text, '"')
		}
		w.out.WriteString("(new " + name + "(" + text + "))")
		return nil
	}
	for _, a := range w.around {
		if a == v {
			w.out.WriteString("{}")
			return nil
		}
	}
	if len(w.around) >= datamodel.MaxDepth {
		return fmt.Errorf("toSource: %w: more than %d levels", datamodel.ErrDepth, datamodel.MaxDepth)
	}
	w.around = append(w.around, v)
	defer func() { w.around = w.around[:len(w.around)-1] }()
	if class == Array {
		return w.array(v)
	}
	if top {
		w.out.WriteByte('(')
	}
	w.out.WriteByte('{')
	for i, k := range w.rt.Keys(v) {
		if i > 0 {
			w.out.WriteString(", ")
		}
		w.key(k)
		w.out.WriteByte(':')
		if err := w.value(w.rt.Get(v, k), false); err != nil {
			return err
		}
	}
	w.out.WriteByte('}')
	if top {
		w.out.WriteByte(')')
	}
	return nil
}

func (w *sourceWriter) array(v Value) error {
	n := w.rt.Length(v)
	present := map[string]bool{}
	for _, k := range w.rt.Keys(v) {
		present[k] = true
	}
	w.out.WriteByte('[')
	for i := range n {
		if i > 0 {
			w.out.WriteString(", ")
		}
		if !present[strconv.Itoa(i)] {
			if i == n-1 {
				w.out.WriteByte(',')
			}
			if w.out.Len() > maxSource {
				return fmt.Errorf("toSource: the text is longer than %d bytes", maxSource)
			}
			continue
		}
		if err := w.value(w.rt.Index(v, i), false); err != nil {
			return err
		}
	}
	w.out.WriteByte(']')
	return nil
}

func (w *sourceWriter) parenthesized(text string, top bool) {
	if top {
		text = "(" + text + ")"
	}
	w.out.WriteString(text)
}

// key writes the name of a member.
func (w *sourceWriter) key(k string) {
	if _, err := strconv.ParseUint(k, 10, 32); isIdentifier(k) && isASCII(k) || err == nil && (k == "0" || k[0] != '0') {
		w.out.WriteString(k)
		return
	}
	w.out.WriteString(quoteSource(k, '\''))
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// quoteSource writes a string in ASCII.
func quoteSource(s string, quote byte) string {
	out := make([]byte, 0, len(s)+2)
	out = append(out, quote)
	for i := 0; i < len(s); {
		c, n := datamodel.DecodeUnit(s[i:])
		i += n
		switch {
		case c == rune(quote) || c == '\\':
			out = append(out, '\\', byte(c))
		case c >= ' ' && c < 0x7f:
			out = append(out, byte(c))
		case strings.ContainsRune("\n\r\t\b\f\v", c):
			out = append(out, '\\', "nrtbfv"[strings.IndexRune("\n\r\t\b\f\v", c)])
		case c < 0x100:
			out = fmt.Appendf(out, "\\x%02X", c)
		case c < 0x10000:
			out = fmt.Appendf(out, "\\u%04X", c)
		default:
			c -= 0x10000
			out = fmt.Appendf(out, "\\u%04X\\u%04X", 0xd800|c>>10, 0xdc00|c&0x3ff)
		}
	}
	return string(append(out, quote))
}
