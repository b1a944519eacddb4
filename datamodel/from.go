package datamodel

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// MaxDepth is the deepest nesting of arrays and objects that From, ReadValue
// and the data models accept.
const MaxDepth = 1000

// ErrDepth: data nested deeper than MaxDepth, or than the limit that was given.
var ErrDepth = errors.New("datamodel: data nested too deeply")

// From turns an ordinary Go value into a Value and copies it all the way down.
// A nil interface is undefined at the top and [Null] inside arrays, maps and
// objects. Numbers of every kind, json.Number, strings, []byte (as a string),
// time.Time, slices and maps with string keys of the usual element types are
// accepted; the members of a map come in the order of their names. Values that
// are canonical already, host objects and functions pass. Anything else is an
// error that names its path.
func From(v any) (Value, error) {
	if v == nil {
		return nil, nil
	}
	return from(v, "value", 0)
}

func from(v any, path string, depth int) (Value, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: %s has more than %d levels", ErrDepth, shorten(path, 80), MaxDepth)
	}
	switch v := v.(type) {
	case nil:
		return Null{}, nil
	case Null, bool, float64, string, time.Time, XML, HostObject, Func:
		return v, nil
	case *Null:
		return Null{}, nil
	case []byte:
		return string(v), nil
	case float32:
		return float64(v), nil
	case int:
		return float64(v), nil
	case int8:
		return float64(v), nil
	case int16:
		return float64(v), nil
	case int32:
		return float64(v), nil
	case int64:
		return float64(v), nil
	case uint:
		return float64(v), nil
	case uint8:
		return float64(v), nil
	case uint16:
		return float64(v), nil
	case uint32:
		return float64(v), nil
	case uint64:
		return float64(v), nil
	case json.Number:
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil && !math.IsInf(f, 0) {
			return nil, fmt.Errorf("datamodel: %s: %q is not a number", path, string(v))
		}
		return f, nil
	case *Object:
		if v == nil {
			return Null{}, nil
		}
		o := &Object{members: make([]Member, 0, v.Len())}
		for _, m := range v.Members() {
			c, err := fromMember(m.Value, path, m.Name, depth)
			if err != nil {
				return nil, err
			}
			o.Set(m.Name, c)
		}
		return o, nil
	case []any:
		return fromSlice(v, path, depth)
	case []string:
		return fromSlice(v, path, depth)
	case []float64:
		return fromSlice(v, path, depth)
	case []int:
		return fromSlice(v, path, depth)
	case []bool:
		return fromSlice(v, path, depth)
	case []map[string]any:
		return fromSlice(v, path, depth)
	case map[string]any:
		return fromMap(v, path, depth)
	case map[string]string:
		return fromMap(v, path, depth)
	case map[string]float64:
		return fromMap(v, path, depth)
	case map[string]int:
		return fromMap(v, path, depth)
	case map[string]bool:
		return fromMap(v, path, depth)
	case map[string][]string:
		return fromMap(v, path, depth)
	}
	return nil, fmt.Errorf("datamodel: %s: a Go %T has no form as data; use maps, slices, strings, numbers", path, v)
}

// fromMember keeps undefined apart from null inside canonical objects.
func fromMember(v Value, path, name string, depth int) (Value, error) {
	if v == nil {
		return nil, nil
	}
	return from(v, path+"."+name, depth+1)
}

func fromSlice[T any](s []T, path string, depth int) (Value, error) {
	out := make([]Value, len(s))
	for i, e := range s {
		c, err := from(e, path+"["+strconv.Itoa(i)+"]", depth+1)
		if err != nil {
			return nil, err
		}
		out[i] = c
	}
	return out, nil
}

func fromMap[T any](m map[string]T, path string, depth int) (Value, error) {
	o := &Object{members: make([]Member, 0, len(m))}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		c, err := from(m[k], path+"."+k, depth+1)
		if err != nil {
			return nil, err
		}
		o.Set(k, c)
	}
	return o, nil
}

// Equal reports whether two Values are the same data: same forms, same numbers
// (NaN equals NaN, 0 does not equal -0), same members in the same order, times
// of the same instant. Host objects are equal when they are identical;
// functions are never equal.
func Equal(a, b Value) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case float64:
		b, ok := b.(float64)
		return ok && (math.Float64bits(a) == math.Float64bits(b) || a != a && b != b)
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b)
	case []Value:
		b, ok := b.([]Value)
		return ok && slices.EqualFunc(a, b, Equal)
	case *Object:
		b, ok := b.(*Object)
		return ok && slices.EqualFunc(a.Members(), b.Members(), func(x, y Member) bool {
			return x.Name == y.Name && Equal(x.Value, y.Value)
		})
	case Func:
		return false
	case Null, bool, string, XML:
		return a == b
	case HostObject:
		b, ok := b.(HostObject)
		return ok && a == b
	}
	return false
}
