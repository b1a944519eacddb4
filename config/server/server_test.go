package server_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/config/server"
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

const secret = "secret-of-the-tests-0123"

// site is what the tests begin with: a routing point, two agents.
const site = `
switches: [{name: Main, tServer: TServer_Main}]
dns:
  - {number: "5000", switch: Main, type: RoutingPoint, annex: {Orchestration: {application: script:Sales}}}
  - {number: "7001", switch: Main, type: Extension}
  - {number: "7002", switch: Main, type: ACDPosition}
scripts:
  - name: Sales
    annex:
      Application: {url: "app:/strategies/first.scxml"}
      ApplicationParms: {skill: Sales}
skills: [{name: Sales}, {name: Support}]
places: [{name: P1, dns: [7001@Main]}, {name: P2, dns: [7002@Main]}]
persons:
  - {employeeId: ann, agent: true, place: P1, skills: {Sales: 8}, logins: [{switch: Main, loginCode: "1001"}]}
  - {employeeId: bob, agent: true, place: P2, skills: {Support: 8}}
agentGroups: [{name: Team, agents: [ann, bob]}]
`

// applications are those of the same site.
const applications = `
applications:
  - {name: TServer_Main, type: TServer, serverInfo: {ports: [{id: default, port: 7002}]}}
  - {name: URS_1, type: UniversalRoutingServer}
  - name: ORS_1
    type: OrchestrationServer
    dbid: 201
    serverInfo: {ports: [{id: http, port: 8080, protocol: http}]}
    connections: [{server: TServer_Main}, {server: URS_1}]
`

// strategy waits for an agent with a skill, logs its name, and routes.
func strategy(name string) string {
	return `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript" name="` + name + `"
 xmlns:queue="http://www.genesyslab.com/modules/queue" xmlns:session="http://www.genesyslab.com/modules/session">
 <datamodel><data id="skill" expr="'Sales'"/><data id="ixn"/><data id="n" expr="0"/></datamodel>
 <state id="waiting">
  <transition event="interaction.onrouterequest" target="routing"><assign location="ixn" expr="_event.data.interactionid"/></transition>
  <transition event="add"><assign location="n" expr="n + Number(_event.data.by)"/></transition>
  <transition event="total"><session:response requestid="_event.data.requestid"><param name="n" expr="n"/></session:response></transition>
  <transition event="server"><session:response requestid="_event.data.requestid"><param name="name" expr="_genesys.session.server.name"/>
   <param name="url" expr="_genesys.session.server.url"/><param name="cluster" expr="_genesys.session.server.cluster"/></session:response></transition>
 </state>
 <state id="routing">
  <onentry><log label="'strategy'" expr="'` + name + ` ' + skill"/>
   <queue:submit interactionid="ixn" queue="'VQ'"><queue:targets type="skill"><queue:target skillexpr="skill + ' &gt; 5'"/></queue:targets></queue:submit></onentry>
  <transition event="queue.submit.done" target="routed"/>
  <transition event="interaction.deleted" target="gone"/>
 </state>
 <state id="routed"><transition event="interaction.deleted" target="gone"/></state>
 <final id="gone"/>
</scxml>`
}

// world is a simulated switch and a directory with a configuration.
type world struct {
	*testing.T
	clock *session.VirtualClock
	dir   string
	files fstest.MapFS
	sw    *sim.Switch
	live  *config.Live
	opts  server.Options
	log   lines
	said  lines // what strategies log
}

// lines is a log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, dir: t.TempDir(), clock: session.NewVirtualClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)),
		files: fstest.MapFS{"strategies/first.scxml": {Data: []byte(strategy("first"))}, "strategies/second.scxml": {Data: []byte(strategy("second"))}}}
	w.write("site.yaml", site)
	w.write("applications.yaml", applications)
	w.sw = sim.New(&sim.Options{Clock: w.clock, Name: "Main"})
	require.NoError(t, w.sw.AddRoutePoint("5000", sim.RoutePoint{}))
	require.NoError(t, w.sw.AddRoutePoint("5001", sim.RoutePoint{}))
	require.NoError(t, w.sw.AddACDPosition("7001"))
	require.NoError(t, w.sw.AddACDPosition("7002"))
	for _, id := range []string{"1001", "bob"} { // the switch knows ann by her login
		require.NoError(t, w.sw.AddAgent(sim.Agent{ID: id, Handling: sim.Handling{AnswerAfter: time.Second, TalkTime: 10 * time.Second}}))
	}
	tokens, err := rest.NewTokens(rest.Token{Name: "test", Secret: secret, Roles: rest.Admin})
	require.NoError(t, err)
	w.opts = server.Options{
		Languages:      []datamodel.Language{goja.New(nil)},
		Links:          map[config.ApplicationType]server.LinkOpener{config.TServer: w.simulated},
		Authenticators: []rest.Authenticator{tokens},
		Address:        "127.0.0.1:0", FS: map[string]fs.FS{"app": w.files}, Clock: w.clock,
		Logger: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	w.opts.Adjust.Engine = func(o *session.Options) {
		o.Log = func(_ string, e scxml.LogEntry) { _, _ = io.WriteString(&w.said, e.Text+"\n") }
	}
	return w
}

// simulated opens the link to the simulated switch.
func (w *world) simulated(_ context.Context, r *server.LinkRequest) (telephony.Link, error) {
	return telephony.Open(w.sw, []telephony.Endpoint{{Name: r.Application.Name}}, &r.Options)
}

func (w *world) write(name, text string) {
	w.Helper()
	require.NoError(w, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
}

// replace changes a file of the configuration and has it read.
func (w *world) replace(name string, oldnew ...string) {
	w.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	require.NoError(w, err)
	changed := strings.NewReplacer(oldnew...).Replace(string(text))
	require.NotEqual(w, string(text), changed)
	w.write(name, changed)
	_, err = w.live.Reload(w.Context())
	require.NoError(w, err)
	w.clock.Advance(0)
}

// config opens the configuration.
func (w *world) config(application string) {
	w.Helper()
	var err error
	w.live, err = config.Open(w.Context(), config.NewFiles(w.dir, nil), &config.LiveOptions{
		Site: config.SiteOptions{Application: application}, Interval: -1, Clock: w.clock, Logger: w.opts.Logger,
	})
	require.NoError(w, err)
	w.Cleanup(func() { assert.NoError(w, w.live.Close()) })
}

// start starts the server, which is ended with the test.
func (w *world) start() *server.Server {
	w.Helper()
	if w.live == nil {
		w.config("ORS_1")
	}
	srv, err := server.New(w.Context(), w.live, &w.opts)
	require.NoError(w, err)
	w.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = srv.Shutdown(ctx) // what is left is of no interest
	})
	w.clock.Advance(0)
	return srv
}

// refused is the error of a server that cannot be started.
func (w *world) refused(want string) {
	w.Helper()
	if w.live == nil {
		w.config("ORS_1")
	}
	srv, err := server.New(w.Context(), w.live, &w.opts)
	require.ErrorContains(w, err, want)
	require.Nil(w, srv)
}

// call has a caller dial a DN.
func (w *world) call(dn string) telephony.ConnID {
	w.Helper()
	id, err := w.sw.Call(dn, sim.Caller{ANI: "0301234567"})
	require.NoError(w, err)
	w.clock.Advance(0)
	return id
}

// ready has an agent log in and be ready.
func (w *world) ready(id, dn string) {
	w.Helper()
	require.NoError(w, w.sw.Login(id, dn))
	require.NoError(w, w.sw.Ready(id))
	w.clock.Advance(0)
}

// at is where a call is.
func (w *world) at(id telephony.ConnID) string {
	for _, c := range w.sw.List() {
		if c.ConnID == id {
			return c.Waits + strings.Join(c.DNs, ", ")
		}
	}
	return ""
}

// request sends a request to the REST API, and returns the status and the body.
func (w *world) request(srv *server.Server, method, path, form string) (int, string) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, "http://"+srv.Addr().String()+path, strings.NewReader(form))
	require.NoError(w, err)
	req.Header.Set("Authorization", "Bearer "+secret)
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Do(req)
	require.NoError(w, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(w, err)
	return r.StatusCode, strings.TrimSpace(string(body))
}

func TestServer(t *testing.T) {
	w := newWorld(t)
	srv := w.start()
	require.NoError(t, srv.Ready(), w.log.String())
	require.NoError(t, srv.WaitReady(t.Context()))

	// A call waits for somebody with the skill, and finds him.
	call := w.call("5000")
	assert.Equal(t, "first Sales\n", w.said.String(), w.log.String())
	w.ready("bob", "7002")
	assert.Equal(t, "5000", w.at(call), "bob has another skill")
	w.ready("1001", "7001")
	w.clock.Advance(2 * time.Second)
	assert.Equal(t, "7001 Connected", w.at(call))
	w.clock.Advance(time.Minute)
	assert.Zero(t, srv.Engine().Len())

	// The same document by REST.
	status, body := w.request(srv, "POST", "/scxml/session/start", "src=app:/strategies/first.scxml")
	require.Equal(t, 200, status, body)
	id := strings.Split(body, `"`)[3]
	status, _ = w.request(srv, "POST", "/scxml/session/"+id+"/event/add", "by=3")
	require.Equal(t, 200, status)
	_, body = w.request(srv, "POST", "/scxml/session/"+id+"/request/total", "")
	assert.JSONEq(t, `{"n":3}`, body)
	_, body = w.request(srv, "POST", "/scxml/session/"+id+"/request/server", "")
	assert.JSONEq(t, `{"name":"ORS_1","cluster":"ORS_1","url":"`+srv.URL()+`"}`, body)
	assert.Equal(t, "http://"+srv.Addr().String(), srv.URL())
	status, _ = w.request(srv, "GET", "/ors/v1/ready", "")
	assert.Equal(t, 200, status)
	status, _ = w.request(srv, "POST", "/scxml/session/start", "src=app:/elsewhere/first.scxml")
	assert.Equal(t, 403, status, "only folders that the configuration names")
	status, _ = w.request(srv, "POST", "/scxml/session/"+id+"/terminate", "")
	assert.Equal(t, 200, status)
	assert.Contains(t, w.log.String(), "application=URS_1")
}
