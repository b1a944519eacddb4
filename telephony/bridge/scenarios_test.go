package bridge_test

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/bridge"
	"github.com/seed-ff723688/ors/telephony/linktest"
)

// The scenario suite: the simulated switch behind a Server, over loopback.
func TestScenarios(t *testing.T) {
	linktest.Run(t, linktest.Simulated(func(t testing.TB, s *linktest.Simulation) linktest.Connection {
		secret := []byte("a secret of the test")
		driver, err := bridge.NewDriver("ors", &bridge.DriverOptions{Secret: secret})
		require.NoError(t, err)
		c := linktest.Connection{Driver: driver}
		for _, name := range s.Servers {
			server, err := bridge.NewServer(s.Switch, &bridge.ServerOptions{Name: name, Endpoint: telephony.Endpoint{Address: name},
				Interactions: s.Interactions, Secrets: map[string][]byte{"ors": secret}})
			require.NoError(t, err)
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- server.Serve(ctx, ln) }()
			t.Cleanup(func() {
				cancel()
				require.NoError(t, <-done)
			})
			c.Endpoints = append(c.Endpoints, telephony.Endpoint{Name: name, Address: ln.Addr().String()})
		}
		return c
	}))
}
