package sim

import (
	"sync"

	"github.com/seed-ff723688/ors/telephony"
)

// Link is a connection to a Switch.
type Link struct {
	conn telephony.Conn
	sw   *Switch

	mu        sync.Mutex
	receivers []*receiver
	asked     map[int]asked
	next      int
	up        bool
	first     telephony.Event
	closed    bool
}

type receiver struct {
	f    func(telephony.Event)
	gone bool
	told bool
}

type asked struct {
	req     telephony.Request
	outcome func(telephony.Event, error)
}

// Connect opens a connection to the switch. The caller closes it.
func (s *Switch) Connect() *Link {
	l := &Link{sw: s, asked: map[int]asked{}}
	l.conn, _ = s.Dial(telephony.Endpoint{}, l)
	return l
}

func (l *Link) Opened(telephony.ConnInfo)  {}
func (l *Link) Role(telephony.ServerRole)  {}
func (l *Link) Writable()                  {}
func (l *Link) Alive()                     {}
func (l *Link) Lost(reason error)          {}
func (l *Link) State() telephony.LinkState { return telephony.LinkConnected }
func (l *Link) Capabilities() telephony.Capabilities {
	return l.sw.Capabilities()
}

func (l *Link) Close() error {
	l.conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return nil
}

func (l *Link) Event(e telephony.Event) {
	l.mu.Lock()
	switch e.(type) {
	case *telephony.EventLinkConnected:
		l.up, l.first = true, e
	case *telephony.EventLinkDisconnected:
		l.up, l.first = false, e
	}
	a := l.asked[e.Header().ReferenceID]
	delete(l.asked, e.Header().ReferenceID)
	rs := append([]*receiver(nil), l.receivers...)
	l.mu.Unlock()
	if a.outcome != nil {
		switch x := e.(type) {
		case *telephony.EventError:
			a.outcome(nil, &telephony.RequestError{Request: a.req.Name(), Code: x.ErrorCode, Message: x.ErrorMessage, Event: e})
		case *telephony.EventTreatmentNotApplied:
			a.outcome(nil, &telephony.RequestError{Request: a.req.Name(), Code: x.ErrorCode, Message: x.ErrorMessage, Event: e})
		default:
			a.outcome(e, nil)
		}
	}
	for _, r := range rs {
		l.mu.Lock()
		gone := r.gone || l.closed
		r.told = true
		l.mu.Unlock()
		if !gone {
			r.f(e)
		}
	}
}

func (l *Link) Subscribe(f func(telephony.Event)) func() {
	r := &receiver{f: f}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receivers = append(l.receivers, r)
	if l.first != nil {
		l.sw.clock.AfterFunc(0, func() {
			l.mu.Lock()
			e, told := l.first, r.told
			l.mu.Unlock()
			if !told {
				f(e)
			}
		})
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		r.gone = true
	}
}

func (l *Link) Send(req telephony.Request, outcome func(telephony.Event, error)) {
	fail := func(err error) {
		l.sw.clock.AfterFunc(0, func() { outcome(nil, err) })
	}
	if err := req.Validate(); err != nil {
		fail(err)
		return
	}
	l.mu.Lock()
	if l.closed || !l.up && l.first != nil {
		err := telephony.ErrLinkDown
		if l.closed {
			err = telephony.ErrClosed
		}
		l.mu.Unlock()
		fail(err)
		return
	}
	l.next++
	ref := l.next
	l.asked[ref] = asked{req, outcome}
	l.mu.Unlock()
	if err := l.conn.Send(ref, req); err != nil {
		fail(telephony.ErrLinkDown)
	}
}
