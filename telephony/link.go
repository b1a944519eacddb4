package telephony

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Link is one connection to a switch. Implementations are safe for concurrent
// use.
type Link interface {
	// Do sends a request and waits for its outcome: the event that confirms it.
	// A refusal by the switch is a *RequestError, an incomplete request an
	// *AttributeError, a request beyond Capabilities an error that matches
	// ErrUnsupported. ErrLinkDown and ErrClosed mean that the request was not
	// carried out, or that its outcome is not known. ctx bounds the waiting.
	//
	// A confirmation is delivered to subscribers as well. Events that follow from
	// the request may reach them before Do returns.
	Do(ctx context.Context, req Request) (Event, error)

	// Subscribe adds a receiver of events: those of DNs registered on this link,
	// and those of the link itself. The first one tells the state of the link,
	// EventLinkConnected or EventLinkDisconnected. A receiver is called with one
	// event at a time, in the order of the switch; it must return soon and must
	// not call Do or Close. After cancel has returned no further event is handed over,
	// apart from one that is being received.
	Subscribe(receive func(Event)) (cancel func())

	// Capabilities tells what Do can carry out. It does not change.
	Capabilities() Capabilities

	// Close gives the connection up. Requests under way fail with ErrClosed. It
	// may be called more than once.
	Close() error
}

// Capabilities is the set of things that a Link can do. A program degrades by
// what is missing here, never by the name of a driver.
type Capabilities uint32

// The capabilities.
const (
	CanMonitor   Capabilities = 1 << iota // RequestRegisterAddress, RequestUnregisterAddress; events
	CanRoute                              // RequestRouteCall
	CanTreat                              // RequestApplyTreatment
	CanAttach                             // RequestAttachUserData and the like
	capabilities = iota
)

var capabilityNames = [capabilities]string{"Monitor", "Route", "Treat", "Attach"}

// Has reports whether all of want are there.
func (c Capabilities) Has(want Capabilities) bool { return c&want == want }

// String lists the capabilities: "Monitor|Route"; "none" when there are none.
func (c Capabilities) String() string {
	var names []string
	for i, name := range capabilityNames {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, "|")
}

// Errors that callers of a Link branch on.
var (
	// ErrClosed: the Link was closed.
	ErrClosed = errors.New("telephony: link is closed")

	// ErrLinkDown: the connection to the switch is lost at the moment.
	ErrLinkDown = errors.New("telephony: link to the switch is down")

	// ErrUnsupported: the driver has no such request.
	ErrUnsupported = errors.New("telephony: request is not supported by the link")
)

// RequestError reports that the switch refused a request.
type RequestError struct {
	Request string // name of the request
	Code    int    // the switch's error code; its meaning belongs to the switch
	Message string
	Event   Event // what refused it: *EventError or *EventTreatmentNotApplied
}

func (e *RequestError) Error() string {
	return fmt.Sprintf("telephony: %s refused: %s (code %d)", e.Request, e.Message, e.Code)
}

// AttributeError reports a message with a missing or illegal attribute.
type AttributeError struct {
	Message   string // name of the request or event
	Attribute string
	Problem   string // what is wrong with it
}

func (e *AttributeError) Error() string {
	return fmt.Sprintf("telephony: %s: attribute %s %s", e.Message, e.Attribute, e.Problem)
}
