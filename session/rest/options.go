package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/session"
)

// Options are the settings of a Handler. Authenticators or Loopback is required; every
// other zero field means its default.
type Options struct {
	// Authenticators find out who sends a request. The first one that knows counts.
	Authenticators []Authenticator

	// Loopback lets anybody on the same machine do everything, without an authenticator:
	// requests from a loopback address to a loopback name (Host), that no proxy has
	// passed on. It cannot be combined with Authenticators.
	Loopback bool

	// PlainHTTP accepts requests without TLS from other machines. Default: they are
	// refused, except from TrustedProxies, which have to say X-Forwarded-Proto: https.
	PlainHTTP bool

	// Networks lists who may connect; with trusted proxies the address that these tell.
	// Empty: all may.
	Networks []netip.Prefix

	// TrustedProxies lists the proxies whose X-Forwarded-For and X-Forwarded-Proto are
	// believed. Default: none.
	TrustedProxies []netip.Prefix

	// Sources lists URL prefixes. A session may be started from a URL that begins with one
	// of them at the border of a path segment: "https://host.example/live/", "app:///".
	// The engine's loader has an allow-list of its own, beside this one. Empty: no session
	// can be started. Handler.SetSources changes them.
	Sources []string

	// Ready returns why the server is not ready, for the readiness method; nil: it is. The
	// client learns that it is not, the audit log why. It is called concurrently and must be quick.
	// nil: only Handler.Suspend counts.
	Ready func() error

	// Owners tells which node has a session that this one does not have. nil: there is
	// one node.
	Owners Owners

	// Node is the number of this node in the cookie ORSSESSIONID. 0: no cookie is set.
	Node int

	// Cookie is the header Set-Cookie of every answer; then ORSSESSIONID is not set.
	// Handler.SetCookie changes it.
	Cookie string

	// ReadParams has values of a form that are JSON, written as JSON is written here, taken for what they are when
	// a session starts: 17 for a number, 007 for a text. Handler.SetReadParams changes it. Default: all are texts.
	ReadParams bool

	// Responder takes the answers of sessions to requests; it is the
	// fm.ServicesOptions.Responder of the same engine. nil: requests are answered 501.
	Responder *Responder

	// Monitor counts and tells what sessions do. It is installed in the options of the same
	// engine. nil: metrics count requests alone, and there is no event stream.
	Monitor *Monitor

	// EventGET accepts GET for event, beside POST. A link can make a browser send it.
	EventGET bool

	// Origins lists the web origins from which scripts may call ("https://desk.example"),
	// by CORS. Default: none; a request that a browser marks as from another origin is
	// refused.
	Origins []string

	// Headers are set on every answer, beside those that are always set
	// (Cache-Control, Content-Security-Policy, Referrer-Policy, X-Content-Type-Options,
	// X-Frame-Options and, over TLS, Strict-Transport-Security), and in their place.
	Headers map[string]string

	// Masking is applied to the audit log, the values in answers of query, and the event
	// stream. nil: nothing is hidden.
	Masking *Masking

	// Audit gets a line for each request, at level Info, and Warn for one that was
	// refused. nil is silent.
	Audit *slog.Logger

	// Logger is told of contained panics and failed answers. nil is silent.
	Logger *slog.Logger

	// Rate bounds the requests of all clients that are known; default 20,000 per second,
	// 40,000 at once. ClientRate bounds those of one client, by its name; default 1,000
	// per second, 2,000 at once. FailureRate bounds the requests of one address (of IPv6:
	// one /64) that cannot be authenticated; default 5 per second, 50 at once. Beyond
	// it, all requests of the address are refused. 429 is the answer.
	Rate, ClientRate, FailureRate Rate

	// Concurrent is the number of requests at work, held ones and streams not counted;
	// default 1,000. Beyond it the answer is 503.
	Concurrent int

	// Held is the number of requests that wait for the answer of a session; default
	// 1,000. HeldPerSession is that of one session; default 32.
	Held, HeldPerSession int

	// Streams is the number of event streams that are open; default 100.
	Streams int

	// Body is the size of a body; default 1 MiB. Params is the number of parameters;
	// default 1,000. URL is the length of a path with its query; default 8 KiB. Header is
	// the size of a header; default 32 KiB.
	Body   int64
	Params int
	URL    int
	Header int

	// BodyTime bounds the reading of a body, also of one that is not wanted; default 10 s. HoldTime is how long a request
	// is held; default 30 s; Handler.SetHoldTime changes it. RequestTime bounds everything else that a request waits for, the
	// loading of a document included; default 30 s.
	BodyTime, HoldTime, RequestTime time.Duration

	// Clock is the clock of the engine; default session.SystemClock.
	Clock session.Clock
}

// Owners tells which node has a session. It is called for sessions that the engine does
// not have, concurrently, and must be quick. A cluster is one.
type Owners interface {
	// Owner returns the external-url of the node that has the session; false when no
	// other node has it.
	Owner(ctx context.Context, sessionID string) (externalURL string, ok bool)
}

const (
	defaultConcurrent     = 1000
	defaultHeld           = 1000
	defaultHeldPerSession = 32
	defaultStreams        = 100
	defaultBody           = 1 << 20
	defaultParams         = 1000
	defaultURL            = 8 << 10
	defaultHeader         = 32 << 10
	defaultBodyTime       = 10 * time.Second
	defaultHoldTime       = 30 * time.Second
	defaultRequestTime    = 30 * time.Second
)

func positive[T int | int64 | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// complete checks o and fills in the defaults.
func (o *Options) complete() error {
	switch {
	case len(o.Authenticators) == 0 && !o.Loopback:
		return errors.New("rest: nobody is authenticated: set Options.Authenticators, or Options.Loopback for this machine alone")
	case len(o.Authenticators) > 0 && o.Loopback:
		return errors.New("rest: Options.Loopback opens what Options.Authenticators guard; set one of them")
	case o.Loopback && len(o.TrustedProxies) > 0:
		return errors.New("rest: Options.Loopback takes no request from a proxy; leave Options.TrustedProxies out")
	case o.Node < 0:
		return fmt.Errorf("rest: Options.Node is %d; want 0 or more", o.Node)
	}
	for i, a := range o.Authenticators {
		if a == nil {
			return fmt.Errorf("rest: Options.Authenticators[%d] is nil", i)
		}
	}
	for _, origin := range o.Origins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Scheme+"://"+u.Host != origin {
			return fmt.Errorf("rest: origin %q: want https://host or https://host:port", origin)
		}
	}
	for name, value := range o.Headers {
		if name == "" || strings.ContainsAny(name, " :\r\n") || strings.ContainsAny(value, "\r\n") {
			return fmt.Errorf("rest: header %q: not a header that can be sent", name)
		}
	}
	o.Rate.orDefault(Rate{20_000, 40_000})
	o.ClientRate.orDefault(Rate{1000, 2000})
	o.FailureRate.orDefault(Rate{5, 50})
	positive(&o.Concurrent, defaultConcurrent)
	positive(&o.Held, defaultHeld)
	positive(&o.HeldPerSession, defaultHeldPerSession)
	positive(&o.Streams, defaultStreams)
	positive(&o.Body, defaultBody)
	positive(&o.Params, defaultParams)
	positive(&o.URL, defaultURL)
	positive(&o.Header, defaultHeader)
	positive(&o.BodyTime, defaultBodyTime)
	positive(&o.HoldTime, defaultHoldTime)
	positive(&o.RequestTime, defaultRequestTime)
	if o.Clock == nil {
		o.Clock = session.SystemClock{}
	}
	if o.Audit == nil {
		o.Audit = slog.New(slog.DiscardHandler)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Monitor == nil {
		o.Monitor = NewMonitor(nil)
	}
	return nil
}

// source is an entry of Options.Sources.
type source struct{ scheme, host, path string }

func parseSources(prefixes []string) ([]source, error) {
	list := make([]source, 0, len(prefixes))
	for _, prefix := range prefixes {
		u, err := url.Parse(prefix)
		if err != nil || u.Scheme == "" || u.Opaque != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
			(u.Scheme == "http" || u.Scheme == "https") && u.Host == "" {
			return nil, fmt.Errorf("rest: source %q: want SCHEME://HOST/PATH/ without credentials and query", prefix)
		}
		list = append(list, source{u.Scheme, hostPort(u), strings.TrimSuffix(u.Path, "/")})
	}
	return list, nil
}

// SetSources changes Options.Sources, for the next request. On an error they stay as they are.
func (h *Handler) SetSources(prefixes []string) error {
	list, err := parseSources(prefixes)
	if err == nil {
		h.sources.Store(&list)
	}
	return err
}

// hostPort is the host with the port, also where that is the one of the scheme.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

var errSource = errors.New("not one of Options.Sources")

// sourceAllowed checks the src of a start. A path is compared as it stands: one that could
// mean another path on its server is refused.
func sourceAllowed(list []source, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.User != nil || u.Fragment != "" {
		return errSource
	}
	if strings.ContainsAny(u.Path, "\\\x00;") || strings.Contains(u.Path, "//") || u.RawPath != "" ||
		strings.Contains(strings.ToLower(text), "%2e") {
		return errSource
	}
	for _, segment := range strings.Split(u.Path, "/") {
		if segment == "." || segment == ".." {
			return errSource
		}
	}
	for _, s := range list {
		rest, ok := strings.CutPrefix(u.Path, s.path)
		if ok && s.scheme == u.Scheme && s.host == hostPort(u) && (rest == "" || rest[0] == '/') {
			return nil
		}
	}
	return errSource
}

// Server makes a server for the handler with limits of time and size that fit it: a header
// within 10 s, an answer 10 s after the longest time of its request, an idle connection for
// 1 min, TLS 1.2 and later. HTTP/2 is spoken over TLS alone, with 100 streams for a connection; a
// peer that does not answer a ping within 30 s has gone. Nothing is answered past the handler. The host sets the address and the
// certificates (Addr, TLSConfig with MinVersion), serves, and shuts it down after
// Handler.Shutdown.
func (h *Handler) Server() *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      h.opts.BodyTime + max(h.opts.HoldTime, h.opts.RequestTime) + 10*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    h.opts.Header + h.opts.URL,
		ErrorLog:          slog.NewLogLogger(h.opts.Logger.Handler(), slog.LevelDebug),
		TLSConfig:         minTLS(),
		Protocols:         &protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: concurrentStreams, SendPingTimeout: pingTime, PingTimeout: pingTime / 2},

		DisableGeneralOptionsHandler: true, // OPTIONS * comes to the handler like everything else
	}
}

// Limits of an HTTP/2 connection.
const (
	concurrentStreams = 100
	pingTime          = 20 * time.Second
)
