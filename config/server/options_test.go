package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
	"github.com/seed-ff723688/ors/telephony/fm"
)

// settingsOf makes the settings of a server from sections, options and values.
func settingsOf(t *testing.T, values ...string) *config.Settings {
	t.Helper()
	var o config.Options
	for i := 0; i+2 < len(values); i += 3 {
		o = o.Set(values[i], values[i+1], values[i+2])
	}
	site, err := config.NewSite(&config.Objects{Applications: []*config.Application{{Name: "ORS_1", Type: config.OrchestrationServer, DBID: 201, Options: o}}}, nil)
	require.NoError(t, err)
	st, ok := site.Settings("ORS_1")
	require.True(t, ok)
	return st
}

// What the catalogue says to be honoured is looked up, and nothing else is.
func TestCatalogueTellsTheTruth(t *testing.T) {
	seen := map[string]bool{}
	st := settingsOf(t, "persistence", "tls-enabled", "true", "persistence", "redis-nodes", "a:1", "persistence", "cassandra-nodes", "a").Observed(
		func(section, option string) { seen[section+"/"+option] = true })
	clock := session.NewVirtualClock(time.Unix(0, 0))
	m, err := masking(st, nil)
	require.NoError(t, err)
	l, err := newLog(st, &logOptions{clock: clock, masking: m, stdout: io.Discard, stderr: io.Discard})
	require.NoError(t, err)
	defer l.close()
	var live liveOptions
	require.NoError(t, engineOptions(st, 1, &live, &session.Options{}))
	require.NoError(t, loaderOptions(st, &session.LoaderOptions{}))
	require.NoError(t, fetchOptions(st, &fm.FetchOptions{}))
	restOptions(st, &rest.Options{})
	externalURL(st)
	takesMedia(st)
	_, err = Redis(st, "")
	require.NoError(t, err)
	_, err = Cassandra(st, "")
	require.NoError(t, err)
	l.monitorOptions(st, &rest.MonitorOptions{})
	s := &Server{logger: slog.New(slog.DiscardHandler), app: &config.Application{}}
	require.Error(t, s.openStore(t.Context(), st))

	for _, spec := range config.Catalogue() {
		if spec.Where != config.InApplication {
			continue
		}
		name := spec.Section + "/" + spec.Name
		looked := seen[name] || strings.HasSuffix(spec.Name, "*") && seen[spec.Section+"/*"]
		if spec.NoEffect == "" {
			assert.True(t, looked, "%s is said to be honoured by %q, and nobody looks it up", name, spec.By)
		} else {
			assert.False(t, looked, "%s is said to have no effect, and is looked up", name)
		}
	}
}

func TestLimits(t *testing.T) {
	var live liveOptions
	o := &session.Options{}
	require.NoError(t, engineOptions(settingsOf(t), 0, &live, o))
	assert.Equal(t, session.SessionLimits{}, o.Limits(session.Info{}), "what is not set is up to engine and document")

	live.set(settingsOf(t, "scxml", "max-microstep-count", "7", "scxml", "max-state-entry-count", "8", "scxml", "max-pending-events", "9",
		"scxml", "process-event-timeout", "1500", "scxml", "max-session-age", "0"))
	want := session.SessionLimits{Inbox: 9, MaxAge: -1, Machine: scxml.Limits{Microsteps: 7, StateEntries: 8, Limits: datamodel.Limits{Time: 1500 * time.Millisecond}}}
	assert.Equal(t, want, o.Limits(session.Info{}))
	want.MaxAge, want.Machine.StateEntries = time.Minute, 3
	own := datamodel.NewObject(datamodel.Member{Name: "max-duration", Value: 60.0}, datamodel.Member{Name: "max-loop-count", Value: 3.0})
	assert.Equal(t, want, o.Limits(session.Info{Value: own}), "those of the script count")
}

func TestEngineOptions(t *testing.T) {
	var live liveOptions
	o := &session.Options{}
	require.NoError(t, engineOptions(settingsOf(t, "scxml", "max-includes", "3", "scxml", "default-encoding", "iso-8859-1", "scxml", "js-preload-files", "file:/a.js; file:/b.js",
		"scxml", "session-processing-threads", "5", "scxml", "persistence-max-active", "50", "scxml", "max-compiler-cached-docs", "2", "scxml", "max-compiler-cache-size", "3",
		"scxml", "max-compiler-cached-doc-size", "4", "scxml", "http-max-age-local-file", "0", "orchestration", "sessionid-with-nodeid", "true"), 201, &live, o))
	assert.Equal(t, []any{3, "iso-8859-1", []string{"file:/a.js", "file:/b.js"}, 5, 50, 201},
		[]any{o.Parse.Limits.Includes, o.Parse.Encoding, o.Parse.Preload, o.Workers, o.Resident, o.NodeID})
	assert.Equal(t, session.CacheLimits{Documents: 2, Bytes: 3 << 20, Largest: 4 << 10, FileTTL: 1}, o.Documents)

	with := settingsOf(t, "orchestration", "sessionid-with-nodeid", "true", "scxml", "system-id", "12")
	o = &session.Options{}
	require.NoError(t, engineOptions(with, 0, &live, o))
	assert.Equal(t, 12, o.NodeID, "the application has no dbid")
	err := engineOptions(settingsOf(t, "orchestration", "sessionid-with-nodeid", "true"), 0, &live, &session.Options{})
	assert.ErrorContains(t, err, "set scxml/system-id")
	err = engineOptions(settingsOf(t, "scxml", "fips_enabled", "true"), 0, &live, &session.Options{})
	assert.ErrorContains(t, err, "GODEBUG=fips140=on")
}

func TestPersistOption(t *testing.T) {
	parse := func(attrs string) *scxml.Document {
		doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" `+attrs+`><state id="a"/></scxml>`),
			&scxml.ParseOptions{Dialect: scxml.ORS, Languages: []datamodel.Language{ecmascript()}})
		require.NoError(t, err)
		return doc
	}
	silent, yes, no := parse(""), parse(`_persist="true"`), parse(`_persist="false"`)
	mail := session.Info{Value: datamodel.NewObject(datamodel.Member{Name: "media", Value: "email"})}
	var live liveOptions
	o := &session.Options{}
	require.NoError(t, engineOptions(settingsOf(t), 0, &live, o))
	assert.Equal(t, []bool{true, true, false, true}, []bool{o.Persist(session.Info{}, silent), o.Persist(session.Info{}, yes), o.Persist(session.Info{}, no), o.Persist(mail, silent)})
	live.set(settingsOf(t, "scxml", "persistence-default", "false"))
	assert.Equal(t, []bool{false, true, false}, []bool{o.Persist(session.Info{}, silent), o.Persist(session.Info{}, yes), o.Persist(session.Info{}, no)})
	require.NoError(t, engineOptions(settingsOf(t, "persistence", "enable-multimedia-persistence", "false"), 0, &live, o))
	assert.Equal(t, []bool{true, false}, []bool{o.Persist(session.Info{}, yes), o.Persist(mail, yes)})
}

// web is a server of documents, and what it has been asked.
func web(t *testing.T, handler http.HandlerFunc) (*httptest.Server, *[]*http.Request) {
	var asked []*http.Request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r)
		handler(w, r)
	}))
	t.Cleanup(s.Close)
	return s, &asked
}

func loaderOf(t *testing.T, allow string, values ...string) *session.Loader {
	t.Helper()
	o := &session.LoaderOptions{Allow: []string{allow}}
	require.NoError(t, loaderOptions(settingsOf(t, values...), o))
	l, err := session.NewLoader(o)
	require.NoError(t, err)
	return l
}

func TestLoaderOptions(t *testing.T) {
	s, asked := web(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/there", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "0123456789"+strings.Repeat("x", 2000))
	})
	read := func(l *session.Loader, path string) error {
		_, err := l.Fetch(t.Context(), s.URL+path, 0)
		return err
	}
	times := func(l *session.Loader, path string) int {
		*asked = nil
		require.NoError(t, read(l, path))
		require.NoError(t, read(l, path))
		return len(*asked)
	}
	assert.NoError(t, read(loaderOf(t, s.URL), "/moved"))
	assert.ErrorContains(t, read(loaderOf(t, s.URL, "scxml", "http-max-redirections", "0"), "/moved"), "more than 0 redirections")

	assert.Equal(t, 1, times(loaderOf(t, s.URL), "/a"))
	assert.Equal(t, 2, times(loaderOf(t, s.URL, "scxml", "http-max-cache-size", "0"), "/a"))
	assert.Equal(t, 2, times(loaderOf(t, s.URL, "scxml", "http-max-cache-entry-size", "1"), "/a"), "it has more than 1 KB")
	assert.Equal(t, 2, times(loaderOf(t, s.URL, "scxml", "http-max-cache-entry-count", "0"), "/a"))
	assert.Equal(t, 2, times(loaderOf(t, s.URL, "scxml", "http-no-cache-urls", "http://x.example/, "+s.URL+"/live"), "/live/a"))
	one := loaderOf(t, s.URL, "scxml", "http-max-cache-entry-count", "1")
	require.NoError(t, read(one, "/a"))
	require.NoError(t, read(one, "/b"))
	assert.Equal(t, 1, times(one, "/a"), "b has taken its place, and a that of b")

	assert.Equal(t, 1, (*asked)[0].ProtoMinor)
	require.NoError(t, read(loaderOf(t, s.URL, "scxml", "http-version", "1.0"), "/a"))
	assert.True(t, (*asked)[len(*asked)-1].Close)

	// Ports that are free; another test may take one, so there are several.
	l := loaderOf(t, s.URL, "scxml", "http-client-side-port-range", "42000-42050")
	require.NoError(t, read(l, "/a"))
	u, err := url.Parse("http://" + (*asked)[len(*asked)-1].RemoteAddr)
	require.NoError(t, err)
	assert.Regexp(t, `^420[0-5]\d$`, u.Port())
}

func TestStaleResponses(t *testing.T) {
	clock := session.NewVirtualClock(time.Unix(0, 0))
	down := false
	s, _ := web(t, func(w http.ResponseWriter, _ *http.Request) {
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		w.Header().Set("Cache-Control", "max-age=10")
	})
	for stale, want := range map[string]bool{"0": false, "60": true} {
		o := &session.LoaderOptions{Allow: []string{s.URL}, Clock: clock}
		require.NoError(t, loaderOptions(settingsOf(t, "scxml", "http-max-stale", stale), o))
		l, err := session.NewLoader(o)
		require.NoError(t, err)
		down = false
		_, err = l.Fetch(t.Context(), s.URL, 0)
		require.NoError(t, err)
		down = true
		clock.Advance(11 * time.Second)
		_, err = l.Fetch(t.Context(), s.URL, 0)
		assert.Equal(t, want, err == nil, stale)
	}
}

func TestProxies(t *testing.T) {
	proxy, asked := web(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "from the proxy") })
	l := loaderOf(t, "http://apps.example/", "scxml", "http-proxy", strings.TrimPrefix(proxy.URL, "http://"))
	b, err := l.Fetch(t.Context(), "http://apps.example/a", 0)
	require.NoError(t, err)
	assert.Equal(t, "from the proxy", string(b))
	assert.Equal(t, "apps.example", (*asked)[0].Host)

	for option, want := range map[string]string{"http-proxy": "http", "https-proxy": "https"} {
		o := &session.LoaderOptions{}
		require.NoError(t, loaderOptions(settingsOf(t, "scxml", option, "http://p.example:3128"), o))
		for _, scheme := range []string{"http", "https"} {
			chosen := session.ChooseProxy(o.Proxy, o.HTTPSProxy, &url.URL{Scheme: scheme, Host: "a.example"})
			assert.Equal(t, want == scheme, chosen != nil, "%s for %s", option, scheme)
		}
	}
}

func TestTLSOptions(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Proto, " ", r.TLS.Version, " ", len(r.TLS.PeerCertificates))
	}))
	t.Cleanup(s.Close)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, b, 0o600))
		return name
	}
	ca := file("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	// The certificate is for example.com and 127.0.0.1, not for localhost.
	named := strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
	read := func(base string, values ...string) (string, error) {
		b, err := loaderOf(t, base, values...).Fetch(t.Context(), base, 0)
		return string(b), err
	}
	_, err := read(s.URL)
	assert.ErrorContains(t, err, "certificate signed by unknown authority")
	for _, values := range [][]string{
		{"scxml", "http-ssl-ca-info", ca},
		{"scxml", "http-ssl-verify-peer", "false"},
		{"scxml", "http-ssl-ca-path", dir},
	} {
		_, err = read(s.URL, values...)
		assert.NoError(t, err, values)
	}
	_, err = read(named, "scxml", "http-ssl-ca-info", ca)
	assert.ErrorContains(t, err, "not localhost")
	_, err = read(named, "scxml", "http-ssl-ca-info", ca, "scxml", "http-ssl-verify-host", "0")
	assert.NoError(t, err)
	_, err = read(named, "scxml", "http-ssl-verify-host", "0")
	assert.ErrorContains(t, err, "unknown authority")
	_, err = read(named, "scxml", "http-ssl-verify-peer", "no")
	assert.NoError(t, err)

	c, err := clientTLS(settingsOf(t, "scxml", "http-ssl-version", "TLSv1_3", "scxml", "http-ssl-cipher-list", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305"))
	require.NoError(t, err)
	assert.Equal(t, uint16(tls.VersionTLS13), c.MinVersion)
	assert.Equal(t, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}, c.CipherSuites)

	der, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	c, err = clientTLS(settingsOf(t, "scxml", "http-ssl-cert", ca, "scxml", "http-ssl-key", file("key.der", der), "scxml", "http-ssl-key-type", "DER"))
	require.NoError(t, err)
	assert.Len(t, c.Certificates, 1)
	for want, values := range map[string][]string{
		"option http-ssl-key: needs http-ssl-cert":              {"scxml", "http-ssl-key", ca},
		"option http-ssl-cert, http-ssl-key: open /nowhere.pem": {"scxml", "http-ssl-cert", "/nowhere.pem"},
		"has no certificate in the form PEM":                    {"scxml", "http-ssl-ca-info", file("text", []byte("no"))},
	} {
		_, err = clientTLS(settingsOf(t, values...))
		assert.ErrorContains(t, err, want)
	}
}

func TestFetchOptions(t *testing.T) {
	var o fm.FetchOptions
	require.NoError(t, fetchOptions(settingsOf(t, "scxml", "http-max-redirections", "0", "scxml", "http-enable-continue-header", "true",
		"scxml", "http-proxy", "p.example:1", "scxml", "http-client-side-port-range", "1000-2000", "scxml", "http-version", "2"), &o))
	assert.Equal(t, []any{-1, true, "http://p.example:1", session.PortRange{First: 1000, Last: 2000}, "2"}, []any{o.Redirects, o.Continue, o.Proxy.String(), o.LocalPorts, o.HTTP})
}

func TestStoreSettings(t *testing.T) {
	r, err := Redis(settingsOf(t, "persistence", "redis-nodes", "a.example:6379; b.example:6379", "persistence", "username", "u", "persistence", "password", "p",
		"persistence", "redis-socket-timeout", "700"), "Cluster1")
	require.NoError(t, err)
	assert.Equal(t, &RedisSettings{Nodes: []string{"a.example:6379", "b.example:6379"}, Cluster: "Cluster1", Username: "u", Password: "p", Timeout: 700 * time.Millisecond}, r)
	_, err = Redis(settingsOf(t), "")
	assert.ErrorContains(t, err, "option redis-nodes: is not set")

	c, err := Cassandra(settingsOf(t, "persistence", "cassandra-nodes", "a;b", "persistence", "cassandra-listenport", "9160", "persistence", "cassandra-strategy-class", "NetworkTopologyStrategy",
		"persistence", "cassandra-strategy-options", "DC1:2;DC2:3", "persistence", "tls-enabled", "true", "persistence", "tls-sni", "cass.example"), "")
	require.NoError(t, err)
	assert.Equal(t, "cass.example", c.TLS.ServerName)
	c.TLS = nil
	assert.Equal(t, &CassandraSettings{Nodes: []string{"a", "b"}, Keyspace: "Orchestration", StrategyClass: "NetworkTopologyStrategy", StrategyOptions: "DC1:2;DC2:3"}, c)
	_, err = Cassandra(settingsOf(t, "persistence", "cassandra-nodes", "a", "persistence", "tls-enabled", "true", "persistence", "tls-cacert", "/nowhere.pem"), "")
	assert.ErrorContains(t, err, "section persistence, option tls-cacert, tls-cacertdir: open /nowhere.pem")
}

func TestSlowStore(t *testing.T) {
	var log bytes.Buffer
	slow := slowStore(settingsOf(t, "persistence", "cassandra-max-latency", "200"), slog.New(slog.NewTextHandler(&log, nil)))
	slow("load", 200*time.Millisecond)
	assert.Empty(t, log.String())
	slow("commit", 201*time.Millisecond)
	assert.Contains(t, log.String(), "operation=commit")
}
