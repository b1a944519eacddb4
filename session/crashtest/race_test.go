//go:build race

package crashtest_test

// kills is the default number of kills. With the race detector everything takes three times as long.
const kills = 30
