package otto

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	js "github.com/robertkrimen/otto"

	"github.com/seed-ff723688/ors/datamodel"
)

// maxDepth is the nesting of data that JSON.parse and JSON.stringify take.
const maxDepth = datamodel.MaxDepth

// parseJSON is JSON.parse. otto's puts members into a random order.
func (r *runtime) parseJSON(call js.FunctionCall) js.Value {
	limits := &datamodel.JSONLimits{Bytes: maxResult, Depth: maxDepth, Values: maxMade}
	data, err := datamodel.DecodeJSON([]byte(r.text(call.Argument(0))), limits)
	if err != nil {
		panic(r.vm.MakeSyntaxError("JSON.parse: " + strings.TrimPrefix(err.Error(), "datamodel: ")))
	}
	v := r.fromJSON(data)
	if reviver := call.Argument(1); reviver.IsFunction() {
		root := r.newObject()
		r.setMember(root, "", v)
		return r.revive(reviver, root, "")
	}
	return v
}

func (r *runtime) fromJSON(data datamodel.Value) js.Value {
	switch data := data.(type) {
	case bool:
		return boolean(data)
	case float64:
		return fromNumber(data)
	case string:
		return fromText(data)
	case []datamodel.Value:
		items := make([]js.Value, len(data))
		for i, e := range data {
			items[i] = r.fromJSON(e)
		}
		r.poll()
		return r.newArray(items)
	case *datamodel.Object:
		o := r.newObject()
		for _, m := range data.Members() {
			r.setMember(o, m.Name, r.fromJSON(m.Value))
		}
		r.poll()
		return o
	}
	return js.NullValue()
}

func (r *runtime) revive(reviver, holder js.Value, key string) js.Value {
	v := r.get(holder, key)
	if v.IsObject() {
		names := keys(v)
		if v.Class() == "Array" {
			names = make([]string, min(int(r.items(v)), maxItems))
			for i := range names {
				names[i] = strconv.Itoa(i)
			}
		}
		for _, k := range names {
			if e := r.revive(reviver, v, k); e.IsDefined() {
				r.setMember(v, k, e)
			} else {
				r.must(r.native.remove.Call(js.Value{}, v, k))
			}
		}
	}
	return r.call(reviver, holder, fromText(key), v)
}

// stringify is JSON.stringify. otto's sorts members and escapes HTML.
func (r *runtime) stringify(call js.FunctionCall) js.Value {
	w := &jsonWriter{r: r}
	if replacer := call.Argument(1); replacer.IsFunction() {
		w.replacer = replacer
	} else if replacer.Class() == "Array" {
		w.names = []string{}
		for i := range min(int(r.items(replacer)), maxItems) {
			e := r.get(replacer, strconv.Itoa(i))
			if c := e.Class(); !e.IsString() && !e.IsNumber() && c != "String" && c != "Number" {
				continue
			}
			if name := r.text(e); !slices.Contains(w.names, name) {
				w.names = append(w.names, name)
			}
		}
	}
	switch space := call.Argument(2); {
	case space.IsNumber() || space.Class() == "Number":
		f, _ := space.ToFloat()
		if f = math.Trunc(f); f >= 1 {
			w.gap = strings.Repeat(" ", int(min(f, 10)))
		}
	case space.IsString() || space.Class() == "String":
		w.gap = r.text(space)
		if runes := []rune(w.gap); len(runes) > 10 {
			w.gap = string(runes[:10])
		}
	}
	holder := r.newObject()
	r.setMember(holder, "", call.Argument(0))
	if !w.member(holder, "", call.Argument(0)) {
		return js.Value{}
	}
	return fromText(string(w.dst))
}

type jsonWriter struct {
	r        *runtime
	dst      []byte
	replacer js.Value
	names    []string // when the replacer is a list
	gap      string
	indent   string
	path     []js.Value
}

// member writes the value of a member of holder and reports whether it has a
// form in JSON.
func (w *jsonWriter) member(holder js.Value, key string, v js.Value) bool {
	r := w.r
	if v.IsObject() {
		if f := r.get(v, "toJSON"); f.IsFunction() {
			v = r.call(f, v, fromText(key))
		}
	}
	if w.replacer.IsDefined() {
		v = r.call(w.replacer, holder, fromText(key), v)
	}
	switch v.Class() {
	case "Boolean":
		v = r.must(r.native.boolValue.Call(v))
	case "Number":
		v = fromNumber(w.number(v))
	case "String":
		v = fromText(r.text(v))
	}
	switch {
	case v.IsNull():
		w.dst = append(w.dst, "null"...)
	case v.IsBoolean():
		w.dst = strconv.AppendBool(w.dst, truth(v))
	case v.IsNumber():
		if f := number(v); math.IsNaN(f) || math.IsInf(f, 0) {
			w.dst = append(w.dst, "null"...)
		} else {
			w.dst = append(w.dst, r.text(v)...)
		}
	case v.IsString():
		w.dst = appendQuoted(w.dst, v.String())
	case !v.IsObject() || v.IsFunction():
		return false
	default:
		w.object(v)
	}
	if len(w.dst) > maxResult {
		r.rangeError("the result of JSON.stringify is longer than the limit of %d bytes", maxResult)
	}
	r.poll()
	return true
}

func (w *jsonWriter) number(v js.Value) float64 {
	f, err := v.ToFloat()
	if err != nil {
		w.r.throw(err)
	}
	return f
}

func (w *jsonWriter) object(v js.Value) {
	r := w.r
	if slices.Contains(w.path, v) {
		panic(r.vm.MakeTypeError("JSON.stringify: the data is cyclic"))
	}
	if len(w.path) >= maxDepth {
		r.rangeError("JSON.stringify: the data is nested deeper than %d", maxDepth)
	}
	w.path = append(w.path, v)
	outer := w.indent
	w.indent += w.gap
	if v.Class() == "Array" {
		n := r.items(v)
		if n > maxItems {
			r.rangeError("JSON.stringify: an array of length %.0f, the limit is %d", n, maxItems)
		}
		w.dst = append(w.dst, '[')
		for i := range int(n) {
			w.separate(i)
			key := strconv.Itoa(i)
			if !w.member(v, key, r.get(v, key)) {
				w.dst = append(w.dst, "null"...)
			}
		}
		w.end(']', int(n), outer)
	} else {
		names := w.names
		if names == nil {
			names = keys(v)
		}
		w.dst = append(w.dst, '{')
		n := 0
		for _, key := range names {
			mark := len(w.dst)
			w.separate(n)
			w.dst = append(appendQuoted(w.dst, key), ':')
			if w.gap != "" {
				w.dst = append(w.dst, ' ')
			}
			if w.member(v, key, r.get(v, key)) {
				n++
			} else {
				w.dst = w.dst[:mark]
			}
		}
		w.end('}', n, outer)
	}
	w.indent = outer
	w.path = w.path[:len(w.path)-1]
}

func (w *jsonWriter) separate(n int) {
	if n > 0 {
		w.dst = append(w.dst, ',')
	}
	if w.gap != "" {
		w.dst = append(append(w.dst, '\n'), w.indent...)
	}
}

func (w *jsonWriter) end(bracket byte, n int, outer string) {
	if n > 0 && w.gap != "" {
		w.dst = append(append(w.dst, '\n'), outer...)
	}
	w.dst = append(w.dst, bracket)
}

// appendQuoted appends a string as JSON.stringify quotes it.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', byte(c))
		case c >= ' ':
			dst = utf8.AppendRune(dst, c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\b':
			dst = append(dst, '\\', 'b')
		case c == '\f':
			dst = append(dst, '\\', 'f')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(dst, '"')
}
