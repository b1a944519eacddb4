// Package datamodel is the contract between the SCXML interpreter and an
// expression language, and holds the one language that needs no engine: the
// null data model.
//
// # The parts
//
//   - A [Language] is one data model of the SCXML Recommendation (section 5.10,
//     appendix B): "null", "ecmascript". It compiles expressions once per
//     document and makes one [Model] per session. It is immutable and safe for
//     concurrent use.
//   - A [Program] is a compiled expression, script, condition or assignment. It
//     belongs to the Language that made it, is immutable and is shared by all
//     sessions of the document.
//   - A [Model] is the data of one session. It is used by one goroutine at a
//     time and is never shared.
//   - A [Value] is data outside of any model: what events, parameters and done
//     data carry. Crossing the border of a Model always copies.
//
// # Values
//
// The canonical form of a Value is one of: nil (undefined), [Null], bool,
// float64, string, [time.Time], []Value, *[Object], [XML]. [From] turns ordinary Go values
// and encoding/json trees into it; [DecodeJSON] reads untrusted JSON text under
// limits. A Value that has been handed over is not changed any more, by either
// side. Two more kinds travel only from the host into a script: [HostObject]
// and [Func].
//
// # Errors
//
// A failing expression is reported as an [*EvalError]; the interpreter turns it
// into the event error.execution. An error that matches [ErrLimit] (evaluation
// time, call depth, memory) ends the session.
package datamodel
