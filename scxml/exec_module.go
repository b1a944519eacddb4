package scxml

import (
	"errors"

	"github.com/seed-ff723688/ors/datamodel"
)

// Exec is what an Action runs with: the session's data and the means to raise
// events and emit effects. It is valid during Execute only.
//
// Values that an Action hands over may be anything that datamodel.From takes: Go
// maps, slices and numbers too.
type Exec struct {
	m               *Machine
	namespace, name string
	pos             Position
}

// errNoExpression is what an Action gets that evaluates an attribute which the
// document left out.
var errNoExpression = errors.New("scxml: no expression: the attribute is not there")

// SessionID returns the id of the session.
func (x *Exec) SessionID() string { return x.m.opts.sessionID() }

// Eval evaluates an expression and copies the result out of the data model. A
// nil expression, of an attribute that is not there, is an error.
func (x *Exec) Eval(e *Expression) (datamodel.Value, error) {
	if e == nil {
		return nil, errNoExpression
	}
	return x.m.eval(e.e)
}

// EvalString evaluates an expression and converts the result to a string. A nil
// expression is an error.
func (x *Exec) EvalString(e *Expression) (string, error) {
	if e == nil {
		return "", errNoExpression
	}
	return x.m.evalString(e.e)
}

// Assign writes v to a location.
func (x *Exec) Assign(location *Expression, v datamodel.Value) error {
	if location == nil {
		return errNoExpression
	}
	v, err := datamodel.From(v)
	if err != nil {
		return err
	}
	return x.m.assign(location.e, v)
}

// Raise queues an internal event. Data that is no value gives error.execution
// instead.
func (x *Exec) Raise(ev *Event) { x.m.raiseFor(x.name, ev) }

// NewID makes up an id that is unique in the session.
func (x *Exec) NewID() string { return x.m.newID(x.name) }

// Call emits the effect of the element, for the module's side that does I/O
// (session.ModuleHandler). An argument that is no value gives error.execution
// instead.
//
// Most actions answer later, and name what they answer to: write x.NewID() to the
// location in the attribute requestid, call with it, and let the handler send an event
// whose data has it as requestid.
func (x *Exec) Call(requestID string, args *datamodel.Object) {
	x.m.call(&ModuleCall{Namespace: x.namespace, Name: x.name, RequestID: requestID, Args: args, Pos: x.pos})
}

// raiseFor queues an event that a module made.
func (m *Machine) raiseFor(element string, ev *Event) {
	data, err := datamodel.From(ev.Data)
	if err != nil {
		m.raiseError(errorExecution, "", element, Position{File: m.doc.url}, err)
		return
	}
	own := *ev
	own.Data = data
	m.raise(&own)
}

// call emits an effect that a module made.
func (m *Machine) call(c *ModuleCall) {
	if c.Args != nil {
		args, err := datamodel.From(c.Args)
		if err != nil {
			m.raiseError(errorExecution, "", c.Name, Position{File: m.doc.url}, err)
			return
		}
		c.Args, _ = args.(*datamodel.Object)
	}
	m.emit(c)
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
func (c *ModuleContext) Raise(ev *Event) { c.m.raiseFor("", ev) }

// NewID makes up an id that is unique in the session and begins with prefix.
func (c *ModuleContext) NewID(prefix string) string { return c.m.newID(prefix) }

// Call emits an effect in the first of the module's namespaces.
func (c *ModuleContext) Call(name, requestID string, args *datamodel.Object) {
	c.m.call(&ModuleCall{Namespace: c.namespace, Name: name, RequestID: requestID, Args: args})
}
