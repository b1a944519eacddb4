package strategytest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/telephony/strategytest"
)

// printed is a testing.TB that prints what a failing test would say. A test has
// its own and needs none of this.
type printed struct{ testing.TB }

func (printed) Helper()                           {}
func (printed) Cleanup(func())                    {}
func (printed) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

const sales = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"
    xmlns:queue="http://www.genesyslab.com/modules/queue">
  <datamodel><data id="ixn"/><data id="req"/><data id="skill"/></datamodel>
  <state id="arriving">
    <transition event="interaction.added"><assign location="ixn" expr="_event.data.interactionid"/></transition>
    <transition event="interaction.onrouterequest" target="waiting"/>
  </state>
  <state id="waiting">
    <onentry>
      <queue:submit requestid="req" interactionid="ixn" timeout="30">
        <queue:targets><queue:target type="skill" skillexpr="skill + ' &gt; 5'"/></queue:targets>
      </queue:submit>
    </onentry>
    <transition event="queue.submit.done" target="routed"/>
    <transition event="error.queue.submit" target="nobody"/>
  </state>
  <final id="routed"/>
  <final id="nobody"/>
</scxml>`

func Example() {
	t := printed{} // the *testing.T of a test
	centre := strategytest.New(t, scxmltest.Text(sales, nil), &strategytest.Options{
		Params: map[string]string{"skill": "Sales"},
		Agents: []strategytest.Agent{{ID: "ann", Skills: map[string]int{"Sales": 8}, ReadyAfter: 10 * time.Second}},
	})
	call := centre.Call(strategytest.Caller{ANI: "0301234567"})
	call.ExpectActive("waiting")
	call.ExpectTargets("Sales > 5")
	fmt.Println("routed after", call.AdvanceUntilEntered("routed", time.Minute))
	call.ExpectRoutedTo("ann")

	late := centre.Call(strategytest.Caller{ANI: "0301234568"})
	centre.Advance(30 * time.Second)
	late.ExpectNotRouted()
	late.ExpectEvent("error.queue.submit", map[string]any{"error": "timeout"})
	late.ExpectFinal("nobody")
	// Output: routed after 10s
}

// The outcome of an action may be scripted.
func ExampleAnswer() {
	t := printed{}
	centre := strategytest.New(t, scxmltest.Text(sales, nil), &strategytest.Options{
		Answers: map[string]func(strategytest.Action) *strategytest.Reply{
			"queue:submit": strategytest.Answer(strategytest.Reply{Error: "remote", Description: "no licence", After: time.Second}),
		},
	})
	call := centre.Call(strategytest.Caller{})
	centre.Advance(time.Second)
	call.ExpectFinal("nobody")
	call.ExpectAction("queue:submit", map[string]any{"timeout": 30, "targets.target.type": "skill"})
	fmt.Println(call.Entered())
	// Output: [arriving waiting nobody]
}
