package scxml_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/scxml"
)

const migrateHead = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">`

func TestMigrateSnapshot(t *testing.T) {
	for _, language := range languages() {
		t.Run(language.engine, func(t *testing.T) {
			from := parse(t, migrateHead+`<datamodel><data id="n" expr="1"/></datamodel>
				<parallel id="p"><history id="h" type="deep"><transition target="b1"/></history>
				<state id="a"><invoke id="kid" src="kid.scxml"/><state id="a1"><transition event="x" target="a2"/></state><state id="a2"/></state>
				<state id="b"><state id="b1"/><state id="b2"/></state>
				<transition event="out" target="o"/></parallel><state id="o"><transition event="back" target="h"/></state></scxml>`, language.Language)
			to := parse(t, migrateHead+`<datamodel><data id="n" expr="7"/></datamodel><state id="o"><transition event="back" target="h"/></state><state id="new"/>
				<parallel id="p"><state id="b"><state id="b2"/><state id="b1"/></state>
				<state id="a"><state id="a2"/><invoke id="kid" src="other.scxml"/><state id="a1"><transition event="x" cond="n == 2" target="a2"/></state></state>
				<history id="h" type="deep"><transition target="b1"/></history>
				<transition event="out" target="o"/><transition event="two"><assign location="n" expr="n+1"/></transition></parallel></scxml>`, language.Language)

			m, err := scxml.NewMachine(from, nil)
			require.NoError(t, err)
			_, err = m.Start()
			require.NoError(t, err)
			for _, name := range []string{"x", "out"} {
				_, err = m.Handle(&scxml.Event{Name: name})
				require.NoError(t, err)
			}
			if !m.Invoked("kid") {
				_, err = m.Handle(&scxml.Event{Name: "back"})
				require.NoError(t, err)
			}
			require.True(t, m.Invoked("kid"))
			old, err := m.Snapshot(nil)
			require.NoError(t, err)
			snapshot, err := scxml.MigrateSnapshot(from, to, old)
			require.NoError(t, err)
			configuration, active, err := scxml.SnapshotStates(to, snapshot)
			require.NoError(t, err)
			assert.Equal(t, []string{"p", "b", "b1", "a", "a2"}, configuration)
			assert.Equal(t, []string{"b1", "a2"}, active)

			m, err = scxml.RestoreMachine(to, snapshot, nil)
			require.NoError(t, err)
			require.True(t, m.Invoked("kid"))
			for _, name := range []string{"two", "out", "back"} {
				_, err = m.Handle(&scxml.Event{Name: name})
				require.NoError(t, err)
			}
			assert.Equal(t, []string{"b1", "a2"}, m.Active(), "the history is there, and its content")

			again, err := scxml.MigrateSnapshot(from, from, old)
			require.NoError(t, err)
			assert.Equal(t, old, again)

			for body, want := range map[string]string{
				`<state id="p"/>`: `there is no state "a"`,
				`<state id="p"><state id="a"><invoke/><state id="a2"/></state><state id="b"><state id="b1"/></state><history id="h"><transition target="a"/></history></state>`:                      `2 states inside "p" would be active`,
				`<parallel id="p"><state id="a"><state id="a2"/></state><state id="b"><state id="b1"/></state><history id="h"><transition target="a"/></history></parallel>`:                         `the <invoke> with the id "kid" is not there`,
				`<parallel id="p"><state id="a"><invoke/><state id="a2"/></state><state id="b"><state id="b1"/></state><state id="c"/><history id="h"><transition target="a"/></history></parallel>`: `not all regions of "p" would be active`,
				`<parallel id="p"><state id="a"><invoke/><state id="a2"/></state><state id="b"><state id="b1"/></state><state id="h"/></parallel>`:                                                   `"h" is a state in one and a history in the other`,
			} {
				_, err := scxml.MigrateSnapshot(from, parse(t, migrateHead+body+`</scxml>`, language.Language), old)
				assert.ErrorIs(t, err, scxml.ErrMigrate)
				assert.ErrorContains(t, err, want)
			}
			_, err = scxml.MigrateSnapshot(to, from, old)
			assert.ErrorIs(t, err, scxml.ErrDocument)
			_, err = scxml.MigrateSnapshot(from, to, old[:40])
			assert.ErrorIs(t, err, scxml.ErrSnapshot)
		})
	}
}
