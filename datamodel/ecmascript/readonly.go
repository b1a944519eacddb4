package ecmascript

import "github.com/seed-ff723688/ors/datamodel"

// What scripts read in _event, _x and _ioprocessors is read-only all the way down.
// It is made when it is read for the first time, and stays the same object.

// fixed copies a value into the runtime as read-only data.
func (m *model) fixed(v datamodel.Value) Value {
	switch v := v.(type) {
	case *datamodel.Object:
		return m.rt.NewDynamic(&dataObject{m: m, data: v})
	case []datamodel.Value:
		return m.rt.NewList(&dataList{m: m, data: v})
	}
	e, err := m.in(v)
	if err != nil {
		return m.rt.Undefined()
	}
	return e
}

// lenient reports whether writing to read-only data is ignored.
func (m *model) lenient() bool { return m.host.Legacy != nil }

// dataObject is a read-only object.
type dataObject struct {
	m       *model
	data    *datamodel.Object // nil: all there is are members
	names   []string          // of members, when data is nil
	members map[string]Value  // those that are no primitive values
}

var _ Lenient = (*dataObject)(nil)

func (o *dataObject) Get(name string) (Value, bool) {
	if v, ok := o.members[name]; ok {
		return v, true
	}
	if o.data == nil {
		return nil, false
	}
	d, ok := o.data.Get(name)
	if !ok {
		return nil, false
	}
	v := o.m.fixed(d)
	switch d.(type) {
	case nil, datamodel.Null, bool, float64, string:
		return v, true
	}
	if o.members == nil {
		o.members = map[string]Value{}
	}
	o.members[name] = v
	return v, true
}

func (o *dataObject) Keys() []string {
	if o.data == nil {
		return o.names
	}
	return memberNames(o.data)
}

func (o *dataObject) Lenient() bool { return o.m.lenient() }

// dataList is a read-only array.
type dataList struct {
	m     *model
	data  []datamodel.Value
	items []Value // made when they are read
}

var _ List = (*dataList)(nil)

func (l *dataList) Len() int { return max(len(l.data), len(l.items)) }

func (l *dataList) Item(i int) Value {
	if l.items == nil {
		l.items = make([]Value, len(l.data))
	}
	if l.items[i] == nil {
		l.items[i] = l.m.fixed(l.data[i])
	}
	return l.items[i]
}

func (l *dataList) Lenient() bool { return l.m.lenient() }
