package strategytest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	"github.com/seed-ff723688/ors/scxml/scxmltest"
)

// web is the network of a Centre: handlers by URL prefix.
type web struct {
	rec      *scxmltest.Recorder
	handlers map[string]http.Handler

	mu       sync.Mutex
	requests []string
}

// RoundTrip implements http.RoundTripper.
func (w *web) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close() // it was read to its end
	}
	address := r.URL.String()
	h := w.handler(address)
	if h == nil {
		return nil, fmt.Errorf("strategytest: Options.Web has no handler for %s", address)
	}
	in := r.Clone(r.Context())
	in.Body, in.RequestURI, in.RemoteAddr = io.NopCloser(bytes.NewReader(body)), r.URL.RequestURI(), "192.0.2.1:1234"
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	out := httptest.NewRecorder()
	h.ServeHTTP(out, in)
	line := strings.TrimSpace(r.Method + " " + address + " " + string(body))
	w.mu.Lock()
	w.requests = append(w.requests, line)
	w.mu.Unlock()
	w.rec.Note(scxmltest.Step{Who: "web", Kind: "request", Name: line, Detail: strconv.Itoa(out.Code)})
	resp := out.Result()
	resp.Request = r
	return resp, nil
}

// handler is the one with the longest prefix.
func (w *web) handler(address string) http.Handler {
	best := ""
	for prefix := range w.handlers {
		if strings.HasPrefix(address, prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	return w.handlers[best]
}

func (w *web) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.requests...)
}
