package goja

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/dop251/goja"

	"github.com/seed-ff723688/ors/datamodel"
)

// Limits of what goes through arrays and other data.

// lengthOf is the length of an array or array-like object; 0 for others.
func lengthOf(v goja.Value) float64 {
	switch v := v.(type) {
	case goja.String:
		return float64(v.Length())
	case *goja.Object:
		if l := v.Get("length"); l != nil {
			if n := l.ToFloat(); n > 0 {
				return n
			}
		}
	}
	return 0
}

func checkLength(_ *realm, call goja.FunctionCall) error {
	if n := lengthOf(call.This); n > maxArray {
		return tooLong("array length", n, maxArray)
	}
	return nil
}

func checkConcat(r *realm, call goja.FunctionCall) error {
	n := lengthOf(call.This)
	for _, a := range call.Arguments {
		if o, ok := a.(*goja.Object); ok {
			n += lengthOf(o)
		}
	}
	if n > maxArray {
		return tooLong("array length", n, maxArray)
	}
	return nil
}

// visitor counts what a built-in would go through.
type visitor struct {
	nodes, text float64
	path        []*goja.Object
}

func (v *visitor) over() error {
	if v.nodes > maxNodes {
		return fmt.Errorf("more than the limit of %d values", maxNodes)
	}
	if v.text > maxText {
		return tooLong("text length", v.text, maxText)
	}
	return nil
}

// enter reports whether to go on into o: not into a cycle, which the built-in
// itself reports.
func (v *visitor) enter(o *goja.Object) (bool, error) {
	if slices.Contains(v.path, o) {
		return false, nil
	}
	if len(v.path) > datamodel.MaxDepth {
		return false, fmt.Errorf("nested deeper than the limit of %d", datamodel.MaxDepth)
	}
	v.path = append(v.path, o)
	return true, nil
}

func (v *visitor) leave() { v.path = v.path[:len(v.path)-1] }

func isArray(o *goja.Object) bool { return o.ClassName() == "Array" }

// join counts the elements of an array as join goes through them.
func (v *visitor) join(o *goja.Object, separator float64) error {
	n := lengthOf(o)
	if n > maxArray {
		return tooLong("array length", n, maxArray)
	}
	v.nodes += n
	v.text += n * separator
	ok, err := v.enter(o)
	if !ok || err != nil {
		return err
	}
	defer v.leave()
	for i := range int(n) {
		switch e := o.Get(strconv.Itoa(i)).(type) {
		case goja.String:
			v.text += float64(e.Length())
		case *goja.Object:
			if isArray(e) {
				if err := v.join(e, 1); err != nil {
					return err
				}
			}
		}
		if err := v.over(); err != nil {
			return err
		}
	}
	return v.over()
}

func checkJoin(r *realm, call goja.FunctionCall) error {
	o, ok := call.This.(*goja.Object)
	if !ok {
		return nil
	}
	separator := 1.0
	if s, ok := call.Argument(0).(goja.String); ok {
		separator = float64(s.Length())
	}
	return (&visitor{}).join(o, separator)
}

func (v *visitor) flat(o *goja.Object, depth float64) error {
	n := lengthOf(o)
	v.nodes += n
	if err := v.over(); err != nil || depth < 0 {
		return err
	}
	if len(v.path) > datamodel.MaxDepth {
		return fmt.Errorf("nested deeper than the limit of %d", datamodel.MaxDepth)
	}
	v.path = append(v.path, o)
	defer v.leave()
	for i := range int(n) {
		if e, ok := o.Get(strconv.Itoa(i)).(*goja.Object); ok && isArray(e) {
			if err := v.flat(e, depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkFlat(_ *realm, call goja.FunctionCall) error {
	o, ok := call.This.(*goja.Object)
	if !ok {
		return nil
	}
	depth := 1.0
	if d := call.Argument(0); !goja.IsUndefined(d) {
		depth = d.ToFloat()
	}
	return (&visitor{}).flat(o, depth)
}

func (v *visitor) json(x goja.Value) error {
	v.nodes++
	switch x := x.(type) {
	case goja.String:
		v.text += float64(x.Length())
	case *goja.Object:
		ok, err := v.enter(x)
		if !ok || err != nil {
			return err
		}
		defer v.leave()
		if isArray(x) && lengthOf(x) > maxArray {
			return tooLong("array length", lengthOf(x), maxArray)
		}
		if x.ExportType() == typeDynamic {
			return nil
		}
		for _, k := range x.Keys() {
			v.text += float64(len(k))
			if err := v.json(x.Get(k)); err != nil {
				return err
			}
		}
	}
	return v.over()
}

func checkStringify(_ *realm, call goja.FunctionCall) error {
	return (&visitor{}).json(call.Argument(0))
}

// checkParse judges JSON text: the decoder of goja is recursive.
func checkParse(r *realm, call goja.FunctionCall) error {
	s, ok := call.Argument(0).(goja.String)
	if !ok {
		if o, isObject := call.Argument(0).(*goja.Object); isObject {
			return fmt.Errorf("JSON.parse needs a string, not %s", o.ClassName())
		}
		return nil
	}
	if s.Length() > maxText {
		return tooLong("text length", float64(s.Length()), maxText)
	}
	depth, quoted := 0, false
	t := s.String()
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			if depth++; depth > datamodel.MaxDepth {
				return fmt.Errorf("JSON text nested deeper than the limit of %d", datamodel.MaxDepth)
			}
		case c == ']' || c == '}':
			depth--
		}
	}
	return nil
}

// limitIteration checks the length of an array before it is iterated over.
func limitIteration(r *realm) error {
	proto := r.builtin("Array", true)
	if proto == nil {
		return nil
	}
	if err := r.replace(proto, "values", checkLength); err != nil {
		return err
	}
	if err := proto.DefineDataPropertySymbol(goja.SymIterator, proto.Get("values"), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
		return err
	}
	return r.replace(r.builtin("Array", false), "from", func(_ *realm, call goja.FunctionCall) error {
		if n := lengthOf(call.Argument(0)); n > maxArray {
			return tooLong("array length", n, maxArray)
		}
		return nil
	})
}
