package scxml

import (
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

// MachineOptions are the settings of a Machine. All fields may be zero.
type MachineOptions struct {
	// SessionID is the value of _sessionid. Default "session".
	SessionID string

	// Params override the initial values of top-level <data> items of the same
	// name; in the ORS dialect, of all <data> items. Other names are ignored
	// (section 6.4).
	Params *datamodel.Object

	// IOProcessors is the value of _ioprocessors: name to location.
	IOProcessors map[string]string

	// X is the value of _x.
	X *datamodel.Object

	// Now and Random are what scripts see of time and chance; nil means the zero
	// time and the constant 0.
	Now    func() time.Time
	Random func() float64

	// CheckSend judges a <send> inside the macrostep: an error that matches
	// ErrSendType or ErrSendTarget raises error.execution, any other one
	// error.communication (section 6.2.4). It must be a pure, quick look-up. nil
	// accepts the SCXML event processor only, with every target.
	CheckSend func(*Send) error

	// Log receives each executed <log>. nil drops it.
	Log func(LogEntry)

	// Unhandled receives each error event for which there is no transition: the
	// chart does not know that something went wrong, so somebody else should.
	Unhandled func(*Event)

	// Trace receives every step; nil, or a nil callback, costs nothing.
	Trace *Trace

	Limits Limits
}

// LogEntry is an executed <log>.
type LogEntry struct {
	Label string
	Text  string // the value of expr, converted to a string by the data model
	Level int    // 0 in the W3C dialect; in the ORS dialect 1 (the default) record, 2 error, 3 warning, 4 debug
	Pos   Position
}

// Limits guard against runaway sessions. A zero field means its default, a
// negative one no limit. Going beyond one ends the session with a *LimitError.
type Limits struct {
	Microsteps       int // microsteps in one macrostep; default 10,000
	StateEntries     int // entries of one state in one macrostep, the first microstep aside; default 2,000
	Queue            int // events waiting in the internal queue; default 10,000
	Effects          int // effects of one macrostep; default 10,000
	datamodel.Limits     // evaluation time, call depth, memory
}

// Trace is a set of optional callbacks, called in the order in which things
// happen, on the goroutine that runs the Machine. They must not call the Machine.
type Trace struct {
	Document     func(DocumentTrace)           // the document was requested and is there; called by who loads it, before Start
	Persist      func(PersistTrace)            // the session was saved or brought back; called by who does it
	Started      func(doc *Document)           // Start begins
	EventQueued  func(ev *Event)               // an event enters the internal queue
	EventTaken   func(ev *Event)               // an event is taken from a queue to be processed
	EventDone    func(ev *Event, matched bool) // its transitions, if any, have been taken
	Transition   func(TransitionTrace)         // a transition's executable content begins
	Exit         func(state string)            // a state is left
	Enter        func(state string)            // a state is entered
	OnEntry      func(state string)            // the <onentry> handlers of a state begin
	OnExit       func(state string)            // the <onexit> handlers of a state begin
	Eval         func(EvalTrace)               // an expression has been evaluated
	Effect       func(Effect)                  // an effect has been emitted
	Log          func(LogEntry)                // a <log> has been executed
	Extension    func(ExtensionTrace)          // an element of a module begins
	Function     func(function string)         // a script calls a function of a module: "_genesys.session.timeInZone", or its name where the path is not known
	FunctionDone func(function string)         // it has returned, also with an exception; calls nest
	Error        func(event *Event, err error) // an error event is about to be queued
	Done         func(data datamodel.Value)    // a top-level final state was reached
}

// DocumentTrace describes how a session got its document.
type DocumentTrace struct {
	URL      string
	Cached   bool          // nothing was read and compiled
	Duration time.Duration // from the request until it was there
}

// TransitionTrace describes a transition that is taken.
type TransitionTrace struct {
	Source  string   // id of the source state
	Targets []string // ids; empty for a targetless transition
	Event   string   // name of the event; empty for an eventless transition
	Cond    string
	Pos     Position
}

// EvalTrace describes an evaluated expression.
type EvalTrace struct {
	Kind   datamodel.Kind
	Text   string
	Result bool            // of a condition
	Value  datamodel.Value // of an expression; nil for conditions, scripts and locations
	Err    error
	Pos    Position
}

// ExtensionTrace describes an element of a module that is executed.
type ExtensionTrace struct {
	Namespace, Name string
	Pos             Position
}

// PersistTrace describes how a session was saved or brought back.
type PersistTrace struct {
	Restored bool  // brought back; otherwise saved
	Bytes    int   // of its snapshot
	Err      error // nil: it succeeded
}

func (o *MachineOptions) sessionID() string {
	if o.SessionID == "" {
		return "session"
	}
	return o.SessionID
}
