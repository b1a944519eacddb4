package fm_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-ff723688/ors/telephony"
	"github.com/seed-ff723688/ors/telephony/fm"
)

// chats keeps what is said, by interaction.
type chats map[string][]fm.ChatMessage

func (c chats) Transcript(_ context.Context, chat telephony.Interaction) ([]fm.ChatMessage, error) {
	if said, ok := c[chat.ID]; ok {
		return said, nil
	}
	return nil, errors.New("the chat server has no " + chat.ID)
}

func TestChatContent(t *testing.T) {
	w := newMail(t, map[string]string{
		"read":                    `<ixn:getcontent requestid="req"/>`,
		"other":                   `<ixn:getcontent interactionid="'none'"/>`,
		"chat.getcontent.done":    show(`[_event.data.requestid === req, _event.data.content[1].text, _event.data.content[0].time instanceof Date].join()`),
		"error.chat.getcontent.x": "",
	})
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	assert.NoError(t, w.conn.Close())
	w.set = func(o *fm.Options) {
		o.Transcripts = chats{"c1": {{At: at, Role: "customer", From: "Kim", Text: "Hello"}, {At: at, Role: "agent", From: "eva", Text: "Hi"}}}
	}
	w.open(w.link, "5000")
	begin := func(i telephony.Interaction) string {
		w.submit(i)
		w.log = nil
		return w.engine.Sessions()[len(w.engine.Sessions())-1].ID
	}
	id := begin(telephony.Interaction{ID: "c1", MediaType: "chat"})
	w.says(id, "read", id+`: chat.getcontent.done {"id":"c1","content":[`+
		`{"time":"2026-01-02T03:04:05.000Z","role":"customer","from":"Kim","text":"Hello"},`+
		`{"time":"2026-01-02T03:04:05.000Z","role":"agent","from":"eva","text":"Hi"}]}`, id+": true,Hi,true")
	w.says(id, "other", id+`: error.chat.getcontent {"error":"invalidstate.null","description":"the session has no such interaction"}`)
	id = begin(telephony.Interaction{ID: "c2", MediaType: "chat"})
	w.says(id, "read", id+`: error.chat.getcontent {"error":"remote","description":"the chat server has no c2"}`)
	id = begin(telephony.Interaction{ID: "m1", MediaType: "email"})
	w.says(id, "read", id+`: error.chat.getcontent {"error":"invalidstate","description":"the interaction is no chat"}`)
}

func TestChatContentWithoutChatServer(t *testing.T) {
	w := newMail(t, map[string]string{"read": `<ixn:getcontent/>`})
	w.submit(telephony.Interaction{ID: "c1", MediaType: "chat"})
	w.says("s1", "read", `s1: error.chat.getcontent {"error":"unknown","description":"no connected server has the transcript of the chat"}`)
}
