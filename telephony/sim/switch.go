package sim

import (
	"cmp"
	"errors"
	"log/slog"
	"slices"
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

	// NoAnswer is what becomes of an agent who does not answer a call that was
	// routed or distributed to him; default NoAnswerNone.
	NoAnswer NoAnswerAction

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

// Errors that callers branch on.
var (
	// ErrUnknownDN: the switch has no such DN, or none of the kind that is needed.
	ErrUnknownDN = errors.New("sim: no such DN")
	// ErrUnknownAgent: the switch has no such agent.
	ErrUnknownAgent = errors.New("sim: no such agent")
	// ErrExists: there is a DN, an agent or a server of that name.
	ErrExists = errors.New("exists")
	// ErrAgentState: the agent is not logged in, or is already.
	ErrAgentState = errors.New("sim: wrong state of the agent")
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
	noAnswer    NoAnswerAction

	mu       sync.Mutex
	points   map[string]*routePoint
	exts     map[string]*extension
	queues   map[string]*acdQueue
	virtual  map[string]bool
	outside  map[string]*Outside
	agents   map[string]*agent
	calls    map[telephony.ConnID]*call
	nextConn telephony.ConnID
	nextCall int
	recorded int       // announcements
	turns    uint64    // agents that have become ready
	sequence uint64    // of events
	servers  []*Server // in the order in which they were added
	conns    []*conn   // in the order in which they were opened
	box      []parcel  // on its way to the clients, in order
	moving   bool      // a timer is set to hand out the next parcel
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
	s := &Switch{
		clock: o.Clock, name: o.Name, maxCalls: o.MaxCalls, treat: o.Treat, trace: o.Trace, logger: o.Logger,
		keepConsult: o.KeepConsultConnID, noAnswer: o.NoAnswer,
		points: map[string]*routePoint{}, exts: map[string]*extension{}, queues: map[string]*acdQueue{}, virtual: map[string]bool{},
		outside: map[string]*Outside{}, agents: map[string]*agent{}, calls: map[telephony.ConnID]*call{}, nextConn: o.FirstConnID, nextCall: 1,
	}
	s.servers = []*Server{{sw: s, name: o.Name, role: telephony.ServerRoleUnknown, up: true, connected: true}}
	return s
}

// Calls returns the number of calls that exist.
func (s *Switch) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// CallStatus is where a call is.
type CallStatus struct {
	ConnID  telephony.ConnID
	Type    telephony.CallType
	Outside bool     // somebody outside takes part
	Waits   string   // the routing point or queue where it waits; empty for none
	DNs     []string // the extensions in it, each with its state: "7001 Connected"
}

// List tells where the calls are, in the order of their ConnIDs.
func (s *Switch) List() []CallStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]CallStatus, 0, len(s.calls))
	for _, k := range s.calls {
		st := CallStatus{ConnID: k.conn, Type: k.typ, Outside: k.outside, Waits: k.at}
		for _, l := range k.legs {
			st.DNs = append(st.DNs, l.dn+" "+k.partyState(l.dn).String())
		}
		list = append(list, st)
	}
	slices.SortFunc(list, func(a, b CallStatus) int { return cmp.Compare(a.ConnID, b.ConnID) })
	return list
}

// header makes the header of a new event.
func (s *Switch) header(ref int) telephony.EventHeader {
	s.sequence++
	return telephony.EventHeader{Server: s.name, Time: s.clock.Now(), ReferenceID: ref, Sequence: s.sequence}
}

// realTime is the clock of the machine.
type realTime struct{}

func (realTime) Now() time.Time { return time.Now() }

func (realTime) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
