package scxml_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
)

// The same states in both dialects: scripts of states declare variables, read
// those of the states around them and call functions of the document.
const scopedStates = `
<datamodel><data id="total" expr="0"/></datamodel>
<script>function add(o, n) { o.sum += n; o.calls.push(n); if (o.calls.length > 8) o.calls = []; return o.sum; }</script>
<state id="flow" initial="a">
  <onentry><script>var App_A = {sum: 0, calls: []}, App_B = {sum: 0, calls: []}, mode = 'x';</script></onentry>
  <state id="a">
    <onentry><script>var step = 'a', local = {n: 1}; App_A.last = step + mode; total = add(App_A, local.n);</script></onentry>
    <transition event="t" cond="App_A.sum &gt; 0" target="b"><script>var moved = App_A.last; total++;</script></transition>
  </state>
  <state id="b">
    <onentry><script>var step = 'b', local = {n: 2}; App_B.last = step + mode; total = add(App_B, local.n);</script></onentry>
    <transition event="t" cond="App_B.sum &gt; 0" target="a"><assign location="total" expr="total + 1"/></transition>
  </state>
</state>
</scxml>`

// BenchmarkScopes: an event through scripts of states, in both dialects.
//
//	go test -bench Scopes -benchmem ./scxml
func BenchmarkScopes(b *testing.B) {
	for _, header := range []string{orsRoot, `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript" `} {
		doc := parse(b, header+">"+scopedStates, goja.New(nil))
		b.Run(doc.Dialect().String(), func(b *testing.B) {
			m, err := scxml.NewMachine(doc, nil)
			require.NoError(b, err)
			_, err = m.Start()
			require.NoError(b, err)
			ev := &scxml.Event{Name: "t"}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Handle(ev); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// workflow is a document of the shape and size that Composer generates: libraries,
// 80 states in two levels, scripts with variables of their own.
func workflow(dialect string) string {
	var s strings.Builder
	s.WriteString(dialect)
	s.WriteString(`name="Workflow" initial="_composer_entry"><datamodel>`)
	for i := range 30 {
		fmt.Fprintf(&s, `<data id="project_%d"/>`, i)
	}
	s.WriteString(`<data id="system" expr="{}"/></datamodel>`)
	for lib := range 8 {
		s.WriteString(`<script>`)
		for f := range 30 {
			fmt.Fprintf(&s, "function lib%d_%d(text, list) {\n  var out = [], i;\n  for (i = 0; i &lt; list.length; i++) {\n    if (list[i] != null &amp;&amp; list[i].toString().indexOf(text) >= 0) { out.push(list[i]); }\n  }\n  return out.length > 0 ? out.join(',') : 'lib%d_%d';\n}\n", lib, f, lib, f)
		}
		s.WriteString(`</script>`)
	}
	s.WriteString(`<state id="_composer_entry" initial="Block0"><onentry><script>`)
	for i := range 80 {
		fmt.Fprintf(&s, "var App_Block%d = {name: 'Block%d', result: undefined};\n", i, i)
	}
	s.WriteString(`</script></onentry>`)
	for i := range 80 {
		fmt.Fprintf(&s, `<state id="Block%d"><onentry><script>var previous = system.currentBlock; system.currentBlock = 'Block%d'; App_Block%d.result = previous;</script>
 <raise event="Block%d.done"/></onentry><transition event="Block%d.done" cond="App_Block%d.name == 'Block%d'" target="%s"/></state>`,
			i, i, i, i, i, i, i, map[bool]string{true: "Wait", false: fmt.Sprint("Block", i+1)}[i == 79])
	}
	s.WriteString(`<state id="Wait"><transition event="t"/></state></state></scxml>`)
	return s.String()
}

// BenchmarkWorkflow starts sessions that go through 80 states, and keeps them.
//
//	go test -bench Workflow -benchmem ./scxml
func BenchmarkWorkflow(b *testing.B) {
	language := goja.New(nil)
	for _, header := range []string{orsRoot, `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript" `} {
		source := workflow(header)
		doc := parse(b, source, language)
		b.Run("start/"+doc.Dialect().String(), func(b *testing.B) {
			var alive []*scxml.Machine
			before := heap()
			b.ReportAllocs()
			for b.Loop() {
				m, err := scxml.NewMachine(doc, nil)
				require.NoError(b, err)
				_, err = m.Start()
				require.NoError(b, err)
				alive = append(alive, m)
			}
			require.Equal(b, []string{"Wait"}, alive[0].Active())
			b.ReportMetric(float64(heap()-before)/float64(len(alive)), "heap-bytes/session")
		})
		b.Run("parse/"+doc.Dialect().String(), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(source)))
			for b.Loop() {
				_, err := scxml.Parse(context.Background(), []byte(source), &scxml.ParseOptions{Languages: []datamodel.Language{language}})
				require.NoError(b, err)
			}
		})
	}
}
