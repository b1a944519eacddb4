package session_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// openBolt opens a store in a file of its own, on a disk in memory where there is one:
// what is tested does not depend on how long a disk takes.
func openBolt(t testing.TB) persistence.Store {
	dir, err := os.MkdirTemp("/dev/shm", "ors")
	if err != nil {
		dir = t.TempDir()
	}
	store, err := boltstore.Open(filepath.Join(dir, "sessions.db"), &boltstore.Options{Buckets: 4})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, store.Close())
		require.NoError(t, os.RemoveAll(dir))
	})
	return store
}

// TestW3CPassive runs the W3C tests on a store in a file, out of memory after every
// macrostep. TestW3C does so on one in memory.
func TestW3CPassive(t *testing.T) {
	dir := irpDir(t)
	for _, l := range w3cLanguages() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			store, restores := openBolt(t), 0
			for _, test := range irpTests(t, dir) {
				if test.Test == "513" {
					continue // a client posts an event
				}
				t.Run(test.Test, func(t *testing.T) {
					run := runIRP(t, dir, test, l.language, irpMode{workers: 1})
					passive := runIRP(t, dir, test, l.language, irpMode{workers: 1, store: store, passivate: true})
					assert.Equal(t, run.traces, passive.traces)
					assert.Empty(t, passive.problem(test))
					restores += passive.restores
					empty(t, store)
				})
			}
			assert.NotZero(t, restores, "sessions were out of memory")
		})
	}
}

// empty removes what a test has left in a store: sessions that do not end.
func empty(t *testing.T, store persistence.Store) {
	leases, err := store.Acquire(t.Context(), "cleaner", time.Hour, 0, 1, 2, 3)
	require.NoError(t, err)
	require.Len(t, leases, 4)
	for _, l := range leases {
		for info, err := range store.List(t.Context(), l.Bucket, "") {
			require.NoError(t, err)
			require.NoError(t, store.Delete(t.Context(), l.Epoch, info.ID))
		}
	}
	require.NoError(t, store.Release(t.Context(), leases...))
}

// TestScenariosPassive runs the scenario files of package scxml in an engine: in memory,
// and on stores with every session out of memory after every macrostep, which gives the
// same trace.
func TestScenariosPassive(t *testing.T) {
	charts, err := filepath.Glob("../scxml/testdata/scenarios/*.scxml")
	require.NoError(t, err)
	require.NotEmpty(t, charts)
	for _, l := range w3cLanguages() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			bolt, all := openBolt(t), 0
			for _, chart := range charts {
				base := strings.TrimSuffix(chart, ".scxml")
				t.Run(filepath.Base(base), func(t *testing.T) {
					want, _ := runScenario(t, base, l.language, nil)
					require.NotEmpty(t, want)
					for name, store := range map[string]persistence.Store{"memstore": irpStore(t), "boltstore": bolt} {
						got, restores := runScenario(t, base, l.language, store)
						assert.Equal(t, want, got, name)
						all += restores
					}
					empty(t, bolt)
				})
			}
			assert.NotZero(t, all, "sessions were out of memory")
		})
	}
}

// runScenario returns the traces by session, and how often sessions were restored.
func runScenario(t *testing.T, base string, language datamodel.Language, store persistence.Store) (traces map[string][]string, restores int) {
	traces = make(map[string][]string)
	opts := &session.Options{Store: store, Lease: 1000 * time.Hour, Parse: scxml.ParseOptions{URL: filepath.Base(base), Languages: []datamodel.Language{language}}}
	opts.Machine.Microsteps = 10
	over := false // Shutdown stops sessions that live in memory alone
	opts.Trace = func(id string, _ *scxml.Document) *scxml.Trace {
		line := func(format string, args ...any) {
			if !over {
				traces[id] = append(traces[id], fmt.Sprintf(format, args...))
			}
		}
		return &scxml.Trace{
			EventTaken: func(ev *scxml.Event) { line("event %s %s", ev.Name, datamodel.AppendJSON(nil, ev.Data)) },
			Transition: func(tr scxml.TransitionTrace) { line("%s -> %s", tr.Source, strings.Join(tr.Targets, " ")) },
			Exit:       func(state string) { line("exit %s", state) },
			Enter:      func(state string) { line("enter %s", state) },
			Error:      func(ev *scxml.Event, err error) { line("%s: %v", ev.Name, err) },
			Persist: func(p scxml.PersistTrace) {
				if p.Restored {
					restores++
				}
			},
		}
	}
	b := newBench(t, opts)
	if store != nil {
		_, err := b.Recover(deadline(t))
		require.NoError(t, err)
		session.PassivateEachStep(b.Engine)
	}
	source, err := os.ReadFile(base + ".scxml")
	require.NoError(t, err)
	doc, err := scxml.Parse(t.Context(), source, &opts.Parse)
	require.NoError(t, err)
	id, err := b.Start(deadline(t), session.StartRequest{Document: doc, Params: datamodel.NewObject(datamodel.Member{Name: "param", Value: "given"})})
	require.NoError(t, err)
	events, err := os.Open(base + ".events")
	require.NoError(t, err)
	defer events.Close()
	for lines := bufio.NewScanner(events); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line == "!stop" {
			continue
		}
		name, data, _ := strings.Cut(line, " ")
		if strings.HasPrefix(name, "invokeid=") {
			name, data, _ = strings.Cut(data, " ")
		}
		ev := &scxml.Event{Name: name}
		if data != "" {
			require.NoError(t, json.Unmarshal([]byte(data), &ev.Data))
		}
		require.NoError(t, b.Settle(context.Background()))
		if err := b.Send(deadline(t), id, ev); err != nil {
			require.ErrorIs(t, err, session.ErrNotFound)
		}
	}
	b.clock.Advance(time.Hour)
	traces[""] = append(traces[""], b.logged()...)
	over = true
	require.NoError(t, b.Shutdown(deadline(t)))
	return traces, restores
}
