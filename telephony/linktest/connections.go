package linktest

import (
	"context"
	"sync"

	"github.com/seed-ff723688/ors/telephony"
)

// connections is a driver that passes everything on to another one, and sees what cannot be
// seen from the link: which DNs are registered on each connection, that of the backup too, and
// what is under way.
type connections struct {
	telephony.Driver

	mu      sync.Mutex
	conns   map[*watched]struct{} // that are not lost or closed
	changed chan struct{}         // closed, and made anew, with each change
}

func watch(d telephony.Driver) *connections {
	return &connections{Driver: d, conns: map[*watched]struct{}{}, changed: make(chan struct{})}
}

// watched is a connection and its handler.
type watched struct {
	telephony.Handler
	telephony.Conn
	all *connections

	// Guarded by connections.
	told       bool            // the state of the link, after Opened
	registered map[string]bool // DNs
	asked      map[int]bool    // requests without an answer, which the server gives at once
}

func (c *connections) Dial(e telephony.Endpoint, h telephony.Handler) (telephony.Conn, error) {
	w := &watched{Handler: h, all: c, asked: map[int]bool{}}
	c.change(func() { c.conns[w] = struct{}{} })
	conn, err := c.Driver.Dial(e, w)
	if err != nil {
		w.gone()
		return nil, err
	}
	w.Conn = conn
	return w, nil
}

func (c *connections) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// until waits for a condition over the connections.
func (c *connections) until(ctx context.Context, ok func() bool) error {
	for {
		c.mu.Lock()
		done, changed := ok(), c.changed
		c.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// everywhere waits until so many connections are up and each has registered all of dns.
func (c *connections) everywhere(ctx context.Context, connections int, dns []string) error {
	return c.until(ctx, func() bool {
		for w := range c.conns {
			for _, dn := range dns {
				if !w.registered[dn] {
					return false
				}
			}
		}
		return len(c.conns) >= connections
	})
}

// quiet waits until no connection is being opened and no request is under way that is
// answered at once.
func (c *connections) quiet(ctx context.Context) error {
	return c.until(ctx, func() bool {
		for w := range c.conns {
			if !w.told || len(w.asked) > 0 {
				return false
			}
		}
		return true
	})
}

func (w *watched) gone() { w.all.change(func() { delete(w.all.conns, w) }) }

// Send implements telephony.Conn.
func (w *watched) Send(ref int, req telephony.Request) error {
	switch req.(type) {
	case *telephony.RequestDeliver, *telephony.RequestTransferInteraction, *telephony.RequestConferenceInteraction:
		// An agent answers, in his own time.
	default:
		w.all.change(func() { w.asked[ref] = true })
	}
	err := w.Conn.Send(ref, req)
	if err != nil {
		w.all.change(func() { delete(w.asked, ref) })
	}
	return err
}

// Close implements telephony.Conn.
func (w *watched) Close() {
	w.gone()
	w.Conn.Close()
}

// Event implements telephony.Handler.
func (w *watched) Event(e telephony.Event) {
	ref := e.Header().ReferenceID
	w.Handler.Event(e)
	w.all.change(func() {
		delete(w.asked, ref)
		switch e := e.(type) {
		case *telephony.EventLinkConnected, *telephony.EventLinkDisconnected:
			w.told, w.registered = true, map[string]bool{}
		case *telephony.EventRegistered:
			w.registered[e.ThisDN] = true
		}
	})
}

// Lost implements telephony.Handler.
func (w *watched) Lost(err error) {
	w.Handler.Lost(err)
	w.gone()
}
