package scxml

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
)

// FuzzEvents drives the charts of the tests with random events. The first two
// bytes choose the chart, each further byte an event, or a snapshot from which a
// second machine goes on beside the first. The configuration is always a legal
// one (section 3.11), both machines do the same, and nothing panics.
func FuzzEvents(f *testing.F) {
	docs := fuzzDocuments(f)
	names := []string{"go", "up", "tick", "dev", "dev.on", "dev.off", "int.q", "done.state.s0", "error.execution",
		"hold", "resume", "return", "menu", "next", "begin", "count", "leave", "both", "end", "restart", "reply", "plain", "keep", "check", "cond", "*", "", "."}
	for i := range docs {
		f.Add([]byte{byte(i), byte(i >> 8), 0, 1, 2, 255, 3, 4, 5, 9, 10, 12, 255, 14, 16, 17, 18, 0, 4, 2})
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) < 2 || len(input) > 64 {
			return
		}
		doc := docs[(int(input[0])+int(input[1])<<8)%len(docs)]
		m, err := NewMachine(doc, nil)
		require.NoError(t, err)
		_, err = m.Start()
		requireLegal(t, m, err)
		var second *Machine
		for i, b := range input[2:] {
			if b == 255 {
				if second = nil; m.Err() == nil {
					snapshot, err := m.Snapshot(nil)
					require.NoError(t, err)
					second, err = RestoreMachine(doc, snapshot, nil)
					require.NoError(t, err)
				}
				continue
			}
			ev := &Event{Name: names[int(b)%len(names)], Data: datamodel.NewObject(datamodel.Member{Name: "n", Value: float64(i)})}
			_, err := m.Handle(ev)
			requireLegal(t, m, err)
			if second != nil {
				_, other := second.Handle(ev)
				require.Equal(t, err == nil, other == nil)
				require.Equal(t, m.Configuration(), second.Configuration())
			}
		}
		_, _ = m.Stop()
		require.NoError(t, m.Close())
	})
}

func fuzzDocuments(f *testing.F) []*Document {
	var sources []string
	charts, err := filepath.Glob("testdata/scenarios/*.scxml")
	require.NoError(f, err)
	for _, name := range charts {
		source, err := os.ReadFile(name)
		require.NoError(f, err)
		sources = append(sources, string(source))
	}
	cases, err := os.Open("testdata/appendixd/cases.jsonl")
	require.NoError(f, err)
	defer cases.Close()
	lines := bufio.NewScanner(cases)
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); n++ {
		if n%10 != 0 { // every tenth is enough for the fuzzer
			continue
		}
		var c struct{ SCXML string }
		require.NoError(f, json.Unmarshal(lines.Bytes(), &c))
		sources = append(sources, c.SCXML)
	}
	var docs []*Document
	for _, source := range sources {
		doc, err := Parse(context.Background(), []byte(source), &ParseOptions{Languages: []datamodel.Language{goja.New(nil)}})
		require.NoError(f, err)
		docs = append(docs, doc)
	}
	return docs
}

// requireLegal checks the configuration of a machine whose last call returned err.
func requireLegal(t *testing.T, m *Machine, err error) {
	if err != nil {
		require.True(t, m.Done(), "an error ends the session: %v", err)
		return
	}
	if m.Done() {
		return
	}
	require.False(t, m.configuration.empty())
	for i := m.configuration.next(0); i >= 0; i = m.configuration.next(i + 1) {
		s := m.doc.states[i]
		require.False(t, s.isHistory())
		require.True(t, s.parent == 0 || m.configuration.has(s.parent), "%s is active, its parent is not", s.id)
		requireChildren(t, m, s)
	}
	requireChildren(t, m, m.doc.states[0])
}

func requireChildren(t *testing.T, m *Machine, s *state) {
	active, states := 0, 0
	for _, c := range s.children {
		if m.doc.states[c].isHistory() {
			continue
		}
		states++
		if m.configuration.has(c) {
			active++
		}
	}
	switch s.kind {
	case rootState, compoundState:
		require.Equal(t, 1, active, "active children of %s in %v", s.id, m.Configuration())
	case parallelState:
		require.Equal(t, states, active, "active regions of %s in %v", s.id, m.Configuration())
	}
}
