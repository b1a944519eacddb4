package main

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the expected output")

// play runs a scene and returns what it printed. Nothing may have gone wrong.
func play(t *testing.T, s scene) string {
	t.Helper()
	var out, problems bytes.Buffer
	require.NoError(t, run(&out, &problems, s))
	require.Empty(t, problems.String())
	return out.String()
}

func TestOutput(t *testing.T) {
	out := play(t, asUsual())
	const golden = "testdata/output.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(out), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), out)
}

// What the last paragraph of README.md suggests.
func TestNobodyAnswers(t *testing.T) {
	s := asUsual()
	s.ann.AnswerAfter = -1
	out := play(t, s)
	assert.Contains(t, out, " 2.000s  switch    EventRouteUsed at 5000 to 7001\n")
	assert.Contains(t, out, " 7.000s  switch    EventRouteUsed at 5000 to 7002\n")
	assert.Contains(t, out, " 9.000s  strategy  session-1 finished in state answered\n")
	assert.Equal(t, 1, strings.Count(out, "starts with"), out)

	// Nor does Bob: he is tried again every five seconds, until the caller gives up.
	s.bob.AnswerAfter, s.caller.Patience = -1, 20*time.Second
	out = play(t, s)
	assert.Contains(t, out, "17.000s  switch    EventRouteUsed at 5000 to 7002\n")
	assert.Contains(t, out, "20.000s  strategy  session-1 finished in state abandoned\n")
	assert.Equal(t, 1, strings.Count(out, "starts with"), out)
}

func TestCallerGivesUp(t *testing.T) {
	s := asUsual()
	s.caller.Patience = time.Second
	out := play(t, s)
	assert.Contains(t, out, " 1.000s  strategy  event interaction.abandoned\n")
	assert.Contains(t, out, " 1.000s  strategy  session-1 finished in state abandoned\n")
}
