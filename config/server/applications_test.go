package server_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
)

// getConfigOption begins at the DN of the interaction, on the switch of the link.
func TestOptionsFromTheInteraction(t *testing.T) {
	w := newWorld(t)
	w.files["strategies/first.scxml"] = &fstest.MapFile{Data: []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
 <state id="waiting">
  <transition event="interaction.onrouterequest" target="read"/>
 </state>
 <state id="read"><onentry><log expr="(function (S, id) {
   return [S.getConfigOption(id, 'color', -1), S.getConfigOption(id, 'color', S.lookupseq.StartFromCDN), S.getConfigOption(id, 'color', S.lookupseq.StartFromTserver),
    '[' + S.getConfigOption('unknown', 'color', -1) + ']', '[' + S.getConfigOption('', 'color', -1) + ']'].join(' ')
  })(_genesys.session, _event.data.interactionid)"/></onentry></state>
</scxml>`)}
	w.write("more.yaml", `
switches: [{name: Other, tServer: TServer_Other}]
dns: [{number: "5000", switch: Other, type: RoutingPoint, annex: {Own: {color: green}}}]
applications: [{name: TServer_Other, type: TServer}]
`)
	w.write("applications.yaml", applications)
	w.config("ORS_1")
	w.replace("site.yaml", "application: script:Sales}", "application: script:Sales}, Own: {color: red}", "ApplicationParms:", "Own: {color: blue}\n      ApplicationParms:")
	w.replace("applications.yaml", "type: TServer, ", "type: TServer, options: {Own: {color: black}}, ")
	w.start()
	w.call("5000")
	assert.Equal(t, "blue red black [] []\n", w.said.String(), w.log.String())
}
