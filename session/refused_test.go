package session_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence"
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
