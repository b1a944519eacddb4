// Package storetest is the conformance suite of persistence.Store. A store's own test
// is a few lines that open it:
//
//	func open(t testing.TB) persistence.Store {
//		s, err := mystore.Open(t.TempDir(), nil)
//		if err != nil {
//			t.Fatal(err)
//		}
//		return s
//	}
//
//	func TestStore(t *testing.T)      { storetest.Run(t, open) }
//	func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, open) }
//
// [Run] checks every sentence of the contract, theme by theme, then puts many goroutines
// to work at once, and at last compares long random sequences of operations with a plain
// model. The environment variables STORETEST_SEED and STORETEST_STEPS set the seed (by
// default from the clock; printed on failure) and the length of that one (3000).
//
// [Fail] wraps a store so that its n-th operation fails, before or after it took effect:
// for tests of what uses a store.
//
// The package depends on the standard library alone and is meant to be imported by tests
// only.
package storetest
