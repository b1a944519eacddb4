package session_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// unsavable is data that no snapshot can hold: what makes it, where it is, what its
// error says, and what it is good for as long as it is in memory.
var unsavable = []struct{ name, script, path, problem, use, result string }{
	{"closure", `function counter() { var local = 6; return function () { return ++local } } o.list = [0, {count: counter()}];`,
		"o.list[1].count", "uses local of the function or block around it", "o.list[1].count()", "7"},
	{"generator", `o.each = (function* () { yield 6; yield 7 })(); o.each.next();`, "o.each", "", "o.each.next().value", "7"},
	{"promise", `o.later = Promise.resolve(7); o.later.then(function (v) { n = v });`, "o.later", "", "n", "7"},
	{"proxy", `o["a proxy"] = new Proxy({}, {get: function () { return 7 }});`, `o["a proxy"]`, "it is a proxy", "o['a proxy'].anything", "7"},
}

// unsavableChart gets its data with its first macrostep, or with an event.
func unsavableChart(t *testing.T, attributes, first, later, use string) *scxml.Document {
	doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" `+attributes+`>
		<script><![CDATA[var o = {}, n = 0; `+first+`]]></script>
		<state id="a"><transition event="hold" target="b"><script><![CDATA[`+later+`]]></script><raise event="held"/></transition></state>
		<state id="b"><transition event="held" target="c"/></state>
		<state id="c"><transition event="use" target="f"><log label="used" expr="`+use+`"/></transition></state>
		<final id="f"/></scxml>`), &scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}})
	require.NoError(t, err)
	return doc
}

// TestUnsavable: data that cannot be saved ends a stored session, with an error that names
// the place, when it is to be saved first. Nothing of the macrostep is stored.
func TestUnsavable(t *testing.T) {
	for _, c := range unsavable {
		for _, dialect := range []string{`datamodel="ecmascript"`, `profile="ecmascript"`} {
			for name, open := range map[string]func() persistence.Store{"memstore": func() persistence.Store { return memory(t) }, "boltstore": func() persistence.Store { return openBolt(t) }} {
				t.Run(c.name+"/"+dialect+"/"+name, func(t *testing.T) {
					store := open()
					b := node(t, store, session.Options{})
					check := func(id string) {
						t.Helper()
						r := b.result(id)
						assert.Equal(t, session.Failed, r.Reason)
						require.ErrorIs(t, r.Err, datamodel.ErrNotSerializable)
						assert.ErrorContains(t, r.Err, c.path+" cannot be saved: ")
						assert.ErrorContains(t, r.Err, c.problem)
						require.NoError(t, b.Settle(deadline(t)))
						_, err := store.Load(t.Context(), id)
						assert.ErrorIs(t, err, persistence.ErrNotFound)
					}
					id, err := b.Start(deadline(t), session.StartRequest{Document: unsavableChart(t, dialect, c.script, "", c.use)})
					require.NoError(t, err)
					check(id)

					id, err = b.Start(deadline(t), session.StartRequest{Document: unsavableChart(t, dialect, "", c.script, c.use)})
					require.NoError(t, err)
					assert.Equal(t, []string{"a"}, b.active(id))
					b.send(id, "hold")
					check(id)
				})
			}
		}
	}
}

// TestUnsavableInMemory: a document that keeps its sessions in memory may hold what it
// likes, beside sessions that are stored, and so may all where there is no store.
func TestUnsavableInMemory(t *testing.T) {
	for _, c := range unsavable {
		for name, dialect := range map[string]string{"hint": `profile="ecmascript" _persist="false"`, "no store": `datamodel="ecmascript"`} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				store := memory(t)
				var b *bench
				if name == "hint" {
					b = node(t, store, session.Options{Resident: -1})
				} else {
					b = newBench(t, nil)
				}
				for _, when := range []string{"first", "later"} {
					doc := unsavableChart(t, dialect, c.script, "", c.use)
					if when == "later" {
						doc = unsavableChart(t, dialect, "", c.script, c.use)
					}
					id, err := b.Start(deadline(t), session.StartRequest{Document: doc})
					require.NoError(t, err)
					b.send(id, "hold")
					assert.Equal(t, []string{"c"}, b.active(id))
					assert.Empty(t, stored(t, store))
					b.send(id, "use")
					assert.Equal(t, session.Finished, b.result(id).Reason)
					assert.Contains(t, b.logged(), id+": used="+c.result)
				}
			})
		}
	}
}
