package scxml_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
)

const orsRoot = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" profile="ecmascript" `

// TestMetricTrace compares with testdata/metric.golden.
func TestMetricTrace(t *testing.T) {
	const chart = orsRoot + `name="metric">
<datamodel><data id="n" expr="1"/></datamodel>
<state id="a">
  <onentry><log expr="'it\'s &lt;n> ' + n" label="L" level="2"/><raise event="in"/></onentry>
  <onexit><script>n = 2</script><cancel sendid="'none'"/></onexit>
  <transition event="in" cond="n &gt; 5" target="f"/>
  <transition event="in"><script>missing()</script></transition>
  <transition event="go" target="p"/>
</state>
<parallel id="p"><state id="q"><onentry><x:act xmlns:x="urn:x"/></onentry></state>
  <transition event="error.queue.submit" target="f"/></parallel>
<final id="f"/>
</scxml>`
	doc, err := scxml.Parse(context.Background(), []byte(chart), &scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}})
	require.NoError(t, err)
	var out strings.Builder
	trace := scxml.MetricTrace(&out, "A1")
	m, err := scxml.NewMachine(doc, &scxml.MachineOptions{SessionID: "A1", Trace: trace})
	require.NoError(t, err)
	trace.Document(scxml.DocumentTrace{URL: "http://host/a.scxml", Duration: 12 * time.Millisecond})
	_, err = m.Start()
	require.NoError(t, err)
	_, err = m.Handle(&scxml.Event{Name: "go"})
	require.NoError(t, err)
	_, err = m.Handle(&scxml.Event{Name: "error.queue.submit", Data: datamodel.NewObject(datamodel.Member{Name: "description", Value: strings.Repeat("é", 200)})})
	require.NoError(t, err)
	require.True(t, m.Done())
	golden := "testdata/metric.golden"
	if *scxml.Update {
		require.NoError(t, os.WriteFile(golden, []byte(out.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), out.String())
}

// TestBothDialects runs the same strategy in both dialects: where it leads does
// not depend on the dialect.
func TestBothDialects(t *testing.T) {
	const strategy = `
<datamodel><data id="calls" expr="0"/><data id="log" expr="[]"/></datamodel>
<script>function vip(e) { return e.data.level > 3; }</script>
<state id="wait">
  <datamodel><data id="last"/></datamodel>
  <transition event="call" cond="vip(_event)" target="fast"><script>calls++; last = _event.data.ani;</script></transition>
  <transition event="call" target="slow"><assign location="calls" expr="calls + 1"/><assign location="last" expr="_event.data.ani"/></transition>
  <transition event="error.execution" target="failed"/>
  <transition event="break"><script>nothing.at.all</script></transition>
</state>
<state id="fast" initial="fast1">
  <state id="fast1"><onentry><raise event="step"/></onentry><transition event="step" target="fast2"/></state>
  <final id="fast2"><donedata><param name="who" expr="last"/></donedata></final>
  <transition event="done.state.fast" cond="_event.data.who == last" target="wait"><script>log.push(_event.data.who);</script></transition>
</state>
<parallel id="slow">
  <state id="music" initial="m1"><state id="m1"><transition event="answer" target="m2"/></state><final id="m2"/></state>
  <state id="search" initial="s1"><state id="s1"><transition event="answer" cond="In('m1')" target="s2"/></state><final id="s2"/></state>
  <transition event="done.state.slow" target="wait"/>
</parallel>
<final id="failed"><donedata><param name="calls" expr="calls"/></donedata></final>
</scxml>`
	events := []*scxml.Event{
		call("1", 5), call("2", 1), {Name: "answer"}, call("3", 4), {Name: "unknown"}, {Name: "break"},
	}
	for _, language := range languages() {
		traces := map[string]string{}
		for _, header := range []string{orsRoot, `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript" `} {
			doc := parse(t, header+">"+strategy, language.Language)
			var out strings.Builder
			full := textTrace(&out)
			m, err := scxml.NewMachine(doc, &scxml.MachineOptions{Trace: &scxml.Trace{Enter: full.Enter, Exit: full.Exit, Transition: full.Transition}})
			require.NoError(t, err)
			_, err = m.Start()
			require.NoError(t, err)
			for _, ev := range events {
				_, err = m.Handle(ev)
				require.NoError(t, err)
			}
			require.True(t, m.Done())
			calls, _ := m.DoneData().(*datamodel.Object).Get("calls")
			assert.Equal(t, 3.0, calls)
			traces[doc.Dialect().String()] = out.String()
		}
		assert.Equal(t, traces["W3C"], traces["ORS"], language.engine)
		assert.Contains(t, traces["ORS"], "enter failed")
	}
}

// An exception of an included workflow goes on with the variables of the workflow.
func TestExceptionOfAWorkflow(t *testing.T) {
	const part = orsRoot + `>
 <state id="_composer_entry" initial="$$_MY_PREFIX_$$.Entry">
  <onentry><log expr="'declare'"/><script>var tries = 0;</script></onentry>
  <transition event="trouble" target="$$_MY_PREFIX_$$.Handle"><script>tries += 10;</script></transition>
  <transition event="afresh" type="external" target="$$_MY_PREFIX_$$.Handle"/>
  <state id="Entry"><onentry><script>tries++;</script></onentry></state>
  <state id="Handle"><onentry><log expr="'handle ' + tries"/></onentry></state>
  <state id="SwitchedOff"/>
 </state></scxml>`
	const main = orsRoot + `xmlns:xi="http://www.w3.org/2001/XInclude">
 <state id="frame"><xi:include href="part.scxml" parse="xml" resolveid="W" xpointer="_composer_entry"/>
  <transition event="again" target="W._composer_entry"/></state></scxml>`
	doc, err := scxml.Parse(t.Context(), []byte(main), &scxml.ParseOptions{URL: "http://host/main.scxml", Languages: []datamodel.Language{goja.New(nil)},
		Fetch: func(context.Context, string, int64) ([]byte, error) { return []byte(part), nil }})
	require.NoError(t, err)
	assert.Empty(t, doc.Warnings())
	var logs []string
	m, err := scxml.NewMachine(doc, &scxml.MachineOptions{Log: func(e scxml.LogEntry) { logs = append(logs, e.Text) }})
	require.NoError(t, err)
	_, err = m.Start()
	require.NoError(t, err)
	for _, name := range []string{"trouble", "trouble", "afresh", "again"} {
		_, err = m.Handle(&scxml.Event{Name: name})
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"declare", "handle 11", "handle 21", "declare", "handle 0", "declare"}, logs)
}

func call(ani string, level float64) *scxml.Event {
	return &scxml.Event{Name: "call", Data: datamodel.NewObject(datamodel.Member{Name: "ani", Value: ani}, datamodel.Member{Name: "level", Value: level})}
}

// The last of the current states is the innermost, also beside a branch that
// stands behind it in the document.
func TestInnermostState(t *testing.T) {
	doc, err := scxml.Parse(t.Context(), []byte(orsRoot+`><parallel id="p">
 <state id="work" initial="block"><state id="block" initial="step"><state id="step">
  <onentry><log expr="__GetCurrentStates().join()"/></onentry>
  <transition event="go"><log expr="__GetCurrentStates().join()"/></transition></state></state></state>
 <state id="handler"/></parallel></scxml>`), &scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}})
	require.NoError(t, err)
	var logs []string
	m, err := scxml.NewMachine(doc, &scxml.MachineOptions{Log: func(e scxml.LogEntry) { logs = append(logs, e.Text) }})
	require.NoError(t, err)
	_, err = m.Start()
	require.NoError(t, err)
	_, err = m.Handle(&scxml.Event{Name: "go"})
	require.NoError(t, err)
	assert.Equal(t, []string{"p,work,block,step", "p,work,handler,block,step"}, logs)
}

// TestIncludedScopes includes one part twice, in parallel branches, with scripts,
// ES2015 declarations, nested parts and _my_prefix.
func TestIncludedScopes(t *testing.T) {
	files := map[string]string{
		"lib.js": "var libraryLoaded = true;\nfunction describe(o) { return o.name + '/' + typeof block; }",
		"part.scxml": orsRoot + `xmlns:xi="http://www.w3.org/2001/XInclude">
 <state id="_composer_entry" initial="$$_MY_PREFIX_$$.Entry">
  <onentry><script>const block = {name: _my_prefix}; let count = 0; var App_Entry = {}; function mine() { return block.name + count; }</script></onentry>
  <state id="Entry">
   <onentry><script>count++; App_Entry['text'] = describe(block) + ' ' + mine() + ' ' + {_my_prefix}._my_prefix;</script>
    <send event="'Entry.done'" target="'_internal'"><param name="resolveid" expr="_my_prefix"/></send></onentry>
   <transition event="Entry.done" cond="_event.data.resolveid == _my_prefix" target="$$_MY_PREFIX_$$.Sub"/>
  </state>
  <state id="Sub"><xi:include href="sub.scxml" parse="xml" resolveid="Inner" xpointer="_composer_entry"/>
   <transition event="done.state.$$_MY_PREFIX_$$.Inner._composer_entry" target="$$_MY_PREFIX_$$.Final"><log expr="App_Entry.text + ' ' + _event.data.inner"/></transition></state>
  <final id="Final"/>
 </state></scxml>`,
		"sub.scxml": orsRoot + `>
 <state id="_composer_entry" initial="$$_MY_PREFIX_$$.End">
  <onentry><script>var block = 'inner of ' + _my_prefix + ' in ' + count; count += 10;</script></onentry>
  <final id="End"><donedata><param name="inner" expr="block"/></donedata></final>
 </state></scxml>`,
	}
	const main = orsRoot + `xmlns:xi="http://www.w3.org/2001/XInclude">
 <script><xi:include href="lib.js" parse="text"/></script>
 <parallel id="all">
  <onentry><log expr="'[' + _my_prefix + '] ' + libraryLoaded"/></onentry>
  <state id="one"><xi:include href="part.scxml" parse="xml" resolveid="A" xpointer="_composer_entry"/></state>
  <state id="two"><xi:include href="part.scxml" parse="xml" resolveid="B" xpointer="_composer_entry"/></state>
  <transition event="again" target="all"/>
 </parallel></scxml>`
	fetch := func(_ context.Context, url string, _ int64) ([]byte, error) {
		if text, ok := files[filepath.Base(url)]; ok {
			return []byte(text), nil
		}
		return nil, os.ErrNotExist
	}
	doc, err := scxml.Parse(context.Background(), []byte(main), &scxml.ParseOptions{URL: "http://host/main.scxml", Languages: []datamodel.Language{goja.New(nil)}, Fetch: fetch})
	require.NoError(t, err)
	var logs []string
	opts := &scxml.MachineOptions{Log: func(e scxml.LogEntry) { logs = append(logs, e.Text) }}
	m, err := scxml.NewMachine(doc, opts)
	require.NoError(t, err)
	_, err = m.Start()
	require.NoError(t, err)
	want := []string{
		"[] true",
		"A/undefined A1 A inner of A.Inner in 1",
		"B/undefined B1 B inner of B.Inner in 1",
	}
	require.Equal(t, want, logs)

	saved, err := m.Snapshot(nil)
	require.NoError(t, err)
	m, err = scxml.RestoreMachine(doc, saved, opts)
	require.NoError(t, err)
	logs = nil
	_, err = m.Handle(&scxml.Event{Name: "again"})
	require.NoError(t, err)
	require.Equal(t, want, logs, "let and const are declared again")
	require.Empty(t, doc.Warnings())
}

// TestDocumentLimits: what a document asks for counts within what the host allows.
func TestDocumentLimits(t *testing.T) {
	const loop = `<datamodel><data id="n" expr="0"/></datamodel><state id="a"><transition cond="n &lt; 20000" target="a"><script>n++</script></transition></state></scxml>`
	for _, c := range []struct {
		attrs string
		host  int
		most  int64 // 0: it ends
	}{
		{`_stateEntryLimit="100000"`, 0, scxml.DefaultMicrosteps},
		{`_microStepLimit="30000" _stateEntryLimit="100000"`, 0, 0},
		{`_microStepLimit="50"`, 0, 50},
		{`_microStepLimit="50"`, 20, 20},
		{`_microStepLimit="50"`, 80, 50},
		{`_microStepLimit="50"`, -1, 50},
	} {
		doc := parse(t, orsRoot+c.attrs+`>`+loop, goja.New(nil))
		m, err := scxml.NewMachine(doc, &scxml.MachineOptions{Limits: scxml.Limits{Microsteps: c.host}})
		require.NoError(t, err)
		_, err = m.Start()
		if c.most == 0 {
			require.NoError(t, err, c)
			continue
		}
		var limit *scxml.LimitError
		require.ErrorAs(t, err, &limit, c)
		require.Equal(t, c.most, limit.Max, c)
	}
	doc := parse(t, orsRoot+`_persist="false" _processEventTimeout="20"><state id="a"><onentry><script>for (;;);</script></onentry></state></scxml>`, goja.New(nil))
	require.False(t, doc.Persist())
	m, err := scxml.NewMachine(doc, nil)
	require.NoError(t, err)
	begun := time.Now()
	_, err = m.Start()
	require.ErrorIs(t, err, scxml.ErrLimit)
	require.Less(t, time.Since(begun), datamodel.DefaultTime)
	require.True(t, parse(t, orsRoot+`><state/></scxml>`, goja.New(nil)).Persist())
}

// TestScopeNames: names that belong to the language, functions that outlive their
// state, let and const at the top, variables of foreach and of included text.
func TestScopeNames(t *testing.T) {
	const chart = orsRoot + `>
<datamodel><data id="kept"/><data id="out" expr="[]"/></datamodel>
<script>var i = 'document'; function upper(s) { return escape(s); }</script>
<state id="a">
  <onentry>
    <script>var escape = 'mine', Math = {max: 1}, x$2 = 'taken', _event = 'own';</script>
    <foreach array="[1, 2]" item="i" index="at"><script>out.push(i + ':' + at)</script></foreach>
    <script>var x = 'a'; kept = function () { return x; }; out.push(escape, Math.max, upper('ü'), kept(), _event)</script>
  </onentry>
  <transition event="go" target="b"/>
</state>
<state id="b">
  <onentry><script>var x = 'b'; out.push(x, typeof kept(), typeof escape, Math.max(1, 2), i, at, _event.name)</script></onentry>
</state></scxml>`
	for _, language := range languages() {
		doc := parse(t, chart, language.Language)
		m, err := scxml.NewMachine(doc, nil)
		require.NoError(t, err)
		_, err = m.Start()
		require.NoError(t, err)
		_, err = m.Handle(&scxml.Event{Name: "go"})
		require.NoError(t, err)
		out, err := m.Get("out")
		require.NoError(t, err)
		require.Equal(t, `["1:0","2:1","mine",1,"%FC","a","own","b","undefined","function",2,2,1,"go"]`, string(datamodel.EncodeJSON(out)), language.engine)
	}
}

// TestLibrariesTwice: a document may contain a library more than once, and libraries
// may share a name.
func TestLibrariesTwice(t *testing.T) {
	const library = `<script>const LIMIT = 3; let count = 0, {a, b = 'b'} = {a: 'a'};
function limit() { return LIMIT + a + b; }
function next() { return ++count; }
function both() { return limit() + count; }
function unused() { return new Point(); }
</script>`
	const chart = orsRoot + `>
<datamodel><data id="out" expr="[]"/></datamodel>` + library + library + `
<script>const LIMIT = 4, OTHER = 'other'; class Point { twice() { return 2; } } function other() { return OTHER; }</script>
<script>class Point { twice() { return 4; } }; out.push(new Point().twice(), typeof unused()); Point = null;</script>
<state id="a">
  <onentry><script>out.push(limit(), next(), next(), other());</script></onentry>
  <transition event="go"><script>LIMIT = 5; out.push(both(), next(), eval('LIMIT'))</script></transition>
</state></scxml>`
	for _, save := range []bool{false, true} {
		doc := parse(t, chart, goja.New(nil))
		require.Empty(t, doc.Warnings())
		opts := &scxml.MachineOptions{}
		m, err := scxml.NewMachine(doc, opts)
		require.NoError(t, err)
		_, err = m.Start()
		require.NoError(t, err)
		if save {
			m = restored(t, m, opts)
		}
		_, err = m.Handle(&scxml.Event{Name: "go"})
		require.NoError(t, err)
		out, err := m.Get("out")
		require.NoError(t, err)
		require.Equal(t, `[4,"object","4ab",1,2,"other","5ab2",3,5]`, string(datamodel.EncodeJSON(out)), "saved: %v", save)
	}
}

// Text for eval finds the variables of the state whose script has the call, by the names
// that the author gave them.
func TestEvalInScopes(t *testing.T) {
	const part = orsRoot + `>
 <state id="_composer_entry" initial="$$_MY_PREFIX_$$.Ask">
  <onentry><script>var App_T = {requestid: _my_prefix + '1'}, n = 0;</script></onentry>
  <state id="Ask">
   <onentry>
    <script>var block = 'T'; n = eval('n + 1'); eval("n = n + 1; var App_T2 = 'own'");</script>
    <log expr="eval('App_' + block + '.requestid') + n + typeof App_T2"/>
    <script>__Log((function () { return eval('block + _my_prefix + App_T.requestid') })())</script>
    <script>if (INNER) __Log((function () { var App_T = 'local'; return eval('App_T + block') })())</script>
   </onentry>
   <transition event="next" target="$$_MY_PREFIX_$$.End"/>
  </state>
  <final id="End"/>
 </state></scxml>`
	const main = orsRoot + `xmlns:xi="http://www.w3.org/2001/XInclude"><script>var INNER = false; function outside(s) { return eval(s) }</script>
 <state id="A"><xi:include href="part.scxml" parse="xml" resolveid="A" xpointer="_composer_entry"/><transition event="done.state.A._composer_entry" target="B"/></state>
 <state id="B"><xi:include href="part.scxml" parse="xml" resolveid="B" xpointer="_composer_entry"/><transition event="done.state.B._composer_entry" target="C"/></state>
 <state id="C"><onentry><log expr="outside('typeof App_T')"/></onentry></state></scxml>`
	for _, language := range languages() {
		want := []string{"A12string", "TAA1", "B12string", "TBB1", "undefined"}
		source := main
		if language.engine == "goja" { // the eval of otto does not see what is inside functions
			source = strings.Replace(main, "INNER = false", "INNER = true", 1)
			want = []string{"A12string", "TAA1", "localT", "B12string", "TBB1", "localT", "undefined"}
		}
		doc, err := scxml.Parse(t.Context(), []byte(source), &scxml.ParseOptions{URL: "http://host/main.scxml", Languages: []datamodel.Language{language.Language},
			Fetch: func(context.Context, string, int64) ([]byte, error) { return []byte(part), nil }})
		require.NoError(t, err)
		var logs []string
		m, err := scxml.NewMachine(doc, &scxml.MachineOptions{Log: func(e scxml.LogEntry) { logs = append(logs, e.Text) }})
		require.NoError(t, err)
		_, err = m.Start()
		require.NoError(t, err)
		for range 2 {
			_, err = m.Handle(&scxml.Event{Name: "next"})
			require.NoError(t, err)
		}
		assert.Equal(t, want, logs, language.engine)
	}
}
