package session_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

const ringing = `<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null" xmlns:b="urn:bells">
	<state id="a"><onentry><b:ring/></onentry><transition event="go" target="b"/></state><state id="b"/></scxml>`

// startRinging starts a session with an effect for the handler of urn:bells.
func startRinging(t *testing.T, e *session.Engine, id string) {
	t.Helper()
	doc, err := scxml.Parse(t.Context(), []byte(ringing), &scxml.ParseOptions{Modules: []scxml.Module{bells{}}})
	require.NoError(t, err)
	_, err = e.Start(t.Context(), session.StartRequest{Document: doc, SessionID: id})
	require.NoError(t, err)
	require.NoError(t, e.Settle(deadline(t)))
}

// losing makes an engine lose the bucket of a session, and not find it free.
func (p *pair) losing(e *session.Engine, id string) (thief []persistence.Lease) {
	p.Helper()
	leases, err := p.store.Leases(p.Context())
	require.NoError(p, err)
	for _, l := range leases {
		if l.Bucket != persistence.BucketOf(id, p.store.Buckets()) {
			continue
		}
		require.NoError(p, p.store.Release(p.Context(), l))
		thief, err = p.store.Acquire(p.Context(), "thief", time.Hour, l.Bucket)
		require.NoError(p, err)
		require.NoError(p, session.Renew(p.Context(), e))
	}
	require.Len(p, thief, 1)
	return thief
}

// TestUnderWayInALostBucket: what a handler had under way for a session that was in the store alone is
// carried out again when the engine has the bucket once more: the handler has been told that the
// session was lost.
func TestUnderWayInALostBucket(t *testing.T) {
	p := newPair(t, 1)
	var calls []*session.ModuleCall
	lost := 0
	opts := session.Options{
		Parse: scxml.ParseOptions{Modules: []scxml.Module{bells{}}}, Resident: -1,
		Modules: map[string]session.ModuleHandler{"urn:bells": handler(func(_ context.Context, c *session.ModuleCall) error {
			calls = append(calls, c)
			return session.ErrPending
		})},
	}
	opts.Observer.SessionEnded = func(_ session.Info, r session.Result) {
		if r.Reason == session.Lost {
			lost++
		}
	}
	e := p.open("e", p.store, opts)
	startRinging(t, e, "s")
	require.Len(t, calls, 1)
	thief := p.losing(e, "s")
	require.Equal(t, 1, lost)
	require.Zero(t, session.Underway(e, "s"))
	require.NoError(t, p.store.Release(t.Context(), thief...))
	require.NoError(t, session.Renew(t.Context(), e))
	require.NoError(t, e.Settle(deadline(t)))
	require.Len(t, calls, 2)
	assert.True(t, calls[1].Repeated)
	require.NoError(t, e.Shutdown(deadline(t)))
}

// TestRecoveryGoesOnAfterALoss: sessions that Recover has yet to bring back come when the one that was
// about to be brought back is lost.
func TestRecoveryGoesOnAfterALoss(t *testing.T) {
	p := newPair(t, 64)
	ids := []string{"first", "second", "third"}
	var calls []string
	reached, ready := make(chan struct{}), make(chan struct{})
	opts := session.Options{
		Parse: scxml.ParseOptions{Modules: []scxml.Module{bells{}}}, RecoverParallel: 1,
		Modules: map[string]session.ModuleHandler{"urn:bells": handler(func(_ context.Context, c *session.ModuleCall) error {
			calls = append(calls, fmt.Sprint(c.Session.ID, c.Repeated))
			if c.Session.ID == "busy" {
				close(reached)
				<-ready
				return nil
			}
			return session.ErrPending
		})},
	}
	e := p.open("e", p.store, opts)
	for _, id := range ids {
		startRinging(t, e, id)
	}
	require.NoError(t, e.Shutdown(deadline(t)))
	calls = nil

	other := opts
	all := false
	other.Claim = func(bucket int) bool { return all || bucket == persistence.BucketOf("busy", 64) }
	e = p.open("e", p.store, other)
	doc, err := scxml.Parse(t.Context(), []byte(ringing), &scxml.ParseOptions{Modules: []scxml.Module{bells{}}})
	require.NoError(t, err)
	_, err = e.Start(t.Context(), session.StartRequest{Document: doc, SessionID: "busy"})
	require.NoError(t, err)
	<-reached // the one worker
	all = true
	n, err := e.Recover(t.Context())
	require.NoError(t, err)
	require.Equal(t, len(ids), n)
	// The buckets are listed in order.
	first := ids[0]
	for _, id := range ids {
		if persistence.BucketOf(id, 64) < persistence.BucketOf(first, 64) {
			first = id
		}
	}
	p.losing(e, first)
	close(ready)
	require.NoError(t, e.Settle(deadline(t)))
	assert.Len(t, calls, 1+len(ids)-1, "%v", calls)
	assert.NotContains(t, calls, first+"true")
	require.NoError(t, e.Shutdown(deadline(t)))
}

// TestConfirmedDuringShutdown: an effect that is confirmed while the engine takes its session out of
// memory for good is not repeated by the next one.
func TestConfirmedDuringShutdown(t *testing.T) {
	p := newPair(t, 1)
	calls := make(map[string][]*session.ModuleCall)
	var e *session.Engine
	opts := session.Options{
		Parse: scxml.ParseOptions{Modules: []scxml.Module{bells{}}},
		Modules: map[string]session.ModuleHandler{"urn:bells": handler(func(_ context.Context, c *session.ModuleCall) error {
			calls[c.Session.ID] = append(calls[c.Session.ID], c)
			return session.ErrPending
		})},
	}
	opts.Observer.SessionEnded = func(session.Info, session.Result) {
		for _, id := range []string{"s1", "s2"} { // that of the other one is about to be taken out
			e.Confirm(calls[id][0].Effect)
		}
	}
	e = p.open("e", p.store, opts)
	startRinging(t, e, "s1")
	startRinging(t, e, "s2")
	require.NoError(t, e.Shutdown(deadline(t)))
	opts.Observer.SessionEnded = nil
	e = p.open("e", p.store, opts)
	require.NoError(t, e.Settle(deadline(t)))
	repeated := len(calls["s1"]) + len(calls["s2"]) - 2
	assert.LessOrEqual(t, repeated, 1, "one of them had been forgotten when it was confirmed")
	require.NoError(t, e.Shutdown(deadline(t)))
}
