package fm_test

import (
	"context"
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

// newMail is a center with a queue "inbox" whose strategy does the actions, a
// queue "archive", and agents who accept and do not.
func newMail(t testing.TB, actions map[string]string) *world {
	w := newCenter(t, actions)
	w.apps["inbox"] = []string{"mem:a"}
	w.server.AddQueue("inbox", sim.InteractionQueue{Strategy: true, View: "all"})
	w.server.AddQueue("archive", sim.InteractionQueue{})
	w.server.AddAgent("eva", sim.InteractionAgent{AcceptAfter: time.Second, HandleTime: time.Minute})
	w.server.AddAgent("fay", sim.InteractionAgent{Reject: true})
	return w
}

func (w *world) submit(i telephony.Interaction) {
	w.Helper()
	if i.Queue == "" {
		i.Queue = "inbox"
	}
	_, err := w.server.Submit(i)
	require.NoError(w, err)
	w.clock.Advance(0)
}

func mail(id string) telephony.Interaction {
	return telephony.Interaction{ID: id, TenantID: 7, MediaType: "email", Type: "Inbound", Subtype: "InboundNew", ExternalID: "x1",
		Server: "mailbox", UserData: telephony.KVList{{Key: "subject", Value: telephony.String("Hello")}}}
}

const mailState = `(function () { var i = _genesys.ixn.interactions[0];
	return [i.g_uid, i.tenantid, i.location.media_server, i.xdata.ixn_queue_view, typeof i.voice, typeof i.chat, i.msgbased.media, i.msgbased.type,
		i.msgbased.queue, i.msgbased.externalID, i.udata.subject].join(); })()`

func TestMultimediaInteraction(t *testing.T) {
	w := newMail(t, map[string]string{
		"show":  show(mailState),
		"set":   `<script>_genesys.ixn.setuData({done: 1})</script>`,
		"drop":  `<script>_genesys.ixn.deleteuData()</script>`,
		"queue": `<ixn:placeinqueue requestid="req" queue="'archive'"/>`,
		"none":  `<ixn:placeinqueue queue="'nowhere'"/>`,
		"hold":  `<ixn:hold/>`,
		"count": show(`_genesys.ixn.interactions.length`),
	})
	w.submit(mail("m1"))
	assert.Equal(t, []string{`s1: i.added {"id":"m1","focusdeviceid":"inbox"}`, `s1: i.present {"id":"m1"}`}, w.said("x"))
	w.says("s1", "show", "s1: m1,7,mailbox,all,undefined,undefined,TMediaEMail,InboundNew,inbox,x1,Hello")
	kept, ok := w.server.Interaction("m1")
	require.True(t, ok)
	assert.Equal(t, "s1", kept.UserData.Text(fm.SessionKey))
	w.says("s1", "set", `s1: i.udata.changed {"id":"m1"}`)
	kept, _ = w.server.Interaction("m1")
	assert.Equal(t, "1", kept.UserData.Text("done"))
	w.says("s1", "drop", `s1: i.udata.changed {"id":"m1"}`)
	kept, _ = w.server.Interaction("m1")
	assert.Equal(t, `{"OP-Session-ID": "s1"}`, kept.UserData.String())
	w.says("s1", "none", `s1: error.msgbased.placeinqueue {"error":"remote","description":"no such queue nowhere"}`)
	w.says("s1", "hold", `s1: error.voice.hold {"error":"invalidstate.routed","description":"no party of the call is in the right state"}`)
	w.says("s1", "queue", `s1: msgbased.placeinqueue.done {"id":"m1"}`, `s1: i.deleted {"id":"m1","resultof":"notcontrolled"}`,
		`s1: i.notcontrolled {"id":"m1"}`)
	w.says("s1", "count", "s1: 0")
	kept, _ = w.server.Interaction("m1")
	assert.Equal(t, "archive", kept.Queue)
}

// What a session puts into a queue with a strategy gets a session of its own.
func TestPlaceInQueueOfAnotherStrategy(t *testing.T) {
	w := newMail(t, map[string]string{"queue": `<ixn:redirect from="_genesys.ixn.firstixnid" to="'inbox'"/>`})
	w.submit(mail("m1"))
	w.log = nil
	w.says("s1", "queue", `s1: i.redirect.done {"id":"m1"}`, `s1: i.deleted {"id":"m1","resultof":"notcontrolled"}`,
		`s1: i.notcontrolled {"id":"m1"}`, `s2: i.added {"id":"m1","focusdeviceid":"inbox"}`, `s2: i.present {"id":"m1"}`)
}

func TestWorkbinStopAndTerminate(t *testing.T) {
	w := newMail(t, map[string]string{
		"workbin":  `<ixn:placeinworkbin requestid="req" workbin="'drafts'" owner="'eva'"/>`,
		"bin":      `<ixn:redirect to="({workbin: 'drafts', agent: 'eva'})"/>`,
		"stop":     `<ixn:stop requestid="req" reason="'done'"/>`,
		"end":      `<ixn:terminate requestid="req"/>`,
		"accept":   `<ixn:accept requestid="req"/>`,
		"from":     `<ixn:redirect from="'elsewhere'" to="'archive'"/>`,
		"nowhere":  `<ixn:redirect to="({})"/>`,
		"contents": `<ixn:getcontent/>`,
	})
	w.submit(mail("m1"))
	w.log = nil
	w.says("s1", "from", `s1: error.i.redirect {"error":"invalidsource","description":"the interaction is not at elsewhere"}`)
	w.says("s1", "nowhere", `s1: error.i.redirect {"error":"invaliddestination","description":"attribute to names no queue, workbin, agent or place"}`)
	w.says("s1", "contents", `s1: error.chat.getcontent {"error":"invalidstate","description":"the interaction is no chat"}`)
	w.says("s1", "accept", `s1: i.accept.done {"id":"m1"}`, `s1: i.present {"id":"m1"}`)
	lines := w.does("s1", "workbin")
	assert.Equal(t, `s1: msgbased.placeinworkbin.done {"id":"m1"}`, lines[0])
	w.submit(mail("m2"))
	assert.Equal(t, `s2: i.redirect.done {"id":"m2"}`, w.does("s2", "bin")[0])
	w.submit(mail("m3"))
	w.says("s3", "stop", `s3: msgbased.stop.done {"id":"m3"}`, `s3: i.deleted {"id":"m3"}`)
	w.submit(mail("m4"))
	w.log = nil
	w.says("s4", "end", `s4: i.terminate.done {"id":"m4"}`, `s4: i.deleted {"id":"m4"}`)
	assert.Equal(t, 2, w.server.Interactions())
}

func TestDeliverToAgent(t *testing.T) {
	w := newMail(t, map[string]string{
		"rejected": `<ixn:redirect to="({agent: 'fay'})"/>`,
		"accepted": `<ixn:redirect to="({agent: 'eva'})"/>`,
	})
	w.submit(telephony.Interaction{ID: "c1", MediaType: "chat"})
	w.log = nil
	w.says("s1", "rejected", `s1: error.i.redirect {"error":"remote","description":"fay has not accepted the interaction"}`)
	w.says("s1", "accepted")
	w.clock.Advance(time.Second)
	assert.Equal(t, []string{`s1: i.partyadded {"id":"c1","focusdeviceid":"eva"}`, `s1: i.redirect.done {"id":"c1"}`,
		`s1: i.deleted {"id":"c1","resultof":"notcontrolled"}`, `s1: i.notcontrolled {"id":"c1"}`}, w.said("x"))
	w.clock.Advance(time.Minute)
	assert.Zero(t, w.server.Interactions())
}

// A voice session makes a message beside its call, sends it and ends it.
func TestCreateAndSendMessage(t *testing.T) {
	w := newMail(t, map[string]string{
		"create": `<ixn:createmessage requestid="req" interactionid="_genesys.ixn.firstixnid" type="auto_response" srid="'sr5'" to="'a@example.com'"
			subject="'Your call'" content="({lang: 'en'})" udata="({k: 1})"/>`,
		"send":  `<ixn:sendmessage requestid="req" interactionid="_genesys.ixn.interactions[1].g_uid"/>`,
		"again": `<ixn:sendmessage interactionid="_genesys.ixn.interactions[0].g_uid"/>`,
		"show": show(`[_genesys.ixn.interactions.length, typeof _genesys.ixn.interactions[0].voice, _genesys.ixn.interactions[1].msgbased.type,
			_genesys.ixn.interactions[1].parentid == _genesys.ixn.interactions[0].g_uid, _genesys.ixn.getuData('k', _genesys.ixn.interactions[1].g_uid)].join()`),
		"chat": `<ixn:createmessage media="'TMediaChat'" interactionid="'none'"/>`,
	})
	w.call(sim.Caller{})
	lines := w.does("s1", "create")
	require.Len(t, lines, 2)
	assert.Equal(t, `s1: i.added {"id":"IXN0000000000001","focusdeviceid":""}`, lines[0])
	assert.Equal(t, `s1: msgbased.createmessage.done {"id":"IXN0000000000001","srid":"sr5"}`, lines[1])
	w.says("s1", "show", "s1: 2,object,OutboundAutoResponse,true,1")
	w.says("s1", "send", `s1: msgbased.sendmessage.done {"id":"IXN0000000000001"}`)
	sent := w.server.Sent()
	require.Len(t, sent, 1)
	assert.Equal(t, `{"lang": "en", "to": "a@example.com", "subject": "Your call", "srid": "sr5"}`, sent[0].Content.String())
	w.says("s1", "again", `s1: error.msgbased.sendmessage {"error":"invalidstate","description":"the interaction is a call"}`)
	for _, id := range []string{"f1", "f2"} {
		_, err := w.server.Submit(telephony.Interaction{ID: id, MediaType: "email", Queue: "archive"})
		require.NoError(t, err)
	}
	w.says("s1", "create", `s1: error.msgbased.createmessage {"error":"Request Invalid","description":"sim: too many interactions: 3"}`)
	w.says("s1", "chat", `s1: error.msgbased.createmessage {"error":"Request Invalid","description":"the session has no such interaction"}`)
}

// Without an interaction server the actions say so.
func TestNoInteractionServer(t *testing.T) {
	w := newWorld(t, acting(map[string]string{"create": `<ixn:createmessage/>`}))
	w.call(sim.Caller{})
	w.says("s1", "create", `s1: error.msgbased.createmessage {"error":"Request Invalid","description":"there is no interaction server"}`)
}

// away is a server that cannot be reached.
type away struct {
	telephony.InteractionServer
	clock session.Clock
}

func (a away) Send(_ telephony.InteractionRequest, outcome func(telephony.Interaction, error)) {
	a.clock.AfterFunc(0, func() { outcome(telephony.Interaction{}, telephony.ErrLinkDown) })
}

func TestInteractionServerIsAway(t *testing.T) {
	w := &world{TB: t, lang: goja.New(nil), clock: session.NewVirtualClock(time.Unix(0, 0)), away: true, apps: map[string][]string{"5000": {"mem:a"}},
		files: map[string]string{"mem:a": acting(map[string]string{"create": `<ixn:createmessage/>`})}}
	equip(w, &sim.Options{Clock: w.clock}).call(sim.Caller{})
	w.says("s1", "create", `s1: error.msgbased.createmessage {"error":"Timeout","description":"telephony: link to the switch is down"}`)
}

// An effect that is carried out again is not carried out twice.
func TestRepeatedEffect(t *testing.T) {
	w := newCenter(t, nil)
	o := &session.Options{}
	other := fm.NewConnector(w, &fm.Options{Clock: w.clock})
	other.Install(o)
	_, err := w.engine.Start(t.Context(), session.StartRequest{URL: "mem:a", SessionID: "rest"})
	require.NoError(t, err)
	require.NoError(t, other.Open(w.engine, w.sw.Connect()))
	t.Cleanup(func() { assert.NoError(t, other.Close()) })
	w.clock.Advance(0)
	effect := &session.ModuleCall{Effect: session.EffectID{Session: "rest", Macrostep: 3, Index: 1}, Session: session.Info{ID: "rest"},
		ModuleCall: &scxml.ModuleCall{Namespace: fm.InteractionNamespace, Name: "hold", RequestID: "r", Args: datamodel.NewObject()}}
	h := o.Modules[fm.InteractionNamespace]
	for range 3 {
		require.NoError(t, h.Call(context.Background(), effect))
	}
	effect.Effect.Index++
	require.NoError(t, h.Call(context.Background(), effect))
	w.clock.Advance(0)
	assert.Len(t, w.log, 2, strings.Join(w.log, "\n"))
}
