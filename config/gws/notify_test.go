package gws_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ff723688/ors/config"
	"github.com/seed-ff723688/ors/config/gws"
)

// live follows an API, and gives its updates.
func live(t *testing.T, a *api, opts gws.Options) (*config.Live, *gws.Source, <-chan config.Update) {
	t.Helper()
	s := source(t, a, opts)
	l, err := config.Open(context.Background(), s, &config.LiveOptions{Interval: 2 * time.Second})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	updates := make(chan config.Update, 10)
	l.Subscribe(func(u config.Update) { updates <- u })
	return l, s, updates
}

func TestNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI()
		skills := gws.Options{Kinds: []config.Kind{config.KindSkill}}
		l, _, updates := live(t, a, skills)
		synctest.Wait()
		assert.Equal(t, []string{"CfgPerson", "CfgDN", "CfgSkill", "CfgAgentGroup", "CfgDNGroup"}, a.watched)
		start := time.Now()
		a.set("/objects/skills", `{"DBID": "401", "name": "Gears"}`)
		a.events <- "changed"
		u := <-updates
		assert.Equal(t, start, time.Now(), "at once")
		assert.Len(t, u.Changes, 3)
		assert.Equal(t, "Gears", l.Site().Objects().Skills[0].Name)
		a.asked()
		<-time.After(4 * time.Minute)
		for _, r := range a.asked() {
			assert.Equal(t, "POST /notifications", r, "nothing else is asked, as nothing has changed")
		}
	})
}

// A server that has lost the client of CometD, and one that forgets the session.
func TestNotificationsResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI()
		_, _, updates := live(t, a, gws.Options{Kinds: []config.Kind{config.KindSkill}, Backoff: time.Second})
		synctest.Wait()
		for i, lose := range []func(){func() { a.clients += 5 }, func() { a.session = "gone" }} {
			a.events <- "nothing new" // the next poll is refused
			a.change(lose)
			a.set("/objects/skills", `{"DBID": 1, "name": "`+string(rune('a'+i))+`"}`)
			start := time.Now()
			u := <-updates
			require.NoError(t, u.Err)
			assert.LessOrEqual(t, time.Since(start), time.Minute, "what has changed meanwhile is read, long before the refresh")
		}
		synctest.Wait()
	})
}

func TestNotificationsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI()
		a.before = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/notifications") {
				refuse(w, http.StatusNotFound, "")
				return true
			}
			return false
		}
		var logged bytes.Buffer
		_, s, updates := live(t, a, gws.Options{Kinds: []config.Kind{config.KindSkill}, Refresh: 5 * time.Minute,
			Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		<-time.After(4 * time.Minute)
		tries := len(a.asked())
		assert.Less(t, tries, 20, "with longer and longer pauses")
		a.set("/objects/skills", `{"DBID": "401", "name": "Gears"}`)
		start := time.Now()
		<-updates
		assert.LessOrEqual(t, time.Since(start), time.Minute+2*time.Second, "the refresh reads it")
		a.set("/objects/skills", `{"DBID": "402", "name": "Tyres"}`)
		s.Expire()
		start = time.Now()
		<-updates
		assert.LessOrEqual(t, time.Since(start), 2*time.Second)
		synctest.Wait()
		assert.Equal(t, 1, strings.Count(logged.String(), "notifications of changes have failed"))
	})
}

func TestNoNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI()
		_, s, updates := live(t, a, gws.Options{Kinds: []config.Kind{config.KindSkill}, Notifications: "-"})
		synctest.Wait()
		assert.Len(t, a.asked(), 2)
		a.set("/objects/skills")
		start := time.Now()
		s.Expire()
		<-updates
		assert.Equal(t, start, time.Now(), "at once")
	})
}

func TestAnswersOfCometDThatMakeNoSense(t *testing.T) {
	for name, body := range map[string]string{
		"handshake": `[{"channel": "/meta/handshake", "successful": false}]`,
		"subscribe": `[{"channel": "/meta/handshake", "successful": true, "clientId": "c"}, {"channel": "/meta/subscribe", "successful": false, "error": "403::no"}]`,
		"no list":   `{}`,
		"no JSON":   `<html>`,
		"nothing":   `[]`,
		"busy":      `[{"channel": "/meta/handshake", "successful": true, "clientId": "c"}, {"channel": "/meta/connect", "successful": true, "advice": {"interval": -5}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI()
				a.before = func(w http.ResponseWriter, r *http.Request) bool {
					if strings.HasSuffix(r.URL.Path, "/notifications") {
						_, _ = io.WriteString(w, body)
						return true
					}
					return false
				}
				s := source(t, a, gws.Options{Kinds: []config.Kind{config.KindSkill}})
				_, err := s.Read(context.Background())
				require.NoError(t, err)
				a.asked()
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				for err == nil {
					if err = s.Wait(ctx); err == nil {
						_, _ = s.Read(ctx)
					}
				}
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Less(t, len(a.asked()), 150, "it does not ask all the time")
			})
		})
	}
}
