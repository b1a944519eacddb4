package fm_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony/fm"
)

// What a document gives to one server does not reach another one by a redirection:
// headers are dropped, and a body ends the fetch.
func TestFetchKeepsBodiesWithTheirOrigin(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write([]byte(r.Method + " " + r.Header.Get("Authorization") + r.Header.Get("X-Key") + r.Header.Get("Cookie") + string(body)))
	}))
	defer other.Close()
	base, opts := web(t, func(w http.ResponseWriter, r *http.Request) {
		status := map[string]int{"/301": 301, "/302": 302, "/303": 303, "/307": 307, "/308": 308}[r.URL.Path]
		http.Redirect(w, r, other.URL+"/", status)
	})
	opts.Fetch.Allow = append(opts.Fetch.Allow, other.URL+"/")
	element := func(path, method, body string) string {
		return `<session:fetch requestid="req" src="'BASE` + path + `'" method="'` + method + `'" username="'u'" password="'p'"
			headers="({'X-Key': 'k', Cookie: 'c=1'})">` + body + `</session:fetch>`
	}
	for _, path := range []string{"/301", "/302", "/303"} { // the body is left out, the method becomes GET
		assert.Equal(t, "true 200 GET ", fetched(t, base, opts, element(path, "post", `<content>secret</content>`)), path)
	}
	for _, path := range []string{"/307", "/308"} {
		got := fetched(t, base, opts, element(path, "post", `<content>secret</content>`))
		assert.Contains(t, got, "true number 0 POST BASE"+path+": address is not allowed: "+strings.TrimPrefix(other.URL, "http://")+" is to get the body of a request to ")
		assert.Equal(t, "true 200 GET ", fetched(t, base, opts, element(path, "get", "")), path)
		assert.Equal(t, "true 200 POST ", fetched(t, base, opts, element(path, "post", "")), path)
	}
}

// A body of parts.
func TestFetchMultipart(t *testing.T) {
	base, opts := web(t, func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, r.ParseMultipartForm(1<<20))
		w.Write([]byte(r.MultipartForm.Value["a"][0] + "|" + strings.Join(r.MultipartForm.Value["b"], ",")))
	})
	assert.Equal(t, `true 200 ü 1|x,{"y":2}`, fetched(t, base, opts, `<session:fetch requestid="req" src="'BASE/'" method="'post'" enctype="'multipart/form-data'">
		<param name="a" expr="'ü ' + 1"/><param name="b" expr="['x', {y: 2}]"/></session:fetch>`))
}

// All goes through the proxy, which may lie in any network; URLs are looked at as
// without one.
func TestFetchThroughProxy(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.RequestURI+" "+r.Header.Get("Proxy-Authorization"))
		w.Write([]byte("through the proxy"))
	}))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	u.User = url.UserPassword("me", "it")
	opts := &fm.ServicesOptions{Fetch: fm.FetchOptions{Proxy: u, Allow: []string{"http://crm.example/", "http://*:8080/"}}}
	assert.Equal(t, "true 200 through the proxy", fetched(t, "BASE", opts, `<session:fetch requestid="req" src="'http://crm.example/a'"/>`))
	assert.Equal(t, []string{"GET http://crm.example/a Basic bWU6aXQ="}, asked)
	assert.Contains(t, fetched(t, "BASE", opts, `<session:fetch requestid="req" src="'http://evil.example/'"/>`), "has no entry")
	assert.Contains(t, fetched(t, "BASE", opts, `<session:fetch requestid="req" src="'http://169.254.169.254:8080/'"/>`), "is in no public network")
	assert.Len(t, asked, 1)
	_, err = fm.NewServices(&fm.ServicesOptions{Fetch: fm.FetchOptions{Proxy: &url.URL{Scheme: "socks5", Host: "x"}}})
	assert.ErrorContains(t, err, "FetchOptions.Proxy")
}

// The TLS settings of the host count, with and without a proxy.
func TestFetchTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(r.URL.Path)) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	tunnel := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		there, err := net.Dial("tcp", r.Host)
		if !assert.NoError(t, err) {
			return
		}
		here, rw, err := w.(http.Hijacker).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			defer there.Close()
			bufio.NewReader(rw).WriteTo(there)
		}()
		io.Copy(here, there)
		here.Close()
	}))
	defer tunnel.Close()
	proxy, err := url.Parse(tunnel.URL)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	for _, through := range []*url.URL{nil, proxy} {
		opts := func(c *tls.Config) *fm.ServicesOptions {
			return &fm.ServicesOptions{Fetch: fm.FetchOptions{Allow: []string{s.URL + "/"}, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
				TLS: c, Proxy: through}}
		}
		const element = `<session:fetch requestid="req" src="'BASE/x'"/>`
		assert.Equal(t, "true 200 /x", fetched(t, s.URL, opts(&tls.Config{RootCAs: roots}), element))
		assert.Contains(t, fetched(t, s.URL, opts(nil), element), "certificate")
	}
}
