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

// InteractionAgent is an agent, or a place, to whom interactions are delivered.
type InteractionAgent struct {
	// AcceptAfter is the time until an interaction that is offered is accepted; a
	// negative one: it is not.
	AcceptAfter time.Duration

	// Reject refuses interactions instead, after the same time.
	Reject bool

	// RevokeAfter is how long an interaction is offered; default 30 s.
	RevokeAfter time.Duration

	// HandleTime is the time until the agent is done and stops the interaction; 0: never.
	HandleTime time.Duration
}

const defaultRevokeAfter = 30 * time.Second

// Errors of an InteractionServer beside those of a Switch.
const (
	CodeUnknownInteraction = 20 // the interaction does not exist, or not any more
	CodeNotControlled      = 21 // it is not in the hands of strategies
	CodeUnknownPlace       = 22 // there is no such queue, agent or place
	CodeNotAccepted        = 23 // the agent has not accepted it
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
	agents    map[string]InteractionAgent
	items     map[string]*item
	receivers []*interactionReceiver
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
	agent   string
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
		queues: map[string]InteractionQueue{}, agents: map[string]InteractionAgent{}, items: map[string]*item{}}
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
	s.agents[name] = a
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
	x.state, x.Queue, x.Workbin = inQueue, queue, ""
	if q := s.queues[queue]; q.Strategy {
		x.state, x.View = controlled, q.View
		s.announce(telephony.InteractionPresent, x, "")
	}
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

// answer is the outcome of a request: an interaction, or an error.
type answer func(x *item, err error)

// Send implements telephony.InteractionServer.
func (s *InteractionServer) Send(req telephony.InteractionRequest, outcome func(telephony.Interaction, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logger.Debug("request", "message", req)
	reply := func(x *item, err error) {
		var now telephony.Interaction
		if x != nil {
			now = x.Interaction
		}
		s.put(func() { outcome(now, err) })
	}
	if err := req.Validate(); err != nil {
		reply(nil, err)
		return
	}
	if no := s.carryOut(req, reply); no != nil {
		reply(nil, &telephony.RequestError{Request: req.Name(), Code: no.code, Message: no.message})
	}
}

func (s *InteractionServer) carryOut(req telephony.InteractionRequest, reply answer) *refusal {
	switch r := req.(type) {
	case *telephony.RequestSubmit:
		x, err := s.add(r.Interaction)
		if err != nil {
			return &refusal{CodeResources, err.Error()}
		}
		x.state, x.content = controlled, r.Content
		reply(x, nil)
	case *telephony.RequestPull:
		return s.with(r.InteractionID, false, func(x *item) {
			x.state = controlled
			reply(x, nil)
			s.announce(telephony.InteractionPresent, x, "")
		})
	case *telephony.RequestPlaceInQueue:
		if _, ok := s.queues[r.Queue]; !ok {
			return &refusal{CodeUnknownPlace, "no such queue " + r.Queue}
		}
		return s.with(r.InteractionID, true, func(x *item) {
			x.Queue = r.Queue
			reply(x, nil)
			s.announce(telephony.InteractionNotControlled, x, "")
			s.enqueue(x, r.Queue)
		})
	case *telephony.RequestPlaceInWorkbin:
		return s.with(r.InteractionID, true, func(x *item) {
			x.state, x.Workbin = inQueue, r.Workbin
			reply(x, nil)
			s.announce(telephony.InteractionNotControlled, x, "")
		})
	case *telephony.RequestDeliver:
		return s.offer(r, reply)
	case *telephony.RequestStopProcessing:
		return s.with(r.InteractionID, false, func(x *item) {
			reply(x, nil)
			s.stop(x)
		})
	case *telephony.RequestChangeProperties:
		return s.with(r.InteractionID, false, func(x *item) {
			x.UserData = changedData(x.UserData, r)
			reply(x, nil)
			s.announce(telephony.InteractionChanged, x, "")
		})
	case *telephony.RequestSendMessage:
		return s.with(r.InteractionID, true, func(x *item) {
			content := r.Content
			if content == nil {
				content = x.content
			}
			s.sent = append(s.sent, Message{x.ID, content})
			reply(x, nil)
		})
	default:
		return &refusal{0, "the simulated server does not know " + req.Name()}
	}
	return nil
}

// with finds an interaction, which on demand has to be in the hands of strategies.
func (s *InteractionServer) with(id string, mine bool, f func(*item)) *refusal {
	x := s.items[id]
	switch {
	case x == nil:
		return &refusal{CodeUnknownInteraction, "no such interaction " + id}
	case mine && x.state != controlled:
		return &refusal{CodeNotControlled, "interaction " + id + " is not in the hands of a strategy"}
	}
	f(x)
	return nil
}

func (s *InteractionServer) stop(x *item) {
	delete(s.items, x.ID)
	s.announce(telephony.InteractionStopped, x, "")
}

// changedData returns user data after a change; lists that were handed out stay
// as they are.
func changedData(old telephony.KVList, r *telephony.RequestChangeProperties) telephony.KVList {
	var data telephony.KVList
	if !r.DeleteAll {
		data = old.Clone()
	}
	for _, key := range r.Deleted {
		data.Delete(key)
	}
	for _, p := range r.Changed {
		data.Set(p.Key, p.Value)
	}
	return data
}

// offer carries out RequestDeliver.
func (s *InteractionServer) offer(r *telephony.RequestDeliver, reply answer) *refusal {
	name := r.AgentID
	if name == "" {
		name = r.PlaceID
	}
	a, ok := s.agents[name]
	if !ok {
		return &refusal{CodeUnknownPlace, "no such agent or place " + name}
	}
	return s.with(r.InteractionID, true, func(x *item) {
		x.state, x.agent = offered, name
		after, accepted := a.AcceptAfter, !a.Reject
		if after < 0 || after > a.RevokeAfter {
			after, accepted = a.RevokeAfter, false
		}
		s.later(x, offered, after, func() {
			if !accepted {
				x.state, x.agent = controlled, ""
				reply(nil, &telephony.RequestError{Request: r.Name(), Code: CodeNotAccepted, Message: name + " has not accepted the interaction"})
				return
			}
			x.state = withAgent
			s.announce(telephony.InteractionPartyAdded, x, name)
			reply(x, nil)
			s.announce(telephony.InteractionNotControlled, x, "")
			if a.HandleTime > 0 {
				s.later(x, withAgent, a.HandleTime, func() { s.stop(x) }, func() {})
			}
		}, func() {
			reply(nil, &telephony.RequestError{Request: r.Name(), Code: CodeNotControlled, Message: "interaction " + x.ID + " was taken away meanwhile"})
		})
	})
}

// later runs f after a time, or otherwise when the interaction is not in the same
// hands any more.
func (s *InteractionServer) later(x *item, state itemState, d time.Duration, f, otherwise func()) {
	agent := x.agent
	s.clock.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.items[x.ID] == x && x.state == state && x.agent == agent {
			f()
		} else {
			otherwise()
		}
	})
}
