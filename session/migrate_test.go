package session_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// TestMigrate: a session stays on its document, unless the host asks for another.
func TestMigrate(t *testing.T) {
	store := memory(t)
	b := node(t, store, session.Options{})
	id, stays, refused := b.start(chart(ab)), b.start(chart(ab)), b.start(chart(ab))
	next := parse(t, chart(`<state id="b"/><state id="a"><transition event="go" target="c"/></state><state id="c"/>`))
	unfit := parse(t, chart(`<state id="b"/>`))
	opts := session.Options{Migrate: func(sid string, from *scxml.Document) (*scxml.Document, error) {
		switch sid {
		case id:
			return next, nil
		case refused:
			return unfit, nil
		}
		return nil, nil
	}}
	b = b.restart(store, 0, opts)
	for _, id := range []string{id, stays} {
		b.send(id, "go")
	}
	assert.Equal(t, []string{"c"}, b.active(id))
	assert.Equal(t, []string{"b"}, b.active(stays))
	b.send(refused, "go")
	require.NoError(t, b.Settle(deadline(t)))
	_, err := b.Query(deadline(t), refused)
	assert.ErrorIs(t, err, scxml.ErrMigrate)
	assert.ErrorContains(t, err, `there is no state "a"`)

	b = b.restart(store, 0, session.Options{})
	assert.Equal(t, []string{"c"}, b.active(id), "the new document is in the store")
	assert.Equal(t, []string{"b"}, b.active(refused), "it was left as it was, with its event")

	b = b.restart(store, 0, session.Options{Migrate: func(string, *scxml.Document) (*scxml.Document, error) { return nil, errors.New("no") }})
	b.send(id, "go")
	require.NoError(t, b.Settle(deadline(t)))
	var unreadable *session.UnreadableError
	_, err = b.Query(deadline(t), id)
	require.ErrorAs(t, err, &unreadable)
	assert.ErrorContains(t, err, "Options.Migrate: no")
}

// slow is a store that takes its time.
type slow struct {
	persistence.Store
	pause time.Duration
}

func (s *slow) wait(ctx context.Context) error {
	select {
	case <-time.After(s.pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slow) Append(ctx context.Context, id string, e persistence.Event) (uint64, error) {
	n, err := s.Store.Append(ctx, id, e)
	if e := s.wait(ctx); e != nil {
		return 0, errors.Join(persistence.ErrOutcomeUnknown, e)
	}
	return n, err
}

func (s *slow) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	err := s.Store.Commit(ctx, epoch, c)
	if e := s.wait(ctx); e != nil {
		return errors.Join(persistence.ErrOutcomeUnknown, e)
	}
	return err
}

// TestSlowStore: a store that takes 10 s for each write makes sessions slow; one that
// answers too late is asked again, and each event is handled once. Whoever cannot wait is
// told that the outcome is unknown.
func TestSlowStore(t *testing.T) {
	for _, pause := range []time.Duration{10 * time.Second, 16 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			mem, err := memstore.New(&memstore.Options{Buckets: 1})
			require.NoError(t, err)
			store := &slow{Store: mem}
			var lost int
			opts := &session.Options{Store: store, Lease: 1000 * time.Hour, Observer: session.Observer{SessionEnded: func(session.Info, session.Result) { lost++ }}}
			b := newBench(t, opts)
			ctx := context.Background()
			_, err = b.Recover(ctx)
			require.NoError(t, err)
			id := b.start(chart(`<state id="a"><transition event="go" target="b"/></state><state id="b"><transition event="go" target="c"/></state>
				<state id="c"><transition event="go" target="d"/></state><state id="d"/>`))
			require.NoError(t, b.Settle(ctx))
			store.pause = pause
			err = b.Send(ctx, id, &scxml.Event{Name: "go"})
			if pause < 15*time.Second {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, persistence.ErrOutcomeUnknown)
			}
			require.NoError(t, b.Settle(ctx))

			impatient, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			began := time.Now()
			err = b.SendOnce(impatient, id, "key", &scxml.Event{Name: "go"})
			assert.ErrorIs(t, err, persistence.ErrOutcomeUnknown)
			assert.Equal(t, time.Second, time.Since(began))
			store.pause = 0
			require.NoError(t, b.SendOnce(ctx, id, "key", &scxml.Event{Name: "go"}))
			require.NoError(t, b.Settle(ctx))
			b.clock.Advance(time.Minute)
			assert.Equal(t, []string{"c"}, b.active(id), "two events, each once")
			require.NoError(t, b.Shutdown(ctx))
		})
	}
}

// TestClockGoesBack: a process whose clock is an hour behind that of the one before
// delivers delayed sends late, and none twice.
func TestClockGoesBack(t *testing.T) {
	store := memory(t)
	b := node(t, store, session.Options{})
	b.clock.Advance(2 * time.Hour)
	id := b.start(chart(`<state id="a"><onentry><send event="late" delay="60s"/></onentry><transition event="late" target="b"/></state>
		<state id="b"><onentry><send event="later" delay="60s"/></onentry><transition event="late" target="x"/><transition event="later" target="f"/></state><state id="x"/><final id="f"/>`))
	b = b.restart(store, -time.Hour, session.Options{IdleTime: 10 * time.Minute})
	b.clock.Advance(time.Hour)
	assert.Equal(t, []string{"a"}, b.active(id))
	b.clock.Advance(time.Minute)
	assert.Equal(t, []string{"b"}, b.active(id))
	b = b.restart(store, -time.Hour, session.Options{})
	b.clock.Advance(time.Hour + time.Minute)
	assert.Equal(t, session.Finished, b.result(id).Reason)
}
