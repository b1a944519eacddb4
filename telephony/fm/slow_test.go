package fm_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
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
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// slowStore takes its time over the events of some sessions.
type slowStore struct {
	persistence.Store
	yield bool // before every event

	mu    sync.Mutex
	gates map[string]chan struct{} // by session; its events wait until the channel is closed
}

func (s *slowStore) Append(ctx context.Context, id string, ev persistence.Event) (uint64, error) {
	s.mu.Lock()
	gate := s.gates[id]
	s.mu.Unlock()
	if s.yield {
		runtime.Gosched()
	}
	if gate != nil {
		<-gate // without an end, as storage may be that hangs
	}
	return s.Store.Append(ctx, id, ev)
}

// shut has the events of a session wait until open is called.
func (s *slowStore) shut(id string) (open func()) {
	gate := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gates[id] = gate
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.gates, id)
		close(gate)
	}
}

const manyCalls = 60

// archive is a switch and an engine on a slow store, in real time, which a bubble makes its own: one routing point and
// an agent for each call. Only one session works at a time.
type archive struct {
	testing.TB
	store  *slowStore
	sw     *sim.Switch
	link   *telephony.Client
	conn   *fm.Connector
	engine *session.Engine
	page   string

	mu  sync.Mutex
	ids int
	log map[string][]string // by session
}

func newArchive(t testing.TB, states string) *archive {
	mem, err := memstore.New(&memstore.Options{Buckets: 4})
	require.NoError(t, err)
	clock := session.SystemClock{}
	a := &archive{TB: t, store: &slowStore{Store: mem, gates: map[string]chan struct{}{}}, sw: sim.New(&sim.Options{Clock: clock}),
		page: strategy(states), log: map[string][]string{}}
	require.NoError(t, a.sw.AddRoutePoint("5000", sim.RoutePoint{}))
	dns := []string{"5000"}
	for i := range manyCalls {
		dn := fmt.Sprint(7001 + i)
		dns = append(dns, dn)
		require.NoError(t, a.sw.AddExtension(dn, sim.Extension{AnswerAfter: 3 * time.Second, TalkTime: time.Minute}))
	}
	a.conn = fm.NewConnector(a, &fm.Options{DNs: dns, Clock: clock})
	opts := &session.Options{
		Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}, Loader: a, Workers: 1, Clock: clock, Store: a.store,
		Lease: 100_000 * time.Hour,
		NewID: func() string {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.ids++
			return fmt.Sprintf("s%d", a.ids)
		},
		Log: func(id string, e scxml.LogEntry) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.log[id] = append(a.log[id], e.Text)
		},
		Trace: witness(a),
	}
	a.conn.Install(opts)
	a.engine, err = session.New(opts)
	require.NoError(t, err)
	a.link = a.sw.Connect()
	require.NoError(t, a.conn.Open(a.engine, a.link))
	_, err = a.engine.Recover(t.Context())
	require.NoError(t, err)
	require.NoError(t, a.conn.Ready(t.Context()))
	t.Cleanup(func() {
		assert.NoError(t, a.conn.Close())
		assert.NoError(t, a.engine.Shutdown(context.Background()))
		assert.NoError(t, a.link.Close())
	})
	return a
}

// Application implements fm.Applications.
func (a *archive) Application(dn string, _ *telephony.CallAttributes) (session.Application, error) {
	if dn == "5000" {
		return session.Application{URLs: []string{"mem:a"}}, nil
	}
	return session.Application{}, nil
}

// Fetch implements session.Fetcher.
func (a *archive) Fetch(context.Context, string, int64) ([]byte, error) { return []byte(a.page), nil }

func (a *archive) call() telephony.ConnID {
	a.Helper()
	id, err := a.sw.Call("5000", sim.Caller{})
	require.NoError(a, err)
	synctest.Wait()
	return id
}

func (a *archive) heard(id string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.log[id], " ")
}

// served plays to a call, routes it, and tells of every event.
const served = `<parallel><state id="watch"><transition event="*"><log expr="_event.name.replace('interaction', 'i') +
	(_event.data &amp;&amp; _event.data.error ? ':' + _event.data.error : '')"/></transition></state>
<state id="s"><state id="wait"><transition event="interaction.onrouterequest" target="play"/></state>
<state id="play"><onentry><dialog:play requestid="req"><dialog:prompts><dialog:prompt intid="1"/></dialog:prompts></dialog:play></onentry>
	<transition event="dialog.play.done" target="route"/></state>
<state id="route"><onentry><ixn:redirect to="String(7000 + Number(_sessionid.substring(1)))"/></onentry><transition event="interaction.deleted" target="end"/></state></state></parallel>
<final id="end"/>`

// servedEvents is what a session of served hears.
const servedEvents = "i.added i.onrouterequest dialog.play.requestid dialog.play.done i.redirect.done " +
	"i.partystatechanged i.partystatechanged i.deleted"

// While the store is at the events of one session, the calls of all others are answered, played to and
// routed; what has come for the one meanwhile is given to it afterwards, in order.
func TestSlowStoreDelaysItsSessionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive(t, served)
		open := a.store.shut("s1")
		a.call()
		assert.Empty(t, a.heard("s1"))
		a.call()
		<-time.After(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, servedEvents, a.heard("s2"))
		assert.Empty(t, a.heard("s1"))
		open()
		<-time.After(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, servedEvents, a.heard("s1"))

		call := a.call()
		begun := a.heard("s3")
		open = a.store.shut("s3")
		require.NoError(t, a.sw.HangUp(call))
		a.call()
		<-time.After(2 * time.Minute)
		synctest.Wait()
		assert.Equal(t, servedEvents, a.heard("s4"))
		assert.Equal(t, begun, a.heard("s3"))
		open()
		<-time.After(time.Second) // the engine repeats what took too long
		synctest.Wait()
		assert.Equal(t, begun+" i.abandoned i.deleted", a.heard("s3"))
	})
}

// Whatever the store does, and whoever works at the same time, each session hears of its call in order.
func TestOrderOfManyCallsOnASlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive(t, served)
		a.store.yield = true
		var opens []func()
		for i := range manyCalls {
			if i%3 == 0 {
				opens = append(opens, a.store.shut(fmt.Sprintf("s%d", i+1)))
			}
			_, err := a.sw.Call("5000", sim.Caller{})
			require.NoError(t, err)
		}
		<-time.After(2 * time.Minute)
		for _, open := range opens {
			go open()
		}
		<-time.After(4 * time.Minute)
		synctest.Wait()
		for i := range manyCalls {
			assert.Equal(t, servedEvents, a.heard(fmt.Sprintf("s%d", i+1)))
		}
		assert.Zero(t, a.engine.Len())
	})
}

// Close waits until what is on its way has been given, in order.
func TestCloseGivesWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArchive(t, served)
		open := a.store.shut("s1")
		call := a.call()
		require.NoError(t, a.sw.HangUp(call))
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- a.conn.Close() }()
		synctest.Wait()
		require.Empty(t, closed)
		open()
		require.NoError(t, <-closed)
		synctest.Wait()
		assert.Contains(t, a.heard("s1"), "i.added i.onrouterequest ")
		assert.Contains(t, a.heard("s1"), "i.abandoned i.deleted")
	})
}

// giving is a session that gives its call to the session "rest" as soon as it has it.
const giving = `<parallel><state id="watch"><transition event="*"><log expr="_event.name.replace('interaction', 'i') +
	(_event.data &amp;&amp; _event.data.error ? ':' + _event.data.error : '')"/></transition></state>
<state id="s"><onentry><if cond="_sessionid == 'rest'"><send eventexpr="'over'" delayexpr="'600s'"/></if></onentry>
	<transition event="over" target="end"/><transition event="interaction.onrouterequest" cond="_sessionid != 'rest'">
	<ixn:associate sessionid="'rest'"/><ixn:redirect to="'7001'"/></transition></state></parallel><final id="end"/>`

// An interaction is given to a session when that has heard of it. Nothing else waits for that, but what is asked
// for the interaction.
func TestAssociateWithASlowSession(t *testing.T) {
	const before = "i.added i.onrouterequest"
	for name, test := range map[string]struct {
		meanwhile  func(t *testing.T, a *archive, call telephony.ConnID)
		s1, target string
	}{
		"taken": {func(*testing.T, *archive, telephony.ConnID) {},
			before + " i.associate.done i.deleted i.notcontrolled error.i.redirect:invalidstate.null", "i.added i.present i.onrouterequest"},
		"the call ends": {func(t *testing.T, a *archive, call telephony.ConnID) { require.NoError(t, a.sw.HangUp(call)) },
			before + " i.abandoned i.deleted", "i.added i.deleted"},
		"there is no session": {func(t *testing.T, a *archive, _ telephony.ConnID) {
			require.NoError(t, a.store.Store.Delete(t.Context(), 1, "rest"))
		}, before + " error.i.associate:unknown i.redirect.done i.partystatechanged", ""},
		"the session finishes": {func(*testing.T, *archive, telephony.ConnID) { <-time.After(10*time.Minute + time.Second) },
			before + " error.i.associate:unknown i.redirect.done i.partystatechanged", "over"},
		"the giver ends": {func(t *testing.T, a *archive, _ telephony.ConnID) {
			require.NoError(t, a.engine.Terminate(t.Context(), "s1"))
		}, before, "i.added i.present i.onrouterequest"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newArchive(t, giving)
				_, err := a.engine.Start(t.Context(), session.StartRequest{URL: "mem:a", SessionID: "rest"})
				require.NoError(t, err)
				synctest.Wait()
				open := a.store.shut("rest")
				call := a.call()
				assert.Equal(t, before, a.heard("s1"))
				test.meanwhile(t, a, call)
				synctest.Wait()
				open()
				<-time.After(time.Second)
				synctest.Wait()
				assert.Equal(t, test.s1, strings.ReplaceAll(a.heard("s1"), " i.udata.changed", ""))
				assert.Equal(t, test.target, a.heard("rest"))
			})
		})
	}
}
