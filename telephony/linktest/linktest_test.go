package linktest_test

import (
	"testing"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/linktest"
)

// The simulated switch itself, in the same process.
func TestSimulation(t *testing.T) {
	linktest.Run(t, linktest.Simulated(func(_ testing.TB, s *linktest.Simulation) linktest.Connection {
		c := linktest.Connection{Driver: s.Switch, Interactions: s.Interactions}
		for _, name := range s.Servers {
			c.Endpoints = append(c.Endpoints, telephony.Endpoint{Address: name})
		}
		return c
	}))
}
