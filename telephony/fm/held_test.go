package fm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// switchEvents collects the names of the events at the routing point 5000.
func switchEvents(w *world) *[]string {
	names := &[]string{}
	w.link.Subscribe(func(e telephony.Event) {
		if a, ok := telephony.CallOf(e); ok && a.ThisDN == "5000" {
			*names = append(*names, e.Name())
		}
	})
	return names
}

// A document that starts with interaction.added asks before the switch does.
func TestAskedBeforeTheRouteRequest(t *testing.T) {
	w := newWorld(t, strategy(`<parallel>
<state id="a"><transition event="interaction.added">
    <dialog:playsound requestid="req" type="'ringback'" duration="60"/>
    <ixn:redirect to="'7001'" from="'5000'" detach="true"/></transition>
  <transition event="interaction.redirect.done"><log expr="'routed'"/></transition>
  <transition event="dialog.playsound.done" cond="_event.data.requestid == req"><log expr="'sound done'"/></transition>
  <transition event="interaction.deleted"><log expr="_event.data.resultof"/></transition>
  <transition event="error"><log expr="_event.name + ' ' + _event.data.error"/></transition></state></parallel>`))
	events := switchEvents(w)
	w.call(sim.Caller{})
	assert.Equal(t, []string{"EventQueued", "EventRouteRequest", "EventAttachedDataChanged", "EventTreatmentApplied",
		"EventRouteUsed", "EventDiverted"}, *events)
	w.expect("s1: routed", "s1: sound done", "s1: detach")
}

// Disconnect blocks are final states: the session is over when the switch asks.
func TestEndedBeforeTheRouteRequest(t *testing.T) {
	w := newWorld(t, strategy(`<state id="a"><transition event="interaction.added" target="end"/></state>
<final id="end"><onentry><ixn:terminate interactionid="_genesys.ixn.firstixnid" reason="'not now'"/></onentry></final>`))
	events := switchEvents(w)
	w.call(sim.Caller{})
	w.clock.Advance(time.Minute)
	assert.Equal(t, 1, w.ids, "sessions")
	assert.Contains(t, *events, "EventReleased")
}

// One arrival starts one session, the next one another.
func TestOneSessionPerArrival(t *testing.T) {
	w := newWorld(t, strategy(`<state id="a"><transition event="interaction.added" target="end"/></state><final id="end"/>`))
	w.call(sim.Caller{})
	w.clock.Advance(time.Second)
	assert.Equal(t, 1, w.ids, "sessions")
	w.call(sim.Caller{})
	assert.Equal(t, 2, w.ids, "sessions")
}
