package telephony_test

import (
	"fmt"
	"time"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// A program that routes every call at 5000 to 7001, and survives the loss of its link.
func ExampleOpen() {
	clock := session.NewVirtualClock(time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC))
	sw := sim.New(&sim.Options{Clock: clock})
	fmt.Println(sw.AddRoutePoint("5000", sim.RoutePoint{}), sw.AddExtension("7001", sim.Extension{AnswerAfter: 2 * time.Second}))

	link, err := telephony.Open(sw, []telephony.Endpoint{{Name: "sim"}}, &telephony.LinkOptions{Clock: clock})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer link.Close()
	link.Subscribe(func(e telephony.Event) {
		switch e := e.(type) {
		case *telephony.EventLinkConnected:
			for _, dn := range []string{"5000", "7001"} {
				link.Send(&telephony.RequestRegisterAddress{ThisDN: dn}, nil)
			}
		case *telephony.EventRouteRequest:
			link.Send(&telephony.RequestRouteCall{ThisDN: e.ThisDN, ConnID: e.ConnID, Destination: "7001"}, func(_ telephony.Event, err error) {
				fmt.Println("routed:", err)
			})
		case *telephony.EventEstablished, *telephony.EventReleased, *telephony.EventLinkDisconnected:
			fmt.Println(e.Name(), "synthetic:", e.Header().Synthetic)
		}
	})
	clock.Advance(time.Second)
	call, err := sw.Call("5000", sim.Caller{ANI: "+49 30 1"})
	fmt.Println(call, err)
	clock.Advance(5 * time.Second)

	// The caller hangs up while nobody can tell us.
	sw.SetConnected(false)
	fmt.Println(sw.HangUp(call))
	clock.Advance(time.Minute)
	sw.SetConnected(true)
	clock.Advance(time.Minute)
	// Output:
	// <nil> <nil>
	// EventLinkDisconnected synthetic: false
	// 0001000000000001 <nil>
	// routed: <nil>
	// EventEstablished synthetic: false
	// <nil>
	// EventLinkDisconnected synthetic: false
	// EventReleased synthetic: true
}
