package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// cut is a store that cannot be reached while off is set. What is under way when it
// fails for the first time is carried out and its answer lost, if late is set.
type cut struct {
	persistence.Store
	off, late atomic.Bool
}

var errCut = errors.New("cable cut")

func (c *cut) write(op func() error) error {
	if !c.off.Load() {
		return op()
	}
	if c.late.Swap(false) {
		if err := op(); err != nil {
			return err
		}
		return fmt.Errorf("%w: %w", persistence.ErrOutcomeUnknown, errCut)
	}
	return errCut
}

func (c *cut) Create(ctx context.Context, epoch uint64, s *persistence.Session) error {
	return c.write(func() error { return c.Store.Create(ctx, epoch, s) })
}

func (c *cut) Append(ctx context.Context, id string, e persistence.Event) (n uint64, err error) {
	err = c.write(func() (err error) { n, err = c.Store.Append(ctx, id, e); return err })
	return n, err
}

func (c *cut) Commit(ctx context.Context, epoch uint64, x *persistence.Commit) error {
	return c.write(func() error { return c.Store.Commit(ctx, epoch, x) })
}

func (c *cut) Confirm(ctx context.Context, epoch uint64, id string, effects ...string) error {
	return c.write(func() error { return c.Store.Confirm(ctx, epoch, id, effects...) })
}

func (c *cut) Delete(ctx context.Context, epoch uint64, id string) error {
	return c.write(func() error { return c.Store.Delete(ctx, epoch, id) })
}

func (c *cut) PutDocument(ctx context.Context, body []byte) (d persistence.Digest, err error) {
	err = c.write(func() (err error) { d, err = c.Store.PutDocument(ctx, body); return err })
	return d, err
}

func (c *cut) Load(ctx context.Context, id string) (*persistence.Session, error) {
	if c.off.Load() {
		return nil, errCut
	}
	return c.Store.Load(ctx, id)
}

func (c *cut) Inbox(ctx context.Context, id string, after uint64, limit int) ([]persistence.Event, error) {
	if c.off.Load() {
		return nil, errCut
	}
	return c.Store.Inbox(ctx, id, after, limit)
}

func (c *cut) Renew(ctx context.Context, lease time.Duration, leases ...persistence.Lease) ([]persistence.Lease, error) {
	if c.off.Load() {
		return nil, errCut
	}
	return c.Store.Renew(ctx, lease, leases...)
}

// TestContinueInMemory: while the store is away sessions that are in memory go on, with
// their timers and the sessions that they invoke; when it is back they catch up, and a
// restart goes on from there.
func TestContinueInMemory(t *testing.T) {
	for _, late := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := &cut{Store: memory(t)}
			var told []error
			opts := session.Options{StoreLost: session.ContinueInMemory, Observer: session.Observer{Store: func(err error) { told = append(told, err) }}}
			b := node(t, store, opts)
			f, counts := newFamily(t)
			_ = f
			ctx := context.Background()
			send := func(id, key, name string) {
				t.Helper()
				require.NoError(t, b.SendOnce(ctx, id, key, &scxml.Event{Name: name}))
				require.NoError(t, b.Settle(ctx))
			}
			begin := func(id string) {
				t.Helper()
				_, err := b.Start(ctx, session.StartRequest{Document: counts, SessionID: id})
				require.NoError(t, err)
				require.NoError(t, b.Settle(ctx))
			}
			begin("before")
			begin("ends")
			asleep := b.start(chart(ab))
			require.NoError(t, b.Settle(ctx))
			send("before", "1", "add")

			store.off.Store(true)
			store.late.Store(late)
			send("before", "2", "add")
			send("before", "2", "add")
			require.Len(t, told, 1)
			assert.ErrorIs(t, told[0], errCut)
			begin("during")
			send("during", "1", "add")
			b.clock.Advance(1500 * time.Millisecond) // a tick of each, in memory
			send("ends", "1", "end")
			assert.Equal(t, session.Finished, b.result("ends").Reason)
			send("during", "2", "add")
			b.send(asleep, "unknown") // it is in memory, too
			require.NoError(t, b.Settle(ctx))

			store.off.Store(false)
			b.clock.Advance(time.Second)
			require.Len(t, told, 2)
			assert.NoError(t, told[1])
			require.NoError(t, b.Settle(ctx))
			send("during", "2", "add") // a repeat of what was accepted without the store
			assert.NotContains(t, stored(t, store), "ends")

			b = b.restart(store, 0, opts)
			send("before", "3", "add")
			send("during", "3", "add")
			b.clock.Advance(10 * time.Second)
			for _, id := range []string{"before", "during"} {
				send(id, "4", "end")
				assert.Equal(t, counted, b.result(id).Data, "%s, late=%v", id, late)
			}
			require.NoError(t, b.Terminate(ctx, asleep))
			require.NoError(t, b.Settle(ctx))
			assert.Empty(t, stored(t, store))
			require.NoError(t, b.Shutdown(ctx))
		})
	}
}

// TestRefuseWork: without the store nothing begins and no event is accepted; nothing is lost.
func TestRefuseWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &cut{Store: memory(t)}
		var told []error
		b := node(t, store, session.Options{Resident: -1, Observer: session.Observer{Store: func(err error) { told = append(told, err) }}})
		ctx := context.Background()
		id := b.start(chart(ab))
		require.NoError(t, b.Settle(ctx))
		store.off.Store(true)
		assert.ErrorIs(t, b.Send(ctx, id, &scxml.Event{Name: "go"}), errCut)
		_, err := b.Start(ctx, session.StartRequest{Document: parse(t, chart(ab))})
		assert.ErrorIs(t, err, errCut)
		assert.ErrorIs(t, b.Terminate(ctx, id), errCut)
		_, err = b.Query(ctx, id)
		assert.ErrorIs(t, err, errCut)
		require.Len(t, told, 1)
		b.clock.Advance(time.Minute)
		store.off.Store(false)
		b.clock.Advance(time.Second)
		require.Len(t, told, 2)
		b.send(id, "go")
		assert.Equal(t, []string{"b"}, b.active(id))
		require.NoError(t, b.Shutdown(ctx))
	})
}

// TestPassiveCannotContinue: a session that is in the store alone cannot be reached
// without it.
func TestPassiveCannotContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &cut{Store: memory(t)}
		b := node(t, store, session.Options{StoreLost: session.ContinueInMemory, IdleTime: time.Minute})
		ctx := context.Background()
		id := b.start(chart(waiting))
		b.clock.Advance(time.Minute)
		require.True(t, b.passive(id))
		other := b.start(chart(ab))
		require.NoError(t, b.Settle(ctx))
		store.off.Store(true)
		b.send(other, "go")
		require.NoError(t, b.Settle(ctx))
		assert.ErrorIs(t, b.Send(ctx, id, &scxml.Event{Name: "go"}), session.ErrStoreLost)
		b.clock.Advance(time.Hour) // its time comes meanwhile
		store.off.Store(false)
		b.clock.Advance(2 * time.Second)
		require.NoError(t, b.Settle(ctx))
		b.send(id, "go")
		assert.Equal(t, []string{"b"}, b.active(id), "late was handled in a, where it is not wanted")
		assert.Equal(t, []string{"b"}, b.active(other))
		require.NoError(t, b.Shutdown(ctx))
	})
}

// TestCatchUpWithoutRoom: what was done without the store is not lost when that has no room for it
// when it is back: neither for the keys of what was handled, nor for what waits, nor for the
// state.
func TestCatchUpWithoutRoom(t *testing.T) {
	for name, waiting := range map[string]bool{"what waits": true, "the state": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const events = 200
				under := &broken{Store: newCrowded(t), err: fmt.Errorf("%w: disk", persistence.ErrFull)}
				store := &cut{Store: under}
				var b *bench
				reached, ready := make(chan struct{}), make(chan struct{})
				opts := session.Options{StoreLost: session.ContinueInMemory, Parse: scxml.ParseOptions{Modules: []scxml.Module{bells{}}},
					Modules: map[string]session.ModuleHandler{"urn:bells": handler(func(context.Context, *session.ModuleCall) error {
						close(reached)
						<-ready
						store.off.Store(false)
						if waiting {
							session.Back(b.Engine)
						}
						return nil
					})}}
				b = node(t, store, opts)
				parse := scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}, Modules: []scxml.Module{bells{}}}
				doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:b="urn:bells" version="1.0" datamodel="ecmascript">
					<datamodel><data id="n" expr="0"/></datamodel><state id="a"><transition event="add"><assign location="n" expr="n+1"/></transition>
					<transition event="ring"><b:ring/></transition>
					<transition event="end" target="f"/></state><final id="f"><donedata><content expr="n"/></donedata></final></scxml>`), &parse)
				require.NoError(t, err)
				ctx := context.Background()
				id, err := b.Start(ctx, session.StartRequest{Document: doc})
				require.NoError(t, err)
				require.NoError(t, b.Settle(ctx))
				store.off.Store(true)
				b.send(id, "add")
				require.NoError(t, b.Settle(ctx))
				b.send(id, "ring")
				<-reached
				for i := range events {
					require.NoError(t, b.SendOnce(ctx, id, fmt.Sprint("k", i), &scxml.Event{Name: "add"}))
				}
				under.off.Store(!waiting)
				close(ready)
				require.NoError(t, b.Settle(ctx))
				if !waiting {
					b.clock.Advance(2 * time.Second) // the store is back, and full
					assert.ErrorIs(t, b.Send(ctx, id, &scxml.Event{Name: "add"}), session.ErrInboxFull)
					under.off.Store(false)
				}
				b.clock.Advance(2 * time.Second)
				b.clock.Advance(2 * time.Second)
				require.NoError(t, b.Settle(ctx))
				if !waiting { // then there was no room for keys
					require.NoError(t, b.SendOnce(ctx, id, fmt.Sprint("k", events-1), &scxml.Event{Name: "add"}), "a repeat")
				}
				b = b.restart(store, 0, opts)
				b.send(id, "add")
				b.send(id, "end")
				assert.EqualValues(t, events+2, b.result(id).Data)
				require.NoError(t, b.Shutdown(ctx))
			})
		})
	}
}
