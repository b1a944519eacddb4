package fm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/otto"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// world is a switch, an engine and the connector between them, under virtual
// time. Documents log what they see; log holds "session: text".
type world struct {
	testing.TB
	clock     *session.VirtualClock
	sw        *sim.Switch
	link      *telephony.Client
	engine    *session.Engine
	conn      *fm.Connector
	files     map[string]string // documents by URL
	apps      map[string][]string
	params    map[string]string
	log       []string
	ids       int
	lang      datamodel.Language
	server    *sim.InteractionServer // nil without
	away      bool                   // the server cannot be reached
	store     persistence.Store      // nil without
	unplugged bool                   // the switch cannot be reached
	recovered int                    // sessions
	set       func(*fm.Options)      // changes the settings of the connector; nil without
	refuse    error                  // that Application returns
}

// newWorld has a routing point 5000 with the document, an agent at 7001 who
// answers after 3 s and talks for a minute, and 7002 who never answers.
func newWorld(t testing.TB, document string) *world {
	return newWorldOn(t, goja.New(nil), document)
}

func newWorldOn(t testing.TB, lang datamodel.Language, document string) *world {
	w := &world{TB: t, lang: lang, clock: session.NewVirtualClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		files: map[string]string{"mem:a": document}, apps: map[string][]string{"5000": {"mem:a"}}}
	w.sw = sim.New(&sim.Options{Clock: w.clock})
	require.NoError(t, w.sw.AddRoutePoint("5000", sim.RoutePoint{RingTimeout: 10 * time.Second}))
	require.NoError(t, w.sw.AddRoutePoint("5001", sim.RoutePoint{}))
	require.NoError(t, w.sw.AddExtension("7001", sim.Extension{AgentID: "ann", AnswerAfter: 3 * time.Second, TalkTime: time.Minute}))
	require.NoError(t, w.sw.AddExtension("7002", sim.Extension{AgentID: "bob", AnswerAfter: -1}))
	require.NoError(t, w.sw.AddExtension("9000", sim.Extension{})) // not registered by the connector
	w.link = w.sw.Connect()
	w.open(w.link, "5000", "5001", "7001", "7002")
	return w
}

func (w *world) open(link telephony.Link, dns ...string) {
	settings := &fm.Options{DNs: dns, Clock: w.clock}
	if w.set != nil {
		w.set(settings)
	}
	if w.server != nil {
		settings.Interactions = w.server
		if w.away {
			settings.Interactions = away{w.server, w.clock}
		}
	}
	w.conn = fm.NewConnector(w, settings)
	opts := &session.Options{
		Parse:  scxml.ParseOptions{Languages: []datamodel.Language{w.lang}},
		Loader: w, Workers: 1, Clock: w.clock,
		NewID: func() string { w.ids++; return fmt.Sprintf("s%d", w.ids) },
		Log: func(id string, e scxml.LogEntry) {
			w.log = append(w.log, id+": "+e.Text)
		},
		Trace: witness(w),
		Store: w.store,
	}
	w.conn.Install(opts)
	passivate(w, opts)
	var err error
	w.engine, err = session.New(opts)
	require.NoError(w, err)
	require.NoError(w, w.conn.Open(w.engine, link))
	if opts.Store != nil {
		w.recovered, err = w.engine.Recover(w.Context())
		require.NoError(w, err)
	}
	w.clock.Advance(0)
	if !w.unplugged {
		require.NoError(w, w.conn.Ready(w.Context()))
	}
	w.Cleanup(func() {
		assert.NoError(w, w.conn.Close())
		assert.NoError(w, w.engine.Shutdown(context.Background()))
		assert.NoError(w, link.Close())
	})
}

// reopen has another connector take the place of the first one, with other settings.
func (w *world) reopen(set func(*fm.Options)) {
	require.NoError(w, w.conn.Close())
	w.set = set
	w.open(w.link, "5000", "5001", "7001", "7002")
}

// Application implements fm.Applications.
func (w *world) Application(dn string, _ *telephony.CallAttributes) (session.Application, error) {
	return session.Application{URLs: w.apps[dn], Params: w.params}, w.refuse
}

// Fetch implements session.Fetcher.
func (w *world) Fetch(_ context.Context, url string, _ int64) ([]byte, error) {
	if text, ok := w.files[url]; ok {
		return []byte(text), nil
	}
	return nil, fmt.Errorf("%s: no such document", url)
}

func (w *world) call(c sim.Caller) telephony.ConnID {
	w.Helper()
	id, err := w.sw.Call("5000", c)
	require.NoError(w, err)
	w.clock.Advance(0)
	return id
}

func (w *world) expect(lines ...string) {
	w.Helper()
	assert.Equal(w, strings.Join(lines, "\n"), strings.Join(w.log, "\n"))
	w.log = nil
}

// strategy wraps states into a document; its first state is the first one.
func strategy(states string) string {
	return opening() + `
  xmlns:ixn="http://www.genesyslab.com/modules/interaction" xmlns:dialog="www.genesyslab.com/modules/dialog">
<datamodel><data id="req"/><data id="ixn"/></datamodel>` + states + `</scxml>`
}

// watch is a parallel region that logs every event with its data.
const watch = `<state id="watch"><transition event="*">
  <log expr="_event.name + ' ' + JSON.stringify(_event.data)"/></transition></state>`

func TestCallIsPlayedToAndRouted(t *testing.T) {
	w := newWorld(t, strategy(`
<state id="wait">
  <onentry><log expr="'start ' + _genesys.ixn.interactions.length + ' ' + _genesys.ixn.firstixnid"/></onentry>
  <transition event="interaction.added">
    <assign location="ixn" expr="_event.data.interactionid"/>
    <log expr="_event.data.focusdeviceid + ' ' + (ixn == _genesys.ixn.interactions[0].g_uid) + ' ' + _genesys.ixn.interactions[ixn].voice.ani"/>
  </transition>
  <transition event="interaction.onrouterequest" cond="_event.data.interactionid == ixn" target="play"/>
</state>
<state id="play">
  <onentry><dialog:play requestid="req" interactionid="ixn" language="'English (US)'">
    <dialog:prompts type="ann"><dialog:prompt intid="17" interrupt="true"/><dialog:prompt text="'Hello ' + ixn.length"/></dialog:prompts>
  </dialog:play><log expr="'id written: ' + (typeof req)"/></onentry>
  <transition event="dialog.play.requestid" cond="_event.data.requestid == req"><log expr="'accepted ' + _event.origin"/></transition>
  <transition event="dialog.play.done" cond="_event.data.requestid == req" target="route"/>
</state>
<state id="route">
  <onentry><ixn:redirect requestid="req" interactionid="ixn" from="'5000'" to="'7001'" hints="({extensions: {skill: 'sales', n: 3}})"/></onentry>
  <transition event="interaction.redirect.done" cond="_event.data.requestid == req"><log expr="'routed'"/></transition>
  <transition event="interaction.partystatechanged"><log expr="(function () {
    var out = [], p = _genesys.ixn.interactions[ixn].parties;
    for (var i in p) out.push(p[i].device + '/' + p[i].devicetype + '/' + p[i].state + '/' + p[i].agentid);
    return _event.data.focusdeviceid + ' [' + out.join() + ']'; })()"/></transition>
  <transition event="interaction.deleted" target="end"><log expr="'gone ' + _event.data.resultof + ' ' + _genesys.ixn.interactions.length"/></transition>
</state>
<final id="end"/>`))
	var treatment *telephony.EventTreatmentApplied
	var requests []string
	w.link.Subscribe(func(e telephony.Event) {
		switch e := e.(type) {
		case *telephony.EventTreatmentApplied:
			treatment = e
		case *telephony.EventAttachedDataChanged:
			requests = append(requests, e.UserData.String())
		}
	})
	w.call(sim.Caller{ANI: "0301234567", UserData: telephony.KVList{{Key: "vip", Value: telephony.Int(1)}}})
	w.expect("s1: start 0 undefined", "s1: 5000 true 0301234567", "s1: id written: string", "s1: accepted fm:dialog")
	require.NotNil(t, treatment)
	assert.Equal(t, []string{`{"vip": 1, "OP-Session-ID": "s1"}`}, requests)
	w.clock.Advance(2 * time.Second)
	w.expect("s1: routed", "s1: 7001 [7001/agent/alerting/ann]")
	w.clock.Advance(2 * time.Minute)
	w.expect("s1: 7001 [7001/agent/connected/ann]", "s1: gone undefined 0")
	result, err := w.engine.Wait(t.Context(), "s1")
	require.NoError(t, err)
	assert.Equal(t, session.Finished, result.Reason)
}

// Objects and actions are the same on both engines.
func TestEngines(t *testing.T) {
	for name, lang := range map[string]datamodel.Language{"goja": goja.New(nil), "otto": otto.New(nil)} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, lang, strategy(`<state id="s">
  <transition event="interaction.onrouterequest"><assign location="ixn" expr="_genesys.ixn.firstixnid"/>
    <ixn:redirect requestid="req" to="({dn: '7001'})"/></transition>
  <transition event="interaction.redirect.done" cond="_event.data.requestid == req">
    <log expr="_genesys.ixn.interactions[0].voice.type + ' ' + _genesys.ixn.interactions[ixn].udata.vip +
      ' ' + typeof _genesys.ixn.interactions[ixn].msgbased + ' ' + (_genesys.ixn.interactions['none'] === undefined)"/></transition>
  <transition event="interaction.partystatechanged">
    <log expr="_genesys.ixn.interactions[ixn].parties['7001'].state + ' ' + ('7001' in _genesys.ixn.interactions[ixn].parties) +
      ' ' + ('5000' in _genesys.ixn.interactions[ixn].parties)"/></transition>
  <transition event="interaction.deleted" target="end"/></state><final id="end"/>`))
			w.call(sim.Caller{UserData: telephony.KVList{{Key: "vip", Value: telephony.Int(1)}}})
			w.clock.Advance(time.Hour)
			w.expect("s1: inbound 1 undefined true", "s1: alerting true false", "s1: connected true false")
			assert.Zero(t, w.engine.Len())
		})
	}
}

func TestCallerGivesUp(t *testing.T) {
	w := newWorld(t, strategy(`<parallel>`+watch+`<state id="go">
  <transition event="interaction.onrouterequest"><dialog:play requestid="req">
    <dialog:prompts><dialog:prompt number="'042'"/></dialog:prompts></dialog:play></transition>
  <transition event="interaction.deleted"><script>req = _genesys.ixn.interactions.length</script><log expr="'left: ' + req"/></transition>
</state></parallel>`))
	w.call(sim.Caller{Patience: time.Second})
	w.log = nil
	w.clock.Advance(time.Minute)
	id := "00010000000000010000000000000001"
	w.expect(`s1: interaction.abandoned {"interactionid":"`+id+`"}`, `s1: interaction.deleted {"interactionid":"`+id+`"}`, `s1: left: 0`)
}

// Errors of actions, each told by its event.
func TestActionsFail(t *testing.T) {
	play := `<dialog:play><dialog:prompts><dialog:prompt %s/></dialog:prompts></dialog:play>`
	for _, c := range []struct {
		name, do, event, code, description string
	}{
		{"no such interaction", `<ixn:redirect interactionid="'x'" to="'7001'"/>`, "error.interaction.redirect", "invalidstate.null", "no such interaction"},
		{"no destination", `<ixn:redirect to="undefined"/>`, "error.interaction.redirect", "invaliddestination", "names no DN"},
		{"resource without dn", `<ixn:redirect to="({agent: 'ann'})"/>`, "error.interaction.redirect", "invaliddestination", "names no DN"},
		{"other source", `<ixn:redirect from="'5001'" to="'7001'"/>`, "error.interaction.redirect", "invalidsource", "waits at 5000, not at 5001"},
		{"refused", `<ixn:redirect to="'4711'"/>`, "error.interaction.redirect", "remote", "no such DN 4711"},
		{"refused resource", `<ixn:redirect to="({dn: '7001', 'switch': 'Paris'})"/>`, "error.interaction.redirect", "remote", "no such location Paris"},
		{"unknown type", `<ixn:redirect to="'7001'" type="'Sideways'"/>`, "error.interaction.redirect", "unknown", "is not a route type"},
		{"twice", `<ixn:redirect to="'7001'"/><ixn:redirect to="'7001'"/>`, "error.interaction.redirect", "invalidstate.routed", "does not wait"},
		{"play after redirect", `<ixn:redirect to="'7001'"/>` + fmt.Sprintf(play, `intid="1"`), "error.dialog.play", "invalidstate.routed", "does not wait"},
		{"other device", `<dialog:play device="'5001'"><dialog:prompts><dialog:prompt intid="1"/></dialog:prompts></dialog:play>`, "error.dialog.play", "invalidattribute", "not at the device 5001"},
		{"no number", fmt.Sprintf(play, `intid="'seven'"`), "error.dialog.play", "invalidattribute", `prompt 1: intid "seven" is not an integer`},
		{"empty text", fmt.Sprintf(play, `text="''"`), "error.dialog.play", "invalidattribute", "text is empty"},
		{"replaced", fmt.Sprintf(play+play, `intid="1"`, `intid="2"`), "error.dialog.play", "cancelled", "another treatment"},
		{"script error", `<ixn:redirect to="nobody.knows"/>`, []string{"error.execution", "error.illegalvalue.ReferenceError"}[dialect], "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, strategy(`<state id="s"><transition event="interaction.onrouterequest">`+c.do+`</transition>
  <transition event="error"><log expr="_event.name"/><log expr="_event.data.error"/><log expr="_event.data.description"/><log expr="typeof _event.data.requestid"/></transition></state>`))
			w.call(sim.Caller{})
			w.clock.Advance(0)
			require.GreaterOrEqual(t, len(w.log), 4, w.log)
			assert.Equal(t, "s1: "+c.event, w.log[0])
			if c.code != "" {
				assert.Equal(t, "s1: "+c.code, w.log[1])
				assert.Contains(t, w.log[2], c.description)
				assert.Equal(t, "s1: string", w.log[3])
			}
		})
	}
}

// The destination does not answer: the call comes back to the same session.
func TestNoAnswer(t *testing.T) {
	w := newWorld(t, strategy(`<datamodel><data id="n" expr="0"/></datamodel><state id="s">
  <transition event="interaction.onrouterequest"><assign location="n" expr="n + 1"/>
    <ixn:redirect to="n == 1 ? '7002' : '7001'"/></transition>
  <transition event="interaction.partystatechanged"><log expr="_event.data.focusdeviceid"/></transition>
  <transition event="interaction.deleted" target="end"/></state><final id="end"/>`))
	w.call(sim.Caller{})
	w.clock.Advance(9 * time.Second)
	w.expect("s1: 7002")
	w.clock.Advance(time.Hour)
	w.expect("s1: 7002", "s1: 5000", "s1: 7001", "s1: 7001")
	assert.Zero(t, w.engine.Len())
}

// A DN that nobody registered is out of sight: the call is over for the session.
func TestRoutedOutOfSight(t *testing.T) {
	w := newWorld(t, strategy(`<parallel>`+watch+`<state id="s">
  <transition event="interaction.onrouterequest"><ixn:redirect to="9000"/></transition></state></parallel>`))
	w.call(sim.Caller{})
	require.Len(t, w.log, 4)
	assert.Contains(t, w.log[2], "interaction.redirect.done")
	assert.Contains(t, w.log[3], "interaction.deleted")
}

// With detach the next routing point starts a session of its own.
func TestDetach(t *testing.T) {
	w := newWorld(t, strategy(`<parallel>`+watch+`<state id="s">
  <transition event="interaction.onrouterequest"><ixn:redirect to="'5001'" detach="true"/></transition></state></parallel>`))
	w.files["mem:b"] = strategy(`<state id="s"><transition event="interaction.added"><log expr="_event.data.focusdeviceid"/></transition>
  <transition event="interaction.onrouterequest"><ixn:redirect to="'7001'"/></transition></state>`)
	w.apps["5001"] = []string{"mem:b"}
	w.call(sim.Caller{})
	require.Len(t, w.log, 5, w.log)
	assert.Contains(t, w.log[2], "s1: interaction.redirect.done")
	assert.Contains(t, w.log[3], `s1: interaction.deleted {"interactionid":"00010000000000010000000000000001","resultof":"detach"}`)
	assert.Equal(t, "s2: 5001", w.log[4])
	w.log = nil
	w.clock.Advance(time.Hour)
	w.expect()
	assert.Zero(t, w.sw.Calls())
}

// A document that cannot be used gives way to the next one; without any, the
// call is left alone.
func TestDocumentCannotBeUsed(t *testing.T) {
	w := newWorld(t, strategy(`<state id="s"><transition event="interaction.added"><log expr="'a'"/></transition></state>`))
	w.files["mem:broken"] = "<scxml"
	w.apps["5000"] = []string{"mem:none", "mem:broken", "mem:a"}
	w.call(sim.Caller{})
	w.expect("s1: a")
	w.apps["5000"] = []string{"mem:none", "mem:broken"}
	id := w.call(sim.Caller{})
	w.expect()
	w.apps["5000"] = nil
	w.call(sim.Caller{})
	assert.Equal(t, 1, w.engine.Len())
	require.NoError(t, w.sw.HangUp(id))
	w.clock.Advance(0)
}

// One arrival of a call is tried, and told of, once; the next one is tried again.
func TestRefusalIsToldOnce(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, "<scxml")
	w.reopen(func(o *fm.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	w.call(sim.Caller{})
	assert.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	assert.Contains(t, log.String(), "no session")
	log.Reset()

	w.apps["5000"], w.refuse = nil, errors.New("section Application is missing")
	w.call(sim.Caller{})
	assert.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
	assert.Contains(t, log.String(), "section Application is missing")
	log.Reset()

	// The document is mended while the call rings; then nobody answers.
	w.refuse, w.apps["5000"] = nil, []string{"mem:none", "mem:broken"}
	id := w.call(sim.Caller{})
	assert.Equal(t, 2, strings.Count(log.String(), "\n"), log.String()) // each document once
	w.apps["5000"], w.files["mem:b"] = []string{"mem:b"}, strategy(`<state id="s">
  <transition event="interaction.onrouterequest"><log expr="'again'"/></transition></state>`)
	w.link.Send(&telephony.RequestRouteCall{ThisDN: "5000", ConnID: id, Destination: "7002"},
		func(_ telephony.Event, err error) { assert.NoError(t, err) })
	w.clock.Advance(20 * time.Second)
	w.expect("s3: again")
}

func TestParameters(t *testing.T) {
	w := newWorld(t, strategy(`<datamodel><data id="skill"/></datamodel><state id="s"><onentry><log expr="skill"/></onentry></state>`))
	w.params = map[string]string{"skill": "sales", "other": "ignored"}
	w.call(sim.Caller{})
	w.expect("s1: sales")
}

func TestUserDataChanges(t *testing.T) {
	w := newWorld(t, strategy(`<state id="s"><transition event="interaction.udata.changed">
  <log expr="[_genesys.ixn.getuData('a'), _genesys.ixn.interactions[0].udata.list.x, _genesys.ixn.getuData('none'),
    _genesys.ixn.getMediaIntValue('TMediaEMail'), _genesys.ixn.mediaType.TMediaChat].join()"/></transition></state>`))
	id := w.call(sim.Caller{})
	w.expect()
	w.link.Send(&telephony.RequestUpdateUserData{ThisDN: "5000", ConnID: id, UserData: telephony.KVList{
		{Key: "a", Value: telephony.Int(5)}, {Key: "list", Value: telephony.List(telephony.KVList{{Key: "x", Value: telephony.String("y")}})}}},
		func(_ telephony.Event, err error) { assert.NoError(t, err) })
	w.clock.Advance(0)
	w.expect("s1: 5,y,,2,5")
}

// The switch routes a call that it was not told about: the strategy learns that
// the call left.
func TestDefaultRouting(t *testing.T) {
	w := newWorld(t, strategy(`<parallel>`+watch+`<state id="s">
  <transition event="late"><ixn:redirect to="'7001'"/></transition>
  <transition event="interaction.onrouterequest">`+later("late", "10s")+`</transition></state></parallel>`))
	require.NoError(t, w.sw.AddRoutePoint("5002", sim.RoutePoint{Timeout: 5 * time.Second, Default: "7002"}))
	w.apps["5002"] = []string{"mem:a"}
	_, err := telephonyDo(w, &telephony.RequestRegisterAddress{ThisDN: "5002"})
	require.NoError(t, err)
	_, err = w.sw.Call("5002", sim.Caller{})
	require.NoError(t, err)
	w.clock.Advance(time.Minute)
	require.Len(t, w.log, 5, w.log)
	assert.Contains(t, w.log[2], `interaction.partystatechanged {"interactionid":"00010000000000010000000000000001","focusdeviceid":"7002"}`)
	assert.Contains(t, w.log[4], `"error":"invalidstate.ringing"`)
}

func telephonyDo(w *world, req telephony.Request) (e telephony.Event, err error) {
	w.link.Send(req, func(got telephony.Event, e2 error) { e, err = got, e2 })
	w.clock.Advance(0)
	return e, err
}

// After the link was lost the DNs are registered again and calls go on.
func TestLinkLost(t *testing.T) {
	w := newWorld(t, strategy(`<state id="s">
  <transition event="interaction.onrouterequest"><ixn:redirect to="'7001'"/></transition>
  <transition event="again"><ixn:redirect to="'7001'"/></transition>
  <transition event="*"><log expr="_event.name + ' ' + _event.data.error"/></transition></state>`))
	w.sw.SetConnected(false)
	w.clock.Advance(0)
	w.sw.SetConnected(true)
	w.clock.Advance(0)
	w.call(sim.Caller{})
	w.expect("s1: interaction.added undefined", "s1: interaction.redirect.done undefined", "s1: interaction.partystatechanged undefined")
}

// A session that ends leaves its call to the switch; nothing of it remains.
func TestSessionEndsFirst(t *testing.T) {
	w := newWorld(t, strategy(`<state id="s"><transition event="interaction.added" target="end"/></state><final id="end"/>`))
	id := w.call(sim.Caller{})
	assert.Zero(t, w.engine.Len())
	require.NoError(t, w.sw.HangUp(id))
	w.clock.Advance(0)
	assert.Zero(t, w.sw.Calls())
}

// A call whose session fails stays where it is until the switch acts; when it
// comes back to a DN with an application there is a new session.
func TestSessionFailsWhileTheCallWaits(t *testing.T) {
	w := newWorld(t, strategy(`<state id="s"><onentry><log expr="'start'"/></onentry>
  <transition event="interaction.onrouterequest" target="loop"/></state>
  <state id="loop"><transition target="loop"/></state>`))
	require.NoError(t, w.sw.AddRoutePoint("5002", sim.RoutePoint{Timeout: 5 * time.Second, Default: "7002", RingTimeout: 10 * time.Second}))
	w.apps["5002"] = []string{"mem:a"}
	_, err := telephonyDo(w, &telephony.RequestRegisterAddress{ThisDN: "5002"})
	require.NoError(t, err)
	_, err = w.sw.Call("5002", sim.Caller{})
	require.NoError(t, err)
	w.clock.Advance(4 * time.Second)
	assert.Zero(t, w.engine.Len())
	assert.Equal(t, 1, w.sw.Calls())
	w.expect("s1: start")
	w.clock.Advance(10 * time.Second) // it rings at 7002
	w.expect()
	w.clock.Advance(2 * time.Second)
	w.expect("s2: start")
}

func TestManyCalls(t *testing.T) {
	if passive == "boltstore" { // thousands of steps, one after the other
		passive = "memstore"
		defer func() { passive = "boltstore" }()
	}
	w := newWorld(t, strategy(`<state id="s">
  <transition event="interaction.onrouterequest"><dialog:play><dialog:prompts><dialog:prompt intid="1"/></dialog:prompts></dialog:play></transition>
  <transition event="dialog.play.done"><ixn:redirect to="'7001'"/></transition>
  <transition event="error.interaction.redirect">`+later("dialog.play.done", "5s")+`</transition>
  <transition event="interaction.deleted" target="end"/></state><final id="end"/>`))
	for range 50 {
		_, err := w.sw.Call("5000", sim.Caller{})
		require.NoError(t, err)
	}
	w.clock.Advance(2 * time.Hour)
	assert.Zero(t, w.engine.Len())
	assert.Zero(t, w.sw.Calls())
}

// deaf is a link that can do nothing but report calls.
type deaf struct{ telephony.Link }

func (deaf) Capabilities() telephony.Capabilities { return telephony.CanMonitor }

func TestLinkThatCannot(t *testing.T) {
	w := newWorld(t, "")
	require.NoError(t, w.conn.Close())
	w.files["mem:b"] = strategy(`<parallel>` + watch + `<state id="s"><transition event="interaction.onrouterequest"><ixn:redirect to="'7001'"/>
  <dialog:play><dialog:prompts><dialog:prompt intid="1"/></dialog:prompts></dialog:play></transition></state></parallel>`)
	w.apps["5000"] = []string{"mem:b"}
	link := deaf{w.sw.Connect()}
	w.open(link, "5000")
	w.call(sim.Caller{})
	require.Len(t, w.log, 5)
	assert.Contains(t, w.log[2], `"error":"unknown","description":"the link cannot route calls"`)
	assert.Contains(t, w.log[4], `"error":"unknown","description":"the link cannot apply treatments"`)
}

func TestOpenAndClose(t *testing.T) {
	w := newWorld(t, strategy(`<state id="s"><transition event="go"><ixn:redirect to="'7001'"/></transition>
  <transition event="error"><log expr="_event.name + ' ' + _event.data.error"/></transition></state>`))
	require.ErrorContains(t, w.conn.Open(w.engine, w.link), "is open")
	w.call(sim.Caller{})
	require.NoError(t, w.conn.Close())
	require.NoError(t, w.conn.Close())
	require.ErrorContains(t, w.conn.Open(w.engine, w.link), "is closed")
	require.NoError(t, w.engine.Send(t.Context(), "s1", &scxml.Event{Name: "go"}))
	w.clock.Advance(0)
	w.expect("s1: error.interaction.redirect unknown")

	mute := fm.NewConnector(w, nil)
	require.ErrorContains(t, mute.Open(w.engine, silent{w.link}), "the link reports no calls: it can none")

	missing := fm.NewConnector(w, &fm.Options{DNs: []string{"5000", "1234"}, Clock: w.clock})
	require.NoError(t, missing.Open(w.engine, w.link))
	w.clock.Advance(0)
	require.ErrorContains(t, missing.Ready(t.Context()), "registering DN 1234")
	require.NoError(t, missing.Close())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, mute.Ready(ctx), context.Canceled)
}

type silent struct{ telephony.Link }

func (silent) Capabilities() telephony.Capabilities { return 0 }

func TestDiagnostics(t *testing.T) {
	for do, want := range map[string]string{
		`<ixn:redirect/>`:                          "<redirect> needs the attribute to",
		`<ixn:redirect to="1" too="2"/>`:           "<redirect> has no attribute too; it is ignored",
		`<ixn:transfer/>`:                          "<transfer> is no action of the interaction module",
		`<dialog:sing/>`:                           "<sing> is no action of the dialog module",
		`<dialog:play/>`:                           "<play> needs 1 <prompts> inside",
		`<ixn:redirect to="1"><x/></ixn:redirect>`: "<x> may not stand inside <redirect>",
		`<dialog:play><dialog:prompts><dialog:prompt/></dialog:prompts></dialog:play>`:                                         "<prompt> needs one of the attributes",
		`<dialog:play><dialog:prompts><dialog:prompt intid="1" text="2"/></dialog:prompts></dialog:play>`:                      "<prompt> needs one of the attributes",
		`<dialog:play><dialog:prompts>` + strings.Repeat(`<dialog:prompt intid="1"/>`, 11) + `</dialog:prompts></dialog:play>`: "more than 10 <prompt> in <prompts>",
	} {
		doc, err := scxml.Parse(t.Context(), []byte(strategy(`<state><onentry>`+do+`</onentry></state>`)), &scxml.ParseOptions{
			Languages: []datamodel.Language{goja.New(nil)}, Modules: fm.Modules()})
		var found []scxml.Diagnostic
		var pe *scxml.ParseError
		if err == nil {
			found = doc.Warnings()
		} else {
			require.ErrorAs(t, err, &pe)
			found = pe.Diagnostics
		}
		var messages []string
		for _, d := range found {
			messages = append(messages, d.Message)
			assert.NotZero(t, d.Pos.Line)
		}
		assert.Contains(t, strings.Join(messages, "\n"), want, do)
	}
}

// The objects of a session survive a snapshot at any moment.
func TestSnapshot(t *testing.T) {
	m := fm.Modules()[0]
	before := m.NewState(nil)
	state := datamodel.NewObject(datamodel.Member{Name: "g_uid", Value: "x"}, datamodel.Member{Name: "udata",
		Value: datamodel.NewObject(datamodel.Member{Name: "n", Value: 5.0})})
	before.Deliver(&datamodel.Event{Context: datamodel.NewObject(
		datamodel.Member{Name: "interactionid", Value: "x"}, datamodel.Member{Name: "interaction", Value: state})})
	before.Deliver(&datamodel.Event{Name: "unrelated"})
	snapshot, err := before.Snapshot(nil)
	require.NoError(t, err)
	after := m.NewState(nil)
	require.NoError(t, after.Restore(snapshot))
	ixn := after.Globals()["_genesys.ixn"].(datamodel.HostObject)
	list, _ := ixn.Get("interactions")
	one, ok := list.(datamodel.HostObject).Get("x")
	require.True(t, ok)
	udata, _ := one.(datamodel.HostObject).Get("udata")
	n, _ := udata.(datamodel.HostObject).Get("n")
	assert.Equal(t, 5.0, n)
	_, ok = list.(datamodel.HostObject).Get("y")
	assert.False(t, ok)
	again, err := after.Snapshot(nil)
	require.NoError(t, err)
	assert.Equal(t, snapshot, again)
	for _, bad := range [][]byte{nil, {1}, snapshot[:len(snapshot)-1], append(append([]byte{}, snapshot...), 0)} {
		assert.Error(t, m.NewState(nil).Restore(bad))
	}
}
