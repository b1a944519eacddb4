package rest_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/session/rest"
)

type object = map[string]any

// openAPI returns the OpenAPI document of the handler as a client reads it.
func (s *site) openAPI() object {
	s.t.Helper()
	if s.api == nil {
		b, err := json.Marshal(s.handler.Description())
		require.NoError(s.t, err)
		require.NoError(s.t, json.Unmarshal(b, &s.api))
	}
	return s.api
}

// operation finds what the document has of a request; found says that the path is there.
func (s *site) operation(method, path string) (op object, found bool) {
	path, _, _ = strings.Cut(path, "?")
	path = strings.TrimPrefix(path, "/ors/scxml")
	if !strings.HasPrefix(path, "/ors/") && !strings.HasPrefix(path, "/scxml/") {
		path = "/scxml" + path
	}
	if strings.HasPrefix(path, "/scxml/") {
		path = strings.TrimSuffix(path, "/")
	}
	parts := strings.Split(path, "/")
	for template, item := range s.openAPI()["paths"].(object) {
		same := slices.EqualFunc(strings.Split(template, "/"), parts, func(a, b string) bool { return a == b || a[:min(1, len(a))] == "{" && b != "" })
		if same {
			op, _ = item.(object)[strings.ToLower(method)].(object)
			return op, true
		}
	}
	return nil, false
}

// described compares an answer with the document: that the status is one of its operation, the
// media type one of that, and the body what its schema says. Every test of this package
// passes through here.
func (s *site) described(method, path string, r *reply) {
	s.t.Helper()
	for _, ambiguous := range []string{"%", "//", "/..", ";", "ors/ors/"} {
		if strings.Contains(path, ambiguous) {
			return
		}
	}
	get := method
	if method == "HEAD" {
		get = "GET"
	}
	op, found := s.operation(get, path)
	if op == nil {
		allowed := []int{401, 403, 414, 429, 431, 500, 503}
		if found {
			allowed = append(allowed, 405)
		} else {
			allowed = append(allowed, 404)
		}
		require.True(s.t, slices.Contains(allowed, r.StatusCode) || method == "OPTIONS" && r.StatusCode == 204, "%s %s answers %d and is not described", method, path, r.StatusCode)
		return
	}
	if method == "HEAD" && r.StatusCode == 405 { // of what would never end
		return
	}
	responses := op["responses"].(object)
	response, ok := responses[strconv.Itoa(r.StatusCode)].(object)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if ok && kind != "application/problem+json" && r.StatusCode >= 400 {
		ok = false // of the session, which has chosen the same status
	}
	if !ok {
		response, ok = responses["default"].(object)
	}
	require.True(s.t, ok, "%s %s: status %d is not described", method, path, r.StatusCode)
	content, _ := response["content"].(object)
	if content == nil {
		require.Empty(s.t, r.text, "%s %s: status %d has no content", method, path, r.StatusCode)
		return
	}
	media, ok := content[kind].(object)
	if !ok {
		media, ok = content["*/*"].(object)
	}
	require.True(s.t, ok, "%s %s: %q is not described for status %d", method, path, kind, r.StatusCode)
	if !strings.Contains(kind, "json") || method == "HEAD" || content["*/*"] != nil {
		return
	}
	var body any
	require.NoError(s.t, json.Unmarshal([]byte(r.text), &body), r.text)
	for _, problem := range s.mismatches("$", media["schema"].(object), body) {
		require.Fail(s.t, "an answer that its schema does not allow", "%s %s %d: %s\n%s", method, path, r.StatusCode, problem, r.text)
	}
}

// mismatches is what a value has that its schema does not allow: as much of JSON Schema as
// the document uses. Members that are not named are errors, unless the schema allows them.
func (s *site) mismatches(at string, schema object, v any) (problems []string) {
	if ref, ok := schema["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/components/schemas/")
		schema, ok = s.openAPI()["components"].(object)["schemas"].(object)[name].(object)
		require.True(s.t, ok, ref)
	}
	kind, _ := schema["type"].(string)
	fits := map[string]func() bool{
		"":        func() bool { return true },
		"object":  func() bool { _, ok := v.(object); return ok },
		"array":   func() bool { _, ok := v.([]any); return ok },
		"string":  func() bool { _, ok := v.(string); return ok },
		"boolean": func() bool { _, ok := v.(bool); return ok },
		"integer": func() bool { n, ok := v.(float64); return ok && n == float64(int64(n)) },
	}[kind]
	if fits == nil || !fits() {
		return []string{fmt.Sprintf("%s is %T, not %q", at, v, kind)}
	}
	switch v := v.(type) {
	case string:
		if schema["format"] == "date-time" {
			if _, err := time.Parse(time.RFC3339Nano, v); err != nil {
				problems = append(problems, at+": "+err.Error())
			}
		}
	case []any:
		items, _ := schema["items"].(object)
		for i, x := range v {
			problems = append(problems, s.mismatches(fmt.Sprintf("%s[%d]", at, i), items, x)...)
		}
	case object:
		properties, _ := schema["properties"].(object)
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				problems = append(problems, at+" has no "+name.(string))
			}
		}
		for name, x := range v {
			if p, ok := properties[name].(object); ok {
				problems = append(problems, s.mismatches(at+"."+name, p, x)...)
			} else if kind == "object" && schema["additionalProperties"] != true {
				problems = append(problems, at+" has "+name+", which is not described")
			}
		}
	}
	return problems
}

// Every status that is described of an operation is one that it answers.
func TestDescribedStatusesAreAnswered(t *testing.T) {
	s := newSite(t, &rest.Options{EventGET: true, Owners: fixedOwner{}, Body: 1000, URL: 300, Header: 2000, FailureRate: rest.Rate{PerSecond: 1e6}})
	id := s.begin()
	spent := newSite(t, &rest.Options{EventGET: true, ClientRate: rest.Rate{PerSecond: 0.0001, Burst: 1}})
	require.Equal(t, 200, spent.do(adminSecret, "GET", "/ors/help", "").StatusCode)
	broken := newSite(t, &rest.Options{EventGET: true, Authenticators: []rest.Authenticator{rest.AuthenticatorFunc(func(*http.Request) (rest.Identity, error) { panic("x") })}})
	closed := newSite(t, &rest.Options{EventGET: true})
	require.NoError(t, closed.handler.Shutdown(t.Context()))
	late := newSite(t, &rest.Options{EventGET: true, HoldTime: time.Millisecond})
	lateID := late.begin()
	mute := newMute(t)

	body := func(op, full string) string {
		if op == "start" {
			return full
		}
		return ""
	}
	const source = "src=app:///charts/order.scxml"
	for template, item := range s.openAPI()["paths"].(object) {
		for method, raw := range item.(object) {
			if method == "parameters" {
				continue
			}
			op, method := raw.(object), strings.ToUpper(method)
			name := op["operationId"].(string)
			path := func(id string) string { return strings.NewReplacer("{id}", id, "{name}", "total").Replace(template) }
			ask := func(s *site, id, body string, header ...string) *reply {
				return s.do(adminSecret, method, path(id), body, header...)
			}
			provoke := map[string]func() *reply{
				"200": func() *reply {
					if name == "terminate" {
						return s.do(adminSecret, method, path(s.begin()), "")
					}
					return ask(s, id, body(name, source))
				},
				"307": func() *reply { return ask(s, "elsewhere", "") },
				"400": func() *reply { return s.do(adminSecret, method, path(id)+"?a=%zz", body(name, source)) },
				"401": func() *reply { return s.do("", method, path(id), "") },
				"403": func() *reply { return ask(s, id, body(name, source), "Origin", "https://evil.example") },
				"404": func() *reply { return ask(s, "unknown", "") },
				"410": func() *reply { return s.do(adminSecret, method, "/scxml/session/"+s.begin()+"/request/close", "") },
				"413": func() *reply { return ask(s, id, source+"&a="+strings.Repeat("x", 1000)) },
				"414": func() *reply { return s.do(adminSecret, method, path(id)+"?a="+strings.Repeat("x", 300), "") },
				"415": func() *reply { return ask(s, id, "<a/>", "Content-Type", "text/xml") },
				"422": func() *reply { return ask(s, id, "src=app:///charts/broken.scxml") },
				"429": func() *reply { return ask(spent, id, "") },
				"431": func() *reply { return ask(s, id, "", "X-A", strings.Repeat("a", 2000)) },
				"500": func() *reply { return ask(broken, id, "") },
				"501": func() *reply { return ask(mute, id, "") },
				"503": func() *reply { return ask(closed, id, "") },
				"504": func() *reply { return late.do(adminSecret, method, "/scxml/session/"+lateID+"/request/silence", "") },
			}
			for status := range op["responses"].(object) {
				switch {
				case status == "default", name == "events" && status == "200": // a stream does not end
					continue
				case name == "eventGet" && (status == "413" || status == "415"):
					require.Fail(t, "a GET has no body", name)
				}
				require.NotNil(t, provoke[status], status)
				require.Equal(t, status, strconv.Itoa(provoke[status]().StatusCode), "%s %s: described, but not what it answers", method, template)
			}
		}
	}
}

// newMute is a site without a Responder.
func newMute(t *testing.T) *site {
	engine, err := session.New(nil)
	require.NoError(t, err)
	s := newSite(t, &rest.Options{EventGET: true})
	h, err := rest.NewHandler(engine, &rest.Options{EventGET: true, Authenticators: []rest.Authenticator{newTokens(t)}})
	require.NoError(t, err)
	before := s.handler
	s.Server.Config.Handler, s.handler = h, h
	t.Cleanup(func() { s.handler = before; require.NoError(t, engine.Shutdown(t.Context())) })
	return s
}
