package session_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// golden is what a store held of a family of sessions when its process was killed: one
// has invoked the other, there are delayed sends, and effects that have not been
// confirmed or events that have not been handled.
type golden struct {
	Version   int
	Engine    string
	Written   time.Time
	Documents [][]byte
	Sessions  []*persistence.Session
}

// goldenChart is counting, with data of every kind.
const goldenChart = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
<datamodel><data id="adds" expr="0"/><data id="kids" expr="''"/><data id="o" expr="({a: [1, 'é', null, undefined, NaN, -0], d: new Date(86400000), r: /a+/gi})"/></datamodel>
<script>function twice(x) { return 2 * x; } o.self = o; o.f = twice;</script>
<state id="work" initial="one">
  <onentry><send event="tick" delay="10s" id="t"/></onentry>
  <invoke type="scxml" id="kid"><content>
    <scxml version="1.0" datamodel="ecmascript"><datamodel><data id="seen" expr="0"/></datamodel><state id="x">
      <transition event="add"><assign location="seen" expr="seen+1"/><send target="#_parent" event="hi"/></transition>
      <transition event="poke" target="f"/></state>
      <final id="f"><donedata><param name="seen" expr="seen"/></donedata></final></scxml>
  </content></invoke>
  <history id="h"><transition target="one"/></history>
  <state id="one"><transition event="next" target="two"/></state><state id="two"/>
  <transition event="hi"><assign location="kids" expr="kids+'hi '"/></transition>
  <transition event="done.invoke.kid"><assign location="kids" expr="kids+_event.data.seen"/></transition>
  <transition event="tick"><send target="#_kid" event="poke"/></transition>
  <transition event="add"><assign location="adds" expr="adds+1"/><send target="#_kid" event="add"/></transition>
  <transition event="end" target="f"/>
</state>
<final id="f"><donedata><content expr="[adds, kids, twice(adds), o.self === o, o.f === twice, o.a.length, o.a[3] === undefined, 1/o.a[5], o.d.getTime(), o.r.test('xAAx')].join()"/></donedata></final>
</scxml>`

const goldenResult = "3,hi hi hi 3,6,true,true,6,true,-Infinity,86400000,true"

// TestGoldenSessions: sessions that earlier versions of this package have stored, with
// either engine, go on in this one, with either engine. testdata/golden has files for each
// version and engine: one of a process that was killed after a macrostep had been
// committed, one of a process that was killed before. -update writes those of the present
// version that are missing, and never changes one.
func TestGoldenSessions(t *testing.T) {
	var files []string
	for version := 1; version <= session.RecordVersion; version++ {
		for _, l := range w3cLanguages() {
			for moment, committed := range map[string]bool{"": true, "-inbox": false} {
				name := filepath.Join("testdata", "golden", fmt.Sprintf("%d-%s%s.json", version, l.name, moment))
				if _, err := os.Stat(name); err != nil && *update && version == session.RecordVersion {
					body, err := json.MarshalIndent(killed(t, l, committed), "", "\t")
					require.NoError(t, err)
					require.NoError(t, os.WriteFile(name, append(body, '\n'), 0o644))
				}
				assert.FileExists(t, name, "write those of the present version with -update")
				files = append(files, name)
			}
		}
	}
	for _, name := range files {
		for _, l := range w3cLanguages() {
			t.Run(filepath.Base(name)+"/"+l.name, func(t *testing.T) {
				body, err := os.ReadFile(name)
				require.NoError(t, err)
				var g golden
				require.NoError(t, json.Unmarshal(body, &g))
				for _, s := range g.Sessions {
					require.EqualValues(t, g.Version, s.Snapshot[0], "the version is in the first byte")
				}
				assert.Equal(t, goldenResult, g.finish(t, l.language))
			})
		}
	}
}

// finish lets the sessions go on to their end, and returns the result of the first.
func (g *golden) finish(t *testing.T, language datamodel.Language) datamodel.Value {
	store := memory(t)
	leases, err := store.Acquire(t.Context(), "archive", time.Hour, 0)
	require.NoError(t, err)
	for _, d := range g.Documents {
		_, err := store.PutDocument(t.Context(), d)
		require.NoError(t, err)
	}
	for _, s := range g.Sessions {
		require.NoError(t, store.Create(t.Context(), leases[0].Epoch, s))
	}
	require.NoError(t, store.Release(t.Context(), leases...))
	opts := session.Options{Store: store, Lease: 1000 * time.Hour}
	opts.Parse.Languages = []datamodel.Language{language}
	b := newBench(t, &opts)
	b.clock.Advance(g.Written.Sub(b.clock.Now()))
	n, err := b.Recover(deadline(t))
	require.NoError(t, err)
	assert.Equal(t, len(g.Sessions), n)
	require.NoError(t, b.Settle(deadline(t)))
	b.clock.Advance(10 * time.Second)
	b.send("root", "end")
	return b.result("root").Data
}

// killed runs the sessions until their process is killed at a moment when all kinds
// of things are pending: effects of a macrostep that has been committed, or events whose
// macrostep has not been.
func killed(t *testing.T, l w3cLanguage, committed bool) *golden {
	for n := 1; n < 100; n++ {
		under, err := memstore.New(&memstore.Options{Buckets: 1})
		require.NoError(t, err)
		opts := session.Options{Store: newMortal(under, n, committed), Lease: 1000 * time.Hour}
		opts.Parse.Languages = []datamodel.Language{l.language}
		opts.NewID = func() string { return "kid" }
		b := newBench(t, &opts)
		_, err = b.Recover(deadline(t))
		require.NoError(t, err)
		doc, err := scxml.Parse(t.Context(), []byte(goldenChart), &scxml.ParseOptions{URL: "golden", Languages: opts.Parse.Languages})
		require.NoError(t, err)
		_, _ = b.Start(deadline(t), session.StartRequest{Document: doc, SessionID: "root"})
		require.NoError(t, b.Settle(deadline(t)))
		accepted := 0
		for i, name := range []string{"add", "next", "add", "add"} {
			if b.SendOnce(deadline(t), "root", fmt.Sprint(i), &scxml.Event{Name: name}) == nil {
				accepted++
			}
			require.NoError(t, b.Settle(deadline(t)))
		}
		g := &golden{Version: session.RecordVersion, Engine: l.name, Written: b.clock.Now(), Documents: [][]byte{[]byte(doc.Source())}}
		_ = b.Shutdown(deadline(t)) // nothing of it reaches the store
		ids := stored(t, under)
		if len(ids) != 2 || accepted != 4 {
			continue
		}
		for _, id := range ids {
			s, err := under.Load(t.Context(), id)
			require.NoError(t, err)
			g.Sessions = append(g.Sessions, s)
		}
		root := g.Sessions[1]
		if len(root.Timers) > 0 && (committed && len(root.Outbox) > 0 || !committed && len(root.Inbox) > 0) {
			return g
		}
	}
	require.Fail(t, "there is no such moment")
	return nil
}
