package telephony

// EventLinkConnected says that the server has its connection to the switch. Registrations
// begin after it.
type EventLinkConnected struct {
	EventHeader
	ApplicationName string // of the server; may be empty
	SessionID       string // of our connection to the server; may be empty
	CustomerID      string // the tenant; may be empty
	Extensions      KVList
}

// EventLinkDisconnected says that the connection to the switch is lost. Registrations are
// gone.
type EventLinkDisconnected struct {
	EventHeader
}

// EventRegistered confirms RequestRegisterAddress.
type EventRegistered struct {
	EventHeader
	ThisDN      string
	AddressType AddressType
	Extensions  KVList // state of the DN: the calls that are there (CallsAt), who is logged in (AgentAt)
}

// EventUnregistered confirms RequestUnregisterAddress. Without a reference id the
// server ended the registration by itself.
type EventUnregistered struct {
	EventHeader
	ThisDN string
}

// EventQueued says that a call has reached the queue or routing point ThisDN.
type EventQueued struct {
	EventHeader
	CallAttributes
}

// EventRouteRequest says that a call waits at the routing point ThisDN and that the
// switch wants to be told where it goes.
type EventRouteRequest struct {
	EventHeader
	CallAttributes
}

// EventRouteUsed says that the call was routed. With the reference id of a request it
// confirms it; without one the switch routed the call by itself. ThirdPartyDN is the destination.
type EventRouteUsed struct {
	EventHeader
	CallAttributes
	RouteType RouteType // that of the request; RouteTypeUnknown where the server does not tell
}

// EventDiverted says that a call has left the queue or routing point ThisDN.
// ThirdPartyDN is the destination.
type EventDiverted struct {
	EventHeader
	CallAttributes
}

// EventTreatmentApplied confirms RequestApplyTreatment: the treatment has begun.
type EventTreatmentApplied struct {
	EventHeader
	CallAttributes
	TreatmentType TreatmentType
}

// EventTreatmentNotApplied refuses RequestApplyTreatment.
type EventTreatmentNotApplied struct {
	EventHeader
	CallAttributes
	TreatmentType TreatmentType
	ErrorCode     int
	ErrorMessage  string
}

// EventTreatmentEnd says that a treatment has run to its end. CollectedDigits holds what
// the caller entered.
type EventTreatmentEnd struct {
	EventHeader
	CallAttributes
	TreatmentType TreatmentType
}

// EventRinging says that a call rings at ThisDN.
type EventRinging struct {
	EventHeader
	CallAttributes
}

// EventEstablished says that ThisDN has answered.
type EventEstablished struct {
	EventHeader
	CallAttributes
}

// EventReleased says that ThisDN has left the call; CallState says why.
type EventReleased struct {
	EventHeader
	CallAttributes
}

// EventAbandoned says that the caller hung up before the call was answered: at a
// queue or routing point, or while ThisDN rang.
type EventAbandoned struct {
	EventHeader
	CallAttributes
}

// EventAttachedDataChanged carries the user data of a call after a change. ThirdPartyDN is
// the DN on whose behalf it was changed.
type EventAttachedDataChanged struct {
	EventHeader
	CallAttributes
}

// EventError refuses a request.
type EventError struct {
	EventHeader
	CallAttributes     // of the call that the request was about; may be empty
	ErrorCode      int // its meaning belongs to the switch
	ErrorMessage   string
}

// Name returns "EventLinkConnected".
func (*EventLinkConnected) Name() string { return "EventLinkConnected" }

// Name returns "EventLinkDisconnected".
func (*EventLinkDisconnected) Name() string { return "EventLinkDisconnected" }

// Name returns "EventRegistered".
func (*EventRegistered) Name() string { return "EventRegistered" }

// Name returns "EventUnregistered".
func (*EventUnregistered) Name() string { return "EventUnregistered" }

// Name returns "EventQueued".
func (*EventQueued) Name() string { return "EventQueued" }

// Name returns "EventRouteRequest".
func (*EventRouteRequest) Name() string { return "EventRouteRequest" }

// Name returns "EventRouteUsed".
func (*EventRouteUsed) Name() string { return "EventRouteUsed" }

// Name returns "EventDiverted".
func (*EventDiverted) Name() string { return "EventDiverted" }

// Name returns "EventTreatmentApplied".
func (*EventTreatmentApplied) Name() string { return "EventTreatmentApplied" }

// Name returns "EventTreatmentNotApplied".
func (*EventTreatmentNotApplied) Name() string { return "EventTreatmentNotApplied" }

// Name returns "EventTreatmentEnd".
func (*EventTreatmentEnd) Name() string { return "EventTreatmentEnd" }

// Name returns "EventRinging".
func (*EventRinging) Name() string { return "EventRinging" }

// Name returns "EventEstablished".
func (*EventEstablished) Name() string { return "EventEstablished" }

// Name returns "EventReleased".
func (*EventReleased) Name() string { return "EventReleased" }

// Name returns "EventAbandoned".
func (*EventAbandoned) Name() string { return "EventAbandoned" }

// Name returns "EventAttachedDataChanged".
func (*EventAttachedDataChanged) Name() string { return "EventAttachedDataChanged" }

// Name returns "EventError".
func (*EventError) Name() string { return "EventError" }

func (e *EventLinkConnected) String() string       { return render(e) }
func (e *EventLinkDisconnected) String() string    { return render(e) }
func (e *EventRegistered) String() string          { return render(e) }
func (e *EventUnregistered) String() string        { return render(e) }
func (e *EventQueued) String() string              { return render(e) }
func (e *EventRouteRequest) String() string        { return render(e) }
func (e *EventRouteUsed) String() string           { return render(e) }
func (e *EventDiverted) String() string            { return render(e) }
func (e *EventTreatmentApplied) String() string    { return render(e) }
func (e *EventTreatmentNotApplied) String() string { return render(e) }
func (e *EventTreatmentEnd) String() string        { return render(e) }
func (e *EventRinging) String() string             { return render(e) }
func (e *EventEstablished) String() string         { return render(e) }
func (e *EventReleased) String() string            { return render(e) }
func (e *EventAbandoned) String() string           { return render(e) }
func (e *EventAttachedDataChanged) String() string { return render(e) }
func (e *EventError) String() string               { return render(e) }

// Validate implements Message.
func (e *EventLinkConnected) Validate() error {
	return validate(e.Name(), list("Extensions", e.Extensions))
}

// Validate implements Message.
func (*EventLinkDisconnected) Validate() error { return nil }

// Validate implements Message.
func (e *EventRegistered) Validate() error {
	return aboutDN(e.Name(), e.ThisDN, e.Extensions)
}

// Validate implements Message.
func (e *EventUnregistered) Validate() error {
	return validate(e.Name(), required("ThisDN", e.ThisDN != ""))
}

// Validate implements Message.
func (e *EventQueued) Validate() error { return e.validateQueued(e.Name()) }

// Validate implements Message.
func (e *EventRouteRequest) Validate() error { return e.validateQueued(e.Name()) }

// Validate implements Message.
func (e *EventRouteUsed) Validate() error { return e.validateQueued(e.Name()) }

// Validate implements Message.
func (e *EventDiverted) Validate() error { return e.validateQueued(e.Name()) }

// Validate implements Message.
func (e *EventTreatmentApplied) Validate() error {
	return e.validateCall(e.Name(), required("TreatmentType", e.TreatmentType != TreatmentUnknown))
}

// Validate implements Message.
func (e *EventTreatmentNotApplied) Validate() error {
	return e.validateCall(e.Name(), required("TreatmentType", e.TreatmentType != TreatmentUnknown))
}

// Validate implements Message.
func (e *EventTreatmentEnd) Validate() error {
	return e.validateCall(e.Name(), required("TreatmentType", e.TreatmentType != TreatmentUnknown))
}

// Validate implements Message.
func (e *EventRinging) Validate() error { return e.validateCall(e.Name()) }

// Validate implements Message.
func (e *EventEstablished) Validate() error { return e.validateCall(e.Name()) }

// Validate implements Message.
func (e *EventReleased) Validate() error { return e.validateCall(e.Name()) }

// Validate implements Message.
func (e *EventAbandoned) Validate() error { return e.validateCall(e.Name()) }

// Validate implements Message.
func (e *EventAttachedDataChanged) Validate() error { return e.validateCall(e.Name()) }

// Validate implements Message.
func (e *EventError) Validate() error {
	return validate(e.Name(), required("ErrorMessage or ErrorCode", e.ErrorCode != 0 || e.ErrorMessage != ""))
}
