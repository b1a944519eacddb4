package sim

import (
	"math/rand/v2"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// Fate is what becomes of one message on its way from a server to one client. The
// zero value: it arrives.
type Fate struct {
	// Lost messages do not arrive.
	Lost bool
	// Copies is how many further times it arrives.
	Copies int
	// Delay is how much later it arrives, or its copies where there are any: what is
	// sent meanwhile overtakes it.
	Delay time.Duration
}

// SetFate has a function decide on every message that the server sends from now on; nil:
// all of them arrive. It is called with locks held: it must be quick and must not call the
// switch. Whether a message is an answer is told by its reference id.
//
// Faults at a time are set by the clock:
//
//	clock.AfterFunc(time.Minute, func() { server.SetFate(…) })
//	clock.AfterFunc(time.Hour, func() { sw.SwitchOver() })
func (s *Server) SetFate(decide func(telephony.Event) Fate) {
	s.sw.mu.Lock()
	defer s.sw.mu.Unlock()
	s.fate = decide
}

// Disturbances are how often something goes wrong with messages: parts of all of them, 0
// to 1.
type Disturbances struct {
	LostAnswers  float64      // answers to requests that do not arrive
	LateAnswers  float64      // answers that come after Late
	TwiceAnswers float64      // answers that come twice, the second time after Late
	TwiceEvents  float64      // other events that come twice, the second time after Late
	LateEvents   float64      // other events that come after Late: out of order
	Late         Distribution // nil: at once
}

// Decide makes a function for Server.SetFate that draws from r, which nobody else may
// use at the same time. Events of the server itself (Link…) always arrive.
func (d Disturbances) Decide(r *rand.Rand) func(telephony.Event) Fate {
	return func(e telephony.Event) Fate {
		switch e.(type) {
		case *telephony.EventLinkConnected, *telephony.EventLinkDisconnected:
			return Fate{}
		}
		lost, late, twice := d.LostAnswers, d.LateAnswers, d.TwiceAnswers
		if e.Header().ReferenceID == 0 {
			lost, late, twice = 0, d.LateEvents, d.TwiceEvents
		}
		switch x := r.Float64(); {
		case x < lost:
			return Fate{Lost: true}
		case x < lost+late:
			return Fate{Delay: d.Late.draw(r)}
		case x < lost+late+twice:
			return Fate{Copies: 1, Delay: d.Late.draw(r)}
		}
		return Fate{}
	}
}
