// Package goja is the default ECMAScript engine: github.com/dop251/goja, which
// has ECMAScript 2015 and most of what came later. Each session has a runtime
// of its own; compiled programs are shared by all sessions of a document.
//
//	language := goja.New(nil)
//	doc, err := scxml.Parse(ctx, text, &scxml.ParseOptions{Languages: []datamodel.Language{language}})
//
// # Speed
//
// Guards and assignments of a simple form, such as n >= 0, _event.data.x === 'y'
// or In('s1') && n < 10, run as Go closures over the engine's values, without
// its virtual machine. Where a value is not a plain number, string or boolean
// the program runs in the engine, so that the result is always the engine's.
//
// A session pays for the built-ins that it uses: goja makes them when they are asked for.
// A snapshot makes none either, nor the prototypes of functions: it reads the names
// of properties where goja keeps them, by reflection, and asks goja where these are not as
// in the release that go.mod names.
//
// # Differences
//
// BigInt is not available: its operators work for as long as they like. Text
// that is given to eval sees the variables of the function around the call when
// that is of the form eval(x), in a program without with statements; else, and
// outside of functions, it sees the global scope only, and the variables that it
// declares cannot be deleted, not even those of strict text.
//
// # Containment
//
// Time, call depth and memory of an evaluation are limited by the package
// above. For the latter, every turn of a loop, every call of a function that
// itself calls others, and in such programs every addition of what may be long
// strings take about 30 ns more, in text for eval and Function as well. What no
// interrupt reaches is limited here: the depth of JSON text and of source text given to eval and
// Function, the length of strings and arrays that one call of a built-in makes or
// goes through, the time of one match of a regular expression that needs
// backtracking, and the length of text times the length of the expression for
// the others. match, replace, split and matchAll look for one match after the
// other, as the standard has it, and can be interrupted in between; unlike
// goja's own they find an empty match behind another one. For this, built-ins are
// replaced in the runtimes of documents that mention them.
//
// Importing the package sets regexp2.DefaultMatchTimeout, a setting of the whole
// process, to datamodel.DefaultTime. It bounds a single match, which no interrupt
// ends: an evaluation may take that much longer than its limit. A match that is
// ended by it counts as no match, but by then the limit of evaluation time, if it
// is not set higher, has ended the session. While such expressions are in use,
// and for some seconds after, regexp2 keeps one goroutine for its clock.
package goja
