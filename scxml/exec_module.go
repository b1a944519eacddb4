package scxml

import "github.com/seed-ff723688/ors/datamodel"

// Exec is what an Action runs with: the session's data and the means to raise
// events and emit effects. It is valid during Execute only.
type Exec struct {
	m               *Machine
	namespace, name string
}

// SessionID returns the id of the session.
func (x *Exec) SessionID() string { return x.m.opts.sessionID() }

// Eval evaluates an expression and copies the result out of the data model.
func (x *Exec) Eval(e *Expression) (datamodel.Value, error) { return x.m.eval(e.e) }

// EvalString evaluates an expression and converts the result to a string.
func (x *Exec) EvalString(e *Expression) (string, error) { return x.m.evalString(e.e) }

// Assign writes v to a location.
func (x *Exec) Assign(location *Expression, v datamodel.Value) error {
	return x.m.assign(location.e, v)
}

// Raise queues an internal event.
func (x *Exec) Raise(ev *Event) { x.m.raise(ev) }

// NewID makes up an id that is unique in the session.
func (x *Exec) NewID() string { return x.m.newID(x.name) }

// Call emits the effect of the element, for the module's side that does I/O.
func (x *Exec) Call(requestID string, args *datamodel.Object) {
	x.m.emit(&ModuleCall{Namespace: x.namespace, Name: x.name, RequestID: requestID, Args: args})
}
