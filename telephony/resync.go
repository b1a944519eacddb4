package telephony

import (
	"errors"
	"slices"
)

// resync is the comparison, after a connection was made or DNs were registered, of what
// is known of the calls with what the server says. Guarded by Client.mu.
type resync struct {
	pending int // requests to be answered
	gone    []goneParty
}

// goneParty is one that the server does not have any more.
type goneParty struct {
	*party
	touched int // as it was then; an event since has told what became of it
}

// causeResync is the Cause of synthetic events that end something.
const causeResync = "resynchronised"

// register asks for a DN, or joins in when somebody else has asked. outcome is nil for requests
// of the Client itself. c.mu is held.
func (h *connection) register(req *RequestRegisterAddress, outcome func(Event, error)) {
	c, dn := h.c, req.ThisDN
	text := req.String()
	if e := h.registered[dn]; e != nil && outcome != nil {
		if was := c.wanted.by[dn]; was != nil && was.String() == text {
			c.put(parcel{event: e, outcome: outcome})
			return
		}
	}
	if r := h.registering[dn]; r != nil && r.req.String() == text {
		if outcome != nil {
			r.others = append(r.others, outcome)
		}
		c.join(h, r)
		return
	}
	r := &request{req: req, outcome: outcome}
	h.registering[dn] = r
	c.join(h, r)
	r.done = func(e Event, err error) {
		if h.registering[dn] == r {
			delete(h.registering, dn)
		}
		c.registered(h, req, e, err)
		c.endResync(r.part)
	}
	h.enqueue(r)
}

// registerAfresh repeats a registration that was refused after an earlier one of the DN was not
// answered: if that one holds it is the reason. The confirmation is needed because it tells what
// is at the DN. c.mu is held.
func (h *connection) registerAfresh(r *request, dn string) {
	delete(h.unsure, dn)
	r.expire()
	r.ref = 0
	h.enqueue(&request{req: &RequestUnregisterAddress{ThisDN: dn}})
	h.enqueue(r)
}

// registerAll registers what was registered before. c.mu is held.
func (h *connection) registerAll() {
	for _, dn := range h.c.wanted.dns {
		if h.gone {
			return
		}
		h.register(h.c.wanted.by[dn], nil)
	}
}

// registrations are those that hold, or would if the connection did.
type registrations struct {
	dns []string // in the order in which they were made
	by  map[string]*RequestRegisterAddress
}

func (r *registrations) add(req *RequestRegisterAddress) {
	if r.by[req.ThisDN] == nil {
		r.dns = append(r.dns, req.ThisDN)
	}
	r.by[req.ThisDN] = req
}

func (r *registrations) remove(dn string) {
	if r.by[dn] != nil {
		delete(r.by, dn)
		r.dns = slices.Delete(r.dns, slices.Index(r.dns, dn), slices.Index(r.dns, dn)+1)
	}
}

// registered is the end of RequestRegisterAddress on a connection.
func (c *Client) registered(h *connection, req *RequestRegisterAddress, e Event, err error) {
	active := h == c.active && !h.gone && c.linkUp != nil
	confirmed, ok := e.(*EventRegistered)
	dn := req.ThisDN
	var refused *RequestError
	if errors.Is(err, ErrTimeout) {
		h.unsure[dn] = true
	}
	switch {
	case err == nil && ok:
		h.registered[dn] = confirmed
		delete(h.unsure, dn)
	case errors.As(err, &refused):
		c.o.Logger.Warn("DN is not registered", "dn", dn, "server", h.endpoint, "error", err)
		if active && c.wanted.by[dn] == req {
			c.emit(&EventUnregistered{EventHeader: c.synthetic(h), ThisDN: dn})
			c.vanish(c.calls.known(dn))
		}
		return
	default:
		if active && c.wanted.by[dn] == req && errors.Is(err, ErrTimeout) {
			h.register(req, nil) // until the server answers, or the connection is lost
		}
		return
	}
	if !active {
		return
	}
	c.wanted.add(req)
	for _, s := range c.slots {
		if other := s.conn; other != nil && other != h && other.linkUp != nil && other.registered[dn] == nil {
			other.register(req, nil)
		}
	}
	part := c.beginResync()
	defer c.endResync(part)
	c.ask(h, dn, confirmed.Extensions)
	c.compareAgent(h, dn, confirmed.Header(), confirmed.Extensions)
}

// unregistered is the end of a registration. c.mu is held.
func (c *Client) unregistered(dn string) {
	c.wanted.remove(dn)
	delete(c.seats, dn)
	for _, s := range c.slots {
		if s.conn == nil {
			continue
		}
		delete(s.conn.unsure, dn)
		if delete(s.conn.registered, dn); s.conn != c.active && s.conn.linkUp != nil {
			s.conn.enqueue(&request{req: &RequestUnregisterAddress{ThisDN: dn}})
		}
	}
	for _, p := range c.calls.known(dn) {
		c.calls.remove(p)
	}
}

// startResync begins when the active connection can be used. c.mu is held.
func (c *Client) startResync(h *connection) {
	c.resync = nil
	all := c.beginResync()
	defer c.endResync(all)
	for _, p := range c.calls.parties {
		p.old = true
	}
	for _, dn := range c.wanted.dns {
		switch {
		case h.gone || h != c.active:
			return
		case h.registered[dn] == nil:
			h.register(c.wanted.by[dn], nil)
		case c.caps.Has(CanQuery) || c.calls.latest == 0: // else what the backup has kept tells it all
			c.ask(h, dn, nil)
		}
	}
}

// beginResync makes one more request part of the resync that is under way, or of a
// new one.
func (c *Client) beginResync() *resync {
	if c.resync == nil {
		c.resync = &resync{}
	}
	c.resync.pending++
	return c.resync
}

// join makes a registration part of it, unless it is already.
func (c *Client) join(h *connection, r *request) {
	if h == c.active && c.linkUp != nil && (r.part == nil || r.part != c.resync) {
		r.part = c.beginResync()
	}
}

// endResync is the end of one request of a resync; after that of the last one it tells of
// the parties that are gone, after those that have come.
func (c *Client) endResync(r *resync) {
	if r == nil || r != c.resync {
		return
	}
	if r.pending--; r.pending > 0 {
		return
	}
	c.resync = nil
	var gone []*party
	for _, g := range r.gone {
		if c.calls.parties[g.partyKey] == g.party && g.party.touched == g.touched {
			gone = append(gone, g.party)
		}
	}
	c.vanish(gone)
}

// ask asks which calls are at a DN, unless the server has said so.
func (c *Client) ask(h *connection, dn string, extensions KVList) {
	if calls, ok := CallsAt(extensions); ok {
		c.compare(h, dn, calls)
		return
	}
	if !c.caps.Has(CanQuery) {
		c.doubt(h, dn)
		return
	}
	c.query(h, &RequestQueryAddress{ThisDN: dn}, maxTries, func(e Event) {
		info, ok := e.(*EventAddressInfo)
		if !ok {
			c.doubt(h, dn)
			return
		}
		if calls, ok := CallsAt(info.Extensions); ok {
			c.compare(h, dn, calls)
		}
		c.compareAgent(h, dn, info.Header(), info.Extensions)
	})
}

// doubt says of which parties at a DN nobody can tell whether they are still there. Those
// that wait at a routing point are kept, so that their route requests are not told twice.
func (c *Client) doubt(h *connection, dn string) {
	for _, p := range c.calls.known(dn) {
		if !p.old || p.last == nil {
			continue
		}
		a := *p.last
		a.ConnID, a.ThisDN, a.PreviousConnID, a.Cause = p.call, dn, 0, causeResync
		c.happened(&EventPartyInfo{EventHeader: c.synthetic(h), CallAttributes: a})
		if p.state != PartyStateRouting && !c.caps.Has(CanQuery) { // else the next resync asks again
			c.calls.remove(p)
		}
	}
}

// maxTries is how often a question of the Client itself is asked whose answer does not come.
const maxTries = 3

// query sends a request of the Client itself, if the server can answer it. When it does not, or
// refuses, answer gets nil.
func (c *Client) query(h *connection, req Request, tries int, answer func(Event)) {
	if !c.caps.Has(CanQuery) {
		return
	}
	part := c.beginResync()
	h.enqueue(&request{req: req, later: true, done: func(e Event, err error) {
		switch {
		case part != c.resync || errors.Is(err, ErrLinkDown) || errors.Is(err, ErrClosed): // the next connection is asked
		case errors.Is(err, ErrTimeout) && tries > 1:
			c.query(h, req, tries-1, answer)
		case err != nil:
			c.o.Logger.Warn("query failed", "message", req, "error", err)
			answer(nil)
		default:
			answer(e)
		}
		c.endResync(part)
	}})
}

// compare looks at the calls that are at a DN.
func (c *Client) compare(h *connection, dn string, calls []ConnID) {
	part := c.resync
	there := make(map[ConnID]bool, len(calls))
	for _, id := range calls {
		if there[id] {
			continue
		}
		there[id] = true
		c.query(h, &RequestQueryCall{ThisDN: dn, ConnID: id}, maxTries, func(e Event) {
			if info, ok := e.(*EventPartyInfo); ok && info.ThisDN == dn && info.ConnID == id {
				c.update(h, info)
			}
		})
		if part != c.resync {
			return // the connection was lost over it
		}
	}
	for _, p := range c.calls.known(dn) {
		if !there[p.call] {
			part.gone = append(part.gone, goneParty{p, p.touched})
		}
	}
}

// update tells what has changed of a party.
func (c *Client) update(h *connection, info *EventPartyInfo) {
	a := info.CallAttributes
	p := c.calls.parties[partyKey{a.ConnID, a.ThisDN}]
	if seq := info.Sequence; seq > 0 && (p == nil && seq < c.calls.ended.numbers[recentKey{a.ConnID, a.ThisDN}] || p != nil && seq < p.since) {
		return // the answer came late: an event has told what has become of the party since
	}
	state := info.PartyState
	if state == PartyStateTreatment {
		state = PartyStateRouting
	}
	tell := func(make func(EventHeader, CallAttributes) Event) {
		e := make(c.synthetic(h), a)
		if err := e.Validate(); err != nil {
			c.o.Logger.Warn("call is not told of", "server", h.endpoint, "error", err)
			return
		}
		c.happened(e)
	}
	if p != nil && p.state == state {
		if k := c.calls.calls[a.ConnID]; !k.data.Equal(a.UserData) {
			tell(func(h EventHeader, a CallAttributes) Event { return &EventAttachedDataChanged{h, a} })
		}
		return
	}
	switch state {
	case PartyStateNull:
		if p != nil {
			c.resync.gone = append(c.resync.gone, goneParty{p, p.touched})
		}
	case PartyStateQueued:
		if p == nil {
			tell(func(h EventHeader, a CallAttributes) Event { return &EventQueued{h, a} })
		}
	case PartyStateRouting:
		if p == nil {
			tell(func(h EventHeader, a CallAttributes) Event { return &EventQueued{h, a} })
		}
		tell(func(h EventHeader, a CallAttributes) Event { return &EventRouteRequest{h, a} })
	case PartyStateDialing:
		tell(func(h EventHeader, a CallAttributes) Event { return &EventDialing{h, a} })
	case PartyStateAlerting:
		tell(func(h EventHeader, a CallAttributes) Event { return &EventRinging{h, a} })
	case PartyStateConnected:
		if p != nil && p.state == PartyStateHeld {
			tell(func(h EventHeader, a CallAttributes) Event { return &EventRetrieved{h, a} })
			return
		}
		tell(func(h EventHeader, a CallAttributes) Event { return &EventEstablished{h, a} })
	case PartyStateHeld:
		if p == nil || p.state != PartyStateConnected {
			tell(func(h EventHeader, a CallAttributes) Event { return &EventEstablished{h, a} })
		}
		tell(func(h EventHeader, a CallAttributes) Event { return &EventHeld{h, a} })
	}
}

// vanish tells that parties are not in their calls any more: they have been diverted when the
// call is known elsewhere, else the call is over for them.
func (c *Client) vanish(gone []*party) {
	all := make(map[*party]bool, len(gone))
	for _, p := range gone {
		all[p] = true
	}
	for _, p := range gone {
		if p.last == nil || c.calls.parties[p.partyKey] != p {
			continue
		}
		a := *p.last
		a.ConnID, a.ThisDN, a.Cause = p.call, p.dn, causeResync
		a.ThirdPartyDN = ""
		header := EventHeader{Server: c.server(), Time: c.o.Clock.Now(), Synthetic: true}
		waits := p.state == PartyStateQueued || p.state == PartyStateRouting
		if waits {
			a.ThisQueue = p.dn
		}
		elsewhere := c.elsewhere(p, all)
		var e Event
		switch {
		case waits && elsewhere != "":
			a.ThirdPartyDN, a.ThirdPartyRole = elsewhere, DNRoleDestination
			e = &EventDiverted{header, a}
		case waits:
			a.CallState = CallStateAbandoned
			e = &EventAbandoned{header, a}
		default:
			a.CallState = CallStateUnknown
			e = &EventReleased{header, a}
		}
		c.happened(e)
	}
}

// elsewhere returns a DN at which the call of a party is that is gone; empty when there is none.
func (c *Client) elsewhere(p *party, gone map[*party]bool) string {
	for _, q := range c.calls.calls[p.call].parties {
		if !gone[q] {
			return q.dn
		}
	}
	return ""
}

func (c *Client) server() string {
	if c.active == nil {
		return ""
	}
	return c.active.server()
}

func (c *Client) synthetic(h *connection) EventHeader {
	header := c.header(h.server())
	header.Synthetic = true
	return header
}
