package telephony

import "strings"

// Requests of call control: what a telephone can do, done by a program.

// RequestMakeCall asks the switch to dial Destination from ThisDN. Confirmed by
// EventDialing, which has the ConnID of the new call.
type RequestMakeCall struct {
	ThisDN       string // mandatory
	Destination  string // mandatory
	Location     string // switch of the destination; empty: the switch of ThisDN
	MakeCallType MakeCallType
	UserData     KVList
	Reasons      KVList
	Extensions   KVList
}

// RequestAnswerCall has a ringing DN answer. Confirmed by EventEstablished.
type RequestAnswerCall struct {
	ThisDN     string // mandatory
	ConnID     ConnID // mandatory
	Reasons    KVList
	Extensions KVList
}

// RequestReleaseCall takes ThisDN out of a call. Confirmed by EventReleased.
type RequestReleaseCall struct {
	ThisDN     string // mandatory
	ConnID     ConnID // mandatory
	Reasons    KVList
	Extensions KVList
}

// RequestHoldCall puts a call on hold at ThisDN. Confirmed by EventHeld.
type RequestHoldCall struct {
	ThisDN     string // mandatory
	ConnID     ConnID // mandatory
	Reasons    KVList
	Extensions KVList
}

// RequestRetrieveCall ends what RequestHoldCall began. Confirmed by EventRetrieved.
type RequestRetrieveCall struct {
	ThisDN     string // mandatory
	ConnID     ConnID // mandatory
	Reasons    KVList
	Extensions KVList
}

// RequestSendDTMF sends tones into a call. Confirmed by EventDTMFSent.
type RequestSendDTMF struct {
	ThisDN     string // mandatory
	ConnID     ConnID // mandatory
	DTMFDigits string // mandatory: 0 to 9, A to D, * and #
	Reasons    KVList
	Extensions KVList
}

// RequestInitiateTransfer puts the call on hold at ThisDN and dials Destination from there,
// as a consult call. Confirmed by EventDialing, which has the ConnID of the consult call.
type RequestInitiateTransfer struct {
	ThisDN      string // mandatory
	ConnID      ConnID // mandatory
	Destination string // mandatory
	Location    string // switch of the destination; empty: the switch of ThisDN
	UserData    KVList
	Reasons     KVList
	Extensions  KVList
}

// RequestInitiateConference is like RequestInitiateTransfer.
type RequestInitiateConference struct {
	ThisDN      string // mandatory
	ConnID      ConnID // mandatory
	Destination string // mandatory
	Location    string // switch of the destination; empty: the switch of ThisDN
	UserData    KVList
	Reasons     KVList
	Extensions  KVList
}

// RequestCompleteTransfer joins the other sides of two calls of ThisDN, which leaves both.
// Confirmed by EventReleased.
type RequestCompleteTransfer struct {
	ThisDN         string // mandatory
	ConnID         ConnID // of the consult call; mandatory
	TransferConnID ConnID // of the call on hold; mandatory
	Reasons        KVList
	Extensions     KVList
}

// RequestCompleteConference joins two calls of ThisDN, which stays. Confirmed by
// EventPartyAdded.
type RequestCompleteConference struct {
	ThisDN           string // mandatory
	ConnID           ConnID // of the consult call; mandatory
	ConferenceConnID ConnID // of the call on hold; mandatory
	Reasons          KVList
	Extensions       KVList
}

// RequestSingleStepTransfer sends a call from ThisDN, which leaves it, to Destination.
// Confirmed by EventReleased.
type RequestSingleStepTransfer struct {
	ThisDN      string // mandatory
	ConnID      ConnID // mandatory
	Destination string // mandatory
	Location    string // switch of the destination; empty: the switch of ThisDN
	UserData    KVList
	Reasons     KVList
	Extensions  KVList
}

// RequestSingleStepConference adds Destination to a call of ThisDN. Confirmed by
// EventPartyAdded.
type RequestSingleStepConference struct {
	ThisDN      string // mandatory
	ConnID      ConnID // mandatory
	Destination string // mandatory
	Location    string // switch of the destination; empty: the switch of ThisDN
	UserData    KVList
	Reasons     KVList
	Extensions  KVList
}

// RequestAlternateCall puts one call of ThisDN on hold and retrieves another.
// Confirmed by EventRetrieved.
type RequestAlternateCall struct {
	ThisDN        string // mandatory
	CurrentConnID ConnID // mandatory
	HeldConnID    ConnID // mandatory
	Reasons       KVList
	Extensions    KVList
}

// RequestMergeCalls joins two calls of ThisDN that need not come from a consultation.
// Confirmed by EventReleased or EventPartyAdded, as MergeType has it.
type RequestMergeCalls struct {
	ThisDN        string // mandatory
	HeldConnID    ConnID // mandatory
	CurrentConnID ConnID // mandatory
	MergeType     MergeType
	Reasons       KVList
	Extensions    KVList
}

// Name returns "RequestMakeCall".
func (*RequestMakeCall) Name() string { return "RequestMakeCall" }

// Name returns "RequestAnswerCall".
func (*RequestAnswerCall) Name() string { return "RequestAnswerCall" }

// Name returns "RequestReleaseCall".
func (*RequestReleaseCall) Name() string { return "RequestReleaseCall" }

// Name returns "RequestHoldCall".
func (*RequestHoldCall) Name() string { return "RequestHoldCall" }

// Name returns "RequestRetrieveCall".
func (*RequestRetrieveCall) Name() string { return "RequestRetrieveCall" }

// Name returns "RequestSendDTMF".
func (*RequestSendDTMF) Name() string { return "RequestSendDTMF" }

// Name returns "RequestInitiateTransfer".
func (*RequestInitiateTransfer) Name() string { return "RequestInitiateTransfer" }

// Name returns "RequestInitiateConference".
func (*RequestInitiateConference) Name() string { return "RequestInitiateConference" }

// Name returns "RequestCompleteTransfer".
func (*RequestCompleteTransfer) Name() string { return "RequestCompleteTransfer" }

// Name returns "RequestCompleteConference".
func (*RequestCompleteConference) Name() string { return "RequestCompleteConference" }

// Name returns "RequestSingleStepTransfer".
func (*RequestSingleStepTransfer) Name() string { return "RequestSingleStepTransfer" }

// Name returns "RequestSingleStepConference".
func (*RequestSingleStepConference) Name() string { return "RequestSingleStepConference" }

// Name returns "RequestAlternateCall".
func (*RequestAlternateCall) Name() string { return "RequestAlternateCall" }

// Name returns "RequestMergeCalls".
func (*RequestMergeCalls) Name() string { return "RequestMergeCalls" }

func (r *RequestMakeCall) String() string             { return render(r) }
func (r *RequestAnswerCall) String() string           { return render(r) }
func (r *RequestReleaseCall) String() string          { return render(r) }
func (r *RequestHoldCall) String() string             { return render(r) }
func (r *RequestRetrieveCall) String() string         { return render(r) }
func (r *RequestSendDTMF) String() string             { return render(r) }
func (r *RequestInitiateTransfer) String() string     { return render(r) }
func (r *RequestInitiateConference) String() string   { return render(r) }
func (r *RequestCompleteTransfer) String() string     { return render(r) }
func (r *RequestCompleteConference) String() string   { return render(r) }
func (r *RequestSingleStepTransfer) String() string   { return render(r) }
func (r *RequestSingleStepConference) String() string { return render(r) }
func (r *RequestAlternateCall) String() string        { return render(r) }
func (r *RequestMergeCalls) String() string           { return render(r) }

func (*RequestMakeCall) request()             {}
func (*RequestAnswerCall) request()           {}
func (*RequestReleaseCall) request()          {}
func (*RequestHoldCall) request()             {}
func (*RequestRetrieveCall) request()         {}
func (*RequestSendDTMF) request()             {}
func (*RequestInitiateTransfer) request()     {}
func (*RequestInitiateConference) request()   {}
func (*RequestCompleteTransfer) request()     {}
func (*RequestCompleteConference) request()   {}
func (*RequestSingleStepTransfer) request()   {}
func (*RequestSingleStepConference) request() {}
func (*RequestAlternateCall) request()        {}
func (*RequestMergeCalls) request()           {}

// Validate implements Message.
func (r *RequestMakeCall) Validate() error {
	return validate(r.Name(), append(lists(r.UserData, r.Reasons, r.Extensions), required("ThisDN", r.ThisDN != ""), required("Destination", r.Destination != ""))...)
}

// Validate implements Message.
func (r *RequestAnswerCall) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, lists(nil, r.Reasons, r.Extensions)...)
}

// Validate implements Message.
func (r *RequestReleaseCall) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, lists(nil, r.Reasons, r.Extensions)...)
}

// Validate implements Message.
func (r *RequestHoldCall) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, lists(nil, r.Reasons, r.Extensions)...)
}

// Validate implements Message.
func (r *RequestRetrieveCall) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, lists(nil, r.Reasons, r.Extensions)...)
}

// Validate implements Message.
func (r *RequestSendDTMF) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, append(lists(nil, r.Reasons, r.Extensions),
		required("DTMFDigits", r.DTMFDigits != ""),
		check{"DTMFDigits", strings.Trim(r.DTMFDigits, "0123456789ABCDabcd*#") == "", "holds what is no tone"})...)
}

// Validate implements Message.
func (r *RequestInitiateTransfer) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, append(lists(r.UserData, r.Reasons, r.Extensions), required("Destination", r.Destination != ""))...)
}

// Validate implements Message.
func (r *RequestInitiateConference) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, append(lists(r.UserData, r.Reasons, r.Extensions), required("Destination", r.Destination != ""))...)
}

// Validate implements Message.
func (r *RequestCompleteTransfer) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, append(lists(nil, r.Reasons, r.Extensions), required("TransferConnID", r.TransferConnID != 0))...)
}

// Validate implements Message.
func (r *RequestCompleteConference) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, append(lists(nil, r.Reasons, r.Extensions), required("ConferenceConnID", r.ConferenceConnID != 0))...)
}

// Validate implements Message.
func (r *RequestSingleStepTransfer) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, append(lists(r.UserData, r.Reasons, r.Extensions), required("Destination", r.Destination != ""))...)
}

// Validate implements Message.
func (r *RequestSingleStepConference) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, append(lists(r.UserData, r.Reasons, r.Extensions), required("Destination", r.Destination != ""))...)
}

// Validate implements Message.
func (r *RequestAlternateCall) Validate() error {
	return onCall(r.Name(), r.ThisDN, 1, append(lists(nil, r.Reasons, r.Extensions),
		required("CurrentConnID", r.CurrentConnID != 0), required("HeldConnID", r.HeldConnID != 0))...)
}

// Validate implements Message.
func (r *RequestMergeCalls) Validate() error {
	return onCall(r.Name(), r.ThisDN, 1, append(lists(nil, r.Reasons, r.Extensions),
		required("HeldConnID", r.HeldConnID != 0), required("CurrentConnID", r.CurrentConnID != 0))...)
}

func lists(userData, reasons, extensions KVList) []check {
	return []check{list("UserData", userData), list("Reasons", reasons), list("Extensions", extensions)}
}
