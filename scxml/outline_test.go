package scxml_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/scxml"
)

func TestOutline(t *testing.T) {
	doc, err := scxml.Parse(context.Background(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:xi="http://www.w3.org/2001/XInclude" version="1.0">
  <state id="a"><history id="h"><transition target="b"/></history>
    <state id="b"><transition event="go.* x" cond="In('a')" target="f"/></state>
    <state/>
  </state>
  <xi:include href="more.scxml"/>
  <final id="f"/>
</scxml>`), &scxml.ParseOptions{URL: "app:///main.scxml", Fetch: func(context.Context, string, int64) ([]byte, error) {
		return []byte(`<parallel xmlns="http://www.w3.org/2005/07/scxml" id="p"><state id="r"/></parallel>`), nil
	}})
	require.NoError(t, err)
	var got []string
	for _, s := range doc.States() {
		id := s.ID
		if s.Generated {
			id = "made up"
		}
		got = append(got, s.Kind+" "+id+" in "+s.Parent+" at "+s.Pos.String())
	}
	assert.Equal(t, []string{
		"state a in  at app:///main.scxml:2:3", "history h in a at app:///main.scxml:2:17", "state b in a at app:///main.scxml:3:5",
		"state made up in a at app:///main.scxml:4:5", "parallel p in  at app:///more.scxml:1:1", "state r in p at app:///more.scxml:1:58", "final f in  at app:///main.scxml:7:3",
	}, got)
	assert.Equal(t, []scxml.TransitionInfo{{Source: "b", Events: []string{"go", "x"}, Cond: "In('a')", Targets: []string{"f"},
		Pos: scxml.Position{File: "app:///main.scxml", Line: 3, Column: 19}}}, doc.States()[2].Transitions)
	files := doc.Files()
	require.Len(t, files, 2)
	assert.Equal(t, "app:///more.scxml", files[1].URL)
	assert.Contains(t, files[1].Text, "<parallel")
	assert.Equal(t, "b", scxml.Nearest("B1", []string{"a", "b"}))
}
