package main

import "time"

// play is a call: who calls, what is keyed, who is ready to take it.
type play struct {
	name, about string
	at          time.Time // default Monday, 10:00 in Berlin
	caller      string
	patience    time.Duration            // 0: the caller never hangs up
	digits      map[int][]string         // keyed at a prompt, time by time
	ready       []string                 // agents
	later       map[string]time.Duration // agents who become ready
	failing     map[string]int           // status of paths of the database
	params      map[string]string        // of the application
	solved      bool                     // the voice application solves the problem
}

var monday = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// The prompts at which digits are keyed.
const (
	askAccount  = 1010
	askMenu     = 1020
	askCallback = 1040
)

// plays are the calls that there are, by name.
func plays() []play {
	known := map[int][]string{askAccount: {"123456#"}, askMenu: {"1"}}
	return []play{
		{name: "routed", about: "a customer is routed to sales", digits: known, ready: []string{"ann", "bob"}},
		{name: "waits", about: "nobody is ready: the caller hears music until an agent is", digits: known,
			later: map[string]time.Duration{"ann": 32 * time.Second}},
		{name: "overflow", about: "another group takes the call", digits: known, later: map[string]time.Duration{"cyd": 50 * time.Second}},
		{name: "callback", about: "nobody comes; the caller leaves a number",
			digits: map[int][]string{askAccount: {"12#", "123456#"}, askMenu: {"2"}, askCallback: {"0301234567#"}}},
		{name: "abandoned", about: "the caller gives up while waiting", digits: known, patience: 25 * time.Second},
		{name: "nodatabase", about: "the database fails; the call is routed all the same", digits: map[int][]string{askAccount: {"123456#"}, askMenu: {"2"}},
			ready: []string{"bob"}, failing: map[string]int{"/customers": 503, "/orders": 404, "/agreements": 500}},
		{name: "unplugged", about: "the agent's phone is gone: the exception link leads to voicemail", digits: map[int][]string{askAccount: {"222222"}, askMenu: {"9", "2"}},
			ready: []string{"dan"}},
		{name: "unknown", about: "a caller who keys nothing ends at voicemail"},
		{name: "selfservice", about: "a voice application solves the problem", digits: map[int][]string{askAccount: {"123456#"}, askMenu: {"3"}}, solved: true},
		{name: "blocked", about: "a blocked customer is turned away", digits: map[int][]string{askAccount: {"666666#"}}},
		{name: "closed", about: "Sunday", at: monday.AddDate(0, 0, -1)},
		{name: "holiday", about: "New Year: voicemail", at: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)},
	}
}

// find returns a play by name.
func find(name string) (*play, bool) {
	for _, p := range plays() {
		if p.name == name {
			if p.at.IsZero() {
				p.at = monday
			}
			if p.caller == "" {
				p.caller = "+49 30 1234567"
			}
			return &p, true
		}
	}
	return nil, false
}
