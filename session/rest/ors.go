package rest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// OriginType is _event.origintype of the events that come by event and request.
const OriginType = "http"

// maxID is the length of a session's id (session.StartRequest.SessionID).
const maxID = 255

// furthest is how far ahead idealtime may be.
const furthest = 366 * 24 * time.Hour

func writeJSON(w *answer, status int, v any) *problem {
	b, err := json.Marshal(v)
	if err != nil {
		return problemInternal.because(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that has gone needs no answer
	return nil
}

// sessionID returns the id in a path. What cannot be one is answered like one that does
// not exist.
func sessionID(r *http.Request) (string, *problem) {
	id := r.PathValue("id")
	if id == "" || len(id) > maxID || !utf8.ValidString(id) {
		return "", problemNotFound.because(errors.New("no id of a session"))
	}
	return id, nil
}

// redirect sends the client to the node that has the session, if one has.
func (h *Handler) redirect(w *answer, r *http.Request, id string, err error) *problem {
	if h.opts.Owners == nil || !errors.Is(err, session.ErrNotFound) && !errors.Is(err, session.ErrNotOwner) {
		return engineProblem(err)
	}
	base, ok := h.opts.Owners.Owner(r.Context(), id)
	if !ok {
		return engineProblem(err)
	}
	target := strings.TrimSuffix(base, "/") + r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusTemporaryRedirect)
	return nil
}

func (h *Handler) start(w *answer, r *http.Request) *problem {
	if h.suspended.Load() {
		return problemSuspended.because(nil)
	}
	params, data, p := h.input(w, r)
	if p != nil {
		return p
	}
	if data != datamodel.Value(params) {
		return problemBody.because(errors.New("JSON that is no object"))
	}
	src, _ := params.Get("src")
	text, ok := src.(string)
	if !ok || text == "" {
		return badRequest("The parameter src, the URL of the document, is missing.")
	}
	if err := sourceAllowed(*h.sources.Load(), text); err != nil {
		return problemSource.because(fmt.Errorf("src %q: %w", text, err))
	}
	req := session.StartRequest{URL: text}
	now := h.opts.Clock.Now()
	if v, ok := params.Get("idealtime"); ok {
		if req.At, ok = idealTime(v, now); !ok {
			return badRequest("The parameter idealtime has to be a time in milliseconds since 1970-01-01 UTC, at most a year ahead.")
		}
	}
	params.Delete("src")
	params.Delete("idealtime")
	if h.readParams.Load() {
		readParams(params)
	}
	req.Params = params
	id, err := h.engine.Start(r.Context(), req)
	if err != nil {
		return startProblem(err)
	}
	h.cookie(w, r, id)
	return writeJSON(w, http.StatusOK, struct {
		SessionID string `json:"sessionid"`
	}{id})
}

// startProblem is what an error of a start is for a client: it does not tell why a document
// cannot be had, which would tell what can be reached from here.
func startProblem(err error) *problem {
	p := engineProblem(err)
	if p.status == http.StatusServiceUnavailable {
		return p
	}
	var refused *datamodel.EvalError
	if errors.Is(err, datamodel.ErrDepth) || errors.As(err, &refused) {
		return problemBody.because(err)
	}
	return problemDocument.because(err)
}

// idealTime reads milliseconds since 1970.
func idealTime(v datamodel.Value, now time.Time) (time.Time, bool) {
	var ms float64
	switch v := v.(type) {
	case float64:
		ms = v
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return time.Time{}, false
		}
		ms = float64(n)
	default:
		return time.Time{}, false
	}
	if ms < 0 || ms != math.Trunc(ms) || ms > float64(now.Add(furthest).UnixMilli()) {
		return time.Time{}, false
	}
	at := time.UnixMilli(int64(ms))
	if !at.After(now) {
		return time.Time{}, true // at once
	}
	return at, true
}

// cookie tells a balancer where the session is.
func (h *Handler) cookie(w *answer, r *http.Request, id string) {
	if h.opts.Node == 0 || *h.cookieText.Load() != "" {
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: "ORSSESSIONID", Value: id + ".node" + strconv.Itoa(h.opts.Node), Path: "/",
		HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}

// eventName returns the name in a path; a name has no white space and no control
// characters.
func eventName(r *http.Request) (string, *problem) {
	name := r.PathValue("name")
	bad := func(c rune) bool { return c <= ' ' || c == 0x7f || c == '*' || c == utf8.RuneError }
	if name == "" || len(name) > session.MaxEventName || strings.ContainsFunc(name, bad) ||
		strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return "", problemNotFound.because(errors.New("no name of an event"))
	}
	return name, nil
}

// target reads what event and request have in common.
func (h *Handler) target(w *answer, r *http.Request) (id, name string, params *datamodel.Object, data datamodel.Value, p *problem) {
	if id, p = sessionID(r); p != nil {
		return
	}
	if name, p = eventName(r); p != nil {
		return
	}
	params, data, p = h.input(w, r)
	return
}

func (h *Handler) event(w *answer, r *http.Request) *problem {
	id, name, _, data, p := h.target(w, r)
	if p != nil {
		return p
	}
	ev := &scxml.Event{Name: name, OriginType: OriginType, Data: data}
	var err error
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		if len(key) > session.MaxEventKey || !utf8.ValidString(key) || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return badRequest("The header Idempotency-Key is too long or has characters that it must not have.")
		}
		err = h.engine.SendOnce(r.Context(), id, onceKey(w.identity.Name, key), ev)
	} else {
		err = h.engine.Send(r.Context(), id, ev)
	}
	if err != nil {
		return h.redirect(w, r, id, err)
	}
	return writeJSON(w, http.StatusOK, struct{}{})
}

// onceKey keeps the keys of clients apart.
func onceKey(client, key string) string {
	sum := sha256.Sum256([]byte(client + "\x00" + key))
	return "rest:" + hex.EncodeToString(sum[:])
}

// request is event with an answer of the session.
func (h *Handler) request(w *answer, r *http.Request) *problem {
	if h.opts.Responder == nil {
		return problemNoResponder.because(nil)
	}
	if !h.held.enter() {
		return problemBusy.because(errors.New("Options.Held requests are waiting"))
	}
	defer h.held.leave()
	id, name, params, data, p := h.target(w, r)
	if p != nil {
		return p
	}
	requestID, answered, ok := h.opts.Responder.expect(id, h.opts.HeldPerSession)
	if !ok {
		return problemBusy.because(errors.New("Options.HeldPerSession requests of the session are waiting"))
	}
	defer h.opts.Responder.forget(id, requestID)
	if data != datamodel.Value(params) {
		params.Set("content", data)
	}
	params.Set("requestid", requestID)
	if err := h.engine.Send(r.Context(), id, &scxml.Event{Name: name, OriginType: OriginType, Data: params}); err != nil {
		return h.redirect(w, r, id, err)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		_, _ = h.engine.Wait(ctx, id) // an error but that of ctx says that there is no such session any more
		if ctx.Err() == nil {
			close(ended)
		}
	}()
	late := make(chan struct{})
	hold := time.Duration(h.holdTime.Load())
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(hold + writeTime)) // a recorder of a test has none
	defer h.opts.Clock.AfterFunc(hold, func() { close(late) })()
	select {
	case a := <-answered:
		a.write(w)
	case <-ended:
		select {
		case a := <-answered: // it has answered before it ended
			a.write(w)
		default:
			return problemEnded.because(nil)
		}
	case <-late:
		return problemTimeout.because(nil)
	case <-h.ending.Done():
		return problemSuspended.because(nil)
	case <-ctx.Done():
		return problemBusy.because(ctx.Err())
	}
	return nil
}

func (h *Handler) terminate(w *answer, r *http.Request) *problem {
	id, p := sessionID(r)
	if p != nil {
		return p
	}
	if err := h.engine.Terminate(r.Context(), id); err != nil {
		return h.redirect(w, r, id, err)
	}
	return writeJSON(w, http.StatusOK, struct{}{})
}

func (h *Handler) help(w *answer, _ *http.Request) *problem {
	type line struct {
		Method  string `json:"method"`
		Path    string `json:"path"`
		Role    string `json:"role,omitempty"`
		Summary string `json:"summary"`
	}
	var lines []line
	h.each(func(name string, r *route, m *method) {
		lines = append(lines, line{Method: name, Path: r.path, Role: roleName(m.role), Summary: m.summary})
	})
	return writeJSON(w, http.StatusOK, struct {
		Methods []line `json:"methods"`
	}{lines})
}

// roleName is the name of the role that a method needs.
func roleName(r Role) string {
	if r == admin {
		return "admin"
	}
	return r.String()
}

// each goes through the methods that the handler has, in order of the paths.
func (h *Handler) each(f func(name string, r *route, m *method)) {
	for _, r := range routes() {
		for _, name := range []string{http.MethodGet, http.MethodPost} {
			if m, ok := r.methods[name]; ok && (m.id != "eventGet" || h.opts.EventGET) {
				f(name, &r, &m)
			}
		}
	}
}
