package telephony

// EventDialing says that ThisDN is calling OtherDN: the call begins.
type EventDialing struct {
	EventHeader
	CallAttributes
}

// EventHeld says that ThisDN has put the call on hold.
type EventHeld struct {
	EventHeader
	CallAttributes
}

// EventRetrieved says that ThisDN is back from hold.
type EventRetrieved struct {
	EventHeader
	CallAttributes
}

// EventPartyAdded tells ThisDN that OtherDN has joined the call; ThirdPartyDN is the DN
// that added it.
type EventPartyAdded struct {
	EventHeader
	CallAttributes
}

// EventPartyDeleted tells ThisDN that OtherDN has left a call that goes on.
type EventPartyDeleted struct {
	EventHeader
	CallAttributes
}

// EventPartyChanged tells ThisDN that the other side of its call has changed. When
// PreviousConnID is set, the call had that ConnID before: it was merged into another one.
// OtherDN is the new other side, ThirdPartyDN the DN that brought the change about.
type EventPartyChanged struct {
	EventHeader
	CallAttributes
}

// EventDTMFSent says that ThisDN has sent tones.
type EventDTMFSent struct {
	EventHeader
	CallAttributes
}

// Name returns "EventDialing".
func (*EventDialing) Name() string { return "EventDialing" }

// Name returns "EventHeld".
func (*EventHeld) Name() string { return "EventHeld" }

// Name returns "EventRetrieved".
func (*EventRetrieved) Name() string { return "EventRetrieved" }

// Name returns "EventPartyAdded".
func (*EventPartyAdded) Name() string { return "EventPartyAdded" }

// Name returns "EventPartyDeleted".
func (*EventPartyDeleted) Name() string { return "EventPartyDeleted" }

// Name returns "EventPartyChanged".
func (*EventPartyChanged) Name() string { return "EventPartyChanged" }

// Name returns "EventDTMFSent".
func (*EventDTMFSent) Name() string { return "EventDTMFSent" }

func (e *EventDialing) String() string      { return render(e) }
func (e *EventHeld) String() string         { return render(e) }
func (e *EventRetrieved) String() string    { return render(e) }
func (e *EventPartyAdded) String() string   { return render(e) }
func (e *EventPartyDeleted) String() string { return render(e) }
func (e *EventPartyChanged) String() string { return render(e) }
func (e *EventDTMFSent) String() string     { return render(e) }

// Validate implements Message.
func (e *EventDialing) Validate() error { return e.validateCall(e.Name()) }

// Validate implements Message.
func (e *EventHeld) Validate() error { return e.validateCall(e.Name()) }

// Validate implements Message.
func (e *EventRetrieved) Validate() error { return e.validateCall(e.Name()) }

// Validate implements Message.
func (e *EventPartyAdded) Validate() error { return e.validateCall(e.Name()) }

// Validate implements Message.
func (e *EventPartyDeleted) Validate() error { return e.validateCall(e.Name()) }

// Validate implements Message.
func (e *EventPartyChanged) Validate() error { return e.validateCall(e.Name()) }

// Validate implements Message.
func (e *EventDTMFSent) Validate() error { return e.validateCall(e.Name()) }

// EventTreatmentRequired asks for a treatment of the call that waits at ThisDN.
type EventTreatmentRequired struct {
	EventHeader
	CallAttributes
}

// Name returns "EventTreatmentRequired".
func (*EventTreatmentRequired) Name() string { return "EventTreatmentRequired" }

func (e *EventTreatmentRequired) String() string { return render(e) }

// Validate implements Message.
func (e *EventTreatmentRequired) Validate() error { return e.validateQueued(e.Name()) }

// EventNetworkReached says that a call that ThisDN has dialled has left the switch: what
// follows is not seen.
type EventNetworkReached struct {
	EventHeader
	CallAttributes
}

// Name returns "EventNetworkReached".
func (*EventNetworkReached) Name() string { return "EventNetworkReached" }

func (e *EventNetworkReached) String() string { return render(e) }

// Validate implements Message.
func (e *EventNetworkReached) Validate() error { return e.validateCall(e.Name()) }

// EventDestinationBusy says that OtherDN, which ThisDN has dialled, is busy.
type EventDestinationBusy struct {
	EventHeader
	CallAttributes
}

// Name returns "EventDestinationBusy".
func (*EventDestinationBusy) Name() string { return "EventDestinationBusy" }

func (e *EventDestinationBusy) String() string { return render(e) }

// Validate implements Message.
func (e *EventDestinationBusy) Validate() error { return e.validateCall(e.Name()) }
