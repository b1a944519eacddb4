package fm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony/fm"
)

// web is a server on the loopback interface, and the options that let it be reached.
func web(t *testing.T, handler http.HandlerFunc) (base string, opts *fm.ServicesOptions) {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL, &fm.ServicesOptions{Fetch: fm.FetchOptions{
		Allow: []string{s.URL + "/"}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Timeout: 20 * time.Second,
	}}
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("X-Echo", "yes")
	w.Header()["Date"] = nil
	fmt.Fprintf(w, "%s %s|%s|%s", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), body)
}

const onFetched = `<transition event="session.fetch.done"><log expr="[_event.data.requestid === req, _event.data.status, _event.data.content].join(' ')"/></transition>
<transition event="error.session.fetch"><log expr="[_event.data.requestid === req, typeof _event.data.error, _event.data.error, _event.data.description].join(' ')"/></transition>`

// fetched runs one <session:fetch> and returns what came of it. BASE stands for the
// server.
func fetched(t *testing.T, base string, opts *fm.ServicesOptions, element string) string {
	t.Helper()
	o := newOffice(t, opts)
	o.run(service(strings.ReplaceAll(element, "BASE", base), onFetched))
	require.Len(t, o.log, 1)
	return strings.ReplaceAll(o.log[0], base, "BASE")
}

func TestFetch(t *testing.T) {
	base, opts := web(t, echo)
	for element, want := range map[string]string{
		`<session:fetch requestid="req" srcexpr="'BASE/a?x=1'"/>`:                                                                                                           "true 200 GET /a?x=1||",
		`<session:fetch requestid="req" src="'BASE/a'"><param name="b" expr="'ü &amp; ' + 1"/><param name="c" expr="[1, {d: 2}]"/></session:fetch>`:                         "true 200 GET /a?b=%C3%BC+%26+1&c=1&c=%7B%22d%22%3A2%7D||",
		`<session:fetch requestid="req" src="'BASE/a'" method="'post'"><param name="b" expr="true"/></session:fetch>`:                                                       "true 200 POST /a|application/x-www-form-urlencoded|b=true",
		`<session:fetch requestid="req" src="'BASE/a'" method="'POST'" enctype="'application/json'"><param name="b" expr="true"/></session:fetch>`:                          `true 200 POST /a|application/json|{"b":true}`,
		`<session:fetch requestid="req" src="'BASE/a'" method="'put'" enctype="'application/json'"><param name="q" expr="1"/><content _expr="({a: [1]})"/></session:fetch>`: `true 200 PUT /a?q=1|application/json|{"a":[1]}`,
		`<session:fetch requestid="req" src="'BASE/a'" method="'patch'"><content>plain</content></session:fetch>`:                                                           `true 200 PATCH /a|text/plain; charset=utf-8|plain`,
		`<session:fetch requestid="req" src="'BASE/a'" method="'delete'"/>`:                                                                                                 "true 200 DELETE /a||",
		`<session:fetch src="'BASE/a'"/>`: "false 200 GET /a||",
	} {
		assert.Equal(t, want, fetched(t, base, opts, element), element)
	}
}

func TestFetchHeaders(t *testing.T) {
	got := make(chan http.Header, 1)
	base, opts := web(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		w.Header().Set("Content-Type", "application/json")
		w.Header()["X-Two"] = []string{"a", "b"}
		_, _ = io.WriteString(w, `{"ok": true}`)
	})
	o := newOffice(t, opts)
	o.run(service(`<session:fetch requestid="req" src="'`+base+`/'" type="'application/json'" maxage="60" maxstale="'5'" username="'u'" password="'p'"
  headers="({'X-A': 1, 'x-b': 'c d', 'X-None': undefined})"/>`, `<transition event="session.fetch.done">
  <log expr="eval('(' + _event.data.content + ')').ok + ' ' + _event.data.headers['Content-Type'] + ' ' + _event.data.hints['X-Two'] + ' ' + _event.origin"/></transition>`))
	o.expect("true application/json a, b fm:session")
	h := <-got
	require.Equal(t, "application/json", h.Get("Accept"))
	require.Equal(t, []string{"max-age=60", "max-stale=5"}, h["Cache-Control"])
	require.Equal(t, "Basic dTpw", h.Get("Authorization"))
	require.Equal(t, "1", h.Get("X-A"))
	require.Equal(t, "c d", h.Get("X-B"))
	require.NotContains(t, h, "X-None")
	require.Equal(t, "s1.1.0", h.Get("Idempotency-Key"))
}

func TestWebFetch(t *testing.T) {
	base, opts := web(t, echo)
	o := newOffice(t, opts)
	o.run(service(`<ws:fetch requestid="req" src="'`+base+`/soap'" method="'post'" enctype="'text/xml'"><content _expr="'&lt;a/&gt;'"/></ws:fetch>`,
		`<transition event="ws.fetch.done"><log expr="(_event.data.requestid === req) + _event.data.content"/></transition>`))
	o.expect("truePOST /soap|text/xml|<a/>")
}

// A reference is relative to the document.
func TestFetchRelative(t *testing.T) {
	base, opts := web(t, echo)
	o := newOffice(t, opts)
	o.files[base+"/app/main.scxml"] = service(`<session:fetch requestid="req" src="'../data.json'"/>`, onFetched)
	_, err := o.engine.Start(t.Context(), session.StartRequest{URL: base + "/app/main.scxml"})
	require.NoError(t, err)
	o.clock.Advance(0)
	o.expect("true 200 GET /data.json||")
}

func TestFetchStatus(t *testing.T) {
	base, opts := web(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "sorry", http.StatusTeapot) })
	o := newOffice(t, opts)
	o.run(service(`<session:fetch requestid="req" src="'`+base+`/x'"/>`, `<transition event="error.session.fetch">
<log expr="[_event.data.requestid === req, _event.data.error === 418, _event.data.content.trim()].join(' ')"/></transition>`))
	o.expect("true true sorry")
}

func TestFetchRefuses(t *testing.T) {
	base, opts := web(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/away":
			http.Redirect(w, r, "http://evil.example/", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/once":
			http.Redirect(w, r, "/app/ok", http.StatusTemporaryRedirect)
		default:
			echo(w, r)
		}
	})
	for element, want := range map[string]string{
		`<session:fetch requestid="req" src="'BASE/loop'"/>`:                                                    "true number 0 GET BASE/loop: more than 5 redirections",
		`<session:fetch requestid="req" src="'BASE/away'"/>`:                                                    "true number 0 GET BASE/away: address is not allowed: FetchOptions.Allow has no entry for http://evil.example/",
		`<session:fetch requestid="req" src="'BASE/file'"/>`:                                                    "true number 0 GET BASE/file: address is not allowed: \"file:///etc/passwd\" is no http: or https: URL",
		`<session:fetch requestid="req" src="'BASE/once'" method="'post'"><content>x</content></session:fetch>`: "true 200 POST /app/ok|text/plain; charset=utf-8|x",
		`<session:fetch requestid="req" src="'http://evil.example/'"/>`:                                         "true number 0 address is not allowed: FetchOptions.Allow has no entry for http://evil.example/",
		`<session:fetch requestid="req" src="'file:///etc/passwd'"/>`:                                           `true number 0 address is not allowed: "file:///etc/passwd" is no http: or https: URL`,
		`<session:fetch requestid="req" src="'http://u:secret@evil.example/'"/>`:                                "true number 0 address is not allowed: credentials in a URL; use the attributes username and password",
		`<session:fetch requestid="req" src="'http://a b/'"/>`:                                                  `true number 0 scxml: illegal reference "http://a b/": invalid character " " in host name`,
		`<session:fetch requestid="req"/>`:                                                                      "true number 0 neither srcexpr nor src names a URL",
		`<session:fetch requestid="req" src="'BASE/'" method="'trace'"/>`:                                       `true number 0 method "TRACE": want get, post, put, patch, delete, head or urs`,
		`<session:fetch requestid="req" src="'BASE/'" timeout="'soon'"/>`:                                       `true number 0 attribute timeout: "soon" is no number`,
		`<session:fetch requestid="req" src="'BASE/'" headers="({Host: 'x'})"/>`:                                "true number 0 attribute headers: Host is not the document's to set",
		`<session:fetch requestid="req" src="'BASE/'" headers="'A: b\r\nnonsense'"/>`:                           "true number 0 attribute headers: a line without a colon",
		`<session:fetch requestid="req" src="'BASE/'" headers="({'A': 'b\nC: d'})"/>`:                           "true number 0 attribute headers: an illegal name or value",
		`<session:fetch requestid="req" src="'BASE/'"><content>x</content></session:fetch>`:                     "true number 0 a GET request has no <content>",
		`<session:fetch requestid="req" src="'f'" method="'urs'"/>`:                                             "true number 0 no router function is connected",
	} {
		assert.Equal(t, want, fetched(t, base, opts, element), element)
	}
}

// A name that is allowed does not lead into a network that is not, whatever it
// resolves to and wherever the server redirects to.
func TestFetchStaysOutOfPrivateNetworks(t *testing.T) {
	base, opts := web(t, echo)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	require.NoError(t, err)
	opts.Fetch.Networks = nil
	opts.Fetch.Allow = []string{"http://*:" + port + "/", "http://*/"}
	for _, host := range []string{"localhost", "127.0.0.1", "[::ffff:127.0.0.1]"} {
		got := fetched(t, base, opts, `<session:fetch requestid="req" src="'http://`+host+`:`+port+`/'"/>`)
		assert.Contains(t, got, "127.0.0.1 is in no public network", host)
	}
	for _, address := range []string{"10.1.2.3", "192.168.0.1", "169.254.169.254", "172.16.0.1", "0.0.0.0", "100.64.0.1", "224.0.0.1",
		"255.255.255.255", "[fd00::1]", "[fe80::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::7f00:1]", "2130706433"} {
		got := fetched(t, base, opts, `<session:fetch requestid="req" timeout="5" src="'http://`+address+`/'"/>`)
		if address == "2130706433" { // 127.0.0.1 to some resolvers, no name to others
			assert.Contains(t, got, "true number 0 ")
			continue
		}
		assert.Contains(t, got, "is in no public network", address)
	}
}

func TestFetchAllowList(t *testing.T) {
	base, opts := web(t, echo)
	opts.Fetch.Allow = []string{base + "/app"}
	for path, ok := range map[string]bool{"/app": true, "/app/x": true, "/application": false, "/": false, "/app/../x": false,
		"/app/%2e%2e/x": false, "/app/..%2fx": false, "/app%2f..%2fx": false, "/app/x/": true} {
		got := fetched(t, base, opts, `<session:fetch requestid="req" src="'BASE`+path+`'"/>`)
		assert.Equal(t, ok, strings.HasPrefix(got, "true 200"), "%s: %s", path, got)
	}
	for _, entry := range []string{"evil.example", "ftp://x/", "http://", "http://a*b/", "http://u:p@x/", "http://x/?q", "http://*x/", "%"} {
		_, err := fm.NewServices(&fm.ServicesOptions{Fetch: fm.FetchOptions{Allow: []string{entry}}})
		assert.ErrorContains(t, err, "fm: allowed URL", entry)
	}
	services, err := fm.NewServices(&fm.ServicesOptions{Fetch: fm.FetchOptions{Allow: []string{"https://*.example/", "https://*/"}}})
	require.NoError(t, err)
	require.NoError(t, services.Close())
}

// A response that is too large is given up while it is read, with and without a length.
func TestFetchLargeResponse(t *testing.T) {
	const size = 50 << 20
	sent := make(chan int64, 1)
	base, opts := web(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/length" {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		n, _ := io.CopyN(w, zeros{}, size)
		sent <- n
	})
	for _, path := range []string{"/stream", "/length"} {
		got := fetched(t, base, opts, `<session:fetch requestid="req" src="'BASE`+path+`'" gdelivery="true"/>`)
		require.Equal(t, "true number 0 GET BASE"+path+": session: too large: more than 4194304 bytes", got)
		require.Less(t, <-sent, int64(size))
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestFetchDeadHost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	base := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	_, opts := web(t, echo)
	opts.Fetch.Allow = []string{base + "/"}
	got := fetched(t, base, opts, `<session:fetch requestid="req" src="'BASE/'"/>`)
	require.Contains(t, got, "true number 0 GET BASE/: dial tcp")
}

func TestFetchTimeout(t *testing.T) {
	release := make(chan struct{})
	base, opts := web(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	got := fetched(t, base, opts, `<session:fetch requestid="req" src="'BASE/'" timeout="0.05"/>`)
	require.Equal(t, "true number 0 GET BASE/: context deadline exceeded", got)
}

func TestGuaranteedDelivery(t *testing.T) {
	var calls atomic.Int32
	var keys [8]string
	base, opts := web(t, func(w http.ResponseWriter, r *http.Request) {
		n := calls.Add(1)
		keys[n] = r.Header.Get("Idempotency-Key")
		if n < 3 || r.URL.Path == "/never" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "at last")
	})
	o := newOffice(t, opts)
	o.run(service(`<session:fetch requestid="req" src="'`+base+`/'" method="'post'" gdelivery="true" gd_retries="5" gd_retry_interval="7"/>`, onFetched))
	o.clock.Advance(6 * time.Second)
	require.EqualValues(t, 1, calls.Load())
	o.expect()
	o.clock.Advance(time.Second)
	require.EqualValues(t, 2, calls.Load())
	o.clock.Advance(7 * time.Second)
	o.expect("true 200 at last")
	require.Equal(t, []string{"s1.1.0", "s1.1.0", "s1.1.0"}, keys[1:4])

	calls.Store(0)
	o.run(service(`<session:fetch requestid="req" src="'`+base+`/never'" gdelivery="true" gd_retries="2" gd_retry_interval="1"/>`, onFetched))
	o.clock.Advance(time.Hour)
	require.EqualValues(t, 3, calls.Load())
	o.expect("true number 503 GET " + base + "/never: the server answered 503 Service Unavailable")

	// It goes on when its session is gone; Close ends it.
	calls.Store(0)
	id := o.run(service(`<session:fetch src="'`+base+`/'" gdelivery="true" gd_retry_interval="1"/>`, ""))
	o.send(id, "end")
	o.clock.Advance(time.Second)
	require.EqualValues(t, 2, calls.Load())
	require.NoError(t, o.services.Close())
	o.clock.Advance(time.Hour)
	require.EqualValues(t, 2, calls.Load())
}

// A fetch ends with its session: the server sees the request go away.
func TestFetchEndsWithItsSession(t *testing.T) {
	begun, gone := make(chan struct{}), make(chan struct{})
	base, opts := web(t, func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(gone)
	})
	o := &office{TB: t, files: map[string]string{}}
	o.open(session.SystemClock{}, opts)
	o.files["mem:a"] = service(`<session:fetch src="'`+base+`/'"/>`, "")
	id, err := o.engine.Start(t.Context(), session.StartRequest{URL: "mem:a"})
	require.NoError(t, err)
	wait(t, begun)
	require.NoError(t, o.engine.Terminate(t.Context(), id))
	wait(t, gone)
}

func wait(t *testing.T, c chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	select {
	case <-c:
	case <-ctx.Done():
		t.Fatal("nothing happened in 20 s")
	}
}

func TestRouterFunctions(t *testing.T) {
	opts := &fm.ServicesOptions{Functions: func(_ context.Context, id, name string, params *datamodel.Object) (datamodel.Value, error) {
		if name == "none" {
			return nil, errors.New("no such function")
		}
		return datamodel.NewObject(datamodel.Member{Name: id + name, Value: params}), nil
	}}
	require.Equal(t, `true  {"s1FindConfigObject":{"type":"agent"}}`, fetched(t, "BASE", opts,
		`<session:fetch requestid="req" method="'urs'" src="'FindConfigObject'"><param name="type" expr="'agent'"/></session:fetch>`))
	require.Equal(t, "true number 0 no such function", fetched(t, "BASE", opts, `<session:fetch requestid="req" method="'urs'" src="'none'"/>`))
}

// What the host says of connections is kept to.
func TestFetchConnections(t *testing.T) {
	var asked []*http.Request
	base, opts := web(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r)
		echo(w, r)
	})
	opts.Fetch.HTTP, opts.Fetch.Continue, opts.Fetch.LocalPorts = "1.0", true, session.PortRange{First: 43000, Last: 43050}
	o := newOffice(t, opts)
	o.run(service(`<session:fetch requestid="req" src="'`+base+`/a'" method="'post'" enctype="'text/plain'"><content _expr="'x'"/></session:fetch>`, onFetched))
	o.expect("true 200 POST /a|text/plain|x")
	require.Len(t, asked, 1)
	require.Equal(t, "100-continue", asked[0].Header.Get("Expect"))
	require.True(t, asked[0].Close)
	require.Regexp(t, `:430[0-5]\d$`, asked[0].RemoteAddr)
	for _, bad := range []fm.FetchOptions{{HTTP: "3"}, {LocalPorts: session.PortRange{First: 2, Last: 1}}, {HTTPSProxy: &url.URL{Scheme: "ftp", Host: "a"}}} {
		_, err := fm.NewServices(&fm.ServicesOptions{Fetch: bad})
		require.ErrorContains(t, err, "fm: FetchOptions")
	}
}
