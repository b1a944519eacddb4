package telephony_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
	. "github.com/seed-ff723688/ors/telephony"
)

// numbered is an event that the server has counted.
func numbered(n uint64, e Event) Event {
	e.Header().Sequence = n
	return e
}

// hot is a rig with a primary A and a backup B, with 5000 and 7001 registered on both.
func hot(t *testing.T, answers func(*scriptConn, int, Request)) (r *rig, a, b *scriptConn) {
	t.Helper()
	r = newRig(t, "A B", LinkOptions{Standby: StandbyHot})
	r.answers = answers
	require.Len(t, r.conns, 2)
	a, b = r.conns[0], r.conns[1]
	b.h.Opened(ConnInfo{Server: "B", Role: ServerRoleBackup})
	b.h.Event(&EventLinkConnected{})
	assert.Equal(t, LinkConnecting, r.client.State(), "a backup is no connection")
	a.h.Opened(ConnInfo{Server: "A", Role: ServerRolePrimary})
	a.h.Event(&EventLinkConnected{})
	r.send(register("5000"))
	r.send(register("7001"))
	r.clock.Advance(0)
	assert.Contains(t, cutNumbers(b.take()), "RequestRegisterAddress ThisDN=7001", "registered on the backup too")
	a.take()
	r.log = nil
	return r, a, b
}

func cutNumbers(sent []string) []string {
	cut := make([]string, len(sent))
	for i, s := range sent {
		for j := range s {
			if s[j] == ' ' {
				cut[i] = s[j+1:]
				break
			}
		}
	}
	return cut
}

func TestHotStandby(t *testing.T) {
	calls := map[string][]ConnID{"5000": {1, 2}}
	states := map[string]PartyState{"1@5000": PartyStateRouting, "2@5000": PartyStateRouting}
	r, a, b := hot(t, obliging(nil, nil))
	// A route request that comes by both servers is told once.
	wants := func(id ConnID) Event {
		attrs := at(id, "5000")
		attrs.UserData = KVList{{Key: "n", Value: Int(1)}}
		return &EventRouteRequest{CallAttributes: attrs}
	}
	a.h.Event(numbered(1, wants(1)))
	b.h.Event(numbered(1, wants(1)))
	r.expect(`EventRouteRequest 1@5000 {"n": 1}`)

	// The primary dies with a request under way and an event that only the backup has sent.
	r.send(route(1))
	b.h.Event(numbered(2, wants(2)))
	r.answers = obliging(calls, states)
	a.h.Lost(errors.New("reset by peer"))
	r.expect("- telephony: link to the switch is down", "EventLinkDisconnected", "EventServerDisconnected")
	assert.Equal(t, LinkConnecting, r.client.State())
	b.h.Role(ServerRolePrimary)
	b.h.Event(numbered(1, wants(1))) // the new primary repeats itself
	b.h.Event(numbered(2, wants(2)))
	b.h.Event(wants(1)) // even without a number
	r.expect("EventServerConnected", "EventPrimaryChanged", "EventLinkConnected", `EventRouteRequest 2@5000 {"n": 1}`)
	assert.Equal(t, LinkConnected, r.client.State())
	assert.Equal(t, []string{"RequestQueryAddress ThisDN=5000", "RequestQueryAddress ThisDN=7001",
		"RequestQueryCall ThisDN=5000 ConnID=0000000000000001", "RequestQueryCall ThisDN=5000 ConnID=0000000000000002"},
		cutNumbers(b.take()), "nothing is registered again, but asked for")

	// Requests go to the new primary; the old one comes back as the backup.
	r.send(route(1))
	assert.Len(t, b.take(), 1)
	r.clock.Advance(time.Second)
	require.Len(t, r.conns, 3)
	a = r.last()
	a.h.Opened(ConnInfo{Server: "A", Role: ServerRoleBackup})
	a.h.Event(&EventLinkConnected{})
	r.expect()
	assert.Equal(t, []string{"RequestRegisterAddress ThisDN=5000", "RequestRegisterAddress ThisDN=7001"}, cutNumbers(a.take()))

	// A switch-over on purpose: the roles change and nobody is lost.
	a.h.Role(ServerRolePrimary)
	assert.Equal(t, LinkConnected, r.client.State())
	b.h.Role(ServerRoleBackup)
	r.expect("EventLinkDisconnected", "- telephony: link to the switch is down", "EventServerDisconnected", "EventServerConnected",
		"EventPrimaryChanged", "EventLinkConnected")
	b.h.Event(&EventRouteUsed{CallAttributes: at(1, "5000")})
	r.expect()
	a.h.Event(numbered(3, &EventRouteUsed{CallAttributes: at(1, "5000")}))
	a.h.Event(numbered(4, &EventDiverted{CallAttributes: at(1, "5000")}))
	a.h.Event(numbered(1, wants(1)))
	r.expect("EventRouteUsed 1@5000", "EventDiverted 1@5000")
	r.send(&RequestUnregisterAddress{ThisDN: "7001"})
	r.expect("- EventUnregistered", "EventUnregistered ref="+last(a))
	assert.Contains(t, cutNumbers(b.take()), "RequestUnregisterAddress ThisDN=7001")
}

func last(c *scriptConn) string {
	s := c.sent[len(c.sent)-1]
	for i := range s {
		if s[i] == ' ' {
			return s[:i]
		}
	}
	return s
}

// Many events of a backup are kept, and no more.
func TestBackupThatTakesOverLate(t *testing.T) {
	r, a, b := hot(t, obliging(nil, nil))
	for n := range uint64(3000) {
		b.h.Event(numbered(n+1, &EventAttachedDataChanged{CallAttributes: at(1, "5000")}))
	}
	a.h.Lost(errors.New("reset by peer"))
	b.h.Role(ServerRolePrimary)
	r.clock.Advance(0)
	told := 0
	for _, s := range r.log {
		if s == "EventAttachedDataChanged 1@5000" {
			told++
		}
	}
	assert.Greater(t, told, 700)
	assert.LessOrEqual(t, told, 1024)
	r.log = nil
}

func TestResynchronisation(t *testing.T) {
	r := newRig(t, "A", LinkOptions{})
	r.answers = obliging(nil, nil)
	c := r.last()
	c.up()
	for _, dn := range []string{"5000", "7001", "7002"} {
		r.send(register(dn))
	}
	r.clock.Advance(0)
	data := func(id ConnID, dn string) CallAttributes {
		a := at(id, dn)
		a.UserData = KVList{{Key: "n", Value: Int(1)}}
		return a
	}
	for id := ConnID(1); id <= 4; id++ {
		c.h.Event(&EventQueued{CallAttributes: data(id, "5000")})
		c.h.Event(&EventRouteRequest{CallAttributes: data(id, "5000")})
	}
	c.h.Event(&EventEstablished{CallAttributes: data(5, "7001")})
	c.h.Event(&EventEstablished{CallAttributes: data(6, "7002")})
	c.h.Event(&EventEstablished{CallAttributes: at(7, "7002")})
	c.h.Event(&EventHeld{CallAttributes: data(8, "7002")})
	c.h.Event(&EventQueued{CallAttributes: data(9, "5000")})
	r.clock.Advance(0)
	r.log = nil

	// Meanwhile 1 goes on waiting, 2 has hung up, 3 rings at 7001, 4 was routed to where we do
	// not see; 5 is over; 6 is on hold; the data of 7 have changed; 8 was retrieved; 9 wants a
	// route; 10 is new; 11 has come to an agent and waits on hold; of 12 nothing is known any more.
	r.answers = obliging(
		map[string][]ConnID{"5000": {1, 4, 9, 10, 9}, "7001": {3, 11, 12}, "7002": {6, 7, 8}},
		map[string]PartyState{"1@5000": PartyStateTreatment, "4@5000": PartyStateNull, "9@5000": PartyStateRouting, "a@5000": PartyStateRouting,
			"3@7001": PartyStateAlerting, "b@7001": PartyStateHeld, "6@7002": PartyStateHeld, "7@7002": PartyStateConnected, "8@7002": PartyStateConnected})
	c.h.Lost(errors.New("reset by peer"))
	r.clock.Advance(time.Second)
	r.log = nil
	r.last().up()
	r.clock.Advance(0)
	var told []string
	for _, s := range r.log {
		if s != "EventServerConnected" && s != "EventLinkConnected" && s[:len("EventReg")] != "EventReg" {
			told = append(told, s)
		}
	}
	r.log = nil
	assert.Equal(t, []string{
		`EventRouteRequest 9@5000 {"n": 1} synthetic`,
		`EventQueued a@5000 {"n": 1} synthetic`,
		`EventRouteRequest a@5000 {"n": 1} synthetic`,
		`EventRinging 3@7001 {"n": 1} synthetic`,
		`EventEstablished b@7001 {"n": 1} synthetic`,
		`EventHeld b@7001 {"n": 1} synthetic`,
		`EventHeld 6@7002 {"n": 1} synthetic`,
		`EventAttachedDataChanged 7@7002 {"n": 1} synthetic`,
		`EventRetrieved 8@7002 {"n": 1} synthetic`,
		`EventAbandoned 2@5000 {"n": 1} resynchronised synthetic`,
		`EventDiverted 3@5000>7001 {"n": 1} resynchronised synthetic`,
		`EventReleased 5@7001 {"n": 1} resynchronised synthetic`,
		`EventAbandoned 4@5000 {"n": 1} resynchronised synthetic`,
	}, told)
}

// What happens while the server is being asked is newer than what is missing in its lists.
func TestEventsDuringResynchronisation(t *testing.T) {
	r := newRig(t, "A", LinkOptions{})
	r.answers = obliging(nil, nil)
	r.last().up()
	r.send(register("5000"))
	r.clock.Advance(0)
	r.last().h.Event(&EventQueued{CallAttributes: at(1, "5000")})
	r.last().h.Event(&EventQueued{CallAttributes: at(2, "5000")})
	r.answers = nil
	r.last().h.Event(&EventLinkDisconnected{})
	r.last().h.Event(&EventLinkConnected{})
	r.clock.Advance(0)
	r.log = nil
	c := r.last()
	// The server has the list in its answer; call 1 is not in it, and is queued once more.
	registered := &EventRegistered{EventHeader: EventHeader{ReferenceID: 3}, ThisDN: "5000",
		Extensions: KVList{{Key: CallsKey, Value: CallsValue([]ConnID{2})}}}
	c.h.Event(registered)
	c.h.Event(&EventRouteRequest{CallAttributes: at(1, "5000")})
	r.expect("EventRegistered ref=3", "EventRouteRequest 1@5000")
	assert.Equal(t, "4 RequestQueryCall ThisDN=5000 ConnID=0000000000000002", c.sent[len(c.sent)-1])
	c.h.Event(&EventError{EventHeader: EventHeader{ReferenceID: 4}, ErrorMessage: "no such call"})
	r.expect()
}

func TestDuplicatesAndLateEvents(t *testing.T) {
	r := newRig(t, "A", LinkOptions{})
	c := r.last()
	c.up()
	r.clock.Advance(0)
	r.log = nil
	with := func(id ConnID, dn, data string) CallAttributes {
		a := at(id, dn)
		a.UserData = KVList{{Key: "v", Value: String(data)}}
		return a
	}
	tell := func(n uint64, e Event) { c.h.Event(numbered(n, e)) }

	// Counted events: 20 to 29 in disorder.
	tell(20, &EventQueued{CallAttributes: with(1, "5000", "a")})
	tell(20, &EventQueued{CallAttributes: with(1, "5000", "a")})
	tell(23, &EventAttachedDataChanged{CallAttributes: with(1, "5000", "c")})
	tell(22, &EventAttachedDataChanged{CallAttributes: with(1, "5000", "b")})
	tell(21, &EventRouteRequest{CallAttributes: with(1, "5000", "a")}) // late, but not over: with the data of 23
	tell(23, &EventAttachedDataChanged{CallAttributes: with(1, "5000", "c")})
	tell(26, &EventEstablished{CallAttributes: with(1, "7001", "c")})
	tell(25, &EventRinging{CallAttributes: with(1, "7001", "c")}) // over
	tell(24, &EventDiverted{CallAttributes: with(1, "5000", "c")})
	tell(24, &EventDiverted{CallAttributes: with(1, "5000", "c")})
	tell(21, &EventRouteRequest{CallAttributes: with(1, "5000", "a")})
	tell(27, &EventReleased{CallAttributes: with(1, "7001", "c")})
	tell(26, &EventEstablished{CallAttributes: with(1, "7001", "c")})
	r.expect(`EventQueued 1@5000 {"v": "a"}`, `EventAttachedDataChanged 1@5000 {"v": "c"}`, `EventAttachedDataChanged 1@5000 {"v": "c"}`,
		`EventRouteRequest 1@5000 {"v": "c"}`, `EventEstablished 1@7001 {"v": "c"}`, `EventDiverted 1@5000 {"v": "c"}`, `EventReleased 1@7001 {"v": "c"}`)

	// The same without numbers: by what is known of the party.
	for range 2 {
		c.h.Event(&EventQueued{CallAttributes: at(2, "5000")})
		c.h.Event(&EventRouteRequest{CallAttributes: at(2, "5000")})
		c.h.Event(&EventRouteRequest{CallAttributes: at(2, "5000")})
		c.h.Event(&EventQueued{CallAttributes: at(2, "5000")})
		c.h.Event(&EventDiverted{CallAttributes: at(2, "5000")})
		c.h.Event(&EventRinging{CallAttributes: at(2, "7001")})
		c.h.Event(&EventRinging{CallAttributes: at(2, "7001")})
		c.h.Event(&EventReleased{CallAttributes: at(2, "7001")}) // no answer: it comes back to 5000
	}
	round := []string{"EventQueued 2@5000", "EventRouteRequest 2@5000", "EventDiverted 2@5000", "EventRinging 2@7001", "EventReleased 2@7001"}
	r.expect(append(round, round...)...)

	// A merged call goes on under its new ConnID.
	c.h.Event(&EventEstablished{CallAttributes: at(4, "7001")})
	c.h.Event(&EventPartyChanged{CallAttributes: CallAttributes{ConnID: 3, PreviousConnID: 4, ThisDN: "7001"}})
	c.h.Event(&EventEstablished{CallAttributes: at(3, "7001")})
	c.h.Event(&EventReleased{CallAttributes: at(3, "7001")})
	r.expect("EventEstablished 4@7001", "EventPartyChanged 3@7001", "EventReleased 3@7001")

	// Agents and interactions.
	agent := AgentAttributes{ThisDN: "7001", AgentID: "a"}
	tell(40, &EventAgentReady{AgentAttributes: agent})
	tell(39, &EventAgentNotReady{AgentAttributes: agent})
	tell(41, &EventAgentNotReady{AgentAttributes: agent})
	i := InteractionEvent{Type: InteractionPresent, Interaction: Interaction{ID: "i1"}}
	tell(42, &EventInteraction{InteractionEvent: i})
	tell(42, &EventInteraction{InteractionEvent: i})
	tell(1, &EventDNDOn{ThisDN: "7001"})
	r.expect("EventAgentReady", "EventAgentNotReady", "EventInteraction", "EventDNDOn")
}

func TestMaxPartiesBoundsWhatIsKept(t *testing.T) {
	r := newRig(t, "A", LinkOptions{MaxParties: 2})
	r.last().up()
	r.clock.Advance(0)
	r.log = nil
	for range 2 {
		for id := ConnID(1); id <= 3; id++ {
			r.last().h.Event(&EventQueued{CallAttributes: at(id, "5000")})
		}
	}
	r.expect("EventQueued 1@5000", "EventQueued 2@5000", "EventQueued 3@5000", "EventQueued 3@5000")
}

func TestInteractionsOfALink(t *testing.T) {
	r := newRig(t, "A", LinkOptions{})
	c := r.last()
	c.up()
	r.clock.Advance(0)
	r.log = nil
	server := Interactions(r.client)
	var got []string
	cancel := server.Subscribe(func(e InteractionEvent) { got = append(got, e.String()) })
	note := func(i Interaction, err error) {
		if err != nil {
			got = append(got, err.Error())
		} else {
			got = append(got, i.ID)
		}
	}
	server.Send(&RequestPull{InteractionID: "i1"}, note)
	server.Send(&RequestPull{InteractionID: "i2"}, note)
	server.Send(&RequestPull{InteractionID: "i3"}, note)
	server.Send(&RequestPull{InteractionID: "i4"}, nil)
	c.h.Event(&EventAck{EventHeader: EventHeader{ReferenceID: 1}, Interaction: Interaction{ID: "i1"}})
	c.h.Event(&EventError{EventHeader: EventHeader{ReferenceID: 2}, ErrorMessage: "no such interaction"})
	c.h.Event(&EventDNDOn{EventHeader: EventHeader{ReferenceID: 3}, ThisDN: "1"})
	c.h.Event(&EventAck{EventHeader: EventHeader{ReferenceID: 4}})
	c.h.Event(&EventInteraction{InteractionEvent: InteractionEvent{Type: InteractionStopped, Interaction: Interaction{ID: "i1"}}})
	r.clock.Advance(0)
	cancel()
	assert.Equal(t, []string{"i1", "telephony: RequestPull refused: no such interaction (code 0)",
		"telephony: RequestPull was answered with EventDNDOn, want EventAck", "InteractionStopped ID=i1"}, got)
	r.log = nil
}

func TestClose(t *testing.T) {
	clock := session.NewVirtualClock(time.Unix(0, 0))
	s := &script{clock: clock, start: clock.Now(), caps: allCapabilities}
	client, err := Open(s, []Endpoint{{Name: "A", ADDP: ADDP{Timeout: time.Second}}}, &LinkOptions{Clock: clock, MaxOutstanding: 1})
	require.NoError(t, err)
	s.conns[0].up()
	clock.Advance(0)
	var errs []error
	for range 3 {
		client.Send(route(1), func(_ Event, err error) { errs = append(errs, err) })
	}
	events := 0
	client.Subscribe(func(Event) { events++ })
	require.NoError(t, client.Close())
	require.NoError(t, client.Close())
	s.conns[0].h.Event(&EventRinging{CallAttributes: at(1, "7001")})
	s.conns[0].h.Lost(errors.New("late"))
	client.Send(route(1), func(_ Event, err error) { errs = append(errs, err) })
	client.Subscribe(func(Event) { events++ })()
	clock.Advance(time.Hour)
	assert.Equal(t, []error{ErrClosed, ErrClosed, ErrClosed, ErrClosed}, errs)
	assert.Zero(t, events)
	assert.Len(t, s.conns, 1)
	_, pending := clock.Next()
	assert.False(t, pending)
}

// storm is a driver that answers from goroutines, and loses connections.
type storm struct{ accepted atomic.Int64 }

type stormConn struct {
	h      Handler
	inbox  chan int
	once   sync.Once
	closed chan struct{}
}

func (s *storm) Capabilities() Capabilities { return allCapabilities }

func (s *storm) Dial(_ Endpoint, h Handler) (Conn, error) {
	c := &stormConn{h: h, inbox: make(chan int, 8), closed: make(chan struct{})}
	go func() {
		h.Opened(ConnInfo{})
		h.Event(&EventLinkConnected{})
		for range 200 {
			select {
			case ref := <-c.inbox:
				s.accepted.Add(1)
				h.Event(&EventRouteUsed{EventHeader: EventHeader{ReferenceID: ref}, CallAttributes: at(ConnID(ref), "5000")})
				h.Writable()
			case <-c.closed:
				return
			}
		}
		h.Lost(errors.New("enough"))
	}()
	return c, nil
}

func (c *stormConn) Send(ref int, _ Request) error {
	select {
	case c.inbox <- ref:
		return nil
	default:
		return ErrBusy
	}
}

func (c *stormConn) Ping()  { go c.h.Alive() }
func (c *stormConn) Close() { c.once.Do(func() { close(c.closed) }) }

// A receiver that is slow slows the driver down, and gets everything in order.
func TestSlowReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &echo{}
		client, err := Open(d, []Endpoint{{Name: "A"}}, nil)
		require.NoError(t, err)
		d.h.Opened(ConnInfo{})
		d.h.Event(&EventLinkConnected{})
		synctest.Wait()
		open := make(chan struct{})
		var got []ConnID
		client.Subscribe(func(e Event) { // called by the clock, first
			<-open
			if a, ok := CallOf(e); ok {
				got = append(got, a.ConnID)
			}
		})
		var told atomic.Int64
		go func() {
			for id := range ConnID(5000) {
				d.h.Event(&EventRinging{CallAttributes: at(id+1, "7001")})
				told.Add(1)
			}
		}()
		synctest.Wait()
		assert.Less(t, told.Load(), int64(1200))
		close(open)
		synctest.Wait()
		require.Len(t, got, 5000)
		for i, id := range got {
			require.EqualValues(t, i+1, id)
		}
		require.NoError(t, client.Close())
	})
}

// Every request has exactly one outcome, whatever happens.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &storm{}
		random := rand.New(rand.NewPCG(1, 2))
		client, err := Open(s, []Endpoint{{Name: "A", ADDP: ADDP{Timeout: time.Second}}, {Name: "B"}},
			&LinkOptions{MaxOutstanding: 20, MaxQueued: 50, Random: random.Float64})
		require.NoError(t, err)
		var events atomic.Int64
		client.Subscribe(func(Event) { events.Add(1) })
		synctest.Wait()
		outcomes := make([]atomic.Int64, 8*500)
		var sum [4]atomic.Int64
		var done sync.WaitGroup
		for g := range 8 {
			done.Go(func() {
				for i := range 500 {
					n := &outcomes[g*500+i]
					client.Send(route(ConnID(i+1)), func(_ Event, err error) {
						n.Add(1)
						switch {
						case err == nil:
							sum[0].Add(1)
						case errors.Is(err, ErrLinkDown):
							sum[1].Add(1)
						case errors.Is(err, ErrOverload):
							sum[2].Add(1)
						default:
							sum[3].Add(1)
						}
					})
					if i%20 == 0 {
						<-time.After(100 * time.Millisecond)
					}
				}
			})
		}
		done.Wait()
		<-time.After(time.Minute)
		require.NoError(t, client.Close())
		synctest.Wait()
		for i := range outcomes {
			require.EqualValues(t, 1, outcomes[i].Load(), "request %d", i)
		}
		t.Logf("%d confirmed, %d link down, %d overload; %d events", sum[0].Load(), sum[1].Load(), sum[2].Load(), events.Load())
		assert.Zero(t, sum[3].Load())
		assert.Positive(t, sum[0].Load())
		assert.Positive(t, sum[1].Load())
	})
}
