package bridge

import (
	"errors"
	"fmt"
)

// CloseCode says why a connection has ended: PROTOCOL.md, "Closing".
type CloseCode string

// The codes of version 1.
const (
	CloseNormal          CloseCode = "closed"            // no more use for the connection
	CloseShutdown        CloseCode = "shutdown"          // the server is going down
	CloseVersion         CloseCode = "version"           // no common version of the protocol
	CloseAuth            CloseCode = "auth"              // authentication failed
	CloseBadFrame        CloseCode = "bad-frame"         // the rules of the protocol were broken
	CloseFrameTooLarge   CloseCode = "frame-too-large"   // a length beyond the limit
	CloseTimeout         CloseCode = "time-out"          // slow handshake, or silence
	CloseTooManyRequests CloseCode = "too-many-requests" // more unanswered requests than allowed
	CloseTooManyClients  CloseCode = "too-many-clients"  // the server is full
	CloseSlowReader      CloseCode = "slow-reader"       // the client has not acknowledged in time
	CloseReplaced        CloseCode = "replaced"          // the session goes on with another connection
	CloseInternal        CloseCode = "internal"          // the sender failed
)

// CloseError tells why a connection of the bridge protocol has ended. It is the
// reason that telephony.Handler.Lost is given, and what a Server logs.
type CloseError struct {
	Code    CloseCode // empty when the connection broke without a word
	Message string    // for people; may be empty
	Remote  bool      // the peer said so
	Err     error     // the cause; may be nil
}

func (e *CloseError) Error() string {
	who := "closed"
	if e.Remote {
		who = "closed by the peer"
	}
	s := "bridge: connection " + who
	if e.Code == "" {
		s = "bridge: connection lost"
	} else {
		s += ": " + string(e.Code)
	}
	if e.Message != "" {
		s += fmt.Sprintf(": %.300s", e.Message)
	} else if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *CloseError) Unwrap() error { return e.Err }

// lost makes a *CloseError of any error.
func lost(err error) *CloseError {
	var c *CloseError
	if errors.As(err, &c) {
		return c
	}
	return &CloseError{Err: err}
}
