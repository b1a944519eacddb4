package fm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
)

// Applications says which application handles a call. *config.Site is one.
type Applications interface {
	// Application returns the URLs of the documents for a call that is at a DN, in
	// the order in which to try them, and the parameters of the session. No URL and
	// no error: calls at this DN are not ours. It is called on the goroutine
	// that delivers events and must be quick.
	Application(dn string, call *telephony.CallAttributes) (urls []string, params map[string]string, err error)
}

// Options are the settings of a Connector. A nil *Options and zero fields mean
// the defaults.
type Options struct {
	// DNs are registered on the link: routing points with applications, and the
	// places that calls are routed to. A call is followed as long as it is at one of them.
	DNs []string

	// Clock is the clock of the engine; default session.SystemClock. Sessions are
	// started from its AfterFunc, because a document may have to be fetched.
	Clock session.Clock

	// StartTimeout bounds the start of a session, fetching its document included;
	// default 30 s. Then the call is left to the switch.
	StartTimeout time.Duration

	// MaxCalls is the number of calls that are followed at the same time; default
	// 100,000. Further ones are left to the switch.
	MaxCalls int

	// Logger is told of calls that cannot be handled and of events that are lost;
	// nil is silent.
	Logger *slog.Logger
}

const (
	defaultStartTimeout = 30 * time.Second
	defaultMaxCalls     = 100_000
)

// SessionKey is the key under which the id of its session is attached to the
// user data of a call.
const SessionKey = "OP-Session-ID"

// Connector binds a telephony link to a session engine: calls start sessions
// and become events, actions of documents become requests. Make it with
// NewConnector, register it with Install, start it with Open, end it with Close. It is
// safe for concurrent use.
type Connector struct {
	apps         Applications
	dns          []string
	known        map[string]bool // dns, as a set
	clock        session.Clock
	startTimeout time.Duration
	maxCalls     int
	logger       *slog.Logger
	newID        func() string

	ready chan struct{} // closed when the first registration has been answered

	mu       sync.Mutex
	engine   *session.Engine
	link     telephony.Link
	cancel   func() // of the subscription
	closed   bool
	calls    map[telephony.ConnID]*call
	sessions map[string][]*call // by session, in the order in which it got them
	starting map[*call]context.CancelFunc
	open     int // registrations not yet answered
	refused  error
	isReady  bool
}

// NewConnector makes a Connector. It does nothing before Open.
func NewConnector(apps Applications, opts *Options) *Connector {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Clock == nil {
		o.Clock = session.SystemClock{}
	}
	if o.StartTimeout <= 0 {
		o.StartTimeout = defaultStartTimeout
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = defaultMaxCalls
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Connector{
		apps: apps, dns: o.DNs, known: map[string]bool{}, clock: o.Clock, startTimeout: o.StartTimeout,
		maxCalls: o.MaxCalls, logger: o.Logger, newID: rand.Text, ready: make(chan struct{}), cancel: func() {},
		calls: map[telephony.ConnID]*call{}, sessions: map[string][]*call{}, starting: map[*call]context.CancelFunc{},
	}
	for _, dn := range o.DNs {
		c.known[dn] = true
	}
	return c
}

// Install registers the modules and the connector in the options of an engine
// that is about to be made: in Parse.Modules, Modules and Observer. What is
// there is kept.
func (c *Connector) Install(o *session.Options) {
	o.Parse.Modules = append(o.Parse.Modules[:len(o.Parse.Modules):len(o.Parse.Modules)], Modules()...)
	handlers := map[string]session.ModuleHandler{}
	for namespace, h := range o.Modules {
		handlers[namespace] = h
	}
	for _, p := range parts() {
		for _, namespace := range p.spec.namespaces() {
			handlers[namespace] = handler{c, p.perform}
		}
	}
	o.Modules = handlers
	ended := o.Observer.SessionEnded
	o.Observer.SessionEnded = func(info session.Info, r session.Result) {
		c.sessionEnded(info.ID)
		if ended != nil {
			ended(info, r)
		}
	}
	if o.NewID != nil {
		c.newID = o.NewID
	}
}

// handler hides Call from the users of a Connector.
type handler struct {
	c       *Connector
	perform func(c *Connector, effect *session.ModuleCall) error
}

// Call implements session.ModuleHandler.
func (h handler) Call(_ context.Context, effect *session.ModuleCall) error {
	h.c.mu.Lock()
	defer h.c.mu.Unlock()
	if h.c.link == nil {
		return errors.New("fm: the connector is not open")
	}
	return h.perform(h.c, effect)
}

// Open begins: it subscribes to the link and registers Options.DNs, each time
// that the link says it is connected. engine is the one whose options were given to
// Install; both it and the link stay the caller's to close. A Connector is opened once.
func (c *Connector) Open(engine *session.Engine, link telephony.Link) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return errors.New("fm: the connector is closed")
	case c.link != nil:
		return errors.New("fm: the connector is open")
	case !link.Capabilities().Has(telephony.CanMonitor):
		return fmt.Errorf("fm: the link reports no calls: it can %s", link.Capabilities())
	}
	c.engine, c.link = engine, link
	// No event is delivered before the lock is free.
	c.cancel = link.Subscribe(c.receive)
	return nil
}

// Ready waits until the switch has answered the registration of every DN and
// returns what it refused. With a clock that has to be advanced, so has Ready.
func (c *Connector) Ready(ctx context.Context) error {
	select {
	case <-c.ready:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.refused
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the connection of engine and link. Sessions go on without events
// from calls, and actions fail with the code unknown. It may be called more than once.
func (c *Connector) Close() error {
	c.mu.Lock()
	cancel := c.cancel
	c.closed = true
	for _, stop := range c.starting {
		stop()
	}
	clear(c.calls)
	clear(c.sessions)
	c.mu.Unlock()
	cancel()
	return nil
}

// register asks for the events of all DNs. c.mu is held.
func (c *Connector) register() {
	c.open = len(c.dns)
	c.refused = nil
	if c.open == 0 {
		c.registered()
	}
	for _, dn := range c.dns {
		c.link.Send(&telephony.RequestRegisterAddress{ThisDN: dn}, func(_ telephony.Event, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if err != nil {
				c.refused = errors.Join(c.refused, fmt.Errorf("fm: registering DN %s: %w", dn, err))
				c.logger.Warn("DN is not registered", "dn", dn, "error", err)
			}
			if c.open--; c.open == 0 {
				c.registered()
			}
		})
	}
}

func (c *Connector) registered() {
	if !c.isReady {
		c.isReady = true
		close(c.ready)
	}
}

// begin starts a session for a call. c.mu is held.
func (c *Connector) begin(k *call, urls []string, params map[string]string) {
	k.session, k.starting = c.newID(), true
	c.sessions[k.session] = append(c.sessions[k.session], k)
	ctx, cancel := context.WithTimeout(context.Background(), c.startTimeout)
	c.starting[k] = cancel
	req := session.StartRequest{SessionID: k.session, Params: parameters(params)}
	c.clock.AfterFunc(0, func() {
		defer cancel()
		var err error
		for _, req.URL = range urls {
			if _, err = c.engine.Start(ctx, req); !mayTryNext(err) {
				break
			}
			c.logger.Warn("document cannot be used", "url", req.URL, "error", err)
		}
		c.begun(k, req.URL, err)
	})
}

// mayTryNext reports whether a start failed for a reason that another document
// could cure.
func mayTryNext(err error) bool {
	return err != nil && !errors.Is(err, session.ErrClosed) && !errors.Is(err, session.ErrTooMany)
}

// begun is the end of begin: the session hears what has happened meanwhile.
func (c *Connector) begun(k *call, url string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.starting, k)
	k.starting = false
	waiting := k.held
	k.held = nil
	if c.closed {
		return
	}
	if err != nil {
		c.logger.Error("call is left to the switch: no session", "connid", k.conn, "dn", k.attachAt, "url", url, "error", err)
		c.unbind(k)
		c.forget(k)
		return
	}
	for _, e := range waiting {
		c.deliver(e.session, e.event)
	}
	switch {
	case k.session == "": // it has ended already
	case c.calls[k.conn] != k:
		c.unbind(k) // the call is over
	default:
		c.attach(k)
	}
}

// attach writes the id of its session into the user data of a call. c.mu is held.
func (c *Connector) attach(k *call) {
	if !c.link.Capabilities().Has(telephony.CanAttach) {
		return
	}
	data := telephony.KVList{{Key: SessionKey, Value: telephony.String(k.session)}}
	c.link.Send(&telephony.RequestUpdateUserData{ThisDN: k.attachAt, ConnID: k.conn, UserData: data},
		func(_ telephony.Event, err error) {
			if err != nil {
				c.logger.Debug("session id not attached", "connid", k.conn, "error", err)
			}
		})
}

// sessionEnded lets go of the calls of a session. They go on without it: one
// that waits is routed by the switch, or gets a new session at the next routing point.
func (c *Connector) sessionEnded(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.sessions[id] {
		k.session, k.treatment, k.routing = "", nil, nil
		if len(k.parties) == 0 {
			delete(c.calls, k.conn)
		}
	}
	delete(c.sessions, id)
}

// unbind takes a call away from its session. c.mu is held.
func (c *Connector) unbind(k *call) {
	list := c.sessions[k.session]
	for i := range list {
		if list[i] == k {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(c.sessions, k.session)
	} else {
		c.sessions[k.session] = list
	}
	k.session = ""
}

// forget ends the following of a call. c.mu is held.
func (c *Connector) forget(k *call) {
	if c.calls[k.conn] == k {
		delete(c.calls, k.conn)
	}
}

// emit sends an event to a session, or keeps it while the session of k is being
// started. c.mu is held.
func (c *Connector) emit(k *call, id string, ev *scxml.Event) {
	switch {
	case id == "":
	case k != nil && k.starting && k.session == id:
		k.held = append(k.held, heldEvent{id, ev})
	default:
		c.deliver(id, ev)
	}
}

func (c *Connector) deliver(id string, ev *scxml.Event) {
	// The context bounds nothing here: Send does not wait.
	err := c.engine.Send(context.Background(), id, ev)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		c.logger.Warn("event lost", "session", id, "event", ev.Name, "error", err)
	}
}
