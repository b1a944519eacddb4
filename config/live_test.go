package config_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/session"
	"github.com/seed-ff723688/ors/telephony"
)

const oneServer = `
switches: [{name: Main}]
dns: [{number: 5000, switch: Main, type: RoutingPoint, annex: {Orchestration: {application: "file:/a.scxml"}}}]
applications:
  - name: ORS
    type: OrchestrationServer
    options:
      orchestration: {call-watching-timeout: 5000, cookie: a=1}
      scxml: {password: {env: PASSWORD}}
`

// follow opens a directory with one file on a virtual clock.
func follow(t *testing.T, text string) (l *config.Live, dir string, clock *session.VirtualClock, log *bytes.Buffer) {
	t.Helper()
	dir, clock, log = t.TempDir(), session.NewVirtualClock(time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)), &bytes.Buffer{}
	write(t, dir, "a.yaml", text)
	env := func(string) (string, bool) { return "pass" + "word", true }
	l, err := config.Open(context.Background(), config.NewFiles(dir, &config.FilesOptions{Env: env}), &config.LiveOptions{
		Site: config.SiteOptions{Application: "ORS"}, Clock: clock, Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return l, dir, clock, log
}

func application(t *testing.T, l *config.Live) string {
	t.Helper()
	app, err := l.Application("5000", &telephony.CallAttributes{})
	require.NoError(t, err)
	require.Len(t, app.URLs, 1)
	return app.URLs[0]
}

func TestLiveFollowsItsSource(t *testing.T) {
	l, dir, clock, log := follow(t, oneServer)
	var updates []config.Update
	cancel := l.Subscribe(func(u config.Update) {
		updates = append(updates, u)
		assert.Same(t, u.Site, l.Site())
		_, err := l.Reload(context.Background()) // a subscriber may
		assert.NoError(t, err)
	})
	assert.Equal(t, "file:/a.scxml", application(t, l))

	write(t, dir, "a.yaml", replace(oneServer, "a.scxml", "b.scxml", "5000, cookie: a=1", "6000, cookie: a=2", "name: Main}", "name: Main}, {name: New}"))
	clock.Advance(time.Second)
	assert.Equal(t, "file:/a.scxml", application(t, l), "nobody has looked yet")
	clock.Advance(time.Second)
	assert.Equal(t, "file:/b.scxml", application(t, l))

	require.Len(t, updates, 1)
	assert.NoError(t, updates[0].Err)
	app, dn := config.ID{Kind: config.KindApplication, Name: "ORS"}, config.ID{Kind: config.KindDN, Name: "5000@Main"}
	assert.Equal(t, []config.Change{
		{Kind: config.Changed, Object: app, Section: "orchestration", Option: "call-watching-timeout", Old: "5000", New: "6000", Effect: config.AtStart},
		{Kind: config.Changed, Object: app, Section: "orchestration", Option: "cookie", Old: "a=1", New: "a=2", Effect: config.AtOnce},
		{Kind: config.Added, Object: config.ID{Kind: config.KindSwitch, Name: "New"}, Effect: config.NextInteraction},
		{Kind: config.Changed, Object: dn, Section: "Orchestration", Option: "application", Old: "file:/a.scxml", New: "file:/b.scxml", Effect: config.NextInteraction},
	}, updates[0].Changes)

	st, ok := l.Settings("ORS")
	require.True(t, ok)
	assert.Equal(t, 5*time.Second, st.Duration("orchestration", "call-watching-timeout"), "only a start changes it")
	assert.Equal(t, "a=2", st.Text("orchestration", "cookie"))
	assert.NotContains(t, log.String(), "pass"+"word")

	cancel()
	write(t, dir, "a.yaml", oneServer)
	clock.Advance(2 * time.Second)
	assert.Equal(t, "file:/a.scxml", application(t, l))
	assert.Len(t, updates, 1)
}

func replace(s string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		s = string(bytes.ReplaceAll([]byte(s), []byte(pairs[i]), []byte(pairs[i+1])))
	}
	return s
}

func TestBadChangeIsRefusedWhole(t *testing.T) {
	l, dir, clock, log := follow(t, oneServer)
	var updates []config.Update
	l.Subscribe(func(u config.Update) { updates = append(updates, u) })
	before := l.Site()
	// One value is right, two are wrong: nothing of it counts.
	write(t, dir, "a.yaml", replace(oneServer, "a.scxml", "b.scxml", "5000, cookie", "5, cookie", "type: RoutingPoint", "alias: x, type: RoutingPoint", "switch: Main", "switch: Mian"))
	clock.Advance(10 * time.Second)
	assert.Same(t, before, l.Site())
	assert.Equal(t, "file:/a.scxml", application(t, l))
	require.Len(t, updates, 1, "it is told once")
	for _, err := range []error{updates[0].Err, l.Refused()} {
		assert.ErrorContains(t, err, `a.yaml:8: Application ORS, section orchestration, option call-watching-timeout: "5" is not`)
		assert.ErrorContains(t, err, `a.yaml:3: DN 5000@Mian: switch: there is no Switch "Mian"; did you mean Main?`)
	}
	assert.Same(t, before, updates[0].Site)
	_, err := l.Reload(context.Background())
	assert.ErrorContains(t, err, "Mian", "it is still refused")
	assert.Empty(t, log.String(), "who has subscribed logs it")

	write(t, dir, "a.yaml", "dns: [\n")
	clock.Advance(2 * time.Second)
	require.Len(t, updates, 2)
	assert.ErrorContains(t, updates[1].Err, "a.yaml")

	write(t, dir, "a.yaml", replace(oneServer, "a.scxml", "c.scxml"))
	clock.Advance(2 * time.Second)
	assert.NoError(t, l.Refused())
	assert.Equal(t, "file:/c.scxml", application(t, l))
}

func TestRemovedObjectsAndOptions(t *testing.T) {
	l, dir, _, _ := follow(t, oneServer)
	write(t, dir, "a.yaml", "applications: [{name: ORS, type: OrchestrationServer, version: 2, options: {orchestration: {cookie: a=1}, scxml: {password: {env: X}}}}]\n")
	changes, err := l.Reload(context.Background())
	require.NoError(t, err)
	app := config.ID{Kind: config.KindApplication, Name: "ORS"}
	assert.Equal(t, []config.Change{
		{Kind: config.Changed, Object: app, Effect: config.AtStart},
		{Kind: config.Changed, Object: app, Section: "orchestration", Option: "call-watching-timeout", Old: "5000", Effect: config.AtStart},
		{Kind: config.Removed, Object: config.ID{Kind: config.KindSwitch, Name: "Main"}, Effect: config.NextInteraction},
		{Kind: config.Removed, Object: config.ID{Kind: config.KindDN, Name: "5000@Main"}, Effect: config.NextInteraction},
	}, changes)
	changes, err = l.Reload(context.Background())
	assert.NoError(t, err)
	assert.Empty(t, changes)
}

func TestOpenRefusesABadConfiguration(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", "dns: [{number: 1, switch: None, type: Extension}]")
	_, err := config.Open(context.Background(), config.NewFiles(dir, nil), nil)
	assert.ErrorContains(t, err, `a.yaml:1: DN 1@None: switch: there is no Switch "None"`)
}

func TestClosedLiveDoesNotLook(t *testing.T) {
	l, dir, clock, _ := follow(t, oneServer)
	require.NoError(t, l.Close())
	write(t, dir, "a.yaml", replace(oneServer, "a.scxml", "b.scxml"))
	clock.Advance(time.Minute)
	assert.Equal(t, "file:/a.scxml", application(t, l))
	_, pending := clock.Next()
	assert.False(t, pending)
	_, err := l.Reload(context.Background())
	assert.ErrorIs(t, err, config.ErrClosed)
}

func TestFilesThatGoAndComeBack(t *testing.T) {
	l, dir, clock, _ := follow(t, oneServer)
	require.NoError(t, os.Remove(filepath.Join(dir, "a.yaml")))
	clock.Advance(2 * time.Second)
	assert.ErrorContains(t, l.Refused(), "has no file")
	assert.Equal(t, "file:/a.scxml", application(t, l), "the configuration stays")
	write(t, dir, "a.yaml", oneServer)
	clock.Advance(2 * time.Second)
	assert.NoError(t, l.Refused())
}

func TestLiveIsSafeForConcurrentUse(t *testing.T) {
	l, dir, _, _ := follow(t, oneServer)
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for range 200 {
				app, err := l.Application("5000", &telephony.CallAttributes{})
				if assert.NoError(t, err) {
					assert.Contains(t, []string{"file:/a.scxml", "file:/b.scxml"}, app.URLs[0])
				}
				st, ok := l.Settings("ORS")
				assert.True(t, ok)
				assert.Equal(t, "5000", st.Text("orchestration", "call-watching-timeout"))
				cancel := l.Subscribe(func(config.Update) {})
				cancel()
			}
		})
	}
	for i := range 20 {
		write(t, dir, "a.yaml", replace(oneServer, "a.scxml", []string{"a.scxml", "b.scxml"}[i%2]))
		_, err := l.Reload(context.Background())
		assert.NoError(t, err)
	}
	users.Wait()
}

// What nobody has subscribed to is logged, once.
func TestChangesAreLogged(t *testing.T) {
	_, dir, clock, log := follow(t, oneServer)
	write(t, dir, "a.yaml", replace(oneServer, "5000, cookie", "5, cookie"))
	clock.Advance(10 * time.Second)
	assert.Equal(t, 1, strings.Count(log.String(), "refused="))
	write(t, dir, "a.yaml", replace(oneServer, "a.scxml", "c.scxml"))
	clock.Advance(2 * time.Second)
	assert.Equal(t, 1, strings.Count(log.String(), "option=application"))
}
