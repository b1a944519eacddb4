package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-ff723688/ors/telephony"
)

// mediaAgent is an InteractionAgent and what he has said.
type mediaAgent struct {
	InteractionAgent
	name     string
	loggedIn bool
	notReady map[string]bool // by media type
}

// offer is an interaction that an agent is asked to accept.
type offer struct {
	to       *mediaAgent
	accepted func()
	refused  func(no *refusal)
	timer    func() bool // until the agent acts by himself, or it is revoked
}

// deliverTo carries out RequestDeliver.
func (s *InteractionServer) deliverTo(r *telephony.RequestDeliver, reply answer) *refusal {
	a, no := s.ready(r.AgentID, r.PlaceID, r.InteractionID)
	if no != nil {
		return no
	}
	return s.with(r.InteractionID, true, func(x *item) {
		x.state = offered
		s.offer(x, a, func() {
			x.state = withAgent
			s.join(x, a)
			reply(x, nil)
			s.announce(telephony.InteractionNotControlled, x, "")
		}, func(no *refusal) {
			if x.state == offered {
				x.state = controlled
			}
			reply(nil, &telephony.RequestError{Request: r.Name(), Code: no.code, Message: no.message})
		})
	})
}

// ready finds the agent or place to whom an interaction is to be offered.
func (s *InteractionServer) ready(agent, place, id string) (*mediaAgent, *refusal) {
	name := agent
	if name == "" {
		name = place
	}
	a, x := s.agents[name], s.items[id]
	switch {
	case a == nil:
		return nil, &refusal{CodeUnknownPlace, "no such agent or place " + name}
	case !a.loggedIn || x != nil && a.notReady[x.MediaType]:
		return nil, &refusal{CodeNotReady, name + " is not ready"}
	}
	return a, nil
}

// offer asks an agent to accept an interaction.
func (s *InteractionServer) offer(x *item, a *mediaAgent, accepted func(), refused func(no *refusal)) {
	o := &offer{to: a, accepted: accepted, refused: refused}
	x.offer = o
	s.tell(&telephony.EventInvite{EventHeader: s.header(0), Interaction: x.Interaction, PlaceID: a.name, AgentID: a.name, Timeout: a.RevokeAfter})
	after, act := a.AcceptAfter, func() { s.accept(x) }
	switch {
	case after < 0 || after > a.RevokeAfter:
		after, act = a.RevokeAfter, func() {
			s.revoke(x)
			s.refuse(x, notAccepted(a.name))
		}
	case a.Reject:
		act = func() { s.refuse(x, notAccepted(a.name)) }
	}
	o.timer = s.clock.AfterFunc(after, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if x.offer == o {
			act()
		}
	})
}

func (s *InteractionServer) accept(x *item) {
	o := x.offer
	x.offer = nil
	o.timer()
	o.accepted()
}

func (s *InteractionServer) refuse(x *item, why *refusal) {
	o := x.offer
	x.offer = nil
	o.timer()
	o.refused(why)
}

func notAccepted(name string) *refusal {
	return &refusal{CodeNotAccepted, name + " has not accepted the interaction"}
}

// withdraw ends an offer because the interaction goes elsewhere.
func (s *InteractionServer) withdraw(x *item) {
	if x.offer != nil {
		s.revoke(x)
		s.refuse(x, &refusal{CodeNotControlled, "interaction " + x.ID + " was taken away meanwhile"})
	}
}

func (s *InteractionServer) revoke(x *item) {
	s.tell(&telephony.EventRevoked{EventHeader: s.header(0), InteractionID: x.ID, PlaceID: x.offer.to.name, AgentID: x.offer.to.name})
}

// join makes an agent one of those who handle an interaction.
func (s *InteractionServer) join(x *item, a *mediaAgent) {
	x.parties = append(x.parties, a.name)
	s.announce(telephony.InteractionPartyAdded, x, a.name)
	if a.HandleTime <= 0 {
		return
	}
	s.clock.AfterFunc(a.HandleTime, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.items[x.ID] == x && slices.Contains(x.parties, a.name) {
			s.stop(x)
		}
	})
}

// leave takes an agent out of an interaction.
func (s *InteractionServer) leave(x *item, name string) {
	x.parties = slices.DeleteFunc(slices.Clone(x.parties), func(p string) bool { return p == name })
	s.announce(telephony.InteractionPartyRemoved, x, name)
}

// atDesk carries out what programs of agents ask for.
func (s *InteractionServer) atDesk(req telephony.InteractionRequest, reply answer) *refusal {
	switch r := req.(type) {
	case *telephony.RequestRegisterClient, *telephony.RequestUnregisterClient:
		reply(nil, nil)
		return nil
	case *telephony.RequestNotReadyForMedia:
		return s.media(r.PlaceID, r.MediaType, true, reply)
	case *telephony.RequestCancelNotReadyForMedia:
		return s.media(r.PlaceID, r.MediaType, false, reply)
	case *telephony.RequestRemoveMedia:
		return s.media(r.PlaceID, r.MediaType, true, reply)
	case *telephony.RequestAddMedia:
		return s.media(r.PlaceID, r.MediaType, false, reply)
	case *telephony.RequestAccept:
		return s.offeredTo(r.InteractionID, r.PlaceID, func(x *item) {
			reply(x, nil)
			s.accept(x)
		})
	case *telephony.RequestReject:
		return s.offeredTo(r.InteractionID, r.PlaceID, func(x *item) {
			reply(x, nil)
			s.refuse(x, notAccepted(r.PlaceID))
		})
	case *telephony.RequestLeaveInteraction:
		return s.handledBy(r.InteractionID, r.PlaceID, func(x *item) {
			s.leave(x, r.PlaceID)
			reply(x, nil)
			if len(x.parties) == 0 {
				s.withdraw(x)
				s.enqueue(x, x.Queue)
			}
		})
	case *telephony.RequestTransferInteraction:
		return s.invite(req, r.InteractionID, r.PlaceID, r.AgentID, r.ToPlaceID, true, reply)
	case *telephony.RequestConferenceInteraction:
		return s.invite(req, r.InteractionID, r.PlaceID, r.AgentID, r.ToPlaceID, false, reply)
	}
	return &refusal{CodeUnsupported, "the simulated server does not know " + req.Name()}
}

// media changes what an agent is ready for.
func (s *InteractionServer) media(name, media string, notReady bool, reply answer) *refusal {
	a := s.agents[name]
	if a == nil {
		return &refusal{CodeUnknownPlace, "no such agent or place " + name}
	}
	a.notReady[media] = notReady
	reply(nil, nil)
	return nil
}

func (s *InteractionServer) offeredTo(id, name string, f func(*item)) *refusal {
	x := s.items[id]
	switch {
	case x == nil:
		return &refusal{CodeUnknownInteraction, "no such interaction " + id}
	case x.offer == nil || x.offer.to.name != name:
		return &refusal{CodeOffered, fmt.Sprintf("interaction %s is not offered to %s", id, name)}
	}
	f(x)
	return nil
}

func (s *InteractionServer) handledBy(id, name string, f func(*item)) *refusal {
	x := s.items[id]
	switch {
	case x == nil:
		return &refusal{CodeUnknownInteraction, "no such interaction " + id}
	case !slices.Contains(x.parties, name):
		return &refusal{CodeNotParty, fmt.Sprintf("%s does not handle interaction %s", name, id)}
	}
	f(x)
	return nil
}

// invite is a transfer, or a conference, in which the one who asked stays.
func (s *InteractionServer) invite(req telephony.InteractionRequest, id, from, agent, place string, transfer bool, reply answer) *refusal {
	a, no := s.ready(agent, place, id)
	if no != nil {
		return no
	}
	if x := s.items[id]; x != nil && (x.offer != nil || slices.Contains(x.parties, a.name)) {
		return &refusal{CodeOffered, "interaction " + id + " is offered to somebody, or handled by " + a.name}
	}
	return s.handledBy(id, from, func(x *item) {
		s.offer(x, a, func() {
			s.join(x, a)
			if transfer {
				s.leave(x, from)
			}
			reply(x, nil)
		}, func(no *refusal) {
			reply(nil, &telephony.RequestError{Request: req.Name(), Code: no.code, Message: no.message})
		})
	})
}

// Pull has an agent take up to n interactions, those that are there for longest, out of a queue that is not handed to
// strategies or out of a workbin, and returns their ids.
func (s *InteractionServer) Pull(agent, from string, n int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[agent]
	if a == nil {
		return nil, fmt.Errorf("%w: %s", ErrUnknownAgent, agent)
	}
	var found []*item
	for _, x := range s.items {
		here := x.Workbin == from && (x.owner == "" || x.owner == agent) || x.Workbin == "" && x.Queue == from
		if x.state == inQueue && here && a.loggedIn && !a.notReady[x.MediaType] {
			found = append(found, x)
		}
	}
	slices.SortFunc(found, func(x, y *item) int { return cmp.Compare(x.order, y.order) })
	var ids []string
	for _, x := range found[:min(n, len(found))] {
		x.state, x.Workbin, x.owner = withAgent, "", ""
		s.join(x, a)
		ids = append(ids, x.ID)
	}
	return ids, nil
}

// Place has an agent put an interaction that he handles into a queue or, when workbin is not empty, into a
// workbin of his own.
func (s *InteractionServer) Place(agent, id, queue, workbin string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.queues[queue]; !ok && workbin == "" {
		return fmt.Errorf("sim: no such queue %q", queue)
	}
	if no := s.handledBy(id, agent, func(x *item) {
		s.withdraw(x)
		for _, p := range x.parties {
			s.leave(x, p)
		}
		if workbin != "" {
			s.park(x, x.Queue, workbin, agent)
		} else {
			s.enqueue(x, queue)
		}
	}); no != nil {
		return fmt.Errorf("sim: %s", no.message)
	}
	return nil
}

const defaultRevokeAfter = 30 * time.Second
