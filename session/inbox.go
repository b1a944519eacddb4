package session

import "github.com/seed-ff723688/ors/scxml"

// queuedEvent is an entry of an inbox, mostly an event. The event itself is part
// of it, so that accepting one costs one allocation.
type queuedEvent struct {
	// What every turn reads comes first: with many sessions, each line of memory is one more to wait for.
	next      *queuedEvent
	number    uint64    // in the store
	chain     chain     // that the event continues
	since     int64     // when it was put in, in nanoseconds; 0: its wait is not measured
	stop      EndReason // no event: the session is to end; in the inbox: what comes after it is not handled
	void      bool      // it has been handled, and is only to be counted
	forwarded bool      // by the parent (autoforward)
	last      bool      // nothing follows from the invoked session any more
	seldom    *seldom
	event     scxml.Event
}

// seldom is what few entries have.
type seldom struct {
	from  string       // id of the invoked session that sent the event
	timer *delayedSend // no event: the time of a delayed send has come
	owed  EffectID     // what has brought it about, when the store had no room for it; see session.keep
}

// from returns the id of the invoked session that sent the event; "" for other senders.
func (q *queuedEvent) from() string {
	if q.seldom == nil {
		return ""
	}
	return q.seldom.from
}

// timer returns the delayed send whose time has come; nil: q is something else.
func (q *queuedEvent) timer() *delayedSend {
	if q.seldom == nil {
		return nil
	}
	return q.seldom.timer
}

// owed returns the effect that has brought q about, when the store had no room for it.
func (q *queuedEvent) owed() EffectID {
	if q.seldom == nil {
		return EffectID{}
	}
	return q.seldom.owed
}

// rare returns q.seldom, to be set.
func (q *queuedEvent) rare() *seldom {
	if q.seldom == nil {
		q.seldom = &seldom{}
	}
	return q.seldom
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
