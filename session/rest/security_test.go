package rest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
)

// endpoints are all methods, with the roles that may use them.
var endpoints = []struct{ method, path, roles string }{
	{"POST", "/scxml/session/start", "admin start"},
	{"POST", "/scxml/session/ID/event/add", "admin event"},
	{"POST", "/scxml/session/ID/request/total", "admin event"},
	{"POST", "/scxml/session/ID/terminate", "admin"},
	{"GET", "/scxml/session/ID/query", "admin query"},
	{"GET", "/ors/help", "admin start event query"},
	{"GET", "/ors/v1/sessions", "admin query"},
	{"GET", "/ors/v1/sessions/ID", "admin query"},
	{"GET", "/ors/v1/metrics", "admin query"},
	{"GET", "/ors/v1/openapi.json", "admin start event query"},
}

// Weakness 1 of Orchestration Server: no authentication whatsoever.
func TestNothingIsServedToUnknownClients(t *testing.T) {
	s := newSite(t, &rest.Options{FailureRate: rest.Rate{PerSecond: 1, Burst: 10_000}})
	id := s.begin()
	bad := []string{"", "Bearer", "Bearer ", "Bearer x", "Basic " + adminSecret, "Bearer " + adminSecret + "x", "Bearer " + adminSecret[1:], adminSecret, "Bearer\t" + adminSecret}
	for _, e := range append(endpoints, struct{ method, path, roles string }{"GET", "/ors/v1/events", ""}, struct{ method, path, roles string }{"GET", "/no/such/path", ""},
		struct{ method, path, roles string }{"DELETE", "/scxml/session/start", ""}) {
		for _, credentials := range bad {
			r := s.do("", e.method, strings.Replace(e.path, "ID", id, 1), "", "Authorization", credentials)
			s.problem(r, 401)
			require.Contains(t, r.Header.Get("WWW-Authenticate"), "Bearer")
		}
	}
	s.problem(s.do("", "GET", "/ors/v1/sessions?access_token="+adminSecret, ""), 401)
	require.Equal(t, 1, s.engine.Len(), "nothing has happened")
	require.Contains(t, s.audit.String(), "unknown credentials")
	require.NotContains(t, s.audit.String(), adminSecret[1:]+"\n")
}

func TestRoles(t *testing.T) {
	s := newSite(t, nil)
	secrets := map[string]string{"admin": adminSecret, "start": startSecret, "event": eventSecret, "query": querySecret}
	for _, e := range endpoints {
		for role, secret := range secrets {
			r := s.do(secret, e.method, strings.Replace(e.path, "ID", "unknown", 1), "")
			if strings.Contains(e.roles, role) {
				require.NotEqual(t, 403, r.StatusCode, "%s %s", role, e.path)
			} else {
				s.problem(r, 403)
			}
		}
	}
	require.Contains(t, s.audit.String(), "the role query is needed")
	require.Contains(t, s.audit.String(), "the role admin is needed")
}

func TestHandlerNeedsAGuard(t *testing.T) {
	engine, err := session.New(nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, engine.Shutdown(context.Background())) }()
	tokens := newTokens(t)
	for _, x := range []struct {
		opts *rest.Options
		want string
	}{
		{nil, "nobody is authenticated"},
		{&rest.Options{}, "nobody is authenticated"},
		{&rest.Options{Loopback: true, Authenticators: []rest.Authenticator{tokens}}, "set one of them"},
		{&rest.Options{Authenticators: []rest.Authenticator{nil}}, "Authenticators[0] is nil"},
		{&rest.Options{Loopback: true, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, "TrustedProxies"},
		{&rest.Options{Loopback: true, Sources: []string{"charts"}}, `source "charts"`},
		{&rest.Options{Loopback: true, Sources: []string{"http:///x"}}, `source "http:///x"`},
		{&rest.Options{Loopback: true, Origins: []string{"*"}}, `origin "*"`},
		{&rest.Options{Loopback: true, Headers: map[string]string{"X-A": "b\r\nc: d"}}, `header "X-A"`},
		{&rest.Options{Loopback: true, Node: -1}, "Node"},
	} {
		_, err := rest.NewHandler(engine, x.opts)
		require.ErrorContains(t, err, x.want)
	}
	_, err = rest.NewHandler(nil, &rest.Options{Loopback: true})
	require.ErrorContains(t, err, "engine is nil")
}

func TestTokens(t *testing.T) {
	for _, x := range []struct {
		token rest.Token
		want  string
	}{
		{rest.Token{Secret: adminSecret, Roles: rest.Admin}, "no name"},
		{rest.Token{Name: "a", Secret: "short", Roles: rest.Admin}, `"a" has less than 16`},
		{rest.Token{Name: "a", Secret: adminSecret}, "no role"},
	} {
		_, err := rest.NewTokens(x.token)
		require.ErrorContains(t, err, x.want)
		require.NotContains(t, err.Error(), adminSecret)
	}
	tokens := newTokens(t)
	s := newSite(t, &rest.Options{Authenticators: []rest.Authenticator{tokens}})
	next := "the-secret-of-tomorrow"
	require.NoError(t, tokens.Replace(rest.Token{Name: "admin", Secret: adminSecret, Roles: rest.Admin}, rest.Token{Name: "admin", Secret: next, Roles: rest.Admin}))
	require.Equal(t, 200, s.do(adminSecret, "GET", "/ors/help", "").StatusCode)
	require.Equal(t, 200, s.do(next, "GET", "/ors/help", "").StatusCode)
	require.NoError(t, tokens.Replace(rest.Token{Name: "admin", Secret: next, Roles: rest.Admin}))
	require.Equal(t, 401, s.do(adminSecret, "GET", "/ors/help", "").StatusCode)
	require.Error(t, tokens.Replace(rest.Token{Name: "a", Secret: next, Roles: rest.Query}, rest.Token{Name: "b", Secret: next, Roles: rest.Admin}))
	require.Equal(t, 200, s.do(next, "GET", "/ors/help", "").StatusCode, "a refused list changes nothing")
}

func TestHookOfTheHost(t *testing.T) {
	hook := rest.AuthenticatorFunc(func(r *http.Request) (rest.Identity, error) {
		switch token, _ := rest.Bearer(r); token {
		case "jwt":
			return rest.Identity{Name: "subject", Roles: rest.Query}, nil
		case "nameless":
			return rest.Identity{Roles: rest.Admin}, nil
		case "panic":
			panic("in the hook")
		}
		return rest.Identity{}, errors.New("signature of a token is wrong")
	})
	s := newSite(t, &rest.Options{Authenticators: []rest.Authenticator{newTokens(t), hook}})
	require.Equal(t, 200, s.do("jwt", "GET", "/ors/v1/sessions", "").StatusCode)
	require.Equal(t, 200, s.do(adminSecret, "GET", "/ors/v1/sessions", "").StatusCode)
	s.problem(s.do("nameless", "GET", "/ors/v1/sessions", ""), 401)
	r := s.do("other", "GET", "/ors/v1/sessions", "")
	s.problem(r, 401)
	require.NotContains(t, r.text, "signature")
	require.Contains(t, s.audit.String(), "signature of a token is wrong")
	s.problem(s.do("panic", "GET", "/ors/v1/sessions", ""), 500)
	require.Equal(t, 200, s.do("jwt", "GET", "/ors/v1/sessions", "").StatusCode)
}

// Weakness 2: no way to add security headers. Every answer has them.
func TestHeaders(t *testing.T) {
	s := newSite(t, &rest.Options{Headers: map[string]string{"X-Frame-Options": "SAMEORIGIN", "X-Site": "a"}})
	for _, path := range []string{"/ors/v1/health", "/ors/help", "/none", "/ors/v1/sessions/none", "/a/%2e%2e/b"} {
		h := s.do(querySecret, "GET", path, "").Header
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-store", h.Get("Cache-Control"))
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'")
		require.Equal(t, "SAMEORIGIN", h.Get("X-Frame-Options"))
		require.Equal(t, "a", h.Get("X-Site"))
	}
}

func TestOrigins(t *testing.T) {
	s := newSite(t, &rest.Options{Origins: []string{"https://desk.example"}})
	r := s.do("", "OPTIONS", "/scxml/session/start", "", "Origin", "https://desk.example", "Access-Control-Request-Method", "POST")
	require.Equal(t, 204, r.StatusCode)
	require.Equal(t, "https://desk.example", r.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, r.Header.Get("Access-Control-Allow-Headers"), "Authorization")
	require.Empty(t, r.Header.Get("Access-Control-Allow-Credentials"))
	r = s.do(querySecret, "GET", "/ors/v1/sessions", "", "Origin", "https://desk.example", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 200, r.StatusCode)
	for _, origin := range []string{"https://evil.example", "null", "https://desk.example.evil.example", "http://desk.example", "https://desk.example:8443"} {
		r := s.do(querySecret, "GET", "/ors/v1/sessions", "", "Origin", origin)
		s.problem(r, 403)
		require.Empty(t, r.Header.Get("Access-Control-Allow-Origin"))
	}
	s.problem(s.do(querySecret, "GET", "/ors/v1/sessions", "", "Sec-Fetch-Site", "cross-site"), 403)
}

// Loopback is open to this machine, and to no page in its browser.
func TestLoopback(t *testing.T) {
	s := newSite(t, &rest.Options{Loopback: true})
	require.Equal(t, 200, s.do("", "POST", "/scxml/session/start", "src=app:///charts/order.scxml").StatusCode)
	for _, header := range [][]string{
		{"Host", "rebound.example"}, {"Host", "127.0.0.1.example"}, {"X-Forwarded-For", "127.0.0.1"}, {"Forwarded", "for=1.2.3.4"}, {"Via", "1.1 proxy"},
		{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"},
	} {
		s.problem(s.do("", "POST", "/scxml/session/start", "src=app:///charts/order.scxml", header...), 403)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/ors/help", nil) // from 192.0.2.1
	r.Host = "localhost"
	s.handler.ServeHTTP(w, r)
	require.Equal(t, 403, w.Code)
}

// Weakness 3: no firewall function.
func TestNetworks(t *testing.T) {
	s := newSite(t, &rest.Options{
		PlainHTTP: true, Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/32")},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.168.0.0/24")},
	})
	for _, x := range []struct {
		from, forwarded string
		want            int
	}{
		{"10.1.2.3:5", "", 200}, {"[::ffff:10.1.2.3]:5", "", 200}, {"[2001:db8::1]:5", "", 200}, {"[2001:db9::1]:5", "", 403}, {"10.2.0.1:5", "", 403},
		{"10.2.0.1:5", "10.1.2.3", 403}, // no proxy of ours
		{"192.168.0.1:5", "10.1.2.3", 200}, {"192.168.0.1:5", "8.8.8.8", 403}, {"192.168.0.1:5", "10.1.2.3, 8.8.8.8", 403},
		{"192.168.0.1:5", "8.8.8.8, 10.1.2.3, 192.168.0.7", 200}, {"192.168.0.1:5", "x, 10.1.2.3", 200}, {"192.168.0.1:5", "10.1.2.3, x", 403},
		{"192.168.0.1:5", "", 403}, {"@", "", 403}, {"", "", 403},
	} {
		r := httptest.NewRequest("GET", "/ors/help", nil)
		r.RemoteAddr = x.from
		r.Header.Set("Authorization", "Bearer "+querySecret)
		if x.forwarded != "" {
			r.Header.Set("X-Forwarded-For", x.forwarded)
		}
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		require.Equal(t, x.want, w.Code, "%+v", x)
	}
}

func TestTLS(t *testing.T) {
	s := newSite(t, &rest.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.168.0.0/24")}})
	for _, x := range []struct {
		from, proto string
		tls         *tls.ConnectionState
		want        int
	}{
		{"192.0.2.1:5", "", nil, 403}, {"192.0.2.1:5", "https", nil, 403}, {"192.0.2.1:5", "", &tls.ConnectionState{Version: tls.VersionTLS13}, 200},
		{"192.0.2.1:5", "", &tls.ConnectionState{Version: tls.VersionTLS11}, 403}, {"192.168.0.1:5", "https", nil, 200}, {"192.168.0.1:5", "http", nil, 403},
		{"127.0.0.1:5", "", nil, 200},
	} {
		r := httptest.NewRequest("GET", "/ors/help", nil)
		r.RemoteAddr, r.TLS = x.from, x.tls
		r.Header.Set("Authorization", "Bearer "+querySecret)
		r.Header.Set("X-Forwarded-Proto", x.proto)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		require.Equal(t, x.want, w.Code, "%+v", x)
		if x.tls != nil {
			require.NotEmpty(t, w.Header().Get("Strict-Transport-Security"))
		}
	}
	require.Equal(t, uint16(tls.VersionTLS12), s.handler.Server().TLSConfig.MinVersion)
}

// src can make the server fetch and run what a client chooses.
func TestSources(t *testing.T) {
	s := newSite(t, &rest.Options{Sources: []string{"app:///charts/", "https://strategies.example/live"}})
	for _, src := range []string{
		"app:///secret/hidden.scxml", "app:///charts/../secret/hidden.scxml", "app:///charts/%2e%2e/secret/hidden.scxml", "app:///chartsX/order.scxml",
		"app:///charts/..;/secret/hidden.scxml", "app:///charts//order.scxml", "app:charts/order.scxml", "app://x/charts/order.scxml",
		"file:///etc/passwd", "http://strategies.example/live/a", "https://strategies.example:8443/live/a", "https://strategies.example/other",
		"https://strategies.example/livestock", "https://user:pw@strategies.example/live/a", "https://strategies.example.evil.example/live/a",
		"https://evil.example/?https://strategies.example/live", "http://169.254.169.254/latest/meta-data", "http://127.0.0.1/", "http://[::1]/", "gopher://x/",
		"javascript:1", "data:text/xml,x", "//strategies.example/live/a", "order.scxml", "https://strategies.example\\@evil.example/live", " app:///charts/order.scxml",
	} {
		b := "src=" + strings.NewReplacer("%", "%25", "&", "%26", ";", "%3B").Replace(src)
		s.problem(s.do(startSecret, "POST", "/scxml/session/start", b), 403)
	}
	for _, body := range []string{"", "src=", "idealtime=5", `{"src":5}`, `{"src":{}}`, "src=app:///charts/order.scxml&src=app:///charts/order.scxml", `[1]`} {
		s.problem(s.do(startSecret, "POST", "/scxml/session/start", body), 400)
	}
	missing, broken := s.do(startSecret, "POST", "/scxml/session/start", "src=app:///charts/none.scxml"), s.do(startSecret, "POST", "/scxml/session/start", "src=app:///charts/broken.scxml")
	s.problem(missing, 422)
	require.Equal(t, missing.text, broken.text, "why a document cannot be had is not told")
	require.Zero(t, s.engine.Len())
}

func TestSourceClientConnectsToNoPrivateAddress(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, order) }))
	defer target.Close()
	port := target.URL[strings.LastIndex(target.URL, ":"):]
	// "localhost" is a name that resolves to a private address, as after a rebinding.
	for _, host := range []string{"http://127.0.0.1", "http://localhost", "http://0.0.0.0", "http://[::ffff:127.0.0.1]"} {
		loader, err := session.NewLoader(&session.LoaderOptions{Allow: []string{host + port + "/"}, Client: rest.NewSourceClient(nil)})
		require.NoError(t, err)
		_, err = loader.Fetch(context.Background(), host+port+"/a.scxml", 0)
		require.ErrorContains(t, err, "not a public one", host)
	}
	client := rest.NewSourceClient(&rest.SourceClientOptions{Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	loader, err := session.NewLoader(&session.LoaderOptions{Allow: []string{target.URL}, Client: client})
	require.NoError(t, err)
	_, err = loader.Fetch(context.Background(), target.URL+"/a.scxml", 0)
	require.NoError(t, err)
}

// What does not exist, may not be seen or has an illegal name is answered with the same bytes.
func TestUnknownIsUniform(t *testing.T) {
	s := newSite(t, nil)
	id := s.begin()
	want := s.do(adminSecret, "GET", "/ors/v1/sessions/unknown", "").text
	for _, path := range []string{
		"/ors/v1/sessions/" + strings.Repeat("x", 300), "/ors/v1/sessions/" + id + "x", "/ors/v1/sessions/%FF", "/ors/v1/sessions/a%2fb", "/ors/v1/sessions/a%5Cb",
		"/ors/v1/sessions/%2e%2e", "/ors/v1/../v1/sessions", "/ors/v1//sessions", "//ors/help", "/ors/v1/sessions/..;/", "/ors/v1/sessions/%00", "/ors/v1/sessions/%252e",
		"/ORS/help", "/ors/v1/sessions/", "/", "/scxml", "/scxml/session//query", "/ors/ors/scxml/session/" + id + "/query", "/ors/v2/sessions", "/ors/../scxml/session/" + id + "/query",
		"/scxml/session/" + id + "/query//", "/scxml/session/" + id, "/scxml/session/" + id + "/", "/ors/v1/sessions/" + id + "/", "/ors/help/",
	} {
		r := s.do(adminSecret, "GET", path, "")
		s.problem(r, 404)
		require.Equal(t, want, r.text, path)
		require.Empty(t, r.Header.Get("Location"))
	}
	for _, name := range []string{"a%20b", "*", ".a", "a.", "a..b", "%0a", strings.Repeat("n", session.MaxEventName+1)} {
		r := s.do(adminSecret, "POST", "/scxml/session/"+id+"/event/"+name, "")
		require.Contains(t, []int{404, 414}, r.StatusCode, name)
	}
	r := s.do(adminSecret, "DELETE", "/scxml/session/start", "")
	s.problem(r, 405)
	require.Equal(t, "POST", r.Header.Get("Allow"))
	s.problem(s.do(adminSecret, "GET", "/scxml/session/"+id+"/event/add", ""), 405)
	s.problem(s.do(adminSecret, "TRACE", "/ors/help", ""), 405)
}

func TestLimits(t *testing.T) {
	s := newSite(t, &rest.Options{Body: 1000, Params: 10, URL: 200, Header: 2000})
	path := "/scxml/session/" + s.begin() + "/event/add"
	s.problem(s.do(adminSecret, "POST", path, "a="+strings.Repeat("x", 1000)), 413)
	s.problem(s.do(adminSecret, "POST", path, strings.Repeat("a=1&", 11)), 400)
	s.problem(s.do(adminSecret, "POST", path+"?"+strings.Repeat("a&", 11), ""), 400)
	s.problem(s.do(adminSecret, "POST", path+"?"+strings.Repeat("a", 200), ""), 414)
	s.problem(s.do(adminSecret, "POST", path, "", "X-A", strings.Repeat("a", 2000)), 431)
	s.problem(s.do(adminSecret, "POST", path, strings.Repeat("[", 100)+strings.Repeat("]", 100)), 400)
	s.problem(s.do(adminSecret, "POST", path, `{"a":`), 400)
	s.problem(s.do(adminSecret, "POST", path, "a=%zz"), 400)
	s.problem(s.do(adminSecret, "POST", path, "<a/>", "Content-Type", "application/xml"), 415)
	s.problem(s.do(adminSecret, "POST", path, "a=1", "Content-Encoding", "gzip"), 415)
	s.problem(s.do(adminSecret, "POST", path, "a=1", "Content-Type", "application/x-www-form-urlencoded; charset=utf-7"), 415)
	require.Equal(t, 200, s.do(adminSecret, "POST", path, "price=1").StatusCode)
}

func TestNumberOfRequests(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	hook := rest.AuthenticatorFunc(func(r *http.Request) (rest.Identity, error) {
		if token, _ := rest.Bearer(r); token == "slow" {
			inside <- struct{}{}
			<-leave
		}
		return rest.Identity{Name: "a", Roles: rest.Admin}, nil
	})
	s := newSite(t, &rest.Options{Authenticators: []rest.Authenticator{hook}, Concurrent: 1})
	done := make(chan *reply, 1)
	go func() { done <- s.do("slow", "GET", "/ors/help", "") }()
	<-inside
	s.problem(s.do("x", "GET", "/ors/help", ""), 503)
	leave <- struct{}{}
	require.Equal(t, 200, (<-done).StatusCode)

	s = newSite(t, &rest.Options{Authenticators: []rest.Authenticator{hook}, Held: 1})
	id := s.begin()
	go func() { done <- s.do("x", "POST", "/scxml/session/"+id+"/request/silence", "") }()
	for s.handlerHolds() == 0 {
		runtime.Gosched()
	}
	s.problem(s.do("x", "POST", "/scxml/session/"+id+"/request/total", ""), 503)
	require.Equal(t, 200, s.do("x", "POST", "/scxml/session/"+id+"/event/close", "").StatusCode, "a request that is held takes no place of others")
	s.problem(<-done, 410)
}

// handlerHolds is the number of held requests, as the metrics have it.
func (s *site) handlerHolds() (n int) {
	_, rest, _ := strings.Cut(s.do("x", "GET", "/ors/v1/metrics", "").text, "\nors_http_held_requests ")
	_, err := fmt.Sscan(rest, &n)
	require.NoError(s.t, err)
	return n
}

func TestBodyThatDoesNotCome(t *testing.T) {
	s := newSite(t, &rest.Options{BodyTime: 20 * time.Millisecond})
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "POST /scxml/session/start HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "+adminSecret+
		"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	in := bufio.NewReader(c)
	resp, err := http.ReadResponse(in, nil)
	require.NoError(t, err)
	require.Equal(t, 400, resp.StatusCode)
	_, err = io.Copy(io.Discard, in)
	require.NoError(t, err, "the connection is closed")
	server := s.handler.Server()
	require.NotZero(t, server.ReadHeaderTimeout)
	require.NotZero(t, server.WriteTimeout)
	require.NotZero(t, server.IdleTimeout)
}

func TestAuditLog(t *testing.T) {
	masking, err := rest.NewMasking(&rest.Rules{Regex: map[string]string{"ors-regex-card": "[0-9]{16}"}})
	require.NoError(t, err)
	s := newSite(t, &rest.Options{Masking: masking})
	s.do(eventSecret, "POST", "/scxml/session/none/event/a?card=%34111111111111111&b=%0alevel=INFO", "pin=1234")
	line := s.audit.String()
	require.Equal(t, 1, strings.Count(line, "\n"), "one line: %s", line)
	for _, want := range []string{"level=WARN", "client=127.0.0.1", "identity=event", "roles=event", "method=POST", "operation=event", "status=404", "card=****", "not found"} {
		require.Contains(t, line, want)
	}
	require.NotContains(t, line, "1111")
	require.NotContains(t, line, "pin", "bodies are not logged")
	require.Equal(t, 200, s.do(querySecret, "HEAD", "/ors/help", "").StatusCode)
	require.Equal(t, 405, s.do(querySecret, "HEAD", "/ors/v1/events", "").StatusCode)
}

func TestRates(t *testing.T) {
	s := newSite(t, &rest.Options{ClientRate: rest.Rate{PerSecond: 0.001, Burst: 5}, FailureRate: rest.Rate{PerSecond: 0.001, Burst: 3}})
	for range 5 {
		require.Equal(t, 200, s.do(querySecret, "GET", "/ors/help", "").StatusCode)
	}
	r := s.do(querySecret, "GET", "/ors/help", "")
	s.problem(r, 429)
	require.Equal(t, "1", r.Header.Get("Retry-After"))
	require.Equal(t, 200, s.do(eventSecret, "GET", "/ors/help", "").StatusCode, "another client")
	for range 3 {
		s.problem(s.do("guess", "GET", "/ors/help", ""), 401)
	}
	s.problem(s.do("guess", "GET", "/ors/help", ""), 429)
	s.problem(s.do(startSecret, "GET", "/ors/help", ""), 429)
	require.Equal(t, 200, s.do("", "GET", "/ors/v1/health", "").StatusCode)

	s = newSite(t, &rest.Options{Rate: rest.Rate{PerSecond: 0.001, Burst: 1}})
	require.Equal(t, 200, s.do(querySecret, "GET", "/ors/help", "").StatusCode)
	s.problem(s.do(eventSecret, "GET", "/ors/help", ""), 429)
}

// raw sends bytes and returns the statuses of the answers until the server closes the
// connection.
func (s *site) raw(text string) (statuses []int) {
	s.t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	require.NoError(s.t, err)
	defer c.Close()
	_, _ = io.WriteString(c, text) // the server may have had enough
	require.NoError(s.t, c.(*net.TCPConn).CloseWrite())
	for in := bufio.NewReader(c); ; {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return statuses
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		statuses = append(statuses, resp.StatusCode)
	}
}

func TestSmuggling(t *testing.T) {
	s := newSite(t, nil)
	auth := "Host: a\r\nAuthorization: Bearer " + adminSecret + "\r\n"
	form := "Content-Type: application/x-www-form-urlencoded\r\n"
	smuggled := "POST /scxml/session/start HTTP/1.1\r\n" + auth + form + "Content-Length: 30\r\n\r\nsrc=app:///charts/order.scxml\n"
	path := "POST /scxml/session/" + s.begin() + "/event/add HTTP/1.1\r\n" + auth + form
	for _, x := range []string{
		"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
		"Content-Length: +0\r\n\r\n",
		"Content-Length: 0, 0\r\n\r\n",
		"Host: b\r\nContent-Length: 0\r\n\r\n",
		"Content-Length: 0\r\nX: a\x00b\r\n\r\n",
		"Content-Length: 5\r\nContent-Length: 0\r\n\r\n",
		"Content-Length: -1\r\n\r\n", "Content-Length: 0x0\r\n\r\n", "Content-Length:\r\n\r\n", "Content-Length : 0\r\n\r\n",
		"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",                   // obs-fold
		"Content-Length: 0\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", // obs-fold
		"Transfer-Encoding: chunked\r\n\r\n0;a=\"\r\n\"\r\n\r\n",            // a chunk extension with a line's end
		"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\na=\r\n0;" + strings.Repeat("x", 100) + "\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n0\n\n", "Transfer-Encoding: chunked\r\n\r\n0;\n\r\n", // a bare line feed
		"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n", // a trailer
		"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", "TRANSFER-ENCODING: ChUnKeD\r\n\r\n0\r\n\r\n",
		"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		statuses := s.raw(path + x + smuggled)
		require.Len(t, statuses, 1, "%q: what follows is not read", x)
	}
	require.Equal(t, 1, s.engine.Len())
}

func TestMalformedRequests(t *testing.T) {
	const requests = 10_000
	s := newSite(t, &rest.Options{FailureRate: rest.Rate{PerSecond: 1e6}, ClientRate: rest.Rate{PerSecond: 1e6}, Rate: rest.Rate{PerSecond: 1e6}})
	path := "/scxml/session/" + s.begin()
	request := func(i int) *http.Request {
		r := httptest.NewRequest("POST", "/ors/help", nil)
		r.Header.Set("Authorization", "Bearer "+adminSecret)
		r.RemoteAddr = fmt.Sprintf("127.0.%d.%d:1", i/256%256, i%256)
		body := ""
		switch i % 8 {
		case 0:
			r.URL.Path, body = path+"/event/add", `{"a":[`+strings.Repeat("[", i%100)
		case 1:
			r.URL.Path, body = "/scxml/session/start", "src=app:///charts/%zz"+fmt.Sprint(i)
		case 2:
			r.Header.Set("Authorization", fmt.Sprintf("Bearer %d", i))
		case 3:
			r.URL.Path = fmt.Sprintf("/scxml/session/x%d/query", i)
			r.Method = "GET"
		case 4:
			r.URL.Path = path + "/event/" + strings.Repeat(".", i%50)
		case 5:
			r.URL.Path, body = path+fmt.Sprintf("/request/a%d", i), "%zz"
		case 6:
			r.URL.Path = fmt.Sprintf("/%c%d", rune(i%256), i)
			r.Header.Set("X-Forwarded-For", fmt.Sprint(i))
		case 7:
			r.Method = fmt.Sprintf("M%d", i)
		}
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Type", []string{"application/json", "application/x-www-form-urlencoded"}[i%2])
		return r
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	run := func() {
		for i := range requests {
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, request(i))
			require.GreaterOrEqual(t, w.Code, 400, "%d", i)
			require.Less(t, w.Code, 500, "%d", i)
		}
		s.audit.mu.Lock()
		s.audit.buf.Reset()
		s.audit.mu.Unlock()
	}
	run()
	before, goroutines := heap(), runtime.NumGoroutine()
	run()
	require.Less(t, heap()-before, int64(2<<20), "bytes more after %d more requests", requests)
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+2)
	require.Equal(t, 200, s.do(adminSecret, "POST", path+"/event/add", "price=1").StatusCode)
}
