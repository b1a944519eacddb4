package session_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
)

// origin is an HTTP server that counts its requests.
type origin struct {
	*httptest.Server
	header           http.Header
	status           int
	body             string
	asked, confirmed int
}

func newOrigin(t *testing.T, header ...string) *origin {
	o := &origin{header: http.Header{}, status: http.StatusOK, body: "one"}
	for i := 0; i < len(header); i += 2 {
		o.header.Set(header[i], header[i+1])
	}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.asked++
		for name, values := range o.header {
			w.Header()[name] = values
		}
		tag, since := o.header.Get("ETag"), o.header.Get("Last-Modified")
		if o.status == http.StatusOK && (tag != "" && r.Header.Get("If-None-Match") == tag || tag == "" && since != "" && r.Header.Get("If-Modified-Since") == since) {
			o.confirmed++
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.WriteHeader(o.status)
		_, _ = w.Write([]byte(o.body))
	}))
	t.Cleanup(o.Close)
	return o
}

// reader is a Loader of the server under a virtual clock.
func (o *origin) reader(t *testing.T, opts session.LoaderOptions) (clock *session.VirtualClock, read func() string) {
	t.Helper()
	clock = session.NewVirtualClock(noon)
	opts.Allow, opts.Clock = []string{o.URL + "/"}, clock
	loader, err := session.NewLoader(&opts)
	require.NoError(t, err)
	return clock, func() string {
		b, err := loader.Fetch(t.Context(), o.URL+"/a.scxml", 0)
		if err != nil {
			return strings.TrimPrefix(err.Error(), "session: loading "+o.URL+"/a.scxml: ")
		}
		defer func() { b[0] = '?' }() // what the cache has is not changed by that
		return string(b)
	}
}

func TestLoaderCache(t *testing.T) {
	const date = "Thu, 01 Jan 2026 12:00:00 GMT"
	for _, c := range []struct {
		name             string
		header           []string
		opts             session.LoaderOptions
		asked, confirmed int // of reads at 0 s, 30 s, 90 s
	}{
		{"nothing known", nil, session.LoaderOptions{}, 3, 0},
		{"etag", []string{"ETag", `"1"`}, session.LoaderOptions{}, 3, 2},
		{"last modified", []string{"Last-Modified", date}, session.LoaderOptions{}, 3, 2},
		{"max-age", []string{"Cache-Control", "private, max-age=60"}, session.LoaderOptions{}, 2, 0},
		{"max-age and etag", []string{"Cache-Control", "max-age=60", "ETag", `"1"`}, session.LoaderOptions{}, 2, 1},
		{"max-age of the past", []string{"Cache-Control", "max-age=60", "Age", "50"}, session.LoaderOptions{}, 3, 0},
		{"max-age that is none", []string{"Cache-Control", "max-age=soon"}, session.LoaderOptions{}, 3, 0},
		{"expires", []string{"Expires", "Thu, 01 Jan 2026 12:01:00 GMT", "Date", date}, session.LoaderOptions{}, 2, 0},
		{"expired", []string{"Expires", "0"}, session.LoaderOptions{MaxAge: time.Hour}, 3, 0},
		{"no-cache", []string{"Cache-Control", "no-cache, max-age=60", "ETag", `"1"`}, session.LoaderOptions{}, 3, 2},
		{"no-store", []string{"Cache-Control", "no-store", "ETag", `"1"`}, session.LoaderOptions{MaxAge: time.Hour}, 3, 0},
		{"vary", []string{"Vary", "*", "ETag", `"1"`}, session.LoaderOptions{MaxAge: time.Hour}, 3, 0},
		{"option", nil, session.LoaderOptions{MaxAge: time.Minute}, 2, 0},
		{"option is shorter", []string{"Cache-Control", "max-age=3600"}, session.LoaderOptions{MaxAge: time.Minute}, 2, 0},
		{"no room", []string{"Cache-Control", "max-age=3600"}, session.LoaderOptions{CacheBytes: 2}, 3, 0},
		{"no cache", []string{"Cache-Control", "max-age=3600", "ETag", `"1"`}, session.LoaderOptions{CacheBytes: -1}, 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOrigin(t, c.header...)
			clock, read := o.reader(t, c.opts)
			for _, pause := range []time.Duration{0, 30 * time.Second, time.Minute} {
				clock.Advance(pause)
				require.Equal(t, "one", read())
			}
			assert.Equal(t, c.asked, o.asked)
			assert.Equal(t, c.confirmed, o.confirmed)
		})
	}
}

func TestLoaderCacheChanges(t *testing.T) {
	o := newOrigin(t, "ETag", `"1"`)
	_, read := o.reader(t, session.LoaderOptions{})
	require.Equal(t, "one", read())
	o.body = "two"
	o.header.Set("ETag", `"2"`)
	require.Equal(t, "two", read())
	require.Equal(t, "two", read())
	assert.Equal(t, 1, o.confirmed)
	o.status = http.StatusNotFound
	assert.Equal(t, "the server answered 404 Not Found", read())
}

func TestLoaderMaxStale(t *testing.T) {
	o := newOrigin(t, "Cache-Control", "max-age=10")
	clock, read := o.reader(t, session.LoaderOptions{MaxStale: time.Minute})
	require.Equal(t, "one", read())
	clock.Advance(time.Minute)
	o.status = http.StatusServiceUnavailable
	require.Equal(t, "one", read())
	o.status = http.StatusNotFound
	require.Equal(t, "the server answered 404 Not Found", read(), "it is gone")
	o.status = http.StatusServiceUnavailable
	clock.Advance(9 * time.Second)
	require.Equal(t, "one", read())
	clock.Advance(time.Second)
	require.Equal(t, "the server answered 503 Service Unavailable", read(), "too old")

	o = newOrigin(t)
	_, read = o.reader(t, session.LoaderOptions{MaxStale: time.Minute})
	require.Equal(t, "one", read())
	o.Close()
	require.Equal(t, "one", read())

	strict := newOrigin(t, "Cache-Control", "must-revalidate", "ETag", `"1"`)
	_, read = strict.reader(t, session.LoaderOptions{MaxStale: time.Minute})
	require.Equal(t, "one", read())
	strict.status = http.StatusInternalServerError
	require.Equal(t, "the server answered 500 Internal Server Error", read())
}

// TestLoaderCacheRoom: what was used least recently goes first, and a caller's own
// limit holds for what is kept as well.
func TestLoaderCacheRoom(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=3600")
		_, _ = w.Write([]byte("0123456789"))
	}))
	t.Cleanup(server.Close)
	loader, err := session.NewLoader(&session.LoaderOptions{Allow: []string{server.URL}, CacheBytes: 20})
	require.NoError(t, err)
	for _, name := range []string{"a", "b", "a", "c", "a", "b"} {
		_, err := loader.Fetch(t.Context(), server.URL+"/"+name+"#part", 0)
		require.NoError(t, err)
	}
	assert.Equal(t, int64(4), asked.Load(), "b had to go for c")
	_, err = loader.Fetch(t.Context(), server.URL+"/a", 9)
	require.ErrorIs(t, err, session.ErrTooLarge)
}

func TestLoaderTLSAndProxy(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("secret")) }))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that fails
	secure.StartTLS()
	t.Cleanup(secure.Close)
	fetch := func(opts session.LoaderOptions, address string) (string, error) {
		opts.Allow = []string{secure.URL, "http://charts.example/"}
		loader, err := session.NewLoader(&opts)
		if err != nil {
			return "", err
		}
		b, err := loader.Fetch(t.Context(), address, 0)
		return string(b), err
	}
	_, err := fetch(session.LoaderOptions{}, secure.URL)
	require.ErrorContains(t, err, "certificate")
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	body, err := fetch(session.LoaderOptions{TLS: &tls.Config{RootCAs: roots}}, secure.URL)
	require.NoError(t, err)
	assert.Equal(t, "secret", body)

	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("for " + r.URL.String())) }))
	t.Cleanup(proxy.Close)
	through, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	body, err = fetch(session.LoaderOptions{Proxy: through}, "http://charts.example/a.scxml")
	require.NoError(t, err)
	assert.Equal(t, "for http://charts.example/a.scxml", body)

	_, err = fetch(session.LoaderOptions{Proxy: through, Client: http.DefaultClient}, secure.URL)
	require.ErrorContains(t, err, "set Proxy, HTTPSProxy, TLS, LocalPorts and Control there")
}
