// Package crashtest proves that an engine on a store loses nothing when its process is
// killed: [Run] is the test, a store's own test is a few lines.
//
//	func TestKilled(t *testing.T) {
//		crashtest.Run(t, crashtest.Target{
//			Place: func(tb testing.TB) string { return filepath.Join(tb.TempDir(), "store.db") },
//			Open:  func(path string) (persistence.Store, error) { return mystore.Open(path, nil) },
//		}, nil)
//	}
//
// # What happens
//
// A second process of the test binary runs an engine with 200 sessions on the store.
// The test sends each of them 50 events, one after the other, each with a key, and repeats an
// event until it is acknowledged. The sessions do what sessions do: they compute, start timers, send
// events to themselves and to a session that they invoke, and have effects outside of their process: entries in
// a ledger, which the test keeps, and in which it drops repeats by their id. Meanwhile the process is
// killed with SIGKILL again and again, at random points, also while it recovers, and a new
// one takes over. With [Options.Disturb] something else is hit instead, such as a
// server of the store.
//
// # What must hold
//
// At the end each session tells what it has seen. None of these may be found:
//
//   - Missing: an event that was accepted, of which the session knows nothing;
//   - Twice: an event that moved a session twice, or a step whose effects were seen and that was then
//     taken again in another way: every step makes a random number, which it
//     enters in the ledger together with that of the step before it;
//   - Lost: an effect that was decided on and did not happen, a timer that never fired, an event from
//     session to session that did not arrive; a session that is left in the store.
//
// # Environment
//
// The seed is printed; CRASHTEST_SEED sets it, CRASHTEST_KILLS the number of
// kills, CRASHTEST_SESSIONS and CRASHTEST_EVENTS the size.
//
// The package is meant to be imported by tests only.
package crashtest
