package scxml

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestDiagnostics compares everything that Parse says of the documents in
// testdata/diagnostics.
func TestDiagnostics(t *testing.T) {
	files, err := filepath.Glob("testdata/diagnostics/*.scxml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			opts := fakeECMAScript()
			opts.URL = filepath.Base(file)
			doc, err := Parse(context.Background(), source, opts)
			var got string
			var problems *ParseError
			if errors.As(err, &problems) {
				require.Nil(t, doc)
				got = problems.Detail() + "Error(): " + problems.Error() + "\n"
			} else {
				require.NoError(t, err)
				for _, w := range doc.Warnings() {
					got += w.String() + "\n"
				}
				got += "accepted\n"
			}
			golden := strings.TrimSuffix(file, ".scxml") + ".golden"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err, "go test ./scxml -run TestDiagnostics -update")
			assert.Equal(t, string(want), got)
		})
	}
}

const header = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">`

func mustParse(t testing.TB, source string, opts *ParseOptions) *Document {
	t.Helper()
	doc, err := Parse(context.Background(), []byte(source), opts)
	var problems *ParseError
	if errors.As(err, &problems) {
		t.Fatal(problems.Detail())
	}
	require.NoError(t, err)
	return doc
}

func mustFail(t testing.TB, source string, opts *ParseOptions) *ParseError {
	t.Helper()
	doc, err := Parse(context.Background(), []byte(source), opts)
	require.Nil(t, doc)
	var problems *ParseError
	require.ErrorAs(t, err, &problems)
	require.NotEmpty(t, problems.Diagnostics)
	return problems
}

// TestParseProblems has one small body of a document for each problem, and
// where and how it is reported.
func TestParseProblems(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"initial outside", `<state id="a" initial="b"><state id="c"/></state><state id="b"/>`, `2:24: error: the initial state "b" is not inside of <state> "a"`},
		{"initial is itself", `<state id="a" initial="a"><state id="c"/></state>`, `2:24: error: the initial state "a" is not inside of <state> "a"`},
		{"initial empty", `<state id="a" initial=" "><state id="c"/></state>`, `2:24: error: the initial of <state> is empty`},
		{"initial of siblings", `<state id="a" initial="b c"><state id="b"/><state id="c"/></state>`, `2:24: error: <state> "b" and <state> "c" cannot be active together`},
		{"deep siblings", `<state id="a"><state id="b"><state id="b1"/></state><state id="c"/><transition event="e" target="b1 c"/></state>`, `2:98: error: <state> "b1" and <state> "c" cannot be active together`},
		{"top-level siblings", `<state id="a"><transition event="e" target="b c"/></state><state id="b"/><final id="c"/>`, `2:45: error: <state> "b" and <final> "c" cannot be active together: both are inside of <scxml>`},
		{"initial element without target", `<state id="a"><initial><transition/></initial><state id="b"/></state>`, `2:24: error: the <transition> of <initial> has no target`},
		{"history without transition", `<state id="a"><history id="h"/><state id="b"/></state>`, `2:15: error: <history> has no <transition>`},
		{"history outside", `<state id="a"><history id="h"><transition target="c"/></history><state id="b"/></state><state id="c"/>`, `2:51: error: the default "c" of <history> "h" is not inside of <state> "a"`},
		{"history to itself", `<state id="a"><history id="h"><transition target="h"/></history><state id="b"/></state>`, `2:31: error: the default of <history> "h" leads back to <history> "h"`},
		{"history alone", `<state id="a"><history id="h"><transition target="a"/></history></state>`, `2:51: error: the default "a" of <history> "h" is not inside of <state> "a"`},
		{"empty id", `<state id=""/>`, `2:12: error: the id of <state> is empty`},
		{"id with spaces", `<state id="a b"/>`, `2:12: error: the id "a b" has white space in it`},
		{"nested scxml", `<state id="a"><scxml/></state>`, `2:15: error: <scxml> cannot stand in <state>`},
		{"element in script", `<script>a<b/></script><state/>`, `2:10: error: <b> in <script>`},
		{"raise of nothing", `<state><onentry><raise event=" "/></onentry></state>`, `2:31: error: the event of <raise> is empty`},
		{"raise with a child", `<state><onentry><raise event="e"><log/></raise></onentry></state>`, `2:34: error: <log> cannot stand in <raise>`},
		{"delay", `<state><onentry><send event="e" delay="soon"/></onentry></state>`, `2:40: error: "soon" is no delay`},
		{"delayexpr to internal", `<state><onentry><send event="e" target="#_internal" delayexpr="x"/></onentry></state>`, `2:64: error: an event to #_internal cannot be delayed`},
		{"two contents", `<state><onentry><send event="e"><content>1</content><content>2</content></send></onentry></state>`, `2:53: error: <send> has two <content>`},
		{"content twice", `<state><onentry><send event="e"><content expr="1">1</content></send></onentry></state>`, `2:33: error: <content> has both expr and content`},
		{"case of an element", `<State/>`, `2:1: error: unknown element <State> in <scxml>`},
		{"attribute in the namespace", `<state xmlns:s="http://www.w3.org/2005/07/scxml" s:id="a"/>`, `2:56: warning: <state> has no attribute s:id; it is ignored`},
		{"namelist and param of invoke", `<state><invoke namelist="x"><param name="y" expr="1"/></invoke></state>`, `2:26: warning: <invoke> has both namelist and <param>`},
		{"two datamodels", `<datamodel/><datamodel/><state/>`, `2:13: warning: <scxml> has more than one <datamodel>`},
		{"send without event", `<state><onentry><send><content>1</content></send></onentry></state>`, `2:17: warning: <send> to an SCXML session has no event`},
		{"expression", `<state><transition event="e" cond="a &lt; ???"/></state>`, `2:43: warning: illegal condition: unexpected ???`},
		{"second line of a value", "<state><onentry><log\n expr='???'/></onentry></state>", `3:8: warning: illegal expression: unexpected ???`},
		{"foreach", `<state><onentry><foreach array="a" item="???"/></onentry></state>`, `2:42: warning: illegal foreach: unexpected ???`},
	} {
		t.Run(c.name, func(t *testing.T) {
			requireDiagnostic(t, header+"\n"+c.body+"\n</scxml>", c.want)
		})
	}
}

// requireDiagnostic parses a document under the name "x" and demands a diagnostic
// that begins with want, its position first.
func requireDiagnostic(t *testing.T, source, want string) {
	t.Helper()
	opts := fakeECMAScript()
	opts.URL = "x"
	doc, err := Parse(context.Background(), []byte(source), opts)
	var all []Diagnostic
	var problems *ParseError
	if errors.As(err, &problems) {
		all = problems.Diagnostics
	} else {
		require.NoError(t, err)
		all = doc.Warnings()
	}
	var got []string
	for _, d := range all {
		got = append(got, d.String())
		if strings.HasPrefix(d.String(), "x:"+want) {
			return
		}
	}
	t.Errorf("no %q in\n%s", want, strings.Join(got, "\n"))
}

// TestParseAccepts has bodies that must give no diagnostic at all.
func TestParseAccepts(t *testing.T) {
	for name, body := range map[string]string{
		"several initial states":  `<state id="a" initial="p11 p22"><parallel id="p"><state id="p1"><state id="p10"/><state id="p11"><transition event="e" target="p10"/></state></state><state id="p2"><state id="p22"/></state></parallel></state>`,
		"state and its parent":    `<state id="a"><transition event="e" target="a b"/><state id="b"/></state>`,
		"history beside regions":  `<parallel id="p"><history id="h" type="deep"><transition target="a1 b1"/></history><state id="a"><state id="a1"/></state><state id="b"><state id="b1"/></state><transition event="e" target="h"/></parallel>`,
		"foreign elements":        `<state id="a" xmlns:x="urn:x" x:pos="1,2"><x:layout><state/></x:layout></state>`,
		"comments and CDATA":      `<state id="a"><!-- text --><onentry><script><![CDATA[ a < b && c ]]></script></onentry></state>`,
		"internal without target": `<state id="a"><transition event="e" type="internal"/></state>`,
		"conditions only":         `<state id="a"><transition cond="x" target="b"/></state><final id="b"/>`,
		"descriptors":             `<state id="a"><transition event="a.b a.b.* a. * done.state.x"/></state>`,
		"non-ASCII ids":           `<state id="größe"><transition event="e" target="größe"/></state>`,
		"boolean as a number":     `<state id="a"><invoke src="b.scxml" autoforward="1"/></state>`,
		"if":                      `<state id="a"><onentry><if cond="a"><log expr="1"/><elseif cond="b"/><log expr="2"/><else/><log expr="3"/></if></onentry></state>`,
	} {
		t.Run(name, func(t *testing.T) {
			doc := mustParse(t, header+body+"</scxml>", fakeECMAScript())
			for _, w := range doc.Warnings() {
				t.Error(w)
			}
			requireConsistent(t, doc)
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	source := header + strings.Repeat(`<state id="same"><transition target="nowhere"/></state>`, 300) + "</scxml>"
	p := mustFail(t, source, &ParseOptions{Limits: ParseLimits{Diagnostics: 40}})
	errs := 0
	for _, d := range p.Diagnostics {
		if d.Severity == Error {
			errs++
		}
	}
	assert.Equal(t, 41, errs)
	assert.Contains(t, p.Detail(), "gave up after 40 errors")

	// Warnings neither end the parsing nor hide an error behind them.
	source = header + strings.Repeat(`<state x="1"/>`, 300) + `<state id="a"><transition target="b"/></state></scxml>`
	p = mustFail(t, source, fakeECMAScript())
	assert.Contains(t, p.Error(), `there is no state "b"`)
	assert.Contains(t, p.Detail(), "further warnings left out")
}
