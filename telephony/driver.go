package telephony

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Driver opens connections to servers of one kind: simulated ones in the same
// process, or real ones by a protocol. A driver moves messages and nothing else.
// What is the same for all of them is done by Client, which sits on top: reference
// ids, time-outs, the limit of requests under way, registration after every
// reconnect, resynchronisation, standby servers, the decision that a connection is
// dead.
//
// A Driver is safe for concurrent use.
type Driver interface {
	// Capabilities is the most that a connection of this driver can do.
	// ConnInfo narrows it to what a server can do.
	Capabilities() Capabilities

	// Dial begins to open a connection and does not wait for it: h.Opened or h.Lost
	// tells what came of it. h is called from now on, but not inside Dial. An error
	// means that there will be no connection, for instance because the address cannot
	// be one, and that h is not called; the caller tries again as it does after
	// Handler.Lost. Whoever dials closes the Conn, also after Handler.Lost.
	Dial(e Endpoint, h Handler) (Conn, error)
}

// Endpoint is a server that can be reached.
type Endpoint struct {
	// Name is the name of the server application, for logs. Default: Address.
	Name string

	// Address is what the driver takes as one, such as "host:port". Drivers in
	// process may need none.
	Address string

	// ADDP are the options of the keep-alive of this connection. The zero value:
	// neither side polls.
	ADDP ADDP
}

func (e Endpoint) String() string {
	switch {
	case e.Name == "":
		return e.Address
	case e.Address == "":
		return e.Name
	}
	return e.Name + " (" + e.Address + ")"
}

// Conn is one connection to a server, opened or being opened. Its methods do not
// block, are safe for concurrent use, and never call the Handler: what they cause is
// told later. Code in the same process must not hold locks that they need while it
// calls the Handler.
type Conn interface {
	// Send hands over a request under a reference id, which is greater than 0 and not in
	// use by another request of this connection. The driver keeps the order. Every
	// request is answered by one event with its reference id: that which confirms it, or
	// EventError or EventTreatmentNotApplied. The request is valid (Message.Validate) and
	// within the capabilities, and is not changed any more.
	//
	// ErrBusy means that there is no room just now: nothing was taken, and
	// Handler.Writable will be called. Any other error means that the connection is
	// of no use; Handler.Lost follows, or has been called.
	Send(ref int, req Request) error

	// Ping asks the other side for a sign of life; Handler.Alive tells of it. It
	// never fails: silence is what counts. Conns without such a thing call
	// Handler.Alive in return while they know that the other side is there.
	Ping()

	// Close ends the connection. It may be called more than once, also by the Handler.
	// Calls of the Handler that come later are ignored.
	Close()
}

// Handler takes what a Conn has to tell. Client implements it. Calls for one
// connection are made one after the other and never inside a method of the Conn
// or of Driver.Dial; each returns when it has been dealt with, so that a driver that
// waits for it slows the other side down.
type Handler interface {
	// Opened: the connection is there and the server has let us in. It comes first,
	// and once. The next event, at once, tells of the server's own connection to the
	// switch: EventLinkConnected or EventLinkDisconnected.
	Opened(info ConnInfo)

	// Event: the server sent an event. EventHeader.ReferenceID is that of the request of this
	// connection that it answers, or 0; the same event is not sent again without
	// it. Answers keep their place among the other events. The event belongs to the receiver.
	// An event that is not valid, or an answer to nothing, is dropped with a warning.
	Event(e Event)

	// Role: the server has become the primary or the backup of its pair.
	Role(r ServerRole)

	// Writable: after ErrBusy, there is room again.
	Writable()

	// Alive: something has been received that is no event, such as the answer to
	// Ping. Events count as signs of life by themselves.
	Alive()

	// Lost: the connection could not be opened or is broken, for a reason. It comes
	// last, and once; not after Close.
	Lost(reason error)
}

// ErrBusy is the answer of Conn.Send when there is no room.
var ErrBusy = errors.New("telephony: the connection takes no further request at the moment")

// ConnInfo is what is known of a server once a connection to it is open.
type ConnInfo struct {
	// Server is the name by which the server calls itself; may be empty.
	Server string

	// Capabilities are those of this server. 0: those of the driver.
	Capabilities Capabilities

	// Role is that of the server in its pair. ServerRoleUnknown stands for a server
	// that is none of a pair, and counts as primary.
	Role ServerRole

	// SessionID identifies the connection for the server; may be empty.
	SessionID string
}

// ServerRole is the part of a server in a pair of which one takes over from the
// other.
type ServerRole int

// The roles of a server.
const (
	ServerRoleUnknown ServerRole = iota
	ServerRolePrimary
	ServerRoleBackup
)

var serverRoleNames = []string{"Unknown", "Primary", "Backup"}

func (r ServerRole) String() string { return enumString(serverRoleNames, "ServerRole", int(r)) }

// ParseServerRole reads a role: "Primary", "ServerRolePrimary" or "1".
func ParseServerRole(s string) (ServerRole, error) {
	return enumParse[ServerRole](serverRoleNames, "server role", "ServerRole", s)
}

// ADDP are the options of a connection's keep-alive, named after the Advanced
// Disconnect Detection Protocol. A side that has received nothing for its time-out polls
// the other one; when nothing comes for the same time again, the connection is lost.
// So it takes up to twice the time-out to notice. A driver carries polls in its own
// way: these are the options and the behaviour, not the bytes.
type ADDP struct {
	// Timeout is that of our side (addp-timeout); 0: we do not poll.
	Timeout time.Duration

	// RemoteTimeout is that of the server (addp-remote-timeout), which is told of
	// it when the connection is opened; 0: it does not poll.
	RemoteTimeout time.Duration

	// Trace says which side logs its polls (addp-trace).
	Trace ADDPTrace
}

// ParseADDP reads the options of a connection by the names that they have in the
// configuration layer: protocol, which turns the keep-alive on when it is "addp", and addp-timeout,
// addp-remote-timeout (seconds) and addp-trace. Without protocol=addp the others are checked but
// do nothing. Options of other names are not looked at.
func ParseADDP(options map[string]string) (ADDP, error) {
	var a ADDP
	for _, o := range []struct {
		name string
		to   *time.Duration
	}{{"addp-timeout", &a.Timeout}, {"addp-remote-timeout", &a.RemoteTimeout}} {
		text := strings.TrimSpace(options[o.name])
		if text == "" {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return ADDP{}, fmt.Errorf("telephony: option %s: %.40q is no number of seconds", o.name, text)
		}
		*o.to = time.Duration(n) * time.Second
	}
	var err error
	if a.Trace, err = ParseADDPTrace(strings.TrimSpace(options["addp-trace"])); err != nil {
		return ADDP{}, err
	}
	switch protocol := strings.TrimSpace(options["protocol"]); {
	case strings.EqualFold(protocol, "addp"):
		return a, nil
	case protocol == "" || strings.EqualFold(protocol, "none"):
		return ADDP{}, nil
	default:
		return ADDP{}, fmt.Errorf("telephony: option protocol: %.40q is not known: want addp, or nothing", protocol)
	}
}

// ADDPTrace says which side of a connection logs its polls.
type ADDPTrace int

// The values of addp-trace.
const (
	ADDPTraceOff ADDPTrace = iota
	ADDPTraceLocal
	ADDPTraceRemote
	ADDPTraceFull // both sides
)
