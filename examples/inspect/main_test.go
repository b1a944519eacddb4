package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

var update = flag.Bool("update", false, "rewrite the expected output")

const chart = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
<datamodel><data id="customer" expr="({name: 'Ada', card: '4111 1111'})"/><data id="calls" expr="0"/></datamodel>
<state id="waiting">
  <onentry><send event="remind" delay="24h"><param name="card" expr="customer.card"/></send></onentry>
  <transition event="call"><assign location="calls" expr="calls + 1"/></transition>
</state></scxml>`

// makeFile leaves two sessions in a file, as they are at nine o'clock, and the document of one that is over.
func makeFile(t *testing.T, path string) {
	store, err := boltstore.Open(path, &boltstore.Options{Now: func() time.Time { return time.Date(2020, 1, 5, 9, 0, 0, 0, time.UTC) }})
	require.NoError(t, err)
	_, err = store.PutDocument(t.Context(), []byte(strings.ReplaceAll(chart, "waiting", "idle")))
	require.NoError(t, err)
	parse := scxml.ParseOptions{URL: "app:/customer.scxml", Languages: []datamodel.Language{goja.New(nil)}}
	doc, err := scxml.Parse(t.Context(), []byte(chart), &parse)
	require.NoError(t, err)
	engine, err := session.New(&session.Options{Store: store, Parse: parse, Clock: session.NewVirtualClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)), Workers: 1})
	require.NoError(t, err)
	_, err = engine.Recover(t.Context())
	require.NoError(t, err)
	for _, id := range []string{"ada", "ben"} {
		_, err := engine.Start(t.Context(), session.StartRequest{SessionID: id, Document: doc})
		require.NoError(t, err)
	}
	require.NoError(t, engine.Send(t.Context(), "ada", &scxml.Event{Name: "call"}))
	require.NoError(t, engine.Settle(t.Context()))
	require.NoError(t, engine.Shutdown(t.Context()))
	require.NoError(t, store.Close())
}

func play(t *testing.T, in string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), args, strings.NewReader(in), &out))
	return out.String()
}

func TestOutput(t *testing.T) {
	path, other := filepath.Join(t.TempDir(), "sessions.db"), filepath.Join(t.TempDir(), "other.db")
	makeFile(t, path)
	file := play(t, "", "export", path)
	out := "$ inspect list sessions.db\n" + play(t, "", "list", path) +
		"\n$ inspect show -mask card sessions.db ada\n" + play(t, "", "show", "-mask", "card", path, "ada") +
		"\n$ inspect export sessions.db | inspect import other.db\n" + play(t, file, "import", other) +
		"\n$ inspect prune sessions.db\n" + play(t, "", "prune", path)
	require.Equal(t, file, play(t, "", "export", path), "the sessions have their document")
	require.Equal(t, file, play(t, "", "export", other))
	require.Equal(t, "0 sessions and 1 documents imported\n", play(t, file, "import", "-skip", other))
	require.Equal(t, 3, strings.Count(play(t, "", "export", path, "ben"), "\n")-1, "header, document, session, end")

	require.Empty(t, play(t, "", "delete", path, "ben"))
	require.NotContains(t, play(t, "", "list", path), "ben")

	const golden = "testdata/output.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(out), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), out)
}

func TestWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sessions.db")
	for _, args := range [][]string{nil, {"list"}, {"show", path}, {"list", path, "x"}, {"sell", path}, {"list", "-x", path}, {"prune", path, "x"}, {"delete", path}, {"prune", "-age", "soon", path}} {
		require.Error(t, run(t.Context(), args, strings.NewReader(""), &bytes.Buffer{}))
	}
	require.NoFileExists(t, path)
	makeFile(t, path)
	require.ErrorIs(t, run(t.Context(), []string{"show", path, "eve"}, strings.NewReader(""), &bytes.Buffer{}), persistence.ErrNotFound)
	require.ErrorIs(t, run(t.Context(), []string{"delete", path, "eve"}, strings.NewReader(""), &bytes.Buffer{}), persistence.ErrNotFound)
	require.ErrorIs(t, run(t.Context(), []string{"export", path, "eve"}, strings.NewReader(""), &bytes.Buffer{}), persistence.ErrNotFound)
	require.ErrorContains(t, run(t.Context(), []string{"prune", "-age", "1h", path}, strings.NewReader(""), &bytes.Buffer{}), "want 3h0m0s or more")
	require.ErrorContains(t, run(t.Context(), []string{"import", path}, strings.NewReader("x"), &bytes.Buffer{}), "line 1")
}
