package goja

import (
	"reflect"

	"github.com/dop251/goja"
	"github.com/dop251/goja/unistring"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// The built-ins of a runtime are made when they are used. goja has no way to list the
// own properties of the global object that does not make them all, which takes longer
// than all the rest of the snapshot of a common session and leaves 170 KB in it. So its
// list of names and its table of values are read where they are. A built-in that is
// not in the table has not been touched, and none is enumerable by birth. The
// names of ordinary objects and functions, which come to most of a snapshot, are read
// likewise.

// inside tells where goja keeps the properties of objects. What it does not tell, since
// goja is not as it was when this was written, is asked from goja.
var inside = findInside()

type insides struct {
	self       []int        // of goja.Object: what it is
	property   reflect.Type // of a value that has attributes
	enumerable []int        // of what that points to
	kinds      map[reflect.Type]propertyTable
}

// propertyTable are fields of what a kind of object points to: the names of properties in
// order, and their values by name.
type propertyTable struct{ names, values []int }

func findInside() *insides {
	l := &insides{kinds: map[reflect.Type]propertyTable{}}
	var ok bool
	if l.self, ok = fieldOf(reflect.TypeFor[goja.Object](), "self", reflect.Interface); !ok {
		return l
	}
	vm := goja.New()
	global := vm.GlobalObject()
	if global.Get("NaN") == nil { // which makes it
		return l
	}
	table, ok := tableOf(l.at(global).Type())
	if !ok {
		return l
	}
	nan := l.at(global).Elem().FieldByIndex(table.values).MapIndex(reflect.ValueOf(unistring.String("NaN")))
	if !nan.IsValid() || nan.Elem().Kind() != reflect.Pointer {
		return l
	}
	l.property = nan.Elem().Type()
	if l.enumerable, ok = fieldOf(l.property.Elem(), "enumerable", reflect.Bool); !ok {
		return l
	}
	l.kinds[l.at(global).Type()] = table
	for _, text := range []string{"({})", "(function () {})", "(() => 1)", "({m() {}}).m"} {
		v, err := vm.RunString(text)
		if err != nil {
			continue
		}
		kind := l.at(v.(*goja.Object)).Type()
		if table, ok := tableOf(kind); ok {
			l.kinds[kind] = table
		}
	}
	return l
}

// at is what an object is: a pointer.
func (l *insides) at(o *goja.Object) reflect.Value {
	return reflect.ValueOf(o).Elem().FieldByIndex(l.self).Elem()
}

func tableOf(kind reflect.Type) (t propertyTable, ok bool) {
	if kind.Kind() != reflect.Pointer {
		return t, false
	}
	name := reflect.TypeFor[unistring.String]()
	if t.names, ok = fieldOf(kind.Elem(), "propNames", reflect.Slice); !ok || kind.Elem().FieldByIndex(t.names).Type.Elem() != name {
		return t, false
	}
	t.values, ok = fieldOf(kind.Elem(), "values", reflect.Map)
	return t, ok && kind.Elem().FieldByIndex(t.values).Type == reflect.MapOf(name, reflect.TypeFor[goja.Value]())
}

func fieldOf(t reflect.Type, name string, kind reflect.Kind) ([]int, bool) {
	if t.Kind() != reflect.Struct {
		return nil, false
	}
	f, ok := t.FieldByName(name)
	return f.Index, ok && f.Type.Kind() == kind
}

// tables returns the names and values of the properties of an object; false when they
// have to be asked from goja.
func (l *insides) tables(o *goja.Object) (names, values reflect.Value, ok bool) {
	if len(l.kinds) == 0 {
		return names, values, false
	}
	self := l.at(o)
	table, ok := l.kinds[self.Type()]
	if !ok {
		return names, values, false
	}
	return self.Elem().FieldByIndex(table.names), self.Elem().FieldByIndex(table.values), true
}

// has reports whether an object has a property of its own that has been made already:
// functions make their prototype when it is asked for. Of kinds that are not known it
// does.
func (l *insides) has(o *goja.Object, name unistring.String) bool {
	_, values, ok := l.tables(o)
	return !ok || values.MapIndex(reflect.ValueOf(name)).IsValid()
}

// keys lists the own enumerable properties of an object in order.
func (l *insides) keys(o *goja.Object) []string {
	names, values, ok := l.tables(o)
	if !ok {
		return o.Keys()
	}
	var keys []string
	for i := range names.Len() {
		name := names.Index(i)
		v := values.MapIndex(name)
		if !v.IsValid() || v.IsNil() {
			continue
		}
		if v = v.Elem(); v.Type() == l.property && !v.Elem().FieldByIndex(l.enumerable).Bool() {
			continue
		}
		key := unistring.String(name.String()).String()
		if _, index := arrayIndex(key); index {
			return o.Keys() // they are to be put in order
		}
		if keys == nil {
			keys = make([]string, 0, min(names.Len(), values.Len()))
		}
		keys = append(keys, key)
	}
	return keys
}

// GlobalNames lists what the document declared.
func (r *realm) GlobalNames() []ecmascript.Binding {
	keys := inside.keys(r.vm.GlobalObject())
	list := make([]ecmascript.Binding, len(keys), len(keys)+len(r.lexical))
	for i, k := range keys {
		list[i].Name = k
	}
	return append(list, r.lexical...)
}
