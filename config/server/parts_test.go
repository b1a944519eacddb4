package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/config/server"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/router"
)

// A host brings parts of its own.
func TestReplacedParts(t *testing.T) {
	w := newWorld(t)
	store, err := memstore.New(nil)
	require.NoError(t, err)
	defer store.Close()
	w.opts.Store = store
	w.opts.Router = router.New(&router.Options{Clock: w.clock})
	var order []string
	note := func(part string) { order = append(order, part) }
	adjust := &w.opts.Adjust
	adjust.Router = func(*router.Options) { note("router") }
	adjust.Loader = func(o *session.LoaderOptions) { note("loader"); o.Bytes = 1 << 20 }
	adjust.Services = func(o *fm.ServicesOptions) { note("services"); o.Tenant = "Mine" }
	adjust.Connector = func(o *fm.Options) { note("connector"); o.MaxCalls = 1 }
	adjust.Engine = func(o *session.Options) { note("engine"); o.Loader = documents{} }
	adjust.Monitor = func(o *rest.MonitorOptions) { note("monitor"); o.Trace = true }
	adjust.REST = func(o *rest.Options) { note("rest"); o.Sources = []string{"http://anywhere.example/"} }
	adjust.HTTP = func(s *http.Server) { note("http"); s.IdleTimeout = time.Second }
	srv := w.start()
	assert.Equal(t, []string{"loader", "services", "connector", "engine", "monitor", "rest", "http"}, order)
	assert.Same(t, w.opts.Router, srv.Router())
	_, err = srv.Router().AgentStatus("ann")
	require.NoError(t, err, "it is filled")
	w.call("5000")
	w.call("5000")
	assert.Equal(t, 1, srv.Engine().Len(), "MaxCalls")
	status, _ := w.request(srv, "POST", "/scxml/session/start", "src=http://anywhere.example/a.scxml")
	assert.Equal(t, 200, status)
	require.NoError(t, srv.Engine().Settle(t.Context()), "both have begun")
	_, metrics := w.request(srv, "GET", "/ors/v1/metrics", "")
	assert.Contains(t, metrics, "ors_sessions_started_total 2")
	assert.Contains(t, metrics, `ors_store_latency_milliseconds_count{operation="create"} 2`, "of the host's store")
	srv.Monitor().Measure("redirect-time", "", time.Second)
	require.NoError(t, srv.Shutdown(t.Context()))
	n := 0
	for bucket := range store.Buckets() {
		for range store.List(t.Context(), bucket, "") {
			n++
		}
	}
	assert.Equal(t, 2, n, "the store is the host's: it is open, and has the sessions")
}

// A host that serves the REST API itself.
func TestHandler(t *testing.T) {
	w := newWorld(t)
	w.write("applications.yaml", strings.Replace(applications, "protocol: http", "protocol: other", 1))
	w.opts.Address, w.opts.Authenticators, w.opts.Loopback = "", nil, true
	srv := w.start()
	assert.Nil(t, srv.Addr())
	assert.Empty(t, srv.URL())
	web := httptest.NewServer(srv.Handler())
	defer web.Close()
	r, err := http.Get(web.URL + "/ors/v1/sessions")
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	assert.Equal(t, 200, r.StatusCode)
	require.NoError(t, srv.Shutdown(t.Context()))

	// One that wants none.
	w.opts.Loopback = false
	srv = w.start()
	assert.Nil(t, srv.Handler())
	w.call("5000")
	assert.Equal(t, 1, srv.Engine().Len())
}

func TestSecurePort(t *testing.T) {
	w := newWorld(t)
	made := httptest.NewUnstartedServer(nil)
	made.StartTLS()
	certificate, root := made.TLS.Certificates[0], x509.NewCertPool()
	root.AddCert(made.Certificate())
	made.Close()
	w.write("applications.yaml", strings.Replace(applications, "protocol: http", "protocol: http, secure: true", 1))
	w.opts.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS10}
	srv := w.start()
	assert.True(t, strings.HasPrefix(srv.URL(), "https://"), srv.URL())
	get := func(c *tls.Config) (*http.Response, error) {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
		return client.Get(srv.URL() + "/ors/v1/ready")
	}
	r, err := get(&tls.Config{RootCAs: root})
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, r.Body)
	require.NoError(t, r.Body.Close())
	assert.Equal(t, 200, r.StatusCode)
	_, err = get(&tls.Config{RootCAs: root, MaxVersion: tls.VersionTLS11})
	require.Error(t, err, "TLS 1.2 is the least")
}

// A request for a session of another node is sent there.
func TestOtherNode(t *testing.T) {
	w := newWorld(t)
	w.write("applications.yaml", applications+`
  - {name: ORS_2, type: OrchestrationServer, dbid: 202, options: {orchestration: {external-url: "https://two.example/ors"}}}`)
	srv := w.start()
	req, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL()+"/scxml/session/~202~029I4G7KGCET96MLCCSH5B5AES01M138/event/go?a=1", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+secret)
	location := func() (int, string) {
		r, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		return r.StatusCode, r.Header.Get("Location")
	}
	status, to := location()
	assert.Equal(t, 307, status)
	assert.Equal(t, "https://two.example/ors/scxml/session/~202~029I4G7KGCET96MLCCSH5B5AES01M138/event/go?a=1", to)
	w.replace("applications.yaml", "two.example", "moved.example")
	_, to = location()
	assert.Contains(t, to, "https://moved.example/")
}

// A server without any connection: sessions by REST, and actions on calls that say why
// there are none.
func TestNoConnections(t *testing.T) {
	w := newWorld(t)
	w.write("applications.yaml", strings.Replace(applications, "[{server: TServer_Main}, {server: URS_1}]", "[]", 1))
	w.files["strategies/calls.scxml"] = w.files["strategies/first.scxml"]
	w.files["strategies/calls.scxml"].Data = []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript" xmlns:ixn="http://www.genesyslab.com/modules/interaction">
 <state id="s"><onentry><ixn:createcall from="'7001'" to="'0301'"/></onentry><transition event="error.*"><log expr="_event.name + ' ' + _event.data.description"/></transition></state></scxml>`)
	srv := w.start()
	require.NoError(t, srv.WaitReady(t.Context()))
	status, body := w.request(srv, "POST", "/scxml/session/start", "src=app:/strategies/calls.scxml")
	require.Equal(t, 200, status, body)
	w.clock.Advance(time.Second)
	assert.Contains(t, w.said.String(), "error.voice.createcall the link cannot make calls")
}

// Endpoints of a pair, and where the host of an application is.
func TestLinkRequest(t *testing.T) {
	w := newWorld(t)
	w.write("applications.yaml", `
hosts: [{name: one, ipAddress: 192.0.2.1}, {name: two}]
applications:
  - {name: TServer_Main, type: TServer, serverInfo: {host: one, ports: [{id: default, port: 7002}, {id: ha, port: 7003}], redundancy: HotStandby, backup: TServer_B}}
  - {name: TServer_B, type: TServer, serverInfo: {host: two, ports: [{id: ha, port: 7013}]}}
  - {name: ORS_0, type: OrchestrationServer, dbid: 200, serverInfo: {redundancy: WarmStandby, backup: ORS_1}}
  - name: ORS_1
    type: OrchestrationServer
    dbid: 201
    connections: [{server: TServer_Main, port: ha}]`)
	var asked *server.LinkRequest
	w.opts.Links[config.TServer] = func(_ context.Context, r *server.LinkRequest) (telephony.Link, error) {
		asked = r
		return telephony.Open(w.sw, []telephony.Endpoint{{}}, &r.Options)
	}
	var node int
	w.opts.Adjust.REST = func(o *rest.Options) { node = o.Node }
	require.NoError(t, w.start().Ready())
	assert.Equal(t, []telephony.Endpoint{{Name: "TServer_Main", Address: "192.0.2.1:7003"}, {Name: "TServer_B", Address: "two:7013"}}, asked.Endpoints)
	assert.Equal(t, telephony.StandbyHot, asked.Options.Standby)
	assert.Equal(t, 200, node, "the backup is the same node as its primary")
}

// The address is that of the host, and sessions see its name.
func TestAddress(t *testing.T) {
	w := newWorld(t)
	w.write("applications.yaml", strings.Replace(applications, "serverInfo: {ports: [{id: http", "serverInfo: {host: here, ports: [{id: http", 1)+"\nhosts: [{name: here, ipAddress: 127.0.0.1}]")
	w.opts.Address = ""
	var at string
	w.opts.Listen = func(network, address string) (net.Listener, error) {
		at = address
		return net.Listen(network, "127.0.0.1:0")
	}
	srv := w.start()
	assert.Equal(t, "127.0.0.1:8080", at)
	assert.Equal(t, fmt.Sprintf("http://here:%d", srv.Addr().(*net.TCPAddr).Port), srv.URL())
}
