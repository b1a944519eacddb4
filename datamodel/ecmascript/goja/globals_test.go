package goja

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// TestNamesOf compares the names that are read in place with those that the engine
// lists.
func TestNamesOf(t *testing.T) {
	require.NotNil(t, globalLayout, "goja keeps the properties of objects in another way")
	for _, script := range []string{
		``,
		`var a, b = 1; function f() {} c = 2; this.d = 3;`,
		`let x = 1; const y = 2; class Z {}`,
		`var parseInt = 1; Math = 2; isNaN = undefined; this.escape = null;`,
		`function parseInt() {} function Date() {}`,
		`delete this.escape; this.escape = 1; delete this.parseInt;`,
		`delete globalThis.unescape; var unescape;`,
		`Object.defineProperty(this, 'isNaN', {enumerable: true}); Object.defineProperty(this, 'shy', {value: 1});`,
		`Object.defineProperty(this, 'seen', {get: function() { throw 1 }, enumerable: true});`,
		`(0, eval)('function isFinite() {} var made = 1'); new Function('byFunction = 1')();`,
		`var z; this[7] = 1; this[3] = 2; var a; this['4294967295'] = 3;`,
		`var größe = 1, 𐐷 = 2; this['\ud800'] = 3; this[''] = 4; this['a b'] = 5;`,
		`for (var k in this) { this[k + k] = 1 } var last;`,
		`delete this.nothing; a = 1; delete this.a; b = 2; a = 3;`,
		`Object.freeze(this);`,
		`Object.keys(this); var after;`,
	} {
		r := newRealm(t)
		c, err := r.engine.Compile(ecmascript.Unit{Text: script})
		require.NoError(t, err, script)
		_, err = r.Run(c)
		require.NoError(t, err, script)
		read := globalLayout.namesOf(r.vm.GlobalObject(), 0)
		assert.Equal(t, names(listed(r.vm.GlobalObject())), names(read), script)
	}
}

func names(list []ecmascript.Binding) []string {
	names := []string{}
	for _, b := range list {
		names = append(names, b.Name)
	}
	return names
}

// TestSnapshotMakesNoBuiltIns: a snapshot is no reason to make what nobody has used.
func TestSnapshotMakesNoBuiltIns(t *testing.T) {
	l := New(nil)
	document := mustCompile(t, l, datamodel.Script, `var a = 1, o = {list: [1, 'x'], when: new Date(0)}; function f() { return 'a,b'.split(',') } f();`)
	m := newModel(t, l)
	must(t, m.Exec(document))
	snapshot, err := m.Snapshot(nil)
	must(t, err)
	// The built-ins take 2,400 allocations.
	allocs := testing.AllocsPerRun(10, func() {
		m := newModel(t, l)
		must(t, m.Restore(snapshot))
		again, err := m.Snapshot(nil)
		must(t, err)
		if string(again) != string(snapshot) {
			t.Error("another snapshot")
		}
	})
	assert.Less(t, allocs, 500.0)
}
