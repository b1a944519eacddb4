package session_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// answered counts the answers to <cancel>, in the manner of counting: each add
// cancels a send, each success cancels one that does not exist.
const answered = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" profile="ecmascript">
<datamodel><data id="adds" expr="0"/><data id="dropped" expr="0"/><data id="refused" expr="0"/></datamodel>
<state id="work">
  <transition event="add"><assign location="adds" expr="adds+1"/><send event="'late'" delay="'1h'" id="'x'"/><cancel sendid="'x'"/></transition>
  <transition event="cancel.successful" cond="_event.sendid == 'x' &amp;&amp; _event.data.sendid == 'x'"><script>dropped++</script><cancel sendid="'none'"/></transition>
  <transition event="error.notallowed" cond="_event.data.sendid == 'none'"><script>refused++</script></transition>
  <transition event="late"><script>dropped = 1000</script></transition>
  <transition event="end" target="f"/>
</state>
<final id="f"><donedata><content expr="adds+' '+dropped+' '+refused+' hi 3'"/></donedata></final>
</scxml>`

func TestCancelAnswers(t *testing.T) {
	b := newBench(t, nil)
	doc, err := scxml.Parse(t.Context(), []byte(answered), &scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}})
	require.NoError(t, err)
	id, err := b.Start(deadline(t), session.StartRequest{Document: doc})
	require.NoError(t, err)
	for range 3 {
		b.send(id, "add")
	}
	require.NoError(t, b.Settle(context.Background()))
	b.send(id, "end")
	require.Equal(t, counted, b.result(id).Data)
}

func TestCancelAnswersDurably(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			var done bool
			t.Run(fmt.Sprintf("after=%v/%d", after, n), func(t *testing.T) {
				f, _ := newFamily(t)
				doc, err := scxml.Parse(t.Context(), []byte(answered), &f.parse)
				require.NoError(t, err)
				f.boot(n, after)
				f.live(doc, 1)
				done = !f.store.dead() && f.store.left.Load() < 1<<29
				require.NoError(t, f.engine.Shutdown(deadline(t)))
			})
			if done || t.Failed() {
				break
			}
		}
	}
}
