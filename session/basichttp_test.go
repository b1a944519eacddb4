package session_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// recorder is a Receiver.
type recorder struct {
	id  string
	ev  *scxml.Event
	err error
}

func (r *recorder) Send(_ context.Context, id string, ev *scxml.Event) error {
	r.id, r.ev = id, ev
	return r.err
}

func newBasicHTTP(t *testing.T, opts *session.BasicHTTPOptions) (*session.BasicHTTP, *recorder) {
	p, err := session.NewBasicHTTP(opts)
	require.NoError(t, err)
	r := &recorder{}
	require.NoError(t, p.Open(r))
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p, r
}

func object(members ...any) *datamodel.Object {
	o := datamodel.NewObject()
	for i := 0; i < len(members); i += 2 {
		o.Set(members[i].(string), members[i+1])
	}
	return o
}

func TestBasicHTTPReceives(t *testing.T) {
	p, got := newBasicHTTP(t, &session.BasicHTTPOptions{URL: "http://ors.example/scxml"})
	form := "application/x-www-form-urlencoded"
	for _, c := range []struct {
		path, contentType, header, body string
		name                            string
		data                            datamodel.Value
	}{
		{"/scxml/s1", form, "", "_scxmleventname=test&a=1&b=x+y%20z", "test", object("a", "1", "b", "x y z")},
		{"/s1", form, "", "a=1&a=2&a=3", "HTTP.POST", object("a", []datamodel.Value{"1", "2", "3"})},
		{"/s1", form, "", "some%20content", "HTTP.POST", "some content"},
		{"/s1", form, "test", "key1=value1", "test", object("key1", "value1")},
		{"/s1?_scxmleventname=q&x=1", "", "", "", "q", object("x", "1")},
		{"/s1", "", "", "", "HTTP.POST", nil},
		{"/s1", form, "", "_scxmleventname=e", "e", object()},
		{"/s1", "application/json; charset=utf-8", "e", `{"a":[1,null]}`, "e", object("a", []datamodel.Value{1.0, datamodel.Null{}})},
		{"/s1", "application/xml", "e", `<a><b/></a>`, "e", datamodel.XML{Text: "<a><b/></a>"}},
		{"/s1", "text/plain", "e", `plain`, "e", "plain"},
		{"/s1", "", "e", "bin\xff", "e", "bin\uFFFD"},
	} {
		req := httptest.NewRequest(http.MethodPost, "http://ors.example"+c.path, strings.NewReader(c.body))
		req.Header.Set("Content-Type", c.contentType)
		req.Header.Set("Authorization", "secret")
		if c.header != "" {
			req.Header.Set("_scxmleventname", c.header)
		}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, req)
		require.Equal(t, http.StatusOK, w.Code, "%+v: %s", c, w.Body)
		assert.Equal(t, "s1", got.id)
		assert.Equal(t, c.name, got.ev.Name)
		assert.True(t, datamodel.Equal(c.data, got.ev.Data), "%+v: %#v", c, got.ev.Data)
		assert.Equal(t, session.BasicHTTPProcessor, got.ev.OriginType)
		assert.True(t, strings.HasPrefix(got.ev.Raw, "POST /"), got.ev.Raw)
		assert.True(t, strings.HasSuffix(got.ev.Raw, "\r\n\r\n"+c.body), got.ev.Raw)
		assert.NotContains(t, got.ev.Raw, "secret")
	}
}

func TestBasicHTTPRefuses(t *testing.T) {
	p, got := newBasicHTTP(t, &session.BasicHTTPOptions{URL: "http://ors.example/", Body: 100})
	for _, c := range []struct {
		method, path, contentType, body string
		err                             error
		want                            int
	}{
		{"GET", "/s1", "", "", nil, http.StatusMethodNotAllowed},
		{"POST", "/s1", "", strings.Repeat("x", 101), nil, http.StatusRequestEntityTooLarge},
		{"POST", "/s1", "application/json", "{", nil, http.StatusBadRequest},
		{"POST", "/s1", "application/xml", "<a>", nil, http.StatusBadRequest},
		{"POST", "/s1", "application/xml", "<a></b>", nil, http.StatusBadRequest},
		{"POST", "/s1", "application/xml", "<a/><b/>", nil, http.StatusBadRequest},
		{"POST", "/s1", "application/x-www-form-urlencoded", "a=%zz", nil, http.StatusBadRequest},
		{"POST", "/s1", "", "", session.ErrTooLarge, http.StatusRequestEntityTooLarge},
		{"POST", "/s1", "", "", session.ErrNotFound, http.StatusNotFound},
		{"POST", "/s1", "", "", session.ErrInboxFull, http.StatusServiceUnavailable},
		{"POST", "/s1", "", "", session.ErrClosed, http.StatusServiceUnavailable},
	} {
		got.err = c.err
		req := httptest.NewRequest(c.method, "http://ors.example"+c.path, strings.NewReader(c.body))
		req.Header.Set("Content-Type", c.contentType)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, req)
		assert.Equal(t, c.want, w.Code, "%+v", c)
	}
}

// request is what a server saw.
type request struct{ method, path, contentType, body string }

func TestBasicHTTPSends(t *testing.T) {
	var got request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		got = request{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), string(body)}
		switch r.URL.Path {
		case "/bad":
			w.WriteHeader(http.StatusTeapot)
		case "/moved":
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
		}
	}))
	defer server.Close()
	p, _ := newBasicHTTP(t, &session.BasicHTTPOptions{URL: "http://ors.example/", Allow: []string{server.URL}})
	send := func(s *scxml.Send) error {
		s.Type, s.Target = "basichttp", server.URL+s.Target
		return p.Send(t.Context(), &session.Message{Effect: session.EffectID{Session: "s", Macrostep: 2, Index: 1}, Send: s})
	}
	form := "application/x-www-form-urlencoded"
	for _, c := range []struct {
		send scxml.Send
		want request
	}{
		{scxml.Send{Target: "/x", Event: &scxml.Event{Name: "e"}, Params: object("a", 1.5, "b", "x y&", "c", nil, "d", []datamodel.Value{1.0}).Members()},
			request{"POST", "/x", form, "_scxmleventname=e&a=1.5&b=x+y%26&c=&d=%5B1%5D"}},
		{scxml.Send{Target: "/x", Event: &scxml.Event{Data: "some content"}, HasContent: true},
			request{"POST", "/x", form, "some%20content"}},
		{scxml.Send{Target: "/x", Event: &scxml.Event{Name: "e", Data: object("a", 1.0)}, HasContent: true},
			request{"POST", "/x?_scxmleventname=e", "application/json", `{"a":1}`}},
		{scxml.Send{Target: "/x?y=1", Event: &scxml.Event{Name: "e", Data: datamodel.XML{Text: "<a/>"}}, HasContent: true},
			request{"POST", "/x?y=1&_scxmleventname=e", "application/xml", `<a/>`}},
	} {
		require.NoError(t, send(&c.send))
		assert.Equal(t, c.want, got)
	}
	assert.ErrorContains(t, send(&scxml.Send{Target: "/bad", Event: &scxml.Event{}}), "418")
	assert.ErrorContains(t, send(&scxml.Send{Target: "/moved", Event: &scxml.Event{}}), "307")
	err := p.Send(t.Context(), &session.Message{Send: &scxml.Send{Target: "http://elsewhere.example/", Event: &scxml.Event{}}})
	assert.ErrorIs(t, err, session.ErrDenied)

	assert.Error(t, p.Check(&scxml.Send{}))
	assert.NotErrorIs(t, p.Check(&scxml.Send{}), scxml.ErrSendTarget)
	assert.ErrorIs(t, p.Check(&scxml.Send{Target: "baz"}), scxml.ErrSendTarget)
}

func TestBasicHTTPOptions(t *testing.T) {
	for _, o := range []*session.BasicHTTPOptions{
		nil, {URL: "ors"}, {URL: "http://x/?q"}, {URL: "http://x/", Allow: []string{"y"}}, {Listen: "nowhere:x"},
	} {
		_, err := session.NewBasicHTTP(o)
		assert.Error(t, err, "%+v", o)
	}
}

// TestBasicHTTPEndToEnd lets two engines talk, and a client ask what IRP test
// 513 asks.
func TestBasicHTTPEndToEnd(t *testing.T) {
	there, err := session.NewBasicHTTP(&session.BasicHTTPOptions{Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	b := newBench(t, &session.Options{Processors: []session.IOProcessor{there}})
	id := b.start(chart(`<state id="a"><transition event="hello"><log label="hello"/></transition><transition event="test"><log label="test"/></transition></state>`))

	here, err := session.NewBasicHTTP(&session.BasicHTTPOptions{URL: "http://unused.example/", Allow: []string{there.Location("")}})
	require.NoError(t, err)
	c := newBench(t, &session.Options{Processors: []session.IOProcessor{here}})
	target := there.Location(id)
	c.start(chart(`<state id="a"><onentry><send type="basichttp" event="hello" target="` + target + `"/>
		<send type="http://www.w3.org/TR/scxml/#BasicHTTPEventProcessor" event="hello" target="` + target + `x" id="lost"/></onentry>
		<transition event="error.communication"><log label="lost"/></transition></state>`))
	assert.Equal(t, []string{"s1: lost"}, c.logged())
	assert.Equal(t, []string{"s1: hello"}, b.logged())

	req, err := http.NewRequest(http.MethodPost, target, strings.NewReader(url.Values{"key1": {"value1"}}.Encode()))
	require.NoError(t, err)
	req.Header.Set("_scxmleventname", "test")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusOK, resp.StatusCode)
	assert.Equal(t, []string{"s1: test"}, b.logged())
}

// TestBasicHTTPToItself: what a session sends to sessions of its own engine
// keeps its place in the order of effects.
func TestBasicHTTPToItself(t *testing.T) {
	p, err := session.NewBasicHTTP(&session.BasicHTTPOptions{URL: "http://ors.example/"})
	require.NoError(t, err)
	b := newBench(t, &session.Options{Processors: []session.IOProcessor{p}})
	b.start(chart(`<state id="a"><onentry><send type="basichttp" event="first" target="http://ors.example/s1"/><send event="second"/>
		<send type="basichttp" event="first" target="http://ors.example/s2" id="x"/>
		<send type="basichttp" event="first" target="http://elsewhere.example/"/></onentry>
		<transition event="first"><log label="first"/></transition><transition event="second"><log label="second"/></transition>
		<transition event="error.communication"><log label="communication"/></transition></state>`))
	assert.Equal(t, []string{"s1: first", "s1: second", "s1: communication", "s1: communication"}, b.logged())
}

// TestBasicHTTPSendBody: what is too large is not sent, and is not even put
// together: these texts would have many gigabytes.
func TestBasicHTTPSendBody(t *testing.T) {
	var got request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		got = request{body: string(body)}
	}))
	defer server.Close()
	p, _ := newBasicHTTP(t, &session.BasicHTTPOptions{URL: "http://ors.example/", Allow: []string{server.URL}, SendBody: 20})
	var value datamodel.Value = strings.Repeat("x", 1<<20)
	for range 40 {
		value = []datamodel.Value{value, value}
	}
	nested := object("a", value)
	for i, s := range []*scxml.Send{
		{Event: &scxml.Event{Data: value}, HasContent: true},
		{Event: &scxml.Event{Data: nested}, HasContent: true},
		{Event: &scxml.Event{Data: datamodel.XML{Text: "<a>" + strings.Repeat("x", 20) + "</a>"}}, HasContent: true},
		{Event: &scxml.Event{Data: strings.Repeat("\x00", 7)}, HasContent: true}, // 21 bytes when escaped
		{Event: &scxml.Event{}, Params: object("b", nested).Members()},
		{Event: &scxml.Event{}, Params: object("a", "0123456789", "b", "0123456789").Members()},
	} {
		s.Type, s.Target = "basichttp", server.URL
		assert.ErrorIs(t, p.Send(t.Context(), &session.Message{Send: s}), session.ErrTooLarge, "%d", i)
	}
	assert.Empty(t, got.body)
	s := &scxml.Send{Type: "basichttp", Target: server.URL, Event: &scxml.Event{}, Params: object("a", "0123456789", "b", "45678").Members()}
	require.NoError(t, p.Send(t.Context(), &session.Message{Send: s}))
	assert.Equal(t, "a=0123456789&b=45678", got.body)
}

// TestSendTooLarge: the session is told, by HTTP and where a form would be made
// for _event.raw.
func TestSendTooLarge(t *testing.T) {
	p, err := session.NewBasicHTTP(&session.BasicHTTPOptions{URL: "http://ors.example/"})
	require.NoError(t, err)
	parseOptions := scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}
	b := newBench(t, &session.Options{Processors: []session.IOProcessor{p}})
	doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"><datamodel><data id="a"/></datamodel>
		<state id="s"><onentry><script>a = []; for (var i = 0; i &lt; 50; i++) a.push('x'.repeat(1e5));</script>
		<send type="basichttp" target="http://ors.example/s1" event="x"><param name="a" expr="a"/></send>
		<send event="x"><param name="a" expr="a"/><param name="a" expr="a"/></send></onentry>
		<transition event="error.communication" cond="_event.data.description.indexOf('too large') &gt;= 0"><log label="too large"/></transition>
		<transition event="*"><log label="not refused"/></transition></state></scxml>`), &parseOptions)
	require.NoError(t, err)
	_, err = b.Start(deadline(t), session.StartRequest{Document: doc})
	require.NoError(t, err)
	assert.Equal(t, []string{"s1: too large", "s1: too large"}, b.logged())
}

func TestEventNamesAreBounded(t *testing.T) {
	p, err := session.NewBasicHTTP(&session.BasicHTTPOptions{URL: "http://ors.example/"})
	require.NoError(t, err)
	b := newBench(t, &session.Options{Processors: []session.IOProcessor{p}})
	id := b.start(chart(ab))
	longest := strings.Repeat("x", session.MaxEventName)
	b.send(id, longest)
	err = b.Send(deadline(t), id, &scxml.Event{Name: longest + "x"})
	assert.ErrorIs(t, err, session.ErrTooLarge)
	assert.ErrorContains(t, err, "1025 bytes, more than 1024")
	for name, want := range map[string]int{longest: http.StatusOK, longest + "x": http.StatusRequestEntityTooLarge} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "http://ors.example/"+id, strings.NewReader("_scxmleventname="+name))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		p.ServeHTTP(w, r)
		assert.Equal(t, want, w.Code)
	}
}

// TestBasicHTTPRepeats: a request that is repeated with its Idempotency-Key is
// handled once.
func TestBasicHTTPRepeats(t *testing.T) {
	p, err := session.NewBasicHTTP(&session.BasicHTTPOptions{URL: "http://host.example/events/"})
	require.NoError(t, err)
	b := newBench(t, &session.Options{Processors: []session.IOProcessor{p}})
	id := b.start(chart(`<state id="a"><transition event="*"><log label="event"/></transition></state>`))
	post := func(key string) int {
		r := httptest.NewRequest(http.MethodPost, "/"+id, strings.NewReader("_scxmleventname=e"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		return w.Code
	}
	for _, key := range []string{"a", "a", "", "", "b"} {
		require.Equal(t, http.StatusOK, post(key))
	}
	require.Len(t, b.logged(), 4)
	require.Equal(t, http.StatusBadRequest, post(strings.Repeat("k", 300)))
}
