package scxml_test

import (
	"bufio"
	"encoding/json"
	"os"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// appendixDCase is one line of testdata/appendixd/cases.jsonl: a chart and what
// the pseudo-code of appendix D does with it.
type appendixDCase struct {
	ID                   string
	SCXML                string
	InitialConfiguration []string
	InitialTrace         []string
	Events               []struct {
		Event             struct{ Name string }
		NextConfiguration []string
		Trace             []string
	}
}

func readAppendixD(t testing.TB) []appendixDCase {
	f, err := os.Open("testdata/appendixd/cases.jsonl")
	require.NoError(t, err)
	defer f.Close()
	var cases []appendixDCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c appendixDCase
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		cases = append(cases, c)
	}
	require.NoError(t, lines.Err())
	require.Len(t, cases, 200)
	return cases
}

func TestAppendixD(t *testing.T) {
	cases := readAppendixD(t)
	for _, language := range languages() {
		for _, restore := range []bool{false, true} {
			name := language.engine
			if restore {
				name += "/restored"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				passed := 0
				for _, c := range cases {
					if t.Run(c.ID, func(t *testing.T) { runAppendixD(t, language.Language, c, restore) }) {
						passed++
					}
				}
				t.Logf("%d of %d", passed, len(cases))
			})
		}
	}
}

func runAppendixD(t *testing.T, language datamodel.Language, c appendixDCase, restore bool) {
	doc := parse(t, c.SCXML, language)
	log := []string{}
	opts := &scxml.MachineOptions{Log: func(e scxml.LogEntry) { log = append(log, e.Text) }}
	m, err := scxml.NewMachine(doc, opts)
	require.NoError(t, err)
	check := func(step int, configuration, trace []string) {
		active := m.Active()
		sort.Strings(active)
		require.Equal(t, configuration, active, "configuration after step %d", step)
		require.Equal(t, trace, log, "trace of step %d", step)
		log = log[:0]
		if restore {
			m = restored(t, m, opts)
		}
	}
	_, err = m.Start()
	require.NoError(t, err)
	check(0, c.InitialConfiguration, c.InitialTrace)
	for i, e := range c.Events {
		_, err := m.Handle(&scxml.Event{Name: e.Event.Name})
		require.NoError(t, err)
		check(i+1, e.NextConfiguration, e.Trace)
	}
}

// restored replaces a machine by a new one made from its snapshot.
func restored(t testing.TB, m *scxml.Machine, opts *scxml.MachineOptions) *scxml.Machine {
	snapshot, err := m.Snapshot(nil)
	require.NoError(t, err)
	again, err := scxml.RestoreMachine(m.Document(), snapshot, opts)
	require.NoError(t, err)
	second, err := again.Snapshot(nil)
	require.NoError(t, err)
	require.Equal(t, snapshot, second, "a restored machine has the same snapshot")
	require.NoError(t, m.Close())
	return again
}
