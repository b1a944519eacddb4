package goja

import (
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/dop251/goja"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// The Go types that goja names for objects whose class it does not tell apart.
var (
	typeDynamic  = reflect.TypeFor[*dynamic]()
	typeReadOnly = reflect.TypeFor[*list]()
	typeMap      = reflect.TypeFor[[][2]any]()
	typeList     = reflect.TypeFor[[]any]()
	typeBuffer   = reflect.TypeFor[goja.ArrayBuffer]()
	typeProxy    = reflect.TypeFor[goja.Proxy]()
	typeObject   = reflect.TypeFor[map[string]any]()
	typeFunction = reflect.TypeFor[func(goja.FunctionCall) goja.Value]() // async functions
)

// Class classifies a value.
func (r *realm) Class(v ecmascript.Value) ecmascript.Class {
	switch v := v.(type) {
	case nil:
		return ecmascript.Undefined
	case *goja.Object:
		return class(v)
	case goja.String:
		return ecmascript.String
	case *goja.Symbol:
		return ecmascript.Symbol
	case goja.Value:
		switch {
		case goja.IsNumber(v):
			return ecmascript.Number
		case goja.IsUndefined(v):
			return ecmascript.Undefined
		case goja.IsNull(v):
			return ecmascript.Null
		case goja.IsBigInt(v):
			return ecmascript.BigInt
		}
	}
	return ecmascript.Boolean
}

func class(o *goja.Object) ecmascript.Class {
	switch o.ClassName() {
	case "Array":
		return ecmascript.Array
	case "Function":
		return ecmascript.Function
	case "Date":
		return ecmascript.Date
	case "RegExp":
		return ecmascript.RegExp
	case "Error":
		return ecmascript.Error
	case "Boolean":
		return ecmascript.BooleanObject
	case "Number":
		return ecmascript.NumberObject
	case "String":
		return ecmascript.StringObject
	}
	switch t := o.ExportType(); {
	case t == typeObject:
	case t == typeFunction:
		return ecmascript.Function
	case t == typeDynamic:
		return ecmascript.DynamicObject
	case t == typeMap:
		return ecmascript.Map
	case t == typeList:
		return ecmascript.Set
	case t == typeBuffer:
		return ecmascript.ArrayBuffer
	case t != nil && t.Kind() == reflect.Slice:
		return ecmascript.TypedArray
	}
	return ecmascript.Object
}

// obj returns the object that v is.
func obj(v ecmascript.Value) *goja.Object { return v.(*goja.Object) }

// Keys lists the own enumerable string keys.
func (r *realm) Keys(o ecmascript.Value) []string { return obj(o).Keys() }

// Get reads a property.
func (r *realm) Get(o ecmascript.Value, key string) ecmascript.Value {
	if v := obj(o).Get(key); v != nil {
		return v
	}
	return goja.Undefined()
}

// Length is the length of an array.
func (r *realm) Length(array ecmascript.Value) int {
	return int(obj(array).Get("length").ToInteger())
}

// Index reads an element of an array.
func (r *realm) Index(array ecmascript.Value, i int) ecmascript.Value {
	return r.Get(array, strconv.Itoa(i))
}

// Time is the value of a Date.
func (r *realm) Time(date ecmascript.Value) float64 {
	t, ok := obj(date).Export().(time.Time)
	if !ok {
		return math.NaN()
	}
	return float64(t.UnixMilli())
}

// NewObject makes an ordinary object.
func (r *realm) NewObject() ecmascript.Value { return r.vm.NewObject() }

// NewArray makes an array.
func (r *realm) NewArray(items []ecmascript.Value) ecmascript.Value {
	list := make([]any, len(items))
	for i, v := range items {
		list[i] = js(v)
	}
	return r.vm.NewArray(list...)
}

// NewDate makes a Date.
func (r *realm) NewDate(ms float64) ecmascript.Value {
	o, err := r.vm.New(r.vm.Get("Date"), r.vm.ToValue(ms))
	if err != nil {
		panic(err)
	}
	return o
}

// NewFunc makes a function that calls f.
func (r *realm) NewFunc(name string, f func([]ecmascript.Value) (ecmascript.Value, error)) ecmascript.Value {
	return r.NewMethod(name, func(_ ecmascript.Value, args []ecmascript.Value) (ecmascript.Value, error) { return f(args) })
}

// NewMethod makes a function that calls f with its object.
func (r *realm) NewMethod(name string, f func(ecmascript.Value, []ecmascript.Value) (ecmascript.Value, error)) ecmascript.Value {
	fn := r.vm.ToValue(func(call goja.FunctionCall) goja.Value {
		args := make([]ecmascript.Value, len(call.Arguments))
		for i, a := range call.Arguments {
			args[i] = a
		}
		v, err := f(call.This, args)
		if err != nil {
			panic(r.hostError(err))
		}
		return js(v)
	}).(*goja.Object)
	if err := fn.DefineDataProperty("name", r.vm.ToValue(name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE); err != nil {
		panic(err)
	}
	return fn
}

// Call calls a function.
func (r *realm) Call(f, this ecmascript.Value, args []ecmascript.Value) ecmascript.Value {
	fn, ok := goja.AssertFunction(js(f))
	if !ok {
		panic(r.vm.NewTypeError("the value is not a function"))
	}
	list := make([]goja.Value, len(args))
	for i, a := range args {
		list[i] = js(a)
	}
	v, err := fn(js(this), list...)
	if err != nil {
		panic(err)
	}
	return v
}

// GlobalObject is the global object.
func (r *realm) GlobalObject() ecmascript.Value { return r.vm.GlobalObject() }

// SetMember sets an own property.
func (r *realm) SetMember(o ecmascript.Value, key string, v ecmascript.Value) {
	r.set(o, key, v, goja.FLAG_TRUE)
}

// SetHidden sets an own property that is not enumerable.
func (r *realm) SetHidden(o ecmascript.Value, key string, v ecmascript.Value) {
	if key == "prototype" && class(obj(o)) == ecmascript.Function {
		r.shapes = true
		if err := obj(o).Set(key, js(v)); err != nil {
			panic(err)
		}
		return
	}
	r.set(o, key, v, goja.FLAG_FALSE)
}

func (r *realm) set(o ecmascript.Value, key string, v ecmascript.Value, enumerable goja.Flag) {
	if err := obj(o).DefineDataProperty(key, js(v), goja.FLAG_TRUE, goja.FLAG_TRUE, enumerable); err != nil {
		panic(err)
	}
}

// dynamic is a read-only object with computed members.
type dynamic struct {
	r *realm
	d ecmascript.Dynamic
}

// NewDynamic makes a read-only object whose members are d's.
func (r *realm) NewDynamic(d ecmascript.Dynamic) ecmascript.Value {
	return r.vm.NewDynamicObject(&dynamic{r, d})
}

// DynamicOf returns what NewDynamic was given.
func (r *realm) DynamicOf(v ecmascript.Value) ecmascript.Dynamic {
	if o, ok := v.(*goja.Object); ok && o.ExportType() == typeDynamic {
		return o.Export().(*dynamic).d
	}
	return nil
}

// Get, Set, Has, Delete and Keys are the goja.DynamicObject.
func (d *dynamic) Get(key string) goja.Value {
	v, ok := d.d.Get(key)
	if !ok {
		return nil
	}
	return js(v)
}

func (d *dynamic) Set(key string, v goja.Value) bool {
	if w, ok := d.d.(ecmascript.Writable); ok {
		d.check(w.Set(key, v))
		return true
	}
	return d.refuse(key)
}

// refuse throws, or leaves it to the engine to throw in strict mode.
func (d *dynamic) refuse(key string) bool {
	if l, ok := d.d.(ecmascript.Lenient); ok && l.Lenient() {
		return false
	}
	panic(d.r.vm.NewTypeError("%s is read-only", key))
}

func (d *dynamic) Has(key string) bool {
	_, ok := d.d.Get(key)
	return ok
}

func (d *dynamic) Delete(key string) bool {
	if w, ok := d.d.(ecmascript.Writable); ok {
		d.check(w.Delete(key))
		return true
	}
	return d.refuse(key)
}

func (d *dynamic) check(err error) {
	if err != nil {
		panic(d.r.vm.NewTypeError("%s", err.Error()))
	}
}

func (d *dynamic) Keys() []string { return d.d.Keys() }

// list is a read-only array with computed elements.
type list struct {
	r *realm
	l ecmascript.List
}

var _ goja.DynamicArray = (*list)(nil)

// NewList makes a read-only array with the elements of l.
func (r *realm) NewList(l ecmascript.List) ecmascript.Value {
	return r.vm.NewDynamicArray(&list{r, l})
}

// ListOf returns what NewList was given.
func (r *realm) ListOf(v ecmascript.Value) ecmascript.List {
	if o, ok := v.(*goja.Object); ok && o.ExportType() == typeReadOnly {
		return o.Export().(*list).l
	}
	return nil
}

// Len implements goja.DynamicArray.
func (l *list) Len() int { return l.l.Len() }

// Get implements goja.DynamicArray.
func (l *list) Get(i int) goja.Value {
	if i < 0 || i >= l.l.Len() {
		return nil
	}
	return js(l.l.Item(i))
}

// Set implements goja.DynamicArray.
func (l *list) Set(int, goja.Value) bool {
	if l.l.Lenient() {
		return false
	}
	panic(l.r.vm.NewTypeError("the array is read-only"))
}

// SetLen implements goja.DynamicArray.
func (l *list) SetLen(int) bool { return l.Set(0, nil) }
