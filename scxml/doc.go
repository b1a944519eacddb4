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
// Documents may be put together of several files by XInclude
// (http://www.w3.org/2001/XInclude): <xi:include> with parse="text", the default
// parse="xml", xpointer (an id, element(), or xpointer() with XPath in it) and
// <xi:fallback>. Diagnostics name the file that a place is in. Numbers, depth
// and sizes have limits ([ParseLimits]), and cycles are found.
//
// # The ORS dialect
//
// Documents made for Orchestration Server are written in an earlier form of SCXML
// with extensions ([ORS]). By default they are known by profile="ecmascript"
// on <scxml>. Their data model is the language "ecmascript". What Parse reads in
// another way there:
//
//   - <send event target type delay>, also targettype, and <cancel sendid>, also
//     id, are expressions: event="'go'". What is a string in quotes costs nothing at
//     run time. idlocation and sendid of <send> are places for a made-up id unless
//     sendid is a string in quotes; id is the id itself, with or without quotes.
//     The words scxml, basichttp and fm and URLs may stand in type without quotes.
//     Sessions are named by their id alone; _internal and _parent are known.
//   - <cancel> is answered by an event ([Cancel.Answer]).
//   - <raise event="literal"> may have <param> or <content>; <event name> is an
//     older name of it.
//   - <log level> is 1 to 4, 1 without it ([LogEntry.Level]).
//   - type and src of <invoke> are expressions or literal: src is literal when it
//     has a slash, or ends in .scxml or .xml, and has neither quotes nor
//     parentheses nor a plus sign.
//   - Value expressions and conditions are programs, of which the completion value
//     counts.
//   - XML comments in <script> keep their lines.
//   - Start parameters override every <data> of their name, not only top-level ones;
//     ids of <data> are names of variables.
//   - <initial> may stand in <scxml>. Attributes that begin with an underscore are
//     kept, and unknown ones mean nothing; [Settings] has those of <scxml> that have
//     a meaning.
//   - <xi:include resolveid="P"> puts "P." before the ids of the states that it
//     includes and P for $$_MY_PREFIX_$$ in attributes there. Nested, P.Q; a
//     resolveid that begins with $$_MY_PREFIX_$$ is taken as it is. Where there is no
//     prefix, as in a workflow that is loaded by itself, $$_MY_PREFIX_$$ and the point
//     behind it vanish. What stands in <data>, <assign> and <content> is left alone.
//   - A transition of a state that was included with resolveid to states inside it
//     does not leave it, unless it has type="external": workflows declare their
//     variables there, and their exceptions go on with them. States inside that
//     cannot be entered are no reason for a warning.
//
// Everything else, <history> and <foreach> among it, is as in SCXML 1.0.
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
// # The ORS dialect
//
// [Dialect] tells how a document is recognized and what the parser then accepts. When it runs,
// expressions are programs whose completion value counts, and all code is sloppy mode code. Each state
// has a scope of its own for what its scripts declare, looked up outwards, which ends when
// the state is left; transitions run in that of their source. A variable of a state whose name occurs
// out of its sight as well gets another name in the data model, which new Function and this.x do not know; let, const
// and class are var. Scripts find _data, toSource,
// _my_prefix, __Log(text, label, level), __Raise(name, data), __GetDocumentURL, __GetDocumentBaseURL,
// __GetDocumentType, __GetCurrentStates and __GetQueuedEvents.
//
// Error events have the names of Orchestration Server (error.script.ReferenceError, error.illegalcond.TypeError, …);
// transitions for error.execution and error.communication take them as well. Done events have
// sessionid, reason and params. <cancel> is answered ([Cancel]). [MetricTrace] writes what happens in the form of that
// server's log.
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
// Module.Compile turns an element into an [Action] and reports what is wrong with
// it. The Action runs inside the macrostep: it evaluates its attributes, writes
// locations, and emits a [ModuleCall] for what takes time; package session hands
// that to a ModuleHandler, which answers with events. The program in
// examples/custom-module is a module from end to end.
//
// # Concurrency
//
// Documents are safe for concurrent use, machines are not: one goroutine at a
// time.
package scxml
