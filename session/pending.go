package session

import (
	"context"
	"errors"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// ErrPending is what ModuleHandler.Call returns for an effect that is under way: the
// handler says with Engine.Confirm when it is done. Until then the effect stays in the
// store, and is carried out again after a crash or restart (ModuleCall.Repeated), or when the
// session has been Lost (Observer.SessionEnded tells) and is brought back. In memory
// alone there is nothing to confirm, and ErrPending is like nil.
var ErrPending = errors.New("session: effect under way")

// pendingCall is an effect with a module's handler.
type pendingCall struct {
	call     *scxml.ModuleCall
	state    pendingState
	confirms bool // Engine.Confirm is writing, or has come while the handler was called
}

type pendingState uint8

const (
	beingCalled pendingState = iota
	underWay
)

// calling notes that a handler is about to be called for a session that is stored.
func (d *durable) calling(id EffectID, call *scxml.ModuleCall) {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.pending[id.Session]
	if list == nil {
		list = make(map[EffectID]*pendingCall)
		d.pending[id.Session] = list
	}
	list[id] = &pendingCall{call: call}
}

// called notes that the handler has returned. It reports whether the effect is done with.
func (d *durable) called(id EffectID, err error) (done bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.pending[id.Session][id]
	if p != nil && !p.confirms && errors.Is(err, ErrPending) {
		p.state = underWay
		return false
	}
	d.drop(id)
	return true
}

// drop forgets an effect. d.mu is held.
func (d *durable) drop(id EffectID) {
	list := d.pending[id.Session]
	if delete(list, id); len(list) == 0 {
		delete(d.pending, id.Session)
	}
}

// forget drops what handlers have under way for a session that has ended or is to be
// loaded again.
func (d *durable) forget(session string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.pending, session)
}

// knownOf returns the effects of a session that handlers have, those included whose
// confirmation is being written.
func (d *durable) knownOf(session string) map[EffectID]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.pending[session]
	if len(list) == 0 {
		return nil
	}
	known := make(map[EffectID]bool, len(list))
	for id := range list {
		known[id] = true
	}
	return known
}

// pendingOf returns what is under way for a session.
func (d *durable) pendingOf(session string) map[string]*scxml.ModuleCall {
	d.mu.Lock()
	defer d.mu.Unlock()
	calls := make(map[string]*scxml.ModuleCall, len(d.pending[session]))
	for id, p := range d.pending[session] {
		if !p.confirms {
			calls[id.local()] = p.call
		}
	}
	return calls
}

// Confirm says that an effect for which a ModuleHandler has returned ErrPending is done: it
// is taken out of the store, in the background, and not repeated any more. It is called after
// the event that tells the session of the outcome has been accepted (Send returned nil).
// Effects that are not known, or no longer, are ignored. It may be called while Call runs.
func (e *Engine) Confirm(effect EffectID) {
	d := e.durable
	if d == nil {
		return
	}
	d.mu.Lock()
	p := d.pending[effect.Session][effect]
	if p == nil || p.confirms {
		d.mu.Unlock()
		return
	}
	p.confirms = true
	called := p.state == underWay
	d.mu.Unlock()
	if !called {
		return // see called
	}
	if s := e.sessions.getLive(effect.Session); s != nil && s.saved != nil && s.confirmLater(effect) {
		d.mu.Lock()
		d.drop(effect)
		d.mu.Unlock()
		return
	}
	// It is not in memory. Should it return meanwhile, the effect is known still.
	e.perform(0, func(ctx context.Context) {
		err := d.tryFor(ctx, func(ctx context.Context) error {
			return d.store.Confirm(ctx, d.epoch(effect.Session), effect.Session, effect.local())
		})
		if err != nil && !errors.Is(err, persistence.ErrNotFound) {
			e.logger.Warn("effect not confirmed; it may be repeated", "session", effect.Session, "effect", effect.local(), "error", err)
		}
		d.mu.Lock()
		d.drop(effect)
		d.mu.Unlock()
	})
}

// confirmLater confirms an effect with the next commit, or at the end of the turn. It
// reports false when the session is not in memory.
func (s *session) confirmLater(effect EffectID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended.Load() || s.cold || s.machine == nil {
		return false
	}
	s.saved.confirmed = append(s.saved.confirmed, effect.local())
	s.engine.schedule(s)
	return true
}
