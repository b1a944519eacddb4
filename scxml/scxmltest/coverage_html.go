package scxmltest

import (
	_ "embed" // the page
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/seed-ff723688/ors/scxml"
)

//go:embed page.tmpl.html
var coverageHTML string

// WriteHTML writes one page for a browser: the states of each document as a tree
// and its source, with what was never entered or taken marked by colour and by
// word. The page needs nothing else: no network, no scripts.
func (c *Coverage) WriteHTML(w io.Writer) error {
	t, err := template.New("coverage").Parse(coverageHTML)
	if err != nil {
		return fmt.Errorf("scxmltest: coverage page: %w", err)
	}
	var pages []*coveragePage
	for i, ch := range c.sorted() {
		pages = append(pages, newCoveragePage(fmt.Sprintf("d%d", i+1), ch, c.summary(ch)))
	}
	if err := t.Execute(w, pages); err != nil {
		return fmt.Errorf("scxmltest: coverage page: %w", err)
	}
	return nil
}

// coveragePage is a document on the page.
type coveragePage struct {
	Anchor, Name                      string
	States, StatesEntered             int
	Transitions, TransitionsTaken     int
	StatesPercent, TransitionsPercent string
	Never                             []coverageItem
	Tree                              []*coverageNode
	Files                             []*coverageFile
	marks                             map[scxml.Position]int // how often what begins there was entered or taken
	files                             map[string]*coverageFile
}

// coverageItem is a state or transition with the place of its source line.
type coverageItem struct {
	What, Count, Class, Place, Line string
}

type coverageNode struct {
	coverageItem
	ID, Kind    string
	Transitions []coverageItem
	Children    []*coverageNode
}

type coverageFile struct {
	Name   string
	anchor string
	Lines  []coverageLine
}

type coverageLine struct {
	ID, Class, Sign, Text string
	Number                int
}

func newCoveragePage(anchor string, ch *chartCoverage, sum ChartCoverage) *coveragePage {
	p := &coveragePage{Anchor: anchor, Name: sum.Name, marks: map[scxml.Position]int{}, files: map[string]*coverageFile{}}
	p.StatesEntered, p.States, p.TransitionsTaken, p.Transitions = sum.Covered()
	p.StatesPercent, p.TransitionsPercent = percent(p.StatesEntered, p.States), percent(p.TransitionsTaken, p.Transitions)
	used := map[string]bool{ch.doc.URL(): true}
	for _, s := range sum.States {
		used[s.Pos.File] = true
	}
	files := ch.doc.Files()
	for i, f := range files {
		if used[f.URL] {
			file := &coverageFile{Name: shorten(f.URL, ch.folder), anchor: fmt.Sprintf("%s-f%d", anchor, i+1)}
			p.Files = append(p.Files, file)
			p.files[f.URL] = file
		}
	}
	nodes := map[string]*coverageNode{}
	for _, s := range sum.States {
		p.mark(s.Pos, s.Count)
		n := &coverageNode{ID: s.ID, Kind: s.Kind, coverageItem: p.item(s.Kind+" "+s.ID, s.Count, s.Place, s.Pos)}
		if s.Generated {
			n.ID = "(no id)"
		}
		if s.Count == 0 {
			p.Never = append(p.Never, n.coverageItem)
		}
		nodes[s.ID] = n
		if parent := nodes[s.Parent]; parent != nil {
			parent.Children = append(parent.Children, n)
		} else {
			p.Tree = append(p.Tree, n)
		}
	}
	for _, t := range sum.Transitions {
		p.mark(t.Pos, t.Count)
		it := p.item(describe(t.Events, t.Cond, t.Targets), t.Count, t.Place, t.Pos)
		nodes[t.Source].Transitions = append(nodes[t.Source].Transitions, it)
		if t.Count == 0 {
			it.What = t.Source + ": " + it.What
			p.Never = append(p.Never, it)
		}
	}
	for _, f := range files {
		if file := p.files[f.URL]; file != nil {
			file.Lines = p.lines(file, f)
		}
	}
	return p
}

// mark adds to what is known of a place: a part that is included several times counts as a whole.
func (p *coveragePage) mark(pos scxml.Position, count int) { p.marks[pos] += count }

func (p *coveragePage) item(what string, count int, place string, pos scxml.Position) coverageItem {
	it := coverageItem{What: what, Place: place, Class: class(count), Count: times(count)}
	if f := p.files[pos.File]; f != nil {
		it.Line = fmt.Sprintf("%s-%d", f.anchor, pos.Line)
	}
	return it
}

func class(count int) string {
	if count == 0 {
		return "miss"
	}
	return "hit"
}

func times(count int) string {
	if count == 0 {
		return "never"
	}
	return fmt.Sprintf("%d×", count)
}

// lines colours the lines of a file.
func (p *coveragePage) lines(file *coverageFile, f scxml.SourceFile) []coverageLine {
	texts := strings.Split(strings.TrimSuffix(f.Text, "\n"), "\n")
	lines := make([]coverageLine, len(texts))
	for i, text := range texts {
		lines[i] = coverageLine{ID: fmt.Sprintf("%s-%d", file.anchor, i+1), Number: i + 1, Text: strings.TrimRight(text, "\r")}
	}
	for _, e := range extents(f.Text) {
		count, ok := p.marks[scxml.Position{File: f.URL, Line: e.line, Column: e.column}]
		if !ok {
			continue
		}
		for _, r := range e.ranges {
			for n := r[0]; n <= min(r[1], len(lines)); n++ {
				l := &lines[n-1]
				if l.Sign == "never" && count > 0 {
					continue // something that begins in this line was never reached
				}
				l.Class = class(count)
				if n == e.line && l.Sign != "never" {
					l.Sign = times(count)
				}
			}
		}
	}
	return lines
}

// extent is an element, and the lines that tell of it: all of a transition, of a
// state the start tag and its handlers.
type extent struct {
	line, column int
	ranges       [][2]int
	whole        bool
}

// extents finds the states and transitions of a file, in the order of their start
// tags. Text that encoding/xml does not read is left out from there on.
func extents(text string) []*extent {
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	d.Entity = xml.HTMLEntity
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	var all, open []*extent
	for {
		line, column := d.InputPos()
		tok, err := d.RawToken()
		if err != nil {
			return all
		}
		end, _ := d.InputPos()
		switch tok := tok.(type) {
		case xml.StartElement:
			e := &extent{line: line, column: column}
			switch tok.Name.Local {
			case "state", "parallel", "final":
				e.ranges = [][2]int{{line, end}}
			case "transition":
				e.whole = true
			case "onentry", "onexit":
				if len(open) > 0 {
					// The lines of a handler belong to its state.
					owner := open[len(open)-1]
					e.line, e.column, e.whole = owner.line, owner.column, true
				}
			}
			e.ranges = append(e.ranges, [2]int{line, end})
			all = append(all, e)
			open = append(open, e)
		case xml.EndElement:
			if len(open) == 0 {
				continue
			}
			e := open[len(open)-1]
			open = open[:len(open)-1]
			if e.whole {
				e.ranges[len(e.ranges)-1][1] = end
			}
		}
	}
}
