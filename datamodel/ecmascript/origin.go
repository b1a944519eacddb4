package ecmascript

import (
	"regexp"

	"github.com/seed-ff723688/ors/datamodel"
)

// text is source text on its way to an engine. Where it was changed it knows what
// the author wrote, which is what scripts see of their functions.
type text struct {
	datamodel.Source
	from  *text             // what it was made from; nil: the author wrote it
	moves []move            // the changes, in order
	names map[string]string // new names of variables: what they were called
	needs needs
}

// move is a piece of a text that is not as it was.
type move struct{ at, length, fromAt, fromLength int }

// author returns the text as it stands in the document.
func (t *text) author() datamodel.Source {
	for t.from != nil {
		t = t.from
	}
	return t.Source
}

// written returns what the author wrote for a piece of the text.
func (t *text) written(start, end int) string {
	for t.from != nil {
		start, end = t.back(start, false), t.back(end, true)
		t = t.from
	}
	if start < 0 || end < start || end > len(t.Text) {
		return ""
	}
	return t.Text[start:end]
}

// back returns the place that a place of the text had before. Within a change it
// is the beginning or the end of it.
func (t *text) back(at int, end bool) int {
	shift := 0
	for _, m := range t.moves {
		if at <= m.at {
			break
		}
		if at < m.at+m.length {
			if end {
				return m.fromAt + m.fromLength
			}
			return m.fromAt
		}
		shift = m.fromAt + m.fromLength - m.at - m.length
	}
	return at + shift
}

// place is where a text stands in a Unit.
type place struct {
	at   int
	text *text
}

// unit makes a Unit of texts that stand in it.
func unit(whole string, name string, strict bool, places ...place) Unit {
	u := Unit{Text: whole, Name: name, Strict: strict}
	changed := false
	for _, p := range places {
		changed = changed || p.text.from != nil
		for of, was := range p.text.names {
			if u.Names == nil {
				u.Names = map[string]string{}
			}
			u.Names[of] = was
		}
	}
	if changed {
		u.Written = func(start, end int) string {
			for _, p := range places {
				if start >= p.at && end <= p.at+len(p.text.Text) {
					return p.text.written(start-p.at, end-p.at)
				}
			}
			return ""
		}
	}
	return u
}

// functionName finds the name in the source of a function.
var functionName = regexp.MustCompile(`^(?:async\s+)?function[\s*]*([\p{L}_$][\p{L}\p{N}_$]*)\s*\(`)

// NameOf returns the name in the source of a function; empty when it has none.
func NameOf(source string) string {
	if m := functionName.FindStringSubmatch(source); m != nil {
		return m[1]
	}
	return ""
}
