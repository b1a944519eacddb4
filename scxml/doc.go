// Package scxml parses SCXML documents (W3C Recommendation of 1 September 2015)
// and runs them.
//
// # Document
//
// [Parse] turns source text into an immutable [Document]: structure checked,
// every expression compiled once, tables for the interpreter derived. All
// sessions share it. What is wrong is reported all at once, in a [ParseError]
// of [Diagnostic] values with position, source line, hint and section of the
// standard; what is merely doubtful is in [Document.Warnings]. An illegal
// expression is such a warning: it raises error.execution when it is evaluated
// (section 5.9).
//
// # Machine
//
// A [Machine] is one instance of a document. It is pure: no I/O, no goroutine,
// no clock and no chance but those of [MachineOptions]. The same document, the same
// snapshot and the same event give the same trace.
//
//	m, err := scxml.NewMachine(doc, nil)
//	effects, err := m.Start()                          // first macrostep
//	effects, err = m.Handle(&scxml.Event{Name: "go"})  // one macrostep each
//
// What the outside has to do comes back as [Effect] values: deliver an event
// ([Send]), drop a delayed one ([Cancel]), start or end a service ([Invoke],
// [CancelInvoke]), pass an event on ([Forward]), carry out the element of an
// extension ([ModuleCall]). Events to the own internal queue never leave the machine.
// Package session does all of this; use a Machine directly to test a chart or to
// build an engine of your own.
//
// # What goes wrong in a chart
//
// An error inside a chart is an event: error.execution or
// error.communication, of type platform, with _event.data of the members description,
// document, element and linenumber. It ends the block of executable content in
// which it happens. A Go error of Start or Handle means that the session cannot
// go on: it went beyond one of its [Limits], which end runaway charts and scripts,
// or it was called at the wrong time.
//
// # Snapshots
//
// Between macrosteps [Machine.Snapshot] saves a machine in a binary, versioned form,
// and [RestoreMachine] goes on from there, in another process or with another
// engine of the same data model.
//
// # Extensions
//
// A [Module] gives meaning to the elements of a namespace in executable content
// and adds read-only objects to the data model. An element of a namespace that nobody
// has registered raises error.execution when it is executed; foreign
// elements elsewhere, and foreign attributes, are kept out of the way.
//
// # Concurrency
//
// Documents are safe for concurrent use, machines are not: one goroutine at a
// time.
package scxml
