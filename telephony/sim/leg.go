package sim

import (
	"slices"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

type legState uint8

const (
	dialing legState = iota // it called, and nobody has answered
	ringing
	talking
	held
)

// leg is an extension in a call. Its methods are called with the switch locked.
type leg struct {
	call  *call // changes when calls are merged
	dn    string
	ext   *extension
	state legState

	agent    func() bool // until the agent answers, or hangs up
	noAnswer func() bool
}

// join adds an extension to the call.
func (k *call) join(dn string, e *extension, state legState) *leg {
	l := &leg{call: k, dn: dn, ext: e, state: state}
	k.legs = append(k.legs, l)
	e.legs = append(e.legs, l)
	return l
}

// remove takes the extension out of its call without a word.
func (l *leg) remove() {
	halt(&l.agent)
	halt(&l.noAnswer)
	same := func(x *leg) bool { return x == l }
	l.call.legs = slices.DeleteFunc(l.call.legs, same)
	l.ext.legs = slices.DeleteFunc(l.ext.legs, same)
}

// leave takes the extension out of its call and returns the EventReleased, which
// answers a request when by is not nil.
func (l *leg) leave(why telephony.CallState, by *Link, ref int) telephony.Event {
	s := l.call.sw
	a := l.call.about(l.dn)
	a.CallState = why
	l.remove()
	return s.confirm(&telephony.EventReleased{EventHeader: s.header(0), CallAttributes: a}, by, ref)
}

// timer runs f later, unless the leg has left its call by then.
func (l *leg) timer(at *func() bool, d time.Duration, f func()) {
	s, cancelled := l.call.sw, false
	stop := s.clock.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !cancelled {
			*at = nil
			f()
		}
	})
	*at = func() bool {
		cancelled = true
		return stop()
	}
}

// ring puts the call at an extension.
func (k *call) ring(dn string, e *extension) {
	s := k.sw
	l := k.join(dn, e, ringing)
	s.announce(&telephony.EventRinging{EventHeader: s.header(0), CallAttributes: k.about(dn)})
	switch {
	case e.AnswerAfter == 0:
		l.answer(nil, 0)
	case e.AnswerAfter > 0:
		l.timer(&l.agent, e.AnswerAfter, func() { l.answer(nil, 0) })
	}
	if p := s.points[k.from]; l.state == ringing && p != nil && p.RingTimeout > 0 {
		l.timer(&l.noAnswer, p.RingTimeout, l.comeBack)
	}
}

// answer connects the extension, and the one that dialled it.
func (l *leg) answer(by *Link, ref int) telephony.Event {
	k := l.call
	s := k.sw
	l.state = talking
	halt(&l.agent)
	halt(&l.noAnswer)
	halt(&k.patience)
	done := s.confirm(&telephony.EventEstablished{EventHeader: s.header(0), CallAttributes: k.about(l.dn)}, by, ref)
	if o := k.leg(k.origin); o != nil && o.state == dialing {
		o.state = talking
		s.announce(&telephony.EventEstablished{EventHeader: s.header(0), CallAttributes: k.about(o.dn)})
	}
	if l.ext.TalkTime > 0 {
		l.timer(&l.agent, l.ext.TalkTime, func() {
			k := l.call
			l.leave(telephony.CallStateOk, nil, 0)
			k.settle(l.dn)
		})
	}
	return done
}

// comeBack returns an unanswered call to its routing point.
func (l *leg) comeBack() {
	k := l.call
	l.leave(telephony.CallStateNoAnswer, nil, 0)
	k.arrive(k.from)
}
