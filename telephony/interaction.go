package telephony

import "fmt"

// Interaction is a multimedia interaction: an e-mail, a chat, a work item, as
// Interaction Server keeps it. Properties that do not apply are empty.
type Interaction struct {
	ID         string
	ParentID   string
	TenantID   int
	MediaType  string // "email", "chat", "workitem", …: as configured on the server
	Type       string // "Inbound", "Outbound", "Internal"
	Subtype    string // "InboundNew", "OutboundReply", …
	Queue      string // where it is, or was last
	View       string // that it was pulled by
	Workbin    string
	ExternalID string
	Server     string // media server that submitted it
	UserData   KVList
}

// InteractionServer is what keeps multimedia interactions, as a strategy sees it:
// it hands over interactions, one at a time to one strategy, and carries out what becomes
// of them. Implementations are safe for concurrent use.
type InteractionServer interface {
	// Send sends a request and does not wait. outcome is called once, in its place
	// in the stream of events and never before Send has returned: with the interaction as
	// it is then, or with an error: a *RequestError, an *AttributeError, ErrClosed, ErrLinkDown or
	// ErrUnsupported, as for a Link.
	Send(req InteractionRequest, outcome func(Interaction, error))

	// Subscribe adds a receiver of events, which holds to the rules of
	// Link.Subscribe.
	Subscribe(receive func(InteractionEvent)) (cancel func())
}

// InteractionEvent tells of an interaction. It is a value of plain data.
type InteractionEvent struct {
	Type        InteractionEventType
	Interaction Interaction // as it is now
	Party       string      // agent or place that joined or left
}

// InteractionEventType says what an InteractionEvent tells.
type InteractionEventType int

// The types of events.
const (
	// InteractionPresent: the interaction has been handed to the strategies, from
	// its Queue, and waits for what becomes of it (EventRouteRequest of the router's protocol).
	InteractionPresent InteractionEventType = iota + 1
	// InteractionNotControlled: it is in the hands of strategies no longer: placed
	// in a queue or workbin, delivered, or pulled by somebody else.
	InteractionNotControlled
	InteractionChanged      // its properties have changed
	InteractionStopped      // it is over
	InteractionPartyAdded   // Party has accepted it
	InteractionPartyRemoved // Party has left it, or has not accepted it
)

var interactionEventNames = []string{"Unknown", "Present", "NotControlled", "Changed", "Stopped", "PartyAdded", "PartyRemoved"}

func (t InteractionEventType) String() string {
	return enumString(interactionEventNames, "InteractionEventType", int(t))
}

// ParseInteractionEventType reads a type: "Present", "InteractionPresent" or "1".
func ParseInteractionEventType(s string) (InteractionEventType, error) {
	return enumParse[InteractionEventType](interactionEventNames, "type of interaction event", "Interaction", s)
}

// String prints the event on one line.
func (e InteractionEvent) String() string {
	s := fmt.Sprintf("Interaction%s ID=%s", e.Type, e.Interaction.ID)
	if e.Interaction.Queue != "" {
		s += " Queue=" + e.Interaction.Queue
	}
	if e.Party != "" {
		s += " Party=" + e.Party
	}
	return s
}

// InteractionRequest is a Request to an Interaction Server: one of the types
// below, by pointer. Confirmed by EventAck.
type InteractionRequest interface {
	Request
	interactionRequest()
}

// RequestPull takes an interaction out of a queue, a workbin or an agent's hands and
// gives it to the strategies. InteractionPresent follows.
type RequestPull struct {
	InteractionID string // mandatory
}

// RequestPlaceInQueue puts an interaction that is in the hands of strategies into a queue.
type RequestPlaceInQueue struct {
	InteractionID string // mandatory
	Queue         string // mandatory
	Reasons       KVList
}

// RequestPlaceInWorkbin puts an interaction into the workbin of an agent, a place or a
// group of them.
type RequestPlaceInWorkbin struct {
	InteractionID string // mandatory
	Workbin       string // mandatory
	Owner         string // agent, place or group
	Reasons       KVList
}

// RequestDeliver offers an interaction to an agent or a place. InteractionPartyAdded or
// InteractionPartyRemoved tells what came of it; the request is answered then.
type RequestDeliver struct {
	InteractionID string // mandatory
	AgentID       string // this or PlaceID is mandatory
	PlaceID       string
	Reasons       KVList
}

// RequestStopProcessing ends an interaction.
type RequestStopProcessing struct {
	InteractionID string // mandatory
	Reason        string
}

// RequestChangeProperties changes the user data of an interaction: it drops all of it
// on demand, then the keys in Deleted, then sets those in Changed.
type RequestChangeProperties struct {
	InteractionID string // mandatory
	Changed       KVList
	Deleted       []string
	DeleteAll     bool
}

// RequestSubmit makes an interaction, which is in the hands of the strategy that asked.
// Interaction.ID may be empty: the server makes one.
type RequestSubmit struct {
	Interaction Interaction // MediaType is mandatory
	Content     KVList      // of the message: to, from, subject, text, …
}

// RequestSendMessage sends the message that an outbound interaction stands for.
type RequestSendMessage struct {
	InteractionID string // mandatory
	Content       KVList // in place of what the interaction has
}

// Name returns "RequestPull".
func (*RequestPull) Name() string { return "RequestPull" }

// Name returns "RequestPlaceInQueue".
func (*RequestPlaceInQueue) Name() string { return "RequestPlaceInQueue" }

// Name returns "RequestPlaceInWorkbin".
func (*RequestPlaceInWorkbin) Name() string { return "RequestPlaceInWorkbin" }

// Name returns "RequestDeliver".
func (*RequestDeliver) Name() string { return "RequestDeliver" }

// Name returns "RequestStopProcessing".
func (*RequestStopProcessing) Name() string { return "RequestStopProcessing" }

// Name returns "RequestChangeProperties".
func (*RequestChangeProperties) Name() string { return "RequestChangeProperties" }

// Name returns "RequestSubmit".
func (*RequestSubmit) Name() string { return "RequestSubmit" }

// Name returns "RequestSendMessage".
func (*RequestSendMessage) Name() string { return "RequestSendMessage" }

func (r *RequestPull) String() string             { return render(r) }
func (r *RequestPlaceInQueue) String() string     { return render(r) }
func (r *RequestPlaceInWorkbin) String() string   { return render(r) }
func (r *RequestDeliver) String() string          { return render(r) }
func (r *RequestStopProcessing) String() string   { return render(r) }
func (r *RequestChangeProperties) String() string { return render(r) }
func (r *RequestSubmit) String() string           { return render(r) }
func (r *RequestSendMessage) String() string      { return render(r) }

func (*RequestPull) interactionRequest()             {}
func (*RequestPlaceInQueue) interactionRequest()     {}
func (*RequestPlaceInWorkbin) interactionRequest()   {}
func (*RequestDeliver) interactionRequest()          {}
func (*RequestStopProcessing) interactionRequest()   {}
func (*RequestChangeProperties) interactionRequest() {}
func (*RequestSubmit) interactionRequest()           {}
func (*RequestSendMessage) interactionRequest()      {}

func (*RequestPull) request()             {}
func (*RequestPlaceInQueue) request()     {}
func (*RequestPlaceInWorkbin) request()   {}
func (*RequestDeliver) request()          {}
func (*RequestStopProcessing) request()   {}
func (*RequestChangeProperties) request() {}
func (*RequestSubmit) request()           {}
func (*RequestSendMessage) request()      {}

// Validate implements Message.
func (r *RequestPull) Validate() error { return onInteraction(r.Name(), r.InteractionID) }

// Validate implements Message.
func (r *RequestPlaceInQueue) Validate() error {
	return onInteraction(r.Name(), r.InteractionID, required("Queue", r.Queue != ""), list("Reasons", r.Reasons))
}

// Validate implements Message.
func (r *RequestPlaceInWorkbin) Validate() error {
	return onInteraction(r.Name(), r.InteractionID, required("Workbin", r.Workbin != ""), list("Reasons", r.Reasons))
}

// Validate implements Message.
func (r *RequestDeliver) Validate() error {
	return onInteraction(r.Name(), r.InteractionID, required("AgentID or PlaceID", r.AgentID != "" || r.PlaceID != ""),
		list("Reasons", r.Reasons))
}

// Validate implements Message.
func (r *RequestStopProcessing) Validate() error { return onInteraction(r.Name(), r.InteractionID) }

// Validate implements Message.
func (r *RequestChangeProperties) Validate() error {
	return onInteraction(r.Name(), r.InteractionID, list("Changed", r.Changed))
}

// Validate implements Message.
func (r *RequestSubmit) Validate() error {
	return validate(r.Name(), required("MediaType", r.Interaction.MediaType != ""),
		list("UserData", r.Interaction.UserData), list("Content", r.Content))
}

// Validate implements Message.
func (r *RequestSendMessage) Validate() error {
	return onInteraction(r.Name(), r.InteractionID, list("Content", r.Content))
}

func onInteraction(name, id string, more ...check) error {
	return validate(name, append([]check{required("InteractionID", id != "")}, more...)...)
}

// Interactions is the InteractionServer at the other end of a Link that can
// interact (CanInteract).
func Interactions(l Link) InteractionServer { return interactions{l} }

type interactions struct{ link Link }

// Send implements InteractionServer.
func (i interactions) Send(req InteractionRequest, outcome func(Interaction, error)) {
	i.link.Send(req, func(e Event, err error) {
		if outcome == nil {
			return
		}
		ack, ok := e.(*EventAck)
		switch {
		case err != nil:
			outcome(Interaction{}, err)
		case !ok:
			outcome(Interaction{}, fmt.Errorf("telephony: %s was answered with %s, want EventAck", req.Name(), e.Name()))
		default:
			outcome(ack.Interaction, nil)
		}
	})
}

// Subscribe implements InteractionServer.
func (i interactions) Subscribe(receive func(InteractionEvent)) (cancel func()) {
	return i.link.Subscribe(func(e Event) {
		if e, ok := e.(*EventInteraction); ok {
			receive(e.InteractionEvent)
		}
	})
}
