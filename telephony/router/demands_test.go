package router_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony/router"
)

// Who has something else to do does not get what is for somebody alone, whatever
// his capacity.
func TestAlone(t *testing.T) {
	f := newFloor(t, router.Options{})
	require.NoError(t, f.SetAgent(router.Agent{ID: "ann", DN: "7001", Capacity: router.Capacity{Total: 2}}))
	f.state("ann", router.Ready)
	require.NoError(t, f.AddInteraction("ann", "email", "m1"))
	alone := func(r *router.Request) { r.Alone = true }
	f.submit("alone", "ann@.A", alone)
	f.clock.Advance(0)
	assert.Empty(t, f.log)
	require.NoError(t, f.RemoveInteraction("ann", "m1"))
	f.clock.Advance(0)
	assert.Equal(t, []string{"alone: ann"}, f.log)
	f.submit("again", "ann@.A", alone) // she is reserved
	f.clock.Advance(0)
	assert.Len(t, f.log, 1)
}

// The same holds for groups, of which the index of a media knows who is free.
func TestAloneInAGroup(t *testing.T) {
	f := newFloor(t, router.Options{})
	for _, id := range []string{"ann", "bob"} {
		require.NoError(t, f.SetAgent(router.Agent{ID: id, DN: "70" + id, Skills: map[string]int{"English": 1}, Capacity: router.Capacity{Total: 2}}))
		f.state(id, router.Ready)
		f.clock.Advance(time.Second)
	}
	require.NoError(t, f.AddInteraction("ann", "email", "m1"))
	f.submit("alone", "?:English > 0@.GA", func(r *router.Request) { r.Alone = true })
	f.clock.Advance(0)
	assert.Equal(t, []string{"alone: bob"}, f.log)
}

// Agents are reached at a number of another type; who has none is passed over.
func TestNumbersOfAgents(t *testing.T) {
	f := newFloor(t, router.Options{})
	f.agent("ann", "7001", nil)
	require.NoError(t, f.SetAgent(router.Agent{ID: "bob", DN: "7002", Switch: "sw", DNs: map[int]string{9: "0171 1"}}))
	f.state("bob", router.Ready)
	targets, err := router.ParseTargets("ann@.A, bob@.A")
	require.NoError(t, err)
	var got router.Selection
	_, err = f.Submit(router.Request{Targets: targets, DNType: 9}, func(s router.Selection, err error) {
		assert.NoError(t, err)
		got = s
	})
	require.NoError(t, err)
	f.clock.Advance(0)
	assert.Equal(t, "bob 0171 1 sw", got.Agent+" "+got.DN+" "+got.Switch)
}
