package fm

import (
	"errors"
	"slices"
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/telephony"
)

// mediaElements are the actions on multimedia interactions.
func mediaElements() []ElementSpec {
	const prefix = "msgbased"
	errs := slices.Clip([]string{codeUnknown, codeState + "null", codeBadState, codeRemote})
	content := optional("content", "an object: to, from, cc, subject, text and the like")
	reason := optional("reason", "goes into the request")
	createmessage := ixnElement("createmessage", prefix, "makes an outbound interaction, which becomes one of the session",
		[]string{codeUnknown, codeRequestTimeout, codeRequestInvalid},
		optional("interactionid", "the one that it answers; becomes its parent"),
		AttributeSpec{Name: "type", Kind: TokenKind, Default: "emailout", Values: messageTypes()},
		AttributeSpec{Name: "media", Default: "TMediaEMail", Note: "with or without TMedia"},
		optional("server", "the media server"), optional("queue", "where it is put"), optional("srid", "the standard response"),
		optional("to", ""), optional("from", ""), optional("cc", ""), optional("bcc", ""), optional("subject", ""), optional("text", ""),
		content, optional("udata", "an object: user data of the new interaction"))
	createmessage.Data = append(createmessage.Data, "srid")
	return []ElementSpec{
		createmessage,
		ixnElement("sendmessage", prefix, "sends the message of an outbound interaction", errs,
			interactionID(), AttributeSpec{Name: "server", Status: Ignored, Note: "the interaction server knows it"}, content),
		ixnElement("placeinqueue", prefix, "puts an interaction into a queue", append(errs, codeDestination),
			interactionID(), required("queue", "an expression that gives the queue"), reason),
		ixnElement("placeinworkbin", prefix, "puts an interaction into a workbin", append(errs, codeDestination),
			interactionID(), required("workbin", "an expression that gives the workbin"),
			optional("owner", "the agent, place or group whose it is"), reason),
		ixnElement("stop", prefix, "ends the processing of an interaction", errs, interactionID(), reason),
		getContentElement(),
	}
}

// The codes of actions that make a message.
const (
	codeRequestTimeout = "Timeout"
	codeRequestInvalid = "Request Invalid"
)

func messageTypes() []string {
	return []string{"emailout", "acknowledgement", "auto_response", "outbound_new", "inbound_collaboration_reply",
		"outbound_collaboration_invite", "outbound_notification", "redirect", "forwarded"}
}

// messageKind returns type and subtype of the interaction that createmessage makes.
func messageKind(message string) (typ, subtype string) {
	switch message {
	case "acknowledgement":
		return "Outbound", "OutboundAcknowledgement"
	case "auto_response":
		return "Outbound", "OutboundAutoResponse"
	case "inbound_collaboration_reply":
		return "Inbound", "InboundCollaborationReply"
	case "outbound_collaboration_invite":
		return "Outbound", "OutboundCollaborationInvite"
	case "outbound_notification":
		return "Outbound", "OutboundNotification"
	case "redirect", "forwarded":
		return "Outbound", "OutboundRedirect"
	}
	return "Outbound", "OutboundNew"
}

// receiveInteraction takes the events of the interaction server, one at a time.
func (c *Connector) receiveInteraction(e telephony.InteractionEvent) {
	if c.targets != nil {
		c.targets.ReceiveInteraction(e)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || e.Interaction.ID == "" {
		return
	}
	k := c.ids[e.Interaction.ID]
	if e.Type == telephony.InteractionPresent {
		c.mediaPresent(k, e.Interaction)
		return
	}
	if k == nil || k.media == nil {
		return
	}
	before := k.media.UserData
	k.media = &e.Interaction
	switch e.Type {
	case telephony.InteractionNotControlled:
		c.notControlled(k)
	case telephony.InteractionChanged:
		if k.own > 0 || !sameData(before, k.media.UserData) {
			k.own = max(k.own-1, 0)
			c.emit(k.session, k.event("interaction.udata.changed"))
		}
	case telephony.InteractionStopped:
		c.over(k)
	case telephony.InteractionPartyAdded:
		if k.setParty(party{e.Party, agent, connected, e.Party}) {
			c.emit(k.session, k.event("interaction.partyadded", focus(e.Party)))
		}
	case telephony.InteractionPartyRemoved:
		k.dropParty(e.Party)
		c.emit(k.session, k.event("interaction.partydeleted", focus(e.Party)))
	}
}

// mediaPresent takes up an interaction that waits for what becomes of it: by the
// session that has it, or by a new one of the application of its queue.
func (c *Connector) mediaPresent(k *call, m telephony.Interaction) {
	if k != nil && k.media == nil {
		return // the id of a call
	}
	if k == nil {
		k = c.newMedia(m)
	}
	k.media, k.present, k.handed = &m, true, false
	if k.session == "" {
		app, err := c.apps.Application(m.Queue, &telephony.CallAttributes{ThisDN: m.Queue, ThisQueue: m.Queue, MediaType: m.MediaType, UserData: m.UserData})
		switch {
		case err != nil:
			c.logger.Error("interaction is left to the server", "interaction", m.ID, "queue", m.Queue, "error", err)
			return
		case len(app.URLs) == 0:
			return
		case c.full():
			c.logger.Error("interaction is left to the server: too many", "interaction", m.ID, "queue", m.Queue, "max", c.maxCalls)
			return
		}
		c.know(k)
		c.begin(k, app)
		c.emit(k.session, k.event("interaction.added", focus(m.Queue)))
	}
	c.emit(k.session, k.event("interaction.present"))
}

func (c *Connector) newMedia(m telephony.Interaction) *call {
	return &call{id: m.ID, parent: m.ParentID, tenant: m.TenantID, server: m.Server, media: &m, attachAt: m.Queue, since: c.clock.Now()}
}

// notControlled is the end of an interaction for its session: it goes on elsewhere.
func (c *Connector) notControlled(k *call) {
	k.present = false
	c.emit(k.session, k.last("interaction.deleted", resultOf("notcontrolled")))
	c.emit(k.session, k.last("interaction.notcontrolled"))
	if k.session != "" {
		c.unbind(k)
	}
	c.forget(k)
}

// place sends an interaction on its way, unless it has been sent in circles.
func (c *Connector) place(k *call, p *pending, req telephony.InteractionRequest) {
	if circles := c.loops(k); circles != "" {
		c.fail(k, p, codeDestination, circles)
		return
	}
	p.routed = c.services.stopwatch("redirect-time")
	c.serve(k, p, req, func() {
		k.handed = true // somebody else has it now
		c.hop(k)
	})
}

// serve sends a request about an interaction to the interaction server and
// reports the outcome, after done.
func (c *Connector) serve(k *call, p *pending, req telephony.InteractionRequest, done func()) {
	switch {
	case k.media == nil:
		c.fail(k, p, codeBadState, "the interaction is a call")
	case c.server == nil:
		c.fail(k, p, codeServer, "there is no interaction server")
	default:
		c.server.Send(req, func(m telephony.Interaction, err error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			switch {
			case err != nil:
				c.refuse(k, p, err)
				return
			case m.ID == k.id:
				k.media = &m
			}
			if done != nil {
				done()
			}
			c.done(k, p)
		})
	}
}

func (c *Connector) stopProcessing(k *call, p *pending, args *datamodel.Object) {
	if k.handed {
		// Strategies end their interactions when they are done, also after a redirect
		// of which the news of interaction.deleted is still on its way.
		c.fail(k, p, codeState+"routed", "the interaction is in other hands")
		return
	}
	c.serve(k, p, &telephony.RequestStopProcessing{InteractionID: k.id, Reason: text(args, "reason")}, nil)
}

func (c *Connector) placeInQueue(k *call, p *pending, args *datamodel.Object) {
	why, _ := hinted(args)
	c.place(k, p, &telephony.RequestPlaceInQueue{InteractionID: k.id, Queue: text(args, "queue"), Reasons: why})
}

func (c *Connector) placeInWorkbin(k *call, p *pending, args *datamodel.Object) {
	why, _ := hinted(args)
	c.place(k, p, &telephony.RequestPlaceInWorkbin{InteractionID: k.id, Workbin: text(args, "workbin"),
		Owner: text(args, "owner"), Reasons: why})
}

// redirectMedia is <ixn:redirect> of a multimedia interaction: to a queue by its
// name, or by a resource object to a queue, a workbin, an agent or a place.
func (c *Connector) redirectMedia(k *call, p *pending, args *datamodel.Object) {
	to, _ := args.Get("to")
	why := reasons(args)
	given, _ := args.Get("from")
	if from, _ := destination(given); from != "" && from != k.id && from != k.media.Queue {
		c.fail(k, p, codeSource, "the interaction is not at "+from)
		return
	}
	o, isObject := to.(*datamodel.Object)
	switch {
	case !isObject && asText(to) != "":
		c.place(k, p, &telephony.RequestPlaceInQueue{InteractionID: k.id, Queue: asText(to), Reasons: why})
	case text(o, "workbin") != "":
		owner := text(o, "agent")
		if owner == "" {
			owner = text(o, "place")
		}
		c.place(k, p, &telephony.RequestPlaceInWorkbin{InteractionID: k.id, Workbin: text(o, "workbin"), Owner: owner, Reasons: why})
	case text(o, "agent") != "" || text(o, "place") != "":
		c.place(k, p, &telephony.RequestDeliver{InteractionID: k.id, AgentID: text(o, "agent"), PlaceID: text(o, "place"), Reasons: why})
	case text(o, "queue") != "":
		c.place(k, p, &telephony.RequestPlaceInQueue{InteractionID: k.id, Queue: text(o, "queue"), Reasons: why})
	default:
		c.fail(k, p, codeDestination, "attribute to names no queue, workbin, agent or place")
	}
}

// createMessage is <ixn:createmessage>.
func (c *Connector) createMessage(_ *call, p *pending, args *datamodel.Object) {
	m := telephony.Interaction{TenantID: c.tenant, MediaType: "TMediaEMail", Server: text(args, "server"),
		Queue: text(args, "queue"), UserData: listOf(args, "udata")}
	m.Type, m.Subtype = messageKind(text(args, "type"))
	if media := text(args, "media"); media != "" {
		m.MediaType = media
	}
	m.MediaType = mediaType(m.MediaType)
	id := text(args, "interactionid")
	if parent := c.callOf(p.session, id); parent != nil {
		m.ParentID, m.TenantID = parent.id, parent.tenant
	} else if id != "" {
		c.fail(nil, p, codeRequestInvalid, "the session has no such interaction")
		return
	}
	switch {
	case c.server == nil:
		c.fail(nil, p, codeRequestInvalid, "there is no interaction server")
		return
	case c.full():
		c.fail(nil, p, codeRequestInvalid, "there are too many interactions")
		return
	}
	srid := text(args, "srid")
	c.server.Send(&telephony.RequestSubmit{Interaction: m, Content: messageContent(args)}, func(m telephony.Interaction, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil {
			c.refuseMessage(nil, p, err)
			return
		}
		k := c.ids[m.ID]
		if k == nil {
			k = c.newMedia(m)
			k.present = true
			c.know(k)
			c.bindNew(k, p, m.Queue)
		}
		c.done(k, p, datamodel.Member{Name: "srid", Value: srid})
	})
}

// messageContent is what the attributes of a message say of it.
func messageContent(args *datamodel.Object) telephony.KVList {
	l := listOf(args, "content")
	for _, name := range []string{"to", "from", "cc", "bcc", "subject", "text", "srid"} {
		if s := text(args, name); s != "" {
			l.Set(name, telephony.String(s))
		}
	}
	return l
}

// mediaType returns the media type of the server for a TMedia name.
func mediaType(name string) string {
	return strings.ToLower(strings.TrimPrefix(name, "TMedia"))
}

// refuseMessage reports why a message could not be made or sent.
func (c *Connector) refuseMessage(k *call, p *pending, err error) {
	code, description := codeRequestInvalid, err.Error()
	var re *telephony.RequestError
	switch {
	case errors.As(err, &re):
		description = re.Message
	case errors.Is(err, telephony.ErrLinkDown):
		code = codeRequestTimeout
	}
	c.fail(k, p, code, description)
}

// sendMessage is <ixn:sendmessage>.
func (c *Connector) sendMessage(k *call, p *pending, args *datamodel.Object) {
	c.serve(k, p, &telephony.RequestSendMessage{InteractionID: k.id, Content: listOf(args, "content")}, nil)
}
