package session

import (
	"errors"
	"fmt"
)

// Errors that callers branch on, with errors.Is.
var (
	// ErrNotFound: there is no live session with this id. It may have ended.
	ErrNotFound = errors.New("session: not found")

	// ErrExists: a live session already has this id.
	ErrExists = errors.New("session: id is in use")

	// ErrInboxFull: the session has Options.Inbox events waiting. Send again later.
	ErrInboxFull = errors.New("session: inbox is full")

	// ErrTooMany: Options.MaxSessions sessions are alive.
	ErrTooMany = errors.New("session: too many sessions")

	// ErrClosed: the engine has been shut down.
	ErrClosed = errors.New("session: engine is closed")

	// ErrNotOwner: the engine does not hold the session's bucket. Another one does, and the
	// call belongs there; or Recover has yet to be called. The text says which.
	ErrNotOwner = errors.New("session: the engine does not hold the session's bucket")

	// ErrDenied: the allow-list of a Loader or a processor has no entry for the address.
	ErrDenied = errors.New("session: address is not allowed")

	// ErrTooLarge: a resource, a message or the name of an event is larger than its limit.
	ErrTooLarge = errors.New("session: too large")

	// ErrEndless, in Result.Err: a session kept itself busy for longer than
	// Options.Chain allows.
	ErrEndless = errors.New("session: macrosteps follow from each other without end")
)

// PanicError reports a panic in code that runs inside a session: a callback of
// the host, a module, a processor. It ends the session or becomes an error
// event; the process goes on.
type PanicError struct {
	Where string // what was being done
	Value any    // what panic was called with
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("session: panic in %s: %v", e.Where, e.Value)
}

// Unwrap returns the value of the panic when it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
