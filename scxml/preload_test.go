package scxml_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
)

func TestPreload(t *testing.T) {
	fetch := func(_ context.Context, url string, _ int64) ([]byte, error) {
		assert.Equal(t, "http://a.example/lib.js", url)
		return []byte("var lib = 7"), nil
	}
	opts := &scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}, Fetch: fetch, Preload: []string{"http://a.example/lib.js"}}
	source := []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"><script>lib++</script>
		<state id="a"><transition cond="lib === 8" target="b"/></state><state id="b"/></scxml>`)
	doc, err := scxml.Parse(t.Context(), source, opts)
	require.NoError(t, err)
	runs := func(doc *scxml.Document) {
		m, err := scxml.NewMachine(doc, nil)
		require.NoError(t, err)
		_, err = m.Start()
		require.NoError(t, err)
		assert.Equal(t, []string{"b"}, m.Active())
	}
	runs(doc)
	assert.Len(t, doc.Files(), 2)

	// Its source has the scripts, also where others are set by now.
	for _, preload := range [][]string{nil, {"http://a.example/other.js"}} {
		again, err := scxml.Parse(t.Context(), []byte(doc.Source()), &scxml.ParseOptions{Languages: opts.Languages, Preload: preload})
		require.NoError(t, err)
		assert.Equal(t, doc.Digest(), again.Digest())
		runs(again)
	}

	null := []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null"><state id="a"/></scxml>`)
	doc, err = scxml.Parse(t.Context(), null, opts)
	require.NoError(t, err)
	assert.Len(t, doc.Files(), 1)
}

func TestDefaultEncoding(t *testing.T) {
	latin := []byte("<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\" name=\"M\xFCller\"><state id=\"a\"/></scxml>")
	_, err := scxml.Parse(t.Context(), latin, nil)
	require.Error(t, err)
	doc, err := scxml.Parse(t.Context(), latin, &scxml.ParseOptions{Encoding: "ISO-8859-1"})
	require.NoError(t, err)
	assert.Equal(t, "Müller", doc.Name())
	again, err := scxml.Parse(t.Context(), []byte(doc.Source()), nil)
	require.NoError(t, err)
	assert.Equal(t, doc.Digest(), again.Digest())
	_, err = scxml.Parse(t.Context(), latin, &scxml.ParseOptions{Encoding: "klingon"})
	assert.ErrorContains(t, err, `unknown encoding "klingon"`)
}
