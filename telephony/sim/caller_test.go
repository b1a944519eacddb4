package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

func TestCallerKeysDigits(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{Keys: sim.KeyInTurn("12#", "3")})
		b.forget()
		collect := &telephony.RequestApplyTreatment{ThisDN: "5000", ConnID: id, TreatmentType: telephony.TreatmentPlayAnnouncementAndDigits,
			Parameters: telephony.KVList{{Key: "TERM_DIGITS", Value: telephony.String("#")}}}
		b.do(collect)
		b.wait(10 * time.Second)
		b.expect("0s EventTreatmentApplied 5000 ref", "3.5s EventTreatmentEnd 5000 digits 12")
		collect.TreatmentType = telephony.TreatmentCollectDigits
		b.do(collect)
		b.wait(10 * time.Second)
		b.expect("10s EventTreatmentApplied 5000 digits 12 ref", "14s EventTreatmentEnd 5000 digits 3")
		b.do(collect) // he has nothing more to say
		b.wait(10 * time.Second)
		b.expect("20s EventTreatmentApplied 5000 digits 3 ref", "25s EventTreatmentEnd 5000")
	})
}

// Each type of treatment ends as it should.
func TestTypesOfTreatments(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{Timeout: time.Hour}, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{})
		for typ, want := range map[telephony.TreatmentType]time.Duration{
			telephony.TreatmentIVR: 2, telephony.TreatmentMusic: -1, telephony.TreatmentRingBack: -1, telephony.TreatmentSilence: -1,
			telephony.TreatmentBusy: -1, telephony.TreatmentFastBusy: -1, telephony.TreatmentCollectDigits: 0, telephony.TreatmentPlayAnnouncement: 2,
			telephony.TreatmentPlayAnnouncementAndDigits: 2, telephony.TreatmentVerifyDigits: 2, telephony.TreatmentRecordUserAnnouncement: 2,
			telephony.TreatmentDeleteUserAnnouncement: 0, telephony.TreatmentCancelCall: 0, telephony.TreatmentPlayApplication: 2,
			telephony.TreatmentSetDefaultRoute: 0, telephony.TreatmentTextToSpeech: 2, telephony.TreatmentTextToSpeechAndDigits: 2, telephony.TreatmentRAN: 2,
		} {
			b.forget()
			begin := time.Now()
			took := time.Duration(-1)
			cancel := b.link.Subscribe(func(e telephony.Event) {
				if e, ok := e.(*telephony.EventTreatmentEnd); ok {
					assert.Equal(t, typ, e.TreatmentType)
					took = time.Since(begin) / time.Second
				}
			})
			b.do(play(id, typ))
			b.wait(10 * time.Second)
			cancel()
			assert.Equal(t, want, took, typ)
		}
	})
}

// The strategy says where default routing takes the call; a caller outside its time is routed there.
func TestSetDefaultRoute(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{Timeout: time.Minute, Default: "7001"}, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{})
		r := play(id, telephony.TreatmentSetDefaultRoute)
		r.Parameters = telephony.KVList{{Key: "LABEL", Value: telephony.String("7002")}}
		b.do(r)
		b.forget()
		b.wait(time.Hour)
		b.expect("1m0s EventRouteUsed 5000 →7002", "1m0s EventDiverted 5000 →7002", "1m0s EventRinging 7002", "1m0s EventEstablished 7002")
	})
}

func TestQueries(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{AnswerAfter: -1}, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{})
		state := func(dn string) telephony.PartyState {
			return b.do(&telephony.RequestQueryCall{ThisDN: dn, ConnID: id}).(*telephony.EventPartyInfo).PartyState
		}
		at := func(dn string) []telephony.ConnID {
			calls, ok := telephony.CallsAt(b.do(&telephony.RequestQueryAddress{ThisDN: dn}).(*telephony.EventAddressInfo).Extensions)
			require.True(t, ok)
			return calls
		}
		assert.Equal(t, telephony.PartyStateRouting, state("5000"))
		assert.Equal(t, []telephony.ConnID{id}, at("5000"))
		b.do(play(id, telephony.TreatmentMusic))
		assert.Equal(t, telephony.PartyStateTreatment, state("5000"))
		b.do(route(id, "7001"))
		assert.Equal(t, telephony.PartyStateNull, state("5000"))
		assert.Empty(t, at("5000"))
		assert.Equal(t, telephony.PartyStateAlerting, state("7001"))
		assert.Equal(t, []telephony.ConnID{id}, at("7001"))
		b.do(&telephony.RequestAnswerCall{ThisDN: "7001", ConnID: id})
		assert.Equal(t, telephony.PartyStateConnected, state("7001"))
		b.do(&telephony.RequestHoldCall{ThisDN: "7001", ConnID: id})
		assert.Equal(t, telephony.PartyStateHeld, state("7001"))
		assert.Equal(t, []sim.CallStatus{{ConnID: id, Type: telephony.CallTypeInbound, Outside: true, DNs: []string{"7001 Held"}}}, b.sw.List())
		info := b.do(&telephony.RequestQueryServer{}).(*telephony.EventServerInfo)
		assert.True(t, info.LinkUp)
		b.refused(sim.CodeUnknownDN, &telephony.RequestQueryAddress{ThisDN: "9"})
		b.refused(sim.CodeUnknownDN, &telephony.RequestQueryCall{ThisDN: "9", ConnID: id})
		require.NoError(t, b.sw.HangUp(id))
	})
}

func TestOutside(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.sw.AddOutside("030", sim.Outside{AnswerAfter: 2 * time.Second, TalkTime: 10 * time.Second, Patience: 20 * time.Second}))
		require.NoError(t, b.sw.AddOutside("031", sim.Outside{Busy: true}))
		require.NoError(t, b.sw.AddOutside("032", sim.Outside{AnswerAfter: -1}))
		require.ErrorIs(t, b.sw.AddOutside("7001", sim.Outside{}), sim.ErrExists)
		dial := func(number string) telephony.Request {
			return &telephony.RequestMakeCall{ThisDN: "7002", Destination: number}
		}
		e := b.do(dial("030")).(*telephony.EventDialing)
		assert.Equal(t, telephony.CallTypeOutbound, e.CallType)
		assert.Equal(t, "030", e.OtherDN)
		b.wait(20 * time.Second)
		b.expect("0s EventDialing 7002 ref", "0s EventNetworkReached 7002", "2s EventEstablished 7002", "12s EventReleased 7002")
		b.do(dial("031"))
		b.expect("20s EventDialing 7002 ref", "20s EventNetworkReached 7002", "20s EventDestinationBusy 7002 Busy", "20s EventReleased 7002 Busy")
		b.do(dial("032"))
		b.wait(time.Minute)
		b.expect("20s EventDialing 7002 ref", "20s EventNetworkReached 7002", "50s EventReleased 7002 NoAnswer")

		predict := func(number string) telephony.Request {
			return &telephony.RequestMakePredictiveCall{ThisDN: "5000", Destination: number, Timeout: 5 * time.Second}
		}
		b.do(predict("030"))
		b.wait(40 * time.Second)
		b.expect("1m20s EventDialing 5000 ref", "1m22s EventQueued 5000", "1m22s EventRouteRequest 5000", "1m42s EventAbandoned 5000")
		b.do(predict("032"))
		b.wait(time.Minute)
		b.expect("2m0s EventDialing 5000 ref", "2m5s EventReleased 5000 NoAnswer")
		b.refused(sim.CodeUnknownDN, predict("039"))
		b.refused(sim.CodeUnknownDN, &telephony.RequestMakePredictiveCall{ThisDN: "7001", Destination: "030"})
		assert.Zero(t, b.sw.Calls())
	})
}

func TestFurtherControl(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.sw.AddExtension("7003", sim.Extension{AnswerAfter: -1}))
		b.register("7003")
		id := b.talks()
		b.do(&telephony.RequestSingleStepConference{ThisDN: "7001", ConnID: id, Destination: "7002"})
		b.forget()
		b.do(&telephony.RequestDeleteFromConference{ThisDN: "7001", ConnID: id, OtherDN: "7002"})
		b.expect("0s EventReleased 7002", "0s EventPartyDeleted 7001 →7001 ref")
		b.refused(sim.CodeNotHere, &telephony.RequestDeleteFromConference{ThisDN: "7001", ConnID: id, OtherDN: "7002"})

		// A consultation that is given up for the call on hold.
		second := b.do(&telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: id, Destination: "7003"}).(*telephony.EventDialing).ConnID
		b.forget()
		b.do(&telephony.RequestReconnectCall{ThisDN: "7001", CurrentConnID: second, HeldConnID: id})
		b.expect("0s EventReleased 7001", "0s EventReleased 7003", "0s EventRetrieved 7001 ref")

		b.do(&telephony.RequestMuteTransfer{ThisDN: "7001", ConnID: id, Destination: "7003"})
		b.expect("0s EventHeld 7001", "0s EventDialing 7001", "0s EventRinging 7003", "0s EventReleased 7001 Transferred ref",
			"0s EventReleased 7001 Transferred", "0s EventPartyChanged 7003 →7001 Transferred")
		b.do(&telephony.RequestRedirectCall{ThisDN: "7003", ConnID: id, Destination: "7002"})
		b.expect("0s EventReleased 7003 Redirected ref", "0s EventRinging 7002", "0s EventEstablished 7002")
		b.refused(sim.CodeState, &telephony.RequestRedirectCall{ThisDN: "7002", ConnID: id, Destination: "7003"})
		b.forget()
		b.do(&telephony.RequestClearCall{ThisDN: "7002", ConnID: id})
		b.expect("0s EventReleased 7002 ref")
		assert.Zero(t, b.sw.Calls())
		b.refused(sim.CodeUnknownCall, &telephony.RequestClearCall{ThisDN: "7002", ConnID: id})
	})
}

// A consultation of a routing point is completed while it waits there: the routing point learns
// of the ConnID that the call has now, and the caller's patience runs.
func TestTransferIsCompletedWhileQueued(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{ANI: "030", Patience: time.Minute})
		b.do(route(id, "7001"))
		second := b.do(&telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: id, Destination: "5001"}).(*telephony.EventDialing).ConnID
		b.forget()
		var changed telephony.CallAttributes
		b.link.Subscribe(func(e telephony.Event) {
			if e, ok := e.(*telephony.EventPartyChanged); ok {
				changed = e.CallAttributes
			}
		})
		b.do(&telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: second, TransferConnID: id})
		b.wait(2 * time.Minute)
		b.expect("0s EventReleased 7001 Transferred ref", "0s EventReleased 7001 Transferred", "0s EventPartyChanged 5001 →7001 Transferred",
			"1m0s EventAbandoned 5001")
		assert.Equal(t, []any{id, second, telephony.CallTypeInbound, "030"}, []any{changed.ConnID, changed.PreviousConnID, changed.CallType, changed.OtherDN})
	})
}
