package telephony

// Agents at telephones, and at the places of an Interaction Server.

// AgentAttributes is what the events of agents have in common.
type AgentAttributes struct {
	ThisDN              string // the position or extension; empty for agents of an Interaction Server
	ThisQueue           string // the ACD queue that the agent serves; may be empty
	AgentID             string // the login of the agent
	PlaceID             string // where the agent is, on an Interaction Server
	WorkMode            AgentWorkMode
	Reasons, Extensions KVList
}

// Agent returns the attributes themselves; with it, events of agents can be read without
// regard to their type.
func (a *AgentAttributes) Agent() *AgentAttributes { return a }

func (a *AgentAttributes) validate(name string) error {
	return validate(name, required("ThisDN or PlaceID", a.ThisDN != "" || a.PlaceID != ""),
		list("Reasons", a.Reasons), list("Extensions", a.Extensions))
}

// RequestAgentLogin logs an agent in: at ThisDN of a switch, or at PlaceID of an Interaction
// Server. Confirmed by EventAgentLogin.
type RequestAgentLogin struct {
	ThisDN     string // this or PlaceID is mandatory
	ThisQueue  string // the ACD queue to serve; may be empty
	AgentID    string // mandatory
	Password   Secret
	PlaceID    string
	Media      KVList // on an Interaction Server: the media types that the agent handles, each with 1 (ready) or 0
	WorkMode   AgentWorkMode
	Reasons    KVList
	Extensions KVList
}

// RequestAgentLogout ends what RequestAgentLogin began. Confirmed by EventAgentLogout.
type RequestAgentLogout struct {
	ThisDN     string // this or PlaceID is mandatory
	ThisQueue  string // one queue; empty: all of them
	PlaceID    string
	Reasons    KVList
	Extensions KVList
}

// RequestAgentReady says that the agent takes calls. Confirmed by EventAgentReady.
type RequestAgentReady struct {
	ThisDN     string // this or PlaceID is mandatory
	ThisQueue  string // one queue; empty: all of them
	PlaceID    string
	WorkMode   AgentWorkMode
	Reasons    KVList
	Extensions KVList
}

// RequestAgentNotReady says that the agent takes no calls; WorkMode and Reasons say why.
// Confirmed by EventAgentNotReady.
type RequestAgentNotReady struct {
	ThisDN     string // this or PlaceID is mandatory
	ThisQueue  string // one queue; empty: all of them
	PlaceID    string
	WorkMode   AgentWorkMode
	Reasons    KVList
	Extensions KVList
}

// EventAgentLogin says that an agent has logged in, and is not ready yet unless another
// event says so.
type EventAgentLogin struct {
	EventHeader
	AgentAttributes
}

// EventAgentLogout says that an agent has logged out.
type EventAgentLogout struct {
	EventHeader
	AgentAttributes
}

// EventAgentReady says that an agent takes calls.
type EventAgentReady struct {
	EventHeader
	AgentAttributes
}

// EventAgentNotReady says that an agent takes no calls; WorkMode and Reasons say why.
type EventAgentNotReady struct {
	EventHeader
	AgentAttributes
}

// EventAgentAfterCallWork says that an agent works on a call that is over. EventAgentReady
// or EventAgentNotReady ends it.
type EventAgentAfterCallWork struct {
	EventHeader
	AgentAttributes
}

// EventDNDOn says that nobody is to disturb ThisDN: calls to it are refused.
type EventDNDOn struct {
	EventHeader
	ThisDN     string
	Extensions KVList
}

// EventDNDOff ends what EventDNDOn began.
type EventDNDOff struct {
	EventHeader
	ThisDN     string
	Extensions KVList
}

// EventDNOutOfService says that ThisDN can take no calls, for reasons of the switch.
type EventDNOutOfService struct {
	EventHeader
	ThisDN      string
	AddressType AddressType
	Extensions  KVList
}

// EventDNBackInService ends what EventDNOutOfService began.
type EventDNBackInService struct {
	EventHeader
	ThisDN      string
	AddressType AddressType
	Extensions  KVList
}

// Name returns "RequestAgentLogin".
func (*RequestAgentLogin) Name() string { return "RequestAgentLogin" }

// Name returns "RequestAgentLogout".
func (*RequestAgentLogout) Name() string { return "RequestAgentLogout" }

// Name returns "RequestAgentReady".
func (*RequestAgentReady) Name() string { return "RequestAgentReady" }

// Name returns "RequestAgentNotReady".
func (*RequestAgentNotReady) Name() string { return "RequestAgentNotReady" }

// Name returns "EventAgentLogin".
func (*EventAgentLogin) Name() string { return "EventAgentLogin" }

// Name returns "EventAgentLogout".
func (*EventAgentLogout) Name() string { return "EventAgentLogout" }

// Name returns "EventAgentReady".
func (*EventAgentReady) Name() string { return "EventAgentReady" }

// Name returns "EventAgentNotReady".
func (*EventAgentNotReady) Name() string { return "EventAgentNotReady" }

// Name returns "EventAgentAfterCallWork".
func (*EventAgentAfterCallWork) Name() string { return "EventAgentAfterCallWork" }

// Name returns "EventDNDOn".
func (*EventDNDOn) Name() string { return "EventDNDOn" }

// Name returns "EventDNDOff".
func (*EventDNDOff) Name() string { return "EventDNDOff" }

// Name returns "EventDNOutOfService".
func (*EventDNOutOfService) Name() string { return "EventDNOutOfService" }

// Name returns "EventDNBackInService".
func (*EventDNBackInService) Name() string { return "EventDNBackInService" }

func (r *RequestAgentLogin) String() string       { return render(r) }
func (r *RequestAgentLogout) String() string      { return render(r) }
func (r *RequestAgentReady) String() string       { return render(r) }
func (r *RequestAgentNotReady) String() string    { return render(r) }
func (e *EventAgentLogin) String() string         { return render(e) }
func (e *EventAgentLogout) String() string        { return render(e) }
func (e *EventAgentReady) String() string         { return render(e) }
func (e *EventAgentNotReady) String() string      { return render(e) }
func (e *EventAgentAfterCallWork) String() string { return render(e) }
func (e *EventDNDOn) String() string              { return render(e) }
func (e *EventDNDOff) String() string             { return render(e) }
func (e *EventDNOutOfService) String() string     { return render(e) }
func (e *EventDNBackInService) String() string    { return render(e) }

func (*RequestAgentLogin) request()    {}
func (*RequestAgentLogout) request()   {}
func (*RequestAgentReady) request()    {}
func (*RequestAgentNotReady) request() {}

// Validate implements Message.
func (r *RequestAgentLogin) Validate() error {
	return atPosition(r.Name(), r.ThisDN, r.PlaceID, required("AgentID", r.AgentID != ""), list("Media", r.Media),
		list("Reasons", r.Reasons), list("Extensions", r.Extensions))
}

// Validate implements Message.
func (r *RequestAgentLogout) Validate() error {
	return atPosition(r.Name(), r.ThisDN, r.PlaceID, list("Reasons", r.Reasons), list("Extensions", r.Extensions))
}

// Validate implements Message.
func (r *RequestAgentReady) Validate() error {
	return atPosition(r.Name(), r.ThisDN, r.PlaceID, list("Reasons", r.Reasons), list("Extensions", r.Extensions))
}

// Validate implements Message.
func (r *RequestAgentNotReady) Validate() error {
	return atPosition(r.Name(), r.ThisDN, r.PlaceID, list("Reasons", r.Reasons), list("Extensions", r.Extensions))
}

// Validate implements Message.
func (e *EventAgentLogin) Validate() error {
	return e.validate(e.Name())
}

// Validate implements Message.
func (e *EventAgentLogout) Validate() error {
	return e.validate(e.Name())
}

// Validate implements Message.
func (e *EventAgentReady) Validate() error {
	return e.validate(e.Name())
}

// Validate implements Message.
func (e *EventAgentNotReady) Validate() error {
	return e.validate(e.Name())
}

// Validate implements Message.
func (e *EventAgentAfterCallWork) Validate() error {
	return e.validate(e.Name())
}

// Validate implements Message.
func (e *EventDNDOn) Validate() error {
	return aboutDN(e.Name(), e.ThisDN, e.Extensions)
}

// Validate implements Message.
func (e *EventDNDOff) Validate() error {
	return aboutDN(e.Name(), e.ThisDN, e.Extensions)
}

// Validate implements Message.
func (e *EventDNOutOfService) Validate() error {
	return aboutDN(e.Name(), e.ThisDN, e.Extensions)
}

// Validate implements Message.
func (e *EventDNBackInService) Validate() error {
	return aboutDN(e.Name(), e.ThisDN, e.Extensions)
}

func atPosition(name, dn, place string, more ...check) error {
	return validate(name, append([]check{required("ThisDN or PlaceID", dn != "" || place != "")}, more...)...)
}

func aboutDN(name, dn string, extensions KVList) error {
	return validate(name, required("ThisDN", dn != ""), list("Extensions", extensions))
}
