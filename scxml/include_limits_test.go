package scxml

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
)

const xiHeader = `<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:xi="http://www.w3.org/2001/XInclude" version="1.0" datamodel="ecmascript">`

// TestIncludeLimits: what grows without end is stopped, and named.
func TestIncludeLimits(t *testing.T) {
	bomb := files{}
	for i := range 40 {
		bomb[fmt.Sprintf("%d.xml", i)] = `<state xmlns="http://www.w3.org/2005/07/scxml" xmlns:xi="http://www.w3.org/2001/XInclude">` +
			strings.Repeat(fmt.Sprintf(`<xi:include href="%d.xml"/>`, i+1), 10) + `</state>`
	}
	bomb["40.xml"] = `<state xmlns="http://www.w3.org/2005/07/scxml"/>`
	wide := `<state xmlns="http://www.w3.org/2005/07/scxml">` + strings.Repeat("<state/>", 10_000) + `</state>`
	deep := `<state xmlns="http://www.w3.org/2005/07/scxml">` + strings.Repeat("<state>", 200) + strings.Repeat("</state>", 200) + `</state>`
	chain := files{}
	for i := range 40 {
		chain[fmt.Sprintf("%d.xml", i)] = fmt.Sprintf(`<state xmlns="http://www.w3.org/2005/07/scxml" xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="%d.xml"/></state>`, i+1)
	}
	heavy := "xpointer(//*[count(//*[count(//*) > 1]) > 1])"
	for _, c := range []struct {
		name, body, want string
		files            files
		limits           ParseLimits
	}{
		{"number", `<state/>` + strings.Repeat(`<xi:include href="s.xml"/>`, 600), "main.scxml:1:13154: error: more than 500 inclusions", files{"s.xml": `<state xmlns="http://www.w3.org/2005/07/scxml"/>`}, ParseLimits{}},
		{"number that is set", strings.Repeat(`<xi:include href="s.xml"/>`, 3), "more than 2 inclusions", files{"s.xml": `<state xmlns="http://www.w3.org/2005/07/scxml"/>`}, ParseLimits{Includes: 2}},
		{"depth", `<xi:include href="0.xml"/>`, "15.xml:1:109: error: inclusions are nested more than 16 deep", chain, ParseLimits{}},
		{"depth that is set", `<xi:include href="0.xml"/>`, "0.xml:1:109: error: inclusions are nested more than 1 deep: main.scxml → 0.xml → 1.xml", chain, ParseLimits{IncludeDepth: 1}},
		{"a tree of ten at each of many levels", `<xi:include href="0.xml"/>`, "15.xml:1:109: error: inclusions are nested more than 16 deep", bomb, ParseLimits{}},
		{"a tree of ten at each of a few levels", `<xi:include href="37.xml"><xi:fallback/></xi:include>`, "more than 500 inclusions", bomb, ParseLimits{}},
		{"elements", strings.Repeat(`<xi:include href="w.xml"/>`, 100), "more than 200000 elements with what it includes", files{"w.xml": wide}, ParseLimits{}},
		{"nesting of elements", `<state><state><state>` + strings.Repeat("<state>", 60) + `<xi:include href="d.xml"/>` + strings.Repeat("</state>", 63), "nested more than 256 deep with what is included", files{"d.xml": deep}, ParseLimits{}},
		{"size with repetitions", `<state/><script>` + strings.Repeat(`<xi:include href="t.js" parse="text"/>`, 100) + `</script>`, "what is included has more than 16777216 bytes", files{"t.js": strings.Repeat("x", 1<<20)}, ParseLimits{}},
		{"size of all files", `<state/><script>` + manyTexts(100) + `</script>`, "it has more than 0 bytes", manyFiles(100, 1000), ParseLimits{IncludeBytes: 10_000}},
		{"size of a file", `<state/><script><xi:include href="t.js" parse="text"/></script>`, "it has more than 10 bytes", files{"t.js": strings.Repeat("x", 11)}, ParseLimits{FetchBytes: 10}},
		{"pointer that never ends", `<xi:include href="w.xml" xpointer="` + strings.ReplaceAll(heavy, ">", "&gt;") + `"/>`, "it takes too long; name the element by its id", files{"w.xml": wide}, ParseLimits{}},
		{"long pointer", `<xi:include href="w.xml" xpointer="xpointer(` + strings.Repeat("(", 5000) + strings.Repeat(")", 5000) + `)"/>`, "more than 1024", files{"w.xml": wide}, ParseLimits{}},
		{"depth of a file", `<xi:include href="d.xml"/>`, "d.xml:1:", files{"d.xml": strings.Repeat("<state>", 100_000)}, ParseLimits{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := c.files.options()
			opts.Limits = c.limits
			began := time.Now()
			p := mustFail(t, xiHeader+c.body+"</scxml>", opts)
			assert.Less(t, time.Since(began), 5*time.Second)
			assert.Contains(t, p.Detail(), c.want)
			assert.Less(t, len(p.Detail()), 100_000)
		})
	}
}

func manyTexts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<xi:include href="%d.js" parse="text"/>`, i)
	}
	return b.String()
}

func manyFiles(n, size int) files {
	f := files{}
	for i := range n {
		f[fmt.Sprintf("%d.js", i)] = strings.Repeat(" ", size)
	}
	return f
}

func TestIncludeCycles(t *testing.T) {
	part := func(refs string) string {
		return `<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:xi="http://www.w3.org/2001/XInclude" version="1.0"><state id="a">` + refs + `</state><state id="b"/></scxml>`
	}
	for _, c := range []struct{ name, body, want string }{
		{"the document", `<state><xi:include href="main.scxml"/></state>`, "main.scxml → main.scxml"},
		{"its own parent", `<state id="p"><xi:include xpointer="p"/></state>`, "main.scxml → main.scxml#p → main.scxml#p"},
		{"itself", `<xi:include href="self.scxml" xpointer="a"/>`, "main.scxml → self.scxml#a → self.scxml#a"},
		{"over the document", `<state id="p"><xi:include href="back.scxml" xpointer="a"/></state>`, "main.scxml → back.scxml#a → main.scxml"},
		{"by another name", `<xi:include href="x/../self.scxml" xpointer="a"/>`, "main.scxml → self.scxml#a → self.scxml#a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := files{
				"self.scxml": part(`<xi:include href="./self.scxml" xpointer="a"/>`),
				"back.scxml": part(`<xi:include href="main.scxml"/>`),
			}
			p := mustFail(t, xiHeader+c.body+"</scxml>", f.options())
			assert.Contains(t, p.Detail(), "the inclusion leads back to itself: "+c.want)
		})
	}
	// A part of a document may include another part of it.
	f := files{"self.scxml": part(`<xi:include href="self.scxml" xpointer="b"/>`)}
	doc := mustParse(t, xiHeader+`<xi:include href="self.scxml" xpointer="a"/></scxml>`, f.options())
	assert.Equal(t, "b", doc.states[2].id)
}

// TestIncludeOnce: a file is fetched once, its scripts are compiled once.
func TestIncludeOnce(t *testing.T) {
	f := files{
		"lib.js":    "function f() {}",
		"part.xml":  `<state xmlns="http://www.w3.org/2005/07/scxml" id="part"><onentry><log expr="'same'"/><script>var x = 'p';</script></onentry></state>`,
		"whole.xml": `<state xmlns="http://www.w3.org/2005/07/scxml" xmlns:xi="http://www.w3.org/2001/XInclude" id="w"><onentry><script> <xi:include href="lib.js" parse="text"/> </script></onentry></state>`,
	}
	fetched := map[string]int{}
	opts := f.options()
	opts.Fetch = func(ctx context.Context, url string, limit int64) ([]byte, error) {
		fetched[url]++
		return f.fetch(ctx, url, limit)
	}
	language := &countingLanguage{Language: opts.Languages[0], compiled: map[string]int{}}
	opts.Languages = []datamodel.Language{language}
	source := xiHeader + `<script><xi:include href="lib.js" parse="text"/></script>` +
		strings.Repeat(`<xi:include href="part.xml" resolveid="p%d"/>`, 3) + strings.Repeat(`<xi:include href="whole.xml" resolveid="p%d"/>`, 2) + `</scxml>`
	doc := mustParse(t, fmt.Sprintf(source, 1, 2, 3, 4, 5), opts)
	assert.Equal(t, map[string]int{"lib.js": 1, "part.xml": 1, "whole.xml": 1}, fetched)
	assert.Equal(t, map[string]int{"function f() {}": 1, "'same'": 1, "var x = 'p';": 1}, language.compiled)
	assert.Equal(t, Position{File: "lib.js", Line: 1, Column: 1}, doc.scripts[0].script.pos)
	for i, want := range []string{"p1", "p2", "p3", "p4", "p5"} {
		s := doc.states[1+i]
		assert.Equal(t, want, s.prefix)
		script := s.onentry[0][len(s.onentry[0])-1].(*scriptAction).script
		assert.Equal(t, s.index, script.state)
		assert.NotNil(t, script.program)
	}

	// The digest covers what is included.
	again := mustParse(t, fmt.Sprintf(source, 1, 2, 3, 4, 5), opts)
	assert.Equal(t, doc.Digest(), again.Digest())
	f["lib.js"] += " "
	assert.NotEqual(t, doc.Digest(), mustParse(t, fmt.Sprintf(source, 1, 2, 3, 4, 5), opts).Digest())
	plain := header + "<state/></scxml>"
	assert.Equal(t, sha256.Sum256([]byte(plain)), mustParse(t, plain, opts).Digest())
}

// countingLanguage counts how often a text is compiled.
type countingLanguage struct {
	datamodel.Language
	compiled map[string]int
}

func (l *countingLanguage) Compile(src datamodel.Source) (datamodel.Program, error) {
	l.compiled[src.Text]++
	return l.Language.Compile(src)
}

func TestIncludeWithoutFetch(t *testing.T) {
	opts := fakeECMAScript()
	p := mustFail(t, xiHeader+`<xi:include href="a.xml"/></scxml>`, opts)
	assert.Contains(t, p.Error(), `"a.xml" cannot be included: nothing is set up for fetching (ParseOptions.Fetch)`)
	mustParse(t, xiHeader+`<xi:include href="a.xml"><xi:fallback><state/></xi:fallback></xi:include></scxml>`, opts)
}

func TestIncludeCancelled(t *testing.T) {
	for _, body := range []string{`<xi:include href="a.xml"/>`, `<script><xi:include href="a.js" parse="text"/></script>`,
		`<xi:include href="b.xml"><xi:fallback><xi:include href="a.xml"/></xi:fallback></xi:include>`} {
		ctx, cancel := context.WithCancel(context.Background())
		opts := fakeECMAScript()
		opts.Fetch = func(_ context.Context, url string, _ int64) ([]byte, error) {
			if strings.Contains(url, "a.") {
				cancel()
			}
			return nil, fmt.Errorf("gone")
		}
		_, err := Parse(ctx, []byte(xiHeader+body+"<state/></scxml>"), opts)
		require.ErrorIs(t, err, context.Canceled, body)
		cancel()
	}
}

// TestIncludeData looks at what data is made of included parts.
func TestIncludeData(t *testing.T) {
	f := readFolder(t, "testdata/include/text")
	doc := mustParse(t, f["main.scxml"], f.options())
	requireXML(t, doc)
	data := map[string]datamodel.Value{}
	for _, d := range doc.states[0].data {
		data[d.id] = d.body
	}
	assert.Equal(t, datamodel.NewObject(datamodel.Member{Name: "a", Value: []datamodel.Value{1.0, 2.0}}), data["json"])
	assert.Equal(t, "Grüße <3", data["words"])
	const tree = `<leaf xmlns:t="urn:tree" xmlns="urn:default" xmlns:xi="http://www.w3.org/2001/XInclude" t:a="&amp;"/>`
	assert.Equal(t, datamodel.XML{Text: `<t:tree xmlns:t="urn:tree" xmlns="urn:default" xmlns:xi="http://www.w3.org/2001/XInclude"><leaf t:a="&amp;"/>Grüße  &lt;3` + "\n</t:tree>"}, data["xml"])
	assert.Equal(t, datamodel.XML{Text: `<list xmlns:xi="http://www.w3.org/2001/XInclude" xmlns:u="urn:unused" xmlns="">` + tree + ` &lt;and&gt; <i n="1"/>Grüße  &lt;3` + "\n</list>"}, data["part"])
	s := doc.states[1]
	assert.Equal(t, datamodel.XML{Text: tree}, s.onentry[0][0].(*sendAction).payload.content.body)
	assert.Equal(t, "var a = 1;var b = a;\n", s.onentry[0][1].(*scriptAction).script.text)
	child := s.invokes[0].payload.content.text
	assert.Contains(t, child, "<script>var b = a;\n</script>")
	mustParse(t, child, nil)
}

// TestIncludePointers: nothing that an xpointer says makes the parser panic.
func TestIncludePointers(t *testing.T) {
	f := files{"a.xml": `<scxml xmlns="http://www.w3.org/2005/07/scxml"><state id="one"/><state xml:id="two"/></scxml>`}
	for _, pointer := range []string{
		"(", ")", "()", "a b", "a)", "element(", "element()", "element(/)", "element(/1/0)", "element(one/x)", "element(/1)(", "foo(bar)", "xmlns(x)",
		"xpointer()", "xpointer(^)", "xpointer(^x)", "xpointer(1)", "xpointer('a')", "xpointer(true())", "xpointer(//text())", "xpointer(//@*)", "xpointer($x)", "xpointer(id())",
		"xpointer(id('one')/following-sibling::*[position() = -1])", "xpointer(//*[matches(@id, '((((')])", "xpointer(unknown())", "xpointer(//*[last()]/../../..)",
		"xpointer(//*[concat()])", "xpointer(//*[substring('a', 'b')])", "xpointer(a|)", "xpointer(//x:y)", "xpointer(1 div 0)", "xpointer(//*[round()])", "xpointer(reverse(//*))",
	} {
		_, err := Parse(context.Background(), []byte(xiHeader+`<state/><xi:include href="a.xml" xpointer="`+strings.NewReplacer("<", "&lt;", "&", "&amp;").Replace(pointer)+`"/></scxml>`), f.options())
		if err != nil {
			var p *ParseError
			require.ErrorAs(t, err, &p, pointer)
		}
	}
	doc := mustParse(t, xiHeader+`<xi:include href="a.xml" xpointer="two"/></scxml>`, f.options())
	assert.Len(t, doc.states, 2)
}

func FuzzInclude(f *testing.F) {
	for _, folder := range []string{"workflow", "nested", "errors", "pointers", "fallback", "text"} {
		t := readFolder(f, "testdata/include/"+folder)
		f.Add(t["main.scxml"], t["flow.scxml"]+t["a.scxml"]+t["parts.xml"]+t["there.scxml"]+t["tree.xml"])
	}
	f.Add(xiHeader+`<state id="a"><xi:include href="p" xpointer="x" resolveid="P"/></state></scxml>`, xiHeader+`<state id="x" initial="$$_MY_PREFIX_$$.y"><state id="y"><xi:include href="p" xpointer="y" resolveid="Q"/></state></state></scxml>`)
	f.Fuzz(func(t *testing.T, main, other string) {
		opts := fakeECMAScript()
		opts.URL = "main.scxml"
		opts.Limits = ParseLimits{Includes: 50, IncludeBytes: 1 << 16}
		opts.Fetch = func(_ context.Context, url string, _ int64) ([]byte, error) {
			if strings.HasSuffix(url, ".js") || strings.HasSuffix(url, ".txt") {
				return nil, fmt.Errorf("gone")
			}
			return []byte(other), nil
		}
		began := time.Now()
		doc, err := Parse(context.Background(), []byte(main), opts)
		require.Less(t, time.Since(began), 10*time.Second)
		if err != nil {
			var p *ParseError
			require.ErrorAs(t, err, &p)
			_ = p.Detail()
			return
		}
		requireConsistent(t, doc)
		requireXML(t, doc)
	})
}

// TestSource: a document with its files can be parsed again without them.
func TestSource(t *testing.T) {
	for _, folder := range []string{"workflow", "nested", "fallback", "text"} {
		f := readFolder(t, "testdata/include/"+folder)
		f["x.json"], f["x.js"] = "[1]\n<?ors-parts 3?>", "var x;"
		main := strings.Replace(f["main.scxml"], "</scxml>", `<script src="x.js"/><datamodel><data id="fetched" src="x.json"/></datamodel></scxml>`, 1)
		doc := mustParse(t, main, f.options())
		assert.True(t, strings.HasPrefix(doc.Source(), main))
		assert.Equal(t, sha256.Sum256([]byte(doc.Source())), doc.Digest())

		opts := f.options()
		opts.Fetch = nil
		if folder == "fallback" {
			opts.Fetch = func(_ context.Context, url string, _ int64) ([]byte, error) {
				require.True(t, strings.HasPrefix(url, "lost."), url)
				return nil, fmt.Errorf("still lost")
			}
		}
		again := mustParse(t, doc.Source(), opts)
		assert.Equal(t, doc.Digest(), again.Digest())
		assert.Equal(t, doc.Warnings(), again.Warnings())
		assert.Len(t, again.states, len(doc.states))
		assert.Equal(t, doc.scripts[0].script.text, again.scripts[0].script.text)
	}
	plain := header + "<state/></scxml>"
	assert.Equal(t, plain, mustParse(t, plain, fakeECMAScript()).Source())
}

func TestUnbundle(t *testing.T) {
	for _, s := range []string{"", "<a/>", "<a/>\n<?ors-parts 4?>x", "<a/>\n<?ors-parts x?>", "<a/>\n<?ors-parts -1?>", "<a/>\n<?ors-parts 5?>", "<a/>\n<?ors-parts 2?>",
		"<a/>\n<?ors-part 9 \"u\"?>\nbody\n<?ors-parts 4?>", "<a/>\n<?ors-part 4 u?>\nbody\n<?ors-parts 4?>", "<a/>\n<?ors-part 4 \"u\"?>\nbody", "\n<?ors-parts 99999999999999999999?>"} {
		document, resources := unbundle([]byte(s))
		assert.Equal(t, s, string(document))
		assert.Empty(t, resources)
	}
	want := []resource{{"u?>\n", []byte("x\n<?ors-parts 1?>")}, {"v", nil}}
	document, resources := unbundle([]byte(bundle([]byte("doc\n<?ors-parts 0?>"), want)))
	assert.Equal(t, "doc\n<?ors-parts 0?>", string(document))
	assert.Len(t, resources, 2)
	assert.Equal(t, want[0].body, resources["u?>\n"])
}
