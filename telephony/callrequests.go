package telephony

import "time"

// Further requests of call control.

// RequestMakePredictiveCall has the switch dial Destination on behalf of a queue or routing
// point, to which the call comes when it is answered. Confirmed by EventDialing, which has
// the ConnID of the new call.
type RequestMakePredictiveCall struct {
	ThisDN      string        // the queue or routing point; mandatory
	Destination string        // mandatory
	Location    string        // switch of the destination; empty: the switch of ThisDN
	Timeout     time.Duration // how long the destination may ring; 0: as the switch has it
	UserData    KVList
	Reasons     KVList
	Extensions  KVList
}

// RequestRedirectCall sends a call that rings at ThisDN to Destination instead. Confirmed by
// EventReleased with CallStateRedirected.
type RequestRedirectCall struct {
	ThisDN      string // mandatory
	ConnID      ConnID // mandatory
	Destination string // mandatory
	Location    string // switch of the destination; empty: the switch of ThisDN
	Reasons     KVList
	Extensions  KVList
}

// RequestClearCall ends a call for everybody in it. Confirmed by EventReleased of ThisDN.
type RequestClearCall struct {
	ThisDN     string // mandatory
	ConnID     ConnID // mandatory
	Reasons    KVList
	Extensions KVList
}

// RequestDeleteFromConference takes OtherDN out of a conference of ThisDN. Confirmed by
// EventPartyDeleted.
type RequestDeleteFromConference struct {
	ThisDN     string // mandatory
	ConnID     ConnID // mandatory
	OtherDN    string // mandatory
	Reasons    KVList
	Extensions KVList
}

// RequestMuteTransfer transfers a call of ThisDN to Destination by a consult call that is
// completed at once, without waiting for an answer. Confirmed by EventReleased.
type RequestMuteTransfer struct {
	ThisDN      string // mandatory
	ConnID      ConnID // mandatory
	Destination string // mandatory
	Location    string // switch of the destination; empty: the switch of ThisDN
	UserData    KVList
	Reasons     KVList
	Extensions  KVList
}

// RequestReconnectCall ends one call of ThisDN and retrieves another. Confirmed by
// EventRetrieved.
type RequestReconnectCall struct {
	ThisDN        string // mandatory
	HeldConnID    ConnID // mandatory
	CurrentConnID ConnID // mandatory
	Reasons       KVList
	Extensions    KVList
}

// Name returns "RequestMakePredictiveCall".
func (*RequestMakePredictiveCall) Name() string { return "RequestMakePredictiveCall" }

// Name returns "RequestRedirectCall".
func (*RequestRedirectCall) Name() string { return "RequestRedirectCall" }

// Name returns "RequestClearCall".
func (*RequestClearCall) Name() string { return "RequestClearCall" }

// Name returns "RequestDeleteFromConference".
func (*RequestDeleteFromConference) Name() string { return "RequestDeleteFromConference" }

// Name returns "RequestMuteTransfer".
func (*RequestMuteTransfer) Name() string { return "RequestMuteTransfer" }

// Name returns "RequestReconnectCall".
func (*RequestReconnectCall) Name() string { return "RequestReconnectCall" }

func (r *RequestMakePredictiveCall) String() string   { return render(r) }
func (r *RequestRedirectCall) String() string         { return render(r) }
func (r *RequestClearCall) String() string            { return render(r) }
func (r *RequestDeleteFromConference) String() string { return render(r) }
func (r *RequestMuteTransfer) String() string         { return render(r) }
func (r *RequestReconnectCall) String() string        { return render(r) }

func (*RequestMakePredictiveCall) request()   {}
func (*RequestRedirectCall) request()         {}
func (*RequestClearCall) request()            {}
func (*RequestDeleteFromConference) request() {}
func (*RequestMuteTransfer) request()         {}
func (*RequestReconnectCall) request()        {}

// Validate implements Message.
func (r *RequestMakePredictiveCall) Validate() error {
	return validate(r.Name(), append(lists(r.UserData, r.Reasons, r.Extensions), required("ThisDN", r.ThisDN != ""),
		required("Destination", r.Destination != ""), check{"Timeout", r.Timeout >= 0, "is negative"})...)
}

// Validate implements Message.
func (r *RequestRedirectCall) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, append(lists(nil, r.Reasons, r.Extensions), required("Destination", r.Destination != ""))...)
}

// Validate implements Message.
func (r *RequestClearCall) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, lists(nil, r.Reasons, r.Extensions)...)
}

// Validate implements Message.
func (r *RequestDeleteFromConference) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, append(lists(nil, r.Reasons, r.Extensions), required("OtherDN", r.OtherDN != ""))...)
}

// Validate implements Message.
func (r *RequestMuteTransfer) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, append(lists(r.UserData, r.Reasons, r.Extensions), required("Destination", r.Destination != ""))...)
}

// Validate implements Message.
func (r *RequestReconnectCall) Validate() error {
	return onCall(r.Name(), r.ThisDN, 1, append(lists(nil, r.Reasons, r.Extensions),
		required("HeldConnID", r.HeldConnID != 0), required("CurrentConnID", r.CurrentConnID != 0))...)
}
