//go:build !race

package crashtest_test

// kills is the default number of kills.
const kills = 100
