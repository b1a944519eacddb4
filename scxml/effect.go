package scxml

import (
	"time"

	"github.com/seed-ff723688/ors/datamodel"
)

// Event is an SCXML event.
type Event = datamodel.Event

// Effect is something that the outside has to do after a macrostep: a *Send,
// *Cancel, *Invoke, *CancelInvoke, *Forward or *ModuleCall. Effects are carried out in
// order.
type Effect interface{ effect() }

// Send asks for an event to be delivered, now or after a delay (section 6.2).
// Sends to the session's own internal queue never get here.
type Send struct {
	ID     string // the sendid; never empty, made up when the document gives none
	Type   string // the event I/O processor, "" for SCXML
	Target string // "" is the session itself
	Delay  time.Duration
	Event  *Event // SendID is empty unless the document names the send (section 5.10.1)
	// Content is set when the event carries <content>, Params when it carries
	// <param> or namelist, in the form that processors other than SCXML need.
	HasContent bool
	Params     []datamodel.Member // may repeat names

	Pos Position // of the element
}

// Cancel asks for a delayed send of this session to be dropped (section 6.3).
type Cancel struct {
	SendID string

	// Answer asks for an event that tells the outcome: cancel.successful when the
	// send was dropped, error.notallowed when there was none to drop, both with
	// the sendid. Set in the ORS dialect.
	Answer bool
}

// Invoke asks for an external service to be started (section 6.4).
type Invoke struct {
	ID          string            // the invokeid
	Serial      uint64            // tells invocations with the same ID apart; counted from 1 in each session
	Type        string            // "" is SCXML
	Src         string            // as written; relative to the document's URL
	Content     datamodel.Value   // of <content>: a string or datamodel.XML; nil without
	Params      *datamodel.Object // nil without
	Autoforward bool
	Pos         Position // of the element
}

// CancelInvoke asks for an invoked service to be ended.
type CancelInvoke struct {
	ID     string
	Serial uint64 // of the Invoke
}

// Forward passes an external event on to an invoked service (autoforward).
type Forward struct {
	InvokeID string
	Serial   uint64 // of the Invoke
	Event    *Event
}

// ModuleCall is the effect of a module's Action; the session hands it to the
// module's side that does I/O.
type ModuleCall struct {
	Namespace, Name string // of the element
	RequestID       string // unique in the session
	Args            *datamodel.Object
	Pos             Position // of the element
}

func (*Send) effect()         {}
func (*Cancel) effect()       {}
func (*Invoke) effect()       {}
func (*CancelInvoke) effect() {}
func (*Forward) effect()      {}
func (*ModuleCall) effect()   {}
