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
// not in the table has not been touched, and none is enumerable by birth.

// globalLayout tells where goja keeps the properties of the global object; nil
// when it is not as it was when this was written.
var globalLayout = findGlobalLayout()

type objectLayout struct {
	self          []int        // of goja.Object: what it is
	kind          reflect.Type // that the global object is
	names, values []int        // of what that points to
	property      reflect.Type // of a value that has attributes
	enumerable    []int        // of what that points to
}

func findGlobalLayout() *objectLayout {
	g := goja.New().GlobalObject()
	if g.Get("NaN") == nil { // which makes it
		return nil
	}
	l := &objectLayout{}
	var ok bool
	o := reflect.ValueOf(g).Elem()
	if l.self, ok = fieldOf(o.Type(), "self", reflect.Interface); !ok {
		return nil
	}
	self := o.FieldByIndex(l.self).Elem()
	l.kind = self.Type()
	if l.kind.Kind() != reflect.Pointer {
		return nil
	}
	if l.names, ok = fieldOf(l.kind.Elem(), "propNames", reflect.Slice); !ok {
		return nil
	}
	if l.values, ok = fieldOf(l.kind.Elem(), "values", reflect.Map); !ok {
		return nil
	}
	name, values := reflect.TypeFor[unistring.String](), self.Elem().FieldByIndex(l.values)
	if self.Elem().FieldByIndex(l.names).Type().Elem() != name || values.Type() != reflect.MapOf(name, reflect.TypeFor[goja.Value]()) {
		return nil
	}
	nan := values.MapIndex(reflect.ValueOf(unistring.String("NaN")))
	if !nan.IsValid() || nan.Elem().Kind() != reflect.Pointer {
		return nil
	}
	l.property = nan.Elem().Type()
	if l.enumerable, ok = fieldOf(l.property.Elem(), "enumerable", reflect.Bool); !ok {
		return nil
	}
	return l
}

func fieldOf(t reflect.Type, name string, kind reflect.Kind) ([]int, bool) {
	if t.Kind() != reflect.Struct {
		return nil, false
	}
	f, ok := t.FieldByName(name)
	return f.Index, ok && f.Type.Kind() == kind
}

// namesOf lists the own enumerable properties of a global object in order, with room for
// some more.
func (l *objectLayout) namesOf(g *goja.Object, more int) []ecmascript.Binding {
	if l == nil {
		return listed(g)
	}
	self := reflect.ValueOf(g).Elem().FieldByIndex(l.self).Elem()
	if self.Type() != l.kind {
		return listed(g)
	}
	names, values := self.Elem().FieldByIndex(l.names), self.Elem().FieldByIndex(l.values)
	list := make([]ecmascript.Binding, 0, values.Len()+more)
	for i := range names.Len() {
		name := names.Index(i)
		v := values.MapIndex(name)
		if !v.IsValid() || v.IsNil() {
			continue
		}
		if v = v.Elem(); v.Type() == l.property && !v.Elem().FieldByIndex(l.enumerable).Bool() {
			continue
		}
		text := unistring.String(name.String()).String()
		if _, index := arrayIndex(text); index {
			return listed(g) // it is to be put in order
		}
		list = append(list, ecmascript.Binding{Name: text})
	}
	return list
}

// listed is namesOf as goja lists the names.
func listed(g *goja.Object) []ecmascript.Binding {
	keys := g.Keys()
	list := make([]ecmascript.Binding, len(keys))
	for i, k := range keys {
		list[i].Name = k
	}
	return list
}

// GlobalNames lists what the document declared.
func (r *realm) GlobalNames() []ecmascript.Binding {
	return append(globalLayout.namesOf(r.vm.GlobalObject(), len(r.lexical)), r.lexical...)
}
