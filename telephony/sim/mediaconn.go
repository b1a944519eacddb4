package sim

import (
	"slices"

	"github.com/seed-ff723688/ors/telephony"
)

// mediaConn is a connection of a client to an InteractionServer.
type mediaConn struct {
	server  *InteractionServer
	handler telephony.Handler
	closed  bool // guarded by the server
}

var _ telephony.Driver = (*InteractionServer)(nil)

// Capabilities implements telephony.Driver.
func (s *InteractionServer) Capabilities() telephony.Capabilities {
	return telephony.CanInteract | telephony.CanAgent
}

// Dial implements telephony.Driver. Endpoints are not told apart. A client is told of all that happens: of
// interactions by EventInteraction, of offers by EventInvite and EventRevoked.
func (s *InteractionServer) Dial(_ telephony.Endpoint, h telephony.Handler) (telephony.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &mediaConn{server: s, handler: h}
	s.conns = append(s.conns, c)
	c.put(func() { h.Opened(telephony.ConnInfo{Server: s.name}) })
	c.event(&telephony.EventLinkConnected{EventHeader: s.header(0), ApplicationName: s.name})
	return c, nil
}

// put has something told to the client, in its place among what is told already.
func (c *mediaConn) put(f func()) {
	c.server.put(func() {
		c.server.mu.Lock()
		closed := c.closed
		c.server.mu.Unlock()
		if !closed {
			f()
		}
	})
}

func (c *mediaConn) event(e telephony.Event) { c.put(func() { c.handler.Event(e) }) }

// tell sends an event to all clients.
func (s *InteractionServer) tell(e telephony.Event) {
	for i, c := range s.conns {
		if i > 0 {
			e = copyOf(e) // an event belongs to its receiver
		}
		c.event(e)
	}
}

// header makes the header of a new event.
func (s *InteractionServer) header(ref int) telephony.EventHeader {
	s.sequence++
	return telephony.EventHeader{Server: s.name, Time: s.clock.Now(), ReferenceID: ref, Sequence: s.sequence}
}

// Send implements telephony.Conn.
func (c *mediaConn) Send(ref int, req telephony.Request) error {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.closed {
		return errBroken
	}
	s.logger.Debug("request", "message", req)
	refuse := func(no *refusal) {
		c.event(&telephony.EventError{EventHeader: s.header(ref), ErrorCode: no.code, ErrorMessage: no.message})
	}
	var no *refusal
	if r, ok := req.(telephony.InteractionRequest); ok {
		no = s.carryOut(r, func(x *item, err error) {
			if err != nil {
				re := err.(*telephony.RequestError)
				refuse(&refusal{re.Code, re.Message})
				return
			}
			e := &telephony.EventAck{EventHeader: s.header(ref)}
			if x != nil {
				e.Interaction = x.Interaction
			}
			c.event(e)
		})
	} else {
		no = c.agent(ref, req)
	}
	if no != nil {
		refuse(no)
	}
	return nil
}

// agent carries out the requests of agents who log in and out at a place.
func (c *mediaConn) agent(ref int, req telephony.Request) *refusal {
	s := c.server
	find := func(name string) (*mediaAgent, *refusal) {
		if a := s.agents[name]; a != nil {
			return a, nil
		}
		return nil, &refusal{CodeUnknownPlace, "no such agent or place " + name}
	}
	switch r := req.(type) {
	case *telephony.RequestAgentLogin:
		name := r.AgentID
		if s.agents[name] == nil {
			name = r.PlaceID
		}
		a, no := find(name)
		if no != nil {
			return no
		}
		a.loggedIn = true
		for _, p := range r.Media {
			n, _ := p.Value.Int()
			a.notReady[p.Key] = n == 0
		}
		c.confirm(&telephony.EventAgentLogin{EventHeader: s.header(0),
			AgentAttributes: telephony.AgentAttributes{PlaceID: a.name, AgentID: a.name, Reasons: r.Reasons}}, ref)
	case *telephony.RequestAgentLogout:
		a, no := find(r.PlaceID)
		if no != nil {
			return no
		}
		a.loggedIn = false
		c.confirm(&telephony.EventAgentLogout{EventHeader: s.header(0),
			AgentAttributes: telephony.AgentAttributes{PlaceID: a.name, AgentID: a.name, Reasons: r.Reasons}}, ref)
	default:
		return &refusal{CodeUnsupported, "the simulated server does not know " + req.Name()}
	}
	return nil
}

// confirm sends an event to everybody, with the reference id to this client.
func (c *mediaConn) confirm(e telephony.Event, ref int) {
	for _, other := range c.server.conns {
		mine := copyOf(e)
		if other == c {
			mine.Header().ReferenceID = ref
		}
		other.event(mine)
	}
}

// Ping implements telephony.Conn.
func (c *mediaConn) Ping() {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.put(func() { c.handler.Alive() })
}

// Close implements telephony.Conn.
func (c *mediaConn) Close() {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	c.closed = true
	s.conns = slices.DeleteFunc(slices.Clone(s.conns), func(x *mediaConn) bool { return x == c })
}
