package scxml_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
)

// TestTransitionStyle has transitions that cannot be taken together.
func TestTransitionStyle(t *testing.T) {
	const states = `
<parallel id="p">
 <state id="outer"><transition event="inner" target="left"/><transition event="count" target="end"/><transition event="stay"><log expr="'outer stays'"/></transition></state>
 <state id="region" initial="a">
  <state id="a"><transition event="inner" target="b"/><transition event="count"><log expr="'counted'"/></transition><transition event="stay"><log expr="'a stays'"/></transition></state>
  <state id="b"/>
  <transition event="inner" target="end"/>
 </state>
</parallel>
<state id="left"/><state id="end"/></scxml>`
	for _, c := range []struct {
		style, event string
		active, logs []string
	}{
		{"standard", "inner", []string{"left"}, nil},
		{"legacy", "inner", []string{"left"}, nil},
		{"standard", "count", []string{"end"}, []string{"counted"}},
		{"legacy", "count", []string{"end"}, nil},
		{"standard", "stay", []string{"outer", "a"}, []string{"outer stays", "a stays"}},
		{"legacy", "stay", []string{"outer", "a"}, []string{"outer stays", "a stays"}},
		{"other", "count", []string{"end"}, []string{"counted"}},
	} {
		t.Run(c.style+" "+c.event, func(t *testing.T) {
			var logs []string
			m, err := scxml.NewMachine(parse(t, orsRoot+`_transitionStyle="`+c.style+`">`+states, goja.New(nil)),
				&scxml.MachineOptions{Log: func(e scxml.LogEntry) { logs = append(logs, e.Text) }})
			require.NoError(t, err)
			_, err = m.Start()
			require.NoError(t, err)
			_, err = m.Handle(&scxml.Event{Name: c.event})
			require.NoError(t, err)
			assert.Equal(t, c.active, m.Active())
			assert.Equal(t, c.logs, logs)
		})
	}
}

// TestTransitionStyleInner: what SCXML 1.0 prefers is the transition of the inner
// state, although the one around it was selected first.
func TestTransitionStyleInner(t *testing.T) {
	const states = `
<parallel id="p"><transition event="e" target="outside"/>
 <state id="first"/>
 <state id="second" initial="s"><state id="s"><transition event="e" target="s2"/></state><state id="s2"/></state>
</parallel><state id="outside"/></scxml>`
	for style, active := range map[string][]string{"standard": {"first", "s2"}, "legacy": {"outside"}} {
		m, err := scxml.NewMachine(parse(t, orsRoot+`_transitionStyle="`+style+`">`+states, goja.New(nil)), nil)
		require.NoError(t, err)
		_, err = m.Start()
		require.NoError(t, err)
		_, err = m.Handle(&scxml.Event{Name: "e"})
		require.NoError(t, err)
		assert.Equal(t, active, m.Active(), style)
	}
}
