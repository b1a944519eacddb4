package strategytest

import (
	"github.com/seed-ff723688/ors/scxml/scxmltest"
	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
)

// Interaction is a multimedia interaction that a media server submits.
type Interaction struct {
	Queue     string         `json:"queue,omitempty"`     // default Options.Queue
	MediaType string         `json:"mediatype,omitempty"` // default "email"
	Type      string         `json:"type,omitempty"`      // default "Inbound"
	Subtype   string         `json:"subtype,omitempty"`   // default "InboundNew"
	UserData  map[string]any `json:"userdata,omitempty"`  // as that of a Caller
}

// Mail is a multimedia interaction and its session.
type Mail struct {
	*scxmltest.Session
	c    *Centre
	id   string
	kept string // the session
}

// Submit puts a multimedia interaction into a queue. What the strategy does at
// once has happened when it returns.
func (c *Centre) Submit(i Interaction) *Mail {
	c.tb.Helper()
	c.Input("submit", i)
	for _, d := range []struct {
		field *string
		value string
	}{{&i.Queue, c.opts.Queue}, {&i.MediaType, "email"}, {&i.Type, "Inbound"}, {&i.Subtype, "InboundNew"}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if i.Queue == "" {
		c.tb.Fatalf("strategytest: Options.Queue is not set: no queue starts the strategy")
	}
	data, err := list(i.UserData)
	if err != nil {
		c.tb.Fatalf("strategytest: %v", err)
	}
	id, err := c.mail.Submit(telephony.Interaction{MediaType: i.MediaType, Type: i.Type, Subtype: i.Subtype, Queue: i.Queue, UserData: data})
	if err != nil {
		c.tb.Fatalf("strategytest: %v", err)
	}
	m := &Mail{c: c, id: id}
	m.Session = c.Recorder().Session(c.tb, m.sessionID)
	began := len(c.Recorder().Sessions())
	c.Settle()
	if ids := c.Recorder().Sessions(); len(ids) > began {
		m.kept = ids[began]
	}
	return m
}

func (m *Mail) sessionID() string {
	if x, ok := m.c.mail.Interaction(m.id); ok {
		if id := x.UserData.Text(fm.SessionKey); id != "" {
			m.kept = id
		}
	}
	return m.kept
}

// ExpectQueue expects that the interaction is in this queue; "" is one that was stopped.
func (m *Mail) ExpectQueue(queue string) bool {
	m.c.tb.Helper()
	x, _ := m.c.mail.Interaction(m.id)
	if x.Queue != queue {
		m.Failf("the interaction is not in the queue %q\n  it is in: %q", queue, x.Queue)
		return false
	}
	return true
}

// ExpectUserData expects a value in the user data of an interaction that was not stopped.
func (m *Mail) ExpectUserData(key, want string) bool {
	m.c.tb.Helper()
	x, _ := m.c.mail.Interaction(m.id)
	if got := x.UserData.Text(key); got != want {
		m.Failf("wrong user data %s\n  expected: %s\n  is:       %s", key, want, got)
		return false
	}
	return true
}
