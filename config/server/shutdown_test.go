package server_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/config/server"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/session"
)

// durable has the sessions of a world in a file.
func (w *world) durable() {
	w.write("applications.yaml", strings.Replace(applications, "dbid: 201", "dbid: 201\n    options: {orchestration: {sessionid-with-nodeid: true}, persistence: {type: bolt}}", 1))
	w.opts.Stores = map[string]server.StoreOpener{"bolt": func(_ context.Context, settings *config.Settings) (persistence.Store, error) {
		assert.Equal(w, "bolt", settings.Text("persistence", "type"))
		return boltstore.Open(filepath.Join(w.dir, "sessions.db"), nil)
	}}
}

// A server that ends in the middle of calls leaves their sessions in the store, and
// another one goes on with them.
func TestAnotherServerGoesOn(t *testing.T) {
	w := newWorld(t)
	w.durable()
	first := w.start()
	call := w.call("5000")
	status, body := w.request(first, "POST", "/scxml/session/start", "src=app:/strategies/first.scxml")
	require.Equal(t, 200, status)
	id := strings.Split(body, `"`)[3]
	assert.True(t, strings.HasPrefix(id, "~201~"), id)
	for _, info := range first.Engine().Sessions() {
		node, ok := session.NodeOf(info.ID)
		assert.True(t, ok && node == 201, "that of the call, too: %s", info.ID)
	}
	w.request(first, "POST", "/scxml/session/"+id+"/event/add", "by=3")
	require.NoError(t, first.Shutdown(t.Context()))
	require.ErrorContains(t, first.Ready(), "is shutting down")
	assert.Equal(t, "5000", w.at(call), "it waits at the switch")
	_, err := net.Dial("tcp", first.Addr().String())
	require.Error(t, err)
	require.NoError(t, first.Shutdown(t.Context()), "once more")
	require.NoError(t, first.Run(t.Context()), "there is nothing to run")

	second := w.start()
	assert.Equal(t, 2, second.Engine().Len())
	w.request(second, "POST", "/scxml/session/"+id+"/event/add", "by=4")
	_, body = w.request(second, "POST", "/scxml/session/"+id+"/request/total", "")
	assert.JSONEq(t, `{"n":7}`, body)
	require.NoError(t, w.sw.HangUp(call))
	w.clock.Advance(time.Second)
	assert.Equal(t, 1, second.Engine().Len(), "the session of the call has heard of its end")
	assert.Equal(t, "first Sales\n", w.said.String(), "and has not begun again")
}

// Without a store the sessions have time to end, and no new ones begin.
func TestDrain(t *testing.T) {
	w := newWorld(t)
	srv := w.start()
	call := w.call("5000")
	ended := make(chan error, 1)
	go func() { ended <- srv.Shutdown(t.Context()) }()
	require.Eventually(t, func() bool {
		status, body := w.request(srv, "GET", "/ors/v1/ready", "")
		return status == 503 && strings.Contains(body, "shutting down")
	}, 10*time.Second, time.Millisecond)
	status, _ := w.request(srv, "POST", "/scxml/session/start", "src=app:/strategies/first.scxml")
	assert.Equal(t, 503, status)
	w.call("5000")
	assert.Equal(t, 1, srv.Engine().Len(), "the second call is left to the switch")

	w.ready("1001", "7001")
	w.clock.Advance(2 * time.Second)
	assert.Equal(t, "7001 Connected", w.at(call))
	w.clock.Advance(15 * time.Second)
	for { // the clock of the drain is this one
		select {
		case err := <-ended:
			require.NoError(t, err)
			return
		default:
			w.clock.Advance(10 * time.Millisecond)
		}
	}
}

// What has not ended in time is ended, and told of.
func TestDrainTakesTooLong(t *testing.T) {
	w := newWorld(t)
	w.opts.Drain = 5 * time.Second
	srv := w.start()
	w.call("5000")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	cancel()
	for {
		select {
		case err := <-ended:
			require.ErrorContains(t, err, "sessions that had not ended within 5s are ended now: 1")
			assert.Zero(t, srv.Engine().Len())
			return
		default:
			w.clock.Advance(10 * time.Millisecond)
		}
	}
}

// The context of a shutdown is its deadline.
func TestShutdownWithoutTime(t *testing.T) {
	w := newWorld(t)
	srv := w.start()
	w.call("5000")
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	require.Error(t, srv.Shutdown(ctx))
}

// When HTTP cannot be served any more the server ends.
func TestListenerFails(t *testing.T) {
	w := newWorld(t)
	var listener net.Listener
	w.opts.Listen = func(network, address string) (_ net.Listener, err error) {
		listener, err = net.Listen(network, address)
		return listener, err
	}
	srv := w.start()
	require.NoError(t, listener.Close())
	require.ErrorContains(t, srv.Run(t.Context()), "server: serving HTTP")
}

// Nothing is left when a server has ended, or could not be started.
func TestNothingIsLeft(t *testing.T) {
	w := newWorld(t)
	w.durable()
	before := runtime.NumGoroutine()
	for range 3 {
		srv := w.start()
		w.call("5000")
		w.request(srv, "GET", "/ors/v1/ready", "")
		require.NoError(t, srv.Shutdown(t.Context()))
		tokens := w.opts.Authenticators
		w.opts.Authenticators = nil
		w.refused("nobody is authenticated")
		w.opts.Authenticators = tokens
	}
	nothingLeft(t, before)
}

// nothingLeft waits until there are no more goroutines than before: those of closed connections end a little
// later.
func nothingLeft(t *testing.T, before int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for runtime.NumGoroutine() > before {
		if ctx.Err() != nil {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%s", stacks[:runtime.Stack(stacks, true)])
		}
		runtime.Gosched()
	}
}

// Documents of a web server leave no connection behind, neither when the loader is made anew nor at the end.
func TestNoConnectionIsLeft(t *testing.T) {
	w := newWorld(t)
	web := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte(strategy("first"))) }))
	defer web.Close()
	before := runtime.NumGoroutine()
	w.write("site.yaml", strings.ReplaceAll(site, "app:/strategies", web.URL))
	w.write("applications.yaml", strings.Replace(applications, "dbid: 201", "dbid: 201\n    options: {scxml: {http-max-redirections: 2}}", 1))
	w.opts.PrivateNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	srv := w.start()
	for _, after := range []string{"http-max-redirections: 3", "http-max-redirections: 4"} {
		status, body := w.request(srv, "POST", "/scxml/session/start", "src="+web.URL+"/first.scxml?"+after[len(after)-1:])
		require.Equal(t, 200, status, body+w.log.String())
		w.replace("applications.yaml", map[string]string{"http-max-redirections: 3": "http-max-redirections: 2", "http-max-redirections: 4": "http-max-redirections: 3"}[after], after)
	}
	w.opts.Drain = -1
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	_ = srv.Shutdown(ctx) // its sessions are of no interest
	nothingLeft(t, before)
}

// A server is shut down once, whoever asks in whatever order.
func TestOneEnd(t *testing.T) {
	w := newWorld(t)
	w.opts.Drain = -1
	srv := w.start()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	ran := make(chan error, 2)
	go func() { ran <- srv.Run(t.Context()) }()
	go func() { ran <- srv.Run(over) }()
	require.NoError(t, <-ran)
	require.NoError(t, <-ran)
	require.NoError(t, srv.Shutdown(t.Context()))
	require.NoError(t, srv.Run(over), "Run after it")
	require.ErrorContains(t, srv.WaitReady(context.Background()), "is shutting down", "it does not wait for ever")
	w.replace("applications.yaml", "dbid: 201", "dbid: 201\n    options: {log: {verbose: all}}")
	assert.NotContains(t, w.log.String(), "options stay as they were", "it does not follow the configuration any more")
}
