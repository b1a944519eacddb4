package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/config/server"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
	"github.com/seed-ff723688/ors/telephony"
)

// Each says what is wrong and what to do.
func TestRefused(t *testing.T) {
	application := func(change ...string) func(w *world) {
		return func(w *world) {
			w.write("applications.yaml", strings.NewReplacer(change...).Replace(applications))
		}
	}
	const connection = "{server: URS_1}"
	options := func(text string) func(w *world) {
		return application("dbid: 201", "dbid: 201\n    options: {"+text+"}")
	}
	for name, c := range map[string]struct {
		set  func(w *world)
		want string
	}{
		"no application": {func(w *world) { w.config("") }, "set config.SiteOptions.Application"},
		"another type":   {func(w *world) { w.config("URS_1") }, "Application URS_1 has the type UniversalRoutingServer; want OrchestrationServer"},
		"disabled":       {application("dbid: 201", "disabled: true"), "Application ORS_1 is disabled"},
		"no store": {options("persistence: {type: redis}"),
			`Application ORS_1, section persistence, option type: there is no opener for "redis"; this program has none. Set server.Options.Stores["redis"], or the option to none`},
		"the default store": {options("persistence: {cassandra-nodes: cass1}"), `there is no opener for "cassandra"`},
		"a store that fails": {func(w *world) {
			options("persistence: {type: redis}")(w)
			w.opts.Stores = map[string]server.StoreOpener{"redis": func(context.Context, *config.Settings) (persistence.Store, error) {
				return nil, errors.New("connection refused")
			}}
		}, `opening the store "redis" of Application ORS_1: connection refused`},
		"an opener without a store": {func(w *world) {
			options("persistence: {type: redis}")(w)
			w.opts.Stores = map[string]server.StoreOpener{"redis": func(context.Context, *config.Settings) (persistence.Store, error) { return nil, nil }}
		}, `Stores["redis"] has returned no store`},
		"no opener of links": {func(w *world) { w.opts.Links = nil },
			`connection to TServer_Main: there is no opener for applications of the type TServer; set server.Options.Links["TServer"]`},
		"a link that fails": {func(w *world) {
			w.opts.Links = map[config.ApplicationType]server.LinkOpener{config.TServer: func(context.Context, *server.LinkRequest) (telephony.Link, error) {
				return nil, errors.New("no licence")
			}}
		}, "opening the link to TServer_Main: no licence"},
		"an opener without a link": {func(w *world) {
			w.opts.Links = map[config.ApplicationType]server.LinkOpener{config.TServer: func(context.Context, *server.LinkRequest) (telephony.Link, error) { return nil, nil }}
		}, `Links["TServer"] has returned no link`},
		"a link without calls": {func(w *world) {
			w.opts.Links = map[config.ApplicationType]server.LinkOpener{config.TServer: func(ctx context.Context, r *server.LinkRequest) (telephony.Link, error) {
				link, err := w.simulated(ctx, r)
				return mute{link}, err
			}}
		}, "the link reports no calls"},
		"two T-Servers": {application(connection, "{server: Other}", "  - {name: URS_1", "  - {name: Other, type: TServer}\n  - {name: URS_1"),
			"is connected to TServer_Main and to Other, both of the type TServer"},
		"a disabled T-Server": {application("type: TServer,", "type: TServer, disabled: true,"), "TServer_Main is disabled"},
		"nobody is let in":    {func(w *world) { w.opts.Authenticators = nil }, "the REST API of Application ORS_1: rest: nobody is authenticated"},
		"no certificate":      {application("protocol: http", "protocol: http, secure: true"), "the http port of Application ORS_1 is secure; set server.Options.TLS"},
		"an empty TLS": {func(w *world) {
			application("protocol: http", "protocol: http, secure: true")(w)
			w.opts.TLS = &tls.Config{}
		}, "set server.Options.TLS with a certificate"},
		"an address":          {func(w *world) { w.opts.Address = "nowhere" }, "the http port of Application ORS_1"},
		"no listener":         {func(w *world) { w.opts.Listen = func(string, string) (net.Listener, error) { return nil, nil } }, "Options.Listen has returned no listener"},
		"no node id":          {application("dbid: 201", "options: {orchestration: {sessionid-with-nodeid: true}}"), "the primary application has no dbid"},
		"a source":            {func(w *world) { w.opts.Sources = []string{"strategies"} }, "where documents may be loaded from"},
		"a source of REST":    {func(w *world) { w.opts.Sources = []string{"http://user@apps.example/"} }, "credentials"},
		"settings of a part":  {func(w *world) { w.opts.Adjust.REST = func(o *rest.Options) { o.Loopback = true } }, "Options.Loopback opens what"},
		"an engine's setting": {func(w *world) { w.opts.Adjust.Engine = func(o *session.Options) { o.NodeID = -1 } }, "NodeID"},
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			w := newWorld(t)
			c.set(w)
			w.refused(c.want)
			nothingLeft(t, before)
		})
	}
	_, err := server.New(t.Context(), nil, nil)
	require.ErrorContains(t, err, "config.Open makes one")
	w := newWorld(t)
	w.config("ORS_1")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = server.New(over, w.live, &w.opts)
	require.ErrorIs(t, err, context.Canceled)
}

type mute struct{ telephony.Link }

func (mute) Capabilities() telephony.Capabilities { return telephony.CanRoute }

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	require.NoError(t, err)
	w := newWorld(t)
	w.write("applications.yaml", strings.ReplaceAll(applications, "8080", port))
	w.opts.Address = "" // that of the application: its host is this one
	w.refused("the http port of Application ORS_1: listen tcp 127.0.0.1:" + port)
	require.NoError(t, taken.Close())
	assert.Equal(t, "127.0.0.1:"+port, w.start().Addr().String())
}

// A link that does not answer keeps nobody from starting: the server says that it is not
// ready, and what is missing.
func TestLinkThatDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	w.sw.Server("").Stop()
	srv := w.start()
	require.ErrorContains(t, srv.Ready(), "link to TServer_Main is Connecting")
	status, body := w.request(srv, "GET", "/ors/v1/ready", "")
	assert.Equal(t, 503, status)
	assert.NotContains(t, body, "TServer_Main")
	status, _ = w.request(srv, "POST", "/scxml/session/start", "src=app:/strategies/first.scxml")
	assert.Equal(t, 200, status, "what needs no switch works")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := srv.WaitReady(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "link to TServer_Main")

	w.sw.Server("").Start()
	w.clock.Advance(time.Minute)
	require.NoError(t, srv.Ready())
	status, _ = w.request(srv, "GET", "/ors/v1/ready", "")
	assert.Equal(t, 200, status)
	w.call("5000")
	assert.Equal(t, "first Sales\n", w.said.String())
}

// DNs that the switch does not have are told of, and keep nobody from working.
func TestUnknownDN(t *testing.T) {
	w := newWorld(t)
	w.write("more.yaml", `dns: [{number: "5999", switch: Main, type: RoutingPoint}]`)
	srv := w.start()
	require.NoError(t, srv.Ready())
	require.ErrorContains(t, srv.WaitReady(t.Context()), "registering DN 5999")
	assert.Contains(t, w.log.String(), "DN is not registered")
}
