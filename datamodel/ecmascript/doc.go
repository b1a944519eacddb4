// Package ecmascript is the ECMAScript data model of SCXML (appendix B.2) on
// top of a small [Engine] interface.
//
// [New] turns an Engine into a [datamodel.Language]. Two engines exist, each in
// a package of its own so that a program links only what it uses:
// datamodel/ecmascript/goja, the default, and datamodel/ecmascript/otto. What an
// engine cannot do stands in its [Features]; both run one conformance suite,
// datamodel/ecmascript/ecmatest, which asks for everything else.
//
// # Expressions and scripts
//
// Value expressions, conditions and locations are strict mode code: an
// assignment to an undeclared name, or to something read-only, is an error. An
// expression is one expression and nothing else; {a: 1} is an object, and
// semicolons behind it are dropped. Scripts are sloppy mode code, as browsers
// run them; their var, function, let, const and class at the top level are
// visible to everything that runs later. An assignment is compiled as a whole,
// so that identity and type of the value are kept.
//
// <foreach> goes through a shallow copy of an array, and of nothing else; item
// and index are names of variables, which are declared when they do not exist.
//
// # System variables
//
// _event, _sessionid, _name, _ioprocessors, _x, In and the names in
// Host.Globals are read-only: to write to them, or to declare them, throws, in
// sloppy mode too. _event is one object until the next event, with the members
// name, type, sendid, origin, origintype, invokeid and data (undefined when the
// event has none), and raw when the event has it. What is inside of _event, _x and
// _ioprocessors is read-only as well, all the way down: a script that wants to
// change the data of an event makes a copy, JSON.parse(JSON.stringify(_event.data)).
// An event that a script stores keeps its values and stays read-only. The name
// _assigned is reserved.
//
// # The ORS dialect
//
// Texts with Source.Statements are sloppy mode code. What is no expression is run
// as a program and gives its completion value. With Host.Legacy the members of
// _event and of the names in Host.Globals are those of a frozen object: what sloppy mode
// code writes there is ignored, and a TypeError in strict mode code. There is _data,
// an object with all data items as members that scripts may extend, and every
// object has the method toSource in the form of SpiderMonkey, which refers to an
// object around the present one as {}.
//
// Such texts may be written in JavaScript 1.7 or 1.8, as far as these were used:
// comments <!-- and -->, for each (v in o), catch (e if condition), let (…) { … },
// uneval, functions of constructors such as Array.forEach(list, f) and
// String.trim(s), __defineGetter__ and its like, getYear, setYear, toGMTString and
// toLocaleFormat (in English) of dates, quote, bold, link and the like of strings,
// RegExp.$1 and what else tells of the last match, which is not saved.
// E4X, array comprehensions, functions without braces, let expressions, generators
// without function* and sharp variables are errors at load that say what to write
// in their place. Text for eval and Function is that of the engine.
//
// The language is a [datamodel.Scoper]: variables can be given to a part of a
// document by other names. Text that a script hands to eval is given them when it is run,
// but for names that a function of the script has declared as well. Function and members of the
// global object know nothing of it; they have to use the names that
// variables have there. The source and the name of a function are the author's.
//
// # Data across the border
//
// What enters is copied; objects, arrays and dates become those of the script.
// XML becomes a read-only document of the DOM, level 2 core, with element access
// by getElementsByTagName, childNodes, attributes and the like. What leaves is
// copied in the manner of JSON: functions and symbols inside of objects are
// dropped, in arrays they are undefined; a Date becomes a time.Time, a node
// becomes XML, a typed array an array of numbers; cycles, more than a million
// values and a nesting of more than datamodel.MaxDepth are errors.
//
// # Limits
//
// Source text is checked for length ([Options]), nesting of brackets and chains
// of operators before an engine's parser sees it. Evaluations are limited by
// Host.Limits in time, call depth and memory; going beyond one gives an error
// that matches datamodel.ErrLimit, which no script can catch, and ends the
// session. Time and memory are watched by a timer that runs only while a script
// may be running. Within a testing/synctest bubble the timer follows the clock of
// the bubble, which stands still while a script runs, so that a script without
// end has none there. Copying a value out and writing a snapshot are evaluations,
// too; their size has limits of its own ([Options]).
//
// Go keeps no account of memory by goroutine. When the heap of the process has
// grown by half of Limits.Memory while a script was running, the script is
// stopped for a moment and what its session holds is added up; this takes about
// as long as a garbage collection of that data and is not repeated before twice
// that time has passed. A session that has gained half of Limits.Memory from one
// such weighing to a later one of the same macrostep is ended; one that has not
// goes on, whatever its neighbours and the host allocate. So a session ends
// somewhat beyond its limit, and a text that doubles itself at about four times
// it. Strings that share memory count at their full length each.
//
// Two bounds end a session without such evidence, when the live heap of the
// process has grown while its script was running: by 4 times Limits.Memory, if
// the script comes to no place where it could be stopped, because a built-in
// works for long; by 8 times Limits.Memory in any case, since what functions of
// Go hold (bound functions, promises that are waiting) is only estimated. A
// process that itself gains that much within one macrostep, 512 MiB by default,
// loses the sessions whose scripts ran all the while. What one built-in makes at
// once is bounded by the engine, not by Limits.Memory.
//
// Built-ins that neither notice an interrupt nor fit into the limits are
// bounded by each engine. Documents of strangers belong into a process of their
// own with a memory limit all the same.
//
// # Snapshots
//
// A snapshot holds the variables of a session with shared and cyclic references,
// dates, regular expressions, errors, collections, typed arrays, nodes and
// functions. It is the same on every engine, equal data gives equal bytes, and every
// later version reads it. What it cannot hold is an error that names the path and
// matches datamodel.ErrNotSerializable: accessors, frozen objects, classes, symbols,
// proxies, promises, running generators, built-ins, functions that use variables of
// a function or block around them, functions made by eval and Function and, without
// Features.Instances, objects made by new. An object made by new is saved with its
// constructor, and that with what its prototype has, whoever made it its prototype.
//
// A function is saved as its place in a program of the document, by the digest of
// what the author wrote. What function statements at the top level of scripts
// declared is not saved at all as long as nobody has changed it, nor is it made for
// a snapshot or by restoring one where an engine makes it when it is called first.
// So the programs of the document must have been compiled by the language that
// restores a session, and be in use: a [datamodel.Program] that nobody refers to is
// forgotten. Without, Restore gives an error that matches
// datamodel.ErrProgramMissing and names the path of the function. Snapshots of
// version 1 have the source of functions.
//
// _event is not part of it.
package ecmascript
