package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/session"
)

// Handler is the http.Handler of an engine. It is safe for concurrent use. It starts no
// goroutine of its own, except while requests are held or drained; Shutdown ends what
// waits in it.
type Handler struct {
	engine  *session.Engine
	opts    Options
	sources atomic.Pointer[[]source]
	origins map[string]bool
	mux     *http.ServeMux

	cookieText atomic.Pointer[string] // Options.Cookie
	readParams atomic.Bool            // Options.ReadParams
	holdTime   atomic.Int64           // Options.HoldTime

	work, held, streams    gate
	lists                  gate // each goes through all sessions
	all, clients, failures *limiter

	suspended atomic.Bool
	ending    context.Context // ends with Shutdown; streams and held requests listen to it
	end       context.CancelFunc

	mu     sync.Mutex
	active int           // requests inside
	idle   chan struct{} // closed when active is 0; nil: nobody waits
	closed bool
}

// NewHandler makes a Handler for an engine, which stays the host's. The error says which
// option is missing or wrong; without an authenticator and Options.Loopback there is always
// one.
func NewHandler(engine *session.Engine, opts *Options) (*Handler, error) {
	if engine == nil {
		return nil, errors.New("rest: the engine is nil")
	}
	h := &Handler{engine: engine, origins: map[string]bool{}, mux: http.NewServeMux()}
	if opts != nil {
		h.opts = *opts
	}
	if err := h.opts.complete(); err != nil {
		return nil, err
	}
	live := engine.Len
	h.opts.Monitor.active.Store(&live)
	if err := h.SetSources(h.opts.Sources); err != nil {
		return nil, err
	}
	if err := h.SetCookie(h.opts.Cookie); err != nil {
		return nil, err
	}
	h.SetReadParams(h.opts.ReadParams)
	h.SetHoldTime(h.opts.HoldTime)
	for _, o := range h.opts.Origins {
		h.origins[o] = true
	}
	h.work, h.held, h.streams = newGate(h.opts.Concurrent), newGate(h.opts.Held), newGate(h.opts.Streams)
	h.lists = newGate(concurrentLists)
	h.all = newLimiter(h.opts.Rate, 1)
	h.clients = newLimiter(h.opts.ClientRate, limiterClients)
	h.failures = newLimiter(h.opts.FailureRate, limiterClients)
	h.ending, h.end = context.WithCancel(context.Background())
	for _, r := range routes() {
		h.mux.Handle(r.path, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.dispatch(w.(*answer), req, &r) }))
	}
	h.mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		a, p := w.(*answer), problemNotFound.because(errPath)
		if refused := h.authenticate(a, req); refused != nil {
			p = refused // who is not known does not learn which paths there are
		}
		a.fail(p)
	})
	return h, nil
}

// concurrentLists is how many requests may list sessions at the same time.
const concurrentLists = 4

// minTLS is the oldest TLS that is accepted.
func minTLS() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }

// route is a path and what is done there, by method.
type route struct {
	path    string
	methods map[string]method
}

// method is what a request does.
type method struct {
	id      string // operationId in the description
	role    Role   // 0: any
	open    bool   // nobody is authenticated
	waits   bool   // held or streamed: not counted as work
	serve   func(h *Handler, w *answer, r *http.Request) *problem
	summary string
	params  []param // in the query or body
	result  string  // name of the schema
	extra   []int   // statuses beside the common ones
}

// param is a parameter as the description has it.
type param struct{ name, kind, note string }

var (
	errLists    = errors.New("too many lists at the same time")
	errPath     = errors.New("no such path")
	errTrick    = errors.New("a path that can be read in two ways")
	errNetwork  = errors.New("the address is not in Options.Networks")
	errPlain    = errors.New("a request without TLS")
	errOrigin   = errors.New("an origin that is not in Options.Origins")
	errLoopback = errors.New("not a request of this machine")
	errRate     = errors.New("the rate of all clients")
	errClient   = errors.New("the rate of the client")
	errFailures = errors.New("the rate of failed requests of the address")
	errWork     = errors.New("Options.Concurrent requests are at work")
	errClosed   = errors.New("the handler has been shut down")
)

// answer is the writer of one request, and what the audit log says of it.
type answer struct {
	http.ResponseWriter
	status   int
	client   string
	identity Identity
	cause    error
	op       string
	working  bool // counted in Handler.work
}

// WriteHeader implements http.ResponseWriter.
func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *answer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *answer) fail(p *problem) {
	w.cause = p.cause
	p.write(w)
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w := &answer{ResponseWriter: rw}
	if !h.enter() {
		w.fail(problemSuspended.because(errClosed))
		return
	}
	begin := h.opts.Clock.Now()
	defer h.leave()
	defer func() {
		if w.working {
			h.work.leave()
		}
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			h.opts.Logger.Error("panic contained", "path", h.opts.Masking.Text(r.URL.Path), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			if w.status == 0 {
				w.fail(problemInternal.because(fmt.Errorf("panic: %v", v)))
			}
		}
		h.audit(w, r, h.opts.Clock.Now().Sub(begin))
	}()
	h.headers(w, r)
	if r.ContentLength != 0 {
		// Of a body that nobody reads, too: the server takes the rest of it before it answers.
		// A recorder of a test has no deadlines, and needs none.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.opts.BodyTime))
	}
	if p := h.admit(w, r); p != nil {
		w.fail(p)
		return
	}
	if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
		h.preflight(w, r)
		return
	}
	r = short(r)
	h.mux.ServeHTTP(w, r)
}

// short makes /scxml/… of /ors/scxml/…, and leaves out the slash at the end of such a path.
func short(r *http.Request) *http.Request {
	path, raw := r.URL.Path, r.URL.RawPath
	if strings.HasPrefix(path, "/ors/scxml/") {
		path, raw = strings.TrimPrefix(path, "/ors"), strings.TrimPrefix(raw, "/ors")
	}
	if strings.HasPrefix(path, "/scxml/") {
		path, raw = strings.TrimSuffix(path, "/"), strings.TrimSuffix(raw, "/")
	}
	if path == r.URL.Path {
		return r
	}
	u := *r.URL
	u.Path, u.RawPath = path, raw
	clone := *r
	clone.URL = &u
	return &clone
}

// enter counts a request that is inside; false after Shutdown.
func (h *Handler) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.active++
	return true
}

func (h *Handler) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.active--
	if h.active == 0 && h.idle != nil {
		close(h.idle)
		h.idle = nil
	}
}

// admit is what every request has to pass before its path is looked at, except for the
// authenticator, for the paths that are open to all.
func (h *Handler) admit(w *answer, r *http.Request) *problem {
	from, err := peer(r)
	if err != nil {
		return problemForbidden.because(err)
	}
	client, err := clientOf(r, from, h.opts.TrustedProxies)
	if err != nil {
		return problemForbidden.because(err)
	}
	w.client = client.String()
	if len(h.opts.Networks) > 0 && !within(h.opts.Networks, client) {
		return problemForbidden.because(errNetwork)
	}
	if !h.work.enter() {
		return problemBusy.because(errWork)
	}
	w.working = true
	if len(r.URL.Path)+len(r.URL.RawQuery) > h.opts.URL {
		return &problemURI
	}
	if size := headerSize(r.Header); size > h.opts.Header {
		return &problemHeader
	}
	if len(r.TransferEncoding) > 0 {
		// Who smuggles a second request does it behind such a body (RFC 9112, section 6.1).
		closeAfter(w, r)
	}
	if p := h.transport(r, from); p != nil {
		return p
	}
	if p := h.origin(r); p != nil {
		return p
	}
	if trick(r.URL) {
		return problemNotFound.because(errTrick)
	}
	return nil
}

func headerSize(header http.Header) int {
	size := 0
	for name, values := range header {
		for _, v := range values {
			size += len(name) + len(v) + 4
		}
	}
	return size
}

// closeAfter lets the connection be closed after the answer. That of HTTP/2 carries other
// requests and stays.
func closeAfter(w *answer, r *http.Request) {
	if r.ProtoMajor < 2 {
		w.Header().Set("Connection", "close")
	}
}

// transport demands TLS, or this machine.
func (h *Handler) transport(r *http.Request, from netip.Addr) *problem {
	if h.opts.Loopback {
		forwarded := r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" || r.Header.Get("Via") != ""
		if !from.IsLoopback() || forwarded || !loopbackName(r.Host) {
			return problemForbidden.because(errLoopback)
		}
		return nil
	}
	switch {
	case r.TLS != nil && r.TLS.Version >= tls.VersionTLS12, h.opts.PlainHTTP && r.TLS == nil:
		return nil
	case r.TLS == nil && within(h.opts.TrustedProxies, from) && r.Header.Get("X-Forwarded-Proto") == "https":
		return nil
	case r.TLS == nil && from.IsLoopback() && !within(h.opts.TrustedProxies, from):
		return nil
	}
	return problemForbidden.because(errPlain)
}

// loopbackName reports whether a Host names this machine. A page of another site, whose name
// resolves to a loopback address, does not.
func loopbackName(host string) bool {
	u := url.URL{Host: host}
	name := strings.ToLower(u.Hostname())
	if name == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(name)
	return err == nil && a.IsLoopback()
}

// trick reports a path that another server on the way may read as a different one.
func trick(u *url.URL) bool {
	escaped := strings.ToLower(u.EscapedPath())
	if !strings.HasPrefix(escaped, "/") || strings.Contains(escaped, "%2f") || strings.Contains(escaped, "%5c") || strings.Contains(escaped, "%25") || strings.Contains(escaped, "//") {
		return true
	}
	if strings.ContainsFunc(u.Path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' || c == ';' || c == '\uFFFD' }) {
		return true
	}
	return slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." })
}

// dispatch does what stands between a path and its method.
func (h *Handler) dispatch(w *answer, r *http.Request, route *route) {
	name := r.Method
	if name == http.MethodHead {
		name = http.MethodGet
	}
	m, ok := route.methods[name]
	if ok && m.waits && r.Method == http.MethodHead {
		ok = false // nothing is sent that would show that the client has gone
	}
	if ok && m.id == "eventGet" && !h.opts.EventGET {
		ok = false
	}
	if ok && m.open {
		w.op = m.id
		h.serve(w, r, &m)
		return
	}
	if p := h.authenticate(w, r); p != nil {
		w.fail(p)
		return
	}
	switch {
	case !ok && r.Method == http.MethodOptions:
		w.Header().Set("Allow", h.allowed(route))
		w.WriteHeader(http.StatusNoContent)
		return
	case !ok:
		w.fail(&problem{status: http.StatusMethodNotAllowed, detail: "The method is not one of this resource.", allow: h.allowed(route)})
		return
	case m.role != 0 && w.identity.Roles&m.role != m.role:
		w.fail(problemForbidden.because(fmt.Errorf("the role %s is needed", m.role)))
		return
	}
	w.op = m.id
	h.serve(w, r, &m)
}

// allowed lists the methods of a path.
func (h *Handler) allowed(route *route) string {
	var allow []string
	for n, m := range route.methods {
		if m.id != "eventGet" || h.opts.EventGET {
			allow = append(allow, n)
		}
	}
	slices.Sort(allow)
	return strings.Join(allow, ", ")
}

// serve runs a method within its time.
func (h *Handler) serve(w *answer, r *http.Request, m *method) {
	if m.waits {
		w.working = false
		h.work.leave()
		if p := m.serve(h, w, r); p != nil {
			w.fail(p)
		}
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.opts.RequestTime)
	defer cancel()
	if p := m.serve(h, w, r.WithContext(ctx)); p != nil {
		w.fail(p)
	}
}

// authenticate finds out who sends the request, within the rates.
func (h *Handler) authenticate(w *answer, r *http.Request) *problem {
	now := h.opts.Clock.Now()
	if h.opts.Loopback {
		w.identity = Identity{Name: "loopback", Roles: Admin}
	} else {
		a, _ := netip.ParseAddr(w.client) // it was one
		key := clientKey(a)
		if !h.failures.take(key, 0, now) {
			return problemTooMany.because(errFailures)
		}
		identity, err := h.identify(r)
		if err != nil {
			h.failures.take(key, 1, now)
			return problemUnauthorized.because(err)
		}
		w.identity = identity
	}
	if !h.clients.take(w.identity.Name, 1, now) {
		return problemTooMany.because(errClient)
	}
	if !h.all.take("", 1, now) {
		return problemTooMany.because(errRate)
	}
	return nil
}

func (h *Handler) identify(r *http.Request) (Identity, error) {
	var all error
	for _, a := range h.opts.Authenticators {
		identity, err := a.Authenticate(r)
		if err == nil && identity.Name == "" {
			err = errors.New("an authenticator gave no name")
		}
		if err == nil {
			return identity, nil
		}
		all = errors.Join(all, err)
	}
	return Identity{}, all
}

// auditText is the length to which texts of a request are cut in the audit log.
const auditText = 1000

// audit writes the line of a request.
func (h *Handler) audit(w *answer, r *http.Request, d time.Duration) {
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	h.opts.Monitor.requestDone(w.op, status, d)
	if !h.opts.Audit.Enabled(r.Context(), auditLevel(status)) {
		return
	}
	mask := func(s string) string { return h.opts.Masking.Text(s[:min(len(s), auditText)]) }
	query, err := url.QueryUnescape(r.URL.RawQuery) // so that an escape hides nothing from the rules
	if err != nil {
		query = "(illegal)"
	}
	attrs := []any{"client", w.client, "identity", mask(w.identity.Name), "roles", w.identity.Roles.String(),
		"method", mask(r.Method), "path", mask(r.URL.Path), "query", mask(query), "operation", w.op, "status", status, "duration", d}
	if w.cause != nil {
		attrs = append(attrs, "cause", mask(w.cause.Error()))
	}
	h.opts.Audit.Log(r.Context(), auditLevel(status), "request", attrs...)
}

// headers sets what every answer has.
func (h *Handler) headers(w *answer, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	if r.TLS != nil {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
	for name, value := range h.opts.Headers {
		header.Set(name, value)
	}
	if cookie := *h.cookieText.Load(); cookie != "" {
		header.Add("Set-Cookie", cookie)
	}
	if len(h.origins) > 0 {
		header.Add("Vary", "Origin")
	}
	if origin := r.Header.Get("Origin"); h.origins[origin] {
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Expose-Headers", "Retry-After")
	}
}
