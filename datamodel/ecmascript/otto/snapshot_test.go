package otto

import (
	goruntime "runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
)

// A snapshot says nothing of the engine that wrote it.
func TestSnapshotsOfOtherEngine(t *testing.T) {
	const script = `
		var n = 1.5, big = 9007199254740991, nan = NaN, text = 'grün 😀', nul = null, undef;
		var list = [1, , 'x'], sparse = []; sparse[5000] = 1;
		var shared = {deep: {x: 1}}, again = shared, cyclic = {list: []}; cyclic.self = cyclic; cyclic.list.push(cyclic);
		var date = new Date(86400000), pattern = /a+(b)/gi, wrong = new TypeError('bad');
		var box = new Number(3), bare = Object.create(null); bare.k = 1;
		function twice(x) { return 2 * x }
		var api = {go: function (y) { return twice(y) + n }};
		function strict(v) { 'use strict'; undeclared = v }
	`
	checks := []string{
		"n === 1.5 && big === 9007199254740991 && nan !== nan && text === 'grün 😀' && nul === null && undef === undefined",
		"list.length === 3 && !(1 in list) && list[2] === 'x' && sparse.length === 5001 && sparse[5000] === 1",
		"shared === again && shared.deep.x === 1 && cyclic.self === cyclic && cyclic.list[0] === cyclic",
		"date.getTime() === 86400000 && pattern.source === 'a+(b)' && pattern.global && pattern.ignoreCase && wrong instanceof TypeError && wrong.message === 'bad'",
		"box + 1 === 4 && bare.k === 1 && bare.toString === undefined && twice(4) === 8 && api.go(1) === 3.5",
		"(function () { try { strict(1) } catch (e) { return e instanceof ReferenceError } return false })()",
		"x.documentElement.getAttribute('id') === '7' && data.a[1].b === null && event.name === 'kept' && event.data.x === 1",
	}
	engines := map[string]datamodel.Language{"otto": New(nil), "goja": goja.New(nil)}
	for writer := range engines {
		for reader := range engines {
			t.Run(writer+" to "+reader, func(t *testing.T) {
				a := &session{t, model(t, engines[writer]), engines[writer]}
				a.SetEvent(&datamodel.Event{Name: "kept", Data: datamodel.NewObject(datamodel.Member{Name: "x", Value: 1.0})})
				for id, v := range map[string]datamodel.Value{
					"x": datamodel.XML{Text: `<r id="7"/>`},
					"data": datamodel.NewObject(datamodel.Member{Name: "a", Value: []datamodel.Value{1.0,
						datamodel.NewObject(datamodel.Member{Name: "b", Value: datamodel.Null{}})}}),
				} {
					require.NoError(t, a.Declare(id))
					require.NoError(t, a.Set(id, v))
				}
				require.NoError(t, a.exec(script))
				require.NoError(t, a.exec("var event = _event"))
				for range 2 { // and back
					snapshot, err := a.Snapshot(nil)
					require.NoError(t, err)
					b := &session{t, model(t, engines[reader]), engines[reader]}
					document, err := engines[reader].Compile(datamodel.Source{Text: script, Kind: datamodel.Script})
					require.NoError(t, err)
					require.NoError(t, b.Restore(snapshot))
					goruntime.KeepAlive(document)
					for _, check := range checks {
						b.is(true, check)
					}
					a, writer, reader = b, reader, writer
				}
			})
		}
	}
}

func TestSnapshotsOfNewerLanguage(t *testing.T) {
	lang := goja.New(nil)
	for script, want := range map[string]string{
		"var m = new Map()":            "no Map",
		"var s = new Set()":            "no Map and Set",
		"var u = new Uint8Array(1)":    "typed arrays",
		"var f = x => x":               "f cannot be restored",
		"var o = {go(x) { return x }}": "o.go cannot be restored",
	} {
		a := &session{t, model(t, lang), lang}
		require.NoError(t, a.exec(script))
		snapshot, err := a.Snapshot(nil)
		require.NoError(t, err)
		err = model(t, New(nil)).Restore(snapshot)
		require.ErrorContains(t, err, want, script)
	}
}

func model(t testing.TB, lang datamodel.Language) datamodel.Model {
	m, err := lang.New(datamodel.Host{In: func(string) bool { return false }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}
