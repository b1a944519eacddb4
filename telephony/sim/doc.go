// Package sim is a simulated switch: routing points, extensions with agents who
// answer or do not, and callers who arrive, listen and hang up. It speaks the
// messages of package telephony, in the order of the documented call models, and
// needs neither network nor time of its own: everything that takes time is
// driven by a [Clock], so that a test or an example runs a day of calls in a moment and
// always in the same way.
//
// A [Switch] has DNs, added with [Switch.AddRoutePoint] and
// [Switch.AddExtension]. [Switch.Connect] opens a [Link], the driver's side; any
// number of links see the same calls. [Switch.Call] lets a caller dial in.
//
// # What happens to a call
//
//	caller dials a routing point   EventQueued, EventRouteRequest
//	RequestApplyTreatment          EventTreatmentApplied, after its duration EventTreatmentEnd
//	RequestRouteCall               EventRouteUsed, EventDiverted, EventRinging at the destination
//	the agent answers              EventEstablished
//	one of them hangs up           EventReleased
//	nobody answers in time         EventReleased (NoAnswer); EventRouteRequest again, same ConnID
//	no instruction in time         EventRouteUsed without reference id, EventDiverted: default routing
//	the caller gives up            EventAbandoned
//
// And by call control at an extension:
//
//	RequestMakeCall                EventDialing, EventRinging at the destination, EventEstablished at both
//	RequestHoldCall, …Retrieve…    EventHeld, EventRetrieved
//	RequestInitiateTransfer, …Conference
//	                               EventHeld, EventDialing: a consult call, which has the first call's
//	                               ConnID as PreviousConnID and a copy of its user data
//	RequestCompleteTransfer        EventReleased (Transferred) on both calls, EventPartyChanged at the others
//	RequestCompleteConference      EventReleased (Conferenced) on the consult call, EventRetrieved,
//	                               EventPartyAdded, EventPartyChanged at those of the consult call
//	RequestSingleStepTransfer      EventReleased (Transferred), EventRinging at the destination, same ConnID
//	RequestSingleStepConference    EventPartyAdded, EventRinging at the destination
//	somebody leaves a conference   EventReleased, EventPartyDeleted at the others
//
// When two calls merge the one on hold survives (see Options.KeepConsultConnID), with its ConnID and its caller; user
// data of both are merged, its own count. EventPartyChanged tells those of the consult call, as
// PreviousConnID, which ConnID they had.
//
// An [InteractionServer] does the same for multimedia interactions: queues whose
// interactions are handed to strategies, agents who accept or do not, workbins, messages.
//
// Where the documentation leaves a choice to the switch, this one does the
// following: a treatment that is replaced, or ended by routing, sends no EventTreatmentEnd; a
// busy destination refuses RequestRouteCall with an EventError and the call stays where it
// is; error codes are the Code… constants of this package.
//
// # Concurrency and time
//
// All methods are safe for concurrent use. There is no goroutine and, while
// nothing is under way, no timer. What happens in the switch happens inside the call that
// causes it; the news of it, outcomes of requests included, are handed out by the clock, one
// at a time, in order, without a lock held and with no delay. With a clock that has
// to be advanced, so have they: telephony.Do waits for ever unless somebody else advances it.
package sim
