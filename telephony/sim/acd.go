package sim

import (
	"slices"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// ACDQueue is a DN where calls wait for agents who are logged in to it
// (Switch.Login). The switch gives the call that waits for longest to the agent who is ready
// for longest.
type ACDQueue struct {
	// MaxCalls is how many calls may wait; a further one is refused with
	// CodeQueueFull. 0: any number.
	MaxCalls int
	// Timeout is how long a call waits before it goes to Overflow; 0: for ever.
	// Where Overflow cannot take it, it goes on waiting for as long again.
	Timeout  time.Duration
	Overflow string
	// RingTimeout is how long an agent may let it ring before the call comes back to
	// the queue, to its old place; 0 rings for ever.
	RingTimeout time.Duration
}

type acdQueue struct {
	ACDQueue
	dn      string
	waiting []*call // by arrival
	agents  []*agent
}

// queue puts the call into an ACD queue.
func (k *call) queue(q *acdQueue) {
	s := k.sw
	if k.from != q.dn {
		k.since = s.clock.Now()
	}
	k.at, k.from = q.dn, q.dn
	i, _ := slices.BinarySearchFunc(q.waiting, k, func(x, y *call) int {
		if c := x.since.Compare(y.since); c != 0 {
			return c
		}
		return x.number - y.number
	})
	q.waiting = slices.Insert(q.waiting, i, k)
	s.announce(&telephony.EventQueued{EventHeader: s.header(0), CallAttributes: k.about(q.dn)})
	if q.Timeout > 0 {
		k.overflow(q)
	}
	s.distribute(q)
}

// overflow waits for the end of the patience of a queue.
func (k *call) overflow(q *acdQueue) {
	k.timer(&k.routing, q.Timeout, func() {
		if q.Overflow == q.dn || k.sw.destination(q.Overflow) != nil {
			k.overflow(q)
			return
		}
		k.divert(q.Overflow, telephony.CallStateOverflowed)
	})
}

// divert takes the call from the queue where it waits to a DN that has been checked.
func (k *call) divert(dn string, why telephony.CallState) {
	s := k.sw
	a := k.about(k.at)
	a.CallState, a.ThirdPartyDN, a.ThirdPartyRole = why, dn, telephony.DNRoleDestination
	s.announce(&telephony.EventDiverted{EventHeader: s.header(0), CallAttributes: a})
	k.leaveQueue()
	k.goTo(dn)
}

// distribute gives calls of a queue to agents, as long as there are both.
func (s *Switch) distribute(q *acdQueue) {
	for len(q.waiting) > 0 {
		var best *agent
		for _, a := range q.agents {
			if a.available() && (best == nil || a.turn < best.turn) {
				best = a
			}
		}
		if best == nil {
			return
		}
		q.waiting[0].divert(best.ext.dn, telephony.CallStateOk)
	}
}

// offer gives an agent who has become available the call that waits for longest in
// his queues.
func (s *Switch) offer(a *agent) {
	if !a.available() {
		return
	}
	var first *call
	for _, q := range a.queues {
		if len(q.waiting) > 0 && (first == nil || q.waiting[0].since.Before(first.since)) {
			first = q.waiting[0]
		}
	}
	if first != nil {
		first.divert(a.ext.dn, telephony.CallStateOk)
	}
}
