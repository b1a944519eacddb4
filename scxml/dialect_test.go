package scxml

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ff723688/ors/datamodel"
)

const orsHeader = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" profile="ecmascript">`

func TestDialectOf(t *testing.T) {
	attrs := func(s string) string {
		return `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" ` + s + `><state/></scxml>`
	}
	for _, c := range []struct {
		attrs  string
		option Dialect
		want   Dialect
	}{
		{`profile="ecmascript"`, Auto, ORS},
		{`profile=" ecmascript "`, Auto, ORS},
		{`profile="ecmascript" datamodel="ecmascript"`, Auto, W3C},
		{`profile="minimal"`, Auto, W3C},
		{`datamodel="ecmascript"`, Auto, W3C},
		{``, Auto, W3C},
		{``, ORS, ORS},
		{`datamodel="null"`, ORS, ORS},
		{`profile="ecmascript"`, W3C, W3C},
	} {
		opts := fakeECMAScript()
		opts.Dialect = c.option
		doc := mustParse(t, attrs(c.attrs), opts)
		assert.Equal(t, c.want, doc.Dialect(), c)
		if c.want == ORS && !strings.Contains(c.attrs, "datamodel") {
			assert.Equal(t, "ecmascript", doc.DataModel())
			assert.Empty(t, doc.Warnings())
		}
	}
	p := mustFail(t, orsHeader+"<state/></scxml>", nil)
	assert.Contains(t, p.Detail(), `document.scxml:1:71: error: the ORS dialect needs the data model "ecmascript", and there is none`)
	opts := fakeECMAScript()
	opts.Dialect = ORS
	p = mustFail(t, attrs(`profile="xpath"`), opts)
	assert.Contains(t, p.Error(), `unknown profile "xpath"`)
	assert.Equal(t, "auto W3C ORS Dialect(9)", strings.Join([]string{Auto.String(), W3C.String(), ORS.String(), Dialect(9).String()}, " "))
}

func orsBlock(t *testing.T, content string) block {
	t.Helper()
	doc := mustParse(t, orsHeader+"<state><onentry>"+content+"</onentry></state></scxml>", fakeECMAScript())
	for _, w := range doc.Warnings() {
		t.Error(w)
	}
	return doc.states[1].onentry[0]
}

func TestORSSend(t *testing.T) {
	b := orsBlock(t, `
<send event="'a.done'"/>
<send event='"a.done"' delay="'1.5s'" target="'_internal'" type="'scxml'"/>
<send event="name" target="where" targettype="kind" delay="wait + 's'" idlocation="x.id" namelist="a b" hints="h" timeout="'5s'"/>
<send event="'e'" id="first" target="x"/>
<send event="'e'" id="'second'"/>
<send event="'e'" sendid="'third'"/>
<send event="'e'" sendid="App_X['id']"/>
<send event="'it' + 's'"/>
<send event="'e'" type="basichttp" target="'http://host/'"><param name="p" expr="1"/></send>
<send eventexpr="e" targetexpr="'t'" typeexpr="y" delayexpr="'2s'"><content _expr="c"/></send>`)
	send := func(i int) *sendAction { return b[i].(*sendAction) }
	assert.Equal(t, text{literal: "a.done", given: true}, send(0).event)
	assert.Equal(t, text{literal: "a.done", given: true}, send(1).event)
	assert.Equal(t, 1500*time.Millisecond, send(1).literalDelay)
	assert.Nil(t, send(1).delay.expr)
	assert.Equal(t, "_internal", send(1).target.literal)
	assert.Equal(t, "scxml", send(1).typ.literal)
	assert.Equal(t, []string{"name", "where", "kind", "wait + 's'", "x.id"},
		[]string{send(2).event.expr.text, send(2).target.expr.text, send(2).typ.expr.text, send(2).delay.expr.text, send(2).idlocation.text})
	assert.Len(t, send(2).payload.namelist, 2)
	assert.Equal(t, "first", send(3).id)
	assert.Equal(t, "second", send(4).id)
	assert.Equal(t, "third", send(5).id)
	assert.Equal(t, "App_X['id']", send(6).idlocation.text)
	assert.Equal(t, "'it' + 's'", send(7).event.expr.text)
	assert.Equal(t, "basichttp", send(8).typ.literal)
	assert.Len(t, send(8).payload.params, 1)
	assert.Equal(t, "e", send(9).event.expr.text)
	assert.Equal(t, 2*time.Second, send(9).literalDelay)
	assert.Equal(t, "c", send(9).payload.content.expr.text)
}

func TestORSActions(t *testing.T) {
	b := orsBlock(t, `
<raise event="application.start"><param name="interactionid" expr="_event.data.interactionid"/></raise>
<event name="old"/>
<cancel sendid="x.id"/>
<cancel id="'literal'"/>
<log expr="a"/>
<log expr="a" label="l" level="4"/>
<if cond="a"><event name="x"/><else/><raise event="y"/></if>
<foreach array="a" item="b"/>
<script><![CDATA[ a < b; ]]><!-- one
two --> b;<!-- three -->c;</script>`)
	raise := b[0].(*raiseAction)
	assert.Equal(t, "application.start", raise.event)
	assert.Equal(t, "interactionid", raise.payload.params[0].name)
	assert.Equal(t, "old", b[1].(*raiseAction).event)
	assert.Equal(t, "x.id", b[2].(*cancelAction).sendID.expr.text)
	assert.Equal(t, text{literal: "literal", given: true}, b[3].(*cancelAction).sendID)
	assert.True(t, b[3].(*cancelAction).answer)
	assert.Equal(t, 1, b[4].(*logAction).level)
	assert.Equal(t, 4, b[5].(*logAction).level)
	assert.Equal(t, "l", b[5].(*logAction).label)
	assert.Equal(t, "x", b[6].(*ifAction).branches[0].content[0].(*raiseAction).event)
	assert.Equal(t, " a < b; \n b;c;", b[8].(*scriptAction).script.text)

	doc := mustParse(t, header+`<state><onentry><cancel sendid="a"/><log expr="x"/></onentry></state></scxml>`, fakeECMAScript())
	assert.False(t, doc.states[1].onentry[0][0].(*cancelAction).answer)
	assert.Zero(t, doc.states[1].onentry[0][1].(*logAction).level)
}

func TestORSInvoke(t *testing.T) {
	doc := mustParse(t, orsHeader+`<state>
 <invoke type="scxml" src="sub.scxml" id="'a'"/>
 <invoke targettype="'scxml'" src="'http://host/' + name" invokeid="b"/>
 <invoke type="kind" src="_data.url" idlocation="x"/>
 <invoke src="http://host/x?a=1"/>
 <invoke src="'quoted.scxml'"/>
</state></scxml>`, fakeECMAScript())
	v := doc.states[1].invokes
	assert.Equal(t, text{literal: "scxml", given: true}, v[0].typ)
	assert.Equal(t, text{literal: "sub.scxml", given: true}, v[0].src)
	assert.Equal(t, "a", v[0].id)
	assert.Equal(t, "scxml", v[1].typ.literal)
	assert.Equal(t, "'http://host/' + name", v[1].src.expr.text)
	assert.Equal(t, "b", v[1].id)
	assert.Equal(t, "kind", v[2].typ.expr.text)
	assert.Equal(t, "_data.url", v[2].src.expr.text)
	assert.Equal(t, "x", v[2].idlocation.text)
	assert.Equal(t, "http://host/x?a=1", v[3].src.literal)
	assert.Equal(t, "quoted.scxml", v[4].src.literal)
}

// TestORSProblems has one small body of a document for each problem.
func TestORSProblems(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"both ids of cancel", `<state><onentry><cancel id="a" sendid="b"/></onentry></state>`, `2:29: error: <cancel> has both sendid and id`},
		{"cancel of nothing", `<state><onentry><cancel/></onentry></state>`, `2:17: error: <cancel> has neither sendid nor id`},
		{"two types", `<state><onentry><send event="'e'" type="scxml" targettype="scxml"/></onentry></state>`, `2:60: error: <send> has both type and targettype`},
		{"two ids", `<state><onentry><send event="'e'" id="a" sendid="b"/></onentry></state>`, `2:50: error: <send> has both id and sendid`},
		{"send of nothing", `<state><onentry><send target="x"/></onentry></state>`, `2:17: error: <send> has no event`},
		{"empty event", `<state><onentry><send event="''"/></onentry></state>`, `2:30: error: the event of <send> is empty`},
		{"two events", `<state><onentry><send event="'a b'"/></onentry></state>`, `2:30: error: <send> sends one event`},
		{"delay", `<state><onentry><send event="'e'" delay="'soon'"/></onentry></state>`, `2:42: warning: "soon" is no delay`},
		{"raise", `<state><onentry><raise/></onentry></state>`, `2:17: error: <raise> has no event`},
		{"event", `<state><onentry><event event="x"/></onentry></state>`, `2:17: error: <event> has no name`},
		{"content and param", `<state><onentry><raise event="e"><content>1</content><param name="a" expr="1"/></raise></onentry></state>`, `2:34: error: <raise> has both <content> and <param>`},
		{"level", `<state><onentry><log expr="a" level="7"/></onentry></state>`, `2:38: warning: level="7" of <log> is taken as 1`},
		{"data id", `<datamodel><data id="a.b"/></datamodel><state/>`, `2:22: error: the id "a.b" of <data> is not the name of a variable`},
		{"data id twice", `<datamodel><data id="a"/><data id="a"/></datamodel><state/>`, `2:36: error: the data "a" is declared twice`},
		{"unknown attribute", `<state><onentry><send event="'e'" targetype="'x'"/></onentry></state>`, `2:46: warning: <send> has no attribute targetype; it is ignored`},
		{"unknown element", `<state><onentry><rais event="e"/></onentry></state>`, `2:17: error: unknown element <rais> in <onentry>`},
		{"anchor", `<state><anchor type="a"/></state>`, `2:8: error: unknown element <anchor> in <state>`},
		{"persist", `<state _persist="perhaps"/>`, `2:18: warning: _persist="perhaps" is not one of may, must, mustnot; it is ignored`},
		{"never persist", `<state _persist="mustnot"/>`, `2:18: warning: _persist="mustnot" has no effect`},
		{"deactivate", `<state _deactivate="never"/>`, `2:21: warning: _deactivate="never" is not one of may, must, mustnot; it is ignored`},
		{"expression", `<state><onentry><send event="a ???"/></onentry></state>`, `2:32: warning: illegal expression: unexpected ???`},
	} {
		t.Run(c.name, func(t *testing.T) {
			requireDiagnostic(t, orsHeader+"\n"+c.body+"\n</scxml>", c.want)
		})
	}
}

// TestORSAccepts has a document with what the dialect has beside the standard;
// it gives no diagnostic at all.
func TestORSAccepts(t *testing.T) {
	source := `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" profile="ecmascript" exmode="strict" name="n" _type="routingstrategy" _anything="x">
 <initial><transition target="a"><log expr="'begin'" level="2"/></transition></initial>
 <script>var a;</script>
 <script>var b;</script>
 <state id="a" _persist="must" _deactivate="may" _whatever="1">
  <datamodel><data id="p" _type="parameter" _desc="text"/></datamodel>
  <initial><transition target="a1"><send event="'x'"/></transition></initial>
  <onentry _x="1"><log expr="'in'" _y="2"/></onentry>
  <state id="a1"><history id="h"><transition target="a2"/></history><state id="a2"/><transition event="error.* *" target="end"/></state>
  <transition event="back" target="h"/>
 </state>
 <final id="end"><onentry><log expr="'done'"/></onentry><donedata><param name="p" expr="1"/></donedata></final>
</scxml>`
	doc := mustParse(t, source, fakeECMAScript())
	for _, w := range doc.Warnings() {
		t.Error(w)
	}
	requireConsistent(t, doc)
	assert.Equal(t, 2, doc.states[0].initial.content[0].(*logAction).level)
	assert.Equal(t, "_persist", doc.states[1].attrs[0].Name)
	d := doc.states[1].data[0]
	assert.True(t, d.parameter)
	assert.Equal(t, "text", d.attrs[1].Value)
	assert.Len(t, doc.Attributes(), 2)
}

func TestORSSettings(t *testing.T) {
	root := func(attrs string) string {
		return `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" profile="ecmascript" ` + attrs + `><state/></scxml>`
	}
	defaults := Settings{Type: "combination", Persist: true, TransitionStyle: "standard"}
	doc := mustParse(t, root(""), fakeECMAScript())
	assert.Equal(t, defaults, doc.Settings())
	doc = mustParse(t, root(`_type="serviceprocess" _persist="false" _microStepLimit="5" _stateEntryLimit="6" _maxPendingEvents="7" _processEventTimeout="1500" _maxtime="60" _debug="true" _transitionStyle="legacy" _other="x"`), fakeECMAScript())
	assert.Empty(t, doc.Warnings())
	assert.Equal(t, Settings{Type: "serviceprocess", MicroStepLimit: 5, StateEntryLimit: 6, PendingEvents: 7,
		EventTimeout: 1500 * time.Millisecond, MaxAge: time.Minute, Debug: true, TransitionStyle: "legacy"}, doc.Settings())
	doc = mustParse(t, root(`_type="strategy" _persist="perhaps" _microStepLimit="-1" _maxPendingEvents="many" _maxtime="99999999999999999999" _transitionStyle="old"`), fakeECMAScript())
	assert.Len(t, doc.Warnings(), 6)
	assert.Equal(t, defaults, doc.Settings())
	doc = mustParse(t, strings.Replace(root(`_persist="false"`), `profile`, `datamodel`, 1), fakeECMAScript())
	assert.Equal(t, defaults, doc.Settings())
}

// sourcesLanguage keeps what it is asked to compile.
type sourcesLanguage struct {
	anyLanguage
	seen *[]datamodel.Source
}

func (l sourcesLanguage) Compile(src datamodel.Source) (datamodel.Program, error) {
	*l.seen = append(*l.seen, src)
	return src.Text, nil
}

func (l sourcesLanguage) CompileAssign(location, expr datamodel.Source) (datamodel.Program, error) {
	*l.seen = append(*l.seen, location, expr)
	return expr.Text, nil
}

// TestStatements: expressions of the dialect are programs, and all of its code is
// sloppy mode code.
func TestStatements(t *testing.T) {
	for _, c := range []struct {
		header string
		want   map[datamodel.Kind]bool
	}{
		{orsHeader, map[datamodel.Kind]bool{datamodel.ValueExpression: true, datamodel.ConditionalExpression: true, datamodel.LocationExpression: true, datamodel.Script: true}},
		{header, map[datamodel.Kind]bool{datamodel.ValueExpression: false, datamodel.ConditionalExpression: false, datamodel.LocationExpression: false, datamodel.Script: false}},
	} {
		var seen []datamodel.Source
		mustParse(t, c.header+`<state><onentry><assign location="a" expr="b"/><log expr="c"/><script>d</script></onentry><transition cond="e"/></state></scxml>`,
			&ParseOptions{Languages: []datamodel.Language{sourcesLanguage{anyLanguage{name: "ecmascript"}, &seen}}})
		got := map[datamodel.Kind]bool{}
		for _, src := range seen {
			got[src.Kind] = src.Statements
		}
		assert.Equal(t, c.want, got)
	}
}

// TestExpressionScopes: each expression knows the state around it.
func TestExpressionScopes(t *testing.T) {
	doc := mustParse(t, header+`<script>r</script>
<state id="a"><initial><transition target="b"><log expr="i"/></transition></initial>
 <onentry><foreach array="x" item="y"><if cond="c"><log expr="d"/></if></foreach></onentry>
 <state id="b"><onexit><log expr="x"/></onexit><transition event="e" cond="k"/></state>
 <history id="h"><transition target="b"><log expr="i"/></transition></history>
 <transition event="e" cond="k"/>
 <invoke src="x"><param name="p" expr="1"/></invoke>
</state><final id="f"><donedata><param name="p" expr="1"/></donedata></final></scxml>`, fakeECMAScript())
	a, b, h, f := doc.states[1], doc.states[2], doc.states[3], doc.states[4]
	assert.Zero(t, doc.scripts[0].script.state)
	assert.Equal(t, a.index, a.initial.content[0].(*logAction).expr.state)
	loop := a.onentry[0][0].(*foreachAction)
	assert.Equal(t, a.index, loop.head.state)
	assert.Equal(t, a.index, loop.content[0].(*ifAction).branches[0].cond.state)
	assert.Equal(t, b.index, b.onexit[0][0].(*logAction).expr.state)
	assert.Equal(t, b.index, b.transitions[0].cond.state)
	assert.Equal(t, a.index, h.initial.content[0].(*logAction).expr.state)
	assert.Equal(t, a.index, a.transitions[0].cond.state)
	assert.Equal(t, a.index, a.invokes[0].payload.params[0].expr.state)
	assert.Equal(t, f.index, f.donedata.params[0].expr.state)
}

// TestWorkflowAlone: a document that is meant to be included can be loaded by
// itself; its ids are without a prefix then.
func TestWorkflowAlone(t *testing.T) {
	f := readFolder(t, "testdata/include/workflow")
	doc := mustParse(t, f["flow.scxml"], f.options())
	assert.Equal(t, []int32{doc.byID["Greet"]}, doc.states[doc.byID["_entry"]].initial.targets)
	assert.Empty(t, doc.states[doc.byID["_entry"]].prefix)
}

// TestIncludedData: data of a part that is included twice is declared once.
func TestIncludedData(t *testing.T) {
	f := files{"part.scxml": `<state xmlns="http://www.w3.org/2005/07/scxml" id="p"><datamodel><data id="d" expr="1"/></datamodel></state>`}
	source := strings.Replace(orsHeader, "<scxml ", `<scxml xmlns:xi="http://www.w3.org/2001/XInclude" `, 1) +
		`<xi:include href="part.scxml" resolveid="A"/><xi:include href="part.scxml" resolveid="B"/></scxml>`
	doc := mustParse(t, source, f.options())
	assert.Len(t, doc.states[1].data, 1)
	assert.Empty(t, doc.states[2].data)

	f["other.scxml"] = f["part.scxml"]
	p := mustFail(t, strings.Replace(source, "part", "other", 1), f.options())
	assert.Contains(t, p.Detail(), `part.scxml:1:76: error: the data "d" is declared twice`)
	assert.Contains(t, p.Detail(), "hint: the first is at line 1 of other.scxml")
}

// BenchmarkParseWorkflow parses a frame with a workflow of 80 states and eight
// libraries of 20 KB each.
func BenchmarkParseWorkflow(b *testing.B) {
	f := readFolder(b, "testdata/include/workflow")
	var flow strings.Builder
	flow.WriteString(orsHeader + `<state id="_entry" initial="$$_MY_PREFIX_$$.S0">`)
	for i := range 80 {
		fmt.Fprintf(&flow, `<state id="S%d"><onentry><log expr="'in S%d'"/><send event="'S%d.done'"><param name="resolveid" expr="_my_prefix"/></send></onentry>
<transition event="S%d.done" cond="_event.data.resolveid == _my_prefix" target="$$_MY_PREFIX_$$.S%d"/></state>`, i, i, i, i, (i+1)%80)
	}
	flow.WriteString(`</state></scxml>`)
	f["flow.scxml"] = flow.String()
	libraries := ""
	for i := range 8 {
		f[fmt.Sprintf("%d.js", i)] = strings.Repeat("// a line of a library of functions\n", 600)
		libraries += fmt.Sprintf(`<script><xi:include href="%d.js" parse="text"/></script>`, i)
	}
	main := []byte(strings.Replace(f["main.scxml"], "<script>", libraries+"<script>", 1))
	opts := f.options()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(context.Background(), main, opts); err != nil {
			b.Fatal(err)
		}
	}
}
