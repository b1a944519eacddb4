package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/session/rest"
)

// Options are the settings of a Client.
type Options struct {
	// Token is the bearer token. Empty: none is sent, as with mutual TLS.
	Token string

	// Nodes lists the URLs of other nodes to which the server may redirect.
	Nodes []string

	// HTTP supplies the transport, with the certificates of mutual TLS for instance.
	// Default: http.DefaultTransport.
	HTTP *http.Client

	// Timeout bounds a call with its redirects and repeats, beside the context. It should be
	// longer than a session may take to answer a request. Default 1 min; negative: none. The stream of
	// Events has none.
	Timeout time.Duration

	// Retries is how often a call is repeated that was certainly not carried out, or may be
	// carried out twice without harm: any that was refused for too many requests (429), and
	// reads and events with a key that got 502, 503, 504 or no answer. Start, Request, Terminate
	// and events without a key are otherwise left to the caller, who knows what a second one does. Between
	// two tries passes what the server asks for (Retry-After), and at least 100 ms, which double.
	// Default 2; negative: none.
	Retries int

	// Bytes is the size of an answer that is accepted; default 8 MiB.
	Bytes int64
}

const (
	defaultBytes   = 8 << 20
	defaultTimeout = time.Minute
	defaultRetries = 2
	redirects      = 3
	firstPause     = 100 * time.Millisecond
)

// Client calls one node, and those to which it redirects. It is safe for concurrent use.
type Client struct {
	opts  Options
	base  string
	nodes map[string]bool // origins
	http  http.Client
}

// Error is what the server has refused.
type Error struct {
	Status     int
	Title      string
	Detail     string
	RetryAfter time.Duration // 0: not said
}

func (e *Error) Error() string {
	return fmt.Sprintf("client: the server answered %d %s: %s", e.Status, e.Title, e.Detail)
}

// Is makes errors.Is(err, ErrNotFound) true for the status 404.
func (e *Error) Is(target error) bool {
	return target == ErrNotFound && e.Status == http.StatusNotFound
}

// ErrNotFound: there is no such session, or it may not be seen.
var ErrNotFound = errors.New("client: not found")

var errTooLarge = errors.New("client: the answer is larger than Options.Bytes")

// New makes a Client of a node with the given URL, such as "https://ors.example:8443".
// nil options are fine.
func New(node string, opts *Options) (*Client, error) {
	c := &Client{nodes: map[string]bool{}}
	if opts != nil {
		c.opts = *opts
	}
	if c.opts.Bytes <= 0 {
		c.opts.Bytes = defaultBytes
	}
	if c.opts.Timeout == 0 {
		c.opts.Timeout = defaultTimeout
	}
	if c.opts.Retries == 0 {
		c.opts.Retries = defaultRetries
	}
	if c.opts.HTTP != nil {
		c.http = *c.opts.HTTP
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, text := range append([]string{node}, c.opts.Nodes...) {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return nil, fmt.Errorf("client: node %q: want http://host:port or https://host:port", text)
		}
		c.nodes[u.Scheme+"://"+u.Host] = true
	}
	c.base = strings.TrimSuffix(node, "/")
	return c, nil
}

// StartOptions are the settings of one start.
type StartOptions struct {
	At     time.Time      // when the session begins; zero: at once
	Params map[string]any // what JSON can have; src and idealtime are not among them
}

// Start starts a session of the document with the URL src and returns its id. nil options
// are fine.
func (c *Client) Start(ctx context.Context, src string, opts *StartOptions) (id string, err error) {
	params := map[string]any{}
	if opts != nil {
		maps.Copy(params, opts.Params)
		if !opts.At.IsZero() {
			params["idealtime"] = opts.At.UnixMilli()
		}
	}
	params["src"] = src
	var answer struct {
		SessionID string `json:"sessionid"`
	}
	err = c.call(ctx, http.MethodPost, "/scxml/session/start", params, nil, &answer)
	return answer.SessionID, err
}

// EventOptions are the settings of one event.
type EventOptions struct {
	// Key is a name of the event by which a repeat of it is dropped; empty: none.
	Key string
}

// Event sends an event to a session; nil means that it was accepted. data is what JSON can
// have, or nil. nil options are fine.
func (c *Client) Event(ctx context.Context, id, name string, data any, opts *EventOptions) error {
	header := http.Header{}
	if opts != nil && opts.Key != "" {
		header.Set(keyHeader, opts.Key)
	}
	return c.call(ctx, http.MethodPost, sessionPath(id, "event", name), data, header, nil)
}

// Answer is what a session has answered to a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Request sends a request to a session and waits for its answer, whatever status the
// session gives it. A problem document is an *Error.
func (c *Client) Request(ctx context.Context, id, name string, data any) (*Answer, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	resp, err := c.do(ctx, http.MethodPost, sessionPath(id, "request", name), data, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == problemType {
		return nil, c.problem(resp)
	}
	body, err := c.read(resp)
	if err != nil {
		return nil, err
	}
	return &Answer{resp.StatusCode, resp.Header, body}, nil
}

// Terminate asks a session to end.
func (c *Client) Terminate(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, sessionPath(id, "terminate"), nil, nil, nil)
}

// Session describes a session.
func (c *Client) Session(ctx context.Context, id string) (*rest.SessionState, error) {
	var s rest.SessionState
	if err := c.call(ctx, http.MethodGet, "/ors/v1/sessions/"+url.PathEscape(id), nil, nil, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// Filter says which sessions are listed. The zero value lists all.
type Filter struct {
	Name, URL, Parent  string
	Scheduled, Passive *bool
	Page               int // sessions that one call asks for, up to 1,000; default 100
}

// Sessions lists the live sessions of the node, by id, a page at a time as the loop goes on. An
// error ends it.
func (c *Client) Sessions(ctx context.Context, f Filter) iter.Seq2[rest.Session, error] {
	return func(yield func(rest.Session, error) bool) {
		query := url.Values{}
		for name, v := range map[string]string{"name": f.Name, "url": f.URL, "parent": f.Parent} {
			if v != "" {
				query.Set(name, v)
			}
		}
		for name, v := range map[string]*bool{"scheduled": f.Scheduled, "passive": f.Passive} {
			if v != nil {
				query.Set(name, strconv.FormatBool(*v))
			}
		}
		if f.Page > 0 {
			query.Set("limit", strconv.Itoa(f.Page))
		}
		for {
			var page rest.SessionPage
			if err := c.call(ctx, http.MethodGet, "/ors/v1/sessions?"+query.Encode(), nil, nil, &page); err != nil {
				yield(rest.Session{}, err)
				return
			}
			for _, s := range page.Sessions {
				if !yield(s, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("after", page.Next)
		}
	}
}

// Ready reports whether the node starts new sessions.
func (c *Client) Ready(ctx context.Context) (bool, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	err := c.once(ctx, http.MethodGet, "/ors/v1/ready", nil, nil, nil) // 503 is an answer
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusServiceUnavailable {
		return false, nil
	}
	return err == nil, err
}

func sessionPath(id string, rest ...string) string {
	path := "/scxml/session/" + url.PathEscape(id)
	for _, s := range rest {
		path += "/" + url.PathEscape(s)
	}
	return path
}

// bounded is ctx with Options.Timeout.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.opts.Timeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.opts.Timeout)
}

// call sends a request, repeats it where Options.Retries allows that, and reads the answer
// into out, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, in any, header http.Header, out any) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	twice := method == http.MethodGet || header.Get(keyHeader) != ""
	for pause, n := firstPause, 0; ; n++ {
		err := c.once(ctx, method, path, in, header, out)
		again, after := repeatable(err, twice)
		if !again || n >= c.opts.Retries {
			return err
		}
		timer := time.NewTimer(max(pause, after))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
		pause *= 2
	}
}

// repeatable reports whether a call that ended with err may be made again, and when.
func repeatable(err error, twice bool) (again bool, after time.Duration) {
	var refused *Error
	var unsent *url.Error
	switch {
	case errors.As(err, &refused):
		again = refused.Status == http.StatusTooManyRequests || twice &&
			(refused.Status == http.StatusBadGateway || refused.Status == http.StatusServiceUnavailable || refused.Status == http.StatusGatewayTimeout)
		return again, refused.RetryAfter
	case errors.As(err, &unsent):
		return twice, 0
	}
	return false, 0
}

// once is call without repeats.
func (c *Client) once(ctx context.Context, method, path string, in any, header http.Header, out any) error {
	resp, err := c.do(ctx, method, path, in, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return c.problem(resp)
	}
	body, err := c.read(resp)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("client: reading the answer: %w", err)
	}
	return nil
}

// do sends a request, and follows the redirects to the session's node.
func (c *Client) do(ctx context.Context, method, path string, in any, header http.Header) (*http.Response, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
	}
	target := c.base + path
	for range redirects + 1 {
		req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		for name, values := range header {
			req.Header[name] = values
		}
		if body != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		if c.opts.Token != "" {
			req.Header.Set("Authorization", "Bearer "+c.opts.Token)
		}
		resp, err := c.http.Do(req)
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		if resp.StatusCode != http.StatusTemporaryRedirect {
			return resp, nil
		}
		next, err := resp.Location()
		_ = resp.Body.Close() // nothing in it is of use
		if err != nil {
			return nil, fmt.Errorf("client: redirect: %w", err)
		}
		if !c.nodes[next.Scheme+"://"+next.Host] {
			return nil, fmt.Errorf("client: redirected to %s://%s, which is none of Options.Nodes", next.Scheme, next.Host)
		}
		target = next.String()
	}
	return nil, fmt.Errorf("client: more than %d redirects", redirects)
}

func (c *Client) read(resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.opts.Bytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("client: reading the answer: %w", err)
	case int64(len(body)) > c.opts.Bytes:
		return nil, errTooLarge
	}
	return body, nil
}

const keyHeader = "Idempotency-Key"

const problemType = "application/problem+json"

// problem reads an answer that is an error.
func (c *Client) problem(resp *http.Response) error {
	e := &Error{Status: resp.StatusCode, Title: http.StatusText(resp.StatusCode)}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	if body, err := c.read(resp); err == nil {
		_ = json.Unmarshal(body, e) // a server in between may answer in another form: the status tells
		e.Status = resp.StatusCode
	}
	return e
}
