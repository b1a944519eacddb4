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

// ModuleContext is what a ModuleState, and the functions that it offers to
// scripts, may do in its session. Its methods are called inside of a macrostep
// only: while a script calls a function, or in Deliver.
type ModuleContext struct {
	m         *Machine
	namespace string // the first of the module's Namespaces
}

// SessionID returns the id of the session.
func (c *ModuleContext) SessionID() string { return c.m.opts.sessionID() }

// Configuration returns the ids of the active states in document order.
func (c *ModuleContext) Configuration() []string { return c.m.Configuration() }

// Raise queues an internal event.
func (c *ModuleContext) Raise(ev *Event) { c.m.raise(ev) }

// NewID makes up an id that is unique in the session and begins with prefix.
func (c *ModuleContext) NewID(prefix string) string { return c.m.newID(prefix) }

// Call emits an effect in the first of the module's namespaces.
func (c *ModuleContext) Call(name, requestID string, args *datamodel.Object) {
	c.m.emit(&ModuleCall{Namespace: c.namespace, Name: name, RequestID: requestID, Args: args})
}
