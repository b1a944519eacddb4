package sim_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// bench is a switch with a routing point 5000, agents at 7001 and 7002 and a
// link that sees all of it. Time is that of the synctest bubble.
type bench struct {
	*testing.T
	sw    *sim.Switch
	link  *telephony.Client
	begin time.Time
	mu    sync.Mutex
	lines []string
}

func scenario(t *testing.T, opts *sim.Options, rp sim.RoutePoint, agent sim.Extension, run func(*testing.T, *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, sw: sim.New(opts), begin: time.Now()}
		require.NoError(t, b.sw.AddRoutePoint("5000", rp))
		require.NoError(t, b.sw.AddRoutePoint("5001", sim.RoutePoint{}))
		require.NoError(t, b.sw.AddExtension("7001", agent))
		require.NoError(t, b.sw.AddExtension("7002", sim.Extension{AgentID: "ag2"}))
		b.link = b.sw.Connect()
		b.link.Subscribe(b.record)
		b.wait(0) // it is connected
		for _, dn := range []string{"5000", "5001", "7001", "7002"} {
			_, err := telephony.Do(t.Context(), b.link, &telephony.RequestRegisterAddress{ThisDN: dn})
			require.NoError(t, err)
		}
		b.forget()
		run(t, b)
		b.wait(0)
		require.NoError(t, b.link.Close())
	})
}

// record notes an event: time, name, DN and what is worth telling apart.
func (b *bench) record(e telephony.Event) {
	if err := e.Validate(); err != nil {
		b.Errorf("the switch sent an illegal event: %v", err)
	}
	line := fmt.Sprintf("%s %s", time.Since(b.begin).Truncate(time.Millisecond), e.Name())
	if c, ok := telephony.CallOf(e); ok {
		line += " " + c.ThisDN
		if c.ThirdPartyDN != "" {
			line += " →" + c.ThirdPartyDN
		}
		if c.CallState != telephony.CallStateOk {
			line += " " + c.CallState.String()
		}
		if c.CollectedDigits != "" {
			line += " digits " + c.CollectedDigits
		}
	}
	if a, ok := e.(interface {
		Agent() *telephony.AgentAttributes
	}); ok {
		line += " " + a.Agent().ThisDN + " " + a.Agent().AgentID
		if a.Agent().WorkMode != telephony.WorkModeUnknown {
			line += " " + a.Agent().WorkMode.String()
		}
	}
	if ref := e.Header().ReferenceID; ref != 0 {
		line += " ref"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, line)
}

// forget empties the notes and returns them.
func (b *bench) forget() []string {
	b.wait(0)
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := b.lines
	b.lines = nil
	return lines
}

func (b *bench) expect(lines ...string) {
	b.Helper()
	b.wait(0)
	assert.Equal(b, strings.Join(lines, "\n"), strings.Join(b.forget(), "\n"))
}

// wait lets time pass, and a little more, so that all that happens at its end
// has been delivered.
func (b *bench) wait(d time.Duration) {
	<-time.After(d + time.Nanosecond)
	synctest.Wait()
}

func (b *bench) call(c sim.Caller) telephony.ConnID {
	b.Helper()
	id, err := b.sw.Call("5000", c)
	require.NoError(b, err)
	return id
}

func (b *bench) do(req telephony.Request) telephony.Event {
	b.Helper()
	e, err := telephony.Do(context.Background(), b.link, req)
	require.NoError(b, err)
	return e
}

func (b *bench) refused(code int, req telephony.Request) *telephony.RequestError {
	b.Helper()
	_, err := telephony.Do(context.Background(), b.link, req)
	var re *telephony.RequestError
	require.ErrorAs(b, err, &re)
	assert.Equal(b, code, re.Code, re.Message)
	return re
}

func route(id telephony.ConnID, to string) *telephony.RequestRouteCall {
	return &telephony.RequestRouteCall{ThisDN: "5000", ConnID: id, Destination: to, RouteType: telephony.RouteTypeDefault}
}

func play(id telephony.ConnID, typ telephony.TreatmentType) *telephony.RequestApplyTreatment {
	return &telephony.RequestApplyTreatment{ThisDN: "5000", ConnID: id, TreatmentType: typ}
}

// Call model 1: inbound call, routing point, agent.
func TestCallIsRouted(t *testing.T) {
	agent := sim.Extension{AgentID: "ag1", AnswerAfter: 3 * time.Second, TalkTime: time.Minute}
	scenario(t, nil, sim.RoutePoint{}, agent, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{ANI: "0301234567", DNIS: "800", UserData: telephony.KVList{{Key: "vip", Value: telephony.Int(1)}}})
		assert.Equal(t, "0001000000000001", id.String())
		b.expect("0s EventQueued 5000", "0s EventRouteRequest 5000")

		b.wait(time.Second)
		used := b.do(route(id, "7001")).(*telephony.EventRouteUsed)
		assert.Equal(t, "7001", used.ThirdPartyDN)
		assert.NotZero(t, used.ReferenceID)
		b.expect("1s EventRouteUsed 5000 →7001 ref", "1s EventDiverted 5000 →7001", "1s EventRinging 7001")
		var rang *telephony.EventRinging
		b.link.Subscribe(func(e telephony.Event) {
			if e, ok := e.(*telephony.EventEstablished); ok {
				rang = (*telephony.EventRinging)(e)
			}
		})
		b.forget()
		b.wait(2 * time.Minute)
		b.expect("4s EventEstablished 7001", "1m4s EventReleased 7001")
		assert.Equal(t, telephony.CallAttributes{
			ConnID: id, CallID: 1, CallUUID: "00010000000000010000000000000001", CallType: telephony.CallTypeInbound,
			ThisDN: "7001", ThisQueue: "5000", ThisDNRole: telephony.DNRoleDestination, AgentID: "ag1",
			OtherDN: "0301234567", OtherDNRole: telephony.DNRoleOrigination, ANI: "0301234567", DNIS: "800",
			UserData: telephony.KVList{{Key: "vip", Value: telephony.Int(1)}},
		}, rang.CallAttributes)
		assert.Zero(t, b.sw.Calls())
	})
}

// Call model 2: treatments.
func TestTreatments(t *testing.T) {
	opts := &sim.Options{Treat: func(r *telephony.RequestApplyTreatment) sim.Treatment {
		switch r.TreatmentType {
		case telephony.TreatmentCollectDigits:
			return sim.Treatment{Duration: 4 * time.Second, Digits: "42"}
		case telephony.TreatmentIVR:
			return sim.Treatment{Refuse: "no port free"}
		}
		return sim.Announce(r)
	}}
	scenario(t, opts, sim.RoutePoint{}, sim.Extension{AnswerAfter: -1}, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{})
		b.forget()
		b.do(play(id, telephony.TreatmentPlayAnnouncement))
		b.wait(3 * time.Second)
		b.expect("0s EventTreatmentApplied 5000 ref", "2s EventTreatmentEnd 5000")

		b.do(play(id, telephony.TreatmentMusic))
		b.wait(time.Hour)
		b.expect("3s EventTreatmentApplied 5000 ref")

		b.do(play(id, telephony.TreatmentRAN))
		b.do(play(id, telephony.TreatmentCollectDigits)) // takes the place of the announcement
		b.wait(10 * time.Second)
		b.expect("1h0m3s EventTreatmentApplied 5000 ref", "1h0m3s EventTreatmentApplied 5000 ref", "1h0m7s EventTreatmentEnd 5000 digits 42")

		re := b.refused(sim.CodeTreatment, play(id, telephony.TreatmentIVR))
		assert.IsType(t, &telephony.EventTreatmentNotApplied{}, re.Event)
		assert.Equal(t, "no port free", re.Message)
		b.forget()

		b.do(play(id, telephony.TreatmentRAN))
		b.do(route(id, "7001")) // ends the treatment
		b.wait(10 * time.Second)
		b.expect("1h0m13s EventTreatmentApplied 5000 digits 42 ref", "1h0m13s EventRouteUsed 5000 →7001 digits 42 ref",
			"1h0m13s EventDiverted 5000 →7001 digits 42", "1h0m13s EventRinging 7001")
		b.refused(sim.CodeNotHere, play(id, telephony.TreatmentRAN))
	})
}

// Call model 3: default routing.
func TestDefaultRouting(t *testing.T) {
	rp := sim.RoutePoint{Timeout: 10 * time.Second, Default: "7002"}
	scenario(t, nil, rp, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{})
		b.wait(10 * time.Second)
		b.expect("0s EventQueued 5000", "0s EventRouteRequest 5000", "10s EventRouteUsed 5000 →7002",
			"10s EventDiverted 5000 →7002", "10s EventRinging 7002", "10s EventEstablished 7002")
		b.refused(sim.CodeNotHere, route(id, "7001"))

		second := b.call(sim.Caller{}) // 7002 is busy: released
		b.forget()
		b.wait(time.Minute)
		b.expect("20s EventRouteUsed 5000", "20s EventReleased 5000")
		b.refused(sim.CodeUnknownCall, route(second, "7001"))

		require.NoError(t, b.sw.Release(id))
		third := b.call(sim.Caller{})
		b.forget()
		b.do(route(third, "")) // RouteTypeDefault without a destination
		b.expect("1m10s EventRouteUsed 5000 →7002 ref", "1m10s EventDiverted 5000 →7002", "1m10s EventRinging 7002",
			"1m10s EventEstablished 7002")
	})
}

// Call model 4: the caller hangs up.
func TestAbandoned(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{Timeout: time.Hour}, sim.Extension{AnswerAfter: 10 * time.Second}, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{Patience: 5 * time.Second})
		b.do(play(id, telephony.TreatmentRAN))
		b.forget()
		b.wait(2 * time.Hour)
		b.expect("2s EventTreatmentEnd 5000", "5s EventAbandoned 5000")
		assert.Zero(t, b.sw.Calls())
		b.refused(sim.CodeUnknownCall, route(id, "7001"))
		require.ErrorIs(t, b.sw.HangUp(id), sim.ErrNoCall)

		id = b.call(sim.Caller{Patience: 5 * time.Second}) // while it rings
		b.do(route(id, "7001"))
		b.forget()
		b.wait(time.Minute)
		b.expect("2h0m5s EventAbandoned 7001")

		id = b.call(sim.Caller{Patience: 15 * time.Second}) // answered in time: patience ends there
		b.do(route(id, "7001"))
		b.forget()
		b.wait(time.Minute)
		b.expect("2h1m10s EventEstablished 7001")
		require.NoError(t, b.sw.HangUp(id))
		b.expect("2h2m0s EventReleased 7001")
	})
}

// Call model 5: rejected.
func TestRejected(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{})
		b.forget()
		b.do(&telephony.RequestRouteCall{ThisDN: "5000", ConnID: id, RouteType: telephony.RouteTypeCallDisconnect})
		b.expect("0s EventRouteUsed 5000 ref", "0s EventReleased 5000")
		assert.Zero(t, b.sw.Calls())
	})
}

// Call model 6: the destination does not answer, or is busy.
func TestNoAnswerAndBusy(t *testing.T) {
	rp := sim.RoutePoint{RingTimeout: 15 * time.Second}
	scenario(t, nil, rp, sim.Extension{AnswerAfter: -1}, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{})
		b.do(route(id, "7001"))
		b.forget()
		b.wait(time.Minute)
		b.expect("15s EventReleased 7001 NoAnswer", "15s EventQueued 5000", "15s EventRouteRequest 5000")

		b.do(route(id, "7002"))
		other := b.call(sim.Caller{})
		b.forget()
		re := b.refused(sim.CodeBusy, route(other, "7002"))
		assert.IsType(t, &telephony.EventError{}, re.Event)
		b.expect("1m0s EventError  ref")
		_, err := b.sw.Call("7002", sim.Caller{})
		require.ErrorIs(t, err, sim.ErrBusy)
		b.do(route(other, "5001")) // from one routing point to another
		b.expect("1m0s EventRouteUsed 5000 →5001 ref", "1m0s EventDiverted 5000 →5001", "1m0s EventQueued 5001", "1m0s EventRouteRequest 5001")
		require.NoError(t, b.sw.HangUp(id))
		require.NoError(t, b.sw.HangUp(other))
		assert.Zero(t, b.sw.Calls())
	})
}

func TestDirectCall(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{AnswerAfter: time.Second}, func(t *testing.T, b *bench) {
		id, err := b.sw.Call("7001", sim.Caller{ANI: "1"})
		require.NoError(t, err)
		b.wait(time.Second)
		b.expect("0s EventRinging 7001", "1s EventEstablished 7001")
		require.NoError(t, b.sw.Release(id))
		b.expect("1s EventReleased 7001")
	})
}

func TestUserData(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{UserData: telephony.KVList{{Key: "a", Value: telephony.String("1")}}})
		b.forget()
		pair := telephony.KVList{{Key: "a", Value: telephony.String("2")}}
		e := b.do(&telephony.RequestAttachUserData{ThisDN: "5000", ConnID: id, UserData: pair})
		before := e.(*telephony.EventAttachedDataChanged)
		assert.Equal(t, `{"a": "1", "a": "2"}`, before.UserData.String())
		e = b.do(&telephony.RequestUpdateUserData{ThisDN: "5000", ConnID: id, UserData: pair})
		assert.Equal(t, `{"a": "2"}`, e.(*telephony.EventAttachedDataChanged).UserData.String())
		assert.Equal(t, `{"a": "1", "a": "2"}`, before.UserData.String(), "an event keeps what it carried")
		e = b.do(&telephony.RequestDeletePair{ThisDN: "5000", ConnID: id, Key: "a"})
		assert.Empty(t, e.(*telephony.EventAttachedDataChanged).UserData)
		b.do(&telephony.RequestAttachUserData{ThisDN: "5000", ConnID: id, UserData: pair})
		e = b.do(&telephony.RequestDeleteUserData{ThisDN: "5000", ConnID: id})
		assert.Empty(t, e.(*telephony.EventAttachedDataChanged).UserData)
		assert.Len(t, b.forget(), 5)
	})
}

func TestLinks(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		var seen []string
		second := b.sw.Connect()
		b.wait(0)
		cancel := second.Subscribe(func(e telephony.Event) { seen = append(seen, e.String()) })
		_, err := telephony.Do(t.Context(), second, &telephony.RequestRegisterAddress{ThisDN: "5000"})
		require.NoError(t, err)
		id := b.call(sim.Caller{})
		b.do(route(id, "7001"))
		b.wait(0)
		require.Len(t, seen, 6)
		assert.Contains(t, seen[0], "EventLinkConnected")
		assert.Contains(t, seen[1], "EventRegistered")
		assert.Contains(t, seen[4], "EventRouteUsed")
		assert.NotContains(t, seen[4], "ReferenceID", "the answer belongs to the link that asked")
		assert.Contains(t, seen[5], "EventDiverted", "7001 is not registered on this link")

		_, err = telephony.Do(t.Context(), second, &telephony.RequestRegisterAddress{ThisDN: "9"})
		require.ErrorContains(t, err, "no such DN 9")
		b.wait(0)
		cancel()
		n := len(seen)
		require.NoError(t, b.sw.HangUp(id))
		b.call(sim.Caller{})
		b.wait(0)
		assert.Len(t, seen, n)
		require.NoError(t, second.Close())
		require.NoError(t, second.Close())
		_, err = telephony.Do(t.Context(), second, &telephony.RequestRegisterAddress{ThisDN: "5000"})
		require.ErrorIs(t, err, telephony.ErrClosed)
	})
}

func TestLinkLost(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		b.sw.SetConnected(false)
		b.sw.SetConnected(false)
		id := b.call(sim.Caller{})
		b.expect("0s EventLinkDisconnected")
		_, err := telephony.Do(t.Context(), b.link, route(id, "7001"))
		require.ErrorIs(t, err, telephony.ErrLinkDown)
		b.sw.SetConnected(true)
		b.expect("0s EventLinkConnected", "0s EventRegistered ref", "0s EventRegistered ref", "0s EventRegistered ref",
			"0s EventRegistered ref", "0s EventQueued 5000", "0s EventRouteRequest 5000") // the link has found the call
		b.do(route(id, "7001"))
		b.do(&telephony.RequestUnregisterAddress{ThisDN: "7001"})
		b.refused(sim.CodeUnregistered, &telephony.RequestUnregisterAddress{ThisDN: "7001"})
		b.refused(sim.CodeUnregistered, &telephony.RequestReleaseCall{ThisDN: "7001", ConnID: id})
	})
}

func TestRefusals(t *testing.T) {
	scenario(t, &sim.Options{MaxCalls: 1}, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		id := b.call(sim.Caller{})
		b.refused(sim.CodeUnknownDN, route(id, "9999"))
		b.refused(sim.CodeUnknownLocation, &telephony.RequestRouteCall{ThisDN: "5000", ConnID: id, Destination: "7001", Location: "Berlin"})
		b.refused(sim.CodeUnknownDN, &telephony.RequestRouteCall{ThisDN: "1", ConnID: id, Destination: "7001"})
		b.refused(sim.CodeNotHere, &telephony.RequestRouteCall{ThisDN: "5001", ConnID: id, Destination: "7001"})
		b.refused(sim.CodeUnknownCall, route(id+1, "7001"))
		_, err := telephony.Do(t.Context(), b.link, &telephony.RequestRouteCall{ThisDN: "5000", ConnID: id})
		var ae *telephony.AttributeError
		require.ErrorAs(t, err, &ae)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = telephony.Do(ctx, b.link, route(id, "7001"))
		require.ErrorIs(t, err, context.Canceled)

		_, err = b.sw.Call("5000", sim.Caller{})
		require.ErrorIs(t, err, sim.ErrTooManyCalls)
		_, err = b.sw.Call("1", sim.Caller{})
		require.ErrorIs(t, err, sim.ErrUnknownDN)
		_, err = b.sw.Call("5000", sim.Caller{UserData: telephony.KVList{{}}})
		require.Error(t, err)
		require.ErrorIs(t, b.sw.AddExtension("5000", sim.Extension{}), sim.ErrExists)
		require.ErrorContains(t, b.sw.AddRoutePoint("", sim.RoutePoint{}), "needs a number")
	})
}

// A receiver may make calls: it is called without locks.
func TestReceiverMayUseTheSwitch(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{AnswerAfter: time.Second}, func(t *testing.T, b *bench) {
		b.link.Subscribe(func(e telephony.Event) {
			if e, ok := e.(*telephony.EventEstablished); ok {
				assert.NoError(t, b.sw.HangUp(e.ConnID))
			}
		})
		id := b.call(sim.Caller{})
		b.do(route(id, "7001"))
		b.forget()
		b.wait(time.Second)
		b.expect("1s EventEstablished 7001", "1s EventReleased 7001")
	})
}

// Many callers at once, in real time: each call is answered once and none is
// left behind. The race detector watches.
func TestConcurrentUse(t *testing.T) {
	sw := sim.New(nil)
	require.NoError(t, sw.AddRoutePoint("5000", sim.RoutePoint{}))
	link := sw.Connect()
	var mu sync.Mutex
	events := map[string]int{}
	connected := make(chan struct{})
	link.Subscribe(func(e telephony.Event) {
		mu.Lock()
		defer mu.Unlock()
		if events[e.Name()]++; e.Name() == "EventLinkConnected" {
			close(connected)
		}
	})
	<-connected
	_, err := telephony.Do(t.Context(), link, &telephony.RequestRegisterAddress{ThisDN: "5000"})
	require.NoError(t, err)
	const callers, each = 8, 50
	var wg sync.WaitGroup
	for i := range callers {
		dn := fmt.Sprintf("70%02d", i)
		require.NoError(t, sw.AddExtension(dn, sim.Extension{}))
		_, err := telephony.Do(t.Context(), link, &telephony.RequestRegisterAddress{ThisDN: dn})
		require.NoError(t, err)
		wg.Go(func() {
			for range each {
				id, err := sw.Call("5000", sim.Caller{})
				if assert.NoError(t, err) {
					_, err = telephony.Do(context.Background(), link, route(id, dn))
					assert.NoError(t, err)
					assert.NoError(t, sw.Release(id))
				}
			}
		})
	}
	wg.Wait()
	_, err = telephony.Do(t.Context(), link, &telephony.RequestUnregisterAddress{ThisDN: "5000"})
	require.NoError(t, err) // what came before it has been delivered
	require.NoError(t, link.Close())
	assert.Zero(t, sw.Calls())
	mu.Lock()
	defer mu.Unlock()
	for _, name := range []string{"EventRouteRequest", "EventRouteUsed", "EventEstablished", "EventReleased"} {
		assert.Equal(t, callers*each, events[name], name)
	}
}
