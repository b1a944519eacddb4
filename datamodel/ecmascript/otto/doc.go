// Package otto runs the ECMAScript data model on github.com/robertkrimen/otto,
// an interpreter of ECMAScript 5 that is written in Go.
//
//	language := otto.New(nil)
//	doc, err := scxml.Parse(ctx, text, &scxml.ParseOptions{Languages: []datamodel.Language{language}})
//
// It is the second choice: datamodel/ecmascript/goja is faster, needs about a
// fortieth of the memory and knows the language of 2015 and later. Take otto where a
// deployment is bound to it. A session takes about 185 KB, and up to 320 KB when
// its scripts use arrays, dates, JSON or regular expressions or compute the names
// of properties. A snapshot of one engine can be restored on the other, as long
// as it holds nothing that ECMAScript 5 does not have.
//
// # Differences from the language
//
// Features of [Engine] declares them; a document that needs syntax that is
// missing is told so when it is compiled.
//
//   - ECMAScript 5.1: no let, const, class, arrow functions, templates, Map, Set.
//   - "use strict" makes assignments to undeclared names and to read-only
//     properties fail, as they do in expressions of a document, which are always
//     strict. Its other effects (this, arguments, duplicate names) are not there.
//   - Regular expressions are those of Go: no look-ahead, no back references.
//   - A string is a sequence of Unicode characters, not of 16-bit units; a lone
//     surrogate becomes U+FFFD. length counts units nevertheless.
//   - eval is always indirect: the text does not see local variables.
//   - In the ORS dialect const makes a variable that can be written, let (…) { … }
//     is not there, __proto__ is an ordinary name, for each keeps what it goes
//     through in a variable _$each1, and the name of a function is the one that
//     the data model gives it.
//   - RegExp.$1 to $9 tell of the last exec, test and match, not of replace;
//     RegExp.lastMatch and the like are not there.
//   - A date without a time zone is taken for UTC, with a time as well.
//   - for-in lists properties in the order in which they were made, also those
//     whose names are indexes.
//   - A member of a host object that its Names do not list is found where the
//     document mentions its name in a chain such as _x.a.b.
//   - What scripts add to _data is an ordinary member of it, and does not leave the
//     script when _data itself is copied out.
//   - Assigning a new member to a read-only object through another variable, or
//     to an element of an array in _event or _x by its number, outside of strict
//     code, is ignored.
//
// # Robustness
//
// otto alone lets a script catch its own interruption, overflows the stack of
// the process on deep source text and runs built-in functions for as long as the
// length property of their object says. This package closes these holes: what a
// script catches is looked at first, the depth of calls depends on how deep their
// syntax is, and built-ins are replaced by ones that look at their arguments. A
// built-in function goes through 1,048,576 elements and makes a string of 32 MiB
// at most; beyond that it throws a RangeError.
package otto
