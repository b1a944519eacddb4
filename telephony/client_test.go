package telephony_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
	. "github.com/seed-ff723688/ors/telephony"
)

const allCapabilities = CanMonitor | CanRoute | CanTreat | CanAttach | CanMakeCall | CanControl | CanTransfer | CanConference |
	CanQuery | CanAgent | CanNotify | CanInteract

// script is a driver that does what a test says.
type script struct {
	clock   *session.VirtualClock
	start   time.Time
	caps    Capabilities
	refuse  error // of Dial
	dialled []string
	conns   []*scriptConn
	answers func(c *scriptConn, ref int, req Request) // called by the clock, for every request
}

type scriptConn struct {
	s      *script
	e      Endpoint
	h      Handler
	busy   bool
	broken error
	closed int
	pings  int
	sent   []string // "ref request"
}

func (s *script) Capabilities() Capabilities { return s.caps }

func (s *script) Dial(e Endpoint, h Handler) (Conn, error) {
	s.dialled = append(s.dialled, fmt.Sprintf("%s %s", s.clock.Now().Sub(s.start), e.Name))
	if s.refuse != nil {
		return nil, s.refuse
	}
	c := &scriptConn{s: s, e: e, h: h}
	s.conns = append(s.conns, c)
	return c, nil
}

func (c *scriptConn) Send(ref int, req Request) error {
	switch {
	case c.broken != nil:
		return c.broken
	case c.busy:
		return ErrBusy
	}
	c.sent = append(c.sent, fmt.Sprintf("%d %s", ref, req))
	if c.s.answers != nil {
		c.s.clock.AfterFunc(0, func() { c.s.answers(c, ref, req) })
	}
	return nil
}

func (c *scriptConn) Ping()  { c.pings++ }
func (c *scriptConn) Close() { c.closed++ }

// take returns what has been sent since the last time.
func (c *scriptConn) take() []string {
	sent := c.sent
	c.sent = nil
	return sent
}

func (c *scriptConn) up() {
	c.h.Opened(ConnInfo{Server: c.e.Name})
	c.h.Event(&EventLinkConnected{})
}

// rig is a Client over a script, and what it hands over.
type rig struct {
	testing.TB
	*script
	client *Client
	log    []string
}

func newRig(t *testing.T, names string, o LinkOptions) *rig {
	t.Helper()
	start := time.Unix(0, 0).UTC()
	clock := session.NewVirtualClock(start)
	r := &rig{TB: t, script: &script{clock: clock, start: start, caps: allCapabilities}}
	o.Clock = clock
	if o.Random == nil {
		o.Random = func() float64 { return 0 }
	}
	var endpoints []Endpoint
	for name := range strings.FieldsSeq(names) {
		endpoints = append(endpoints, Endpoint{Name: name, ADDP: ADDP{Timeout: 0}})
	}
	client, err := Open(r.script, endpoints, &o)
	require.NoError(t, err)
	r.client = client
	client.Subscribe(r.receive)
	clock.Advance(0)
	r.expect("EventLinkDisconnected")
	t.Cleanup(func() {
		require.NoError(t, client.Close())
		require.NoError(t, client.Close())
		assert.Equal(t, LinkClosed, client.State())
		clock.Advance(0)
		_, pending := clock.Next()
		assert.False(t, pending, "a timer is left")
		for i, c := range r.conns {
			assert.NotZero(t, c.closed, "connection %d is not closed", i)
		}
	})
	return r
}

func (r *rig) receive(e Event) {
	s := strings.TrimPrefix(e.Name(), "Event ")
	h := e.Header()
	if h.ReferenceID != 0 {
		s += fmt.Sprintf(" ref=%d", h.ReferenceID)
	}
	if a, ok := CallOf(e); ok {
		s += fmt.Sprintf(" %x@%s", uint64(a.ConnID), a.ThisDN)
		if a.ThirdPartyDN != "" {
			s += ">" + a.ThirdPartyDN
		}
		if a.UserData != nil {
			s += " " + a.UserData.String()
		}
		if a.Cause != "" {
			s += " " + a.Cause
		}
	}
	if h.Synthetic {
		s += " synthetic"
	}
	r.log = append(r.log, s)
}

// send sends a request whose outcome goes into the log.
func (r *rig) send(req Request) {
	r.client.Send(req, func(e Event, err error) {
		if err != nil {
			r.log = append(r.log, "- "+err.Error())
		} else {
			r.log = append(r.log, "- "+e.Name())
		}
	})
}

// expect lets things happen, without time going by, and compares the log.
func (r *rig) expect(want ...string) {
	r.Helper()
	r.clock.Advance(0)
	if want == nil {
		want = []string{}
	}
	assert.Equal(r, want, append([]string{}, r.log...))
	r.log = nil
}

func (r *rig) last() *scriptConn { return r.conns[len(r.conns)-1] }

func at(id ConnID, dn string) CallAttributes {
	return CallAttributes{ConnID: id, CallType: CallTypeInbound, ThisDN: dn, ThisQueue: dn}
}

func register(dn string) Request { return &RequestRegisterAddress{ThisDN: dn} }

func route(id ConnID) Request {
	return &RequestRouteCall{ThisDN: "5000", ConnID: id, Destination: "7001"}
}

// obliging answers registrations and queries; others are for the test to answer.
func obliging(calls map[string][]ConnID, states map[string]PartyState) func(*scriptConn, int, Request) {
	return func(c *scriptConn, ref int, req Request) {
		h := EventHeader{ReferenceID: ref}
		switch req := req.(type) {
		case *RequestRegisterAddress:
			c.h.Event(&EventRegistered{EventHeader: h, ThisDN: req.ThisDN})
		case *RequestUnregisterAddress:
			c.h.Event(&EventUnregistered{EventHeader: h, ThisDN: req.ThisDN})
		case *RequestQueryAddress:
			c.h.Event(&EventAddressInfo{EventHeader: h, ThisDN: req.ThisDN,
				Extensions: KVList{{Key: CallsKey, Value: CallsValue(calls[req.ThisDN])}}})
		case *RequestQueryCall:
			a := at(req.ConnID, req.ThisDN)
			a.UserData = KVList{{Key: "n", Value: Int(1)}}
			c.h.Event(&EventPartyInfo{EventHeader: h, CallAttributes: a,
				PartyState: states[fmt.Sprintf("%x@%s", uint64(req.ConnID), req.ThisDN)]})
		}
	}
}

func TestRequestsAndAnswers(t *testing.T) {
	r := newRig(t, "A", LinkOptions{})
	assert.Equal(t, LinkConnecting, r.client.State())
	r.send(route(1))
	r.expect("- telephony: link to the switch is down")
	c := r.last()
	c.h.Opened(ConnInfo{Server: "ts", Capabilities: CanMonitor | CanRoute | CanControl})
	r.expect("EventServerConnected")
	assert.Equal(t, LinkServerConnected, r.client.State())
	assert.Equal(t, CanMonitor|CanRoute|CanControl, r.client.Capabilities())
	r.send(route(1))
	r.expect("- telephony: link to the switch is down")
	c.h.Event(&EventLinkConnected{})
	c.h.Event(&EventLinkConnected{})
	r.expect("EventLinkConnected")
	assert.Equal(t, LinkConnected, r.client.State())

	r.send(route(1))
	r.send(&RequestHoldCall{ThisDN: "7001", ConnID: 1})
	r.send(&RequestRouteCall{})
	r.send(&RequestMakeCall{ThisDN: "1", Destination: "2"})
	r.client.Send(&RequestMakeCall{ThisDN: "1", Destination: "2"}, func(_ Event, err error) { require.ErrorIs(t, err, ErrUnsupported) })
	assert.Equal(t, []string{
		"1 RequestRouteCall ThisDN=5000 ConnID=0000000000000001 Destination=7001", "2 RequestHoldCall ThisDN=7001 ConnID=0000000000000001",
	}, c.take())
	r.expect("- telephony: RequestRouteCall: attribute ThisDN is missing",
		"- telephony: request is not supported by the link: RequestMakeCall needs MakeCall, the link can Monitor|Route|Control")
	c.h.Event(&EventError{EventHeader: EventHeader{ReferenceID: 2}, ErrorCode: 4, ErrorMessage: "not now"})
	c.h.Event(&EventRouteUsed{EventHeader: EventHeader{ReferenceID: 1}, CallAttributes: at(1, "5000")})
	r.expect("- telephony: RequestHoldCall refused: not now (code 4)", "EventError ref=2 0@",
		"- EventRouteUsed", "EventRouteUsed ref=1 1@5000")

	// What a server ought not to send.
	r.send(route(2))
	c.h.Event(&EventRouteUsed{EventHeader: EventHeader{ReferenceID: 3}})
	c.h.Event(&EventRinging{})
	c.h.Event(nil)
	c.h.Event(&EventError{EventHeader: EventHeader{ReferenceID: 77}, ErrorCode: 1})
	c.h.Event(&EventServerConnected{})
	c.h.Opened(ConnInfo{})
	r.expect("- telephony: the answer is not valid: telephony: EventRouteUsed: attribute ConnID is missing")

	// A request without an outcome is fine, and so is a subscriber that goes.
	r.client.Send(&RequestAnswerCall{ThisDN: "7001", ConnID: 1}, nil)
	var more []string
	cancel := r.client.Subscribe(func(e Event) { more = append(more, e.Name()) })
	r.clock.Advance(0)
	c.h.Event(&EventRinging{CallAttributes: at(1, "7001")})
	cancel()
	c.h.Event(&EventEstablished{CallAttributes: at(1, "7001")})
	r.expect("EventRinging 1@7001", "EventEstablished 1@7001")
	assert.Equal(t, []string{"EventLinkConnected", "EventRinging"}, more)
}

func TestReconnect(t *testing.T) {
	r := newRig(t, "A", LinkOptions{})
	r.answers = obliging(nil, nil)
	c := r.last()
	c.up()
	r.expect("EventServerConnected", "EventLinkConnected")
	r.send(register("5000"))
	r.send(register("7001"))
	r.send(register("5000")) // the same once more waits for the first
	r.expect("- EventRegistered", "EventRegistered ref=1", "- EventRegistered", "- EventRegistered", "EventRegistered ref=2")
	r.send(register("5000"))
	assert.Len(t, c.take(), 4, "two registrations and two queries")
	r.expect("- EventRegistered")

	// The connection is lost with a request under way.
	r.send(route(1))
	c.h.Lost(errors.New("reset by peer"))
	c.h.Event(&EventRinging{CallAttributes: at(1, "7001")})
	r.expect("- telephony: link to the switch is down", "EventLinkDisconnected", "EventServerDisconnected")
	assert.Equal(t, LinkConnecting, r.client.State())
	assert.Len(t, r.conns, 1)
	r.clock.Advance(time.Second)
	require.Len(t, r.conns, 2)
	c = r.last()
	c.h.Opened(ConnInfo{})
	r.expect("EventServerConnected")
	assert.Empty(t, c.take(), "nothing is registered before the server has its switch")
	c.h.Event(&EventLinkConnected{})
	assert.Equal(t, []string{"6 RequestRegisterAddress ThisDN=5000", "7 RequestRegisterAddress ThisDN=7001"}, c.take())
	r.send(register("5000")) // as programs do that register at each EventLinkConnected
	r.expect("EventLinkConnected", "EventRegistered ref=6", "- EventRegistered", "EventRegistered ref=7")
	c.take()

	// The server loses its switch, and finds it again. One DN is gone by then.
	r.answers = func(c *scriptConn, ref int, req Request) {
		if req.String() == "RequestRegisterAddress ThisDN=7001" {
			c.h.Event(&EventError{EventHeader: EventHeader{ReferenceID: ref}, ErrorMessage: "no such DN"})
			return
		}
		obliging(nil, nil)(c, ref, req)
	}
	r.send(route(1))
	c.h.Event(&EventLinkDisconnected{})
	r.expect("EventLinkDisconnected", "- telephony: link to the switch is down")
	assert.Equal(t, LinkServerConnected, r.client.State())
	c.take()
	c.h.Event(&EventLinkConnected{})
	r.expect("EventLinkConnected", "EventRegistered ref=11", "EventUnregistered synthetic")

	// What the user has ended is not begun again.
	r.send(&RequestUnregisterAddress{ThisDN: "5000"})
	r.expect("- EventUnregistered", "EventUnregistered ref=14")
	c.h.Event(&EventLinkDisconnected{})
	c.take()
	c.h.Event(&EventLinkConnected{})
	r.expect("EventLinkDisconnected", "EventLinkConnected", "EventUnregistered synthetic")
	assert.Equal(t, []string{"15 RequestRegisterAddress ThisDN=7001"}, c.take())
}

func TestRegistrationIsRepeatedUntilItIsAnswered(t *testing.T) {
	r := newRig(t, "A", LinkOptions{RequestTimeout: time.Second})
	c := r.last()
	c.up()
	r.answers = obliging(nil, nil)
	r.send(register("5000"))
	r.clock.Advance(0)
	r.answers = nil
	c.h.Event(&EventLinkDisconnected{})
	c.h.Event(&EventLinkConnected{})
	r.clock.Advance(2 * time.Second)
	assert.Equal(t, []string{"1 RequestRegisterAddress ThisDN=5000", "2 RequestQueryAddress ThisDN=5000", "3 RequestRegisterAddress ThisDN=5000",
		"4 RequestRegisterAddress ThisDN=5000", "5 RequestRegisterAddress ThisDN=5000"}, c.take())
	r.log = nil
}

func TestBackOff(t *testing.T) {
	random := []float64{0, 0.5, 0, 0, 1, 0}
	r := newRig(t, "A", LinkOptions{ReconnectMin: time.Second, ReconnectMax: 5 * time.Second, DialTimeout: 3 * time.Second, Random: func() float64 {
		f := random[0]
		random = append(random[1:], 0)
		return f
	}})
	r.refuse = errors.New("no route to host")
	r.clock.Advance(3 * time.Second) // the first attempt gets no answer at all
	r.clock.Advance(12 * time.Second)
	assert.Equal(t, []string{"0s A", "4s A", "5.5s A", "9.5s A", "14.5s A"}, r.dialled, "1 s, 2 s less a quarter, 4 s, 5 s")
	r.refuse = nil
	r.clock.Advance(3 * time.Second)
	r.last().up()
	assert.Equal(t, "17s A", r.dialled[5], "5 s less a half")
	r.clock.Advance(time.Minute)
	r.last().h.Lost(errors.New("reset by peer"))
	r.clock.Advance(0)
	assert.Equal(t, "1m18s A", r.dialled[6], "a connection that has lasted is made again at once")
}

func TestWarmStandby(t *testing.T) {
	r := newRig(t, "A B", LinkOptions{ReconnectMin: time.Second})
	r.answers = obliging(nil, nil)
	r.last().h.Lost(errors.New("refused"))
	r.clock.Advance(0)
	require.Len(t, r.conns, 2)
	r.last().h.Opened(ConnInfo{Server: "B", Role: ServerRoleBackup})
	r.clock.Advance(0)
	assert.Equal(t, 1, r.last().closed, "the backup serves nobody")
	assert.Equal(t, LinkConnecting, r.client.State())
	r.clock.Advance(time.Second)
	assert.Equal(t, []string{"0s A", "0s B", "1s A"}, r.dialled)
	r.expect()
	a := r.last()
	a.h.Opened(ConnInfo{Server: "A", Role: ServerRolePrimary})
	a.h.Event(&EventLinkConnected{})
	r.expect("EventServerConnected", "EventLinkConnected")
	r.send(register("5000"))
	r.clock.Advance(time.Minute)
	r.log = nil

	a.h.Role(ServerRoleBackup)
	r.clock.Advance(0)
	assert.Equal(t, "1m1s A", r.dialled[3], "the same server is tried first, because it was up for long")
	r.last().h.Lost(errors.New("refused"))
	r.clock.Advance(0)
	assert.Equal(t, "1m1s B", r.dialled[4])
	r.last().up()
	assert.Equal(t, []string{"3 RequestRegisterAddress ThisDN=5000"}, r.last().take())
	r.expect("EventLinkDisconnected", "EventServerDisconnected", "EventServerConnected", "EventPrimaryChanged", "EventLinkConnected",
		"EventRegistered ref=3")
}

func TestTimeOut(t *testing.T) {
	r := newRig(t, "A", LinkOptions{RequestTimeout: time.Second, Timeout: func(req Request) time.Duration {
		if _, slow := req.(*RequestMakeCall); slow {
			return 3 * time.Second
		}
		return 0
	}})
	c := r.last()
	c.up()
	r.clock.Advance(0)
	r.log = nil
	r.client.Send(route(1), func(e Event, err error) {
		require.ErrorIs(t, err, ErrTimeout)
		assert.Nil(t, e)
	})
	r.send(&RequestMakeCall{ThisDN: "7001", Destination: "7002"})
	r.send(route(2))
	r.send(&RequestPull{InteractionID: "i"})
	r.send(&RequestDeliver{InteractionID: "i", AgentID: "a"})
	r.send(&RequestTransferInteraction{InteractionID: "i", PlaceID: "p", AgentID: "a"})
	r.send(&RequestConferenceInteraction{InteractionID: "i", PlaceID: "p", AgentID: "a"})
	r.clock.Advance(2 * time.Second)
	r.expect("- telephony: the switch has not answered in time: RequestRouteCall within 1s",
		"- telephony: the switch has not answered in time: RequestPull within 1s")
	// What comes too late is an event like others.
	c.h.Event(&EventRouteUsed{EventHeader: EventHeader{ReferenceID: 1}, CallAttributes: at(1, "5000")})
	c.h.Event(&EventError{EventHeader: EventHeader{ReferenceID: 3}, ErrorCode: 1})
	r.expect("EventRouteUsed 1@5000")
	r.clock.Advance(time.Second)
	r.expect("- telephony: the switch has not answered in time: RequestMakeCall within 3s")
	r.clock.Advance(5 * time.Minute)
	r.expect("- telephony: the switch has not answered in time: RequestDeliver within 5m0s",
		"- telephony: the switch has not answered in time: RequestTransferInteraction within 5m0s",
		"- telephony: the switch has not answered in time: RequestConferenceInteraction within 5m0s")
}

func TestBackPressure(t *testing.T) {
	r := newRig(t, "A", LinkOptions{MaxOutstanding: 2, MaxQueued: 2, RequestTimeout: time.Second})
	c := r.last()
	c.up()
	r.clock.Advance(0)
	r.log = nil
	for id := range ConnID(5) {
		r.send(route(id + 1))
	}
	r.expect("- telephony: too many requests wait to be sent")
	require.Len(t, c.take(), 2)
	c.h.Event(&EventRouteUsed{EventHeader: EventHeader{ReferenceID: 1}, CallAttributes: at(1, "5000")})
	assert.Equal(t, []string{"3 RequestRouteCall ThisDN=5000 ConnID=0000000000000003 Destination=7001"}, c.take())
	r.expect("- EventRouteUsed", "EventRouteUsed ref=1 1@5000")

	// The driver has no room: the request is sent when there is some.
	c.busy = true
	c.h.Event(&EventRouteUsed{EventHeader: EventHeader{ReferenceID: 2}, CallAttributes: at(2, "5000")})
	assert.Empty(t, c.take())
	r.send(route(6))
	c.busy = false
	c.h.Writable()
	assert.Equal(t, []string{"4 RequestRouteCall ThisDN=5000 ConnID=0000000000000004 Destination=7001"}, c.take())
	r.expect("- EventRouteUsed", "EventRouteUsed ref=2 2@5000")

	// A time-out makes room for the next ones.
	r.clock.Advance(500 * time.Millisecond)
	r.send(route(7))
	r.clock.Advance(500 * time.Millisecond)
	assert.Len(t, r.log, 3)
	assert.Equal(t, "6 RequestRouteCall ThisDN=5000 ConnID=0000000000000007 Destination=7001", c.sent[len(c.sent)-1])
	r.log = nil

	// A driver that cannot send any more has lost its connection.
	c.broken = errors.New("broken pipe")
	r.send(route(8))
	r.expect("- telephony: link to the switch is down", "- telephony: link to the switch is down", "EventLinkDisconnected", "EventServerDisconnected")
}

func TestADDP(t *testing.T) {
	clock := session.NewVirtualClock(time.Unix(0, 0))
	s := &script{clock: clock, start: clock.Now(), caps: allCapabilities}
	client, err := Open(s, []Endpoint{{Name: "A", ADDP: ADDP{Timeout: 10 * time.Second, Trace: ADDPTraceFull}}}, &LinkOptions{Clock: clock})
	require.NoError(t, err)
	defer client.Close()
	c := s.conns[0]
	c.up()
	clock.Advance(9 * time.Second)
	assert.Zero(t, c.pings)
	clock.Advance(time.Second)
	assert.Equal(t, 1, c.pings, "silence of the time-out is followed by a poll")
	clock.Advance(5 * time.Second)
	c.h.Alive()
	clock.Advance(9 * time.Second)
	assert.Equal(t, 1, c.pings)
	c.h.Event(&EventDNDOn{ThisDN: "7001"}) // events count as well
	clock.Advance(10 * time.Second)
	assert.Equal(t, 2, c.pings)
	clock.Advance(9 * time.Second)
	assert.Equal(t, LinkConnected, client.State())
	clock.Advance(time.Second)
	assert.Equal(t, LinkConnecting, client.State(), "twice the time-out")
	assert.Equal(t, 1, c.closed)
}

func TestOpenRefuses(t *testing.T) {
	s := &script{clock: session.NewVirtualClock(time.Unix(0, 0))}
	a := []Endpoint{{Name: "A"}}
	for want, f := range map[string]func() (*Client, error){
		"needs an endpoint":                func() (*Client, error) { return Open(s, nil, nil) },
		"needs a driver":                   func() (*Client, error) { return Open(nil, a, nil) },
		"RequestTimeout is negative: -1ns": func() (*Client, error) { return Open(s, a, &LinkOptions{RequestTimeout: -1}) },
		"MaxQueued is negative: -1":        func() (*Client, error) { return Open(s, a, &LinkOptions{MaxQueued: -1}) },
		"ReconnectMin 2s is more than ReconnectMax 1s": func() (*Client, error) {
			return Open(s, a, &LinkOptions{ReconnectMin: 2 * time.Second, ReconnectMax: time.Second})
		},
		"Standby is Standby(7)": func() (*Client, error) { return Open(s, a, &LinkOptions{Standby: 7}) },
		"endpoint 1, A (host): an ADDP time-out is negative": func() (*Client, error) {
			return Open(s, []Endpoint{{Name: "A", Address: "host", ADDP: ADDP{Timeout: -1}}}, nil)
		},
	} {
		_, err := f()
		assert.ErrorContains(t, err, want)
	}
}
