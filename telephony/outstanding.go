package telephony

import (
	"fmt"
	"reflect"
	"slices"
	"time"
)

// request is one that has not been answered yet. Guarded by Client.mu.
type request struct {
	req     Request
	ref     int                  // once sent
	outcome func(Event, error)   // nil for requests of the Client itself
	done    func(Event, error)   // what the Client does then, with c.mu held; may be nil
	part    *resync              // that waits for the answer; nil: none
	later   bool                 // other requests go first
	others  []func(Event, error) // outcomes of requests that asked for the same meanwhile
	expire  func() bool
}

// minAgentTimeout is for requests that are answered when an agent has decided.
const minAgentTimeout = 5 * time.Minute

func (c *Client) timeoutOf(req Request) time.Duration {
	if c.o.Timeout != nil {
		if d := c.o.Timeout(req); d > 0 {
			return d
		}
	}
	switch req.(type) {
	case *RequestDeliver, *RequestTransferInteraction, *RequestConferenceInteraction:
		return max(c.o.RequestTimeout, minAgentTimeout)
	}
	return c.o.RequestTimeout
}

// Send implements Link.
func (c *Client) Send(req Request, outcome func(Event, error)) {
	if outcome == nil {
		outcome = func(Event, error) {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.schedule()
	if err := c.send(req, outcome); err != nil {
		c.put(parcel{outcome: outcome, err: err})
	}
}

func (c *Client) send(req Request, outcome func(Event, error)) error {
	if c.closed {
		return ErrClosed
	}
	if err := req.Validate(); err != nil {
		return err
	}
	if needs := Needs(req); !c.caps.Has(needs) {
		return fmt.Errorf("%w: %s needs %s, the link can %s", ErrUnsupported, req.Name(), needs, c.caps)
	}
	if c.active == nil || c.linkUp == nil {
		return ErrLinkDown
	}
	h := c.active
	if len(h.queue) >= c.o.MaxQueued {
		return ErrOverload
	}
	c.o.Logger.Debug("request", "message", req)
	switch req := req.(type) {
	case *RequestRegisterAddress:
		h.register(req, outcome)
	case *RequestUnregisterAddress:
		h.enqueue(&request{req: req, outcome: outcome, done: func(e Event, _ error) {
			if _, ok := e.(*EventUnregistered); ok {
				c.unregistered(req.ThisDN)
			}
		}})
	default:
		h.enqueue(&request{req: req, outcome: outcome})
	}
	return nil
}

// enqueue sends a request as soon as there is room. c.mu is held.
func (h *connection) enqueue(r *request) {
	c := h.c
	if h.gone {
		r.expire = func() bool { return false }
		h.answer(r, nil, ErrLinkDown, nil)
		return
	}
	timeout := c.timeoutOf(r.req)
	r.expire = c.o.Clock.AfterFunc(timeout, func() {
		c.mu.Lock()
		if h.drop(r) {
			h.answer(r, nil, fmt.Errorf("%w: %s within %s", ErrTimeout, r.req.Name(), timeout), nil)
			h.flush()
		}
		c.hand()
	})
	if r.later {
		h.later = append(h.later, r)
	} else {
		h.queue = append(h.queue, r)
	}
	h.flush()
}

// flush sends what there is room for. c.mu is held.
func (h *connection) flush() {
	for !h.busy && !h.gone && len(h.requests) < h.c.o.MaxOutstanding {
		queue := &h.queue
		if len(*queue) == 0 {
			queue = &h.later
		}
		if len(*queue) == 0 {
			return
		}
		r := (*queue)[0]
		if r.ref == 0 { // else it was too early before
			r.ref = h.c.reference(h)
		}
		switch err := h.conn.Send(r.ref, r.req); err {
		case nil:
			h.requests[r.ref] = r
		case ErrBusy:
			h.busy = true
			return
		default:
			h.lost(err)
			return
		}
		(*queue)[0] = nil
		if *queue = (*queue)[1:]; len(*queue) == 0 {
			*queue = nil
		}
	}
}

const maxReference = 1<<31 - 1

func (c *Client) reference(h *connection) int {
	for {
		if c.nextRef++; c.nextRef > maxReference {
			c.nextRef = 1
		}
		if h.requests[c.nextRef] == nil {
			return c.nextRef
		}
	}
}

// drop takes a request away that has not been answered; false when it has been.
func (h *connection) drop(r *request) bool {
	if r.ref != 0 && h.requests[r.ref] == r {
		delete(h.requests, r.ref)
		return true
	}
	for _, queue := range []*[]*request{&h.queue, &h.later} {
		if i := slices.Index(*queue, r); i >= 0 {
			*queue = slices.Delete(*queue, i, i+1)
			return true
		}
	}
	return false
}

// fail ends all requests of the connection. c.mu is held.
func (h *connection) fail(why error) {
	all := make([]*request, 0, len(h.requests)+len(h.queue))
	for _, r := range h.requests {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b *request) int { return a.ref - b.ref })
	all = append(append(all, h.queue...), h.later...)
	clear(h.requests)
	h.queue, h.later = nil, nil
	for _, r := range all {
		h.answer(r, nil, why, nil)
	}
}

// answer is the end of a request, and hands the event to receivers as well. c.mu is
// held.
func (h *connection) answer(r *request, e Event, err error, to []*receiver) {
	r.expire()
	if r.outcome != nil || len(to) > 0 {
		h.c.put(parcel{to: to, event: e, outcome: r.outcome, err: err})
	}
	for _, outcome := range r.others {
		h.c.put(parcel{event: e, outcome: outcome, err: err})
	}
	if r.done != nil {
		r.done(e, err)
	}
}

// refusal returns the error that an answer stands for, nil when it confirms.
func refusal(req Request, e Event) error {
	switch e := e.(type) {
	case *EventError:
		return &RequestError{Request: req.Name(), Code: e.ErrorCode, Message: e.ErrorMessage, Event: e}
	case *EventTreatmentNotApplied:
		return &RequestError{Request: req.Name(), Code: e.ErrorCode, Message: e.ErrorMessage, Event: e}
	}
	return nil
}

// Event implements Handler.
func (h *connection) Event(e Event) {
	if !h.enter() {
		return
	}
	h.event(e)
	h.c.hand()
}

// event deals with an event of the server. c.mu is held.
func (h *connection) event(e Event) {
	c := h.c
	if e == nil || !h.opened {
		c.o.Logger.Warn("event dropped: there is none, or the connection is not open", "server", h.endpoint)
		return
	}
	c.o.Logger.Debug("event", "message", e)
	ref := e.Header().ReferenceID
	r := h.requests[ref]
	delete(h.requests, ref)
	invalid := e.Validate()
	switch {
	case invalid != nil && r != nil:
		c.o.Logger.Warn("event dropped", "server", h.endpoint, "error", invalid)
		h.answer(r, nil, fmt.Errorf("telephony: the answer is not valid: %w", invalid), nil)
	case invalid != nil:
		c.o.Logger.Warn("event dropped", "server", h.endpoint, "error", invalid)
	case r != nil:
		h.answered(r, e)
	case ref != 0:
		// The answer to a request that has timed out, or to none.
		c.o.Logger.Debug("late answer", "server", h.endpoint, "message", e)
		if _, refused := e.(*EventError); !refused {
			e = copyOf(e)
			e.Header().ReferenceID = 0
			h.told(e)
		}
	default:
		h.told(e)
	}
	h.flush()
}

// answered deals with the event that answers a request.
func (h *connection) answered(r *request, e Event) {
	c := h.c
	err := refusal(r.req, e)
	if req, ok := r.req.(*RequestRegisterAddress); ok && err != nil && h.unsure[req.ThisDN] {
		h.registerAfresh(r, req.ThisDN)
		return
	}
	var to []*receiver
	shown := e
	_, registered := e.(*EventRegistered)
	if h == c.active && (r.outcome != nil || registered) {
		if admitted, ok := c.calls.admit(e); ok {
			shown, to = admitted, c.receivers
			c.noteAgent(admitted)
		}
	}
	h.answer(r, shown, err, to)
}

// told deals with an event that answers nothing.
func (h *connection) told(e Event) {
	c := h.c
	switch e := e.(type) {
	case *EventLinkConnected:
		if h.linkUp == nil {
			h.linkUp = e
			if h == c.active {
				c.setLink(h, e)
			} else if c.o.Standby == StandbyHot {
				h.registerAll()
			}
		}
		return
	case *EventLinkDisconnected:
		if h.linkUp != nil {
			h.linkUp = nil
			clear(h.registered)
			clear(h.unsure)
			if h == c.active {
				c.setLink(h, nil)
			}
			h.fail(ErrLinkDown)
		}
		return
	case *EventUnregistered:
		if later := h.registered[e.ThisDN]; later != nil && e.Sequence > 0 && e.Sequence < later.Sequence {
			return // a late answer: the DN has been registered again
		}
		delete(h.registered, e.ThisDN)
	case *EventServerConnected, *EventServerDisconnected, *EventPrimaryChanged:
		return // we make them
	}
	if h == c.active {
		c.happened(e)
		return
	}
	if e.Header().Sequence > 0 {
		if len(h.kept) >= maxKept {
			h.kept = slices.Delete(h.kept, 0, maxKept/4)
		}
		h.kept = append(h.kept, e)
	}
}

// happened hands an event on, unless it is a repeat. c.mu is held.
func (c *Client) happened(e Event) {
	if e, ok := c.calls.admit(e); ok {
		c.noteAgent(e)
		c.emit(e)
	} else {
		c.o.Logger.Debug("event dropped: it came twice or too late", "message", e)
	}
}

// copyOf returns a copy of an event that may be changed; what it refers to is shared.
func copyOf(e Event) Event {
	v := reflect.New(reflect.TypeOf(e).Elem())
	v.Elem().Set(reflect.ValueOf(e).Elem())
	return v.Interface().(Event)
}
