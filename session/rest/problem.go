package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/session"
)

// problem is an answer that is an error (RFC 9457). What the client sees is fixed
// text; the cause is for the audit log.
type problem struct {
	status int
	detail string
	cause  error
	allow  string // 405: the methods
	retry  int    // seconds; 0: not said
}

// because returns the problem with its cause.
func (p problem) because(err error) *problem {
	p.cause = err
	return &p
}

var (
	problemNotFound     = problem{status: http.StatusNotFound, detail: "There is no such resource."}
	problemForbidden    = problem{status: http.StatusForbidden, detail: "The request is not allowed."}
	problemUnauthorized = problem{status: http.StatusUnauthorized, detail: "The request needs valid credentials."}
	problemTooMany      = problem{status: http.StatusTooManyRequests, detail: "There are too many requests.", retry: 1}
	problemBusy         = problem{status: http.StatusServiceUnavailable, detail: "The server has too much to do.", retry: 1}
	problemNotReady     = problem{status: http.StatusServiceUnavailable, detail: "The server is not ready.", retry: 5}
	problemSuspended    = problem{status: http.StatusServiceUnavailable, detail: "The server is shutting down.", retry: 5}
	problemTooLarge     = problem{status: http.StatusRequestEntityTooLarge, detail: "The body is too large."}
	problemMediaType    = problem{status: http.StatusUnsupportedMediaType, detail: "The body has to be a form or JSON."}
	problemBody         = problem{status: http.StatusBadRequest, detail: "The body cannot be read."}
	problemQuery        = problem{status: http.StatusBadRequest, detail: "The query cannot be read."}
	problemSource       = problem{status: http.StatusForbidden, detail: "The parameter src names no document that may be started."}
	problemDocument     = problem{status: http.StatusUnprocessableEntity, detail: "The document cannot be loaded."}
	problemTimeout      = problem{status: http.StatusGatewayTimeout, detail: "The session has not answered in time."}
	problemEnded        = problem{status: http.StatusGone, detail: "The session has ended without an answer."}
	problemNoResponder  = problem{status: http.StatusNotImplemented, detail: "Sessions cannot answer requests here."}
	problemInternal     = problem{status: http.StatusInternalServerError, detail: "The request has failed."}
	problemStore        = problem{status: http.StatusServiceUnavailable, detail: "The outcome is not known. Repeat the request.", retry: 1}
	problemURI          = problem{status: http.StatusRequestURITooLong, detail: "The address is too long."}
	problemHeader       = problem{status: http.StatusRequestHeaderFieldsTooLarge, detail: "The header is too large."}
)

// badRequest is a problem with a parameter that the client has named itself.
func badRequest(detail string) *problem {
	return &problem{status: http.StatusBadRequest, detail: detail}
}

// engineProblem is what an error of the engine is for a client.
func engineProblem(err error) *problem {
	switch {
	case errors.Is(err, session.ErrNotFound), errors.Is(err, session.ErrNotOwner):
		return problemNotFound.because(err)
	case errors.Is(err, session.ErrInboxFull), errors.Is(err, session.ErrTooMany):
		return problemBusy.because(err)
	case errors.Is(err, session.ErrClosed):
		return problemSuspended.because(err)
	case errors.Is(err, session.ErrTooLarge):
		return problemTooLarge.because(err)
	case errors.Is(err, persistence.ErrOutcomeUnknown):
		return problemStore.because(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problemBusy.because(err)
	}
	return problemInternal.because(err)
}

// write answers with the problem.
func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retry))
	}
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="ors"`)
	}
	// Marshalling texts and a number cannot fail.
	body, _ := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", http.StatusText(p.status), p.status, p.detail})
	w.WriteHeader(p.status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}
