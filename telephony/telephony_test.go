package telephony_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	. "github.com/seed-ff723688/ors/telephony"
)

func TestKVListKeepsOrderAndDuplicates(t *testing.T) {
	var l KVList
	l.Add("b", String("1"))
	l.Add("a", Int(-7))
	l.Add("b", String("2"))
	l.Add("raw", Binary([]byte{0, 0xff}))
	l.Add("deep", List(KVList{{Key: "x", Value: String("y \"z\"")}}))
	assert.Equal(t, `{"b": "1", "a": -7, "b": "2", "raw": 0x00ff, "deep": {"x": "y \"z\""}}`, l.String())
	assert.Equal(t, "1", l.Text("b"))
	n, ok := mustGet(t, l, "a").Int()
	assert.True(t, ok)
	assert.EqualValues(t, -7, n)
	assert.Equal(t, []byte{0, 0xff}, mustGet(t, l, "raw").Bytes())
	assert.Equal(t, "y \"z\"", mustGet(t, l, "deep").List().Text("x"))

	c := l.Clone()
	assert.True(t, c.Equal(l))
	c.Set("b", String("3"))
	assert.Equal(t, `{"b": "3", "a": -7, "raw": 0x00ff, "deep": {"x": "y \"z\""}}`, c.String())
	assert.Len(t, l, 5, "the original is untouched")
	assert.Equal(t, 1, c.Delete("a"))
	assert.Equal(t, 0, c.Delete("a"))
	assert.False(t, c.Equal(l))
	c.Set("new", Int(1))
	assert.Equal(t, "1", c.Text("new"))
	assert.Empty(t, KVList(nil).Text("x"))
	assert.Nil(t, KVList(nil).Clone())
}

func mustGet(t *testing.T, l KVList, key string) Value {
	t.Helper()
	v, ok := l.Get(key)
	require.True(t, ok, "key %s", key)
	return v
}

func TestValueNumbers(t *testing.T) {
	for in, want := range map[float64]string{0: "0", -1: "-1", 2147483647: "2147483647", 2147483648: "2.147483648e+09", 1.5: "1.5"} {
		assert.Equal(t, want, Number(in).Text())
	}
	assert.Equal(t, KindInt, Number(3).Kind())
	assert.Equal(t, KindString, Number(3.5).Kind())
	n, ok := String(" 42 ").Int()
	assert.True(t, ok)
	assert.EqualValues(t, 42, n)
	_, ok = String("4294967296").Int()
	assert.False(t, ok)
}

func TestKVListValidate(t *testing.T) {
	require.NoError(t, KVList{{Key: "a", Value: Int(1)}}.Validate())
	assert.ErrorContains(t, KVList{{Key: "a"}, {Key: ""}}.Validate(), "pair 2 of a list has no key")
	deep := KVList{{Key: "a", Value: Int(1)}}
	for range MaxDepth {
		deep = KVList{{Key: "a", Value: List(deep)}}
	}
	assert.ErrorContains(t, deep.Validate(), "nested deeper than 32")
	assert.Contains(t, deep.String(), "{…}", "printing is bounded as well")
}

func TestConnID(t *testing.T) {
	id, err := ParseConnID("006A0287D5E6B001")
	require.NoError(t, err)
	assert.Equal(t, "006a0287d5e6b001", id.String())
	for _, s := range []string{"", "0", "xyz", "-1", "11112222333344445"} {
		_, err := ParseConnID(s)
		assert.Error(t, err, s)
	}
}

func TestEnumerationsHaveTheDocumentedNumbers(t *testing.T) {
	assert.EqualValues(t, 14, RouteTypeCallDisconnect)
	assert.EqualValues(t, 6, TreatmentCollectDigits)
	assert.EqualValues(t, 7, TreatmentPlayAnnouncement)
	assert.EqualValues(t, 18, TreatmentRAN)
	assert.EqualValues(t, 4, CallTypeConsult)
	assert.EqualValues(t, 31, CallStateBridged)
	assert.EqualValues(t, 10, DNRoleObserver)
	assert.EqualValues(t, 4, AddressTypeRouteDN)
	assert.EqualValues(t, 2, ModeMonitor)

	roundTrip(t, ParseRouteType, "RouteType", RouteTypeCallDisconnect)
	roundTrip(t, ParseTreatmentType, "Treatment", TreatmentRAN)
	roundTrip(t, ParseCallType, "CallType", CallTypeConsult)
	roundTrip(t, ParseCallState, "CallState", CallStateBridged)
	roundTrip(t, ParseDNRole, "DNRole", DNRoleObserver)
	roundTrip(t, ParseAddressType, "AddressType", AddressTypeOther)
	roundTrip(t, ParseRegisterMode, "Mode", ModeMonitor)

	roundTrip(t, ParseMakeCallType, "MakeCall", MakeCallDirectPriority)
	roundTrip(t, ParseMergeType, "Merge", MergeForConference)
	assert.EqualValues(t, 7, WorkModeReturnBack)
	assert.EqualValues(t, 4, WorkModeAuxWork)
	assert.EqualValues(t, 7, NetworkCallNull)
	assert.EqualValues(t, 2, RegisterLocal)
	roundTrip(t, ParseAgentWorkMode, "WorkMode", WorkModeReturnBack)
	roundTrip(t, ParseNetworkCallState, "NetworkCall", NetworkCallNull)
	roundTrip(t, ParseControlMode, "Register", RegisterLocal)
	roundTrip(t, ParsePartyState, "PartyState", PartyStateHeld)
	roundTrip(t, ParseServerRole, "ServerRole", ServerRoleBackup)
	roundTrip(t, ParseClientType, "ClientType", ClientTypeProxy)
	roundTrip(t, ParseInteractionEventType, "Interaction", InteractionPartyRemoved)
	roundTrip(t, ParseStandby, "Standby", StandbyHot)
	for s, want := range map[string]ADDPTrace{"": ADDPTraceOff, "No": ADDPTraceOff, "on": ADDPTraceLocal, "LOCAL": ADDPTraceLocal, "remote": ADDPTraceRemote,
		"both": ADDPTraceFull, ADDPTraceFull.String(): ADDPTraceFull} {
		got, err := ParseADDPTrace(s)
		require.NoError(t, err)
		assert.Equal(t, want, got, s)
	}
	assert.Equal(t, "Closed Connecting ServerConnected Connected", fmt.Sprint(LinkClosed, LinkConnecting, LinkServerConnected, LinkConnected))
	assert.Equal(t, "CallState(34)", CallState(34).String())
	assert.Equal(t, "RouteType(-1)", RouteType(-1).String())
	_, err := ParseTreatmentType("Musik")
	assert.ErrorContains(t, err, `"Musik" is not a treatment type: want one of Unknown, IVR, Music`)
}

func roundTrip[T interface {
	~int
	String() string
}](t *testing.T, parse func(string) (T, error), prefix string, last T) {
	t.Helper()
	for v := T(0); v <= last; v++ {
		for _, s := range []string{v.String(), strings.ToLower(v.String()), prefix + v.String()} {
			got, err := parse(s)
			require.NoError(t, err)
			assert.Equal(t, v, got, s)
		}
	}
	_, err := parse((last + 1).String())
	assert.Error(t, err, "no name is missing from the test or the table")
	got, err := parse("1")
	require.NoError(t, err)
	assert.EqualValues(t, 1, got)
}

func TestMessagesPrintOnOneLine(t *testing.T) {
	e := &EventRouteRequest{
		EventHeader: EventHeader{Server: "sim", Time: time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)},
		CallAttributes: CallAttributes{
			ConnID: 0x1f, CallType: CallTypeInbound, ThisDN: "5000", ThisQueue: "5000", ANI: "+49 30 1",
			UserData: KVList{{Key: "vip", Value: Int(1)}},
		},
	}
	assert.Equal(t, `EventRouteRequest Server=sim Time=2026-01-02T03:04:05.6Z ConnID=000000000000001f CallType=Inbound `+
		`ThisDN=5000 ThisQueue=5000 ANI="+49 30 1" UserData={"vip": 1}`, e.String())
	r := &RequestRouteCall{ThisDN: "5000", ConnID: 0x1f, Destination: "7001", RouteType: RouteTypeDefault}
	assert.Equal(t, "RequestRouteCall ThisDN=5000 ConnID=000000000000001f Destination=7001 RouteType=Default", r.String())
	assert.Equal(t, `EventError ErrorCode=3 ErrorMessage="line\nbreak"`,
		(&EventError{ErrorCode: 3, ErrorMessage: "line\nbreak"}).String())
}

func TestValidate(t *testing.T) {
	call := CallAttributes{ConnID: 1, ThisDN: "5000", ThisQueue: "5000", CallType: CallTypeInbound}
	elsewhere, consult, badData := call, call, call
	elsewhere.ThisQueue = "5001"
	consult.CallType = CallTypeConsult
	badData.UserData = KVList{{}}
	for _, c := range []struct {
		message Message
		want    string // attribute at fault; empty: legal
	}{
		{&EventRouteRequest{CallAttributes: call}, ""},
		{&EventRouteRequest{CallAttributes: elsewhere}, "ThisQueue"},
		{&EventRouteRequest{CallAttributes: consult}, "PreviousConnID"},
		{&EventRouteUsed{CallAttributes: badData}, "UserData"},
		{&EventQueued{}, "ConnID"},
		{&EventDiverted{CallAttributes: CallAttributes{ConnID: 1}}, "ThisDN"},
		{&EventRinging{CallAttributes: CallAttributes{ConnID: 1, ThisDN: "7001"}}, ""},
		{&EventTreatmentEnd{CallAttributes: call}, "TreatmentType"},
		{&EventLinkConnected{}, ""},
		{&EventRegistered{}, "ThisDN"},
		{&EventError{}, "ErrorMessage or ErrorCode"},
		{&RequestRegisterAddress{}, "ThisDN"},
		{&RequestUnregisterAddress{ThisDN: "1"}, ""},
		{&RequestRouteCall{ThisDN: "5000", ConnID: 1}, "Destination"},
		{&RequestRouteCall{ThisDN: "5000", ConnID: 1, RouteType: RouteTypeDefault}, ""},
		{&RequestRouteCall{ThisDN: "5000", Destination: "7001"}, "ConnID"},
		{&RequestApplyTreatment{ThisDN: "5000", ConnID: 1}, "TreatmentType"},
		{&RequestAttachUserData{ThisDN: "5000", ConnID: 1}, "UserData"},
		{&RequestUpdateUserData{ThisDN: "5000", ConnID: 1, UserData: KVList{{Key: ""}}}, "UserData"},
		{&RequestDeletePair{ThisDN: "5000", ConnID: 1}, "Key"},
		{&RequestDeleteUserData{ThisDN: "5000"}, "ConnID"},
		{&RequestMakeCall{ThisDN: "7001"}, "Destination"},
		{&RequestMakeCall{Destination: "7001"}, "ThisDN"},
		{&RequestMakeCall{ThisDN: "7001", Destination: "7002", UserData: KVList{{}}}, "UserData"},
		{&RequestMakeCall{ThisDN: "7001", Destination: "7002"}, ""},
		{&RequestAnswerCall{ThisDN: "7001"}, "ConnID"},
		{&RequestReleaseCall{ThisDN: "7001", ConnID: 1}, ""},
		{&RequestHoldCall{ConnID: 1}, "ThisDN"},
		{&RequestRetrieveCall{ThisDN: "7001", ConnID: 1, Reasons: KVList{{}}}, "Reasons"},
		{&RequestSendDTMF{ThisDN: "7001", ConnID: 1}, "DTMFDigits"},
		{&RequestSendDTMF{ThisDN: "7001", ConnID: 1, DTMFDigits: "12x"}, "DTMFDigits"},
		{&RequestSendDTMF{ThisDN: "7001", ConnID: 1, DTMFDigits: "12#"}, ""},
		{&RequestInitiateTransfer{ThisDN: "7001", ConnID: 1}, "Destination"},
		{&RequestInitiateConference{ThisDN: "7001", ConnID: 1, Destination: "7002"}, ""},
		{&RequestCompleteTransfer{ThisDN: "7001", ConnID: 1}, "TransferConnID"},
		{&RequestCompleteConference{ThisDN: "7001", ConnID: 1}, "ConferenceConnID"},
		{&RequestSingleStepTransfer{ThisDN: "7001", ConnID: 1}, "Destination"},
		{&RequestSingleStepConference{ThisDN: "7001", Destination: "7002"}, "ConnID"},
		{&RequestAlternateCall{ThisDN: "7001", CurrentConnID: 1}, "HeldConnID"},
		{&RequestMergeCalls{ThisDN: "7001", HeldConnID: 1}, "CurrentConnID"},
		{&RequestMergeCalls{HeldConnID: 1, CurrentConnID: 2}, "ThisDN"},
		{&EventDialing{CallAttributes: CallAttributes{ConnID: 1}}, "ThisDN"},
		{&EventPartyChanged{CallAttributes: call}, ""},
		{&RequestRegisterAddress{ThisDN: "1", Extensions: KVList{{}}}, "Extensions"},
		{&RequestQueryAddress{}, "ThisDN"},
		{&RequestQueryCall{ThisDN: "1"}, "ConnID"},
		{&RequestQueryServer{}, ""},
		{&EventRegistered{ThisDN: "1", Extensions: KVList{{}}}, "Extensions"},
		{&EventAddressInfo{}, "ThisDN"},
		{&EventPartyInfo{}, "ConnID"},
		{&EventPartyInfo{CallAttributes: call}, ""},
		{&EventServerInfo{Extensions: KVList{{}}}, "Extensions"},
		{&EventLinkConnected{Extensions: KVList{{}}}, "Extensions"},
		{&EventServerConnected{}, ""},
		{&EventServerDisconnected{}, ""},
		{&EventPrimaryChanged{}, ""},
		{&RequestMakePredictiveCall{ThisDN: "6000"}, "Destination"},
		{&RequestMakePredictiveCall{ThisDN: "6000", Destination: "1", Timeout: -1}, "Timeout"},
		{&RequestRedirectCall{ThisDN: "7001", ConnID: 1}, "Destination"},
		{&RequestClearCall{ThisDN: "7001"}, "ConnID"},
		{&RequestDeleteFromConference{ThisDN: "7001", ConnID: 1}, "OtherDN"},
		{&RequestMuteTransfer{ThisDN: "7001", ConnID: 1}, "Destination"},
		{&RequestReconnectCall{ThisDN: "7001", CurrentConnID: 1}, "HeldConnID"},
		{&RequestAgentLogin{ThisDN: "7001"}, "AgentID"},
		{&RequestAgentLogin{AgentID: "a"}, "ThisDN or PlaceID"},
		{&RequestAgentLogin{AgentID: "a", PlaceID: "p", Media: KVList{{Key: "chat", Value: Int(1)}}}, ""},
		{&RequestAgentLogout{}, "ThisDN or PlaceID"},
		{&RequestAgentReady{PlaceID: "p"}, ""},
		{&RequestAgentNotReady{ThisDN: "7001", Reasons: KVList{{}}}, "Reasons"},
		{&EventAgentLogin{}, "ThisDN or PlaceID"},
		{&EventAgentLogout{AgentAttributes: AgentAttributes{ThisDN: "1"}}, ""},
		{&EventAgentReady{AgentAttributes: AgentAttributes{ThisDN: "1", Extensions: KVList{{}}}}, "Extensions"},
		{&EventAgentNotReady{}, "ThisDN or PlaceID"},
		{&EventAgentAfterCallWork{}, "ThisDN or PlaceID"},
		{&EventDNDOn{}, "ThisDN"},
		{&EventDNDOff{}, "ThisDN"},
		{&EventDNOutOfService{}, "ThisDN"},
		{&EventDNBackInService{ThisDN: "1"}, ""},
		{&EventTreatmentRequired{CallAttributes: elsewhere}, "ThisQueue"},
		{&EventNetworkReached{}, "ConnID"},
		{&EventDestinationBusy{}, "ConnID"},
		{&RequestDistributeEvent{CallAttributes: call}, "EventName"},
		{&RequestDistributeEvent{CallAttributes: call, EventName: "EventLinkConnected"}, "EventName"},
		{&RequestDistributeEvent{CallAttributes: call, EventName: "EventUserEvent"}, ""},
		{&RequestSendUserEvent{}, "ThisDN"},
		{&RequestPrivateService{UserData: KVList{{}}}, "UserData"},
		{&EventUserEvent{}, "ThisDN"},
		{&EventPrivateInfo{}, ""},
		{&RequestRegisterClient{}, "ClientType"},
		{&RequestRegisterClient{ClientType: ClientTypeRouter}, "ClientName"},
		{&RequestUnregisterClient{}, "ClientName"},
		{&RequestNotReadyForMedia{PlaceID: "p"}, "MediaType"},
		{&RequestCancelNotReadyForMedia{MediaType: "chat"}, "PlaceID"},
		{&RequestAddMedia{PlaceID: "p", MediaType: "chat"}, ""},
		{&RequestRemoveMedia{PlaceID: "p", MediaType: "chat", Reasons: KVList{{}}}, "Reasons"},
		{&RequestAccept{InteractionID: "i"}, "PlaceID"},
		{&RequestReject{PlaceID: "p"}, "InteractionID"},
		{&RequestLeaveInteraction{InteractionID: "i", PlaceID: "p"}, ""},
		{&RequestTransferInteraction{InteractionID: "i", PlaceID: "p"}, "AgentID or ToPlaceID"},
		{&RequestConferenceInteraction{InteractionID: "i", PlaceID: "p", AgentID: "a"}, ""},
		{&EventAck{Interaction: Interaction{UserData: KVList{{}}}}, "Interaction.UserData"},
		{&EventInteraction{}, "Type"},
		{&EventInteraction{InteractionEvent: InteractionEvent{Type: InteractionStopped}}, "Interaction.ID"},
		{&EventInvite{Interaction: Interaction{ID: "i"}}, "PlaceID"},
		{&EventRevoked{}, "InteractionID"},
		{&EventCurrentAgentStatus{}, "PlaceID"},
		{&EventForcedAgentStateChange{PlaceID: "p", Media: KVList{{}}}, "Media"},
		{&RequestPull{}, "InteractionID"},
		{&RequestPlaceInQueue{InteractionID: "i"}, "Queue"},
		{&RequestPlaceInWorkbin{InteractionID: "i"}, "Workbin"},
		{&RequestDeliver{InteractionID: "i"}, "AgentID or PlaceID"},
		{&RequestStopProcessing{InteractionID: "i"}, ""},
		{&RequestChangeProperties{InteractionID: "i", Changed: KVList{{}}}, "Changed"},
		{&RequestSubmit{}, "MediaType"},
		{&RequestSendMessage{}, "InteractionID"},
	} {
		err := c.message.Validate()
		if c.want == "" {
			assert.NoError(t, err, c.message)
			continue
		}
		var ae *AttributeError
		require.ErrorAs(t, err, &ae, "%v", c.message)
		assert.Equal(t, c.want, ae.Attribute)
		assert.Equal(t, c.message.Name(), ae.Message)
	}
}

func TestCallOf(t *testing.T) {
	_, isCall := CallOf(&EventLinkConnected{})
	assert.False(t, isCall)
	call, isCall := CallOf(&EventRinging{CallAttributes: CallAttributes{ConnID: 5}})
	assert.True(t, isCall)
	assert.EqualValues(t, 5, call.ConnID)
}

func TestCapabilities(t *testing.T) {
	assert.Equal(t, "none", Capabilities(0).String())
	assert.Equal(t, "Monitor|Treat", (CanTreat | CanMonitor).String())
	assert.Equal(t, "MakeCall|Control|Transfer|Conference", (CanMakeCall | CanControl | CanTransfer | CanConference).String())
	assert.True(t, (CanRoute | CanTreat).Has(CanRoute))
	assert.False(t, CanRoute.Has(CanRoute|CanTreat))
}

func TestErrorsNameWhatFailed(t *testing.T) {
	err := error(&RequestError{Request: "RequestRouteCall", Code: 4, Message: "no such DN 7009"})
	assert.EqualError(t, err, "telephony: RequestRouteCall refused: no such DN 7009 (code 4)")
	var re *RequestError
	assert.True(t, errors.As(err, &re))
}

func TestParseADDP(t *testing.T) {
	a, err := ParseADDP(map[string]string{"protocol": "addp", "addp-timeout": "10", "addp-remote-timeout": " 15 ", "addp-trace": "both", "tls": "1"})
	require.NoError(t, err)
	assert.Equal(t, ADDP{Timeout: 10 * time.Second, RemoteTimeout: 15 * time.Second, Trace: ADDPTraceFull}, a)
	a, err = ParseADDP(map[string]string{"addp-timeout": "10"})
	require.NoError(t, err)
	assert.Zero(t, a, "without protocol=addp there is no keep-alive")
	for want, o := range map[string]map[string]string{
		`option addp-timeout: "-1" is no number of seconds`: {"addp-timeout": "-1"},
		`"loud" is not a value of addp-trace`:               {"addp-trace": "loud"},
		`option protocol: "tcp" is not known`:               {"protocol": "tcp"},
	} {
		_, err := ParseADDP(o)
		assert.ErrorContains(t, err, want)
	}
}

func TestCallsAt(t *testing.T) {
	calls := []ConnID{3, 1, 2}
	got, ok := CallsAt(KVList{{Key: CallsKey, Value: CallsValue(calls)}})
	assert.True(t, ok)
	assert.Equal(t, calls, got)
	got, ok = CallsAt(KVList{{Key: CallsKey, Value: CallsValue(nil)}})
	assert.True(t, ok, "there are none, and we know")
	assert.Empty(t, got)
	_, ok = CallsAt(nil)
	assert.False(t, ok)
	_, ok = CallsAt(KVList{{Key: CallsKey, Value: String("1")}})
	assert.False(t, ok)
}
