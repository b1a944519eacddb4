// Package strategytest tests routing strategies with go test, without a switch: it puts a
// simulated contact centre around a strategy, lets people call, and says what the strategy
// should have done. Time is virtual: a caller who waits for an hour costs a millisecond, and every run is the same.
//
//	func TestSales(t *testing.T) {
//		t.Parallel()
//		centre := strategytest.New(t, scxmltest.File("strategy.scxml"), &strategytest.Options{
//			Params: map[string]string{"voicemail_dn": "7900"},
//			Agents: []strategytest.Agent{{ID: "ann", Skills: map[string]int{"Sales": 8}, AnswerAfter: 3 * time.Second}},
//		})
//		call := centre.Call(strategytest.Caller{ANI: "0301234567", Digits: []string{"1"}})
//		centre.Advance(time.Minute)
//		call.ExpectRoutedTo("ann")
//	}
//
// Strategies may be written in both dialects: SCXML 1.0, and that of Orchestration Server as Composer
// generates it. Package scxmltest has the sources that strategies are loaded from (file, file system, URL, text), and
// the expectations that are about a session alone: states, data, events, logs.
//
// # The contact centre
//
// [Options] describe it: the routing point, the ApplicationParms, agents with their skills and the way they
// answer, groups, further DNs, what the configuration layer knows. [Centre.Call] lets a [Caller] call, with patience and with
// the digits to be keyed. [Centre.Submit] brings an e-mail or another multimedia interaction. Time is moved by Advance, and by
// [Call.AdvanceUntilEntered] and its like, which are bounded: what never comes is a failure, not a hang.
//
// Agents log in at the switch and say there whether they are ready; the router knows it from the events of the link, as
// it does on a real site. Calls, treatments and routes are carried out by package sim, targets are selected by package router, and actions are those of
// package fm: what a strategy does here it does in production too.
//
// # The outside
//
// Options.Web answers <session:fetch> and <ws:…> in memory, with an http.Handler for each URL prefix. Nothing
// else is reached. Options.Answers script the outcome of any action instead, at the time that the test
// wants:
//
//	Answers: map[string]func(strategytest.Action) *strategytest.Reply{
//		"session:fetch": strategytest.Answer(strategytest.Reply{Error: 503}, strategytest.Reply{Data: map[string]any{"content": "{}"}}),
//		"dialog:play":   func(a strategytest.Action) *strategytest.Reply { … }, // nil: as usual
//	},
//
// # What is expected
//
// A [Call] has the expectations of its session, and those of the call: [Call.ExpectRoutedTo],
// [Call.ExpectTreatments], [Call.ExpectTargets], [Call.ExpectUserData], [Call.ExpectAnsweredBy],
// [Call.ExpectAbandoned], [Call.ExpectDisconnected], [Call.ExpectDefaultRouted]. Actions are named by the usual prefix of their module,
// "dialog:play", with arguments as attributes; children are members by their name: "prompts.prompt.intid".
//
// A failure prints where the strategy is (file, line and column of the last action, with the line) and the
// end of the trace, in which switch, sessions, router and web tell what they did: of the router whom it chose and
// what kept the others, or why nobody was found in time.
//
// # Coverage and golden traces
//
// Options.Coverage, shared by the tests of a package, tells which states and transitions no test has
// reached. Centre.Golden compares a whole run with a file, and [Replay] does again what that file says the test did.
//
// The program in examples/unit-test has all of it.
//
// # Concurrency
//
// A Centre is used by the goroutine of its test. It shares nothing with others: all tests may be parallel. The end of the
// test closes it and leaves no goroutine behind.
package strategytest
