package fm_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// measure lets a connector tell how long things took.
func measure(t *testing.T, o *fm.Options) map[string][]time.Duration {
	all := map[string][]time.Duration{}
	var err error
	o.Services, err = fm.NewServices(&fm.ServicesOptions{Clock: o.Clock, Measure: func(counter, parameter string, d time.Duration) {
		assert.Empty(t, parameter)
		all[counter] = append(all[counter], d)
	}})
	require.NoError(t, err)
	return all
}

func TestSubmitIsMeasured(t *testing.T) {
	var measured map[string][]time.Duration
	w := newDeskWith(t, submitting(`<queue:submit requestid="req" interactionid="ixn">
		<queue:targets type="agent"><queue:target name="'ann'"/></queue:targets></queue:submit>`), func(o *fm.Options) { measured = measure(t, o) })
	w.call()
	w.clock.Advance(time.Minute)
	assert.Equal(t, map[string][]time.Duration{"urs-request-time": {0}}, measured, "a call that waits has not been redirected")
	w.ready("ann")
	w.clock.Advance(time.Second)
	assert.Len(t, measured["redirect-time"], 1)
	assert.Len(t, measured["urs-request-time"], 1)
}

func TestRedirectIsMeasured(t *testing.T) {
	var measured map[string][]time.Duration
	w := newWorld(t, strategy(`<state id="s">
  <transition event="interaction.onrouterequest"><ixn:redirect to="'4711'"/></transition>
  <transition event="error.interaction.redirect"><ixn:redirect to="'7001'"/></transition>
</state>`))
	w.reopen(func(o *fm.Options) { measured = measure(t, o) })
	w.call(sim.Caller{})
	w.clock.Advance(time.Minute)
	assert.Len(t, measured["redirect-time"], 2, "failures count too")
}
