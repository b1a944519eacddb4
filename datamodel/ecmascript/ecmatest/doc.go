// Package ecmatest is the conformance suite of the ECMAScript data model. Each
// engine runs it from a test of its own:
//
//	func TestConformance(t *testing.T) { ecmatest.Run(t, Engine()) }
//	func TestHostile(t *testing.T)     { ecmatest.Hostile(t, Engine()) }
//
// What an engine cannot do is declared in its ecmascript.Features, and the suite
// asks for nothing else: a difference that is not declared there fails.
package ecmatest
