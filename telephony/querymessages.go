package telephony

import "strconv"

// Questions about DNs, calls and servers, and what belongs to no call.

// CallsKey is the key under which the Extensions of EventRegistered and of
// EventAddressInfo carry the calls that are at a DN: a list of their ConnIDs, as text, in
// the order in which they came.
const CallsKey = "calls"

// CallsAt returns the calls under CallsKey; ok is false when the server did not say.
func CallsAt(extensions KVList) (calls []ConnID, ok bool) {
	v, ok := extensions.Get(CallsKey)
	if !ok || v.Kind() != KindList {
		return nil, false
	}
	for _, p := range v.List() {
		if id, err := ParseConnID(p.Value.Text()); err == nil {
			calls = append(calls, id)
		}
	}
	return calls, true
}

// CallsValue makes the value for CallsKey.
func CallsValue(calls []ConnID) Value {
	l := make(KVList, len(calls))
	for i, id := range calls {
		l[i] = Pair{"conn-" + strconv.Itoa(i+1), String(id.String())}
	}
	return List(l)
}

// RequestQueryAddress asks which calls are at a DN. Confirmed by EventAddressInfo.
type RequestQueryAddress struct {
	ThisDN      string // mandatory
	AddressType AddressType
	Extensions  KVList
}

// RequestQueryCall asks what a call does at ThisDN. Confirmed by EventPartyInfo.
type RequestQueryCall struct {
	ThisDN     string // mandatory
	ConnID     ConnID // mandatory
	Extensions KVList
}

// RequestQueryServer asks for the state of the server. Confirmed by EventServerInfo.
type RequestQueryServer struct {
	Extensions KVList
}

// EventAddressInfo answers RequestQueryAddress. Extensions carries the calls at ThisDN
// (CallsAt) and who is logged in there (AgentAt).
type EventAddressInfo struct {
	EventHeader
	ThisDN      string
	AddressType AddressType
	AgentID     string // logged in there; may be empty
	WorkMode    AgentWorkMode
	InfoType    int // what the server tells of the DN, and its state, as it numbers them;
	InfoStatus  int // Extensions have what we read
	Extensions  KVList
}

// EventPartyInfo answers RequestQueryCall: ThisDN is in the call, or not any more
// (PartyStateNull). A Client makes it with EventHeader.Synthetic set after a reconnect, for a
// party of which the server cannot tell whether it is still in the call.
type EventPartyInfo struct {
	EventHeader
	CallAttributes
	PartyState PartyState
}

// EventServerInfo answers RequestQueryServer.
type EventServerInfo struct {
	EventHeader
	ServerRole ServerRole
	LinkUp     bool // the server has its connection to the switch
	Extensions KVList
}

// EventServerConnected says that the server has been reached. The Link makes it;
// EventLinkConnected or EventLinkDisconnected follows.
type EventServerConnected struct {
	EventHeader
	ServerRole ServerRole
}

// EventServerDisconnected says that the connection to the server is lost. The Link makes it.
type EventServerDisconnected struct {
	EventHeader
	Reason string
}

// EventPrimaryChanged says that the other server of a pair has taken over. The Link makes
// it.
type EventPrimaryChanged struct {
	EventHeader // Server is the new primary
}

// RequestDistributeEvent has the server send an event to everybody who has registered
// ThisDN. The server does not look into it. Confirmed by EventAck.
type RequestDistributeEvent struct {
	EventName      string // of an event of calls, such as "EventUserEvent"; mandatory
	CallAttributes        // of the event; ThisDN is mandatory
}

// RequestSendUserEvent has the server send an EventUserEvent to everybody who has registered
// ThisDN. Confirmed by EventAck.
type RequestSendUserEvent struct {
	ThisDN     string // mandatory
	ConnID     ConnID // of a call; 0: none
	UserData   KVList
	Reasons    KVList
	Extensions KVList
}

// RequestPrivateService asks for something that only this kind of server has. Confirmed by
// EventPrivateInfo.
type RequestPrivateService struct {
	ThisDN     string // may be empty
	ConnID     ConnID // of a call; 0: none
	ServiceID  int    // its meaning belongs to the server
	UserData   KVList
	Reasons    KVList
	Extensions KVList
}

// EventUserEvent carries what a program had sent to those who have registered ThisDN.
type EventUserEvent struct {
	EventHeader
	CallAttributes
}

// EventPrivateInfo answers RequestPrivateService, or tells something that only this kind of
// server has.
type EventPrivateInfo struct {
	EventHeader
	CallAttributes
	ServiceID int // its meaning belongs to the server
}

// Name returns "RequestQueryAddress".
func (*RequestQueryAddress) Name() string { return "RequestQueryAddress" }

// Name returns "RequestQueryCall".
func (*RequestQueryCall) Name() string { return "RequestQueryCall" }

// Name returns "RequestQueryServer".
func (*RequestQueryServer) Name() string { return "RequestQueryServer" }

// Name returns "EventAddressInfo".
func (*EventAddressInfo) Name() string { return "EventAddressInfo" }

// Name returns "EventPartyInfo".
func (*EventPartyInfo) Name() string { return "EventPartyInfo" }

// Name returns "EventServerInfo".
func (*EventServerInfo) Name() string { return "EventServerInfo" }

// Name returns "EventServerConnected".
func (*EventServerConnected) Name() string { return "EventServerConnected" }

// Name returns "EventServerDisconnected".
func (*EventServerDisconnected) Name() string { return "EventServerDisconnected" }

// Name returns "EventPrimaryChanged".
func (*EventPrimaryChanged) Name() string { return "EventPrimaryChanged" }

// Name returns "RequestDistributeEvent".
func (*RequestDistributeEvent) Name() string { return "RequestDistributeEvent" }

// Name returns "RequestSendUserEvent".
func (*RequestSendUserEvent) Name() string { return "RequestSendUserEvent" }

// Name returns "RequestPrivateService".
func (*RequestPrivateService) Name() string { return "RequestPrivateService" }

// Name returns "EventUserEvent".
func (*EventUserEvent) Name() string { return "EventUserEvent" }

// Name returns "EventPrivateInfo".
func (*EventPrivateInfo) Name() string { return "EventPrivateInfo" }

func (r *RequestQueryAddress) String() string     { return render(r) }
func (r *RequestQueryCall) String() string        { return render(r) }
func (r *RequestQueryServer) String() string      { return render(r) }
func (e *EventAddressInfo) String() string        { return render(e) }
func (e *EventPartyInfo) String() string          { return render(e) }
func (e *EventServerInfo) String() string         { return render(e) }
func (e *EventServerConnected) String() string    { return render(e) }
func (e *EventServerDisconnected) String() string { return render(e) }
func (e *EventPrimaryChanged) String() string     { return render(e) }
func (r *RequestDistributeEvent) String() string  { return render(r) }
func (r *RequestSendUserEvent) String() string    { return render(r) }
func (r *RequestPrivateService) String() string   { return render(r) }
func (e *EventUserEvent) String() string          { return render(e) }
func (e *EventPrivateInfo) String() string        { return render(e) }

func (*RequestQueryAddress) request()    {}
func (*RequestQueryCall) request()       {}
func (*RequestQueryServer) request()     {}
func (*RequestDistributeEvent) request() {}
func (*RequestSendUserEvent) request()   {}
func (*RequestPrivateService) request()  {}

// Validate implements Message.
func (r *RequestQueryAddress) Validate() error {
	return aboutDN(r.Name(), r.ThisDN, r.Extensions)
}

// Validate implements Message.
func (r *RequestQueryCall) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, list("Extensions", r.Extensions))
}

// Validate implements Message.
func (r *RequestQueryServer) Validate() error {
	return validate(r.Name(), list("Extensions", r.Extensions))
}

// Validate implements Message.
func (e *EventAddressInfo) Validate() error {
	return aboutDN(e.Name(), e.ThisDN, e.Extensions)
}

// Validate implements Message.
func (e *EventPartyInfo) Validate() error {
	return e.validateCall(e.Name())
}

// Validate implements Message.
func (e *EventServerInfo) Validate() error {
	return validate(e.Name(), list("Extensions", e.Extensions))
}

// Validate implements Message.
func (*EventServerConnected) Validate() error { return nil }

// Validate implements Message.
func (*EventServerDisconnected) Validate() error { return nil }

// Validate implements Message.
func (*EventPrimaryChanged) Validate() error { return nil }

// Validate implements Message.
func (r *RequestDistributeEvent) Validate() error {
	return validate(r.Name(), required("EventName", r.EventName != ""), required("ThisDN", r.ThisDN != ""),
		check{"EventName", isCallEvent(r.EventName), "is not the name of an event of calls"},
		list("UserData", r.UserData), list("Reasons", r.Reasons), list("Extensions", r.Extensions), list("CallHistory", r.CallHistory))
}

// Validate implements Message.
func (r *RequestSendUserEvent) Validate() error {
	return validate(r.Name(), append(lists(r.UserData, r.Reasons, r.Extensions), required("ThisDN", r.ThisDN != ""))...)
}

// Validate implements Message.
func (r *RequestPrivateService) Validate() error {
	return validate(r.Name(), lists(r.UserData, r.Reasons, r.Extensions)...)
}

// Validate implements Message.
func (e *EventUserEvent) Validate() error {
	return validate(e.Name(), append(lists(e.UserData, e.Reasons, e.Extensions), required("ThisDN", e.ThisDN != ""))...)
}

// Validate implements Message.
func (e *EventPrivateInfo) Validate() error {
	return validate(e.Name(), lists(e.UserData, e.Reasons, e.Extensions)...)
}
