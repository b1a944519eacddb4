package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session/rest"
)

// What clients of Orchestration Server send, in the forms in which they send it.
func TestFormsOfStart(t *testing.T) {
	s := newSite(t, &rest.Options{EventGET: true})
	const src, path = "app:///charts/order.scxml", "/scxml/session/start"
	for _, x := range []struct{ name, path, kind, body string }{
		{"form", path, "application/x-www-form-urlencoded", "src=" + src + "&total=%C3%A9"},
		{"form with a charset", path, "application/x-www-form-urlencoded; charset=UTF-8", "src=" + src + "&total=%C3%A9"},
		{"form of Apache HttpClient", path, "application/x-www-form-urlencoded; charset=ISO-8859-1", "src=" + src + "&total=%E9"},
		{"form in capitals", path, "Application/X-WWW-Form-URLencoded", "src=" + src + "&total=%C3%A9"},
		{"form without a type", path, "", "src=" + src + "&total=%C3%A9"},
		{"JSON", path, "application/json", `{"src":"` + src + `","total":"é"}`},
		{"JSON with a charset", path, "application/json;charset=utf-8", `{"src":"` + src + `","total":"\u00e9"}`},
		{"query", path + "?src=" + src + "&total=%C3%A9", "", ""},
		{"query with an empty body of a type", path + "?src=" + src + "&total=%C3%A9", "application/json", ""},
		{"query and form", path + "?src=nothing&total=%C3%A9", "application/x-www-form-urlencoded", "src=" + src},
		{"prefix", "/ors" + path, "application/x-www-form-urlencoded", "src=" + src + "&total=%C3%A9"},
		{"slash at the end", path + "/", "application/x-www-form-urlencoded", "src=" + src + "&total=%C3%A9"},
		{"prefix and slash", "/ors" + path + "/?total=%C3%A9", "application/json", `{"src":"` + src + `"}`},
	} {
		r := s.do(startSecret, "POST", x.path, x.body, "Content-Type", x.kind)
		require.Equal(t, 200, r.StatusCode, "%s: %s", x.name, r.text)
		require.Equal(t, "application/json", r.Header.Get("Content-Type"))
		id := r.json(t)["sessionid"].(string)
		require.Len(t, r.json(t), 1)
		s.settle()
		state := s.do(querySecret, "GET", "/scxml/session/"+id+"/query", "").json(t)
		require.Equal(t, "é", state["data"].(map[string]any)["total"], x.name)
	}
	s.problem(s.do(startSecret, "POST", path, `{"src":"`+src+`"}`, "Content-Type", "application/json; charset=iso-8859-1"), 415)
	s.problem(s.do(startSecret, "POST", path, "src="+src, "Content-Type", "text/plain"), 415)
}

func TestFormsOfCalls(t *testing.T) {
	s := newSite(t, &rest.Options{EventGET: true})
	base := "/scxml/session/" + s.begin()
	for _, x := range []struct{ method, path, kind, body string }{
		{"GET", base + "/event/add?price=1", "", ""},
		{"POST", base + "/event/add?price=1", "", ""},
		{"POST", base + "/event/add/?price=1", "application/json", ""},
		{"POST", "/ors" + base + "/event/add", "application/json; charset=utf-8", `{"price":1}`},
		{"POST", base + "/event/add", "application/x-www-form-urlencoded", "price=1"},
		{"POST", base + "/event/add%2Eb?price=1", "", ""},
	} {
		r := s.do(eventSecret, x.method, x.path, x.body, "Content-Type", x.kind)
		require.Equal(t, 200, r.StatusCode, "%+v: %s", x, r.text)
		require.JSONEq(t, "{}", r.text)
	}
	require.Contains(t, s.do(eventSecret, "POST", base+"/request/total/", "").text, "6")
	require.Equal(t, 200, s.do(querySecret, "GET", "/ors"+base+"/query/", "").StatusCode)
	r := s.do(adminSecret, "POST", base+"/terminate", "{}", "Content-Type", "application/json")
	require.Equal(t, 200, r.StatusCode, r.text)
	require.JSONEq(t, "{}", r.text)
	s.settle()
	require.Zero(t, s.engine.Len())
}

func TestMethodsThatAreNotUsed(t *testing.T) {
	s := newSite(t, nil)
	base := "/scxml/session/" + s.begin()
	for _, x := range []struct{ path, allow string }{
		{"/scxml/session/start", "POST"}, {"/ors/scxml/session/start/", "POST"}, {base + "/event/add", "POST"}, {base + "/request/total", "POST"},
		{base + "/terminate", "POST"}, {base + "/query", "GET"}, {"/ors/help", "GET"}, {"/ors/v1/sessions", "GET"},
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"} {
			if method == x.allow || method == "HEAD" && x.allow == "GET" {
				continue
			}
			r := s.do(adminSecret, method, x.path, "")
			require.Equal(t, 405, r.StatusCode, "%s %s", method, x.path)
			require.Equal(t, x.allow, r.Header.Get("Allow"))
		}
		r := s.do(adminSecret, "OPTIONS", x.path, "")
		require.Equal(t, 204, r.StatusCode)
		require.Equal(t, x.allow, r.Header.Get("Allow"))
		s.problem(s.do("", "OPTIONS", x.path, ""), 401)
		if x.allow == "GET" {
			get, head := s.do(adminSecret, "GET", x.path, ""), s.do(adminSecret, "HEAD", x.path, "")
			require.Equal(t, 200, head.StatusCode)
			require.Empty(t, head.text)
			require.Equal(t, get.Header.Get("Content-Type"), head.Header.Get("Content-Type"))
		}
	}
	require.Equal(t, 1, s.engine.Len())
}

// The cookie is what a balancer reads: the id, and the number of the node.
func TestCookie(t *testing.T) {
	s := newSite(t, &rest.Options{Node: 1576, TrustedProxies: nil})
	r := s.do(startSecret, "POST", "/scxml/session/start", "src=app:///charts/order.scxml")
	cookies := r.Cookies()
	require.Len(t, cookies, 1)
	require.Equal(t, "ORSSESSIONID", cookies[0].Name)
	require.Equal(t, r.json(t)["sessionid"].(string)+".node1576", cookies[0].Value)
	require.False(t, cookies[0].Secure, "not over TLS")
	require.True(t, cookies[0].HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookies[0].SameSite)
	// It is the balancer's, and no credential.
	s.problem(s.do("", "GET", "/ors/help", "", "Cookie", cookies[0].Name+"="+cookies[0].Value), 401)
	none := newSite(t, nil).do(startSecret, "POST", "/scxml/session/start", "src=app:///charts/order.scxml")
	require.Empty(t, none.Cookies())
}

func TestRedirectKeepsWhatWasAskedFor(t *testing.T) {
	s := newSite(t, &rest.Options{Owners: fixedOwner{}, EventGET: true})
	for _, path := range []string{"/scxml/session/elsewhere/event/add?a=%201&b=%2F", "/ors/scxml/session/elsewhere/event/add?a=%201&b=%2F", "/scxml/session/elsewhere/event/add/?a=%201&b=%2F"} {
		for _, method := range []string{"GET", "POST"} {
			r := s.do(eventSecret, method, path, "")
			require.Equal(t, 307, r.StatusCode)
			require.Equal(t, "https://two.example/base/scxml/session/elsewhere/event/add?a=%201&b=%2F", r.Header.Get("Location"))
			require.Empty(t, strings.TrimSpace(r.text))
		}
	}
}
