package linktest

import (
	"context"
	"embed"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

//go:embed testdata/*.txt
var scenarios embed.FS

// Target is a driver under test.
type Target struct {
	// Open sets a site up and opens a link to it. It is called once for each scenario, and
	// has t.Cleanup take everything down.
	Open func(t testing.TB, s *Site) World
}

// World is a site with a link to it: what programs see by way of the driver, and what callers,
// agents and the weather do at the other end. What a world cannot bring about is an error
// that matches telephony.ErrUnsupported; the scenario is skipped then.
type World interface {
	// Link is the link under test.
	Link() telephony.Link

	// Interactions are the multimedia interactions of the site, by way of the driver; nil:
	// there are none.
	Interactions() telephony.InteractionServer

	// Ready waits until every server of the site, of a pair the backup too, has the
	// registrations of these DNs, which have been confirmed to the link.
	Ready(ctx context.Context, dns []string) error

	// Call has a caller dial dn. It returns the ConnID by which events know the call.
	Call(dn string, c Caller) (telephony.ConnID, error)

	// HangUp has the caller hang up.
	HangUp(call telephony.ConnID) error

	// Release has the agent hang up who joined the call last.
	Release(call telephony.ConnID) error

	// Submit has a media server put an interaction into its Queue, and returns its id.
	Submit(i telephony.Interaction) (id string, err error)

	// SetAgent has an agent do something at his telephone. One who is not logged in logs in at
	// dn first.
	SetAgent(id string, s telephony.AgentState, dn string) error

	// SetConnected takes the connection between the servers and the switch away, or gives
	// it back.
	SetConnected(connected bool) error

	// SetServer stops the first server, or starts it again.
	SetServer(up bool) error

	// SwitchOver makes the backup of a pair the primary.
	SwitchOver() error

	// Advance lets time pass.
	Advance(d time.Duration) error
}

// Caller is somebody who dials in.
type Caller struct {
	ANI      string
	Patience time.Duration // after which the caller hangs up unless somebody has answered; 0: never
	Keys     string        // keyed at the first treatment that collects digits
	UserData telephony.KVList
}

// Site is what a scenario needs to be there.
type Site struct {
	RoutingPoints []RoutingPoint
	Extensions    []Extension
	Queues        []Queue
	Agents        []Agent

	// Standby asks for a hot standby pair of servers, and for a link to both.
	Standby bool
}

// RoutingPoint is a DN where calls wait to be routed.
type RoutingPoint struct {
	DN      string
	Timeout time.Duration // until the switch routes a call to Default by itself; 0: never
	Default string
	Ring    time.Duration // until a call that is not answered comes back; 0: never
}

// Extension is a DN where somebody answers.
type Extension struct {
	DN      string
	AgentID string
	Answer  time.Duration // how long it rings; negative: nobody answers
	Talk    time.Duration // until he hangs up; 0: never
}

// Queue is a queue of interactions.
type Queue struct {
	Name     string
	Strategy bool // its interactions are handed to strategies
}

// Agent is somebody who can log in at an extension, and to whom interactions are delivered.
type Agent struct {
	ID     string
	Answer time.Duration // how long it rings where he is logged in; negative: he does not answer
	Talk   time.Duration // until he hangs up; 0: never
	Work   time.Duration // after-call work; 0: none
	Accept time.Duration // of interactions, until the decision; negative: there is none
	Reject bool
}

// patience is how long, in real time, something that must come is waited for before a test
// fails. Nothing is expected to take that long.
const patience = 20 * time.Second

// Run runs all scenarios over a target, each as a subtest under the name of its file.
func Run(t *testing.T, target Target) {
	entries, err := scenarios.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Run(strings.TrimSuffix(e.Name(), path.Ext(e.Name())), func(t *testing.T) {
			text, err := scenarios.ReadFile("testdata/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			s, err := parse("testdata/"+e.Name(), string(text))
			if err != nil {
				t.Fatal(err)
			}
			s.run(t, target, patience)
		})
	}
}
