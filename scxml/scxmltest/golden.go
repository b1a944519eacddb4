package scxmltest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

// Golden compares the trace of the run so far with a file, and shows the first
// difference with what is around it. With update it writes the file instead; by
// convention that is a flag of the test package:
//
//	var update = flag.Bool("update", false, "rewrite the golden files")
//	…
//	run.Golden("testdata/routed.trace", *update)
//
// The file begins with a comment; lines that begin with ">" are what the test did,
// and are enough to replay the run (Replay).
func (r *Run) Golden(file string, update bool) {
	r.tb.Helper()
	compareGolden(r.tb, file, r.Trace(), update)
}

const goldenHead = "# Trace of a run. Lines that begin with > are what the test did.\n"

func compareGolden(tb testing.TB, file, trace string, update bool) {
	tb.Helper()
	got := goldenHead + trace
	if update {
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if err == nil {
			err = os.WriteFile(file, []byte(got), 0o644)
		}
		if err != nil {
			tb.Errorf("golden trace: %v", err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		tb.Errorf("golden trace: %v\n  run the test once with -update to write it", err)
		return
	}
	if d := Difference(strings.ReplaceAll(string(want), "\r\n", "\n"), got); d != "" {
		tb.Errorf("the run differs from %s:\n%s  -update takes what the run did", file, d)
	}
}

// Difference shows where two texts begin to differ, with some lines before and
// after: "-" lines are wanted, "+" lines there. It is empty for equal texts.
func Difference(want, got string) string {
	if want == got {
		return ""
	}
	const before, after = 5, 4
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	at := 0
	for at < len(w) && at < len(g) && w[at] == g[at] {
		at++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  first difference in line %d (%d lines wanted, %d there)\n", at+1, len(w)-1, len(g)-1)
	show := func(mark string, lines []string) {
		for _, l := range lines {
			b.WriteString("  " + mark + " " + l + "\n")
		}
	}
	show(" ", w[max(at-before, 0):at])
	show("-", w[at:min(at+after, len(w))])
	show("+", g[at:min(at+after, len(g))])
	return b.String()
}

// Replayed is one line of a golden trace that a test did.
type Replayed struct {
	Line int
	Verb string
	Args string // JSON, or the duration of "advance"
}

// ReadInputs reads what the test did from a golden trace.
func ReadInputs(file string) ([]Replayed, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var inputs []Replayed
	for i, l := range strings.Split(string(b), "\n") {
		rest, ok := strings.CutPrefix(strings.TrimRight(l, "\r"), "> ")
		if !ok {
			continue
		}
		verb, args, _ := strings.Cut(rest, " ")
		inputs = append(inputs, Replayed{i + 1, verb, args})
	}
	if len(inputs) == 0 {
		return nil, fmt.Errorf("%s: no line begins with >: it is no golden trace, or of a run to which nothing was done", file)
	}
	return inputs, nil
}

// Replay starts a chart, does what a golden trace says the test did, and compares
// what happens. opts are those of the recorded run. It returns the chart, for further expectations.
func Replay(tb testing.TB, source Source, opts *Options, file string) *Chart {
	tb.Helper()
	inputs, err := ReadInputs(file)
	if err != nil {
		tb.Fatalf("replay: %v", err)
	}
	c := Start(tb, source, opts)
	for _, in := range inputs {
		if err := c.replay(in); err != nil {
			tb.Fatalf("replay: %s:%d: %s %s: %v", file, in.Line, in.Verb, in.Args, err)
		}
	}
	c.Golden(file, false)
	return c
}

func (c *Chart) replay(in Replayed) error {
	c.Session.tb.Helper()
	if in.Verb == "send" {
		var s sendInput
		if err := json.Unmarshal([]byte(in.Args), &s); err != nil {
			return err
		}
		var data datamodel.Value
		if s.Data != nil {
			var err error
			if data, err = datamodel.DecodeJSON(s.Data, nil); err != nil {
				return err
			}
		}
		c.Send(s.Event, data)
		return nil
	}
	return c.ReplayAdvance(in)
}

// ReplayAdvance carries out the input that every Run has: advance.
func (r *Run) ReplayAdvance(in Replayed) error {
	r.tb.Helper()
	if in.Verb != "advance" {
		return fmt.Errorf("%q is nothing that can be replayed here", in.Verb)
	}
	d, err := time.ParseDuration(in.Args)
	if err != nil {
		return err
	}
	r.Advance(d)
	return nil
}
