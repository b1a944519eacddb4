package fm_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/persistence/memstore"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// stop ends the process of an engine: its sessions stay in the store.
func (w *world) stop() {
	w.Helper()
	require.NoError(w, w.conn.Close())
	require.NoError(w, w.engine.Shutdown(context.Background()))
	require.NoError(w, w.link.Close())
	w.clock.Advance(time.Second)
	w.log = nil
}

// again starts another one.
func (w *world) again() {
	w.Helper()
	w.link = w.sw.Connect()
	w.open(w.link, "5000", "5001", "7001", "7002")
	assert.Equal(w, 1, w.recovered)
}

func newDurable(t testing.TB, actions map[string]string) *world {
	w := newCenter(t, actions)
	store, err := memstore.New(&memstore.Options{Now: w.clock.Now})
	require.NoError(t, err)
	w.stop()
	w.store = store
	w.link = w.sw.Connect()
	w.open(w.link, "5000", "5001", "7001", "7002")
	return w
}

const voiceState = `(function () { var i = _genesys.ixn.interactions[0];
	return [_genesys.ixn.interactions.length, i.voice.ani, i.udata.who, Object.keys(i.parties).join(), _genesys.queue.excludeAgents('')].join(); })()`

// A session that comes back from the store has its call again, and routes it.
func TestRecoveredSessionHasItsCall(t *testing.T) {
	w := newDurable(t, map[string]string{
		"interaction.added": `<script>_genesys.queue.excludeAgents('bob')</script>`,
		"show":              show(voiceState), "route": route7001, "data": `<script>_genesys.ixn.setuData({a: 1})</script>`,
	})
	w.call(sim.Caller{ANI: "030", UserData: telephony.KVList{{Key: "who", Value: telephony.String("me")}}})
	w.stop()
	w.again()
	w.expect() // it is there: nothing has happened for the session
	w.says("s1", "show", "s1: 1,030,me,5000,bob")
	w.says("s1", "data", `s1: i.udata.changed {"id":"ONE"}`)
	w.says("s1", "route", `s1: i.redirect.done {"id":"ONE"}`, `s1: i.partystatechanged {"id":"ONE","focusdeviceid":"7001"}`,
		`s1: i.partystatechanged {"id":"ONE","focusdeviceid":"7001"}`)
	assert.Equal(t, 1, w.ids, "no session was started for the call")
	require.NoError(t, w.sw.HangUp(0x0001000000000001))
	w.clock.Advance(0)
	assert.Contains(t, w.said(""), `s1: i.deleted {"id":"ONE"}`)
}

// The call has ended meanwhile.
func TestRecoveredSessionHasLostItsCall(t *testing.T) {
	w := newDurable(t, map[string]string{"show": show("_genesys.ixn.interactions.length")})
	id := w.call(sim.Caller{})
	w.stop()
	require.NoError(t, w.sw.HangUp(id))
	w.clock.Advance(time.Second)
	w.again()
	assert.Equal(t, []string{`s1: i.deleted {"id":"ONE"}`}, w.said(""))
	w.says("s1", "show", "s1: 0")
}

// The switch cannot be reached when the sessions come back.
func TestRecoveredWhileTheLinkIsDown(t *testing.T) {
	w := newDurable(t, map[string]string{"route": route7001})
	id := w.call(sim.Caller{})
	w.stop()
	w.sw.SetConnected(false)
	w.unplugged = true
	w.link = w.sw.Connect()
	w.open(w.link, "5000", "7001")
	w.clock.Advance(time.Minute)
	w.expect()
	require.NoError(t, w.sw.HangUp(id))
	w.sw.SetConnected(true)
	w.clock.Advance(0)
	assert.Equal(t, []string{`s1: i.deleted {"id":"ONE"}`}, w.said(""))
}

// So do sessions of multimedia interactions.
func TestRecoveredMultimediaInteraction(t *testing.T) {
	for _, gone := range []bool{false, true} {
		w := newMail(t, map[string]string{"queue": `<ixn:placeinqueue queue="'archive'"/>`, "show": show(mailState)})
		store, err := memstore.New(&memstore.Options{Now: w.clock.Now})
		require.NoError(t, err)
		w.stop()
		w.store, w.link = store, w.sw.Connect()
		w.open(w.link, "5000")
		w.submit(mail("m1"))
		w.stop()
		if gone {
			w.server.Send(&telephony.RequestStopProcessing{InteractionID: "m1"}, func(_ telephony.Interaction, err error) { assert.NoError(t, err) })
			w.clock.Advance(0)
		}
		w.again()
		if gone {
			assert.Equal(t, []string{`s1: i.deleted {"id":"m1"}`}, w.said(""))
			continue
		}
		w.says("s1", "show", "s1: m1,7,mailbox,all,undefined,undefined,TMediaEMail,InboundNew,inbox,x1,Hello")
		assert.Equal(t, `s1: msgbased.placeinqueue.done {"id":"m1"}`, w.does("s1", "queue")[0])
	}
}
