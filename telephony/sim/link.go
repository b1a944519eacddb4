package sim

import (
	"fmt"
	"reflect"

	"github.com/seed-ff723688/ors/telephony"
)

// Error codes of this switch, in EventError and EventTreatmentNotApplied. They
// are its own; real switches have theirs.
const (
	CodeUnknownDN       = 1 // the DN, or the destination, does not exist
	CodeUnknownCall     = 2 // the call does not exist, or not any more
	CodeNotHere         = 3 // the call is not at the DN, or not waiting there
	CodeBusy            = 4 // the destination is busy
	CodeUnknownLocation = 5 // the location is another switch
	CodeTreatment       = 6 // the treatment was refused
	CodeUnregistered    = 7 // the DN is not registered on this link
	CodeState           = 8 // the call is not in the state that the request needs
	CodeResources       = 9 // there are too many calls
)

type refusal struct {
	code    int
	message string
}

// Link is a connection to a Switch.
type Link struct {
	sw *Switch

	// Guarded by the switch.
	dns       map[string]bool // registered
	receivers []*receiver
	nextRef   int
	closed    bool
}

var _ telephony.Link = (*Link)(nil)

type receiver struct {
	receive func(telephony.Event)
	gone    bool // guarded by the switch
}

// parcel is something on its way to the side of a link: an event to its
// receivers, the outcome of a request, or both.
type parcel struct {
	to      []*receiver
	event   telephony.Event
	outcome func(telephony.Event, error)
	err     error
}

// Connect opens a connection to the switch. The caller closes it.
func (s *Switch) Connect() *Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &Link{sw: s, dns: map[string]bool{}}
	s.links = append(s.links, l)
	return l
}

// Capabilities implements telephony.Link: all of them.
func (l *Link) Capabilities() telephony.Capabilities {
	return telephony.CanMonitor | telephony.CanRoute | telephony.CanTreat | telephony.CanAttach |
		telephony.CanMakeCall | telephony.CanControl | telephony.CanTransfer | telephony.CanConference
}

// State implements telephony.Link.
func (l *Link) State() telephony.LinkState {
	s := l.sw
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case l.closed:
		return telephony.LinkClosed
	case s.down:
		return telephony.LinkServerConnected
	}
	return telephony.LinkConnected
}

// Subscribe implements telephony.Link.
func (l *Link) Subscribe(receive func(telephony.Event)) (cancel func()) {
	s := l.sw
	r := &receiver{receive: receive}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.closed {
		return func() {}
	}
	l.receivers = append(l.receivers[:len(l.receivers):len(l.receivers)], r)
	s.put(parcel{to: []*receiver{r}, event: s.linkState()})
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		r.gone = true
		for i := range l.receivers {
			if l.receivers[i] == r {
				// A new slice: parcels under way hold the old one.
				l.receivers = append(append([]*receiver{}, l.receivers[:i]...), l.receivers[i+1:]...)
				return
			}
		}
	}
}

// Close implements telephony.Link.
func (l *Link) Close() error {
	s := l.sw
	s.mu.Lock()
	defer s.mu.Unlock()
	l.closed = true
	for _, r := range l.receivers {
		r.gone = true
	}
	l.receivers = nil
	for i := range s.links {
		if s.links[i] == l {
			s.links = append(s.links[:i], s.links[i+1:]...)
			break
		}
	}
	return nil
}

// Send implements telephony.Link. The switch carries the request out at once;
// the clock brings the outcome.
func (l *Link) Send(req telephony.Request, outcome func(telephony.Event, error)) {
	s := l.sw
	s.mu.Lock()
	defer s.mu.Unlock()
	refuse := func(err error) { s.put(parcel{outcome: outcome, err: err}) }
	if l.closed {
		refuse(telephony.ErrClosed)
		return
	}
	if s.down {
		refuse(telephony.ErrLinkDown)
		return
	}
	if err := req.Validate(); err != nil {
		refuse(err)
		return
	}
	s.logger.Debug("request", "message", req)
	l.nextRef++
	at := len(s.box)
	event, no := l.carryOut(req, l.nextRef)
	if no != nil && event == nil {
		event = &telephony.EventError{EventHeader: s.header(l.nextRef), ErrorCode: no.code, ErrorMessage: no.message}
		s.post(l, event)
	}
	// The answer stands in the box, among what came of the request.
	for s.box[at].event != event {
		at++
	}
	s.box[at].outcome = outcome
	if no != nil {
		s.box[at].err = &telephony.RequestError{Request: req.Name(), Code: no.code, Message: no.message, Event: event}
	}
}

func (l *Link) carryOut(req telephony.Request, ref int) (telephony.Event, *refusal) {
	s := l.sw
	switch r := req.(type) {
	case *telephony.RequestRegisterAddress:
		typ := telephony.AddressTypeDN
		if s.points[r.ThisDN] != nil {
			typ = telephony.AddressTypeRouteDN
		} else if s.exts[r.ThisDN] == nil {
			return nil, &refusal{CodeUnknownDN, "no such DN " + r.ThisDN}
		}
		l.dns[r.ThisDN] = true
		e := &telephony.EventRegistered{EventHeader: s.header(ref), ThisDN: r.ThisDN, AddressType: typ}
		s.post(l, e)
		return e, nil
	case *telephony.RequestUnregisterAddress:
		if !l.dns[r.ThisDN] {
			return nil, &refusal{CodeUnregistered, "DN " + r.ThisDN + " is not registered"}
		}
		delete(l.dns, r.ThisDN)
		e := &telephony.EventUnregistered{EventHeader: s.header(ref), ThisDN: r.ThisDN}
		s.post(l, e)
		return e, nil
	case *telephony.RequestRouteCall:
		k, no := l.find(r.ThisDN, r.ConnID, true)
		if no != nil {
			return nil, no
		}
		return l.route(k, r, ref)
	case *telephony.RequestApplyTreatment:
		k, no := l.find(r.ThisDN, r.ConnID, true)
		if no != nil {
			return nil, no
		}
		return k.treat(r, l, ref)
	case *telephony.RequestAttachUserData:
		return l.attach(r.ThisDN, r.ConnID, ref, func(d *telephony.KVList) { *d = append(*d, r.UserData...) })
	case *telephony.RequestUpdateUserData:
		return l.attach(r.ThisDN, r.ConnID, ref, func(d *telephony.KVList) {
			for _, p := range r.UserData {
				d.Set(p.Key, p.Value)
			}
		})
	case *telephony.RequestDeletePair:
		return l.attach(r.ThisDN, r.ConnID, ref, func(d *telephony.KVList) { d.Delete(r.Key) })
	case *telephony.RequestDeleteUserData:
		return l.attach(r.ThisDN, r.ConnID, ref, func(d *telephony.KVList) { *d = nil })
	}
	return l.control(req, ref)
}

func (l *Link) route(k *call, r *telephony.RequestRouteCall, ref int) (telephony.Event, *refusal) {
	switch {
	case r.RouteType == telephony.RouteTypeCallDisconnect || r.RouteType == telephony.RouteTypeReject:
		return k.route("", l, ref, r.Reasons), nil
	case r.Destination == "":
		return k.routeByDefault(l, ref), nil
	case r.Location != "" && r.Location != l.sw.name:
		return nil, &refusal{CodeUnknownLocation, "no such location " + r.Location}
	}
	if no := l.sw.destination(r.Destination); no != nil {
		return nil, no
	}
	if r.RouteType == telephony.RouteTypeOverwriteDNIS && r.DNIS != "" {
		k.dnis = r.DNIS
	}
	return k.route(r.Destination, l, ref, r.Reasons), nil
}

func (l *Link) attach(dn string, id telephony.ConnID, ref int, change func(*telephony.KVList)) (telephony.Event, *refusal) {
	k, no := l.find(dn, id, false)
	if no != nil {
		return nil, no
	}
	return k.attach(dn, l, ref, change), nil
}

// find returns the call that a request is about, which has to be at dn, and on
// demand has to wait there to be routed.
func (l *Link) find(dn string, id telephony.ConnID, toRoute bool) (*call, *refusal) {
	s := l.sw
	k := s.calls[id]
	switch {
	case s.points[dn] == nil && s.exts[dn] == nil:
		return nil, &refusal{CodeUnknownDN, "no such DN " + dn}
	case !l.dns[dn]:
		return nil, &refusal{CodeUnregistered, "DN " + dn + " is not registered"}
	case k == nil:
		return nil, &refusal{CodeUnknownCall, "no such call " + id.String()}
	case toRoute && k.at != dn:
		return nil, &refusal{CodeNotHere, fmt.Sprintf("call %s does not wait at DN %s", id, dn)}
	case k.at != dn && k.leg(dn) == nil:
		return nil, &refusal{CodeNotHere, fmt.Sprintf("call %s is not at DN %s", id, dn)}
	}
	return k, nil
}

// announce sends an event about a DN to every link that has registered it.
func (s *Switch) announce(e telephony.Event) {
	c, _ := telephony.CallOf(e)
	for _, l := range s.links {
		if l.dns[c.ThisDN] {
			s.post(l, e)
		}
	}
}

// confirm sends an event like announce, but with the reference id to the link
// that asked for it, which gets it first, and returns that one. by may be nil.
func (s *Switch) confirm(e telephony.Event, by *Link, ref int) telephony.Event {
	if by == nil {
		s.announce(e)
		return e
	}
	mine := withReference(e, ref)
	c, _ := telephony.CallOf(e)
	s.post(by, mine)
	for _, l := range s.links {
		if l != by && l.dns[c.ThisDN] {
			s.post(l, e)
		}
	}
	return mine
}

// withReference returns a copy of an event that has a reference id.
func withReference(e telephony.Event, ref int) telephony.Event {
	c := reflect.New(reflect.TypeOf(e).Elem())
	c.Elem().Set(reflect.ValueOf(e).Elem())
	mine := c.Interface().(telephony.Event)
	mine.Header().ReferenceID = ref
	return mine
}

// post puts an event into the box for a link.
func (s *Switch) post(l *Link, e telephony.Event) {
	if !s.down || isLinkDown(e) {
		s.put(parcel{to: l.receivers, event: e})
	}
}

func isLinkDown(e telephony.Event) bool {
	_, ok := e.(*telephony.EventLinkDisconnected)
	return ok
}

// put puts a parcel into the box, which the clock empties piece by piece. There
// is one timer under way while there is something in the box, none otherwise.
func (s *Switch) put(p parcel) {
	s.box = append(s.box, p)
	if !s.moving {
		s.moving = true
		s.clock.AfterFunc(0, s.deliver)
	}
}

// deliver hands out the first parcel, without the lock held.
func (s *Switch) deliver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.box[0]
	s.box[0] = parcel{}
	if s.box = s.box[1:]; len(s.box) == 0 {
		s.box = nil
	}
	if p.event != nil && s.trace != nil {
		s.mu.Unlock()
		s.trace(p.event)
		s.mu.Lock()
	}
	if p.outcome != nil {
		s.mu.Unlock()
		if p.err != nil {
			p.outcome(nil, p.err)
		} else {
			p.outcome(p.event, nil)
		}
		s.mu.Lock()
	}
	if p.event != nil {
		s.logger.Debug("event", "message", p.event)
	}
	for _, r := range p.to {
		if !r.gone {
			s.mu.Unlock()
			r.receive(p.event)
			s.mu.Lock()
		}
	}
	if len(s.box) > 0 {
		s.clock.AfterFunc(0, s.deliver)
	} else {
		s.moving = false
	}
}
