package goja

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// natives are built-ins that inspection uses. They are fetched before a script
// can have replaced them only in a runtime without such programs; what a script
// does to them harms its own snapshot alone.
type natives struct {
	object       *goja.Object // Object.prototype
	array        *goja.Object // Array.prototype
	descriptor   goja.Callable
	isExtensible goja.Callable
}

func (r *realm) known() *natives {
	if r.natives == nil {
		r.natives = &natives{object: r.vm.NewObject().Prototype(), array: r.vm.NewArray().Prototype()}
	}
	if r.hides && r.natives.descriptor == nil {
		o := r.vm.Get("Object").ToObject(r.vm)
		r.natives.descriptor, _ = goja.AssertFunction(o.Get("getOwnPropertyDescriptor"))
		r.natives.isExtensible, _ = goja.AssertFunction(o.Get("isExtensible"))
	}
	return r.natives
}

var errorNames = []string{"Error", "TypeError", "RangeError", "ReferenceError", "SyntaxError", "EvalError", "URIError"}

// Inspect describes an object in s.
func (r *realm) Inspect(v ecmascript.Value, s *ecmascript.Shape) error {
	o := obj(v)
	if o == r.vm.GlobalObject() {
		return errors.New("it is the global object")
	}
	if o.ExportType() == typeProxy {
		return errors.New("it is a proxy")
	}
	if r.hides && len(o.Symbols()) > 0 {
		return errors.New("it has a symbol as a key")
	}
	*s = ecmascript.Shape{Class: class(o), Props: s.Props[:0]}
	keys := inside.keys(o)
	var err error
	if s.Class == ecmascript.Object && isDataView(o) {
		s.Class = ecmascript.TypedArray
	}
	switch s.Class {
	case ecmascript.Object:
		err = r.inspectObject(o, s)
	case ecmascript.Array:
		if o.Prototype() != r.known().array {
			return errPrototype
		}
		keys = r.inspectArray(o, s, keys)
	case ecmascript.Function:
		err = r.inspectFunction(o, s)
	case ecmascript.Date:
		s.Number = r.Time(v)
	case ecmascript.RegExp:
		s.Text = r.Text(o.Get("source"))
		s.Flags = o.Get("flags").String()
		s.Number = o.Get("lastIndex").ToFloat()
	case ecmascript.Error:
		err = r.inspectError(o, s)
	case ecmascript.BooleanObject:
		s.Bool, _ = o.Export().(bool)
	case ecmascript.NumberObject:
		s.Number = r.vm.ToValue(o.Export()).ToFloat()
	case ecmascript.StringObject:
		s.Text = r.Text(callMethod(r.vm, o, "valueOf"))
		keys = slices.DeleteFunc(keys, func(k string) bool { _, index := arrayIndex(k); return index })
	case ecmascript.Map, ecmascript.Set:
		s.Items = r.items(o, s.Class == ecmascript.Map)
	case ecmascript.ArrayBuffer:
		s.Bytes = slices.Clone(o.Export().(goja.ArrayBuffer).Bytes())
	case ecmascript.TypedArray:
		s.Text = o.Get("constructor").ToObject(r.vm).Get("name").String()
		s.Buffer = o.Get("buffer")
		s.Offset = int(o.Get("byteOffset").ToInteger())
		s.Length = int(o.Get(lengthName(s.Text)).ToInteger())
		keys = slices.DeleteFunc(keys, func(k string) bool { _, index := arrayIndex(k); return index })
	}
	if err != nil {
		return err
	}
	if r.hides {
		if err := r.ordinary(o, s, keys); err != nil {
			return err
		}
	}
	for _, k := range keys {
		s.Props = append(s.Props, ecmascript.Property{Name: k, Value: r.Get(o, k)})
	}
	return nil
}

func isDataView(o *goja.Object) bool {
	tag, ok := o.GetSymbol(goja.SymToStringTag).(goja.String)
	return ok && tag.String() == "DataView"
}

// lengthName is the property that the constructor of a view takes its length
// from.
func lengthName(class string) string {
	if class == "DataView" {
		return "byteLength"
	}
	return "length"
}

var errPrototype = errors.New("it has a prototype of its own (made by new, Object.create or a class)")

func (r *realm) inspectObject(o *goja.Object, s *ecmascript.Shape) error {
	switch p := o.Prototype(); {
	case p == nil:
		s.NullProt = true
	case p != r.known().object:
		s.Proto = p
	}
	if c := o.ClassName(); c != "Object" {
		return fmt.Errorf("it is an object of class %s", c)
	}
	if tag := o.GetSymbol(goja.SymToStringTag); tag != nil {
		return fmt.Errorf("it is the built-in %s", tag)
	}
	return nil
}

// inspectArray describes an array and returns the keys that are no elements.
func (r *realm) inspectArray(o *goja.Object, s *ecmascript.Shape, keys []string) []string {
	s.Length = r.Length(o)
	n := 0
	for n < len(keys) {
		if _, ok := arrayIndex(keys[n]); !ok {
			break
		}
		n++
	}
	if s.Length > 1000 && n < s.Length/4 {
		return keys // sparse
	}
	s.Items = make([]ecmascript.Value, s.Length)
	for _, k := range keys[:n] {
		if i, _ := arrayIndex(k); i < s.Length {
			s.Items[i] = r.Get(o, k)
		}
	}
	return keys[n:]
}

// arrayIndex reports whether a key is the index of an array.
func arrayIndex(key string) (int, bool) {
	if key == "" || key[0] < '0' || key[0] > '9' {
		return 0, false
	}
	i, err := strconv.ParseUint(key, 10, 32)
	if err != nil || i == 1<<32-1 || len(key) > 1 && key[0] == '0' {
		return 0, false
	}
	return int(i), true
}

func (r *realm) inspectFunction(o *goja.Object, s *ecmascript.Shape) error {
	s.Text = r.functionText(o)
	s.Written = r.authorOf(s.Text)
	fact, ok := functionFact{}, false
	for _, p := range r.ran {
		if fact, ok = p.functions[s.Text]; ok {
			break
		}
	}
	switch {
	case strings.HasPrefix(s.Text, "class"):
		return errors.New("it is a class")
	case !ok && strings.HasSuffix(s.Text, "{ [native code] }"):
		return errors.New("it is a built-in or bound function")
	case !ok:
		return errors.New("it was made by eval or a function constructor")
	case fact.capture != "":
		return fmt.Errorf("it is a function that uses %s of the function or block around it", fact.capture)
	}
	s.Strict = fact.strict
	if !r.shapes || !inside.has(o, "prototype") {
		return nil // no program has mentioned a prototype, or it has not been made
	}
	p, ok := o.Get("prototype").(*goja.Object)
	switch {
	case !ok:
	case strings.HasPrefix(s.Text, "function*"):
		if len(p.Keys()) > 0 {
			return errors.New("it is a generator whose prototype has members")
		}
	case r.ConstructorOf(p) != ecmascript.Value(o):
		s.Props = append(s.Props, ecmascript.Property{Name: "prototype", Value: p, Hidden: true})
	case len(p.GetOwnPropertyNames()) > 1 || len(p.Symbols()) > 0 || p.Prototype() != r.known().object:
		s.Members = p
	}
	return nil
}

// ConstructorOf returns the function that an object is the prototype property of.
func (r *realm) ConstructorOf(v ecmascript.Value) ecmascript.Value {
	if !r.shapes {
		return nil // no program has mentioned a prototype
	}
	o := obj(v)
	f, ok := o.Get("constructor").(*goja.Object)
	if !ok || f == r.known().object.Get("constructor") || class(f) != ecmascript.Function || f.Get("prototype") != goja.Value(o) || slices.Contains(o.Keys(), "constructor") {
		return nil
	}
	return f
}

// SetProto gives an object a prototype.
func (r *realm) SetProto(o, proto ecmascript.Value) error {
	r.shapes = true
	if proto == nil {
		return nil
	}
	p, ok := proto.(*goja.Object)
	if !ok {
		if !goja.IsNull(js(proto)) {
			return errPrototype
		}
		p = nil
	}
	return obj(o).SetPrototype(p)
}

func (r *realm) inspectError(o *goja.Object, s *ecmascript.Shape) error {
	s.Text = "Error"
	proto := o.Prototype()
	if proto == nil {
		return errPrototype
	}
	name := proto.Get("name")
	if name == nil {
		return errPrototype
	}
	switch n := name.String(); {
	case proto == r.hosts || n == "GoError": // thrown by a function of the host
	case slices.Contains(errorNames, n):
		ctor, ok := r.vm.Get(n).(*goja.Object)
		if !ok || ctor.Get("prototype") != goja.Value(proto) {
			return errPrototype
		}
		s.Text = n
	default:
		return errPrototype
	}
	for _, k := range o.GetOwnPropertyNames() {
		if k == "message" || k == "stack" {
			if v := o.Get(k); v != nil {
				s.Props = append(s.Props, ecmascript.Property{Name: k, Value: v.ToString(), Hidden: true})
			}
		}
	}
	return nil
}

// items lists the keys and values of a Map, or the elements of a Set.
func (r *realm) items(o *goja.Object, pairs bool) []ecmascript.Value {
	out := []ecmascript.Value{}
	callMethod(r.vm, o, "forEach", r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		if pairs {
			out = append(out, call.Argument(1))
		}
		out = append(out, call.Argument(0))
		return goja.Undefined()
	}))
	return out
}

func callMethod(vm *goja.Runtime, o *goja.Object, name string, args ...goja.Value) goja.Value {
	f, ok := goja.AssertFunction(o.Get(name))
	if !ok {
		panic(vm.NewTypeError("%s is not a function", name))
	}
	v, err := f(o, args...)
	if err != nil {
		panic(err)
	}
	return v
}

// ordinary checks that all properties are what assignment makes. It matters
// only where a program may have made others.
func (r *realm) ordinary(o *goja.Object, s *ecmascript.Shape, keys []string) error {
	n := r.known()
	extensible, err := n.isExtensible(goja.Undefined(), o)
	if err != nil {
		return err
	}
	if !extensible.ToBoolean() {
		return errors.New("it is frozen, sealed or not extensible")
	}
	check := keys
	if s.Class == ecmascript.Array {
		for i, e := range s.Items {
			if e != nil {
				check = append(check, strconv.Itoa(i))
			}
		}
	}
	for _, k := range check {
		d, err := n.descriptor(goja.Undefined(), o, r.vm.ToValue(k))
		if err != nil {
			return err
		}
		desc, ok := d.(*goja.Object)
		if !ok {
			continue
		}
		if desc.Get("writable") == nil {
			return fmt.Errorf("its property %s is an accessor", k)
		}
		if !desc.Get("writable").ToBoolean() || !desc.Get("configurable").ToBoolean() {
			return fmt.Errorf("its property %s is read-only", k)
		}
	}
	if s.Class == ecmascript.Object {
		all := len(o.GetOwnPropertyNames())
		if r.ConstructorOf(o) != nil {
			all-- // constructor
		}
		if all != len(keys) {
			return errors.New("it has properties that are not enumerable")
		}
	}
	return nil
}

// Build makes an object from a Shape.
func (r *realm) Build(s *ecmascript.Shape) (ecmascript.Value, error) {
	vm := r.vm
	switch s.Class {
	case ecmascript.Object:
		if s.NullProt {
			return vm.CreateObject(nil), nil
		}
		return vm.NewObject(), nil
	case ecmascript.Array:
		a := vm.NewArray()
		if err := a.Set("length", s.Length); err != nil {
			return nil, r.failed(err)
		}
		return a, nil
	case ecmascript.Function:
		return r.buildFunction(s)
	case ecmascript.Date:
		return r.NewDate(s.Number), nil
	case ecmascript.RegExp:
		if err := checkPatterns([]string{s.Text}); err != nil {
			return nil, err
		}
		o, err := r.construct("RegExp", text(vm, s.Text), vm.ToValue(s.Flags))
		if err != nil {
			return nil, err
		}
		return o, o.Set("lastIndex", s.Number)
	case ecmascript.Error:
		if !slices.Contains(errorNames, s.Text) {
			return nil, fmt.Errorf("goja: unknown kind of error %q", s.Text)
		}
		return r.construct(s.Text)
	case ecmascript.BooleanObject:
		return r.construct("Boolean", vm.ToValue(s.Bool))
	case ecmascript.NumberObject:
		return r.construct("Number", vm.ToValue(s.Number))
	case ecmascript.StringObject:
		return r.construct("String", text(vm, s.Text))
	case ecmascript.Map:
		return r.construct("Map")
	case ecmascript.Set:
		return r.construct("Set")
	case ecmascript.ArrayBuffer:
		return vm.ToValue(vm.NewArrayBuffer(slices.Clone(s.Bytes))), nil
	case ecmascript.TypedArray:
		if !strings.HasSuffix(s.Text, "Array") && s.Text != "DataView" || s.Text == "Array" {
			return nil, fmt.Errorf("goja: unknown kind of array %q", s.Text)
		}
		return r.construct(s.Text, js(s.Buffer), vm.ToValue(s.Offset), vm.ToValue(s.Length))
	}
	return nil, errors.New("goja: unknown kind of object")
}

func (r *realm) construct(name string, args ...goja.Value) (*goja.Object, error) {
	ctor := r.vm.Get(name)
	if ctor == nil {
		return nil, fmt.Errorf("goja: there is no %s", name)
	}
	o, err := r.vm.New(ctor, args...)
	if err != nil {
		return nil, r.failed(err)
	}
	return o, nil
}

// compileFunction compiles the source of a function: an expression, or the
// shorthand of a method.
func compileFunction(text string, strict bool) (*code, error) {
	if err := ecmascript.CheckSource(text, ecmascript.DefaultMaxScript); err != nil {
		return nil, err
	}
	c, err := compile("", "("+text+"\n)", strict)
	if err != nil {
		if c, err = compile("", "({"+text+"\n})", strict); err != nil {
			return nil, err
		}
		c.method = true
	}
	// A text that is more than a function would run here.
	if _, ok := c.functions[text]; !ok {
		return nil, errFunction
	}
	return c, nil
}

// writtenAs returns the code of a function for which the author wrote something else.
func (c *code) writtenAs(source, was string) *code {
	own := *c
	own.authors = map[string]string{source: was}
	own.system |= authorBit
	return &own
}

var errFunction = errors.New("goja: not the source of a function")

// buildFunction makes a function from its source.
func (r *realm) buildFunction(s *ecmascript.Shape) (ecmascript.Value, error) {
	if s.Program != nil {
		return r.buildPiece(s)
	}
	c, err := r.engine.function(s.Text, s.Strict)
	if err != nil {
		return nil, err
	}
	if s.Written != "" {
		c = c.writtenAs(s.Text, s.Written)
	}
	return r.makeFunction(c, ecmascript.NameOf(s.Written))
}

// makeFunction runs the code of a function. The name is the author's, when it is not
// in the code.
func (r *realm) makeFunction(c *code, name string) (ecmascript.Value, error) {
	v, err := r.run(c)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*goja.Object)
	if ok && c.method {
		if keys := o.Keys(); len(keys) == 1 {
			o, ok = o.Get(keys[0]).(*goja.Object)
		}
	}
	if !ok || class(o) != ecmascript.Function {
		return nil, errFunction
	}
	if name != "" {
		r.rename(o, r.vm.ToValue(name))
	}
	return o, nil
}

// AddItem adds to a Map or Set.
func (r *realm) AddItem(collection, key, value ecmascript.Value) {
	if value == nil {
		callMethod(r.vm, obj(collection), "add", js(key))
		return
	}
	callMethod(r.vm, obj(collection), "set", js(key), js(value))
}
