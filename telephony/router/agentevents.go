package router

import (
	"slices"

	"github.com/seed-ff723688/ors/telephony"
)

// atAgent takes an event of an agent, and reports whether it is one. Events at a
// DN are about calls, those of an Interaction Server about all other media.
func (r *Router) atAgent(sw string, e telephony.Event) bool {
	switch e := e.(type) {
	case *telephony.EventAgentLogin:
		r.loggedInAt(sw, e.Agent())
	case *telephony.EventAgentLogout:
		r.loggedOutAt(sw, e.Agent())
	case *telephony.EventAgentReady:
		r.saidAt(sw, e.Agent(), Ready)
	case *telephony.EventAgentNotReady:
		if e.WorkMode == telephony.WorkModeAfterCallWork {
			r.saidAt(sw, e.Agent(), AfterCallWork)
		} else {
			r.saidAt(sw, e.Agent(), NotReady)
		}
	case *telephony.EventAgentAfterCallWork:
		r.saidAt(sw, e.Agent(), AfterCallWork)
	case *telephony.EventDNDOn:
		r.close(sw, e.ThisDN, undisturbed, true)
	case *telephony.EventDNDOff:
		r.close(sw, e.ThisDN, undisturbed, false)
	case *telephony.EventDNOutOfService:
		r.close(sw, e.ThisDN, outOfService, true)
	case *telephony.EventDNBackInService:
		r.close(sw, e.ThisDN, outOfService, false)
	default:
		return false
	}
	return true
}

// agentAt finds the agent whom an event is about: by login, or by where he sits.
func (r *Router) agentAt(sw string, a *telephony.AgentAttributes) *resource {
	if res := r.logins[a.AgentID]; res != nil {
		return res
	}
	if res := r.agents[a.AgentID]; res != nil || a.AgentID != "" {
		return res
	}
	here := r.places[a.PlaceID]
	if a.ThisDN != "" {
		here = nil
		for _, l := range r.linesAt(a.ThisDN, sw) {
			here = append(here, l.users...)
		}
	}
	if i := slices.IndexFunc(here, func(res *resource) bool { return res.agent != nil && res.loggedIn() }); i >= 0 {
		return here[i]
	}
	return nil
}

// mediaAt is what an event is about.
func mediaAt(a *telephony.AgentAttributes) string {
	if a.ThisDN == "" {
		return OtherMedia
	}
	return Voice
}

func (r *Router) loggedInAt(sw string, a *telephony.AgentAttributes) {
	res := r.agentAt(sw, a)
	if res == nil {
		return
	}
	at := Login{Place: a.PlaceID, DN: a.ThisDN, Queues: slices.Clone(res.queues)}
	if at.Place == "" {
		at.Place = res.place
	}
	if at.DN == "" {
		at.DN = res.dn
	}
	if at.Switch = sw; sw == "" || a.ThisDN == "" {
		at.Switch = res.sw
	}
	if q := a.ThisQueue + "@" + at.Switch; a.ThisQueue != "" && !slices.Contains(at.Queues, q) {
		at.Queues = append(at.Queues, q)
	}
	place := res.place
	lost := r.seat(res, at)
	if media := mediaAt(a); res.stateFor(media) == LoggedOut {
		r.tell(res, media, NotReady)
	}
	r.moved(res, place)
	r.refresh(res)
	r.lose(lost)
}

func (r *Router) loggedOutAt(sw string, a *telephony.AgentAttributes) {
	res := r.agentAt(sw, a)
	if res == nil || a.ThisDN != "" && res.dn != "" && a.ThisDN != res.dn {
		return // or he sits elsewhere by now
	}
	if a.ThisQueue != "" {
		res.queues = slices.DeleteFunc(slices.Clone(res.queues), func(q string) bool { return q == a.ThisQueue+"@"+res.sw })
		if len(res.queues) > 0 {
			r.regroupDynamic(res)
			r.refresh(res)
			return
		}
	}
	r.tell(res, mediaAt(a), LoggedOut)
}

// saidAt takes the state of an agent. One whose login has not been seen is
// logged in.
func (r *Router) saidAt(sw string, a *telephony.AgentAttributes, s AgentState) {
	if res := r.agentAt(sw, a); res != nil {
		r.tell(res, mediaAt(a), s)
	}
}

// closure is why a DN takes no calls.
type closure uint8

const (
	undisturbed closure = 1 << iota
	outOfService
)

func (r *Router) close(sw, dn string, why closure, closed bool) {
	for _, l := range r.linesAt(dn, sw) {
		if closed {
			l.closed |= why
		} else {
			l.closed &^= why
		}
		r.changed(l)
	}
}
