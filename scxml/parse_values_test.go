package scxml

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
)

func TestParseData(t *testing.T) {
	files := map[string]string{
		"file:///charts/a.json": ` {"a": [1, null]} `,
		"file:///charts/a.xml":  "\xEF\xBB\xBF" + `<?xml version="1.0"?><!-- c --><x:a xmlns:x="urn:x"><b/></x:a>`,
		"file:///charts/a.txt":  "some \n text",
		"file:///charts/b.txt":  "<not xml",
		"file:///charts/a.js":   "function f() {}",
	}
	opts := fakeECMAScript()
	opts.URL = "file:///charts/main.scxml"
	opts.Fetch = func(_ context.Context, url string, _ int64) ([]byte, error) {
		if body, ok := files[url]; ok {
			return []byte(body), nil
		}
		return nil, errors.New("not found")
	}
	doc := mustParse(t, `<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:x="urn:x?a&amp;b" version="1.0" datamodel="ecmascript">
 <script src="file:a.js"/>
 <datamodel>
  <data id="none"> <!-- nothing --> </data>
  <data id="json">{"a": 1}</data>
  <data id="number"><![CDATA[12]]></data>
  <data id="text"> two
    words </data>
  <data id="xml"><a xmlns=""><x:b>&lt;</x:b></a></data>
  <data id="inherited">
    <a x:c="1"/>
  </data>
  <data id="mixed">a <b/> c</data>
  <data id="expr" expr="1+1"/>
  <data id="srcJSON" src="a.json"/>
  <data id="srcXML" src="./a.xml"/>
  <data id="srcText" src="file:a.txt"/>
  <data id="srcAlmost" src="/charts/b.txt"/>
  <data id="srcGone" src="http://localhost/x"/>
 </datamodel>
 <state/>
</scxml>`, opts)
	const ns = ` xmlns="http://www.w3.org/2005/07/scxml" xmlns:x="urn:x?a&amp;b"`
	want := map[string]datamodel.Value{
		"json":      datamodel.NewObject(datamodel.Member{Name: "a", Value: 1.0}),
		"number":    12.0,
		"text":      "two words",
		"xml":       datamodel.XML{Text: `<a xmlns:x="urn:x?a&amp;b" xmlns=""><x:b>&lt;</x:b></a>`},
		"inherited": datamodel.XML{Text: `<a` + ns + ` x:c="1"/>`},
		"mixed":     "a <b/> c",
		"srcJSON":   datamodel.NewObject(datamodel.Member{Name: "a", Value: []datamodel.Value{1.0, datamodel.Null{}}}),
		"srcXML":    datamodel.XML{Text: `<x:a xmlns:x="urn:x"><b/></x:a>`},
		"srcText":   "some text",
		"srcAlmost": "<not xml",
	}
	seen := 0
	for _, d := range doc.states[0].data {
		v, ok := want[d.id]
		assert.Equal(t, ok, d.hasBody, d.id)
		if ok {
			seen++
			assert.Equal(t, v, d.body, d.id)
		}
		assert.Equal(t, d.id == "expr", d.init != nil, d.id)
		assert.Equal(t, d.id == "srcGone", d.err != nil, d.id)
	}
	assert.Equal(t, len(want), seen)
	require.Len(t, doc.scripts, 1)
	assert.Equal(t, "function f() {}", doc.scripts[0].script.text)
	assert.Equal(t, Position{File: "file:///charts/a.js", Line: 1, Column: 1}, doc.scripts[0].script.pos)
	require.Len(t, doc.Warnings(), 2) // mixed content, and what is not found
	requireXML(t, doc)

	p := mustFail(t, header+`<script src="gone.js"/><state/></scxml>`, opts)
	assert.Contains(t, p.Error(), `the script "gone.js" cannot be fetched: not found (SCXML 5.8)`)
	opts.Limits.FetchBytes = 3
	p = mustFail(t, header+`<script src="a.js"/><state/></scxml>`, opts)
	assert.Contains(t, p.Error(), "it has more than 3 bytes")
	opts.Limits = ParseLimits{Fetches: 2}
	p = mustFail(t, header+`<script src="a.js"/><script src="a.js"/><script src="a.js"/><state/></scxml>`, opts)
	assert.Contains(t, p.Error(), "more than 2 resources")

	// All resources together have a limit as well.
	fetched := 0
	opts = fakeECMAScript()
	opts.Fetch = func(_ context.Context, _ string, limit int64) ([]byte, error) {
		n := min(limit, 40)
		fetched += int(n)
		return make([]byte, n), nil
	}
	opts.Limits.FetchBytes = 40
	mustParse(t, header+`<datamodel>`+manyData(50)+`</datamodel><state/></scxml>`, opts)
	assert.Equal(t, 320, fetched)
}

func manyData(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<data id="d%d" src="x"/>`, i)
	}
	return b.String()
}

func TestParsePayload(t *testing.T) {
	doc := mustParse(t, header+`<state id="s">
 <onentry>
  <send event=" e " delay="1.5s" namelist="a ???" type="http"><param name="p" location="x.y"/><param name="q" expr="1"/></send>
  <send event="e"><content/></send>
  <send eventexpr="e" targetexpr="t" typeexpr="y" delayexpr="d" idlocation="i"><content expr="c"/></send>
 </onentry>
 <invoke type="scxml" namelist="n" autoforward="true"><content><scxml version="1.0"><final/></scxml></content><finalize/></invoke>
 <invoke srcexpr="s" id="child"><finalize><log expr="1"/></finalize></invoke>
</state></scxml>`, fakeECMAScript())
	s := doc.states[1]
	send := s.onentry[0][0].(*sendAction)
	assert.Equal(t, text{literal: "e", given: true}, send.event)
	assert.Equal(t, 1500*time.Millisecond, send.literalDelay)
	require.Len(t, send.payload.namelist, 2)
	assert.NoError(t, send.payload.namelist[0].expr.err)
	assert.Error(t, send.payload.namelist[1].expr.err)
	assert.Equal(t, "x.y", send.payload.params[0].location.text)
	assert.Nil(t, send.payload.params[1].location)

	assert.Equal(t, "", s.onentry[0][1].(*sendAction).payload.content.body)

	send = s.onentry[0][2].(*sendAction)
	assert.Equal(t, "e", send.event.expr.text)
	assert.Equal(t, "d", send.delay.expr.text)
	assert.Equal(t, "i", send.idlocation.text)
	assert.Equal(t, "c", send.payload.content.expr.text)

	v := s.invokes[0]
	assert.True(t, v.autoforward)
	assert.True(t, v.hasFinalize)
	assert.Empty(t, v.finalize)
	assert.Equal(t, "n", v.payload.namelist[0].location.text)
	assert.Equal(t, `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"><final/></scxml>`, v.payload.content.text)
	mustParse(t, v.payload.content.text, nil)
	assert.Equal(t, "child", s.invokes[1].id)
	assert.Len(t, s.invokes[1].finalize, 1)
}

func TestParseStates(t *testing.T) {
	doc := mustParse(t, `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" name="n" binding="late" initial="_state2">
 <state><history id="h"><transition target="_state2"/></history><state id="_state2" xmlns:x="urn:x" x:y="1" _z="2"/><transition event="a.* b." cond="In('_state2')" type="internal" target="h"/></state>
 <final/>
</scxml>`, nil)
	requireConsistent(t, doc)
	assert.Equal(t, "n", doc.Name())
	assert.Equal(t, "null", doc.DataModel())
	assert.True(t, doc.late)
	assert.Equal(t, "document.scxml", doc.URL())
	require.Len(t, doc.states, 5)
	assert.Equal(t, []string{"_scxml", "_state1", "h", "_state2", "_state4"}, []string{doc.states[0].id, doc.states[1].id, doc.states[2].id, doc.states[3].id, doc.states[4].id})
	assert.Equal(t, compoundState, doc.states[1].kind)
	assert.Equal(t, []int32{3}, doc.states[1].initial.targets, "a history is no default")
	assert.Equal(t, []int32{3}, doc.states[0].initial.targets)
	tr := doc.transitions[0]
	assert.Equal(t, []string{"a", "b"}, tr.events)
	assert.True(t, tr.internal)
	assert.NoError(t, tr.cond.err)
	attrs := doc.states[3].attrs
	require.Len(t, attrs, 2)
	assert.Equal(t, "urn:x", attrs[0].Space)
	assert.Equal(t, Position{File: "document.scxml", Line: 2, Column: 106}, attrs[0].Pos)
	assert.Equal(t, "_z", attrs[1].Name)
}

// soundModule knows <s:beep tone="expr" to="location">.
type soundModule struct{}

type beep struct{ tone, to *Expression }

func (beep) Execute(*Exec) error { return nil }

func (soundModule) Namespaces() []string                { return []string{"urn:sound", "urn:noise"} }
func (soundModule) NewState(*ModuleContext) ModuleState { return nil }

func (soundModule) Compile(e *Element, c *Compiler) Action {
	if e.Name != "beep" {
		return nil
	}
	c.Allowed(e, "tone", "to", "volume")
	tone, ok := e.Attr("tone")
	if !ok {
		c.Problem(Error, e.Pos, "<beep> has no tone", "add tone")
		return nil
	}
	b := beep{tone: c.Expression(tone, datamodel.ValueExpression)}
	if to, ok := e.Attr("to"); ok {
		b.to = c.Location(to)
	}
	return b
}

func TestParseModules(t *testing.T) {
	opts := fakeECMAScript()
	opts.URL = "x"
	opts.Modules = []Module{soundModule{}}
	doc := mustParse(t, header+`<state><onentry xmlns:n="urn:noise">
  <s:beep xmlns:s="urn:sound" tone="a ???" to="b" volum="1" _x="1" n:y="2">text<n:part a="1"/></s:beep>
</onentry></state></scxml>`, opts)
	a := doc.states[1].onentry[0][0].(*moduleAction)
	assert.Equal(t, "urn:sound", a.namespace)
	assert.Equal(t, "beep", a.name)
	assert.Error(t, a.action.(beep).tone.e.err)
	assert.Equal(t, "b", a.action.(beep).to.e.text)
	require.Len(t, doc.Warnings(), 2)
	assert.Contains(t, doc.Warnings()[0].String(), "x:2:39: warning: illegal expression: unexpected ???")
	assert.Contains(t, doc.Warnings()[1].String(), `did you mean "volume"?`)

	p := mustFail(t, header+`<state><onentry xmlns:n="urn:noise">
  <n:beep/>
  <n:bang/>
  <x xmlns="urn:other"/>
</onentry></state></scxml>`, opts)
	assert.Contains(t, p.Detail(), "x:2:3: error: <beep> has no tone")
	assert.Contains(t, p.Detail(), `x:3:3: error: <n:bang> is not known in the namespace "urn:noise"`)
	assert.Contains(t, p.Detail(), "x:4:3: warning: nothing is registered for <x> (SCXML 4.10)")
}

func TestElementText(t *testing.T) {
	p := newParser(nil)
	var err error
	p.tree, err = parseXML(context.Background(), "x", []byte(`<a b="1"> one <c/><![CDATA[<two>]]> </a>`), p.opts.Limits, func(d Diagnostic) { t.Error(d) })
	require.NoError(t, err)
	e := p.element(p.tree.root)
	assert.Equal(t, "one <two>", e.Text)
	require.Len(t, e.Children, 1)
	assert.Equal(t, "c", e.Children[0].Name)
	b, ok := e.Attr("b")
	assert.True(t, ok)
	assert.Equal(t, Position{File: "x", Line: 1, Column: 7}, b.Pos)
}

func TestResolveURL(t *testing.T) {
	for _, c := range []struct{ base, ref, want string }{
		{"file:///charts/main.scxml", "sub.scxml", "file:///charts/sub.scxml"},
		{"file:///charts/main.scxml", "file:sub.scxml", "file:///charts/sub.scxml"},
		{"file:///charts/main.scxml", "file:../sub.scxml", "file:///sub.scxml"},
		{"file:///charts/main.scxml", "file:///a/b.scxml", "file:///a/b.scxml"},
		{"file:///charts/main.scxml", "file:/a/b.scxml", "file:/a/b.scxml"},
		{"http://host:80/a/b?q=1", "c?d#e", "http://host:80/a/c?d#e"},
		{"http://host/a/b", "file:c", "http://host/a/c"},
		{"http://host/a/b", "https://other/x", "https://other/x"},
		{"charts/main.scxml", "sub.scxml", "charts/sub.scxml"},
		{"charts/main.scxml", "file:x/sub.scxml", "charts/x/sub.scxml"},
		{"charts/main.scxml", "../sub.scxml", "sub.scxml"},
		{"main.scxml", "sub.scxml", "sub.scxml"},
		{"/charts/main.scxml", "sub.scxml", "/charts/sub.scxml"},
		{"/charts/main.scxml", "/sub.scxml", "/sub.scxml"},
		{`C:\charts\main.scxml`, "sub.scxml", "C:/charts/sub.scxml"},
		{"file:charts/main.scxml", "sub.scxml", "file:charts/sub.scxml"},
		{"file:main.scxml", "/sub.scxml", "file:///sub.scxml"},
		{"file:///charts/main.scxml", `D:\foo`, `D:\foo`},
		{"file:///charts/main.scxml", " sub.scxml ", "file:///charts/sub.scxml"},
		{"main.scxml", "file:a:b", "a:b"},
	} {
		got, err := ResolveURL(c.base, c.ref)
		if assert.NoError(t, err, c) {
			assert.Equal(t, c.want, got, c)
		}
	}
	for _, c := range []struct{ base, ref string }{
		{"file:///a", "http://[bad"}, {"urn:isbn:1", "x"}, {"file:///a", "%zz"},
	} {
		_, err := ResolveURL(c.base, c.ref)
		assert.Error(t, err, c)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"state", "initial", "transition", "onentry", "id"}
	for name, want := range map[string]string{
		"sate": "state", "stata": "state", "State": "state", "tansition": "transition", "transitino": "transition",
		"onEntry": "onentry", "di": "id", "": "", "parallel": "", "x": "",
	} {
		assert.Equal(t, want, nearest(name, names), name)
	}
}
