package telephony_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/session"
	. "github.com/seed-ff723688/ors/telephony"
)

// FuzzClient lets servers and users do anything in any order, as the bytes say: every request
// has one outcome, no route request is told twice while the call waits, and nothing is left
// after Close.
func FuzzClient(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x40\x41\x80\x81\xc0\xff"))
	f.Add([]byte{0, 0, 0, 10, 1, 11, 1, 2, 0, 3, 5, 4, 6, 5, 9, 5, 12, 0, 9, 1, 1, 13, 30, 0, 0})
	f.Add([]byte{16, 3, 0, 10, 1, 0, 1, 1, 5, 2, 14, 0, 15, 5, 3, 7, 4, 8, 1, 6, 3, 12, 12, 13, 255, 1, 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) < 2 || len(script) > 4096 {
			return
		}
		runScript(t, script)
	})
}

// The same for programs at random, of which each run has others.
func TestAnythingInAnyOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 400 {
		program := make([]byte, 2+r.IntN(1000))
		for i := range program {
			program[i] = byte(r.Uint32())
		}
		if runScript(t, program); t.Failed() {
			t.Fatalf("the program is %q", program)
		}
	}
}

func runScript(t *testing.T, program []byte) {
	clock := session.NewVirtualClock(time.Unix(0, 0))
	s := &script{clock: clock, start: clock.Now(), caps: allCapabilities}
	dns := []string{"5000", "5001", "7001"}
	state := map[string]PartyState{}
	calls := map[string][]ConnID{}
	next := func() byte {
		if len(program) == 0 {
			return 0
		}
		b := program[0]
		program = program[1:]
		return b
	}
	mode := next()
	s.answers = func(c *scriptConn, ref int, req Request) {
		if mode&4 != 0 && ref%3 == 0 {
			return // lost
		}
		obliging(calls, state)(c, ref, req)
	}
	client, err := Open(s, []Endpoint{{Name: "A", ADDP: ADDP{Timeout: time.Second}}, {Name: "B"}},
		&LinkOptions{Clock: clock, Standby: Standby(mode & 1), MaxOutstanding: 3, MaxQueued: 5, MaxParties: 6, Random: func() float64 { return 0.5 }})
	require.NoError(t, err)
	waiting := map[string]bool{}
	client.Subscribe(func(e Event) {
		require.NoError(t, e.Validate(), "%v", e)
		if _, ok := e.(*EventUnregistered); ok {
			clear(waiting) // what is known of the calls there is forgotten
		}
		a, ok := CallOf(e)
		if !ok || mode&2 != 0 { // with MaxParties, what is too much passes unchecked
			return
		}
		key := fmt.Sprint(a.ConnID, a.ThisDN)
		switch e.(type) {
		case *EventRouteRequest:
			assert.False(t, waiting[key], "told twice: %v", e)
			waiting[key] = true
		case *EventQueued, *EventRouteUsed, *EventDiverted, *EventAbandoned, *EventReleased, *EventRinging, *EventEstablished, *EventHeld:
			delete(waiting, key)
		case *EventPartyChanged:
			delete(waiting, key)
			delete(waiting, fmt.Sprint(a.PreviousConnID, a.ThisDN))
		}
	})
	ids := ConnID(2)
	if mode&2 != 0 {
		ids = 9
	}
	outcomes := map[int]int{}
	sent := 0
	send := func(req Request) {
		n := sent
		sent++
		client.Send(req, func(Event, error) { outcomes[n]++ })
	}
	for len(program) > 0 {
		op, arg := next(), next()
		dn := dns[int(arg)%len(dns)]
		var c *scriptConn
		if len(s.conns) > 0 {
			c = s.conns[max(0, len(s.conns)-1-int(arg>>6))]
		}
		header := EventHeader{Sequence: uint64(arg>>4) * uint64(op&1)}
		a := CallAttributes{ConnID: 1 + ConnID(arg>>2)%ids, CallType: CallTypeInbound, ThisDN: dn, ThisQueue: dn}
		switch op >> 1 % 20 {
		case 0, 1:
			c.up()
		case 2:
			c.h.Lost(errors.New("script"))
		case 3:
			c.h.Role(ServerRole(arg % 3))
		case 4:
			send(&RequestRegisterAddress{ThisDN: dn, RegisterMode: RegisterMode(arg >> 7)})
		case 5:
			send(&RequestRouteCall{ThisDN: dn, ConnID: 1, Destination: "1"})
		case 6:
			clock.Advance(time.Duration(arg) * 100 * time.Millisecond)
		case 7:
			c.h.Event(&EventQueued{EventHeader: header, CallAttributes: a})
		case 8:
			c.h.Event(&EventRouteRequest{EventHeader: header, CallAttributes: a})
		case 9:
			c.h.Event(&EventDiverted{EventHeader: header, CallAttributes: a})
		case 10:
			c.h.Event(&EventEstablished{EventHeader: header, CallAttributes: a})
		case 11:
			a.PreviousConnID = 1 + ConnID(arg>>3)%ids
			c.h.Event(&EventPartyChanged{EventHeader: header, CallAttributes: a})
		case 12:
			c.h.Event(&EventLinkDisconnected{})
		case 13:
			c.h.Event(&EventRouteUsed{EventHeader: EventHeader{ReferenceID: int(arg >> 2)}, CallAttributes: a})
		case 14:
			c.busy = !c.busy
			c.h.Writable()
		case 15:
			send(&RequestUnregisterAddress{ThisDN: dn})
		case 16:
			state[fmt.Sprintf("%x@%s", uint64(a.ConnID), dn)] = PartyState(op>>1) % (PartyStateHeld + 1)
			calls[dn] = append(calls[dn][:min(len(calls[dn]), 3)], a.ConnID)
		case 17:
			c.h.Event(&EventAbandoned{EventHeader: header, CallAttributes: a})
		case 18:
			c.broken = errors.New("script")
		case 19:
			clock.Advance(0)
		}
	}
	clock.Advance(20 * time.Second)
	require.NoError(t, client.Close())
	clock.Advance(0)
	for n := range sent {
		require.Equal(t, 1, outcomes[n], "outcome of request %d", n)
	}
	_, pending := clock.Next()
	require.False(t, pending, "a timer is left")
	for _, c := range s.conns {
		require.NotZero(t, c.closed)
	}
}
