package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
)

// TestMail runs e-mails through their own frame and workflow.
func TestMail(t *testing.T) {
	for _, m := range []struct {
		subject, play string
		logged        string
		queue         string // where it is a minute later; empty: with nobody any more
		category      string
	}{
		{"My order A-1", "routed", "routed to ann@StatServer.A", "inbox", "Sales"},
		{"Help", "unknown", "SESSION1: Target_Mail has found nobody: timeout", "Later", "Service"},
		{"You are a WINNER", "routed", "SESSION1: Branch_Subject goes on to Exit", "", ""},
	} {
		t.Run(m.subject, func(t *testing.T) {
			p, ok := find(m.play)
			require.True(t, ok)
			var logs []string
			c, err := newCentre(p, settings{url: frameURL, log: func(_ string, e scxml.LogEntry) { logs = append(logs, e.Text) }})
			require.NoError(t, err)
			defer c.close()
			id, err := c.mail.Submit(telephony.Interaction{MediaType: "email", Type: "Inbound", Subtype: "InboundNew", Queue: "inbox",
				UserData: telephony.KVList{{Key: "Subject", Value: telephony.String(m.subject)}}})
			require.NoError(t, err)
			c.clock.Advance(time.Minute + time.Second) // Ann is at it for a minute after two seconds
			assert.Contains(t, logs, "TMediaEMail InboundNew from the queue inbox")
			assert.Contains(t, logs, m.logged)
			assert.Equal(t, session.Finished, c.result.Reason)
			assert.Equal(t, []string{"_composer_global_exit"}, c.result.Configuration)
			kept, ok := c.mail.Interaction(id)
			assert.Equal(t, m.queue != "", ok)
			assert.Equal(t, m.queue, kept.Queue)
			assert.Equal(t, m.category, kept.UserData.Text("CtgName"))
		})
	}
}
