package scxml

import "github.com/seed-ff723688/ors/datamodel"

// Module gives meaning to the elements of one or more XML namespaces in
// executable content, and may add read-only names to the data model. A Module
// is registered in ParseOptions.Modules; it is immutable and safe for
// concurrent use. State of a session lives in a ModuleState.
type Module interface {
	// Namespaces lists the namespace URIs that the module answers for.
	Namespaces() []string

	// Compile checks an element that stands in executable content and returns
	// what to do when it is executed. Problems are reported through c; the
	// returned Action may then be nil.
	Compile(e *Element, c *Compiler) Action

	// NewState makes the module's part of a session; nil when it has none. The
	// part may keep c, for the functions that it offers to scripts.
	NewState(c *ModuleContext) ModuleState
}

// ModuleState is a module's part of one session. Its methods are called by one
// goroutine at a time, inside the macrostep.
type ModuleState interface {
	// Globals returns names for the data model (datamodel.Host.Globals), once,
	// when the session's Model is made.
	Globals() map[string]datamodel.Value

	// Deliver is called with each external event before scripts see it, so that
	// the module's objects can be brought up to date.
	Deliver(ev *datamodel.Event)

	// Snapshot appends the state to dst; Restore replaces it. The state is stored under the
	// first of the module's Namespaces. No bytes mean that of a new session: then Restore is
	// not called.
	Snapshot(dst []byte) ([]byte, error)
	Restore(snapshot []byte) error
}

// Resident is what a ModuleState adds when it can tell whether its session has to be in
// memory, where the module reaches it. Such a session stays in memory, and is the first
// to be brought back after a restart. Of a state without this method the session has to
// be in memory while Snapshot returns anything.
type Resident interface {
	// Resident is called after Snapshot and after Restore.
	Resident() bool
}

// Followed is what a ModuleState adds when its module may follow something for the session
// in the world outside, such as a call, and has to learn of it after a restart: the
// session is brought back once then, so that Restore is called. It may leave memory again,
// if Resident allows: what happens outside is sent to it as an event.
type Followed interface {
	// Followed is called after Snapshot and after Restore.
	Followed() bool
}

// Action is a compiled element of a module. It is shared by all sessions.
type Action interface {
	// Execute runs inside the macrostep: no I/O, no waiting. It evaluates its
	// attributes, writes locations and emits effects through x. An error ends the
	// block of executable content and raises error.execution.
	Execute(x *Exec) error
}

// Attr is an attribute. Space is the namespace URI, empty for none.
type Attr struct {
	Space, Name, Value string
	Pos                Position // of the value
}

// Element is an element of a module's namespace as it stands in the document.
type Element struct {
	Namespace, Name string
	Attrs           []Attr
	Children        []*Element
	Text            string // character data directly inside, white space trimmed
	Pos             Position
}

// Attr returns the attribute without a namespace that has the given name.
func (e *Element) Attr(name string) (Attr, bool) {
	for _, a := range e.Attrs {
		if a.Space == "" && a.Name == name {
			return a, true
		}
	}
	return Attr{}, false
}

// Expression is a compiled expression that an Action evaluates with Exec.
type Expression struct{ e *expression }
