package scxmltest

import (
	"strconv"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
)

// equal compares data; the order of members does not matter.
func equal(a, b datamodel.Value) bool {
	switch a := a.(type) {
	case *datamodel.Object:
		b, ok := b.(*datamodel.Object)
		return ok && a.Len() == b.Len() && contains(a, b)
	case []datamodel.Value:
		b, ok := b.([]datamodel.Value)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	}
	return datamodel.Equal(a, b)
}

// contains reports whether o has all members of want.
func contains(o, want *datamodel.Object) bool {
	for _, m := range want.Members() {
		v, ok := o.Get(m.Name)
		if !ok || !equal(v, m.Value) {
			return false
		}
	}
	return true
}

// matches reports whether data is what is wanted: of an object the members that
// are named, at any depth given as a path in the name.
func matches(data, want datamodel.Value) bool {
	o, ok := want.(*datamodel.Object)
	if !ok {
		return equal(data, want)
	}
	for _, m := range o.Members() {
		v, ok := Lookup(data, m.Name)
		if !ok || !matches(v, m.Value) {
			return false
		}
	}
	return true
}

// Lookup finds a part of data by a path of names and numbers with points between
// them: "customer.orders.0.id". The name as a whole is tried first. Where a list is
// and no number is given, its first item is meant.
func Lookup(data datamodel.Value, path string) (datamodel.Value, bool) {
	if o, ok := data.(*datamodel.Object); ok {
		if v, ok := o.Get(path); ok {
			return v, true
		}
	}
	for path != "" {
		step, rest, _ := strings.Cut(path, ".")
		switch v := data.(type) {
		case *datamodel.Object:
			var ok bool
			if data, ok = v.Get(step); !ok {
				return nil, false
			}
			path = rest
		case []datamodel.Value:
			i, err := strconv.Atoi(step)
			if err == nil {
				path = rest
			}
			if i < 0 || i >= len(v) {
				return nil, false
			}
			data = v[i]
		default:
			return nil, false
		}
	}
	return data, true
}

// text is a value as it is shown.
func text(v datamodel.Value) string {
	if v == nil {
		return "undefined"
	}
	return string(datamodel.EncodeJSON(v))
}
