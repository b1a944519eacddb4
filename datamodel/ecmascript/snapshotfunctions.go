package ecmascript

import (
	"math"
	"slices"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
)

// declarations finds out which variables are as function statements declared them.
// The others remain, those that have been declared so before those that have not, in
// the order of their declarations. except has the functions that are not there.
func (w *snapshotWriter) declarations(all []Binding) (names []Binding, except []defined) {
	ran := &w.m.ran
	if len(ran.declaring) == 0 {
		return all, nil
	}
	w.implied = map[Value]defined{}
	made := map[string]bool{}
	others := all[:0]
	for _, b := range all {
		if b.Kind == VarBinding && ran.declaration(b.Name).in != nil {
			made[b.Name] = true
		} else {
			others = append(others, b)
		}
	}
	for _, in := range ran.declaring {
		for i := range in.list {
			f := &in.list[i]
			if f.Name == "" || !made[f.Name] && w.rt.Unmade(f.Name) || ran.declaration(f.Name).f != f {
				continue
			}
			d := defined{in, f}
			v, ok := w.rt.Global(f.Name)
			if ok && w.isStill(v, f) {
				w.implied[v] = d
				continue
			}
			except = append(except, d)
			// What has the name of a built-in may not be enumerable.
			if ok && (made[f.Name] || w.canBe(v)) {
				names = append(names, Binding{Name: f.Name})
			}
		}
	}
	return append(names, others...), except
}

// isStill reports whether a value is what a function statement makes.
func (w *snapshotWriter) isStill(v Value, f *definition) bool {
	if w.rt.Class(v) != Function {
		return false
	}
	s, err := w.inspect(v)
	defer w.done(s)
	return err == nil && s.Text == f.Text && s.Strict == f.Strict && s.Members == nil && len(s.Props) == 0
}

// canBe reports whether a value that is found in place of a function may be one of
// the document.
func (w *snapshotWriter) canBe(v Value) bool {
	if w.rt.Class(v) != Function {
		return true
	}
	s, err := w.inspect(v)
	w.done(s)
	return err == nil
}

// reference writes which function of a program is meant.
func (w *snapshotWriter) reference(d defined) {
	i := slices.Index(w.programs, d.in)
	if i < 0 {
		i = len(w.programs)
		w.programs = append(w.programs, d.in)
	}
	w.uint(uint64(i))
	w.uint(uint64(d.f.at))
}

// function writes which function it is.
func (w *snapshotWriter) function(s *Shape) {
	if d := w.m.ran.definition(s.Text, s.Strict); d.in != nil {
		w.dst = append(w.dst, snapPlaced)
		w.reference(d)
		return
	}
	if s.Written != "" {
		w.dst = append(w.dst, snapWritten)
	} else {
		w.dst = append(w.dst, snapFunction)
	}
	w.bool(s.Strict)
	w.text(s.Text)
	if s.Written != "" {
		w.text(s.Written)
	}
}

// readPrograms reads the list of programs. One that the language has not compiled is
// missed when one of its functions is needed.
func (r *snapshotReader) readPrograms() error {
	n, err := r.count(len(digest{}))
	if err != nil {
		return err
	}
	for range n {
		d := r.m.lang.programs.find(digest(r.b[:len(digest{})]))
		if d == nil {
			r.missing = true
		}
		r.programs = append(r.programs, d)
		r.b = r.b[len(digest{}):]
	}
	return nil
}

// declarations reads the list of functions that are not there and declares the
// others.
func (r *snapshotReader) declarations() error {
	n, err := r.count(2)
	if err != nil {
		return err
	}
	except := make([]string, 0, n)
	for range n {
		d, err := r.reference()
		if err != nil {
			return err
		}
		if d.f.Name == "" {
			return r.fail("not a declared function")
		}
		except = append(except, d.f.Name)
	}
	var codes []Code
	var offered needs
	for _, d := range r.programs {
		if d == nil {
			continue
		}
		offered |= d.needs
		if len(d.declared) > 0 {
			codes = append(codes, d.code)
		}
	}
	if err := r.m.offer(offered); err != nil {
		return err
	}
	if len(codes) > 0 {
		if err := r.rt.Define(codes, except); err != nil {
			return err
		}
	}
	r.except = except
	return nil
}

// reference reads which function of a program is meant.
func (r *snapshotReader) reference() (d defined, err error) {
	i, err := r.uint()
	if err != nil {
		return d, err
	}
	at, err := r.uint()
	if err != nil {
		return d, err
	}
	if i >= uint64(len(r.programs)) {
		return d, r.fail("reference to an unknown program")
	}
	d.in = r.programs[i]
	if d.in == nil {
		return d, r.unknown()
	}
	if at <= math.MaxInt32 {
		d.f = d.in.find(int(at))
	}
	if d.f == nil {
		return d, r.fail("the program has no function at %d", at)
	}
	return d, nil
}

// unknown says that the program of the present function is missing.
func (r *snapshotReader) unknown() error {
	what := "the functions that the document declares"
	if len(r.path) > 0 {
		what = r.path.String()
	}
	return &datamodel.EvalError{Text: what, Message: what + " cannot be restored: the document with the script has not been compiled by this language", Err: datamodel.ErrProgramMissing}
}

// declared reads a function that is implied.
func (r *snapshotReader) declared() (Value, error) {
	d, err := r.reference()
	if err != nil {
		return nil, err
	}
	if d.f.Name == "" || r.m.ran.declaration(d.f.Name) != d || slices.Contains(r.except, d.f.Name) {
		return nil, r.fail("the function at %d is not declared", d.f.at)
	}
	v, ok := r.rt.Global(d.f.Name)
	if !ok || r.rt.Class(v) != Function {
		return nil, r.fail("%s is no function", shorten(d.f.Name))
	}
	return v, nil
}

// needsOfFunction is what a function may ask for of which only the text is known. It
// was prepared for the engine.
func needsOfFunction(text string) needs {
	n := needSource | wordsOf(text).needs
	if strings.Contains(text, valuesName) {
		n |= needValues
	}
	return n
}
