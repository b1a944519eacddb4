package fm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony/sim"
)

// One operation is a whole call: queued, played to, routed, answered, released,
// with its session from start to end. Switch and engine are part of it.
func BenchmarkRoutedCall(b *testing.B) {
	w := newWorld(b, strategy(`<state id="s">
  <transition event="interaction.onrouterequest"><dialog:play requestid="req"><dialog:prompts><dialog:prompt intid="1"/></dialog:prompts></dialog:play></transition>
  <transition event="dialog.play.done" cond="_event.data.requestid == req"><ixn:redirect to="'7001'"/></transition>
  <transition event="interaction.deleted" target="end"/></state><final id="end"/>`))
	b.ReportAllocs()
	for b.Loop() {
		_, err := w.sw.Call("5000", sim.Caller{})
		require.NoError(b, err)
		w.clock.Advance(2 * time.Minute)
	}
	require.Zero(b, w.engine.Len())
}
