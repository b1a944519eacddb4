package scxml_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// TestORSRun runs the actions that the ORS dialect reads in its own way.
func TestORSRun(t *testing.T) {
	const chart = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" profile="ecmascript">
 <state id="a">
  <datamodel>
   <data id="id" expr="'none'"/>
   <data id="who" expr="'nobody'"/>
   <data id="where" expr="'_internal'"/>
   <data id="other" expr="'b7'"/>
  </datamodel>
  <onentry>
   <log expr="who"/>
   <send event="'tick'" delay="'2s'" idlocation="id"/>
   <send event="'hello'" target="where"><param name="n" expr="1"/></send>
   <send event="'far'" target="other"/>
   <raise event="started"><param name="interactionid" expr="'ixn-' + who"/></raise>
   <cancel sendid="id"/>
  </onentry>
  <transition event="hello"><log expr="_event.name + _event.type + _event.data.n" label="sent" level="3"/></transition>
  <transition event="started" target="end"><log expr="_event.data.interactionid" level="2"/></transition>
 </state>
 <final id="end"/>
</scxml>`
	for _, language := range languages() {
		t.Run(language.engine, func(t *testing.T) {
			doc, err := scxml.Parse(context.Background(), []byte(chart), &scxml.ParseOptions{Languages: []datamodel.Language{language.Language}})
			require.NoError(t, err)
			var logs []scxml.LogEntry
			m, err := scxml.NewMachine(doc, &scxml.MachineOptions{
				Params:    datamodel.NewObject(datamodel.Member{Name: "who", Value: "Ada"}),
				CheckSend: func(*scxml.Send) error { return nil },
				Log:       func(e scxml.LogEntry) { e.Pos = scxml.Position{}; logs = append(logs, e) },
			})
			require.NoError(t, err)
			defer m.Close()
			effects, err := m.Start()
			require.NoError(t, err)
			require.True(t, m.Done())
			assert.Equal(t, []scxml.LogEntry{
				{Text: "Ada", Level: 1},
				{Label: "sent", Text: "hellointernal1", Level: 3},
				{Text: "ixn-Ada", Level: 2},
			}, logs)
			require.Len(t, effects, 3)
			tick := effects[0].(*scxml.Send)
			assert.Equal(t, 2*time.Second, tick.Delay)
			assert.Equal(t, "#_scxml_b7", effects[1].(*scxml.Send).Target)
			assert.Equal(t, &scxml.Cancel{SendID: tick.ID, Answer: true}, effects[2])
		})
	}
}
