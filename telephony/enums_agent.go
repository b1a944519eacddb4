package telephony

import (
	"fmt"
	"strings"
)

// AgentWorkMode says what an agent does (TAgentWorkMode).
type AgentWorkMode int

// The work modes. WorkModeAutoIn is LegalGuard on some switches.
const (
	WorkModeUnknown AgentWorkMode = iota
	WorkModeManualIn
	WorkModeAutoIn
	WorkModeAfterCallWork
	WorkModeAuxWork
	WorkModeNoCallDisconnect
	WorkModeWalkAway
	WorkModeReturnBack
)

var workModeNames = []string{"Unknown", "ManualIn", "AutoIn", "AfterCallWork", "AuxWork", "NoCallDisconnect", "WalkAway",
	"ReturnBack"}

func (m AgentWorkMode) String() string { return enumString(workModeNames, "AgentWorkMode", int(m)) }

// ParseAgentWorkMode reads a work mode: "AuxWork", "WorkModeAuxWork" or "4".
func ParseAgentWorkMode(s string) (AgentWorkMode, error) {
	return enumParse[AgentWorkMode](workModeNames, "agent work mode", "WorkMode", s)
}

// NetworkCallState is the state of a call that is consulted or transferred in the
// network (TNetworkCallState).
type NetworkCallState int

// The network states of a call.
const (
	NetworkCallUnknown NetworkCallState = iota
	NetworkCallConsulting
	NetworkCallConsultHeld
	NetworkCallTransferred
	NetworkCallConferenced
	NetworkCallReconnected
	NetworkCallDisconnected
	NetworkCallNull
)

var networkCallStateNames = []string{"Unknown", "Consulting", "ConsultHeld", "Transferred", "Conferenced", "Reconnected",
	"Disconnected", "Null"}

func (s NetworkCallState) String() string {
	return enumString(networkCallStateNames, "NetworkCallState", int(s))
}

// ParseNetworkCallState reads a state: "Consulting", "NetworkCallConsulting" or "1".
func ParseNetworkCallState(s string) (NetworkCallState, error) {
	return enumParse[NetworkCallState](networkCallStateNames, "network call state", "NetworkCall", s)
}

// ControlMode says what RequestRegisterAddress does at the switch (TControlMode).
type ControlMode int

// The control modes.
const (
	RegisterDefault ControlMode = iota
	RegisterForce               // register at the switch, even when the DN is registered there
	RegisterLocal               // do not register at the switch
)

var controlModeNames = []string{"Default", "Force", "Local"}

func (m ControlMode) String() string { return enumString(controlModeNames, "ControlMode", int(m)) }

// ParseControlMode reads a mode: "Force", "RegisterForce" or "1".
func ParseControlMode(s string) (ControlMode, error) {
	return enumParse[ControlMode](controlModeNames, "control mode", "Register", s)
}

// PartyState is what a DN does in a call: the unified call-party states. The
// numbers are this package's own.
type PartyState int

// The states of a party.
const (
	PartyStateNull      PartyState = iota // it is not in the call
	PartyStateQueued                      // the call waits in the queue or at the routing point
	PartyStateRouting                     // … and the switch wants to be told where it goes
	PartyStateTreatment                   // … while a treatment is played
	PartyStateInitiated                   // off hook, before dialling
	PartyStateDialing
	PartyStateAlerting
	PartyStateConnected
	PartyStateHeld
)

var partyStateNames = []string{"Null", "Queued", "Routing", "Treatment", "Initiated", "Dialing", "Alerting", "Connected", "Held"}

func (s PartyState) String() string { return enumString(partyStateNames, "PartyState", int(s)) }

// ParsePartyState reads a state: "Queued", "PartyStateQueued" or "1".
func ParsePartyState(s string) (PartyState, error) {
	return enumParse[PartyState](partyStateNames, "party state", "PartyState", s)
}

// ClientType says what kind of program registers with an Interaction Server. The
// numbers are this package's own.
type ClientType int

// The types of a client.
const (
	ClientTypeUnknown ClientType = iota
	ClientTypeAgentApplication
	ClientTypeMediaServer
	ClientTypeReportingEngine
	ClientTypeRouter
	ClientTypeProxy
)

var clientTypeNames = []string{"Unknown", "AgentApplication", "MediaServer", "ReportingEngine", "Router", "Proxy"}

func (t ClientType) String() string { return enumString(clientTypeNames, "ClientType", int(t)) }

// ParseClientType reads a type: "MediaServer", "ClientTypeMediaServer" or "2".
func ParseClientType(s string) (ClientType, error) {
	return enumParse[ClientType](clientTypeNames, "client type", "ClientType", s)
}

var addpTraceNames = []string{"off", "local", "remote", "full"}

func (t ADDPTrace) String() string { return enumString(addpTraceNames, "ADDPTrace", int(t)) }

// ParseADDPTrace reads a value of addp-trace, in any case: off, false, no or
// nothing; on, true, yes or local; remote; full or both.
func ParseADDPTrace(s string) (ADDPTrace, error) {
	switch strings.ToLower(s) {
	case "", "off", "false", "no":
		return ADDPTraceOff, nil
	case "on", "true", "yes", "local":
		return ADDPTraceLocal, nil
	case "remote":
		return ADDPTraceRemote, nil
	case "full", "both":
		return ADDPTraceFull, nil
	}
	return 0, fmt.Errorf("telephony: %.60q is not a value of addp-trace: want off, local, remote or full", s)
}

// Secret is text that does not belong into logs. Messages print without it.
type Secret string

// String returns "***", or nothing when there is none.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}
