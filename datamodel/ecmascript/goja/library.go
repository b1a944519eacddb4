package goja

import (
	"slices"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
)

// Libraries declare many functions, of which a session calls few, and every function
// object costs half a kilobyte in every session. So the function statements of a
// program that has many of them are programs of their own, which run when the
// name of the function is read for the first time. Until then the name is a property
// of the prototype of the global object.

// libraryFunctions is how many functions make a program a library.
const libraryFunctions = 4

// library is the functions of a program that are made when they are needed.
type library map[string]*statement

// takeFunctions takes the function statements of a library out of its tree; nil
// when it is none. Names that the program declares more than once stay.
func takeFunctions(tree *ast.Program) []*ast.FunctionDeclaration {
	count := map[string]int{}
	for _, name := range declaredNames(tree) {
		count[name]++
	}
	functions := 0
	for _, s := range tree.Body {
		if f, ok := s.(*ast.FunctionDeclaration); ok && f.Function.Name != nil {
			functions++
		}
	}
	if functions < libraryFunctions {
		return nil
	}
	var taken []*ast.FunctionDeclaration
	rest := make([]ast.Statement, 0, len(tree.Body))
	for _, s := range tree.Body {
		f, ok := s.(*ast.FunctionDeclaration)
		if !ok || f.Function.Name == nil || count[f.Function.Name.Name.String()] > 1 {
			rest = append(rest, s)
			continue
		}
		taken = append(taken, f)
	}
	tree.Body = rest
	return taken
}

// declaredNames are the names that a program declares in the global scope.
func declaredNames(tree *ast.Program) []string {
	var names []string
	add := func(name string) { names = append(names, name) }
	for _, d := range tree.DeclarationList {
		for _, b := range d.List {
			targets(b, add)
		}
	}
	for _, s := range tree.Body {
		switch s := s.(type) {
		case *ast.FunctionDeclaration:
			if s.Function.Name != nil {
				add(s.Function.Name.Name.String())
			}
		case *ast.LexicalDeclaration:
			for _, b := range s.List {
				targets(b, add)
			}
		case *ast.ClassDeclaration:
			if s.Class.Name != nil {
				add(s.Class.Name.Name.String())
			}
		}
	}
	return names
}

// adopt makes the functions of a library known. Those whose names are taken are
// made at once, as they would be without all this.
func (r *realm) adopt(l library) error {
	if err := r.wait(); err != nil {
		return err
	}
	var now []string
	for name := range l {
		if r.waiting.Has(name) || r.isLexical(name) || r.own(name) {
			now = append(now, name)
		}
	}
	r.waiting.libraries = append(r.waiting.libraries, l)
	slices.Sort(now)
	for _, name := range now {
		r.waiting.done(name)
		if err := r.make(l[name]); err != nil {
			return err
		}
	}
	return nil
}

// wait readies the global object for functions that are not made.
func (r *realm) wait() error {
	if r.waiting != nil {
		return nil
	}
	r.waiting = &waiting{r: r}
	proto := r.vm.NewDynamicObject(r.waiting)
	if err := proto.SetPrototype(r.vm.GlobalObject().Prototype()); err != nil {
		return err
	}
	return r.vm.GlobalObject().SetPrototype(proto)
}

// own reports whether the global object itself has a property, or inherits it
// from Object.prototype.
func (r *realm) own(name string) (own bool) {
	r.waiting.hidden = true
	defer func() { r.waiting.hidden = false }()
	if err := r.Protect(func() error { own = r.vm.GlobalObject().Get(name) != nil; return nil }); err != nil {
		return true // a getter has thrown
	}
	return own
}

// make runs a function statement.
func (r *realm) make(s *statement) error {
	c, err := s.compiled()
	if err != nil {
		return err
	}
	if err := r.prepare(&c.facts); err != nil {
		return err
	}
	_, err = r.vm.RunProgram(c.prog)
	return err
}

// makeAll makes the functions whose names are given, so that they are there
// when something else is declared with these names.
func (r *realm) makeAll(names []string) error {
	w := r.waiting
	if w == nil {
		return nil
	}
	for _, name := range names {
		if !w.Has(name) {
			continue
		}
		if r.own(name) {
			w.done(name) // something has been assigned to the name
			continue
		}
		if err := r.Protect(func() error { w.Get(name); return nil }); err != nil {
			return err
		}
	}
	return nil
}

// waiting is the prototype of the global object: the functions that have not been
// made.
type waiting struct {
	r         *realm
	libraries []library
	made      map[string]bool
	hidden    bool // nothing waits, for the moment
}

var _ goja.DynamicObject = (*waiting)(nil)

func (w *waiting) find(name string) *statement {
	if w.hidden || w.made[name] {
		return nil
	}
	for i := len(w.libraries) - 1; i >= 0; i-- {
		if s := w.libraries[i][name]; s != nil {
			return s
		}
	}
	return nil
}

// done notes that a function does not wait any more.
func (w *waiting) done(name string) {
	if w.made == nil {
		w.made = map[string]bool{}
	}
	w.made[name] = true
}

// Has implements goja.DynamicObject.
func (w *waiting) Has(name string) bool { return w.find(name) != nil }

// Get implements goja.DynamicObject: it makes the function.
func (w *waiting) Get(name string) goja.Value {
	s := w.find(name)
	if s == nil {
		return nil
	}
	w.done(name)
	if err := w.r.make(s); err != nil {
		panic(err)
	}
	return w.r.vm.GlobalObject().Get(name)
}

// Keys implements goja.DynamicObject.
func (w *waiting) Keys() []string {
	var names []string
	for _, l := range w.libraries {
		for name := range l {
			if !w.made[name] {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Set implements goja.DynamicObject. Assignments to a global variable make a
// property of the global object, they do not come here.
func (w *waiting) Set(string, goja.Value) bool { return false }

// Delete implements goja.DynamicObject.
func (w *waiting) Delete(string) bool { return false }
