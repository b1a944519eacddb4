package otto

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	js "github.com/robertkrimen/otto"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// value is the otto value behind a Value; the Go nil is undefined.
func value(v ecmascript.Value) js.Value {
	w, _ := v.(js.Value)
	return w
}

func truth(v js.Value) bool {
	b, err := v.ToBoolean()
	return b && err == nil
}

var classes = map[string]ecmascript.Class{
	"Array": ecmascript.Array, "Function": ecmascript.Function, "Date": ecmascript.Date,
	"RegExp": ecmascript.RegExp, "Error": ecmascript.Error, "Boolean": ecmascript.BooleanObject,
	"Number": ecmascript.NumberObject, "String": ecmascript.StringObject,
}

// Class classifies a value.
func (r *runtime) Class(v ecmascript.Value) ecmascript.Class {
	w := value(v)
	switch {
	case w.IsUndefined():
		return ecmascript.Undefined
	case w.IsNull():
		return ecmascript.Null
	case w.IsBoolean():
		return ecmascript.Boolean
	case w.IsNumber():
		return ecmascript.Number
	case w.IsString():
		return ecmascript.String
	}
	if c, ok := classes[w.Class()]; ok {
		return c
	}
	if r.holder(w) != nil {
		return ecmascript.DynamicObject
	}
	return ecmascript.Object
}

// Bool returns the value of a Boolean.
func (r *runtime) Bool(v ecmascript.Value) bool { return truth(value(v)) }

// Number returns the value of a Number.
func (r *runtime) Number(v ecmascript.Value) float64 { return number(value(v)) }

func number(v js.Value) float64 {
	if v.IsObject() {
		return math.NaN()
	}
	f, err := v.ToFloat()
	if err != nil {
		return math.NaN()
	}
	return f
}

// Text returns the value of a String.
func (r *runtime) Text(v ecmascript.Value) string {
	w := value(v)
	if w.IsObject() {
		return ""
	}
	return w.String()
}

// Undefined is undefined.
func (r *runtime) Undefined() ecmascript.Value { return js.Value{} }

// Null is null.
func (r *runtime) Null() ecmascript.Value { return js.NullValue() }

// FromBool makes a Boolean.
func (r *runtime) FromBool(b bool) ecmascript.Value { return boolean(b) }

// FromNumber makes a Number.
func (r *runtime) FromNumber(f float64) ecmascript.Value { return fromNumber(f) }

func fromNumber(f float64) js.Value {
	v, _ := js.ToValue(f) // no float64 fails
	return v
}

// FromText makes a String. What is not UTF-8 becomes U+FFFD.
func (r *runtime) FromText(s string) ecmascript.Value { return fromText(s) }

func fromText(s string) js.Value {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	v, _ := js.ToValue(s) // no string fails
	return v
}

// FromBigInt fails: ECMAScript 5 has no BigInt.
func (r *runtime) FromBigInt(string) (ecmascript.Value, error) {
	return nil, errors.New("the otto engine has no BigInt")
}

// ToString converts as String(v) does.
func (r *runtime) ToString(v ecmascript.Value) string { return r.text(value(v)) }

func (r *runtime) text(v js.Value) string {
	s, err := v.ToString()
	if err != nil {
		r.throw(err)
	}
	return s
}

// Keys lists the own enumerable keys, indexes first as ECMAScript 2015 has it.
func (r *runtime) Keys(obj ecmascript.Value) []string { return keys(value(obj)) }

func keys(v js.Value) []string {
	o := v.Object()
	if o == nil {
		return nil
	}
	list := o.Keys()
	if v.Class() == "Error" { // otto shows what is hidden elsewhere
		list = slices.DeleteFunc(list, func(name string) bool { return name == "message" || name == "name" && isDefaultName(o) })
	}
	before := func(a, b string) int {
		i, j := arrayIndex(a), arrayIndex(b)
		switch {
		case i >= 0 && j >= 0:
			return i - j
		case i >= 0:
			return -1
		case j >= 0:
			return 1
		}
		return 0
	}
	if !slices.IsSortedFunc(list, before) {
		slices.SortStableFunc(list, before)
	}
	return list
}

// isDefaultName reports whether the own name of an error is one that otto gave.
func isDefaultName(o *js.Object) bool {
	name, err := o.Get("name")
	return err == nil && name.IsString() && slices.Contains(errorNames, name.String())
}

// Get reads a property.
func (r *runtime) Get(obj ecmascript.Value, key string) ecmascript.Value {
	return r.get(value(obj), key)
}

func (r *runtime) get(obj js.Value, key string) js.Value {
	o := obj.Object()
	if o == nil {
		return js.Value{}
	}
	return r.member(o, key)
}

// Length is the length of an array.
func (r *runtime) Length(array ecmascript.Value) int {
	return int(number(r.get(value(array), "length")))
}

// Index reads an element of an array.
func (r *runtime) Index(array ecmascript.Value, i int) ecmascript.Value {
	return r.get(value(array), strconv.Itoa(i))
}

// Time is the value of a Date.
func (r *runtime) Time(date ecmascript.Value) float64 {
	return number(r.must(r.native.getTime.Call(value(date))))
}

// NewObject makes an object.
func (r *runtime) NewObject() ecmascript.Value { return r.newObject() }

func (r *runtime) newObject() js.Value { return r.must(r.native.object.Call(js.Value{})) }

// bare makes an object without a prototype. Scripts cannot change what it is as a
// descriptor of a property.
func (r *runtime) bare() js.Value { return r.must(r.native.create.Call(js.Value{}, js.NullValue())) }

// NewArray makes an array.
func (r *runtime) NewArray(items []ecmascript.Value) ecmascript.Value {
	list := make([]js.Value, len(items))
	for i, e := range items {
		list[i] = value(e)
	}
	return r.newArray(list)
}

func (r *runtime) newArray(items []js.Value) js.Value {
	if len(items) == 1 && items[0].IsNumber() { // the constructor takes it for a length
		a := r.must(r.native.array.Call(js.Value{}))
		r.setMember(a, "0", items[0])
		return a
	}
	return r.must(r.native.array.Call(js.Value{}, items))
}

// NewDate makes a Date.
func (r *runtime) NewDate(ms float64) ecmascript.Value {
	return r.construct("Date", fromNumber(ms))
}

// construct calls a constructor as new does.
func (r *runtime) construct(name string, args ...js.Value) js.Value {
	if r.native.make.IsUndefined() {
		r.native.make = r.own("(function () { return function (C, n, a, b) { return n === 0 ? new C() : n === 1 ? new C(a) : new C(a, b) } })")
	}
	list := append([]js.Value{r.native.constructors[name], fromNumber(float64(len(args)))}, args...)
	return r.must(r.native.make.Call(js.Value{}, list))
}

// NewFunc makes a function of the host.
func (r *runtime) NewFunc(name string, f func([]ecmascript.Value) (ecmascript.Value, error)) ecmascript.Value {
	return r.NewMethod(name, func(_ ecmascript.Value, args []ecmascript.Value) (ecmascript.Value, error) { return f(args) })
}

// NewMethod makes a function of the host that is called on an object.
func (r *runtime) NewMethod(_ string, f func(ecmascript.Value, []ecmascript.Value) (ecmascript.Value, error)) ecmascript.Value {
	return r.function(func(call js.FunctionCall) js.Value {
		args := make([]ecmascript.Value, len(call.ArgumentList))
		for i, a := range call.ArgumentList {
			args[i] = a
		}
		v, err := f(call.This, args)
		if err != nil {
			if r.halted.Load() != nil {
				panic(haltValue)
			}
			if r.funcs == nil {
				r.funcs = map[string]error{}
			}
			r.funcs["Error: "+err.Error()] = err
			panic(r.exception("Error", err.Error()))
		}
		return r.fresh(value(v))
	})
}

// Call calls a function.
func (r *runtime) Call(f, this ecmascript.Value, args []ecmascript.Value) ecmascript.Value {
	r.makeInvoke()
	list := make([]js.Value, len(args))
	for i, a := range args {
		list[i] = value(a)
	}
	return r.call(value(f), value(this), list...)
}

// GlobalObject is the global object.
func (r *runtime) GlobalObject() ecmascript.Value { return r.global.Value() }

// SetMember sets an own property.
func (r *runtime) SetMember(obj ecmascript.Value, key string, v ecmascript.Value) {
	r.setMember(value(obj), key, value(v))
}

func (r *runtime) setMember(obj js.Value, key string, v js.Value) {
	o := obj.Object()
	if o == nil {
		return
	}
	if !r.careful() { // no script has put a setter anywhere
		r.set(o, key, v)
		return
	}
	r.set(r.native.data.Object(), "value", v)
	r.define(o, key, r.native.data)
}

// SetHidden sets an own property that is not enumerable.
func (r *runtime) SetHidden(obj ecmascript.Value, key string, v ecmascript.Value) {
	o := value(obj).Object()
	if o == nil {
		return
	}
	r.set(r.native.hidden.Object(), "value", value(v))
	r.define(o, key, r.native.hidden)
}
