package telephony

import (
	"slices"
	"strconv"
)

// callModel keeps what the events have told of the calls: where they are and
// what they do there. It finds events that come twice or too late, and knows what
// to ask for after a reconnect. Guarded by Client.mu.
type callModel struct {
	max     int
	parties map[partyKey]*party
	at      map[string]map[ConnID]*party // the same, by DN
	calls   map[ConnID]*callState
	latest  uint64 // the greatest EventHeader.Sequence
	ended   recent // parties, agents and interactions: the sequence of the last event
}

type partyKey struct {
	call ConnID
	dn   string
}

// party is a DN in a call.
type party struct {
	partyKey
	state   PartyState
	since   uint64          // sequence of the event that told of the state
	seen    [8]uint64       // sequences of the last events
	next    int             // in seen
	touched int             // counts the events
	old     bool            // no event since the link is up
	last    *CallAttributes // of the last event
}

// callState is what is known of a call as a whole.
type callState struct {
	parties []*party // in the order in which they came
	data    KVList
	dataSeq uint64 // of the event that told of the data
}

func (m *callModel) init(limit int) {
	*m = callModel{max: limit, parties: map[partyKey]*party{}, at: map[string]map[ConnID]*party{}, calls: map[ConnID]*callState{}}
}

// recent remembers numbers under the keys that were used last.
type recent struct {
	numbers map[recentKey]uint64
	keys    []recentKey // a ring, in the order of their first use
	next    int
}

// recentKey is a party, or with 0 for the call something else.
type recentKey struct {
	call  ConnID
	about string
}

const maxRecent = 4096

func (r *recent) set(key recentKey, n uint64) {
	if r.numbers == nil {
		r.numbers = map[recentKey]uint64{}
	}
	if _, known := r.numbers[key]; !known {
		if len(r.keys) < maxRecent {
			r.keys = append(r.keys, key)
		} else {
			delete(r.numbers, r.keys[r.next])
			r.keys[r.next] = key
			r.next = (r.next + 1) % maxRecent
		}
	}
	r.numbers[key] = n
}

// step is what an event does to the state of its party.
type step uint8

const (
	stepNone  step = iota // nothing
	stepState             // there is a new one
	stepEnd               // the party leaves the call
)

func stepOf(e Event) (step, PartyState) {
	switch e.(type) {
	case *EventQueued, *EventRouteUsed:
		return stepState, PartyStateQueued
	case *EventRouteRequest:
		return stepState, PartyStateRouting
	case *EventDialing, *EventNetworkReached:
		return stepState, PartyStateDialing
	case *EventRinging:
		return stepState, PartyStateAlerting
	case *EventEstablished, *EventRetrieved:
		return stepState, PartyStateConnected
	case *EventHeld:
		return stepState, PartyStateHeld
	case *EventDiverted, *EventReleased, *EventAbandoned:
		return stepEnd, PartyStateNull
	}
	return stepNone, PartyStateNull
}

// admit takes note of an event. It returns the event as it is to be handed on, or
// false when it came twice or tells of a state that is over.
func (m *callModel) admit(e Event) (Event, bool) {
	seq := e.Header().Sequence
	m.latest = max(m.latest, seq)
	a, ok := CallOf(e)
	switch e.(type) {
	case *EventError, *EventPartyInfo, *EventUserEvent, *EventPrivateInfo:
		return e, true
	}
	if !ok {
		return e, seq == 0 || m.inOrder(e, seq)
	}
	key := partyKey{a.ConnID, a.ThisDN}
	if _, changed := e.(*EventPartyChanged); changed && a.PreviousConnID != 0 && a.PreviousConnID != a.ConnID {
		m.rename(partyKey{a.PreviousConnID, a.ThisDN}, key)
		if seq > 0 { // what was on its way under the old ConnID comes too late
			m.ended.set(recentKey{a.PreviousConnID, a.ThisDN}, seq)
		}
	}
	p := m.parties[key]
	step, state := stepOf(e)
	if m.repeated(e, p, key, step, seq) {
		return e, false
	}
	e, a = m.data(e, a, seq)
	switch {
	case step == stepEnd:
		m.remove(p)
		if seq > 0 {
			m.ended.set(recentKey{key.call, key.dn}, seq)
		}
		return e, true
	case step == stepState && p == nil:
		if p = m.add(key); p == nil {
			return e, true
		}
		e, a = m.data(e, a, seq) // of a call that is new
	case p == nil:
		return e, true
	}
	if step == stepState {
		p.state, p.since = state, max(seq, p.since)
	}
	p.seen[p.next] = seq
	p.next = (p.next + 1) % len(p.seen)
	p.touched++
	p.old = false
	p.last = a
	return e, true
}

// repeated reports whether an event of a call came twice or too late.
func (m *callModel) repeated(e Event, p *party, key partyKey, step step, seq uint64) bool {
	if e, added := e.(*EventPartyAdded); added && seq > 0 && seq < m.ended.numbers[recentKey{e.ConnID, e.OtherDN}] {
		return true // the one who was added has left meanwhile
	}
	switch {
	case seq > 0 && p == nil:
		return step != stepNone && seq <= m.ended.numbers[recentKey{key.call, key.dn}]
	case seq > 0 && (slices.Contains(p.seen[:], seq) || step != stepNone && seq < p.since):
		return true
	case p == nil || step != stepState:
		return false
	}
	switch e.(type) {
	case *EventRouteRequest: // whatever its number: a server that takes over may repeat it
		return p.state == PartyStateRouting
	case *EventQueued:
		return seq == 0 && (p.state == PartyStateQueued || p.state == PartyStateRouting)
	case *EventEstablished:
		return seq == 0 && p.state == PartyStateConnected
	case *EventRinging:
		return seq == 0 && (p.state == PartyStateAlerting || p.state == PartyStateConnected || p.state == PartyStateHeld)
	}
	return false
}

// data gives an event the user data that are the latest.
func (m *callModel) data(e Event, a *CallAttributes, seq uint64) (Event, *CallAttributes) {
	k := m.calls[a.ConnID]
	if k == nil {
		return e, a
	}
	if seq == 0 || seq >= k.dataSeq {
		k.data, k.dataSeq = a.UserData, max(seq, k.dataSeq)
		return e, a
	}
	if !k.data.Equal(a.UserData) {
		e = copyOf(e)
		a, _ = CallOf(e)
		a.UserData = k.data
	}
	return e, a
}

// inOrder reports whether an event that is not about a call is newer than the last one
// about the same thing.
func (m *callModel) inOrder(e Event, seq uint64) bool {
	var about recentKey
	switch e := e.(type) {
	case interface{ Agent() *AgentAttributes }:
		about.about = "agent " + e.Agent().ThisDN + " " + e.Agent().PlaceID + " " + strconv.Quote(e.Agent().ThisQueue)
	case *EventInteraction:
		about.about = "interaction " + e.Interaction.ID
	default:
		return true
	}
	if seq <= m.ended.numbers[about] {
		return false
	}
	m.ended.set(about, seq)
	return true
}

func (m *callModel) add(key partyKey) *party {
	if len(m.parties) >= m.max {
		return nil
	}
	p := &party{partyKey: key}
	m.put(p)
	return p
}

func (m *callModel) put(p *party) {
	m.parties[p.partyKey] = p
	if m.at[p.dn] == nil {
		m.at[p.dn] = map[ConnID]*party{}
	}
	m.at[p.dn][p.call] = p
	if m.calls[p.call] == nil {
		m.calls[p.call] = &callState{}
	}
	m.calls[p.call].parties = append(m.calls[p.call].parties, p)
}

// remove takes a party away; p may be nil.
func (m *callModel) remove(p *party) {
	if p == nil {
		return
	}
	delete(m.parties, p.partyKey)
	if delete(m.at[p.dn], p.call); len(m.at[p.dn]) == 0 {
		delete(m.at, p.dn)
	}
	k := m.calls[p.call]
	i := slices.Index(k.parties, p)
	if k.parties = slices.Delete(k.parties, i, i+1); len(k.parties) == 0 {
		delete(m.calls, p.call)
	}
}

// rename gives a party the ConnID of the call that its own was merged into.
func (m *callModel) rename(old, key partyKey) {
	p := m.parties[old]
	if p == nil || old == key {
		return
	}
	m.remove(p)
	if m.parties[key] == nil {
		p.partyKey = key
		m.put(p)
	}
}

// known returns the parties at a DN, in the order of their ConnIDs.
func (m *callModel) known(dn string) []*party {
	list := make([]*party, 0, len(m.at[dn]))
	for _, p := range m.at[dn] {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *party) int {
		if a.call < b.call {
			return -1
		}
		return 1
	})
	return list
}
