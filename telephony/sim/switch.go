package sim

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// Clock is the time that a Switch lives in.
type Clock = telephony.Clock

// Options are the settings of a Switch. A nil *Options and zero fields mean the
// defaults.
type Options struct {
	// Clock is the time that the switch lives in; default the real time.
	Clock Clock

	// Name is the name of the switch, to which RequestRouteCall.Location may refer,
	// and the Server of its events. Default "sim".
	Name string

	// FirstConnID is the ConnID of the first call; the following ones count up.
	// Default 0x0001000000000001.
	FirstConnID telephony.ConnID

	// MaxCalls is the number of calls that may exist at the same time; a further
	// one is refused with ErrTooManyCalls. Default 100,000.
	MaxCalls int

	// KeepConsultConnID lets the consult call survive when a transfer is completed,
	// as some switches do, and not the call on hold.
	KeepConsultConnID bool

	// Treat decides what happens to a treatment; default Announce. It must be
	// quick and must not call the switch.
	Treat func(*telephony.RequestApplyTreatment) Treatment

	// Trace is told of each event that a link is about to hand out, before its
	// receivers and before whoever asked for it learns of the outcome. It is called
	// like a receiver (telephony.Link). nil: nobody.
	Trace func(telephony.Event)

	// Logger is told of requests and events, at debug level; nil is silent.
	Logger *slog.Logger
}

// DefaultFirstConnID is the ConnID of the first call of a Switch.
const DefaultFirstConnID telephony.ConnID = 0x0001_0000_0000_0001

const defaultMaxCalls = 100_000

// Treatment is what becomes of a RequestApplyTreatment.
type Treatment struct {
	// Duration is the time until EventTreatmentEnd; a negative one never ends.
	Duration time.Duration
	// Digits are those that the caller enters: CollectedDigits of EventTreatmentEnd.
	Digits string
	// Refuse, when not empty, is the message of an EventTreatmentNotApplied.
	Refuse string
}

// Announce is the default of Options.Treat: sounds without an end (music, ring
// back, silence, busy and fast busy tone) play until they are replaced; anything else takes two
// seconds and collects no digits.
func Announce(r *telephony.RequestApplyTreatment) Treatment {
	switch r.TreatmentType {
	case telephony.TreatmentMusic, telephony.TreatmentRingBack, telephony.TreatmentSilence,
		telephony.TreatmentBusy, telephony.TreatmentFastBusy:
		return Treatment{Duration: -1}
	}
	return Treatment{Duration: 2 * time.Second}
}

// RoutePoint is a DN where calls wait to be routed.
type RoutePoint struct {
	// Timeout is how long a call waits for RequestRouteCall before the switch
	// routes it to Default; 0 waits for ever.
	Timeout time.Duration
	// Default is the DN of default routing, also that of RouteTypeDefault without
	// a destination. Where there is none, or it is busy, the call is released instead.
	Default string
	// RingTimeout is how long a destination may ring before the call comes back to
	// the routing point; 0 rings for ever.
	RingTimeout time.Duration
}

// Extension is a DN where an agent answers.
type Extension struct {
	// AgentID is the agent logged in there; may be empty.
	AgentID string
	// AnswerAfter is the time that it rings before the agent answers; a negative
	// one: the agent does not answer.
	AnswerAfter time.Duration
	// TalkTime is the time until the agent hangs up; 0: the agent never does.
	TalkTime time.Duration
}

// Errors of the caller's side.
var (
	// ErrUnknownDN: the switch has no such DN.
	ErrUnknownDN = errors.New("sim: no such DN")
	// ErrNoCall: there is no such call, or not any more.
	ErrNoCall = errors.New("sim: no such call")
	// ErrBusy: the extension is in another call.
	ErrBusy = errors.New("sim: DN is busy")
	// ErrTooManyCalls: Options.MaxCalls is reached.
	ErrTooManyCalls = errors.New("sim: too many calls")
)

// Switch is a simulated switch. Make one with New; it holds nothing that has to
// be closed.
type Switch struct {
	clock    Clock
	name     string
	maxCalls int
	treat    func(*telephony.RequestApplyTreatment) Treatment
	trace    func(telephony.Event)
	logger   *slog.Logger

	keepConsult bool

	mu       sync.Mutex
	points   map[string]*RoutePoint
	exts     map[string]*extension
	calls    map[telephony.ConnID]*call
	nextConn telephony.ConnID
	nextCall int
	links    []*Link // in the order in which they were opened
	down     bool
	box      []parcel // on its way to the links, in order
	moving   bool     // a timer is set to hand out the next parcel
}

// extension is an Extension and its part in calls.
type extension struct {
	Extension
	legs []*leg
}

// New makes a switch without DNs.
func New(opts *Options) *Switch {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Clock == nil {
		o.Clock = realTime{}
	}
	if o.Name == "" {
		o.Name = "sim"
	}
	if o.FirstConnID == 0 {
		o.FirstConnID = DefaultFirstConnID
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = defaultMaxCalls
	}
	if o.Treat == nil {
		o.Treat = Announce
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Switch{
		clock: o.Clock, name: o.Name, maxCalls: o.MaxCalls, treat: o.Treat, trace: o.Trace, logger: o.Logger, keepConsult: o.KeepConsultConnID,
		points: map[string]*RoutePoint{}, exts: map[string]*extension{}, calls: map[telephony.ConnID]*call{},
		nextConn: o.FirstConnID, nextCall: 1,
	}
}

// AddRoutePoint adds a routing point. A DN that exists is an error.
func (s *Switch) AddRoutePoint(dn string, p RoutePoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.free(dn); err != nil {
		return err
	}
	s.points[dn] = &p
	return nil
}

// AddExtension adds an extension. A DN that exists is an error.
func (s *Switch) AddExtension(dn string, e Extension) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.free(dn); err != nil {
		return err
	}
	s.exts[dn] = &extension{Extension: e}
	return nil
}

func (s *Switch) free(dn string) error {
	if dn == "" {
		return errors.New("sim: a DN needs a number")
	}
	if s.points[dn] != nil || s.exts[dn] != nil {
		return fmt.Errorf("sim: DN %s exists", dn)
	}
	return nil
}

// Caller is somebody who dials in.
type Caller struct {
	ANI  string // number of the caller; may be empty
	DNIS string // number dialled; default the DN that is called
	// Patience is the time after which the caller hangs up unless an agent has
	// answered; 0: never.
	Patience time.Duration
	UserData telephony.KVList
}

// Call lets a caller dial dn, a routing point or an extension, and returns the
// ConnID of the new call.
func (s *Switch) Call(dn string, c Caller) (telephony.ConnID, error) {
	if err := c.UserData.Validate(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ext := s.exts[dn]
	switch {
	case s.points[dn] == nil && ext == nil:
		return 0, fmt.Errorf("%w: %s", ErrUnknownDN, dn)
	case ext != nil && len(ext.legs) > 0:
		return 0, fmt.Errorf("%w: %s", ErrBusy, dn)
	case len(s.calls) >= s.maxCalls:
		return 0, fmt.Errorf("%w: %d", ErrTooManyCalls, s.maxCalls)
	}
	if c.DNIS == "" {
		c.DNIS = dn
	}
	k := s.newCall(telephony.CallTypeInbound, c.ANI, c.DNIS, c.UserData)
	k.outside = true
	if c.Patience > 0 {
		k.patience = k.after(c.Patience, k.hangUp)
	}
	k.goTo(dn)
	return k.conn, nil
}

func (s *Switch) newCall(typ telephony.CallType, ani, dnis string, data telephony.KVList) *call {
	k := &call{
		sw: s, conn: s.nextConn, number: s.nextCall, typ: typ, ani: ani, dnis: dnis, data: data.Clone(),
		uuid: telephony.CallUUID(fmt.Sprintf("%016X%016X", uint64(s.nextConn), s.nextCall)),
	}
	s.nextConn++
	s.nextCall++
	s.calls[k.conn] = k
	return k
}

// HangUp lets the one who began a call hang up: the caller from outside, or the
// extension that dialled.
func (s *Switch) HangUp(id telephony.ConnID) error {
	return s.with(id, (*call).hangUp)
}

// Release lets the agent of a ringing or established call hang up: the one that
// joined it last.
func (s *Switch) Release(id telephony.ConnID) error {
	return s.with(id, (*call).releaseAgent)
}

func (s *Switch) with(id telephony.ConnID, f func(*call)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.calls[id]
	if k == nil {
		return fmt.Errorf("%w: %s", ErrNoCall, id)
	}
	f(k)
	return nil
}

// Calls returns the number of calls that exist.
func (s *Switch) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// SetConnected takes the connection between the links and the switch away, or
// gives it back. While it is away requests fail with telephony.ErrLinkDown and events are lost;
// registrations have to be made again. Calls go on.
func (s *Switch) SetConnected(connected bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down == !connected {
		return
	}
	s.down = !connected
	for _, l := range s.links {
		clear(l.dns)
		s.post(l, s.linkState())
	}
}

func (s *Switch) linkState() telephony.Event {
	if s.down {
		return &telephony.EventLinkDisconnected{EventHeader: s.header(0)}
	}
	return &telephony.EventLinkConnected{EventHeader: s.header(0)}
}

func (s *Switch) header(ref int) telephony.EventHeader {
	return telephony.EventHeader{Server: s.name, Time: s.clock.Now(), ReferenceID: ref}
}

// realTime is the clock of the machine.
type realTime struct{}

func (realTime) Now() time.Time { return time.Now() }

func (realTime) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
