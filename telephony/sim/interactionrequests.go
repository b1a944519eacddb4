package sim

import "github.com/seed-ff723688/ors/telephony"

// answer is the outcome of a request: an interaction, or an error.
type answer func(x *item, err error)

// Send implements telephony.InteractionServer.
func (s *InteractionServer) Send(req telephony.InteractionRequest, outcome func(telephony.Interaction, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logger.Debug("request", "message", req)
	reply := func(x *item, err error) {
		var now telephony.Interaction
		if x != nil {
			now = x.Interaction
		}
		s.put(func() { outcome(now, err) })
	}
	if err := req.Validate(); err != nil {
		reply(nil, err)
		return
	}
	if no := s.carryOut(req, reply); no != nil {
		reply(nil, &telephony.RequestError{Request: req.Name(), Code: no.code, Message: no.message})
	}
}

func (s *InteractionServer) carryOut(req telephony.InteractionRequest, reply answer) *refusal {
	switch r := req.(type) {
	case *telephony.RequestSubmit:
		x, err := s.add(r.Interaction)
		if err != nil {
			return &refusal{CodeResources, err.Error()}
		}
		x.state, x.content = controlled, r.Content
		reply(x, nil)
	case *telephony.RequestPull:
		return s.with(r.InteractionID, false, func(x *item) {
			s.withdraw(x)
			x.state, x.parties, x.Workbin, x.owner = controlled, nil, "", ""
			reply(x, nil)
			s.announce(telephony.InteractionPresent, x, "")
		})
	case *telephony.RequestPlaceInQueue:
		if _, ok := s.queues[r.Queue]; !ok {
			return &refusal{CodeUnknownPlace, "no such queue " + r.Queue}
		}
		return s.with(r.InteractionID, true, func(x *item) {
			x.Queue = r.Queue
			reply(x, nil)
			s.announce(telephony.InteractionNotControlled, x, "")
			s.enqueue(x, r.Queue)
		})
	case *telephony.RequestPlaceInWorkbin:
		return s.with(r.InteractionID, true, func(x *item) {
			s.park(x, x.Queue, r.Workbin, r.Owner)
			reply(x, nil)
			s.announce(telephony.InteractionNotControlled, x, "")
		})
	case *telephony.RequestDeliver:
		return s.deliverTo(r, reply)
	case *telephony.RequestStopProcessing:
		return s.with(r.InteractionID, false, func(x *item) {
			reply(x, nil)
			s.stop(x)
		})
	case *telephony.RequestChangeProperties:
		return s.with(r.InteractionID, false, func(x *item) {
			x.UserData = changedData(x.UserData, r)
			reply(x, nil)
			s.announce(telephony.InteractionChanged, x, "")
		})
	case *telephony.RequestSendMessage:
		return s.with(r.InteractionID, true, func(x *item) {
			content := r.Content
			if content == nil {
				content = x.content
			}
			s.sent = append(s.sent, Message{x.ID, content})
			reply(x, nil)
		})
	default:
		return s.atDesk(req, reply)
	}
	return nil
}

// with finds an interaction, which on demand has to be in the hands of strategies.
func (s *InteractionServer) with(id string, mine bool, f func(*item)) *refusal {
	x := s.items[id]
	switch {
	case x == nil:
		return &refusal{CodeUnknownInteraction, "no such interaction " + id}
	case mine && x.state != controlled:
		return &refusal{CodeNotControlled, "interaction " + id + " is not in the hands of a strategy"}
	}
	f(x)
	return nil
}

func (s *InteractionServer) stop(x *item) {
	s.withdraw(x)
	delete(s.items, x.ID)
	s.announce(telephony.InteractionStopped, x, "")
}

// changedData returns user data after a change; lists that were handed out stay
// as they are.
func changedData(old telephony.KVList, r *telephony.RequestChangeProperties) telephony.KVList {
	var data telephony.KVList
	if !r.DeleteAll {
		data = old.Clone()
	}
	for _, key := range r.Deleted {
		data.Delete(key)
	}
	for _, p := range r.Changed {
		data.Set(p.Key, p.Value)
	}
	return data
}
