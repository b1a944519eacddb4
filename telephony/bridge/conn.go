package bridge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// maxWindow is the largest window that a client may offer.
const maxWindow = 1 << 16

// conn is a telephony.Conn: one session, over one connection after another.
type conn struct {
	driver   *Driver
	endpoint telephony.Endpoint
	handler  telephony.Handler
	tls      *tls.Config
	ctx      context.Context // of the goroutines; ends with Close
	cancel   context.CancelFunc
	workers  sync.WaitGroup

	// Of the goroutine that reads.
	session string
	keep    time.Duration // how long the server keeps the session
	seq     uint64        // of the last event that was handled
	acked   uint64        // the last one that was acknowledged

	// handling is held while the handler is called.
	handling sync.Mutex

	mu       sync.Mutex
	t        *transport // nil while there is none
	opened   bool
	over     bool // closed or lost
	requests int  // that may be unanswered
	maxFrame int  // that the server takes
	ref      int  // of the last request
	pending  map[int]*pending
	queue    []*pending // the same, in order, with answered ones among them
	bytes    int        // of pending
	busy     bool       // Send has refused one
	pings    int64
}

// pending is a request without an answer.
type pending struct {
	ref, asked int // on the wire, and for the handler
	text       []byte
	answered   bool
}

func newConn(d *Driver, e telephony.Endpoint, h telephony.Handler) *conn {
	c := &conn{driver: d, endpoint: e, handler: h, pending: map[int]*pending{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// handle calls the handler, unless the connection is closed.
func (c *conn) handle(f func(telephony.Handler)) {
	c.handling.Lock()
	defer c.handling.Unlock()
	if c.ctx.Err() == nil {
		f(c.handler)
	}
}

// run keeps the session up until it is over.
func (c *conn) run() {
	defer c.workers.Done()
	logger := c.driver.opts.Logger.With("server", c.endpoint.String())
	t, welcome, err := c.connect(c.ctx)
	if err == nil {
		c.session, c.keep = welcome.Session, time.Duration(welcome.Keep)*time.Millisecond
		info := telephony.ConnInfo{Server: welcome.Server, Capabilities: capabilitiesOf(welcome.Capabilities), SessionID: welcome.Session}
		info.Role, err = telephony.ParseServerRole(welcome.Role)
		if welcome.Role == "" || err != nil {
			info.Role, err = telephony.ServerRoleUnknown, nil
		}
		logger.Info("bridge session opened", "session", c.session)
		c.begin(t, welcome)
		c.handle(func(h telephony.Handler) { h.Opened(info) })
	}
	for err == nil {
		err = c.serve(t)
		c.mu.Lock()
		c.t = nil
		c.mu.Unlock()
		if patience := min(c.keep, c.driver.opts.Resume); c.ctx.Err() == nil && patience > 0 && mendable(err) {
			logger.Info("bridge connection lost, trying to go on", "error", err)
			if next := c.resume(patience); next != nil {
				t, err = next, nil
			}
		}
	}
	logger.Info("bridge session ended", "error", err)
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.handle(func(h telephony.Handler) { h.Lost(err) })
	c.cancel()
}

// mendable reports whether a session may go on after an error.
func mendable(err error) bool {
	e := lost(err)
	return e.Code == "" || e.Code == CloseTimeout
}

// resume tries to go on with the session, with growing pauses. It returns nil when
// that cannot be.
func (c *conn) resume(patience time.Duration) *transport {
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	for pause := 20 * time.Millisecond; ; pause *= 2 {
		t, welcome, err := c.connect(ctx)
		switch {
		case err == nil && welcome.Resumed:
			c.begin(t, welcome)
			return t
		case err == nil: // the server has forgotten: to the handler that is a loss
			t.end(&CloseError{Code: CloseNormal})
			t.write()
			return nil
		case !mendable(err) || errors.Is(err, syscall.ECONNREFUSED): // nobody listens: the session is gone as well
			return nil
		}
		timer := time.NewTimer(min(pause, time.Second))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// begin takes a connection into use: requests that the server has not got go out
// again, new ones behind them.
func (c *conn) begin(t *transport, welcome *frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t, c.opened, c.requests, c.maxFrame = t, true, welcome.Requests, welcome.MaxFrame
	c.acked = c.seq
	for _, p := range c.queue {
		if !p.answered && p.ref > welcome.Ref {
			t.postBytes(p.text)
		}
	}
	if c.ctx.Err() != nil { // Close came in between
		t.end(&CloseError{Code: CloseNormal})
	}
	c.workers.Add(1)
	go func() {
		defer c.workers.Done()
		t.write()
	}()
}

// serve takes what comes in, until the connection ends.
func (c *conn) serve(t *transport) error {
	for {
		f, err := t.read()
		if err != nil {
			return err
		}
		switch f.Type {
		case typePing:
			t.post(&frame{Type: typePong, ID: f.ID})
			c.handle(telephony.Handler.Alive)
		case typePong:
			c.handle(telephony.Handler.Alive)
		case typeEvent, typeRole:
			if f.Seq <= c.seq {
				continue // seen before the connection was mended
			}
			if f.Seq != c.seq+1 {
				return t.fault(fmt.Sprintf("event %d follows event %d", f.Seq, c.seq))
			}
			if err := c.event(t, f); err != nil {
				return err
			}
			c.seq = f.Seq
			// Half a window open, or nothing else to read: the server shall not
			// keep for long what was handled.
			if half := uint64(c.driver.opts.Window+1) / 2; c.seq-c.acked >= half || c.seq-c.acked >= half/4 && t.in.r.Buffered() == 0 {
				t.post(&frame{Type: typeAck, Seq: c.seq})
				c.acked = c.seq
			}
		default:
			return t.fault(fmt.Sprintf("a frame of type %.20q in a session", f.Type))
		}
	}
}

// event hands an event over.
func (c *conn) event(t *transport, f *frame) error {
	if f.Type == typeRole {
		r, err := telephony.ParseServerRole(f.Role)
		if err != nil {
			return t.fault(fmt.Sprintf("a role %.20q", f.Role))
		}
		c.handle(func(h telephony.Handler) { h.Role(r) })
		return nil
	}
	if f.Body == nil {
		c.driver.opts.Logger.Debug("bridge event of an unknown name", "name", f.Name)
		return nil
	}
	e, ok := f.Body.(telephony.Event)
	if !ok {
		return t.fault(fmt.Sprintf("%s is no event", f.Name))
	}
	writable, known := false, true
	if head := e.Header(); head.ReferenceID != 0 {
		head.ReferenceID, writable, known = c.answered(head.ReferenceID)
	}
	if !known {
		c.driver.opts.Logger.Warn("bridge server answered what was not asked", "event", f.Name)
		return nil
	}
	c.handle(func(h telephony.Handler) { h.Event(e) })
	if writable {
		c.handle(telephony.Handler.Writable)
	}
	return nil
}

// answered takes a request off the list. It returns the handler's number of it, and
// whether there is room again that somebody waits for.
func (c *conn) answered(ref int) (asked int, writable, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pending[ref]
	if p == nil {
		return 0, false, false
	}
	delete(c.pending, ref)
	p.answered = true
	c.bytes -= len(p.text)
	p.text = nil
	if len(c.queue) >= 64 && len(c.queue) > 2*len(c.pending) {
		c.queue = slices.DeleteFunc(c.queue, func(p *pending) bool { return p.answered })
	}
	writable = c.busy && c.roomLocked()
	if writable {
		c.busy = false
	}
	return p.asked, writable, true
}

func (c *conn) roomLocked() bool {
	return len(c.pending) < c.requests && c.bytes < maxPendingBytes
}

// Send implements telephony.Conn. A request that is larger than what the server takes is
// refused by an EventError.
func (c *conn) Send(ref int, req telephony.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over || c.ctx.Err() != nil || !c.opened:
		return telephony.ErrLinkDown
	case !c.roomLocked():
		c.busy = true
		return telephony.ErrBusy
	}
	text := appendFrame(nil, &frame{Type: typeRequest, Ref: c.ref + 1, Name: req.Name(), Body: req})
	if n := len(text) - 4; n > c.maxFrame {
		c.workers.Add(1)
		go func() {
			defer c.workers.Done()
			c.handle(func(h telephony.Handler) {
				h.Event(&telephony.EventError{EventHeader: telephony.EventHeader{ReferenceID: ref, Time: time.Now()},
					ErrorMessage: fmt.Sprintf("the request takes %d bytes, the server takes %d", n, c.maxFrame)})
			})
		}()
		return nil
	}
	c.ref++
	p := &pending{ref: c.ref, asked: ref, text: text}
	c.pending[p.ref] = p
	c.queue = append(c.queue, p)
	c.bytes += len(text)
	if c.t != nil {
		c.t.postBytes(text)
	}
	return nil
}

// Ping implements telephony.Conn.
func (c *conn) Ping() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pings++
	if c.t != nil {
		c.t.post(&frame{Type: typePing, ID: c.pings})
	}
}

// Close implements telephony.Conn.
func (c *conn) Close() {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.t != nil {
		c.t.end(&CloseError{Code: CloseNormal})
	}
}
