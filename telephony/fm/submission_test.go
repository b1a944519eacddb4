package fm

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony/router"
)

// holding is a Connector with a session s1 whose events are kept.
func holding() (*Connector, *session.VirtualClock, func() []string) {
	clock := session.NewVirtualClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	c := NewConnector(nil, &Options{Clock: clock, Targets: router.New(&router.Options{Clock: clock})})
	st := &startup{cancel: func() {}}
	c.starting["s1"] = st
	return c, clock, func() (names []string) {
		for _, ev := range st.held {
			names = append(names, ev.name())
		}
		st.held = nil
		return names
	}
}

func cancelArgs(name, value string) *datamodel.Object {
	return datamodel.NewObject(datamodel.Member{Name: name, Value: value})
}

func (c *Connector) submitFor(key string, k *call) *submission {
	s := &submission{p: &pending{session: "s1", requestID: key, prefix: "queue.submit"}, key: key, k: k}
	if k != nil {
		s.interaction = k.id
	}
	if c.submissions["s1"] == nil {
		c.submissions["s1"] = map[string]*submission{}
	}
	c.submissions["s1"][key] = s
	return s
}

// A request that only selects is forgotten with its reservation.
func TestSelectionsAreForgotten(t *testing.T) {
	c, clock, events := holding()
	for i := range 100 {
		c.decided(c.submitFor(strconv.Itoa(i), nil), router.Selection{Reserved: 5 * time.Second}, nil)
	}
	assert.Len(t, c.submissions["s1"], 100)
	clock.Advance(5 * time.Second)
	assert.Empty(t, c.submissions)
	c.decided(c.submitFor("x", nil), router.Selection{}, nil)
	clock.Advance(defaultReserved - 1)
	assert.Len(t, c.submissions, 1)
	clock.Advance(1)
	assert.Empty(t, c.submissions)
	assert.Len(t, events(), 101)
}

// What the switch is carrying out already is not cancelled.
func TestCancelWhileTheSwitchRoutes(t *testing.T) {
	c, _, events := holding()
	k := &call{id: "i", session: "s1"}
	s := c.submitFor("1", k)
	k.routing = s.p
	c.submitFor("2", k)
	cancel := &pending{session: "s1", requestID: "9", prefix: "queue.cancel"}
	c.cancelSubmits(cancel, cancelArgs("requestid", "1"))
	assert.Equal(t, []string{"error.queue.cancel"}, events())
	c.cancelSubmits(cancel, cancelArgs("interactionid", "i"))
	assert.Equal(t, []string{"error.queue.cancel", "queue.cancel.done"}, events())
	assert.Same(t, s, c.submissions["s1"]["1"])
	assert.Len(t, c.submissions["s1"], 1)
	k.routing = nil
	c.cancelSubmits(cancel, cancelArgs("requestid", "1"))
	assert.Equal(t, []string{"queue.cancel.done"}, events())
}

// An action on another one that waits for its interaction waits with it.
func TestActionWaitsWithTheSubmitItIsAbout(t *testing.T) {
	c, _, _ := holding()
	first, second := &call{id: "first", session: "s1"}, &call{id: "second", session: "s1"}
	c.sessions["s1"] = []*call{first, second}
	c.track(&pending{session: "s1", requestID: "x.7", on: second, waits: true}, &session.ModuleCall{Effect: session.EffectID{Session: "s1"}})
	effect := func(args *datamodel.Object) *session.ModuleCall {
		return &session.ModuleCall{Session: session.Info{ID: "s1"}, ModuleCall: &scxml.ModuleCall{Args: args}}
	}
	assert.Same(t, second, c.about(effect(cancelArgs("requestid", "7"))))
	assert.Same(t, first, c.about(effect(cancelArgs("requestid", "8"))))
}

// A session that has heard of an interaction which it does not get after all hears that it is gone.
func TestGiftThatIsOver(t *testing.T) {
	c, _, names := holding()
	c.given(&gift{k: &call{id: "first"}, target: "s1"}, session.ErrNotFound)
	assert.Empty(t, names())
	c.given(&gift{k: &call{id: "first"}, target: "s1"}, nil)
	assert.Equal(t, []string{"interaction.deleted"}, names())
}
