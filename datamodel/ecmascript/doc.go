// Package ecmascript is the ECMAScript data model of SCXML (appendix B.2) on
// top of a small [Engine] interface.
//
// [New] turns an Engine into a [datamodel.Language]. Two engines exist, each in
// a package of its own so that a program links only what it uses:
// datamodel/ecmascript/goja, the default, and datamodel/ecmascript/otto.
package ecmascript
