package rest_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
)

// fuzzSite is a site whose rates let a fuzzer through.
func fuzzSite(f *testing.F) (s *site, id string) {
	s = newSite(f, &rest.Options{
		FailureRate: rest.Rate{PerSecond: 1e9}, ClientRate: rest.Rate{PerSecond: 1e9}, Rate: rest.Rate{PerSecond: 1e9},
		HoldTime: time.Millisecond, EventGET: true,
	}, func(o *session.Options) { o.MaxSessions = 100 })
	return s, s.begin()
}

// fuzz sends a request past the network, and checks what every answer has to be.
func (s *site) fuzz(t *testing.T, method, path, query, kind, body string) {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Method, r.URL.Path, r.URL.RawQuery = method, path, query
	r.RemoteAddr = "127.0.0.1:5"
	r.Header.Set("Authorization", "Bearer "+adminSecret)
	r.Header.Set("Content-Type", kind)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if w.Code == 500 {
		t.Fatalf("%s %q?%q %q %q: %s", method, path, query, kind, body, s.audit.String())
	}
	if w.Code >= 400 && w.Header().Get("X-Order") == "" { // which is an answer of the session
		var p map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || len(p) != 4 {
			t.Fatalf("%d is no problem document: %s", w.Code, w.Body.String())
		}
	}
	s.audit.mu.Lock()
	s.audit.buf.Reset()
	s.audit.mu.Unlock()
}

func FuzzStart(f *testing.F) {
	s, id := fuzzSite(f)
	for _, x := range [][3]string{
		{"", "application/x-www-form-urlencoded", "src=app:///charts/order.scxml&idealtime=5"}, {"src=app:///charts/order.scxml", "", ""},
		{"a=%zz", "application/json", `{"src":"app:///charts/order.scxml","total":{"a":[1,null,"\ud800"]}}`}, {"&&=", "text/plain; charset=\"", "x"},
	} {
		f.Add(x[0], x[1], x[2])
	}
	f.Fuzz(func(t *testing.T, query, kind, body string) {
		s.fuzz(t, "POST", "/scxml/session/start", query, kind, body)
		for _, info := range s.engine.Sessions() {
			if info.ID != id {
				_ = s.engine.Terminate(context.Background(), info.ID) // it may have ended
			}
		}
	})
}

func FuzzEvent(f *testing.F) {
	s, id := fuzzSite(f)
	f.Add("add", "price=1", "application/json", `{"price":[1e999]}`)
	f.Add("add/..", "a=1&a=2", "application/x-www-form-urlencoded", "a=3")
	f.Fuzz(func(t *testing.T, name, query, kind, body string) {
		if strings.HasPrefix(name, "close") {
			return
		}
		s.fuzz(t, "POST", "/scxml/session/"+id+"/event/"+name, query, kind, body)
		s.fuzz(t, "GET", "/scxml/session/"+id+"/event/"+name, query, kind, "")
	})
}

func FuzzRequest(f *testing.F) {
	s, id := fuzzSite(f)
	f.Add("total", "more=1", "application/json", `[1]`)
	f.Add("page", "", "", "")
	f.Fuzz(func(t *testing.T, name, query, kind, body string) {
		if strings.HasPrefix(name, "close") {
			return
		}
		s.fuzz(t, "POST", "/scxml/session/"+id+"/request/"+name, query, kind, body)
	})
}

// FuzzPath is for query, terminate, help, list, state, metrics, description, health and
// readiness, which take a path and a query.
func FuzzPath(f *testing.F) {
	s, id := fuzzSite(f)
	for _, path := range []string{
		"/scxml/session/x/query", "/scxml/session/x/terminate", "/ors/help", "/ors/v1/sessions", "/ors/v1/sessions/x", "/ors/v1/metrics",
		"/ors/v1/openapi.json", "/ors/v1/health", "/ors/v1/ready", "/ors/scxml/session/x/query",
	} {
		f.Add("GET", path, "limit=5&after=x")
		f.Add("POST", path, "")
	}
	f.Fuzz(func(t *testing.T, method, path, query string) {
		if method == "" || strings.ContainsAny(method, " \r\n\t") || strings.Contains(path, id) || strings.Contains(path, "/events") {
			return
		}
		s.fuzz(t, strings.ToValidUTF8(method, "x"), path, query, "", "")
	})
}

// FuzzStream is for the event stream, whose client has gone already.
func FuzzStream(f *testing.F) {
	s, id := fuzzSite(f)
	f.Add("session="+id, "1")
	f.Add("session=%zz&session=b", "-1")
	f.Add("", "18446744073709551615")
	gone, leave := context.WithCancel(context.Background())
	leave()
	f.Fuzz(func(t *testing.T, query, last string) {
		r := httptest.NewRequest("GET", "/ors/v1/events", nil).WithContext(gone)
		r.URL.RawQuery, r.RemoteAddr = query, "127.0.0.1:5"
		r.Header.Set("Authorization", "Bearer "+adminSecret)
		r.Header.Set("Last-Event-ID", last)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 414 && w.Code != 431 || w.Code == 200 && !strings.HasPrefix(w.Body.String(), ": open\n\n") {
			t.Fatalf("%d: %s", w.Code, w.Body.String())
		}
	})
}

// FuzzHeaders is for what is read of a header before and behind the authenticator.
func FuzzHeaders(f *testing.F) {
	s, id := fuzzSite(f)
	f.Add("Bearer "+adminSecret, "10.0.0.1, x", "https://desk.example", "key", "localhost")
	f.Add("Bearer  ", ",,,", "null", "\x00", "[::1]:x")
	f.Fuzz(func(t *testing.T, authorization, forwarded, origin, key, host string) {
		r := httptest.NewRequest("POST", "/scxml/session/"+id+"/event/add", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:5", host
		for name, value := range map[string]string{"Authorization": authorization, "X-Forwarded-For": forwarded, "Origin": origin, "Idempotency-Key": key} {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		known := strings.Contains(authorization, adminSecret) || strings.Contains(authorization, eventSecret)
		if w.Code >= 500 && w.Code != 503 || w.Code == 200 && !known {
			t.Fatalf("%d: %s", w.Code, w.Body.String())
		}
		s.audit.mu.Lock()
		s.audit.buf.Reset()
		s.audit.mu.Unlock()
	})
}

func FuzzMasking(f *testing.F) {
	f.Add("ors-regex-a;tag", "a+", "hide-first,3", "text")
	f.Fuzz(func(_ *testing.T, option, expr, filter, text string) {
		m, err := rest.NewMasking(&rest.Rules{Regex: map[string]string{option: expr}, Filter: map[string]string{"default-filter-type": filter}})
		if err == nil {
			_ = m.Text(text)
			_ = m.Value([]any{text})
		}
	})
}
