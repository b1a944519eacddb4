package main

import (
	"testing"
	"time"

	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/telephony/strategytest"
)

// TestStrategy tests the strategy by itself: it uses nothing else of this
// directory. Copy it, and change the parameters, the agents, the call and what is expected.
// examples/unit-test goes on from here.
func TestStrategy(t *testing.T) {
	centre := strategytest.New(t, scxmltest.File("strategy.scxml"), &strategytest.Options{
		Params: map[string]string{"agent": "7001"},
		Agents: []strategytest.Agent{{ID: "ann", DN: "7001", AnswerAfter: time.Second}},
	})
	call := centre.Call(strategytest.Caller{ANI: "030 1234567"})
	centre.Advance(time.Minute)
	call.ExpectTreatments("PlayAnnouncement 100")
	call.ExpectRoutedTo("ann")
	call.ExpectFinal("answered")
}
