package crashtest_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/session/crashtest"
)

// A test that cannot fail proves nothing: these stores break the order of writing on
// purpose, and the run has to find out.

// hasty is a store that answers some writes before it has carried them out.
type hasty struct {
	persistence.Store
	appends, commits bool

	mu      sync.Mutex
	pending map[string]chan struct{} // by session: closed when the write under way is done
	tails   map[string]uint64        // number of the last event, by session
}

func newHasty(s persistence.Store, appends, commits bool) *hasty {
	return &hasty{Store: s, appends: appends, commits: commits, pending: make(map[string]chan struct{}), tails: make(map[string]uint64)}
}

// turn waits until no other write of a session is under way. The caller tells with done when his is.
func (h *hasty) turn(id string) (done func()) {
	mine := make(chan struct{})
	h.mu.Lock()
	before := h.pending[id]
	h.pending[id] = mine
	h.mu.Unlock()
	if before != nil {
		<-before
	}
	return func() { close(mine) }
}

// later carries a write out after it was answered.
func (h *hasty) later(done func(), write func(context.Context) error) {
	go func() {
		defer done()
		<-time.After(30 * time.Millisecond)
		if err := write(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "hasty:", err)
		}
	}()
}

func (h *hasty) Append(ctx context.Context, id string, e persistence.Event) (n uint64, err error) {
	done := h.turn(id)
	if h.appends && strings.HasPrefix(e.Key, "key:step") {
		if s, err := h.Store.Load(ctx, id); err == nil {
			h.later(done, func(ctx context.Context) error {
				_, err := h.Store.Append(ctx, id, e)
				return err
			})
			return s.Acked + uint64(len(s.Inbox)) + 1, nil
		}
	}
	defer done()
	return h.Store.Append(ctx, id, e)
}

func (h *hasty) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	done := h.turn(c.ID)
	if h.commits {
		h.later(done, func(ctx context.Context) error { return h.Store.Commit(ctx, epoch, c) })
		return nil
	}
	defer done()
	return h.Store.Commit(ctx, epoch, c)
}

func (h *hasty) Confirm(ctx context.Context, epoch uint64, id string, effects ...string) error {
	defer h.turn(id)()
	return h.Store.Confirm(ctx, epoch, id, effects...)
}

func (h *hasty) Delete(ctx context.Context, epoch uint64, id string) error {
	defer h.turn(id)()
	return h.Store.Delete(ctx, epoch, id)
}

func (h *hasty) Inbox(ctx context.Context, id string, after uint64, limit int) ([]persistence.Event, error) {
	defer h.turn(id)()
	return h.Store.Inbox(ctx, id, after, limit)
}

// forgetful is a store that keeps nothing of some effects: they are carried out, if the process lives.
type forgetful struct{ persistence.Store }

func (f forgetful) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	without := *c
	without.Effects = slices.DeleteFunc(slices.Clone(c.Effects), func(e persistence.Effect) bool {
		return bytes.Contains(e.Data, []byte("ledger")) && bytes.Contains(e.Data, []byte("step"))
	})
	return f.Store.Commit(ctx, epoch, &without)
}

// amnesiac is a store that handles events again whose step it has committed: it keeps the snapshot, and not
// how far the inbox was handled.
type amnesiac struct{ persistence.Store }

func (a amnesiac) Commit(ctx context.Context, epoch uint64, c *persistence.Commit) error {
	stored, err := a.Store.Load(ctx, c.ID)
	if err != nil {
		return err
	}
	behind := *c
	behind.Acked = stored.Acked
	if len(stored.Inbox) > 1 && c.Acked > 0 {
		behind.Acked = max(stored.Acked, c.Acked-1)
	}
	return a.Store.Commit(ctx, epoch, &behind)
}

// TestBrokenOrderIsSeen: an event that is acknowledged before it is stored goes missing; a step whose effects leave
// before it is committed is taken twice, as is one of which it is not kept that its event was handled; an effect
// that is not stored with its step is lost.
func TestBrokenOrderIsSeen(t *testing.T) {
	for _, c := range []struct {
		name string
		wrap func(persistence.Store) persistence.Store
		list func(*crashtest.Report) []string
	}{
		{"acknowledged before it is stored", func(s persistence.Store) persistence.Store { return newHasty(s, true, false) },
			func(r *crashtest.Report) []string { return r.Missing }},
		{"effects before the commit", func(s persistence.Store) persistence.Store { return newHasty(s, false, true) },
			func(r *crashtest.Report) []string { return r.Twice }},
		{"step without the position in the inbox", func(s persistence.Store) persistence.Store { return amnesiac{s} },
			func(r *crashtest.Report) []string { return r.Twice }},
		{"step without its effects", func(s persistence.Store) persistence.Store { return forgetful{s} },
			func(r *crashtest.Report) []string { return r.Lost }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := crashtest.Play(t, inFile(c.wrap), &crashtest.Options{Sessions: 30, Events: 20, Kills: 15, Patience: 6 * time.Second})
			require.NotEmpty(t, c.list(r), "%s", strings.Join(r.Problems(), "\n"))
			t.Log(c.list(r)[0])
		})
	}
}
