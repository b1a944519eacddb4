//go:build race

package scxml_test

const raceEnabled = true
