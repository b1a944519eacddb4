package scxml

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/antchfx/xmlquery"

	"github.com/seed-ff723688/ors/datamodel"
)

// Dialect is the form of SCXML that a document is written in.
type Dialect uint8

const (
	// Auto takes a document for ORS when its <scxml> has profile="ecmascript" and
	// no datamodel attribute, for W3C otherwise.
	Auto Dialect = iota

	// W3C is SCXML 1.0, the Recommendation of 1 September 2015.
	W3C

	// ORS is what Orchestration Server runs and Composer generates: the working
	// draft of 7 May 2009 with extensions. The package comment has what is
	// different.
	ORS
)

func (d Dialect) String() string {
	switch d {
	case Auto:
		return "auto"
	case W3C:
		return "W3C"
	case ORS:
		return "ORS"
	}
	return fmt.Sprintf("Dialect(%d)", uint8(d))
}

// dialect is what the parser has to know of a Dialect.
type dialect struct {
	name     Dialect
	elements map[string]*element

	// actions read the executable content that differs from SCXML 1.0.
	actions map[string]func(p *parser, n *xmlquery.Node) action

	statements bool // expressions are programs (datamodel.Source.Statements)

	// sendTarget turns the type and target of a <send> into a target of SCXML 1.0;
	// nil: it is one.
	sendTarget func(typ, target string) string

	rules rules // at run time
}

var w3cDialect = &dialect{name: W3C, elements: elements}

var orsDialect = &dialect{
	name:       ORS,
	elements:   orsElements(),
	statements: true,
	actions: map[string]func(p *parser, n *xmlquery.Node) action{
		"send":   (*parser).orsSend,
		"cancel": (*parser).orsCancel,
		"raise":  (*parser).orsRaise,
		"event":  (*parser).orsRaise,
		"log":    (*parser).orsLog,
	},
	sendTarget: orsSendTarget,
	rules:      orsRules,
}

// orsElements is the vocabulary of the ORS dialect: that of SCXML 1.0, so that
// documents may be modernized step by step, and what the draft and ORS have
// beside it.
func orsElements() map[string]*element {
	all := maps.Clone(elements)
	extend := func(name string, attrs, children []string) {
		e := *all[name]
		e.attrs = append(slices.Clone(e.attrs), attrs...)
		e.children = append(slices.Clone(e.children), children...)
		all[name] = &e
	}
	extend("scxml", []string{"profile", "exmode"}, []string{"initial"})
	extend("raise", nil, []string{"param", "content"})
	extend("log", []string{"level"}, nil)
	extend("send", []string{"targettype", "sendid", "hints", "timeout"}, nil)
	extend("cancel", []string{"id"}, nil)
	extend("invoke", []string{"targettype", "invokeid"}, nil)
	all["event"] = &element{section: "4.2", attrs: []string{"name"}, required: []string{"name"}, children: []string{"param", "content"}}
	for name, e := range all {
		if e.content == executable {
			extend(name, nil, []string{"event"})
		}
	}
	return all
}

// chooseDialect finds the dialect of the document with the root n.
func (p *parser) chooseDialect(n *xmlquery.Node) *dialect {
	profile, ok := p.attr(n, "profile")
	switch p.opts.Dialect {
	case ORS:
		return orsDialect
	case Auto:
		if ok && trimSpace(profile) == "ecmascript" && !p.has(n, "datamodel") {
			return orsDialect
		}
	}
	return w3cDialect
}

func (p *parser) ors() bool { return p.dialect.name == ORS }

// orsLanguage finds the data model of a document in the ORS dialect that does
// not name one.
func (p *parser) orsLanguage(n *xmlquery.Node) datamodel.Language {
	if profile, ok := p.attr(n, "profile"); ok && trimSpace(profile) != "ecmascript" {
		p.report(Error, p.atAttr(n, "profile"), "", fmt.Sprintf("unknown profile %q", profile), `the ORS dialect has profile="ecmascript" only`)
	}
	for _, l := range p.opts.Languages {
		if l.Name() == "ecmascript" {
			return l
		}
	}
	p.report(Error, p.atAttr(n, "profile"), "", `the ORS dialect needs the data model "ecmascript", and there is none`,
		"add one to ParseOptions.Languages; the packages below datamodel/ecmascript make them")
	return datamodel.NullLanguage{}
}

// Settings are what the underscore attributes of <scxml> ask for in the ORS
// dialect. In the W3C dialect, and where an attribute is not given, a field has
// the value that the comment calls the default. Attributes without a field here
// are in Document.Attributes. A machine keeps to MicroStepLimit, StateEntryLimit,
// EventTimeout and TransitionStyle, whoever runs sessions (package session) to
// Persist, PendingEvents and MaxAge.
//
// The values of an attribute that are not legal are warned of, and count as not
// given. _persist (may, must) and _deactivate (may, mustnot) of states are met by
// any engine that saves a session after each macrostep and keeps it in memory, as
// package session does; it does so also where they say mustnot and must, and the
// document is warned of.
type Settings struct {
	Type            string        // _type, for reports: routingstrategy, interactionprocess, serviceprocess, combination (the default)
	Persist         bool          // _persist; false: no session of the document is to be saved; default true
	MicroStepLimit  int           // _microStepLimit; default 0: not given
	StateEntryLimit int           // _stateEntryLimit; default 0: not given
	PendingEvents   int           // _maxPendingEvents: external events that may wait for a session; default 0: not given
	EventTimeout    time.Duration // _processEventTimeout, in milliseconds; default 0: not given
	MaxAge          time.Duration // _maxtime, in seconds: the longest life of a session; default 0: not given
	Debug           bool          // _debug, for tools; default false

	// TransitionStyle is _transitionStyle: "standard", the default, or "legacy". It
	// decides which of several transitions are taken that cannot be taken together, in
	// the regions of a parallel state. In SCXML 1.0, the one of an inner state goes
	// before that of a state around it, else the first in document order. In the draft
	// of 2009, the first region that leaves the parallel state wins, and regions that
	// follow do nothing any more, not even take transitions without a target.
	TransitionStyle string
}

// The values of _transitionStyle.
const (
	standardStyle = "standard"
	legacyStyle   = "legacy"
)

// longestSetting bounds durations and counts, so that nothing overflows.
const longestSetting = 1 << 31

// settings reads the underscore attributes of <scxml>.
func (p *parser) settings(attrs []Attr) Settings {
	s := Settings{Type: "combination", Persist: true, TransitionStyle: standardStyle}
	if !p.ors() {
		return s
	}
	wrong := func(a Attr, want string) {
		p.reportAt(Warning, a.Pos, "", fmt.Sprintf("%s=%q is not %s; it is ignored", a.Name, a.Value, want), "")
	}
	boolean := func(a Attr, to *bool) {
		switch strings.ToLower(trimSpace(a.Value)) {
		case "true", "1":
			*to = true
		case "false", "0":
			*to = false
		default:
			wrong(a, `"true" or "false"`)
		}
	}
	number := func(a Attr) int {
		n, err := strconv.Atoi(trimSpace(a.Value))
		if err != nil || n < 0 || n > longestSetting {
			wrong(a, "a number that is not negative")
			return 0
		}
		return n
	}
	oneOf := func(a Attr, to *string, values ...string) {
		if value := strings.ToLower(trimSpace(a.Value)); slices.Contains(values, value) {
			*to = value
		} else {
			wrong(a, "one of "+strings.Join(values, ", "))
		}
	}
	for _, a := range attrs {
		if a.Space != "" {
			continue
		}
		switch a.Name {
		case "_type":
			oneOf(a, &s.Type, "routingstrategy", "interactionprocess", "serviceprocess", "combination")
		case "_persist":
			boolean(a, &s.Persist)
		case "_microStepLimit":
			s.MicroStepLimit = number(a)
		case "_stateEntryLimit":
			s.StateEntryLimit = number(a)
		case "_maxPendingEvents":
			s.PendingEvents = number(a)
		case "_processEventTimeout":
			s.EventTimeout = time.Duration(number(a)) * time.Millisecond
		case "_maxtime":
			s.MaxAge = time.Duration(number(a)) * time.Second
		case "_debug":
			boolean(a, &s.Debug)
		case "_transitionStyle":
			oneOf(a, &s.TransitionStyle, standardStyle, legacyStyle)
		}
	}
	return s
}

// stateHints checks the underscore attributes of a state.
func (p *parser) stateHints(s *state) {
	if !p.ors() {
		return
	}
	for _, a := range s.attrs {
		if a.Space != "" || a.Name != "_persist" && a.Name != "_deactivate" {
			continue
		}
		switch hint := strings.ToLower(strings.ReplaceAll(a.Value, " ", "")); {
		case hint == "may":
		case hint != "must" && hint != "mustnot":
			p.reportAt(Warning, a.Pos, "", fmt.Sprintf("%s=%q is not one of may, must, mustnot; it is ignored", a.Name, a.Value), "")
		case a.Name == "_deactivate" && hint == "must":
			s.residence, p.doc.placed = MustLeave, true
		case a.Name == "_deactivate":
			s.residence, p.doc.placed = MustStay, true
		case hint == "mustnot":
			p.reportAt(Warning, a.Pos, "", fmt.Sprintf("%s=%q has no effect", a.Name, a.Value),
				`a stored session is saved after every macrostep, here too; _persist="false" of <scxml> keeps all of it out of the store`)
		}
	}
}
