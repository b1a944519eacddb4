package session

import (
	"context"
	"fmt"

	"github.com/seed-ff723688/ors/scxml"
)

// chain counts macrosteps each of which was brought about by the one before: no
// delay, and nothing from outside, came in between.
type chain struct {
	all int32 // in whatever session
	own int32 // the last of them, in the same session
}

// next is the chain with one more macrostep, in the same session or in another.
func (c chain) next(same bool) chain {
	c.all++
	c.own++
	if !same {
		c.own = 0
	}
	return c
}

// checkChain ends chains that are too long: the session fails that would make
// one longer. Where several sessions take part, twice the length is allowed, so
// that one that only answers outlives one that never stops.
func (s *session) checkChain(effects []scxml.Effect) error {
	limit := s.engine.opts.Chain
	if limit < 0 {
		return nil
	}
	long := int(s.chain.all/2) >= limit
	if !long && int(s.chain.own) < limit {
		return nil
	}
	for _, effect := range effects {
		switch effect := effect.(type) {
		case *scxml.CancelInvoke:
			continue
		case *scxml.Send:
			if effect.Delay > 0 && !long {
				continue
			}
		case *scxml.Cancel:
			if !effect.Answer {
				continue
			}
		}
		return fmt.Errorf("%w: more than %d without a delay or an event from outside in between; give a <send> a delay, or raise Options.Chain", ErrEndless, s.chain.all)
	}
	return nil
}

// sender is what the context of Engine.Send tells of a message that a session of
// the same engine has sent by way of a processor.
type sender struct {
	session string
	chain   chain
}

type senderKey struct{}

func withSender(ctx context.Context, m *Message) context.Context {
	return context.WithValue(ctx, senderKey{}, sender{m.Effect.Session, m.chain})
}

// chainTo is the chain that an event for the session with the given id continues.
func chainTo(ctx context.Context, id string) chain {
	if s, ok := ctx.Value(senderKey{}).(sender); ok {
		return s.chain.next(s.session == id)
	}
	return chain{}
}
