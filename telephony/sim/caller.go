package sim

import (
	"fmt"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// Caller is somebody who dials in.
type Caller struct {
	ANI  string // number of the caller; may be empty
	DNIS string // number dialled; default the DN that is called
	// Patience is the time after which the caller hangs up unless an agent has
	// answered; 0: never.
	Patience time.Duration
	UserData telephony.KVList
	// Keys is what the caller keys when a treatment collects digits (KeyInTurn for
	// one); nil: nothing, and treatments do not wait for it. It must be quick and must not call the switch.
	Keys func(*telephony.RequestApplyTreatment) Keying
	// CallBack is the time after which a caller who has given up waiting dials
	// again, as a new call, and Retries how many times he does so.
	CallBack time.Duration
	Retries  int
}

// Call lets a caller dial dn, a routing point, a queue or an extension, and returns the
// ConnID of the new call.
func (s *Switch) Call(dn string, c Caller) (telephony.ConnID, error) {
	if err := c.UserData.Validate(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if no := s.destination(dn); no != nil {
		if no.code == CodeUnknownDN {
			return 0, fmt.Errorf("%w: %s", ErrUnknownDN, dn)
		}
		return 0, fmt.Errorf("%w: %s", ErrBusy, dn)
	}
	if len(s.calls) >= s.maxCalls {
		return 0, fmt.Errorf("%w: %d", ErrTooManyCalls, s.maxCalls)
	}
	if c.DNIS == "" {
		c.DNIS = dn
	}
	k := s.newCall(telephony.CallTypeInbound, c.ANI, c.DNIS, c.UserData)
	k.outside, k.keys = true, c.Keys
	if c.Retries > 0 {
		k.again = func() {
			c.Retries--
			s.clock.AfterFunc(c.CallBack, func() {
				if _, err := s.Call(dn, c); err != nil {
					s.logger.Debug("caller does not get through", "ani", c.ANI, "dn", dn, "error", err)
				}
			})
		}
	}
	k.waits = c.Patience
	k.goTo(dn)
	return k.conn, nil
}

// HangUp lets the one who began a call hang up: the caller from outside, or the
// extension that dialled.
func (s *Switch) HangUp(id telephony.ConnID) error {
	return s.with(id, (*call).hangUp)
}

// Release lets the agent of a ringing or established call hang up: the one that
// joined it last.
func (s *Switch) Release(id telephony.ConnID) error {
	return s.with(id, (*call).releaseAgent)
}

func (s *Switch) with(id telephony.ConnID, f func(*call)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.calls[id]
	if k == nil {
		return fmt.Errorf("%w: %s", ErrNoCall, id)
	}
	f(k)
	return nil
}

// hangUp is the end of the call for the one who began it.
func (k *call) hangUp() {
	s := k.sw
	if !k.outside {
		if l := k.leg(k.origin); l != nil {
			l.leave(telephony.CallStateOk, nil, 0)
			k.settle(l.dn)
		}
		return
	}
	l := k.ringing()
	waits := k.at != "" && len(k.legs) == 0
	if waits || l != nil && len(k.legs) == 1 {
		if k.again != nil {
			k.again()
		}
	}
	switch {
	case l != nil && len(k.legs) == 1:
		s.announce(&telephony.EventAbandoned{EventHeader: s.header(0), CallAttributes: k.about(l.dn)})
		l.remove()
		k.end()
		s.idle(l.ext)
	case waits:
		k.end()
	case k.parties() < 3:
		k.end()
	default:
		left, _ := k.other("")
		k.outside = false
		k.settle(left)
	}
}

// releaseAgent is the agent's end of the call; at a routing point there is none.
func (k *call) releaseAgent() {
	if len(k.legs) > 0 {
		l := k.legs[len(k.legs)-1]
		l.leave(telephony.CallStateOk, nil, 0)
		k.settle(l.dn)
	}
}
