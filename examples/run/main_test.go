package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func runCommand(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestScript(t *testing.T) {
	want := `{"step":0,"active":["ringing","helper"],"configuration":["call","line","ringing","helper"],"log":["child.up"],"done":false}
{"step":1,"active":["ringing","helper"],"configuration":["call","line","ringing","helper"],"log":[],"done":false}
{"step":2,"active":["ringing","helper"],"configuration":["call","line","ringing","helper"],"log":["ring 1"],"done":false}
{"step":3,"active":["talking","helper"],"configuration":["call","line","talking","helper"],"log":["Ann"],"done":false}
{"step":4,"active":["talking","helper"],"configuration":["call","line","talking","helper"],"log":[],"done":false}
{"step":5,"active":["over"],"configuration":["over"],"log":[],"done":true}
{"step":6,"active":["over"],"configuration":["over"],"log":[],"done":true}
`
	for _, engine := range []string{"goja", "otto"} {
		code, stdout, stderr := runCommand("", "-engine", engine, "-script", "testdata/timer.jsonl", "testdata/timer.scxml")
		require.Equal(t, want, stdout, engine)
		require.Empty(t, stderr)
		require.Equal(t, exitOK, code)
	}
}

func TestTypedEvents(t *testing.T) {
	code, stdout, stderr := runCommand("answer {\"agent\":\"Bob\"}\n\nhangup\n", "-trace", "testdata/timer.scxml")
	require.Equal(t, exitOK, code)
	lines := strings.Split(stdout, "\n")
	require.Len(t, lines, 4)
	require.Contains(t, lines[1], `"log":["Bob"]`)
	require.Contains(t, lines[2], `"active":["over"]`)
	require.Contains(t, stderr, "session: enter talking\n")
}

func TestRefusals(t *testing.T) {
	code, stdout, stderr := runCommand("", "testdata/broken.scxml")
	require.Equal(t, exitRefused, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "broken.scxml:2:58: error: there is no state \"talkin\"")
	require.Contains(t, stderr, `did you mean "talking"?`)

	for name, args := range map[string][]string{
		"no chart":       {},
		"two charts":     {"a", "b"},
		"unknown flag":   {"-fast", "testdata/timer.scxml"},
		"unknown engine": {"-engine", "v8", "testdata/timer.scxml"},
		"no such chart":  {"testdata/none.scxml"},
		"no such script": {"-script", "testdata/none.jsonl", "testdata/timer.scxml"},
	} {
		code, stdout, stderr := runCommand("", args...)
		require.Equal(t, exitRefused, code, name)
		require.Empty(t, stdout, name)
		require.NotEmpty(t, stderr, name)
	}
}

func TestFailures(t *testing.T) {
	code, stdout, stderr := runCommand("spin\nnever\n", "testdata/runaway.scxml")
	require.Equal(t, exitFailure, code)
	require.Equal(t, 2, strings.Count(stdout, "\n"), "the line of the failed step is the last one")
	require.Contains(t, stderr, "state entries")

	for _, args := range [][]string{{"testdata/endless.scxml"}, {"-script", "-", "-engine", "otto", "testdata/endless.scxml"}} {
		code, stdout, stderr = runCommand("", args...)
		require.Equal(t, exitFailure, code)
		require.Equal(t, 1, strings.Count(stdout, "\n"))
		require.Contains(t, stderr, "without end")
	}

	code, stdout, stderr = runCommand("answer {\"agent\":\n# a comment\nhangup\n", "testdata/timer.scxml")
	require.Equal(t, exitOK, code, "a slip of the typist is told, and the session goes on")
	require.Contains(t, stderr, "data of event answer")
	require.Equal(t, 2, strings.Count(stdout, "\n"))

	for line, want := range map[string]string{
		`{"event":"a"} {"event":"b"}`:     "one object a line",
		`{"event":"a b"}`:                 "white space",
		`{"event":"a","advance":"1s"}`:    "either",
		`{"advance":"soon"}`:              "duration",
		`{"evnt":"a"}`:                    "unknown field",
		`{"event":"a","data":{"x":1,}}`:   "invalid character",
		`{"event":"ok"}` + "\n" + `event`: "script line 2",
	} {
		code, _, stderr = runCommand(line, "-script", "-", "testdata/timer.scxml")
		require.Equal(t, exitFailure, code, line)
		require.Contains(t, stderr, want, line)
	}
}

// What goes wrong in a chart and is not handled there is told.
func TestUnhandledErrors(t *testing.T) {
	code, _, stderr := runCommand("", "-script", "-", "testdata/errors.scxml")
	require.Equal(t, exitOK, code)
	require.Contains(t, stderr, `level=WARN msg="error event without a transition" session=session event=error.execution`)
	require.Contains(t, stderr, "nowhere")
	require.Contains(t, stderr, "event=error.communication")
}
