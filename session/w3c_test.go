package session_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/otto"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// The tests of the W3C SCXML Implementation Report Plan. They are not part of
// this repository; irpDir says how to get them. Each runs with every ECMAScript
// engine, under a virtual clock: straight through; with a restore after every
// macrostep and with a store, which must give the same trace; and with several
// workers.

var update = flag.Bool("update", false, "rewrite generated files")

// w3cLanguage is an ECMAScript engine under test.
type w3cLanguage struct {
	name     string
	language datamodel.Language
}

func w3cLanguages() []w3cLanguage {
	return []w3cLanguage{
		{"goja", goja.New(nil)},
		{"otto", otto.New(nil)},
	}
}

// w3cExceptions are tests that are known not to pass, as "engine/test", each
// with the cause. A test in this list that passes is a failure too.
var w3cExceptions = map[string]string{}

// irpTest is a row of the suite's manifest: a start document.
type irpTest struct {
	Test        string `json:"test"`
	Section     string `json:"specnum"`
	Conformance string `json:"conformance"` // mandatory, optional
	Manual      bool   `json:"manual"`
	File        string `json:"ecma"`
}

// irpDir finds the suite.
func irpDir(t *testing.T) string {
	dir := os.Getenv("SCXML_IRP_DIR")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "w3c-irp")
	}
	if _, err := os.Stat(filepath.Join(dir, "manifest.json")); err != nil {
		help := "the W3C tests are not here: take the ECMAScript conversion of https://www.w3.org/Voice/2013/scxml-irp/ " +
			"into a folder with its manifest.json, then SCXML_IRP_DIR=FOLDER go test ./session: " + err.Error()
		if os.Getenv("CI") == "true" {
			t.Fatal(help)
		}
		t.Skip(help)
	}
	dir, err := filepath.Abs(dir)
	require.NoError(t, err)
	return dir
}

func irpTests(t *testing.T, dir string) []irpTest {
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	require.NoError(t, err)
	var manifest struct {
		Starts int       `json:"start_files"`
		Tests  []irpTest `json:"tests"`
	}
	require.NoError(t, json.Unmarshal(text, &manifest))
	require.Len(t, manifest.Tests, manifest.Starts)
	return manifest.Tests
}

// irpRun is what came of a test.
type irpRun struct {
	rejected error
	result   session.Result
	ended    bool
	logs     []irpLog
	trace    []string
	traces   map[string][]string // by session
	restores int                 // from a store
}

type irpLog struct{ session, label, text string }

// irpTime is how much virtual time a test may take. The longest delay in the
// suite is 30 s.
const irpTime = 10 * time.Minute

// irpMode is how a test is run.
type irpMode struct {
	workers   int
	restore   bool              // a restored Machine after every macrostep
	store     persistence.Store // nil: in memory
	passivate bool              // out of memory after every macrostep
}

func runIRP(t *testing.T, dir string, test irpTest, language datamodel.Language, mode irpMode) irpRun {
	t.Helper()
	run := irpRun{traces: make(map[string][]string)}
	var mu sync.Mutex
	trace := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		line := fmt.Sprintf(format, args...)
		run.trace = append(run.trace, line)
		id := args[0].(string)
		run.traces[id] = append(run.traces[id], line)
	}
	loader := newLoader(t, &session.LoaderOptions{Allow: []string{fileURL(t, filepath.Join(dir, "ecma"))}})
	http, err := session.NewBasicHTTP(&session.BasicHTTPOptions{URL: "http://scxml.example/"})
	require.NoError(t, err)
	clock := session.NewVirtualClock(noon)
	ids := 0
	opts := &session.Options{
		Parse:      scxml.ParseOptions{Languages: []datamodel.Language{language}},
		Loader:     loader,
		Processors: []session.IOProcessor{http},
		Clock:      clock,
		Workers:    mode.workers,
		NewID: func() string {
			mu.Lock()
			defer mu.Unlock()
			ids++
			return fmt.Sprintf("session%d", ids)
		},
		Log: func(id string, l scxml.LogEntry) {
			mu.Lock()
			run.logs = append(run.logs, irpLog{id, l.Label, l.Text})
			mu.Unlock()
			trace("%s log %q %q", id, l.Label, l.Text)
		},
		Trace: func(id string, _ *scxml.Document) *scxml.Trace {
			return &scxml.Trace{
				EventTaken: func(ev *scxml.Event) { trace("%s event %s %s", id, ev.Name, ev.Type) },
				Transition: func(tr scxml.TransitionTrace) { trace("%s %s -> %s", id, tr.Source, strings.Join(tr.Targets, " ")) },
				Exit:       func(state string) { trace("%s exit %s", id, state) },
				Enter:      func(state string) { trace("%s enter %s", id, state) },
				Persist: func(p scxml.PersistTrace) {
					if p.Restored {
						mu.Lock()
						run.restores++
						mu.Unlock()
					}
				},
				Error: func(ev *scxml.Event, err error) { trace("%s %s: %v", id, ev.Name, err) },
			}
		},
	}
	if mode.store != nil {
		opts.Store = mode.store
		opts.Lease = 1000 * time.Hour // so that renewals stay out of the way
	}
	e, err := session.New(opts)
	require.NoError(t, err)
	if mode.store != nil {
		_, err := e.Recover(deadline(t))
		require.NoError(t, err)
	}
	if mode.restore {
		session.RestoreEachStep(e)
	}
	if mode.passivate {
		session.PassivateEachStep(e)
	}
	defer func() { require.NoError(t, e.Shutdown(deadline(t))) }()

	id, err := e.Start(deadline(t), session.StartRequest{URL: fileURL(t, filepath.Join(dir, test.File))})
	if err != nil {
		run.rejected = err
		return run
	}
	for {
		require.NoError(t, e.Settle(deadline(t)))
		st, err := e.Query(deadline(t), id)
		require.NoError(t, err)
		next, pending := clock.Next()
		if st.Ended {
			run.ended, run.result = true, st.Result
		}
		if !pending || next.Sub(noon) > irpTime || st.Ended && e.Len() == 0 {
			return run
		}
		clock.Advance(next.Sub(clock.Now()))
	}
}

// problem says why a run is no pass; "" when it is one.
func (r *irpRun) problem(test irpTest) string {
	if judge := irpManual[test.Test]; judge != nil {
		return judge(r)
	}
	return r.outcome("pass")
}

// outcome demands that the session ended in a top-level final state.
func (r *irpRun) outcome(final string) string {
	switch {
	case r.rejected != nil:
		return "rejected: " + r.rejected.Error()
	case !r.ended:
		return "no end"
	case r.result.Err != nil:
		return r.result.Err.Error()
	case !slices.Equal(r.result.Configuration, []string{final}):
		return fmt.Sprintf("ended in %v", r.result.Configuration)
	}
	return ""
}

// logged returns the texts logged by one session.
func (r *irpRun) logged(id string) []string {
	var lines []string
	for _, l := range r.logs {
		if l.session == id {
			lines = append(lines, l.label+l.text)
		}
	}
	return lines
}

// irpManual judges the manual tests in the way in which their comments ask a
// tester to.
var irpManual = map[string]func(*irpRun) string{
	// Both values of a repeated parameter are in the message.
	"178": func(r *irpRun) string {
		if p := r.outcome("final"); p != "" {
			return p
		}
		if got := strings.Join(r.logged("session1"), "\n"); !strings.Contains(got, "Var1=2") || !strings.Contains(got, "Var1=3") {
			return "logged " + got
		}
		return ""
	},
	// A forwarded event has the fields of the original.
	"230": func(r *irpRun) string {
		parent, child := r.logged("session1"), r.logged("session2")
		if p := r.outcome("final"); p != "" {
			return p
		}
		if len(parent) != 7 || !slices.Equal(parent, child) {
			return fmt.Sprintf("parent %q, child %q", parent, child)
		}
		return ""
	},
	// The onexit handlers of a cancelled child run.
	"250": func(r *irpRun) string {
		if p := r.outcome("final"); p != "" {
			return p
		}
		if got := r.logged("session2"); !slices.Equal(got, []string{"Exiting sub01", "Exiting sub0"}) {
			return fmt.Sprintf("child logged %q", got)
		}
		return ""
	},
	// The document is rejected: its script cannot be had.
	"301": func(r *irpRun) string {
		var problems *scxml.ParseError
		if !errors.As(r.rejected, &problems) {
			return "not rejected"
		}
		return ""
	},
	// A variable that is bound late and a missing member give the same: both
	// are undefined and neither is an error.
	"307": func(r *irpRun) string {
		if p := r.outcome("final"); p != "" {
			return p
		}
		for _, l := range r.logs {
			if strings.HasPrefix(l.label, "error") {
				return "logged " + l.label
			}
		}
		if len(r.logs) < 2 || r.logs[0].text != "undefined" {
			return fmt.Sprintf("logged %v", r.logs)
		}
		return ""
	},
	// The document may be rejected; if not, the error comes at run time.
	"313": rejectedOrPass,
	"314": rejectedOrPass,
	// event1 is not processed.
	"415": func(r *irpRun) string {
		if slices.ContainsFunc(r.trace, func(l string) bool { return strings.Contains(l, "event1") }) {
			return "event1 was taken"
		}
		return r.outcome("final")
	},
}

func rejectedOrPass(r *irpRun) string {
	var problems *scxml.ParseError
	if errors.As(r.rejected, &problems) {
		return ""
	}
	return r.outcome("pass")
}

func TestW3C(t *testing.T) {
	dir := irpDir(t)
	tests := irpTests(t, dir)
	languages := w3cLanguages()
	problems := make(map[string]string) // by "engine/test"
	for _, l := range languages {
		for _, test := range tests {
			name := l.name + "/" + test.Test
			t.Run(name, func(t *testing.T) {
				var problem string
				if test.Test == "513" {
					// A client posts an event to a session and gets 200:
					// TestBasicHTTPEndToEnd does that.
					TestBasicHTTPEndToEnd(t)
				} else {
					run := runIRP(t, dir, test, l.language, irpMode{workers: 1})
					restored := runIRP(t, dir, test, l.language, irpMode{workers: 1, restore: true})
					parallel := runIRP(t, dir, test, l.language, irpMode{workers: 4})
					stored := runIRP(t, dir, test, l.language, irpMode{workers: 1, store: irpStore(t)})
					passive := runIRP(t, dir, test, l.language, irpMode{workers: 1, store: irpStore(t), passivate: true})
					if problem = run.problem(test); problem != "" {
						problem += "\n" + strings.Join(run.trace, "\n")
					} else {
						assert.Equal(t, run.trace, restored.trace, "with a restore after every macrostep")
						assert.Empty(t, restored.problem(test))
						assert.Empty(t, parallel.problem(test), "with several workers")
						assert.Equal(t, run.trace, stored.trace, "with a store")
						assert.Empty(t, stored.problem(test), "with a store")
						assert.Equal(t, run.traces, passive.traces, "out of memory after every macrostep, by session")
						assert.Empty(t, passive.problem(test), "out of memory after every macrostep")
					}
				}
				problems[name] = problem
				reason, expected := w3cExceptions[name]
				switch {
				case problem == "" && expected:
					t.Errorf("passes, but stands in the list of exceptions: %s", reason)
				case problem != "" && !expected:
					t.Errorf("section %s: %s", test.Section, problem)
				}
			})
		}
	}
	if testing.Verbose() {
		for _, l := range languages {
			t.Logf("%s: %s", l.name, irpScore(tests, l.name, problems))
		}
	}
	checkConformance(t, tests, languages, problems)
}

func irpStore(t *testing.T) persistence.Store {
	store, err := memstore.New(&memstore.Options{Buckets: 1})
	require.NoError(t, err)
	return store
}

// irpScore counts passes by kind.
func irpScore(tests []irpTest, engine string, problems map[string]string) string {
	kinds := []string{"mandatory automatic", "mandatory manual", "optional automatic", "optional manual"}
	passed, all := make(map[string]int), make(map[string]int)
	for _, test := range tests {
		kind := test.kind()
		all[kind]++
		if p, ran := problems[engine+"/"+test.Test]; ran && p == "" {
			passed[kind]++
		}
	}
	var parts []string
	for _, k := range kinds {
		parts = append(parts, fmt.Sprintf("%s %d/%d", k, passed[k], all[k]))
	}
	return strings.Join(parts, ", ")
}

func (t irpTest) kind() string {
	if t.Manual {
		return t.Conformance + " manual"
	}
	return t.Conformance + " automatic"
}

// checkConformance compares CONFORMANCE.md with this run, or writes it.
func checkConformance(t *testing.T, tests []irpTest, languages []w3cLanguage, problems map[string]string) {
	if len(problems) != len(tests)*len(languages) {
		return // not all tests were run
	}
	got := conformance(tests, languages, problems)
	name := filepath.Join("..", "CONFORMANCE.md")
	if *update {
		require.NoError(t, os.WriteFile(name, got, 0o644))
		return
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got), "CONFORMANCE.md is not current: go test ./session -run TestW3C -update")
}

func conformance(tests []irpTest, languages []w3cLanguage, problems map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString(`# Conformance

Generated by ` + "`go test ./session -run TestW3C -update`" + `; the test fails when this file is not current.

The suite is that of the W3C SCXML Implementation Report Plan for the Recommendation of 1 September 2015: 200 tests,
202 start documents, in W3C's conversion to the ECMAScript data model. Every test runs on every engine, under a
virtual clock, straight through, with snapshot and restore after every macrostep, with a durable store, out of memory after
every macrostep (on a store in memory and on one in a file), and on several workers at once; all but the last give the same trace. Manual tests are judged by the test as their comments ask a tester to: from the log (178, 230, 250, 307), by
the rejection of the document (301; 313 and 314 may be rejected or pass), from the trace (415), by an HTTP client (513).

| tests |`)
	for _, l := range languages {
		fmt.Fprintf(&b, " %s |", l.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(languages)) + "\n")
	for _, kind := range []string{"mandatory automatic", "mandatory manual", "optional automatic", "optional manual"} {
		fmt.Fprintf(&b, "| %s |", kind)
		for _, l := range languages {
			passed, all := 0, 0
			for _, test := range tests {
				if test.kind() == kind {
					all++
					if problems[l.name+"/"+test.Test] == "" {
						passed++
					}
				}
			}
			fmt.Fprintf(&b, " %d of %d |", passed, all)
		}
		b.WriteString("\n")
	}
	b.WriteString("\n## Exceptions\n\n")
	if len(w3cExceptions) == 0 {
		b.WriteString("None.\n")
	}
	var names []string
	for name := range w3cExceptions {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "- %s: %s\n", name, w3cExceptions[name])
	}
	b.WriteString("\n## By section of the Recommendation\n\n| section | tests |\n|---|---|\n")
	bySection := make(map[string][]string)
	var sections []string
	for _, test := range tests {
		mark := test.Test
		for _, l := range languages {
			if problems[l.name+"/"+test.Test] != "" {
				mark += " (fails on " + l.name + ")"
			}
		}
		if bySection[test.Section] == nil {
			sections = append(sections, test.Section)
		}
		bySection[test.Section] = append(bySection[test.Section], mark)
	}
	for _, s := range sections {
		fmt.Fprintf(&b, "| %s | %s |\n", s, strings.Join(bySection[s], ", "))
	}
	return b.Bytes()
}
