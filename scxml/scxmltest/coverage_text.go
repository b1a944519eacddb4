package scxmltest

import (
	"fmt"
	"io"
	"strings"
)

// WriteText prints for each document how much was entered and taken, and what
// was not, with its place.
func (c *Coverage) WriteText(w io.Writer) error {
	var b strings.Builder
	charts := c.Charts()
	if len(charts) == 0 {
		b.WriteString("coverage: no document was run\n")
	}
	for _, ch := range charts {
		s, ofS, t, ofT := ch.Covered()
		fmt.Fprintf(&b, "%s: %d of %d states entered (%s), %d of %d transitions taken (%s)\n", ch.Name, s, ofS, percent(s, ofS), t, ofT, percent(t, ofT))
		for _, s := range ch.States {
			if s.Count == 0 {
				fmt.Fprintf(&b, "  %s: never entered: %s %s\n", s.Place, s.Kind, s.ID)
			}
		}
		for _, t := range ch.Transitions {
			if t.Count == 0 {
				fmt.Fprintf(&b, "  %s: never taken: %s: %s\n", t.Place, t.Source, describe(t.Events, t.Cond, t.Targets))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// percent is a share, rounded down, so that 100% means all.
func percent(n, of int) string {
	if of == 0 {
		return "100%"
	}
	return fmt.Sprintf("%d%%", 100*n/of)
}

// describe is a transition in short.
func describe(events []string, cond string, targets []string) string {
	parts := make([]string, 0, 3)
	if len(events) > 0 {
		parts = append(parts, strings.Join(events, " "))
	}
	if cond != "" {
		parts = append(parts, "["+oneLine(strings.Join(strings.Fields(cond), " "), longestShown)+"]")
	}
	if len(targets) > 0 {
		parts = append(parts, "-> "+strings.Join(targets, " "))
	} else {
		parts = append(parts, "without a target")
	}
	return strings.Join(parts, " ")
}
