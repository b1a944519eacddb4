// Package otto runs the ECMAScript data model on github.com/robertkrimen/otto,
// an interpreter of ECMAScript 5 that is written in Go.
//
// It is the second choice: datamodel/ecmascript/goja is faster, needs a tenth of
// the memory (about 175 KB a session here) and knows the language of 2015 and
// later. Take otto where a deployment is bound to it.
//
// # Differences from the language
//
// [Engine].Features declares them; a document that needs one of the missing
// features is told so when it is compiled.
//
//   - ECMAScript 5.1: no let, const, class, arrow functions, templates, Map, Set.
//   - "use strict" makes assignments to undeclared names and to read-only
//     properties fail, as it does in code that the data model compiles as strict.
//     Its other effects (this, arguments, duplicate names) are not there.
//   - Regular expressions are those of Go: no look-ahead, no back references.
//   - A string is a sequence of Unicode characters, not of 16-bit units; a lone
//     surrogate becomes U+FFFD. length counts units nevertheless.
//   - eval is always indirect: the text does not see local variables.
//   - Assigning an unknown member to a read-only object such as _event outside of
//     strict code is ignored; it fails for the members that exist.
//
// # Robustness
//
// otto alone lets a script catch its own interruption, overflows the stack of
// the process on deep source text and runs built-in functions for as long as the
// length property of their object says. This package closes these holes: see
// harden.go. What it costs in memory is paid by a session when the first of its
// programs uses something that needs it.
package otto
