package telephony

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Link is the connection of a program to a switch or an Interaction Server, or to
// a pair of them, kept up over disturbances. Open makes one from a Driver. It is
// safe for concurrent use.
type Link interface {
	// Send sends a request and does not wait. outcome is called once, in its place
	// in the stream of events and never inside Send: with the event that
	// confirms the request, or with an error. A refusal by the switch is a *RequestError,
	// an incomplete request an *AttributeError, a request beyond Capabilities an
	// error that matches ErrUnsupported; ErrOverload means that too many requests wait.
	// ErrLinkDown, ErrTimeout and ErrClosed mean that the request was not carried out, or that
	// its outcome is not known. What holds for receivers (Subscribe) holds for outcome,
	// which may be nil.
	Send(req Request, outcome func(Event, error))

	// Subscribe adds a receiver of events: those of DNs registered on this link,
	// and those of the link itself. The first one tells the state of the link,
	// EventLinkConnected or EventLinkDisconnected. Receivers see the answers to
	// requests as well, after outcome does. They are called with one event at a time, in
	// the order of the switch; they must return soon, may call Send, and must not
	// wait for an outcome (Do) nor call Close. After cancel has returned no further event
	// is handed over, apart from one that is being received.
	Subscribe(receive func(Event)) (cancel func())

	// State tells how far the connection is up. It may be ahead of the events that
	// tell of it.
	State() LinkState

	// Capabilities tells what Send can carry out. Before the first connection it is
	// what the driver can do at most, then what the server can do.
	Capabilities() Capabilities

	// Close gives the connection up. Requests under way fail with ErrClosed; nothing
	// else is handed over any more. It may be called more than once.
	Close() error
}

// LinkState is how far a Link is up.
type LinkState int

// The states of a Link.
const (
	// LinkClosed: Close has been called.
	LinkClosed LinkState = iota
	// LinkConnecting: no server can be reached; the Link keeps trying.
	// EventServerDisconnected has told so, unless none was reached yet.
	LinkConnecting
	// LinkServerConnected: the server is reached, and has lost its switch, or has
	// not told yet. Told by EventServerConnected and EventLinkDisconnected.
	LinkServerConnected
	// LinkConnected: requests reach the switch. Told by EventLinkConnected.
	LinkConnected
)

var linkStateNames = []string{"Closed", "Connecting", "ServerConnected", "Connected"}

func (s LinkState) String() string { return enumString(linkStateNames, "LinkState", int(s)) }

// Do sends a request and waits for its outcome, as described at Link.Send. When
// ctx ends first its error is returned and the outcome is not known.
func Do(ctx context.Context, l Link, req Request) (Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type outcome struct {
		event Event
		err   error
	}
	done := make(chan outcome, 1)
	l.Send(req, func(e Event, err error) { done <- outcome{e, err} })
	select {
	case o := <-done:
		return o.event, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Capabilities is the set of things that a Link can do. A program degrades by
// what is missing here, never by the name of a driver.
type Capabilities uint32

// The capabilities.
const (
	CanMonitor    Capabilities = 1 << iota // RequestRegisterAddress, RequestUnregisterAddress; events
	CanRoute                               // RequestRouteCall
	CanTreat                               // RequestApplyTreatment
	CanAttach                              // RequestAttachUserData and the like
	CanMakeCall                            // RequestMakeCall
	CanControl                             // RequestAnswerCall, …ReleaseCall, …HoldCall, …RetrieveCall, …AlternateCall, …SendDTMF
	CanTransfer                            // RequestInitiateTransfer, …CompleteTransfer, …SingleStepTransfer, …MergeCalls
	CanConference                          // RequestInitiateConference, …CompleteConference, …SingleStepConference
	CanQuery                               // RequestQueryAddress, …QueryCall, …QueryServer
	CanAgent                               // RequestAgentLogin, …AgentLogout, …AgentReady, …AgentNotReady
	CanNotify                              // RequestDistributeEvent, …SendUserEvent, …PrivateService
	CanInteract                            // the requests of interactions (InteractionRequest)
	capabilities  = iota
)

var capabilityNames = [capabilities]string{"Monitor", "Route", "Treat", "Attach", "MakeCall", "Control", "Transfer",
	"Conference", "Query", "Agent", "Notify", "Interact"}

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

	// ErrTimeout: the switch has not answered in time. It may still carry the
	// request out; an answer that comes later is an event without a reference id.
	ErrTimeout = errors.New("telephony: the switch has not answered in time")

	// ErrOverload: LinkOptions.MaxQueued requests wait to be sent.
	ErrOverload = errors.New("telephony: too many requests wait to be sent")

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
