package ecmascript

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/seed-ff723688/ors/datamodel"
)

// maxForeach is the longest array that <foreach> goes through.
const maxForeach = 1_000_000

// model is the data of one session.
type model struct {
	lang  *language
	host  datamodel.Host
	rt    Runtime
	scope scope
	watch *watch // made by the first evaluation that needs it

	inStep bool
	armed  bool  // the watch runs
	dead   error // matches ErrLimit: nothing is evaluated any more
	staged Value // what Assign assigns

	renamed map[string]string // program.renamed of the one that runs

	offered needs // what has been made of it
	ran     history
}

// BeginStep begins a macrostep.
func (m *model) BeginStep() { m.inStep = true }

// EndStep ends a macrostep.
func (m *model) EndStep() {
	m.inStep = false
	if m.armed {
		m.disarm()
	}
}

// arm starts the watch, unless it runs.
func (m *model) arm() {
	if !m.armed {
		m.armed = true
		if m.watch == nil {
			m.watch = newWatch(m.host.Limits, m.rt, &m.lang.collector)
		}
		m.watch.start()
	}
}

// look has the watch look at once.
func (m *model) look() {
	if m.armed {
		m.watch.look()
	}
}

// over returns the limit that has been exceeded.
func (m *model) over() error {
	if m.armed {
		return m.watch.over()
	}
	return nil
}

func (m *model) disarm() {
	m.armed = false
	if err := m.watch.stop(); err != nil && m.dead == nil {
		m.dead = err
	}
}

// settle ends an evaluation outside of a macrostep.
func (m *model) settle() {
	if m.armed && !m.inStep {
		m.disarm()
	}
}

// prog checks that p is a program of this language that can be run.
func (m *model) prog(p datamodel.Program, foreach bool) (*program, error) {
	if m.dead != nil {
		return nil, &datamodel.EvalError{Text: "session", Message: m.dead.Error(), Err: m.dead}
	}
	q, ok := p.(*program)
	if !ok || q.foreach != foreach || q.code == nil {
		return nil, &datamodel.EvalError{Text: "program", Message: "not a program of this kind and data model"}
	}
	if q.defines != nil {
		m.ran.note(q.defines)
	}
	if q.needs&^m.offered != 0 {
		if err := m.offer(q.needs); err != nil {
			return nil, m.failed(q.text, err)
		}
	}
	m.renamed = q.renamed
	return q, nil
}

// failed turns the error of an engine into one of the contract.
func (m *model) failed(text string, err error) error {
	if errors.Is(err, datamodel.ErrLimit) {
		m.dead = err
	}
	var ee *datamodel.EvalError
	if errors.As(err, &ee) {
		return ee
	}
	out := &datamodel.EvalError{Text: text, Message: err.Error(), Err: err}
	var ex *Exception
	if errors.As(err, &ex) {
		out.Err = ex.Err
	}
	return out
}

// Cond evaluates a condition.
func (m *model) Cond(p datamodel.Program) (bool, error) {
	q, err := m.prog(p, false)
	if err != nil {
		return false, err
	}
	ok, err := m.rt.Cond(q.code)
	if m.armed {
		m.settle()
	}
	if err != nil {
		return false, m.failed(q.text, err)
	}
	return ok, nil
}

// Exec runs a script or an assignment.
func (m *model) Exec(p datamodel.Program) error {
	q, err := m.prog(p, false)
	if err != nil {
		return err
	}
	v, err := m.rt.Run(q.code)
	if q.store != nil && err == nil {
		m.staged = v
		_, err = m.rt.Run(q.store)
		m.staged = nil
	}
	if m.armed {
		m.settle()
	}
	if err != nil {
		return m.failed(q.text, err)
	}
	return nil
}

// Eval evaluates an expression and copies the result out.
func (m *model) Eval(p datamodel.Program) (out datamodel.Value, err error) {
	q, err := m.prog(p, false)
	if err != nil {
		return nil, err
	}
	defer m.settle()
	v, err := m.rt.Run(q.code)
	if err == nil {
		out, err = m.out(v)
	}
	if err != nil {
		return nil, m.failed(q.text, err)
	}
	return out, nil
}

// EvalString evaluates an expression and converts the result to a string. XML
// is its text.
func (m *model) EvalString(p datamodel.Program) (s string, err error) {
	q, err := m.prog(p, false)
	if err != nil {
		return "", err
	}
	defer m.settle()
	v, err := m.rt.Run(q.code)
	if err == nil {
		if n, ok := m.rt.DynamicOf(v).(*domNode); ok {
			s = n.xml()
		} else {
			m.arm()
			err = m.rt.Protect(func() error { s = m.rt.ToString(v); return nil })
		}
	}
	if err == nil {
		s, err = m.short(s)
	}
	if err != nil {
		return "", m.failed(q.text, err)
	}
	return s, nil
}

// Assign copies v into a location.
func (m *model) Assign(location datamodel.Program, v datamodel.Value) error {
	defer m.settle()
	q, ok := location.(*program)
	if ok && q.ident != "" && m.dead == nil {
		if _, exists := m.rt.Global(q.ident); !exists && !q.sloppy {
			return &datamodel.EvalError{Text: q.ident, Message: q.ident + " is not declared"}
		}
		return m.Set(q.ident, v)
	}
	q, err := m.prog(location, false)
	if err != nil {
		return err
	}
	if q.kind != datamodel.LocationExpression {
		return &datamodel.EvalError{Text: q.text, Message: "not a location"}
	}
	m.staged, err = m.in(v)
	if err == nil {
		_, err = m.rt.Run(q.code)
	}
	m.staged = nil
	if err != nil {
		return m.failed(q.text, err)
	}
	return nil
}

// Declare creates a variable with the value undefined.
func (m *model) Declare(id string) error {
	if err := m.writable(id); err != nil {
		return err
	}
	defer m.settle()
	if err := m.rt.Declare(id); err != nil {
		return m.failed(id, err)
	}
	return nil
}

// writable checks the name of a variable.
func (m *model) writable(id string) error {
	switch {
	case m.dead != nil:
		return &datamodel.EvalError{Text: id, Message: m.dead.Error(), Err: m.dead}
	case !isIdentifier(id):
		return &datamodel.EvalError{Text: cmp.Or(id, "variable"), Message: fmt.Sprintf("%q is not the name of a variable", shorten(id))}
	case m.scope.has(id):
		return &datamodel.EvalError{Text: id, Message: id + " is read-only"}
	}
	return nil
}

// Set copies v into a variable.
func (m *model) Set(id string, v datamodel.Value) error {
	if err := m.writable(id); err != nil {
		return err
	}
	defer m.settle()
	e, err := m.in(v)
	if err == nil {
		err = m.rt.SetGlobal(id, e)
	}
	if err != nil {
		return m.failed(id, err)
	}
	return nil
}

// Get copies a variable out.
func (m *model) Get(id string) (datamodel.Value, error) {
	if m.dead != nil {
		return nil, &datamodel.EvalError{Text: id, Message: m.dead.Error(), Err: m.dead}
	}
	defer m.settle()
	v, ok := m.rt.Global(id)
	if !ok {
		return nil, &datamodel.EvalError{Text: id, Message: id + " is not declared"}
	}
	out, err := m.out(v)
	if err != nil {
		return nil, m.failed(id, err)
	}
	return out, nil
}

// Foreach runs body for each item of a shallow copy of an array (section 4.6).
func (m *model) Foreach(p datamodel.Program, body func() error) error {
	q, err := m.prog(p, true)
	if err != nil {
		return err
	}
	defer m.settle()
	for _, name := range []string{q.item, q.index} {
		if name != "" && m.scope.has(name) {
			return &datamodel.EvalError{Text: q.text, Message: "foreach: " + name + " is read-only"}
		}
	}
	v, err := m.rt.Run(q.code)
	if err != nil {
		return m.failed(q.text, err)
	}
	if m.rt.Class(v) != Array {
		return &datamodel.EvalError{Text: q.text, Message: "foreach: the collection is not an array"}
	}
	var items []Value
	m.arm()
	err = m.rt.Protect(func() error {
		n := m.rt.Length(v)
		if n > maxForeach {
			return &datamodel.EvalError{Text: q.text, Message: fmt.Sprintf("foreach: the array has more than %d items", maxForeach)}
		}
		items = make([]Value, n)
		for i := range items {
			items[i] = m.rt.Index(v, i)
		}
		return nil
	})
	if err != nil {
		return m.failed(q.text, err)
	}
	// Both exist afterwards, even when the array is empty.
	if err := m.declareLoop(q); err != nil {
		return m.failed(q.text, err)
	}
	for i, item := range items {
		if err := m.rt.SetGlobal(q.item, item); err != nil {
			return m.failed(q.text, err)
		}
		if q.index != "" {
			if err := m.rt.SetGlobal(q.index, m.rt.FromNumber(float64(i))); err != nil {
				return m.failed(q.text, err)
			}
		}
		if err := body(); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) declareLoop(q *program) error {
	if err := m.rt.Declare(q.item); err != nil {
		return err
	}
	if q.index != "" {
		return m.rt.Declare(q.index)
	}
	return nil
}

// SetEvent makes ev the value of _event.
func (m *model) SetEvent(ev *datamodel.Event) {
	m.scope.event = ev
	m.scope.eventValue = nil
}

// Close releases what the model holds.
func (m *model) Close() error {
	if m.rt != nil {
		if m.armed {
			m.disarm()
		}
		m.rt.Close()
	}
	m.dead = errClosed
	return nil
}

var errClosed = errors.New("ecmascript: the model is closed")
