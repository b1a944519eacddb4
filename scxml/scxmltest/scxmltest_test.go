package scxmltest_test

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/session"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// recorder is a testing.TB that keeps what is reported.
type recorder struct {
	testing.TB
	out      strings.Builder
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) FailNow()         { runtime.Goexit() }
func (r *recorder) Errorf(format string, args ...any) {
	fmt.Fprintf(&r.out, format+"\n", args...)
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	r.FailNow()
}

// failures runs a test that may fail, to its end, and returns what it reports.
func failures(t *testing.T, test func(tb testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	run := func(f func()) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			f()
		}()
		<-done
	}
	run(func() { test(r) })
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		run(r.cleanups[i])
	}
	return r.out.String()
}

const door = "testdata/door.scxml"

func TestChart(t *testing.T) {
	t.Parallel()
	c := scxmltest.Start(t, scxmltest.File(door), &scxmltest.Options{Params: map[string]any{"limit": 2}})
	c.ExpectConfiguration("house", "closed")
	c.Send("open", map[string]any{"by": map[string]any{"name": "Ann"}})
	c.ExpectActive("open")
	c.ExpectData("by.name", "Ann")
	c.ExpectData("by", map[string]any{"name": "Ann"})
	c.ExpectEvent("open", map[string]any{"by.name": "Ann"})
	c.ExpectSent("timeout", nil)
	c.ExpectLog("opened 1")
	c.Advance(29 * time.Second)
	c.ExpectActive("open")
	c.Advance(time.Second)
	c.ExpectEntered("open", "closed")
	c.ExpectNotEntered("worn")
	assert.Equal(t, 30*time.Second, c.Elapsed())
	c.Send("open", nil)
	assert.Equal(t, 30*time.Second, c.AdvanceUntil(time.Hour, "worn out", func() bool {
		_, ended := c.Result()
		return ended
	}))
	c.ExpectFinal("worn")
	c.ExpectData("opened", 2) // also after the end
	c.ExpectNoErrors()
	c.Send("open", nil) // nobody is there
	c.Golden("testdata/door.trace", *update)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	c := scxmltest.Replay(t, scxmltest.File(door), &scxmltest.Options{Params: map[string]any{"limit": 2}}, "testdata/door.trace")
	c.ExpectFinal("worn")
	out := failures(t, func(tb testing.TB) {
		scxmltest.Replay(tb, scxmltest.File(door), nil, "testdata/door.trace")
	})
	assert.Contains(t, out, "the run differs from testdata/door.trace:\n  first difference in line")
	assert.Contains(t, out, "\n  - ")
	assert.Contains(t, failures(t, func(tb testing.TB) {
		scxmltest.Replay(tb, scxmltest.File(door), nil, door)
	}), "it is no golden trace")
}

func TestSources(t *testing.T) {
	t.Parallel()
	const chart = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><script src="lib/a.js"/><datamodel><data id="x" expr="a()"/></datamodel><state id="s"/></scxml>`
	files := map[string]string{"lib/a.js": "function a() { return 7 }"}
	scxmltest.Start(t, scxmltest.Text(chart, files), nil).ExpectActive("s")
	fsys := fstest.MapFS{"c/main.scxml": {Data: []byte(chart)}, "c/lib/a.js": {Data: []byte(files["lib/a.js"])}}
	scxmltest.Start(t, scxmltest.FS(fsys, "c/main.scxml"), nil).ExpectActive("s")
	scxmltest.Start(t, scxmltest.URL("test:///c/main.scxml", scxmltest.FS(fsys, "c/main.scxml")), nil).ExpectActive("s")

	for name, c := range map[string]struct {
		source scxmltest.Source
		want   string
	}{
		"no file":    {scxmltest.File("testdata/dor.scxml"), "no such file or directory; names are relative to the folder of the test"},
		"not in FS":  {scxmltest.FS(fsys, "main.scxml"), "main.scxml: file does not exist"},
		"bad name":   {scxmltest.FS(fsys, "/main.scxml"), "write it with slashes, without a leading one"},
		"no fetcher": {scxmltest.URL("http://a/b.scxml", nil), "no Fetcher to read it with"},
		"no library": {scxmltest.Text(chart, nil), "chart.scxml:1:"},
		"wrong target": {scxmltest.Text(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0">
			<state id="open"><transition event="e" target="opne"/></state></scxml>`, nil), `hint: did you mean "open"?`},
	} {
		assert.Contains(t, failures(t, func(tb testing.TB) { scxmltest.Start(tb, c.source, nil) }), c.want, name)
	}
}

// TestFailures looks at what failing expectations print.
func TestFailures(t *testing.T) {
	t.Parallel()
	out := failures(t, func(tb testing.TB) {
		c := scxmltest.Start(tb, scxmltest.File(door), nil)
		c.Send("open", map[string]any{"by": "Ann"})
		c.ExpectActive("closed")
		c.ExpectActive("opne")
		c.ExpectConfiguration("open")
		c.ExpectEntered("open", "closed")
		c.ExpectNotEntered("open")
		c.ExpectFinal("worn")
		c.ExpectFailed("limit")
		c.ExpectData("opend", 1)
		c.ExpectData("opened", 7)
		c.ExpectData("by.name", "Ann")
		c.ExpectData("by", struct{}{})
		c.Send("knock", struct{}{})
		c.ExpectSent("tmeout", nil)
		c.ExpectEvent("open", map[string]any{"by": "Bob"})
		c.ExpectLog("slammed")
		c.ExpectAction("door:slam", nil)
		c.AdvanceUntil(time.Second, "the door is worn", func() bool { return false })
		c.AdvanceUntil(time.Hour, "the door is worn", func() bool { return false })
	})
	const golden = "testdata/failures.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(out), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Empty(t, scxmltest.Difference(string(want), out))
}

func TestRunaway(t *testing.T) {
	t.Parallel()
	const loop = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="a"><transition event="go" target="b"/></state>
		<state id="b"><transition target="c"/></state><state id="c"><transition target="b"/></state></scxml>`
	out := failures(t, func(tb testing.TB) { scxmltest.Start(tb, scxmltest.Text(loop, nil), nil).Send("go", nil) })
	assert.Contains(t, out, "session session-1 has failed\n  last taken: transition of state")
	assert.Contains(t, out, "the session has failed: scxml: session ended: more than")
	c := scxmltest.Start(t, scxmltest.Text(loop, nil), nil)
	c.Send("go", nil)
	c.ExpectFailed("in one macrostep")

	const ticker = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="a"><onentry><send event="tick" delay="1ms"/></onentry>
		<transition event="tick" target="a"/></state></scxml>`
	out = failures(t, func(tb testing.TB) {
		scxmltest.Start(tb, scxmltest.Text(ticker, nil), &scxmltest.Options{MaxTimers: 1000}).Advance(time.Hour)
	})
	assert.Contains(t, out, "more than 1000 timers fired in 1h0m0s of virtual time: is it a loop?")
}

func TestInvoked(t *testing.T) {
	t.Parallel()
	c := scxmltest.Start(t, scxmltest.Text(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="a">
		<invoke id="i" src="child.scxml"><param name="n" expr="3"/></invoke><transition event="done.invoke.i" target="z"/></state><final id="z"/></scxml>`,
		map[string]string{"child.scxml": `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><datamodel><data id="n"/></datamodel>
			<state id="b"><transition target="c"/></state><final id="c"/></scxml>`}), nil)
	c.ExpectFinal("z")
	require.Len(t, c.Invoked(), 1)
	c.Invoked()[0].ExpectFinal("c")
	c.Invoked()[0].ExpectData("n", 3)
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	var coverage, none scxmltest.Coverage
	for range 2 {
		c := scxmltest.Start(t, scxmltest.File(door), &scxmltest.Options{Coverage: &coverage})
		c.Send("open", nil)
		c.Advance(time.Minute)
	}
	var out bytes.Buffer
	require.NoError(t, coverage.WriteText(&out))
	assert.Equal(t, `testdata/door.scxml: 3 of 4 states entered (75%), 2 of 5 transitions taken (40%)
  testdata/door.scxml:36:3: never entered: final worn
  testdata/door.scxml:12:5: never taken: house: error without a target
  testdata/door.scxml:20:7: never taken: closed: knock without a target
  testdata/door.scxml:31:7: never taken: open: timeout [opened >= limit] -> worn
`, out.String())
	charts := coverage.Charts()
	require.Len(t, charts, 1)
	assert.Equal(t, 4, charts[0].States[1].Count, "closed, twice in each run")
	out.Reset()
	require.NoError(t, none.WriteText(&out))
	assert.Contains(t, out.String(), "no document was run")

	out.Reset()
	require.NoError(t, coverage.WriteHTML(&out))
	const golden = "testdata/page.html"
	if *update {
		require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Empty(t, scxmltest.Difference(string(want), out.String()))
}

// TestEngineOptions checks that what the test sets is called beside the kit's own.
func TestEngineOptions(t *testing.T) {
	t.Parallel()
	var coverage scxmltest.Coverage
	var logged bytes.Buffer
	started, ended, entered, texts := 0, 0, 0, 0
	c := scxmltest.Start(t, scxmltest.File(door), &scxmltest.Options{Time: time.Unix(0, 0), Params: map[string]any{"limit": 1}, Engine: func(o *session.Options) {
		o.Machine.Microsteps = 50
		o.Observer.SessionStarted = func(session.Info) { started++ }
		o.Observer.SessionEnded = func(session.Info, session.Result) { ended++ }
		o.Log = func(string, scxml.LogEntry) { texts++ }
		o.Logger = slog.New(slog.NewTextHandler(&logged, nil))
		o.Trace = func(_ string, doc *scxml.Document) *scxml.Trace {
			hooks := coverage.Trace(doc)
			count := hooks.Enter
			hooks.Enter = func(state string) {
				entered++
				count(state)
			}
			return hooks
		}
	}})
	assert.Equal(t, int64(0), c.Now().Unix())
	c.Send("open", nil)
	c.Send("error.nobody", nil)
	c.Advance(time.Minute)
	c.ExpectFinal("worn")
	c.ExpectLog("error.nobody")
	assert.Equal(t, []int{1, 1, 4, 2}, []int{started, ended, entered, texts})
	states, of, _, _ := coverage.Charts()[0].Covered()
	assert.Equal(t, []int{4, 4}, []int{states, of})
	assert.Empty(t, logged.String())
}

// TestDiagnostics checks that what the engine warns of is in the trace, and
// reaches the logger of the test.
func TestDiagnostics(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	c := scxmltest.Start(t, scxmltest.Text(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="a"><onentry><assign location="no.where" expr="1"/></onentry></state></scxml>`, nil),
		&scxmltest.Options{Engine: func(o *session.Options) {
			o.Logger = slog.New(slog.NewTextHandler(&logged, nil)).With("a", 1).WithGroup("g")
		}})
	assert.Contains(t, c.Trace(), "error event without a transition session=session-1 event=error.execution")
	assert.Contains(t, logged.String(), "error event without a transition")
	out := failures(t, func(tb testing.TB) {
		scxmltest.Start(tb, scxmltest.Text(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><state id="a"><onentry><assign location="no.where" expr="1"/></onentry></state></scxml>`, nil), nil).ExpectNoErrors()
	})
	assert.Contains(t, out, "there was an error\n     0.000s  session-1  exec_error      error.execution")
	assert.Contains(t, out, "last taken: error.execution raised at chart.scxml:1:")
}

func TestLookup(t *testing.T) {
	t.Parallel()
	data, err := datamodel.From(map[string]any{"a": []any{map[string]any{"b": 1}, map[string]any{"b": 2}}, "x.y": 3})
	require.NoError(t, err)
	for path, want := range map[string]any{"a.b": 1.0, "a.1.b": 2.0, "x.y": 3.0, "a.2.b": nil, "a.c": nil, "x": nil, "a.0.b.c": nil} {
		got, ok := scxmltest.Lookup(data, path)
		assert.Equal(t, want, got, path)
		assert.Equal(t, want != nil, ok, path)
	}
}

// TestNothingIsLeft runs a test in a bubble, which fails when a goroutine is left.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before := time.Now()
		c := scxmltest.Start(t, scxmltest.File(door), nil)
		c.Send("open", nil)
		c.Advance(time.Hour)
		assert.Zero(t, time.Since(before), "no real time has passed")
	})
}
