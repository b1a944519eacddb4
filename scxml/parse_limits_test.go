package scxml

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/seed-ff723688/ors/datamodel"
)

// TestParseLimits: what is too big is refused at once, whatever its shape.
func TestParseLimits(t *testing.T) {
	deep := strings.Repeat("<state>", 1_000_000)
	for _, c := range []struct {
		name, source, want string
		opts               *ParseOptions
	}{
		{"100 MB", strings.Repeat("x", 100<<20), "more than the limit of 8388608", nil},
		{"a million deep", header + deep, "nested more than 256 deep", nil},
		{"a million deep, in content", header + "<state><onentry><send event='e'><content>" + deep, "nested more than 256 deep", nil},
		{"many elements", header + strings.Repeat("<state/>", 200_001), "more than 200000 elements", nil},
		{"depth that is asked for", header + strings.Repeat("<state>", 20_000) + strings.Repeat("</state>", 20_000) + "</scxml>", "nested more than 10000 deep", &ParseOptions{Limits: ParseLimits{Depth: 1 << 30}}},
		{"long expression", header + `<state><onentry><log expr="` + strings.Repeat("1+", 1000) + `1"/></onentry></state></scxml>`, "more than the limit of 100", &ParseOptions{Limits: ParseLimits{Expression: 100}}},
		{"one endless tag", header + "<state " + strings.Repeat("a", 1<<20), "the document ends in the middle", nil},
		{"attributes without end", header + "<state" + manyAttributes(200_000) + "/></scxml>", "", nil},
		{"targets without end", header + `<state id="a"><transition target="` + strings.Repeat("a b ", 200_000) + `"/></state></scxml>`, "gave up", nil},
		{"one endless line of errors", header + strings.Repeat(`<oops/>`, 100_000) + "</scxml>", "gave up", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			_, err := Parse(context.Background(), []byte(c.source), c.opts)
			assert.Less(t, time.Since(began), 10*time.Second)
			if c.want == "" {
				return
			}
			var p *ParseError
			require.ErrorAs(t, err, &p)
			assert.Contains(t, p.Detail(), c.want)
			assert.Less(t, len(p.Detail()), 200_000)
		})
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " _a%d='%d'", i, i)
	}
	return b.String()
}

// TestParseDeepest runs the deepest document that can be asked for.
func TestParseDeepest(t *testing.T) {
	const n = 9_990
	source := header + strings.Repeat("<state>", n) + strings.Repeat("</state>", n) + "</scxml>"
	doc := mustParse(t, source, &ParseOptions{
		Languages: fakeECMAScript().Languages,
		Limits:    ParseLimits{Depth: 10_000},
	})
	assert.Len(t, doc.states, n+1)
}

func TestParseCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Parse(ctx, []byte(header+"<state/></scxml>"), nil)
	require.ErrorIs(t, err, context.Canceled)

	ctx, cancel = context.WithCancel(context.Background())
	opts := fakeECMAScript()
	opts.Fetch = func(context.Context, string, int64) ([]byte, error) {
		cancel()
		return nil, ctx.Err()
	}
	_, err = Parse(ctx, []byte(header+`<script src="x.js"/><state/></scxml>`), opts)
	require.ErrorIs(t, err, context.Canceled)
}

func TestParseEncodings(t *testing.T) {
	const text = `<?xml version="1.0" encoding="%s"?>` + "\n" +
		`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" name="Gruß"><state id="größe"><transition event="e" target="grösse"/></state></scxml>`
	encode := func(b []byte, err error) []byte {
		require.NoError(t, err)
		return b
	}
	latin1 := charmap.ISO8859_1.NewEncoder()
	windows := charmap.Windows1252.NewEncoder()
	for _, c := range []struct {
		name   string
		source []byte
	}{
		{"UTF-8", fmt.Appendf(nil, text, "UTF-8")},
		{"UTF-8 with a byte order mark", fmt.Appendf([]byte("\xEF\xBB\xBF"), text, "utf-8")},
		{"UTF-16, big endian, mark", encode(unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes(fmt.Appendf(nil, text, "UTF-16")))},
		{"UTF-16, little endian, mark", encode(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes(fmt.Appendf(nil, text, "UTF-16")))},
		{"UTF-16, little endian", encode(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().Bytes(fmt.Appendf(nil, text, "UTF-16LE")))},
		{"ISO-8859-1", encode(latin1.Bytes(fmt.Appendf(nil, text, "ISO-8859-1")))},
		{"windows-1252", encode(windows.Bytes(fmt.Appendf(nil, text, "windows-1252")))},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := mustFail(t, string(c.source), nil)
			require.Len(t, p.Diagnostics, 1)
			d := p.Diagnostics[0]
			assert.Equal(t, `there is no state "grösse"`, d.Message)
			assert.Equal(t, `did you mean "größe"?`, d.Hint)
			assert.Equal(t, 2, d.Pos.Line)
			assert.True(t, strings.HasPrefix(d.Line[d.Caret:], `grösse"`), d.String())

			good := bytes.ReplaceAll(c.source, encode(recode(c.source, "grösse", latin1.Bytes)), encode(recode(c.source, "größe", latin1.Bytes)))
			doc := mustParse(t, string(good), nil)
			assert.Equal(t, "Gruß", doc.Name())
		})
	}
	for name, c := range map[string]struct{ source, want string }{
		"broken UTF-8":     {header + "\n<state id='\xff'/></scxml>", "x:2:12: error: the document is not valid UTF-8"},
		"unknown encoding": {`<?xml version="1.0" encoding="klingon"?><a/>`, `x: error: unknown encoding "klingon"`},
		"wrong encoding":   {`<?xml version="1.0" encoding="UTF-16"?><a/>`, "x: error: the XML declaration says UTF-16"},
		"XML 1.1":          {`<?xml version="1.1"?><a/>`, "only version 1.0 is supported"},
		"nothing":          {"", "x:1:1: error: the document has no element"},
		"a comment":        {"<!-- nothing -->", "x:1:1: error: the document has no element"},
		"text":             {"scxml", "x:1:1: error: broken XML: text outside of the root element"},
		"two roots":        {header + "<state/></scxml><scxml/>", "a document has one root element"},
		"text behind":      {header + "<state/></scxml>\n  x", "x:2:3: error: broken XML: text outside of the root element"},
		"declaration late": {"\n<?xml version='1.0'?><a/>", "x:2:1: error: the XML declaration must be the very first"},
		"twice":            {header + "\n<state id='a' id='b'/></scxml>", "x:2:19: error: broken XML: <state> has two attributes id"},
		"colons":           {header + "\n<a:b:c/></scxml>", `x:2:1: error: broken XML: this is no legal element name`},
		"end tag alone":    {"</a>", "x:1:1: error: broken XML: </a> closes nothing"},
		"end":              {header + "\n<state><onentry>", "x:2:8: error: <onentry> is never closed"},
		"unquoted":         {header + "\n<state id=a/></scxml>", `attributes are written name="value"`},
		"attribute prefix": {header + "\n<state x:id='a'/></scxml>", "x:2:14: error: the prefix of attribute x:id is not declared"},
		"doctype":          {"<!DOCTYPE scxml SYSTEM 'scxml.dtd'>" + header + "<state><oops/></state></scxml>", "unknown element <oops>"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Contains(t, mustFail(t, c.source, &ParseOptions{URL: "x"}).Detail(), c.want)
		})
	}
}

// recode writes word in the encoding in which source is written.
func recode(source []byte, word string, latin1 func([]byte) ([]byte, error)) ([]byte, error) {
	switch {
	case bytes.HasPrefix(source, []byte("\xFE\xFF")):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().Bytes([]byte(word))
	case bytes.HasPrefix(source, []byte("\xFF\xFE")), bytes.HasPrefix(source, []byte("<\x00")):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().Bytes([]byte(word))
	case bytes.Contains(source, []byte(word)):
		return []byte(word), nil
	}
	return latin1([]byte(word))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(header + "<state id='a'/></scxml>"))
	f.Fuzz(func(t *testing.T, source []byte) {
		opts := fakeECMAScript()
		opts.Limits = ParseLimits{Bytes: 1 << 16, Elements: 2000}
		opts.Fetch = func(context.Context, string, int64) ([]byte, error) { return source, nil }
		doc, err := Parse(context.Background(), source, opts)
		if err != nil {
			p, ok := err.(*ParseError)
			if !ok {
				t.Fatalf("%T: %v", err, err)
			}
			if !strings.Contains(p.Detail(), "error: ") || p.Error() == "" {
				t.Fatalf("no error in %q", p.Detail())
			}
			return
		}
		requireConsistent(t, doc)
		for _, w := range doc.Warnings() {
			_ = w.String()
		}
		requireXML(t, doc)
	})
}

// requireXML checks that every piece of XML in a document can be read on its own.
func requireXML(t *testing.T, doc *Document) {
	check := func(v datamodel.Value) {
		x, ok := v.(datamodel.XML)
		if !ok {
			return
		}
		tree, err := parseXML(context.Background(), "fragment", []byte(x.Text), ParseLimits{}.withDefaults(), func(d Diagnostic) { t.Errorf("%s\n%s", x.Text, d) })
		require.NoError(t, err)
		require.NotNil(t, tree.root)
	}
	for _, s := range doc.states {
		for _, d := range s.data {
			check(d.body)
		}
		for _, b := range append(s.onentry, s.onexit...) {
			for _, a := range b {
				switch a := a.(type) {
				case *sendAction:
					if a.payload.content != nil {
						check(a.payload.content.body)
					}
				case *assignAction:
					check(a.body)
				}
			}
		}
	}
}
