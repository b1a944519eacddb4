package strategytest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/telephony/router"
)

// Replay opens a contact centre, does what a golden trace says the test did, and
// compares what happens (scxmltest.Run.Golden). opts are those of the recorded run. It returns the
// centre, for further expectations.
func Replay(tb testing.TB, strategy scxmltest.Source, opts *Options, file string) *Centre {
	tb.Helper()
	inputs, err := scxmltest.ReadInputs(file)
	if err != nil {
		tb.Fatalf("replay: %v", err)
	}
	c := New(tb, strategy, opts)
	for _, in := range inputs {
		if err := c.replay(in); err != nil {
			tb.Fatalf("replay: %s:%d: %s %s: %v", file, in.Line, in.Verb, in.Args, err)
		}
	}
	c.Golden(file, false)
	return c
}

func (c *Centre) replay(in scxmltest.Replayed) error {
	c.tb.Helper()
	switch in.Verb {
	case "call":
		var caller Caller
		if err := json.Unmarshal([]byte(in.Args), &caller); err != nil {
			return err
		}
		c.Call(caller)
	case "hangup", "release":
		var n int
		if err := json.Unmarshal([]byte(in.Args), &n); err != nil {
			return err
		}
		if n < 1 || n > len(c.inOrder) {
			return fmt.Errorf("there are %d calls", len(c.inOrder))
		}
		if in.Verb == "hangup" {
			c.inOrder[n-1].HangUp()
		} else {
			c.inOrder[n-1].Release()
		}
	case "agent":
		var a agentInput
		if err := json.Unmarshal([]byte(in.Args), &a); err != nil {
			return err
		}
		for _, s := range []router.AgentState{router.LoggedOut, router.NotReady, router.AfterCallWork, router.Ready} {
			if s.String() == a.State {
				c.SetAgentState(a.Agent, s)
				return nil
			}
		}
		return fmt.Errorf("%q is no state of an agent", a.State)
	case "submit":
		var i Interaction
		if err := json.Unmarshal([]byte(in.Args), &i); err != nil {
			return err
		}
		c.Submit(i)
	default:
		return c.ReplayAdvance(in)
	}
	return nil
}
