package fm_test

import (
	"context"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// id1 and id2 are the ids of the first calls.
const (
	id1 = "00010000000000010000000000000001"
	id2 = "00010000000000020000000000000002"
)

// acting is a strategy that logs every event and runs an action when the event
// of its name comes.
func acting(actions map[string]string) string {
	names := make([]string, 0, len(actions))
	for name := range actions {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString(`<parallel>` + watch + `<state id="act">`)
	for _, name := range names {
		b.WriteString(`<transition event="` + name + `">` + actions[name] + `</transition>`)
	}
	b.WriteString(`</state></parallel>`)
	return strategy(b.String())
}

// newCenter has routing points 5000 and 5001, of which 5000 has the document;
// 7001 and 7002, who answer at once, 7003, who does after a second, and 7004, who does not.
func newCenter(t testing.TB, actions map[string]string) *world {
	w := &world{TB: t, lang: goja.New(nil), clock: session.NewVirtualClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		files: map[string]string{"mem:a": acting(actions)}, apps: map[string][]string{"5000": {"mem:a"}}}
	return equip(w, &sim.Options{Clock: w.clock})
}

func equip(w *world, opts *sim.Options) *world {
	t := w.TB
	w.sw = sim.New(opts)
	w.server = sim.NewInteractionServer(&sim.InteractionServerOptions{Clock: w.clock, MaxInteractions: 3})
	require.NoError(t, w.sw.AddRoutePoint("5000", sim.RoutePoint{}))
	require.NoError(t, w.sw.AddRoutePoint("5001", sim.RoutePoint{}))
	require.NoError(t, w.sw.AddExtension("7001", sim.Extension{AgentID: "ann"}))
	require.NoError(t, w.sw.AddExtension("7002", sim.Extension{AgentID: "bob"}))
	require.NoError(t, w.sw.AddExtension("7003", sim.Extension{AgentID: "cid", AnswerAfter: time.Second}))
	require.NoError(t, w.sw.AddExtension("7004", sim.Extension{AgentID: "dan", AnswerAfter: -1}))
	w.link = w.sw.Connect()
	w.open(w.link, "5000", "5001", "7001", "7002", "7003", "7004")
	return w
}

var anyRequestID = regexp.MustCompile(`"requestid":"[^"]*",?`)

// does sends an event to a session and returns what it logged then, without
// request ids and the event itself.
func (w *world) does(id, event string) []string {
	w.Helper()
	w.log = nil
	require.NoError(w, w.engine.Send(context.Background(), id, &scxml.Event{Name: event}))
	w.clock.Advance(0)
	return w.said(event)
}

func (w *world) said(not string) []string {
	var lines []string
	for _, line := range w.log {
		if strings.Contains(line, ": "+not+" undefined") {
			continue
		}
		line = anyRequestID.ReplaceAllString(line, "")
		line = strings.NewReplacer(id1, "ONE", id2, "TWO", "interaction.", "i.", `"interactionid":`, `"id":`).Replace(line)
		lines = append(lines, line)
	}
	w.log = nil
	return lines
}

func (w *world) says(id, event string, lines ...string) {
	w.Helper()
	assert.Equal(w, strings.Join(lines, "\n"), strings.Join(w.does(id, event), "\n"))
}

const route7001 = `<ixn:redirect to="'7001'"/>`

// show logs an expression over the interactions.
func show(expr string) string { return `<log expr="` + expr + `"/>` }

func TestHoldAndRetrieve(t *testing.T) {
	w := newCenter(t, map[string]string{
		"interaction.onrouterequest": route7001,
		"hold":                       `<ixn:hold requestid="req"/>`,
		"retrieve":                   `<ixn:retrieve requestid="req" device="'7001'"/>`,
		"signal":                     `<ixn:sendsignal signal="'12#'"/>`,
		"bad":                        `<ixn:sendsignal signal="'x'"/>`,
		"state":                      show(`_genesys.ixn.interactions[0].parties['7001'].state`),
	})
	w.call(sim.Caller{ANI: "030"})
	w.says("s1", "retrieve", `s1: error.voice.retrieve {"error":"remote","description":"call 0001000000000001 is not in the right state at DN 7001"}`)
	w.says("s1", "hold", `s1: voice.hold.done {"id":"ONE"}`, `s1: i.partystatechanged {"id":"ONE","focusdeviceid":"7001"}`)
	w.says("s1", "state", `s1: held`)
	w.says("s1", "hold", `s1: error.voice.hold {"error":"invalidstate.hold","description":"no party of the call is in the right state"}`)
	w.says("s1", "retrieve", `s1: voice.retrieve.done {"id":"ONE"}`, `s1: i.partystatechanged {"id":"ONE","focusdeviceid":"7001"}`)
	w.says("s1", "state", `s1: connected`)
	w.says("s1", "signal", `s1: voice.sendsignal.done {"id":"ONE"}`)
	w.says("s1", "bad", `s1: error.voice.sendsignal {"error":"unknown","description":"telephony: RequestSendDTMF: attribute DTMFDigits holds what is no tone"}`)
}

func TestTerminateAndAccept(t *testing.T) {
	w := newCenter(t, map[string]string{
		"route":  `<ixn:redirect to="'7004'"/>`,
		"accept": `<ixn:accept requestid="req" resource="({dn: '7004'})"/>`,
		"end":    `<ixn:terminate requestid="req" reason="'enough'"/>`,
		"gone":   `<ixn:terminate interactionid="'` + id1 + `'"/>`,
	})
	w.call(sim.Caller{})
	w.says("s1", "accept", `s1: error.i.accept {"error":"remote","description":"call 0001000000000001 is not at DN 7004"}`)
	w.says("s1", "end", `s1: i.terminate.done {"id":"ONE"}`, `s1: i.deleted {"id":"ONE"}`)
	w.says("s1", "gone", `s1: error.i.terminate {"error":"invalidstate.null","description":"the session has no such interaction"}`)
	assert.Zero(t, w.sw.Calls())

	w.call(sim.Caller{})
	w.says("s2", "route", `s2: i.redirect.done {"id":"TWO"}`, `s2: i.partystatechanged {"id":"TWO","focusdeviceid":"7004"}`)
	w.says("s2", "accept", `s2: i.accept.done {"id":"TWO"}`, `s2: i.partystatechanged {"id":"TWO","focusdeviceid":"7004"}`)
	w.says("s2", "end", `s2: i.terminate.done {"id":"TWO"}`, `s2: i.deleted {"id":"TWO"}`)
	assert.Zero(t, w.sw.Calls())
}

// A session without an interaction makes a call.
func TestCreateCall(t *testing.T) {
	w := newCenter(t, map[string]string{
		"call":        `<ixn:createcall requestid="req" from="'7001'" to="({dn: '7002'})" type="regular" udata="({why: 'callback', n: 5})"/>`,
		"nofrom":      `<ixn:createcall from="''" to="'7002'"/>`,
		"noto":        `<ixn:createcall from="'7001'" to="undefined"/>`,
		"predictive":  `<ixn:createcall from="'7001'" to="'7002'" type="predictive"/>`,
		"bad":         `<ixn:createcall from="'5000'" to="'7002'" type="predictive" timeout="'soon'"/>`,
		"nobody":      `<ixn:createcall from="'7001'" to="'4711'"/>`,
		"show":        show(`[_genesys.ixn.interactions[0].udata.why, _genesys.ixn.interactions[0].udata.n, _genesys.ixn.interactions[0].voice.type, _genesys.ixn.interactions[0].tenantid, _genesys.ixn.interactions[0].location.media_server, _genesys.ixn.interactions[0].udata['OP-Session-ID']].join()`),
		"interaction": "",
	})
	_, err := w.engine.Start(t.Context(), session.StartRequest{URL: "mem:a", SessionID: "rest"})
	require.NoError(t, err)
	w.clock.Advance(0)
	const failed = `rest: error.voice.createcall {"error":`
	w.says("rest", "nofrom", failed+`"invalidsource","description":"attribute from names no DN"}`)
	w.says("rest", "noto", failed+`"invaliddestination","description":"attribute to names no DN"}`)
	w.says("rest", "predictive", failed+`"unknown","description":"no such routing point or ACD queue 7001"}`)
	w.says("rest", "bad", failed+`"unknown","description":"attribute timeout: \"soon\" is no number"}`)
	w.says("rest", "nobody", failed+`"unknown","description":"no such DN 4711"}`)
	lines := w.does("rest", "call")
	require.GreaterOrEqual(t, len(lines), 4)
	assert.Equal(t, []string{`rest: i.added {"id":"ONE","focusdeviceid":"7001"}`, `rest: voice.createcall.done {"id":"ONE"}`,
		`rest: i.partystatechanged {"id":"ONE","focusdeviceid":"7002"}`, `rest: i.partystatechanged {"id":"ONE","focusdeviceid":"7002"}`}, lines[:4])
	w.says("rest", "show", "rest: callback,5,internal,1,sim,rest")
	require.NoError(t, w.sw.HangUp(0x0001000000000001))
	w.clock.Advance(0)
	assert.Contains(t, strings.Join(w.said("x"), "\n"), `rest: i.deleted {"id":"ONE"}`)
}

// A predictive call comes to the routing point when it is answered, for the
// session that has made it.
func TestPredictiveCall(t *testing.T) {
	w := newCenter(t, map[string]string{
		"call":   `<ixn:createcall requestid="req" from="'5000'" to="'030'" type="predictive" timeout="5" udata="({n: 5})"/>`,
		"other":  `<ixn:createcall requestid="req" from="'5000'" to="'031'" type="predictive" timeout="5"/>`,
		"nobody": `<ixn:createcall from="'5000'" to="'039'" type="predictive"/>`,
		"route":  route7001, "show": show("_genesys.ixn.interactions[0].udata.n"),
	})
	require.NoError(t, w.sw.AddOutside("030", sim.Outside{AnswerAfter: 2 * time.Second, TalkTime: time.Minute}))
	require.NoError(t, w.sw.AddOutside("031", sim.Outside{AnswerAfter: -1}))
	_, err := w.engine.Start(t.Context(), session.StartRequest{URL: "mem:a", SessionID: "rest"})
	require.NoError(t, err)
	w.clock.Advance(0)
	w.says("rest", "call", `rest: i.added {"id":"ONE","focusdeviceid":"5000"}`, `rest: voice.createcall.done {"id":"ONE"}`)
	w.says("rest", "show", "rest: 5")
	w.clock.Advance(2 * time.Second)
	assert.Contains(t, w.said(""), `rest: i.onrouterequest {"id":"ONE"}`)
	assert.Equal(t, `rest: i.redirect.done {"id":"ONE"}`, w.does("rest", "route")[0])
	require.NoError(t, w.sw.HangUp(0x0001000000000001))
	w.clock.Advance(0)
	assert.Contains(t, w.said(""), `rest: i.deleted {"id":"ONE"}`)
	assert.Contains(t, w.does("rest", "other"), `rest: voice.createcall.done {"id":"TWO"}`)
	w.clock.Advance(15 * time.Second) // it rings for 5; OrphanTimeout is 10
	assert.Contains(t, w.said(""), `rest: i.deleted {"id":"TWO"}`)
	w.says("rest", "nobody", `rest: error.voice.createcall {"error":"unknown","description":"nobody outside has the number 039"}`)
	assert.Zero(t, w.ids, "no session was started for the calls")
}

// talking is a call of the first session, connected at 7001.
func talking(t *testing.T, actions map[string]string) *world {
	actions["interaction.onrouterequest"] = route7001
	actions["count"] = show(`_genesys.ixn.interactions.length + ' ' + (function () {
		var out = [], all = _genesys.ixn.interactions;
		for (var i = 0; i != all.length; i++) { var p = all[i].parties, list = [];
			for (var d in p) list.push(d + '/' + p[d].state); out.push(all[i].voice.connid.slice(-1) + ': ' + list.join()); }
		return out.join(' | '); })()`)
	w := newCenter(t, actions)
	w.call(sim.Caller{ANI: "030", UserData: telephony.KVList{{Key: "who", Value: telephony.String("caller")}}})
	w.log = nil
	return w
}

func TestTwoStepTransfer(t *testing.T) {
	w := talking(t, map[string]string{
		"begin":     `<ixn:initiatetransfer requestid="req" to="'7002'" udata="({note: 'x'})"/>`,
		"alternate": `<ixn:alternate/>`,
		"complete":  `<ixn:completetransfer requestid="req"/>`,
		"data":      show(`_genesys.ixn.getuData('who') + _genesys.ixn.getuData('note')`),
		"parent":    show(`(_genesys.ixn.interactions[1].parentid == _genesys.ixn.interactions[0].g_uid) + ' ' + _genesys.ixn.interactions[1].voice.type`),
	})
	w.says("s1", "complete", `s1: error.voice.completetransfer {"error":"invalidstate.routed","description":"the call has no consult call in this session"}`)
	lines := w.does("s1", "begin")
	assert.Contains(t, lines, `s1: i.added {"id":"TWO","focusdeviceid":"7001"}`)
	assert.Contains(t, lines, `s1: voice.initiatetransfer.done {"id":"ONE","consultid":"TWO"}`)
	assert.Contains(t, lines, `s1: i.partystatechanged {"id":"TWO","focusdeviceid":"7002"}`)
	w.says("s1", "parent", "s1: true consult")
	w.says("s1", "count", "s1: 2 1: 7001/held | 2: 7001/connected,7002/connected")
	assert.Contains(t, w.does("s1", "alternate"), `s1: voice.alternate.done {"id":"ONE"}`)
	w.says("s1", "count", "s1: 2 1: 7001/connected | 2: 7001/held,7002/connected")
	lines = w.does("s1", "complete")
	assert.Equal(t, `s1: voice.completetransfer.done {"id":"ONE"}`, lines[0])
	text := strings.Join(lines, "\n")
	assert.Contains(t, text, `s1: i.onmerge {"id":"ONE","frominteractionid":"TWO","tointeractionid":"ONE"}`+"\n"+`s1: i.deleted {"id":"TWO","resultof":"merge"}`)
	w.says("s1", "count", "s1: 1 1: 7002/connected")
	w.says("s1", "data", "s1: callerx")
	assert.Equal(t, 1, w.sw.Calls())
	require.NoError(t, w.sw.HangUp(0x0001000000000001))
	w.clock.Advance(0)
	assert.Equal(t, []string{`s1: i.deleted {"id":"ONE"}`}, w.said("x"))
}

func TestConference(t *testing.T) {
	w := talking(t, map[string]string{
		"begin":    `<ixn:initiateconference requestid="req" to="'7002'" interactionid="_genesys.ixn.firstixnid"/>`,
		"complete": `<ixn:completeconference consultid="'` + id2 + `'" device="'7001'"/>`,
		"third":    `<ixn:singlestepconference to="'7003'"/>`,
		"busy":     `<ixn:singlestepconference to="'7002'"/>`,
		"leave":    `<ixn:terminate resource="'7002'"/>`,
	})
	assert.Contains(t, w.does("s1", "begin"), `s1: voice.initiateconference.done {"id":"ONE","consultid":"TWO"}`)
	lines := w.does("s1", "complete")
	assert.Contains(t, lines, `s1: voice.completeconference.done {"id":"ONE"}`)
	assert.Contains(t, lines, `s1: i.partyadded {"id":"ONE","focusdeviceid":"7002"}`)
	assert.Contains(t, lines, `s1: i.onmerge {"id":"ONE","frominteractionid":"TWO","tointeractionid":"ONE"}`)
	w.says("s1", "count", "s1: 1 1: 7001/connected,7002/connected")
	w.says("s1", "busy", `s1: error.voice.singlestepconference {"error":"remote","description":"DN 7002 is busy"}`)
	lines = w.does("s1", "third")
	assert.Equal(t, `s1: voice.singlestepconference.done {"id":"ONE"}`, lines[0])
	w.clock.Advance(time.Second)
	w.says("s1", "count", "s1: 1 1: 7001/connected,7002/connected,7003/connected")
	lines = w.does("s1", "leave")
	assert.Contains(t, lines, `s1: i.terminate.done {"id":"ONE"}`)
	w.says("s1", "count", "s1: 1 1: 7001/connected,7003/connected")
}

// What happens at a DN that nobody has registered is told by those in the call.
func TestPartiesOutOfSight(t *testing.T) {
	w := newWorld(t, acting(map[string]string{
		"interaction.onrouterequest": route7001,
		"join":                       `<ixn:singlestepconference to="'9002'"/>`,
		"consult":                    `<ixn:initiatetransfer to="'9001'"/>`,
		"hold":                       `<ixn:hold interactionid="'` + id2 + `'"/>`,
	}))
	require.NoError(t, w.sw.AddExtension("9001", sim.Extension{AnswerAfter: -1}))
	require.NoError(t, w.sw.AddExtension("9002", sim.Extension{TalkTime: time.Second}))
	w.call(sim.Caller{})
	w.clock.Advance(5 * time.Second)
	assert.Contains(t, w.does("s1", "join"), `s1: i.partyadded {"id":"ONE","focusdeviceid":"9002"}`)
	w.clock.Advance(time.Second)
	assert.Contains(t, w.said(""), `s1: i.partydeleted {"id":"ONE","focusdeviceid":"9002"}`)
	assert.Contains(t, w.does("s1", "consult"), `s1: voice.initiatetransfer.done {"id":"ONE","consultid":"TWO"}`)
	w.says("s1", "hold", `s1: error.voice.hold {"error":"invalidstate.transferring","description":"no party of the call is in the right state"}`)
}

func TestMerge(t *testing.T) {
	w := talking(t, map[string]string{
		"begin":     `<ixn:initiatetransfer to="'7002'"/>`,
		"merge":     `<ixn:merge requestid="req" type="conference"/>`,
		"badtarget": `<ixn:initiatetransfer to="''"/>`,
	})
	w.says("s1", "badtarget", `s1: error.voice.initiatetransfer {"error":"invaliddestination","description":"attribute to names no DN"}`)
	w.does("s1", "begin")
	lines := w.does("s1", "merge")
	assert.Contains(t, lines, `s1: voice.merge.done {"id":"ONE"}`)
	w.says("s1", "count", "s1: 1 1: 7001/connected,7002/connected")
}

func TestSingleStepTransfer(t *testing.T) {
	w := talking(t, map[string]string{"transfer": `<ixn:singlesteptransfer requestid="req" to="'7002'"/>`})
	lines := w.does("s1", "transfer")
	assert.Equal(t, `s1: voice.singlesteptransfer.done {"id":"ONE"}`, lines[0])
	w.says("s1", "count", "s1: 1 1: 7002/connected")
}

// An agent consults a routing point: the consult call has a session of its own,
// which attaches the call on hold once that is free; completing the transfer merges them.
func TestConsultCallToRoutingPoint(t *testing.T) {
	for _, attach := range []bool{true, false} {
		w := talking(t, map[string]string{"detach": `<ixn:detach requestid="req"/>`})
		w.files["mem:b"] = acting(map[string]string{
			"attach": `<ixn:attach requestid="req" interactionid="_genesys.ixn.interactions[0].parentid"/>`,
			"route":  `<ixn:redirect interactionid="_genesys.ixn.firstixnid" to="'7003'"/>`,
			"none":   `<ixn:attach interactionid="'none'"/>`,
		})
		w.apps["5001"] = []string{"mem:b"}
		consult := &telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: 0x0001000000000001, Destination: "5001"}
		_, err := telephonyDo(w, consult)
		require.NoError(t, err)
		assert.Equal(t, []string{`s1: i.partystatechanged {"id":"ONE","focusdeviceid":"7001"}`,
			`s2: i.added {"id":"TWO","focusdeviceid":"5001"}`, `s2: i.onrouterequest {"id":"TWO"}`}, w.said("x"))
		w.says("s2", "none", `s2: error.i.attach {"error":"invalidstate.null","description":"there is no such interaction"}`)
		w.says("s2", "attach", `s2: error.i.attach {"error":"invalidstate","description":"the interaction belongs to another session"}`)
		w.says("s1", "detach", `s1: i.detach.done {"id":"ONE"}`, `s1: i.deleted {"id":"ONE","resultof":"detach"}`)
		w.says("s1", "detach", `s1: error.i.detach {"error":"invalidstate.null","description":"the session has no such interaction"}`)
		if attach {
			assert.Equal(t, `s2: i.attach.done {"id":"ONE"}`, w.does("s2", "attach")[0])
		}
		_, err = telephonyDo(w, &telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: 0x0001000000000002, TransferConnID: 0x0001000000000001})
		require.NoError(t, err)
		text := strings.Join(w.said("x"), "\n")
		assert.Contains(t, text, `s2: i.onmerge {"id":"ONE","frominteractionid":"TWO","tointeractionid":"ONE"}`+"\n"+`s2: i.deleted {"id":"TWO","resultof":"merge"}`)
		lines := w.does("s2", "route")
		assert.Equal(t, `s2: i.redirect.done {"id":"ONE"}`, lines[0])
		w.clock.Advance(time.Second)
		assert.Equal(t, 1, w.sw.Calls())
	}
}

// The parent call is out of sight: it can be attached all the same, and is seen
// again when the calls merge.
func TestParentOutOfSight(t *testing.T) {
	w := newCenter(t, map[string]string{
		"attach": `<ixn:attach interactionid="_genesys.ixn.interactions[0].parentid"/>`,
		"count":  show(`_genesys.ixn.interactions.length + ' ' + _genesys.ixn.interactions[0].voice.connid`),
		"route":  `<ixn:redirect to="'7003'"/>`,
	})
	id, err := w.sw.Call("7001", sim.Caller{}) // nobody's application
	require.NoError(t, err)
	_, err = telephonyDo(w, &telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: id, Destination: "5000"})
	require.NoError(t, err)
	w.log = nil
	w.says("s1", "attach", `s1: i.attach.done {"id":"0001000000000001"}`)
	_, err = telephonyDo(w, &telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: id + 1, TransferConnID: id})
	require.NoError(t, err)
	w.says("s1", "count", "s1: 1 0001000000000001")
	assert.Equal(t, `s1: i.redirect.done {"id":"0001000000000001"}`, w.does("s1", "route")[0])

	// Without attaching it the consult call goes on under the new ConnID.
	w = newCenter(t, map[string]string{"count": show(`_genesys.ixn.interactions.length + ' ' + _genesys.ixn.interactions[0].voice.connid`)})
	id, err = w.sw.Call("7001", sim.Caller{})
	require.NoError(t, err)
	_, err = telephonyDo(w, &telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: id, Destination: "5000"})
	require.NoError(t, err)
	_, err = telephonyDo(w, &telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: id + 1, TransferConnID: id})
	require.NoError(t, err)
	assert.Contains(t, strings.Join(w.said("x"), "\n"), `s1: i.onmerge {"id":"TWO","frominteractionid":"TWO","tointeractionid":"TWO"}`)
	w.says("s1", "count", "s1: 1 0001000000000001")
}

// The call on hold keeps its session: both hear of the merge.
func TestMergeIntoCallOfAnotherSession(t *testing.T) {
	w := talking(t, map[string]string{"route": `<ixn:redirect to="'7003'"/>`})
	w.files["mem:b"] = acting(map[string]string{"count": show(`_genesys.ixn.interactions.length`)})
	w.apps["5001"] = []string{"mem:b"}
	_, err := telephonyDo(w, &telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: 0x0001000000000001, Destination: "5001"})
	require.NoError(t, err)
	w.log = nil
	// The first session would route by itself.
	_, err = telephonyDo(w, &telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: 0x0001000000000002, TransferConnID: 0x0001000000000001})
	require.NoError(t, err)
	text := strings.Join(w.said("x"), "\n")
	assert.Contains(t, text, `s2: i.onmerge {"id":"ONE","frominteractionid":"TWO","tointeractionid":"ONE"}`+"\n"+`s2: i.deleted {"id":"TWO","resultof":"merge"}`)
	assert.Contains(t, text, `s1: i.onmerge {"id":"ONE","frominteractionid":"TWO","tointeractionid":"ONE"}`+"\n"+`s1: i.onrouterequest {"id":"ONE"}`)
	w.says("s2", "count", "s2: 0")
}

func TestAssociate(t *testing.T) {
	w := newCenter(t, map[string]string{
		"give":  `<ixn:associate requestid="req" sessionid="'rest'"/>`,
		"self":  `<ixn:associate sessionid="_sessionid"/>`,
		"none":  `<ixn:associate sessionid="'nobody'"/>`,
		"route": route7001,
		"count": show(`_genesys.ixn.interactions.length`),
		"owner": show(`_genesys.ixn.getuData('OP-Session-ID')`),
	})
	_, err := w.engine.Start(t.Context(), session.StartRequest{URL: "mem:a", SessionID: "rest"})
	require.NoError(t, err)
	w.call(sim.Caller{})
	w.says("s1", "self", `s1: i.associate.done {"id":"ONE"}`)
	w.says("s1", "none", `s1: error.i.associate {"error":"unknown","description":"there is no session \"nobody\""}`)
	lines := w.does("s1", "give")
	assert.ElementsMatch(t, []string{`s1: i.associate.done {"id":"ONE"}`, `s1: i.deleted {"id":"ONE","resultof":"associate"}`,
		`s1: i.notcontrolled {"id":"ONE"}`, `rest: i.added {"id":"ONE","focusdeviceid":"5000"}`, `rest: i.present {"id":"ONE"}`,
		`rest: i.onrouterequest {"id":"ONE"}`}, lines)
	w.says("s1", "count", "s1: 0")
	w.says("rest", "count", "rest: 1")
	w.says("rest", "owner", "rest: rest")
	w.says("s1", "route", `s1: error.i.redirect {"error":"invalidstate.null","description":"the session has no such interaction"}`)
	assert.Equal(t, `rest: i.redirect.done {"id":"ONE"}`, w.does("rest", "route")[0])
}

// Detach, redirect by id, and attach again when that fails.
func TestDetachRedirectAttach(t *testing.T) {
	w := newCenter(t, map[string]string{
		"detach": `<assign location="ixn" expr="_genesys.ixn.firstixnid"/><ixn:detach interactionid="ixn"/>`,
		"bad":    `<ixn:redirect interactionid="ixn" to="'4711'"/>`,
		"attach": `<ixn:attach interactionid="ixn"/>`,
		"route":  `<ixn:redirect interactionid="ixn" to="'5001'"/>`,
		"count":  show(`_genesys.ixn.interactions.length + ' ' + _genesys.ixn.getuData('OP-Session-ID')`),
	})
	w.files["mem:b"] = acting(nil)
	w.apps["5001"] = []string{"mem:b"}
	w.call(sim.Caller{})
	w.does("s1", "detach")
	w.says("s1", "bad", `s1: error.i.redirect {"error":"remote","description":"no such DN 4711"}`)
	w.says("s1", "attach", `s1: i.attach.done {"id":"ONE"}`)
	w.says("s1", "count", "s1: 1 s1")
	w.does("s1", "detach")
	w.says("s1", "route", `s1: i.redirect.done {"id":"ONE"}`, `s2: i.added {"id":"ONE","focusdeviceid":"5001"}`, `s2: i.onrouterequest {"id":"ONE"}`)
}

func TestUserDataFunctions(t *testing.T) {
	w := newCenter(t, map[string]string{
		"set": `<script>_genesys.ixn.setuData({a: 1, 'b-c': 'x', list: {k: 'v'}, half: 1.5})</script>
			<log expr="[_genesys.ixn.getuData('a'), _genesys.ixn.interactions[0].udata['b-c'], _genesys.ixn.getuData('list').k, _genesys.ixn.getuData('half'), _genesys.ixn.getuData('who')].join()"/>`,
		"again":                     `<script>_genesys.ixn.setuData({a: 1}, _genesys.ixn.firstixnid)</script>`,
		"drop":                      `<script>_genesys.ixn.deleteuData('a')</script><log expr="typeof _genesys.ixn.getuData('a')"/>`,
		"clear":                     `<script>_genesys.ixn.deleteuData()</script><log expr="JSON.stringify(_genesys.ixn.interactions[0].udata)"/>`,
		"bad":                       `<script>_genesys.ixn.setuData('x')</script>`,
		"none":                      `<script>_genesys.ixn.setuData({a: 1}, 'none')</script>`,
		"interaction.udata.changed": show(`Object.keys(_genesys.ixn.interactions[0].udata).join()`),
	})
	id := w.call(sim.Caller{UserData: telephony.KVList{{Key: "who", Value: telephony.String("w")}}})
	w.log = nil
	w.says("s1", "set", "s1: 1,x,v,1.5,w", `s1: i.udata.changed {"id":"ONE"}`, "s1: who,OP-Session-ID,a,b-c,list,half")
	w.says("s1", "again", `s1: i.udata.changed {"id":"ONE"}`, "s1: who,OP-Session-ID,a,b-c,list,half")
	w.says("s1", "drop", "s1: undefined", `s1: i.udata.changed {"id":"ONE"}`, "s1: who,OP-Session-ID,b-c,list,half")
	lines := w.does("s1", "clear")
	assert.Equal(t, `s1: {"OP-Session-ID":"s1"}`, lines[0])
	assert.Contains(t, lines, "s1: OP-Session-ID")
	for _, name := range []string{"bad", "none"} {
		lines := w.does("s1", name)
		require.Len(t, lines, 1)
		assert.Contains(t, lines[0], []string{"error.execution", "error.script.Error"}[dialect])
	}
	// A change that the switch refuses is taken back.
	require.NoError(t, w.sw.HangUp(id)) // first: the session does not wait for Advance
	require.NoError(t, w.engine.Send(t.Context(), "s1", &scxml.Event{Name: "again"}))
	w.clock.Advance(0)
	assert.Contains(t, strings.Join(w.said("again"), "\n"), `s1: error.i.setudata {"error":"remote"`)
}

func TestMediaValues(t *testing.T) {
	w := newCenter(t, map[string]string{"values": show(`[_genesys.ixn.getMediaIntValue('TMediaVoice'), _genesys.ixn.getMediaIntValue('TMediaSMS'),
		_genesys.ixn.getMediaIntValue('none'), _genesys.ixn.mediaType.TMediaWorkItem, typeof _genesys.ixn.firstixnid, _genesys.ixn.interactions.length].join()`)})
	_, err := w.engine.Start(t.Context(), session.StartRequest{URL: "mem:a", SessionID: "rest"})
	require.NoError(t, err)
	w.says("rest", "values", "rest: 0,17,-1,11,undefined,0")
}

// A change of user data that has not come back yet survives a snapshot, and gives
// way to the state that has it.
func TestSnapshotOfUserData(t *testing.T) {
	object := datamodel.NewObject
	state := func(n float64) *datamodel.Object {
		return object(datamodel.Member{Name: "g_uid", Value: "x"},
			datamodel.Member{Name: "udata", Value: object(datamodel.Member{Name: "n", Value: n}, datamodel.Member{Name: "o", Value: "o"})})
	}
	context := func(n, applied float64) *datamodel.Object {
		return object(datamodel.Member{Name: "interactionid", Value: "x"}, datamodel.Member{Name: "interaction", Value: state(n)},
			datamodel.Member{Name: "applied", Value: applied})
	}
	write := object(datamodel.Member{Name: "interactionid", Value: "x"}, datamodel.Member{Name: "number", Value: 4.0},
		datamodel.Member{Name: "args", Value: object(datamodel.Member{Name: "udata", Value: object(datamodel.Member{Name: "n", Value: 9.0})})})
	snapshot := datamodel.AppendValue(nil, object(datamodel.Member{Name: "interactions", Value: []datamodel.Value{context(1, 0)}},
		datamodel.Member{Name: "last", Value: 4.0}, datamodel.Member{Name: "writes", Value: []datamodel.Value{write}}))
	s := fm.Modules()[0].NewState(nil)
	require.NoError(t, s.Restore(snapshot))
	n := func() datamodel.Value {
		ixn := s.Globals()["_genesys.ixn"].(datamodel.HostObject)
		get, _ := ixn.Get("getuData")
		v, err := get.(datamodel.Func)([]datamodel.Value{"n", "x"})
		require.NoError(t, err)
		return v
	}
	assert.Equal(t, 9.0, n())
	s.Deliver(&datamodel.Event{Context: context(2, 3)})
	assert.Equal(t, 9.0, n(), "an older state does not take the change back")
	again, err := s.Snapshot(nil)
	require.NoError(t, err)
	require.NoError(t, s.Restore(again))
	assert.Equal(t, 9.0, n())
	s.Deliver(&datamodel.Event{Context: context(5, 4)})
	assert.Equal(t, 5.0, n())
	for _, bad := range []*datamodel.Object{
		object(datamodel.Member{Name: "interactionid", Value: "x"}),
		object(datamodel.Member{Name: "number", Value: 1.0}),
	} {
		damaged := datamodel.AppendValue(nil, object(datamodel.Member{Name: "interactions", Value: []datamodel.Value{}},
			datamodel.Member{Name: "last", Value: 4.0}, datamodel.Member{Name: "writes", Value: []datamodel.Value{bad}}))
		assert.ErrorContains(t, s.Restore(damaged), "damaged")
	}
}

// Both spellings of the namespace are the same module.
func TestBareNamespace(t *testing.T) {
	w := newCenter(t, nil)
	w.files["mem:a"] = strings.ReplaceAll(acting(map[string]string{"go": `<ixn:terminate/>`}), "http://www.genesyslab.com", "www.genesyslab.com")
	w.call(sim.Caller{})
	w.says("s1", "go", `s1: i.terminate.done {"id":"ONE"}`, `s1: i.deleted {"id":"ONE"}`)
}

// On a switch that keeps the ConnID of the consult call that call goes on.
func TestConsultCallSurvives(t *testing.T) {
	w := &world{TB: t, lang: goja.New(nil), clock: session.NewVirtualClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		files: map[string]string{"mem:a": acting(map[string]string{"interaction.onrouterequest": route7001}),
			"mem:b": acting(map[string]string{"route": `<ixn:redirect to="'7003'"/>`})},
		apps: map[string][]string{"5000": {"mem:a"}, "5001": {"mem:b"}}}
	equip(w, &sim.Options{Clock: w.clock, KeepConsultConnID: true})
	id := w.call(sim.Caller{})
	_, err := telephonyDo(w, &telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: id, Destination: "5001"})
	require.NoError(t, err)
	w.log = nil
	_, err = telephonyDo(w, &telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: id + 1, TransferConnID: id})
	require.NoError(t, err)
	text := strings.Join(w.said("x"), "\n")
	const merge = `i.onmerge {"id":"TWO","frominteractionid":"ONE","tointeractionid":"TWO"}`
	assert.Contains(t, text, "s1: "+merge+"\n"+`s1: i.deleted {"id":"ONE","resultof":"merge"}`)
	assert.Contains(t, text, "s2: "+merge)
	assert.Equal(t, `s2: i.redirect.done {"id":"TWO"}`, w.does("s2", "route")[0])
	w.clock.Advance(time.Second)
	require.NoError(t, w.sw.HangUp(id+1))
	w.clock.Advance(0)
	assert.Contains(t, w.said("x"), `s2: i.deleted {"id":"TWO"}`)
}

// A link that only reports calls: every action says that it cannot be done.
func TestLinkWithoutCallControl(t *testing.T) {
	w := newCenter(t, nil)
	require.NoError(t, w.conn.Close())
	w.files["mem:b"] = acting(map[string]string{
		"call": `<ixn:createcall from="'7001'" to="'7002'"/>`,
		"end":  `<ixn:terminate/>`,
		"ring": `<ixn:accept resource="'7004'"/>`,
		"move": `<ixn:singlesteptransfer device="'7001'" to="'7002'"/>`,
		"join": `<ixn:singlestepconference device="'7001'" to="'7002'"/>`,
		"both": `<ixn:initiateconference device="'7001'" to="'7002'"/>`,
		"data": `<script>_genesys.ixn.setuData({a: 1})</script>`,
		"show": show(`typeof _genesys.ixn.getuData('a')`),
	})
	w.apps["5000"] = []string{"mem:b"}
	w.open(deaf{w.sw.Connect()}, "5000")
	w.call(sim.Caller{})
	w.says("s1", "call", `s1: error.voice.createcall {"error":"invalidserver","description":"the link cannot make calls"}`)
	w.says("s1", "end", `s1: error.i.terminate {"error":"unknown","description":"the link cannot route calls"}`)
	for event, action := range map[string]string{"ring": "i.accept", "move": "voice.singlesteptransfer", "join": "voice.singlestepconference", "both": "voice.initiateconference"} {
		w.says("s1", event, `s1: error.`+action+` {"error":"unknown","description":"the link cannot do it: it can Monitor"}`)
	}
	w.says("s1", "data", `s1: error.i.setudata {"error":"unknown","description":"the link cannot change user data"}`)
	w.says("s1", "show", "s1: undefined") // the change was taken back
}

// Two calls of one session are two interactions; when one ends the other goes on.
func TestSeveralInteractions(t *testing.T) {
	w := talking(t, map[string]string{"call": `<ixn:createcall from="'7002'" to="'7003'"/>`,
		"list": show(`_genesys.ixn.interactions['` + id2 + `'].parties['7002'].devicetype + ' ' + (_genesys.ixn.interactions['x'] === undefined) + ' ' + Object.keys(_genesys.ixn.interactions).length`)})
	w.does("s1", "call")
	w.clock.Advance(time.Second)
	w.says("s1", "list", "s1: agent true 2")
	require.NoError(t, w.sw.HangUp(0x0001000000000001))
	w.clock.Advance(0)
	assert.Equal(t, []string{`s1: i.deleted {"id":"ONE"}`}, w.said("x"))
	w.says("s1", "count", "s1: 1 2: 7002/connected,7003/connected")
}
