package rest_test

import (
	"context"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
)

// No answer tells whether there is a session, beside the one that was asked for it in
// order: the same status, headers and body for ids that never were, have ended, are illegal,
// or may not be looked at.
func TestNoAnswerTellsOfSessions(t *testing.T) {
	s := newSite(t, &rest.Options{Owners: fixedOwner{}, FailureRate: rest.Rate{PerSecond: 1e6}}, func(o *session.Options) { o.Retain = -1 })
	live, ended := s.begin(), s.begin()
	require.Equal(t, 200, s.do(adminSecret, "POST", "/scxml/session/"+ended+"/terminate", "").StatusCode)
	s.settle()
	whole := func(r *reply) string {
		r.Header.Del("Date")
		var b strings.Builder
		require.NoError(t, r.Header.Write(&b))
		return r.Status + "\n" + b.String() + r.text
	}
	for _, e := range endpoints {
		if !strings.Contains(e.path, "ID") {
			continue
		}
		path := func(id string) string { return strings.Replace(e.path, "ID", id, 1) }
		want := whole(s.do(adminSecret, e.method, path("neverwas"), ""))
		require.Contains(t, want, "404 Not Found\n")
		for _, id := range []string{ended, live + "x", live[:len(live)-1], strings.ToLower(live), strings.Repeat("x", 255), strings.Repeat("x", 300), "%C3%28", "%00", "%2e%2e", "a%2fb"} {
			require.Equal(t, want, whole(s.do(adminSecret, e.method, path(id), "")), "%s %s", e.method, path(id))
		}
		for role, secret := range map[string]string{"": "", "start": startSecret, "event": eventSecret, "query": querySecret} {
			if role == "" || !strings.Contains(e.roles, role) {
				require.Equal(t, whole(s.do(secret, e.method, path("neverwas"), "")), whole(s.do(secret, e.method, path(live), "")), "%s as %q", e.path, role)
				require.Equal(t, whole(s.do(secret, e.method, path("elsewhere"), "")), whole(s.do(secret, e.method, path(live), "")))
			}
		}
	}
	require.Equal(t, 1, s.engine.Len())
}

// A body that does not say how long it is has the same limit.
func TestSizeOfChunkedBody(t *testing.T) {
	s := newSite(t, &rest.Options{Body: 1000})
	for size, want := range map[int]int{900: 200, 1000: 413, 5000: 413} {
		body := struct{ io.Reader }{strings.NewReader("price=1&a=" + strings.Repeat("x", size))}
		req, err := http.NewRequest("POST", s.URL+"/scxml/session/"+s.begin()+"/event/add", body)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+eventSecret)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, resp.StatusCode, "%d", size)
		require.True(t, resp.Close, "chunked: the connection is closed")
	}
}

// The key of one client says nothing of the events of another.
func TestKeysOfClients(t *testing.T) {
	s := newSite(t, nil)
	path := "/scxml/session/" + s.begin()
	for _, secret := range []string{eventSecret, adminSecret, eventSecret, adminSecret} {
		require.Equal(t, 200, s.do(secret, "POST", path+"/event/add", "price=1", "Idempotency-Key", "k").StatusCode)
	}
	s.settle()
	require.Equal(t, 2.0, s.do(querySecret, "GET", path+"/query", "").json(t)["data"].(map[string]any)["total"])
	s.problem(s.do(eventSecret, "POST", path+"/event/add", "price=1", "Idempotency-Key", strings.Repeat("k", session.MaxEventKey+1)), 400)
}

// stuck is a client that does not read its answer.
type stuck struct {
	http.ResponseWriter
	inside, leave chan struct{}
}

func (w *stuck) Write(b []byte) (int, error) {
	w.inside <- struct{}{}
	<-w.leave
	return w.ResponseWriter.Write(b)
}

// Lists go through all sessions: few are made at the same time.
func TestListsAtTheSameTime(t *testing.T) {
	s := newSite(t, nil)
	inside, leave, done := make(chan struct{}), make(chan struct{}), make(chan int)
	for range 4 {
		go func() {
			r := httptest.NewRequest("GET", "/ors/v1/sessions", nil)
			r.RemoteAddr = "127.0.0.1:5"
			r.Header.Set("Authorization", "Bearer "+querySecret)
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(&stuck{w, inside, leave}, r)
			done <- w.Code
		}()
		<-inside
	}
	s.problem(s.do(querySecret, "GET", "/ors/v1/sessions", ""), 503)
	require.Equal(t, 200, s.do(querySecret, "GET", "/ors/help", "").StatusCode, "anything else is served")
	close(leave)
	for range 4 {
		require.Equal(t, 200, <-done)
	}
}

// slowSource is a source of documents that does not answer before it is closed.
type slowSource chan struct{}

func (s slowSource) Fetch(context.Context, string, int64) ([]byte, error) {
	<-s
	return nil, fs.ErrNotExist
}

func TestTimeOfRequests(t *testing.T) {
	source := make(slowSource)
	s := newSite(t, &rest.Options{RequestTime: time.Millisecond}, func(o *session.Options) { o.Loader = source })
	defer close(source)
	s.problem(s.do(startSecret, "POST", "/scxml/session/start", "src=app:///charts/order.scxml"), 503)
	require.Zero(t, s.engine.Len())
}

func TestHeldRequestsOfOneSession(t *testing.T) {
	s := newSite(t, &rest.Options{HeldPerSession: 1})
	one, two := "/scxml/session/"+s.begin(), "/scxml/session/"+s.begin()
	done := make(chan *reply, 1)
	go func() { done <- s.do(eventSecret, "POST", one+"/request/silence", "") }()
	s.awaitHeld(1)
	s.problem(s.do(eventSecret, "POST", one+"/request/total", ""), 503)
	require.Equal(t, 200, s.do(eventSecret, "POST", two+"/request/total", "").StatusCode, "another session has its own")
	require.Equal(t, 200, s.do(eventSecret, "POST", one+"/event/close", "").StatusCode)
	s.problem(<-done, 410)
}

// A server that may be reached sends the loader on to one that may not.
func TestRedirectOfSourceToPrivateAddress(t *testing.T) {
	asked := 0
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "http://127.0.0.2:1/latest/meta-data", http.StatusFound)
	}))
	defer public.Close()
	client := rest.NewSourceClient(&rest.SourceClientOptions{Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	for _, allow := range [][]string{{public.URL}, {public.URL, "http://127.0.0.2:1/"}} {
		loader, err := session.NewLoader(&session.LoaderOptions{Allow: allow, Client: client})
		require.NoError(t, err)
		_, err = loader.Fetch(t.Context(), public.URL+"/a.scxml", 0)
		require.Error(t, err)
		if len(allow) == 2 {
			require.ErrorContains(t, err, "not a public one", "not even where the list has it")
		}
	}
	require.Equal(t, 2, asked)
	for address, want := range map[string]bool{
		"http://[::1]:1/": false, "http://[fe80::1]:1/": false, "http://[fd00::1]:1/": false, "http://[::ffff:10.0.0.1]:1/": false, "http://[64:ff9b::a00:1]:1/": false,
		"http://10.0.0.1:1/": false, "http://172.16.0.1:1/": false, "http://192.168.0.1:1/": false, "http://169.254.169.254/": false, "http://100.64.0.1:1/": false,
		"http://0.0.0.0:1/": false, "http://224.0.0.1:1/": false, "http://255.255.255.255:1/": false, "http://127.1:1/": false, "http://2130706433:1/": false,
	} {
		_, err := rest.NewSourceClient(nil).Get(address)
		require.Equal(t, want, err == nil, address)
	}
}

// malformed is what no client sends on purpose, each over a connection of its own.
func TestMalformedBytes(t *testing.T) {
	s := newSite(t, &rest.Options{FailureRate: rest.Rate{PerSecond: 1e6}, BodyTime: time.Second})
	auth := "Host: a\r\nAuthorization: Bearer " + adminSecret + "\r\n"
	texts := []string{
		"\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n" + auth + "\r\n", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\xa5\x01\x00", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET http://[::1 HTTP/1.1\r\n" + auth + "\r\n", "CONNECT a:1 HTTP/1.1\r\n" + auth + "\r\n", "OPTIONS * HTTP/1.1\r\n" + auth + "\r\n",
		"POST /scxml/session/start HTTP/1.1\r\n" + auth + "Content-Length: 99999999999999999999\r\n\r\n", "POST /scxml/session/start HTTP/1.1\r\n" + auth + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST /scxml/session/start HTTP/1.1\r\n" + auth + "Content-Length: 50\r\nContent-Type: application/json\r\n\r\n{\"src\":", "GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\n" + auth + "\r\n",
		"GET /ors/help HTTP/1.1\r\n" + auth + strings.Repeat("X: y\r\n", 6000) + "\r\n", "GET /ors/help HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\xfe\r\n\r\n", "GET /%zz HTTP/1.1\r\n" + auth + "\r\n",
	}
	for i := range 500 {
		for _, status := range s.raw(texts[i%len(texts)]) {
			require.True(t, status >= 400 && status < 500 || status == 505, "%d for %q", status, texts[i%len(texts)])
		}
	}
	require.Equal(t, 200, s.do(adminSecret, "GET", "/ors/help", "").StatusCode)
	require.NotContains(t, s.audit.String(), "panic")
}
