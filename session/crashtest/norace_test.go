//go:build !race

package crashtest_test

// The size of the test.
const (
	sessions = 200
	kills    = 100
)
