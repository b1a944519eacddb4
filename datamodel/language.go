package datamodel

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what an expression stands for in a document.
type Kind uint8

// The kinds of expression (SCXML 1.0, section 5.9).
const (
	ValueExpression       Kind = iota // any legal value expression
	ConditionalExpression             // evaluated to a boolean
	LocationExpression                // something that can be assigned to
	Script                            // the body of a <script>
)

var kindNames = [...]string{"expression", "condition", "location", "script"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Source is the text of an expression and where it stands, for messages.
type Source struct {
	Text         string
	Kind         Kind
	File         string // URL or name of the document
	Line, Column int    // 1-based position of the first character of Text

	// Statements marks a text of the ORS dialect. A value expression or condition
	// is evaluated as a program, of which the completion value counts: "a = 1; b;",
	// "label: f()"; without it the text is one expression and nothing else. A text
	// that is an expression means the same either way. All is sloppy mode code: an
	// assignment creates what does not exist.
	Statements bool
}

// Program is a compiled expression. It is opaque to everybody but the Language
// that returned it, immutable, and safe for concurrent use.
type Program any

// Language is one data model. Implementations are immutable and safe for
// concurrent use.
type Language interface {
	// Name is the value of the datamodel attribute that selects the language.
	Name() string

	// Compile compiles one expression. The error is a *CompileError.
	Compile(src Source) (Program, error)

	// CompileAssign compiles the assignment of expr to location, for Model.Exec.
	// The value does not leave the model: identity and type are kept.
	// The error is a *CompileError.
	CompileAssign(location, expr Source) (Program, error)

	// CompileForeach compiles the head of a <foreach> (section 4.6). item and
	// index name the variables, which are declared when they do not exist; index
	// may be empty. An illegal name is a *CompileError.
	CompileForeach(array, item, index Source) (Program, error)

	// New makes the data of one session. It runs no code of the document.
	New(host Host) (Model, error)
}

// Scoper is implemented by a Language whose variables can be given to a part of
// the document alone. It has variables of the whole session only; who knows the
// parts renames what would get into the way of others.
type Scoper interface {
	Language

	// Variables tells which names of the session's scope a program deals with.
	Variables(p Program) (*Variables, error)

	// Rename compiles a program anew with other names for its variables: to has
	// the new name for an old one, or a literal for one that is only read. What
	// the program declares with let, const and class becomes a var, so that it can
	// be declared again. Text that the program itself gives to eval is treated alike
	// when it is run. A program that has none of the names is returned as it
	// is. The program was compiled from a Source with Statements.
	Rename(p Program, to map[string]string) (Program, error)

	// Reserved reports whether a name belongs to the language or the system.
	Reserved(name string) bool
}

// Variables are names that a program deals with, each once, in the order in
// which they appear. Those of functions and blocks inside are not among them.
type Variables struct {
	Declared []string // by var, function, let, const and class
	Lexical  bool     // some of them by let, const or class
	Used     []string // read, written or declared
	Assigned []string // written, other than by their declaration
}

// Host is what a Model is given of the outside world. Nothing else reaches it:
// no clock, no randomness, no file, no network (a Machine is a pure function of
// document, snapshot and event).
type Host struct {
	SessionID string
	Name      string // value of _name

	// In answers the In() predicate. Required.
	In func(stateID string) bool

	// Now is the clock that scripts see; nil means the zero time.
	Now func() time.Time

	// Random returns a number in [0,1); nil means the constant 0.
	Random func() float64

	// IOProcessors is the value of _ioprocessors: processor name to location.
	IOProcessors map[string]string

	// X is the value of _x; nil means an empty object.
	X *Object

	// Globals are further read-only names offered to scripts, added by modules.
	// The key is a name or a dotted path below a name, such as "_genesys.ixn".
	Globals map[string]Value

	// Called is told of each call of a Func that scripts find below Globals, with its
	// path where that is known ("_genesys.session.timeInZone"), else its name. nil
	// costs nothing.
	Called func(function string)

	// Returned is told when such a call has returned, also with an exception. Calls of
	// one session nest. nil costs nothing.
	Returned func(function string)

	// Legacy asks for what scripts found on Orchestration Server; nil: nothing of it.
	Legacy *Legacy

	Limits Limits
}

// Legacy is what scripts of Orchestration Server expect beside the standard: the
// object _data, and the method toSource of every object.
type Legacy struct {
	// Data are the names of the variables that are members of _data. Further
	// members that scripts give it are no variables.
	Data []string
}

// Limits bound every single evaluation. A zero field means its default, a
// negative one no limit.
type Limits struct {
	// Time is the longest a macrostep may spend evaluating; default 5 s.
	// A script that exceeds it cannot catch the interruption.
	Time time.Duration

	// CallDepth is the deepest nesting of script calls; default 500.
	CallDepth int

	// Memory is the number of bytes that evaluations of one macrostep may add to
	// the data of the session before they are interrupted; default 64 MiB. It is a
	// safety net measured now and then, not an exact account: about four times as
	// much may be in use before it works.
	Memory int64
}

// Default limits of an evaluation.
const (
	DefaultTime      = 5 * time.Second
	DefaultCallDepth = 500
	DefaultMemory    = 64 << 20
)

// WithDefaults returns l with zero fields set to their defaults.
func (l Limits) WithDefaults() Limits {
	if l.Time == 0 {
		l.Time = DefaultTime
	}
	if l.CallDepth == 0 {
		l.CallDepth = DefaultCallDepth
	}
	if l.Memory == 0 {
		l.Memory = DefaultMemory
	}
	return l
}

// Model is the data of one session. Only one goroutine may use it at a time.
type Model interface {
	// BeginStep and EndStep bracket the evaluations of one macrostep. The limits
	// of Host.Limits count from BeginStep.
	BeginStep()
	EndStep()

	// Declare creates a variable with the value undefined (section 5.3).
	Declare(id string) error

	// SetEvent makes ev the value of _event (section 5.10.1). The event stays
	// valid and unchanged until the next SetEvent. The cost is paid when a script
	// reads it, not here. Within one call it is one identical object.
	SetEvent(ev *Event)

	// Exec runs a script or an assignment.
	Exec(p Program) error

	// Cond evaluates a condition.
	Cond(p Program) (bool, error)

	// Eval evaluates an expression and copies the result out of the model. What
	// cannot be copied (a function, a cycle) is an error.
	Eval(p Program) (Value, error)

	// EvalString evaluates an expression and converts the result to a string as
	// the language does.
	EvalString(p Program) (string, error)

	// Assign copies v into the location (a Program of kind LocationExpression).
	Assign(location Program, v Value) error

	// Set copies v into the variable id, which has been declared.
	Set(id string, v Value) error

	// Get copies the variable id out of the model.
	Get(id string) (Value, error)

	// Foreach runs body for each item of a shallow copy of the collection. An
	// error of body ends the loop and is returned.
	Foreach(p Program, body func() error) error

	// Snapshot appends the data of the session to dst in an engine-neutral,
	// deterministic form. What cannot be saved is an error that names its path
	// and matches ErrNotSerializable.
	Snapshot(dst []byte) ([]byte, error)

	// Restore replaces the data by that of a snapshot, in a Model that
	// Language.New has just made. The programs of the document from which the session
	// came must have been compiled by the same Language and be in use, since a snapshot
	// may refer to their functions (ErrProgramMissing). Damaged input is an error that
	// matches ErrSnapshot.
	Restore(snapshot []byte) error

	// Close releases what the model holds. It may be called more than once.
	Close() error
}

// EventType is the value of _event.type (section 5.10.1).
type EventType uint8

// The types of event.
const (
	External EventType = iota // from outside, or by <send> without a target
	Internal                  // by <raise>, or <send target="#_internal">
	Platform                  // by the interpreter: done.…, error.…
)

var eventTypeNames = [...]string{"external", "internal", "platform"}

func (t EventType) String() string {
	if int(t) < len(eventTypeNames) {
		return eventTypeNames[t]
	}
	return fmt.Sprintf("EventType(%d)", uint8(t))
}

// Event is an SCXML event (section 5.10.1). Once it has been sent it is not
// changed any more.
type Event struct {
	Name       string
	Type       EventType
	SendID     string // empty: undefined
	Origin     string // empty: undefined
	OriginType string // empty: undefined
	InvokeID   string // empty: undefined
	Data       Value  // nil: undefined

	// InvokeSerial tells invocations with the same InvokeID apart (scxml.Invoke).
	// 0: not known. Scripts cannot read it.
	InvokeSerial uint64

	// Raw is the message as a transport received it; scripts read it as
	// _event.raw (BasicHTTP event I/O processor, appendix C.2). Empty: undefined.
	Raw string

	// Context is carried along for extension modules, which bring their objects
	// up to date with it before scripts see the event. Scripts cannot read it.
	Context Value
}

// Errors that callers branch on.
var (
	// ErrLimit: an evaluation went beyond Limits. The session cannot go on.
	ErrLimit = errors.New("datamodel: evaluation limit exceeded")

	// ErrNotSerializable: data that no snapshot can hold.
	ErrNotSerializable = errors.New("datamodel: value cannot be saved")

	// ErrSnapshot: bytes that are no snapshot, are damaged, or were written by a
	// newer version.
	ErrSnapshot = errors.New("datamodel: snapshot not readable")

	// ErrProgramMissing: a snapshot refers to a function of a script that the language
	// has not compiled. It is in the chain of an *EvalError that names its path.
	ErrProgramMissing = errors.New("datamodel: the script of a function has not been compiled")

	// ErrUnsupported: the language has no such operation (the null data model
	// has no variables).
	ErrUnsupported = errors.New("datamodel: operation not supported by the data model")
)

// CompileError reports an expression that the language does not accept.
type CompileError struct {
	Source       Source
	Message      string // of the engine, without position
	Line, Column int    // 1-based, in the document; the start of Source when unknown
}

func (e *CompileError) Error() string {
	return fmt.Sprintf("datamodel: %s:%d:%d: illegal %s: %s", e.Source.File, e.Line, e.Column, e.Source.Kind, e.Message)
}

// EvalError reports an evaluation that failed.
type EvalError struct {
	Text    string // the expression
	Message string // what the engine said
	Err     error  // cause, when there is one: ErrLimit, or a host function's error
}

func (e *EvalError) Error() string {
	return fmt.Sprintf("datamodel: evaluating %q: %s", shorten(e.Text, 120), e.Message)
}

// Unwrap returns the cause.
func (e *EvalError) Unwrap() error { return e.Err }

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
