package fm_test

import (
	"context"
	"fmt"
	"regexp"
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
	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// desk is a world with a router: a routing point 5000, Ann with English at 7001
// and Bob with English and Loan at 7002, who answer after 3 s and talk for a minute.
type desk struct {
	testing.TB
	clock  *session.VirtualClock
	sw     *sim.Switch
	router *router.Router
	engine *session.Engine
	conn   *fm.Connector
	doc    string
	ids    int
	log    []string
	treat  func(*telephony.RequestApplyTreatment) sim.Treatment
}

func newDesk(t testing.TB, states string) *desk { return newDeskWith(t, states, nil) }

func newDeskWith(t testing.TB, states string, change func(*fm.Options)) *desk {
	w := &desk{TB: t, clock: session.NewVirtualClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), doc: deskDocument(states), treat: sim.Announce}
	w.sw = sim.New(&sim.Options{Clock: w.clock, Name: "sw", Treat: func(r *telephony.RequestApplyTreatment) sim.Treatment { return w.treat(r) }})
	require.NoError(t, w.sw.AddRoutePoint("5000", sim.RoutePoint{}))
	w.router = router.New(&router.Options{Clock: w.clock})
	for id, a := range map[string]struct {
		dn     string
		skills map[string]int
	}{"ann": {"7001", map[string]int{"English": 7}}, "bob": {"7002", map[string]int{"English": 5, "Loan": 3}}} {
		require.NoError(t, w.sw.AddExtension(a.dn, sim.Extension{AgentID: id, AnswerAfter: 3 * time.Second, TalkTime: time.Minute}))
		require.NoError(t, w.router.SetAgent(router.Agent{ID: id, DN: a.dn, Switch: "sw", Place: "P" + a.dn, Skills: a.skills}))
	}
	opts := &fm.Options{DNs: []string{"5000", "7001", "7002"}, Clock: w.clock, Targets: w.router}
	if change != nil {
		change(opts)
	}
	w.conn = fm.NewConnector(w, opts)
	so := &session.Options{
		Parse:  scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}},
		Loader: w, Workers: 1, Clock: w.clock,
		NewID: func() string { w.ids++; return fmt.Sprintf("s%d", w.ids) },
		Log:   func(id string, e scxml.LogEntry) { w.log = append(w.log, id+": "+e.Text) },
		Trace: witness(w),
	}
	w.conn.Install(so)
	passivate(w, so)
	var err error
	w.engine, err = session.New(so)
	require.NoError(t, err)
	recoverPassive(w, w.engine)
	link := w.sw.Connect()
	require.NoError(t, w.conn.Open(w.engine, link))
	w.clock.Advance(0)
	require.NoError(t, w.conn.Ready(t.Context()))
	t.Cleanup(func() {
		assert.NoError(t, w.conn.Close())
		assert.NoError(t, w.engine.Shutdown(context.Background()))
		assert.NoError(t, link.Close())
	})
	return w
}

// Application implements fm.Applications.
func (w *desk) Application(dn string, _ *telephony.CallAttributes) (session.Application, error) {
	if dn == "5000" || dn == "inbox" {
		return session.Application{URLs: []string{"mem:a"}}, nil
	}
	return session.Application{}, nil
}

// Fetch implements session.Fetcher.
func (w *desk) Fetch(context.Context, string, int64) ([]byte, error) { return []byte(w.doc), nil }

func (w *desk) call() telephony.ConnID {
	w.Helper()
	id, err := w.sw.Call("5000", sim.Caller{})
	require.NoError(w, err)
	w.clock.Advance(0)
	return id
}

func (w *desk) ready(id string) {
	w.Helper()
	require.NoError(w, w.router.SetAgentState(id, router.Ready))
	w.clock.Advance(0)
}

// requestIDs are numbers, in JSON.
var requestIDs = regexp.MustCompile(`"requestid":\d+`)

func (w *desk) expect(lines ...string) {
	w.Helper()
	got := requestIDs.ReplaceAllString(strings.Join(w.log, "\n"), `"requestid":N`)
	assert.Equal(w, strings.Join(lines, "\n"), got)
	w.log = nil
}

func (w *desk) send(name string) {
	w.Helper()
	require.NoError(w, w.engine.Send(w.Context(), "s1", &datamodel.Event{Name: name}))
	w.clock.Advance(0)
}

func deskDocument(states string) string {
	return opening() + `
  xmlns:ixn="http://www.genesyslab.com/modules/interaction" xmlns:dialog="www.genesyslab.com/modules/dialog"
  xmlns:queue="http://www.genesyslab.com/modules/queue">
<datamodel><data id="req"/><data id="ixn"/><data id="res"/></datamodel>` + states + `</scxml>`
}

// submitting executes actions when the call waits at the routing point, and logs
// every event of the queue module.
func submitting(actions string) string {
	return `<parallel id="both">
<state id="do"><transition event="interaction.onrouterequest"><assign location="ixn" expr="_event.data.interactionid"/>` + actions + `</transition>
  <transition event="go.cancel"><queue:cancel requestid="req"/></transition>
  <transition event="go.clear"><queue:cancel interactionid="ixn"/></transition>
  <transition event="go.query"><queue:query requestid="req"/></transition>
  <transition event="go.update"><queue:update requestid="req" priority="9"><dialog:runtreatments><dialog:playsound type="'busy'"/></dialog:runtreatments></queue:update></transition>
  <transition event="go.again">` + actions + `</transition>
  <transition event="queue.submit.done"><assign location="res" expr="_event.data.resource"/></transition>
  <transition event="go.redirect"><ixn:redirect interactionid="ixn" to="res"/></transition></state>
<state id="watch"><transition event="queue.* error.* interaction.redirect.* interaction.abandoned interaction.deleted">
  <log expr="_event.name + ' ' + (_event.data.requestid == req) + ' ' + (_event.data.error || '') + ' ' + (_event.data.description || '')"/></transition></state>
</parallel>`
}

func TestCallWaitsWithTreatmentsForAnAgent(t *testing.T) {
	w := newDesk(t, `
<state id="wait"><transition event="interaction.onrouterequest" target="submit"><assign location="ixn" expr="_event.data.interactionid"/></transition></state>
<state id="submit">
  <onentry>
    <queue:submit requestid="req" interactionid="ixn" queue="'VQ_English'" priority="10" timeout="99999">
      <dialog:runtreatments>
        <dialog:play language="'English (US)'"><dialog:prompts><dialog:prompt intid="1"/></dialog:prompts></dialog:play>
        <dialog:pause duration="2"/>
        <dialog:playsound type="'music'" duration="5"/>
      </dialog:runtreatments>
      <queue:targets type="agentgroup" statserver="'Stat'"><queue:target skillexpr="'English > 4'" weight="1"/></queue:targets>
    </queue:submit>
    <log expr="typeof req"/>
  </onentry>
  <transition event="queue.submit.requestid" cond="_event.data.requestid == req"><log expr="'accepted ' + _event.origin"/></transition>
  <transition event="queue.submit.done" cond="_event.data.requestid == req" target="end"><log expr="JSON.stringify(_event.data)"/></transition>
  <transition event="queue.* error.*"><log expr="_event.name"/></transition>
</state>
<final id="end"/>`)
	var played []string
	at := w.clock.Now()
	w.treat = func(r *telephony.RequestApplyTreatment) sim.Treatment {
		played = append(played, fmt.Sprintf("%s %s", w.clock.Now().Sub(at), r.TreatmentType))
		return sim.Announce(r)
	}
	w.call()
	w.expect("s1: number", "s1: accepted fm:queue")
	w.clock.Advance(12 * time.Second)
	assert.Equal(t, []string{"0s PlayAnnouncement", "4s Music", "9s PlayAnnouncement"}, played)
	assert.Equal(t, map[string]int{"VQ_English": 1}, w.router.Queues())
	w.ready("bob")
	w.expect(`s1: {"requestid":N,"interactionid":"00010000000000010000000000000001","targetselected":"7002@sw.DN",` +
		`"targetcomponentselected":"bob@Stat.A","targetobjectselected":"?:English > 4@Stat.GA","vqselected":"VQ_English",` +
		`"resource":{"dn":"7002","switch":"sw","agent":"bob","place":"P7002","type":"Agent"},` +
		`"access":{"prefix":"","rtype":0,"destination":"7002","location":"sw","dnis":""}}`)
	w.clock.Advance(time.Hour)
	assert.Len(t, played, 3, "nothing is played after the target was found")
	assert.Zero(t, w.sw.Calls())
	assert.Equal(t, router.Stats{Queues: 1}, w.router.Stats())
}

func TestTargetIsSelectedWithoutRouting(t *testing.T) {
	w := newDesk(t, submitting(`<queue:submit requestid="req" interactionid="ixn" route="false"><queue:targets>
		<queue:targetid expr="'Loan@x.DL.GA, ?:Loan > 2@Stat.GA'"/></queue:targets></queue:submit>`))
	w.ready("ann")
	w.ready("bob")
	w.call()
	w.expect("s1: queue.submit.requestid true  ", "s1: queue.submit.done true  ")
	assert.Equal(t, 1, w.router.Stats().Reserved)
	w.send("go.redirect")
	w.expect("s1: interaction.redirect.done false  ")
	assert.Zero(t, w.router.Stats().Reserved)
	w.clock.Advance(time.Minute + 3*time.Second)
	w.expect("s1: interaction.deleted false  ")

	w.call() // this one only selects, and gives the agent back
	w.log = nil
	require.NoError(t, w.engine.Send(t.Context(), "s2", &datamodel.Event{Name: "go.cancel"}))
	w.clock.Advance(0)
	w.expect("s2: queue.cancel.done true  ")
	assert.Zero(t, w.router.Stats().Reserved)
}

// A request that has only selected cannot be cancelled once its target is not
// reserved any more: because the time is over, or the router has given it up.
func TestCancelOfASelectionThatIsOver(t *testing.T) {
	w := newDesk(t, submitting(`<queue:submit requestid="req" interactionid="ixn" route="false"><queue:targets>
		<queue:targetid expr="'ann@.A'"/></queue:targets></queue:submit>`))
	w.ready("ann")
	w.call()
	w.log = nil
	w.clock.Advance(10 * time.Second)
	w.send("go.cancel")
	w.expect("s1: error.queue.cancel true unknown there is no such request, or it has its target already")
	w.send("go.again")
	w.expect("s1: queue.submit.requestid true  ", "s1: queue.submit.done true  ")
	w.router.RemoveAgent("ann")
	w.send("go.cancel")
	w.expect("s1: error.queue.cancel true unknown there is no such request, or it has its target already")
	w.send("go.clear")
	w.expect("s1: queue.cancel.done false  ")
}

func TestTwoCallsNeverGetOneAgent(t *testing.T) {
	w := newDesk(t, submitting(`<queue:submit requestid="req" interactionid="ixn"><queue:targets type="agent">
		<queue:target name="'ann'"/></queue:targets></queue:submit>`))
	w.call()
	w.call()
	w.log = nil
	w.ready("ann")
	w.expect("s1: queue.submit.done true  ")
	w.clock.Advance(time.Minute + 2*time.Second)
	w.expect()
	w.clock.Advance(time.Second)
	w.expect("s1: interaction.deleted false  ", "s2: queue.submit.done true  ")
}

func TestSubmitThatTimesOut(t *testing.T) {
	w := newDesk(t, submitting(`<queue:submit requestid="req" interactionid="ixn" timeout="'10'" clearontimeout="false">
		<queue:targets type="agent"><queue:target name="'ann'"/></queue:targets></queue:submit>`))
	w.call()
	w.clock.Advance(10 * time.Second)
	w.expect("s1: queue.submit.requestid true  ", "s1: error.queue.submit true timeout no target in time")
	w.ready("ann")
	w.expect()
	w.send("go.again")
	w.expect("s1: queue.submit.requestid true  ", "s1: queue.submit.done true  ")
}

func TestSubmitIsQueriedUpdatedAndCancelled(t *testing.T) {
	w := newDesk(t, submitting(`<queue:submit requestid="req" interactionid="ixn" queue="'VQ'">
		<queue:targets type="agent"><queue:target name="'ann'"/></queue:targets></queue:submit>`))
	var played []string
	w.treat = func(r *telephony.RequestApplyTreatment) sim.Treatment {
		played = append(played, r.TreatmentType.String())
		return sim.Announce(r)
	}
	w.call()
	w.clock.Advance(3 * time.Second)
	w.send("go.query")
	w.send("go.update")
	assert.Equal(t, []string{"Busy"}, played)
	w.send("go.cancel")
	w.send("go.cancel")
	w.send("go.query")
	w.send("go.update")
	w.send("go.clear")
	w.expect("s1: queue.submit.requestid true  ", "s1: queue.query.done true  ", "s1: queue.update.done true  ", "s1: queue.cancel.done true  ",
		"s1: error.queue.cancel true unknown there is no such request, or it has its target already",
		"s1: error.queue.query true unknown there is no such request",
		"s1: error.queue.update true unknown there is no such request",
		"s1: queue.cancel.done false  ")
	w.send("go.again")
	w.send("go.clear")
	w.expect("s1: queue.submit.requestid true  ", "s1: queue.cancel.done true  ")
	assert.Zero(t, w.router.Stats().Waiting)
}

func TestQueryTellsTheState(t *testing.T) {
	w := newDesk(t, `<state id="a"><transition event="interaction.onrouterequest">
<queue:submit requestid="req" interactionid="_event.data.interactionid" priority="3" queue="'VQ'"><queue:targets><queue:targetid expr="['ann@.A', 'bob@.A']"/></queue:targets></queue:submit>
<queue:query requestid="req"/></transition>
<transition event="queue.query.done"><log expr="JSON.stringify(_event.data)"/></transition></state>`)
	w.call()
	w.expect(`s1: {"requestid":N,"priority":3,"positioninqueue":1,"invqwaittime":0,"queue":"VQ","waited":0}`)
}

func TestSubmitsThatFail(t *testing.T) {
	for name, c := range map[string]struct{ submit, want string }{
		"target":    {`interactionid="ixn"><queue:targets><queue:targetid expr="'?:English > @.GA'"/></queue:targets>`, `invalidattribute router: the end where a name or a number was expected at character 13 of "?:English > @.GA"`},
		"skill":     {`interactionid="ixn"><queue:targets type="skill"><queue:target name="'a &amp;'"/></queue:targets>`, `invalidattribute attribute skillexpr: router: the end where a name or a number was expected at character 4 of "a &"`},
		"threshold": {`interactionid="ixn"><queue:targets type="agent"><queue:target name="'a'" threshold="'StatAge &lt;'"/></queue:targets>`, `invalidattribute attribute threshold: router: the end where a name or a number was expected at character 10 of "StatAge <"`},
		"weight":    {`interactionid="ixn"><queue:targets type="agent"><queue:target name="'a'" weight="-1"/></queue:targets>`, `invalidattribute attribute weight: -1 is negative`},
		"type":      {`interactionid="ixn"><queue:targets><queue:target name="'a'"/></queue:targets>`, `invalidattribute attribute type is missing in <target> and <targets>`},
		"name":      {`interactionid="ixn"><queue:targets type="agent"><queue:target name="''"/></queue:targets>`, `invalidattribute attribute name is empty`},
		"order":     {`interactionid="ixn" ordertype="'best'"><queue:targets><queue:targetid expr="'a@.A'"/></queue:targets>`, `invalidattribute attribute ordertype: router: "best" is no order: want any, max, min or percentage`},
		"statistic": {`interactionid="ixn" ordertype="'max'" orderstat="'StatMood'"><queue:targets><queue:targetid expr="'a@.A'"/></queue:targets>`, `invalidattribute router: no such statistic: "StatMood"`},
		"priority":  {`interactionid="ixn" priority="0.5"><queue:targets><queue:targetid expr="'a@.A'"/></queue:targets>`, `invalidattribute attribute priority: 0.5 is no integer`},
		"timeout":   {`interactionid="ixn" timeout="-1"><queue:targets><queue:targetid expr="'a@.A'"/></queue:targets>`, `invalidattribute attribute timeout: -1 is negative`},
		"activity":  {`interactionid="ixn"><queue:targets><queue:activity name="''"/></queue:targets>`, `invalidattribute <activity>: attribute name is empty`},
		"workbin":   {`interactionid="ixn"><queue:targets><queue:targetid expr="'a@.A'"/><queue:workbin name="'a'"/></queue:targets>`, `invalidattribute <workbin>: calls have no place in workbins`},
		"no bin":    {`interactionid="ixn"><queue:targets><queue:targetid expr="'a@.A'"/><queue:workbin/></queue:targets>`, `invalidattribute <workbin>: attribute name is empty`},
		"treatment": {`interactionid="ixn"><dialog:runtreatments><dialog:playsound type="'jazz'"/></dialog:runtreatments><queue:targets><queue:targetid expr="'a@.A'"/></queue:targets>`, `invalidattribute <playsound> in <runtreatments>: attribute type: "jazz" is no sound: want one of music, ringback, busy, fastbusy, silence, ran`},
		"call":      {`interactionid="'nobody'"><queue:targets><queue:targetid expr="'a@.A'"/></queue:targets>`, `invalidstate.null the session has no such interaction`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newDesk(t, submitting(`<queue:submit requestid="req" `+c.submit+`</queue:submit>`))
			w.call()
			w.expect("s1: queue.submit.requestid true  ", "s1: error.queue.submit true "+c.want)
			assert.Equal(t, 0, w.router.Stats().Waiting)
		})
	}
}

func TestQueueModuleWithoutRouter(t *testing.T) {
	w := newDeskWith(t, submitting(`<queue:submit requestid="req" interactionid="ixn"><queue:targets><queue:targetid expr="'a@.A'"/></queue:targets></queue:submit>`),
		func(o *fm.Options) { o.Targets = nil })
	w.call()
	w.send("go.cancel")
	w.expect("s1: queue.submit.requestid true  ", "s1: error.queue.submit true unknown no router is connected",
		"s1: error.queue.cancel true unknown no router is connected")
}

func TestCallerWhoGivesUpLeavesNothing(t *testing.T) {
	w := newDesk(t, submitting(`<queue:submit requestid="req" interactionid="ixn"><dialog:runtreatments><dialog:playsound type="'music'"/></dialog:runtreatments>
		<queue:targets><queue:targetid expr="'ann@.A'"/></queue:targets></queue:submit>`))
	id := w.call()
	require.NoError(t, w.sw.HangUp(id))
	w.clock.Advance(0)
	w.expect("s1: queue.submit.requestid true  ", "s1: interaction.abandoned false  ", "s1: interaction.deleted false  ")
	assert.Zero(t, w.router.Stats().Waiting)
	w.ready("ann")
	w.expect()

	w.call()
	require.NoError(t, w.engine.Terminate(t.Context(), "s2"))
	w.clock.Advance(0)
	assert.Zero(t, w.router.Stats().Waiting+w.router.Stats().Reserved)
}

func TestTargetThatTheSwitchRefuses(t *testing.T) {
	w := newDesk(t, submitting(`<queue:submit requestid="req" interactionid="ixn"><queue:targets><queue:targetid expr="'9999@sw.DN, ann@.A'"/></queue:targets></queue:submit>`))
	w.call()
	w.expect("s1: queue.submit.requestid true  ") // 9999 does not exist: back in line
	assert.Equal(t, 1, w.router.Stats().Waiting)
	w.ready("ann")
	w.expect("s1: queue.submit.done true  ")
}

func TestCallThatIsRoutedOtherwise(t *testing.T) {
	w := newDesk(t, submitting(`<queue:submit requestid="req" interactionid="ixn"><queue:targets><queue:targetid expr="'ann@.A'"/></queue:targets></queue:submit>
		<assign location="res" expr="'7002'"/>`))
	w.call()
	w.send("go.redirect")
	w.expect("s1: queue.submit.requestid true  ", "s1: interaction.redirect.done false  ",
		"s1: error.queue.submit true cancelled the call was routed")
	assert.Zero(t, w.router.Stats().Waiting)
}

func TestQueueObjects(t *testing.T) {
	w := newDesk(t, `<state id="a"><transition event="interaction.onrouterequest">
<script>var q = _genesys.queue;</script>
<log expr="[q.rType.RouteTypeUnknown, q.rType.RouteTypeDefault, q.rType.RouteTypeLabel, q.rType.RouteTypeReject, q.rType.RouteTypeDirectAgent, q.rType.RouteTypeGetFromDN].join()"/>
<log expr="[q.overwriteType.UseNone, q.overwriteType.UseANI, q.overwriteType.UseDNIS, q.overwriteType.UseConfig, q.usecapcond.Never, q.usecapcond.Only, q.usecapcond.OnStatError].join()"/>
<log expr="'old: ' + q.excludeAgents('ann, cy') + ', then ' + q.excludeAgents(['ann'])"/>
<log expr="String(q.priorityTuning(true, false, false))"/>
<queue:submit requestid="req"><queue:targets type="skill"><queue:target name="'English > 1'"/></queue:targets></queue:submit></transition>
<transition event="queue.submit.done"><log expr="_event.data.targetcomponentselected"/>
  <script>_genesys.queue.useMediaType('TMediaSmoke')</script></transition>
<transition event="error.execution" target="b"><log expr="'no such media'"/></transition></state>
<state id="b"><onentry><script>_genesys.queue.useCapacity()</script></onentry>
<transition event="error.execution"><log expr="'no capacity'"/></transition></state>`)
	w.ready("ann")
	w.ready("bob")
	w.call()
	w.expect("s1: 0,1,2,7,10,0", "s1: 0,1,2,3,0,1,2", "s1: old: , then ann,cy", "s1: undefined", "s1: bob@.A",
		"s1: no such media", "s1: no capacity")
}

func TestStrategyReadsStatisticsOfTheRouter(t *testing.T) {
	w := newDeskWith(t, `<state id="a"><transition event="interaction.onrouterequest">
<queue:submit requestid="req" queue="'VQ'"><queue:targets><queue:targetid expr="'nobody@.A'"/></queue:targets></queue:submit></transition>
<transition event="queue.submit.requestid">`+later("look", "1s")+`</transition>
<transition event="look">
<log expr="[_genesys.statistic.sData('?:English>1@.GA', 'StatAgentsTotal'), _genesys.statistic.sData('VQ', 'StatExpectedWaitingTime')].join()"/>
</transition></state>`, func(o *fm.Options) {
		services := fm.ServicesOptions{Clock: o.Clock, Statistics: fm.RouterStatistics{Router: o.Targets.(*router.Router)}}
		s, err := fm.NewServices(&services)
		require.NoError(t, err)
		o.Services = s
	})
	w.ready("ann")
	w.call()
	w.clock.Advance(time.Second)
	w.expect("s1: 1,2")
	_, err := fm.RouterStatistics{Router: w.router}.Value("R", fm.Statistic{Definition: datamodel.NewObject()})
	assert.Error(t, err)
	assert.ErrorIs(t, fm.RouterStatistics{Router: w.router}.Subscribe("R", fm.Statistic{Name: "StatMood"}), router.ErrStatistic)
}

func TestMultimediaInteractionIsRouted(t *testing.T) {
	var server *sim.InteractionServer
	w := newDeskWith(t, `<parallel id="both"><state id="do"><transition event="interaction.present">
<queue:submit requestid="req" interactionid="_event.data.interactionid"><dialog:runtreatments><dialog:playsound type="'music'"/></dialog:runtreatments>
<queue:targets><queue:targetid expr="'bob@.A, P7001@.AP'"/></queue:targets></queue:submit></transition>
<transition event="again"><queue:submit requestid="req" interactionid="_genesys.ixn.firstixnid">
<queue:targets><queue:targetid expr="'7009@sw.DN'"/></queue:targets></queue:submit></transition></state>
<state id="watch"><transition event="queue.* error.*"><log expr="[_event.name, _event.data.error, _event.data.description, _event.data.targetcomponentselected].join(' ')"/></transition></state></parallel>`,
		func(o *fm.Options) {
			server = sim.NewInteractionServer(&sim.InteractionServerOptions{Clock: o.Clock.(sim.Clock)})
			server.AddQueue("inbox", sim.InteractionQueue{Strategy: true})
			server.AddAgent("bob", sim.InteractionAgent{Reject: true})
			server.AddAgent("P7001", sim.InteractionAgent{AcceptAfter: time.Second, HandleTime: time.Minute})
			o.Interactions = server
		})
	_, err := server.Submit(telephony.Interaction{ID: "m1", MediaType: "email", Queue: "inbox"})
	require.NoError(t, err)
	w.clock.Advance(0)
	w.expect("s1: queue.submit.requestid   ")
	w.send("again")
	w.expect("s1: queue.submit.requestid   ", "s1: error.queue.submit unknown a multimedia interaction cannot be sent to 7009@sw.DN ")
	w.ready("bob") // he does not take it
	w.expect()
	w.ready("ann")
	w.clock.Advance(time.Second)
	w.expect("s1: queue.submit.done   P7001@.AP")
	w.clock.Advance(time.Hour)
	assert.Zero(t, w.router.Stats().Waiting+w.router.Stats().Reserved)
}
