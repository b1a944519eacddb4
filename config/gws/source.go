package gws

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/config"
)

// Options are the settings of a Source. nil and zero fields mean the defaults.
type Options struct {
	// APIKey is sent as x-api-key, which gateways before the API ask for; empty: not sent.
	APIKey string

	// PlainHTTP allows http:// to other machines: tokens and data travel in the open.
	PlainHTTP bool

	// Client sends the requests: its transport has the settings of TLS and of the proxy. Its
	// cookies, its time-out and its policy for redirects are not used: a redirect is an error. Default: one with
	// http.DefaultTransport.
	Client *http.Client

	// Kinds are what is read; default config.KindPerson, KindDN, KindSkill, KindAgentGroup, KindDNGroup, KindPlace. What is
	// left out may come from another source.
	Kinds []config.Kind

	// DNTypes are the types of the DNs that are read. Default: all that the configuration has, but
	// InteractionQueue and OtherDN, which are not types of DNs for the API.
	DNTypes []config.DNType

	// Switches are the names of the switches by their DBID, for DNs of which the API gives no more than that.
	Switches map[string]string

	// Tenant is the tenant that the objects belong to; empty: none, as on a site with a single one.
	Tenant string

	// Refresh is the time after which everything is read again; default 5 minutes. Changes of which
	// the API tells are read at once.
	Refresh time.Duration

	// Notifications is the path of the CometD endpoint below the base URL; default "/notifications", "-": no
	// notifications. Older servers have "/notifications-cometd".
	Notifications string

	// Watch are the types of objects of which changes are told; default CfgPerson, CfgDN, CfgSkill, CfgAgentGroup, CfgDNGroup.
	Watch []string

	// PageSize is the number of objects of one request; default 100, the most that the API gives.
	PageSize int

	// Limit is the number of objects of one kind; default 100,000. More is an error.
	Limit int

	// Bytes is the size of one answer; default 16 MiB. More is an error.
	Bytes int64

	// Timeout is the time for one request; default 30 s. ctx bounds them all together.
	Timeout time.Duration

	// Attempts is how often a request is sent that the server could not serve; default 4.
	Attempts int

	// Backoff is the pause before the second attempt, and doubles for each further one; default 500 ms. A
	// Retry-After of the server counts instead, up to a minute.
	Backoff time.Duration

	// Logger is told when notifications fail; nil is silent.
	Logger *slog.Logger
}

const (
	defaultRefresh       = 5 * time.Minute
	defaultNotifications = "/notifications"
	defaultPageSize      = 100
	defaultLimit         = 100_000
	defaultBytes         = 16 << 20
	defaultTimeout       = 30 * time.Second
	defaultAttempts      = 4
	defaultBackoff       = 500 * time.Millisecond

	maxRetryAfter = time.Minute      // more is not waited for inside of one reading
	retryRead     = 30 * time.Second // from a failure to the next reading
)

// Source reads persons, DNs, skills and groups from the Provisioning API. It is a config.Notifier. Read is called by
// one goroutine at a time, and so is Wait, which may be another; Expire and Close may be called by any.
type Source struct {
	base   *url.URL
	token  func(ctx context.Context) (string, error)
	opts   Options
	client *http.Client

	mu      sync.Mutex
	session bool      // the cookies are those of a session
	loaded  bool      // something has been read
	expired bool      // what has been read is old
	next    time.Time // of the next reading
	wake    chan struct{}

	digest [sha256.Size]byte // of the answers; only Read uses it
	comet  comet             // only Wait uses it
}

var _ config.Notifier = (*Source)(nil)

// New makes a Source of the API at a base URL, such as https://gws.example/provisioning/v3. token gives the OAuth 2 access token; it
// is called for each session, and again when the API refuses the one that it gave. Nothing is sent yet.
func New(baseURL string, token func(ctx context.Context) (string, error), opts *Options) (*Source, error) {
	s := &Source{token: token, wake: make(chan struct{}, 1)}
	if opts != nil {
		s.opts = *opts
	}
	base, err := url.Parse(strings.TrimSuffix(baseURL, "/"))
	switch {
	case err != nil:
		return nil, errors.New("gws: the base URL is not a URL such as https://gws.example/provisioning/v3") // err has what may be a password
	case token == nil:
		return nil, errors.New("gws: New needs a function that gives the access token")
	case base.Scheme != "https" && base.Scheme != "http" || base.Host == "":
		return nil, fmt.Errorf("gws: the base URL has the scheme %q and the host %q; want one such as https://gws.example/provisioning/v3", base.Scheme, base.Host)
	case base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("gws: the base URL has a user, a query or a fragment; want one such as https://gws.example/provisioning/v3")
	case base.Scheme == "http" && !s.opts.PlainHTTP && !isLoopback(base.Hostname()):
		return nil, fmt.Errorf("gws: %s is not encrypted, and the token would be seen; use https, or set Options.PlainHTTP", base.Host)
	}
	s.base = base
	for _, k := range s.opts.Kinds {
		if !slices.Contains(kinds, k) {
			return nil, fmt.Errorf("gws: the API has no objects of the kind %s (Options.Kinds)", k)
		}
	}
	for _, t := range s.opts.DNTypes {
		if dnTypes[t] == "" {
			return nil, fmt.Errorf("gws: the API has no DNs of the type %s (Options.DNTypes)", t)
		}
	}
	s.defaults()
	if n := s.opts.Notifications; n != "-" && !strings.HasPrefix(n, "/") {
		return nil, fmt.Errorf("gws: Options.Notifications is %q; want a path such as %s, or -", n, defaultNotifications)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("gws: %w", err)
	}
	client := http.Client{}
	if s.opts.Client != nil {
		client = *s.opts.Client
	}
	client.Jar, client.Timeout = jar, 0
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	s.client = &client
	return s, nil
}

func (s *Source) defaults() {
	o := &s.opts
	positive(&o.Refresh, defaultRefresh)
	positive(&o.PageSize, defaultPageSize)
	positive(&o.Limit, defaultLimit)
	positive(&o.Bytes, defaultBytes)
	positive(&o.Timeout, defaultTimeout)
	positive(&o.Attempts, defaultAttempts)
	positive(&o.Backoff, defaultBackoff)
	if len(o.Kinds) == 0 {
		o.Kinds = kinds
	}
	if len(o.DNTypes) == 0 {
		o.DNTypes = defaultDNTypes
	}
	if len(o.Watch) == 0 {
		o.Watch = defaultWatch
	}
	if o.Notifications == "" {
		o.Notifications = defaultNotifications
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

func positive[T int | int64 | time.Duration](v *T, otherwise T) {
	if *v <= 0 {
		*v = otherwise
	}
}

// kinds are those that the API has.
var kinds = []config.Kind{config.KindPerson, config.KindDN, config.KindSkill, config.KindAgentGroup, config.KindDNGroup, config.KindPlace}

// Read implements config.Source. It asks the API when Options.Refresh has passed, after a notification and after
// Expire; otherwise it returns config.ErrUnchanged at once. After a failure it asks again in half a minute, after
// Options.Refresh when that is shorter, and not before the server's Retry-After. Errors of requests are *Error; objects that make no sense are
// config.Errors.
func (s *Source) Read(ctx context.Context) (*config.Objects, error) {
	if !s.due() {
		return nil, config.ErrUnchanged
	}
	answers, err := s.fetch(ctx)
	var objects *config.Objects
	if err == nil {
		digest := answers.digest()
		if digest == s.digest {
			s.read(s.opts.Refresh)
			return nil, config.ErrUnchanged
		}
		s.digest = digest
		objects, err = answers.objects(s)
		var wrong config.Errors
		if errors.As(err, &wrong) {
			s.read(s.opts.Refresh)
			return nil, err
		}
	}
	if err != nil {
		s.digest = [sha256.Size]byte{} // what is read next counts as new
		again := min(s.opts.Refresh, retryRead)
		var e *Error
		switch {
		case ctx.Err() != nil:
			again = 0 // it was not the server
		case errors.As(err, &e):
			again = max(again, e.retryAfter)
		}
		s.read(again)
		return nil, err
	}
	s.read(s.opts.Refresh)
	s.mu.Lock()
	s.loaded = true
	s.mu.Unlock()
	return objects, nil
}

func (s *Source) due() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	due := !s.loaded || s.expired || !time.Now().Before(s.next)
	if due {
		s.expired = false
	}
	return due
}

// read notes when the next reading is due.
func (s *Source) read(again time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = time.Now().Add(again)
}

// Expire lets the next Read ask the API, and Wait return: for hosts that learn of changes in another way.
func (s *Source) Expire() {
	s.mu.Lock()
	s.expired = true
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close ends the session at the API. The Source can be used again. Errors need no more than a line in a log: sessions end by
// themselves.
func (s *Source) Close(ctx context.Context) error {
	s.mu.Lock()
	open := s.session
	s.session = false
	s.mu.Unlock()
	if !open {
		return nil
	}
	_, err := s.send(ctx, http.MethodPost, "/logout", nil, nil, s.opts.Timeout)
	return err
}
