package unittest

import (
	"net/http"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/telephony/sim"
	"github.com/seed-ff723688/ors/telephony/strategytest"
)

// coverage is filled by all tests; TestMain prints it.
var coverage scxmltest.Coverage

var strategy = scxmltest.File("strategy.scxml")

// line is the contact centre around the strategy.
func line() *strategytest.Options {
	return &strategytest.Options{
		Params: map[string]string{"crm_url": "http://crm.example", "voicemail_dn": "7900"},
		Agents: []strategytest.Agent{
			{ID: "ann", Skills: map[string]int{"Sales": 8}, AnswerAfter: 3 * time.Second, TalkTime: time.Minute},
			{ID: "bob", Skills: map[string]int{"Service": 5}, NotReady: true},
		},
		DNs: map[string]sim.Extension{"7900": {TalkTime: 20 * time.Second}},
		Web: map[string]http.Handler{"http://crm.example/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte(`{"number": "` + r.FormValue("number") + `", "tier": "gold"}`))
		})},
		Coverage: &coverage,
	}
}

// A gold customer asks for sales and gets an agent.
func TestRouted(t *testing.T) {
	t.Parallel()
	centre := strategytest.New(t, strategy, line())
	call := centre.Call(strategytest.Caller{ANI: "0301234567", Digits: []string{"1"}})
	centre.Advance(time.Minute)
	call.ExpectEntered("looking", "menu", "waiting", "routed")
	call.ExpectAction("session:fetch", map[string]any{"srcexpr": "http://crm.example/customers"})
	call.ExpectAction("queue:submit", map[string]any{"queue": "VQ_Sales", "priority": 50})
	call.ExpectTargets("Sales > 0")
	call.ExpectUserData("tier", "gold")
	call.ExpectTreatments("PlayAnnouncementAndDigits 200")
	call.ExpectRoutedTo("ann")
	call.ExpectFinal("routed")
	call.ExpectNoErrors()
}

// The database is down, and nobody is there: the caller hears music for a minute, and
// gets voicemail.
func TestNobodyComes(t *testing.T) {
	t.Parallel()
	options := line()
	options.Answers = map[string]func(strategytest.Action) *strategytest.Reply{
		"session:fetch": strategytest.Answer(strategytest.Reply{Error: 503, Description: "down", After: 2 * time.Second}),
	}
	centre := strategytest.New(t, strategy, options)
	call := centre.Call(strategytest.Caller{Digits: []string{"7", "2"}}) // 7 is no choice
	call.AdvanceUntilEntered("waiting", 10*time.Second)
	centre.Advance(59 * time.Second)
	call.ExpectActive("waiting")
	centre.Advance(2 * time.Second)
	call.ExpectLog("the database failed with 503")
	call.ExpectData("tries", 2)
	call.ExpectTreatments("PlayAnnouncementAndDigits 200", "PlayAnnouncementAndDigits 200", "Music")
	call.ExpectEvent("error.queue.submit", map[string]any{"error": "timeout"})
	call.ExpectRoutedTo("7900")
	call.ExpectFinal("recorded")
}

// The caller gives up.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	centre := strategytest.New(t, strategy, line())
	call := centre.Call(strategytest.Caller{Digits: []string{"2"}, Patience: 30 * time.Second})
	centre.Advance(time.Minute)
	call.ExpectAbandoned()
	call.ExpectNotRouted()
	call.ExpectFinal("abandoned")
	centre.Golden("testdata/abandoned.trace", *update)
}
