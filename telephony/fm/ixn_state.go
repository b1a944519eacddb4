package fm

import (
	"strings"

	"github.com/seed-ff723688/ors/datamodel"
	"github.com/seed-ff723688/ors/scxml"
	"github.com/seed-ff723688/ors/telephony"
)

// state is the interaction as scripts of its session see it, under
// _genesys.ixn.interactions. One of voice, msgbased and chat is there.
func (k *call) state() *datamodel.Object { return k.stateFor(k.session) }

// stateFor is state for a session that gets the interaction. Its id is in the user
// data already, although the switch may not know yet.
func (k *call) stateFor(session string) *datamodel.Object {
	o := datamodel.NewObject(
		datamodel.Member{Name: "g_uid", Value: k.id},
		datamodel.Member{Name: "parentid", Value: k.parent},
		datamodel.Member{Name: "tenantid", Value: float64(k.tenant)},
		datamodel.Member{Name: "location", Value: datamodel.NewObject(datamodel.Member{Name: "media_server", Value: k.server})},
		datamodel.Member{Name: "parties", Value: k.partyObjects()},
	)
	if k.media != nil {
		k.mediaState(o, session)
		return o
	}
	a := &k.attrs
	o.Set("udata", userData(a.UserData, session))
	o.Set("xdata", fromList(a.Extensions))
	o.Set("voice", datamodel.NewObject(
		datamodel.Member{Name: "ani", Value: a.ANI},
		datamodel.Member{Name: "dnis", Value: a.DNIS},
		datamodel.Member{Name: "callid", Value: float64(a.CallID)},
		datamodel.Member{Name: "connid", Value: k.conn.String()},
		datamodel.Member{Name: "type", Value: strings.ToLower(a.CallType.String())},
		datamodel.Member{Name: "media", Value: "TMediaVoice"},
	))
	return o
}

func userData(l telephony.KVList, session string) *datamodel.Object {
	o := fromList(l)
	if session != "" {
		o.Set(SessionKey, session)
	}
	return o
}

func (k *call) partyObjects() *datamodel.Object {
	parties := datamodel.NewObject()
	for _, p := range k.parties {
		parties.Set(p.dn, datamodel.NewObject(
			datamodel.Member{Name: "device", Value: p.dn},
			datamodel.Member{Name: "devicetype", Value: p.kind},
			datamodel.Member{Name: "state", Value: p.state},
			datamodel.Member{Name: "agentid", Value: p.agent},
		))
	}
	return parties
}

// mediaState adds what multimedia interactions have.
func (k *call) mediaState(o *datamodel.Object, session string) {
	m := k.media
	xdata := datamodel.NewObject()
	if m.View != "" {
		xdata.Set("ixn_queue_view", m.View)
	}
	o.Set("udata", userData(m.UserData, session))
	o.Set("xdata", xdata)
	media := mediaName(m.MediaType)
	if media == "TMediaChat" {
		o.Set("chat", datamodel.NewObject(
			datamodel.Member{Name: "media", Value: media},
			datamodel.Member{Name: "type", Value: "chat"},
			datamodel.Member{Name: "externalID", Value: m.ExternalID},
		))
		return
	}
	subtype := m.Subtype
	if subtype == "" {
		subtype = m.Type
	}
	o.Set("msgbased", datamodel.NewObject(
		datamodel.Member{Name: "media", Value: media},
		datamodel.Member{Name: "type", Value: subtype},
		datamodel.Member{Name: "queue", Value: m.Queue},
		datamodel.Member{Name: "view", Value: m.View},
		datamodel.Member{Name: "externalID", Value: m.ExternalID},
	))
}

// event makes an event about the interaction that carries its state.
func (k *call) event(name string, data ...datamodel.Member) *scxml.Event {
	return &scxml.Event{
		Name: name, Origin: interactionOrigin, OriginType: originType, Context: k.context(),
		Data: datamodel.NewObject(append([]datamodel.Member{{Name: "interactionid", Value: k.id}}, data...)...),
	}
}

// context is the context of an event about the interaction.
func (k *call) context() datamodel.Value { return contextOf(k.id, k.state(), k.applied) }

// last makes an event that takes the interaction away from the session.
func (k *call) last(name string, data ...datamodel.Member) *scxml.Event {
	ev := k.event(name, data...)
	ev.Context = contextOf(k.id, nil, 0)
	return ev
}

// resultOf says why an interaction.deleted comes that is not the end of the interaction.
func resultOf(why string) datamodel.Member { return datamodel.Member{Name: "resultof", Value: why} }

// mediaName returns the TMedia name of a media type.
func mediaName(mediaType string) string {
	if strings.HasPrefix(mediaType, "TMedia") {
		return mediaType
	}
	for _, name := range mediaNames {
		if strings.EqualFold(name, "TMedia"+mediaType) {
			return name
		}
	}
	return "TMediaOpenMedia"
}
