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

	how      Handling
	agent    func() bool // until the agent answers, or hangs up
	noAnswer func() bool
}

// join adds an extension to the call.
func (k *call) join(e *extension, state legState) *leg {
	l := &leg{call: k, dn: e.dn, ext: e, state: state}
	k.legs = append(k.legs, l)
	e.legs = append(e.legs, l)
	return l
}

// remove takes the extension out of its call without a word.
func (l *leg) remove() {
	if len(l.ext.legs) == 1 {
		l.call.sw.wrapUp(l.ext)
	}
	halt(&l.agent)
	halt(&l.noAnswer)
	same := func(x *leg) bool { return x == l }
	l.call.legs = slices.DeleteFunc(l.call.legs, same)
	l.ext.legs = slices.DeleteFunc(l.ext.legs, same)
}

// leave takes the extension out of its call. Here and below, the event answers a
// request when by is not nil.
func (l *leg) leave(why telephony.CallState, by *conn, ref int) {
	s := l.call.sw
	a := l.call.about(l.dn)
	a.CallState = why
	l.remove()
	s.confirm(&telephony.EventReleased{EventHeader: s.header(0), CallAttributes: a}, by, ref)
	s.idle(l.ext)
}

// ring puts the call at an extension.
func (k *call) ring(e *extension) {
	s := k.sw
	l := k.join(e, ringing)
	about := k.about(e.dn)
	l.how = e.handling(&about)
	s.announce(&telephony.EventRinging{EventHeader: s.header(0), CallAttributes: about})
	switch after := l.how.AnswerAfter; {
	case after < 0:
	case l.how.Refuse:
		s.timer(&l.agent, after, func() { l.comeBack(telephony.CallStateRedirected) })
	case after == 0:
		l.answer(nil, 0)
	default:
		s.timer(&l.agent, after, func() { l.answer(nil, 0) })
	}
	if l.state != ringing {
		return
	}
	var patience time.Duration
	if p := s.points[k.from]; p != nil {
		patience = p.RingTimeout
	} else if q := s.queues[k.from]; q != nil {
		patience = q.RingTimeout
	}
	if patience > 0 {
		s.timer(&l.noAnswer, patience, func() { l.comeBack(telephony.CallStateNoAnswer) })
	}
}

// answer connects the extension, and the one that dialled it.
func (l *leg) answer(by *conn, ref int) {
	k := l.call
	s := k.sw
	l.state = talking
	l.ext.work = l.how.AfterCallWork
	halt(&l.agent)
	halt(&l.noAnswer)
	halt(&k.patience)
	s.confirm(&telephony.EventEstablished{EventHeader: s.header(0), CallAttributes: k.about(l.dn)}, by, ref)
	if o := k.leg(k.origin); o != nil && o.state == dialing {
		o.state = talking
		s.announce(&telephony.EventEstablished{EventHeader: s.header(0), CallAttributes: k.about(o.dn)})
	}
	if l.how.TalkTime > 0 {
		s.timer(&l.agent, l.how.TalkTime, func() {
			k := l.call
			l.leave(telephony.CallStateOk, nil, 0)
			k.settle(l.dn)
		})
	}
}

// comeBack returns a call that was not answered to its routing point or queue; one
// that did not come from there, or that waits at one already, goes on without the extension.
func (l *leg) comeBack(why telephony.CallState) {
	k, s := l.call, l.call.sw
	if why == telephony.CallStateNoAnswer {
		s.unanswered(l.ext)
	}
	l.leave(why, nil, 0)
	switch {
	case k.at == "" && (s.points[k.from] != nil || s.queues[k.from] != nil):
		k.goTo(k.from)
	default:
		k.settle(l.dn)
	}
}
