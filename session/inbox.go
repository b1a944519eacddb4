package session

import "github.com/seed-ff723688/ors/scxml"

// queuedEvent is an entry of an inbox, mostly an event. The event itself is part
// of it, so that accepting one costs one allocation.
type queuedEvent struct {
	event scxml.Event
	from  string // id of the invoked session that sent it; "" for other senders
	next  *queuedEvent
	chain chain // that the event continues

	last      bool         // nothing follows from the invoked session any more
	forwarded bool         // by the parent (autoforward)
	void      bool         // it has been handled, and is only to be counted
	stop      EndReason    // no event: the session is to end; in the inbox: what comes after it is not handled
	timer     *delayedSend // no event: the time of a delayed send has come
	number    uint64       // in the store
	owed      EffectID     // what has brought it about, when the store had no room for it; see session.keep
	since     int64        // when it was put in, in nanoseconds; 0: its wait is not measured
}

// inbox is a queue of events. Empty, it holds no memory.
type inbox struct {
	head, tail *queuedEvent
	count      int
	pushed     uint32 // since it was empty
}

// measureEvery is how often the wait of an entry is measured that finds others before it.
const measureEvery = 16

// measured reports whether the wait of the next entry is to be measured.
func (q *inbox) measured() bool { return q.pushed%measureEvery == 0 }

func (q *inbox) len() int { return q.count }

func (q *inbox) push(e *queuedEvent) {
	if q.tail == nil {
		q.head = e
	} else {
		q.tail.next = e
	}
	q.tail = e
	q.count++
	q.pushed++
}

// take removes up to limit entries from the head of the queue and returns them
// as a linked list.
func (q *inbox) take(limit int) (first *queuedEvent, n int) {
	if q.count <= limit {
		first, n = q.head, q.count
		*q = inbox{}
		return first, n
	}
	first = q.head
	last := first
	for n = 1; n < limit; n++ {
		last = last.next
	}
	q.head, last.next = last.next, nil
	q.count -= n
	return first, n
}
