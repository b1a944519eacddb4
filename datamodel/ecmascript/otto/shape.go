package otto

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	js "github.com/robertkrimen/otto"

	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// maxSource is the length of the text of a function in a snapshot, and of text
// that scripts hand to eval and Function.
const maxSource = 1 << 20

// implied are the own properties that objects of a class have by themselves.
var implied = map[ecmascript.Class][]string{
	ecmascript.Array:        {"length"},
	ecmascript.Function:     {"length", "name", "caller", "arguments", "prototype"},
	ecmascript.RegExp:       {"global", "ignoreCase", "multiline", "lastIndex", "source"},
	ecmascript.Error:        {"stack"},
	ecmascript.StringObject: {"length"},
}

// Inspect describes an object in s.
func (r *runtime) Inspect(obj ecmascript.Value, s *ecmascript.Shape) error {
	v := value(obj)
	o := v.Object()
	if o == nil {
		return errors.New("it is not an object")
	}
	*s = ecmascript.Shape{Class: r.Class(v), Props: s.Props[:0]}
	if err := r.inspectPrototype(v, s); err != nil {
		return err
	}
	if r.careful() && !truth(r.must(r.native.extensible.Call(js.Value{}, v))) {
		return errors.New("it is frozen, sealed or not extensible")
	}
	switch s.Class {
	case ecmascript.Object:
		if c := v.Class(); c != "Object" {
			return fmt.Errorf("it is a built-in object (%s)", c)
		}
	case ecmascript.Array:
		s.Length = r.Length(v)
	case ecmascript.Function:
		if err := r.inspectFunction(v, s); err != nil {
			return err
		}
	case ecmascript.Date:
		s.Number = r.Time(v)
	case ecmascript.RegExp:
		s.Text = r.text(r.member(o, "source"))
		for _, f := range []struct{ name, flag string }{{"global", "g"}, {"ignoreCase", "i"}, {"multiline", "m"}} {
			if truth(r.member(o, f.name)) {
				s.Flags += f.flag
			}
		}
		s.Number = number(r.member(o, "lastIndex"))
	case ecmascript.BooleanObject:
		s.Bool = truth(r.must(r.native.boolValue.Call(v)))
	case ecmascript.NumberObject:
		s.Number = number(r.must(r.native.numberValue.Call(v)))
	case ecmascript.StringObject:
		s.Text = r.text(r.must(r.native.textValue.Call(v)))
	}
	return r.inspectProps(v, s)
}

func (r *runtime) inspectPrototype(v js.Value, s *ecmascript.Shape) error {
	p := r.must(r.native.prototypeOf.Call(js.Value{}, v))
	switch {
	case s.Class == ecmascript.Error:
		for _, name := range errorNames {
			if p == r.native.prototypes[name] {
				s.Text = name
				return nil
			}
		}
	case s.Class == ecmascript.Object && p.IsNull():
		s.NullProt = true
		return nil
	case s.Class == ecmascript.Object:
		if p == r.native.prototypes["Object"] || v.Class() != "Object" {
			return nil
		}
	case p == r.native.prototypes[v.Class()]:
		return nil
	}
	return errors.New("it has a prototype of its own")
}

func (r *runtime) inspectFunction(v js.Value, s *ecmascript.Shape) error {
	s.Text = r.text(r.must(r.native.functionText.Call(v)))
	s.Written = r.authors[s.Text]
	if strings.HasSuffix(s.Text, "{ [native code] }") {
		return errors.New("it is a built-in, bound or host function")
	}
	if r.many {
		return errors.New("the session has made too many functions that cannot be saved to tell them apart")
	}
	if why := r.captures[s.Text]; why != "" {
		return errors.New(why)
	}
	s.Strict = strings.Contains(s.Text, "use strict")
	if s.Strict {
		var err error
		if s.Strict, err = strictFunction(s.Text); err != nil {
			return err
		}
	}
	p := r.get(v, "prototype")
	if names := r.ownNames(p); p.IsObject() && (len(names) != 1 || names[0] != "constructor" || r.get(p, "constructor") != v) {
		return errors.New("its prototype has members")
	}
	return nil
}

// ownNames lists all own properties.
func (r *runtime) ownNames(v js.Value) []string {
	if !v.IsObject() {
		return nil
	}
	list := r.must(r.native.ownNames.Call(js.Value{}, v))
	names := make([]string, r.Length(list))
	for i := range names {
		names[i] = r.text(r.get(list, strconv.Itoa(i)))
	}
	return names
}

func (r *runtime) inspectProps(v js.Value, s *ecmascript.Shape) error {
	names := v.Object().Keys()
	careful := r.careful() || s.Class == ecmascript.Error
	if careful { // there may be properties of other kinds
		names = r.ownNames(v)
	}
	skip := implied[s.Class]
	dense := s.Class == ecmascript.Array && s.Length <= 2*len(names)+8
	if dense {
		s.Items = make([]ecmascript.Value, s.Length)
	}
	for _, name := range names {
		if slices.Contains(skip, name) {
			continue
		}
		index := -1
		if s.Class == ecmascript.Array || s.Class == ecmascript.StringObject {
			index = arrayIndex(name)
		}
		if index >= 0 && s.Class == ecmascript.StringObject {
			continue
		}
		p := ecmascript.Property{Name: name}
		if s.Class == ecmascript.Error && name == "message" {
			p.Hidden = true // otto makes it enumerable
		}
		if !careful {
			p.Value = r.get(v, name)
		} else {
			d := r.must(r.native.descriptor.Call(js.Value{}, v, name))
			if r.get(d, "get").IsDefined() || r.get(d, "set").IsDefined() {
				return fmt.Errorf("its member %q is an accessor", name)
			}
			if !truth(r.get(d, "writable")) || !truth(r.get(d, "configurable")) || !p.Hidden && !truth(r.get(d, "enumerable")) {
				return fmt.Errorf("its member %q is read-only or hidden", name)
			}
			p.Value = r.get(d, "value")
		}
		switch {
		case s.Class == ecmascript.Error && name == "name" && r.text(value(p.Value)) == s.Text:
		case dense && index >= 0 && index < s.Length:
			s.Items[index] = p.Value
		default:
			s.Props = append(s.Props, p)
		}
	}
	return nil
}

// arrayIndex is the index that a property name stands for; -1 when it is none.
func arrayIndex(name string) int {
	if len(name) > 10 || name == "" || name[0] == '0' && name != "0" {
		return -1
	}
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return -1
	}
	return int(n)
}

// Build makes an object from a Shape.
func (r *runtime) Build(s *ecmascript.Shape) (ecmascript.Value, error) {
	switch s.Class {
	case ecmascript.Object:
		o := r.newObject()
		if s.NullProt {
			o = r.bare()
		}
		return o, nil
	case ecmascript.Array:
		a := r.newArray(nil)
		r.set(a.Object(), "length", fromNumber(float64(s.Length)))
		return a, nil
	case ecmascript.Function:
		return r.buildFunction(s)
	case ecmascript.Date:
		return r.NewDate(s.Number), nil
	case ecmascript.RegExp:
		v := r.construct("RegExp", fromText(s.Text), fromText(s.Flags))
		r.set(v.Object(), "lastIndex", fromNumber(s.Number))
		return v, nil
	case ecmascript.Error:
		if !slices.Contains(errorNames, s.Text) {
			return nil, fmt.Errorf("the otto engine has no %q", s.Text)
		}
		return r.construct(s.Text), nil
	case ecmascript.BooleanObject:
		return r.construct("Boolean", boolean(s.Bool)), nil
	case ecmascript.NumberObject:
		return r.construct("Number", fromNumber(s.Number)), nil
	case ecmascript.StringObject:
		return r.construct("String", fromText(s.Text)), nil
	case ecmascript.Map, ecmascript.Set:
		return nil, errors.New("the otto engine has no Map and Set")
	case ecmascript.ArrayBuffer, ecmascript.TypedArray:
		return nil, errors.New("the otto engine has no typed arrays")
	}
	return nil, fmt.Errorf("no object can be made of class %d", s.Class)
}

// ConstructorOf returns nil: prototypes are not saved.
func (r *runtime) ConstructorOf(ecmascript.Value) ecmascript.Value { return nil }

// SetProto fails.
func (r *runtime) SetProto(_, _ ecmascript.Value) error {
	return errors.New("the otto engine does not restore objects made by new")
}

// AddItem is never called: there is no Map and no Set.
func (r *runtime) AddItem(_, _, _ ecmascript.Value) {}

func (r *runtime) buildFunction(s *ecmascript.Shape) (ecmascript.Value, error) {
	if s.Program != nil {
		return r.buildPiece(s)
	}
	if err := ecmascript.CheckSource(s.Text, maxSource); err != nil {
		return nil, err
	}
	if _, err := strictFunction(s.Text); err != nil {
		return nil, fmt.Errorf("a function whose text is not ECMAScript 5, which is what the otto engine runs: %w", err)
	}
	c, err := r.engine.compile(ecmascript.Unit{Text: "(" + s.Text + "\n)", Name: "snapshot", Strict: s.Strict}, false)
	if err != nil {
		return nil, err
	}
	if err := r.prepare(c); err != nil {
		return nil, err
	}
	if s.Written != "" {
		if err := r.noteAuthors(map[string]string{s.Text: s.Written}); err != nil {
			return nil, err
		}
	}
	v := r.must(r.vm.Run(c.source()))
	if !v.IsFunction() {
		return nil, errors.New("the text of a function makes something else")
	}
	return v, nil
}
