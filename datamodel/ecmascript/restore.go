package ecmascript

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/seed-ff723688/ors/datamodel"
)

// Restore replaces the data of a model that has just been made. The programs of the
// document must have been compiled by the language of the model; its functions are
// made from them. Nothing of the document runs.
func (m *model) Restore(snapshot []byte) error {
	if m.dead != nil {
		return m.dead
	}
	if len(snapshot) == 0 {
		return fmt.Errorf("%w: it is empty", datamodel.ErrSnapshot)
	}
	version := snapshot[0]
	if version == 0 || version > snapshotVersion {
		return fmt.Errorf("%w: version %d, this package reads up to %d", datamodel.ErrSnapshot, version, snapshotVersion)
	}
	defer m.settle()
	m.arm()
	r := &snapshotReader{m: m, rt: m.rt, b: snapshot[1:], size: len(snapshot)}
	err := m.rt.Protect(func() error { return r.read(version) })
	for _, known := range []error{nil, datamodel.ErrSnapshot, datamodel.ErrProgramMissing, datamodel.ErrLimit} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", datamodel.ErrSnapshot, err)
}

type snapshotReader struct {
	m       *model
	rt      Runtime
	b       []byte
	size    int
	objects []Value
	depth   int
	path    path     // down to the present value
	shapes  []*Shape // to use again

	programs []*definitions // nil: not known
	missing  bool           // there is such a one
	except   []string       // declared functions that are not there
}

func (r *snapshotReader) read(version byte) error {
	if version > 1 {
		if err := r.readPrograms(); err != nil {
			return err
		}
		for _, d := range r.programs {
			if d != nil {
				r.m.ran.note([]*definitions{d})
			}
		}
		if err := r.declarations(); err != nil {
			return err
		}
	}
	if err := r.bindings(); err != nil {
		return err
	}
	if r.missing {
		return r.unknown()
	}
	return nil
}

// at reads a value that has a place.
func (r *snapshotReader) at(place step) (Value, error) {
	r.path = append(r.path, place)
	v, err := r.value()
	r.path = r.path[:len(r.path)-1]
	return v, err
}

func (r *snapshotReader) fail(format string, args ...any) error {
	return fmt.Errorf("%w: byte %d: %s", datamodel.ErrSnapshot, r.size-len(r.b), fmt.Sprintf(format, args...))
}

func (r *snapshotReader) bindings() error {
	n, err := r.count(3)
	if err != nil {
		return err
	}
	for range n {
		kind, err := r.byte()
		if err != nil {
			return err
		}
		name, err := r.text()
		if err != nil {
			return err
		}
		if name == dataName && r.m.host.Legacy != nil && len(r.objects) == 0 {
			if err := r.added(); err != nil {
				return err
			}
			continue
		}
		if BindingKind(kind) > ConstBinding || r.m.scope.has(name) {
			return r.fail("illegal variable %q", shorten(name))
		}
		v, err := r.at(member(name))
		if err != nil {
			return err
		}
		if err := r.rt.Bind(Binding{name, BindingKind(kind)}, v); err != nil {
			return err
		}
	}
	if len(r.b) > 0 {
		return r.fail("%d bytes too many", len(r.b))
	}
	return nil
}

// added reads what scripts added to _data, which is the first object.
func (r *snapshotReader) added() error {
	tag, err := r.byte()
	if err == nil && tag != snapObject {
		err = r.fail("malformed %s", dataName)
	}
	if err == nil {
		_, err = r.bool()
	}
	if err != nil {
		return err
	}
	data := r.m.scope.dataRoot()
	r.objects = append(r.objects, data)
	return r.props(data)
}

func (r *snapshotReader) value() (Value, error) {
	tag, err := r.byte()
	if err != nil {
		return nil, err
	}
	switch tag {
	case snapUndefined:
		return r.rt.Undefined(), nil
	case snapNull:
		return r.rt.Null(), nil
	case snapFalse, snapTrue:
		return r.rt.FromBool(tag == snapTrue), nil
	case snapInt:
		i, err := r.int()
		return r.rt.FromNumber(float64(i)), err
	case snapFloat:
		f, err := r.float()
		return r.rt.FromNumber(f), err
	case snapString:
		s, err := r.text()
		return r.rt.FromText(s), err
	case snapBigInt:
		s, err := r.text()
		if err != nil {
			return nil, err
		}
		v, err := r.rt.FromBigInt(s)
		if err != nil {
			err = fmt.Errorf("%w: %w", datamodel.ErrSnapshot, err)
		}
		return v, err
	case snapDeclared:
		return r.declared()
	case snapRef:
		u, err := r.uint()
		if err == nil && (u >= uint64(len(r.objects)) || r.objects[u] == nil) {
			err = r.fail("reference to an unknown object")
		}
		if err != nil {
			return nil, err
		}
		return r.objects[u], nil
	}
	if r.depth++; r.depth > maxSnapshotDepth+1 {
		return nil, r.fail("nested deeper than %d", maxSnapshotDepth)
	}
	defer func() { r.depth-- }()
	if tag == snapPrototype {
		f, err := r.value()
		if err == nil && r.rt.Class(f) != Function {
			err = r.fail("not a function")
		}
		if err != nil {
			return nil, err
		}
		return r.rt.Get(f, "prototype"), nil
	}
	return r.object(tag)
}

// object reads an object. It has its number before what is inside of it.
func (r *snapshotReader) object(tag byte) (Value, error) {
	id := len(r.objects)
	r.objects = append(r.objects, nil)
	switch tag {
	case snapDocument, snapNode, snapNodes, snapGlobal, snapFixed, snapList:
		v, err := r.dynamic(tag)
		if err == nil {
			r.objects[id] = v
		}
		return v, err
	}
	constructor := tag == snapConstructor
	if constructor {
		var err error
		if tag, err = r.byte(); err == nil && tag != snapFunction && tag != snapWritten && tag != snapPlaced {
			err = r.fail("not a function")
		}
		if err != nil {
			return nil, err
		}
	}
	s, err := r.shape(tag)
	if err != nil {
		return nil, err
	}
	v, err := r.rt.Build(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", datamodel.ErrSnapshot, err)
	}
	r.objects[id] = v
	length := s.Length
	r.shapes = append(r.shapes, s)
	switch tag {
	case snapInstance:
		err = r.proto(v)
	case snapFunction, snapWritten, snapPlaced:
		if constructor {
			err = r.prototype(v)
		}
	case snapArray:
		err = r.elements(v, length)
	case snapMap, snapSet:
		err = r.members(v, tag)
	}
	if err != nil {
		return nil, err
	}
	return v, r.props(v)
}

// proto reads the prototype of an object; undefined is what it has.
func (r *snapshotReader) proto(o Value) error {
	p, err := r.value()
	if err != nil {
		return err
	}
	switch c := r.rt.Class(p); {
	case c == Undefined:
		p = nil
	case c != Null && c < Object:
		return r.fail("malformed prototype")
	}
	if err := r.rt.SetProto(o, p); err != nil {
		return fmt.Errorf("%w: %w", datamodel.ErrSnapshot, err)
	}
	return nil
}

// prototype reads what the prototype of a function has.
func (r *snapshotReader) prototype(f Value) error {
	p := r.rt.Get(f, "prototype")
	if r.rt.Class(p) != Object {
		return r.fail("not the constructor of anything")
	}
	r.objects = append(r.objects, p)
	if err := r.proto(p); err != nil {
		return err
	}
	r.path = append(r.path, member("prototype"))
	defer func() { r.path = r.path[:len(r.path)-1] }()
	return r.props(p)
}

// shape reads what Build needs.
func (r *snapshotReader) shape(tag byte) (s *Shape, err error) {
	if last := len(r.shapes) - 1; last >= 0 {
		s, r.shapes = r.shapes[last], r.shapes[:last]
		*s = Shape{}
	} else {
		s = new(Shape)
	}
	var u uint64
	switch tag {
	case snapInstance:
		s.Class = Object
	case snapObject:
		s.Class = Object
		s.NullProt, err = r.bool()
	case snapArray:
		s.Class = Array
		s.Length, err = r.count(1)
	case snapSparse:
		s.Class = Array
		if u, err = r.uint(); err == nil && u > math.MaxUint32 {
			err = r.fail("malformed length")
		}
		s.Length = int(u)
	case snapFunction, snapWritten:
		s.Class = Function
		if s.Strict, err = r.bool(); err == nil {
			s.Text, err = r.text()
		}
		if err == nil && tag == snapWritten {
			s.Written, err = r.text()
		}
		if err == nil {
			err = r.m.offer(needsOfFunction(s.Text))
		}
	case snapPlaced:
		s.Class = Function
		var d defined
		if d, err = r.reference(); err == nil {
			s.Program, s.Index = d.in.code, d.f.index
		}
	case snapDate:
		s.Class = Date
		s.Number, err = r.float()
	case snapRegExp:
		s.Class = RegExp
		if s.Text, err = r.text(); err == nil {
			if s.Flags, err = r.text(); err == nil {
				s.Number, err = r.float()
			}
		}
	case snapError:
		s.Class = Error
		s.Text, err = r.text()
	case snapBoolean:
		s.Class = BooleanObject
		s.Bool, err = r.bool()
	case snapNumber:
		s.Class = NumberObject
		s.Number, err = r.float()
	case snapText:
		s.Class = StringObject
		s.Text, err = r.text()
	case snapMap:
		s.Class = Map
	case snapSet:
		s.Class = Set
	case snapBuffer:
		s.Class = ArrayBuffer
		var text string
		text, err = r.text()
		s.Bytes = []byte(text)
	case snapTyped:
		err = r.typed(s)
	default:
		err = r.fail("unknown tag %d", tag)
	}
	return s, err
}

func (r *snapshotReader) typed(s *Shape) (err error) {
	s.Class = TypedArray
	if s.Text, err = r.text(); err != nil {
		return err
	}
	var off, n uint64
	if off, err = r.uint(); err != nil {
		return err
	}
	if n, err = r.uint(); err != nil {
		return err
	}
	if off > math.MaxInt32 || n > math.MaxInt32 {
		return r.fail("malformed typed array")
	}
	s.Offset, s.Length = int(off), int(n)
	s.Buffer, err = r.value()
	if err == nil && r.rt.Class(s.Buffer) != ArrayBuffer {
		err = r.fail("malformed typed array")
	}
	return err
}

func (r *snapshotReader) elements(array Value, n int) error {
	for i := range n {
		if len(r.b) > 0 && r.b[0] == snapHole {
			r.b = r.b[1:]
			continue
		}
		v, err := r.at(item(i))
		if err != nil {
			return err
		}
		r.rt.SetMember(array, strconv.Itoa(i), v)
	}
	return nil
}

func (r *snapshotReader) members(collection Value, tag byte) error {
	n, err := r.count(1)
	if err != nil {
		return err
	}
	if tag == snapMap && n%2 != 0 {
		return r.fail("malformed map")
	}
	for i := 0; i < n; i++ {
		key, err := r.value()
		if err != nil {
			return err
		}
		var v Value
		if tag == snapMap {
			i++
			if v, err = r.value(); err != nil {
				return err
			}
		}
		r.rt.AddItem(collection, key, v)
	}
	return nil
}

func (r *snapshotReader) props(obj Value) error {
	n, err := r.count(3)
	if err != nil {
		return err
	}
	for range n {
		name, err := r.text()
		if err != nil {
			return err
		}
		hidden, err := r.bool()
		if err != nil {
			return err
		}
		v, err := r.at(member(name))
		if err != nil {
			return err
		}
		if hidden {
			r.rt.SetHidden(obj, name, v)
		} else {
			r.rt.SetMember(obj, name, v)
		}
	}
	return nil
}

// dynamic reads an object that this package makes.
func (r *snapshotReader) dynamic(tag byte) (Value, error) {
	switch tag {
	case snapDocument:
		text, err := r.text()
		if err != nil {
			return nil, err
		}
		return r.m.document(text)
	case snapNode:
		n, err := r.count(1)
		if err != nil {
			return nil, err
		}
		path := make([]int, n)
		for i := range path {
			p, err := r.int()
			if err != nil {
				return nil, err
			}
			path[i] = int(p)
		}
		doc, err := r.node()
		if err != nil {
			return nil, err
		}
		if doc = doc.at(path); doc == nil {
			return nil, r.fail("no such node")
		}
		return doc.object(), nil
	case snapNodes:
		n, err := r.count(1)
		if err != nil {
			return nil, err
		}
		list := &domList{m: r.m}
		for range n {
			e, err := r.node()
			if err != nil {
				return nil, err
			}
			list.nodes = append(list.nodes, e)
		}
		return r.rt.NewDynamic(list), nil
	case snapFixed:
		return r.fixed()
	case snapList:
		n, err := r.count(1)
		if err != nil {
			return nil, err
		}
		list := &dataList{m: r.m, items: make([]Value, n)}
		for i := range n {
			if list.items[i], err = r.value(); err != nil {
				return nil, err
			}
		}
		return r.rt.NewList(list), nil
	}
	path, err := r.text()
	if err != nil {
		return nil, err
	}
	v, ok := r.m.scope.byPath(path)
	if !ok {
		return nil, fmt.Errorf("ecmascript: the snapshot refers to %s, which Host.Globals does not have", shorten(path))
	}
	return v, nil
}

// fixed reads a read-only object of data.
func (r *snapshotReader) fixed() (Value, error) {
	n, err := r.count(2)
	if err != nil {
		return nil, err
	}
	d := &dataObject{m: r.m, names: make([]string, 0, n), members: make(map[string]Value, n)}
	for range n {
		name, err := r.text()
		if err != nil {
			return nil, err
		}
		if _, ok := d.members[name]; ok {
			return nil, r.fail("member %q occurs twice", shorten(name))
		}
		d.names = append(d.names, name)
		if d.members[name], err = r.value(); err != nil {
			return nil, err
		}
	}
	return r.rt.NewDynamic(d), nil
}

func (r *snapshotReader) node() (*domNode, error) {
	v, err := r.value()
	if err != nil {
		return nil, err
	}
	n, ok := r.rt.DynamicOf(v).(*domNode)
	if !ok {
		return nil, r.fail("not a node")
	}
	return n, nil
}

var _ datamodel.Model = (*model)(nil)
