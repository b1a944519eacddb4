package scxmltest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/seed-ff723688/ors/scxml"
)

// Trace returns all steps as text, one line each: time, who, what, and where it
// stands. Lines of what the test did begin with ">". Files are named relative to the folder
// of the test, so that the text is the same on every machine.
func (r *Recorder) Trace() string {
	var b strings.Builder
	for _, s := range r.Steps() {
		b.WriteString(r.line(s, longestKept))
		b.WriteByte('\n')
	}
	return b.String()
}

// The number of bytes that a line shows of a value: in a failure, and in a trace.
const (
	longestShown = 200
	longestKept  = 4000
)

// line is a step as text; values are cut to limit bytes.
func (r *Recorder) line(s Step, limit int) string {
	if s.Kind == StepInput {
		return oneLine("> "+s.Name+" "+s.Detail, 0)
	}
	what := ""
	for _, part := range []string{s.Name, s.Detail} {
		if part != "" {
			what += " " + oneLine(part, limit)
		}
	}
	if s.Data != nil {
		what += " " + oneLine(text(s.Data), limit)
	}
	if s.Pos.Line > 0 {
		what += "  (" + s.Pos.String() + ")"
	}
	return shorten(strings.TrimRight(fmt.Sprintf("%10.3fs  %-10s %-15s%s", s.At.Seconds(), s.Who, s.Kind, what), " "), r.folder)
}

// oneLine is a text without line breaks, cut if limit is positive.
func oneLine(s string, limit int) string {
	s = strings.TrimRight(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?")), " ")
	if limit > 0 && len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit] + "…"
	}
	return s
}

// tail is the end of the trace, for a failure.
func (r *Recorder) tail(lines int) string {
	steps := r.Steps()
	from := max(len(steps)-lines, 0)
	var b strings.Builder
	if from > 0 {
		fmt.Fprintf(&b, "    … %d steps before\n", from+r.lost())
	}
	for _, s := range steps[from:] {
		b.WriteString("  " + r.line(s, longestShown) + "\n")
	}
	return b.String()
}

func (r *Recorder) lost() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped
}

// lastTaken describes where a session is: the element that was executed last, with
// its source line, and the last action when that is another one.
func (r *Recorder) lastTaken(id string) string {
	steps := r.Steps()
	said := ""
	for i := len(steps) - 1; i >= 0; i-- {
		s := steps[i]
		if s.Pos.Line == 0 || s.Who != id || said != "" && s.Kind != StepExtension {
			continue
		}
		what := ""
		switch s.Kind {
		case StepTransition:
			what = "transition of state " + s.Name
		case StepEnter:
			what = "entry of state " + s.Name
		case StepExtension:
			what = "<" + s.Name + ">"
		case StepLog:
			what = "<log>"
		case StepError:
			what = s.Name + " raised"
		default:
			continue
		}
		place := shorten(s.Pos.String(), r.folder)
		if said != "" {
			return said + fmt.Sprintf("  last action: %s at %s\n", what, place)
		}
		said = fmt.Sprintf("  last taken: %s at %s\n%s", what, place, r.excerpt(s.Who, s.Pos))
		if s.Kind == StepExtension {
			return said
		}
	}
	return said
}

// excerpt is the source line of a place, with a caret below.
func (r *Recorder) excerpt(id string, pos scxml.Position) string {
	r.mu.Lock()
	rec := r.sessions[id]
	r.mu.Unlock()
	if rec == nil || rec.doc == nil {
		return ""
	}
	for _, f := range rec.doc.Files() {
		if f.URL != pos.File {
			continue
		}
		lines := strings.Split(f.Text, "\n")
		if pos.Line > len(lines) {
			return ""
		}
		line := strings.TrimRight(lines[pos.Line-1], "\r")
		at := min(max(pos.Column-1, 0), len(line))
		trimmed := strings.TrimLeft(line, " \t")
		at = max(at-(len(line)-len(trimmed)), 0)
		return fmt.Sprintf("      %s\n      %s^\n", oneLine(trimmed, longestShown), strings.Repeat(" ", utf8.RuneCountInString(trimmed[:min(at, len(trimmed))])))
	}
	return ""
}
