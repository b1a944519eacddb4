package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// invokesSCXML reports whether an <invoke> of this type starts a session
// (section 6.4.2).
func invokesSCXML(typ string) bool {
	switch typ {
	case "", "scxml", "http://www.w3.org/TR/scxml/", "http://www.w3.org/TR/scxml":
		return true
	}
	return false
}

// loadTimeout bounds the fetching of an invoked document and all it refers to.
// One resource has a shorter limit of its own (LoaderOptions.Timeout).
const loadTimeout = time.Minute

var errNothingToInvoke = errors.New("session: <invoke> without src and content")

// invoke starts an invoked session. It is known under its invokeid at once;
// its document may still have to be fetched.
func (e *Engine) invoke(s *session, inv *scxml.Invoke, x errand) {
	if !invokesSCXML(inv.Type) {
		e.refuse(s, nil, inv, errorExecution, fmt.Errorf("session: <invoke> of type %q is not supported", inv.Type), x)
		return
	}
	id := x.to
	if id == "" {
		id = e.newID(s.id)
		s.addChild(inv, id)
	}
	c := newSession(e, id)
	c.value = s.value
	c.lineage = &lineage{parent: s.id, root: s.id, invokeID: inv.ID, serial: inv.Serial, depth: s.depth() + 1, pos: inv.Pos}
	if s.lineage != nil {
		c.lineage.root = s.lineage.root
	}
	c.begin = &beginning{params: inv.Params, chain: x.chain.next(false)}
	c.phase = loading
	if c.lineage.depth > e.opts.MaxDepth {
		e.refuse(s, c, inv, errorExecution, fmt.Errorf("session: <invoke> nests deeper than %d", e.opts.MaxDepth), x)
		return
	}
	load, err := e.invokedDocument(s, inv)
	if err != nil {
		e.refuse(s, c, inv, errorExecution, err, x)
		return
	}
	if s.saved != nil {
		// It is stored with who has invoked it, whatever its own document says.
		c.saved = &saved{url: load.key.url, content: load.content, rev: 1}
	}
	if err := e.admit(c); err != nil {
		e.refuse(s, c, inv, errorExecution, err, x)
		return
	}
	c.known = true
	if c.saved != nil {
		created, err := e.durable.createInvoked(s, c, x.id)
		if err != nil && e.undo(s, err) {
			e.end(c, Result{Reason: Lost, Err: err})
			return
		}
		if err != nil {
			e.refuse(s, c, inv, errorExecution, err, x)
			return
		}
		if !created {
			return
		}
	}
	e.loadInvoked(c, load, x)
}

// loadInvoked gets the document of an invoked session and lets it begin.
func (e *Engine) loadInvoked(c *session, load documentRequest, x errand) {
	if doc := load.cached(); doc != nil {
		e.loaded(c, doc, scxml.DocumentTrace{URL: load.key.url, Cached: true})
		return
	}
	finish := func(ctx context.Context) {
		doc, trace, err := load.traced(ctx)
		if err == nil {
			e.loaded(c, doc, trace)
			return
		}
		if e.closed.Load() {
			e.unloaded(c)
			return
		}
		if s := e.parent(c); s != nil {
			inv := &scxml.Invoke{ID: c.lineage.invokeID, Serial: c.lineage.serial, Src: load.key.url, Pos: c.lineage.pos}
			e.refuse(s, c, inv, errorCommunication, err, x)
		} else {
			e.abandon(c, Result{Reason: Failed, Err: err})
		}
	}
	if e.virtual != nil || load.local() {
		// In place, so that with a virtual clock the order of events is the same in
		// every run, and because nothing has to be waited for.
		finish(context.Background())
		return
	}
	x.chain, c.begin.chain = chain{}, chain{} // it takes time
	e.perform(loadTimeout, finish)
}

// parent returns the session that has invoked c, with its document, or nil.
func (e *Engine) parent(c *session) *session {
	s, sl := e.sessions.find(c.lineage.parent)
	if s != nil {
		s.mu.Lock()
		stored, ended := s.cold || s.gone.Load(), s.ended.Load()
		s.mu.Unlock()
		switch {
		case stored:
		case ended:
			return nil
		default:
			return s
		}
	}
	if s == nil && sl == nil {
		return nil
	}
	s, _, _, err := e.durable.peek(c.lineage.parent)
	if err != nil || s.doc == nil {
		e.logger.Warn("session not told that an invocation failed", "session", c.lineage.parent, "invoked", c.id, "error", err)
		return nil
	}
	return s
}

// invokedDocument says where the document of an <invoke> comes from.
func (e *Engine) invokedDocument(s *session, inv *scxml.Invoke) (documentRequest, error) {
	switch content := inv.Content.(type) {
	case nil:
		if inv.Src == "" {
			return documentRequest{}, errNothingToInvoke
		}
		url, err := scxml.ResolveURL(s.doc.URL(), inv.Src)
		if err != nil {
			return documentRequest{}, fmt.Errorf("session: <invoke src=%q>: %w", inv.Src, err)
		}
		return e.documents.request(url, ""), nil
	case string:
		return e.documents.request(s.doc.URL(), content), nil
	case datamodel.XML:
		return e.documents.request(s.doc.URL(), content.Text), nil
	}
	return documentRequest{}, fmt.Errorf("session: <invoke>: content of type %T is no document", inv.Content)
}

// loaded gives a session its document and lets it begin, unless it was to end
// while the document was being fetched.
func (e *Engine) loaded(c *session, doc *scxml.Document, trace scxml.DocumentTrace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setDocument(doc)
	c.begin.document = trace
	c.phase = idle
	c.begin.never = c.stopping != 0
	e.schedule(c)
}

// unloaded ends a session whose document does not come any more since the engine is being shut down.
// With a store it lives on there, and its document is loaded when it has been brought back.
func (e *Engine) unloaded(c *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = idle
	c.begin.never = true
	c.halt(ShutDown)
	e.schedule(c)
}

// abandon ends a session that has not begun.
func (e *Engine) abandon(c *session, r Result) {
	c.mu.Lock()
	c.phase = idle
	c.begin, c.inbox = nil, inbox{}
	c.result = &r
	c.ended.Store(true)
	c.tellEnd()
	c.mu.Unlock()
	if c.known {
		e.sessions.retire(c)
		if c.saved != nil {
			e.durable.delete(c)
		}
	}
}

// refuse tells a session that its <invoke> came to nothing. c is the session
// that was to run, if there is one; it is forgotten.
func (e *Engine) refuse(s, c *session, inv *scxml.Invoke, name string, cause error, x errand) {
	ev := s.doc.ErrorEvent(&scxml.Failure{Event: name, Element: "invoke", Pos: inv.Pos, Target: inv.Src, Err: cause})
	ev.InvokeID, ev.InvokeSerial = inv.ID, inv.Serial
	q := &queuedEvent{event: *ev}
	if c != nil {
		q.rare().from, q.last = c.id, true
	}
	if c == nil || c.saved == nil || !c.known {
		e.report(s, q, x)
	} else if err := e.post(s, s.id, q, true, x, "!"); err != nil && !errors.Is(err, ErrNotFound) {
		e.lose(c, fmt.Errorf("session: failure of an <invoke> not reported yet: %w", err))
		return
	}
	if c != nil {
		e.abandon(c, Result{Reason: Failed, Err: cause})
	}
}

// cancelInvoke ends an invoked session; what it still says is not heard.
func (e *Engine) cancelInvoke(s *session, c *scxml.CancelInvoke, x errand) (done bool) {
	id := x.to
	if s.saved == nil {
		id = s.uncouple(c)
	}
	return id == "" || e.stopByID(s, id, Cancelled, x.id)
}

// forward passes an event on to an invoked session: an exact copy (section 6.4.1).
func (e *Engine) forward(s *session, f *scxml.Forward, x errand) {
	id := x.to
	if id == "" {
		s.mu.Lock()
		id = s.childByInvoke(f.InvokeID, f.Serial)
		s.mu.Unlock()
	}
	if id == "" {
		return
	}
	err := e.post(s, id, &queuedEvent{event: *f.Event, forwarded: true}, false, x, "")
	if err != nil && !errors.Is(err, ErrNotFound) && !e.undo(s, err) {
		err = fmt.Errorf("session: event %q not forwarded to %q: %w", f.Event.Name, f.InvokeID, err)
		e.raise(s, &scxml.Failure{Event: errorCommunication, Err: err}, x)
	}
}
