package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// picky is a store that never takes commits of one session: the first refuse of them.
type picky struct {
	persistence.Store
	id      string
	refuse  int64
	cause   error
	refused atomic.Int64
}

func (p *picky) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	if c.ID == p.id && c.Rev > 1 && p.refused.Add(1) <= p.refuse {
		return fmt.Errorf("commit: %w", p.cause)
	}
	return p.Store.Commit(ctx, epoch, c)
}

// TestRefusedForGood: a session whose step the store will never take fails with that error,
// its family is told, and no restart brings it back.
func TestRefusedForGood(t *testing.T) {
	for _, cause := range []error{persistence.ErrInvalid, persistence.ErrTooLarge} {
		for name, refuse := range map[string]int64{"the step": 1, "its end, too": 1 << 30} {
			t.Run(fmt.Sprint(cause, "/", name), func(t *testing.T) {
				store := &picky{Store: memory(t), id: "s2", refuse: refuse, cause: cause}
				var log bytes.Buffer
				b := node(t, store, session.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
				// The grandchild is to be cancelled by the step that is refused.
				root := b.start(chart(`<state id="a"><invoke id="kid" autoforward="true"><content>` +
					`<scxml version="1.0" datamodel="null"><state id="x"><invoke id="grandkid"><content><scxml version="1.0" datamodel="null"><state id="y"/></scxml></content></invoke>` +
					`<transition event="go" target="z"/></state><state id="z"/></scxml>` +
					`</content></invoke><transition event="error.platform"><log label="told"/></transition></state>`))
				require.NoError(t, b.Settle(deadline(t)))
				require.Len(t, stored(t, store), 3)
				b.send(root, "go")
				assert.Equal(t, []string{root + ": told"}, b.logged())
				r := b.result("s2")
				assert.Equal(t, session.Failed, r.Reason)
				assert.ErrorIs(t, r.Err, cause)
				assert.Contains(t, log.String(), cause.Error())
				assert.Equal(t, 1, strings.Count(log.String(), "session failed"))
				assert.Equal(t, []string{root}, stored(t, store), "the grandchild has been stopped")
				tries := store.refused.Load()
				b.clock.Advance(time.Minute)
				require.NoError(t, b.Settle(deadline(t)))
				assert.Equal(t, tries, store.refused.Load(), "nothing is tried again")
				b = b.restart(store, 0, session.Options{})
				assert.Equal(t, 1, b.Len())
			})
		}
	}
}

// TestTimerRefusedForGood: the same for the step that takes a delayed send off the list.
func TestTimerRefusedForGood(t *testing.T) {
	store := &picky{Store: memory(t), id: "s1", refuse: 1, cause: persistence.ErrInvalid}
	b := node(t, store, session.Options{})
	id := b.start(chart(`<state id="a"><onentry><send event="late" delay="1s"/></onentry></state>`))
	b.clock.Advance(time.Second)
	r := b.result(id)
	assert.Equal(t, session.Failed, r.Reason)
	assert.ErrorIs(t, r.Err, persistence.ErrInvalid)
	require.NoError(t, b.Settle(deadline(t)))
	assert.Empty(t, stored(t, store))
}

// tight is a store on a database with a limit that it does not report as its contract asks.
type tight struct {
	persistence.Store
	id   string // whose commits are too large
	cut  atomic.Bool
	on   atomic.Bool
	keep atomic.Bool // it deletes nothing
}

var errValue = errors.New("value too large")

func (n *tight) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	switch {
	case n.cut.Load():
		return errCut
	case n.on.Load() && c.ID == n.id:
		return errValue
	}
	return n.Store.Commit(ctx, epoch, c)
}

func (n *tight) Append(ctx context.Context, id string, e persistence.Event) (uint64, error) {
	if n.cut.Load() {
		return 0, errCut
	}
	return n.Store.Append(ctx, id, e)
}

func (n *tight) Delete(ctx context.Context, epoch uint64, id string) error {
	if n.keep.Load() {
		return errValue
	}
	return n.Store.Delete(ctx, epoch, id)
}

func (n *tight) Renew(ctx context.Context, lease time.Duration, leases ...persistence.Lease) ([]persistence.Lease, error) {
	if n.cut.Load() {
		return nil, errCut
	}
	return n.Store.Renew(ctx, lease, leases...)
}

// TestRefusedAlone: an error that the contract of a store does not name is the session's own when the store
// answers otherwise: the others go on, stored, and nobody is told that the store is lost.
func TestRefusedAlone(t *testing.T) {
	for _, policy := range []session.StorePolicy{session.RefuseWork, session.ContinueInMemory} {
		synctest.Test(t, func(t *testing.T) {
			store := &tight{Store: memory(t), id: "s1"}
			var told, lost []error
			b := node(t, store, session.Options{StoreLost: policy, Observer: session.Observer{
				Store: func(err error) { told = append(told, err) },
				SessionEnded: func(_ session.Info, r session.Result) {
					if r.Reason == session.Lost {
						lost = append(lost, r.Err)
					}
				},
			}})
			large, other := b.start(chart(ab)), b.start(chart(ab))
			require.NoError(t, b.Settle(deadline(t)))
			store.on.Store(true)
			b.send(large, "go")
			b.send(other, "go")
			assert.Equal(t, []string{"b"}, b.active(other))
			require.Len(t, lost, 1)
			assert.ErrorIs(t, lost[0], errValue)
			assert.Equal(t, []string{"a"}, b.active(large), "as it was committed last")
			for range 3 {
				b.clock.Advance(time.Second)
				require.NoError(t, b.Settle(deadline(t)))
			}
			assert.Empty(t, told, "the store is there")
			require.Greater(t, len(lost), 1, "it is tried again")
			before, err := store.Load(t.Context(), other)
			require.NoError(t, err)
			b.send(other, "end")
			b.result(other)
			_, err = store.Load(t.Context(), other)
			assert.ErrorIs(t, err, persistence.ErrNotFound, "stored and removed: %d", before.Rev)

			store.on.Store(false)
			b.clock.Advance(2 * time.Second)
			assert.Equal(t, []string{"b"}, b.active(large))
			store.keep.Store(true)
			b.send(large, "end")
			b.result(large)
			require.NoError(t, b.Settle(deadline(t)))
			assert.Len(t, stored(t, store), 1)
			store.keep.Store(false)
			b.clock.Advance(time.Second)
			require.NoError(t, b.Settle(deadline(t)))
			assert.Empty(t, stored(t, store), "it is removed later")
			require.NoError(t, b.Shutdown(deadline(t)))
		})
	}
}

// TestRefusedWhileCatchingUp: a session that has gone on without the store, and that the store refuses when it
// is back, goes on in memory until the store takes it.
func TestRefusedWhileCatchingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &tight{Store: memory(t), id: "s1"}
		var told []error
		b := node(t, store, session.Options{StoreLost: session.ContinueInMemory, Observer: session.Observer{
			Store: func(err error) { told = append(told, err) },
		}})
		id := b.start(chart(ab))
		require.NoError(t, b.Settle(deadline(t)))
		store.cut.Store(true)
		b.send(id, "go")
		assert.Equal(t, []string{"b"}, b.active(id))
		require.Len(t, told, 1)
		assert.ErrorIs(t, told[0], errCut)

		store.on.Store(true)
		store.cut.Store(false)
		for range 3 {
			b.clock.Advance(time.Second)
			require.NoError(t, b.Settle(deadline(t)))
		}
		require.Len(t, told, 2, "the store is back, and stays")
		assert.NoError(t, told[1])
		assert.Equal(t, []string{"b"}, b.active(id))
		assert.ErrorIs(t, b.Send(t.Context(), id, &scxml.Event{Name: "end"}), session.ErrInboxFull)

		store.on.Store(false)
		b.clock.Advance(time.Second)
		assert.Equal(t, []string{"b"}, b.active(id))
		b.send(id, "end")
		b.result(id)
		require.NoError(t, b.Settle(deadline(t)))
		assert.Empty(t, stored(t, store))
		require.NoError(t, b.Shutdown(deadline(t)))
	})
}
