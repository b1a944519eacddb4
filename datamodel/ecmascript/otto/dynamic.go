package otto

import (
	"slices"

	js "github.com/robertkrimen/otto"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// otto cannot be asked for a member when a script reads it, so that a Dynamic is
// an object with an accessor for each of its keys. What it has beside these is
// found through its prototype, which has a hidden accessor for each of Hidden and
// for the names that programs of the session mention below a read-only name. The
// setters refuse to create members.

// holderName is the hidden property of such an object that holds the Dynamic. A
// script can find it and sees an empty object.
const holderName = "%dynamic"

// maxGetters is the number of names whose accessors are shared by all objects of
// a session.
const maxGetters = 512

// holder is what stands behind the object of a Dynamic. It has no exported
// members: otto offers those to scripts.
type holder struct {
	dynamic ecmascript.Dynamic
	list    ecmascript.List // it is an array; dynamic is nil
	self    js.Value
	names   []string // accessors that the object has
	fixed   bool
}

// NewDynamic makes the object of a Dynamic.
func (r *runtime) NewDynamic(d ecmascript.Dynamic) ecmascript.Value {
	if r.named.IsUndefined() {
		r.named = r.newObject()
		for _, c := range r.met {
			r.nameBelow(c)
		}
	}
	listed, _ := d.(ecmascript.Listed)
	if listed != nil {
		for _, name := range listed.Hidden() {
			r.name(name)
		}
	}
	w, _ := d.(ecmascript.Writable)
	proto := r.named
	if w != nil {
		proto = r.native.prototypes["Object"] // all members are its own
	}
	h := &holder{
		dynamic: d,
		self:    r.must(r.native.create.Call(js.Value{}, proto)),
		names:   d.Keys(),
		fixed:   listed != nil && listed.Fixed(),
	}
	o := h.self.Object()
	hold := r.bare()
	r.set(hold.Object(), "value", r.must(r.vm.ToValue(h)))
	r.define(o, holderName, hold)
	for _, name := range h.names {
		if w != nil {
			r.define(o, name, r.writable(w, name))
		} else {
			r.define(o, name, r.getter(name))
		}
	}
	if h.fixed {
		r.must(r.native.preventExtensions.Call(js.Value{}, h.self))
	}
	return h.self
}

// name gives the prototype a name.
func (r *runtime) name(name string) {
	if r.names[name] {
		return
	}
	if r.names == nil {
		r.names = map[string]bool{}
	}
	r.names[name] = true
	// What every object has stays as it is.
	if v, err := r.native.prototypes["Object"].Object().Get(name); err == nil && v.IsUndefined() {
		r.define(r.named.Object(), name, r.accessor(func(call js.FunctionCall) js.Value { return r.read(call.This, name) }, false, false))
	}
}

// nameBelow gives the prototype the names that a program mentions below a
// read-only name. What is below the members of _event is ordinary data.
func (r *runtime) nameBelow(c *code) {
	for _, m := range c.below {
		if r.isReadOnly(m.root) && (m.depth == 1 || m.root != "_event") {
			r.name(m.name)
		}
	}
}

// read reads a member of a Dynamic.
func (r *runtime) read(object js.Value, name string) js.Value {
	h := r.holderOf(object)
	if h == nil {
		return js.Value{}
	}
	v, ok := h.dynamic.Get(name)
	if !ok {
		return js.Value{}
	}
	return r.fresh(value(v))
}

// getter returns the descriptor of the accessor of a key.
func (r *runtime) getter(name string) js.Value {
	d, ok := r.getters[name]
	if ok {
		return d
	}
	d = r.accessor(func(call js.FunctionCall) js.Value { return r.read(call.This, name) }, true, true)
	if len(r.getters) < maxGetters {
		r.getters[name] = d
	}
	return d
}

// writable returns the descriptor of the accessor of a member that can be written.
// Members that scripts add are ordinary properties of the object.
func (r *runtime) writable(w ecmascript.Writable, name string) js.Value {
	d := r.accessor(func(js.FunctionCall) js.Value {
		v, _ := w.Get(name)
		return r.fresh(value(v))
	}, true, false)
	r.set(d.Object(), "set", r.function(func(call js.FunctionCall) js.Value {
		if err := w.Set(name, call.Argument(0)); err != nil {
			panic(r.vm.MakeTypeError(err.Error()))
		}
		return js.Value{}
	}))
	return d
}

// lenient reports whether sloppy mode code may try to write.
func (h *holder) lenient() bool {
	if h.list != nil {
		return h.list.Lenient()
	}
	l, ok := h.dynamic.(ecmascript.Lenient)
	return ok && l.Lenient()
}

func (h *holder) writable() bool {
	_, ok := h.dynamic.(ecmascript.Writable)
	return ok
}

// fresh brings an object whose keys change up to date before a script gets it,
// and returns it.
func (r *runtime) fresh(v js.Value) js.Value {
	h := r.holder(v)
	if h == nil || h.fixed || h.writable() {
		return v
	}
	names := h.dynamic.Keys()
	if slices.Equal(names, h.names) {
		return v
	}
	o := v.Object()
	for _, name := range h.names {
		if !slices.Contains(names, name) {
			r.must(r.native.remove.Call(js.Value{}, v, name))
		}
	}
	for _, name := range names {
		if !slices.Contains(h.names, name) {
			r.define(o, name, r.getter(name))
		}
	}
	h.names = slices.Clone(names)
	return v
}

// holder returns what stands behind an object itself.
func (r *runtime) holder(v js.Value) *holder {
	h := r.holderOf(v)
	if h == nil || h.self != v {
		return nil
	}
	return h
}

// holderOf returns what stands behind an object or behind one that it inherits
// from. Nothing that a script can put there does harm: only an object without
// members is converted.
func (r *runtime) holderOf(v js.Value) *holder {
	o := v.Object()
	if o == nil {
		return nil
	}
	hold, err := o.Get(holderName)
	if err != nil || !hold.IsObject() || hold.Class() != "Object" || len(hold.Object().Keys()) > 0 {
		return nil
	}
	e, _ := hold.Export()
	h, _ := e.(*holder)
	return h
}

// DynamicOf returns the Dynamic behind an object.
func (r *runtime) DynamicOf(v ecmascript.Value) ecmascript.Dynamic {
	if h := r.holder(value(v)); h != nil {
		return h.dynamic
	}
	return nil
}

// NewList makes a read-only array.
func (r *runtime) NewList(l ecmascript.List) ecmascript.Value {
	items := make([]js.Value, l.Len())
	for i := range items {
		items[i] = value(l.Item(i))
	}
	h := &holder{list: l, self: r.newArray(items), fixed: true}
	hold := r.bare()
	r.set(hold.Object(), "value", r.must(r.vm.ToValue(h)))
	r.define(h.self.Object(), holderName, hold)
	r.must(r.native.freeze.Call(js.Value{}, h.self))
	return h.self
}

// ListOf returns the List behind an array.
func (r *runtime) ListOf(v ecmascript.Value) ecmascript.List {
	if h := r.holder(value(v)); h != nil {
		return h.list
	}
	return nil
}

// in is the operator of that name.
func (r *runtime) in(call js.FunctionCall) js.Value {
	key, o := call.Argument(0), call.Argument(1)
	if h := r.holder(o); h != nil && h.list == nil && !h.writable() {
		name := r.text(key)
		if _, ok := h.dynamic.Get(name); ok {
			return js.TrueValue()
		}
		return r.must(r.native.in.Call(js.Value{}, key, r.native.prototypes["Object"]))
	}
	return r.must(r.native.in.Call(js.Value{}, key, o))
}

// remove is the operator delete.
func (r *runtime) remove(call js.FunctionCall) js.Value {
	o, key, strict := call.Argument(0), call.Argument(1), call.Argument(2)
	if h := r.holder(o); h != nil && !h.writable() {
		if h.lenient() && !truth(strict) {
			return js.FalseValue()
		}
		panic(r.vm.MakeTypeError("the members of the object are read-only"))
	}
	deleted := r.must(r.native.remove.Call(js.Value{}, o, key))
	if !truth(deleted) && truth(strict) {
		panic(r.vm.MakeTypeError("the member cannot be deleted"))
	}
	return deleted
}
