package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// talks puts a call of the bench to 7001 and forgets what happened so far.
func (b *bench) talks() telephony.ConnID {
	b.Helper()
	id := b.call(sim.Caller{ANI: "030", UserData: telephony.KVList{{Key: "a", Value: telephony.String("1")}}})
	b.do(route(id, "7001"))
	b.forget()
	return id
}

func TestMakeCall(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{AnswerAfter: time.Second}, func(t *testing.T, b *bench) {
		e := b.do(&telephony.RequestMakeCall{ThisDN: "7002", Destination: "7001"}).(*telephony.EventDialing)
		assert.Equal(t, "7001", e.OtherDN)
		assert.Equal(t, telephony.CallTypeInternal, e.CallType)
		assert.Equal(t, telephony.DNRoleOrigination, e.ThisDNRole)
		b.expect("0s EventDialing 7002 ref", "0s EventRinging 7001")
		b.refused(sim.CodeBusy, &telephony.RequestMakeCall{ThisDN: "7002", Destination: "7001"})
		b.forget()
		b.do(&telephony.RequestAnswerCall{ThisDN: "7001", ConnID: e.ConnID})
		b.expect("0s EventEstablished 7001 ref", "0s EventEstablished 7002")
		b.refused(sim.CodeState, &telephony.RequestAnswerCall{ThisDN: "7001", ConnID: e.ConnID})
		b.forget()
		b.do(&telephony.RequestSendDTMF{ThisDN: "7001", ConnID: e.ConnID, DTMFDigits: "1#"})
		b.do(&telephony.RequestReleaseCall{ThisDN: "7001", ConnID: e.ConnID})
		b.expect("0s EventDTMFSent 7001 ref", "0s EventReleased 7001 ref", "0s EventReleased 7002")
		assert.Zero(t, b.sw.Calls())

		b.refused(sim.CodeUnknownDN, &telephony.RequestMakeCall{ThisDN: "5000", Destination: "7001"})
		b.refused(sim.CodeUnknownDN, &telephony.RequestMakeCall{ThisDN: "7001", Destination: "1"})
		b.refused(sim.CodeUnknownLocation, &telephony.RequestMakeCall{ThisDN: "7001", Destination: "7002", Location: "Rome"})
		b.forget()

		// To a routing point, and the one who called gives up.
		e = b.do(&telephony.RequestMakeCall{ThisDN: "7002", Destination: "5000"}).(*telephony.EventDialing)
		require.NoError(t, b.sw.HangUp(e.ConnID))
		b.expect("0s EventDialing 7002 ref", "0s EventQueued 5000", "0s EventRouteRequest 5000", "0s EventReleased 7002", "0s EventAbandoned 5000")
	})
}

func TestHold(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.talks()
		b.refused(sim.CodeState, &telephony.RequestRetrieveCall{ThisDN: "7001", ConnID: id})
		b.forget()
		b.do(&telephony.RequestHoldCall{ThisDN: "7001", ConnID: id})
		b.do(&telephony.RequestRetrieveCall{ThisDN: "7001", ConnID: id})
		b.expect("0s EventHeld 7001 ref", "0s EventRetrieved 7001 ref")
		b.refused(sim.CodeNotHere, &telephony.RequestHoldCall{ThisDN: "7002", ConnID: id})
	})
}

// Call model 7: two-step transfer, to an extension and to a routing point.
func TestTransfer(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.talks()
		data := telephony.KVList{{Key: "a", Value: telephony.String("2")}, {Key: "b", Value: telephony.String("3")}}
		e := b.do(&telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: id, Destination: "7002", UserData: data}).(*telephony.EventDialing)
		assert.Equal(t, telephony.CallTypeConsult, e.CallType)
		assert.Equal(t, id, e.PreviousConnID)
		b.expect("0s EventHeld 7001", "0s EventDialing 7001 ref", "0s EventRinging 7002", "0s EventEstablished 7002", "0s EventEstablished 7001")
		b.do(&telephony.RequestAlternateCall{ThisDN: "7001", CurrentConnID: e.ConnID, HeldConnID: id})
		b.expect("0s EventHeld 7001", "0s EventRetrieved 7001 ref")
		b.refused(sim.CodeState, &telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: id, TransferConnID: id})
		b.forget()
		var changed *telephony.EventPartyChanged
		b.link.Subscribe(func(e telephony.Event) {
			if e, ok := e.(*telephony.EventPartyChanged); ok {
				changed = e
			}
		})
		b.forget()
		b.do(&telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: e.ConnID, TransferConnID: id})
		b.expect("0s EventReleased 7001 Transferred ref", "0s EventReleased 7001 Transferred", "0s EventPartyChanged 7002 →7001 Transferred")
		require.NotNil(t, changed)
		assert.Equal(t, id, changed.ConnID)
		assert.Equal(t, e.ConnID, changed.PreviousConnID)
		assert.Equal(t, "030", changed.OtherDN)
		assert.Equal(t, telephony.CallTypeInbound, changed.CallType)
		assert.Equal(t, `{"a": "1", "b": "3"}`, changed.UserData.String())
		assert.Equal(t, 1, b.sw.Calls())

		e = b.do(&telephony.RequestInitiateTransfer{ThisDN: "7002", ConnID: id, Destination: "5001"}).(*telephony.EventDialing)
		b.forget()
		b.do(&telephony.RequestCompleteTransfer{ThisDN: "7002", ConnID: id, TransferConnID: e.ConnID}) // named the other way round
		b.expect("0s EventReleased 7002 Transferred ref", "0s EventReleased 7002 Transferred", "0s EventPartyChanged 5001 →7002 Transferred")
		b.do(&telephony.RequestRouteCall{ThisDN: "5001", ConnID: id, Destination: "7001"})
		b.forget()
		require.NoError(t, b.sw.HangUp(id))
		b.expect("0s EventReleased 7001")
		assert.Zero(t, b.sw.Calls())
	})
}

func TestConsultationIsGivenUp(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.talks()
		e := b.do(&telephony.RequestInitiateConference{ThisDN: "7001", ConnID: id, Destination: "5001"}).(*telephony.EventDialing)
		b.refused(sim.CodeBusy, &telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: id, Destination: "7002"})
		b.forget()
		b.do(&telephony.RequestReleaseCall{ThisDN: "7001", ConnID: e.ConnID})
		b.do(&telephony.RequestRetrieveCall{ThisDN: "7001", ConnID: id})
		b.expect("0s EventReleased 7001 ref", "0s EventAbandoned 5001", "0s EventRetrieved 7001 ref")
		assert.Equal(t, 1, b.sw.Calls())
		b.do(&telephony.RequestReleaseCall{ThisDN: "7001", ConnID: id})
		assert.Zero(t, b.sw.Calls())
	})
}

// Call model 9: conference.
func TestConference(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.sw.AddExtension("7003", sim.Extension{}))
		b.do(&telephony.RequestRegisterAddress{ThisDN: "7003"})
		id := b.talks()
		e := b.do(&telephony.RequestInitiateConference{ThisDN: "7001", ConnID: id, Destination: "7002"}).(*telephony.EventDialing)
		b.forget()
		added := b.do(&telephony.RequestCompleteConference{ThisDN: "7001", ConnID: e.ConnID, ConferenceConnID: id}).(*telephony.EventPartyAdded)
		assert.Equal(t, "7002", added.OtherDN)
		b.expect("0s EventReleased 7001 Conferenced", "0s EventRetrieved 7001 Conferenced", "0s EventPartyAdded 7001 →7001 Conferenced ref",
			"0s EventPartyChanged 7002 →7001 Conferenced")
		b.refused(sim.CodeState, &telephony.RequestSingleStepConference{ThisDN: "7001", ConnID: id, Destination: "5001"})
		b.forget()
		b.do(&telephony.RequestSingleStepConference{ThisDN: "7002", ConnID: id, Destination: "7003"})
		b.expect("0s EventPartyAdded 7002 →7002 Conferenced ref", "0s EventPartyAdded 7001 →7002 Conferenced", "0s EventRinging 7003", "0s EventEstablished 7003")
		data := &telephony.RequestUpdateUserData{ThisDN: "7002", ConnID: id, UserData: telephony.KVList{{Key: "x", Value: telephony.Int(1)}}}
		b.do(data)
		b.expect("0s EventAttachedDataChanged 7002 →7002 ref", "0s EventAttachedDataChanged 7001 →7002", "0s EventAttachedDataChanged 7003 →7002")
		require.NoError(t, b.sw.HangUp(id)) // the caller leaves; the agents go on
		b.expect("0s EventPartyDeleted 7001", "0s EventPartyDeleted 7002", "0s EventPartyDeleted 7003")
		b.do(&telephony.RequestReleaseCall{ThisDN: "7001", ConnID: id})
		b.expect("0s EventReleased 7001 ref", "0s EventPartyDeleted 7002", "0s EventPartyDeleted 7003")
		require.NoError(t, b.sw.Release(id))
		b.expect("0s EventReleased 7003", "0s EventReleased 7002")
		assert.Zero(t, b.sw.Calls())
	})
}

func TestMergeAndSingleStepTransfer(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.talks()
		b.do(&telephony.RequestHoldCall{ThisDN: "7001", ConnID: id})
		e := b.do(&telephony.RequestMakeCall{ThisDN: "7001", Destination: "7002"}).(*telephony.EventDialing)
		b.refused(sim.CodeState, &telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: e.ConnID, TransferConnID: id})
		b.forget()
		b.do(&telephony.RequestMergeCalls{ThisDN: "7001", CurrentConnID: e.ConnID, HeldConnID: id})
		b.expect("0s EventReleased 7001 Transferred ref", "0s EventReleased 7001 Transferred", "0s EventPartyChanged 7002 →7001 Transferred")
		b.do(&telephony.RequestSingleStepTransfer{ThisDN: "7002", ConnID: id, Destination: "5001"})
		b.expect("0s EventReleased 7002 Transferred ref", "0s EventQueued 5001", "0s EventRouteRequest 5001")
		b.do(&telephony.RequestReleaseCall{ThisDN: "5001", ConnID: id})
		b.expect("0s EventReleased 5001 ref")
		assert.Zero(t, b.sw.Calls())
	})
}

// Timers of a consult call go on when it has become part of another one.
func TestTransferWhileRinging(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.sw.AddExtension("7003", sim.Extension{AnswerAfter: time.Second, TalkTime: time.Minute}))
		b.do(&telephony.RequestRegisterAddress{ThisDN: "7003"})
		id := b.talks()
		e := b.do(&telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: id, Destination: "7003"}).(*telephony.EventDialing)
		b.do(&telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: e.ConnID, TransferConnID: id})
		b.forget()
		b.wait(2 * time.Minute)
		b.expect("1s EventEstablished 7003", "1m1s EventReleased 7003")
		assert.Zero(t, b.sw.Calls())
	})
}

func TestTransferKeepsConnIDOfConsultation(t *testing.T) {
	scenario(t, &sim.Options{KeepConsultConnID: true}, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.talks()
		e := b.do(&telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: id, Destination: "7002"}).(*telephony.EventDialing)
		var changed *telephony.EventPartyChanged
		b.link.Subscribe(func(e telephony.Event) {
			if e, ok := e.(*telephony.EventPartyChanged); ok {
				changed = e
			}
		})
		b.do(&telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: e.ConnID, TransferConnID: id})
		b.forget()
		require.NotNil(t, changed)
		assert.Equal(t, e.ConnID, changed.ConnID)
		assert.Equal(t, id, changed.PreviousConnID)
		assert.Equal(t, "030", changed.OtherDN)
		b.refused(sim.CodeUnknownCall, &telephony.RequestHoldCall{ThisDN: "7002", ConnID: id})
		b.do(&telephony.RequestHoldCall{ThisDN: "7002", ConnID: e.ConnID})
		require.NoError(t, b.sw.HangUp(e.ConnID))
		assert.Zero(t, b.sw.Calls())
	})
}

// A call that is in a conference with one that waits at a routing point waits there itself, and
// nowhere else.
func TestCallWaitsAtOnePlace(t *testing.T) {
	point := sim.RoutePoint{RingTimeout: 10 * time.Second, Timeout: time.Minute}
	scenario(t, nil, point, sim.Extension{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.sw.AddExtension("7003", sim.Extension{AnswerAfter: -1}))
		b.do(&telephony.RequestRegisterAddress{ThisDN: "7003"})
		id := b.call(sim.Caller{ANI: "030"})
		b.do(route(id, "7001"))
		confer := func(with string, between func(telephony.ConnID)) {
			second := b.do(&telephony.RequestInitiateConference{ThisDN: "7001", ConnID: id, Destination: with}).(*telephony.EventDialing).ConnID
			between(second)
			b.do(&telephony.RequestCompleteConference{ThisDN: "7001", ConnID: second, ConferenceConnID: id})
		}
		confer("5000", func(second telephony.ConnID) { b.do(route(second, "7003")) })
		confer("5001", func(telephony.ConnID) {})
		where := func() string {
			k := b.sw.List()[0]
			return strings.Join(append([]string{k.Waits}, k.DNs...), ", ")
		}
		assert.Equal(t, "5001, 7001 Connected, 7003 Alerting", where())
		b.refused(sim.CodeState, &telephony.RequestSingleStepTransfer{ThisDN: "7001", ConnID: id, Destination: "5000"})
		b.refused(sim.CodeState, &telephony.RequestMuteTransfer{ThisDN: "7001", ConnID: id, Destination: "5000"})
		b.refused(sim.CodeState, &telephony.RequestRedirectCall{ThisDN: "7003", ConnID: id, Destination: "5000"})
		third := b.do(&telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: id, Destination: "5000"}).(*telephony.EventDialing).ConnID
		b.refused(sim.CodeState, &telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: third, TransferConnID: id})
		b.do(&telephony.RequestReconnectCall{ThisDN: "7001", CurrentConnID: third, HeldConnID: id})

		b.wait(10 * time.Second) // 7003 does not answer, and came from 5000
		assert.Equal(t, "5001, 7001 Connected", where())
		b.wait(time.Hour)
		require.NoError(t, b.sw.HangUp(id))
		b.do(&telephony.RequestReleaseCall{ThisDN: "7001", ConnID: id})
		assert.Zero(t, b.sw.Calls())
	})
}

// Somebody who only rings is not connected to somebody else who rings.
func TestTransferOfNobody(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{AnswerAfter: -1}, func(t *testing.T, b *bench) {
		require.NoError(t, b.sw.AddExtension("7003", sim.Extension{AnswerAfter: -1}))
		b.do(&telephony.RequestRegisterAddress{ThisDN: "7003"})
		id := b.do(&telephony.RequestMakeCall{ThisDN: "7001", Destination: "7002"}).(*telephony.EventDialing).ConnID
		b.do(&telephony.RequestSingleStepConference{ThisDN: "7001", ConnID: id, Destination: "7003"})
		b.do(&telephony.RequestReleaseCall{ThisDN: "7002", ConnID: id})
		b.refused(sim.CodeState, &telephony.RequestSingleStepTransfer{ThisDN: "7001", ConnID: id, Destination: "7002"})
		b.do(&telephony.RequestReleaseCall{ThisDN: "7001", ConnID: id})
		assert.Zero(t, b.sw.Calls())
	})
}
