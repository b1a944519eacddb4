package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/bridge"
)

// A pair of servers, and a client that routes the calls that come.
func TestServer(t *testing.T) {
	const secret = "sixteen bytes and more"
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-listen", "127.0.0.1:0", "-standby", "127.0.0.1:0", "-site", "testdata/busy.json", "-secret-file", file}, w, io.Discard)
		w.Close()
		done <- err
	}()
	out := bufio.NewScanner(r)
	var endpoints []telephony.Endpoint
	for _, name := range []string{"sim", "sim-backup"} {
		require.True(t, out.Scan())
		address, ok := strings.CutPrefix(out.Text(), name+" listens on ")
		require.True(t, ok, out.Text())
		endpoints = append(endpoints, telephony.Endpoint{Name: name, Address: address})
	}

	driver, err := bridge.NewDriver("ors", &bridge.DriverOptions{Secret: []byte(secret)})
	require.NoError(t, err)
	link, err := telephony.Open(driver, endpoints, &telephony.LinkOptions{Standby: telephony.StandbyHot})
	require.NoError(t, err)
	defer link.Close()
	talking := make(chan struct{}, 1)
	link.Subscribe(func(e telephony.Event) {
		switch e := e.(type) {
		case *telephony.EventLinkConnected:
			link.Send(&telephony.RequestRegisterAddress{ThisDN: "5000"}, nil)
			link.Send(&telephony.RequestRegisterAddress{ThisDN: "7001"}, nil)
		case *telephony.EventRouteRequest:
			link.Send(&telephony.RequestRouteCall{ThisDN: "5000", ConnID: e.ConnID, Destination: "7001"}, nil)
		case *telephony.EventEstablished:
			select {
			case talking <- struct{}{}:
			default:
			}
		}
	})
	wait := func(c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(time.Minute):
			t.Fatalf("it does not come; the link is %s", link.State())
		}
	}
	wait(talking)

	// Multimedia on the same connection.
	stopped := make(chan struct{})
	server := telephony.Interactions(link)
	server.Send(&telephony.RequestSubmit{Interaction: telephony.Interaction{ID: "i", MediaType: "email"}}, func(i telephony.Interaction, err error) {
		assert.NoError(t, err)
		server.Send(&telephony.RequestStopProcessing{InteractionID: i.ID}, func(_ telephony.Interaction, err error) {
			assert.NoError(t, err)
			close(stopped)
		})
	})
	wait(stopped)

	cancel()
	require.True(t, out.Scan())
	assert.Regexp(t, `^stopped: [1-9]\d* calls, 0 could not be made$`, out.Text())
	require.NoError(t, <-done)
}

func TestBadCommandLines(t *testing.T) {
	short := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(short, []byte("short"), 0o600))
	bad := filepath.Join(t.TempDir(), "site.json")
	require.NoError(t, os.WriteFile(bad, []byte(`{"routePoints":[]}`), 0o600))
	idle := filepath.Join(t.TempDir(), "idle.json")
	require.NoError(t, os.WriteFile(idle, []byte(`{"callers":{"dn":"1"}}`), 0o600))
	for _, c := range []struct{ args, problem string }{
		{"", "who may connect"},
		{"extra", "unexpected argument"},
		{"-anonymous -secret-file x", "exclude each other"},
		{"-secret-file nowhere", "no such file"},
		{"-secret-file " + short + " -listen 127.0.0.1:0", "at least 16"},
		{"-anonymous -listen 0.0.0.0:0", "loopback"},
		{"-anonymous -listen nonsense", "nonsense"},
		{"-anonymous -listen 127.0.0.1:0 -standby nonsense", "nonsense"},
		{"-anonymous -site nowhere", "no such file"},
		{"-anonymous -site " + bad, "routePoints"},
		{"-anonymous -listen 127.0.0.1:0 -site " + idle, "callers.every"},
		{"-anonymous -cert nowhere", "no such file"},
		{"-novel", "not defined"},
	} {
		err := run(t.Context(), strings.Fields(c.args), io.Discard, io.Discard)
		assert.ErrorContains(t, err, c.problem, c.args)
	}
}
