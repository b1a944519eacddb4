package fm_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/datamodel/ecmascript/goja"
	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/persistence/boltstore"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// plant is a process with engine, connector and router on a file, which ends and begins again,
// beside a switch that goes on.
type plant struct {
	*testing.T
	clock  *session.VirtualClock
	sw     *sim.Switch
	path   string
	doc    string
	ids    int
	log    []string
	played []string // to calls, by the switch
	keys   []string // of the fetches

	full   bool // the store takes no events; set by the log entry "full"
	store  persistence.Store
	router *router.Router
	conn   *fm.Connector
	engine *session.Engine
	link   *telephony.Client
}

func newPlant(t *testing.T, states string) *plant {
	w := &plant{T: t, clock: session.NewVirtualClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), doc: deskDocument(states),
		path: filepath.Join(t.TempDir(), "sessions.db")}
	w.sw = sim.New(&sim.Options{Clock: w.clock, Name: "sw", Treat: func(r *telephony.RequestApplyTreatment) sim.Treatment {
		w.played = append(w.played, r.TreatmentType.String())
		return sim.Treatment{Duration: 10 * time.Second}
	}})
	require.NoError(t, w.sw.AddRoutePoint("5000", sim.RoutePoint{}))
	require.NoError(t, w.sw.AddExtension("7001", sim.Extension{AgentID: "ann", AnswerAfter: 3 * time.Second, TalkTime: time.Minute}))
	w.begin()
	t.Cleanup(w.end)
	return w
}

func (w *plant) begin() {
	w.Helper()
	store, err := boltstore.Open(w.path, nil)
	require.NoError(w, err)
	w.store, w.full = crowded{store, w}, false
	w.router = router.New(&router.Options{Clock: w.clock})
	require.NoError(w, w.router.SetAgent(router.Agent{ID: "ann", DN: "7001", Switch: "sw", Skills: map[string]int{"English": 7}}))
	services, err := fm.NewServices(&fm.ServicesOptions{Clock: w.clock, Fetch: fm.FetchOptions{Allow: []string{"http://crm/"}, Transport: w}})
	require.NoError(w, err)
	w.conn = fm.NewConnector(w, &fm.Options{DNs: []string{"5000", "7001"}, Clock: w.clock, Targets: w.router, Services: services})
	opts := &session.Options{
		Parse: scxml.ParseOptions{Languages: []datamodel.Language{goja.New(nil)}}, Loader: w, Workers: 1, Clock: w.clock, Store: w.store,
		NewID: func() string { w.ids++; return fmt.Sprintf("s%d", w.ids) },
		Log: func(_ string, e scxml.LogEntry) {
			if e.Text == "full" {
				w.full = true
				return
			}
			w.log = append(w.log, e.Text)
		},
	}
	w.conn.Install(opts)
	w.engine, err = session.New(opts)
	require.NoError(w, err)
	w.link = w.sw.Connect()
	require.NoError(w, w.conn.Open(w.engine, w.link))
	_, err = w.engine.Recover(w.Context())
	require.NoError(w, err)
	w.clock.Advance(0)
	require.NoError(w, w.conn.Ready(w.Context()))
}

// crowded is the store of a plant, which takes events unless plant.full is set.
type crowded struct {
	persistence.Store
	w *plant
}

func (s crowded) Append(ctx context.Context, id string, ev persistence.Event) (uint64, error) {
	if s.w.full {
		return 0, persistence.ErrFull
	}
	return s.Store.Append(ctx, id, ev)
}

// end closes everything, the connector first.
func (w *plant) end() {
	w.Helper()
	require.NoError(w, w.conn.Close())
	require.NoError(w, w.engine.Shutdown(context.Background()))
	require.NoError(w, w.link.Close())
	require.NoError(w, w.store.Close())
}

// ways to end: in order, the engine first, and as a process that dies.
func (w *plant) ways() map[string]func() {
	return map[string]func(){
		"connector first": w.end,
		"engine first": func() {
			require.NoError(w, w.engine.Shutdown(context.Background()))
			w.end()
		},
		"killed": func() {
			require.NoError(w, w.store.Close())
			_ = w.engine.Shutdown(context.Background())
			w.end()
		},
	}
}

// Application implements fm.Applications.
func (w *plant) Application(dn string, _ *telephony.CallAttributes) (session.Application, error) {
	if dn == "5000" {
		return session.Application{URLs: []string{"mem:a"}}, nil
	}
	return session.Application{}, nil
}

// Fetch implements session.Fetcher.
func (w *plant) Fetch(context.Context, string, int64) ([]byte, error) { return []byte(w.doc), nil }

// RoundTrip is the web server that fetches reach.
func (w *plant) RoundTrip(r *http.Request) (*http.Response, error) {
	w.keys = append(w.keys, r.Header.Get("Idempotency-Key"))
	return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{}, Body: io.NopCloser(strings.NewReader("hello")), Request: r}, nil
}

func (w *plant) call() {
	w.Helper()
	_, err := w.sw.Call("5000", sim.Caller{})
	require.NoError(w, err)
	w.clock.Advance(0)
}

func (w *plant) expect(lines ...string) {
	w.Helper()
	assert.Equal(w, strings.Join(lines, "\n"), strings.Join(w.log, "\n"))
	w.log = nil
}

// outbox returns the number of effects of s1 that have not been confirmed.
func (w *plant) outbox() int {
	w.Helper()
	require.NoError(w, w.engine.Settle(w.Context()))
	s, err := w.store.Load(w.Context(), "s1")
	require.NoError(w, err)
	return len(s.Outbox)
}

// answers logs what answers the actions, and whether the id is that of the request.
const answers = `<transition event="interaction.redirect.done queue.submit.done dialog.play.done session.fetch.done interaction.deleted error">
	<log expr="_event.name + ' ' + (_event.data.requestid == req) + ' ' + _event.data.error"/></transition>`

// TestRestartDuringTreatment: what is being played when the process ends is played again, and
// the session hears of its end.
func TestRestartDuringTreatment(t *testing.T) {
	for _, way := range []string{"connector first", "engine first", "killed"} {
		t.Run(way, func(t *testing.T) {
			w := newPlant(t, `<state id="s"><transition event="interaction.onrouterequest">
				<dialog:play requestid="req"><dialog:prompts><dialog:prompt intid="7"/></dialog:prompts></dialog:play></transition>`+answers+`</state>`)
			w.call()
			w.clock.Advance(5 * time.Second)
			assert.Equal(t, 1, w.outbox())
			w.ways()[way]()
			w.clock.Advance(time.Minute) // it ends, and nobody hears of it
			w.begin()
			assert.Equal(t, []string{"PlayAnnouncement", "PlayAnnouncement"}, w.played)
			w.expect()
			w.clock.Advance(10 * time.Second)
			w.expect("dialog.play.done true undefined")
			assert.Zero(t, w.outbox())
			w.end()
			w.begin()
			w.clock.Advance(time.Minute)
			w.expect()
			assert.Len(t, w.played, 2)
		})
	}
}

// TestRestartDuringSubmit: a call that waits for an agent goes on waiting.
func TestRestartDuringSubmit(t *testing.T) {
	for _, way := range []string{"connector first", "engine first", "killed"} {
		t.Run(way, func(t *testing.T) {
			w := newPlant(t, `<state id="s"><transition event="interaction.onrouterequest">
				<queue:submit requestid="req" interactionid="_event.data.interactionid"><queue:targets type="agent"><queue:target name="'ann'"/></queue:targets></queue:submit></transition>`+answers+`</state>`)
			w.call()
			w.ways()[way]()
			w.clock.Advance(time.Minute)
			w.begin()
			w.expect()
			assert.Equal(t, 1, w.outbox())
			require.NoError(t, w.router.SetAgentState("ann", router.Ready))
			w.clock.Advance(0)
			w.expect("queue.submit.done true undefined")
			assert.Zero(t, w.outbox())
		})
	}
}

// TestRestartBeforeTheAnswerOfAQueueAction: what a session does with its submits, and has not heard the outcome of when
// the process ends, is done after the restart, to the submits that wait again.
func TestRestartBeforeTheAnswerOfAQueueAction(t *testing.T) {
	for name, test := range map[string]struct {
		action string
		answer string
		left   int // submits
	}{
		"cancel":         {`<queue:cancel requestid="req"/>`, "queue.cancel.done true undefined undefined", 0},
		"cancel all":     {`<queue:cancel interactionid="ixn"/>`, "queue.cancel.done true undefined undefined", 0},
		"cancel nothing": {`<queue:cancel requestid="7777"/>`, "error.queue.cancel false unknown undefined", 1},
		"query":          {`<queue:query requestid="req"/>`, "queue.query.done true undefined 5", 1},
		"update":         {`<queue:update requestid="req" priority="9"/>`, "queue.update.done true undefined undefined", 1},
	} {
		for _, way := range []string{"connector first", "engine first", "killed"} {
			t.Run(name+" "+way, func(t *testing.T) {
				w := newPlant(t, `<state id="s"><transition event="interaction.onrouterequest"><assign location="ixn" expr="_event.data.interactionid"/>
					<queue:submit requestid="req" interactionid="ixn" priority="5"><queue:targets type="agent"><queue:target name="'ann'"/></queue:targets></queue:submit></transition>
					<transition event="go"><log expr="'full'"/>`+test.action+`</transition>
					<transition event="ask"><queue:query requestid="req"/></transition>
					<transition event="queue.submit.done queue.cancel.done queue.query.done queue.update.done error">
						<log expr="_event.name + ' ' + (_event.data.requestid == req) + ' ' + _event.data.error + ' ' + _event.data.priority"/></transition></state>`)
				w.call()
				require.NoError(t, w.engine.Send(t.Context(), "s1", &scxml.Event{Name: "go"}))
				w.clock.Advance(0)
				w.expect()
				assert.Equal(t, 2, w.outbox())
				w.ways()[way]()
				w.begin()
				w.expect(test.answer)
				assert.Equal(t, test.left, w.outbox())
				if name == "update" {
					require.NoError(t, w.engine.Send(t.Context(), "s1", &scxml.Event{Name: "ask"}))
					w.clock.Advance(0)
					w.expect("queue.query.done true undefined 9")
				}
				require.NoError(t, w.router.SetAgentState("ann", router.Ready))
				w.clock.Advance(0)
				if test.left > 0 {
					w.expect("queue.submit.done true undefined undefined")
				}
				w.expect()
				assert.Zero(t, w.outbox())
			})
		}
	}
}

// TestRestartAndTheCallIsGone: the session hears that its call is over, and nothing else.
func TestRestartAndTheCallIsGone(t *testing.T) {
	w := newPlant(t, `<state id="s"><transition event="interaction.onrouterequest">
		<queue:submit requestid="req" interactionid="_event.data.interactionid"><queue:targets type="agent"><queue:target name="'ann'"/></queue:targets>
			<dialog:runtreatments><dialog:playsound type="'music'"/></dialog:runtreatments></queue:submit>
		<dialog:play requestid="req"><dialog:prompts><dialog:prompt intid="7"/></dialog:prompts></dialog:play></transition>`+answers+`</state>`)
	w.call()
	assert.Equal(t, 2, w.outbox())
	w.end()
	require.NoError(t, w.sw.HangUp(0x0001000000000001))
	w.clock.Advance(time.Second)
	w.begin()
	w.expect("interaction.deleted false undefined")
	assert.Zero(t, w.outbox())
}

// TestRestartDuringFetch: a fetch is made again, with the same key.
func TestRestartDuringFetch(t *testing.T) {
	w := newPlant(t, `<state id="s"><transition event="interaction.onrouterequest">
		<session:fetch xmlns:session="www.genesyslab.com/modules/session" requestid="req" srcexpr="'http://crm/x'"/></transition>`+answers+`</state>`)
	id, err := w.engine.Start(t.Context(), session.StartRequest{URL: "mem:a"})
	require.NoError(t, err)
	require.NoError(t, w.engine.Send(t.Context(), id, &scxml.Event{Name: "interaction.onrouterequest"}))
	require.NoError(t, w.engine.Settle(t.Context()))
	w.end() // before the clock has begun with it
	assert.Empty(t, w.keys)
	w.begin()
	assert.Len(t, w.keys, 1)
	w.expect("session.fetch.done true undefined")
	assert.Zero(t, w.outbox())
}

// TestRestartDuringCreateCall: what must not be done twice is answered with an error.
func TestRestartDuringCreateCall(t *testing.T) {
	w := newPlant(t, `<state id="s"><transition event="interaction.onrouterequest">
		<ixn:createcall requestid="req" from="'7001'" to="'0800'"/></transition>`+answers+`</state>`)
	id, err := w.engine.Start(t.Context(), session.StartRequest{URL: "mem:a"})
	require.NoError(t, err)
	require.NoError(t, w.engine.Send(t.Context(), id, &scxml.Event{Name: "interaction.onrouterequest"}))
	require.NoError(t, w.engine.Settle(t.Context()))
	w.end()
	w.begin()
	w.expect("error.voice.createcall true unknown")
	assert.Zero(t, w.outbox())
}
