package strategytest_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
	"github.com/seed-ff723688/ors/telephony/strategytest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// recorder is a testing.TB that keeps what is reported.
type recorder struct {
	testing.TB
	out      strings.Builder
	cleanups []func()
}

func (r *recorder) Helper()          {}
func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }
func (r *recorder) FailNow()         { runtime.Goexit() }
func (r *recorder) Errorf(format string, args ...any) {
	fmt.Fprintf(&r.out, format+"\n", args...)
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	r.FailNow()
}

// failures runs a test that may fail, to its end, and returns what it reports.
func failures(t *testing.T, test func(tb testing.TB)) string {
	t.Helper()
	r := &recorder{TB: t}
	run := func(f func()) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			f()
		}()
		<-done
	}
	run(func() { test(r) })
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		run(r.cleanups[i])
	}
	return r.out.String()
}

// chart is a strategy with the states of the body.
func chart(body string) scxmltest.Source {
	return scxmltest.Text(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
  xmlns:ixn="http://www.genesyslab.com/modules/interaction" xmlns:dialog="http://www.genesyslab.com/modules/dialog"
  xmlns:queue="http://www.genesyslab.com/modules/queue" xmlns:session="http://www.genesyslab.com/modules/session">
  <datamodel><data id="id"/><data id="req"/><data id="got"/></datamodel>
  <state id="arriving">
    <transition event="interaction.added"><assign location="id" expr="_event.data.interactionid"/></transition>
    <transition event="interaction.onrouterequest" target="work"/>
  </state>
`+body+`
</scxml>`, nil)
}

// redirect is a strategy that routes to a DN.
func redirect(dn string) scxmltest.Source {
	return chart(`  <state id="work"><onentry><ixn:redirect requestid="req" interactionid="id" to="'` + dn + `'"/></onentry>
    <transition event="interaction.redirect.done" target="end"/>
    <transition event="interaction.onrouterequest" target="work"/>
    <transition event="error.interaction.redirect" target="work"/></state>
  <final id="end"/>`)
}

// composer is the strategy of examples/composer, in the shape Composer generates.
func composer(name string, opts *strategytest.Options) (scxmltest.Source, *strategytest.Options) {
	opts.Params = map[string]string{"cs_services_url": "http://crm.example", "OPM_Transaction": "OPM_Contact", "holiday_table": "Holidays", "voicemail_dn": "7900"}
	opts.DNs = map[string]sim.Extension{"7900": {AnswerAfter: time.Second}}
	opts.Tenant = "Environment"
	opts.Configuration = &fm.ConfigurationTable{
		Tenants:     map[string]int{"Environment": 1},
		Lists:       map[string]map[string]map[string]string{"OPM_Contact": {"Main": {"maxMenuTries": "2", "surveyShare": "10"}}},
		SpecialDays: map[string][]fm.SpecialDay{"Holidays": {{Name: "New Year", Month: time.January, Day: 1}}},
	}
	opts.Groups = map[string][]string{"Agents_Sales": {"ann"}, "Agents_Service": {}, "Agents_Overflow": {}}
	opts.Agents = []strategytest.Agent{{ID: "ann", Skills: map[string]int{"Sales": 8, "English": 9}, AnswerAfter: 3 * time.Second, TalkTime: 30 * time.Second}}
	return scxmltest.FS(os.DirFS("../../examples/composer/project"), "src-gen/"+name), opts
}

// TestComposer runs a strategy in the ORS dialect.
func TestComposer(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /customers", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `[{"number":"123456","name":"Ada","tier":"gold","blocked":false}]`)
	})
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"columns":["id","value"],"rows":[["A-1",120]]}`)
	})
	mux.HandleFunc("POST /agreements", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"accepted":true,"priority":7}`) })
	var coverage scxmltest.Coverage
	source, opts := composer("IPD_Contact_Main.scxml", &strategytest.Options{
		Web: map[string]http.Handler{"http://crm.example/": mux}, Coverage: &coverage,
	})
	centre := strategytest.New(t, source, opts)
	call := centre.Call(strategytest.Caller{ANI: "+49 30 1234567", DNIS: "0800 5000", DigitsAt: map[int][]string{1010: {"123456#"}, 1020: {"1"}}})
	centre.Advance(5 * time.Minute)
	call.ExpectRoutedTo("ann")
	call.ExpectAnsweredBy("ann")
	call.ExpectFinal("_composer_global_exit")
	call.ExpectLog("routed to ann@StatServer.A")
	call.ExpectActions("dialog:playandcollect", "session:fetch", "queue:submit")
	call.ExpectTargets("Sales >= 5 & English > 2")
	call.ExpectTreatments("PlayAnnouncementAndDigits 1010", "PlayAnnouncementAndDigits 1020")
	assert.Equal(t, "released", call.Over())
	assert.Equal(t, []string{"7001"}, call.Routes())
	require.Len(t, centre.Requests(), 3)
	assert.Equal(t, "GET http://crm.example/customers?number=123456&session=session-1", centre.Requests()[0])
	var page strings.Builder
	require.NoError(t, coverage.WriteHTML(&page))
	assert.Contains(t, page.String(), "src-gen/Main.scxml", "the parts of the strategy are on the page")
}

func TestMail(t *testing.T) {
	t.Parallel()
	source, opts := composer("IPD_Contact_Mail.scxml", &strategytest.Options{Queue: "inbox", Queues: []string{"Later"}})
	centre := strategytest.New(t, source, opts)
	mail := centre.Submit(strategytest.Interaction{UserData: map[string]any{"Subject": "My order A-1"}})
	centre.Advance(time.Second)
	mail.ExpectUserData("CtgName", "Sales")
	centre.Advance(time.Minute)
	mail.ExpectFinal("_composer_global_exit")
	mail.ExpectLog("routed to ann@StatServer.A")
	spam := centre.Submit(strategytest.Interaction{UserData: map[string]any{"Subject": "You are a WINNER"}})
	centre.Advance(time.Minute)
	spam.ExpectQueue("")
	assert.Len(t, centre.Sessions(), 2)
	assert.Contains(t, failures(t, func(tb testing.TB) {
		strategytest.New(tb, redirect("7001"), nil).Submit(strategytest.Interaction{})
	}), "Options.Queue is not set")
}

// TestAnswers scripts the outcome of actions.
func TestAnswers(t *testing.T) {
	t.Parallel()
	strategy := chart(`  <state id="work"><onentry><dialog:play requestid="req" interactionid="id"><dialog:prompts><dialog:prompt intid="7"/></dialog:prompts></dialog:play></onentry>
    <transition event="dialog.play.requestid"><log expr="'accepted ' + (_event.data.requestid == req)"/></transition>
    <transition event="dialog.play.done" cond="_event.data.requestid == req" target="choosing"/>
    <transition event="error.dialog.play" cond="_event.data.error == 'remote'" target="work"/></state>
  <state id="choosing"><onentry><queue:submit requestid="req" interactionid="id" route="false"><queue:targets type="agent"><queue:target name="'ann'"/><queue:targetid expr="'bob@.A'"/></queue:targets></queue:submit></onentry>
    <transition event="queue.submit.done" cond="_event.data.requestid === req" target="fetching"><assign location="got" expr="_event.data.resource"/></transition></state>
  <state id="fetching"><onentry><session:fetch requestid="req" srcexpr="'http://a.example/x'"/></onentry>
    <transition event="session.fetch.done" target="end"/></state>
  <final id="end"/>`)
	played := 0
	opts := &strategytest.Options{Answers: map[string]func(strategytest.Action) *strategytest.Reply{
		"dialog:play": func(a strategytest.Action) *strategytest.Reply {
			played++
			assert.Equal(t, "7", a.Arg("prompts.prompt.intid"))
			assert.Equal(t, "", a.Arg("nothing"))
			assert.Equal(t, played, a.Number)
			switch played {
			case 1:
				return &strategytest.Reply{Error: "remote", Description: "not now"}
			case 2:
				return &strategytest.Reply{After: time.Minute}
			}
			return nil
		},
		"queue:submit":  strategytest.Answer(strategytest.Reply{Data: map[string]any{"resource": map[string]any{"dn": "7001"}}}),
		"session:fetch": strategytest.Answer(strategytest.Reply{Never: true}),
	}}
	centre := strategytest.New(t, strategy, opts)
	call := centre.Call(strategytest.Caller{})
	call.ExpectActive("work")
	call.ExpectEvent("error.dialog.play", map[string]any{"description": "not now"})
	assert.Equal(t, time.Minute, call.AdvanceUntilEntered("choosing", time.Hour))
	call.ExpectData("got.dn", "7001")
	call.ExpectTargets("ann", "bob@.A")
	call.ExpectLog("accepted true")
	centre.Advance(time.Hour)
	call.ExpectActive("fetching")
	call.ExpectTreatments()
	assert.Empty(t, call.Treatments())

	for name, want := range map[string]string{
		"dialog:plya": `there is no action "dialog:plya"; did you mean "dialog:play"?`,
		"crm:look":    `there is no action "crm:look"; telephony/fm/MODULES.md lists them`,
	} {
		assert.Contains(t, failures(t, func(tb testing.TB) {
			strategytest.New(tb, strategy, &strategytest.Options{Answers: map[string]func(strategytest.Action) *strategytest.Reply{name: strategytest.Answer()}})
		}), want)
	}
}

// TestCalls looks at what becomes of calls.
func TestCalls(t *testing.T) {
	t.Parallel()
	ann := []strategytest.Agent{{ID: "ann", AnswerAfter: 3 * time.Second}}
	centre := strategytest.New(t, redirect("7001"), &strategytest.Options{Agents: ann})
	call := centre.Call(strategytest.Caller{ANI: "1", UserData: map[string]any{"a": "b", "n": 7, "l": map[string]any{"k": "v"}}})
	call.ExpectUserData("l.k", "v")
	call.ExpectUserData("n", "7")
	centre.Advance(4 * time.Second)
	call.ExpectAnsweredBy("ann")
	assert.Empty(t, call.Over())
	call.HangUp()
	call.HangUp()
	assert.Equal(t, "released", call.Over())
	second := centre.Call(strategytest.Caller{})
	centre.Advance(4 * time.Second)
	second.Release()
	assert.Equal(t, "released", second.Over())
	assert.NotEqual(t, call.ID(), second.ID())
	assert.Zero(t, centre.Switch().Calls())
	assert.NotNil(t, centre.Router())
	centre.Golden("testdata/calls.trace", *update)

	again := strategytest.Replay(t, redirect("7001"), &strategytest.Options{Agents: ann}, "testdata/calls.trace")
	assert.Len(t, again.Sessions(), 2)
	out := failures(t, func(tb testing.TB) {
		strategytest.Replay(tb, redirect("7001"), &strategytest.Options{Agents: []strategytest.Agent{{ID: "ann", AnswerAfter: time.Second}}}, "testdata/calls.trace")
	})
	assert.Contains(t, out, "the run differs from testdata/calls.trace:\n  first difference in line")

	slow := chart(`<state id="work"/>`)
	centre = strategytest.New(t, slow, &strategytest.Options{
		RoutePoint: sim.RoutePoint{Timeout: 10 * time.Second, Default: "7900"}, DNs: map[string]sim.Extension{"7900": {}},
	})
	call = centre.Call(strategytest.Caller{})
	centre.Advance(11 * time.Second)
	call.ExpectDefaultRouted()
	call.ExpectRoutedTo("7900")

	end := chart(`  <state id="work"><onentry><ixn:terminate requestid="req" interactionid="id"/></onentry><transition event="interaction.terminate.done" target="end"/></state><final id="end"/>`)
	call = strategytest.New(t, end, nil).Call(strategytest.Caller{})
	call.ExpectDisconnected()
	call.ExpectFinal("end")
}

// TestAgents has agents who come later, and one whose phone is gone.
func TestAgents(t *testing.T) {
	t.Parallel()
	strategy := chart(`  <state id="work"><onentry><queue:submit requestid="req" interactionid="id"><queue:targets type="agentgroup"><queue:target name="'Sales'"/></queue:targets></queue:submit></onentry>
    <transition event="queue.submit.done" target="end"/></state><final id="end"/>`)
	opts := &strategytest.Options{
		Agents: []strategytest.Agent{{ID: "ann", NotReady: true}, {ID: "bob", NotReady: true, ReadyAfter: time.Minute}, {ID: "cyd", Unplugged: true}},
		Groups: map[string][]string{"Sales": {"ann", "bob"}},
	}
	centre := strategytest.New(t, strategy, opts)
	call := centre.Call(strategytest.Caller{})
	centre.Advance(30 * time.Second)
	call.ExpectNotRouted()
	centre.SetAgentState("ann", router.Ready)
	call.ExpectRoutedTo("ann")
	later := centre.Call(strategytest.Caller{})
	later.ExpectNotRouted()
	later.AdvanceUntilEnded(time.Minute)
	later.ExpectRoutedTo("bob")
	assert.Equal(t, time.Minute, centre.Elapsed())

	refused := strategytest.New(t, chart(`<state id="work"><onentry><ixn:redirect interactionid="id" to="'7003'"/></onentry><transition event="error.interaction.redirect" target="end"/></state><final id="end"/>`), opts).Call(strategytest.Caller{})
	refused.ExpectEvent("error.interaction.redirect", map[string]any{"error": "remote"})
}

// TestAgentsAtTheSwitch has the router know what agents do from what they tell the switch.
func TestAgentsAtTheSwitch(t *testing.T) {
	t.Parallel()
	strategy := chart(`  <state id="work"><onentry><queue:submit requestid="req" interactionid="id" queue="'VQ'" timeout="5"><queue:targets type="agent"><queue:target name="'ann'"/></queue:targets></queue:submit></onentry>
    <transition event="queue.submit.done" target="end"/><transition event="error.queue.submit" target="nobody"/></state><final id="end"/><final id="nobody"/>`)
	centre := strategytest.New(t, strategy, &strategytest.Options{
		Agents: []strategytest.Agent{{ID: "ann", AnswerAfter: time.Second, TalkTime: time.Second, AfterCallWork: 10 * time.Second}},
	})
	state := func() router.AgentState {
		s, err := centre.Router().AgentState("ann")
		require.NoError(t, err)
		return s
	}
	first := centre.Call(strategytest.Caller{})
	centre.Advance(3 * time.Second)
	first.ExpectAnsweredBy("ann")
	assert.Equal(t, router.AfterCallWork, state())
	second := centre.Call(strategytest.Caller{})
	centre.Advance(6 * time.Second)
	second.ExpectFinal("nobody")
	centre.Advance(10 * time.Second)
	assert.Equal(t, router.Ready, state())
	require.NoError(t, centre.Switch().NotReady("ann", telephony.WorkModeAuxWork, nil))
	centre.Settle()
	assert.Equal(t, router.NotReady, state())
	for _, s := range []router.AgentState{router.LoggedOut, router.LoggedOut, router.AfterCallWork, router.LoggedOut, router.Ready} {
		centre.SetAgentState("ann", s)
		assert.Equal(t, s, state())
		at, err := centre.Switch().Agent("ann")
		require.NoError(t, err)
		assert.Equal(t, s.String(), at.State.String())
	}
	var told []string
	for _, s := range centre.Recorder().Steps() {
		if s.Who == "router" {
			told = append(told, s.Name+": "+s.Detail)
		}
	}
	assert.Equal(t, []string{
		"VQ: ann, because the request came; ann@.A: nobody else",
		"VQ: no target in time; ann@.A: ann after-call work",
	}, told)
}

func TestTreat(t *testing.T) {
	t.Parallel()
	strategy := chart(`  <state id="work"><onentry><dialog:playsound requestid="req" interactionid="id" type="'music'"/></onentry>
    <transition event="error.dialog.playsound" target="end"/></state><final id="end"/>`)
	centre := strategytest.New(t, strategy, &strategytest.Options{Treat: func(r *telephony.RequestApplyTreatment, def sim.Treatment) sim.Treatment {
		assert.Equal(t, time.Duration(-1), def.Duration)
		return sim.Treatment{Refuse: "no music today"}
	}})
	centre.Call(strategytest.Caller{}).ExpectEvent("error.dialog.playsound", map[string]any{"description": "no music today"})
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		test func(tb testing.TB)
		want string
	}{
		"no file": {func(tb testing.TB) { strategytest.New(tb, scxmltest.File("strategi.scxml"), nil) }, "names are relative to the folder of the test"},
		"broken":  {func(tb testing.TB) { strategytest.New(tb, chart(`<state id="wrok"/>`), nil) }, `hint: did you mean "wrok"?`},
		"DN": {func(tb testing.TB) {
			strategytest.New(tb, redirect("7001"), nil).Call(strategytest.Caller{To: "5001"})
		}, "sim: no such DN: 5001; the centre has 5000"},
		"user data": {func(tb testing.TB) {
			strategytest.New(tb, redirect("7001"), nil).Call(strategytest.Caller{UserData: map[string]any{"x": true}})
		}, `user data "x": a Go bool; want text`},
		"group": {func(tb testing.TB) {
			strategytest.New(tb, redirect("7001"), &strategytest.Options{Agents: []strategytest.Agent{{ID: "ann"}}, Groups: map[string][]string{"Sales": {"anm"}}})
		}, `group "Sales": there is no agent "anm"; did you mean "ann"?`},
		"agent twice": {func(tb testing.TB) {
			strategytest.New(tb, redirect("7001"), &strategytest.Options{Agents: []strategytest.Agent{{ID: "ann"}, {ID: "ann"}}})
		}, `agent 2, "ann": an agent needs an id of his own`},
		"DN twice": {func(tb testing.TB) {
			strategytest.New(tb, redirect("7001"), &strategytest.Options{Agents: []strategytest.Agent{{ID: "ann", DN: "5000"}}})
		}, `agent "ann": sim: DN 5000 exists`},
		"state": {func(tb testing.TB) {
			strategytest.New(tb, redirect("7001"), nil).SetAgentState("ann", router.Ready)
		}, `there is no agent "ann"`},
		"web": {func(tb testing.TB) {
			strategytest.New(tb, redirect("7001"), &strategytest.Options{Web: map[string]http.Handler{"crm": nil}})
		}, "want http://host/"},
		"replay": {func(tb testing.TB) { strategytest.Replay(tb, redirect("7001"), nil, "testdata/none.trace") }, "no such file"},
		"never": {func(tb testing.TB) {
			strategytest.New(tb, redirect("7900"), &strategytest.Options{DNs: map[string]sim.Extension{"7900": {AnswerAfter: -1}}}).
				Call(strategytest.Caller{}).AdvanceUntilEntered("arriving", time.Hour)
		}, ""},
		// The switch refuses, and the strategy tries again at once, for ever.
		"loop": {func(tb testing.TB) {
			strategytest.New(tb, redirect("7001"), &strategytest.Options{MaxTimers: 2000}).Call(strategytest.Caller{})
		}, "more than 2000 timers fired in 0s of virtual time: is it a loop?"},
		"runaway": {func(tb testing.TB) {
			strategytest.New(tb, chart(`<state id="work"><transition target="b"/></state><state id="b"><transition target="work"/></state>`), nil).Call(strategytest.Caller{})
		}, "session session-1 has failed"},
	} {
		out := failures(t, c.test)
		assert.Contains(t, out, c.want, name)
	}
}

// TestFailures looks at what failing expectations print.
func TestFailures(t *testing.T) {
	t.Parallel()
	out := failures(t, func(tb testing.TB) {
		opts := &strategytest.Options{Agents: []strategytest.Agent{{ID: "ann", AnswerAfter: -1}, {ID: "bob"}}}
		call := strategytest.New(tb, redirect("7001"), opts).Call(strategytest.Caller{ANI: "1", UserData: map[string]any{"tier": "gold"}})
		call.ExpectRoutedTo("bob")
		call.ExpectRoutedTo("anm")
		call.ExpectNotRouted()
		call.ExpectDefaultRouted()
		call.ExpectDisconnected()
		call.ExpectAnsweredBy("ann")
		call.ExpectAbandoned()
		call.ExpectTreatments("Music")
		call.ExpectTargets("ann")
		call.ExpectUserData("teir", "gold")
		call.ExpectUserData("tier", "silver")
		call.ExpectAction("ixn:redirect", map[string]any{"to": "7002"})
		call.ExpectActions("ixn:redirect", "dialog:play")
		call.ExpectNoAction("ixn:redirect")
	})
	const golden = "testdata/failures.txt"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(out), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Empty(t, scxmltest.Difference(string(want), out))
}

// TestNothingIsLeft runs a test in a bubble, which fails when a goroutine is left.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before := time.Now()
		source, opts := composer("IPD_Contact_Main.scxml", &strategytest.Options{})
		centre := strategytest.New(t, source, opts)
		centre.Call(strategytest.Caller{ANI: "1"})
		centre.Advance(10 * time.Minute)
		assert.Zero(t, time.Since(before), "no real time has passed")
	})
}

// TestConfigurationOfFiles looks up a list of the site's own files.
func TestConfigurationOfFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "site.yaml"), []byte(`
tenants: [{name: Environment}]
transactions: [{name: Numbers, tenant: Environment, type: List, annex: {"6000": {skill: Billing}}}]
`), 0o600))
	objects, err := config.NewFiles(dir, nil).Read(t.Context())
	require.NoError(t, err)
	site, err := config.NewSite(objects, nil)
	require.NoError(t, err)
	centre := strategytest.New(t, chart(`<state id="work"><onentry>
    <log label="skill" expr="_genesys.session.getListItemValue('Numbers', '6000', 'skill')"/></onentry>
    <transition event="interaction.deleted" target="end"/></state><final id="end"/>`),
		&strategytest.Options{Tenant: "Environment", Configuration: site})
	centre.Call(strategytest.Caller{}).ExpectLog("Billing")
}
