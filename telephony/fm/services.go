package fm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// ServicesOptions say what Services can reach. A nil *ServicesOptions and zero
// fields mean the defaults: then nothing outside of the process is reached, and
// actions that would need it are answered with their error event.
type ServicesOptions struct {
	// Server is _genesys.session.server.
	Server Server

	// Tenant is what _genesys.session.tenant says until setTenant is called.
	Tenant string

	// Location is the time zone of timeInZone and its like when they are called
	// without one; default time.Local.
	Location *time.Location

	// Fetch says what <session:fetch> may reach.
	Fetch FetchOptions

	Configuration Configuration  // for the functions of _genesys.session
	Functions     RouterFunction // for <session:fetch method="'urs'">
	Responder     Responder      // for <session:response>
	Statistics    Statistics     // for _genesys.statistic and <statistic:…>
	Classifier    Classifier     // for <classification:…>
	Agents        Agents         // for <agent:…>
	Index         Index          // for <elasticconnector:…>

	// Timeout bounds every call of an interface above that takes a context, and the
	// start of a session by <session:start>; default 30 s.
	Timeout time.Duration

	// PerSession is the number of actions that one session may have under way, and
	// Outstanding of all sessions; defaults 32 and 1,000. Further ones get their
	// error event at once.
	PerSession  int
	Outstanding int

	// Subscriptions is the number of statistics that one session may have
	// subscribed; default 100.
	Subscriptions int

	// Measure is told how long things took, by the names of the counters of Orchestration
	// Server: "http-fetch-time" and "urs-fetch-time", for each attempt of a <session:fetch>;
	// "openstat-time", until a statistic was subscribed; with a Connector also
	// "urs-request-time", until the router has taken a <queue:submit>, and
	// "redirect-time", from the request to route an interaction to its outcome. Failures
	// count too. The parameter is empty. rest.Monitor.Measure is one. It is called concurrently
	// and must be quick. nil costs nothing.
	Measure func(counter, parameter string, d time.Duration)

	// Clock is the clock of the engine; default session.SystemClock.
	Clock session.Clock

	// Logger is told of events that are lost and of contained panics; nil is silent.
	Logger *slog.Logger
}

const (
	defaultServiceTimeout = 30 * time.Second
	defaultPerSession     = 32
	defaultOutstanding    = 1000
	defaultSubscriptions  = 100
)

// Server is what sessions see of the process that runs them.
type Server struct {
	Name    string // of the application
	Cluster string // name of the primary application of the node
	URL     string // at which the REST interface is reached; empty: undefined
}

// Failure is an error with a code. What carries out an action may return one to
// choose what scripts find in _event.data.error; any other error gets the
// code "timeout" when its context has ended in time, else "remote".
type Failure struct {
	Code string // such as "invalidstate", "invaliddestination"
	Err  error
}

func (f *Failure) Error() string { return f.Code + ": " + f.Err.Error() }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

func failure(code, format string, args ...any) error {
	return &Failure{Code: code, Err: fmt.Errorf(format, args...)}
}

// notConnected is the failure of what the host has not given.
func notConnected(what string) error { return failure(codeUnknown, "no %s is connected", what) }

// Services carries out the modules that need no telephony: session, ws,
// statistic, classification, resource, agent and elasticconnector. A Connector
// has one (Options.Services); a host without telephony makes it with NewServices,
// registers it with Install, starts it with Open and ends it with Close. It is safe
// for concurrent use.
//
// Actions that have to wait for somebody run on goroutines of the clock, never on a
// worker of the engine. They are cancelled when their session ends, except for
// <session:start> and fetches with guaranteed delivery.
type Services struct {
	opts   ServicesOptions
	clock  session.Clock
	logger *slog.Logger
	fetch  *fetcher
	mail   *mail
	zones  sync.Map // name to *time.Location

	running sync.WaitGroup // tasks at work

	mu        sync.Mutex
	engine    *session.Engine
	closed    bool
	tasks     map[string]map[*task]struct{} // by session
	underWay  int                           // tasks of all sessions
	started   map[string]*startedSession    // by the id of the session
	startedBy map[string][]string           // ids of started sessions, by who started them
	watched   map[string][]*subscription    // by session
	templates map[string]int                //  order of the index templates sent, by name
}

// NewServices makes Services. The error is one of opts.Fetch.
func NewServices(opts *ServicesOptions) (*Services, error) {
	var o ServicesOptions
	if opts != nil {
		o = *opts
	}
	orDefault(&o.Timeout, defaultServiceTimeout)
	orDefault(&o.PerSession, defaultPerSession)
	orDefault(&o.Outstanding, defaultOutstanding)
	orDefault(&o.Subscriptions, defaultSubscriptions)
	if o.Clock == nil {
		o.Clock = session.SystemClock{}
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	f, err := newFetcher(&o.Fetch)
	if err != nil {
		return nil, err
	}
	return &Services{
		opts: o, clock: o.Clock, logger: o.Logger, fetch: f, mail: newMail(o.Clock, o.Logger),
		tasks: map[string]map[*task]struct{}{}, started: map[string]*startedSession{},
		startedBy: map[string][]string{}, watched: map[string][]*subscription{}, templates: map[string]int{},
	}, nil
}

func orDefault[T int | int64 | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// stopwatch returns what tells Measure of the time that has passed since.
func (s *Services) stopwatch(counter string) (stop func()) {
	if s.opts.Measure == nil {
		return func() {}
	}
	began := s.clock.Now()
	return func() { s.opts.Measure(counter, "", s.clock.Now().Sub(began)) }
}

// Install registers the modules in the options of an engine that is about to be
// made: in Parse.Modules, Modules and Observer. What is there is kept.
func (s *Services) Install(o *session.Options) {
	modules := o.Parse.Modules[:len(o.Parse.Modules):len(o.Parse.Modules)]
	handlers := map[string]session.ModuleHandler{}
	for namespace, h := range o.Modules {
		handlers[namespace] = h
	}
	for _, p := range serviceParts(s) {
		modules = append(modules, p.module)
		for _, namespace := range p.spec.namespaces() {
			handlers[namespace] = serviceHandler{s, p}
		}
	}
	o.Parse.Modules, o.Modules = modules, handlers
	ended := o.Observer.SessionEnded
	o.Observer.SessionEnded = func(info session.Info, r session.Result) {
		s.sessionEnded(info.ID, &r)
		if ended != nil {
			ended(info, r)
		}
	}
}

// Open begins: engine is the one whose options were given to Install; it stays
// the caller's to close. Services are opened once.
func (s *Services) Open(engine *session.Engine) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errors.New("fm: the services are closed")
	case s.engine != nil:
		return errors.New("fm: the services are open")
	}
	s.engine = engine
	return nil
}

// Close cancels what is under way and waits until it has ended. From then on
// actions fail with the code unknown. It may be called more than once.
func (s *Services) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, tasks := range s.tasks {
		for t := range tasks {
			s.abandon(t)
		}
	}
	var lost []*subscription
	for id := range s.watched {
		lost = append(lost, s.unwatch(id)...)
	}
	s.mu.Unlock()
	s.lose(lost...)
	s.running.Wait()
	s.mail.close()
	s.fetch.close()
	return nil
}

// servicePart is a module of Services.
type servicePart struct {
	spec    *Spec
	module  scxml.Module
	perform func(s *Services, call *session.ModuleCall, a *answer)
}

// serviceParts returns the modules; with nil Services they can be used to parse
// documents, and their functions fail.
func serviceParts(s *Services) []servicePart {
	return []servicePart{
		sessionPart(s), wsPart(), statisticPart(s), classificationPart(), resourcePart(), voicePart(), agentPart(), elasticPart(),
	}
}

// serviceModule is a scxml.Module by its table.
type serviceModule struct {
	spec  *Spec
	wrap  func(*node, *scxml.Element) scxml.Action             // nil: the node is the action
	state func(context *scxml.ModuleContext) scxml.ModuleState // nil: none
}

// Namespaces implements scxml.Module.
func (m serviceModule) Namespaces() []string { return m.spec.namespaces() }

// Compile implements scxml.Module.
func (m serviceModule) Compile(e *scxml.Element, c *scxml.Compiler) scxml.Action {
	n := m.spec.compile(e, c)
	switch {
	case n == nil:
		return nil
	case m.wrap != nil:
		return m.wrap(n, e)
	}
	return n
}

// NewState implements scxml.Module.
func (m serviceModule) NewState(c *scxml.ModuleContext) scxml.ModuleState {
	if m.state == nil {
		return nil
	}
	return m.state(c)
}

// constants is a module's part of a session that never changes.
type constants struct {
	name string
	root datamodel.HostObject
}

// Globals implements scxml.ModuleState.
func (s *constants) Globals() map[string]datamodel.Value {
	return map[string]datamodel.Value{s.name: s.root}
}

// Deliver implements scxml.ModuleState.
func (*constants) Deliver(*datamodel.Event) {}

// Snapshot implements scxml.ModuleState.
func (*constants) Snapshot(dst []byte) ([]byte, error) { return dst, nil }

// Restore implements scxml.ModuleState.
func (*constants) Restore([]byte) error { return nil }

// viewOf makes a read-only object.
func viewOf(members ...datamodel.Member) *view {
	v := &view{}
	v.update(datamodel.NewObject(members...))
	return v
}

// enum makes a read-only object of numbers.
func enum(first int, names ...string) *view {
	members := make([]datamodel.Member, len(names))
	for i, name := range names {
		members[i] = datamodel.Member{Name: name, Value: float64(first + i)}
	}
	return viewOf(members...)
}

// serviceHandler is a module's session.ModuleHandler.
type serviceHandler struct {
	s    *Services
	part servicePart
}

// Call implements session.ModuleHandler.
func (h serviceHandler) Call(_ context.Context, call *session.ModuleCall) error {
	element := h.part.spec.element(call.Name)
	if element == nil {
		return fmt.Errorf("fm: no action %s", call.Name)
	}
	h.s.mu.Lock()
	engine, closed := h.s.engine, h.s.closed
	h.s.mu.Unlock()
	if engine == nil {
		return errors.New("fm: the services are not open")
	}
	a := &answer{
		s: h.s, engine: engine, session: call.Session.ID, requestID: call.RequestID,
		stem: element.Event, origin: "fm:" + h.part.spec.Name, effect: call.Effect,
	}
	if closed {
		a.fail(failure(codeUnknown, "the services are closed"))
		return nil
	}
	h.part.perform(h.s, call, a)
	if a.pending || h.s.mail.holds(call.Effect) {
		return session.ErrPending
	}
	return nil
}

// answer sends the events that answer an action.
type answer struct {
	s         *Services
	engine    *session.Engine
	session   string
	requestID string
	stem      string // "session.fetch"
	origin    string
	effect    session.EffectID
	pending   bool // it comes later; settled before the work begins
}

// done sends the event of success.
func (a *answer) done(data *datamodel.Object) {
	a.send(a.stem+".done", append([]datamodel.Member{{Name: "requestid", Value: a.requestID}}, data.Members()...)...)
}

// fail sends the event of failure.
func (a *answer) fail(err error) { a.failCode(codeOf(err), err) }

func (a *answer) failCode(code datamodel.Value, err error, more ...datamodel.Member) {
	description := err.Error()
	var f *Failure
	if errors.As(err, &f) && f.Err != nil {
		description = f.Err.Error()
	}
	a.send("error."+a.stem, append([]datamodel.Member{
		{Name: "requestid", Value: a.requestID}, {Name: "error", Value: code}, {Name: "description", Value: description},
	}, more...)...)
}

// send gives the session an event. No lock is held.
func (a *answer) send(name string, data ...datamodel.Member) {
	a.hold(name, data...)
	a.s.mail.give(a.session)
}

// hold is send but for the giving, which is left to the caller.
func (a *answer) hold(name string, data ...datamodel.Member) {
	ev := &scxml.Event{Name: name, Origin: a.origin, OriginType: originType, Data: datamodel.NewObject(data...)}
	a.s.mail.hold(a.engine, a.session, &letter{ev: ev, effect: a.effect})
}

// send gives a session an event. s.mu is not held.
func (s *Services) send(engine *session.Engine, id, name, origin string, data ...datamodel.Member) {
	ev := &scxml.Event{Name: name, Origin: origin, OriginType: originType, Data: datamodel.NewObject(data...)}
	s.mail.hold(engine, id, &letter{ev: ev})
	s.mail.give(id)
}

func codeOf(err error) string {
	var f *Failure
	switch {
	case errors.As(err, &f):
		return f.Code
	case errors.Is(err, context.DeadlineExceeded):
		return codeTimeout
	case errors.Is(err, context.Canceled):
		return codeCancelled
	}
	return codeRemote
}

// task is an action under way, outside of the workers.
type task struct {
	s        *Services
	session  string
	detached bool // goes on when its session has ended
	work     func(ctx context.Context) (again time.Duration)
	ctx      context.Context
	cancel   context.CancelFunc
	stop     func() bool // of the timer
	over     bool        // guarded by Services.mu, as stop
}

// begin lets work run, off the worker. When it returns a positive duration, it is
// run again after it. An error says that the limits are reached.
func (s *Services) begin(id string, detached bool, work func(ctx context.Context) time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return failure(codeUnknown, "the services are closed")
	case len(s.tasks[id]) >= s.opts.PerSession:
		return failure(codeUnknown, "the session has %d actions under way already", s.opts.PerSession)
	case s.underWay >= s.opts.Outstanding:
		return failure(codeUnknown, "there are %d actions under way already", s.opts.Outstanding)
	}
	t := &task{s: s, session: id, detached: detached, work: work}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	if s.tasks[id] == nil {
		s.tasks[id] = map[*task]struct{}{}
	}
	s.tasks[id][t] = struct{}{}
	s.underWay++
	t.stop = s.clock.AfterFunc(0, t.run)
	return nil
}

// run does the work.
func (t *task) run() {
	t.s.mu.Lock()
	if t.over {
		t.s.mu.Unlock()
		return
	}
	t.s.running.Add(1)
	t.s.mu.Unlock()
	defer t.s.running.Done()
	again := t.work(t.ctx)
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	switch {
	case t.over:
	case again > 0 && t.ctx.Err() == nil:
		t.stop = t.s.clock.AfterFunc(again, t.run)
	default:
		t.s.finish(t)
	}
}

// abandon cancels a task. s.mu is held.
func (s *Services) abandon(t *task) {
	if t.over {
		return
	}
	t.stop()
	s.finish(t)
}

// finish forgets a task. s.mu is held.
func (s *Services) finish(t *task) {
	t.over = true
	t.cancel()
	delete(s.tasks[t.session], t)
	if len(s.tasks[t.session]) == 0 {
		delete(s.tasks, t.session)
	}
	s.underWay--
}

// later runs work off the worker, within the time-out, and answers with its
// outcome.
func (s *Services) later(a *answer, work func(ctx context.Context) (*datamodel.Object, error)) {
	s.beginFor(a, false, func(task context.Context) time.Duration {
		ctx, cancel := context.WithTimeout(task, s.opts.Timeout)
		defer cancel()
		data, err := s.contained(a.stem, func() (*datamodel.Object, error) { return work(ctx) })
		switch {
		case err == nil:
			a.done(data)
		case task.Err() == nil: // else it was abandoned: it is done again, or nobody waits
			a.fail(err)
		}
		return 0
	})
}

// beginFor is begin for work that answers an action. Where it cannot begin, that fails.
func (s *Services) beginFor(a *answer, detached bool, work func(ctx context.Context) time.Duration) {
	a.pending = true
	if err := s.begin(a.session, detached, work); err != nil {
		a.pending = false
		a.fail(err)
	}
}

// contained runs code of the host; a panic becomes an error.
func (s *Services) contained(what string, f func() (*datamodel.Object, error)) (data *datamodel.Object, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.logger.Error("panic contained", "action", what, "panic", v, "stack", string(debug.Stack()))
			data, err = nil, failure(codeUnknown, "panic in %s", what)
		}
	}()
	return f()
}

// sessionEnded cancels what the session has under way and tells who started it.
func (s *Services) sessionEnded(id string, r *session.Result) {
	s.mu.Lock()
	for t := range s.tasks[id] {
		if !t.detached {
			s.abandon(t)
		}
	}
	lost := s.unwatch(id)
	for _, child := range s.startedBy[id] {
		delete(s.started, child)
	}
	delete(s.startedBy, id)
	s.mu.Unlock()
	s.mail.drop(id)
	s.lose(lost...)
	s.childEnded(id, r)
}
