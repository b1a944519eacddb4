package sim

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// InteractionServerOptions are the settings of an InteractionServer. A nil
// *InteractionServerOptions and zero fields mean the defaults.
type InteractionServerOptions struct {
	// Clock is the time that the server lives in; default the real time.
	Clock Clock

	// Name is the Server of interactions that are submitted without one. Default
	// "sim".
	Name string

	// MaxInteractions is the number of interactions that may exist at the same
	// time; a further one is refused with ErrTooManyInteractions. Default 100,000.
	MaxInteractions int

	// Logger is told of requests and events, at debug level; nil is silent.
	Logger *slog.Logger
}

const defaultMaxInteractions = 100_000

// InteractionQueue is a queue of an InteractionServer.
type InteractionQueue struct {
	// Strategy hands the interactions in the queue to strategies at once; false: they
	// stay there.
	Strategy bool

	// View is the View of the interactions that are handed over.
	View string
}

// InteractionAgent is an agent, or a place, to whom interactions are delivered. He is logged
// in and ready for all media unless he says otherwise.
type InteractionAgent struct {
	// AcceptAfter is the time until an interaction that is offered is accepted; a
	// negative one: it is not, unless RequestAccept does it.
	AcceptAfter time.Duration

	// Reject refuses interactions instead, after the same time.
	Reject bool

	// RevokeAfter is how long an interaction is offered; default 30 s.
	RevokeAfter time.Duration

	// HandleTime is the time until the agent is done and stops the interaction; 0: never.
	HandleTime time.Duration
}

// Errors of an InteractionServer beside those of a Switch.
const (
	CodeUnknownInteraction = 20 // the interaction does not exist, or not any more
	CodeNotControlled      = 21 // it is not in the hands of strategies
	CodeUnknownPlace       = 22 // there is no such queue, agent or place
	CodeNotAccepted        = 23 // the agent has not accepted it
	CodeNotReady           = 24 // the agent is logged out, or not ready for the media type
	CodeNotParty           = 25 // the agent does not handle the interaction
	CodeOffered            = 26 // it is being offered to somebody already, or to nobody
)

// ErrTooManyInteractions: InteractionServerOptions.MaxInteractions is reached.
var ErrTooManyInteractions = errors.New("sim: too many interactions")

// InteractionServer is a simulated Interaction Server: queues, agents, and
// interactions that media servers submit. It keeps time as a Switch does, and is safe for
// concurrent use; it holds nothing that has to be closed.
type InteractionServer struct {
	clock  Clock
	name   string
	max    int
	logger *slog.Logger

	mu        sync.Mutex
	queues    map[string]InteractionQueue
	agents    map[string]*mediaAgent
	items     map[string]*item
	order     uint64 // of coming to a queue or workbin
	receivers []*interactionReceiver
	conns     []*mediaConn // in the order in which they were opened
	sequence  uint64       // of events
	next      int
	sent      []Message
	box       []func() // on its way to the outside, in order
	moving    bool
}

var _ telephony.InteractionServer = (*InteractionServer)(nil)

// Message is what RequestSendMessage, or RequestSubmit with content, has sent.
type Message struct {
	InteractionID string
	Content       telephony.KVList
}

type itemState uint8

const (
	inQueue itemState = iota // or in a workbin
	controlled
	offered
	withAgent
)

type item struct {
	telephony.Interaction
	state   itemState
	order   uint64   // of coming to where it is
	owner   string   // of the workbin
	parties []string // agents or places who have accepted it
	offer   *offer   // under way; nil: none
	content telephony.KVList
}

type interactionReceiver struct {
	receive func(telephony.InteractionEvent)
	gone    bool // guarded by the server
}

// NewInteractionServer makes a server without queues and agents.
func NewInteractionServer(opts *InteractionServerOptions) *InteractionServer {
	var o InteractionServerOptions
	if opts != nil {
		o = *opts
	}
	if o.Clock == nil {
		o.Clock = realTime{}
	}
	if o.Name == "" {
		o.Name = "sim"
	}
	if o.MaxInteractions <= 0 {
		o.MaxInteractions = defaultMaxInteractions
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &InteractionServer{clock: o.Clock, name: o.Name, max: o.MaxInteractions, logger: o.Logger,
		queues: map[string]InteractionQueue{}, agents: map[string]*mediaAgent{}, items: map[string]*item{}}
}

// AddQueue adds a queue, or changes what it does with interactions from now on.
func (s *InteractionServer) AddQueue(name string, q InteractionQueue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues[name] = q
}

// AddAgent adds an agent or a place, or changes what it does from now on.
func (s *InteractionServer) AddAgent(name string, a InteractionAgent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.RevokeAfter <= 0 {
		a.RevokeAfter = defaultRevokeAfter
	}
	if known := s.agents[name]; known != nil {
		known.InteractionAgent = a
		return
	}
	s.agents[name] = &mediaAgent{InteractionAgent: a, name: name, loggedIn: true, notReady: map[string]bool{}}
}

// Submit has a media server put an interaction into its Queue, and returns its
// id: Interaction.ID, or one that is made up.
func (s *InteractionServer) Submit(i telephony.Interaction) (id string, err error) {
	if err := (&telephony.RequestSubmit{Interaction: i}).Validate(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.queues[i.Queue]; !ok {
		return "", fmt.Errorf("sim: no such queue %q", i.Queue)
	}
	x, err := s.add(i)
	if err != nil {
		return "", err
	}
	s.enqueue(x, i.Queue)
	return x.ID, nil
}

func (s *InteractionServer) add(i telephony.Interaction) (*item, error) {
	if i.ID == "" {
		s.next++
		i.ID = fmt.Sprintf("IXN%013d", s.next)
	}
	switch {
	case s.items[i.ID] != nil:
		return nil, fmt.Errorf("sim: interaction %q exists", i.ID)
	case len(s.items) >= s.max:
		return nil, fmt.Errorf("%w: %d", ErrTooManyInteractions, s.max)
	}
	if i.Server == "" {
		i.Server = s.name
	}
	if i.TenantID == 0 {
		i.TenantID = 1
	}
	i.UserData = i.UserData.Clone()
	x := &item{Interaction: i}
	s.items[i.ID] = x
	return x, nil
}

// enqueue puts an interaction into a queue, which may hand it to strategies.
func (s *InteractionServer) enqueue(x *item, queue string) {
	s.park(x, queue, "", "")
	if q := s.queues[queue]; q.Strategy {
		x.state, x.View = controlled, q.View
		s.announce(telephony.InteractionPresent, x, "")
	}
}

// park puts an interaction into a queue or a workbin.
func (s *InteractionServer) park(x *item, queue, workbin, owner string) {
	s.order++
	x.state, x.Queue, x.Workbin, x.owner, x.order, x.parties = inQueue, queue, workbin, owner, s.order, nil
}

// Interaction returns an interaction as it is now, or false when there is none
// with that id.
func (s *InteractionServer) Interaction(id string) (telephony.Interaction, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.items[id]
	if x == nil {
		return telephony.Interaction{}, false
	}
	return x.Interaction, true
}

// Interactions returns the number of interactions that exist.
func (s *InteractionServer) Interactions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.items)
}

// Sent returns the messages that have been sent.
func (s *InteractionServer) Sent() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

// Subscribe implements telephony.InteractionServer.
func (s *InteractionServer) Subscribe(receive func(telephony.InteractionEvent)) (cancel func()) {
	r := &interactionReceiver{receive: receive}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receivers = append(s.receivers[:len(s.receivers):len(s.receivers)], r)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		r.gone = true
		s.receivers = slices.DeleteFunc(slices.Clone(s.receivers), func(x *interactionReceiver) bool { return x == r })
	}
}

// announce sends an event to everybody.
func (s *InteractionServer) announce(t telephony.InteractionEventType, x *item, party string) {
	e := telephony.InteractionEvent{Type: t, Interaction: x.Interaction, Party: party}
	s.tell(&telephony.EventInteraction{EventHeader: s.header(0), InteractionEvent: e})
	to := s.receivers
	s.put(func() {
		s.logger.Debug("event", "message", e)
		for _, r := range to {
			s.mu.Lock()
			gone := r.gone
			s.mu.Unlock()
			if !gone {
				r.receive(e)
			}
		}
	})
}

// put has f run by the clock, after what is in the box already.
func (s *InteractionServer) put(f func()) {
	s.box = append(s.box, f)
	if !s.moving {
		s.moving = true
		s.clock.AfterFunc(0, s.deliver)
	}
}

func (s *InteractionServer) deliver() {
	s.mu.Lock()
	f := s.box[0]
	s.box[0] = nil
	s.box = s.box[1:]
	s.mu.Unlock()
	f()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.box) > 0 {
		s.clock.AfterFunc(0, s.deliver)
		return
	}
	s.box, s.moving = nil, false
}
