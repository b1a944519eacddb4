package session_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// TestHammer does everything at once from many goroutines, for the race
// detector and for deadlocks.
func TestHammer(t *testing.T) {
	b := newBench(t, &session.Options{Workers: 4, Inbox: 20, MaxSessions: 200, Retain: 10})
	doc := parse(t, chart(`<state id="s">
		<onentry><send event="tick" delay="10ms" id="t"/></onentry><onexit><cancel sendid="t"/></onexit>
		<invoke type="scxml" id="c" autoforward="true">`+
		child(`<state id="x"><onentry><send target="#_parent" event="up"/></onentry>
			<transition event="down" target="f"/><onexit><send target="#_parent" event="bye"/></onexit></state><final id="f"/>`)+`</invoke>
		<transition event="up"><send target="#_scxml_root3" event="e" delay="5ms"/></transition>
		<transition event="e" target="s"/><transition event="tick"><send event="tock" delay="3ms"/></transition>
		<transition event="down"><log label="down"/></transition>
		<transition event="end" target="f"/></state><final id="f"/>`))
	expected := []error{session.ErrNotFound, session.ErrExists, session.ErrInboxFull, session.ErrTooMany}
	var wg sync.WaitGroup
	for seed := range uint64(8) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			ctx := deadline(t)
			for range 400 {
				id := fmt.Sprint("root", random.IntN(10))
				var err error
				switch random.IntN(8) {
				case 0, 1:
					_, err = b.Start(ctx, session.StartRequest{Document: doc, SessionID: id})
				case 2:
					err = b.Terminate(ctx, id)
				case 3:
					_, err = b.Query(ctx, id)
				case 4:
					b.clock.Advance(time.Millisecond)
				case 5:
					for _, i := range b.Sessions() {
						assert.NotEmpty(t, i.ID)
					}
				default:
					err = b.Send(ctx, id, &scxml.Event{Name: []string{"e", "down", "end", "x"}[random.IntN(4)]})
				}
				if err != nil {
					known := false
					for _, e := range expected {
						known = known || errors.Is(err, e)
					}
					assert.True(t, known, "%v", err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, b.Shutdown(deadline(t)))
	assert.Zero(t, b.Len())
	_, pending := b.clock.Next()
	assert.False(t, pending)
}
