package ecmascript

import (
	"errors"
	"fmt"
	"slices"
)

// dataName is the object with all data items (datamodel.Legacy).
const dataName = "_data"

// dataRoot is the value of _data. Its members are the variables of the data
// items, and what scripts add to it.
type dataRoot struct {
	m     *model
	items []string
	more  Value    // an object with what scripts added; nil: nothing
	added []string // its names, in order
}

var _ Writable = (*dataRoot)(nil)

// item reports whether a member is a variable.
func (d *dataRoot) item(name string) bool { return slices.Contains(d.items, name) }

// Get returns a member.
func (d *dataRoot) Get(name string) (Value, bool) {
	if d.item(name) {
		v, ok := d.m.rt.Global(name)
		if !ok {
			v = d.m.rt.Undefined()
		}
		return v, true
	}
	if slices.Contains(d.added, name) {
		return d.m.rt.Get(d.more, name), true
	}
	return nil, false
}

// Keys lists the members: the data items in the order of the document, then what
// scripts added.
func (d *dataRoot) Keys() []string { return slices.Concat(d.items, d.added) }

// maxAdded is the number of members that scripts may add to _data.
const maxAdded = 10_000

// Set writes a member.
func (d *dataRoot) Set(name string, v Value) error {
	if d.item(name) {
		return d.m.rt.SetGlobal(name, v)
	}
	if !slices.Contains(d.added, name) {
		if len(d.added) >= maxAdded {
			return fmt.Errorf("_data has more than %d members", maxAdded)
		}
		d.added = append(d.added, name)
	}
	if d.more == nil {
		d.more = d.m.rt.NewObject()
	}
	d.m.rt.SetMember(d.more, name, v)
	return nil
}

// Delete removes what a script added.
func (d *dataRoot) Delete(name string) error {
	if d.item(name) {
		return errors.New(name + " is a data item and cannot be deleted")
	}
	if i := slices.Index(d.added, name); i >= 0 {
		d.added = slices.Delete(d.added, i, i+1)
		d.m.rt.SetMember(d.more, name, d.m.rt.Undefined())
	}
	return nil
}

// dataObject returns the one object _data.
func (s *scope) dataRoot() Value {
	if s.data == nil {
		s.data = s.m.rt.NewDynamic(&dataRoot{m: s.m, items: s.m.host.Legacy.Data})
	}
	return s.data
}
