package sim_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// desk is an InteractionServer and what it said.
type desk struct {
	*testing.T
	server *sim.InteractionServer
	mu     sync.Mutex
	lines  []string
	cancel func()
}

func atDesk(t *testing.T, run func(*testing.T, *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &desk{T: t, server: sim.NewInteractionServer(&sim.InteractionServerOptions{MaxInteractions: 2})}
		d.server.AddQueue("in", sim.InteractionQueue{Strategy: true, View: "v"})
		d.server.AddQueue("out", sim.InteractionQueue{})
		d.server.AddAgent("eva", sim.InteractionAgent{AcceptAfter: time.Second, HandleTime: time.Minute})
		d.server.AddAgent("fay", sim.InteractionAgent{AcceptAfter: -1, RevokeAfter: 5 * time.Second})
		d.cancel = d.server.Subscribe(func(e telephony.InteractionEvent) { d.note(e.String()) })
		run(t, d)
	})
}

func (d *desk) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *desk) send(req telephony.InteractionRequest) {
	d.server.Send(req, func(i telephony.Interaction, err error) {
		if err != nil {
			d.note(err.Error())
			return
		}
		d.note(fmt.Sprintf("done %s %s", req.Name(), i.ID))
	})
}

func (d *desk) expect(after time.Duration, lines ...string) {
	d.Helper()
	<-time.After(after + time.Nanosecond)
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	assert.Equal(d, strings.Join(lines, "\n"), strings.Join(d.lines, "\n"))
	d.lines = nil
}

func TestInteractionServer(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		id, err := d.server.Submit(telephony.Interaction{MediaType: "email", Queue: "in"})
		require.NoError(t, err)
		assert.Equal(t, "IXN0000000000001", id)
		d.expect(0, "InteractionPresent ID=IXN0000000000001 Queue=in")
		i, ok := d.server.Interaction(id)
		require.True(t, ok)
		assert.Equal(t, "v", i.View)
		assert.Equal(t, "sim", i.Server)

		d.send(&telephony.RequestChangeProperties{InteractionID: id, Changed: telephony.KVList{{Key: "a", Value: telephony.Int(1)}, {Key: "b", Value: telephony.Int(2)}}})
		d.send(&telephony.RequestChangeProperties{InteractionID: id, Deleted: []string{"a"}})
		d.expect(0, "done RequestChangeProperties "+id, "InteractionChanged ID="+id+" Queue=in",
			"done RequestChangeProperties "+id, "InteractionChanged ID="+id+" Queue=in")
		i, _ = d.server.Interaction(id)
		assert.Equal(t, `{"b": 2}`, i.UserData.String())

		d.send(&telephony.RequestPlaceInQueue{InteractionID: id, Queue: "out"})
		d.send(&telephony.RequestPlaceInQueue{InteractionID: id, Queue: "in"})
		d.send(&telephony.RequestPull{InteractionID: id})
		d.expect(0, "done RequestPlaceInQueue "+id, "InteractionNotControlled ID="+id+" Queue=out",
			"telephony: RequestPlaceInQueue refused: interaction "+id+" is not in the hands of a strategy (code 21)",
			"done RequestPull "+id, "InteractionPresent ID="+id+" Queue=out")

		d.send(&telephony.RequestDeliver{InteractionID: id, PlaceID: "fay"})
		d.expect(5*time.Second, "telephony: RequestDeliver refused: fay has not accepted the interaction (code 23)")
		d.send(&telephony.RequestDeliver{InteractionID: id, AgentID: "eva"})
		d.expect(time.Second, "InteractionPartyAdded ID="+id+" Queue=out Party=eva", "done RequestDeliver "+id, "InteractionNotControlled ID="+id+" Queue=out")
		d.expect(time.Minute, "InteractionStopped ID="+id+" Queue=out")
		assert.Zero(t, d.server.Interactions())
	})
}

func TestInteractionServerRefuses(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		_, err := d.server.Submit(telephony.Interaction{MediaType: "email", Queue: "none"})
		require.ErrorContains(t, err, `no such queue "none"`)
		_, err = d.server.Submit(telephony.Interaction{Queue: "in"})
		require.ErrorContains(t, err, "MediaType")
		d.send(&telephony.RequestPull{InteractionID: "x"})
		d.send(&telephony.RequestPull{})
		d.send(&telephony.RequestSubmit{Interaction: telephony.Interaction{ID: "m", MediaType: "email"}, Content: telephony.KVList{{Key: "to", Value: telephony.String("a")}}})
		d.send(&telephony.RequestPlaceInQueue{InteractionID: "m", Queue: "none"})
		d.send(&telephony.RequestDeliver{InteractionID: "m", AgentID: "none"})
		d.send(&telephony.RequestSendMessage{InteractionID: "m"})
		d.send(&telephony.RequestDeliver{InteractionID: "m", AgentID: "eva"})
		d.send(&telephony.RequestStopProcessing{InteractionID: "m"})
		d.expect(time.Second, "telephony: RequestPull refused: no such interaction x (code 20)", "telephony: RequestPull: attribute InteractionID is missing",
			"done RequestSubmit m", "telephony: RequestPlaceInQueue refused: no such queue none (code 22)",
			"telephony: RequestDeliver refused: no such agent or place none (code 22)", "done RequestSendMessage m",
			"done RequestStopProcessing m", "telephony: RequestDeliver refused: interaction m was taken away meanwhile (code 21)",
			"InteractionStopped ID=m")
		assert.Equal(t, []sim.Message{{InteractionID: "m", Content: telephony.KVList{{Key: "to", Value: telephony.String("a")}}}}, d.server.Sent())
		for range 2 {
			_, err = d.server.Submit(telephony.Interaction{MediaType: "email", Queue: "out"})
			require.NoError(t, err)
		}
		_, err = d.server.Submit(telephony.Interaction{MediaType: "email", Queue: "out"})
		require.ErrorIs(t, err, sim.ErrTooManyInteractions)
		d.cancel()
		d.send(&telephony.RequestStopProcessing{InteractionID: "IXN0000000000001"})
		d.expect(0, "done RequestStopProcessing IXN0000000000001")
	})
}

// What agents do, over a link of their own.
func TestDesks(t *testing.T) {
	atDesk(t, func(t *testing.T, d *desk) {
		d.server.AddAgent("gus", sim.InteractionAgent{AcceptAfter: -1})
		link, err := telephony.Open(d.server, []telephony.Endpoint{{}}, &telephony.LinkOptions{RequestTimeout: time.Minute})
		require.NoError(t, err)
		defer link.Close()
		<-time.After(time.Nanosecond)
		link.Subscribe(func(e telephony.Event) {
			switch e := e.(type) {
			case *telephony.EventInvite:
				d.note("invite " + e.AgentID)
			case *telephony.EventRevoked:
				d.note("revoked " + e.AgentID)
			case *telephony.EventAgentLogin, *telephony.EventAgentLogout:
				d.note(e.Name())
			}
		})
		do := func(req telephony.Request) {
			t.Helper()
			require.NoError(t, req.Validate())
			link.Send(req, func(_ telephony.Event, err error) {
				if err != nil {
					d.note(err.Error())
				} else {
					d.note("done " + req.Name())
				}
			})
		}
		d.expect(0)
		const id = "m"
		_, err = d.server.Submit(telephony.Interaction{ID: id, MediaType: "email", Queue: "out"})
		require.NoError(t, err)
		none, err := d.server.Pull("gus", "in", 5)
		require.NoError(t, err)
		assert.Empty(t, none)
		ids, err := d.server.Pull("gus", "out", 5)
		require.NoError(t, err)
		assert.Equal(t, []string{id}, ids)
		d.expect(0, "InteractionPartyAdded ID=m Queue=out Party=gus")

		do(&telephony.RequestConferenceInteraction{InteractionID: id, PlaceID: "gus", AgentID: "fay"})
		do(&telephony.RequestTransferInteraction{InteractionID: id, PlaceID: "gus", AgentID: "eva"})
		d.expect(2*time.Second, "invite fay",
			"telephony: RequestTransferInteraction refused: interaction m is offered to somebody, or handled by eva (code 26)")
		do(&telephony.RequestAccept{InteractionID: id, PlaceID: "eva"})
		do(&telephony.RequestAccept{InteractionID: id, PlaceID: "fay"})
		d.expect(0, "telephony: RequestAccept refused: interaction m is not offered to eva (code 26)", "done RequestAccept",
			"InteractionPartyAdded ID=m Queue=out Party=fay", "done RequestConferenceInteraction")
		do(&telephony.RequestLeaveInteraction{InteractionID: id, PlaceID: "gus"})
		do(&telephony.RequestLeaveInteraction{InteractionID: id, PlaceID: "gus"})
		d.expect(0, "InteractionPartyRemoved ID=m Queue=out Party=gus", "done RequestLeaveInteraction",
			"telephony: RequestLeaveInteraction refused: gus does not handle interaction m (code 25)")

		// Nobody accepts, somebody rejects, nobody is ready; then a transfer.
		do(&telephony.RequestTransferInteraction{InteractionID: id, PlaceID: "fay", AgentID: "gus"})
		d.expect(30*time.Second, "invite gus", "revoked gus",
			"telephony: RequestTransferInteraction refused: gus has not accepted the interaction (code 23)")
		do(&telephony.RequestTransferInteraction{InteractionID: id, PlaceID: "fay", AgentID: "gus"})
		do(&telephony.RequestReject{InteractionID: id, PlaceID: "gus"})
		d.expect(0, "invite gus", "done RequestReject",
			"telephony: RequestTransferInteraction refused: gus has not accepted the interaction (code 23)")
		do(&telephony.RequestNotReadyForMedia{PlaceID: "gus", MediaType: "email"})
		do(&telephony.RequestTransferInteraction{InteractionID: id, PlaceID: "fay", AgentID: "gus"})
		do(&telephony.RequestCancelNotReadyForMedia{PlaceID: "gus", MediaType: "email"})
		do(&telephony.RequestTransferInteraction{InteractionID: id, PlaceID: "fay", AgentID: "eva"})
		d.expect(2*time.Second, "done RequestNotReadyForMedia", "telephony: RequestTransferInteraction refused: gus is not ready (code 24)",
			"done RequestCancelNotReadyForMedia", "invite eva", "InteractionPartyAdded ID=m Queue=out Party=eva",
			"InteractionPartyRemoved ID=m Queue=out Party=fay", "done RequestTransferInteraction")

		// Into a workbin of hers, and out of it.
		require.NoError(t, d.server.Place("eva", id, "", "drafts"))
		require.ErrorContains(t, d.server.Place("eva", id, "", "drafts"), "does not handle")
		require.ErrorContains(t, d.server.Place("eva", id, "none", ""), "no such queue")
		none, err = d.server.Pull("gus", "drafts", 1)
		require.NoError(t, err)
		assert.Empty(t, none, "it is Eva's")
		_, err = d.server.Pull("nobody", "drafts", 1)
		require.ErrorIs(t, err, sim.ErrUnknownAgent)
		_, err = d.server.Pull("eva", "drafts", 1)
		require.NoError(t, err)
		d.expect(0, "InteractionPartyRemoved ID=m Queue=out Party=eva", "InteractionPartyAdded ID=m Queue=out Party=eva")
		do(&telephony.RequestAgentLogout{PlaceID: "gus"})
		do(&telephony.RequestTransferInteraction{InteractionID: id, PlaceID: "eva", AgentID: "gus"})
		do(&telephony.RequestAgentLogin{PlaceID: "gus", AgentID: "gus"})
		do(&telephony.RequestLeaveInteraction{InteractionID: id, PlaceID: "eva"}) // the last one: back to the queue
		d.expect(0, "done RequestAgentLogout", "EventAgentLogout",
			"telephony: RequestTransferInteraction refused: gus is not ready (code 24)", "done RequestAgentLogin", "EventAgentLogin",
			"InteractionPartyRemoved ID=m Queue=out Party=eva", "done RequestLeaveInteraction")
		ids, err = d.server.Pull("eva", "out", 1)
		require.NoError(t, err)
		assert.Len(t, ids, 1)
		d.expect(time.Minute, "InteractionPartyAdded ID=m Queue=out Party=eva", "InteractionStopped ID=m Queue=out")
	})
}
