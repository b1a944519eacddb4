package scxmltest

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/seed-ff723688/ors/scxml"
)

// Coverage counts the states that were entered and the transitions that were
// taken, for each document. The zero value is ready for use. It is safe for concurrent use: make it a variable of the
// test package, give it to every test, and print it in TestMain:
//
//	var coverage scxmltest.Coverage
//
//	func TestMain(m *testing.M) {
//		code := m.Run()
//		coverage.WriteText(os.Stdout)
//		os.Exit(code)
//	}
type Coverage struct {
	mu     sync.Mutex
	charts map[coverageKey]*chartCoverage
}

type coverageKey struct {
	url    string
	digest [32]byte
}

// chartCoverage is that of one document.
type chartCoverage struct {
	owner       *Coverage
	doc         *scxml.Document
	folder      string
	states      []scxml.StateInfo
	entered     map[string]int
	transitions map[transitionKey]int
}

// transitionKey names a transition; parts that are included twice have their
// transitions at the same place.
type transitionKey struct {
	source string
	pos    scxml.Position
}

// chart finds the entry of a document; it works on nil.
func (c *Coverage) chart(doc *scxml.Document) *chartCoverage {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := coverageKey{doc.URL(), doc.Digest()}
	ch := c.charts[key]
	if ch == nil {
		ch = &chartCoverage{owner: c, doc: doc, folder: workingFolder(), states: doc.States(), entered: map[string]int{}, transitions: map[transitionKey]int{}}
		if c.charts == nil {
			c.charts = map[coverageKey]*chartCoverage{}
		}
		c.charts[key] = ch
	}
	return ch
}

func (ch *chartCoverage) enter(state string) {
	if ch == nil {
		return
	}
	ch.owner.mu.Lock()
	defer ch.owner.mu.Unlock()
	ch.entered[state]++
}

func (ch *chartCoverage) take(t scxml.TransitionTrace) {
	if ch == nil {
		return
	}
	ch.owner.mu.Lock()
	defer ch.owner.mu.Unlock()
	ch.transitions[transitionKey{t.Source, t.Pos}]++
}

// Trace returns hooks that count for a session of doc: for session.Options.Trace
// of an engine that is not made by this package.
func (c *Coverage) Trace(doc *scxml.Document) *scxml.Trace {
	ch := c.chart(doc)
	return &scxml.Trace{Enter: ch.enter, Transition: ch.take}
}

// ChartCoverage is the coverage of one document.
type ChartCoverage struct {
	Name        string // of the file
	States      []StateCoverage
	Transitions []TransitionCoverage
}

// StateCoverage tells how often a state was entered.
type StateCoverage struct {
	scxml.StateInfo
	Place string // file:line:column
	Count int
}

// TransitionCoverage tells how often a transition was taken.
type TransitionCoverage struct {
	scxml.TransitionInfo
	Place string // file:line:column
	Count int
}

// Covered returns how many states and transitions were entered or taken, of how
// many. Histories, which are never entered, do not count, nor do the transitions of
// <initial> and <history>.
func (c *ChartCoverage) Covered() (states, ofStates, transitions, ofTransitions int) {
	for _, s := range c.States {
		if s.Count > 0 {
			states++
		}
	}
	for _, t := range c.Transitions {
		if t.Count > 0 {
			transitions++
		}
	}
	return states, len(c.States), transitions, len(c.Transitions)
}

// Charts returns the coverage of each document, by name.
func (c *Coverage) Charts() []ChartCoverage {
	var all []ChartCoverage
	for _, ch := range c.sorted() {
		all = append(all, c.summary(ch))
	}
	return all
}

func (c *Coverage) sorted() []*chartCoverage {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*chartCoverage
	for _, ch := range c.charts {
		all = append(all, ch)
	}
	slices.SortFunc(all, func(a, b *chartCoverage) int {
		x, y := a.doc.Digest(), b.doc.Digest()
		return cmp.Or(strings.Compare(a.doc.URL(), b.doc.URL()), slices.Compare(x[:], y[:]))
	})
	return all
}

func (c *Coverage) summary(ch *chartCoverage) ChartCoverage {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := ChartCoverage{Name: shorten(ch.doc.URL(), ch.folder)}
	for _, s := range ch.states {
		if s.Kind != "history" {
			sum.States = append(sum.States, StateCoverage{s, shorten(s.Pos.String(), ch.folder), ch.entered[s.ID]})
		}
		for _, t := range s.Transitions {
			sum.Transitions = append(sum.Transitions, TransitionCoverage{t, shorten(t.Pos.String(), ch.folder), ch.transitions[transitionKey{t.Source, t.Pos}]})
		}
	}
	return sum
}
