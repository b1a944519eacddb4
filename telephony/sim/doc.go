// Package sim is a simulated contact centre: a switch with its routing points, queues and
// telephones, agents, callers, the servers that programs connect to, and an Interaction Server. It
// speaks the messages of package telephony, in the order of the documented call models, and
// needs neither network nor time of its own: everything that takes time is
// driven by a [Clock], so that a test or an example runs a day of calls in a moment and
// always in the same way. Where chance is wanted, the caller brings a seeded generator.
//
//	clock := session.NewVirtualClock(start)
//	sw := sim.New(&sim.Options{Clock: clock})
//	err := sw.AddRoutePoint("5000", sim.RoutePoint{RingTimeout: 15 * time.Second})
//	err = sw.AddExtension("7001", sim.Extension{AgentID: "ann", AnswerAfter: 3 * time.Second})
//	link := sw.Connect()
//	…
//	id, err := sw.Call("5000", sim.Caller{ANI: "030", Patience: time.Minute})
//	clock.Advance(time.Hour)
//
// # Who takes part
//
// DNs are added with [Switch.AddRoutePoint], [Switch.AddExtension], [Switch.AddACDPosition],
// [Switch.AddACDQueue] and [Switch.AddVirtualQueue], numbers outside of the switch with [Switch.AddOutside].
//
// Agents are apart from DNs: [Switch.AddAgent], [Switch.Login], [Switch.Ready], [Switch.NotReady] and
// [Switch.Logout], or the requests of the same names. An [Agent] answers after a while, refuses, does not answer, hangs up, and has
// after-call work, as his [Handling] says or a function for each call ([Habits] draws it). At an extension
// without an agent sits somebody who does what [Extension] says; at an ACD position nobody.
//
// [Switch.Call] lets a [Caller] dial in, who has patience, keys digits when he is asked, and may
// call back after he has given up. [Switch.Generate] lets many of them come, as a [Load] says.
//
// # Links, servers and faults
//
// A Switch is a [telephony.Driver]: telephony.Open makes a Link of it, and [Switch.Connect] is that in short. Any number of links
// see the same calls. Clients talk to a [Server], of which a switch has one, or a primary and a
// backup ([Switch.AddBackup]). Things go wrong when they are told to, at once or by a timer of the clock:
//
//	Switch.SwitchOver        the backup takes over
//	Server.Stop, Start       a server goes down and comes up again
//	Server.Drop              connections break
//	Server.SetConnected      a server loses its switch: requests are refused, events are lost
//	Server.SetFate           messages are lost, come late, come twice, out of order ([Disturbances] by chance)
//
// # What happens to a call
//
//	caller dials a routing point   EventQueued, EventRouteRequest
//	RequestApplyTreatment          EventTreatmentApplied, after its duration EventTreatmentEnd
//	RequestRouteCall               EventRouteUsed, EventDiverted, EventRinging at the destination
//	the agent answers              EventEstablished
//	one of them hangs up           EventAgentAfterCallWork where there is such, EventReleased
//	nobody answers in time         EventReleased (NoAnswer); EventRouteRequest again, same ConnID
//	the agent refuses              EventReleased (Redirected); EventRouteRequest again, same ConnID
//	no instruction in time         EventRouteUsed without reference id, EventDiverted: default routing
//	the caller gives up            EventAbandoned
//	caller dials an ACD queue      EventQueued, EventDiverted, EventRinging at the position of the
//	                               agent who is ready for longest
//	RequestMakePredictiveCall      EventDialing; when it is answered EventQueued, EventRouteRequest
//
// And by call control at an extension:
//
//	RequestMakeCall                EventDialing, EventRinging at the destination, EventEstablished at both
//	RequestHoldCall, …Retrieve…    EventHeld, EventRetrieved
//	RequestInitiateTransfer, …Conference
//	                               EventHeld, EventDialing: a consult call, which has the first call's
//	                               ConnID as PreviousConnID and a copy of its user data
//	RequestCompleteTransfer        EventReleased (Transferred) on both calls, EventPartyChanged at the others,
//	                               a routing point where the consult call waits among them
//	RequestCompleteConference      EventReleased (Conferenced) on the consult call, EventRetrieved,
//	                               EventPartyAdded, EventPartyChanged at those of the consult call
//	RequestMuteTransfer            both at once
//	RequestReconnectCall           EventReleased of the consult call, EventRetrieved
//	RequestSingleStepTransfer      EventReleased (Transferred), EventRinging at the destination, same ConnID
//	RequestSingleStepConference    EventPartyAdded, EventRinging at the destination
//	RequestRedirectCall            EventReleased (Redirected), EventRinging at the destination
//	RequestDeleteFromConference    EventReleased of the one, EventPartyDeleted at the others
//	somebody leaves a conference   EventReleased, EventPartyDeleted at the others
//
// When two calls merge the one on hold survives (see Options.KeepConsultConnID), with its ConnID and its caller; user
// data of both are merged, its own count. EventPartyChanged tells those of the consult call, as
// PreviousConnID, which ConnID they had.
//
// An [InteractionServer] does the same for multimedia interactions: queues whose
// interactions are handed to strategies, agents who accept, reject or do nothing, transfers and conferences among
// them, workbins, messages. It is a telephony.Driver as well.
//
// Where the documentation leaves a choice to the switch, this one does the
// following: a treatment that is replaced, or ended by routing, sends no EventTreatmentEnd; a
// busy destination refuses RequestRouteCall with an EventError and the call stays where it
// is; after-call work begins before the call is told to be over, so that nobody takes the agent for free in between; the backup of
// a pair tells of all that happens and refuses requests that change something; error codes are the Code… constants of this package.
//
// # Concurrency and time
//
// All methods are safe for concurrent use. There is no goroutine and, while
// nothing is under way, no timer. What happens in the switch happens inside the call that
// causes it; the news of it, answers to requests included, are handed out by the clock, one
// at a time, in order, without a lock held and with no delay. With a clock that has
// to be advanced, so have they: telephony.Do waits for ever unless somebody else advances it, and
// a link is connected after the first Advance(0).
package sim
