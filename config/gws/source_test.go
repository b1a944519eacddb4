package gws_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/config/gws"
)

func token(context.Context) (string, error) { return "t1", nil }

// source is a Source of an api.
func source(t *testing.T, a *api, opts gws.Options) *gws.Source {
	t.Helper()
	opts.Client = &http.Client{Transport: a}
	if opts.Switches == nil {
		opts.Switches = map[string]string{"102": "Hill"}
	}
	s, err := gws.New(base, token, &opts)
	require.NoError(t, err)
	return s
}

func TestRead(t *testing.T) {
	a := newAPI()
	o, err := source(t, a, gws.Options{Tenant: "Bikes", APIKey: "k"}).Read(context.Background())
	require.NoError(t, err)

	require.Len(t, o.Persons, 2)
	mo := o.Persons[0]
	assert.Equal(t, config.ID{Kind: config.KindPerson, Tenant: "Bikes", Name: "1001"}, mo.ID())
	assert.Equal(t, "mo Mo Rim mo@bikes.example true Bench1", fmt.Sprint(mo.UserName, " ", mo.FirstName, " ", mo.LastName, " ", mo.Email, " ", mo.Agent, " ", mo.Place))
	assert.Equal(t, config.SkillLevels{{Skill: "Brakes", Level: 8}, {Skill: "Tyres", Level: 2}}, mo.Skills)
	assert.Equal(t, []config.Login{{Switch: "Harbour", Code: "71001", WrapupTime: 15}}, mo.Logins)
	ada := o.Persons[1]
	assert.Equal(t, "ada", ada.EmployeeID, "the user name, where there is no employee id")
	assert.True(t, ada.Disabled)
	assert.False(t, ada.Agent)
	assert.Equal(t, config.Options{{Name: "htcc", Options: []config.Option{{Name: "roles", Value: "ROLE_AGENT"}, {Name: "password", Value: "spoke", Secret: true}}}}, ada.Annex)

	require.Len(t, o.DNs, 3)
	assert.Equal(t, "0601@Harbour Extension false", fmt.Sprint(o.DNs[0].ID().Name, " ", o.DNs[0].Type, " ", o.DNs[0].Disabled))
	assert.True(t, o.DNs[1].Disabled)
	assert.Equal(t, "5000@Hill RoutingPoint 5000_Hill", fmt.Sprint(o.DNs[2].ID().Name, " ", o.DNs[2].Type, " ", o.DNs[2].Alias), "a switch of Options.Switches")
	application, ok := o.DNs[2].Annex.Value("Orchestration", "application")
	assert.True(t, ok)
	assert.Equal(t, "script:Repair", application, "properties as a list of pairs")

	require.Len(t, o.Skills, 2)
	require.Len(t, o.Places, 1)
	assert.Equal(t, []string{"0601@Harbour"}, o.Places[0].DNs)
	require.Len(t, o.AgentGroups, 1)
	assert.Equal(t, []string{"1001", "ada"}, o.AgentGroups[0].Agents)
	require.Len(t, o.DNGroups, 1)
	assert.Equal(t, []string{"5000@Hill"}, o.DNGroups[0].DNs)
	assert.Equal(t, "RoutingPoints", o.DNGroups[0].Type)
	var told []string
	for _, w := range o.Warnings {
		told = append(told, w.Problem)
	}
	assert.Equal(t, []string{"1 agents of agent groups that are no users are left out", "1 DNs of DN groups that are not read are left out", "1 phones of users that are no DNs are left out"}, told)

	asked := a.asked()
	assert.Equal(t, "POST /initialize-provisioning", asked[0])
	assert.Contains(t, asked, "GET /users?limit=100&offset=0&sortBy=userName")
	assert.Contains(t, asked, "GET /objects/dns?dn_type=CFGVirtACDQueue&limit=100&offset=0&sort_key=DBID&sort_method=numeric")
	assert.Len(t, asked, 1+1+11+3)
}

// The whole configuration: applications and scripts from files, what the API has from there.
func TestJoin(t *testing.T) {
	site := &fixed{&config.Objects{
		Tenants:  []*config.Tenant{{Name: "Bikes"}},
		Switches: []*config.Switch{{Name: "Harbour", Tenant: "Bikes"}, {Name: "Hill", Tenant: "Bikes"}},
		Scripts:  []*config.Script{{Name: "Repair", Tenant: "Bikes", Annex: config.Options{}.Set("Application", "url", "http://apps.example/a.scxml")}},
	}}
	a := newAPI()
	l, err := config.Open(context.Background(), config.Join(site, source(t, a, gws.Options{Tenant: "Bikes"})), &config.LiveOptions{Interval: -1})
	require.NoError(t, err)
	defer l.Close()
	st, err := l.Site().Resolve("5000")
	require.NoError(t, err)
	assert.Equal(t, "http://apps.example/a.scxml", st.URL)

	a.set("/objects/skills", `{"DBID": "401", "name": "Brakes"}`)
	o, err := source(t, a, gws.Options{Tenant: "Bikes"}).Read(context.Background())
	require.NoError(t, err)
	_, err = config.NewSite(o, nil)
	assert.ErrorContains(t, err, `https://gws.example/provisioning/v3/users: Person 1001 of tenant Bikes: skills: there is no Skill "Tyres"`)
}

// Persons and places alone: their DNs come from elsewhere.
func TestKinds(t *testing.T) {
	a := newAPI()
	o, err := source(t, a, gws.Options{Kinds: []config.Kind{config.KindPlace, config.KindDNGroup}}).Read(context.Background())
	require.NoError(t, err)
	assert.Empty(t, o.Persons)
	assert.Empty(t, o.DNs)
	assert.Len(t, o.DNGroups, 1)
	assert.Len(t, o.Places, 1)
	o, err = source(t, a, gws.Options{Kinds: []config.Kind{config.KindPerson, config.KindPlace}}).Read(context.Background())
	require.NoError(t, err)
	assert.Equal(t, []string{"0601@Harbour", "0999@Harbour"}, o.Places[0].DNs)
	assert.Empty(t, o.Warnings)
}

// Without a count, pages are read until one is empty.
func TestPagesWithoutCount(t *testing.T) {
	a := newAPI()
	a.before = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/skills") {
			return false
		}
		items := []any{}
		if offset := r.URL.Query().Get("offset"); offset < "3" {
			items = append(items, map[string]any{"DBID": offset, "name": "s" + offset})
		}
		reply(w, map[string]any{"skills": items})
		return true
	}
	o, err := source(t, a, gws.Options{Kinds: []config.Kind{config.KindSkill}, PageSize: 50}).Read(context.Background())
	require.NoError(t, err)
	assert.Len(t, o.Skills, 3)
}

// fixed is a Source that does not change.
type fixed struct{ objects *config.Objects }

func (f *fixed) Read(context.Context) (*config.Objects, error) {
	o := f.objects
	if f.objects = nil; o == nil {
		return nil, config.ErrUnchanged
	}
	return o, nil
}

func TestPages(t *testing.T) {
	a := newAPI()
	var users []string
	for i := range 250 {
		users = append(users, fmt.Sprintf(`{"DBID": %d, "userName": "u%d"}`, i+1, i))
	}
	a.set("/users", users...)
	o, err := source(t, a, gws.Options{Kinds: []config.Kind{config.KindPerson}}).Read(context.Background())
	require.NoError(t, err)
	assert.Len(t, o.Persons, 250)
	assert.Equal(t, []string{"POST /initialize-provisioning", "GET /users?limit=100&offset=0&sortBy=userName",
		"GET /users?limit=100&offset=100&sortBy=userName", "GET /users?limit=100&offset=200&sortBy=userName"}, a.asked())

	_, err = source(t, a, gws.Options{Kinds: []config.Kind{config.KindPerson}, Limit: 249}).Read(context.Background())
	assert.EqualError(t, err, "gws: /provisioning/v3/users: 200 OK: there are more than 249 objects (Options.Limit)")
}

// A list that changes while it is read is read again.
func TestPagesShift(t *testing.T) {
	for name, after := range map[string][]string{
		"one less":           {`{"DBID": 2, "userName": "b"}`, `{"DBID": 3, "userName": "c"}`},
		"one less, one more": {`{"DBID": 9, "userName": "0"}`, `{"DBID": 1, "userName": "a"}`, `{"DBID": 2, "userName": "b"}`},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI()
			a.set("/users", `{"DBID": 1, "userName": "a"}`, `{"DBID": 2, "userName": "b"}`, `{"DBID": 3, "userName": "c"}`)
			a.before = func(_ http.ResponseWriter, r *http.Request) bool {
				if r.URL.Query().Get("offset") == "1" {
					a.set("/users", after...)
				}
				return false
			}
			o, err := source(t, a, gws.Options{Kinds: []config.Kind{config.KindPerson}, PageSize: 1}).Read(context.Background())
			require.NoError(t, err)
			assert.Len(t, o.Persons, len(after))
		})
	}
	a, n := newAPI(), 0
	a.before = func(http.ResponseWriter, *http.Request) bool {
		n++
		var users []string
		for i := range 10 + n {
			users = append(users, fmt.Sprintf(`{"DBID": %d}`, i))
		}
		a.set("/users", users...)
		return false
	}
	_, err := source(t, a, gws.Options{Kinds: []config.Kind{config.KindPerson}, PageSize: 1}).Read(context.Background())
	assert.ErrorContains(t, err, "the list has changed during each of 4 readings")
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, a := context.Background(), newAPI()
		s := source(t, a, gws.Options{Refresh: time.Minute})
		_, err := s.Read(ctx)
		require.NoError(t, err)
		a.asked()
		advance := func(d time.Duration) { <-time.After(d) }
		advance(59 * time.Second)
		_, err = s.Read(ctx)
		assert.ErrorIs(t, err, config.ErrUnchanged)
		assert.Empty(t, a.asked(), "it is not time yet")
		advance(time.Second)
		_, err = s.Read(ctx)
		assert.ErrorIs(t, err, config.ErrUnchanged)
		assert.NotEmpty(t, a.asked(), "the API is asked, and has nothing new")
		a.set("/objects/skills", `{"DBID": "401", "name": "Brakes"}`)
		s.Expire()
		o, err := s.Read(ctx)
		require.NoError(t, err)
		assert.Len(t, o.Skills, 1)

		// After a failure what is read counts as new.
		a.change(func() { a.before = down })
		advance(time.Minute)
		_, err = s.Read(ctx)
		require.Error(t, err)
		_, err = s.Read(ctx)
		assert.ErrorIs(t, err, config.ErrUnchanged, "not again at once")
		a.change(func() { a.before = nil })
		advance(30 * time.Second)
		o, err = s.Read(ctx)
		require.NoError(t, err)
		assert.Len(t, o.Skills, 1)

		// Not before the server wishes.
		a.change(func() {
			a.before = func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Retry-After", "300")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			}
		})
		advance(time.Minute)
		_, err = s.Read(ctx)
		require.Error(t, err)
		a.asked()
		advance(299 * time.Second)
		_, err = s.Read(ctx)
		assert.ErrorIs(t, err, config.ErrUnchanged)
		assert.Empty(t, a.asked())
		advance(time.Second)
		a.change(func() { a.before = nil })
		_, err = s.Read(ctx)
		require.NoError(t, err)
		require.NoError(t, s.Close(ctx))
		assert.Equal(t, "", a.session)
		require.NoError(t, s.Close(ctx))
	})
}

func down(w http.ResponseWriter, _ *http.Request) bool {
	w.WriteHeader(http.StatusServiceUnavailable)
	return true
}

func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, a, n := context.Background(), newAPI(), 0
		a.before = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/users") {
				return false
			}
			switch n++; n {
			case 1:
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			case 2:
				return down(w, r)
			case 3:
				panic(http.ErrAbortHandler)
			}
			return false
		}
		transport := abortable{a}
		s, err := gws.New(base, token, &gws.Options{Client: &http.Client{Transport: transport}, Kinds: []config.Kind{config.KindPerson}})
		require.NoError(t, err)
		start := time.Now()
		_, err = s.Read(ctx)
		require.NoError(t, err)
		assert.Equal(t, 7*time.Second+time.Second+2*time.Second, time.Since(start), "as the server says, then twice the pause of before")

		for name, c := range map[string]struct {
			answer func(w http.ResponseWriter)
			pause  time.Duration
			want   string
		}{
			"unavailable": {func(w http.ResponseWriter) { refuse(w, 503, "no\x07w") }, 3500 * time.Millisecond, "gws: /provisioning/v3/users: 503 Service Unavailable: the server has failed; its log says why (it says: no w)"},
			"a long wait": {func(w http.ResponseWriter) { w.Header().Set("Retry-After", "3600"); w.WriteHeader(429) }, 0, "429 Too Many Requests: too many requests: raise Options.Refresh"},
			"a date": {func(w http.ResponseWriter) {
				w.Header().Set("Retry-After", time.Now().Add(90*time.Second).UTC().Format(http.TimeFormat))
				w.WriteHeader(429)
			}, 0, "429"},
			"forbidden":    {func(w http.ResponseWriter) { refuse(w, 403, "") }, 0, "403 Forbidden: the user of the token, or the API key, may not read this"},
			"gone":         {func(w http.ResponseWriter) { refuse(w, 404, "") }, 0, "the base URL ends in /provisioning/v3"},
			"moved":        {func(w http.ResponseWriter) { w.Header().Set("Location", "https://evil.example/"); w.WriteHeader(302) }, 0, "302 Found: the API has moved"},
			"not JSON":     {func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") }, 0, "200 OK: the answer is not the JSON that the API describes"},
			"cut":          {func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"data": {"users": [`) }, 0, "not the JSON"},
			"a code":       {func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"status": {"code": 13, "message": "busy"}}`) }, 0, "the API reports code 13: busy"},
			"nothing":      {func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{}`) }, 0, "the answer has neither data.users nor a data.totalCount of 0"},
			"no list":      {func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"data": {"users": {}}}`) }, 0, "data.users is not a list"},
			"a bad count":  {func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"data": {"users": [], "totalCount": "x"}}`) }, 0, `data.totalCount is "x", not a number`},
			"a count list": {func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"data": {"users": [], "totalCount": []}}`) }, 0, `data.totalCount is not a number`},
			"an early end": {func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"data": {"users": [], "totalCount": 3}}`) }, 0, "the pages end after 0 of 3 objects"},
			"huge":         {func(w http.ResponseWriter) { _, _ = io.WriteString(w, strings.Repeat(" ", 2000)) }, 0, "the answer has more than 1000 bytes (Options.Bytes)"},
		} {
			a := newAPI()
			a.before = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.HasSuffix(r.URL.Path, "/users") {
					c.answer(w)
					return true
				}
				return false
			}
			start := time.Now()
			_, err := source(t, a, gws.Options{Kinds: []config.Kind{config.KindPerson}, Bytes: 1000}).Read(ctx)
			assert.ErrorContains(t, err, c.want, name)
			assert.Equal(t, c.pause, time.Since(start), name)
			assert.NotContains(t, fmt.Sprint(err), "t1", "no token")
			var e *gws.Error
			if assert.ErrorAs(t, err, &e) {
				assert.Equal(t, "/provisioning/v3/users", e.Path)
			}
		}
	})
}

// abortable makes an error of the network of an aborted handler.
type abortable struct{ a *api }

func (t abortable) RoundTrip(r *http.Request) (response *http.Response, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("connection reset")
		}
	}()
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	t.a.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestSlowAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI()
		a.before = func(_ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return true
		}
		s := source(t, a, gws.Options{Timeout: 3 * time.Second, Attempts: 2})
		start := time.Now()
		_, err := s.Read(context.Background())
		assert.EqualError(t, err, "gws: /provisioning/v3/initialize-provisioning: no answer from gws.example within 3s (Options.Timeout)")
		assert.Equal(t, 6500*time.Millisecond, time.Since(start))

		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start = time.Now()
		_, err = s.Read(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start), "ctx ends it all")
	})
}

func TestTokens(t *testing.T) {
	ctx, a := context.Background(), newAPI()
	given := []string{}
	next := "t1"
	s, err := gws.New(base, func(context.Context) (string, error) {
		given = append(given, next)
		return next, nil
	}, &gws.Options{Client: &http.Client{Transport: a}, Switches: map[string]string{"102": "Hill"}})
	require.NoError(t, err)
	_, err = s.Read(ctx)
	require.NoError(t, err)

	// The token runs out: the next one begins a session anew.
	a.change(func() { a.token = "t2" })
	calls := 0
	s2, err := gws.New(base, func(context.Context) (string, error) {
		if calls++; calls == 1 {
			return "t1", nil
		}
		return "t2", nil
	}, &gws.Options{Client: &http.Client{Transport: a}, Switches: map[string]string{"102": "Hill"}})
	require.NoError(t, err)
	_, err = s2.Read(ctx)
	require.NoError(t, err)

	// The server forgets the session.
	a.change(func() { a.session = "another" })
	a.asked()
	s2.Expire()
	_, err = s2.Read(ctx)
	assert.ErrorIs(t, err, config.ErrUnchanged)
	assert.Equal(t, []string{"GET /users?limit=100&offset=0&sortBy=userName", "POST /initialize-provisioning", "GET /users?limit=100&offset=0&sortBy=userName"}, a.asked()[:3])

	a.change(func() { a.token = "t3" })
	s2.Expire()
	_, err = s2.Read(ctx)
	assert.ErrorContains(t, err, "401 Unauthorized: the token is not accepted")
	for want, f := range map[string]func(context.Context) (string, error){
		"there is no token: the vault is sealed": func(context.Context) (string, error) { return "", errors.New("the vault is sealed") },
		"the token is empty, or has line breaks": func(context.Context) (string, error) { return "a\nb", nil },
		"the token is empty":                     func(context.Context) (string, error) { return " ", nil },
	} {
		s, err := gws.New(base, f, &gws.Options{Client: &http.Client{Transport: a}})
		require.NoError(t, err)
		_, err = s.Read(ctx)
		assert.ErrorContains(t, err, want)
	}
}

func TestObjectsThatMakeNoSense(t *testing.T) {
	for want, c := range map[string][2]string{
		"users 1: is not an object":                                            {"/users", `7`},
		"users 1: employeeID, or userName, is missing":                         {"/users", `{"DBID": 1}`},
		`users 1: the level of a skill is "x", not a number from 0`:            {"/users", `{"userName": "a", "skills": [{"name": "s", "level": "x"}]}`},
		`users 1: skills is object, which the API does not describe`:           {"/users", `{"userName": "a", "skills": {}}`},
		`a text, a number or a truth value is expected`:                        {"/users", `{"userName": []}`},
		`users 1: userProperties is neither an object of sections nor a list`:  {"/users", `{"userName": "a", "userProperties": 3}`},
		`users 1: userProperties is a list of something else than pairs`:       {"/users", `{"userName": "a", "userProperties": [1]}`},
		`dns 1: number is missing`:                                             {"/objects/dns?CFGExtension", `{}`},
		`dns 1: the DN 5 has no switch.name, and Options.Switches has no name`: {"/objects/dns?CFGExtension", `{"number": 5, "switchDBID": 9}`},
		`skills 1: name is missing`:                                            {"/objects/skills", `{}`},
		`agent-groups 1: CfgGroup.name is missing`:                             {"/objects/agent-groups", `{}`},
	} {
		a := newAPI()
		a.set(c[0], c[1])
		s := source(t, a, gws.Options{})
		_, err := s.Read(context.Background())
		var wrong config.Errors
		require.ErrorAs(t, err, &wrong, want)
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, base)
	}
}

func TestNew(t *testing.T) {
	for want, c := range map[string]struct {
		url  string
		opts *gws.Options
	}{
		"not a URL":                           {"https://a b/%zz", nil},
		`the scheme "ftp"`:                    {"ftp://gws.example", nil},
		`the scheme "" and the host ""`:       {"gws.example/provisioning/v3", nil},
		"has a user":                          {"https://a:secret@gws.example", nil},
		"gws.example is not encrypted":        {"http://gws.example/provisioning/v3", nil},
		"want a path such as /notifications":  {base, &gws.Options{Notifications: "cometd"}},
		"no objects of the kind Application":  {base, &gws.Options{Kinds: []config.Kind{config.KindApplication}}},
		"no DNs of the type InteractionQueue": {base, &gws.Options{DNTypes: []config.DNType{config.InteractionQueue}}},
	} {
		_, err := gws.New(c.url, token, c.opts)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "secret")
	}
	_, err := gws.New(base, nil, nil)
	assert.ErrorContains(t, err, "needs a function that gives the access token")
	_, err = gws.New("http://gws.example/provisioning/v3", token, &gws.Options{PlainHTTP: true})
	assert.NoError(t, err)
}

// Over TLS and a network: the certificate is checked, and the session is a cookie.
func TestTLS(t *testing.T) {
	a := newAPI()
	server := httptest.NewUnstartedServer(a)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	opts := &gws.Options{Client: server.Client(), Switches: map[string]string{"102": "Hill"}}
	s, err := gws.New(server.URL+"/provisioning/v3/", token, opts)
	require.NoError(t, err)
	o, err := s.Read(context.Background())
	require.NoError(t, err)
	assert.Len(t, o.Persons, 2)
	assert.Equal(t, 1, a.sessions)

	s, err = gws.New(server.URL+"/provisioning/v3", token, &gws.Options{Attempts: 1})
	require.NoError(t, err)
	_, err = s.Read(context.Background())
	assert.ErrorContains(t, err, "certificate")
}

func FuzzAnswers(f *testing.F) {
	f.Add(`{"status":{"code":0},"data":{"users":[{"userName":"a","phones":[{"number":"1","placeName":"p"}]}],"totalCount":1}}`)
	f.Add(`{"data":{"dns":[{"number":1,"switch":{"name":"a"},"userProperties":[{"key":"a","value":[{"key":"b","value":1}]}]}],"agent-groups":[{"CfgGroup":{"name":"g"}}],"users":[],"totalCount":1}}`)
	f.Fuzz(func(t *testing.T, body string) {
		s, err := gws.New(base, token, &gws.Options{Client: &http.Client{Transport: constant(body)}, Attempts: 1, DNTypes: []config.DNType{config.Extension}, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		o, err := s.Read(context.Background())
		if err == nil {
			_, _ = config.NewSite(o, nil) // it may be refused
		}
	})
}

// constant answers everything with the same body.
type constant string

func (c constant) RoundTrip(r *http.Request) (*http.Response, error) {
	body := string(c)
	if strings.HasSuffix(r.URL.Path, "/initialize-provisioning") {
		body = "{}"
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body)), Request: r, Header: http.Header{}}, nil
}

func BenchmarkRead(b *testing.B) {
	a := newAPI()
	users, dns := make([]string, 5_000), make([]string, 20_000)
	for i := range users {
		users[i] = fmt.Sprintf(`{"DBID": "%d", "userName": "agent%d", "employeeID": "a%d", "enabled": true, "isAgent": true, "loginCode": "%d", "switchNames": ["Main"], "skills": [{"name": "Sales", "level": 5}, {"name": "German", "level": 8}]}`, i+1, i, i, i)
	}
	for i := range dns {
		dns[i] = fmt.Sprintf(`{"DBID": "%d", "switchDBID": "101", "number": "%d", "state": "CFGEnabled", "switch": {"name": "Main"}, "userProperties": {"Orchestration": {"application": "script:Sales"}}}`, i+1, 10000+i)
	}
	a.lists = map[string][]string{"/users": users, "/objects/dns?CFGRoutingPoint": dns}
	b.ReportAllocs()
	for b.Loop() {
		s, err := gws.New(base, token, &gws.Options{Client: &http.Client{Transport: a}, Kinds: []config.Kind{config.KindPerson, config.KindDN}})
		if err != nil {
			b.Fatal(err)
		}
		o, err := s.Read(context.Background())
		if err != nil || len(o.DNs) != 20_000 || len(o.Persons) != 5_000 {
			b.Fatal(err)
		}
		a.asked()
	}
}
