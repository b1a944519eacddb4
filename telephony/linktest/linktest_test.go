package linktest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/linktest"
)

// The simulated switch itself, in the same process.
func TestSimulation(t *testing.T) {
	linktest.Run(t, linktest.Simulated(func(t testing.TB, s *linktest.Simulation) linktest.Connection {
		// The simulated Interaction Server is a driver too, with a link of its own.
		link, err := telephony.Open(s.Interactions, []telephony.Endpoint{{}}, &telephony.LinkOptions{Clock: s.Clock})
		require.NoError(t, err)
		t.Cleanup(func() { link.Close() })
		c := linktest.Connection{Driver: s.Switch, Interactions: telephony.Interactions(link)}
		for _, name := range s.Servers {
			c.Endpoints = append(c.Endpoints, telephony.Endpoint{Address: name})
		}
		return c
	}))
}
