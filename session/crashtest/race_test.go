//go:build race

package crashtest_test

// The size of the test. The race detector makes everything several times slower.
const (
	sessions = 100
	kills    = 30
)
