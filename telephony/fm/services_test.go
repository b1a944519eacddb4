package fm_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// office is an engine with Services and without telephony, under virtual time.
type office struct {
	testing.TB
	clock    *session.VirtualClock
	engine   *session.Engine
	services *fm.Services
	files    map[string]string
	ids      int

	mu  sync.Mutex
	log []string
}

func newOffice(t testing.TB, opts *fm.ServicesOptions) *office {
	o := &office{TB: t, files: map[string]string{}, clock: session.NewVirtualClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))}
	o.open(o.clock, opts)
	return o
}

func (o *office) open(clock session.Clock, opts *fm.ServicesOptions) {
	opts.Clock = clock
	var err error
	o.services, err = fm.NewServices(opts)
	require.NoError(o, err)
	so := &session.Options{
		Parse:  scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}},
		Loader: o, Workers: 1, Clock: clock,
		NewID: func() string { o.ids++; return fmt.Sprintf("s%d", o.ids) },
		Log: func(id string, e scxml.LogEntry) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.log = append(o.log, e.Text)
		},
		Trace: witness(o),
	}
	o.services.Install(so)
	passivate(o, so)
	o.engine, err = session.New(so)
	require.NoError(o, err)
	require.NoError(o, o.services.Open(o.engine))
	recoverPassive(o, o.engine)
	o.Cleanup(func() {
		assert.NoError(o, o.engine.Shutdown(context.Background()))
		assert.NoError(o, o.services.Close())
	})
}

// Fetch implements session.Fetcher.
func (o *office) Fetch(_ context.Context, url string, _ int64) ([]byte, error) {
	if text, ok := o.files[url]; ok {
		return []byte(text), nil
	}
	return nil, fmt.Errorf("%s: no such document", url)
}

// service wraps executable content and states into a document that logs every
// event with its data.
func service(body, states string) string {
	var ns strings.Builder
	for _, m := range []string{"session", "ws", "statistic", "classification", "resource", "agent", "elasticconnector"} {
		fmt.Fprintf(&ns, ` xmlns:%s="http://www.genesyslab.com/modules/%s"`, m, m)
	}
	return opening() + ns.String() + `>
<datamodel><data id="req"/><data id="sid"/><data id="p"/></datamodel>
<state id="main"><onentry>` + body + `</onentry>
<transition event="end" target="end"/>` + states + `
<transition event="*"><log expr="_event.name + ' ' + (_event.data.requestid === req) + ' ' +
  JSON.stringify(_event.data, function (k, v) { return k == 'requestid' ? undefined : v })"/></transition>
</state><final id="end"><donedata><param name="answer" expr="42"/></donedata></final></scxml>`
}

// run starts a session of a document and lets everything happen that does now.
func (o *office) run(document string) string {
	o.Helper()
	url := fmt.Sprintf("mem:main%d", len(o.files))
	o.files[url] = document
	id, err := o.engine.Start(context.Background(), session.StartRequest{URL: url})
	var problems *scxml.ParseError
	if errors.As(err, &problems) {
		o.Fatal(problems.Detail())
	}
	require.NoError(o, err)
	o.clock.Advance(0)
	return id
}

func (o *office) send(id, event string) {
	o.Helper()
	require.NoError(o, o.engine.Send(context.Background(), id, &scxml.Event{Name: event}))
	o.clock.Advance(0)
}

func (o *office) expect(lines ...string) {
	o.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	assert.Equal(o, strings.Join(lines, "\n"), strings.Join(o.log, "\n"))
	o.log = nil
}

// doOnce is an office in which one action is run.
func doOnce(t *testing.T, opts *fm.ServicesOptions, body string, want ...string) {
	t.Helper()
	o := newOffice(t, opts)
	o.run(service(body, ""))
	o.expect(want...)
}

func TestSessionStart(t *testing.T) {
	o := newOffice(t, &fm.ServicesOptions{})
	o.files["mem:dir/child"] = service(`<log expr="'child got ' + p"/>`, "")
	id := o.run(service(`
<session:start requestid="req" sessionid="sid" srcexpr="'mem:' + 'dir/child'"><param name="p" expr="{a: 1}.a + 1"/></session:start>
<log expr="typeof req + ' ' + sid.length"/>`, `
<transition event="session.start.done"><log expr="'started ' + (_event.data.sessionid === sid) + (_event.data.requestid === req) + _event.origin"/></transition>
<transition event="done.start"><log expr="(_event.name == 'done.start.' + sid) + ' ' + _event.data.reason + ' ' + _event.data.params.answer"/></transition>
<transition event="kill"><session:terminate requestid="req" sessionid="sid"/></transition>
<transition event="session.terminate.done"><log expr="'killed ' + (_event.data.sessionid === sid)"/></transition>`))
	o.expect("string 32", "child got 2", "started truetruefm:session")
	require.Equal(t, 2, o.engine.Len())
	child := slices.DeleteFunc(o.engine.Sessions(), func(i session.Info) bool { return i.ID == id })[0].ID
	o.send(child, "end")
	o.expect("true finished 42")
	o.send(id, "kill")
	o.expect(`error.session.terminate true {"error":"invalidsession","description":"session: not found: \"` + child + `\""}`)
}

func TestSessionStartFails(t *testing.T) {
	doOnce(t, &fm.ServicesOptions{}, `<session:start requestid="req" src="'mem:none'"/>`,
		`error.session.start true {"error":"badfetch","description":"mem:none: no such document"}`)
	doOnce(t, &fm.ServicesOptions{}, `<session:start requestid="req"/>`,
		`error.session.start true {"error":"invalidattribute","description":"neither srcexpr nor src names a document"}`)
	doOnce(t, &fm.ServicesOptions{}, `<session:start requestid="req" src="'mem:x'" idealtime="'soon'"/>`,
		`error.session.start true {"error":"invalidattribute","description":"attribute idealtime: want a Date, a time such as 2026-01-31T08:00:00Z, or milliseconds since 1970"}`)
}

// A child may end before its starter has been told that it began.
func TestSessionStartOfShortChild(t *testing.T) {
	o := newOffice(t, &fm.ServicesOptions{})
	o.files["mem:child"] = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null"><final/></scxml>`
	o.run(service(`<session:start requestid="req" sessionid="sid" src="'mem:child'"/>`, `
<transition event="session.start.done"><log expr="'started'"/></transition>
<transition event="done.start"><log expr="_event.data.reason"/></transition>`))
	o.expect("started", "finished")
}

func TestScheduledStart(t *testing.T) {
	o := newOffice(t, &fm.ServicesOptions{})
	o.files["mem:child"] = service(`<log expr="'child'"/>`, "")
	states := `
<transition event="later"><session:updatestart requestid="req" sessionid="sid" idealtime="'2026-01-02T05:04:05Z'"/></transition>
<transition event="done.start"><log expr="_event.data.reason"/></transition>
<transition event="kill"><session:terminate requestid="req" sessionid="sid"/></transition>
<transition event="session.start.done"><log expr="'scheduled'"/></transition>
<transition event="session.updatestart.done session.terminate.done"><log expr="_event.name + (_event.data.sessionid === sid) + (_event.data.requestid === req)"/></transition>`
	start := `<session:start requestid="req" sessionid="sid" src="'mem:child'" idealtime="new Date('2026-01-02T04:04:05Z')"/>`
	id := o.run(service(start, states))
	o.expect("scheduled")
	o.send(id, "later")
	o.expect("session.updatestart.donetruetrue")
	o.clock.Advance(119 * time.Minute)
	o.expect()
	o.clock.Advance(time.Minute)
	o.expect("child")
	o.send(id, "later")
	o.mu.Lock()
	require.Len(t, o.log, 1)
	require.Contains(t, o.log[0], `error.session.updatestart true {"error":"invalidsession"`)
	o.log = nil
	o.mu.Unlock()

	o.run(service(start, states))
	o.expect("child", "scheduled") // the time is over
	id = o.run(service(strings.Replace(start, "2026-01-02T04", "2027-01-02T04", 1), states))
	o.expect("scheduled")
	o.send(id, "kill")
	o.expect("session.terminate.donetruetrue", "terminated")
	o.clock.Advance(500 * 24 * time.Hour)
	o.mu.Lock()
	defer o.mu.Unlock()
	require.NotContains(t, o.log, "child") // all expire: who does first tells the other, or not
}

// A session that is to start later starts, even when the one that wanted it is gone.
func TestScheduledStartOutlivesStarter(t *testing.T) {
	o := newOffice(t, &fm.ServicesOptions{})
	o.files["mem:child"] = service(`<log expr="'child'"/>`, "")
	id := o.run(service(`<session:start src="'mem:child'" idealtime="1767323046"/>`, `<transition event="session.start.done"/>`)) // in a second
	o.send(id, "end")
	o.clock.Advance(time.Second)
	o.expect("child")
	require.Equal(t, 1, o.engine.Len())
}

func TestSessionTerminatesItself(t *testing.T) {
	o := newOffice(t, &fm.ServicesOptions{})
	id := o.run(service(`<session:terminate/>`, ""))
	r, err := o.engine.Wait(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, session.Terminated, r.Reason)
}

// responses is a fm.Responder.
type responses struct{ log []string }

func (r *responses) Respond(sessionID, requestID string, status int, header http.Header, body []byte) error {
	if requestID == "gone" {
		return errors.New("nobody waits for it")
	}
	r.log = append(r.log, fmt.Sprint(sessionID, " ", requestID, " ", status, " ", header, " ", string(body)))
	return nil
}

func TestResponse(t *testing.T) {
	for _, module := range []string{"session", "ws"} {
		var r responses
		o := newOffice(t, &fm.ServicesOptions{Responder: &r})
		o.run(service(strings.ReplaceAll(`<assign location="req" expr="'r1'"/>
<MODULE:response requestid="'r1'"><param name="a" expr="1"/><param name="b" expr="'x'"/></MODULE:response>
<MODULE:response requestid="'r1'" resultcode="404" type="'text/html'" headers="({'X-Y': 'z'})"><content>no such thing</content></MODULE:response>
<MODULE:response requestid="'gone'"/>
<MODULE:response requestid="'r1'" resultcode="99"/>`, "MODULE", module), ""))
		o.expect(
			module+`.response.done true {}`,
			module+`.response.done true {}`,
			`error.`+module+`.response false {"error":"invalidrequest","description":"nobody waits for it"}`,
			`error.`+module+`.response true {"error":"invalidattribute","description":"attribute resultcode: 99 is no HTTP status from 200 to 599"}`)
		require.Equal(t, []string{
			`s1 r1 200 map[Content-Type:[application/json]] {"a":1,"b":"x"}`,
			`s1 r1 404 map[Content-Type:[text/html] X-Y:[z]] no such thing`}, r.log)
	}
	doOnce(t, &fm.ServicesOptions{}, `<session:response requestid="'r1'"/>`,
		`error.session.response false {"error":"unknown","description":"no interface for requests is connected"}`)
}

func TestSessionObjects(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	table := &fm.ConfigurationTable{
		Tenants: map[string]int{"Resources": 101, "Other": 102},
		Lists:   map[string]map[string]map[string]string{"hours": {"sales": {"open": "09:00", "close": "17:00"}}},
		Options: map[string]string{"color": "red"},
		SpecialDays: map[string][]fm.SpecialDay{"holidays": {
			{Name: "second", Month: time.January, Day: 2, From: 4 * time.Hour, To: 5 * time.Hour}, {Name: "newyear", Month: time.January, Day: 1}}},
		Zones: map[string]*time.Location{"HQ": berlin},
	}
	opts := fm.ServicesOptions{Configuration: table, Tenant: "Resources", Location: time.UTC,
		Server: fm.Server{Name: "ors1", Cluster: "ors", URL: "http://ors.example:7004"}}
	for expr, want := range map[string]string{
		`S.server.name + S.server.cluster + S.server.url`:                            "ors1orshttp://ors.example:7004",
		`S.ActiveServerName()`:                                                       "ors1",
		`S.tenant + S.tenantid`:                                                      "Resources101",
		`S.setTenant('Other') + S.tenant + S.tenantid`:                               "trueOther102",
		`S.setTenant('none')`:                                                        `error: setTenant: no tenant "none"`,
		`S.lookupseq.StartFromStrategy + ' ' + S.lookupseq.StartFromTserver`:         "-1 3",
		`S.day.Sunday + ' ' + S.day.Saturday`:                                        "0 6",
		`S.timeInZone('PST') + ' ' + S.dateInZone('PST') + ' ' + S.dayInZone('PST')`: "19:04:05 2026-01-01 4",
		`S.timeInZone('HQ') + ' ' + S.timeInZone('ECT') + ' ' + S.timeInZone()`:      "04:04:05 04:04:05 03:04:05",
		`S.timeInZone('Asia/Kolkata')`:                                               "08:34:05",
		`S.timeInZone('../../etc/passwd')`:                                           `error: timeInZone: no time zone "../../etc/passwd"`,
		`S.isSpecialDay('holidays', 'second')`:                                       "true",
		`S.isSpecialDay('holidays', 'newyear')`:                                      "false",
		`S.isSpecialDay('holidays', '', 'PST')`:                                      "true",
		`S.isSpecialDay('holidays', 'second', 'UTC', true) + ' ' + S.isSpecialDay('holidays', 'second', 'HQ', true)`: "false true",
		`S.isSpecialDay('none', '')`:                                                                                   `error: isSpecialDay: no statistical table "none"`,
		`S.isSpecialDay('holidays', 'easter')`:                                                                         `error: isSpecialDay: no special day "easter" in the statistical table "holidays"`,
		`S.getListItemValue('hours', 'sales', 'open')`:                                                                 "09:00",
		`S.getListItemValue('hours', 'sales', 'none') === ''`:                                                          "true",
		`JSON.stringify(S.getListItemValue('hours', 'sales'))`:                                                         `{"close":"17:00","open":"09:00"}`,
		`S.getListItemValue('hours', 'none', 'open')`:                                                                  `error: getListItemValue: no item "none" in a list "hours"`,
		`S.listLookupValue('hours', 'sales', 'close') + '|' + S.listLookupValue('none', 'x', 'y')`:                     "17:00|",
		`S.getConfigOption('i1', 'color', S.lookupseq.StartFromCDN)`:                                                   "red",
		`S.getConfigOption('i1', 'none', -1) === ''`:                                                                   "true",
		`(function () { try { S.tenant = 'x'; S.server.name = 'y' } catch (e) {} return S.tenant + S.server.name })()`: "Resourcesors1",
	} {
		o := opts
		doOnce(t, &o, `<script>var S = _genesys.session, got; try { got = `+strings.ReplaceAll(expr, "<", "&lt;")+
			` } catch (e) { got = 'error: ' + e.message }</script><log expr="String(got)"/>`, want)
	}
	doOnce(t, &fm.ServicesOptions{}, `<log expr="(function () { try { return _genesys.session.getListItemValue('a', 'b') } catch (e) { return e.message } })()"/>
<log expr="typeof _genesys.session.server.url + typeof _genesys.session.tenant"/>`,
		"getListItemValue: no configuration is connected", "undefinedundefined")
}

// The tenant that a script has set outlives a restart.
func TestTenantIsSaved(t *testing.T) {
	services, err := fm.NewServices(&fm.ServicesOptions{Tenant: "A"})
	require.NoError(t, err)
	so := &session.Options{Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}}
	services.Install(so)
	doc, err := scxml.Parse(t.Context(), []byte(service(`<script>_genesys.session.setTenant('B')</script>`,
		`<transition event="ask"><log expr="_genesys.session.tenant"/></transition>`)), &so.Parse)
	require.NoError(t, err)
	var log []string
	opts := &scxml.MachineOptions{Log: func(e scxml.LogEntry) { log = append(log, e.Text) }}
	m, err := scxml.NewMachine(doc, opts)
	require.NoError(t, err)
	_, err = m.Start()
	require.NoError(t, err)
	snapshot, err := m.Snapshot(nil)
	require.NoError(t, err)
	require.NoError(t, m.Close())
	again, err := scxml.RestoreMachine(doc, snapshot, opts)
	require.NoError(t, err)
	_, err = again.Handle(&scxml.Event{Name: "ask"})
	require.NoError(t, err)
	require.Equal(t, []string{"B"}, log)
	require.NoError(t, again.Close())
}

func TestStatistics(t *testing.T) {
	table := &fm.StatisticTable{}
	table.Set("Sales@S.GA", "StatAgentsAvailable", 3)
	table.Set("Help@S.GA", "StatAgentsAvailable", 5.5)
	table.Set("VQ1", `{"Params":{"Category":"CurrentNumber"}}`, 7)
	o := newOffice(t, &fm.ServicesOptions{Statistics: table, Subscriptions: 2})
	id := o.run(service(`<script>var T = _genesys.statistic, both = 'Sales@S.GA, Help@S.GA, none', A = 'StatAgentsAvailable'</script>
<log expr="T.sData('Sales@S.GA', A) + ' ' + T.sData('VQ1', {Params: {Category: 'CurrentNumber'}})"/>
<log expr="T.getAvgData(both, A) + ' ' + T.getMinData(['Sales@S.GA', 'Help@S.GA'], A) + ' ' + T.getMaxData(both, A)"/>
<log expr="(function () { try { T.sData('none', A) } catch (e) { return e.message } })()"/>
<log expr="(function () { try { T.getMaxData('none', A) } catch (e) { return e.message } })()"/>
<statistic:subscribe requestid="req" object="'Sales@S.GA'" statistic="A" interval="10"/>`, `
<transition event="more">
  <statistic:subscribe requestid="req" object="'VQ1'" statistic="{Params: {Category: 'CurrentNumber'}}"/>
  <statistic:subscribe requestid="req" object="'Help@S.GA'" statistic="'StatAgentsAvailable'"/>
</transition>
<transition event="less"><statistic:unsubscribe requestid="req" object="'Sales@S.GA'" statistic="'StatAgentsAvailable'"/></transition>`))
	o.expect("3 7", "4.25 3 5.5",
		`sData: no statistic "StatAgentsAvailable" of "none"`, `getMaxData: no statistic "StatAgentsAvailable" of "none"`,
		`statistic.subscribe.done true {"object":"Sales@S.GA","statistic":"StatAgentsAvailable"}`,
		`statistic.update true {"object":"Sales@S.GA","statistic":"StatAgentsAvailable","value":3}`)
	o.clock.Advance(time.Minute)
	o.expect()
	table.Set("Sales@S.GA", "StatAgentsAvailable", 4)
	o.clock.Advance(10 * time.Second)
	o.expect(`statistic.update true {"object":"Sales@S.GA","statistic":"StatAgentsAvailable","value":4}`)
	o.send(id, "more")
	o.expect(
		`statistic.subscribe.done false {"object":"VQ1","statistic":{"Params":{"Category":"CurrentNumber"}}}`,
		`statistic.update false {"object":"VQ1","statistic":{"Params":{"Category":"CurrentNumber"}},"value":7}`,
		`error.statistic.subscribe true {"error":"unknown","description":"the session has 2 subscriptions already"}`)
	o.send(id, "less")
	o.send(id, "less")
	o.expect(`statistic.unsubscribe.done true {"object":"Sales@S.GA","statistic":"StatAgentsAvailable"}`,
		`error.statistic.unsubscribe true {"error":"unknown","description":"the session has not subscribed the statistic \"StatAgentsAvailable\" of \"Sales@S.GA\""}`)
	table.Set("Sales@S.GA", "StatAgentsAvailable", 5)
	o.clock.Advance(time.Minute)
	o.expect()
	o.send(id, "end")
	next, pending := o.clock.Next() // the bound of the age of sessions may be set still
	require.False(t, pending && next.Before(o.clock.Now().Add(time.Hour)), "a subscription has outlived its session")
}

func TestStatisticsRefused(t *testing.T) {
	table := &fm.StatisticTable{}
	doOnce(t, &fm.ServicesOptions{Statistics: table}, `<statistic:subscribe requestid="req" object="'x'" statistic="'y'" interval="5"/>`,
		`error.statistic.subscribe true {"error":"invalidattribute","description":"attribute interval: want more than 5 seconds"}`)
	doOnce(t, &fm.ServicesOptions{Statistics: table}, `<statistic:subscribe requestid="req" object="'x'" statistic="'y'"/>`,
		`error.statistic.subscribe true {"error":"remote","description":"no statistic \"y\" of \"x\""}`)
	doOnce(t, &fm.ServicesOptions{}, `<statistic:subscribe requestid="req" object="'x'" statistic="'y'"/>`,
		`error.statistic.subscribe true {"error":"unknown","description":"no source of statistics is connected"}`)
}

func TestResourceTypes(t *testing.T) {
	doOnce(t, &fm.ServicesOptions{}, `<script>var R = _genesys.resource.resourceType</script>
<log expr="[R.CFGNoDN, R.CFGExtension, R.CFGACDPosition, R.CFGACDQueue, R.CFGRoutingPoint, R.CFGVirtACDQueue, typeof R.CFGWorkflow, typeof R.any].join()"/>`,
		"0,1,2,3,4,5,number,number")
}

// fakes implements the interfaces of the smaller modules.
type fakes struct {
	mu  sync.Mutex
	log []string
	err error
}

func (f *fakes) note(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprintf(format, args...))
	return f.err
}

func (f *fakes) Classify(_ context.Context, r fm.ClassifyRequest) ([]fm.Category, error) {
	return []fm.Category{{"low", "c1", 10}, {"high", "c2", 90}}, f.note("classify %+v", r)
}

func (f *fakes) Screen(_ context.Context, r fm.ClassifyRequest) ([]fm.ScreeningRule, []fm.Category, error) {
	return []fm.ScreeningRule{{"vip", "r1", true, "gold"}}, nil, f.note("screen %+v", r)
}

func (f *fakes) Logout(_ context.Context, r fm.AgentRequest) error {
	return f.note("logout %s %s@%s %v", r.Agent, r.DN, r.Switch, r.Reasons.Members())
}

func (f *fakes) SetMediaState(_ context.Context, r fm.AgentRequest, ready bool) error {
	return f.note("state %s %s %v", r.Agent, r.Media, ready)
}

func (f *fakes) SetDoNotDisturb(_ context.Context, r fm.AgentRequest, on bool) error {
	return f.note("dnd %s %v", r.DN, on)
}

func (f *fakes) CreateTemplate(_ context.Context, t fm.IndexTemplate) error {
	return f.note("template %s %s %d %s", t.Name, t.Index, t.Order, datamodel.EncodeJSON(t.Settings))
}

func (f *fakes) Create(_ context.Context, d fm.IndexDocument) (string, error) {
	return "made", f.note("create %s/%s %s", d.Index, d.Type, datamodel.EncodeJSON(d.Document))
}

func (f *fakes) Update(_ context.Context, d fm.IndexDocument) error {
	return f.note("update %s/%s %s", d.Index, d.ID, datamodel.EncodeJSON(d.Document))
}

func (f *fakes) Delete(_ context.Context, d fm.IndexDocument) error {
	return f.note("delete %s/%s", d.Index, d.ID)
}

func TestClassification(t *testing.T) {
	var f fakes
	o := newOffice(t, &fm.ServicesOptions{Classifier: &f})
	o.run(service(`<classification:classify requestid="req" root="'Top'"/><classification:screen server="'S1'" interactionid="'i7'" root="'rules'"/>
<classification:classify root="''"/>`, ""))
	o.expect(
		`error.classification.classify false {"error":"Request Invalid","description":"attribute root names no category"}`,
		`classification.classify.done true {"categories":[{"name":"high","id":"c2","relevancy":90},{"name":"low","id":"c1","relevancy":10}]}`,
		`classification.screen.done false {"rules":[{"name":"vip","id":"r1","match":true,"value":"gold"}],"screenrule":[{"name":"vip","id":"r1","match":true,"value":"gold"}],"categories":[]}`)
	require.Equal(t, []string{"classify {Session:s1 Server: InteractionID:0 Root:Top Text:}", "screen {Session:s1 Server:S1 InteractionID:i7 Root:rules Text:}"}, f.log)

	f.err = &fm.Failure{Code: "Request Invalid", Err: errors.New("no model")}
	doOnce(t, &fm.ServicesOptions{Classifier: &f}, `<classification:screen requestid="req"/>`,
		`error.classification.screen true {"error":"Request Invalid","description":"no model"}`)
	doOnce(t, &fm.ServicesOptions{}, `<classification:classify requestid="req" root="'Top'"/>`,
		`error.classification.classify true {"error":"unknown","description":"no classification server is connected"}`)
}

func TestAgentStates(t *testing.T) {
	var f fakes
	o := newOffice(t, &fm.ServicesOptions{Agents: &f})
	o.run(service(`<agent:logout requestid="req" agent="'ann'" for="({dn: '7001', switch: 'sip'})" hints="({reasons: {code: 'x'}})"/>
<agent:setmediastate agent="'ann'" media="'voice'" state="'notready'"/><agent:setdnd for="'7001'" state="true"/>
<agent:setdnd state="true"/><agent:setmediastate agent="'ann'" state="'sleepy'"/>`, ""))
	o.expect(
		`error.agent.setdnd false {"error":"invalidattribute","description":"neither agent nor for says whose state is meant"}`,
		`error.agent.setmediastate false {"error":"invalidattribute","description":"attribute state: want 'ready' or 'notready', 'on' or 'off'"}`,
		`agent.logout.done true {}`, `agent.setmediastate.done false {}`, `agent.setdnd.done false {}`)
	require.Equal(t, []string{"logout ann 7001@sip [{code x}]", "state ann voice false", "dnd 7001 true"}, f.log)

	f.err = errors.New("link is down")
	doOnce(t, &fm.ServicesOptions{Agents: &f}, `<agent:logout requestid="req" agent="'ann'"/>`,
		`error.agent.logout true {"error":"remote","description":"link is down"}`)
	doOnce(t, &fm.ServicesOptions{}, `<agent:logout requestid="req" agent="'ann'"/>`,
		`error.agent.logout true {"error":"unknown","description":"no switch for agents is connected"}`)
}

func TestElastic(t *testing.T) {
	var f fakes
	o := newOffice(t, &fm.ServicesOptions{Index: &f})
	o.run(service(`
<elasticconnector:createindextemplate requestid="req" name="'t1'" index="'calls-*'" order="2" settings="({shards: 1})"/>
<elasticconnector:createdoc index="'calls-1'" type="'call'" doc="({a: 1})"/>
<elasticconnector:createdoc index="'calls-1'"><content>{"b": [2]}</content></elasticconnector:createdoc>
<elasticconnector:updatedoc index="'calls-1'" id="'d1'"><param name="c" expr="3"/></elasticconnector:updatedoc>
<elasticconnector:deletedoc index="'calls-1'" id="'d1'"/>`, `
<transition event="again">
  <elasticconnector:createindextemplate name="'t1'" index="'calls-*'" order="2"/>
  <elasticconnector:createindextemplate name="'t2'" index="'p*'" order="2"/>
  <elasticconnector:createindextemplate name="'t3'" index="'x, session-*'"/>
  <elasticconnector:createdoc index="'calls-1'" doc="7"/>
  <elasticconnector:deletedoc index="'calls-1'" id="undefined"/>
</transition>`))
	o.expect(`elasticconnector.createindextemplate.done true {"name":"t1","skipped":false}`,
		`elasticconnector.createdoc.done false {"index":"calls-1","id":"made"}`,
		`elasticconnector.createdoc.done false {"index":"calls-1","id":"made"}`,
		`elasticconnector.updatedoc.done false {"index":"calls-1","id":"d1"}`,
		`elasticconnector.deletedoc.done false {"index":"calls-1","id":"d1"}`)
	require.Equal(t, []string{`template t1 calls-* 2 {"shards":1}`, `create calls-1/call {"a":1}`, `create calls-1/ {"b":[2]}`,
		`update calls-1/d1 {"c":3}`, `delete calls-1/d1`}, f.log)
	o.send("s1", "again")
	o.expect(`elasticconnector.createindextemplate.done false {"name":"t1","skipped":true}`,
		`error.elasticconnector.createindextemplate false {"error":"invalidattribute","description":"the pattern covers the performance index, which is the server's own"}`,
		`error.elasticconnector.createindextemplate false {"error":"invalidattribute","description":"the pattern covers the session index; its order must be above 0"}`,
		`error.elasticconnector.createdoc false {"error":"invalidattribute","description":"there is no document: want an object in attribute doc, <param> or <content>"}`,
		`error.elasticconnector.deletedoc false {"error":"invalidattribute","description":"attribute id has no value"}`)
	doOnce(t, &fm.ServicesOptions{}, `<elasticconnector:createdoc requestid="req" index="'x'" doc="({})"/>`,
		`error.elasticconnector.createdoc true {"error":"unknown","description":"no index is connected"}`)
}

// slowAgents waits until it is told to stop.
type slowAgents struct {
	fakes
	begun, ended chan struct{}
}

func (s *slowAgents) Logout(ctx context.Context, _ fm.AgentRequest) error {
	s.begun <- struct{}{}
	<-ctx.Done()
	s.ended <- struct{}{}
	return ctx.Err()
}

// What a session has under way ends with it, and with Close; nothing outlives the
// bubble.
func TestActionsEndWithTheirSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &slowAgents{begun: make(chan struct{}, 100), ended: make(chan struct{}, 100)}
		o := &office{TB: t, files: map[string]string{}}
		o.open(session.SystemClock{}, &fm.ServicesOptions{Agents: a, PerSession: 2, Outstanding: 3})
		logout := `<agent:logout requestid="req" agent="'ann'"/>`
		o.files["mem:a"] = service(logout+logout+logout, "")
		start := func() string {
			id, err := o.engine.Start(t.Context(), session.StartRequest{URL: "mem:a"})
			require.NoError(t, err)
			synctest.Wait()
			return id
		}
		first := start()
		require.Len(t, a.begun, 2)
		o.expect(`error.agent.logout true {"error":"unknown","description":"the session has 2 actions under way already"}`)
		start()
		require.Len(t, a.begun, 3)
		o.expect(`error.agent.logout false {"error":"unknown","description":"there are 3 actions under way already"}`,
			`error.agent.logout true {"error":"unknown","description":"there are 3 actions under way already"}`)
		require.NoError(t, o.engine.Terminate(t.Context(), first))
		synctest.Wait()
		require.Len(t, a.ended, 2)
		<-time.After(time.Minute) // of the bubble: the default time-out has passed
		synctest.Wait()
		o.expect(`error.agent.logout false {"error":"timeout","description":"context deadline exceeded"}`)
		require.Len(t, a.ended, 3)
		start()
		require.Len(t, a.begun, 5)
		o.expect(`error.agent.logout true {"error":"unknown","description":"the session has 2 actions under way already"}`)
		require.NoError(t, o.services.Close())
		require.Len(t, a.ended, 5)
		require.NoError(t, o.engine.Send(t.Context(), "s2", &scxml.Event{Name: "x"}))
		synctest.Wait()
	})
}

type panickingAgents struct{ fakes }

func (*panickingAgents) Logout(context.Context, fm.AgentRequest) error { panic("oh") }

func TestPanicOfHostIsContained(t *testing.T) {
	doOnce(t, &fm.ServicesOptions{Agents: &panickingAgents{}}, `<agent:logout requestid="req" agent="'ann'"/>`,
		`error.agent.logout true {"error":"unknown","description":"panic in agent.logout"}`)
}

func TestUnknownServiceElements(t *testing.T) {
	for text, want := range map[string]string{
		`<session:fech src="'x'"/>`:                                 `did you mean "fetch"?`,
		`<session:fetch src="'x'" methd="'get'"/>`:                  `did you mean "method"?`,
		`<statistic:subscribe object="'x'"/>`:                       "<subscribe> needs the attribute statistic",
		`<resource:create/>`:                                        "<create> is no action of the resource module",
		`<session:fetch src="'x'"><session:start/></session:fetch>`: "<start> may not stand inside <fetch>",
	} {
		doc, err := scxml.Parse(t.Context(), []byte(service(text, "")), &scxml.ParseOptions{
			Languages: []datamodel.Language{goja.New(nil)}, Modules: fm.Modules()})
		var problems *scxml.ParseError
		if errors.As(err, &problems) {
			assert.Contains(t, problems.Detail(), want)
			continue
		}
		require.NoError(t, err)
		assert.Contains(t, fmt.Sprint(doc.Warnings()), want)
	}
}

// A Connector brings the modules along.
func TestConnectorHasServices(t *testing.T) {
	w := newWorld(t, service(`<session:fetch requestid="req" src="'http://crm.example/'"/><log expr="_genesys.session.day.Monday"/>`,
		`<transition event="interaction"/>`+onFetched))
	w.call(sim.Caller{})
	w.expect("s1: 1", "s1: true number 0 address is not allowed: FetchOptions.Allow has no entry for http://crm.example/")
}
