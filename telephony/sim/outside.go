package sim

import (
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// Outside is somebody outside of the switch whose number can be dialled: by
// RequestMakeCall and RequestMakePredictiveCall.
type Outside struct {
	// AnswerAfter is the time that it rings before he answers; a negative one: he does not.
	AnswerAfter time.Duration
	// Busy: he is in another call.
	Busy bool
	// TalkTime is the time until he hangs up; 0: he never does.
	TalkTime time.Duration
	// Patience is the time after which he hangs up when a predictive call has nobody to
	// talk to; 0: never.
	Patience time.Duration
}

// ringOut is how long somebody outside may ring when the request does not say.
const ringOut = 30 * time.Second

// AddOutside adds somebody outside by his number, which is that of no DN.
func (s *Switch) AddOutside(number string, o Outside) error {
	return s.addDN(number, func() { s.outside[number] = &o })
}

// dialOut is RequestMakeCall to somebody outside.
func (c *conn) dialOut(r *telephony.RequestMakeCall, o *Outside, ref int) *refusal {
	s := c.sw
	if len(s.calls) >= s.maxCalls {
		return &refusal{CodeResources, "too many calls"}
	}
	k := s.newCall(telephony.CallTypeOutbound, r.ThisDN, r.Destination, r.UserData)
	k.origin, k.calling = r.ThisDN, o
	k.join(s.exts[r.ThisDN], dialing)
	s.confirm(&telephony.EventDialing{EventHeader: s.header(0), CallAttributes: k.about(r.ThisDN)}, c, ref)
	s.announce(&telephony.EventNetworkReached{EventHeader: s.header(0), CallAttributes: k.about(r.ThisDN)})
	k.callOut(ringOut)
	return nil
}

// predict is RequestMakePredictiveCall.
func (c *conn) predict(r *telephony.RequestMakePredictiveCall, ref int) *refusal {
	s := c.sw
	o := s.outside[r.Destination]
	switch {
	case s.points[r.ThisDN] == nil && s.queues[r.ThisDN] == nil:
		return &refusal{CodeUnknownDN, "no such routing point or ACD queue " + r.ThisDN}
	case !c.registered(r.ThisDN):
		return unregistered(r.ThisDN)
	case o == nil:
		return &refusal{CodeUnknownDN, "nobody outside has the number " + r.Destination}
	case r.Location != "" && r.Location != s.name:
		return &refusal{CodeUnknownLocation, "no such location " + r.Location}
	case len(s.calls) >= s.maxCalls:
		return &refusal{CodeResources, "too many calls"}
	}
	k := s.newCall(telephony.CallTypeOutbound, r.ThisDN, r.Destination, r.UserData)
	k.calling, k.campaign = o, r.ThisDN
	s.confirm(&telephony.EventDialing{EventHeader: s.header(0), CallAttributes: k.about(r.ThisDN)}, c, ref)
	patience := r.Timeout
	if patience <= 0 {
		patience = ringOut
	}
	k.callOut(patience)
	return nil
}

// callOut rings somebody outside.
func (k *call) callOut(patience time.Duration) {
	o := k.calling
	switch {
	case o.Busy:
		k.unreached(telephony.CallStateBusy)
	case o.AnswerAfter < 0 || o.AnswerAfter > patience:
		k.timer(&k.routing, patience, func() { k.unreached(telephony.CallStateNoAnswer) })
	default:
		k.timer(&k.routing, o.AnswerAfter, k.reached)
	}
}

// unreached ends a call to somebody outside who is busy or does not answer.
func (k *call) unreached(why telephony.CallState) {
	s := k.sw
	dn := k.campaign
	if dn == "" {
		dn = k.origin
	}
	a := k.about(dn)
	a.CallState = why
	if why == telephony.CallStateBusy {
		s.announce(&telephony.EventDestinationBusy{EventHeader: s.header(0), CallAttributes: a})
	}
	if l := k.leg(k.origin); l != nil {
		l.leave(why, nil, 0)
	} else {
		s.announce(&telephony.EventReleased{EventHeader: s.header(0), CallAttributes: a})
	}
	k.end()
}

// reached: somebody outside has answered.
func (k *call) reached() {
	s, o := k.sw, k.calling
	k.calling, k.outside = nil, true
	if o.TalkTime > 0 && k.campaign == "" {
		k.timer(&k.routing, o.TalkTime, k.hangUp)
	}
	if l := k.leg(k.origin); l != nil {
		l.state = talking
		s.announce(&telephony.EventEstablished{EventHeader: s.header(0), CallAttributes: k.about(l.dn)})
		return
	}
	k.waits = o.Patience
	if s.destination(k.campaign) != nil { // the queue has filled meanwhile
		k.end()
		return
	}
	k.goTo(k.campaign)
}
