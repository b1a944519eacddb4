package router_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/telephony/router"
)

// No text may do harm: it is read, or the error says where the fault is. What is
// read can be written and read again.
func FuzzTargets(f *testing.F) {
	for _, s := range []string{
		"7001@Switch.DN", " {StatCallsInQueue<10}[20]Sales@Stat.GA, ?:(English > 5 & 'Two Words' != 3)@.GA", "[x]a@.A", "?T:a/0=1@s.GA,",
		"{sdata(?:a>1@s.GA, StatAgentsReady) > acfgdata(a,b,c,1) | callage() < -3}x@y.Q", "((((", "{\"}\"}a@.A", "Zoë@.A",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		targets, err := router.ParseTargets(text)
		if err != nil {
			var se *router.SyntaxError
			require.True(t, errors.As(err, &se))
			require.GreaterOrEqual(t, se.Column, 1)
			require.LessOrEqual(t, se.Column, utf8.RuneCountInString(text)+1)
			return
		}
		for i := range targets {
			target := targets[i]
			target.Text = ""
			again, err := router.ParseTargets(target.String())
			require.NoError(t, err, target.String())
			require.Len(t, again, 1)
			require.Equal(t, target.Name, again[0].Name)
			if target.Skill != nil {
				target.Skill.Match(map[string]int{"a": 1})
			}
		}
		r := router.New(nil)
		require.NoError(t, r.SetAgent(router.Agent{ID: "ann", DN: "7001", Skills: map[string]int{"a": 1}}))
		require.NoError(t, r.SetAgentState("ann", router.Ready))
		id, err := r.Submit(router.Request{Targets: targets}, func(router.Selection, error) {})
		require.NoError(t, err)
		r.Cancel(id)
		require.NoError(t, r.Audit())
	})
}

func FuzzScript(f *testing.F) {
	for _, s := range []string{`Skill("English") > 5 & ~LoggedIn("sw")`, `SkillExists(a) | ((b))`, `~~~a`, `Skill(")`, `1/0`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := router.ParseScript(text)
		if err == nil {
			e.Match(map[string]int{"English": 7})
		}
	})
}
