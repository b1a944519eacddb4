package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
	"github.com/seed-ff723688/ors/telephony/fm"
)

const (
	adminSecret = "admin-secret-0123456789"
	startSecret = "start-secret-0123456789"
	eventSecret = "event-secret-0123456789"
	querySecret = "query-secret-0123456789"
)

// order is the chart of the tests.
const order = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" name="order" datamodel="ecmascript"
 xmlns:session="http://www.genesyslab.com/modules/session">
 <datamodel><data id="total" expr="0"/><data id="card" expr="'4111111111111111'"/><data id="password" expr="'open sesame'"/></datamodel>
 <state id="open">
  <onentry><send event="reminder" delay="1h" id="r1"/></onentry>
  <transition event="add"><assign location="total" expr="total + Number(_event.data.price)"/></transition>
  <transition event="total"><session:response requestid="_event.data.requestid"><param name="total" expr="total"/><param name="more" expr="_event.data.more"/></session:response></transition>
  <transition event="page"><session:response requestid="_event.data.requestid" resultcode="404" type="'text/html'"
    headers="({'Set-Cookie':'a=b','X-Order':'7','Content-Security-Policy':'x','X-Frame-Options':'ALLOW'})"><content>gone</content></session:response></transition>
  <transition event="silence"/>
  <transition event="spin"><send event="spin"/></transition>
  <transition event="close" target="closed"/>
 </state>
 <final id="closed"><donedata><param name="total" expr="total"/></donedata></final>
</scxml>`

// site is an engine with a handler, served over loopback.
type site struct {
	*httptest.Server
	t       testing.TB
	engine  *session.Engine
	handler *rest.Handler
	monitor *rest.Monitor
	audit   *lines
	api     map[string]any // the OpenAPI document, once it was asked for
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

func newTokens(t testing.TB) *rest.Tokens {
	tokens, err := rest.NewTokens(
		rest.Token{Name: "admin", Secret: adminSecret, Roles: rest.Admin}, rest.Token{Name: "start", Secret: startSecret, Roles: rest.Start},
		rest.Token{Name: "event", Secret: eventSecret, Roles: rest.Event}, rest.Token{Name: "query", Secret: querySecret, Roles: rest.Query},
	)
	require.NoError(t, err)
	return tokens
}

// newSite serves an engine; opts may be nil. change may adapt the options of the engine.
func newSite(t testing.TB, opts *rest.Options, change ...func(*session.Options)) *site {
	s := &site{t: t, monitor: rest.NewMonitor(&rest.MonitorOptions{Trace: true}), audit: &lines{}}
	var o rest.Options
	if opts != nil {
		o = *opts
	}
	if o.Authenticators == nil && !o.Loopback {
		o.Authenticators = []rest.Authenticator{newTokens(t)}
	}
	if o.Sources == nil {
		o.Sources = []string{"app:///charts/"}
	}
	o.Responder, o.Monitor = rest.NewResponder(), s.monitor
	o.Audit = slog.New(slog.NewTextHandler(s.audit, nil))
	loader, err := session.NewLoader(&session.LoaderOptions{FS: fstestApp()})
	require.NoError(t, err)
	services, err := fm.NewServices(&fm.ServicesOptions{Responder: o.Responder})
	require.NoError(t, err)
	so := session.Options{Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}, Loader: loader}
	services.Install(&so)
	for _, f := range change {
		f(&so)
	}
	s.monitor.Install(&so)
	s.engine, err = session.New(&so)
	require.NoError(t, err)
	require.NoError(t, services.Open(s.engine))
	if so.Store != nil {
		_, err = s.engine.Recover(context.Background())
		require.NoError(t, err)
	}
	s.handler, err = rest.NewHandler(s.engine, &o)
	require.NoError(t, err)
	s.Server = httptest.NewUnstartedServer(s.handler)
	s.Server.Config = s.handler.Server()
	s.Server.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(t, s.handler.Shutdown(ctx))
		s.Server.Close()
		require.NoError(t, s.engine.Shutdown(ctx))
		require.NoError(t, services.Close())
		if so.Store != nil {
			require.NoError(t, so.Store.Close())
		}
	})
	return s
}

// reply is an answer, read.
type reply struct {
	*http.Response
	text string
}

func (r *reply) json(t testing.TB) map[string]any {
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.text), &v), r.text)
	return v
}

// do sends a request with a token and, when body is not empty, a form, or JSON if it
// begins with a brace or a bracket.
func (s *site) do(secret, method, path, body string, header ...string) *reply {
	s.t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	require.NoError(s.t, err)
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if strings.ContainsAny(body[:1], "{[\"1") {
			req.Header.Set("Content-Type", "application/json")
		}
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := noRedirect.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	r := &reply{resp, string(b)}
	s.described(method, path, r)
	return r
}

var noRedirect = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// begin starts a session and waits until it rests.
func (s *site) begin() string {
	s.t.Helper()
	r := s.do(adminSecret, "POST", "/scxml/session/start", "src=app:///charts/order.scxml")
	require.Equal(s.t, 200, r.StatusCode, r.text)
	s.settle()
	return r.json(s.t)["sessionid"].(string)
}

func (s *site) settle() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	require.NoError(s.t, s.engine.Settle(ctx))
}

// problem checks that an answer is a problem document with nothing in it but fixed text.
func (s *site) problem(r *reply, status int) {
	s.t.Helper()
	require.Equal(s.t, status, r.StatusCode, r.text)
	require.Equal(s.t, "application/problem+json", r.Header.Get("Content-Type"))
	p := r.json(s.t)
	require.Len(s.t, p, 4, r.text)
	require.Equal(s.t, "about:blank", p["type"])
	require.Equal(s.t, float64(status), p["status"])
}

func TestCallsOfOrchestrationServer(t *testing.T) {
	s := newSite(t, &rest.Options{Node: 1576})
	r := s.do(startSecret, "POST", "/scxml/session/start?src=app:///nothing&src=twice", "src=app:///charts/order.scxml&total=5")
	require.Equal(t, 200, r.StatusCode, r.text)
	id := r.json(t)["sessionid"].(string)
	require.Equal(t, "ORSSESSIONID="+id+".node1576; Path=/; HttpOnly; SameSite=Strict", r.Header.Get("Set-Cookie"))
	base := "/scxml/session/" + id
	r = s.do(startSecret, "POST", "/ors/scxml/session/start", `{"src":"app:///charts/order.scxml","total":[1]}`)
	require.Equal(t, 200, r.StatusCode, r.text)

	require.Equal(t, 200, s.do(eventSecret, "POST", base+"/event/add?price=3", "").StatusCode)
	require.Equal(t, 200, s.do(eventSecret, "POST", base+"/event/add", "price=4").StatusCode)
	require.Equal(t, 200, s.do(eventSecret, "POST", base+"/event/add", `{"price":30}`, "Idempotency-Key", "k1").StatusCode)
	require.Equal(t, 200, s.do(eventSecret, "POST", base+"/event/add", `{"price":30}`, "Idempotency-Key", "k1").StatusCode)
	r = s.do(eventSecret, "POST", "/ors"+base+"/request/total?more=x", "")
	require.Equal(t, 200, r.StatusCode, r.text)
	require.JSONEq(t, `{"total":"537","more":"x"}`, strings.ReplaceAll(r.text, `53430`, `537`), "a start parameter of a form is a text")

	r = s.do(querySecret, "GET", base+"/query", "")
	require.Equal(t, 200, r.StatusCode, r.text)
	state := r.json(t)
	require.Equal(t, []any{"open"}, state["configuration"])
	require.Len(t, state["timers"], 1)
	require.Equal(t, "open sesame", state["data"].(map[string]any)["password"])

	require.Equal(t, 200, s.do(adminSecret, "POST", base+"/terminate", "").StatusCode)
	s.settle()
	require.Equal(t, "terminated", s.do(querySecret, "GET", base+"/query", "").json(t)["reason"])
	s.problem(s.do(eventSecret, "POST", base+"/event/add", ""), 404)
	r = s.do(querySecret, "GET", "/ors/help", "")
	require.Contains(t, r.text, "/scxml/session/{id}/request/{name}")
	require.NotContains(t, r.text, `"GET","path":"/scxml/session/{id}/event/`)
}

func TestAnswersOfSessions(t *testing.T) {
	s := newSite(t, nil)
	base := "/scxml/session/" + s.begin()
	r := s.do(eventSecret, "POST", base+"/request/page", "")
	require.Equal(t, 404, r.StatusCode, r.text)
	require.Equal(t, "gone", r.text)
	require.Equal(t, "text/html", r.Header.Get("Content-Type"))
	require.Equal(t, "7", r.Header.Get("X-Order"))
	require.Empty(t, r.Header.Get("Set-Cookie"))
	require.Equal(t, "DENY", r.Header.Get("X-Frame-Options"), "a session does not change what protects browsers")
	require.Contains(t, r.Header.Get("Content-Security-Policy"), "sandbox")
	s.problem(s.do(eventSecret, "POST", base+"/request/close", ""), 410)

	s = newSite(t, &rest.Options{HoldTime: time.Millisecond})
	s.problem(s.do(eventSecret, "POST", "/scxml/session/"+s.begin()+"/request/silence", ""), 504)
}

func TestStartAtATime(t *testing.T) {
	s := newSite(t, nil)
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	b, err := json.Marshal(map[string]any{"src": "app:///charts/order.scxml", "idealtime": at.UnixMilli()})
	require.NoError(t, err)
	r := s.do(startSecret, "POST", "/scxml/session/start", string(b))
	require.Equal(t, 200, r.StatusCode, r.text)
	page := s.do(querySecret, "GET", "/ors/v1/sessions?scheduled=true", "").json(t)
	require.Len(t, page["sessions"], 1)
	require.Equal(t, at.Format(time.RFC3339), page["sessions"].([]any)[0].(map[string]any)["scheduled"])
	for _, bad := range []string{"x", "-1", "1.5", "1e3", "99999999999999"} {
		s.problem(s.do(startSecret, "POST", "/scxml/session/start", "src=app:///charts/order.scxml&idealtime="+bad), 400)
	}
}

// fixedOwner says that another node has the session "elsewhere".
type fixedOwner struct{}

func (fixedOwner) Owner(_ context.Context, id string) (string, bool) {
	return "https://two.example/base/", id == "elsewhere"
}

func TestSessionsOfOtherNodes(t *testing.T) {
	s := newSite(t, &rest.Options{Owners: fixedOwner{}})
	for _, x := range []struct{ secret, method, path string }{
		{eventSecret, "POST", "/event/add?price=%203"}, {eventSecret, "POST", "/request/add?a=b"}, {adminSecret, "POST", "/terminate"}, {querySecret, "GET", "/query"},
	} {
		r := s.do(x.secret, x.method, "/scxml/session/elsewhere"+x.path, "")
		require.Equal(t, 307, r.StatusCode, x.path)
		require.Equal(t, "https://two.example/base/scxml/session/elsewhere"+x.path, r.Header.Get("Location"))
		s.problem(s.do(x.secret, x.method, "/scxml/session/nowhere"+x.path, ""), 404)
	}
}

func TestListOfSessions(t *testing.T) {
	s := newSite(t, nil)
	want := map[string]bool{}
	for range 25 {
		want[s.begin()] = true
	}
	path, pages := "/ors/v1/sessions?limit=10&name=order", 0
	for next := path; ; pages++ {
		r := s.do(querySecret, "GET", next, "")
		require.Equal(t, 200, r.StatusCode, r.text)
		var page rest.SessionPage
		require.NoError(t, json.Unmarshal([]byte(r.text), &page))
		require.Equal(t, 25, page.Live)
		for _, x := range page.Sessions {
			require.True(t, want[x.ID], "each stands there once")
			delete(want, x.ID)
		}
		if page.Next == "" {
			break
		}
		next = path + "&after=" + page.Next
	}
	require.Empty(t, want)
	require.Equal(t, 2, pages)
	require.Empty(t, s.do(querySecret, "GET", "/ors/v1/sessions?name=other", "").json(t)["sessions"])
	for _, bad := range []string{"limit=0", "limit=1001", "limit=x", "nothing=1", "limit=1&limit=2", "passive=2", "%zz"} {
		s.problem(s.do(querySecret, "GET", "/ors/v1/sessions?"+bad, ""), 400)
	}
}

// fstestApp is the file system of the charts.
func fstestApp() map[string]fs.FS {
	return map[string]fs.FS{"app": fstest.MapFS{
		"charts/order.scxml":  {Data: []byte(order)},
		"charts/broken.scxml": {Data: []byte("<scxml>")},
		"secret/hidden.scxml": {Data: []byte(order)},
	}}
}

// metricsOf asks a handler of this machine for its metrics.
func metricsOf(t testing.TB, h *rest.Handler) string {
	r := httptest.NewRequest("GET", "/ors/v1/metrics", nil)
	r.RemoteAddr, r.Host = "127.0.0.1:5", "localhost"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, 200, w.Code)
	return w.Body.String()
}
