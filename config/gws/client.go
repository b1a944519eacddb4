package gws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Error is a request that has failed. It has neither tokens nor the query of the request.
type Error struct {
	Path   string // of the URL
	Status int    // of HTTP; 0: there was no answer
	Reason string // what is wrong and what to do about it

	err        error
	retry      bool          // another attempt may succeed
	retryAfter time.Duration // as the server wishes; 0: it says nothing
}

func (e *Error) Error() string {
	if e.Status == 0 {
		return "gws: " + e.Path + ": " + e.Reason
	}
	return fmt.Sprintf("gws: %s: %d %s: %s", e.Path, e.Status, http.StatusText(e.Status), e.Reason)
}

// Unwrap returns the error of the network or of the context.
func (e *Error) Unwrap() error { return e.err }

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// answer is the envelope of all answers.
type answer struct {
	Status *struct {
		Code    text `json:"code"`
		Message text `json:"message"`
	} `json:"status"`
	Data map[string]json.RawMessage `json:"data"`
}

// call sends a request: in a session, in several attempts, and with another token when the one that
// there is has run out.
func (s *Source) call(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	refused := false
	for attempt := 1; ; attempt++ {
		content, err := s.once(ctx, method, path, query, body, s.opts.Timeout)
		if err == nil {
			return content, nil
		}
		var e *Error
		if ctx.Err() != nil || !errors.As(err, &e) {
			return nil, err
		}
		if e.Status == http.StatusUnauthorized && !refused {
			refused = true
			s.forget()
			attempt--
			continue
		}
		if !e.retry || attempt >= s.opts.Attempts {
			return nil, err
		}
		wait := s.opts.Backoff << min(attempt-1, 16)
		if e.retryAfter > 0 {
			wait = e.retryAfter
		}
		if wait > maxRetryAfter {
			if e.retryAfter > 0 {
				return nil, err
			}
			wait = maxRetryAfter
		}
		if err := s.pause(ctx, wait); err != nil {
			return nil, e
		}
	}
}

// once sends a request, in a session.
func (s *Source) once(ctx context.Context, method, path string, query url.Values, body any, limit time.Duration) ([]byte, error) {
	s.mu.Lock()
	open := s.session
	s.mu.Unlock()
	if !open {
		// The session is a cookie that the answer sets.
		const start = "/initialize-provisioning"
		b, err := s.send(ctx, http.MethodPost, start, nil, struct{}{}, s.opts.Timeout)
		if err != nil {
			return nil, err
		}
		if _, err := s.open(start, b); err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.session = true
		s.mu.Unlock()
	}
	return s.send(ctx, method, path, query, body, limit)
}

// open reads the envelope of an answer.
func (s *Source) open(path string, body []byte) (answer, error) {
	var a answer
	path = s.base.Path + path
	if err := json.Unmarshal(body, &a); err != nil {
		return a, &Error{Path: path, Status: http.StatusOK, Reason: "the answer is not the JSON that the API describes: " + err.Error(), err: err}
	}
	if a.Status != nil && a.Status.Code != "0" && a.Status.Code != "" {
		return a, &Error{Path: path, Status: http.StatusOK, Reason: fmt.Sprintf("the API reports code %s: %s", printable(string(a.Status.Code)), printable(string(a.Status.Message)))}
	}
	return a, nil
}

// forget ends the use of a session that the server does not know any more.
func (s *Source) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = false
}

// send sends one request and reads the answer.
func (s *Source) send(ctx context.Context, method, path string, query url.Values, body any, limit time.Duration) ([]byte, error) {
	u := *s.base
	u.Path += path
	u.RawQuery = query.Encode()
	token, err := s.token(ctx)
	if err != nil {
		return nil, &Error{Path: u.Path, Reason: "there is no token: " + err.Error(), err: err}
	}
	if strings.TrimSpace(token) == "" || strings.ContainsFunc(token, unicode.IsControl) {
		return nil, &Error{Path: u.Path, Reason: "the token is empty, or has line breaks; the function that gives it returns the access token alone"}
	}
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, &Error{Path: u.Path, Reason: "the request cannot be written: " + err.Error(), err: err}
		}
		content = bytes.NewReader(b)
	}
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := http.NewRequestWithContext(timed, method, u.String(), content)
	if err != nil {
		return nil, &Error{Path: u.Path, Reason: "the request cannot be made", err: err}
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if s.opts.APIKey != "" {
		r.Header.Set("x-api-key", s.opts.APIKey)
	}
	response, err := s.client.Do(r)
	if err != nil {
		return nil, s.unreachable(ctx, u.Path, err, limit)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, s.opts.Bytes+1))
	switch {
	case err != nil:
		return nil, s.unreachable(ctx, u.Path, err, limit)
	case response.StatusCode != http.StatusOK:
		return nil, refusal(u.Path, response, b)
	case int64(len(b)) > s.opts.Bytes:
		return nil, &Error{Path: u.Path, Status: response.StatusCode, Reason: fmt.Sprintf("the answer has more than %d bytes (Options.Bytes)", s.opts.Bytes)}
	}
	return b, nil
}

// unreachable makes an error of one of the network.
func (s *Source) unreachable(ctx context.Context, path string, err error, limit time.Duration) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL
	}
	e := &Error{Path: path, Reason: "no answer from " + s.base.Host + ": " + err.Error(), err: err, retry: ctx.Err() == nil}
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		e.Reason = fmt.Sprintf("no answer from %s within %v (Options.Timeout)", s.base.Host, limit)
	}
	return e
}

// refusal makes an error of an answer that is not 200.
func refusal(path string, r *http.Response, body []byte) error {
	e := &Error{Path: path, Status: r.StatusCode}
	switch {
	case r.StatusCode == http.StatusUnauthorized:
		e.Reason = "the token is not accepted: it has run out, or is one for another system"
	case r.StatusCode == http.StatusForbidden:
		e.Reason = "the user of the token, or the API key, may not read this"
	case r.StatusCode == http.StatusNotFound:
		e.Reason = "there is no such resource: the base URL ends in /provisioning/v3"
	case r.StatusCode == http.StatusTooManyRequests:
		e.retry, e.retryAfter = true, retryAfter(r.Header.Get("Retry-After"))
		e.Reason = "too many requests: raise Options.Refresh"
	case r.StatusCode >= 300 && r.StatusCode < 400:
		e.Reason = "the API has moved; give its present address as the base URL"
	case r.StatusCode >= 500:
		e.retry, e.retryAfter = true, retryAfter(r.Header.Get("Retry-After"))
		e.Reason = "the server has failed; its log says why"
	default:
		e.Reason = "the request is refused"
	}
	var a answer
	if json.Unmarshal(body, &a) == nil && a.Status != nil {
		if message := printable(string(a.Status.Message)); message != "" {
			e.Reason += " (it says: " + message + ")"
		}
	}
	return e
}

// printable is a text of the server as it may stand in an error.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return strings.TrimSpace(s)
}

// retryAfter reads the header: seconds, or a date.
func retryAfter(v string) time.Duration {
	if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
		return time.Duration(min(max(n, 0), 24*3600)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}

// pause waits; the error is that of ctx.
func (s *Source) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
