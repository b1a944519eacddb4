package session_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// exchangeData is data of every kind that all engines have, what each event changes of
// it, and what can be told of it.
const exchangeData = `
	var n = 0, undef = undefined, nul = null, nan = NaN, inf = -Infinity, zero = -0, big = 9007199254740991, text = 'grün 😀 \u0000', none = '';
	var shared = {k: 1}, pair = [shared, shared], cyc = {list: []}; cyc.self = cyc;
	var sparse = [1, , 3], far = [], tagged = [1]; far[50000] = 'end'; tagged.name = 'list';
	var date = new Date(86400000), never = new Date(NaN), re = /a+/gi, err = new RangeError('far');
	var bo = new Boolean(false), no = new Number(2), so = new String('s'), bare = Object.create(null), kept;
	function add(a, b) { return a + b + shared.k }
	function replaced() { return 'first' }
	var f = function (x) { return add(x, 1) }, api = {go: function (x) { return this.v + x }, v: 9}, same = add;
	f.calls = 0;
	function change(ev) {
		n++;
		shared.k += n;
		cyc.list.push(cyc, n);
		cyc['k' + n] = cyc.list;
		sparse[10 * n] = n;
		date.setTime(date.getTime() + 1000);
		re.exec('xaaxa');
		err.code = n;
		f.calls += n;
		bare['b' + n] = -0;
		if (!kept) kept = ev;
		if (n === 2) replaced = function () { return 'second' };
		if (n === 3) shared = pair;
	}
	function look() {
		return [n, typeof undef, nul === null, nan !== nan, inf, 1 / zero, big, text === 'grün 😀 \u0000', none.length,
			pair[0] === pair[1], pair[0] === shared || pair === shared, pair[0].k, cyc.self === cyc, cyc.list.length, cyc.list[2] === cyc, cyc.k1 === cyc.list,
			sparse.length, 1 in sparse, sparse[2], far.length, far[50000], 7 in far, tagged.name, tagged.length,
			date.getTime(), date instanceof Date, isNaN(never.getTime()), re.source, re.lastIndex, re.global, re.ignoreCase, re.multiline, re instanceof RegExp,
			err instanceof RangeError, err.message, err.code, bo.valueOf(), no + 1, so + '!', bare.toString === undefined, 1 / bare.b1,
			add(1, 2), same === add, f(1), f.calls, api.go(1), replaced(), kept && kept.name, kept && kept.data.l[1].k, kept && kept.data.l === kept.data.l].join();
	}`

// exchangeCharts are documents that both engines run.
var exchangeCharts = map[string]string{
	"SCXML": `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript">
<datamodel><data id="xml"><a xmlns=""><b k="v"/><b k="w"/></a></data><data id="node" expr="xml.getElementsByTagName('b')[1]"/><data id="kids" expr="''"/></datamodel>
<script><![CDATA[` + exchangeData + `]]></script>
<state id="work" initial="one">
  <onentry><send event="tick" delay="25s" id="t"/></onentry>
  <invoke type="scxml" id="kid" autoforward="true"><content>
    <scxml version="1.0" datamodel="ecmascript"><datamodel><data id="seen" expr="({all: [], twice: function (x) { return 2 * x }})"/></datamodel>
    <script>seen.self = seen;</script><state id="x">
      <transition event="step"><script>seen.self.all.push(seen.twice(_event.data.l[0]))</script><send target="#_parent" event="hi"><param name="n" expr="seen.all.length"/></send></transition>
      <transition event="poke" target="f"/></state>
      <final id="f"><donedata><content expr="seen.all.join('+')"/></donedata></final></scxml>
  </content></invoke>
  <history id="h"><transition target="one"/></history>
  <state id="one"><transition event="step" cond="n &lt; 2"><script>change(_event)</script><log label="look" expr="look()"/></transition>
    <transition event="step" target="two"><script>change(_event)</script></transition></state>
  <state id="two"><onentry><log label="two" expr="look()"/></onentry><transition cond="kids.indexOf(' ') &gt; 0" target="f"/><transition event="step"><script>change(_event)</script><log label="look" expr="look()"/></transition></state>
  <transition event="hi"><assign location="kids" expr="kids + _event.data.n"/></transition>
  <transition event="tick"><log label="tick" expr="node.getAttribute('k') + (node.parentNode === xml.documentElement)"/><send target="#_kid" event="poke"/></transition>
  <transition event="done.invoke.kid" target="away"><assign location="kids" expr="kids + ' ' + _event.data"/></transition>
</state>
<state id="away"><transition event="end" target="h"/></state>
<final id="f"><donedata><content expr="look() + ' ' + kids"/></donedata></final>
</scxml>`,
	"ORS": `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" profile="ecmascript" initial="work">
<datamodel><data id="kids" expr="''"/></datamodel>
<script><![CDATA[` + exchangeData + `]]></script>
<state id="work">
  <datamodel><data id="inner" expr="({v: [1], when: new Date(5)})"/></datamodel>
  <onentry><script>var local = inner, scoped = function (x) { return local.v.length + x }; _data.added = local;</script><send event="'tick'" delay="'25s'"/></onentry>
  <transition event="step"><script>change(_event); inner.v.push(_event.data.l[0]); kids += scoped(100) + ' ';</script><log expr="look()"/></transition>
  <transition event="tick" target="away"><log expr="local === inner &amp;&amp; _data.added === inner ? inner.v.join() : 'other'"/></transition>
</state>
<state id="away"><transition event="end" target="f"/></state>
<final id="f"><onentry><log expr="look() + ' ' + kids"/></onentry></final>
</scxml>`,
}

// relay runs a session of a document to its end. After every event the engine ends, and
// another one, with the next of the languages, takes over the store.
func relay(t *testing.T, store persistence.Store, source string, languages ...datamodel.Language) (trace []string) {
	t.Helper()
	now, turn := noon, 0
	line := func(format string, args ...any) { trace = append(trace, fmt.Sprintf(format, args...)) }
	next := func() *bench {
		opts := session.Options{Store: store, Owner: "relay", Lease: 1000 * time.Hour, NewID: func() string { return "kid" }}
		opts.Parse.Languages = languages[turn%len(languages) : turn%len(languages)+1]
		turn++
		opts.Trace = func(id string, _ *scxml.Document) *scxml.Trace {
			return &scxml.Trace{
				EventTaken: func(ev *scxml.Event) { line("%s: event %s %s", id, ev.Name, datamodel.AppendJSON(nil, ev.Data)) },
				Transition: func(tr scxml.TransitionTrace) { line("%s: %s -> %s", id, tr.Source, strings.Join(tr.Targets, " ")) },
				Exit:       func(state string) { line("%s: exit %s", id, state) },
				Enter:      func(state string) { line("%s: enter %s", id, state) },
				Error:      func(ev *scxml.Event, err error) { line("%s: %s: %v", id, ev.Name, err) },
			}
		}
		b := newBench(t, &opts)
		b.clock.Advance(now.Sub(noon))
		_, err := b.Recover(deadline(t))
		require.NoError(t, err)
		return b
	}
	pass := func(b *bench) {
		for _, l := range b.logged() {
			line("%s", l)
		}
		require.NoError(t, b.Shutdown(deadline(t)))
	}
	b := next()
	doc, err := scxml.Parse(t.Context(), []byte(source), &scxml.ParseOptions{URL: "relay.scxml", Languages: languages[:1]})
	require.NoError(t, err)
	_, err = b.Start(deadline(t), session.StartRequest{Document: doc, SessionID: "root"})
	require.NoError(t, err)
	pass(b)
	for i := range 4 {
		b := next()
		data := datamodel.NewObject(datamodel.Member{Name: "l", Value: []datamodel.Value{float64(i), datamodel.NewObject(datamodel.Member{Name: "k", Value: "grün"})}})
		require.NoError(t, b.Send(deadline(t), "root", &scxml.Event{Name: "step", Data: data}))
		pass(b)
	}
	b = next()
	now = now.Add(25 * time.Second)
	b.clock.Advance(25 * time.Second)
	pass(b)
	b = next()
	b.send("root", "end")
	r := b.result("root")
	line("%v %s %v", r.Reason, datamodel.AppendJSON(nil, r.Data), r.Err)
	pass(b)
	assert.NotContains(t, strings.Join(trace, "\n"), "error.")
	return trace
}

// TestExchange: sessions that began with one engine of ECMAScript go on with another one,
// which takes over after each event, with the same trace and to the same end.
func TestExchange(t *testing.T) {
	all := w3cLanguages()
	for name, source := range exchangeCharts {
		want := relay(t, memory(t), source, all[0].language)
		require.Greater(t, len(want), 20)
		for store, open := range map[string]func() persistence.Store{"memstore": func() persistence.Store { return memory(t) }, "boltstore": func() persistence.Store { return openBolt(t) }} {
			for _, order := range [][]int{{1}, {0, 1}, {1, 0}, {0, 0, 1}, {1, 1, 0}} {
				var languages []datamodel.Language
				title := name + "/" + store
				for _, i := range order {
					languages = append(languages, all[i].language)
					title += " " + all[i].name
				}
				t.Run(title, func(t *testing.T) { assert.Equal(t, want, relay(t, open(), source, languages...)) })
			}
		}
	}
}

// TestExchangeRefused: a session whose data, or whose document, another engine does not
// have stays in the store as it is, and goes on with the engine that has it.
func TestExchangeRefused(t *testing.T) {
	all := w3cLanguages()
	goja, otto := all[0].language, all[1].language
	for _, c := range []struct{ script, value, problem string }{
		{`var v = new Map(); v.set('k', 1)`, `v.get('k') + v.size`, "the otto engine has no Map and Set"},
		{`var v = new Set(); v.add('k')`, `v.has('k')`, "the otto engine has no Map and Set"},
		{`var v = new Uint8Array(2); v[1] = 7`, `v[1] + v.length`, "the otto engine has no typed arrays"},
		{`function P(x) { this.x = x } P.prototype.get = function () { return this.x }; var v = new P(8)`, `v.get()`, "the otto engine does not restore objects made by new"},
		{`var v = [1]; v.f = x => x + v[0]`, `v.f(1)`, "v.f cannot be restored"},
	} {
		t.Run(c.script, func(t *testing.T) {
			store := memory(t)
			over := func(language datamodel.Language) *bench {
				opts := session.Options{Store: store, Owner: "relay", Lease: 1000 * time.Hour}
				opts.Parse.Languages = []datamodel.Language{language}
				b := newBench(t, &opts)
				_, err := b.Recover(deadline(t))
				require.NoError(t, err)
				return b
			}
			b := over(goja)
			doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"><script><![CDATA[`+c.script+`]]></script>
				<state id="a"><transition event="end" target="f"/></state><final id="f"><donedata><content expr="`+c.value+`"/></donedata></final></scxml>`), &scxml.ParseOptions{Languages: []datamodel.Language{goja}})
			require.NoError(t, err)
			id, err := b.Start(deadline(t), session.StartRequest{Document: doc})
			require.NoError(t, err)
			require.NoError(t, b.Settle(deadline(t)))
			require.NoError(t, b.Shutdown(deadline(t)))

			b = over(otto)
			b.send(id, "end")
			require.NoError(t, b.Settle(deadline(t)))
			var unreadable *session.UnreadableError
			_, err = b.Query(deadline(t), id)
			require.ErrorAs(t, err, &unreadable)
			assert.ErrorContains(t, err, c.problem)
			require.NoError(t, b.Shutdown(deadline(t)))
			assert.Equal(t, []string{id}, stored(t, store))

			b = over(goja)
			r := b.result(id)
			assert.Equal(t, session.Finished, r.Reason, "%v", r.Err)
			assert.NotNil(t, r.Data)
		})
	}
}
