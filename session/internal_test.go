package session

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ff723688/ors/persistence"
	"github.com/seed-ff723688/ors/scxml"
)

// manualClock is a clock whose alarms are rung by hand.
type manualClock struct {
	now    time.Time
	alarms []func()
}

func (c *manualClock) Now() time.Time { return c.now }

func (c *manualClock) AfterFunc(_ time.Duration, f func()) (stop func() bool) {
	c.alarms = append(c.alarms, f)
	return func() bool { return false } // about to ring
}

func (c *manualClock) ring() {
	alarms := c.alarms
	c.alarms = nil
	for _, f := range alarms {
		f()
	}
}

// TestTimersDoNotOvertake: an alarm that rings while others are being fired
// does not get ahead of them, and nothing is forgotten.
func TestTimersDoNotOvertake(t *testing.T) {
	clock := &manualClock{now: time.Unix(0, 0)}
	var ts timers
	var fired []string
	ts.init(clock, 10, func(tm *timer) {
		clock.now = clock.now.Add(time.Millisecond)
		clock.ring() // another goroutine of the clock
		fired = append(fired, tm.send.event.Name)
	})
	s := &session{}
	start := clock.now
	for _, send := range []struct {
		name  string
		delay time.Duration
	}{{"c", 2}, {"a", 1}, {"b", 1}, {"d", 3}, {"e", 50}} {
		err := ts.add(s, &scxml.Send{Delay: send.delay * time.Millisecond, Event: &scxml.Event{Name: send.name}}, EffectID{}, start)
		assert.NoError(t, err)
	}
	clock.now = start.Add(time.Millisecond)
	clock.ring()
	for len(clock.alarms) > 0 && ts.count(s) > 1 {
		clock.ring()
	}
	assert.Equal(t, []string{"a", "b", "c", "d"}, fired)
	assert.NotEmpty(t, clock.alarms, "the alarm for e is set")
}

// TestNewestChildIsMeant: while the first child with an invokeid is on its way
// out, the id alone means the second one.
func TestNewestChildIsMeant(t *testing.T) {
	s := newSession(&Engine{sessions: newRegistry(1, 0)}, "p")
	s.addChild(&scxml.Invoke{ID: "x", Serial: 1}, "first")
	s.addChild(&scxml.Invoke{ID: "x", Serial: 2}, "second")
	assert.Equal(t, "second", s.childByInvoke("x", 0))
	assert.Equal(t, "first", s.childByInvoke("x", 1))
	assert.Equal(t, "first", s.uncouple(&scxml.CancelInvoke{ID: "x", Serial: 1}))
	assert.Empty(t, s.uncouple(&scxml.CancelInvoke{ID: "x", Serial: 1}))
	assert.Equal(t, "second", s.childByInvoke("x", 0))
}

func TestStoredTimersKeepTheirOrder(t *testing.T) {
	at := time.Unix(100, 0)
	send := appendErrand(nil, &errand{effect: &scxml.Send{Event: &scxml.Event{Name: "e"}}})
	stored := &persistence.Session{ID: "s"}
	for id, at := range map[string]time.Time{"10.0": at, "9.10": at, "9.2": at, "11.0": at.Add(-1), alarmMark: at, residentMark: time.Unix(0, 0)} {
		stored.Timers = append(stored.Timers, persistence.Timer{ID: id, At: at, Data: send})
	}
	var v saved
	sends, err := readTimers(&v, stored)
	assert.NoError(t, err)
	var ids []string
	for _, x := range sends {
		ids = append(ids, x.ID)
	}
	assert.Equal(t, []string{"11.0", "9.2", "9.10", "10.0"}, ids)
	assert.Equal(t, at, v.alarm)
	assert.True(t, v.resident)
	stored.Timers = []persistence.Timer{{ID: "x", At: at, Data: send}}
	_, err = readTimers(&v, stored)
	assert.ErrorIs(t, err, ErrRecord)
}

func TestLocalDocuments(t *testing.T) {
	d := new(documents)
	for content, local := range map[string]bool{
		`<scxml><state/></scxml>`:                                  true,
		`<scxml><script src="a.js"/></scxml>`:                      false,
		`<scxml xmlns:x="…XInclude"><x:include href="a"/></scxml>`: false,
	} {
		assert.Equal(t, local, d.request("file:///a", content).local(), content)
	}
	assert.False(t, d.request("file:///a", "").local())
}

// Responses without a body take room too.
func TestHTTPCacheCounts(t *testing.T) {
	c := newHTTPCache(&LoaderOptions{Clock: SystemClock{}, CacheBytes: 1, CacheEntries: 100})
	h := http.Header{"Etag": {`"1"`}}
	for i := range 110 {
		c.put("http://host.example/"+strconv.Itoa(i), h, nil, nil, cacheRule{})
	}
	assert.Len(t, c.entries, 100)
	e, _ := c.get("http://host.example/0", cacheRule{})
	assert.Nil(t, e)
}
