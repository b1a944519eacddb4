package telephony_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	. "github.com/seed-ff723688/ors/telephony"
)

// A server that cannot be asked leaves it open what has become of calls. The Client says so.
func TestServerThatCannotTell(t *testing.T) {
	r := newRig(t, "A", LinkOptions{})
	r.answers = obliging(nil, nil)
	c := r.last()
	c.h.Opened(ConnInfo{Capabilities: CanMonitor})
	c.h.Event(&EventLinkConnected{})
	r.send(register("5000"))
	r.send(register("7001"))
	r.clock.Advance(0)
	c.h.Event(&EventQueued{CallAttributes: at(1, "5000")})
	c.h.Event(&EventRouteRequest{CallAttributes: at(1, "5000")})
	c.h.Event(&EventEstablished{CallAttributes: at(2, "7001")})
	c.h.Event(&EventEstablished{CallAttributes: at(3, "7001")})
	r.clock.Advance(0)
	r.log = nil
	c.take()
	r.send(&RequestRegisterAddress{ThisDN: "7001", RegisterMode: ModeMonitor}) // in another way, with the link up
	r.expect("- EventRegistered", "EventRegistered ref=3")
	c.take()

	r.answers = nil
	c.h.Event(&EventLinkDisconnected{})
	c.h.Event(&EventLinkConnected{})
	r.expect("EventLinkDisconnected", "EventLinkConnected")
	c.h.Event(&EventHeld{CallAttributes: at(3, "7001")}) // this one is there
	for ref, dn := range []string{"5000", "7001"} {
		c.h.Event(&EventRegistered{EventHeader: EventHeader{ReferenceID: 4 + ref}, ThisDN: dn})
	}
	r.clock.Advance(time.Minute)
	r.expect("EventHeld 3@7001", "EventRegistered ref=4", "EventPartyInfo 1@5000 resynchronised synthetic",
		"EventRegistered ref=5", "EventPartyInfo 2@7001 resynchronised synthetic")
	assert.Equal(t, []string{"RequestRegisterAddress ThisDN=5000", "RequestRegisterAddress ThisDN=7001 RegisterMode=Monitor"}, cutNumbers(c.take()))

	// What comes of them later is told.
	c.h.Event(&EventRouteRequest{CallAttributes: at(1, "5000")}) // a repeat
	c.h.Event(&EventAbandoned{CallAttributes: at(1, "5000")})
	c.h.Event(&EventReleased{CallAttributes: at(2, "7001")})
	r.expect("EventAbandoned 1@5000", "EventReleased 2@7001")
}

// The backup of a hot pair has kept what happened, if the servers number it: nothing is in
// doubt then.
func TestBackupThatCannotTell(t *testing.T) {
	for n, want := range map[uint64][]string{1: nil, 0: {"EventPartyInfo 1@7001 resynchronised synthetic"}} {
		r := newRig(t, "A B", LinkOptions{Standby: StandbyHot})
		r.answers = obliging(nil, nil)
		a, b := r.conns[0], r.conns[1]
		for _, c := range r.conns {
			role := ServerRolePrimary
			if c == b {
				role = ServerRoleBackup
			}
			c.h.Opened(ConnInfo{Server: c.e.Name, Role: role, Capabilities: CanMonitor})
			c.h.Event(&EventLinkConnected{})
		}
		r.send(register("7001"))
		r.clock.Advance(0)
		a.h.Event(numbered(n, &EventEstablished{CallAttributes: at(1, "7001")}))
		r.clock.Advance(0)
		r.log = nil
		a.h.Lost(errors.New("reset by peer"))
		b.h.Role(ServerRolePrimary)
		r.expect(append([]string{"EventLinkDisconnected", "EventServerDisconnected", "EventServerConnected", "EventPrimaryChanged",
			"EventLinkConnected"}, want...)...)
	}
}

func TestEventsThatComeTooLate(t *testing.T) {
	r := newRig(t, "A", LinkOptions{})
	c := r.last()
	c.up()
	r.clock.Advance(0)
	r.log = nil
	tell := func(n uint64, e Event) { c.h.Event(numbered(n, e)) }
	added := func(id ConnID, dn, other string) Event {
		a := at(id, dn)
		a.OtherDN = other
		return &EventPartyAdded{CallAttributes: a}
	}

	// The one who is said to be added has left the conference meanwhile; another has not.
	tell(1, &EventEstablished{CallAttributes: at(1, "7001")})
	tell(3, &EventRinging{CallAttributes: at(1, "7002")})
	tell(5, &EventReleased{CallAttributes: at(1, "7002")})
	tell(2, added(1, "7001", "7002"))
	tell(4, added(1, "7001", "7003"))
	tell(6, added(1, "7001", "7002")) // once more
	r.expect("EventEstablished 1@7001", "EventRinging 1@7002", "EventReleased 1@7002", "EventPartyAdded 1@7001", "EventPartyAdded 1@7001")

	// Events under the ConnID that a call had before it was merged into another one.
	tell(10, &EventDialing{CallAttributes: at(3, "7004")})
	tell(12, &EventPartyChanged{CallAttributes: CallAttributes{ConnID: 2, PreviousConnID: 3, ThisDN: "7004"}})
	tell(11, &EventEstablished{CallAttributes: at(3, "7004")})
	tell(13, &EventEstablished{CallAttributes: at(2, "7004")})
	tell(14, &EventReleased{CallAttributes: at(2, "7004")})
	tell(15, &EventRinging{CallAttributes: at(3, "7004")}) // a call of this name in our time
	r.expect("EventDialing 3@7004", "EventPartyChanged 2@7004", "EventEstablished 2@7004", "EventReleased 2@7004", "EventRinging 3@7004")
}

// An answer of the resynchronisation that is older than an event brings no call back and
// changes none.
func TestAnswersThatComeTooLate(t *testing.T) {
	r := newRig(t, "A", LinkOptions{})
	r.answers = obliging(nil, nil)
	c := r.last()
	c.up()
	r.send(register("7001"))
	r.clock.Advance(0)
	c.h.Event(&EventLinkDisconnected{})
	r.answers = obliging(map[string][]ConnID{"7001": {1, 2, 3}}, nil)
	obliges := r.answers
	var questions []int
	r.answers = func(c *scriptConn, ref int, req Request) {
		if _, late := req.(*RequestQueryCall); late {
			questions = append(questions, ref)
			return
		}
		obliges(c, ref, req)
	}
	c.h.Event(&EventLinkConnected{})
	r.clock.Advance(0)
	r.log = nil
	assert.Len(t, questions, 3)
	c.h.Event(numbered(5, &EventEstablished{CallAttributes: at(1, "7001")}))
	c.h.Event(numbered(6, &EventReleased{CallAttributes: at(1, "7001")}))
	c.h.Event(numbered(8, &EventEstablished{CallAttributes: at(2, "7001")}))
	r.expect("EventEstablished 1@7001", "EventReleased 1@7001", "EventEstablished 2@7001")
	for i, ref := range questions {
		c.h.Event(numbered(4, &EventPartyInfo{EventHeader: EventHeader{ReferenceID: ref}, CallAttributes: at(ConnID(i+1), "7001"),
			PartyState: PartyStateAlerting}))
	}
	r.expect("EventRinging 3@7001 synthetic")
}

// A question whose answer is lost is asked again; after the third time what was at the DN is
// in doubt.
func TestQuestionsAreRepeated(t *testing.T) {
	r := newRig(t, "A", LinkOptions{RequestTimeout: time.Second})
	r.answers = obliging(nil, nil)
	c := r.last()
	c.up()
	r.send(register("5000"))
	r.send(register("7001"))
	r.clock.Advance(0)
	c.h.Event(&EventEstablished{CallAttributes: at(1, "5000")})
	c.h.Event(&EventEstablished{CallAttributes: at(2, "7001")})
	c.h.Event(&EventEstablished{CallAttributes: at(3, "7001")})
	r.clock.Advance(0)
	asked := map[string]int{}
	obliges := obliging(map[string][]ConnID{"7001": {2}}, map[string]PartyState{"2@7001": PartyStateHeld})
	r.answers = func(c *scriptConn, ref int, req Request) {
		asked[req.String()]++
		if _, registers := req.(*RequestRegisterAddress); registers || asked[req.String()] == 3 && req.String() != "RequestQueryAddress ThisDN=5000" {
			obliges(c, ref, req)
		}
	}
	c.h.Event(&EventLinkDisconnected{})
	c.h.Event(&EventLinkConnected{})
	r.clock.Advance(0)
	r.log = nil
	r.clock.Advance(time.Minute)
	r.expect("EventPartyInfo 1@5000 resynchronised synthetic", `EventHeld 2@7001 {"n": 1} synthetic`, "EventReleased 3@7001 resynchronised synthetic")
	assert.Equal(t, map[string]int{"RequestRegisterAddress ThisDN=5000": 1, "RequestRegisterAddress ThisDN=7001": 1,
		"RequestQueryAddress ThisDN=5000": 3, "RequestQueryAddress ThisDN=7001": 3, "RequestQueryCall ThisDN=7001 ConnID=0000000000000002": 3}, asked)
}

// A registration whose confirmation was lost holds at the server, which refuses a second one. The
// Client gives it up and registers again, on the link that is in use and on that of the backup,
// so that it learns what is at the DN. A refusal that has another reason stands.
func TestConfirmationOfRegistrationIsLost(t *testing.T) {
	r := newRig(t, "A B", LinkOptions{Standby: StandbyHot, RequestTimeout: time.Second})
	state := AgentStateReady
	var sequence uint64
	type key struct {
		c  *scriptConn
		dn string
	}
	held, lose := map[key]bool{}, map[key]bool{}
	r.answers = func(c *scriptConn, ref int, req Request) {
		sequence++
		h := EventHeader{ReferenceID: ref, Sequence: sequence}
		switch req := req.(type) {
		case *RequestRegisterAddress:
			k := key{c, req.ThisDN}
			if held[k] || req.ThisDN == "9999" && !lose[k] {
				c.h.Event(&EventError{EventHeader: h, ErrorCode: 1, ErrorMessage: "no"})
				return
			}
			held[k] = req.ThisDN != "9999"
			if lose[k] {
				delete(lose, k)
				return
			}
			var l KVList
			l.Add(CallsKey, CallsValue(nil))
			l.Add(AgentKey, AgentValue("ann", "", state))
			c.h.Event(&EventRegistered{EventHeader: h, ThisDN: req.ThisDN, Extensions: l})
		case *RequestUnregisterAddress:
			k := key{c, req.ThisDN}
			if !held[k] {
				c.h.Event(&EventError{EventHeader: h, ErrorCode: 2, ErrorMessage: "not registered"})
				return
			}
			delete(held, k)
			c.h.Event(&EventUnregistered{EventHeader: h, ThisDN: req.ThisDN})
		}
	}
	a, b := r.conns[0], r.conns[1]
	for _, c := range r.conns {
		role := ServerRolePrimary
		if c == b {
			role = ServerRoleBackup
		}
		c.h.Opened(ConnInfo{Server: c.e.Name, Role: role, Capabilities: CanMonitor | CanQuery})
		c.h.Event(&EventLinkConnected{})
	}
	r.expect("EventServerConnected", "EventLinkConnected")
	r.send(register("7001"))
	r.expect("- EventRegistered", "EventRegistered ref=1", "EventAgentLogin synthetic", "EventAgentReady synthetic")

	// The link in use, after the loss of the switch.
	registers, gives := "RequestRegisterAddress ThisDN=7001", "RequestUnregisterAddress ThisDN=7001"
	a.h.Event(&EventLinkDisconnected{})
	clear(held)
	state, lose[key{a, "7001"}] = AgentStateLoggedOut, true
	a.take()
	a.h.Event(&EventLinkConnected{})
	r.expect("EventLinkDisconnected", "EventLinkConnected")
	r.clock.Advance(time.Second)
	r.expect("EventRegistered ref=6", "EventAgentLogout synthetic")
	assert.Equal(t, []string{registers, registers, gives, registers}, cutNumbers(a.take()))

	// What the server tells late of the registration that was given up changes nothing.
	a.h.Event(numbered(1, &EventUnregistered{ThisDN: "7001"}))
	r.expect()

	// That of the backup, which is in use afterwards.
	b.h.Event(&EventLinkDisconnected{})
	clear(held)
	state, lose[key{b, "7001"}] = AgentStateNotReady, true
	b.take()
	b.h.Event(&EventLinkConnected{})
	r.clock.Advance(time.Minute)
	assert.Equal(t, []string{registers}, cutNumbers(b.take()))
	a.h.Lost(errors.New("reset by peer"))
	b.h.Role(ServerRolePrimary)
	r.expect("EventLinkDisconnected", "EventServerDisconnected", "EventServerConnected", "EventPrimaryChanged", "EventLinkConnected",
		"EventRegistered ref=10", "EventAgentLogin synthetic")
	assert.Equal(t, []string{registers, gives, registers}, cutNumbers(b.take()))

	// A refusal after a time-out that has another reason, told to the program.
	lose[key{b, "9999"}] = true
	r.send(register("9999"))
	r.clock.Advance(time.Second)
	r.log = nil
	delete(lose, key{b, "9999"})
	r.send(register("9999"))
	r.expect("- telephony: RequestRegisterAddress refused: no (code 1)", "EventError ref=14 0@")

	// The loss of the switch ends registrations: nothing is to be given up then.
	lose[key{b, "9999"}] = true
	r.send(register("9999"))
	r.clock.Advance(time.Second)
	b.h.Event(&EventLinkDisconnected{})
	clear(held)
	clear(lose)
	b.h.Event(&EventLinkConnected{})
	r.clock.Advance(0)
	b.take()
	r.send(register("9999"))
	r.clock.Advance(0)
	assert.Equal(t, []string{"RequestRegisterAddress ThisDN=9999"}, cutNumbers(b.take()))
}
