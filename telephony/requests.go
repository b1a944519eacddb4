package telephony

// RequestRegisterAddress asks for the events of a DN. Confirmed by
// EventRegistered. A Client registers the DN again after every reconnect.
type RequestRegisterAddress struct {
	ThisDN       string       // mandatory
	RegisterMode RegisterMode // what it does is the switch's affair; package sim ignores it, and ControlMode
	ControlMode  ControlMode
	AddressType  AddressType
	Extensions   KVList
}

// RequestUnregisterAddress ends what RequestRegisterAddress began. Confirmed by
// EventUnregistered.
type RequestUnregisterAddress struct {
	ThisDN      string // mandatory
	ControlMode ControlMode
}

// RequestRouteCall tells the switch where a call goes that waits at a routing
// point. Confirmed by EventRouteUsed.
type RequestRouteCall struct {
	ThisDN      string // the routing point; mandatory
	ConnID      ConnID // mandatory
	Destination string // may be empty with RouteTypeDefault and RouteTypeCallDisconnect only
	Location    string // switch of the destination; empty: the switch of ThisDN
	RouteType   RouteType
	DNIS        string // for RouteTypeOverwriteDNIS
	Reasons     KVList
	Extensions  KVList
}

// RequestApplyTreatment has something played to a call that waits at a routing
// point; it takes the place of a treatment that is running. Confirmed by
// EventTreatmentApplied, refused by EventTreatmentNotApplied or EventError. The end of
// the treatment is told by EventTreatmentEnd.
type RequestApplyTreatment struct {
	ThisDN        string // the routing point; mandatory
	ConnID        ConnID // mandatory
	TreatmentType TreatmentType
	Parameters    KVList // the keys depend on the type
	Reasons       KVList
	Extensions    KVList
}

// RequestAttachUserData appends pairs to the user data of a call, beside what is
// there under the same keys. Confirmed by EventAttachedDataChanged.
type RequestAttachUserData struct {
	ThisDN   string // mandatory
	ConnID   ConnID // mandatory
	UserData KVList // mandatory
}

// RequestUpdateUserData sets pairs of the user data of a call; values under the
// same keys are replaced. Confirmed by EventAttachedDataChanged.
type RequestUpdateUserData struct {
	ThisDN   string // mandatory
	ConnID   ConnID // mandatory
	UserData KVList // mandatory
}

// RequestDeletePair drops a key from the user data of a call. Confirmed by
// EventAttachedDataChanged.
type RequestDeletePair struct {
	ThisDN string // mandatory
	ConnID ConnID // mandatory
	Key    string // mandatory
}

// RequestDeleteUserData drops the whole user data of a call. Confirmed by
// EventAttachedDataChanged.
type RequestDeleteUserData struct {
	ThisDN string // mandatory
	ConnID ConnID // mandatory
}

// Name returns "RequestRegisterAddress".
func (*RequestRegisterAddress) Name() string { return "RequestRegisterAddress" }

// Name returns "RequestUnregisterAddress".
func (*RequestUnregisterAddress) Name() string { return "RequestUnregisterAddress" }

// Name returns "RequestRouteCall".
func (*RequestRouteCall) Name() string { return "RequestRouteCall" }

// Name returns "RequestApplyTreatment".
func (*RequestApplyTreatment) Name() string { return "RequestApplyTreatment" }

// Name returns "RequestAttachUserData".
func (*RequestAttachUserData) Name() string { return "RequestAttachUserData" }

// Name returns "RequestUpdateUserData".
func (*RequestUpdateUserData) Name() string { return "RequestUpdateUserData" }

// Name returns "RequestDeletePair".
func (*RequestDeletePair) Name() string { return "RequestDeletePair" }

// Name returns "RequestDeleteUserData".
func (*RequestDeleteUserData) Name() string { return "RequestDeleteUserData" }

func (r *RequestRegisterAddress) String() string   { return render(r) }
func (r *RequestUnregisterAddress) String() string { return render(r) }
func (r *RequestRouteCall) String() string         { return render(r) }
func (r *RequestApplyTreatment) String() string    { return render(r) }
func (r *RequestAttachUserData) String() string    { return render(r) }
func (r *RequestUpdateUserData) String() string    { return render(r) }
func (r *RequestDeletePair) String() string        { return render(r) }
func (r *RequestDeleteUserData) String() string    { return render(r) }

func (*RequestRegisterAddress) request()   {}
func (*RequestUnregisterAddress) request() {}
func (*RequestRouteCall) request()         {}
func (*RequestApplyTreatment) request()    {}
func (*RequestAttachUserData) request()    {}
func (*RequestUpdateUserData) request()    {}
func (*RequestDeletePair) request()        {}
func (*RequestDeleteUserData) request()    {}

// Validate implements Message.
func (r *RequestRegisterAddress) Validate() error {
	return validate(r.Name(), required("ThisDN", r.ThisDN != ""), list("Extensions", r.Extensions))
}

// Validate implements Message.
func (r *RequestUnregisterAddress) Validate() error {
	return validate(r.Name(), required("ThisDN", r.ThisDN != ""))
}

// Validate implements Message.
func (r *RequestRouteCall) Validate() error {
	free := r.RouteType == RouteTypeDefault || r.RouteType == RouteTypeCallDisconnect
	return onCall(r.Name(), r.ThisDN, r.ConnID,
		required("Destination", r.Destination != "" || free),
		list("Reasons", r.Reasons), list("Extensions", r.Extensions))
}

// Validate implements Message.
func (r *RequestApplyTreatment) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID,
		required("TreatmentType", r.TreatmentType != TreatmentUnknown),
		list("Parameters", r.Parameters), list("Reasons", r.Reasons), list("Extensions", r.Extensions))
}

// Validate implements Message.
func (r *RequestAttachUserData) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, required("UserData", len(r.UserData) > 0), list("UserData", r.UserData))
}

// Validate implements Message.
func (r *RequestUpdateUserData) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, required("UserData", len(r.UserData) > 0), list("UserData", r.UserData))
}

// Validate implements Message.
func (r *RequestDeletePair) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID, required("Key", r.Key != ""))
}

// Validate implements Message.
func (r *RequestDeleteUserData) Validate() error {
	return onCall(r.Name(), r.ThisDN, r.ConnID)
}

func onCall(name, dn string, id ConnID, more ...check) error {
	return validate(name, append([]check{required("ThisDN", dn != ""), required("ConnID", id != 0)}, more...)...)
}
