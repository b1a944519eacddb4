package main

import (
	"bytes"
	"context"
	"flag"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony/fm"
)

var update = flag.Bool("update", false, "rewrite the expected output")

func TestOutput(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(&out, "routed"))
	const golden = "testdata/routed.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, out.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}

func TestUnknownCall(t *testing.T) {
	require.ErrorContains(t, run(new(bytes.Buffer), "nobody"), `there is no call "nobody"`)
}

// TestNoDiagnostics checks that the documents are read without a doubt, whole
// and one by one.
func TestNoDiagnostics(t *testing.T) {
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": project}})
	require.NoError(t, err)
	var files []string
	for _, pattern := range []string{"project/src-gen/*.scxml", "project/w3c/*.scxml"} {
		found, err := fs.Glob(project, pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		files = append(files, found...)
	}
	for _, name := range files {
		source, err := fs.ReadFile(project, name)
		require.NoError(t, err)
		doc, err := scxml.Parse(context.Background(), source, &scxml.ParseOptions{
			URL: "app:///" + name, Languages: []datamodel.Language{goja.New(nil)}, Modules: fm.Modules(), Fetch: loader.Fetch,
		})
		if !assert.NoError(t, err) {
			continue
		}
		for _, w := range doc.Warnings() {
			// By themselves workflows begin, and end, in another state.
			if !strings.HasPrefix(path.Base(name), "IPD_") && strings.Contains(w.Message, `"_composer_entry" can never be entered`) {
				continue
			}
			t.Error(w)
		}
	}
}
