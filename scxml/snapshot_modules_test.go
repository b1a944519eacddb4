package scxml_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// keeper is a module whose state is a text.
type keeper struct {
	namespace string
	text      *string // of the session made last
}

func (k keeper) Namespaces() []string                               { return []string{k.namespace} }
func (keeper) Compile(*scxml.Element, *scxml.Compiler) scxml.Action { return nil }
func (k keeper) NewState(*scxml.ModuleContext) scxml.ModuleState {
	*k.text = "new"
	return kept{k.text}
}

type kept struct{ text *string }

func (kept) Globals() map[string]datamodel.Value   { return nil }
func (kept) Deliver(*datamodel.Event)              {}
func (k kept) Snapshot(dst []byte) ([]byte, error) { return append(dst, *k.text...), nil }
func (k kept) Restore(snapshot []byte) error       { *k.text = string(snapshot); return nil }

// The modules of a host may become more, and stand in another order; one that is gone is
// named.
func TestSnapshotOfModules(t *testing.T) {
	parse := func(modules ...scxml.Module) *scxml.Document {
		doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null"><state id="a"/></scxml>`),
			&scxml.ParseOptions{Modules: modules})
		require.NoError(t, err)
		return doc
	}
	var a, b, c string
	first, second, third := keeper{"urn:a", &a}, keeper{"urn:b", &b}, keeper{"urn:c", &c}
	m, err := scxml.NewMachine(parse(first, second), nil)
	require.NoError(t, err)
	_, err = m.Start()
	require.NoError(t, err)
	a, b = "one", "two"
	snapshot, err := m.Snapshot(nil)
	require.NoError(t, err)
	restore := func(snapshot []byte, modules ...scxml.Module) error {
		_, err := scxml.RestoreMachine(parse(modules...), snapshot, nil)
		return err
	}

	require.NoError(t, restore(snapshot, third, second, first))
	assert.Equal(t, []string{"one", "two", "new"}, []string{a, b, c})
	err = restore(snapshot, first, third)
	require.ErrorIs(t, err, scxml.ErrSnapshot)
	assert.ErrorContains(t, err, "it has the state of module urn:b, which the document was parsed without (ParseOptions.Modules)")
	for i := range snapshot {
		assert.Error(t, restore(snapshot[:i], first, second), "cut at %d", i)
	}
	require.ErrorContains(t, restore(append(slices.Clone(snapshot), 0), first, second), "1 bytes left over")
	twice := slices.Clone(snapshot)
	copy(twice[len(twice)-len("urn:b\x03two"):], "urn:a")
	require.ErrorContains(t, restore(twice, first, second), "the state of module urn:a twice")

	// Without bytes there is nothing to restore.
	b = ""
	short, err := m.Snapshot(nil)
	require.NoError(t, err)
	assert.Less(t, len(short), len(snapshot))
	require.NoError(t, restore(short, first, second))
	assert.Equal(t, "new", b)

	// Version 1 has the states in order, without names.
	a, b = "", ""
	old, err := m.Snapshot(nil)
	require.NoError(t, err)
	old = old[:len(old)-1] // the number of states
	old[0] = 1
	for _, text := range []string{"eins", "zwei"} {
		old = append(binary.AppendUvarint(old, uint64(len(text))), text...)
	}
	require.NoError(t, restore(old, first, second))
	assert.Equal(t, []string{"eins", "zwei"}, []string{a, b})
	require.ErrorContains(t, restore(old, first), "left over")
}
