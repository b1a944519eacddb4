package telephony

import (
	"fmt"
	"strconv"
	"strings"
)

// The enumerations of the T-Library. Numbers are the documented ones. String
// gives the name without the prefix of its type; the Parse functions accept it
// with and without the prefix, in any case, and a known number.

func enumString(names []string, typ string, v int) string {
	if v >= 0 && v < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", typ, v)
}

func enumParse[T ~int](names []string, typ, prefix, s string) (T, error) {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n < len(names) {
		return T(n), nil
	}
	short := s
	if len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		short = s[len(prefix):]
	}
	for i, name := range names {
		if strings.EqualFold(name, short) {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("telephony: %.60q is not a %s: want one of %s", s, typ, strings.Join(names, ", "))
}

// RouteType says how RequestRouteCall is meant (TRouteType).
type RouteType int

// The route types.
const (
	RouteTypeUnknown RouteType = iota
	RouteTypeDefault           // with an empty destination: the switch's own default
	RouteTypeLabel
	RouteTypeOverwriteDNIS
	RouteTypeDDD
	RouteTypeIDDD
	RouteTypeDirect // reserved
	RouteTypeReject // deprecated; depends on the switch
	RouteTypeAnnouncement
	RouteTypePostFeature
	RouteTypeDirectAgent
	RouteTypePriority
	RouteTypeDirectPriority
	RouteTypeAgentID
	RouteTypeCallDisconnect // rejects the call
)

var routeTypeNames = []string{"Unknown", "Default", "Label", "OverwriteDNIS", "DDD", "IDDD", "Direct", "Reject",
	"Announcement", "PostFeature", "DirectAgent", "Priority", "DirectPriority", "AgentID", "CallDisconnect"}

func (t RouteType) String() string { return enumString(routeTypeNames, "RouteType", int(t)) }

// ParseRouteType reads a route type: "Default", "RouteTypeDefault" or "1".
func ParseRouteType(s string) (RouteType, error) {
	return enumParse[RouteType](routeTypeNames, "route type", "RouteType", s)
}

// TreatmentType says what is played to a waiting call (TTreatmentType).
type TreatmentType int

// The treatment types.
const (
	TreatmentUnknown TreatmentType = iota
	TreatmentIVR
	TreatmentMusic
	TreatmentRingBack
	TreatmentSilence
	TreatmentBusy
	TreatmentCollectDigits
	TreatmentPlayAnnouncement
	TreatmentPlayAnnouncementAndDigits
	TreatmentVerifyDigits
	TreatmentRecordUserAnnouncement
	TreatmentDeleteUserAnnouncement
	TreatmentCancelCall
	TreatmentPlayApplication
	TreatmentSetDefaultRoute
	TreatmentTextToSpeech
	TreatmentTextToSpeechAndDigits
	TreatmentFastBusy
	TreatmentRAN // recorded announcement
)

var treatmentTypeNames = []string{"Unknown", "IVR", "Music", "RingBack", "Silence", "Busy", "CollectDigits",
	"PlayAnnouncement", "PlayAnnouncementAndDigits", "VerifyDigits", "RecordUserAnnouncement", "DeleteUserAnnouncement",
	"CancelCall", "PlayApplication", "SetDefaultRoute", "TextToSpeech", "TextToSpeechAndDigits", "FastBusy", "RAN"}

func (t TreatmentType) String() string {
	return enumString(treatmentTypeNames, "TreatmentType", int(t))
}

// ParseTreatmentType reads a treatment type: "Music", "TreatmentMusic" or "2".
func ParseTreatmentType(s string) (TreatmentType, error) {
	return enumParse[TreatmentType](treatmentTypeNames, "treatment type", "Treatment", s)
}

// CallType is the type of a call as seen by the local switch (TCallType).
type CallType int

// The call types.
const (
	CallTypeUnknown CallType = iota
	CallTypeInternal
	CallTypeInbound
	CallTypeOutbound
	CallTypeConsult
)

var callTypeNames = []string{"Unknown", "Internal", "Inbound", "Outbound", "Consult"}

func (t CallType) String() string { return enumString(callTypeNames, "CallType", int(t)) }

// ParseCallType reads a call type: "Inbound", "CallTypeInbound" or "2".
func ParseCallType(s string) (CallType, error) {
	return enumParse[CallType](callTypeNames, "call type", "CallType", s)
}

// CallState says why a call is where it is (TCallState). Values above
// CallStateBridged exist in switches and are printed as numbers.
type CallState int

// The call states.
const (
	CallStateOk CallState = iota
	CallStateTransferred
	CallStateConferenced
	CallStateGeneralError
	CallStateSystemError
	CallStateRemoteRelease
	CallStateBusy
	CallStateNoAnswer
	CallStateSitDetected
	CallStateAnsweringMachineDetected
	CallStateAllTrunksBusy
	CallStateSitInvalidnum
	CallStateSitVacant
	CallStateSitIntercept
	CallStateSitUnknown
	CallStateSitNocircuit
	CallStateSitReorder
	CallStateFaxDetected
	CallStateQueueFull
	CallStateCleared
	CallStateOverflowed
	CallStateAbandoned
	CallStateRedirected
	CallStateForwarded
	CallStateConsult
	CallStatePickedup
	CallStateDropped
	CallStateDroppednoanswer
	CallStateUnknown
	CallStateCovered
	CallStateConverseOn
	CallStateBridged
)

var callStateNames = []string{"Ok", "Transferred", "Conferenced", "GeneralError", "SystemError", "RemoteRelease", "Busy",
	"NoAnswer", "SitDetected", "AnsweringMachineDetected", "AllTrunksBusy", "SitInvalidnum", "SitVacant", "SitIntercept",
	"SitUnknown", "SitNocircuit", "SitReorder", "FaxDetected", "QueueFull", "Cleared", "Overflowed", "Abandoned",
	"Redirected", "Forwarded", "Consult", "Pickedup", "Dropped", "Droppednoanswer", "Unknown", "Covered", "ConverseOn",
	"Bridged"}

func (s CallState) String() string { return enumString(callStateNames, "CallState", int(s)) }

// ParseCallState reads a call state: "Ok", "CallStateOk" or "0".
func ParseCallState(s string) (CallState, error) {
	return enumParse[CallState](callStateNames, "call state", "CallState", s)
}

// DNRole is the part that a DN has in a call (TDNRole).
type DNRole int

// The roles of a DN.
const (
	DNRoleUnknown DNRole = iota
	DNRoleOrigination
	DNRoleDestination
	DNRoleConferenceMember
	DNRoleNewParty
	DNRoleAddedBy
	DNRoleDeletedBy
	DNRoleTransferredBy
	DNRoleDeletedParty
	DNRoleConferencedBy
	DNRoleObserver
)

var dnRoleNames = []string{"Unknown", "Origination", "Destination", "ConferenceMember", "NewParty", "AddedBy",
	"DeletedBy", "TransferredBy", "DeletedParty", "ConferencedBy", "Observer"}

func (r DNRole) String() string { return enumString(dnRoleNames, "DNRole", int(r)) }

// ParseDNRole reads a role: "Destination", "DNRoleDestination" or "2".
func ParseDNRole(s string) (DNRole, error) {
	return enumParse[DNRole](dnRoleNames, "DN role", "DNRole", s)
}

// AddressType is the kind of a DN (TAddressType).
type AddressType int

// The address types.
const (
	AddressTypeUnknown AddressType = iota
	AddressTypeDN
	AddressTypePosition
	AddressTypeQueue
	AddressTypeRouteDN // a routing point
	AddressTypeTrunk
	AddressTypeVoiceChannel
	AddressTypeDataChannel
	AddressTypeAnnouncement
	AddressTypeASAI
	AddressTypeACDGroup
	AddressTypeVSP
	AddressTypeRouteQueue // routing point and queue at the same time
	AddressTypeAgentID
	AddressTypeOther
)

var addressTypeNames = []string{"Unknown", "DN", "Position", "Queue", "RouteDN", "Trunk", "VoiceChannel", "DataChannel",
	"Announcement", "ASAI", "ACDGroup", "VSP", "RouteQueue", "AgentID", "Other"}

func (t AddressType) String() string { return enumString(addressTypeNames, "AddressType", int(t)) }

// ParseAddressType reads an address type: "RouteDN", "AddressTypeRouteDN" or "4".
func ParseAddressType(s string) (AddressType, error) {
	return enumParse[AddressType](addressTypeNames, "address type", "AddressType", s)
}

// RegisterMode says how a client registers for a DN (TRegisterMode).
type RegisterMode int

// The registration modes. A program that does not answer route requests
// registers routing points with ModeMonitor: on some switches a routing point
// with any other client waits for instructions instead of routing by default.
const (
	ModeShare RegisterMode = iota
	ModePrivate
	ModeMonitor
)

var registerModeNames = []string{"Share", "Private", "Monitor"}

func (m RegisterMode) String() string { return enumString(registerModeNames, "RegisterMode", int(m)) }

// ParseRegisterMode reads a mode: "Share", "ModeShare" or "0".
func ParseRegisterMode(s string) (RegisterMode, error) {
	return enumParse[RegisterMode](registerModeNames, "register mode", "Mode", s)
}

// MakeCallType says how RequestMakeCall is meant (TMakeCallType).
type MakeCallType int

// The types of a call to be made.
const (
	MakeCallRegular MakeCallType = iota
	MakeCallDirectAgent
	MakeCallSupervisorAssist
	MakeCallPriority
	MakeCallDirectPriority
)

var makeCallTypeNames = []string{"Regular", "DirectAgent", "SupervisorAssist", "Priority", "DirectPriority"}

func (t MakeCallType) String() string { return enumString(makeCallTypeNames, "MakeCallType", int(t)) }

// ParseMakeCallType reads a type: "Regular", "MakeCallRegular" or "0".
func ParseMakeCallType(s string) (MakeCallType, error) {
	return enumParse[MakeCallType](makeCallTypeNames, "make call type", "MakeCall", s)
}

// MergeType says what RequestMergeCalls makes of two calls (TMergeType).
type MergeType int

// The types of a merge.
const (
	MergeForTransfer   MergeType = iota // ThisDN leaves
	MergeForConference                  // ThisDN stays
)

var mergeTypeNames = []string{"ForTransfer", "ForConference"}

func (t MergeType) String() string { return enumString(mergeTypeNames, "MergeType", int(t)) }

// ParseMergeType reads a type: "ForTransfer", "MergeForTransfer" or "0".
func ParseMergeType(s string) (MergeType, error) {
	return enumParse[MergeType](mergeTypeNames, "merge type", "Merge", s)
}
