package config

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
)

// LiveOptions are the settings of Live. nil and zero fields mean the defaults.
type LiveOptions struct {
	// Site says who looks at the configuration.
	Site SiteOptions

	// Interval is the time between two looks at the source; default 2 s, negative:
	// only Reload looks, and what a Notifier tells is not waited for. A source that is
	// costly to read says ErrUnchanged until it is time for it.
	Interval time.Duration

	// Clock measures it; default session.SystemClock.
	Clock session.Clock

	// Logger is told of warnings, and of changes and of what is refused while nobody has subscribed: who has
	// is told of them, and a server.Server, which does so, logs them. nil is silent.
	Logger *slog.Logger
}

const defaultInterval = 2 * time.Second

// Update is told to subscribers.
type Update struct {
	// Site is the configuration that counts from now on.
	Site *Site

	// Changes are what is different, in the order of the objects.
	Changes []Change

	// Err says why a change has been refused, with everything that is wrong: then Site is the
	// configuration that stays. An error that remains is told once.
	Err error
}

// Live is a configuration that follows its source. A change is applied as a whole
// or refused as a whole. Calls under way, and sessions, keep what they have. It is safe for
// concurrent use; Close ends it. It is a fm.Applications and a fm.Configuration.
type Live struct {
	opts    LiveOptions
	source  Source
	current atomic.Pointer[Site]
	started *Site

	reload sync.Mutex // one look at a time

	mu          sync.Mutex
	closed      bool
	stop        func() bool // of the next look
	cancel      context.CancelFunc
	next        int
	subscribers map[int]func(Update)
	queue       []Update
	telling     bool
	refused     error

	waiting sync.WaitGroup // for a Notifier
}

// Open reads a configuration and follows its source. ctx counts for the first
// reading. A configuration that makes no sense is an error.
func Open(ctx context.Context, source Source, opts *LiveOptions) (*Live, error) {
	l := &Live{source: source, subscribers: map[int]func(Update){}}
	if opts != nil {
		l.opts = *opts
	}
	if l.opts.Interval == 0 {
		l.opts.Interval = defaultInterval
	}
	if l.opts.Clock == nil {
		l.opts.Clock = session.SystemClock{}
	}
	if l.opts.Logger == nil {
		l.opts.Logger = slog.New(slog.DiscardHandler)
	}
	objects, err := source.Read(ctx)
	if err != nil {
		return nil, err
	}
	site, err := NewSite(objects, &l.opts.Site)
	if err != nil {
		return nil, err
	}
	l.started = site
	l.current.Store(site)
	l.warn(nil, site)
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	l.schedule(background)
	if n, ok := source.(Notifier); ok && l.opts.Interval > 0 {
		l.waiting.Go(func() { l.wait(background, n) })
	}
	return l, nil
}

// wait looks at a source whenever it says that there is something.
func (l *Live) wait(ctx context.Context, n Notifier) {
	for n.Wait(ctx) == nil && ctx.Err() == nil {
		_, _ = l.Reload(ctx) // subscribers and the log are told
	}
}

// warn logs the warnings of a configuration that the one before did not have.
func (l *Live) warn(before, now *Site) {
	known := map[string]bool{}
	if before != nil {
		for _, w := range before.warnings {
			known[w.Object+w.Section+w.Option+w.Problem] = true
		}
	}
	for _, w := range now.warnings {
		if !known[w.Object+w.Section+w.Option+w.Problem] {
			l.opts.Logger.Warn("configuration", "doubtful", w.text())
		}
	}
}

// schedule arranges for the next look at the source.
func (l *Live) schedule(ctx context.Context) {
	if l.opts.Interval < 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.stop = l.opts.Clock.AfterFunc(l.opts.Interval, func() {
		_, _ = l.Reload(ctx) // subscribers and the log are told
		l.schedule(ctx)
	})
}

// Close ends the looks at the source. The configuration remains as it is. Calling it again does nothing.
func (l *Live) Close() error {
	l.mu.Lock()
	l.closed = true
	if l.stop != nil {
		l.stop()
	}
	l.mu.Unlock()
	l.cancel()
	l.waiting.Wait()
	l.reload.Lock() // a look that is under way ends
	defer l.reload.Unlock()
	return nil
}

// Reload looks at the source now. The changes are applied when it returns; the error
// says why they are refused, and is that of the first Update about it. No change is no error; after
// Close it is ErrClosed.
func (l *Live) Reload(ctx context.Context) ([]Change, error) {
	changes, err := l.look(ctx)
	l.tell()
	return changes, err
}

func (l *Live) look(ctx context.Context) ([]Change, error) {
	l.reload.Lock()
	defer l.reload.Unlock()
	if l.isClosed() {
		return nil, ErrClosed
	}
	before := l.current.Load()
	objects, err := l.source.Read(ctx)
	if errors.Is(err, ErrUnchanged) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return nil, l.refused
	}
	var site *Site
	if err == nil {
		site, err = NewSite(objects, &l.opts.Site)
	}
	if ctx.Err() != nil && err != nil {
		return nil, err
	}
	if err != nil {
		l.refuse(before, err)
		return nil, err
	}
	changes := diff(before, site)
	l.mu.Lock()
	l.refused = nil
	if len(changes) > 0 {
		l.queue = append(l.queue, Update{Site: site, Changes: changes})
	}
	l.mu.Unlock()
	l.current.Store(site)
	l.warn(before, site)
	return changes, nil
}

// log writes what nobody else is told of.
func (l *Live) log(u Update) {
	if u.Err != nil {
		l.opts.Logger.Error("configuration", "refused", u.Err.Error())
	}
	for _, c := range u.Changes {
		l.opts.Logger.Info("configuration", "change", string(c.Kind), "object", c.Object.String(), "section", c.Section,
			"option", c.Option, "old", c.Old, "new", c.New, "effect", string(c.Effect))
	}
}

func (l *Live) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// refuse keeps the configuration, and tells about it once.
func (l *Live) refuse(before *Site, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refused != nil && l.refused.Error() == err.Error() {
		return
	}
	l.refused = err
	l.queue = append(l.queue, Update{Site: before, Err: err})
}

// Refused returns why the latest change is refused; nil when the configuration is that of
// its source.
func (l *Live) Refused() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

// Subscribe arranges for f to be called with every Update, one at a time and in their
// order, on a goroutine of the clock or of Reload. f may call all methods but Close. cancel ends it; a call that
// is under way goes on.
func (l *Live) Subscribe(f func(Update)) (cancel func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := l.next
	l.next++
	l.subscribers[id] = f
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.subscribers, id)
	}
}

// tell empties the queue, unless somebody is at it.
func (l *Live) tell() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.telling {
		return
	}
	l.telling = true
	defer func() { l.telling = false }()
	for len(l.queue) > 0 {
		u := l.queue[0]
		l.queue = l.queue[1:]
		if len(l.subscribers) == 0 {
			l.log(u)
		}
		for id := range l.next {
			if f := l.subscribers[id]; f != nil {
				l.mu.Unlock()
				f(u)
				l.mu.Lock()
			}
		}
	}
}

// Site returns the configuration that counts now.
func (l *Live) Site() *Site { return l.current.Load() }

// Settings is Site.Settings of the configuration that counts now, but options that
// only a start changes (AtStart) keep the values that they had at Open.
func (l *Live) Settings(application string) (*Settings, bool) {
	now, ok := l.Site().Settings(application)
	if !ok {
		return nil, false
	}
	if now.started, ok = l.started.Settings(application); !ok {
		now.started = nil
	}
	return now, true
}

// Application is Site.Application of the configuration that counts now.
func (l *Live) Application(dn string, call *telephony.CallAttributes) (session.Application, error) {
	return l.Site().Application(dn, call)
}

// Tenant is Site.Tenant of the configuration that counts now.
func (l *Live) Tenant(name string) (id int, ok bool) { return l.Site().Tenant(name) }

// ListItem is Site.ListItem of the configuration that counts now.
func (l *Live) ListItem(tenant, list, item string) (keys map[string]string, ok bool) {
	return l.Site().ListItem(tenant, list, item)
}

// Option is Site.Option of the configuration that counts now.
func (l *Live) Option(tenant, interactionID, key string, from telephony.LookupSequence) (value string, ok bool) {
	return l.Site().Option(tenant, interactionID, key, from)
}

// SpecialDay is Site.SpecialDay of the configuration that counts now.
func (l *Live) SpecialDay(tenant, table, day string, at time.Time, useTime bool) (bool, error) {
	return l.Site().SpecialDay(tenant, table, day, at, useTime)
}

// Zone is Site.Zone of the configuration that counts now.
func (l *Live) Zone(name string) *time.Location { return l.Site().Zone(name) }
