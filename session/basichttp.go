package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// BasicHTTPProcessor is the type of the Basic HTTP event I/O processor
// (appendix C.2). "basichttp" is its short name.
const BasicHTTPProcessor = "http://www.w3.org/TR/scxml/#BasicHTTPEventProcessor"

// eventNameField is the parameter that carries the name of an event.
const eventNameField = "_scxmleventname"

// BasicHTTPOptions are the settings of a BasicHTTP processor.
type BasicHTTPOptions struct {
	// URL is the address at which the outside reaches the handler, such as
	// "https://ors.example/scxml/". The session id is appended to it. Required
	// unless Listen is set.
	URL string

	// Listen is a TCP address on which the processor serves itself, such as
	// "127.0.0.1:0". Empty: the host mounts the BasicHTTP, an http.Handler, at the
	// path of URL. Nothing is authenticated: whoever knows a session's id can send
	// it events, so a listener that is not on a loopback address needs a guard.
	Listen string

	// Allow lists URL prefixes to which sessions may send, in the form of
	// LoaderOptions.Allow. Sessions of this engine are always reached, without a
	// network in between.
	Allow []string

	// Body is the size of a message that is accepted; default 1 MiB.
	Body int64

	// SendBody is the size of the body of a message that is sent; default 4 MiB. A
	// larger one gives the session error.communication.
	SendBody int64

	// Client supplies the transport for sending. Default http.DefaultTransport.
	// Redirections are not followed.
	Client *http.Client
}

const (
	defaultHTTPBody    = 1 << 20
	defaultSendBody    = 4 << 20
	httpHeaderTimeout  = 10 * time.Second
	httpMessageTimeout = 30 * time.Second
	httpIdleTimeout    = time.Minute
	httpHeaderBytes    = 64 << 10
)

// BasicHTTP is the Basic HTTP event I/O processor: it sends events as HTTP POST
// requests and, being an http.Handler, receives them.
//
// Sending: parameters and namelist are sent as a form, with the name of the
// event as _scxmleventname. <content> is the body instead: text is sent
// percent-encoded as application/x-www-form-urlencoded, XML as application/xml,
// anything else as JSON; the name of the event, if given, is then in the query. An answer
// other than 2xx gives the session error.communication.
//
// Receiving: POST to the location of a session. The event is named by
// _scxmleventname in form, query or header, else "HTTP.POST". Its data are the
// parameters, a repeated one as an array, or the body: JSON and XML as such,
// everything else as text. _event.raw is the request, without credentials and
// cookies. The answer is 200 once the event is queued, 404 for an unknown
// session, 405, 413 for a body or an event name that is too long, 503 when the
// inbox is full or the engine has been shut down.
//
// A BasicHTTP belongs to one Engine, which opens and closes it.
type BasicHTTP struct {
	opts   BasicHTTPOptions
	base   string // URL with a slash at the end
	allow  []*url.URL
	client *http.Client

	receiver Receiver
	listener net.Listener
	server   *http.Server
}

// NewBasicHTTP makes a processor. With Listen it holds a socket from now on; it
// is given to New as one of Options.Processors, or closed.
func NewBasicHTTP(opts *BasicHTTPOptions) (*BasicHTTP, error) {
	p := &BasicHTTP{client: &http.Client{}}
	if opts != nil {
		p.opts = *opts
	}
	if p.opts.Body <= 0 {
		p.opts.Body = defaultHTTPBody
	}
	if p.opts.SendBody <= 0 {
		p.opts.SendBody = defaultSendBody
	}
	for _, prefix := range p.opts.Allow {
		u, err := url.Parse(prefix)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("session: allowed URL %q: want http://host/ or https://host/", prefix)
		}
		p.allow = append(p.allow, u)
	}
	if p.opts.Client != nil {
		p.client.Transport = p.opts.Client.Transport
	}
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p.base = p.opts.URL
	if p.opts.Listen != "" {
		l, err := net.Listen("tcp", p.opts.Listen)
		if err != nil {
			return nil, fmt.Errorf("session: basic HTTP processor: %w", err)
		}
		p.listener = l
		if p.base == "" {
			p.base = "http://" + l.Addr().String() + "/"
		}
	}
	u, err := url.Parse(p.base)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.Join(fmt.Errorf("session: basic HTTP processor: URL %q: want http://host/path/", p.base), p.Close())
	}
	p.base = strings.TrimSuffix(p.base, "/") + "/"
	return p, nil
}

// Types returns the two names of the processor.
func (p *BasicHTTP) Types() []string { return []string{BasicHTTPProcessor, "basichttp"} }

// Location returns the address of a session.
func (p *BasicHTTP) Location(sessionID string) string { return p.base + url.PathEscape(sessionID) }

// Open takes the receiver of events and, with BasicHTTPOptions.Listen, begins to
// serve.
func (p *BasicHTTP) Open(r Receiver) error {
	if p.receiver != nil {
		return errors.New("session: a BasicHTTP belongs to one engine")
	}
	p.receiver = r
	if p.listener == nil {
		return nil
	}
	p.server = &http.Server{
		Handler:           p,
		ReadHeaderTimeout: httpHeaderTimeout,
		ReadTimeout:       httpMessageTimeout,
		WriteTimeout:      httpMessageTimeout,
		IdleTimeout:       httpIdleTimeout,
		MaxHeaderBytes:    httpHeaderBytes,
	}
	go func() { _ = p.server.Serve(p.listener) }() // ends with Close, which closes the listener
	return nil
}

// Close ends serving. It may be called more than once.
func (p *BasicHTTP) Close() error {
	var err error
	switch {
	case p.server != nil:
		err = p.server.Close()
	case p.listener != nil:
		err = p.listener.Close()
	}
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	p.client.CloseIdleConnections()
	return err
}

var errNoTarget = errors.New("session: <send> by HTTP without a target")

// Check demands a target (appendix C.2.2).
func (p *BasicHTTP) Check(send *scxml.Send) error {
	if send.Target == "" {
		return errNoTarget
	}
	if u, err := url.Parse(send.Target); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%w: %q is no http: or https: URL", scxml.ErrSendTarget, send.Target)
	}
	return nil
}

// Send posts a message.
func (p *BasicHTTP) Send(ctx context.Context, m *Message) error {
	u, err := url.Parse(m.Target)
	if err != nil {
		return fmt.Errorf("session: target: %w", err)
	}
	if err := allowed(p.allow, u); err != nil {
		return fmt.Errorf("session: target %s: %w", u.Redacted(), err)
	}
	req, err := p.request(m)
	if err != nil {
		return err
	}
	resp, err := p.client.Do(req.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("session: target %s: %w", u.Redacted(), withoutURL(err))
	}
	defer resp.Body.Close()
	// Reading to the end lets the connection be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, httpHeaderBytes))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("session: target %s: the server answered %s", u.Redacted(), resp.Status)
	}
	return nil
}

// sendNow delivers to a session of this engine: the same request goes to the
// same handler, without a network.
func (p *BasicHTTP) sendNow(m *Message) (done bool, err error) {
	if !strings.HasPrefix(m.Target, p.base) {
		return false, nil
	}
	req, err := p.request(m)
	if err != nil {
		return true, err
	}
	if status, err := p.receive(req.WithContext(withSender(req.Context(), m))); err != nil {
		return true, fmt.Errorf("session: target %s: %d: %w", m.Target, status, err)
	}
	return true, nil
}

// request makes the POST request of a message (appendix C.2.2).
func (p *BasicHTTP) request(m *Message) (*http.Request, error) {
	target, contentType, body := m.Target, "application/x-www-form-urlencoded", ""
	if m.HasContent {
		if sizeLeft(p.opts.SendBody, m.Event.Data) < 0 {
			return nil, tooLong(p.opts.SendBody)
		}
		switch v := m.Event.Data.(type) {
		case string:
			body = strings.ReplaceAll(url.QueryEscape(v), "+", "%20")
		case datamodel.XML:
			contentType, body = "application/xml", v.Text
		default:
			contentType, body = "application/json", string(datamodel.EncodeJSON(v))
		}
		if m.Event.Name != "" {
			sep := "?"
			if strings.Contains(target, "?") {
				sep = "&"
			}
			target += sep + eventNameField + "=" + url.QueryEscape(m.Event.Name)
		}
	} else {
		var err error
		if body, err = formBody(m.Event.Name, m.Params, p.opts.SendBody); err != nil {
			return nil, err
		}
	}
	if int64(len(body)) > p.opts.SendBody {
		return nil, tooLong(p.opts.SendBody)
	}
	req, err := http.NewRequest(http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("session: target %q: %w", m.Target, err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Idempotency-Key", m.Effect.String())
	return req, nil
}

// formBody is the form of a message; an empty event is left out. What has more
// than limit bytes is an error, before much memory is spent on it.
func formBody(event string, params []datamodel.Member, limit int64) (string, error) {
	var b strings.Builder
	if event != "" {
		formField(&b, eventNameField, event)
	}
	for _, v := range params {
		if sizeLeft(limit-int64(b.Len()+len(v.Name)), v.Value) < 0 {
			return "", tooLong(limit)
		}
		formField(&b, v.Name, formValue(v.Value))
	}
	return b.String(), nil
}

func tooLong(limit int64) error {
	return fmt.Errorf("%w: a message of more than %d bytes", ErrTooLarge, limit)
}

// sizeLeft is limit less a lower bound of the length of v as text. It gives up
// when that is negative. A value that stands in several places counts in each,
// as it does in the text.
func sizeLeft(limit int64, v datamodel.Value) int64 {
	switch v := v.(type) {
	case nil:
		return limit
	case string:
		return limit - int64(len(v))
	case datamodel.XML:
		return limit - int64(len(v.Text))
	case []datamodel.Value:
		for i := 0; i < len(v) && limit >= 0; i++ {
			limit = sizeLeft(limit-1, v[i]) // with the comma
		}
	case *datamodel.Object:
		for i, members := 0, v.Members(); i < len(members) && limit >= 0; i++ {
			if members[i].Value != nil {
				limit = sizeLeft(limit-int64(len(members[i].Name)), members[i].Value)
			}
		}
	}
	return limit - 1
}

func formField(b *strings.Builder, name, value string) {
	if b.Len() > 0 {
		b.WriteByte('&')
	}
	b.WriteString(url.QueryEscape(name))
	b.WriteByte('=')
	b.WriteString(url.QueryEscape(value))
}

// formValue is a value in a form: text as it is, nothing for undefined,
// structured values as JSON.
func formValue(v datamodel.Value) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case datamodel.XML:
		return v.Text
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return string(datamodel.EncodeJSON(v))
}

// ServeHTTP receives a message. The last segment of the path is the session id.
func (p *BasicHTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, p.opts.Body)
	status, err := p.receive(r)
	if err != nil {
		if status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		http.Error(w, err.Error(), status)
		return
	}
	w.WriteHeader(status)
}

// receive queues the event of a request and returns the status of the answer.
func (p *BasicHTTP) receive(r *http.Request) (status int, err error) {
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, errors.New("events are sent with POST")
	}
	if p.receiver == nil {
		return http.StatusServiceUnavailable, errors.New("the processor is not in use")
	}
	escaped := r.URL.EscapedPath()
	id, err := url.PathUnescape(escaped[strings.LastIndexByte(escaped, '/')+1:])
	if err != nil {
		return http.StatusNotFound, ErrNotFound
	}
	body, err := readLimited(r.Body, p.opts.Body)
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) || errors.Is(err, ErrTooLarge) {
			return http.StatusRequestEntityTooLarge, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, p.opts.Body)
		}
		return http.StatusBadRequest, err
	}
	ev, err := httpEvent(r, body)
	if err != nil {
		return http.StatusBadRequest, err
	}
	switch err := p.accept(r, id, ev); {
	case err == nil:
		return http.StatusOK, nil
	case errors.Is(err, persistence.ErrInvalid):
		return http.StatusBadRequest, fmt.Errorf("header Idempotency-Key: %w", err)
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound, ErrNotFound
	case errors.Is(err, ErrTooLarge):
		return http.StatusRequestEntityTooLarge, err
	case errors.Is(err, ErrInboxFull), errors.Is(err, ErrClosed):
		return http.StatusServiceUnavailable, err
	default:
		return http.StatusInternalServerError, err
	}
}

// accept gives the event of a request to its session. A repeat of a request with
// an Idempotency-Key is dropped where the receiver can do so (Engine.SendOnce).
func (p *BasicHTTP) accept(r *http.Request, id string, ev *scxml.Event) error {
	once, ok := p.receiver.(interface {
		SendOnce(ctx context.Context, sessionID, key string, ev *scxml.Event) error
	})
	if key := r.Header.Get("Idempotency-Key"); ok && key != "" {
		return once.SendOnce(r.Context(), id, key, ev)
	}
	return p.receiver.Send(r.Context(), id, ev)
}

// rawHeaders of a request are not shown to scripts.
var rawHeaders = map[string]bool{"Authorization": true, "Cookie": true, "Proxy-Authorization": true}

// raw is the text of a request, for _event.raw.
func raw(r *http.Request, body []byte) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, r.URL.RequestURI(), r.Host)
	// Writing a header to a buffer cannot fail.
	_ = r.Header.WriteSubset(&b, rawHeaders)
	b.WriteString("\r\n")
	b.Write(body)
	return b.String()
}
