package telephony

import "fmt"

// messageType is one type of message.
type messageType struct {
	name  string
	make  func() Message
	needs Capabilities // of a request
}

// of makes the entry of a type.
func of[T any, M interface {
	*T
	Message
}](needs Capabilities) messageType {
	return messageType{M(nil).Name(), func() Message { return M(new(T)) }, needs}
}

// messageTypes are all types of messages: requests, then events.
var messageTypes = []messageType{
	of[RequestRegisterAddress](CanMonitor),
	of[RequestUnregisterAddress](CanMonitor),
	of[RequestQueryAddress](CanQuery),
	of[RequestQueryCall](CanQuery),
	of[RequestQueryServer](CanQuery),
	of[RequestRouteCall](CanRoute),
	of[RequestApplyTreatment](CanTreat),
	of[RequestAttachUserData](CanAttach),
	of[RequestUpdateUserData](CanAttach),
	of[RequestDeletePair](CanAttach),
	of[RequestDeleteUserData](CanAttach),
	of[RequestMakeCall](CanMakeCall),
	of[RequestMakePredictiveCall](CanMakeCall),
	of[RequestAnswerCall](CanControl),
	of[RequestReleaseCall](CanControl),
	of[RequestClearCall](CanControl),
	of[RequestRedirectCall](CanControl),
	of[RequestHoldCall](CanControl),
	of[RequestRetrieveCall](CanControl),
	of[RequestAlternateCall](CanControl),
	of[RequestReconnectCall](CanControl),
	of[RequestSendDTMF](CanControl),
	of[RequestInitiateTransfer](CanTransfer),
	of[RequestCompleteTransfer](CanTransfer),
	of[RequestSingleStepTransfer](CanTransfer),
	of[RequestMuteTransfer](CanTransfer),
	of[RequestMergeCalls](CanTransfer),
	of[RequestInitiateConference](CanConference),
	of[RequestCompleteConference](CanConference),
	of[RequestSingleStepConference](CanConference),
	of[RequestDeleteFromConference](CanConference),
	of[RequestAgentLogin](CanAgent),
	of[RequestAgentLogout](CanAgent),
	of[RequestAgentReady](CanAgent),
	of[RequestAgentNotReady](CanAgent),
	of[RequestDistributeEvent](CanNotify),
	of[RequestSendUserEvent](CanNotify),
	of[RequestPrivateService](CanNotify),
	of[RequestRegisterClient](CanInteract),
	of[RequestUnregisterClient](CanInteract),
	of[RequestPull](CanInteract),
	of[RequestPlaceInQueue](CanInteract),
	of[RequestPlaceInWorkbin](CanInteract),
	of[RequestDeliver](CanInteract),
	of[RequestStopProcessing](CanInteract),
	of[RequestChangeProperties](CanInteract),
	of[RequestSubmit](CanInteract),
	of[RequestSendMessage](CanInteract),
	of[RequestAccept](CanInteract),
	of[RequestReject](CanInteract),
	of[RequestLeaveInteraction](CanInteract),
	of[RequestTransferInteraction](CanInteract),
	of[RequestConferenceInteraction](CanInteract),
	of[RequestNotReadyForMedia](CanInteract),
	of[RequestCancelNotReadyForMedia](CanInteract),
	of[RequestAddMedia](CanInteract),
	of[RequestRemoveMedia](CanInteract),

	of[EventServerConnected](0),
	of[EventServerDisconnected](0),
	of[EventPrimaryChanged](0),
	of[EventLinkConnected](0),
	of[EventLinkDisconnected](0),
	of[EventRegistered](0),
	of[EventUnregistered](0),
	of[EventAddressInfo](0),
	of[EventPartyInfo](0),
	of[EventServerInfo](0),
	of[EventError](0),
	of[EventAck](0),
	of[EventQueued](0),
	of[EventDiverted](0),
	of[EventAbandoned](0),
	of[EventRouteRequest](0),
	of[EventRouteUsed](0),
	of[EventTreatmentRequired](0),
	of[EventTreatmentApplied](0),
	of[EventTreatmentNotApplied](0),
	of[EventTreatmentEnd](0),
	of[EventDialing](0),
	of[EventNetworkReached](0),
	of[EventDestinationBusy](0),
	of[EventRinging](0),
	of[EventEstablished](0),
	of[EventHeld](0),
	of[EventRetrieved](0),
	of[EventReleased](0),
	of[EventPartyAdded](0),
	of[EventPartyDeleted](0),
	of[EventPartyChanged](0),
	of[EventDTMFSent](0),
	of[EventAttachedDataChanged](0),
	of[EventUserEvent](0),
	of[EventPrivateInfo](0),
	of[EventAgentLogin](0),
	of[EventAgentLogout](0),
	of[EventAgentReady](0),
	of[EventAgentNotReady](0),
	of[EventAgentAfterCallWork](0),
	of[EventDNDOn](0),
	of[EventDNDOff](0),
	of[EventDNOutOfService](0),
	of[EventDNBackInService](0),
	of[EventInteraction](0),
	of[EventInvite](0),
	of[EventRevoked](0),
	of[EventCurrentAgentStatus](0),
	of[EventForcedAgentStateChange](0),
}

var messageIndex = func() map[string]*messageType {
	index := make(map[string]*messageType, len(messageTypes))
	for i := range messageTypes {
		index[messageTypes[i].name] = &messageTypes[i]
	}
	return index
}()

// NewMessage makes an empty message of the type with a name, such as
// "EventRinging". It is a Request or an Event.
func NewMessage(name string) (Message, error) {
	t := messageIndex[name]
	if t == nil {
		return nil, fmt.Errorf("telephony: no message is called %.60q", name)
	}
	return t.make(), nil
}

// MessageNames returns the names of all messages: requests, then events.
func MessageNames() []string {
	names := make([]string, len(messageTypes))
	for i := range messageTypes {
		names[i] = messageTypes[i].name
	}
	return names
}

// Needs returns what a Link must be capable of to carry out a request.
func Needs(req Request) Capabilities {
	if t := messageIndex[req.Name()]; t != nil {
		return t.needs
	}
	return 0
}

func isCallEvent(name string) bool {
	m, err := NewMessage(name)
	e, ok := m.(Event)
	if err != nil || !ok {
		return false
	}
	_, ok = CallOf(e)
	return ok
}
