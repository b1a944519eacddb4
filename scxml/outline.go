package scxml

import (
	"maps"
	"slices"
)

// StateInfo describes a state of a document.
type StateInfo struct {
	ID          string
	Generated   bool   // the document gives no id; ID is made up
	Kind        string // "state", "parallel", "final" or "history"
	Parent      string // id of the state around it; empty at the top
	Pos         Position
	Transitions []TransitionInfo // in document order; those of <initial> and <history> are not among them
}

// TransitionInfo describes a transition of a state. Trace.Transition names it by
// Source and Pos.
type TransitionInfo struct {
	Source  string
	Events  []string // as written, without trailing ".*"; empty: eventless
	Cond    string   // empty: none
	Targets []string // ids; empty for a targetless transition
	Pos     Position
}

// States describes all states in document order: parents come before what is
// inside them.
func (d *Document) States() []StateInfo {
	infos := make([]StateInfo, 0, len(d.states)-1)
	for _, s := range d.states[1:] {
		info := StateInfo{ID: s.id, Generated: s.noID, Kind: "state", Pos: s.pos}
		switch s.kind {
		case parallelState:
			info.Kind = "parallel"
		case finalState:
			info.Kind = "final"
		case shallowHistory, deepHistory:
			info.Kind = "history"
		}
		if s.parent > 0 {
			info.Parent = d.states[s.parent].id
		}
		if !s.isHistory() {
			for _, t := range s.transitions {
				info.Transitions = append(info.Transitions, d.transitionInfo(t))
			}
		}
		infos = append(infos, info)
	}
	return infos
}

func (d *Document) transitionInfo(t *transition) TransitionInfo {
	info := TransitionInfo{Source: d.states[t.source].id, Events: append([]string(nil), t.events...), Pos: t.pos}
	if t.cond != nil {
		info.Cond = t.cond.text
	}
	for _, i := range t.targets {
		info.Targets = append(info.Targets, d.states[i].id)
	}
	return info
}

// SourceFile is a file that a document was made of.
type SourceFile struct {
	URL  string // as Position.File has it
	Text string // as it was read
}

// Files returns the text of the document and, behind it, of the files that it
// refers to: what it includes, src of <script> and <data>, in order of their URLs.
func (d *Document) Files() []SourceFile {
	text, resources := unbundle([]byte(d.source))
	files := []SourceFile{{d.url, string(text)}}
	delete(resources, preloadURL)
	for _, url := range slices.Sorted(maps.Keys(resources)) {
		files = append(files, SourceFile{url, string(resources[url])})
	}
	return files
}
