package fm_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// tuned runs a script when the call waits, and then selects a target by skill
// without routing. The script sees _genesys.queue as q.
func tuned(script, attributes string) string {
	return fmt.Sprintf(`<parallel id="both"><state id="do"><transition event="interaction.onrouterequest">
<assign location="ixn" expr="_event.data.interactionid"/><script>var q = _genesys.queue; %s</script>
<queue:submit requestid="req" interactionid="ixn" route="false" %s><queue:targets><queue:targetid expr="'?:English > 1@.GA'"/></queue:targets></queue:submit></transition>
<transition event="go.query"><queue:query requestid="req"/></transition>
<transition event="go.set"><script>_genesys.queue.setVQPriority('VQ', 4)</script></transition>
<transition event="go.unset"><script>_genesys.queue.setVQPriority('VQ')</script></transition></state>
<state id="watch"><transition event="queue.submit.done"><log expr="_event.data.targetcomponentselected + ' ' + _event.data.resource.dn + ' ' + _event.data.resource.type"/></transition>
<transition event="queue.query.done"><log expr="'priority ' + _event.data.priority"/></transition>
<transition event="error"><log expr="_event.name + ' ' + _event.data.error + ' ' + _event.data.description"/></transition></state></parallel>`, script, attributes)
}

const (
	annSelected = "s1: ann@.A 7001 Agent"
	bobSelected = "s1: bob@.A 7002 Agent"
)

func TestAgentsThatAreNotReady(t *testing.T) {
	for _, check := range []bool{true, false} {
		w := newDesk(t, tuned(fmt.Sprintf("q.checkAgentState(%t)", check), ""))
		require.NoError(t, w.router.SetAgentState("ann", router.NotReady))
		w.call()
		if !check {
			w.expect(annSelected)
			continue
		}
		w.expect()
		w.ready("ann")
		w.expect(annSelected)
	}
}

func TestStatesOfAgents(t *testing.T) {
	w := newDesk(t, `<state id="s"><transition event="*">`+show(`_genesys.queue.checkAgentState('ann')`)+`</transition></state>`)
	require.NoError(t, w.router.SetAgentState("ann", router.AfterCallWork))
	w.call()
	w.expect("s1: AfterCallWork", "s1: AfterCallWork")
	w.ready("ann")
	w.send("x")
	require.NoError(t, w.router.AddInteraction("ann", "email", "m1"))
	w.send("x")
	w.expect("s1: Ready", "s1: Busy")
}

func TestThresholdOfAllTargets(t *testing.T) {
	for _, script := range []string{"q.setThreshold('StatAgentsReady > 1')", "q.setThreshold('StatAgentsReady > 5'); q.setThreshold('StatAgentsReady > 1')"} {
		w := newDesk(t, tuned(script, ""))
		w.ready("ann")
		w.call()
		w.expect()
		w.ready("bob") // who has become free gets it
		w.expect(bobSelected)
	}
	w := newDesk(t, tuned("q.setThreshold('StatAgentsReady > 5'); q.setThreshold('')", ""))
	w.ready("ann")
	w.call()
	w.expect(annSelected)
}

func TestPriorityInAVirtualQueue(t *testing.T) {
	w := newDesk(t, tuned("q.setVQPriority('VQ', 9); q.setVQPriority('other', 1)", `queue="'VQ'" priority="2"`))
	w.call()
	w.send("go.query")
	w.send("go.set")
	w.send("go.query")
	w.send("go.unset")
	w.send("go.query")
	w.expect("s1: priority 9", "s1: priority 4", "s1: priority 2")
}

func TestReservationOfTheSession(t *testing.T) {
	w := newDesk(t, tuned("q.reserveTargets(30)", ""))
	w.ready("ann")
	w.call()
	w.expect(annSelected)
	w.clock.Advance(29 * time.Second)
	assert.Equal(t, 1, w.router.Stats().Reserved)
	w.clock.Advance(time.Second)
	assert.Zero(t, w.router.Stats().Reserved)
}

func TestIdealAgent(t *testing.T) {
	for _, ideal := range []string{"'English:5|Loan:3'", "{English: 5, Loan: 3}"} {
		w := newDesk(t, tuned("q.SetIdealAgent("+ideal+")", ""))
		w.ready("ann")
		w.clock.Advance(time.Second) // she is ready for longer
		w.ready("bob")
		w.call()
		w.expect(bobSelected)
	}
}

func TestCapacity(t *testing.T) {
	for _, c := range []struct{ script, attributes, want string }{
		{"", "", annSelected},
		{"q.useCapacity(q.usecapcond.Never)", "", ""},
		{"q.useCapacity(q.usecapcond.OnStatError)", "", ""},
		{"q.useCapacity(q.usecapcond.Never); q.useCapacity(q.usecapcond.Only)", "", annSelected},
		{"q.useCapacity(q.usecapcond.Never)", `usecap="_genesys.queue.usecapcond.Only"`, annSelected},
		{"", `usecap="'Never'"`, ""},
		{"", `usecap="7"`, "s1: error.queue.submit invalidattribute attribute usecap: \"7\" is none of Never, Only, OnStatError"},
	} {
		w := newDesk(t, tuned(c.script, c.attributes))
		require.NoError(t, w.router.SetAgent(router.Agent{ID: "ann", DN: "7001", Skills: map[string]int{"English": 7}, Capacity: router.Capacity{Total: 2}}))
		require.NoError(t, w.router.AddInteraction("ann", "email", "m1"))
		w.ready("ann")
		w.call()
		assert.Equal(t, c.want, strings.Join(w.log, "\n"), c)
		w.log = nil
	}
}

func TestMediaTypeOfRequests(t *testing.T) {
	for _, media := range []string{"'TMediaChat'", "_genesys.ixn.mediaType.TMediaChat", "'chat'"} {
		w := newDesk(t, tuned("q.useMediaType("+media+")", ""))
		w.ready("ann")
		require.NoError(t, w.router.SetMediaState("ann", "chat", router.NotReady))
		w.call()
		w.expect()
		require.NoError(t, w.router.SetMediaState("ann", "chat", router.Ready))
		w.clock.Advance(0)
		w.expect(annSelected)
	}
}

func TestHowAgentsAreReached(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"q.useCustomAgentType('Agent', _genesys.resource.resourceType.CFGCellular)", "s1: bob@.A 0171 Agent"},
		{"q.useCustomAgentType('Place', 'any')", "s1: P7001@.AP 7001 Place"},
		{"q.useCustomAgentType('DN')", "s1: 7001@sw.DN 7001 DN"},
		{"q.useCustomAgentType('DN'); q.useCustomAgentType('')", annSelected},
	} {
		w := newDesk(t, tuned(c.script, ""))
		require.NoError(t, w.router.SetAgent(router.Agent{ID: "bob", DN: "7002", Skills: map[string]int{"English": 5}, DNs: map[int]string{9: "0171"}}))
		w.ready("ann")
		w.clock.Advance(time.Second)
		w.ready("bob")
		w.call()
		w.expect(c.want)
	}
}

// Who has waited the greater part of the service objective goes first.
func TestServiceObjective(t *testing.T) {
	for _, tuning := range []string{"false, false, true", "true, false, true", "false, false, false"} {
		w := newDeskWith(t, tuned("q.priorityTuning("+tuning+"); q.findServiceObjective('voice', 'sales', 'gold')", ""), func(o *fm.Options) {
			services, err := fm.NewServices(&fm.ServicesOptions{Clock: o.Clock, Configuration: &fm.ConfigurationTable{
				Objectives: []fm.ServiceObjective{{Service: "sales", Within: 2 * time.Minute}}}})
			require.NoError(t, err)
			o.Services = services
		})
		w.call() // has 120 s by findServiceObjective
		w.log = nil
		w.clock.Advance(10 * time.Second)
		_, err := w.sw.Call("5000", sim.Caller{UserData: telephony.KVList{{Key: "ServiceObjective", Value: telephony.String("30")}}})
		require.NoError(t, err)
		w.clock.Advance(50 * time.Second)
		w.log = nil
		w.ready("ann")
		w.expect(map[bool]string{true: "s2: ann@.A 7001 Agent", false: annSelected}[strings.HasSuffix(tuning, "true")])
	}
}

// The DNIS that calls have after a route.
func TestOverwrittenDNIS(t *testing.T) {
	for kind, want := range map[string]string{"UseANI": "030", "UseDNIS": "0800", "UseNone": "0800"} {
		w := newDesk(t, `<state id="s"><transition event="interaction.onrouterequest">
<script>_genesys.queue.setDNISOverride(_genesys.voice.overwriteType.`+kind+`)</script>
<ixn:redirect to="'7001'" type="_genesys.queue.rType.RouteTypeOverwriteDNIS"/></transition>
<transition event="interaction.partystatechanged">`+show("_genesys.ixn.interactions[0].voice.dnis")+`</transition>
<transition event="error">`+show("_event.data.description")+`</transition></state>`)
		_, err := w.sw.Call("5000", sim.Caller{ANI: "030", DNIS: "0800"})
		require.NoError(t, err)
		w.clock.Advance(0)
		w.expect("s1: " + want)
	}
}

// Functions that cannot do what they are asked for throw.
func TestQueueFunctionsThrow(t *testing.T) {
	for call, want := range map[string]string{
		"setThreshold('x <')":                       "setThreshold: router:",
		"setVQPriority('', 1)":                      "setVQPriority: it needs the name",
		"setVQPriority('VQ', 'high')":               `setVQPriority: "high" is no integer`,
		"useMediaType('TMediaSmoke')":               `useMediaType: "TMediaSmoke" is no media type`,
		"useCapacity('Sometimes')":                  `useCapacity: "Sometimes" is none of Never, Only, OnStatError`,
		"useCustomAgentType('Robot')":               `useCustomAgentType: "Robot": want Agent, Place or DN`,
		"useCustomAgentType('DN', 'CFGSmoke')":      `useCustomAgentType: "CFGSmoke" is none of`,
		"checkAgentState('nobody')":                 "checkAgentState: router:",
		"reserveTargets(-1)":                        "reserveTargets: want seconds, from 0 to 3600",
		"SetIdealAgent({English: 'good'})":          `SetIdealAgent: skill "English": "good" is no integer`,
		"findServiceObjective('voice')":             "findServiceObjective: no configuration is connected",
		"getRStatCfgOption('o')":                    "getRStatCfgOption: no configuration is connected",
		"setOption('')":                             "setOption: it needs the name of an option",
		"setDNISOverride('UseMoon')":                `setDNISOverride: "UseMoon" is none of`,
		"excludeAgents(new Array(1002).join('a,'))": "excludeAgents: more than 1000 agents",
	} {
		w := newDesk(t, `<state id="s"><transition event="interaction.onrouterequest">`+
			show("(function () { try { _genesys.queue."+strings.ReplaceAll(call, "<", "&lt;")+" } catch (e) { return e.message } })()")+`</transition></state>`)
		w.call()
		require.Len(t, w.log, 1)
		assert.Contains(t, w.log[0], want, call)
	}
}

// Campaigns, groups of queues and activities are targets.
func TestGroupsAsTargets(t *testing.T) {
	for targets, want := range map[string]string{
		`<queue:targetid expr="'Spring@.C'"/>`:                       annSelected,
		`<queue:targetid expr="'Spring_Sales@.GC'"/>`:                annSelected,
		`<queue:target type="campaigngroup" name="'Spring_Sales'"/>`: annSelected,
		`<queue:activity name="'Orders'"/>`:                          bobSelected,
		`<queue:targetid expr="'Lines@.GQ'"/>`:                       "s1: 8001@sw.GQ 8001 DN",
	} {
		w := newDesk(t, strings.Replace(tuned("", ""), `<queue:targetid expr="'?:English > 1@.GA'"/>`, targets, 1))
		for _, g := range []router.Group{
			{Name: "Sales", Members: []string{"ann"}},
			{Type: router.TypeCampaign, Name: "Spring", Members: []string{"Sales"}},
			{Type: router.TypeCampaignGroup, Name: "Spring_Sales", Members: []string{"Sales"}},
			{Type: router.TypeActivity, Name: "Orders", Members: []string{"bob"}},
			{Type: router.TypeQueueGroup, Name: "Lines", Members: []string{"8001@sw", "8002@sw"}},
		} {
			require.NoError(t, w.router.SetGroup(g))
		}
		w.ready("bob")
		w.ready("ann")
		w.call()
		assert.Equal(t, want, strings.Join(w.log, "\n"), targets)
		w.log = nil
	}
}

// A multimedia interaction goes into a workbin, at once or by <ixn:redirect>.
func TestWorkbinAsTarget(t *testing.T) {
	for route, want := range map[string]string{
		"true":  "s1: ann@.A undefined drafts Workbin",
		"false": "s1: ann@.A undefined drafts Workbin",
	} {
		var server *sim.InteractionServer
		w := newDeskWith(t, `<parallel id="both"><state id="do"><transition event="interaction.present">
<queue:submit requestid="req" interactionid="_event.data.interactionid" route="`+route+`"><queue:targets type="agent"><queue:workbin name="'drafts'"/><queue:target name="'ann'"/></queue:targets></queue:submit></transition>
<transition event="queue.submit.done" cond="`+route+` == false"><ixn:redirect interactionid="_event.data.interactionid" to="_event.data.resource"/></transition></state>
<state id="watch"><transition event="queue.submit.done"><log expr="_event.data.targetcomponentselected + ' ' + (_event.data.resource.dn || 'undefined') + ' ' + _event.data.resource.workbin + ' ' + _event.data.resource.type"/></transition>
<transition event="error"><log expr="_event.name + ' ' + _event.data.error + ' ' + _event.data.description"/></transition></state></parallel>`,
			func(o *fm.Options) {
				server = sim.NewInteractionServer(&sim.InteractionServerOptions{Clock: o.Clock.(sim.Clock)})
				server.AddQueue("inbox", sim.InteractionQueue{Strategy: true})
				server.AddAgent("ann", sim.InteractionAgent{})
				o.Interactions = server
			})
		_, err := server.Submit(telephony.Interaction{ID: "m1", MediaType: "email", Queue: "inbox"})
		require.NoError(t, err)
		w.clock.Advance(0)
		w.expect(want)
		kept, _ := server.Interaction("m1")
		assert.Equal(t, "drafts", kept.Workbin)
	}
}

// The treatments that have no language of their own have that of the submit.
func TestLanguageOfSubmit(t *testing.T) {
	w := newDesk(t, submitting(`<queue:submit requestid="req" interactionid="ixn" language="'German'"><dialog:runtreatments>
<dialog:play><dialog:prompts><dialog:prompt intid="1"/></dialog:prompts></dialog:play>
<dialog:play language="'French'"><dialog:prompts><dialog:prompt intid="1"/></dialog:prompts></dialog:play></dialog:runtreatments>
<queue:targets><queue:targetid expr="'nobody@.A'"/></queue:targets></queue:submit>`))
	var heard []string
	w.treat = func(r *telephony.RequestApplyTreatment) sim.Treatment {
		heard = append(heard, r.Parameters.Text("LANGUAGE"))
		return sim.Announce(r)
	}
	w.call()
	w.clock.Advance(3 * time.Second)
	assert.Equal(t, []string{"German", "French"}, heard[:2])
}

// What functions have set survives a snapshot.
func TestSnapshotOfQueueSettings(t *testing.T) {
	m := fm.Modules()[2]
	before := m.NewState(nil)
	empty, err := before.Snapshot(nil)
	require.NoError(t, err)
	require.NoError(t, before.Restore(datamodel.AppendValue(nil, datamodel.NewObject(datamodel.Member{Name: "exclude", Value: "ann"}))))
	snapshot, err := before.Snapshot(nil)
	require.NoError(t, err)
	assert.NotEqual(t, empty, snapshot)
	after := m.NewState(nil)
	require.NoError(t, after.Restore(snapshot))
	again, err := after.Snapshot(nil)
	require.NoError(t, err)
	assert.Equal(t, snapshot, again)
	for _, bad := range [][]byte{nil, {1}, snapshot[:len(snapshot)-1], append(append([]byte{}, snapshot...), 0)} {
		assert.Error(t, m.NewState(nil).Restore(bad))
	}
}
