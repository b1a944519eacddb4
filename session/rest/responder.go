package rest

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"
)

// Responder brings the answers of sessions (<session:response>, <ws:response>) to the
// requests that wait for them. It is made before the engine, as it is part of the options
// of the modules (fm.ServicesOptions.Responder), and belongs to one Handler. It is safe for
// concurrent use.
type Responder struct {
	mu         sync.Mutex
	waiting    map[waitKey]chan response
	perSession map[string]int
}

type waitKey struct{ session, request string }

// response is what a session answers.
type response struct {
	status int
	header http.Header
	body   []byte
}

// NewResponder makes a Responder.
func NewResponder() *Responder {
	return &Responder{waiting: map[waitKey]chan response{}, perSession: map[string]int{}}
}

// ErrNotWaiting: nobody waits for the answer to this request: it was answered, its time
// has passed, its client has gone, or there has never been one.
var ErrNotWaiting = errors.New("rest: nobody waits for the answer")

// Respond answers the request of a session with the given id, which was the member
// requestid of the data of its event. It does not wait. The error is ErrNotWaiting.
func (p *Responder) Respond(sessionID, requestID string, status int, header http.Header, body []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := waitKey{sessionID, requestID}
	c, ok := p.waiting[key]
	if !ok {
		return ErrNotWaiting
	}
	p.forgetLocked(key)
	c <- response{status, header.Clone(), append([]byte(nil), body...)} // has room for one
	return nil
}

// expect makes a request's id; false when the session has limit of them.
func (p *Responder) expect(sessionID string, limit int) (requestID string, c <-chan response, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.perSession[sessionID] >= limit {
		return "", nil, false
	}
	requestID = rand.Text()
	answer := make(chan response, 1)
	p.waiting[waitKey{sessionID, requestID}] = answer
	p.perSession[sessionID]++
	return requestID, answer, true
}

// forget says that nobody waits any more.
func (p *Responder) forget(sessionID, requestID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgetLocked(waitKey{sessionID, requestID})
}

func (p *Responder) forgetLocked(key waitKey) {
	if _, ok := p.waiting[key]; !ok {
		return
	}
	delete(p.waiting, key)
	if p.perSession[key.session]--; p.perSession[key.session] == 0 {
		delete(p.perSession, key.session)
	}
}

// passed are the headers that a session may set on its answer, beside those that begin
// with X- and are none of ours.
var passed = map[string]bool{"Content-Type": true, "Content-Language": true, "Location": true, "Retry-After": true, "Etag": true, "Last-Modified": true}

// write sends the answer of a session to the client.
func (a *response) write(w *answer) {
	h := w.Header()
	for name, values := range a.header {
		name = http.CanonicalHeaderKey(name)
		own := strings.HasPrefix(name, "X-") && h.Get(name) == "" && !strings.HasPrefix(name, "X-Forwarded-")
		if len(values) > 0 && (passed[name] || own) {
			h.Set(name, values[0])
		}
	}
	if h.Get("Content-Type") == "" && len(a.body) > 0 {
		h.Set("Content-Type", "application/octet-stream")
	}
	status := a.status
	if status < 200 || status > 599 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	if status != http.StatusNoContent && status != http.StatusNotModified {
		_, _ = w.Write(a.body) // a client that has gone needs no answer
	}
}
