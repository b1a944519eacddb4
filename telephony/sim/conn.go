package sim

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/seed-ff723688/ors/telephony"
)

// conn is a connection of a client to a server of the switch.
type conn struct {
	sw      *Switch
	server  *Server
	handler telephony.Handler

	// Guarded by the switch.
	dns    map[string]bool // registered
	broken bool            // by the server; or closed
}

// parcel is something on its way to a client.
type parcel struct {
	to    *conn
	event telephony.Event
	call  func(telephony.Handler) // in place of an event
}

// Capabilities implements telephony.Driver: all that calls need.
func (s *Switch) Capabilities() telephony.Capabilities {
	return telephony.CanMonitor | telephony.CanRoute | telephony.CanTreat | telephony.CanAttach |
		telephony.CanMakeCall | telephony.CanControl | telephony.CanTransfer | telephony.CanConference |
		telephony.CanQuery | telephony.CanAgent | telephony.CanNotify
}

// Dial implements telephony.Driver. The address of an endpoint is the name of a server; an
// empty one is that of the first.
func (s *Switch) Dial(e telephony.Endpoint, h telephony.Handler) (telephony.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	srv := s.server(e.Address)
	if srv == nil {
		return nil, fmt.Errorf("%w: %s", ErrUnknownServer, e.Address)
	}
	c := &conn{sw: s, server: srv, handler: h, dns: map[string]bool{}}
	if !srv.up {
		c.broken = true
		s.put(parcel{to: c, call: func(h telephony.Handler) { h.Lost(ErrServerDown) }})
		return c, nil
	}
	srv.sessions++
	info := telephony.ConnInfo{Server: srv.name, Role: srv.role, SessionID: fmt.Sprintf("%s-%d", srv.name, srv.sessions)}
	s.put(parcel{to: c, call: func(h telephony.Handler) { h.Opened(info) }})
	s.conns = append(s.conns, c)
	c.post(srv.linkState())
	return c, nil
}

// errBroken is what Send returns when nothing can be sent any more.
var errBroken = errors.New("sim: the connection is broken")

// Send implements telephony.Conn. The switch carries the request out at once;
// the clock brings the answer.
func (c *conn) Send(ref int, req telephony.Request) error {
	s := c.sw
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.broken {
		return errBroken
	}
	s.logger.Debug("request", "message", req)
	if no := c.carryOut(req, ref); no != nil {
		e := &telephony.EventError{EventHeader: s.header(ref), ErrorCode: no.code, ErrorMessage: no.message}
		c.send(e)
	}
	return nil
}

// Ping implements telephony.Conn.
func (c *conn) Ping() {
	s := c.sw
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.broken {
		s.put(parcel{to: c, call: telephony.Handler.Alive})
	}
}

// Close implements telephony.Conn.
func (c *conn) Close() {
	s := c.sw
	s.mu.Lock()
	defer s.mu.Unlock()
	c.broken, c.handler = true, nil
	for i := range s.conns {
		if s.conns[i] == c {
			s.conns = append(s.conns[:i:i], s.conns[i+1:]...)
			return
		}
	}
}

// announce sends an event about a DN to everybody who has registered it.
func (s *Switch) announce(e telephony.Event) { s.confirm(e, nil, 0) }

// confirm sends an event like announce, but with the reference id to the client
// that asked for it, which gets it first. by may be nil.
func (s *Switch) confirm(e telephony.Event, by *conn, ref int) {
	if by != nil {
		mine := copyOf(e)
		mine.Header().ReferenceID = ref
		by.post(mine)
	}
	dn, given := dnOf(e), false
	for _, c := range s.conns {
		if c == by || !c.dns[dn] {
			continue
		}
		if given {
			e = copyOf(e) // an event belongs to its receiver
		}
		given = true
		c.post(e)
	}
}

// dnOf returns the DN that an event is about.
func dnOf(e telephony.Event) string {
	if c, ok := telephony.CallOf(e); ok {
		return c.ThisDN
	}
	if a, ok := e.(interface {
		Agent() *telephony.AgentAttributes
	}); ok {
		return a.Agent().ThisDN
	}
	return ""
}

// copyOf returns a copy of an event.
func copyOf(e telephony.Event) telephony.Event {
	c := reflect.New(reflect.TypeOf(e).Elem())
	c.Elem().Set(reflect.ValueOf(e).Elem())
	return c.Interface().(telephony.Event)
}

// post sends an event of the switch, which does not reach a server that has lost its
// connection.
func (c *conn) post(e telephony.Event) {
	if _, down := e.(*telephony.EventLinkDisconnected); down || c.server.connected {
		c.send(e)
	}
}

// send sends an event to the client, if fate does not want it otherwise.
func (c *conn) send(e telephony.Event) {
	s := c.sw
	e.Header().Server = c.server.name
	fate := Fate{}
	if c.server.fate != nil {
		fate = c.server.fate(e)
	}
	if fate.Lost {
		return
	}
	if fate.Copies > 0 || fate.Delay <= 0 {
		s.put(parcel{to: c, event: e})
	} else {
		fate.Copies = 1
	}
	for range fate.Copies {
		again := copyOf(e)
		if fate.Delay <= 0 {
			s.put(parcel{to: c, event: again})
			continue
		}
		s.clock.AfterFunc(fate.Delay, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.put(parcel{to: c, event: again})
		})
	}
}

// put puts a parcel into the box, which the clock empties piece by piece. There
// is one timer under way while there is something in the box, none otherwise.
func (s *Switch) put(p parcel) {
	s.box = append(s.box, p)
	if !s.moving {
		s.moving = true
		s.clock.AfterFunc(0, s.deliver)
	}
}

// deliver hands out the first parcel, without the lock held.
func (s *Switch) deliver() {
	s.mu.Lock()
	p := s.box[0]
	s.box[0] = parcel{}
	if s.box = s.box[1:]; len(s.box) == 0 {
		s.box = nil
	}
	h := p.to.handler
	if p.event != nil && p.to.broken {
		h = nil // it was on its way when the connection broke
	}
	s.mu.Unlock()
	switch {
	case h == nil:
	case p.call != nil:
		p.call(h)
	default:
		s.logger.Debug("event", "message", p.event)
		if s.trace != nil {
			s.trace(p.event)
		}
		h.Event(p.event)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.box) > 0 {
		s.clock.AfterFunc(0, s.deliver)
	} else {
		s.moving = false
	}
}
