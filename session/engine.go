package session

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// Engine runs sessions. It is made by New, is safe for concurrent use, and has
// no goroutine while all its sessions are idle. Whoever made it calls Shutdown.
type Engine struct {
	opts       Options
	clock      Clock
	logger     *slog.Logger
	log        func(sessionID string, entry scxml.LogEntry) // nil: nobody wants it
	sessions   *registry
	documents  *documents
	durable    *durable     // nil: in memory
	scheduled  atomic.Int64 // sessions that wait for their time
	timers     timers
	idlers     idlers
	atOnce     int                    // entries that a session takes out of its inbox at the same time
	processors map[string]IOProcessor // by type; the SCXML processor is not in it
	slots      chan struct{}          // one for each send to a processor under way
	virtual    *VirtualClock          // the clock, when it is one
	detach     func()                 // from it
	computing  chan struct{}          // one for each macrostep that runs; nil without a store, where a worker does nothing else
	closed     atomic.Bool            // no new work from outside
	stopped    chan struct{}          // closed when Shutdown has done its work

	mu         sync.Mutex
	head, tail *session // the run queue
	workers    int      // goroutines that take from it
	ops        map[*operation]struct{}
	quiet      chan struct{} // closed when nothing is being done; nil when nobody waits for it
	rounds     uint64        // grows whenever something is done
	aborted    bool          // no work at all any more

	defaultInbox      bool // Options.Inbox was not given
	restoreEachStep   bool // for tests: after every macrostep go on with a restored Machine
	passivateEachStep bool // for tests: after every macrostep take stored sessions out of memory
}

// operation is something that runs outside of the workers.
type operation struct{ cancel context.CancelFunc }

// New makes an Engine and opens its processors. nil options are fine.
func New(opts *Options) (*Engine, error) {
	o := opts.withDefaults()
	if err := checkNodeID(o.NodeID); err != nil {
		return nil, err
	}
	e := &Engine{
		opts:       o,
		clock:      o.Clock,
		logger:     o.Logger,
		sessions:   newRegistry(o.MaxSessions, o.Retain),
		processors: make(map[string]IOProcessor),
		slots:      make(chan struct{}, o.Outgoing),
		detach:     func() {},
		stopped:    make(chan struct{}),
		ops:        make(map[*operation]struct{}),
		atOnce:     turnEvents,

		defaultInbox: opts == nil || opts.Inbox <= 0,
	}
	switch {
	case o.Log != nil:
		e.log = o.Log
	case opts != nil && opts.Logger != nil:
		e.log = func(id string, entry scxml.LogEntry) {
			e.logger.Info("log", "session", id, "label", entry.Label, "text", entry.Text)
		}
	}
	e.documents = newDocuments(e)
	if o.Store != nil {
		e.durable = newDurable(e)
		e.computing = make(chan struct{}, o.Workers)
	}
	e.timers.init(o.Clock, o.Timers, e.fire)
	for i, p := range o.Processors {
		for _, typ := range p.Types() {
			if e.processors[typ] != nil || isSCXML(typ) {
				closeAll(o.Processors[:i])
				return nil, fmt.Errorf("session: two event I/O processors for the type %q", typ)
			}
			e.processors[typ] = p
		}
		if err := p.Open(e); err != nil {
			closeAll(o.Processors[:i])
			return nil, fmt.Errorf("session: opening the event I/O processor %q: %w", p.Types(), err)
		}
	}
	if c, ok := o.Clock.(*VirtualClock); ok {
		e.virtual, e.timers.single = c, true
		e.detach = c.attach(e)
	}
	return e, nil
}

func closeAll(processors []IOProcessor) error {
	var errs []error
	for _, p := range processors {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// Load returns the compiled document of a URL, from the cache or by Options.Loader.
// A document with errors gives a *scxml.ParseError, an engine that is shut down meanwhile ErrClosed.
func (e *Engine) Load(ctx context.Context, url string) (*scxml.Document, error) {
	return e.documents.load(ctx, url)
}

// Start starts a session and returns its id. It returns when the document has
// been loaded and the session accepted; the initial macrostep runs on a worker.
// What goes wrong there ends the session and is found in its Result. With
// StartRequest.At it returns when the session has been accepted.
//
// The errors are those of Load, ErrExists, ErrTooMany and ErrClosed; with a store also
// ErrNotOwner and those of the store. After persistence.ErrOutcomeUnknown the session may
// be in the store and begin after all: repeat the call with the same SessionID, until
// it returns nil or ErrExists.
func (e *Engine) Start(ctx context.Context, req StartRequest) (id string, err error) {
	if f := e.opts.Observer.StartBegins; f != nil {
		f()
	}
	if f := e.opts.Observer.StartEnds; f != nil {
		began := e.clock.Now()
		defer func() { f(e.clock.Now().Sub(began), err) }()
	}
	if e.closed.Load() {
		return "", ErrClosed
	}
	begin := &beginning{}
	if req.At.After(e.clock.Now()) {
		begin.at = req.At
		if e.scheduled.Load() >= int64(e.opts.Scheduled) {
			return "", e.errScheduled()
		}
	}
	doc := req.Document
	if doc == nil {
		if req.URL == "" {
			return "", errors.New("session: start request without a document or URL")
		}
		begin.url = req.URL
		if begin.at.IsZero() {
			if doc, begin.document, err = e.documents.fetch(req.URL, req.Fetch).traced(ctx); err != nil {
				return "", err
			}
		}
	}
	id = req.SessionID
	if id == "" {
		id = e.newID("")
	}
	if err := persistence.CheckNames("session id", id); err != nil {
		return "", fmt.Errorf("session: %w", err)
	}
	s := newSession(e, id)
	s.value, s.begin = req.Value, begin
	if doc != nil {
		s.setDocument(doc)
	}
	if e.durable != nil && (doc == nil || e.persists(s)) {
		s.saved = &saved{url: req.URL, rev: 1}
		if doc != nil {
			s.saved.url = doc.URL()
		}
		if s.value, err = datamodel.From(req.Value); err != nil {
			return "", fmt.Errorf("session: StartRequest.Value cannot be stored: %w", err)
		}
	}
	if s.begin.params, err = copyObject(req.Params); err != nil {
		return "", fmt.Errorf("session: parameters: %w", err)
	}
	if s.x, err = copyObject(req.X); err != nil {
		return "", fmt.Errorf("session: _x: %w", err)
	}
	s.phase = loading
	if err := e.admit(s); err != nil {
		return "", err
	}
	s.known = true
	if s.saved != nil {
		if err := e.durable.create(ctx, s); err != nil {
			e.end(s, Result{Reason: Lost, Err: err})
			return "", err
		}
	}
	if !begin.at.IsZero() {
		e.await(s)
		return s.id, nil
	}
	s.mu.Lock()
	s.phase = idle
	e.schedule(s)
	s.mu.Unlock()
	return s.id, nil
}

// persists reports whether a session that is being started is to be stored.
func (e *Engine) persists(s *session) bool {
	if f := e.opts.Persist; f != nil {
		return f(s.info(), s.doc)
	}
	return s.doc.Persist()
}

func copyObject(o *datamodel.Object) (*datamodel.Object, error) {
	if o == nil {
		return nil, nil
	}
	v, err := datamodel.From(o)
	if err != nil {
		return nil, err
	}
	return v.(*datamodel.Object), nil
}

// admit adds a session to the registry.
func (e *Engine) admit(s *session) error {
	err := e.sessions.add(s)
	if err == nil && e.closed.Load() {
		// Shutdown may have listed the sessions before this one was added.
		s.mu.Lock()
		s.halt(ShutDown)
		s.mu.Unlock()
	}
	if err != nil {
		return fmt.Errorf("%w: %q", err, s.id)
	}
	return nil
}

// MaxEventName is the length of an event's name, in bytes, that Engine.Send
// accepts.
const MaxEventName = 1 << 10

// Send appends an event to a session's inbox; nil means that it will be
// handled, if the session does not end before; with a store, also when the
// process does not live to see it. The event is copied and its data and context
// are brought into canonical form (datamodel.From), so that the caller may go on
// using them.
//
// The errors are ErrNotFound, ErrInboxFull, ErrClosed, ErrNotOwner, ErrTooLarge
// for a name longer than MaxEventName and for what the store has no room for, what datamodel.From has against the data,
// and those of the store; after persistence.ErrOutcomeUnknown the event may have
// been accepted.
func (e *Engine) Send(ctx context.Context, id string, ev *scxml.Event) error {
	return e.send(ctx, id, ev, "")
}

// send is Send and SendOnce; key is empty for the former.
func (e *Engine) send(ctx context.Context, id string, ev *scxml.Event, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.closed.Load() {
		return ErrClosed
	}
	if len(ev.Name) > MaxEventName {
		return fmt.Errorf("%w: event name %.20q… has %d bytes, more than %d", ErrTooLarge, ev.Name, len(ev.Name), MaxEventName)
	}
	s := e.sessions.getLive(id)
	if s == nil && e.durable == nil {
		return fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	q := &queuedEvent{event: *ev, chain: chainTo(ctx, id)}
	var err error
	if ev.Data != nil {
		if q.event.Data, err = datamodel.From(ev.Data); err != nil {
			return fmt.Errorf("session: data of event %q: %w", ev.Name, err)
		}
	}
	if ev.Context != nil {
		if q.event.Context, err = datamodel.From(ev.Context); err != nil {
			return fmt.Errorf("session: context of event %q: %w", ev.Name, err)
		}
	}
	if e.durable == nil || s != nil && s.saved == nil {
		err = s.pushOnce(q, key)
	} else {
		if key == "" {
			key = randomID()
		}
		err = e.durable.append(ctx, id, q, false, key)
	}
	if errors.Is(err, persistence.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	if err != nil {
		return fmt.Errorf("%w: %q, event %q", err, id, ev.Name)
	}
	return nil
}

// Terminate asks a session to end: after the macrostep that is running, if any,
// its onexit handlers are run and its invoked sessions are cancelled; waiting
// events are dropped. It does not wait; Wait does. The error is ErrNotFound.
func (e *Engine) Terminate(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := e.sessions.getLive(id)
	if e.durable != nil && (s == nil || s.saved != nil) {
		if err := e.durable.append(ctx, id, &queuedEvent{stop: Terminated}, true, randomID()); err != nil {
			return fmt.Errorf("%w: %q", err, id)
		}
		return nil
	}
	if s == nil {
		return fmt.Errorf("%w: %q", ErrNotFound, id)
	}
	e.stopSession(s, Terminated)
	return nil
}

// Sessions lists the live sessions, by id. Of those that are not in memory it tells no
// more than that (Info.Passive); Query has the rest.
func (e *Engine) Sessions() []Info {
	all := e.sessions.all()
	list := make([]Info, 0, len(all))
	for _, s := range all {
		s.mu.Lock()
		list = append(list, s.info())
		s.mu.Unlock()
	}
	list = append(list, e.sessions.sleepers()...)
	sort.Slice(list, func(i, j int) bool { return list[i].ID < list[j].ID })
	return list
}

// Len returns the number of live sessions, those included that are not in memory.
func (e *Engine) Len() int { return int(e.sessions.live.Load()) }

// Settle waits until nothing is being done: all inboxes are empty, no worker is
// busy, no document is being loaded and no message sent. Delayed sends may be
// pending. Sessions that keep themselves or each other busy come to an end by
// Options.Chain. It is meant for tests. The error is that of ctx.
func (e *Engine) Settle(ctx context.Context) error {
	for {
		e.mu.Lock()
		if e.resting() {
			e.mu.Unlock()
			return nil
		}
		if e.quiet == nil {
			e.quiet = make(chan struct{})
		}
		quiet := e.quiet
		e.mu.Unlock()
		select {
		case <-quiet:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// activity changes whenever something is done.
func (e *Engine) activity() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rounds
}

// Shutdown ends the engine. It refuses new work, cancels the loading of documents (ErrClosed), stops delayed sends, lets each
// session handle the events that it has at that moment but not what these bring
// about, then stops every session (onexit handlers run, reason ShutDown) and
// closes the processors. With a store the sessions are only taken out of memory,
// and live on there. When ctx ends before that is done, what is left is abandoned
// and the error says so. A second call waits for the first.
func (e *Engine) Shutdown(ctx context.Context) error {
	if e.closed.Swap(true) {
		select {
		case <-e.stopped:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	e.timers.close()
	e.idlers.close()
	e.documents.close()
	for _, s := range e.sessions.all() {
		s.drain()
	}
	err := e.Settle(ctx)
	if err == nil {
		for _, s := range e.sessions.all() {
			e.stopSession(s, ShutDown)
		}
		err = e.Settle(ctx)
	}
	if err != nil {
		err = fmt.Errorf("session: shutdown with %d sessions left: %w", e.Len(), err)
	}
	e.mu.Lock()
	e.aborted = true
	for op := range e.ops {
		op.cancel()
	}
	e.mu.Unlock()
	e.detach()
	if e.durable != nil {
		err = errors.Join(err, e.durable.release())
	}
	err = errors.Join(err, closeAll(e.opts.Processors))
	close(e.stopped)
	return err
}

// drain lets s handle the events that it has, and no other any more.
func (s *session) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended.Load() {
		s.inbox.push(&queuedEvent{stop: ShutDown})
		s.engine.schedule(s)
	}
}

// stopSession asks s to end for the given reason, unless it already is to end.
func (e *Engine) stopSession(s *session, reason EndReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt(reason)
}

// stopByID asks the session with the given id to end because of an effect of s. done is
// false when the store has no room for that: then the session is stopped in memory,
// and the effect has to stay in the outbox.
func (e *Engine) stopByID(s *session, id string, reason EndReason, effect EffectID) (done bool) {
	t := e.sessions.getLive(id)
	if e.durable != nil && (t == nil || t.saved != nil) {
		err := e.durable.append(context.Background(), id, &queuedEvent{stop: reason}, true, s.key(effect))
		switch {
		case err == nil, errors.Is(err, ErrNotFound), e.undo(s, err):
			return true
		case errors.Is(err, ErrInboxFull):
			e.wake(id)
			if t = e.sessions.getLive(id); t != nil {
				e.stopSession(t, reason)
			}
			return false
		}
		e.logger.Warn("session not stopped", "session", id, "by", s.id, "error", err)
		return true
	}
	if t != nil {
		e.stopSession(t, reason)
	}
	return true
}

// key is by what a store drops repeats of what an effect of s has brought about.
// Only effects of stored sessions are repeated, and only their names are unique.
func (s *session) key(effect EffectID) string {
	if s.saved == nil {
		return randomID()
	}
	return effect.String()
}

// perform runs f on a goroutine of its own. The context ends after the timeout,
// if that is not zero, when the engine is shut down, and by what is returned.
func (e *Engine) perform(timeout time.Duration, f func(ctx context.Context)) context.CancelFunc {
	ctx, cancel := context.WithCancel(context.Background())
	if timeout > 0 {
		ctx, cancel = context.WithTimeout(context.Background(), timeout)
	}
	end := e.note(cancel)
	go func() {
		defer end()
		f(ctx)
	}()
	return cancel
}

// attendTo makes something that a caller of the engine does an operation, for which Shutdown waits,
// and which it cancels when it does not wait any longer.
func (e *Engine) attendTo(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	return ctx, e.note(cancel)
}

// note begins an operation; what it returns ends it.
func (e *Engine) note(cancel context.CancelFunc) (end func()) {
	op := &operation{cancel: cancel}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.aborted {
		cancel()
	}
	e.ops[op] = struct{}{}
	e.rounds++
	return func() {
		cancel()
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.ops, op)
		e.rounds++
		e.rest()
	}
}

// resting reports whether nothing is being done. e.mu is held.
func (e *Engine) resting() bool {
	return e.workers == 0 && (e.head == nil || e.aborted) && len(e.ops) == 0
}

// rest wakes those who wait for quiet. e.mu is held.
func (e *Engine) rest() {
	if e.quiet != nil && e.resting() {
		close(e.quiet)
		e.quiet = nil
	}
}

func randomID() string { return rand.Text() }

func randomFloat() float64 { return mathrand.Float64() }
