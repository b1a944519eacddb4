package telephony

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Standby says how the servers of a Client stand in for each other.
type Standby int

const (
	// StandbyWarm: there is one connection at a time. When it is lost the servers
	// are tried in turn. A server that says it is the backup is left again.
	StandbyWarm Standby = iota

	// StandbyHot: there is a connection to every server all the time, and the DNs are
	// registered on all of them. Requests go to the primary, and what happens is told by
	// the primary; the events of the backup are kept for the moment at which it takes over.
	StandbyHot
)

var standbyNames = []string{"Warm", "Hot"}

func (s Standby) String() string { return enumString(standbyNames, "Standby", int(s)) }

// ParseStandby reads a mode: "Warm", "StandbyWarm" or "0".
func ParseStandby(s string) (Standby, error) {
	return enumParse[Standby](standbyNames, "standby mode", "Standby", s)
}

// LinkOptions are the settings of a Client. A nil *LinkOptions and zero fields mean
// the defaults.
type LinkOptions struct {
	// Clock is the time that the Client lives in; default the real time.
	Clock Clock

	// Random returns numbers from 0 up to 1, without 1. It spreads the reconnects of
	// programs that lost the same server. Default rand.Float64.
	Random func() float64

	// RequestTimeout is how long an answer to a request is waited for, from Send on;
	// default 10 s. RequestDeliver, RequestTransferInteraction and RequestConferenceInteraction, which
	// are answered when an agent has decided, have 5 minutes at least.
	RequestTimeout time.Duration

	// Timeout, when not nil, returns the time for one request; 0: the default above. It
	// is called inside Send, must be quick and must not use the Client.
	Timeout func(Request) time.Duration

	// MaxOutstanding is the number of requests that may wait for an answer at the same
	// time; further ones wait to be sent. Default 1,000.
	MaxOutstanding int

	// MaxQueued is the number of requests that may wait to be sent; further ones
	// fail with ErrOverload. Default 100,000, which leaves room for as many DNs that are
	// registered at a time.
	MaxQueued int

	// MaxParties is the number of parties, DNs in a call, whose state is kept for
	// resynchronisation and to drop duplicates; the events of further ones pass
	// unchecked. Default 200,000.
	MaxParties int

	// DialTimeout is how long a connection may take to open; default 10 s.
	DialTimeout time.Duration

	// ReconnectMin and ReconnectMax bound the wait between rounds of attempts to
	// connect. The first attempt after a loss is made at once; the wait after a round
	// that failed doubles each time, from Min to Max, and is shortened by a random
	// part of up to a half. Defaults 500 ms and 30 s.
	ReconnectMin, ReconnectMax time.Duration

	// Standby says what the further endpoints are for; default StandbyWarm.
	Standby Standby

	// Logger is told of connections, of messages that are dropped and, at debug level, of
	// every request and event, in the form that ParseMessage reads; nil is silent.
	Logger *slog.Logger
}

func (o *LinkOptions) setDefaults() error {
	for _, d := range []struct {
		name    string
		value   *time.Duration
		Default time.Duration
	}{
		{"RequestTimeout", &o.RequestTimeout, 10 * time.Second},
		{"DialTimeout", &o.DialTimeout, 10 * time.Second},
		{"ReconnectMin", &o.ReconnectMin, 500 * time.Millisecond},
		{"ReconnectMax", &o.ReconnectMax, max(30*time.Second, o.ReconnectMin)},
	} {
		if *d.value < 0 {
			return fmt.Errorf("telephony: LinkOptions.%s is negative: %s", d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.Default
		}
	}
	for _, n := range []struct {
		name    string
		value   *int
		Default int
	}{
		{"MaxOutstanding", &o.MaxOutstanding, 1000}, {"MaxQueued", &o.MaxQueued, 100_000}, {"MaxParties", &o.MaxParties, 200_000},
	} {
		if *n.value < 0 {
			return fmt.Errorf("telephony: LinkOptions.%s is negative: %d", n.name, *n.value)
		}
		if *n.value == 0 {
			*n.value = n.Default
		}
	}
	switch {
	case o.ReconnectMin > o.ReconnectMax:
		return fmt.Errorf("telephony: LinkOptions.ReconnectMin %s is more than ReconnectMax %s", o.ReconnectMin, o.ReconnectMax)
	case o.Standby != StandbyWarm && o.Standby != StandbyHot:
		return fmt.Errorf("telephony: LinkOptions.Standby is %s: want Warm or Hot", o.Standby)
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Client is a Link over the connections of a Driver. It is what all drivers have
// in common:
//
//   - It numbers requests, matches answers, bounds the time and the number of
//     those under way, and keeps their order.
//   - It connects again after a loss, to the next server in turn or to the backup that is
//     connected already, and polls an idle connection (ADDP).
//   - It remembers registrations: a DN that was registered once is registered again on
//     every new connection, before anything else. A RequestRegisterAddress that
//     repeats one that holds is answered with the EventRegistered of then; programs may thus
//     register at each EventLinkConnected, or once. A registration that is refused after an earlier one
//     of the DN was not answered in time is given up and made again, as the earlier one may hold.
//   - It asks what has become of the calls at registered DNs, where the server can tell
//     (CanQuery, or CallsAt of EventRegistered). What has happened meanwhile becomes an event with
//     EventHeader.Synthetic set: a call that is gone is abandoned or released, with the
//     Cause "resynchronised"; one that has come is queued, wants a route, rings or is
//     established; changed user data is told. What is as it was is not told again: what a program
//     knows of calls goes on to hold after EventLinkConnected. Where the server cannot tell, a
//     synthetic EventPartyInfo with PartyStateNull follows for each party of which it is not known
//     any more whether it is still there.
//   - In the same way it finds out about agents at registered DNs, where the server tells (AgentAt):
//     who was logged in before, or has come, gone or changed his state meanwhile, shows in synthetic events
//     of agents. States of DNs, such as do-not-disturb, are not asked for.
//   - It drops events that come twice, and those that tell of a state that is over,
//     by EventHeader.Sequence where the server counts and by the state of
//     the party where it does not. A route request is handed over once, whichever server repeats it.
//
// A Client has no goroutine of its own: it works on those of its callers, of the
// driver and of the clock. Make one with Open, end it with Close.
type Client struct {
	driver Driver
	o      LinkOptions

	mu        sync.Mutex
	closed    bool
	slots     []*slot     // one, or in hot standby one for each endpoint
	active    *connection // that events are taken from; nil: none
	linkUp    *EventLinkConnected
	last      string // the endpoint that was active last
	caps      Capabilities
	receivers []*receiver
	nextRef   int // that was used last
	wanted    registrations
	calls     callModel
	seats     map[string]seat // agents by registered DN
	resync    *resync         // under way; nil: none

	box       []parcel  // to be handed out, in order
	handing   bool      // somebody is handing out a parcel
	handed    sync.Cond // when that is done
	scheduled bool      // the clock will hand out the next parcel
}

// maxBox is the number of parcels that wait to be handed out while drivers go on.
const maxBox = 1024

var _ Link = (*Client)(nil)

type receiver struct {
	receive func(Event)
	gone    bool // guarded by Client.mu
}

// parcel is something on its way to the user: an event to its receivers, the outcome of a
// request, or both.
type parcel struct {
	to      []*receiver
	event   Event
	outcome func(Event, error)
	err     error
}

// Open begins to connect to the first of the endpoints, or in hot standby to all of
// them, and returns at once. Link.State and the events tell when the
// connection is there. The caller closes the Client.
func Open(d Driver, endpoints []Endpoint, opts *LinkOptions) (*Client, error) {
	var o LinkOptions
	if opts != nil {
		o = *opts
	}
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	if d == nil {
		return nil, errors.New("telephony: Open needs a driver")
	}
	if len(endpoints) == 0 {
		return nil, errors.New("telephony: Open needs an endpoint")
	}
	for i, e := range endpoints {
		if e.ADDP.Timeout < 0 || e.ADDP.RemoteTimeout < 0 {
			return nil, fmt.Errorf("telephony: endpoint %d, %s: an ADDP time-out is negative", i+1, e)
		}
	}
	c := &Client{driver: d, o: o, caps: d.Capabilities(), seats: map[string]seat{},
		wanted: registrations{by: map[string]*RequestRegisterAddress{}}}
	c.handed.L = &c.mu
	c.calls.init(o.MaxParties)
	if o.Standby == StandbyHot {
		for _, e := range endpoints {
			c.slots = append(c.slots, &slot{c: c, endpoints: []Endpoint{e}})
		}
	} else {
		c.slots = []*slot{{c: c, endpoints: append([]Endpoint(nil), endpoints...)}}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.slots {
		s.dial()
	}
	c.schedule()
	return c, nil
}

// State implements Link.
func (c *Client) State() LinkState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state()
}

func (c *Client) state() LinkState {
	switch {
	case c.closed:
		return LinkClosed
	case c.active == nil:
		return LinkConnecting
	case c.linkUp == nil:
		return LinkServerConnected
	}
	return LinkConnected
}

// Capabilities implements Link.
func (c *Client) Capabilities() Capabilities {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.caps
}

// Subscribe implements Link. A nil receive is an error of the program and is never
// called.
func (c *Client) Subscribe(receive func(Event)) (cancel func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || receive == nil {
		return func() {}
	}
	r := &receiver{receive: receive}
	c.receivers = append(c.receivers[:len(c.receivers):len(c.receivers)], r)
	first := Event(&EventLinkDisconnected{EventHeader: c.header("")})
	if c.linkUp != nil {
		first = c.linkUp
	}
	c.put(parcel{to: []*receiver{r}, event: first})
	c.schedule()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		r.gone = true
		for i := range c.receivers {
			if c.receivers[i] == r {
				// A new slice: parcels under way hold the old one.
				c.receivers = append(append([]*receiver(nil), c.receivers[:i]...), c.receivers[i+1:]...)
				return
			}
		}
	}
}

// Close implements Link. Outcomes of requests under way follow; they are all that
// is handed over after Close.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	for _, r := range c.receivers {
		r.gone = true
	}
	c.receivers, c.active, c.linkUp, c.resync = nil, nil, nil, nil
	for _, s := range c.slots {
		if s.retry != nil {
			s.retry()
			s.retry = nil
		}
		if s.conn != nil {
			s.conn.end(ErrClosed)
			s.conn = nil
		}
	}
	c.calls.init(c.o.MaxParties)
	c.schedule()
	return nil
}

// header makes the header of an event of our own.
func (c *Client) header(server string) EventHeader {
	return EventHeader{Server: server, Time: c.o.Clock.Now()}
}

// emit puts an event into the box for all receivers. c.mu is held.
func (c *Client) emit(e Event) { c.put(parcel{to: c.receivers, event: e}) }

// put puts a parcel into the box. c.mu is held; hand or schedule follows.
func (c *Client) put(p parcel) { c.box = append(c.box, p) }

// schedule has the clock hand out the box, from where nothing may be handed out. c.mu
// is held.
func (c *Client) schedule() {
	if len(c.box) > 0 && !c.handing && !c.scheduled {
		c.scheduled = true
		c.o.Clock.AfterFunc(0, func() {
			c.mu.Lock()
			c.scheduled = false
			c.hand()
		})
	}
}

// hand hands out one parcel; the clock does so with the others, one by one, so that with
// a clock that lets engines come to rest between two calls every run is the same. When
// receivers are slower than the driver, which calls it after every event, it waits for them. It is
// called with c.mu held, and gives it free.
func (c *Client) hand() {
	for {
		switch {
		case c.handing && len(c.box) > maxBox:
			c.handed.Wait()
			continue
		case !c.handing && len(c.box) > 0:
			c.handOne()
		}
		if len(c.box) <= maxBox {
			break
		}
	}
	c.schedule()
	c.mu.Unlock()
}

// handOne hands out the first parcel, without c.mu, which is held before and afterwards.
func (c *Client) handOne() {
	c.handing = true
	p := c.box[0]
	c.box[0] = parcel{}
	if c.box = c.box[1:]; len(c.box) == 0 {
		c.box = nil
	}
	if p.outcome != nil {
		c.mu.Unlock()
		if p.err != nil {
			p.outcome(nil, p.err)
		} else {
			p.outcome(p.event, nil)
		}
		c.mu.Lock()
	}
	for _, r := range p.to {
		if !r.gone {
			c.mu.Unlock()
			r.receive(p.event)
			c.mu.Lock()
		}
	}
	c.handing = false
	c.handed.Broadcast()
}
