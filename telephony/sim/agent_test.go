package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// register has the bench see further DNs.
func (b *bench) register(dns ...string) {
	b.Helper()
	for _, dn := range dns {
		b.do(&telephony.RequestRegisterAddress{ThisDN: dn})
	}
	b.forget()
}

// hire adds an agent who is logged in and ready.
func (b *bench) hire(a sim.Agent, dn string, queues ...string) {
	b.Helper()
	require.NoError(b, b.sw.AddAgent(a))
	require.NoError(b, b.sw.Login(a.ID, dn, queues...))
	require.NoError(b, b.sw.Ready(a.ID))
}

func TestAgentHandlesCall(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		b.hire(sim.Agent{ID: "ann", Handling: sim.Handling{AnswerAfter: 2 * time.Second, TalkTime: time.Minute, AfterCallWork: 10 * time.Second}}, "7001")
		b.expect("0s EventAgentLogin 7001 ann", "0s EventAgentReady 7001 ann")
		id := b.call(sim.Caller{ANI: "030"})
		b.do(route(id, "7001"))
		b.forget()
		status, err := b.sw.Agent("ann")
		require.NoError(t, err)
		assert.Equal(t, sim.AgentStatus{State: sim.AgentReady, Since: status.Since, DN: "7001", Calls: 1}, status)
		b.wait(2 * time.Minute)
		b.expect("2s EventEstablished 7001", "1m2s EventAgentAfterCallWork 7001 ann AfterCallWork", "1m2s EventReleased 7001",
			"1m12s EventAgentReady 7001 ann")

		// What he says himself ends the work; a call on hold does not begin it.
		id = b.call(sim.Caller{})
		b.do(route(id, "7001"))
		b.wait(2 * time.Second)
		require.NoError(t, b.sw.NotReady("ann", telephony.WorkModeAuxWork, telephony.KVList{{Key: "ReasonCode", Value: telephony.String("lunch")}}))
		b.forget()
		require.NoError(t, b.sw.Release(id))
		b.wait(time.Minute)
		b.expect("2m2s EventReleased 7001") // he is not ready, and stays so
		require.NoError(t, b.sw.Logout("ann"))
		b.expect("3m2s EventAgentLogout 7001 ann")
		status, err = b.sw.Agent("ann")
		require.NoError(t, err)
		assert.Equal(t, sim.AgentLoggedOut, status.State)
		assert.Equal(t, "LoggedOut", status.State.String())
	})
}

func TestAgentRefusesAndDoesNotAnswer(t *testing.T) {
	rp := sim.RoutePoint{RingTimeout: 10 * time.Second}
	scenario(t, &sim.Options{NoAnswer: sim.NoAnswerNotReady}, rp, sim.Extension{}, func(t *testing.T, b *bench) {
		answers := []sim.Handling{{AnswerAfter: 3 * time.Second, Refuse: true}, {AnswerAfter: -1}}
		b.hire(sim.Agent{ID: "ann", Handle: func(c *telephony.CallAttributes) sim.Handling {
			assert.Equal(t, "7001", c.ThisDN)
			h := answers[0]
			answers = answers[1:]
			return h
		}}, "7001")
		id := b.call(sim.Caller{})
		b.do(route(id, "7001"))
		b.forget()
		b.wait(5 * time.Second)
		b.expect("3s EventReleased 7001 Redirected", "3s EventQueued 5000", "3s EventRouteRequest 5000")
		b.do(route(id, "7001"))
		b.forget()
		b.wait(20 * time.Second)
		b.expect("15s EventAgentNotReady 7001 ann", "15s EventReleased 7001 NoAnswer", "15s EventQueued 5000", "15s EventRouteRequest 5000")

		// A call that came from nowhere ends.
		require.NoError(t, b.sw.HangUp(id))
		answers = []sim.Handling{{AnswerAfter: 3 * time.Second, Refuse: true}}
		_, err := b.sw.Call("7001", sim.Caller{ANI: "030"})
		require.NoError(t, err)
		b.forget()
		b.wait(5 * time.Second)
		b.expect("28s EventReleased 7001 Redirected")
		assert.Zero(t, b.sw.Calls())
	})
}

func TestAgentRequests(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.sw.AddAgent(sim.Agent{ID: "ann"}))
		require.NoError(t, b.sw.AddAgent(sim.Agent{ID: "bob"}))
		login := func(id, dn string) *telephony.RequestAgentLogin {
			return &telephony.RequestAgentLogin{ThisDN: dn, AgentID: id, WorkMode: telephony.WorkModeAutoIn}
		}
		b.refused(sim.CodeAgent, login("nobody", "7001"))
		b.refused(sim.CodeUnknownDN, login("ann", "5000"))
		b.refused(sim.CodeUnknownDN, &telephony.RequestAgentLogin{ThisDN: "7001", AgentID: "ann", ThisQueue: "5000"})
		b.refused(sim.CodeAgent, &telephony.RequestAgentReady{ThisDN: "7001"})
		b.forget()
		b.do(login("ann", "7001"))
		b.expect("0s EventAgentLogin 7001 ann AutoIn ref", "0s EventAgentReady 7001 ann AutoIn")
		b.refused(sim.CodeAgent, login("ann", "7002"))
		b.refused(sim.CodeAgent, login("bob", "7001"))
		b.forget()
		b.do(&telephony.RequestAgentNotReady{ThisDN: "7001", WorkMode: telephony.WorkModeAuxWork})
		b.do(&telephony.RequestAgentReady{ThisDN: "7001"})
		b.expect("0s EventAgentNotReady 7001 ann AuxWork ref", "0s EventAgentReady 7001 ann ref")
		e := b.do(&telephony.RequestQueryAddress{ThisDN: "7001"}).(*telephony.EventAddressInfo)
		assert.Equal(t, "ann", e.AgentID)
		b.forget()
		b.do(&telephony.RequestAgentLogout{ThisDN: "7001"})
		b.expect("0s EventAgentLogout 7001 ann ref")

		require.ErrorIs(t, b.sw.AddAgent(sim.Agent{ID: "ann"}), sim.ErrExists)
		require.ErrorIs(t, b.sw.Ready("ann"), sim.ErrAgentState)
		require.ErrorIs(t, b.sw.Ready("nobody"), sim.ErrUnknownAgent)
		require.ErrorIs(t, b.sw.Login("ann", "9999"), sim.ErrUnknownDN)
		require.NoError(t, b.sw.Login("ann", "7001"))
		require.ErrorIs(t, b.sw.Login("bob", "7001"), sim.ErrAgentState)
		b.forget()
		require.NoError(t, b.sw.RemoveAgent("ann"))
		b.expect("0s EventAgentLogout 7001 ann")
		require.ErrorIs(t, b.sw.RemoveAgent("ann"), sim.ErrUnknownAgent)
	})
}

func TestACDQueue(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.sw.AddACDQueue("6000", sim.ACDQueue{MaxCalls: 2, Timeout: time.Minute, Overflow: "5000", RingTimeout: 10 * time.Second}))
		require.NoError(t, b.sw.AddACDPosition("8001"))
		require.NoError(t, b.sw.AddACDPosition("8002"))
		b.register("6000", "8001", "8002")
		handling := sim.Handling{AnswerAfter: time.Second, TalkTime: 20 * time.Second}
		b.hire(sim.Agent{ID: "ann", Handling: handling}, "8001", "6000")
		b.hire(sim.Agent{ID: "bob", Handling: sim.Handling{AnswerAfter: -1}}, "8002", "6000")
		b.forget()

		call := func() telephony.ConnID {
			id, err := b.sw.Call("6000", sim.Caller{Patience: 5 * time.Minute})
			require.NoError(t, err)
			return id
		}
		// Ann is ready for longest, then Bob, who does not answer; then Ann again.
		call()
		b.expect("0s EventQueued 6000", "0s EventDiverted 6000 →8001", "0s EventRinging 8001")
		call()
		b.expect("0s EventQueued 6000", "0s EventDiverted 6000 →8002", "0s EventRinging 8002")
		b.wait(31 * time.Second)
		again := []string{"EventReleased 8002 NoAnswer", "EventQueued 6000", "EventDiverted 6000 →8002", "EventRinging 8002"}
		b.expect("1s EventEstablished 8001",
			"10s "+again[0], "10s "+again[1], "10s "+again[2], "10s "+again[3],
			"20s "+again[0], "20s "+again[1], "20s "+again[2], "20s "+again[3],
			"21s EventReleased 8001",
			"30s "+again[0], "30s "+again[1], "30s EventDiverted 6000 →8001", "30s EventRinging 8001", "31s EventEstablished 8001")
	})
}

func TestACDQueueOverflows(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.sw.AddACDQueue("6000", sim.ACDQueue{MaxCalls: 2, Timeout: time.Minute, Overflow: "5000"}))
		require.NoError(t, b.sw.AddACDPosition("8001"))
		b.register("6000", "8001")
		first, err := b.sw.Call("6000", sim.Caller{})
		require.NoError(t, err)
		_, err = b.sw.Call("6000", sim.Caller{Patience: 30 * time.Second})
		require.NoError(t, err)
		_, err = b.sw.Call("6000", sim.Caller{})
		require.ErrorIs(t, err, sim.ErrBusy)
		id := b.call(sim.Caller{})
		b.refused(sim.CodeQueueFull, route(id, "6000"))
		require.NoError(t, b.sw.HangUp(id))
		b.forget()
		b.wait(2 * time.Minute)
		b.expect("30s EventAbandoned 6000", "1m0s EventDiverted 6000 →5000 Overflowed", "1m0s EventQueued 5000", "1m0s EventRouteRequest 5000")
		b.do(route(first, "6000"))
		b.forget()
		b.hire(sim.Agent{ID: "ann"}, "8001", "6000")
		b.expect("2m0s EventAgentLogin 8001 ann", "2m0s EventAgentReady 8001 ann", "2m0s EventDiverted 6000 →8001",
			"2m0s EventRinging 8001", "2m0s EventEstablished 8001")
		require.NoError(t, b.sw.HangUp(first))
		assert.Zero(t, b.sw.Calls())
	})
}

func TestCallBack(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		b.call(sim.Caller{Patience: 10 * time.Second, CallBack: time.Minute, Retries: 1})
		b.wait(time.Hour)
		b.expect("0s EventQueued 5000", "0s EventRouteRequest 5000", "10s EventAbandoned 5000",
			"1m10s EventQueued 5000", "1m10s EventRouteRequest 5000", "1m20s EventAbandoned 5000")
	})
}

func TestVirtualQueue(t *testing.T) {
	scenario(t, nil, sim.RoutePoint{}, sim.Extension{}, func(t *testing.T, b *bench) {
		require.NoError(t, b.sw.AddVirtualQueue("VQ1"))
		b.register("VQ1")
		id := b.call(sim.Caller{})
		b.refused(sim.CodeUnknownDN, route(id, "VQ1"))
		b.forget()
		b.do(&telephony.RequestDistributeEvent{EventName: "EventQueued", CallAttributes: telephony.CallAttributes{
			ConnID: id, ThisDN: "VQ1", ThisQueue: "VQ1", CallType: telephony.CallTypeInbound}})
		b.expect("0s EventAck ref", "0s EventQueued VQ1")
		b.do(&telephony.RequestSendUserEvent{ThisDN: "VQ1", UserData: telephony.KVList{{Key: "a", Value: telephony.Int(1)}}})
		b.expect("0s EventAck ref", "0s EventUserEvent VQ1")
		b.refused(sim.CodeUnknownDN, &telephony.RequestSendUserEvent{ThisDN: "VQ2"})
	})
}
