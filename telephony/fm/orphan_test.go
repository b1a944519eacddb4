package fm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// The session that ends with its call does so after such a transfer, too.
func TestSessionEndsAfterTransferOutOfSight(t *testing.T) {
	w := newWorld(t, strategy(`<state id="s">
  <transition event="interaction.onrouterequest"><ixn:redirect to="'7001'"/></transition>
  <transition event="go"><ixn:singlesteptransfer to="'9000'"/></transition>
  <transition event="interaction.deleted" target="end"/></state><final id="end"/>`))
	w.call(sim.Caller{})
	w.clock.Advance(5 * time.Second)
	w.does("s1", "go")
	assert.Equal(t, 1, w.engine.Len())
	w.clock.Advance(time.Minute)
	assert.Zero(t, w.engine.Len())
}

// A call that is transferred to a DN that is not registered ends for its session,
// and leaves nothing behind.
func TestTransferOutOfSight(t *testing.T) {
	for name, actions := range map[string]map[string]string{
		"single step": {"begin": `<ixn:singlesteptransfer to="'9001'"/>`},
		"two steps": {
			"begin":    `<ixn:initiatetransfer to="'9001'"/>`,
			"complete": `<ixn:completetransfer/>`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := talking(t, actions)
			require.NoError(t, w.sw.AddExtension("9001", sim.Extension{}))
			w.does("s1", "begin")
			if actions["complete"] != "" {
				w.does("s1", "complete")
			}
			assert.NotContains(t, w.said(""), `s1: i.deleted {"id":"ONE"}`)
			w.log = nil
			w.clock.Advance(9 * time.Second)
			assert.Empty(t, w.said(""))
			w.clock.Advance(time.Second)
			assert.Contains(t, w.said(""), `s1: i.deleted {"id":"ONE"}`)
			w.says("s1", "count", "s1: 0 ")
		})
	}
}

// One that appears at another DN in time goes on.
func TestTransferInSight(t *testing.T) {
	w := talking(t, map[string]string{"transfer": `<ixn:singlesteptransfer to="'7002'"/>`})
	w.does("s1", "transfer")
	w.clock.Advance(11 * time.Second)
	w.says("s1", "count", "s1: 1 1: 7002/connected")
}

// An event that ends a party under the ConnID that its call had before a merge counts, even when
// it comes after the merge.
func TestPartyThatLeftBeforeTheMerge(t *testing.T) {
	w := talking(t, map[string]string{"begin": `<ixn:initiatetransfer to="'5001'"/>`, "complete": `<ixn:completetransfer/>`})
	w.does("s1", "begin")
	w.says("s1", "count", "s1: 2 1: 7001/held | 2: 7001/dialing,5001/queued")
	w.sw.Server("").SetFate(func(e telephony.Event) sim.Fate {
		switch e.(type) {
		case *telephony.EventDiverted, *telephony.EventRouteUsed:
			return sim.Fate{Delay: 5 * time.Second}
		}
		return sim.Fate{}
	})
	other := w.sw.Connect()
	defer func() { require.NoError(t, other.Close()) }()
	w.clock.Advance(0)
	other.Send(&telephony.RequestRegisterAddress{ThisDN: "5001"}, nil)
	other.Send(&telephony.RequestRouteCall{ThisDN: "5001", ConnID: 0x0001000000000002, Destination: "7002"}, nil)
	w.clock.Advance(0)
	w.does("s1", "complete")
	w.says("s1", "count", "s1: 1 1: 5001/queued,7002/connected")
	w.clock.Advance(5 * time.Second)
	w.log = nil
	require.NoError(t, w.sw.HangUp(0x0001000000000001))
	w.clock.Advance(0)
	assert.Contains(t, w.said(""), `s1: i.deleted {"id":"ONE"}`)
	w.says("s1", "count", "s1: 0 ")
}
