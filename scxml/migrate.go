package scxml

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed-ff723688/ors/datamodel"
)

// ErrMigrate is matched by the errors of MigrateSnapshot that say why a snapshot does
// not fit a document.
var ErrMigrate = errors.New("scxml: snapshot does not fit the new document")

// MigrateSnapshot makes of a snapshot of the document from one of the document to, so
// that a session goes on with another version of its document. What is active, what
// histories remember and what has been invoked is found again by the ids of the states;
// data, queued events and the state of modules stay as they are. States without an id of
// their own have one made up from their place.
//
// An error that matches ErrMigrate says what does not fit: a state that is active or
// remembered is not there any more, the active states would be no legal configuration,
// an <invoke> that runs is gone, or the documents differ in data model, binding or modules.
// The other errors are those of RestoreMachine.
func MigrateSnapshot(from, to *Document, snapshot []byte) ([]byte, error) {
	switch {
	case from.language.Name() != to.language.Name():
		return nil, fmt.Errorf("%w: its data model is %q, not %q", ErrMigrate, to.language.Name(), from.language.Name())
	case from.late != to.late:
		return nil, fmt.Errorf("%w: its binding is another", ErrMigrate)
	case !slices.EqualFunc(from.modules, to.modules, func(a, b Module) bool { return slices.Equal(a.Namespaces(), b.Namespaces()) }):
		return nil, fmt.Errorf("%w: the modules are others", ErrMigrate)
	}
	old, m := bareMachine(from), bareMachine(to)
	if err := old.restore(snapshot); err != nil {
		return nil, err
	}
	m.model, m.modules = old.model, old.modules
	m.started, m.done, m.running = old.started, old.done, old.running
	m.nextID, m.lastInvoke = old.nextID, old.lastInvoke
	m.internal, m.event, m.doneData = old.internal, old.event, old.doneData
	x := &migration{from: from, to: to}
	x.set(m.configuration, old.configuration)
	if old.final != nil {
		m.final = newBitset(len(to.states))
		x.set(m.final, old.final)
	}
	if old.entered != nil {
		// One that is not there any more will not be entered either.
		for i := old.entered.next(0); i >= 0; i = old.entered.next(i + 1) {
			if n, ok := to.byID[from.states[i].id]; ok {
				m.entered.add(n)
			}
		}
	}
	for _, h := range from.histories {
		if len(old.history[h]) == 0 {
			continue
		}
		if n := x.state(h); n >= 0 {
			for _, s := range old.history[h] {
				m.history[n] = append(m.history[n], x.state(s))
			}
			slices.Sort(m.history[n])
		}
	}
	for _, v := range old.invocations {
		x.invocation(m, v)
	}
	x.legal(m.configuration)
	if x.err != nil {
		return nil, x.err
	}
	return m.Snapshot(nil)
}

// bareMachine has all of a Machine but data and modules, of which it knows the bytes.
func bareMachine(doc *Document) *Machine {
	m := &Machine{doc: doc, configuration: newBitset(len(doc.states)), history: make(map[int32][]int32), model: &sealedData{}}
	if doc.late {
		m.entered = newBitset(len(doc.states))
	}
	for range doc.modules {
		m.modules = append(m.modules, &sealedModule{})
	}
	return m
}

// sealedData is a Model that keeps its snapshot as it is.
type sealedData struct {
	datamodel.Model
	bytes []byte
}

func (d *sealedData) SetEvent(*datamodel.Event) {}

func (d *sealedData) Restore(snapshot []byte) error {
	d.bytes = snapshot
	return nil
}

func (d *sealedData) Snapshot(dst []byte) ([]byte, error) { return append(dst, d.bytes...), nil }

// sealedModule is a ModuleState likewise.
type sealedModule struct {
	ModuleState
	bytes []byte
}

func (s *sealedModule) Restore(snapshot []byte) error {
	s.bytes = snapshot
	return nil
}

func (s *sealedModule) Snapshot(dst []byte) ([]byte, error) { return append(dst, s.bytes...), nil }

// migration finds the states of one document in another.
type migration struct {
	from, to *Document
	err      error // the first
}

func (x *migration) fail(format string, args ...any) {
	if x.err == nil {
		x.err = fmt.Errorf("%w: %s", ErrMigrate, fmt.Sprintf(format, args...))
	}
}

// state returns the index of a state in the new document, or -1 after an error.
func (x *migration) state(i int32) int32 {
	if i == 0 {
		return 0
	}
	old := x.from.states[i]
	n, ok := x.to.byID[old.id]
	if !ok {
		x.fail("there is no state %q", old.id)
		return -1
	}
	if history := x.to.states[n].kind >= shallowHistory; history != (old.kind >= shallowHistory) {
		x.fail("%q is a state in one and a history in the other", old.id)
		return -1
	}
	return n
}

func (x *migration) set(dst, src bitset) {
	for i := src.next(0); i >= 0; i = src.next(i + 1) {
		if n := x.state(i); n >= 0 {
			dst.add(n)
		}
	}
}

// invocation finds an <invoke> by its state and its place in that.
func (x *migration) invocation(m *Machine, v invocation) {
	n := x.state(v.invoke.state)
	if n < 0 {
		return
	}
	place := slices.Index(x.from.states[v.invoke.state].invokes, v.invoke)
	invokes := x.to.states[n].invokes
	if place >= len(invokes) {
		x.fail("the <invoke> with the id %q is not there", v.id)
		return
	}
	v.invoke = invokes[place]
	m.invocations = append(m.invocations, v)
}

// legal checks that a set of states is a configuration (section 3.11), or empty.
func (x *migration) legal(c bitset) {
	for i := c.next(0); i >= 0 && x.err == nil; i = c.next(i + 1) {
		s := x.to.states[i]
		if s.parent > 0 && !c.has(s.parent) {
			x.fail("%q would be active without %q around it", s.id, x.to.states[s.parent].id)
		}
		active, regions := 0, 0
		for _, child := range s.children {
			if x.to.states[child].kind < shallowHistory {
				regions++
				if c.has(child) {
					active++
				}
			}
		}
		switch {
		case s.kind == compoundState && active != 1:
			x.fail("%d states inside %q would be active", active, s.id)
		case s.kind == parallelState && active != regions:
			x.fail("not all regions of %q would be active", s.id)
		}
	}
	roots := 0
	for _, child := range x.to.states[0].children {
		if c.has(child) {
			roots++
		}
	}
	if !c.empty() && roots != 1 {
		x.fail("%d states at the top would be active", roots)
	}
}
