package fm

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// What a session has no room for is given again, in order.
func TestMailIsGivenAgain(t *testing.T) {
	clock := session.NewVirtualClock(time.Unix(0, 0))
	reached, ready := make(chan struct{}), make(chan struct{})
	var log []string
	engine, err := session.New(&session.Options{Workers: 1, Inbox: 1, Clock: clock, Log: func(_ string, e scxml.LogEntry) {
		if log = append(log, e.Label); e.Label == "busy" {
			close(reached)
			<-ready
		}
	}})
	require.NoError(t, err)
	defer func() { require.NoError(t, engine.Shutdown(t.Context())) }()
	doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null"><state id="s">
		<transition event="busy"><log label="busy"/></transition><transition event="first"><log label="first"/></transition>
		<transition event="second"><log label="second"/></transition><transition event="third"><log label="third"/></transition>
		<transition event="end" target="f"/></state><final id="f"/></scxml>`), nil)
	require.NoError(t, err)
	id, err := engine.Start(t.Context(), session.StartRequest{Document: doc})
	require.NoError(t, err)
	require.NoError(t, engine.Settle(t.Context()))

	m := newMail(clock, slog.New(slog.DiscardHandler))
	send := func(name string) {
		m.hold(engine, id, &letter{ev: &scxml.Event{Name: name}})
		m.give(id)
	}
	require.NoError(t, engine.Send(t.Context(), id, &scxml.Event{Name: "busy"}))
	<-reached
	require.NoError(t, engine.Send(t.Context(), id, &scxml.Event{Name: "first"}))
	send("second")
	send("third")
	assert.Len(t, m.boxes[id].letters, 2)
	close(ready)
	require.NoError(t, engine.Settle(t.Context()))
	clock.Advance(mailPause)
	clock.Advance(mailPause)
	require.NoError(t, engine.Settle(t.Context()))
	assert.Equal(t, []string{"busy", "first", "second", "third"}, log)
	assert.Empty(t, m.boxes)

	require.NoError(t, engine.Send(t.Context(), id, &scxml.Event{Name: "end"}))
	require.NoError(t, engine.Settle(t.Context()))
	send("late")
	assert.Empty(t, m.boxes, "the session has ended")
}

// shaky is a store that refuses the events of some sessions as err says, after it has taken them if
// taken is set.
type shaky struct {
	persistence.Store
	err   error
	taken bool
	once  bool          // then it refuses no more
	gate  chan struct{} // events wait until it is closed; nil: they do not
}

func (s *shaky) Append(ctx context.Context, id string, ev persistence.Event) (n uint64, err error) {
	if s.gate != nil {
		<-s.gate
	}
	refusal := s.err
	if s.once {
		s.err = nil
	}
	if refusal == nil || s.taken {
		n, err = s.Store.Append(ctx, id, ev)
	}
	if refusal != nil {
		return 0, refusal
	}
	return n, err
}

func newShaky(t *testing.T) *shaky {
	store, err := memstore.New(&memstore.Options{Buckets: 1})
	require.NoError(t, err)
	return &shaky{Store: store}
}

// An event of which it is not known whether the store has it is handled once.
func TestMailOfUnknownOutcome(t *testing.T) {
	clock, store := session.NewVirtualClock(time.Unix(0, 0)), newShaky(t)
	var log []string
	engine, err := session.New(&session.Options{Workers: 1, Clock: clock, Store: store, Log: func(_ string, e scxml.LogEntry) { log = append(log, e.Label) }})
	require.NoError(t, err)
	defer func() { require.NoError(t, engine.Shutdown(context.Background())) }()
	_, err = engine.Recover(t.Context())
	require.NoError(t, err)
	doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null"><state id="s">
		<transition event="e"><log label="e"/></transition></state></scxml>`), nil)
	require.NoError(t, err)
	id, err := engine.Start(t.Context(), session.StartRequest{Document: doc})
	require.NoError(t, err)
	require.NoError(t, engine.Settle(t.Context()))

	m := newMail(clock, slog.New(slog.DiscardHandler))
	store.err, store.taken = persistence.ErrOutcomeUnknown, true
	m.put(engine, id, &letter{ev: &scxml.Event{Name: "e"}})
	clock.Advance(0)
	require.Len(t, m.boxes, 1)
	store.err = nil
	clock.Advance(mailPause)
	require.NoError(t, engine.Settle(t.Context()))
	assert.Empty(t, m.boxes)
	assert.Equal(t, []string{"e"}, log)
}

// An event that the store is at when its session is lost stays before what comes after it.
func TestMailKeepsOrderOfALostSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock, store := session.SystemClock{}, newShaky(t)
		var log []string
		engine, err := session.New(&session.Options{Workers: 1, Clock: clock, Store: store, Lease: 1000 * time.Hour,
			Log: func(_ string, e scxml.LogEntry) { log = append(log, e.Label) }})
		require.NoError(t, err)
		_, err = engine.Recover(t.Context())
		require.NoError(t, err)
		doc, err := scxml.Parse(t.Context(), []byte(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="null"><state id="s">
			<transition event="a"><log label="a"/></transition><transition event="b"><log label="b"/></transition>
			<transition event="c"><log label="c"/></transition></state></scxml>`), nil)
		require.NoError(t, err)
		id, err := engine.Start(t.Context(), session.StartRequest{Document: doc})
		require.NoError(t, err)
		m := newMail(clock, slog.New(slog.DiscardHandler))
		put := func(name string) { m.put(engine, id, &letter{ev: &scxml.Event{Name: name}}) }
		store.gate = make(chan struct{})
		put("a")
		put("b")
		synctest.Wait()
		m.drop(id)
		put("c")
		synctest.Wait()
		assert.Empty(t, log)
		close(store.gate)
		synctest.Wait()
		assert.Equal(t, []string{"a", "c"}, log)
		assert.Empty(t, m.boxes)
		m.close()
		require.NoError(t, engine.Shutdown(t.Context()))
	})
}

// What is on its way to a session that takes nothing is bounded, and so is what it takes to close.
func TestMailIsBounded(t *testing.T) {
	clock, store := session.NewVirtualClock(time.Unix(0, 0)), newShaky(t)
	engine, err := session.New(&session.Options{Clock: clock, Store: store})
	require.NoError(t, err)
	defer func() { require.NoError(t, engine.Shutdown(context.Background())) }()
	_, err = engine.Recover(t.Context())
	require.NoError(t, err)
	store.err = persistence.ErrFull
	m := newMail(clock, slog.New(slog.DiscardHandler))
	for range maxLetters + 1 {
		m.put(engine, "s", &letter{ev: &scxml.Event{Name: "e"}})
	}
	var outcome error
	m.put(engine, "s", &letter{ev: &scxml.Event{Name: "e"}, outcome: func(err error) { outcome = err }})
	clock.Advance(mailPause)
	require.ErrorIs(t, outcome, session.ErrInboxFull)
	require.Len(t, m.boxes["s"].letters, maxLetters)
	m.close()
	require.Empty(t, m.boxes)
}

// mailDesk is a connector and its engine on a store, with a call that has a session.
func mailDesk(t *testing.T, store persistence.Store, actions string, log func(scxml.LogEntry)) (*Connector, *session.Engine, *session.VirtualClock) {
	clock := session.NewVirtualClock(time.Unix(0, 0))
	sw := sim.New(&sim.Options{Clock: clock, Name: "sw"})
	require.NoError(t, sw.AddRoutePoint("5000", sim.RoutePoint{}))
	apps := place{"mem:a"}
	c := NewConnector(apps, &Options{DNs: []string{"5000"}, Clock: clock})
	opts := &session.Options{Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}, Workers: 1, Clock: clock, Store: store, Loader: page(`<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="ecmascript"
		xmlns:ixn="http://www.genesyslab.com/modules/interaction">` + actions + `</scxml>`), Log: func(_ string, e scxml.LogEntry) { log(e) }}
	c.Install(opts)
	engine, err := session.New(opts)
	require.NoError(t, err)
	link := sw.Connect()
	require.NoError(t, c.Open(engine, link))
	if store != nil {
		_, err = engine.Recover(t.Context())
		require.NoError(t, err)
	}
	clock.Advance(0)
	require.NoError(t, c.Ready(t.Context()))
	t.Cleanup(func() {
		require.NoError(t, c.Close())
		require.NoError(t, engine.Shutdown(context.Background()))
		require.NoError(t, link.Close())
	})
	_, err = sw.Call("5000", sim.Caller{})
	require.NoError(t, err)
	clock.Advance(0)
	return c, engine, clock
}

type place struct{ url string }

func (p place) Application(string, *telephony.CallAttributes) (session.Application, error) {
	return session.Application{URLs: []string{p.url}}, nil
}

type page string

func (p page) Fetch(context.Context, string, int64) ([]byte, error) {
	if p == "" {
		return nil, errors.New("no such page")
	}
	return []byte(p), nil
}

// Nothing is kept of a session that could not be started.
func TestFailedStartLeavesNothing(t *testing.T) {
	var log []string
	c, engine, _ := mailDesk(t, nil, `<state/`, func(e scxml.LogEntry) { log = append(log, e.Label) })
	require.Zero(t, engine.Len())
	c.mu.Lock()
	defer c.mu.Unlock()
	assert.Empty(t, c.recent)
	assert.Empty(t, c.sessions)
	assert.Empty(t, c.starting)
	assert.Empty(t, c.answers)
	assert.Empty(t, c.unanswered)
}

// What an action is answered at once stays an effect under way while the session does not take it; an
// answer that no store takes becomes an error.
func TestAnswersThatAreRefused(t *testing.T) {
	for name, refusal := range map[string]shaky{
		"full":      {err: persistence.ErrFull},
		"too large": {err: persistence.ErrTooLarge, once: true},
	} {
		t.Run(name, func(t *testing.T) {
			store := newShaky(t)
			var log []string
			c, engine, clock := mailDesk(t, store, `<state id="s">
				<transition event="interaction.added"><log label="begin"/><ixn:redirect interactionid="'nobody'" to="'7001'"/></transition>
				<transition event="error.interaction.redirect"><log label="failed" expr="_event.data.error"/></transition></state>`,
				func(e scxml.LogEntry) {
					if log = append(log, e.Label+" "+e.Text); e.Label == "begin" {
						store.err, store.once = refusal.err, refusal.once
					}
				})
			outbox := func() int {
				s, err := store.Load(t.Context(), engine.Sessions()[0].ID)
				require.NoError(t, err)
				return len(s.Outbox)
			}
			require.NoError(t, engine.Settle(t.Context()))
			if name == "full" {
				assert.Equal(t, []string{"begin "}, log)
				assert.Equal(t, 1, outbox())
				store.err = nil
				clock.Advance(mailPause)
				require.NoError(t, engine.Settle(t.Context()))
			}
			require.Len(t, log, 2)
			code := "invalidstate.null"
			if name == "too large" {
				code = "unknown"
			}
			assert.Equal(t, "failed "+code, log[1])
			assert.Zero(t, outbox())
			c.mu.Lock()
			defer c.mu.Unlock()
			assert.Empty(t, c.mail.boxes)
			assert.Empty(t, c.answers)
			assert.Empty(t, c.unanswered)
		})
	}
}

// A session that was taken out of memory since its store did not answer has not ended for who started it.
func TestLostSessionHasNotEnded(t *testing.T) {
	engine, err := session.New(nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, engine.Shutdown(context.Background())) }()
	s, err := NewServices(nil)
	require.NoError(t, err)
	require.NoError(t, s.Open(engine))
	s.started["child"] = &startedSession{by: "starter", announced: true}
	s.startedBy["starter"] = []string{"child"}
	s.sessionEnded("child", &session.Result{Reason: session.Lost})
	assert.Contains(t, s.started, "child")
	s.sessionEnded("child", &session.Result{Reason: session.Finished})
	assert.Empty(t, s.started)
	assert.Empty(t, s.startedBy)
	require.NoError(t, s.Close())
}
