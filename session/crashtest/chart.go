package crashtest

import (
	"context"
	"fmt"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
)

// The numbers that the chart works with.
const (
	ticks     = 5  // how often the timer fires
	lateEvery = 10 // every so many events there is an effect that is delayed
)

// chart counts what it does. What a step enters in the ledger depends on chance, and on the
// step before it, so that a step that is taken again does not look like the first time.
const chart = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript" initial="work">
<datamodel>
  <data id="seen" expr="[]"/><data id="before" expr="0"/><data id="now" expr="0"/>
  <data id="echoes" expr="0"/><data id="ticks" expr="0"/><data id="hellos" expr="0"/><data id="kids" expr="0"/>
</datamodel>
<state id="work">
  <onentry><send event="tick" delay="40ms"/></onentry>
  <invoke type="scxml" id="kid"><content>
    <scxml version="1.0" datamodel="ecmascript"><state id="x">
      <onentry><send target="#_parent" event="hello"/></onentry>
      <transition event="poke" target="f"/></state>
      <final id="f"><donedata><param name="n" expr="1"/></donedata></final></scxml>
  </content></invoke>
  <transition event="step">
    <assign location="now" expr="Math.random()"/>
    <script>seen.push(_event.data.n)</script>
    <send type="ledger" event="step">
      <param name="n" expr="_event.data.n"/><param name="before" expr="before"/><param name="now" expr="now"/>
    </send>
    <assign location="before" expr="now"/>
    <send event="echo"/>
    <if cond="_event.data.n % 10 == 0"><send type="ledger" event="late" delay="20ms"><param name="n" expr="_event.data.n"/></send></if>
    <if cond="seen.length == 3"><send target="#_kid" event="poke"/></if>
  </transition>
  <transition event="echo"><assign location="echoes" expr="echoes + 1"/></transition>
  <transition event="hello"><assign location="hellos" expr="hellos + 1"/></transition>
  <transition event="done.invoke.kid"><assign location="kids" expr="kids + _event.data.n"/></transition>
  <transition event="tick">
    <assign location="ticks" expr="ticks + 1"/>
    <send type="ledger" event="tick"><param name="n" expr="ticks"/></send>
    <if cond="ticks &lt; 5"><send event="tick" delay="40ms"/></if>
  </transition>
  <state id="open"><transition event="close" target="closing"/></state>
  <state id="closing"><transition cond="echoes == seen.length &amp;&amp; ticks == 5 &amp;&amp; hellos == 1 &amp;&amp; kids == 1" target="closed"/></state>
  <state id="closed">
    <onentry><send event="leave" delay="60ms"/></onentry>
    <transition event="leave" target="end"/>
  </state>
  <transition event="give.up" target="end"/>
</state>
<final id="end"><onentry>
  <send type="ledger" event="bye">
    <param name="seen" expr="seen"/><param name="echoes" expr="echoes"/><param name="ticks" expr="ticks"/>
    <param name="hellos" expr="hellos"/><param name="kids" expr="kids"/>
  </send>
</onentry></final>
</scxml>`

// parseOptions are those by which the chart is read, also the part of it that is invoked.
func parseOptions() scxml.ParseOptions {
	return scxml.ParseOptions{URL: "crashtest.scxml", Languages: []datamodel.Language{goja.New(nil)}}
}

func parseChart() (*scxml.Document, error) {
	opts := parseOptions()
	doc, err := scxml.Parse(context.Background(), []byte(chart), &opts)
	if err != nil {
		return nil, fmt.Errorf("crashtest: %w", err)
	}
	return doc, nil
}
