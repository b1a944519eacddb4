package linktest

import (
	"sync"

	"github.com/seed-ff723688/ors/telephony"
)

// registrations is a driver that passes everything on to another one, and sees which DNs are
// registered on each connection. That the backup of a pair is as far as the primary cannot be
// seen from the link.
type registrations struct {
	telephony.Driver

	mu      sync.Mutex
	conns   map[*watched]map[string]bool // the DNs of those that are open
	changed chan struct{}                // closed, and made anew, with each change
}

func watch(d telephony.Driver) *registrations {
	return &registrations{Driver: d, conns: map[*watched]map[string]bool{}, changed: make(chan struct{})}
}

func (r *registrations) Dial(e telephony.Endpoint, h telephony.Handler) (telephony.Conn, error) {
	return r.Driver.Dial(e, &watched{h, r})
}

// everywhere reports whether so many connections are open and each has registered all of dns;
// changed is closed when that may have become different.
func (r *registrations) everywhere(connections int, dns []string) (ok bool, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, registered := range r.conns {
		for _, dn := range dns {
			if !registered[dn] {
				return false, r.changed
			}
		}
	}
	return len(r.conns) >= connections, r.changed
}

func (r *registrations) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

// watched is the handler of a connection.
type watched struct {
	telephony.Handler
	r *registrations
}

func (w *watched) Event(e telephony.Event) {
	w.Handler.Event(e)
	switch e := e.(type) {
	case *telephony.EventLinkConnected, *telephony.EventLinkDisconnected:
		w.r.change(func() { w.r.conns[w] = map[string]bool{} })
	case *telephony.EventRegistered:
		w.r.change(func() { w.r.conns[w][e.ThisDN] = true })
	}
}

func (w *watched) Lost(err error) {
	w.r.change(func() { delete(w.r.conns, w) })
	w.Handler.Lost(err)
}
