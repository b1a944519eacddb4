package scxmltest_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/scxml/scxmltest"
)

// printed is a testing.TB that prints what a failing test would say. A test has
// its own and needs none of this.
type printed struct{ testing.TB }

func (printed) Helper()                           {}
func (printed) Cleanup(func())                    {}
func (printed) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

const lamp = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0">
  <datamodel><data id="switched" expr="0"/></datamodel>
  <state id="off">
    <transition event="on" target="on"/>
  </state>
  <state id="on">
    <onentry>
      <assign location="switched" expr="switched + 1"/>
      <send event="saved" delay="10m"/>
    </onentry>
    <transition event="saved" target="off"/>
    <transition event="off" target="off"/>
  </state>
</scxml>`

func ExampleStart() {
	t := printed{} // the *testing.T of a test
	c := scxmltest.Start(t, scxmltest.Text(lamp, nil), nil)
	c.Send("on", nil)
	c.ExpectActive("on")
	c.Advance(10 * time.Minute)
	c.ExpectActive("off")
	c.ExpectData("switched", 1)
	fmt.Println(c.Entered())
	// Output: [off on off]
}

// A failing expectation tells what is wrong, where the chart is, and what has
// happened.
func ExampleSession_ExpectActive() {
	t := printed{}
	c := scxmltest.Start(t, scxmltest.Text(lamp, nil), nil)
	c.Send("on", nil)
	c.ExpectActive("off")
	// Output:
	// state "off" is not active
	//   active: on
	//   last taken: entry of state on at chart.scxml:6:3
	//       <state id="on">
	//       ^
	//   trace:
	//        0.000s  session-1  appl_begin      chart.scxml
	//        0.000s  session-1  state_enter     off  (chart.scxml:3:3)
	//   > send {"event":"on"}
	//        0.000s  session-1  event_queued    on
	//        0.000s  session-1  state_exit      off
	//        0.000s  session-1  transition      off -> on  (chart.scxml:4:5)
	//        0.000s  session-1  state_enter     on  (chart.scxml:6:3)
	//        0.000s  session-1  send            saved delay=10m0s
}

func ExampleCoverage() {
	t := printed{}
	var coverage scxmltest.Coverage // a variable of the test package, as a rule
	c := scxmltest.Start(t, scxmltest.Text(lamp, nil), &scxmltest.Options{Coverage: &coverage})
	c.Send("on", nil)
	if err := coverage.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// chart.scxml: 2 of 2 states entered (100%), 1 of 3 transitions taken (33%)
	//   chart.scxml:11:5: never taken: on: saved -> off
	//   chart.scxml:12:5: never taken: on: off -> off
}
