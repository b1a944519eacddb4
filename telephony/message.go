package telephony

import (
	"fmt"
	"time"
)

// Message is a Request or an Event.
type Message interface {
	// Name is the documented name: "RequestRouteCall", "EventRinging".
	Name() string
	// Validate reports the first mandatory attribute that is missing, or one that
	// cannot be, as an *AttributeError.
	Validate() error
	// String prints the message on one line: its name and the attributes that are
	// set, as Name=value. ParseMessage reads it, and tells the grammar.
	String() string
}

// Request is a message to the switch: one of the Request… types of this
// package, by pointer.
type Request interface {
	Message
	request()
}

// Event is a message from the switch: one of the Event… types of this package,
// by pointer.
type Event interface {
	Message
	// Header returns the part that all events have.
	Header() *EventHeader
}

// EventHeader is what every event carries.
type EventHeader struct {
	Server string    // name of the server that sent it; may be empty
	Time   time.Time // when it happened, by the clock of the switch side
	// ReferenceID is the number of the request that the event answers; 0 when it
	// answers none, or a request of somebody else.
	ReferenceID int
	// Sequence is the number of the event as the server counts them, the same on
	// both servers of a pair; 0 where it does not count. Later events have greater
	// numbers, also after a restart of the server; there may be gaps.
	Sequence uint64
	// Synthetic: no server has sent the event; the Link found out, when it was
	// connected again, that the thing has happened meanwhile.
	Synthetic bool
}

// Header returns the header itself.
func (h *EventHeader) Header() *EventHeader { return h }

// CallAttributes is what the events of a call tell of it. Attributes that do
// not apply are zero.
type CallAttributes struct {
	ConnID           ConnID
	PreviousConnID   ConnID // the call that this one came from or was merged with
	TransferConnID   ConnID // of a call that is being transferred: the other one
	CallID           int    // the switch's own number of the call; 0 when unknown
	CallUUID         CallUUID
	CallType         CallType
	CallState        CallState
	Cause            string // why, in the words of who sends the event; may be empty
	NetworkCallState NetworkCallState
	NetworkCallID    int    // the call, as the network numbers it
	NetworkNodeID    int    // the node of the network that numbers it
	NodeID           int    // the node of the switch; 0 when unknown
	CallThreadID     string // the same for all calls that came from one another

	// The network's numbers of the call from which this one was transferred.
	TransferredNetworkCallID int
	TransferredNetworkNodeID int

	// How the call comes from another switch, or is to be sent there.
	XReferenceID int    // of the transaction between the two servers
	XRouteType   int    // how the call is taken from one to the other, as the server numbers it
	AccessNumber string // what is dialled to reach the other switch
	LocationInfo string // the other switch or server

	CustomerID   string // the tenant
	HomeLocation string // the switch where the call began

	ThisDN          string // the DN that the event is about
	ThisQueue       string // the queue or routing point that the call is at or came through
	ThisTrunk       int
	ThisDNRole      DNRole
	OtherDN         string // the other side of the call
	OtherQueue      string
	OtherTrunk      int
	OtherDNRole     DNRole
	ThirdPartyDN    string // the DN that acts on the two others, or the destination of a diverted call
	ThirdPartyQueue string
	ThirdPartyRole  DNRole

	DNIS                string // the number that was dialled
	ANI                 string // the number of the caller
	AgentID             string
	WorkMode            AgentWorkMode
	PlaceID             string
	MediaType           string // of a call that is none, on the router link of an Interaction Server
	CollectedDigits     string
	LastCollectedDigit  string
	CallHistory         KVList // where the call has been, as the server keeps it
	UserData            KVList
	Reasons, Extensions KVList
}

// Call returns the attributes themselves; with it, events of calls can be told
// apart and read without regard to their type (see CallOf).
func (a *CallAttributes) Call() *CallAttributes { return a }

// CallOf returns the call attributes of an event, or false when the event is
// not about a call.
func CallOf(e Event) (*CallAttributes, bool) {
	c, ok := e.(interface{ Call() *CallAttributes })
	if !ok {
		return nil, false
	}
	return c.Call(), true
}

// check is one rule of a Validate method.
type check struct {
	attribute string
	ok        bool
	problem   string
}

func required(attribute string, given bool) check {
	return check{attribute, given, "is missing"}
}

func list(attribute string, l KVList) check {
	if err := l.Validate(); err != nil {
		return check{attribute, false, "is not a legal list: " + err.Error()}
	}
	return check{ok: true}
}

func validate(name string, checks ...check) error {
	for _, c := range checks {
		if !c.ok {
			return &AttributeError{Message: name, Attribute: c.attribute, Problem: c.problem}
		}
	}
	return nil
}

// validateCall checks what the events of a call have in common.
func (a *CallAttributes) validateCall(name string, more ...check) error {
	return validate(name, append([]check{
		required("ConnID", a.ConnID != 0),
		required("ThisDN", a.ThisDN != ""),
		list("UserData", a.UserData),
		list("Reasons", a.Reasons),
		list("Extensions", a.Extensions),
		list("CallHistory", a.CallHistory),
	}, more...)...)
}

// validateQueued checks the events of routing points, whose ThisDN and ThisQueue
// are equal.
func (a *CallAttributes) validateQueued(name string) error {
	differs := ""
	if a.ThisQueue != a.ThisDN {
		differs = fmt.Sprintf("is %q, must equal ThisDN %q", a.ThisQueue, a.ThisDN)
	}
	return a.validateCall(name,
		required("CallType", a.CallType != CallTypeUnknown),
		required("ThisQueue", a.ThisQueue != ""),
		check{"ThisQueue", differs == "", differs},
		check{"PreviousConnID", a.CallType != CallTypeConsult || a.PreviousConnID != 0, "is missing in a consult call"},
	)
}
