package ecmascript

import "reflect"

// weigher adds up what all that can be reached from a value takes on the heap. It reads
// the engine's own data, whatever their types, and goes into those of the
// engine's package alone, so that it stays clear of what sessions share. What a
// function of Go has captured it cannot see, and makes a guess.
type weigher struct {
	pkg     string       // of the engine's types
	skip    reflect.Type // is not gone into
	most    int64        // to stop at
	stop    func() bool  // asked now and then
	total   int64
	steps   int
	depth   int
	stopped bool
	plans   map[reflect.Type]*weighPlan
	seen    addresses
	queue   []reflect.Value // what would have been too deep
}

// weighPlan is what is known of a type.
type weighPlan struct {
	leaf   bool // it refers to nothing
	own    bool // it is the engine's
	id     uintptr
	fields []int // of a struct: those that refer to something
}

const (
	weighDepth = 100 // levels that are gone down before things are put off
	closure    = 256 // bytes that a function of Go is taken to hold
	smallLeaf  = 16  // bytes up to which what refers to nothing is counted at every occurrence: boxed numbers
)

// weigh returns a number of bytes: all, or what was found until it was more than
// most, or until stop said so.
func weigh(root any, skip reflect.Type, most int64, stop func() bool) int64 {
	v := reflect.ValueOf(root)
	if v.Kind() != reflect.Pointer {
		return 0
	}
	w := &weigher{pkg: v.Type().Elem().PkgPath(), skip: skip, most: most, stop: stop, plans: map[reflect.Type]*weighPlan{}}
	w.refer(v)
	for len(w.queue) > 0 && !w.stopped {
		v := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		w.inside(v)
	}
	return w.total
}

// refer adds what v refers to. v itself has been counted.
func (w *weigher) refer(v reflect.Value) {
	if w.steps++; w.steps&0xfff == 0 && (w.total > w.most || w.stop()) {
		w.stopped = true
	}
	if w.stopped {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		w.pointer(v)
	case reflect.Interface:
		switch e := v.Elem(); e.Kind() {
		case reflect.Invalid:
		case reflect.Pointer, reflect.Map:
			w.refer(e)
		default: // in a box
			p := w.plan(e.Type())
			w.total += int64(e.Type().Size())
			if p.own && !p.leaf {
				w.refer(e)
			}
		}
	case reflect.String:
		if n := v.Len(); n > 0 && (n <= smallLeaf || w.seen.add(v.Pointer())) {
			w.total += int64(n)
		}
	case reflect.Slice:
		t := v.Type().Elem()
		if v.Cap() > 0 && w.seen.add(v.Pointer()) {
			w.total += int64(v.Cap()) * int64(t.Size())
			if p := w.plan(t); p.own && !p.leaf {
				w.enter(v)
			}
		}
	case reflect.Map:
		t := v.Type()
		if v.Len() > 0 && w.seen.add(v.Pointer()) {
			w.total += int64(v.Len()) * int64(t.Key().Size()+t.Elem().Size()+2) * 3 / 2
			if k, e := w.plan(t.Key()), w.plan(t.Elem()); k.own && e.own && !(k.leaf && e.leaf) {
				w.enter(v)
			}
		}
	case reflect.Func:
		if !v.IsNil() {
			w.total += closure
		}
	case reflect.Struct:
		for _, i := range w.plan(v.Type()).fields {
			w.refer(v.Field(i))
		}
	case reflect.Array:
		if !w.plan(v.Type()).leaf {
			for i := range v.Len() {
				w.refer(v.Index(i))
			}
		}
	}
}

func (w *weigher) pointer(v reflect.Value) {
	t := v.Type().Elem()
	if v.IsNil() || t == w.skip {
		return
	}
	p, size := w.plan(t), int64(t.Size())
	if p.leaf && size <= smallLeaf {
		w.total += size
		return
	}
	// The first field of a struct has the address of the struct.
	if p.own && w.seen.add(v.Pointer()+p.id) {
		w.total += size
		if !p.leaf {
			w.enter(v)
		}
	}
}

// enter goes through what a pointer, slice or map refers to, now or later.
func (w *weigher) enter(v reflect.Value) {
	if w.depth >= weighDepth {
		w.queue = append(w.queue, v)
		return
	}
	w.depth++
	w.inside(v)
	w.depth--
}

func (w *weigher) inside(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		w.refer(v.Elem())
	case reflect.Slice:
		for i := 0; i < v.Len() && !w.stopped; i++ {
			w.refer(v.Index(i))
		}
	case reflect.Map:
		for i := v.MapRange(); i.Next() && !w.stopped; {
			w.refer(i.Key())
			w.refer(i.Value())
		}
	}
}

// plan finds out about a type.
func (w *weigher) plan(t reflect.Type) *weighPlan {
	if p := w.plans[t]; p != nil {
		return p
	}
	pkg := t.PkgPath()
	// Identities that differ in their upper bits: no two addresses do.
	p := &weighPlan{own: pkg == "" || pkg == w.pkg || t.Kind() == reflect.String, id: uintptr(len(w.plans)) << 48}
	w.plans[t] = p
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if f := w.plan(t.Field(i).Type); f.own && !f.leaf {
				p.fields = append(p.fields, i)
			}
		}
		p.leaf = len(p.fields) == 0
	case reflect.Array:
		e := w.plan(t.Elem())
		p.leaf = e.leaf || !e.own
	case reflect.Pointer, reflect.Interface, reflect.String, reflect.Slice, reflect.Map, reflect.Func:
	default:
		p.leaf = true
	}
	return p
}

// addresses is a set of addresses, none of which is 0.
type addresses struct {
	slots []uintptr
	n     int
}

// add reports whether p is new.
func (a *addresses) add(p uintptr) bool {
	if a.n >= len(a.slots)*3/4 {
		old := a.slots
		a.slots, a.n = make([]uintptr, max(1024, 2*len(old))), 0
		for _, p := range old {
			if p != 0 {
				a.add(p)
			}
		}
	}
	mask := len(a.slots) - 1
	for i := int((uint64(p)*0x9e3779b97f4a7c15)>>20) & mask; ; i = (i + 1) & mask {
		switch a.slots[i] {
		case 0:
			a.slots[i] = p
			a.n++
			return true
		case p:
			return false
		}
	}
}
