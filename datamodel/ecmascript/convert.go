package ecmascript

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

// maxCopied is the number of values that one copy across the border may have.
const maxCopied = 1_000_000

// in copies a value into the runtime.
func (m *model) in(v datamodel.Value) (out Value, err error) {
	switch v.(type) {
	case nil, datamodel.Null, bool, float64, string:
		return m.inAt(v, 0)
	}
	err = m.rt.Protect(func() error {
		out, err = m.inAt(v, 0)
		return err
	})
	return out, err
}

func (m *model) inAt(v datamodel.Value, depth int) (Value, error) {
	if depth > datamodel.MaxDepth {
		return nil, fmt.Errorf("%w: more than %d levels", datamodel.ErrDepth, datamodel.MaxDepth)
	}
	switch v := v.(type) {
	case nil:
		return m.rt.Undefined(), nil
	case datamodel.Null:
		return m.rt.Null(), nil
	case bool:
		return m.rt.FromBool(v), nil
	case float64:
		return m.rt.FromNumber(v), nil
	case string:
		return m.rt.FromText(v), nil
	case time.Time:
		return m.rt.NewDate(milliseconds(v)), nil
	case []datamodel.Value:
		items := make([]Value, len(v))
		for i, e := range v {
			c, err := m.inAt(e, depth+1)
			if err != nil {
				return nil, err
			}
			items[i] = c
		}
		return m.rt.NewArray(items), nil
	case *datamodel.Object:
		o := m.rt.NewObject()
		for _, member := range v.Members() {
			c, err := m.inAt(member.Value, depth+1)
			if err != nil {
				return nil, err
			}
			m.rt.SetMember(o, member.Name, c)
		}
		return o, nil
	case datamodel.XML:
		return m.document(v.Text)
	case datamodel.HostObject:
		return m.hostObject("", v), nil
	case datamodel.Func:
		return m.function("", "", v), nil
	}
	return nil, fmt.Errorf("a Go %T is no value; see datamodel.From", v)
}

// milliseconds is the time value of a Date: whole milliseconds since 1970.
func milliseconds(t time.Time) float64 { return float64(t.UnixMilli()) }

// function makes a function that calls the host. path is that of the object that has
// it; empty where it is not known.
func (m *model) function(path, name string, f datamodel.Func) Value {
	return m.rt.NewFunc(name, func(args []Value) (result Value, err error) {
		if m.host.Called != nil || m.host.Returned != nil {
			full := name
			if path != "" {
				full = path + "." + name
			}
			if called := m.host.Called; called != nil {
				called(full)
			}
			if returned := m.host.Returned; returned != nil {
				defer returned(full)
			}
		}
		in := make([]datamodel.Value, len(args))
		for i, a := range args {
			if in[i], err = m.outAt(a, m.newOut()); err != nil {
				return nil, err
			}
		}
		out, err := callHost(name, f, in)
		if err != nil {
			return nil, err
		}
		return m.in(out)
	})
}

// callHost calls a function of the host; its panic is an error of the script.
func callHost(name string, f datamodel.Func, args []datamodel.Value) (out datamodel.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("host function %s panicked: %v", name, p)
		}
	}()
	return f(args)
}

// out copies a value out of the runtime in the manner of JSON: functions and
// symbols inside of it are left out, cycles are an error. A date becomes a
// time.Time, a piece of DOM becomes XML.
func (m *model) out(v Value) (out datamodel.Value, err error) {
	switch m.rt.Class(v) {
	case Undefined, Null, Boolean, Number:
		return m.outAt(v, nil)
	case String:
		return m.short(m.rt.Text(v))
	case Function, Symbol, BigInt:
		return nil, errors.New("a function, symbol or BigInt cannot leave the script")
	}
	m.arm()
	err = m.rt.Protect(func() error {
		out, err = m.outAt(v, m.newOut())
		return err
	})
	return out, err
}

// outState guards one copy.
type outState struct {
	m     *model
	path  []Value // the objects around the present one
	count int
	bytes int // see Options.MaxCopy
	polls int
}

func (m *model) newOut() *outState { return &outState{m: m} }

func (s *outState) enter(v Value) error {
	if len(s.path) >= datamodel.MaxDepth {
		return fmt.Errorf("%w: more than %d levels", datamodel.ErrDepth, datamodel.MaxDepth)
	}
	for _, p := range s.path {
		if p == v {
			return errors.New("cyclic data cannot leave the script")
		}
	}
	s.path = append(s.path, v)
	return nil
}

func (s *outState) leave() { s.path = s.path[:len(s.path)-1] }

func (s *outState) add(n int) error {
	if s.count += n; s.count > maxCopied {
		return fmt.Errorf("data of more than %d values cannot leave the script", maxCopied)
	}
	return s.size(n * valueSize)
}

// What counts for a value beside its text, and how often the clock is looked at.
const (
	valueSize = 8
	pollEach  = 256 << 10
)

// size counts bytes. It ends the copy when the time is over.
func (s *outState) size(n int) error {
	if s.bytes += n; s.bytes > s.m.lang.maxCopy {
		return fmt.Errorf("data of more than %d bytes cannot leave the script", s.m.lang.maxCopy)
	}
	if s.bytes >= s.polls {
		s.polls = s.bytes + pollEach
		return s.m.over()
	}
	return nil
}

func (s *outState) text(t string) (string, error) { return t, s.size(len(t)) }

// short checks a text that leaves the script on its own.
func (m *model) short(t string) (string, error) {
	if most := m.lang.maxCopy; len(t) > most {
		return "", fmt.Errorf("a text of %d bytes cannot leave the script, the limit is %d", len(t), most)
	}
	return t, nil
}

func (m *model) outAt(v Value, s *outState) (datamodel.Value, error) {
	switch class := m.rt.Class(v); class {
	case Undefined, Function, Symbol:
		return nil, nil
	case Null:
		return datamodel.Null{}, nil
	case Boolean:
		return m.rt.Bool(v), nil
	case Number:
		return m.rt.Number(v), nil
	case String:
		return s.text(m.rt.Text(v))
	case BigInt:
		return nil, errors.New("a BigInt cannot leave the script")
	case Date:
		ms := m.rt.Time(v)
		if math.IsNaN(ms) {
			return datamodel.Null{}, nil
		}
		return time.UnixMilli(int64(ms)).UTC(), nil
	case BooleanObject, NumberObject, StringObject:
		var shape Shape
		if err := m.rt.Inspect(v, &shape); err != nil {
			return nil, err
		}
		switch class {
		case BooleanObject:
			return shape.Bool, nil
		case NumberObject:
			return shape.Number, nil
		}
		return s.text(shape.Text)
	case Array, TypedArray:
		return m.outArray(v, s)
	case DynamicObject:
		switch d := m.rt.DynamicOf(v).(type) {
		case *domNode:
			if d.kind == attributeNode || d.kind == textNode {
				return s.text(d.text)
			}
			t, err := s.text(d.xml())
			return datamodel.XML{Text: t}, err
		case *domList:
			return m.outNodes(d, s)
		}
	}
	return m.outObject(v, s)
}

func (m *model) outArray(v Value, s *outState) (datamodel.Value, error) {
	if err := s.enter(v); err != nil {
		return nil, err
	}
	defer s.leave()
	n := m.rt.Length(v)
	if err := s.add(n); err != nil {
		return nil, err
	}
	out := make([]datamodel.Value, n)
	for i := range out {
		var err error
		if out[i], err = m.outAt(m.rt.Index(v, i), s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (m *model) outObject(v Value, s *outState) (datamodel.Value, error) {
	if err := s.enter(v); err != nil {
		return nil, err
	}
	defer s.leave()
	keys := m.rt.Keys(v)
	if err := s.add(len(keys)); err != nil {
		return nil, err
	}
	out := datamodel.NewObject()
	for _, k := range keys {
		if err := s.size(len(k)); err != nil {
			return nil, err
		}
		member := m.rt.Get(v, k)
		if c := m.rt.Class(member); c == Function || c == Symbol {
			continue
		}
		c, err := m.outAt(member, s)
		if err != nil {
			return nil, err
		}
		out.Set(k, c)
	}
	return out, nil
}

func (m *model) outNodes(l *domList, s *outState) (datamodel.Value, error) {
	if err := s.add(len(l.nodes)); err != nil {
		return nil, err
	}
	out := make([]datamodel.Value, len(l.nodes))
	for i, n := range l.nodes {
		var err error
		if out[i], err = m.outAt(n.object(), s); err != nil {
			return nil, err
		}
	}
	return out, nil
}
