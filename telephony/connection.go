package telephony

import (
	"errors"
	"fmt"
	"time"
)

// slot is the place of one connection: the endpoints it alternates between and
// the attempts to open it. Guarded by Client.mu.
type slot struct {
	c         *Client
	endpoints []Endpoint
	next      int         // the endpoint to dial next
	failures  int         // attempts that failed since a connection lasted
	conn      *connection // open or being opened; nil: waiting for retry
	retry     func() bool // stops the timer of the next attempt; nil: none
}

// dial begins an attempt.
func (s *slot) dial() {
	c := s.c
	h := &connection{c: c, slot: s, endpoint: s.endpoints[s.next], since: c.o.Clock.Now(), requests: map[int]*request{},
		registered: map[string]*EventRegistered{}, registering: map[string]*request{}, unsure: map[string]bool{}}
	s.conn = h
	conn, err := c.driver.Dial(h.endpoint, h)
	if err != nil {
		h.lost(err)
		return
	}
	h.conn = conn
	h.timer = c.o.Clock.AfterFunc(c.o.DialTimeout, func() {
		c.mu.Lock()
		if !h.gone && !h.opened {
			h.lost(fmt.Errorf("telephony: no connection to %s within %s", h.endpoint, c.o.DialTimeout))
		}
		c.hand()
	})
}

// again plans the next attempt: within a round at once, else after a while.
func (s *slot) again() {
	c := s.c
	var wait time.Duration
	if n := len(s.endpoints); s.failures > 0 && s.failures%n == 0 {
		wait = c.o.ReconnectMax
		if round := s.failures/n - 1; round < 30 && c.o.ReconnectMin<<round>>round == c.o.ReconnectMin {
			wait = min(wait, c.o.ReconnectMin<<round)
		}
		wait -= time.Duration(c.o.Random() * float64(wait/2))
	}
	s.retry = c.o.Clock.AfterFunc(wait, func() {
		c.mu.Lock()
		if s.retry != nil && !c.closed {
			s.retry = nil
			s.dial()
		}
		c.hand()
	})
}

// connection is one connection of a driver and the Handler of it. Fields are
// guarded by Client.mu.
type connection struct {
	c        *Client
	slot     *slot
	endpoint Endpoint
	conn     Conn
	since    time.Time // when it was dialled, then when it was opened
	gone     bool      // closed or lost: whatever comes is late
	opened   bool
	info     ConnInfo
	linkUp   *EventLinkConnected // nil: the server has no switch, or has not told
	heard    time.Time           // the last sign of life
	polled   bool                // since then
	timer    func() bool         // of the attempt to open, then of the keep-alive

	requests map[int]*request // sent and not answered
	queue    []*request       // to be sent
	later    []*request       // to be sent when nothing else is: questions of the Client itself
	busy     bool             // until Writable

	registered  map[string]*EventRegistered // by DN
	registering map[string]*request         // by DN
	unsure      map[string]bool             // DNs whose registration was not answered in time: it may hold
	kept        []Event                     // of a backup: the last ones
}

// maxKept is the number of events of a backup that are kept for a switch-over.
const maxKept = 1024

func (h *connection) server() string {
	if h.info.Server != "" {
		return h.info.Server
	}
	return h.endpoint.Name
}

// enter locks the Client for a call of the driver; false when the call comes late.
func (h *connection) enter() bool {
	h.c.mu.Lock()
	if h.gone {
		h.c.mu.Unlock()
		return false
	}
	h.heard, h.polled = h.c.o.Clock.Now(), false
	return true
}

// Opened implements Handler.
func (h *connection) Opened(info ConnInfo) {
	if !h.enter() {
		return
	}
	c := h.c
	if !h.opened {
		h.opened, h.info, h.since = true, info, h.heard
		h.timer()
		h.timer = func() bool { return false }
		c.o.Logger.Info("connected", "server", h.endpoint, "name", info.Server, "role", info.Role)
		switch {
		case info.Role == ServerRoleBackup && c.o.Standby == StandbyWarm:
			h.lost(errors.New("telephony: the server is the backup"))
		default:
			h.watch()
			c.choose("")
		}
	}
	c.hand()
}

// Role implements Handler.
func (h *connection) Role(r ServerRole) {
	if !h.enter() {
		return
	}
	if h.opened && h.info.Role != r {
		h.info.Role = r
		h.c.o.Logger.Info("role of the server has changed", "server", h.endpoint, "role", r)
		if r == ServerRoleBackup && h.c.o.Standby == StandbyWarm {
			h.lost(errors.New("telephony: the server has become the backup"))
		} else {
			h.c.choose("the server has become the backup")
		}
	}
	h.c.hand()
}

// Writable implements Handler.
func (h *connection) Writable() {
	if !h.enter() {
		return
	}
	h.busy = false
	h.flush()
	h.c.hand()
}

// Alive implements Handler.
func (h *connection) Alive() {
	if h.enter() {
		h.c.hand()
	}
}

// Lost implements Handler.
func (h *connection) Lost(reason error) {
	if !h.enter() {
		return
	}
	if reason == nil {
		reason = errors.New("telephony: the driver gave no reason")
	}
	h.lost(reason)
	h.c.hand()
}

// lost ends the connection and plans the next attempt. c.mu is held.
func (h *connection) lost(reason error) {
	c, s := h.c, h.slot
	if h.gone {
		return
	}
	c.o.Logger.Warn("connection lost", "server", h.endpoint, "error", reason)
	lasted := h.opened && c.o.Clock.Now().Sub(h.since) >= c.o.ReconnectMax
	h.end(ErrLinkDown)
	s.conn = nil
	if lasted {
		s.failures = 0 // once more, at once
	} else {
		s.failures++
		s.next = (s.next + 1) % len(s.endpoints)
	}
	c.choose(reason.Error())
	s.again()
}

// end closes the connection and fails its requests. c.mu is held.
func (h *connection) end(why error) {
	h.gone = true
	if h.timer != nil {
		h.timer()
	}
	if h.conn != nil {
		h.conn.Close()
	}
	h.fail(why)
	h.kept = nil
}

// watch plans the next look at the silence of the connection: ADDP. c.mu is held.
func (h *connection) watch() {
	c, timeout := h.c, h.endpoint.ADDP.Timeout
	if timeout == 0 {
		return
	}
	due := h.heard.Add(timeout)
	if h.polled {
		due = due.Add(timeout)
	}
	h.timer = c.o.Clock.AfterFunc(due.Sub(c.o.Clock.Now()), func() {
		c.mu.Lock()
		defer c.hand()
		if h.gone {
			return
		}
		silence := c.o.Clock.Now().Sub(h.heard)
		switch {
		case silence >= 2*timeout && h.polled:
			h.lost(fmt.Errorf("telephony: nothing received for %s", silence))
			return
		case silence >= timeout && !h.polled:
			h.polled = true
			if t := h.endpoint.ADDP.Trace; t == ADDPTraceLocal || t == ADDPTraceFull {
				c.o.Logger.Info("ADDP poll", "server", h.endpoint, "silence", silence)
			}
			h.conn.Ping()
		}
		h.watch()
	})
}

// choose looks which connection is the active one, after one was opened, lost or has
// changed its role, and tells of the difference. c.mu is held.
func (c *Client) choose(reason string) {
	if c.closed {
		return
	}
	old := c.active
	usable := func(h *connection) bool {
		return h != nil && h.opened && !h.gone && h.info.Role != ServerRoleBackup
	}
	if usable(old) {
		return
	}
	var best *connection
	for _, s := range c.slots {
		if usable(s.conn) && (best == nil || s.conn.info.Role == ServerRolePrimary && best.info.Role != ServerRolePrimary) {
			best = s.conn
		}
	}
	if old != nil {
		c.setLink(old, nil)
		c.active = nil
		old.fail(ErrLinkDown)
		c.emit(&EventServerDisconnected{EventHeader: c.header(old.server()), Reason: reason})
	}
	if best == nil {
		return
	}
	c.active = best
	c.caps = c.driver.Capabilities()
	if best.info.Capabilities != 0 {
		c.caps &= best.info.Capabilities
	}
	c.emit(&EventServerConnected{EventHeader: c.header(best.server()), ServerRole: best.info.Role})
	if name := best.endpoint.String(); name != c.last {
		if c.last != "" {
			c.emit(&EventPrimaryChanged{EventHeader: c.header(best.server())})
		}
		c.last = name
	}
	kept := best.kept
	best.kept = nil
	if best.linkUp == nil {
		return
	}
	c.setLink(best, best.linkUp)
	missed := c.calls.latest
	for _, e := range kept {
		if e.Header().Sequence > missed {
			c.happened(e)
		}
	}
}

// setLink tells that the active server has found or lost its switch: up is nil then.
// c.mu is held.
func (c *Client) setLink(h *connection, up *EventLinkConnected) {
	switch {
	case up != nil && c.linkUp == nil:
		c.linkUp = up
		c.emit(up)
		c.startResync(h)
	case up == nil && c.linkUp != nil:
		c.linkUp, c.resync = nil, nil
		c.emit(&EventLinkDisconnected{EventHeader: c.header(h.server())})
	}
}
