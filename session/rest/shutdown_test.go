package rest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
)

// The end of a node as the package documents it, with a request held, a stream open and a
// session that does not end in time: it goes on at the next node.
func TestEndOfANode(t *testing.T) {
	store, err := memstore.New(nil)
	require.NoError(t, err)
	stored := func(o *session.Options) { o.Store = store }
	s := newSite(t, nil, stored)
	server := s.handler.Server()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	s.URL = "http://" + l.Addr().String()

	id := s.begin()
	require.Equal(t, 200, s.do(eventSecret, "POST", "/scxml/session/"+id+"/event/add", "price=5").StatusCode)
	events, _ := s.follow(t.Context(), "/ors/v1/events")
	held := make(chan *reply, 1)
	go func() { held <- s.do(eventSecret, "POST", "/scxml/session/"+id+"/request/silence", "") }()
	s.awaitHeld(1)

	s.handler.Suspend()
	s.problem(s.do("", "GET", "/ors/v1/ready", ""), 503)
	soon, cancel := context.WithCancel(t.Context())
	cancel() // the host's time for draining has passed
	require.ErrorContains(t, s.handler.Drain(soon), "1 sessions are left")
	require.ErrorIs(t, s.handler.Drain(soon), context.Canceled)
	require.Equal(t, 200, s.do(eventSecret, "POST", "/scxml/session/"+id+"/event/add", "price=2").StatusCode, "sessions go on while they are drained")

	require.NoError(t, s.handler.Shutdown(t.Context()))
	s.problem(<-held, 503)
	for last := (rest.StreamEvent{Type: "open"}); last.Type != ""; {
		last = rest.StreamEvent{}
		if number, ev := events(); number != "" {
			last = ev
		}
	}
	require.NoError(t, server.Shutdown(t.Context()), "no connection is in the way")
	require.ErrorIs(t, <-served, http.ErrServerClosed)
	require.NoError(t, s.engine.Shutdown(t.Context()))

	next := newSite(t, nil, stored)
	state := next.do(querySecret, "GET", "/scxml/session/"+id+"/query", "").json(t)
	require.Equal(t, map[string]any{"total": 7.0, "card": "4111111111111111", "password": "open sesame"}, state["data"], "it was handed back with all that was accepted")
	require.Equal(t, 200, next.do(eventSecret, "POST", "/scxml/session/"+id+"/event/close", "").StatusCode)
	next.settle()
	require.Equal(t, 7.0, next.do(querySecret, "GET", "/scxml/session/"+id+"/query", "").json(t)["donedata"].(map[string]any)["total"])
}

// A session that ends while the node drains lets Drain return.
func TestDrain(t *testing.T) {
	s := newSite(t, nil)
	id := s.begin()
	drained := make(chan error, 1)
	go func() { drained <- s.handler.Drain(t.Context()) }()
	for s.do("", "GET", "/ors/v1/ready", "").StatusCode == 200 { // until it has begun
	}
	s.problem(s.do(startSecret, "POST", "/scxml/session/start", "src=app:///charts/order.scxml"), 503)
	require.Equal(t, 200, s.do(eventSecret, "POST", "/scxml/session/"+id+"/event/close", "").StatusCode)
	require.NoError(t, <-drained)
	require.Zero(t, s.engine.Len())
}

// What does not end within the host's deadline is told of, and does not hold it up.
func TestShutdownKeepsTheDeadline(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	hook := rest.AuthenticatorFunc(func(r *http.Request) (rest.Identity, error) {
		inside <- struct{}{}
		<-leave
		return rest.Identity{}, errors.New("too late")
	})
	s := newSite(t, &rest.Options{Authenticators: []rest.Authenticator{hook}})
	done := make(chan int, 1)
	go func() {
		resp, err := http.Get(s.URL + "/ors/help")
		if err != nil {
			done <- 0
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		done <- resp.StatusCode
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.handler.Shutdown(ctx)
	require.ErrorContains(t, err, "1 requests are left")
	require.ErrorIs(t, err, context.Canceled)
	close(leave)
	require.Equal(t, 401, <-done)
	require.NoError(t, s.handler.Shutdown(t.Context()))

	// The engine has ended first: what comes then is answered in order.
	s = newSite(t, nil)
	id := s.begin()
	require.NoError(t, s.engine.Shutdown(t.Context()))
	s.problem(s.do(eventSecret, "POST", "/scxml/session/"+id+"/event/add", ""), 503)
	s.problem(s.do(startSecret, "POST", "/scxml/session/start", "src=app:///charts/order.scxml"), 503)
	require.ErrorIs(t, s.engine.Send(t.Context(), id, &scxml.Event{Name: "add"}), session.ErrClosed)
}
