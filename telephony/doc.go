// Package telephony models what a routing engine and a switch say to each
// other: calls, requests and events with the meaning that Genesys documents
// for the T-Library, free of any transport.
//
// # The parts
//
//   - A [Link] is one connection to a switch. Drivers implement it; package sim
//     is the driver that needs no switch. [Link.Send] sends a [Request] and gets the
//     [Event] that confirms it ([Do] waits for it); [Link.Subscribe] hands over
//     what happens.
//   - A [Request] is one of the Request… types, an [Event] one of the Event…
//     types. Each validates its mandatory attributes and prints as one line.
//     Messages are values of plain data: once handed over they are not changed
//     any more, by either side.
//   - [CallAttributes] is what the events of a call have in common. A call is
//     known by its [ConnID].
//   - A [KVList] is the ordered list of keys and values that carries user data,
//     reasons, extensions and treatment parameters.
//
// # A routed call
//
//	EventQueued         the call has reached the routing point ThisDN
//	EventRouteRequest   the switch waits for an instruction
//	  RequestApplyTreatment → EventTreatmentApplied … EventTreatmentEnd
//	  RequestRouteCall      → EventRouteUsed
//	EventDiverted       the call has left the routing point
//	EventRinging        … at the destination
//	EventEstablished
//	EventReleased
//
// An EventRouteUsed without a reference id was not asked for: the switch lost
// patience and routed the call itself. EventAbandoned says that the caller hung
// up first. The order of events of different DNs is not promised.
//
// # What this package is not
//
// The binary protocols of T-Server and its relatives are not published. The
// names and meanings here are the documented ones; no type claims to know the
// bytes.
package telephony
