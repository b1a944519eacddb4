package scxml_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
)

// TestScenarios runs testdata/scenarios: NAME.scxml is a chart, NAME.events its
// external events (a name and optional JSON data a line, "invokeid=ID" before
// the name, "!stop" for Stop), NAME.trace what must happen, step by step. Every engine gives the same
// trace, and so does a machine that is saved and restored after every macrostep.
func TestScenarios(t *testing.T) {
	charts, err := filepath.Glob("testdata/scenarios/*.scxml")
	require.NoError(t, err)
	require.NotEmpty(t, charts)
	for _, chart := range charts {
		base := strings.TrimSuffix(chart, ".scxml")
		t.Run(filepath.Base(base), func(t *testing.T) {
			for _, language := range languages() {
				for _, restore := range []bool{false, true} {
					got := runScenario(t, base, language.Language, restore)
					golden := base + ".trace"
					if *scxml.Update && !restore {
						require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
					}
					want, err := os.ReadFile(golden)
					require.NoError(t, err)
					require.Equal(t, string(want), got, "engine %s, restored after each step: %v", language.engine, restore)
				}
			}
		})
	}
}

func runScenario(t *testing.T, base string, language datamodel.Language, restore bool) string {
	source, err := os.ReadFile(base + ".scxml")
	require.NoError(t, err)
	events, err := os.ReadFile(base + ".events")
	require.NoError(t, err)
	doc := parse(t, string(source), language)

	var out strings.Builder
	opts := &scxml.MachineOptions{
		SessionID: "s1",
		Params:    datamodel.NewObject(datamodel.Member{Name: "param", Value: "given"}),
		CheckSend: checkScenarioSend,
		Log:       func(e scxml.LogEntry) { fmt.Fprintf(&out, "  log %s: %s\n", e.Label, e.Text) },
		Trace:     textTrace(&out),
		Limits:    scxml.Limits{Microsteps: 10},
	}
	m, err := scxml.NewMachine(doc, opts)
	require.NoError(t, err)
	finish := func(err error) {
		if err != nil {
			fmt.Fprintf(&out, "  failed: %v\n", err)
		}
		fmt.Fprintf(&out, "  = %s", strings.Join(m.Active(), " "))
		if m.Done() {
			fmt.Fprintf(&out, " (done, data %s)", datamodel.AppendJSON(nil, m.DoneData()))
		}
		out.WriteString("\n")
		if restore && m.Err() == nil {
			m = restored(t, m, opts)
		}
	}
	out.WriteString("start\n")
	_, err = m.Start()
	finish(err)
	lines := bufio.NewScanner(bytes.NewReader(events))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fmt.Fprintln(&out, line)
		if line == "!stop" {
			_, err = m.Stop()
		} else {
			_, err = m.Handle(scenarioEvent(t, line))
		}
		finish(err)
	}
	require.NoError(t, m.Close())
	return out.String()
}

func scenarioEvent(t *testing.T, line string) *scxml.Event {
	ev := &scxml.Event{}
	if rest, ok := strings.CutPrefix(line, "invokeid="); ok {
		ev.InvokeID, line, _ = strings.Cut(rest, " ")
	}
	name, data, _ := strings.Cut(line, " ")
	ev.Name = name
	if strings.HasPrefix(name, "done.") {
		ev.Type = datamodel.Platform
	}
	if data != "" {
		v, err := datamodel.DecodeJSON([]byte(data), nil)
		require.NoError(t, err)
		ev.Data = v
	}
	return ev
}

func checkScenarioSend(s *scxml.Send) error {
	switch {
	case s.Type != "" && s.Type != "scxml":
		return fmt.Errorf("%w: %s", scxml.ErrSendType, s.Type)
	case s.Target == "nowhere":
		return fmt.Errorf("%w: %s", scxml.ErrSendTarget, s.Target)
	case s.Target == "#_scxml_gone":
		return fmt.Errorf("session gone is not there")
	}
	return nil
}

// textTrace writes one line a step.
func textTrace(out *strings.Builder) *scxml.Trace {
	line := func(format string, args ...any) { fmt.Fprintf(out, "  "+format+"\n", args...) }
	return &scxml.Trace{
		EventQueued: func(ev *scxml.Event) { line("queued %s %s", ev.Type, describe(ev)) },
		EventTaken:  func(ev *scxml.Event) { line("event %s %s", ev.Type, describe(ev)) },
		Transition: func(t scxml.TransitionTrace) {
			line("transition %s -> %s", t.Source, strings.Join(t.Targets, " "))
		},
		Exit:  func(state string) { line("exit %s", state) },
		Enter: func(state string) { line("enter %s", state) },
		Effect: func(e scxml.Effect) {
			switch e := e.(type) {
			case *scxml.Send:
				line("send id=%s type=%q target=%q delay=%s %s", e.ID, e.Type, e.Target, e.Delay, describe(e.Event))
			case *scxml.Cancel:
				line("cancel %s", e.SendID)
			case *scxml.Invoke:
				line("invoke id=%s type=%q src=%q params=%s", e.ID, e.Type, e.Src, datamodel.AppendJSON(nil, e.Params))
			case *scxml.CancelInvoke:
				line("cancel invoke %s", e.ID)
			case *scxml.Forward:
				line("forward %s to %s", e.Event.Name, e.InvokeID)
			case *scxml.ModuleCall:
				line("call %s %s", e.Name, e.RequestID)
			}
		},
	}
}

func describe(ev *scxml.Event) string {
	s := ev.Name
	if ev.SendID != "" {
		s += " sendid=" + ev.SendID
	}
	if data, ok := ev.Data.(*datamodel.Object); ok && strings.HasPrefix(ev.Name, "error.") {
		// The text after the position is the engine's own.
		element, _ := data.Get("element")
		line, _ := data.Get("linenumber")
		return fmt.Sprintf("%s in <%v> line %v", s, element, line)
	}
	if ev.Data != nil {
		text, _ := json.Marshal(string(datamodel.AppendJSON(nil, ev.Data)))
		s += " " + strings.Trim(string(text), `"`)
	}
	return s
}
