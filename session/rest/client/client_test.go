package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"time"

	"io/fs"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
	"github.com/seed-ff723688/ors/session/rest/client"
	"github.com/seed-ff723688/ors/telephony/fm"
)

const secret = "a-secret-of-the-tests"

const chart = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" name="sum" datamodel="ecmascript" xmlns:session="http://www.genesyslab.com/modules/session">
<datamodel><data id="sum" expr="0"/></datamodel>
<state id="open"><transition event="add"><assign location="sum" expr="sum + _event.data.n"/></transition>
<transition event="sum"><session:response requestid="_event.data.requestid"><param name="sum" expr="sum"/></session:response></transition></state></scxml>`

// owner sends unknown sessions to another node.
type owner struct{ url string }

func (o *owner) Owner(context.Context, string) (string, bool) { return o.url, o.url != "" }

// node serves an engine.
func node(t *testing.T, owners rest.Owners) (*httptest.Server, *rest.Handler) {
	responder, monitor := rest.NewResponder(), rest.NewMonitor(nil)
	services, err := fm.NewServices(&fm.ServicesOptions{Responder: responder})
	require.NoError(t, err)
	loader, err := session.NewLoader(&session.LoaderOptions{FS: map[string]fs.FS{"app": fstest.MapFS{"sum.scxml": {Data: []byte(chart)}}}})
	require.NoError(t, err)
	options := session.Options{Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}, Loader: loader}
	services.Install(&options)
	monitor.Install(&options)
	engine, err := session.New(&options)
	require.NoError(t, err)
	require.NoError(t, services.Open(engine))
	tokens, err := rest.NewTokens(rest.Token{Name: "test", Secret: secret, Roles: rest.Admin})
	require.NoError(t, err)
	h, err := rest.NewHandler(engine, &rest.Options{
		Authenticators: []rest.Authenticator{tokens}, Sources: []string{"app:///"}, Responder: responder, Monitor: monitor, Owners: owners,
	})
	require.NoError(t, err)
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, h.Shutdown(ctx))
		server.Close()
		require.NoError(t, engine.Shutdown(ctx))
		require.NoError(t, services.Close())
	})
	return server, h
}

func TestClient(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	server, handler := node(t, nil)
	c, err := client.New(server.URL, &client.Options{Token: secret})
	require.NoError(t, err)
	ok, err := c.Ready(ctx)
	require.NoError(t, err)
	require.True(t, ok)

	id, err := c.Start(ctx, "app:///sum.scxml", &client.StartOptions{Params: map[string]any{"sum": 10}})
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, c.Event(ctx, id, "add", map[string]any{"n": 5}, &client.EventOptions{Key: "once"}))
	}
	answer, err := c.Request(ctx, id, "sum", nil)
	require.NoError(t, err)
	require.Equal(t, 200, answer.Status)
	require.JSONEq(t, `{"sum":15}`, string(answer.Body))
	state, err := c.Session(ctx, id)
	require.NoError(t, err)
	require.Equal(t, []string{"open"}, state.Active)
	require.JSONEq(t, `{"sum":15}`, string(state.Data))

	_, err = c.Start(ctx, "app:///sum.scxml", &client.StartOptions{At: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	ids, scheduled := 0, true
	for s, err := range c.Sessions(ctx, client.Filter{Page: 1}) {
		require.NoError(t, err)
		require.NotEmpty(t, s.ID)
		ids++
	}
	require.Equal(t, 2, ids)
	for s, err := range c.Sessions(ctx, client.Filter{Scheduled: &scheduled, URL: "app:///sum.scxml"}) {
		require.NoError(t, err)
		require.NotEqual(t, id, s.ID)
	}

	require.NoError(t, c.Terminate(ctx, id))
	for err = nil; err == nil; { // until it has ended
		err = c.Event(ctx, id, "add", nil, nil)
	}
	require.ErrorIs(t, err, client.ErrNotFound)
	_, err = c.Start(ctx, "app:///none.scxml", nil)
	var refused *client.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 422, refused.Status)
	require.Equal(t, "The document cannot be loaded.", refused.Detail)
	_, err = c.Request(ctx, "none", "sum", nil)
	require.ErrorIs(t, err, client.ErrNotFound)

	handler.Suspend()
	ok, err = c.Ready(ctx)
	require.NoError(t, err)
	require.False(t, ok)
	wrong, err := client.New(server.URL, nil)
	require.NoError(t, err)
	for _, err := range wrong.Sessions(ctx, client.Filter{}) {
		require.ErrorAs(t, err, &refused)
		require.Equal(t, 401, refused.Status)
	}
}

func TestEvents(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	server, handler := node(t, nil)
	c, err := client.New(server.URL, &client.Options{Token: secret})
	require.NoError(t, err)
	// Sessions are started until the stream, which opens meanwhile, tells of one.
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = c.Start(ctx, "app:///sum.scxml", nil)
			}
		}
	}()
	var last error
	seen := false
	for ev, err := range c.Events(ctx, "") {
		if last = err; err != nil {
			break
		}
		if !seen {
			require.Equal(t, "session.started", ev.Type)
			require.Equal(t, "sum", ev.Name)
			seen = true
			close(stop)
			<-stopped
			require.NoError(t, handler.Shutdown(ctx), "which ends the stream")
		}
	}
	require.True(t, seen)
	require.Error(t, last)
}

func TestRedirectsToNodesAlone(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	there := &owner{}
	one, _ := node(t, there)
	two, _ := node(t, nil)
	there.url = two.URL
	at2, err := client.New(two.URL, &client.Options{Token: secret})
	require.NoError(t, err)
	id, err := at2.Start(ctx, "app:///sum.scxml", nil)
	require.NoError(t, err)

	c, err := client.New(one.URL, &client.Options{Token: secret, Nodes: []string{two.URL}})
	require.NoError(t, err)
	require.NoError(t, c.Event(ctx, id, "add", map[string]any{"n": 1}, nil))
	answer, err := c.Request(ctx, id, "sum", nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"sum":1}`, string(answer.Body))

	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the token went to a stranger") }))
	defer stranger.Close()
	there.url = stranger.URL
	require.ErrorContains(t, c.Event(ctx, id, "add", nil, nil), "none of Options.Nodes")
	there.url = one.URL
	require.ErrorContains(t, c.Event(ctx, id, "add", nil, nil), "more than 3 redirects")
}

func TestAnswersOfBrokenServers(t *testing.T) {
	ctx := context.Background()
	body := "x"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	defer server.Close()
	c, err := client.New(server.URL, &client.Options{Bytes: 100})
	require.NoError(t, err)
	_, err = c.Session(ctx, "a")
	require.ErrorContains(t, err, "reading the answer")
	body = string(make([]byte, 101))
	_, err = c.Session(ctx, "a")
	require.ErrorContains(t, err, "larger than Options.Bytes")
	for _, bad := range []string{"", "host", "ftp://host", "http://host?x", "http://u:p@host"} {
		_, err := client.New(bad, nil)
		require.Error(t, err, bad)
	}
	require.False(t, errors.Is(&client.Error{Status: 500}, client.ErrNotFound))
}
