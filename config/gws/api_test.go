package gws_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"time"
)

const base = "https://gws.example/provisioning/v3"

// api is a server of the Provisioning API, as its published clients describe it.
type api struct {
	mu       sync.Mutex
	lists    map[string][]string // by path, with the type of DNs behind a "?"
	token    string              // that is accepted
	session  string              // that is accepted; empty: none has begun
	sessions int
	requests []string                                                 // method, path and query
	before   func(w http.ResponseWriter, r *http.Request) (done bool) // may answer instead
	events   chan string                                              // what CometD tells
	clients  int
	watched  []string
}

func newAPI() *api {
	return &api{token: "t1", events: make(chan string), lists: map[string][]string{
		"/users": {
			`{"DBID": "201", "userName": "mo", "employeeID": "1001", "firstName": "Mo", "lastName": "Rim", "emailAddress": "mo@bikes.example", "enabled": true, "isAgent": true,
			  "loginCode": "71001", "wrapUpTime": 15.0, "switchNames": ["Harbour"], "placeNames": [], "password": "never read",
			  "phones": [{"number": "0601", "placeName": "Bench1", "isDefault": true}, {"number": "0999", "placeName": "Bench1"}],
			  "skills": [{"name": "Brakes", "level": "8"}, {"name": "Tyres", "level": 2}], "agentGroups": ["Repairs"], "new": {"x": [1]}}`,
			`{"DBID": 202, "userName": "ada", "enabled": false, "isAgent": "false", "userProperties": {"htcc": {"roles": "ROLE_AGENT", "password": "spoke", "deep": {"x": 1}}}}`,
		},
		"/objects/dns?CFGExtension": {
			`{"DBID": "301", "switchDBID": "101", "tenantDBID": "1", "type": "CFGExtension", "number": "0601", "state": "CFGEnabled", "switch": {"DBID": "101", "name": "Harbour"}}`,
			`{"DBID": "302", "switchDBID": "101", "number": "0602", "state": "CFGDisabled", "switch": {"name": "Harbour"}}`,
		},
		"/objects/dns?CFGRoutingPoint": {
			`{"DBID": "303", "switchDBID": "102", "number": "5000", "name": "5000_Hill", "userProperties": [{"key": "Orchestration", "type": "kvlist", "value": [{"key": "application", "type": "str", "value": "script:Repair"}]}]}`,
		},
		"/objects/skills":       {`{"DBID": "401", "name": "Brakes"}`, `{"DBID": "402", "name": "Tyres"}`},
		"/objects/agent-groups": {`{"CfgGroup": {"DBID": "501", "name": "Repairs", "state": "CFGEnabled"}, "agentDBIDs": ["201", "202", "999"]}`},
		"/objects/dn-groups":    {`{"CfgGroup": {"DBID": "601", "name": "Entrances"}, "type": "CFGRoutingPoints", "DNs": [{"DNDBID": "303", "trunks": "0"}, {"DNDBID": "999"}]}`},
	}}
}

func reply(w http.ResponseWriter, data any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"status": map[string]any{"code": 0}, "data": data})
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": map[string]any{"code": status * 10, "message": message}})
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/provisioning/v3")
	a.mu.Lock()
	line := r.Method + " " + path
	if q := r.URL.RawQuery; q != "" {
		line += "?" + q
	}
	a.requests = append(a.requests, line)
	before, token, session := a.before, a.token, a.session
	a.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	cookie, err := r.Cookie("PROVISIONING_SESSIONID")
	switch {
	case !ok:
		refuse(w, http.StatusNotFound, "")
	case r.Header.Get("Authorization") != "Bearer "+token:
		refuse(w, http.StatusUnauthorized, "expired")
	case path == "/initialize-provisioning":
		a.mu.Lock()
		a.sessions++
		a.session = fmt.Sprint("s", a.sessions)
		session = a.session
		a.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: "PROVISIONING_SESSIONID", Value: session, Path: "/", Secure: true, HttpOnly: true})
		reply(w, map[string]any{})
	case err != nil || cookie.Value != session || session == "":
		refuse(w, http.StatusUnauthorized, "no session")
	case path == "/logout":
		a.mu.Lock()
		a.session = ""
		a.mu.Unlock()
		reply(w, nil)
	case path == "/operations/watch-objects":
		var body struct{ Types []string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		a.mu.Lock()
		a.watched = body.Types
		a.mu.Unlock()
		reply(w, nil)
	case strings.HasPrefix(path, "/notifications"):
		a.cometd(w, r)
	default:
		a.list(w, r, path)
	}
}

// list answers one page.
func (a *api) list(w http.ResponseWriter, r *http.Request, path string) {
	key := path[strings.LastIndex(path, "/")+1:]
	q := r.URL.Query()
	name := path
	if t := q.Get("dn_type"); t != "" {
		name += "?" + t
	}
	limit, err1 := strconv.Atoi(q.Get("limit"))
	offset, err2 := strconv.Atoi(q.Get("offset"))
	if err1 != nil || err2 != nil || limit > 100 {
		refuse(w, http.StatusBadRequest, "limit and offset")
		return
	}
	a.mu.Lock()
	all := a.lists[name]
	a.mu.Unlock()
	page := []json.RawMessage{}
	for i := offset; i < min(offset+limit, len(all)); i++ {
		page = append(page, json.RawMessage(all[i]))
	}
	reply(w, map[string]any{key: page, "totalCount": len(all)})
}

func (a *api) cometd(w http.ResponseWriter, r *http.Request) {
	var messages []map[string]any
	if err := json.NewDecoder(r.Body).Decode(&messages); err != nil || len(messages) != 1 {
		refuse(w, http.StatusBadRequest, "one message is wanted")
		return
	}
	m := messages[0]
	out := map[string]any{"channel": m["channel"], "successful": true}
	replies := []any{out}
	a.mu.Lock()
	client := fmt.Sprint("c", a.clients)
	a.mu.Unlock()
	switch m["channel"] {
	case "/meta/handshake":
		a.mu.Lock()
		a.clients++
		client = fmt.Sprint("c", a.clients)
		a.mu.Unlock()
		out["clientId"] = client
	case "/meta/connect":
		if m["clientId"] != client {
			out["successful"], out["error"] = false, "402::unknown client"
			break
		}
		select {
		case e := <-a.events:
			replies = append(replies, map[string]any{"channel": "/objects", "data": map[string]any{"channel": e}})
		case <-time.After(30 * time.Second): // a server does not hold a request for longer
		case <-r.Context().Done():
			return
		}
	}
	_ = json.NewEncoder(w).Encode(replies)
}

func (a *api) set(path string, items ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lists[path] = items
}

func (a *api) change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

// asked returns the requests since the last call.
func (a *api) asked() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.requests
	a.requests = nil
	return l
}

// RoundTrip lets the server be reached without a network, so that its time may be virtual.
func (a *api) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder, done := httptest.NewRecorder(), make(chan struct{})
	ctx, cancel := context.WithCancel(r.Context())
	if r.Body == nil {
		r.Body = http.NoBody
	}
	go func() {
		defer close(done)
		a.ServeHTTP(recorder, r.WithContext(ctx))
	}()
	select {
	case <-done:
		cancel()
		return recorder.Result(), nil
	case <-r.Context().Done():
		cancel()
		<-done
		return nil, r.Context().Err()
	}
}
