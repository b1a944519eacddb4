package goja

import (
	"testing"

	"github.com/dop251/goja"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript"
)

// TestInside compares the names that are read in place with those that the engine
// lists.
func TestInside(t *testing.T) {
	require.Len(t, inside.kinds, 5, "goja keeps the properties of objects in another way: see what it is now")
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
		read := inside.keys(r.vm.GlobalObject())
		assert.Equal(t, r.vm.GlobalObject().Keys(), read, script)
	}
	for _, object := range []string{
		`({})`,
		`({a: 1, b: undefined, 'c d': null, größe: 1, '\ud800': 2, '': 3, __proto__: {inherited: 1}})`,
		`({z: 1, 7: 1, a: 2, 3: 1})`,
		`var o = {a: 1, b: 2, c: 3}; delete o.a; o.a = 4; delete o.c; o`,
		`Object.defineProperty({a: 1}, 'shy', {value: 1})`,
		`Object.defineProperties({}, {seen: {enumerable: true, get: function () { throw 1 }}, shy: {get: function () {}}})`,
		`Object.create({inherited: 1}, {own: {enumerable: true, value: 1}})`,
		`Object.freeze({a: 1})`,
		`({[Symbol('s')]: 1, a: 2})`,
		`function f() {} f.calls = 1; f`,
		`function g() {} g.prototype.m = 1; g`,
		`var h = () => 1; h.tag = 1; h.name2 = 2; h`,
		`var m = {go() {}}.go; m.tag = 1; m`,
		`function p() {} Object.defineProperty(p, 'name', {enumerable: true}); p`,
		`(function* () {})`, `(async function () {})`, `(class { static s = 1 })`, `Math.max`, `(function () {}).bind(null)`, `Math`, `Object.prototype`,
		`[1, , 3]`, `var l = [1]; l.tag = 1; l`, `new String('text')`, `new Map([[1, 2]])`, `new Uint8Array(2)`, `new Date(0)`, `/a/g`, `new Error('e')`,
		`new Proxy({a: 1}, {})`, `(function () { return arguments })(1, 2)`, `Promise.resolve(1)`,
	} {
		vm := goja.New()
		v, err := vm.RunString(object)
		require.NoError(t, err, object)
		o := v.(*goja.Object)
		read := inside.keys(o)
		assert.Equal(t, o.Keys(), read, object)
	}
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
