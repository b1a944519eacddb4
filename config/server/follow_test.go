package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony/router"
	"github.com/seed-ff723688/ors/telephony/sim"
)

// A change of a file is there for the next call; calls under way keep what they have.
func TestNextCallRunsAnotherStrategy(t *testing.T) {
	w := newWorld(t)
	w.start()
	w.call("5000")
	w.replace("site.yaml", "first.scxml", "second.scxml", "{skill: Sales}", "{skill: Support}")
	w.call("5000")
	assert.Equal(t, "first Sales\nsecond Support\n", w.said.String())

	// One that is refused changes nothing.
	w.write("site.yaml", "scripts: [{name: Sales, annex: {Application: {url: no}}}]")
	_, err := w.live.Reload(t.Context())
	require.Error(t, err)
	w.call("5000")
	assert.Equal(t, "first Sales\nsecond Support\nsecond Support\n", w.said.String())
}

// A change is logged once where both loggers are the same; one that has no effect yet is a warning.
func TestChangesInTheLog(t *testing.T) {
	w := configured(t, "      orchestration: {call-watching-timeout: 5000}\n      persistence: {type: none, cassandra-max-latency: 900}\n")
	w.start()
	linesWith := func(text string) (found []string) {
		for line := range strings.Lines(w.log.String()) {
			if strings.Contains(line, text) {
				found = append(found, line)
			}
		}
		return found
	}
	w.replace("applications.yaml", "timeout: 5000", "timeout: 6000", "latency: 900", "latency: 800")
	found := linesWith("kind=changed")
	require.Len(t, found, 2)
	assert.Contains(t, found[0], "level=INFO", "it never has an effect")
	found = linesWith("cassandra-max-latency")
	require.Len(t, found, 1)
	assert.Contains(t, found[0], "level=WARN")
	assert.Contains(t, found[0], "at the next start of the server")
	assert.Contains(t, found[0], "section=persistence")

	w.replace("site.yaml", "first.scxml", "second.scxml")
	found = linesWith("option=url")
	require.Len(t, found, 1)
	assert.Contains(t, found[0], "level=INFO")

	w.write("site.yaml", "scripts: [{name: Sales, annex: {Application: {url: no}}}]")
	_, err := w.live.Reload(t.Context())
	require.Error(t, err)
	assert.Len(t, linesWith("refused"), 1)
}

func TestPersonsChange(t *testing.T) {
	w := newWorld(t)
	srv := w.start()
	call := w.call("5000")
	w.ready("bob", "7002")
	require.Equal(t, "5000", w.at(call))

	// Bob learns, while he sits where he has logged in.
	require.NoError(t, w.sw.Logout("bob"))
	w.ready("bob", "7001")
	w.replace("site.yaml", "skills: {Support: 8}", "skills: {Support: 8, Sales: 9}")
	w.clock.Advance(2 * time.Second)
	assert.Equal(t, "7001 Connected", w.at(call))
	w.clock.Advance(time.Minute)

	// Somebody comes, and somebody goes.
	require.NoError(t, w.sw.AddACDPosition("7003"))
	w.replace("site.yaml", "employeeId: bob, agent: true, place: P2", "employeeId: cy, agent: true, place: P3",
		"{name: P2, dns: [7002@Main]}", "{name: P2, dns: [7002@Main]}, {name: P3, dns: [7003@Main]}",
		"  - {number: \"7001\"", "  - {number: \"7003\", switch: Main, type: Extension}\n  - {number: \"7001\"",
		"agents: [ann, bob]", "agents: [ann, cy]")
	_, err := srv.Router().AgentStatus("bob")
	require.ErrorIs(t, err, router.ErrNoAgent)
	status, err := srv.Router().AgentStatus("cy")
	require.NoError(t, err)
	assert.Equal(t, "7003", status.DN)
	require.NoError(t, w.sw.AddAgent(sim.Agent{ID: "cy", Handling: sim.Handling{AnswerAfter: time.Second, TalkTime: time.Second}}))
	call = w.call("5000")
	w.ready("cy", "7003") // the DN is registered: the switch tells of him
	w.clock.Advance(2 * time.Second)
	assert.Contains(t, w.log.String(), "7003")
	n, err := srv.Router().Statistic("Team@.GA", "StatAgentsTotal")
	require.NoError(t, err)
	assert.Equal(t, 1.0, n, "cy; ann is not logged in")
	assert.NotEqual(t, "5000", w.at(call))
}

func TestDNsChange(t *testing.T) {
	w := newWorld(t)
	w.start()
	call := w.call("5001")
	assert.Empty(t, w.said.String(), "nobody knows of it")
	w.replace("site.yaml", "  - {number: \"7001\"", "  - {number: \"5001\", switch: Main, type: RoutingPoint, annex: {Orchestration: {application: app:/strategies/second.scxml}}}\n  - {number: \"7001\"")
	assert.Equal(t, "second Sales\n", w.said.String(), "the call that waits there is told of, too")
	require.NoError(t, w.sw.HangUp(call))
	w.call("5001")
	assert.Equal(t, "second Sales\nsecond Sales\n", w.said.String())
	w.replace("site.yaml", "number: \"5001\"", "number: \"5001\", disabled: true")
	w.call("5001")
	assert.Equal(t, "second Sales\nsecond Sales\n", w.said.String())
}

// Documents come from where the configuration says now.
func TestFoldersChange(t *testing.T) {
	w := newWorld(t)
	w.files["other/third.scxml"] = w.files["strategies/first.scxml"]
	srv := w.start()
	start := func(src string) int {
		status, _ := w.request(srv, "POST", "/scxml/session/start", "src="+src)
		return status
	}
	assert.Equal(t, 200, start("app:/strategies/first.scxml"))
	assert.Equal(t, 403, start("app:/other/third.scxml"))
	w.replace("site.yaml", "app:/strategies/first.scxml", "app:/other/third.scxml")
	assert.Equal(t, 403, start("app:/strategies/first.scxml"))
	assert.Equal(t, 200, start("app:/other/third.scxml"))
	w.call("5000")
	assert.Equal(t, "first Sales\n", w.said.String())
}
