package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
)

func newMasking(t *testing.T) *rest.Masking {
	m, err := rest.NewMasking(&rest.Rules{
		Regex:      map[string]string{"ors-regex-card": `\b\d{16}\b`, "ors-regex-name;tag": "Smith"},
		Filter:     map[string]string{"default-filter-type": "copy"},
		FilterData: map[string]string{"password": "hide", "Phone": "unhide-last,4", "pin": "skip"},
	})
	require.NoError(t, err)
	return m
}

func TestMaskedAnswersAndLogs(t *testing.T) {
	s := newSite(t, &rest.Options{Masking: newMasking(t)})
	path := "/scxml/session/" + s.begin()
	r := s.do(querySecret, "GET", path+"/query", "")
	require.JSONEq(t, `{"total":0,"card":"****","password":"****"}`, compact(t, r.json(t)["data"]))
	s.do(adminSecret, "POST", path+"/event/add?card=4111111111111111", "")
	s.do(adminSecret, "POST", "/scxml/session/start", "src=app:///none/4111111111111111")
	require.NotContains(t, s.audit.String(), "4111111111111111")
	require.Contains(t, s.audit.String(), "card=****")
	require.NotContains(t, s.audit.String(), adminSecret)
}

func compact(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestStateOfEndedSession(t *testing.T) {
	s := newSite(t, nil)
	id := s.begin()
	require.Equal(t, 200, s.do(eventSecret, "POST", "/scxml/session/"+id+"/event/close", "").StatusCode)
	s.settle()
	state := s.do(querySecret, "GET", "/ors/v1/sessions/"+id, "").json(t)
	require.Equal(t, "finished", state["reason"])
	require.Equal(t, map[string]any{"total": 0.0}, state["donedata"])
	require.Equal(t, []any{"closed"}, state["configuration"])
	require.NotContains(t, state, "data")
	require.NotContains(t, state, "error")
}

func TestStateOfFailedSession(t *testing.T) {
	s := newSite(t, &rest.Options{Masking: newMasking(t)}, func(o *session.Options) { o.Chain = 10 })
	id := s.begin()
	require.Equal(t, 200, s.do(eventSecret, "POST", "/scxml/session/"+id+"/event/spin", "").StatusCode)
	s.settle()
	state := s.do(querySecret, "GET", "/scxml/session/"+id+"/query", "").json(t)
	require.Equal(t, "failed", state["reason"])
	require.Contains(t, state["error"], "macrosteps")
}

// What is in the store alone is shown as what is in memory, and stays there.
func TestStateOfPassiveSession(t *testing.T) {
	store, err := memstore.New(nil)
	require.NoError(t, err)
	s := newSite(t, &rest.Options{Masking: newMasking(t)}, func(o *session.Options) { o.Store, o.Resident = store, -1 })
	id := s.begin()
	require.Equal(t, 200, s.do(eventSecret, "POST", "/scxml/session/"+id+"/event/add", "price=7").StatusCode)
	s.settle()
	for _, path := range []string{"/ors/v1/sessions/" + id, "/scxml/session/" + id + "/query"} {
		state := s.do(querySecret, "GET", path, "").json(t)
		require.Equal(t, true, state["passive"])
		require.JSONEq(t, `{"total":7,"card":"****","password":"****"}`, compact(t, state["data"]))
		require.Equal(t, []any{"open"}, state["configuration"])
		require.Equal(t, "reminder", state["timers"].([]any)[0].(map[string]any)["event"])
		require.Equal(t, 0.0, state["queued"])
		require.Equal(t, 2.0, state["macrosteps"])
		require.Equal(t, "order", state["name"])
	}
	require.True(t, s.engine.Sessions()[0].Passive, "nobody has brought it back")

	// One whose record is damaged says so, without a problem of the server.
	stored, err := store.Load(context.Background(), id)
	require.NoError(t, err)
	leases, err := store.Leases(context.Background())
	require.NoError(t, err)
	epoch := leases[persistence.BucketOf(id, store.Buckets())].Epoch
	require.NoError(t, store.Commit(context.Background(), epoch, &persistence.Commit{ID: id, Rev: stored.Rev, Snapshot: []byte("4111111111111111"), Acked: stored.Acked}))
	state := s.do(querySecret, "GET", "/ors/v1/sessions/"+id, "")
	require.Equal(t, 200, state.StatusCode, state.text)
	require.Equal(t, true, state.json(t)["unreadable"])
	require.NotEmpty(t, state.json(t)["error"])
	require.NotContains(t, state.text, "4111111111111111")
}

func TestMetrics(t *testing.T) {
	s := newSite(t, nil)
	id := s.begin()
	s.do(eventSecret, "POST", "/scxml/session/"+s.begin()+"/event/close", "")
	s.settle()
	s.monitor.Measure("cassandra-latency", "commit", 1500*time.Microsecond)
	s.monitor.Measure("made-up", "", time.Second)
	require.NoError(t, s.monitor.SetAlarms(map[string]string{"state-time": "5000", "active-sessions": "100"}))
	s.do(startSecret, "POST", "/scxml/session/start", "src=app:///charts/none.scxml")
	r := s.do(querySecret, "GET", "/ors/v1/metrics", "")
	require.Equal(t, "text/plain; version=0.0.4; charset=utf-8", r.Header.Get("Content-Type"))
	for _, want := range []string{
		"\nors_active_sessions 1\n", "\nors_pending_sessions 0\n", "\nors_sessions_started_total 2\n", "\nors_session_start_errors_total 1\n",
		"\nors_create_session_time_milliseconds_count 2\n", "\nors_document_processing_time_milliseconds_count 1\n",
		"\nors_sessions_ended_total{reason=\"finished\"} 1\n", "\nors_state_time_milliseconds_count{state=\"open\"} 1\n", "\nors_state_exits_total ",
		"\nors_store_latency_milliseconds_sum{operation=\"commit\"} 1.5\n", "\nors_store_latency_average_milliseconds{operation=\"commit\"} 1.5\n",
		"\nors_creation_session_rate 0.", "\nors_state_rate 0.", "\nors_performance_alarm{counter=\"state-time\"} 0\n", "\nors_performance_alarm_threshold{counter=\"active-sessions\"} 100\n", "\nors_http_requests_total{operation=\"start\",status=\"422\"} 1\n",
	} {
		require.Contains(t, r.text, want)
	}
	line := regexp.MustCompile(`^(# (HELP|TYPE) ors_[a-z_]+ .+|ors_[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)+\})? [0-9.e+]+)$`)
	for _, l := range strings.Split(strings.TrimSpace(r.text), "\n") {
		require.Regexp(t, line, l)
	}
	require.NotContains(t, r.text, id)
}

// follow opens a stream and returns what reads its next event.
func (s *site) follow(ctx context.Context, path string, header ...string) (next func() (id string, ev rest.StreamEvent), resp *http.Response) {
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL+path, nil)
	require.NoError(s.t, err)
	req.Header.Set("Authorization", "Bearer "+querySecret)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err = http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	in := bufio.NewScanner(resp.Body)
	if resp.StatusCode == 200 {
		require.True(s.t, in.Scan())
		require.Equal(s.t, ": open", in.Text())
	}
	return func() (id string, ev rest.StreamEvent) {
		for in.Scan() {
			if text, ok := strings.CutPrefix(in.Text(), "id: "); ok {
				id = text
			}
			if data, ok := strings.CutPrefix(in.Text(), "data: "); ok {
				require.NoError(s.t, json.Unmarshal([]byte(data), &ev))
				return id, ev
			}
		}
		return "", ev
	}, resp
}

func TestStream(t *testing.T) {
	s := newSite(t, &rest.Options{Streams: 2, Masking: newMasking(t)})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	all, _ := s.follow(ctx, "/ors/v1/events")
	id := s.begin()
	number, ev := all()
	require.Equal(t, "session.started", ev.Type)
	require.Equal(t, id, ev.Session)
	_, ev = all()
	require.Equal(t, "state.enter", ev.Type)
	require.Equal(t, "open", ev.Name)

	// A client that comes back gets what it has missed.
	again, _ := s.follow(ctx, "/ors/v1/events?session="+id, "Last-Event-ID", number)
	_, ev = again()
	require.Equal(t, "state.enter", ev.Type)
	s.begin()
	s.do(eventSecret, "POST", "/scxml/session/"+id+"/event/close", "")
	for _, want := range []string{"event", "state.exit", "state.enter", "session.ended"} {
		_, ev = again()
		require.Equal(t, id, ev.Session)
		if want == "session.ended" && ev.Type == "state.exit" { // of the final state
			_, ev = again()
		}
		require.Equal(t, want, ev.Type)
	}
	require.Equal(t, "finished", ev.Reason)

	s.do(eventSecret, "POST", "/scxml/session/"+s.begin()+"/event/card.4111111111111111", "")
	for ev.Name != "card.****" { // masked, as a word of its own
		_, ev = all()
		require.NotEqual(t, "card.4111111111111111", ev.Name)
		require.NotEmpty(t, ev.Type)
	}

	_, resp := s.follow(ctx, "/ors/v1/events")
	require.Equal(t, 503, resp.StatusCode, "the third one is too many")

	require.NoError(t, s.handler.Shutdown(ctx))
	for ev.Type = "open"; ev.Type != ""; { // what it has been sent, and its end
		_, ev = all()
	}
	s.problem(s.do(querySecret, "GET", "/ors/v1/events", ""), 503)
}

func TestShutdown(t *testing.T) {
	s := newSite(t, nil)
	id := s.begin()
	require.Equal(t, 200, s.do("", "GET", "/ors/v1/ready", "").StatusCode)
	held := make(chan *reply, 1)
	go func() { held <- s.do(eventSecret, "POST", "/scxml/session/"+id+"/request/silence", "") }()
	s.handler.Suspend()
	s.problem(s.do("", "GET", "/ors/v1/ready", ""), 503)
	require.Equal(t, 200, s.do("", "GET", "/ors/v1/health", "").StatusCode)
	s.problem(s.do(startSecret, "POST", "/scxml/session/start", "src=app:///charts/order.scxml"), 503)
	require.Equal(t, 200, s.do(eventSecret, "POST", "/scxml/session/"+id+"/event/add", "price=1").StatusCode, "those that live go on")
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorContains(t, s.handler.Drain(ended), "1 sessions are left")
	require.NoError(t, s.handler.Shutdown(context.Background()))
	require.Equal(t, 503, (<-held).StatusCode)
	s.problem(s.do(querySecret, "GET", "/ors/help", ""), 503)
	require.NoError(t, s.handler.Shutdown(context.Background()))
	require.NoError(t, s.engine.Terminate(context.Background(), id))
	require.NoError(t, s.handler.Drain(context.Background()))
}

// TestDescription compares the OpenAPI document with what the handler does.
func TestDescription(t *testing.T) {
	s := newSite(t, &rest.Options{EventGET: true})
	id := s.begin()
	r := s.do(querySecret, "GET", "/ors/v1/openapi.json", "")
	require.Equal(t, 200, r.StatusCode)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(r.text), &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	for _, ref := range regexp.MustCompile(`#/components/schemas/(\w+)`).FindAllStringSubmatch(r.text, -1) {
		require.Contains(t, r.json(t)["components"].(map[string]any)["schemas"], ref[1])
	}
	operations := 0
	for path, item := range doc.Paths {
		url := strings.NewReplacer("{id}", id, "{name}", "total").Replace(path)
		allow := s.do(adminSecret, "PUT", url, "").Header.Get("Allow")
		var described []string
		for _, method := range []string{"get", "post"} {
			raw, ok := item[method]
			if !ok {
				continue
			}
			operations++
			described = append(described, strings.ToUpper(method))
			var op struct {
				OperationID string
				Role        string `json:"x-role"`
				Responses   map[string]struct{ Content map[string]any }
				Security    *[]any
			}
			require.NoError(t, json.Unmarshal(raw, &op))
			if op.OperationID == "events" || op.OperationID == "terminate" {
				continue // one does not end, the other ends what the rest needs
			}
			body := ""
			if op.OperationID == "start" {
				body = "src=app:///charts/order.scxml"
			}
			answer := s.do(adminSecret, strings.ToUpper(method), url, body)
			require.Equal(t, 200, answer.StatusCode, "%s: %s", op.OperationID, answer.text)
			kind, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
			if op.OperationID != "request" {
				require.Contains(t, op.Responses["200"].Content, kind, op.OperationID)
			}
			unknown := s.do("", strings.ToUpper(method), url, body)
			if op.Security != nil {
				require.Equal(t, 200, unknown.StatusCode, "open to all: %s", op.OperationID)
				continue
			}
			require.Equal(t, 401, unknown.StatusCode, op.OperationID)
			require.Contains(t, op.Responses, "401")
			for role, secret := range map[string]string{"start": startSecret, "event": eventSecret, "query": querySecret} {
				allowed := op.Role == "any" || op.Role == role
				require.Equal(t, !allowed, s.do(secret, strings.ToUpper(method), url, body).StatusCode == 403, "%s as %s", op.OperationID, role)
			}
		}
		require.Equal(t, strings.Join(described, ", "), allow, path)
	}
	require.Equal(t, 14, operations, "each method of the handler is described: add new ones here")
	s.settle()
	var state map[string]any
	require.NoError(t, json.Unmarshal([]byte(s.do(querySecret, "GET", "/ors/v1/sessions/"+id, "").text), &state))
	schema := r.json(t)["components"].(map[string]any)["schemas"].(map[string]any)["SessionState"].(map[string]any)
	for name := range state {
		require.Contains(t, schema["properties"], name)
	}
	for _, name := range schema["required"].([]any) {
		require.Contains(t, state, name)
	}
}

func TestMaskingRules(t *testing.T) {
	for _, x := range []struct {
		rules rest.Rules
		want  string
	}{
		{rest.Rules{Regex: map[string]string{"regex-a": "x"}}, `"regex-a"`},
		{rest.Rules{Regex: map[string]string{"ors-regex-a;show": "x"}}, "want hide or tag"},
		{rest.Rules{Regex: map[string]string{"ors-regex-a": "("}}, `"ors-regex-a"`},
		{rest.Rules{Regex: map[string]string{"ors-regex-a": "x*"}}, "empty text"},
		{rest.Rules{Filter: map[string]string{"other": "hide"}}, `"other"`},
		{rest.Rules{Filter: map[string]string{"default-filter-type": "hide-first"}}, `"hide-first"`},
		{rest.Rules{FilterData: map[string]string{"a": "hide,3"}}, `section log-filter-data: option "a"`},
		{rest.Rules{FilterData: map[string]string{"a": "hide-last,-1"}}, `"hide-last,-1"`},
	} {
		_, err := rest.NewMasking(&x.rules)
		require.ErrorContains(t, err, x.want)
	}
	for kind, want := range map[string]string{
		"copy": `{"k":"abcdé"}`, "hide": `{"k":"****"}`, "skip": `{}`, "hide-first,2": `{"k":"**cdé"}`, "hide-last,2": `{"k":"abc**"}`,
		"unhide-first,2": `{"k":"ab***"}`, "unhide-last, 2": `{"k":"***dé"}`, "hide-first,9": `{"k":"*****"}`,
	} {
		byKey, err := rest.NewMasking(&rest.Rules{FilterData: map[string]string{"K": kind}})
		require.NoError(t, err)
		byDefault, err := rest.NewMasking(&rest.Rules{Filter: map[string]string{"default-filter-type": kind}})
		require.NoError(t, err)
		for _, m := range []*rest.Masking{byKey, byDefault} {
			v := m.Value([]datamodel.Value{datamodel.NewObject(datamodel.Member{Name: "k", Value: "abcdé"})})
			require.Equal(t, "["+want+"]", string(datamodel.EncodeJSON(v)), kind)
		}
	}
	m := newMasking(t)
	all, err := rest.NewMasking(&rest.Rules{Filter: map[string]string{"default-filter-type": "hide"}, FilterData: map[string]string{"id": "copy"}})
	require.NoError(t, err)
	nested := datamodel.NewObject(datamodel.Member{Name: "a", Value: []datamodel.Value{"x"}}, datamodel.Member{Name: "id", Value: []datamodel.Value{"7"}})
	v := all.Value(datamodel.NewObject(datamodel.Member{Name: "o", Value: nested}))
	require.Equal(t, `{"o":{"a":"****","id":["7"]}}`, string(datamodel.EncodeJSON(v)))
	require.Equal(t, []datamodel.Value{"****", 5.0}, m.Value([]datamodel.Value{4111111111111111.0, 5.0}))
	require.Equal(t, "a **** <#Smith#>", m.Text("a 4111111111111111 Smith"))
	var none *rest.Masking
	require.Equal(t, "a", none.Text("a"))
}

func TestMonitorKeepsWhatTheHostHas(t *testing.T) {
	var ended []string
	s := newSite(t, nil, func(o *session.Options) {
		inner := o.Observer.SessionEnded
		o.Observer.SessionEnded = func(i session.Info, r session.Result) { ended = append(ended, i.ID); inner(i, r) }
	})
	id := s.begin()
	require.NoError(t, s.engine.Terminate(context.Background(), id))
	s.settle()
	require.Equal(t, []string{id}, ended)
}
