package ecmascript

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/seed-ff723688/ors/datamodel"
)

// The form of a snapshot: a version byte; the number of programs whose functions
// count, and the digest of each; the number of declared functions that are not as
// their declaration has it, and a reference to each; the number of bindings, then
// for each its kind, name and value. What a program of the list declares by function
// statements and what is not among the former is implied.
//
// A value begins with a tag. Objects are numbered in the order in which they begin;
// one that was written before is written as its number. A reference to a function of
// a program is the number of the program and the place of the function in what the
// author wrote. The form says nothing of an engine, and equal data gives equal
// bytes. Versions are added, never changed: version 1 has bindings only.
const snapshotVersion = 2

const (
	snapUndefined byte = iota
	snapNull
	snapFalse
	snapTrue
	snapInt    // zigzag varint
	snapFloat  // 8 bytes, little endian
	snapString // text
	snapBigInt // decimal digits
	snapHole   // of a dense array
	snapRef    // number of an object
	snapObject // flag: null prototype; properties
	snapArray  // elements; properties
	snapSparse // length; properties
	snapFunction
	snapDate
	snapRegExp
	snapError
	snapBoolean
	snapNumber
	snapText
	snapMap
	snapSet
	snapBuffer
	snapTyped
	snapDocument // XML text
	snapNode     // document, path
	snapNodes    // nodes of a list
	snapGlobal   // path of Host.Globals
	snapFixed    // members of read-only data
	snapList     // elements of read-only data
	snapWritten  // a function that the author wrote otherwise: both texts

	snapInstance    // prototype; properties
	snapPrototype   // the function that an object is the prototype of
	snapConstructor // a function; prototype of its prototype, undefined if that is Object's; properties of that; properties

	snapDeclared // reference: the variable of a function statement has that function, and is implied
	snapPlaced   // reference: a function of a program; properties
)

// maxSnapshotDepth bounds the nesting of objects in a snapshot.
const maxSnapshotDepth = 5000

// Snapshot appends the variables of the session: what the document declared or
// its scripts made, with shared and cyclic references. _event is not kept; an
// event that a script has stored is.
func (m *model) Snapshot(dst []byte) ([]byte, error) {
	if m.dead != nil {
		return dst, &datamodel.EvalError{Text: "snapshot", Message: m.dead.Error(), Err: m.dead}
	}
	defer m.settle()
	m.arm()
	w := &snapshotWriter{m: m, rt: m.rt, dst: append(dst, snapshotVersion), start: len(dst), programs: slices.Clone(m.ran.declaring)}
	err := m.rt.Protect(func() error { return w.bindings(m.rt.GlobalNames()) })
	if err != nil {
		return dst, m.failed("snapshot", err)
	}
	return w.finish(), nil
}

type snapshotWriter struct {
	m            *model
	rt           Runtime
	dst          []byte
	start, polls int // where it began, and where the clock is looked at next
	ids          map[Value]uint64
	path         path     // down to the present value
	shapes       []*Shape // to use again

	programs []*definitions // whose functions are referred to
	implied  map[Value]defined
}

// finish puts the list of programs, which is known in the end, where it belongs.
func (w *snapshotWriter) finish() []byte {
	list := binary.AppendUvarint(nil, uint64(len(w.programs)))
	for _, p := range w.programs {
		list = append(list, p.digest[:]...)
	}
	return slices.Insert(w.dst, w.start+1, list...)
}

func (w *snapshotWriter) bindings(names []Binding) error {
	names, except := w.declarations(names)
	w.uint(uint64(len(except)))
	for _, d := range except {
		w.reference(d)
	}
	added := w.m.scope.added()
	if added != nil {
		w.uint(uint64(len(names)) + 1)
		w.dst = append(w.dst, byte(VarBinding))
		w.text(dataName)
		w.ids = map[Value]uint64{w.m.scope.data: 0}
		w.path = append(w.path, member(dataName))
		w.dst = append(w.dst, snapObject)
		w.bool(false)
		if err := w.props(added); err != nil {
			return err
		}
		w.path = w.path[:0]
	} else {
		w.uint(uint64(len(names)))
	}
	for _, b := range names {
		v, ok := w.rt.Global(b.Name)
		if !ok {
			v = w.rt.Undefined()
		}
		w.dst = append(w.dst, byte(b.Kind))
		w.text(b.Name)
		if err := w.at(member(b.Name), v); err != nil {
			return err
		}
	}
	return nil
}

// inspect describes an object. The Shape goes to done when it has been used.
func (w *snapshotWriter) inspect(v Value) (*Shape, error) {
	if len(w.shapes) == 0 {
		w.shapes = append(w.shapes, new(Shape))
	}
	last := len(w.shapes) - 1
	s := w.shapes[last]
	w.shapes = w.shapes[:last]
	return s, w.rt.Inspect(v, s)
}

func (w *snapshotWriter) done(s *Shape) { w.shapes = append(w.shapes, s) }

func (w *snapshotWriter) uint(u uint64) { w.dst = binary.AppendUvarint(w.dst, u) }

func (w *snapshotWriter) text(s string) {
	w.uint(uint64(len(s)))
	w.dst = append(w.dst, s...)
}

// refuse says that the present value cannot be saved.
func (w *snapshotWriter) refuse(why string) error {
	path := w.path.String()
	return &datamodel.EvalError{Text: path, Message: path + " cannot be saved: " + why, Err: datamodel.ErrNotSerializable}
}

// room checks that there is room for n bytes and time for the rest.
func (w *snapshotWriter) room(n int) error {
	size := len(w.dst) - w.start + n
	if most := w.m.lang.maxSnapshot; size > most {
		return w.refuse(fmt.Sprintf("the snapshot would be longer than %d bytes", most))
	}
	if size >= w.polls {
		w.polls = size + pollEach
		return w.m.over()
	}
	return nil
}

// at writes a value that has a place.
func (w *snapshotWriter) at(place step, v Value) error {
	w.path = append(w.path, place)
	err := w.value(v)
	w.path = w.path[:len(w.path)-1]
	return err
}

func (w *snapshotWriter) value(v Value) error {
	if err := w.room(0); err != nil {
		return err
	}
	class := w.rt.Class(v)
	switch class {
	case Undefined:
		w.dst = append(w.dst, snapUndefined)
	case Null:
		w.dst = append(w.dst, snapNull)
	case Boolean:
		w.bool(w.rt.Bool(v))
	case Number:
		w.number(w.rt.Number(v))
	case String:
		t := w.rt.Text(v)
		if err := w.room(len(t)); err != nil {
			return err
		}
		w.dst = append(w.dst, snapString)
		w.text(t)
	case BigInt:
		w.dst = append(w.dst, snapBigInt)
		w.text(w.rt.Text(v))
	case Symbol:
		return w.refuse("it is a symbol")
	default:
		return w.object(v, class)
	}
	return nil
}

func (w *snapshotWriter) bool(b bool) {
	if b {
		w.dst = append(w.dst, snapTrue)
	} else {
		w.dst = append(w.dst, snapFalse)
	}
}

func (w *snapshotWriter) number(f float64) {
	if i := int64(f); float64(i) == f && i > -1<<53 && i < 1<<53 && (i != 0 || !math.Signbit(f)) {
		w.dst = binary.AppendVarint(append(w.dst, snapInt), i)
		return
	}
	w.dst = append(w.dst, snapFloat)
	w.float(f)
}

func (w *snapshotWriter) float(f float64) {
	if f != f {
		f = math.NaN()
	}
	w.dst = binary.LittleEndian.AppendUint64(w.dst, math.Float64bits(f))
}

func (w *snapshotWriter) object(v Value, class Class) error {
	if id, ok := w.ids[v]; ok {
		w.dst = append(w.dst, snapRef)
		w.uint(id)
		return nil
	}
	if d, ok := w.implied[v]; ok {
		w.dst = append(w.dst, snapDeclared)
		w.reference(d)
		return nil
	}
	if len(w.path) > maxSnapshotDepth {
		return &datamodel.EvalError{Text: "snapshot", Message: fmt.Sprintf("data of %s is nested deeper than %d", w.path[0].name, maxSnapshotDepth),
			Err: datamodel.ErrNotSerializable}
	}
	if w.ids == nil {
		w.ids = map[Value]uint64{}
	}
	if class == DynamicObject {
		return w.dynamic(v)
	}
	if class == Array {
		if l := w.rt.ListOf(v); l != nil {
			return w.list(v, l)
		}
	}
	if class == Object {
		if f := w.rt.ConstructorOf(v); f != nil {
			w.dst = append(w.dst, snapPrototype)
			return w.value(f)
		}
	}
	w.ids[v] = uint64(len(w.ids))
	s, err := w.inspect(v)
	defer w.done(s)
	if err != nil && class == Function {
		if path, ok := w.m.scope.pathOf(v); ok {
			w.dst = append(w.dst, snapGlobal)
			w.text(path)
			return nil
		}
	}
	if err != nil {
		return w.refuse(err.Error())
	}
	return w.shape(s)
}

func (w *snapshotWriter) shape(s *Shape) error {
	switch s.Class {
	case Object:
		if s.Proto != nil {
			w.dst = append(w.dst, snapInstance)
			if err := w.value(s.Proto); err != nil {
				return err
			}
			break
		}
		w.dst = append(w.dst, snapObject)
		w.bool(s.NullProt)
	case Array:
		if s.Items == nil && s.Length > 0 {
			w.dst = append(w.dst, snapSparse)
			w.uint(uint64(s.Length))
			break
		}
		w.dst = append(w.dst, snapArray)
		if err := w.items(s.Items); err != nil {
			return err
		}
	case Function:
		if s.Members != nil {
			w.dst = append(w.dst, snapConstructor)
		}
		w.function(s)
		if s.Members != nil {
			if err := w.members(s.Members); err != nil {
				return err
			}
		}
	case Date:
		w.dst = append(w.dst, snapDate)
		w.float(s.Number)
	case RegExp:
		w.dst = append(w.dst, snapRegExp)
		w.text(s.Text)
		w.text(s.Flags)
		w.float(s.Number)
	case Error:
		w.dst = append(w.dst, snapError)
		w.text(s.Text)
	case BooleanObject:
		w.dst = append(w.dst, snapBoolean)
		w.bool(s.Bool)
	case NumberObject:
		w.dst = append(w.dst, snapNumber)
		w.float(s.Number)
	case StringObject:
		w.dst = append(w.dst, snapText)
		w.text(s.Text)
	case Map, Set:
		tag := snapMap
		if s.Class == Set {
			tag = snapSet
		}
		w.dst = append(w.dst, tag)
		if err := w.items(s.Items); err != nil {
			return err
		}
	case ArrayBuffer:
		w.dst = append(w.dst, snapBuffer)
		w.text(string(s.Bytes))
	case TypedArray:
		w.dst = append(w.dst, snapTyped)
		w.text(s.Text)
		w.uint(uint64(s.Offset))
		w.uint(uint64(s.Length))
		if err := w.at(member("buffer"), s.Buffer); err != nil {
			return err
		}
	default:
		return w.refuse("it is an object of an unknown kind")
	}
	return w.props(s.Props)
}

func (w *snapshotWriter) items(items []Value) error {
	w.uint(uint64(len(items)))
	for i, e := range items {
		if e == nil {
			w.dst = append(w.dst, snapHole)
			continue
		}
		if err := w.at(item(i), e); err != nil {
			return err
		}
	}
	return nil
}

func (w *snapshotWriter) props(props []Property) error {
	w.uint(uint64(len(props)))
	for _, p := range props {
		w.text(p.Name)
		w.bool(p.Hidden)
		if err := w.at(member(p.Name), p.Value); err != nil {
			return err
		}
	}
	return nil
}

// members writes what the prototype of a function has. It is numbered after the
// function.
func (w *snapshotWriter) members(p Value) error {
	w.ids[p] = uint64(len(w.ids))
	w.path = append(w.path, member("prototype"))
	s, err := w.inspect(p)
	defer w.done(s)
	if err != nil {
		return w.refuse(err.Error())
	}
	switch {
	case s.Proto != nil:
		err = w.value(s.Proto)
	case s.NullProt:
		w.dst = append(w.dst, snapNull)
	default:
		w.dst = append(w.dst, snapUndefined)
	}
	if err == nil {
		err = w.props(s.Props)
	}
	w.path = w.path[:len(w.path)-1]
	return err
}

// dynamic writes an object that this package made.
func (w *snapshotWriter) dynamic(v Value) error {
	switch d := w.rt.DynamicOf(v).(type) {
	case *eventObject:
		return w.fixed(v, d)
	case *domNode:
		w.ids[v] = uint64(len(w.ids))
		if d.kind == documentNode {
			w.dst = append(w.dst, snapDocument)
			w.text(d.text)
			return nil
		}
		w.dst = append(w.dst, snapNode)
		w.ints(d.path())
		return w.at(member("ownerDocument"), d.doc.object())
	case *domList:
		w.ids[v] = uint64(len(w.ids))
		w.dst = append(w.dst, snapNodes)
		w.uint(uint64(len(d.nodes)))
		for i, n := range d.nodes {
			if err := w.at(item(i), n.object()); err != nil {
				return err
			}
		}
		return nil
	}
	if path, ok := w.m.scope.pathOf(v); ok {
		w.ids[v] = uint64(len(w.ids))
		w.dst = append(w.dst, snapGlobal)
		w.text(path)
		return nil
	}
	if d, ok := w.rt.DynamicOf(v).(*dataObject); ok {
		return w.fixed(v, d)
	}
	return w.refuse("it is an object of the host")
}

// fixed writes a read-only object of data.
func (w *snapshotWriter) fixed(v Value, d Dynamic) error {
	w.ids[v] = uint64(len(w.ids))
	w.dst = append(w.dst, snapFixed)
	keys := d.Keys()
	w.uint(uint64(len(keys)))
	for _, k := range keys {
		of, _ := d.Get(k)
		w.text(k)
		if err := w.at(member(k), of); err != nil {
			return err
		}
	}
	return nil
}

// list writes a read-only array of data.
func (w *snapshotWriter) list(v Value, l List) error {
	w.ids[v] = uint64(len(w.ids))
	w.dst = append(w.dst, snapList)
	w.uint(uint64(l.Len()))
	for i := range l.Len() {
		if err := w.at(item(i), l.Item(i)); err != nil {
			return err
		}
	}
	return nil
}

func (w *snapshotWriter) ints(list []int) {
	w.uint(uint64(len(list)))
	for _, i := range list {
		w.dst = binary.AppendVarint(w.dst, int64(i))
	}
}

// added returns what scripts have added to _data; nil without.
func (s *scope) added() []Property {
	if s.data == nil {
		return nil
	}
	rt := s.m.rt
	d, ok := rt.DynamicOf(s.data).(*dataRoot)
	if !ok {
		return nil
	}
	var list []Property
	for _, name := range rt.Keys(s.data) {
		if !d.item(name) {
			list = append(list, Property{Name: name, Value: rt.Get(s.data, name)})
		}
	}
	return list
}

// pathOf finds a read-only object by identity.
func (s *scope) pathOf(v Value) (string, bool) {
	switch v {
	case s.x:
		return "_x", s.x != nil
	case s.processors:
		return "_ioprocessors", s.processors != nil
	case s.data:
		return dataName, s.data != nil
	}
	var find func(n *treeNode) (string, bool)
	find = func(n *treeNode) (string, bool) {
		if n.made != nil && n.made == v {
			return n.path, true
		}
		for _, c := range n.children {
			if path, ok := find(c); ok {
				return path, true
			}
		}
		return "", false
	}
	for _, name := range s.names {
		if n := s.globals[name]; n != nil {
			if path, ok := find(n); ok {
				return path, true
			}
		}
	}
	return "", false
}

// byPath is the inverse of pathOf.
func (s *scope) byPath(path string) (Value, bool) {
	if path == "_x" || path == "_ioprocessors" || path == dataName {
		return s.Lookup(path)
	}
	var find func(n *treeNode) *treeNode
	find = func(n *treeNode) *treeNode {
		if n.path == path {
			return n
		}
		for _, c := range n.children {
			if f := find(c); f != nil {
				return f
			}
		}
		return nil
	}
	for _, name := range s.names {
		if n := s.globals[name]; n != nil {
			if f := find(n); f != nil {
				return f.object(), true
			}
		}
	}
	return nil, false
}
