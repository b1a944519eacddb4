package fm

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// FetchOptions say what <session:fetch> may reach and how much it may take. The
// zero value reaches nothing.
type FetchOptions struct {
	// Allow lists URL prefixes: scheme, host, port and the first segments of the
	// path. The host may be "*" or begin with "*.": "https://crm.example/api/",
	// "http://*.example:8080/", "https://*/".
	Allow []string

	// Networks lists the networks that may be reached beside public ones, such as
	// 10.0.0.0/8 or 127.0.0.0/8. It is looked at when a connection is made, after
	// names have been resolved, for redirections as well.
	Networks []netip.Prefix

	// Proxy is an HTTP proxy that every fetch goes through; nil: none, whatever the environment says. It
	// may name a user and a password, and may lie in any network. The proxy resolves the names then, so
	// Networks is looked at for addresses in URLs only, and Allow should name hosts that the proxy finds where
	// they belong.
	Proxy *url.URL

	// HTTPSProxy takes the place of Proxy for https; one without a host: no proxy.
	HTTPSProxy *url.URL

	// HTTP is the version of HTTP, and LocalPorts are the local ports of connections, as in
	// session.LoaderOptions.
	HTTP       string
	LocalPorts session.PortRange

	// Continue sends Expect: 100-continue with a body and waits a second for the server to want it.
	Continue bool

	// Bytes is the size of a response that is accepted, after decompression;
	// default 4 MiB. Reading stops there.
	Bytes int64

	// Timeout bounds one attempt, the response's body included, where the element
	// has no timeout; default 30 s. MaxTimeout is the longest that an element
	// can ask for; default 5 min.
	Timeout    time.Duration
	MaxTimeout time.Duration

	// Redirects is the number of redirections that are followed; default 5,
	// negative: none. The headers that the document gave, username and password go to the server
	// that it named, not to another one; a redirection that would pass the body on to another one (307, 308) ends
	// the fetch with an error.
	Redirects int

	// Retries and RetryInterval are used for guaranteed delivery where the element
	// has no gd_retries and gd_retry_interval; defaults 3 and 10 s. MaxRetries
	// is the most that an element can ask for; default 100.
	Retries       int
	RetryInterval time.Duration
	MaxRetries    int

	// TLS is used for https, to the proxy as well: RootCAs, Certificates of this client and so on; nil is
	// Go's default.
	TLS *tls.Config

	// Transport takes the place of the network, in tests for example; Networks, Proxy, HTTPSProxy,
	// LocalPorts, TLS and HTTP, but for the connections of "1.0", then have no meaning. nil: the network.
	Transport http.RoundTripper
}

const (
	defaultFetchBytes      = 4 << 20
	defaultFetchTimeout    = 30 * time.Second
	defaultFetchMaxTimeout = 5 * time.Minute
	defaultFetchRedirects  = 5
	defaultFetchRetries    = 3
	defaultFetchInterval   = 10 * time.Second
	defaultFetchMaxRetries = 100
	fetchHeaderBytes       = 64 << 10
	fetchDialTimeout       = 10 * time.Second
	fetchIdleTimeout       = 90 * time.Second
	fetchIdleConns         = 100
)

// RouterFunction carries out <session:fetch method="'urs'">: the functions that
// documents ask of the router by name, such as FindConfigObject. What it returns becomes
// the content of the done event: text as it is, anything else as JSON.
type RouterFunction func(ctx context.Context, sessionID, name string, params *datamodel.Object) (datamodel.Value, error)

// fetcher does the HTTP work of all sessions.
type fetcher struct {
	opts   FetchOptions
	policy *fetchPolicy
	client *http.Client
}

func newFetcher(opts *FetchOptions) (*fetcher, error) {
	f := &fetcher{opts: *opts}
	o := &f.opts
	orDefault(&o.Bytes, defaultFetchBytes)
	orDefault(&o.Timeout, defaultFetchTimeout)
	orDefault(&o.MaxTimeout, defaultFetchMaxTimeout)
	orDefault(&o.Retries, defaultFetchRetries)
	orDefault(&o.RetryInterval, defaultFetchInterval)
	orDefault(&o.MaxRetries, defaultFetchMaxRetries)
	if o.Redirects == 0 {
		o.Redirects = defaultFetchRedirects
	}
	o.Redirects = max(o.Redirects, 0)
	var err error
	if f.policy, err = newFetchPolicy(o); err != nil {
		return nil, err
	}
	f.client = &http.Client{CheckRedirect: f.policy.checkRedirect, Transport: o.Transport}
	if o.Transport == nil {
		f.client.Transport = &http.Transport{
			Proxy:                  f.policy.proxyFor,
			DialContext:            f.policy.dial,
			TLSClientConfig:        o.TLS,
			TLSHandshakeTimeout:    fetchDialTimeout,
			Protocols:              session.Protocols(o.HTTP),
			ExpectContinueTimeout:  time.Second,
			MaxIdleConns:           fetchIdleConns,
			IdleConnTimeout:        fetchIdleTimeout,
			MaxResponseHeaderBytes: fetchHeaderBytes,
		}
	}
	return f, nil
}

func (f *fetcher) close() { f.client.CloseIdleConnections() }

// fetchRequest is a <session:fetch> that has been checked.
type fetchRequest struct {
	method      string
	url         *url.URL
	header      http.Header
	body        []byte
	user, pass  string
	timeout     time.Duration
	retries     int // with guaranteed delivery; else -1
	interval    time.Duration
	attempt     int
	function    string // of the router; empty for HTTP
	functionArg *datamodel.Object
}

// fetchFailure is an outcome other than success.
type fetchFailure struct {
	status int // of the HTTP response; 0 when there was none
	body   string
	err    error
}

func (e *fetchFailure) Error() string { return e.err.Error() }

func (e *fetchFailure) Unwrap() error { return e.err }

// fetchAction is <session:fetch>.
func fetchAction(s *Services, call *session.ModuleCall, a *answer) {
	r, err := s.fetch.request(call)
	if err != nil {
		a.failCode(0.0, err)
		return
	}
	if r.function != "" && s.opts.Functions == nil {
		a.failCode(0.0, notConnected("router function"))
		return
	}
	a.pending = true
	err = s.begin(a.session, r.retries >= 0, func(ctx context.Context) time.Duration {
		data, err := s.contained(a.stem, func() (*datamodel.Object, error) { return s.attempt(ctx, a, r) })
		if err == nil {
			a.done(data)
			return 0
		}
		if ctx.Err() != nil {
			return 0 // it was abandoned
		}
		r.attempt++
		if r.attempt <= r.retries && worthRepeating(err) {
			return r.interval
		}
		var f *fetchFailure
		switch {
		case errors.As(err, &f) && f.status != 0:
			a.failCode(float64(f.status), err, datamodel.Member{Name: "content", Value: f.body})
		default:
			a.failCode(0.0, err)
		}
		return 0
	})
	if err != nil {
		a.pending = false
		a.failCode(0.0, err)
	}
}

// worthRepeating reports whether another attempt may succeed.
func worthRepeating(err error) bool {
	var f *fetchFailure
	switch {
	case errors.Is(err, errDenied), errors.Is(err, session.ErrTooLarge):
		return false
	case errors.As(err, &f) && f.status != 0:
		return f.status >= 500 || f.status == http.StatusRequestTimeout || f.status == http.StatusTooManyRequests
	}
	return true
}

// attempt makes one attempt and returns the data of the done event.
func (s *Services) attempt(ctx context.Context, a *answer, r *fetchRequest) (*datamodel.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	if r.function == "" {
		defer s.stopwatch("http-fetch-time")()
		return s.fetch.do(ctx, r)
	}
	defer s.stopwatch("urs-fetch-time")()
	v, err := s.opts.Functions(ctx, a.session, r.function, r.functionArg)
	if err != nil {
		return nil, err
	}
	return datamodel.NewObject(datamodel.Member{Name: "content", Value: contentText(v)}), nil
}

// do carries out one HTTP exchange.
func (f *fetcher) do(ctx context.Context, r *fetchRequest) (*datamodel.Object, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	req.Header = r.header.Clone()
	if r.user != "" || r.pass != "" {
		req.SetBasicAuth(r.user, r.pass)
	}
	req.Close = f.opts.HTTP == "1.0"
	if f.opts.Continue && len(r.body) > 0 {
		req.Header.Set("Expect", "100-continue")
	}
	resp, err := f.client.Do(req)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return nil, fmt.Errorf("%s %s: %w", r.method, r.url.Redacted(), err)
	}
	defer resp.Body.Close()
	tooLarge := fmt.Errorf("%s %s: %w: more than %d bytes", r.method, r.url.Redacted(), session.ErrTooLarge, f.opts.Bytes)
	if resp.ContentLength > f.opts.Bytes && r.method != http.MethodHead {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, f.opts.Bytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s %s: reading the response: %w", r.method, r.url.Redacted(), err)
	}
	if int64(len(body)) > f.opts.Bytes {
		return nil, tooLarge
	}
	content := decodeText(body, resp.Header.Get("Content-Type"))
	if resp.StatusCode/100 != 2 {
		return nil, &fetchFailure{resp.StatusCode, content,
			fmt.Errorf("%s %s: the server answered %s", r.method, r.url.Redacted(), resp.Status)}
	}
	headers := datamodel.NewObject()
	for name, values := range resp.Header {
		headers.Set(name, strings.Join(values, ", "))
	}
	return datamodel.NewObject(
		datamodel.Member{Name: "content", Value: content},
		datamodel.Member{Name: "status", Value: float64(resp.StatusCode)},
		datamodel.Member{Name: "headers", Value: headers},
		datamodel.Member{Name: "hints", Value: headers}), nil
}

// decodeText turns the body of a response into text.
func decodeText(body []byte, contentType string) string {
	if utf8.Valid(body) {
		return strings.TrimPrefix(string(body), "\ufeff")
	}
	_, params, err := mime.ParseMediaType(contentType)
	if charset := strings.ToLower(params["charset"]); err == nil && (charset == "iso-8859-1" || charset == "latin1") {
		runes := make([]rune, len(body))
		for i, b := range body {
			runes[i] = rune(b)
		}
		return string(runes)
	}
	return strings.ToValidUTF8(string(body), "\ufffd")
}

// request reads the attributes and children of <session:fetch>.
func (f *fetcher) request(call *session.ModuleCall) (*fetchRequest, error) {
	args := call.Args
	r := &fetchRequest{header: http.Header{}, retries: -1, timeout: f.opts.Timeout, user: text(args, "username"), pass: text(args, "password")}
	src := text(args, "srcexpr")
	if src == "" {
		src = text(args, "src")
	}
	if src == "" {
		return nil, errors.New("neither srcexpr nor src names a URL")
	}
	seconds, ok, err := number(args, "timeout")
	switch {
	case err != nil:
		return nil, err
	case ok && seconds > 0:
		r.timeout = min(duration(seconds), f.opts.MaxTimeout)
	}
	if err := f.delivery(r, args); err != nil {
		return nil, err
	}
	params := paramsOf(args)
	r.method = strings.ToUpper(text(args, "method"))
	if r.method == "URS" {
		r.function, r.functionArg = src, datamodel.NewObject(params...)
		return r, nil
	}
	if r.method == "" {
		r.method = http.MethodGet
	}
	return r, f.web(r, call, src, params)
}

// delivery reads what belongs to guaranteed delivery.
func (f *fetcher) delivery(r *fetchRequest, args *datamodel.Object) error {
	if guaranteed, _ := args.Get("gdelivery"); !truth(guaranteed) {
		return nil
	}
	r.retries, r.interval = f.opts.Retries, f.opts.RetryInterval
	switch n, ok, err := number(args, "gd_retries"); {
	case err != nil:
		return err
	case ok:
		r.retries = int(min(max(n, 0), float64(f.opts.MaxRetries)))
	}
	switch n, ok, err := number(args, "gd_retry_interval"); {
	case err != nil:
		return err
	case ok:
		r.interval = max(duration(n), time.Second)
	}
	return nil
}

// web fills in what only an HTTP request has.
func (f *fetcher) web(r *fetchRequest, call *session.ModuleCall, src string, params []datamodel.Member) error {
	address, err := scxml.ResolveURL(call.Session.URL, src)
	if err != nil {
		return err
	}
	if r.url, err = url.Parse(address); err != nil {
		return errors.New("illegal URL")
	}
	r.url.Fragment = ""
	if err := f.policy.check(r.url); err != nil {
		return err
	}
	hasBody := false
	switch r.method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		hasBody = true
	case http.MethodGet, http.MethodDelete, http.MethodHead:
	default:
		return fmt.Errorf("method %q: want get, post, put, patch, delete, head or urs", r.method)
	}
	r.header.Set("Idempotency-Key", call.Effect.String())
	if t := text(call.Args, "type"); t != "" {
		r.header.Set("Accept", t)
	}
	r.cacheControl(call.Args)
	enctype := strings.ToLower(text(call.Args, "enctype"))
	content, given := contentOf(call.Args)
	switch {
	case hasBody && given:
		r.addQuery(params)
		r.setContent(content, enctype)
	case hasBody && strings.HasPrefix(enctype, "application/json"):
		r.setContent(datamodel.NewObject(params...), enctype)
	case hasBody && strings.HasPrefix(enctype, multipartType):
		return errors.Join(r.setParts(params), r.setHeaders(call.Args))
	case hasBody:
		r.body = []byte(form(params))
		r.header.Set("Content-Type", "application/x-www-form-urlencoded")
	case given:
		return fmt.Errorf("a %s request has no <content>", r.method)
	default:
		r.addQuery(params)
	}
	return r.setHeaders(call.Args)
}

// cacheControl passes maxage and maxstale on to caches on the way.
func (r *fetchRequest) cacheControl(args *datamodel.Object) {
	for _, d := range []struct{ attribute, directive string }{{"maxage", "max-age"}, {"maxstale", "max-stale"}} {
		if n, ok, err := number(args, d.attribute); err == nil && ok && n >= 0 {
			r.header.Add("Cache-Control", d.directive+"="+strconv.FormatInt(int64(min(n, 1<<31)), 10))
		}
	}
}

// setHeaders reads the attribute headers: an object, or text with a header a line.
func (r *fetchRequest) setHeaders(args *datamodel.Object) error {
	given, _ := args.Get("headers")
	switch h := given.(type) {
	case nil, datamodel.Null:
	case *datamodel.Object:
		for _, m := range h.Members() {
			if m.Value == nil {
				continue // undefined
			}
			if err := r.setHeader(m.Name, contentText(m.Value)); err != nil {
				return err
			}
		}
	case string:
		for line := range strings.Lines(h) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			name, v, ok := strings.Cut(line, ":")
			if !ok {
				return errors.New("attribute headers: a line without a colon")
			}
			if err := r.setHeader(strings.TrimSpace(name), strings.TrimSpace(v)); err != nil {
				return err
			}
		}
	default:
		return errors.New("attribute headers: want an object")
	}
	return nil
}

func (r *fetchRequest) setHeader(name, v string) error {
	switch http.CanonicalHeaderKey(name) {
	case "Host", "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Te", "Trailer", "Proxy-Authorization":
		return fmt.Errorf("attribute headers: %s is not the document's to set", name)
	}
	if name == "" || strings.ContainsAny(name, " \t\r\n:") || strings.ContainsAny(v, "\r\n") {
		return errors.New("attribute headers: an illegal name or value")
	}
	r.header.Set(name, v)
	return nil
}
