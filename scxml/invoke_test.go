package scxml_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

const invoking = `<state id="a"><invoke id="x" src="x.scxml" autoforward="true"><finalize><log label="finalize"/></finalize></invoke>
	<transition event="again" target="a"/></state>`

// invocationsOf starts a machine that invokes x, and notes what is finalized.
func invocationsOf(t *testing.T) (m *scxml.Machine, finalized *int) {
	finalized = new(int)
	m = machine(t, chart(invoking), &scxml.MachineOptions{Log: func(scxml.LogEntry) { *finalized++ }})
	effects, err := m.Start()
	require.NoError(t, err)
	pos := scxml.Position{File: "document.scxml", Line: 1, Column: 93}
	require.Equal(t, []scxml.Effect{&scxml.Invoke{ID: "x", Serial: 1, Src: "x.scxml", Autoforward: true, Pos: pos}}, effects)
	return m, finalized
}

// What an earlier invocation with the same id has left in the queue is an event
// like any other: it neither ends the present invocation nor is it finalized.
func TestInvocationsWithTheSameID(t *testing.T) {
	m, finalized := invocationsOf(t)
	effects, err := m.Handle(&scxml.Event{Name: "again"})
	require.NoError(t, err)
	require.Len(t, effects, 3)
	require.Equal(t, uint64(1), effects[0].(*scxml.Forward).Serial)
	require.Equal(t, &scxml.CancelInvoke{ID: "x", Serial: 1}, effects[1])
	require.Equal(t, uint64(2), effects[2].(*scxml.Invoke).Serial)

	snapshot, err := m.Snapshot(nil)
	require.NoError(t, err)
	m, err = scxml.RestoreMachine(m.Document(), snapshot, &scxml.MachineOptions{Log: func(scxml.LogEntry) { *finalized++ }})
	require.NoError(t, err)

	effects, err = m.Handle(&scxml.Event{Name: "done.invoke.x", Type: datamodel.Platform, InvokeID: "x", InvokeSerial: 1})
	require.NoError(t, err)
	require.Len(t, effects, 1)
	require.Equal(t, uint64(2), effects[0].(*scxml.Forward).Serial)
	require.True(t, m.Invoked("x"))
	require.Zero(t, *finalized)

	_, err = m.Handle(&scxml.Event{Name: "done.invoke.x", Type: datamodel.Platform, InvokeID: "x", InvokeSerial: 2})
	require.NoError(t, err)
	require.False(t, m.Invoked("x"))
	require.Equal(t, 1, *finalized)

	effects, err = m.Handle(&scxml.Event{Name: "again"})
	require.NoError(t, err)
	require.Len(t, effects, 1)
	require.Equal(t, uint64(3), effects[0].(*scxml.Invoke).Serial, "serials are not used again after a restore")
}

// The last event ends an invocation, also when that is an error; an event that
// only has such a name does not.
func TestInvocationsEnd(t *testing.T) {
	for _, c := range []struct {
		event scxml.Event
		ends  bool
	}{
		{scxml.Event{Name: "done.invoke.x", Type: datamodel.Platform, InvokeID: "x"}, true},
		{scxml.Event{Name: "error.platform", Type: datamodel.Platform, InvokeID: "x", InvokeSerial: 1}, true},
		{scxml.Event{Name: "error.communication", Type: datamodel.Platform, InvokeID: "x", InvokeSerial: 1}, true},
		{scxml.Event{Name: "done.invoke.x", InvokeID: "x"}, false},
		{scxml.Event{Name: "error.platform", InvokeID: "x"}, false},
		{scxml.Event{Name: "error.platform", Type: datamodel.Platform}, false},
		{scxml.Event{Name: "done.invoke.x", Type: datamodel.Platform}, false},
		{scxml.Event{Name: "error.platform", Type: datamodel.Platform, InvokeID: "x", InvokeSerial: 7}, false},
	} {
		m, _ := invocationsOf(t)
		_, err := m.Handle(&c.event)
		require.NoError(t, err)
		require.Equal(t, !c.ends, m.Invoked("x"), "%+v", c.event)
		effects, err := m.Handle(&scxml.Event{Name: "other"})
		require.NoError(t, err)
		require.Equal(t, !c.ends, len(effects) == 1, "forwarded")
	}
}
