package rest

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/session"
)

// Session is a session as the list has it.
type Session struct {
	ID         string     `json:"sessionid"`
	Parent     string     `json:"parent,omitempty"`     // the session that invoked it
	InvokeID   string     `json:"invokeid,omitempty"`   // the parent's name for it
	URL        string     `json:"url,omitempty"`        // of the document
	Name       string     `json:"name,omitempty"`       // of the document
	Scheduled  *time.Time `json:"scheduled,omitempty"`  // when it begins
	Passive    bool       `json:"passive,omitempty"`    // it is in the store alone
	Unreadable bool       `json:"unreadable,omitempty"` // it cannot be brought back from the store
}

// SessionState is a session at one moment, between two macrosteps. One that is in the
// store alone is read there, and stays there. One that has ended is known as long as
// session.Options.Retain keeps it, by its last states, its reason and what it returned.
// Values are masked (Options.Masking).
type SessionState struct {
	Session
	Configuration []string        `json:"configuration"`      // ids of the active states
	Active        []string        `json:"active"`             // ids of the active atomic states
	Queued        int             `json:"queued"`             // events waiting
	Macrosteps    uint64          `json:"macrosteps"`         // handled so far
	Timers        []Timer         `json:"timers"`             // delayed sends, in order of time
	Children      []string        `json:"children"`           // ids of the sessions it has invoked
	Data          json.RawMessage `json:"data,omitempty"`     // the variables of <data>; not of ended sessions
	Ended         bool            `json:"ended,omitempty"`    // it is still known for a while
	Reason        string          `json:"reason,omitempty"`   // why it has ended
	Error         string          `json:"error,omitempty"`    // of one that has failed, or cannot be brought back
	DoneData      json.RawMessage `json:"donedata,omitempty"` // of the final state
}

// Timer is a delayed send.
type Timer struct {
	SendID string    `json:"sendid,omitempty"`
	Event  string    `json:"event"`
	Due    time.Time `json:"due"`
}

// SessionPage is a part of the list of sessions.
type SessionPage struct {
	Sessions []Session `json:"sessions"`
	Next     string    `json:"next,omitempty"` // the parameter after of the next page; none: this is the last one
	Live     int       `json:"live"`           // number of live sessions of the node
}

const (
	defaultPage = 100
	maxPage     = 1000
)

func (h *Handler) describe(info session.Info) Session {
	s := Session{
		ID: info.ID, Parent: info.Parent, InvokeID: info.InvokeID, Passive: info.Passive, Unreadable: info.Err != nil,
		URL: h.opts.Masking.Text(withoutSecrets(info.URL)), Name: h.opts.Masking.Text(info.Name),
	}
	if !info.Scheduled.IsZero() {
		at := info.Scheduled.UTC()
		s.Scheduled = &at
	}
	return s
}

// withoutSecrets drops credentials and query of a URL.
func withoutSecrets(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// list is one page of the sessions that pass the filters.
func (h *Handler) list(w *answer, r *http.Request) *problem {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problemQuery.because(err)
	}
	limit := defaultPage
	for name, values := range query {
		switch name {
		case "limit":
			if limit, err = strconv.Atoi(values[0]); err != nil || limit < 1 || limit > maxPage {
				return badRequest("The parameter limit has to be a number from 1 to 1000.")
			}
		case "after", "name", "url", "parent":
		case "scheduled", "passive":
			if values[0] != "true" && values[0] != "false" {
				return badRequest("The parameters scheduled and passive have to be true or false.")
			}
		default:
			return badRequest("There is a parameter that the list does not have.")
		}
		if len(values) > 1 {
			return badRequest("A parameter stands there twice.")
		}
	}
	if !h.lists.enter() {
		return problemBusy.because(errLists)
	}
	defer h.lists.leave()
	is := func(name, value string) bool { return !query.Has(name) || query.Get(name) == value }
	page := SessionPage{Sessions: []Session{}, Live: h.engine.Len()}
	for _, info := range h.engine.Sessions() {
		if info.ID <= query.Get("after") {
			continue
		}
		s := h.describe(info)
		if !is("name", s.Name) || !is("url", s.URL) || !is("parent", s.Parent) ||
			!is("scheduled", strconv.FormatBool(s.Scheduled != nil)) || !is("passive", strconv.FormatBool(s.Passive)) {
			continue
		}
		if len(page.Sessions) == limit {
			page.Next = page.Sessions[limit-1].ID
			break
		}
		page.Sessions = append(page.Sessions, s)
	}
	return writeJSON(w, http.StatusOK, page)
}

// state is query, and the versioned state of one session.
func (h *Handler) state(w *answer, r *http.Request) *problem {
	id, p := sessionID(r)
	if p != nil {
		return p
	}
	st, err := h.engine.Query(r.Context(), id)
	var unreadable *session.UnreadableError
	switch {
	case errors.As(err, &unreadable):
		st = session.Status{Info: session.Info{ID: id, Passive: true, Err: err}}
	case err != nil:
		return h.redirect(w, r, id, err)
	}
	s := SessionState{
		Session: h.describe(st.Info), Configuration: notNil(st.Configuration), Active: notNil(st.Active), Queued: st.Queued,
		Macrosteps: st.Macrosteps, Timers: []Timer{}, Children: notNil(st.Children), Ended: st.Ended,
	}
	for _, t := range st.Timers {
		s.Timers = append(s.Timers, Timer{SendID: t.SendID, Event: t.Event, Due: t.Due.UTC()})
	}
	if st.Ended {
		s.Reason = st.Result.Reason.String()
		if st.Result.Data != nil {
			s.DoneData = h.shown(st.Result.Data)
		}
		if st.Result.Err != nil {
			s.Error = h.opts.Masking.Text(st.Result.Err.Error())
		}
	} else if st.Err != nil {
		s.Error = h.opts.Masking.Text(st.Err.Error())
	} else {
		data, err := h.engine.Data(r.Context(), id)
		switch {
		case err != nil && !errors.Is(err, session.ErrNotFound): // it may have ended just now
			return engineProblem(err)
		case data != nil:
			s.Data = h.shown(data)
		}
	}
	return writeJSON(w, http.StatusOK, s)
}

// shown is data as JSON, masked.
func (h *Handler) shown(v datamodel.Value) json.RawMessage {
	return datamodel.EncodeJSON(h.opts.Masking.Value(v))
}

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
