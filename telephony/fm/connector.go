package fm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
)

// Applications says which application handles a call. *config.Site is one.
type Applications interface {
	// Application returns what runs for a call that is at a DN. No URL and
	// no error: calls at this DN are not ours. It is called on the goroutine
	// that delivers events and must be quick. For a multimedia interaction dn is its
	// queue, and call has that, the media type and the user data.
	Application(dn string, call *telephony.CallAttributes) (session.Application, error)
}

// Options are the settings of a Connector. A nil *Options and zero fields mean
// the defaults.
type Options struct {
	// DNs are registered on the link: routing points with applications, and the
	// places that calls are routed to, those of agents among them: what they say there reaches
	// Targets. A call is followed as long as it is at one of them. SetDNs changes them.
	DNs []string

	// Clock is the clock of the engine; default session.SystemClock. Sessions are
	// started from its AfterFunc, because a document may have to be fetched.
	Clock session.Clock

	// StartTimeout bounds the start of a session, fetching its document included;
	// default 30 s. Then the call is left to the switch.
	StartTimeout time.Duration

	// OrphanTimeout is how long a call that has left its last DN, and may still
	// appear at another one of DNs, is waited for; default 10 s. Then it is over for its session,
	// because it went where it cannot be seen.
	OrphanTimeout time.Duration

	// MaxCalls is the number of calls that are followed at the same time; default
	// 100,000. Further ones are left to the switch.
	MaxCalls int

	// NewSessionOnReroute, where it returns true, has a call that comes to another routing point with an
	// application leave its session, as by <ixn:detach>, and get a new one. It must be quick. nil: the call stays in its
	// session, which hears of the route request.
	NewSessionOnReroute func() bool

	// MaxRedirects is how often an interaction may be routed, placed in a queue or delivered within 10 s;
	// default 50. What is one more is refused with the code invaliddestination, and logged: strategies that
	// send a call to a routing point of their own would go on for ever.
	MaxRedirects int

	// Services carry out the modules that need no telephony: session, statistic and
	// others. The Connector installs, opens and closes them. Default: Services with
	// Clock and Logger that reach nothing outside of the process.
	Services *Services

	// Targets selects targets for <queue:submit>; a *router.Router is one. nil:
	// the actions of the queue module fail with the code unknown.
	Targets TargetSelector

	// Interactions keeps the multimedia interactions. nil: there are none, and the
	// actions on them fail.
	Interactions telephony.InteractionServer

	// Transcripts reads what is said in chats, for <ixn:getcontent>. nil: that fails with the code unknown.
	Transcripts Transcripts

	// TenantID is the tenantid of calls; default 1. Multimedia interactions have
	// their own.
	TenantID int

	// Logger is told of calls that cannot be handled and of events that are lost;
	// nil is silent.
	Logger *slog.Logger
}

const (
	defaultStartTimeout  = 30 * time.Second
	defaultOrphanTimeout = 10 * time.Second
	defaultMaxCalls      = 100_000
	defaultMaxRedirects  = 50
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
	known        map[string]bool // those of dns and of retired
	retired      map[string]bool // registered, and to be given up
	retiring     bool            // somebody will look at them again
	clock        session.Clock
	startTimeout time.Duration
	orphanAfter  time.Duration
	reroute      func() bool // Options.NewSessionOnReroute; nil: never
	maxCalls     int
	maxRedirects int
	tenant       int
	server       telephony.InteractionServer // nil without
	transcripts  Transcripts                 // nil without
	actions      map[string]ixnAction
	once         map[string]bool
	targets      TargetSelector
	logger       *slog.Logger

	ready chan struct{} // closed when the first registration has been answered

	mu       sync.Mutex
	engine   *session.Engine
	link     telephony.Link
	cancel   func() // of the subscriptions
	closed   bool
	linked   bool // the link is connected
	calls    map[telephony.ConnID]*call
	former   map[telephony.ConnID]*call // by the ConnIDs that they had before a merge
	ids      map[string]*call           // interactions of every kind that are followed
	sessions map[string][]*call         // by session, in the order in which it got them
	starting map[string]*startup
	recent   map[string]*recent        // by session; of all that this Connector has to do with
	hops     map[string]int            // by interaction: how often it was routed lately
	turned   map[telephony.ConnID]bool // calls that are left to the switch for want of room

	submissions map[string]map[string]*submission        // by session and request id
	unanswered  map[string]map[session.EffectID]*pending // actions under way, by session
	answers     map[*scxml.Event]session.EffectID        // what events answer; they are emitted at once
	mail        *mail                                    // that of services
	held        string                                   // the session of which holding is called; empty: it is not
	gifts       []*gift
	settings    map[string]*datamodel.Object // of the queue module, by session
	services    *Services
	open        int // registrations not yet answered
	refused     error
	isReady     bool
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
	if o.OrphanTimeout <= 0 {
		o.OrphanTimeout = defaultOrphanTimeout
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = defaultMaxCalls
	}
	if o.MaxRedirects <= 0 {
		o.MaxRedirects = defaultMaxRedirects
	}
	if o.TenantID == 0 {
		o.TenantID = 1
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Connector{
		apps:         apps,
		dns:          o.DNs,
		known:        map[string]bool{},
		clock:        o.Clock,
		startTimeout: o.StartTimeout,
		orphanAfter:  o.OrphanTimeout,
		reroute:      o.NewSessionOnReroute,
		maxCalls:     o.MaxCalls,
		maxRedirects: o.MaxRedirects,
		tenant:       o.TenantID,
		server:       o.Interactions,
		transcripts:  o.Transcripts,
		actions:      ixnActions(),
		targets:      o.Targets,
		logger:       o.Logger,
		ready:        make(chan struct{}),
		cancel:       func() {},
		once:         once(),
		calls:        map[telephony.ConnID]*call{},
		former:       map[telephony.ConnID]*call{},
		sessions:     map[string][]*call{},
		starting:     map[string]*startup{},
		retired:      map[string]bool{},
		ids:          map[string]*call{},
		recent:       map[string]*recent{},
		hops:         map[string]int{},
		turned:       map[telephony.ConnID]bool{},
		submissions:  map[string]map[string]*submission{},
		settings:     map[string]*datamodel.Object{},
		unanswered:   map[string]map[session.EffectID]*pending{},
		answers:      map[*scxml.Event]session.EffectID{},
	}
	for _, dn := range o.DNs {
		c.known[dn] = true
	}
	if c.services = o.Services; c.services == nil {
		// The error is one of FetchOptions, which are empty.
		c.services, _ = NewServices(&ServicesOptions{Clock: o.Clock, Logger: o.Logger})
	}
	c.mail = c.services.mail
	return c
}

// Install registers the modules and the connector in the options of an engine
// that is about to be made: in Parse.Modules, Modules and Observer. What is
// there is kept.
func (c *Connector) Install(o *session.Options) {
	c.services.Install(o) // which leaves the caller's slice and map alone
	handlers := o.Modules
	for _, p := range parts(c) {
		o.Parse.Modules = append(o.Parse.Modules, p.module)
		for _, namespace := range p.spec.namespaces() {
			handlers[namespace] = handler{c, p.perform}
		}
	}
	ended := o.Observer.SessionEnded
	o.Observer.SessionEnded = func(info session.Info, r session.Result) {
		c.sessionEnded(info.ID)
		if ended != nil {
			ended(info, r)
		}
	}
}

// handler hides Call from the users of a Connector.
type handler struct {
	c       *Connector
	perform func(c *Connector, effect *session.ModuleCall) error
}

// Call implements session.ModuleHandler.
func (h handler) Call(_ context.Context, effect *session.ModuleCall) error {
	id := effect.Effect.Session
	var err error
	h.c.holding(id, func() { // it gets the answers before what it tells itself next
		switch {
		case h.c.link == nil:
			err = errors.New("fm: the connector is not open")
		case !h.c.repeated(effect.Effect):
			err = h.c.call(effect, h.perform)
		}
	})
	if err == nil && h.c.owes(effect.Effect) {
		return session.ErrPending
	}
	return err
}

// holding runs f with c.mu held, and then gives a session what f has told it, on this goroutine: one that works for
// the session alone.
func (c *Connector) holding(id string, f func()) {
	defer c.mail.give(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = id
	defer func() { c.held = "" }()
	f()
}

// recent are the last effects of a session that were carried out.
type recent struct {
	effects []effectKey
	next    int // the one to be overwritten, when there are maxRecent
}

type effectKey struct {
	macrostep uint64
	index     int
}

const maxRecent = 64

// recentOf returns them, and notes that the Connector has to do with the session.
func (c *Connector) recentOf(session string) *recent {
	r := c.recent[session]
	if r == nil {
		r = &recent{}
		c.recent[session] = r
	}
	return r
}

// repeated reports whether an effect has been carried out before, and notes it.
// c.mu is held.
func (c *Connector) repeated(id session.EffectID) bool {
	r := c.recentOf(id.Session)
	key := effectKey{id.Macrostep, id.Index}
	switch {
	case slices.Contains(r.effects, key):
		return true
	case len(r.effects) < maxRecent:
		r.effects = append(r.effects, key)
	default:
		r.effects[r.next] = key
		r.next = (r.next + 1) % maxRecent
	}
	return false
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
	if err := c.services.Open(engine); err != nil {
		return err
	}
	c.engine, c.link = engine, link
	// No event is delivered before the lock is free.
	c.cancel = link.Subscribe(c.receive)
	if c.server != nil {
		calls, media := c.cancel, c.server.Subscribe(c.receiveInteraction)
		c.cancel = func() {
			calls()
			media()
		}
	}
	return nil
}

// Ready waits until the switch has answered the registration of every DN and
// returns what it refused. With a clock that has to be advanced, so has Ready.
func (c *Connector) Ready(ctx context.Context) error {
	select {
	case <-c.ready:
	case <-ctx.Done():
		if !c.IsReady() {
			return ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refused
}

// IsReady reports whether Ready would return without waiting.
func (c *Connector) IsReady() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isReady
}

// Close ends the connection of engine and link. Sessions go on without events
// from calls, and actions fail with the code unknown. It waits until they have taken, or refused, the events
// that are on their way, which is as long as the store of the engine takes. It may be called more than once.
func (c *Connector) Close() error {
	c.mu.Lock()
	cancel := c.cancel
	c.closed = true
	for _, st := range c.starting {
		st.cancel()
	}
	for _, k := range c.calls {
		k.endTreatment()
		k.found()
	}
	for id := range c.submissions {
		c.dropSession(id)
	}
	clear(c.calls)
	clear(c.former)
	clear(c.ids)
	clear(c.recent)
	clear(c.sessions)
	clear(c.unanswered)
	c.gifts = nil
	c.mu.Unlock()
	cancel()
	return c.services.Close()
}

// startup is a session that is being started, and what it will be told then.
type startup struct {
	cancel context.CancelFunc
	held   []*letter
}

// begin starts a session for a call. c.mu is held.
func (c *Connector) begin(k *call, app session.Application) {
	id := c.engine.NewID()
	c.bind(k, id)
	ctx, cancel := context.WithTimeout(context.Background(), c.startTimeout)
	c.starting[id] = &startup{cancel: cancel}
	req := session.StartRequest{SessionID: id, Params: parameters(app.Params), Fetch: app.Fetch, Value: app.Value}
	c.clock.AfterFunc(0, func() {
		defer cancel()
		var err error
		for i, url := range app.URLs {
			req.URL = url
			if _, err = c.engine.Start(ctx, req); !mayTryNext(err) || i == len(app.URLs)-1 {
				break
			}
			c.logger.Warn("document cannot be used; the next one is tried", "url", url, "error", err)
		}
		c.holding(id, func() { c.begun(id, req.URL, err) })
	})
}

// mayTryNext reports whether a start failed for a reason that another document
// could cure.
func mayTryNext(err error) bool {
	return err != nil && !errors.Is(err, session.ErrClosed) && !errors.Is(err, session.ErrTooMany)
}

// begun is the end of begin: the session hears what has happened meanwhile. c.mu is held.
func (c *Connector) begun(id, url string, err error) {
	st := c.starting[id]
	delete(c.starting, id)
	if c.closed {
		return
	}
	mine := slices.Clone(c.sessions[id])
	if err != nil {
		for _, k := range mine {
			c.logger.Error("call is left to the switch: no session", "interaction", k.id, "dn", k.attachAt, "url", url, "error", err)
			c.unbind(k)
			if k.media != nil || len(k.parties) == 0 {
				c.forget(k)
			} else if k.waiting == "" && k.partyIn(queued) == k.attachAt {
				k.refused = k.attachAt // the route request is still to come
			}
		}
		delete(c.recent, id)
		return
	}
	for _, l := range st.held {
		c.post(id, l)
	}
	for _, k := range mine {
		c.attach(k)
	}
}

// attach writes the id of its session into the user data of an interaction. c.mu
// is held.
func (c *Connector) attach(k *call) {
	data := telephony.KVList{{Key: SessionKey, Value: telephony.String(k.session)}}
	c.change(k, &dataChange{set: data}, func(err error) {
		if err != nil {
			c.logger.Debug("session id not attached", "interaction", k.id, "error", err)
		}
	})
}

// sessionEnded lets go of the interactions of a session. They go on without it: a call
// that waits is routed by the switch, or gets a new session at the next routing point.
func (c *Connector) sessionEnded(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropSession(id)
	c.refuseGifts(id)
	for _, k := range c.sessions[id] {
		k.endTreatment()
		k.session, k.routing, k.refused = "", nil, k.due // one session per arrival
		k.again = nil
		if len(k.parties) == 0 && k.media == nil {
			c.forget(k)
		}
	}
	delete(c.sessions, id)
	delete(c.recent, id)
	delete(c.unanswered, id)
	c.mail.drop(id)
}

// bind makes an interaction that has none one of a session. c.mu is held.
func (c *Connector) bind(k *call, id string) {
	c.recentOf(id)
	k.session, k.applied, k.own = id, 0, 0
	c.sessions[id] = append(c.sessions[id], k)
}

// unbind takes an interaction away from its session. c.mu is held.
func (c *Connector) unbind(k *call) {
	c.dropSubmissions(k, "the session gave the call away")
	list := c.sessions[k.session]
	if i := slices.Index(list, k); i >= 0 {
		list = slices.Delete(slices.Clone(list), i, i+1)
	}
	if len(list) == 0 {
		delete(c.sessions, k.session)
	} else {
		c.sessions[k.session] = list
	}
	k.session, k.refused = "", k.due
}

// know begins the following of an interaction. c.mu is held.
func (c *Connector) know(k *call) {
	if k.conn != 0 {
		c.calls[k.conn] = k
	}
	c.ids[k.id] = k
}

// forget ends it. c.mu is held.
func (c *Connector) forget(k *call) {
	k.found()
	if c.calls[k.conn] == k {
		delete(c.calls, k.conn)
	}
	for _, id := range k.former {
		delete(c.former, id)
	}
	if c.ids[k.id] == k {
		delete(c.ids, k.id)
	}
}

// emit has an event sent to a session. c.mu is held.
func (c *Connector) emit(id string, ev *scxml.Event) {
	l := &letter{ev: ev, effect: c.answers[ev]}
	delete(c.answers, ev)
	c.post(id, l)
}

// post puts a letter into the mail, or keeps it while the session is being started. c.mu is held, so it is given
// later.
func (c *Connector) post(id string, l *letter) {
	switch st := c.starting[id]; {
	case st != nil:
		st.held = append(st.held, l)
	case id == "":
	case id == c.held:
		c.mail.hold(c.engine, id, l)
	default:
		c.mail.put(c.engine, id, l)
	}
}
