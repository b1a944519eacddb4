package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/telephony"
)

// TestConsult has Ann, who talks to a customer, call the routing point: the frame
// of that consult call takes over the customer's, and when she completes the transfer it is the
// customer whom the strategy routes.
func TestConsult(t *testing.T) {
	for _, when := range []struct {
		name     string
		complete time.Duration // after she has called; 0: she waits for an answer and hangs up
		logged   []string
	}{
		{"before the workflow starts", 500 * time.Millisecond, []string{
			"SESSION2: goes on with 00010000000000010000000000000001", "Working on the inbound interaction 00010000000000010000000000000001"}},
		{"while a prompt is played", 5 * time.Second, []string{
			"Working on the consult interaction 00010000000000020000000000000002", "SESSION2: goes on with 00010000000000010000000000000001"}},
		{"never", 0, []string{"Working on the consult interaction 00010000000000020000000000000002"}},
	} {
		t.Run(when.name, func(t *testing.T) {
			p, ok := find("routed")
			require.True(t, ok)
			p.digits = map[int][]string{askAccount: {"123456#", "123456#"}, askMenu: {"1", "2"}} // the second time it is service
			var out bytes.Buffer
			var logs []string
			c, err := newCentre(p, settings{url: frameURL, out: &out, log: func(_ string, e scxml.LogEntry) { logs = append(logs, e.Text) }})
			require.NoError(t, err)
			defer c.close()
			const customer, consult = telephony.ConnID(0x0001000000000001), telephony.ConnID(0x0001000000000002)
			send := func(after time.Duration, r telephony.Request) {
				c.clock.AfterFunc(after, func() {
					c.link.Send(r, func(_ telephony.Event, err error) { assert.NoError(t, err) })
				})
			}
			send(15*time.Second, &telephony.RequestInitiateTransfer{ThisDN: "7001", ConnID: customer, Destination: "5000"})
			if when.complete > 0 {
				send(15*time.Second+when.complete, &telephony.RequestCompleteTransfer{ThisDN: "7001", ConnID: consult, TransferConnID: customer})
			}
			require.NoError(t, c.run())
			assert.Zero(t, c.sw.Calls())
			assert.Empty(t, c.engine.Sessions())
			assert.Equal(t, []string{"_composer_global_exit"}, c.result.Configuration)
			assert.Contains(t, out.String(), "23.000s  switch  EventRouteUsed at 5000 to 7002")
			assert.Contains(t, logs, "SESSION2: has the parent interaction 00010000000000010000000000000001")
			assert.Contains(t, logs, "routed to bob@StatServer.A")
			for _, line := range when.logged {
				assert.Contains(t, logs, line)
			}
		})
	}
}
