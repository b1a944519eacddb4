// Package scxmltest tests SCXML charts with go test: it loads a chart, runs it
// under virtual time, and says what it should have done. No real time passes, every test can be
// parallel, and a failing expectation prints the trace and the place in the document.
//
//	func TestDoor(t *testing.T) {
//		t.Parallel()
//		c := scxmltest.Start(t, scxmltest.File("door.scxml"), &scxmltest.Options{Coverage: &coverage})
//		c.Send("open", map[string]any{"by": "Ann"})
//		c.ExpectActive("open")
//		c.Advance(time.Minute)
//		c.ExpectEntered("open", "closed")
//		c.ExpectData("opened", 1)
//	}
//
// Strategies, which act on calls, are tested with package telephony/strategytest, which
// is built on this one.
//
// # Where charts come from
//
// [File], [FS], [URL] and [Text] say where, and what belongs to the chart: scripts, data and
// parts that are included. What is wrong with a document ends the test, with all diagnostics.
//
// # What a test does
//
// [Chart.Send] gives the session an event. [Run.Advance] moves time, and what falls due happens, in
// order; [Run.AdvanceUntil] stops at a condition. Both are bounded: a condition that is never met, and
// a chart that keeps itself busy, end in a failure and not in a hang.
//
// # What a test expects
//
// The methods of [Session] whose names begin with Expect report a failure and go on; they return
// whether all was well. Names of states, variables, events and actions that do not exist fail, with the name that was
// probably meant. Data is given as Go values (datamodel.From); of events and
// actions only the members that are named have to be there. For other assertions there are [Session.Configuration],
// [Session.Entered], [Session.Data], [Session.Logs], [Session.Steps] and [Session.Result].
//
// A session that breaks down (a limit, a loop) fails its test, unless [Session.ExpectFailed] is called.
//
// # Coverage
//
// A [Coverage] is shared by all tests of a package. [Coverage.WriteText] prints what was never entered or
// taken; [Coverage.WriteHTML] writes a page with the chart and its source, which needs no network and no scripts.
//
// # Golden traces
//
// [Run.Golden] compares the whole trace with a file and shows the first difference. The file also has what the
// test did, so that [Replay] can do it again without the test.
//
// # Concurrency
//
// A Chart is used by the goroutine of its test. Nothing is left behind when the test ends.
package scxmltest
