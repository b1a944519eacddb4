package session

import "github.com/seed-ff723688/ors/scxml"

// queuedEvent is an entry of an inbox, mostly an event. The event itself is part of it, so that
// accepting one costs one allocation.
type queuedEvent struct {
	event scxml.Event
	from  string // id of the invoked session that sent it; "" for other senders
	last  bool   // nothing follows from that session any more
	next  *queuedEvent

	forwarded bool      // by the parent (autoforward)
	stop      EndReason // no event: the session is to end
	timer     *timer    // no event: the time of a delayed send has come
	number    uint64    // in the store
}

// inbox is a queue of events. Empty, it holds no memory.
type inbox struct {
	head, tail *queuedEvent
	count      int
}

func (q *inbox) len() int { return q.count }

func (q *inbox) push(e *queuedEvent) {
	if q.tail == nil {
		q.head = e
	} else {
		q.tail.next = e
	}
	q.tail = e
	q.count++
}

// pop returns nil when the inbox is empty.
func (q *inbox) pop() *queuedEvent {
	e := q.head
	if e == nil {
		return nil
	}
	q.head = e.next
	if q.head == nil {
		q.tail = nil
	}
	e.next = nil
	q.count--
	return e
}
