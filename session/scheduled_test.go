package session_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// scheduling are the options of engines that start app:///later.scxml.
func scheduling(t *testing.T, files fstest.MapFS) session.Options {
	t.Helper()
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": files}})
	require.NoError(t, err)
	return session.Options{Loader: loader, Scheduled: 2, Documents: session.CacheLimits{TTL: 1}}
}

func later(label string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(chart(`<state id="a"><onentry><log label="` + label + `"/></onentry><transition event="e"><log label="event"/></transition></state>`))}
}

// TestScheduled: a session begins when its time has come, with the document of that
// time and the events that came meanwhile.
func TestScheduled(t *testing.T) {
	at := noon.Add(time.Hour)
	for name, store := range map[string]persistence.Store{"memory": nil, "stored": memory(t)} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{"later.scxml": later("old")}
			opts := scheduling(t, files)
			b := newBench(t, &opts)
			if store != nil {
				b = node(t, store, opts)
			}
			id, err := b.Start(deadline(t), session.StartRequest{URL: "app:///later.scxml", At: at, Value: map[string]any{"owner": "x"}})
			require.NoError(t, err)
			b.send(id, "e")
			assert.Empty(t, b.logged())
			st, err := b.Query(deadline(t), id)
			require.NoError(t, err)
			assert.Equal(t, at, st.Scheduled)
			assert.Equal(t, "app:///later.scxml", st.URL)
			assert.Equal(t, 1, st.Queued)
			assert.Empty(t, st.Configuration)
			files["later.scxml"] = later("new")
			if store != nil {
				b = b.restart(store, 30*time.Minute, opts)
				st, err := b.Query(deadline(t), id)
				require.NoError(t, err)
				assert.Equal(t, at, st.Scheduled)
				owner, _ := st.Value.(*datamodel.Object).Get("owner")
				assert.Equal(t, "x", owner)
			}
			b.clock.Advance(at.Sub(b.clock.Now()) - 1)
			assert.Empty(t, b.logged())
			b.clock.Advance(1)
			assert.Equal(t, []string{id + ": new", id + ": event"}, sortedBy(b.logged(), "new"))
			st, err = b.Query(deadline(t), id)
			require.NoError(t, err)
			assert.Zero(t, st.Scheduled)
			if store != nil {
				b = b.restart(store, time.Minute, opts)
				assert.Equal(t, []string{"a"}, b.active(id))
				assert.Empty(t, b.logged(), "it does not begin again")
			}
		})
	}
}

func sortedBy(lines []string, first string) []string {
	for i, line := range lines {
		if strings.Contains(line, first) {
			lines[0], lines[i] = lines[i], lines[0]
		}
	}
	return lines
}

func TestReschedule(t *testing.T) {
	for name, store := range map[string]persistence.Store{"memory": nil, "stored": memory(t)} {
		t.Run(name, func(t *testing.T) {
			opts := scheduling(t, fstest.MapFS{"later.scxml": later("begun")})
			b := newBench(t, &opts)
			if store != nil {
				b = node(t, store, opts)
			}
			ctx := deadline(t)
			id, err := b.Start(ctx, session.StartRequest{URL: "app:///later.scxml", At: noon.Add(time.Hour)})
			require.NoError(t, err)
			require.NoError(t, b.Reschedule(ctx, id, noon.Add(3*time.Hour)))
			b.clock.Advance(2 * time.Hour)
			assert.Empty(t, b.logged())
			require.NoError(t, b.Reschedule(ctx, id, noon.Add(150*time.Minute)))
			if store != nil {
				b = b.restart(store, 0, opts)
			}
			b.clock.Advance(29 * time.Minute)
			assert.Empty(t, b.logged())
			b.clock.Advance(time.Minute)
			assert.Equal(t, []string{id + ": begun"}, b.logged())
			require.ErrorIs(t, b.Reschedule(ctx, id, noon), session.ErrNotFound)
			require.ErrorIs(t, b.Reschedule(ctx, "nobody", noon), session.ErrNotFound)
			gone, cancel := context.WithCancel(ctx)
			cancel()
			require.ErrorIs(t, b.Reschedule(gone, id, noon), context.Canceled)

			second, err := b.Start(ctx, session.StartRequest{URL: "app:///later.scxml", At: b.clock.Now().Add(time.Hour)})
			require.NoError(t, err)
			require.NoError(t, b.Reschedule(ctx, second, noon))
			b.clock.Advance(0)
			assert.Equal(t, []string{second + ": begun"}, b.logged(), "a time in the past is now")
		})
	}
}

func TestScheduledEnds(t *testing.T) {
	for name, store := range map[string]persistence.Store{"memory": nil, "stored": memory(t)} {
		t.Run(name, func(t *testing.T) {
			opts := scheduling(t, fstest.MapFS{"later.scxml": later("begun")})
			var ended []string
			opts.Observer.SessionEnded = func(i session.Info, r session.Result) { ended = append(ended, i.ID+" "+i.URL+" "+r.Reason.String()) }
			b := newBench(t, &opts)
			if store != nil {
				b = node(t, store, opts)
			}
			ctx := deadline(t)
			at := noon.Add(time.Hour)
			terminated, err := b.Start(ctx, session.StartRequest{URL: "app:///later.scxml", At: at})
			require.NoError(t, err)
			require.NoError(t, b.Terminate(ctx, terminated))
			assert.Equal(t, session.Terminated, b.result(terminated).Reason)
			broken, err := b.Start(ctx, session.StartRequest{URL: "app:///missing.scxml", At: at})
			require.NoError(t, err)
			_, err = b.Start(ctx, session.StartRequest{Document: parse(t, chart(waits)), At: at})
			require.NoError(t, err)
			_, err = b.Start(ctx, session.StartRequest{URL: "app:///later.scxml", At: at})
			require.ErrorIs(t, err, session.ErrTooMany)
			b.clock.Advance(time.Hour)
			require.NoError(t, b.Settle(ctx))
			assert.Equal(t, session.Failed, b.result(broken).Reason)
			assert.Equal(t, []string{terminated + " app:///later.scxml terminated", broken + " app:///missing.scxml failed"}, ended)
			assert.Equal(t, 1, b.Len())
			if store != nil {
				assert.Len(t, stored(t, store), 1)
				_, err = b.Start(ctx, session.StartRequest{URL: "app:///later.scxml", Value: make(chan int)})
				assert.ErrorContains(t, err, "StartRequest.Value cannot be stored")
			}
		})
	}
}

// TestDocumentTrace: the trace of a session begins with how it got its document.
func TestDocumentTrace(t *testing.T) {
	var lines strings.Builder
	opts := scheduling(t, fstest.MapFS{"later.scxml": later("begun")})
	opts.Documents = session.CacheLimits{}
	opts.Trace = func(id string, _ *scxml.Document) *scxml.Trace { return scxml.MetricTrace(&lines, id) }
	b := newBench(t, &opts)
	for range 2 {
		_, err := b.Start(deadline(t), session.StartRequest{URL: "app:///later.scxml"})
		require.NoError(t, err)
		require.NoError(t, b.Settle(deadline(t)))
	}
	b.start(chart(waits))
	require.NoError(t, b.Settle(deadline(t)))
	var got []string
	for line := range strings.Lines(lines.String()) {
		if strings.Contains(line, "doc_") || strings.Contains(line, "appl_begin") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	assert.Equal(t, []string{
		"METRIC <doc_request sid='s1' url='app:///later.scxml' />",
		"METRIC <doc_retrieved sid='s1' url='app:///later.scxml' cached='false' duration='0' />",
		"METRIC <appl_begin sid='s1' name='' url='app:///later.scxml' />",
		"METRIC <doc_request sid='s2' url='app:///later.scxml' />",
		"METRIC <doc_retrieved sid='s2' url='app:///later.scxml' cached='true' duration='0' />",
		"METRIC <appl_begin sid='s2' name='' url='app:///later.scxml' />",
		"METRIC <appl_begin sid='s3' name='' url='document.scxml' />",
	}, got)
}

// TestPersistTrace: the trace tells of what goes to the store and comes back.
func TestPersistTrace(t *testing.T) {
	var lines strings.Builder
	opts := session.Options{Trace: func(id string, _ *scxml.Document) *scxml.Trace {
		trace := scxml.MetricTrace(&lines, id)
		return &scxml.Trace{Persist: trace.Persist}
	}}
	store := memory(t)
	b := node(t, store, opts)
	id := b.start(chart(waits))
	require.NoError(t, b.Settle(deadline(t)))
	assert.Regexp(t, `^METRIC <persist_store sid='`+id+`' bytes='\d+' />\n$`, lines.String())
	lines.Reset()
	b = b.restart(store, 0, opts)
	require.NoError(t, b.Settle(deadline(t)))
	assert.Empty(t, lines.String(), "nothing has happened to it")
	b.send(id, "unknown")
	require.NoError(t, b.Settle(deadline(t)))
	assert.Regexp(t, `^METRIC <persist_restore sid='`+id+`' bytes='\d+' />\nMETRIC <persist_store sid='`+id+`' bytes='\d+' />\n$`, lines.String())
}
