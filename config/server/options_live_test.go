package server_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config/server"
	"github.com/seed-ff723688/ors/session"
)

// configured begins with options of ORS_1, as YAML of the level of sections.
func configured(t *testing.T, options string) *world {
	w := newWorld(t)
	w.write("applications.yaml", applications+"    options:\n"+options)
	return w
}

// logged is what the files of a log have.
func (w *world) logged(name string) string {
	w.Helper()
	w.clock.Advance(2 * time.Second)
	found, err := filepath.Glob(filepath.Join(w.dir, name+".*.log"))
	require.NoError(w, err)
	require.NotEmpty(w, found)
	var all strings.Builder
	for _, f := range found {
		b, err := os.ReadFile(f)
		require.NoError(w, err)
		all.Write(b)
	}
	return all.String()
}

// What the section log says is written, masked, and changes while the server runs.
func TestLogOptions(t *testing.T) {
	w := newWorld(t)
	w.opts.Adjust.Engine = nil // <log> is for the log
	w.write("applications.yaml", applications+"    options:\n      log: {verbose: standard, all: '"+filepath.Join(w.dir, "ors.log")+"', x-server-gcti-trace-level: 2, x-print-attached-data: 1}\n"+
		"      log-filter: {ors-regex-caller: '030\\d+'}\n")
	w.start()
	require.NoError(t, w.sw.HangUp(w.call("5000")))
	assert.NotContains(t, w.logged("ors"), "EventRouteRequest")

	w.replace("applications.yaml", "verbose: standard", "verbose: all, x-server-trace-level: 2")
	call := w.call("5000")
	log := w.logged("ors")
	assert.Regexp(t, `Trc EventRouteRequest link=TServer_Main ConnID=\w+ ThisDN=5000 .*ANI=\*\*\*\*`, log)
	assert.NotContains(t, log, "0301234567")
	assert.Contains(t, log, `label='strategy' text="first Sales"`)
	assert.Contains(t, log, "METRIC <state_enter sid=")
	assert.NotContains(t, log, "Dbg event message=", "that is level 3")
	assert.Contains(t, log, "UserData.OP-Session-ID=")
	assert.Contains(t, log, "change kind=changed object=\"Application ORS_1\" section=log option=verbose old=standard new=all")

	// All of each message, with keys that are masked, and without the user data.
	w.replace("applications.yaml", "x-server-gcti-trace-level: 2", "x-server-gcti-trace-level: 3", "log-filter:", "log-filter-data: {OP-Session-ID: 'hide-last,30'}\n      log-filter:")
	before := len(w.logged("ors"))
	require.NoError(t, w.sw.HangUp(call))
	call = w.call("5000")
	log = w.logged("ors")[before:]
	assert.Regexp(t, `Dbg event message="EventAttachedDataChanged .*UserData=\{\\"OP-Session-ID\\": \\"..\*{30}\\"\}`, log)
	assert.Regexp(t, `Dbg request message="RequestUpdateUserData .*UserData=\{\\"OP-Session-ID\\": \\"..\*{30}\\"\}`, log)
	w.replace("applications.yaml", "x-print-attached-data: 1", "x-print-attached-data: 0")
	before = len(w.logged("ors"))
	require.NoError(t, w.sw.HangUp(call))
	call = w.call("5000")
	log = w.logged("ors")[before:]
	assert.Contains(t, log, "Dbg event message")
	assert.NotContains(t, log, "UserData=")

	// Other rules, at once.
	w.replace("applications.yaml", "ors-regex-caller: '030\\d+'", "default-filter-type: copy", "x-server-gcti-trace-level: 3", "x-server-gcti-trace-level: 1")
	require.NoError(t, w.sw.HangUp(call))
	before = len(w.logged("ors"))
	w.call("5000")
	log = w.logged("ors")[before:]
	assert.Contains(t, log, "EventRouteRequest")
	assert.NotContains(t, log, "ANI=")
	assert.Contains(t, w.log.String(), "METRIC", "the host's logger has the same")
}

// The options of the REST API count for the next request.
func TestRESTOptions(t *testing.T) {
	w := configured(t, "      orchestration: {cookie: 'BALANCER=node1; Path=/', webfm_event_hold_response_time: 7}\n      log-filter-data: {n: hide}\n")
	srv := w.start()
	get := func(path string) http.Header {
		req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL()+path, nil)
		require.NoError(t, err)
		r, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		return r.Header
	}
	assert.Equal(t, []string{"BALANCER=node1; Path=/"}, get("/ors/v1/health").Values("Set-Cookie"))
	w.replace("applications.yaml", "BALANCER=node1; Path=/", "BALANCER=node2")
	assert.Equal(t, []string{"BALANCER=node2"}, get("/ors/v1/health").Values("Set-Cookie"))

	status, body := w.request(srv, "POST", "/scxml/session/start", "src=app:/strategies/first.scxml&n=5")
	require.Equal(t, 200, status, body)
	id := strings.Split(body, `"`)[3]
	total := func() string {
		_, body := w.request(srv, "POST", "/scxml/session/"+id+"/request/total", "")
		return body
	}
	assert.JSONEq(t, `{"n":"5"}`, total())
	_, body = w.request(srv, "GET", "/ors/v1/sessions/"+id, "")
	assert.Contains(t, body, `"n":"****"`)
	w.replace("applications.yaml", "{n: hide}", "{n: copy}", "webfm_event_hold", "parse-start-params: true, webfm_event_hold")
	_, body = w.request(srv, "GET", "/ors/v1/sessions/"+id, "")
	assert.Contains(t, body, `"n":"5"`)

	_, body = w.request(srv, "POST", "/scxml/session/start", "src=app:/strategies/first.scxml&n=5&skill=007")
	id = strings.Split(body, `"`)[3]
	assert.JSONEq(t, `{"n":5}`, total(), "read as JSON now")
	_, body = w.request(srv, "GET", "/ors/v1/sessions/"+id, "")
	assert.Contains(t, body, `"skill":"007"`)
}

// Limits count for the sessions that begin from then on.
func TestLimitsOfTheNextSession(t *testing.T) {
	w := configured(t, "      scxml: {max-session-age: 3600, max-pending-events: 500}\n")
	srv := w.start()
	w.call("5000")
	require.Equal(t, 1, srv.Engine().Len())
	w.replace("applications.yaml", "max-session-age: 3600", "max-session-age: 60")
	w.call("5000")
	w.clock.Advance(61 * time.Second)
	assert.Equal(t, 1, srv.Engine().Len(), "the first one may live for an hour")
	w.clock.Advance(time.Hour)
	assert.Zero(t, srv.Engine().Len())

	// A limit of the script goes before.
	w.replace("site.yaml", `{url: "app:/strategies/first.scxml"}`, `{url: "app:/strategies/first.scxml", max-duration: 10}`)
	w.call("5000")
	w.clock.Advance(11 * time.Second)
	assert.Zero(t, srv.Engine().Len())
}

func TestNewSessionOnReroute(t *testing.T) {
	for reroute, want := range map[string]int{"false": 1, "true": 2} {
		w := configured(t, "      orchestration: {new-session-on-reroute: "+reroute+"}\n")
		w.replace2("site.yaml", "  - {number: \"7001\"", "  - {number: \"5001\", switch: Main, type: RoutingPoint, annex: {Orchestration: {application: app:/strategies/second.scxml}}}\n  - {number: \"7001\"")
		srv := w.start()
		w.files["strategies/first.scxml"].Data = []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript" xmlns:ixn="http://www.genesyslab.com/modules/interaction">
 <state id="a"><transition event="interaction.onrouterequest" cond="_event.data.interactionid"><ixn:redirect interactionid="_event.data.interactionid" from="'5000'" to="'5001'" type="'RouteTypeUnknown'"/></transition>
  <transition event="interaction.deleted"><log expr="'first: ' + _event.data.resultof"/></transition></state></scxml>`)
		w.call("5000")
		w.clock.Advance(time.Second)
		assert.Equal(t, want, srv.Engine().Len(), "%s: %s%s", reroute, w.said.String(), w.log.String())
		assert.Equal(t, reroute == "true", strings.Contains(w.said.String(), "second"), w.said.String())
		assert.Equal(t, reroute == "true", strings.Contains(w.said.String(), "first: detach"), w.said.String())
	}
}

// replace2 is replace before the configuration is opened.
func (w *world) replace2(name, old, text string) {
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	require.NoError(w, err)
	require.Contains(w, string(b), old)
	w.write(name, strings.Replace(string(b), old, text, 1))
}

// What cannot be is refused with its place, before anything is open.
func TestOptionsRefused(t *testing.T) {
	w := configured(t, "      log: {all: '/nowhere/ors.log'}\n")
	w.refused("server: Application ORS_1: server: section log: file \"/nowhere/ors.log\"")
	w = configured(t, "      scxml: {http-ssl-ca-info: /nowhere.pem}\n")
	w.refused("server: Application ORS_1: section scxml, option http-ssl-ca-info, http-ssl-ca-path: open /nowhere.pem")
}

// The loader keeps to options and follows them.
func TestLoaderFollowsOptions(t *testing.T) {
	w := configured(t, "      scxml: {http-max-cache-size: 1}\n")
	made := 0
	w.opts.Adjust.Loader = func(o *session.LoaderOptions) {
		made++
		assert.Equal(t, int64(made)<<20, o.CacheBytes)
	}
	var srv *server.Server = w.start()
	require.Equal(t, 1, made)
	w.replace("applications.yaml", "http-max-cache-size: 1", "http-max-cache-size: 2")
	assert.Equal(t, 2, made)
	w.replace("applications.yaml", "http-max-cache-size: 2", "http-max-cache-size: 2, max-session-age: 7")
	assert.Equal(t, 2, made, "nothing of it has changed")
	assert.NoError(t, srv.Ready())
}

// Thresholds of performance alarms count at once.
func TestAlarmOptions(t *testing.T) {
	w := newWorld(t)
	w.write("applications.yaml", applications+"    options:\n      log: {alarm: '"+filepath.Join(w.dir, "alarms.log")+"'}\n      performance-alarms: {active-sessions: 1, state-time: 5000}\n")
	srv := w.start()
	w.call("5000")
	w.clock.Advance(2 * time.Second)
	assert.NotContains(t, w.logged("alarms"), "active-sessions")
	w.call("5000")
	assert.Contains(t, w.logged("alarms"), "Alr active-sessions (1): 2 id=23028")
	w.replace("applications.yaml", "active-sessions: 1", "active-sessions: 10, create-session-time: 100000")
	w.clock.Advance(2 * time.Second)
	assert.Empty(t, srv.Monitor().Alarms())
}

// What is set in vain is told once.
func TestOptionsWithoutEffect(t *testing.T) {
	w := configured(t, "      orchestration: {def-statserver-name: S1, functions-by-urs: yes, mcr-pull-limit: 5000}\n      dfm: {crm: crm.xml}\n")
	w.start()
	const line = `msg="option has no effect"`
	assert.Equal(t, 2, strings.Count(w.log.String(), line), "defaults are not told of: %s", w.log.String())
	assert.Contains(t, w.log.String(), `section=orchestration option=def-statserver-name reason="no Stat Server is asked: the router keeps the statistics"`)
	assert.Contains(t, w.log.String(), `section=dfm option=crm`)
	w.replace("applications.yaml", "mcr-pull-limit: 5000", "mcr-pull-limit: 10")
	assert.Equal(t, 3, strings.Count(w.log.String(), line))
}

// Everything that counts at once changes while requests and calls are under way: no request fails,
// and the race detector has nothing to say.
func TestOptionsChangeUnderLoad(t *testing.T) {
	w := newWorld(t)
	variants := []string{
		"orchestration: {cookie: 'BALANCER=node1', webfm_event_hold_response_time: 7, parse-start-params: true, new-session-on-reroute: true}\n" +
			"      scxml: {max-microstep-count: 500, max-pending-events: 50, http-max-cache-size: 1}\n" +
			"      log: {verbose: all, x-server-trace-level: 3, x-print-attached-data: 1, message_format: full, all: '" + filepath.Join(w.dir, "a.log") + "'}\n" +
			"      log-filter: {default-filter-type: hide, ors-regex-caller: '030\\d+'}\n      log-filter-data: {n: 'hide-last,2'}\n" +
			"      performance-alarms: {active-sessions: 1}\n",
		"orchestration: {cookie: 'BALANCER=node2', webfm_event_hold_response_time: 9, parse-start-params: false, new-session-on-reroute: false}\n" +
			"      scxml: {max-microstep-count: 700, max-pending-events: 70, http-max-cache-size: 2}\n" +
			"      log: {verbose: standard, x-server-trace-level: 0, x-print-attached-data: 0, message_format: short, all: '" + filepath.Join(w.dir, "b.log") + "'}\n" +
			"      log-filter: {default-filter-type: copy, 'ors-regex-digits;tag': '\\d+'}\n      log-filter-data: {n: hide}\n" +
			"      performance-alarms: {active-sessions: 1000, create-session-time: 100000}\n",
	}
	head := applications + "    options:\n      "
	w.write("applications.yaml", head+variants[0])
	srv := w.start()
	done := make(chan struct{})
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				req, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL()+"/scxml/session/start", strings.NewReader("src=app:/strategies/first.scxml&n=5"))
				if !assert.NoError(t, err) {
					return
				}
				req.Header.Set("Authorization", "Bearer "+secret)
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r, err := http.DefaultClient.Do(req)
				if !assert.NoError(t, err) {
					return
				}
				assert.Equal(t, 200, r.StatusCode)
				assert.NoError(t, r.Body.Close())
			}
		})
	}
	for i := range 30 {
		w.replace("applications.yaml", variants[i%2], variants[1-i%2])
		require.NoError(t, w.sw.HangUp(w.call("5000")))
	}
	close(done)
	work.Wait()
	http.DefaultClient.CloseIdleConnections()
	require.NoError(t, w.live.Refused())
}
