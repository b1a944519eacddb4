package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/session"
)

// stage runs a play and returns what the switch saw, without the user data, and
// the centre, closed.
func stage(t *testing.T, name, url string) (*centre, []string, []string) {
	t.Helper()
	p, ok := find(name)
	require.True(t, ok, name)
	var out bytes.Buffer
	var logs []string
	c, err := newCentre(p, settings{url: url, out: &out, log: func(_ string, e scxml.LogEntry) {
		assert.NotContains(t, e.Text, "that nobody has handled")
		logs = append(logs, e.Text)
	}})
	require.NoError(t, err)
	defer c.close()
	require.NoError(t, c.run())
	require.Zero(t, c.sw.Calls(), "calls that are left")
	require.Empty(t, c.engine.Sessions(), "sessions that are left")
	var seen []string
	for line := range strings.Lines(out.String()) {
		time, text, _ := strings.Cut(strings.TrimSpace(line), "s  switch  Event")
		if !strings.HasPrefix(text, "AttachedDataChanged") {
			seen = append(seen, time+" "+text)
		}
	}
	return c, seen, logs
}

// outcomes are what becomes of each call: the last things that the switch sees,
// and what has been asked of the database.
var outcomes = map[string]struct {
	seen, asked []string
	logged      string
}{
	"routed": {
		seen:   []string{"7.000 RouteUsed at 5000 to 7001", "7.000 Diverted at 5000", "7.000 Ringing at 7001", "10.000 Established at 7001", "40.000 Released at 7001"},
		asked:  []string{"GET /customers number=123456", "GET /orders number=123456", `POST /agreements {"number":"123456","channel":"voice","orders":2,"at":"2026-01-05T09:00:00.000Z"}`},
		logged: "routed to ann@StatServer.A",
	},
	"waits": {
		seen: []string{"27.000 TreatmentApplied at 5000, PlayAnnouncement 1031", "29.000 TreatmentEnd at 5000", "29.000 TreatmentApplied at 5000, PlayAnnouncement 1032",
			"31.000 TreatmentEnd at 5000", "31.000 TreatmentApplied at 5000, Music", "32.000 RouteUsed at 5000 to 7001", "32.000 Diverted at 5000", "32.000 Ringing at 7001", "35.000 Established at 7001", "65.000 Released at 7001"},
		logged: "routed to ann@StatServer.A",
	},
	"overflow": {
		seen:   []string{"45.000 TreatmentApplied at 5000, Music", "50.000 RouteUsed at 5000 to 7003", "50.000 Diverted at 5000", "50.000 Ringing at 7003", "53.000 Established at 7003", "83.000 Released at 7003"},
		logged: "routed to cyd@StatServer.A",
	},
	"callback": {
		seen: []string{"63.000 TreatmentApplied at 5000, PlayAnnouncementAndDigits 1040", "65.000 TreatmentEnd at 5000, digits 0301234567#",
			"65.000 TreatmentApplied at 5000, PlayAnnouncement 1041", "67.000 TreatmentEnd at 5000", "67.000 RouteUsed at 5000 to", "67.000 Released at 5000"},
		asked:  []string{`POST /callbacks {"number":"0301234567","customer":"123456","skill":"Service"}`},
		logged: "entered ****56, attempt 2",
	},
	"abandoned": {
		seen:   []string{"19.000 TreatmentApplied at 5000, Music", "25.000 Abandoned at 5000"},
		logged: "the caller has hung up in Branch_Statistic",
	},
	"nodatabase": {
		seen: []string{"7.000 RouteUsed at 5000 to 7002", "7.000 Diverted at 5000", "7.000 Ringing at 7002", "10.000 Established at 7002", "40.000 Released at 7002"},
		// 503 is worth another attempt, 404 is not.
		asked:  []string{"GET /customers number=123456", "GET /orders number=123456", "GET /customers number=123456"},
		logged: "routed to bob@StatServer.A",
	},
	"unplugged": {
		seen: []string{"11.000 TreatmentApplied at 5000, Music", "11.000 Error at", "11.000 TreatmentApplied at 5000, TextToSpeech", "13.000 TreatmentEnd at 5000",
			"13.000 RouteUsed at 5000 to 7900", "13.000 Diverted at 5000", "13.000 Ringing at 7900", "14.000 Established at 7900", "34.000 Released at 7900"},
		logged: "routed to 7900",
	},
	"unknown": {
		seen:   []string{"66.000 RouteUsed at 5000 to 7900", "66.000 Diverted at 5000", "66.000 Ringing at 7900", "67.000 Established at 7900", "87.000 Released at 7900"},
		asked:  []string{},
		logged: "SESSION1: leaving the sub-routine by Failed",
	},
	"selfservice": {
		seen: []string{"7.000 TreatmentApplied at 5000, PlayApplication", "27.000 TreatmentEnd at 5000", "27.000 TreatmentApplied at 5000, PlayAnnouncement 1005",
			"29.000 TreatmentEnd at 5000", "29.000 RouteUsed at 5000 to", "29.000 Released at 5000"},
		logged: "SESSION1: Branch_Solved goes on to Play_Goodbye",
	},
	"blocked": {
		seen:   []string{"5.000 TreatmentApplied at 5000, PlayAnnouncement 1008", "7.000 TreatmentEnd at 5000", "7.000 RouteUsed at 5000 to", "7.000 Released at 5000"},
		logged: "SESSION1: Branch_Blocked goes on to Play_Blocked",
	},
	"closed": {
		seen: []string{"0.000 Queued at 5000", "0.000 RouteRequest at 5000", "0.000 TreatmentApplied at 5000, PlayAnnouncement 1009", "2.000 TreatmentEnd at 5000",
			"2.000 RouteUsed at 5000 to", "2.000 Released at 5000"},
		asked:  []string{},
		logged: "Sunday 2026-01-04 10:00:00 open: false holiday: false",
	},
	"holiday": {
		seen:   []string{"0.000 RouteUsed at 5000 to 7900", "0.000 Diverted at 5000", "0.000 Ringing at 7900", "1.000 Established at 7900", "21.000 Released at 7900"},
		logged: "Thursday 2026-01-01 10:00:00 open: true holiday: true",
	},
}

// TestPlays runs every call through the frame and the workflow.
func TestPlays(t *testing.T) {
	for _, p := range plays() {
		t.Run(p.name, func(t *testing.T) {
			want := outcomes[p.name]
			require.NotEmpty(t, want.seen, "the play has no expected outcome")
			c, seen, logs := stage(t, p.name, frameURL)
			require.GreaterOrEqual(t, len(seen), len(want.seen))
			assert.Equal(t, want.seen, seen[len(seen)-len(want.seen):])
			assert.Contains(t, logs, want.logged)
			asked := c.crm.asked()
			switch {
			case want.asked == nil:
			case len(want.asked) == 0:
				assert.Empty(t, asked)
			case p.name == "callback":
				assert.Subset(t, asked, want.asked)
			default:
				assert.Equal(t, want.asked, asked)
			}
			assert.Equal(t, session.Finished, c.result.Reason)
			assert.Equal(t, []string{"_composer_global_exit"}, c.result.Configuration)
			assert.Contains(t, logs, "The application has ended.")
		})
	}
}

// TestW3CRoutesAlike compares the strategy with the one that is written in W3C
// SCXML: the switch and the database see the same, at the same times.
func TestW3CRoutesAlike(t *testing.T) {
	for _, p := range plays() {
		t.Run(p.name, func(t *testing.T) {
			ors, orsSeen, _ := stage(t, p.name, frameURL)
			w3c, w3cSeen, _ := stage(t, p.name, w3cURL)
			assert.Equal(t, orsSeen, w3cSeen)
			assert.Equal(t, ors.crm.asked(), w3c.crm.asked())
			assert.Equal(t, []string{"end"}, w3c.result.Configuration)
		})
	}
}
