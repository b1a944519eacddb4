package scxml

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"
)

// Severity ranks a Diagnostic.
type Severity uint8

// The severities. A document with an Error is not accepted.
const (
	Warning Severity = iota
	Error
)

func (s Severity) String() string {
	if s == Error {
		return "error"
	}
	return "warning"
}

// Diagnostic is one problem of a document.
type Diagnostic struct {
	Severity Severity
	Pos      Position
	Message  string // what is wrong, lower case, naming the element or attribute
	Hint     string // what to do about it; may be empty
	Section  string // section of the SCXML Recommendation, such as "3.5"; may be empty
	Line     string // the source line, cut around the place when it is long; may be empty
	Caret    int    // byte offset in Line of the place
}

// String renders the diagnostic as a compiler does, without a final newline:
//
//	door.scxml:4:37: error: there is no state "opne" (SCXML 3.5)
//	    <transition event="open" target="opne"/>
//	                                     ^
//	    hint: did you mean "open"?
func (d Diagnostic) String() string {
	var b strings.Builder
	d.head(&b)
	const indent = "    "
	if d.Line != "" {
		fmt.Fprintf(&b, "\n%s%s\n%s", indent, d.Line, indent)
		for _, r := range d.Line[:min(max(d.Caret, 0), len(d.Line))] {
			if r == '\t' {
				b.WriteByte('\t')
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteByte('^')
	}
	if d.Hint != "" {
		fmt.Fprintf(&b, "\n%shint: %s", indent, d.Hint)
	}
	return b.String()
}

// head writes the first line.
func (d Diagnostic) head(b *strings.Builder) {
	b.WriteString(d.Pos.String())
	fmt.Fprintf(b, ": %s: %s", d.Severity, d.Message)
	if d.Section != "" {
		fmt.Fprintf(b, " (SCXML %s)", d.Section)
	}
}

// String returns file:line:column, or the file alone when the place is not known.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// ParseError reports a document that was not accepted, with all that was found.
type ParseError struct {
	URL         string
	Diagnostics []Diagnostic // in order of position; at least one Error
}

// Error returns the first error in one line and says how many more there are.
// Detail has them all.
func (e *ParseError) Error() string {
	var b strings.Builder
	b.WriteString("scxml: ")
	errors := 0
	for _, d := range e.Diagnostics {
		if d.Severity != Error {
			continue
		}
		if errors == 0 {
			d.head(&b)
		}
		errors++
	}
	if errors > 1 {
		fmt.Fprintf(&b, " (and %d more)", errors-1)
	}
	return b.String()
}

// Detail renders every diagnostic with its source line and hint, and a last
// line that counts them. It ends with a newline.
func (e *ParseError) Detail() string {
	var b strings.Builder
	errors := 0
	for _, d := range e.Diagnostics {
		b.WriteString(d.String())
		b.WriteByte('\n')
		if d.Severity == Error {
			errors++
		}
	}
	fmt.Fprintf(&b, "%s: %s, %s\n", e.URL, plural(errors, "error"), plural(len(e.Diagnostics)-errors, "warning"))
	return b.String()
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// collector gathers the diagnostics of one Parse. Errors and warnings are
// limited separately, so that warnings never hide an error.
type collector struct {
	limit    int
	errors   []Diagnostic
	warnings []Diagnostic
	dropped  int // warnings beyond the limit
}

// full reports whether so many errors were found that parsing gives up.
func (c *collector) full() bool { return len(c.errors) >= c.limit }

// room reports whether another diagnostic is kept. One that is not is counted.
func (c *collector) room(s Severity) bool {
	if s == Error {
		return !c.full()
	}
	if len(c.warnings) < c.limit {
		return true
	}
	c.dropped++
	return false
}

// add keeps a diagnostic, for which there is room.
func (c *collector) add(d Diagnostic) {
	if d.Severity == Error {
		c.errors = append(c.errors, d)
	} else {
		c.warnings = append(c.warnings, d)
	}
}

// sorted returns all diagnostics in order of position, those of the document
// file before those of others. Of equal ones, as a part has them that is included
// twice, there is one.
func (c *collector) sorted(file string) []Diagnostic {
	all := make([]Diagnostic, 0, len(c.errors)+len(c.warnings)+2)
	all = append(append(all, c.errors...), c.warnings...)
	sort.SliceStable(all, func(i, j int) bool {
		a, b := all[i].Pos, all[j].Pos
		if a.File != b.File {
			return a.File == file || b.File != file && a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	seen := make(map[Diagnostic]bool, len(all))
	all = slices.DeleteFunc(all, func(d Diagnostic) bool {
		known := seen[d]
		seen[d] = true
		return known
	})
	if c.dropped > 0 {
		all = append(all, Diagnostic{
			Severity: Warning, Pos: Position{File: file},
			Message: plural(c.dropped, "further warning") + " left out",
		})
	}
	if c.full() {
		all = append(all, Diagnostic{
			Severity: Error, Pos: Position{File: file},
			Message: fmt.Sprintf("gave up after %s", plural(len(c.errors), "error")),
		})
	}
	return all
}

// maxLine is the length in bytes up to which a source line is shown whole.
const maxLine = 160

// excerpt cuts line around column (0-based, in bytes) and returns the offset of
// the column in what is left. Control characters become spaces.
func excerpt(line []byte, column int) (string, int) {
	column = min(max(column, 0), len(line))
	prefix, suffix := "", ""
	if len(line) > maxLine {
		const before = maxLine / 2
		start, end := max(column-before, 0), min(column+maxLine-before, len(line))
		for start > 0 && !utf8.RuneStart(line[start]) {
			start--
		}
		for end < len(line) && !utf8.RuneStart(line[end]) {
			end++
		}
		if start > 0 {
			prefix = "… "
		}
		if end < len(line) {
			suffix = " …"
		}
		line, column = line[start:end], column-start
	}
	shown := strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return ' '
		}
		return r
	}, string(line)), "?")
	return prefix + shown + suffix, min(len(prefix)+column, len(prefix)+len(shown))
}
