package main

import (
	"context"
	"io/fs"

	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/telephony/fm"
)

func TestParse(t *testing.T) {
	files, _ := fs.Glob(project, "project/src-gen/*.scxml")
	for _, f := range files {
		src, _ := fs.ReadFile(project, f)
		doc, err := scxml.Parse(context.Background(), src, &scxml.ParseOptions{URL: "app:/" + f, Languages: []datamodel.Language{goja.New(nil)}, Modules: fm.Modules(),
			Fetch: func(_ context.Context, url string, _ int64) ([]byte, error) {
				return fs.ReadFile(project, strings.TrimLeft(strings.TrimPrefix(url, "app:"), "/"))
			}})
		require.NoError(t, err, f)
		for _, w := range doc.Warnings() {
			if strings.Contains(w.Message, "_composer_entry") {
				continue // entered by those who include it
			}
			t.Error(w)
		}
	}
}
