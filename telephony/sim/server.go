package sim

import (
	"errors"
	"fmt"

	"github.com/seed-ff723688/ors/telephony"
)

// Server is a program in front of a Switch that clients connect to, as T-Server is. A
// switch has one, which is named like it, and can be given a second one, so that they are a
// hot standby pair: both see the same calls, only the primary carries requests out that
// change something. It is safe for concurrent use.
type Server struct {
	sw   *Switch
	name string

	// Guarded by the switch.
	role      telephony.ServerRole
	up        bool
	connected bool // with the switch
	fate      func(telephony.Event) Fate
	sessions  int // connections that it has had
}

var _ telephony.Driver = (*Switch)(nil)

// ErrUnknownServer: no server of the switch has the address.
var ErrUnknownServer = errors.New("sim: no such server")

// ErrServerDown is the reason with which connections to a stopped server are lost.
var ErrServerDown = errors.New("sim: the server is down")

// AddBackup gives the switch a second server, which becomes the backup of the first
// one. Its name is the address by which clients reach it.
func (s *Switch) AddBackup(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case name == "":
		return errors.New("sim: a server needs a name")
	case len(s.servers) > 1 || s.servers[0].name == name:
		return fmt.Errorf("sim: server %s %w", s.servers[len(s.servers)-1].name, ErrExists)
	}
	s.servers = append(s.servers, &Server{sw: s, name: name, up: true, connected: true})
	s.become(s.servers[0])
	return nil
}

// Server returns the server with a name, by default the first one; nil when there is none.
func (s *Switch) Server(name string) *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.server(name)
}

func (s *Switch) server(name string) *Server {
	for _, srv := range s.servers {
		if name == "" || srv.name == name {
			return srv
		}
	}
	return nil
}

// SwitchOver makes the backup of a pair the primary, and tells the clients of both. It
// does nothing where there is no pair, or the backup is down.
func (s *Switch) SwitchOver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, srv := range s.servers {
		if srv.role == telephony.ServerRoleBackup && srv.up {
			s.become(srv)
			return
		}
	}
}

// become gives the servers of a pair their roles.
func (s *Switch) become(primary *Server) {
	for _, srv := range s.servers {
		srv.role = telephony.ServerRoleBackup
		if srv == primary {
			srv.role = telephony.ServerRolePrimary
		}
		role := srv.role
		for _, c := range s.conns {
			if c.server == srv {
				s.put(parcel{to: c, call: func(h telephony.Handler) { h.Role(role) }})
			}
		}
	}
}

// SetConnected takes the connection between the servers and the switch away, or
// gives it back (Server.SetConnected).
func (s *Switch) SetConnected(connected bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, srv := range s.servers {
		srv.setConnected(connected)
	}
}

// Name returns the name of the server.
func (s *Server) Name() string { return s.name }

// Role returns the role of the server, ServerRoleUnknown for one that is alone.
func (s *Server) Role() telephony.ServerRole {
	s.sw.mu.Lock()
	defer s.sw.mu.Unlock()
	return s.role
}

// SetConnected takes the connection between the server and the switch away, or
// gives it back. While it is away requests are refused with CodeLinkDown and events are lost;
// registrations have to be made again. Calls go on.
func (s *Server) SetConnected(connected bool) {
	s.sw.mu.Lock()
	defer s.sw.mu.Unlock()
	s.setConnected(connected)
}

func (s *Server) setConnected(connected bool) {
	if s.connected == connected {
		return
	}
	s.connected = connected
	for _, c := range s.sw.conns {
		if c.server == s {
			clear(c.dns)
			c.post(s.linkState())
		}
	}
}

// linkState makes the event that tells of the connection to the switch.
func (s *Server) linkState() telephony.Event {
	if !s.connected {
		return &telephony.EventLinkDisconnected{EventHeader: s.sw.header(0)}
	}
	return &telephony.EventLinkConnected{EventHeader: s.sw.header(0), ApplicationName: s.name}
}

// Stop has the server go down: its connections are lost, and none can be opened until Start. Of a
// pair the other one becomes the primary.
func (s *Server) Stop() {
	s.sw.mu.Lock()
	defer s.sw.mu.Unlock()
	if !s.up {
		return
	}
	s.up = false
	s.drop(ErrServerDown)
	for _, other := range s.sw.servers {
		if other != s && other.up && s.role == telephony.ServerRolePrimary {
			s.sw.become(other)
		}
	}
}

// Start has a stopped server come up again, of a pair as the backup, unless the other one is
// down.
func (s *Server) Start() {
	s.sw.mu.Lock()
	defer s.sw.mu.Unlock()
	s.up = true
	for _, other := range s.sw.servers {
		if other != s && !other.up {
			s.sw.become(s)
		}
	}
}

// Drop breaks the connections that the server has at the moment, for a reason that
// clients are told.
func (s *Server) Drop(reason error) {
	s.sw.mu.Lock()
	defer s.sw.mu.Unlock()
	s.drop(reason)
}

func (s *Server) drop(reason error) {
	conns := s.sw.conns
	s.sw.conns = nil
	for _, c := range conns {
		if c.server != s {
			s.sw.conns = append(s.sw.conns, c)
			continue
		}
		c.broken = true
		s.sw.put(parcel{to: c, call: func(h telephony.Handler) { h.Lost(reason) }})
	}
}
