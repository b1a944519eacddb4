package telephony

import "time"

// Interaction Server: what programs of agents and media servers say, and the answers.

// RequestRegisterClient tells an Interaction Server who we are. Confirmed by EventAck.
type RequestRegisterClient struct {
	ClientType ClientType // mandatory
	ClientName string     // mandatory
	TenantID   int
	Extensions KVList
}

// RequestUnregisterClient ends what RequestRegisterClient began. Confirmed by EventAck.
type RequestUnregisterClient struct {
	ClientName string // mandatory
}

// RequestNotReadyForMedia says that an agent takes no interactions of a media type.
// Confirmed by EventAck.
type RequestNotReadyForMedia struct {
	PlaceID   string // mandatory
	MediaType string // mandatory
	Reasons   KVList
}

// RequestCancelNotReadyForMedia ends what RequestNotReadyForMedia began. Confirmed by
// EventAck.
type RequestCancelNotReadyForMedia struct {
	PlaceID   string // mandatory
	MediaType string // mandatory
	Reasons   KVList
}

// RequestAddMedia adds a media type to those that an agent handles. Confirmed by EventAck.
type RequestAddMedia struct {
	PlaceID   string // mandatory
	MediaType string // mandatory
	Reasons   KVList
}

// RequestRemoveMedia ends what RequestAddMedia began. Confirmed by EventAck.
type RequestRemoveMedia struct {
	PlaceID   string // mandatory
	MediaType string // mandatory
	Reasons   KVList
}

// RequestAccept has an agent take an interaction that is offered. Confirmed by EventAck.
type RequestAccept struct {
	InteractionID string // mandatory
	PlaceID       string // mandatory
	Reasons       KVList
}

// RequestReject has an agent refuse an interaction that is offered. Confirmed by EventAck.
type RequestReject struct {
	InteractionID string // mandatory
	PlaceID       string // mandatory
	Reasons       KVList
}

// RequestLeaveInteraction takes an agent out of an interaction that goes on. Confirmed by
// EventAck.
type RequestLeaveInteraction struct {
	InteractionID string // mandatory
	PlaceID       string // mandatory
	Reasons       KVList
}

// RequestTransferInteraction gives an interaction from the agent at PlaceID to another one.
// Confirmed by EventAck.
type RequestTransferInteraction struct {
	InteractionID string // mandatory
	PlaceID       string // mandatory
	AgentID       string // of the other one; this or ToPlaceID is mandatory
	ToPlaceID     string
	Reasons       KVList
}

// RequestConferenceInteraction invites another agent to an interaction of the agent at
// PlaceID. Confirmed by EventAck.
type RequestConferenceInteraction struct {
	InteractionID string // mandatory
	PlaceID       string // mandatory
	AgentID       string // of the other one; this or ToPlaceID is mandatory
	ToPlaceID     string
	Reasons       KVList
}

// EventAck confirms a request that no event of its own confirms. For a request about an
// interaction it has the interaction as it is then.
type EventAck struct {
	EventHeader
	Interaction Interaction
}

// EventInteraction tells of an interaction.
type EventInteraction struct {
	EventHeader
	InteractionEvent
}

// EventInvite offers an interaction to an agent. RequestAccept or RequestReject answers;
// without one EventRevoked takes it back.
type EventInvite struct {
	EventHeader
	Interaction Interaction
	PlaceID     string
	AgentID     string
	Timeout     time.Duration // how long it is offered; 0: not told
}

// EventRevoked takes an interaction back that was offered.
type EventRevoked struct {
	EventHeader
	InteractionID string
	PlaceID       string
	AgentID       string
	Reasons       KVList
}

// EventCurrentAgentStatus tells what an agent handles.
type EventCurrentAgentStatus struct {
	EventHeader
	PlaceID string
	AgentID string
	Media   KVList // the media types, each with 1 (ready) or 0
	Reasons KVList
}

// EventForcedAgentStateChange says that somebody else has changed what an agent handles.
type EventForcedAgentStateChange struct {
	EventHeader
	PlaceID string
	AgentID string
	Media   KVList // the media types, each with 1 (ready) or 0
	Reasons KVList
}

// Name returns "RequestRegisterClient".
func (*RequestRegisterClient) Name() string { return "RequestRegisterClient" }

// Name returns "RequestUnregisterClient".
func (*RequestUnregisterClient) Name() string { return "RequestUnregisterClient" }

// Name returns "RequestNotReadyForMedia".
func (*RequestNotReadyForMedia) Name() string { return "RequestNotReadyForMedia" }

// Name returns "RequestCancelNotReadyForMedia".
func (*RequestCancelNotReadyForMedia) Name() string { return "RequestCancelNotReadyForMedia" }

// Name returns "RequestAddMedia".
func (*RequestAddMedia) Name() string { return "RequestAddMedia" }

// Name returns "RequestRemoveMedia".
func (*RequestRemoveMedia) Name() string { return "RequestRemoveMedia" }

// Name returns "RequestAccept".
func (*RequestAccept) Name() string { return "RequestAccept" }

// Name returns "RequestReject".
func (*RequestReject) Name() string { return "RequestReject" }

// Name returns "RequestLeaveInteraction".
func (*RequestLeaveInteraction) Name() string { return "RequestLeaveInteraction" }

// Name returns "RequestTransferInteraction".
func (*RequestTransferInteraction) Name() string { return "RequestTransferInteraction" }

// Name returns "RequestConferenceInteraction".
func (*RequestConferenceInteraction) Name() string { return "RequestConferenceInteraction" }

// Name returns "EventAck".
func (*EventAck) Name() string { return "EventAck" }

// Name returns "EventInteraction".
func (*EventInteraction) Name() string { return "EventInteraction" }

// Name returns "EventInvite".
func (*EventInvite) Name() string { return "EventInvite" }

// Name returns "EventRevoked".
func (*EventRevoked) Name() string { return "EventRevoked" }

// Name returns "EventCurrentAgentStatus".
func (*EventCurrentAgentStatus) Name() string { return "EventCurrentAgentStatus" }

// Name returns "EventForcedAgentStateChange".
func (*EventForcedAgentStateChange) Name() string { return "EventForcedAgentStateChange" }

func (r *RequestRegisterClient) String() string         { return render(r) }
func (r *RequestUnregisterClient) String() string       { return render(r) }
func (r *RequestNotReadyForMedia) String() string       { return render(r) }
func (r *RequestCancelNotReadyForMedia) String() string { return render(r) }
func (r *RequestAddMedia) String() string               { return render(r) }
func (r *RequestRemoveMedia) String() string            { return render(r) }
func (r *RequestAccept) String() string                 { return render(r) }
func (r *RequestReject) String() string                 { return render(r) }
func (r *RequestLeaveInteraction) String() string       { return render(r) }
func (r *RequestTransferInteraction) String() string    { return render(r) }
func (r *RequestConferenceInteraction) String() string  { return render(r) }
func (e *EventAck) String() string                      { return render(e) }
func (e *EventInteraction) String() string              { return render(e) }
func (e *EventInvite) String() string                   { return render(e) }
func (e *EventRevoked) String() string                  { return render(e) }
func (e *EventCurrentAgentStatus) String() string       { return render(e) }
func (e *EventForcedAgentStateChange) String() string   { return render(e) }

func (*RequestRegisterClient) request()                    {}
func (*RequestRegisterClient) interactionRequest()         {}
func (*RequestUnregisterClient) request()                  {}
func (*RequestUnregisterClient) interactionRequest()       {}
func (*RequestNotReadyForMedia) request()                  {}
func (*RequestNotReadyForMedia) interactionRequest()       {}
func (*RequestCancelNotReadyForMedia) request()            {}
func (*RequestCancelNotReadyForMedia) interactionRequest() {}
func (*RequestAddMedia) request()                          {}
func (*RequestAddMedia) interactionRequest()               {}
func (*RequestRemoveMedia) request()                       {}
func (*RequestRemoveMedia) interactionRequest()            {}
func (*RequestAccept) request()                            {}
func (*RequestAccept) interactionRequest()                 {}
func (*RequestReject) request()                            {}
func (*RequestReject) interactionRequest()                 {}
func (*RequestLeaveInteraction) request()                  {}
func (*RequestLeaveInteraction) interactionRequest()       {}
func (*RequestTransferInteraction) request()               {}
func (*RequestTransferInteraction) interactionRequest()    {}
func (*RequestConferenceInteraction) request()             {}
func (*RequestConferenceInteraction) interactionRequest()  {}

// Validate implements Message.
func (r *RequestRegisterClient) Validate() error {
	return validate(r.Name(), required("ClientType", r.ClientType != ClientTypeUnknown),
		required("ClientName", r.ClientName != ""), list("Extensions", r.Extensions))
}

// Validate implements Message.
func (r *RequestUnregisterClient) Validate() error {
	return validate(r.Name(), required("ClientName", r.ClientName != ""))
}

// Validate implements Message.
func (r *RequestNotReadyForMedia) Validate() error {
	return forMedia(r.Name(), r.PlaceID, r.MediaType, r.Reasons)
}

// Validate implements Message.
func (r *RequestCancelNotReadyForMedia) Validate() error {
	return forMedia(r.Name(), r.PlaceID, r.MediaType, r.Reasons)
}

// Validate implements Message.
func (r *RequestAddMedia) Validate() error {
	return forMedia(r.Name(), r.PlaceID, r.MediaType, r.Reasons)
}

// Validate implements Message.
func (r *RequestRemoveMedia) Validate() error {
	return forMedia(r.Name(), r.PlaceID, r.MediaType, r.Reasons)
}

// Validate implements Message.
func (r *RequestAccept) Validate() error {
	return onInteraction(r.Name(), r.InteractionID, required("PlaceID", r.PlaceID != ""), list("Reasons", r.Reasons))
}

// Validate implements Message.
func (r *RequestReject) Validate() error {
	return onInteraction(r.Name(), r.InteractionID, required("PlaceID", r.PlaceID != ""), list("Reasons", r.Reasons))
}

// Validate implements Message.
func (r *RequestLeaveInteraction) Validate() error {
	return onInteraction(r.Name(), r.InteractionID, required("PlaceID", r.PlaceID != ""), list("Reasons", r.Reasons))
}

// Validate implements Message.
func (r *RequestTransferInteraction) Validate() error {
	return onInteraction(r.Name(), r.InteractionID, required("PlaceID", r.PlaceID != ""),
		required("AgentID or ToPlaceID", r.AgentID != "" || r.ToPlaceID != ""), list("Reasons", r.Reasons))
}

// Validate implements Message.
func (r *RequestConferenceInteraction) Validate() error {
	return onInteraction(r.Name(), r.InteractionID, required("PlaceID", r.PlaceID != ""),
		required("AgentID or ToPlaceID", r.AgentID != "" || r.ToPlaceID != ""), list("Reasons", r.Reasons))
}

// Validate implements Message.
func (e *EventAck) Validate() error {
	return validate(e.Name(), list("Interaction.UserData", e.Interaction.UserData))
}

// Validate implements Message.
func (e *EventInteraction) Validate() error {
	return validate(e.Name(), check{"Type", e.Type > 0 && int(e.Type) < len(interactionEventNames), "is missing or unknown"},
		required("Interaction.ID", e.Interaction.ID != ""), list("Interaction.UserData", e.Interaction.UserData))
}

// Validate implements Message.
func (e *EventInvite) Validate() error {
	return validate(e.Name(), required("Interaction.ID", e.Interaction.ID != ""), required("PlaceID", e.PlaceID != ""),
		list("Interaction.UserData", e.Interaction.UserData))
}

// Validate implements Message.
func (e *EventRevoked) Validate() error {
	return validate(e.Name(), required("InteractionID", e.InteractionID != ""), list("Reasons", e.Reasons))
}

// Validate implements Message.
func (e *EventCurrentAgentStatus) Validate() error {
	return validate(e.Name(), required("PlaceID", e.PlaceID != ""), list("Media", e.Media), list("Reasons", e.Reasons))
}

// Validate implements Message.
func (e *EventForcedAgentStateChange) Validate() error {
	return validate(e.Name(), required("PlaceID", e.PlaceID != ""), list("Media", e.Media), list("Reasons", e.Reasons))
}

func forMedia(name, place, media string, reasons KVList) error {
	return validate(name, required("PlaceID", place != ""), required("MediaType", media != ""), list("Reasons", reasons))
}
