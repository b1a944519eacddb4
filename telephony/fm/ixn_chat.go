package fm

import (
	"context"
	"time"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
)

// Transcripts is what a host connects that keeps what is said in chats: a chat server, or where
// it stores its transcripts.
type Transcripts interface {
	// Transcript returns what has been said in a chat so far, in order. It may take its time, up to
	// ServicesOptions.Timeout, and may be called concurrently. An error that is a *Failure chooses the code of
	// error.chat.getcontent; another one has the code remote.
	Transcript(ctx context.Context, chat telephony.Interaction) ([]ChatMessage, error)
}

// ChatMessage is one message of a chat.
type ChatMessage struct {
	At   time.Time
	Role string // of who said it: "customer", "agent", "system"
	From string // name of who said it
	Text string
}

// getContentElement is the table entry of <ixn:getcontent>.
func getContentElement() ElementSpec {
	e := ixnElement("getcontent", "chat", "reads what has been said in a chat: content is an array of time, role, from and text",
		[]string{codeUnknown, codeState + "null", codeBadState, codeRemote, codeTimeout, codeCancelled}, interactionID())
	e.Data = append(e.Data, "content")
	return e
}

// getContent is <ixn:getcontent>.
func (c *Connector) getContent(k *call, p *pending, _ *datamodel.Object) {
	switch {
	case k.media == nil || mediaName(k.media.MediaType) != "TMediaChat":
		c.fail(k, p, codeBadState, "the interaction is no chat")
		return
	case c.transcripts == nil:
		c.fail(k, p, codeUnknown, "no connected server has the transcript of the chat")
		return
	}
	chat := *k.media
	a := &answer{s: c.services, engine: c.engine, session: p.session, requestID: p.requestID, stem: p.prefix, origin: p.origin, effect: p.effect}
	c.services.later(a, func(ctx context.Context) (*datamodel.Object, error) {
		said, err := c.transcripts.Transcript(ctx, chat)
		if err != nil {
			return nil, err
		}
		content := make([]datamodel.Value, len(said))
		for i, m := range said {
			content[i] = datamodel.NewObject(
				datamodel.Member{Name: "time", Value: m.At}, datamodel.Member{Name: "role", Value: m.Role},
				datamodel.Member{Name: "from", Value: m.From}, datamodel.Member{Name: "text", Value: m.Text})
		}
		return datamodel.NewObject(datamodel.Member{Name: "interactionid", Value: chat.ID},
			datamodel.Member{Name: "content", Value: content}), nil
	})
}
