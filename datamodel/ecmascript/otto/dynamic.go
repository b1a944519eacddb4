package otto

import (
	"slices"

	js "github.com/robertkrimen/otto"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// otto cannot be asked for a member when a script reads it, so that a Dynamic is
// an object with an accessor for each of its members.

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
	self    js.Value
	names   []string // accessors that the object has
	fixed   bool
}

// NewDynamic makes the object of a Dynamic.
func (r *runtime) NewDynamic(d ecmascript.Dynamic) ecmascript.Value {
	h := &holder{dynamic: d, self: r.newObject(), fixed: true}
	o := h.self.Object()
	hold := r.newObject()
	r.set(hold.Object(), "value", r.must(r.vm.ToValue(h)))
	r.define(o, holderName, hold)
	members, _ := d.(ecmascript.Members)
	if members != nil {
		h.fixed = members.Fixed()
	}
	h.names = d.Keys()
	for _, name := range h.names {
		r.define(o, name, r.getter(name, true))
	}
	if members != nil {
		for _, name := range members.Hidden() {
			if !slices.Contains(h.names, name) {
				r.define(o, name, r.getter(name, false))
			}
		}
	}
	if h.fixed {
		r.must(r.native.preventExtensions.Call(js.Value{}, h.self))
	}
	return h.self
}

// getter returns the descriptor of the accessor of a name.
func (r *runtime) getter(name string, enumerable bool) js.Value {
	key := name
	if !enumerable {
		key += "\x00"
	}
	d, ok := r.getters[key]
	if ok {
		return d
	}
	d = r.accessor(func(call js.FunctionCall) js.Value {
		h := r.holderOf(call.This)
		if h == nil {
			return js.Value{}
		}
		v, ok := h.dynamic.Get(name)
		if !ok {
			return js.Value{}
		}
		return r.fresh(value(v))
	}, enumerable, true)
	if len(r.getters) < maxGetters {
		r.getters[key] = d
	}
	return d
}

// fresh brings an object whose members change up to date before a script gets
// it, and returns it.
func (r *runtime) fresh(v js.Value) js.Value {
	h := r.holder(v)
	if h == nil || h.fixed {
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
			r.define(o, name, r.getter(name, true))
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
